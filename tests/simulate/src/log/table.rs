//! The items of the table.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use lakewire_storage::log::{Append, EntryNumber, LogEntry, LogError};
use parking_lot::Mutex;

/// Entries read at a time, at most.
const BATCH: usize = 100;

/// Every stream of the table.
#[derive(Default)]
pub struct Table(Mutex<BTreeMap<String, Stream>>);

#[derive(Default)]
struct Stream {
    /// Every entry there ever was, trimmed ones included, which only the oracles see.
    entries: BTreeMap<EntryNumber, Bytes>,
    trimmed: EntryNumber,
    sealed: bool,
}

impl Stream {
    fn head(&self) -> EntryNumber {
        self.entries.last_key_value().map_or(0, |(n, _)| *n)
    }

    fn get(&self, n: EntryNumber) -> Result<Option<LogEntry>, LogError> {
        let decoded = self.entries.get(&n).map(|encoded| LogEntry::decode(encoded)).transpose();
        decoded.map_err(|error| LogError::CorruptEntry { entry: n, error })
    }
}

impl Table {
    /// A table without items.
    pub fn new() -> Arc<Table> {
        Arc::default()
    }

    /// See [`lakewire_storage::log::CommitLog`].
    pub fn append(&self, name: &str, n: EntryNumber, entry: &LogEntry, encoded: &[u8]) -> Result<Append, LogError> {
        let mut streams = self.0.lock();
        let stream = streams.entry(name.to_owned()).or_default();
        if n <= stream.trimmed {
            return Err(LogError::Trimmed { requested: n, first: stream.trimmed + 1 });
        }
        match stream.get(n)? {
            Some(present) => Ok(Append::Occupied(present)),
            None if n != stream.head() + 1 => Err(LogError::Gap { requested: n, next: stream.head() + 1 }),
            None if stream.sealed => match stream.get(n - 1)? {
                Some(LogEntry { seal: Some(seal), .. }) => {
                    Err(LogError::Sealed { entry: n - 1, successor: seal.successor })
                }
                _ => Err(LogError::Closed),
            },
            None => {
                stream.entries.insert(n, Bytes::copy_from_slice(encoded));
                stream.sealed = entry.seal.is_some();
                Ok(Append::Appended)
            }
        }
    }

    /// See [`lakewire_storage::log::CommitLog`].
    pub fn read(&self, name: &str, from: EntryNumber, max: usize) -> Result<Vec<(EntryNumber, LogEntry)>, LogError> {
        let streams = self.0.lock();
        let Some(stream) = streams.get(name) else { return Ok(Vec::new()) };
        if from <= stream.trimmed {
            return Err(LogError::Trimmed { requested: from, first: stream.trimmed + 1 });
        }
        let mut found = Vec::new();
        for (n, _) in stream.entries.range(from..).take(max.min(BATCH)) {
            found.extend(stream.get(*n)?.map(|entry| (*n, entry)));
        }
        Ok(found)
    }

    /// See [`lakewire_storage::log::CommitLog`].
    pub fn head(&self, name: &str) -> EntryNumber {
        self.0.lock().get(name).map_or(0, Stream::head)
    }

    /// See [`lakewire_storage::log::CommitLog`].
    pub fn first(&self, name: &str) -> EntryNumber {
        self.0.lock().get(name).map_or(1, |stream| stream.trimmed + 1)
    }

    /// See [`lakewire_storage::log::CommitLog`].
    pub fn trim(&self, name: &str, through: EntryNumber) {
        if let Some(stream) = self.0.lock().get_mut(name) {
            stream.trimmed = stream.trimmed.max(through.min(stream.head()));
        }
    }

    /// Every entry of a stream that ever was.
    pub fn entries(&self, name: &str) -> BTreeMap<EntryNumber, Bytes> {
        self.0.lock().get(name).map(|stream| stream.entries.clone()).unwrap_or_default()
    }
}
