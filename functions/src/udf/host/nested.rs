//! Queries and mutations called by queries and mutations, in the same transaction.

use std::collections::HashMap;
use std::sync::Arc;

use lakewire_storage::limits::Limits;
use lakewire_storage::transaction::{QueryStream, Savepoint};

use super::TransactionHost;
use super::args::{Address, RunUdf, TransactionLimits, parse};
use super::error::{developer, not_available};
use crate::model::{AppModel, FunctionKind};
use crate::runtime::{JsFailure, NestedCall, SyscallError, UdfKind};
use crate::udf::check::{self, Access, app_tables};
use crate::udf::{FunctionErrorKind, FunctionPath};

/// One function on the stack of calls.
pub(super) struct Frame {
    pub path: FunctionPath,
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
    /// Whether it has a transaction of its own, to be dropped.
    own_transaction: bool,
}

/// A call that is about to begin.
pub(super) struct PendingCall {
    path: FunctionPath,
    kind: UdfKind,
    from_snapshot: bool,
    limits: Option<TransactionLimits>,
}

impl Frame {
    pub(super) fn top(path: FunctionPath, kind: UdfKind) -> Self {
        Self::new(path, kind, OnReturn::default())
    }

    fn new(path: FunctionPath, kind: UdfKind, on_return: OnReturn) -> Self {
        Self { path, kind, streams: HashMap::new(), paginated: false, next_stream: 0, on_return }
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
    pub(super) fn run_udf(&mut self, args: &str) -> Result<NestedCall, SyscallError> {
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
        let path = resolve_address(&address)?;
        let args = check::positional(call.args.get());
        let model: Arc<AppModel> = self.context.model.clone();
        let function = check::find(&model, &path, kind, Access::Internal).map_err(invalid_call)?;
        let max_size = self.tx().limits().arguments_size;
        check::arguments(function, &path, &args, check::Placeholders::of(caller), max_size, &app_tables(self.tx()))
            .map_err(invalid_call)?;
        let kind = if kind == FunctionKind::Mutation { UdfKind::Mutation } else { UdfKind::Query };
        let nested = NestedCall {
            program: None,
            module: path.module.to_string(),
            export: path.export.to_string(),
            kind,
            args,
            env: None,
            token: depth as u64,
        };
        self.pending = Some(PendingCall { path, kind, from_snapshot, limits: call.transaction_limits });
        Ok(nested)
    }

    pub(super) fn begin_nested(&mut self) -> Result<(), SyscallError> {
        let Some(call) = self.pending.take() else {
            return Err(SyscallError::fatal("a nested call began that was not asked for"));
        };
        let mut on_return = OnReturn::default();
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
        self.frames.push(Frame::new(call.path, call.kind, on_return));
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
        check::result(function, &frame.path, &json, placeholders, max_size, &app_tables(self.tx()))
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

/// The function of the app that an address names.
pub(crate) fn resolve_address(address: &Address<'_>) -> Result<FunctionPath, SyscallError> {
    const REFERENCE: &str = "_reference/function/";
    let invalid = |text: &str| {
        let message =
            format!("`{text}` does not name a function of the app: components are not available in this version");
        developer("InvalidReference", message)
    };
    let name = match (&address.name, &address.reference, &address.function_handle) {
        (Some(name), None, None) => name,
        (None, Some(reference), None) => {
            return match reference.strip_prefix(REFERENCE) {
                Some(path) => FunctionPath::parse(path).map_err(|error| developer("InvalidReference", error)),
                None => Err(invalid(reference)),
            };
        }
        (None, None, Some(_)) => return Err(not_available("1.0/createFunctionHandle", "calling a function handle")),
        _ => return Err(developer("InvalidArgument", "name the function to call in exactly one way")),
    };
    FunctionPath::parse(name).map_err(|error| developer("InvalidReference", error))
}

#[cfg(test)]
mod tests {
    use lakewire_storage::limits::Limits;

    use super::{Address, TransactionLimits, lowered, resolve_address};

    fn resolve(json: &str) -> Result<String, String> {
        let address: Address<'_> = serde_json::from_str(json).unwrap();
        resolve_address(&address).map(|path| path.udf_path()).map_err(|error| error.message)
    }

    #[test]
    fn addresses() {
        assert_eq!(resolve(r#"{"name":"a/b:f","args":{}}"#).unwrap(), "a/b:f");
        assert_eq!(resolve(r#"{"name":"a"}"#).unwrap(), "a:default");
        assert_eq!(resolve(r#"{"reference":"_reference/function/a.js:f"}"#).unwrap(), "a:f");
        assert!(
            resolve(r#"{"reference":"_reference/childComponent/x/y"}"#).unwrap_err().starts_with("InvalidReference")
        );
        assert!(resolve(r#"{"functionHandle":"function://k1"}"#).unwrap_err().starts_with("OperationNotAvailable"));
        assert!(resolve(r#"{}"#).is_err());
    }

    #[test]
    fn limits_only_go_down() {
        let current = Limits::default();
        let wanted = TransactionLimits { documents_read: Some(5.0), bytes_read: Some(1e12), ..Default::default() };
        let limits = lowered(&current, wanted);
        assert_eq!((limits.documents_read, limits.bytes_read), (5, current.bytes_read));
    }
}
