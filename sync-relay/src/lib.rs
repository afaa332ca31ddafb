//! The sync relay of Lakewire: WebSockets, sessions, subscriptions, and the cache of query results that HTTP shares.
//!
//! It holds no data that cannot be had again: a client that loses its relay goes on with any other.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests may use the real world"))]

mod backend;
mod cache;
mod engine;
mod protocol;
mod relay;
mod session;
mod signal;
mod socket;

#[cfg(test)]
mod tests;

pub use cache::CacheOptions;
pub use relay::Relay;
