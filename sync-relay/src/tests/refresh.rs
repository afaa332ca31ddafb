use serde_json::json;

use super::Setup;

#[tokio::test(start_paused = true)]
async fn a_query_that_is_added_shows_what_another_process_committed_before() {
    let setup = Setup::new(1);
    setup.fake.set_elsewhere("a", 1);
    let mut client = setup.connect().await;
    client.add(&[(0, "t:get", json!({"key": "a"}))]).await;
    client.transition().await;
    assert_eq!(client.results[&0]["value"], 1, "in the first Transition");

    setup.fake.set_elsewhere("b", 2);
    client.add(&[(1, "t:get", json!({"key": "b"}))]).await;
    client.transition().await;
    assert_eq!(client.results[&1]["value"], 2);
    // Nothing is asked for when nothing is added.
    setup.fake.set_elsewhere("a", 3);
    client.modify(vec![json!({"type": "Remove", "queryId": 1})]).await;
    client.transition().await;
    assert_eq!(client.results[&0]["value"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_is_let_go_when_the_log_does_not_say() {
    let setup = Setup::new(1);
    setup.fake.cut_off();
    let mut client = setup.connect().await;
    client.add(&[(0, "t:get", json!({"key": "a"}))]).await;
    let close = client.next_or_close().await.unwrap_err().expect("a status");
    assert_eq!((u16::from(close.code), close.reason.as_str()), (1013, "CommitterFullError"));
}
