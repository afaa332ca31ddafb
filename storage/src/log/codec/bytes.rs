//! Integers and byte strings.

use super::CorruptEntry;

const CUT_OFF: CorruptEntry = CorruptEntry("ends too early");

/// Appends `value` as LEB128: seven bits a byte, lowest first, the high bit set on all but the last.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends the length of `bytes`, then the bytes.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Takes bytes off the front of a slice.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// What has not been taken yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], CorruptEntry> {
        let (array, rest) = self.0.split_first_chunk().ok_or(CUT_OFF)?;
        self.0 = rest;
        Ok(*array)
    }

    pub(crate) fn bytes(&mut self, length: u64) -> Result<&'a [u8], CorruptEntry> {
        let length = usize::try_from(length).map_err(|_| CUT_OFF)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(CUT_OFF)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(crate) fn text(&mut self, length: u64) -> Result<&'a str, CorruptEntry> {
        std::str::from_utf8(self.bytes(length)?).map_err(|_| CorruptEntry("text that is not UTF-8"))
    }

    pub(crate) fn varint(&mut self) -> Result<u64, CorruptEntry> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(CorruptEntry("integer out of range"))
    }

    pub(crate) fn varint_u32(&mut self) -> Result<u32, CorruptEntry> {
        u32::try_from(self.varint()?).map_err(|_| CorruptEntry("integer out of range"))
    }

    /// A number of items that follow. Each takes a byte at least, so a larger number than the bytes left is refused
    /// before anybody makes room for so many.
    pub(crate) fn count(&mut self) -> Result<usize, CorruptEntry> {
        usize::try_from(self.varint()?).ok().filter(|count| *count <= self.0.len()).ok_or(CUT_OFF)
    }

    /// Fails unless everything was taken.
    pub(crate) fn finish(self) -> Result<(), CorruptEntry> {
        if self.0.is_empty() { Ok(()) } else { Err(CorruptEntry("continues after its end")) }
    }
}
