//! Entries of the function log, in the shape the CLI reads.

use serde::Serialize;

use super::LogLine;

/// One event of the function log.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind")]
pub enum LogEntry {
    /// A function ended.
    Completion(Box<Completion>),
    /// An action wrote to its console.
    Progress(Progress),
    /// A function wrote a line with `log.audit`.
    AuditLog(Box<AuditEntry>),
}

/// The end of an execution.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Completion {
    /// `Query`, `Mutation`, `Action` or `HttpAction`.
    pub udf_type: &'static str,
    /// `None` for the app.
    pub component_path: Option<String>,
    /// `module:function` without `.js`.
    pub identifier: String,
    /// All lines of a query or mutation; empty for actions, whose lines are [`Progress`] entries.
    pub log_lines: Vec<LogLine>,
    /// Seconds since 1970.
    pub timestamp: f64,
    /// Seconds from start to end.
    pub execution_time: f64,
    /// Seconds in user code.
    pub user_execution_time: f64,
    /// Whether the result was taken from the cache.
    pub cached_result: bool,
    /// Only HTTP actions have one.
    pub success: Option<serde_json::Value>,
    /// The whole error text with its stack.
    pub error: Option<String>,
    /// The request that this execution is part of.
    pub request_id: String,
    /// This execution.
    pub execution_id: String,
    /// The action that made the call.
    pub parent_execution_id: Option<String>,
    /// Where the request came from.
    pub caller: &'static str,
    /// `isolate`: run by V8 in this process.
    pub environment: &'static str,
    /// Kind of the caller's identity.
    pub identity_type: &'static str,
    /// Bytes of the encoded result.
    pub return_bytes: Option<u64>,
    /// Set if the execution lost against another commit.
    pub occ_info: Option<OccInfo>,
    /// Whether it is tried again.
    pub will_retry: bool,
    /// Milliseconds since 1970 at the start.
    pub execution_timestamp: u64,
    /// What it cost.
    pub usage_stats: UsageStats,
}

/// The conflict an execution lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OccInfo {
    /// Table of the document that changed.
    pub table_name: Option<String>,
    /// The document that changed.
    pub document_id: Option<String>,
    /// The function that changed it.
    pub write_source: Option<String>,
    /// How many attempts came before.
    pub retry_count: u32,
}

/// What an execution cost.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageStats {
    /// Bytes of documents read.
    pub database_read_bytes: u64,
    /// Bytes of documents written.
    pub database_write_bytes: u64,
    /// Documents read.
    pub database_read_documents: u64,
    /// Documents written.
    pub database_write_documents: u64,
}

/// Lines written by an action that is still running.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// `Action` or `HttpAction`.
    pub udf_type: &'static str,
    /// `None` for the app.
    pub component_path: Option<String>,
    /// `module:function` without `.js`.
    pub identifier: String,
    /// Seconds since 1970.
    pub timestamp: f64,
    /// The lines.
    pub log_lines: Vec<LogLine>,
    /// The request that this execution is part of.
    pub request_id: String,
    /// This execution.
    pub execution_id: String,
}

/// A line of `log.audit`. The CLI prints none of it but with `--jsonl`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// `Query`, `Mutation` or `Action`.
    pub udf_type: &'static str,
    /// `None` for the app.
    pub component_path: Option<String>,
    /// `module:function` without `.js`: the function that wrote it.
    pub identifier: String,
    /// Seconds since 1970.
    pub timestamp: f64,
    /// No console lines, for readers that go through those of every entry.
    pub log_lines: [LogLine; 0],
    /// The request that emitted it.
    pub request_id: String,
    /// What the function wrote, with the values of variables.
    pub body: serde_json::Value,
}

impl LogEntry {
    /// About how much memory the texts of the entry take, in bytes.
    pub(crate) fn approximate_bytes(&self) -> usize {
        let lines = |lines: &[LogLine]| -> usize {
            lines.iter().map(|line| 64 + line.messages.iter().map(String::len).sum::<usize>()).sum()
        };
        match self {
            Self::Completion(c) => 512 + lines(&c.log_lines) + c.error.as_ref().map_or(0, String::len),
            Self::Progress(p) => 256 + lines(&p.log_lines),
            Self::AuditLog(a) => 256 + json_bytes(&a.body),
        }
    }
}

fn json_bytes(value: &serde_json::Value) -> usize {
    use serde_json::Value as Json;
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => 32,
        Json::String(text) => 32 + text.len(),
        Json::Array(items) => 32 + items.iter().map(json_bytes).sum::<usize>(),
        Json::Object(fields) => {
            32 + fields.iter().map(|(name, value)| 32 + name.len() + json_bytes(value)).sum::<usize>()
        }
    }
}
