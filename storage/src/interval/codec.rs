//! The binary form of a read set: for results of functions that ran in another process, and for subscriptions that outlive one.
//!
//! ```text
//! version (1) | varint intervals | intervals, ascending | varint searches | searches, ascending
//! interval: key of the start | kind of the end (1) | key of the end, if the kind is OTHER
//! key:      varint bytes in common with the front of the key before | varint length of the rest | the rest
//! search:   varint index | varint filters, each varint length, bytes | varint terms, each a term
//! term:     varint length, bytes | 0, or 1 and varint length, bytes of a prefix | typos (1)
//! ```
//!
//! The key before is the one last written, start or end. Most intervals are points and prefixes, whose ends follow from their
//! starts; keys of one index begin alike.

use std::iter::zip;
use std::sync::Arc;

use super::{End, Interval, ReadSet, SearchRead, TermRead, end_of_prefix};
use crate::catalog::IndexId;
use crate::key::Key;
use crate::log::CorruptEntry;
use crate::log::codec::bytes::{Reader, put_bytes, put_varint};

/// The first byte.
const VERSION: u8 = 1;

const POINT: u8 = 0;
const PREFIX: u8 = 1;
const UNBOUNDED: u8 = 2;
const OTHER: u8 = 3;

/// Bytes that are not an encoded read set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A version that this build does not know.
    #[error("a read set of the unknown version `{0}`")]
    Version(u8),
    /// A kind of end or prefix that does not exist.
    #[error("a read set with the unknown kind `{0}`")]
    Kind(u8),
    /// A key is said to begin like one that is shorter.
    #[error("a read set with a key that refers beyond the one before")]
    Beyond,
    /// Cut off, or too long, or an integer out of range.
    #[error("a read set that {0}")]
    Bytes(#[from] CorruptEntry),
}

impl ReadSet {
    /// The binary form: equal sets have equal ones.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        let intervals = self.iter();
        put_varint(&mut out, intervals.len() as u64);
        let mut before = Key::from(&[][..]);
        for interval in intervals {
            put_key(&mut out, &interval.start, &before);
            before = match &interval.end {
                End::Unbounded => {
                    out.push(UNBOUNDED);
                    interval.start
                }
                _ if interval.is_point() => {
                    out.push(POINT);
                    interval.start
                }
                end if *end == end_of_prefix(&interval.start) => {
                    out.push(PREFIX);
                    interval.start
                }
                End::Before(end) => {
                    out.push(OTHER);
                    put_key(&mut out, end, &interval.start);
                    end.clone()
                }
            };
        }
        let searches = self.searches();
        put_varint(&mut out, searches.len() as u64);
        searches.for_each(|search| put_search(&mut out, search));
        out
    }

    /// The set that was encoded as `bytes`.
    ///
    /// # Errors
    /// [`DecodeError`], whatever the bytes are.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut body = Reader::new(bytes);
        let [version] = body.array()?;
        if version != VERSION {
            return Err(DecodeError::Version(version));
        }
        let mut set = Self::new();
        let mut before = Key::from(&[][..]);
        for _ in 0..body.count()? {
            let start = take_key(&mut body, &before)?;
            let [kind] = body.array()?;
            let interval = match kind {
                POINT => Interval::point(start),
                PREFIX => Interval::prefix(&start),
                UNBOUNDED => Interval::from(start),
                OTHER => {
                    let end = take_key(&mut body, &start)?;
                    Interval::new(start, end)
                }
                unknown => return Err(DecodeError::Kind(unknown)),
            };
            before = match (&interval.end, kind) {
                (End::Before(end), OTHER) => end.clone(),
                _ => interval.start.clone(),
            };
            set.insert(interval);
        }
        for _ in 0..body.count()? {
            set.insert_search(Arc::new(take_search(&mut body)?));
        }
        body.finish()?;
        Ok(set)
    }
}

fn put_key(out: &mut Vec<u8>, key: &[u8], before: &[u8]) {
    let front = zip(key, before).take_while(|(a, b)| a == b).count();
    put_varint(out, front as u64);
    put_bytes(out, &key[front..]);
}

fn take_key(body: &mut Reader<'_>, before: &[u8]) -> Result<Key, DecodeError> {
    let front =
        usize::try_from(body.varint()?).ok().and_then(|front| before.get(..front)).ok_or(DecodeError::Beyond)?;
    let rest = take_bytes(body)?;
    Ok(Key::from([front, rest].concat()))
}

fn put_search(out: &mut Vec<u8>, search: &SearchRead) {
    let SearchRead { index, terms, filters } = search;
    put_varint(out, u64::from(index.0));
    put_varint(out, filters.len() as u64);
    filters.iter().for_each(|filter| put_bytes(out, filter));
    put_varint(out, terms.len() as u64);
    for TermRead { term, prefix, typos } in terms {
        put_bytes(out, term);
        out.push(u8::from(prefix.is_some()));
        prefix.iter().for_each(|prefix| put_bytes(out, prefix));
        out.push(*typos);
    }
}

fn take_search(body: &mut Reader<'_>) -> Result<SearchRead, DecodeError> {
    let index = IndexId(body.varint_u32()?);
    let filters = (0..body.count()?).map(|_| Ok(take_bytes(body)?.to_vec())).collect::<Result<_, DecodeError>>()?;
    let terms = (0..body.count()?).map(|_| take_term(body)).collect::<Result<_, DecodeError>>()?;
    Ok(SearchRead { index, terms, filters })
}

fn take_term(body: &mut Reader<'_>) -> Result<TermRead, DecodeError> {
    let term = take_bytes(body)?.into();
    let prefix = match body.array()? {
        [0] => None,
        [1] => Some(take_bytes(body)?.into()),
        [unknown] => return Err(DecodeError::Kind(unknown)),
    };
    let [typos] = body.array()?;
    Ok(TermRead { term, prefix, typos })
}

fn take_bytes<'a>(body: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let length = body.varint()?;
    Ok(body.bytes(length)?)
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
