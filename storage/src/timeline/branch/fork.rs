//! Making a timeline out of another one, at a timestamp.

use super::tail::Tail;
use super::{BranchContext, BranchError, LogAccess};
use crate::chain::{Chain, Publication};
use crate::log::{LogError, Timestamp};
use crate::timeline::document::encode;
use crate::timeline::output::{Cut, Output};
use crate::timeline::segments::latest_manifest;
use crate::timeline::{
    BranchName, Manifest, Parent, Registry, Run, SegmentsError, SegmentsOptions, TimelineEntry, TimelineId,
    TimelineState,
};

/// A timeline that is complete but not live yet.
pub(super) struct Fork {
    pub timeline: TimelineId,
    pub parent: TimelineId,
    /// It has the parent's commits up to and including this one.
    pub ts: Timestamp,
}

/// Registers a timeline and publishes its first manifest: what branch `from` was at `at`, or is now. `check` may refuse, by the
/// registry in which the timeline is registered.
pub(super) async fn fork(
    context: &BranchContext,
    from: &BranchName,
    at: Option<Timestamp>,
    check: impl Fn(&Registry) -> Result<(), BranchError>,
) -> Result<Fork, BranchError> {
    let timeline = TimelineId::random(&context.env);
    let parent = register(context, from, &timeline, check).await?;
    match publish(context, from, &parent, &timeline, at).await {
        Ok(ts) => Ok(Fork { timeline, parent, ts }),
        Err(error) => {
            abandon(context, &timeline).await;
            Err(error)
        }
    }
}

/// Registers `timeline`, before anything is read of its parent: from now on nothing is collected.
async fn register(
    context: &BranchContext,
    from: &BranchName,
    timeline: &TimelineId,
    check: impl Fn(&Registry) -> Result<(), BranchError>,
) -> Result<TimelineId, BranchError> {
    let now = context.env.now_ns();
    let mut parent = None;
    let change = context.change_registry(|registry| {
        check(registry)?;
        let branch = registry.branches.get(from).ok_or_else(|| BranchError::NoBranch(from.clone()))?;
        parent = Some(branch.timeline.clone());
        let (created_ns, since_ns) = (now, now);
        let state = TimelineState::Creating;
        let entry = TimelineEntry { created_ns, parent: parent.clone(), state, since_ns, restores: None };
        registry.timelines.insert(timeline.clone(), entry);
        Ok::<_, BranchError>(())
    });
    change.await?;
    parent.ok_or_else(|| BranchError::NoBranch(from.clone()))
}

/// Lets a timeline that was not finished be collected. Best effort: otherwise it is after a while.
pub(super) async fn abandon(context: &BranchContext, timeline: &TimelineId) {
    let now = context.env.now_ns();
    let change = context.change_registry(|registry| {
        // It is a branch after all if only the answer was lost that said so.
        let is_free = registry.branch_on(timeline).is_none();
        if is_free {
            registry.set_state(timeline, TimelineState::Deleted, now);
        }
        Ok::<_, SegmentsError>(())
    });
    if let Err(error) = change.await {
        tracing::warn!(%timeline, %error, "an unfinished timeline was left behind");
    }
}

async fn publish(
    context: &BranchContext,
    from: &BranchName,
    parent: &TimelineId,
    timeline: &TimelineId,
    at: Option<Timestamp>,
) -> Result<Timestamp, BranchError> {
    let (base, tail) = read(context, from, parent, at).await?;
    let last = base.flushed_ts.max(tail.last_ts);
    if let Some(at) = at {
        let (branch, horizon) = (from.clone(), base.horizon_ts);
        if at < horizon {
            return Err(BranchError::BeforeHistory { branch, at, horizon });
        }
        if at > last.max(context.env.now_ns()) {
            return Err(BranchError::InFuture { branch, at, last });
        }
    }
    let ts = at.map_or(last, |at| at.min(last));
    let manifest = child(context, &base, &tail, timeline, ts).await?;
    let chain = Chain::new(context.store.clone(), timeline.manifests(), context.env.clone());
    match chain.publish(manifest.version, encode(&manifest)).await.map_err(SegmentsError::from)? {
        Publication::Published => Ok(ts),
        // Only a collection that gave it up has anything to do there.
        Publication::Conflict => Err(BranchError::TooSlow),
    }
}

/// The parent's newest manifest, and its log from there on.
async fn read(
    context: &BranchContext,
    from: &BranchName,
    parent: &TimelineId,
    at: Option<Timestamp>,
) -> Result<(Manifest, Tail), BranchError> {
    let branch = || from.clone();
    let log = context.logs.open(parent, LogAccess::Read).await;
    let log = log.map_err(|error| BranchError::OpenLog { branch: branch(), error })?;
    let chain = Chain::new(context.store.clone(), parent.manifests(), context.env.clone());
    loop {
        let base = latest_manifest(&chain).await?.unwrap_or_else(|| Manifest::empty(&context.env, parent.clone()));
        match Tail::read(&*log, base.flushed, at).await {
            Ok(tail) => return Ok((base, tail)),
            // It was flushed and trimmed meanwhile, and the newest manifest has it.
            Err(LogError::Trimmed { .. }) if is_outdated(&chain, &base).await? => {}
            Err(error) => return Err(BranchError::Log { branch: branch(), error }),
        }
    }
}

async fn is_outdated(chain: &Chain, manifest: &Manifest) -> Result<bool, SegmentsError> {
    Ok(chain.later_than(manifest.version).await?.is_some())
}

/// The first manifest of `timeline`: the files of `base` as of `ts`, and one run of the tail.
async fn child(
    context: &BranchContext,
    base: &Manifest,
    tail: &Tail,
    timeline: &TimelineId,
    ts: Timestamp,
) -> Result<Manifest, SegmentsError> {
    let mut runs: Vec<Run> = base.runs.iter().map(|run| capped(run, ts)).collect();
    runs.insert(0, write(context, tail, timeline).await?);
    runs.retain(|run| !run.is_empty());
    let mut counts = base.counts.as_ref().filter(|_| ts >= base.flushed_ts).map(|counts| tail.counts(counts));
    if runs.is_empty() {
        counts = Some(Default::default());
    }
    Ok(Manifest {
        flushed_ts: ts,
        horizon_ts: base.horizon_ts,
        runs,
        counts,
        dropped_indexes: base.dropped_indexes.iter().filter(|(_, dropped)| *dropped <= ts).copied().collect(),
        keep_tombstones: base.keep_tombstones.clone(),
        parent: Some(Parent { timeline: base.timeline.clone(), ts }),
        ..Manifest::empty(&context.env, timeline.clone())
    })
}

/// A run as it was at `ts`: segments that are newer are left out, those that have newer rows are capped.
fn capped(run: &Run, ts: Timestamp) -> Run {
    let mut run = run.clone();
    for files in run.all_files_mut() {
        files.retain(|file| file.segment.min_ts <= ts);
        for file in files {
            if file.segment.newest_ts() > ts {
                file.segment.cap_ts = Some(ts);
            }
        }
    }
    run
}

async fn write(context: &BranchContext, tail: &Tail, timeline: &TimelineId) -> Result<Run, SegmentsError> {
    let cut = Cut { raw_bytes: SegmentsOptions::default().flush_file_bytes, bytes: u64::MAX, indexes: false };
    let mut output = Output::of(context.store.clone(), context.env.clone(), timeline.clone(), cut);
    let mut written = Ok(());
    for row in &tail.rows {
        written = output.push_flushed(row.clone()).await.map_err(SegmentsError::from);
        if written.is_err() {
            break;
        }
    }
    Ok(output.finish(written).await?.run)
}
