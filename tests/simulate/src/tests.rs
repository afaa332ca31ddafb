//! Some seeds, and that a seed decides everything.

use crate::command::print_failure;
use crate::run::run;

/// Seeds that once found something, one a line, each with what it was after a `#`.
const KEPT: &str = include_str!("../seeds.txt");

fn all_go_well(seeds: impl Iterator<Item = u64>) {
    let mut wrong = Vec::new();
    for seed in seeds {
        let report = run(seed).expect("a runtime");
        assert!(report.queries > 0, "seed {seed} does nothing");
        if !report.violations.is_empty() {
            print_failure(&report);
            wrong.push(seed);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?} go wrong");
}

#[test]
fn seeds_that_are_kept_go_well() {
    let seeds = KEPT.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    all_go_well(seeds.filter(|line| !line.is_empty()).map(|seed| seed.parse().expect("a number")));
}

#[test]
fn some_seeds_go_well() {
    all_go_well(10..12);
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in [1, 7] {
        let (one, other) = (run(seed).expect("a runtime"), run(seed).expect("a runtime"));
        assert!(one.events > 100);
        assert_eq!((one.hash, one.events), (other.hash, other.events), "seed {seed}");
    }
}
