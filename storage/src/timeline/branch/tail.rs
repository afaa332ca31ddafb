//! What a log has after a manifest.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::catalog::IndexId;
use crate::key::{INDEX_ID_LENGTH, INTERNAL_ID_LENGTH, Key};
use crate::log::{CommitLog, EntryNumber, LogEntry, LogError, LoggedTransaction, Timestamp};
use crate::segment::Row;

/// Entries read at a time.
const BATCH: usize = 256;

/// The commits of a log after an entry, up to a timestamp.
#[derive(Default)]
pub(in crate::timeline) struct Tail {
    /// In order of key and descending timestamp.
    pub rows: Vec<Row>,
    /// The timestamp of the last commit in the log when it was read, wanted or not; 0 if there is none after the entry.
    pub last_ts: Timestamp,
    /// The change of the number of documents per `by_id` index.
    counts: BTreeMap<IndexId, i64>,
}

impl Tail {
    /// Reads the entries after `flushed`; commits after `at` are only looked at for `last_ts`, as far as they come in the same
    /// batch.
    pub async fn read(log: &dyn CommitLog, flushed: EntryNumber, at: Option<Timestamp>) -> Result<Tail, LogError> {
        let mut tail = Tail::default();
        // What is committed from now on may be there or not; without an end, a busy writer could keep this going.
        let head = log.head().await?;
        let mut next = flushed + 1;
        while next <= head && at.is_none_or(|at| tail.last_ts <= at) {
            let entries = log.read(next, BATCH).await?;
            let Some((newest, _)) = entries.last() else { break };
            next = newest + 1;
            for (_, entry) in &entries {
                tail.add(entry, at);
            }
        }
        tail.rows.sort_by(|a, b| (&a.key, Reverse(a.ts)).cmp(&(&b.key, Reverse(b.ts))));
        Ok(tail)
    }

    fn add(&mut self, entry: &LogEntry, at: Option<Timestamp>) {
        for transaction in &entry.transactions {
            self.last_ts = self.last_ts.max(transaction.ts);
            if at.is_none_or(|at| transaction.ts <= at) {
                self.add_transaction(transaction);
            }
        }
    }

    fn add_transaction(&mut self, transaction: &LoggedTransaction) {
        let ts = transaction.ts;
        for write in &transaction.writes {
            for delta in &write.keys {
                let key = delta.added.as_ref().filter(|_| delta.added == delta.removed);
                if key.and_then(|key| key.index()).is_some_and(|index| index.search_kind().is_some()) {
                    // To a search index the document is the same as before.
                    continue;
                }
                let moved_from = delta.removed.as_ref().filter(|_| delta.removed != delta.added);
                self.rows.extend(moved_from.map(|key| Row { key: key.clone(), ts, document: None }));
                let (added, document) = (delta.added.as_ref(), write.document.as_ref());
                let row = added.zip(document).map(|(key, document)| Row {
                    key: key.clone(),
                    ts,
                    document: Some(document.clone()),
                });
                self.rows.extend(row);
                let change = i64::from(added.is_some()) - i64::from(delta.removed.is_some());
                if let Some(index) = added.or(delta.removed.as_ref()).and_then(by_id_index) {
                    *self.counts.entry(index).or_default() += change;
                }
            }
        }
    }

    /// The counts of the manifest, and of this tail.
    pub fn counts(&self, flushed: &BTreeMap<IndexId, u64>) -> BTreeMap<IndexId, u64> {
        let mut counts = flushed.clone();
        for (index, change) in &self.counts {
            let count = counts.entry(*index).or_default();
            *count = count.saturating_add_signed(*change);
        }
        counts
    }
}

/// The index of a key of a `by_id` index: no other index has keys as short.
fn by_id_index(key: &Key) -> Option<IndexId> {
    if key.len() == INDEX_ID_LENGTH + INTERNAL_ID_LENGTH { key.index() } else { None }
}
