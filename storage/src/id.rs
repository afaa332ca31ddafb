//! Document ids: a table number and 16 bytes, written as base32 text with a checksum.

use std::fmt;
use std::str::FromStr;

/// The number of a table inside its namespace, as found in document ids. Never 0; stable for the life of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableNumber(pub u32);

/// The part of a document id that tells the documents of a table apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InternalId(pub [u8; 16]);

/// The id of a document. `Display` and `FromStr` are the text that developers see, 31 to 37 characters. Ids of one table
/// have the order of their texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentId {
    /// The document's table.
    pub table: TableNumber,
    /// The document inside the table.
    pub internal: InternalId,
}

/// A text that is not a document id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a document id")]
pub struct InvalidId(String);

/// Lower-case Crockford base32.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// The digit of each byte, or `0xff`.
const DIGITS: [u8; 256] = {
    let mut digits = [0xff; 256];
    let mut i = 0;
    while i < ALPHABET.len() {
        digits[ALPHABET[i] as usize] = i as u8;
        i += 1;
    }
    digits
};
const MAX_VARINT: usize = 5;
const FOOTER: usize = 2;
const MAX_BYTES: usize = MAX_VARINT + 16 + FOOTER;
const MIN_TEXT: usize = 31;
const MAX_TEXT: usize = 37;

impl DocumentId {
    /// The id's text, on the stack.
    fn text(&self) -> ([u8; MAX_TEXT], usize) {
        let mut bytes = [0; MAX_BYTES];
        let mut len = write_varint(self.table.0, &mut bytes);
        bytes[len..len + 16].copy_from_slice(&self.internal.0);
        len += 16;
        let footer = checksum(&bytes[..len]);
        bytes[len..len + FOOTER].copy_from_slice(&footer);
        len += FOOTER;
        encode_base32(&bytes[..len])
    }

    /// The length of the id's text.
    pub fn text_len(&self) -> usize {
        let varint = write_varint(self.table.0, &mut [0; MAX_BYTES]);
        ((varint + 16 + FOOTER) * 8).div_ceil(5)
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, len) = self.text();
        f.write_str(str::from_utf8(&text[..len]).expect("the alphabet is ASCII"))
    }
}

impl FromStr for DocumentId {
    type Err = InvalidId;

    /// Reads the text strictly: there is exactly one text for each id.
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        decode(text).ok_or_else(|| InvalidId(text.chars().take(MAX_TEXT + 1).collect()))
    }
}

impl serde::Serialize for DocumentId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for DocumentId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

fn decode(text: &str) -> Option<DocumentId> {
    let (bytes, len) = decode_base32(text)?;
    let (table, varint) = read_varint(&bytes[..len])?;
    if table == 0 || len != varint + 16 + FOOTER {
        return None;
    }
    let internal = bytes[varint..varint + 16].try_into().ok()?;
    let id = DocumentId { table: TableNumber(table), internal: InternalId(internal) };
    // One comparison finds a wrong checksum, a varint that is not minimal and stray padding bits alike.
    let (canonical, canonical_len) = id.text();
    (canonical[..canonical_len] == *text.as_bytes()).then_some(id)
}

/// Fletcher-16 with both sums modulo 256, XOR the version (0), little endian.
fn checksum(bytes: &[u8]) -> [u8; FOOTER] {
    bytes.iter().fold([0u8, 0u8], |[a, b], byte| {
        let a = a.wrapping_add(*byte);
        [a, b.wrapping_add(a)]
    })
}

/// Writes seven bits a byte, low group first; returns the length.
fn write_varint(mut number: u32, out: &mut [u8; MAX_BYTES]) -> usize {
    let mut len = 0;
    while number >= 0x80 {
        out[len] = (number as u8 & 0x7f) | 0x80;
        number >>= 7;
        len += 1;
    }
    out[len] = number as u8;
    len + 1
}

/// Returns the number and the length of its encoding.
fn read_varint(bytes: &[u8]) -> Option<(u32, usize)> {
    let mut number = 0u64;
    for (i, byte) in bytes.iter().take(MAX_VARINT).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((u32::try_from(number).ok()?, i + 1));
        }
    }
    None
}

fn encode_base32(bytes: &[u8]) -> ([u8; MAX_TEXT], usize) {
    let mut text = [0; MAX_TEXT];
    let mut len = 0;
    let mut buffer = 0u32;
    let mut bits = 0;
    for byte in bytes {
        buffer = (buffer << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text[len] = ALPHABET[(buffer >> bits) as usize & 31];
            len += 1;
        }
    }
    if bits > 0 {
        text[len] = ALPHABET[(buffer << (5 - bits)) as usize & 31];
        len += 1;
    }
    (text, len)
}

fn decode_base32(text: &str) -> Option<([u8; MAX_BYTES], usize)> {
    if !(MIN_TEXT..=MAX_TEXT).contains(&text.len()) {
        return None;
    }
    let mut bytes = [0; MAX_BYTES];
    let mut len = 0;
    let mut buffer = 0u32;
    let mut bits = 0;
    for letter in text.bytes() {
        let digit = DIGITS[usize::from(letter)];
        if digit == 0xff {
            return None;
        }
        buffer = (buffer << 5) | u32::from(digit);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes[len] = (buffer >> bits) as u8;
            len += 1;
        }
    }
    Some((bytes, len))
}

#[cfg(test)]
#[path = "id_tests.rs"]
mod tests;
