//! Arguments of system functions: one object of named fields, nothing besides.

use std::collections::BTreeMap;

use lakewire_storage::value::Value;

/// Arguments a system function does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgsError {
    #[error("the arguments are not valid: {reason}")]
    Undecodable { reason: String },
    #[error("expected a single object")]
    NotAnObject,
    #[error("object contains extra field `{name}` that is not in the validator")]
    Extra { name: String },
    #[error("object is missing the required field `{name}`")]
    Missing { name: &'static str },
    #[error("value of field `{name}` does not match validator {validator}")]
    Mismatch { name: &'static str, validator: &'static str },
    /// `componentId`, `tableNamespace` or a component path that nothing has.
    #[error("there is no component `{id}`")]
    NoComponent { id: String },
}

/// The fields not yet taken. Every function takes what it knows and then calls [`Args::none`].
#[derive(Debug)]
pub(super) struct Args(BTreeMap<String, Value>);

impl Args {
    pub(super) fn parse(text: &str) -> Result<Args, ArgsError> {
        let value = Value::from_json(text).map_err(|error| ArgsError::Undecodable { reason: error.to_string() })?;
        let Value::Array(mut positional) = value else { return Err(ArgsError::NotAnObject) };
        match (positional.pop(), positional.is_empty()) {
            (None, _) => Ok(Args(BTreeMap::new())),
            (Some(Value::Object(fields)), true) => Ok(Args(fields)),
            _ => Err(ArgsError::NotAnObject),
        }
    }

    /// Ends taking: nothing may be left.
    pub(super) fn none(self) -> Result<(), ArgsError> {
        match self.0.into_keys().next() {
            None => Ok(()),
            Some(name) => Err(ArgsError::Extra { name }),
        }
    }

    /// Ends taking, with `names` allowed and not looked at.
    pub(super) fn ignore(mut self, names: &[&str]) -> Result<(), ArgsError> {
        for name in names {
            self.0.remove(*name);
        }
        self.none()
    }

    /// Takes a field that may be absent or null.
    pub(super) fn optional(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !matches!(value, Value::Null))
    }

    pub(super) fn optional_string(&mut self, name: &'static str) -> Result<Option<String>, ArgsError> {
        match self.optional(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(ArgsError::Mismatch { name, validator: "v.string()" }),
        }
    }

    pub(super) fn string(&mut self, name: &'static str) -> Result<String, ArgsError> {
        self.optional_string(name)?.ok_or(ArgsError::Missing { name })
    }

    pub(super) fn number(&mut self, name: &'static str) -> Result<f64, ArgsError> {
        match self.optional(name) {
            None => Err(ArgsError::Missing { name }),
            Some(Value::Float64(number)) => Ok(number),
            Some(_) => Err(ArgsError::Mismatch { name, validator: "v.number()" }),
        }
    }

    pub(super) fn optional_number(&mut self, name: &'static str) -> Result<Option<f64>, ArgsError> {
        if self.has(name) { self.number(name).map(Some) } else { Ok(None) }
    }

    /// Whether a field is there that is not null.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| !matches!(value, Value::Null))
    }

    pub(super) fn object(&mut self, name: &'static str) -> Result<Args, ArgsError> {
        match self.optional(name) {
            None => Err(ArgsError::Missing { name }),
            Some(Value::Object(fields)) => Ok(Args(fields)),
            Some(_) => Err(ArgsError::Mismatch { name, validator: "v.object({...})" }),
        }
    }

    /// A value of whatever type.
    pub(super) fn any(&mut self, name: &'static str) -> Result<Value, ArgsError> {
        self.0.remove(name).ok_or(ArgsError::Missing { name })
    }

    pub(super) fn values(&mut self, name: &'static str) -> Result<Vec<Value>, ArgsError> {
        match self.optional(name) {
            None => Err(ArgsError::Missing { name }),
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(ArgsError::Mismatch { name, validator: "v.array(v.any())" }),
        }
    }

    pub(super) fn strings(&mut self, name: &'static str) -> Result<Vec<String>, ArgsError> {
        let string = |item| match item {
            Value::String(text) => Ok(text),
            _ => Err(ArgsError::Mismatch { name, validator: "v.array(v.string())" }),
        };
        self.values(name)?.into_iter().map(string).collect()
    }

    pub(super) fn array(&mut self, name: &'static str) -> Result<Vec<Args>, ArgsError> {
        let mismatch = ArgsError::Mismatch { name, validator: "v.array(v.object({...}))" };
        match self.optional(name) {
            None => Err(ArgsError::Missing { name }),
            Some(Value::Array(items)) => items
                .into_iter()
                .map(|item| match item {
                    Value::Object(fields) => Ok(Args(fields)),
                    _ => Err(mismatch.clone()),
                })
                .collect(),
            Some(_) => Err(mismatch),
        }
    }
}

/// `paginationOpts`.
#[derive(Debug)]
pub(super) struct PaginationOpts {
    pub cursor: Option<String>,
    pub num_items: usize,
}

/// Most rows a page of a system function has.
const MAX_PAGE_ROWS: f64 = 10_000.0;

impl Args {
    pub(super) fn pagination(&mut self) -> Result<PaginationOpts, ArgsError> {
        let mut opts = self.object("paginationOpts")?;
        let num_items = opts.number("numItems")?;
        let cursor = opts.optional_string("cursor")?;
        opts.ignore(&["id", "endCursor", "maximumRowsRead", "maximumBytesRead"])?;
        if num_items.is_nan() || num_items < 0.0 {
            return Err(ArgsError::Mismatch { name: "numItems", validator: "v.number()" });
        }
        Ok(PaginationOpts { cursor, num_items: num_items.min(MAX_PAGE_ROWS) as usize })
    }
}

#[cfg(test)]
mod tests {
    use super::{Args, ArgsError};

    #[test]
    fn one_object_or_nothing() {
        assert!(Args::parse("[]").expect("valid").none().is_ok());
        assert!(Args::parse("[{}]").expect("valid").none().is_ok());
        for text in ["{}", "[{},{}]", "[1]"] {
            assert_eq!(Args::parse(text).expect_err(text), ArgsError::NotAnObject);
        }
        assert!(matches!(Args::parse("["), Err(ArgsError::Undecodable { .. })));
    }

    #[test]
    fn extra_fields_are_refused() {
        let mut args = Args::parse(r#"[{"table":"notes","x":null}]"#).expect("valid");
        assert_eq!(args.string("table").as_deref(), Ok("notes"));
        assert_eq!(args.none(), Err(ArgsError::Extra { name: "x".to_owned() }));
    }

    #[test]
    fn pagination_is_bounded() {
        let mut args = Args::parse(r#"[{"paginationOpts":{"cursor":null,"numItems":1e9,"id":3}}]"#).expect("valid");
        let opts = args.pagination().expect("valid");
        assert_eq!((opts.cursor, opts.num_items), (None, 10_000));
        let mut args = Args::parse(r#"[{"paginationOpts":{"cursor":null,"numItems":-1}}]"#).expect("valid");
        assert!(args.pagination().is_err());
    }
}
