//! Proofs about an audit log, as JSON. Bytes are in hex, a leaf in base64url; a head is [`SignedHead`]'s JSON.
//!
//! ```text
//! {"cloakroom_audit_inclusion": 1, "index": …, "leaf": …, "path": […], "head": {…}}
//! {"cloakroom_audit_consistency": 1, "path": […], "earlier": {…}, "later": {…}}
//! ```
//!
//! A proof holds all that verifying it needs but the public key.

use super::head::{HeadJson, SignedHead};
use super::hex::{Base64, Hex};
use crate::error::{Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The format number of all JSON here, written, and the only one so far.
pub(super) const FORMAT: u32 = 1;

/// The longest path there is: two subtrees for each bit of a size.
const LONGEST_PATH: usize = 128;

/// A proof, not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// That a leaf is in a log.
    Inclusion(Inclusion),
    /// That a log begins with all of an earlier one.
    Consistency(Consistency),
}

/// That a leaf is in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inclusion {
    /// The number of the leaf, from 0.
    pub index: u64,
    /// The leaf's bytes.
    pub leaf: Vec<u8>,
    /// The hashes from the leaf to the root.
    pub path: Vec<[u8; 32]>,
    /// The log.
    pub head: SignedHead,
}

/// That a log begins with all of an earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consistency {
    /// The hashes that show it.
    pub path: Vec<[u8; 32]>,
    /// The log as it was.
    pub earlier: SignedHead,
    /// The log as it is.
    pub later: SignedHead,
}

impl Proof {
    /// Reads either kind; verifies nothing.
    ///
    /// # Errors
    /// [`Error::Audit`] with the place.
    pub fn from_json(json: &str) -> Result<Self> {
        // Which kind it is; what it says is read strictly below.
        let of_consistency = from_json::<Kind>("a proof", json)?.cloakroom_audit_consistency.is_some();
        let proof = match of_consistency {
            true => {
                let read: ConsistencyJson = from_json("a consistency proof", json)?;
                known(read.cloakroom_audit_consistency)?;
                let (earlier, later) = (read.earlier.try_into()?, read.later.try_into()?);
                Self::Consistency(Consistency { path: path(read.path)?, earlier, later })
            }
            false => {
                let read: InclusionJson = from_json("an inclusion proof", json)?;
                known(read.cloakroom_audit_inclusion)?;
                let (index, leaf) = (read.index, read.leaf.0);
                Self::Inclusion(Inclusion {
                    index,
                    leaf,
                    path: path(read.path)?,
                    head: read.head.try_into()?,
                })
            }
        };
        Ok(proof)
    }

    /// The JSON, with a line's end.
    pub fn to_json(&self) -> String {
        match self {
            Self::Inclusion(proof) => to_json(&InclusionJson {
                cloakroom_audit_inclusion: FORMAT,
                index: proof.index,
                leaf: Base64(proof.leaf.clone()),
                path: proof.path.iter().copied().map(Hex).collect(),
                head: (&proof.head).into(),
            }),
            Self::Consistency(proof) => to_json(&ConsistencyJson {
                cloakroom_audit_consistency: FORMAT,
                path: proof.path.iter().copied().map(Hex).collect(),
                earlier: (&proof.earlier).into(),
                later: (&proof.later).into(),
            }),
        }
    }
}

#[derive(Deserialize)]
struct Kind {
    cloakroom_audit_consistency: Option<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct InclusionJson {
    cloakroom_audit_inclusion: u32,
    index: u64,
    leaf: Base64,
    path: Vec<Hex<32>>,
    head: HeadJson,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsistencyJson {
    cloakroom_audit_consistency: u32,
    path: Vec<Hex<32>>,
    earlier: HeadJson,
    later: HeadJson,
}

fn path(path: Vec<Hex<32>>) -> Result<Vec<[u8; 32]>> {
    if path.len() > LONGEST_PATH {
        return Err(Error::Audit { problem: "the proof has more hashes than a proof can need".into() });
    }
    Ok(path.into_iter().map(|hash| hash.0).collect())
}

/// Serde's own message could show what the file holds, so only the place is told.
pub(super) fn from_json<T: DeserializeOwned>(what: &str, json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|e| Error::Audit {
        problem: format!("this is not the JSON of {what}: line {}, column {}", e.line(), e.column()),
    })
}

pub(super) fn to_json(value: &impl Serialize) -> String {
    let mut json = serde_json::to_string_pretty(value).expect("numbers, texts and lists have a JSON form");
    json.push('\n');
    json
}

pub(super) fn known(format: u32) -> Result<()> {
    match format {
        FORMAT => Ok(()),
        _ => Err(Error::Audit {
            problem: format!("JSON of format {format}, which this release does not know"),
        }),
    }
}
