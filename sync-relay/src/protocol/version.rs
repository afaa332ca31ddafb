//! What a client holds, named by three counters.

use std::fmt::Write as _;

use lakewire_storage::log::Timestamp;

use super::timestamp;

/// The state of one connection as both ends name it. A Transition leads from one to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct StateVersion {
    /// The `newVersion` of the last `ModifyQuerySet` whose results were sent.
    pub(crate) query_set: u32,
    /// How many `Authenticate` messages were accepted.
    pub(crate) identity: u32,
    /// The snapshot all results belong to.
    pub(crate) ts: Timestamp,
}

impl StateVersion {
    /// Appends the JSON object.
    pub(super) fn write(&self, out: &mut String) {
        let Self { query_set, identity, ts } = *self;
        write!(out, r#"{{"querySet":{query_set},"identity":{identity},"ts":""#).expect("writing to a string");
        timestamp::write(ts, out);
        out.push_str("\"}");
    }
}
