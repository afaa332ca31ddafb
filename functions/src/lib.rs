//! Everything a stateless worker does: runs functions of the deployed app and answers HTTP.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests may use the real world"))]

pub mod auth;
pub mod deploy;
pub mod engine;
pub mod http;
pub mod logs;
pub mod model;
pub mod runtime;
pub mod system;
pub mod udf;
