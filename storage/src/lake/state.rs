//! What a publication has to know of the one before it: a JSON object beside the metadata of Iceberg, which refers to it.

use serde::{Deserialize, Serialize};

use super::columns::Columns;
use crate::log::Timestamp;

/// The state of one table after a publication.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TableState {
    /// The history that the table's snapshots are of.
    pub(super) timeline: String,
    /// The permanent name of the table whose documents these are: a table made anew under an old name has another.
    pub(super) table: u32,
    /// The commit timestamp as of which the current snapshot has everything, in ns.
    pub(super) ts: Timestamp,
    /// The columns of the current snapshot.
    pub(super) columns: Columns,
    /// The data files of the current snapshot, by position.
    pub(super) files: Vec<DataFile>,
    /// The manifest and the manifest list of the current snapshot.
    pub(super) manifests: Vec<String>,
    /// Files that the current snapshot no longer has, but that an older one may refer to or a reader may be reading.
    pub(super) removed: Vec<Removed>,
}

/// A data file. It has all documents from its `start` up to that of the next file; the first file's is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DataFile {
    /// Its path within the table's folder.
    pub(super) path: String,
    /// A position (see [`super::position`]).
    #[serde(with = "as_hex")]
    pub(super) start: Vec<u8>,
    /// The position of its last document when it was written.
    #[serde(with = "as_hex")]
    pub(super) last: Vec<u8>,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// The least and the greatest `_creationTime`, in ms.
    pub(super) times: Option<(f64, f64)>,
    /// The snapshot that added it.
    pub(super) snapshot: i64,
    /// That snapshot's sequence number.
    pub(super) sequence: i64,
}

/// A file on its way out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Removed {
    /// Its path within the table's folder.
    pub(super) path: String,
    /// The first snapshot that does not refer to it; no later one does.
    pub(super) snapshot: i64,
    /// Since when no snapshot refers to it, in ns since the Unix epoch.
    pub(super) expired_ns: Option<u64>,
}

impl TableState {
    pub(super) fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// Bytes as hexadecimal text.
mod as_hex {
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        hex::decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
