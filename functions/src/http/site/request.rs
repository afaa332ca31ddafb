//! Requests, as actions see them.

use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use http::header::{ALLOW, AUTHORIZATION, CONTENT_LENGTH, FORWARDED, HOST};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::json;

use crate::engine::{Engine, SiteRequest};
use crate::http::ApiError;
use crate::http::request::{client_info, request_id};
use crate::runtime::{ByteStream, HttpRequest, StreamError};

const METHODS: &str = "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS";
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// The request, or the response to one that no action can get. `gone` completes when the client is.
pub(super) async fn read(
    engine: &Arc<Engine>,
    request: Request,
    gone: BoxFuture<'static, ()>,
) -> Result<SiteRequest, Box<Response>> {
    let (parts, body) = request.into_parts();
    if !METHODS.split(", ").any(|method| method == parts.method.as_str()) {
        return Err(Box::new((StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, METHODS)]).into_response()));
    }
    let url = url(&parts, &engine.deployment().site_origin)
        .map_err(|message| Box::new(ApiError::bad_request("BadHeader", message).into_response()))?;
    let limit = engine.db().limits().http_action_request_size;
    if declared_length(&parts.headers).is_some_and(|length| length > limit as u64) {
        let body = json!({"code": "RequestTooLarge", "message": too_large(limit)});
        return Err(Box::new((StatusCode::PAYLOAD_TOO_LARGE, axum::Json(body)).into_response()));
    }
    let bodiless = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS) || body.is_end_stream();
    let http = HttpRequest {
        method: parts.method.to_string(),
        url,
        path: parts.uri.path().to_owned(),
        headers: parts.headers.iter().map(|(name, value)| (name.to_string(), latin1(value))).collect(),
        body: (!bodiless).then(|| limited(body, limit)),
        gone,
    };
    let request_id = request_id(engine.env(), &parts.headers);
    let header = parts.headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
    let identity = engine.authenticate_http_action(header).await;
    let identity = identity.map_err(|failure| ApiError(failure).into_response())?;
    let client = client_info(&parts, &identity);
    Ok(SiteRequest { http, identity, client, request_id })
}

/// The address as the client sees it: a proxy in front tells the scheme. `origin` is for clients that name no host.
fn url(parts: &Parts, origin: &str) -> Result<String, String> {
    let text = |name| parts.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let host = text(HOST.as_str()).or_else(|| parts.uri.authority().map(Authority::as_str));
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let Some(host) = host else { return Ok(format!("{origin}{path}")) };
    let host: Authority = host.parse().map_err(|_| format!("the header `host` is not valid: `{host}`"))?;
    // With several proxies the first element is of the outermost one.
    let scheme = text(FORWARDED_PROTO)
        .and_then(|list| list.split(',').next())
        .or_else(|| text(FORWARDED.as_str()).and_then(forwarded_proto))
        .map(|scheme| scheme.trim().to_ascii_lowercase());
    let scheme = scheme.filter(|scheme| scheme == "https").unwrap_or_else(|| "http".to_owned());
    Ok(format!("{scheme}://{host}{path}"))
}

/// `proto` of the first element of a `Forwarded` header.
fn forwarded_proto(list: &str) -> Option<&str> {
    let pairs = list.split(',').next()?.split(';').filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("proto"))?;
    Some(value.trim_matches('"'))
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The body, which fails when it has more than `limit` bytes.
fn limited(body: Body, limit: usize) -> ByteStream {
    let mut left = limit;
    let pieces = body.into_data_stream().map(move |piece| {
        let piece = piece.map_err(|error| StreamError(format!("The body of the request can't be read: {error}")))?;
        left = left.checked_sub(piece.len()).ok_or_else(|| StreamError(too_large(limit)))?;
        Ok(piece)
    });
    pieces.boxed()
}

fn too_large(limit: usize) -> String {
    format!("The body of the request is too large: more than {limit} bytes")
}

/// One character a byte.
fn latin1(value: &HeaderValue) -> String {
    value.as_bytes().iter().copied().map(char::from).collect()
}
