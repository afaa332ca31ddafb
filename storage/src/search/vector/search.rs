//! Finds the nearest vectors of a part.

use bytes::Bytes;
use futures::future::try_join_all;
use futures::{StreamExt, stream};

use super::best::{Best, Candidate};
use super::kernels;
use super::layout::{self, CodesRow, Directory, Head, list_key, split_vectors};
use super::probes::{Comparison, Probe, above};
use super::quantise::Fine;
use super::score::{Normalised, score};
use super::targets::Targets;
use crate::search::ordinals::OrdinalSet;
use crate::search::part::{Kind, PartReader};
use crate::segment::ReadError;

/// What is searched.
pub(crate) struct VectorPart<'a> {
    /// The part.
    pub reader: &'a PartReader,
    /// How many ordinals it has.
    pub documents: u32,
    /// Ordinals that are not to be found.
    pub dead: &'a OrdinalSet,
    /// The only ordinals that are to be found; `None`: all.
    pub allowed: Option<&'a OrdinalSet>,
}

/// How a part is searched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    /// At least so many lists are looked into first.
    pub lists: usize,
    /// And at least so many vectors compared.
    pub vectors: usize,
    /// Then more lists, until so many of the vectors that were asked for are expected to be missed.
    pub missed: f32,
    /// What is spread is taken for so many times as wide: it has thicker ends than a normal distribution.
    pub margin: f32,
    /// At most about so many rows of codes are read then. More if not all vectors may be found: the best ones of few are further
    /// away.
    pub rows: usize,
}

impl Effort {
    /// What [`nearest`] takes.
    pub const DEFAULT: Effort = Effort { lists: 24, vectors: 512, missed: 0.03, margin: 2.0, rows: 768 };
}

/// With few vectors to be found, the rows of [`Effort`] at most so many times.
const MORE_ROWS: f32 = 4.0;
/// With so few vectors to be found, all are compared as they are.
const DIRECT: usize = 256;
/// Lists that are read at the same time.
const LISTS_AT_ONCE: usize = 128;
/// Rows of vectors that are read at the same time.
const ROWS_AT_ONCE: u32 = 64;
/// With one dead document among so many, their places are looked up.
const FEW_DEAD: u32 = 16;
/// About what is compared between two pauses, in bytes.
const PAUSE_BYTES: usize = 4 << 20;

/// The `limit` vectors of a part with the highest scores: score and ordinal, best first, of equal ones the lower ordinal first.
/// Exact if the part has few vectors or few that may be found, otherwise nearly.
///
/// # Errors
/// [`ReadError`].
pub(crate) async fn nearest(
    query: &Normalised,
    limit: usize,
    part: &VectorPart<'_>,
) -> Result<Vec<(f64, u32)>, ReadError> {
    nearest_with(Effort::DEFAULT, query, limit, part).await
}

/// The same with a given effort.
pub(super) async fn nearest_with(
    effort: Effort,
    query: &Normalised,
    limit: usize,
    part: &VectorPart<'_>,
) -> Result<Vec<(f64, u32)>, ReadError> {
    let Some(head) = Head::read(part.reader, part.documents).await? else { return Ok(Vec::new()) };
    if head.directory.dimensions != query.as_slice().len() {
        return Err(part.reader.corrupt("its vectors have other dimensions than its index"));
    }
    if limit == 0 {
        return Ok(Vec::new());
    }
    let search = Search { query, limit, part, directory: &head.directory };
    if head.directory.flat {
        return search.all().await;
    }
    let many_dead = part.dead.count() > part.documents / FEW_DEAD;
    let targets = if part.allowed.is_some() || many_dead || query.is_zero() {
        let places = layout::read_places(part.reader, &head.directory).await?;
        if query.is_zero() {
            return Ok(search.first(&places));
        }
        Some(Targets::new(part, &head.directory, &places).await)
    } else {
        None
    };
    if let Some(targets) = targets.as_ref().filter(|targets| targets.count() <= DIRECT.max(limit)) {
        return search.exactly(targets.iter().collect()).await;
    }
    let mut probes = search.rank(&head).await;
    let mut comparison = Comparison::new(query, limit);
    let more = search.first_lists(&mut probes, effort, targets.as_ref());
    search.compare(&probes, targets.as_ref(), &mut comparison).await?;
    let more = search.more_lists(more, effort, targets.as_ref(), &mut comparison);
    search.compare(&more, targets.as_ref(), &mut comparison).await?;
    search.exactly(comparison.candidates.finish()).await
}

struct Search<'a> {
    query: &'a Normalised,
    limit: usize,
    part: &'a VectorPart<'a>,
    directory: &'a Directory,
}

impl Search<'_> {
    fn may_find(&self, ordinal: u32) -> bool {
        !self.part.dead.contains(ordinal) && self.part.allowed.is_none_or(|allowed| allowed.contains(ordinal))
    }

    /// The first ones: what a query without a direction finds, as all score 0.
    fn first(&self, places: &[Bytes]) -> Vec<(f64, u32)> {
        let places = places.iter().flat_map(|row| row.as_chunks().0).map(|place| u32::from_le_bytes(*place));
        let ordinals = (0..self.part.documents).zip(places).filter(|(_, place)| *place != layout::NO_PLACE);
        let found = ordinals.map(|(ordinal, _)| ordinal).filter(|ordinal| self.may_find(*ordinal));
        found.take(self.limit).map(|ordinal| (0.0, ordinal)).collect()
    }

    /// Compares all vectors as they are.
    async fn all(&self) -> Result<Vec<(f64, u32)>, ReadError> {
        let mut best = Best::new(self.limit);
        let mut there = 0;
        let rows = self.directory.vectors().div_ceil(layout::vectors_in_row(self.directory.dimensions)) as u32;
        for start in (0..rows).step_by(ROWS_AT_ONCE as usize) {
            let (from, to) = (list_key(0, start), list_key(0, rows.min(start + ROWS_AT_ONCE)));
            for (_, bytes) in self.part.reader.range(Kind::Vectors, &from, Some(&to)).await? {
                let (ordinals, vectors) = self.split_vectors(&bytes)?;
                there += ordinals.len();
                for (ordinal, vector) in ordinals.iter().zip(vectors.chunks_exact(self.directory.dimensions * 4)) {
                    let ordinal = self.check(*ordinal)?;
                    if self.may_find(ordinal) {
                        best.add(score(self.query, vector), ordinal);
                    }
                }
            }
            tokio::task::yield_now().await;
        }
        if there != self.directory.vectors() {
            return Err(self.part.reader.corrupt("vectors are missing"));
        }
        Ok(best.finish())
    }

    fn check(&self, ordinal: [u8; 4]) -> Result<u32, ReadError> {
        let ordinal = Some(u32::from_le_bytes(ordinal)).filter(|ordinal| *ordinal < self.part.documents);
        ordinal.ok_or_else(|| self.part.reader.corrupt("a vector is of no document"))
    }

    fn split_vectors<'b>(&self, bytes: &'b [u8]) -> Result<(&'b [[u8; 4]], &'b [u8]), ReadError> {
        let split = split_vectors(bytes, self.directory.dimensions);
        split.ok_or_else(|| self.part.reader.corrupt("a row of vectors has a wrong length"))
    }

    /// Compares the vectors of these places as they are.
    async fn exactly(&self, mut places: Vec<usize>) -> Result<Vec<(f64, u32)>, ReadError> {
        places.sort_unstable();
        let in_row = layout::vectors_in_row(self.directory.dimensions);
        let mut keys: Vec<Vec<u8>> = Vec::new();
        // The row of each place, and where it is in it.
        let mut within = Vec::with_capacity(places.len());
        for place in places {
            let list = self.directory.starts.partition_point(|start| *start as usize <= place) - 1;
            let at = place - self.directory.starts[list] as usize;
            let key = list_key(list as u32, (at / in_row) as u32).to_vec();
            if keys.last() != Some(&key) {
                keys.push(key);
            }
            within.push((keys.len() - 1, at % in_row));
        }
        let rows = self.part.reader.get_many(Kind::Vectors, &keys).await?;
        let mut best = Best::new(self.limit);
        for (row, at) in within {
            let missing = || self.part.reader.corrupt("vectors are missing");
            let bytes = rows[row].as_ref().ok_or_else(missing)?;
            let (ordinals, vectors) = self.split_vectors(bytes)?;
            let ordinal = self.check(*ordinals.get(at).ok_or_else(missing)?)?;
            let size = self.directory.dimensions * 4;
            best.add(score(self.query, &vectors[at * size..][..size]), ordinal);
        }
        Ok(best.finish())
    }

    /// All lists, nearest first.
    async fn rank(&self, head: &Head) -> Vec<Probe> {
        let mut fine = Fine::default();
        fine.set(self.query.as_slice());
        let mut probes = Vec::with_capacity(self.directory.lists());
        let mut sums = Vec::new();
        for row in head.centroids() {
            sums.clear();
            kernels::products(&fine.numbers, row.codes, &mut sums);
            for ((sum, scale), spread) in sums.iter().zip(row.scales).zip(row.firsts) {
                let product = *sum as f32 * fine.unit * f32::from_le_bytes(*scale);
                probes.push(Probe { list: probes.len(), product, spread: f32::from_le_bytes(*spread) });
            }
            tokio::task::yield_now().await;
        }
        let order = |a: &Probe, b: &Probe| b.product.total_cmp(&a.product).then(a.list.cmp(&b.list));
        probes.sort_unstable_by(order);
        probes
    }

    /// How many vectors of a list may be found.
    fn count(&self, list: usize, targets: Option<&Targets>) -> usize {
        let places = self.directory.places(list);
        targets.map_or(places.len(), |targets| targets.count_in(places))
    }

    /// Cuts the lists off that are not looked into first.
    fn first_lists(&self, probes: &mut Vec<Probe>, effort: Effort, targets: Option<&Targets>) -> Vec<Probe> {
        let (mut lists, mut vectors) = (0, 0);
        let first = probes.iter().take_while(|probe| {
            let enough = lists >= effort.lists && vectors >= effort.vectors.max(self.limit * 4);
            let count = self.count(probe.list, targets);
            lists += usize::from(count > 0);
            vectors += count;
            !enough
        });
        let first = first.count();
        probes.split_off(first)
    }

    /// Those of the other lists that are expected to have vectors which belong to the best, if products with vectors are spread
    /// around their mean as they are in the lists before.
    fn more_lists(
        &self,
        probes: Vec<Probe>,
        effort: Effort,
        targets: Option<&Targets>,
        comparison: &mut Comparison,
    ) -> Vec<Probe> {
        let deviation = comparison.deviation() * effort.margin;
        let bound = comparison.candidates.limit_product();
        let in_row = layout::codes_in_row(self.directory.dimensions);
        let expect = |probe: Probe| {
            let count = self.count(probe.list, targets);
            let rows = self.directory.places(probe.list).len().div_ceil(in_row).min(count);
            let distance = bound - probe.mean();
            let expected =
                count as f32 * above(distance / (deviation * probe.variance().sqrt()).max(f32::MIN_POSITIVE));
            (expected, rows, probe)
        };
        let lists: Vec<_> = probes.into_iter().map(expect).filter(|(_, rows, _)| *rows > 0).collect();
        let all = self.directory.vectors() as f32;
        let selected = targets.map_or(all, |targets| targets.count() as f32);
        let mut rows_left = (effort.rows as f32 * (all / selected).sqrt().min(MORE_ROWS)) as usize;
        let mut missed: f32 = lists.iter().map(|(expected, ..)| expected).sum();
        let most = effort.missed * self.limit as f32;
        let taken = lists.into_iter().take_while(|(expected, rows, _)| {
            let more = missed > most && rows_left >= *rows;
            missed -= expected;
            rows_left = rows_left.saturating_sub(*rows);
            more
        });
        taken.map(|(_, _, probe)| probe).collect()
    }

    /// Compares the codes of lists.
    async fn compare(
        &self,
        probes: &[Probe],
        targets: Option<&Targets>,
        comparison: &mut Comparison,
    ) -> Result<(), ReadError> {
        let Comparison { fine, candidates, squares, all_squares } = comparison;
        let mut sums = Vec::new();
        let mut bytes = 0;
        // Copies, as the compiler does not see that borrowed ones are `Send` for any lifetime.
        let lists = stream::iter(probes.iter().copied()).map(|probe: Probe| async move {
            let rows = self.read_list(probe.list, targets).await?;
            Ok::<_, ReadError>((probe, rows))
        });
        let mut lists = std::pin::pin!(lists.buffered(LISTS_AT_ONCE));
        while let Some(list) = lists.next().await {
            let (probe, rows) = list?;
            let beyond = probe.product - probe.mean();
            for (start, count, row) in rows {
                bytes += row.len();
                let row = CodesRow::split(&row, self.directory.dimensions, count);
                let row = row.ok_or_else(|| self.part.reader.corrupt("a row of codes has a wrong length"))?;
                sums.clear();
                kernels::products(&fine.numbers, row.codes, &mut sums);
                for (at, sum) in sums.iter().enumerate() {
                    let scale = f32::from_le_bytes(row.scales[at]);
                    let residual = *sum as f32 * fine.unit * scale;
                    *squares += (residual + beyond) * (residual + beyond);
                    let product = probe.product + residual;
                    if !candidates.wants(product) {
                        continue;
                    }
                    let (place, ordinal) = (start + at, u32::from_le_bytes(row.firsts[at]));
                    if targets.map_or_else(|| self.may_find(ordinal), |targets| targets.contains(place)) {
                        candidates.add(Candidate { product, scale, ordinal, place: place as u32 });
                    }
                }
                *all_squares += probe.variance() * count as f32;
            }
            if bytes > PAUSE_BYTES {
                bytes = 0;
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// The rows of a list that have what may be found: first place, number of vectors, bytes.
    async fn read_list(&self, list: usize, targets: Option<&Targets>) -> Result<Vec<(usize, usize, Bytes)>, ReadError> {
        let in_row = layout::codes_in_row(self.directory.dimensions);
        let places = self.directory.places(list);
        let rows = places.clone().step_by(in_row).map(|start| start..(start + in_row).min(places.end));
        let wanted = |row: &std::ops::Range<usize>| targets.is_none_or(|targets| targets.count_in(row.clone()) > 0);
        let missing = || self.part.reader.corrupt("codes of vectors are missing");
        let (all, list) = (places.len().div_ceil(in_row), list as u32);
        let rows: Vec<_> = rows.enumerate().filter(|(_, row)| wanted(row)).collect();
        let read: Vec<Bytes> = if rows.len() == all {
            let (from, to) = (list_key(list, 0), list_key(list, all as u32));
            let read = self.part.reader.range(Kind::Codes, &from, Some(&to)).await?;
            read.into_iter().map(|(_, bytes)| bytes).collect()
        } else {
            let keys: Vec<_> = rows.iter().map(|(chunk, _)| list_key(list, *chunk as u32)).collect();
            let read = keys.iter().map(|key| self.part.reader.get(Kind::Codes, key));
            try_join_all(read).await?.into_iter().collect::<Option<_>>().ok_or_else(missing)?
        };
        if read.len() != rows.len() {
            return Err(missing());
        }
        Ok(rows.into_iter().zip(read).map(|((_, row), bytes)| (row.start, row.len(), bytes)).collect())
    }
}
