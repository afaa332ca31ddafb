//! Searches, checked against the index that they are of.

use std::sync::{Arc, LazyLock};

use super::analysis::TextOptions;
use super::{SearchError, VectorQuery};
use crate::catalog::{IndexConfig, IndexInfo, IndexState, TableInfo};
use crate::limits;
use crate::query::{QueryError, SearchFilter};
use crate::transaction::TxError;
use crate::value::{FieldPath, Value};

/// A search for the words of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct TextSearch {
    /// Where, of [`IndexConfig::Search`].
    pub index: Arc<IndexInfo>,
    /// What is searched for.
    pub text: String,
    /// What documents must also have, all of it: positions among the index's filter fields, and the value there; `None` is a
    /// missing field. At most [`MAX_SEARCH_FILTERS`](limits::MAX_SEARCH_FILTERS).
    pub filters: Vec<(usize, Option<Value>)>,
}

impl TextSearch {
    /// How the index's texts become terms.
    pub(crate) fn options(&self) -> &TextOptions {
        static NONE: LazyLock<TextOptions> = LazyLock::new(TextOptions::default);
        match &self.index.config {
            IndexConfig::Search { options, .. } => options,
            IndexConfig::Database { .. } | IndexConfig::Vector { .. } => &NONE,
        }
    }
}

/// A search for the vectors that are nearest to one.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorSearch {
    /// Where, of [`IndexConfig::Vector`].
    pub index: Arc<IndexInfo>,
    /// Finite, and as long as those of the index.
    pub vector: Vec<f32>,
    /// The most results: 1 to [`MAX_VECTOR_RESULTS`](limits::MAX_VECTOR_RESULTS).
    pub limit: usize,
    /// Of which documents must have one, unless it is empty: positions among the index's filter fields, and the value there;
    /// `None` is a missing field. At most [`MAX_VECTOR_FILTERS`](limits::MAX_VECTOR_FILTERS).
    pub filters: Vec<(usize, Option<Value>)>,
}

/// Checks the filters of a [`Source::Search`](crate::query::Source::Search) on an index of `table`.
///
/// # Errors
/// Those of [`SearchError`] and [`QueryError`]: there is no such index, it is of another kind or not ready, or the filters do
/// not suit it.
pub fn compile_text(table: &TableInfo, index: &str, filters: &[SearchFilter]) -> Result<TextSearch, TxError> {
    let name = full_name(table, index);
    let is_search = |config: &IndexConfig| matches!(config, IndexConfig::Search { .. });
    let found = ready_index(table, index, &name, is_search, SearchError::NotASearchIndex)?;
    let IndexConfig::Search { search_field, filter_fields, .. } = &found.config else {
        return Err(SearchError::NotASearchIndex(name).into());
    };
    let mut searched = None;
    let mut equal = Vec::new();
    for filter in filters {
        match filter {
            SearchFilter::Search { .. } if searched.is_some() => {
                return Err(SearchError::DuplicateSearchFilters(name).into());
            }
            SearchFilter::Search { field, .. } if field != search_field => {
                let (search_field, field) = (search_field.clone(), field.clone());
                return Err(SearchError::IncorrectSearchField { index: name, search_field, field }.into());
            }
            SearchFilter::Search { text, .. } => searched = Some(text.clone()),
            SearchFilter::Eq { field, value } => {
                let Some(position) = filter_fields.iter().position(|of| of == field) else {
                    let (field, filter_fields) = (field.clone(), printed(filter_fields));
                    return Err(SearchError::IncorrectFilterField { index: name, field, filter_fields }.into());
                };
                equal.push((position, value.clone()));
            }
        }
    }
    let Some(text) = searched else {
        return Err(SearchError::MissingSearchFilter { index: name, search_field: search_field.clone() }.into());
    };
    if equal.len() > limits::MAX_SEARCH_FILTERS {
        return Err(SearchError::TooManyFilters { index: name, count: equal.len() }.into());
    }
    Ok(TextSearch { index: found, text, filters: equal })
}

/// Checks a vector search on its table.
///
/// A query whose filter is an empty `q.or()` finds nothing, which [`VectorQuery::filter`] tells and the result does not.
///
/// # Errors
/// As [`compile_text`].
pub fn compile_vector(table: &TableInfo, query: &VectorQuery) -> Result<VectorSearch, TxError> {
    let name = full_name(table, &query.index);
    let is_vector = |config: &IndexConfig| matches!(config, IndexConfig::Vector { .. });
    let found = ready_index(table, &query.index, &name, is_vector, SearchError::NotAVectorIndex)?;
    let IndexConfig::Vector { dimensions, filter_fields, .. } = &found.config else {
        return Err(SearchError::NotAVectorIndex(name).into());
    };
    if query.vector.len() != *dimensions as usize {
        let (dimensions, found) = (*dimensions, query.vector.len());
        return Err(SearchError::VectorDimensions { index: name, dimensions, found }.into());
    }
    let filters = query.filter.iter().flatten().map(|(field, value)| {
        let position = filter_fields.iter().position(|of| of == field).ok_or_else(|| {
            let (index, field, filter_fields) = (name.clone(), field.clone(), printed(filter_fields));
            SearchError::IncorrectVectorFilterField { index, field, filter_fields }
        })?;
        Ok((position, value.clone()))
    });
    let filters = filters.collect::<Result<_, SearchError>>()?;
    Ok(VectorSearch { vector: query.vector.clone(), limit: query.limit, filters, index: found })
}

/// The index of a name and a kind that can be searched: an enabled one is used while its replacement is being built.
fn ready_index(
    table: &TableInfo,
    index: &str,
    name: &str,
    is_kind: impl Fn(&IndexConfig) -> bool,
    other_kind: impl Fn(String) -> SearchError,
) -> Result<Arc<IndexInfo>, TxError> {
    let named = table.indexes.iter().filter(|info| info.name == index);
    let of_kind = named.clone().filter(|info| is_kind(&info.config));
    let Some(found) = of_kind.max_by_key(|info| info.state == IndexState::Enabled) else {
        let is_there = matches!(index, "by_id" | "by_creation_time") || named.clone().next().is_some();
        return Err(match is_there {
            true => other_kind(name.to_owned()).into(),
            false => QueryError::IndexNotFound(name.to_owned()).into(),
        });
    };
    // An index of a version that did not keep it has nothing inside; the next push builds it.
    if found.state != IndexState::Enabled || found.is_outdated() {
        let error = if found.staged { QueryError::IndexStaged } else { QueryError::IndexBackfilling };
        return Err(error(name.to_owned()).into());
    }
    Ok(found.clone())
}

fn full_name(table: &TableInfo, index: &str) -> String {
    format!("{}.{index}", table.name)
}

fn printed(fields: &[FieldPath]) -> String {
    let fields: Vec<_> = fields.iter().map(|field| format!("`{field}`")).collect();
    format!("[{}]", fields.join(", "))
}

#[cfg(test)]
#[path = "compile_tests.rs"]
mod tests;
