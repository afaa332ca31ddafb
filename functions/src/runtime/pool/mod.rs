//! Threads that run functions.

mod hang;
mod isolates;
mod options;
mod worker;

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::channel::oneshot;
use lakewire_storage::env::Env;

pub(super) use isolates::IsolateCache;
pub use options::RuntimeOptions;

use self::worker::{Job, Size, Workers};
use super::body::{HttpRequest, HttpRun};
use super::bundle::{Bundle, ModuleSource};
use super::deploy_time::{self, AnalyzedModule, DefinitionDependency, EvaluationError};
use super::host::{ActionHost, UdfHost};
use super::invocation::{FailureKind, Invocation, JsFailure, Outcome, UdfKind};
use super::platform;
use super::program::{self, BuildError, Program};
use super::watchdog::Watchdog;

/// Runs functions on threads of its own.
pub struct Pool {
    options: Arc<RuntimeOptions>,
    env: Env,
    watchdog: Watchdog,
    udfs: Workers,
    actions: Workers,
}

impl Pool {
    /// A pool; threads are started as they are needed. Host futures may use the tokio runtime
    /// that this is called in.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn new(options: RuntimeOptions, env: Env) -> std::io::Result<Pool> {
        platform::initialize();
        let options = Arc::new(options);
        let watchdog = Watchdog::start(&env)?;
        let workers = |name, size| Workers::new(name, size, options.clone(), env.clone(), watchdog.clone());
        let udfs =
            workers("js-udf", Size { lasting: options.workers, running: options.workers, most: options.max_workers });
        let most = options.max_actions;
        let actions = workers("js-action", Size { lasting: 1, running: most, most });
        Ok(Pool { udfs, actions, options, env, watchdog })
    }

    /// Queries and mutations that wait for a thread.
    pub fn waiting(&self) -> usize {
        self.udfs.queued()
    }

    /// Runs a query or mutation, and gives the host back. `None` for the host means that it was
    /// lost with its thread: the outcome is an internal failure then, or that the function timed out, if it can't be
    /// stopped.
    pub async fn run<H: UdfHost>(&self, invocation: Invocation, host: H) -> (Outcome, Option<H>) {
        if invocation.kind == UdfKind::Action {
            let failure = JsFailure::new(FailureKind::Internal, "an action was run as a query or mutation");
            return (Outcome::failed(failure), Some(host));
        }
        if self.udfs.queued() >= self.options.max_queued {
            return (overloaded(), Some(host));
        }
        let (reply, mut answer) = oneshot::channel();
        self.udfs.submit(Job::Udf { invocation, host: Box::new(host), reply });
        let answered = loop {
            match self.env.timeout(worker::SLOW * 3 / 2, &mut answer).await {
                Ok(answered) => break answered,
                // The threads may have become slow since it was submitted.
                Err(_) => self.udfs.grow(),
            }
        };
        match answered {
            Ok((outcome, host)) => {
                let host = host.and_then(|host| {
                    let host: Box<dyn Any> = host;
                    host.downcast().ok()
                });
                (outcome, host.map(|host| *host))
            }
            Err(oneshot::Canceled) => (lost(), None),
        }
    }

    /// Runs an action.
    pub async fn run_action(&self, mut invocation: Invocation, host: Arc<dyn ActionHost>) -> Outcome {
        if invocation.kind != UdfKind::Action {
            let failure = JsFailure::new(FailureKind::Internal, "a query or mutation was run as an action");
            return Outcome::failed(failure);
        }
        self.limit(&mut invocation);
        let (reply, answer) = oneshot::channel();
        let (started, has_started) = oneshot::channel();
        self.actions.submit(Job::Action { invocation, host, started, reply });
        // Actions wait for one another: were they to queue for long, none might ever end.
        let wait: Duration = self.options.action_queue_time;
        if self.env.timeout(wait, has_started).await.is_err() {
            return overloaded();
        }
        answer.await.unwrap_or_else(|oneshot::Canceled| lost())
    }

    /// Runs the HTTP action that the router in `invocation.module` has for a request: the export
    /// `invocation.export` (`default`) of it must be a router. The arguments are not looked at.
    pub async fn run_http_action(
        &self,
        mut invocation: Invocation,
        host: Arc<dyn ActionHost>,
        request: HttpRequest,
    ) -> HttpRun {
        if invocation.kind != UdfKind::Action {
            let failure = JsFailure::new(FailureKind::Internal, "a query or mutation was run as an HTTP action");
            return no_response(Outcome::failed(failure));
        }
        self.limit(&mut invocation);
        let (reply, answer) = oneshot::channel();
        let (response, head) = oneshot::channel();
        let (started, has_started) = oneshot::channel();
        self.actions.submit(Job::Http { invocation, host, request, started, response, reply });
        if self.env.timeout(self.options.action_queue_time, has_started).await.is_err() {
            return no_response(overloaded());
        }
        let outcome = answer.map(|outcome| outcome.unwrap_or_else(|oneshot::Canceled| lost())).boxed();
        match head.await {
            Ok(response) => HttpRun { response: Ok(response), outcome },
            Err(oneshot::Canceled) => no_response(outcome.await),
        }
    }

    /// Gives an action the time that the operator set.
    fn limit(&self, invocation: &mut Invocation) {
        if let Some(time) = self.options.action_time {
            invocation.limits.action_time = time;
        }
    }

    /// Makes a bundle runnable. Takes as long as evaluating its modules, plus tens of milliseconds.
    ///
    /// # Errors
    /// When a module can't be evaluated, or the machinery fails.
    pub async fn build(&self, bundle: Bundle) -> Result<Arc<Program>, BuildError> {
        let (options, watchdog) = (self.options.clone(), self.watchdog.clone());
        self.on_thread(move || program::build(bundle, &options, &watchdog))
            .await
            .map_err(BuildError::Internal)?
            .map(Arc::new)
    }

    /// Evaluates the entries of a bundle and tells what they offer.
    ///
    /// # Errors
    /// Code `InvalidModules` (or `InvalidCron`, `No...DuringImport`) when a module can't be
    /// evaluated or offers something malformed.
    pub async fn analyze(&self, bundle: Bundle) -> Result<Vec<AnalyzedModule>, EvaluationError> {
        let (options, watchdog) = (self.options.clone(), self.watchdog.clone());
        self.evaluate(move || deploy_time::analyze(&bundle, &options, &watchdog)).await
    }

    /// Evaluates `schema.js`: the JSON text that `default.export()` gives.
    ///
    /// # Errors
    /// `MissingSchemaExportError`, `InvalidSchemaExport`, `InvalidSchema`,
    /// `NoEnvironmentVariablesInSchema`, `NoSyscallInSchema`.
    pub async fn eval_schema(
        &self,
        module: ModuleSource,
        seed: [u8; 32],
        now_ms: f64,
    ) -> Result<String, EvaluationError> {
        let (options, watchdog) = (self.options.clone(), self.watchdog.clone());
        self.evaluate(move || deploy_time::eval_schema(module, seed, now_ms, &options, &watchdog)).await
    }

    /// Evaluates `auth.config.js`: its default export as JSON.
    ///
    /// # Errors
    /// `AuthConfigMissingEnvironmentVariable`, `AuthConfigMissingExportError`,
    /// `AuthConfigUnserializableError`, `InvalidAuthConfig`.
    pub async fn eval_auth_config(
        &self,
        module: ModuleSource,
        env: BTreeMap<String, String>,
    ) -> Result<serde_json::Value, EvaluationError> {
        let (options, watchdog) = (self.options.clone(), self.watchdog.clone());
        self.evaluate(move || deploy_time::eval_auth_config(module, env, &options, &watchdog)).await
    }

    /// Evaluates a `convex.config.js`: the object that `default.export()` gives, without `path`.
    /// `dependencies` are those whose `_componentDeps` the module may import, evaluated before.
    /// `env` is `None` for components, which may not read environment variables.
    ///
    /// # Errors
    /// `InvalidDefinition`, `EnvironmentVariablesUnsupported`.
    pub async fn eval_definition(
        &self,
        module: ModuleSource,
        dependencies: Vec<DefinitionDependency>,
        env: Option<BTreeMap<String, String>>,
    ) -> Result<serde_json::Value, EvaluationError> {
        let (options, watchdog) = (self.options.clone(), self.watchdog.clone());
        self.evaluate(move || deploy_time::eval_definition(module, &dependencies, env, &options, &watchdog)).await
    }

    async fn evaluate<R: Send + 'static>(
        &self,
        body: impl FnOnce() -> Result<R, EvaluationError> + Send + 'static,
    ) -> Result<R, EvaluationError> {
        let lost = |message| EvaluationError { code: "InternalServerError", message };
        self.on_thread(body).await.map_err(lost)?
    }

    /// Runs `body` on a thread of its own: V8 has its isolates entered and left on one thread.
    async fn on_thread<R: Send + 'static>(&self, body: impl FnOnce() -> R + Send + 'static) -> Result<R, String> {
        let (reply, answer) = oneshot::channel();
        let body = move || {
            let _ = reply.send(body());
        };
        self.env.spawn_thread("js-deploy", body).map_err(|error| format!("cannot start a thread: {error}"))?;
        answer.await.map_err(|oneshot::Canceled| "a thread that evaluated modules was lost".to_owned())
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("options", &self.options).finish_non_exhaustive()
    }
}

/// A run that ended before it had a response.
fn no_response(outcome: Outcome) -> HttpRun {
    let failure = match &outcome.result {
        Err(failure) => failure.clone(),
        Ok(_) => JsFailure::new(FailureKind::Internal, "an HTTP action ended without a response"),
    };
    HttpRun { response: Err(failure), outcome: futures::future::ready(outcome).boxed() }
}

fn overloaded() -> Outcome {
    let message = "Too many concurrent requests, your function could not be run. Try again later.";
    Outcome::failed(JsFailure::new(FailureKind::Overloaded, message))
}

fn lost() -> Outcome {
    Outcome::failed(JsFailure::new(FailureKind::Internal, "the thread that ran the function was lost"))
}
