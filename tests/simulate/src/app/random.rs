//! Random reads and changes.

use super::setup::ACCOUNTS;
use super::spec::{Change, Index, Read, Table};
use crate::dice::Dice;

const GROUPS: u64 = 4;
const KEYS: u64 = 5;

/// A query. `ids` are documents that somebody has seen.
pub fn random_read(dice: &Dice, ids: &[(Table, String)]) -> Read {
    match dice.below(0..10) {
        0 => Read::Count { table: *dice.pick(&Table::ALL) },
        1 | 2 if !ids.is_empty() => {
            let (table, id) = dice.pick(ids).clone();
            Read::Get { table, id }
        }
        3 | 4 => {
            let index = if dice.chance(0.7) { Index::Words } else { Index::FleetingWords };
            let group = dice.chance(0.5).then(|| dice.below(0..GROUPS) as f64);
            Read::Search { index, words: random_words(dice), group }
        }
        _ => range(dice),
    }
}

/// What is searched for.
fn random_words(dice: &Dice) -> String {
    let words = ["ant0", "ant1", "ant4", "bee0", "bee2", "comma", "a", "bee", "be", "COMMA", "none"];
    let count = dice.below(1..3);
    (0..count).map(|_| *dice.pick(&words)).collect::<Vec<_>>().join(" ")
}

fn range(dice: &Dice) -> Read {
    let index = match dice.below(0..12) {
        0 => Index::Name,
        1 | 2 => Index::Balance,
        3..7 => Index::Group,
        7 | 8 => Index::Fleeting,
        9 => Index::Key,
        _ => Index::CreationTime(*dice.pick(&Table::ALL)),
    };
    let number = |most: u64| dice.below(0..most) as f64;
    let mut equal = Vec::new();
    let (mut from, mut to) = (None, None);
    match index {
        Index::Group if dice.chance(0.8) => equal.push(number(GROUPS)),
        Index::Key if dice.chance(0.7) => equal.push(number(KEYS)),
        Index::Name if dice.chance(0.7) => equal.push(number(ACCOUNTS)),
        _ => {}
    }
    if !matches!(index, Index::CreationTime(_)) && equal.len() < index.fields().len() && dice.chance(0.6) {
        let most = if index == Index::Balance { 200 } else { 60 };
        from = dice.chance(0.7).then(|| number(most));
        to = dice.chance(0.7).then(|| number(most));
    }
    let limit = dice.chance(0.4).then(|| dice.below(1..8));
    let page = (limit.is_none() && dice.chance(0.2)).then(|| dice.below(1..6) as usize);
    Read::Range { index, equal, from, to, descending: dice.chance(0.5), limit, page }
}

/// A change. `token` is unique.
pub fn random_change(dice: &Dice, token: impl FnOnce() -> String) -> Change {
    let number = |most: u64| dice.below(0..most) as f64;
    let maybe_m = || dice.chance(0.6).then(|| number(40));
    match dice.below(0..13) {
        12 => Change::Gather { words: random_words(dice), to: number(GROUPS) },
        0..3 => Change::Transfer { from: number(ACCOUNTS), to: number(ACCOUNTS), amount: number(20) + 1.0 },
        3..5 => {
            let pad = if dice.chance(0.1) { 2000 } else { dice.index(60) };
            Change::Insert { group: number(GROUPS), n: number(50), m: maybe_m(), pad }
        }
        5..8 => Change::Patch {
            group: number(GROUPS),
            last: dice.chance(0.5),
            to: number(GROUPS),
            n: number(50),
            m: maybe_m(),
        },
        8 => Change::Delete { group: number(GROUPS), last: dice.chance(0.5) },
        9 | 10 => Change::Append { key: number(KEYS), token: token() },
        _ => Change::Shift { group: number(GROUPS) },
    }
}
