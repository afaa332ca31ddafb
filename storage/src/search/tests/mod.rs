mod database;
mod live;
mod oracle;
mod reads;

use std::sync::Arc;

use crate::catalog::{IndexConfig, IndexId, TableInfo};
use crate::database::Database;
use crate::query::Query;
use crate::testing::{ROOT, begin};

/// Adds an enabled index to `notes`, which is made if need be.
pub(super) async fn add_index(database: &Database, name: &str, config: &IndexConfig) -> IndexId {
    let mut transaction = begin(database);
    let table = transaction.ensure_table(ROOT, "notes").await.expect("a table");
    let id = transaction.add_index(&table, name, config, false).await.expect("an index");
    database.commit(transaction).await.expect("a commit");
    crate::definition::backfill(database, id).await.expect("a backfill");
    let mut transaction = begin(database);
    transaction.enable_index(id).await.expect("a complete index");
    database.commit(transaction).await.expect("a commit");
    id
}

/// An index over the words of `body`, filtered by `owner` and `kind`.
pub(super) fn text_index() -> IndexConfig {
    let field = |path: &str| path.parse().expect("a path");
    let filter_fields = vec![field("owner"), field("kind")];
    IndexConfig::Search { search_field: field("body"), filter_fields, options: Default::default() }
}

/// An index over `v`, of two dimensions, filtered by `owner`.
pub(super) fn vector_index() -> IndexConfig {
    let field = |path: &str| path.parse().expect("a path");
    IndexConfig::Vector { vector_field: field("v"), dimensions: 2, filter_fields: vec![field("owner")] }
}

/// A search of `notes.by_body`; `filters` are further members of the list, `operators` a list.
pub(super) fn search(text: &str, filters: &str, operators: &str) -> Query {
    let text = serde_json::Value::from(text);
    let json = format!(
        r#"{{"source":{{"type":"Search","indexName":"notes.by_body",
            "filters":[{{"type":"Search","fieldPath":"body","value":{text}}}{filters}]}},"operators":{operators}}}"#
    );
    Query::from_json(&json).expect("a query")
}

pub(super) fn notes(database: &Database) -> Arc<TableInfo> {
    database.head().catalog().table(ROOT, "notes").expect("a table").clone()
}
