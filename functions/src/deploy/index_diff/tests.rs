use lakewire_storage::catalog::{IndexConfig, IndexId, IndexInfo, IndexState, SearchKind, TabletId};
use lakewire_storage::id::InternalId;
use lakewire_storage::search::analysis::TextOptions;
use serde_json::json;

use super::{ExistingIndex, FinishStep, IndexDiff, IndexSpec, StartStep, diff};

fn database(fields: &[&str]) -> IndexConfig {
    IndexConfig::Database { fields: fields.iter().map(|field| field.parse().expect("a path")).collect() }
}

fn wanted(name: &str, fields: &[&str], staged: bool) -> IndexSpec {
    IndexSpec { table: "notes".to_owned(), name: name.to_owned(), config: database(fields), staged }
}

fn row(name: &str, fields: &[&str], state: IndexState, staged: bool) -> IndexInfo {
    IndexInfo {
        row: InternalId([0; 16]),
        id: IndexId(0),
        tablet: TabletId(10_001),
        name: name.to_owned(),
        config: database(fields),
        state,
        staged,
    }
}

fn compare(wanted: &[IndexSpec], rows: &[IndexInfo]) -> IndexDiff {
    let existing: Vec<_> = rows.iter().map(|index| ExistingIndex { table: "notes", index }).collect();
    diff(wanted, &existing)
}

#[test]
fn unchanged() {
    let spec = wanted("by_text", &["text"], false);
    let out = compare(std::slice::from_ref(&spec), &[row("by_text", &["text"], IndexState::Enabled, false)]);
    assert_eq!(out, IndexDiff { identical: vec![spec], ..IndexDiff::default() });
}

#[test]
fn a_text_index_with_other_options_is_another_one() {
    let config = |options: serde_json::Value| IndexConfig::Search {
        search_field: "text".parse().expect("a path"),
        filter_fields: Vec::new(),
        options: TextOptions::from_json(&options).expect("options"),
    };
    let id = IndexId::of_kind(0, Some(SearchKind::Text));
    let old = IndexInfo { id, config: config(json!({})), ..row("by_text", &[], IndexState::Enabled, false) };
    let same = IndexSpec::of("notes", &old);
    assert_eq!(same.to_json().get("lakewire"), None);
    let out = compare(std::slice::from_ref(&same), std::slice::from_ref(&old));
    assert_eq!(out, IndexDiff { identical: vec![same.clone()], ..IndexDiff::default() });
    let other = IndexSpec { config: config(json!({"tokenizer": "german"})), ..same.clone() };
    assert_eq!(other.to_json()["lakewire"], json!({"tokenizer": "german", "typos": 0, "fields": []}));
    let out = compare(std::slice::from_ref(&other), std::slice::from_ref(&old));
    assert_eq!((out.added, out.removed, out.identical), (vec![other.clone()], vec![same.clone()], vec![]));
    assert_eq!(out.start, [StartStep::Add(other.clone())]);
    assert_eq!(out.finish, [FinishStep::Drop(same.clone()), FinishStep::Enable(other)]);

    // One of a version that did not keep text indexes is built anew.
    let empty = IndexInfo { id: IndexId(0), ..old };
    let out = compare(std::slice::from_ref(&same), std::slice::from_ref(&empty));
    assert_eq!(
        (out.start, out.finish),
        (vec![StartStep::Add(same.clone())], vec![FinishStep::Drop(same.clone()), FinishStep::Enable(same)])
    );
}

#[test]
fn added_and_removed() {
    let spec = wanted("by_text", &["text"], false);
    let old = row("by_author", &["author"], IndexState::Enabled, false);
    let out = compare(std::slice::from_ref(&spec), std::slice::from_ref(&old));
    let old = IndexSpec::of("notes", &old);
    assert_eq!(
        out,
        IndexDiff {
            added: vec![spec.clone()],
            removed: vec![old.clone()],
            start: vec![StartStep::Add(spec.clone())],
            finish: vec![FinishStep::Enable(spec), FinishStep::Drop(old)],
            ..IndexDiff::default()
        }
    );
}

#[test]
fn other_fields_under_the_same_name_keep_the_old_one_until_finish() {
    let spec = wanted("by_text", &["text", "author"], false);
    let old = row("by_text", &["text"], IndexState::Enabled, false);
    let out = compare(std::slice::from_ref(&spec), std::slice::from_ref(&old));
    assert_eq!(out.start, [StartStep::Add(spec.clone())]);
    assert_eq!(out.finish, [FinishStep::Drop(IndexSpec::of("notes", &old)), FinishStep::Enable(spec.clone())]);
    // The same push again, its index built meanwhile: nothing left to start.
    let built = row("by_text", &["text", "author"], IndexState::Backfilled, false);
    let again = compare(std::slice::from_ref(&spec), &[old, built.clone()]);
    assert!(again.start.is_empty());
    assert_eq!((again.added, again.finish), (out.added, out.finish));
    // Going back to what is deployed drops the replacement at once, and tells nobody.
    let back = compare(
        &[wanted("by_text", &["text"], false)],
        &[row("by_text", &["text"], IndexState::Enabled, false), built.clone()],
    );
    assert_eq!(back.start, [StartStep::Drop(IndexSpec::of("notes", &built))]);
    assert!(back.added.is_empty() && back.removed.is_empty() && back.finish.is_empty());
}

#[test]
fn staged_life() {
    let staged = wanted("by_text", &["text"], true);
    let live = wanted("by_text", &["text"], false);
    let new = compare(std::slice::from_ref(&staged), &[]);
    assert_eq!((new.start, new.finish), (vec![StartStep::Add(staged.clone())], vec![]));

    let built = row("by_text", &["text"], IndexState::Backfilled, true);
    let same = compare(std::slice::from_ref(&staged), std::slice::from_ref(&built));
    assert_eq!(same.identical, std::slice::from_ref(&staged));

    let flipped = compare(std::slice::from_ref(&live), std::slice::from_ref(&built));
    assert_eq!(flipped.enabled, std::slice::from_ref(&live));
    assert_eq!(flipped.start, [StartStep::SetStaged(live.clone())]);
    assert_eq!(flipped.finish, [FinishStep::Enable(live.clone())]);

    let enabled = row("by_text", &["text"], IndexState::Enabled, false);
    let back = compare(std::slice::from_ref(&staged), &[enabled]);
    assert_eq!((back.disabled, back.start), (vec![staged.clone()], vec![]));
    assert_eq!(back.finish, [FinishStep::Disable(staged)]);

    let gone = compare(&[], std::slice::from_ref(&built));
    assert_eq!((gone.removed.len(), gone.start.len(), gone.finish.len()), (1, 1, 0));
}

#[test]
fn what_an_abandoned_push_left_is_dropped_or_taken_over() {
    let left = row("by_text", &["text"], IndexState::Backfilling, false);
    let spec = wanted("by_text", &["text"], false);
    let taken = compare(std::slice::from_ref(&spec), std::slice::from_ref(&left));
    assert_eq!((taken.added, taken.start), (vec![spec], vec![]));
    let dropped = compare(&[], std::slice::from_ref(&left));
    assert_eq!(dropped.start, [StartStep::Drop(IndexSpec::of("notes", &left))]);
    assert!(dropped.removed.is_empty());
}

#[test]
fn wire_form() {
    let spec = wanted("by_text", &["text"], false);
    assert_eq!(
        compare(&[spec], &[]).to_json(),
        json!({
            "added_indexes": [{"name": "notes.by_text", "type": "database", "fields": ["text", "_creationTime"], "staged": false}],
            "removed_indexes": [], "enabled_indexes": [], "disabled_indexes": [],
        })
    );
    let field = |path: &str| path.parse().expect("a path");
    let vector = IndexSpec {
        config: IndexConfig::Vector { vector_field: field("emb"), dimensions: 3, filter_fields: vec![field("a.b")] },
        ..wanted("v", &[], true)
    };
    assert_eq!(
        vector.to_json(),
        json!({"name": "notes.v", "type": "vector", "vectorField": "emb", "dimensions": 3, "filterFields": ["a.b"], "staged": true})
    );
}
