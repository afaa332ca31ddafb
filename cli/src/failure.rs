//! Why a command of the binary ended.

use std::path::PathBuf;

use thiserror::Error;

/// A failure of a whole command; its text is what the user reads.
#[derive(Debug, Error)]
pub enum Failure {
    /// The data directory can't be made, read or written.
    #[error("data directory `{path}`: {source}")]
    DataDirectory { path: PathBuf, source: std::io::Error },
    /// `instance.json` is not what `lakewire` wrote.
    #[error("`{path}` does not describe a deployment: {reason}")]
    Instance { path: PathBuf, reason: String },
    /// A name that can't be part of an admin key.
    #[error("`{0}` is no instance name: use letters, digits and `-`")]
    InstanceName(String),
    /// A port is taken or may not be used.
    #[error("can't listen on {address}: {source}")]
    Listen { address: String, source: std::io::Error },
    /// The database can't be opened.
    #[error("can't open the database in `{path}`: {reason}")]
    Database { path: PathBuf, reason: String },
    /// The runtime of functions can't be started, or a server stopped by itself.
    #[error("{0}")]
    Server(String),
}
