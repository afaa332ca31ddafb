//! What keeps the writes of an action from being made twice.
//!
//! An action that runs elsewhere asks for its writes by a request, and asks again if no answer comes. The record of a
//! mutation, see [`sessions`](super::sessions), serves for all of them: it is written in the transaction of the write.

use lakewire_storage::transaction::Transaction;

use super::sessions;
use crate::runtime::SyscallError;
use crate::udf::SessionRequest;
use crate::udf::host::transaction_error;

/// A write that may be asked for again; `None` for one that can't be.
pub(super) type Once<'a> = Option<&'a SessionRequest>;

/// Encoded answer of the same write, if it was made before.
pub(super) async fn earlier(tx: &mut Transaction, once: Once<'_>) -> Result<Option<String>, SyscallError> {
    let Some(request) = once else { return Ok(None) };
    let record = sessions::find(tx, request).await.map_err(transaction_error)?;
    Ok(record.map(|record| record.result))
}

/// Notes the answer of a write in its transaction.
pub(super) async fn note(tx: &mut Transaction, once: Once<'_>, answer: &str) -> Result<(), SyscallError> {
    let Some(request) = once else { return Ok(()) };
    sessions::record(tx, request, answer, &[]).await.map_err(transaction_error)
}
