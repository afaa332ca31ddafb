//! Flushing: what was in the log and in memory becomes the newest run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::output::{Cut, Made, Output};
use super::{Manifest, Run, Segments, SegmentsError};
use crate::catalog::IndexId;
use crate::log::{EntryNumber, Timestamp};
use crate::segment::Row;

/// How many trim points there are in the time that the log is kept, at most.
const TRIM_POINTS: u32 = 48;

/// How far a flush reaches, and the database's state there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flushed {
    /// The rows of all entries after the manifest's `flushed` up to and including this one are flushed.
    pub entry: EntryNumber,
    /// The timestamp of the last commit in them; at least the manifest's `flushed_ts`.
    pub ts: Timestamp,
    /// Documents per `by_id` index at that timestamp, if known.
    pub counts: Option<BTreeMap<IndexId, u64>>,
    /// Indexes dropped since the flush before (or earlier: repeating them is harmless), each with the commit that dropped it.
    pub dropped_indexes: Vec<(IndexId, Timestamp)>,
    /// All indexes that are not complete yet.
    pub keep_tombstones: Vec<IndexId>,
}

/// What became of a flush.
#[derive(Clone, Debug)]
pub enum FlushOutcome {
    /// The rows are in this manifest.
    Published(Arc<Manifest>),
    /// They were already: somebody else flushed as far or farther. This is the newest manifest.
    Superseded(Arc<Manifest>),
}

impl FlushOutcome {
    /// The newest manifest, which has the rows in either case.
    pub fn manifest(&self) -> &Arc<Manifest> {
        match self {
            Self::Published(manifest) | Self::Superseded(manifest) => manifest,
        }
    }
}

impl Segments {
    /// Writes `rows`, in order of key and descending timestamp, as a new run, and publishes it. There may be rows that are in
    /// the segments already, but none may be missing of those that the manifest's `flushed` does not cover.
    ///
    /// # Errors
    /// When the store fails. The rows may then be published or not; repeating is right in both cases.
    pub async fn flush(
        &self,
        rows: impl Iterator<Item = Row> + Send,
        upto: Flushed,
    ) -> Result<FlushOutcome, SegmentsError> {
        let newest = self.refresh().await?;
        if newest.flushed >= upto.entry {
            return Ok(FlushOutcome::Superseded(newest));
        }
        let cut = Cut { raw_bytes: self.options.flush_file_bytes, bytes: u64::MAX, indexes: false };
        let mut output = Output::new(self, cut);
        let written = write(&mut output, rows).await;
        let made = output.finish(written).await?;
        let result = self.publish_flush(&made, &upto).await;
        match &result {
            Ok(FlushOutcome::Published(_)) => {}
            // The manifest may refer to the segments.
            Err(SegmentsError::Chain(error)) if error.is_undecided() => {}
            Ok(FlushOutcome::Superseded(_)) | Err(_) => made.discard().await,
        }
        result
    }

    pub(super) async fn publish_flush(&self, made: &Made, upto: &Flushed) -> Result<FlushOutcome, SegmentsError> {
        let mut too_slow = false;
        let published = self.publish(|manifest| {
            too_slow = !self.may_publish(made, manifest);
            if too_slow || manifest.flushed >= upto.entry {
                return None;
            }
            self.add_flush(manifest, &made.run, upto);
            Some(())
        });
        match published.await? {
            Some((manifest, ())) => {
                self.flushed_bytes.fetch_add(made.bytes(), Ordering::Relaxed);
                Ok(FlushOutcome::Published(manifest))
            }
            None if too_slow => Err(SegmentsError::TooSlow),
            None => Ok(FlushOutcome::Superseded(self.manifest())),
        }
    }

    /// Whether a manifest that follows `base` may refer to the segments of `made`. No, if a collection may have taken them for
    /// left behind: then they are in `condemned`, or are gone and off it, but that takes twice as long as is allowed here. A
    /// collection that condemns them after `base` wins the next version instead.
    pub(super) fn may_publish(&self, made: &Made, base: &Manifest) -> bool {
        let age = Duration::from_nanos(self.env.monotonic_ns().saturating_sub(made.begun));
        age <= self.options.orphan_age / 2 && !made.written().any(|file| base.condemned.contains(&file.segment.path))
    }

    fn add_flush(&self, manifest: &mut Manifest, run: &Run, upto: &Flushed) {
        if !run.is_empty() {
            manifest.runs.insert(0, run.clone());
        }
        manifest.flushed = upto.entry;
        manifest.flushed_ts = manifest.flushed_ts.max(upto.ts);
        manifest.counts.clone_from(&upto.counts);
        manifest.keep_tombstones.clone_from(&upto.keep_tombstones);
        for dropped in &upto.dropped_indexes {
            if !manifest.dropped_indexes.iter().any(|(index, _)| *index == dropped.0) {
                manifest.dropped_indexes.push(*dropped);
            }
        }
        add_trim_point(manifest, self.options.log_kept);
    }
}

async fn write(output: &mut Output, rows: impl Iterator<Item = Row> + Send) -> Result<(), SegmentsError> {
    for row in rows {
        output.push_flushed(row).await?;
    }
    Ok(())
}

/// Notes that `manifest` was flushed when it is published; not too often, and forgets points that are of no more use.
fn add_trim_point(manifest: &mut Manifest, log_kept: Duration) {
    let now = manifest.published_ns;
    let kept = log_kept.as_nanos() as u64;
    let points = &mut manifest.trim_points;
    // Of the points that are old enough only the newest matters; the one before stands for "before the newest flush".
    let old = points.iter().take_while(|(_, at)| *at <= now.saturating_sub(kept)).count();
    points.drain(..old.saturating_sub(2));
    let apart = kept / u64::from(TRIM_POINTS);
    if points.last().is_none_or(|(_, at)| now.saturating_sub(*at) >= apart) {
        points.push((manifest.flushed, now));
    }
}
