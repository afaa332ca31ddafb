use crate::catalog::IndexConfig;
use crate::database::{Database, Snapshot};
use crate::id::DocumentId;
use crate::search::{VectorHit, VectorQuery, indexed_vector};
use crate::testing::{ROOT, World, begin, insert};
use crate::transaction::TxError;
use crate::value::Value;

/// Adds an enabled vector index of two dimensions over `v`, filtered by `owner`.
async fn add_index(database: &Database) {
    let mut transaction = begin(database);
    let table = transaction.ensure_table(ROOT, "notes").await.expect("a table");
    let field = |path: &str| path.parse().expect("a path");
    let config = IndexConfig::Vector { vector_field: field("v"), dimensions: 2, filter_fields: vec![field("owner")] };
    let id = transaction.add_index(&table, "by_v", &config, false).await.expect("an index");
    database.commit(transaction).await.expect("a commit");
    crate::definition::backfill(database, id).await.expect("a backfill");
    let mut transaction = begin(database);
    transaction.enable_index(id).await.expect("a complete index");
    database.commit(transaction).await.expect("a commit");
}

async fn search(snapshot: &Snapshot, members: &str) -> Result<Vec<VectorHit>, TxError> {
    let json = format!(r#"{{"query":{{"indexName":"notes.by_v",{members}}}}}"#);
    snapshot.vector_search(ROOT, &VectorQuery::from_json(&json).expect("a query")).await
}

async fn ids(snapshot: &Snapshot, members: &str) -> Vec<DocumentId> {
    search(snapshot, members).await.expect("results").into_iter().map(|hit| hit.id).collect()
}

#[tokio::test]
async fn the_nearest_come_first() {
    let database = World::new(1).open().await;
    let right = insert(&database, "notes", r#"{"v":[2,0],"owner":"a"}"#).await;
    let also_right = insert(&database, "notes", r#"{"v":[5,0]}"#).await;
    add_index(&database).await;
    let up = insert(&database, "notes", r#"{"v":[0,3],"owner":"b"}"#).await;
    let left = insert(&database, "notes", r#"{"v":[-1,0],"owner":null}"#).await;
    let nowhere = insert(&database, "notes", r#"{"v":[0,0],"owner":"a"}"#).await;
    for other in
        [r#"{}"#, r#"{"v":[1]}"#, r#"{"v":[1,"1"]}"#, r#"{"v":{}}"#, r#"{"v":[1,{"$integer":"AQAAAAAAAAA="}]}"#]
    {
        insert(&database, "notes", other).await;
    }
    let snapshot = database.latest();
    let hits = search(&snapshot, r#""vector":[1,0]"#).await.expect("results");
    // Those that are equally near: newest first.
    let expected = [(also_right, 1.0), (right, 1.0), (nowhere, 0.0), (up, 0.0), (left, -1.0)];
    assert_eq!(hits, expected.map(|(id, score)| VectorHit { id, score }));
    assert_eq!(ids(&snapshot, r#""vector":[1,0],"limit":1"#).await, [also_right]);

    let eq = |value: &str| format!(r#"{{"$eq":[{{"$field":"owner"}},{{"$literal":{value}}}]}}"#);
    let filtered = |expression: String| format!(r#""vector":[1,0],"expressions":{expression}"#);
    assert_eq!(ids(&snapshot, &filtered(eq("\"a\""))).await, [right, nowhere]);
    assert_eq!(ids(&snapshot, &filtered(eq("null"))).await, [left]);
    assert_eq!(ids(&snapshot, &filtered(eq(r#"{"$undefined":null}"#))).await, [also_right]);
    let either = format!(r#"{{"$or":[{},{}]}}"#, eq("\"b\""), eq("null"));
    assert_eq!(ids(&snapshot, &filtered(either)).await, [up, left]);
    assert_eq!(ids(&snapshot, &filtered(r#"{"$or":[]}"#.to_owned())).await, []);
}

#[tokio::test]
async fn a_table_that_is_missing_has_no_index() {
    let database = World::new(2).open().await;
    let code = async |members: &str| search(&database.latest(), members).await.expect_err("refused").code();
    assert_eq!(code(r#""vector":[1]"#).await, "IndexNotFoundError");
    add_index(&database).await;
    assert_eq!(code(r#""vector":[1]"#).await, "VectorDimensionsMismatch");
    assert_eq!(search(&database.latest(), r#""vector":[1,1]"#).await.expect("results"), []);
    let json = r#"{"query":{"indexName":"_tables.by_id","vector":[1]}}"#;
    let query = VectorQuery::from_json(json).expect("a query");
    assert_eq!(database.latest().vector_search(ROOT, &query).await.expect_err("refused").code(), "IndexNotFoundError");
}

#[test]
fn only_finite_vectors_are_indexed() {
    let floats = |floats: &[f64]| Value::Array(floats.iter().copied().map(Value::Float64).collect());
    assert_eq!(indexed_vector(Some(&floats(&[1.0, -0.5])), 2), Some(vec![1.0, -0.5]));
    for floats in [floats(&[1.0]), floats(&[1.0, f64::NAN]), floats(&[1.0, f64::INFINITY]), floats(&[1.0, 1e39])] {
        assert_eq!(indexed_vector(Some(&floats), 2), None);
    }
    assert_eq!(indexed_vector(Some(&Value::Null), 2), None);
    assert_eq!(indexed_vector(None, 2), None);
}
