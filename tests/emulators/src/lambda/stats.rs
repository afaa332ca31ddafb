//! What happened to a function, in numbers.

use serde_json::{Value, json};

use super::environment::{End, Times};

#[derive(Debug, Default)]
pub(super) struct Stats {
    pub throttles: u64,
    /// Asynchronous invocations that were made again after they failed.
    pub retries: u64,
    invocations: u64,
    errors: u64,
    timeouts: u64,
    crashes: u64,
    billed_ms: u64,
    init: Samples,
    restore: Samples,
    answer: Samples,
}

impl Stats {
    /// Counts one invocation.
    pub fn invoked(&mut self, end: End, times: Times) {
        self.invocations += 1;
        match end {
            End::Answered => {}
            End::Failed => self.errors += 1,
            End::TimedOut => self.timeouts += 1,
            End::Crashed => self.crashes += 1,
        }
        // Initializations are paid for since August 2025, restores always were.
        let started = times.init.or(times.restore).unwrap_or_default();
        self.billed_ms += (started + times.run).as_micros().div_ceil(1000).max(1) as u64;
        if let Some(init) = times.init {
            self.init.0.push(init.as_secs_f64() * 1e3);
        }
        if let Some(restore) = times.restore {
            self.restore.0.push(restore.as_secs_f64() * 1e3);
        }
        self.answer.0.push(times.answer.as_secs_f64() * 1e3);
    }

    /// As `GET /stats` shows it, for a function with so many MB.
    pub fn show(&self, memory: u32) -> Value {
        json!({
            "invocations": self.invocations,
            "coldStarts": self.init.0.len(),
            "restores": self.restore.0.len(),
            "errors": self.errors,
            "timeouts": self.timeouts,
            "crashes": self.crashes,
            "throttles": self.throttles,
            "retries": self.retries,
            "billedMs": self.billed_ms,
            "gbSeconds": self.billed_ms as f64 / 1e3 * f64::from(memory) / 1024.0,
            "initMs": self.init.show(),
            "restoreMs": self.restore.show(),
            "durationMs": self.answer.show(),
        })
    }
}

/// Durations in milliseconds.
#[derive(Debug, Default)]
struct Samples(Vec<f64>);

impl Samples {
    fn show(&self) -> Value {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let quantile =
            |share: f64| sorted.get(((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1)));
        json!({
            "count": sorted.len(),
            "total": sorted.iter().fold(0.0, |sum, ms| sum + ms),
            "p50": quantile(0.5),
            "p99": quantile(0.99),
            "max": sorted.last(),
        })
    }
}
