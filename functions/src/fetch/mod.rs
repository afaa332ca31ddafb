//! Requests of actions to other servers, and where they may go.

mod client;
mod policy;
mod resolver;

#[cfg(test)]
mod tests;

pub use client::{FetchClient, FetchOptions, Override};
pub use policy::{Allowed, EgressPolicy, ParseError};
