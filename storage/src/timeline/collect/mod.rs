//! Collection: deletes what nothing needs.

mod condemn;
mod deleted;
mod references;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::{Segments, SegmentsError, TimelineState};
use crate::sabotage::{self, Rule};

/// Manifests and registries younger than this stay.
const CHAIN_KEPT: Duration = Duration::from_secs(60 * 60);
/// A timeline whose creation takes longer than this is given up, so that collection can go on.
const CREATION: Duration = Duration::from_secs(60 * 60);

/// What a collection did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Segments of this timeline that were condemned: they will be deleted unless another timeline needs them.
    pub condemned: u64,
    /// Segments that were deleted, of this timeline and of deleted ones.
    pub segments: u64,
    /// Old versions of the manifest and the registry that were deleted.
    pub versions: u64,
    /// Deleted timelines of which nothing is left.
    pub timelines: u64,
}

impl Segments {
    /// Deletes segments that nothing needs: those of this timeline, and of deleted timelines; and old manifests. What is in use
    /// at present or was until a short time ago stays, so this is to be called now and then.
    ///
    /// # Errors
    /// When the store fails. Repeating is right.
    pub async fn collect(&self) -> Result<Collected, SegmentsError> {
        let mut last_search = self.collecting.lock().await;
        let mut collected = Collected::default();
        let left_behind = self.search_left_behind(&mut last_search).await?;
        collected.condemned = self.condemn(left_behind.as_deref().unwrap_or_default()).await?;
        self.give_up_creations().await?;
        let is_deleted = |state| state == TimelineState::Deleted;
        let registry = self.registries.latest_or_initial().await?;
        let some_deleted = registry.timelines.values().any(|entry| is_deleted(entry.state));
        // Those that were condemned before the references are read.
        let condemned = self.manifest().condemned.clone();
        if (some_deleted || !condemned.is_empty() || left_behind.is_some())
            && let Some(references) = self.references().await?
        {
            collected.segments += self.delete_condemned(&condemned, &references.paths).await?;
            self.collect_deleted(&references, &mut collected).await?;
            if left_behind.is_some() {
                collected.segments += self.collect_unregistered(&references).await?;
            }
        }
        let newest = self.manifest().version;
        collected.versions += self.chain.trim(newest, self.options.manifests_kept, CHAIN_KEPT).await?;
        let newest = self.registries.latest_or_initial().await?.version;
        collected.versions += self.registries.chain.trim(newest, self.options.manifests_kept, CHAIN_KEPT).await?;
        Ok(collected)
    }

    /// Deletes those of the `condemned` segments that are not among `referenced`, then takes them off the list.
    async fn delete_condemned(
        &self,
        condemned: &[String],
        referenced: &BTreeSet<String>,
    ) -> Result<u64, SegmentsError> {
        let is_unneeded = |path: &&String| !referenced.contains(*path) || sabotage::is(Rule::LiveSegmentDeleted);
        let unneeded: BTreeSet<&String> = condemned.iter().filter(is_unneeded).collect();
        for path in &unneeded {
            self.delete(&Path::from(path.as_str())).await?;
        }
        if !unneeded.is_empty() {
            self.publish(|manifest| {
                let before = manifest.condemned.len();
                manifest.condemned.retain(|path| !unneeded.contains(path));
                (manifest.condemned.len() < before).then_some(())
            })
            .await?;
        }
        Ok(unneeded.len() as u64)
    }

    /// Deletes an object, if it is there.
    async fn delete(&self, path: &Path) -> Result<(), SegmentsError> {
        match self.store.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(SegmentsError::Store { operation: "delete", path: path.to_string(), error }),
        }
    }

    /// The objects in a folder. Some may be missing and some may be gone.
    async fn list(&self, folder: &Path) -> Result<Vec<Path>, SegmentsError> {
        let listed = self.store.list(Some(folder)).map_ok(|object| object.location).try_collect();
        listed.await.map_err(|error| SegmentsError::Store { operation: "list", path: folder.to_string(), error })
    }
}
