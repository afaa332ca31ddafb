//! Transactions: reads and buffered writes at one snapshot.
//!
//! A transaction records every key interval it reads; a commit is refused if another commit touched one of them since the
//! snapshot. Its own writes are visible to its own reads. Nothing outside sees them before
//! [`Database::commit`](crate::database::Database::commit).
//!
//! What may have to fetch stored documents is async. If such a future is dropped, or fails with [`TxError::Read`], the
//! transaction stays usable. It is as it was before, except that more may be recorded as read than was returned, and that an
//! operation that consists of several writes (one that creates a table, or changes a definition) may have done some of them: go
//! back to a savepoint then. A write of one document in a table that is there is done or not done.

mod carry;
mod error;
mod finish;
mod paginate;
mod query;
mod read;
mod schema;
mod search;
mod staged;
mod system;
mod table;
#[cfg(test)]
mod tests;
mod usage;
mod walk;
mod write;

use std::sync::Arc;

pub use carry::{CarriedTransaction, CarryError};
pub use error::TxError;
pub(crate) use finish::Finished;
pub use paginate::{Page, PageOptions, PageStatus};
pub use query::QueryStream;
pub use schema::NamespaceTables;
pub(crate) use schema::failure_text;
pub use table::SINGLETON;
pub(crate) use table::document_keys;
pub use usage::Usage;
pub(crate) use write::parse;

use crate::catalog::Catalog;
use crate::env::Env;
use crate::interval::{Interval, ReadSet};
use crate::limits::Limits;
use crate::log::Timestamp;
use crate::sabotage::{self, Rule};
use crate::state::Snapshot;
use staged::Staged;

/// Which tables an id may belong to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TableKind {
    /// Tables of the app: `ctx.db`.
    User,
    /// The system tables that apps can read: `ctx.db.system`.
    System,
    /// Every table: Lakewire's own functions.
    Any,
}

/// Reads and buffered writes at one snapshot; see the module. A clone goes its own way from there.
#[derive(Clone)]
pub struct Transaction {
    snapshot: Snapshot,
    source: Arc<str>,
    env: Env,
    limits: Arc<Limits>,
    reads: ReadSet,
    /// How many of the intervals in `reads` are of system tables.
    system_intervals: usize,
    staged: Staged,
    usage: Usage,
    /// The creation time of the next insert in ms; none before the first.
    next_creation_time: Option<f64>,
    privileged: bool,
}

/// The writes of a transaction at some point, to go back to.
pub struct Savepoint(Staged);

impl Transaction {
    pub(crate) fn new(snapshot: Snapshot, source: &str, env: Env, limits: Arc<Limits>) -> Self {
        let catalog = snapshot.catalog().clone();
        Transaction {
            snapshot,
            source: source.into(),
            env,
            limits,
            reads: ReadSet::new(),
            system_intervals: 0,
            staged: Staged::new(catalog),
            usage: Usage::default(),
            next_creation_time: None,
            privileged: false,
        }
    }

    /// The timestamp of the snapshot that is read.
    pub fn snapshot_ts(&self) -> Timestamp {
        self.snapshot.ts()
    }

    /// The snapshot that is read, without own writes.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The tables, indexes and schemas, with own changes.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.staged.catalog
    }

    /// The path of the function that runs.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The environment.
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// What has been read and written so far.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// The limits in force.
    pub fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    /// Replaces the limits.
    pub fn set_limits(&mut self, limits: Arc<Limits>) {
        self.limits = limits;
    }

    /// Lets queries see the private system tables. For Lakewire's own functions.
    pub fn set_privileged(&mut self, privileged: bool) {
        self.privileged = privileged;
    }

    /// The keys read so far.
    pub fn reads(&self) -> &ReadSet {
        &self.reads
    }

    /// The keys read.
    pub fn into_reads(self) -> ReadSet {
        self.reads
    }

    /// Whether nothing was written, or all of it rolled back or undone.
    pub fn is_read_only(&self) -> bool {
        self.staged.documents.is_empty()
    }

    /// Marks the writes so far, to go back to if a nested function fails.
    pub fn savepoint(&mut self) -> Savepoint {
        Savepoint(self.staged.clone())
    }

    /// Undoes every write since the savepoint. Reads and usage stay.
    pub fn rollback_to(&mut self, savepoint: Savepoint) {
        self.staged = savepoint.0;
    }

    /// Takes the keys of an interval as read, whatever is there.
    ///
    /// # Errors
    /// `TooManyReads`.
    pub fn record_read(&mut self, interval: Interval) -> Result<(), TxError> {
        if sabotage::is(Rule::ReadIntervalSkipped) && !interval.is_point() {
            return Ok(());
        }
        let system = crate::catalog::is_system_index(crate::state::index_of(&interval.start));
        let before = self.reads.len();
        self.reads.insert(interval);
        if system {
            self.system_intervals = (self.system_intervals + self.reads.len()).saturating_sub(before);
            return Ok(());
        }
        let intervals = self.reads.len().saturating_sub(self.system_intervals);
        self.usage.intervals(intervals, &self.limits)
    }
}
