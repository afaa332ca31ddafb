//! The pure part of the query engine: queries as data, index ranges as key intervals, filters, cursors.

mod cursor;
mod error;
mod eval;
mod expression;
mod parse;
mod range;

use serde::{Serialize, Serializer};

pub use cursor::{CursorKey, Fingerprint, Position};
pub use error::QueryError;
pub use eval::EvalError;
pub use expression::{ArithmeticOperator, ComparisonOperator, Expression};
pub use range::{IndexFields, IndexShape, compile_range};

use crate::value::{FieldPath, Value};

/// What `1.0/queryStream` and `1.0/queryPage` run: documents from one source, through operators in their order.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Query {
    /// Where documents come from.
    pub source: Source,
    /// What happens to them; at most [`MAX_QUERY_OPERATORS`](crate::limits::MAX_QUERY_OPERATORS).
    pub operators: Vec<Operator>,
}

/// Where the documents of a query come from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Source {
    /// All documents of a table by creation time. The table need not exist.
    FullTableScan {
        /// The table's name.
        table: String,
        /// In which direction.
        order: Order,
    },
    /// A range of an index.
    IndexRange {
        /// The table's name.
        table: String,
        /// The index's name, without the table's.
        index: String,
        /// The bounds, all of which must hold.
        range: Vec<RangeExpression>,
        /// In which direction.
        order: Order,
    },
    /// A full-text search, best match first.
    Search {
        /// The table's name.
        table: String,
        /// The index's name, without the table's.
        index: String,
        /// The text searched for and what else must hold.
        filters: Vec<SearchFilter>,
    },
}

impl Source {
    /// The name of the table.
    pub fn table(&self) -> &str {
        match self {
            Source::FullTableScan { table, .. } | Source::IndexRange { table, .. } | Source::Search { table, .. } => {
                table
            }
        }
    }
}

/// The direction in which an index is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Order {
    /// Least key first.
    #[default]
    Asc,
    /// Greatest key first.
    Desc,
}

/// One bound of an index range: the field's value is `operator` `value`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RangeExpression {
    /// How the field compares with the value.
    pub operator: RangeOperator,
    /// The field.
    pub field: FieldPath,
    /// The value; `None` is undefined, which missing fields equal.
    #[serde(serialize_with = "serialize_maybe")]
    pub value: Option<Value>,
}

/// How the field of a [`RangeExpression`] compares with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names are the documentation")]
pub enum RangeOperator {
    Eq,
    Gt,
    Gte,
    Lt,
    Lte,
}

/// One condition of a full-text search.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum SearchFilter {
    /// The field matches the text.
    Search {
        /// The search field.
        field: FieldPath,
        /// What is searched for.
        text: String,
    },
    /// The field equals the value.
    Eq {
        /// A filter field.
        field: FieldPath,
        /// The value; `None` is undefined, which missing fields equal.
        #[serde(serialize_with = "serialize_maybe")]
        value: Option<Value>,
    },
}

/// One step that documents go through.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Operator {
    /// Lets documents pass for which the expression is true.
    Filter(Expression),
    /// Ends the query after this many documents.
    Limit(u64),
}

/// `{"$undefined":null}` for `None`, which must not look like null.
fn serialize_maybe<S: Serializer>(value: &Option<Value>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => value.serialize(serializer),
        None => serializer.collect_map([("$undefined", ())]),
    }
}

#[cfg(test)]
mod tests;
