//! `encapsulated key, ciphertext = SealBase(recipient's public key, info, AAD, plaintext)`: sealing to somebody who has told
//! us a public key and nothing else.
//!
//! ```text
//! suite    DHKEM(X25519, HKDF-SHA256) 0x0020 │ HKDF-SHA256 0x0001 │ ChaCha20Poly1305 0x0003
//! public   cloakroom-export-public-key-1:base64url     32 bytes of RFC 7748
//! secret   cloakroom-export-secret-key-1:base64url     32 bytes, clamped
//! ```
//!
//! One message a context, so the AEAD's nonce is used once.
//!
//! # Security
//! Who opens knows that nobody altered it, not who sealed it: base mode authenticates no sender.
//!
//! Source: RFC 9180, sections 5.1.1, 6.1 and 7.

use super::context::Context;
use super::rng;
use super::secret::Plaintext;
use crate::error::{Error, Result};
use ::hpke::aead::ChaCha20Poly1305;
use ::hpke::kdf::HkdfSha256;
use ::hpke::kem::X25519HkdfSha256;
use ::hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use std::fmt;
use zeroize::Zeroizing;

type Secret = <X25519HkdfSha256 as Kem>::PrivateKey;
type Public = <X25519HkdfSha256 as Kem>::PublicKey;
type Encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey;

/// KEM, KDF and AEAD, by their numbers in RFC 9180.
pub const SUITE: [u16; 3] = [0x0020, 0x0001, 0x0003];
/// Bytes of an encapsulated key.
pub const ENCAPSULATED_LEN: usize = 32;

const PUBLIC: &str = "cloakroom-export-public-key-1:";
const SECRET: &str = "cloakroom-export-secret-key-1:";

/// A public key to seal to. Its `Display` is the text form.
#[derive(Clone, PartialEq, Eq)]
pub struct RecipientKey(Public);

/// The secret key that opens: zeroized on drop, never cloned, never shown.
pub struct RecipientSecret(Box<Secret>);

impl RecipientKey {
    /// Reads the text form, without a line's end.
    ///
    /// # Errors
    /// [`Error::KeySource`].
    pub fn from_text(text: &str) -> Result<Self> {
        let bytes = decode("public key of a recipient", PUBLIC, text)?;
        Public::from_bytes(&*bytes).map(Self).map_err(|_| unusable())
    }

    /// Its 32 bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.0.write_exact(&mut bytes);
        bytes
    }

    /// The encapsulated key and the ciphertext.
    ///
    /// # Errors
    /// [`Error::KeySource`] for a key of small order, to which everybody could open.
    pub fn seal(
        &self,
        info: &Context,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<([u8; ENCAPSULATED_LEN], Vec<u8>)> {
        self.seal_with(info.as_bytes(), aad, plaintext, &mut rand::rng())
    }

    fn seal_with(
        &self,
        info: &[u8],
        aad: &[u8],
        plaintext: &[u8],
        rng: &mut impl rand::CryptoRng,
    ) -> Result<([u8; ENCAPSULATED_LEN], Vec<u8>)> {
        let sealed = ::hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &self.0,
            info,
            plaintext,
            aad,
            rng,
        );
        let (key, ciphertext) = sealed.map_err(|_| unusable())?;
        let mut encapsulated = [0; ENCAPSULATED_LEN];
        key.write_exact(&mut encapsulated);
        Ok((encapsulated, ciphertext))
    }
}

impl RecipientSecret {
    /// A new key, from the operating system's randomness.
    ///
    /// # Errors
    /// [`Error::Io`] when the system has no randomness to give.
    pub fn generate() -> Result<Self> {
        let mut seed = Zeroizing::new([0; 32]);
        rng::fill_from_system(&mut *seed)?;
        Ok(Self(Box::new(X25519HkdfSha256::derive_keypair(&*seed).0)))
    }

    /// Reads the secret text form, without a line's end.
    ///
    /// # Errors
    /// [`Error::KeySource`], which shows nothing of the text.
    pub fn from_text(text: &str) -> Result<Self> {
        let bytes = decode("secret key of a recipient", SECRET, text)?;
        Secret::from_bytes(&*bytes).map(|key| Self(Box::new(key))).map_err(|_| unusable())
    }

    /// The secret text form, for a file that only its owner can read.
    pub fn expose_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([0; 32]);
        self.0.write_exact(&mut *bytes);
        // Room for all of it, so that no shorter copy is left behind.
        let mut text = Zeroizing::new(String::with_capacity(SECRET.len() + 43));
        text.push_str(SECRET);
        BASE64.encode_string(&*bytes, &mut text);
        text
    }

    /// The key to seal to.
    pub fn public(&self) -> RecipientKey {
        RecipientKey(X25519HkdfSha256::sk_to_pk(&self.0))
    }

    /// What was sealed.
    ///
    /// # Errors
    /// [`Error::Rejected`] when it was sealed to another key, for another purpose, or altered.
    pub fn open(
        &self,
        info: &Context,
        aad: &[u8],
        encapsulated: &[u8; ENCAPSULATED_LEN],
        ciphertext: &[u8],
    ) -> Result<Plaintext> {
        self.open_with(info.as_bytes(), aad, encapsulated, ciphertext)
    }

    fn open_with(
        &self,
        info: &[u8],
        aad: &[u8],
        encapsulated: &[u8; ENCAPSULATED_LEN],
        ciphertext: &[u8],
    ) -> Result<Plaintext> {
        let key = Encapsulated::from_bytes(encapsulated).map_err(|_| Error::Rejected)?;
        let opened = ::hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.0,
            &key,
            info,
            ciphertext,
            aad,
        );
        opened.map(Plaintext::new).map_err(|_| Error::Rejected)
    }
}

fn unusable() -> Error {
    bad("public key of a recipient", "is none that can be sealed to: have it made by `export keygen`")
}

fn bad(what: &str, problem: &str) -> Error {
    Error::KeySource { what: what.into(), problem: problem.into() }
}

fn decode(what: &str, prefix: &str, text: &str) -> Result<Zeroizing<[u8; 32]>> {
    let Some(encoded) = text.strip_prefix(prefix) else {
        return Err(bad(what, &format!("does not begin with `{prefix}`")));
    };
    let damaged = || bad(what, "is damaged: not 32 bytes of base64url");
    // One byte more than a key has, so that a longer text is seen to be longer.
    let mut decoded = Zeroizing::new([0; 33]);
    match BASE64.decode_slice(encoded, &mut *decoded).map_err(|_| damaged())? {
        32 => Ok(Zeroizing::new(*decoded.first_chunk().expect("33 bytes"))),
        _ => Err(damaged()),
    }
}

impl fmt::Display for RecipientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC}{}", BASE64.encode(self.to_bytes()))
    }
}

impl fmt::Debug for RecipientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for RecipientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecipientSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::super::context::Label;
    use super::*;
    use std::convert::Infallible;

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
    }

    /// Gives the vector's key material in place of randomness.
    struct Drawn([u8; 32]);

    impl rand::TryRng for Drawn {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            unreachable!("keys are drawn as bytes")
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            unreachable!("keys are drawn as bytes")
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
            bytes.copy_from_slice(&self.0);
            Ok(())
        }
    }

    impl rand::TryCryptoRng for Drawn {}

    // SPEC: RIGHT-5
    #[test]
    fn the_vector_of_rfc_9180_a_2_1() {
        let secret = X25519HkdfSha256::derive_keypair(&bytes::<32>(
            "1ac01f181fdf9f352797655161c58b75c656a6cc2716dcb66372da835542e1df",
        ));
        let secret = RecipientSecret(Box::new(secret.0));
        let public = secret.public();
        let expected = "4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a";
        assert_eq!(public.to_bytes(), bytes::<32>(expected));
        let info: [u8; 20] = bytes("4f6465206f6e2061204772656369616e2055726e");
        let plaintext: [u8; 29] = bytes("4265617574792069732074727574682c20747275746820626561757479");
        let mut drawn = Drawn(bytes("909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b"));
        let (key, ciphertext) = public.seal_with(&info, b"Count-0", &plaintext, &mut drawn).unwrap();
        assert_eq!(key, bytes("1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a"));
        let expected: [u8; 45] = bytes(
            "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28",
        );
        assert_eq!(ciphertext, expected);
        let opened = secret.open_with(&info, b"Count-0", &key, &ciphertext).unwrap();
        assert_eq!(opened.expose(), plaintext);
    }

    #[test]
    fn nobody_else_opens_it_and_no_byte_can_be_altered() {
        let (secret, other) = (RecipientSecret::generate().unwrap(), RecipientSecret::generate().unwrap());
        let info = Context::new(Label::SealedExport);
        let (key, sealed) = secret.public().seal(&info, b"aad", b"value").unwrap();
        let rejected = |opened: Result<Plaintext>| assert!(matches!(opened, Err(Error::Rejected)));
        assert_eq!(secret.open(&info, b"aad", &key, &sealed).unwrap().expose(), b"value");
        rejected(other.open(&info, b"aad", &key, &sealed));
        rejected(secret.open(&info, b"aae", &key, &sealed));
        rejected(secret.open(&Context::new(Label::Census), b"aad", &key, &sealed));
        for i in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[i] ^= 1;
            rejected(secret.open(&info, b"aad", &key, &altered));
            rejected(secret.open(&info, b"aad", &key, &sealed[..i]));
        }
        for i in 0..key.len() {
            let mut altered = key;
            altered[i] ^= 0x80;
            rejected(secret.open(&info, b"aad", &altered, &sealed));
        }
        rejected(secret.open(&info, b"aad", &[0; 32], &sealed));
    }

    #[test]
    fn keys_come_back_from_their_texts_and_damaged_ones_are_refused() {
        let secret = RecipientSecret::generate().unwrap();
        let text = secret.expose_text();
        assert_eq!(RecipientSecret::from_text(&text).unwrap().public(), secret.public());
        let public = secret.public().to_string();
        assert_eq!(RecipientKey::from_text(&public).unwrap(), secret.public());
        assert_eq!(format!("{secret:?}"), "RecipientSecret(..)");
        for bad in ["", &*text, &public[..public.len() - 1], &format!("{public}A")] {
            assert!(matches!(RecipientKey::from_text(bad), Err(Error::KeySource { .. })), "{}", bad.len());
        }
        let weak = format!("{PUBLIC}{}", BASE64.encode([0; 32]));
        let weak = RecipientKey::from_text(&weak).unwrap();
        assert!(matches!(
            weak.seal(&Context::new(Label::SealedExport), b"", b"value"),
            Err(Error::KeySource { .. })
        ));
    }
}
