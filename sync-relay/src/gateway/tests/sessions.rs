use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;

use super::Api;
use crate::tests::Client;

/// Long enough for whatever is under way.
async fn pause() {
    tokio::time::sleep(Duration::from_secs(2)).await;
}

/// Reads Transitions until a query has a result with this field.
async fn until(client: &mut Client, query: u64, field: &str, value: &str) {
    while client.results.get(&query).is_none_or(|result| result["value"][field] != value) {
        client.transition().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_goes_on_in_another_process() {
    let api = Api::new(1, 1);
    let mut client = api.connect().await;
    client.hello("s").await;
    client
        .add(&[(0, "t:get", json!({"key": "a"})), (1, "t:get", json!({"key": "b"})), (2, "no path!", json!({}))])
        .await;
    client.transition().await;
    assert_eq!(api.fake.runs("get"), 2);
    pause().await;
    let gateway = api.restart();
    // Of what a commit touches, and of nothing else.
    api.fake.set(&[("a", 1)]);
    gateway.fan_out(1).await.expect("told");
    client.until(&[(0, json!(1))]).await;
    assert_eq!(api.fake.runs("get"), 3);
    // Nothing is told twice.
    assert_eq!(client.transitions, 2);
    pause().await;
    let gateway = api.restart();
    api.fake.set(&[("other", 1)]);
    gateway.fan_out(2).await.expect("told");
    assert!(client.is_quiet().await);
    assert_eq!(api.fake.runs("get"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_result_that_is_the_same_again_is_not_told() {
    let api = Api::new(1, 1);
    api.fake.set(&[("a", 1)]);
    let mut client = api.connect().await;
    client.hello("s").await;
    client.add(&[(0, "t:parity", json!({"key": "a"})), (1, "t:throw", json!({"key": "b"}))]).await;
    client.transition().await;
    for entry in 2..5 {
        pause().await;
        let gateway = api.restart();
        api.fake.set(&[("a", 2 * entry + 1)]);
        gateway.fan_out(entry as u64).await.expect("told");
    }
    assert!(client.is_quiet().await);
    assert_eq!((api.fake.runs("parity"), api.fake.runs("throw")), (4, 1));
    let gateway = api.restart();
    api.fake.set(&[("a", 2)]);
    gateway.fan_out(5).await.expect("told");
    client.until(&[(0, json!(0))]).await;
}

#[tokio::test(start_paused = true)]
async fn pages_go_on_where_they_were() {
    let api = Api::new(1, 1);
    api.fake.set(&[("a", 1)]);
    let mut client = api.connect().await;
    client.hello("s").await;
    client.add(&[(0, "t:page", json!({"key": "a"}))]).await;
    client.until(&[(0, json!(["1", 1]))]).await;
    pause().await;
    let gateway = api.restart();
    api.fake.set(&[("a", 2)]);
    gateway.fan_out(2).await.expect("told");
    client.until(&[(0, json!(["1", 2]))]).await;
}

#[tokio::test(start_paused = true)]
async fn identities_outlive_a_process_and_tokens_expire() {
    let api = Api::new(1, 1);
    let mut client = api.connect().await;
    client.hello("s").await;
    client.send(json!({"type": "Authenticate", "baseVersion": 0, "tokenType": "User", "value": "uma|30|60000"})).await;
    client.add(&[(0, "t:whoami", json!({"key": "a"}))]).await;
    until(&mut client, 0, "subject", "uma").await;
    pause().await;
    api.restart();
    client.add(&[(1, "t:whoami", json!({"key": "b"}))]).await;
    until(&mut client, 1, "subject", "uma").await;
    pause().await;
    let acting = json!({"issuer": "i", "subject": "someone", "role": "cook"});
    client
        .send(json!({"type": "Authenticate", "baseVersion": 1, "tokenType": "Admin", "value": "fake|0a", "impersonating": acting}))
        .await;
    until(&mut client, 1, "role", "cook").await;
    pause().await;
    api.restart();
    client.add(&[(2, "t:whoami", json!({"key": "c"}))]).await;
    until(&mut client, 2, "role", "cook").await;
    client.send(json!({"type": "Authenticate", "baseVersion": 2, "tokenType": "User", "value": "uma||5000"})).await;
    client.transition().await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let gateway = api.restart();
    api.fake.set(&[("a", 1)]);
    gateway.fan_out(1).await.expect("told");
    assert!(client.is_quiet().await, "the result is the same: there is nothing to show");
    client.mutation(0, "t:set", json!({"key": "a", "value": 2})).await;
    let error = client.next().await;
    assert_eq!((&error["type"], &error["authUpdateAttempted"]), (&json!("AuthError"), &json!(false)));
    assert!(client.next_or_close().await.is_err());
    assert_eq!(api.fake.runs("set"), 0);
    pause().await;
    assert!(api.has(0).await);
}

#[tokio::test(start_paused = true)]
async fn large_transitions_are_cut() {
    let api = Api::new(1, 1);
    let mut client = api.connect().await;
    client.hello("s").await;
    client.add(&[(0, "t:big", json!({"key": "a", "n": 300_000})), (1, "t:get", json!({"key": "b"}))]).await;
    client.transition().await;
    assert_eq!(client.results[&0]["value"].as_str().map(|text| text.chars().count()), Some(300_004));
    assert!(api.posts.load(Ordering::Relaxed) > 10);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_cut_is_refused() {
    let api = Api::new(1, 1);
    for (version, mutates) in [(None, false), (Some("1.48.0"), true)] {
        let mut client = api.connect_as(version).await;
        client.hello("s").await;
        if mutates {
            let text = "x".repeat(200_000);
            client.action(0, "t:echo", json!({ "text": text })).await;
        } else {
            client.add(&[(0, "t:big", json!({"key": "a", "n": 50_000}))]).await;
        }
        let error = client.next().await;
        assert_eq!(error["type"], "FatalError");
        assert!(error["error"].as_str().expect("text").contains("larger than the 131072 bytes"), "{error}");
        assert!(client.next_or_close().await.is_err());
    }
    pause().await;
    assert!(api.has(0).await);
}

#[tokio::test(start_paused = true)]
async fn actions_do_not_hold_up_the_session() {
    let api = Api::new(1, 2);
    api.follow();
    let mut client = api.connect().await;
    client.hello("s").await;
    client.add(&[(0, "t:get", json!({"key": "a"}))]).await;
    client.transition().await;
    client.action(0, "t:echo", json!({"ms": 400_000})).await;
    client.action(1, "no path!", json!({})).await;
    let refused = client.next().await;
    assert_eq!((&refused["requestId"], &refused["success"]), (&json!(1), &json!(false)));
    client.mutation(2, "t:set", json!({"key": "a", "value": 5})).await;
    client.until(&[(0, json!(5))]).await;
    tokio::time::sleep(Duration::from_secs(380)).await;
    let answer = client.next().await;
    assert_eq!((&answer["type"], &answer["result"]["ms"]), (&json!("ActionResponse"), &json!(400_000)));
    assert_eq!(api.fake.runs("echo"), 1);
}
