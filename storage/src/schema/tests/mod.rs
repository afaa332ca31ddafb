mod check;
mod definition;
mod subset;
mod validator;

use std::collections::BTreeMap;

use super::{TableLookup, Validator};
use crate::id::TableNumber;

/// Tables by number.
struct Tables(BTreeMap<u32, &'static str>);

impl TableLookup for Tables {
    fn table_name(&self, number: TableNumber) -> Option<&str> {
        self.0.get(&number.0).copied()
    }
}

fn tables() -> Tables {
    Tables(BTreeMap::from([(10_001, "users"), (10_002, "tasks"), (600, "_storage")]))
}

fn validator(json: serde_json::Value) -> Validator {
    Validator::from_json_value(&json).unwrap_or_else(|error| panic!("{json}: {error}"))
}
