//! The JSON of vector searches, as the `convex` package makes it.

use serde_json::Value as Json;

use super::SearchError;
use crate::limits;
use crate::query::QueryError;
use crate::value::{FieldPath, Value};

/// What `1.0/actions/vectorSearch` asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorQuery {
    /// The table's name.
    pub table: String,
    /// The index's name, without the table's.
    pub index: String,
    /// Finite, and not empty.
    pub vector: Vec<f32>,
    /// The most results: 1 to [`MAX_VECTOR_RESULTS`](limits::MAX_VECTOR_RESULTS).
    pub limit: usize,
    /// Fields and values of which documents must have one; `None` for all documents, empty for none of them. A value of `None`
    /// is undefined, which missing fields equal. At most [`MAX_VECTOR_FILTERS`](limits::MAX_VECTOR_FILTERS).
    pub filter: Option<Vec<(FieldPath, Option<Value>)>>,
}

impl VectorQuery {
    /// Reads the JSON text `{"query": {"indexName", "vector", "limit", "expressions"}}`. Does not check whether the table and
    /// the index exist.
    ///
    /// # Errors
    /// Those of [`SearchError`] that need no index.
    pub fn from_json(text: &str) -> Result<VectorQuery, SearchError> {
        let json: Json = serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
        let query = json.get("query").ok_or_else(|| malformed("`query` is missing"))?;
        let name = query.get("indexName").and_then(Json::as_str);
        let name = name.ok_or_else(|| malformed("`indexName` is not a string"))?;
        let (table, index) = name
            .split_once('.')
            .ok_or_else(|| malformed(format!("index name `{name}` does not have the form `table.index`")))?;
        let filter = match query.get("expressions") {
            None | Some(Json::Null) => None,
            Some(expression) => {
                let mut filter = Vec::new();
                collect(name, expression, &mut filter)?;
                Some(filter)
            }
        };
        if let Some(count) = filter.as_ref().map(Vec::len).filter(|count| *count > limits::MAX_VECTOR_FILTERS) {
            return Err(SearchError::TooManyVectorFilters { index: name.to_owned(), count });
        }
        Ok(VectorQuery {
            table: table.to_owned(),
            index: index.to_owned(),
            vector: vector(name, query.get("vector"))?,
            limit: limit(query.get("limit"))?,
            filter,
        })
    }
}

fn vector(index: &str, json: Option<&Json>) -> Result<Vec<f32>, SearchError> {
    let invalid = |problem: String| SearchError::InvalidVector { index: index.to_owned(), problem };
    let numbers = json.and_then(Json::as_array).ok_or_else(|| invalid("is not an array".to_owned()))?;
    if numbers.is_empty() {
        return Err(invalid("is empty".to_owned()));
    }
    let number = |(at, json): (usize, &Json)| match json {
        // JSON has no other way to write NaN and Infinity.
        Json::Null => Err(invalid(format!("has no finite number at position {at}"))),
        _ => {
            let number = json.as_f64().ok_or_else(|| invalid(format!("has no number at position {at}")))? as f32;
            let too_large = || invalid(format!("has a number at position {at} that is too large for 32 bits: {json}"));
            if number.is_finite() { Ok(number) } else { Err(too_large()) }
        }
    };
    numbers.iter().enumerate().map(number).collect()
}

fn limit(json: Option<&Json>) -> Result<usize, SearchError> {
    let json = match json {
        None | Some(Json::Null) => return Ok(limits::DEFAULT_VECTOR_RESULTS),
        Some(json) => json,
    };
    match json.as_f64() {
        Some(limit) if limit > limits::MAX_VECTOR_RESULTS as f64 => {
            Err(SearchError::VectorLimitTooLarge(json.to_string()))
        }
        // JavaScript does not tell `3` from `3.0`.
        Some(limit) if limit >= 1.0 && limit.fract() == 0.0 => Ok(limit as usize),
        _ => Err(SearchError::InvalidVectorLimit(json.to_string())),
    }
}

/// Adds the equalities of an expression. The depth of the JSON is limited where it is parsed.
fn collect(index: &str, json: &Json, out: &mut Vec<(FieldPath, Option<Value>)>) -> Result<(), SearchError> {
    let invalid = || {
        let found: String = json.to_string().chars().take(200).collect();
        SearchError::InvalidVectorFilter { index: index.to_owned(), found }
    };
    let members = json.as_object().filter(|members| members.len() == 1).ok_or_else(invalid)?;
    if let Some(operands) = members.get("$or") {
        let operands = operands.as_array().ok_or_else(invalid)?;
        return operands.iter().try_for_each(|operand| collect(index, operand, out));
    }
    let operands = members.get("$eq").and_then(Json::as_array).map(Vec::as_slice);
    let Some([field, value]) = operands else { return Err(invalid()) };
    let field = field.get("$field").and_then(Json::as_str).ok_or_else(invalid)?;
    let value = value.get("$literal").ok_or_else(invalid)?;
    let field = field.parse().map_err(QueryError::from)?;
    out.push((field, Value::maybe_from_json_value(value).map_err(QueryError::from)?));
    Ok(())
}

fn malformed(message: impl Into<String>) -> SearchError {
    QueryError::Malformed(message.into()).into()
}

#[cfg(test)]
#[path = "vector_query_tests.rs"]
mod tests;
