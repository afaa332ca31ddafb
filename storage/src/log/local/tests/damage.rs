//! What a log makes of files that are not as it left them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::env::Env;
use crate::log::local::frame::{FILE_HEADER_BYTES, FRAME_HEADER_BYTES, FrameHeader};
use crate::log::{
    Append, CommitLog, EntryNumber, LocalLog, LocalLogOptions, LogEntry, LogError, OpenLogError, conformance,
};

/// A directory with a log of `entries` that was closed, and where each entry begins in its file.
struct Written {
    directory: tempfile::TempDir,
    env: Env,
    options: LocalLogOptions,
    entries: Vec<LogEntry>,
}

impl Written {
    async fn new(entries: usize, segment_bytes: u64) -> Self {
        let env = Env::deterministic(entries as u64);
        let directory = tempfile::tempdir().expect("a directory");
        let options = LocalLogOptions { segment_bytes, preallocate_bytes: 4_096 };
        let entries: Vec<_> = (0..entries).map(|_| conformance::sample_entry(&env, 1_500)).collect();
        let written = Self { directory, env, options, entries };
        let log = written.open().await.expect("open");
        for (n, entry) in (1..).zip(&written.entries) {
            assert_eq!(log.append_if_absent(n, entry).await.expect("append"), Append::Appended);
        }
        written
    }

    async fn open(&self) -> Result<LocalLog, OpenLogError> {
        LocalLog::open_with(self.directory.path(), &self.env, self.options).await
    }

    /// The log opens, has exactly the first `kept` entries, and goes on.
    async fn expect_kept(&self, kept: usize) {
        let log = self.open().await.expect("open");
        let read = log.read(1, usize::MAX).await.expect("read");
        assert_eq!(read.len(), kept);
        assert!(read.iter().map(|(_, entry)| entry).eq(&self.entries[..kept]));
        let next = kept as EntryNumber + 1;
        let appended = log.append_if_absent(next, &conformance::sample_entry(&self.env, 50)).await;
        assert_eq!(appended.expect("append"), Append::Appended);
        drop(log);
        assert_eq!(self.open().await.expect("open again").head().await.expect("head"), next);
    }

    /// The log does not open, and the error names `file` and `offset`.
    async fn expect_corrupt(&self, file: &Path, offset: usize) {
        let before = fs::read(file).expect("read");
        match self.open().await.err() {
            Some(OpenLogError::Log(error @ LogError::Corrupt { .. })) => {
                let message = error.to_string();
                assert!(
                    message.contains(&file.display().to_string()) && message.contains(&format!("byte {offset}:")),
                    "{message}"
                );
            }
            other => panic!("expected corruption at {offset}, got {other:?}"),
        }
        assert_eq!(fs::read(file).expect("read"), before, "a corrupt file was changed");
    }

    fn file(&self, first: EntryNumber) -> PathBuf {
        self.directory.path().join(format!("{first:020}.wal"))
    }
}

/// Where the frames of a file begin, and where the last one ends.
fn offsets(bytes: &[u8]) -> Vec<usize> {
    let mut offsets = vec![FILE_HEADER_BYTES];
    let mut at = FILE_HEADER_BYTES;
    while let Some(header) = FrameHeader::decode(&bytes[at..]) {
        at += header.frame_bytes() as usize;
        offsets.push(at);
    }
    offsets
}

#[tokio::test]
async fn a_tail_cut_anywhere_loses_the_last_entry_only() {
    let mut written = Written::new(3, 1 << 20).await;
    let file = written.file(1);
    let whole = fs::read(&file).expect("read");
    let frames = offsets(&whole);
    let (start, end) = (frames[2], frames[3]);
    assert_eq!(end, whole.len());
    for cut in [start + 1, start + FRAME_HEADER_BYTES - 1, start + FRAME_HEADER_BYTES, (start + end) / 2, end - 1] {
        fs::write(&file, &whole[..cut]).expect("write");
        written.expect_kept(2).await;
        // The same, where zeros were written ahead: a disk writes whole sectors.
        let sector = cut.next_multiple_of(512);
        if sector < end {
            let mut padded = whole[..sector].to_vec();
            padded.resize(end + 3_000, 0);
            fs::write(&file, &padded).expect("write");
            written.expect_kept(2).await;
        }
    }
    fs::write(&file, &whole[..start]).expect("write");
    written.expect_kept(2).await;
    fs::write(&file, &whole).expect("write");
    written.entries.truncate(3);
    written.expect_kept(3).await;
}

#[tokio::test]
async fn a_missing_sector_in_the_last_entry_is_a_torn_append() {
    let written = Written::new(3, 1 << 20).await;
    let file = written.file(1);
    let mut bytes = fs::read(&file).expect("read");
    let frames = offsets(&bytes);
    let sector = (frames[2] / 512 + 1) * 512;
    bytes[sector..sector + 512].fill(0);
    fs::write(&file, &bytes).expect("write");
    written.expect_kept(2).await;
}

#[tokio::test]
async fn rubbish_after_the_end_is_cut_off() {
    let written = Written::new(2, 1 << 20).await;
    let file = written.file(1);
    let whole = fs::read(&file).expect("read");
    for rubbish in [&b"x"[..], &[0xaa; 300], b"not an entry of any log that there ever was"] {
        fs::write(&file, [&whole[..], rubbish].concat()).expect("write");
        written.expect_kept(2).await;
    }
}

#[tokio::test]
async fn a_flipped_bit_in_any_entry_is_an_error() {
    let written = Written::new(4, 1 << 20).await;
    let file = written.file(1);
    let whole = fs::read(&file).expect("read");
    for frame in offsets(&whole)[..4].iter().copied() {
        for within in [0, 4, 13, FRAME_HEADER_BYTES + 5, FRAME_HEADER_BYTES + 9, 700] {
            let mut bytes = whole.clone();
            bytes[frame + within] ^= 0x10;
            fs::write(&file, &bytes).expect("write");
            written.expect_corrupt(&file, frame).await;
        }
    }
    let mut bytes = whole.clone();
    bytes[3] ^= 1;
    fs::write(&file, &bytes).expect("write");
    written.expect_corrupt(&file, 0).await;
    fs::write(&file, &whole).expect("write");
    written.expect_kept(4).await;
}

#[tokio::test]
async fn a_hole_before_the_last_entry_is_an_error() {
    let written = Written::new(4, 1 << 20).await;
    let file = written.file(1);
    let mut bytes = fs::read(&file).expect("read");
    let frames = offsets(&bytes);
    bytes[frames[1]..frames[2]].fill(0);
    fs::write(&file, &bytes).expect("write");
    written.expect_corrupt(&file, frames[1]).await;
}

#[tokio::test]
async fn only_the_newest_file_may_be_torn() {
    let written = Written::new(12, 4_000).await;
    let mut firsts: Vec<EntryNumber> = (1..=12).filter(|first| written.file(*first).exists()).collect();
    assert!(firsts.len() >= 3, "{firsts:?}");
    let (newest, middle) = (firsts.pop().expect("a file"), written.file(firsts[1]));

    let whole = fs::read(&middle).expect("read");
    let last_frame = offsets(&whole).into_iter().rev().nth(1).expect("a frame");
    fs::write(&middle, &whole[..whole.len() - 5]).expect("write");
    written.expect_corrupt(&middle, last_frame).await;
    // Whole entries missing at the end of a file are a gap.
    fs::write(&middle, &whole[..last_frame]).expect("write");
    written.expect_corrupt(&middle, last_frame).await;
    fs::remove_file(&middle).expect("remove");
    let before = written.file(firsts[0]);
    let end = fs::metadata(&before).expect("metadata").len() as usize;
    written.expect_corrupt(&before, end).await;

    fs::write(&middle, &whole).expect("write");
    // A crash while the newest file was made: its entries are not lost, there were none.
    fs::write(written.file(newest), b"LWLOG").expect("write");
    written.expect_kept(newest as usize - 1).await;
}

#[tokio::test]
async fn a_first_file_never_finished_is_an_empty_log() {
    let written = Written::new(0, 1 << 20).await;
    for contents in [&b""[..], b"LWL", &[0; 4_096]] {
        fs::write(written.file(1), contents).expect("write");
        written.expect_kept(0).await;
    }
    fs::remove_file(written.file(1)).expect("remove");
    fs::write(written.file(7), b"").expect("write");
    written.expect_corrupt(&written.file(7), 0).await;
}

#[tokio::test]
async fn files_of_others_are_left_alone() {
    let written = Written::new(2, 1 << 20).await;
    for name in ["notes.txt", "1.wal", "00000000000000000002.wal.bak", "0000000000000000000x.wal"] {
        fs::write(written.directory.path().join(name), "mine").expect("write");
    }
    written.expect_kept(2).await;
    assert_eq!(fs::read_to_string(written.directory.path().join("notes.txt")).expect("read"), "mine");
}
