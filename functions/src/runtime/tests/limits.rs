use std::time::Duration;

use super::fake::*;
use crate::runtime::*;

async fn with_user_time(source: &str, time: Duration) -> JsFailure {
    let program = program(&format!("export const f = query(async () => {{ {source} }});")).await;
    let mut call = invocation(&program, "f", UdfKind::Query, "[{}]");
    call.limits.user_time = time;
    let (outcome, _) = run_udf(call, FakeHost::default()).await;
    // The thread goes on with another isolate.
    let (after, _) = run_query(&program_of_one().await, "f", "[{}]").await;
    assert_eq!(after.result.unwrap(), "1");
    outcome.result.expect_err("it is stopped")
}

async fn program_of_one() -> std::sync::Arc<Program> {
    program("export const f = query(async () => 1);").await
}

#[tokio::test]
async fn endless_loops_are_stopped() {
    for source in [
        "while (true) {}",
        "while (true) { new Array(1000).fill(1.5); }",
        "for (;;) await null;",
        "try { for (;;); } finally { for (;;); }",
        "/^(a+)+$/.test('a'.repeat(40) + 'b');",
        "throw { get message() { for (;;); } };",
    ] {
        let failure = with_user_time(source, Duration::from_millis(150)).await;
        assert_eq!(failure.kind, FailureKind::Timeout, "{source}: {}", failure.message);
        assert!(failure.message.contains("Function execution timed out"));
    }
}

#[tokio::test]
async fn a_syscall_that_takes_too_long_is_given_up() {
    let program = program("export const f = query(async () => { await call('never'); });").await;
    let mut call = invocation(&program, "f", UdfKind::Query, "[{}]");
    call.limits.system_time = Duration::from_millis(50);
    let (outcome, _) = run_udf(call, FakeHost::default()).await;
    assert_eq!(outcome.result.unwrap_err().kind, FailureKind::SystemTimeout);
}

#[tokio::test]
async fn memory_is_limited() {
    for source in [
        "const all = []; for (;;) all.push(new Array(1000).fill(1.5));",
        "const all = []; for (let i = 0;; i++) all.push('x'.repeat(1000) + i);",
        "const all = []; for (;;) all.push(new Array(4e6).fill({}));",
        "const s = 'x'.repeat(2 ** 29 - 25); const all = []; for (let i = 0;; i++) all.push((s + i).charCodeAt(5), [...s.slice(0, 1e6)]);",
        "try { new ArrayBuffer(1 << 30); } catch {} const all = []; for (;;) all.push(new Array(8e6).fill({}));",
        "let s = 'ab'; for (let i = 0; i < 27; i++) s += s; const all = []; for (;;) all.push([...s.slice(0, 1e6)]);",
    ] {
        let failure = with_user_time(source, Duration::from_secs(30)).await;
        assert_eq!(failure.kind, FailureKind::OutOfMemory, "{source}: {}", failure.message);
        assert!(failure.message.contains("ran out of memory"));
    }
}

#[tokio::test]
async fn array_buffers_are_limited() {
    let value = value_of(
        "const all = []; for (let i = 0; i < 48; i++) all.push(new Uint8Array(1 << 20).fill(1)); try { new ArrayBuffer(17 << 20); } catch (e) { return e.name; }",
    )
    .await;
    assert_eq!(value, "RangeError");
}

#[tokio::test]
async fn too_deep_recursion_is_an_ordinary_error() {
    let value = value_of("const f = () => f(); try { f(); } catch (e) { return e.name; }").await;
    assert_eq!(value, "RangeError");
}

#[tokio::test]
async fn memory_outside_of_the_heap_is_limited() {
    for source in [
        "const all = []; for (;;) { const b = new ArrayBuffer(1 << 24, {maxByteLength: 1 << 24}); new Uint8Array(b).fill(1); all.push(b); }",
        "const b = new ArrayBuffer(0, {maxByteLength: 1 << 30}); b.resize(1 << 30); new Uint8Array(b).fill(1); for (;;) b.resize(1 << 30);",
        "const all = []; for (;;) { const m = new WebAssembly.Memory({initial: 512}); new Uint8Array(m.buffer).fill(1); all.push(m); }",
        "const all = []; for (;;) { const m = new WebAssembly.Memory({initial: 1}); m.grow(511); all.push(m); }",
        "const all = []; for (;;) { const m = new WebAssembly.Memory({initial: 1, maximum: 512, shared: true}); m.grow(511); all.push(m); }",
        "const s = 'x'.repeat(1 << 22); for (;;) Convex.asyncSyscall('op', s);",
    ] {
        let failure = with_user_time(source, Duration::from_secs(30)).await;
        assert_eq!(failure.kind, FailureKind::OutOfMemory, "{source}: {}", failure.message);
    }
    let (kind, message) = (FailureKind::Thrown, "RangeError: A SharedArrayBuffer can't be growable");
    let failure = with_user_time("new SharedArrayBuffer(1, {maxByteLength: 1 << 30});", Duration::from_secs(30)).await;
    assert!(failure.kind == kind && failure.message.contains(message), "{}", failure.message);
}

#[tokio::test]
async fn what_cannot_be_stopped_is_given_up() {
    let program =
        program("export const f = query(async () => Array.prototype.includes.call({length: 2 ** 32}, 1));").await;
    let mut call = invocation(&program, "f", UdfKind::Query, "[{}]");
    call.limits.user_time = Duration::from_millis(100);
    let (outcome, host) = pool().run(call, FakeHost::default()).await;
    assert_eq!(outcome.result.unwrap_err().kind, FailureKind::Timeout);
    assert!(host.is_none());
    let (after, _) = run_query(&program_of_one().await, "f", "[{}]").await;
    assert_eq!(after.result.unwrap(), "1");
}
