use std::io::{Cursor, Read as _};

use zip::{CompressionMethod, ZipArchive};

use super::{Member, zip};

fn member<'a>(name: &'a str, mode: u32, content: &'a [u8]) -> Member<'a> {
    Member { name, mode, content }
}

#[test]
fn a_zip_has_what_was_put_in_whatever_the_order() {
    let text = b"text ".repeat(10_000);
    let one = zip(vec![member("b.mjs", 0o644, &text), member("a", 0o755, b"\x7fELF")]).expect("a zip");
    let two = zip(vec![member("a", 0o755, b"\x7fELF"), member("b.mjs", 0o644, &text)]).expect("a zip");
    assert_eq!(one, two);
    assert!(one.len() < 1_000, "{} bytes", one.len());

    let mut archive = ZipArchive::new(Cursor::new(one)).expect("a zip");
    assert_eq!(archive.len(), 2);
    for (name, mode, content) in [("a", 0o755, &b"\x7fELF"[..]), ("b.mjs", 0o644, &text)] {
        let mut file = archive.by_name(name).expect("a file");
        assert_eq!(file.unix_mode().map(|all| all & 0o7777), Some(mode));
        assert_eq!(file.compression(), CompressionMethod::Deflated);
        let time = file.last_modified().expect("a time");
        assert_eq!((time.year(), time.month(), time.day(), time.hour()), (1980, 1, 1, 0));
        let mut found = Vec::new();
        file.read_to_end(&mut found).expect("content");
        assert_eq!(found, content);
    }
}

#[test]
fn one_name_twice_is_refused() {
    let error = zip(vec![member("a", 0o644, b"1"), member("a", 0o644, b"2")]).unwrap_err().to_string();
    assert!(error.contains("`a`"), "{error}");
}
