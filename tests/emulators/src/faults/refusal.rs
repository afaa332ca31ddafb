//! Errors in the forms of the services.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::HeaderValue;
use hyper::{HeaderMap, Response, StatusCode};
use serde_json::json;

use super::operation::Operation;
use super::settings::{Kind, Rule};

/// The answer to a request that is refused, or said to have failed.
pub(super) fn refusal(operation: &Operation, rule: &Rule, is_head: bool) -> Response<Full<Bytes>> {
    let (status, code) = match (rule.fault, operation.service.as_str()) {
        (Kind::Throttled, "dynamodb") => (400, "ProvisionedThroughputExceededException"),
        (Kind::Throttled, "s3") => (503, "SlowDown"),
        (Kind::Throttled, "lambda") => (429, "TooManyRequestsException"),
        (Kind::Throttled, "execute-api") => (429, "LimitExceededException"),
        (Kind::Throttled, _) => (400, "ThrottlingException"),
        (_, "s3") if rule.status == Some(500) => (500, "InternalError"),
        (_, "dynamodb") if rule.status == Some(500) => (500, "InternalServerError"),
        (_, "lambda") if rule.status == Some(500) => (500, "ServiceException"),
        (_, _) => (500, "ServiceUnavailable"),
    };
    let status = rule.status.unwrap_or(status);
    let code = rule.code.as_deref().unwrap_or(code);
    let message = "an injected fault";
    let mut headers = HeaderMap::new();
    let (kind, body) = match operation.service.as_str() {
        "s3" if is_head => ("application/xml", String::new()),
        "s3" => ("application/xml", format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>")),
        "dynamodb" => {
            let name = format!("com.amazonaws.dynamodb.v20120810#{code}");
            ("application/x-amz-json-1.0", json!({"__type": name, "message": message}).to_string())
        }
        _ => ("application/x-amz-json-1.1", json!({"__type": code, "message": message}).to_string()),
    };
    headers.insert("content-type", HeaderValue::from_static(kind));
    if let Ok(code) = HeaderValue::from_str(code) {
        headers.insert("x-amzn-errortype", code);
    }
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = headers;
    response
}
