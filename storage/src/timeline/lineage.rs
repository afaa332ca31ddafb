//! Which timelines may know of an object that one of them made.
//!
//! Objects that documents name, such as stored files, are in nobody's manifest: a branch knows of those that its documents
//! name, and a new branch knows of what its parent knew. So one timeline may only delete such an object if no other can
//! know of it, and that is told by when and from what the others were made. A wrong yes keeps an object for longer; there
//! is no wrong no, as long as clocks differ by less than [`SKEW`].

use std::time::Duration;

use super::registry::Registry;
use super::{Segments, SegmentsError, TimelineId, TimelineState};
use crate::log::Timestamp;

/// How far the clocks of machines may be apart.
const SKEW: Duration = Duration::from_secs(15 * 60);

/// The timelines of a store at one moment, as one of them sees them.
#[derive(Clone, Debug)]
pub struct Lineage {
    timeline: TimelineId,
    registry: Registry,
}

impl Segments {
    /// The timelines that there are now. What is decided with it holds for timelines that are made later too, provided that
    /// it is about objects that no readable state of this timeline knows of any more.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lineage(&self) -> Result<Lineage, SegmentsError> {
        let registry = self.registries.latest_or_initial().await?;
        Ok(Lineage { timeline: self.timeline.clone(), registry })
    }

    /// Gives up the states from before `ts`, as far as those after it are in segments: no branch can be made of them any
    /// more. Returns the timestamp of the oldest state that can still be read.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn raise_horizon(&self, ts: Timestamp) -> Result<Timestamp, SegmentsError> {
        let published = self.publish(|manifest| {
            let horizon = ts.min(manifest.flushed_ts);
            let is_later = horizon > manifest.horizon_ts;
            manifest.horizon_ts = manifest.horizon_ts.max(horizon);
            is_later.then_some(())
        });
        published.await?;
        Ok(self.manifest().horizon_ts)
    }
}

impl Lineage {
    /// Whether another timeline may know of an object that `maker` made at `made_ns`, ns since the Unix epoch.
    pub fn is_shared(&self, maker: &TimelineId, made_ns: u64) -> bool {
        let before = made_ns.saturating_sub(SKEW.as_nanos() as u64);
        let others = self
            .registry
            .timelines
            .iter()
            .filter(|(id, entry)| **id != self.timeline && entry.state != TimelineState::Deleted);
        others.into_iter().any(|(id, entry)| id == maker || (entry.created_ns >= before && self.may_descend(id, maker)))
    }

    /// The timelines that are not used any more, and still in the registry or not.
    pub fn is_gone(&self, timeline: &TimelineId) -> bool {
        self.registry.state(timeline).is_none_or(|state| state == TimelineState::Deleted)
    }

    /// Whether `ancestor` is among those that `timeline` was made from. Those that are forgotten might have been.
    fn may_descend(&self, timeline: &TimelineId, ancestor: &TimelineId) -> bool {
        let mut at = timeline;
        // No chain of parents is longer than there are timelines.
        for _ in 0..=self.registry.timelines.len() {
            let Some(entry) = self.registry.timelines.get(at) else { return true };
            match &entry.parent {
                Some(parent) if parent == ancestor => return true,
                Some(parent) => at = parent,
                None => return at != &TimelineId::main(),
            }
        }
        true
    }
}

#[cfg(test)]
#[path = "lineage_tests.rs"]
mod tests;
