use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;

use super::Api;
use crate::gateway::{Connections as _, GatewayEvent};

#[tokio::test(start_paused = true)]
async fn who_crashes_between_commit_and_answer_costs_a_reconnect() {
    let api = Api::new(1, 1);
    let mut client = api.connect().await;
    client.hello("s").await;
    client.add(&[(0, "t:get", json!({"key": "a"}))]).await;
    client.transition().await;
    api.is_stuck.store(true, Ordering::Relaxed);
    client.mutation(0, "t:add", json!({"key": "a"})).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(api.fake.runs("add"), 1);
    api.is_stuck.store(false, Ordering::Relaxed);
    // Others leave it alone until its time is up.
    let gateway = api.start();
    gateway.fan_out(1).await.expect("told");
    assert!(api.has(1).await);
    tokio::time::sleep(Duration::from_secs(40)).await;
    gateway.tick().await.expect("a tick");
    while let Ok(message) = client.next_or_close().await {
        assert_eq!(message["type"], "Ping");
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(api.has(0).await);
    let mut client = api.connect().await;
    client.hello("s").await;
    client.add(&[(0, "t:get", json!({"key": "a"}))]).await;
    client.mutation(0, "t:add", json!({"key": "a"})).await;
    client.until(&[(0, json!(1))]).await;
    assert_eq!(client.results[&0]["value"], 1);
}

#[tokio::test(start_paused = true)]
async fn two_invocations_at_once() {
    let api = Api::new(1, 2);
    let mut client = api.connect().await;
    client.hello("s").await;
    client.add(&[(0, "t:get", json!({"key": "a"}))]).await;
    client.transition().await;
    client.mutation(0, "t:set", json!({"key": "a", "value": 1, "ms": 3_000})).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    // Left for the holder: whoever brings these does not wait.
    client.mutation(1, "t:set", json!({"key": "a", "value": 2})).await;
    client.add(&[(1, "t:get", json!({"key": "b"}))]).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    api.fake.set(&[("b", 9)]);
    let began = tokio::time::Instant::now();
    api.any().fan_out(1).await.expect("told");
    assert!(began.elapsed() < Duration::from_millis(100));
    let mut answers = Vec::new();
    while client.results.get(&1).is_none_or(|result| result["value"] != 9) || answers.len() < 2 {
        let message = client.next().await;
        if message["type"] == "MutationResponse" {
            answers.push(message["requestId"].clone());
        }
    }
    assert_eq!(answers, [0, 1]);
    client.until(&[(0, json!(2)), (1, json!(9))]).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_rests_is_handed_from_one_to_the_next() {
    let api = Api::new(1, 2);
    let mut client = api.connect().await;
    client.hello("s").await;
    client.add(&[(0, "t:get", json!({"key": "a"}))]).await;
    client.transition().await;
    let mut answers = 0;
    for id in 0..400 {
        // Longer than until the next one.
        client.mutation(id, "t:add", json!({"key": "a", "ms": 60})).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        while let Ok(message) = tokio::time::timeout(Duration::ZERO, client.next()).await {
            answers += u64::from(message["type"] == "MutationResponse");
        }
    }
    while answers < 400 {
        answers += u64::from(client.next().await["type"] == "MutationResponse");
    }
    client.until(&[(0, json!(400))]).await;
    let longest = *api.longest.lock();
    assert!(longest > Duration::from_secs(5), "it rests: {longest:?}");
    assert!(longest < Duration::from_secs(25), "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn idle_clients_are_pinged_and_lost_commits_found() {
    let api = Api::new(1, 1);
    api.any().tick().await.expect("without connections there is nothing to do");
    let mut client = api.connect().await;
    client.hello("s").await;
    client.add(&[(0, "t:get", json!({"key": "a"}))]).await;
    client.transition().await;
    let gateway = api.restart();
    let mut longest = Duration::ZERO;
    let mut last = tokio::time::Instant::now();
    for minute in 0..5 {
        let gateway = gateway.clone();
        tokio::spawn(async move { gateway.tick().await.expect("a tick") });
        if minute == 3 {
            api.fake.set(&[("a", 1)]);
        }
        let began = tokio::time::Instant::now();
        while began.elapsed() < Duration::from_secs(60) {
            if tokio::time::timeout(Duration::from_secs(1), client.next_or_close()).await.is_ok() {
                longest = longest.max(last.elapsed());
                last = tokio::time::Instant::now();
            }
        }
    }
    assert!(longest <= Duration::from_secs(32), "{longest:?}");
    assert_eq!(client.results[&0]["value"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_query_that_cannot_be_run_is_tried_again() {
    let api = Api::new(1, 1);
    let mut client = api.connect().await;
    client.hello("s").await;
    api.fake.fail_queries(1);
    client.add(&[(0, "t:get", json!({"key": "a"}))]).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    api.restart().tick().await.expect("a tick");
    client.transition().await;
}

#[tokio::test(start_paused = true)]
async fn who_leaves_is_forgotten() {
    let api = Api::new(1, 1);
    let mut client = api.connect().await;
    client.hello("s").await;
    client.add(&[(0, "t:get", json!({"key": "a"}))]).await;
    client.transition().await;
    client.kill();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(api.has(0).await);
    // Also if API Gateway does not say so.
    api.connections.open("ghost", b"{}"[..].into(), 0).await.expect("in memory");
    api.any().tick().await.expect("a tick");
    assert!(api.has(0).await);
}

#[tokio::test(start_paused = true)]
async fn a_message_to_nobody_closes_the_connection() {
    let api = Api::new(1, 1);
    let mut client = api.connect().await;
    for id in api.connections.list().await.expect("in memory") {
        api.connections.remove(&id).await.expect("in memory");
    }
    client.hello("s").await;
    assert!(client.next_or_close().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn clients_that_are_too_old_do_not_connect() {
    let api = Api::new(1, 1);
    for (version, status) in [("0.19.0", 400), ("garbage", 400), ("1.27.0", 200)] {
        let handshake = crate::gateway::Handshake { version: Some(version.to_owned()), ..Default::default() };
        let answer = api.any().handle(GatewayEvent::Connect(handshake)).await;
        assert_eq!(answer.status, status, "{version}");
        assert_eq!(answer.to_json()["statusCode"], status);
    }
}
