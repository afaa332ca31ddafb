//! Making a branch.

use super::fork::{Fork, abandon, fork};
use super::list::{BranchInfo, describe};
use super::{BranchContext, BranchError};
use crate::log::Timestamp;
use crate::timeline::{BranchEntry, BranchName, Registry, TimelineState};

/// Makes branch `name`: what branch `from` was at `at` (ns since the Unix epoch; the newest commit up to then), or is now.
/// Copies only what is in the log of `from` and not yet in segments.
///
/// # Errors
/// [`BranchError`]: there is a branch of that name, or none to make it from; `at` is too early or in the future.
pub async fn create(
    context: &BranchContext,
    name: &BranchName,
    from: &BranchName,
    at: Option<Timestamp>,
) -> Result<BranchInfo, BranchError> {
    let is_free = |registry: &Registry| match registry.branches.contains_key(name) {
        true => Err(BranchError::Exists(name.clone())),
        false => Ok(()),
    };
    super::resolve(context, from).await?;
    let fork = fork(context, from, at, is_free).await?;
    match go_live(context, name, &fork).await {
        Ok(registry) => describe(context, &registry, name).await,
        Err(error) => {
            abandon(context, &fork.timeline).await;
            Err(error)
        }
    }
}

async fn go_live(context: &BranchContext, name: &BranchName, fork: &Fork) -> Result<Registry, BranchError> {
    let now = context.env.now_ns();
    let change = context.change_registry(|registry| {
        let on_it = registry.branches.get(name).map(|branch| branch.timeline == fork.timeline);
        match (on_it, registry.state(&fork.timeline)) {
            (Some(true), _) => Ok(()),
            (Some(false), _) => Err(BranchError::Exists(name.clone())),
            (None, Some(TimelineState::Creating)) => {
                registry.set_state(&fork.timeline, TimelineState::Live, now);
                let branch = BranchEntry { timeline: fork.timeline.clone(), created_ns: now };
                registry.branches.insert(name.clone(), branch);
                Ok(())
            }
            (None, _) => Err(BranchError::TooSlow),
        }
    });
    change.await
}
