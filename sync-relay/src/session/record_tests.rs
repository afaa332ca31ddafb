use lakewire_storage::interval::Interval;
use lakewire_storage::key::Key;
use serde_json::{Value as Json, json};

use super::*;
use crate::backend::Backend as _;
use crate::tests::Setup;

/// A record of two queries that read so many keys.
fn record(reads: [usize; 2]) -> Json {
    let subscription = |(id, keys): (usize, usize)| {
        let keys = (0..keys).map(|n| Interval::point(Key::from(format!("{n:05}").into_bytes())));
        let encoded = STANDARD.encode(keys.collect::<ReadSet>().encode());
        json!({"id": id, "path": "a:b", "args": "[]", "kept": {"from": 1_000_000, "reads": encoded}})
    };
    json!({
        "version": 1, "sessionId": "s", "clockSkewMs": -3.5, "peer": {"takesChunks": true, "ip": "::1"},
        "identity": {"actingUser": {"instance": "i", "user": "{\"issuer\":\"i\",\"subject\":\"u\",\"tokenIdentifier\":\"i|u\"}"}},
        "sent": {"querySet": 2, "identity": 1, "ts": 1_000_000}, "wanted": {"querySet": 2, "identity": 1, "ts": 1_000_000},
        "transitions": 7, "subscriptions": reads.into_iter().enumerate().map(subscription).collect::<Vec<_>>(),
    })
}

fn parse(record: Json) -> SessionRecord {
    serde_json::from_value(record).expect("a record")
}

#[tokio::test(start_paused = true)]
async fn a_session_comes_back_as_it_was() {
    let setup = Setup::new(1);
    let written = record([3, 0]);
    let session = Session::resume(setup.shared.clone(), parse(written.clone())).expect("it is good");
    assert!(session.identity.is_admin());
    let mut again = serde_json::to_value(session.record()).expect("JSON");
    // What is not there by default.
    again["peer"].as_object_mut().expect("an object").retain(|_, value| !value.is_null());
    assert_eq!(again, written);
}

#[tokio::test(start_paused = true)]
async fn records_that_are_none_are_refused() {
    let setup = Setup::new(1);
    let wrong = |path: &str, value: Json| {
        let mut record = record([1, 1]);
        *record.pointer_mut(path).expect("it is there") = value;
        Session::resume(setup.shared.clone(), parse(record)).err().map(|error| error.to_string())
    };
    assert_eq!(wrong("/version", json!(2)).as_deref(), Some("a record of the unknown version `2`"));
    for (path, value) in [
        ("/subscriptions/0/kept/reads", json!("AAAA")),
        ("/subscriptions/0/kept/reads", json!("no base64")),
        ("/identity", json!({"user": {"user": "{}"}})),
        ("/identity", json!({"user": {"user": "no JSON"}})),
    ] {
        assert!(wrong(path, value).is_some(), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_largest_reads_are_forgotten_first() {
    let setup = Setup::new(1);
    let mut record = parse(record([10, 1_000]));
    let bytes = serde_json::to_vec(&record).expect("JSON").len();
    record.forget_reads(bytes, bytes);
    assert!(!record.is_touched(&*setup.fake.latest()).expect("good reads"));
    record.forget_reads(bytes, bytes - 1);
    assert!(record.subscriptions[0].kept.is_some() && record.subscriptions[1].kept.is_none());
    assert!(record.is_touched(&*setup.fake.latest()).expect("good reads"), "who knows");
    record.forget_reads(bytes, 0);
    assert!(record.subscriptions[0].kept.is_none());
}

#[tokio::test(start_paused = true)]
async fn commits_touch_what_was_read() {
    let setup = Setup::new(1);
    let record = parse(record([10, 0]));
    let touched = || record.is_touched(&*setup.fake.latest()).expect("good reads");
    setup.fake.set(&[("00010", 1)]);
    assert!(!touched());
    setup.fake.set(&[("00009", 1)]);
    assert!(touched());
}
