use std::collections::BTreeMap;
use std::io::Read as _;

use flate2::read::GzDecoder;
use serde_json::Value;

use super::{archive, digest};
use crate::package::arch::Arch;
use crate::package::rootfs::Layer;

fn files(tar: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(tar);
    let mut files = BTreeMap::new();
    for entry in archive.entries().expect("a tar") {
        let mut entry = entry.expect("an entry");
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("content");
        files.insert(entry.path().expect("a path").display().to_string(), content);
    }
    files
}

/// The blob that a descriptor names, checked against it.
fn blob<'a>(files: &'a BTreeMap<String, Vec<u8>>, descriptor: &Value) -> &'a [u8] {
    let sha256 = descriptor["digest"].as_str().and_then(|digest| digest.strip_prefix("sha256:")).expect("a digest");
    let content = files.get(&format!("blobs/sha256/{sha256}")).expect("a blob");
    assert_eq!(digest(content), sha256);
    assert_eq!(descriptor["size"], content.len());
    content
}

fn json(content: &[u8]) -> Value {
    serde_json::from_slice(content).expect("JSON")
}

#[test]
fn the_image_is_a_layout_of_the_oci() {
    let layers = [Layer::program(b"below"), Layer::program(b"above")];
    let tar = archive(Arch::Arm64, "1.2.3", &layers).expect("an image");
    assert_eq!(tar, archive(Arch::Arm64, "1.2.3", &layers).expect("an image"));
    let files = files(&tar);
    assert_eq!(json(&files["oci-layout"])["imageLayoutVersion"], "1.0.0");

    let index = json(&files["index.json"]);
    let entry = &index["manifests"][0];
    assert_eq!(entry["platform"]["architecture"], "arm64");
    assert_eq!(entry["annotations"]["org.opencontainers.image.ref.name"], "lakewire:1.2.3");
    let manifest = json(blob(&files, entry));
    let config = json(blob(&files, &manifest["config"]));
    assert_eq!((&config["architecture"], &config["os"]), (&"arm64".into(), &"linux".into()));
    let settings = &config["config"];
    assert_eq!(settings["User"], "65532:65532");
    assert_eq!(settings["Entrypoint"], serde_json::json!(["/lakewire"]));
    assert!(settings["ExposedPorts"].get("3210/tcp").is_some());
    assert_eq!(settings["Labels"]["com.amazonaws.lambda.feature.snapstart"], "Allow");

    let found = manifest["layers"].as_array().expect("layers");
    assert_eq!(found.len(), layers.len());
    for (index, layer) in layers.iter().enumerate() {
        assert_eq!(found[index]["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
        let packed = blob(&files, &found[index]);
        // No time of the machine in the header.
        assert_eq!(packed[4..8], [0; 4]);
        let mut unpacked = Vec::new();
        GzDecoder::new(packed).read_to_end(&mut unpacked).expect("gzip");
        assert_eq!(unpacked, layer.tar().expect("a tar"));
        assert_eq!(config["rootfs"]["diff_ids"][index], format!("sha256:{}", digest(&unpacked)));
    }
}

#[test]
fn docker_before_25_finds_its_own_index() {
    let layers = [Layer::program(b"program")];
    let files = files(&archive(Arch::X86_64, "1.2.3", &layers).expect("an image"));
    let saved = &json(&files["manifest.json"])[0];
    assert_eq!(saved["RepoTags"][0], "lakewire:1.2.3");
    assert_eq!(json(&files[saved["Config"].as_str().expect("a path")])["architecture"], "amd64");
    assert!(files.contains_key(saved["Layers"][0].as_str().expect("a path")));
}
