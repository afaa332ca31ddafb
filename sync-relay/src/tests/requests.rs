use std::time::Duration;

use serde_json::json;

use super::Setup;
use super::client::ts_of;

#[tokio::test(start_paused = true)]
async fn a_mutation_is_answered_and_then_covered() {
    let setup = Setup::new(1);
    let mut client = setup.connect().await;
    client.hello("s").await;
    client.add(&[(0, "t:get", json!({"key": "a"}))]).await;
    client.transition().await;
    client.mutation(3, "t:set", json!({"key": "a", "value": 5, "after": 100})).await;
    let answer = client.next().await;
    assert_eq!((&answer["type"], &answer["requestId"]), (&json!("MutationResponse"), &json!(3)));
    let transition = client.transition().await;
    assert!(client.ts() >= ts_of(&answer["ts"]));
    assert_eq!(transition["modifications"][0]["value"], 5);
}

#[tokio::test(start_paused = true)]
async fn mutations_without_writes_or_queries_are_covered_too() {
    let setup = Setup::new(1);
    let mut client = setup.connect().await;
    // No `Connect`.
    client.mutation(0, "t:noop", json!({})).await;
    let answer = client.next().await;
    assert_eq!(answer["result"], "nothing");
    client.transition().await;
    assert!(client.ts() >= ts_of(&answer["ts"]));
    client.mutation(5, "t:noop", json!({})).await;
    client.transition().await;
    assert!(client.is_quiet().await);
}

#[tokio::test(start_paused = true)]
async fn a_covering_transition_waits_for_the_commit_to_be_looked_at() {
    let setup = Setup::new(1);
    let mut client = setup.connect().await;
    client.hello("s").await;
    client.add(&[(0, "t:get", json!({"key": "a"}))]).await;
    client.transition().await;
    setup.fake.hold();
    client.mutation(0, "t:set", json!({"key": "a", "value": 1})).await;
    assert_eq!(client.next().await["type"], "MutationResponse");
    assert!(client.is_quiet().await);
    setup.fake.release();
    client.until(&[(0, json!(1))]).await;
}

#[tokio::test(start_paused = true)]
async fn failed_mutations_need_no_transition() {
    let setup = Setup::new(1);
    let mut client = setup.connect().await;
    client.mutation(0, "t:fails", json!({})).await;
    client.mutation(1, "no path!", json!({})).await;
    for id in 0..2 {
        let answer = client.next().await;
        assert_eq!((&answer["success"], &answer["requestId"]), (&json!(false), &json!(id)));
        assert!(answer["result"].as_str().unwrap().starts_with("[Request ID: "));
    }
    assert!(client.is_quiet().await);
}

#[tokio::test(start_paused = true)]
async fn mutations_of_a_client_run_in_order_and_hold_up_nobody_else() {
    let setup = Setup::new(1);
    let mut client = setup.connect().await;
    client.hello("s").await;
    client.add(&[(0, "t:get", json!({"key": "a"}))]).await;
    for id in 0..200 {
        client.mutation(id, "t:add", json!({"key": "a", "ms": (200 - id) % 7})).await;
    }
    let mut expected = 1;
    while expected <= 200 {
        let message = client.next().await;
        if message["type"] == "MutationResponse" {
            assert_eq!((&message["requestId"], &message["result"]), (&json!(expected - 1), &json!(expected)));
            expected += 1;
        }
    }
    client.until(&[(0, json!(200))]).await;

    client.mutation(500, "t:add", json!({"key": "a", "ms": 5000})).await;
    client.action(501, "t:sleep", json!({"ms": 2000})).await;
    client.action(502, "t:sleep", json!({"ms": 1000})).await;
    let mut other = setup.connect().await;
    other.mutation(0, "t:set", json!({"key": "a", "value": 0})).await;
    assert_eq!(other.next().await["success"], true);
    client.until(&[(0, json!(0))]).await;
    assert_eq!(client.next().await["requestId"], 502);
    assert_eq!(client.next().await["requestId"], 501);
    assert_eq!(client.next().await["requestId"], 500);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_mutation_is_answered_but_not_run() {
    let setup = Setup::new(1);
    let mut client = setup.connect().await;
    client.hello("s").await;
    client.mutation(7, "t:add", json!({"key": "a", "ms": 50})).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    client.kill();
    // The first run goes on without its connection.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(setup.fake.value_at("a", u64::MAX), 1);
    let mut client = setup.connect().await;
    client.hello("s").await;
    client.modify(vec![]).await;
    client.mutation(7, "t:add", json!({"key": "a"})).await;
    let answer = loop {
        let message = client.next().await;
        if message["type"] == "MutationResponse" {
            break message;
        }
    };
    assert_eq!((&answer["result"], &answer["logLines"]), (&json!(1), &json!(["[LOG] 'done'"])));
    assert_eq!(setup.fake.value_at("a", u64::MAX), 1);
    client.transition().await;
    assert!(client.ts() >= ts_of(&answer["ts"]));
}

#[tokio::test(start_paused = true)]
async fn a_mutation_that_could_not_be_run_ends_the_connection() {
    let setup = Setup::new(1);
    let mut client = setup.connect().await;
    client.mutation(0, "t:conflict", json!({})).await;
    let close = client.next_or_close().await.unwrap_err().expect("a status");
    assert_eq!((u16::from(close.code), close.reason.as_str()), (1013, "TooManyConcurrentRequests"));
}

#[tokio::test(start_paused = true)]
async fn too_many_mutations_end_the_connection() {
    let setup = Setup::new(1);
    let mut client = setup.connect().await;
    for id in 0..=1001 {
        client.mutation(id, "t:set", json!({"ms": 10_000})).await;
    }
    let close = client.next_or_close().await.unwrap_err().expect("a status");
    assert_eq!((u16::from(close.code), close.reason.as_str()), (1013, "TooManyConcurrentMutations"));
}

#[tokio::test(start_paused = true)]
async fn request_ids_can_be_computed_by_the_client() {
    let setup = Setup::new(1);
    let mut client = setup.connect().await;
    client.hello("6f1b0c3e-2d54-4c0e-9a77-0b5f2f4f8e21").await;
    client.mutation(7, "t:fails", json!({})).await;
    let answer = client.next().await;
    assert!(answer["result"].as_str().unwrap().starts_with("[Request ID: fbbd6e2481cddd97] Server Error"));
}
