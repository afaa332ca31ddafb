//! `run_test_function`: a query that is sent as source, run once, and not kept.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use super::error::PushError;
use crate::auth::Identity;
use crate::engine::Engine;
use crate::model::Component;
use crate::runtime::{BuildError, Bundle, ModuleSource, Program};
use crate::udf::{Call, CallFailure, Caller, ComponentPath, FunctionPath, QueryResult, RequestId};

/// What test queries import from `convex:/_system/repl/wrappers.js`. How it is made is told in `repl/README.md`.
const WRAPPERS: &str = include_str!("repl/wrappers.js");
const WRAPPERS_PATH: &str = "_system/repl/wrappers.js";

/// The body.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunTestFunctionRequest {
    bundle: TestBundle,
    #[serde(default)]
    args: Option<Box<RawValue>>,
    #[serde(default)]
    component_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct TestBundle {
    path: String,
    source: Arc<str>,
}

/// Why a test query has no result.
#[derive(Debug, thiserror::Error)]
pub enum TestQueryError {
    #[error(transparent)]
    Push(#[from] PushError),
    #[error(transparent)]
    Call(#[from] CallFailure),
}

/// Evaluates the module, which can import nothing of the app, and runs its default export as a query. Answers the same
/// as `/api/function`, also when the module cannot be loaded or the query fails. `identity` must be an administrator's.
///
/// # Errors
/// A path that is not a module's; what keeps the server from running anything.
pub async fn run_test_function(
    engine: &Engine,
    identity: Identity,
    request: RunTestFunctionRequest,
) -> Result<Json, TestQueryError> {
    let model = engine.models().at(engine.db(), &engine.db().latest()).await.map_err(PushError::from)?;
    let component = match request.component_id.filter(|id| id != crate::system::ROOT_COMPONENT_ID) {
        None => model.component(&ComponentPath::root()).cloned(),
        Some(id) => {
            let of_id = |component: &&Arc<Component>| component.id.is_some_and(|of| of.to_string() == id);
            let found = model.components.values().find(of_id).cloned();
            Some(found.ok_or(PushError::NoSuchComponent { id })?)
        }
    };
    let component = component.ok_or_else(|| PushError::Internal { reason: "the app is not there".to_owned() })?;
    let path = FunctionPath::parse_in(component.path.clone(), &request.bundle.path).map_err(CallFailure::from)?;
    let request_id = RequestId::random(engine.env());
    let program = match build(engine, &component, &path, request.bundle.source).await? {
        Ok(program) => program,
        Err(message) => return Ok(failure(&format!("[Request ID: {request_id}] Server Error\n{message}"))),
    };
    let args = match request.args {
        Some(args) if args.get().starts_with('[') => args.get().to_owned(),
        Some(args) => format!("[{}]", args.get()),
        None => "[{}]".to_owned(),
    };
    let call = Call::new(path, args.into(), identity, Caller::Tester, request_id);
    let QueryResult { outcome, log_lines, .. } = engine.test_query(&call, program).await?;
    let mut body = match outcome {
        Ok(value) => json!({"status": "success", "value": parse(&value)}),
        Err(error) => {
            let mut body = failure(&error.message);
            if let Some(data) = &error.data {
                body["errorData"] = parse(data);
            }
            body
        }
    };
    body["logLines"] = json!(log_lines);
    Ok(body)
}

async fn build(
    engine: &Engine,
    component: &Component,
    path: &FunctionPath,
    source: Arc<str>,
) -> Result<Result<Arc<Program>, String>, PushError> {
    let module = |path: &str, source: Arc<str>| ModuleSource { path: path.to_owned(), source, source_map: None };
    let bundle = Bundle {
        modules: vec![module(&path.module, source), module(WRAPPERS_PATH, WRAPPERS.into())],
        entries: vec![path.module.to_string()],
        env: (*component.process_env).clone(),
        import_seed: engine.env().random_bytes(),
        import_now_ms: (engine.env().now_ns() / 1_000_000) as f64,
    };
    match engine.pool().build(bundle).await {
        Ok(program) => Ok(Ok(program)),
        Err(BuildError::Import(error)) => Ok(Err(error.message)),
        Err(BuildError::Internal(reason)) => Err(PushError::Internal { reason }),
    }
}

fn failure(message: &str) -> Json {
    json!({"status": "error", "errorMessage": message, "logLines": []})
}

/// Encoded JSON that a function gave.
fn parse(encoded: &str) -> Json {
    serde_json::from_str(encoded).unwrap_or_default()
}
