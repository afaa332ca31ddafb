//! Sends requests on.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{CONNECTION, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Shorter than servers keep a connection, so that no request meets one that is being closed.
const KEEP_IDLE: Duration = Duration::from_secs(2);

/// No answer, with the reason.
pub(super) type NoAnswer = Box<dyn std::error::Error + Send + Sync>;

/// An answer, all of it.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// An HTTP client. Clones share their connections.
#[derive(Clone)]
pub(super) struct Upstream(Client<HttpConnector, Full<Bytes>>);

impl Upstream {
    pub fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_timer(hyper_util::rt::TokioTimer::new()).pool_idle_timeout(KEEP_IDLE);
        Self(builder.build(connector))
    }

    /// Sends a request to the service at `target`, with the headers that it came with, of which one is the host that was
    /// signed.
    pub async fn send(&self, target: &str, head: &Parts, body: Bytes) -> Result<Answer, NoAnswer> {
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::builder().method(head.method.clone()).uri(format!("{target}{path}"));
        if let Some(headers) = request.headers_mut() {
            *headers = head.headers.clone();
            // Those between client and proxy; the body may have another length by now.
            for name in [CONNECTION, TRANSFER_ENCODING, EXPECT, CONTENT_LENGTH] {
                headers.remove(name);
            }
            if !body.is_empty() || head.headers.contains_key(CONTENT_LENGTH) {
                headers.insert(CONTENT_LENGTH, body.len().into());
            }
        }
        self.finish(request.body(Full::new(body))?).await
    }

    /// Posts JSON.
    pub async fn post(&self, url: &str, headers: &[(&'static str, &str)], body: &Value) -> Result<Answer, NoAnswer> {
        let mut request = Request::builder().method(Method::POST).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.finish(request.body(Full::new(Bytes::from(body.to_string())))?).await
    }

    async fn finish(&self, request: Request<Full<Bytes>>) -> Result<Answer, NoAnswer> {
        let (head, body) = self.0.request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }
}
