//! Requests, files and streams of actions. Points 119, 121 and 122 as far as JavaScript goes.

use std::sync::Arc;

use serde_json::json;

use super::fake::*;
use super::fake_net::{PIECE, PIECES};
use crate::runtime::*;

async fn json_of(source: &str) -> (serde_json::Value, FakeHost) {
    let program = program(&format!("export const f = action(async () => {{ {source} }});")).await;
    let (outcome, host) = run_action(&program, "f").await;
    let json = outcome.result.unwrap_or_else(|failure| panic!("{}", failure.message));
    (serde_json::from_str(&json).unwrap(), host)
}

#[tokio::test]
async fn a_request_and_its_response() {
    let (value, host) = json_of(
        "const r = await fetch('http://a.test/echo', {method: 'POST', body: JSON.stringify({a: 1}), headers: {X: 'y'}});
         const g = await fetch(new Request('http://a.test/echo#frag'));
         return [r.status, r.ok, r.statusText, r.url, r.redirected, r.type, r.headers.get('x-a'), await r.json(), r.bodyUsed, await g.text(), g.url];",
    )
    .await;
    assert_eq!(
        value,
        json!([200, true, "OK", "http://a.test/echo", false, "basic", "1", { "a": 1 }, true, "", "http://a.test/echo"])
    );
    let sent = host.seen.lock().sent.clone();
    assert_eq!(sent[0], "POST http://a.test/echo x=y,content-type=text/plain;charset=UTF-8 {\"a\":1}");
}

#[tokio::test]
async fn redirects() {
    let (value, host) = json_of(
        "const out = []; const send = async (code, init) => { try { const r = await fetch(`http://a.test/redirect/${code}`, init); out.push([r.status, r.url, r.redirected, await r.text()]); } catch (e) { out.push([e.name, e.message]); } };
         const post = {method: 'POST', body: 'b', headers: {Authorization: 'secret', 'X-Keep': '1'}};
         await send(301, post); await send(303, {...post, method: 'PUT'}); await send(307, post); await send(302, {redirect: 'manual'}); await send(302, {redirect: 'error'});
         await send(308, {method: 'POST', body: ReadableStream.from([new Uint8Array([1])]), duplex: 'half'});
         for (const path of ['loop', 'metadata']) try { await fetch(`http://a.test/${path}`); } catch (e) { out.push([e.name, e.message]); } return out;",
    )
    .await;
    assert_eq!(value[0], json!([200, "http://b.test/echo", true, ""]));
    assert_eq!(value[1], json!([200, "http://b.test/echo", true, ""]));
    assert_eq!(value[2], json!([200, "http://b.test/echo", true, "b"]));
    assert_eq!(value[3], json!([302, "http://a.test/redirect/302", false, "gone"]));
    assert_eq!(value[4][0], "TypeError");
    assert!(value[5][1].as_str().unwrap().contains("a streamed body can't be sent again"));
    assert!(value[6][1].as_str().unwrap().contains("more than 20 redirects"));
    assert_eq!(value[7][1], "the policy forbids 169.254.169.254");
    let sent = host.seen.lock().sent.clone();
    assert_eq!(sent[1], "GET http://b.test/echo x-keep=1 ");
    assert_eq!(sent[3], "GET http://b.test/echo x-keep=1 ");
    assert_eq!(sent[5], "POST http://b.test/echo x-keep=1,content-type=text/plain;charset=UTF-8 b");
}

#[tokio::test]
async fn failures_and_aborts_can_be_caught() {
    let (value, _) = json_of(
        "const out = []; const tried = [() => fetch('http://a.test/none'), () => fetch('ftp://a.test/'), () => fetch('relative'),
           () => fetch('http://a.test/slow', {signal: AbortSignal.abort()}), () => fetch('http://a.test/slow', {signal: AbortSignal.timeout(20)}),
           async () => { const c = new AbortController(); const p = fetch('http://a.test/slow', {signal: c.signal}); c.abort(new Error('mine')); await p; },
           async () => { const c = new AbortController(); const r = await fetch('http://a.test/stalls', {signal: c.signal}); setTimeout(() => c.abort(), 10); await r.text(); },
           async () => { const c = new AbortController(); const r = await fetch('http://a.test/stalls', {signal: c.signal}); setTimeout(() => c.abort(), 10); for await (const x of r.body); },
           async () => (await fetch('http://a.test/broken')).text()];
         for (const f of tried) try { await f(); out.push('worked'); } catch (e) { out.push(`${e.name}: ${e.message}`); } return out;",
    )
    .await;
    let expected = [
        "TypeError: fetch of http://a.test/none failed: connection refused",
        "TypeError: fetch of ftp://a.test/ failed: the scheme must be http or https",
        "TypeError: Invalid URL: 'relative'",
        "AbortError: This operation was aborted",
        "TimeoutError: The operation timed out.",
        "Error: mine",
        "AbortError: This operation was aborted",
        "AbortError: This operation was aborted",
        "Error: the line went dead",
    ];
    assert_eq!(value, json!(expected));
}

#[tokio::test]
async fn large_bodies_take_little_memory() {
    let (value, host) = json_of(
        "let size = 0; for await (const piece of (await fetch('http://a.test/big')).body) size += piece.length;
         const blob = await Convex.jsSyscall('storage/getBlob', {storageId: 'big'});
         const up = await (await fetch('http://a.test/swallow', {method: 'POST', body: blob})).text();
         const through = await (await fetch('http://a.test/swallow', {method: 'POST', body: (await fetch('http://a.test/big')).body.pipeThrough(new TransformStream()), duplex: 'half'})).text();
         let part = 0; for await (const piece of blob.slice(-5).stream()) part += piece.length;
         return [size, Number(up), Number(through), blob.size, part];",
    )
    .await;
    let all = PIECE * PIECES;
    assert_eq!(value, json!([all, all, all, all, 5]));
    assert_eq!(host.seen.lock().pieces, 2 * PIECES);
}

#[tokio::test]
async fn the_host_is_not_asked_for_more_than_is_read() {
    let (value, host) = json_of(
        "const reader = (await fetch('http://a.test/big')).body.getReader(); await reader.read(); await reader.read();
         const byob = (await fetch('http://a.test/big')).body.getReader({mode: 'byob'}); const {value} = await byob.read(new Uint8Array(10));
         await call('echo', {ms: 50}); await reader.cancel(); return value.length;",
    )
    .await;
    assert_eq!(value, 10);
    assert!(host.seen.lock().pieces <= 4, "{}", host.seen.lock().pieces);
}

#[tokio::test]
async fn bodies_that_do_not_fit_are_an_error_of_the_app() {
    let program = program("export const f = action(async () => { try { await (await fetch('http://a.test/big')).arrayBuffer(); } catch (e) { return e.name; } });").await;
    let (outcome, _) = run_action(&program, "f").await;
    assert_eq!(outcome.result.unwrap(), "\"RangeError\"");
}

#[tokio::test]
async fn files() {
    let (value, host) = json_of(
        "const store = (blob, options) => Convex.jsSyscall('storage/storeBlob', {blob, options}); const get = (storageId) => Convex.jsSyscall('storage/getBlob', {storageId});
         const id = await store(new Blob(['ab', 'c'], {type: 'text/x'}), {sha256: 'digest'});
         const copied = await store(await get('small'));
         const late = new ReadableStream({ pull(c) { c.error(new Error('no more')); } });
         let broken; try { await store(await (async () => { const b = new Response(late); return b.blob(); })()); } catch (e) { broken = e.message; }
         const b = await get('small'); let wrong; try { await store('text'); } catch (e) { wrong = e.name; }
         return [id, copied, broken, b.size, b.type, b instanceof Blob, await b.text(), await b.text(), await get('none'), wrong];",
    )
    .await;
    assert_eq!(
        value,
        json!(["storage-id", "storage-id", "no more", 5, "text/plain", true, "hello", "hello", null, "TypeError"])
    );
    let sent = host.seen.lock().sent.clone();
    assert_eq!(sent, ["Some(\"text/x\") Some(\"digest\") Some(3) 3 abc", "Some(\"text/plain\") None Some(5) 5 hello"]);
}

#[tokio::test]
async fn forms_of_responses() {
    let (value, _) = json_of(
        "const d = await (await fetch('http://a.test/form')).formData(); const f = d.get('f');
         const own = new FormData(); own.append('k\"\\n', 'v\\r\\nw'); own.append('b', new Blob([new Uint8Array([0, 255, 13, 10, 45, 45])])); const back = await new Response(own).formData();
         return [d.get('a'), f.name, f.type, await f.text(), [...back.keys()], back.get('k\"\\r\\n'), [...await back.get('b').bytes()]];",
    )
    .await;
    assert_eq!(value, json!(["1", "n.txt", "text/html", "file", ["k\"\r\n", "b"], "v\r\nw", [0, 255, 13, 10, 45, 45]]));
}

/// Point 119.
#[tokio::test]
async fn unawaited_requests_and_files_are_named() {
    let (_, host) = json_of(
        "fetch('http://a.test/slow'); Convex.jsSyscall('storage/storeBlob', {blob: new Blob(['x'])}); (await fetch('http://a.test/stalls', {})).text();
         const r = await fetch('http://a.test/stalls'); new Response(r.body, {headers: {'content-type': 'multipart/form-data; boundary=x'}}); await fetch('http://a.test/echo');",
    )
    .await;
    let lines = host.seen.lock().pretty();
    assert!(lines[0].contains("[fetch, ") && lines[0].contains("unawaited operation"), "{}", lines[0]);
}

#[tokio::test]
async fn broken_prototypes_break_only_their_owner() {
    let source = "export const f = action(async () => {
      const {then} = Promise.prototype; const {push} = Array.prototype;
      Promise.prototype.then = function () { throw new Error('then'); }; Array.prototype.push = function () { return push.call(this, 'evil'); };
      Uint8Array.prototype.set = () => {}; JSON.parse = () => ({status: 200, headers: [], body: 1}); JSON.stringify = () => '{\"method\":\"GET\",\"url\":\"http://169.254.169.254/\",\"headers\":[]}';
      Object.prototype.url = 'http://169.254.169.254/'; String.prototype.startsWith = () => true;
      let message; try { await fetch('http://a.test/echo'); } catch (e) { message = e.message; }
      Promise.prototype.then = then; return message ?? 'none';
    }); export const g = action(async () => (await fetch('http://a.test/echo', {method: 'POST', body: 'fine'})).text());";
    let program = program(source).await;
    let (outcome, host) = run_action(&program, "f").await;
    // What it made of its own call is its business; the host was asked like by any other, and held together.
    assert!(!matches!(outcome.result, Err(JsFailure { kind: FailureKind::Internal, .. })));
    assert!(host.seen.lock().sent.iter().all(|sent| sent.starts_with("GET ")));
    let (outcome, _) = run_action(&program, "g").await;
    assert_eq!(outcome.result.unwrap(), "\"fine\"");
}

#[tokio::test]
async fn eight_bodies_at_a_time_do_not_block_one_another() {
    let (value, _) = json_of(
        "const bodies = Array.from({length: 30}, (_, n) => fetch('http://a.test/swallow', {method: 'POST', duplex: 'half', body: ReadableStream.from([new Uint8Array(n), new Uint8Array(1)])}));
         return (await Promise.all(bodies.map(async (b) => Number(await (await b).text())))).reduce((a, b) => a + b);",
    )
    .await;
    assert_eq!(value, 30 * 29 / 2 + 30);
}

/// A test of one kind of hosts must not depend on what they add later.
#[tokio::test]
async fn hosts_without_network_say_so() {
    struct Bare;
    impl ActionHost for Bare {
        fn syscall(&self, _: &str, args: &str) -> Result<String, SyscallError> {
            Ok(args.to_owned())
        }
        fn start(&self, call: AsyncCall) -> futures::future::BoxFuture<'static, Result<String, SyscallError>> {
            Box::pin(async { Ok(call.args) })
        }
        fn log(&self, _: LogLine) {}
    }
    let program = program("export const f = action(async () => { try { await fetch('http://a.test/'); } catch (e) { return e.message; } });").await;
    let outcome = pool().run_action(invocation(&program, "f", UdfKind::Action, "[{}]"), Arc::new(Bare)).await;
    assert!(outcome.result.unwrap().contains("http://a.test/"));
}
