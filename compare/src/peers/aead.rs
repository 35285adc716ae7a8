//! AEADs by `ring`, `aws-lc-rs`, `aes-gcm` and `chacha20poly1305`: a field a call, the key expanded once, nonces handed in.

use aes::cipher::BlockCipherEncrypt;
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AeadInOut, KeyInit};

/// Nonces of 12 bytes, or of 24.
pub trait Aead<const NONCE: usize> {
    fn new(key: &[u8; 32]) -> Self;
    /// Encrypts in place, and gives the tag.
    fn seal(&self, nonce: &[u8; NONCE], aad: &[u8], text: &mut [u8]) -> [u8; 16];
    /// Decrypts `ciphertext ‖ tag` in place.
    fn open(&self, nonce: &[u8; NONCE], aad: &[u8], sealed: &mut [u8]);
}

macro_rules! rings {
    ($type:ident, $library:ident) => {
        pub struct $type($library::aead::LessSafeKey);

        impl Aead<12> for $type {
            fn new(key: &[u8; 32]) -> Self {
                use $library::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
                Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("32 bytes")))
            }

            #[inline]
            fn seal(&self, nonce: &[u8; 12], aad: &[u8], text: &mut [u8]) -> [u8; 16] {
                use $library::aead::{Aad, Nonce};
                let nonce = Nonce::assume_unique_for_key(*nonce);
                let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(aad), text).expect("short");
                tag.as_ref().try_into().expect("16 bytes")
            }

            #[inline]
            fn open(&self, nonce: &[u8; 12], aad: &[u8], sealed: &mut [u8]) {
                use $library::aead::{Aad, Nonce};
                let nonce = Nonce::assume_unique_for_key(*nonce);
                self.0.open_in_place(nonce, Aad::from(aad), sealed).expect("sealed so");
            }
        }
    };
}

rings!(Ring, ring);
rings!(AwsLc, aws_lc_rs);

macro_rules! rust_crypto {
    ($type:ident, $cipher:ty, $nonce:literal) => {
        pub struct $type($cipher);

        impl Aead<$nonce> for $type {
            fn new(key: &[u8; 32]) -> Self {
                Self(<$cipher>::new(key.into()))
            }

            #[inline]
            fn seal(&self, nonce: &[u8; $nonce], aad: &[u8], text: &mut [u8]) -> [u8; 16] {
                self.0.encrypt_inout_detached(nonce.into(), aad, InOutBuf::from(text)).expect("short").into()
            }

            #[inline]
            fn open(&self, nonce: &[u8; $nonce], aad: &[u8], sealed: &mut [u8]) {
                let (text, tag) = sealed.split_last_chunk_mut::<16>().expect("a tag");
                self.0
                    .decrypt_inout_detached(nonce.into(), aad, InOutBuf::from(text), (&*tag).into())
                    .expect("sealed so");
            }
        }
    };
}

rust_crypto!(AesGcm, aes_gcm::Aes256Gcm, 12);
rust_crypto!(XChaCha, chacha20poly1305::XChaCha20Poly1305, 24);

/// The AES-256-GCM key that XAES-256-GCM has for these 12 bytes of a nonce, word for word from the C2SP specification.
pub fn xaes_key(key: &[u8; 32], nonce: &[u8; 12]) -> [u8; 32] {
    let cipher = aes::Aes256Enc::new(key.into());
    let mut l = aes::Block::default();
    cipher.encrypt_block(&mut l);
    let l = u128::from_be_bytes(l.0);
    let k1 = if l >> 127 == 1 { (l << 1) ^ 0x87 } else { l << 1 }.to_be_bytes();
    let mut derived = [0; 32];
    for (counter, half) in (1..).zip(derived.chunks_exact_mut(16)) {
        let mut block = aes::Block::from(std::array::from_fn(|i| match i {
            0 => 0,
            1 => counter,
            2 => b'X',
            3 => 0,
            _ => nonce[i - 4],
        }));
        block.iter_mut().zip(k1).for_each(|(byte, k)| *byte ^= k);
        cipher.encrypt_block(&mut block);
        half.copy_from_slice(&block);
    }
    derived
}
