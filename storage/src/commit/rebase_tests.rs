use std::sync::Arc;
use std::time::Duration;

use super::tests::Ahead;
use super::{CommitError, CommitStream, Conflict};
use crate::database::{Database, DatabaseOptions};
use crate::env::Env;
use crate::id::DocumentId;
use crate::log::Timestamp;
use crate::testing::{ROOT, World, begin, collect, insert, is_conflict, numbers, object, patch, scan};
use crate::transaction::{TableKind, Transaction};
use crate::value::Value;

async fn open_ahead(world: &World) -> Arc<Database> {
    let env = Env { clock: Arc::new(Ahead(world.env.clock.clone())), ..world.env.clone() };
    Database::open(DatabaseOptions { env, ..world.options().await }).await.unwrap()
}

async fn patching(database: &Database, source: &str, id: DocumentId, json: &str) -> Transaction {
    let mut tx = database.begin(database.head(), source);
    tx.patch(ROOT, id, patch(json)).await.unwrap();
    tx
}

async fn count(database: &Database) -> usize {
    let mut tx = database.begin(database.latest(), "test");
    numbers(&collect(&mut tx, &scan("t", "asc", "[]")).await.unwrap()).len()
}

fn conflict<T: std::fmt::Debug>(outcome: Result<T, CommitError>) -> Conflict {
    match outcome {
        Err(CommitError::Conflict(conflict)) => conflict,
        other => panic!("expected a conflict, not {other:?}"),
    }
}

/// Checks every batch until the database is closed. The result is the last `ts_to`.
async fn follow(database: Arc<Database>, mut commits: CommitStream) -> Timestamp {
    let mut last = commits.start();
    while let Some(batch) = commits.next().await {
        assert!(database.latest().ts() >= batch.ts_to);
        assert_eq!(batch.ts_from, batch.transactions[0].ts);
        for transaction in &batch.transactions {
            assert!(transaction.ts > last);
            last = transaction.ts;
        }
        assert_eq!(batch.ts_to, last);
    }
    last
}

#[tokio::test(start_paused = true)]
async fn every_timestamp_of_latest_comes_with_a_batch() {
    let world = World::new(1);
    // The log is empty, so neither claims its start, and the clock of one is ahead.
    let databases = [world.open().await, open_ahead(&world).await];
    let following = databases.clone().map(|database| tokio::spawn(follow(database.clone(), database.commits())));
    // Two that the other one meets later, with timestamps before its latest.
    insert(&databases[0], "t", r#"{"n":1}"#).await;
    insert(&databases[0], "t", r#"{"n":2}"#).await;
    let writing = databases.clone().map(|database| {
        tokio::spawn(async move {
            for n in 0..50 {
                loop {
                    let mut tx = begin(&database);
                    tx.insert(ROOT, "t", object(&format!(r#"{{"n":{n}}}"#))).await.unwrap();
                    match database.commit(tx).await {
                        Ok(committed) => break assert!(database.latest().ts() >= committed.ts),
                        Err(error) => assert!(is_conflict(&error)),
                    }
                }
                tokio::time::sleep(Duration::from_millis(n % 7)).await;
            }
        })
    });
    for writing in writing {
        writing.await.unwrap();
    }
    // Both know everything after one more commit each.
    for database in [&databases[0], &databases[1], &databases[0]] {
        insert(database, "t", r#"{"n":0}"#).await;
    }
    for (database, following) in databases.iter().zip(following) {
        database.close().await.unwrap();
        assert_eq!(following.await.unwrap(), database.latest().ts());
    }
    assert_eq!(count(&databases[0]).await, 105);
}

#[tokio::test(start_paused = true)]
async fn the_claim_of_a_start_comes_with_a_batch_even_if_another_writer_is_faster() {
    let world = World::new(1);
    let a = world.open().await;
    insert(&a, "t", r#"{"n":1}"#).await;
    let b = open_ahead(&world).await;
    let following = tokio::spawn(follow(b.clone(), b.commits()));
    // Not yet appended: nothing has run since `open`.
    let foreign = crate::log::LogEntry::new(
        [9; 16],
        vec![Arc::new(crate::log::LoggedTransaction {
            ts: a.latest().ts() + 1,
            writes: Vec::new(),
            source: "other".to_owned(),
        })],
    );
    let n = world.log.head().await.unwrap() + 1;
    world.log.append_if_absent(n, &foreign).await.unwrap();
    let start = b.latest().ts();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.log.head().await.unwrap(), n + 1);
    let claim = world.log.read(n + 1, 1).await.unwrap().remove(0).1;
    assert_eq!(claim.transactions[0].source, "_start");
    assert!(claim.transactions[0].ts > start + 1);
    assert_eq!(claim.last_ts(), Some(b.latest().ts()));
    b.close().await.unwrap();
    assert_eq!(following.await.unwrap(), b.latest().ts());
}

#[tokio::test(start_paused = true)]
async fn what_does_not_depend_on_another_writer_is_appended_behind_it() {
    let world = World::new(1);
    let a = world.open().await;
    let x = insert(&a, "t", r#"{"n":1}"#).await;
    let y = insert(&a, "t", r#"{"n":2}"#).await;
    let b = world.open().await;
    insert(&b, "t", r#"{"n":3}"#).await;
    let theirs = a.commit(patching(&a, "x:set", x, r#"{"n":10}"#).await).await;
    // `a` has not met the last commits of `b` either.
    let theirs = theirs.unwrap().ts;

    let mut lost = patching(&b, "x:lose", x, r#"{"n":20}"#).await;
    let z = lost.insert(ROOT, "t", object(r#"{"n":24}"#)).await.unwrap();
    let mut lost = std::pin::pin!(b.commit(lost));
    assert!(futures::poll!(&mut lost).is_pending());
    let first = patching(&b, "y:set", y, r#"{"n":21}"#).await;
    let mut first = std::pin::pin!(b.commit(first));
    assert!(futures::poll!(&mut first).is_pending());
    let second = patching(&b, "y:again", y, r#"{"n":22}"#).await;
    let mut second = std::pin::pin!(b.commit(second));
    assert!(futures::poll!(&mut second).is_pending());
    // Reads what is about to be lost.
    let mut misled = begin(&b);
    assert!(misled.get(ROOT, z, TableKind::User).await.unwrap().is_some());
    misled.insert(ROOT, "t", object(r#"{"n":23}"#)).await.unwrap();
    let mut misled = std::pin::pin!(b.commit(misled));
    assert!(futures::poll!(&mut misled).is_pending());
    let mut reader = begin(&b);
    reader.get(ROOT, y, TableKind::User).await.unwrap();
    let reader = b.commit(reader);

    let (lost, first, second, misled, reader) = tokio::join!(lost, first, second, misled, reader);
    assert_eq!(conflict(lost).to_string(), format!("document `{x}` of table `t` was changed by `x:set`"));
    assert_eq!(conflict(misled).to_string(), format!("document `{z}` of table `t` was changed by `x:lose`"));
    let (first, second) = (first.unwrap().ts, second.unwrap().ts);
    assert!(theirs < first && first < second && second == b.latest().ts());
    // What it saw is no state that there ever was.
    assert!(is_conflict(&reader.unwrap_err()));
    let mut tx = database_at_log(&world).await;
    let mut stored = numbers(&collect(&mut tx, &scan("t", "asc", "[]")).await.unwrap());
    stored.sort_by(f64::total_cmp);
    assert_eq!(stored, [3.0, 10.0, 22.0]);
}

async fn database_at_log(world: &World) -> Transaction {
    begin(&*world.open().await)
}

#[tokio::test(start_paused = true)]
async fn a_commit_timestamp_follows_the_commit() {
    let world = World::new(1);
    let a = world.open().await;
    let x = insert(&a, "t", r#"{"n":1}"#).await;
    let b = world.open().await;
    insert(&b, "t", r#"{"n":2}"#).await;
    insert(&a, "t", r#"{"n":3}"#).await;
    let mut tx = begin(&b);
    let id = tx.insert(ROOT, "t", object(r#"{"at":{"$commitTs":null},"n":4}"#)).await.unwrap();
    let mut committing = std::pin::pin!(b.commit(tx));
    assert!(futures::poll!(&mut committing).is_pending());
    let mut saw = begin(&b);
    saw.get(ROOT, id, TableKind::User).await.unwrap().unwrap();
    saw.patch(ROOT, x, patch(r#"{"n":5}"#)).await.unwrap();
    let (committed, saw) = tokio::join!(committing, b.commit(saw));
    let ts = committed.unwrap().ts;
    // It saw another timestamp.
    assert_eq!(conflict(saw).id, Some(id));
    let mut tx = begin(&b);
    let stored = tx.get(ROOT, id, TableKind::User).await.unwrap().unwrap();
    let at = Value::Int64(i64::try_from(ts).unwrap());
    assert_eq!(Value::from_json(&stored.json).unwrap().field("at"), Some(&at));
}
