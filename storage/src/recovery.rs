//! Opening a database: the newest usable snapshot file, then the log after it.

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::catalog::{RowError, SystemTable};
use crate::env::Env;
use crate::log::{CommitLog, EntryNumber, LogError, Timestamp};
use crate::state::file::{self, Contents};
use crate::state::{Snapshot, State};
use crate::transaction::document_keys;

/// The folder of snapshot files in the object store.
pub(crate) const FOLDER: &str = "snapshots";
const EXTENSION: &str = "lws";
/// Log entries read at a time.
const BATCH: usize = 256;

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The log cannot be read.
    #[error("cannot read the log: {0}")]
    Log(#[from] LogError),
    /// The object store cannot be read.
    #[error("cannot read snapshot files: {0}")]
    Store(#[from] object_store::Error),
    /// The log does not reach back to any usable snapshot file.
    #[error(
        "the log begins at entry {first}, and no usable snapshot file in `{FOLDER}/` reaches it (the newest is of entry {newest})"
    )]
    Gap {
        /// The first entry of the log.
        first: EntryNumber,
        /// The entry of the newest usable snapshot file; 0 if there is none.
        newest: EntryNumber,
    },
    /// The log is older than the snapshot file: they do not belong together.
    #[error("the snapshot file of entry {snapshot} is ahead of the log, which ends with entry {head}")]
    LogBehind {
        /// The entry of the snapshot file.
        snapshot: EntryNumber,
        /// The last entry of the log.
        head: EntryNumber,
    },
    /// The documents or commits do not make a database.
    #[error(transparent)]
    Row(#[from] RowError),
}

/// A database as found.
pub(crate) struct Found {
    pub snapshot: Snapshot,
    /// The last entry of the log.
    pub entry: EntryNumber,
    pub last_ts: Timestamp,
    /// The entries of the usable snapshot files, oldest first.
    pub checkpoints: Vec<EntryNumber>,
}

/// The place of the snapshot file of a log entry.
pub(crate) fn path_of(entry: EntryNumber) -> Path {
    Path::from(format!("{FOLDER}/{entry:020}.{EXTENSION}"))
}

fn entry_of(path: &Path) -> Option<EntryNumber> {
    path.filename()?.strip_suffix(EXTENSION)?.strip_suffix('.')?.parse().ok()
}

pub(crate) async fn recover(log: &dyn CommitLog, store: &dyn ObjectStore, env: &Env) -> Result<Found, OpenError> {
    let listed: Vec<_> = store.list(Some(&Path::from(FOLDER))).try_collect().await?;
    let mut checkpoints: Vec<_> = listed.iter().filter_map(|object| entry_of(&object.location)).collect();
    checkpoints.sort_unstable();
    let (mut state, mut entry, mut ts) = (State::default(), 0, 0);
    while let Some(newest) = checkpoints.last() {
        let path = path_of(*newest);
        match file::read(&store.get(&path).await?.bytes().await?) {
            Ok(contents) => {
                (entry, ts) = (contents.entry, contents.ts);
                state = load(contents)?;
                break;
            }
            Err(error) => {
                tracing::warn!(file = %path, %error, "skipping a snapshot file");
                checkpoints.pop();
            }
        }
    }
    let (first, head) = (log.first().await?, log.head().await?);
    if head < entry {
        return Err(OpenError::LogBehind { snapshot: entry, head });
    }
    if first > entry + 1 {
        return Err(OpenError::Gap { first, newest: entry });
    }
    while entry < head {
        for (number, logged) in log.read(entry + 1, BATCH).await? {
            for transaction in &logged.transactions {
                state.apply(transaction)?;
                // A snapshot file may be ahead of it, see `CommitBatch`.
                ts = transaction.ts.max(ts);
            }
            entry = number;
        }
    }
    // Not before the wall clock, so that no client has seen a later timestamp even where a backup was put in place.
    let now = env.now_ns().max(ts);
    Ok(Found { snapshot: Snapshot::new(now, 0, state), entry, last_ts: ts, checkpoints })
}

/// Builds every index from the documents.
fn load(contents: Contents) -> Result<State, RowError> {
    let mut state = State::default();
    let (system, user): (Vec<_>, Vec<_>) =
        contents.documents.into_iter().partition(|(tablet, _)| SystemTable::from_tablet(*tablet).is_some());
    let mut is_loaded = false;
    for (tablet, document) in system.into_iter().chain(user) {
        if !is_loaded && SystemTable::from_tablet(tablet).is_none() {
            state.load_catalog()?;
            is_loaded = true;
        }
        // A document of a table that is no more.
        let Some(table) = state.catalog().tablet(tablet).cloned() else { continue };
        for key in document_keys(&table, &document)? {
            state.insert(key, document.clone());
        }
    }
    if !is_loaded {
        state.load_catalog()?;
    }
    Ok(state)
}
