//! One execution of a function, from start to log entry.

use std::sync::Arc;
use std::time::Duration;

use lakewire_storage::interval::ReadSet;
use lakewire_storage::log::Timestamp;
use lakewire_storage::transaction::Usage;

use super::Engine;
use crate::logs::{AuditLine, Completion, LogEntry, LogLine, OccInfo, UsageStats};
use crate::model::FunctionKind;
use crate::udf::host::ConsoleLine;
use crate::udf::{
    ActionResult, Call, Failure, FunctionError, FunctionOutcome, MutationResult, Observed, QueryResult, RequestId,
};

/// What a function came to, before its error has a request id and is redacted.
pub(crate) type Outcome = Result<Arc<str>, Failure>;

/// When an execution began, by both clocks.
#[derive(Clone, Copy)]
pub(super) struct Started {
    wall_ns: u64,
    monotonic_ns: u64,
}

fn log_line(ConsoleLine { line, by }: ConsoleLine) -> LogLine {
    match by {
        Some(function) => LogLine::of_nested(line, &function),
        None => line.into(),
    }
}

/// A finished query.
pub(super) struct QueryRun {
    pub outcome: Outcome,
    pub request_id: RequestId,
    pub lines: Vec<ConsoleLine>,
    pub journal: Option<String>,
    pub reads: ReadSet,
    pub ts: Timestamp,
    pub observed: Observed,
    /// None if it failed.
    pub audit: Vec<AuditLine>,
}

/// A finished mutation.
pub(crate) struct MutationRun {
    pub outcome: Outcome,
    pub request_id: RequestId,
    /// As clients get them.
    pub lines: Vec<String>,
    pub ts: Timestamp,
}

/// A finished action.
pub(crate) struct ActionRun {
    pub outcome: Outcome,
    pub request_id: RequestId,
    pub lines: Vec<String>,
}

/// What the log tells about an execution besides the call itself.
#[derive(Default)]
pub(super) struct Report {
    pub lines: Vec<ConsoleLine>,
    pub user_time: Duration,
    /// It ran in a Node process.
    pub in_node: bool,
    pub usage: Usage,
    pub occ: Option<OccInfo>,
    pub http: Option<HttpReport>,
}

/// What only HTTP actions tell.
pub(super) struct HttpReport {
    /// `GET /path`, of the route.
    pub identifier: String,
    /// Of the response, if there was one.
    pub status: Option<u16>,
    /// Of the response's body.
    pub body_bytes: u64,
}

impl QueryRun {
    pub(super) fn into_result(self, engine: &Engine) -> QueryResult {
        QueryResult {
            outcome: engine.client_outcome(self.outcome, &self.request_id),
            log_lines: engine.client_lines(self.lines.iter().map(|line| line.line.pretty()).collect()),
            journal: self.journal,
            reads: Arc::new(self.reads),
            ts: self.ts,
            observed: self.observed,
            audit: self.audit.into(),
        }
    }
}

impl MutationRun {
    pub(super) fn into_result(self, engine: &Engine) -> MutationResult {
        MutationResult {
            outcome: engine.client_outcome(self.outcome, &self.request_id),
            ts: self.ts,
            log_lines: engine.client_lines(self.lines),
        }
    }
}

impl ActionRun {
    pub(super) fn into_result(self, engine: &Engine) -> ActionResult {
        ActionResult {
            outcome: engine.client_outcome(self.outcome, &self.request_id),
            log_lines: engine.client_lines(self.lines),
        }
    }
}

impl Engine {
    pub(super) fn start(&self) -> Started {
        Started { wall_ns: self.env.now_ns(), monotonic_ns: self.env.monotonic_ns() }
    }

    fn client_outcome(&self, outcome: Outcome, request_id: &RequestId) -> FunctionOutcome {
        outcome.map_err(|failure| self.client_error(failure, request_id))
    }

    /// The error as the deployment lets clients see it.
    pub(super) fn client_error(&self, failure: Failure, request_id: &RequestId) -> FunctionError {
        failure.into_error(request_id, self.deployment.redact_errors)
    }

    fn client_lines(&self, lines: Vec<String>) -> Arc<[String]> {
        if self.deployment.redact_errors { Arc::default() } else { lines.into() }
    }

    /// Emits the audit log lines of `call`, whose result is about to be given to whoever made it.
    pub fn emit_audit(&self, call: &Call, lines: &[AuditLine]) {
        self.audit.emit(&self.logs, call, lines);
    }

    /// Random text that names one execution in the log.
    pub(super) fn execution_id(&self) -> Arc<str> {
        hex::encode(self.env.random_bytes::<16>()).into()
    }

    /// Notes the end of an execution. The server's own functions are not part of the developer's log.
    pub(super) fn log_completion(
        &self,
        call: &Call,
        kind: FunctionKind,
        execution_id: &str,
        started: Started,
        outcome: &Outcome,
        report: Report,
    ) {
        if call.path.is_system() {
            return;
        }
        let seconds = |ns: u64| Duration::from_nanos(ns).as_secs_f64();
        let Report { lines, user_time, in_node, usage, occ, http } = report;
        let return_bytes = match &http {
            Some(http) => http.status.map(|_| http.body_bytes),
            None => outcome.as_ref().ok().map(|json| json.len() as u64),
        };
        self.logs.append(LogEntry::Completion(Box::new(Completion {
            udf_type: if http.is_some() { "HttpAction" } else { kind.as_str() },
            component_path: (!call.path.component.is_root()).then(|| call.path.component.to_string()),
            identifier: http.as_ref().map_or_else(|| call.path.udf_path(), |http| http.identifier.clone()),
            log_lines: lines.into_iter().map(log_line).collect(),
            timestamp: seconds(self.env.now_ns()),
            execution_time: seconds(self.env.monotonic_ns().saturating_sub(started.monotonic_ns)),
            user_execution_time: user_time.as_secs_f64(),
            cached_result: false,
            success: http.and_then(|http| http.status).filter(|_| outcome.is_ok()).map(|status| {
                let status = status.to_string();
                serde_json::json!({"status": status})
            }),
            error: outcome.as_ref().err().map(|failure| failure.message.clone()),
            request_id: call.request_id.to_string(),
            execution_id: execution_id.to_owned(),
            parent_execution_id: call.parent_execution.as_deref().map(str::to_owned),
            caller: call.caller.log_name(),
            environment: if in_node { "node" } else { "isolate" },
            identity_type: call.identity.log_type(),
            return_bytes,
            will_retry: false,
            occ_info: occ,
            execution_timestamp: started.wall_ns / 1_000_000,
            usage_stats: UsageStats {
                database_read_bytes: usage.bytes_read as u64,
                database_write_bytes: usage.bytes_written as u64,
                database_read_documents: usage.documents_read as u64,
                database_write_documents: usage.documents_written as u64,
            },
        })));
    }
}
