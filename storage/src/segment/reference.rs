//! What a manifest says of a segment.

use serde::{Deserialize, Serialize};

use crate::interval::{End, Interval};
use crate::key::Key;
use crate::log::Timestamp;

/// A segment as manifests list it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRef {
    /// The object's path in the store.
    pub path: String,
    /// The object's length in bytes.
    pub bytes: u64,
    /// The length of its end: tail (block index, bloom filter) and Parquet footer.
    pub footer_bytes: u32,
    /// How many bytes at the start of that end are the tail: all that this reader needs.
    pub tail_bytes: u32,
    /// How many rows it has, tombstones included.
    pub rows: u64,
    /// How many of them are tombstones.
    pub tombstones: u64,
    /// The least key, in hex.
    #[serde(with = "hex_key")]
    pub first_key: Key,
    /// The greatest key, in hex.
    #[serde(with = "hex_key")]
    pub last_key: Key,
    /// The least timestamp of a row.
    pub min_ts: Timestamp,
    /// The greatest timestamp of a row.
    pub max_ts: Timestamp,
    /// Rows after this timestamp do not exist for who reads through this reference: it belongs to a branch or a
    /// restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap_ts: Option<Timestamp>,
    /// The summed lengths of the documents' JSON in bytes.
    pub live_bytes: u64,
}

impl SegmentRef {
    /// Whether a row with this key could be inside.
    pub fn covers(&self, key: &[u8]) -> bool {
        self.first_key.as_bytes() <= key && key <= self.last_key.as_bytes()
    }

    /// Whether a row with a key in `interval` could be inside.
    pub fn overlaps(&self, interval: &Interval) -> bool {
        interval.start <= self.last_key && interval.end.is_after(&self.first_key)
    }

    /// Whether every row has a key in `interval`.
    pub fn is_within(&self, interval: &Interval) -> bool {
        interval.start <= self.first_key
            && match &interval.end {
                End::Before(end) => self.last_key < *end,
                End::Unbounded => true,
            }
    }

    /// The newest timestamp that a reader can find inside.
    pub fn newest_ts(&self) -> Timestamp {
        self.cap_ts.map_or(self.max_ts, |cap| cap.min(self.max_ts))
    }
}

mod hex_key {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::key::Key;

    pub fn serialize<S: Serializer>(key: &Key, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(key))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        let text = String::deserialize(deserializer)?;
        hex::decode(&text).map(Key::from).map_err(|_| D::Error::custom(format!("`{text}` is not a key in hex")))
    }
}
