use super::fake::*;
use crate::runtime::*;

const SOURCE: &str = "
export const add = query(async ({a, b}) => { await call('echo'); return a + b; });
export const random = query(async () => Math.random());
export const boom = query(async () => { throw new Error('inner'); });
export const reject = query(async () => { Promise.reject(new Error('loose')); await call('echo'); });
export const spin = query(async () => { for (;;); });
export const uncatchable = query(async () => { try { Convex.jsSyscall('nope', {}); } catch {} return 1; });
export const deep = query(async ({n}) => n === 0 ? 0 : 1 + await call('call', {export: 'deep', args: [{n: n - 1}]}));
export const outer = query(async ({export: e, args, elsewhere}) => {
  try { return await call('call', {export: e, args: [args ?? {}], elsewhere}); } catch (error) { return error.message; }
});
";

async fn outer(args: &str) -> (Outcome, FakeHost) {
    let program = program(SOURCE).await;
    run_query(&program, "outer", args).await
}

#[tokio::test]
async fn a_function_calls_another() {
    let (outcome, host) = outer(r#"[{"export":"add","args":{"a":1,"b":2}}]"#).await;
    assert_eq!(outcome.result.unwrap(), "3");
    assert_eq!(host.seen.lock().nested, ["begin add", "end add true"]);
}

#[tokio::test]
async fn failures_of_the_inner_can_be_caught() {
    for (export, text) in [("boom", "inner"), ("reject", "loose"), ("uncatchable", "Unknown operation nope")] {
        let (outcome, host) = outer(&format!(r#"[{{"export":"{export}"}}]"#)).await;
        let message = outcome.result.unwrap();
        assert!(message.contains(text), "{message}");
        assert_eq!(host.seen.lock().nested.last().unwrap(), &format!("end {export} false"));
    }
}

#[tokio::test]
async fn a_timeout_of_the_inner_ends_the_outer() {
    let program = program(SOURCE).await;
    let mut call = invocation(&program, "outer", UdfKind::Query, r#"[{"export":"spin"}]"#);
    call.limits.user_time = std::time::Duration::from_millis(100);
    let (outcome, _) = run_udf(call, FakeHost::default()).await;
    assert_eq!(outcome.result.unwrap_err().kind, FailureKind::Timeout);
}

#[tokio::test]
async fn the_depth_is_limited() {
    let program = program(SOURCE).await;
    let (outcome, _) = run_query(&program, "deep", r#"[{"n":7}]"#).await;
    assert_eq!(outcome.result.unwrap(), "7");
    let (outcome, _) = run_query(&program, "deep", r#"[{"n":8}]"#).await;
    assert!(outcome.result.unwrap_err().message.contains("depth limit"));
}

#[tokio::test]
async fn what_the_inner_observed_the_outer_did_too() {
    let (outcome, _) = outer(r#"[{"export":"random"}]"#).await;
    assert!(outcome.observed.random && !outcome.observed.time);
}

#[tokio::test]
async fn a_call_into_another_program() {
    let inner = program(
        "export const here = query(async () => 'other'); export const back = query(async () => { for (;;); });",
    )
    .await;
    let program = program(SOURCE).await;
    let host = FakeHost { other: Some(inner), ..FakeHost::default() };
    let call = invocation(&program, "outer", UdfKind::Query, r#"[{"export":"here","elsewhere":true}]"#);
    let (outcome, host) = run_udf(call, host).await;
    assert_eq!(outcome.result.unwrap(), "\"other\"");
    let mut call = invocation(&program, "outer", UdfKind::Query, r#"[{"export":"back","elsewhere":true}]"#);
    call.limits.user_time = std::time::Duration::from_millis(100);
    let (outcome, _) = run_udf(call, host).await;
    assert_eq!(outcome.result.unwrap_err().kind, FailureKind::Timeout);
}
