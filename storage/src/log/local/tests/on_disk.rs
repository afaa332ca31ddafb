//! On the real file system.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::env::Env;
use crate::log::local::frame::{file_header, frame};
use crate::log::{CommitLog, LocalLog, LocalLogOptions, LogEntry, OpenLogError, conformance};

/// Small files, so that the suite rolls and trims.
const SMALL: LocalLogOptions = LocalLogOptions { segment_bytes: 20_000, preallocate_bytes: 8_192 };

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_local_log_conforms() {
    let env = Env::deterministic(1);
    let directory = tempfile::tempdir().expect("a directory");
    for options in [LocalLogOptions::default(), SMALL] {
        let made = AtomicU32::new(0);
        let make = async || {
            let name = format!("{}-{}", options.segment_bytes, made.fetch_add(1, Ordering::Relaxed));
            LocalLog::open_with(directory.path().join(name), &env, options).await.expect("open")
        };
        conformance::run_all(&env, make).await;
    }
}

#[tokio::test]
async fn the_local_log_survives_reopening() {
    let env = Env::deterministic(2);
    for options in [LocalLogOptions::default(), SMALL] {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("made/on/demand");
        let open = async || LocalLog::open_with(&path, &env, options).await.expect("open");
        conformance::reopening(&env, open).await;
    }
}

#[tokio::test]
async fn a_directory_has_one_log_at_a_time() {
    let env = Env::system();
    let directory = tempfile::tempdir().expect("a directory");
    let log = LocalLog::open(directory.path(), &env).await.expect("open");
    let error = LocalLog::open(directory.path(), &env).await.err().expect("a second one is refused");
    assert!(matches!(error, OpenLogError::Locked { .. }));
    assert!(
        error.to_string().contains(&directory.path().display().to_string())
            && error.to_string().contains("another process")
    );
    drop(log);
    LocalLog::open(directory.path(), &env).await.expect("free again");
}

#[tokio::test]
async fn a_closed_log_has_no_zeros_behind() {
    let env = Env::system();
    let directory = tempfile::tempdir().expect("a directory");
    let log = LocalLog::open(directory.path(), &env).await.expect("open");
    log.append_if_absent(1, &conformance::sample_entry(&env, 100)).await.expect("append");
    let length = || std::fs::metadata(directory.path().join("00000000000000000001.wal")).expect("the file").len();
    assert!(length() > 1 << 20);
    drop(log);
    assert!(length() < 4_096);
}

/// A file of version 1 is laid out and read as ever. If this fails, the format has changed: that takes a new version.
#[tokio::test]
async fn version_1_of_the_file_is_read_as_ever() {
    let golden = include_bytes!("../../golden/log-v1.wal");
    let entries: [&[u8]; 2] =
        [include_bytes!("../../golden/entry-v1.bin"), include_bytes!("../../golden/entry-v1-lz4.bin")];
    let built = [&file_header(1)[..], &frame(1, entries[0]), &frame(2, entries[1])].concat();
    assert_eq!(hex::encode(built), hex::encode(golden));

    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("00000000000000000001.wal"), golden).expect("write");
    let log = LocalLog::open(directory.path(), &Env::system()).await.expect("open");
    let expected = entries.map(|entry| LogEntry::decode(entry).expect("golden"));
    let read = log.read(1, 10).await.expect("read");
    assert!(read.into_iter().eq((1..).zip(expected)));
}
