//! One simulated world: its dice, its trace, its time, and how bad things are.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lakewire_storage::env::SIMULATED_EPOCH_NS;
use parking_lot::RwLock;

use crate::dice::Dice;
use crate::rates::Rates;
use crate::trace::Trace;

/// What everything in a run shares.
pub struct World {
    /// What made it.
    pub seed: u64,
    /// Every decision.
    pub dice: Dice,
    /// Every event.
    pub trace: Trace,
    rates: RwLock<Rates>,
    started: tokio::time::Instant,
}

impl World {
    /// The world of a seed, at its beginning. Needs the runtime whose time it lives in.
    pub fn new(seed: u64) -> Arc<World> {
        let dice = Dice::new(seed);
        let rates = RwLock::new(Rates::none());
        Arc::new(World { seed, dice, trace: Trace::default(), rates, started: tokio::time::Instant::now() })
    }

    /// True time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// True wall clock in ns since the Unix epoch.
    pub fn now_ns(&self) -> u64 {
        SIMULATED_EPOCH_NS + self.elapsed().as_nanos() as u64
    }

    /// How often which fault happens at present.
    pub fn rates(&self) -> Rates {
        self.rates.read().clone()
    }

    /// Changes how often faults happen.
    pub fn set_rates(&self, rates: Rates) {
        *self.rates.write() = rates;
    }

    /// Whether a fault of this kind and probability happens now; counted if so.
    pub fn fault(&self, kind: &'static str, probability: f64) -> bool {
        let happens = self.dice.chance(probability);
        if happens {
            self.trace.fault(kind);
        }
        happens
    }

    /// Takes note of an event.
    pub fn event(&self, what: fmt::Arguments<'_>) {
        tracing::debug!(target: "sim", ms = self.elapsed().as_millis() as u64, "{what}");
        self.trace.event(self.elapsed().as_millis() as u64, what);
    }

    /// Takes note of something that must not happen.
    pub fn violation(&self, oracle: &'static str, what: fmt::Arguments<'_>) {
        tracing::error!(target: "sim", ms = self.elapsed().as_millis() as u64, oracle, "{what}");
        self.trace.violation(oracle, what);
    }

    /// Runs something that belongs to no node: what is under way in the network, say.
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(future);
    }

    /// Lets time pass.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
