//! What one process knows about a log that others write to as well.

use std::time::Duration;

use crate::env::Env;
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
    /// A number that was free, and when that was.
    free: Option<(EntryNumber, Moment)>,
}

/// A moment, by both clocks: the monotonic one may stand still while the machine is suspended, the other one may be set back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    monotonic_ns: u64,
    wall_ns: u64,
}

impl Moment {
    pub(super) fn now(env: &Env) -> Self {
        Self { monotonic_ns: env.monotonic_ns(), wall_ns: env.now_ns() }
    }

    fn elapsed(self, env: &Env) -> Duration {
        let now = Self::now(env);
        let elapsed = now.monotonic_ns.saturating_sub(self.monotonic_ns).max(now.wall_ns.saturating_sub(self.wall_ns));
        Duration::from_nanos(elapsed)
    }
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
