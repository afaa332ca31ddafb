//! Tests of the V8 host with hosts that are made up.

mod actions;
mod console;
mod deploy;
mod errors;
mod fake;
mod fake_net;
mod globals;
mod http_actions;
mod limits;
mod nested;
mod programs;
mod reuse;
mod udfs;
mod web;
mod web_actions;
mod web_crypto;
