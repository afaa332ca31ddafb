//! An engine with a deployed app.

use std::sync::Arc;
use std::time::Duration;

use lakewire_storage::database::{Database, DatabaseOptions};
use lakewire_storage::env::Env;
use lakewire_storage::limits::Limits;
use lakewire_storage::log::MemoryLog;
use lakewire_storage::segment::SegmentCache;
use lakewire_storage::timeline::{Segments, SegmentsOptions, TimelineId};
use object_store::memory::InMemory;
use serde_json::{Value as Json, json};

use crate::auth::Identity;
use crate::deploy;
use crate::engine::{DeploymentConfig, Engine, EngineOptions};
use crate::fetch::FetchOptions;
use crate::node::NodeOptions;
use crate::runtime::RuntimeOptions;
use crate::udf::{Call, Caller, FunctionError, FunctionOutcome, FunctionPath, RequestId, SessionRequest};

const MODULES: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/engine/bundle.json"));

/// Name of the test deployment.
pub(crate) const NAME: &str = "demo";

/// A running engine.
pub(crate) struct App {
    pub engine: Arc<Engine>,
}

impl App {
    /// With the fixture app deployed.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_, _| {}).await
    }

    /// As [`App::start`], with other settings.
    pub(crate) async fn start_with(change: impl FnOnce(&mut DeploymentConfig, &mut Limits)) -> Self {
        Self::make(SegmentsOptions::default(), change, |_| NodeOptions::default()).await.and_push(MODULES).await
    }

    /// With `modules` deployed, some of which may run in Node as `node` says.
    pub(crate) async fn with_modules(
        modules: &str,
        change: impl FnOnce(&mut DeploymentConfig, &mut Limits),
        node: impl FnOnce(Arc<InMemory>) -> NodeOptions,
    ) -> Self {
        Self::make(SegmentsOptions::default(), change, node).await.and_push(modules).await
    }

    /// As [`App::start`], with a history that ends after `history`, as does what else is kept for a while.
    pub(crate) async fn with_history(history: Duration) -> Self {
        let options = SegmentsOptions {
            history,
            grace: history,
            orphan_age: Duration::from_secs(1),
            ..SegmentsOptions::default()
        };
        Self::make(options, |_, _| {}, |_| NodeOptions::default()).await.and_push(MODULES).await
    }

    async fn make(
        files: SegmentsOptions,
        change: impl FnOnce(&mut DeploymentConfig, &mut Limits),
        node: impl FnOnce(Arc<InMemory>) -> NodeOptions,
    ) -> Self {
        let env = Env::system();
        let store = Arc::new(InMemory::new());
        let log = Arc::new(MemoryLog::new());
        let cache = SegmentCache::new(store.clone(), env.clone(), 8 << 20);
        let segments = Segments::open(store.clone(), cache, env.clone(), TimelineId::main(), files);
        let segments = segments.await.expect("the segments open");
        let mut options = DatabaseOptions::new(log, segments, env.clone());
        let mut deployment = DeploymentConfig {
            name: NAME.to_owned(),
            secret: [7; 32],
            cloud_origin: "http://127.0.0.1:3210".to_owned(),
            site_origin: "http://127.0.0.1:3211".to_owned(),
            redact_errors: false,
        };
        change(&mut deployment, &mut options.limits);
        let db = Database::open(options).await.expect("opens");
        let runtime = RuntimeOptions::new(db.limits());
        let engine = Engine::new(EngineOptions {
            db,
            modules: store.clone(),
            env,
            deployment,
            runtime,
            fetch: FetchOptions::default(),
            node: node(store),
            elsewhere: None,
            audit_log: None,
        })
        .expect("starts");
        Self { engine }
    }

    async fn and_push(self, modules: &str) -> Self {
        self.push(modules).await;
        self
    }

    pub(crate) async fn push(&self, modules: &str) {
        let modules: Vec<Json> = serde_json::from_str(modules).expect("the fixture is JSON");
        let module = |module: &Json| {
            let environment = module["environment"].as_str().unwrap_or("isolate");
            let (path, source, map) = (&module["path"], &module["source"], &module["sourceMap"]);
            json!({"path": path, "source": source, "sourceMap": map, "environment": environment})
        };
        let changed: Vec<Json> = modules.iter().map(module).collect();
        let request = json!({
            "adminKey": "", "dryRun": false, "functions": "convex/",
            "appDefinition": {"changedModules": changed, "unchangedModuleHashes": [], "udfServerVersion": "1.48.0"},
            "componentDefinitions": [], "nodeDependencies": [],
        });
        let request = serde_json::from_value(request).expect("a push");
        let started = deploy::start_push(&self.engine, request).await.expect("the push starts");
        let finish = serde_json::from_value(json!({"startPush": started, "dryRun": false})).expect("a finish");
        deploy::finish_push(&self.engine, finish).await.expect("the push finishes");
    }

    pub(crate) fn admin(&self) -> Identity {
        let key = self.engine.authenticator().admin_keys().issue(self.engine.env());
        self.engine.authenticate_admin_key(&key).expect("a valid key")
    }

    pub(crate) fn call(&self, path: &str, args: &Json) -> Call {
        Call::new(
            FunctionPath::parse(path).expect("a path"),
            format!("[{args}]").into(),
            Identity::Anonymous,
            Caller::HttpApi,
            RequestId::from_client("test").expect("an id"),
        )
    }

    /// Runs a query on the newest snapshot.
    pub(crate) async fn query(&self, path: &str, args: Json) -> Result<Json, FunctionError> {
        let call = self.call(path, &args);
        let result = self.engine.query(&call, self.engine.db().latest(), None).await.expect("a result");
        parse(result.outcome)
    }

    pub(crate) async fn mutation(&self, path: &str, args: Json) -> Result<Json, FunctionError> {
        parse(self.engine.mutation(&self.call(path, &args), None).await.expect("a result").outcome)
    }

    pub(crate) async fn action(&self, path: &str, args: Json) -> Result<Json, FunctionError> {
        parse(self.engine.action(&self.call(path, &args)).await.expect("a result").outcome)
    }

    /// The message of a call that must fail.
    pub(crate) async fn query_error(&self, path: &str, args: Json) -> String {
        self.query(path, args).await.expect_err(path).message.to_string()
    }

    pub(crate) async fn mutation_error(&self, path: &str, args: Json) -> String {
        self.mutation(path, args).await.expect_err(path).message.to_string()
    }

    /// The texts of all notes.
    pub(crate) async fn notes(&self) -> Json {
        self.query("notes:list", json!({})).await.expect("lists")
    }
}

/// Request `number` of one session.
pub(crate) fn session(number: u32) -> Option<SessionRequest> {
    Some(SessionRequest { session_id: "6f1b0c3e-2d54-4c0e-9a77-0b5f2f4f8e21".into(), request_id: number })
}

pub(crate) fn parse(outcome: FunctionOutcome) -> Result<Json, FunctionError> {
    outcome.map(|json| serde_json::from_str(&json).expect("results are JSON"))
}
