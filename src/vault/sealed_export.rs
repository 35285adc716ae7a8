//! An export sealed to the key of who asked for it.
//!
//! ```text
//!  magic 8 "ckexport" │ format 1 │ kem 2 │ kdf 2 │ aead 2 │ encapsulated key 32 │ ciphertext
//!  info = context(SealedExport)      AAD = magic to aead
//! ```
//!
//! The suite's numbers are those of RFC 9180; a release knows one.

use super::export::Export;
use crate::crypto::context::{Context, Label};
use crate::crypto::hpke::{RecipientKey, RecipientSecret, SUITE};
use crate::crypto::secret::Plaintext;
use crate::error::Result;
use crate::wire::{Reader, Writer};

const MAGIC: &[u8; 8] = b"ckexport";
const FORMAT: u8 = 1;

impl Export {
    /// The export, for the holder of the key's secret alone.
    ///
    /// # Errors
    /// [`Error::KeySource`](crate::error::Error::KeySource) for a key that nothing can be sealed to.
    pub fn sealed_to(&self, recipient: &RecipientKey) -> Result<Vec<u8>> {
        let mut w = Writer::new();
        w.bytes(MAGIC).u8(FORMAT);
        for number in SUITE {
            w.u16(number);
        }
        let (key, ciphertext) =
            recipient.seal(&Context::new(Label::SealedExport), w.as_bytes(), self.json().as_bytes())?;
        w.bytes(&key).bytes(&ciphertext);
        Ok(w.into_bytes())
    }
}

/// The JSON of a sealed export.
///
/// # Errors
/// [`Error::Malformed`](crate::error::Error::Malformed) for what is none;
/// [`Error::Rejected`](crate::error::Error::Rejected) when it was sealed to another key, or altered.
pub fn open_export(secret: &RecipientSecret, bytes: &[u8]) -> Result<Plaintext> {
    let mut r = Reader::new("sealed export", bytes);
    r.expect(MAGIC, "is no sealed export of this tool")?;
    r.expect(&[FORMAT], "has a format that this release does not know")?;
    for number in SUITE {
        r.expect(&number.to_be_bytes(), "has a suite that this release does not know")?;
    }
    let aad = r.consumed();
    let key = r.array()?;
    secret.open(&Context::new(Label::SealedExport), aad, &key, r.rest())
}
