//! What the program can be asked to do. Everything is printed to standard output.

mod meta;
#[cfg(feature = "sabotage")]
mod sabotage;
mod seeds;

use std::str::FromStr;

pub use meta::meta;
#[cfg(feature = "sabotage")]
pub use sabotage::sabotage;
pub use seeds::{print_failure, seeds};

/// Seeds in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    /// The first.
    pub first: u64,
    /// One beyond the last.
    pub end: u64,
}

impl FromStr for Seeds {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once("..") {
            Some((first, end)) => Ok(Seeds { first: first.parse()?, end: end.parse()? }),
            None => text.parse().map(|seed| Seeds { first: seed, end: seed + 1 }),
        }
    }
}
