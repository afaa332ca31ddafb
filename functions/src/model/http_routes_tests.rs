use std::collections::BTreeMap;
use std::sync::Arc;

use lakewire_storage::catalog::Namespace;

use super::http_destination;
use crate::model::{
    AnalyzedHttpRoute, AnalyzedModule, Component, Definition, HttpRoute, ModuleEnvironment, ModuleModel,
};
use crate::udf::ComponentPath;

type Components = BTreeMap<ComponentPath, Arc<Component>>;

fn add(
    components: &mut Components,
    path: &str,
    routes: &[(&str, &str)],
    mounts: &[(&str, &str)],
    prefix: Option<&str>,
) {
    let route = |(method, path): &(&str, &str)| AnalyzedHttpRoute {
        route: HttpRoute { path: (*path).to_owned(), method: (*method).to_owned() },
        pos: None,
    };
    let http = ModuleModel {
        path: "http.js".to_owned(),
        sha256: String::new(),
        source_bytes: 0,
        has_source_map: false,
        environment: ModuleEnvironment::Isolate,
        analysis: AnalyzedModule { http_routes: Some(routes.iter().map(route).collect()), ..Default::default() },
    };
    let modules =
        if routes.is_empty() { BTreeMap::new() } else { BTreeMap::from([("http.js".to_owned(), Arc::new(http))]) };
    let definition = Definition {
        modules,
        mounts: mounts.iter().map(|(mount, child)| ((*mount).to_owned(), (*child).to_owned())).collect(),
        http_prefix: prefix.map(str::to_owned),
        ..Definition::default()
    };
    let path = ComponentPath::parse(path).expect("a path");
    let component = Component {
        path: path.clone(),
        id: None,
        namespace: Namespace::ROOT,
        definition: Arc::new(definition),
        process_env: Arc::default(),
        mounted: true,
    };
    components.insert(path, Arc::new(component));
}

fn goes(components: &Components, request: &str) -> String {
    let (method, path) = request.split_once(' ').expect("a method and a path");
    http_destination(components, method, path)
        .map_or_else(|| "nowhere".to_owned(), |to| format!("{}:{}", to.component, to.path))
}

#[test]
fn exact_routes_then_the_longest_prefix() {
    let mut app = Components::new();
    let own = [("GET", "/x/exact"), ("GET", "/x/long/*"), ("POST", "/api/*"), ("GET", "/same/*")];
    add(&mut app, "", &own, &[("/x/", "x"), ("/same/", "x"), ("/x/long/er/", "y")], None);
    add(&mut app, "x", &[("GET", "/ping")], &[("/in/", "deep")], None);
    add(&mut app, "x/deep", &[("GET", "/*")], &[], None);
    add(&mut app, "y", &[("GET", "/p")], &[], None);
    for (request, to) in [
        ("GET /x/exact", ":/x/exact"),
        ("HEAD /x/exact", ":/x/exact"),
        ("POST /x/exact", "x:/exact"),
        ("GET /x/ping", "x:/ping"),
        ("GET /x/", "x:/"),
        ("GET /x", ":/x"),
        ("GET /x/nothing", "x:/nothing"),
        ("GET /x/long/p", ":/x/long/p"),
        ("GET /x/long/er/p", "y:/p"),
        ("GET /same/ping", "x:/ping"),
        ("GET /x/in/a/b", "x/deep:/a/b"),
        ("GET /other", ":/other"),
    ] {
        assert_eq!(goes(&app, request), to, "{request}");
    }
}

#[test]
fn the_prefix_of_an_app_is_not_that_of_its_mounts() {
    let mut app = Components::new();
    add(&mut app, "", &[("GET", "/own"), ("GET", "/all/*")], &[("/x/", "x"), ("/api/all/", "x")], Some("/api/"));
    add(&mut app, "x", &[("GET", "/ping")], &[], None);
    for (request, to) in [
        ("GET /api/own", ":/own"),
        ("GET /own", "nowhere"),
        ("GET /x/ping", "x:/ping"),
        ("GET /api/x/ping", ":/x/ping"),
        ("GET /api", ":/"),
        ("GET /apix", "nowhere"),
        ("GET /api/all/ping", "x:/ping"),
    ] {
        assert_eq!(goes(&app, request), to, "{request}");
    }
}

#[test]
fn apps_without_routes() {
    let mut app = Components::new();
    add(&mut app, "", &[], &[("/x/", "x")], None);
    add(&mut app, "x", &[("GET", "/ping")], &[], None);
    assert_eq!(goes(&app, "GET /x/ping"), "x:/ping");
    assert_eq!(goes(&app, "GET /ping"), "nowhere");
    app.remove(&ComponentPath::parse("x").expect("a path"));
    assert_eq!(goes(&app, "GET /x/ping"), "nowhere");
}
