use std::time::Duration;

use serde_json::json;

use super::Setup;
use crate::session::Peer;

#[tokio::test(start_paused = true)]
async fn an_empty_query_set_is_answered() {
    let setup = Setup::new(1);
    let mut client = setup.connect().await;
    client.hello("s").await;
    client.modify(vec![]).await;
    let transition = client.transition().await;
    assert_eq!(transition["startVersion"]["ts"], "AAAAAAAAAAA=");
    assert_eq!(transition["endVersion"]["querySet"], 1);
    assert!(transition["clientClockSkew"].is_number());
}

#[tokio::test(start_paused = true)]
async fn every_query_is_reported_and_then_only_what_changed() {
    let setup = Setup::new(1);
    setup.fake.set(&[("a", 1), ("b", 2)]);
    let mut client = setup.connect().await;
    client.add(&[(0, "t:get", json!({"key": "a"})), (1, "t:get", json!({"key": "b"}))]).await;
    client.add(&[(2, "t:sum", json!({"from": "a", "to": "c"})), (3, "t:nothing", json!({}))]).await;
    client.until(&[(0, json!(1)), (1, json!(2)), (2, json!(3))]).await;
    assert_eq!(client.results[&0].as_object().unwrap().len(), 5, "type, id, value, log lines, journal");

    setup.fake.set(&[("b", 5)]);
    let transition = client.transition().await;
    let changed: Vec<_> =
        transition["modifications"].as_array().unwrap().iter().map(|m| m["queryId"].as_u64().unwrap()).collect();
    assert_eq!(changed, [1, 2], "both in one Transition");
    // Neither a key that nobody read nor an equal result is news.
    setup.fake.set(&[("z", 1)]);
    setup.fake.set(&[("a", 1)]);
    assert!(client.is_quiet().await);
    // An insert into a range that was read.
    setup.fake.set(&[("aa", 100)]);
    client.until(&[(2, json!(106))]).await;
}

#[tokio::test(start_paused = true)]
async fn removed_queries_are_no_longer_told() {
    let setup = Setup::new(1);
    let mut client = setup.connect().await;
    client.add(&[(0, "t:get", json!({"key": "a"}))]).await;
    client.transition().await;
    client
        .modify(vec![
            json!({"type": "Remove", "queryId": 0}),
            json!({"type": "Add", "queryId": 1, "udfPath": "t:get", "args": [{"key": "b"}]}),
            json!({"type": "Remove", "queryId": 1}),
            json!({"type": "Remove", "queryId": 99}),
        ])
        .await;
    client.transition().await;
    assert!(client.results.is_empty());
    setup.fake.set(&[("a", 1), ("b", 1)]);
    assert!(client.is_quiet().await);
    assert_eq!(setup.fake.runs("get"), 1);
}

#[tokio::test(start_paused = true)]
async fn one_run_serves_all_subscribers() {
    let setup = Setup::new(1);
    let mut clients = Vec::new();
    for n in 0..20 {
        let mut client = setup.connect().await;
        // Keys in any order, white space, an argument's own order.
        let args = if n % 2 == 0 { r#"[{"key":"a","ms":50}]"# } else { r#"[ {"ms":50, "key":"a"} ]"# };
        client.send_text(format!(r#"{{"type":"ModifyQuerySet","baseVersion":0,"newVersion":1,"modifications":[{{"type":"Add","queryId":{n},"udfPath":"t.js:get","args":{args}}}]}}"#)).await;
        clients.push(client);
    }
    for client in &mut clients {
        client.transition().await;
    }
    assert_eq!(setup.fake.runs("get"), 1);
    setup.fake.set(&[("a", 7)]);
    for (n, client) in (0..).zip(&mut clients) {
        client.until(&[(n, json!(7))]).await;
        assert_eq!(client.transitions, 2);
    }
    assert_eq!(setup.fake.runs("get"), 2);
}

#[tokio::test(start_paused = true)]
async fn failures_belong_to_their_query_and_heal() {
    let setup = Setup::new(1);
    let mut client = setup.connect().await;
    client
        .add(&[(0, "t:throw", json!({"key": "a"})), (1, "not a path!:x", json!({})), (2, "t:get", json!({"key": "a"}))])
        .await;
    client.transition().await;
    assert_eq!(client.results[&0]["type"], "QueryFailed");
    assert!(client.results[&0].get("errorData").is_none());
    assert_eq!(client.results[&1]["type"], "QueryFailed");
    assert_eq!(client.results[&2]["type"], "QueryUpdated");
    // The same failure again, under another request id, is no news.
    setup.fake.set(&[("a", 1)]);
    client.transition().await;
    setup.fake.set(&[("a", 1)]);
    assert!(client.is_quiet().await);
}

#[tokio::test(start_paused = true)]
async fn runs_that_could_not_be_completed_are_repeated() {
    let setup = Setup::new(1);
    setup.fake.fail_queries(3);
    let mut client = setup.connect().await;
    client.add(&[(0, "t:get", json!({"key": "a"})), (1, "t:get", json!({"key": "b"}))]).await;
    client.until(&[(0, json!(null)), (1, json!(null))]).await;
    setup.fake.fail_queries(2);
    setup.fake.set(&[("a", 1)]);
    client.until(&[(0, json!(1))]).await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_query_and_a_hot_one_are_told_together_and_go_on() {
    let setup = Setup::new(1);
    let mut client = setup.connect().await;
    client.add(&[(0, "t:get", json!({"key": "hot", "ms": 1})), (1, "t:get", json!({"key": "hot", "ms": 300}))]).await;
    client.transition().await;
    for n in 1..200 {
        setup.fake.set(&[("hot", n)]);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    client.until(&[(0, json!(199)), (1, json!(199))]).await;
    assert!(client.transitions > 5, "{} Transitions in 4 s", client.transitions);
}

#[tokio::test(start_paused = true)]
async fn pages_stay_where_they_were() {
    let setup = Setup::new(1);
    setup.fake.set(&[("a", 1)]);
    let mut first = setup.connect().await;
    first.add(&[(0, "t:page", json!({"key": "a"}))]).await;
    first.until(&[(0, json!(["1", 1]))]).await;
    assert_eq!(first.results[&0]["journal"], "1");
    setup.fake.set(&[("a", 2)]);
    first.until(&[(0, json!(["1", 2]))]).await;
    // Who comes later without a journal reads pages of its own.
    let mut second = setup.connect().await;
    second.add(&[(0, "t:page", json!({"key": "a"}))]).await;
    second.until(&[(0, json!(["2", 2]))]).await;
    // Who comes back with one goes on with its pages.
    let mut third = setup.connect().await;
    third
        .modify(vec![json!({"type": "Add", "queryId": 4, "udfPath": "t:page", "args": [{"key": "a"}], "journal": "1"})])
        .await;
    third.until(&[(4, json!(["1", 2]))]).await;
    setup.fake.set(&[("a", 3)]);
    first.until(&[(0, json!(["1", 3]))]).await;
    second.until(&[(0, json!(["2", 3]))]).await;
    third.until(&[(4, json!(["1", 3]))]).await;
}

#[tokio::test(start_paused = true)]
async fn large_transitions_come_in_pieces_to_clients_that_know_them() {
    let setup = Setup::new(1);
    for (takes_chunks, version) in [(true, 1), (false, 1)] {
        let mut client = setup.connect_as(Peer { takes_chunks, ..Peer::default() }).await;
        client.add(&[(0, "t:big", json!({"n": 3_000_000, "key": "a"}))]).await;
        client.mutation(0, "t:noop", json!({})).await;
        client.transition().await;
        assert_eq!(client.version["querySet"], version);
        let value = client.results[&0]["value"].as_str().unwrap();
        assert_eq!(value.len(), 12_000_004);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_gets_the_newest_later() {
    let setup = Setup::new(1);
    let mut client = setup.connect().await;
    client.add(&[(0, "t:big", json!({"n": 40_000, "key": "a"}))]).await;
    client.transition().await;
    for n in 0..50 {
        setup.fake.set(&[("a", n)]);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    while !client.results[&0]["value"].as_str().unwrap().ends_with("49") {
        client.transition().await;
    }
    assert!(client.transitions < 10, "{} Transitions", client.transitions);
}
