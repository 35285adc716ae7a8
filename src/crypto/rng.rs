//! The one source of randomness.
//!
//! Nonces and data keys come from a generator per thread (ChaCha, seeded and reseeded by the operating system every
//! 64 KiB), because a system call for each value would cost five times the sealing of it. Root secrets, of which there
//! is one for each key version, come from the operating system directly.

use crate::error::{Error, Result};
use rand::{Rng, RngExt, TryRng};

/// Fills with bytes for nonces, locators and data keys.
pub fn fill(bytes: &mut [u8]) {
    rand::rng().fill_bytes(bytes);
}

/// `N` bytes for nonces, locators and data keys.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}

/// A number below this one, which is not 0; each with the same chance.
pub fn below(end: u32) -> u32 {
    rand::rng().random_range(0..end)
}

/// Fills with bytes from the operating system, for root secrets.
///
/// # Errors
/// [`Error::Io`] when the system has no randomness to give.
pub fn fill_from_system(bytes: &mut [u8]) -> Result<()> {
    rand::rngs::SysRng.try_fill_bytes(bytes).map_err(|e| Error::Io {
        action: "draw randomness from",
        path: "the operating system".into(),
        source: std::io::Error::other(e.to_string()),
    })
}

/// A generator of its own, ChaCha12 with a seed of 32 bytes from the operating system, for what asks for a generator.
///
/// # Errors
/// [`Error::Io`] when the system has no randomness to give.
#[cfg(feature = "shamir")]
pub fn seeded_from_system() -> Result<rand::rngs::StdRng> {
    use rand::SeedableRng;
    let mut seed = zeroize::Zeroizing::new([0; 32]);
    fill_from_system(seed.as_mut())?;
    Ok(rand::rngs::StdRng::from_seed(*seed))
}
