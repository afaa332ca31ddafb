//! Manifests: what a timeline consists of.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::TimelineId;
use crate::catalog::IndexId;
use crate::env::Env;
use crate::log::{EntryNumber, Timestamp};
use crate::segment::SegmentRef;
use crate::version::RunSegments;

/// The format of the manifests that are written.
pub const MANIFEST_FORMAT: u32 = 2;

/// One version of the list of a timeline's files. What is not in its runs and not in the log after `flushed` is not there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`MANIFEST_FORMAT`].
    pub format: u32,
    /// The number of this version, from 1.
    pub version: u64,
    /// Random hexadecimal digits of the publisher.
    pub nonce: String,
    /// When it was published, by the publisher's clock, ns since the Unix epoch.
    pub published_ns: u64,
    /// Whose files these are.
    pub timeline: TimelineId,
    /// All log entries up to and including this one are in the runs.
    pub flushed: EntryNumber,
    /// All commits up to and including this timestamp are in the runs.
    pub flushed_ts: Timestamp,
    /// Snapshots before this timestamp may be incomplete.
    pub horizon_ts: Timestamp,
    /// The rows, newest run first.
    pub runs: Vec<Run>,
    /// Documents per `by_id` index as of `flushed_ts`; an index that is missing has none. `None`: not known.
    #[serde(default)]
    pub counts: Option<BTreeMap<IndexId, u64>>,
    /// Indexes that were dropped, each with the commit that dropped it, until no rows of theirs are left.
    #[serde(default)]
    pub dropped_indexes: Vec<(IndexId, Timestamp)>,
    /// Indexes that were not complete as of `flushed_ts`: compaction keeps their tombstones.
    #[serde(default)]
    pub keep_tombstones: Vec<IndexId>,
    /// Segments that left the runs, and when (publisher's clock, ns). Readers with older manifests may still read them.
    #[serde(default)]
    pub obsolete: Vec<(String, u64)>,
    /// Segments of this timeline that are about to be deleted: no manifest may begin to refer to them.
    #[serde(default)]
    pub condemned: Vec<String>,
    /// What was flushed when (publisher's clock, ns), oldest first, for trimming the log.
    #[serde(default)]
    pub trim_points: Vec<(EntryNumber, u64)>,
    /// Where the timeline comes from, unless it is the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// What the open data tables keep here; small.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lake: Option<serde_json::Value>,
}

/// Segments whose key ranges do not overlap, in the order of their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The segments of rows.
    pub files: Vec<RunFile>,
    /// The search segments, which have the parts of search indexes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<RunFile>,
}

/// A segment in a run, with what compaction wants to know of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFile {
    /// The segment.
    pub segment: SegmentRef,
    /// Keys and documents of all its rows, in bytes before compression.
    pub raw_bytes: u64,
    /// How much of that are tombstones and rows that a newer row of the same segment replaces.
    pub garbage_bytes: u64,
    /// From this horizon on, all of that garbage is visible to no snapshot.
    pub garbage_ts: Timestamp,
    /// The indexes that a search segment has parts of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<IndexId>,
}

/// Where a timeline comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// The timeline it was made from.
    pub timeline: TimelineId,
    /// It has the parent's commits up to and including this one.
    pub ts: Timestamp,
}

impl Run {
    /// Whether it has nothing.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.search.is_empty()
    }

    /// Its segments of both kinds.
    pub fn all_files(&self) -> impl Iterator<Item = &RunFile> {
        self.files.iter().chain(&self.search)
    }

    /// The same, to be changed.
    pub(super) fn all_files_mut(&mut self) -> [&mut Vec<RunFile>; 2] {
        [&mut self.files, &mut self.search]
    }

    /// Its length in the store.
    pub fn bytes(&self) -> u64 {
        self.all_files().map(|file| file.segment.bytes).sum()
    }

    /// What [`Version::new`](crate::version::Version::new) takes of it.
    pub fn segments(&self) -> RunSegments {
        RunSegments {
            rows: self.files.iter().map(|file| file.segment.clone()).collect(),
            search: self.search.iter().map(|file| (file.segment.clone(), file.indexes.clone())).collect(),
        }
    }

    /// Rows, old versions and tombstones included.
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.segment.rows).sum()
    }
}

impl Manifest {
    /// The first one of `timeline`: without rows.
    pub fn empty(env: &Env, timeline: TimelineId) -> Self {
        Manifest {
            format: MANIFEST_FORMAT,
            version: 1,
            nonce: nonce(env),
            published_ns: env.now_ns(),
            timeline,
            flushed: 0,
            flushed_ts: 0,
            horizon_ts: 0,
            runs: Vec::new(),
            counts: Some(BTreeMap::new()),
            dropped_indexes: Vec::new(),
            keep_tombstones: Vec::new(),
            obsolete: Vec::new(),
            condemned: Vec::new(),
            trim_points: Vec::new(),
            parent: None,
            lake: None,
        }
    }

    /// A copy to change and to publish as the next version.
    pub(super) fn successor(&self, env: &Env) -> Self {
        let version = self.version + 1;
        Manifest { version, nonce: nonce(env), published_ns: env.now_ns(), format: MANIFEST_FORMAT, ..self.clone() }
    }

    /// The segments of all runs, of both kinds.
    pub fn segments(&self) -> impl Iterator<Item = &SegmentRef> {
        self.runs.iter().flat_map(Run::all_files).map(|file| &file.segment)
    }

    /// The runs as [`Version::new`](crate::version::Version::new) takes them.
    pub fn run_segments(&self) -> Vec<RunSegments> {
        self.runs.iter().map(Run::segments).collect()
    }

    /// The length of all segments in the runs, in bytes.
    pub fn bytes(&self) -> u64 {
        self.runs.iter().map(Run::bytes).sum()
    }

    /// The paths of all segments that it or its readers need: in the runs, or obsolete.
    pub fn needed(&self) -> BTreeSet<&str> {
        let obsolete = self.obsolete.iter().map(|(path, _)| path.as_str());
        self.segments().map(|segment| segment.path.as_str()).chain(obsolete).collect()
    }

    /// The newest entry that the log may forget at `now_ns`: it and all before it were flushed at least `log_kept` ago, and
    /// before the newest flush. 0: none.
    pub fn trimmable(&self, now_ns: u64, log_kept: Duration) -> EntryNumber {
        let before = now_ns.saturating_sub(log_kept.as_nanos() as u64);
        let points = self.trim_points.iter().filter(|(entry, at)| *at <= before && *entry < self.flushed);
        points.map(|(entry, _)| *entry).max().unwrap_or(0)
    }
}

/// Random hexadecimal digits.
pub(super) fn nonce(env: &Env) -> String {
    hex::encode(env.random_bytes::<16>())
}
