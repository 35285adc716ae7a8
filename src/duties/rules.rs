//! What the organisation decided: which purposes there are, who may have what for them, and for how long.
//!
//! ```text
//!  rules: format 1 │ JSON, without white space, members in the order of the fields below, names in the order of their bytes
//! ```

use super::{Access, Judge, Permission};
use crate::crypto::sign::VerifyingKey;
use crate::error::Result;
use crate::name::{FieldName, Note, Principal, Purpose, RoleName};
use crate::wire::{Reader, Writer};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

const FORMAT: u8 = 1;
/// How long an approval is valid unless the rules say otherwise: a day.
const VALID: u64 = 86_400;

/// The rules of an organisation. Empty rules permit nothing, and so does a name that is nowhere declared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// What data is used for.
    pub purposes: BTreeMap<Purpose, PurposeRules>,
    /// What roles may see, and for what.
    pub roles: BTreeMap<RoleName, RoleRules>,
    /// Who there is.
    pub principals: BTreeMap<Principal, PrincipalRules>,
    /// What the fields are.
    pub fields: BTreeMap<FieldName, FieldRules>,
    /// When a second person must approve.
    pub approvals: ApprovalRules,
    /// The organisation, for the record of processing.
    pub register: Register,
}

/// The lawfulness of processing: GDPR Art. 6(1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// (a)
    Consent,
    /// (b)
    Contract,
    /// (c)
    LegalObligation,
    /// (d)
    VitalInterests,
    /// (e)
    PublicTask,
    /// (f)
    LegitimateInterests,
}

/// A purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PurposeRules {
    /// Why it is lawful. By consent, it takes the subject's consent to this very purpose.
    pub basis: Basis,
    /// The purpose in words.
    pub text: Option<Note>,
    /// To whom data is disclosed for it.
    pub recipients: Vec<Note>,
    /// Whether it may use special categories of data for another reason than consent (GDPR Art. 9(2) b to j).
    pub special: bool,
    /// Whether a restriction does not stop it (GDPR Art. 18(2)).
    pub despite_restriction: bool,
    /// Whether it may use what is kept by a hold alone: legal claims.
    pub despite_hold: bool,
}

/// A role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleRules {
    /// For what it may ask.
    pub purposes: BTreeSet<Purpose>,
    /// How it sees which fields.
    pub reveal: BTreeMap<FieldName, Permission>,
    /// How much it may reveal.
    pub budget: Option<Budget>,
}

/// How many values a principal may be shown in an hour: fields of records, whole, masked or as tokens, not data subjects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// So many.
    pub per_hour: u32,
    /// What happens to the next.
    pub over: OverBudget,
}

/// What happens over the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OverBudget {
    /// It is refused.
    Refuse,
    /// It is revealed, and somebody is told.
    Alert,
}

/// A principal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrincipalRules {
    /// What it may do: of several roles the widest permission counts.
    pub roles: BTreeSet<RoleName>,
    /// The public key of its approvals.
    #[serde(with = "key_as_text")]
    pub key: Option<VerifyingKey>,
    /// Whether it may approve.
    pub approves: bool,
}

/// A field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldRules {
    /// What kind of data it is, in words.
    pub category: Option<Note>,
    /// For what it may be used.
    pub purposes: BTreeSet<Purpose>,
    /// For how many seconds it is kept.
    pub retention: Option<u64>,
    /// Whether it is of a special category (GDPR Art. 9).
    pub special: bool,
}

/// When a second person must approve, and for how long that is valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRules {
    /// How many values a principal may be shown in an hour without one: counted as for a [`Budget`].
    pub bulk: Option<u32>,
    /// For how many seconds an approval is valid, at most.
    pub valid: u64,
}

impl Default for ApprovalRules {
    fn default() -> Self {
        Self { bulk: None, valid: VALID }
    }
}

/// Who is responsible (GDPR Art. 30(1)(a)).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// The controller's name and address.
    pub controller: Option<Note>,
    /// How to reach it.
    pub contact: Option<Note>,
    /// The data protection officer.
    pub dpo: Option<Note>,
}

impl Rules {
    /// Reads the bytes.
    ///
    /// # Errors
    /// [`Error::Malformed`](crate::error::Error::Malformed) for anything but what [`to_bytes`](Rules::to_bytes) writes.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut r = Reader::new("rules", bytes);
        r.expect(&[FORMAT], "has a format that this release does not know")?;
        let rules: Rules = serde_json::from_slice(r.clone().rest())
            .map_err(|_| r.malformed("holds JSON that is not that of rules"))?;
        match rules.to_bytes() == bytes {
            true => Ok(rules),
            false => Err(r.malformed("holds JSON that is not written as it must be")),
        }
    }

    /// The bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.u8(FORMAT).bytes(&serde_json::to_vec(self).expect("all names are text"));
        w.into_bytes()
    }

    /// The SHA-256 of the bytes.
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(self.to_bytes()).into()
    }

    /// Whether there is no rule at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Resolves what does not depend on a subject, once for many decisions.
    pub fn judge(&self, access: &Access) -> Judge {
        Judge::new(self, access)
    }

    /// How many values a principal may be shown in an hour without an approval.
    pub fn bulk_limit(&self) -> Option<u32> {
        self.approvals.bulk
    }

    /// For how many seconds a field is kept.
    pub fn retention(&self, field: &FieldName) -> Option<u64> {
        self.fields.get(field)?.retention
    }
}

/// A public key, in JSON, is its text form.
mod key_as_text {
    use super::VerifyingKey;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub fn serialize<S: Serializer>(key: &Option<VerifyingKey>, to: S) -> Result<S::Ok, S::Error> {
        key.as_ref().map(|key| key.to_string()).serialize(to)
    }

    pub fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Option<VerifyingKey>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| VerifyingKey::from_text(&text)).transpose().map_err(D::Error::custom)
    }
}
