//! HTTP actions: from a request for the site to a response whose body follows while the action goes on.

use std::sync::Arc;

use bytes::Bytes;
use futures::channel::{mpsc, oneshot};
use futures::{SinkExt as _, StreamExt as _};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use lakewire_storage::transaction::Usage;

use super::Engine;
use super::action_host::{FunctionActionHost, HttpPart};
use super::execution::{HttpReport, Outcome, Report, Started};
use super::prepare::{Prepared, Refusal, check_running};
use crate::auth::Identity;
use crate::model::{AppModel, FunctionKind, HttpDestination, http_destination};
use crate::runtime::{ByteStream, HttpRequest, HttpResponse, HttpRun, StreamError, UdfKind};
use crate::udf::{Call, CallFailure, Caller, ClientInfo, Failure, FunctionErrorKind, FunctionPath, RequestId};

/// A request for the site.
pub(crate) struct SiteRequest {
    /// Its path is the whole one, which decides about the component.
    pub http: HttpRequest,
    /// Who asks. The action runs whatever is here; it is told when it asks.
    pub identity: Identity,
    pub client: ClientInfo,
    pub request_id: RequestId,
}

/// What a request comes to.
pub(crate) enum SiteAnswer {
    Response(SiteResponse),
    /// Neither the app nor a component has routes.
    NoRoutes,
    /// There are routes, and none for the path.
    NotFound,
    /// The action ended without a response.
    Failed(Failure),
}

/// A response of an action.
pub(crate) struct SiteResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// Comes at the pace of the one who reads it; if nobody does, the action goes on all the same.
    pub body: Option<mpsc::Receiver<Result<Bytes, StreamError>>>,
}

type Answer = oneshot::Sender<Result<SiteAnswer, CallFailure>>;

/// An action that was found.
struct Found {
    model: Arc<AppModel>,
    call: Call,
    http: HttpRequest,
    part: HttpPart,
}

impl Engine {
    /// Serves a request for the site. `answer` gets the head as soon as it is there; completes when the action has
    /// ended, whatever becomes of the one who waits for the answer.
    pub(crate) async fn http_action(&self, request: SiteRequest, answer: Answer) {
        let started = self.start();
        match self.find_http_action(request).await {
            Ok(found) => self.run_http_action(found, started, answer).await,
            // Nobody hears it if the client is gone.
            Err(early) => drop(answer.send(early)),
        }
    }

    async fn find_http_action(&self, request: SiteRequest) -> Result<Found, Result<SiteAnswer, CallFailure>> {
        let SiteRequest { mut http, identity, client, request_id } = request;
        let model = self.models.at(&self.db, &self.db.latest()).await.map_err(|error| Err(error.into()))?;
        check_running(&model).map_err(|failure| Ok(SiteAnswer::Failed(failure)))?;
        let Some(HttpDestination { component, path, route }) =
            http_destination(&model.components, &http.method, &http.path)
        else {
            return Err(Ok(if has_routes(&model) { SiteAnswer::NotFound } else { SiteAnswer::NoRoutes }));
        };
        let method = if http.method == "HEAD" { "GET" } else { &http.method };
        let identifier = format!("{method} {}", route.as_deref().unwrap_or(&path));
        http.path = path;
        let path = FunctionPath { component, module: "http.js".into(), export: "default".into() };
        let call = Call::new(path, "[]".into(), identity, Caller::HttpEndpoint, request_id);
        Ok(Found { model, call: Call { client, ..call }, http, part: HttpPart { identifier } })
    }

    async fn run_http_action(&self, found: Found, started: Started, answer: Answer) {
        let Found { model, call, http, part } = found;
        let execution_id = self.execution_id();
        let mut report = HttpReport { identifier: part.identifier.clone(), status: None, body_bytes: 0 };
        let host = FunctionActionHost::for_http(self.me.clone(), call.clone(), execution_id.clone(), part);
        let mut answer = Some(answer);
        let mut user_time = std::time::Duration::ZERO;
        let result = async {
            let component = model.component(&call.path.component);
            let component = component.ok_or_else(|| CallFailure::Internal("a route leads nowhere".to_owned()))?;
            let program = self.programs.program(&model, component).await?;
            let prepared = Prepared { model: model.clone(), program };
            let invocation = self.invocation(&call, UdfKind::Action, &prepared);
            let HttpRun { response, outcome } = self.pool.run_http_action(invocation, Arc::new(host), http).await;
            let (status, headers, body) = match response.map_err(Refusal::of_js).and_then(|it| Ok(head(it)?)) {
                Ok(head) => head,
                Err(refusal) => {
                    user_time = outcome.await.user_time;
                    return Err(refusal);
                }
            };
            report.status = Some(status.as_u16());
            let (sender, receiver) = mpsc::channel(0);
            let response = SiteResponse { status, headers, body: body.as_ref().map(|_| receiver) };
            if let Some(answer) = answer.take() {
                // A client that is gone doesn't end the action.
                let _ = answer.send(Ok(SiteAnswer::Response(response)));
            }
            if let Some(body) = body {
                report.body_bytes = hand_over(body, sender).await;
            }
            let outcome = outcome.await;
            user_time = outcome.user_time;
            outcome.result.map(drop).map_err(Refusal::of_js)
        }
        .await;
        let outcome: Outcome = match result {
            Ok(()) => Ok("".into()),
            Err(Refusal::Function(failure)) => Err(failure),
            Err(Refusal::Call(failure)) => {
                match answer.take() {
                    Some(answer) => drop(answer.send(Err(failure))),
                    None => tracing::error!(%failure, "an HTTP action failed after the head of its response"),
                }
                return;
            }
        };
        if let (Some(answer), Err(failure)) = (answer, &outcome) {
            let _ = answer.send(Ok(SiteAnswer::Failed(failure.clone())));
        }
        let report = Report { user_time, usage: Usage::default(), http: Some(report), ..Report::default() };
        self.log_completion(&call, FunctionKind::Action, &execution_id, started, &outcome, report);
    }
}

fn has_routes(model: &AppModel) -> bool {
    let mut mounted = model.components.values().filter(|component| component.mounted);
    mounted.any(|component| component.definition.modules.contains_key("http.js"))
}

/// Gives every piece to the client, and goes on without it when it is gone. Returns the bytes there were.
async fn hand_over(mut body: ByteStream, mut client: mpsc::Sender<Result<Bytes, StreamError>>) -> u64 {
    let (mut bytes, mut is_read) = (0, true);
    while let Some(piece) = body.next().await {
        bytes += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        if is_read {
            is_read = client.send(piece).await.is_ok();
        }
    }
    bytes
}

/// The parts of a response, if HTTP has a way to say them.
fn head(response: HttpResponse) -> Result<(StatusCode, HeaderMap, Option<ByteStream>), Failure> {
    let invalid = |what: String| Failure::new(FunctionErrorKind::Thrown, format!("Uncaught Error: {what}"));
    let status = StatusCode::from_u16(response.status).ok().filter(|status| !status.is_informational());
    let status =
        status.ok_or_else(|| invalid(format!("An HTTP action can't answer with status {}", response.status)))?;
    let mut headers = HeaderMap::with_capacity(response.headers.len());
    for (name, value) in response.headers {
        let pair = HeaderName::from_bytes(name.as_bytes()).ok().zip(latin1(&value));
        let (name, value) = pair.ok_or_else(|| invalid(format!("The header `{name}` of the response is not valid")))?;
        headers.append(name, value);
    }
    Ok((status, headers, response.body))
}

/// One byte a character.
fn latin1(text: &str) -> Option<HeaderValue> {
    let bytes: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
    HeaderValue::from_bytes(&bytes.ok()?).ok()
}
