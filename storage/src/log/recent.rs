//! A log that remembers its newest entries, for who has to tell others of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;

use super::{Append, CommitLog, EntryNumber, LogEntry, LogError};

/// Entries that are remembered, and their bytes in all, at most.
const ENTRIES: usize = 256;
const BYTES: usize = 1 << 20;

/// A log in front of another one that remembers what went through it.
pub struct RecentLog {
    inner: Arc<dyn CommitLog>,
    recent: Mutex<Recent>,
}

#[derive(Default)]
struct Recent {
    encoded: BTreeMap<EntryNumber, Bytes>,
    bytes: usize,
}

impl RecentLog {
    /// `inner`, remembered from now on.
    pub fn new(inner: Arc<dyn CommitLog>) -> Self {
        Self { inner, recent: Mutex::default() }
    }

    /// The newest entries in their binary form, in order and without gaps. Which ones is a matter of memory.
    pub fn recent(&self) -> Vec<(EntryNumber, Bytes)> {
        let recent = self.recent.lock();
        let mut next = None;
        let newest = recent.encoded.iter().rev().take_while(|(n, _)| {
            let follows = next.is_none_or(|next| **n + 1 == next);
            next = Some(**n);
            follows
        });
        let mut newest: Vec<_> = newest.map(|(n, encoded)| (*n, encoded.clone())).collect();
        newest.reverse();
        newest
    }

    fn remember(&self, n: EntryNumber, entry: &LogEntry) {
        let Ok(encoded) = entry.encode() else { return };
        let mut recent = self.recent.lock();
        recent.bytes += encoded.len();
        if let Some(same) = recent.encoded.insert(n, encoded.into()) {
            recent.bytes -= same.len();
        }
        while recent.encoded.len() > ENTRIES || recent.bytes > BYTES {
            let Some((_, oldest)) = recent.encoded.pop_first() else { return };
            recent.bytes -= oldest.len();
        }
    }
}

#[async_trait]
impl CommitLog for RecentLog {
    async fn append_if_absent(&self, n: EntryNumber, entry: &LogEntry) -> Result<Append, LogError> {
        let append = self.inner.append_if_absent(n, entry).await?;
        match &append {
            Append::Appended => self.remember(n, entry),
            Append::Occupied(other) => self.remember(n, other),
            Append::Unknown => {}
        }
        Ok(append)
    }

    async fn read(&self, from: EntryNumber, max: usize) -> Result<Vec<(EntryNumber, LogEntry)>, LogError> {
        let entries = self.inner.read(from, max).await?;
        for (n, entry) in &entries {
            self.remember(*n, entry);
        }
        Ok(entries)
    }

    async fn head(&self) -> Result<EntryNumber, LogError> {
        self.inner.head().await
    }

    async fn first(&self) -> Result<EntryNumber, LogError> {
        self.inner.first().await
    }

    async fn trim(&self, through: EntryNumber) -> Result<(), LogError> {
        self.inner.trim(through).await
    }

    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{LoggedTransaction, MemoryLog};

    fn entry(n: u64, bytes: usize) -> LogEntry {
        let transaction = LoggedTransaction { ts: n, writes: Vec::new(), source: "x".repeat(bytes) };
        LogEntry::new([n as u8; 16], vec![Arc::new(transaction)])
    }

    #[tokio::test]
    async fn the_newest_are_remembered_without_gaps() {
        let log = RecentLog::new(Arc::new(MemoryLog::default()));
        for n in 1..=300 {
            log.append_if_absent(n, &entry(n, 0)).await.expect("appended");
        }
        let recent = log.recent();
        assert_eq!((recent.len(), recent[0].0, recent[255].0), (256, 45, 300));
        let decoded = LogEntry::decode(&recent[3].1).expect("an entry");
        assert_eq!(decoded, entry(48, 0));
    }
}
