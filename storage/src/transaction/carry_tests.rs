use super::*;
use crate::database::Database;
use crate::testing::{ROOT, World, begin, collect, index, numbers, object, patch, range};

/// A transaction that inserts into a new table and changes one document of another.
async fn write(database: &Database) -> Transaction {
    let mut tx = begin(database);
    let found = collect(&mut tx, &range("t.by_n", "[]", "asc", "[]")).await.unwrap();
    tx.patch(ROOT, found[0].id, patch(r#"{"n":5}"#)).await.unwrap();
    tx.delete(ROOT, found[1].id).await.unwrap();
    tx.insert(ROOT, "new", object(r#"{"a":1}"#)).await.unwrap();
    tx
}

async fn world() -> Arc<Database> {
    let database = World::new(1).open().await;
    index(&database, "t", "by_n", &["n"]).await;
    let mut tx = begin(&database);
    for n in [1, 2, 3] {
        tx.insert(ROOT, "t", object(&format!(r#"{{"n":{n}}}"#))).await.unwrap();
    }
    database.commit(tx).await.unwrap();
    database
}

#[tokio::test(start_paused = true)]
async fn what_was_carried_commits_as_if_it_had_run_here() {
    let database = world().await;
    let carried = write(&database).await.carry().unwrap();
    let mut tx = begin(&database).resume(&carried).unwrap();
    let seen = collect(&mut tx, &range("t.by_n", "[]", "asc", "[]")).await.unwrap();
    assert_eq!(numbers(&seen), [3.0, 5.0], "own writes are seen");
    assert!(tx.catalog().table(ROOT, "new").is_some());
    database.commit(tx).await.unwrap();
    let mut tx = begin(&database);
    let after = collect(&mut tx, &range("t.by_n", "[]", "asc", "[]")).await.unwrap();
    assert_eq!(numbers(&after), [3.0, 5.0]);
    assert_eq!(tx.count(ROOT, "new").await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_carried_conflicts_as_if_it_had_run_here() {
    let database = world().await;
    let (snapshot, carried) = (begin(&database), write(&database).await.carry().unwrap());
    let other = write(&database).await;
    database.commit(other).await.unwrap();
    let late = snapshot.resume(&carried).unwrap();
    assert!(database.commit(late).await.is_err(), "what it read has changed");
}

#[tokio::test(start_paused = true)]
async fn damage_is_an_error() {
    let database = world().await;
    let carried = write(&database).await.carry().unwrap();
    for at in [0, 5, carried.writes.len() - 1] {
        let mut damaged = carried.clone();
        damaged.writes[at] ^= 0x10;
        assert!(begin(&database).resume(&damaged).is_err(), "byte {at}");
    }
    let short = CarriedTransaction { reads: vec![9], ..carried };
    assert!(begin(&database).resume(&short).is_err());
}
