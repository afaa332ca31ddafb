//! Searches documents that are in no part.
//!
//! Their payloads are read from end to end: terms ascend in them, and so do those that are looked for.

use std::collections::BTreeMap;

use super::bm25::Scorer;
use super::expand::Clause;
use super::norms::encode_length;
use super::{HitPlace, TextHit};
use crate::search::key::Payload;

/// What was found in the tail.
pub(super) struct InTail {
    /// How many documents have each clause's term.
    pub documents: Vec<u64>,
    /// Per posting: the document, the clause, the frequency; by document.
    postings: Vec<(usize, usize, u32)>,
}

/// Looks for the terms of clauses.
pub(super) fn find(tail: &[Payload<'_>], clauses: &[Clause]) -> InTail {
    let mut found = InTail { documents: vec![0; clauses.len()], postings: Vec::new() };
    let terms: Vec<_> = clauses.iter().map(|clause| &clause.term[..]).collect();
    each_posting(tail, &terms, |document, clause, frequency| {
        found.documents[clause] += 1;
        found.postings.push((document, clause, frequency));
    });
    found
}

/// How many documents have each of some terms, which are as in dictionaries.
pub(super) fn count(tail: &[Payload<'_>], terms: &[Vec<u8>]) -> Vec<u64> {
    let mut counts = vec![0; terms.len()];
    let terms: Vec<_> = terms.iter().map(|term| &term[..]).collect();
    each_posting(tail, &terms, |_, term, _| counts[term] += 1);
    counts
}

/// Calls `take` with every document, term and frequency, by document. Terms are as in dictionaries.
fn each_posting(tail: &[Payload<'_>], terms: &[&[u8]], mut take: impl FnMut(usize, usize, u32)) {
    let mut wanted: Vec<(&[u8], usize)> = (0..).zip(terms).map(|(at, term)| (&term[1..], at)).collect();
    wanted.sort_unstable();
    for (document, payload) in tail.iter().enumerate() {
        let mut left = &wanted[..];
        for (term, frequency) in payload.terms() {
            while let Some(((next, _), rest)) = left.split_first()
                && *next < term
            {
                left = rest;
            }
            match left.first() {
                Some((next, at)) if *next == term => take(document, *at, frequency),
                Some(_) => {}
                None => break,
            }
        }
    }
}

impl InTail {
    /// The documents that match, with their scores.
    pub fn hits(&self, tail: &[Payload<'_>], filters: &[Vec<u8>], scorers: &[Scorer<'_>]) -> Vec<TextHit> {
        let mut hits = Vec::new();
        for postings in self.postings.chunk_by(|(a, ..), (b, ..)| a == b) {
            let at = postings[0].0;
            let payload = &tail[at];
            if payload.passes(filters) {
                let norm = encode_length(payload.tokens);
                let score =
                    postings.iter().map(|(_, clause, frequency)| scorers[*clause].score(*frequency, norm)).sum();
                hits.push(TextHit { score, place: HitPlace::Tail(at) });
            }
        }
        hits
    }
}

/// The terms that start with `prefix`, in order, with how many documents have them.
pub(super) fn terms_with_prefix<'a>(tail: &[Payload<'a>], prefix: &[u8]) -> BTreeMap<&'a [u8], u32> {
    let mut found = BTreeMap::new();
    for payload in tail {
        for (term, _) in payload.terms().skip_while(|(term, _)| *term < prefix) {
            if !term.starts_with(prefix) {
                break;
            }
            *found.entry(term).or_default() += 1;
        }
    }
    found
}
