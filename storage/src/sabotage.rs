//! Rules that the simulation breaks on purpose, to prove that its oracles notice.
//!
//! Without the feature `sabotage`, which nothing but the simulation turns on, [`is`] is the constant `false`, and what is behind
//! it is not compiled in. With it, one rule at a time is broken in the whole process.

/// A rule that can be broken, named by how it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Rule {
    /// A number of the log that another writer has counts as won.
    ForeignEntryIsOwn = 1,
    /// An own entry that is found in the log counts as another writer's.
    OwnEntryIsForeign,
    /// An append whose outcome is not known is given up for the next number.
    UnknownAppendGivenUp,
    /// A commit is acknowledged when it is accepted.
    AcknowledgedBeforeDurable,
    /// Some of the intervals that a transaction reads are not recorded.
    ReadIntervalSkipped,
    /// A write does not name its keys in every index.
    KeyDeltaDropped,
    /// A writer does not look at the log again after it stood still.
    StalledWriterTrusted,
    /// What is about to be flushed is forgotten before the manifest that has it is published.
    FrozenLayerForgotten,
    /// Compaction drops tombstones although older runs have what they hide.
    TombstonesDroppedEarly,
    /// Compaction drops versions that snapshots in the retention window see.
    VersionsDroppedEarly,
    /// Segments that just left a manifest are deleted at once, whoever refers to them.
    LiveSegmentDeleted,
    /// A branch sees what was committed to its parent later.
    CapIgnored,
    /// The relay overlooks that a commit touches what a query has read.
    InvalidationSkipped,
    /// The record that makes a mutation exactly-once is not written.
    SessionRecordSkipped,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Rule; 14] = [
        Rule::ForeignEntryIsOwn,
        Rule::OwnEntryIsForeign,
        Rule::UnknownAppendGivenUp,
        Rule::AcknowledgedBeforeDurable,
        Rule::ReadIntervalSkipped,
        Rule::KeyDeltaDropped,
        Rule::StalledWriterTrusted,
        Rule::FrozenLayerForgotten,
        Rule::TombstonesDroppedEarly,
        Rule::VersionsDroppedEarly,
        Rule::LiveSegmentDeleted,
        Rule::CapIgnored,
        Rule::InvalidationSkipped,
        Rule::SessionRecordSkipped,
    ];
}

#[cfg(feature = "sabotage")]
static BROKEN: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(0);

/// Whether a rule is broken at present.
#[cfg(feature = "sabotage")]
pub fn is(rule: Rule) -> bool {
    BROKEN.load(std::sync::atomic::Ordering::Relaxed) == rule as u8
}

/// Whether a rule is broken: never.
#[cfg(not(feature = "sabotage"))]
#[inline(always)]
pub const fn is(_rule: Rule) -> bool {
    false
}

/// Breaks a rule from now on, and no other; `None` breaks none.
#[cfg(feature = "sabotage")]
pub fn set(rule: Option<Rule>) {
    BROKEN.store(rule.map_or(0, |rule| rule as u8), std::sync::atomic::Ordering::Relaxed);
}
