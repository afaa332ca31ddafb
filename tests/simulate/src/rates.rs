//! How often which fault happens.

use crate::dice::Dice;

/// Probabilities, of one request where nothing else is said.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    /// Never arrives; the sender gives up after a while.
    pub lost_request: f64,
    /// Is carried out, and the sender never hears of it.
    pub lost_answer: f64,
    /// The sender has given up when it is carried out, up to two minutes later.
    pub delayed: f64,
    /// Is refused: `503`, throttled.
    pub refused: f64,
    /// Is carried out twice.
    pub duplicated: f64,
    /// Takes seconds.
    pub slow: f64,
    /// Of one listing: as things were a while ago.
    pub stale_list: f64,
    /// Of one download: breaks off in the middle.
    pub cut_body: f64,
    /// Of one request: the node dies just before or after it.
    pub crash_at_request: f64,
    /// Of one step of a task: another one gets its turn first.
    pub yields: f64,
    /// Longest usual time of a request in ms.
    pub latency_ms: u64,
    /// Of one second of the world, each: a node dies, freezes, has its clock set; the store is down for all.
    pub kill: f64,
    /// See `kill`.
    pub freeze: f64,
    /// See `kill`.
    pub clock_jump: f64,
    /// See `kill`.
    pub outage: f64,
    /// Of one second of a client: its connection breaks.
    pub cut_connection: f64,
}

impl Rates {
    /// Nothing fails.
    pub fn none() -> Self {
        Rates { latency_ms: 8, ..Rates::default() }
    }

    /// What a seed has: from almost nothing to almost everything.
    pub fn draw(dice: &Dice) -> Self {
        let scale = *dice.pick(&[0.0, 0.3, 1.0, 1.0, 3.0]);
        let rate = |usual: f64| if dice.chance(0.7) { usual * scale } else { 0.0 };
        Rates {
            lost_request: rate(0.01),
            lost_answer: rate(0.02),
            delayed: rate(0.01),
            refused: rate(0.02),
            duplicated: rate(0.01),
            slow: rate(0.02),
            stale_list: rate(0.3),
            cut_body: rate(0.01),
            crash_at_request: rate(0.0007),
            yields: rate(0.1),
            latency_ms: 1 << dice.below(0..7),
            kill: rate(0.004),
            freeze: rate(0.002),
            clock_jump: rate(0.004),
            outage: rate(0.001),
            cut_connection: rate(0.02),
        }
    }
}
