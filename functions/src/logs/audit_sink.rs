//! Where audit log lines go: to the function log, and to a file or else to the log of the server.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

use parking_lot::Mutex;
use serde::Serialize;

use super::{AuditEntry, AuditLine, FunctionLog, LogEntry};
use crate::udf::Call;

/// The lasting place of audit log lines.
pub struct AuditSink {
    /// Its path, for messages, and the file.
    file: Option<(PathBuf, Mutex<File>)>,
}

/// One line of the file.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    #[serde(flatten)]
    entry: &'a AuditEntry,
    identity_type: &'static str,
}

impl AuditSink {
    /// Appends to the file at `path`, which is made if need be; without one, lines go to the log of the server.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(path: Option<PathBuf>) -> io::Result<Self> {
        let open = |path: PathBuf| {
            let file = OpenOptions::new().create(true).append(true).open(&path);
            let file = file.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
            Ok::<_, io::Error>((path, Mutex::new(file)))
        };
        Ok(Self { file: path.map(open).transpose()? })
    }

    /// Emits `lines` for the one who is about to get the result of `call`.
    pub fn emit(&self, log: &FunctionLog, call: &Call, lines: &[AuditLine]) {
        for line in lines {
            let now_ns = log.env.now_ns();
            let entry = AuditEntry {
                udf_type: line.udf_type,
                component_path: line.component_path(),
                identifier: line.function.udf_path(),
                timestamp: now_ns as f64 / 1e9,
                log_lines: [],
                request_id: call.request_id.to_string(),
                body: line.resolved(call, now_ns),
            };
            self.keep(&Record { entry: &entry, identity_type: call.identity.log_type() });
            log.append(LogEntry::AuditLog(Box::new(entry)));
        }
    }

    fn keep(&self, record: &Record<'_>) {
        let mut text = match serde_json::to_string(record) {
            Ok(text) => text,
            Err(error) => return tracing::error!(%error, "an audit log line cannot be written as JSON"),
        };
        let Some((path, file)) = &self.file else {
            return tracing::info!(target: "lakewire_audit", "{text}");
        };
        text.push('\n');
        // One write: lines of several processes do not mix.
        if let Err(error) = file.lock().write_all(text.as_bytes()) {
            tracing::error!(path = %path.display(), %error, line = text.trim_end(), "an audit log line cannot be written");
        }
    }
}
