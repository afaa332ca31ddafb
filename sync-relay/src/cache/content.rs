//! Results in the form in which they are shared.

use std::sync::{Arc, OnceLock};

use lakewire_functions::logs::AuditLine;
use lakewire_functions::udf::{FunctionOutcome, QueryResult};
use lakewire_storage::log::Timestamp;
use sha2::{Digest, Sha256};

use crate::protocol::{Modifications, result_suffix};

/// What subscribers are told about a query. Runs of the same outcome share it.
#[derive(Debug)]
pub(crate) struct Content {
    result: Arc<QueryResult>,
    journal: Option<Arc<str>>,
    suffix: OnceLock<Box<str>>,
    fingerprint: OnceLock<Fingerprint>,
}

/// Names what a client was told: contents that are the same have the same one, in whatever process.
pub(crate) type Fingerprint = [u8; 16];

/// The result of a run, and the snapshots at which it is right.
#[derive(Debug, Clone)]
pub(super) struct Landed {
    pub(super) content: Arc<Content>,
    pub(super) result: Arc<QueryResult>,
    /// The snapshot it was run on.
    pub(super) from: Timestamp,
    /// The first commit that touches what was read; [`OPEN`] while none is known.
    pub(super) until: Timestamp,
    /// Monotonic clock, in nanoseconds.
    pub(super) landed_ns: u64,
    /// Stands for a call that was refused. Subscribers are told as if the function had failed; others make the call themselves.
    pub(super) refused: bool,
}

/// `until` of a result that no commit is known to touch: right up to the newest commit that was looked at.
pub(super) const OPEN: Timestamp = Timestamp::MAX;

impl Landed {
    /// The newest snapshot at which the result is known to be right, all commits up to `processed` having been looked at.
    pub(super) fn last(&self, processed: Timestamp) -> Timestamp {
        if self.until == OPEN { processed.max(self.from) } else { self.until - 1 }
    }

    /// Whether the result is right at `ts`.
    pub(super) fn holds_at(&self, ts: Timestamp, processed: Timestamp) -> bool {
        self.from <= ts && ts <= self.last(processed)
    }
}

impl Content {
    /// For the result of a query that was given the journal `given`. A failed run pins nothing, but does not unpin either.
    pub(crate) fn new(result: Arc<QueryResult>, given: Option<&Arc<str>>) -> Self {
        let journal = match (&result.journal, &result.outcome) {
            (None, Err(_)) => given.cloned(),
            (journal, _) => journal.as_deref().map(Arc::from),
        };
        Self { result, journal, suffix: OnceLock::new(), fingerprint: OnceLock::new() }
    }

    /// What to give to the next run for the same subscriber.
    pub(crate) fn journal(&self) -> Option<&Arc<str>> {
        self.journal.as_ref()
    }

    /// What the function returned, or how it failed.
    pub(super) fn outcome(&self) -> &FunctionOutcome {
        &self.result.outcome
    }

    /// What is to be emitted when a client is told.
    pub(crate) fn audit(&self) -> &[AuditLine] {
        &self.result.audit
    }

    /// Size of the texts in bytes, more or less.
    pub(crate) fn bytes(&self) -> usize {
        let outcome = match &self.result.outcome {
            Ok(value) => value.len(),
            Err(error) => error.message.len() + error.data.as_ref().map_or(0, |data| data.len()),
        };
        outcome + self.result.log_lines.iter().map(|line| line.len() + 24).sum::<usize>()
    }

    /// Adds it to a Transition, as the result of `query_id`.
    pub(crate) fn report(&self, query_id: u32, modifications: &mut Modifications) {
        let suffix = self.suffix.get_or_init(|| result_suffix(&self.result, self.journal.as_deref()).into());
        modifications.result(query_id, &self.result, suffix);
    }

    /// What [`Content::same`] compares, in few bytes.
    pub(crate) fn fingerprint(&self) -> &Fingerprint {
        self.fingerprint.get_or_init(|| {
            let mut hash = Sha256::new();
            // With its length, so that no text runs into the next.
            let mut add = |text: &str| {
                hash.update((text.len() as u64).to_le_bytes());
                hash.update(text);
            };
            match &self.result.outcome {
                Ok(value) => add(value),
                Err(error) => {
                    add(&format!("{:?}", error.kind));
                    add(without_id(&error.message));
                    add(error.data.as_deref().unwrap_or_default());
                }
            }
            add(self.result.outcome.as_ref().map_or("error", |_| "value"));
            add(&format!("{:?}", self.journal));
            self.result.log_lines.iter().for_each(|line| add(line));
            add(&format!("{:?}", self.result.audit));
            *hash.finalize().first_chunk().expect("a digest has 32 bytes")
        })
    }

    /// Whether a client that was told `self` need not be told `other`: ids of requests do not count.
    pub(crate) fn same(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
            || (self.journal == other.journal
                && self.result.log_lines == other.result.log_lines
                && self.result.audit == other.result.audit
                && match (&self.result.outcome, &other.result.outcome) {
                    (Ok(a), Ok(b)) => a == b,
                    (Err(a), Err(b)) => {
                        a.kind == b.kind && a.data == b.data && without_id(&a.message) == without_id(&b.message)
                    }
                    _ => false,
                })
    }
}

/// The part of an error message after `[Request ID: ...`.
pub(super) fn without_id(message: &str) -> &str {
    match message.strip_prefix("[Request ID: ").and_then(|rest| rest.split_once(']')) {
        Some((_, rest)) => rest,
        None => message,
    }
}
