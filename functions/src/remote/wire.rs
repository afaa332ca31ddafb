//! What a call is asked for and answered with. Both ends are of one deployment and one version, or nearly: unknown fields are
//! ignored, and what is missing is an error.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lakewire_storage::id::DocumentId;
use lakewire_storage::log::{EntryNumber, Timestamp};
use lakewire_storage::transaction::{CarriedTransaction, Usage};
use serde::{Deserialize, Serialize};

use crate::files::Stored;
use crate::logs::AuditRecord;
use crate::runtime::{LogLine, UdfKind};
use crate::udf::{CallRecord, Failure, FunctionPath};

/// Calls that go together.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Batch {
    /// The newest entries of the log, in order, in base64.
    pub tail: Vec<(EntryNumber, String)>,
    pub calls: Vec<RunRequest>,
}

/// The answers, in the order of the calls.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answers {
    pub answers: Vec<Result<RunAnswer, String>>,
}

/// One call.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRequest {
    /// A query or a mutation.
    pub kind: UdfKind,
    /// What to run.
    pub call: CallRecord,
    /// The snapshot to run it on.
    pub at: Timestamp,
    /// Of an earlier run of the same query.
    pub journal: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunAnswer {
    pub(crate) outcome: Result<String, Failure>,
    reads: String,
    writes: String,
    unresolved: Vec<u32>,
    usage: Usage,
    pub(crate) lines: Vec<(LogLine, Option<FunctionPath>)>,
    pub(crate) journal: Option<String>,
    pub(crate) observed_identity: bool,
    pub(crate) observed_time: bool,
    pub(crate) time: bool,
    pub(crate) random: bool,
    pub(crate) user_ns: u64,
    pub(crate) stored: Vec<(DocumentId, Stored)>,
    pub(crate) audit: Vec<AuditRecord>,
}

impl RunAnswer {
    /// An answer with a result and a transaction, and nothing else.
    pub(crate) fn new(outcome: Result<String, Failure>, carried: CarriedTransaction) -> Self {
        let CarriedTransaction { reads, writes, unresolved, usage } = carried;
        Self {
            outcome,
            reads: STANDARD.encode(reads),
            writes: STANDARD.encode(writes),
            unresolved,
            usage,
            lines: Vec::new(),
            journal: None,
            observed_identity: false,
            observed_time: false,
            time: false,
            random: false,
            user_ns: 0,
            stored: Vec::new(),
            audit: Vec::new(),
        }
    }

    /// The transaction.
    ///
    /// # Errors
    /// If it is not in base64.
    pub(crate) fn carried(&self) -> Result<CarriedTransaction, base64::DecodeError> {
        Ok(CarriedTransaction {
            reads: STANDARD.decode(&self.reads)?,
            writes: STANDARD.decode(&self.writes)?,
            unresolved: self.unresolved.clone(),
            usage: self.usage,
        })
    }
}
