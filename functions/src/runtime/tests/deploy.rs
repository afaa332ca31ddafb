use std::collections::BTreeMap;

use super::fake::*;
use crate::runtime::*;

#[tokio::test]
async fn functions_are_found() {
    let bundle = bundle_of(fixture().modules, &["messages.js", "http.js", "crons.js"]);
    let modules = pool().analyze(bundle).await.unwrap();
    let messages = &modules[0];
    assert_eq!(messages.path, "messages.js");
    let names: Vec<&str> = messages.functions.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(
        names,
        ["trivial", "list", "get", "many", "send", "clear", "broken", "coded", "failingSyscall", "calling", "run"]
    );
    let list = &messages.functions[1];
    assert_eq!(list.kind, UdfKind::Query);
    assert_eq!(list.visibility, Some(FunctionVisibility::Public));
    assert_eq!(list.args.as_deref(), Some(r#"{"type":"object","value":{}}"#));
    assert_eq!(list.returns.as_deref(), Some(r#"{"type":"array","value":{"type":"any"}}"#));
    let position = list.position.as_ref().unwrap();
    assert_eq!((position.path.as_str(), position.line), ("../convex/messages.ts", 16));
    assert_eq!(messages.functions[5].visibility, Some(FunctionVisibility::Internal));
    assert_eq!(messages.functions[0].args.as_deref(), Some(r#"{"type":"any"}"#));
    assert_eq!(messages.functions[0].returns, None);
    let routes = modules[1].http_routes.as_ref().unwrap();
    let found: Vec<(&str, &str)> = routes.iter().map(|r| (r.path.as_str(), r.method.as_str())).collect();
    assert_eq!(found, [("/hook", "POST"), ("/files/*", "GET")]);
    let crons = modules[2].crons.as_ref().unwrap();
    assert_eq!(crons["sweep"]["name"], "messages:clear");
    assert_eq!(crons["sweep"]["schedule"]["minutes"], 5);
}

#[tokio::test]
async fn malformed_modules_are_refused() {
    for (path, source, text) in [
        ("a.js", "console.log('hint'); throw new Error('bad');", "Failed to analyze a.js: Uncaught Error: bad"),
        (
            "a.js",
            "export const f = {isQuery: true, exportArgs() { throw new Error('undefined validator'); }};",
            "undefined validator",
        ),
        ("http.js", "export default {};", "is not a Router"),
        ("http.js", "export default {isRouter: true, getRoutes: () => [['/a', 'TRACE', {isHttp: true}]]};", "`TRACE`"),
        ("http.js", "export default {isRouter: true, getRoutes: () => [['/a', 'GET', {}]]};", "not an httpAction"),
        ("crons.js", "export default 1;", "is not a Crons"),
        ("a.js", "await Convex.asyncSyscall('1.0/get', '{}');", "Can't use the database at import time"),
    ] {
        let error = pool().analyze(bundle_of(vec![module(path, source)], &[path])).await.unwrap_err();
        assert!(error.message.contains(text), "{source}: {}", error.message);
        if source.starts_with("console") {
            assert!(error.message.ends_with("[LOG] 'hint'"), "{}", error.message);
            assert_eq!(error.code, "InvalidModules");
        }
    }
}

#[tokio::test]
async fn schemas_are_evaluated() {
    let json = pool().eval_schema(fixture().schema, [0; 32], IMPORT_MS).await.unwrap();
    let schema: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(schema["tables"][0]["tableName"], "messages");
    for (source, code) in [
        ("export const x = 1;", "MissingSchemaExportError"),
        ("export default 1;", "InvalidSchemaExport"),
        ("export default {export() { return process.env.X; }};", "NoEnvironmentVariablesInSchema"),
        ("Convex.syscall('x', '{}'); export default 1;", "NoSyscallInSchema"),
        ("throw new Error('x');", "InvalidSchema"),
        ("for (;;);", "InvalidSchema"),
    ] {
        let error = pool().eval_schema(module("schema.js", source), [0; 32], 0.0).await.unwrap_err();
        assert_eq!(error.code, code, "{}", error.message);
    }
}

#[tokio::test]
async fn auth_configs_are_evaluated() {
    let env = BTreeMap::from([("ISSUER".to_owned(), "https://issuer.test".to_owned())]);
    let config = pool().eval_auth_config(fixture().auth_config, env).await.unwrap();
    assert_eq!(config["providers"][0]["domain"], "https://issuer.test");
    let error = pool().eval_auth_config(fixture().auth_config, BTreeMap::new()).await.unwrap_err();
    assert_eq!(error.code, "AuthConfigMissingEnvironmentVariable");
    assert!(error.message.contains("Environment variable ISSUER "), "{}", error.message);
    for (source, code) in [
        ("export const a = 1;", "AuthConfigMissingExportError"),
        ("export default () => {};", "AuthConfigUnserializableError"),
        ("const o = {}; o.o = o; export default o;", "AuthConfigUnserializableError"),
        ("export default Math.random();", "NoRandomDuringImport"),
    ] {
        let error = pool().eval_auth_config(module("auth.config.js", source), BTreeMap::new()).await.unwrap_err();
        assert_eq!(error.code, code, "{}", error.message);
    }
}

#[tokio::test]
async fn definitions_are_evaluated() {
    let dependency = || DefinitionDependency { path: "limiter".to_owned(), default_name: "rateLimiter".to_owned() };
    let definition =
        pool().eval_definition(fixture().definition, vec![dependency()], Some(BTreeMap::new())).await.unwrap();
    assert_eq!(definition["definitionType"]["type"], "app");
    assert_eq!(definition["childComponents"][0]["name"], "rateLimiter");
    assert_eq!(definition["childComponents"][0]["path"], "limiter");
    assert_eq!(definition["childComponents"][1]["name"], "second");
    for (source, code) in [
        ("export default {export: () => ({})}; export const more = 1;", "InvalidDefinition"),
        ("export default {};", "InvalidDefinition"),
        ("export default {export: () => ({e: process.env.X})};", "EnvironmentVariablesUnsupported"),
        ("import './other.js'; export default {};", "InvalidDefinition"),
    ] {
        let error = pool().eval_definition(module("convex.config.js", source), Vec::new(), None).await.unwrap_err();
        assert_eq!(error.code, code, "{}", error.message);
    }
}
