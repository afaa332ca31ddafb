//! The commit log: the one ordered record of every transaction, and the only thing that a commit waits for.
//!
//! Entries are numbered 1, 2, 3, ... without gaps. A writer that knows entries up to n proposes entry n + 1; of several
//! that propose the same number, one wins, and the others learn the winner's entry. An entry that is in the log never
//! changes. The last one may be a seal, which no other follows.

pub(crate) mod codec;
mod decided;
mod dynamodb;
mod entry;
mod error;
mod faulty;
mod local;
mod memory;
mod object_store;
mod recent;
mod remote;

pub mod conformance;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;

pub use codec::{CorruptEntry, EntryTooLarge, MAX_ENTRY_BYTES};
pub use decided::{Decided, append_decided};
pub use dynamodb::{DynamoDbLog, DynamoDbLogConfig, create_table};
pub use entry::{KeyDelta, LogEntry, LoggedTransaction, LoggedWrite, Nonce, Seal};
pub use error::{LogError, OpenLogError};
pub use faulty::{Fault, FaultRates, FaultyLog};
pub use local::{LocalLog, LocalLogOptions};
pub use memory::MemoryLog;
pub use object_store::ObjectStoreLog;
pub use recent::RecentLog;
pub use remote::RemoteLog;

/// The number of an entry, from 1. 0 stands for "before the first".
pub type EntryNumber = u64;

/// A commit timestamp: nanoseconds since the Unix epoch, strictly increasing along the log.
pub type Timestamp = u64;

/// What became of an append.
#[derive(Clone, Debug, PartialEq)]
pub enum Append {
    /// The entry is in the log, durably, at that number: by this call, or by an earlier one with the same nonce.
    Appended,
    /// Another writer's entry, this one, is there.
    Occupied(LogEntry),
    /// The log did not say. The entry may be there, may never be, or may yet arrive. The writer has to repeat the same
    /// entry at the same number until it is told one of the others ([`append_decided`] does).
    Unknown,
}

/// An ordered log with one way of writing: take a number that is free.
///
/// Every implementation passes the suite in [`conformance`].
#[async_trait]
pub trait CommitLog: Send + Sync + 'static {
    /// Puts `entry` at number `n`, unless another entry is there. Nothing is overwritten, ever.
    ///
    /// `n` is at most one beyond the newest entry. Repeating an append with the same nonce is harmless: it answers
    /// [`Append::Appended`] again.
    ///
    /// # Errors
    /// With an error, the entry is not in the log and this call will not put it there. [`LogError::Gap`] if entry `n -
    /// 1` is not there (where the log can see it), [`LogError::Trimmed`] if `n` was trimmed away,
    /// [`LogError::Sealed`] if an entry before `n` is a seal, [`LogError::DiskFull`], [`LogError::TooLarge`], ...
    async fn append_if_absent(&self, n: EntryNumber, entry: &LogEntry) -> Result<Append, LogError>;

    /// Entries `from`, `from + 1`, ... without gaps: none if `from` is beyond the newest, otherwise at least one and at
    /// most `max` (fewer also when they are large). Strongly consistent: an entry whose append was answered before this
    /// call is seen.
    ///
    /// # Errors
    /// [`LogError::Trimmed`] if `from` is before [`Self::first`].
    async fn read(&self, from: EntryNumber, max: usize) -> Result<Vec<(EntryNumber, LogEntry)>, LogError>;

    /// The number of the newest entry; 0 if there never was one. Trimming does not change it. Strongly consistent.
    async fn head(&self) -> Result<EntryNumber, LogError>;

    /// The number of the oldest entry that can be read; one beyond [`Self::head`] if there is none.
    async fn first(&self) -> Result<EntryNumber, LogError>;

    /// Allows the log to forget the entries up to and including `through`. It may keep some of them (it forgets in
    /// large pieces), and never forgets a later one. Numbers beyond the newest entry are taken as the newest. That the
    /// log is sealed is not forgotten.
    async fn trim(&self, through: EntryNumber) -> Result<(), LogError>;

    /// Whether others may write to it while this process does, so that its tail has to be followed.
    fn is_shared(&self) -> bool;
}

#[async_trait]
impl<L: CommitLog + ?Sized> CommitLog for Arc<L> {
    async fn append_if_absent(&self, n: EntryNumber, entry: &LogEntry) -> Result<Append, LogError> {
        (**self).append_if_absent(n, entry).await
    }

    async fn read(&self, from: EntryNumber, max: usize) -> Result<Vec<(EntryNumber, LogEntry)>, LogError> {
        (**self).read(from, max).await
    }

    async fn head(&self) -> Result<EntryNumber, LogError> {
        (**self).head().await
    }

    async fn first(&self) -> Result<EntryNumber, LogError> {
        (**self).first().await
    }

    async fn trim(&self, through: EntryNumber) -> Result<(), LogError> {
        (**self).trim(through).await
    }

    fn is_shared(&self) -> bool {
        (**self).is_shared()
    }
}
