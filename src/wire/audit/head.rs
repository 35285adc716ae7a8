//! What an audit log is at one time: signed, so that whoever keeps one can tell later whether the log was rewritten.
//!
//! ```text
//!  0        1        17            21     29     61   69
//!  ┌────────┬────────┬─────────────┬──────┬──────┬────┐   ┌───────────┐
//!  │ format │ vault  │ key version │ size │ root │ at │   │ signature │
//!  │ 1      │ 16     │ 4           │ 8    │ 32   │ 8  │   │ 64        │
//!  └────────┴────────┴─────────────┴──────┴──────┴────┘   └───────────┘
//! ```
//!
//! As JSON, with bytes in hex and the time in seconds:
//!
//! ```text
//! {"cloakroom_audit_head": 1, "vault": …, "key_version": …, "size": …, "root": …, "at": …, "signature": …}
//! ```
//!
//! The signature is over a context of the label `AuditHead` whose one part is the 69 bytes.

use super::hex::Hex;
use super::proof::{FORMAT as JSON_FORMAT, from_json, known, to_json};
use crate::error::{Error, Result};
use crate::time::Timestamp;
use crate::wire::{Reader, Writer};
use serde::{Deserialize, Serialize};

/// The format number written, and the only one so far.
const FORMAT: u8 = 1;

/// A log at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Whose log.
    pub vault: [u8; 16],
    /// The key version whose signing key signs.
    pub key_version: u32,
    /// How many leaves.
    pub size: u64,
    /// The root of the tree of all leaves.
    pub root: [u8; 32],
    /// When it was signed.
    pub at: Timestamp,
}

impl Head {
    /// Parses the bytes of a head alone.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut r = Reader::new("audit head", bytes);
        let head = Self::read(&mut r)?;
        r.finish()?;
        Ok(head)
    }

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        r.expect(&[FORMAT], "has a format that this release does not know")?;
        let (vault, key_version, size) = (r.array()?, r.u32()?, r.u64()?);
        Ok(Self { vault, key_version, size, root: r.array()?, at: Timestamp(r.u64()?) })
    }

    /// The bytes, which are signed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.u8(FORMAT).bytes(&self.vault).u32(self.key_version);
        w.u64(self.size).bytes(&self.root).u64(self.at.0);
        w.into_bytes()
    }
}

/// A head and a signature, not verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedHead {
    /// What is signed.
    pub head: Head,
    /// 64 bytes of Ed25519.
    pub signature: [u8; 64],
}

impl SignedHead {
    /// Parses; verifies nothing.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut r = Reader::new("signed audit head", bytes);
        let signed = Self { head: Head::read(&mut r)?, signature: r.array()? };
        r.finish()?;
        Ok(signed)
    }

    /// Reads the JSON of a signed head; verifies nothing.
    ///
    /// # Errors
    /// [`Error::Audit`] with the place.
    pub fn from_json(json: &str) -> Result<Self> {
        from_json::<HeadJson>("a signed head", json)?.try_into()
    }

    /// The JSON, with a line's end.
    pub fn to_json(&self) -> String {
        to_json(&HeadJson::from(self))
    }

    /// The bytes of the head, and the signature.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.head.to_bytes()[..], &self.signature].concat()
    }
}

/// A signed head as JSON spells it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HeadJson {
    cloakroom_audit_head: u32,
    vault: Hex<16>,
    key_version: u32,
    size: u64,
    root: Hex<32>,
    at: u64,
    signature: Hex<64>,
}

impl From<&SignedHead> for HeadJson {
    fn from(signed: &SignedHead) -> Self {
        let Head { vault, key_version, size, root, at } = signed.head;
        Self {
            cloakroom_audit_head: JSON_FORMAT,
            vault: Hex(vault),
            key_version,
            size,
            root: Hex(root),
            at: at.0,
            signature: Hex(signed.signature),
        }
    }
}

impl TryFrom<HeadJson> for SignedHead {
    type Error = Error;

    fn try_from(json: HeadJson) -> Result<Self> {
        known(json.cloakroom_audit_head)?;
        let HeadJson { vault, key_version, size, root, at, signature, .. } = json;
        let head = Head { vault: vault.0, key_version, size, root: root.0, at: Timestamp(at) };
        Ok(Self { head, signature: signature.0 })
    }
}
