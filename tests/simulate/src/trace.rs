//! What happened: a hash over every event, the last events as text, counts of the faults, and what must not have happened.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::{self, Write as _};

use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

/// Events kept as text.
const KEPT: usize = 400;
/// Violations kept as text; the first is the one that matters.
const VIOLATIONS: usize = 8;

/// The events of a run.
#[derive(Default)]
pub struct Trace(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    hash: Sha256,
    events: u64,
    recent: VecDeque<String>,
    line: String,
    faults: BTreeMap<&'static str, u64>,
    violations: Vec<Violation>,
}

/// Something that must not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which of the oracles found it.
    pub oracle: &'static str,
    /// What is wrong, with the event number at which it was found.
    pub text: String,
}

impl Trace {
    /// Takes note of an event at `ms` of simulated time.
    pub fn event(&self, ms: u64, what: fmt::Arguments<'_>) {
        let mut guard = self.0.lock();
        let inner = &mut *guard;
        inner.events += 1;
        inner.line.clear();
        writeln!(inner.line, "{ms:>9} {what}").expect("writing to a string");
        inner.hash.update(inner.line.as_bytes());
        if inner.recent.len() == KEPT {
            inner.recent.pop_front();
        }
        inner.recent.push_back(inner.line.trim_end().to_owned());
    }

    /// Counts a fault.
    pub fn fault(&self, kind: &'static str) {
        *self.0.lock().faults.entry(kind).or_default() += 1;
    }

    /// Takes note of something that must not happen.
    pub fn violation(&self, oracle: &'static str, what: fmt::Arguments<'_>) {
        let mut inner = self.0.lock();
        if inner.violations.len() < VIOLATIONS {
            let mut text = format!("{what}");
            let lines = text.lines().map(shortened).collect::<Vec<_>>();
            text = format!("{} (after event {})", lines.join("\n"), inner.events);
            inner.violations.push(Violation { oracle, text });
        }
    }

    /// Whether something that must not happen has.
    pub fn is_violated(&self) -> bool {
        !self.0.lock().violations.is_empty()
    }

    /// What must not have happened, in order.
    pub fn violations(&self) -> Vec<Violation> {
        self.0.lock().violations.clone()
    }

    /// How many faults of each kind there were.
    pub fn faults(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().faults.clone()
    }

    /// The hash over all events, in hexadecimal, and how many they were.
    pub fn digest(&self) -> (String, u64) {
        let inner = self.0.lock();
        let hash = inner.hash.clone().finalize();
        let mut text = String::new();
        for byte in &hash[..16] {
            write!(text, "{byte:02x}").expect("writing to a string");
        }
        (text, inner.events)
    }

    /// The last events.
    pub fn recent(&self) -> Vec<String> {
        self.0.lock().recent.iter().cloned().collect()
    }
}

/// A line that is not too long to read.
fn shortened(line: &str) -> String {
    const MOST: usize = 600;
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}... {} bytes", &line[..end], line.len()),
        None => line.to_owned(),
    }
}
