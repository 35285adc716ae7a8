//! Raw primitives, for reviewers who bring vectors: nonces and keys of the caller's, no domain separation.
//!
//! Each function runs the code that protects data, one step further in. Nothing here is needed to use the crate, and
//! almost every use of it to protect data would be a mistake: a nonce used twice under one key gives away both
//! plaintexts and the means to forge.

use super::aead::{Aead, NONCE_LEN, Suite, TAG_LEN, column::ColumnKey, inner::Inner};
use super::prf::Prf;
use super::secret::Plaintext;
use crate::error::{Error, Result};
use hkdf::Hkdf;
use sha2::Sha256;

/// Whether the whole process does without the instructions of one processor family from now on, as on a machine that does not
/// have them. Results are the same bytes, more slowly; keys that were expanded before may keep to what they have.
pub fn use_portable_code(portable: bool) {
    #[cfg(target_arch = "x86_64")]
    super::arch::use_portable_code(portable);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = portable;
}

/// `ciphertext ‖ tag` of AES-256-GCM, or of ChaCha20-Poly1305, whichever the suite ends in.
pub fn seal_inner(suite: Suite, key: &[u8; 32], nonce: &[u8; 12], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    Inner::new(suite, key).seal(nonce, aad, plaintext)
}

/// The plaintext of `ciphertext ‖ tag`.
///
/// # Errors
/// [`Error::Rejected`] when the tag does not verify.
pub fn open_inner(
    suite: Suite,
    key: &[u8; 32],
    nonce: &[u8; 12],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Plaintext> {
    Inner::new(suite, key).open(nonce, aad, sealed)
}

/// AES-256-GCM over columns: values of one length, one behind the other, sealed and opened in place with one AAD.
pub struct GcmColumn(ColumnKey);

impl GcmColumn {
    /// Expands the key.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(ColumnKey::new(key))
    }

    /// Seals a text of `width` bytes under each nonce, and writes its tag.
    ///
    /// # Errors
    /// [`Error::Setting`] when there are not as many nonces, texts and tags.
    pub fn seal(
        &self,
        nonces: &[[u8; 12]],
        aad: &[u8],
        width: usize,
        texts: &mut [u8],
        tags: &mut [[u8; TAG_LEN]],
    ) -> Result<()> {
        check_column(nonces, width, texts, tags)?;
        self.0.seal(nonces, aad, width, texts, tags);
        Ok(())
    }

    /// Opens a text of `width` bytes under each nonce. One whose tag is wrong becomes zeros, and its index is pushed to `failed`.
    ///
    /// # Errors
    /// [`Error::Setting`] when there are not as many nonces, texts and tags.
    pub fn open(
        &self,
        nonces: &[[u8; 12]],
        aad: &[u8],
        width: usize,
        texts: &mut [u8],
        tags: &mut [[u8; TAG_LEN]],
        failed: &mut Vec<usize>,
    ) -> Result<()> {
        check_column(nonces, width, texts, tags)?;
        self.0.open(nonces, aad, width, texts, tags, failed);
        Ok(())
    }
}

impl std::fmt::Debug for GcmColumn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GcmColumn(..)")
    }
}

fn check_column(nonces: &[[u8; 12]], width: usize, texts: &[u8], tags: &[[u8; TAG_LEN]]) -> Result<()> {
    let is_whole = nonces.len().checked_mul(width) == Some(texts.len()) && tags.len() == nonces.len();
    let problem = || "must have as many nonces, texts and tags".into();
    if is_whole { Ok(()) } else { Err(Error::Setting { what: "column", problem: problem() }) }
}

/// `ciphertext ‖ tag` of XAES-256-GCM or XChaCha20-Poly1305.
///
/// # Errors
/// [`Error::TooLong`] past the cap of [`aead`](super::aead).
pub fn seal(
    suite: Suite,
    key: &[u8; 32],
    nonce: &[u8; NONCE_LEN],
    aad: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>> {
    let mut out = vec![];
    Aead::from_key_bytes(suite, key).seal_with(nonce, aad, plaintext, &mut out)?;
    Ok(out.split_off(NONCE_LEN))
}

/// The plaintext of `ciphertext ‖ tag`.
///
/// # Errors
/// [`Error::Rejected`] when the tag does not verify.
pub fn open(
    suite: Suite,
    key: &[u8; 32],
    nonce: &[u8; NONCE_LEN],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Plaintext> {
    Aead::from_key_bytes(suite, key).open_with(aad, &[nonce, sealed].concat())
}

/// HMAC-SHA256 with a key of any length.
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    Prf::from_key_bytes(key).tag(&[message]).into_public()
}

/// Checks a whole or truncated tag, as [`Tag::verifies`](super::prf::Tag::verifies) does.
///
/// # Errors
/// [`Error::Rejected`] when the tag is another message's or key's, empty, or longer than 32 bytes.
pub fn verify_hmac_sha256(key: &[u8], message: &[u8], tag: &[u8]) -> Result<()> {
    if Prf::from_key_bytes(key).tag(&[message]).verifies(tag) { Ok(()) } else { Err(Error::Rejected) }
}

/// HKDF-SHA256, filling `okm`.
///
/// # Errors
/// [`Error::TooLong`] over 255 blocks of 32 bytes.
pub fn hkdf_sha256(salt: &[u8], ikm: &[u8], info: &[u8], okm: &mut [u8]) -> Result<()> {
    let actual = okm.len();
    Hkdf::<Sha256>::new(Some(salt), ikm).expand(info, okm).map_err(|_| Error::TooLong {
        what: "HKDF output",
        actual,
        limit: 255 * 32,
    })
}
