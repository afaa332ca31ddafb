//! The body of `start_push`, `evaluate_push` and `evaluate_schema`, and the checks made before any evaluation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lakewire_storage::limits::MAX_MODULES;
use serde::Deserialize;

use super::error::PushError;
use crate::model::module_path::canonical_module_path;
use crate::model::{ModuleEnvironment, NodeDependency, SourceText};

/// The body. Unknown fields are ignored.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartPushRequest {
    #[serde(default)]
    pub dry_run: bool,
    #[serde(default = "default_functions_dir")]
    pub functions: String,
    pub app_definition: AppDefinition,
    #[serde(default)]
    pub component_definitions: Vec<ComponentDefinition>,
    #[serde(default)]
    pub node_dependencies: Vec<NodeDependency>,
    #[serde(default)]
    pub node_version: Option<String>,
    /// Set by `codegen --component-dir`: nothing of this push may become live.
    #[serde(default)]
    pub for_codegen: bool,
}

/// What a CLI that names no functions folder means.
pub fn default_functions_dir() -> String {
    "convex/".to_owned()
}

/// The root component.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppDefinition {
    #[serde(default)]
    pub definition: Option<PushedModule>,
    #[serde(default)]
    pub dependencies: Vec<String>,
    #[serde(default)]
    pub schema: Option<PushedModule>,
    /// CLIs up to 1.31 call it `functions` and send every module in it.
    #[serde(default, alias = "functions")]
    pub changed_modules: Vec<PushedModule>,
    #[serde(default)]
    pub unchanged_module_hashes: Vec<UnchangedModule>,
    pub udf_server_version: String,
}

/// The definition of a component, with all its modules.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ComponentDefinition {
    pub definition_path: String,
    pub definition: PushedModule,
    #[serde(default)]
    pub dependencies: Vec<String>,
    #[serde(default)]
    pub schema: Option<PushedModule>,
    #[serde(default)]
    pub functions: Vec<PushedModule>,
    pub udf_server_version: String,
}

/// A module sent with its source.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PushedModule {
    pub path: String,
    pub source: Arc<str>,
    #[serde(default)]
    pub source_map: Option<Arc<str>>,
    pub environment: ModuleEnvironment,
}

impl PushedModule {
    /// The text without the path.
    pub fn text(&self) -> SourceText {
        SourceText { source: self.source.clone(), source_map: self.source_map.clone() }
    }
}

/// A module the client believes the deployment to have already.
#[derive(Clone, Debug, Deserialize)]
pub struct UnchangedModule {
    pub path: String,
    pub environment: ModuleEnvironment,
    pub sha256: String,
}

/// A request that passed [`validate`]: module paths are canonical and distinct.
#[derive(Clone, Debug)]
pub struct ValidRequest {
    pub dry_run: bool,
    pub for_codegen: bool,
    pub functions_dir: String,
    pub udf_server_version: String,
    pub definition: Option<PushedModule>,
    /// Paths of the component definitions that the app's definition imports.
    pub dependencies: Vec<String>,
    pub schema: Option<PushedModule>,
    pub changed: BTreeMap<String, PushedModule>,
    pub unchanged: BTreeMap<String, UnchangedModule>,
    pub node_dependencies: Vec<NodeDependency>,
    pub node_version: Option<String>,
    /// Each after those it depends on.
    pub components: Vec<ValidDefinition>,
}

/// A component definition that passed [`validate`].
#[derive(Clone, Debug)]
pub struct ValidDefinition {
    pub path: String,
    pub definition: PushedModule,
    pub dependencies: Vec<String>,
    pub schema: Option<PushedModule>,
    pub functions: BTreeMap<String, PushedModule>,
    pub udf_server_version: String,
}

/// Checks everything that can be checked without looking at the deployment or running code.
///
/// # Errors
/// See [`PushError`].
pub fn validate(request: StartPushRequest) -> Result<ValidRequest, PushError> {
    let app = request.app_definition;
    let components = components::validate(request.component_definitions, &app.dependencies)?;
    check_version(&app.udf_server_version)?;
    check_node_version(request.node_version.as_deref())?;

    let mut seen = BTreeSet::new();
    let mut changed = BTreeMap::new();
    for module in app.changed_modules {
        let path = claim(&mut seen, &module.path)?;
        changed.insert(path, module);
    }
    let mut unchanged = BTreeMap::new();
    for module in app.unchanged_module_hashes {
        let path = claim(&mut seen, &module.path)?;
        unchanged.insert(path, module);
    }
    let modules = seen.iter().filter(|path| !path.starts_with("_deps/")).count();
    if modules > MAX_MODULES {
        return Err(PushError::TooManyModules { modules });
    }
    request.node_dependencies.iter().try_for_each(check_package)?;
    Ok(ValidRequest {
        dry_run: request.dry_run,
        for_codegen: request.for_codegen,
        functions_dir: request.functions,
        udf_server_version: app.udf_server_version,
        definition: app.definition,
        dependencies: app.dependencies,
        schema: app.schema,
        changed,
        unchanged,
        node_dependencies: request.node_dependencies,
        node_version: request.node_version,
        components,
    })
}

/// The canonical form of `path`, which no other module of the request may have.
fn claim(seen: &mut BTreeSet<String>, path: &str) -> Result<String, PushError> {
    let canonical = canonical_module_path(path)?;
    if !seen.insert(canonical.clone()) {
        return Err(PushError::InvalidConfig { reason: format!("module `{canonical}` is given twice") });
    }
    Ok(canonical)
}

fn check_version(version: &str) -> Result<(), PushError> {
    match semver::Version::parse(version) {
        Ok(_) => Ok(()),
        Err(error) => Err(PushError::InvalidConfig {
            reason: format!("`udfServerVersion` `{version}` is not a version: {error}"),
        }),
    }
}

/// npm also takes files, URLs and ranges; the client sends the exact version that is installed.
fn check_package(package: &NodeDependency) -> Result<(), PushError> {
    let NodeDependency { name, version } = package;
    let part = |part: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        !part.is_empty() && part.len() <= 214 && !part.starts_with('.') && part.bytes().all(plain)
    };
    let is_name = match name.strip_prefix('@').map(|scoped| scoped.split_once('/')) {
        None => part(name),
        Some(scoped) => scoped.is_some_and(|(scope, name)| part(scope) && part(name)),
    };
    if is_name && semver::Version::parse(version).is_ok() {
        return Ok(());
    }
    let reason = format!("`nodeDependencies`: `{name}` at `{version}` is not a package and its exact version");
    Err(PushError::InvalidConfig { reason })
}

fn check_node_version(version: Option<&str>) -> Result<(), PushError> {
    match version {
        None | Some("20" | "22" | "24") => Ok(()),
        Some(version) => Err(PushError::NodeVersionNotSupported { version: version.to_owned() }),
    }
}

mod components;
#[cfg(test)]
mod tests;
