//! What the Node function asks for on behalf of the actions that run in it.
//!
//! A request is a line of JSON, and after it, for `call`, the arguments as they are. It goes out as bytes: a gateway that
//! puts bodies into JSON would make quotes in JSON in JSON three times as long. The answer is `{"ok": ...}`,
//! `{"error": {"message", "data"}}` for what the action may catch, or `{"fatal": {"message", "transient"}}` for what ends it. Blanks may come before it.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{ApiError, ApiState, heartbeat};
use crate::engine::{Engine, NodeOperation, Ticket, TicketError};
use crate::logs::AuditUsage;
use crate::runtime::SyscallError;

/// Bytes of a request besides arguments: the ticket has the claims of a user in it.
const AROUND_ARGUMENTS: usize = 256 << 10;

pub(super) fn routes() -> Router<ApiState> {
    Router::new().route("/api/lakewire/node/{what}", post(answer))
}

/// What every request shows.
#[derive(Deserialize)]
struct Shown {
    token: String,
    operation: u32,
}

#[derive(Deserialize)]
struct CallHead {
    op: String,
    /// The arguments were put where `upload` said.
    #[serde(default)]
    stored: bool,
    #[serde(default)]
    audited: AuditUsage,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoreHead {
    content_type: Option<String>,
    sha256: Option<String>,
}

#[derive(Deserialize)]
struct CommitHead {
    file: String,
    /// Of the bytes, in hex.
    sha256: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OpenHead {
    storage_id: String,
}

async fn answer(State(state): State<ApiState>, Path(what): Path<String>, body: Body) -> Result<Response, ApiError> {
    let engine = &state.engine;
    let limit = engine.db().limits().arguments_size + AROUND_ARGUMENTS;
    let body = to_bytes(body, limit).await.map_err(|error| bad(format!("cannot read the body: {error}")))?;
    let text = std::str::from_utf8(&body).map_err(|_| bad("the body is not UTF-8"))?;
    let (head, args) = text.split_once('\n').unwrap_or((text, ""));
    let Shown { token, operation } = parse(head)?;
    let refused = |error: TicketError| ApiError::bad_request("InvalidNodeToken", error.to_string());
    let ticket: Ticket = engine.open_ticket(&token).map_err(refused)?;
    // What the action has done before may have been done by another worker.
    engine.refresh().await?;
    let answer = match what.as_str() {
        "call" => {
            let CallHead { op, stored, audited } = parse(head)?;
            let args = (!stored).then(|| args.to_owned());
            let call = NodeOperation { ticket, number: operation, op, args, audited };
            return Ok(call_answer(engine.clone(), call));
        }
        "upload" => engine.node_upload(&ticket, operation).await,
        "store" => {
            let StoreHead { content_type, sha256 } = parse(head)?;
            engine.node_store(&ticket, operation, content_type, sha256.as_deref()).await
        }
        "commit" => {
            let CommitHead { file, sha256 } = parse(head)?;
            let mut digest = [0; 32];
            hex::decode_to_slice(&sha256, &mut digest).map_err(|error| bad(format!("`sha256`: {error}")))?;
            engine.node_commit(&ticket, operation, &file, digest).await
        }
        "open" => {
            let OpenHead { storage_id } = parse(head)?;
            engine.node_open(&ticket, &storage_id).await
        }
        other => return Err(bad(format!("there is no operation `{other}`"))),
    };
    Ok(Json(reply(answer)).into_response())
}

/// The answer of a syscall. One that calls an action can be long in coming.
fn call_answer(engine: Arc<Engine>, call: NodeOperation) -> Response {
    let env = engine.env().clone();
    let text = async move {
        let (answer, audited) = engine.node_call(call).await;
        let mut reply = reply(answer);
        reply["audited"] = json!(audited);
        reply.to_string()
    };
    let body = Body::from_stream(heartbeat::until(env, text));
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

fn parse<T: DeserializeOwned>(head: &str) -> Result<T, ApiError> {
    serde_json::from_str(head).map_err(|error| bad(format!("the first line is not valid: {error}")))
}

fn reply(answer: Result<Value, SyscallError>) -> Value {
    match answer {
        Ok(value) => json!({"ok": value}),
        Err(SyscallError { fatal: true, message, transient, .. }) => {
            json!({"fatal": {"message": message, "transient": transient}})
        }
        Err(SyscallError { message, data, .. }) => json!({"error": {"message": message, "data": data}}),
    }
}

fn bad(message: impl Into<String>) -> ApiError {
    ApiError::bad_request("BadNodeRequest", message)
}
