//! The history of one timeline as its log has it.

use std::collections::BTreeMap;

use bytes::Bytes;
use lakewire_storage::log::{EntryNumber, LogEntry, LoggedTransaction, Timestamp};
use std::sync::Arc;

use crate::log::Table;
use crate::store::Bucket;
use crate::world::World;

/// Where the log of a timeline is.
#[derive(Clone)]
pub enum Medium {
    /// Objects of the bucket.
    Objects(Arc<Bucket>),
    /// Items of a table.
    Table(Arc<Table>),
}

impl Medium {
    /// Every entry that was ever in the log of a timeline, trimmed ones included.
    pub fn entries(&self, timeline: &str) -> BTreeMap<EntryNumber, Bytes> {
        match self {
            Medium::Table(table) => table.entries(timeline),
            Medium::Objects(bucket) => {
                let folder = format!("log/{timeline}/");
                let number = |path: &str| path.strip_prefix(&folder)?.strip_suffix(".lwe")?.parse().ok();
                let entries = bucket.entries();
                entries.iter().filter_map(|(path, encoded)| Some((number(path)?, encoded.clone()))).collect()
            }
        }
    }

    /// The transactions of a timeline in the order of its log, which is checked.
    pub fn history(&self, world: &World, timeline: &str) -> Vec<Arc<LoggedTransaction>> {
        let mut history: Vec<Arc<LoggedTransaction>> = Vec::new();
        let (mut newest, mut last): (Timestamp, EntryNumber) = (0, 0);
        for (n, encoded) in self.entries(timeline) {
            if n != last + 1 {
                world.violation("log", format_args!("entry {n} of `{timeline}` comes after entry {last}"));
            }
            last = n;
            let entry = match LogEntry::decode(&encoded) {
                Ok(entry) => entry,
                Err(error) => {
                    world.violation("log", format_args!("entry {n} of `{timeline}`: {error}"));
                    continue;
                }
            };
            for transaction in entry.transactions {
                if transaction.ts <= newest {
                    let (ts, source) = (transaction.ts, &transaction.source);
                    world.violation("log", format_args!("entry {n}: `{source}` at {ts} comes after {newest}"));
                }
                newest = transaction.ts;
                history.push(transaction);
            }
        }
        history
    }
}
