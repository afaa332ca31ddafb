//! What a search read: not keys that are known, but whatever matches.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::catalog::IndexId;
use crate::search::key::{Payload, split};
use crate::search::text::may_correct;

/// Documents of a text index that match a search: those that pass its filters and have one of its terms. A commit that writes
/// none of them, old or new version, leaves the search as it is.
///
/// (But for how common each term is in the whole index, which the order of results depends on: that is not a read.)
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SearchRead {
    /// The index.
    pub index: IndexId,
    /// The terms: one of them is enough.
    pub terms: Vec<TermRead>,
    /// Filter terms, all of which must hold.
    pub filters: Vec<Vec<u8>>,
}

/// A term that was searched for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TermRead {
    /// The term.
    pub term: Box<[u8]>,
    /// Terms that begin like this match too.
    pub prefix: Option<Box<[u8]>>,
    /// Terms match that differ in so many letters, as the index allows it.
    pub typos: u8,
}

impl TermRead {
    fn matches(&self, term: &[u8]) -> bool {
        *term == *self.term
            || self.prefix.as_ref().is_some_and(|prefix| term.starts_with(prefix))
            || self.typos > 0 && self.may_mean(term)
    }
}

impl TermRead {
    fn may_mean(&self, term: &[u8]) -> bool {
        let texts = str::from_utf8(&self.term).ok().zip(str::from_utf8(term).ok());
        texts.is_some_and(|(word, term)| may_correct(word, term, self.typos))
    }
}

impl SearchRead {
    /// Whether the document with a key, of whatever index, matches.
    pub fn matches(&self, key: &[u8]) -> bool {
        if crate::state::index_of(key) != self.index {
            return false;
        }
        let payload = split(key).and_then(|(_, payload)| Payload::parse(payload));
        payload.is_some_and(|payload| self.matches_payload(&payload))
    }

    fn matches_payload(&self, payload: &Payload<'_>) -> bool {
        payload.passes(&self.filters)
            && payload.terms().any(|(term, _)| self.terms.iter().any(|read| read.matches(term)))
    }
}

/// The searches of many owners, to be asked which of them a key matches.
pub(super) struct SearchIndex<T> {
    by_index: HashMap<IndexId, Searches<T>>,
}

/// Those of one index. A search is under each of its terms and prefixes; what is found there is then looked at closely.
struct Searches<T> {
    owners: BTreeMap<T, Vec<Arc<SearchRead>>>,
    terms: HashMap<Box<[u8]>, BTreeSet<T>>,
    prefixes: HashMap<Box<[u8]>, BTreeSet<T>>,
    longest_prefix: usize,
    /// Those with typos.
    others: BTreeSet<T>,
}

impl<T> Default for SearchIndex<T> {
    fn default() -> Self {
        SearchIndex { by_index: HashMap::new() }
    }
}

impl<T> Default for Searches<T> {
    fn default() -> Self {
        let (terms, prefixes, others) = (HashMap::new(), HashMap::new(), BTreeSet::new());
        Searches { owners: BTreeMap::new(), terms, prefixes, longest_prefix: 0, others }
    }
}

impl<T: Ord + Clone> SearchIndex<T> {
    pub fn insert(&mut self, read: &Arc<SearchRead>, owner: &T) {
        let searches = self.by_index.entry(read.index).or_default();
        for term in &read.terms {
            searches.terms.entry(term.term.clone()).or_default().insert(owner.clone());
            if let Some(prefix) = &term.prefix {
                searches.longest_prefix = searches.longest_prefix.max(prefix.len());
                searches.prefixes.entry(prefix.clone()).or_default().insert(owner.clone());
            }
            if term.typos > 0 {
                searches.others.insert(owner.clone());
            }
        }
        searches.owners.entry(owner.clone()).or_default().push(read.clone());
    }

    pub fn remove(&mut self, read: &SearchRead, owner: &T) {
        let Some(searches) = self.by_index.get_mut(&read.index) else { return };
        for term in &read.terms {
            remove_from(&mut searches.terms, &term.term, owner);
            if let Some(prefix) = &term.prefix {
                remove_from(&mut searches.prefixes, prefix, owner);
            }
        }
        searches.others.remove(owner);
        searches.owners.remove(owner);
        if searches.owners.is_empty() {
            self.by_index.remove(&read.index);
        }
    }

    /// The owners of searches that the document with a key matches, each once.
    pub fn hits(&self, key: &[u8]) -> BTreeSet<&T> {
        let mut hits = BTreeSet::new();
        let Some(searches) = self.by_index.get(&crate::state::index_of(key)) else { return hits };
        let Some(payload) = split(key).and_then(|(_, payload)| Payload::parse(payload)) else { return hits };
        hits.extend(&searches.others);
        for (term, _) in payload.terms() {
            hits.extend(searches.terms.get(term).into_iter().flatten());
            let beginnings = (0..=term.len().min(searches.longest_prefix)).map(|end| &term[..end]);
            hits.extend(beginnings.filter_map(|beginning| searches.prefixes.get(beginning)).flatten());
        }
        hits.retain(|owner| {
            let reads = searches.owners.get(owner);
            reads.is_some_and(|reads| reads.iter().any(|read| read.matches_payload(&payload)))
        });
        hits
    }
}

fn remove_from<T: Ord>(map: &mut HashMap<Box<[u8]>, BTreeSet<T>>, term: &[u8], owner: &T) {
    if let Some(owners) = map.get_mut(term) {
        owners.remove(owner);
        if owners.is_empty() {
            map.remove(term);
        }
    }
}
