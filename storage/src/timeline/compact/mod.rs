//! Compaction: merges runs, and drops what no snapshot can see.

mod execute;
mod merge;
mod plan;

#[cfg(test)]
mod plan_tests;
#[cfg(test)]
mod tests;

use std::sync::atomic::Ordering;

use futures::future::BoxFuture;

pub use plan::{Plan, plan};

use super::output::Made;
use super::{Manifest, Segments, SegmentsError};
use crate::interval::Interval;
use crate::log::Timestamp;

impl Segments {
    /// Does the most urgent compaction of the newest manifest, if there is one. Says whether there was.
    ///
    /// # Errors
    /// When the store fails. The compaction may then be published or not; repeating is right in both cases.
    pub async fn compact(&self) -> Result<bool, SegmentsError> {
        let _alone = self.compacting.lock().await;
        let manifest = self.refresh().await?;
        let horizon = self.horizon(&manifest);
        let Some(plan) = plan(&manifest, horizon, self.options().unit_bytes) else { return Ok(false) };
        self.boxed(&manifest, &plan, horizon).await?;
        Ok(true)
    }

    /// Merges everything into one run. Says whether there was something to do.
    ///
    /// # Errors
    /// As [`Self::compact`].
    pub async fn compact_all(&self) -> Result<bool, SegmentsError> {
        let _alone = self.compacting.lock().await;
        let manifest = self.refresh().await?;
        let horizon = self.horizon(&manifest);
        let plan = Plan::all(&manifest);
        if manifest.runs.len() < 2 && self.is_compact(&manifest, horizon) {
            return Ok(false);
        }
        self.boxed(&manifest, &plan, horizon).await?;
        Ok(true)
    }

    /// The timestamp before which no snapshot is promised from the next compaction on. Never after what was flushed: the newest
    /// snapshot may be that old, if nothing has happened since.
    fn horizon(&self, manifest: &Manifest) -> Timestamp {
        let start = self.env.now_ns().saturating_sub(self.options.history.as_nanos() as u64);
        manifest.horizon_ts.max(start.min(manifest.flushed_ts))
    }

    /// Boxed, because the compiler cannot see by itself that callers may be spawned.
    fn boxed<'a>(
        &'a self,
        manifest: &'a Manifest,
        plan: &'a Plan,
        horizon: Timestamp,
    ) -> BoxFuture<'a, Result<(), SegmentsError>> {
        Box::pin(self.carry_out(manifest, plan, horizon))
    }

    async fn carry_out(&self, manifest: &Manifest, plan: &Plan, horizon: Timestamp) -> Result<(), SegmentsError> {
        let inputs = &manifest.runs[plan.runs.clone()];
        let made = self.execute(manifest, plan, horizon).await?;
        let mut too_slow = false;
        let published = self.publish(|newest| {
            too_slow = !self.may_publish(&made, newest);
            // Flushes since then are in front of the inputs, other compactions beside them. If one of them took an input, all
            // of this is to be done anew.
            let at = newest.runs.windows(inputs.len()).position(|runs| runs == inputs)?;
            (!too_slow).then(|| replace(newest, at..at + inputs.len(), &made, horizon))
        });
        let published = published.await;
        match &published {
            Ok(Some(_)) => {
                self.compacted_bytes.fetch_add(made.bytes(), Ordering::Relaxed);
            }
            Err(SegmentsError::Chain(error)) if error.is_undecided() => {}
            Ok(None) | Err(_) => made.discard().await,
        }
        if too_slow { Err(SegmentsError::TooSlow) } else { published.map(drop) }
    }
}

/// Puts the run that was made in the place of its inputs.
fn replace(manifest: &mut Manifest, inputs: std::ops::Range<usize>, made: &Made, horizon: Timestamp) {
    let run = (!made.run.is_empty()).then(|| made.run.clone());
    let gone: Vec<_> = manifest.runs.splice(inputs, run).flat_map(|run| [run.files, run.search]).flatten().collect();
    let now = manifest.published_ns;
    let gone = gone.into_iter().map(|file| file.segment.path).filter(|path| !made.moved.contains(path));
    manifest.obsolete.extend(gone.map(|path| (path, now)));
    manifest.horizon_ts = manifest.horizon_ts.max(horizon);
    let mut dropped = std::mem::take(&mut manifest.dropped_indexes);
    dropped.retain(|(index, ts)| {
        let rows = Interval::prefix(&index.0.to_be_bytes());
        *ts > manifest.horizon_ts || manifest.segments().any(|segment| segment.overlaps(&rows))
    });
    manifest.dropped_indexes = dropped;
}
