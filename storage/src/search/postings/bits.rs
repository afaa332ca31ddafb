//! 128 integers in as few bits each as the largest of them needs.
//!
//! Integer `i` is in lane `i % 4` of four, each a stream of bits in little-endian words, lowest bits first; the lanes' words take
//! turns. So four integers are unpacked by the same instructions, which compilers make vectors of. (The layout of "SIMD-BP128":
//! Lemire, Boytsov, "Decoding billions of integers per second through vectorization", 2015.)

use super::BLOCK;

const LANES: usize = 4;

/// How many bytes 128 integers take at a width.
pub(super) fn packed_bytes(width: u8) -> usize {
    usize::from(width) * BLOCK / 8
}

/// The bits that the largest of `values` needs: 0 to 32.
pub(super) fn width(values: &[u32; BLOCK]) -> u8 {
    (u32::BITS - values.iter().fold(0, |all, value| all | value).leading_zeros()) as u8
}

/// Appends `values`, none of which needs more bits than `width`.
pub(super) fn pack(values: &[u32; BLOCK], width: u8, out: &mut Vec<u8>) {
    let width = usize::from(width);
    let mut words = [0_u32; BLOCK];
    for (at, value) in values.iter().enumerate().filter(|_| width > 0) {
        let bit = at / LANES * width;
        let (word, shift) = (bit / 32 * LANES + at % LANES, bit % 32);
        words[word] |= value << shift;
        if shift + width > 32 {
            words[word + LANES] |= value >> (32 - shift);
        }
    }
    out.extend(words[..LANES * width].iter().flat_map(|word| word.to_le_bytes()));
}

/// Unpacks what [`pack`] made: [`packed_bytes`] of `bytes`.
pub(super) fn unpack(bytes: &[u8], width: u8, out: &mut [u32; BLOCK]) {
    macro_rules! dispatch {
        ($($width:literal)*) => {
            match width {
                $($width => unpack_width::<$width>(bytes, out),)*
                _ => out.fill(0),
            }
        };
    }
    dispatch!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
}

fn unpack_width<const WIDTH: usize>(bytes: &[u8], out: &mut [u32; BLOCK]) {
    let (words, _) = bytes.as_chunks::<4>();
    let words = &words[..WIDTH * LANES];
    let mask = u32::MAX >> (32 - WIDTH);
    for (row, out) in out.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
        let (at, shift) = (row * WIDTH / 32 * LANES, row * WIDTH % 32);
        for (lane, out) in out.iter_mut().enumerate() {
            let mut value = u32::from_le_bytes(words[at + lane]) >> shift;
            if shift + WIDTH > 32 {
                value |= u32::from_le_bytes(words[at + LANES + lane]) << (32 - shift);
            }
            *out = value & mask;
        }
    }
}

/// One of the integers that [`pack`] packed.
pub(super) fn extract(bytes: &[u8], width: u8, at: usize) -> u32 {
    let width = usize::from(width);
    if width == 0 {
        return 0;
    }
    let bit = at / LANES * width;
    let (at, shift) = (bit / 32 * LANES + at % LANES, bit % 32);
    let (words, _) = bytes.as_chunks::<4>();
    let word = |at: usize| u64::from(u32::from_le_bytes(words[at]));
    let next = if shift + width > 32 { word(at + LANES) } else { 0 };
    ((word(at) | next << 32) >> shift) as u32 & (u32::MAX >> (32 - width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked() {
        let mut state = 1_u32;
        for width_wanted in 0..=32_u8 {
            let values: [u32; BLOCK] = std::array::from_fn(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state.checked_shr(32 - u32::from(width_wanted)).unwrap_or(0)
            });
            let width = width(&values);
            assert!(width <= width_wanted);
            let mut bytes = Vec::new();
            pack(&values, width, &mut bytes);
            assert_eq!(bytes.len(), packed_bytes(width));
            let mut unpacked = [9; BLOCK];
            unpack(&bytes, width, &mut unpacked);
            assert_eq!(unpacked, values);
            for (at, value) in values.iter().enumerate() {
                assert_eq!(extract(&bytes, width, at), *value);
            }
        }
    }
}
