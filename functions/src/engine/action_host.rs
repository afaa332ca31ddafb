//! What actions run on: calls of other functions, each a transaction of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Engine;
use super::execution::Outcome;
use super::once::Once;
use crate::auth::Identity;
use crate::logs::{AuditUsage, LogEntry, Progress};
use crate::model::AppModel;
use crate::runtime::{ActionHost, AsyncCall, FetchRequest, FetchResponse, LogLine, NewFile, StoredFile, SyscallError};
use crate::udf::address::{self, Address};
use crate::udf::check::positional;
use crate::udf::host::{
    address_error, developer, function_handle, later_operation, meta, not_available, user_identity,
};
use crate::udf::{Call, CallFailure, Caller, Failure, FunctionPath};

/// What user code is told about a fault of the server inside one of its calls.
const INTERNAL_TEXT: &str = "Your request couldn't be completed. Try again later.";

/// The host of one action.
pub(super) struct FunctionActionHost {
    shared: Arc<Shared>,
    /// Console lines so far, as clients get them.
    lines: Mutex<Vec<String>>,
}

struct Shared {
    engine: Weak<Engine>,
    call: Call,
    execution_id: Arc<str>,
    http: Option<HttpPart>,
    /// Whether it runs in Node, where actions can write to the audit log.
    in_node: AtomicBool,
    audited: Mutex<AuditUsage>,
}

impl Shared {
    fn new(engine: Weak<Engine>, call: Call, execution_id: Arc<str>, http: Option<HttpPart>) -> Arc<Self> {
        Arc::new(Self { engine, call, execution_id, http, in_node: AtomicBool::new(false), audited: Mutex::default() })
    }
}

/// What sets an HTTP action apart from other actions.
pub(super) struct HttpPart {
    /// Its name in the log: `GET /path`.
    pub(super) identifier: String,
}

#[derive(Deserialize)]
struct FunctionCall<'a> {
    #[serde(borrow)]
    args: &'a RawValue,
}

impl FunctionActionHost {
    pub(super) fn new(engine: Weak<Engine>, call: Call, execution_id: Arc<str>) -> Self {
        Self { shared: Shared::new(engine, call, execution_id, None), lines: Mutex::default() }
    }

    pub(super) fn for_http(engine: Weak<Engine>, call: Call, execution_id: Arc<str>, http: HttpPart) -> Self {
        Self { shared: Shared::new(engine, call, execution_id, Some(http)), lines: Mutex::default() }
    }

    /// For an action that asks from elsewhere, and has written this much to the audit log by now.
    pub(super) fn elsewhere(engine: Weak<Engine>, call: Call, execution_id: Arc<str>, audited: AuditUsage) -> Self {
        let host = Self::new(engine, call, execution_id);
        host.runs_in_node();
        *host.shared.audited.lock() = audited;
        host
    }

    /// As [`ActionHost::start`]; a write that `once` names is made once, however often it is asked for.
    pub(super) async fn answer(&self, op: &str, args: &str, once: Once<'_>) -> Result<String, SyscallError> {
        self.shared.answer(op, args, once).await
    }

    /// What the action has written to the audit log.
    pub(super) fn audited(&self) -> AuditUsage {
        *self.shared.audited.lock()
    }

    /// The execution, as the log names it.
    pub(super) fn execution_id(&self) -> &str {
        &self.shared.execution_id
    }

    /// Told once the action turns out to be one of a Node module.
    pub(super) fn runs_in_node(&self) {
        self.shared.in_node.store(true, Ordering::Relaxed);
    }

    /// The console lines so far.
    pub(super) fn take_lines(&self) -> Vec<String> {
        std::mem::take(&mut self.lines.lock())
    }
}

impl ActionHost for FunctionActionHost {
    fn syscall(&self, op: &str, _args: &str) -> Result<String, SyscallError> {
        Err(developer("UnknownOperation", format_args!("Unknown operation `{op}`: it can not be used in actions")))
    }

    fn start(&self, call: AsyncCall) -> BoxFuture<'static, Result<String, SyscallError>> {
        let shared = self.shared.clone();
        async move { shared.answer(&call.op, &call.args, None).await }.boxed()
    }

    fn fetch(&self, request: FetchRequest) -> BoxFuture<'static, Result<FetchResponse, SyscallError>> {
        let client = self.shared.engine().map(|engine| engine.fetch.clone());
        async move { client?.fetch(request).await }.boxed()
    }

    fn store_file(&self, file: NewFile) -> BoxFuture<'static, Result<String, SyscallError>> {
        let shared = self.shared.clone();
        async move { shared.engine()?.store_file(&shared.call, file).await }.boxed()
    }

    fn open_file(&self, id: String) -> BoxFuture<'static, Result<Option<StoredFile>, SyscallError>> {
        let shared = self.shared.clone();
        async move { shared.engine()?.open_file(&shared.call, &id).await }.boxed()
    }

    fn log(&self, line: LogLine) {
        let text = line.pretty();
        if let Some(engine) = self.shared.engine.upgrade() {
            engine.log_progress(&self.shared, line);
        }
        self.lines.lock().push(text);
    }
}

impl Shared {
    fn engine(&self) -> Result<Arc<Engine>, SyscallError> {
        self.engine.upgrade().ok_or_else(|| SyscallError::fatal("the server is shutting down"))
    }

    async fn answer(&self, op: &str, args: &str, once: Once<'_>) -> Result<String, SyscallError> {
        let engine = self.engine()?;
        match op {
            "1.0/actions/query" => {
                engine.catch_up().await.map_err(|failure| developer(failure.code(), &failure))?;
                let call = self.inner_call(&engine, "ctx.runQuery", args).await?;
                let snapshot = engine.db.latest();
                let run = engine.run_query(&call, snapshot, None).await;
                if let Ok(run) = &run {
                    engine.emit_audit(&call, &run.audit);
                }
                reply(run.map(|run| run.outcome))
            }
            "1.0/actions/mutation" => {
                let call = self.inner_call(&engine, "ctx.runMutation", args).await?;
                reply(engine.run_mutation(&call, once.cloned()).await.map(|run| run.outcome))
            }
            "1.0/actions/action" => {
                let call = self.inner_call(&engine, "ctx.runAction", args).await?;
                // Boxed: an action that calls an action is a future within itself.
                let run: BoxFuture<'_, _> = engine.run_action(&call).boxed();
                reply(run.await.map(|run| run.outcome))
            }
            "1.0/actions/schedule" => engine.schedule_from_action(&self.call, args, once).await,
            "1.0/actions/cancel_job" => engine.cancel_from_action(&self.call, args).await,
            "1.0/actions/vectorSearch" => engine.vector_search_from_action(&self.call, args).await,
            "1.0/storageGetUrl" | "1.0/storageGetMetadata" | "1.0/storageGenerateUploadUrl" | "1.0/storageDelete" => {
                engine.storage_from_action(&self.call, op, args, once).await
            }
            "1.0/createFunctionHandle" => {
                let address = parse("createFunctionHandle", args)?;
                let (model, path) = self.resolve(&engine, &address).await?;
                function_handle(&model, &path)
            }
            // Who calls the app is none of a component's business.
            "1.0/getUserIdentity" if !self.call.path.component.is_root() => Ok("null".to_owned()),
            "1.0/getUserIdentity" => user_identity(&self.call.identity),
            "1.0/getFunctionMetadata" => Ok(meta::function_metadata(&self.call.path)),
            "1.0/getDeploymentMetadata" => Ok(meta::deployment_metadata(&engine.name)),
            "1.0/getRequestMetadata" => {
                Ok(meta::request_metadata(&self.call.client, &self.call.request_id, self.call.job))
            }
            "1.0/auditLog" if self.in_node.load(Ordering::Relaxed) => self.audit(&engine, args),
            "1.0/auditLog" => {
                Err(developer("AuditLogNotSupportedInAction", "audit logging is not available in actions"))
            }
            _ => Err(match later_operation(op) {
                Some(api) => not_available(op, api),
                None => developer("UnknownAsyncOperation", format_args!("Unknown async operation `{op}`")),
            }),
        }
    }

    /// There is no transaction: the line is emitted at once.
    fn audit(&self, engine: &Engine, args: &str) -> Result<String, SyscallError> {
        let line = self.audited.lock().line(&self.call.path, "Action", args, engine.db.limits())?;
        engine.emit_audit(&self.call, &[line]);
        Ok("null".to_owned())
    }

    /// The function that this action means by `address`, in the app as it is now.
    async fn resolve(
        &self,
        engine: &Engine,
        address: &Address<'_>,
    ) -> Result<(Arc<AppModel>, FunctionPath), SyscallError> {
        let model = engine.models.at(&engine.db, &engine.db.latest()).await.map_err(|error| {
            tracing::error!(%error, "the deployed app cannot be read");
            developer("InternalServerError", INTERNAL_TEXT)
        })?;
        let path = address::resolve(&model, &self.call.path.component, address).map_err(address_error)?;
        Ok((model, path))
    }

    async fn inner_call(&self, engine: &Engine, api: &str, args: &str) -> Result<Call, SyscallError> {
        let FunctionCall { args: values } = parse(api, args)?;
        let (_, path) = self.resolve(engine, &parse(api, args)?).await?;
        let within_app = path.component.is_root() && self.call.path.component.is_root();
        let identity = match &self.call.identity {
            // Whoever has a bad token is nobody to the functions that an HTTP action calls.
            Identity::Rejected(_) => Identity::Anonymous,
            identity if within_app || identity.is_admin() => identity.clone(),
            _ => Identity::Anonymous,
        };
        Ok(Call {
            path,
            identity,
            args: positional(values.get()).into(),
            caller: Caller::Action,
            internal: true,
            parent_execution: Some(self.execution_id.clone()),
            ..self.call.clone()
        })
    }
}

/// Arguments of a syscall, as the public function `api` gives them.
pub(super) fn parse<'a, T: Deserialize<'a>>(api: &str, args: &'a str) -> Result<T, SyscallError> {
    let invalid = |error| developer("InvalidArgument", format_args!("Invalid arguments for `{api}`: {error}"));
    serde_json::from_str(args).map_err(invalid)
}

/// Every failure of a call is one that the action can catch; a fault of the server has a general text.
fn reply(result: Result<Outcome, CallFailure>) -> Result<String, SyscallError> {
    match result {
        Ok(Ok(json)) => Ok(json.to_string()),
        Ok(Err(Failure { message, data, .. })) => {
            Err(SyscallError { message, data: data.map(|data| data.to_string()), ..SyscallError::default() })
        }
        Err(CallFailure::Internal(detail)) => {
            tracing::error!(%detail, "a call made by an action failed");
            Err(developer("InternalServerError", INTERNAL_TEXT))
        }
        Err(failure) => Err(developer(failure.code(), &failure)),
    }
}

impl Engine {
    /// Shows a console line while its action is still running.
    fn log_progress(&self, action: &Shared, line: LogLine) {
        let Shared { call, execution_id, http, .. } = action;
        self.logs.append(LogEntry::Progress(Progress {
            udf_type: if http.is_some() { "HttpAction" } else { "Action" },
            component_path: (!call.path.component.is_root()).then(|| call.path.component.to_string()),
            identifier: http.as_ref().map_or_else(|| call.path.udf_path(), |http| http.identifier.clone()),
            timestamp: self.env.now_ns() as f64 / 1e9,
            log_lines: vec![line.into()],
            request_id: call.request_id.to_string(),
            execution_id: execution_id.to_string(),
        }));
    }
}
