use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{Instance, TreeDefinition, instantiate};
use crate::deploy::definition::{EnvDeclarations, empty, normalize, normalize_component};
use crate::model::definition::EnvSource;
use crate::model::{AnalyzedHttpRoute, AnalyzedModule, HttpRoute};

const STRING: &str = "{\"type\":\"string\"}";
const MODE: &str =
    "{\"type\":\"union\",\"value\":[{\"type\":\"literal\",\"value\":\"a\"},{\"type\":\"literal\",\"value\":\"b\"}]}";

/// Definitions by path: the fields that differ from an empty one, and the paths of its HTTP routes.
fn tree(definitions: &[(&str, Json, &[&str])]) -> Result<Instance, String> {
    let route = |path: &&str| AnalyzedHttpRoute {
        route: HttpRoute { path: (*path).to_owned(), method: "GET".to_owned() },
        pos: None,
    };
    let modules: Vec<AnalyzedModule> = definitions
        .iter()
        .map(|(_, _, routes)| AnalyzedModule {
            http_routes: (!routes.is_empty()).then(|| routes.iter().map(route).collect()),
            ..AnalyzedModule::default()
        })
        .collect();
    let mut all = BTreeMap::new();
    for ((path, fields, _), module) in definitions.iter().zip(&modules) {
        let mut definition = empty();
        if !path.is_empty() {
            definition["definitionType"] = json!({"type": "childComponent", "name": path, "args": []});
        }
        for (name, value) in fields.as_object().expect("an object") {
            definition[name] = value.clone();
        }
        let normal =
            if path.is_empty() { normalize(definition) } else { normalize_component(definition, path) }.expect("valid");
        let tree = TreeDefinition {
            export: serde_json::from_value(normal.clone()).expect("an export"),
            env: EnvDeclarations::of(&normal).expect("declarations"),
            modules: BTreeMap::from([("http.js", module)]),
        };
        all.insert((*path).to_owned(), tree);
    }
    instantiate(&all, true).map_err(|error| {
        assert_eq!(error.code(), "TypecheckError");
        error.to_string()
    })
}

fn child(name: &str, path: &str, env: Json) -> Json {
    json!({"name": name, "path": path, "args": [], "env": env})
}

fn declared(name: &str, validator: &str, optional: bool) -> Json {
    json!([name, {"type": "value", "value": validator, "optional": optional}])
}

#[test]
fn one_definition_mounted_twice_and_nested() {
    let outer = json!({"childComponents": [child("a", "inner", json!(null)), child("b", "inner", json!(null))]});
    let app = json!({"childComponents": [child("x", "outer", json!(null)), child("y", "outer", json!(null))]});
    let tree = tree(&[("", app, &[]), ("outer", outer, &[]), ("inner", json!({}), &[])]).expect("fits");
    let paths: Vec<String> = tree.all().iter().map(|instance| instance.path.to_string()).collect();
    assert_eq!(paths, ["", "x", "x/a", "x/b", "y", "y/a", "y/b"]);
}

#[test]
fn variables_resolve_to_constants_and_variables_of_the_deployment() {
    let app = json!({
        "envVars": [declared("KEY", STRING, false), declared("LATER", STRING, true)],
        "childComponents": [child("x", "outer", json!([
            ["K", {"type": "envVar", "name": "KEY"}], ["M", {"type": "value", "value": "a"}], ["L", {"type": "envVar", "name": "LATER"}],
        ]))],
    });
    let outer = json!({
        "envVars": [declared("K", STRING, false), declared("M", MODE, false), declared("L", STRING, true), declared("N", STRING, true)],
        "childComponents": [child("y", "inner", json!([
            ["A", {"type": "envVar", "name": "K"}], ["B", {"type": "envVar", "name": "M"}], ["C", {"type": "envVar", "name": "N"}],
        ]))],
    });
    let inner =
        json!({"envVars": [declared("A", STRING, false), declared("B", STRING, false), declared("C", STRING, true)]});
    let tree = tree(&[("", app, &[]), ("outer", outer, &[]), ("inner", inner, &[])]).expect("fits");
    let env = &tree.children[0].children[0].env;
    assert_eq!(env["A"], EnvSource::EnvVar { name: "KEY".to_owned() });
    assert_eq!(env["B"], EnvSource::Value { value: "a".to_owned() });
    assert!(!env.contains_key("C"));
}

#[test]
fn what_does_not_fit_is_named() {
    let component = |env: Json| json!({"envVars": env});
    let uses = |env: Json| json!({"childComponents": [child("x", "c", env)], "envVars": [declared("OPT", STRING, true), declared("S", STRING, false)]});
    for (app, c, text) in [
        (
            uses(json!([["NO", {"type": "value", "value": "1"}]])),
            component(json!([])),
            "`NO`, which it does not declare",
        ),
        (uses(json!(null)), component(json!([declared("A", STRING, false)])), "`A` is required"),
        (
            uses(json!([["A", {"type": "value", "value": "z"}]])),
            component(json!([declared("A", MODE, false)])),
            "does not match",
        ),
        (
            uses(json!([["A", {"type": "envVar", "name": "NONE"}]])),
            component(json!([declared("A", STRING, false)])),
            "`NONE`, which is not declared",
        ),
        (
            uses(json!([["A", {"type": "envVar", "name": "OPT"}]])),
            component(json!([declared("A", STRING, false)])),
            "is optional",
        ),
        (
            uses(json!([["A", {"type": "envVar", "name": "S"}]])),
            component(json!([declared("A", MODE, false)])),
            "to which it is bound, is",
        ),
        (
            json!({"childComponents": [child("x", "c", json!(null)), child("x", "c", json!(null))]}),
            json!({}),
            "the name `x`",
        ),
        (json!({"childComponents": [child("x-y", "c", json!(null))]}), json!({}), "invalid name"),
        (json!({"childComponents": [child("x", "none", json!(null))]}), json!({}), "no definition `none`"),
        (
            json!({"childComponents": [child("x", "c", json!(null))]}),
            json!({"childComponents": [child("z", "c", json!(null))]}),
            "uses itself",
        ),
    ] {
        let message = tree(&[("", app, &[]), ("c", c, &[])]).expect_err(text);
        assert!(message.contains(text), "{message}");
    }
}

#[test]
fn mounts() {
    let mounted = |mounts: Json| json!({"childComponents": [child("x", "c", json!(null)), child("y", "c", json!(null))], "httpMounts": mounts, "httpPrefix": "/app/"});
    let x = "_reference/childComponent/x";
    let nested = json!({"childComponents": [child("i", "inner", json!(null))], "httpMounts": {"/in/": "_reference/childComponent/i"}});
    let found = tree(&[("", mounted(json!({"/x/": x})), &["/own"]), ("c", nested, &[]), ("inner", json!({}), &["/p"])])
        .expect("fits");
    let prefixes: Vec<Option<&str>> = found.all().iter().map(|of| of.http_prefix.as_deref()).collect();
    assert_eq!(prefixes, [Some("/app/"), Some("/x/"), Some("/x/in/"), None, None]);
    for (mounts, own, routes, text) in [
        (json!({"/x/": x}), &[][..], &[][..], "has no HTTP routes"),
        (json!({"/x": x}), &[], &["/p"], "end with a slash"),
        (json!({"/x/": "_reference/childComponent/none"}), &[], &["/p"], "is not a component"),
        (json!({"/x/": x}), &["/x/y/*"], &["/p"], "overlaps the route"),
    ] {
        let message = tree(&[("", mounted(mounts), own), ("c", json!({}), routes)]).expect_err(text);
        assert!(message.contains(text), "{message}");
    }
}
