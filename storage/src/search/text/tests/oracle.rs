//! Text search as it is defined.

use std::collections::BTreeMap;

use super::Text;
use crate::search::text::norms::decode_length;
use crate::search::text::{TextQuery, encode_length};

/// How many texts have each term.
pub(super) fn count_documents<'a>(texts: &[&'a Text]) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for term in texts.iter().flat_map(|text| text.terms.keys()) {
        *counts.entry(term.as_str()).or_default() += 1;
    }
    counts
}

/// Scores (bits) and keys, best first.
pub(super) fn expected(query: &TextQuery, texts: &[&Text], counts: &BTreeMap<&str, usize>) -> Vec<(u64, u32)> {
    let clauses = clauses(query, counts);
    let all = texts.len() as f64;
    let average = texts.iter().map(|text| f64::from(text.length())).sum::<f64>() / all;
    let mut hits = Vec::new();
    for text in texts.iter().filter(|text| query.filters.iter().all(|filter| text.filters.contains(filter))) {
        let length = f64::from(decode_length(encode_length(text.length())));
        let (mut score, mut matches) = (0.0, false);
        for (term, boost) in &clauses {
            let Some(frequency) = text.terms.get(term) else { continue };
            let n = counts[term.as_str()] as f64;
            let idf = (1.0 + (all - n + 0.5) / (n + 0.5)).ln();
            let tf = f64::from(*frequency);
            let of_term = idf * (1.2 + 1.0) * (tf / (tf + 1.2 * (1.0 - 0.75 + 0.75 * length / average)));
            let steps = 2.0_f64.powi(37);
            score += (of_term * steps).round_ties_even() / steps * boost;
            matches = true;
        }
        if matches {
            hits.push((score.to_bits(), text.key));
        }
    }
    hits.sort_by_key(|(score, key)| (std::cmp::Reverse(*score), *key));
    hits.truncate(query.limit);
    hits
}

fn clauses(query: &TextQuery, counts: &BTreeMap<&str, usize>) -> Vec<(String, f64)> {
    let best = |is_meant: &dyn Fn(&str) -> bool| {
        let mut terms: Vec<_> = counts.iter().filter(|(term, _)| is_meant(term)).collect();
        terms.sort_by_key(|(term, documents)| (std::cmp::Reverse(**documents), **term));
        terms.into_iter().take(16).map(|(term, _)| (*term).to_owned()).collect::<Vec<_>>()
    };
    let mut clauses: BTreeMap<String, f64> = BTreeMap::new();
    let mut add = |term: String, boost: f64| {
        let known = clauses.entry(term).or_insert(boost);
        *known = known.max(boost);
    };
    for word in &query.terms {
        add(word.term.clone(), 1.0);
        let prefix = word.prefix.as_deref().unwrap_or_default();
        let of_prefix = best(&|term| !prefix.is_empty() && term.starts_with(prefix) && term != word.term);
        of_prefix.iter().for_each(|term| add(term.clone(), 0.5));
        let is_known = counts.contains_key(word.term.as_str()) || !of_prefix.is_empty();
        if query.typos == 0 || is_known || word.term.chars().all(char::is_numeric) {
            continue;
        }
        for (distance, (boost, least)) in [(1, (0.375, 5)), (2, (0.25, 9))] {
            let first = |term: &str| term.chars().next();
            let near = best(&|term| first(term) == first(&word.term) && edits(term, &word.term) == distance);
            let letters = word.term.chars().count();
            if letters >= least && usize::from(query.typos) >= distance && !near.is_empty() {
                near.into_iter().for_each(|term| add(term, boost));
                break;
            }
        }
    }
    clauses.into_iter().collect()
}

/// The optimal string alignment distance, by its definition.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = match (i, j) {
                (0, n) | (n, 0) => n,
                _ => {
                    let substitute = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let mut least = substitute.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                    if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                        least = least.min(table[i - 2][j - 2] + 1);
                    }
                    least
                }
            };
        }
    }
    table[a.len()][b.len()]
}
