//! The schemas and the indexes of a push, from its start to the transaction that makes it live.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lakewire_storage::catalog::{Catalog, IndexConfig, IndexId, IndexState, Namespace, SchemaState, SystemTable};
use lakewire_storage::commit::CommitError;
use lakewire_storage::database::Snapshot;
use lakewire_storage::definition;
use lakewire_storage::id::DocumentId;
use lakewire_storage::schema::SchemaDefinition;
use lakewire_storage::transaction::{NamespaceTables, Transaction, TxError};
use lakewire_storage::value::Value;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::error::PushError;
use super::evaluate::EvaluatedApp;
use super::index_diff::{ExistingIndex, FinishStep, IndexDiff, IndexSpec, StartStep, diff};
use super::staged::{StagedComponent, StagedPush};
use super::tree::Instance;
use crate::engine::Engine;
use crate::model::component::{self, ComponentRow, ComponentState};
use crate::model::rows::record_read;
use crate::udf::ComponentPath;

/// How often a conflict with unrelated writes to system tables is tried again.
const MAX_ATTEMPTS: usize = 16;

/// Documents checked before others get their turn.
const CHUNK: u64 = 256;

/// A document that the schema of a dry run does not allow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Misfit {
    pub error: String,
    pub table: String,
}

/// A component of a push, the app included, and what the start of the push found and began for it.
#[derive(Debug)]
pub struct Prepared {
    pub path: ComponentPath,
    /// [`Namespace::NONE`] for a new component of a push that cannot be finished.
    pub namespace: Namespace,
    /// Its row in `_components`, if this push made it.
    pub allocated: Option<DocumentId>,
    pub diff: IndexDiff,
    /// The row of `_schemas` that is being validated, for pushes with a schema that can be finished.
    pub schema_id: Option<String>,
    /// For dry runs, which submit nothing: the verdict.
    pub misfit: Option<Misfit>,
}

/// Compares the indexes of every component and, if the push is `live`, begins building new ones and validating the
/// schemas. What earlier pushes began and this one does not want ends here. Components are in the order of the tree.
///
/// # Errors
/// `TooManyTables`; `ConcurrentPush` under too much contention; a failure of storage.
pub async fn prepare(engine: &Engine, app: &EvaluatedApp, live: bool) -> Result<Vec<Prepared>, PushError> {
    let db = engine.db();
    if !live {
        let snapshot = db.latest();
        let mut tx = db.begin(snapshot.clone(), "_system/start_push");
        let namespaces = namespaces(&mut tx).await?;
        let mut prepared = Vec::new();
        for instance in app.tree.all() {
            let schema = app.schema_of(&instance.definition);
            let namespace = namespaces.get(&instance.path).copied().unwrap_or(Namespace::NONE);
            let diff = compare(&mut tx, namespace, schema)?;
            let misfit = match schema {
                Some(schema) => first_misfit(engine, &snapshot, namespace, schema).await?,
                None => None,
            };
            let path = instance.path.clone();
            prepared.push(Prepared { path, namespace, allocated: None, diff, schema_id: None, misfit });
        }
        return Ok(prepared);
    }
    for _ in 0..MAX_ATTEMPTS {
        let mut tx = db.begin(db.latest(), "_system/start_push");
        let namespaces = namespaces(&mut tx).await?;
        let mut prepared = Vec::new();
        for instance in app.tree.all() {
            let known = namespaces.get(&instance.path).copied();
            prepared.push(begin(&mut tx, instance, known, app.schema_of(&instance.definition)).await?);
        }
        match db.commit(tx).await {
            Ok(_) => return Ok(prepared),
            Err(CommitError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(PushError::ConcurrentPush)
}

/// The namespaces of the app and of every component that ever was and has not been deleted.
///
/// # Errors
/// A failure of storage.
pub async fn namespaces(tx: &mut Transaction) -> Result<BTreeMap<ComponentPath, Namespace>, PushError> {
    let rows = component::read(tx).await?;
    let rows = rows.iter().filter(|row| row.value.state != ComponentState::Deleting);
    let known = rows.filter_map(|row| Some((ComponentPath::parse(&row.value.path).ok()?, row.value.namespace())));
    Ok(known.chain([(ComponentPath::root(), Namespace::ROOT)]).collect())
}

/// Makes the component if it is not known, and begins building its indexes and validating its schema.
async fn begin(
    tx: &mut Transaction,
    instance: &Instance,
    known: Option<Namespace>,
    schema: Option<&SchemaDefinition>,
) -> Result<Prepared, PushError> {
    let (namespace, allocated) = match known {
        Some(namespace) => (namespace, None),
        None => {
            let path = instance.path.as_str();
            if component::read(tx).await?.iter().any(|row| row.value.path == path) {
                let reason = format!("component `{path}` is being deleted");
                return Err(PushError::RaceDetected { reason });
            }
            let namespace = tx.new_namespace().await?;
            let row = ComponentRow {
                path: instance.path.to_string(),
                definition: instance.definition.clone(),
                namespace: f64::from(namespace.0),
                state: ComponentState::Pending,
                http_prefix: None,
                env: "{}".to_owned(),
            };
            (namespace, Some(component::insert(tx, &row).await?))
        }
    };
    let diff = compare(tx, namespace, schema)?;
    let schema_id = submit(tx, namespace, schema).await?.map(|id| id.to_string());
    for step in &diff.start {
        apply_start(tx, namespace, step).await?;
    }
    Ok(Prepared { path: instance.path.clone(), namespace, allocated, diff, schema_id, misfit: None })
}

/// The indexes `schema` wants in a namespace against those there are. Recorded in `tx` as read.
///
/// # Errors
/// A failure of storage.
pub fn compare(
    tx: &mut Transaction,
    namespace: Namespace,
    schema: Option<&SchemaDefinition>,
) -> Result<IndexDiff, PushError> {
    record_read(tx, SystemTable::Tables)?;
    record_read(tx, SystemTable::Indexes)?;
    let catalog = tx.catalog();
    let existing: Vec<ExistingIndex<'_>> = catalog
        .tables(namespace)
        .flat_map(|table| table.indexes.iter().map(|index| ExistingIndex { table: &table.name, index }))
        .collect();
    Ok(diff(&schema.map(wanted_indexes).unwrap_or_default(), &existing))
}

/// The indexes that `schema` declares, of all kinds, table by table.
pub fn wanted_indexes(schema: &SchemaDefinition) -> Vec<IndexSpec> {
    let mut wanted = Vec::new();
    for (table, definition) in &schema.tables {
        let mut want = |name: &String, config, staged| {
            wanted.push(IndexSpec { table: table.clone(), name: name.clone(), config, staged });
        };
        for (name, index) in &definition.indexes {
            want(name, IndexConfig::Database { fields: index.fields.clone() }, index.staged);
        }
        for (name, index) in &definition.search_indexes {
            let (search_field, options) = (index.search_field.clone(), index.options.clone());
            let filter_fields = index.filter_fields.iter().cloned().collect();
            want(name, IndexConfig::Search { search_field, filter_fields, options }, index.staged);
        }
        for (name, index) in &definition.vector_indexes {
            let (vector_field, dimensions) = (index.vector_field.clone(), index.dimensions);
            let filter_fields = index.filter_fields.iter().cloned().collect();
            want(name, IndexConfig::Vector { vector_field, dimensions, filter_fields }, index.staged);
        }
    }
    wanted
}

/// Submits the schema for validation. Without one, what earlier pushes submitted is overwritten.
async fn submit(
    tx: &mut Transaction,
    namespace: Namespace,
    schema: Option<&SchemaDefinition>,
) -> Result<Option<DocumentId>, PushError> {
    if let Some(schema) = schema {
        return Ok(Some(tx.submit_schema(namespace, schema).await?.0));
    }
    record_read(tx, SystemTable::Schemas)?;
    let schemas = tx.catalog().schemas(namespace);
    let active = schemas.and_then(|schemas| schemas.active.as_ref()).map(|active| schema_id(active.row));
    tx.activate_schema(namespace, active).await?;
    Ok(None)
}

fn schema_id(row: lakewire_storage::id::InternalId) -> DocumentId {
    DocumentId { table: SystemTable::Schemas.number(), internal: row }
}

async fn apply_start(tx: &mut Transaction, namespace: Namespace, step: &StartStep) -> Result<(), PushError> {
    match step {
        StartStep::Add(spec) => {
            let table = tx.ensure_table(namespace, &spec.table).await?;
            tx.add_index(&table, &spec.name, &spec.config, spec.staged).await?;
        }
        StartStep::Drop(spec) => {
            let pending = |index: &Found<'_>| index.state != IndexState::Enabled && index.staged == spec.staged;
            if let Some(id) = find(tx.catalog(), namespace, spec, pending) {
                tx.drop_index(id).await?;
            }
        }
        StartStep::SetStaged(spec) => {
            if let Some(id) = find(tx.catalog(), namespace, spec, |index| index.state != IndexState::Enabled) {
                tx.set_index_staged(id, spec.staged).await?;
            }
        }
    }
    Ok(())
}

type Found<'a> = &'a lakewire_storage::catalog::IndexInfo;

/// The index that `spec` describes, apart from its staged flag, and that `wanted` accepts.
fn find(
    catalog: &Catalog,
    namespace: Namespace,
    spec: &IndexSpec,
    wanted: impl Fn(&Found<'_>) -> bool,
) -> Option<IndexId> {
    let indexes = &catalog.table(namespace, &spec.table)?.indexes;
    let same = |index: &Found<'_>| index.name == spec.name && index.config == spec.config;
    indexes.iter().map(|index| &**index).find(|index| same(index) && wanted(index)).map(|index| index.id)
}

/// Whether the index that `spec` describes is complete; `None` if there is no such index.
pub fn progress(catalog: &Catalog, namespace: Namespace, spec: &IndexSpec) -> Option<bool> {
    if find(catalog, namespace, spec, |index| index.state != IndexState::Backfilling).is_some() {
        return Some(true);
    }
    find(catalog, namespace, spec, |_| true).map(|_| false)
}

/// Puts the schema of a component in force and its indexes in use. Part of the transaction that finishes the push.
///
/// # Errors
/// `RaceDetected` if another push took away what this one began; `SchemaNotValidated` and `IndexBackfillingError` if the
/// client did not wait.
pub async fn activate(
    tx: &mut Transaction,
    push: &StagedPush,
    component: &StagedComponent,
) -> Result<Option<Json>, PushError> {
    let namespace = component.namespace;
    let schema = schema_of(push, component)?;
    let diff = compare(tx, namespace, schema.as_ref())?;
    for step in &diff.start {
        if matches!(step, StartStep::Add(_)) {
            return Err(PushError::RaceDetected { reason: "another push changed the indexes of this one".to_owned() });
        }
        apply_start(tx, namespace, step).await?;
    }
    for step in &diff.finish {
        apply_finish(tx, namespace, step).await?;
    }
    let previous = active_schema(tx, namespace)?;
    let id = component.schema_id.as_deref().map(parse_id).transpose()?;
    if let Err(error) = tx.activate_schema(namespace, id).await {
        return Err(match state_of(tx, id).await? {
            Some(SchemaState::Overwritten) | None => {
                PushError::RaceDetected { reason: "the schema was overwritten by another push".to_owned() }
            }
            Some(_) => error.into(),
        });
    }
    let text = |schema: &SchemaDefinition| schema.to_json_value().to_string();
    let (previous, next) = (previous.as_deref().map(text), schema.as_ref().map(text));
    Ok((previous != next).then(|| json!({"previous_schema": previous, "next_schema": next})))
}

async fn apply_finish(tx: &mut Transaction, namespace: Namespace, step: &FinishStep) -> Result<(), TxError> {
    let enabled = |index: &Found<'_>| index.state == IndexState::Enabled;
    match step {
        FinishStep::Enable(spec) => match find(tx.catalog(), namespace, spec, |index| !enabled(index)) {
            Some(id) => tx.enable_index(id).await,
            None => Ok(()),
        },
        FinishStep::Disable(spec) => match find(tx.catalog(), namespace, spec, enabled) {
            Some(id) => tx.disable_index(id).await,
            None => Ok(()),
        },
        FinishStep::Drop(spec) => match find(tx.catalog(), namespace, spec, enabled) {
            Some(id) => tx.drop_index(id).await,
            None => Ok(()),
        },
    }
}

fn parse_id(text: &str) -> Result<DocumentId, PushError> {
    text.parse().map_err(|_| PushError::Internal { reason: format!("`{text}` is not the id of a schema") })
}

async fn state_of(tx: &mut Transaction, id: Option<DocumentId>) -> Result<Option<SchemaState>, TxError> {
    let Some(id) = id else { return Ok(None) };
    Ok(tx.schema_row(id.internal).await?.map(|row| row.state))
}

/// The schema that `push` has for a component.
///
/// # Errors
/// A damaged blob.
pub fn schema_of(push: &StagedPush, component: &StagedComponent) -> Result<Option<SchemaDefinition>, PushError> {
    let parse = |json: &Json| {
        SchemaDefinition::from_json_value(json).map_err(|error| PushError::Internal { reason: error.to_string() })
    };
    push.schemas.get(&component.definition).map(parse).transpose()
}

/// How far the validation of a component's schema is; `None` if it has none. A row that is gone counts as overwritten.
///
/// # Errors
/// A failure of storage.
pub async fn schema_state(tx: &mut Transaction, component: &StagedComponent) -> Result<Option<SchemaState>, PushError> {
    if let Some(Misfit { error, table }) = component.misfit.clone() {
        return Ok(Some(SchemaState::Failed { error, table_name: Some(table) }));
    }
    let Some(id) = &component.schema_id else { return Ok(None) };
    let row = tx.schema_row(parse_id(id)?.internal).await?;
    Ok(Some(row.map_or(SchemaState::Overwritten, |row| row.state)))
}

/// The schema in force. Recorded in `tx` as read.
///
/// # Errors
/// Too many reads.
pub fn active_schema(tx: &mut Transaction, namespace: Namespace) -> Result<Option<Arc<SchemaDefinition>>, PushError> {
    record_read(tx, SystemTable::Schemas)?;
    let active = tx.catalog().schemas(namespace).and_then(|schemas| schemas.active.as_ref());
    Ok(active.map(|active| active.definition.clone()))
}

/// The first document that `schema` does not allow, among those it constrains further than the schema in force.
async fn first_misfit(
    engine: &Engine,
    snapshot: &Snapshot,
    namespace: Namespace,
    schema: &SchemaDefinition,
) -> Result<Option<Misfit>, TxError> {
    let catalog = snapshot.catalog();
    let active = catalog.schemas(namespace).and_then(|schemas| schemas.active.clone());
    let active = active.as_ref().map(|active| &*active.definition);
    let lookup = NamespaceTables { catalog, namespace };
    for name in schema.tables.keys() {
        let Some(table) = catalog.table(namespace, name) else { continue };
        if super::prediction::outcome(active, schema, name) != super::prediction::Outcome::MustWalk {
            continue;
        }
        let mut documents = snapshot.documents(table.by_id);
        let mut checked: u64 = 0;
        while let Some((_, document)) = documents.next().await? {
            checked += 1;
            if checked.is_multiple_of(CHUNK) {
                engine.env().sleep(Duration::ZERO).await;
            }
            let Ok(value) = Value::from_json(&document.json) else { continue };
            if let Err(error) = schema.check_document(name, &value, &lookup) {
                let id = document.id;
                let reason = error.source;
                return Ok(Some(Misfit {
                    error: format!("Document with ID \"{id}\" in table \"{name}\" does not match the schema: {reason}"),
                    table: name.clone(),
                }));
            }
        }
    }
    Ok(None)
}

/// The schemas as JSON text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SchemaTexts {
    /// In force.
    pub active: Option<String>,
    /// Being validated, or validated and waiting for its push to finish.
    pub pending: Option<String>,
}

/// The schemas of a namespace. Recorded in `tx` as read.
///
/// # Errors
/// Too many reads.
pub fn schema_texts(tx: &mut Transaction, namespace: Namespace) -> Result<SchemaTexts, TxError> {
    record_read(tx, SystemTable::Schemas)?;
    let Some(schemas) = tx.catalog().schemas(namespace) else { return Ok(SchemaTexts::default()) };
    let text = |schema: &Arc<lakewire_storage::catalog::LoadedSchema>| schema.definition.to_json_value().to_string();
    Ok(SchemaTexts { active: schemas.active.as_ref().map(text), pending: schemas.pending.as_ref().map(text) })
}

/// How far the validation of a namespace's pending schema is; `None` if there is none. Recorded in `tx` as read.
///
/// # Errors
/// Too many reads.
pub async fn validation_progress(
    tx: &mut Transaction,
    namespace: Namespace,
) -> Result<Option<definition::Progress>, TxError> {
    record_read(tx, SystemTable::Schemas)?;
    record_read(tx, SystemTable::SchemaValidationProgress)?;
    let schemas = tx.catalog().schemas(namespace);
    let pending = schemas.and_then(|schemas| schemas.pending.as_ref()).map(|pending| pending.row);
    let Some(row) = pending else { return Ok(None) };
    Ok(definition::validation_progress(tx.snapshot(), schema_id(row)).await?)
}
