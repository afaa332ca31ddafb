use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use smallvec::smallvec;

use super::*;
use crate::env::Env;
use crate::key::Key;
use crate::log::{KeyDelta, conformance};

/// An entry with everything the format can say, and nothing random.
fn golden_entry() -> LogEntry {
    let key = |index: u32, parts: &[&[u8]]| Some(Key::from([&index.to_be_bytes()[..], &parts.concat()].concat()));
    let (time, first, second) = (b"\x0d\xc2\x79\xf9\x8c\xb8\x00\x40\x00", [0xa1; 16], [0xb2; 16]);
    let document = |internal, json: &str| {
        let id = DocumentId { table: TableNumber(10_001), internal: InternalId(internal) };
        Some(Arc::new(Document {
            id,
            creation_time: 1_785_000_000_000.25,
            size: json.len() as u32 + 40,
            json: json.into(),
        }))
    };
    let inserted = LoggedWrite {
        table: TabletId(77),
        id: InternalId(first),
        document: document(first, "{\"channel\":\"general\",\"text\":\"caf\\u00e9 \u{e8}\"}"),
        keys: smallvec![
            KeyDelta { removed: None, added: key(300, &[&first]) },
            KeyDelta { removed: None, added: key(301, &[time, &first]) },
            KeyDelta { removed: None, added: key(302, &[b"general\0", time, &first]) },
        ],
    };
    let replaced = LoggedWrite {
        table: TabletId(77),
        id: InternalId(second),
        document: document(second, r#"{"channel":"random"}"#),
        keys: smallvec![
            KeyDelta { removed: key(300, &[&second]), added: key(300, &[&second]) },
            KeyDelta { removed: key(301, &[time, &second]), added: key(301, &[time, &second]) },
            KeyDelta {
                removed: key(302, &[b"general\0", time, &second]),
                added: key(302, &[b"random\0", time, &second])
            },
            KeyDelta { removed: None, added: None },
        ],
    };
    let deleted = LoggedWrite {
        table: TabletId(78),
        id: InternalId(first),
        document: None,
        keys: smallvec![KeyDelta { removed: key(310, &[&first]), added: None }],
    };
    let transaction = |ts, source: &str, writes| Arc::new(LoggedTransaction { ts, writes, source: source.to_owned() });
    LogEntry::new(
        *b"0123456789abcdef",
        vec![
            transaction(1_785_000_000_000_000_000, "messages.js:send", vec![inserted, replaced]),
            transaction(1_785_000_000_000_000_007, "messages.js:send", vec![]),
            transaction(1_785_000_000_000_300_000, "", vec![deleted]),
        ],
    )
}

fn golden_seal() -> LogEntry {
    LogEntry::sealing(*b"0123456789abcdef", "0123456789abcdef")
}

/// The same, many times over, so that it is worth compressing.
fn large_golden_entry() -> LogEntry {
    let mut entry = golden_entry();
    entry.transactions = std::iter::repeat_n(entry.transactions, 10).flatten().collect();
    entry
}

/// The golden files never change. A new version of the format gets new ones, and these stay readable.
#[test]
fn version_1_is_read_and_written_as_ever() {
    let golden: &[u8] = include_bytes!("../golden/entry-v1.bin");
    assert_eq!(hex::encode(golden_entry().encode().expect("small")), hex::encode(golden));
    assert_eq!(LogEntry::decode(golden), Ok(golden_entry()));
}

/// How well it is compressed may change, so only reading is fixed.
#[test]
fn compressed_version_1_is_read_as_ever() {
    let golden: &[u8] = include_bytes!("../golden/entry-v1-lz4.bin");
    assert_eq!(golden[8], FLAG_LZ4);
    assert_eq!(LogEntry::decode(golden), Ok(large_golden_entry()));
}

#[test]
fn a_seal_of_version_1_is_read_and_written_as_ever() {
    let golden: &[u8] = include_bytes!("../golden/entry-v1-seal.bin");
    assert_eq!(golden[8], FLAG_SEAL);
    assert_eq!(hex::encode(golden_seal().encode().expect("small")), hex::encode(golden));
    assert_eq!(LogEntry::decode(golden), Ok(golden_seal()));
}

fn golden_pointer() -> Pointer {
    let entry = golden_entry().encode().expect("small");
    Pointer::to(&entry, *b"0123456789abcdef", "bodies/main/00000000000000000007-30313233.lwe".to_owned())
}

#[test]
fn a_pointer_of_version_1_is_read_and_written_as_ever() {
    let golden: &[u8] = include_bytes!("../golden/entry-v1-pointer.bin");
    assert_eq!(golden[8], FLAG_ELSEWHERE);
    assert_eq!(hex::encode(golden_pointer().encode()), hex::encode(golden));
    assert_eq!(Pointer::decode(golden), Ok(Some(golden_pointer())));
    assert!(LogEntry::decode(golden).is_err());
    assert_eq!(Pointer::decode(&golden_entry().encode().expect("small")), Ok(None));
    for at in 0..golden.len() {
        assert!(Pointer::decode(&golden[..at]).is_err(), "cut at {at}");
    }
}

#[test]
#[ignore = "writes the golden files of a new version"]
fn write_golden_files() {
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/log/golden");
    let encode = |entry: LogEntry| entry.encode().expect("small");
    let files = [
        ("entry-v1.bin", encode(golden_entry())),
        ("entry-v1-lz4.bin", encode(large_golden_entry())),
        ("entry-v1-seal.bin", encode(golden_seal())),
        ("entry-v1-pointer.bin", golden_pointer().encode()),
    ];
    for (name, bytes) in files {
        // What is there already is left as it is: golden files are not overwritten.
        if let Ok(file) = std::fs::File::create_new(golden.join(name)) {
            std::io::Write::write_all(&mut &file, &bytes).expect("write");
        }
    }
}

#[test]
fn an_insert_is_small() {
    let key = |index: u32, parts: &[&[u8]]| Some(Key::from([&index.to_be_bytes()[..], &parts.concat()].concat()));
    let internal = [7; 16];
    let id = InternalId(internal);
    let added = |key| KeyDelta { removed: None, added: key };
    let deltas: SmallVec<[KeyDelta; 4]> = smallvec![
        added(key(300, &[&internal])),
        added(key(301, &[b"timestamp", &internal])),
        added(key(302, &[b"general", b"timestamp", &internal])),
        added(key(303, &[b"alice", b"timestamp", &internal])),
    ];
    let mut first = Vec::new();
    let mut writer = KeyWriter::default();
    writer.put(&mut first, &id, &deltas);
    assert_eq!(first.len(), 1 + 4 * (4 + 4) + 9 + 7 + 5, "index ids, one time, fields");
    let mut second = Vec::new();
    writer.put(&mut second, &id, &deltas);
    assert_eq!(second.len(), 1 + 4 * 4, "nothing new");
}

#[test]
fn large_entries_are_compressed_and_come_back() {
    let entry = large_golden_entry();
    let encoded = entry.encode().expect("not too large");
    assert_eq!(encoded[8], FLAG_LZ4);
    assert!(encoded.len() < 800, "{}", encoded.len());
    assert_eq!(LogEntry::decode(&encoded), Ok(entry));
}

#[test]
fn every_damaged_byte_and_every_cut_is_noticed() {
    for entry in [golden_entry(), golden_seal(), conformance::sample_entry(&Env::deterministic(1), 400)] {
        let encoded = entry.encode().expect("small");
        for at in 0..encoded.len() {
            let mut damaged = encoded.clone();
            damaged[at] ^= 0x40;
            assert!(LogEntry::decode(&damaged).is_err(), "byte {at}");
            assert!(LogEntry::decode(&encoded[..at]).is_err(), "cut at {at}");
        }
    }
}

#[test]
fn other_versions_and_flags_are_refused() {
    let mut encoded = golden_entry().encode().expect("small");
    encoded[3] = 2;
    assert_eq!(LogEntry::decode(&encoded), Err(CorruptEntry("a log entry of an unknown version")));
    assert!(is_intact(&encoded), "of a version that a newer program may know");
    encoded[3] = 1;
    encoded[8] = 2;
    let checksum = crc32fast::hash(&encoded[CHECKED_FROM..]);
    encoded[4..8].copy_from_slice(&checksum.to_le_bytes());
    assert_eq!(LogEntry::decode(&encoded), Err(CorruptEntry("only a pointer to where the entry is stored")));
    encoded[8] = 8;
    let checksum = crc32fast::hash(&encoded[CHECKED_FROM..]);
    encoded[4..8].copy_from_slice(&checksum.to_le_bytes());
    assert_eq!(LogEntry::decode(&encoded), Err(CorruptEntry("unknown flags")));
}

fn keys() -> impl Strategy<Value = Key> {
    vec(prop_oneof![Just(0_u8), Just(1), any::<u8>()], 0..40).prop_map(Key::from)
}

fn writes() -> impl Strategy<Value = LoggedWrite> {
    let deltas = vec((option::of(keys()), option::of(keys()), any::<bool>()), 0..6);
    let document = option::of((any::<u32>(), any::<f64>(), any::<u32>(), ".{0,60}"));
    (any::<u32>(), any::<[u8; 16]>(), document, deltas).prop_map(|(table, internal, document, deltas)| {
        let internal = InternalId(internal);
        let document = document.map(|(number, creation_time, size, json)| {
            let id = DocumentId { table: TableNumber(number), internal };
            Arc::new(Document { id, creation_time, json: json.into(), size })
        });
        let delta = |(removed, added, same): (Option<Key>, _, _)| {
            let added = if same { removed.clone() } else { added };
            KeyDelta { removed, added }
        };
        LoggedWrite { table: TabletId(table), id: internal, document, keys: deltas.into_iter().map(delta).collect() }
    })
}

prop_compose! {
    fn entries()(
        nonce in any::<Nonce>(),
        transactions in vec((any::<u64>(), vec(writes(), 0..5), "[a-z]{0,5}"), 0..6),
        successor in option::weighted(0.2, ".{0,600}"),
    ) -> LogEntry {
        let transactions =
            transactions.into_iter().map(|(ts, writes, source)| Arc::new(LoggedTransaction { ts, writes, source }));
        match successor {
            Some(successor) => LogEntry::sealing(nonce, successor),
            None => LogEntry::new(nonce, transactions.collect()),
        }
    }
}

proptest! {
    #[test]
    fn what_is_encoded_comes_back(entry in entries()) {
        let encoded = entry.encode().expect("small");
        prop_assert!(is_intact(&encoded) && begins_entry(&encoded));
        prop_assert_eq!(LogEntry::decode(&encoded), Ok(entry));
    }

    /// Even where the checksum is right, whatever the body is, decoding ends with a result and takes little memory.
    #[test]
    fn any_body_is_decoded_or_refused(body in vec(any::<u8>(), 0..200), flags in 0_u8..8) {
        let mut encoded = MAGIC.to_vec();
        let mut checked = vec![flags];
        checked.extend_from_slice(&[0; 16]);
        checked.extend_from_slice(&(body.len() as u32).to_le_bytes());
        checked.extend_from_slice(&body);
        encoded.extend_from_slice(&crc32fast::hash(&checked).to_le_bytes());
        encoded.extend_from_slice(&checked);
        let _either = LogEntry::decode(&encoded);
    }
}
