//! What an audit log is to those who do not trust its keeper: files and proofs that they verify with the vault's public
//! keys, without a vault and without any secret.
//!
//! [`AuditFile`] writes a whole log and [`verify`] reads it; [`verify_proof`] is for one leaf, or for the step from one
//! head to a later one. What a verifier learns is what the log's keeper signed. That nothing was left out when it was
//! written, no signature shows; that nothing was taken out or changed since an earlier head was handed out, these do.
//!
//! Source: RFC 6962 section 2.1 for the tree, RFC 8032 for signatures; `SPEC.md` has the files.

mod file;
mod proof;

pub use file::{AuditFile, Verified, verify};
pub use proof::verify_proof;

use crate::crypto::context::{Context, Label};
use crate::crypto::sign::{Signature, SigningKey, VerifyingKey};
use crate::error::{Error, Result};
use crate::wire::audit::{Head, SignedHead};

/// Signs a head.
pub fn sign_head(head: &Head, key: &SigningKey) -> SignedHead {
    SignedHead { head: *head, signature: key.sign(&signed(head)).to_bytes() }
}

/// Verifies a head's signature, and says which of the keys signed it.
///
/// # Errors
/// [`Error::Audit`] when none of them did.
pub fn verify_head<'k>(signed_head: &SignedHead, keys: &'k [VerifyingKey]) -> Result<&'k VerifyingKey> {
    let signature = Signature::from_bytes(&signed_head.signature);
    let context = signed(&signed_head.head);
    keys.iter().find(|key| key.verify(&context, &signature).is_ok()).ok_or_else(|| {
        let Head { size, key_version, .. } = signed_head.head;
        problem(format!(
            "the head of {size} leaves is signed by none of the given public keys: it is forged or altered, or the \
             public key of the vault's key version {key_version} is missing"
        ))
    })
}

fn signed(head: &Head) -> Context {
    Context::new(Label::AuditHead).part(head.to_bytes())
}

fn problem(problem: impl Into<String>) -> Error {
    Error::Audit { problem: problem.into() }
}
