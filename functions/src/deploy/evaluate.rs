//! Running the code of a push: what the new app consists of, without changing anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use lakewire_storage::schema::SchemaDefinition;
use serde_json::{Value as Json, json};

use super::components::{self, EvaluatedDefinition, analyses};
use super::definition::{self, EnvDeclarations};
use super::error::PushError;
use super::node;
use super::request::{PushedModule, UnchangedModule, ValidRequest};
use super::tree::{self, Instance, TreeDefinition};
use crate::crons;
use crate::engine::{Engine, ProgramError};
use crate::model::source::CONCURRENT_BLOBS;
use crate::model::{
    AnalyzedModule, AppModel, AuthProvider, FunctionKind, ModuleEnvironment, ModuleModel, SourceText, UdfConfig, auth,
};
use crate::runtime::{Bundle, EvaluationError, ModuleSource};

/// `auth.config.js` is a module of the app that is never analyzed nor called.
pub const AUTH_CONFIG: &str = "auth.config.js";

/// The new app, evaluated.
#[derive(Debug)]
pub struct EvaluatedApp {
    /// In the form of `analysis[""].definition`.
    pub definition: Json,
    pub schema: Option<SchemaDefinition>,
    pub modules: BTreeMap<String, Arc<ModuleModel>>,
    pub udf_config: UdfConfig,
    pub auth: Vec<AuthProvider>,
    /// What it was evaluated under, without the built-in variables.
    pub env_vars: BTreeMap<String, String>,
    /// The sources sent with the push, to be stored.
    pub new_sources: Vec<(String, SourceText)>,
    /// The definitions of components, each after those it depends on.
    pub components: Vec<EvaluatedDefinition>,
    /// The app with its components.
    pub tree: Instance,
}

/// Evaluates `request` against the deployed app `current`.
///
/// # Errors
/// A 409 where the client is wrong about what the deployment has; what user code did wrong.
pub async fn evaluate(engine: &Engine, current: &AppModel, request: ValidRequest) -> Result<EvaluatedApp, PushError> {
    let ValidRequest {
        functions_dir, udf_server_version, definition, schema, changed, unchanged, node_version, ..
    } = request;
    let sources = materialize(engine, current, &changed, unchanged).await?;
    check_code_size(engine, sources.values().map(|source| source.text.source.len()).sum())?;

    let process_env = (*current.process_env).clone();
    let mut udf_config = UdfConfig::for_push(
        current.udf_config.as_ref(),
        &udf_server_version,
        &functions_dir,
        String::new(),
        engine.env(),
    );
    udf_config.node_dependencies = request.node_dependencies;
    udf_config.node_version = node_version;
    let isolate = || sources.iter().filter(|(_, source)| source.environment == ModuleEnvironment::Isolate);
    let bundle = Bundle {
        entries: isolate().map(|(path, _)| path).filter(|path| is_analyzed(path)).cloned().collect(),
        modules: isolate().map(|(path, source)| runtime_module(path, &source.text)).collect(),
        env: process_env.clone(),
        import_seed: udf_config.seed(),
        import_now_ms: udf_config.import_phase_unix_timestamp_ms,
    };
    let mut analyses = analyze(engine, bundle).await?;
    analyses.extend(node::analyze(engine, &sources, &udf_config.node_dependencies, &process_env).await?);
    check_cron_targets(&analyses)?;

    let auth = match sources.get(AUTH_CONFIG) {
        Some(source) => evaluate_auth(engine, runtime_module(AUTH_CONFIG, &source.text), process_env.clone()).await?,
        None => Vec::new(),
    };
    let schema = match schema {
        Some(module) => Some(evaluate_schema(engine, &module, &udf_config).await?),
        None => None,
    };
    let components = components::evaluate_all(engine, current, &udf_config, request.components).await?;
    let definition = match definition {
        Some(module) => {
            let module = runtime_module("convex.config.js", &module.text());
            let exported = components.iter().map(|of| (of.path.clone(), of.definition.clone())).collect();
            let dependencies = components::dependencies(&request.dependencies, &exported);
            engine.pool().eval_definition(module, dependencies, Some(process_env)).await.map_err(evaluation)?
        }
        None => definition::empty(),
    };
    let definition = definition::normalize(definition)?;
    udf_config.definition = definition.to_string();

    let modules: BTreeMap<_, _> = sources
        .iter()
        .map(|(path, source)| {
            let module = source.model(path, analyses.remove(path).unwrap_or_default());
            (path.clone(), Arc::new(module))
        })
        .collect();
    let definitions = tree_definitions(&definition, &modules, &components)?;
    let tree = tree::instantiate(&definitions, !request.for_codegen)?;
    let new_sources = changed.into_iter().map(|(path, module)| (path, module.text())).collect();
    Ok(EvaluatedApp {
        definition,
        schema,
        modules,
        udf_config,
        auth,
        env_vars: current.env_vars.clone(),
        new_sources,
        components,
        tree,
    })
}

/// The modules of one definition must not be larger than the limit.
pub(super) fn check_code_size(engine: &Engine, bytes: usize) -> Result<(), PushError> {
    let limit = engine.db().limits().code_size;
    if bytes > limit { Err(PushError::CodeTooLarge { bytes, limit }) } else { Ok(()) }
}

/// All definitions by path, the app's under the empty path.
fn tree_definitions<'a>(
    app: &Json,
    modules: &'a BTreeMap<String, Arc<ModuleModel>>,
    components: &'a [EvaluatedDefinition],
) -> Result<BTreeMap<String, TreeDefinition<'a>>, PushError> {
    let of = |definition: &Json, modules: &'a BTreeMap<String, Arc<ModuleModel>>| {
        let export = serde_json::from_value(definition.clone());
        let export = export.map_err(|error| PushError::Internal { reason: error.to_string() })?;
        let env = EnvDeclarations::of(definition)?;
        Ok::<_, PushError>(TreeDefinition { export, env, modules: analyses(modules) })
    };
    let mut all = BTreeMap::from([(String::new(), of(app, modules)?)]);
    for component in components {
        all.insert(component.path.clone(), of(&component.definition, &component.modules)?);
    }
    Ok(all)
}

/// Evaluates an `auth.config.js`, also when environment variables change after the push.
///
/// # Errors
/// An unset variable it reads, or another shape than a list of providers.
pub async fn evaluate_auth(
    engine: &Engine,
    module: ModuleSource,
    process_env: BTreeMap<String, String>,
) -> Result<Vec<AuthProvider>, PushError> {
    let config = engine.pool().eval_auth_config(module, process_env).await.map_err(evaluation)?;
    Ok(auth::parse(&config)?)
}

/// Builds what runs `model`, so that its first call does not wait for it.
///
/// # Errors
/// Modules that cannot be loaded.
pub async fn build_program(engine: &Engine, model: &AppModel) -> Result<(), PushError> {
    match engine.programs().prepare(model).await {
        Ok(_) => Ok(()),
        Err(ProgramError::Import(message)) => Err(PushError::Evaluation {
            code: "InvalidModules".to_owned(),
            message: format!("Hit an error while pushing:\n{message}"),
        }),
        Err(ProgramError::Internal(reason)) => Err(PushError::Internal { reason }),
    }
}

/// A module of the new app with its text.
pub(super) struct MaterialModule {
    pub(super) text: SourceText,
    pub(super) sha256: String,
    pub(super) environment: ModuleEnvironment,
}

impl MaterialModule {
    fn model(&self, path: &str, analysis: AnalyzedModule) -> ModuleModel {
        ModuleModel {
            path: path.to_owned(),
            sha256: self.sha256.clone(),
            source_bytes: self.text.source.len() as u64,
            has_source_map: self.text.source_map.is_some(),
            environment: self.environment,
            analysis,
        }
    }
}

/// The texts of all modules of the new app: those sent, and those the deployment has.
async fn materialize(
    engine: &Engine,
    current: &AppModel,
    changed: &BTreeMap<String, PushedModule>,
    unchanged: BTreeMap<String, UnchangedModule>,
) -> Result<BTreeMap<String, MaterialModule>, PushError> {
    use futures::{StreamExt, TryStreamExt, stream};

    let kept = unchanged.iter().map(|(path, claim)| existing(current, path, claim)).collect::<Result<Vec<_>, _>>()?;
    let loads: Vec<_> = kept
        .into_iter()
        .map(|module| async move {
            let text = engine.modules().get(&module).await?;
            let material = MaterialModule { text, sha256: module.sha256.clone(), environment: module.environment };
            Ok::<_, PushError>((module.path.clone(), material))
        })
        .collect();
    let mut sources: BTreeMap<String, MaterialModule> =
        stream::iter(loads).buffered(CONCURRENT_BLOBS).try_collect().await?;
    for (path, module) in changed {
        let text = module.text();
        let sha256 = text.sha256();
        sources.insert(path.clone(), MaterialModule { text, sha256, environment: module.environment });
    }
    Ok(sources)
}

/// The deployed module that `claim` is about.
fn existing(current: &AppModel, path: &str, claim: &UnchangedModule) -> Result<Arc<ModuleModel>, PushError> {
    let path = || path.to_owned();
    let module = current.module(&path()).ok_or_else(|| PushError::MissingExistingModule { path: path() })?;
    if module.sha256 != claim.sha256 {
        return Err(PushError::ExistingModuleHashConflict { path: path() });
    }
    if module.environment != claim.environment {
        return Err(PushError::ExistingModuleEnvConflict { path: path() });
    }
    Ok(module.clone())
}

pub(super) async fn analyze(engine: &Engine, bundle: Bundle) -> Result<BTreeMap<String, AnalyzedModule>, PushError> {
    let invalid = |path: &str, reason: String| PushError::Evaluation {
        code: "InvalidModules".to_owned(),
        message: format!("Hit an error while pushing:\nFailed to analyze {path}: {reason}"),
    };
    let found = engine.pool().analyze(bundle).await.map_err(evaluation)?;
    found
        .into_iter()
        .map(|module| {
            let path = module.path.clone();
            let analysis = AnalyzedModule::from_runtime(module).map_err(|reason| invalid(&path, reason))?;
            Ok((path, analysis))
        })
        .collect()
}

pub(super) async fn evaluate_schema(
    engine: &Engine,
    module: &PushedModule,
    config: &UdfConfig,
) -> Result<SchemaDefinition, PushError> {
    let module = runtime_module("schema.js", &module.text());
    let text = engine
        .pool()
        .eval_schema(module, config.seed(), config.import_phase_unix_timestamp_ms)
        .await
        .map_err(evaluation)?;
    let invalid = |code: &str, reason: String| PushError::Evaluation {
        code: code.to_owned(),
        message: format!("Hit an error while evaluating your schema:\n{reason}"),
    };
    let schema = SchemaDefinition::from_json(&text).map_err(|error| invalid(error.code(), error.to_string()))?;
    schema.check_for_push().map_err(|error| invalid(error.code(), error.to_string()))?;
    Ok(schema)
}

/// Every cron must call a mutation or action of this app.
pub(super) fn check_cron_targets(analyses: &BTreeMap<String, AnalyzedModule>) -> Result<(), PushError> {
    let Some(crons) = analyses.get("crons.js").and_then(|module| module.cron_specs.as_ref()) else { return Ok(()) };
    crons::parse(crons)?;
    for (cron, spec) in crons {
        let name = spec.get("name").and_then(Json::as_str).unwrap_or_default();
        let (module, export) = name.rsplit_once(':').unwrap_or((name, "default"));
        let module = format!("{}.js", module.strip_suffix(".js").unwrap_or(module));
        let target = analyses
            .get(&module)
            .and_then(|analysis| analysis.functions.iter().find(|function| function.name == export));
        let reason = match target.map(|function| function.kind) {
            Some(FunctionKind::Mutation | FunctionKind::Action) => continue,
            Some(FunctionKind::Query) => "is a query; crons can only call mutations and actions",
            None => "does not exist",
        };
        return Err(PushError::Evaluation {
            code: "InvalidCron".to_owned(),
            message: format!("The cron job '{cron}' calls the function '{name}', which {reason}"),
        });
    }
    Ok(())
}

pub(super) fn is_analyzed(path: &str) -> bool {
    !path.starts_with("_deps/") && path != AUTH_CONFIG
}

pub(super) fn runtime_module(path: &str, text: &SourceText) -> ModuleSource {
    ModuleSource { path: path.to_owned(), source: text.source.clone(), source_map: text.source_map.clone() }
}

/// What the user reads when their code fails during a push.
fn evaluation(error: EvaluationError) -> PushError {
    let message = match error.code {
        // The CLI takes this message apart.
        "AuthConfigMissingEnvironmentVariable" => error.message,
        _ => format!("Hit an error while pushing:\n{}", error.message),
    };
    PushError::Evaluation { code: error.code.to_owned(), message }
}

/// The same for the code of a component.
pub(super) fn evaluation_in(definition: &str, error: EvaluationError) -> PushError {
    in_definition(definition, evaluation(error))
}

/// Tells which definition a failure is about.
pub(super) fn in_definition(definition: &str, error: PushError) -> PushError {
    match error {
        PushError::Evaluation { code, message } => {
            let message = format!("{message}\n(in the component that is defined in `{definition}`)");
            PushError::Evaluation { code, message }
        }
        other => other,
    }
}

/// An evaluated definition in the form of the wire.
pub(super) fn analysis_json(
    definition: &Json,
    schema: Option<&SchemaDefinition>,
    modules: &BTreeMap<String, Arc<ModuleModel>>,
    udf_config: Json,
) -> Json {
    let callable = modules.values().filter(|module| !module.is_dependency());
    let functions: serde_json::Map<String, Json> =
        callable.map(|module| (module.path.clone(), json!(module.analysis))).collect();
    json!({
        "definition": definition,
        "schema": schema.map(SchemaDefinition::to_json_value),
        "functions": functions,
        "udfConfig": udf_config,
    })
}

impl EvaluatedApp {
    /// `analysis[""]` of the response.
    pub fn analysis_json(&self) -> Json {
        use base64::Engine as _;
        let base64 = base64::engine::general_purpose::STANDARD;
        let timestamp = self.udf_config.import_phase_unix_timestamp_ms as i64;
        let config = json!({
            "serverVersion": self.udf_config.server_version,
            "importPhaseRngSeed": {"$bytes": base64.encode(self.udf_config.seed())},
            "importPhaseUnixTimestamp": {"$integer": base64.encode(timestamp.to_le_bytes())},
        });
        analysis_json(&self.definition, self.schema.as_ref(), &self.modules, config)
    }

    /// `app` of the response: the component tree.
    ///
    /// # Errors
    /// None that the evaluation has not had.
    pub fn tree_json(&self) -> Result<Json, PushError> {
        Ok(self.tree.to_json(&tree_definitions(&self.definition, &self.modules, &self.components)?))
    }

    /// The schema of a definition; the empty path is the app's.
    pub fn schema_of(&self, definition: &str) -> Option<&SchemaDefinition> {
        match definition {
            "" => self.schema.as_ref(),
            _ => self.components.iter().find(|of| of.path == definition)?.schema.as_ref(),
        }
    }
}
