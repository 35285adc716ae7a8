//! `OUT.manifest.json`: everything but the keys that revealing a protected file needs, and no value.
//!
//! `mac = HMAC-SHA256(manifest key of mac_key_version, the manifest as compact JSON with an empty mac)`, in hex: a
//! manifest that was altered, or belongs to another keyset, is refused before the first row.

use crate::crypto::context::{Context, Label};
use crate::crypto::kdf;
use crate::crypto::prf::Prf;
use crate::error::{Error, Result};
use crate::keys::{Keyset, UsableKey};
use crate::name::KeyVersion;
use crate::policy::Settings;
use serde::{Deserialize, Serialize};

/// The format that is written: 2 has columns of key versions, and differs in nothing else from 1.
pub(super) const FORMAT: u32 = 2;

/// What stands for the check value of a version that has none.
const NO_SECRET: &str = "none";

/// What a protected file is, and what it was made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The format of the manifest.
    pub cloakroom_manifest: u32,
    /// The release that made it.
    pub crate_version: String,
    /// When, RFC 3339.
    pub created: String,
    /// SHA-256 of the policy file.
    pub policy_sha256: String,
    /// Whose keys.
    pub tenant: String,
    /// The keyset's id.
    pub keyset: String,
    /// Whether sealed fields are in a vault.
    pub vault: bool,
    /// The field that sealed cells are bound to, by its header.
    pub subject: Option<String>,
    /// What stands between cells.
    pub delimiter: String,
    /// Rows read.
    pub rows_read: u64,
    /// Rows written.
    pub rows_written: u64,
    /// Rows rejected.
    pub rows_rejected: u64,
    /// HMAC-SHA256 of the SHA-256 of the input (which may be a protected file itself) under the manifest key of `mac_key_version`: who has the original and the
    /// keyset can tell whether it was this one; who has neither cannot test guesses of it.
    pub input_tag: String,
    /// SHA-256 of the output.
    pub output_sha256: String,
    /// Bytes of the output.
    pub output_bytes: u64,
    /// The columns of the output, in order.
    pub columns: Vec<ColumnEntry>,
    /// Headers of columns that were left out.
    pub dropped: Vec<String>,
    /// The key version of the mac.
    pub mac_key_version: u32,
    /// See the module.
    pub mac: String,
}

impl Manifest {
    /// How many columns come back when the file is revealed.
    pub(super) fn reversible(&self) -> u64 {
        let comes_back =
            |column: &&ColumnEntry| matches!(column.mode.as_str(), "token" | "seal" | "random-token");
        self.columns.iter().filter(comes_back).count() as u64
    }
}

/// One column of a protected file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnEntry {
    /// The header as it stands.
    pub name: String,
    /// The mode.
    pub mode: String,
    /// What makes it unreadable for good: `delete-row`, `shred-subject` or `clear`.
    pub erased_by: String,
    /// The key version, for modes that have a key.
    pub key_version: Option<u32>,
    /// Its check value.
    pub check_value: Option<String>,
    /// The version of the identity key, for pseudonyms.
    pub identity_version: Option<u32>,
    /// Cells that are protected, or the key versions of such; the others are blank.
    pub protected: u64,
    /// How the policy said it.
    pub settings: Settings,
}

impl Manifest {
    /// The manifest as a file, with its mac.
    ///
    /// # Errors
    /// [`Error::KeyState`] when the keyset's primary cannot protect.
    pub fn to_json(&self, keyset: &Keyset) -> Result<Vec<u8>> {
        let key = keyset.primary()?;
        let mut sealed = self.clone();
        sealed.mac_key_version = key.number().get();
        sealed.mac = String::new();
        sealed.mac = hex(&prf(&key).tag(&[&sealed.compact()]).into_public::<32>());
        let mut json = serde_json::to_vec_pretty(&sealed).expect("a manifest is plain data");
        json.push(b'\n');
        Ok(json)
    }

    /// As [`parse`](Manifest::parse), for a file that is to be moved away from versions that are suspended or compromised.
    ///
    /// # Errors
    /// As [`parse`](Manifest::parse), but for these states.
    pub fn parse_despite_state(json: &[u8], keyset: &Keyset) -> Result<Self> {
        Self::parse(json, &keyset.despite_state())
    }

    /// Reads a manifest, and verifies that this keyset made it, unaltered, with the key versions it names.
    ///
    /// # Errors
    /// [`Error::Manifest`] when it is no manifest or was altered; [`Error::KeyMismatch`] for another keyset or key
    /// version; [`Error::KeyVersionUnknown`], [`Error::KeyState`].
    pub fn parse(json: &[u8], keyset: &Keyset) -> Result<Self> {
        let bad = |problem: String| Error::Manifest { problem };
        let manifest: Manifest = serde_json::from_slice(json).map_err(|e| {
            let kind = if e.is_data() {
                "has fields that this release does not know, or lacks some"
            } else {
                "is no JSON"
            };
            bad(format!("{kind} (line {})", e.line()))
        })?;
        if !(1..=FORMAT).contains(&manifest.cloakroom_manifest) {
            return Err(bad(format!(
                "has format {}, this release reads 1 to {FORMAT}",
                manifest.cloakroom_manifest
            )));
        }
        let found = |version: u32| {
            let version = KeyVersion::new(version).and_then(|v| keyset.version(v).cloned());
            version.ok().and_then(|v| v.check_value()).map_or_else(|| NO_SECRET.into(), |c| c.to_string())
        };
        for column in &manifest.columns {
            let (Some(version), Some(expected)) = (column.key_version, &column.check_value) else { continue };
            if expected.len() != 16 || !expected.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(bad("has a check value that is none".into()));
            }
            let is_ours = manifest.keyset == keyset.id().to_string();
            if is_ours && found(version) == NO_SECRET {
                keyset.for_reveal(KeyVersion::new(version)?)?; // it is unknown, or destroyed
            }
            if !is_ours || found(version) != *expected {
                let (what, expected) = (format!("column {:?}", column.name), expected.clone());
                return Err(Error::KeyMismatch { what, version, expected, found: found(version) });
            }
        }
        if manifest.keyset != keyset.id().to_string() {
            return Err(bad("belongs to another keyset".into()));
        }
        let key = keyset.for_reveal(KeyVersion::new(manifest.mac_key_version)?)?;
        let unsealed = Manifest { mac: String::new(), ..manifest.clone() };
        match unhex(&manifest.mac) {
            Some(mac) if mac.len() == 32 && prf(&key).tag(&[&unsealed.compact()]).verifies(&mac) => {
                Ok(manifest)
            }
            _ => Err(bad("was altered since it was made".into())),
        }
    }

    /// What [`input_tag`](Manifest::input_tag) is for an input of this SHA-256.
    ///
    /// # Errors
    /// [`Error::KeyState`].
    pub(super) fn tag_of_input(keyset: &Keyset, sha256: &[u8; 32]) -> Result<String> {
        let message = Context::new(Label::ManifestInput).part(sha256);
        Ok(hex(&prf(&keyset.primary()?).tag(&[message.as_bytes()]).into_public::<32>()))
    }

    fn compact(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a manifest is plain data")
    }
}

fn prf(key: &UsableKey) -> Prf {
    Prf::new(&kdf::derive(key.secret(), &Context::new(Label::Manifest)))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| Some(c.to_digit(16)? as u8)).collect();
    let (pairs, odd) = digits.as_ref()?.as_chunks::<2>();
    odd.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}
