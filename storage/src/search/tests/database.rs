//! Searches of a database while it is written to, flushed, compacted, opened again.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::oracle::{self, Note};
use super::{add_index, notes, search, text_index, vector_index};
use crate::database::Database;
use crate::id::DocumentId;
use crate::search::VectorQuery;
use crate::testing::{ROOT, World, begin, collect, insert, is_conflict, object, patch};
use crate::transaction::{PageOptions, Transaction};
use crate::value::Value;

const WORDS: [&str; 12] =
    ["ant", "antler", "anthem", "bee", "beetle", "cat", "the", "of", "Cat", "ants", "zebra", "antique"];

struct Random(crate::env::Env);

impl Random {
    fn below(&self, most: u64) -> u64 {
        self.0.random_u64() % most
    }

    fn words(&self, most: u64) -> String {
        // Some words are frequent.
        let word = || WORDS[(self.below(12) * self.below(12) / 11) as usize];
        (0..self.below(most + 1)).map(|_| word()).collect::<Vec<_>>().join(if self.below(5) == 0 { ", " } else { " " })
    }

    fn owner(&self) -> Option<&'static str> {
        [None, Some("ann"), Some("bob")][self.below(3) as usize]
    }

    fn fields(&self, vectors: bool) -> String {
        let body = match self.below(20) {
            0 => "7".to_owned(),
            1 => Value::from("long ".repeat(60).as_str()).to_json(),
            _ => Value::from(self.words(9).as_str()).to_json(),
        };
        let owner = self.owner().map(|owner| format!(r#","owner":"{owner}""#)).unwrap_or_default();
        let v = match vectors {
            true => format!(r#","v":[{},{}]"#, self.below(9) as f64 - 4.0, self.below(9) as f64 - 4.0),
            false => String::new(),
        };
        format!(r#"{{"body":{body}{owner}{v}}}"#)
    }
}

async fn found(transaction: &mut Transaction, text: &str, filters: &str) -> Vec<String> {
    let found = collect(transaction, &search(text, filters, "[]")).await.expect("results");
    found.iter().map(|document| document.id.to_string()).collect()
}

/// Everything there is, as a transaction sees it.
async fn everything(transaction: &mut Transaction) -> Vec<Note> {
    let all = crate::testing::scan("notes", "asc", "[]");
    let documents = collect(transaction, &all).await.expect("documents");
    let text = |value: &Value, field: &str| value.field(field).and_then(Value::as_str).map(str::to_owned);
    let note = |document: &Arc<crate::document::Document>| {
        let value = document.value().expect("a document");
        let (body, owner) = (text(&value, "body"), text(&value, "owner"));
        Note { id: document.id.to_string(), created: document.creation_time, body, owner }
    };
    documents.iter().map(note).collect()
}

async fn verify(random: &Random, transaction: &mut Transaction) {
    let all = everything(transaction).await;
    for _ in 0..4 {
        let text = random.words(3);
        let owner = (random.below(2) == 0).then(|| random.owner().map(str::to_owned));
        let filters = match &owner {
            None => String::new(),
            Some(None) => r#",{"type":"Eq","fieldPath":"owner","value":{"$undefined":null}}"#.to_owned(),
            Some(Some(owner)) => format!(r#",{{"type":"Eq","fieldPath":"owner","value":"{owner}"}}"#),
        };
        let right = oracle::search(&all, &text, owner.as_ref());
        let found = found(transaction, &text, &filters).await;
        assert!(oracle::is_order(&found, &right), "`{text}` of {owner:?} gave {found:?}, should be {right:#?}");
    }
}

/// The nearest by looking at all of them.
fn nearest(all: &BTreeMap<DocumentId, (f64, f64)>, to: (f64, f64)) -> Vec<f64> {
    let cosine = |(x, y): &(f64, f64)| {
        let lengths = x.hypot(*y) * to.0.hypot(to.1);
        if lengths == 0.0 { 0.0 } else { (x * to.0 + y * to.1) / lengths }
    };
    let mut scores: Vec<f64> = all.values().map(cosine).collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    scores
}

async fn verify_vectors(database: &Database, all: &BTreeMap<DocumentId, (f64, f64)>) {
    for to in [(1.0, 0.2), (-3.0, 1.0)] {
        let json = format!(r#"{{"query":{{"indexName":"notes.by_v","vector":[{},{}],"limit":20}}}}"#, to.0, to.1);
        let query = VectorQuery::from_json(&json).expect("a query");
        let hits = database.head().vector_search(ROOT, &query).await.expect("results");
        let right = nearest(all, to);
        assert_eq!(hits.len(), right.len().min(20));
        for (hit, score) in hits.iter().zip(right) {
            assert!((hit.score - score).abs() < 1e-6, "{} {score}", hit.score);
        }
    }
}

async fn life(seed: u64) {
    let mut world = World::new(seed);
    // Parts become small, and are merged often.
    (world.segments.unit_bytes, world.segments.history) = (1 << 10, std::time::Duration::from_secs(seed % 3 * 20));
    let random = Random(crate::env::Env::deterministic(seed + 1000));
    let mut database = world.open().await;
    for _ in 0..10 {
        insert(&database, "notes", &random.fields(true)).await;
    }
    add_index(&database, "by_body", &text_index()).await;
    add_index(&database, "by_v", &vector_index()).await;
    let mut ids: Vec<DocumentId> = Vec::new();
    for step in 0..120 {
        world.env.sleep(std::time::Duration::from_secs(1)).await;
        let mut transaction = begin(&database);
        for _ in 0..random.below(4) {
            match random.below(6) {
                0 if !ids.is_empty() => {
                    let id = ids.swap_remove(random.below(ids.len() as u64) as usize);
                    transaction.delete(ROOT, id).await.expect("a deletion");
                }
                1 if !ids.is_empty() => {
                    let id = ids[random.below(ids.len() as u64) as usize];
                    transaction.patch(ROOT, id, patch(&random.fields(true))).await.expect("a patch");
                }
                2 if !ids.is_empty() => {
                    // To the indexes nothing happens.
                    let id = ids[random.below(ids.len() as u64) as usize];
                    let fields = patch(&format!(r#"{{"seen":{step}}}"#));
                    transaction.patch(ROOT, id, fields).await.expect("a patch");
                }
                _ => {
                    ids.push(transaction.insert(ROOT, "notes", object(&random.fields(true))).await.expect("an insert"))
                }
            }
        }
        verify(&random, &mut transaction).await;
        database.commit(transaction).await.expect("a commit");
        match random.below(12) {
            0..3 => database.checkpoint().await.expect("a flush"),
            3 => drop(database.segments().compact().await.expect("a compaction")),
            4 => drop(database.segments().compact_all().await.expect("a compaction")),
            5 => {
                drop(database);
                database = world.open().await;
            }
            _ => {}
        }
        if step % 10 == 0 {
            verify(&random, &mut begin(&database)).await;
            let mut all = BTreeMap::new();
            let mut scan = database.head().documents(notes(&database).by_id);
            while let Some((_, document)) = scan.next().await.expect("a document") {
                let value = document.value().expect("a document");
                let Some(Value::Array(v)) = value.field("v") else { continue };
                let [Value::Float64(x), Value::Float64(y)] = v[..] else { continue };
                all.insert(document.id, (x, y));
            }
            verify_vectors(&database, &all).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn searches_agree_with_an_oracle_whatever_happens_in_between() {
    for seed in 0..12 {
        life(seed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn only_commits_that_match_are_conflicts() {
    let database = World::new(5).open().await;
    add_index(&database, "by_body", &text_index()).await;
    let fish = insert(&database, "notes", r#"{"body":"the fish swims","owner":"ann"}"#).await;
    let searched = |text: &'static str, filters: &'static str| {
        let database = database.clone();
        async move {
            let mut transaction = begin(&database);
            found(&mut transaction, text, filters).await;
            transaction.insert(ROOT, "others", object("{}")).await.expect("an insert");
            transaction
        }
    };
    let ann = r#",{"type":"Eq","fieldPath":"owner","value":"ann"}"#;
    let changes = [r#"{"body":"a fisher","owner":"bob"}"#, r#"{"body":"birds","owner":"ann"}"#];
    for (text, filters, conflicts) in [
        ("fish", "", [true, false]),
        ("fish", ann, [false, false]),
        ("fish swims", "", [false, false]),
        ("birds", ann, [false, true]),
        ("BIRD", "", [false, true]),
        ("", "", [false, false]),
        ("...", ann, [false, false]),
    ] {
        for (change, conflict) in changes.iter().zip(conflicts) {
            let transaction = searched(text, filters).await;
            insert(&database, "notes", change).await;
            let committed = database.commit(transaction).await;
            assert_eq!(committed.is_err(), conflict, "`{text}`{filters} {change}");
            assert!(committed.is_ok() || committed.is_err_and(|error| is_conflict(&error)));
        }
    }
    // A document that matched and does no more, or matches as before and is another, changes the result too.
    for change in [r#"{"seen":1}"#, r#"{"body":"gone"}"#] {
        let transaction = searched("swims", "").await;
        let mut other = begin(&database);
        other.patch(ROOT, fish, patch(change)).await.expect("a patch");
        database.commit(other).await.expect("a commit");
        assert!(is_conflict(&database.commit(transaction).await.expect_err("a conflict")), "{change}");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_and_limits_of_results() {
    let database = World::new(6).open().await;
    add_index(&database, "by_body", &text_index()).await;
    for round in 0..12 {
        let mut transaction = begin(&database);
        for n in 0..100 {
            let body = format!(r#"{{"body":"word{} fish","n":{n}}}"#, n % 7);
            transaction.insert(ROOT, "notes", object(&body)).await.expect("an insert");
        }
        database.commit(transaction).await.expect("a commit");
        if round % 5 == 4 {
            database.checkpoint().await.expect("a flush");
        }
    }
    let mut transaction = begin(&database);
    let error = collect(&mut transaction, &search("fish", "", "[]")).await.expect_err("too many");
    assert_eq!(error.code(), "SearchQueryScannedTooManyDocumentsError");
    let most = collect(&mut transaction, &search("fish", "", r#"[{"limit":1024}]"#)).await.expect("results");
    assert_eq!(most.len(), 1024);
    let few = collect(&mut transaction, &search("fish", "", r#"[{"limit":30}]"#)).await.expect("results");
    assert_eq!(few[..], most[..30]);

    let key = crate::query::CursorKey::derive(b"test");
    let all = collect(&mut transaction, &search("word3", "", "[]")).await.expect("results");
    assert!(all.len() > 150);
    let mut paged = Vec::new();
    let mut options = PageOptions { page_size: 37, ..PageOptions::default() };
    loop {
        let page = transaction.paginate(ROOT, &search("word3", "", "[]"), &options, &key).await.expect("a page");
        paged.extend(page.documents);
        if page.is_done {
            break;
        }
        options.cursor = Some(page.continue_cursor);
    }
    assert_eq!(paged, all);
}

#[tokio::test(start_paused = true)]
async fn branches_and_earlier_snapshots_see_what_was_there() {
    let world = World::new(7);
    let database = world.open().await;
    add_index(&database, "by_body", &text_index()).await;
    let first = insert(&database, "notes", r#"{"body":"one fish"}"#).await;
    let before = database.head().ts();
    let mut transaction = begin(&database);
    transaction.patch(ROOT, first, patch(r#"{"body":"one bird"}"#)).await.expect("a patch");
    transaction.insert(ROOT, "notes", object(r#"{"body":"two fish"}"#)).await.expect("an insert");
    database.commit(transaction).await.expect("a commit");
    database.checkpoint().await.expect("a flush");
    world.env.sleep(std::time::Duration::from_secs(1)).await;
    let after = insert(&database, "notes", r#"{"body":"three fish"}"#).await;
    let mut now = begin(&database);
    assert_eq!(found(&mut now, "fish", "").await.len(), 2);
    assert_eq!(found(&mut now, "fish", "").await[0], after.to_string());
    let then = database.snapshot_at(before).await.expect("a snapshot");
    let mut then = database.begin(then, "test");
    assert_eq!(found(&mut then, "fish bird", "").await, [first.to_string()]);
    assert_eq!(found(&mut then, "bird", "").await, [""; 0]);
}
