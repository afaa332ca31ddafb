//! Records of committed mutations, which make them exactly-once.
//!
//! A record is written in the transaction of its mutation, so either both are there or neither. Looking for it is a
//! read of that transaction, so of two copies of one request that run at the same time, one loses and finds the
//! record of the other.

use lakewire_storage::catalog::SystemTable;
use lakewire_storage::id::InternalId;
use lakewire_storage::key::Key;
use lakewire_storage::log::Timestamp;
use lakewire_storage::sabotage::{self, Rule};
use lakewire_storage::transaction::{Transaction, TxError};
use lakewire_storage::value::Value;
use sha2::{Digest, Sha256};

use crate::udf::SessionRequest;

const TABLE: SystemTable = SystemTable::SessionRequests;
/// What a mutation was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// Encoded JSON text of the result; a commit timestamp in it is still a placeholder, for `ts`.
    pub result: String,
    /// The console lines as clients get them.
    pub lines: Vec<String>,
    /// When it was committed.
    pub ts: Timestamp,
}

/// The record of an earlier run of this request, if it was committed.
///
/// # Errors
/// A damaged row.
pub async fn find(tx: &mut Transaction, request: &SessionRequest) -> Result<Option<SessionRecord>, TxError> {
    let Some(row) = tx.get_system(TABLE, row_id(request)).await? else { return Ok(None) };
    let damaged =
        || TxError::developer("InternalServerError", format!("the record `{}` of a mutation is damaged", row.id));
    let value = Value::from_json(&row.json).map_err(|_| damaged())?;
    let lines = match value.field("logLines") {
        Some(Value::Array(lines)) => lines.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => return Err(damaged()),
    };
    match (value.field("result"), value.field("ts")) {
        (Some(Value::String(result)), Some(Value::Int64(ts))) => {
            Ok(Some(SessionRecord { result: result.clone(), lines, ts: ts.cast_unsigned() }))
        }
        _ => Err(damaged()),
    }
}

/// Writes the record of a request that is about to be committed; the commit fills in its timestamp.
///
/// # Errors
/// As of other writes.
pub async fn record(
    tx: &mut Transaction,
    request: &SessionRequest,
    result: &str,
    lines: &[String],
) -> Result<(), TxError> {
    if sabotage::is(Rule::SessionRecordSkipped) {
        return Ok(());
    }
    let fields = [
        ("sessionId", Value::from(&*request.session_id)),
        ("requestId", Value::from(f64::from(request.request_id))),
        ("result", Value::from(result)),
        ("logLines", Value::Array(lines.iter().map(|line| Value::from(line.as_str())).collect())),
        ("ts", Value::CommitTs),
    ];
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    tx.put_system(TABLE, row_id(request), fields).await.map(drop)
}

/// The key that a mutation writes, in the transaction of its own, when it is recorded: who hears of that key hears of the commit.
pub fn record_key(request: &SessionRequest) -> Key {
    Key::by_id(TABLE.by_id(), row_id(request))
}

/// A record is found by its id, so that looking for it is the read of one key.
fn row_id(request: &SessionRequest) -> InternalId {
    let digest = Sha256::digest(format!("{}|{}", request.session_id, request.request_id));
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    InternalId(id)
}

#[cfg(test)]
#[path = "sessions_tests.rs"]
mod tests;
