//! Encoded JSON -> [`Value`], by a serde visitor without a tree in between: this runs for every insert.

mod special;
mod visitors;

use std::cell::Cell;
use std::collections::BTreeMap;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess};

use self::special::{PayloadSeed, Special};
use self::visitors::{FieldKey, KeySeed, MaybeSeed, PatchVisitor, ValueSeed};
use super::{Value, ValueError};
use crate::limits;

/// Which of the objects that only exist inside a function are values here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// None: what a client sends and what is stored.
    Plain,
    /// `{"$commitTs":null}` is [`Value::CommitTs`].
    InMutation,
}

impl Value {
    /// Reads encoded JSON text, checking field names and all limits of a value. `{"$commitTs":null}` is an error.
    pub fn from_json(text: &str) -> Result<Value, ValueError> {
        parse_text(text, Mode::Plain, |parser, de| parser.value(0).deserialize(de))
    }

    /// Like [`Value::from_json`], but reads `{"$commitTs":null}` as [`Value::CommitTs`]: for values that come from a
    /// running mutation.
    pub fn from_json_in_mutation(text: &str) -> Result<Value, ValueError> {
        parse_text(text, Mode::InMutation, |parser, de| parser.value(0).deserialize(de))
    }

    /// Like [`Value::from_json`], from a JSON tree.
    pub fn from_json_value(json: &serde_json::Value) -> Result<Value, ValueError> {
        parse(json, Mode::Plain, |parser, de| parser.value(0).deserialize(de))
    }

    /// Like [`Value::from_json_in_mutation`], from a JSON tree.
    pub fn from_json_value_in_mutation(json: &serde_json::Value) -> Result<Value, ValueError> {
        parse(json, Mode::InMutation, |parser, de| parser.value(0).deserialize(de))
    }

    /// Like [`Value::from_json_value`], but `{"$undefined":null}` is `None`: for literals of filters.
    pub fn maybe_from_json_value(json: &serde_json::Value) -> Result<Option<Value>, ValueError> {
        parse(json, Mode::Plain, |parser, de| parser.maybe(0).deserialize(de))
    }

    /// Like [`Value::from_json_value_in_mutation`], but `{"$undefined":null}` is `None`: for bounds of index ranges.
    pub fn maybe_from_json_value_in_mutation(json: &serde_json::Value) -> Result<Option<Value>, ValueError> {
        parse(json, Mode::InMutation, |parser, de| parser.maybe(0).deserialize(de))
    }

    /// Reads the fields of a patch: encoded JSON text of an object whose top-level fields may be `{"$undefined":null}`
    /// (`None`: the field is to be removed). `$commitTs` is allowed.
    pub fn patch_from_json(text: &str) -> Result<BTreeMap<String, Option<Value>>, ValueError> {
        parse_text(text, Mode::InMutation, |parser, de| de.deserialize_any(PatchVisitor(parser)))
    }

    /// Like [`Value::patch_from_json`], from a JSON tree.
    pub fn patch_from_json_value(json: &serde_json::Value) -> Result<BTreeMap<String, Option<Value>>, ValueError> {
        parse(json, Mode::InMutation, |parser, de| de.deserialize_any(PatchVisitor(parser)))
    }
}

/// Reads plain encoded JSON wherever serde reads something.
impl<'de> de::Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let parser = Parser::new(Mode::Plain);
        let value = parser.value(0).deserialize(deserializer)?;
        parser.check_size().map_err(de::Error::custom)?;
        Ok(value)
    }
}

fn parse_text<'de, T>(
    text: &'de str,
    mode: Mode,
    read: impl FnOnce(&Parser, &mut serde_json::Deserializer<serde_json::de::StrRead<'de>>) -> serde_json::Result<T>,
) -> Result<T, ValueError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = parse(&mut deserializer, mode, read)?;
    deserializer.end().map_err(|error| ValueError::Malformed(error.to_string()))?;
    Ok(parsed)
}

fn parse<D, T>(
    deserializer: D,
    mode: Mode,
    read: impl FnOnce(&Parser, D) -> serde_json::Result<T>,
) -> Result<T, ValueError> {
    let parser = Parser::new(mode);
    let parsed = read(&parser, deserializer).map_err(|error| parser.error(&error))?;
    parser.check_size()?;
    Ok(parsed)
}

/// How the JSON parser's errors about unpaired surrogates begin.
const UNPAIRED_SURROGATE: [&str; 2] = ["unexpected end of hex escape", "lone leading surrogate in hex escape"];

/// What the seeds of one parse share.
struct Parser {
    mode: Mode,
    /// Size of the values read so far, as of [`Value::size`].
    size: Cell<usize>,
    /// The error in its own type: serde's errors carry only text.
    error: Cell<Option<ValueError>>,
}

impl Parser {
    fn new(mode: Mode) -> Self {
        Parser { mode, size: Cell::new(0), error: Cell::new(None) }
    }

    fn value(&self, depth: usize) -> ValueSeed<'_> {
        ValueSeed { parser: self, depth }
    }

    fn maybe(&self, depth: usize) -> MaybeSeed<'_> {
        MaybeSeed { parser: self, depth }
    }

    fn fail<E: de::Error>(&self, error: ValueError) -> E {
        let text = error.to_string();
        self.error.set(Some(error));
        E::custom(text)
    }

    fn error(&self, error: &serde_json::Error) -> ValueError {
        self.error.take().unwrap_or_else(|| {
            let text = error.to_string();
            // What the JSON parser says of an escaped surrogate without its other half does not tell what is wrong.
            if UNPAIRED_SURROGATE.iter().any(|start| text.starts_with(start)) {
                return ValueError::Malformed(
                    "a string holds an unpaired surrogate, so it is not valid Unicode".into(),
                );
            }
            ValueError::Malformed(text)
        })
    }

    fn add_size(&self, bytes: usize) {
        self.size.set(self.size.get() + bytes);
    }

    fn check_size(&self) -> Result<(), ValueError> {
        let size = self.size.get();
        if size > limits::MAX_VALUE_SIZE {
            return Err(ValueError::TooLarge { what: "value", actual: size, maximum: limits::MAX_VALUE_SIZE });
        }
        Ok(())
    }

    /// Reads the rest of an object whose first key was read already.
    fn object<'de, A: MapAccess<'de>>(
        &self,
        depth: usize,
        first: Option<FieldKey>,
        map: &mut A,
    ) -> Result<Value, A::Error> {
        match first {
            Some(FieldKey::Special(special)) => self.special(special, map),
            first => Ok(Value::Object(self.fields(depth, first, map, || self.value(depth + 1))?)),
        }
    }

    /// Reads the fields of an ordinary object at `depth`.
    fn fields<'de, A: MapAccess<'de>, S: DeserializeSeed<'de>>(
        &self,
        depth: usize,
        first: Option<FieldKey>,
        map: &mut A,
        seed: impl Fn() -> S,
    ) -> Result<BTreeMap<String, S::Value>, A::Error> {
        self.enter(depth)?;
        let mut fields = BTreeMap::new();
        let mut key = first;
        let mut size = 2;
        while let Some(next) = key {
            let name = match next {
                FieldKey::Name(name) => name,
                FieldKey::Special(special) => return Err(self.fail(special.as_field_name())),
            };
            if fields.len() == limits::MAX_OBJECT_FIELDS {
                return Err(self.fail(ValueError::TooManyFields));
            }
            size += name.len() + 1;
            // Of fields with the same name the last one wins, as in `JSON.parse`.
            fields.insert(name, map.next_value_seed(seed())?);
            key = map.next_key_seed(KeySeed(self))?;
        }
        self.add_size(size);
        Ok(fields)
    }

    /// Checks the nesting of an array or object whose parent is at `depth - 1`.
    fn enter<E: de::Error>(&self, depth: usize) -> Result<(), E> {
        if depth >= limits::MAX_VALUE_NESTING {
            return Err(self.fail(ValueError::TooNested));
        }
        Ok(())
    }

    /// Reads the rest of an object whose first key is `special`.
    fn special<'de, A: MapAccess<'de>>(&self, special: Special, map: &mut A) -> Result<Value, A::Error> {
        let value = match special {
            Special::Integer | Special::Float | Special::Bytes => {
                map.next_value_seed(PayloadSeed { parser: self, special })?
            }
            Special::CommitTs => {
                map.next_value::<()>()?;
                if self.mode != Mode::InMutation {
                    return Err(self.fail(ValueError::UnresolvedCommitTs));
                }
                Value::CommitTs
            }
            Special::Undefined => {
                map.next_value::<()>()?;
                return Err(self.fail(ValueError::Undefined));
            }
            Special::Set => return Err(self.fail(ValueError::Removed("Set"))),
            Special::Map => return Err(self.fail(ValueError::Removed("Map"))),
        };
        if map.next_key::<de::IgnoredAny>()?.is_some() {
            return Err(self.fail(special.as_field_name()));
        }
        self.add_size(value.size());
        Ok(value)
    }
}
