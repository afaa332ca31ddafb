//! Makes one run of several, in bounded memory.

use std::collections::BTreeSet;

use super::Plan;
use super::merge::Filter;
use super::plan::{index_of, is_dropped};
use crate::catalog::IndexId;
use crate::interval::Interval;
use crate::key::Key;
use crate::log::Timestamp;
use crate::search::build::merge;
use crate::search::key::DocKey;
use crate::search::part::{PartReader, SearchSegment};
use crate::segment::SegmentRef;
use crate::timeline::output::{Cut, Made, Output};
use crate::timeline::{Manifest, Run, RunFile, Segments, SegmentsError};
use crate::version::raw;

/// Segments below this part of the size at which they are cut are rewritten rather than moved, so that small ones vanish.
const SMALL: u64 = 4;
/// Segments are also cut at this many times that size before compression.
const RAW: u64 = 16;

/// After so many rows other tasks have their turn, also where all of them are dropped.
const YIELD_ROWS: u64 = 256;

/// A piece of the key space that belongs to no other step.
enum Step {
    Move(RunFile),
    /// Segments by run, newest run first.
    Merge(Vec<Vec<SegmentRef>>),
}

impl Segments {
    /// Whether a compaction of the only run would move all of its segments.
    pub(super) fn is_compact(&self, manifest: &Manifest, horizon: Timestamp) -> bool {
        let files = || manifest.runs.iter().flat_map(|run| &run.files);
        let mut searched = manifest.runs.iter().flat_map(|run| &run.search);
        if searched.any(|file| file.garbage_bytes > 0) {
            return false;
        }
        let neighbours = files().zip(files().skip(1));
        let small = |file: &RunFile| file.segment.bytes < self.options.file_bytes / SMALL;
        files().all(|file| is_clean(manifest, file, horizon))
            && !neighbours.into_iter().any(|(a, b)| small(a) && small(b) && index_of(a) == index_of(b))
    }

    /// Merges the runs of `plan`.
    pub(super) async fn execute(
        &self,
        manifest: &Manifest,
        plan: &Plan,
        horizon: Timestamp,
    ) -> Result<Made, SegmentsError> {
        let cut = Cut {
            raw_bytes: self.options.file_bytes.saturating_mul(RAW),
            bytes: self.options.file_bytes,
            indexes: true,
        };
        let mut output = Output::new(self, cut);
        let mut filter = Filter::new(manifest, plan, horizon);
        let mut written = Ok(());
        for step in self.steps(manifest, plan, horizon) {
            written = self.take(step, &mut output, &mut filter).await;
            if written.is_err() {
                break;
            }
        }
        if written.is_ok() {
            written = self.merge_search(manifest, plan, horizon, &mut output, &mut filter).await;
        }
        output.finish(written).await
    }

    /// Merges the parts of each search index. One that is alone and has nothing to drop stays where it is.
    async fn merge_search(
        &self,
        manifest: &Manifest,
        plan: &Plan,
        horizon: Timestamp,
        output: &mut Output,
        filter: &mut Filter,
    ) -> Result<(), SegmentsError> {
        let inputs = &manifest.runs[plan.runs.clone()];
        let segments: Vec<Vec<SearchSegment>> =
            inputs.iter().map(|run| run.segments().search.into_iter().map(SearchSegment::from).collect()).collect();
        for index in indexes(inputs) {
            if filter.is_dropped(index) {
                continue;
            }
            let has_part = |file: &&RunFile| file.indexes.contains(&index);
            let with_part = |run: &&Run| run.search.iter().any(|file| has_part(&file));
            let runs: Vec<&Run> = inputs.iter().filter(with_part).collect();
            if let [run] = runs[..] {
                let files: Vec<_> = run.search.iter().filter(has_part).collect();
                if files.iter().all(|file| is_clean(manifest, file, horizon)) {
                    for file in files {
                        output.move_search(file.clone()).await?;
                    }
                    continue;
                }
            }
            let parts = segments.iter().filter_map(|segments| PartReader::new(&self.cache, segments, index)).collect();
            let key = |document: &DocKey| Key::from([&index.0.to_be_bytes()[..], document].concat());
            let keeps = |document: &DocKey, ts, is_tombstone| filter.keeps_version(&key(document), ts, is_tombstone);
            merge(index, parts, keeps, output.parts()).await?;
        }
        Ok(())
    }

    async fn take(&self, step: Step, output: &mut Output, filter: &mut Filter) -> Result<(), SegmentsError> {
        match step {
            Step::Move(file) => output.move_in(file).await?,
            Step::Merge(runs) => {
                let mut rows = raw(runs, self.cache.clone(), Interval::all());
                let mut read = 0_u64;
                while let Some(row) = rows.next().await? {
                    read += 1;
                    if read.is_multiple_of(YIELD_ROWS) {
                        tokio::task::yield_now().await;
                    }
                    if filter.keeps(&row) {
                        output.push(&row).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Groups the segments so that those whose key ranges overlap are together. A group of one that has nothing to drop is moved;
    /// neighbouring groups of other kinds are merged in one go.
    fn steps(&self, manifest: &Manifest, plan: &Plan, horizon: Timestamp) -> Vec<Step> {
        let inputs = &manifest.runs[plan.runs.clone()];
        let mut files: Vec<(usize, &RunFile)> = inputs
            .iter()
            .enumerate()
            .flat_map(|(run, input)| input.files.iter().map(move |file| (run, file)))
            .collect();
        files.sort_by(|(_, a), (_, b)| a.segment.first_key.cmp(&b.segment.first_key));
        let mut steps = Vec::new();
        let mut rest = &files[..];
        while let Some((_, first)) = rest.first() {
            let mut end = &first.segment.last_key;
            let mut group = 1;
            while let Some((_, next)) = rest.get(group).filter(|(_, next)| next.segment.first_key <= *end) {
                end = end.max(&next.segment.last_key);
                group += 1;
            }
            let movable = first.segment.bytes >= self.options.file_bytes / SMALL && is_clean(manifest, first, horizon);
            if group == 1 && movable {
                steps.push(Step::Move((*first).clone()));
            } else {
                if !matches!(steps.last(), Some(Step::Merge(_))) {
                    steps.push(Step::Merge(vec![Vec::new(); inputs.len()]));
                }
                if let Some(Step::Merge(runs)) = steps.last_mut() {
                    rest[..group].iter().for_each(|(run, file)| runs[*run].push(file.segment.clone()));
                }
            }
            rest = &rest[group..];
        }
        steps
    }
}

/// The search indexes that have parts in some runs, in order.
fn indexes(runs: &[Run]) -> BTreeSet<IndexId> {
    runs.iter().flat_map(|run| &run.search).flat_map(|file| file.indexes.iter().copied()).collect()
}

/// Whether a segment is as a compaction would write it: of one index that is in use, and without anything that can be dropped,
/// now or later.
fn is_clean(manifest: &Manifest, file: &RunFile, horizon: Timestamp) -> bool {
    file.garbage_bytes == 0 && index_of(file).is_some_and(|index| !is_dropped(manifest, index, horizon))
}
