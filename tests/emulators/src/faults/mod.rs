//! A proxy in front of a service of AWS, or of an emulator of one, that makes it behave worse and counts what it is asked.
//!
//! The kinds of faults are those of `lakewire_storage::aws::faults`, which is for tests in Rust that make the client; this is for
//! whole processes. Requests keep their `Host`, so that signatures hold.

mod capacity;
mod forward;
mod operation;
mod refusal;
mod replica;
mod settings;
mod stats;
mod upstream;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::Value;

use self::operation::Operation;
use self::refusal::refusal;
use self::replica::Replica;
use self::settings::{Changes, Kind, Rule, Settings};
use self::stats::Stats;
use self::upstream::{Answer, NoAnswer, Upstream};
use crate::background::Background;
use crate::random::Random;
use crate::timer;

/// A proxy that injects nothing until it is told to, at its control endpoint. Dropping it stops it.
pub struct Faults(Background);

impl Faults {
    /// Starts one in front of `target`, the URL of a service without a path.
    ///
    /// # Panics
    /// If it cannot listen.
    pub fn start(target: &str) -> Self {
        let target = target.trim_end_matches('/').to_owned();
        Self(Background::start("faults", async |listener| {
            let proxy = Arc::new(Proxy {
                target,
                upstream: Upstream::new(),
                settings: Mutex::default(),
                random: Mutex::new(Arc::new(Random::new(0))),
                stats: Stats::default(),
                replica: tokio::sync::Mutex::default(),
            });
            loop {
                // A client that is gone already.
                let Ok((stream, _)) = listener.accept().await else { continue };
                let _only_slower = stream.set_nodelay(true);
                let proxy = Arc::clone(&proxy);
                tokio::spawn(async move {
                    let serve = service_fn(|request| Arc::clone(&proxy).serve(request));
                    // An error is a client that is gone, or an answer that is lost on purpose: that closes the connection.
                    let _end =
                        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), serve).await;
                });
            }
        }))
    }

    /// Its URL, without a slash at the end: for clients instead of the URL of the service. The control endpoint is at
    /// `/_faults` there.
    pub fn endpoint(&self) -> &str {
        self.0.endpoint()
    }
}

/// No answer, on purpose.
#[derive(Debug)]
struct Injected;

impl std::fmt::Display for Injected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an injected fault")
    }
}

impl std::error::Error for Injected {}

struct Proxy {
    target: String,
    upstream: Upstream,
    settings: Mutex<Settings>,
    random: Mutex<Arc<Random>>,
    stats: Stats,
    /// Held during writes if there are stale reads, so that the replica gets them in their order.
    replica: tokio::sync::Mutex<Option<Replica>>,
}

impl Proxy {
    async fn serve(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, NoAnswer> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        if head.uri.path().starts_with("/_faults") {
            return Ok(self.control(&head, &body).await);
        }
        let operation = Operation::of(&head);
        let random = Arc::clone(&self.random.lock());
        let (latency, rule) = {
            let mut settings = self.settings.lock();
            let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
            (settings.latency(&operation, &random), settings.next(&operation, path, &body, &random))
        };
        self.stats.requested(&operation, body.len(), rule.as_ref().map(|rule| rule.fault));
        timer::sleep(latency / 2).await;
        let answer = match rule {
            Some(rule) => self.misbehave(&operation, head, body, rule).await,
            None => self.forward(&operation, &head, body).await.map(respond),
        };
        timer::sleep(latency / 2).await;
        if let Err(error) = &answer
            && error.downcast_ref::<Injected>().is_none()
        {
            eprintln!("the fault proxy has no answer to {operation}: {error}");
        }
        answer
    }

    /// Answers as the rule says; an error is no answer.
    async fn misbehave(
        self: &Arc<Self>,
        operation: &Operation,
        head: Parts,
        body: Bytes,
        rule: Rule,
    ) -> Result<Response<Full<Bytes>>, NoAnswer> {
        let is_head = head.method == Method::HEAD;
        match rule.fault {
            Kind::Throttled | Kind::Failed => Ok(refusal(operation, &rule, is_head)),
            Kind::FailedAfter => {
                self.forward(operation, &head, body).await?;
                Ok(refusal(operation, &rule, is_head))
            }
            Kind::LostRequest => {
                timer::sleep(rule.delay()).await;
                Err(Injected.into())
            }
            Kind::LostAnswer => {
                self.forward(operation, &head, body).await?;
                timer::sleep(rule.delay()).await;
                Err(Injected.into())
            }
            Kind::Late => {
                let (proxy, operation) = (Arc::clone(self), operation.clone());
                tokio::spawn(async move {
                    timer::sleep(rule.delay()).await;
                    let _nobody_waits = proxy.forward(&operation, &head, body).await;
                });
                Err(Injected.into())
            }
            Kind::Slow => {
                timer::sleep(rule.delay()).await;
                self.forward(operation, &head, body).await.map(respond)
            }
            Kind::Twice => {
                self.forward(operation, &head, body.clone()).await?;
                self.forward(operation, &head, body).await.map(respond)
            }
            Kind::CallBefore => {
                self.call(&rule).await?;
                self.forward(operation, &head, body).await.map(respond)
            }
            Kind::CallAfter => {
                let answer = self.forward(operation, &head, body).await?;
                self.call(&rule).await?;
                Ok(respond(answer))
            }
        }
    }

    async fn call(&self, rule: &Rule) -> Result<Answer, NoAnswer> {
        let url = rule.url.as_deref().unwrap_or_default();
        self.upstream.post(url, &[("content-type", "application/json")], &rule.body).await
    }

    /// The control endpoint.
    async fn control(&self, head: &Parts, body: &[u8]) -> Response<Full<Bytes>> {
        match (head.method.as_str(), head.uri.path()) {
            ("GET", "/_faults/stats") => json(StatusCode::OK, &self.stats.show()),
            ("DELETE", "/_faults/stats") => {
                self.stats.reset();
                json(StatusCode::OK, &Value::Null)
            }
            ("GET", "/_faults") => self.show(),
            ("DELETE", "/_faults") => {
                *self.settings.lock() = Settings::default();
                *self.replica.lock().await = None;
                self.show()
            }
            ("PUT", "/_faults") => match serde_json::from_slice::<Changes>(body) {
                Ok(changes) => self.change(changes).await,
                Err(error) => json(StatusCode::BAD_REQUEST, &Value::from(error.to_string())),
            },
            _ => json(StatusCode::NOT_FOUND, &Value::Null),
        }
    }

    async fn change(&self, changes: Changes) -> Response<Full<Bytes>> {
        if let Some(seed) = changes.seed {
            *self.random.lock() = Arc::new(Random::new(seed));
        }
        let stale = changes.stale_ms;
        if let Err(fault) = self.settings.lock().change(changes) {
            return json(StatusCode::BAD_REQUEST, &Value::from(fault));
        }
        match stale {
            // It would miss what is written from now on.
            Some(0) => *self.replica.lock().await = None,
            Some(_) => {
                let mut replica = self.replica.lock().await;
                if replica.is_none() {
                    *replica = Some(Replica::start(self.upstream.clone()));
                }
            }
            None => {}
        }
        self.show()
    }

    fn show(&self) -> Response<Full<Bytes>> {
        match serde_json::to_value(&*self.settings.lock()) {
            Ok(shown) => json(StatusCode::OK, &shown),
            Err(error) => json(StatusCode::INTERNAL_SERVER_ERROR, &Value::from(error.to_string())),
        }
    }
}

fn respond(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

fn json(status: StatusCode, value: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(value.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    response
}
