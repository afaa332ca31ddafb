use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use super::Value;

impl Value {
    /// The place of the value's type in the total order.
    fn rank(&self) -> u8 {
        match self {
            Value::Null => 1,
            Value::Int64(_) | Value::CommitTs => 2,
            Value::Float64(_) => 3,
            Value::Boolean(_) => 4,
            Value::String(_) => 5,
            Value::Bytes(_) => 6,
            Value::Array(_) => 7,
            Value::Object(_) => 8,
        }
    }

    /// The integer that an Int64 or a commit timestamp placeholder sorts as.
    fn sort_integer(&self) -> Option<i64> {
        match self {
            Value::Int64(integer) => Some(*integer),
            Value::CommitTs => Some(i64::MAX),
            _ => None,
        }
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Value::Float64(a), Value::Float64(b)) => a.total_cmp(b),
            (Value::Boolean(a), Value::Boolean(b)) => a.cmp(b),
            // Rust compares `str` by UTF-8 bytes and `BTreeMap` as a list of pairs, which is just what is needed.
            (Value::String(a), Value::String(b)) => a.cmp(b),
            (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
            (Value::Array(a), Value::Array(b)) => a.cmp(b),
            (Value::Object(a), Value::Object(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()).then_with(|| self.sort_integer().cmp(&other.sort_integer())),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rank().hash(state);
        match self {
            Value::Null => {}
            Value::Int64(integer) => integer.hash(state),
            Value::CommitTs => i64::MAX.hash(state),
            // Equal in totalOrder means equal bits.
            Value::Float64(float) => float.to_bits().hash(state),
            Value::Boolean(boolean) => boolean.hash(state),
            Value::String(text) => text.hash(state),
            Value::Bytes(bytes) => bytes.hash(state),
            Value::Array(elements) => elements.hash(state),
            Value::Object(fields) => fields.hash(state),
        }
    }
}
