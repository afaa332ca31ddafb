//! Manifests and registries as bytes: JSON objects that say their format.

use bytes::Bytes;
use object_store::path::Path;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::DocumentError;

#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// `value` as JSON.
pub(super) fn encode<T: Serialize>(value: &T) -> Bytes {
    Bytes::from(serde_json::to_vec(value).expect("maps have strings as keys and no value refuses to be written"))
}

/// The value of `bytes`, read from `path`. Fields that are not known are left out; a format above `supported` is refused, since
/// its writer would have to keep what this reader would drop.
pub(super) fn decode<T: DeserializeOwned>(path: &Path, bytes: &[u8], supported: u32) -> Result<T, DocumentError> {
    let corrupt =
        |error: serde_json::Error| DocumentError::Corrupt { path: path.to_string(), reason: error.to_string() };
    let Format { format } = serde_json::from_slice(bytes).map_err(corrupt)?;
    if format > supported {
        return Err(DocumentError::Format { path: path.to_string(), format, supported });
    }
    serde_json::from_slice(bytes).map_err(corrupt)
}
