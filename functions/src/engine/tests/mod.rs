//! The engine over V8 and an in-memory log, with the app of `tests/fixtures/engine`.

mod actions;
mod calls;
mod database;
pub(crate) mod harness;
mod meta;
mod mutations;
mod nested;
mod node_remote;
mod pages;
mod text_options;
mod vectors;
