//! What one process knows about a log that others write to as well.

use std::time::Duration;

use crate::env::{Env, Moment};
use crate::log::{EntryNumber, LogEntry, LogError, Seal};
use crate::sabotage::{self, Rule};

/// For so long it is certain that a number that was free has not been taken *and trimmed* since: entries younger than this are
/// never trimmed (the writer of the database keeps them for longer than twice that).
pub(super) const TRUST: Duration = Duration::from_secs(30);

/// Facts that stay true.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The log was trimmed before this entry at least.
    pub(super) first: EntryNumber,
    /// The newest entry that is known to be there (or to have been) and not to be a seal.
    pub(super) head: EntryNumber,
    /// The seal and its number.
    seal: Option<(EntryNumber, Seal)>,
    /// A number that was the newest some time ago, or any other. Where to look first, once.
    pub(super) hint: Option<EntryNumber>,
    /// A number that was free, and when that was.
    free: Option<(EntryNumber, Moment)>,
}

impl Known {
    /// Entry `n` is in the log.
    pub(super) fn entry(&mut self, n: EntryNumber, entry: &LogEntry) {
        match &entry.seal {
            Some(seal) => self.seal = Some((n, seal.clone())),
            None => self.head = self.head.max(n),
        }
    }

    /// Number `n` was free at a moment not before `at`.
    pub(super) fn free(&mut self, n: EntryNumber, at: Moment) {
        if self.free.is_none_or(|(known, _)| known <= n) {
            self.free = Some((n, at));
        }
    }

    /// Whether `n` cannot have been trimmed by now, although the marker was not looked at.
    pub(super) fn is_recent(&self, n: EntryNumber, env: &Env) -> bool {
        let trusted = |at: Moment| at.elapsed(env) < TRUST || sabotage::is(Rule::StalledWriterTrusted);
        self.free.is_some_and(|(free, at)| free <= n && trusted(at))
    }

    /// Fails if `n` is known to be trimmed.
    pub(super) fn ensure_kept(&self, n: EntryNumber) -> Result<(), LogError> {
        let first = self.first.max(1);
        if n < first { Err(LogError::Trimmed { requested: n, first }) } else { Ok(()) }
    }

    /// Fails if `n` is known to come after a seal.
    pub(super) fn ensure_unsealed(&self, n: EntryNumber) -> Result<(), LogError> {
        match &self.seal {
            Some((entry, Seal { successor })) if n > *entry => {
                Err(LogError::Sealed { entry: *entry, successor: successor.clone() })
            }
            _ => Ok(()),
        }
    }
}
