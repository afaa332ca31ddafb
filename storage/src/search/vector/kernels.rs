//! The inner loops, compiled for several instruction sets; which one runs is found out at run time.
//!
//! All give the same result whatever they run on: sums of integers, single operations on floats, and sums of floats in one
//! written order.

use multiversion::multiversion;

/// Products of a query with rows of as many bytes (signed numbers) each, one after the other in `rows`. The sums must fit:
/// [`Fine`](super::quantise::Fine) sees to that.
#[multiversion(targets(
    "x86_64+avx2+fma+avx512f+avx512bw+avx512vl+avx512vnni",
    "x86_64+avx2+fma+avx512f+avx512bw+avx512vl",
    "x86_64+avx2+fma"
))]
pub(super) fn products(query: &[i16], rows: &[u8], sums: &mut Vec<i32>) {
    for row in rows.chunks_exact(query.len()) {
        let mut sum = 0_i32;
        for (a, b) in query.iter().zip(row) {
            sum += i32::from(*a) * i32::from(*b as i8);
        }
        sums.push(sum);
    }
}

/// How many sums [`exact`] has at a time.
const LANES: usize = 16;

/// The dot product of a query and a vector (little-endian, as long): products are exact, sums in double precision. Number
/// `i` goes to sum `i % 16`; then halves are added until one is left.
#[multiversion(targets("x86_64+avx2+fma+avx512f+avx512bw+avx512vl", "x86_64+avx2+fma"))]
pub(super) fn exact(query: &[f32], vector: &[u8]) -> f64 {
    let mut sums = [0_f64; LANES];
    let (queries, queries_rest) = query.as_chunks::<LANES>();
    let (vectors, vectors_rest) = vector.as_chunks::<{ LANES * 4 }>();
    for (query, vector) in queries.iter().zip(vectors) {
        for lane in 0..LANES {
            let at = lane * 4;
            let number = f32::from_le_bytes([vector[at], vector[at + 1], vector[at + 2], vector[at + 3]]);
            sums[lane] += f64::from(query[lane]) * f64::from(number);
        }
    }
    for (lane, (a, b)) in queries_rest.iter().zip(vectors_rest.as_chunks().0).enumerate() {
        sums[lane] += f64::from(*a) * f64::from(f32::from_le_bytes(*b));
    }
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0]
}

/// The largest absolute value.
#[multiversion(targets("x86_64+avx2+fma"))]
pub(super) fn largest(values: &[f32]) -> f32 {
    let mut lanes = [0_f32; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] = if chunk[lane].abs() > lanes[lane] { chunk[lane].abs() } else { lanes[lane] };
        }
    }
    rest.iter().chain(&lanes).fold(0.0, |largest, value| if value.abs() > largest { value.abs() } else { largest })
}

/// Values times `factor`, rounded, as signed bytes. The results must be in -127..=127.
#[multiversion(targets("x86_64+avx2+fma"))]
pub(super) fn round_to_bytes(values: &[f32], factor: f32, codes: &mut [u8]) {
    for (value, code) in values.iter().zip(codes) {
        *code = (value * factor).round_ties_even() as i32 as i8 as u8;
    }
}

/// The same with 16 bits.
#[multiversion(targets("x86_64+avx2+fma"))]
pub(super) fn round_to_words(values: &[f32], factor: f32, codes: &mut [i16]) {
    for (value, code) in values.iter().zip(codes) {
        *code = (value * factor).round_ties_even() as i32 as i16;
    }
}

/// Adds `scale` times a row of codes to `sums`.
#[multiversion(targets("x86_64+avx2+fma"))]
pub(super) fn add_scaled(codes: &[u8], scale: f32, sums: &mut [f32]) {
    for (code, sum) in codes.iter().zip(sums) {
        *sum += f32::from(*code as i8) * scale;
    }
}
