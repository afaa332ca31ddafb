//! The rules. Each takes the [`Tree`](crate::Tree) and returns one line for every place that breaks it.

pub mod docs;
pub mod layering;
pub mod size;
pub mod words;
