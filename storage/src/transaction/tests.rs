use std::sync::Arc;

use super::{PageOptions, PageStatus, TableKind};
use crate::database::Database;
use crate::limits::Limits;
use crate::query::CursorKey;
use crate::testing::{ROOT, World, begin, collect, index, insert, numbers, object, patch, range, scan};
use crate::value::Value;

async fn with_numbers(count: usize) -> Arc<Database> {
    let database = World::new(1).open().await;
    index(&database, "t", "by_n", &["n"]).await;
    let mut transaction = begin(&database);
    for n in 0..count {
        transaction.insert(ROOT, "t", object(&format!(r#"{{"n":{n}}}"#))).await.unwrap();
    }
    database.commit(transaction).await.unwrap();
    database
}

#[tokio::test(start_paused = true)]
async fn own_writes_are_seen_by_scans() {
    let database = with_numbers(6).await;
    let mut tx = begin(&database);
    let all = collect(&mut tx, &scan("t", "asc", "[]")).await.unwrap();
    tx.delete(ROOT, all[1].id).await.unwrap();
    tx.patch(ROOT, all[2].id, patch(r#"{"n":10}"#)).await.unwrap();
    tx.insert(ROOT, "t", object(r#"{"n":3.5}"#)).await.unwrap();
    let asc = collect(&mut tx, &range("t.by_n", "[]", "asc", "[]")).await.unwrap();
    assert_eq!(numbers(&asc), [0.0, 3.0, 3.5, 4.0, 5.0, 10.0]);
    let desc = collect(&mut tx, &range("t.by_n", "[]", "desc", "[]")).await.unwrap();
    assert_eq!(numbers(&desc), [10.0, 5.0, 4.0, 3.5, 3.0, 0.0]);
    let bounded = r#"[{"type":"Gte","fieldPath":"n","value":3},{"type":"Lt","fieldPath":"n","value":5}]"#;
    let some = collect(&mut tx, &range("t.by_n", bounded, "asc", "[]")).await.unwrap();
    assert_eq!(numbers(&some), [3.0, 3.5, 4.0]);
    assert_eq!(tx.count(ROOT, "t").await.unwrap(), 6);
    // What was inserted and deleted again leaves no write.
    let id = tx.insert(ROOT, "t", object(r#"{"n":7}"#)).await.unwrap();
    tx.delete(ROOT, id).await.unwrap();
    assert!(tx.get(ROOT, id, TableKind::User).await.unwrap().is_none());
    assert_eq!(tx.count(ROOT, "t").await.unwrap(), 6);
    database.commit(tx).await.unwrap();
    let mut tx = begin(&database);
    let after = collect(&mut tx, &range("t.by_n", "[]", "asc", "[]")).await.unwrap();
    assert_eq!(numbers(&after), [0.0, 3.0, 3.5, 4.0, 5.0, 10.0]);
}

#[tokio::test(start_paused = true)]
async fn iteration_sees_writes_made_meanwhile_ahead_of_it() {
    for order in ["asc", "desc"] {
        let database = with_numbers(40).await;
        let mut tx = begin(&database);
        let mut stream = tx.open_query(ROOT, &range("t.by_n", "[]", order, "[]")).unwrap();
        let mut seen = Vec::new();
        let mut deleted = Vec::new();
        while let Some(document) = tx.next(&mut stream).await.unwrap() {
            let n = numbers(std::slice::from_ref(&document))[0];
            seen.push(n);
            if n == 20.0 {
                let ahead = if order == "asc" { [21.0, 25.0, 39.0] } else { [19.0, 15.0, 0.0] };
                for gone in ahead {
                    let equal = format!(r#"[{{"type":"Eq","fieldPath":"n","value":{gone}}}]"#);
                    let found = collect(&mut tx, &range("t.by_n", &equal, "asc", "[]")).await.unwrap();
                    tx.delete(ROOT, found[0].id).await.unwrap();
                    deleted.push(gone);
                }
                tx.insert(ROOT, "t", object(r#"{"n":30.5}"#)).await.unwrap();
                tx.insert(ROOT, "t", object(r#"{"n":9.5}"#)).await.unwrap();
            }
        }
        let mut expected: Vec<f64> = (0..40).map(f64::from).filter(|n| !deleted.contains(n)).collect();
        expected.push(if order == "asc" { 30.5 } else { 9.5 });
        expected.sort_by(f64::total_cmp);
        if order == "desc" {
            expected.reverse();
        }
        assert_eq!(seen, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_savepoint_takes_back_writes_and_new_tables() {
    let database = with_numbers(3).await;
    let mut tx = begin(&database);
    let all = collect(&mut tx, &scan("t", "asc", "[]")).await.unwrap();
    tx.patch(ROOT, all[0].id, patch(r#"{"n":100}"#)).await.unwrap();
    let savepoint = tx.savepoint();
    tx.patch(ROOT, all[0].id, patch(r#"{"n":200}"#)).await.unwrap();
    tx.delete(ROOT, all[1].id).await.unwrap();
    tx.insert(ROOT, "other", object("{}")).await.unwrap();
    assert!(tx.catalog().table(ROOT, "other").is_some());
    let written = tx.usage().documents_written;
    tx.rollback_to(savepoint);
    assert!(tx.catalog().table(ROOT, "other").is_none());
    assert_eq!(tx.usage().documents_written, written);
    let now = collect(&mut tx, &range("t.by_n", "[]", "asc", "[]")).await.unwrap();
    assert_eq!(numbers(&now), [1.0, 2.0, 100.0]);
    database.commit(tx).await.unwrap();
    let mut tx = begin(&database);
    assert_eq!(numbers(&collect(&mut tx, &scan("t", "asc", "[]")).await.unwrap()), [100.0, 1.0, 2.0]);
}

#[tokio::test(start_paused = true)]
async fn limits_are_developer_errors_that_stick() {
    let database = with_numbers(20).await;
    let limits = Limits { documents_read: 10, documents_written: 2, intervals_read: 3, ..Limits::default() };
    let mut tx = begin(&database);
    tx.set_limits(Arc::new(limits));
    let error = collect(&mut tx, &scan("t", "asc", "[]")).await.unwrap_err();
    assert_eq!(error.code(), "TooManyDocumentsRead");
    assert!(error.is_developer_error());
    assert_eq!(collect(&mut tx, &scan("t", "asc", "[]")).await.unwrap_err().code(), "TooManyDocumentsRead");
    for _ in 0..2 {
        tx.insert(ROOT, "t", object(r#"{"n":1}"#)).await.unwrap();
    }
    assert_eq!(tx.insert(ROOT, "t", object(r#"{"n":1}"#)).await.unwrap_err().code(), "TooManyWrites");

    let mut tx = begin(&database);
    tx.set_limits(Arc::new(Limits { intervals_read: 3, ..Limits::default() }));
    let mut codes = Vec::new();
    for n in [1, 5, 9, 13] {
        let equal = format!(r#"[{{"type":"Eq","fieldPath":"n","value":{n}}}]"#);
        codes.push(collect(&mut tx, &range("t.by_n", &equal, "asc", "[]")).await.err().map(|error| error.code()));
    }
    assert_eq!(codes, [None, None, None, Some("TooManyReads")]);
}

#[tokio::test(start_paused = true)]
async fn a_limit_stops_without_looking_further() {
    let database = with_numbers(20).await;
    let mut tx = begin(&database);
    let three = collect(&mut tx, &range("t.by_n", "[]", "asc", r#"[{"limit":3}]"#)).await.unwrap();
    assert_eq!(numbers(&three), [0.0, 1.0, 2.0]);
    assert_eq!(tx.usage().documents_read, 3);
    // A write behind the third row does not conflict.
    insert(&database, "t", r#"{"n":15}"#).await;
    tx.insert(ROOT, "t", object(r#"{"n":-1}"#)).await.unwrap();
    database.commit(tx).await.unwrap();
    let filter = r#"[{"filter":{"$gte":[{"$field":"n"},{"$literal":4}]}},{"limit":2}]"#;
    let mut tx = begin(&database);
    assert_eq!(numbers(&collect(&mut tx, &range("t.by_n", "[]", "asc", filter)).await.unwrap()), [4.0, 5.0]);
    assert!(collect(&mut tx, &scan("t", "asc", r#"[{"limit":0}]"#)).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn unknown_tables_are_empty_and_unknown_indexes_are_errors() {
    let database = with_numbers(1).await;
    let mut tx = begin(&database);
    assert!(collect(&mut tx, &scan("nothing", "asc", "[]")).await.unwrap().is_empty());
    assert!(collect(&mut tx, &scan("_modules", "asc", "[]")).await.unwrap().is_empty());
    assert_eq!(tx.count(ROOT, "nothing").await.unwrap(), 0);
    for name in ["t.by_x", "nothing.by_x", "_storage.by_x"] {
        let error = tx.open_query(ROOT, &range(name, "[]", "asc", "[]")).map(|_| ()).unwrap_err();
        assert_eq!(error.code(), "IndexNotFoundError");
        assert!(error.to_string().contains(&format!("Index {name} not found")), "{error}");
    }
    assert_eq!(tx.insert(ROOT, "_tables", object("{}")).await.unwrap_err().code(), "SystemTableError");
    assert_eq!(tx.insert(ROOT, "1t", object("{}")).await.unwrap_err().code(), "InvalidTableName");
    assert_eq!(tx.insert(ROOT, "t", object(r#"{"_id":"x"}"#)).await.unwrap_err().code(), "InvalidIdError");
    let missing = "j57000820c20a1g7104gm2rc1n721a4s".parse().unwrap();
    let mut other = missing;
    assert!(tx.get(ROOT, missing, TableKind::User).await.unwrap().is_none());
    assert_eq!(tx.delete(ROOT, missing).await.unwrap_err().code(), "NonexistentDocument");
    other = crate::id::DocumentId { table: crate::id::TableNumber(99_999), ..other };
    let error = tx.delete(ROOT, other).await.unwrap_err();
    assert_eq!(error.to_string(), format!("Table for ID \"{other}\" not found"));
}

#[tokio::test(start_paused = true)]
async fn documents_up_to_a_mebibyte() {
    let database = World::new(1).open().await;
    let mut tx = begin(&database);
    let text = |length: usize| [("s".to_owned(), Value::String("x".repeat(length)))].into_iter().collect();
    // {s: 2 + text}, `_id` with 32 characters, `_creationTime`.
    let overhead = 2 + 2 + 2 + 38 + 23;
    let id = tx.insert(ROOT, "big", text((1 << 20) - overhead)).await.unwrap();
    assert_eq!(tx.get(ROOT, id, TableKind::User).await.unwrap().unwrap().size, 1 << 20);
    let error = tx.insert(ROOT, "big", text((1 << 20) - overhead + 1)).await.unwrap_err();
    assert_eq!(error.code(), "ValueTooLargeError");
    database.commit(tx).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn creation_times_rise_and_cannot_be_changed() {
    let database = World::new(1).open().await;
    let mut tx = begin(&database);
    let mut times = Vec::new();
    for _ in 0..3 {
        let id = tx.insert(ROOT, "t", object("{}")).await.unwrap();
        times.push(tx.get(ROOT, id, TableKind::User).await.unwrap().unwrap().creation_time);
    }
    assert!(times.is_sorted_by(|a, b| a < b));
    let id = tx.insert(ROOT, "t", object(r#"{"a":1}"#)).await.unwrap();
    let error = tx.patch(ROOT, id, patch(r#"{"_creationTime":5}"#)).await.unwrap_err();
    assert_eq!(error.code(), "InvalidCreationTimeError");
    tx.patch(ROOT, id, patch(&format!(r#"{{"_id":"{id}","a":{{"$undefined":null}},"b":2}}"#))).await.unwrap();
    let document = tx.get(ROOT, id, TableKind::User).await.unwrap().unwrap();
    assert!(document.json.contains(r#""b":2"#) && !document.json.contains(r#""a""#), "{}", document.json);
}

#[tokio::test(start_paused = true)]
async fn pages() {
    let database = with_numbers(10).await;
    let key = CursorKey::derive(b"secret");
    let query = range("t.by_n", "[]", "asc", "[]");
    let mut cursor = None;
    let mut sizes = Vec::new();
    let mut ends = Vec::new();
    loop {
        let mut tx = begin(&database);
        let options = PageOptions { cursor: cursor.clone(), page_size: 5, ..PageOptions::default() };
        let page = tx.paginate(ROOT, &query, &options, &key).await.unwrap();
        sizes.push(page.documents.len());
        ends.push(page.continue_cursor.clone());
        assert_eq!(page.split_cursor.is_some(), page.documents.len() >= 3);
        assert_eq!(page.status, None);
        if page.is_done {
            break;
        }
        cursor = Some(page.continue_cursor);
    }
    assert_eq!(sizes, [5, 5, 0]);

    // Pinned by its end cursor, the first page grows and keeps its cursors.
    insert(&database, "t", r#"{"n":2.5}"#).await;
    insert(&database, "t", r#"{"n":7.5}"#).await;
    let mut tx = begin(&database);
    let options = PageOptions { end_cursor: Some(ends[0].clone()), page_size: 1, ..PageOptions::default() };
    let page = tx.paginate(ROOT, &query, &options, &key).await.unwrap();
    assert_eq!(numbers(&page.documents), [0.0, 1.0, 2.0, 2.5, 3.0, 4.0]);
    assert_eq!(page.continue_cursor, ends[0]);
    assert!(!page.is_done);
    // Nothing after its end was read.
    assert_eq!(tx.usage().documents_read, 6);

    let descending = range("t.by_n", "[]", "desc", "[]");
    let mut tx = begin(&database);
    let options = PageOptions { page_size: 4, maximum_rows_read: Some(3), ..PageOptions::default() };
    let page = tx.paginate(ROOT, &descending, &options, &key).await.unwrap();
    assert_eq!(numbers(&page.documents), [9.0, 8.0, 7.5]);
    assert_eq!(page.status, Some(PageStatus::SplitRequired));
    let split = page.split_cursor.unwrap();
    let options = PageOptions { cursor: Some(split.clone()), page_size: 2, ..PageOptions::default() };
    let page = tx.paginate(ROOT, &descending, &options, &key).await.unwrap();
    assert_eq!(numbers(&page.documents), [7.5, 7.0]);

    let foreign = PageOptions { cursor: Some(split), page_size: 2, ..PageOptions::default() };
    let error = tx.paginate(ROOT, &query, &foreign, &key).await.unwrap_err();
    assert_eq!(error.code(), "InvalidCursor");
    assert_eq!(error.data().unwrap()["paginationError"], "InvalidCursor");
    let error = tx.paginate(ROOT, &query, &PageOptions::default(), &key).await.unwrap_err();
    assert_eq!(error.code(), "NoDocumentsForPagination");
}
