//! Keys of search indexes: they carry all that the index knows of a document.
//!
//! ```text
//! index id (4) | document key: creation time, descending (8) | internal id (16) | fingerprint of the payload (8) | payload
//! ```
//!
//! The payload: varint tokens, varint filters, then per filter varint length and a [filter term](filter_term); then, in a text
//! index, varint terms, and per term, ascending, varint length, the term and varint frequency; in a vector index the normalised vector. So a key says which searches a write is of interest to, a removed key like an added one, and a version of a document
//! that is the same to the index has the same key.

use sha2::{Digest, Sha256};

use crate::catalog::IndexId;
use crate::id::InternalId;
use crate::key::{Key, encode_value};
use crate::log::codec::bytes::{Reader, put_bytes, put_varint};
use crate::value::Value;

/// A document as an index knows it: creation time, descending (8), internal id (16), fingerprint of the payload (8).
pub(crate) type DocKey = [u8; DOC_KEY];
/// The length of a [`DocKey`].
pub(crate) const DOC_KEY: usize = 32;
const INDEX: usize = 4;
/// Values of filters that are longer than this when encoded are replaced by a digest.
const MAX_FILTER_VALUE: usize = 40;
/// The first byte of filter terms, and of terms of texts in dictionaries.
pub(crate) const FILTER: u8 = 0;
pub(crate) const TERM: u8 = 1;

/// The key of a document in a search index.
pub(crate) fn search_key(index: IndexId, creation_time: f64, id: InternalId, payload: &[u8]) -> Key {
    let mut key = Vec::with_capacity(INDEX + DOC_KEY + payload.len());
    key.extend_from_slice(&index.0.to_be_bytes());
    let bits = creation_time.to_bits();
    let ascending = if creation_time.is_sign_negative() { !bits } else { bits ^ (1 << 63) };
    key.extend_from_slice(&(!ascending).to_be_bytes());
    key.extend_from_slice(&id.0);
    key.extend_from_slice(&Sha256::digest(payload)[..8]);
    key.extend_from_slice(payload);
    Key::from(key)
}

/// The document key and the payload of a key; `None` if it is not one of a search index.
pub(crate) fn split(key: &[u8]) -> Option<(&DocKey, &[u8])> {
    key.get(INDEX..)?.split_first_chunk()
}

/// The internal id of a document.
pub(crate) fn internal_id(document: &DocKey) -> InternalId {
    InternalId(document[8..24].try_into().expect("16 bytes"))
}

/// What a document with this value in a filter field, given by its position, has: the field, and the encoded value or, if that
/// is long, a digest of it. `None` is a missing field.
pub(crate) fn filter_term(field: usize, value: Option<&Value>) -> Vec<u8> {
    let mut term = vec![FILTER, u8::try_from(field).expect("an index has at most 16 filter fields")];
    encode_value(&mut term, value);
    if term.len() > 2 + MAX_FILTER_VALUE {
        let digest = Sha256::digest(&term[2..]);
        term.truncate(2);
        // No encoded value starts like this.
        term.push(0xff);
        term.extend_from_slice(&digest);
    }
    term
}

/// Makes the payload of a document: see the module.
pub(crate) struct PayloadWriter(Vec<u8>);

impl PayloadWriter {
    /// `tokens` is the length of the text; 0 where there is none.
    pub fn new(tokens: u32, filters: &[Vec<u8>]) -> Self {
        let mut out = Vec::new();
        put_varint(&mut out, u64::from(tokens));
        put_varint(&mut out, filters.len() as u64);
        for filter in filters {
            put_bytes(&mut out, filter);
        }
        PayloadWriter(out)
    }

    /// Ends with terms, in order of their bytes, and how often each occurs.
    pub fn text<'t>(mut self, terms: impl ExactSizeIterator<Item = (&'t str, u32)>) -> Vec<u8> {
        let out = &mut self.0;
        put_varint(out, terms.len() as u64);
        for (term, frequency) in terms {
            put_bytes(out, term.as_bytes());
            put_varint(out, u64::from(frequency));
        }
        self.0
    }

    /// Ends with a vector: see [`Normalised::to_bytes`](super::vector::Normalised::to_bytes).
    pub fn vector(mut self, vector: &[u8]) -> Vec<u8> {
        self.0.extend_from_slice(vector);
        self.0
    }
}

/// A payload, read as far as its filters.
#[derive(Clone)]
pub(crate) struct Payload<'a> {
    /// How many tokens the text has.
    pub tokens: u32,
    /// The filter terms, by field.
    pub filters: Filters<'a>,
    /// What follows: [`Payload::terms`] or [`Payload::vector`].
    rest: &'a [u8],
}

/// The filter terms of a document.
pub(crate) type Filters<'a> = smallvec::SmallVec<[&'a [u8]; 4]>;

impl<'a> Payload<'a> {
    /// `None` if the bytes are no payload.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let tokens = u32::try_from(reader.varint().ok()?).ok()?;
        let count = reader.varint().ok()?;
        let mut filters = Filters::new();
        for _ in 0..count {
            filters.push(part(&mut reader)?);
        }
        Some(Payload { tokens, filters, rest: reader.rest() })
    }

    /// The terms of a text with their frequencies, ascending; ends early where the bytes are no terms.
    pub fn terms(&self) -> impl Iterator<Item = (&'a [u8], u32)> + use<'a> {
        let mut reader = Reader::new(self.rest);
        let mut left = reader.varint().unwrap_or_default();
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            Some((part(&mut reader)?, u32::try_from(reader.varint().ok()?).ok()?))
        })
    }

    /// The vector, as it was written.
    pub fn vector(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether it has all of these filter terms.
    pub fn passes(&self, filters: &[Vec<u8>]) -> bool {
        filters.iter().all(|filter| self.filters.contains(&&filter[..]))
    }
}

fn part<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let length = reader.varint().ok()?;
    reader.bytes(length).ok()
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
