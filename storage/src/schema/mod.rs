//! Schemas: what documents may look like, and which indexes there are.
//!
//! A [`Validator`] describes values; functions have one for their arguments and one for their result. A
//! [`SchemaDefinition`] is what `schema.ts` exports: a validator and the indexes of each table.

mod check;
mod definition;
mod definition_json;
mod error;
mod index_rules;
mod subset;
mod validator;
mod validator_json;

pub use check::{TableLookup, ValidationError};
pub use definition::{
    IndexDefinition, SchemaDefinition, SchemaEnforcementError, SearchIndexDefinition, TableDefinition,
    VectorIndexDefinition,
};
pub use error::SchemaError;
pub use validator::{FieldValidator, Validator};

#[cfg(test)]
mod tests;
