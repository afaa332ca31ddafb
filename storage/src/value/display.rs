use std::fmt;

use super::{Value, write_json_string};

/// Prints the value for messages, much like a JavaScript literal: `{name: "Ada", age: 36.0, id: 1n}`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Int64(integer) => write!(f, "{integer}n"),
            Value::Float64(float) => write!(f, "{float:?}"),
            Value::Boolean(boolean) => boolean.fmt(f),
            Value::String(text) => f.write_str(&quoted(text)),
            Value::Bytes(bytes) => write!(f, "bytes({})", hex::encode(bytes)),
            Value::Array(elements) => {
                f.write_str("[")?;
                for (i, element) in elements.iter().enumerate() {
                    write!(f, "{}{element}", separator(i))?;
                }
                f.write_str("]")
            }
            Value::Object(fields) => {
                f.write_str("{")?;
                for (i, (name, value)) in fields.iter().enumerate() {
                    write!(f, "{}{}: {value}", separator(i), printed_field_name(name))?;
                }
                f.write_str("}")
            }
            Value::CommitTs => f.write_str("commitTs"),
        }
    }
}

/// A field name as in an object literal: quoted unless it is an identifier.
pub(crate) fn printed_field_name(name: &str) -> String {
    if crate::names::check_identifier(name).is_ok() { name.to_owned() } else { quoted(name) }
}

/// What goes before the `i`th item of a list.
pub(crate) fn separator(i: usize) -> &'static str {
    if i == 0 { "" } else { ", " }
}

pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    write_json_string(&mut quoted, text);
    quoted
}
