//! The Lambda service: environments, errors, limits, asynchronous invocations.

#![allow(clippy::disallowed_methods, reason = "tests are in the real world")]

mod support;

use std::time::Duration;

use hyper::{Method, StatusCode};
use lakewire_emulators::Lambda;
use serde_json::{Value, json};

use self::support::{Http, invocations};

#[tokio::test]
async fn an_environment_is_used_again() {
    let (lambda, http) = (Lambda::start(), Http::new());
    http.define(lambda.endpoint(), "f", json!({"env": {"OWN": "mine"}})).await;
    let first = http.invoke(lambda.endpoint(), "f", &json!({"a": 1})).await;
    assert_eq!(first.status, StatusCode::OK);
    assert_eq!(first.header("x-amz-executed-version"), "$LATEST");
    let first = first.json();
    assert_eq!(first["event"], json!({"a": 1}));
    assert_eq!((&first["kind"], &first["handler"]), (&json!("on-demand"), &json!("part")));
    assert_eq!((&first["own"], &first["home"]), (&json!("mine"), &Value::Null), "only what the definition says");
    assert_eq!(first["arn"], "arn:aws:lambda:us-east-1:000000000000:function:f");
    let arn = first["arn"].as_str().expect("a text");
    let second = http.invoke(lambda.endpoint(), &format!("{arn}:$LATEST"), &json!({})).await.json();
    assert_eq!((&second["pid"], &second["count"]), (&first["pid"], &json!(2)));
    let stats = http.stats(lambda.endpoint(), "f").await;
    assert_eq!((&stats["invocations"], &stats["coldStarts"]), (&json!(2), &json!(1)));
    assert_eq!(stats["environments"][0]["pid"], first["pid"]);
    assert!(stats["billedMs"].as_u64() >= Some(2), "{stats}");
}

#[tokio::test]
async fn environments_have_one_invocation_at_a_time() {
    let (lambda, http) = (Lambda::start(), Http::new());
    http.define(lambda.endpoint(), "f", json!({"concurrency": 2})).await;
    let call = async |ms: u64| http.invoke(lambda.endpoint(), "f", &json!({"sleepMs": ms})).await;
    let (a, b, c) = tokio::join!(call(500), call(500), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        call(0).await
    });
    assert_ne!(a.json()["pid"], b.json()["pid"]);
    assert_eq!(c.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(c.header("x-amzn-errortype"), "TooManyRequestsException");
    assert_eq!(http.stats(lambda.endpoint(), "f").await["throttles"], 1);
}

#[tokio::test]
async fn nothing_runs_between_invocations() {
    let (lambda, http) = (Lambda::start(), Http::new());
    http.define(lambda.endpoint(), "frozen", json!({})).await;
    http.define(lambda.endpoint(), "running", json!({"freeze": false})).await;
    let ticks = async |function: &str| {
        let before = http.invoke(lambda.endpoint(), function, &json!({})).await.json()["ticks"].as_u64();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let after = http.invoke(lambda.endpoint(), function, &json!({})).await.json()["ticks"].as_u64();
        after.expect("a number") - before.expect("a number")
    };
    let (frozen, running) = tokio::join!(ticks("frozen"), ticks("running"));
    // One tick in 5 ms, if it can.
    assert!(frozen < 40 && running > 60, "{frozen} and {running}");
}

#[tokio::test]
async fn a_timeout_kills() {
    let (lambda, http) = (Lambda::start(), Http::new());
    http.define(lambda.endpoint(), "f", json!({"timeoutMs": 300})).await;
    let first = http.invoke(lambda.endpoint(), "f", &json!({})).await.json();
    let late = http.invoke(lambda.endpoint(), "f", &json!({"sleepMs": 60_000})).await;
    assert_eq!(late.header("x-amz-function-error"), "Unhandled");
    assert_eq!(late.json()["errorType"], "Sandbox.Timedout");
    assert!(late.json()["errorMessage"].as_str().is_some_and(|text| text.ends_with("timed out after 0.30 seconds")));
    let next = http.invoke(lambda.endpoint(), "f", &json!({})).await.json();
    assert_ne!(first["pid"], next["pid"]);
    assert_eq!(http.stats(lambda.endpoint(), "f").await["timeouts"], 1);
}

#[tokio::test]
async fn crashes_and_errors_are_told() {
    let (lambda, http) = (Lambda::start(), Http::new());
    http.define(lambda.endpoint(), "f", json!({})).await;
    let crash = http.invoke(lambda.endpoint(), "f", &json!({"exit": 3})).await;
    assert_eq!(crash.header("x-amz-function-error"), "Unhandled");
    assert_eq!(crash.json()["errorType"], "Runtime.ExitError");
    assert!(crash.json()["errorMessage"].as_str().is_some_and(|text| text.ends_with("exit status 3")));
    let failed = http.invoke(lambda.endpoint(), "f", &json!({"fail": true})).await;
    assert_eq!(failed.header("x-amz-function-error"), "Unhandled");
    assert_eq!(failed.json(), json!({"errorType": "Asked", "errorMessage": "to fail"}));
    let stats = http.stats(lambda.endpoint(), "f").await;
    assert_eq!((&stats["crashes"], &stats["errors"]), (&json!(1), &json!(1)));
    let unknown = http.invoke(lambda.endpoint(), "g", &json!({})).await;
    assert_eq!(unknown.header("x-amzn-errortype"), "ResourceNotFoundException");
}

#[tokio::test]
async fn a_failed_initialization_is_told() {
    let (lambda, http) = (Lambda::start(), Http::new());
    http.define(lambda.endpoint(), "fails", json!({"env": {"INIT": "fail"}})).await;
    http.define(lambda.endpoint(), "exits", json!({"env": {"INIT": "exit"}})).await;
    let failed = http.invoke(lambda.endpoint(), "fails", &json!({})).await;
    assert_eq!(failed.json(), json!({"errorType": "Boom", "errorMessage": "no"}));
    let exited = http.invoke(lambda.endpoint(), "exits", &json!({})).await;
    assert_eq!(exited.json()["errorType"], "Runtime.ExitError");
}

#[tokio::test]
async fn payloads_have_limits() {
    let (lambda, http) = (Lambda::start(), Http::new());
    http.define(lambda.endpoint(), "f", json!({})).await;
    let url = invocations(lambda.endpoint(), "f");
    let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    let large = http.send(Method::POST, &url, &[], text(6 << 20)).await;
    assert_eq!(large.header("x-amz-function-error"), "Unhandled", "the answer has the event and more");
    assert_eq!(large.json()["errorType"], "Function.ResponseSizeTooLarge");
    let too_large = http.send(Method::POST, &url, &[], text((6 << 20) + 1)).await;
    assert_eq!(too_large.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(too_large.header("x-amzn-errortype"), "RequestTooLargeException");
    let event = [("x-amz-invocation-type", "Event")];
    let too_large = http.send(Method::POST, &url, &event, text((1 << 20) + 1)).await;
    assert_eq!(too_large.status, StatusCode::PAYLOAD_TOO_LARGE);
    let answer = http.invoke(lambda.endpoint(), "f", &json!({"bytes": 6 << 20})).await;
    assert_eq!((answer.header("x-amz-function-error"), answer.body.len()), ("", (6 << 20) + 2));
    let no_json = http.send(Method::POST, &url, &[], "{").await;
    assert_eq!(no_json.header("x-amzn-errortype"), "InvalidRequestContentException");
    let dry = http.send(Method::POST, &url, &[("x-amz-invocation-type", "DryRun")], "{}").await;
    assert_eq!(dry.status, StatusCode::NO_CONTENT);
}

/// Waits until a file has so many lines, and a while longer; gives them.
async fn lines(file: &std::path::Path, count: usize) -> Vec<String> {
    let read = || std::fs::read_to_string(file).unwrap_or_default().lines().map(ToOwned::to_owned).collect::<Vec<_>>();
    for _ in 0..1000 {
        if read().len() >= count {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    read()
}

#[tokio::test]
async fn asynchronous_invocations_are_tried_three_times() {
    let (lambda, http) = (Lambda::start(), Http::new());
    let folder = tempfile::tempdir().expect("make a folder");
    let file = folder.path().join("calls");
    http.define(lambda.endpoint(), "f", json!({"retryDelaysMs": [10, 20]})).await;
    let event = json!({"append": file, "fail": true}).to_string();
    let kind = [("x-amz-invocation-type", "Event")];
    let accepted = http.send(Method::POST, &invocations(lambda.endpoint(), "f"), &kind, event).await;
    assert_eq!(accepted.status, StatusCode::ACCEPTED);
    let ids = lines(&file, 3).await;
    assert_eq!(ids, [accepted.header("x-amzn-requestid"); 3]);
    assert_eq!(http.stats(lambda.endpoint(), "f").await["retries"], 2);
}

#[tokio::test]
async fn asynchronous_invocations_may_come_twice() {
    let (lambda, http) = (Lambda::start(), Http::new());
    let folder = tempfile::tempdir().expect("make a folder");
    let file = folder.path().join("calls");
    http.define(lambda.endpoint(), "f", json!({"duplicateEvents": true})).await;
    let event = json!({"append": file}).to_string();
    let kind = [("x-amz-invocation-type", "Event")];
    http.send(Method::POST, &invocations(lambda.endpoint(), "f"), &kind, event).await;
    let ids = lines(&file, 2).await;
    assert!(ids.len() == 2 && ids[0] == ids[1], "{ids:?}");
}

#[tokio::test]
async fn idle_environments_end() {
    let (lambda, http) = (Lambda::start(), Http::new());
    http.define(lambda.endpoint(), "f", json!({"idleMs": 100})).await;
    let pid = http.invoke(lambda.endpoint(), "f", &json!({})).await.json()["pid"].to_string();
    let process = std::path::Path::new("/proc").join(pid);
    assert!(process.exists());
    for _ in 0..500 {
        if !process.exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!process.exists());
    assert_eq!(http.stats(lambda.endpoint(), "f").await["environments"], json!([]));
}

#[tokio::test]
async fn an_environment_is_killed_in_the_middle() {
    let (lambda, http) = (Lambda::start(), Http::new());
    http.define(lambda.endpoint(), "f", json!({})).await;
    let kill = json!({"function": "f", "waitMs": 5000});
    let event = json!({"sleepMs": 60_000});
    let (killed, answer) = tokio::join!(
        async {
            // After its start: a process that is killed there fails its initialization instead.
            tokio::time::sleep(Duration::from_millis(200)).await;
            http.control(Method::POST, &format!("{}/kill", lambda.endpoint()), &kill).await
        },
        http.invoke(lambda.endpoint(), "f", &event),
    );
    assert_eq!(killed["killed"].as_array().map(Vec::len), Some(1));
    assert!(answer.json()["errorMessage"].as_str().is_some_and(|text| text.ends_with("signal: killed")));
}

#[tokio::test]
async fn snapshots_are_restored() {
    let (lambda, http) = (Lambda::start(), Http::new());
    http.define(lambda.endpoint(), "f", json!({"snapStart": true, "prepare": 1, "env": {"INIT": "snapshot"}})).await;
    let stats = http.stats(lambda.endpoint(), "f").await;
    assert_eq!(stats["environments"][0]["state"], "snapshot");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let first = http.invoke(lambda.endpoint(), "f", &json!({})).await.json();
    assert_eq!(first["kind"], "snap-start");
    assert!(first["restored"].as_u64().is_some_and(|ticks| ticks < 40), "it ran before it was restored: {first}");
    let second = http.invoke(lambda.endpoint(), "f", &json!({})).await.json();
    assert_eq!(second["pid"], first["pid"], "it is a usual environment after that");
    let stats = http.stats(lambda.endpoint(), "f").await;
    assert_eq!((&stats["restores"], &stats["coldStarts"]), (&json!(1), &json!(0)));
}

#[tokio::test]
async fn a_failed_restore_is_told() {
    let (lambda, http) = (Lambda::start(), Http::new());
    http.define(lambda.endpoint(), "f", json!({"snapStart": true, "env": {"INIT": "unrestorable"}})).await;
    let failed = http.invoke(lambda.endpoint(), "f", &json!({})).await;
    assert_eq!(failed.header("x-amz-function-error"), "Unhandled");
    assert_eq!(failed.json(), json!({"errorType": "Old", "errorMessage": "stale"}));
    assert_eq!(http.stats(lambda.endpoint(), "f").await["environments"], json!([]));
}

#[tokio::test]
async fn processes_end_with_the_service() {
    let (lambda, http) = (Lambda::start(), Http::new());
    http.define(lambda.endpoint(), "f", json!({})).await;
    let pid = http.invoke(lambda.endpoint(), "f", &json!({})).await.json()["pid"].to_string();
    let stat = std::path::Path::new("/proc").join(pid).join("stat");
    drop(lambda);
    for _ in 0..500 {
        // Gone, or a zombie that nobody has asked for.
        match std::fs::read_to_string(&stat) {
            Ok(stat) if !stat.contains(") Z ") => tokio::time::sleep(Duration::from_millis(10)).await,
            _ => return,
        }
    }
    panic!("it still runs");
}
