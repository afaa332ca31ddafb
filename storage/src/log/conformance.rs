//! The suite that every [`CommitLog`] passes. The functions panic where a log breaks its promises.
//!
//! Each takes a log that is empty and that nobody else uses. [`run_all`] runs all but [`reopening`], which is for logs
//! that outlive the process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use smallvec::smallvec;
use tokio::sync::oneshot;

use super::{
    Append, CommitLog, Decided, EntryNumber, FaultRates, FaultyLog, KeyDelta, LogEntry, LogError, LoggedTransaction,
    LoggedWrite, Nonce, append_decided,
};
use crate::catalog::TabletId;
use crate::document::Document;
use crate::env::{Clock, Env, ManualClock};
use crate::id::{DocumentId, InternalId, TableNumber};
use crate::key::Key;

const WRITERS: usize = 16;
const ENTRIES_A_WRITER: usize = 8;

/// Runs the suite, each part on a log of its own, which `make` makes.
pub async fn run_all<L: CommitLog>(env: &Env, make: impl AsyncFn() -> L) {
    numbering(env, &make().await).await;
    contents(env, &make().await).await;
    repeating(env, &make().await).await;
    racing(env, Arc::new(make().await)).await;
    tail_reads(env, Arc::new(make().await)).await;
    trimming(env, &make().await).await;
    sealing(env, &make().await).await;
    unknown_outcomes(env, Arc::new(make().await)).await;
}

/// Runs the suite of logs that several processes write to. `open` opens the log of that name as another process would, with
/// its own clock and randomness.
pub async fn run_shared<L: CommitLog>(env: &Env, open: impl AsyncFn(&Env, &str) -> L) {
    racing_processes(env, async |env| open(env, "racing").await).await;
    following(env, async |env| open(env, "following").await).await;
    sealed_by_another(env, async |env| open(env, "sealed").await).await;
    stalled_writers(env, async |env| open(env, "stalled").await).await;
}

/// An entry with a nonce of its own and some of everything, about `size` bytes large.
pub fn sample_entry(env: &Env, size: usize) -> LogEntry {
    let ts = env.random_u64() >> 2;
    let transaction = |ts, documents: usize| {
        let writes = (0..documents).map(|number| sample_write(env, number, size / 4)).collect();
        Arc::new(LoggedTransaction { ts, writes, source: "messages.js:send".to_owned() })
    };
    LogEntry::new(env.random_bytes(), vec![transaction(ts, 3), transaction(ts + 7, 1)])
}

fn sample_write(env: &Env, number: usize, json_bytes: usize) -> LoggedWrite {
    let internal = InternalId(env.random_bytes());
    let id = DocumentId { table: TableNumber(10_001), internal };
    // Random, so that compression does not make every entry small.
    let mut body = vec![0; json_bytes / 2];
    env.entropy.fill(&mut body);
    let json = format!(r#"{{"body":"{}","n":{number}.5}}"#, hex::encode(body));
    let document = Document { id, creation_time: 1_785_000_000_000.25, size: json.len() as u32, json: json.into() };
    let key = |index: u32, field: &[u8]| Some(Key::from([&index.to_be_bytes()[..], field, &internal.0].concat()));
    let by_id = key(300, &[]);
    let keys = match number % 3 {
        0 => {
            smallvec![KeyDelta { removed: None, added: by_id }, KeyDelta { removed: None, added: key(302, b"general") }]
        }
        1 => smallvec![
            KeyDelta { removed: by_id.clone(), added: by_id },
            KeyDelta { removed: key(302, b"general"), added: key(302, b"random") },
        ],
        _ => {
            smallvec![KeyDelta { removed: by_id, added: None }, KeyDelta { removed: key(302, b"general"), added: None }]
        }
    };
    LoggedWrite { table: TabletId(77), id: internal, document: (number % 3 != 2).then(|| Arc::new(document)), keys }
}

/// Entries are numbered from 1 without gaps.
pub async fn numbering(env: &Env, log: &dyn CommitLog) {
    assert_eq!((head(log).await, first(log).await), (0, 1), "a new log is empty");
    assert_eq!(read_all(log, 1).await, []);
    let entry = sample_entry(env, 100);
    for n in [0, 2, u64::MAX] {
        match log.append_if_absent(n, &entry).await {
            Err(LogError::Gap { requested, next: 1 }) if requested == n => {}
            other => panic!("append at {n} to an empty log gave {other:?}"),
        }
    }
    let entries = append_many(env, log, 5, 100).await;
    assert_eq!((head(log).await, first(log).await), (5, 1));
    assert!(matches!(log.append_if_absent(7, &entry).await, Err(LogError::Gap { requested: 7, next: 6 })));
    assert_eq!(read_all(log, 1).await, entries);
    assert_eq!(read_all(log, 4).await, entries[3..]);
    assert_eq!(read(log, 2, 2).await, entries[1..3]);
    assert_eq!(read(log, 6, 10).await, []);
    assert_eq!(read(log, u64::MAX, 10).await, []);
    assert_eq!(read(log, 1, 0).await, []);
}

/// Entries come back as they were, whatever their size.
pub async fn contents(env: &Env, log: &dyn CommitLog) {
    let mut entries = vec![LogEntry::new(env.random_bytes(), Vec::new())];
    entries.extend([0, 1, 1_000, 60_000, 1 << 20, 5 << 20, 10].map(|size| sample_entry(env, size)));
    for (n, entry) in (1..).zip(&entries) {
        assert_eq!(append(log, n, entry).await, Append::Appended);
    }
    let numbered: Vec<_> = (1..).zip(entries).collect();
    assert_eq!(read_all(log, 1).await, numbered);
    for (n, entry) in numbered {
        assert_eq!(read(log, n, 1).await, [(n, entry)]);
    }
}

/// An entry that is there stays; who repeats it is told so, and who comes with another one is given it.
pub async fn repeating(env: &Env, log: &dyn CommitLog) {
    let entries = append_many(env, log, 3, 200).await;
    for (n, entry) in &entries {
        assert_eq!(append(log, *n, entry).await, Append::Appended, "repeated at {n}");
        let other = sample_entry(env, 200);
        assert_eq!(append(log, *n, &other).await, Append::Occupied(entry.clone()), "another one at {n}");
    }
    assert_eq!(read_all(log, 1).await, entries);
}

/// Of writers that race for a number exactly one gets it, and the others are given its entry.
pub async fn racing(env: &Env, log: Arc<dyn CommitLog>) {
    race(env, &log, |_| Arc::clone(&log)).await;
}

/// Writers that are often not told what became of an append find out, and nothing is lost or doubled.
pub async fn unknown_outcomes(env: &Env, log: Arc<dyn CommitLog>) {
    let faulty = |writer| {
        let faults = Env { entropy: Env::deterministic(writer as u64).entropy, ..env.clone() };
        Arc::new(FaultyLog::new(Arc::clone(&log), faults, FaultRates::NETWORK)) as Arc<dyn CommitLog>
    };
    race(env, &log, faulty).await;
}

/// As [`racing`], each writer with a log that it opened itself.
pub async fn racing_processes<L: CommitLog>(env: &Env, open: impl AsyncFn(&Env) -> L) {
    let mut logs: Vec<Arc<dyn CommitLog>> = Vec::new();
    for _ in 0..WRITERS {
        logs.push(Arc::new(open(env).await));
    }
    let reader: Arc<dyn CommitLog> = Arc::new(open(env).await);
    race(env, &reader, |number| Arc::clone(&logs[number])).await;
}

/// Who opened the log before sees what others append and forget, at once.
pub async fn following<L: CommitLog>(env: &Env, open: impl AsyncFn(&Env) -> L) {
    let (writer, reader) = (open(env).await, open(env).await);
    assert!(reader.is_shared());
    let mut entries = Vec::new();
    for n in 1..=150 {
        let entry = sample_entry(env, 100);
        assert_eq!(append(&writer, n, &entry).await, Append::Appended);
        entries.push((n, entry));
        if n % 10 == 1 {
            assert_eq!(read(&reader, n, 10).await, entries[n as usize - 1..], "after {n}");
        }
    }
    assert_eq!((head(&reader).await, head(&open(env).await).await), (150, 150));
    assert_eq!(read_all(&reader, 1).await, entries);
    writer.trim(140).await.expect("trim");
    let late = open(env).await;
    let kept = first(&late).await;
    assert_eq!((first(&reader).await, head(&late).await), (kept, 150));
    assert_eq!(read_all(&late, kept).await, entries[kept as usize - 1..]);
    let next = sample_entry(env, 100);
    assert_eq!(append(&reader, 151, &next).await, Append::Appended);
    assert_eq!(read(&writer, 151, 10).await, [(151, next)]);
}

/// Nobody appends beyond a seal, whether they have seen it or not.
pub async fn sealed_by_another<L: CommitLog>(env: &Env, open: impl AsyncFn(&Env) -> L) {
    let (writer, other) = (open(env).await, open(env).await);
    append_many(env, &writer, 3, 100).await;
    assert_eq!(read(&other, 1, 10).await.len(), 3);
    let seal = LogEntry::sealing(env.random_bytes(), "next");
    assert_eq!(append(&other, 4, &seal).await, Append::Appended);
    let refused = async |log: &L| {
        let appended = until_known(log, 5, &sample_entry(env, 10)).await;
        assert!(matches!(appended, Err(LogError::Sealed { entry: 4, .. })), "{appended:?}");
    };
    refused(&writer).await;
    refused(&other).await;
    writer.trim(4).await.expect("trim");
    refused(&open(env).await).await;
}

/// A writer that slept while its number was taken, trimmed and forgotten gets [`LogError::Trimmed`], never an acknowledgement.
/// (It slept for longer than a minute, for which entries are kept at least.)
pub async fn stalled_writers<L: CommitLog>(env: &Env, open: impl AsyncFn(&Env) -> L) {
    let clock = Arc::new(ManualClock::new(env.now_ns()));
    let slow = Env { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..env.clone() };
    let (writer, stalled, reader) = (open(env).await, open(&slow).await, open(&slow).await);
    append_many(env, &writer, 19, 100).await;
    assert_eq!(append(&stalled, 20, &sample_entry(env, 100)).await, Append::Appended);
    assert_eq!(read_all(&reader, 1).await.len(), 20);
    let mut entries = Vec::new();
    for n in 21..=40 {
        entries.push((n, sample_entry(env, 100)));
        assert_eq!(append(&writer, n, &entries[entries.len() - 1].1).await, Append::Appended);
    }
    writer.trim(30).await.expect("trim");
    clock.advance(Duration::from_secs(60));
    let kept = first(&writer).await;
    let trimmed = |result: Result<(), LogError>| {
        assert!(matches!(result, Err(LogError::Trimmed { first, .. }) if first == kept), "{result:?}");
    };
    if kept > 21 {
        trimmed(until_known(&stalled, 21, &sample_entry(env, 100)).await.map(drop));
        trimmed(reader.read(21, 10).await.map(drop));
    }
    for log in [&writer, &stalled, &reader] {
        assert_eq!((first(log).await, head(log).await), (kept, 40));
        assert_eq!(read_all(log, kept).await, entries[kept as usize - 21..]);
    }
}

async fn race(env: &Env, log: &Arc<dyn CommitLog>, mut log_of: impl FnMut(usize) -> Arc<dyn CommitLog>) {
    let mut writers = Vec::new();
    for number in 0..WRITERS {
        let (report, done) = oneshot::channel();
        let writer = Writer { env: env.clone(), log: log_of(number), won: Vec::new(), lost: Vec::new() };
        env.spawn("racing writer", async move {
            let _heard = report.send(writer.write().await);
        });
        writers.push(done);
    }
    let mut winners: BTreeMap<EntryNumber, Nonce> = BTreeMap::new();
    let mut losses = Vec::new();
    for writer in writers {
        let writer = writer.await.expect("a writer failed");
        for (n, nonce) in writer.won {
            assert_eq!(winners.insert(n, nonce), None, "two writers were told that they have entry {n}");
        }
        losses.extend(writer.lost);
    }
    let total = (WRITERS * ENTRIES_A_WRITER) as EntryNumber;
    assert!(winners.keys().copied().eq(1..=total), "gaps: {:?}", winners.keys());
    let entries: BTreeMap<_, _> = read_all(&**log, 1).await.into_iter().collect();
    assert!(
        entries.iter().map(|(n, entry)| (*n, entry.nonce)).eq(winners),
        "the log has other entries than the writers think"
    );
    for (n, winner) in losses {
        assert_eq!(entries.get(&n), Some(&winner), "a loser was given another entry {n}");
    }
}

struct Writer {
    env: Env,
    log: Arc<dyn CommitLog>,
    won: Vec<(EntryNumber, Nonce)>,
    lost: Vec<(EntryNumber, LogEntry)>,
}

impl Writer {
    /// Appends its entries at whatever numbers it can get.
    async fn write(mut self) -> Self {
        let mut n = 1;
        while self.won.len() < ENTRIES_A_WRITER {
            let entry = sample_entry(&self.env, 300);
            match append_decided(&*self.log, &self.env, n, &entry).await.expect("append") {
                Decided::Appended => self.won.push((n, entry.nonce)),
                Decided::Occupied(winner) => self.lost.push((n, winner)),
            }
            n += 1;
        }
        self
    }
}

/// Who reads after an append was answered sees it; and never sees a gap.
pub async fn tail_reads(env: &Env, log: Arc<dyn CommitLog>) {
    const ENTRIES: EntryNumber = 64;
    let (report, written) = oneshot::channel();
    let (acknowledge, mut acknowledged) = tokio::sync::watch::channel(0);
    let (writer_log, writer_env) = (Arc::clone(&log), env.clone());
    env.spawn("writer", async move {
        for n in 1..=ENTRIES {
            assert_eq!(append(&*writer_log, n, &sample_entry(&writer_env, 300)).await, Append::Appended);
            acknowledge.send_replace(n);
        }
        let _heard = report.send(());
    });
    let mut known = 0;
    while known < ENTRIES {
        acknowledged.wait_for(|n| *n > known).await.expect("the writer goes on");
        let promised = *acknowledged.borrow();
        assert!(head(&*log).await >= promised, "the head is older than what was acknowledged");
        let entries = read_all(&*log, known + 1).await;
        assert!(entries.len() as u64 >= promised - known, "entries that were acknowledged are missing");
        known += entries.len() as u64;
    }
    written.await.expect("the writer ends well");
}

/// Trimming forgets no more than it is allowed to, and numbers go on.
pub async fn trimming(env: &Env, log: &dyn CommitLog) {
    let mut entries = append_many(env, log, 40, 2_000).await;
    log.trim(0).await.expect("trim");
    assert_eq!(first(log).await, 1);
    let mut allowed = 0;
    for through in [10, 5, 25, 40, 1_000] {
        log.trim(through).await.expect("trim");
        allowed = through.clamp(allowed, 40);
        let first = first(log).await;
        assert!(first <= allowed + 1, "trimmed through {allowed}, but the first is {first}");
        assert_eq!(head(log).await, 40);
        assert_eq!(read_all(log, first).await, entries[first as usize - 1..]);
        if first > 1 {
            let read = log.read(first - 1, 1).await;
            assert!(matches!(read, Err(LogError::Trimmed { first: kept, .. }) if kept == first), "{read:?}");
            let appended = log.append_if_absent(first - 1, &sample_entry(env, 10)).await;
            assert!(matches!(appended, Err(LogError::Trimmed { .. })), "{appended:?}");
        }
    }
    let next = sample_entry(env, 100);
    assert_eq!(append(log, 41, &next).await, Append::Appended);
    entries.push((41, next));
    let first = first(log).await;
    assert_eq!(read_all(log, first).await, entries[first as usize - 1..]);
}

/// Nothing follows a seal, not even when all was trimmed.
pub async fn sealing(env: &Env, log: &dyn CommitLog) {
    let mut entries = append_many(env, log, 3, 200).await;
    let seal = LogEntry::sealing(env.random_bytes(), "0123456789abcdef");
    assert_eq!(append(log, 4, &seal).await, Append::Appended);
    assert_eq!(append(log, 4, &seal).await, Append::Appended, "repeated");
    let other = sample_entry(env, 100);
    assert_eq!(append(log, 4, &other).await, Append::Occupied(seal.clone()));
    entries.push((4, seal));
    assert_eq!(read_all(log, 1).await, entries);
    let refused = async |when| match log.append_if_absent(5, &other).await {
        Err(LogError::Sealed { entry: 4, successor }) if successor == "0123456789abcdef" => {}
        appended => panic!("append beyond a seal, {when}, gave {appended:?}"),
    };
    refused("at once").await;
    log.trim(4).await.expect("trim");
    refused("after it was trimmed").await;
    assert_eq!((head(log).await, read(log, 5, 10).await), (4, Vec::new()));
}

/// What was acknowledged is there after the log was closed (by dropping it) and opened again by `open`, as often as
/// that happens.
pub async fn reopening<L: CommitLog>(env: &Env, open: impl AsyncFn() -> L) {
    let mut entries = Vec::new();
    for round in 0..4 {
        let log = open().await;
        assert_eq!(head(&log).await, entries.len() as u64);
        assert_eq!(read_all(&log, 1).await, entries, "before round {round}");
        for _ in 0..10 {
            let (n, entry) = (entries.len() as u64 + 1, sample_entry(env, 3_000));
            assert_eq!(append(&log, n, &entry).await, Append::Appended);
            entries.push((n, entry));
        }
    }
    let log = open().await;
    log.trim(35).await.expect("trim");
    let kept = first(&log).await;
    drop(log);
    let log = open().await;
    assert_eq!((first(&log).await, head(&log).await), (kept, 40));
    assert_eq!(read_all(&log, kept).await, entries[kept as usize - 1..]);
    assert_eq!(append(&log, 41, &LogEntry::sealing(env.random_bytes(), "next")).await, Append::Appended);
    drop(log);
    let sealed = open().await.append_if_absent(42, &sample_entry(env, 10)).await;
    assert!(matches!(sealed, Err(LogError::Sealed { entry: 41, .. })), "{sealed:?}");
}

/// Appends, once more if the outcome is unknown, as it may be where the medium misbehaves.
async fn append(log: &dyn CommitLog, n: EntryNumber, entry: &LogEntry) -> Append {
    until_known(log, n, entry).await.expect("append")
}

/// Appends until it is known what came of it: an answer may be lost.
async fn until_known(log: &dyn CommitLog, n: EntryNumber, entry: &LogEntry) -> Result<Append, LogError> {
    for _ in 0..20 {
        match log.append_if_absent(n, entry).await {
            Ok(Append::Unknown) => {}
            known => return known,
        }
    }
    panic!("the outcome of an append stays unknown");
}

async fn append_many(env: &Env, log: &dyn CommitLog, count: u64, size: usize) -> Vec<(EntryNumber, LogEntry)> {
    let mut entries = Vec::new();
    for n in 1..=count {
        let entry = sample_entry(env, size);
        assert_eq!(append(log, n, &entry).await, Append::Appended);
        entries.push((n, entry));
    }
    entries
}

async fn head(log: &dyn CommitLog) -> EntryNumber {
    log.head().await.expect("head")
}

async fn first(log: &dyn CommitLog) -> EntryNumber {
    log.first().await.expect("first")
}

/// One answer, which must be without gaps and within `max`.
async fn read(log: &dyn CommitLog, from: EntryNumber, max: usize) -> Vec<(EntryNumber, LogEntry)> {
    let entries = log.read(from, max).await.expect("read");
    assert!(entries.len() <= max);
    assert!(entries.iter().zip(from..).all(|((n, _), expected)| *n == expected), "gaps");
    entries
}

/// Every entry from `from` on, in as many answers as it takes.
async fn read_all(log: &dyn CommitLog, from: EntryNumber) -> Vec<(EntryNumber, LogEntry)> {
    let mut entries: Vec<(EntryNumber, LogEntry)> = Vec::new();
    loop {
        let more = read(log, from + entries.len() as u64, 1_000).await;
        if more.is_empty() {
            return entries;
        }
        entries.extend(more);
    }
}
