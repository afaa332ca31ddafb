//! What a seed decides at its beginning.

use std::time::Duration;

use lakewire_storage::timeline::SegmentsOptions;

use crate::dice::Dice;
use crate::rates::Rates;

/// The shape of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The log is in the object store, not in a table.
    pub log_in_store: bool,
    /// Nodes with relays.
    pub nodes: usize,
    /// Clients of the relays.
    pub clients: u64,
    /// Tasks of each node that use its database directly.
    pub workers: usize,
    /// How long things go wrong.
    pub length: Duration,
    /// How segments are kept.
    pub segments: SegmentsOptions,
    /// Commits are flushed after this time at the latest.
    pub flush_interval: Duration,
    /// Bytes of blocks that a node caches.
    pub cache_bytes: usize,
    /// Branches that are made, at most.
    pub branches: u64,
    /// How far clocks are off at most.
    pub clock_skew_ms: u64,
    /// How long a node may stand still, in ms.
    pub longest_freeze_ms: u64,
    /// How often what happens.
    pub rates: Rates,
}

impl Plan {
    /// The plan of a seed.
    pub fn draw(dice: &Dice) -> Plan {
        // Some outlast what is kept of logs, and writers come back who have missed what was trimmed away meanwhile.
        let is_long = dice.chance(0.15);
        let mut rates = Rates::draw(dice);
        if is_long {
            rates.freeze = rates.freeze.max(0.004);
        }
        Plan {
            log_in_store: dice.chance(0.5),
            nodes: dice.below(if is_long { 2..4 } else { 1..4 }) as usize,
            clients: dice.below(1..5),
            workers: dice.below(1..4) as usize,
            length: Duration::from_secs(if is_long { dice.below(400..1000) } else { dice.below(20..200) }),
            segments: SegmentsOptions {
                flush_bytes: 1 << dice.below(12..20),
                history: seconds(dice, &[10, 60, 180, 600]),
                grace: seconds(dice, &[180, 240]),
                log_kept: seconds(dice, if is_long { &[200] } else { &[200, 400, 3600] }),
                orphan_age: Duration::from_secs(1200),
                manifests_kept: 5,
                unit_bytes: 1 << dice.below(9..17),
                flush_file_bytes: 1 << dice.below(14..27),
                file_bytes: 1 << dice.below(13..26),
            },
            flush_interval: seconds(dice, &[5, 20, 60]),
            cache_bytes: 1 << dice.below(16..25),
            branches: *dice.pick(&[0, 1, 2, 4]),
            longest_freeze_ms: if is_long { 800_000 } else { 400_000 },
            clock_skew_ms: *dice.pick(&[0, 0, 5, 300, 5000]),
            rates,
        }
    }
}

fn seconds(dice: &Dice, from: &[u64]) -> Duration {
    Duration::from_secs(*dice.pick(from))
}
