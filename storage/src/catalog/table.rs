use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{IndexId, Namespace, SearchKind, TabletId};
use crate::id::{InternalId, TableNumber};
use crate::search::analysis::TextOptions;
use crate::value::FieldPath;

/// A table and its indexes, as of one snapshot.
#[derive(Clone, PartialEq, Debug)]
pub struct TableInfo {
    /// The internal id of its row in `_tables`; zeros for system tables, which have none.
    pub row: InternalId,
    /// Its permanent name.
    pub tablet: TabletId,
    /// The number in the ids of its documents; unique in the namespace.
    pub number: TableNumber,
    /// Whose table it is.
    pub namespace: Namespace,
    /// Its name, unique among the active tables of the namespace.
    pub name: String,
    /// Whether it can be used.
    pub state: TableState,
    /// The index of all its documents by id.
    pub by_id: IndexId,
    /// The index of all its documents by creation time.
    pub by_creation_time: IndexId,
    /// Every other index, whatever its kind and state, in the order of their ids.
    pub indexes: Vec<Arc<IndexInfo>>,
}

/// The life of a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TableState {
    /// Usable.
    Active,
    /// Being filled by an import: has a number, but no name yet.
    Hidden,
    /// Dropped: its documents are being removed.
    Deleting,
}

/// An index of a table besides `by_id` and `by_creation_time`.
#[derive(Clone, PartialEq, Debug)]
pub struct IndexInfo {
    /// The internal id of its row in `_indexes`; zeros for indexes of system tables, which have none.
    pub row: InternalId,
    /// Its permanent name.
    pub id: IndexId,
    /// Its table.
    pub tablet: TabletId,
    /// Its name in the schema. An enabled index and its replacement that is still being built have the same.
    pub name: String,
    /// What it indexes.
    pub config: IndexConfig,
    /// How far it is built.
    pub state: IndexState,
    /// Whether the schema declares it staged: maintained, but not to be queried even when it is complete.
    pub staged: bool,
}

/// What an index indexes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IndexConfig {
    /// Values in order.
    Database {
        /// The declared fields, without the `_creationTime` and `_id` every key ends with.
        fields: Vec<FieldPath>,
    },
    /// Words of a text.
    Search {
        /// The field with the text.
        search_field: FieldPath,
        /// Fields that searches can ask equality of.
        filter_fields: Vec<FieldPath>,
        /// What the words of the text are, and further fields with text.
        options: TextOptions,
    },
    /// Nearness of vectors.
    Vector {
        /// The field with the vector.
        vector_field: FieldPath,
        /// How many numbers a vector has.
        dimensions: u32,
        /// Fields that searches can ask equality of.
        filter_fields: Vec<FieldPath>,
    },
}

/// How far an index is built. Writes maintain it in every state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum IndexState {
    /// Older documents are still being added.
    Backfilling,
    /// Complete, but waiting for the push to finish.
    Backfilled,
    /// Complete and queryable.
    Enabled,
}

impl IndexConfig {
    /// What it searches; `None` if it is an ordered index.
    pub fn search_kind(&self) -> Option<SearchKind> {
        match self {
            IndexConfig::Database { .. } => None,
            IndexConfig::Search { .. } => Some(SearchKind::Text),
            IndexConfig::Vector { .. } => Some(SearchKind::Vector),
        }
    }
}

impl IndexInfo {
    /// Whether it was made by a version of Lakewire that did not keep such indexes: it has nothing inside.
    pub fn is_outdated(&self) -> bool {
        self.id.search_kind() != self.config.search_kind()
    }
}

impl TableInfo {
    /// The index of a name that queries can use, or else the one that is being built.
    pub fn index(&self, name: &str) -> Option<&Arc<IndexInfo>> {
        let mut named = self.indexes.iter().filter(|index| index.name == name);
        let first = named.next()?;
        if first.state == IndexState::Enabled {
            return Some(first);
        }
        Some(named.find(|index| index.state == IndexState::Enabled).unwrap_or(first))
    }

    /// The ordered indexes besides `by_id` and `by_creation_time`, with their declared fields.
    pub fn database_indexes(&self) -> impl Iterator<Item = (&IndexInfo, &[FieldPath])> {
        self.indexes.iter().filter_map(|index| match &index.config {
            IndexConfig::Database { fields } => Some((index.as_ref(), fields.as_slice())),
            IndexConfig::Search { .. } | IndexConfig::Vector { .. } => None,
        })
    }

    /// Whether the table belongs to Lakewire.
    pub fn is_system(&self) -> bool {
        super::is_system_tablet(self.tablet)
    }
}
