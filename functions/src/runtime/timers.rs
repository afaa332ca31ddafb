//! `setTimeout` and `setInterval` of one action.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// What a timer calls.
pub(super) struct Timer {
    pub(super) callback: v8::Global<v8::Function>,
    pub(super) arguments: Vec<v8::Global<v8::Value>>,
    /// Async context (continuation-preserved embedder data) the timer was set in.
    pub(super) async_context: v8::Global<v8::Value>,
    /// Set for intervals: nanoseconds between two calls.
    pub(super) interval_ns: Option<u64>,
}

/// The timers that are set, in the order in which they are due.
#[derive(Default)]
pub(super) struct Timers {
    last_id: u32,
    /// (due, order of setting) -> id.
    due: BTreeMap<(u64, u64), u32>,
    by_id: HashMap<u32, ((u64, u64), Timer)>,
    order: u64,
}

impl Timers {
    /// Sets a timer that is due at `due_ns` (monotonic) and returns its id, from 1.
    pub(super) fn set(&mut self, due_ns: u64, timer: Timer) -> u32 {
        self.last_id += 1;
        self.insert(self.last_id, due_ns, timer);
        self.last_id
    }

    fn insert(&mut self, id: u32, due_ns: u64, timer: Timer) {
        self.order += 1;
        let key = (due_ns, self.order);
        self.due.insert(key, id);
        self.by_id.insert(id, (key, timer));
    }

    /// Unsets a timer, if it is still set.
    pub(super) fn clear(&mut self, id: u32) {
        if let Some((key, _)) = self.by_id.remove(&id) {
            self.due.remove(&key);
        }
    }

    /// When the next timer is due, monotonic nanoseconds.
    pub(super) fn next_due(&self) -> Option<u64> {
        self.due.first_key_value().map(|((due, _), _)| *due)
    }

    /// Takes the next timer due at `now_ns`. The caller gives intervals back to [`rearm`](Self::rearm).
    pub(super) fn pop_due(&mut self, now_ns: u64) -> Option<(u32, Timer)> {
        if self.next_due()? > now_ns {
            return None;
        }
        let (_, id) = self.due.pop_first()?;
        let (_, timer) = self.by_id.remove(&id)?;
        Some((id, timer))
    }

    /// Sets an interval again under its old id.
    pub(super) fn rearm(&mut self, id: u32, due_ns: u64, timer: Timer) {
        self.insert(id, due_ns, timer);
    }
}

/// The delay that a number of milliseconds from JavaScript means.
pub(super) fn delay(ms: f64) -> Duration {
    // As browsers do: what isn't a positive 31-bit number of milliseconds means "at once".
    if ms.is_finite() && (1.0..=f64::from(i32::MAX)).contains(&ms) {
        Duration::from_micros((ms * 1000.0) as u64)
    } else {
        Duration::from_millis(1)
    }
}
