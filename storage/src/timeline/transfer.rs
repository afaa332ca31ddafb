//! All branches of a store, on their way to another store with other logs.

use std::collections::BTreeMap;
use std::sync::Arc;

use object_store::ObjectStore;

use super::document::encode;
use super::manifest::{MANIFEST_FORMAT, nonce};
use super::registry::{Registries, TimelineEntry};
use super::segments::latest_manifest;
use super::{Manifest, Registry, SegmentsError, TimelineId, TimelineState};
use crate::chain::{Chain, Publication};
use crate::env::Env;

/// The branches of a store, and what their newest manifests say.
#[derive(Clone, Debug)]
pub struct Transfer {
    registry: Registry,
    manifests: BTreeMap<TimelineId, Manifest>,
}

impl Transfer {
    /// Reads registry and manifests of a store.
    ///
    /// # Errors
    /// When the store fails or they can't be read.
    pub async fn read(store: &Arc<dyn ObjectStore>, env: &Env) -> Result<Self, SegmentsError> {
        let registry = Registries::new(store.clone(), env.clone()).latest_or_initial().await?;
        let mut manifests = BTreeMap::new();
        for branch in registry.branches.values() {
            let chain = Chain::new(store.clone(), branch.timeline.manifests(), env.clone());
            // Branch `main` of a new store has no manifest until it is first opened.
            let manifest = latest_manifest(&chain).await?;
            let manifest = manifest.unwrap_or_else(|| Manifest::empty(env, branch.timeline.clone()));
            manifests.insert(branch.timeline.clone(), manifest);
        }
        Ok(Transfer { registry, manifests })
    }

    /// The newest manifest of each branch's timeline.
    pub fn manifests(&self) -> &BTreeMap<TimelineId, Manifest> {
        &self.manifests
    }

    /// The segments that the branches need, with their lengths in bytes.
    pub fn segments(&self) -> BTreeMap<String, u64> {
        let segments = self.manifests.values().flat_map(Manifest::segments);
        segments.map(|segment| (segment.path.clone(), segment.bytes)).collect()
    }

    /// Makes the same branches in `store`, which must have the segments already and that nobody has open. Their logs are new:
    /// what was in the old ones must be in segments.
    ///
    /// # Errors
    /// When the store fails. Repeating is right.
    pub async fn publish(&self, store: &Arc<dyn ObjectStore>, env: &Env) -> Result<(), SegmentsError> {
        for (timeline, manifest) in &self.manifests {
            let chain = Chain::new(store.clone(), timeline.manifests(), env.clone());
            loop {
                let version = latest_manifest(&chain).await?.map_or(1, |there| there.version + 1);
                let manifest = Manifest {
                    format: MANIFEST_FORMAT,
                    version,
                    nonce: nonce(env),
                    published_ns: env.now_ns(),
                    // The new log is empty.
                    flushed: 0,
                    trim_points: Vec::new(),
                    // Neither these segments nor their readers came along.
                    obsolete: Vec::new(),
                    condemned: Vec::new(),
                    // The tables are made anew, since they say where they are.
                    lake: None,
                    ..manifest.clone()
                };
                if chain.publish(version, encode(&manifest)).await? == Publication::Published {
                    break;
                }
            }
        }
        let timelines = self.timelines(env.now_ns());
        let registries = Registries::new(store.clone(), env.clone());
        let change = registries.change(|registry| {
            registry.timelines.clone_from(&timelines);
            registry.branches.clone_from(&self.registry.branches);
            Ok::<_, SegmentsError>(())
        });
        change.await.map(drop)
    }

    /// Those of the branches; and as deleted ones those whose segments they share, so that these are collected some day.
    fn timelines(&self, now_ns: u64) -> BTreeMap<TimelineId, TimelineEntry> {
        let entry = |timeline: &TimelineId, state| TimelineEntry {
            created_ns: self.registry.timelines.get(timeline).map_or(now_ns, |entry| entry.created_ns),
            parent: self.registry.timelines.get(timeline).and_then(|entry| entry.parent.clone()),
            state,
            since_ns: now_ns,
            restores: None,
        };
        let writers = self.segments().into_keys().filter_map(|path| path.split('/').nth(1)?.parse::<TimelineId>().ok());
        let mut timelines: BTreeMap<TimelineId, TimelineEntry> =
            writers.map(|writer| (writer.clone(), entry(&writer, TimelineState::Deleted))).collect();
        timelines.extend(self.manifests.keys().map(|live| (live.clone(), entry(live, TimelineState::Live))));
        timelines
    }
}
