//! The function log: what `npx convex logs` and `npx convex dev` print.
//!
//! A ring buffer in memory of the newest executions. It is a tail to look at, not an archive.

mod audit;
mod audit_sink;
mod entry;
mod line;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use lakewire_storage::env::Env;
use parking_lot::Mutex;
use tokio::sync::watch;

pub use audit::AuditLine;
pub(crate) use audit::{AuditRecord, AuditUsage};
pub use audit_sink::AuditSink;
pub use entry::{AuditEntry, Completion, LogEntry, OccInfo, Progress, UsageStats};
pub use line::{LogLine, SystemMetadata};

/// Entries kept at most.
const MAX_ENTRIES: usize = 8_192;
/// Bytes of log text kept at most, so that a chatty app cannot fill the memory.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Entries answered at once at most.
const MAX_PAGE: usize = 1_000;
/// Distance of two entries made at the same time, in milliseconds: above the resolution of a float64 at this epoch.
const NUDGE_MS: f64 = 0.001;

/// The newest executions, in the order they ended.
pub struct FunctionLog {
    env: Env,
    ring: Mutex<Ring>,
    newest: watch::Sender<f64>,
}

/// What executions are called in the log of the process: `RUST_LOG=function_log=info` shows them. A server that is alone does not
/// by default; where processes come and go, their log is the only one that stays.
pub const TARGET: &str = "function_log";

#[derive(Default)]
struct Ring {
    entries: VecDeque<(f64, Arc<LogEntry>)>,
    bytes: usize,
    last_ms: f64,
}

/// One answer of the log.
#[derive(Debug, Clone)]
pub struct LogPage {
    /// Entries newer than the cursor, oldest first.
    pub entries: Vec<Arc<LogEntry>>,
    /// Where to continue: milliseconds since 1970, unique for each entry.
    pub new_cursor: f64,
}

impl FunctionLog {
    /// An empty log.
    pub fn new(env: Env) -> Self {
        Self { env, ring: Mutex::default(), newest: watch::channel(0.0).0 }
    }

    /// Appends an entry; the oldest ones make room for it. The process' own log has it too, as one line of JSON, if that
    /// shows the target [`TARGET`].
    pub fn append(&self, entry: LogEntry) {
        if tracing::enabled!(target: TARGET, tracing::Level::INFO)
            && let Ok(line) = serde_json::to_string(&entry)
        {
            tracing::info!(target: TARGET, "{line}");
        }
        let now_ms = self.now_ms();
        let bytes = entry.approximate_bytes();
        let time = {
            let mut ring = self.ring.lock();
            let time = if now_ms > ring.last_ms { now_ms } else { ring.last_ms + NUDGE_MS };
            ring.last_ms = time;
            ring.bytes += bytes;
            ring.entries.push_back((time, Arc::new(entry)));
            while ring.entries.len() > MAX_ENTRIES || (ring.bytes > MAX_BYTES && ring.entries.len() > 1) {
                let Some((_, oldest)) = ring.entries.pop_front() else { break };
                ring.bytes = ring.bytes.saturating_sub(oldest.approximate_bytes());
            }
            time
        };
        // Two appends may get here in either order; the cursor only goes up.
        self.newest.send_if_modified(|newest| {
            let newer = time > *newest;
            if newer {
                *newest = time;
            }
            newer
        });
    }

    /// The entries after `cursor`. If there are none, waits for one for at most `hold`; cursor 0 never waits, so
    /// that a client which discards the first answer does not discard its first event.
    pub async fn read(&self, cursor: f64, hold: Duration) -> LogPage {
        self.read_matching(cursor, hold, |_| true).await
    }

    /// As [`FunctionLog::read`], only of entries that `wanted` accepts.
    pub async fn read_matching(&self, cursor: f64, hold: Duration, wanted: impl Fn(&LogEntry) -> bool) -> LogPage {
        if cursor <= 0.0 {
            let entries = self.after(f64::NEG_INFINITY, &wanted).0;
            // Not before the last entry, whose time may have been nudged past the clock.
            let new_cursor = self.now_ms().max(self.ring.lock().last_ms);
            return LogPage { entries, new_cursor };
        }
        let deadline = self.env.sleep(hold);
        tokio::pin!(deadline);
        let mut newest = self.newest.subscribe();
        loop {
            newest.borrow_and_update();
            let (entries, last) = self.after(cursor, &wanted);
            if !entries.is_empty() {
                return LogPage { entries, new_cursor: last };
            }
            tokio::select! {
                () = &mut deadline => return LogPage { entries, new_cursor: cursor },
                changed = newest.changed() => if changed.is_err() {
                    return LogPage { entries, new_cursor: cursor };
                },
            }
        }
    }

    fn after(&self, cursor: f64, wanted: impl Fn(&LogEntry) -> bool) -> (Vec<Arc<LogEntry>>, f64) {
        let ring = self.ring.lock();
        let start = ring.entries.partition_point(|(time, _)| *time <= cursor);
        let mut last = cursor;
        let mut found = Vec::new();
        for (time, entry) in ring.entries.range(start..) {
            if found.len() == MAX_PAGE {
                break;
            }
            if wanted(entry) {
                last = *time;
                found.push(entry.clone());
            }
        }
        (found, last)
    }

    fn now_ms(&self) -> f64 {
        self.env.now_ns() as f64 / 1e6
    }
}

#[cfg(test)]
mod tests;
