//! Vector searches on a snapshot. They are no part of a transaction, and nobody is told when their results change.

use futures::FutureExt;

use super::nearest::nearest;
use super::{VectorQuery, compile_vector};
use crate::catalog::Namespace;
use crate::database::Snapshot;
use crate::id::DocumentId;
use crate::query::QueryError;
use crate::transaction::TxError;
use crate::value::Value;

/// A document that a vector search found.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct VectorHit {
    /// The document.
    pub id: DocumentId,
    /// How near it is: the cosine of the angle between the vectors, from -1 to 1.
    pub score: f64,
}

impl Snapshot {
    /// The documents whose vectors are nearest to that of `query`, nearest first; of those that are equally near, newest
    /// first.
    ///
    /// # Errors
    /// Those of [`SearchError`](super::SearchError) and [`QueryError`] if there is no such index, or the query does not suit
    /// it; if documents have to be fetched, and cannot be.
    pub async fn vector_search(&self, namespace: Namespace, query: &VectorQuery) -> Result<Vec<VectorHit>, TxError> {
        // Tables of the system have no indexes of apps, and are not there for them.
        let table = self.catalog().table(namespace, &query.table).filter(|table| !table.is_system());
        let Some(table) = table else {
            return Err(QueryError::IndexNotFound(format!("{}.{}", query.table, query.index)).into());
        };
        let search = compile_vector(table, query)?;
        if query.filter.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Vec::new());
        }
        // Boxed: the compiler cannot see through the size of it that it is `Send`.
        nearest(self, table, &search).boxed().await
    }
}

/// The vector of a document as a vector index has it: an array of exactly `dimensions` floats that are finite in 32 bits.
/// Documents with any other value are not in the index.
pub fn indexed_vector(value: Option<&Value>, dimensions: u32) -> Option<Vec<f32>> {
    let Value::Array(elements) = value? else { return None };
    if elements.len() != dimensions as usize {
        return None;
    }
    let number = |element: &Value| match element {
        Value::Float64(number) => Some(*number as f32).filter(|number| number.is_finite()),
        _ => None,
    };
    elements.iter().map(number).collect()
}

#[cfg(test)]
#[path = "vector_search_tests.rs"]
mod tests;
