use std::time::Duration;

use object_store::path::Path;
use serde_json::json;

use crate::catalog::IndexId;
use crate::env::Env;
use crate::timeline::document::{decode, encode};
use crate::timeline::{BranchName, DocumentError, MANIFEST_FORMAT, Manifest, REGISTRY_FORMAT, Registry, TimelineId};

/// Files that were written by the first version, and never change.
const MANIFEST: &str = include_str!("../golden/manifest-v1.json");
const REGISTRY: &str = include_str!("../golden/registry-v1.json");

fn read(text: &str) -> Result<Manifest, DocumentError> {
    decode(&Path::from("timelines/main/manifest/1.json"), text.as_bytes(), MANIFEST_FORMAT)
}

#[test]
fn golden_files_are_read() {
    let manifest = read(MANIFEST).expect("a manifest");
    assert_eq!((manifest.version, manifest.flushed, manifest.flushed_ts), (7, 12, 1_700_000_000_000_000_012));
    assert_eq!(manifest.runs.len(), 2);
    let file = &manifest.runs[0].files[0];
    assert_eq!((file.raw_bytes, file.garbage_bytes, file.garbage_ts), (900, 90, 1_700_000_000_000_000_011));
    assert_eq!(file.segment.first_key.as_bytes(), [0, 0, 0, 1, 255]);
    assert_eq!(manifest.runs[1].files[0].segment.cap_ts, Some(1_700_000_000_000_000_005));
    assert_eq!(manifest.counts.as_ref().expect("counts")[&IndexId(1)], 2);
    assert_eq!(manifest.dropped_indexes, [(IndexId(9), 1_700_000_000_000_000_003)]);
    assert_eq!(manifest.parent.as_ref().expect("a parent").timeline, TimelineId::main());
    assert_eq!(manifest.needed().len(), 3);
    assert_eq!(manifest.condemned.len(), 1);
    // What is written today is the same.
    let json: serde_json::Value = serde_json::from_str(MANIFEST).expect("json");
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&encode(&manifest)).expect("json"), json);

    let registry: Registry = decode(&Path::from("r"), REGISTRY.as_bytes(), REGISTRY_FORMAT).expect("a registry");
    assert_eq!(registry.branches.len(), 2);
    let json: serde_json::Value = serde_json::from_str(REGISTRY).expect("json");
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&encode(&registry)).expect("json"), json);
}

#[test]
fn later_formats_are_refused_and_unknown_fields_left_out() {
    let mut json: serde_json::Value = serde_json::from_str(MANIFEST).expect("json");
    json["invented"] = json!([1, 2]);
    let manifest = read(&json.to_string()).expect("a manifest");
    assert_eq!(manifest, read(MANIFEST).expect("a manifest"));
    json["format"] = json!(MANIFEST_FORMAT + 1);
    let error = read(&json.to_string()).expect_err("a later format");
    assert_eq!(
        error.to_string(),
        "`timelines/main/manifest/1.json` has format 3, and this version of Lakewire reads up to 2"
    );
    assert!(matches!(read(&MANIFEST[..200]), Err(DocumentError::Corrupt { .. })));
    json["timeline"] = json!("../main");
    json["format"] = json!(MANIFEST_FORMAT);
    assert!(matches!(read(&json.to_string()), Err(DocumentError::Corrupt { .. })));
}

#[test]
fn the_log_is_trimmed_by_what_was_flushed_long_enough_ago() {
    let mut manifest = Manifest::empty(&Env::deterministic(1), TimelineId::main());
    (manifest.flushed, manifest.trim_points) = (30, vec![(10, 100), (20, 200), (30, 300)]);
    let at = |now, kept| manifest.trimmable(now, Duration::from_nanos(kept));
    assert_eq!((at(99, 0), at(150, 0), at(250, 0), at(1000, 0)), (0, 10, 20, 20));
    assert_eq!((at(299, 100), at(300, 100), at(1000, 900)), (10, 20, 10));
}

#[test]
fn names() {
    for good in ["main", "a", "Feature-12", "0", &"x".repeat(63)] {
        assert_eq!(good.parse::<BranchName>().expect(good).as_str(), good);
    }
    for bad in ["", "-a", "a/b", "a_b", "a.b", "\u{e4}", &"x".repeat(64)] {
        assert!(bad.parse::<BranchName>().is_err(), "`{bad}`");
    }
    let env = Env::deterministic(1);
    let timeline = TimelineId::random(&env);
    assert_eq!(timeline.as_str().parse::<TimelineId>().expect("a timeline"), timeline);
    for bad in ["", "Main", "0123456789abcdeF", "0123456789abcde", "0123456789abcdef0"] {
        assert!(bad.parse::<TimelineId>().is_err(), "`{bad}`");
    }
    assert!(timeline.owns(timeline.new_segment(&env).as_ref()));
    assert!(!TimelineId::main().owns(timeline.new_segment(&env).as_ref()));
}
