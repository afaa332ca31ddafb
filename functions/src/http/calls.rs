//! Endpoints that call functions.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::CONTENT_TYPE;
use lakewire_storage::database::Snapshot;
use lakewire_storage::log::Timestamp;
use lakewire_storage::value::write_json_string;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::format::Format;
use super::request::{Caller, JsonBody};
use super::{ApiError, ApiState};
use crate::udf::check::positional;
use crate::udf::{self, Call, CallFailure, ComponentPath, FunctionOutcome, FunctionPath};

pub(super) fn routes() -> Router<ApiState> {
    Router::new()
        .route("/api/query", get(get_query).post(query))
        .route("/api/query_ts", post(query_ts))
        .route("/api/query_at_ts", post(query_at_ts))
        .route("/api/query_batch", post(query_batch))
        .route("/api/mutation", post(mutation))
        .route("/api/action", post(action))
        .route("/api/function", post(function))
        .route("/api/run/{*path}", post(run))
}

/// `{path, args, format?}`: the body of most endpoints.
#[derive(Deserialize)]
struct CallBody {
    path: String,
    args: Box<RawValue>,
    #[serde(default)]
    format: Option<String>,
}

/// A call and how to write its result.
struct FunctionRequest {
    call: Call,
    format: Format,
}

impl FunctionRequest {
    fn new(caller: Caller, path: FunctionPath, args: &str, format: Option<&str>) -> Result<Self, ApiError> {
        let format = Format::of_request(format, caller.version.as_ref())?;
        let Caller { identity, request_id, client, .. } = caller;
        let call = Call::new(path, positional(args).into(), identity, udf::Caller::HttpApi, request_id);
        Ok(Self { call: Call { client, ..call }, format })
    }

    fn of_body(caller: Caller, body: &CallBody) -> Result<Self, ApiError> {
        Self::new(caller, FunctionPath::parse(&body.path)?, body.args.get(), body.format.as_deref())
    }
}

async fn query(State(state): State<ApiState>, caller: Caller, body: JsonBody<CallBody>) -> Result<Response, ApiError> {
    run_query(&state, FunctionRequest::of_body(caller, &body.0)?, None).await
}

#[derive(Deserialize)]
struct QueryParameters {
    path: String,
    #[serde(default)]
    args: Option<String>,
    #[serde(default)]
    format: Option<String>,
}

async fn get_query(
    State(state): State<ApiState>,
    caller: Caller,
    parameters: Result<Query<QueryParameters>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(parameters) = parameters.map_err(|error| ApiError::bad_request("BadQueryArgs", error.body_text()))?;
    let args = parameters.args.as_deref().unwrap_or("{}");
    serde_json::from_str::<&RawValue>(args)
        .map_err(|error| ApiError::bad_request("BadQueryArgs", format!("`args` is not JSON: {error}")))?;
    let path = FunctionPath::parse(&parameters.path)?;
    run_query(&state, FunctionRequest::new(caller, path, args, parameters.format.as_deref())?, None).await
}

async fn query_ts(State(state): State<ApiState>) -> Result<Response, ApiError> {
    state.refresh().await?;
    let ts = STANDARD.encode(state.engine.db().latest().ts().to_le_bytes());
    Ok(axum::Json(serde_json::json!({"ts": ts})).into_response())
}

#[derive(Deserialize)]
struct QueryAtBody {
    path: String,
    args: Box<RawValue>,
    #[serde(default)]
    format: Option<String>,
    ts: String,
}

async fn query_at_ts(
    State(state): State<ApiState>,
    caller: Caller,
    body: JsonBody<QueryAtBody>,
) -> Result<Response, ApiError> {
    let QueryAtBody { path, args, format, ts } = body.0;
    let ts = decode_ts(&ts)?;
    if ts > state.engine.db().latest().ts() {
        // Another process may have answered with it.
        state.refresh().await?;
    }
    let at = state.engine.db().snapshot_at(ts).await.map_err(CallFailure::from)?;
    let request = FunctionRequest::new(caller, FunctionPath::parse(&path)?, args.get(), format.as_deref())?;
    run_query(&state, request, Some(at)).await
}

#[derive(Deserialize)]
struct BatchBody {
    queries: Vec<CallBody>,
}

async fn query_batch(
    State(state): State<ApiState>,
    caller: Caller,
    body: JsonBody<BatchBody>,
) -> Result<Response, ApiError> {
    state.refresh().await?;
    let at = state.engine.db().latest();
    let requests: Vec<_> =
        body.0.queries.iter().map(|call| FunctionRequest::of_body(caller.clone(), call)).collect::<Result<_, _>>()?;
    let runs = requests.iter().map(|request| state.queries.query(&request.call, Some(at.clone())));
    let results = futures::future::try_join_all(runs).await?;
    let mut text = String::from(r#"{"results":["#);
    for (n, (request, result)) in requests.iter().zip(results).enumerate() {
        if n > 0 {
            text.push(',');
        }
        state.engine.emit_audit(&request.call, &result.audit);
        write_result(&result.outcome, &result.log_lines, request.format, &mut text)?;
    }
    text.push_str("]}");
    Ok(json(text))
}

async fn mutation(
    State(state): State<ApiState>,
    caller: Caller,
    body: JsonBody<CallBody>,
) -> Result<Response, ApiError> {
    let FunctionRequest { call, format } = FunctionRequest::of_body(caller, &body.0)?;
    let engine = state.engine.clone();
    let result = to_completion(&state, "mutation", async move { engine.mutation(&call, None).await }).await?;
    respond(&result.outcome, &result.log_lines, format)
}

async fn action(State(state): State<ApiState>, caller: Caller, body: JsonBody<CallBody>) -> Result<Response, ApiError> {
    let FunctionRequest { call, format } = FunctionRequest::of_body(caller, &body.0)?;
    let engine = state.engine.clone();
    let result = to_completion(&state, "action", async move { engine.action(&call).await }).await?;
    respond(&result.outcome, &result.log_lines, format)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionBody {
    #[serde(default)]
    component_path: Option<String>,
    path: String,
    args: Box<RawValue>,
    #[serde(default)]
    format: Option<String>,
}

/// Any function, whatever its kind and visibility: for admins.
async fn function(
    State(state): State<ApiState>,
    caller: Caller,
    body: JsonBody<FunctionBody>,
) -> Result<Response, ApiError> {
    state.engine.authenticator().require_admin(&caller.identity)?;
    let FunctionBody { component_path, path, args, format } = body.0;
    let component = ComponentPath::parse(component_path.as_deref().unwrap_or_default())?;
    let path = FunctionPath::parse_in(component, &path)?;
    run_any(&state, FunctionRequest::new(caller, path, args.get(), format.as_deref())?).await
}

#[derive(Deserialize)]
struct RunBody {
    args: Box<RawValue>,
    #[serde(default)]
    format: Option<String>,
}

/// `/api/run/a/b/f` runs `a/b:f`. Plain JSON whatever the client, since this is for scripts.
async fn run(
    State(state): State<ApiState>,
    caller: Caller,
    Path(path): Path<String>,
    body: JsonBody<RunBody>,
) -> Result<Response, ApiError> {
    let Some((module, function)) = path.rsplit_once('/').filter(|(module, _)| !module.is_empty()) else {
        let message = "the path must name a module and a function: `/api/run/<module>/<function>`";
        return Err(ApiError::bad_request("MissingIdentifier", message));
    };
    let path = FunctionPath::parse(&format!("{module}:{function}"))?;
    let format = body.0.format.as_deref().unwrap_or("json");
    run_any(&state, FunctionRequest::new(caller, path, body.0.args.get(), Some(format))?).await
}

async fn run_query(state: &ApiState, request: FunctionRequest, at: Option<Snapshot>) -> Result<Response, ApiError> {
    if at.is_none() {
        state.refresh().await?;
    }
    let result = state.queries.query(&request.call, at).await?;
    state.engine.emit_audit(&request.call, &result.audit);
    respond(&result.outcome, &result.log_lines, request.format)
}

async fn run_any(state: &ApiState, request: FunctionRequest) -> Result<Response, ApiError> {
    let FunctionRequest { call, format } = request;
    let engine = state.engine.clone();
    let result = to_completion(state, "function", async move { engine.call_any(&call).await }).await?;
    respond(&result.outcome, &result.log_lines, format)
}

/// Runs what has effects to its end, even if the client goes away meanwhile.
async fn to_completion<T: Send + 'static>(
    state: &ApiState,
    name: &'static str,
    work: impl Future<Output = Result<T, CallFailure>> + Send + 'static,
) -> Result<T, CallFailure> {
    let (done, result) = tokio::sync::oneshot::channel();
    state.engine.env().spawn(name, async move {
        // Nobody waits for the result of a client that went away.
        let _ = done.send(work.await);
    });
    result.await.unwrap_or_else(|_| Err(CallFailure::Internal(format!("the task of a {name} ended early"))))
}

fn respond(outcome: &FunctionOutcome, log_lines: &Arc<[String]>, format: Format) -> Result<Response, ApiError> {
    let mut text = String::new();
    write_result(outcome, log_lines, format, &mut text)?;
    Ok(json(text))
}

fn json(text: String) -> Response {
    ([(CONTENT_TYPE, "application/json")], text).into_response()
}

/// Writes `{status, value | errorMessage, errorData?, logLines?}`.
fn write_result(
    outcome: &FunctionOutcome,
    log_lines: &[String],
    format: Format,
    out: &mut String,
) -> Result<(), CallFailure> {
    match outcome {
        Ok(value) => {
            out.reserve(value.len() + 64);
            out.push_str(r#"{"status":"success","value":"#);
            format.write(value, out)?;
        }
        Err(error) => {
            out.push_str(r#"{"status":"error","errorMessage":"#);
            write_json_string(out, &error.message);
            // Its presence, even as null, makes the error a `ConvexError` at the client.
            if let Some(data) = &error.data {
                out.push_str(r#","errorData":"#);
                format.write(data, out)?;
            }
        }
    }
    for (n, line) in log_lines.iter().enumerate() {
        out.push_str(if n == 0 { r#","logLines":["# } else { "," });
        write_json_string(out, line);
    }
    if !log_lines.is_empty() {
        out.push(']');
    }
    out.push('}');
    Ok(())
}

/// A timestamp: eight bytes, little-endian, in base64.
fn decode_ts(text: &str) -> Result<Timestamp, ApiError> {
    let invalid = || ApiError::bad_request("BadQueryArgs", format!("`{text}` is not a timestamp"));
    let bytes = STANDARD.decode(text).map_err(|_| invalid())?;
    bytes.try_into().map(Timestamp::from_le_bytes).map_err(|_| invalid())
}

#[cfg(test)]
#[path = "calls_tests.rs"]
mod tests;
