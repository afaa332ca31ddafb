use super::fake::*;
use crate::runtime::*;

#[tokio::test]
async fn frames_are_mapped_to_the_sources() {
    let program = pool().build(bundle_of(fixture().modules, &["messages.js"])).await.unwrap();
    let (outcome, _) = run_query(&program, "broken", "[{}]").await;
    let message = outcome.result.unwrap_err().message;
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(lines[0], "Uncaught Error: failed: on purpose");
    assert_eq!(lines[1], "    at fail (../convex/shared.ts:6:9)", "{message}");
    assert_eq!(lines[2], "    at ../convex/messages.ts:46:48", "{message}");
    assert!(message.contains("(../node_modules/convex/src/server/impl/registration_impl.ts:"), "{message}");
}

#[tokio::test]
async fn frames_of_the_package_on_top_are_left_out() {
    let program = pool().build(bundle_of(fixture().modules, &["messages.js"])).await.unwrap();
    let (outcome, _) = run_query(&program, "failingSyscall", "[{}]").await;
    let message = outcome.result.unwrap_err().message;
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(lines[0], "Uncaught Error: no such table");
    assert!(lines[1].starts_with("    at async ../convex/messages.ts:"), "{message}");
}

#[tokio::test]
async fn whatever_is_thrown_is_told() {
    for (thrown, message) in [
        ("new Error('boom')", "Uncaught Error: boom\n    at"),
        ("new TypeError()", "Uncaught TypeError\n    at"),
        ("Object.assign(new Error('m'), {name: ''})", "Uncaught m\n    at"),
        ("'text'", "Uncaught text"),
        ("null", "Uncaught null"),
        ("{a: 1}", "Uncaught #<Object>"),
        ("{message: 'like an error', name: 'Mine'}", "Uncaught Mine: like an error"),
        ("new DOMException('d', 'AbortError')", "Uncaught AbortError: d"),
        ("Object.create(null)", "Uncaught [object Object]"),
    ] {
        let failure = failure_of(&format!("throw {thrown};")).await;
        assert!(failure.message.starts_with(message), "{thrown}: {}", failure.message);
        assert_eq!(failure.kind, FailureKind::Thrown);
    }
}

#[tokio::test]
async fn stacks_are_text_and_can_be_customized() {
    let value = value_of(
        "const stack = new Error('s').stack.split('\\n');
         Error.prepareStackTrace = (error, sites) => sites.length > 0;
         return [stack[0], stack[1], new Error('t').stack];",
    )
    .await;
    assert_eq!(value[0], "Error: s");
    assert!(value[1].as_str().unwrap().starts_with("    at "), "{value}");
    assert_eq!(value[2], true);
}

#[tokio::test]
async fn uncatchable_errors_end_the_function() {
    let failure = failure_of("try { Convex.jsSyscall('nope', {}); } catch {} return 1;").await;
    assert_eq!(failure.kind, FailureKind::Uncatchable);
    assert!(failure.message.contains("Unknown operation nope"));
}
