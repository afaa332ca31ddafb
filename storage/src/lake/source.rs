//! Where the documents come from: a database at one commit timestamp.

use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::catalog::TabletId;
use crate::document::Document;
use crate::key::encode_creation_time;
use crate::log::{EntryNumber, Timestamp};
use crate::schema::Validator;

/// The place of a document in its table's `by_creation_time` index: the key without the index's id.
pub type Position = Vec<u8>;

/// Why a source could not be read.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// The documents of a result, or their positions, as they are read.
pub type Items<'s, T> = BoxStream<'s, Result<T, SourceError>>;

/// A table to be published.
#[derive(Clone, Debug)]
pub struct SourceTable {
    /// Its permanent name.
    pub tablet: TabletId,
    /// Where it goes: `messages`, or `_components/{component}/messages`.
    pub folder: String,
    /// What its documents are sure to match, if the schema is enforced.
    pub validator: Option<Validator>,
}

/// A database as of one commit timestamp.
#[async_trait]
pub trait TableSource: Send + Sync {
    /// The history that the timestamps are of.
    fn timeline(&self) -> &str;
    /// The commit timestamp as of which everything is read, in ns.
    fn ts(&self) -> Timestamp;
    /// A log entry that is included, with all before it.
    fn entry(&self) -> EntryNumber;
    /// The tables, system tables that apps cannot see left out.
    fn tables(&self) -> Vec<SourceTable>;
    /// The positions of all documents of a table that were written or deleted in `(since, ts]`, in any order, maybe with
    /// others and more than once. `None` if that is not known (any more).
    async fn changed(&self, table: &SourceTable, since: Timestamp) -> Result<Option<Items<'_, Position>>, SourceError>;
    /// The documents of a table in a range of positions, in their order.
    fn scan(&self, table: &SourceTable, range: (Bound<Position>, Bound<Position>)) -> Items<'_, Arc<Document>>;
}

/// The position of a document.
pub fn position(document: &Document) -> Position {
    let mut position = Vec::with_capacity(25);
    encode_creation_time(&mut position, document.creation_time);
    position.extend_from_slice(&document.id.internal.0);
    position
}
