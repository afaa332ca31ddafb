use super::Objection;
use crate::runtime::reuse::parts::Parts;

fn check(source: &str) -> Result<(), Objection> {
    let parts = Parts::of(source)?;
    parts.parts.iter().flat_map(|part| &part.objections).next().map_or(Ok(()), |objection| Err(objection.clone()))
}

#[test]
fn ordinary_modules_pass() {
    for source in [
        "import { query } from './_generated/server'; export const f = query({ args: {}, handler: async (ctx) => 1 });",
        "const config = { a: 1 }; const table = [1, 2]; export function f() { const local = new Map(); local.set(1, 2); return local; }",
        "export async function f(x) { let n = 0; for (const y of x) { n += y; } try { g(); } catch (e) { throw new Error(e); } finally { n++; } return n; }",
        "let n = 0; n++; n = 5; export const total = n;",
        "class A { #x; constructor(x) { this.#x = x; } get() { return this.#x; } } export const f = () => new A(1).get();",
        "export const f = (x) => Object.keys(x).map((k) => Promise.resolve(k).then((y) => y));",
        "export const f = (x) => x instanceof Promise || new Promise(() => {}) || typeof Object;",
        "class E extends Error { name = 'E'; } export const f = () => Object.create(E.prototype);",
        "export const f = (s) => /(?<=a)b(?<!c)/.exec(s);",
        "export const f = (z) => z.any().catch;",
        "export function f() { return Object.getPrototypeOf({}) === Object.prototype; }",
    ] {
        assert_eq!(check(source), Ok(()), "{source}");
    }
}

#[test]
fn what_could_keep_something_is_refused() {
    for source in [
        "let n = 0; export const f = () => ++n;",
        "export let n = 0; export function f() { n = 1; }",
        "const f = (() => { let n = 0; return () => (n += 1); })();",
        "let last; export const f = ([x]) => { [last] = [x]; };",
        "let last; export const f = (o) => { ({ a: last } = o); };",
        "let last; export const f = (o) => { for (last of o); };",
        "var n = 0; class A { id = n++; } export const f = () => new A();",
        "var n = 0; class A { static { n = 1; } }",
        "function f() { f = 1; }",
        "export const f = (seen) => { const g = () => { seen = 1; }; g(); };",
        "class A { #n = 0; bump() { return ++this.#n; } } const a = new A();",
        "class A { static #n = 0; static bump() { A.#n = 1; } }",
        "class A { #n = 0; constructor() { this.bump = () => { this.#n++; }; } }",
        "class A { #n; set(x) { [this.#n] = [x]; } }",
        "const cache = Object.create(null); export const f = (k) => cache[k];",
        "const make = (p) => Object.create(p);",
        "const { create } = Object; const cache = create(null);",
        "const o = Object; o.create(null);",
        "Object['create'](null);",
        "const cache = { __proto__: null };",
        "const groups = /(?<year>a)/.exec('a').groups;",
        "class Nothing extends null {}",
        "const kinds = Object.groupBy([1], (x) => x);",
        "export const f = (code) => eval(code);",
        "Object.setPrototypeOf({}, null);",
        "function* f() { yield 1; } const it = f();",
        "const o = { async *f() { yield 1; } };",
    ] {
        assert!(check(source).is_err(), "{source}");
    }
}

#[test]
fn what_could_hide_a_refused_write_is_refused() {
    for source in [
        "export const f = () => { try { g(); } catch {} };",
        "export const f = () => { try { g(); } catch (e) { if (e) throw e; } };",
        "export const f = () => { try { g(); } finally { return 1; } };",
        "export const f = () => { for (;;) { try { g(); } finally { break; } } };",
        "export const f = () => g().catch(() => 1);",
        "export const f = () => g()?.catch(() => 1);",
        "export const f = () => g().then(() => 1, () => 2);",
        "export const f = () => Promise.allSettled([g()]);",
        "export const f = () => Promise.race([g()]);",
        "export const f = () => { const { any } = Promise; return any([g()]); };",
        "export const f = (o) => Reflect.set(o, 'a', 1);",
        "export const f = (o) => Reflect['set'](o, 'a', 1);",
        "export const f = (o) => Object.isFrozen(o);",
        "export const x = ;",
    ] {
        assert!(check(source).is_err(), "{source}");
    }
}
