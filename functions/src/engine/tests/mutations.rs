//! Conflicts, exactly-once, timestamps.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;
use lakewire_storage::catalog::Namespace;
use lakewire_storage::id::DocumentId;
use serde_json::json;

use super::harness::{App, parse, session};

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_increments_are_all_counted() {
    let app = App::start().await;
    let id = app.mutation("counters:create", json!({"name": "hot"})).await.unwrap();
    let call = app.call("counters:increment", &json!({"id": id}));
    let runs = (0..500).map(|_| app.engine.mutation(&call, None));
    let results = tokio::time::timeout(Duration::from_secs(60), futures::future::join_all(runs)).await.unwrap();
    let mut values: Vec<f64> = results
        .into_iter()
        .map(|result| parse(result.expect("no conflict reaches the caller").outcome).unwrap().as_f64().unwrap())
        .collect();
    values.sort_by(f64::total_cmp);
    assert_eq!(values, (1..=500).map(f64::from).collect::<Vec<_>>());
    assert_eq!(app.query("counters:read", json!({"id": id})).await.unwrap(), json!(500));
}

#[tokio::test(flavor = "multi_thread")]
async fn transfers_between_hot_documents_keep_the_sum() {
    let app = App::start().await;
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(app.mutation("counters:create", json!({"name": n.to_string()})).await.unwrap());
    }
    let runs = (0..150usize).map(|n| {
        let args = json!({"from": ids[n % 3], "to": ids[(n + 1 + n % 2) % 3]});
        let call = app.call("counters:transfer", &args);
        let engine = app.engine.clone();
        async move { engine.mutation(&call, None).await.expect("no conflict reaches the caller").outcome.unwrap() }
    });
    tokio::time::timeout(Duration::from_secs(60), futures::future::join_all(runs)).await.unwrap();
    let mut sum = 0.0;
    for id in ids {
        sum += app.query("counters:read", json!({"id": id})).await.unwrap().as_f64().unwrap();
    }
    assert_eq!(sum, 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_request_is_committed_once() {
    let app = App::start().await;
    let id = app.mutation("counters:create", json!({"name": "once"})).await.unwrap();
    let call = app.call("counters:increment", &json!({"id": id}));
    let first = app.engine.mutation(&call, session(1)).await.unwrap();
    let replay = app.engine.mutation(&call, session(1)).await.unwrap();
    assert_eq!((&replay.outcome, replay.ts, &replay.log_lines), (&first.outcome, first.ts, &first.log_lines));
    assert_eq!(*first.log_lines, ["[LOG] 'now' 1".to_owned()]);
    let copies = futures::future::join_all((0..20).map(|_| app.engine.mutation(&call, session(2)))).await;
    let copies: Vec<_> = copies.into_iter().map(Result::unwrap).collect();
    assert!(copies.iter().all(|copy| copy.ts == copies[0].ts && copy.outcome == copies[0].outcome));
    assert_eq!(app.query("counters:read", json!({"id": id})).await.unwrap(), json!(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn replays_resolve_timestamps_and_failures_leave_no_record() {
    let app = App::start().await;
    let call = app.call("notes:stamp", &json!({}));
    let first = app.engine.mutation(&call, session(1)).await.unwrap();
    let replay = app.engine.mutation(&call, session(1)).await.unwrap();
    assert_eq!((first.outcome, first.ts), (replay.outcome, replay.ts));
    let failing = app.call("notes:fail", &json!({}));
    assert!(app.engine.mutation(&failing, session(2)).await.unwrap().outcome.is_err());
    // The same request again, which now asks for something that works.
    assert!(app.engine.mutation(&call, session(2)).await.unwrap().outcome.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_without_end_is_reported_with_its_cause() {
    let app = App::start().await;
    let id = app.mutation("counters:create", json!({"name": "hot"})).await.unwrap();
    let document: DocumentId = id.as_str().unwrap().parse().unwrap();
    let db = app.engine.db().clone();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let writer = std::thread::spawn(move || {
        for n in 0.. {
            if stopped.load(Ordering::Relaxed) {
                break;
            }
            let mut tx = db.begin(db.head(), "other:writer");
            let fields = [("n".to_owned(), Some(f64::from(n).into()))].into();
            tx.patch(Namespace::ROOT, document, fields).now_or_never().expect("in memory").expect("patches");
            // Accepted or refused by the first poll; nobody waits until it is durable.
            let _ = db.commit(tx).now_or_never();
            std::thread::sleep(Duration::from_micros(200));
        }
    });
    let call = app.call("counters:slowIncrement", &json!({"id": id}));
    let result = tokio::time::timeout(Duration::from_secs(60), app.engine.mutation(&call, None)).await.unwrap();
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    let failure = result.unwrap_err();
    assert_eq!((failure.status().as_u16(), failure.code()), (503, "OptimisticConcurrencyControlFailure"));
    let text = failure.public_message();
    for part in ["\"counters\" table", id.as_str().unwrap(), "\"other:writer\""] {
        assert!(text.contains(part), "{text}");
    }
}
