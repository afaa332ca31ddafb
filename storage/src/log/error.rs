//! What can go wrong with a log.

use std::io;
use std::path::{Path, PathBuf};

use super::EntryNumber;
use super::codec::{CorruptEntry, EntryTooLarge};

/// Why an operation on a log failed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The entry was trimmed away.
    #[error("log entry {requested} was trimmed; the oldest entry kept is {first}")]
    Trimmed {
        /// The number asked for.
        requested: EntryNumber,
        /// The oldest that can be read.
        first: EntryNumber,
    },
    /// An append beyond the next free number, or to number 0.
    #[error("cannot append log entry {requested}: the next entry is {next}")]
    Gap {
        /// The number asked for.
        requested: EntryNumber,
        /// The next free number.
        next: EntryNumber,
    },
    /// An append beyond the seal of the log.
    #[error("the log was sealed at entry {entry}: it goes on as timeline `{successor}`")]
    Sealed {
        /// The number of the entry with the seal.
        entry: EntryNumber,
        /// The timeline that goes on.
        successor: String,
    },
    /// The entry is larger than an entry may be.
    #[error(transparent)]
    TooLarge(#[from] EntryTooLarge),
    /// There is no room for the entry. The log is as it was before, and works again once there is.
    #[error("no space left for the log in `{}`", .path.display())]
    DiskFull {
        /// The file that could not grow, or its directory.
        path: PathBuf,
    },
    /// The operating system failed to do something with a file.
    #[error("cannot {operation} `{}`: {error}", .path.display())]
    Io {
        /// What: "write", "sync", ...
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The reason given.
        error: io::Error,
    },
    /// A file holds what was never written there.
    #[error("log file `{}` is corrupt at byte {offset}: {reason}", .path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// An entry of a log without files cannot be decoded.
    #[error("log entry {entry} is corrupt: {error}")]
    CorruptEntry {
        /// Its number.
        entry: EntryNumber,
        /// What is wrong.
        error: CorruptEntry,
    },
    /// A service that holds the log failed, does not answer, refuses, or is asked for too much; it was tried several
    /// times where that makes sense.
    #[error("cannot {operation} the log in `{place}`: {reason}")]
    Remote {
        /// What: "read", "append to", ...
        operation: &'static str,
        /// The table or folder.
        place: String,
        /// What it answered.
        reason: String,
    },
    /// The log was opened for reading only.
    #[error("the log in `{}` was opened for reading only", .directory.display())]
    ReadOnly {
        /// Its directory.
        directory: PathBuf,
    },
    /// The log was closed, or the thread that served it is gone.
    #[error("the log is closed")]
    Closed,
}

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenLogError {
    /// Another process has the directory.
    #[error("the log directory `{}` is in use: another process holds its lock", .directory.display())]
    Locked {
        /// The directory.
        directory: PathBuf,
    },
    /// It cannot be read or written, or is corrupt.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl LogError {
    /// The error of `operation` on the file or directory `path`.
    pub(super) fn io(operation: &'static str, path: &Path, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path: path.to_owned() },
            _ => Self::Io { operation, path: path.to_owned(), error },
        }
    }

    /// Whether it may go away by itself, with more space, or when somebody repairs a service, so that it makes sense to
    /// try again later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::DiskFull { .. } | Self::Io { .. } | Self::Remote { .. })
    }
}
