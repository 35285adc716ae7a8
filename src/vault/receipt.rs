//! The receipt of an erasure: what was destroyed, what remains and why, signed by the vault.
//!
//! ```text
//! {"cloakroom_erasure_receipt": 1, "vault": …, "key_version": …, "at": …, "tenant": …, "subject": …, "leaf": …,
//!  "tree_size": …, "tree_root": …, "destroyed": {…}, "remains": {…}, "signature": …}
//! signature = Ed25519(signing key of the key version, context(Receipt, compact))
//! ```
//!
//! `compact` is the object with `signature` the empty text, its members in this order, without white space between tokens:
//! as for manifests. Bytes are in hex, times in seconds since 1970. Leaf and root lead to the audit log, where the erasure
//! is leaf number `leaf` of the tree that then had `tree_size` leaves.
//!
//! Anyone with the vault's public key can verify it, with no vault and no secret. It says who was erased only if that was
//! asked for: a receipt that names her is personal data itself.

use super::check::hex;
use super::erase::Erased;
use super::files::ProtectedFile;
use super::signing::signing_key;
use super::subject_state::NO_SUBJECT;
use super::tenant::Tenant;
use crate::crypto::context::{Context, Label};
use crate::crypto::sign::{Signature, VerifyingKey};
use crate::error::{Error, Result};
use crate::name::SubjectId;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

const FORMAT: u32 = 1;
const AUDIT: &str = "leaves of the audit log stay, and name her by an id that nobody can compute any more; what they \
                     said of her in detail was sealed under her key";
const STORE: &str = "deleted bytes, her wrapped key among them, stay in the store's file until it writes over them; \
                     destroying the key version that wrapped her key makes them unreadable before";
const FILES: &str =
    "computed tokens and pseudonyms in these files lead to no entry of the vault, and stay what they are";
const BACKUPS: &str = "copies of the vault from before hold her key and data until they are deleted";

/// What a receipt is to say besides what happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiptOptions {
    /// Name the subject.
    pub with_id: bool,
    /// Until when backups are kept, if there are any.
    pub backups_until: Option<Timestamp>,
}

/// A receipt, as JSON has it. Its `Debug` shows no id.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    cloakroom_erasure_receipt: u32,
    /// The id of the vault's keyset, in hex.
    pub vault: String,
    /// The key version whose key signed.
    pub key_version: u32,
    /// When, in seconds since 1970.
    pub at: u64,
    /// Whose data subject.
    pub tenant: String,
    /// The subject's id, if the receipt was to name her.
    pub subject: Option<String>,
    /// The number of the audit leaf.
    pub leaf: u64,
    /// How many leaves there were then.
    pub tree_size: u64,
    /// The root of the tree of these, in hex.
    pub tree_root: String,
    /// What is gone.
    pub destroyed: Destroyed,
    /// What is not, and why.
    pub remains: Remains,
    signature: String,
}

/// What an erasure destroyed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destroyed {
    /// Which of the subject's data keys it was, from 1.
    pub data_key_generation: u32,
    /// The key version that wrapped it.
    pub wrapped_by_key_version: u32,
    /// Whether that version was destroyed before, and her data lost with it.
    pub key_version_was_destroyed: bool,
    /// The key version that blinded her entry in the index.
    pub index_entry_key_version: u32,
    /// Records deleted.
    pub records: u64,
    /// Sealed fields.
    pub fields: u64,
    /// Entries of blind indexes.
    pub blind_index_entries: u64,
    /// Notes of when a record was due.
    pub due_entries: u64,
    /// Random tokens that lead to no value of hers any more.
    pub random_tokens: u64,
    /// How many of these go on for others who hold them.
    pub random_tokens_shared: u64,
    /// Fingerprints of values of random tokens.
    pub fingerprints: u64,
    /// Whether consents or anything else was known of her.
    pub consents_and_state: bool,
}

/// What an erasure does not reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remains {
    /// Every protected file of the tenant that the vault knows: the vault cannot tell which of them name her.
    pub files: Vec<RemainingFile>,
    files_why: String,
    /// Until when backups are kept, in seconds since 1970, if the vault was told.
    pub backups_until: Option<u64>,
    backups_why: String,
    audit: String,
    store: String,
}

/// A protected file that may hold something of the subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemainingFile {
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
    /// When it was made, in seconds since 1970.
    pub made: u64,
    /// What is in it.
    pub columns: Vec<RemainingColumn>,
}

/// A column of such a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemainingColumn {
    /// The field, or for pseudonyms the scope's column.
    pub field: String,
    /// Which kind of protection.
    pub mode: String,
    /// The key version.
    pub key_version: u32,
}

impl Tenant<'_> {
    /// As [`erase`](Tenant::erase), with a receipt. The erasure is durable before the receipt is made: a process that ends
    /// between the two has erased her, and no receipt can be made any more; the audit log has its leaf.
    ///
    /// # Errors
    /// [`Error::NotFound`] without such a subject, as when she was erased before; as [`erase`](Tenant::erase).
    pub fn erase_with_receipt(&self, subject: &SubjectId, options: &ReceiptOptions) -> Result<Receipt> {
        let vault = self.vault();
        let files = vault.files()?;
        let (erased, tree) = self.erase_subject(subject)?.ok_or(NO_SUBJECT)?;
        let keyset = &vault.keyring().keyset;
        let (version, key) = signing_key(keyset)?;
        let mut receipt = Receipt {
            cloakroom_erasure_receipt: FORMAT,
            vault: hex(&keyset.id().0),
            key_version: version.get(),
            at: vault.now().0,
            tenant: self.name().as_str().to_owned(),
            subject: options.with_id.then(|| subject.expose().to_owned()),
            // One subject makes one leaf.
            leaf: tree.size - 1,
            tree_size: tree.size,
            tree_root: hex(&tree.root),
            destroyed: Destroyed::from(&erased),
            remains: Remains {
                files: files
                    .iter()
                    .filter(|file| file.tenant == *self.name())
                    .map(RemainingFile::from)
                    .collect(),
                files_why: FILES.into(),
                backups_until: options.backups_until.map(|until| until.0),
                backups_why: BACKUPS.into(),
                audit: AUDIT.into(),
                store: STORE.into(),
            },
            signature: String::new(),
        };
        receipt.signature = hex(&key.sign(&receipt.signed()).to_bytes());
        Ok(receipt)
    }
}

impl Receipt {
    /// Reads a receipt; verifies nothing.
    ///
    /// # Errors
    /// [`Error::Audit`].
    pub fn from_json(json: &str) -> Result<Self> {
        let wrong = |e: serde_json::Error| {
            problem(format!("is no receipt: line {}, column {}", e.line(), e.column()))
        };
        let receipt: Self = serde_json::from_str(json).map_err(wrong)?;
        match receipt.cloakroom_erasure_receipt {
            FORMAT => Ok(receipt),
            _ => Err(problem("is of a format that this release does not know")),
        }
    }

    /// The JSON, with a line's end.
    pub fn to_json(&self) -> String {
        format!("{}\n", serde_json::to_string_pretty(self).expect("texts and numbers become JSON"))
    }

    /// Verifies the signature, and says which of the keys made it.
    ///
    /// # Errors
    /// [`Error::Audit`] when none of them did.
    pub fn verify<'k>(&self, keys: &'k [VerifyingKey]) -> Result<&'k VerifyingKey> {
        let signature =
            unhex(&self.signature).ok_or_else(|| problem("has a signature that is not 64 bytes of hex"))?;
        let (signature, context) = (Signature::from_bytes(&signature), self.signed());
        keys.iter().find(|key| key.verify(&context, &signature).is_ok()).ok_or_else(|| {
            problem(format!(
                "is signed by none of the given public keys: it is forged or altered, or the public key of the vault's key \
                 version {} is missing",
                self.key_version
            ))
        })
    }

    fn signed(&self) -> Context {
        let unsigned = Self { signature: String::new(), ..self.clone() };
        let compact = serde_json::to_string(&unsigned).expect("texts and numbers become JSON");
        Context::new(Label::Receipt).part(compact)
    }
}

impl From<&Erased> for Destroyed {
    fn from(erased: &Erased) -> Self {
        Self {
            data_key_generation: erased.generation,
            wrapped_by_key_version: erased.wrap_version,
            key_version_was_destroyed: erased.was_lost,
            index_entry_key_version: erased.row_version,
            records: erased.erasure.records,
            fields: erased.erasure.fields,
            blind_index_entries: erased.erasure.indexes,
            due_entries: erased.due,
            random_tokens: erased.erasure.tokens,
            random_tokens_shared: erased.shared,
            fingerprints: erased.fingerprints,
            consents_and_state: erased.state,
        }
    }
}

impl From<&ProtectedFile> for RemainingFile {
    fn from(file: &ProtectedFile) -> Self {
        let columns = file.columns.iter().map(|column| RemainingColumn {
            field: column.field.as_str().to_owned(),
            mode: column.mode.as_str().to_owned(),
            key_version: column.version.get(),
        });
        Self { sha256: hex(&file.sha256), made: file.made.0, columns: columns.collect() }
    }
}

fn problem(problem: impl Into<String>) -> Error {
    Error::Audit { problem: format!("the receipt {}", problem.into()) }
}

/// 64 bytes of lower-case hex.
fn unhex(text: &str) -> Option<[u8; 64]> {
    let digits = text.as_bytes();
    let digit = |at: usize| match digits[at] {
        digit @ b'0'..=b'9' => Some(digit - b'0'),
        digit @ b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 64];
    for (i, byte) in bytes.iter_mut().enumerate().take_while(|_| digits.len() == 128) {
        *byte = digit(2 * i)? << 4 | digit(2 * i + 1)?;
    }
    (digits.len() == 128).then_some(bytes)
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receipt(tenant {:?}, leaf {}, {:?}, ..)", self.tenant, self.leaf, self.destroyed)
    }
}
