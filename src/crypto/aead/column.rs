//! AES-256-GCM over columns of values of one length, in place, with nonces of the caller's: what `hazmat` hands out.

use super::TAG_LEN;
use super::gcm::{Fields, Gcm};
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use zeroize::Zeroizing;

/// A key of AES-256-GCM, for columns.
pub(crate) struct ColumnKey {
    key: Zeroizing<[u8; 32]>,
    cipher: Box<Aes256Gcm>,
}

impl ColumnKey {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self { key: Zeroizing::new(*key), cipher: Box::new(Aes256Gcm::new(key.into())) }
    }

    /// Seals texts of this width, and writes their tags.
    pub(crate) fn seal(
        &self,
        nonces: &[[u8; 12]],
        aad: &[u8],
        width: usize,
        texts: &mut [u8],
        tags: &mut [[u8; TAG_LEN]],
    ) {
        match Gcm::detect(&self.key).filter(|_| Gcm::has_column(width)) {
            Some(gcm) => gcm.seal_column(&gcm.start(aad), width, Fields { nonces, texts, tags }),
            None => {
                for (i, (nonce, tag)) in nonces.iter().zip(tags).enumerate() {
                    let text = InOutBuf::from(&mut texts[width * i..][..width]);
                    let sealed = self.cipher.encrypt_inout_detached(nonce.into(), aad, text);
                    *tag = sealed.expect("a column is far shorter than 64 GiB").0;
                }
            }
        }
    }

    /// Opens texts of this width; those whose tags are wrong become zeros, and their indices are pushed.
    pub(crate) fn open(
        &self,
        nonces: &[[u8; 12]],
        aad: &[u8],
        width: usize,
        texts: &mut [u8],
        tags: &mut [[u8; TAG_LEN]],
        failed: &mut Vec<usize>,
    ) {
        match Gcm::detect(&self.key).filter(|_| Gcm::has_column(width)) {
            Some(gcm) => {
                let fields = Fields { nonces, texts, tags };
                gcm.open_column(&gcm.start(aad), width, fields, &mut |i| failed.push(i));
            }
            None => {
                for (i, (nonce, tag)) in nonces.iter().zip(tags).enumerate() {
                    let text = &mut texts[width * i..][..width];
                    let buffer = InOutBuf::from(&mut *text);
                    let tag = (&*tag).into();
                    if self.cipher.decrypt_inout_detached(nonce.into(), aad, buffer, tag).is_err() {
                        text.fill(0);
                        failed.push(i);
                    }
                }
            }
        }
    }
}
