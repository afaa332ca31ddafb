//! What of a search index is not in parts: the tail, and a transaction's own writes above it.

use std::sync::Arc;

use imbl::OrdMap;

use super::key::{DocKey, split};
use crate::catalog::IndexId;
use crate::document::Document;
use crate::interval::Interval;
use crate::key::Key;
use crate::query::Order;
use crate::state::Snapshot;

/// Own writes, as a transaction stages them: over a key, a document or that there is none.
pub(crate) type Overlay = OrdMap<Key, Option<Arc<Document>>>;

/// The rows of an index in memory that a reader sees, in order of key; with each whether it is a document.
pub(crate) struct Memory {
    rows: Vec<(Key, bool)>,
}

impl Memory {
    /// Those of `index` in the tail of a snapshot, under own writes.
    pub fn new(snapshot: &Snapshot, own: &Overlay, index: IndexId) -> Self {
        let interval = Interval::prefix(&index.0.to_be_bytes());
        let tail = snapshot.state().tail().range(&interval, Order::Asc, snapshot.ts());
        let mut tail = tail.map(|(key, document)| (key, document.is_some())).peekable();
        let own = own.range(interval.start.clone()..).take_while(|(key, _)| interval.end.is_after(key));
        let mut rows = Vec::new();
        for (key, document) in own {
            while let Some((key, is_there)) = tail.next_if(|(stored, _)| *stored < key) {
                rows.push((key.clone(), is_there));
            }
            tail.next_if(|(stored, _)| *stored == key);
            rows.push((key.clone(), document.is_some()));
        }
        rows.extend(tail.map(|(key, is_there)| (key.clone(), is_there)));
        Memory { rows }
    }

    /// The keys of documents, ascending, that parts are not asked for.
    pub fn superseded(&self) -> Vec<&DocKey> {
        self.rows.iter().filter_map(|(key, _)| Some(split(key)?.0)).collect()
    }

    /// The documents, ascending, with their payloads.
    pub fn documents(&self) -> impl Iterator<Item = (&DocKey, &[u8])> {
        self.rows.iter().filter(|(_, is_there)| *is_there).filter_map(|(key, _)| split(key))
    }
}
