//! Responses of actions, and what is answered when there is none.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::channel::mpsc;
use futures::{Stream, StreamExt as _, ready};
use http::header::{CONNECTION, CONTENT_LENGTH, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderName, StatusCode};
use serde_json::{Map, Value as Json};

use super::presence::Presence;
use crate::engine::SiteResponse;
use crate::runtime::StreamError;
use crate::udf::{Failure, FunctionErrorKind, RequestId};

/// Headers about one connection: an app that passes on what it fetched must not decide about this one.
const OF_CONNECTION: [HeaderName; 6] =
    [CONNECTION, HeaderName::from_static("keep-alive"), TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

pub(super) fn not_found(text: &'static str) -> Response {
    (StatusCode::NOT_FOUND, text).into_response()
}

/// What the action answered.
pub(super) fn of_action(answer: SiteResponse, is_head: bool, presence: Presence) -> Response {
    let SiteResponse { status, mut headers, body } = answer;
    for name in OF_CONNECTION {
        headers.remove(name);
    }
    let length = headers.get(CONTENT_LENGTH).map(|length| length.to_str().ok().and_then(|text| text.parse().ok()));
    if length == Some(None) {
        headers.remove(CONTENT_LENGTH);
    }
    let left: Option<u64> = length.flatten();
    let has_body =
        !is_head && !matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED);
    let mut response = match body.filter(|_| has_body && left != Some(0)) {
        Some(pieces) => Response::new(Body::from_stream(ClientBody { pieces, left, presence: Some(presence) })),
        None => {
            presence.served();
            if !is_head && status != StatusCode::NOT_MODIFIED {
                headers.remove(CONTENT_LENGTH);
            }
            Response::new(Body::empty())
        }
    };
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// The body on its way to the client.
struct ClientBody {
    pieces: mpsc::Receiver<Result<Bytes, StreamError>>,
    /// Bytes to come, if the action told; HTTP asks for no more than these.
    left: Option<u64>,
    presence: Option<Presence>,
}

impl Stream for ClientBody {
    type Item = Result<Bytes, StreamError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let piece = ready!(self.pieces.poll_next_unpin(context));
        if let (Some(left), Some(Ok(bytes))) = (&mut self.left, &piece) {
            *left = left.saturating_sub(bytes.len() as u64);
        }
        let is_last = self.left == Some(0) || !matches!(piece, Some(Ok(_)));
        if is_last && let Some(presence) = self.presence.take() {
            presence.served();
        }
        Poll::Ready(piece)
    }
}

/// `{code, trace?, data?}`: how an action ended that has no response.
pub(super) fn of_failure(failure: &Failure, request_id: &RequestId, redact: bool) -> Response {
    let status = match failure.kind {
        FunctionErrorKind::NotRunning => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let mut code = format!("[Request ID: {request_id}] Server Error");
    let mut body = Map::new();
    if !redact {
        let trace = failure.message.trim_end_matches('\n');
        let message = trace.split_once("\n    at ").map_or(trace, |(message, _)| message);
        code = format!("{code}: {message}");
        body.insert("trace".to_owned(), trace.into());
    }
    body.insert("code".to_owned(), code.into());
    if let Some(data) = failure.data.as_deref().and_then(|data| serde_json::from_str::<Json>(data).ok()) {
        body.insert("data".to_owned(), data);
    }
    (status, axum::Json(body)).into_response()
}
