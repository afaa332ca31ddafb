//! `schema.js`, `auth.config.js` and `convex.config.js`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::evaluate::{Evaluation, Setting, single};
use super::{DefinitionDependency, EvaluationError};
use crate::runtime::bundle::ModuleSource;
use crate::runtime::ops::string;
use crate::runtime::pool::RuntimeOptions;
use crate::runtime::state::Mode;
use crate::runtime::watchdog::Watchdog;

/// Evaluates a schema: the JSON text of its export.
pub(in crate::runtime) fn eval_schema(
    module: ModuleSource,
    seed: [u8; 32],
    now_ms: f64,
    options: &RuntimeOptions,
    watchdog: &Watchdog,
) -> Result<String, EvaluationError> {
    let path = module.path.clone();
    let bundle = single(module, BTreeMap::new(), seed, now_ms);
    let setting = Setting {
        mode: Mode::Schema,
        bundle: &bundle,
        time: options.evaluate_time,
        code: "InvalidSchema",
        task: "evaluate the schema".to_owned(),
    };
    setting.run(options, watchdog, |scope, evaluation| {
        let namespace = evaluation.import(scope, &path)?;
        let missing = || {
            evaluation.error(
                Some("MissingSchemaExportError"),
                "Schema file missing default export. Please export your schema like this: `export default defineSchema({...})`",
            )
        };
        let invalid = || {
            evaluation.error(
                Some("InvalidSchemaExport"),
                "Default export is not a Convex schema. Make it with `defineSchema`",
            )
        };
        let schema = evaluation.default_export(scope, namespace).ok_or_else(missing)?;
        let schema = v8::Local::<v8::Object>::try_from(schema).map_err(|_| invalid())?;
        let exported = evaluation.call_method(scope, schema, "export")?;
        let exported = exported.filter(|value| value.is_string()).ok_or_else(invalid)?;
        Ok(exported.to_rust_string_lossy(scope))
    })
}

/// Evaluates an auth config: its default export.
pub(in crate::runtime) fn eval_auth_config(
    module: ModuleSource,
    env: BTreeMap<String, String>,
    options: &RuntimeOptions,
    watchdog: &Watchdog,
) -> Result<serde_json::Value, EvaluationError> {
    let path = module.path.clone();
    let bundle = single(module, env, [0; 32], 0.0);
    let setting = Setting {
        mode: Mode::AuthConfig,
        bundle: &bundle,
        time: options.evaluate_time,
        code: "InvalidAuthConfig",
        task: "evaluate the auth config".to_owned(),
    };
    setting.run(options, watchdog, |scope, evaluation| {
        let namespace = evaluation.import(scope, &path)?;
        let config = evaluation.default_export(scope, namespace).ok_or_else(|| {
            evaluation.error(
                Some("AuthConfigMissingExportError"),
                "auth config file missing default export. Please export it like this: `export default { providers: [...] }`",
            )
        })?;
        stringify(scope, config).ok_or_else(|| {
            let code = evaluation.execution.forbidden.get().unwrap_or("AuthConfigUnserializableError");
            evaluation.error(Some(code), "The default export can't be written as JSON")
        })
    })
}

/// Evaluates the definition of the app or of a component: the object it exports.
pub(in crate::runtime) fn eval_definition(
    module: ModuleSource,
    dependencies: &[DefinitionDependency],
    env: Option<BTreeMap<String, String>>,
    options: &RuntimeOptions,
    watchdog: &Watchdog,
) -> Result<serde_json::Value, EvaluationError> {
    let path = module.path.clone();
    let mode = Mode::Definition(env.is_some());
    let bundle = single(module, env.unwrap_or_default(), [0; 32], 0.0);
    let setting = Setting {
        mode,
        bundle: &bundle,
        time: options.evaluate_time,
        code: "InvalidDefinition",
        task: format!("evaluate {path}"),
    };
    setting.run(options, watchdog, |scope, evaluation| {
        for dependency in dependencies {
            add_dependency(scope, evaluation, dependency);
        }
        let namespace = evaluation.import(scope, &path)?;
        let names = namespace.get_own_property_names(scope, v8::GetPropertyNamesArgs::default());
        if names.is_none_or(|names| names.length() != 1) {
            return Err(evaluation.error(None, "The module must have a default export and no other"));
        }
        let no_definition = || {
            evaluation
                .error(None, "The default export is not a definition. Make it with `defineApp` or `defineComponent`")
        };
        let definition = evaluation.default_export(scope, namespace).ok_or_else(no_definition)?;
        let definition = v8::Local::<v8::Object>::try_from(definition).map_err(|_| no_definition())?;
        let exported = evaluation.call_method(scope, definition, "export")?.ok_or_else(no_definition)?;
        stringify(scope, exported)
            .filter(serde_json::Value::is_object)
            .ok_or_else(|| evaluation.error(None, "`export()` did not return an object"))
    })
}

/// Makes a dependency importable.
fn add_dependency(scope: &mut v8::PinScope<'_, '_>, evaluation: &Evaluation, dependency: &DefinitionDependency) {
    v8::scope!(let scope, scope);
    let object = v8::Object::new(scope);
    let set = |name: &str, value: &str| {
        let name = string(scope, name);
        let value = string(scope, value);
        object.set(scope, name.into(), value.into());
    };
    set("componentDefinitionPath", &dependency.path);
    set("defaultName", &dependency.default_name);
    let path = format!("_componentDeps/{}", URL_SAFE_NO_PAD.encode(&dependency.path));
    evaluation.execution.modules.borrow_mut().insert_synthetic(scope, &path, object.into());
}

fn stringify<'s>(scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<serde_json::Value> {
    v8::tc_scope!(let scope, scope);
    let text = v8::json::stringify(scope, value)?.to_rust_string_lossy(scope);
    // `undefined` and functions have no JSON text.
    serde_json::from_str(&text).ok()
}
