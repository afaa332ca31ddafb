//! Random transactions run concurrently over a log that fails at random; replaying those that committed one after the other, in
//! the order of their timestamps, must give every read again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::CommitError;
use crate::database::Database;
use crate::env::Env;
use crate::id::DocumentId;
use crate::log::{FaultRates, FaultyLog, MemoryLog, Timestamp};
use crate::testing::{ROOT, World, all, collect, index, numbers, object, patch, range, scan};
use crate::transaction::{TableKind, Transaction};

#[derive(Clone, Debug)]
enum Operation {
    Get(DocumentId, Option<f64>),
    /// The least or greatest number of a group.
    First(u64, bool, Option<f64>),
    Group(u64, Vec<f64>),
    Count(u64),
    Insert(DocumentId, u64, f64),
    Patch(DocumentId, f64),
    Delete(DocumentId),
}

struct Done {
    /// Of each attempt its own.
    source: String,
    /// `None` if the log did not say in time whether it is committed.
    ts: Option<Timestamp>,
    writes: bool,
    operations: Vec<Operation>,
}

type Model = BTreeMap<DocumentId, (u64, f64)>;

#[tokio::test(start_paused = true)]
async fn committed_transactions_are_serializable() {
    for seed in 0..8 {
        run(seed, 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn those_of_two_writers_are_too() {
    for seed in 0..8 {
        run(seed, 2).await;
    }
}

/// Runs random transactions on so many databases that share a log.
async fn run(seed: u64, writers: usize) {
    let rates = FaultRates { disk_full: 0.05, ..FaultRates::NETWORK };
    let world = World::with_log(seed, |env| Arc::new(FaultyLog::new(MemoryLog::new(), env.clone(), rates)));
    let mut databases = vec![open_with_index(&world).await];
    while databases.len() < writers {
        databases.push(world.open().await);
    }
    let done = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let database = databases[task as usize % writers].clone();
            let (env, done) = (world.env.clone(), done.clone());
            let random = ChaCha8Rng::seed_from_u64(seed * 100 + task);
            tokio::spawn(async move { work(&database, &env, task, random, &done).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    // Until the last appends are decided.
    world.env.sleep(Duration::from_secs(3600)).await;
    let mut done = std::mem::take(&mut *done.lock());
    let logged = world.log.read(1, usize::MAX).await.unwrap();
    let logged = logged.iter().flat_map(|(_, entry)| &entry.transactions);
    let mut logged: BTreeMap<_, _> = logged
        .filter(|transaction| transaction.source.starts_with(|c: char| c.is_ascii_digit()))
        .map(|transaction| (transaction.source.clone(), transaction.ts))
        .collect();
    done.retain_mut(|done| {
        let ts = logged.remove(&done.source);
        if done.writes {
            assert!(done.ts.is_none() || done.ts == ts);
            done.ts = ts;
        }
        done.ts.is_some()
    });
    assert!(logged.is_empty(), "refused and yet committed: {logged:?}");
    assert!(done.iter().filter(|done| done.writes).count() > 50);
    done.sort_by_key(|done| (done.ts, !done.writes));
    let mut model = Model::new();
    for done in &done {
        replay(&mut model, done);
    }
    drop(databases);
    let database = world.open().await;
    let mut tx = database.begin(database.latest(), "test");
    let mut stored = numbers(&collect(&mut tx, &scan("t", "asc", "[]")).await.unwrap());
    let mut expected: Vec<_> = model.values().map(|(_, n)| *n).collect();
    stored.sort_by(f64::total_cmp);
    expected.sort_by(f64::total_cmp);
    assert_eq!(stored, expected);
}

async fn open_with_index(world: &World) -> Arc<Database> {
    // The set-up does not expect failures.
    let calm = World::new(0);
    let calm = World { env: world.env.clone(), ..calm };
    let database = calm.open().await;
    index(&database, "t", "by_group", &["group", "n"]).await;
    for (number, entry) in calm.log.read(1, 100).await.unwrap() {
        while !matches!(world.log.append_if_absent(number, &entry).await, Ok(crate::log::Append::Appended)) {}
    }
    world.open().await
}

async fn work(database: &Database, env: &Env, task: u64, mut random: ChaCha8Rng, done: &Mutex<Vec<Done>>) {
    for attempt in 0..40 {
        let snapshot = if random.random_bool(0.2) { database.latest() } else { database.head() };
        let source = format!("{task}/{attempt}");
        let mut tx = database.begin(snapshot, &source);
        let mut operations = Vec::new();
        for _ in 0..random.random_range(1..5) {
            operations.push(operate(&mut tx, &mut random).await);
            env.sleep(Duration::from_micros(random.random_range(0..2000))).await;
        }
        let writes = !tx.is_read_only();
        match database.commit(tx).await {
            Ok(committed) => done.lock().push(Done { source, ts: Some(committed.ts), writes, operations }),
            Err(CommitError::Unavailable(reason)) if reason.contains("has not said") => {
                done.lock().push(Done { source, ts: None, writes, operations });
            }
            Err(CommitError::Conflict(_) | CommitError::Unavailable(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

async fn operate(tx: &mut Transaction, random: &mut impl Rng) -> Operation {
    let group = random.random_range(0..3);
    let known = tx.snapshot().catalog().table(ROOT, "t").unwrap().by_id;
    let known: Vec<_> = all(tx.snapshot(), known).await.iter().map(|document| document.id).collect();
    let id = (!known.is_empty()).then(|| known[random.random_range(0..known.len())]);
    let n = random.random_range(0..100).into();
    match (random.random_range(0..8), id) {
        (0, Some(id)) => {
            let found = tx.get(ROOT, id, TableKind::User).await.unwrap();
            Operation::Get(id, found.map(|document| numbers(&[document])[0]))
        }
        (1, _) => {
            let last = random.random_bool(0.5);
            let order = if last { "desc" } else { "asc" };
            let query = range("t.by_group", &equal(group), order, r#"[{"limit":1}]"#);
            Operation::First(group, last, numbers(&collect(tx, &query).await.unwrap()).first().copied())
        }
        (2, _) => {
            let query = range("t.by_group", &equal(group), "asc", "[]");
            Operation::Group(group, numbers(&collect(tx, &query).await.unwrap()))
        }
        (3, _) if random.random_bool(0.3) => Operation::Count(tx.count(ROOT, "t").await.unwrap()),
        (4 | 5, Some(id)) if tx.get(ROOT, id, TableKind::User).await.unwrap().is_some() => {
            tx.patch(ROOT, id, patch(&format!(r#"{{"n":{n}}}"#))).await.unwrap();
            Operation::Patch(id, n)
        }
        (6, Some(id)) if tx.get(ROOT, id, TableKind::User).await.unwrap().is_some() => {
            tx.delete(ROOT, id).await.unwrap();
            Operation::Delete(id)
        }
        _ => {
            let id = tx.insert(ROOT, "t", object(&format!(r#"{{"group":{group},"n":{n}}}"#))).await.unwrap();
            Operation::Insert(id, group, n)
        }
    }
}

fn equal(group: u64) -> String {
    format!(r#"[{{"type":"Eq","fieldPath":"group","value":{group}}}]"#)
}

fn replay(model: &mut Model, done: &Done) {
    for operation in &done.operations {
        let group_of = |model: &Model, group: u64| {
            let mut numbers: Vec<_> = model.values().filter(|(of, _)| *of == group).map(|(_, n)| *n).collect();
            numbers.sort_by(f64::total_cmp);
            numbers
        };
        match operation {
            Operation::Get(id, seen) => assert_eq!(model.get(id).map(|(_, n)| *n), *seen),
            Operation::First(group, last, seen) => {
                let numbers = group_of(model, *group);
                assert_eq!(if *last { numbers.last() } else { numbers.first() }.copied(), *seen);
            }
            Operation::Group(group, seen) => assert_eq!(group_of(model, *group), *seen),
            Operation::Count(seen) => assert_eq!(model.len() as u64, *seen),
            Operation::Insert(id, group, n) => {
                model.insert(*id, (*group, *n));
            }
            Operation::Patch(id, n) => model.get_mut(id).expect("it was there").1 = *n,
            Operation::Delete(id) => {
                model.remove(id).expect("it was there");
            }
        }
    }
}
