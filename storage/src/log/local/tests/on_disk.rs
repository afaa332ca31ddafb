//! On the real file system.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::env::Env;
use crate::log::local::frame::{file_header, frame};
use crate::log::{CommitLog, LocalLog, LocalLogOptions, LogEntry, LogError, OpenLogError, conformance};

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

#[tokio::test]
async fn a_log_that_another_process_has_can_be_looked_into() {
    let env = Env::deterministic(3);
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log");
    let empty = LocalLog::read_only(&path, &env).await.expect("open");
    assert_eq!((empty.head().await.expect("head"), path.exists()), (0, false));

    let log = LocalLog::open_with(&path, &env, SMALL).await.expect("open");
    for n in 1..=40 {
        log.append_if_absent(n, &conformance::sample_entry(&env, 2_000)).await.expect("append");
    }
    log.trim(20).await.expect("trim");
    let first = log.first().await.expect("first");
    // As a torn append would, but it is being written.
    let newest =
        std::fs::read_dir(&path).expect("list").map(|file| file.expect("a file").path()).max().expect("a file");
    let files = || {
        let files = std::fs::read_dir(&path).expect("list").map(|file| file.expect("a file").path());
        let mut files: Vec<_> = files.map(|path| (std::fs::read(&path).expect("read"), path)).collect();
        files.sort();
        files
    };
    let torn = frame(41, &[7; 3_000]);
    let end = {
        let copy = directory.path().join("copy");
        std::fs::create_dir(&copy).expect("create");
        for (content, path) in files() {
            std::fs::write(copy.join(path.file_name().expect("a file")), content).expect("write");
        }
        drop(LocalLog::open(&copy, &env).await.expect("open"));
        std::fs::metadata(copy.join(newest.file_name().expect("a file"))).expect("the file").len()
    };
    let file = std::fs::OpenOptions::new().write(true).open(&newest).expect("open");
    std::os::unix::fs::FileExt::write_all_at(&file, &torn[..16], end).expect("write");
    let before = files();

    let looked = LocalLog::read_only(&path, &env).await.expect("open");
    assert_eq!((looked.first().await.expect("first"), looked.head().await.expect("head")), (first, 40));
    assert_eq!(looked.read(first, 100).await.expect("read"), log.read(first, 100).await.expect("read"));
    let appended = looked.append_if_absent(41, &conformance::sample_entry(&env, 10)).await;
    assert!(matches!(appended, Err(LogError::ReadOnly { .. })), "{appended:?}");
    assert!(matches!(looked.trim(40).await, Err(LogError::ReadOnly { .. })));
    drop(looked);
    assert!(files() == before, "looking has changed a file");
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
