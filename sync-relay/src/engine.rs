//! The seam to the engine, implemented by the engine.

use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use lakewire_functions::auth::{AuthError, Identity, VerifiedUser};
use lakewire_functions::engine::{Engine, session_record_key};
use lakewire_functions::logs::AuditLine;
use lakewire_functions::udf::{ActionResult, Call, CallFailure, MutationResult, QueryResult, SessionRequest};
use lakewire_storage::database::Snapshot;
use lakewire_storage::interval::{Interval, ReadSet};
use lakewire_storage::log::{EntryNumber, Timestamp};

use crate::backend::{Backend, CommitBatches, View, committed};

/// The engine of this process.
pub(crate) struct EngineBackend {
    engine: Arc<Engine>,
}

/// A snapshot of the engine's database.
pub(crate) struct EngineView {
    engine: Arc<Engine>,
    snapshot: Snapshot,
}

impl EngineBackend {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }
}

impl EngineView {
    pub(crate) fn new(engine: Arc<Engine>, snapshot: Snapshot) -> Self {
        Self { engine, snapshot }
    }
}

#[async_trait]
impl View for EngineView {
    fn ts(&self) -> Timestamp {
        self.snapshot.ts()
    }

    async fn query(&self, call: &Call, journal: Option<&str>) -> Result<QueryResult, CallFailure> {
        self.engine.query(call, self.snapshot.clone(), journal).await
    }

    fn touched_since(&self, since: Timestamp, reads: &ReadSet) -> bool {
        self.snapshot.touched_since(since, reads) != Some(false)
    }
}

#[async_trait]
impl Backend for EngineBackend {
    fn latest(&self) -> Arc<dyn View> {
        let snapshot = self.engine.db().latest();
        Arc::new(EngineView::new(Arc::clone(&self.engine), snapshot))
    }

    fn entry(&self) -> EntryNumber {
        self.engine.db().entry()
    }

    fn refresh(&self) -> Option<BoxFuture<'static, Result<(), CallFailure>>> {
        let engine = Arc::clone(&self.engine);
        engine.db().is_shared().then(|| async move { engine.refresh().await }.boxed())
    }

    fn commits(&self) -> CommitBatches {
        committed(self.engine.db().commits())
    }

    async fn mutation(&self, call: &Call, session: Option<SessionRequest>) -> Result<MutationResult, CallFailure> {
        self.engine.mutation(call, session).await
    }

    async fn action(&self, call: &Call) -> Result<ActionResult, CallFailure> {
        self.engine.action(call).await
    }

    fn record_of(&self, session: &SessionRequest) -> Interval {
        Interval::point(session_record_key(session))
    }

    fn emit_audit(&self, call: &Call, lines: &[AuditLine]) {
        self.engine.emit_audit(call, lines);
    }

    fn admin(&self, key: &str, acting_as: Option<&serde_json::Value>) -> Result<Identity, AuthError> {
        match acting_as {
            None => self.engine.authenticator().admin_key(key),
            Some(attributes) => self.engine.authenticator().acting_user(key, attributes),
        }
    }

    async fn user(&self, token: &str) -> Result<VerifiedUser, CallFailure> {
        self.engine.authenticate_user(token).await
    }
}
