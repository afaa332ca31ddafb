//! Options that a schema sets on text indexes, from the push to the catalog.

use lakewire_storage::catalog::{IndexConfig, Namespace};
use serde_json::{Value as Json, json};

use super::harness::App;
use crate::deploy::{self, PushError};

/// Starts a push of nothing but a schema, whose table `articles` has a text index with `options`.
async fn push(app: &App, options: &Json) -> Result<Json, PushError> {
    let schema = json!({ "schemaValidation": true, "tables": [{
        "tableName": "articles",
        "indexes": [],
        "searchIndexes": [
            { "indexDescriptor": "by_body", "searchField": "body", "filterFields": [], "lakewire": options }],
        "documentType": { "type": "any" },
    }] });
    let source = format!("export default {{ export: () => {:?} }};", schema.to_string());
    let schema = json!({"path": "schema.js", "source": source, "sourceMap": null, "environment": "isolate"});
    let request = json!({
        "adminKey": "", "dryRun": false, "functions": "convex/",
        "appDefinition": {"schema": schema, "changedModules": [], "unchangedModuleHashes": [], "udfServerVersion": "1.48.0"},
        "componentDefinitions": [], "nodeDependencies": [],
    });
    deploy::start_push(&app.engine, serde_json::from_value(request).expect("a push")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_keeps_them() {
    let app = App::start().await;
    let options = json!({"tokenizer": "german", "typos": 1, "fields": ["title"]});
    let started = push(&app, &options).await.expect("the push starts");
    let added = &started["schemaChange"]["indexDiffs"][""]["added_indexes"];
    assert_eq!((added.as_array().map(Vec::len), &added[0]["lakewire"]), (Some(1), &options));
    let kept = || {
        let snapshot = app.engine.db().latest();
        let table = snapshot.catalog().table(Namespace::ROOT, "articles").expect("a table").clone();
        let options = |config: &IndexConfig| match config {
            IndexConfig::Search { options, .. } => options.to_json(),
            other => panic!("not a text index: {other:?}"),
        };
        table.indexes.iter().map(|index| options(&index.config)).collect::<Vec<_>>()
    };
    assert_eq!(kept(), [options]);
    // Never enabled, so the next push takes it away.
    push(&app, &json!({})).await.expect("the push starts");
    assert_eq!(kept(), [json!({"tokenizer": "default", "typos": 0, "fields": []})]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_tokenizer_fails_the_push() {
    let app = App::start().await;
    let error = push(&app, &json!({"tokenizer": "klingon"})).await.expect_err("refused").to_string();
    let expected = "table `articles`: index `by_body`: there is no tokenizer `klingon`; there are `default`, `words`";
    assert!(error.contains(expected), "{error}");
}
