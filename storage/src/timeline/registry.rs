//! The registry: which timelines there are, and which branch is which. A chain of its own, `registry/`.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use object_store::ObjectStore;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::document::{decode, encode};
use super::manifest::nonce;
use super::{BranchName, SegmentsError, TimelineId};
use crate::chain::{Chain, Publication};
use crate::env::Env;

/// The format of the registries that are written.
pub const REGISTRY_FORMAT: u32 = 1;

/// One version of the list of all timelines and branches of a store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Registry {
    /// [`REGISTRY_FORMAT`].
    pub format: u32,
    /// The number of this version, from 1.
    pub version: u64,
    /// Random hexadecimal digits of the publisher.
    pub nonce: String,
    /// When it was published, by the publisher's clock, ns since the Unix epoch.
    pub published_ns: u64,
    /// The timelines, deleted ones too until all of their objects are.
    pub timelines: BTreeMap<TimelineId, TimelineEntry>,
    /// The branches, each on a live timeline.
    pub branches: BTreeMap<BranchName, BranchEntry>,
}

/// A timeline in the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// When it was registered, ns since the Unix epoch.
    pub created_ns: u64,
    /// The timeline it is made from; none for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<TimelineId>,
    /// What it is good for.
    pub state: TimelineState,
    /// Since when, ns since the Unix epoch.
    pub since_ns: u64,
    /// The branch that will be on it once the log of the branch's present timeline is sealed with its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restores: Option<BranchName>,
}

/// Whether a timeline can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimelineState {
    /// Its first manifest is in the making. Nothing is collected anywhere until it is there.
    Creating,
    /// It has manifests, whose files are kept.
    Live,
    /// Its files go, but for those that other timelines refer to.
    Deleted,
}

/// A branch in the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchEntry {
    /// The timeline it is on.
    pub timeline: TimelineId,
    /// When it was made, ns since the Unix epoch.
    pub created_ns: u64,
}

impl Registry {
    /// That of a new store: branch `main` on timeline `main`.
    fn initial(env: &Env) -> Self {
        let now = env.now_ns();
        let main =
            TimelineEntry { created_ns: now, parent: None, state: TimelineState::Live, since_ns: now, restores: None };
        Registry {
            format: REGISTRY_FORMAT,
            version: 1,
            nonce: nonce(env),
            published_ns: now,
            timelines: [(TimelineId::main(), main)].into(),
            branches: [(BranchName::main(), BranchEntry { timeline: TimelineId::main(), created_ns: now })].into(),
        }
    }

    /// The state of a timeline; `None` if it is not there.
    pub fn state(&self, timeline: &TimelineId) -> Option<TimelineState> {
        self.timelines.get(timeline).map(|entry| entry.state)
    }

    /// The branch on a timeline.
    pub fn branch_on(&self, timeline: &TimelineId) -> Option<&BranchName> {
        self.branches.iter().find(|(_, branch)| branch.timeline == *timeline).map(|(name, _)| name)
    }

    /// Changes the state of a timeline that is there.
    pub(super) fn set_state(&mut self, timeline: &TimelineId, state: TimelineState, now_ns: u64) {
        if let Some(entry) = self.timelines.get_mut(timeline).filter(|entry| entry.state != state) {
            entry.state = state;
            entry.since_ns = now_ns;
        }
    }
}

/// The registry's chain.
#[derive(Clone)]
pub(super) struct Registries {
    pub chain: Chain,
    env: Env,
}

impl Registries {
    pub fn new(store: Arc<dyn ObjectStore>, env: Env) -> Self {
        Registries { chain: Chain::new(store, Path::from("registry"), env.clone()), env }
    }

    /// The newest version; `None` in an empty store.
    pub async fn latest(&self) -> Result<Option<Registry>, SegmentsError> {
        let newest = self.chain.latest().await?;
        newest.map(|(version, bytes)| self.decode(version, &bytes)).transpose()
    }

    /// The newest version, the first one made if need be.
    pub async fn latest_or_initial(&self) -> Result<Registry, SegmentsError> {
        loop {
            if let Some(registry) = self.latest().await? {
                return Ok(registry);
            }
            let initial = Registry::initial(&self.env);
            if self.chain.publish(1, encode(&initial)).await? == Publication::Published {
                return Ok(initial);
            }
        }
    }

    fn decode(&self, version: u64, bytes: &Bytes) -> Result<Registry, SegmentsError> {
        Ok(decode(&self.chain.path(version), bytes, REGISTRY_FORMAT)?)
    }

    /// Publishes what `change` makes of the newest version, again and again until no other publisher is quicker. `change` may
    /// refuse with an error, or change nothing, which publishes nothing.
    pub async fn change<E: From<SegmentsError>>(
        &self,
        mut change: impl FnMut(&mut Registry) -> Result<(), E>,
    ) -> Result<Registry, E> {
        loop {
            let present = self.latest_or_initial().await?;
            let mut next = present.clone();
            change(&mut next)?;
            if next == present {
                return Ok(present);
            }
            next.version = present.version + 1;
            next.nonce = nonce(&self.env);
            next.published_ns = self.env.now_ns();
            let published = self.chain.publish(next.version, encode(&next)).await;
            if published.map_err(SegmentsError::from)? == Publication::Published {
                return Ok(next);
            }
        }
    }
}
