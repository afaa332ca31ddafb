use crate::limits;
use crate::query::QueryError;
use crate::transaction::TxError;
use crate::value::FieldPath;

/// Why a search cannot run. All are the developer's to mend. Indexes are named `table.index`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// What every query can fail for, and JSON that is none.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The index is of another kind.
    #[error("Index {0} is not a search index: it cannot be searched for text.")]
    NotASearchIndex(String),
    /// No text is searched for.
    #[error("A search of index {index} must have a search filter: `q.search(\"{search_field}\", ...)`.")]
    MissingSearchFilter {
        /// The index.
        index: String,
        /// Its field.
        search_field: FieldPath,
    },
    /// The text is searched for in another field.
    #[error("Index {index} searches the field `{search_field}`, not `{field}`.")]
    IncorrectSearchField {
        /// The index.
        index: String,
        /// Its field.
        search_field: FieldPath,
        /// The one of the query.
        field: FieldPath,
    },
    /// More than one text is searched for.
    #[error("A search of index {0} can have only one search filter.")]
    DuplicateSearchFilters(String),
    /// An equality of a field that the index does not have.
    #[error("Index {index} cannot be filtered by the field `{field}`; its filter fields are {filter_fields}.")]
    IncorrectFilterField {
        /// The index.
        index: String,
        /// The field of the query.
        field: FieldPath,
        /// The index's fields, for printing.
        filter_fields: String,
    },
    /// Too many equalities.
    #[error("A search of index {index} has {count} equality filters: the maximum is {}.", limits::MAX_SEARCH_FILTERS)]
    TooManyFilters {
        /// The index.
        index: String,
        /// How many there are.
        count: usize,
    },
    /// The index is of another kind.
    #[error("Index {0} is not a vector index.")]
    NotAVectorIndex(String),
    /// What is searched for is not a vector of finite numbers.
    #[error("The vector to search index {index} for {problem}.")]
    InvalidVector {
        /// The index.
        index: String,
        /// What is wrong.
        problem: String,
    },
    /// Vectors of another length are indexed.
    #[error("Index {index} has vectors of {dimensions} dimensions; the vector to search for has {found}.")]
    VectorDimensions {
        /// The index.
        index: String,
        /// How many numbers its vectors have.
        dimensions: u32,
        /// How many the vector has.
        found: usize,
    },
    /// Not a number of results.
    #[error("The limit of a vector search must be an integer from 1 to {most}, not {0}.", most = limits::MAX_VECTOR_RESULTS)]
    InvalidVectorLimit(String),
    /// Too many results.
    #[error("The limit of a vector search can be at most {most}, not {0}.", most = limits::MAX_VECTOR_RESULTS)]
    VectorLimitTooLarge(String),
    /// A filter that is not one.
    #[error("The filter of a search of index {index} must be made of `q.eq` and `q.or` only: found {found}.")]
    InvalidVectorFilter {
        /// The index.
        index: String,
        /// The part that is not.
        found: String,
    },
    /// An equality of a field that the index does not have.
    #[error("Index {index} cannot be filtered by the field `{field}`; its filter fields are {filter_fields}.")]
    IncorrectVectorFilterField {
        /// The index.
        index: String,
        /// The field of the query.
        field: FieldPath,
        /// The index's fields, for printing.
        filter_fields: String,
    },
    /// Too many equalities.
    #[error(
        "The filter of a search of index {index} has {count} conditions: the maximum is {}.",
        limits::MAX_VECTOR_FILTERS
    )]
    TooManyVectorFilters {
        /// The index.
        index: String,
        /// How many there are.
        count: usize,
    },
}

impl SearchError {
    /// The short code as seen by developers.
    pub fn code(&self) -> &'static str {
        match self {
            SearchError::Query(error) => error.code(),
            SearchError::NotASearchIndex(_) => "IndexNotASearchIndexError",
            SearchError::MissingSearchFilter { .. } => "MissingSearchFilterError",
            SearchError::IncorrectSearchField { .. } => "IncorrectSearchField",
            SearchError::DuplicateSearchFilters(_) => "DuplicateSearchFiltersError",
            SearchError::IncorrectFilterField { .. } => "IncorrectFilterFieldError",
            SearchError::TooManyFilters { .. } => "TooManyFilterConditionsInSearchQueryError",
            SearchError::NotAVectorIndex(_) => "IndexNotAVectorIndexError",
            SearchError::InvalidVector { .. } => "InvalidVectorError",
            SearchError::VectorDimensions { .. } => "VectorDimensionsMismatch",
            SearchError::InvalidVectorLimit(_) => "InvalidVectorLimitError",
            SearchError::VectorLimitTooLarge(_) => "VectorLimitTooLargeError",
            SearchError::InvalidVectorFilter { .. } => "InvalidVectorSearchFilter",
            SearchError::IncorrectVectorFilterField { .. } => "IncorrectVectorFilterField",
            SearchError::TooManyVectorFilters { .. } => "TooManyElementsInVectorQueryError",
        }
    }
}

impl From<SearchError> for TxError {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Query(error) => error.into(),
            error => TxError::developer(error.code(), error.to_string()),
        }
    }
}
