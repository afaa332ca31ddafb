//! Objects with one field whose key starts with `$`: values that JSON has no notation for.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use serde::de::{self, DeserializeSeed, Deserializer, Visitor};

use super::Parser;
use crate::names;
use crate::value::{Value, ValueError};

/// The keys that make an object with one field a value of another type.
#[derive(Clone, Copy)]
pub(super) enum Special {
    Integer,
    Float,
    Bytes,
    CommitTs,
    Undefined,
    Set,
    Map,
}

impl Special {
    const ALL: [Special; 7] = [
        Special::Integer,
        Special::Float,
        Special::Bytes,
        Special::CommitTs,
        Special::Undefined,
        Special::Set,
        Special::Map,
    ];

    fn key(self) -> &'static str {
        match self {
            Special::Integer => "$integer",
            Special::Float => "$float",
            Special::Bytes => "$bytes",
            Special::CommitTs => "$commitTs",
            Special::Undefined => "$undefined",
            Special::Set => "$set",
            Special::Map => "$map",
        }
    }

    pub(super) fn from_key(key: &str) -> Option<Special> {
        Self::ALL.into_iter().find(|special| special.key() == key)
    }

    /// The error for the key in an object with other fields.
    pub(super) fn as_field_name(self) -> ValueError {
        names::NameError::Dollar(self.key().to_owned()).into()
    }

    /// The value that the base64 `text` stands for.
    fn decode(self, text: &str) -> Result<Value, ValueError> {
        let key = self.key();
        let bytes = decode_base64(text).ok_or(ValueError::Base64 { key })?;
        if matches!(self, Special::Bytes) {
            return Ok(Value::Bytes(bytes));
        }
        let word: [u8; 8] =
            bytes.try_into().map_err(|bytes: Vec<u8>| ValueError::Width { key, actual: bytes.len() })?;
        if matches!(self, Special::Integer) {
            return Ok(Value::Int64(i64::from_le_bytes(word)));
        }
        let float = f64::from_le_bytes(word);
        if !crate::value::write::is_special_float(float) {
            return Err(ValueError::OrdinaryFloat(float.to_string()));
        }
        Ok(Value::Float64(float))
    }
}

/// Padded base64 as the client reads it: the standard or the URL-safe alphabet, stray bits in the last letter ignored.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurpose =
        GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));
    let text = if text.contains(['-', '_']) {
        Cow::Owned(text.replace('-', "+").replace('_', "/"))
    } else {
        Cow::Borrowed(text)
    };
    LENIENT.decode(text.as_ref()).ok()
}

/// Reads the base64 text of a `$integer`, `$float` or `$bytes` object.
pub(super) struct PayloadSeed<'p> {
    pub(super) parser: &'p Parser,
    pub(super) special: Special,
}

impl<'de> DeserializeSeed<'de> for PayloadSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for PayloadSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "base64 text in `{}`", self.special.key())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        self.special.decode(text).map_err(|error| self.parser.fail(error))
    }
}
