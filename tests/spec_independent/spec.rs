//! Sections 2 to 4 of the specification.

use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, Payload};
use chacha20poly1305::XChaCha20Poly1305;
use fpe::ff1::{FF1, FlexibleNumeralString};
use hmac::{Hmac, Mac};
use sha2::Sha256;

pub type Key = [u8; 32];

pub fn context(label: &str, parts: &[&[u8]]) -> Vec<u8> {
    let label = format!("cloakroom/1/{label}");
    let mut out = vec![];
    for part in [label.as_bytes()].iter().chain(parts) {
        out.extend((part.len() as u32).to_be_bytes());
        out.extend(*part);
    }
    out
}

pub fn number(n: u64) -> [u8; 8] {
    n.to_be_bytes()
}

pub fn derive<const N: usize>(secret: &Key, context: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    hkdf::Hkdf::<Sha256>::new(None, secret).expand(context, &mut out).unwrap();
    out
}

pub fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().into()
}

pub fn aes(key: &Key, block: [u8; 16]) -> [u8; 16] {
    let mut block = block.into();
    aes::Aes256::new(key.into()).encrypt_block(&mut block);
    block.into()
}

pub fn aes_inverse(key: &Key, block: [u8; 16]) -> [u8; 16] {
    let mut block = block.into();
    aes::Aes256::new(key.into()).decrypt_block(&mut block);
    block.into()
}

pub fn xor(a: [u8; 16], b: [u8; 16]) -> [u8; 16] {
    std::array::from_fn(|i| a[i] ^ b[i])
}

fn xaes(key: &Key, nonce: &[u8]) -> (Aes256Gcm, [u8; 12]) {
    let l = aes(key, [0; 16]);
    let mut k1: [u8; 16] = std::array::from_fn(|i| l[i] << 1 | l.get(i + 1).map_or(0, |next| next >> 7));
    if l[0] & 0x80 != 0 {
        k1[15] ^= 0x87;
    }
    let half = |i: u8| {
        let mut m = [0, i, 0x58, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        m[4..].copy_from_slice(&nonce[..12]);
        aes(key, xor(m, k1))
    };
    let kx: Key = [half(1), half(2)].concat().try_into().unwrap();
    (Aes256Gcm::new(&kx.into()), nonce[12..].try_into().unwrap())
}

pub fn open(suite: u8, key: &Key, aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, msg) = sealed.split_at(24);
    match suite {
        1 => {
            let (gcm, inner) = xaes(key, nonce);
            gcm.decrypt(&inner.into(), Payload { msg, aad }).ok()
        }
        _ => {
            let nonce: [u8; 24] = nonce.try_into().unwrap();
            XChaCha20Poly1305::new(key.into()).decrypt(&nonce.into(), Payload { msg, aad }).ok()
        }
    }
}

pub fn seal(key: &Key, nonce: [u8; 24], aad: &[u8], msg: &[u8]) -> Vec<u8> {
    let (gcm, inner) = xaes(key, &nonce);
    [&nonce[..], &gcm.encrypt(&inner.into(), Payload { msg, aad }).unwrap()].concat()
}

pub fn unwrap(okm: [u8; 64], aad: &[u8], wrapped: &[u8]) -> Key {
    assert_eq!(wrapped.len(), 104);
    assert_eq!(wrapped[..32], okm[32..], "the commitment");
    open(1, okm[..32].try_into().unwrap(), aad, &wrapped[32..]).unwrap().try_into().unwrap()
}

pub fn wrap(okm: [u8; 64], nonce: [u8; 24], aad: &[u8], key: &Key) -> Vec<u8> {
    [&okm[32..], &seal(okm[..32].try_into().unwrap(), nonce, aad, key)].concat()
}

/// FF1 of section 6 with an empty context of the caller's.
pub fn ff1(secret: &Key, (tenant, field): (&str, &str), radix: u32, encrypt: bool, x: &[u16]) -> Vec<u16> {
    let names = [tenant.as_bytes(), field.as_bytes()];
    let parts = [names[0], names[1], &number(radix.into()), &number(x.len() as u64)];
    let key: Key = derive(secret, &context("ff1-key", &parts));
    let tweak = context("ff1-tweak", &[names[0], names[1], b""]);
    ff1_raw(&key, &tweak, radix, encrypt, x)
}

pub fn ff1_raw(key: &Key, tweak: &[u8], radix: u32, encrypt: bool, x: &[u16]) -> Vec<u16> {
    let ff1 = FF1::<::aes::Aes256Enc>::new(key, radix).unwrap();
    let x = FlexibleNumeralString::from(x.to_vec());
    match encrypt {
        true => ff1.encrypt(tweak, &x).unwrap().into(),
        false => ff1.decrypt(tweak, &x).unwrap().into(),
    }
}
