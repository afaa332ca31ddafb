//! Everything a stateless worker does: runs functions of the deployed app and answers HTTP.
//!
//! An [`Engine`](engine::Engine) is a database, the modules of the deployed app, and a pool of V8 isolates. [`udf`] says what a
//! call is and answers what a running function asks; [`runtime`] runs it and knows nothing of the database; [`deploy`] puts a
//! new app in place of the old one in one transaction; [`http`] is the API, [`system`] what CLI and dashboards call.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests may use the real world"))]

pub mod auth;
pub mod crons;
pub mod deploy;
pub mod engine;
pub mod fetch;
pub mod files;
pub mod http;
pub mod jobs;
pub mod lambda;
pub mod logs;
pub mod model;
pub mod node;
pub mod nudge;
pub mod remote;
pub mod runtime;
pub mod system;
mod temporary;
pub mod udf;
