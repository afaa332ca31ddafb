//! [`Value`] -> JSON text in its three forms: encoded (what clients speak and what is stored), clean and export.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::Value;

impl Value {
    /// The encoded JSON text, object keys sorted, numbers as JavaScript prints them.
    pub fn to_json(&self) -> String {
        let mut text = String::new();
        self.write_json(&mut text);
        text
    }

    /// Appends the encoded JSON text to `out`.
    pub fn write_json(&self, out: &mut String) {
        write_tree(self, out, write_encoded_scalar);
    }

    /// Appends clean JSON (`format: "json"`): Int64 as decimal string, bytes as base64 string, NaN and infinities as
    /// strings. Loses types. A commit timestamp placeholder, which has no place there, becomes `null`.
    pub fn write_clean_json(&self, out: &mut String) {
        write_tree(self, out, write_clean_scalar);
    }

    /// Appends JSON as exports use it: Int64 as an integer number, finite floats with a decimal point or an exponent,
    /// anything else encoded.
    pub fn write_export_json(&self, out: &mut String) {
        write_tree(self, out, write_export_scalar);
    }

    /// The encoded JSON as a tree.
    pub fn to_json_value(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("object keys are strings, and nothing else can fail")
    }
}

/// Writes encoded JSON wherever serde writes something.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fn tagged<S: Serializer>(serializer: S, key: &str, bytes: &[u8]) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(Some(1))?;
            map.serialize_entry(key, &STANDARD.encode(bytes))?;
            map.end()
        }
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Int64(integer) => tagged(serializer, "$integer", &integer.to_le_bytes()),
            Value::Float64(float) if is_special_float(*float) => tagged(serializer, "$float", &float.to_le_bytes()),
            // As JavaScript prints it: `1`, not `1.0`.
            Value::Float64(float) if float.fract() == 0.0 && float.abs() < MAX_EXACT_INTEGER => {
                serializer.serialize_i64(*float as i64)
            }
            Value::Float64(float) => serializer.serialize_f64(*float),
            Value::Boolean(boolean) => serializer.serialize_bool(*boolean),
            Value::String(text) => serializer.serialize_str(text),
            Value::Bytes(bytes) => tagged(serializer, "$bytes", bytes),
            Value::Array(elements) => serializer.collect_seq(elements),
            Value::Object(fields) => serializer.collect_map(fields),
            Value::CommitTs => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("$commitTs", &())?;
                map.end()
            }
        }
    }
}

/// Every integer below has a float of its own.
const MAX_EXACT_INTEGER: f64 = 9_007_199_254_740_992.0;

/// Whether JSON has no number for `float`: NaN, the infinities and -0.
pub(super) fn is_special_float(float: f64) -> bool {
    !float.is_finite() || (float == 0.0 && float.is_sign_negative())
}

/// Appends `text` to `out` as a JSON string, escaped as `JSON.stringify` does it.
pub fn write_json_string(out: &mut String, text: &str) {
    out.push('"');
    let mut copied = 0;
    for (i, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[copied..i]);
        copied = i + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            _ => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.push_str("\\u00");
                out.push(HEX[usize::from(byte >> 4)].into());
                out.push(HEX[usize::from(byte & 15)].into());
            }
        }
    }
    out.push_str(&text[copied..]);
    out.push('"');
}

/// Writes arrays and objects, which all forms share, and everything else by `scalar`.
fn write_tree(value: &Value, out: &mut String, scalar: fn(&Value, &mut String)) {
    match value {
        Value::Array(elements) => {
            out.push('[');
            for (i, element) in elements.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_tree(element, out, scalar);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            for (i, (name, field)) in fields.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_json_string(out, name);
                out.push(':');
                write_tree(field, out, scalar);
            }
            out.push('}');
        }
        _ => scalar(value, out),
    }
}

fn write_encoded_scalar(value: &Value, out: &mut String) {
    match value {
        Value::Int64(integer) => write_tagged("$integer", &integer.to_le_bytes(), out),
        Value::Float64(float) if is_special_float(*float) => write_tagged("$float", &float.to_le_bytes(), out),
        Value::Bytes(bytes) => write_tagged("$bytes", bytes, out),
        Value::CommitTs => out.push_str("{\"$commitTs\":null}"),
        _ => write_plain_scalar(value, out),
    }
}

fn write_clean_scalar(value: &Value, out: &mut String) {
    match value {
        Value::Int64(integer) => {
            out.push('"');
            out.push_str(&integer.to_string());
            out.push('"');
        }
        Value::Float64(float) if float.is_nan() => out.push_str("\"NaN\""),
        Value::Float64(float) if float.is_infinite() => {
            out.push_str(if *float > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
        }
        Value::Float64(float) if is_special_float(*float) => out.push_str("-0.0"),
        Value::Bytes(bytes) => {
            out.push('"');
            STANDARD.encode_string(bytes, out);
            out.push('"');
        }
        Value::CommitTs => out.push_str("null"),
        _ => write_plain_scalar(value, out),
    }
}

fn write_export_scalar(value: &Value, out: &mut String) {
    match value {
        Value::Int64(integer) => out.push_str(&integer.to_string()),
        // `{:?}` always has a decimal point or an exponent, and reads back as the same float.
        Value::Float64(float) if float.is_finite() => out.push_str(&format!("{float:?}")),
        _ => write_encoded_scalar(value, out),
    }
}

/// The scalars that look the same in all forms.
fn write_plain_scalar(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Boolean(true) => out.push_str("true"),
        Value::Boolean(false) => out.push_str("false"),
        Value::Float64(float) => out.push_str(ryu_js::Buffer::new().format(*float)),
        Value::String(text) => write_json_string(out, text),
        _ => unreachable!("a {} has a form of its own", value.type_name()),
    }
}

fn write_tagged(key: &str, bytes: &[u8], out: &mut String) {
    out.push_str("{\"");
    out.push_str(key);
    out.push_str("\":\"");
    STANDARD.encode_string(bytes, out);
    out.push_str("\"}");
}
