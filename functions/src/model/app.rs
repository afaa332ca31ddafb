//! [`AppModel`], and the cache in front of loading it.

use std::collections::BTreeMap;
use std::sync::Arc;

use lakewire_storage::catalog::{Namespace, SystemTable};
use lakewire_storage::database::Database;
use lakewire_storage::state::Snapshot;
use lakewire_storage::transaction::Transaction;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::component::{self, Component, Definition, ModulesByDefinition};
use super::deployment::RunState;
use super::error::ModelError;
use super::handles::Handles;
use super::module::{AnalyzedModule, ModuleEnvironment, ModuleModel};
use super::{AuthProvider, DeploymentRow, UdfConfig, auth, deployment, env_vars, rows, udf_config};
use crate::udf::ComponentPath;

const MODULES: SystemTable = SystemTable::Modules;

/// The public origins the deployment is configured with. `_deployment` may replace them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origins {
    /// Origin of the API, e.g. `http://127.0.0.1:3210`.
    pub cloud: String,
    /// Origin of HTTP actions, e.g. `http://127.0.0.1:3211`.
    pub site: String,
}

/// The deployed app at one deployment version.
#[derive(Clone, Debug)]
pub struct AppModel {
    /// Identifies this model: equal versions of one deployment are equal models.
    pub deployment_version: u64,
    pub state: RunState,
    /// All modules by canonical path, shared chunks and `auth.config.js` included.
    pub modules: BTreeMap<String, Arc<ModuleModel>>,
    /// `None` before the first push.
    pub udf_config: Option<UdfConfig>,
    /// What users set, without the built-in variables.
    pub env_vars: BTreeMap<String, String>,
    /// What `process.env` shows: built-in variables, overridden by what users set.
    pub process_env: Arc<BTreeMap<String, String>>,
    pub auth: Vec<AuthProvider>,
    /// The origins in force.
    pub origins: Origins,
    /// The app itself, and its components, those that are not mounted any more included.
    pub components: BTreeMap<ComponentPath, Arc<Component>>,
    pub handles: Handles,
}

impl AppModel {
    /// Reads the app as `tx` sees it, its own writes included.
    ///
    /// # Errors
    /// A transaction error or a damaged row.
    pub async fn load(tx: &mut Transaction, configured: &Origins) -> Result<AppModel, ModelError> {
        let row = deployment::read(tx).await?;
        let env_vars = env_vars::read(tx).await?;
        let origins = effective_origins(&row, configured);
        let udf_config = udf_config::read(tx).await?;
        let mut by_definition = read_all_modules(tx).await?;
        let modules = by_definition.remove("").unwrap_or_default();
        let mut components = component::load(tx, &mut by_definition, &origins, &env_vars).await?;
        let process_env = Arc::new(process_env(&origins, &env_vars));
        let (version, definition) =
            udf_config.as_ref().map_or(("", ""), |config| (&config.server_version, &config.definition));
        let root = Component {
            path: ComponentPath::root(),
            id: None,
            namespace: Namespace::ROOT,
            definition: Arc::new(Definition::new("", version, definition, modules.clone())),
            process_env: process_env.clone(),
            mounted: true,
        };
        components.insert(ComponentPath::root(), Arc::new(root));
        Ok(AppModel {
            deployment_version: row.version as u64,
            state: row.state,
            modules,
            udf_config,
            process_env,
            env_vars,
            auth: auth::read(tx).await?,
            origins,
            components,
            handles: Handles::load(tx).await?,
        })
    }

    /// Reads what [`Self::load`] is going to read, all at the same time and only to have it in memory.
    pub async fn prefetch(db: &Database, snapshot: &Snapshot) {
        let begin = || db.begin(snapshot.clone(), "_model");
        let [mut first, mut second, mut third, mut fourth, mut fifth] = std::array::from_fn(|_| begin());
        // What fails here fails again where it matters.
        let _prefetched = futures::join!(
            env_vars::read(&mut first),
            udf_config::read(&mut second),
            read_all_modules(&mut third),
            auth::read(&mut fourth),
            Handles::load(&mut fifth),
        );
    }

    /// The module stored at a canonical path.
    pub fn module(&self, path: &str) -> Option<&Arc<ModuleModel>> {
        self.modules.get(path)
    }

    /// The app or one of its components. Those that are not mounted any more are found too.
    pub fn component(&self, path: &ComponentPath) -> Option<&Arc<Component>> {
        self.components.get(path)
    }

    /// The component that owns the tables of a namespace.
    pub fn component_of(&self, namespace: Namespace) -> Option<&Arc<Component>> {
        self.components.values().find(|component| component.namespace == namespace)
    }

    /// The app and the components whose functions can be called.
    pub fn mounted(&self) -> impl Iterator<Item = &Arc<Component>> {
        self.components.values().filter(|component| component.mounted)
    }
}

impl Definition {
    /// The paths calls can enter at: isolate modules that export at least one function or route.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<ModuleModel>> {
        self.modules.values().filter(|module| {
            module.environment == ModuleEnvironment::Isolate
                && (!module.analysis.functions.is_empty() || module.analysis.http_routes.is_some())
        })
    }
}

/// The origins in force: canonical URLs if set, else what is configured.
pub fn effective_origins(row: &DeploymentRow, configured: &Origins) -> Origins {
    Origins {
        cloud: row.cloud_url.clone().unwrap_or_else(|| configured.cloud.clone()),
        site: row.site_url.clone().unwrap_or_else(|| configured.site.clone()),
    }
}

/// What `process.env` shows to the app's functions.
pub fn process_env(origins: &Origins, user: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut all = BTreeMap::from([
        (env_vars::CLOUD_URL.to_owned(), origins.cloud.clone()),
        (env_vars::SITE_URL.to_owned(), origins.site.clone()),
    ]);
    all.extend(user.iter().map(|(name, value)| (name.clone(), value.clone())));
    all
}

/// A row of `_modules`. The analysis is JSON text: its nesting is not bounded by the limits of documents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModuleRow {
    /// Path of the definition it is of; empty for the app.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub definition: String,
    pub path: String,
    pub sha256: String,
    pub source_bytes: f64,
    pub has_source_map: bool,
    pub environment: ModuleEnvironment,
    pub analysis: String,
}

impl ModuleRow {
    pub fn new(definition: &str, module: &ModuleModel) -> ModuleRow {
        ModuleRow {
            definition: definition.to_owned(),
            path: module.path.clone(),
            sha256: module.sha256.clone(),
            source_bytes: module.source_bytes as f64,
            has_source_map: module.has_source_map,
            environment: module.environment,
            analysis: serde_json::to_string(&module.analysis).expect("string keys only"),
        }
    }

    /// The module, its analysis parsed.
    ///
    /// # Errors
    /// An analysis that is not one.
    pub fn parse(self) -> Result<ModuleModel, serde_json::Error> {
        let analysis: AnalyzedModule = serde_json::from_str(&self.analysis)?;
        Ok(ModuleModel {
            path: self.path,
            sha256: self.sha256,
            source_bytes: self.source_bytes as u64,
            has_source_map: self.has_source_map,
            environment: self.environment,
            analysis,
        })
    }
}

/// The modules of every definition by path, the app's under the empty definition path.
async fn read_all_modules(tx: &mut Transaction) -> Result<ModulesByDefinition, ModelError> {
    let mut modules = ModulesByDefinition::new();
    for row in rows::scan::<ModuleRow>(tx, MODULES).await? {
        let (id, definition) = (row.id, row.value.definition.clone());
        let module = row.value.parse().map_err(|source| rows::shape(MODULES, id, source))?;
        modules.entry(definition).or_default().insert(module.path.clone(), Arc::new(module));
    }
    Ok(modules)
}

/// The deployed modules of a definition by path; the empty definition path is the app's.
pub async fn read_modules(
    tx: &mut Transaction,
    definition: &str,
) -> Result<BTreeMap<String, Arc<ModuleModel>>, ModelError> {
    Ok(read_all_modules(tx).await?.remove(definition).unwrap_or_default())
}

/// Paths that a write of the module set added and removed, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ModuleDiff {
    pub added: Vec<String>,
    pub removed: Vec<String>,
}

/// Makes the deployed modules of all definitions equal `wanted`, touching only rows that differ. A module whose source
/// changed counts as removed and added, as the CLI expects of `moduleDiff`. Answers the differences by definition path.
pub async fn write_modules(
    tx: &mut Transaction,
    wanted: &[ModuleRow],
) -> Result<BTreeMap<String, ModuleDiff>, ModelError> {
    let mut diffs = BTreeMap::<String, ModuleDiff>::new();
    let key = |row: &'_ ModuleRow| (row.definition.clone(), row.path.clone());
    let mut missing: BTreeMap<_, &ModuleRow> = wanted.iter().map(|row| (key(row), row)).collect();
    for row in rows::scan::<ModuleRow>(tx, MODULES).await? {
        let next = missing.remove(&key(&row.value));
        if next == Some(&row.value) {
            continue;
        }
        let diff = diffs.entry(row.value.definition.clone()).or_default();
        match next {
            None => {
                diff.removed.push(row.value.path.clone());
                rows::delete(tx, MODULES, row.id).await?;
            }
            Some(next) => {
                if next.sha256 != row.value.sha256 || next.environment != row.value.environment {
                    diff.removed.push(next.path.clone());
                    diff.added.push(next.path.clone());
                }
                rows::replace(tx, MODULES, row.id, next).await?;
            }
        }
    }
    for row in missing.into_values() {
        diffs.entry(row.definition.clone()).or_default().added.push(row.path.clone());
        rows::insert(tx, MODULES, row).await?;
    }
    for diff in diffs.values_mut() {
        diff.added.sort();
        diff.removed.sort();
    }
    Ok(diffs)
}

/// The most recently used models by deployment version.
#[derive(Debug)]
pub struct ModelCache {
    configured: Origins,
    recent: Mutex<Vec<Arc<AppModel>>>,
}

/// A push keeps the previous version in use for calls in flight; more than a few are never alive at once.
const CACHED_MODELS: usize = 4;

impl ModelCache {
    pub fn new(configured: Origins) -> ModelCache {
        ModelCache { configured, recent: Mutex::new(Vec::new()) }
    }

    /// The configured origins, before canonical URLs.
    pub fn configured(&self) -> &Origins {
        &self.configured
    }

    /// The app as `tx` sees it, for executing a function in `tx`.
    ///
    /// Records in `tx` a read of the `_deployment` row and of nothing else: the version covers the rest.
    ///
    /// # Errors
    /// As [`AppModel::load`].
    pub async fn model(
        &self,
        db: &Arc<Database>,
        snapshot: &Snapshot,
        tx: &mut Transaction,
    ) -> Result<Arc<AppModel>, ModelError> {
        let version = deployment::read(tx).await?.version as u64;
        if let Some(model) = self.cached(version) {
            return Ok(model);
        }
        self.load(db, snapshot).await
    }

    /// The app at `snapshot`, without recording a read anywhere.
    ///
    /// # Errors
    /// As [`AppModel::load`].
    pub async fn at(&self, db: &Arc<Database>, snapshot: &Snapshot) -> Result<Arc<AppModel>, ModelError> {
        let mut tx = db.begin(snapshot.clone(), "_model");
        let version = deployment::read(&mut tx).await?.version as u64;
        match self.cached(version) {
            Some(model) => Ok(model),
            None => self.load(db, snapshot).await,
        }
    }

    fn cached(&self, version: u64) -> Option<Arc<AppModel>> {
        let mut recent = self.recent.lock();
        let at = recent.iter().position(|model| model.deployment_version == version)?;
        let model = recent.remove(at);
        recent.push(model.clone());
        Some(model)
    }

    async fn load(&self, db: &Arc<Database>, snapshot: &Snapshot) -> Result<Arc<AppModel>, ModelError> {
        let mut tx = db.begin(snapshot.clone(), "_model");
        let model = Arc::new(AppModel::load(&mut tx, &self.configured).await?);
        let mut recent = self.recent.lock();
        recent.retain(|other| other.deployment_version != model.deployment_version);
        if recent.len() >= CACHED_MODELS {
            recent.remove(0);
        }
        recent.push(model.clone());
        Ok(model)
    }
}
