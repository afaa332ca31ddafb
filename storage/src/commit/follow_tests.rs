use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::fresh::FreshLog;
use super::{CommitError, CommitStream};
use crate::database::{Database, DatabaseOptions, Upkeep};
use crate::env::{Env, ManualClock, SIMULATED_EPOCH_NS};
use crate::log::{Append, CommitLog, EntryNumber, LogEntry, LogError, MemoryLog, Seal};
use crate::testing::{ROOT, World, begin, collect, insert, is_conflict, numbers, object, patch, scan};
use crate::transaction::TableKind;

/// A log far away: requests and answers take a while, or do not get through at all for a time.
struct FarLog {
    log: Arc<MemoryLog>,
    env: Env,
    /// How long a request and an answer take, in microseconds: at least, and at most.
    way_us: (u64, u64),
    open: watch::Sender<bool>,
    reads: AtomicUsize,
}

impl FarLog {
    fn new(world: &World, log: &Arc<MemoryLog>, way_us: (u64, u64)) -> Arc<Self> {
        let (log, env) = (log.clone(), world.env.clone());
        Arc::new(FarLog { log, env, way_us, open: watch::Sender::new(true), reads: AtomicUsize::default() })
    }

    async fn travel(&self) {
        let (least, most) = self.way_us;
        let us = least + self.env.random_u64() % (most - least + 1);
        self.env.sleep(Duration::from_micros(us)).await;
        self.open.subscribe().wait_for(|open| *open).await.unwrap();
    }
}

#[async_trait]
impl CommitLog for FarLog {
    async fn append_if_absent(&self, n: EntryNumber, entry: &LogEntry) -> Result<Append, LogError> {
        self.travel().await;
        let answer = self.log.append_if_absent(n, entry).await;
        self.travel().await;
        answer
    }

    async fn read(&self, from: EntryNumber, max: usize) -> Result<Vec<(EntryNumber, LogEntry)>, LogError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.travel().await;
        let answer = self.log.read(from, max).await;
        self.travel().await;
        answer
    }

    async fn head(&self) -> Result<EntryNumber, LogError> {
        self.travel().await;
        self.log.head().await
    }

    async fn first(&self) -> Result<EntryNumber, LogError> {
        self.log.first().await
    }

    async fn trim(&self, through: EntryNumber) -> Result<(), LogError> {
        self.log.trim(through).await
    }

    fn is_shared(&self) -> bool {
        true
    }
}

/// Two databases, each with its own way to one log and one store.
async fn two(ways: [(u64, u64); 2]) -> (World, Arc<MemoryLog>, [Arc<FarLog>; 2], [Arc<Database>; 2]) {
    let log = Arc::new(MemoryLog::new());
    let mut world = World::with_log(1, |_| log.clone());
    let logs = ways.map(|way| FarLog::new(&world, &log, way));
    world.log = logs[0].clone();
    let a = world.open().await;
    insert(&a, "t", r#"{"n":0}"#).await;
    world.log = logs[1].clone();
    let b = world.open().await;
    (world, log, logs, [a, b])
}

async fn stored(database: &Database) -> Vec<f64> {
    let mut tx = database.begin(database.latest(), "test");
    let mut numbers = numbers(&collect(&mut tx, &scan("t", "asc", "[]")).await.unwrap());
    numbers.sort_by(f64::total_cmp);
    numbers
}

/// Commits as often as possible for ten seconds, from eight tasks; how many succeeded.
async fn busy(database: Arc<Database>) -> usize {
    let until = database.env().monotonic_ns() + 10_000_000_000;
    let tasks = (0..8).map(|_| {
        let database = database.clone();
        tokio::spawn(async move {
            let mut count = 0;
            while database.env().monotonic_ns() < until {
                let mut tx = begin(&database);
                tx.insert(ROOT, "t", object(r#"{"n":1}"#)).await.unwrap();
                match database.commit(tx).await {
                    Ok(_) => count += 1,
                    Err(error) => assert!(is_conflict(&error), "{error}"),
                }
            }
            count
        })
    });
    futures::future::join_all(tasks).await.into_iter().map(Result::unwrap).sum()
}

#[tokio::test(start_paused = true)]
async fn two_committers_share_a_log_fairly() {
    // The same way for both, always as long or not; or one is twice as far away.
    let near = (2500, 2500);
    for (ways, least) in [([near, near], 3), ([(1000, 6000), (1000, 6000)], 3), ([(5000, 5000), near], 5)] {
        let (_, log, _, [a, b]) = two(ways).await;
        let alone = busy(a.clone()).await;
        let before = log.head().await.unwrap();
        let (of_a, of_b) = tokio::join!(busy(a.clone()), busy(b.clone()));
        let entries = log.head().await.unwrap() - before;
        let total = of_a + of_b;
        assert!(of_a.min(of_b) * least >= total, "{ways:?}: {of_a} and {of_b} of {entries} entries, alone {alone}");
        // Sharing costs something, but not most of it.
        assert!(total * 2 > alone, "{ways:?}: {of_a} and {of_b}, alone {alone}");
    }
}

#[tokio::test(start_paused = true)]
async fn latest_follows_other_writers() {
    let (_, _, _, [a, b]) = two([(1000, 2000); 2]).await;
    let mut commits: CommitStream = b.commits();
    for n in 1..20 {
        insert(&a, "t", &format!(r#"{{"n":{n}}}"#)).await;
    }
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(stored(&b).await.len(), 20);
    let mut heard = 0;
    while let Some(batch) = commits.try_next() {
        assert!(b.latest().ts() >= batch.ts_to);
        heard += batch.transactions.iter().filter(|transaction| !transaction.writes.is_empty()).count();
    }
    assert_eq!(heard, 19);
    // While entries come, there is no long wait for the next.
    let started = tokio::time::Instant::now();
    insert(&a, "t", r#"{"n":20}"#).await;
    commits.next().await.unwrap();
    insert(&a, "t", r#"{"n":21}"#).await;
    commits.next().await.unwrap();
    assert!(started.elapsed() < Duration::from_millis(1200));
}

#[tokio::test(start_paused = true)]
async fn who_is_told_of_commits_hardly_looks_for_them() {
    let (world, _, logs, [a, b]) = two([(1000, 2000); 2]).await;
    // Until the entries of the start are old.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let before = logs[1].reads.load(Ordering::SeqCst);
    for n in 1..=10 {
        insert(&a, "t", &format!(r#"{{"n":{n}}}"#)).await;
        b.refresh_through(a.entry()).await.unwrap();
        assert_eq!(stored(&b).await.len(), 1 + n);
        tokio::time::sleep(Duration::from_millis(2500)).await;
    }
    let reads = logs[1].reads.load(Ordering::SeqCst) - before;
    // One a second, and one for each commit. Before the first was told of, a look may have come first, and those after it come soon.
    assert!(reads <= 25 + 10 + 13, "{reads}");
    let said = b.entry() + 7;
    tokio::time::timeout(Duration::from_secs(1), b.refresh_through(said)).await.expect("soon").unwrap();
    // Also where what is told always comes later than a look could.
    let (before, began) = (logs[1].reads.load(Ordering::SeqCst), world.env.monotonic_ns());
    for n in 1..=200 {
        insert(&a, "t", &format!(r#"{{"n":{n}}}"#)).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
        b.refresh_through(a.entry()).await.unwrap();
    }
    let seconds = (world.env.monotonic_ns() - began) / 1_000_000_000;
    let reads = logs[1].reads.load(Ordering::SeqCst) - before;
    assert!(reads as u64 <= 200 + 2 * seconds, "{reads} in {seconds} s");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_sees_everything_committed_before_it() {
    let (_, _, logs, [a, b]) = two([(1000, 2000); 2]).await;
    for n in 1..50 {
        insert(&a, "t", &format!(r#"{{"n":{n}}}"#)).await;
        b.refresh().await.unwrap();
        assert_eq!(stored(&b).await.len(), 1 + n);
    }
    // While both commit all the time, too, and many ask at once.
    let busy = [busy(a.clone()), busy(b.clone())].map(tokio::spawn);
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(37)).await;
        let newest = a.latest().ts();
        let before = logs[1].reads.load(Ordering::SeqCst);
        let all = futures::future::join_all((0..50).map(|_| b.refresh())).await;
        assert!(all.iter().all(Result::is_ok));
        assert!(b.latest().ts() >= newest);
        assert!(logs[1].reads.load(Ordering::SeqCst) - before < 40);
    }
    for busy in busy {
        busy.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_can_be_spared_where_nobody_else_commits() {
    let (world, _, logs, [a, _]) = two([(1000, 2000); 2]).await;
    let seconds = |n: u64| tokio::time::sleep(Duration::from_millis(n * 1000 + 100));
    let options = DatabaseOptions { upkeep: Upkeep::Suspended, ..world.options().await };
    let b = Database::open(options).await.unwrap();
    assert!(!b.is_likely_fresh(), "nothing is known of others yet");
    seconds(5).await;
    assert!(!b.is_likely_fresh(), "it has not looked for long");
    b.refresh().await.unwrap();
    assert!(b.is_likely_fresh());
    insert(&b, "t", r#"{"n":1}"#).await;
    seconds(1).await;
    assert!(!b.is_likely_fresh());
    let before = logs[1].reads.load(Ordering::SeqCst);
    for n in 2..30 {
        // An append says where the end of the log is, too.
        insert(&b, "t", &format!(r#"{{"n":{n}}}"#)).await;
        assert!(b.is_likely_fresh());
        tokio::time::sleep(Duration::from_millis(900)).await;
    }
    assert_eq!(logs[1].reads.load(Ordering::SeqCst), before);
    // Others may delete the segments that it knows.
    let until = world.env.monotonic_ns() + (world.segments.grace / 3).as_nanos() as u64;
    while b.is_likely_fresh() {
        assert!(world.env.monotonic_ns() < until, "it has not looked for newer segments");
        insert(&b, "t", r#"{"n":30}"#).await;
        tokio::time::sleep(Duration::from_millis(900)).await;
    }
    b.refresh().await.unwrap();
    assert!(b.is_likely_fresh());
    insert(&a, "t", r#"{"n":31}"#).await;
    b.refresh().await.unwrap();
    assert!(!b.is_likely_fresh(), "somebody else commits");
    seconds(5).await;
    b.refresh().await.unwrap();
    assert!(b.is_likely_fresh());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_committed_after_a_seal() {
    let (world, log, _, [a, b]) = two([(1000, 2000); 2]).await;
    let n = log.head().await.unwrap() + 1;
    let seal = Seal { successor: "0123456789abcdef".to_owned() };
    let entry = LogEntry { nonce: [7; 16], transactions: Vec::new(), seal: Some(seal) };
    assert_eq!(log.append_if_absent(n, &entry).await.unwrap(), Append::Appended);
    // One meets it when it appends, the other one when it follows.
    let mut tx = begin(&a);
    tx.insert(ROOT, "t", object(r#"{"n":1}"#)).await.unwrap();
    let expected =
        "the deployment was restored to an earlier time, and goes on as timeline `0123456789abcdef`: restart";
    for _ in 0..2 {
        let mut tx = begin(&a);
        tx.insert(ROOT, "t", object(r#"{"n":1}"#)).await.unwrap();
        let Err(CommitError::Unavailable(reason)) = a.commit(tx).await else { panic!("it is sealed") };
        assert_eq!(reason, expected);
    }
    for database in [&a, &b] {
        assert_eq!(database.sealed().await, "0123456789abcdef");
        database.refresh().await.unwrap();
        assert_eq!(stored(database).await, [0.0]);
        let mut commits = database.commits();
        database.close().await.unwrap();
        assert!(commits.next().await.is_none());
    }
    // Who comes later learns it at once; what was closed has the seal in segments.
    let late = world.open().await;
    let sealed = tokio::time::timeout(Duration::from_millis(1), late.sealed()).await;
    assert_eq!(sealed.expect("at once"), "0123456789abcdef");
    assert_eq!(stored(&late).await, [0.0]);
    assert_eq!(log.head().await.unwrap(), n);
}

/// A log that has forgotten what it was trimmed of, as a key-value store has.
struct Forgetful(MemoryLog);

#[async_trait]
impl CommitLog for Forgetful {
    async fn append_if_absent(&self, n: EntryNumber, entry: &LogEntry) -> Result<Append, LogError> {
        match self.0.append_if_absent(n, entry).await {
            Err(LogError::Trimmed { .. }) => Ok(Append::Appended),
            other => other,
        }
    }

    async fn read(&self, from: EntryNumber, max: usize) -> Result<Vec<(EntryNumber, LogEntry)>, LogError> {
        self.0.read(from, max).await
    }

    async fn head(&self) -> Result<EntryNumber, LogError> {
        self.0.head().await
    }

    async fn first(&self) -> Result<EntryNumber, LogError> {
        self.0.first().await
    }

    async fn trim(&self, through: EntryNumber) -> Result<(), LogError> {
        self.0.trim(through).await
    }

    fn is_shared(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_writer_that_was_away_looks_before_it_appends() {
    let entry = |nonce| LogEntry { nonce: [nonce; 16], transactions: Vec::new(), seal: None };
    let clock = Arc::new(ManualClock::new(SIMULATED_EPOCH_NS));
    let env = Env { clock: clock.clone(), ..Env::deterministic(1) };
    let log = Arc::new(Forgetful(MemoryLog::new()));
    let fresh = FreshLog::new(log.clone(), env);
    assert_eq!(fresh.append_if_absent(1, &entry(1)).await.unwrap(), Append::Appended);
    log.append_if_absent(2, &entry(2)).await.unwrap();
    clock.advance(Duration::from_secs(61));
    assert_eq!(fresh.append_if_absent(2, &entry(3)).await.unwrap(), Append::Occupied(entry(2)));
    for n in 3..9 {
        log.append_if_absent(n, &entry(4)).await.unwrap();
    }
    log.trim(8).await.unwrap();
    // This is what must not happen.
    assert_eq!(fresh.append_if_absent(3, &entry(3)).await.unwrap(), Append::Appended);
    // A clock set back does not hide that time has passed, nor does one that stands still.
    clock.set_wall(SIMULATED_EPOCH_NS);
    clock.advance(Duration::from_secs(61));
    assert!(matches!(fresh.append_if_absent(3, &entry(3)).await, Err(LogError::Trimmed { .. })));
    clock.set_wall(SIMULATED_EPOCH_NS + 3_600_000_000_000);
    assert!(matches!(fresh.append_if_absent(3, &entry(3)).await, Err(LogError::Trimmed { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_writer_cut_off_for_too_long_starts_again_from_the_manifest() {
    for commits_meanwhile in [false, true] {
        let (_, log, logs, [a, b]) = two([(1000, 2000); 2]).await;
        let x = insert(&a, "t", r#"{"n":1}"#).await;
        b.refresh().await.unwrap();
        let mut commits = b.commits();
        let mut old = begin(&b);
        old.patch(ROOT, x, patch(r#"{"n":7}"#)).await.unwrap();
        logs[1].open.send_replace(false);
        if commits_meanwhile {
            let mut tx = begin(&b);
            tx.insert(ROOT, "t", object(r#"{"n":8}"#)).await.unwrap();
            assert!(matches!(b.commit(tx).await, Err(CommitError::Unavailable(_))));
        }
        let mut patched = begin(&a);
        patched.patch(ROOT, x, patch(r#"{"n":2}"#)).await.unwrap();
        a.commit(patched).await.unwrap();
        a.checkpoint().await.unwrap();
        log.trim(log.head().await.unwrap()).await.unwrap();
        insert(&a, "t", r#"{"n":3}"#).await;
        tokio::time::sleep(Duration::from_secs(100)).await;
        logs[1].open.send_replace(true);
        let gap = commits.next().await.unwrap();
        assert!(gap.is_gap && gap.transactions.is_empty() && gap.ts_to <= b.latest().ts());
        b.refresh().await.unwrap();
        assert_eq!(stored(&b).await, [0.0, 2.0, 3.0]);
        assert!(is_conflict(&b.commit(old).await.unwrap_err()));
        let mut tx = begin(&b);
        assert!(tx.get(ROOT, x, TableKind::User).await.unwrap().unwrap().json.contains(r#""n":2"#));
        tx.patch(ROOT, x, patch(r#"{"n":4}"#)).await.unwrap();
        b.commit(tx).await.unwrap();
        a.refresh().await.unwrap();
        assert_eq!(stored(&a).await, [0.0, 3.0, 4.0]);
    }
}
