//! Queries and mutations called by queries and mutations, in the same transaction.

use std::collections::HashMap;
use std::sync::Arc;

use lakewire_storage::catalog::Namespace;
use lakewire_storage::limits::Limits;
use lakewire_storage::transaction::{QueryStream, Savepoint};

use super::TransactionHost;
use super::args::{RunUdf, TransactionLimits, parse};
use super::error::developer;
use crate::engine::ProgramError;
use crate::model::{AppModel, Component, FunctionKind};
use crate::runtime::{JsFailure, NestedCall, Program, SyscallError, UdfKind};
use crate::udf::address::{self, Address};
use crate::udf::check::{self, Access, tables_of};
use crate::udf::{FunctionErrorKind, FunctionPath};

/// One function on the stack of calls.
pub(super) struct Frame {
    pub path: FunctionPath,
    /// Whose tables it sees.
    pub namespace: Namespace,
    pub kind: UdfKind,
    pub streams: HashMap<u32, QueryStream>,
    pub paginated: bool,
    next_stream: u32,
    on_return: OnReturn,
}

/// What happens when a called function returns to its caller.
#[derive(Default)]
struct OnReturn {
    /// To where its writes are rolled back if it fails.
    savepoint: Option<Savepoint>,
    /// The limits of the caller, if the call has lower ones.
    limits: Option<Arc<Limits>>,
    /// How many audit log lines there were before it.
    audit_lines: usize,
    /// Whether it has a transaction of its own, to be dropped.
    own_transaction: bool,
}

/// A call that is about to begin.
pub(super) struct PendingCall {
    path: FunctionPath,
    namespace: Namespace,
    kind: UdfKind,
    from_snapshot: bool,
    limits: Option<TransactionLimits>,
}

impl Frame {
    pub(super) fn top(path: FunctionPath, namespace: Namespace, kind: UdfKind) -> Self {
        Self::new(path, namespace, kind, OnReturn::default())
    }

    fn new(path: FunctionPath, namespace: Namespace, kind: UdfKind, on_return: OnReturn) -> Self {
        Self { path, namespace, kind, streams: HashMap::new(), paginated: false, next_stream: 0, on_return }
    }

    /// Keeps an open stream; returns the number by which the function names it.
    pub(super) fn add_stream(&mut self, stream: QueryStream) -> u32 {
        let id = self.next_stream;
        self.next_stream += 1;
        self.streams.insert(id, stream);
        id
    }
}

impl TransactionHost {
    /// Resolves and checks a call of `ctx.runQuery` or `ctx.runMutation`.
    pub(super) async fn run_udf(&mut self, args: &str) -> Result<NestedCall, SyscallError> {
        let call: RunUdf<'_> = parse("ctx.runQuery", args)?;
        let address: Address<'_> = parse("ctx.runQuery", args)?;
        let caller = self.frame().kind;
        let (kind, from_snapshot) = match (&*call.udf_type, caller) {
            ("query", _) => (FunctionKind::Query, false),
            ("mutation", UdfKind::Mutation) => (FunctionKind::Mutation, false),
            ("snapshotQuery", UdfKind::Mutation) => (FunctionKind::Query, true),
            (other, _) => {
                let message = format!("a {} can not call a function as `{other}`", caller.name());
                return Err(developer("InvalidFunctionCall", message));
            }
        };
        let depth = self.frames.len();
        let limit = self.tx().limits().call_depth;
        if depth >= limit {
            let message = format!("functions may call one another at most {limit} levels deep");
            return Err(developer("MaximumCallDepthExceeded", message));
        }
        let path = self.resolve(&address)?;
        let args = check::positional(call.args.get());
        let model: Arc<AppModel> = self.context.model.clone();
        let function = check::find(&model, &path, kind, Access::Internal).map_err(invalid_call)?;
        let max_size = self.tx().limits().arguments_size;
        let tables = tables_of(self.tx(), &model, &path.component);
        check::arguments(function, &path, &args, check::Placeholders::of(caller), max_size, &tables)
            .map_err(invalid_call)?;
        let (program, env, namespace) = match model.component(&path.component) {
            Some(callee) if path.component != self.frame().path.component => {
                (Some(self.program(callee).await?), Some(callee.process_env.clone()), callee.namespace)
            }
            _ => (None, None, self.namespace()),
        };
        let kind = if kind == FunctionKind::Mutation { UdfKind::Mutation } else { UdfKind::Query };
        let nested = NestedCall {
            program,
            module: path.module.to_string(),
            export: path.export.to_string(),
            kind,
            args,
            env,
            component: namespace.0,
            token: depth as u64,
        };
        self.pending = Some(PendingCall { path, namespace, kind, from_snapshot, limits: call.transaction_limits });
        Ok(nested)
    }

    /// The function that the running function means by `address`.
    pub(super) fn resolve(&mut self, address: &Address<'_>) -> Result<FunctionPath, SyscallError> {
        let model = self.context.model.clone();
        address::resolve(&model, &self.frame().path.component, address).map_err(super::error::address)
    }

    async fn program(&self, component: &Component) -> Result<Arc<Program>, SyscallError> {
        let program = self.context.programs.program(&self.context.model, component).await;
        program.map_err(|error| match error {
            ProgramError::Import(message) => SyscallError::developer(message),
            ProgramError::Internal(message) => SyscallError::fatal(message),
        })
    }

    /// `createFunctionHandle`.
    pub(super) fn create_function_handle(&mut self, args: &str) -> Result<String, SyscallError> {
        let address: Address<'_> = parse("createFunctionHandle", args)?;
        let path = self.resolve(&address)?;
        function_handle(&self.context.model, &path)
    }

    pub(super) fn begin_nested(&mut self) -> Result<(), SyscallError> {
        let Some(call) = self.pending.take() else {
            return Err(SyscallError::fatal("a nested call began that was not asked for"));
        };
        let mut on_return = OnReturn { audit_lines: self.outcome.audit.len(), ..OnReturn::default() };
        if call.from_snapshot {
            // Sees what was committed when the transaction began, and leaves no reads behind.
            let limits = self.tx().limits().clone();
            let mut own = self.context.db.begin(self.context.snapshot.clone(), &call.path.udf_path());
            own.set_limits(limits);
            self.transactions.push(own);
            on_return.own_transaction = true;
        } else if call.kind == UdfKind::Mutation {
            on_return.savepoint = Some(self.tx().savepoint());
        }
        if let Some(limits) = call.limits {
            let before = self.tx().limits().clone();
            self.tx().set_limits(Arc::new(lowered(&before, limits)));
            on_return.limits = Some(before);
        }
        self.frames.push(Frame::new(call.path, call.namespace, call.kind, on_return));
        Ok(())
    }

    pub(super) fn end_nested(&mut self, result: Result<String, JsFailure>) -> Result<String, SyscallError> {
        let Some(frame) = self.frames.pop().filter(|_| !self.frames.is_empty()) else {
            return Err(SyscallError::fatal("a nested call ended that had not begun"));
        };
        let checked = result.map_err(failed_call).and_then(|json| self.check_result(&frame, json));
        if let Some(limits) = frame.on_return.limits {
            self.tx().set_limits(limits);
        }
        if frame.on_return.own_transaction {
            self.transactions.pop();
        }
        match checked {
            Ok(json) => Ok(json),
            Err(Returned { error, roll_back }) => {
                if roll_back {
                    self.outcome.audit.truncate(frame.on_return.audit_lines);
                }
                if let Some(savepoint) = frame.on_return.savepoint.filter(|_| roll_back) {
                    self.tx().rollback_to(savepoint);
                }
                Err(error)
            }
        }
    }

    fn check_result(&mut self, frame: &Frame, json: String) -> Result<String, Returned> {
        let model = self.context.model.clone();
        // It was found when the call began, in the same model.
        let function = check::lookup(&model, &frame.path);
        let placeholders = check::Placeholders::of(frame.kind);
        let max_size = self.tx().limits().result_size;
        let tables = tables_of(self.tx(), &model, &frame.path.component);
        check::result(function, &frame.path, &json, placeholders, max_size, &tables)
            // A caller that catches this keeps the writes: the callee had returned.
            .map_err(|failure| Returned {
                error: developer("InvalidReturnValue", failure.message),
                roll_back: false,
            })?;
        Ok(json)
    }
}

/// Why a called function gave no result.
struct Returned {
    error: SyscallError,
    roll_back: bool,
}

fn failed_call(failure: JsFailure) -> Returned {
    let error = SyscallError { message: failure.message, data: failure.data, ..SyscallError::default() };
    Returned { error, roll_back: true }
}

fn invalid_call(failure: crate::udf::Failure) -> SyscallError {
    match failure.kind {
        FunctionErrorKind::InvalidArguments => developer("InvalidArgs", failure.message),
        _ => developer("InvalidFunctionCall", failure.message),
    }
}

/// The ceilings of a call: those in force, lowered where the caller says so.
fn lowered(current: &Limits, wanted: TransactionLimits) -> Limits {
    let lower = |current: usize, wanted: Option<f64>| match wanted {
        Some(wanted) if wanted < current as f64 => wanted.max(0.0) as usize,
        _ => current,
    };
    Limits {
        bytes_read: lower(current.bytes_read, wanted.bytes_read),
        bytes_written: lower(current.bytes_written, wanted.bytes_written),
        intervals_read: lower(current.intervals_read, wanted.database_queries),
        documents_read: lower(current.documents_read, wanted.documents_read),
        documents_written: lower(current.documents_written, wanted.documents_written),
        functions_scheduled: lower(current.functions_scheduled, wanted.functions_scheduled),
        scheduled_arguments_size: lower(current.scheduled_arguments_size, wanted.scheduled_function_args_bytes),
        files_written: lower(current.files_written, wanted.files_written),
        file_bytes_written: lower(current.file_bytes_written, wanted.file_write_bytes),
        files_read: lower(current.files_read, wanted.files_read),
        file_bytes_read: lower(current.file_bytes_read, wanted.file_read_bytes),
        ..current.clone()
    }
}

/// The handle of a function, JSON text.
pub(crate) fn function_handle(model: &AppModel, path: &FunctionPath) -> Result<String, SyscallError> {
    let handle = model.handles.of(path).ok_or_else(|| {
        developer(
            "FunctionHandleNotFound",
            format_args!("there is no function `{}` to make a handle of", path.udf_path()),
        )
    })?;
    Ok(format!("\"{handle}\""))
}

#[cfg(test)]
mod tests {
    use lakewire_storage::limits::Limits;

    use super::{TransactionLimits, lowered};

    #[test]
    fn limits_only_go_down() {
        let current = Limits::default();
        let wanted = TransactionLimits { documents_read: Some(5.0), bytes_read: Some(1e12), ..Default::default() };
        let limits = lowered(&current, wanted);
        assert_eq!((limits.documents_read, limits.bytes_read), (5, current.bytes_read));
    }
}
