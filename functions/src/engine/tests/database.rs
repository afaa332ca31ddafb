//! `ctx.db` from end to end.

use serde_json::json;

use super::harness::App;

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_made_read_changed_and_deleted() {
    let app = App::start().await;
    let id = app.mutation("notes:add", json!({"text": "a", "rank": 1})).await.unwrap();
    let note = app.query("notes:get", json!({"id": id})).await.unwrap();
    assert_eq!((&note["_id"], &note["text"], &note["rank"]), (&id, &json!("a"), &json!(1)));
    assert!(note["_creationTime"].as_f64().unwrap() > 1.7e12);
    let edited = app.mutation("notes:edit", json!({"id": id, "patch": {"text": "b"}})).await.unwrap();
    assert_eq!((&edited["text"], &edited["rank"]), (&json!("b"), &json!(1)));
    let unset = app.mutation("notes:unset", json!({"id": id})).await.unwrap();
    assert_eq!(unset.get("rank"), None);
    assert_eq!(unset["_creationTime"], note["_creationTime"]);
    assert_eq!(app.mutation("notes:remove", json!({"id": id})).await.unwrap(), json!(null));
    assert_eq!(app.query("notes:get", json!({"id": id})).await.unwrap(), json!(null));
    let message = app.mutation_error("notes:edit", json!({"id": id, "patch": {}})).await;
    assert!(message.contains("NonexistentDocument") && message.contains(id.as_str().unwrap()), "{message}");
    let message = app.query_error("notes:get", json!({"id": "nonsense"})).await;
    assert!(message.contains("Invalid argument `id` for `db.get`"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_order_filter_and_stop() {
    let app = App::start().await;
    app.mutation("notes:addMany", json!({"count": 10})).await.unwrap();
    assert_eq!(app.query("notes:filtered", json!({"min": 3})).await.unwrap(), json!([9, 8]));
    assert_eq!(app.query("meta:metrics", json!({})).await.unwrap(), json!({"used": 2, "remaining": 31_998}));
    let message = app.query_error("notes:badIndex", json!({})).await;
    assert!(message.contains("Index notes.by_nothing not found"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_documents_fail_and_near_misses_warn() {
    let app = App::start_with(|_, limits| limits.documents_read = 100).await;
    app.mutation("notes:addMany", json!({"count": 80})).await.unwrap();
    let call = app.call("notes:readAll", &json!({}));
    let result = app.engine.query(&call, app.engine.db().latest(), None).await.unwrap();
    assert_eq!(&*result.outcome.unwrap(), "80");
    assert_eq!(*result.log_lines, ["[WARN] This execution came near a limit: 80 of 100 documents read".to_owned()]);
    app.mutation("notes:addMany", json!({"count": 21})).await.unwrap();
    let message = app.query_error("notes:readAll", json!({})).await;
    assert!(message.contains("TooManyDocumentsRead"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn commit_timestamps_are_filled_in() {
    let app = App::start().await;
    let result = app.engine.mutation(&app.call("notes:stamp", &json!({})), None).await.unwrap();
    let stamp: serde_json::Value = serde_json::from_str(&result.outcome.unwrap()).unwrap();
    let expected = lakewire_storage::value::Value::Int64(result.ts as i64).to_json_value();
    assert_eq!(stamp["at"], expected);
    let stored = app.query("notes:get", json!({"id": stamp["id"]})).await.unwrap();
    assert_eq!(stored["at"], expected);
    let snapshot = app.query("meta:snapshot", json!({})).await.unwrap();
    assert!(snapshot["$integer"].is_string());
}
