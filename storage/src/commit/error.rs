use crate::catalog::{Namespace, RowError};
use crate::id::DocumentId;
use crate::log::Timestamp;
use crate::state::LoadError;

/// What a transaction read changed before it could commit. Running it again at the new head may succeed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Conflict {
    /// The table that changed, `_tables` or `_indexes` or `_schemas` for its definition; empty if it is not known, because the
    /// snapshot is too old or its commits were taken back.
    pub table: String,
    /// The namespace of the table.
    pub namespace: Namespace,
    /// The document that changed, where there is just one to name.
    pub id: Option<DocumentId>,
    /// The path of the function that wrote it; empty if it is not known.
    pub writer: String,
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.table.is_empty() {
            return f.write_str("the snapshot of the transaction can no longer be compared with later commits");
        }
        match &self.id {
            Some(id) => write!(f, "document `{id}` of table `{}` was changed", self.table)?,
            None => write!(f, "table `{}` was changed", self.table)?,
        }
        match self.writer.as_str() {
            "" => Ok(()),
            writer => write!(f, " by `{writer}`"),
        }
    }
}

/// Why a transaction was not committed. Nothing of it is visible then, or ever will be, with one exception: see
/// [`CommitError::Unavailable`].
#[derive(Clone, Debug, thiserror::Error)]
pub enum CommitError {
    /// See [`Conflict`].
    #[error("conflict with another commit: {0}")]
    Conflict(Conflict),
    /// The log does not take entries at present: no disk space, for instance. The message is the log's.
    ///
    /// Also when the log did not say for seconds what became of the transaction. Then it may still turn out to be committed;
    /// until that is known nothing else is accepted, so running it again finds it, if it leaves a trace to find.
    #[error("commits are not possible at present: {0}")]
    Unavailable(String),
    /// A row of a system table was written in a form that cannot be read, or a stored document is damaged.
    #[error(transparent)]
    Row(#[from] RowError),
}

/// Why there is no snapshot of a timestamp. Timestamps in ns since the Unix epoch.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The definitions of that time could not be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It lies before the snapshots that are kept.
    #[error("timestamp {requested} is too old: the oldest one kept is {oldest}")]
    TooOld {
        /// The timestamp asked for.
        requested: Timestamp,
        /// The oldest that can be read.
        oldest: Timestamp,
    },
    /// It lies after the newest commit.
    #[error("timestamp {requested} is in the future: the latest one is {latest}")]
    InFuture {
        /// The timestamp asked for.
        requested: Timestamp,
        /// The latest that can be read.
        latest: Timestamp,
    },
}
