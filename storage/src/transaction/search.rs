//! Full-text searches of a transaction.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::future::try_join_all;

use super::{Transaction, TxError};
use crate::catalog::{IndexId, TableInfo};
use crate::document::Document;
use crate::interval::{SearchRead, TermRead};
use crate::key::Key;
use crate::limits::MAX_SEARCH_RESULTS;
use crate::query::Position;
use crate::search::TextSearch;
use crate::search::analysis::Analyzer;
use crate::search::find::Found;
use crate::search::key::{DocKey, filter_term, internal_id};
use crate::search::text::TextQuery;

/// Documents that are fetched at the same time: first so many, then twice as many each time, up to the most.
const FEWEST_AT_ONCE: usize = 16;
const MOST_AT_ONCE: usize = 128;

/// The lengths of what a position consists of: a score, and the front of a document's key.
const SCORE: usize = 8;
const CREATION_AND_ID: usize = 24;

/// The part of a search's results that is wanted.
pub(super) struct SearchRange {
    search: TextSearch,
    /// Those after this position, up to and including the other.
    pub after: Option<Position>,
    pub through: Option<Position>,
}

impl SearchRange {
    /// All results.
    pub fn all(search: TextSearch) -> Self {
        SearchRange { search, after: None, through: None }
    }
}

/// The results of a search, best first.
pub(super) struct SearchWalk {
    table: Arc<TableInfo>,
    index: IndexId,
    query: TextQuery,
    read: Option<Arc<SearchRead>>,
    after: Option<Position>,
    through: Option<Position>,
    found: Option<Results>,
    /// Results with the documents of the snapshot.
    ahead: VecDeque<(Key, DocKey, Option<Arc<Document>>)>,
    at_once: usize,
    /// How many results there were, those before the interval included.
    passed: usize,
}

/// What was found.
enum Results {
    /// All of it, in order as it is asked for.
    All(Found),
    /// A part, of which it had to be known where it begins and ends.
    Some(VecDeque<(f64, DocKey)>),
}

/// A result's place in the order of all: the score, descending, then what documents are ordered by.
fn position(index: IndexId, score: f64, document: &DocKey) -> Key {
    // Scores are not negative, so that their bits are in their order.
    let score = (!score.to_bits()).to_be_bytes();
    Key::from([&index.0.to_be_bytes()[..], &score, &document[..CREATION_AND_ID]].concat())
}

impl SearchWalk {
    /// The results of a search. If no more than `wanted` will be asked for, less has to be done.
    pub fn new(table: Arc<TableInfo>, range: SearchRange, wanted: Option<u64>) -> Self {
        let SearchRange { search, after, through } = range;
        let options = search.options();
        let terms = Analyzer::of(options).query(&search.text);
        let filters: Vec<_> = search.filters.iter().map(|(field, value)| filter_term(*field, value.as_ref())).collect();
        let index = search.index.id;
        let reads = terms.iter().map(|term| TermRead {
            term: term.term.as_bytes().into(),
            prefix: term.prefix.as_ref().map(|prefix| prefix.as_bytes().into()),
            typos: options.typos,
        });
        // Without a term there are no results, whatever is written.
        let read = (!terms.is_empty()).then(|| SearchRead { index, terms: reads.collect(), filters: filters.clone() });
        // One more, to see whether there are too many.
        let most = MAX_SEARCH_RESULTS + 1;
        let wanted = wanted.filter(|_| after.is_none() && through.is_none());
        let limit = wanted.map_or(most, |wanted| most.min(usize::try_from(wanted).unwrap_or(most)));
        let query = TextQuery { terms, filters, typos: options.typos, limit };
        SearchWalk {
            table,
            index,
            query,
            read: read.map(Arc::new),
            after,
            through,
            found: None,
            ahead: VecDeque::new(),
            at_once: FEWEST_AT_ONCE,
            passed: 0,
        }
    }
}

impl Transaction {
    /// The next result of a search, `None` at its end. The search is recorded as read at the first step, and sees what was
    /// written up to then; each document is as it is when it comes.
    ///
    /// # Errors
    /// `SearchQueryScannedTooManyDocumentsError`, `TooManyReads`, [`TxError::Read`].
    pub(super) async fn search_step(&mut self, walk: &mut SearchWalk) -> Result<Option<(Key, Arc<Document>)>, TxError> {
        loop {
            let Some((key, document, stored)) = walk.ahead.front().cloned() else {
                if self.look_ahead(walk).await? {
                    continue;
                }
                return Ok(None);
            };
            if walk.passed >= MAX_SEARCH_RESULTS {
                return Err(TxError::developer(
                    "SearchQueryScannedTooManyDocumentsError",
                    format!(
                        "Search query scanned too many documents (fetched {MAX_SEARCH_RESULTS}). Consider using a smaller \
                         limit, paginating the query, or using a filter field."
                    ),
                ));
            }
            walk.ahead.pop_front();
            walk.passed += 1;
            let by_id = Key::by_id(walk.table.by_id, internal_id(&document));
            let found = match self.staged.overlay.get(&by_id) {
                Some(staged) => staged.clone(),
                None => stored,
            };
            // Deleted since the search began.
            let Some(found) = found else { continue };
            return Ok(Some((key, found)));
        }
    }

    /// Fetches more results. Says whether there were more.
    async fn look_ahead(&mut self, walk: &mut SearchWalk) -> Result<bool, TxError> {
        if walk.found.is_none() {
            let Some(read) = walk.read.clone() else { return Ok(false) };
            self.record_search(read)?;
            let mut found = Found::open(&self.snapshot, &self.staged.overlay, walk.index, &walk.query).await?;
            walk.found = Some(match (&walk.after, &walk.through) {
                (None, None) => Results::All(found),
                (after, through) => {
                    let all = found.next(usize::MAX).await?;
                    let start = after.as_ref().map_or(0, |after| end_of(walk.index, &all, after));
                    let end = through.as_ref().map_or(all.len(), |through| end_of(walk.index, &all, through));
                    walk.passed = start;
                    Results::Some(all.into_iter().take(end).skip(start).collect())
                }
            });
        }
        let results = match &mut walk.found {
            None => return Ok(false),
            Some(Results::All(found)) => found.next(walk.at_once).await?,
            Some(Results::Some(found)) => found.drain(..walk.at_once.min(found.len())).collect(),
        };
        walk.at_once = (walk.at_once * 2).min(MOST_AT_ONCE);
        let snapshot = &self.snapshot;
        let fetched = results.into_iter().map(|(score, document)| {
            let key = position(walk.index, score, &document);
            let by_id = Key::by_id(walk.table.by_id, internal_id(&document));
            async move { Ok::<_, TxError>((key, document, snapshot.get(&by_id).await?)) }
        });
        walk.ahead.extend(try_join_all(fetched).await?);
        Ok(!walk.ahead.is_empty())
    }

    fn record_search(&mut self, read: Arc<SearchRead>) -> Result<(), TxError> {
        self.reads.insert_search(read);
        self.usage.intervals(self.reads.len().saturating_sub(self.system_intervals), &self.limits)
    }
}

/// How many results come up to a position and with it: that of the same document, if it is still there. Its score may be another
/// by now, as all scores change with what else is in the index.
fn end_of(index: IndexId, results: &[(f64, DocKey)], position: &Position) -> usize {
    let Position::After(key) = position else { return results.len() };
    let document = key.get(SCORE..).unwrap_or_default();
    match results.iter().position(|(_, other)| other[..CREATION_AND_ID] == *document) {
        Some(at) => at + 1,
        None => {
            results.partition_point(|(score, other)| self::position(index, *score, other).after_index() <= &key[..])
        }
    }
}
