//! Listing branches.

use super::{BranchContext, BranchError};
use crate::chain::Chain;
use crate::log::Timestamp;
use crate::timeline::segments::latest_manifest;
use crate::timeline::{BranchName, Parent, Registry, TimelineId};

/// A branch, as its newest manifest has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchInfo {
    /// Its name.
    pub name: BranchName,
    /// The timeline it is on.
    pub timeline: TimelineId,
    /// When it was made, ns since the Unix epoch.
    pub created_ns: u64,
    /// The timeline it comes from, and when it left it; none if it is on the first.
    pub parent: Option<Parent>,
    /// The branch that is on that timeline, if there still is one.
    pub parent_branch: Option<BranchName>,
    /// All commits up to this timestamp are in segments.
    pub flushed_ts: Timestamp,
    /// Its segments, in bytes in the store.
    pub bytes: u64,
    /// Those of them that other timelines wrote, and that may be shared with them.
    pub foreign_bytes: u64,
    /// How many segments it has.
    pub segments: u64,
}

/// All branches, in order of their names.
///
/// # Errors
/// When the store fails.
pub async fn list(context: &BranchContext) -> Result<Vec<BranchInfo>, BranchError> {
    let Some(registry) = context.registries().latest().await? else { return Ok(Vec::new()) };
    let mut branches = Vec::new();
    for name in registry.branches.keys() {
        branches.push(describe(context, &registry, name).await?);
    }
    Ok(branches)
}

pub(super) async fn describe(
    context: &BranchContext,
    registry: &Registry,
    name: &BranchName,
) -> Result<BranchInfo, BranchError> {
    let branch = registry.branches.get(name).ok_or_else(|| BranchError::NoBranch(name.clone()))?;
    let timeline = branch.timeline.clone();
    let chain = Chain::new(context.store.clone(), timeline.manifests(), context.env.clone());
    // Branch `main` of a new store has no manifest until it is first opened.
    let manifest = latest_manifest(&chain).await?;
    let segments = || manifest.iter().flat_map(|manifest| manifest.segments());
    let parent = manifest.as_ref().and_then(|manifest| manifest.parent.clone());
    Ok(BranchInfo {
        name: name.clone(),
        created_ns: branch.created_ns,
        parent_branch: parent.as_ref().and_then(|parent| registry.branch_on(&parent.timeline)).cloned(),
        parent,
        flushed_ts: manifest.as_ref().map_or(0, |manifest| manifest.flushed_ts),
        bytes: segments().map(|segment| segment.bytes).sum(),
        foreign_bytes: segments().filter(|segment| !timeline.owns(&segment.path)).map(|segment| segment.bytes).sum(),
        segments: segments().count() as u64,
        timeline,
    })
}
