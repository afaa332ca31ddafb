//! Running the code of the components of a push.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use lakewire_storage::schema::SchemaDefinition;
use serde_json::{Value as Json, json};

use super::error::PushError;
use super::evaluate::{self, analysis_json};
use super::request::ValidDefinition;
use super::{definition, exports};
use crate::engine::Engine;
use crate::model::app::process_env;
use crate::model::{AnalyzedModule, AppModel, ModuleEnvironment, ModuleModel, SourceText, UdfConfig};
use crate::runtime::{Bundle, DefinitionDependency};

/// Definitions analyzed at a time.
const CONCURRENT: usize = 2;

/// A component definition, evaluated.
#[derive(Debug)]
pub struct EvaluatedDefinition {
    pub path: String,
    pub server_version: String,
    /// In the form of `analysis[path].definition`.
    pub definition: Json,
    pub schema: Option<SchemaDefinition>,
    pub modules: BTreeMap<String, Arc<ModuleModel>>,
    /// The sources sent with the push, to be stored.
    pub new_sources: Vec<(String, SourceText)>,
}

impl EvaluatedDefinition {
    /// `analysis[path]` of the response.
    pub fn analysis_json(&self) -> Json {
        analysis_json(
            &self.definition,
            self.schema.as_ref(),
            &self.modules,
            json!({"serverVersion": self.server_version}),
        )
    }
}

/// Evaluates component definitions, which come with those they depend on before them.
///
/// # Errors
/// What user code did wrong.
pub async fn evaluate_all(
    engine: &Engine,
    current: &AppModel,
    config: &UdfConfig,
    definitions: Vec<ValidDefinition>,
) -> Result<Vec<EvaluatedDefinition>, PushError> {
    let mut exported = BTreeMap::new();
    for definition in &definitions {
        let export = evaluate_definition(engine, definition, &exported).await?;
        exported.insert(definition.path.clone(), export);
    }
    // What a component sees of the app while it is loaded is nothing but where it is.
    let env = process_env(&current.origins, &BTreeMap::new());
    let evaluated: Vec<_> = definitions
        .into_iter()
        .map(|definition| {
            let export = exported.remove(&definition.path).unwrap_or_default();
            let env = env.clone();
            async move { evaluate_modules(engine, config, definition, export, env).await }
        })
        .collect();
    stream::iter(evaluated).buffered(CONCURRENT).try_collect().await
}

/// The dependencies that a definition may import, out of those that were evaluated.
pub fn dependencies(paths: &[String], exported: &BTreeMap<String, Json>) -> Vec<DefinitionDependency> {
    let dependency = |path: &String| {
        let default_name = exported.get(path)?.get("name")?.as_str()?.to_owned();
        Some(DefinitionDependency { path: path.clone(), default_name })
    };
    paths.iter().filter_map(dependency).collect()
}

async fn evaluate_definition(
    engine: &Engine,
    pushed: &ValidDefinition,
    exported: &BTreeMap<String, Json>,
) -> Result<Json, PushError> {
    let module = evaluate::runtime_module("convex.config.js", &pushed.definition.text());
    let dependencies = dependencies(&pushed.dependencies, exported);
    let export = engine.pool().eval_definition(module, dependencies, None).await;
    definition::normalize_component(export.map_err(|error| evaluate::evaluation_in(&pushed.path, error))?, &pushed.path)
}

async fn evaluate_modules(
    engine: &Engine,
    config: &UdfConfig,
    pushed: ValidDefinition,
    mut definition: Json,
    env: BTreeMap<String, String>,
) -> Result<EvaluatedDefinition, PushError> {
    let ValidDefinition { path, schema, functions, udf_server_version, .. } = pushed;
    evaluate::check_code_size(engine, functions.values().map(|module| module.source.len()).sum())?;
    let bundle = Bundle {
        entries: functions.keys().filter(|path| evaluate::is_analyzed(path)).cloned().collect(),
        modules: functions.iter().map(|(path, module)| evaluate::runtime_module(path, &module.text())).collect(),
        env,
        import_seed: config.seed(),
        import_now_ms: config.import_phase_unix_timestamp_ms,
    };
    let in_component = |error| evaluate::in_definition(&path, error);
    let mut analyses = evaluate::analyze(engine, bundle).await.map_err(in_component)?;
    evaluate::check_cron_targets(&analyses).map_err(in_component)?;
    let schema = match schema {
        Some(module) => Some(evaluate::evaluate_schema(engine, &module, config).await.map_err(in_component)?),
        None => None,
    };
    let by_path = analyses.iter().map(|(path, module)| (path.as_str(), module)).collect();
    definition["exports"] = exports::of_definition(&by_path).map_err(in_component)?;
    let model = |(module_path, module): (&String, &super::request::PushedModule)| {
        let text = module.text();
        let model = ModuleModel {
            path: module_path.clone(),
            sha256: text.sha256(),
            source_bytes: text.source.len() as u64,
            has_source_map: text.source_map.is_some(),
            environment: ModuleEnvironment::Isolate,
            analysis: analyses.remove(module_path).unwrap_or_default(),
        };
        (module_path.clone(), Arc::new(model))
    };
    Ok(EvaluatedDefinition {
        definition,
        schema,
        server_version: udf_server_version,
        modules: functions.iter().map(model).collect(),
        new_sources: functions.into_iter().map(|(path, module)| (path, module.text())).collect(),
        path,
    })
}

/// The analyses of modules by path.
pub fn analyses(modules: &BTreeMap<String, Arc<ModuleModel>>) -> BTreeMap<&str, &AnalyzedModule> {
    modules.values().map(|module| (module.path.as_str(), &module.analysis)).collect()
}
