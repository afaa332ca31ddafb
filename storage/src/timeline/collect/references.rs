//! What all timelines together need.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt};

use super::CREATION;
use crate::chain::Chain;
use crate::timeline::segments::latest_manifest;
use crate::timeline::{Registry, Segments, SegmentsError, TimelineState};

/// Manifests read at a time.
const PARALLEL: usize = 8;
/// Attempts to see all timelines without one being made meanwhile.
const ATTEMPTS: usize = 3;

/// Everything that is needed, at one moment.
pub(super) struct References {
    /// The timelines then.
    pub registry: Registry,
    /// The segments that live timelines have in their runs, or had a short time ago.
    pub paths: BTreeSet<String>,
}

impl Segments {
    /// What the newest manifests of all timelines need. `None` while it cannot be told: a timeline is being made.
    ///
    /// The registry must be the same before and after the manifests are read. So whoever is registered later has read the
    /// manifest of its parent later as well, and finds no segment in its runs that is not among these.
    pub(super) async fn references(&self) -> Result<Option<References>, SegmentsError> {
        for _ in 0..ATTEMPTS {
            let registry = self.registries.latest_or_initial().await?;
            let needed = registry.timelines.iter().filter(|(_, entry)| entry.state != TimelineState::Deleted);
            let chains: Vec<Chain> = needed
                .map(|(timeline, _)| Chain::new(self.store.clone(), timeline.manifests(), self.env.clone()))
                .collect();
            let manifests: Vec<_> = futures::stream::iter(chains)
                .map(|chain| async move { latest_manifest(&chain).await })
                .buffered(PARALLEL)
                .try_collect()
                .await?;
            let mut paths = BTreeSet::new();
            for manifest in manifests {
                let Some(manifest) = manifest else { return Ok(None) };
                paths.extend(manifest.needed().into_iter().map(str::to_owned));
            }
            if self.registries.latest_or_initial().await?.version == registry.version {
                return Ok(Some(References { registry, paths }));
            }
        }
        Ok(None)
    }

    /// Marks as deleted the timelines whose creators have probably died, since they stop all collection. A creator that is
    /// alive finds out when it wants to make its timeline live.
    pub(super) async fn give_up_creations(&self) -> Result<(), SegmentsError> {
        let now = self.env.now_ns();
        let before = now.saturating_sub(CREATION.as_nanos() as u64);
        let given_up = self.registries.change(|registry| {
            for entry in registry.timelines.values_mut() {
                if entry.state == TimelineState::Creating && entry.since_ns < before {
                    entry.state = TimelineState::Deleted;
                    entry.since_ns = now;
                }
            }
            Ok::<_, SegmentsError>(())
        });
        given_up.await.map(drop)
    }
}
