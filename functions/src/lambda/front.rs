//! Requests that API Gateway (HTTP API, payload 2.0) passes on.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse as _;
use futures::StreamExt as _;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use lambda_http::RequestExt as _;
use lambda_http::request::RequestContext;
use tower::ServiceExt as _;

use super::{LargeAnswers, Notices};
use crate::engine::Engine;
use crate::http::{self as api, ApiError};

/// Bytes of a body that fit into an answer of Lambda, which has 6 MB, together with what JSON and base64 add.
pub(super) const MOST_BYTES: usize = 4 << 20;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The HTTP API and the HTTP actions of a deployment.
pub struct Front {
    engine: Arc<Engine>,
    api: Router,
    site: Router,
    /// The id of the API whose requests are for HTTP actions.
    site_api: Option<String>,
    large: Option<LargeAnswers>,
    notices: Notices,
}

impl Front {
    /// Answers for `engine`. Requests of the API with the id `site_api` are for HTTP actions, all others for the HTTP API.
    pub fn new(engine: Arc<Engine>, site_api: Option<String>, large: Option<LargeAnswers>, notices: Notices) -> Self {
        let api = api::router(engine.clone(), engine.clone(), Router::new());
        let site = api::site_router(engine.clone());
        Self { engine, api, site, site_api, large, notices }
    }

    /// Answers one request.
    ///
    /// # Errors
    /// None: what fails is a response.
    pub async fn answer(&self, request: lambda_http::Request) -> Result<Response<lambda_http::Body>, Infallible> {
        let response = match self.route(request).await {
            Ok(response) => response,
            Err(error) => error.into_response(),
        };
        let answer = self.answer_of(response).await;
        // Before the answer: after it, the process stands still.
        self.notices.send(self.engine.db()).await;
        Ok(answer)
    }

    async fn route(&self, mut request: lambda_http::Request) -> Result<axum::response::Response, ApiError> {
        self.engine.db().begin_turn();
        self.engine.refresh().await?;
        let is_site = match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => {
                let source = context.http.source_ip.as_deref().and_then(|ip| HeaderValue::from_str(ip).ok());
                let is_site = context.apiid.is_some() && context.apiid == self.site_api;
                if let (Some(source), false) = (source, request.headers().contains_key(FORWARDED_FOR)) {
                    request.headers_mut().insert(FORWARDED_FOR, source);
                }
                is_site
            }
            _ => false,
        };
        let router = if is_site { &self.site } else { &self.api };
        let (parts, body) = request.into_parts();
        let body = match body {
            lambda_http::Body::Text(text) => Body::from(text),
            lambda_http::Body::Binary(bytes) => Body::from(bytes),
            _ => Body::empty(),
        };
        let answered = router.clone().oneshot(Request::from_parts(parts, body)).await;
        Ok(answered.unwrap_or_else(|never| match never {}))
    }

    /// The response as Lambda takes it: whole, and small enough.
    async fn answer_of(&self, response: axum::response::Response) -> Response<lambda_http::Body> {
        let (parts, body) = response.into_parts();
        let mut stream = body.into_data_stream();
        let mut bytes = Vec::new();
        while let Some(piece) = stream.next().await {
            match piece {
                Ok(piece) => bytes.extend_from_slice(&piece),
                Err(error) => {
                    tracing::warn!(%error, "a response ended early");
                    return refused(502, "ResponseInterrupted", "the response ended early");
                }
            }
            if bytes.len() > MOST_BYTES {
                let Some(large) = &self.large else {
                    let message = format!("the response has more than {MOST_BYTES} bytes, and there is no bucket for it");
                    return refused(500, "ResponseTooLarge", &message);
                };
                let begun = std::mem::take(&mut bytes);
                return large.answer(parts, begun, stream).await.unwrap_or_else(|error| {
                    tracing::error!(%error, "cannot put a large response into the bucket");
                    refused(503, "ResponseTooLarge", "the response is too large to be sent directly, and the bucket does not take it")
                });
            }
        }
        let mut parts = parts;
        // API Gateway counts itself.
        parts.headers.remove(CONTENT_LENGTH);
        let body = body_of(bytes, &parts.headers);
        Response::from_parts(parts, body)
    }
}

/// As text if it is one: that is a third smaller than in base64.
fn body_of(bytes: Vec<u8>, headers: &HeaderMap) -> lambda_http::Body {
    if bytes.is_empty() {
        return lambda_http::Body::Empty;
    }
    let is_plain = headers.get(http::header::CONTENT_ENCODING).is_none();
    match String::from_utf8(bytes) {
        Ok(text) if is_plain => lambda_http::Body::Text(text),
        Ok(text) => lambda_http::Body::Binary(text.into_bytes()),
        Err(error) => lambda_http::Body::Binary(error.into_bytes()),
    }
}

fn refused(status: u16, code: &str, message: &str) -> Response<lambda_http::Body> {
    let body = serde_json::json!({ "code": code, "message": message }).to_string();
    let mut response = Response::new(lambda_http::Body::Text(body));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
