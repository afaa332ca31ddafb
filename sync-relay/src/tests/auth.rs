use serde_json::{Value as Json, json};

use super::{Client, Setup};

async fn authenticate(client: &mut Client, base: u64, token: Json) {
    let mut message = json!({"type": "Authenticate", "baseVersion": base});
    message.as_object_mut().unwrap().extend(token.as_object().unwrap().clone());
    client.send(message).await;
}

fn acting_as(name: &str) -> Json {
    json!({"tokenType": "Admin", "value": "fake|0a", "impersonating": {"issuer": "i", "subject": name}})
}

#[tokio::test(start_paused = true)]
async fn every_authenticate_advances_the_identity() {
    let setup = Setup::new(1);
    let mut client = setup.connect().await;
    authenticate(&mut client, 0, json!({"tokenType": "None"})).await;
    client.transition().await;
    assert_eq!(client.version["identity"], 1);
    client.add(&[(0, "t:whoami", json!({}))]).await;
    client.transition().await;
    assert_eq!(client.results[&0]["value"], Json::Null);
    for (base, name) in [(1, "ann"), (2, "bob"), (3, "bob")] {
        authenticate(&mut client, base, acting_as(name)).await;
        client.transition().await;
        assert_eq!(client.version["identity"], base + 1);
        assert_eq!(client.results[&0]["value"]["subject"], name);
    }
    authenticate(&mut client, 4, json!({"tokenType": "None"})).await;
    client.transition().await;
    assert_eq!(client.results[&0]["value"], Json::Null);
}

#[tokio::test(start_paused = true)]
async fn results_of_one_caller_are_not_shown_to_another() {
    let setup = Setup::new(1);
    let mut clients = Vec::new();
    for name in ["ann", "bob", "cid"] {
        let mut client = setup.connect().await;
        authenticate(&mut client, 0, acting_as(name)).await;
        client
            .add(&[
                (0, "t:whoami", json!({"ms": 20})),
                (1, "t:sometimes", json!({"key": "a", "ms": 10})),
                (2, "t:get", json!({"key": "a"})),
            ])
            .await;
        clients.push((name, client));
    }
    for round in 0..6 {
        for (name, client) in &mut clients {
            if round % 2 == 1 {
                while client.results.get(&1).is_none_or(|it| it["value"]["subject"] != *name) {
                    client.transition().await;
                }
            } else {
                let value = if round == 0 { Json::Null } else { json!(round) };
                client.until(&[(1, value)]).await;
            }
            assert_eq!(client.results[&0]["value"]["subject"], *name);
        }
        setup.fake.set(&[("a", round + 1)]);
    }
    // What nobody asked who calls for was run once a commit.
    assert!(setup.fake.runs("get") <= 7, "{} runs", setup.fake.runs("get"));
}

#[tokio::test(start_paused = true)]
async fn refused_tokens_end_the_connection() {
    let setup = Setup::new(1);
    for token in [json!({"tokenType": "User", "value": "jwt"}), json!({"tokenType": "Admin", "value": "fake|bad"})] {
        let mut client = setup.connect().await;
        authenticate(&mut client, 0, json!({"tokenType": "None"})).await;
        client.transition().await;
        authenticate(&mut client, 1, token).await;
        let error = client.next().await;
        assert_eq!(
            (&error["type"], &error["baseVersion"], &error["authUpdateAttempted"]),
            (&json!("AuthError"), &json!(1), &json!(true))
        );
        assert!(client.next_or_close().await.unwrap_err().is_none(), "no status");
    }
}

#[tokio::test(start_paused = true)]
async fn violations_of_the_protocol_are_fatal() {
    let setup = Setup::new(1);
    let add = |id| json!({"type": "Add", "queryId": id, "udfPath": "t:get", "args": [{}]});
    let messages = [
        "no JSON".to_owned(),
        json!({"type": "Surprise"}).to_string(),
        json!({"type": "ModifyQuerySet", "baseVersion": 5, "newVersion": 6, "modifications": []}).to_string(),
        json!({"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 0, "modifications": []}).to_string(),
        json!({"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 1, "modifications": [add(1), add(1)]})
            .to_string(),
        json!({"type": "Authenticate", "baseVersion": 1, "tokenType": "None"}).to_string(),
    ];
    for message in messages {
        let mut client = setup.connect().await;
        client.send_text(message.clone()).await;
        assert_eq!(client.next().await["type"], "FatalError", "{message}");
        assert!(client.next_or_close().await.unwrap_err().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn events_and_odd_arguments_are_survived() {
    let setup = Setup::new(1);
    let mut client = setup.connect().await;
    client.send(json!({"type": "Event", "eventType": "Whatever", "event": [1, {}]})).await;
    client.add(&[(0, "t:get", json!({"key": "a"}))]).await;
    client.transition().await;
}

fn user(token: &str) -> Json {
    json!({"tokenType": "User", "value": token})
}

#[tokio::test(start_paused = true)]
async fn while_a_token_is_verified_messages_wait_and_the_old_identity_is_not_shown() {
    let setup = Setup::new(1);
    let mut client = setup.connect().await;
    client.add(&[(0, "t:whoami", json!({})), (1, "t:get", json!({"key": "a"}))]).await;
    authenticate(&mut client, 0, user("ann")).await;
    while client.version["identity"] != 1 {
        client.transition().await;
    }
    client.send(json!({"type": "Action", "requestId": 0, "udfPath": "t:echo", "args": [{"ms": 100}]})).await;
    authenticate(&mut client, 1, user("bob|500")).await;
    client.add(&[(2, "t:whoami", json!({"second": true}))]).await;
    client.send(json!({"type": "Action", "requestId": 1, "udfPath": "t:echo", "args": [{}]})).await;
    authenticate(&mut client, 2, json!({"tokenType": "None"})).await;
    authenticate(&mut client, 3, user("cid|500")).await;
    // What was asked before goes on, and commits are not shown to whom they are not for any more.
    setup.fake.set(&[("a", 7)]);
    let answer = client.next().await;
    assert_eq!((&answer["type"], &answer["requestId"]), (&json!("ActionResponse"), &json!(0)));
    let answer = client.next().await;
    assert_eq!((&answer["type"], &answer["requestId"]), (&json!("ActionResponse"), &json!(1)));
    client.transition().await;
    assert_eq!(client.version["identity"], 4);
    assert_eq!(client.results[&1]["value"], 7);
    for id in [0, 2] {
        assert_eq!(client.results[&id]["value"]["subject"], "cid");
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_down_is_no_auth_error() {
    let setup = Setup::new(1);
    for token in ["down", "down|300"] {
        let mut client = setup.connect().await;
        authenticate(&mut client, 0, user(token)).await;
        let frame = client.next_or_close().await.unwrap_err().expect("a status");
        assert_eq!(u16::from(frame.code), 1013);
        assert_eq!(frame.reason.as_str(), "AuthProviderUnavailable");
    }
    let mut client = setup.connect().await;
    authenticate(&mut client, 0, user("jwt|300")).await;
    assert_eq!(client.next().await["type"], "AuthError");
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_is_told_when_something_is_asked_for_or_to_be_shown() {
    let setup = Setup::new(1);
    let requests = [
        json!({"type": "Mutation", "requestId": 0, "udfPath": "t:add", "args": [{"key": "b"}]}),
        json!({"type": "Action", "requestId": 0, "udfPath": "t:echo", "args": [{}]}),
        Json::Null,
    ];
    for request in requests {
        let mut client = setup.connect().await;
        client.add(&[(0, "t:get", json!({"key": "a"}))]).await;
        authenticate(&mut client, 0, user("ann|0|1000")).await;
        while client.version["identity"] != 1 {
            client.transition().await;
        }
        // A new token in time, and all goes on.
        tokio::time::sleep(std::time::Duration::from_millis(900)).await;
        authenticate(&mut client, 1, user("ann|0|1000")).await;
        client.transition().await;
        tokio::time::sleep(std::time::Duration::from_millis(900)).await;
        setup.fake.set(&[("a", setup.fake.runs("get") as i64)]);
        client.transition().await;
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        match request {
            Json::Null => drop(setup.fake.set(&[("a", -1)])),
            request => client.send(request).await,
        };
        let error = client.next().await;
        assert_eq!(error["type"], "AuthError", "{error}");
        assert_eq!((&error["baseVersion"], &error["authUpdateAttempted"]), (&json!(2), &json!(false)));
        assert!(client.next_or_close().await.unwrap_err().is_none(), "no status");
    }
    assert_eq!(setup.fake.runs("add"), 0);
}
