use lakewire_storage::limits::MAX_MODULES;
use serde_json::{Value as Json, json};

use super::{PushError, StartPushRequest, ValidRequest, validate};

fn module(path: &str) -> Json {
    json!({"path": path, "source": "export {}", "environment": "isolate"})
}

fn push(app: Json) -> Json {
    let mut body = json!({
        "adminKey": "demo|c0ffee", "dryRun": false, "functions": "convex/",
        "appDefinition": {"definition": null, "dependencies": [], "schema": null, "changedModules": [],
                          "unchangedModuleHashes": [], "udfServerVersion": "1.48.0"},
        "componentDefinitions": [], "nodeDependencies": [],
    });
    for (field, value) in app.as_object().expect("an object") {
        body["appDefinition"][field] = value.clone();
    }
    body
}

fn check(body: &Json) -> Result<ValidRequest, PushError> {
    validate(serde_json::from_value(body.clone()).expect("the shape of a push"))
}

fn code(body: &Json) -> String {
    check(body).expect_err("refused").code().to_owned()
}

#[test]
fn an_ordinary_push() {
    let valid = check(&push(json!({
        "changedModules": [module("notes.js"), module("_deps/4KXQ2TPL.js")],
        "unchangedModuleHashes": [{"path": "lib/a.js", "environment": "isolate", "sha256": "00"}],
    })))
    .expect("valid");
    assert_eq!(valid.changed.keys().collect::<Vec<_>>(), ["_deps/4KXQ2TPL.js", "notes.js"]);
    assert_eq!(valid.unchanged["lib/a.js"].sha256, "00");
    assert_eq!(valid.functions_dir, "convex/");
}

#[test]
fn old_clients_call_the_modules_functions() {
    let body = json!({"dryRun": false, "functions": "convex/", "appDefinition": {
        "definition": null, "dependencies": [], "schema": null, "functions": [module("notes.js")],
        "udfServerVersion": "1.20.0"}, "componentDefinitions": [], "nodeDependencies": []});
    assert!(check(&body).expect("valid").changed.contains_key("notes.js"));
}

#[test]
fn refused() {
    assert!(serde_json::from_value::<StartPushRequest>(json!({})).is_err());
    for path in ["a-b.js", "../a.js", "_system/a.js"] {
        assert_eq!(code(&push(json!({"changedModules": [module(path)]}))), "BadConvexModuleIdentifier", "{path}");
    }
    assert_eq!(code(&push(json!({"changedModules": [module("a.js"), module("a")]}))), "InvalidConfig");
    assert_eq!(code(&push(json!({"udfServerVersion": "new"}))), "InvalidConfig");
    assert_eq!(code(&push(json!({"dependencies": ["comp/x"]}))), "InvalidConfig");
    for (name, version) in
        [("../sharp", "0.33.5"), ("sharp", "file:../x"), ("sharp", "^1.0.0"), ("@a/b/c", "1.0.0"), ("-g", "latest")]
    {
        let mut packages = push(json!({}));
        packages["nodeDependencies"] = json!([{"name": name, "version": version}]);
        assert_eq!(code(&packages), "InvalidConfig", "{name} {version}");
    }
    let mut packages = push(json!({}));
    packages["nodeDependencies"] =
        json!([{"name": "sharp", "version": "0.33.5"}, {"name": "@a/b", "version": "1.0.0-rc.1"}]);
    assert_eq!(check(&packages).expect("valid").node_dependencies.len(), 2);
    let mut version = push(json!({}));
    version["nodeVersion"] = json!("18");
    assert_eq!(code(&version), "NodeVersionNotSupported");
}

fn component(path: &str, dependencies: &[&str], modules: &[Json]) -> Json {
    json!({"definitionPath": path, "definition": module("convex.config.js"), "dependencies": dependencies,
           "schema": null, "functions": modules, "udfServerVersion": "1.48.0"})
}

#[test]
fn components_come_after_what_they_depend_on() {
    let with = |definitions: Json, roots: Json| {
        let mut body = push(json!({"dependencies": roots}));
        body["componentDefinitions"] = definitions;
        body
    };
    let definitions = json!([component("a", &["c", "b"], &[]), component("b", &["c"], &[]), component("c", &[], &[])]);
    let valid = check(&with(definitions, json!(["a"]))).expect("valid");
    assert_eq!(valid.components.iter().map(|of| of.path.as_str()).collect::<Vec<_>>(), ["c", "b", "a"]);
    let mut node = module("mail.js");
    node["environment"] = json!("node");
    for (definitions, roots, expected) in [
        (json!([component("a", &["b"], &[]), component("b", &["a"], &[])]), json!(["a"]), "CyclicImport"),
        (json!([component("a", &["b"], &[])]), json!(["a"]), "InvalidConfig"),
        (json!([component("a", &[], &[])]), json!(["b"]), "InvalidConfig"),
        (json!([component("a", &[], &[]), component("a", &[], &[])]), json!([]), "InvalidConfig"),
        (json!([component("a", &[], &[module("x.js"), module("x")])]), json!([]), "InvalidConfig"),
        (json!([component("a", &[], &[node])]), json!([]), "NodeActionsNotSupported"),
    ] {
        assert_eq!(code(&with(definitions, roots)), expected);
    }
}

#[test]
fn the_number_of_modules_is_bounded() {
    let modules = |n: usize| -> Vec<Json> { (0..n).map(|i| module(&format!("m{i}.js"))).collect() };
    let mut most = modules(MAX_MODULES);
    most.push(module("_deps/AAAAAAAA.js"));
    assert!(check(&push(json!({"changedModules": most}))).is_ok());
    assert_eq!(code(&push(json!({"changedModules": modules(MAX_MODULES + 1)}))), "InvalidModules");
}
