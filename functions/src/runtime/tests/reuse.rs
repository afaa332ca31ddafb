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

/// Runs a query as the engine does: again if what came of it is in doubt. Also tells whether it was.
async fn settle(pool: &Pool, program: &Arc<Program>, args: &str) -> (Result<String, String>, bool) {
    let mut call = invocation(program, "f", UdfKind::Query, args);
    let (first, _) = pool.run(call.clone(), FakeHost::default()).await;
    let text = |outcome: Outcome| outcome.result.map_err(|failure| failure.message);
    if !first.is_doubtful {
        return (text(first), false);
    }
    call.is_again = true;
    let (second, _) = pool.run(call, FakeHost::default()).await;
    assert!(!second.is_doubtful);
    (text(second), true)
}

/// Whether calls of the module share a context, as a write to an object of its own shows.
async fn is_shared(pool: &Pool, source: &str) -> bool {
    let source = format!(
        "{source} const probe = {{}}; export const f = query(async (args) => {{ if (args.probe) probe.x = 1; return await g(args); }});"
    );
    let program = build(pool, &source).await;
    for _ in 0..40 {
        let (result, is_doubtful) = settle(pool, &program, "[{}]").await;
        assert!(result.is_ok() && !is_doubtful, "{source}: {result:?} {is_doubtful}");
    }
    settle(pool, &program, r#"[{"probe":true}]"#).await.1
}

#[tokio::test]
async fn modules_that_keep_nothing_share_a_context() {
    let pool = one_thread();
    for source in [
        "const g = async () => 1;",
        "const table = {a: [1, {b: 2}]}; const g = async () => table.a.map((x) => x.b ?? x);",
        "class Thing { constructor(n) { this.n = n; } get twice() { return this.n * 2; } } const one = new Thing(1); const g = async () => one.twice + new Thing(3).twice;",
        "const g = async () => { const m = new Map([[1, 2]]); const e = new Error('x'); e.name = 'Mine'; e.message = 'y'; return [m.get(1), String(e)]; };",
        "class Mine extends Error { constructor() { super('m'); this.name = 'Mine'; } } const g = async () => { const o = {}; o.toString = () => 'o'; return [String(new Mine()), `${o}`]; };",
        "const pattern = /(a)(b)/; const g = async () => 'xaby'.replace(pattern, '$2$1') + 'aab'.replaceAll(/a/g, 'c');",
        "const api = new Proxy({}, {get: (_, name) => name}); const g = async () => api.anything;",
        "const g = async () => { console.log('a', {b: 1}); return [crypto.randomUUID().length, new URL('https://a.example/b').pathname, new TextEncoder().encode('a').length, structuredClone({a: 1}), btoa('a')]; };",
        "const g = async () => [await call('echo', {a: 1}), Date.now(), Math.random(), process.env.NAME];",
        "const g = async () => { const {promise, resolve} = Promise.withResolvers(); resolve(1); return [await promise, Object.entries({a: 1}), [3, 1, 2].sort(), new Set([1]).size, [...'ab'].map((c) => c + c)]; };",
        "const g = async () => { class Local { #n = 1; get n() { return this.#n; } } function Old() { this.a = 1; } Old.prototype.b = 2; const o = new Old(); return [new Local().n, o.a + o.b]; };",
    ] {
        assert!(is_shared(&pool, source).await, "{source}");
    }
}

#[tokio::test]
async fn the_npm_package_keeps_nothing() {
    let pool = one_thread();
    let mut modules = fixture().modules;
    // It has a function that swallows an error.
    let at = modules.iter().position(|module| module.path == "messages.js").expect("the fixture has it");
    modules[at].source = modules[at].source.replace("return a.message;", "throw a;").into();
    let program = pool.build(bundle_of(modules, &["messages.js"])).await.unwrap_or_else(|error| panic!("{error}"));
    assert!(program.may_be_immutable("messages.js"));
    for _ in 0..40 {
        assert!(query(&pool, &program, "trivial").await.is_ok());
    }
    assert!(program.may_be_immutable("messages.js"), "it was refused when the context was made");
}

/// Each way to leave something behind: what is there at import, and what a call does and returns.
const CHANNELS: &[(&str, &str)] = &[
    ("let n = 0;", "++n"),
    ("const o = {n: 0};", "++o.n"),
    ("const o = {};", "(o.n ??= Math.random(), o.n = (o.m ?? 0) + 1, o.m = o.n)"),
    ("const list = [];", "list.push(1)"),
    ("const list = [1, 2, 3];", "(list.reverse(), list.join())"),
    ("const m = new Map();", "m.set(m.size, 1).size"),
    ("const s = new Set();", "s.add(s.size).size"),
    ("const w = new WeakMap(), key = {};", "(w.set(key, (w.get(key) ?? 0) + 1), w.get(key))"),
    ("const d = new Date(0);", "(d.setTime(d.getTime() + 1), d.getTime())"),
    ("const bytes = new Uint8Array(1);", "++bytes[0]"),
    ("const buffer = new ArrayBuffer(1);", "++new Uint8Array(buffer)[0]"),
    ("const again = /a/g;", "again.exec('aaaa').index"),
    ("const sticky = /a/y;", "(sticky.test('aaaa'), sticky.lastIndex)"),
    ("const changing = /a/;", "(changing.source + changing.compile('b').source)"),
    ("", "(RegExp.$1 + (/(x)/.exec('x'), ''))"),
    ("", "(RegExp['$`'] + (/x/.exec('yx'), ''))"),
    ("function* all() { let n = 0; for (;;) yield ++n; } const it = all();", "it.next().value"),
    ("const it = [1, 2, 3, 4, 5, 6, 7, 8, 9].values();", "it.next().value"),
    ("const it = new Map([[1, 1], [2, 2], [3, 3]]).keys();", "it.next().value"),
    ("const it = [1, 2, 3, 4].values().map((x) => x);", "it.next().value"),
    ("class A { #n = 0; bump() { return ++this.#n; } } const a = new A();", "a.bump()"),
    ("class A { static #n = 0; static bump() { return ++A.#n; } }", "A.bump()"),
    ("class A { static n = 0; }", "++A.n"),
    ("const f2 = () => {};", "(f2.n = (f2.n ?? 0) + 1)"),
    ("function Old() {}", "(Old.prototype.n = (Old.prototype.n ?? 0) + 1)"),
    ("function* Gen() {}", "(Gen.prototype.n = (Gen.prototype.n ?? 0) + 1)"),
    ("const f2 = (() => { const hidden = {n: 0}; return () => ++hidden.n; })();", "f2()"),
    ("const f2 = (() => { let n = 0; return () => ++n; })();", "f2()"),
    ("const f2 = ((o) => () => ++o.n)({n: 0});", "f2()"),
    ("const bound = function () { return ++this.n; }.bind({n: 0});", "bound()"),
    ("const bound = ((o) => ++o.n).bind(null, {n: 0});", "bound()"),
    ("const p = new Proxy({n: 0}, {});", "++p.n"),
    (
        "const handler = {}; const p = new Proxy({}, handler);",
        "(handler.get = () => 1, handler.n = (handler.n ?? 0) + 1)",
    ),
    ("const bare = Object.create(null);", "(bare.n = (bare.n ?? 0) + 1)"),
    ("const bare = {__proto__: null};", "(bare.n = (bare.n ?? 0) + 1)"),
    ("const {create} = Object; const bare = create(null);", "(bare.n = (bare.n ?? 0) + 1)"),
    ("const {groups} = /(?<a>x)/.exec('x');", "(groups.n = (groups.n ?? 0) + 1)"),
    ("const e = new Error('x');", "(e.stack = (e.stack.length < 3 ? e.stack : '') + '!')"),
    ("const {promise, resolve} = Promise.withResolvers();", "(resolve(Math.random()), await promise)"),
    ("const format = new Intl.NumberFormat('en');", "(format.format.n = (format.format.n ?? 0) + 1)"),
    (
        "const t = new TextDecoder();",
        "t.decode(new Uint8Array([0xe2, 0x82]), {stream: true}).length + t.decode(new Uint8Array([0xac]), {stream: true}).length",
    ),
    ("const u = new URL('https://a.example');", "(u.searchParams.append('a', 1), u.search)"),
    ("const q = new URLSearchParams();", "(q.append('a', 1), q.size)"),
    ("const h = new Headers();", "(h.append('a', '1'), h.get('a'))"),
    ("const c = new AbortController();", "(c.abort(), c.signal.aborted)"),
    ("", "(performance.mark('a'), performance.getEntries().length)"),
    ("performance.mark('x');", "(performance.mark('a'), performance.getEntries().length)"),
    (
        "const t = new EventTarget(); const on = () => 1;",
        "(t.addEventListener('a', on), t.dispatchEvent(new Event('a')))",
    ),
    ("", "(globalThis.n = (globalThis.n ?? 0) + 1)"),
    ("", "(self.n = (self.n ?? 0) + 1)"),
    ("", "(process.n = (process.n ?? 0) + 1)"),
    ("", "(process.env.n = (process.env.n ?? 0) + 1)"),
    ("", "(Math.n = (Math.n ?? 0) + 1)"),
    ("", "(console.n = (console.n ?? 0) + 1)"),
    ("", "(Convex.n = (Convex.n ?? 0) + 1)"),
    ("", "(crypto.n = (crypto.n ?? 0) + 1)"),
    ("", "(Object.prototype.n = (Object.prototype.n ?? 0) + 1)"),
    ("", "(Array.prototype.n = (Array.prototype.n ?? 0) + 1)"),
    ("", "(Array.prototype[Symbol.unscopables].n = (Array.prototype[Symbol.unscopables].n ?? 0) + 1)"),
    ("", "(Error.stackTraceLimit += 1)"),
    ("", "(Error.prototype.name += '!')"),
    ("", "(Object.prototype.toString.n = (Object.prototype.toString.n ?? 0) + 1)"),
    ("", "(Promise.prototype.then.n = (Promise.prototype.then.n ?? 0) + 1)"),
    ("", "((o) => o.n = (o.n ?? 0) + 1)(Object.getPrototypeOf(async () => {}))"),
    ("", "((o) => o.n = (o.n ?? 0) + 1)(Object.getPrototypeOf(Object.getPrototypeOf((function* () {})())))"),
    ("", "((o) => o.n = (o.n ?? 0) + 1)(Object.getPrototypeOf(Object.getPrototypeOf((async function* () {})())))"),
    ("", "((o) => o.n = (o.n ?? 0) + 1)(Object.getPrototypeOf([].values()))"),
    ("", "((o) => o.n = (o.n ?? 0) + 1)(Object.getPrototypeOf(new Map().keys()))"),
    ("", "((o) => o.n = (o.n ?? 0) + 1)(Object.getPrototypeOf(''.matchAll(/a/g)))"),
    ("", "((o) => o.n = (o.n ?? 0) + 1)(Object.getPrototypeOf([].values().map((x) => x)))"),
    ("", "((o) => o.n = (o.n ?? 0) + 1)(Object.getPrototypeOf(Iterator.from({next() {}})))"),
    ("", "((o) => o.n = (o.n ?? 0) + 1)(Object.getPrototypeOf(new Intl.Segmenter().segment('')))"),
    ("", "((o) => o.n = (o.n ?? 0) + 1)(Object.getPrototypeOf(Uint8Array))"),
    ("", "((o) => o.n = (o.n ?? 0) + 1)(Object.getOwnPropertyDescriptor(Object.prototype, '__proto__').get)"),
    (
        "",
        "((o) => o.n = (o.n ?? 0) + 1)(Object.getOwnPropertyDescriptor((function () { 'use strict'; return arguments; })(), 'callee').get)",
    ),
    ("", "((o) => o.n = (o.n ?? 0) + 1)(URL)"),
    ("", "((o) => o.n = (o.n ?? 0) + 1)(URL.prototype)"),
    ("", "((o) => o.n = (o.n ?? 0) + 1)(fetch)"),
    ("", "((o) => o.n = (o.n ?? 0) + 1)(Headers)"),
    ("", "((o) => o.n = (o.n ?? 0) + 1)(WebAssembly.Memory)"),
    ("", "((o) => o.n = (o.n ?? 0) + 1)(Intl.DateTimeFormat.prototype)"),
    ("", "((o) => o.n = (o.n ?? 0) + 1)(f)"),
    ("const tag = (parts) => parts;", "((o) => o.n = (o.n ?? 0) + 1)(tag`x`)"),
    (
        "const o = {get x() { Object.defineProperty(this, 'x', {value: Math.random()}); return 1; }};",
        "(o.x, o.x === 1)",
    ),
    ("const s = Symbol(); const o = {};", "(o[s] = (o[s] ?? 0) + 1)"),
    ("const o = {};", "(Object.defineProperty(o, 'n', {value: (o.n ?? 0) + 1, configurable: true}), o.n)"),
    ("const o = {n: 1};", "(delete o.n, o.n ?? 0)"),
    ("const o = {};", "(Object.setPrototypeOf(o, {n: (o.n ?? 0) + 1}), o.n)"),
    ("const o = {};", "(o.__proto__ = {n: (o.n ?? 0) + 1}, o.n)"),
    ("const o = {};", "(Object.assign(o, {n: (o.n ?? 0) + 1}), o.n)"),
    ("const o = {};", "(Reflect.set(o, 'n', (o.n ?? 0) + 1), o.n)"),
    ("const o = {};", "(Reflect.defineProperty(o, 'n', {value: (o.n ?? 0) + 1, configurable: true}), o.n)"),
    ("const o = {};", "(() => { try { o.n = (o.n ?? 0) + 1; } catch {} return o.n; })()"),
    ("const o = {};", "(await (async () => { o.n = (o.n ?? 0) + 1; })().catch(() => {}), o.n)"),
    ("const o = {};", "(await (async () => { o.n = (o.n ?? 0) + 1; })().then(() => {}, () => {}), o.n)"),
    ("const o = {};", "(await Promise.allSettled([(async () => { o.n = (o.n ?? 0) + 1; })()]), o.n)"),
    ("const o = {};", "(() => { try { o.n = (o.n ?? 0) + 1; } finally { return o.n; } })()"),
    ("const o = {};", "Object.isFrozen(o)"),
    (
        "const storage = new AsyncLocalStorage();",
        "(storage.enterWith((storage.getStore() ?? 0) + 1), storage.getStore())",
    ),
    ("const memory = new WebAssembly.Memory({initial: 1});", "++new Uint8Array(memory.buffer)[0]"),
    ("const it = new URLSearchParams('a=1&b=2&c=3').keys();", "it.next().value"),
    ("const it = [1, 2, 3][Symbol.iterator]();", "it.next().value"),
    ("const it = new Intl.Segmenter().segment('abc')[Symbol.iterator]();", "it.next().value.segment"),
    ("const ref = new WeakRef({n: 0});", "++ref.deref().n"),
    ("import * as ns from './n.js';", "((o) => o.n = (o.n ?? 0) + 1)(ns.kept)"),
    ("import * as ns from './n.js';", "ns.count()"),
];

/// Nothing that a call does can be seen by the next, and every call gives what it gives in a context of its own.
#[tokio::test]
async fn nothing_is_left_behind() {
    let pool = one_thread();
    for (import, does) in CHANNELS {
        let source = format!("{REGISTER}{import} export const f = query(async () => {does});");
        let other = "export const kept = {}; let n = 0; export const count = () => ++n;";
        let program = pool.build(bundle_of(vec![module("m.js", &source), module("n.js", other)], &["m.js"])).await;
        let program = program.unwrap_or_else(|error| panic!("{does}: {error}"));
        let mut fresh = invocation(&program, "f", UdfKind::Query, "[{}]");
        fresh.is_again = true;
        let (fresh, _) = pool.run(fresh, FakeHost::default()).await;
        let fresh = fresh.result.map_err(|failure| failure.message);
        for call in 0..24 {
            let (result, _) = settle(&pool, &program, "[{}]").await;
            assert_eq!(result, fresh, "call {call} of `{import}` `{does}`");
        }
    }
}

/// A context is shared until a call writes to what it had at import; then no more.
#[tokio::test]
async fn a_write_ends_the_sharing() {
    let pool = one_thread();
    let source = "const o = {n: 0}; export const f = query(async (a) => a.write ? ++o.n : o.n);";
    let program = build(&pool, source).await;
    for _ in 0..40 {
        assert_eq!(settle(&pool, &program, "[{}]").await, (Ok("0".to_owned()), false));
    }
    assert_eq!(settle(&pool, &program, r#"[{"write":true}]"#).await, (Ok("1".to_owned()), true));
    assert!(!program.may_be_immutable("m.js"));
    for _ in 0..40 {
        assert_eq!(settle(&pool, &program, r#"[{"write":true}]"#).await, (Ok("1".to_owned()), false));
    }
}

/// An error of the developer's is told as it would be elsewhere, and does not end the sharing.
#[tokio::test]
async fn errors_are_those_of_a_fresh_context() {
    let pool = one_thread();
    let program =
        build(&pool, "export const f = query(async (a) => { if (a.fail) throw new Error('mine'); return 1; });").await;
    for _ in 0..40 {
        assert_eq!(settle(&pool, &program, "[{}]").await.0, Ok("1".to_owned()));
    }
    for _ in 0..3 {
        let (result, is_doubtful) = settle(&pool, &program, r#"[{"fail":true}]"#).await;
        assert!(result.unwrap_err().starts_with("Uncaught Error: mine\n"));
        assert!(is_doubtful);
        assert_eq!(settle(&pool, &program, "[{}]").await.0, Ok("1".to_owned()));
    }
    assert!(program.may_be_immutable("m.js"));
}

/// What a failed call has left to do is not done in the next one.
#[tokio::test]
async fn what_a_failed_call_left_is_not_done() {
    let pool = one_thread();
    for ends in ["Convex.jsSyscall('no such thing', {});", "await call('fatal');", "throw new Error('x');"] {
        let source = format!(
            "const later = async () => {{ await null; console.log('stale'); await call('echo', {{}}); }};
             export const f = query(async () => {{ later(); queueMicrotask(() => console.log('stale')); {ends} }});
             export const g = query(async () => {{ await null; return 1; }});"
        );
        let program = build(&pool, &source).await;
        for _ in 0..30 {
            assert!(query(&pool, &program, "f").await.is_err());
            let (outcome, host) =
                pool.run(invocation(&program, "g", UdfKind::Query, "[{}]"), FakeHost::default()).await;
            assert_eq!(outcome.result.unwrap(), "1");
            let seen = host.unwrap();
            let seen = seen.seen.lock();
            assert!(seen.lines.is_empty() && seen.batches.is_empty(), "{ends} {:?}", seen.lines);
        }
    }
}
