//! HTTP actions of a router like the npm package's. Point 123 as far as the runtime goes.

use std::sync::Arc;

use futures::{FutureExt as _, StreamExt as _};
use serde_json::json;

use super::fake::*;
use crate::runtime::*;

/// What `httpRouter` of the package does, in short.
const ROUTER: &str = r#"
const router = (routes) => ({
  isRouter: true,
  lookup(path, method) { const wanted = method === "HEAD" ? "GET" : method; const found = routes[`${wanted} ${path}`]; return found ? [found, wanted, path] : null; },
  async runRequest(json, path) {
    const request = Convex.jsSyscall("requestFromConvexJson", { convexJson: JSON.parse(json) });
    const response = await this.lookup(path, request.method)[0](request);
    return JSON.stringify(Convex.jsSyscall("convexJsonFromResponse", { response }));
  },
});
"#;

fn request(method: &str, path: &str) -> HttpRequest {
    HttpRequest {
        method: method.to_owned(),
        url: format!("http://site.test/mount{path}?q=1"),
        path: path.to_owned(),
        headers: vec![("X-A".to_owned(), "1".to_owned()), ("x-a".to_owned(), "2".to_owned())],
        body: None,
        gone: futures::future::pending().boxed(),
    }
}

async fn run(routes: &str, request: HttpRequest, limit: u64) -> (HttpRun, FakeHost) {
    let program = program(&format!("{ROUTER}export default router({{ {routes} }});")).await;
    let host = FakeHost::default();
    let mut invocation = invocation(&program, "default", UdfKind::Action, "");
    invocation.limits.http_response_size = limit;
    (pool().run_http_action(invocation, Arc::new(host.clone()), request).await, host)
}

async fn text_of(body: Option<ByteStream>) -> Result<String, StreamError> {
    let mut text = String::new();
    let Some(mut body) = body else { return Ok(text) };
    while let Some(piece) = body.next().await {
        text.push_str(&String::from_utf8_lossy(&piece?));
    }
    Ok(text)
}

#[tokio::test]
async fn requests_arrive_whole_and_responses_leave_whole() {
    let mut sent = request("POST", "/echo");
    sent.body = Some(futures::stream::iter(["ab", "cd"].map(|piece| Ok(piece.into()))).boxed());
    let (run, _) = run(
        "'POST /echo': async (r) => new Response(JSON.stringify([r.url, r.method, r.headers.get('x-a'), await r.text(), r.signal.aborted]), {status: 201, headers: [['Set-Cookie', 'a'], ['Set-Cookie', 'b']]})",
        sent,
        1000,
    )
    .await;
    let response = run.response.unwrap();
    assert_eq!(response.status, 201);
    assert_eq!(response.route, Some(("POST".to_owned(), "/echo".to_owned())));
    let cookies: Vec<_> =
        response.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, v)| v.clone()).collect();
    assert_eq!(cookies, ["a", "b"]);
    let text = text_of(response.body).await.unwrap();
    let expected = json!(["http://site.test/mount/echo?q=1", "POST", "1, 2", "abcd", false]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), expected);
    assert!(run.outcome.await.result.is_ok());
}

#[tokio::test]
async fn bodies_go_on_after_the_handler() {
    let (run, _) = run(
        "'GET /s': async () => new Response(new ReadableStream({ async start(c) { for (const n of [1, 2, 3]) { await new Promise((r) => setTimeout(r, 10)); c.enqueue(new TextEncoder().encode(String(n))); } c.close(); } }))",
        request("GET", "/s"),
        1000,
    )
    .await;
    assert_eq!(text_of(run.response.unwrap().body).await.unwrap(), "123");
    assert!(run.outcome.await.result.is_ok());
}

#[tokio::test]
async fn paths_without_route_and_answers_without_body() {
    let routes = "'GET /a': async () => new Response('text', {headers: {a: 'b'}}), 'GET /n': async () => new Response(null, {status: 204})";
    let (none, _) = run(routes, request("GET", "/none"), 1000).await;
    let none = none.response.unwrap();
    assert_eq!((none.status, none.route), (404, None));
    assert_eq!(text_of(none.body).await.unwrap(), "No matching routes found");
    let (head, _) = run(routes, request("HEAD", "/a"), 1000).await;
    let response = head.response.unwrap();
    assert!(response.status == 200 && response.body.is_none() && response.headers.iter().any(|(name, _)| name == "a"));
    assert!(head.outcome.await.result.is_ok());
    let (empty, _) = run(routes, request("GET", "/n"), 1000).await;
    assert!(matches!(empty.response.unwrap(), HttpResponse { status: 204, body: None, .. }));
}

#[tokio::test]
async fn failures_before_and_after_the_head() {
    let routes = "'GET /throws': async () => { throw new Error('boom'); }, 'GET /wrong': async () => 'text', 'GET /stream': async () => new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(3)); c.error(new Error('half way')); } })),
      'GET /late': async () => new Response(new ReadableStream({ pull(c) { setTimeout(() => { throw new Error('in timer'); }, 5); } })), 'GET /large': async () => new Response('x'.repeat(500))";
    for (path, text) in [("/throws", "Uncaught Error: boom"), ("/wrong", "HTTP actions must return a Response")] {
        let (run, _) = run(routes, request("GET", path), 1000).await;
        let failure = run.response.err().unwrap();
        assert!(failure.message.contains(text), "{}", failure.message);
    }
    for (path, text) in [("/stream", "half way"), ("/late", "in timer"), ("/large", "too large: more than 100 bytes")] {
        let (run, host) = run(routes, request("GET", path), 100).await;
        let error = text_of(run.response.unwrap().body).await.unwrap_err();
        let failure = run.outcome.await.result.unwrap_err();
        assert!(failure.message.contains(text), "{path}: {}", failure.message);
        assert!(path == "/late" || error.0.contains(text), "{path}: {error}");
        let lines = host.seen.lock().pretty();
        assert!(lines[0].starts_with("[ERROR] Uncaught Error: "), "{lines:?}");
    }
}

#[tokio::test]
async fn bodies_that_were_closed_are_complete_although_the_function_fails_then() {
    let routes = "'GET /closed': async () => { const { readable, writable } = new TransformStream(); const writer = writable.getWriter();
        (async () => { for (const n of [1, 2, 3]) await writer.write(new TextEncoder().encode(String(n))); await writer.close(); throw new Error('afterwards'); })(); return new Response(readable); },
      'GET /queued': async () => new Response(new ReadableStream({ start(c) { setTimeout(() => { for (const n of [1, 2, 3]) c.enqueue(new TextEncoder().encode(String(n))); c.close(); Promise.reject(new Error('afterwards')); }, 5); } })),
      'GET /open': async () => new Response(new ReadableStream({ start(c) { setTimeout(() => { c.enqueue(new TextEncoder().encode('1')); Promise.reject(new Error('afterwards')); setTimeout(() => c.close(), 5); }, 5); } }))";
    for (path, text) in [("/closed", Ok("123")), ("/queued", Ok("123")), ("/open", Err("before the body was complete"))]
    {
        let (run, _) = run(routes, request("GET", path), 1000).await;
        match (text_of(run.response.unwrap().body).await, text) {
            (Ok(body), Ok(text)) => assert_eq!(body, text, "{path}"),
            (Err(error), Err(text)) => assert!(error.0.contains(text), "{path}: {error}"),
            (body, _) => panic!("{path}: {body:?}"),
        }
        let failure = run.outcome.await.result.unwrap_err();
        assert!(failure.message.contains("afterwards"), "{path}: {}", failure.message);
    }
}

#[tokio::test]
async fn clients_that_leave() {
    let mut sent = request("GET", "/wait");
    sent.gone = async { futures_sleep(std::time::Duration::from_millis(20)).await }.boxed();
    let routes = "'GET /wait': (r) => new Promise((done) => { r.signal.addEventListener('abort', () => { console.log('left'); done(new Response('x')); }); })";
    let (run_of_wait, host) = run(routes, sent, 1000).await;
    assert!(run_of_wait.response.is_ok());
    assert_eq!(host.seen.lock().pretty(), ["[LOG] 'left'"]);
    // A reader that is gone ends the body, and the run with it.
    let routes = "'GET /endless': async () => new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(9)); }, cancel() { console.log('cancelled'); } }))";
    let (run_of_endless, host) = run(routes, request("GET", "/endless"), u64::MAX).await;
    drop(run_of_endless.response);
    run_of_endless.outcome.await;
    assert_eq!(host.seen.lock().pretty()[0], "[LOG] 'cancelled'");
}

#[tokio::test]
async fn what_is_not_a_router() {
    let program = program("export default { lookup() {} };").await;
    let call = invocation(&program, "default", UdfKind::Action, "");
    let run = pool().run_http_action(call, Arc::new(FakeHost::default()), request("GET", "/")).await;
    assert!(run.response.err().unwrap().message.contains("is not a router"));
}
