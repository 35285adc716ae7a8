//! ChaCha20-Poly1305 of short messages: `otk = ChaCha20(key, nonce)[0..32]`, `C = P ⊕ ChaCha20(key, nonce)[64..]`,
//! `T = Poly1305(otk, pad16(A) ‖ pad16(C) ‖ len(A) ‖ len(C))`.
//!
//! Block 0 and the text's blocks come from one call of the cipher. For longer messages than [`SHORT`] the `chacha20poly1305` crate is the
//! faster one; below, what it sets up costs several times the work.
//!
//! Source: RFC 8439, section 2.8.

use crate::crypto::poly1305::Poly1305;
use crate::error::{Error, Result};
use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Bytes of AAD and text up to which this is used.
pub(super) const SHORT: usize = 2048;
/// Bytes of a block of ChaCha20.
const BLOCK: usize = 64;
/// Bytes of text that come with block 0.
const WITH_FIRST: usize = 256;

/// Encrypts the buffer, and returns the tag.
pub(super) fn seal(key: &[u8; 32], nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8]) -> [u8; 16] {
    let mut stream = Stream::new(key, nonce, buffer.len());
    stream.apply(buffer);
    stream.tag(aad, buffer)
}

/// Decrypts the buffer if the tag is right.
///
/// # Errors
/// [`Error::Rejected`] if it is not; the buffer is then as it was.
pub(super) fn open(
    key: &[u8; 32],
    nonce: &[u8; 12],
    aad: &[u8],
    buffer: &mut [u8],
    tag: &[u8; 16],
) -> Result<()> {
    let mut stream = Stream::new(key, nonce, buffer.len());
    if !bool::from(stream.tag(aad, buffer).ct_eq(tag)) {
        return Err(Error::Rejected);
    }
    stream.apply(buffer);
    Ok(())
}

/// The key stream of a message.
struct Stream {
    cipher: ChaCha20,
    /// The one-time key's block, and the first of the text's.
    first: [u8; BLOCK + WITH_FIRST],
}

impl Stream {
    fn new(key: &[u8; 32], nonce: &[u8; 12], text: usize) -> Self {
        let mut stream = Self { cipher: ChaCha20::new(key.into(), nonce.into()), first: [0; _] };
        stream.cipher.apply_keystream(&mut stream.first[..BLOCK + text.min(WITH_FIRST)]);
        stream
    }

    /// Adds the key stream to the text.
    fn apply(&mut self, text: &mut [u8]) {
        let (front, back) = text.split_at_mut(text.len().min(WITH_FIRST));
        front.iter_mut().zip(&self.first[BLOCK..]).for_each(|(byte, key)| *byte ^= key);
        if !back.is_empty() {
            self.cipher.apply_keystream(back);
        }
    }

    fn tag(&self, aad: &[u8], ciphertext: &[u8]) -> [u8; 16] {
        let one_time_key = Zeroizing::new(*self.first.first_chunk().expect("320 >= 32"));
        let mut poly1305 = Poly1305::new(&one_time_key);
        poly1305.update_padded(aad);
        poly1305.update_padded(ciphertext);
        let lengths = [aad.len() as u64, ciphertext.len() as u64].map(u64::to_le_bytes);
        poly1305.update_padded(lengths.as_flattened());
        poly1305.tag()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // Wiping byte by byte would take as long as the cipher did.
        self.first.fill(0);
        std::hint::black_box(&self.first);
    }
}
