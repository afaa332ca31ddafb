//! What the modules of a push offer.

use super::evaluate::{Evaluation, Setting};
use super::{AnalyzedFunction, AnalyzedModule, AnalyzedRoute, EvaluationError, FunctionVisibility, SourcePosition};
use crate::runtime::bundle::Bundle;
use crate::runtime::context::method;
use crate::runtime::invocation::UdfKind;
use crate::runtime::ops::string;
use crate::runtime::pool::RuntimeOptions;
use crate::runtime::reuse;
use crate::runtime::sources::SCHEME;
use crate::runtime::state::Mode;
use crate::runtime::watchdog::Watchdog;

/// Methods that a route can have.
const METHODS: &[&str] = &["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];

/// Evaluates the entries of a bundle and tells what they offer.
pub(in crate::runtime) fn analyze(
    bundle: &Bundle,
    options: &RuntimeOptions,
    watchdog: &Watchdog,
) -> Result<Vec<AnalyzedModule>, EvaluationError> {
    let Some(first) = bundle.entries.first() else { return Ok(Vec::new()) };
    let setting = |path: &str| Setting {
        mode: Mode::Import,
        bundle,
        time: options.analyze_time,
        code: "InvalidModules",
        task: format!("analyze {path}"),
    };
    setting(first).run(options, watchdog, |scope, evaluation| {
        let mut analyzed = Vec::with_capacity(bundle.entries.len());
        for path in &bundle.entries {
            let setting = setting(path);
            analyzed.push(analyze_module(scope, &evaluation.for_task(&setting), path)?);
        }
        Ok(analyzed)
    })
}

fn analyze_module(
    scope: &mut v8::PinScope<'_, '_>,
    evaluation: &Evaluation,
    path: &str,
) -> Result<AnalyzedModule, EvaluationError> {
    v8::scope!(let scope, scope);
    let namespace = evaluation.import(scope, path)?;
    let mut functions = Vec::new();
    let names = namespace
        .get_own_property_names(scope, v8::GetPropertyNamesArgs::default())
        .map(|names| (0..names.length()).filter_map(|i| names.get_index(scope, i)).collect::<Vec<_>>())
        .unwrap_or_default();
    let mut reuse_context = false;
    let mut plain = Vec::new();
    for name in names {
        let Some(value) = namespace.get(scope, name) else { continue };
        let name = name.to_rust_string_lossy(scope);
        if name == reuse::EXPORT {
            reuse_context = value.is_true();
        }
        if let Ok(value) = v8::Local::<v8::Object>::try_from(value) {
            match analyze_export(scope, evaluation, path, &name, value)? {
                Some(function) => functions.push(function),
                None if value.is_function() => plain.push(name),
                None => {}
            }
        }
    }
    functions.sort_by(|a, b| a.position.cmp(&b.position));
    let http_routes = match path {
        "http.js" => Some(routes(scope, evaluation, namespace)?),
        _ => None,
    };
    let crons = match path {
        "crons.js" => Some(crons(scope, evaluation, namespace)?),
        _ => None,
    };
    Ok(AnalyzedModule { path: path.to_owned(), functions, http_routes, crons, reuse_context, plain })
}

/// `None` if the export isn't a registered function.
fn analyze_export<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    evaluation: &Evaluation,
    path: &str,
    name: &str,
    value: v8::Local<'s, v8::Object>,
) -> Result<Option<AnalyzedFunction>, EvaluationError> {
    let has = |property: &str| {
        let key = string(scope, property);
        value.has(scope, key.into()).unwrap_or(false)
    };
    let kinds: Vec<UdfKind> =
        [UdfKind::Query, UdfKind::Mutation, UdfKind::Action].into_iter().filter(|kind| has(kind.marker())).collect();
    let [kind] = kinds[..] else { return Ok(None) };
    let visibility = match (has("isPublic"), has("isInternal")) {
        (true, true) => return Ok(None),
        (true, false) => Some(FunctionVisibility::Public),
        (false, true) => Some(FunctionVisibility::Internal),
        (false, false) => None,
    };
    if !is_identifier(name) {
        return Err(evaluation.error(
            None,
            &format!("Invalid function name: `{name}` (letters, digits and `_`, not beginning with a digit)"),
        ));
    }
    let args = exported_validator(scope, evaluation, value, name, "exportArgs")?;
    let returns = exported_validator(scope, evaluation, value, name, "exportReturns")?;
    let handler = match method(scope, value, "_handler") {
        Some(handler) => handler,
        None => {
            let key = string(scope, "_handler");
            if value.has(scope, key.into()) == Some(true) {
                return Err(evaluation.error(None, &format!("`{name}._handler` is not a function")));
            }
            match v8::Local::<v8::Function>::try_from(value) {
                Ok(function) => function,
                Err(_) => {
                    return Ok(Some(AnalyzedFunction {
                        name: name.to_owned(),
                        kind,
                        visibility,
                        args,
                        returns,
                        position: None,
                    }));
                }
            }
        }
    };
    let position = position(scope, evaluation, path, handler);
    Ok(Some(AnalyzedFunction { name: name.to_owned(), kind, visibility, args, returns, position }))
}

/// Calls `exportArgs` or `exportReturns`; `None` for JSON `null` or if there is no such method.
fn exported_validator<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    evaluation: &Evaluation,
    function: v8::Local<'s, v8::Object>,
    name: &str,
    method: &str,
) -> Result<Option<String>, EvaluationError> {
    let Some(value) = evaluation.call_method(scope, function, method)? else { return Ok(None) };
    if !value.is_string() {
        return Err(evaluation.error(None, &format!("`{name}.{method}()` did not return a string")));
    }
    let json = value.to_rust_string_lossy(scope);
    Ok((json != "null").then_some(json))
}

/// Where a function is in the developer's sources, if it is in this very module.
fn position<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    evaluation: &Evaluation,
    path: &str,
    function: v8::Local<'s, v8::Function>,
) -> Option<SourcePosition> {
    let url = function.get_script_origin(scope).resource_name()?.to_rust_string_lossy(scope);
    if url.strip_prefix(SCHEME) != Some(path) {
        return None;
    }
    let line = function.get_script_line_number()? + 1;
    let column = function.get_script_column_number()? + 1;
    let at = evaluation.execution.sources.map(&url, line, column)?;
    Some(SourcePosition { path: at.source, line: at.line, column: at.column })
}

fn routes<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    evaluation: &Evaluation,
    namespace: v8::Local<'s, v8::Object>,
) -> Result<Vec<AnalyzedRoute>, EvaluationError> {
    let malformed = |what: &str| evaluation.error(None, what);
    let router = marked_default(scope, evaluation, namespace, "isRouter")
        .ok_or_else(|| malformed("The default export of `convex/http.js` is not a Router"))?;
    let routes = evaluation
        .call_method(scope, router, "getRoutes")?
        .and_then(|routes| v8::Local::<v8::Array>::try_from(routes).ok())
        .ok_or_else(|| malformed("`getRoutes()` of the router did not return an array"))?;
    let mut found = Vec::with_capacity(routes.length() as usize);
    for index in 0..routes.length() {
        let route = routes.get_index(scope, index);
        let route = route
            .and_then(|route| v8::Local::<v8::Array>::try_from(route).ok())
            .ok_or_else(|| malformed("a route is not an array of path, method and handler"))?;
        let part = |index| route.get_index(scope, index);
        let (path, method, handler) = (part(0), part(1), part(2));
        let (Some(path), Some(method), Some(handler)) = (path, method, handler) else {
            return Err(malformed("a route is not an array of path, method and handler"));
        };
        let path = path.to_rust_string_lossy(scope);
        let method = method.to_rust_string_lossy(scope);
        if !METHODS.contains(&method.as_str()) {
            return Err(malformed(&format!("`{method}` of route `{path}` is not a method that can be routed")));
        }
        let handler = v8::Local::<v8::Object>::try_from(handler).ok();
        let is_http = handler.is_some_and(|handler| {
            let key = string(scope, "isHttp");
            handler.get(scope, key.into()).is_some_and(|value| value.is_true())
        });
        let Some(handler) = handler.filter(|_| is_http) else {
            return Err(malformed(&format!("The handler of route `{path}` is not an httpAction")));
        };
        let position = self::method(scope, handler, "_handler")
            .and_then(|handler| position(scope, evaluation, "http.js", handler));
        found.push(AnalyzedRoute { path, method, position });
    }
    Ok(found)
}

fn crons<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    evaluation: &Evaluation,
    namespace: v8::Local<'s, v8::Object>,
) -> Result<serde_json::Map<String, serde_json::Value>, EvaluationError> {
    let malformed = |what: &str| evaluation.error(Some("InvalidCron"), what);
    let crons = marked_default(scope, evaluation, namespace, "isCrons")
        .ok_or_else(|| malformed("The default export of `convex/crons.js` is not a Crons object"))?;
    let text = evaluation
        .call_method(scope, crons, "export")?
        .filter(|value| value.is_string())
        .ok_or_else(|| malformed("`export()` of the crons did not return a string"))?
        .to_rust_string_lossy(scope);
    serde_json::from_str(&text).map_err(|error| malformed(&format!("the crons are not a JSON object: {error}")))
}

/// The default export, if `marker` is set on it.
fn marked_default<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    evaluation: &Evaluation,
    namespace: v8::Local<'s, v8::Object>,
    marker: &str,
) -> Option<v8::Local<'s, v8::Object>> {
    let value = evaluation.default_export(scope, namespace)?;
    let value = v8::Local::<v8::Object>::try_from(value).ok()?;
    let key = string(scope, marker);
    value.get(scope, key.into())?.is_true().then_some(value)
}

fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_' || b == b'$')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'$')
}
