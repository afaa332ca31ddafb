//! On a disk that fails and loses power.

use std::path::Path;

use super::memory_disk::{Fault, MemoryDisk, Operation};
use crate::env::Env;
use crate::log::local::LocalLogOptions;
use crate::log::local::store::Store;
use crate::log::{Append, LogEntry, LogError, conformance};

const OPTIONS: LocalLogOptions = LocalLogOptions { segment_bytes: 6_000, preallocate_bytes: 2_048 };

fn open(disk: &MemoryDisk) -> Store {
    Store::open(Box::new(disk.clone()), Path::new("log"), OPTIONS).expect("open")
}

fn append(store: &mut Store, n: u64, entry: &LogEntry) -> Result<Append, LogError> {
    store.append(n, &entry.nonce, &entry.encode().expect("small enough"), None)
}

fn read_all(store: &Store) -> Vec<LogEntry> {
    let mut entries: Vec<LogEntry> = Vec::new();
    loop {
        let more = store.read(store.first() + entries.len() as u64, 100).expect("read");
        if more.is_empty() {
            return entries;
        }
        entries.extend(more.into_iter().map(|(_, entry)| entry));
    }
}

#[test]
fn a_full_disk_leaves_the_log_as_it_was() {
    let env = Env::deterministic(1);
    // Every write and every file made fails in turn, after some of it was written.
    for operation in [Operation::Write, Operation::Sync, Operation::Create] {
        for written in [0, 5, 16, 40] {
            let disk = MemoryDisk::new();
            let mut store = open(&disk);
            let mut entries = Vec::new();
            for n in 1..=20 {
                let entry = conformance::sample_entry(&env, 800);
                disk.fail_from_now(Fault { operation, written, repair_works: true });
                match append(&mut store, n, &entry) {
                    // Zeros already written, or no new file needed.
                    Ok(outcome) => assert_eq!(outcome, Append::Appended),
                    Err(error) => {
                        assert!(matches!(error, LogError::DiskFull { .. }), "{error}");
                        assert_eq!(store.next(), n);
                        assert_eq!(read_all(&store), entries);
                        disk.heal();
                        assert_eq!(append(&mut store, n, &entry).expect("append"), Append::Appended);
                    }
                }
                disk.heal();
                entries.push(entry);
            }
            assert!(disk.failures() > 0);
            assert_eq!(read_all(&store), entries);
            drop(store);
            assert_eq!(read_all(&open(&disk)), entries);
        }
    }
}

#[test]
fn an_append_that_cannot_be_taken_back_is_unknown_until_it_can() {
    let env = Env::deterministic(2);
    let disk = MemoryDisk::new();
    let mut store = open(&disk);
    let [first, second] = [0, 1].map(|_| conformance::sample_entry(&env, 800));
    assert_eq!(append(&mut store, 1, &first).expect("append"), Append::Appended);
    disk.fail_from_now(Fault { operation: Operation::Sync, written: 0, repair_works: false });
    for _ in 0..3 {
        assert_eq!(append(&mut store, 2, &second).expect("undecided"), Append::Unknown);
        assert_eq!(store.next(), 2);
    }
    disk.heal();
    assert_eq!(append(&mut store, 2, &second).expect("append"), Append::Appended);
    assert_eq!(read_all(&store), [first, second]);
}

/// Power is lost at a random moment, with a random part of what was not synced on the disk, or only the program dies:
/// the log opens, has everything that was acknowledged, and beyond that at most the one entry under way.
#[test]
fn what_was_acknowledged_survives_power_failures() {
    for seed in 0..300 {
        let env = Env::deterministic(seed);
        let disk = MemoryDisk::new();
        let mut entries: Vec<LogEntry> = Vec::new();
        for _ in 0..6 {
            let mut store = open(&disk);
            let found = read_all(&store);
            assert!(found.len() == entries.len() || found.len() == entries.len() + 1, "seed {seed}");
            assert_eq!(found[..entries.len().min(found.len())], entries, "seed {seed}");
            entries = found;
            disk.lose_power_after(env.random_u64() % 60);
            loop {
                let entry = conformance::sample_entry(&env, (env.random_u64() % 4_000) as usize);
                match append(&mut store, entries.len() as u64 + 1, &entry) {
                    Ok(Append::Appended) => entries.push(entry),
                    _ => break,
                }
            }
            drop(store);
            if env.random_u64().is_multiple_of(3) { disk.survive() } else { disk.restore_power(&env) }
        }
    }
}
