//! Hand in a value, get a ticket; only the holder of the key gets the value back.
//!
//! Cloakroom keeps customer data useful while nobody can read it by accident:
//!
//! - **tokens** that look like the value, by NIST FF1: [`protect::Tokenizer`];
//! - **pseudonyms** that join within a scope and nowhere else: [`protect::Pseudonymizer`];
//! - **blind indexes**, which find rows by a sealed value: [`protect::BlindIndexer`];
//! - **sealed fields**, under a key for each data subject, in a [`vault::Vault`], or without one: [`protect::Sealer`];
//! - masks and coarser values: [`protect::Mask`], [`protect::Generalize`];
//! - whole columns of each, on all cores: [`protect::Column`], [`protect::in_parallel()`] (feature `threads`);
//! - whole files by a policy: [`mod@policy`], [`pipeline`] (feature `pipeline`).
//!
//! # The house
//!
//! A module imports the floors below its own, never one beside or above it.
//!
//! | floor | modules |
//! |---|---|
//! | 9 | the command line |
//! | 8 | [`pipeline`]: records in, records out |
//! | 7 | [`mod@policy`]: which column is protected how; [`report`]: the record of processing |
//! | 6 | [`vault`]: subjects, census, rotation, erasure |
//! | 5 | [`store`]: ordered maps of bytes, atomic and durable; [`duties`]: who may see what, for which purpose; [`audit`]: files and proofs of an audit log |
//! | 4 | [`mod@protect`]: modes that need no store |
//! | 3 | [`mod@format`]: what a value looks like; [`keys`]: keysets and their providers |
//! | 2 | [`crypto`]: the audited core; [`wire`]: byte formats |
//! | 1 | [`name`], [`time`], [`whole_file`] |
//! | 0 | [`error`] |
//!
//! # Security
//!
//! `SECURITY.md` says what is defended against whom; `SPEC.md` has every byte. No `Debug`, error or log of this crate
//! holds a plaintext, a token or a key byte. Time is passed in. Nothing panics on input.
//!
//! # Features
//!
//! `sled`, `passphrase`, `pipeline`, `regex` and `threads` are on by default; `shamir`, `pkcs11`, `ipcrypt`, `hpke`, `hazmat` and `cli` are not.
//! Features only add. No feature chooses instructions: what the processor has is asked at run time.
#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod audit;
pub mod crypto;
pub mod duties;
pub mod error;
pub mod format;
pub mod keys;
pub mod name;
#[cfg(feature = "pipeline")]
pub mod pipeline;
#[cfg(feature = "pipeline")]
pub mod policy;
pub mod protect;
pub mod report;
pub mod store;
pub mod time;
pub mod vault;
pub mod whole_file;
pub mod wire;

pub use error::{Error, Result};

/// The README's Rust, compiled and run.
#[cfg(all(doctest, feature = "sled", feature = "pipeline", feature = "threads"))]
#[doc = include_str!("../README.md")]
struct Readme;
