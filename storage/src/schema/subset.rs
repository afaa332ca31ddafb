use std::collections::BTreeMap;

use super::{FieldValidator, Validator};
use crate::value::Value;

impl Validator {
    /// Whether every value that matches `self` is known to match `other`. May say no where it would take more thought to
    /// say yes: the caller then looks at all values.
    pub fn is_subset_of(&self, other: &Validator) -> bool {
        if self == other {
            return true;
        }
        match (self, other) {
            (_, Validator::Any) => true,
            (Validator::Union(members), other) => members.iter().all(|member| member.is_subset_of(other)),
            (validator, Validator::Union(members)) => {
                members.iter().any(|member| validator.is_subset_of(member))
                    || (*validator == Validator::Boolean && has_both_booleans(other))
            }
            (Validator::Literal(literal), primitive) => matches!(
                (literal, primitive),
                (Value::String(_), Validator::String)
                    | (Value::Boolean(_), Validator::Boolean)
                    | (Value::Float64(_), Validator::Float64)
                    | (Value::Int64(_), Validator::Int64 | Validator::CommitTs)
            ),
            (Validator::Id(_), Validator::String)
            | (Validator::Int64, Validator::CommitTs)
            | (Validator::CommitTs, Validator::Int64) => true,
            (Validator::Array(element), Validator::Array(other)) => element.is_subset_of(other),
            (Validator::Record { keys, values }, Validator::Record { keys: other_keys, values: other_values }) => {
                keys.is_subset_of(other_keys) && values.is_subset_of(other_values)
            }
            (Validator::Object(fields), Validator::Object(other)) => fields_are_subset(fields, other),
            _ => false,
        }
    }
}

fn has_both_booleans(validator: &Validator) -> bool {
    [true, false].into_iter().all(|boolean| Validator::Literal(Value::Boolean(boolean)).is_subset_of(validator))
}

/// No field is removed, no optional field becomes required, and new fields are optional.
fn fields_are_subset(fields: &BTreeMap<String, FieldValidator>, other: &BTreeMap<String, FieldValidator>) -> bool {
    let kept = fields.iter().all(|(name, field)| {
        other
            .get(name)
            .is_some_and(|other| (other.optional || !field.optional) && field.validator.is_subset_of(&other.validator))
    });
    kept && other.iter().all(|(name, other)| other.optional || fields.contains_key(name))
}
