//! An HTTP client for the AWS SDK that misbehaves on purpose, because the emulators of AWS do not.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use parking_lot::Mutex;

use crate::env::Env;

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpFault {
    /// It is refused because there are too many; nothing happens.
    Throttled,
    /// The service fails with this HTTP status (500, 503); nothing happens.
    Failed(u16),
    /// The service fails with this HTTP status (500, 503) although it did what was asked.
    FailedAfter(u16),
    /// It never arrives: timed out.
    LostRequest,
    /// It arrives and is done, and the answer is lost: timed out.
    LostAnswer,
    /// Timed out; it arrives so much later nevertheless.
    Late(Duration),
    /// It takes so much longer.
    Slow(Duration),
    /// It arrives twice. The second answer is what the client gets.
    Twice,
}

/// How often each random fault happens, as a share of all requests. The shares add up to 1 at most.
pub type HttpFaultRates = Vec<(HttpFault, f64)>;

/// A client in front of another one (plain HTTP, for emulators) that injects faults: those planned first, then random ones.
/// Clones share plan and randomness.
#[derive(Clone, Debug)]
pub struct FaultyHttp {
    shared: Arc<Shared>,
    inner: SharedHttpClient,
}

struct Shared {
    env: Env,
    rates: HttpFaultRates,
    /// The one operation (`PutItem`, ...) that faults happen to; all of them if `None`.
    operation: Option<&'static str>,
    planned: Mutex<VecDeque<Option<HttpFault>>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("rates", &self.rates).field("operation", &self.operation).finish()
    }
}

impl FaultyHttp {
    /// Faults at `rates`, drawn from the randomness of `env`, in requests for `operation` (an operation of DynamoDB),
    /// or in all.
    pub fn new(env: Env, rates: HttpFaultRates, operation: Option<&'static str>) -> Self {
        let inner = aws_smithy_http_client::Builder::new().build_http();
        Self { shared: Arc::new(Shared { env, rates, operation, planned: Mutex::default() }), inner }
    }

    /// Decides what happens to the next requests that nothing is planned for yet; `None` is no fault, not even a random one.
    pub fn plan(&self, faults: impl IntoIterator<Item = Option<HttpFault>>) {
        self.shared.planned.lock().extend(faults);
    }

    /// How many planned faults have not happened yet.
    pub fn still_planned(&self) -> usize {
        self.shared.planned.lock().len()
    }
}

impl HttpClient for FaultyHttp {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(FaultyConnector { shared: Arc::clone(&self.shared), inner })
    }
}

#[derive(Debug)]
struct FaultyConnector {
    shared: Arc<Shared>,
    inner: SharedHttpConnector,
}

impl Shared {
    fn next_fault(&self, request: &HttpRequest) -> Option<HttpFault> {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        if self.operation.is_some_and(|operation| !target.ends_with(&format!(".{operation}"))) {
            return None;
        }
        if let Some(planned) = self.planned.lock().pop_front() {
            return planned;
        }
        let mut draw = self.env.random_u64() as f64 / u64::MAX as f64;
        for (fault, share) in &self.rates {
            if draw < *share {
                return Some(*fault);
            }
            draw -= share;
        }
        None
    }
}

impl HttpConnector for FaultyConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Some(fault) = self.shared.next_fault(&request) else { return self.inner.call(request) };
        let (env, inner) = (self.shared.env.clone(), self.inner.clone());
        HttpConnectorFuture::new(async move {
            match fault {
                HttpFault::Throttled => Ok(answer(400, "ProvisionedThroughputExceededException")),
                HttpFault::Failed(status) => Ok(answer(status, "InternalServerError")),
                HttpFault::FailedAfter(status) => {
                    inner.call(request).await.map(|_| answer(status, "InternalServerError"))
                }
                HttpFault::LostRequest => Err(timed_out()),
                HttpFault::LostAnswer => inner.call(request).await.and(Err(timed_out())),
                HttpFault::Late(by) => {
                    let later = env.clone();
                    env.spawn("late request", async move {
                        later.sleep(by).await;
                        let _nobody_waits = inner.call(request).await;
                    });
                    Err(timed_out())
                }
                HttpFault::Slow(by) => {
                    env.sleep(by).await;
                    inner.call(request).await
                }
                HttpFault::Twice => {
                    if let Some(again) = request.try_clone() {
                        inner.call(again).await?;
                    }
                    inner.call(request).await
                }
            }
        })
    }
}

/// The answer of a DynamoDB that did not do it.
fn answer(status: u16, code: &str) -> HttpResponse {
    let body = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"an injected fault"}}"#);
    let status = StatusCode::try_from(status).expect("tests inject statuses that exist");
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response
}

fn timed_out() -> ConnectorError {
    ConnectorError::timeout("an injected fault".into())
}
