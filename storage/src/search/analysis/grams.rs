//! Runs of letters without spaces as overlapping pairs of letters.

use smallvec::SmallVec;

use super::scripts::{Unspaced, extends, unspaced};

/// The letters of a run, each with the marks on it, as positions where they begin; then the end.
fn letters(run: &str) -> SmallVec<[usize; 32]> {
    let mut starts = SmallVec::new();
    for (at, letter) in run.char_indices() {
        if starts.is_empty() || !extends(letter) {
            starts.push(at);
        }
    }
    starts.push(run.len());
    starts
}

/// Whether one letter can be a word that people search for, so that it is a term wherever it occurs.
fn is_word(letter: &str) -> bool {
    matches!(letter.chars().next().and_then(unspaced), Some(Unspaced::Han | Unspaced::Hangul))
}

/// The terms of a run in a document: every two letters next to each other; every letter that can be a word; the last letter,
/// so that each letter begins some term, and a search by its beginning finds it.
pub(super) fn terms(run: &str, out: &mut dyn FnMut(&str)) {
    let starts = letters(run);
    for (i, bounds) in starts.windows(2).enumerate() {
        let letter = &run[bounds[0]..bounds[1]];
        match starts.get(i + 2) {
            Some(end) => {
                out(&run[bounds[0]..*end]);
                if is_word(letter) {
                    out(letter);
                }
            }
            None => out(letter),
        }
    }
}

/// The terms that a search for a run asks for: pairs, or the only letter. With each whether there are longer terms that begin
/// so: a letter that may get marks, or that has no term of its own in the middle of a run.
pub(super) fn query(run: &str, out: &mut dyn FnMut(&str, bool)) {
    let starts = letters(run);
    let pair = starts.windows(3).map(|bounds| (bounds[0], bounds[1], bounds[2]));
    let only = (starts.len() == 2).then(|| (starts[0], starts[0], starts[1]));
    for (start, last, end) in pair.chain(only) {
        out(&run[start..end], !is_word(&run[last..end]));
    }
}
