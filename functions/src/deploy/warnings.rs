//! What the deployment tells its developers in the function log.

use crate::engine::Engine;
use crate::logs::{Completion, LogEntry, LogLine, UsageStats};
use crate::runtime::LogLevel;

/// Writes each of `warnings` to the function log, as coming from the push.
pub fn log(engine: &Engine, warnings: &[String]) {
    if warnings.is_empty() {
        return;
    }
    let now_ms = engine.env().now_ns() / 1_000_000;
    let line = |text: &String| LogLine {
        messages: vec![text.clone()],
        level: LogLevel::Warn,
        timestamp: now_ms,
        is_truncated: false,
        system_metadata: None,
        component_path: None,
        udf_path: None,
    };
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    engine.logs().append(LogEntry::Completion(Box::new(Completion {
        udf_type: "Mutation",
        component_path: None,
        identifier: "_system/push:finish".to_owned(),
        log_lines: warnings.iter().map(line).collect(),
        timestamp: now_ms as f64 / 1_000.0,
        execution_time: 0.0,
        user_execution_time: 0.0,
        cached_result: false,
        success: None,
        error: None,
        request_id: hex::encode(engine.env().random_bytes::<8>()),
        execution_id: hex::encode(engine.env().random_bytes::<16>()),
        parent_execution_id: None,
        caller: "System",
        environment: "isolate",
        identity_type: "system",
        return_bytes: None,
        occ_info: None,
        will_retry: false,
        execution_timestamp: now_ms,
        usage_stats: UsageStats::default(),
    })));
}
