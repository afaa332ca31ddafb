//! Requests that API Gateway (HTTP API, payload 2.0) passes on.

use std::sync::Arc;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use axum::Router;
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use http::StatusCode;
use tower::ServiceExt as _;

use super::event::{answer_of, request_of};
use super::{LargeAnswers, Notices};
use crate::engine::Engine;
use crate::http::{self as api, ApiError};

/// Bytes of a body that fit into an answer of Lambda, which has 6 MB, together with what JSON and base64 add.
const MOST_BYTES: usize = 4 << 20;

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
        let api = api::router_of_refreshed(engine.clone());
        let site = api::site_router(engine.clone());
        Self { engine, api, site, site_api, large, notices }
    }

    /// Answers one request.
    pub async fn answer(&self, event: ApiGatewayV2httpRequest) -> ApiGatewayV2httpResponse {
        let response = self.route(event).await.unwrap_or_else(|error| error.into_response());
        let answer = self.whole(response).await;
        // Before the answer: after it, the process stands still.
        self.notices.send(self.engine.db()).await;
        answer
    }

    async fn route(&self, event: ApiGatewayV2httpRequest) -> Result<Response, ApiError> {
        let is_site = self.site_api.is_some() && event.request_context.apiid == self.site_api;
        let router = if is_site { &self.site } else { &self.api };
        let request = request_of(event).map_err(|error| ApiError::bad_request("BadRequest", error.to_string()))?;
        // What a mutation writes is compared with the log when it is appended, and if it writes nothing, it is refreshed then.
        let is_compared = !is_site && request.uri().path() == "/api/mutation";
        if !is_compared || !self.engine.db().is_likely_fresh() {
            self.engine.refresh().await?;
        }
        let answered = router.clone().oneshot(request).await;
        Ok(answered.unwrap_or_else(|never| match never {}))
    }

    /// The response as Lambda takes it: whole, and small enough.
    async fn whole(&self, response: Response) -> ApiGatewayV2httpResponse {
        let (parts, body) = response.into_parts();
        let mut stream = body.into_data_stream();
        let mut bytes = Vec::new();
        while let Some(piece) = stream.next().await {
            match piece {
                Ok(piece) => bytes.extend_from_slice(&piece),
                Err(error) => {
                    tracing::warn!(%error, "a response ended early");
                    return refused(StatusCode::BAD_GATEWAY, "ResponseInterrupted", "the response ended early");
                }
            }
            if bytes.len() > MOST_BYTES {
                return self.large(parts, bytes, stream).await;
            }
        }
        answer_of(parts, bytes)
    }

    async fn large(
        &self,
        parts: http::response::Parts,
        begun: Vec<u8>,
        rest: axum::body::BodyDataStream,
    ) -> ApiGatewayV2httpResponse {
        let Some(large) = &self.large else {
            let message = format!("the response has more than {MOST_BYTES} bytes, and there is no bucket for it");
            return refused(StatusCode::INTERNAL_SERVER_ERROR, "ResponseTooLarge", &message);
        };
        match large.answer(parts, begun, rest).await {
            Ok(parts) => answer_of(parts, Vec::new()),
            Err(error) => {
                tracing::error!(%error, "cannot put a large response into the bucket");
                let message = "the response is too large to be sent directly, and the bucket does not take it";
                refused(StatusCode::SERVICE_UNAVAILABLE, "ResponseTooLarge", message)
            }
        }
    }
}

fn refused(status: StatusCode, code: &str, message: &str) -> ApiGatewayV2httpResponse {
    let body = serde_json::json!({ "code": code, "message": message });
    let (parts, ()) =
        (status, [(http::header::CONTENT_TYPE, "application/json")], ()).into_response().map(drop).into_parts();
    answer_of(parts, body.to_string().into_bytes())
}
