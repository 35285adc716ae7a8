//! What one processor family can do, mostly for many values at once: the only `unsafe` code of the crate.
//!
//! ```text
//! Avx512::detect() ──Some(proof)──► a kernel that takes the proof
//!                  └─None─────────► the portable path, which is complete without this module
//! ```
//!
//! Each kernel is a function with `#[target_feature]`, and so may only be called where the processor has the features.
//! That is known by a value: [`Avx512`] and [`ShaNi`] can be made by `detect` alone, which asks the processor, and every kernel's safe entry
//! takes one. Kernels read and write slices whose bounds they have checked; nothing here keeps a pointer.
//!
//! The portable path is the oracle: every kernel is compared with it in the tests.
//!
//! # Security
//! No branch and no address depends on a secret. Copies of key material are [`Zeroizing`](zeroize::Zeroizing); what registers
//! and the stack hold during a call is not wiped, as in the portable path.
#![allow(unsafe_code)]

pub(crate) mod aes;
pub(crate) mod ff1;
pub(crate) mod ff1_text;
pub(crate) mod ff1_text_wide;
pub(crate) mod ff1_wide;
pub(crate) mod gcm;
pub(crate) mod hmac_lanes;
pub(crate) mod hmac_sha_ni;
mod memory;
pub(crate) mod padding;
pub(crate) mod text;

use std::sync::atomic::{AtomicBool, Ordering};

/// Set by [`hazmat::use_portable_code`](super::hazmat::use_portable_code) alone.
static PORTABLE: AtomicBool = AtomicBool::new(false);

/// From now on `detect` finds nothing, or again what there is.
#[cfg(feature = "hazmat")]
pub(super) fn use_portable_code(portable: bool) {
    PORTABLE.store(portable, Ordering::Relaxed);
}

/// Proof that the processor has AVX-512 (F, BW, DQ, VL, IFMA, VBMI), VAES and VPCLMULQDQ.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// The proof, on processors that have all of it.
    #[inline]
    pub(crate) fn detect() -> Option<Self> {
        if PORTABLE.load(Ordering::Relaxed) {
            return None;
        }
        Self::detect_always()
    }

    /// As [`detect`](Self::detect), whatever `hazmat` says: for tests, which compare both paths.
    #[inline]
    pub(crate) fn detect_always() -> Option<Self> {
        // The compiler takes the first three for granted where it has the fourth.
        (is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c")
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512ifma")
            && is_x86_feature_detected!("avx512vbmi")
            && is_x86_feature_detected!("vaes")
            && is_x86_feature_detected!("vpclmulqdq")
            && is_x86_feature_detected!("aes")
            && is_x86_feature_detected!("pclmulqdq")
            && is_x86_feature_detected!("bmi2"))
        .then_some(Self(()))
    }
}

/// Proof that the processor has the SHA-256 instructions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShaNi(());

impl ShaNi {
    /// The proof, on processors that have them.
    #[inline]
    pub(crate) fn detect() -> Option<Self> {
        if PORTABLE.load(Ordering::Relaxed) {
            return None;
        }
        Self::detect_always()
    }

    /// As [`detect`](Self::detect), whatever `hazmat` says: for tests, which compare both paths.
    #[inline]
    pub(crate) fn detect_always() -> Option<Self> {
        (is_x86_feature_detected!("sha")
            && is_x86_feature_detected!("ssse3")
            && is_x86_feature_detected!("sse4.1")
            && is_x86_feature_detected!("avx"))
        .then_some(Self(()))
    }
}
