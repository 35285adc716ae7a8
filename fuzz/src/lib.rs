//! What the fuzz targets check, one module each: `run(bytes)` panics when something is wrong.
//!
//! ```text
//! cargo +nightly fuzz run --sanitizer none envelope fuzz/corpus/envelope fuzz/seeds/envelope   # until stopped
//! cargo test --manifest-path fuzz/Cargo.toml --no-default-features                              # the seeds, once
//! cargo run  --manifest-path fuzz/Cargo.toml --no-default-features --example write_seeds        # make them anew
//! ```
//!
//! An input that was found goes into `seeds/NAME/`, so that it is tried ever after, without a fuzzer too.
#![forbid(unsafe_code)]

pub mod audit_leaf;
pub mod columns;
pub mod csv_roundtrip;
pub mod envelope;
pub mod fixed;
pub mod format;
pub mod keyset_file;
pub mod policy;
pub mod pseudonym;
pub mod vault_model;

/// A target's name and what it runs.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 9] = [
    ("envelope", envelope::run),
    ("keyset_file", keyset_file::run),
    ("policy", policy::run),
    ("pseudonym", pseudonym::run),
    ("format", format::run),
    ("csv_roundtrip", csv_roundtrip::run),
    ("vault_model", vault_model::run),
    ("audit_leaf", audit_leaf::run),
    ("columns", columns::run),
];
