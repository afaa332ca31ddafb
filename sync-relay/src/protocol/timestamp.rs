//! Timestamps on the wire: 8 bytes, little-endian, in standard base64 with padding.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lakewire_storage::log::Timestamp;

/// Appends the 12 characters of `ts`.
pub(crate) fn write(ts: Timestamp, out: &mut String) {
    STANDARD.encode_string(ts.to_le_bytes(), out);
}

/// The timestamp that `text` spells; `None` if it spells none.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let bytes = STANDARD.decode(text).ok()?;
    Some(Timestamp::from_le_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{parse, write};

    #[test]
    fn the_examples_of_the_protocol() {
        for (ts, text) in [
            (0, "AAAAAAAAAAA="),
            (1, "AQAAAAAAAAA="),
            (1000, "6AMAAAAAAAA="),
            (1_785_000_000_000_000_000, "AIAS7AqYxRg="),
        ] {
            let mut out = String::new();
            write(ts, &mut out);
            assert_eq!(out, text);
            assert_eq!(parse(text), Some(ts));
        }
        for wrong in ["", "AAAA", "AAAAAAAAAAA", "AAAAAAAAAAAA", "no base64!!!"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
