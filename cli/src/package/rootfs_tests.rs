use std::collections::BTreeMap;
use std::io::Read as _;

use super::{Layer, Users};
use crate::package::libraries::Library;

/// Mode, owner, time and content by path.
type Entries = BTreeMap<String, (u32, u64, u64, Vec<u8>)>;

fn entries(tar: &[u8]) -> (Vec<String>, Entries) {
    let mut archive = tar::Archive::new(tar);
    let mut paths = Vec::new();
    let mut entries = BTreeMap::new();
    for entry in archive.entries().expect("a tar") {
        let mut entry = entry.expect("an entry");
        let path = entry.path().expect("a path").display().to_string();
        let header = entry.header().clone();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("content");
        let number = |field: std::io::Result<u64>| field.expect("a number");
        let owner = number(header.uid()) + number(header.gid());
        paths.push(path.clone());
        entries.insert(path, (header.mode().expect("a mode"), owner, number(header.mtime()), content));
    }
    (paths, entries)
}

#[test]
fn the_system_is_what_the_program_needs_and_no_more() {
    let libraries = [Library { path: "lib/x86_64-linux-gnu/libc.so.6".to_owned(), content: b"libc".to_vec() }];
    let users = Users::default();
    let layer = Layer::system(&libraries, b"certificates", &users);
    let tar = layer.tar().expect("a tar");
    assert_eq!(tar, layer.tar().expect("a tar"));
    let (paths, entries) = entries(&tar);
    assert_eq!(
        paths,
        [
            "etc/",
            "etc/group",
            "etc/nsswitch.conf",
            "etc/passwd",
            "etc/ssl/",
            "etc/ssl/certs/",
            "etc/ssl/certs/ca-certificates.crt",
            "lib/",
            "lib/x86_64-linux-gnu/",
            "lib/x86_64-linux-gnu/libc.so.6",
            "tmp/",
        ]
    );
    assert!(entries.values().all(|(_, owner, time, _)| (*owner, *time) == (0, 0)));
    assert_eq!(entries["tmp/"].0, 0o1777);
    assert_eq!(entries["etc/ssl/certs/ca-certificates.crt"].3, b"certificates");
    let passwd = String::from_utf8(entries["etc/passwd"].3.clone()).expect("text");
    assert!(passwd.contains("nonroot:x:65532:65532:"), "{passwd}");
    let files = entries.values().map(|(.., content)| content.len() as u64).sum::<u64>();
    assert_eq!(layer.bytes(), files);
}

#[test]
fn the_program_has_a_layer_of_its_own() {
    let (paths, entries) = entries(&Layer::program(b"program").tar().expect("a tar"));
    assert_eq!(paths, ["lakewire"]);
    assert_eq!(entries["lakewire"], (0o755, 0, 0, b"program".to_vec()));
}
