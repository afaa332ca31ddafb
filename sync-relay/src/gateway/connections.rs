//! The connections that are open, each with the record of its session, a lease, and letters for whoever holds the lease.
//!
//! Whoever has something for a connection takes its lease, and is alone with it until the lease is released. Others leave a letter
//! for the holder instead of waiting: a release succeeds only if the holder has seen all letters. So letters are never lost. A holder
//! that has held for long hands over instead, letters included, and sees to it that somebody comes.
//!
//! A lease that is not released in time is never taken over. What its holder was about to do, or did, is not known: messages of the
//! client may be lost, a Transition may or may not have arrived. Whoever finds such a lease closes the connection, and the client
//! makes a new one and loses nothing. So two writes do for a visit, and nothing has to be written down between them.

use async_trait::async_trait;
use bytes::Bytes;
use lakewire_storage::log::EntryNumber;

/// How long a record is kept, in seconds from when the client connected: API Gateway ends connections after two hours.
pub const KEPT_S: u64 = 2 * 3600 + 600;
/// How long after its end a lease counts as abandoned, in milliseconds: clocks differ.
pub const GRACE_MS: u64 = 5_000;
/// The largest record and all letters together, in bytes: an item of DynamoDB has room for 400 KB.
pub const MAX_BYTES: usize = 390_000;

/// Names a holder; random.
pub type Holder = u64;

/// Keeps the connections. Every method may be repeated when its outcome is not known.
#[async_trait]
pub trait Connections: Send + Sync + 'static {
    /// Adds a connection, free, with its first record. `now_ms` is the wall clock, as everywhere here.
    async fn open(&self, id: &str, state: Bytes, now_ms: u64) -> Result<(), ConnectionsError>;

    /// Takes the lease, until `until_ms`, if it is free.
    async fn take(&self, id: &str, holder: Holder, now_ms: u64, until_ms: u64) -> Result<Take, ConnectionsError>;

    /// Leaves a letter for `holder`.
    async fn leave(&self, id: &str, holder: Holder, letter: Bytes) -> Result<Left, ConnectionsError>;

    /// Asks `holder` to look at the log again, up to `through` at least.
    async fn nudge(&self, id: &str, holder: Holder, through: EntryNumber) -> Result<Left, ConnectionsError>;

    /// What has been left for the holder; `None` if it is not the holder any more.
    async fn left(&self, id: &str, holder: Holder) -> Result<Option<Mail>, ConnectionsError>;

    /// Holds the lease longer. Whether it could be.
    async fn extend(&self, id: &str, holder: Holder, until_ms: u64) -> Result<bool, ConnectionsError>;

    /// Stores the record and releases the lease, if the holder has seen all that was left for it.
    async fn release(&self, id: &str, holder: Holder, seen: Seen, next: Free) -> Result<Released, ConnectionsError>;

    /// As [`Connections::release`], but letters that the holder has not seen stay, for whoever takes the lease next.
    async fn hand_over(&self, id: &str, holder: Holder, seen: Seen, next: Free) -> Result<Released, ConnectionsError>;

    /// Forgets a connection.
    async fn remove(&self, id: &str) -> Result<(), ConnectionsError>;

    /// The ids of all connections, and maybe of some that are gone.
    async fn list(&self) -> Result<Vec<String>, ConnectionsError>;

    /// Those of `ids` that are there, as they are now.
    async fn look(&self, ids: &[String]) -> Result<Vec<(String, Glance)>, ConnectionsError>;
}

/// What came of taking a lease.
#[derive(Debug, Clone, PartialEq)]
pub enum Take {
    /// It is taken.
    Taken {
        /// The record.
        state: Bytes,
        /// What was left and not seen.
        mail: Mail,
        /// When the client was last told something.
        spoke_ms: u64,
    },
    /// Somebody else has it.
    Held(Holder),
    /// Somebody had it and did not come back.
    Abandoned,
    /// There is no such connection.
    Gone,
}

/// What came of leaving something for a holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// The holder will see it.
    Done,
    /// It is not the holder any more.
    Moved,
    /// There is no room for it.
    Full,
}

/// What was left for a holder.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mail {
    /// Letters, the oldest first.
    pub letters: Vec<Bytes>,
    /// The newest entry that it was asked to look at.
    pub nudged: EntryNumber,
}

/// What a holder has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// How many letters.
    pub letters: usize,
    /// The newest entry that it was asked to look at.
    pub nudged: EntryNumber,
}

/// A connection as its holder leaves it.
#[derive(Debug, Clone, PartialEq)]
pub struct Free {
    /// The record.
    pub state: Bytes,
    /// When the client was last told something.
    pub spoke_ms: u64,
    /// Whether there is something to be done even if nothing happens.
    pub is_due: bool,
}

/// What came of releasing a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Released {
    /// It is free.
    Done,
    /// There is something that the holder has not seen: it still holds the lease.
    Unseen,
    /// It was not the holder any more: the connection was given up.
    Lost,
}

/// A connection from outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Glance {
    /// The record that was stored last.
    pub state: Bytes,
    /// Who holds the lease, and until when.
    pub held: Option<(Holder, u64)>,
    /// When the client was last told something.
    pub spoke_ms: u64,
    /// Whether there is something to be done even if nothing happens.
    pub is_due: bool,
}

/// The connections cannot be had.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConnectionsError {
    /// The store did not answer, or asked to come again later, several times.
    #[error("the table of connections is unavailable: {0}")]
    Unavailable(String),
    /// The store will not do it.
    #[error("the table of connections refused: {0}")]
    Refused(String),
}
