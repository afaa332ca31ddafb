//! The oracles bite: each broken rule is found.

use std::time::Instant;

use lakewire_storage::sabotage::{self as rules, Rule};

use super::{Seeds, print_failure};
use crate::run::run;

/// Breaks each rule, or the one named, and runs seeds until an oracle notices. The seeds that found them are run once more with
/// nothing broken. Says whether all rules were found and nothing else was.
pub fn sabotage(only: Option<&str>, seeds: Seeds) -> bool {
    let mut good = true;
    let mut found = Vec::new();
    println!("| rule | found by | seed | seeds tried | seconds |");
    println!("| --- | --- | --- | --- | --- |");
    for rule in Rule::ALL {
        if only.is_some_and(|only| only != format!("{rule:?}")) {
            continue;
        }
        let began = Instant::now();
        rules::set(Some(rule));
        let caught = (seeds.first..seeds.end).find_map(|seed| {
            let report = run(seed).ok()?;
            report.violations.first().map(|violation| (seed, violation.clone()))
        });
        rules::set(None);
        let seconds = began.elapsed().as_secs();
        match caught {
            Some((seed, violation)) => {
                println!("| {rule:?} | {} | {seed} | {} | {seconds} |", violation.oracle, seed + 1 - seeds.first);
                found.push(seed);
            }
            None => {
                good = false;
                println!("| {rule:?} | nothing | | {} | {seconds} |", seeds.end - seeds.first);
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    for seed in found {
        match run(seed) {
            Ok(report) if report.violations.is_empty() => {}
            Ok(report) => {
                good = false;
                print_failure(&report);
            }
            Err(_) => good = false,
        }
    }
    good
}
