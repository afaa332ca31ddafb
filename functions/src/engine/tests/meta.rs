//! `ctx.meta`, `ctx.auth` and operations that are refused.

use serde_json::json;

use super::harness::{App, NAME};

#[tokio::test(flavor = "multi_thread")]
async fn functions_learn_about_themselves() {
    let app = App::start().await;
    let about = app.query("meta:about", json!({})).await.unwrap();
    assert_eq!(about, json!({"name": "meta:about", "deployment": NAME}));
    assert_eq!(app.mutation("meta:request", json!({})).await.unwrap(), json!("test"));
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_operations_say_why() {
    let app = App::start().await;
    let message = app.query_error("meta:rawUnknown", json!({})).await;
    assert!(message.contains("Unknown async operation"), "{message}");
    let message = app.query_error("meta:rawWrite", json!({})).await;
    assert!(message.contains("can not be used in queries"), "{message}");
}
