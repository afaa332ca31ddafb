use std::sync::Arc;

use super::fake::*;
use crate::runtime::*;

#[tokio::test]
async fn a_build_can_be_kept() {
    let source = format!("{REGISTER} const at = Math.random(); export const f = query(async () => at);");
    let bundle = bundle_of(vec![module("m.js", &source)], &["m.js"]);
    let built = pool().build(bundle.clone()).await.unwrap();
    let bytes = built.to_bytes();
    let loaded = Arc::new(Program::from_bytes(bundle.clone(), &bytes).unwrap());
    let (a, _) = run_query(&built, "f", "[{}]").await;
    let (b, _) = run_query(&loaded, "f", "[{}]").await;
    assert_eq!(a.result.unwrap(), b.result.unwrap());
    let mut damaged = bytes.clone();
    damaged[bytes.len() / 2] ^= 1;
    assert!(Program::from_bytes(bundle.clone(), &damaged).is_none());
    assert!(Program::from_bytes(bundle.clone(), &bytes[..100]).is_none());
}

#[test]
fn code_keys_tell_code_apart() {
    let key = |seed: u8, entries: &[&'static str], modules: &[(&'static str, &'static str)]| {
        CodeKey::new(&[seed; 32], 1.0, entries.iter().copied(), modules.iter().copied())
    };
    let of = key(1, &["a"], &[("a", "1"), ("b", "2")]);
    assert_eq!(of, key(1, &["a"], &[("a", "1"), ("b", "2")]));
    for other in [
        key(2, &["a"], &[("a", "1"), ("b", "2")]),
        key(1, &["b"], &[("a", "1"), ("b", "2")]),
        key(1, &["a"], &[("a", "1"), ("b", "3")]),
        key(1, &["a"], &[("a", "1"), ("b2", "")]),
    ] {
        assert_ne!(of, other);
    }
}

#[tokio::test]
async fn a_program_depends_on_the_variables_its_modules_saw() {
    let source = format!(
        "{REGISTER} const seen = [process.env.A, process.env.B]; export const f = query(async () => [...seen, process.env.C]);"
    );
    let env = |pairs: &[(&str, &str)]| -> std::collections::BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let mut bundle = bundle_of(vec![module("m.js", &source)], &["m.js"]);
    bundle.env = env(&[("A", "1"), ("C", "3")]);
    let program = pool().build(bundle.clone()).await.unwrap();
    assert!(program.fits(&env(&[("A", "1"), ("C", "4"), ("D", "5")])));
    assert!(!program.fits(&env(&[("A", "2")])) && !program.fits(&env(&[("A", "1"), ("B", "")])));
    let loaded = Program::from_bytes(bundle.clone(), &program.to_bytes()).unwrap();
    assert!(!loaded.fits(&env(&[])) && loaded.env_key() == program.env_key());
    bundle.env = env(&[("A", "1"), ("B", "")]);
    assert_ne!(pool().build(bundle).await.unwrap().env_key(), program.env_key());
}

#[tokio::test]
async fn what_cannot_be_frozen_is_evaluated_each_time() {
    let source = format!(
        "{REGISTER} import {{n}} from './n.js'; const wasm = new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
         const format = new Intl.NumberFormat('en-US'); const at = Math.random();
         export const f = query(async () => [format.format(1234.5), new WebAssembly.Instance(wasm) instanceof WebAssembly.Instance, n, at, (await WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))) instanceof WebAssembly.Module]);"
    );
    let modules = vec![module("m.js", &source), module("n.js", "export const n = 5;")];
    let program = pool().build(bundle_of(modules, &["m.js"])).await.unwrap();
    let (a, _) = run_query(&program, "f", "[{}]").await;
    let (b, _) = run_query(&program, "f", "[{}]").await;
    let a = a.result.unwrap();
    assert!(a.starts_with(r#"["1,234.5",true,5,0."#) && a.ends_with(",true]"), "{a}");
    assert_eq!(a, b.result.unwrap());
}

#[tokio::test]
async fn modules_that_leave_v8_no_room_are_evaluated_each_time() {
    for hostile in [
        "Error.stackTraceLimit = 1;",
        "Object.defineProperty(Error, 'stackTraceLimit', {value: 1});",
        "const E = Error; globalThis.Error = class {}; E.stackTraceLimit = 1;",
        "Object.freeze(Error);",
        "Object.isExtensible = () => true; Object.preventExtensions(Error);",
        "globalThis.WebAssembly ??= {};",
        "Object.freeze(globalThis);",
        "Object.preventExtensions(globalThis);",
    ] {
        let source = format!("{REGISTER} {hostile} export const f = query(async () => 1);");
        let plain = format!("{REGISTER} export const f = query(async () => 2);");
        let modules = vec![module("m.js", &source), module("n.js", &plain)];
        let program = pool().build(bundle_of(modules, &["m.js", "n.js"])).await.unwrap();
        for _ in 0..2 {
            let (outcome, _) = run_query(&program, "f", "[{}]").await;
            assert_eq!(outcome.result.as_deref().ok(), Some("1"), "{hostile}");
        }
        assert!(program.entry("m.js").unwrap().context.is_none(), "{hostile}");
        assert!(program.entry("n.js").unwrap().context.is_some(), "{hostile}");
    }
}

#[tokio::test]
async fn entries_see_their_own_imports_only() {
    let count = format!(
        "{REGISTER} import {{state}} from './state.js'; state.n++; export const f = query(async () => [state.n, Math.random()]);"
    );
    let modules =
        vec![module("m.js", &count), module("other.js", &count), module("state.js", "export const state = {n: 0};")];
    let program = pool().build(bundle_of(modules, &["m.js", "other.js"])).await.unwrap();
    for entry in ["m.js", "other.js"] {
        let mut call = invocation(&program, "f", UdfKind::Query, "[{}]");
        call.module = entry.to_owned();
        let (outcome, _) = run_udf(call, FakeHost::default()).await;
        assert!(outcome.result.unwrap().starts_with("[1,"));
    }
}

#[tokio::test]
async fn failing_modules_are_named() {
    for (source, text) in [
        ("console.log('before'); throw new Error('at import');", "Uncaught Error: at import"),
        ("export const x = ;", "Uncaught SyntaxError"),
        ("import '../gone.js';", "Module `gone.js` not found"),
        ("import 'https://example.com/x.js';", "Unsupported scheme"),
        ("await new Promise(() => {});", "Top-level awaits"),
        ("setTimeout(() => {}, 1);", "Can't use setTimeout at import time"),
        ("Convex.syscall('1.0/queryStream', '{}');", "Can't use the database at import time"),
    ] {
        let bundle = bundle_of(vec![module("a/b.js", source)], &["a/b.js"]);
        match pool().build(bundle).await {
            Err(BuildError::Import(error)) => {
                assert_eq!(error.module, "a/b.js");
                assert!(error.message.contains(text), "{source}: {}", error.message);
                if source.starts_with("console") {
                    assert_eq!(error.console, ["[LOG] 'before'"]);
                }
            }
            other => panic!("{source}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn endless_modules_are_stopped() {
    let options = RuntimeOptions { analyze_time: std::time::Duration::from_millis(150), ..RuntimeOptions::default() };
    let pool = pool_with(options);
    let bundle = bundle_of(vec![module("m.js", "for (;;);")], &["m.js"]);
    assert!(matches!(pool.build(bundle.clone()).await, Err(BuildError::Import(e)) if e.message.contains("timed out")));
    assert!(pool.analyze(bundle).await.unwrap_err().message.contains("timed out"));
}

#[tokio::test]
async fn what_is_evaluated_each_time_sees_the_variables_of_the_call() {
    let source = format!(
        "{REGISTER} const format = new Intl.NumberFormat('en-US'); const seen = process.env.A; export const f = query(async () => seen);"
    );
    let program = pool().build(bundle_of(vec![module("m.js", &source)], &["m.js"])).await.unwrap();
    let mut call = invocation(&program, "f", UdfKind::Query, "[{}]");
    call.env = Arc::new([("A".to_owned(), "of the call".to_owned())].into());
    assert!(program.fits(&call.env));
    let (outcome, _) = run_udf(call, FakeHost::default()).await;
    assert_eq!(outcome.result.unwrap(), r#""of the call""#);
}
