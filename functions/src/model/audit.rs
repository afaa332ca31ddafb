//! The audit log: one row for each change made by an administrator.

use lakewire_storage::catalog::SystemTable;
use lakewire_storage::transaction::Transaction;
use serde::{Deserialize, Serialize};

use super::error::ModelError;
use super::rows;

const TABLE: SystemTable = SystemTable::AuditLog;

/// A row of `_audit_log`; its time is the row's creation time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditEntry {
    /// E.g. `push_config_with_components`, `update_environment_variables`.
    pub action: String,
    /// The shape depends on the action.
    pub metadata: serde_json::Value,
}

/// Appends one entry.
pub async fn append(tx: &mut Transaction, action: &str, metadata: &serde_json::Value) -> Result<(), ModelError> {
    let entry = AuditEntry { action: action.to_owned(), metadata: metadata.clone() };
    rows::insert(tx, TABLE, &entry).await.map(drop)
}

/// All entries, oldest first.
pub async fn read(tx: &mut Transaction) -> Result<Vec<rows::Row<AuditEntry>>, ModelError> {
    rows::scan(tx, TABLE).await
}
