//! Vectors from and to slices: what takes an address, and so is `unsafe`, in the kernels of FF1.

use core::arch::x86_64::*;

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load(words: &[u64; 8]) -> __m512i {
    // SAFETY: the reference is to 64 bytes, and the instruction takes any alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn store(words: &mut [u64; 8], vector: __m512i) {
    // SAFETY: the reference is to 64 bytes, and the instruction takes any alignment.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), vector) }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load_bytes(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: the reference is to 64 bytes, and the instruction takes any alignment.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// At most 64 bytes; the others are those of the filler.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,bmi2")]
pub(super) fn load_some(bytes: &[u8], filler: __m512i) -> __m512i {
    assert!(bytes.len() <= 64);
    let mask = _bzhi_u64(u64::MAX, bytes.len() as u32);
    // SAFETY: the mask has a bit for each byte of the slice and no other; bytes without one are not accessed.
    unsafe { _mm512_mask_loadu_epi8(filler, mask, bytes.as_ptr().cast()) }
}

/// The first bytes of the vector, at most 64.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,bmi2")]
pub(super) fn store_some(bytes: &mut [u8], vector: __m512i) {
    assert!(bytes.len() <= 64);
    let mask = _bzhi_u64(u64::MAX, bytes.len() as u32);
    // SAFETY: the mask has a bit for each byte of the slice and no other; bytes without one are not accessed.
    unsafe { _mm512_mask_storeu_epi8(bytes.as_mut_ptr().cast(), mask, vector) }
}

/// At most 32 words; the others are 0.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,bmi2")]
pub(super) fn load_some_words(words: &[u16]) -> __m512i {
    assert!(words.len() <= 32);
    let mask = _bzhi_u32(u32::MAX, words.len() as u32);
    // SAFETY: the mask has a bit for each word of the slice and no other; words without one are not accessed.
    unsafe { _mm512_maskz_loadu_epi16(mask, words.as_ptr().cast()) }
}

/// The first words of the vector, at most 32.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,bmi2")]
pub(super) fn store_some_words(words: &mut [u16], vector: __m512i) {
    assert!(words.len() <= 32);
    let mask = _bzhi_u32(u32::MAX, words.len() as u32);
    // SAFETY: the mask has a bit for each word of the slice and no other; words without one are not accessed.
    unsafe { _mm512_mask_storeu_epi16(words.as_mut_ptr().cast(), mask, vector) }
}
