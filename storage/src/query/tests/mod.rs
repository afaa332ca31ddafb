mod cursor;
mod filter;
mod parse;
mod range;

use super::{RangeExpression, RangeOperator};
use crate::value::{FieldPath, Value};

fn paths(fields: &[&str]) -> Vec<FieldPath> {
    fields.iter().map(|field| field.parse().expect(field)).collect()
}

fn bound(operator: RangeOperator, field: &str, value: impl Into<Option<Value>>) -> RangeExpression {
    RangeExpression { operator, field: field.parse().expect(field), value: value.into() }
}

fn float(float: f64) -> Value {
    Value::Float64(float)
}
