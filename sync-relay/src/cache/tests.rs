use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use lakewire_functions::auth::Identity;
use lakewire_functions::udf::{Call, CallFailure, Caller, FunctionPath, RequestId};
use lakewire_storage::env::Env;
use serde_json::{Value as Json, json};

use super::{CacheOptions, QueryCache};
use crate::backend::Backend;
use crate::relay::Shared;
use crate::tests::{Fake, Setup};

fn call(function: &str, args: Json, identity: Identity) -> Call {
    let path = FunctionPath::parse(&format!("t:{function}")).expect("a path");
    let id = RequestId::random(&Env::system());
    Call::new(path, json!([args]).to_string().into(), identity, Caller::HttpApi, id)
}

async fn ask(cache: &Arc<QueryCache>, call: &Call) -> Json {
    let result = cache.query(call).await.expect("it runs");
    serde_json::from_str(result.outcome.as_ref().expect("it returns")).expect("JSON")
}

#[tokio::test(start_paused = true)]
async fn equal_requests_run_once_and_commits_are_seen_at_once() {
    let Setup { fake, shared } = Setup::new(1);
    let calls: Vec<Call> = (0..100).map(|_| call("get", json!({"key": "a", "ms": 20}), Identity::Anonymous)).collect();
    for round in 1..5 {
        let answers = join_all(calls.iter().map(|call| ask(&shared.cache, call))).await;
        let expected = if round == 1 { Json::Null } else { json!(round - 1) };
        assert!(answers.iter().all(|answer| *answer == expected));
        assert_eq!(fake.runs("get"), round);
        fake.set(&[("a", round as i64)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_for_commits_that_were_not_looked_at() {
    let Setup { fake, shared } = Setup::new(1);
    let get = call("get", json!({"key": "a"}), Identity::Anonymous);
    assert_eq!(ask(&shared.cache, &get).await, Json::Null);
    fake.hold();
    fake.set(&[("a", 1)]);
    // Not told in time: run without the cache.
    assert_eq!(ask(&shared.cache, &get).await, 1);
    fake.release();
    assert_eq!(ask(&shared.cache, &get).await, 1);
}

#[tokio::test(start_paused = true)]
async fn callers_are_kept_apart_where_functions_ask() {
    let Setup { fake, shared } = Setup::new(1);
    let names: Vec<String> = (0..30).map(|n| format!("user {n}")).collect();
    let whoami = |name: &String| call("whoami", json!({"ms": 5}), Fake::user(name));
    for _ in 0..3 {
        let calls: Vec<Call> = names.iter().map(whoami).collect();
        let answers = join_all(calls.iter().map(|call| ask(&shared.cache, call))).await;
        for (name, answer) in names.iter().zip(&answers) {
            assert_eq!(answer["subject"], name.as_str());
        }
    }
    assert!(fake.runs("whoami") <= 31, "{} runs", fake.runs("whoami"));
    assert_eq!(ask(&shared.cache, &call("whoami", json!({"ms": 5}), Identity::Anonymous)).await, Json::Null);
    // Everybody shares what does not ask.
    let calls: Vec<Call> = names.iter().map(|name| call("get", json!({"key": "a"}), Fake::user(name))).collect();
    join_all(calls.iter().map(|call| ask(&shared.cache, call))).await;
    assert_eq!(fake.runs("get"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_function_that_begins_to_ask_is_shared_no_more() {
    let Setup { fake, shared } = Setup::new(1);
    for round in 0..6 {
        for name in ["ann", "bob"] {
            let answer = ask(&shared.cache, &call("sometimes", json!({"key": "a"}), Fake::user(name))).await;
            match round {
                0 => assert_eq!(answer, Json::Null),
                odd if odd % 2 == 1 => assert_eq!(answer["subject"], name),
                even => assert_eq!(answer, even),
            }
        }
        fake.set(&[("a", round + 1)]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_goes_stale_by_itself() {
    let Setup { shared, .. } = Setup::new(1);
    let now = call("now", json!({}), Identity::Anonymous);
    let first = ask(&shared.cache, &now).await;
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(ask(&shared.cache, &now).await, first);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_ne!(ask(&shared.cache, &now).await, first);
}

#[tokio::test(start_paused = true)]
async fn errors_name_the_request_that_sees_them() {
    let Setup { fake, shared } = Setup::new(1);
    for _ in 0..2 {
        let call = call("throw", json!({"key": "a"}), Identity::Anonymous);
        let result = shared.cache.query(&call).await.expect("it runs");
        let error = result.outcome.as_ref().expect_err("it throws");
        assert_eq!(&*error.message, format!("[Request ID: {}] Server Error\nUncaught Error: null\n", call.request_id));
    }
    assert_eq!(fake.runs("throw"), 1);
}

#[tokio::test(start_paused = true)]
async fn failures_are_the_requests_own() {
    let Setup { fake, shared } = Setup::new(1);
    let get = call("get", json!({"key": "a"}), Identity::Anonymous);
    fake.fail_queries(1);
    assert!(matches!(shared.cache.query(&get).await, Err(CallFailure::Overloaded(_))));
    assert_eq!(ask(&shared.cache, &get).await, Json::Null);
}

#[tokio::test(start_paused = true)]
async fn past_snapshots_are_answered_from_what_is_known() {
    let Setup { fake, shared } = Setup::new(1);
    let get = call("get", json!({"key": "a"}), Identity::Anonymous);
    fake.set(&[("a", 1)]);
    let past = fake.latest();
    assert_eq!(ask(&shared.cache, &get).await, 1);
    fake.set(&[("b", 1)]);
    let at = shared.cache.query_at(&get, &*past).await.expect("it runs");
    assert_eq!((at.outcome.as_ref().unwrap().as_ref(), fake.runs("get")), ("1", 1));
    fake.set(&[("a", 2)]);
    assert_eq!(ask(&shared.cache, &get).await, 2);
    let at = shared.cache.query_at(&get, &*past).await.expect("it runs");
    assert_eq!(at.outcome.as_ref().unwrap().as_ref(), "1");
}

#[tokio::test(start_paused = true)]
async fn idle_results_are_given_up_when_there_are_many() {
    let env = Env::deterministic(1);
    let fake = Fake::new(env.clone());
    let options = CacheOptions { idle_bytes: 100_000, ..CacheOptions::default() };
    let shared = Shared::start(fake.clone(), env, options);
    for n in 0..500 {
        ask(&shared.cache, &call("get", json!({"key": format!("k{n}")}), Identity::Anonymous)).await;
    }
    let (entries, bytes) = shared.cache.shelf.lock().size();
    assert!(bytes <= 100_000 && entries > 50 && entries < 200, "{entries} entries, {bytes} bytes");
    // The newest are still there, and stale ones go at once.
    ask(&shared.cache, &call("get", json!({"key": "k499"}), Identity::Anonymous)).await;
    assert_eq!(fake.runs("get"), 500);
    fake.set(&[("k499", 1)]);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(shared.cache.shelf.lock().size().0, entries - 1);
}
