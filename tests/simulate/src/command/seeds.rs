//! Running seeds.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Seeds;
use crate::run::{Report, run};

/// Events printed of a seed that fails.
const EVENTS: usize = 60;

#[derive(Default)]
struct Sum {
    seeds: u64,
    failed: Vec<u64>,
    simulated: Duration,
    events: u64,
    transactions: u64,
    queries: u64,
    faults: BTreeMap<&'static str, u64>,
}

impl Sum {
    fn add(&mut self, report: Report) {
        self.seeds += 1;
        self.simulated += report.simulated;
        self.events += report.events;
        self.transactions += report.transactions;
        self.queries += report.queries;
        for (kind, count) in &report.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        if !report.violations.is_empty() {
            self.failed.push(report.seed);
            print_failure(&report);
        }
    }

    fn print(&mut self, took: Duration) {
        self.failed.sort_unstable();
        let hours = self.simulated.as_secs_f64() / 3600.0;
        let Sum { seeds, events, transactions, queries, .. } = self;
        println!(
            "{seeds} seeds in {:.0} s: {:.0} an hour",
            took.as_secs_f64(),
            *seeds as f64 * 3600.0 / took.as_secs_f64()
        );
        println!("{hours:.1} simulated hours, {events} events, {transactions} transactions, {queries} queries");
        for (kind, count) in &self.faults {
            println!("{count:>9} {kind}");
        }
        match self.failed.as_slice() {
            [] => println!("nothing wrong"),
            failed => println!("wrong: {failed:?}"),
        }
    }
}

/// Runs seeds, `jobs` at a time. With `minutes`, goes on after the last one until those are over. Says whether all went well.
pub fn seeds(seeds: Seeds, jobs: usize, minutes: Option<u64>) -> bool {
    let began = Instant::now();
    let until = minutes.map(|minutes| began + Duration::from_secs(60 * minutes));
    let next = AtomicU64::new(seeds.first);
    let sum = Mutex::new(Sum::default());
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let more = match until {
                        Some(until) => Instant::now() < until,
                        None => seed < seeds.end,
                    };
                    if !more {
                        return;
                    }
                    match run(seed) {
                        Ok(report) => sum.lock().add(report),
                        Err(error) => println!("{seed}: there is no runtime: {error}"),
                    }
                }
            });
        }
    });
    let mut sum = sum.into_inner();
    sum.print(began.elapsed());
    sum.failed.is_empty()
}

/// Prints what is wrong with a seed, what happened last, and how to run it again.
pub fn print_failure(report: &Report) {
    println!("seed {} goes wrong; again: make simulate SEEDS={}..{}", report.seed, report.seed, report.seed + 1);
    for violation in &report.violations {
        println!("  {}: {}", violation.oracle, violation.text);
    }
    println!("  {}", report.plan);
    let first = report.recent.len().saturating_sub(EVENTS);
    for event in &report.recent[first..] {
        println!("  | {event}");
    }
}
