//! Snapshot files, which earlier versions of Lakewire wrote instead of segments.

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::OpenError;
use crate::catalog::{RowError, SystemTable};
use crate::log::{EntryNumber, KeyDelta, LoggedTransaction, LoggedWrite};
use crate::state::State;
use crate::state::file::{self, Contents};
use crate::timeline::{Segments, TimelineId};
use crate::transaction::document_keys;

/// The folder of snapshot files in the object store.
const FOLDER: &str = "snapshots";
const EXTENSION: &str = "lws";

/// What there is of them.
#[derive(Default)]
pub(super) struct OldFiles {
    /// The newest one that can be used.
    pub newest: Option<Contents>,
    pub paths: Vec<Path>,
}

/// Looks for snapshot files, of the first timeline: the others are newer than them.
pub(super) async fn find(segments: &Segments) -> Result<OldFiles, OpenError> {
    let mut found = OldFiles::default();
    if *segments.timeline() != TimelineId::main() {
        return Ok(found);
    }
    let store = segments.store();
    let listed: Vec<_> = store.list(Some(&Path::from(FOLDER))).try_collect().await?;
    found.paths = listed.into_iter().map(|object| object.location).collect();
    found.paths.retain(|path| entry_of(path).is_some());
    found.paths.sort_by_key(entry_of);
    if segments.manifest().flushed > 0 {
        // They were taken over, and then this process ended before it had removed them.
        return Ok(found);
    }
    for path in found.paths.iter().rev() {
        match file::read(&store.get(path).await?.bytes().await?) {
            Ok(contents) => {
                found.newest = Some(contents);
                break;
            }
            Err(error) => tracing::warn!(file = %path, %error, "skipping a snapshot file"),
        }
    }
    Ok(found)
}

fn entry_of(path: &Path) -> Option<EntryNumber> {
    path.filename()?.strip_suffix(EXTENSION)?.strip_suffix('.')?.parse().ok()
}

/// Removes the files once a manifest has what is in them.
pub(super) async fn remove(segments: &Segments, paths: &[Path]) {
    if segments.manifest().flushed == 0 {
        return;
    }
    for path in paths {
        if let Err(error) = segments.store().delete(path).await {
            tracing::warn!(file = %path, %error, "cannot remove an old snapshot file");
        }
    }
}

/// Puts the documents in, system tables first: what comes after needs the catalog.
pub(super) fn load(state: &mut State, contents: Contents) -> Result<(), RowError> {
    let (system, user): (Vec<_>, Vec<_>) =
        contents.documents.into_iter().partition(|(tablet, _)| SystemTable::from_tablet(*tablet).is_some());
    for documents in [system, user] {
        let mut writes = Vec::new();
        for (tablet, document) in documents {
            // Without a table if the table is no more.
            let Some(table) = state.catalog().tablet(tablet) else { continue };
            let keys = document_keys(table, &document)?.into_iter();
            let keys = keys.flatten().map(|key| KeyDelta { removed: None, added: Some(key) }).collect();
            writes.push(LoggedWrite { table: tablet, id: document.id.internal, document: Some(document), keys });
        }
        state.apply(&LoggedTransaction { ts: contents.ts, writes, source: String::new() })?;
    }
    Ok(())
}
