//! A log that is kept in a service which several processes write to: all that does not depend on which service it is.
//!
//! An entry is one item of the service, made by one conditional request that fails if it is there. Nothing else decides
//! who gets a number. The newest entry is found by looking, never by a counter.
//!
//! Trimming moves a marker, then removes what is before it; the newest entry always stays. So whoever finds nothing at a number
//! and then sees the marker at or before it knows that there never was anything. The marker is what makes a writer
//! harmless that stalled for so long that its number was taken, trimmed and removed meanwhile, and so looks free again:
//! it is looked at after an append, unless the number is known to have been free shortly before ([`known::TRUST`]).

mod head;
mod known;
mod medium;
mod retry;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;

use self::known::Known;
pub use self::medium::{Marker, Medium, MediumError, Put};
use self::retry::{Pauses, ask, carrying};
use super::{Append, CommitLog, EntryNumber, LogEntry, LogError};
use crate::env::{Env, Moment};

/// One append in so many updates the hint.
const HINT_EVERY: EntryNumber = 64;

/// How many numbers are looked at beyond what is known, by the first read.
const FIRST_READ: usize = 16;

/// How many bytes of entries are read for one answer before it ends early.
const MAX_READ_BYTES: usize = 16 << 20;

/// How many entries are removed before that is written down.
const SWEEP: EntryNumber = 1_000;

/// A [`CommitLog`] in a [`Medium`].
pub struct RemoteLog<M> {
    medium: Arc<M>,
    env: Env,
    known: Mutex<Known>,
}

impl<M: Medium> RemoteLog<M> {
    /// The log in `medium`, which may be new.
    ///
    /// # Errors
    /// [`LogError::Remote`] if it cannot be read.
    pub(super) async fn open_in(medium: M, env: Env) -> Result<Self, LogError> {
        let log = Self { medium: Arc::new(medium), env, known: Mutex::default() };
        let (_, hint) = futures::try_join!(log.look_at_marker(), log.ask("read", || log.medium.hint()))?;
        log.known.lock().hint = Some(hint);
        Ok(log)
    }

    async fn ask<T, F>(&self, operation: &'static str, request: impl FnMut() -> F) -> Result<T, LogError>
    where
        F: Future<Output = Result<T, MediumError>>,
    {
        ask(&self.env, request).await.map_err(|error| self.error(operation, error))
    }

    fn error(&self, operation: &'static str, error: MediumError) -> LogError {
        error.into_log_error(operation, self.medium.place())
    }

    fn decode(n: EntryNumber, encoded: &[u8]) -> Result<LogEntry, LogError> {
        LogEntry::decode(encoded).map_err(|error| LogError::CorruptEntry { entry: n, error })
    }

    async fn look_at_marker(&self) -> Result<Marker, LogError> {
        let marker = self.ask("read", || self.medium.marker()).await?;
        let mut known = self.known.lock();
        known.first = known.first.max(marker.first);
        Ok(marker)
    }

    /// Fails if `n` is trimmed. What was seen at `n` before this call, be it something or nothing, was the log then.
    async fn ensure_kept(&self, n: EntryNumber) -> Result<(), LogError> {
        {
            let known = self.known.lock();
            known.ensure_kept(n)?;
            if known.is_recent(n, &self.env) {
                return Ok(());
            }
        }
        self.look_at_marker().await?;
        self.known.lock().ensure_kept(n)
    }

    /// Fails unless `n` is at most the next number and no seal is before it.
    async fn ensure_reachable(&self, n: EntryNumber) -> Result<(), LogError> {
        loop {
            {
                let known = self.known.lock();
                known.ensure_unsealed(n)?;
                if n > 0 {
                    known.ensure_kept(n)?;
                }
                if n > 0 && n <= known.head.max(known.first.saturating_sub(1)) + 1 {
                    return Ok(());
                }
            }
            if n > 1 {
                let previous = self.ask("read", || self.medium.get(n - 1, 1)).await?.pop().flatten();
                if let Some(encoded) = previous {
                    let entry = Self::decode(n - 1, &encoded)?;
                    self.known.lock().entry(n - 1, &entry);
                    continue;
                }
                self.look_at_marker().await?;
            }
            let head = self.find_head().await?;
            if n == 0 || n - 1 > head {
                return Err(LogError::Gap { requested: n, next: head + 1 });
            }
        }
    }

    /// Puts an entry, again and again while the medium is too busy for it. `None` if the outcome is not known.
    async fn put(&self, n: EntryNumber, entry: &LogEntry, encoded: Bytes) -> Result<Option<Put>, LogError> {
        let mut pauses = Pauses::new(&self.env);
        let limit = carrying(encoded.len());
        loop {
            let put = self.env.timeout(limit, self.medium.put(n, &entry.nonce, encoded.clone())).await;
            match put.unwrap_or_else(|timed_out| Err(MediumError::Unclear(timed_out.to_string()))) {
                Ok(put) => return Ok(Some(put)),
                Err(MediumError::Unclear(reason)) => {
                    tracing::warn!(
                        entry = n,
                        reason,
                        place = self.medium.place(),
                        "the outcome of an append is unknown"
                    );
                    return Ok(None);
                }
                Err(MediumError::Busy(_)) if pauses.pause().await => {}
                Err(error) => return Err(self.error("append to", error)),
            }
        }
    }

    /// Removes what a stalled writer has put at `n`, which is trimmed. Nobody reads it, so failing does not matter.
    async fn take_back(&self, n: EntryNumber) {
        let _only_space = self.medium.delete(n, n + 1).await;
    }

    fn update_hint(&self, n: EntryNumber) {
        if n.is_multiple_of(HINT_EVERY) {
            let (medium, env) = (Arc::clone(&self.medium), self.env.clone());
            self.env.spawn("hint of the log", async move {
                let _best_effort = env.timeout(retry::REQUEST, medium.set_hint(n)).await;
            });
        }
    }
}

#[async_trait]
impl<M: Medium> CommitLog for RemoteLog<M> {
    async fn append_if_absent(&self, n: EntryNumber, entry: &LogEntry) -> Result<Append, LogError> {
        let encoded = Bytes::from(entry.encode()?);
        self.ensure_reachable(n).await?;
        let began = Moment::now(&self.env);
        let Some(put) = self.put(n, entry, encoded).await? else { return Ok(Append::Unknown) };
        match self.ensure_kept(n).await {
            Ok(()) => {}
            Err(trimmed @ LogError::Trimmed { .. }) => {
                if matches!(put, Put::Done) {
                    self.take_back(n).await;
                }
                return Err(trimmed);
            }
            Err(error) => {
                tracing::warn!(entry = n, %error, "cannot tell whether an append came too late");
                return Ok(Append::Unknown);
            }
        }
        match put {
            Put::Done => {
                let mut known = self.known.lock();
                known.entry(n, entry);
                known.free(n + 1, began);
                drop(known);
                self.update_hint(n);
                Ok(Append::Appended)
            }
            Put::Present(None) => Ok(Append::Unknown),
            Put::Present(Some(encoded)) => {
                let present = Self::decode(n, &encoded)?;
                self.known.lock().entry(n, &present);
                Ok(if present.nonce == entry.nonce { Append::Appended } else { Append::Occupied(present) })
            }
        }
    }

    async fn read(&self, from: EntryNumber, max: usize) -> Result<Vec<(EntryNumber, LogEntry)>, LogError> {
        self.known.lock().ensure_kept(from)?;
        // Those that are known and the one after; more and more if there are. At first nothing is known.
        let (newest, further) = {
            let mut known = self.known.lock();
            known.hint.take().map_or((known.head, 1), |hint| (hint.max(known.head), FIRST_READ))
        };
        let known = usize::try_from(newest.saturating_add(1).saturating_sub(from)).unwrap_or(usize::MAX);
        let mut window = known.saturating_add(further).min(M::WINDOW);
        let mut entries: Vec<(EntryNumber, LogEntry)> = Vec::new();
        let mut bytes = 0;
        let mut free = None;
        while entries.len() < max && bytes < MAX_READ_BYTES && free.is_none() {
            let next = from.saturating_add(entries.len() as u64);
            let until_overflow = usize::try_from(EntryNumber::MAX - next).unwrap_or(usize::MAX);
            let count = window.min(max - entries.len()).min(until_overflow);
            if count == 0 {
                break;
            }
            let began = Moment::now(&self.env);
            let found = self.ask("read", || self.medium.get(next, count)).await?;
            for (n, encoded) in (next..).zip(found) {
                let Some(encoded) = encoded else {
                    free = Some((n, began));
                    break;
                };
                bytes += encoded.len();
                entries.push((n, Self::decode(n, &encoded)?));
            }
            window = (window * 4).min(M::WINDOW);
        }
        self.ensure_kept(from).await?;
        let mut known = self.known.lock();
        for (n, entry) in &entries {
            known.entry(*n, entry);
        }
        if let Some((n, at)) = free {
            known.free(n, at);
        }
        Ok(entries)
    }

    async fn head(&self) -> Result<EntryNumber, LogError> {
        self.find_head().await
    }

    async fn first(&self) -> Result<EntryNumber, LogError> {
        Ok(self.look_at_marker().await?.first)
    }

    async fn trim(&self, through: EntryNumber) -> Result<(), LogError> {
        // The newest entry stays: it says where the log goes on, and whether it is sealed.
        let last = through.min(self.find_head().await?.saturating_sub(1));
        let marker = self.look_at_marker().await?;
        let first = marker.first.max(last + 1);
        if first > marker.first {
            self.advance_marker(Marker { first, ..marker }).await?;
        }
        let mut swept = marker.swept;
        while swept < first {
            let to = first.min(swept + SWEEP);
            self.ask("trim", || self.medium.delete(swept, to)).await?;
            swept = to;
            self.advance_marker(Marker { first, swept }).await?;
        }
        Ok(())
    }

    fn is_shared(&self) -> bool {
        true
    }
}

impl<M: Medium> RemoteLog<M> {
    async fn advance_marker(&self, marker: Marker) -> Result<(), LogError> {
        self.ask("trim", || self.medium.advance_marker(marker)).await?;
        let mut known = self.known.lock();
        known.first = known.first.max(marker.first);
        Ok(())
    }
}
