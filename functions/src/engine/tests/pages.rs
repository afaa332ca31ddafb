//! Pagination and its journal.

use serde_json::{Value as Json, json};

use super::harness::{App, parse};

fn options(cursor: &Json) -> Json {
    json!({"paginationOpts": {"numItems": 3, "cursor": cursor, "id": 1}})
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_complete_and_distinct() {
    let app = App::start().await;
    app.mutation("notes:addMany", json!({"count": 7})).await.unwrap();
    let (mut cursor, mut seen) = (json!(null), Vec::new());
    loop {
        let page = app.query("notes:page", options(&cursor)).await.unwrap();
        seen.extend(page["page"].as_array().unwrap().iter().map(|note| note["rank"].as_f64().unwrap()));
        assert!(page["continueCursor"].is_string());
        cursor = page["continueCursor"].clone();
        if page["isDone"] == json!(true) {
            break;
        }
    }
    assert_eq!(seen, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let error = app.query("notes:page", options(&json!("garbage"))).await.unwrap_err();
    assert!(error.message.contains("InvalidCursor"), "{}", error.message);
    let data: Json = serde_json::from_str(error.data.as_deref().unwrap()).unwrap();
    assert_eq!(data, json!({"isConvexSystemError": true, "paginationError": "InvalidCursor"}));
    let message = app.query_error("notes:twoPages", json!({})).await;
    assert!(message.contains("MultiplePaginatedDatabaseQueries"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_pins_the_end_of_a_page() {
    let app = App::start().await;
    app.mutation("notes:addMany", json!({"count": 4})).await.unwrap();
    let call = app.call("notes:page", &options(&json!(null)));
    let run = async |journal: Option<&str>| app.engine.query(&call, app.engine.db().latest(), journal).await.unwrap();
    let first = run(None).await;
    let journal = first.journal.clone().expect("a paginated query has a journal");
    let again = run(Some(&journal)).await;
    assert_eq!(again.outcome, first.outcome);
    assert_eq!(again.journal.as_ref(), Some(&journal));
    let page = parse(first.outcome).unwrap();
    app.mutation("notes:remove", json!({"id": page["page"][0]["_id"]})).await.unwrap();
    let shrunk = run(Some(&journal)).await;
    assert_eq!(parse(shrunk.outcome).unwrap()["page"].as_array().unwrap().len(), 2);
    assert_eq!(shrunk.journal, Some(journal));
    let corrupt = run(Some("x")).await;
    assert!(corrupt.outcome.unwrap_err().data.is_some());
    let plain = app.engine.query(&app.call("notes:list", &json!({})), app.engine.db().latest(), None).await.unwrap();
    assert_eq!(plain.journal, None);
}
