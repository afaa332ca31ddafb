//! Where a search looks: the parts of an index, and what is in memory above them.

use std::sync::Arc;

use futures::future::try_join_all;

use super::documents::Documents;
use super::live::{Live, live, without};
use super::memory::{Memory, Overlay};
use crate::catalog::IndexId;
use crate::segment::ReadError;
use crate::state::Snapshot;

/// An index as a reader sees it.
pub(crate) struct Sources {
    /// The newest first, each with what of it is to be seen.
    pub parts: Vec<(Documents, Arc<Live>)>,
    pub memory: Memory,
}

impl Sources {
    /// `index` in a snapshot, under own writes.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn open(snapshot: &Snapshot, own: &Overlay, index: IndexId) -> Result<Self, ReadError> {
        let version = snapshot.state().version();
        let parts = try_join_all(version.parts(index).into_iter().map(Documents::open)).await?;
        let seen = live(version.cache(), &parts, snapshot.ts()).await?;
        let memory = Memory::new(snapshot, own, index);
        let superseded = memory.superseded();
        let mut sources = Vec::with_capacity(parts.len());
        for (part, live) in parts.into_iter().zip(seen) {
            let live = without(&live, &part, &superseded).await?;
            sources.push((part, live));
        }
        Ok(Sources { parts: sources, memory })
    }
}
