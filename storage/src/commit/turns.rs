//! Sharing a log fairly with other writers.
//!
//! Whoever has appended knows first that the next number is free, so he would win it as well, and then the next: a writer with
//! a longer way to the log might never get anything in. So the winner of several entries in a row now and then waits about as
//! long as an append takes, and more often once he knows that there are others. The transactions that come meanwhile go into
//! one group, so that this costs hardly any throughput.

use std::time::Duration;

/// Wins in a row after which a writer waits, even if it knows of no other.
const LONG_RUN: u32 = 16;
/// So many times the duration of an append, others are taken to be there still.
const CONTENDED: u32 = 32;
/// The longest pause, in durations of an append.
const MOST: u32 = 4;
/// What an append takes at most, for this purpose. One during which the machine slept says nothing about others.
const SLOWEST: Duration = Duration::from_millis(100);

#[cfg(test)]
#[path = "turns_tests.rs"]
mod tests;

/// Whose turn it is.
#[derive(Default)]
pub(super) struct Turns {
    /// Entries appended in a row, without a rest.
    won: u32,
    /// Entries of others met in a row.
    lost: u32,
    /// When an entry of another writer was met, on the monotonic clock in ns.
    lost_at: Option<u64>,
    /// How long an append takes, about.
    append: Duration,
}

impl Turns {
    /// An own entry was appended. The result is how long to wait before the next one.
    pub fn won(&mut self, took: Duration, now_ns: u64) -> Duration {
        let took = took.min(SLOWEST);
        self.append = if self.append.is_zero() { took } else { (self.append * 7 + took) / 8 };
        self.won += 1;
        self.lost = 0;
        let contended =
            self.lost_at.is_some_and(|at| Duration::from_nanos(now_ns.saturating_sub(at)) < self.append * CONTENDED);
        match contended {
            true => self.append * self.won.min(2 * MOST) / 2,
            false if self.won.is_multiple_of(LONG_RUN) => self.append * 2,
            false => Duration::ZERO,
        }
    }

    /// Entries of others were met.
    pub fn lost(&mut self, now_ns: u64) {
        self.won = 0;
        self.lost += 1;
        self.lost_at = Some(now_ns);
    }

    /// There was nothing to append for a while. Less than an append takes is no rest: those who just got their answer have
    /// not come back yet.
    pub fn rested(&mut self, rest: Duration) {
        if rest >= self.append {
            self.won = 0;
            self.lost = 0;
        }
    }

    /// Whether there may be several entries that are not known.
    pub fn is_behind(&self) -> bool {
        self.lost > 0
    }
}
