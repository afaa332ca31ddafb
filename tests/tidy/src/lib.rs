//! House rules that a compiler or linter does not know, as tests: `cargo nextest run -p lakewire-tidy`.
//!
//! A rule looks at the files that git tracks or would track, and reports every place that breaks it, so that one run
//! tells all. The rules are in [`rules`], one file each; what they look at is a [`Tree`].

pub mod rules;
mod tree;

pub use tree::{File, Tree};

#[cfg(test)]
mod tests;
