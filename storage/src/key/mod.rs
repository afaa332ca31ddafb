//! Keys of the one ordered key space that holds every index.
//!
//! A key is the index's id (4 bytes, big endian), then:
//!
//! | index | rest of the key |
//! | --- | --- |
//! | `by_id` | 16 bytes of the document's [`InternalId`] |
//! | `by_creation_time` | encoded creation time, internal id |
//! | any other | encoded fields, encoded creation time, internal id |
//!
//! [`encode_value`] keeps the order of values: comparing two keys of one index as bytes compares the tuples of values.

mod decode;
mod encode;

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

pub use decode::{KeyDecodeError, decode_value};
pub use encode::{after_fields, encode_creation_time, encode_value};

use crate::catalog::IndexId;
use crate::id::InternalId;
use crate::value::Value;

/// A key of one entry of one index. Orders as its bytes; cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<[u8]>);

/// Length of the index id at the start of each key, in bytes.
pub const INDEX_ID_LENGTH: usize = 4;
/// Length of the internal id at the end of each key, in bytes.
pub const INTERNAL_ID_LENGTH: usize = 16;

impl Key {
    /// The key of a document in its table's `by_id` index.
    pub fn by_id(index: IndexId, id: InternalId) -> Key {
        let mut bytes = [0; INDEX_ID_LENGTH + INTERNAL_ID_LENGTH];
        bytes[..INDEX_ID_LENGTH].copy_from_slice(&index.0.to_be_bytes());
        bytes[INDEX_ID_LENGTH..].copy_from_slice(&id.0);
        Key(bytes.as_slice().into())
    }

    /// The key of a document in its table's `by_creation_time` index. The time is in ms.
    pub fn by_creation_time(index: IndexId, creation_time: f64, id: InternalId) -> Key {
        Key::of_fields(index, [], creation_time, id)
    }

    /// The key of a document in an index over `fields`; `None` is a missing field.
    pub fn of_fields<'v>(
        index: IndexId,
        fields: impl IntoIterator<Item = Option<&'v Value>>,
        creation_time: f64,
        id: InternalId,
    ) -> Key {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend_from_slice(&index.0.to_be_bytes());
        for field in fields {
            encode_value(&mut bytes, field);
        }
        encode_creation_time(&mut bytes, creation_time);
        bytes.extend_from_slice(&id.0);
        Key(bytes.into())
    }

    /// All bytes of the key.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The id of the index, or `None` if the key is too short to have one.
    pub fn index(&self) -> Option<IndexId> {
        self.0.first_chunk().map(|bytes| IndexId(u32::from_be_bytes(*bytes)))
    }

    /// Everything after the id of the index: what positions of cursors and ranges of queries are made of.
    pub fn after_index(&self) -> &[u8] {
        self.0.get(INDEX_ID_LENGTH..).unwrap_or_default()
    }

    /// The internal id at the end of the key, or `None` if the key is too short to have one.
    pub fn internal_id(&self) -> Option<InternalId> {
        internal_id(&self.0)
    }
}

/// The internal id at the end of a key's bytes, or `None` if they are too few to have one.
pub(crate) fn internal_id(key: &[u8]) -> Option<InternalId> {
    key.get(INDEX_ID_LENGTH..)?.last_chunk().map(|bytes| InternalId(*bytes))
}

impl From<&[u8]> for Key {
    fn from(bytes: &[u8]) -> Key {
        Key(bytes.into())
    }
}

impl From<Vec<u8>> for Key {
    fn from(bytes: Vec<u8>) -> Key {
        Key(bytes.into())
    }
}

impl Deref for Key {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Maps of keys can be searched by bytes: both order and hash alike.
impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", hex::encode(&self.0))
    }
}

#[cfg(test)]
mod tests;
