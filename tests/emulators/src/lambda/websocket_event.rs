//! What a WebSocket API tells a function.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use super::http_event::{log_time, pairs};

/// What all events of a connection say.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub id: String,
    pub api: String,
    pub domain: String,
    pub stage: String,
    pub user_agent: String,
    pub connected_ms: i64,
}

/// The form of the ids of connections: base64, and so in need of escapes in a URL.
pub(super) fn connection_id(random: u128) -> String {
    STANDARD.encode(&random.to_be_bytes()[..11])
}

impl Connection {
    /// Of the request that opens it.
    pub fn connect(&self, request: &Parts, request_id: &str, unix_ms: i64) -> Value {
        let mut event = self.event("$connect", "CONNECT", request_id, unix_ms);
        let headers = all_headers(&request.headers);
        event["headers"] = last(&headers);
        event["multiValueHeaders"] = json!(headers);
        let mut parameters = BTreeMap::<_, Vec<_>>::new();
        for (name, value) in pairs(request.uri.query().unwrap_or_default()) {
            parameters.entry(name).or_default().push(value);
        }
        if !parameters.is_empty() {
            event["queryStringParameters"] = last(&parameters);
            event["multiValueQueryStringParameters"] = json!(parameters);
        }
        event
    }

    /// Of a message from the client.
    pub fn message(&self, text: &str, request_id: &str, unix_ms: i64) -> Value {
        let mut event = self.event("$default", "MESSAGE", request_id, unix_ms);
        event["requestContext"]["messageId"] = json!(STANDARD.encode(&request_id.as_bytes()[..11]));
        event["body"] = json!(text);
        event
    }

    /// Of the end of it.
    pub fn disconnect(&self, code: u16, reason: &str, request_id: &str, unix_ms: i64) -> Value {
        let mut event = self.event("$disconnect", "DISCONNECT", request_id, unix_ms);
        event["headers"] = json!({"Host": self.domain, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""});
        event["requestContext"]["disconnectStatusCode"] = json!(code);
        event["requestContext"]["disconnectReason"] = json!(reason);
        event
    }

    /// As `GET @connections/{id}` shows it.
    pub fn show(&self, active_ms: i64) -> Value {
        let time = |unix_ms| {
            DateTime::from_timestamp_millis(unix_ms).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
        };
        json!({
            "connectedAt": time(self.connected_ms),
            "identity": {"sourceIp": "127.0.0.1", "userAgent": self.user_agent},
            "lastActiveAt": time(active_ms),
        })
    }

    fn event(&self, route: &str, kind: &str, request_id: &str, unix_ms: i64) -> Value {
        json!({
            "requestContext": {
                "routeKey": route,
                "eventType": kind,
                "extendedRequestId": request_id,
                "requestTime": log_time(unix_ms),
                "messageDirection": "IN",
                "stage": self.stage,
                "connectedAt": self.connected_ms,
                "requestTimeEpoch": unix_ms,
                "identity": {"sourceIp": "127.0.0.1", "userAgent": self.user_agent},
                "requestId": request_id,
                "domainName": self.domain,
                "connectionId": self.id,
                "apiId": self.api,
            },
            "isBase64Encoded": false,
        })
    }
}

/// In the spelling that API Gateway gives them: words with capitals.
fn all_headers(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::<_, Vec<_>>::new();
    for (name, value) in headers {
        let words = name.as_str().split('-').map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            format!("{}{rest}", first.to_ascii_uppercase())
        });
        let name = words.collect::<Vec<_>>().join("-").replace("Websocket", "WebSocket");
        all.entry(name).or_default().push(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    all
}

fn last(all: &BTreeMap<String, Vec<String>>) -> Value {
    json!(all.iter().filter_map(|(name, values)| Some((name, values.last()?))).collect::<BTreeMap<_, _>>())
}
