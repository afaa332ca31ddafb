//! The terms that a query is for.
//!
//! * Every word is a term, with boost 1.
//! * A prefix is at most 16 other terms, those that most live documents have, with boost 0.5.
//! * If typos are allowed: a word that no live document has, and of which no prefix is either, is a misspelled one. It stands for
//!   the terms that are nearest to it, at most 16, those that most live documents have: at a distance of one edit (boost 0.375),
//!   else of two (boost 0.25; only words of nine letters and more, and only if two are allowed). Words of fewer than five
//!   letters, and those of digits only, are not corrected. The first letter is taken to be right: it rarely is not, and so only
//!   that letter's section of the dictionary is read. A word that some document has is never corrected: rare misspellings weigh
//!   more in BM25 than what they are misspelled from, and would come first.
//!
//! What is said of live documents is exact, so terms don't depend on how documents are spread over parts. Where a part has dead
//! ones, its dictionary has upper bounds, and terms are counted in order of these until no other can be better.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use futures::future::try_join_all;

use super::edits::Edits;
use super::lists::live_counts;
use super::{MAX_TERMS, TERM, TextPart, TextQuery, tail};
use crate::search::analysis::QueryTerm;
use crate::search::key::Payload;
use crate::search::postings::terms_with_prefix;
use crate::segment::ReadError;

/// Terms that a prefix or a misspelled word stands for, at most.
const MAX_EXPANSIONS: usize = 16;
const PREFIX_BOOST: f64 = 0.5;
/// By distance - 1.
const TYPO_BOOSTS: [f64; 2] = [0.375, 0.25];
/// How many letters a word has at least to be one that is one, or two, edits away.
const TYPO_LETTERS: [usize; 2] = [5, 9];

/// A term of a query, expansions included.
pub(super) struct Clause {
    /// As in dictionaries.
    pub term: Vec<u8>,
    pub boost: f64,
}

/// Where the documents are.
#[derive(Clone, Copy)]
struct Corpus<'a, 't> {
    parts: &'a [TextPart<'a>],
    tail: &'a [Payload<'t>],
}

/// The terms of a query, each once, with the highest boost that it has.
pub(super) async fn clauses<'a>(
    query: &TextQuery,
    parts: &'a [TextPart<'a>],
    tail: &'a [Payload<'_>],
) -> Result<Vec<Clause>, ReadError> {
    let corpus = Corpus { parts, tail };
    let (mut clauses, mut known) = (Vec::new(), HashSet::new());
    let mut add = |term: Vec<u8>, boost| {
        if clauses.len() < MAX_TERMS && known.insert(term.clone()) {
            clauses.push(Clause { term, boost });
        }
    };
    for term in &query.terms {
        add(in_dictionary(&term.term), 1.0);
    }
    let of_prefixes = try_join_all(query.terms.iter().map(|term| corpus.with_prefix(term))).await?;
    of_prefixes.iter().flatten().for_each(|term| add(term.clone(), PREFIX_BOOST));
    if query.typos > 0 {
        let is_unknown = query.terms.iter().zip(&of_prefixes).filter(|(_, expansions)| expansions.is_empty());
        let corrected = is_unknown.map(|(term, _)| corpus.corrections(&term.term, query.typos));
        let mut corrected = try_join_all(corrected).await?;
        corrected.sort_by_key(|(distance, _)| *distance);
        for (distance, terms) in corrected {
            terms.into_iter().for_each(|term| add(term, TYPO_BOOSTS[distance]));
        }
    }
    Ok(clauses)
}

/// How many edits a word is corrected by.
fn most_edits(word: &str, typos: u8) -> u8 {
    let letters = word.chars().count();
    let is_word = !word.chars().all(char::is_numeric);
    TYPO_LETTERS.iter().take(typos.into()).filter(|least| is_word && letters >= **least).count() as u8
}

/// Whether a term may be what a word stands for that is misspelled.
pub(crate) fn may_correct(word: &str, term: &str, typos: u8) -> bool {
    let most = most_edits(word, typos);
    most > 0 && word.chars().next() == term.chars().next() && Edits::new(word, most).distance(term).is_some()
}

fn in_dictionary(term: &str) -> Vec<u8> {
    [&[TERM], term.as_bytes()].concat()
}

impl Corpus<'_, '_> {
    /// The terms that a prefix stands for.
    async fn with_prefix(self, term: &QueryTerm) -> Result<Vec<Vec<u8>>, ReadError> {
        let Some(prefix) = term.prefix.as_deref().filter(|prefix| !prefix.is_empty()) else { return Ok(Vec::new()) };
        let exact = in_dictionary(&term.term);
        let [found, _] = self.candidates(prefix, || |found: &[u8]| (found != exact).then_some(0)).await?;
        self.most_frequent(&found).await
    }

    /// The terms that a misspelled word stands for, and how many edits more than one they are away.
    async fn corrections(self, word: &str, typos: u8) -> Result<(usize, Vec<Vec<u8>>), ReadError> {
        let most = most_edits(word, typos);
        let Some(first) = word.chars().next() else { return Ok((0, Vec::new())) };
        if most == 0 || self.live(&[in_dictionary(word)]).await? != [0] {
            return Ok((0, Vec::new()));
        }
        let edits = || {
            let mut edits = Edits::new(word, most);
            move |found: &[u8]| {
                let distance = edits.distance(std::str::from_utf8(found.get(1..)?).ok()?)?;
                usize::from(distance).checked_sub(1)
            }
        };
        for (distance, found) in self.candidates(&String::from(first), edits).await?.iter().enumerate() {
            let terms = self.most_frequent(found).await?;
            if !terms.is_empty() {
                return Ok((distance, terms));
            }
        }
        Ok((0, Vec::new()))
    }

    /// The terms of all dictionaries and the tail that start with `prefix` and are in one of two classes. `classes` makes a
    /// function that is asked for the class of terms that ascend.
    async fn candidates<C: FnMut(&[u8]) -> Option<usize>>(
        self,
        prefix: &str,
        classes: impl Fn() -> C,
    ) -> Result<[Candidates; 2], ReadError> {
        let prefix = in_dictionary(prefix);
        let sources = self.parts.iter().filter(|part| part.live > 0).map(|part| {
            let (prefix, mut class_of) = (&prefix, classes());
            async move {
                let mut found = [Source::default(), Source::default()];
                terms_with_prefix(part.reader, prefix, |term, documents| {
                    if let Some(class) = class_of(term) {
                        found[class].push(term, documents);
                    }
                })
                .await?;
                Ok::<_, ReadError>(found)
            }
        });
        let mut all = [Candidates::default(), Candidates::default()];
        let mut in_tail = [Source::default(), Source::default()];
        let mut class_of = classes();
        for (term, documents) in tail::terms_with_prefix(self.tail, &prefix[1..]) {
            let term = [&[TERM], term].concat();
            if let Some(class) = class_of(&term) {
                in_tail[class].push(&term, documents);
            }
        }
        for found in try_join_all(sources).await?.into_iter().chain([in_tail]) {
            for (all, found) in all.iter_mut().zip(found) {
                all.sources.push(found);
            }
        }
        Ok(all)
    }

    /// The candidates that most live documents have, by number of documents, then by bytes.
    async fn most_frequent(self, candidates: &Candidates) -> Result<Vec<Vec<u8>>, ReadError> {
        let is_exact = self.parts.iter().all(|part| part.live == 0 || part.dead.is_empty());
        // What is on top is the first that can still be among the best.
        let mut bounds = candidates.by_bound();
        let mut best: Vec<(u64, Reverse<&[u8]>)> = Vec::new();
        while let Some(next) = bounds.peek() {
            if best.get(MAX_EXPANSIONS - 1) > Some(next) {
                break;
            }
            let batch: Vec<_> = std::iter::from_fn(|| bounds.pop()).take(MAX_EXPANSIONS).collect();
            if is_exact {
                best = batch;
                break;
            }
            let terms: Vec<_> = batch.iter().map(|(_, Reverse(term))| term.to_vec()).collect();
            let live = self.live(&terms).await?;
            best.extend(batch.iter().zip(live).filter(|(_, live)| *live > 0).map(|((_, term), live)| (live, *term)));
            best.sort_unstable_by(|a, b| b.cmp(a));
            best.truncate(MAX_EXPANSIONS);
        }
        Ok(best.into_iter().map(|(_, Reverse(term))| term.to_vec()).collect())
    }

    /// How many live documents have each of some terms.
    async fn live(self, terms: &[Vec<u8>]) -> Result<Vec<u64>, ReadError> {
        let mut counts = tail::count(self.tail, terms);
        let parts = self.parts.iter().filter(|part| part.live > 0);
        for of_part in try_join_all(parts.map(|part| live_counts(part, terms))).await? {
            counts.iter_mut().zip(of_part).for_each(|(count, of_part)| *count += u64::from(of_part));
        }
        Ok(counts)
    }
}

/// Terms that were found in a dictionary or the tail, ascending.
#[derive(Default)]
struct Source {
    bytes: Vec<u8>,
    /// Per term: where its bytes end, and how many documents have it at most.
    terms: Vec<(usize, u32)>,
}

impl Source {
    fn push(&mut self, term: &[u8], documents: u32) {
        self.bytes.extend_from_slice(term);
        self.terms.push((self.bytes.len(), documents));
    }

    fn get(&self, at: usize) -> Option<(&[u8], u32)> {
        let (end, documents) = *self.terms.get(at)?;
        let start = at.checked_sub(1).map_or(0, |before| self.terms[before].0);
        Some((&self.bytes[start..end], documents))
    }
}

/// Terms of several sources.
#[derive(Default)]
struct Candidates {
    sources: Vec<Source>,
}

impl Candidates {
    /// How many documents have each term at most, dead ones included; first those with the most, then by bytes.
    fn by_bound(&self) -> BinaryHeap<(u64, Reverse<&[u8]>)> {
        let mut at = vec![0; self.sources.len()];
        let mut all = Vec::new();
        let next = |at: &[usize]| self.sources.iter().zip(at).filter_map(|(source, at)| Some(source.get(*at)?.0)).min();
        while let Some(term) = next(&at) {
            let mut documents = 0;
            for (source, at) in self.sources.iter().zip(&mut at) {
                if let Some((found, of_source)) = source.get(*at)
                    && found == term
                {
                    documents += u64::from(of_source);
                    *at += 1;
                }
            }
            all.push((documents, Reverse(term)));
        }
        all.into()
    }
}
