//! Failures of reading and writing the deployed app.

use lakewire_storage::transaction::TxError;

/// A row of a system table, or the blob behind one, could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("system table `{table}`: {source}")]
    Transaction { table: &'static str, source: TxError },
    #[error("document `{id}` of system table `{table}` has an unexpected shape: {source}")]
    Shape { table: &'static str, id: String, source: serde_json::Error },
    #[error("cannot write to system table `{table}`: {reason}")]
    Encode { table: &'static str, reason: String },
    #[error("module `{path}`: cannot read its source `{sha256}`: {source}")]
    ReadSource { path: String, sha256: String, source: object_store::Error },
    #[error("module `{path}`: its stored source `{sha256}` is damaged")]
    DamagedSource { path: String, sha256: String },
    #[error("cannot store the source of module `{path}`: {source}")]
    WriteSource { path: String, source: object_store::Error },
}
