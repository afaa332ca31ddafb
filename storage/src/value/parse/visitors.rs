use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::Parser;
use super::special::Special;
use crate::value::{Value, ValueError};
use crate::{limits, names};

/// Reads a value.
pub(super) struct ValueSeed<'p> {
    pub(super) parser: &'p Parser,
    /// How many arrays and objects are around the value.
    pub(super) depth: usize,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        self.parser.add_size(1);
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, boolean: bool) -> Result<Value, E> {
        self.parser.add_size(1);
        Ok(Value::Boolean(boolean))
    }

    fn visit_f64<E: de::Error>(self, float: f64) -> Result<Value, E> {
        self.parser.add_size(9);
        Ok(Value::Float64(float))
    }

    fn visit_i64<E: de::Error>(self, integer: i64) -> Result<Value, E> {
        self.visit_f64(integer as f64)
    }

    fn visit_u64<E: de::Error>(self, integer: u64) -> Result<Value, E> {
        self.visit_f64(integer as f64)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Value, E> {
        self.parser.add_size(2 + text.len());
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        self.parser.enter(self.depth)?;
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element_seed(self.parser.value(self.depth + 1))? {
            if elements.len() == limits::MAX_ARRAY_LENGTH {
                return Err(self.parser.fail(ValueError::ArrayTooLong));
            }
            elements.push(element);
        }
        self.parser.add_size(2);
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let first = map.next_key_seed(KeySeed(self.parser))?;
        self.parser.object(self.depth, first, &mut map)
    }
}

/// Reads a value, or `{"$undefined":null}` as `None`.
pub(super) struct MaybeSeed<'p> {
    pub(super) parser: &'p Parser,
    /// How many arrays and objects are around the value.
    pub(super) depth: usize,
}

impl MaybeSeed<'_> {
    fn value(&self) -> ValueSeed<'_> {
        self.parser.value(self.depth)
    }
}

impl<'de> DeserializeSeed<'de> for MaybeSeed<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Value>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MaybeSeed<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or undefined")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Option<Value>, E> {
        self.value().visit_unit().map(Some)
    }

    fn visit_bool<E: de::Error>(self, boolean: bool) -> Result<Option<Value>, E> {
        self.value().visit_bool(boolean).map(Some)
    }

    fn visit_f64<E: de::Error>(self, float: f64) -> Result<Option<Value>, E> {
        self.value().visit_f64(float).map(Some)
    }

    fn visit_i64<E: de::Error>(self, integer: i64) -> Result<Option<Value>, E> {
        self.value().visit_i64(integer).map(Some)
    }

    fn visit_u64<E: de::Error>(self, integer: u64) -> Result<Option<Value>, E> {
        self.value().visit_u64(integer).map(Some)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Option<Value>, E> {
        self.value().visit_str(text).map(Some)
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Option<Value>, E> {
        self.value().visit_string(text).map(Some)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Option<Value>, A::Error> {
        self.value().visit_seq(seq).map(Some)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Value>, A::Error> {
        let first = map.next_key_seed(KeySeed(self.parser))?;
        if let Some(FieldKey::Special(Special::Undefined)) = first {
            map.next_value::<()>()?;
            return match map.next_key::<de::IgnoredAny>()? {
                None => Ok(None),
                Some(_) => Err(self.parser.fail(Special::Undefined.as_field_name())),
            };
        }
        self.parser.object(self.depth, first, &mut map).map(Some)
    }
}

/// Reads an object whose fields may be undefined.
pub(super) struct PatchVisitor<'p>(pub(super) &'p Parser);

impl<'de> Visitor<'de> for PatchVisitor<'_> {
    type Value = BTreeMap<String, Option<Value>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let first = map.next_key_seed(KeySeed(self.0))?;
        self.0.fields(0, first, &mut map, || self.0.maybe(1))
    }
}

/// A key of an object.
pub(super) enum FieldKey {
    Special(Special),
    Name(String),
}

/// Reads a key and checks that it is allowed.
pub(super) struct KeySeed<'p>(pub(super) &'p Parser);

impl KeySeed<'_> {
    fn classify<E: de::Error>(&self, key: Cow<'_, str>) -> Result<FieldKey, E> {
        if key.starts_with('$')
            && let Some(special) = Special::from_key(&key)
        {
            return Ok(FieldKey::Special(special));
        }
        names::check_field_name(&key).map_err(|error| self.0.fail(error.into()))?;
        Ok(FieldKey::Name(key.into_owned()))
    }
}

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = FieldKey;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<FieldKey, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = FieldKey;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<FieldKey, E> {
        self.classify(Cow::Borrowed(key))
    }

    fn visit_string<E: de::Error>(self, key: String) -> Result<FieldKey, E> {
        self.classify(Cow::Owned(key))
    }
}
