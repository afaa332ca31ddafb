//! The handshake.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{
    CONNECTION, CONTENT_TYPE, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use hyper_util::rt::TokioIo;
use lakewire_functions::http::client_ip;
use lakewire_functions::udf::ClientInfo;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::Socket;
use crate::protocol::{ClientVersion, VersionError};
use crate::relay::Shared;
use crate::session::{Peer, Session};

/// How clients name themselves; wins over the address.
const CONVEX_CLIENT: HeaderName = HeaderName::from_static("convex-client");

/// The routes of the sync protocol.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/api/sync", get(|State(shared), request: Request| async move { accept(shared, None, request) }))
        .route(
            "/api/{version}/sync",
            get(|State(shared), Path(version): Path<String>, request: Request| async move {
                accept(shared, Some(&version), request)
            }),
        )
        .with_state(shared)
}

/// Answers a handshake; the session begins when the answer has gone out.
fn accept(shared: Arc<Shared>, version: Option<&str>, mut request: Request) -> Response {
    let peer = match peer(version, &request) {
        Ok(peer) => peer,
        Err(error) => return refusal(&error),
    };
    let Some(accept_key) = accept_key(request.headers()) else {
        return error_body(StatusCode::BAD_REQUEST, "WebSocketUpgradeExpected", "this address speaks WebSocket only");
    };
    if shared.drain.has_begun() {
        let message = "this relay is about to end: the next connection leads to another one, or to the one after it";
        return error_body(StatusCode::SERVICE_UNAVAILABLE, "GoingAway", message);
    }
    let upgrade = hyper::upgrade::on(&mut request);
    let env = shared.env.clone();
    let serve = async move {
        match upgrade.await {
            Ok(upgraded) => {
                let socket = Socket::new(TokioIo::new(upgraded)).await;
                Session::new(shared, peer).serve(socket).await;
            }
            Err(error) => tracing::debug!(%error, "connection lost in the handshake"),
        }
    };
    env.spawner.spawn("session", Box::pin(serve));
    let headers = [
        (CONNECTION, HeaderValue::from_static("Upgrade")),
        (UPGRADE, HeaderValue::from_static("websocket")),
        (SEC_WEBSOCKET_ACCEPT, accept_key),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers, Body::empty()).into_response()
}

/// The key that accepts a WebSocket handshake; `None` if the request is not one.
fn accept_key(headers: &HeaderMap) -> Option<HeaderValue> {
    let lists = |name: HeaderName, token: &str| {
        let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
    };
    let is_handshake =
        lists(CONNECTION, "upgrade") && lists(UPGRADE, "websocket") && lists(SEC_WEBSOCKET_VERSION, "13");
    let key = headers.get(SEC_WEBSOCKET_KEY).filter(|_| is_handshake)?;
    HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok()
}

/// What the handshake tells about the client.
fn peer(version: Option<&str>, request: &Request) -> Result<Peer, VersionError> {
    let headers = request.headers();
    let text = |name| headers.get(name).map(|value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()));
    let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    peer_of(text(CONVEX_CLIENT).as_deref(), version, client_ip(headers, request.extensions()), user_agent)
}

/// The client that names itself as `named` in the header `Convex-Client`, or has connected to the address of `version`.
///
/// # Errors
/// If it is too old, or its name or version is none.
pub(crate) fn peer_of(
    named: Option<&str>,
    version: Option<&str>,
    ip: Option<Arc<str>>,
    user_agent: Option<&str>,
) -> Result<Peer, VersionError> {
    let client = match (named, version) {
        (Some(named), _) => Some(ClientVersion::from_header(named)?),
        (None, Some(version)) => Some(ClientVersion::from_path(version)?),
        (None, None) => None,
    };
    let takes_chunks = client.is_some_and(|client| client.takes_chunks());
    Ok(Peer { takes_chunks, info: ClientInfo { ip, user_agent: user_agent.map(Arc::from), ..ClientInfo::default() } })
}

fn refusal(error: &VersionError) -> Response {
    let message = error.to_string();
    let mut response = error_body(StatusCode::BAD_REQUEST, error.code(), &message);
    if let VersionError::Unsupported(_) = error {
        let headers = response.headers_mut();
        headers.insert("x-convex-deprecation-state", HeaderValue::from_static("UpgradeRequired"));
        if let Ok(message) = HeaderValue::from_str(&message) {
            headers.insert("x-convex-deprecation-message", message);
        }
    }
    response
}

fn error_body(status: StatusCode, code: &str, message: &str) -> Response {
    let body = serde_json::json!({ "code": code, "message": message }).to_string();
    (status, [(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}
