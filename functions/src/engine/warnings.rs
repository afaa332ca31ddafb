//! Warnings of executions that came near a limit.

use std::time::Duration;

use super::query::Ran;
use crate::runtime::{LogLevel, LogLine};

/// The part of a limit from which an execution is warned about.
const NEAR: f64 = 0.8;

/// Appends one line to the console of an execution for every limit that it came near.
pub(super) fn append(ran: &mut Ran, now_ns: u64) {
    let usage = ran.tx.usage();
    let limits = ran.tx.limits();
    let ms = |time: Duration| time.as_millis() as usize;
    let used = [
        ("TooManyDocumentsRead", "documents read", usage.documents_read, limits.documents_read),
        ("TooManyBytesRead", "bytes read", usage.bytes_read, limits.bytes_read),
        ("TooManyReads", "index ranges read", usage.intervals_read, limits.intervals_read),
        ("TooManyWrites", "documents written", usage.documents_written, limits.documents_written),
        ("TooManyBytesWritten", "bytes written", usage.bytes_written, limits.bytes_written),
        ("UserTimeout", "ms of execution time", ms(ran.user_time), limits.user_time_ms as usize),
    ];
    let near = used.into_iter().filter(|(_, _, used, limit)| *used as f64 >= NEAR * *limit as f64);
    let lines: Vec<_> = near
        .map(|(code, what, used, limit)| LogLine {
            level: LogLevel::Warn,
            messages: vec![format!("This execution came near a limit: {used} of {limit} {what}")],
            timestamp: (now_ns / 1_000_000) as f64,
            is_truncated: false,
            system_code: Some(code.to_owned()),
        })
        .collect();
    ran.host.lines.extend(lines.into_iter().map(Into::into));
}
