//! What an HTTP API tells a function, and what it makes of the answer: payload format 2.0.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What is known of a request besides itself.
pub(super) struct Context<'a> {
    pub api: &'a str,
    pub stage: &'a str,
    pub request_id: &'a str,
    pub source_ip: &'a str,
    pub unix_ms: i64,
}

/// The event of a request.
pub(super) fn event(request: &Parts, body: &[u8], context: &Context<'_>) -> Value {
    let mut headers = join(&request.headers);
    let cookies: Vec<String> = headers
        .remove("cookie")
        .map(|cookies| cookies.split([';', ',']).map(|cookie| cookie.trim().to_owned()).collect())
        .unwrap_or_default();
    let host = headers.get("host").cloned().unwrap_or_default();
    headers.insert("x-forwarded-for".to_owned(), context.source_ip.to_owned());
    headers.insert("x-forwarded-proto".to_owned(), "http".to_owned());
    headers.insert("x-forwarded-port".to_owned(), host.rsplit(':').next().unwrap_or("80").to_owned());
    let trace: String = context.request_id.chars().filter(|digit| *digit != '-').take(24).collect();
    headers.insert("x-amzn-trace-id".to_owned(), format!("Root=1-{:08x}-{trace}", context.unix_ms / 1000));
    headers.insert("content-length".to_owned(), body.len().to_string());
    let user_agent = headers.get("user-agent").cloned().unwrap_or_default();
    // As observed: the path is decoded, and ends where a question mark was in it.
    let path = percent_decode_str(request.uri.path()).decode_utf8_lossy().into_owned();
    let path = path.split('?').next().unwrap_or_default();
    let query = request.uri.query().unwrap_or_default();
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": context.api,
            "domainName": host,
            "domainPrefix": context.api,
            "http": {
                "method": request.method.as_str(),
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": context.source_ip,
                "userAgent": user_agent,
            },
            "requestId": context.request_id,
            "routeKey": "$default",
            "stage": context.stage,
            "time": log_time(context.unix_ms),
            "timeEpoch": context.unix_ms,
        },
        "isBase64Encoded": false,
    });
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    if !query.is_empty() {
        event["queryStringParameters"] = json!(parameters(query));
    }
    if !body.is_empty() {
        match std::str::from_utf8(body) {
            Ok(text) if is_text(&request.headers) => event["body"] = json!(text),
            _ => {
                event["body"] = json!(STANDARD.encode(body));
                event["isBase64Encoded"] = json!(true);
            }
        }
    }
    event
}

/// As in logs: `22/Nov/2026:03:00:54 +0000`.
pub(super) fn log_time(unix_ms: i64) -> String {
    let time = DateTime::from_timestamp_millis(unix_ms).unwrap_or_default();
    time.format("%d/%b/%Y:%H:%M:%S +0000").to_string()
}

/// Several values of one header become one, with commas.
fn join(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut joined = BTreeMap::<String, String>::new();
    for (name, value) in headers {
        if ["connection", "transfer-encoding", "keep-alive", "expect"].contains(&name.as_str()) {
            continue;
        }
        let value = String::from_utf8_lossy(value.as_bytes());
        joined
            .entry(name.as_str().to_owned())
            .and_modify(|values| {
                values.push(',');
                values.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    joined
}

/// Decoded; several values of one name become one, with commas.
pub(super) fn parameters(query: &str) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::<String, String>::new();
    for (name, value) in pairs(query) {
        parameters
            .entry(name)
            .and_modify(|values| {
                values.push(',');
                values.push_str(&value);
            })
            .or_insert(value);
    }
    parameters
}

/// The decoded parts of a query string, in order.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    query.split('&').filter(|pair| !pair.is_empty()).map(move |pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

/// Whether a body of this type gets to the function as text. Measured on AWS by the authors of ministack: `text/*` and three
/// others; not forms, and not what has no type.
fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let texts = ["application/json", "application/xml", "application/javascript"];
    kind.starts_with("text/") || texts.contains(&kind.as_str())
}

/// An answer that says what it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    #[serde(default)]
    headers: Option<Map<String, Value>>,
    #[serde(default)]
    cookies: Option<Vec<String>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// The response that a function's answer is; `None` if it is none.
pub(super) fn response(payload: &[u8]) -> Option<Response<Body>> {
    let value: Value = serde_json::from_slice(payload).ok()?;
    if value.get("statusCode").is_none() {
        let body = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        return Response::builder().header("content-type", "application/json").body(Body::from(body)).ok();
    }
    let answer: Answer = serde_json::from_value(value).ok()?;
    let body = answer.body.unwrap_or_default();
    let body = if answer.is_base64_encoded { STANDARD.decode(body).ok()? } else { body.into_bytes() };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(answer.status_code).ok()?;
    for (name, value) in answer.headers.unwrap_or_default() {
        let name = HeaderName::try_from(name).ok()?;
        // It is known better here.
        if ["content-length", "connection", "transfer-encoding"].contains(&name.as_str()) {
            continue;
        }
        let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        response.headers_mut().append(name, HeaderValue::try_from(text).ok()?);
    }
    for cookie in answer.cookies.unwrap_or_default() {
        response.headers_mut().append("set-cookie", HeaderValue::try_from(cookie).ok()?);
    }
    let plain = HeaderValue::from_static("text/plain;charset=UTF-8");
    response.headers_mut().entry("content-type").or_insert(plain);
    Some(response)
}
