//! BM25 done plainly: every document is looked at, nothing is shared with the engine but the way texts are cut into words.

use std::collections::{BTreeMap, BTreeSet};

use crate::search::analysis::{Analyzer, TextOptions};

/// A document of the oracle.
#[derive(Clone, Debug)]
pub struct Note {
    pub id: String,
    pub created: f64,
    /// `None`: it has no text, and is not in the index.
    pub body: Option<String>,
    pub owner: Option<String>,
}

/// The documents that match with their scores, best first.
pub fn search<'n>(notes: &'n [Note], text: &str, owner: Option<&Option<String>>) -> Vec<(f64, &'n Note)> {
    let analyzer = Analyzer::of(&TextOptions::default());
    let indexed: Vec<(&Note, Vec<String>)> = notes
        .iter()
        .filter_map(|note| {
            let mut words = Vec::new();
            analyzer.terms(note.body.as_ref()?, &mut |word| words.push(word.to_owned()));
            Some((note, words))
        })
        .collect();
    let holders = |term: &str| indexed.iter().filter(|(_, words)| words.iter().any(|word| word == term)).count();
    let mut boosts: BTreeMap<String, f64> = BTreeMap::new();
    let query = analyzer.query(text);
    for term in &query {
        boosts.insert(term.term.clone(), 1.0);
    }
    if let Some(prefix) = query.last().and_then(|term| term.prefix.as_ref()) {
        let all: BTreeSet<&String> = indexed.iter().flat_map(|(_, words)| words).collect();
        let mut completions: Vec<&String> =
            all.into_iter().filter(|word| word.starts_with(prefix.as_str()) && !boosts.contains_key(*word)).collect();
        completions.sort_by_key(|word| (std::cmp::Reverse(holders(word)), (*word).clone()));
        for word in completions.into_iter().take(16) {
            boosts.insert(word.clone(), 0.5);
        }
    }
    let documents = indexed.len() as f64;
    let average = indexed.iter().map(|(_, words)| words.len()).sum::<usize>() as f64 / documents;
    let mut scored: Vec<(f64, &Note)> = Vec::new();
    for (note, words) in &indexed {
        if owner.is_some_and(|owner| *owner != note.owner) {
            continue;
        }
        let mut score = 0.0;
        for (term, boost) in &boosts {
            let frequency = words.iter().filter(|word| *word == term).count() as f64;
            let holders = holders(term) as f64;
            let rarity = (1.0 + (documents - holders + 0.5) / (holders + 0.5)).ln();
            let length = 1.2 * (1.0 - 0.75 + 0.75 * stored_length(words.len()) as f64 / average);
            score += boost * rarity * frequency * 2.2 / (frequency + length);
        }
        if score > 0.0 {
            scored.push((score, note));
        }
    }
    scored.sort_by(|(a, a_note), (b, b_note)| {
        b.total_cmp(a).then(b_note.created.total_cmp(&a_note.created)).then(a_note.id.cmp(&b_note.id))
    });
    scored
}

/// Whether documents are in an order that the scores allow: sums that are added up in another order differ in their last bits, so
/// only of documents with the same text is it known which comes first.
pub fn is_order(found: &[String], right: &[(f64, &Note)]) -> bool {
    let of = |id: &String| right.iter().find(|(_, note)| note.id == *id);
    let placed: Option<Vec<_>> = found.iter().map(of).collect();
    let Some(placed) = placed.filter(|placed| placed.len() == right.len()) else { return false };
    placed.windows(2).all(|pair| {
        let ((a, a_note), (b, b_note)) = (pair[0], pair[1]);
        let newer = (b_note.created, &a_note.id) <= (a_note.created, &b_note.id);
        if a_note.body == b_note.body { newer } else { *a > *b - 1e-9 }
    })
}

/// The length of a text as it is kept in a byte: exact for short ones, then with the four highest bits.
fn stored_length(length: usize) -> usize {
    if length < 40 {
        return length;
    }
    let above = length - 24;
    let shift = (usize::BITS - 4).saturating_sub(above.leading_zeros());
    24 + (above >> shift << shift)
}
