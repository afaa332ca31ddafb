//! Functions that call functions in their transaction.

use serde_json::json;

use super::harness::App;

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_call_rolls_back_its_writes_only() {
    let app = App::start().await;
    let call = app.call("nested:catches", &json!({}));
    let result = app.engine.mutation(&call, None).await.unwrap();
    let value: serde_json::Value = serde_json::from_str(&result.outcome.unwrap()).unwrap();
    assert_eq!(value["inside"], json!(["outer"]));
    let caught = value["caught"].as_str().unwrap();
    assert!(caught.contains("Uncaught Error: plain failure") && !caught.contains("Server Error"), "{caught}");
    assert_eq!(app.notes().await, json!(["outer"]));
    assert_eq!(*result.log_lines, ["[WARN] 'about to fail'".to_owned()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_pass_on_data_and_reach_internal_functions() {
    let app = App::start().await;
    let value = app.query("nested:data", json!({})).await.unwrap();
    assert_eq!(value, json!({"isConvexError": true, "data": {"kind": "quota", "n": {"$integer": "BwAAAAAAAAA="}}}));
    assert_eq!(app.query("nested:internal", json!({})).await.unwrap(), json!("secret"));
    let message = app.query_error("nested:wrongKind", json!({})).await;
    assert!(message.contains("InvalidFunctionCall") || message.contains("defined as Mutation"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_limited_in_depth_and_by_their_callers() {
    let app = App::start().await;
    assert_eq!(app.query("nested:deep", json!({"depth": 7})).await.unwrap(), json!(7));
    let message = app.query_error("nested:deep", json!({"depth": 8})).await;
    assert!(message.contains("MaximumCallDepthExceeded"), "{message}");
    app.mutation("notes:addMany", json!({"count": 4})).await.unwrap();
    let value = app.mutation("nested:limited", json!({})).await.unwrap();
    assert!(value["message"].as_str().unwrap().contains("TooManyDocumentsRead"), "{value}");
    assert_eq!(value["all"], json!(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_reads_see_the_snapshot() {
    let app = App::start().await;
    assert_eq!(app.mutation("nested:stale", json!({})).await.unwrap(), json!({"before": 0, "after": 1}));
    assert_eq!(app.mutation("nested:stale", json!({})).await.unwrap(), json!({"before": 1, "after": 2}));
}
