use super::{Need, Parts};

/// The parts of the module that are reached when `exports` are used, each as the source from its beginning.
fn effects(source: &str) -> Vec<bool> {
    Parts::of(source).expect("the source is JavaScript").parts.iter().map(|part| part.is_effect).collect()
}

#[test]
fn declarations_do_nothing_by_themselves() {
    for source in [
        "function f() {}",
        "class A { a = 1; static b = 2; m() {} static { n(this, 'A'); } }",
        "var a = 1, b = () => c(), d = { e: [1, `x`], f: class {} }, g = a;",
        "import { a } from './b.js'; export { a as c };",
        "n(f, 'f');",
        "var a = /* @__PURE__ */ n(() => 1, 'a'), b = /* @__PURE__ */ new C();",
        "export function f() {}",
    ] {
        assert!(!effects(source).contains(&true), "{source}");
    }
}

#[test]
fn what_does_something_is_told() {
    for source in [
        "f();",
        "var a = f();",
        "var { a } = b;",
        "class A { static b = f(); }",
        "class A { static { f(); } }",
        "class A extends f() {}",
        "a.b = 1;",
        "if (a) b();",
        "export default f();",
        "var a = [...b];",
        "var a = n(f(), 'x');",
        "export const a = f();",
    ] {
        assert!(effects(source).contains(&true), "{source}");
    }
}

#[test]
fn needs_are_found() {
    let source = "import { x as y } from './a.js'; import * as all from './b.js'; function f() { return g(y); } function g() { return all.z; } let n = 0; function h() { n = 1; } export { f, h as default, n };";
    let parts = Parts::of(source).expect("the source is JavaScript");
    let import = Need::Import("./a.js".to_owned(), "x".to_owned());
    assert_eq!(parts.parts[2].needs, [Need::Part(3), import].into());
    assert_eq!(parts.parts[3].needs, [Need::Module("./b.js".to_owned())].into());
    assert_eq!(parts.parts[4].needs, [Need::Part(5)].into());
    assert_eq!(parts.exports["f"], Need::Part(2));
    assert_eq!(parts.exports["default"], Need::Part(5));
    assert_eq!(parts.exports["n"], Need::Part(4));
    assert_eq!(Parts::of("export function f() {} export const a = 1, b = 2;").expect("it is").exports.len(), 3);
    assert!(Parts::of("export * from './a.js';").is_err());
}
