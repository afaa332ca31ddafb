//! A [`Database`] as the source of open tables.

use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use futures::stream::{self, StreamExt};

use super::source::{Items, Position, SourceError, SourceTable, TableSource};
use crate::catalog::{Namespace, SystemTable, TableInfo, TableState};
use crate::database::{Database, Snapshot};
use crate::document::Document;
use crate::interval::{End, Interval, next_key};
use crate::key::Key;
use crate::log::{EntryNumber, Timestamp};
use crate::query::Order;
use crate::state::Scan;
use crate::version::{RawRows, raw};

/// The system tables that apps can read, and so can everyone here.
const SYSTEM_TABLES: [SystemTable; 2] = [SystemTable::Storage, SystemTable::ScheduledFunctions];

/// A database as of its newest durable snapshot.
pub struct DatabaseSource {
    database: Arc<Database>,
    snapshot: Snapshot,
    timeline: String,
    entry: EntryNumber,
    /// How long one view of the segments is used: they are kept that long after a compaction.
    view: Duration,
}

impl DatabaseSource {
    /// The database as it is now.
    pub fn new(database: &Arc<Database>) -> Self {
        let segments = database.segments();
        // Before the snapshot is taken, so that it surely has the entry.
        let entry = segments.manifest().flushed;
        Self {
            snapshot: database.latest(),
            timeline: segments.timeline().to_string(),
            entry,
            view: segments.options().grace / 3,
            database: database.clone(),
        }
    }

    fn info(&self, table: &SourceTable) -> Result<&Arc<TableInfo>, SourceError> {
        self.snapshot
            .catalog()
            .tablet(table.tablet)
            .ok_or_else(|| format!("there is no table `{}`", table.folder).into())
    }

    fn source_table(&self, info: &TableInfo) -> SourceTable {
        let schema = self.snapshot.catalog().schemas(info.namespace).and_then(|schemas| schemas.active.as_ref());
        let validator =
            schema.filter(|_| !info.is_system()).and_then(|schema| schema.definition.enforced_type(&info.name));
        let folder = match info.namespace {
            Namespace::ROOT => info.name.clone(),
            Namespace(number) => format!("_components/{number}/{}", info.name),
        };
        SourceTable { tablet: info.tablet, folder, validator: validator.cloned() }
    }
}

#[async_trait]
impl TableSource for DatabaseSource {
    fn timeline(&self) -> &str {
        &self.timeline
    }

    fn ts(&self) -> Timestamp {
        self.snapshot.ts()
    }

    fn entry(&self) -> EntryNumber {
        self.entry
    }

    fn tables(&self) -> Vec<SourceTable> {
        let own = self.snapshot.catalog().all_tables().filter(|table| table.state == TableState::Active);
        own.chain(SYSTEM_TABLES.map(SystemTable::info)).map(|table| self.source_table(table)).collect()
    }

    async fn changed(&self, table: &SourceTable, since: Timestamp) -> Result<Option<Items<'_, Position>>, SourceError> {
        let state = self.snapshot.state();
        // Before the horizon, deletions may be forgotten.
        if since < state.horizon() {
            return Ok(None);
        }
        let ts = self.snapshot.ts();
        let interval = Interval::prefix(&self.info(table)?.by_creation_time.0.to_be_bytes());
        let tail = state.tail().changed(&interval, since, ts).into_iter();
        let tail: Vec<_> = tail.map(|key| Ok(key.after_index().to_vec())).collect();
        let version = state.version();
        let rows = raw(version.segments_after(since), version.cache().clone(), interval);
        let stored = stream::try_unfold(rows, move |mut rows: RawRows| async move {
            while let Some(row) = rows.next().await? {
                if row.ts > since && row.ts <= ts {
                    return Ok::<_, SourceError>(Some((row.key.after_index().to_vec(), rows)));
                }
            }
            Ok(None)
        });
        Ok(Some(stream::iter(tail).chain(stored).boxed()))
    }

    fn scan(&self, table: &SourceTable, range: (Bound<Position>, Bound<Position>)) -> Items<'_, Arc<Document>> {
        let info = match self.info(table) {
            Ok(info) => info,
            Err(error) => return stream::iter([Err(error)]).boxed(),
        };
        let reading = Reading { source: self, interval: interval(info, range), scan: None };
        stream::try_unfold(reading, |mut reading| async move {
            Ok::<_, SourceError>(reading.next().await?.map(|document| (document, reading)))
        })
        .boxed()
    }
}

/// A scan that may take long: the segments that it reads may be compacted and deleted meanwhile.
struct Reading<'s> {
    source: &'s DatabaseSource,
    /// What is not read yet.
    interval: Interval,
    /// Over that interval, and when it was begun, on the monotonic clock in ns.
    scan: Option<(Scan, u64)>,
}

impl Reading<'_> {
    async fn next(&mut self) -> Result<Option<Arc<Document>>, SourceError> {
        let now = self.source.database.env().monotonic_ns();
        let is_old = |begun: u64| Duration::from_nanos(now.saturating_sub(begun)) > self.source.view;
        let (scan, _) = match &mut self.scan {
            Some(scan) if !is_old(scan.1) => scan,
            slot => {
                let same = match slot {
                    None => self.source.snapshot.clone(),
                    // The same documents in today's segments.
                    Some(_) => self.source.database.snapshot_at(self.source.ts()).await?,
                };
                slot.insert((same.scan(self.interval.clone(), Order::Asc), now))
            }
        };
        let Some((key, document)) = scan.next().await? else { return Ok(None) };
        self.interval.start = next_key(&key);
        Ok(Some(document))
    }
}

/// A range of positions of a table as keys.
fn interval(table: &TableInfo, (from, to): (Bound<Position>, Bound<Position>)) -> Interval {
    let index = table.by_creation_time.0.to_be_bytes();
    let key = |position: &Position| Key::from([&index[..], position].concat());
    let Interval { start, end } = Interval::prefix(&index);
    Interval {
        start: match &from {
            Bound::Included(from) => key(from),
            Bound::Excluded(from) => next_key(&key(from)),
            Bound::Unbounded => start,
        },
        end: match &to {
            Bound::Included(to) => End::Before(next_key(&key(to))),
            Bound::Excluded(to) => End::Before(key(to)),
            Bound::Unbounded => end,
        },
    }
}

/// Publishes a database's tables again and again: see [`super::Lake::follow`].
pub(super) async fn follow(database: std::sync::Weak<Database>, lake: Arc<super::Lake>, interval: Duration) {
    let env = lake.env.clone();
    let mut pause = interval;
    let mut published: Option<(Timestamp, u64)> = None;
    loop {
        // Servers of one deployment do not publish in step.
        let jitter = (pause / 8).mul_f64(f64::from(env.random_u64() as u32) / f64::from(u32::MAX));
        env.sleep(pause + jitter).await;
        let Some(database) = database.upgrade() else { return };
        if database.sealed().now_or_never().is_some() {
            // Another timeline's turn.
            return;
        }
        let begun = env.monotonic_ns();
        let since = |moment: u64| Duration::from_nanos(env.monotonic_ns().saturating_sub(moment));
        let ts = database.latest().ts();
        pause = interval;
        if published.is_some_and(|(newest, at)| newest == ts && since(at) < lake.options.grace) {
            continue;
        }
        match lake.publish_unless_recent(&DatabaseSource::new(&database), interval).await {
            Ok(done) => {
                if done {
                    published = Some((ts, begun));
                }
                // At most a quarter of the time goes into this.
                pause = interval.max(since(begun) * 3);
            }
            Err(error) => tracing::warn!(%error, "the open tables are not up to date"),
        }
    }
}
