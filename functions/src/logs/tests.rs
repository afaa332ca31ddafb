use std::sync::Arc;
use std::time::Duration;

use lakewire_storage::env::Env;
use serde_json::json;

use super::{FunctionLog, LogEntry, LogLine, Progress};
use crate::runtime::LogLevel;

const HOLD: Duration = Duration::from_millis(50);

fn line(text: &str) -> LogLine {
    LogLine {
        messages: vec![text.to_owned(), "3".to_owned()],
        level: LogLevel::Log,
        timestamp: 1,
        is_truncated: false,
        system_metadata: None,
        component_path: None,
        udf_path: None,
    }
}

fn entry(name: &str) -> LogEntry {
    LogEntry::Progress(Progress {
        udf_type: "Action",
        component_path: None,
        identifier: name.to_owned(),
        timestamp: 1.5,
        log_lines: vec![line("'x'")],
        request_id: "r".to_owned(),
        execution_id: "e".to_owned(),
    })
}

fn names(entries: &[Arc<LogEntry>]) -> Vec<String> {
    entries
        .iter()
        .map(|entry| match &**entry {
            LogEntry::Progress(p) => p.identifier.clone(),
            LogEntry::Completion(c) => c.identifier.clone(),
            LogEntry::AuditLog(a) => a.identifier.clone(),
        })
        .collect()
}

#[tokio::test]
async fn cursor_zero_answers_history_at_once() {
    let log = FunctionLog::new(Env::system());
    let first = log.read(0.0, Duration::from_secs(60)).await;
    assert!(first.entries.is_empty() && first.new_cursor > 0.0);
    log.append(entry("a"));
    log.append(entry("b"));
    assert_eq!(names(&log.read(0.0, HOLD).await.entries), ["a", "b"]);
    assert_eq!(names(&log.read(first.new_cursor, HOLD).await.entries), ["a", "b"]);
}

#[tokio::test]
async fn entries_of_one_instant_are_delivered_once_each() {
    let log = FunctionLog::new(Env::system());
    let mut cursor = log.read(0.0, HOLD).await.new_cursor;
    for n in 0..2_500 {
        log.append(entry(&n.to_string()));
    }
    let mut seen = Vec::new();
    while seen.len() < 2_500 {
        let page = log.read(cursor, HOLD).await;
        assert!(page.new_cursor > cursor);
        cursor = page.new_cursor;
        seen.extend(names(&page.entries));
    }
    assert_eq!(seen, (0..2_500).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_reader_waits_for_the_next_entry() {
    let log = Arc::new(FunctionLog::new(Env::system()));
    let cursor = log.read(0.0, HOLD).await.new_cursor;
    assert!(log.read(cursor, HOLD).await.entries.is_empty());
    let (page, ()) = tokio::join!(log.read(cursor, Duration::from_secs(10)), async {
        tokio::time::sleep(HOLD).await;
        log.append(entry("late"));
    });
    assert_eq!(names(&page.entries), ["late"]);
}

#[test]
fn shapes_on_the_wire() {
    assert_eq!(
        serde_json::to_value(entry("mail:send")).unwrap(),
        json!({"kind": "Progress", "udfType": "Action", "componentPath": null, "identifier": "mail:send", "timestamp": 1.5,
            "logLines": [{"messages": ["'x'", "3"], "level": "LOG", "timestamp": 1, "isTruncated": false, "systemMetadata": null}],
            "requestId": "r", "executionId": "e"})
    );
}
