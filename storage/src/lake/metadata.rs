//! The metadata file of an Iceberg table: read, changed, and published as the next version.

use std::collections::{BTreeMap, BTreeSet};

use object_store::path::Path;
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::state::TableState;
use super::{Ids, LakeError, within};

/// The property with the path of the table's [`TableState`].
const STATE: &str = "lakewire.state";
/// Says which version is the newest, for readers and for us; may be behind.
const HINT: &str = "metadata/version-hint.text";

/// A version of a table as it is in the store.
pub(super) struct Loaded {
    pub(super) version: u64,
    /// The version that the hint says, as far as we know.
    pub(super) hinted: u64,
    /// When it was the newest for sure, in ns since the Unix epoch.
    pub(super) seen_ns: u64,
    pub(super) metadata: Metadata,
    pub(super) state: TableState,
}

/// The table metadata of the Iceberg specification, version 2.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Metadata {
    format_version: u32,
    table_uuid: String,
    pub(super) location: String,
    pub(super) last_sequence_number: i64,
    last_updated_ms: i64,
    last_column_id: i32,
    schemas: Vec<Json>,
    current_schema_id: i64,
    partition_specs: Json,
    default_spec_id: i32,
    last_partition_id: i32,
    sort_orders: Json,
    default_sort_order_id: i32,
    properties: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) current_snapshot_id: Option<i64>,
    #[serde(default)]
    refs: Json,
    pub(super) snapshots: Vec<Snapshot>,
    snapshot_log: Vec<Json>,
    metadata_log: Vec<Json>,
}

/// A snapshot of a table.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Snapshot {
    pub(super) snapshot_id: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) parent_snapshot_id: Option<i64>,
    pub(super) sequence_number: i64,
    pub(super) timestamp_ms: i64,
    pub(super) manifest_list: String,
    pub(super) summary: BTreeMap<String, String>,
    pub(super) schema_id: i64,
}

impl Metadata {
    /// A table without snapshots.
    pub(super) fn new(location: String, ids: &Ids) -> Self {
        Self {
            format_version: 2,
            table_uuid: ids.uuid(),
            location,
            last_sequence_number: 0,
            last_updated_ms: 0,
            last_column_id: 0,
            schemas: Vec::new(),
            current_schema_id: 0,
            partition_specs: json!([{ "spec-id": 0, "fields": [] }]),
            default_spec_id: 0,
            last_partition_id: 999,
            sort_orders: json!([{ "order-id": 0, "fields": [] }]),
            default_sort_order_id: 0,
            properties: BTreeMap::new(),
            current_snapshot_id: None,
            refs: json!({}),
            snapshots: Vec::new(),
            snapshot_log: Vec::new(),
            metadata_log: Vec::new(),
        }
    }

    /// Makes `schema` the current one, giving it an id if it is new. Returns it with its `schema-id`.
    pub(super) fn put_schema(&mut self, mut schema: Json, last_column_id: i32) -> Json {
        let same = self.schemas.iter().find(|known| known["fields"] == schema["fields"]);
        let next = self.schemas.iter().filter_map(|known| known["schema-id"].as_i64()).max().map_or(0, |id| id + 1);
        let id = same.and_then(|known| known["schema-id"].as_i64()).unwrap_or(next);
        schema["schema-id"] = id.into();
        if same.is_none() {
            self.schemas.push(schema.clone());
        }
        self.current_schema_id = id;
        self.last_column_id = last_column_id;
        schema
    }

    /// The id of the current schema.
    pub(super) fn schema_id(&self) -> i64 {
        self.current_schema_id
    }

    /// Makes `snapshot` the current one.
    pub(super) fn put_snapshot(&mut self, snapshot: Snapshot) {
        self.last_sequence_number = snapshot.sequence_number;
        self.current_snapshot_id = Some(snapshot.snapshot_id);
        self.refs = json!({ "main": { "snapshot-id": snapshot.snapshot_id, "type": "branch" } });
        self.snapshot_log.push(json!({ "snapshot-id": snapshot.snapshot_id, "timestamp-ms": snapshot.timestamp_ms }));
        self.snapshots.push(snapshot);
    }

    /// Forgets the oldest `count` snapshots, and the schemas that only they had.
    pub(super) fn expire(&mut self, count: usize) {
        self.snapshots.drain(..count);
        let kept: BTreeSet<i64> = self.snapshots.iter().map(|snapshot| snapshot.snapshot_id).collect();
        self.snapshot_log.retain(|entry| entry["snapshot-id"].as_i64().is_some_and(|id| kept.contains(&id)));
        let schemas: BTreeSet<i64> = self.snapshots.iter().map(|snapshot| snapshot.schema_id).collect();
        let current = self.current_schema_id;
        self.schemas
            .retain(|schema| schema["schema-id"].as_i64().is_some_and(|id| id == current || schemas.contains(&id)));
    }

    /// The path of the state, within the table's folder.
    pub(super) fn state_path(&self) -> Option<&str> {
        self.properties.get(STATE).map(String::as_str)
    }
}

/// The path of a version, within the table's folder.
pub(super) fn version_path(version: u64) -> String {
    format!("metadata/v{version}.metadata.json")
}

/// The newest version of the table in `folder`, if there is any.
pub(super) async fn load(store: &dyn ObjectStore, folder: &Path, now_ns: u64) -> Result<Option<Loaded>, LakeError> {
    let hinted = match read(store, &within(folder, HINT)).await? {
        Some(text) => std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0),
        None => 0,
    };
    let mut found = match hinted {
        0 => None,
        version => read(store, &within(folder, &version_path(version))).await?.map(|bytes| (version, bytes)),
    };
    if found.is_none() {
        let version = newest_listed(store, folder).await?;
        found = read(store, &within(folder, &version_path(version))).await?.map(|bytes| (version, bytes));
    }
    let Some((mut version, mut bytes)) = found else { return Ok(None) };
    while let Some(next) = read(store, &within(folder, &version_path(version + 1))).await? {
        (version, bytes) = (version + 1, next);
    }
    let metadata: Metadata = parse(&within(folder, &version_path(version)), &bytes)?;
    let path = within(folder, metadata.state_path().unwrap_or("metadata/state"));
    let Some(bytes) = read(store, &path).await? else {
        return Err(LakeError::Corrupt { path: path.to_string(), reason: "it is missing".to_owned() });
    };
    let state = parse(&path, &bytes)?;
    Ok(Some(Loaded { version, hinted, seen_ns: now_ns, metadata, state }))
}

async fn newest_listed(store: &dyn ObjectStore, folder: &Path) -> Result<u64, LakeError> {
    let listed = store.list_with_delimiter(Some(&within(folder, "metadata"))).await?;
    let versions = listed.objects.iter().filter_map(|object| {
        object.location.filename()?.strip_prefix('v')?.strip_suffix(".metadata.json")?.parse().ok()
    });
    Ok(versions.max().unwrap_or(0))
}

/// What came of an attempt to publish.
pub(super) enum Outcome {
    Published,
    /// Someone else published that version.
    Conflict,
}

/// Publishes a version with its state, then the hint.
pub(super) async fn publish(
    store: &dyn ObjectStore,
    folder: &Path,
    next: &mut Loaded,
    now_ns: u64,
    ids: &Ids,
) -> Result<Outcome, LakeError> {
    let state_path = format!("metadata/state-{}.json", ids.name());
    next.metadata.properties.insert(STATE.to_owned(), state_path.clone());
    next.metadata.last_updated_ms = i64::try_from(now_ns / 1_000_000).unwrap_or(i64::MAX);
    let state = serde_json::to_vec(&next.state)?;
    store.put(&within(folder, &state_path), PutPayload::from(state)).await?;

    let path = within(folder, &version_path(next.version));
    let bytes = serde_json::to_vec(&next.metadata)?;
    let put = store.put_opts(&path, PutPayload::from(bytes.clone()), PutMode::Create.into()).await;
    // The random name of the state tells ours from anyone else's, also when the answer to the write was lost.
    if let Err(error) = put
        && read(store, &path).await?.is_none_or(|there| there != bytes)
    {
        return match error {
            StoreError::AlreadyExists { .. } | StoreError::Precondition { .. } => {
                super::remove(store, folder, &state_path).await?;
                Ok(Outcome::Conflict)
            }
            error => Err(error.into()),
        };
    }
    hint(store, folder, next).await?;
    Ok(Outcome::Published)
}

/// Writes the hint, unless it is known to be right.
pub(super) async fn hint(store: &dyn ObjectStore, folder: &Path, loaded: &mut Loaded) -> Result<(), LakeError> {
    if loaded.hinted < loaded.version {
        store.put(&within(folder, HINT), PutPayload::from(loaded.version.to_string())).await?;
        loaded.hinted = loaded.version;
    }
    Ok(())
}

pub(super) async fn read(store: &dyn ObjectStore, path: &Path) -> Result<Option<Vec<u8>>, LakeError> {
    match store.get(path).await {
        Ok(found) => Ok(Some(found.bytes().await?.to_vec())),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn parse<T: serde::de::DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, LakeError> {
    serde_json::from_slice(bytes)
        .map_err(|error| LakeError::Corrupt { path: path.to_string(), reason: error.to_string() })
}
