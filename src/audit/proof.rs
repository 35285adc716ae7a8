//! One leaf, or one step of a log, without the rest of it.

use super::{problem, verify_head};
use crate::crypto::merkle;
use crate::crypto::sign::VerifyingKey;
use crate::error::Result;
use crate::wire::audit::{Leaf, Proof};

/// Verifies all of a proof: the signatures of its heads, that its leaf is one, and its path.
///
/// # Errors
/// [`Error::Audit`](crate::error::Error::Audit) when a head is signed by none of the keys, or the path does not show
/// what the proof says; [`Error::Malformed`](crate::error::Error::Malformed) when the leaf is none.
pub fn verify_proof(proof: &Proof, keys: &[VerifyingKey]) -> Result<()> {
    match proof {
        Proof::Inclusion(proof) => {
            verify_head(&proof.head, keys)?;
            Leaf::parse(&proof.leaf)?;
            let (leaf, head) = (merkle::leaf_hash(&proof.leaf), proof.head.head);
            merkle::verify_inclusion(&leaf, proof.index, head.size, &proof.path, &head.root)
        }
        Proof::Consistency(proof) => {
            let (earlier, later) = (proof.earlier.head, proof.later.head);
            verify_head(&proof.earlier, keys)?;
            verify_head(&proof.later, keys)?;
            if earlier.vault != later.vault {
                return Err(problem("the two heads are of different vaults"));
            }
            merkle::verify_consistency((earlier.size, &earlier.root), (later.size, &later.root), &proof.path)
        }
    }
}
