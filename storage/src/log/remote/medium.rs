//! What a log that is kept elsewhere needs of the place where it is kept.

use async_trait::async_trait;
use bytes::Bytes;

use crate::log::{EntryNumber, Nonce};

/// Holds entries under their numbers, the trim marker and the hint. Every answer is strongly consistent: it shows what was
/// answered before it was asked for. Only an entry that is deleted may be shown for another moment.
#[async_trait]
pub trait Medium: Send + Sync + 'static {
    /// How many entries are asked for at once, at most.
    const WINDOW: usize;

    /// What to call it in messages.
    fn place(&self) -> String;

    /// Puts an entry, in its binary form, at `n`, atomically, unless something is there.
    async fn put(&self, n: EntryNumber, nonce: &Nonce, encoded: Bytes) -> Result<Put, MediumError>;

    /// What is at `from`, `from + 1`, ... for `count` numbers, `None` where nothing is; fewer, but at least one, when they are
    /// large. `from + count` does not overflow.
    async fn get(&self, from: EntryNumber, count: usize) -> Result<Vec<Option<Bytes>>, MediumError>;

    /// Whether something is at each of `numbers`, of which there are at most [`Self::WINDOW`].
    async fn present(&self, numbers: &[EntryNumber]) -> Result<Vec<bool>, MediumError>;

    /// Removes what is at the numbers from `from` to before `to`, if it is there.
    async fn delete(&self, from: EntryNumber, to: EntryNumber) -> Result<(), MediumError>;

    /// The trim marker.
    async fn marker(&self) -> Result<Marker, MediumError>;

    /// Moves each number of the marker to that of `marker`, unless it is there or beyond already.
    async fn advance_marker(&self, marker: Marker) -> Result<(), MediumError>;

    /// The number of an entry that was the newest some time ago, or any other.
    async fn hint(&self) -> Result<EntryNumber, MediumError>;

    /// Sets the hint.
    async fn set_hint(&self, n: EntryNumber) -> Result<(), MediumError>;
}

/// How a put ended.
#[derive(Clone, Debug)]
pub enum Put {
    /// It is there, by this call.
    Done,
    /// This was there before. `None` if it could not be found any more when it was looked for, or another put is under way.
    Present(Option<Bytes>),
}

/// How far a log is trimmed. Both numbers only ever grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The oldest entry that counts.
    pub first: EntryNumber,
    /// Entries before this one, which is at most `first`, have been removed.
    pub swept: EntryNumber,
}

impl Default for Marker {
    fn default() -> Self {
        Self { first: 1, swept: 1 }
    }
}

/// Why the medium did not do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediumError {
    /// It surely was not done, and may be if it is asked for again.
    Busy(String),
    /// It may have been done, or may yet be.
    Unclear(String),
    /// It surely was not done, and will not be.
    Refused(String),
    /// It surely was not done: there is no space.
    Full,
}
