use std::sync::Arc;

use super::{TextSearch, VectorSearch, compile_text, compile_vector};
use crate::catalog::{IndexConfig, IndexId, IndexInfo, IndexState, Namespace, TableInfo, TableState, TabletId};
use crate::id::{InternalId, TableNumber};
use crate::limits::MAX_SEARCH_FILTERS;
use crate::query::SearchFilter;
use crate::search::VectorQuery;
use crate::search::analysis::TextOptions;
use crate::transaction::TxError;
use crate::value::{FieldPath, Value};

fn path(path: &str) -> FieldPath {
    path.parse().expect("a path")
}

fn text_config() -> IndexConfig {
    let filter_fields = vec![path("a.b"), path("owner")];
    IndexConfig::Search { search_field: path("body"), filter_fields, options: TextOptions::default() }
}

fn vector_config() -> IndexConfig {
    IndexConfig::Vector { vector_field: path("emb"), dimensions: 2, filter_fields: vec![path("a.b"), path("owner")] }
}

fn ordered_config() -> IndexConfig {
    IndexConfig::Database { fields: vec![path("owner")] }
}

/// What [`IndexId::of_kind`] was given.
fn number(id: IndexId) -> u32 {
    id.0 & ((1 << 29) - 1)
}

/// A table whose indexes have the numbers 1, 2, ...
fn table(indexes: &[(&str, IndexConfig, IndexState, bool)]) -> TableInfo {
    let info = |(id, (name, config, state, staged)): (u32, &(&str, IndexConfig, IndexState, bool))| {
        Arc::new(IndexInfo {
            row: InternalId([0; 16]),
            id: IndexId::of_kind(id, config.search_kind()),
            tablet: TabletId(10_001),
            name: (*name).to_owned(),
            config: config.clone(),
            state: *state,
            staged: *staged,
        })
    };
    TableInfo {
        row: InternalId([0; 16]),
        tablet: TabletId(10_001),
        number: TableNumber(10_001),
        namespace: Namespace::ROOT,
        name: "notes".to_owned(),
        state: TableState::Active,
        by_id: IndexId(100),
        by_creation_time: IndexId(101),
        indexes: (1..).zip(indexes).map(info).collect(),
    }
}

fn ready() -> TableInfo {
    table(&[
        ("text", text_config(), IndexState::Enabled, false),
        ("vectors", vector_config(), IndexState::Enabled, false),
        ("ordered", ordered_config(), IndexState::Enabled, false),
    ])
}

fn search(field: &str, text: &str) -> SearchFilter {
    SearchFilter::Search { field: path(field), text: text.to_owned() }
}

fn eq(field: &str, value: Option<Value>) -> SearchFilter {
    SearchFilter::Eq { field: path(field), value }
}

fn code<T: std::fmt::Debug>(result: Result<T, TxError>) -> &'static str {
    result.expect_err("refused").code()
}

fn vector_query(index: &str, vector: &[f32], filter: Option<Vec<(FieldPath, Option<Value>)>>) -> VectorQuery {
    VectorQuery { table: "notes".to_owned(), index: index.to_owned(), vector: vector.to_vec(), limit: 3, filter }
}

#[test]
fn texts_are_searched_with_filters() {
    let table = ready();
    let filters = [eq("owner", None), search("body", "hello"), eq("a.b", Some(Value::Null))];
    let compiled = compile_text(&table, "text", &filters).expect("a search");
    let index = table.indexes[0].clone();
    let filters = vec![(1, None), (0, Some(Value::Null))];
    assert_eq!(compiled, TextSearch { index, text: "hello".to_owned(), filters });

    let hello = || search("body", "hello");
    for (filters, expected) in [
        (vec![], "MissingSearchFilterError"),
        (vec![eq("owner", None)], "MissingSearchFilterError"),
        (vec![search("title", "hello")], "IncorrectSearchField"),
        (vec![hello(), hello()], "DuplicateSearchFiltersError"),
        (vec![hello(), eq("body", None)], "IncorrectFilterFieldError"),
        (vec![hello(), eq("a", None)], "IncorrectFilterFieldError"),
    ] {
        assert_eq!(code(compile_text(&table, "text", &filters)), expected, "{filters:?}");
    }
    let mut filters = vec![hello()];
    filters.extend((0..MAX_SEARCH_FILTERS).map(|_| eq("owner", None)));
    assert!(compile_text(&table, "text", &filters).is_ok());
    filters.push(eq("owner", None));
    assert_eq!(code(compile_text(&table, "text", &filters)), "TooManyFilterConditionsInSearchQueryError");
}

#[test]
fn indexes_must_be_there_of_their_kind_and_ready() {
    let table = ready();
    let text = |table: &TableInfo, index: &str| compile_text(table, index, &[search("body", "x")]);
    let vector = |table: &TableInfo, index: &str| compile_vector(table, &vector_query(index, &[1.0, 0.0], None));
    for other in ["vectors", "ordered", "by_id", "by_creation_time"] {
        assert_eq!(code(text(&table, other)), "IndexNotASearchIndexError");
    }
    for other in ["text", "ordered", "by_id", "by_creation_time"] {
        assert_eq!(code(vector(&table, other)), "IndexNotAVectorIndexError");
    }
    assert_eq!(code(text(&table, "missing")), "IndexNotFoundError");
    assert_eq!(code(vector(&table, "missing")), "IndexNotFoundError");

    for (config, is_text) in [(text_config(), true), (vector_config(), false)] {
        let result = |indexes: &[(&str, IndexConfig, IndexState, bool)]| {
            let table = self::table(indexes);
            match is_text {
                true => text(&table, "i").map(|search| number(search.index.id)),
                false => vector(&table, "i").map(|search| number(search.index.id)),
            }
        };
        use IndexState::{Backfilled, Backfilling, Enabled};
        let of = |state, staged| ("i", config.clone(), state, staged);
        assert_eq!(code(result(&[of(Backfilling, false)])), "IndexBackfillingError");
        assert_eq!(code(result(&[of(Backfilled, false)])), "IndexBackfillingError");
        assert_eq!(code(result(&[of(Backfilling, true)])), "IndexStagedError");
        assert_eq!(code(result(&[of(Backfilled, true)])), "IndexStagedError");
        // While the replacement is built.
        assert_eq!(result(&[of(Enabled, false), of(Backfilling, false)]).expect("a search"), 1);
        assert_eq!(result(&[of(Backfilled, false), of(Enabled, false)]).expect("a search"), 2);
        // While an index of another kind is replaced by, or replaces, this one.
        let other = ("i", ordered_config(), Enabled, false);
        assert_eq!(code(result(&[other, of(Backfilling, false)])), "IndexBackfillingError");
        let other = ("i", ordered_config(), Backfilling, false);
        assert_eq!(result(&[of(Enabled, false), other]).expect("a search"), 1);
    }
}

#[test]
fn vectors_are_searched_with_filters() {
    let table = ready();
    let filter = vec![(path("owner"), None), (path("a.b"), Some(Value::Null))];
    let compiled = compile_vector(&table, &vector_query("vectors", &[1.0, 0.5], Some(filter))).expect("a search");
    let index = table.indexes[1].clone();
    let filters = vec![(1, None), (0, Some(Value::Null))];
    assert_eq!(compiled, VectorSearch { index, vector: vec![1.0, 0.5], limit: 3, filters });

    let wrong = vector_query("vectors", &[1.0], None);
    assert_eq!(code(compile_vector(&table, &wrong)), "VectorDimensionsMismatch");
    let wrong = vector_query("vectors", &[1.0, 2.0], Some(vec![(path("emb"), None)]));
    let error = compile_vector(&table, &wrong).expect_err("refused");
    assert_eq!(error.code(), "IncorrectVectorFilterField");
    let expected = "Index notes.vectors cannot be filtered by the field `emb`; its filter fields are [`a.b`, `owner`].";
    assert_eq!(error.to_string(), expected);
}
