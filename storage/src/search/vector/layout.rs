//! The rows of a part that vectors are in. All numbers are little-endian, those in keys big-endian.
//!
//! Vectors are in *lists* of near ones, and have *places*: 0.. in the order of lists, within a list by ordinal. A part with few
//! vectors is *flat*: one list, of which there are only directory and vectors.
//!
//! | kind      | key            | value                                                                    |
//! |-----------|----------------|--------------------------------------------------------------------------|
//! | Centroids | 0              | the [`Directory`]                                                        |
//! | Centroids | 1, chunk (4)   | centroids of lists: spreads, scales, and codes                           |
//! | Centroids | 2, chunk (4)   | the places of [`PLACES_IN_ROW`] ordinals, `u32::MAX` for those without   |
//! | Codes     | list, chunk    | of a list's vectors: ordinals, scales, and codes of what the centroid leaves |
//! | Vectors   | list, chunk    | of a list's vectors: ordinals, and the normalised vectors                |

use bytes::Bytes;

use super::clusters::Clusters;
use super::quantise::Coded;
use crate::search::part::{Kind, PartReader};
use crate::segment::ReadError;

/// The key of the directory.
pub(super) const DIRECTORY: [u8; 1] = [0];
const CENTROIDS: u8 = 1;
const PLACES: u8 = 2;
/// What a row of several vectors has at most, so that two are a block.
const ROW_BYTES: usize = 64_000;
/// How many places are in a row.
pub(super) const PLACES_IN_ROW: usize = 16_000;
/// The place of an ordinal that has no vector.
pub(super) const NO_PLACE: u32 = u32::MAX;
/// The most dimensions that an index may have.
const MAX_DIMENSIONS: u32 = 4_096;

/// How many vectors with codes are in a row.
pub(super) fn codes_in_row(dimensions: usize) -> usize {
    (ROW_BYTES / (dimensions + 8)).max(1)
}

/// How many vectors are in a row.
pub(super) fn vectors_in_row(dimensions: usize) -> usize {
    (ROW_BYTES / (dimensions * 4 + 4)).max(1)
}

/// The key of a row of centroids or places.
fn section_key(section: u8, chunk: usize) -> [u8; 5] {
    let [a, b, c, d] = (chunk as u32).to_be_bytes();
    [section, a, b, c, d]
}

/// The key of centroids.
pub(super) fn centroids_key(chunk: usize) -> [u8; 5] {
    section_key(CENTROIDS, chunk)
}

/// The key of places.
pub(super) fn places_key(chunk: usize) -> [u8; 5] {
    section_key(PLACES, chunk)
}

/// The key of codes or vectors.
pub(super) fn list_key(list: u32, chunk: u32) -> [u8; 8] {
    (u64::from(list) << 32 | u64::from(chunk)).to_be_bytes()
}

/// What there is of vectors in a part.
pub(super) struct Directory {
    pub dimensions: usize,
    /// Where each list starts, and at the end, how many vectors there are.
    pub starts: Vec<u32>,
    /// Whether there are no codes.
    pub flat: bool,
}

impl Directory {
    /// How many lists there are.
    pub fn lists(&self) -> usize {
        self.starts.len() - 1
    }

    /// How many vectors there are.
    pub fn vectors(&self) -> usize {
        self.starts[self.lists()] as usize
    }

    /// The places of a list.
    pub fn places(&self, list: usize) -> std::ops::Range<usize> {
        self.starts[list] as usize..self.starts[list + 1] as usize
    }

    /// Its bytes: dimensions, whether it is flat, sizes of lists.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + self.lists() * 4);
        bytes.extend((self.dimensions as u32).to_le_bytes());
        bytes.extend(u32::from(self.flat).to_le_bytes());
        for pair in self.starts.windows(2) {
            bytes.extend((pair[1] - pair[0]).to_le_bytes());
        }
        bytes
    }

    /// Of its bytes; `None` if it cannot be.
    fn decode(bytes: &[u8], documents: u32) -> Option<Directory> {
        let (numbers, []) = bytes.as_chunks() else { return None };
        let mut numbers = numbers.iter().map(|number| u32::from_le_bytes(*number));
        let dimensions = numbers.next().filter(|dimensions| (1..=MAX_DIMENSIONS).contains(dimensions))?;
        let flat = numbers.next().filter(|flat| *flat <= 1)? == 1;
        let mut starts = vec![0_u32];
        for size in numbers {
            let end = starts[starts.len() - 1].checked_add(size).filter(|end| size > 0 && *end <= documents)?;
            starts.push(end);
        }
        let lists = starts.len() - 1;
        let right = if flat { lists == 1 } else { lists > 0 };
        right.then_some(Directory { dimensions: dimensions as usize, starts, flat })
    }
}

/// The directory and centroids of a part.
pub(super) struct Head {
    pub directory: Directory,
    /// Rows of centroids.
    centroids: Vec<Bytes>,
}

impl Head {
    /// Reads it, at once; `None` if the part has no vectors.
    pub async fn read(part: &PartReader, documents: u32) -> Result<Option<Head>, ReadError> {
        let rows = part.range(Kind::Centroids, &DIRECTORY, Some(&[PLACES])).await?;
        let mut rows = rows.into_iter();
        let Some((key, bytes)) = rows.next() else { return Ok(None) };
        let directory = (key[..] == DIRECTORY).then(|| Directory::decode(&bytes, documents)).flatten();
        let directory = directory.ok_or_else(|| part.corrupt("its directory of vectors makes no sense"))?;
        let head = Head { directory, centroids: rows.map(|(_, bytes)| bytes).collect() };
        let Directory { dimensions, flat, .. } = head.directory;
        let size = dimensions + 8;
        let in_row = codes_in_row(dimensions) * size;
        let full = |row: &Bytes| row.len() == in_row;
        let bytes: usize = head.centroids.iter().map(Bytes::len).sum();
        let filled = head.centroids.split_last().is_none_or(|(_, all)| all.iter().all(full));
        let lists = if flat { 0 } else { head.directory.lists() };
        if !filled || bytes != lists * size {
            return Err(part.corrupt("the centroids of vectors are not as many as lists"));
        }
        let is_right = |number: &[u8; 4]| (0.0..=2.0).contains(&f32::from_le_bytes(*number));
        if !head.centroids().all(|row| row.firsts.iter().chain(row.scales).all(is_right)) {
            return Err(part.corrupt("a centroid of vectors has no numbers"));
        }
        Ok(Some(head))
    }

    /// The clusters that its lists are, for other vectors.
    pub fn clusters(&self) -> Clusters {
        let mut centroids = Coded::new(self.directory.dimensions);
        for row in self.centroids() {
            centroids.scales.extend(row.scales.iter().map(|scale| f32::from_le_bytes(*scale)));
            centroids.codes.extend_from_slice(row.codes);
        }
        Clusters { centroids }
    }

    /// Rows of centroids: the first numbers are the spreads of lists, the root mean square of the distances of vectors from their
    /// centroid.
    pub fn centroids(&self) -> impl Iterator<Item = CodesRow<'_>> {
        let dimensions = self.directory.dimensions;
        self.centroids.iter().filter_map(move |row| CodesRow::split(row, dimensions, row.len() / (dimensions + 8)))
    }
}

/// Reads the places of all ordinals.
pub(super) async fn read_places(part: &PartReader, directory: &Directory) -> Result<Vec<Bytes>, ReadError> {
    let rows = part.range(Kind::Centroids, &[PLACES], None).await?;
    let rows: Vec<_> = rows.into_iter().map(|(_, bytes)| bytes).collect();
    let full = |row: &Bytes| row.len() == PLACES_IN_ROW * 4;
    let filled = rows.split_last().is_none_or(|(_, all)| all.iter().all(full));
    let places = rows.iter().flat_map(|row| row.as_chunks().0).map(|place| u32::from_le_bytes(*place));
    let right = |place: u32| place == NO_PLACE || (place as usize) < directory.vectors();
    if !filled || !places.into_iter().all(right) {
        return Err(part.corrupt("the places of vectors make no sense"));
    }
    Ok(rows)
}

/// Several vectors by their codes.
pub(super) struct CodesRow<'a> {
    /// A number of each: its ordinal, if it is not a centroid.
    pub firsts: &'a [[u8; 4]],
    pub scales: &'a [[u8; 4]],
    pub codes: &'a [u8],
}

impl<'a> CodesRow<'a> {
    /// The parts of a row of `count` vectors; `None` if it has not as many.
    pub fn split(bytes: &'a [u8], dimensions: usize, count: usize) -> Option<Self> {
        if bytes.len() != count * (dimensions + 8) {
            return None;
        }
        let (firsts, rest) = bytes.split_at(count * 4);
        let (scales, codes) = rest.split_at(count * 4);
        Some(CodesRow { firsts: firsts.as_chunks().0, scales: scales.as_chunks().0, codes })
    }
}

/// Vectors as they are: the ordinals, and bytes of the vectors.
pub(super) fn split_vectors(bytes: &[u8], dimensions: usize) -> Option<(&[[u8; 4]], &[u8])> {
    let size = dimensions * 4 + 4;
    if bytes.is_empty() || !bytes.len().is_multiple_of(size) {
        return None;
    }
    let (ordinals, vectors) = bytes.split_at(bytes.len() / size * 4);
    Some((ordinals.as_chunks().0, vectors))
}
