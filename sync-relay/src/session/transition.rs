//! When a Transition is due, and at which snapshot.
//!
//! Every result is known to be right from the snapshot it was run on to the commit that made it stale, or to the newest commit there
//! is. Where these spans have a snapshot in common, a Transition to the newest such snapshot can be sent at once: the usual case, as
//! one round runs everything a commit made stale at one snapshot. Where they have none (some queries are slow, others keep
//! changing), the session puts the results of one snapshot together, kept in hand as they come in: each such assembly ends, whatever
//! is committed meanwhile, so nobody is starved.

use std::sync::Arc;

use lakewire_functions::udf::{Call, Caller, RequestId};
use lakewire_storage::log::Timestamp;

use super::query_set::{Source, Subscription, Told};
use super::{End, Session, Wire};
use crate::cache::{Content, Pin, QueryCache};
use crate::protocol::{Modifications, StateVersion};

/// Transitions that may be on their way to the client. A slow one gets fewer that each say more.
const MAX_UNSENT: usize = 2;

/// The snapshot at which the session is putting its results together.
pub(super) struct Assembly {
    pin: Arc<Pin>,
}

/// What the newest results have in common.
struct Survey {
    /// All of them are right at the snapshots from here ...
    from: Timestamp,
    /// ... to here.
    to: Timestamp,
    /// Some query has no result.
    missing: bool,
    /// Some result is stale, or missing, and no run is under way or planned.
    neglected: bool,
    /// Some result is stale, or missing, and its run will be repeated after a pause.
    resting: bool,
    /// Results the client has yet to be told of.
    news: News,
    /// The newest of the runs under way.
    running: Option<Arc<Pin>>,
}

/// Results by position in the query set.
type News = Vec<(usize, Arc<Content>)>;

impl Session {
    /// Sends the Transitions that are due.
    ///
    /// # Errors
    /// How the session ends if there is something to be shown to a user whose token has expired.
    pub(super) fn advance<W: Wire>(&mut self, socket: &mut W) -> Result<(), End> {
        let waits = self.refresh.is_some() || self.verification.is_some();
        while !waits && socket.unsent_transitions() < MAX_UNSENT && self.step(socket)? {}
        Ok(())
    }

    /// Sends one Transition if one is due.
    fn step<W: Wire>(&mut self, socket: &mut W) -> Result<bool, End> {
        // Before anything else is looked at, so that all of it is known up to here.
        let processed = self.shared.cache.tracker().processed();
        let top = processed.min(self.requests.last_to_show());
        let needed = self.owed.unwrap_or(0).max(self.wanted.ts);
        if needed > processed && self.shared.cache.tracker().notify_at(needed, &self.signal) {
            return self.step(socket);
        }
        if top < self.wanted.ts {
            return Ok(false);
        }
        let survey = self.survey(top, processed);
        let changed = !survey.news.is_empty()
            || !self.queries.removed.is_empty()
            || self.wanted.query_set != self.sent.query_set
            || self.wanted.identity != self.sent.identity;
        if !survey.missing && survey.from <= survey.to && (changed || self.owed.is_some_and(|owed| owed <= survey.to)) {
            return self.tell(survey.to, survey.news, socket).map(|()| true);
        }
        let due = changed || survey.missing || self.owed.is_some_and(|owed| owed <= top);
        if due || survey.neglected { self.assemble(survey.running, top, processed, socket) } else { Ok(false) }
    }

    /// Whether there is nothing left to do until something else happens.
    pub(crate) fn rest(&mut self) -> Rest {
        let processed = self.shared.cache.tracker().processed();
        let waits = self.refresh.is_some() || self.verification.is_some() || !self.requests.are_done();
        if waits || self.owed.is_some() || processed < self.wanted.ts {
            return Rest::Busy;
        }
        let survey = self.survey(processed, processed);
        if survey.running.is_some() || survey.neglected {
            Rest::Busy
        } else if survey.resting {
            Rest::Stuck
        } else if !survey.news.is_empty()
            || !self.queries.removed.is_empty()
            || (self.wanted.query_set, self.wanted.identity) != (self.sent.query_set, self.sent.identity)
        {
            Rest::Busy
        } else {
            Rest::Settled
        }
    }

    fn survey(&mut self, top: Timestamp, processed: Timestamp) -> Survey {
        let mut survey = Survey {
            from: self.wanted.ts,
            to: top,
            missing: false,
            neglected: false,
            resting: false,
            news: News::new(),
            running: None,
        };
        for (at, subscription) in self.queries.iter_mut().enumerate() {
            if subscription.is_retired() {
                subscription.rewatch(&self.shared.cache, &self.identity, &self.signal);
            }
            let reading = match &subscription.source {
                Source::Cache(watch) => watch.entry.read(processed),
                Source::Fixed(content, _) => {
                    if subscription.is_news(content) {
                        survey.news.push((at, Arc::clone(content)));
                    }
                    continue;
                }
                Source::Moving => continue,
            };
            // What the client has may be known to be right for longer than what is here.
            let kept = subscription.kept.as_ref().map(|kept| (None, kept.from(), kept.last(processed)));
            let newest = reading.newest.map(|(content, from, last)| (Some(content), from, last));
            let stale = match newest.into_iter().chain(kept).max_by_key(|(content, _, last)| (*last, content.is_some()))
            {
                Some((content, from, last)) => {
                    survey.from = survey.from.max(from);
                    survey.to = survey.to.min(last);
                    if let Some(content) = content.filter(|content| subscription.is_news(content)) {
                        survey.news.push((at, content));
                    }
                    last < top
                }
                None => {
                    survey.missing = true;
                    true
                }
            };
            survey.neglected |= stale && reading.running.is_none() && !reading.resting;
            survey.resting |= stale && reading.resting;
            if let Some(pin) = reading.running
                && survey.running.as_ref().is_none_or(|other| other.ts() < pin.ts())
            {
                survey.running = Some(pin);
            }
        }
        survey
    }

    /// Puts the results of one snapshot together; sends the Transition once they are all in hand. `running` is the snapshot of
    /// the newest run that is under way for one of the queries.
    fn assemble<W: Wire>(
        &mut self,
        running: Option<Arc<Pin>>,
        top: Timestamp,
        processed: Timestamp,
        socket: &mut W,
    ) -> Result<bool, End> {
        let cache = &self.shared.cache;
        let pin = match &self.assembly {
            Some(assembly) if assembly.pin.ts() >= self.wanted.ts => Arc::clone(&assembly.pin),
            _ => {
                self.queries.iter_mut().for_each(|subscription| subscription.in_hand = None);
                let needed = self.owed.unwrap_or(0).max(self.wanted.ts);
                // What is under way already is done soonest, and by the work of one for many. But a snapshot that the client
                // was shown says nothing new, except of other queries or to somebody else.
                let is_other =
                    (self.wanted.query_set, self.wanted.identity) != (self.sent.query_set, self.sent.identity);
                let is_useful = |pin: &Arc<Pin>| pin.ts() >= needed && (pin.ts() > self.sent.ts || is_other);
                let pin = running.filter(is_useful).unwrap_or_else(|| cache.tracker().pin());
                self.assembly = Some(Assembly { pin: Arc::clone(&pin) });
                pin
            }
        };
        let mut complete = true;
        for subscription in self.queries.iter_mut() {
            match subscription.collect(cache, &pin, processed) {
                Collected::InHand => {}
                Collected::Awaited => complete = false,
                Collected::Failed => {
                    // The run will be repeated, at another snapshot.
                    self.assembly = None;
                    return Ok(false);
                }
            }
        }
        if !complete {
            return Ok(false);
        }
        let ts = pin.ts();
        if ts > top {
            // What is missing is the look at a commit, or else the answer to a mutation. Both wake the session.
            let is_there = ts > processed && cache.tracker().notify_at(ts, &self.signal);
            return if is_there { self.step(socket) } else { Ok(false) };
        }
        let in_hand = self.queries.iter_mut().enumerate();
        let news = in_hand.filter_map(|(at, subscription)| {
            let content = match &subscription.source {
                Source::Fixed(content, _) => Some(Arc::clone(content)),
                _ => subscription.in_hand.take(),
            };
            content.filter(|content| subscription.is_news(content)).map(|content| (at, content))
        });
        let news = news.collect();
        self.tell(ts, news, socket).map(|()| true)
    }

    /// Sends the Transition to the snapshot `ts`, at which `news` are the results that changed.
    fn tell<W: Wire>(&mut self, ts: Timestamp, news: News, socket: &mut W) -> Result<(), End> {
        /// Names, numbers, punctuation around a result.
        const AROUND: usize = 160;
        if !news.is_empty() {
            self.check_expiry(socket)?;
        }
        self.assembly = None;
        let removed = std::mem::take(&mut self.queries.removed);
        let bytes: usize = news.iter().map(|(_, content)| content.bytes() + AROUND).sum();
        let mut modifications = Modifications::with_capacity(bytes + removed.len() * AROUND);
        removed.iter().for_each(|query_id| modifications.removed(*query_id));
        for (at, content) in news {
            let subscription = self.queries.at(at);
            content.report(subscription.query_id, &mut modifications);
            if let (Source::Cache(watch), false) = (&subscription.source, content.audit().is_empty()) {
                let query = watch.query();
                let (path, args) = (query.path.clone(), Arc::clone(&query.args));
                let request_id = RequestId::random(&self.shared.env);
                let call = Call::new(path, args, self.identity.clone(), Caller::SyncWorker, request_id);
                let call = Call { client: self.peer.info.clone(), ..call };
                self.shared.backend.emit_audit(&call, content.audit());
            }
            subscription.sent = Some(Told::Content(content));
            subscription.kept = None;
            subscription.follow_journal(&self.shared.cache, &self.identity, &self.signal);
        }
        self.send_transition(StateVersion { ts, ..self.wanted }, &modifications, socket);
        Ok(())
    }
}

/// What a session waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Work under way, or somebody's answer.
    Busy,
    /// A pause: a query could not be run, and will be again.
    Stuck,
    /// A message, or a commit.
    Settled,
}

/// How far a subscription is with its result at one snapshot.
enum Collected {
    InHand,
    Awaited,
    Failed,
}

impl Subscription {
    fn is_retired(&self) -> bool {
        matches!(&self.source, Source::Cache(watch) if watch.entry.is_retired())
    }

    /// Whether the client has yet to be told of `content`.
    fn is_news(&self, content: &Content) -> bool {
        self.sent.as_ref().is_none_or(|sent| !sent.is(content))
    }

    fn collect(&mut self, cache: &Arc<QueryCache>, pin: &Arc<Pin>, processed: Timestamp) -> Collected {
        let Source::Cache(watch) = &self.source else { return Collected::InHand };
        if self.in_hand.is_none() {
            self.in_hand = watch.entry.at(pin.ts(), processed);
        }
        if self.in_hand.is_some() || self.kept.as_ref().is_some_and(|kept| kept.holds_at(pin.ts(), processed)) {
            return Collected::InHand;
        }
        if watch.entry.is_running_at(pin.ts()) {
            return Collected::Awaited;
        }
        if watch.entry.is_resting() {
            return Collected::Failed;
        }
        cache.start(&watch.entry, pin);
        Collected::Awaited
    }
}
