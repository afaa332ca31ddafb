//! An image of a container, as one file: the layout of the OCI, with the index of `docker save` beside it, so that Docker before
//! 25 loads it too.

use std::collections::BTreeMap;
use std::io::Write as _;

use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tar::EntryType;

use super::arch::Arch;
use super::error::PackageError;
use super::rootfs::{Layer, PROGRAM, USER, append, finish};

#[cfg(test)]
#[path = "image_tests.rs"]
mod tests;

/// The port of the API and the sync WebSocket.
const PORT: &str = "3210/tcp";
/// What tells Lambda that the program knows how to go on after a restore.
const SNAPSTART: &str = "com.amazonaws.lambda.feature.snapstart";
const EPOCH: &str = "1970-01-01T00:00:00Z";
/// The gzip header's byte for "unknown", on whatever system it is made.
const GZIP_SYSTEM: u8 = 255;

/// The file, of `layers` from the lowest to the uppermost.
pub fn archive(arch: Arch, version: &str, layers: &[Layer<'_>]) -> Result<Vec<u8>, PackageError> {
    let mut blobs = Blobs::default();
    let mut diff_ids = Vec::new();
    let mut descriptors = Vec::new();
    let mut files = Vec::new();
    for layer in layers {
        let tar = layer.tar()?;
        diff_ids.push(format!("sha256:{}", digest(&tar)));
        let blob = blobs.add(gzip(&tar)?);
        files.push(blob.path());
        descriptors.push(blob.descriptor("application/vnd.oci.image.layer.v1.tar+gzip"));
    }
    let config = blobs.add(text(&config(arch, version, &diff_ids)));
    let manifest = blobs.add(text(&json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config.descriptor("application/vnd.oci.image.config.v1+json"),
        "layers": descriptors,
    })));
    let name = format!("{PROGRAM}:{version}");
    let mut entry = manifest.descriptor("application/vnd.oci.image.manifest.v1+json");
    entry["platform"] = json!({ "architecture": arch.oci(), "os": "linux" });
    entry["annotations"] = json!({
        "io.containerd.image.name": format!("docker.io/library/{name}"),
        "org.opencontainers.image.ref.name": name,
    });
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [entry],
    });
    let saved = json!([{ "Config": config.path(), "RepoTags": [name], "Layers": files }]);

    let mut builder = tar::Builder::new(Vec::new());
    append(&mut builder, "blobs/", EntryType::Directory, 0o755, &[])?;
    append(&mut builder, "blobs/sha256/", EntryType::Directory, 0o755, &[])?;
    for (digest, content) in &blobs.contents {
        append(&mut builder, &format!("blobs/sha256/{digest}"), EntryType::Regular, 0o644, content)?;
    }
    append(&mut builder, "index.json", EntryType::Regular, 0o644, &text(&index))?;
    append(&mut builder, "manifest.json", EntryType::Regular, 0o644, &text(&saved))?;
    let layout = json!({ "imageLayoutVersion": "1.0.0" });
    append(&mut builder, "oci-layout", EntryType::Regular, 0o644, &text(&layout))?;
    finish(builder)
}

fn config(arch: Arch, version: &str, diff_ids: &[String]) -> Value {
    let history: Vec<_> =
        diff_ids.iter().map(|_| json!({ "created": EPOCH, "created_by": "lakewire package" })).collect();
    json!({
        "created": EPOCH,
        "architecture": arch.oci(),
        "os": "linux",
        "config": {
            "User": format!("{USER}:{USER}"),
            "ExposedPorts": { PORT: {} },
            "Entrypoint": [format!("/{PROGRAM}")],
            "WorkingDir": "/",
            "Labels": {
                SNAPSTART: "Allow",
                "org.opencontainers.image.licenses": env!("CARGO_PKG_LICENSE"),
                "org.opencontainers.image.source": env!("CARGO_PKG_REPOSITORY"),
                "org.opencontainers.image.title": PROGRAM,
                "org.opencontainers.image.version": version,
            },
        },
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
        "history": history,
    })
}

/// Contents by their SHA-256 in hexadecimal.
#[derive(Default)]
struct Blobs {
    contents: BTreeMap<String, Vec<u8>>,
}

impl Blobs {
    fn add(&mut self, content: Vec<u8>) -> Blob {
        let blob = Blob { digest: digest(&content), size: content.len() };
        self.contents.insert(blob.digest.clone(), content);
        blob
    }
}

struct Blob {
    digest: String,
    size: usize,
}

impl Blob {
    fn descriptor(&self, kind: &str) -> Value {
        json!({ "mediaType": kind, "digest": format!("sha256:{}", self.digest), "size": self.size })
    }

    fn path(&self) -> String {
        format!("blobs/sha256/{}", self.digest)
    }
}

/// SHA-256 in hexadecimal.
pub fn digest(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

fn gzip(content: &[u8]) -> Result<Vec<u8>, PackageError> {
    let failed = |error: std::io::Error| PackageError::Pack { path: "layer".to_owned(), reason: error.to_string() };
    let mut encoder = GzBuilder::new().mtime(0).operating_system(GZIP_SYSTEM).write(Vec::new(), Compression::best());
    encoder.write_all(content).map_err(failed)?;
    encoder.finish().map_err(failed)
}

/// JSON with sorted keys.
fn text(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}
