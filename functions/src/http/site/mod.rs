//! The origin of HTTP actions: every request goes to the app, and what it answers is the response.

mod presence;
mod request;
mod response;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::routing::any;
use futures::channel::oneshot;
use http::Method;
use http::uri::PathAndQuery;

use crate::engine::{Engine, SiteAnswer};
use crate::udf::CallFailure;

/// The path below which the API's origin has the site, too.
const API_PREFIX: &str = "/http";

/// The port of HTTP actions. Has no CORS headers: they are for an app's own handlers to send.
pub fn site_router(engine: Arc<Engine>) -> Router {
    Router::new().fallback(serve).with_state(engine)
}

/// The same actions on the API's port, as free of what the API does to its responses.
pub(super) fn routes(engine: Arc<Engine>) -> Router {
    Router::new()
        .route("/http", any(serve_below_prefix))
        .route("/http/", any(serve_below_prefix))
        .route("/http/{*path}", any(serve_below_prefix))
        .with_state(engine)
}

async fn serve_below_prefix(engine: State<Arc<Engine>>, mut request: Request) -> axum::response::Response {
    let text = request.uri().path_and_query().map_or("", PathAndQuery::as_str);
    let rest = text.strip_prefix(API_PREFIX).unwrap_or(text);
    let rest = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = rest.try_into().ok();
    if let Ok(uri) = http::Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    serve(engine, request).await
}

async fn serve(State(engine): State<Arc<Engine>>, request: Request) -> axum::response::Response {
    let is_head = request.method() == Method::HEAD;
    let (presence, gone) = presence::pair();
    let request = match request::read(&engine, request, gone).await {
        Ok(request) => request,
        Err(refused) => return *refused,
    };
    let request_id = request.request_id.clone();
    let (sender, answer) = oneshot::channel();
    // The action goes on to its end, even if the client goes away meanwhile.
    let task = engine.clone();
    engine.env().spawn("http action", async move { task.http_action(request, sender).await });
    let answer = answer.await;
    let answer =
        answer.unwrap_or_else(|_| Err(CallFailure::Internal("the task of an HTTP action ended early".to_owned())));
    match answer {
        Ok(SiteAnswer::Response(answer)) => response::of_action(answer, is_head, presence),
        Ok(SiteAnswer::NoRoutes) => response::not_found("This deployment does not have HTTP actions enabled."),
        Ok(SiteAnswer::NotFound) => response::not_found("No matching routes found"),
        Ok(SiteAnswer::Failed(failure)) => {
            response::of_failure(&failure, &request_id, engine.deployment().redact_errors)
        }
        Err(failure) => axum::response::IntoResponse::into_response(super::ApiError(failure)),
    }
}
