//! Mutations: run optimistically, commit, run again if something they read changed meanwhile.
//!
//! They run on the newest *accepted* state, which may not be durable yet, so that a hot document changes hands at the
//! speed of memory; what a client hears is always durable.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use lakewire_storage::commit::{CommitError, Conflict};
use lakewire_storage::interval::ReadSet;
use lakewire_storage::log::Timestamp;
use lakewire_storage::transaction::Transaction;
use lakewire_storage::value::Value;

use super::conflicts::{Losses, Turn};
use super::execution::{MutationRun, Report, Started};
use super::occasion::Occasion;
use super::query::Ran;
use super::sessions::{self, SessionRecord};
use super::starvation::{RightOfWay, STARVED};
use super::{ConflictKey, Engine, warnings};
use crate::logs::OccInfo;
use crate::model::FunctionKind;
use crate::runtime::UdfKind;
use crate::udf::check::COMMIT_TS;
use crate::udf::{Call, CallFailure, ConflictFailure, Failure, FunctionErrorKind, SessionRequest};

/// Attempts of one mutation. Far more than a queue for a hot document needs: what still loses is in a fight that more
/// attempts would not end.
const MAX_ATTEMPTS: u32 = 100;

/// What keeps a mutation from being committed twice.
#[derive(Clone, Copy)]
enum Once<'a> {
    Never,
    Session(&'a SessionRequest),
    Occasion(&'a dyn Occasion),
}

/// What came of one attempt.
enum Attempt {
    Done(MutationRun),
    /// The occasion for it has passed.
    Passed,
    /// Others may have committed what it should have seen.
    Stale,
    Lost(Box<Lost>),
}

/// An attempt that was not committed.
struct Lost {
    conflict: Conflict,
    started: Started,
    report: Report,
    /// What it read, if that is going to matter.
    reads: ReadSet,
}

/// Where a mutation stands among those that want the same documents.
#[derive(Default)]
struct Contest<'a> {
    losses: Losses<ConflictKey>,
    turn: Option<Turn<'a, ConflictKey>>,
    right_of_way: Option<RightOfWay<'a>>,
}

impl Contest<'_> {
    /// Whether the next attempt needs to wait for nobody.
    fn has_place(&self) -> bool {
        self.right_of_way.is_some() || self.turn.as_ref().is_some_and(|turn| turn.covers(&self.losses))
    }

    /// Whether one more loss calls for the right of way, over what was read.
    fn may_starve(&self) -> bool {
        self.losses.count() + 1 >= STARVED
    }

    /// Lets the next ones in.
    fn leave(&mut self) {
        self.turn = None;
        self.right_of_way = None;
    }
}

impl Engine {
    pub(super) async fn run_mutation(
        &self,
        call: &Call,
        session: Option<SessionRequest>,
    ) -> Result<MutationRun, CallFailure> {
        let once = session.as_ref().map_or(Once::Never, Once::Session);
        match self.run_once(call, once).await? {
            Some(run) => Ok(run),
            None => Err(CallFailure::Internal("a mutation without an occasion was not run".to_owned())),
        }
    }

    /// Runs a mutation on an occasion; `None` if that has passed.
    pub(crate) async fn run_mutation_on(
        &self,
        call: &Call,
        occasion: &dyn Occasion,
    ) -> Result<Option<MutationRun>, CallFailure> {
        self.run_once(call, Once::Occasion(occasion)).await
    }

    async fn run_once(&self, call: &Call, once: Once<'_>) -> Result<Option<MutationRun>, CallFailure> {
        let mut contest = Contest::default();
        let mut is_fresh = !self.db.is_shared();
        loop {
            // Who lost at the head of a queue, to one who was not in it, stays there.
            if !contest.has_place() {
                drop(contest.turn.take());
                contest.turn = self.conflicts.turn(&contest.losses).await;
            }
            let lost = match self.attempt(call, once, &mut contest, is_fresh).await? {
                Attempt::Done(run) => return Ok(Some(run)),
                Attempt::Passed => return Ok(None),
                Attempt::Stale => {
                    is_fresh = true;
                    continue;
                }
                Attempt::Lost(lost) => lost,
            };
            contest.losses.add((lost.conflict.table.clone(), lost.conflict.id));
            let losses = contest.losses.count();
            tracing::debug!(function = %call.path, losses, conflict = %lost.conflict, "running again");
            if losses >= MAX_ATTEMPTS {
                return Err(self.give_up(call, *lost, losses));
            }
            match &contest.right_of_way {
                Some(right_of_way) => right_of_way.widen(&lost.reads),
                None if losses >= STARVED => {
                    // Not while others wait for its turn: they may have what it will wait for.
                    drop(contest.turn.take());
                    contest.right_of_way = Some(self.starvation.right_of_way(lost.reads).await);
                }
                None => {}
            }
        }
    }

    /// Runs it once. `is_fresh`: whether all is known here that was acknowledged before the call, by whatever process.
    async fn attempt(
        &self,
        call: &Call,
        once: Once<'_>,
        contest: &mut Contest<'_>,
        is_fresh: bool,
    ) -> Result<Attempt, CallFailure> {
        let started = self.start();
        let known = self.db.entry();
        // What an occasion has written is not known elsewhere.
        let goes_elsewhere = !matches!(once, Once::Occasion(_)) && !call.path.is_system() && self.is_full();
        let snapshot = if goes_elsewhere { self.db.latest() } else { self.db.head() };
        let mut tx = self.db.begin(snapshot.clone(), &call.path.udf_path());
        if let Once::Session(session) = once
            && let Some(record) = sessions::find(&mut tx, session).await?
        {
            // The commit that it is a record of may not be durable yet.
            return match self.commit(tx, contest).await {
                Ok(_) => Ok(Attempt::Done(replay(call, record))),
                Err(error) => failed(error, started, Report::default(), ReadSet::new()),
            };
        }
        let before = tx.savepoint();
        if let Once::Occasion(occasion) = once
            && !occasion.begin(&mut tx).await?
        {
            return match self.commit(tx, contest).await {
                Ok(_) => Ok(Attempt::Passed),
                Err(error) => failed(error, started, Report::default(), ReadSet::new()),
            };
        }
        let mut ran = if call.path.is_system() {
            self.run_system(call, UdfKind::Mutation, tx).await?
        } else if goes_elsewhere {
            self.run_anywhere(call, UdfKind::Mutation, snapshot, tx, None).await?
        } else {
            self.run_in(call, UdfKind::Mutation, snapshot, tx, None).await?
        };
        warnings::append(&mut ran, self.env.now_ns());
        let Ran { outcome, mut tx, mut host, user_time, .. } = ran;
        let stored = std::mem::take(&mut host.stored);
        let audit = std::mem::take(&mut host.audit);
        let lines: Vec<String> = host.lines.iter().map(|line| line.line.pretty()).collect();
        match (&outcome, once) {
            (Ok(json), Once::Session(session)) => sessions::record(&mut tx, session, json, &lines).await?,
            (Ok(_), _) => {}
            // Nothing of it is kept, but what it read must be durable before anybody hears of it.
            (Err(_), _) => tx.rollback_to(before),
        }
        if let Once::Occasion(occasion) = once {
            occasion.end(&mut tx, &outcome, &lines).await?;
        }
        let report = Report { lines: host.lines, user_time, usage: *tx.usage(), ..Report::default() };
        if contest.right_of_way.is_none() {
            self.starvation.give_way(&tx).await;
        }
        let stored = self.files.settle(&mut tx, stored).await;
        // What writes is compared with the log when it is appended. What only fails, or only reads, would not be.
        if !is_fresh && tx.is_read_only() {
            self.refresh().await?;
            if self.db.entry() != known {
                return Ok(Attempt::Stale);
            }
        }
        let reads = if contest.may_starve() { tx.reads().clone() } else { ReadSet::new() };
        let committed = self.commit(tx, contest).await;
        self.files.settle_commit(&committed, &stored).await;
        match committed {
            Ok(ts) => {
                if outcome.is_ok() {
                    self.emit_audit(call, &audit);
                }
                let execution_id = self.execution_id();
                self.log_completion(call, FunctionKind::Mutation, &execution_id, started, &outcome, report);
                let outcome = outcome.map(|json| resolve_commit_ts(json, ts));
                Ok(Attempt::Done(MutationRun { outcome, request_id: call.request_id.clone(), lines, ts }))
            }
            Err(error) => failed(error, started, report, reads),
        }
    }

    /// Commits, and gives up the places in `contest` once the commit is accepted: the next ones build on it while it is
    /// being made durable.
    async fn commit(&self, tx: Transaction, contest: &mut Contest<'_>) -> Result<Timestamp, CommitError> {
        let mut commit = pin!(self.db.commit(tx));
        // The database takes a transaction into its head, or refuses it, when the future is first polled.
        let first = futures::poll!(commit.as_mut());
        if !matches!(first, Poll::Ready(Err(_))) {
            contest.leave();
        }
        let committed = match first {
            Poll::Ready(committed) => committed,
            Poll::Pending => commit.await,
        };
        Ok(committed?.ts)
    }

    fn give_up(&self, call: &Call, lost: Lost, attempts: u32) -> CallFailure {
        let Lost { conflict, started, mut report, .. } = lost;
        let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let failure = ConflictFailure {
            table: known(&conflict.table),
            document: conflict.id.map(|id| id.to_string()),
            writer: known(&conflict.writer),
            attempts,
        };
        report.occ = Some(OccInfo {
            table_name: failure.table.clone(),
            document_id: failure.document.clone(),
            write_source: failure.writer.clone(),
            retry_count: attempts - 1,
        });
        let failure = CallFailure::Conflict(failure);
        let outcome = Err(Failure::new(FunctionErrorKind::Thrown, failure.to_string()));
        self.log_completion(call, FunctionKind::Mutation, &self.execution_id(), started, &outcome, report);
        failure
    }
}

fn failed(error: CommitError, started: Started, report: Report, reads: ReadSet) -> Result<Attempt, CallFailure> {
    match error {
        CommitError::Conflict(conflict) => Ok(Attempt::Lost(Box::new(Lost { conflict, started, report, reads }))),
        CommitError::Unavailable(_) => Err(CallFailure::Unavailable(error.to_string())),
        CommitError::Row(_) => Err(CallFailure::Internal(error.to_string())),
    }
}

/// The answer of the run that was committed.
fn replay(call: &Call, record: SessionRecord) -> MutationRun {
    let SessionRecord { result, lines, ts } = record;
    let outcome = Ok(resolve_commit_ts(result.into(), ts));
    MutationRun { outcome, request_id: call.request_id.clone(), lines, ts }
}

/// Puts the commit timestamp in the place of its placeholders.
fn resolve_commit_ts(json: Arc<str>, ts: Timestamp) -> Arc<str> {
    if json.contains(COMMIT_TS) {
        json.replace(COMMIT_TS, &Value::Int64(ts.cast_signed()).to_json()).into()
    } else {
        json
    }
}

#[cfg(test)]
mod tests {
    use super::resolve_commit_ts;

    #[test]
    fn placeholders_are_resolved_outside_of_strings_only() {
        let json = r#"{"a":{"$commitTs":null},"b":"{\"$commitTs\":null}"}"#;
        let resolved = resolve_commit_ts(json.into(), 7);
        assert_eq!(&*resolved, r#"{"a":{"$integer":"BwAAAAAAAAA="},"b":"{\"$commitTs\":null}"}"#);
    }
}
