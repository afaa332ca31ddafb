//! What the tests of emulators share.

#![allow(dead_code, reason = "every file of tests uses a part of it")]

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// An answer, all of it.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("an ASCII header"))
    }
}

/// An HTTP client.
#[derive(Clone)]
pub struct Http(Client<HttpConnector, Full<Bytes>>);

impl Http {
    pub fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        // Not again what got no answer: that is what some tests are about.
        Self(Client::builder(TokioExecutor::new()).retry_canceled_requests(false).build(connector))
    }

    /// Sends a request; gives nothing if there is no answer.
    pub async fn try_send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Option<Answer> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).expect("tests make requests that are right");
        let response = self.0.request(request).await.ok()?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.into_body().collect().await.ok()?.to_bytes();
        Some(Answer { status, headers, body })
    }

    pub async fn send(&self, method: Method, url: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        self.try_send(method, url, headers, body).await.expect("an answer")
    }

    pub async fn get(&self, url: &str) -> Answer {
        self.send(Method::GET, url, &[], "").await
    }

    /// Sends JSON to a control endpoint, which does not refuse it.
    pub async fn control(&self, method: Method, url: &str, body: &Value) -> Value {
        let answer = self.send(method, url, &[("content-type", "application/json")], body.to_string()).await;
        assert!(answer.status.is_success(), "{url}: {} {:?}", answer.status, answer.body);
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    /// Invokes a function and waits for it.
    pub async fn invoke(&self, lambda: &str, function: &str, event: &Value) -> Answer {
        self.send(Method::POST, &invocations(lambda, function), &[], event.to_string()).await
    }

    /// The figures of a function.
    pub async fn stats(&self, lambda: &str, function: &str) -> Value {
        self.get(&format!("{lambda}/stats")).await.json()["functions"][function].clone()
    }

    /// Defines the function of the tests, with more of a definition.
    pub async fn define(&self, lambda: &str, function: &str, more: Value) {
        let mut definition = json!({"bootstrap": env!("CARGO_BIN_EXE_lakewire-test-function"), "handler": "part"});
        let more = more.as_object().expect("a part of a definition").clone();
        definition.as_object_mut().expect("an object").extend(more);
        self.control(Method::PUT, &format!("{lambda}/functions/{function}"), &definition).await;
    }
}

pub fn invocations(lambda: &str, function: &str) -> String {
    format!("{lambda}/2015-03-31/functions/{function}/invocations")
}
