//! Making the deployed components those of a push: new ones, changed ones, ones that go and ones that come back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lakewire_storage::catalog::Namespace;
use lakewire_storage::transaction::Transaction;
use serde_json::{Map, Value as Json, json};

use super::error::PushError;
use super::preparation;
use super::staged::{StagedComponent, StagedPush};
use crate::crons;
use crate::model::app::ModuleDiff;
use crate::model::component::{self, ComponentRow, ComponentState};
use crate::model::rows::Row;
use crate::model::{AppModel, Component, ModuleModel};
use crate::udf::{ComponentPath, FunctionPath};

/// What happens to a component.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Create,
    Modify,
    Unmount,
    Remount,
}

impl Change {
    fn name(self) -> &'static str {
        match self {
            Change::Create => "create",
            Change::Modify => "modify",
            Change::Unmount => "unmount",
            Change::Remount => "remount",
        }
    }
}

/// Writes the rows of all components and puts their schemas and indexes in force. Answers `componentDiffs`.
/// `before` is the app without any of the push's changes.
///
/// # Errors
/// `RaceDetected`, as [`preparation::activate`].
pub async fn components(
    tx: &mut Transaction,
    push: &StagedPush,
    before: &AppModel,
    modules: &BTreeMap<String, ModuleDiff>,
) -> Result<Map<String, Json>, PushError> {
    let mut rows: BTreeMap<String, Row<ComponentRow>> =
        component::read(tx).await?.into_iter().map(|row| (row.value.path.clone(), row)).collect();
    let mut diffs = Map::new();
    for staged in &push.components {
        let change = match staged.path.is_empty() {
            true if before.udf_config.is_none() => Change::Create,
            true => Change::Modify,
            false => mount(tx, rows.remove(&staged.path), staged).await?,
        };
        let old = ComponentPath::parse(&staged.path).ok().and_then(|path| before.component(&path));
        let old = old.filter(|_| change == Change::Modify).map(|old| &**old);
        let schema = preparation::activate(tx, push, staged).await?;
        let new = modules_of(push, &staged.definition)?;
        let module_diff = match old {
            // Instances of one definition share its modules, and so the difference.
            Some(old) if old.definition.path == staged.definition => {
                modules.get(&staged.definition).cloned().unwrap_or_default()
            }
            _ => ModuleDiff {
                added: new.keys().cloned().collect(),
                removed: old.map(|old| old.definition.modules.keys().cloned().collect()).unwrap_or_default(),
            },
        };
        let versions = old.map(|old| (old.definition.server_version.as_str(), version(push, &staged.definition)));
        let version_diff = versions
            .filter(|(previous, next)| previous != next)
            .map(|(previous, next)| json!({"previous_version": previous, "next_version": next}));
        let crons = apply_crons(tx, staged.namespace, &staged.path, &new).await?;
        let index_diff = staged.index_diff.clone();
        diffs.insert(staged.path.clone(), diff(change, &module_diff, version_diff, crons, index_diff, schema));
    }
    for row in rows.into_values().filter(|row| row.value.state == ComponentState::Active) {
        let next = ComponentRow { state: ComponentState::Unmounted, ..row.value.clone() };
        component::update(tx, &row, &next).await?;
        let path = ComponentPath::parse(&row.value.path).ok();
        let old = path.and_then(|path| before.component(&path)).map(|old| &old.definition.modules);
        let empty = Modules::new();
        let old = old.unwrap_or(&empty);
        let modules = ModuleDiff { added: Vec::new(), removed: old.keys().cloned().collect() };
        let no_indexes = json!({"added_indexes": [], "removed_indexes": []});
        let crons = apply_crons(tx, row.value.namespace(), &row.value.path, &empty).await?;
        diffs.insert(row.value.path.clone(), diff(Change::Unmount, &modules, None, crons, no_indexes, None));
    }
    Ok(diffs)
}

/// Writes the row of a component that the push has, as in use.
async fn mount(
    tx: &mut Transaction,
    row: Option<Row<ComponentRow>>,
    staged: &StagedComponent,
) -> Result<Change, PushError> {
    let is_same = |row: &Row<ComponentRow>| {
        row.value.namespace() == staged.namespace && row.value.state != ComponentState::Deleting
    };
    let Some(row) = row.filter(is_same) else {
        let reason = format!("component `{}` was deleted during the push", staged.path);
        return Err(PushError::RaceDetected { reason });
    };
    let next = ComponentRow {
        definition: staged.definition.clone(),
        state: ComponentState::Active,
        http_prefix: staged.http_prefix.clone(),
        env: json!(staged.env).to_string(),
        ..row.value.clone()
    };
    component::update(tx, &row, &next).await?;
    Ok(match row.value.state {
        ComponentState::Pending => Change::Create,
        ComponentState::Active => Change::Modify,
        ComponentState::Unmounted | ComponentState::Deleting => Change::Remount,
    })
}

fn diff(
    change: Change,
    modules: &ModuleDiff,
    versions: Option<Json>,
    crons: Json,
    indexes: Json,
    schema: Option<Json>,
) -> Json {
    json!({
        "diffType": {"type": change.name()},
        "moduleDiff": modules,
        "udfConfigDiff": versions,
        "cronDiff": crons,
        "indexDiff": indexes,
        "schemaDiff": schema,
    })
}

fn version<'a>(push: &'a StagedPush, definition: &str) -> &'a str {
    let component = push.definitions.iter().find(|row| row.path == definition);
    component.map_or(&push.udf_config.server_version, |row| &row.server_version)
}

type Modules = BTreeMap<String, Arc<ModuleModel>>;

fn modules_of(push: &StagedPush, definition: &str) -> Result<Modules, PushError> {
    let rows = push.modules.iter().filter(|row| row.definition == definition);
    let parsed = rows.map(|row| {
        let module = row.clone().parse().map_err(|error| PushError::Internal { reason: error.to_string() })?;
        Ok((module.path.clone(), Arc::new(module)))
    });
    parsed.collect()
}

/// Makes the cron jobs of a component those of its `crons.js`. Answers `cronDiff`.
async fn apply_crons(
    tx: &mut Transaction,
    namespace: Namespace,
    path: &str,
    modules: &Modules,
) -> Result<Json, PushError> {
    let export = modules.get("crons.js").and_then(|module| module.analysis.cron_specs.as_ref());
    let specs = export.map(crons::parse).transpose()?.unwrap_or_default();
    Ok(json!(crons::apply(tx, namespace, path, specs).await?))
}

/// Every function that can be called, of all components.
pub fn functions(model: &AppModel) -> BTreeSet<FunctionPath> {
    let of_component = |component: &Component| -> Vec<FunctionPath> {
        let modules = component.definition.modules.values().filter(|module| !module.is_dependency());
        let path = |module: &str, export: &str| FunctionPath {
            component: component.path.clone(),
            module: module.into(),
            export: export.into(),
        };
        modules.flat_map(|of| of.analysis.functions.iter().map(|function| path(&of.path, &function.name))).collect()
    };
    model.mounted().flat_map(|component| of_component(component)).collect()
}
