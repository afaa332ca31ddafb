//! Which documents of a part a reader sees: the newest versions over all parts, and no tombstones.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::documents::{DocumentChunk, DocumentRow, Documents};
use super::key::DocKey;
use super::ordinals::OrdinalSet;
use crate::log::Timestamp;
use crate::segment::{ReadError, SegmentCache};

/// What a reader sees of a part.
#[derive(Clone)]
pub(crate) struct Live {
    /// What it does not.
    pub dead: OrdinalSet,
    /// How many documents it sees.
    pub count: u32,
    /// Their tokens.
    pub tokens: u64,
}

impl Live {
    fn kill(&mut self, ordinal: u32, row: &DocumentRow) {
        if !self.dead.contains(ordinal) {
            self.dead.insert(ordinal);
            self.count -= 1;
            self.tokens -= u64::from(row.tokens);
        }
    }
}

/// What a reader at `ts` sees of each of the parts of an index, newest first, where there is nothing in memory above them.
/// What was found for all readers from some timestamp on is kept in the cache.
///
/// # Errors
/// [`ReadError`].
pub(crate) async fn live(
    cache: &SegmentCache,
    parts: &[Documents],
    ts: Timestamp,
) -> Result<Vec<Arc<Live>>, ReadError> {
    let mut all = Vec::with_capacity(parts.len());
    for at in 0..parts.len() {
        let name = name(parts, at, ts);
        if let Some(known) = cache.derived(name) {
            all.push(known);
            continue;
        }
        let live = Arc::new(of_part(parts, at, ts).await?);
        cache.keep_derived(name, live.clone(), live.dead.memory() + size_of::<Live>());
        all.push(live);
    }
    Ok(all)
}

/// What the result depends on.
fn name(parts: &[Documents], at: usize, ts: Timestamp) -> u128 {
    let mut digest = Sha256::new();
    digest.update((at as u64).to_le_bytes());
    for part in parts {
        let limit = part.limit(ts);
        // Who sees all of a part sees the same, whenever.
        let limit = if limit >= part.totals.max_ts { Timestamp::MAX } else { limit };
        digest.update(part.part.id().to_le_bytes());
        digest.update(limit.to_le_bytes());
    }
    u128::from_le_bytes(digest.finalize()[..16].try_into().expect("a digest has 32 bytes"))
}

async fn of_part(parts: &[Documents], at: usize, ts: Timestamp) -> Result<Live, ReadError> {
    let part = &parts[at];
    let limit = part.limit(ts);
    let mut live = match limit >= part.totals.max_ts {
        true => Live { dead: OrdinalSet::default(), count: part.totals.live, tokens: part.totals.tokens },
        false => visible(part, limit).await?,
    };
    if limit >= part.totals.max_ts {
        part.dead().await?.into_iter().for_each(|ordinal| live.dead.insert(ordinal));
    }
    for (other_at, other) in parts.iter().enumerate().filter(|(other_at, _)| *other_at != at) {
        let is_newer = other_at < at;
        // Runs do not overlap in time, but for rows that two flushes wrote.
        let matters = is_newer || other.totals.max_ts >= part.totals.min_ts;
        let overlaps = other.first_key() <= part.last_key() && part.first_key() <= other.last_key();
        if matters && overlaps {
            let limit = other.limit(ts);
            let wins = |theirs: Timestamp, ours: Timestamp| theirs > ours || is_newer && theirs == ours;
            supersede(&mut live, part, other, limit, wins).await?;
        }
    }
    Ok(live)
}

/// What is to be seen of a part of which only what is not after `limit` exists.
async fn visible(part: &Documents, limit: Timestamp) -> Result<Live, ReadError> {
    let mut live = Live { dead: OrdinalSet::default(), count: 0, tokens: 0 };
    let mut settled: Option<DocKey> = None;
    for number in 0..part.chunks() {
        let chunk = part.chunk(number).await?;
        for (ordinal, row) in (chunk.first..).zip((0..chunk.len()).filter_map(|at| chunk.row(at))) {
            let is_newest = row.ts <= limit && settled != Some(row.key);
            if is_newest {
                settled = Some(row.key);
            }
            if is_newest && !row.is_tombstone {
                live.count += 1;
                live.tokens += u64::from(row.tokens);
            } else {
                live.dead.insert(ordinal);
            }
        }
        tokio::task::yield_now().await;
    }
    Ok(live)
}

/// Takes away what `other` has a version of, not after `limit`, that `wins`.
async fn supersede(
    live: &mut Live,
    part: &Documents,
    other: &Documents,
    limit: Timestamp,
    wins: impl Fn(Timestamp, Timestamp) -> bool,
) -> Result<(), ReadError> {
    let mut cursor = Cursor { documents: part, chunk: None };
    let mut settled: Option<DocKey> = None;
    'chunks: for number in other.chunk_of(part.first_key())..other.chunks() {
        let theirs = other.chunk(number).await?;
        for row in (0..theirs.len()).filter_map(|at| theirs.row(at)) {
            if row.key > *part.last_key() {
                break 'chunks;
            }
            if row.ts > limit || settled == Some(row.key) || row.key < *part.first_key() {
                continue;
            }
            settled = Some(row.key);
            cursor
                .each(&row.key, |ordinal, ours| {
                    if wins(row.ts, ours.ts) {
                        live.kill(ordinal, ours);
                    }
                })
                .await?;
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// The same with documents that are superseded by what is in memory: `keys` ascend.
///
/// # Errors
/// [`ReadError`].
pub(crate) async fn without(live: &Arc<Live>, part: &Documents, keys: &[&DocKey]) -> Result<Arc<Live>, ReadError> {
    let first = keys.partition_point(|key| *key < part.first_key());
    let inside = &keys[first..];
    let inside = &inside[..inside.partition_point(|key| *key <= part.last_key())];
    if inside.is_empty() {
        return Ok(live.clone());
    }
    let mut cursor = Cursor { documents: part, chunk: None };
    let mut fewer: Option<Live> = None;
    for key in inside {
        cursor
            .each(key, |ordinal, row| {
                if !live.dead.contains(ordinal) {
                    fewer.get_or_insert_with(|| Live::clone(live)).kill(ordinal, row);
                }
            })
            .await?;
    }
    Ok(fewer.map_or_else(|| live.clone(), Arc::new))
}

/// Looks up ascending keys, chunk by chunk.
struct Cursor<'a> {
    documents: &'a Documents,
    chunk: Option<(usize, DocumentChunk)>,
}

impl Cursor<'_> {
    /// Every version of a key.
    async fn each(&mut self, key: &DocKey, mut take: impl FnMut(u32, &DocumentRow)) -> Result<(), ReadError> {
        let mut number = self.documents.chunk_of(key);
        loop {
            if self.chunk.as_ref().is_none_or(|(at, _)| *at != number) {
                self.chunk = Some((number, self.documents.chunk(number).await?));
            }
            let Some((_, chunk)) = &self.chunk else { return Ok(()) };
            let found = chunk.find(key);
            for at in found.clone() {
                if let Some(row) = chunk.row(at) {
                    take(chunk.first + at as u32, &row);
                }
            }
            // Versions can go on in the next chunk.
            if found.end < chunk.len() || number + 1 == self.documents.chunks() {
                return Ok(());
            }
            number += 1;
        }
    }
}
