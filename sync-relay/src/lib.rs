//! The sync relay of Lakewire: WebSockets, sessions, subscriptions, and the cache of query results that HTTP shares.
//!
//! It holds no data that cannot be had again: a client that loses its relay goes on with any other.
//!
//! A [`Relay`] follows the commits of the engine's database. A commit that touches what a query has read makes its result stale;
//! the query runs again once, however many subscribe to it, and every session that is concerned gets a Transition that shows all
//! of its queries at one timestamp.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests may use the real world"))]

pub mod backend;
mod cache;
mod drain;
mod engine;
pub mod gateway;
pub mod peers;
mod protocol;
mod relay;
mod session;
mod signal;
mod socket;

#[cfg(test)]
mod tests;

pub use cache::CacheOptions;
pub use relay::{Relay, Sessions};
