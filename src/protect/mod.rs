//! Modes of protection that need no store.
//!
//! | mode | output | reversible by | same input, same output |
//! |---|---|---|---|
//! | [`Tokenizer`] | looks like the input | the key | yes, per field |
//! | [`BlindIndexer`] | a few bits to look up by | nobody | yes, per index |
//! | [`Pseudonymizer`] | a 128-bit id, or a 63-bit integer | nobody; [`Bridge`] moves it to another scope | yes, per scope |
//! | [`Sealer`] | an envelope | the key | no |
//! | [`Mask`] | part of the input | nobody | yes |
//! | [`Generalize`] | a coarser value | nobody | yes |
//!
//! Each works on one value and on a [`Column`]. In a column, a cell of nothing but white space is no value: it stays as
//! it is. A cell that cannot be protected becomes empty in the output and is named in [`Failures`], so that one bad row
//! costs no other. A long column goes through [`in_parallel()`] on all cores.

mod blind_index;
mod blind_index_plan;
mod bridge;
mod column;
mod generalize;
#[cfg(feature = "threads")]
mod in_parallel;
mod mask;
#[cfg(feature = "ipcrypt")]
mod network;
mod numbers;
mod pseudonym;
mod scope_key;
mod seal;
mod seal_column;
mod spelling;
mod token;
mod token_column;
mod token_tweak;

pub use blind_index::{BlindIndex, BlindIndexer, IndexValue};
pub use blind_index_plan::IndexPlan;
pub use bridge::Bridge;
pub use column::{Arrow, Cells, Column, Failures, is_blank};
pub use generalize::Generalize;
#[cfg(feature = "threads")]
pub use in_parallel::{Piece, in_parallel};
pub use mask::Mask;
pub use pseudonym::Pseudonymizer;
pub(crate) use seal::token_aad;
pub use seal::{ENVELOPE_PREFIX, FieldBatch, Sealer, SubjectSealer};
pub use spelling::{Sparse, Spelling};
pub use token::Tokenizer;

/// What makes a protected value unreadable for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erasability {
    /// Only deleting it: whoever holds the key can reveal or recompute it, and no key belongs to one subject alone.
    DeleteRow,
    /// Destroying the subject's key, wherever copies of the value are.
    ShredSubject,
    /// It is in the clear, or what is left of it is.
    Clear,
}

#[cfg(test)]
fn test_key(byte: u8) -> crate::keys::UsableKey {
    // A different keyset for each byte; the same one within a test.
    use std::collections::HashMap;
    use std::sync::{LazyLock, Mutex};
    static KEYS: LazyLock<Mutex<HashMap<u8, crate::keys::UsableKey>>> = LazyLock::new(Default::default);
    let make = || crate::keys::Keyset::generate(crate::time::Timestamp(0)).and_then(|k| k.primary()).unwrap();
    KEYS.lock().unwrap().entry(byte).or_insert_with(make).clone()
}
