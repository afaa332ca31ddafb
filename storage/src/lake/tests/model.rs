//! A database of every version of some documents, in memory.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{self, StreamExt};

use crate::catalog::TabletId;
use crate::document::Document;
use crate::id::{DocumentId, InternalId, TableNumber};
use crate::lake::{Items, Position, SourceError, SourceTable, TableSource, position};
use crate::log::{EntryNumber, Timestamp};
use crate::schema::Validator;
use crate::value::Value;

const SECOND: u64 = 1_000_000_000;

/// What a document was at which time; the last is the newest.
type Versions = Vec<(Timestamp, Option<Arc<Document>>)>;

#[derive(Clone)]
pub(super) struct Model {
    pub(super) timeline: String,
    pub(super) ts: Timestamp,
    pub(super) tables: Vec<SourceTable>,
    pub(super) documents: BTreeMap<TabletId, BTreeMap<Position, Versions>>,
    /// Whether it forgot what changed.
    pub(super) forgetful: bool,
}

impl Model {
    pub(super) fn new() -> Self {
        Model {
            timeline: "main".to_owned(),
            ts: 1_800_000_000 * SECOND + 123_456_789,
            tables: Vec::new(),
            documents: BTreeMap::new(),
            forgetful: false,
        }
    }

    /// Adds a table; its name has one in its number.
    pub(super) fn table(&mut self, number: u32, folder: &str, validator: Option<Validator>) -> TabletId {
        let tablet = TabletId(number);
        self.tables.push(SourceTable { tablet, folder: folder.to_owned(), validator });
        self.documents.entry(tablet).or_default();
        tablet
    }

    /// The next commit.
    pub(super) fn tick(&mut self) {
        self.ts += SECOND;
    }

    /// Writes the `n`th document of a table; `None` deletes it.
    pub(super) fn put(&mut self, tablet: TabletId, n: u64, fields: Option<BTreeMap<String, Value>>) {
        let mut internal = [0; 16];
        internal[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        internal[8..].copy_from_slice(&n.to_be_bytes());
        let id = DocumentId { table: TableNumber(tablet.0), internal: InternalId(internal) };
        let creation_time = 1.8e12 + n as f64 / 8.0;
        let of = |json: &str| Document { id, creation_time, json: json.into(), size: json.len() as u32 };
        let at = position(&of(""));
        let document = fields.map(|mut fields| {
            fields.insert("_id".to_owned(), id.to_string().into());
            fields.insert("_creationTime".to_owned(), creation_time.into());
            Arc::new(of(&Value::Object(fields).to_json()))
        });
        let versions = self.documents.entry(tablet).or_default().entry(at).or_default();
        versions.retain(|(ts, _)| *ts != self.ts);
        versions.push((self.ts, document));
    }

    /// The documents of a table.
    pub(super) fn documents(&self, tablet: TabletId) -> Vec<Arc<Document>> {
        let newest = |versions: &Versions| versions.last().and_then(|(_, document)| document.clone());
        self.documents[&tablet].values().filter_map(newest).collect()
    }
}

#[async_trait]
impl TableSource for Model {
    fn timeline(&self) -> &str {
        &self.timeline
    }

    fn ts(&self) -> Timestamp {
        self.ts
    }

    fn entry(&self) -> EntryNumber {
        7
    }

    fn tables(&self) -> Vec<SourceTable> {
        self.tables.clone()
    }

    async fn changed(&self, table: &SourceTable, since: Timestamp) -> Result<Option<Items<'_, Position>>, SourceError> {
        if self.forgetful {
            return Ok(None);
        }
        let documents = self.documents[&table.tablet].iter();
        let changed = documents.filter(move |(_, versions)| versions.iter().any(|(ts, _)| *ts > since));
        Ok(Some(stream::iter(changed.map(|(position, _)| Ok(position.clone()))).boxed()))
    }

    fn scan(&self, table: &SourceTable, range: (Bound<Position>, Bound<Position>)) -> Items<'_, Arc<Document>> {
        let versions = self.documents[&table.tablet].range(range);
        let documents = versions.filter_map(|(_, versions)| versions.last()?.1.clone());
        stream::iter(documents.map(Ok)).boxed()
    }
}
