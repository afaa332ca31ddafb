use super::encode::{END, ESCAPE, tag};
use crate::limits;
use crate::value::Value;

/// Bytes that [`encode_value`](super::encode_value) does not produce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not an encoded value")]
pub struct KeyDecodeError;

/// Reads one value from the start of `bytes`, which are moved behind it. The counterpart of
/// [`encode_value`](super::encode_value): `None` is a missing field.
pub fn decode_value(bytes: &mut &[u8]) -> Result<Option<Value>, KeyDecodeError> {
    if bytes.first() == Some(&tag::UNDEFINED) {
        *bytes = &bytes[1..];
        return Ok(None);
    }
    decode_defined(bytes, 0).map(Some)
}

fn decode_defined(bytes: &mut &[u8], depth: usize) -> Result<Value, KeyDecodeError> {
    if depth > limits::MAX_VALUE_NESTING {
        return Err(KeyDecodeError);
    }
    let [tag] = take(bytes)?;
    Ok(match tag {
        tag::NULL => Value::Null,
        tag::ZERO => Value::Int64(0),
        tag if tag == tag::NEGATIVE[3] || tag == tag::POSITIVE[0] => {
            Value::Int64(i8::from_be_bytes(take(bytes)?).into())
        }
        tag if tag == tag::NEGATIVE[2] || tag == tag::POSITIVE[1] => {
            Value::Int64(i16::from_be_bytes(take(bytes)?).into())
        }
        tag if tag == tag::NEGATIVE[1] || tag == tag::POSITIVE[2] => {
            Value::Int64(i32::from_be_bytes(take(bytes)?).into())
        }
        tag if tag == tag::NEGATIVE[0] || tag == tag::POSITIVE[3] => Value::Int64(i64::from_be_bytes(take(bytes)?)),
        tag::FLOAT => {
            let ordered = u64::from_be_bytes(take(bytes)?);
            Value::Float64(f64::from_bits(if ordered >> 63 == 0 { !ordered } else { ordered ^ (1 << 63) }))
        }
        tag::FALSE => Value::Boolean(false),
        tag::TRUE => Value::Boolean(true),
        tag::STRING => Value::String(decode_text(bytes)?),
        tag::BYTES => Value::Bytes(decode_escaped(bytes)?),
        tag::ARRAY => {
            let mut elements = Vec::new();
            while !at_end(bytes) {
                elements.push(decode_defined(bytes, depth + 1)?);
            }
            Value::Array(elements)
        }
        tag::OBJECT => {
            let mut fields = Vec::new();
            while !at_end(bytes) {
                let name = if bytes.starts_with(&[END, ESCAPE]) {
                    *bytes = &bytes[2..];
                    String::new()
                } else {
                    decode_text(bytes)?
                };
                fields.push((name, decode_defined(bytes, depth + 1)?));
            }
            Value::Object(fields.into_iter().collect())
        }
        _ => return Err(KeyDecodeError),
    })
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], KeyDecodeError> {
    let (taken, rest) = bytes.split_first_chunk().ok_or(KeyDecodeError)?;
    *bytes = rest;
    Ok(*taken)
}

/// Whether an array or object ends here; takes the end.
fn at_end(bytes: &mut &[u8]) -> bool {
    if bytes.first() != Some(&END) || bytes.get(1) == Some(&ESCAPE) {
        return false;
    }
    *bytes = &bytes[1..];
    true
}

fn decode_text(bytes: &mut &[u8]) -> Result<String, KeyDecodeError> {
    String::from_utf8(decode_escaped(bytes)?).map_err(|_| KeyDecodeError)
}

fn decode_escaped(bytes: &mut &[u8]) -> Result<Vec<u8>, KeyDecodeError> {
    let mut decoded = Vec::new();
    loop {
        let zero = bytes.iter().position(|byte| *byte == END).ok_or(KeyDecodeError)?;
        decoded.extend_from_slice(&bytes[..zero]);
        *bytes = &bytes[zero + 1..];
        if bytes.first() != Some(&ESCAPE) {
            return Ok(decoded);
        }
        decoded.push(0);
        *bytes = &bytes[1..];
    }
}
