//! A state with a random past, part of it in segments, next to what it should hold; for tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::path::Path;
use proptest::prelude::*;
use smallvec::SmallVec;

use super::{Installed, Snapshot, State};
use crate::catalog::TabletId;
use crate::document::Document;
use crate::env::Env;
use crate::id::{DocumentId, InternalId, TableNumber};
use crate::interval::{End, Interval};
use crate::key::Key;
use crate::log::{KeyDelta, LoggedTransaction, LoggedWrite, Timestamp};
use crate::query::Order;
use crate::segment::{SegmentCache, SegmentRef, SegmentWriter};
use crate::version::Version;

const INDEX: u32 = 70_000;
/// What keys begin with after the id of their index: some are the beginning of others.
pub(crate) const PREFIX_COUNT: usize = 7;
const PREFIXES: [&[u8]; PREFIX_COUNT] = [b"", b"a", b"ab", b"b", b"b\xff", b"\xff", b"\xff\xff"];

/// Something that happens to a state.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// Documents are put at keys, or taken away.
    Commit(Vec<(usize, Option<u32>)>),
    /// The active layer is frozen.
    Rotate,
    /// What is frozen becomes a segment.
    Flush,
}

pub(crate) fn events() -> impl Strategy<Value = Vec<Event>> {
    let write = (0..PREFIXES.len(), proptest::option::weighted(0.8, any::<u32>()));
    let event = prop_oneof![
        // The first keys are hot: they have more versions than are stepped over.
        8 => proptest::collection::vec(write, 0..4).prop_map(Event::Commit),
        6 => (0..2usize, any::<u32>()).prop_map(|(key, n)| Event::Commit(vec![(key, Some(n))])),
        1 => Just(Event::Rotate),
        1 => Just(Event::Flush),
    ];
    proptest::collection::vec(event, 0..100)
}

/// Intervals that start and end at, and just after, keys.
pub(crate) fn intervals() -> impl Strategy<Value = Interval> {
    let place = || (0..PREFIXES.len(), any::<bool>());
    (place(), proptest::option::weighted(0.9, place())).prop_map(|(start, end)| {
        let at =
            |(key, after): (usize, bool)| if after { crate::interval::next_key(&key_of(key)) } else { key_of(key) };
        let end = end.map_or_else(|| Interval::prefix(&INDEX.to_be_bytes()).end, |end| End::Before(at(end)));
        Interval { start: at(start), end }
    })
}

pub(crate) fn order() -> impl Strategy<Value = Order> {
    prop_oneof![Just(Order::Asc), Just(Order::Desc)]
}

pub(crate) fn key_of(n: usize) -> Key {
    let id = InternalId([n as u8; 16]);
    Key::from([&INDEX.to_be_bytes(), PREFIXES[n], &id.0].concat())
}

pub(crate) fn document(key: usize, n: u32) -> Arc<Document> {
    let id = DocumentId { table: TableNumber(20_000), internal: InternalId([key as u8; 16]) };
    Arc::new(Document { id, creation_time: 1.0, json: format!(r#"{{"n":{n}}}"#).into(), size: 10 })
}

/// The state and the model.
pub(crate) struct Modelled {
    pub state: State,
    /// Every version of every key.
    pub model: BTreeMap<Key, BTreeMap<Timestamp, Option<Arc<Document>>>>,
    /// The newest commit.
    pub ts: Timestamp,
    store: Arc<InMemory>,
    cache: Arc<SegmentCache>,
    runs: Vec<Vec<SegmentRef>>,
}

impl Modelled {
    pub async fn new(events: Vec<Event>) -> Self {
        let store = Arc::new(InMemory::new());
        let cache = SegmentCache::new(store.clone(), Env::deterministic(1), 1 << 20);
        let state = State::empty(Version::empty(cache.clone()));
        let mut this = Modelled { state, model: BTreeMap::new(), ts: 0, store, cache, runs: Vec::new() };
        for event in events {
            match event {
                Event::Commit(writes) => this.commit(writes),
                Event::Rotate => this.state.rotate(),
                Event::Flush => this.flush().await,
            }
        }
        this
    }

    fn commit(&mut self, writes: Vec<(usize, Option<u32>)>) {
        self.ts += 10;
        // At most one write of a document.
        let writes = BTreeMap::from_iter(writes).into_iter().map(|(n, value)| {
            let (key, document) = (key_of(n), value.map(|value| document(n, value)));
            self.model.entry(key.clone()).or_default().insert(self.ts, document.clone());
            let delta = KeyDelta { removed: Some(key.clone()), added: document.is_some().then_some(key) };
            let keys = SmallVec::from_iter([delta]);
            LoggedWrite { table: TabletId(20_000), id: InternalId([n as u8; 16]), document, keys }
        });
        let transaction = LoggedTransaction { ts: self.ts, writes: writes.collect(), source: String::new() };
        self.state.apply(&transaction).expect("no rows of the catalog");
    }

    async fn flush(&mut self) {
        let rows: Vec<_> = self.state.frozen_rows().collect();
        if rows.is_empty() {
            return;
        }
        let path = Path::from(format!("segments/{}", self.runs.len()));
        let mut writer = SegmentWriter::new(self.store.clone(), path);
        for row in &rows {
            writer.push(row).await.expect("rows in order");
        }
        self.runs.insert(0, vec![writer.finish().await.expect("a segment")]);
        let flushed_ts = rows.iter().map(|row| row.ts).max().unwrap_or(0);
        let version = Version::new(self.runs.clone(), self.cache.clone());
        self.state.install(Installed { version, flushed_ts, horizon_ts: 0 });
        assert!(self.state.frozen_rows().next().is_none());
    }

    pub async fn at(&self, ts: Timestamp) -> Snapshot {
        let newest = Snapshot::new(self.ts, 0, self.state.clone());
        newest.at(ts).await.expect("no rows of the catalog")
    }

    /// What is there at a timestamp.
    pub fn seen(&self, ts: Timestamp) -> BTreeMap<Key, Arc<Document>> {
        let seen = self.model.iter().filter_map(|(key, versions)| {
            let (_, document) = versions.range(..=ts).next_back()?;
            Some((key.clone(), document.clone()?))
        });
        seen.collect()
    }
}

/// The entries of a map that are in an interval, in order.
pub(crate) fn within(
    map: &BTreeMap<Key, Arc<Document>>,
    interval: &Interval,
    order: Order,
) -> Vec<(Key, Arc<Document>)> {
    let inside = |(key, _): &(&Key, &Arc<Document>)| **key >= interval.start && interval.end.is_after(key);
    let entries = map.iter().filter(inside).map(|(key, document)| (key.clone(), document.clone()));
    match order {
        Order::Asc => entries.collect(),
        Order::Desc => entries.rev().collect(),
    }
}

/// Runs a test to its end, without waiting for clocks.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(test)
}
