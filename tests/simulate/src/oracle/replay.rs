//! Serializability: whatever committed, done again one after the other in the order of the log, reads the same.
//!
//! The log says which transactions are committed and in which order; the book says what each of them read and wrote, and what
//! queries saw at which snapshot. One walk over the log with the naive model holds them against each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lakewire_storage::catalog::SystemTable;
use lakewire_storage::id::DocumentId;
use lakewire_storage::log::{LoggedTransaction, LoggedWrite, Timestamp};

use crate::app::{Op, Read, Table};
use crate::book::{Attempt, Book, Observation, Outcome};
use crate::lineage::Lineage;
use crate::model::{Model, difference};
use crate::world::World;

/// A timeline after it was done again.
#[derive(Clone, Default)]
pub struct Replayed {
    /// Its newest state.
    pub model: Model,
    /// The sessions' requests that are committed, with their timestamps.
    pub requests: BTreeMap<(String, u32), Timestamp>,
    /// How many transactions of the app were held against the model.
    pub transactions: u64,
    /// How many queries were.
    pub queries: u64,
}

/// Holds the history of a timeline against the book. `from` is what it began with.
pub fn replay(
    world: &World,
    book: &Book,
    lineage: &Lineage,
    timeline: &str,
    from: Model,
    history: &[Arc<LoggedTransaction>],
) -> Replayed {
    let attempts = book.attempts();
    let mut observations = book.observations();
    // What a branch shows of the time before it was made is its parent's.
    observations.retain(|observation| lineage.of(&observation.timeline, observation.ts) == timeline);
    observations.sort_by_key(|observation| observation.ts);
    let mut judge =
        Judge { world, timeline, state: Replayed { model: from, ..Replayed::default() }, committed: BTreeSet::new() };
    let mut seen = observations.iter().peekable();
    for transaction in history {
        while let Some(observation) = seen.next_if(|observation| observation.ts < transaction.ts) {
            judge.observation(observation);
        }
        judge.transaction(transaction, attempts.get(&transaction.source));
    }
    seen.for_each(|observation| judge.observation(observation));
    for (source, attempt) in attempts.iter().filter(|(_, attempt)| attempt.timeline == timeline) {
        if let Outcome::Acknowledged(ts) = attempt.outcome
            && !judge.committed.contains(source)
        {
            world.violation("durability", format_args!("`{source}` was acknowledged at {ts} and is not in the log"));
        }
    }
    judge.state
}

struct Judge<'a> {
    world: &'a World,
    timeline: &'a str,
    state: Replayed,
    committed: BTreeSet<String>,
}

impl Judge<'_> {
    fn observation(&mut self, observation: &Observation) {
        self.state.queries += 1;
        let Observation { who, ts, not_before, read, result, .. } = observation;
        if ts < not_before {
            self.world
                .violation("real time", format_args!("{who} was given {ts}, after {not_before} was acknowledged"));
        }
        self.compare("queries", who, *ts, read, result);
    }

    fn compare(&self, oracle: &'static str, who: &str, ts: Timestamp, read: &Read, seen: &serde_json::Value) {
        if !self.state.model.agrees(read, seen) {
            let difference = difference(&self.state.model.answer(read), seen);
            let timeline = self.timeline;
            self.world.violation(oracle, format_args!("{who} at {ts} on `{timeline}`: {read:?}{difference}"));
        }
    }

    fn transaction(&mut self, transaction: &LoggedTransaction, attempt: Option<&Attempt>) {
        let LoggedTransaction { ts, writes, source } = transaction;
        let Some(attempt) = attempt else {
            self.foreign(transaction);
            return;
        };
        self.state.transactions += 1;
        if !self.committed.insert(source.clone()) {
            self.world.violation("exactly once", format_args!("`{source}` is in the log twice"));
        }
        match attempt.outcome {
            Outcome::Refused => {
                self.world.violation("atomicity", format_args!("`{source}` was refused and is in the log at {ts}"));
            }
            Outcome::Acknowledged(told) if told != *ts => {
                self.world
                    .violation("durability", format_args!("`{source}` was told {told} and is in the log at {ts}"));
            }
            Outcome::Acknowledged(_) | Outcome::Unknown => {}
        }
        if *ts <= attempt.after {
            let after = attempt.after;
            self.world.violation("real time", format_args!("`{source}` began after {after} and committed at {ts}"));
        }
        if let Some(session) = &attempt.session
            && let Some(before) = self.state.requests.insert(session.clone(), *ts)
        {
            self.world.violation("exactly once", format_args!("{session:?} is committed at {before} and at {ts}"));
        }
        let mut before = BTreeMap::new();
        for op in &attempt.ops {
            match op {
                Op::Read(read, seen) => self.compare("serializability", source, *ts, read, seen),
                Op::Put(table, id, _) | Op::Delete(table, id) => {
                    let text = self.state.model.text(*table, id);
                    before.entry((*table, *id)).or_insert_with(|| text.cloned());
                }
            }
            self.state.model.apply(op);
        }
        self.same_writes(source, &before, writes);
    }

    /// All writes of a transaction are in the log, or it is not.
    fn same_writes(
        &self,
        source: &str,
        before: &BTreeMap<(Table, DocumentId), Option<Arc<str>>>,
        writes: &[LoggedWrite],
    ) {
        let after = &self.state.model;
        let changed = before.iter().filter(|((table, id), before)| before.as_ref() != after.text(*table, id));
        let expected: BTreeMap<_, _> = changed
            .map(|((table, id), _)| (id.internal, after.text(*table, id).map(|text| text.to_string())))
            .collect();
        let logged: BTreeMap<_, _> = app_writes(writes)
            .map(|write| (write.id, write.document.as_ref().map(|found| found.json.to_string())))
            .collect();
        if expected != logged {
            self.world.violation("atomicity", format_args!("`{source}` wrote {expected:?}\n  the log has {logged:?}"));
        }
    }

    /// A transaction of the database itself changes no document of the app.
    fn foreign(&self, transaction: &LoggedTransaction) {
        for write in app_writes(&transaction.writes) {
            let same = write.document.as_ref().is_some_and(|document| {
                let present = Table::ALL.iter().find_map(|table| self.state.model.text(*table, &document.id));
                present.is_some_and(|present| **present == *document.json)
            });
            if !same {
                let (source, id) = (&transaction.source, write.id);
                self.world
                    .violation("atomicity", format_args!("`{source}` changes document {id:?}, which nobody asked for"));
            }
        }
    }
}

fn app_writes(writes: &[LoggedWrite]) -> impl Iterator<Item = &LoggedWrite> {
    writes.iter().filter(|write| SystemTable::from_tablet(write.table).is_none())
}
