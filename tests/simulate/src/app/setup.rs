//! The tables, indexes and first documents.

use lakewire_storage::catalog::{IndexConfig, IndexState, Namespace};
use lakewire_storage::commit::CommitError;
use lakewire_storage::database::Database;
use lakewire_storage::definition;
use lakewire_storage::search::analysis::TextOptions;
use serde_json::json;

use super::recorder::{Failed, Recorder};
use super::spec::{Index, Table, place, words};
use crate::book::Book;

/// How many accounts there are.
pub const ACCOUNTS: u64 = 6;

/// Makes everything that is there from the beginning, in a world where nothing fails.
///
/// # Errors
/// A text of what went wrong.
pub async fn set_up(database: &Database, book: &Book, timeline: &str) -> Result<(), String> {
    for index in Index::LASTING.into_iter().chain(Index::SEARCHED) {
        add_index(database, index).await?;
    }
    let source = book.begin(timeline, "setup", None);
    let mut recorder = Recorder::new(database.begin(database.head(), &source));
    for name in 0..ACCOUNTS {
        let account = json!({"name": name as f64, "balance": 100.0});
        recorder.insert(Table::Accounts, account).await.map_err(|error| format!("{error:?}"))?;
    }
    for n in 0..20 {
        let item = json!({"group": f64::from(n % 4), "n": f64::from(n), "m": f64::from(n),
                          "text": words(n.into()), "at": place(n.into())});
        recorder.insert(Table::Items, item).await.map_err(|error| format!("{error:?}"))?;
    }
    book.did(&source, recorder.ops);
    let committed = database.commit(recorder.tx).await.map_err(|error| error.to_string())?;
    book.acknowledged(&source, "setup", committed.ts);
    Ok(())
}

/// Adds an index, in a table that is made if it is not there, builds it and enables it. Goes on where an earlier call stopped.
///
/// # Errors
/// A text of what went wrong; it may be tried again.
pub async fn add_index(database: &Database, index: Index) -> Result<(), String> {
    let id = match find(database, index) {
        Some((_, IndexState::Enabled)) => return Ok(()),
        Some((id, _)) => id,
        None => {
            let mut tx = database.begin(database.head(), "sim:add_index");
            let table = tx.ensure_table(Namespace::ROOT, index.table().name()).await.map_err(text)?;
            let id = tx.add_index(&table, index.name(), &config(index)?, false).await.map_err(text)?;
            database.commit(tx).await.map_err(|error| error.to_string())?;
            id
        }
    };
    definition::backfill(database, id).await.map_err(|error| error.to_string())?;
    let mut tx = database.begin(database.head(), "sim:enable_index");
    tx.enable_index(id).await.map_err(text)?;
    database.commit(tx).await.map(drop).map_err(|error| error.to_string())
}

fn config(index: Index) -> Result<IndexConfig, String> {
    let path = |field: &str| field.parse().map_err(|_| "a bad field path".to_owned());
    let fields = || index.fields().iter().map(|field| path(field)).collect::<Result<Vec<_>, _>>();
    let filter_fields = vec![path("group")?];
    Ok(match index {
        Index::Words | Index::FleetingWords => {
            IndexConfig::Search { search_field: path("text")?, filter_fields, options: TextOptions::default() }
        }
        Index::Near => IndexConfig::Vector { vector_field: path("at")?, dimensions: 3, filter_fields },
        _ => IndexConfig::Database { fields: fields()? },
    })
}

/// Drops an index, if it is there.
///
/// # Errors
/// A text of what went wrong; it may be tried again.
pub async fn drop_index(database: &Database, index: Index) -> Result<(), String> {
    let Some((id, _)) = find(database, index) else { return Ok(()) };
    let mut tx = database.begin(database.head(), "sim:drop_index");
    tx.drop_index(id).await.map_err(text)?;
    database.commit(tx).await.map(drop).map_err(|error: CommitError| error.to_string())
}

fn find(database: &Database, index: Index) -> Option<(lakewire_storage::catalog::IndexId, IndexState)> {
    let head = database.head();
    let table = head.catalog().table(Namespace::ROOT, index.table().name())?;
    table.index(index.name()).map(|info| (info.id, info.state))
}

fn text(error: impl Into<Failed>) -> String {
    format!("{:?}", error.into())
}
