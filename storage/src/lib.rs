//! The storage layer of Lakewire: values, ids, keys, the commit log, and transactions over them.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests may use the real world"))]

pub mod catalog;
pub mod checkpoint;
pub mod commit;
pub mod database;
pub mod definition;
pub mod document;
pub mod env;
pub mod housekeeping;
pub mod id;
pub mod interval;
pub mod key;
pub mod limits;
pub mod log;
pub mod names;
pub mod query;
pub mod recovery;
pub mod schema;
pub mod state;
#[cfg(test)]
mod testing;
pub mod transaction;
pub mod value;
