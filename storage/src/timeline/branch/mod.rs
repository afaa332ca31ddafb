//! Branches: names for timelines, made, listed, deleted and restored without copying data.

mod create;
mod delete;
mod error;
mod fork;
mod list;
mod restore;
mod tail;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use object_store::ObjectStore;

pub use create::create;
pub use delete::delete;
pub use error::BranchError;
pub use list::{BranchInfo, list};
pub use restore::{Restored, resolve, restore};
#[cfg(test)]
pub(super) use tail::Tail;

use super::registry::{Registries, Registry};
use super::{SegmentsError, TimelineId};
use crate::env::Env;
use crate::log::{CommitLog, OpenLogError};

/// What a log is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogAccess {
    /// Reading what is there, also while another process writes.
    Read,
    /// Sealing it. Where a log has one writer at a time, nobody else may have it.
    Write,
}

/// Opens the logs of timelines.
#[async_trait]
pub trait TimelineLogs: Send + Sync {
    /// The log of `timeline`, empty if it has none yet.
    ///
    /// # Errors
    /// When it cannot be opened, for instance because another process has it.
    async fn open(&self, timeline: &TimelineId, access: LogAccess) -> Result<Arc<dyn CommitLog>, OpenLogError>;
}

/// Where branches are made.
#[derive(Clone)]
pub struct BranchContext {
    /// The store, all of it.
    pub store: Arc<dyn ObjectStore>,
    /// The logs of its timelines.
    pub logs: Arc<dyn TimelineLogs>,
    /// The environment.
    pub env: Env,
}

impl BranchContext {
    fn registries(&self) -> Registries {
        Registries::new(self.store.clone(), self.env.clone())
    }

    async fn change_registry<E: From<SegmentsError>>(
        &self,
        change: impl FnMut(&mut Registry) -> Result<(), E>,
    ) -> Result<Registry, E> {
        self.registries().change(change).await
    }
}
