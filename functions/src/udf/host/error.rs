//! Failures of syscalls as user code sees them: `Code: text`.

use std::fmt::Display;

use lakewire_storage::transaction::TxError;

use crate::model::ModelError;
use crate::runtime::SyscallError;
use crate::udf::AddressError;

/// An error that user code can catch.
pub(crate) fn developer(code: &str, message: impl Display) -> SyscallError {
    SyscallError::developer(format!("{code}: {message}"))
}

/// An argument of `api` that cannot be used.
pub(crate) fn invalid_argument(argument: &str, api: &str, reason: impl Display) -> SyscallError {
    developer("InvalidArgument", format_args!("Invalid argument `{argument}` for `{api}`: {reason}"))
}

/// A failure of the transaction: the developer's to catch, or the end of the execution.
pub(crate) fn transaction(error: TxError) -> SyscallError {
    match &error {
        TxError::Read(_) => return SyscallError::transient(error.to_string()),
        TxError::Row(_) => return SyscallError::fatal(error.to_string()),
        TxError::Developer { .. } => {}
    }
    SyscallError { data: error.data().map(ToString::to_string), ..developer(error.code(), &error) }
}

/// A failure to read or write rows of system tables.
pub(crate) fn model_error(error: ModelError) -> SyscallError {
    match error {
        ModelError::Transaction { source, .. } => transaction(source),
        error => SyscallError::fatal(error.to_string()),
    }
}

/// An address that names no function.
pub(crate) fn address(error: AddressError) -> SyscallError {
    developer(error.code(), &error)
}

/// An operation that this version does not have.
pub(crate) fn not_available(op: &str, api: &str) -> SyscallError {
    developer(
        "OperationNotAvailable",
        format_args!("`{api}` (operation `{op}`) is not available: this version of Lakewire does not have it yet"),
    )
}

/// An operation that exists, but not for this kind of function.
pub(crate) fn not_here(op: &str, api: &str, kind: &str) -> SyscallError {
    developer(
        "UnknownAsyncOperation",
        format_args!("Unknown async operation `{op}`: `{api}` can not be used in {kind}"),
    )
}

/// The public name of an asynchronous operation that belongs to a later version, if it is one.
pub(crate) fn later_operation(op: &str) -> Option<&'static str> {
    Some(match op {
        "1.0/createServiceToken" | "1.0/getServiceUrl" => "services",
        _ => return None,
    })
}
