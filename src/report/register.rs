//! The record of processing as plain data.

use super::moment::{Day, Moment};
use super::page;
use crate::protect;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The number of the JSON's layout. It grows when a reader of the old one would misread the new one.
pub const REGISTER_SCHEMA: u32 = 1;

/// The record of processing activities of one vault, as of one instant.
///
/// It counts, and names what the policy names. It has no field for a value, a token, or the id of a data subject.
/// Empty text means: the policy does not say. The page shows that as a gap to be filled.
///
/// # Source
/// Regulation (EU) 2016/679 (GDPR), Article 30(1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Register {
    /// [`REGISTER_SCHEMA`].
    pub schema: u32,
    /// As of when.
    pub made_at: Moment,
    /// The vault's id, in hexadecimal.
    pub vault: String,
    /// Who answers for the processing: Article 30(1)(a).
    pub controller: Controller,
    /// Whose data the vault keeps apart.
    pub tenants: Vec<String>,
    /// The categories of data: Article 30(1)(c).
    pub fields: Vec<Field>,
    /// What the data is processed for, and to whom it goes: Article 30(1)(b), (d) and (e).
    pub purposes: Vec<Purpose>,
    /// The data subjects, counted.
    pub subjects: Subjects,
    /// Time limits for erasure, and what was erased: Article 30(1)(f).
    pub erasure: Erasure,
    /// The key versions.
    pub keys: Vec<Key>,
    /// What was written to files, which still holds protected data.
    pub files: Files,
    /// What the log shows.
    pub audit: Audit,
    /// Technical and organisational measures, one in each text: Article 30(1)(g).
    pub measures: Vec<String>,
}

/// Who answers for the processing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Controller {
    /// The controller, and joint controllers.
    pub name: String,
    /// How to reach it.
    pub contact: String,
    /// The controller's representative in the Union, if it needs one.
    pub representative: String,
    /// The data protection officer.
    pub dpo: String,
}

/// One field of one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    /// Whose.
    pub tenant: String,
    /// Its name.
    pub name: String,
    /// The category of data: "contact", "health".
    pub category: String,
    /// Whether it is of a special category: Articles 9 and 10.
    pub special: bool,
    /// How it is kept in the vault, and how often.
    pub modes: Vec<ModeCount>,
    /// Names of the purposes that may use it.
    pub purposes: Vec<String>,
    /// How long it is kept, from when it was put in; `None` when no rule says.
    pub retention_seconds: Option<u64>,
    /// What ends it; of several modes, the weakest.
    pub erasability: Erasability,
}

/// So many under one key version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModeCount {
    /// "seal", "token".
    pub mode: String,
    /// The key version that it needs.
    pub version: u32,
    /// How many.
    pub count: u64,
}

/// [`protect::Erasability`], as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the type that it is made from says it")]
pub enum Erasability {
    ShredSubject,
    DeleteRow,
    Clear,
}

impl From<protect::Erasability> for Erasability {
    fn from(erasability: protect::Erasability) -> Self {
        match erasability {
            protect::Erasability::ShredSubject => Self::ShredSubject,
            protect::Erasability::DeleteRow => Self::DeleteRow,
            protect::Erasability::Clear => Self::Clear,
        }
    }
}

/// What data is processed for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Purpose {
    /// Its name.
    pub name: String,
    /// The legal basis: "Art. 6(1)(a) consent".
    pub basis: String,
    /// What it is, in words for the data subject.
    pub text: String,
    /// To whom the data goes.
    pub recipients: Vec<String>,
    /// Transfers to third countries, and their safeguards.
    pub transfers: String,
    /// Whether it needs the subject's consent.
    pub needs_consent: bool,
    /// Data subjects by the state of their consent.
    pub consents: Consents,
    /// Data subjects who object to it.
    pub objections: u64,
}

/// Data subjects by the state of their consent to one purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub struct Consents {
    pub granted: u64,
    pub withdrawn: u64,
    pub expired: u64,
    /// Neither was ever given.
    pub none: u64,
}

/// The data subjects, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subjects {
    /// All of them.
    pub count: u64,
    /// Fields that are kept of them, together.
    pub records: u64,
    /// Whose processing is restricted: Article 18.
    pub restricted: u64,
    /// Under at least one legal hold.
    pub held: u64,
    /// Invented ones, which nobody has a reason to reveal.
    pub canaries: u64,
}

/// What is due to be erased, and what was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Erasure {
    /// Records past their retention that no hold keeps: the next purge takes them.
    pub overdue: u64,
    /// Data subjects erased: their keys are destroyed.
    pub erased: u64,
    /// When the last one was.
    pub last_erased: Option<Moment>,
    /// Purges that were run.
    pub purges: u64,
    /// Records that they took.
    pub purged: u64,
    /// When the last one was.
    pub last_purge: Option<Moment>,
}

/// A key version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    /// Its number.
    pub version: u32,
    /// Its state, as SP 800-57 names it.
    pub state: String,
    /// Whether new data is put under it.
    pub primary: bool,
    /// Whole days since it was made.
    pub age_days: u64,
    /// How many days it may protect new data.
    pub cryptoperiod_days: u32,
    /// Whether it protects new data for longer than that.
    pub overdue: bool,
    /// Items in the vault that need it.
    pub in_vault: u64,
    /// Items in files that need it.
    pub in_files: u64,
}

/// Files that were made and not given up since.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Files {
    /// How many.
    pub count: u64,
    /// What they hold.
    pub columns: Vec<FileColumn>,
}

/// One field in files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileColumn {
    /// Whose.
    pub tenant: String,
    /// The field's name.
    pub field: String,
    /// How it is protected there, and how often.
    pub modes: Vec<ModeCount>,
}

/// What the log shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Audit {
    /// Leaves in the tree.
    pub size: u64,
    /// How far the tree is.
    pub head: Option<Head>,
    /// Leaves by kind.
    pub leaves: Vec<Count>,
    /// Fields denied, by reason.
    pub denials: Vec<Count>,
    /// Values shown by day, ascending; days without any may be left out.
    pub reveals_by_day: Vec<DayCount>,
    /// Values shown by purpose.
    pub reveals_by_purpose: Vec<Count>,
    /// How often something was refused because a budget was used up.
    pub budgets_hit: u64,
    /// Values shown of canaries, and reveals over a budget that only alerts.
    pub alarms: u64,
}

/// The head of the log, as `audit head` signs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    /// As of when.
    pub at: Moment,
    /// The tree's root, in hexadecimal.
    pub root: String,
}

/// So many of one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub struct Count {
    pub name: String,
    pub count: u64,
}

/// So many on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub struct DayCount {
    pub day: Day,
    pub count: u64,
}

impl Register {
    /// Of a vault with nothing in it, with the [technical measures](technical_measures) that every vault has.
    pub fn empty(vault: &str, made_at: Timestamp) -> Self {
        Self {
            schema: REGISTER_SCHEMA,
            made_at: made_at.into(),
            vault: vault.into(),
            controller: Controller::default(),
            tenants: vec![],
            fields: vec![],
            purposes: vec![],
            subjects: Subjects::default(),
            erasure: Erasure::default(),
            keys: vec![],
            files: Files::default(),
            audit: Audit::default(),
            measures: technical_measures(),
        }
    }

    /// As JSON: names in camelCase, instants as RFC 3339.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("names, texts and numbers are always JSON") + "\n"
    }

    /// As one page of HTML that needs nothing else: no script, no network, for screens light and dark, and for paper.
    ///
    /// # Security
    /// Every text is escaped, and its invisible characters are shown. The page forbids its reader to load anything.
    pub fn to_html(&self) -> String {
        page::html(self)
    }
}

/// What this release does for every vault, as a list for Article 30(1)(g) and Article 32(1).
pub fn technical_measures() -> Vec<String> {
    [
        "Encryption: each data subject has a key of their own; fields are sealed with XAES-256-GCM or \
         XChaCha20-Poly1305, bound to their place.",
        "Pseudonymisation: format-preserving tokens by FF1 with AES-256 (NIST SP 800-38G), random tokens, and \
         keyed pseudonyms by HMAC-SHA256, which join within one scope only.",
        "Separation: keys for each tenant, field and use are derived with HKDF-SHA256 (RFC 5869); tenants share no key.",
        "Minimisation: masks and coarser values, where the whole value is not needed.",
        "Keys: numbered versions with the states and cryptoperiods of NIST SP 800-57 Part 1; a keyset under a \
         passphrase is locked with Argon2id (RFC 9106).",
        "Erasure: a data subject's key is destroyed, so that no copy of what it sealed, in files or in backups of \
         those files, can be read with the vault.",
        "Integrity: every entry is authenticated; an exact census and a fingerprint of all entries are checked against \
         the store.",
        "Accountability: reads and writes are leaves of a Merkle tree (RFC 6962); its heads are signed with Ed25519 \
         (RFC 8032).",
    ]
    .map(str::to_owned)
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_read_and_written_as_it_was() {
        let json = include_str!("../../tests/registers/example.json");
        let register: Register = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::from_str::<Register>(&register.to_json()).unwrap(), register);
        let (was, is): (serde_json::Value, serde_json::Value) =
            (serde_json::from_str(json).unwrap(), serde_json::from_str(&register.to_json()).unwrap());
        assert_eq!(was, is, "no field of the file is overlooked");
    }

    // SPEC: REPORT-1
    #[test]
    fn every_text_is_a_name_or_a_text_of_the_policy_or_says_how_and_when() {
        const OF_THE_POLICY: [&str; 15] = [
            "basis",
            "category",
            "contact",
            "dpo",
            "field",
            "name",
            "purposes",
            "recipients",
            "representative",
            "tenant",
            "tenants",
            "text",
            "transfers",
            "measures",
            "vault",
        ];
        const HOW_AND_WHEN: [&str; 9] =
            ["at", "day", "erasability", "lastErased", "lastPurge", "madeAt", "mode", "root", "state"];
        fn texts<'a>(
            key: &'a str,
            value: &'a serde_json::Value,
            found: &mut std::collections::BTreeSet<&'a str>,
        ) {
            match value {
                serde_json::Value::String(_) => drop(found.insert(key)),
                serde_json::Value::Array(all) => all.iter().for_each(|value| texts(key, value, found)),
                serde_json::Value::Object(all) => {
                    all.iter().for_each(|(key, value)| texts(key, value, found))
                }
                _ => {}
            }
        }
        let json = serde_json::from_str(include_str!("../../tests/registers/example.json")).unwrap();
        let mut found = Default::default();
        texts("", &json, &mut found);
        let known = OF_THE_POLICY.into_iter().chain(HOW_AND_WHEN).collect();
        assert_eq!(found, known, "a new text: can it hold a value, a token or a subject id?");
    }

    #[test]
    fn an_empty_one_has_every_name_in_its_json() {
        let json = Register::empty("00", Timestamp(0)).to_json();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["schema"], REGISTER_SCHEMA);
        assert_eq!(json["madeAt"], "1970-01-01T00:00:00Z");
        assert_eq!(json["erasure"]["lastErased"], serde_json::Value::Null);
        assert_eq!(json["audit"]["revealsByDay"], serde_json::json!([]));
    }
}
