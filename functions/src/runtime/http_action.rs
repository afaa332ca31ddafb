//! HTTP actions: a router, a request, and a response whose body may outlast the handler.

use std::rc::Rc;
use std::sync::Arc;

use futures::channel::oneshot;
use futures::{FutureExt as _, StreamExt as _};
use lakewire_storage::env::Clock;
use serde::Deserialize;

use super::action::{Run, in_context};
use super::body::{HttpRequest, HttpResponse};
use super::budget::Parker;
use super::context::method;
use super::drive::interruption;
use super::errors;
use super::function;
use super::host::ActionHost;
use super::invocation::{FailureKind, Invocation, JsFailure, LogLevel, Outcome};
use super::isolate::IsolateShared;
use super::ops::string;

/// The text of the answer when no route fits.
const NO_ROUTE: &str = "No matching routes found";

/// What the package makes of a response, see `convexJsonFromResponse` in the prelude.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    status: u16,
    header_pairs: Vec<(String, String)>,
    stream_id: Option<String>,
}

/// Runs a request in a fresh context. The head goes to `response` as soon as it is there.
#[expect(clippy::too_many_arguments, reason = "what an action needs, and the request")]
pub(super) fn run(
    scope: &mut v8::PinScope<'_, '_, ()>,
    shared: &Rc<IsolateShared>,
    invocation: &Invocation,
    host: &Arc<dyn ActionHost>,
    clock: &Arc<dyn Clock>,
    parker: &Parker,
    request: HttpRequest,
    response: oneshot::Sender<HttpResponse>,
) -> Outcome {
    in_context(scope, shared, invocation, host, clock, parker, |scope, run| {
        let mut has_answered = false;
        let result = serve(scope, run, invocation, request, response, &mut has_answered);
        if let Err(failure) = &result
            && has_answered
        {
            // The client has the head: only the log is left to tell.
            let now = run.execution.clock.now_ns() / 1_000_000;
            run.execution.console.system(LogLevel::Error, failure.message.clone(), "HttpResponseFailed", now as f64);
        }
        result
    })
}

fn serve(
    scope: &mut v8::PinScope<'_, '_>,
    run: &mut Run<'_>,
    invocation: &Invocation,
    request: HttpRequest,
    response: oneshot::Sender<HttpResponse>,
    has_answered: &mut bool,
) -> Result<String, JsFailure> {
    let is_head = request.method.eq_ignore_ascii_case("HEAD");
    let Some((main, route)) = call_router(scope, run, invocation, request)? else {
        let body = futures::stream::iter([Ok(NO_ROUTE.into())]).boxed();
        let headers = vec![("content-type".to_owned(), "text/plain;charset=UTF-8".to_owned())];
        let body = (!is_head).then_some(body);
        let _ = response.send(HttpResponse { status: 404, headers, body, route: None });
        return Ok(String::new());
    };
    let json = run.until_settled(scope, &main)?;
    let bad = || JsFailure::new(FailureKind::NotCallable, "Uncaught Error: HTTP actions must return a Response");
    let head: Head = serde_json::from_str(&json).map_err(|_| bad())?;
    let stream = match &head.stream_id {
        Some(id) => Some(id.parse::<u32>().map_err(|_| bad())?),
        None => None,
    };
    let body = stream.and_then(|stream| {
        // Without a reader, writing fails, and the handler's stream is cancelled.
        run.execution.streams.borrow_mut().take_outgoing(stream).filter(|_| !is_head)
    });
    let sent =
        response.send(HttpResponse { status: head.status, headers: head.header_pairs, body, route: Some(route) });
    *has_answered = sent.is_ok();
    if let Some(stream) = stream {
        run.until_written(scope, &main, stream)?;
        if let Some(failure) = run.execution.streams.borrow_mut().take_failure(stream) {
            return Err(JsFailure::new(FailureKind::Thrown, format!("Uncaught Error: {failure}")));
        }
    }
    Ok(String::new())
}

type Started = (v8::Global<v8::Promise>, (String, String));

/// Looks the route up, and calls the router if there is one.
fn call_router(
    scope: &mut v8::PinScope<'_, '_>,
    run: &mut Run<'_>,
    invocation: &Invocation,
    request: HttpRequest,
) -> Result<Option<Started>, JsFailure> {
    let target = invocation.target();
    v8::tc_scope!(let scope, scope);
    let namespace = function::namespace(scope, run.shared, run.execution, &target)?;
    let started = (|| {
        let name = string(scope, &invocation.export);
        let router = namespace.get(scope, name.into())?.to_object(scope)?;
        let marker = string(scope, "isRouter");
        if !router.get(scope, marker.into())?.is_true() {
            return Some(Err(()));
        }
        let Some(route) = look_up(scope, router, &request)? else { return Some(Ok(None)) };
        let run_request = method(scope, router, "runRequest")?;
        let path = string(scope, &request.path);
        let json = request_json(run, request, invocation.limits.http_response_size);
        let json = string(scope, &json);
        let promise = run_request.call(scope, router.into(), &[json.into(), path.into()])?;
        let promise = v8::Local::<v8::Promise>::try_from(promise).ok()?;
        promise.mark_as_handled();
        Some(Ok(Some((v8::Global::new(scope, promise), route))))
    })();
    if let Some(failure) = interruption(scope, run.shared, run.execution) {
        return Err(failure);
    }
    match started {
        Some(Ok(started)) => Ok(started),
        Some(Err(())) => Err(not_a_router(invocation)),
        None => Err(match scope.exception() {
            Some(thrown) => errors::failure(scope, thrown),
            None => not_a_router(invocation),
        }),
    }
}

fn not_a_router(invocation: &Invocation) -> JsFailure {
    let message =
        format!("Uncaught Error: The {} export of `{}` is not a router", invocation.export, invocation.module);
    JsFailure::new(FailureKind::NotCallable, message)
}

/// `router.lookup(path, method)`: method and pattern of the route. The outer `None` is an exception.
fn look_up<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    router: v8::Local<'s, v8::Object>,
    request: &HttpRequest,
) -> Option<Option<(String, String)>> {
    let lookup = method(scope, router, "lookup")?;
    let path = string(scope, &request.path).into();
    let request_method = string(scope, &request.method).into();
    let found = lookup.call(scope, router.into(), &[path, request_method])?;
    if found.is_null_or_undefined() {
        return Some(None);
    }
    let found = found.to_object(scope)?;
    let route_method = found.get_index(scope, 1)?.to_rust_string_lossy(scope);
    let pattern = found.get_index(scope, 2)?.to_rust_string_lossy(scope);
    Some(Some((route_method, pattern)))
}

/// The request as the package takes it.
fn request_json(run: &Run<'_>, request: HttpRequest, limit: u64) -> String {
    let mut streams = run.execution.streams.borrow_mut();
    streams.limit_responses(limit);
    let stream = request.body.map(|body| streams.add_incoming(body).to_string());
    let gone = request.gone.map(|()| None).into_stream().filter_map(futures::future::ready);
    let signal = streams.add_incoming(gone.boxed());
    serde_json::json!({
        "method": request.method,
        "url": request.url,
        "headerPairs": request.headers,
        "streamId": stream,
        "signal": signal.to_string(),
    })
    .to_string()
}
