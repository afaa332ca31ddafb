use super::EvalError;
use crate::limits;
use crate::value::{FieldPath, FieldPathError, ValueError};

/// Why a query cannot run, or cannot go on. All are the developer's to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The JSON of a query is not one.
    #[error("invalid query: {0}")]
    Malformed(String),
    /// A value in the JSON of a query is not one.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// A path in the JSON of a query is not one.
    #[error(transparent)]
    FieldPath(#[from] FieldPathError),
    /// The query has too many operators.
    #[error("a query can have at most {maximum} operators, not {0}", maximum = limits::MAX_QUERY_OPERATORS)]
    TooManyOperators(usize),
    /// An index range has two bounds of the same kind, or an equality and another bound, on one field.
    #[error("cannot define more than one bound of a kind on field `{field}` in a range of index {index}")]
    AlreadyDefinedBound {
        /// The index as `table.index`.
        index: String,
        /// The field.
        field: FieldPath,
    },
    /// An index range has inequalities on two fields.
    #[error(
        "upper and lower bounds in a range of index {index} can be on one field only, not on both `{first}` and `{second}`"
    )]
    BoundsOnMultipleFields {
        /// The index as `table.index`.
        index: String,
        /// The first field with a bound.
        first: FieldPath,
        /// The next one.
        second: FieldPath,
    },
    /// An index range is over a field that the index does not have.
    #[error("the index {index} does not have the field `{field}`; its fields are {index_fields}")]
    FieldNotInIndex {
        /// The index as `table.index`.
        index: String,
        /// The field.
        field: FieldPath,
        /// The index's fields, for printing.
        index_fields: String,
    },
    /// An index range does not use the fields of the index in order.
    #[error(
        "tried to query index {index} but the query didn't use the index fields in order.\n\
         Index fields: {index_fields}\n\
         Query fields: {query_fields}\n\
         First incorrect field: `{first_wrong}`"
    )]
    InvalidIndexRange {
        /// The index as `table.index`.
        index: String,
        /// The index's fields, for printing.
        index_fields: String,
        /// The fields of the range, for printing.
        query_fields: String,
        /// The first field of the range that is not in its place.
        first_wrong: FieldPath,
    },
    /// There is no such index.
    #[error("Index {0} not found.")]
    IndexNotFound(String),
    /// The index is still being built.
    #[error("Index {0} is currently backfilling and not available to query yet.")]
    IndexBackfilling(String),
    /// The index is declared staged.
    #[error("Index {0} is currently staged and not available to query until it is no longer staged.")]
    IndexStaged(String),
    /// A filter failed on a document.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// The cursor is not one of this deployment's, or belongs to another query.
    #[error(
        "InvalidCursor: tried to run a query starting from a cursor, but it looks like this cursor is from a different \
         query or deployment"
    )]
    InvalidCursor,
}

impl QueryError {
    /// The short code as seen by developers.
    pub fn code(&self) -> &'static str {
        match self {
            QueryError::Malformed(_) => "InvalidQuery",
            QueryError::Value(error) => error.code(),
            QueryError::FieldPath(_) => "InvalidFieldPath",
            QueryError::TooManyOperators(_) => "TooManyQueryOperators",
            QueryError::AlreadyDefinedBound { .. } => "AlreadyDefinedBound",
            QueryError::BoundsOnMultipleFields { .. } => "BoundsOnMultipleFields",
            QueryError::FieldNotInIndex { .. } => "FieldNotInIndex",
            QueryError::InvalidIndexRange { .. } => "InvalidIndexRange",
            QueryError::IndexNotFound(_) => "IndexNotFoundError",
            QueryError::IndexBackfilling(_) => "IndexBackfillingError",
            QueryError::IndexStaged(_) => "IndexStagedError",
            QueryError::Eval(_) => "EvalError",
            QueryError::InvalidCursor => "InvalidCursor",
        }
    }

    /// What the client gets as the data of the error: paginated hooks start over when they see that of an invalid cursor.
    pub fn data(&self) -> Option<serde_json::Value> {
        match self {
            QueryError::InvalidCursor => {
                Some(serde_json::json!({ "isConvexSystemError": true, "paginationError": "InvalidCursor" }))
            }
            _ => None,
        }
    }
}
