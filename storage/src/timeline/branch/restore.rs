//! Going back to an earlier timestamp.

use super::fork::{Fork, abandon, fork};
use super::{BranchContext, BranchError, LogAccess};
use crate::log::{CommitLog, Decided, EntryNumber, LogEntry, LogError, Timestamp, append_decided};
use crate::timeline::{BranchName, Registry, TimelineId, TimelineState};

/// A branch that was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The timeline it is on now.
    pub timeline: TimelineId,
    /// The one it was on.
    pub previous: TimelineId,
    /// It has the commits up to and including this one.
    pub ts: Timestamp,
}

/// Makes a branch what it was at `at` (ns since the Unix epoch). What was committed later is given up. Who serves the branch
/// stops, and has to open it anew.
///
/// # Errors
/// [`BranchError`]: there is no such branch; `at` is too early or in the future; somebody else changed it at the same time.
pub async fn restore(context: &BranchContext, branch: &BranchName, at: Timestamp) -> Result<Restored, BranchError> {
    let previous = resolve(context, branch).await?;
    // Before anything is made: where the log has one writer, it must not be running.
    let log = context.logs.open(&previous, LogAccess::Write).await;
    let log = log.map_err(|error| BranchError::OpenLog { branch: branch.clone(), error })?;
    let unchanged = |registry: &Registry| match registry.branches.get(branch) {
        Some(entry) if entry.timeline == previous => Ok(()),
        _ => Err(BranchError::Changed(branch.clone())),
    };
    let fork = fork(context, branch, Some(at), unchanged).await?;
    if let Err(error) = announce(context, branch, &fork).await {
        abandon(context, &fork.timeline).await;
        return Err(error);
    }
    // Whether the seal is there decides: from here on this, or whoever opens the branch, goes on accordingly.
    if end_log(context, branch, &*log, fork.timeline.as_str()).await? != fork.timeline.as_str() {
        abandon(context, &fork.timeline).await;
        return Err(BranchError::Changed(branch.clone()));
    }
    repoint(context, branch, &previous, &fork.timeline).await?;
    Ok(Restored { timeline: fork.timeline, previous, ts: fork.ts })
}

/// The timeline of a branch. If a restore of it was interrupted after the old log was sealed, completes it.
///
/// # Errors
/// [`BranchError`]: there is no such branch, or the store or the log fails.
pub async fn resolve(context: &BranchContext, branch: &BranchName) -> Result<TimelineId, BranchError> {
    let registry = context.registries().latest_or_initial().await?;
    let entry = registry.branches.get(branch).ok_or_else(|| BranchError::NoBranch(branch.clone()))?;
    let timeline = entry.timeline.clone();
    let is_pending = |id: &&TimelineId| {
        let entry = &registry.timelines[*id];
        entry.state == TimelineState::Live && entry.restores.as_ref() == Some(branch)
    };
    if !registry.timelines.keys().any(|id| is_pending(&id)) {
        return Ok(timeline);
    }
    let log = context.logs.open(&timeline, LogAccess::Read).await;
    let log = log.map_err(|error| BranchError::OpenLog { branch: branch.clone(), error })?;
    let failed = |error| BranchError::Log { branch: branch.clone(), error };
    let Some(seal) = seal_of(&*log).await.map_err(failed)? else { return Ok(timeline) };
    match registry.timelines.keys().filter(is_pending).find(|id| id.as_str() == seal) {
        Some(successor) => {
            repoint(context, branch, &timeline, successor).await?;
            Ok(successor.clone())
        }
        None => Ok(timeline),
    }
}

/// Makes the new timeline live and says what it is for, so that the restore can be completed by others once the log is sealed.
pub(super) async fn announce(context: &BranchContext, branch: &BranchName, fork: &Fork) -> Result<(), BranchError> {
    let now = context.env.now_ns();
    let change = context.change_registry(|registry| {
        if registry.branches.get(branch).is_none_or(|entry| entry.timeline != fork.parent) {
            return Err(BranchError::Changed(branch.clone()));
        }
        if registry.state(&fork.timeline) == Some(TimelineState::Deleted) {
            return Err(BranchError::TooSlow);
        }
        registry.set_state(&fork.timeline, TimelineState::Live, now);
        let entry = registry.timelines.get_mut(&fork.timeline).ok_or(BranchError::TooSlow)?;
        entry.restores = Some(branch.clone());
        Ok(())
    });
    change.await.map(drop)
}

/// Points a branch to its new timeline, once the log of the old one is sealed, and gives up the old one, together with those of
/// restores that were interrupted before.
async fn repoint(
    context: &BranchContext,
    branch: &BranchName,
    previous: &TimelineId,
    successor: &TimelineId,
) -> Result<(), BranchError> {
    let now = context.env.now_ns();
    let change = context.change_registry(|registry| {
        // Otherwise it was done by somebody else.
        if let Some(entry) = registry.branches.get_mut(branch).filter(|entry| entry.timeline == *previous) {
            entry.timeline = successor.clone();
            registry.set_state(previous, TimelineState::Deleted, now);
            let interrupted: Vec<TimelineId> = registry
                .timelines
                .iter()
                .filter(|(id, entry)| entry.restores.as_ref() == Some(branch) && *id != successor)
                .map(|(id, _)| id.clone())
                .collect();
            interrupted.iter().for_each(|id| registry.set_state(id, TimelineState::Deleted, now));
            if let Some(entry) = registry.timelines.get_mut(successor) {
                entry.restores = None;
            }
        }
        Ok::<_, BranchError>(())
    });
    change.await.map(drop)
}

/// Seals a log, unless it is. Returns the successor that its seal names.
pub(super) async fn end_log(
    context: &BranchContext,
    branch: &BranchName,
    log: &dyn CommitLog,
    successor: &str,
) -> Result<String, BranchError> {
    let sealed = async {
        let nonce = context.env.random_bytes();
        let entry = LogEntry::sealing(nonce, successor);
        let mut n = log.head().await? + 1;
        loop {
            match append_decided(log, &context.env, n, &entry).await {
                Ok(Decided::Appended) => return Ok(successor.to_owned()),
                Ok(Decided::Occupied(LogEntry { seal: Some(seal), .. })) => return Ok(seal.successor),
                Ok(Decided::Occupied(_)) => n += 1,
                Err(LogError::Sealed { successor, .. }) => return Ok(successor),
                Err(error) => return Err(error),
            }
        }
    };
    sealed.await.map_err(|error| BranchError::Log { branch: branch.clone(), error })
}

/// The successor that the seal of a log names, if it is sealed.
async fn seal_of(log: &dyn CommitLog) -> Result<Option<String>, LogError> {
    let head: EntryNumber = log.head().await?;
    let newest = if head == 0 { Vec::new() } else { log.read(head, 1).await? };
    Ok(newest.into_iter().find_map(|(_, entry)| entry.seal).map(|seal| seal.successor))
}
