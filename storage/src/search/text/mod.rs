//! Text search: the documents that match best, by BM25, in parts and in the tail.
//!
//! A document matches if it has any of the terms and all of the filters. What a term counts depends on how many live documents
//! have it, and texts on how long the average one is, over all parts and the tail: so results are the same, bit for bit, however
//! documents are spread ([`bm25`]). [`expand`] finds the terms that a prefix or a misspelled word stands for; [`evaluate`] finds
//! the best documents of a part without looking at all that match.

mod bm25;
mod edits;
mod evaluate;
mod expand;
mod lists;
mod norms;
mod tail;
mod top;

#[cfg(test)]
mod tests;

use futures::future::try_join_all;

use self::bm25::{Scorer, Statistics};
use self::lists::PartLists;
use self::top::Top;
use super::analysis::QueryTerm;
use super::key::Payload;
use super::ordinals::OrdinalSet;
use super::part::PartReader;
use crate::segment::ReadError;

pub(crate) use expand::may_correct;
pub(crate) use norms::{encode_length, write_norms};

/// The first byte of terms of texts in dictionaries.
const TERM: u8 = 1;
/// A query has no more terms than this, expansions included: those that count least are left out.
pub(crate) const MAX_TERMS: usize = 64;

/// What to search for.
#[derive(Clone, Default, Debug)]
pub(crate) struct TextQuery {
    /// Documents with any of these; one that is named twice counts once.
    pub terms: Vec<QueryTerm>,
    /// Filter terms, of which documents have all.
    pub filters: Vec<Vec<u8>>,
    /// How many edits words may be away from a query's: 0, 1 or 2. See [`expand`].
    pub typos: u8,
    /// How many documents are wanted.
    pub limit: usize,
}

/// A part that is searched.
pub(crate) struct TextPart<'a> {
    pub reader: &'a PartReader,
    /// How many ordinals there are, dead ones too.
    pub documents: u32,
    pub dead: &'a OrdinalSet,
    /// How many documents are not dead.
    pub live: u32,
    /// The lengths of those in all, in tokens.
    pub total_length: u64,
}

/// A document that was found.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct TextHit {
    /// Higher is better; not negative.
    pub score: f64,
    pub place: HitPlace,
}

/// Where a document is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum HitPlace {
    /// In a part, by its place among those searched.
    Part { part: usize, ordinal: u32 },
    /// In no part, by its place in the tail.
    Tail(usize),
}

/// The best documents, of parts and of those that are in no part, whose payloads `tail` has: those whose score is one of the `limit` best, in order of scores. Where the last ones have the same score
/// they can be more than `limit`: which come first says [`rank`], once the caller has read the keys of all hits.
///
/// # Errors
/// [`ReadError`].
pub(crate) async fn search<'a>(
    query: &TextQuery,
    parts: &'a [TextPart<'a>],
    tail: &'a [Payload<'_>],
) -> Result<Vec<TextHit>, ReadError> {
    if query.limit == 0 {
        return Ok(Vec::new());
    }
    let clauses = expand::clauses(query, parts, tail).await?;
    if clauses.is_empty() {
        return Ok(Vec::new());
    }
    let lists = try_join_all(parts.iter().map(|part| PartLists::load(part, &clauses, &query.filters))).await?;
    let in_tail = tail::find(tail, &clauses);

    let statistics = Statistics {
        documents: parts.iter().map(|part| u64::from(part.live)).sum::<u64>() + tail.len() as u64,
        total_length: parts.iter().map(|part| part.total_length).sum::<u64>()
            + tail.iter().map(|payload| u64::from(payload.tokens)).sum::<u64>(),
    };
    let factors = statistics.length_factors();
    let scorer = |(at, clause): (usize, &expand::Clause)| {
        let documents = lists.iter().map(|lists| u64::from(lists.live[at])).sum::<u64>() + in_tail.documents[at];
        Scorer { weight: statistics.weight(documents), boost: clause.boost, factors: &factors }
    };
    let scorers: Vec<_> = clauses.iter().enumerate().map(scorer).collect();

    let mut hits = in_tail.hits(tail, &query.filters, &scorers);
    let mut floor = cut(&mut hits, query.limit);
    for (part, (text, lists)) in parts.iter().zip(&lists).enumerate() {
        let mut top = Top::new(query.limit, floor);
        evaluate::best(text, lists, &scorers, &mut top)
            .await
            .map_err(|damage| text.reader.corrupt(damage.to_string()))?;
        let hit = |(score, ordinal)| TextHit { score, place: HitPlace::Part { part, ordinal } };
        hits.extend(top.into_sorted().map(hit));
        floor = cut(&mut hits, query.limit);
    }
    hits.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.place.cmp(&b.place)));
    Ok(hits)
}

/// Drops hits that are worse than the best `limit`; the score below which none can be among those.
fn cut(hits: &mut Vec<TextHit>, limit: usize) -> f64 {
    if hits.len() < limit {
        return 0.0;
    }
    let (_, last, _) = hits.select_nth_unstable_by(limit - 1, |a, b| b.score.total_cmp(&a.score));
    let floor = last.score;
    hits.retain(|hit| hit.score >= floor);
    floor
}

/// The `limit` best of hits with their document keys, best first: by score, then newest creation first.
pub(crate) fn rank<K: Ord>(hits: &mut Vec<(TextHit, K)>, limit: usize) {
    hits.sort_unstable_by(|(a, a_key), (b, b_key)| b.score.total_cmp(&a.score).then_with(|| a_key.cmp(b_key)));
    hits.truncate(limit);
}
