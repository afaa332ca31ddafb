use super::fake::*;
use crate::runtime::*;

async fn json_of(source: &str) -> (serde_json::Value, FakeHost) {
    let program = program(&format!("export const f = action(async () => {{ {source} }});")).await;
    let (outcome, host) = run_action(&program, "f").await;
    let json = outcome.result.unwrap_or_else(|failure| panic!("{}", failure.message));
    (serde_json::from_str(&json).unwrap(), host)
}

#[tokio::test]
async fn results_come_as_they_are_done() {
    let (value, _) = json_of(
        "const order = []; await Promise.all([60, 1, 30].map((ms) => call('echo', {ms}).then(() => order.push(ms)))); return order;",
    )
    .await;
    assert_eq!(value, serde_json::json!([1, 30, 60]));
}

#[tokio::test]
async fn many_operations_take_turns() {
    let (value, host) =
        json_of("return (await Promise.all(Array.from({length: 1000}, (_, n) => call('echo', {n})))).length;").await;
    assert_eq!(value, 1000);
    assert_eq!(host.seen.lock().batches.len(), 1000);
}

#[tokio::test]
async fn timers_fire_in_order() {
    let (value, _) = json_of(
        "const order = []; const s = new AsyncLocalStorage();
         await new Promise((done) => {
           setTimeout(() => order.push('b'), 300); setTimeout((x) => order.push(x), 5, 'a');
           const gone = setTimeout(() => order.push('never'), 1); clearTimeout(gone);
           let n = 0; const id = setInterval(() => { order.push(n++); if (n === 2) { clearInterval(id); s.run(1, () => setTimeout(() => { order.push(s.getStore()); done(); }, 600)); } }, 8);
         }); return order;",
    )
    .await;
    assert_eq!(value, serde_json::json!(["a", 0, 1, "b", 1]));
}

#[tokio::test]
async fn time_passes() {
    let (value, _) = json_of("const t = Date.now(), p = performance.now(); await call('echo', {ms: 20}); return [Date.now() - t >= 19, performance.now() - p >= 19];").await;
    assert_eq!(value, serde_json::json!([true, true]));
}

#[tokio::test]
async fn modules_can_be_imported() {
    let main = format!(
        "{REGISTER}import * as shared from './shared.js'; export const f = action(async () => {{ const late = await import('./late.js'); const same = await import('./shared.js'); return [late.value, same === shared, (await import('./late.js')) === late]; }});"
    );
    let modules = vec![
        module("m.js", &main),
        module("shared.js", "export const n = 1;"),
        module("late.js", "import {n} from './shared.js'; export const value = n + 1;"),
    ];
    let program = pool().build(bundle_of(modules, &["m.js"])).await.unwrap();
    let (outcome, _) = run_action(&program, "f").await;
    assert_eq!(outcome.result.unwrap(), "[2,true,true]");
}

#[tokio::test]
async fn unawaited_operations_are_warned_of() {
    let (_, host) = json_of("call('1.0/actions/mutation', {ms: 1000}); call('1.0/storageDelete', {ms: 1000});").await;
    let lines = host.seen.lock().pretty();
    assert!(lines[0].starts_with("[WARN] 2 unawaited operations: [mutation, storage.delete]."), "{}", lines[0]);
    assert_eq!(host.seen.lock().lines[0].system_code.as_deref(), Some("UnawaitedOperations"));
}

#[tokio::test]
async fn actions_time_out() {
    let program = program("export const spin = action(async () => { for (;;); }); export const wait = action(async () => { await new Promise((r) => setTimeout(r, 60000)); });").await;
    for export in ["spin", "wait"] {
        let mut call = invocation(&program, export, UdfKind::Action, "[{}]");
        call.limits.action_time = std::time::Duration::from_millis(150);
        let outcome = pool().run_action(call, std::sync::Arc::new(FakeHost::default())).await;
        assert_eq!(outcome.result.unwrap_err().kind, FailureKind::Timeout);
    }
}

#[tokio::test]
async fn failures_of_actions() {
    let program = program("export const loose = action(async () => { Promise.reject(new Error('x')); await call('echo'); }); export const stuck = action(() => new Promise(() => {})); export const timer = action(() => new Promise(() => setTimeout(() => { throw new Error('in timer'); }, 1)));").await;
    for (export, kind) in [
        ("loose", FailureKind::UnhandledRejection),
        ("stuck", FailureKind::NeverResolves),
        ("timer", FailureKind::Thrown),
    ] {
        let (outcome, _) = run_action(&program, export).await;
        assert_eq!(outcome.result.unwrap_err().kind, kind);
    }
}

#[tokio::test]
async fn too_many_actions_are_refused() {
    let options = RuntimeOptions {
        max_actions: 1,
        action_queue_time: std::time::Duration::from_millis(100),
        ..RuntimeOptions::default()
    };
    let pool = pool_with(options);
    let program = program("export const f = action(async () => { await call('echo', {ms: 800}); });").await;
    let run = || {
        pool.run_action(invocation(&program, "f", UdfKind::Action, "[{}]"), std::sync::Arc::new(FakeHost::default()))
    };
    let (first, second) = tokio::join!(run(), run());
    assert!(first.result.is_ok());
    assert_eq!(second.result.unwrap_err().kind, FailureKind::Overloaded);
}
