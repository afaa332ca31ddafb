//! Between the events of API Gateway and HTTP.
//!
//! What an event (payload 2.0) does to a request: the path is decoded, cookies are apart, headers of one name are joined by
//! commas, and a body that is no text is in base64.

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::encodings::Body as EventBody;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, COOKIE, SET_COOKIE};
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// What a path of a URL has only encoded. The percent sign is among it: what is decoded has none of an encoding left.
const PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'<').add(b'>').add(b'?').add(b'`').add(b'{').add(b'}');

/// An event that is no request.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Path and query make no URL.
    #[error("the path is not valid: {0}")]
    Path(#[from] http::uri::InvalidUri),
    /// The body is said to be in base64, and is not.
    #[error("the body is not base64: {0}")]
    Body(#[from] base64::DecodeError),
}

/// The request behind an event.
///
/// # Errors
/// [`EventError`].
pub fn request_of(event: ApiGatewayV2httpRequest) -> Result<Request<Body>, EventError> {
    let mut target = utf8_percent_encode(event.raw_path.as_deref().unwrap_or("/"), PATH).to_string();
    if let Some(query) = event.raw_query_string.filter(|query| !query.is_empty()) {
        target.push('?');
        target.push_str(&query);
    }
    let body = event.body.unwrap_or_default();
    let body = if event.is_base64_encoded { Body::from(STANDARD.decode(body)?) } else { Body::from(body) };
    let mut request = Request::new(body);
    *request.method_mut() = event.request_context.http.method;
    *request.uri_mut() = target.parse()?;
    let mut headers = event.headers;
    if let Some(cookies) = event.cookies.and_then(|cookies| HeaderValue::from_str(&cookies.join("; ")).ok()) {
        headers.insert(COOKIE, cookies);
    }
    if let (false, Some(ip)) = (headers.contains_key(FORWARDED_FOR), event.request_context.http.source_ip)
        && let Ok(ip) = HeaderValue::from_str(&ip)
    {
        headers.insert(FORWARDED_FOR, ip);
    }
    *request.headers_mut() = headers;
    Ok(request)
}

/// The event of a response.
pub fn answer_of(parts: Parts, body: Vec<u8>) -> ApiGatewayV2httpResponse {
    let mut answer = ApiGatewayV2httpResponse::default();
    answer.status_code = i64::from(parts.status.as_u16());
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
    answer.cookies = parts.headers.get_all(SET_COOKIE).iter().filter_map(text).collect();
    answer.headers = joined(&parts.headers);
    let is_plain = !parts.headers.contains_key(CONTENT_ENCODING);
    match String::from_utf8(body) {
        Ok(text) if text.is_empty() => {}
        // Smaller than in base64, mostly by a third.
        Ok(text) if is_plain && escapes(&text) <= text.len() / 3 => answer.body = Some(EventBody::Text(text)),
        Ok(text) => (answer.body, answer.is_base64_encoded) = (Some(EventBody::Binary(text.into_bytes())), true),
        Err(binary) => (answer.body, answer.is_base64_encoded) = (Some(EventBody::Binary(binary.into_bytes())), true),
    }
    answer
}

/// How many bytes JSON adds to a text.
fn escapes(text: &str) -> usize {
    let added = |byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 1,
        0..0x20 => 5,
        _ => 0,
    };
    text.bytes().map(added).sum()
}

/// Headers with one value each, those without whose value is no ASCII: an event cannot have them. The length is API Gateway's to
/// tell.
fn joined(headers: &HeaderMap) -> HeaderMap {
    let mut joined = HeaderMap::with_capacity(headers.len());
    for name in headers.keys().filter(|name| **name != SET_COOKIE && **name != CONTENT_LENGTH) {
        let values: Vec<_> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
        if let Ok(value) = HeaderValue::from_bytes(&values.join(&b", "[..]))
            && value.to_str().is_ok()
        {
            joined.insert(name, value);
        }
    }
    joined
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
