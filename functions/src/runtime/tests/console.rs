use super::fake::*;

async fn lines(body: &str) -> Vec<String> {
    let program = program(&format!("export const f = query(async () => {{ {body} }});")).await;
    let (outcome, host) = run_query(&program, "f", "[{}]").await;
    outcome.result.unwrap_or_else(|failure| panic!("{}", failure.message));
    host.seen.lock().pretty()
}

#[tokio::test]
async fn levels_and_values() {
    let lines = lines(
        "console.log('a\\'b\\n', 1, -0, true, null, undefined, 10n); console.warn([1, 'x']); console.error(new Error('e'));
         console.info({a: {b: 1}}); console.debug(Symbol('s'), function named() {});",
    )
    .await;
    assert_eq!(
        lines,
        [
            r"[LOG] 'a\'b\n' 1 -0 true null undefined 10n",
            "[WARN] [ 1, 'x' ]",
            "[ERROR] [Error: e]",
            "[INFO] {\n  a: {\n    b: 1\n  }\n}",
            "[DEBUG] Symbol(s) [Function: named]",
        ]
    );
}

/// Made with the npm package: see `tests/fixtures/runtime/inspect.mjs`.
#[tokio::test]
async fn values_look_as_with_object_inspect() {
    let cases: Vec<(String, String)> =
        serde_json::from_str(include_str!("../../../tests/fixtures/runtime/inspect.json")).unwrap();
    for (source, expected) in cases {
        let printed = lines(&format!("console.log({source});")).await;
        assert_eq!(printed, [format!("[LOG] {expected}")], "{source}");
    }
}

#[tokio::test]
async fn only_the_named_methods_exist() {
    let value =
        value_of("return [Object.keys(console), typeof console.table, Object.prototype.toString.call(console)];").await;
    let expected = serde_json::json!([["debug", "error", "warn", "info", "log"], "undefined", "[object console]"]);
    assert_eq!(value, expected);
}

#[tokio::test]
async fn timers_and_traces() {
    let lines = lines("console.time('t'); console.time('t'); console.timeLog('t', 1); console.timeEnd('t'); console.timeEnd('t'); console.trace('here');").await;
    assert_eq!(lines[0], "[WARN] Timer 't' already exists");
    assert!(lines[1].starts_with("[INFO] t: ") && lines[1].ends_with("ms 1"), "{}", lines[1]);
    assert!(lines[2].starts_with("[INFO] t: ") && lines[2].ends_with("ms"), "{}", lines[2]);
    assert_eq!(lines[3], "[WARN] Timer 't' does not exist");
    assert!(lines[4].starts_with("[LOG] 'here' at "), "{}", lines[4]);
}

#[tokio::test]
async fn output_is_limited() {
    let printed = lines("for (let i = 0; i < 300; i++) console.log(i);").await;
    assert_eq!(printed.len(), 256);
    assert!(printed[255].contains("Log overflow"));
    let printed = lines("console.log('\u{20ac}'.repeat(20000), 'more');").await;
    assert!(printed[0].ends_with(" (truncated due to length)"));
    assert!(printed[0].len() <= 32_768 + "[LOG]  (truncated due to length)".len());
}
