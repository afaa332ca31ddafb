//! Timelines with a log each, and what must be read from them.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use parking_lot::Mutex;
use smallvec::smallvec;

use crate::catalog::{IndexId, TabletId};
use crate::chain::Chain;
use crate::document::Document;
use crate::env::Env;
use crate::id::InternalId;
use crate::interval::Interval;
use crate::key::Key;
use crate::log::{
    Append, CommitLog, EntryNumber, KeyDelta, LogEntry, LoggedTransaction, LoggedWrite, MemoryLog, OpenLogError,
    Timestamp,
};
use crate::query::Order;
use crate::segment::SegmentCache;
use crate::segment::tests::{document, key};
use crate::timeline::branch::{BranchContext, LogAccess, Tail, TimelineLogs};
use crate::timeline::segments::latest_manifest;
use crate::timeline::{FlushOutcome, Flushed, Manifest, Segments, SegmentsError, SegmentsOptions, TimelineId};
use crate::version::Version;

/// The `by_id` index of the only table, and an index over a field.
pub(crate) const BY_ID: u32 = 1;
pub(crate) const BY_FIELD: u32 = 2;

/// Every version of every entry.
#[derive(Clone, Default)]
pub(crate) struct Model(BTreeMap<Key, BTreeMap<Timestamp, Option<Arc<Document>>>>);

impl Model {
    fn capped(&self, ts: Timestamp) -> Model {
        let cap = |versions: &BTreeMap<Timestamp, _>| {
            versions.range(..=ts).map(|(ts, row)| (*ts, Clone::clone(row))).collect()
        };
        Model(self.0.iter().map(|(key, versions)| (key.clone(), cap(versions))).collect())
    }

    pub fn at(&self, ts: Timestamp) -> Vec<(Key, Arc<Document>)> {
        let newest = |versions: &BTreeMap<_, Option<_>>| versions.range(..=ts).next_back()?.1.clone();
        self.0.iter().filter_map(|(key, versions)| Some((key.clone(), newest(versions)?))).collect()
    }

    pub fn counts(&self, ts: Timestamp) -> BTreeMap<IndexId, u64> {
        let by_id = self.at(ts).into_iter().filter(|(key, _)| key.index() == Some(IndexId(BY_ID))).count();
        [(IndexId(BY_ID), by_id as u64)].into()
    }

    /// The field of a document at its newest.
    fn field(&self, id: u8) -> Option<u8> {
        let row = self.0.get(&key(BY_ID, &[], id))?.last_key_value()?.1.as_ref()?;
        row.json.split('"').nth(1)?.parse().ok()
    }
}

#[derive(Default)]
struct Timeline {
    log: Arc<MemoryLog>,
    model: Option<Model>,
    last_ts: Timestamp,
}

/// A store, the logs of its timelines, and their models.
pub(crate) struct World {
    pub store: Arc<dyn ObjectStore>,
    pub env: Env,
    pub options: SegmentsOptions,
    timelines: Mutex<BTreeMap<TimelineId, Timeline>>,
}

#[async_trait]
impl TimelineLogs for World {
    async fn open(&self, timeline: &TimelineId, _: LogAccess) -> Result<Arc<dyn CommitLog>, OpenLogError> {
        // Whoever makes a child of it opens its log first: what the child's model is made of.
        let chain = Chain::new(self.store.clone(), timeline.manifests(), self.env.clone());
        if let Some(manifest) = latest_manifest(&chain).await.expect("a calm store") {
            self.expect_parent(&manifest);
        }
        Ok(self.log(timeline))
    }
}

impl World {
    pub fn new(seed: u64, options: SegmentsOptions) -> Arc<World> {
        let main = Timeline { model: Some(Model::default()), ..Timeline::default() };
        let timelines = Mutex::new([(TimelineId::main(), main)].into());
        Arc::new(World { store: Arc::new(InMemory::new()), env: Env::deterministic(seed), options, timelines })
    }

    pub fn log(&self, timeline: &TimelineId) -> Arc<MemoryLog> {
        self.timelines.lock().entry(timeline.clone()).or_default().log.clone()
    }

    pub fn context(self: &Arc<Self>, store: Arc<dyn ObjectStore>) -> BranchContext {
        BranchContext { store, logs: self.clone(), env: self.env.clone() }
    }

    /// Opens a timeline through `store`.
    pub async fn open(
        &self,
        store: Arc<dyn ObjectStore>,
        timeline: &TimelineId,
    ) -> Result<Arc<Segments>, SegmentsError> {
        let cache = SegmentCache::new(store.clone(), self.env.clone(), 1 << 20);
        let segments = Segments::open(store, cache, self.env.clone(), timeline.clone(), self.options.clone()).await?;
        self.expect_parent(&segments.manifest());
        Ok(segments)
    }

    /// A timeline seen for the first time has what its parent had.
    fn expect_parent(&self, manifest: &Manifest) {
        let mut timelines = self.timelines.lock();
        if timelines.get(&manifest.timeline).is_some_and(|timeline| timeline.model.is_some()) {
            return;
        }
        let parent = manifest.parent.as_ref().expect("the parent of a new timeline");
        let model = timelines[&parent.timeline].model.as_ref().expect("the parent's model").capped(parent.ts);
        if let Some(counts) = manifest.counts.as_ref().filter(|_| manifest.version == 1) {
            assert_eq!(nonzero(counts), nonzero(&model.counts(parent.ts)), "counts of a new timeline");
        }
        let timeline = timelines.entry(manifest.timeline.clone()).or_default();
        timeline.model = Some(model);
        timeline.last_ts = parent.ts;
    }

    pub fn model(&self, timeline: &TimelineId) -> Model {
        self.timelines.lock()[timeline].model.clone().expect("a timeline that was opened")
    }

    pub fn last_ts(&self, timeline: &TimelineId) -> Timestamp {
        self.timelines.lock()[timeline].last_ts
    }

    /// Commits the documents `ids` with a new field, or without one deletes them. Not if the log is sealed.
    pub async fn commit(&self, timeline: &TimelineId, ids: &[u8], field: Option<u8>) {
        let model = self.model(timeline);
        let ts = (self.last_ts(timeline) + 1).max(self.env.now_ns());
        let json = |field: u8| format!(r#"{{"{field}":"{ts}{}"}}"#, "-".repeat(usize::from(field) * 20));
        let writes = ids.iter().filter_map(|id| {
            let before = model.field(*id);
            let by_id = key(BY_ID, &[], *id);
            let by_field = |field: Option<u8>| field.map(|field| key(BY_FIELD, &[field], *id));
            let present = |there: Option<u8>| there.map(|_| by_id.clone());
            (before.is_some() || field.is_some()).then(|| LoggedWrite {
                table: TabletId(7),
                id: InternalId([*id; 16]),
                document: field.map(|field| document(&by_id, &json(field))),
                keys: smallvec![
                    KeyDelta { removed: present(before), added: present(field) },
                    KeyDelta { removed: by_field(before), added: by_field(field) },
                ],
            })
        });
        let transaction = LoggedTransaction { ts, writes: writes.collect(), source: String::new() };
        let log = self.log(timeline);
        let head = log.head().await.expect("a memory log");
        let entry = LogEntry::new(self.env.random_bytes(), vec![Arc::new(transaction)]);
        if !matches!(log.append_if_absent(head + 1, &entry).await, Ok(Append::Appended)) {
            return;
        }
        let mut timelines = self.timelines.lock();
        let timeline = timelines.get_mut(timeline).expect("it is open");
        timeline.last_ts = ts;
        let model = timeline.model.as_mut().expect("it was opened");
        for write in &entry.transactions[0].writes {
            for delta in &write.keys {
                if let Some(removed) = &delta.removed {
                    model.0.entry(removed.clone()).or_default().insert(ts, None);
                }
                if let Some(added) = &delta.added {
                    model.0.entry(added.clone()).or_default().insert(ts, write.document.clone());
                }
            }
        }
    }

    /// Flushes what the log has after the manifest.
    pub async fn flush(&self, segments: &Segments) -> Result<Option<FlushOutcome>, SegmentsError> {
        let log = self.log(segments.timeline());
        let flushed: EntryNumber = segments.manifest().flushed;
        let head = log.head().await.expect("a memory log");
        let Ok(tail) = Tail::read(&*log, flushed, None).await else {
            // It was flushed by somebody else and trimmed.
            segments.refresh().await?;
            return Ok(None);
        };
        if head == flushed {
            return Ok(None);
        }
        let ts = tail.last_ts.max(segments.manifest().flushed_ts);
        let counts = Some(self.model(segments.timeline()).counts(ts));
        let upto = Flushed { entry: head, ts, counts, ..Flushed::default() };
        segments.flush(tail.rows.into_iter(), upto).await.map(Some)
    }

    /// Everything that `version` has at `ts` is what the model has.
    pub async fn check(&self, timeline: &TimelineId, version: &Arc<Version>, ts: Timestamp) {
        let expected = self.model(timeline).at(ts);
        for order in [Order::Asc, Order::Desc] {
            let mut scan = version.scan(Interval::all(), order, ts);
            let mut read = Vec::new();
            while let Some(entry) = scan.next().await.expect("every segment is there") {
                read.push(entry);
            }
            if order == Order::Desc {
                read.reverse();
            }
            assert_eq!(read, expected, "timeline `{timeline}` at {ts}");
        }
    }
}

fn nonzero(counts: &BTreeMap<IndexId, u64>) -> BTreeMap<IndexId, u64> {
    counts.iter().filter(|(_, count)| **count > 0).map(|(index, count)| (*index, *count)).collect()
}
