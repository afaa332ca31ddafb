//! What everybody did and saw, for the oracles to judge.

use std::collections::BTreeMap;
use std::sync::Arc;

use lakewire_storage::log::Timestamp;
use parking_lot::Mutex;
use serde_json::Value as Json;

use crate::app::{Op, Read};

/// The records of a run.
#[derive(Default)]
pub struct Book(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    next: u64,
    attempts: BTreeMap<String, Attempt>,
    observations: Vec<Observation>,
    /// The newest acknowledged commit of each timeline, and of each life of a node.
    acknowledged: BTreeMap<String, Timestamp>,
}

/// One attempt of a transaction to commit.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The timeline of its database.
    pub timeline: String,
    /// The session and request that it is of.
    pub session: Option<(String, u32)>,
    /// The newest commit that was acknowledged to anybody on the timeline when it began.
    pub after: Timestamp,
    /// What it did.
    pub ops: Vec<Op>,
    /// What became of it, as far as its caller knows.
    pub outcome: Outcome,
}

/// What the caller of a transaction knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing.
    Unknown,
    /// It is committed, and became durable at this timestamp.
    Acknowledged(Timestamp),
    /// It is not, and will never be.
    Refused,
}

/// A query that was answered.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The timeline of the database.
    pub timeline: String,
    /// Who saw it.
    pub who: String,
    /// At which snapshot.
    pub ts: Timestamp,
    /// The snapshot had to be at least this new.
    pub not_before: Timestamp,
    /// What was asked.
    pub read: Read,
    /// What was seen.
    pub result: Arc<Json>,
}

impl Book {
    /// A new attempt of `who`: its unique source, which the log will name.
    pub fn begin(&self, timeline: &str, who: &str, session: Option<(String, u32)>) -> String {
        let mut inner = self.0.lock();
        inner.next += 1;
        let source = format!("sim:{who}/{}", inner.next);
        let after = inner.acknowledged.get(timeline).copied().unwrap_or(0);
        let timeline = timeline.to_owned();
        let attempt = Attempt { timeline, session, after, ops: Vec::new(), outcome: Outcome::Unknown };
        inner.attempts.insert(source.clone(), attempt);
        source
    }

    /// What an attempt did, before it commits.
    pub fn did(&self, source: &str, ops: Vec<Op>) {
        if let Some(attempt) = self.0.lock().attempts.get_mut(source) {
            attempt.ops = ops;
        }
    }

    /// An attempt was acknowledged by a node.
    pub fn acknowledged(&self, source: &str, host: &str, ts: Timestamp) {
        let mut guard = self.0.lock();
        let inner = &mut *guard;
        if let Some(attempt) = inner.attempts.get_mut(source) {
            attempt.outcome = Outcome::Acknowledged(ts);
            for whose in [attempt.timeline.as_str(), host] {
                let newest = inner.acknowledged.entry(whose.to_owned()).or_default();
                *newest = ts.max(*newest);
            }
        }
    }

    /// An attempt was refused for good.
    pub fn refused(&self, source: &str) {
        if let Some(attempt) = self.0.lock().attempts.get_mut(source) {
            attempt.outcome = Outcome::Refused;
        }
    }

    /// An attempt will not try to commit: there is nothing to write, or it failed on its way.
    pub fn forget(&self, source: &str) {
        self.0.lock().attempts.remove(source);
    }

    /// The newest commit that was acknowledged on a timeline, or by a life of a node.
    pub fn newest_acknowledged(&self, whose: &str) -> Timestamp {
        self.0.lock().acknowledged.get(whose).copied().unwrap_or(0)
    }

    /// Somebody saw something.
    pub fn saw(&self, observation: Observation) {
        self.0.lock().observations.push(observation);
    }

    /// Every attempt by its source.
    pub fn attempts(&self) -> BTreeMap<String, Attempt> {
        self.0.lock().attempts.clone()
    }

    /// Everything that was seen.
    pub fn observations(&self) -> Vec<Observation> {
        self.0.lock().observations.clone()
    }
}
