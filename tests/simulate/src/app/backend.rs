//! The engine behind a node's relay: the app's functions, without V8.

use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use lakewire_functions::auth::{AuthError, Identity, VerifiedUser};
use lakewire_functions::engine::{find_session_record, put_session_record, session_record_key};
use lakewire_functions::logs::AuditLine;
use lakewire_functions::udf::{
    ActionResult, Call, CallFailure, Failure, FunctionErrorKind, MutationResult, Observed, QueryResult, SessionRequest,
};
use lakewire_relay::backend::{Backend, CommitBatches, View, committed};
use lakewire_storage::catalog::SystemTable;
use lakewire_storage::commit::CommitError;
use lakewire_storage::database::{Database, Snapshot};
use lakewire_storage::interval::{Interval, ReadSet};
use lakewire_storage::log::{EntryNumber, Timestamp};

use super::mutate::mutate;
use super::recorder::{Failed, Recorder};
use super::spec::{Change, Read};
use crate::book::Book;
use crate::host::Host;

/// Attempts of one mutation.
const MAX_ATTEMPTS: usize = 60;

/// Runs the functions of one life of a node.
pub struct NodeBackend {
    /// The node.
    pub host: Arc<Host>,
    /// Its database.
    pub database: Arc<Database>,
    /// Its timeline.
    pub timeline: String,
    /// Where everything is written down.
    pub book: Arc<Book>,
}

struct NodeView {
    host: Arc<Host>,
    database: Arc<Database>,
    snapshot: Snapshot,
}

fn spec<T: serde::de::DeserializeOwned>(call: &Call) -> Result<T, CallFailure> {
    let args: Result<[T; 1], _> = serde_json::from_str(&call.args);
    args.map(|[spec]| spec).map_err(|error| CallFailure::Internal(error.to_string()))
}

#[async_trait]
impl View for NodeView {
    fn ts(&self) -> Timestamp {
        self.snapshot.ts()
    }

    fn touched_since(&self, since: Timestamp, reads: &ReadSet) -> bool {
        self.snapshot.touched_since(since, reads) != Some(false)
    }

    async fn query(&self, call: &Call, _journal: Option<&str>) -> Result<QueryResult, CallFailure> {
        let read: Read = spec(call)?;
        self.host.may_crash().await;
        let mut tx = self.database.begin(self.snapshot.clone(), "sim:query");
        // As every execution depends on the version of the deployment, which changes with the indexes.
        let definitions = Interval::prefix(&SystemTable::Indexes.by_id().0.to_be_bytes());
        if let Err(error) = tx.record_read(definitions) {
            return Err(CallFailure::Internal(error.to_string()));
        }
        let mut recorder = Recorder::new(tx);
        let outcome = match recorder.read(&read).await {
            Ok(result) => Ok(result.to_string().into()),
            Err(Failed::NoIndex) => {
                Err(Failure::new(FunctionErrorKind::Thrown, "no index").into_error(&call.request_id, false))
            }
            Err(Failed::Unavailable(text)) => return Err(CallFailure::Unavailable(text)),
            Err(Failed::Wrong(text)) => {
                self.host.world.violation("errors", format_args!("{}: {read:?} fails: {text}", self.host.name));
                return Err(CallFailure::Internal(text));
            }
        };
        Ok(QueryResult {
            outcome,
            log_lines: Arc::new([]),
            journal: None,
            reads: Arc::new(recorder.tx.into_reads()),
            ts: self.snapshot.ts(),
            observed: Observed::default(),
            audit: Arc::new([]),
        })
    }
}

#[async_trait]
impl Backend for NodeBackend {
    fn latest(&self) -> Arc<dyn View> {
        let snapshot = self.database.latest();
        Arc::new(NodeView { host: self.host.clone(), database: self.database.clone(), snapshot })
    }

    fn entry(&self) -> EntryNumber {
        self.database.entry()
    }

    fn refresh(&self) -> Option<BoxFuture<'static, Result<(), CallFailure>>> {
        let database = self.database.clone();
        let refresh =
            async move { database.refresh().await.map_err(|error| CallFailure::Unavailable(error.to_string())) };
        Some(refresh.boxed())
    }

    fn commits(&self) -> CommitBatches {
        committed(self.database.commits())
    }

    async fn mutation(&self, call: &Call, session: Option<SessionRequest>) -> Result<MutationResult, CallFailure> {
        let change: Change = spec(call)?;
        for _ in 0..MAX_ATTEMPTS {
            if let Some(result) = self.attempt(&change, session.as_ref()).await? {
                return Ok(result);
            }
        }
        Err(CallFailure::Overloaded("too many conflicts".to_owned()))
    }

    async fn action(&self, _call: &Call) -> Result<ActionResult, CallFailure> {
        Err(CallFailure::Internal("there are no actions".to_owned()))
    }

    fn record_of(&self, session: &SessionRequest) -> Interval {
        Interval::point(session_record_key(session))
    }

    fn emit_audit(&self, _call: &Call, _lines: &[AuditLine]) {}

    fn admin(&self, _key: &str, _acting_as: Option<&serde_json::Value>) -> Result<Identity, AuthError> {
        Err(AuthError::MalformedAdminKey)
    }

    async fn user(&self, _token: &str) -> Result<VerifiedUser, CallFailure> {
        Err(AuthError::NoAuthProvider(String::new()).into())
    }
}

impl NodeBackend {
    /// Runs a change once, at the head. `None` if it lost against another.
    ///
    /// # Errors
    /// When it cannot be committed at present.
    pub async fn attempt(
        &self,
        change: &Change,
        session: Option<&SessionRequest>,
    ) -> Result<Option<MutationResult>, CallFailure> {
        self.host.may_crash().await;
        let whose = session.map(|session| (session.session_id.to_string(), session.request_id));
        let source = self.book.begin(&self.timeline, &self.host.name, whose);
        let mut recorder = Recorder::new(self.database.begin(self.database.head(), &source));
        let outcome = self.run(&mut recorder, change, session).await;
        let (value, replayed) = match outcome {
            Ok(done) => done,
            Err(Failed::Wrong(text)) => {
                self.host.world.violation("errors", format_args!("{source}: {change:?} fails: {text}"));
                return Err(CallFailure::Internal(text));
            }
            Err(error) => {
                self.book.forget(&source);
                return Err(CallFailure::Unavailable(format!("{error:?}")));
            }
        };
        let writes = !recorder.tx.is_read_only();
        let ops = std::mem::take(&mut recorder.ops);
        match writes {
            true => self.book.did(&source, ops),
            false => self.book.forget(&source),
        }
        match self.database.commit(recorder.tx).await {
            Ok(committed) => {
                self.book.acknowledged(&source, &self.host.name, committed.ts);
                let ts = replayed.unwrap_or(committed.ts);
                Ok(Some(MutationResult { outcome: Ok(value.to_string().into()), ts, log_lines: Arc::new([]) }))
            }
            Err(CommitError::Conflict(_)) => {
                self.book.refused(&source);
                Ok(None)
            }
            Err(error @ CommitError::Unavailable(_)) => Err(CallFailure::Unavailable(error.to_string())),
            Err(error) => {
                self.host.world.violation("errors", format_args!("{source}: {error}"));
                Err(CallFailure::Internal(error.to_string()))
            }
        }
    }

    /// The answer, and the timestamp at which it was committed before, if it was.
    async fn run(
        &self,
        recorder: &mut Recorder,
        change: &Change,
        session: Option<&SessionRequest>,
    ) -> Result<(serde_json::Value, Option<Timestamp>), Failed> {
        if let Some(session) = session
            && let Some(record) = find_session_record(&mut recorder.tx, session).await?
        {
            let value = serde_json::from_str(&record.result).map_err(|error| Failed::Wrong(error.to_string()))?;
            return Ok((value, Some(record.ts)));
        }
        let value = mutate(recorder, change).await?;
        self.host.may_crash().await;
        if let Some(session) = session {
            put_session_record(&mut recorder.tx, session, &value.to_string(), &[]).await?;
        }
        Ok((value, None))
    }
}
