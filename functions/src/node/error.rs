//! Why there is no Node process to run something.

use super::OLDEST_NODE;
use super::remote::FunctionEnded;

/// A bundle cannot be run or analyzed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NodeError {
    /// There is no Node, or none that can be used.
    #[error("\"use node\" needs Node.js {OLDEST_NODE} or newer on the server: {0}")]
    Unavailable(String),
    /// npm did not install the external packages.
    #[error("cannot install the external packages:\n{0}")]
    Packages(String),
    /// What the developer's code did wrong while it was loaded.
    #[error("{0}")]
    Import(String),
    /// All processes are busy.
    #[error("too many Node actions are running")]
    Overloaded,
    /// The function that it was to run in ended without an answer.
    #[error("the Node function ended: {0}")]
    Ended(FunctionEnded),
    /// A fault of the server.
    #[error("{0}")]
    Internal(String),
}

impl NodeError {
    /// A fault of the server while it did `what`.
    pub(super) fn io(what: &str) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Self::Internal(format!("cannot {what}: {error}"))
    }
}
