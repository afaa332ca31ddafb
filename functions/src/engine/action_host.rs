//! What actions run on: calls of other functions, each a transaction of its own.

use std::borrow::Cow;
use std::sync::{Arc, Weak};

use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Engine;
use super::execution::Outcome;
use crate::logs::{LogEntry, Progress};
use crate::runtime::{ActionHost, AsyncCall, FetchRequest, FetchResponse, LogLine, SyscallError};
use crate::udf::check::positional;
use crate::udf::host::{Address, developer, later_operation, meta, not_available, resolve_address};
use crate::udf::{Call, CallFailure, Caller, Failure};

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
}

#[derive(Deserialize)]
struct FunctionCall<'a> {
    #[serde(borrow)]
    args: &'a RawValue,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    reference: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "functionHandle")]
    function_handle: Option<Cow<'a, str>>,
}

impl FunctionActionHost {
    pub(super) fn new(engine: Weak<Engine>, call: Call, execution_id: Arc<str>) -> Self {
        Self { shared: Arc::new(Shared { engine, call, execution_id }), lines: Mutex::default() }
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
        async move { shared.answer(&call.op, &call.args).await }.boxed()
    }

    fn fetch(&self, request: FetchRequest) -> BoxFuture<'static, Result<FetchResponse, SyscallError>> {
        let client = self.shared.engine.upgrade().map(|engine| engine.fetch.clone());
        async move {
            match client {
                Some(client) => client.fetch(request).await,
                None => Err(SyscallError::fatal("the server is shutting down")),
            }
        }
        .boxed()
    }

    fn log(&self, line: LogLine) {
        let text = line.pretty();
        if let Some(engine) = self.shared.engine.upgrade() {
            engine.log_progress(&self.shared.call, &self.shared.execution_id, line);
        }
        self.lines.lock().push(text);
    }
}

impl Shared {
    async fn answer(&self, op: &str, args: &str) -> Result<String, SyscallError> {
        let Some(engine) = self.engine.upgrade() else {
            return Err(SyscallError::fatal("the server is shutting down"));
        };
        match op {
            "1.0/actions/query" => {
                let call = self.inner_call("ctx.runQuery", args)?;
                let snapshot = engine.db.latest();
                reply(engine.run_query(&call, snapshot, None).await.map(|run| run.outcome))
            }
            "1.0/actions/mutation" => {
                let call = self.inner_call("ctx.runMutation", args)?;
                reply(engine.run_mutation(&call, None).await.map(|run| run.outcome))
            }
            "1.0/actions/action" => {
                let call = self.inner_call("ctx.runAction", args)?;
                // Boxed: an action that calls an action is a future within itself.
                let run: BoxFuture<'_, _> = engine.run_action(&call).boxed();
                reply(run.await.map(|run| run.outcome))
            }
            "1.0/actions/schedule" => engine.schedule_from_action(&self.call, args).await,
            "1.0/actions/cancel_job" => engine.cancel_from_action(args).await,
            "1.0/storageGetUrl" | "1.0/storageGetMetadata" | "1.0/storageGenerateUploadUrl" | "1.0/storageDelete" => {
                engine.storage_from_action(op, args).await
            }
            "1.0/getUserIdentity" => Ok(self.call.identity.user_json().to_owned()),
            "1.0/getFunctionMetadata" => Ok(meta::function_metadata(&self.call.path)),
            "1.0/getDeploymentMetadata" => Ok(meta::deployment_metadata(&engine.name)),
            "1.0/getRequestMetadata" => {
                Ok(meta::request_metadata(&self.call.client, &self.call.request_id, self.call.job))
            }
            "1.0/auditLog" => {
                Err(developer("AuditLogNotSupportedInAction", "audit logging is not available in actions"))
            }
            _ => Err(match later_operation(op) {
                Some(api) => not_available(op, api),
                None => developer("UnknownAsyncOperation", format_args!("Unknown async operation `{op}`")),
            }),
        }
    }

    fn inner_call(&self, api: &str, args: &str) -> Result<Call, SyscallError> {
        let invalid = |error| developer("InvalidArgument", format_args!("Invalid arguments for `{api}`: {error}"));
        let FunctionCall { args, name, reference, function_handle } = serde_json::from_str(args).map_err(invalid)?;
        let path = resolve_address(&Address { name, reference, function_handle })?;
        Ok(Call {
            path,
            args: positional(args.get()).into(),
            caller: Caller::Action,
            internal: true,
            parent_execution: Some(self.execution_id.clone()),
            ..self.call.clone()
        })
    }
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
    fn log_progress(&self, call: &Call, execution_id: &str, line: LogLine) {
        self.logs.append(LogEntry::Progress(Progress {
            udf_type: "Action",
            component_path: (!call.path.component.is_root()).then(|| call.path.component.to_string()),
            identifier: call.path.udf_path(),
            timestamp: self.env.now_ns() as f64 / 1e9,
            log_lines: vec![line.into()],
            request_id: call.request_id.to_string(),
            execution_id: execution_id.to_owned(),
        }));
    }
}
