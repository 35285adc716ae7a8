//! HMAC-SHA256 by `hmac` and `sha2`, `ring` and `aws-lc-rs`, with the key set up once, and pseudonyms made of them.

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::Mac;

pub trait Hmac {
    fn new(key: &[u8; 32]) -> Self;
    fn tag(&self, message: &[u8]) -> [u8; 32];
}

pub struct RustCrypto(hmac::Hmac<sha2::Sha256>);
pub struct Ring(ring::hmac::Key);
pub struct AwsLc(aws_lc_rs::hmac::Key);

impl Hmac for RustCrypto {
    fn new(key: &[u8; 32]) -> Self {
        Self(KeyInit::new_from_slice(key).expect("any length"))
    }

    #[inline]
    fn tag(&self, message: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(message);
        mac.finalize().into_bytes().into()
    }
}

impl Hmac for Ring {
    fn new(key: &[u8; 32]) -> Self {
        Self(ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key))
    }

    #[inline]
    fn tag(&self, message: &[u8]) -> [u8; 32] {
        ring::hmac::sign(&self.0, message).as_ref().try_into().expect("32 bytes")
    }
}

impl Hmac for AwsLc {
    fn new(key: &[u8; 32]) -> Self {
        Self(aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key))
    }

    #[inline]
    fn tag(&self, message: &[u8]) -> [u8; 32] {
        aws_lc_rs::hmac::sign(&self.0, message).as_ref().try_into().expect("32 bytes")
    }
}

/// Of the first level and of the second, and what stands before a value's length in a message.
pub type Keys = ([u8; 32], [u8; 32], Vec<u8>);

/// `base64url(AES-256(K, HMAC-SHA256(K', prefix ‖ length ‖ value)[0..16]))`. AES by the `aes` crate, 64 blocks at a time.
pub struct Pseudonyms<H> {
    identity: H,
    scope: aes::Aes256Enc,
    /// The prefix, and room for the rest of a message.
    message: Vec<u8>,
    prefix: usize,
}

/// Characters of a pseudonym.
pub const WIDTH: usize = 22;
/// Values of a call at most.
pub const TOGETHER: usize = 64;

impl<H: Hmac> Pseudonyms<H> {
    pub fn new((identity, scope, prefix): &Keys) -> Self {
        let scope = aes::Aes256Enc::new(scope.into());
        Self { identity: H::new(identity), scope, message: prefix.clone(), prefix: prefix.len() }
    }

    pub fn run(&mut self, values: &[String], out: &mut [[u8; WIDTH]]) {
        let mut blocks = [aes::Block::default(); TOGETHER];
        let blocks = &mut blocks[..values.len()];
        for (value, block) in values.iter().zip(&mut *blocks) {
            self.message.truncate(self.prefix);
            self.message.extend_from_slice(&(value.len() as u32).to_be_bytes());
            self.message.extend_from_slice(value.as_bytes());
            block.copy_from_slice(&self.identity.tag(&self.message)[..16]);
        }
        self.scope.encrypt_blocks(blocks);
        for (block, out) in blocks.iter().zip(out) {
            BASE64_URL_SAFE_NO_PAD.encode_slice(block, out).expect("22 characters");
        }
    }
}
