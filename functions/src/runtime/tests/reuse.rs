//! Contexts that are used again, and those that are not.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fake::*;
use crate::runtime::*;

const REUSE: &str = "export const experimental_reuseContext = true;";
const COUNT: &str = "const state = {n: 0}; export const f = query(async () => ++state.n);
    export const fail = query(async () => { state.n += 100; throw new Error('boom'); });
    export const late = query(async () => { state.n += 100; Promise.reject(new Error('late')); await null; await null; });
    export const outer = query(async () => [++state.n, await call('call', {export: 'f', kind: 'query', args: [{}]}), ++state.n]);";

/// One thread, so that all calls meet.
fn one_thread() -> Pool {
    pool_with(RuntimeOptions { workers: 1, max_workers: 1, ..RuntimeOptions::default() })
}

async fn build(pool: &Pool, source: &str) -> Arc<Program> {
    let bundle = bundle_of(vec![module("m.js", &format!("{REGISTER}{source}"))], &["m.js"]);
    pool.build(bundle).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn ask(pool: &Pool, call: Invocation) -> Result<String, FailureKind> {
    let (outcome, _) = pool.run(call, FakeHost::default()).await;
    outcome.result.map_err(|failure| failure.kind)
}

async fn query(pool: &Pool, program: &Arc<Program>, export: &str) -> Result<String, FailureKind> {
    ask(pool, invocation(program, export, UdfKind::Query, "[{}]")).await
}

#[tokio::test]
async fn modules_that_ask_for_it_keep_their_context() {
    let pool = one_thread();
    let program = build(&pool, &format!("{REUSE}{COUNT}")).await;
    for n in 1..5 {
        assert_eq!(query(&pool, &program, "f").await, Ok(n.to_string()));
    }
    let mutation = build(&pool, &format!("{REUSE}let n = 0; export const f = mutation(async () => ++n);")).await;
    for n in 1..5 {
        let call = invocation(&mutation, "f", UdfKind::Mutation, "[{}]");
        assert_eq!(ask(&pool, call).await, Ok(n.to_string()));
    }
}

#[tokio::test]
async fn nobody_else_does() {
    let pool = one_thread();
    for flag in ["", "export const experimental_reuseContext = false;", "export const experimental_reuseContext = 1;"] {
        let program = build(&pool, &format!("{flag}{COUNT}")).await;
        for _ in 0..3 {
            assert_eq!(query(&pool, &program, "f").await, Ok("1".to_owned()), "{flag}");
        }
    }
}

#[tokio::test]
async fn a_failure_ends_the_context() {
    let pool = one_thread();
    let program = build(&pool, &format!("{REUSE}{COUNT}")).await;
    for (export, kind) in [("fail", FailureKind::Thrown), ("late", FailureKind::UnhandledRejection)] {
        assert_eq!(query(&pool, &program, "f").await, Ok("1".to_owned()));
        assert_eq!(query(&pool, &program, export).await, Err(kind));
    }
    assert_eq!(query(&pool, &program, "f").await, Ok("1".to_owned()));
}

/// The context of a call that waits is not given to the one it calls.
#[tokio::test]
async fn one_call_at_a_time_is_in_a_context() {
    let pool = one_thread();
    let program = build(&pool, &format!("{REUSE}{COUNT}")).await;
    let call = || invocation(&program, "outer", UdfKind::Query, "[{}]");
    let (outcome, _) = pool.run(call(), FakeHost::default()).await;
    assert_eq!(outcome.result.unwrap(), "[1,1,2]");
}

#[tokio::test]
async fn what_is_kept_may_not_take_all_memory() {
    let pool = one_thread();
    let source = "const kept = []; export const f = query(async () => {
        kept.push(new Array(200_000).fill(0.5)); return kept.length; });";
    let program = build(&pool, &format!("{REUSE}{source}")).await;
    let mut most = 0;
    for _ in 0..60 {
        let kept: usize = query(&pool, &program, "f").await.expect("there is memory for each").parse().unwrap();
        most = most.max(kept);
    }
    assert!((5..40).contains(&most), "{most}");
}

#[tokio::test]
async fn other_variables_make_another_context() {
    let pool = one_thread();
    // `Intl` can't be frozen in every build: evaluated at the first call.
    let source = "const format = new Intl.NumberFormat('en-US'); const seen = process.env.A; let n = 0;
        export const f = query(async () => [seen, ++n, format.format(1)]);";
    let program = build(&pool, &format!("{REUSE}{source}")).await;
    let with = |value: &str| {
        let mut call = invocation(&program, "f", UdfKind::Query, "[{}]");
        call.env = Arc::new(BTreeMap::from([("A".to_owned(), value.to_owned())]));
        call
    };
    assert_eq!(ask(&pool, with("a")).await, Ok(r#"["a",1,"1"]"#.to_owned()));
    assert_eq!(ask(&pool, with("a")).await, Ok(r#"["a",2,"1"]"#.to_owned()));
    assert_eq!(ask(&pool, with("b")).await, Ok(r#"["b",1,"1"]"#.to_owned()));
}
