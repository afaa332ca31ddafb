//! Tests of the V8 host with hosts that are made up.

mod actions;
mod console;
mod deploy;
mod errors;
mod fake;
mod globals;
mod limits;
mod nested;
mod programs;
mod udfs;
