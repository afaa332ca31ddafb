//! A log to which nothing is appended without knowing its end.
//!
//! Entries are kept for a day after they are flushed, and then trimmed away. A writer that was suspended for longer, and then
//! appends at the number that was free when it last looked, could succeed at a number that once had an entry of another writer.
//! So whoever has not seen the end of the log for a minute looks at it before appending.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;

use crate::env::{Env, Moment};
use crate::log::{Append, CommitLog, EntryNumber, LogEntry, LogError};
use crate::sabotage::{self, Rule};

/// How long ago the end of the log may have been seen when something is appended.
const FRESH: Duration = Duration::from_secs(60);

pub(crate) struct FreshLog {
    log: Arc<dyn CommitLog>,
    env: Env,
    /// When the log was asked what its end is, and answered.
    seen: Mutex<Moment>,
}

impl FreshLog {
    /// `log`, whose end is known now.
    pub fn new(log: Arc<dyn CommitLog>, env: Env) -> Self {
        let seen = Mutex::new(Moment::now(&env));
        FreshLog { log, env, seen }
    }

    fn is_stale(&self) -> bool {
        self.log.is_shared() && !sabotage::is(Rule::StalledWriterTrusted) && self.unseen_for() > FRESH
    }

    /// How long ago the log last said what its end was.
    pub fn unseen_for(&self) -> Duration {
        self.seen.lock().elapsed(&self.env)
    }

    fn seen(&self, asked: Moment) {
        *self.seen.lock() = asked;
    }
}

#[async_trait]
impl CommitLog for FreshLog {
    async fn append_if_absent(&self, n: EntryNumber, entry: &LogEntry) -> Result<Append, LogError> {
        if self.is_stale()
            && let Some((_, present)) = self.read(n, 1).await?.pop()
        {
            return Ok(if present.nonce == entry.nonce { Append::Appended } else { Append::Occupied(present) });
        }
        let asked = Moment::now(&self.env);
        let answer = self.log.append_if_absent(n, entry).await?;
        if answer != Append::Unknown {
            self.seen(asked);
        }
        Ok(answer)
    }

    async fn read(&self, from: EntryNumber, max: usize) -> Result<Vec<(EntryNumber, LogEntry)>, LogError> {
        let asked = Moment::now(&self.env);
        let entries = self.log.read(from, max).await?;
        self.seen(asked);
        Ok(entries)
    }

    async fn head(&self) -> Result<EntryNumber, LogError> {
        self.log.head().await
    }

    async fn first(&self) -> Result<EntryNumber, LogError> {
        self.log.first().await
    }

    async fn trim(&self, through: EntryNumber) -> Result<(), LogError> {
        self.log.trim(through).await
    }

    fn is_shared(&self) -> bool {
        self.log.is_shared()
    }
}
