//! Removes files that a publication left behind when it failed half way.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::path::Path;

use super::metadata::Loaded;
use super::{LakeError, nanos};

/// The age from which a file that nothing refers to is abandoned. No publication takes a quarter as long.
pub(super) const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// Deletes the abandoned files of a table, of which `loaded` is a recent version.
pub(super) async fn sweep(
    store: &dyn ObjectStore,
    folder: &Path,
    loaded: &Loaded,
    now_ns: u64,
) -> Result<u64, LakeError> {
    let state = &loaded.state;
    let referred: BTreeSet<&str> = (state.files.iter().map(|file| file.path.as_str()))
        .chain(state.manifests.iter().map(String::as_str))
        .chain(state.removed.iter().map(|removed| removed.path.as_str()))
        .chain(loaded.metadata.state_path())
        .collect();
    let mut removed = 0;
    let mut listed = store.list(Some(folder));
    while let Some(object) = listed.try_next().await? {
        let path: String = match object.location.prefix_match(folder) {
            Some(parts) => parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/"),
            None => continue,
        };
        let written_ns = u64::try_from(object.last_modified.timestamp_millis()).unwrap_or(0).saturating_mul(1_000_000);
        let ours = path.ends_with(".parquet") || path.ends_with(".avro") || path.starts_with("metadata/state-");
        if ours && !referred.contains(path.as_str()) && written_ns.saturating_add(nanos(ABANDONED)) < now_ns {
            super::remove(store, folder, &path).await?;
            removed += 1;
        }
    }
    Ok(removed)
}
