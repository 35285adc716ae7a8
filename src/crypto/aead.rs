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
use gcm::{Gcm, Opening, Sealing};
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
    Xaes { cipher: Box<aes::Aes256Enc>, k1: Zeroizing<[u8; 16]> },
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
            Suite::Xaes256Gcm => {
                let cipher = Box::new(aes::Aes256Enc::new(key.into()));
                // K1 = L·x in GF(2^128), L = AES-256(K, 0^128): CMAC's first sub-key.
                let mut l = aes::Block::default();
                cipher.encrypt_block(&mut l);
                let l128 = u128::from_be_bytes(l.0);
                l.zeroize();
                let k1 = (l128 << 1) ^ (0x87 & (l128 >> 127).wrapping_neg());
                Expanded::Xaes { cipher, k1: Zeroizing::new(k1.to_be_bytes()) }
            }
            Suite::XChaCha20Poly1305 => Expanded::XChaCha(Box::new(Zeroizing::new(*key))),
        })
    }

    /// Which suite this is.
    pub fn suite(&self) -> Suite {
        match self.0 {
            Expanded::Xaes { .. } => Suite::Xaes256Gcm,
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
        let mut text = vec![0; rest.len().checked_sub(TAG_LEN).ok_or(Error::Rejected)?];
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
            Expanded::Xaes { cipher, k1 } => SubKey::gcm(&xaes_sub_key(cipher, k1, nonce)),
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
    fn gcm(key: &[u8; 32]) -> Self {
        match Gcm::detect(key) {
            Some(kernel) => SubKey::Kernel(kernel),
            None => SubKey::Gcm(Box::new(Aes256Gcm::new(key.into()))),
        }
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
            let mut text = vec![0; sealed.len().checked_sub(TAG_LEN).ok_or(Error::Rejected)?];
            self.0.open_into(nonce, aad, sealed, &mut text)?;
            Ok(Plaintext::new(text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::context::Label;
    use super::*;

    fn aead(suite: Suite) -> Aead {
        Aead::from_key_bytes(suite, &[3; 32])
    }

    fn aad(part: &str) -> Context {
        Context::new(Label::SealAad).part(part)
    }

    const SUITES: [Suite; 2] = [Suite::Xaes256Gcm, Suite::XChaCha20Poly1305];

    // SPEC: AEAD-3, AEAD-6
    #[test]
    fn sealed_opens_and_nothing_else_does() {
        for suite in SUITES {
            for plaintext in [&b""[..], b"a", &[9; 1000]] {
                let mut sealed = vec![];
                aead(suite).seal(&aad("row 1"), plaintext, &mut sealed).unwrap();
                assert_eq!(sealed.len(), plaintext.len() + OVERHEAD);
                assert_eq!(aead(suite).open(&aad("row 1"), &sealed).unwrap().expose(), plaintext);
                assert!(matches!(aead(suite).open(&aad("row 2"), &sealed), Err(Error::Rejected)));
                for bit in 0..sealed.len() * 8 {
                    let mut altered = sealed.clone();
                    altered[bit / 8] ^= 1 << (bit % 8);
                    assert!(aead(suite).open(&aad("row 1"), &altered).is_err(), "bit {bit}");
                }
                for length in 0..sealed.len() {
                    assert!(aead(suite).open(&aad("row 1"), &sealed[..length]).is_err());
                }
            }
        }
    }

    // SPEC: AEAD-4, AEAD-5
    #[test]
    fn a_batch_shares_a_prefix_counts_and_opens_one_by_one() {
        for suite in SUITES {
            let key = aead(suite);
            let mut batch = key.batch();
            let sealed: Vec<Vec<u8>> = (0..300u32)
                .map(|i| {
                    let mut out = vec![];
                    batch.seal(&aad("x"), &i.to_be_bytes(), &mut out).unwrap();
                    out
                })
                .collect();
            let p = suite.prefix_len();
            let mut nonces: Vec<_> = sealed.iter().map(|s| s[..NONCE_LEN].to_vec()).collect();
            assert!(nonces.iter().all(|n| n[..p] == nonces[0][..p]));
            nonces.dedup();
            assert_eq!(nonces.len(), 300);
            for (i, s) in sealed.iter().enumerate() {
                assert_eq!(key.open(&aad("x"), s).unwrap().expose(), (i as u32).to_be_bytes());
            }
            batch.left = 0;
            let mut next = vec![];
            batch.seal(&aad("x"), b"", &mut next).unwrap();
            assert_ne!(next[..p], nonces[0][..p], "an exhausted prefix is replaced");
        }
    }

    // SPEC: AEAD-4
    #[test]
    fn many_values_go_over_the_end_of_a_prefix() {
        use super::super::context::Contexts;
        use std::collections::HashSet;
        const COUNT: usize = 40;
        let contexts = Contexts::new(Context::new(Label::SealAad), |after| after.number(7));
        let texts: Vec<Vec<u8>> = (0..COUNT).map(|i| vec![i as u8; i * 5]).collect();
        let values: Vec<Bound<'_>> = texts.iter().map(|text| Bound { part: b"row", value: text }).collect();
        for suite in SUITES {
            for left in 0..=COUNT + 1 {
                let (key, mut out) = (aead(suite), vec![]);
                let mut batch = key.batch();
                batch.left = left as u64;
                batch.seal_many(&contexts, b"L", &values, &mut out).unwrap();
                let mut rest = &out[..];
                let sealed: Vec<&[u8]> = texts
                    .iter()
                    .map(|text| {
                        let (one, behind) = rest.split_at(1 + OVERHEAD + text.len());
                        rest = behind;
                        &one[1..]
                    })
                    .collect();
                let nonces: HashSet<&[u8]> = sealed.iter().map(|s| &s[..NONCE_LEN]).collect();
                assert_eq!((nonces.len(), rest.len()), (COUNT, 0), "no nonce is used twice");
                let p = suite.prefix_len();
                let (first, then) = sealed.split_at(left.min(COUNT));
                assert!(first.iter().all(|s| s[..p] == first[0][..p]));
                assert!(
                    then.iter().all(|s| s[..p] == then[0][..p] && !first.iter().any(|f| f[..p] == s[..p]))
                );
                for (text, sealed) in texts.iter().zip(&sealed) {
                    assert_eq!(key.open(&contexts.with("row"), sealed).unwrap().expose(), text);
                }
                let back: Vec<Bound<'_>> = sealed.iter().map(|s| Bound { part: b"row", value: s }).collect();
                let (mut opened, mut genuine) = (vec![], vec![]);
                key.open_many(&contexts, &back, &mut opened, &mut genuine);
                assert!(genuine == [true; COUNT] && opened == texts.concat());
            }
        }
    }

    // SPEC: AEAD-2
    #[test]
    fn short_messages_of_xchacha_are_the_crate_s() {
        use aes_gcm::aead::inout::InOutBuf;
        use chacha20poly1305::XChaCha20Poly1305;
        let (key, nonce) = ([0x42; 32], [0x24; NONCE_LEN]);
        let by_crate = XChaCha20Poly1305::new(&key.into());
        let bytes: Vec<u8> = (0..2100).map(|i| (i * 7) as u8).collect();
        let near = |limit: usize| limit - 2..limit + 3;
        for text in (0..131).chain(near(192)).chain(near(256)).chain(near(320)).chain(near(chacha::SHORT)) {
            for aad in [0, 1, 15, 16, 17, 70, 130] {
                let mut expected = bytes[..text].to_vec();
                let buffer = InOutBuf::from(&mut expected[..]);
                let tag = by_crate.encrypt_inout_detached(&nonce.into(), &bytes[..aad], buffer).unwrap();
                expected.extend_from_slice(&tag);
                let sub_key = Aead::from_key_bytes(Suite::XChaCha20Poly1305, &key).sub_key(&nonce);
                let mut sealed = vec![];
                sub_key.seal(&nonce, &bytes[..aad], &bytes[..text], &mut sealed).unwrap();
                assert_eq!(sealed[NONCE_LEN..], expected, "{text} and {aad} bytes");
                let mut opened = vec![0xEE; text];
                sub_key.open(&nonce, &bytes[..aad], &expected, &mut opened).unwrap();
                assert_eq!(opened, &bytes[..text]);
                expected[text + text % TAG_LEN] ^= 1 << (aad % 8);
                assert!(sub_key.open(&nonce, &bytes[..aad], &expected, &mut opened).is_err());
                assert!(opened.iter().all(|byte| *byte == 0), "nothing of what is refused is released");
            }
        }
    }

    // SPEC: AEAD-4
    #[test]
    fn the_count_wraps_within_its_width() {
        let (low, high) = ([1; NONCE_LEN], [0xFF; NONCE_LEN]);
        for suite in SUITES {
            let p = suite.prefix_len();
            let mut expected = low;
            expected[NONCE_LEN - 2..].copy_from_slice(&[2, 0]);
            assert_eq!(counted_up(&low, suite, 0xFF), expected);
            let mut expected = high;
            expected[p..].fill(0);
            assert_eq!(counted_up(&high, suite, 1), expected);
            expected[NONCE_LEN - 1] = 15;
            assert_eq!(counted_up(&high, suite, 16), expected);
        }
    }
}
