//! `sealed = nonce(24) ‖ ciphertext(len(plaintext)) ‖ tag(16)`: seal and open, the nonce drawn inside.
//!
//! | suite | sub-key from nonce bytes | then | nonce bytes left |
//! |---|---|---|---|
//! | XAES-256-GCM | 0..12, by AES-256-CMAC in counter mode | AES-256-GCM | 12..24 |
//! | XChaCha20-Poly1305 | 0..16, by HChaCha20 | ChaCha20-Poly1305 | 16..24 |
//!
//! In a [`Batch`] the sub-key part of the nonce is drawn once and the rest counts up from a random start, so the
//! sub-key is derived once and each sealed value is still an ordinary one that any implementation opens.
//!
//! [`Batch::seal_many`] and [`Aead::open_many`] do many values at once; what one of them seals, [`Aead::open`] opens, and the other way
//! round.
//!
//! Source: C2SP XAES-256-GCM; draft-irtf-cfrg-xchacha-03; NIST SP 800-38D; RFC 8439.

mod bulk;
mod chacha;
#[cfg(feature = "hazmat")]
pub(super) mod column;
mod equal;
#[cfg(target_arch = "x86_64")]
use super::arch::gcm;
#[cfg(not(target_arch = "x86_64"))]
mod gcm;

pub use bulk::{Bound, opened_len};

use super::context::Context;
use super::rng;
use super::secret::{AeadKey, Plaintext};
use crate::error::{Error, Result};
use aes::cipher::BlockCipherEncrypt;
use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use chacha20poly1305::ChaCha20Poly1305;
use gcm::{Gcm, Opening, Sealing, Xaes};
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// Bytes in front of the ciphertext.
pub const NONCE_LEN: usize = 24;
/// Bytes behind the ciphertext.
pub const TAG_LEN: usize = 16;
/// What sealing adds to the plaintext's length.
pub const OVERHEAD: usize = NONCE_LEN + TAG_LEN;
/// The longest plaintext: 256 MiB, far below the 64 GiB where GCM ends.
pub const LONGEST: usize = 256 << 20;

/// How a value is sealed. The number is the one on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Suite {
    /// XAES-256-GCM, the default.
    Xaes256Gcm = 1,
    /// XChaCha20-Poly1305, for machines without AES instructions.
    XChaCha20Poly1305 = 2,
}

impl Suite {
    /// The suite of this number, or `None`.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Suite::Xaes256Gcm),
            2 => Some(Suite::XChaCha20Poly1305),
            _ => None,
        }
    }

    /// Nonce bytes that select the sub-key.
    fn prefix_len(self) -> usize {
        match self {
            Suite::Xaes256Gcm => 12,
            Suite::XChaCha20Poly1305 => 16,
        }
    }
}

/// An expanded key of one suite.
pub struct Aead(Expanded);

enum Expanded {
    /// Where the processor has the instructions.
    Kernel(Box<Xaes>),
    Xaes {
        cipher: Box<aes::Aes256Enc>,
        k1: Zeroizing<[u8; 16]>,
    },
    XChaCha(Box<Zeroizing<[u8; 32]>>),
}

/// The sub-key that a nonce prefix selects.
enum SubKey {
    /// Where the processor has the instructions.
    Kernel(Box<Gcm>),
    Gcm(Box<Aes256Gcm>),
    ChaCha(Box<Zeroizing<[u8; 32]>>),
}

impl Aead {
    /// Expands the key.
    pub fn new(suite: Suite, key: &AeadKey) -> Self {
        Self::from_key_bytes(suite, key.expose())
    }

    pub(crate) fn from_key_bytes(suite: Suite, key: &[u8; 32]) -> Self {
        Self(match suite {
            Suite::Xaes256Gcm => Xaes::detect(key).map_or_else(|| Expanded::portable(key), Expanded::Kernel),
            Suite::XChaCha20Poly1305 => Expanded::XChaCha(Box::new(Zeroizing::new(*key))),
        })
    }

    /// Which suite this is.
    pub fn suite(&self) -> Suite {
        match self.0 {
            Expanded::Kernel(_) | Expanded::Xaes { .. } => Suite::Xaes256Gcm,
            Expanded::XChaCha(_) => Suite::XChaCha20Poly1305,
        }
    }

    /// Appends the sealed plaintext to `out`, under a fresh random nonce.
    ///
    /// # Errors
    /// [`Error::TooLong`] over [`LONGEST`] bytes.
    ///
    /// # Security
    /// 192-bit random nonces: no limit on values for one key that anyone will reach (2^80 for a risk of 2^-32).
    pub fn seal(&self, aad: &Context, plaintext: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.batch().seal(aad, plaintext, out)
    }

    /// Starts a batch: many values, one sub-key.
    pub fn batch(&self) -> Batch<'_> {
        let nonce = rng::bytes();
        Batch { sub_key: self.sub_key(&nonce), key: self, nonce, left: PER_PREFIX }
    }

    /// The plaintext of what [`seal`](Aead::seal) or a [`Batch`] made with the same AAD.
    ///
    /// # Errors
    /// [`Error::Rejected`] for anything else: another key, another AAD, one bit altered, too short. No plaintext is
    /// produced before the tag has been verified.
    pub fn open(&self, aad: &Context, sealed: &[u8]) -> Result<Plaintext> {
        self.open_with(aad.as_bytes(), sealed)
    }

    pub(crate) fn open_with(&self, aad: &[u8], sealed: &[u8]) -> Result<Plaintext> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Error::Rejected)?;
        // Nobody sealed more; and counters have 32 bits.
        let length = rest.len().checked_sub(TAG_LEN).filter(|length| *length <= LONGEST);
        let mut text = vec![0; length.ok_or(Error::Rejected)?];
        self.sub_key(nonce).open(nonce, aad, rest, &mut text)?;
        Ok(Plaintext::new(text))
    }

    #[cfg(feature = "hazmat")]
    pub(crate) fn seal_with(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        plaintext: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        self.sub_key(nonce).seal(nonce, aad, plaintext, out)
    }

    fn sub_key(&self, nonce: &[u8; NONCE_LEN]) -> SubKey {
        match &self.0 {
            Expanded::Kernel(xaes) => SubKey::Kernel(xaes.sub_key(nonce.first_chunk().expect("24 >= 12"))),
            Expanded::Xaes { cipher, k1 } => SubKey::portable(&xaes_sub_key(cipher, k1, nonce)),
            Expanded::XChaCha(key) => {
                let input = nonce.first_chunk::<16>().expect("24 >= 16");
                let mut sub = chacha20::hchacha::<chacha20::R20>((&***key).into(), input.into());
                let sub_key = SubKey::chacha(&sub.0);
                sub.zeroize();
                sub_key
            }
        }
    }
}

impl Expanded {
    /// A key of XAES-256-GCM for any processor.
    fn portable(key: &[u8; 32]) -> Self {
        let cipher = Box::new(aes::Aes256Enc::new(key.into()));
        // K1 = L·x in GF(2^128), L = AES-256(K, 0^128): CMAC's first sub-key.
        let mut l = aes::Block::default();
        cipher.encrypt_block(&mut l);
        let l128 = u128::from_be_bytes(l.0);
        l.zeroize();
        let k1 = (l128 << 1) ^ (0x87 & (l128 >> 127).wrapping_neg());
        Expanded::Xaes { cipher, k1: Zeroizing::new(k1.to_be_bytes()) }
    }
}

/// `K_x = AES-256(K, 0x0001 ‖ "X" ‖ 0 ‖ N[0..12] ⊕ K1) ‖ AES-256(K, 0x0002 ‖ …)`.
fn xaes_sub_key(cipher: &aes::Aes256Enc, k1: &[u8; 16], nonce: &[u8; NONCE_LEN]) -> Zeroizing<[u8; 32]> {
    let mut halves = [*b"\0\x01X\0............", *b"\0\x02X\0............"];
    let mut key = Zeroizing::new([0; 32]);
    for (half, key) in halves.iter_mut().zip(key.as_chunks_mut::<16>().0) {
        half[4..].copy_from_slice(&nonce[..12]);
        half.iter_mut().zip(k1.iter()).for_each(|(m, k)| *m ^= k);
        cipher.encrypt_block(half.into());
        key.copy_from_slice(half);
        half.zeroize();
    }
    key
}

/// Values under one prefix before the next is drawn: SP 800-38D's bound for one GCM key.
const PER_PREFIX: u64 = 1 << 32;

/// Many sealed values that share the first part of their nonces.
pub struct Batch<'k> {
    key: &'k Aead,
    sub_key: SubKey,
    nonce: [u8; NONCE_LEN],
    left: u64,
}

impl Batch<'_> {
    /// Appends the sealed plaintext to `out`, under the batch's next nonce.
    ///
    /// # Errors
    /// [`Error::TooLong`] over [`LONGEST`] bytes.
    pub fn seal(&mut self, aad: &Context, plaintext: &[u8], out: &mut Vec<u8>) -> Result<()> {
        if self.left == 0 {
            *self = self.key.batch();
        }
        self.left -= 1;
        self.nonce = counted_up(&self.nonce, self.key.suite(), 1);
        self.sub_key.seal(&self.nonce, aad.as_bytes(), plaintext, out)
    }
}

/// The nonce with this added to what is behind its prefix: a big-endian number, modulo 2^96 or 2^64, so that it cannot come round
/// within a batch.
fn counted_up(nonce: &[u8; NONCE_LEN], suite: Suite, by: u64) -> [u8; NONCE_LEN] {
    let [prefix @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = nonce;
    let number = u128::from_be_bytes(*nonce.last_chunk().expect("24 >= 16"));
    let counts = u128::MAX >> (8 * (suite.prefix_len() - prefix.len()));
    let number = number & !counts | number.wrapping_add(by.into()) & counts;
    let mut counted = [0; NONCE_LEN];
    counted[..prefix.len()].copy_from_slice(prefix);
    counted[prefix.len()..].copy_from_slice(&number.to_be_bytes());
    counted
}

impl SubKey {
    #[cfg(feature = "hazmat")]
    fn gcm(key: &[u8; 32]) -> Self {
        Gcm::detect(key).map_or_else(|| SubKey::portable(key), SubKey::Kernel)
    }

    /// A key of AES-256-GCM for any processor.
    fn portable(key: &[u8; 32]) -> Self {
        SubKey::Gcm(Box::new(Aes256Gcm::new(key.into())))
    }

    fn chacha(key: &[u8; 32]) -> Self {
        SubKey::ChaCha(Box::new(Zeroizing::new(*key)))
    }

    /// The 12-byte nonce of the inner AEAD, out of the outer one's last bytes.
    fn inner_nonce(&self, nonce: &[u8; NONCE_LEN]) -> [u8; 12] {
        let mut inner: [u8; 12] = *nonce.last_chunk().expect("24 >= 12");
        if let SubKey::ChaCha(_) = self {
            inner[..4].fill(0);
        }
        inner
    }

    fn seal(&self, nonce: &[u8; NONCE_LEN], aad: &[u8], plaintext: &[u8], out: &mut Vec<u8>) -> Result<()> {
        if plaintext.len() > LONGEST {
            return Err(Error::TooLong { what: "value to seal", actual: plaintext.len(), limit: LONGEST });
        }
        out.reserve(OVERHEAD + plaintext.len());
        out.extend_from_slice(nonce);
        let start = out.len();
        out.resize(start + plaintext.len() + TAG_LEN, 0);
        self.seal_into(&self.inner_nonce(nonce), aad, plaintext, &mut out[start..]);
        Ok(())
    }

    /// Writes `ciphertext ‖ tag`, for which there is just room.
    fn seal_into(&self, nonce: &[u8; 12], aad: &[u8], plaintext: &[u8], out: &mut [u8]) {
        const CHECKED: &str = "the length was checked";
        match self {
            SubKey::Kernel(key) => {
                key.seal_one(Sealing { nonce: counter_block(nonce), part: aad, plaintext, out })
            }
            SubKey::Gcm(key) => seal_in_place(plaintext, out, |text| {
                key.encrypt_inout_detached(nonce.into(), aad, text.into()).expect(CHECKED).0
            }),
            SubKey::ChaCha(key) if aad.len() + plaintext.len() <= chacha::SHORT => {
                seal_in_place(plaintext, out, |text| chacha::seal(key, nonce, aad, text))
            }
            SubKey::ChaCha(key) => seal_in_place(plaintext, out, |text| {
                let key = ChaCha20Poly1305::new((&***key).into());
                key.encrypt_inout_detached(nonce.into(), aad, text.into()).expect(CHECKED).0
            }),
        }
    }

    /// Opens `ciphertext ‖ tag`, and writes the plaintext, for which there is just room; zeros if the tag is wrong.
    fn open(&self, nonce: &[u8; NONCE_LEN], aad: &[u8], sealed: &[u8], out: &mut [u8]) -> Result<()> {
        self.open_into(&self.inner_nonce(nonce), aad, sealed, out)
    }

    fn open_into(&self, nonce: &[u8; 12], aad: &[u8], sealed: &[u8], out: &mut [u8]) -> Result<()> {
        let mut is_genuine = false;
        match self {
            SubKey::Kernel(key) => {
                let nonce = counter_block(nonce);
                key.open_one(Opening { nonce, part: aad, sealed, out, is_genuine: &mut is_genuine });
            }
            SubKey::Gcm(key) => open_in_place(sealed, out, &mut is_genuine, |text, tag| {
                key.decrypt_inout_detached(nonce.into(), aad, text.into(), tag.into()).is_ok()
            }),
            SubKey::ChaCha(key) if aad.len() + out.len() <= chacha::SHORT => {
                open_in_place(sealed, out, &mut is_genuine, |text, tag| {
                    chacha::open(key, nonce, aad, text, tag).is_ok()
                })
            }
            SubKey::ChaCha(key) => open_in_place(sealed, out, &mut is_genuine, |text, tag| {
                let key = ChaCha20Poly1305::new((&***key).into());
                key.decrypt_inout_detached(nonce.into(), aad, text.into(), tag.into()).is_ok()
            }),
        }
        if is_genuine { Ok(()) } else { Err(Error::Rejected) }
    }
}

/// A big-endian number of 12 bytes, and 32 zeros behind it.
fn counter_block(nonce: &[u8; 12]) -> u128 {
    nonce.iter().fold(0, |number, byte| number << 8 | u128::from(*byte)) << 32
}

fn seal_in_place(plaintext: &[u8], out: &mut [u8], seal: impl FnOnce(&mut [u8]) -> [u8; TAG_LEN]) {
    let (text, tag) = out.split_at_mut(plaintext.len());
    text.copy_from_slice(plaintext);
    tag.copy_from_slice(&seal(text));
}

fn open_in_place(
    sealed: &[u8],
    out: &mut [u8],
    is_genuine: &mut bool,
    open: impl FnOnce(&mut [u8], &[u8; TAG_LEN]) -> bool,
) {
    let (text, tag) =
        sealed.split_last_chunk().expect("there is a tag behind as many bytes as there is room for");
    out.copy_from_slice(text);
    *is_genuine = open(out, tag);
    if !*is_genuine {
        out.fill(0);
    }
}

impl fmt::Debug for Aead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Aead({:?}, ..)", self.suite())
    }
}

impl fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({:?}, ..)", self.key.suite())
    }
}

/// The inner AEADs with a nonce of the caller's: what published vectors run against.
#[cfg(feature = "hazmat")]
pub(crate) mod inner {
    use super::*;

    /// One of the two AEADs with 12-byte nonces that the suites end in.
    pub(crate) struct Inner(SubKey);

    impl Inner {
        pub(crate) fn new(suite: Suite, key: &[u8; 32]) -> Self {
            Self(match suite {
                Suite::Xaes256Gcm => SubKey::gcm(key),
                Suite::XChaCha20Poly1305 => SubKey::chacha(key),
            })
        }

        pub(crate) fn seal(&self, nonce: &[u8; 12], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
            let mut out = vec![0; plaintext.len() + TAG_LEN];
            self.0.seal_into(nonce, aad, plaintext, &mut out);
            out
        }

        pub(crate) fn open(&self, nonce: &[u8; 12], aad: &[u8], sealed: &[u8]) -> Result<Plaintext> {
            let length = sealed.len().checked_sub(TAG_LEN).filter(|length| *length <= LONGEST);
            let mut text = vec![0; length.ok_or(Error::Rejected)?];
            self.0.open_into(nonce, aad, sealed, &mut text)?;
            Ok(Plaintext::new(text))
        }
    }
}

#[cfg(test)]
mod tests;
