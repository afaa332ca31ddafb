//! Deleting a branch.

use super::restore::{end_log, resolve};
use super::{BranchContext, BranchError, LogAccess};
use crate::timeline::{BranchName, TimelineState};

/// Deletes a branch. Who serves it stops; its files go with the next collections, unless other branches need them.
///
/// # Errors
/// [`BranchError`]. After [`BranchError::Log`] the branch is deleted, but whoever serves it may not have noticed.
pub async fn delete(context: &BranchContext, name: &BranchName) -> Result<(), BranchError> {
    if *name == BranchName::main() {
        return Err(BranchError::Main);
    }
    let timeline = resolve(context, name).await?;
    let log = context.logs.open(&timeline, LogAccess::Write).await;
    let log = log.map_err(|error| BranchError::OpenLog { branch: name.clone(), error })?;
    let now = context.env.now_ns();
    let change = context.change_registry(|registry| {
        if registry.branches.get(name).is_some_and(|branch| branch.timeline != timeline) {
            return Err(BranchError::Changed(name.clone()));
        }
        registry.branches.remove(name);
        registry.set_state(&timeline, TimelineState::Deleted, now);
        Ok(())
    });
    change.await?;
    end_log(context, name, &*log, "").await.map(drop)
}
