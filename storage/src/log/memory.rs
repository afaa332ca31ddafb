//! A log in memory, for tests and simulations.

use std::collections::VecDeque;

use async_trait::async_trait;
use parking_lot::Mutex;

use super::{Append, CommitLog, EntryNumber, LogEntry, LogError, Seal};

/// A log that lives as long as the process. Entries are kept in their binary form, so that what comes back is what a
/// log on disk would give.
#[derive(Debug, Default)]
pub struct MemoryLog {
    state: Mutex<State>,
    shared: bool,
}

#[derive(Debug, Default)]
struct State {
    /// How many entries were trimmed away.
    trimmed: EntryNumber,
    /// Those after them.
    entries: VecDeque<Vec<u8>>,
    /// The seal of the newest entry, if it has one.
    seal: Option<Seal>,
}

impl State {
    fn first(&self) -> EntryNumber {
        self.trimmed + 1
    }

    fn next(&self) -> EntryNumber {
        self.first() + self.entries.len() as EntryNumber
    }

    /// The entry at `n`, which must not be trimmed away.
    fn get(&self, n: EntryNumber) -> Result<Option<LogEntry>, LogError> {
        let offset = n.checked_sub(self.first()).ok_or(LogError::Trimmed { requested: n, first: self.first() })?;
        let encoded = usize::try_from(offset).ok().and_then(|offset| self.entries.get(offset));
        let decoded = encoded.map(|encoded| LogEntry::decode(encoded)).transpose();
        decoded.map_err(|error| LogError::CorruptEntry { entry: n, error })
    }
}

impl MemoryLog {
    /// An empty log for one database.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty log that several databases of this process write to.
    pub fn shared() -> Self {
        Self { shared: true, ..Self::default() }
    }
}

#[async_trait]
impl CommitLog for MemoryLog {
    async fn append_if_absent(&self, n: EntryNumber, entry: &LogEntry) -> Result<Append, LogError> {
        let encoded = entry.encode()?;
        let mut state = self.state.lock();
        if let Some(Seal { successor }) = state.seal.clone().filter(|_| n >= state.next()) {
            return Err(LogError::Sealed { entry: state.next() - 1, successor });
        }
        if n == 0 || n > state.next() {
            return Err(LogError::Gap { requested: n, next: state.next() });
        }
        match state.get(n)? {
            None => {
                state.entries.push_back(encoded);
                state.seal = entry.seal.clone();
                Ok(Append::Appended)
            }
            Some(present) if present.nonce == entry.nonce => Ok(Append::Appended),
            Some(present) => Ok(Append::Occupied(present)),
        }
    }

    async fn read(&self, from: EntryNumber, max: usize) -> Result<Vec<(EntryNumber, LogEntry)>, LogError> {
        let state = self.state.lock();
        let mut entries = Vec::new();
        for n in (from..=EntryNumber::MAX).take(max) {
            let Some(entry) = state.get(n)? else { break };
            entries.push((n, entry));
        }
        Ok(entries)
    }

    async fn head(&self) -> Result<EntryNumber, LogError> {
        Ok(self.state.lock().next() - 1)
    }

    async fn first(&self) -> Result<EntryNumber, LogError> {
        Ok(self.state.lock().first())
    }

    async fn trim(&self, through: EntryNumber) -> Result<(), LogError> {
        let mut state = self.state.lock();
        while state.first() <= through && state.entries.pop_front().is_some() {
            state.trimmed += 1;
        }
        Ok(())
    }

    fn is_shared(&self) -> bool {
        self.shared
    }
}
