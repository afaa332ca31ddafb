//! Why a branch could not be made, deleted or restored.

use crate::log::{LogError, OpenLogError, Timestamp};
use crate::timeline::{BranchName, SegmentsError};

/// An operation on branches failed. Unless it says otherwise, nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum BranchError {
    /// There is no such branch.
    #[error("there is no branch `{0}`")]
    NoBranch(BranchName),
    /// There is one of that name.
    #[error("there is a branch `{0}` already")]
    Exists(BranchName),
    /// The branch that always has to be there cannot be deleted.
    #[error("branch `main` cannot be deleted")]
    Main,
    /// So far back, old versions are gone.
    #[error("`{at}` is too long ago: the history of branch `{branch}` begins at `{horizon}` (ns since 1970)")]
    BeforeHistory {
        /// The branch.
        branch: BranchName,
        /// What was asked for.
        at: Timestamp,
        /// The oldest that would do.
        horizon: Timestamp,
    },
    /// It has not happened yet.
    #[error("`{at}` is in the future: the last commit of branch `{branch}` is at `{last}` (ns since 1970)")]
    InFuture {
        /// The branch.
        branch: BranchName,
        /// What was asked for.
        at: Timestamp,
        /// The timestamp of the last commit.
        last: Timestamp,
    },
    /// The branch was deleted or restored, or given another timeline's name, while this was going on.
    #[error("branch `{0}` was changed by somebody else meanwhile")]
    Changed(BranchName),
    /// It took so long that a collection took it for dead.
    #[error("making the timeline took too long; try again")]
    TooSlow,
    /// The log cannot be opened.
    #[error("cannot open the log of branch `{branch}`: {error}")]
    OpenLog {
        /// The branch.
        branch: BranchName,
        /// Why.
        error: OpenLogError,
    },
    /// The log failed. If it was to be sealed, the operation may be half done: repeating it, or opening the branch, completes it.
    #[error("the log of branch `{branch}` failed: {error}")]
    Log {
        /// The branch.
        branch: BranchName,
        /// Why.
        error: LogError,
    },
    /// The store failed, or what is in it cannot be read.
    #[error(transparent)]
    Segments(#[from] SegmentsError),
}
