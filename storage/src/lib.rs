//! The storage layer of Lakewire: values, ids, keys, schemas, the commit log, and transactions over them.
//!
//! A [`Database`](database::Database) is a [`CommitLog`](log::CommitLog) and the state that its entries add up to. A
//! [`Transaction`](transaction::Transaction) reads a [`Snapshot`](database::Snapshot), records the key intervals that it read,
//! and buffers its writes; [`commit`] checks it against what was committed since, gives it a timestamp and appends it, together
//! with others. Every logged write names its keys in every index, so conflicts and stale query results are both found by asking
//! which [`interval`]s a key lies in.
//!
//! Everything that differs from run to run (clock, randomness, tasks) comes through [`env`](mod@env), all limits from [`limits`].

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests may use the real world"))]

pub mod aws;
pub mod catalog;
pub mod chain;
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
pub mod lake;
pub mod limits;
pub mod log;
mod maintenance;
pub mod names;
pub mod query;
pub mod recovery;
pub mod sabotage;
pub mod schema;
pub mod search;
pub mod segment;
pub mod startup;
pub mod state;
#[cfg(test)]
mod testing;
pub mod timeline;
pub mod transaction;
pub mod value;
pub mod version;
pub mod watch;
