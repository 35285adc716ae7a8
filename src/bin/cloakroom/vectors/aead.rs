//! Wycheproof `aead_test_schema`: `key iv aad msg ct tag result`, the sealed value being `ct ‖ tag`.

use super::document::{self, Expected, Object};
use super::report::Verdict;
use cloakroom::crypto::aead::{NONCE_LEN, Suite, TAG_LEN};
use cloakroom::crypto::hazmat;

/// Which AEAD of the crate an algorithm's vectors run through.
#[derive(Clone, Copy)]
pub enum Interface {
    /// 12-byte nonces: what the suite ends in.
    Inner(Suite),
    /// 24-byte nonces: the suite.
    Whole(Suite),
}

/// A key, nonce and AAD, which fit the interface.
enum Keyed<'a> {
    Inner(Suite, &'a [u8; 32], &'a [u8; 12], &'a [u8]),
    Whole(Suite, &'a [u8; 32], &'a [u8; NONCE_LEN], &'a [u8]),
}

impl Interface {
    pub fn of(algorithm: &str) -> Option<Self> {
        match algorithm {
            "AES-GCM" => Some(Interface::Inner(Suite::Xaes256Gcm)),
            "CHACHA20-POLY1305" => Some(Interface::Inner(Suite::XChaCha20Poly1305)),
            "XAES-256-GCM" => Some(Interface::Whole(Suite::Xaes256Gcm)),
            "XCHACHA20-POLY1305" => Some(Interface::Whole(Suite::XChaCha20Poly1305)),
            _ => None,
        }
    }

    /// `None` when the nonce is not of the interface's size.
    fn keyed<'a>(self, key: &'a [u8; 32], nonce: &'a [u8], aad: &'a [u8]) -> Option<Keyed<'a>> {
        Some(match self {
            Interface::Inner(suite) => Keyed::Inner(suite, key, nonce.try_into().ok()?, aad),
            Interface::Whole(suite) => Keyed::Whole(suite, key, nonce.try_into().ok()?, aad),
        })
    }
}

impl Keyed<'_> {
    fn seal(&self, plaintext: &[u8]) -> cloakroom::Result<Vec<u8>> {
        match *self {
            Keyed::Inner(suite, key, nonce, aad) => Ok(hazmat::seal_inner(suite, key, nonce, aad, plaintext)),
            Keyed::Whole(suite, key, nonce, aad) => hazmat::seal(suite, key, nonce, aad, plaintext),
        }
    }

    fn open(&self, sealed: &[u8]) -> cloakroom::Result<Vec<u8>> {
        match *self {
            Keyed::Inner(suite, key, nonce, aad) => hazmat::open_inner(suite, key, nonce, aad, sealed),
            Keyed::Whole(suite, key, nonce, aad) => hazmat::open(suite, key, nonce, aad, sealed),
        }
        .map(|plaintext| plaintext.expose().to_vec())
    }
}

/// Seals and opens one vector.
///
/// Sizes are in the types, so a vector of another size cannot be handed in at all. Where that size is the very reason
/// for which it is marked invalid, this is the refusal it asks for; else the vector is skipped.
pub fn check(interface: Interface, test: &Object) -> Result<Verdict, String> {
    let expected = document::expected(test)?;
    let [key, nonce, aad] =
        [document::hex(test, "key")?, document::hex(test, "iv")?, document::hex(test, "aad")?];
    let [plaintext, mut sealed, tag] =
        [document::hex(test, "msg")?, document::hex(test, "ct")?, document::hex(test, "tag")?];
    let other_size = |flags: &[&str], reason| match expected {
        Expected::Invalid if document::has_flag(test, flags) => Verdict::Passed,
        _ => Verdict::Skipped(reason),
    };
    let Ok(key) = <&[u8; 32]>::try_from(&key[..]) else {
        return Ok(other_size(
            &["InvalidKeySize"],
            "key size that the product does not use (its keys have 256 bits)",
        ));
    };
    let Some(keyed) = interface.keyed(key, &nonce, &aad) else {
        let reason = match interface {
            Interface::Inner(_) => "nonce size that the product does not use (its nonces have 96 bits)",
            Interface::Whole(_) => "nonce size that the product does not use (its nonces have 192 bits)",
        };
        return Ok(other_size(&["InvalidNonceSize", "ZeroLengthIv"], reason));
    };
    if tag.len() != TAG_LEN {
        return Ok(other_size(
            &["InvalidTagSize"],
            "tag size that the product does not use (its tags have 128 bits)",
        ));
    }
    sealed.extend_from_slice(&tag);

    let opened = keyed.open(&sealed);
    Ok(match (expected, opened) {
        (Expected::Invalid, Ok(_)) => Verdict::Failed("opened, though marked invalid".into()),
        (Expected::Invalid | Expected::Acceptable, Err(_)) => Verdict::Passed,
        (Expected::Valid, Err(_)) => Verdict::Failed("did not open".into()),
        (Expected::Valid | Expected::Acceptable, Ok(opened)) => {
            if opened != plaintext {
                Verdict::Failed("opened to another plaintext".into())
            } else if keyed.seal(&plaintext).ok() != Some(sealed) {
                Verdict::Failed("sealed to another ciphertext or tag".into())
            } else {
                Verdict::Passed
            }
        }
    })
}
