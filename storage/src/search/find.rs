//! Runs text searches, and puts what they find in order as it is asked for.

use std::collections::VecDeque;

use futures::future::try_join_all;

use super::documents::Documents;
use super::key::{DocKey, Payload};
use super::memory::Overlay;
use super::sources::Sources;
use super::text::{HitPlace, TextHit, TextPart, TextQuery, rank, search};
use crate::catalog::IndexId;
use crate::segment::ReadError;
use crate::state::Snapshot;

/// The documents that a search found, best first.
pub(crate) struct Found {
    parts: Vec<Documents>,
    /// The keys of the documents in memory.
    memory: Vec<DocKey>,
    /// What is still to come: by score, and of one score and one source in the order of keys.
    hits: VecDeque<TextHit>,
    /// How many more are wanted.
    left: usize,
}

impl Found {
    /// Searches `index` in a snapshot, under own writes.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn open(
        snapshot: &Snapshot,
        own: &Overlay,
        index: IndexId,
        query: &TextQuery,
    ) -> Result<Self, ReadError> {
        let Sources { parts, memory } = Sources::open(snapshot, own, index).await?;
        let texts = memory.documents().filter_map(|(key, payload)| Some((*key, Payload::parse(payload)?)));
        let (keys, texts): (Vec<_>, Vec<_>) = texts.unzip();
        let text_parts: Vec<_> = parts
            .iter()
            .map(|(documents, live)| TextPart {
                reader: &documents.part,
                documents: documents.totals.documents,
                dead: &live.dead,
                live: live.count,
                total_length: live.tokens,
            })
            .collect();
        let hits = search(query, &text_parts, &texts).await?;
        let parts = parts.into_iter().map(|(documents, _)| documents).collect();
        Ok(Found { parts, memory: keys, hits: hits.into(), left: query.limit })
    }

    /// About the next `most` documents with their scores, more where some are equally good; none at the end.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn next(&mut self, most: usize) -> Result<Vec<(f64, DocKey)>, ReadError> {
        let mut batch = Vec::new();
        while batch.len() < most.min(self.left)
            && let Some(first) = self.hits.front()
        {
            let (score, of) = (first.score, source(first.place));
            let equal = self.hits.iter().take_while(|hit| hit.score == score);
            let count = equal.clone().count();
            // Of several sources, which comes first is not known before all keys are.
            let is_ordered = equal.clone().all(|hit| source(hit.place) == of);
            let count = if is_ordered { count.min(most - batch.len()) } else { count };
            batch.extend(self.hits.drain(..count));
        }
        let keys = self.keys(&batch).await?;
        let mut batch: Vec<_> = batch.into_iter().zip(keys).collect();
        rank(&mut batch, self.left);
        self.left -= batch.len();
        Ok(batch.into_iter().map(|(hit, key)| (hit.score, key)).collect())
    }

    /// The keys of hits, read at the same time.
    async fn keys(&self, hits: &[TextHit]) -> Result<Vec<DocKey>, ReadError> {
        let of_part = |part: usize| {
            hits.iter().filter_map(move |hit| match hit.place {
                HitPlace::Part { part: at, ordinal } if at == part => Some(ordinal),
                _ => None,
            })
        };
        let ordinals: Vec<Vec<u32>> = (0..self.parts.len()).map(|part| of_part(part).collect()).collect();
        let rows = self.parts.iter().zip(&ordinals).map(|(documents, ordinals)| documents.rows(ordinals));
        let mut rows: Vec<_> = try_join_all(rows).await?.into_iter().map(Vec::into_iter).collect();
        let key = |hit: &TextHit| match hit.place {
            HitPlace::Part { part, .. } => rows[part].next().map(|row| row.key),
            HitPlace::Tail(at) => self.memory.get(at).copied(),
        };
        Ok(hits.iter().filter_map(key).collect())
    }
}

/// The part that a hit is in; `None` is memory.
fn source(place: HitPlace) -> Option<usize> {
    match place {
        HitPlace::Part { part, .. } => Some(part),
        HitPlace::Tail(_) => None,
    }
}
