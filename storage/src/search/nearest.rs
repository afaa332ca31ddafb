//! The documents nearest to a vector.

use super::VectorHit;
use super::compile::VectorSearch;
use super::key::{DocKey, Payload, filter_term, internal_id};
use super::memory::Overlay;
use super::postings::{Match, filter};
use super::sources::Sources;
use super::vector::{self, Normalised, VectorPart, score};
use crate::catalog::TableInfo;
use crate::id::DocumentId;
use crate::segment::ReadError;
use crate::state::Snapshot;
use crate::transaction::TxError;

/// The documents whose vectors are nearest to that of `search`, nearest first; of those that are equally near, newest first. What
/// is in memory and in small parts is compared exactly; in large parts some that are near may be missed.
///
/// # Errors
/// If parts cannot be read.
pub(super) async fn nearest(
    snapshot: &Snapshot,
    table: &TableInfo,
    search: &VectorSearch,
) -> Result<Vec<VectorHit>, TxError> {
    let sources = Sources::open(snapshot, &Overlay::new(), search.index.id).await?;
    let query: Vec<f64> = search.vector.iter().copied().map(f64::from).collect();
    let query = Normalised::new(&query);
    let filters: Vec<_> = search.filters.iter().map(|(field, value)| filter_term(*field, value.as_ref())).collect();
    let mut hits = in_memory(&sources, &query, &filters);
    hits.extend(in_parts(&sources, &query, &filters, search.limit).await?);
    hits.sort_by(|(a, a_key), (b, b_key)| b.total_cmp(a).then_with(|| a_key.cmp(b_key)));
    hits.truncate(search.limit);
    let hit = |(score, document): (f64, DocKey)| VectorHit {
        id: DocumentId { table: table.number, internal: internal_id(&document) },
        score,
    };
    Ok(hits.into_iter().map(hit).collect())
}

fn in_memory(sources: &Sources, query: &Normalised, filters: &[Vec<u8>]) -> Vec<(f64, DocKey)> {
    let mut hits = Vec::new();
    for (document, payload) in sources.memory.documents() {
        let Some(payload) = Payload::parse(payload) else { continue };
        let passes = filters.is_empty() || filters.iter().any(|term| payload.filters.contains(&&term[..]));
        if passes && payload.vector().len() == query.as_slice().len() * 4 {
            hits.push((score(query, payload.vector()), *document));
        }
    }
    hits
}

async fn in_parts(
    sources: &Sources,
    query: &Normalised,
    filters: &[Vec<u8>],
    limit: usize,
) -> Result<Vec<(f64, DocKey)>, ReadError> {
    let mut hits = Vec::new();
    for (documents, live) in &sources.parts {
        let allowed = match filters.is_empty() {
            true => None,
            false => Some(filter(&documents.part, documents.totals.documents, filters, Match::Any).await?),
        };
        let part = VectorPart {
            reader: &documents.part,
            documents: documents.totals.documents,
            dead: &live.dead,
            allowed: allowed.as_ref(),
        };
        let found = vector::nearest(query, limit, &part).await?;
        let ordinals: Vec<u32> = found.iter().map(|(_, ordinal)| *ordinal).collect();
        let rows = documents.rows(&ordinals).await?;
        hits.extend(found.into_iter().zip(rows).map(|((score, _), row)| (score, row.key)));
    }
    Ok(hits)
}
