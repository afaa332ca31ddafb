use serde::Serialize;

use crate::value::{FieldPath, Value};

/// An expression over the fields of a document, as made by `q => q.eq(q.field("a"), 1)`. [`Expression::eval`] evaluates it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Expression {
    /// Compares two values by the total order, undefined included. Never fails.
    Comparison(ComparisonOperator, Box<Expression>, Box<Expression>),
    /// Calculates with two Int64 or two Float64.
    Arithmetic(ArithmeticOperator, Box<Expression>, Box<Expression>),
    /// The negative of a number.
    Neg(Box<Expression>),
    /// The opposite of a boolean.
    Not(Box<Expression>),
    /// Whether all are true; stops at the first that is false.
    And(Vec<Expression>),
    /// Whether one is true; stops at the first that is.
    Or(Vec<Expression>),
    /// A field of the document; undefined where it is missing.
    Field(FieldPath),
    /// A value or undefined.
    Literal(#[serde(serialize_with = "super::serialize_maybe")] Option<Value>),
}

/// Compares two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names are the documentation")]
pub enum ComparisonOperator {
    Eq,
    Neq,
    Lt,
    Lte,
    Gt,
    Gte,
}

/// Calculates with two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names are the documentation")]
pub enum ArithmeticOperator {
    Add,
    Sub,
    Mul,
    Div,
    /// The remainder of a division that rounds towards zero.
    Mod,
}
