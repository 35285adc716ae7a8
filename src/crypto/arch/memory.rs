//! Vectors from and to slices: what takes an address, and so is `unsafe`, in the kernels.

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

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn store_bytes(bytes: &mut [u8; 64], vector: __m512i) {
    // SAFETY: the reference is to 64 bytes, and the instruction takes any alignment.
    unsafe { _mm512_storeu_si512(bytes.as_mut_ptr().cast(), vector) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::arch::Avx512;

    // Slices of just their length, so that an interpreter sees each access beyond them; and of more, to see what is written.
    #[target_feature(enable = "avx512f,avx512bw,bmi2")]
    fn every_length() {
        let bytes: Vec<u8> = (1..=64).collect();
        let words: Vec<u16> = (1..=32).map(|i| 257 * i).collect();
        let as_bytes = |vector| {
            let mut all = [0; 8];
            store(&mut all, vector);
            all.map(u64::to_le_bytes).as_flattened().to_vec()
        };
        for length in 0..=64 {
            let some: Box<[u8]> = bytes[..length].into();
            let mut expected = vec![0xAA; 64];
            expected[..length].copy_from_slice(&some);
            assert_eq!(as_bytes(load_some(&some, _mm512_set1_epi8(0xAA_u8 as i8))), expected);
            let all = load_bytes(bytes[..].try_into().unwrap());
            let mut out: Box<[u8]> = vec![0xAA; length].into();
            store_some(&mut out, all);
            assert_eq!(out, some);
            let mut out = vec![0xAA; 64];
            store_some(&mut out[..length], all);
            assert_eq!(out, expected);
        }
        for length in 0..=32 {
            let some: Box<[u16]> = words[..length].into();
            let mut expected = vec![0; 32];
            expected[..length].copy_from_slice(&some);
            let bytes_of =
                |words: &[u16]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
            assert_eq!(as_bytes(load_some_words(&some)), bytes_of(&expected));
            let mut out: Box<[u16]> = vec![0xAAAA; length].into();
            store_some_words(&mut out, load_some_words(&words));
            assert_eq!(out, some);
            let mut out = vec![0; 32];
            store_some_words(&mut out[..length], load_some_words(&words));
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn as_many_are_read_and_written_as_there_are() {
        let Some(_) = Avx512::detect_always() else { return };
        // SAFETY: the proof says that the processor has these features.
        unsafe { every_length() }
    }
}
