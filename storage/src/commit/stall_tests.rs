use std::sync::Arc;
use std::time::Duration;

use super::CommitError;
use super::stall::PATIENCE;
use crate::database::Database;
use crate::log::{CommitLog, Fault, FaultyLog, LogEntry, LoggedTransaction, MemoryLog};
use crate::testing::{ROOT, World, begin, collect, insert, is_conflict, numbers, object, scan};
use crate::transaction::Transaction;

type Log = Arc<FaultyLog<MemoryLog>>;

/// A database with one document, `n` = 1, whose log then does not say what becomes of appends.
async fn stalling(fault: Fault) -> (Log, Arc<Database>) {
    let (world, log) = World::with_faulty_log(1);
    let database = world.open().await;
    insert(&database, "t", r#"{"n":1}"#).await;
    log.plan(std::iter::once(Some(fault)).chain([Some(Fault::LostRequest); 1000]));
    (log, database)
}

async fn inserting(database: &Database, n: u32) -> Transaction {
    let mut tx = begin(database);
    tx.insert(ROOT, "t", object(&format!(r#"{{"n":{n}}}"#))).await.unwrap();
    tx
}

async fn stored(mut tx: Transaction) -> Vec<f64> {
    let mut numbers = numbers(&collect(&mut tx, &scan("t", "asc", "[]")).await.unwrap());
    numbers.sort_by(f64::total_cmp);
    numbers
}

fn reason<T: std::fmt::Debug>(outcome: Result<T, CommitError>) -> String {
    match outcome {
        Err(CommitError::Unavailable(reason)) => reason,
        other => panic!("expected `Unavailable`, not {other:?}"),
    }
}

/// Commits `n` = 2, in the entry in flight, and 3, behind it, and waits until both are refused.
async fn stall(database: &Database) {
    let started = tokio::time::Instant::now();
    let mut first = std::pin::pin!(database.commit(inserting(database, 2).await));
    assert!(futures::poll!(&mut first).is_pending());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let second = database.commit(inserting(database, 3).await);
    let on_head = database.head();
    let reader = database.wait_durable(&on_head);
    let (first, second, reader) = tokio::join!(first, second, reader);
    assert_eq!(started.elapsed().as_secs(), PATIENCE.as_secs());
    for reason in [reason(first), reason(second), reason(reader)] {
        assert_eq!(reason, "the log has not said for 5s whether it has entry 2");
    }
    // Later ones do not wait at all, those that only read the durable part go on.
    reason(database.commit(inserting(database, 4).await).await);
    reason(database.wait_durable(&database.head()).await);
    assert_eq!(started.elapsed().as_secs(), PATIENCE.as_secs());
    let tx = database.begin(database.latest(), "test");
    database.commit(tx).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(stored(database.begin(database.latest(), "test")).await, [1.0]);
    reason(database.commit(inserting(database, 5).await).await);
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_turns_out_appended_is_applied() {
    for fault in [Fault::LostRequest, Fault::LostAnswer] {
        let (log, database) = stalling(fault).await;
        log.plan([Some(Fault::LostRequest); 3000]);
        let mut commits = database.commits();
        stall(&database).await;
        assert!(commits.try_next().is_none());
        log.clear_plan();
        let batch = commits.next().await.unwrap();
        assert_eq!((batch.transactions.len(), batch.ts_to), (1, database.latest().ts()));
        assert_eq!(stored(database.begin(database.latest(), "test")).await, [1.0, 2.0]);
        assert_eq!(stored(begin(&database)).await, [1.0, 2.0]);
        database.commit(inserting(&database, 6).await).await.unwrap();
        assert_eq!(stored(begin(&database)).await, [1.0, 2.0, 6.0]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_turns_out_lost_stays_so() {
    let (log, database) = stalling(Fault::LostRequest).await;
    log.plan([Some(Fault::LostRequest); 3000]);
    stall(&database).await;
    let on_lost = inserting(&database, 6).await;
    let ts = database.latest().ts() + 1;
    let transaction = LoggedTransaction { ts, writes: Vec::new(), source: "other".to_owned() };
    let foreign = LogEntry::new([9; 16], vec![Arc::new(transaction)]);
    log.inner().append_if_absent(2, &foreign).await.unwrap();
    log.clear_plan();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(database.latest().ts(), ts);
    assert!(is_conflict(&database.commit(on_lost).await.unwrap_err()));
    database.commit(inserting(&database, 7).await).await.unwrap();
    assert_eq!(stored(begin(&database)).await, [1.0, 7.0]);
}

#[tokio::test(start_paused = true)]
async fn what_ran_on_commits_behind_a_stalled_one_conflicts() {
    let (log, database) = stalling(Fault::LostRequest).await;
    let first = database.commit(inserting(&database, 2).await);
    let mut first = std::pin::pin!(first);
    assert!(futures::poll!(&mut first).is_pending());
    let on_first = inserting(&database, 8).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut second = std::pin::pin!(database.commit(inserting(&database, 3).await));
    assert!(futures::poll!(&mut second).is_pending());
    let on_second = inserting(&database, 9).await;
    reason(first.await);
    reason(second.await);
    log.clear_plan();
    tokio::time::sleep(Duration::from_secs(2)).await;
    database.commit(on_first).await.unwrap();
    assert!(is_conflict(&database.commit(on_second).await.unwrap_err()));
    assert_eq!(stored(begin(&database)).await, [1.0, 2.0, 8.0]);
}

#[tokio::test(start_paused = true)]
async fn closing_does_not_wait_for_an_entry_that_is_never_decided() {
    let (log, database) = stalling(Fault::LostRequest).await;
    log.plan([Some(Fault::LostRequest); 3000]);
    stall(&database).await;
    let mut commits = database.commits();
    database.close().await.unwrap();
    assert!(commits.next().await.is_none());
    let (log, database) = stalling(Fault::LostRequest).await;
    log.plan([Some(Fault::LostRequest); 3000]);
    stall(&database).await;
    drop(database);
    tokio::time::sleep(Duration::from_secs(2)).await;
    // Nobody tries to append it any more: only this test has the log.
    log.clear_plan();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(log.head().await.unwrap(), 1);
}
