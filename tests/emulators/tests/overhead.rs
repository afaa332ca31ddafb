//! What the Lambda service and the proxy add by themselves: measurements, to be subtracted from others.
//!
//! `scripts/cargo test --release -p lakewire-emulators --test overhead -- --ignored --nocapture --test-threads 1`

#![allow(clippy::disallowed_methods, reason = "tests are in the real world")]

mod support;

use std::time::{Duration, Instant};

use hyper::Method;
use lakewire_emulators::{Dynoxide, Faults, Lambda};
use serde_json::json;

use self::support::Http;

/// Runs something so many times, one after the other; prints and gives the median.
async fn measure(what: &str, times: usize, mut run: impl AsyncFnMut()) -> Duration {
    let mut took = Vec::with_capacity(times);
    for _ in 0..times {
        let started = Instant::now();
        run().await;
        took.push(started.elapsed());
    }
    took.sort();
    let (p50, p99) = (took[times / 2], took[times * 99 / 100]);
    println!("{what}: p50 {:.3} ms, p99 {:.3} ms", p50.as_secs_f64() * 1e3, p99.as_secs_f64() * 1e3);
    p50
}

#[tokio::test]
#[ignore = "a measurement"]
async fn invocations() {
    let (lambda, http) = (Lambda::start(), Http::new());
    for (function, freeze) in [("frozen", true), ("running", false)] {
        http.define(lambda.endpoint(), function, json!({"freeze": freeze})).await;
        http.invoke(lambda.endpoint(), function, &json!({})).await;
        let what = format!("warm invocation, {function}");
        let p50 = measure(&what, 3000, async || {
            http.invoke(lambda.endpoint(), function, &json!({})).await;
        });
        assert!(p50.await < Duration::from_millis(5));
        assert_eq!(http.stats(lambda.endpoint(), function).await["coldStarts"], 1);
    }
    let api = json!({"function": "frozen", "kind": "http"});
    let api = http.control(Method::PUT, &format!("{}/apis/a", lambda.endpoint()), &api).await;
    let url = api["url"].as_str().expect("a URL");
    let p50 = measure("warm request over an HTTP API", 3000, async || {
        http.get(url).await;
    });
    assert!(p50.await < Duration::from_millis(5));
    let kill = json!({"function": "frozen", "which": "all"});
    let p50 = measure("kill, and cold invocation", 100, async || {
        http.control(Method::POST, &format!("{}/kill", lambda.endpoint()), &kill).await;
        http.invoke(lambda.endpoint(), "frozen", &json!({})).await;
    });
    assert!(p50.await < Duration::from_millis(100));
    println!("its parts: {}", http.stats(lambda.endpoint(), "frozen").await["initMs"]);
}

#[tokio::test]
#[ignore = "a measurement"]
async fn requests() {
    let (direct, http) = (Dynoxide::start(), Http::new());
    let proxy = Faults::start(direct.endpoint());
    let headers = [
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-target", "DynamoDB_20120810.ListTables"),
        ("x-amz-date", "20260101T000000Z"),
        (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=b",
        ),
    ];
    let ask = async |endpoint: &str| {
        let answer = http.send(Method::POST, &format!("{endpoint}/"), &headers, "{}").await;
        assert!(answer.status.is_success());
    };
    let without = measure("DynamoDB", 5000, async || ask(direct.endpoint()).await).await;
    let with = measure("DynamoDB behind the proxy", 5000, async || ask(proxy.endpoint()).await).await;
    assert!(with < without + Duration::from_millis(5));
    let control = format!("{}/_faults", proxy.endpoint());
    http.control(Method::PUT, &control, &json!({"latency": {"dynamodb": 5}})).await;
    let late = measure("the same, with 5 ms of latency", 500, async || ask(proxy.endpoint()).await).await;
    assert!(late >= Duration::from_millis(5));
}
