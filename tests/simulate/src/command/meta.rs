//! The simulation is deterministic, or a seed says nothing.

use super::Seeds;
use crate::run::run;

/// Runs each seed twice. Says whether the same happened.
pub fn meta(seeds: Seeds) -> bool {
    let mut same = true;
    for seed in seeds.first..seeds.end {
        let (one, other) = match (run(seed), run(seed)) {
            (Ok(one), Ok(other)) => (one, other),
            (Err(error), _) | (_, Err(error)) => {
                println!("{seed}: there is no runtime: {error}");
                return false;
            }
        };
        if one.hash == other.hash {
            println!("{seed}: {} events, twice {}", one.events, one.hash);
            continue;
        }
        same = false;
        println!("{seed}: {} events {}, then {} events {}", one.events, one.hash, other.events, other.hash);
    }
    same
}
