//! The order-preserving encoding of values: one tag byte, then what orders values of that type.

use crate::value::Value;

/// The tag bytes, in the order of types. Integers have a tag for each sign and width.
pub(super) mod tag {
    pub(in crate::key) const UNDEFINED: u8 = 0x01;
    pub(in crate::key) const NULL: u8 = 0x03;
    /// Negative integers in 8, 4, 2 and 1 bytes.
    pub(in crate::key) const NEGATIVE: [u8; 4] = [0x04, 0x05, 0x06, 0x07];
    pub(in crate::key) const ZERO: u8 = 0x08;
    /// Positive integers in 1, 2, 4 and 8 bytes.
    pub(in crate::key) const POSITIVE: [u8; 4] = [0x09, 0x0a, 0x0b, 0x0c];
    pub(in crate::key) const FLOAT: u8 = 0x0d;
    pub(in crate::key) const FALSE: u8 = 0x0e;
    pub(in crate::key) const TRUE: u8 = 0x0f;
    pub(in crate::key) const STRING: u8 = 0x10;
    pub(in crate::key) const BYTES: u8 = 0x11;
    pub(in crate::key) const ARRAY: u8 = 0x12;
    pub(in crate::key) const OBJECT: u8 = 0x15;
    /// Greater than every tag.
    pub(in crate::key) const AFTER_ALL: u8 = 0xff;
}

/// Ends strings, bytes, arrays, objects and names of fields.
pub(super) const END: u8 = 0x00;
/// Follows a zero byte that is not an [`END`]. Greater than every tag, so that a text sorts after its prefixes.
pub(super) const ESCAPE: u8 = 0xff;

/// Appends the encoding of a field's value; `None` is a missing field. A [`Value::CommitTs`] is encoded as the greatest
/// integer.
///
/// The encoding of a value can start with that of another only if the next byte is 0xff (`"a\0"` and `"a"`). What
/// follows a value in a key is never 0xff: a tag, or for a creation time, whose encoding has a fixed length, the id.
pub fn encode_value(out: &mut Vec<u8>, value: Option<&Value>) {
    let Some(value) = value else {
        out.push(tag::UNDEFINED);
        return;
    };
    match value {
        Value::Null => out.push(tag::NULL),
        Value::Int64(integer) => encode_integer(out, *integer),
        Value::CommitTs => encode_integer(out, i64::MAX),
        Value::Float64(float) => encode_float(out, *float),
        Value::Boolean(false) => out.push(tag::FALSE),
        Value::Boolean(true) => out.push(tag::TRUE),
        Value::String(text) => {
            out.push(tag::STRING);
            encode_escaped(out, text.as_bytes());
        }
        Value::Bytes(bytes) => {
            out.push(tag::BYTES);
            encode_escaped(out, bytes);
        }
        Value::Array(elements) => {
            out.push(tag::ARRAY);
            for element in elements {
                encode_value(out, Some(element));
            }
            out.push(END);
        }
        Value::Object(fields) => {
            out.push(tag::OBJECT);
            for (name, value) in fields {
                encode_escaped(out, name.as_bytes());
                if name.is_empty() {
                    // Otherwise the name would look like the end of the object.
                    out.push(ESCAPE);
                }
                encode_value(out, Some(value));
            }
            out.push(END);
        }
    }
}

/// Appends the encoding of a creation time in ms: that of a float, 9 bytes.
pub fn encode_creation_time(out: &mut Vec<u8>, creation_time: f64) {
    encode_float(out, creation_time);
}

/// The least bytes greater than everything that starts with the values encoded in `fields` and goes on with another
/// encoded value. (The [end of the prefix](crate::interval::end_of_prefix) would be too far: behind longer strings, see
/// [`encode_value`].)
pub fn after_fields(fields: &[u8]) -> Vec<u8> {
    let mut end = Vec::with_capacity(fields.len() + 1);
    end.extend_from_slice(fields);
    end.push(tag::AFTER_ALL);
    end
}

fn encode_integer(out: &mut Vec<u8>, integer: i64) {
    let tags = match integer {
        0 => {
            out.push(tag::ZERO);
            return;
        }
        1.. => tag::POSITIVE,
        // From 1 byte to 8, as for positive integers.
        ..0 => {
            let [eight, four, two, one] = tag::NEGATIVE;
            [one, two, four, eight]
        }
    };
    if let Ok(integer) = i8::try_from(integer) {
        out.push(tags[0]);
        out.extend_from_slice(&integer.to_be_bytes());
    } else if let Ok(integer) = i16::try_from(integer) {
        out.push(tags[1]);
        out.extend_from_slice(&integer.to_be_bytes());
    } else if let Ok(integer) = i32::try_from(integer) {
        out.push(tags[2]);
        out.extend_from_slice(&integer.to_be_bytes());
    } else {
        out.push(tags[3]);
        out.extend_from_slice(&integer.to_be_bytes());
    }
}

/// Flips the bits so that the order of bytes is IEEE 754 totalOrder.
fn encode_float(out: &mut Vec<u8>, float: f64) {
    let bits = float.to_bits();
    let ordered = if float.is_sign_negative() { !bits } else { bits ^ (1 << 63) };
    out.push(tag::FLOAT);
    out.extend_from_slice(&ordered.to_be_bytes());
}

fn encode_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    for (i, run) in bytes.split(|byte| *byte == 0).enumerate() {
        if i > 0 {
            out.extend_from_slice(&[0, ESCAPE]);
        }
        out.extend_from_slice(run);
    }
    out.push(END);
}
