//! Results of calls.

use std::sync::Arc;

use lakewire_storage::interval::ReadSet;
use lakewire_storage::log::Timestamp;

use super::FunctionError;
use crate::logs::AuditLine;

/// What a function returned (encoded JSON text), or how it failed.
pub type FunctionOutcome = Result<Arc<str>, FunctionError>;

/// Sources of difference between two executions at the same snapshot that a function has looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Observed {
    /// The result may depend on who calls: it must not be shared between identities.
    pub identity: bool,
    /// The result depends on the time: it goes stale even if no data changes.
    pub time: bool,
    /// The result depends on random numbers.
    pub random: bool,
}

impl Observed {
    /// What a caller has observed when it, or a function it called, has.
    pub fn union(self, other: Self) -> Self {
        Self {
            identity: self.identity || other.identity,
            time: self.time || other.time,
            random: self.random || other.random,
        }
    }
}

/// The result of one execution of a query. A failed one is a result too: it is invalidated by the same reads.
#[derive(Debug, Clone)]
pub struct QueryResult {
    /// What it returned.
    pub outcome: FunctionOutcome,
    /// `[LOG] 'x'`, one text a line; empty if logs are kept from clients.
    pub log_lines: Arc<[String]>,
    /// Opaque; pins the end of the page when the same query is run again.
    pub journal: Option<String>,
    /// What was read: a commit that touches it makes the result stale.
    pub reads: Arc<ReadSet>,
    /// The snapshot that was read.
    pub ts: Timestamp,
    /// What else the result depends on.
    pub observed: Observed,
    /// What is to be emitted whenever somebody is given the result.
    pub audit: Arc<[AuditLine]>,
}

/// The result of a mutation.
#[derive(Debug, Clone)]
pub struct MutationResult {
    /// What it returned.
    pub outcome: FunctionOutcome,
    /// When it was committed; for one that wrote nothing or failed, the snapshot it ran on.
    pub ts: Timestamp,
    /// `[LOG] 'x'`, one text a line, of the attempt that was committed.
    pub log_lines: Arc<[String]>,
}

/// The result of an action.
#[derive(Debug, Clone)]
pub struct ActionResult {
    /// What it returned.
    pub outcome: FunctionOutcome,
    /// `[LOG] 'x'`, one text a line.
    pub log_lines: Arc<[String]>,
}
