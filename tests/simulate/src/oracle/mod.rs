//! The judges of a run.

mod convergence;
mod files;
mod replay;

pub use convergence::verify_database;
pub use files::verify_files;
pub use replay::{Replayed, replay};
