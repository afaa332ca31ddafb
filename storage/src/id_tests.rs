use proptest::prelude::*;

use super::{DocumentId, InternalId, TableNumber};

fn id(table: u32, internal: &str) -> DocumentId {
    let internal = hex::decode(internal).expect("hex").try_into().expect("16 bytes");
    DocumentId { table: TableNumber(table), internal: InternalId(internal) }
}

#[test]
fn worked_examples() {
    let table = [
        (1, "00000000000000000000000000000000", "0400000000000000000000000000248"),
        (10001, "000102030405060708090a0b0c0d4e20", "j57000820c20a1g7104gm2rc1n721a4s"),
        (u32::MAX, "ffffffffffffffffffffffffffffffff", "zzzzzzrfzzzzzzzzzzzzzzzzzzzzzzzzzzxjj"),
        (127, "00112233445566778899aabbccddeeff", "fw0128hk8hapcxw8k6nbqk6xxvzqf5r"),
        (128, "00112233445566778899aabbccddeeff", "g00g04926d25askqh2ctneycvqqfyy9s"),
    ];
    for (number, internal, text) in table {
        let id = id(number, internal);
        assert_eq!(id.to_string(), text);
        assert_eq!(id.text_len(), text.len());
        assert_eq!(text.parse(), Ok(id));
    }
}

#[test]
fn only_the_canonical_text_is_read() {
    let good = "j57000820c20a1g7104gm2rc1n721a4s";
    for bad in [
        "",
        "j",
        "J57000820c20a1g7104gm2rc1n721a4s",
        "j57000820c20a1g7104gm2rc1n721a4t",
        "j57000820c20a1g7104gm2rc1n721a4",
        "j57000820c20a1g7104gm2rc1n721a4s0",
        "j57000820c20a1g7104gm2rc1n721a4i",
        "j57000820c20a1g7104gm2rc1n721a\u{e9}",
        // Table number 0, with a right checksum.
        "0000000000000000000000000000000",
        // The last letter of the first example with other padding bits.
        "0400000000000000000000000000249",
    ] {
        assert!(bad.parse::<DocumentId>().is_err(), "{bad}");
    }
    assert!(good.parse::<DocumentId>().is_ok());
}

proptest! {
    #[test]
    fn text_reads_back(table in 1..=u32::MAX, internal: [u8; 16]) {
        let id = DocumentId { table: TableNumber(table), internal: InternalId(internal) };
        let text = id.to_string();
        prop_assert_eq!(text.len(), id.text_len());
        prop_assert_eq!(text.parse(), Ok(id));
    }

    #[test]
    fn ids_of_one_table_sort_as_their_texts(table in 1..=u32::MAX, a: [u8; 16], b: [u8; 16]) {
        let id = |internal| DocumentId { table: TableNumber(table), internal: InternalId(internal) };
        prop_assert_eq!(id(a).to_string().cmp(&id(b).to_string()), a.cmp(&b));
    }

    #[test]
    fn no_damage_goes_unnoticed(internal: [u8; 16], at in 0..32usize, digit in 0..32usize) {
        let text = DocumentId { table: TableNumber(10001), internal: InternalId(internal) }.to_string();
        let mut damaged = text.clone().into_bytes();
        damaged[at] = super::ALPHABET[digit];
        let damaged = String::from_utf8(damaged).expect("ASCII");
        prop_assert_eq!(damaged.parse::<DocumentId>().is_ok(), damaged == text);
    }

    #[test]
    fn arbitrary_text_does_not_panic(text in ".*") {
        let _ = text.parse::<DocumentId>();
    }
}
