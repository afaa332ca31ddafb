//! `ctx.vectorSearch`.

use lakewire_storage::catalog::{IndexConfig, Namespace};
use lakewire_storage::definition;
use serde_json::{Value as Json, json};

use super::harness::App;

/// The fixture app with an enabled index `vectors.by_vector`.
async fn app() -> App {
    let app = App::start().await;
    let db = app.engine.db();
    let mut tx = db.begin(db.head(), "test");
    let table = tx.ensure_table(Namespace::ROOT, "vectors").await.unwrap();
    let (vector_field, filter_fields) = ("vector".parse().unwrap(), vec!["owner".parse().unwrap()]);
    let config = IndexConfig::Vector { vector_field, dimensions: 2, filter_fields };
    let id = tx.add_index(&table, "by_vector", &config, false).await.unwrap();
    db.commit(tx).await.unwrap();
    definition::backfill(db, id).await.unwrap();
    let mut tx = db.begin(db.head(), "test");
    tx.enable_index(id).await.unwrap();
    db.commit(tx).await.unwrap();
    app
}

async fn nearest(app: &App, args: Json) -> Json {
    app.action("vectors:nearest", args).await.expect("results")
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_search_vectors() {
    let app = app().await;
    let mut ids = Vec::new();
    for (vector, owner) in [(json!([0, 1]), Some("a")), (json!([3, 0]), Some("b")), (json!([-1, 0]), None)] {
        let args = match owner {
            Some(owner) => json!({"vector": vector, "owner": owner}),
            None => json!({"vector": vector}),
        };
        ids.push(app.mutation("vectors:add", args).await.expect("an id"));
    }
    let hit = |at: usize, score: i32| json!({"_id": ids[at], "_score": score});
    assert_eq!(nearest(&app, json!({"vector": [1, 0]})).await, json!([hit(1, 1), hit(0, 0), hit(2, -1)]));
    assert_eq!(nearest(&app, json!({"vector": [1, 0], "limit": 1})).await, json!([hit(1, 1)]));
    let owners = json!({"vector": [1, 0], "owners": ["a", null]});
    assert_eq!(nearest(&app, owners).await, json!([hit(0, 0), hit(2, -1)]));
    assert_eq!(nearest(&app, json!({"vector": [1, 0], "owners": []})).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_vector_searches_can_be_caught() {
    let app = app().await;
    for (args, expected) in [
        (json!({"vector": [1]}), "VectorDimensionsMismatch: Index vectors.by_vector has vectors of 2 dimensions"),
        (json!({"vector": [1, 0], "limit": 257}), "VectorLimitTooLargeError: "),
        (json!({"vector": [1, 0], "limit": 0}), "InvalidVectorLimitError: "),
        (json!({"vector": [1, 0], "index": "by_id"}), "IndexNotAVectorIndexError: "),
        (json!({"vector": [1, 0], "index": "missing"}), "IndexNotFoundError: Index vectors.missing not found."),
    ] {
        let message = app.action("vectors:nearest", args).await.expect_err(expected).message;
        assert!(message.contains(expected), "{message}");
    }
    let expected = "`ctx.vectorSearch` can not be used in";
    let message = app.query("vectors:inQuery", json!({})).await.expect("a message");
    assert!(message.as_str().unwrap().contains(&format!("{expected} queries")), "{message}");
    let message = app.mutation("vectors:inMutation", json!({})).await.expect("a message");
    assert!(message.as_str().unwrap().contains(&format!("{expected} mutations")), "{message}");
}
