use super::fake::*;
use crate::runtime::*;

#[tokio::test]
async fn functions_of_the_package_run() {
    let bundle = bundle_of(fixture().modules, &["messages.js"]);
    let program = pool().build(bundle).await.unwrap();
    let (outcome, _) = run_query(&program, "trivial", "[{}]").await;
    assert_eq!(outcome.result.unwrap(), "\"hello\"");
    assert_eq!(outcome.observed, Observed::default());
    let (outcome, host) = run_query(&program, "many", r#"[{"count":3}]"#).await;
    assert_eq!(outcome.result.unwrap(), "0");
    assert_eq!(host.seen.lock().batches.len(), 3);
    let (outcome, _) = run_query(&program, "list", "[{}]").await;
    assert_eq!(outcome.result.unwrap(), "[]");
    let (outcome, _) = run_query(&program, "coded", "[{}]").await;
    let failure = outcome.result.unwrap_err();
    assert_eq!(failure.data.as_deref(), Some(r#"{"code":{"$integer":"BwAAAAAAAAA="}}"#));
    assert!(failure.message.starts_with("Uncaught ConvexError: "), "{}", failure.message);
}

#[tokio::test]
async fn no_state_survives_a_call() {
    let program = program(
        "let calls = 0; const seen = []; export const f = query(async () => {
           seen.push(1); globalThis.leak = (globalThis.leak ?? 0) + 1;
           return [++calls, seen.length, globalThis.leak];
         });",
    )
    .await;
    for _ in 0..3 {
        let (outcome, _) = run_query(&program, "f", "[{}]").await;
        assert_eq!(outcome.result.unwrap(), "[1,1,1]");
    }
}

#[tokio::test]
async fn reads_are_batched_and_writes_are_not() {
    let program = program(
        "export const f = query(async () => {
           await Promise.all([
             call('1.0/get', {id: 1}), call('1.0/queryStreamNext', {id: 2}), call('echo', {id: 3}),
             call('1.0/get', {id: 4}), call('1.0/storageGetUrl', {}), call('1.0/storageGetUrl', {}),
             ...Array.from({length: 17}, () => call('1.0/get', {})),
           ]);
         });",
    )
    .await;
    let (outcome, host) = run_query(&program, "f", "[{}]").await;
    outcome.result.unwrap();
    let sizes: Vec<usize> = host.seen.lock().batches.iter().map(Vec::len).collect();
    assert_eq!(sizes, [2, 1, 1, 2, 16, 1]);
    assert_eq!(host.seen.lock().batches[0][0], r#"1.0/get {"id":1}"#);
}

#[tokio::test]
async fn unawaited_syscalls_are_run_before_the_end() {
    let program =
        program("export const f = mutation(async () => { call('write').then(() => call('write')); return 1; });").await;
    let call = invocation(&program, "f", UdfKind::Mutation, "[{}]");
    let (outcome, host) = run_udf(call, FakeHost::default()).await;
    assert_eq!(outcome.result.unwrap(), "1");
    assert_eq!(host.seen.lock().batches.len(), 2);
}

#[tokio::test]
async fn syscalls_fail_as_errors_that_can_be_caught() {
    let value = value_of(
        "const caught = [];
         try { Convex.syscall('fail', '{}'); } catch (e) { caught.push(e instanceof Error, e.message); }
         try { await call('fail'); } catch (e) { caught.push(e.message, 'data' in e); }
         try { await call('failWithData'); } catch (e) { caught.push(e.message, e.data); }
         return caught;",
    )
    .await;
    let expected = serde_json::json!([true, "sync failure", "it failed", false, "with data", {"a": 1}]);
    assert_eq!(value, expected);
}

#[tokio::test]
async fn a_fatal_syscall_ends_the_function() {
    let failure = failure_of("try { await call('fatal'); } catch {} return 1;").await;
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Host, "the disk is full"));
    let failure = failure_of("try { await call('transient'); } catch {} return 1;").await;
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Unavailable, "the store is away"));
}

#[tokio::test]
async fn a_promise_that_cannot_settle_is_an_error() {
    let failure = failure_of("await new Promise(() => {});").await;
    assert_eq!(failure.kind, FailureKind::NeverResolves);
}

#[tokio::test]
async fn unhandled_rejections_fail_the_function() {
    let failure = failure_of("call('fail'); return 1;").await;
    assert_eq!(failure.kind, FailureKind::UnhandledRejection);
    assert!(failure.message.starts_with("Uncaught Error: it failed"), "{}", failure.message);
    let value = value_of("const p = Promise.reject(new Error('late')); p.catch(() => {}); return 2;").await;
    assert_eq!(value, 2);
}

#[tokio::test]
async fn only_registered_functions_of_the_kind_are_called() {
    let program =
        program("export const q = query(async () => 1); export const plain = () => 1; export const n = 5;").await;
    for (export, kind, text) in [
        ("missing", UdfKind::Query, "Couldn't find 'missing' in module 'm.js'"),
        ("q", UdfKind::Mutation, "'m:q' as mutation, but it is defined as query"),
        ("plain", UdfKind::Query, "'m:plain' is not a registered query"),
        ("n", UdfKind::Query, "'m:n' is not a function"),
    ] {
        let (outcome, _) = run_udf(invocation(&program, export, kind, "[{}]"), FakeHost::default()).await;
        let failure = outcome.result.unwrap_err();
        assert_eq!(failure.kind, FailureKind::NotCallable);
        assert!(failure.message.contains(text), "{}", failure.message);
    }
}

#[tokio::test]
async fn slow_syscalls_do_not_count_as_user_time() {
    let program = program("export const f = query(async () => { await call('slow'); return 1; });").await;
    let mut call = invocation(&program, "f", UdfKind::Query, "[{}]");
    call.limits.user_time = std::time::Duration::from_millis(40);
    let (outcome, _) = run_udf(call, FakeHost::default()).await;
    assert_eq!(outcome.result.unwrap(), "1");
}
