//! Settings of a timeline's files.

use std::time::Duration;

/// How the files of a timeline are kept. All processes of a store should use the same.
#[derive(Clone, Debug)]
pub struct SegmentsOptions {
    /// How much of the tail is flushed at once, in bytes of memory.
    pub flush_bytes: usize,
    /// How far back any timestamp can be read.
    pub history: Duration,
    /// How long segments stay after they left the manifest. Readers look for a newer manifest at least every third of it, and
    /// the clocks of the machines may differ by less than that.
    pub grace: Duration,
    /// How long log entries stay after they were flushed.
    pub log_kept: Duration,
    /// The age from which a segment that no manifest knows counts as left behind. A job that takes longer than half of it
    /// starts over.
    pub orphan_age: Duration,
    /// Old manifests kept, at least. Also those younger than an hour are.
    pub manifests_kept: u64,
    /// Runs below four times this are the smallest class of those that are merged with their like, in bytes in the store.
    /// What is less than this in all is left alone.
    pub unit_bytes: u64,
    /// Where segments of a flush are cut, in bytes of keys and documents.
    pub flush_file_bytes: u64,
    /// Where segments of a compaction are cut, in bytes in the store.
    pub file_bytes: u64,
}

impl Default for SegmentsOptions {
    fn default() -> Self {
        SegmentsOptions {
            flush_bytes: 32 << 20,
            history: Duration::from_secs(60 * 60),
            grace: Duration::from_secs(15 * 60),
            log_kept: Duration::from_secs(24 * 60 * 60),
            orphan_age: Duration::from_secs(24 * 60 * 60),
            manifests_kept: 100,
            unit_bytes: 64 << 10,
            flush_file_bytes: 128 << 20,
            file_bytes: 64 << 20,
        }
    }
}
