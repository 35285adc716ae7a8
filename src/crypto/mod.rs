//! The audited core: pure functions of keys and bytes. No file, no clock, no store, no knowledge of formats.
//!
//! Read in this order:
//!
//! | module | what it is | standard |
//! |---|---|---|
//! | [`secret`] | key types: zeroized, never cloned, never shown | – |
//! | [`context`] | the one injective encoding, and the table of labels | – |
//! | [`kdf`] | one typed sub-key per use | HKDF-SHA256, RFC 5869 |
//! | [`prf`] | keyed hashing | HMAC-SHA256, RFC 2104, FIPS 198-1 |
//! | `messages` | what is hashed together | – |
//! | `ascii` | copies of short values, and whether they are ASCII | – |
//! | `sha256` | hashing on from a state | SHA-256, FIPS 180-4 |
//! | [`prp`] | a keyed permutation of 128-bit blocks | AES-256, FIPS 197 |
//! | [`aead`] | seal and open | XAES-256-GCM (C2SP), XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) |
//! | `poly1305` | the authenticator of XChaCha20-Poly1305, for short values | RFC 8439 |
//! | [`wrap`] | a data key under a wrapping key, committed | HKDF + XAES-256-GCM |
//! | [`ff1`] | format-preserving encryption | NIST SP 800-38G |
//! | [`merkle`] | the tree hash of an append-only log, and its proofs | RFC 6962, RFC 9162 |
//! | [`sign`] | signatures | Ed25519, RFC 8032 |
//! | `hpke` | sealing to a public key (feature `hpke`) | RFC 9180 |
//! | `radix_text` | 16 bytes as text | base64url and hex, RFC 4648 |
//! | [`rng`] | the one source of randomness | – |
//! | `wiped` | a vector that leaves nothing behind | – |
//! | `arch` | FF1, HMAC and AES-256-GCM of many values at once, by the instructions of one processor family: the only `unsafe` | as theirs |
//! | `hazmat` | raw primitives, and a switch to do without `arch` (feature `hazmat`) | – |

pub mod aead;
#[cfg(target_arch = "x86_64")]
mod arch;
pub(crate) mod ascii;
pub mod context;
pub mod ff1;
#[cfg(feature = "hazmat")]
pub mod hazmat;
#[cfg(feature = "hpke")]
pub mod hpke;
pub mod kdf;
pub mod merkle;
pub(crate) mod messages;
mod poly1305;
pub mod prf;
pub mod prp;
pub(crate) mod radix_text;
pub mod rng;
pub mod secret;
mod sha256;
pub mod sign;
pub(crate) mod wiped;
pub mod wrap;
