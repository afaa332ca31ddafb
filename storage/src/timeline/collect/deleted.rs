//! The objects of deleted timelines.

use object_store::ObjectStore;
use object_store::path::Path;

use super::Collected;
use super::references::References;
use crate::chain::Chain;
use crate::timeline::{Segments, SegmentsError, TimelineId, TimelineState};

impl Segments {
    /// Deletes what deleted timelines have left and no other needs: segments once readers had the time to go away, the rest once
    /// writers surely did.
    pub(super) async fn collect_deleted(
        &self,
        references: &References,
        collected: &mut Collected,
    ) -> Result<(), SegmentsError> {
        let now = self.env.now_ns();
        let age = |since: u64| now.saturating_sub(since) as u128;
        for (timeline, entry) in &references.registry.timelines {
            if entry.state != TimelineState::Deleted || age(entry.since_ns) < self.options.grace.as_nanos() {
                continue;
            }
            let segments = self.list(&timeline.segments()).await?;
            let (needed, unneeded): (Vec<Path>, Vec<Path>) =
                segments.into_iter().partition(|path| references.paths.contains(path.as_ref()));
            for path in &unneeded {
                self.delete(path).await?;
            }
            collected.segments += unneeded.len() as u64;
            if needed.is_empty() && age(entry.since_ns) >= self.options.orphan_age.as_nanos() {
                self.bury(timeline).await?;
                collected.timelines += 1;
            }
        }
        Ok(())
    }

    /// Deletes segments in the folders of timelines that are in the registry no more: a job that stalled until its timeline was
    /// gone has written them. Those of timelines that were registered since are not old.
    pub(super) async fn collect_unregistered(&self, references: &References) -> Result<u64, SegmentsError> {
        let folder = Path::from("segments");
        let listed = self.store.list_with_delimiter(Some(&folder)).await;
        let failed = |error| SegmentsError::Store { operation: "list", path: folder.to_string(), error };
        let mut deleted = 0;
        for timeline in listed.map_err(failed)?.common_prefixes {
            let id = timeline.filename().and_then(|name| name.parse::<TimelineId>().ok());
            if id.is_none_or(|id| references.registry.timelines.contains_key(&id)) {
                continue;
            }
            for path in self.list(&timeline).await? {
                if self.is_old(&path) && !references.paths.contains(path.as_ref()) {
                    self.delete(&path).await?;
                    deleted += 1;
                }
            }
        }
        Ok(deleted)
    }

    /// Deletes what is left of a timeline without segments, and then its entry in the registry.
    async fn bury(&self, timeline: &TimelineId) -> Result<(), SegmentsError> {
        Chain::new(self.store.clone(), timeline.manifests(), self.env.clone()).close().await?;
        for kind in ["log", "bodies"] {
            for path in self.list(&Path::from_iter([kind, timeline.as_str()])).await? {
                self.delete(&path).await?;
            }
        }
        let change = self.registries.change(|registry| {
            registry.timelines.remove(timeline);
            Ok::<_, SegmentsError>(())
        });
        change.await.map(drop)
    }
}
