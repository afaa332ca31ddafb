use std::sync::Arc;
use std::time::Duration;

use super::{CommitError, SnapshotError};
use crate::database::{Database, Retention};
use crate::env::{Clock, Env};
use crate::log::{Fault, FaultRates, FaultyLog, LogEntry, MemoryLog};
use crate::testing::{ROOT, World, begin, collect, index, insert, is_conflict, numbers, object, patch, scan};
use crate::transaction::TableKind;
use crate::value::Value;

async fn documents(database: &Database) -> Vec<f64> {
    let mut tx = database.begin(database.latest(), "test");
    let mut numbers = numbers(&collect(&mut tx, &scan("t", "asc", "[]")).await.unwrap());
    // The clock stands still here, so creation times can be equal.
    numbers.sort_by(f64::total_cmp);
    numbers
}

#[tokio::test(start_paused = true)]
async fn a_conflict_names_table_document_and_writer() {
    let database = World::new(1).open().await;
    let id = insert(&database, "t", r#"{"n":1}"#).await;
    let mut mine = begin(&database);
    mine.patch(ROOT, id, patch(r#"{"n":2}"#)).await.unwrap();
    let mut theirs = database.begin(database.head(), "counters:add");
    theirs.patch(ROOT, id, patch(r#"{"n":3}"#)).await.unwrap();
    database.commit(theirs).await.unwrap();
    let Err(CommitError::Conflict(conflict)) = database.commit(mine).await else { panic!("expected a conflict") };
    assert_eq!(conflict.to_string(), format!("document `{id}` of table `t` was changed by `counters:add`"));
    assert_eq!(documents(&database).await, [3.0]);
}

#[tokio::test(start_paused = true)]
async fn an_insert_into_a_range_that_was_read_conflicts() {
    let database = World::new(1).open().await;
    index(&database, "t", "by_n", &["n"]).await;
    let mut tx = begin(&database);
    let empty = crate::testing::range("t.by_n", r#"[{"type":"Gt","fieldPath":"n","value":5}]"#, "asc", "[]");
    assert!(collect(&mut tx, &empty).await.unwrap().is_empty());
    tx.insert(ROOT, "log", object("{}")).await.unwrap();
    insert(&database, "t", r#"{"n":4}"#).await;
    insert(&database, "t", r#"{"n":6}"#).await;
    assert!(is_conflict(&database.commit(tx).await.unwrap_err()));
}

#[tokio::test(start_paused = true)]
async fn of_two_that_create_a_table_one_conflicts() {
    let database = World::new(1).open().await;
    let (mut a, mut b) = (begin(&database), begin(&database));
    a.insert(ROOT, "t", object(r#"{"n":1}"#)).await.unwrap();
    b.insert(ROOT, "t", object(r#"{"n":2}"#)).await.unwrap();
    let (a, b) = tokio::join!(database.commit(a), database.commit(b));
    a.unwrap();
    assert!(is_conflict(&b.unwrap_err()));
}

#[tokio::test(start_paused = true)]
async fn timestamps_rise_and_commits_arrive_in_order() {
    let database = World::new(1).open().await;
    let mut commits = database.commits();
    let mut last = commits.start();
    for n in 0..10 {
        let mut tx = begin(&database);
        tx.insert(ROOT, "t", object(&format!(r#"{{"n":{n}}}"#))).await.unwrap();
        let committed = database.commit(tx).await.unwrap();
        assert!(committed.ts > last && database.latest().ts() >= committed.ts);
        last = committed.ts;
    }
    let mut seen = 0;
    let mut ts = commits.start();
    while let Some(batch) = commits.try_next() {
        for transaction in &batch.transactions {
            assert!(transaction.ts > ts);
            ts = transaction.ts;
            seen += 1;
        }
    }
    assert_eq!((seen, ts), (10, last));
    database.close().await.unwrap();
    assert!(commits.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_commit_timestamp_is_put_into_documents_keys_and_stays() {
    let database = World::new(1).open().await;
    index(&database, "t", "by_at", &["at"]).await;
    let mut tx = begin(&database);
    let id = tx.insert(ROOT, "t", object(r#"{"at":{"$commitTs":null},"n":1}"#)).await.unwrap();
    let own = tx.get(ROOT, id, TableKind::User).await.unwrap().unwrap();
    assert!(own.json.contains(r#"{"$commitTs":null}"#));
    tx.patch(ROOT, id, patch(r#"{"n":2}"#)).await.unwrap();
    let ts = database.commit(tx).await.unwrap().ts;
    let at = Value::Int64(i64::try_from(ts).unwrap());
    let equal = format!(r#"[{{"type":"Eq","fieldPath":"at","value":{}}}]"#, at.to_json());
    let mut tx = begin(&database);
    let found = collect(&mut tx, &crate::testing::range("t.by_at", &equal, "asc", "[]")).await.unwrap();
    assert_eq!(Value::from_json(&found[0].json).unwrap().field("at"), Some(&at));
    assert_eq!(database.latest().count(found_index(&database, "by_at")).await.unwrap(), 1);
}

fn found_index(database: &Database, name: &str) -> crate::catalog::IndexId {
    let latest = database.latest();
    latest.catalog().table(ROOT, "t").unwrap().index(name).unwrap().id
}

#[tokio::test(start_paused = true)]
async fn nothing_acknowledged_is_lost_in_a_crash() {
    let mut world = World::new(1);
    world.segments.log_kept = Duration::ZERO;
    let database = world.open().await;
    index(&database, "t", "by_n", &["n"]).await;
    for n in 0..5 {
        insert(&database, "t", &format!(r#"{{"n":{n}}}"#)).await;
    }
    database.checkpoint().await.unwrap();
    for n in 5..9 {
        insert(&database, "t", &format!(r#"{{"n":{n}}}"#)).await;
    }
    let ts = database.latest().ts();
    drop(database);
    let database = world.open().await;
    assert!(database.latest().ts() >= ts.max(world.env.now_ns()));
    assert_eq!(documents(&database).await, (0..9).map(f64::from).collect::<Vec<_>>());
    let mut tx = begin(&database);
    let found = collect(&mut tx, &crate::testing::range("t.by_n", "[]", "desc", r#"[{"limit":2}]"#)).await.unwrap();
    assert_eq!(numbers(&found), [8.0, 7.0]);
    insert(&database, "t", r#"{"n":9}"#).await;
    database.close().await.unwrap();
    // What the flush before the last one had is gone from the log.
    let database = world.open().await;
    assert_eq!(documents(&database).await, (0..10).map(f64::from).collect::<Vec<_>>());
    assert!(world.log.first().await.unwrap() > 1);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_takes_back_what_was_accepted_and_passes() {
    let (world, log) = World::with_faulty_log(1);
    let database = world.open().await;
    let id = insert(&database, "t", r#"{"n":1}"#).await;
    log.plan([Some(Fault::DiskFull)]);
    let mut lost = begin(&database);
    lost.patch(ROOT, id, patch(r#"{"n":2}"#)).await.unwrap();
    let committing = database.commit(lost);
    let mut committing = std::pin::pin!(committing);
    assert!(futures::poll!(&mut committing).is_pending());
    // These run on the head, which has the write that is about to be lost.
    let mut on_head = begin(&database);
    assert!(on_head.get(ROOT, id, TableKind::User).await.unwrap().unwrap().json.contains(r#""n":2"#));
    let reader = begin(&database);
    on_head.patch(ROOT, id, patch(r#"{"n":3}"#)).await.unwrap();
    assert!(matches!(committing.await, Err(CommitError::Unavailable(_))));
    assert!(is_conflict(&database.commit(on_head).await.unwrap_err()));
    assert!(is_conflict(&database.commit(reader).await.unwrap_err()));
    assert_eq!(documents(&database).await, [1.0]);
    let mut again = begin(&database);
    again.patch(ROOT, id, patch(r#"{"n":4}"#)).await.unwrap();
    database.commit(again).await.unwrap();
    assert_eq!(documents(&database).await, [4.0]);
}

#[tokio::test(start_paused = true)]
async fn unknown_outcomes_are_resolved() {
    let rates = FaultRates::NETWORK;
    let world = World::with_log(7, |env| Arc::new(FaultyLog::new(MemoryLog::new(), env.clone(), rates)));
    let database = world.open().await;
    for n in 0..30 {
        insert(&database, "t", &format!(r#"{{"n":{n}}}"#)).await;
    }
    drop(database);
    let expected: Vec<_> = (0..30).map(f64::from).collect();
    let database = world.open().await;
    assert_eq!(documents(&database).await, expected);
}

#[tokio::test]
async fn the_local_log_can_be_opened_again_after_a_drop() {
    let directory = tempfile::tempdir().unwrap();
    let env = crate::env::Env::system();
    let world = World { env: env.clone(), ..World::new(1) };
    let mut expected = Vec::new();
    for round in 0..3 {
        let mut opened = crate::log::LocalLog::open(directory.path(), &env).await;
        for _ in 0..100 {
            if opened.is_ok() {
                break;
            }
            // The file lock goes with the thread of the log that was dropped.
            tokio::time::sleep(Duration::from_millis(10)).await;
            opened = crate::log::LocalLog::open(directory.path(), &env).await;
        }
        let log = Arc::new(opened.unwrap());
        let options = crate::database::DatabaseOptions::new(log, world.segments().await, env.clone());
        let database = Database::open(options).await.unwrap();
        assert_eq!(documents(&database).await, expected);
        for n in 0..5 {
            let n = f64::from(round * 5 + n);
            insert(&database, "t", &format!(r#"{{"n":{n}}}"#)).await;
            expected.push(n);
        }
        if round == 1 {
            database.close().await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn another_writer_is_taken_over() {
    let world = World::new(1);
    let (a, b) = (world.open().await, world.open().await);
    insert(&a, "t", r#"{"n":1}"#).await;
    // `b` has not seen the table: its first attempt meets the entry, the second builds on it.
    let mut tx = begin(&b);
    tx.insert(ROOT, "t", object(r#"{"n":2}"#)).await.unwrap();
    assert!(is_conflict(&b.commit(tx).await.unwrap_err()));
    assert_eq!(documents(&b).await, [1.0]);
    insert(&b, "t", r#"{"n":2}"#).await;
    assert_eq!(documents(&b).await, [1.0, 2.0]);
}

pub(super) struct Ahead(pub Arc<dyn Clock>);

impl Clock for Ahead {
    fn now_ns(&self) -> u64 {
        self.0.now_ns() + 1_000_000_000
    }

    fn monotonic_ns(&self) -> u64 {
        self.0.monotonic_ns()
    }
}

#[tokio::test(start_paused = true)]
async fn another_writers_clock_may_be_behind() {
    let world = World::new(1);
    let a = world.open().await;
    let id = insert(&a, "t", r#"{"n":1}"#).await;
    let env = Env { clock: Arc::new(Ahead(world.env.clock.clone())), ..world.env.clone() };
    let b = Database::open(crate::database::DatabaseOptions { env, ..world.options().await }).await.unwrap();
    // Both have taken over the entry that the other claimed its start with.
    insert(&b, "u", r#"{"n":0}"#).await;
    let mut tx = begin(&a);
    tx.insert(ROOT, "v", object("{}")).await.unwrap();
    assert!(is_conflict(&a.commit(tx).await.unwrap_err()));
    let mut old = begin(&b);
    old.patch(ROOT, id, patch(r#"{"n":2}"#)).await.unwrap();
    let (ts, old_snapshot) = (b.latest().ts(), b.latest());
    let mut theirs = begin(&a);
    theirs.patch(ROOT, id, patch(r#"{"n":3}"#)).await.unwrap();
    a.commit(theirs).await.unwrap();
    let mut meets = begin(&b);
    meets.insert(ROOT, "u", object(r#"{"n":1}"#)).await.unwrap();
    b.commit(meets).await.unwrap();
    assert!(b.latest().ts() > ts);
    assert_eq!(documents(&b).await, [3.0]);
    assert!(is_conflict(&b.commit(old).await.unwrap_err()));
    let mut stale = b.begin(old_snapshot, "test");
    stale.patch(ROOT, id, patch(r#"{"n":4}"#)).await.unwrap();
    assert!(is_conflict(&b.commit(stale).await.unwrap_err()));
}

#[tokio::test(start_paused = true)]
async fn old_snapshots_can_be_read() {
    let world = World::new(1);
    let database = world.open().await;
    let mut history = Vec::new();
    for n in 0..100 {
        insert(&database, "t", &format!(r#"{{"n":{n}}}"#)).await;
        history.push(database.latest().ts());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    for back in [1, 7, 13, 29] {
        let snapshot = database.snapshot_at(history[99 - back]).await.unwrap();
        assert_eq!(snapshot.ts(), history[99 - back]);
        let mut tx = database.begin(snapshot, "test");
        assert_eq!(tx.count(ROOT, "t").await.unwrap(), 100 - back as u64);
        // Between two commits, it is as the earlier left it.
        let between = database.snapshot_at(history[99 - back] + 5).await.unwrap();
        assert_eq!(between.count(tx.catalog().table(ROOT, "t").unwrap().by_id).await.unwrap(), 100 - back as u64);
    }
    let first = database.snapshot_at(history[0]).await.unwrap();
    assert_eq!(first.count(first.catalog().table(ROOT, "t").unwrap().by_id).await.unwrap(), 1);
    let before = database.snapshot_at(history[0] - 1).await.unwrap();
    assert!(before.catalog().table(ROOT, "t").is_none());
    assert!(matches!(database.snapshot_at(database.latest().ts() + 1).await, Err(SnapshotError::InFuture { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_beyond_the_history_conflicts() {
    let world = World::new(1);
    let retention = Retention { max_bytes: 10_000, ..Retention::default() };
    let database =
        Database::open(crate::database::DatabaseOptions { retention, ..world.options().await }).await.unwrap();
    let id = insert(&database, "t", r#"{"n":1}"#).await;
    let mut old = begin(&database);
    old.patch(ROOT, id, patch(r#"{"n":2}"#)).await.unwrap();
    for n in 0..200 {
        insert(&database, "u", &format!(r#"{{"n":{n}}}"#)).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(is_conflict(&database.commit(old).await.unwrap_err()));
}

#[tokio::test(start_paused = true)]
async fn reading_writes_nothing() {
    let world = World::new(1);
    let database = world.open().await;
    insert(&database, "t", r#"{"n":1}"#).await;
    let entries = world.log.head().await.unwrap();
    let mut tx = begin(&database);
    collect(&mut tx, &scan("t", "asc", "[]")).await.unwrap();
    let ts = tx.snapshot_ts();
    assert_eq!(database.commit(tx).await.unwrap().ts, ts);
    assert_eq!(world.log.head().await.unwrap(), entries);
    // An entry without transactions is harmless.
    let empty = LogEntry::new([9; 16], Vec::new());
    world.log.append_if_absent(entries + 1, &empty).await.unwrap();
    insert(&database, "t", r#"{"n":2}"#).await;
    assert_eq!(world.log.head().await.unwrap(), entries + 2);
}
