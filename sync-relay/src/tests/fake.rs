//! An engine over a map of numbers that remembers every version of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, stream};
use lakewire_functions::auth::{AdminIdentity, AuthError, Identity, UserIdentity, VerifiedUser};
use lakewire_functions::logs::AuditLine;
use lakewire_functions::udf::{
    ActionResult, Call, CallFailure, Failure, FunctionErrorKind, MutationResult, Observed, QueryResult, SessionRequest,
};
use lakewire_storage::env::Env;
use lakewire_storage::interval::{Interval, ReadSet};
use lakewire_storage::key::Key;
use lakewire_storage::log::{EntryNumber, Timestamp};
use parking_lot::Mutex;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

use crate::backend::{Backend, CommitBatches, Committed, View};

pub(crate) struct Fake {
    me: std::sync::Weak<Fake>,
    env: Env,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ts: Timestamp,
    /// Every value a key had, with the commit that gave it.
    rows: BTreeMap<String, Vec<(Timestamp, i64)>>,
    /// Every commit.
    commits: Vec<Committed>,
    listeners: Vec<mpsc::UnboundedSender<Vec<Committed>>>,
    /// Commits that listeners were not told of yet.
    held: Option<Vec<Committed>>,
    records: HashMap<SessionRequest, MutationResult>,
    runs: HashMap<String, usize>,
    failing: usize,
    /// What another process committed and this one has yet to hear of; `None`: there is no other.
    elsewhere: Option<Vec<(String, i64)>>,
    /// The log does not say what is elsewhere.
    unreachable: bool,
}

impl Fake {
    pub(crate) fn new(env: Env) -> Arc<Self> {
        let state = State { ts: 1_000_000, ..State::default() };
        Arc::new_cyclic(|me| Self { me: me.clone(), env, state: Mutex::new(state) })
    }

    /// Commits one transaction.
    pub(crate) fn set(&self, rows: &[(&str, i64)]) -> Timestamp {
        self.commit(rows.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect(), None)
    }

    fn commit(&self, rows: Vec<(String, i64)>, record: Option<Key>) -> Timestamp {
        let mut state = self.state.lock();
        state.ts += 10;
        let ts = state.ts;
        let mut keys: Vec<Key> = rows.iter().map(|(key, _)| Key::from(key.as_bytes())).collect();
        keys.extend(record);
        for (key, value) in rows {
            state.rows.entry(key).or_default().push((ts, value));
        }
        let commit = Committed { ts, keys, is_gap: false };
        state.commits.push(commit.clone());
        match &mut state.held {
            Some(held) => held.push(commit),
            None => state.tell(vec![commit]),
        }
        ts
    }

    /// Commits in another process: this one hears of it when it refreshes, a while after.
    pub(crate) fn set_elsewhere(&self, key: &str, value: i64) {
        self.state.lock().elsewhere.get_or_insert_default().push((key.to_owned(), value));
    }

    /// Lets refreshes fail from now on.
    pub(crate) fn cut_off(&self) {
        let mut state = self.state.lock();
        state.elsewhere.get_or_insert_default();
        state.unreachable = true;
    }

    /// From now on listeners are told of commits by [`Fake::release`] only.
    pub(crate) fn hold(&self) {
        self.state.lock().held.get_or_insert_default();
    }

    pub(crate) fn release(&self) {
        let mut state = self.state.lock();
        if let Some(held) = state.held.take()
            && !held.is_empty()
        {
            state.tell(held);
        }
    }

    /// How often a function was run.
    pub(crate) fn runs(&self, function: &str) -> usize {
        self.state.lock().runs.get(function).copied().unwrap_or(0)
    }

    /// Lets the next `count` queries fail.
    pub(crate) fn fail_queries(&self, count: usize) {
        self.state.lock().failing = count;
    }

    /// The value of a key at a snapshot.
    pub(crate) fn value_at(&self, key: &str, ts: Timestamp) -> Json {
        let state = self.state.lock();
        let versions = state.rows.get(key).map(Vec::as_slice).unwrap_or_default();
        versions.iter().rev().find(|(at, _)| *at <= ts).map_or(Json::Null, |(_, value)| json!(value))
    }

    /// The sum of the values of the keys from `from` to before `to`.
    pub(crate) fn sum_at(&self, from: &str, to: &str, ts: Timestamp) -> i64 {
        let keys: Vec<String> = {
            let state = self.state.lock();
            state.rows.range(from.to_owned()..to.to_owned()).map(|(key, _)| key.clone()).collect()
        };
        keys.iter().filter_map(|key| self.value_at(key, ts).as_i64()).sum()
    }

    pub(crate) fn user(name: &str) -> Identity {
        Identity::User(UserIdentity::from_attributes(&json!({"issuer": "i", "subject": name})).expect("complete"))
    }

    fn count(&self, call: &Call) {
        *self.state.lock().runs.entry(call.path.export.to_string()).or_default() += 1;
    }
}

impl State {
    fn tell(&mut self, batch: Vec<Committed>) {
        self.listeners.retain(|listener| listener.send(batch.clone()).is_ok());
    }
}

struct FakeView {
    fake: Arc<Fake>,
    ts: Timestamp,
}

fn arg(call: &Call) -> Json {
    let args: Json = serde_json::from_str(&call.args).expect("tests send good arguments");
    args[0].clone()
}

fn text<'a>(arg: &'a Json, name: &str) -> &'a str {
    arg[name].as_str().unwrap_or_default()
}

fn point(key: &str) -> Interval {
    Interval::point(Key::from(key.as_bytes()))
}

async fn pause(env: &Env, arg: &Json) {
    if let Some(ms) = arg["ms"].as_u64() {
        env.sleep(Duration::from_millis(ms)).await;
    }
}

#[async_trait]
impl View for FakeView {
    fn ts(&self) -> Timestamp {
        self.ts
    }

    fn touched_since(&self, since: Timestamp, reads: &ReadSet) -> bool {
        let state = self.fake.state.lock();
        let later = state.commits.iter().filter(|commit| commit.ts > since && commit.ts <= self.ts);
        later.flat_map(|commit| &commit.keys).any(|key| reads.contains(key))
    }

    async fn query(&self, call: &Call, journal: Option<&str>) -> Result<QueryResult, CallFailure> {
        let Self { fake, ts } = self;
        fake.count(call);
        {
            let mut state = fake.state.lock();
            if state.failing > 0 {
                state.failing -= 1;
                return Err(CallFailure::Overloaded("on purpose".to_owned()));
            }
        }
        let arg = arg(call);
        pause(&fake.env, &arg).await;
        let mut observed = Observed::default();
        let mut next_journal = None;
        let key = text(&arg, "key");
        let mut reads = ReadSet::from_iter([point(key)]);
        let value = fake.value_at(key, *ts);
        let outcome = match &*call.path.export {
            "get" => Ok(value),
            "parity" => Ok(json!(value.as_i64().unwrap_or(0) % 2)),
            "sum" => {
                let (from, to) = (text(&arg, "from"), text(&arg, "to"));
                reads = ReadSet::from_iter([Interval::new(Key::from(from.as_bytes()), Key::from(to.as_bytes()))]);
                Ok(json!(fake.sum_at(from, to, *ts)))
            }
            "whoami" => {
                observed.identity = true;
                Ok(serde_json::from_str(call.identity.user_json()).expect("JSON"))
            }
            // Asks who calls only while the value is odd.
            "sometimes" if value.as_i64().unwrap_or(0) % 2 == 1 => {
                observed.identity = true;
                Ok(serde_json::from_str(call.identity.user_json()).expect("JSON"))
            }
            "sometimes" => Ok(value),
            "now" => {
                observed.time = true;
                Ok(json!(fake.env.monotonic_ns()))
            }
            "page" => {
                // The page that was read first is kept.
                let end = journal.map_or_else(|| value.to_string(), str::to_owned);
                next_journal = Some(end.clone());
                Ok(json!([end, value]))
            }
            "big" => Ok(json!(format!("{}{}", "\u{1F600}".repeat(arg["n"].as_u64().unwrap_or(0) as usize), value))),
            "throw" => Err(Failure::new(FunctionErrorKind::Thrown, format!("Uncaught Error: {value}"))),
            other => Err(Failure::new(FunctionErrorKind::NotFound, format!("no function {other}"))),
        };
        let outcome = outcome
            .map(|value| value.to_string().into())
            .map_err(|failure| failure.into_error(&call.request_id, false));
        Ok(QueryResult {
            outcome,
            log_lines: Arc::new([]),
            journal: next_journal,
            reads: Arc::new(reads),
            ts: *ts,
            observed,
            audit: Arc::new([]),
        })
    }
}

#[async_trait]
impl Backend for Fake {
    fn latest(&self) -> Arc<dyn View> {
        let fake = self.me.upgrade().expect("it is alive");
        Arc::new(FakeView { fake, ts: self.state.lock().ts })
    }

    fn entry(&self) -> EntryNumber {
        self.state.lock().commits.len() as EntryNumber
    }

    fn refresh(&self) -> Option<BoxFuture<'static, Result<(), CallFailure>>> {
        self.state.lock().elsewhere.as_ref()?;
        let fake = self.me.upgrade()?;
        let refresh = async move {
            fake.env.sleep(Duration::from_millis(5)).await;
            let mut state = fake.state.lock();
            if state.unreachable {
                return Err(CallFailure::Unavailable("on purpose".to_owned()));
            }
            let rows = state.elsewhere.as_mut().map(std::mem::take).unwrap_or_default();
            drop(state);
            if !rows.is_empty() {
                fake.commit(rows, None);
            }
            Ok(())
        };
        Some(refresh.boxed())
    }

    fn commits(&self) -> CommitBatches {
        let (listener, batches) = mpsc::unbounded_channel();
        self.state.lock().listeners.push(listener);
        stream::unfold(batches, |mut batches| async { Some((batches.recv().await?, batches)) }).boxed()
    }

    async fn mutation(&self, call: &Call, session: Option<SessionRequest>) -> Result<MutationResult, CallFailure> {
        self.count(call);
        let arg = arg(call);
        pause(&self.env, &arg).await;
        if let Some(record) = session.as_ref().and_then(|session| self.state.lock().records.get(session).cloned()) {
            return Ok(record);
        }
        let key = text(&arg, "key").to_owned();
        let record = session.as_ref().map(record_key);
        let (result, ts) = match &*call.path.export {
            "set" => (Json::Null, self.commit(vec![(key, arg["value"].as_i64().unwrap_or(0))], record)),
            "add" => {
                let now = self.value_at(&key, Timestamp::MAX).as_i64().unwrap_or(0) + 1;
                (json!(now), self.commit(vec![(key, now)], record))
            }
            "noop" => (json!("nothing"), self.state.lock().ts),
            "conflict" => return Err(CallFailure::Overloaded("on purpose".to_owned())),
            other => {
                let failure = Failure::new(FunctionErrorKind::Thrown, format!("Uncaught Error: {other}"));
                let error = failure.into_error(&call.request_id, false);
                return Ok(MutationResult { outcome: Err(error), ts: 0, log_lines: Arc::new([]) });
            }
        };
        let log_lines = Arc::new(["[LOG] 'done'".to_owned()]);
        let result = MutationResult { outcome: Ok(result.to_string().into()), ts, log_lines };
        if let Some(session) = session {
            self.state.lock().records.insert(session, result.clone());
        }
        // The answer takes its time, while the commit is out already.
        pause(&self.env, &json!({"ms": arg["after"]})).await;
        Ok(result)
    }

    async fn action(&self, call: &Call) -> Result<ActionResult, CallFailure> {
        self.count(call);
        let arg = arg(call);
        pause(&self.env, &arg).await;
        Ok(ActionResult { outcome: Ok(arg.to_string().into()), log_lines: Arc::new([]) })
    }

    fn record_of(&self, session: &SessionRequest) -> Interval {
        Interval::point(record_key(session))
    }

    fn emit_audit(&self, _call: &Call, _lines: &[AuditLine]) {}

    fn admin(&self, key: &str, acting_as: Option<&Json>) -> Result<Identity, AuthError> {
        let admin = AdminIdentity { instance: "fake".into() };
        match (key, acting_as) {
            ("fake|0a", None) => Ok(Identity::Admin(admin)),
            ("fake|0a", Some(user)) => Ok(Identity::ActingUser { admin, user: UserIdentity::from_attributes(user)? }),
            _ => Err(AuthError::MalformedAdminKey),
        }
    }

    /// A token is `<name>|<ms that verifying takes>|<ms until it expires>`.
    async fn user(&self, token: &str) -> Result<VerifiedUser, CallFailure> {
        let mut parts = token.split('|');
        let name = parts.next().unwrap_or_default();
        let mut number = || parts.next().and_then(|text| text.parse().ok());
        let (verifying_ms, lifetime_ms): (Option<u64>, Option<u64>) = (number(), number());
        if let Some(ms) = verifying_ms.filter(|ms| *ms > 0) {
            self.env.sleep(Duration::from_millis(ms)).await;
        }
        match name {
            "down" => return Err(AuthError::ProviderUnavailable("on purpose".to_owned()).into()),
            "jwt" => return Err(AuthError::NoAuthProvider(String::new()).into()),
            _ => {}
        }
        let user = UserIdentity::from_attributes(&json!({"issuer": "i", "subject": name}))?;
        let lifetime = lifetime_ms.unwrap_or(1_000_000) * 1_000_000;
        Ok(VerifiedUser { user, expires_ns: self.env.now_ns() + lifetime })
    }
}

fn record_key(session: &SessionRequest) -> Key {
    Key::from(format!("~{}|{}", session.session_id, session.request_id).into_bytes())
}
