//! The files of one timeline, as one process sees them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use object_store::ObjectStore;
use parking_lot::RwLock;

use super::document::{decode, encode};
use super::manifest::MANIFEST_FORMAT;
use super::registry::{Registries, TimelineState};
use super::{Manifest, SegmentsError, SegmentsOptions, TimelineId};
use crate::chain::{Chain, Publication};
use crate::env::{Env, Moment};
use crate::segment::SegmentCache;
use crate::version::Version;

/// A manifest that was read so long ago is as good as the newest for who begins with it.
const RECENT: Duration = Duration::from_secs(5);

/// The files of a timeline: its newest known manifest, and the jobs that publish new ones. Any number of processes may have the
/// same timeline open and run the same jobs.
pub struct Segments {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) cache: Arc<SegmentCache>,
    pub(super) env: Env,
    pub(super) timeline: TimelineId,
    pub(super) options: SegmentsOptions,
    pub(super) chain: Chain,
    pub(super) registries: Registries,
    newest: RwLock<Newest>,
    opened: Moment,
    /// Held by a compaction: two in a process would only throw away each other's work.
    pub(super) compacting: tokio::sync::Mutex<()>,
    /// When left behind segments were last looked for (monotonic, ns). Held by a collection.
    pub(super) collecting: tokio::sync::Mutex<Option<u64>>,
    pub(super) flushed_bytes: AtomicU64,
    pub(super) compacted_bytes: AtomicU64,
}

#[derive(Clone)]
struct Newest {
    manifest: Arc<Manifest>,
    version: Arc<Version>,
}

/// What this process wrote since it opened the timeline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Bytes of segments made by flushes.
    pub flushed_bytes: u64,
    /// Bytes of segments made by compactions.
    pub compacted_bytes: u64,
}

impl Segments {
    /// Opens a timeline, `main` also in a store that has nothing yet.
    ///
    /// # Errors
    /// [`SegmentsError::NoTimeline`] if there is no such timeline; when the store fails; when the manifest cannot be read.
    pub async fn open(
        store: Arc<dyn ObjectStore>,
        cache: Arc<SegmentCache>,
        env: Env,
        timeline: TimelineId,
        options: SegmentsOptions,
    ) -> Result<Arc<Segments>, SegmentsError> {
        let registries = Registries::new(store.clone(), env.clone());
        let chain = Chain::new(store.clone(), timeline.manifests(), env.clone());
        let opened = Moment::now(&env);
        let (registry, found) = futures::join!(registries.latest_or_initial(), latest_manifest(&chain));
        if registry?.state(&timeline) != Some(TimelineState::Live) {
            return Err(SegmentsError::NoTimeline(timeline));
        }
        let mut found = Some(found?);
        let manifest = loop {
            let newest = match found.take() {
                Some(newest) => newest,
                None => latest_manifest(&chain).await?,
            };
            if let Some(manifest) = newest {
                break manifest;
            }
            if timeline != TimelineId::main() {
                return Err(SegmentsError::NoTimeline(timeline));
            }
            let first = Manifest::empty(&env, timeline.clone());
            if chain.publish(first.version, encode(&first)).await? == Publication::Published {
                break first;
            }
        };
        let version = Version::new(manifest.run_segments(), cache.clone());
        Ok(Arc::new(Segments {
            store,
            cache,
            env,
            timeline,
            options,
            chain,
            registries,
            newest: RwLock::new(Newest { manifest: Arc::new(manifest), version }),
            opened,
            compacting: tokio::sync::Mutex::default(),
            collecting: tokio::sync::Mutex::default(),
            flushed_bytes: AtomicU64::default(),
            compacted_bytes: AtomicU64::default(),
        }))
    }

    /// Whose files these are.
    pub fn timeline(&self) -> &TimelineId {
        &self.timeline
    }

    /// Where they are.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// How they are kept.
    pub fn options(&self) -> &SegmentsOptions {
        &self.options
    }

    /// The cache that they are read through.
    pub fn cache(&self) -> &Arc<SegmentCache> {
        &self.cache
    }

    /// The newest manifest that this process has seen.
    pub fn manifest(&self) -> Arc<Manifest> {
        self.newest.read().manifest.clone()
    }

    /// The rows of [`Self::manifest`].
    pub fn version(&self) -> Arc<Version> {
        self.newest.read().version.clone()
    }

    /// [`Self::manifest`] and [`Self::version`], which belong together.
    pub fn current(&self) -> (Arc<Manifest>, Arc<Version>) {
        let newest = self.newest.read();
        (newest.manifest.clone(), newest.version.clone())
    }

    /// What this process wrote.
    pub fn written(&self) -> Written {
        Written {
            flushed_bytes: self.flushed_bytes.load(Ordering::Relaxed),
            compacted_bytes: self.compacted_bytes.load(Ordering::Relaxed),
        }
    }

    /// Looks for a newer manifest, by whomever it was published, and returns the newest.
    ///
    /// # Errors
    /// When the store fails or the manifest cannot be read; what was known stays.
    pub async fn refresh(&self) -> Result<Arc<Manifest>, SegmentsError> {
        let known = self.manifest();
        let Some((version, bytes)) = self.chain.later_than(known.version).await? else { return Ok(known) };
        let manifest: Manifest = decode(&self.chain.path(version), &bytes, MANIFEST_FORMAT)?;
        self.install(Arc::new(manifest));
        Ok(self.manifest())
    }

    /// [`Self::refresh`], unless the timeline was opened just now.
    ///
    /// # Errors
    /// As those of [`Self::refresh`].
    pub async fn refresh_unless_recent(&self) -> Result<(), SegmentsError> {
        if self.opened.elapsed(&self.env) < RECENT {
            return Ok(());
        }
        self.refresh().await.map(drop)
    }

    /// Replaces what the open data tables keep in the manifest by what `change` makes of the newest manifest; `None` leaves it.
    /// Returns the newest manifest.
    ///
    /// # Errors
    /// As those of any publication.
    pub async fn change_lake(
        &self,
        mut change: impl FnMut(&Manifest) -> Option<serde_json::Value> + Send,
    ) -> Result<Arc<Manifest>, SegmentsError> {
        let publish = self.publish(|manifest| {
            let lake = change(manifest)?;
            manifest.lake = Some(lake);
            Some(())
        });
        Ok(match publish.await? {
            Some((manifest, ())) => manifest,
            None => self.manifest(),
        })
    }

    /// Publishes what `change` makes of the newest manifest, again and again until no other publisher is quicker. Once `change`
    /// says `None`, nothing is published. [`Self::manifest`] is the newest manifest afterwards.
    pub(super) async fn publish<T>(
        &self,
        mut change: impl FnMut(&mut Manifest) -> Option<T> + Send,
    ) -> Result<Option<(Arc<Manifest>, T)>, SegmentsError> {
        loop {
            let mut next = self.refresh().await?.successor(&self.env);
            let Some(result) = change(&mut next) else { return Ok(None) };
            if self.chain.publish(next.version, encode(&next)).await? == Publication::Published {
                let next = Arc::new(next);
                self.install(next.clone());
                return Ok(Some((next, result)));
            }
        }
    }

    fn install(&self, manifest: Arc<Manifest>) {
        let version = Version::new(manifest.run_segments(), self.cache.clone());
        let mut newest = self.newest.write();
        if manifest.version > newest.manifest.version {
            *newest = Newest { manifest, version };
        }
    }
}

/// The newest manifest of a chain; `None` if there is none yet.
pub(super) async fn latest_manifest(chain: &Chain) -> Result<Option<Manifest>, SegmentsError> {
    let newest = chain.latest().await?;
    let decoded = newest.map(|(version, bytes)| decode(&chain.path(version), &bytes, MANIFEST_FORMAT)).transpose();
    Ok(decoded?)
}
