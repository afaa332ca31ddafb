//! How a build is written down: `LWSN`, the engine's version, the manifest, the startup snapshot
//! and a checksum, each of the first parts with its length before it.

use sha2::{Digest, Sha256};

use super::{Frozen, Manifest};
use crate::runtime::platform;

const MAGIC: &[u8; 4] = b"LWSN";

pub(super) fn encode(frozen: &Frozen) -> Vec<u8> {
    let manifest = serde_json::to_vec(&frozen.manifest).expect("a manifest has string keys only");
    let mut bytes = MAGIC.to_vec();
    for part in [version().as_bytes(), &manifest, &frozen.blob] {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part);
    }
    let checksum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&checksum);
    bytes
}

pub(super) fn decode(bytes: &[u8]) -> Option<Frozen> {
    // V8 reads a snapshot without mercy: nothing but the very bytes that were made may reach it.
    let (body, checksum) = bytes.split_last_chunk::<32>()?;
    if Sha256::digest(body)[..] != checksum[..] {
        return None;
    }
    let mut rest = body.strip_prefix(MAGIC)?;
    let mut part = || {
        let (length, after) = rest.split_first_chunk::<8>()?;
        let (part, after) = after.split_at_checked(u64::from_le_bytes(*length) as usize)?;
        rest = after;
        Some(part)
    };
    if part()? != version().as_bytes() {
        return None;
    }
    let manifest: Manifest = serde_json::from_slice(part()?).ok()?;
    Some(Frozen { manifest, blob: part()?.to_vec() })
}

fn version() -> String {
    format!("{} {}", v8::VERSION_STRING, platform::engine_version())
}
