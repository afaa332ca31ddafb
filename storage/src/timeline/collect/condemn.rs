//! Naming what is to be deleted, before it is.

use std::time::Duration;

use object_store::path::Path;

use crate::sabotage::{self, Rule};
use crate::timeline::id::segment_begun_ns;
use crate::timeline::{Segments, SegmentsError};

/// Left behind segments are searched for this many times in the age from which they count.
const SEARCHES: u32 = 24;

impl Segments {
    /// Publishes a manifest that condemns this timeline's segments that were obsolete for long enough, and those of
    /// `left_behind` that it does not know. Segments of other timelines are only forgotten: they are theirs to delete.
    pub(super) async fn condemn(&self, left_behind: &[String]) -> Result<u64, SegmentsError> {
        let grace = self.options.grace.as_nanos() as u64;
        let published = self.publish(|manifest| {
            let before = match sabotage::is(Rule::LiveSegmentDeleted) {
                true => u64::MAX,
                false => manifest.published_ns.saturating_sub(grace),
            };
            let (due, stays): (Vec<_>, Vec<_>) =
                std::mem::take(&mut manifest.obsolete).into_iter().partition(|(_, since)| *since < before);
            manifest.obsolete = stays;
            let forgotten = due.len();
            let own = due.into_iter().map(|(path, _)| path).filter(|path| self.timeline.owns(path));
            let mut condemned: Vec<String> = own.collect();
            let needed = manifest.needed();
            let unknown = |path: &&String| {
                !needed.contains(path.as_str()) && !manifest.condemned.contains(path) && !condemned.contains(path)
            };
            let unknown: Vec<String> = left_behind.iter().filter(unknown).cloned().collect();
            condemned.extend(unknown);
            let count = condemned.len();
            manifest.condemned.extend(condemned);
            (forgotten + count > 0).then_some(count as u64)
        });
        Ok(published.await?.map_or(0, |(_, count)| count))
    }

    /// This timeline's segments that are old enough to have been published long ago. `None`: not searched for this time.
    pub(super) async fn search_left_behind(
        &self,
        last: &mut Option<u64>,
    ) -> Result<Option<Vec<String>>, SegmentsError> {
        let now = self.env.monotonic_ns();
        let every = (self.options.orphan_age / SEARCHES).max(Duration::from_secs(1)).as_nanos() as u64;
        if last.is_some_and(|last| now.saturating_sub(last) < every) {
            return Ok(None);
        }
        let listed = self.list(&self.timeline.segments()).await?;
        *last = Some(now);
        Ok(Some(listed.into_iter().filter(|path| self.is_old(path)).map(String::from).collect()))
    }

    /// Whether a segment was begun so long ago that no job that is still running has it.
    pub(super) fn is_old(&self, path: &Path) -> bool {
        let before = self.env.now_ns().saturating_sub(self.options.orphan_age.as_nanos() as u64);
        segment_begun_ns(path.as_ref()).is_some_and(|begun| begun < before)
    }
}
