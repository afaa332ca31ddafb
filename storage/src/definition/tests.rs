use std::time::Duration;

use super::{Validation, backfill, backfill_all, backfill_progress, validate_schema, validation_progress};
use crate::catalog::{IndexConfig, IndexId, IndexState, SchemaState};
use crate::database::Database;
use crate::schema::SchemaDefinition;
use crate::testing::{ROOT, World, begin, collect, insert, numbers, object, patch, range, scan};

async fn add_index(database: &Database, staged: bool) -> IndexId {
    let mut tx = begin(database);
    let table = tx.ensure_table(ROOT, "t").await.unwrap();
    let config = IndexConfig::Database { fields: vec!["n".parse().unwrap()] };
    let id = tx.add_index(&table, "by_n", &config, staged).await.unwrap();
    database.commit(tx).await.unwrap();
    id
}

#[tokio::test(start_paused = true)]
async fn a_backfill_under_writes_misses_nothing() {
    let world = World::new(3);
    let database = world.open().await;
    let mut tx = begin(&database);
    let mut ids = Vec::new();
    for n in 0..3000 {
        ids.push(tx.insert(ROOT, "t", object(&format!(r#"{{"n":{n}}}"#))).await.unwrap());
    }
    database.commit(tx).await.unwrap();
    let id = add_index(&database, false).await;
    let error = begin(&database).open_query(ROOT, &range("t.by_n", "[]", "asc", "[]")).map(|_| ()).unwrap_err();
    assert_eq!(error.code(), "IndexBackfillingError");
    let writer = {
        let (database, ids) = (database.clone(), ids.clone());
        tokio::spawn(async move {
            for (i, id) in ids.iter().enumerate().step_by(7) {
                loop {
                    let mut tx = begin(&database);
                    if i % 2 == 0 {
                        tx.patch(ROOT, *id, patch(&format!(r#"{{"n":{}}}"#, i + 10_000))).await.unwrap();
                    } else {
                        tx.delete(ROOT, *id).await.unwrap();
                    }
                    if database.commit(tx).await.is_ok() {
                        break;
                    }
                }
                tokio::time::sleep(Duration::from_nanos(10)).await;
            }
        })
    };
    backfill(&database, id).await.unwrap();
    writer.await.unwrap();
    let progress = backfill_progress(&database.latest(), id).await.unwrap().unwrap();
    assert!(progress.done > 2000 && progress.total >= progress.done);
    let mut tx = begin(&database);
    tx.enable_index(id).await.unwrap();
    let by_index = numbers(&collect(&mut tx, &range("t.by_n", "[]", "asc", "[]")).await.unwrap());
    let mut all = numbers(&collect(&mut tx, &scan("t", "asc", "[]")).await.unwrap());
    all.sort_by(f64::total_cmp);
    assert_eq!(by_index, all);
    database.commit(tx).await.unwrap();
    drop(database);
    let database = world.open().await;
    let mut tx = begin(&database);
    assert_eq!(numbers(&collect(&mut tx, &range("t.by_n", "[]", "asc", "[]")).await.unwrap()), all);
}

#[tokio::test(start_paused = true)]
async fn staged_indexes_are_complete_but_not_queryable() {
    let database = World::new(1).open().await;
    insert(&database, "t", r#"{"n":1}"#).await;
    let id = add_index(&database, true).await;
    assert_eq!(begin(&database).enable_index(id).await.unwrap_err().code(), "IndexBackfillingError");
    backfill_all(&database).await.unwrap();
    let query = range("t.by_n", "[]", "asc", "[]");
    assert_eq!(begin(&database).open_query(ROOT, &query).map(|_| ()).unwrap_err().code(), "IndexStagedError");
    let mut tx = begin(&database);
    tx.enable_index(id).await.unwrap();
    database.commit(tx).await.unwrap();
    insert(&database, "t", r#"{"n":0}"#).await;
    let mut tx = begin(&database);
    assert_eq!(numbers(&collect(&mut tx, &query).await.unwrap()), [0.0, 1.0]);
    tx.disable_index(id).await.unwrap();
    assert_eq!(tx.catalog().table(ROOT, "t").unwrap().index("by_n").unwrap().state, IndexState::Backfilled);
    tx.drop_index(id).await.unwrap();
    database.commit(tx).await.unwrap();
    assert_eq!(begin(&database).open_query(ROOT, &query).map(|_| ()).unwrap_err().code(), "IndexNotFoundError");
}

fn schema(kind: &str) -> SchemaDefinition {
    let json = format!(
        r#"{{"schemaValidation":true,"tables":[{{"tableName":"t","documentType":
            {{"type":"object","value":{{"n":{{"fieldType":{{"type":"{kind}"}},"optional":false}}}}}}}}]}}"#
    );
    SchemaDefinition::from_json(&json).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_schema_is_validated_put_in_force_and_enforced() {
    let database = World::new(1).open().await;
    insert(&database, "t", r#"{"n":1}"#).await;
    let mut tx = begin(&database);
    let (id, state) = tx.submit_schema(ROOT, &schema("number")).await.unwrap();
    assert_eq!(state, SchemaState::Pending);
    assert_eq!(tx.activate_schema(ROOT, Some(id)).await.unwrap_err().code(), "SchemaNotValidated");
    database.commit(tx).await.unwrap();
    assert_eq!(validate_schema(&database, id).await.unwrap(), Validation::Validated);
    assert_eq!(validation_progress(&database.latest(), id).await.unwrap().unwrap().done, 1);
    let mut tx = begin(&database);
    tx.activate_schema(ROOT, Some(id)).await.unwrap();
    database.commit(tx).await.unwrap();
    let mut tx = begin(&database);
    let error = tx.insert(ROOT, "t", object(r#"{"n":"one"}"#)).await.unwrap_err();
    assert_eq!(error.code(), "SchemaEnforcementError");
    assert_eq!(tx.submit_schema(ROOT, &schema("number")).await.unwrap(), (id, SchemaState::Active));
    tx.activate_schema(ROOT, None).await.unwrap();
    tx.insert(ROOT, "t", object(r#"{"n":"one"}"#)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_schema_fails_for_an_old_document_or_a_new_one() {
    let database = World::new(1).open().await;
    let document = insert(&database, "t", r#"{"n":1}"#).await;
    let mut tx = begin(&database);
    let (id, _) = tx.submit_schema(ROOT, &schema("string")).await.unwrap();
    database.commit(tx).await.unwrap();
    let Validation::Failed { error, table_name } = validate_schema(&database, id).await.unwrap() else {
        panic!("expected a failure")
    };
    assert!(error.contains(&document.to_string()) && error.contains("does not match validator"), "{error}");
    assert_eq!(table_name.as_deref(), Some("t"));

    let mut tx = begin(&database);
    let (id, _) = tx.submit_schema(ROOT, &schema("number")).await.unwrap();
    database.commit(tx).await.unwrap();
    assert_eq!(validate_schema(&database, id).await.unwrap(), Validation::Validated);
    // The write succeeds, and the push is to fail.
    insert(&database, "t", r#"{"n":"one"}"#).await;
    let mut tx = begin(&database);
    let state = tx.schema_row(id.internal).await.unwrap().unwrap().state;
    assert!(matches!(state, SchemaState::Failed { .. }), "{state:?}");
    assert_eq!(tx.activate_schema(ROOT, Some(id)).await.unwrap_err().code(), "SchemaNotValidated");
}

#[tokio::test(start_paused = true)]
async fn a_write_does_not_slip_past_a_schema_submitted_meanwhile() {
    let database = World::new(1).open().await;
    insert(&database, "t", r#"{"n":1}"#).await;
    let mut write = begin(&database);
    write.insert(ROOT, "t", object(r#"{"n":"one"}"#)).await.unwrap();
    let mut tx = begin(&database);
    tx.submit_schema(ROOT, &schema("number")).await.unwrap();
    database.commit(tx).await.unwrap();
    assert!(crate::testing::is_conflict(&database.commit(write).await.unwrap_err()));
}
