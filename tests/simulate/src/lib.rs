//! Simulation of the production code from a seed: its log, transactions, segments, compaction, collection and relay over a
//! simulated network, store, log and clock, with everything that can go wrong with them.
//!
//! [`run`] is one seed. Nodes are [`host`]s that can be killed or frozen at any await; what they send goes through
//! [`network`], which loses, delays and repeats it. Everybody writes into the [`book`] what they did and saw, and the
//! [`oracle`]s hold that against what the log says has happened.

#![allow(clippy::disallowed_methods, reason = "this is where time, randomness and tasks of a simulation come from")]

pub mod app;
pub mod book;
pub mod branches;
pub mod chaos;
pub mod client;
pub mod cluster;
pub mod command;
pub mod dice;
pub mod host;
pub mod lineage;
pub mod log;
pub mod model;
pub mod network;
pub mod node;
pub mod oracle;
pub mod plan;
pub mod rates;
pub mod run;
pub mod store;
pub mod timeline;
pub mod trace;
pub mod world;

#[cfg(test)]
mod tests;
