//! Components: instances of definitions, each with tables and an environment of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use lakewire_storage::catalog::{Namespace, SystemTable};
use lakewire_storage::id::DocumentId;
use lakewire_storage::transaction::Transaction;
use serde::{Deserialize, Serialize};

use super::definition::{DefinitionExport, EnvSource};
use super::env_vars::SITE_URL;
use super::error::ModelError;
use super::rows::{self, Row};
use super::{ModuleModel, Origins};
use crate::udf::ComponentPath;

const COMPONENTS: SystemTable = SystemTable::Components;
const DEFINITIONS: SystemTable = SystemTable::ComponentDefinitions;

/// The code of a component, or of the app.
#[derive(Clone, Debug, Default)]
pub struct Definition {
    /// How the CLI names it: empty for the app, else opaque.
    pub path: String,
    /// Version of the npm package it was bundled with.
    pub server_version: String,
    /// All modules by canonical path, shared chunks included.
    pub modules: BTreeMap<String, Arc<ModuleModel>>,
    /// The child that serves HTTP under each path.
    pub mounts: BTreeMap<String, String>,
    /// Only apps: where the routes of their own `http.js` are. Ends with a slash.
    pub http_prefix: Option<String>,
}

/// An instance of a definition. The app is one too.
#[derive(Clone, Debug)]
pub struct Component {
    pub path: ComponentPath,
    /// Its row in `_components`; `None` for the app.
    pub id: Option<DocumentId>,
    /// Whose tables its functions see.
    pub namespace: Namespace,
    pub definition: Arc<Definition>,
    /// What its functions see as `process.env`.
    pub process_env: Arc<BTreeMap<String, String>>,
    /// False once the app does not use it any more: its data are kept, its functions cannot be called.
    pub mounted: bool,
}

/// Whether an instance is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ComponentState {
    /// Made by the start of a push that has not finished.
    Pending,
    Active,
    Unmounted,
    /// Its tables are gone; what else it had is being deleted, and then the row.
    Deleting,
}

/// A row of `_components`. The path never changes and is never in two rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ComponentRow {
    pub path: String,
    /// The path of its definition.
    pub definition: String,
    /// A whole number.
    pub namespace: f64,
    pub state: ComponentState,
    /// Where its `http.js` is served. Begins and ends with a slash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_prefix: Option<String>,
    /// JSON text of the variables it sees, by name, and where their values are from.
    pub env: String,
}

impl ComponentRow {
    /// Whose tables it has.
    pub fn namespace(&self) -> Namespace {
        Namespace(self.namespace as u32)
    }

    /// Where the values of its variables are from.
    pub fn env_sources(&self) -> BTreeMap<String, EnvSource> {
        serde_json::from_str(&self.env).unwrap_or_default()
    }

    /// What its functions see as `process.env` while the deployment has the variables `user`.
    pub fn process_env(&self, origins: &Origins, user: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut all = super::app::process_env(origins, &BTreeMap::new());
        if let Some(prefix) = &self.http_prefix {
            all.insert(SITE_URL.to_owned(), format!("{}{}", origins.site, prefix.trim_end_matches('/')));
        }
        for (name, source) in self.env_sources() {
            let value = match source {
                EnvSource::Value { value } => Some(value),
                EnvSource::EnvVar { name } => user.get(&name).cloned(),
            };
            all.extend(value.map(|value| (name, value)));
        }
        all
    }
}

/// A row of `_component_definitions`. The modules are rows of `_modules`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DefinitionRow {
    pub path: String,
    pub server_version: String,
    /// The evaluated definition, JSON text.
    pub definition: String,
}

/// All instances apart from the app, whatever their state.
///
/// # Errors
/// A failure of storage, a damaged row.
pub async fn read(tx: &mut Transaction) -> Result<Vec<Row<ComponentRow>>, ModelError> {
    rows::scan(tx, COMPONENTS).await
}

/// Writes a new instance.
///
/// # Errors
/// A failure of storage.
pub async fn insert(tx: &mut Transaction, row: &ComponentRow) -> Result<DocumentId, ModelError> {
    rows::insert(tx, COMPONENTS, row).await
}

/// Writes an instance in the place of what it was, if that differs.
///
/// # Errors
/// A failure of storage.
pub async fn update(tx: &mut Transaction, before: &Row<ComponentRow>, row: &ComponentRow) -> Result<(), ModelError> {
    if before.value == *row { Ok(()) } else { rows::replace(tx, COMPONENTS, before.id, row).await }
}

/// Deletes the row of an instance.
///
/// # Errors
/// A failure of storage.
pub async fn delete(tx: &mut Transaction, id: DocumentId) -> Result<(), ModelError> {
    rows::delete(tx, COMPONENTS, id).await
}

/// Makes the definitions equal `wanted`, touching only rows that differ. Those that unmounted components are of are kept
/// no longer than any other: a component that is mounted again comes with its definition.
///
/// # Errors
/// A failure of storage.
pub async fn write_definitions(tx: &mut Transaction, wanted: &[DefinitionRow]) -> Result<(), ModelError> {
    let mut missing: BTreeMap<&str, &DefinitionRow> = wanted.iter().map(|row| (row.path.as_str(), row)).collect();
    for row in rows::scan::<DefinitionRow>(tx, DEFINITIONS).await? {
        match missing.remove(row.value.path.as_str()) {
            Some(next) if *next == row.value => {}
            Some(next) => rows::replace(tx, DEFINITIONS, row.id, next).await?,
            None => rows::delete(tx, DEFINITIONS, row.id).await?,
        }
    }
    for row in missing.into_values() {
        rows::insert(tx, DEFINITIONS, row).await?;
    }
    Ok(())
}

/// The paths of the definitions that are deployed, the app's aside.
///
/// # Errors
/// A failure of storage.
pub async fn definition_rows(tx: &mut Transaction) -> Result<Vec<DefinitionRow>, ModelError> {
    Ok(rows::scan(tx, DEFINITIONS).await?.into_iter().map(|row| row.value).collect())
}

/// The modules of all definitions, by definition path and module path.
pub(super) type ModulesByDefinition = BTreeMap<String, BTreeMap<String, Arc<ModuleModel>>>;

impl Definition {
    /// The definition whose evaluated export is `definition`, JSON text.
    pub(super) fn new(
        path: &str,
        server_version: &str,
        definition: &str,
        modules: BTreeMap<String, Arc<ModuleModel>>,
    ) -> Definition {
        let export: Option<DefinitionExport> = serde_json::from_str(definition).ok();
        Definition {
            path: path.to_owned(),
            server_version: server_version.to_owned(),
            modules,
            mounts: export.as_ref().map(DefinitionExport::mounted_children).unwrap_or_default(),
            http_prefix: export.and_then(|export| export.http_prefix),
        }
    }
}

/// The instances apart from the app, active ones and unmounted ones.
pub(super) async fn load(
    tx: &mut Transaction,
    modules: &mut ModulesByDefinition,
    origins: &Origins,
    user: &BTreeMap<String, String>,
) -> Result<BTreeMap<ComponentPath, Arc<Component>>, ModelError> {
    let mut definitions = BTreeMap::new();
    for DefinitionRow { path, server_version, definition } in definition_rows(tx).await? {
        let modules = modules.remove(&path).unwrap_or_default();
        let loaded = Definition::new(&path, &server_version, &definition, modules);
        definitions.insert(path, Arc::new(loaded));
    }
    let mut components = BTreeMap::new();
    for Row { id, value: row, .. } in read(tx).await? {
        let Ok(path) = ComponentPath::parse(&row.path) else { continue };
        if matches!(row.state, ComponentState::Pending | ComponentState::Deleting) {
            continue;
        }
        let component = Component {
            path: path.clone(),
            id: Some(id),
            namespace: row.namespace(),
            definition: definitions.get(&row.definition).cloned().unwrap_or_default(),
            process_env: Arc::new(row.process_env(origins, user)),
            mounted: row.state == ComponentState::Active,
        };
        components.insert(path, Arc::new(component));
    }
    Ok(components)
}
