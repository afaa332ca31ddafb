//! The engine: runs functions of the deployed app over the database.
//!
//! It holds nothing that cannot be made again from storage. [`Engine`] is the one entry for every transport: the
//! HTTP API, sockets, the scheduler. What a transport must not do is look into V8 or open transactions for user
//! code of its own.
//!
//! **Architecture Invariant:** every execution of a function records a read of the deployment's version, so that a
//! push or a changed environment variable re-runs subscriptions and conflicts with mutations in flight.

mod action;
mod action_files;
mod action_host;
mod action_jobs;
mod action_search;
mod authenticate;
mod conflicts;
mod elsewhere;
mod execution;
mod http_action;
mod mutation;
mod node_action;
mod node_callback;
mod node_ticket;
mod occasion;
mod once;
mod options;
mod prepare;
mod programs;
mod query;
mod query_service;
mod sessions;
mod starvation;
mod warnings;

use std::sync::{Arc, Weak};

use lakewire_storage::database::{Database, Snapshot};
use lakewire_storage::env::Env;
use lakewire_storage::id::DocumentId;
use lakewire_storage::query::CursorKey;

use conflicts::ConflictQueues;
pub(crate) use execution::Outcome;
pub(crate) use http_action::{SiteAnswer, SiteRequest, SiteResponse};
pub(crate) use node_callback::NodeOperation;
use node_ticket::TicketKey;
pub(crate) use node_ticket::{Ticket, TicketError};
pub(crate) use occasion::Occasion;
pub use options::{DeploymentConfig, EngineOptions};
pub use programs::{ProgramCache, ProgramError};
pub use query_service::QueryService;
pub use sessions::{
    SessionRecord, find as find_session_record, record as put_session_record, record_key as session_record_key,
};
use starvation::Starvation;

use crate::auth::{AuthError, Authenticator, Identity, JwtSigner, TokenVerifier};
use crate::deploy::PushWork;
use crate::fetch::FetchClient;
use crate::files::Files;
use crate::logs::{AuditSink, FunctionLog};
use crate::model::{FunctionKind, ModelCache, ModuleStore, Origins};
use crate::node::NodeExecutor;
use crate::remote::FunctionRunner;
use crate::runtime::Pool;
use crate::udf::{ActionResult, Call, CallFailure, MutationResult, QueryResult, SessionRequest};

/// Runs the functions of one deployment. See the module.
pub struct Engine {
    /// For what must outlive the caller's borrow: the host of an action calls back.
    me: Weak<Engine>,
    db: Arc<Database>,
    env: Env,
    deployment: DeploymentConfig,
    name: Arc<str>,
    auth: Authenticator,
    tokens: TokenVerifier,
    signer: Arc<JwtSigner>,
    models: Arc<ModelCache>,
    modules: ModuleStore,
    store: Arc<dyn object_store::ObjectStore>,
    files: Arc<Files>,
    programs: Arc<ProgramCache>,
    pool: Arc<Pool>,
    fetch: Arc<FetchClient>,
    node: Arc<NodeExecutor>,
    elsewhere: Option<Arc<dyn FunctionRunner>>,
    cursor_key: CursorKey,
    tickets: TicketKey,
    logs: FunctionLog,
    audit: AuditSink,
    push_work: PushWork,
    conflicts: ConflictQueues<ConflictKey>,
    starvation: Starvation,
}

/// The document a mutation lost against, or its table where no single document did it.
type ConflictKey = (String, Option<DocumentId>);

impl Engine {
    /// An engine over a database. Must be called within a tokio runtime, which hosts of functions use; goes on with
    /// the work that an earlier process left undone.
    ///
    /// # Errors
    /// When the operating system gives no threads, TLS can't be set up, or the file of the audit log cannot be opened.
    pub fn new(options: EngineOptions) -> std::io::Result<Arc<Self>> {
        let EngineOptions { db, modules: store, env, deployment, runtime, fetch, node, elsewhere, audit_log } = options;
        let tokens = TokenVerifier::new(env.clone(), &fetch);
        let fetch = Arc::new(FetchClient::new(fetch).map_err(std::io::Error::other)?);
        let modules = ModuleStore::new(store.clone());
        let audit = AuditSink::open(audit_log)?;
        let pool = Arc::new(Pool::new(runtime, env.clone())?);
        let origins = Origins { cloud: deployment.cloud_origin.clone(), site: deployment.site_origin.clone() };
        let engine = Arc::new_cyclic(|me| Self {
            me: me.clone(),
            name: deployment.name.as_str().into(),
            auth: Authenticator::new(&deployment.name, deployment.secret),
            tokens,
            signer: Arc::new(JwtSigner::new(&deployment.secret)),
            models: Arc::new(ModelCache::new(origins)),
            files: Arc::new(Files::new(db.clone(), store.clone(), deployment.secret)),
            programs: Arc::new(ProgramCache::new(modules.clone(), store.clone(), pool.clone(), env.clone())),
            cursor_key: CursorKey::derive(&deployment.secret),
            tickets: TicketKey::derive(&deployment.secret),
            logs: FunctionLog::new(env.clone()),
            audit,
            push_work: PushWork::default(),
            conflicts: ConflictQueues::new(),
            starvation: Starvation::default(),
            modules,
            store,
            pool,
            node: Arc::new(NodeExecutor::new(node, env.clone())),
            elsewhere,
            fetch,
            db,
            env,
            deployment,
        });
        crate::deploy::resume_work(&engine);
        Ok(engine)
    }

    /// Runs a query at the snapshot `at`, always: there is no cache here. `journal` is what an earlier run of the same
    /// query gave. Whoever gives the result to a client has to [emit](Engine::emit_audit) its audit log lines.
    ///
    /// # Errors
    /// [`CallFailure`]; a query that fails has a result.
    pub async fn query(&self, call: &Call, at: Snapshot, journal: Option<&str>) -> Result<QueryResult, CallFailure> {
        self.run_query(call, at, journal).await.map(|run| run.into_result(self))
    }

    /// Runs a mutation and commits it. One that conflicts with another commit is run again, with a new snapshot, time
    /// and seed; one that `session` names was committed before is not run, but answered as it was then.
    ///
    /// # Errors
    /// [`CallFailure`]; a mutation that fails has a result.
    pub async fn mutation(&self, call: &Call, session: Option<SessionRequest>) -> Result<MutationResult, CallFailure> {
        self.run_mutation(call, session).await.map(|run| run.into_result(self))
    }

    /// Runs an action. It ends when its handler does, or is dropped with the future.
    ///
    /// # Errors
    /// [`CallFailure`]; an action that fails has a result.
    pub async fn action(&self, call: &Call) -> Result<ActionResult, CallFailure> {
        self.run_action(call).await.map(|run| run.into_result(self))
    }

    /// Runs a function of whatever kind it was analyzed to be.
    ///
    /// # Errors
    /// [`CallFailure`].
    pub async fn call_any(&self, call: &Call) -> Result<ActionResult, CallFailure> {
        Ok(match self.kind_of(call).await? {
            FunctionKind::Query => {
                let QueryResult { outcome, log_lines, audit, .. } = self.query(call, self.db.latest(), None).await?;
                self.emit_audit(call, &audit);
                ActionResult { outcome, log_lines }
            }
            FunctionKind::Mutation => {
                let MutationResult { outcome, log_lines, .. } = self.mutation(call, None).await?;
                ActionResult { outcome, log_lines }
            }
            FunctionKind::Action => self.action(call).await?,
        })
    }

    /// Sees to it that what runs next sees every commit that was acknowledged before this call, by whatever process.
    ///
    /// # Errors
    /// [`CallFailure::Unavailable`] if the log does not say.
    pub async fn refresh(&self) -> Result<(), CallFailure> {
        self.db.refresh().await.map_err(|error| CallFailure::Unavailable(error.to_string()))
    }

    /// [`Self::refresh`] for a function that has been running for a while: where nobody follows the log in the background, it
    /// is read.
    pub(crate) async fn catch_up(&self) -> Result<(), CallFailure> {
        if self.db.follows() {
            return Ok(());
        }
        self.refresh().await
    }

    /// Verifies an admin key; its holder acts as nobody in particular.
    ///
    /// # Errors
    /// [`AuthError`].
    pub fn authenticate_admin_key(&self, key: &str) -> Result<Identity, AuthError> {
        self.auth.admin_key(key)
    }

    /// Verifies admin keys; [`Engine::authenticate`] every kind of credential.
    pub fn authenticator(&self) -> &Authenticator {
        &self.auth
    }

    /// Signs tokens as the deployment.
    pub fn signer(&self) -> &JwtSigner {
        &self.signer
    }

    /// The newest executions: what `stream_function_logs` shows.
    pub fn logs(&self) -> &FunctionLog {
        &self.logs
    }

    /// The data.
    pub fn db(&self) -> &Arc<Database> {
        &self.db
    }

    /// The doors to the outside world.
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// Who the deployment is.
    pub fn deployment(&self) -> &DeploymentConfig {
        &self.deployment
    }

    /// The key of the deployment's pagination cursors.
    pub fn cursor_key(&self) -> &CursorKey {
        &self.cursor_key
    }

    /// The V8 threads.
    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// The Node processes.
    pub fn node(&self) -> &Arc<NodeExecutor> {
        &self.node
    }

    /// Sources of modules.
    pub fn modules(&self) -> &ModuleStore {
        &self.modules
    }

    /// Stored files.
    pub fn files(&self) -> &Arc<Files> {
        &self.files
    }

    /// The object store behind modules and built programs.
    pub fn store(&self) -> &Arc<dyn object_store::ObjectStore> {
        &self.store
    }

    /// Deployed apps by version.
    pub fn models(&self) -> &Arc<ModelCache> {
        &self.models
    }

    /// Programs of deployed apps.
    pub fn programs(&self) -> &Arc<ProgramCache> {
        &self.programs
    }

    /// Building indexes and validating schemas.
    pub fn push_work(&self) -> &PushWork {
        &self.push_work
    }
}

#[cfg(test)]
pub(crate) mod tests;
