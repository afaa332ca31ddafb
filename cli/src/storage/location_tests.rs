use std::path::{Path, PathBuf};

use super::StoreLocation;

fn parse(text: &str) -> Result<StoreLocation, String> {
    text.parse::<StoreLocation>().map_err(|error| error.to_string())
}

#[test]
fn locations_are_read_and_printed() {
    let s3 = |bucket: &str, prefix: &str| StoreLocation::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() };
    for (text, location) in [
        ("file:///var/lib/lakewire", StoreLocation::File(PathBuf::from("/var/lib/lakewire"))),
        ("file://data/store", StoreLocation::File(PathBuf::from("data/store"))),
        ("s3://bucket", s3("bucket", "")),
        ("s3://my.bucket-1/apps/chat", s3("my.bucket-1", "apps/chat")),
        ("memory://", StoreLocation::Memory),
    ] {
        assert_eq!(parse(text), Ok(location.clone()), "{text}");
        assert_eq!(location.to_string(), text);
    }
    assert_eq!(parse("s3://bucket//prefix/"), parse("s3://bucket/prefix"));
}

#[test]
fn what_is_no_location_is_named() {
    for text in [
        "",
        "bucket",
        "/var/lib",
        "gs://bucket",
        "s3://",
        "s3:///prefix",
        "s3://UPPER",
        "s3://ab",
        "s3://bucket/a//b",
        "s3://bucket/../other",
        "s3://bucket/a b",
        "s3://bucket?x=1",
        "file://",
        "memory://x",
    ] {
        assert!(parse(text).unwrap_err().contains(&format!("`{text}`")), "{text}");
    }
}

#[test]
fn a_folder_is_the_same_however_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("store")).unwrap();
    let location = StoreLocation::File(dir.path().join("./store/../store"));
    assert!(location.is_folder(&dir.path().join("store")));
    assert!(!location.is_folder(dir.path()));
    assert!(!StoreLocation::Memory.is_folder(Path::new("store")));
}
