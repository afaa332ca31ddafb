//! Following the entries of other writers, to the end of the log.

use std::pin::pin;
use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::{Either, select};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::stall::PATIENCE;
use super::{CommitError, Committer, unavailable};
use crate::env::{Env, Moment};
use crate::log::{CommitLog, EntryNumber, LogEntry, LogError};

/// Entries read at a time.
pub(super) const CATCH_UP: usize = 64;
/// The pause between two looks at the end of the log while others append, and when nobody does.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Who has seen the end of the log so short a time ago, and has not met an entry of others for so long, hardly misses any.
const JUST_NOW: Duration = Duration::from_secs(1);
const UNDISTURBED: Duration = Duration::from_secs(5);

/// Who was told of commits so short a time ago need not look for them more often.
const TOLD: Duration = Duration::from_secs(5);

/// How often to look for entries of others.
pub(super) struct Polling {
    pause: Duration,
}

impl Default for Polling {
    fn default() -> Self {
        Polling { pause: SHORTEST_PAUSE }
    }
}

impl Polling {
    fn looked(&mut self, found: bool) {
        self.pause = if found { SHORTEST_PAUSE } else { (self.pause * 3 / 2).min(LONGEST_PAUSE) };
    }
}

/// Lets those who ask for the end of the log at the same time share an answer.
#[derive(Default)]
pub(super) struct Refreshes {
    begun: AtomicU64,
    /// The number of the newest one, and what became of it. Locked while one runs.
    done: tokio::sync::Mutex<(u64, Option<CommitError>)>,
    /// When somebody last said what is there.
    told: Mutex<Option<Moment>>,
}

impl Refreshes {
    fn is_told(&self, env: &Env) -> bool {
        self.told.lock().is_some_and(|told| told.elapsed(env) < TOLD)
    }
}

impl Committer {
    /// Waits until something is accepted, and follows the log meanwhile.
    pub(super) async fn idle(committer: &Weak<Committer>, wake: &Notify, polling: &mut Polling) {
        let Some(held) = committer.upgrade() else { return };
        let (env, pause) = (held.env.clone(), polling.pause);
        let is_over = held.inner.lock().ended.is_some();
        if !held.is_shared() || !held.follows || is_over {
            drop(held);
            return wake.notified().await;
        }
        drop(held);
        let look = async {
            env.sleep(pause).await;
            let held = committer.upgrade()?;
            // Only now: what was taken over during the pause, after a nudge, is not news.
            let (log, from, has_room) = (held.log.clone(), held.next_entry(), held.has_room());
            drop(held);
            // Without room for them, entries stay where they are.
            let found = if has_room { log.read(from, CATCH_UP).await } else { Ok(Vec::new()) };
            Some((from, found))
        };
        let Either::Right((Some((from, found)), _)) = select(pin!(wake.notified()), pin!(look)).await else { return };
        let Some(held) = committer.upgrade() else { return };
        polling.looked(found.as_ref().is_ok_and(|entries| !entries.is_empty()) && !held.refreshes.is_told(&held.env));
        // The next look meets the same error.
        let _logged = held.found(from, found).await;
    }

    /// Takes over what was read of the log from entry `from` on, if that is the next, and nothing is in flight. Returns how many
    /// entries were read.
    async fn found(
        &self,
        from: EntryNumber,
        found: Result<Vec<(EntryNumber, LogEntry)>, LogError>,
    ) -> Result<usize, LogError> {
        match found {
            Ok(entries) => {
                let count = entries.len();
                let inner = self.inner.lock();
                if count > 0 && !inner.in_flight && inner.entry + 1 == from && self.may_follow(inner.entry) {
                    self.take_over(inner, entries.into_iter().map(|(_, entry)| entry).collect());
                }
                Ok(count)
            }
            Err(error) => {
                tracing::warn!(entry = from, %error, "cannot read the end of the log");
                if matches!(error, LogError::Trimmed { .. }) {
                    self.reload().await;
                }
                Err(error)
            }
        }
    }

    /// Takes over what others appended, while there are many entries. Nothing is in flight.
    pub(super) async fn catch_up(&self) {
        loop {
            let from = self.next_entry();
            let found = self.log.read(from, CATCH_UP).await;
            if !self.found(from, found).await.is_ok_and(|count| count == CATCH_UP) {
                return;
            }
        }
    }

    /// Takes over entries, in order, that somebody else has read. What does not go on where latest ends is left to
    /// [`Self::refresh`].
    pub async fn learn(&self, entries: Vec<(EntryNumber, LogEntry)>) {
        let from = self.next_entry();
        let known = entries.iter().take_while(|(n, _)| *n < from).count();
        let new = entries.into_iter().skip(known).zip(from..);
        let new: Vec<_> = new.take_while(|((n, _), expected)| n == expected).map(|(entry, _)| entry).collect();
        let _nothing_was_read = self.found(from, Ok(new)).await;
    }

    /// Whether others can append too.
    pub fn is_shared(&self) -> bool {
        self.log.is_shared()
    }

    /// Whether a refresh would hardly find anything.
    pub fn is_likely_fresh(&self) -> bool {
        let is_quiet = || self.disturbed.lock().elapsed(&self.env) > UNDISTURBED;
        !self.is_shared() || (self.log.unseen_for() < JUST_NOW && is_quiet())
    }

    /// Makes everything part of latest that is in the log when this is called.
    ///
    /// # Errors
    /// [`CommitError::Unavailable`] if the log cannot be read, or there is no room for what it has.
    pub async fn refresh(&self) -> Result<(), CommitError> {
        if !self.is_shared() {
            return Ok(());
        }
        self.room().await?;
        self.follow().await
    }

    /// [`Self::refresh`], whether there is room or not.
    pub async fn follow(&self) -> Result<(), CommitError> {
        let begun = self.refreshes.begun.load(Ordering::SeqCst);
        let mut done = self.refreshes.done.lock().await;
        if done.0 <= begun {
            let number = self.refreshes.begun.fetch_add(1, Ordering::SeqCst) + 1;
            *done = (number, self.in_time(self.follow_to_the_end()).await.err());
        }
        // Otherwise one has run that began after this one was asked for.
        done.1.clone().map_or(Ok(()), Err)
    }

    /// Makes the entries of the log up to `entry` part of latest, of which somebody said that they are there: costs a read of just
    /// those. What is not there is not waited for.
    ///
    /// # Errors
    /// As [`Self::refresh`].
    pub async fn refresh_through(&self, entry: EntryNumber) -> Result<(), CommitError> {
        *self.refreshes.told.lock() = Some(Moment::now(&self.env));
        self.room().await?;
        let follows = async {
            // Not at the same time as another: they would read the same.
            let _done = self.refreshes.done.lock().await;
            self.follow_through(entry).await
        };
        self.in_time(follows).await
    }

    async fn in_time(&self, follows: impl Future<Output = Result<(), LogError>>) -> Result<(), CommitError> {
        match self.env.timeout(PATIENCE, follows).await {
            Ok(followed) => followed.map_err(|error| unavailable(&error)),
            Err(_) => Err(CommitError::Unavailable(format!("the log has not said for {PATIENCE:?} what its end is"))),
        }
    }

    async fn follow_to_the_end(&self) -> Result<(), LogError> {
        let from = self.next_entry();
        let found = self.log.read(from, CATCH_UP).await;
        if self.found(from, found).await? == 0 {
            return Ok(());
        }
        let head = self.log.head().await?;
        self.follow_through(head).await
    }

    async fn follow_through(&self, last: EntryNumber) -> Result<(), LogError> {
        let (mut known, mut room) = (self.entry.subscribe(), self.pressure.changes());
        loop {
            let from = self.next_entry();
            if from > last {
                return Ok(());
            }
            if self.inner.lock().in_flight || !self.may_follow(from - 1) {
                // Whatever becomes of the append, latest goes on; and so it does once there is room.
                let (known, room) = (known.wait_for(|entry| *entry >= from), room.changed());
                let _alive = select(pin!(known), pin!(room)).await;
                continue;
            }
            let left = usize::try_from(last - from).unwrap_or(usize::MAX).saturating_add(1);
            let found = self.log.read(from, left.min(CATCH_UP)).await;
            if self.found(from, found).await? == 0 {
                return Ok(());
            }
        }
    }

    /// Whether the entries after `entry` can be taken over. There always is room for those that are in segments already: they
    /// can be forgotten at once, and nothing else can be until they are taken over.
    fn may_follow(&self, entry: EntryNumber) -> bool {
        self.has_room() || self.segments.manifest().flushed > entry
    }

    fn next_entry(&self) -> EntryNumber {
        self.inner.lock().entry + 1
    }
}
