//! A breach, as far as the log knows it.

use super::breach_text;
use super::moment::Moment;
use super::register::{Controller, Count, Head};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The number of the JSON's layout. It grows when a reader of the old one would misread the new one.
pub const BREACH_SCHEMA: u32 = 1;

/// How many hours the controller has to notify the authority, from when it became aware.
const HOURS_TO_NOTIFY: u64 = 72;

/// Who and what a breach can have touched: everything in the log that fits the question, and so an upper bound of
/// what went through Cloakroom. What was read around it is not in the log.
///
/// # Source
/// Regulation (EU) 2016/679 (GDPR), Article 33(3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BreachReport {
    /// [`BREACH_SCHEMA`].
    pub schema: u32,
    /// As of when.
    pub made_at: Moment,
    /// The vault's id, in hexadecimal.
    pub vault: String,
    /// The question.
    pub asked: Asked,
    /// When the controller became aware, and until when it has to notify; `None` until somebody says.
    pub deadlines: Option<Deadlines>,
    /// Who is to be asked for more: Article 33(3)(b).
    pub controller: Controller,
    /// How many data subjects are concerned.
    pub subjects: u64,
    /// How many data subjects more of whom no field was reached, but what is known of them: consents, a restriction, holds, or who
    /// saw them.
    #[serde(default)]
    pub state_subjects: u64,
    /// How many accesses were refused, and showed nothing.
    #[serde(default)]
    pub refused: u64,
    /// The ids of all of them, only if they were asked for: whoever has to inform them (Article 34) needs them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_ids: Option<Vec<String>>,
    /// How many records are concerned: fields of a data subject, each once.
    pub records: u64,
    /// Which data.
    pub fields: Vec<ExposedField>,
    /// Accesses by the purpose that was given.
    pub purposes: Vec<Count>,
    /// Accesses by principal.
    pub principals: Vec<Count>,
    /// The first operation that fits.
    pub first: Option<Moment>,
    /// The last one.
    pub last: Option<Moment>,
    /// Key versions that were exposed themselves; none, if only data went through a principal.
    pub keys: Vec<ExposedKey>,
    /// How many of the data subjects are canaries: invented, so that nobody has a reason to reveal them. They are told apart
    /// only where [`subject_ids`](Self::subject_ids) were asked for.
    pub canaries: u64,
    /// The signed head of the log from which this was counted.
    pub head: Option<Head>,
    /// What only people know.
    pub notice: Notice,
}

/// What was asked: what all of the given parts fit. At least one is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// What this principal did.
    pub principal: Option<String>,
    /// What is under this key version.
    pub key_version: Option<u32>,
    /// What was done to this field.
    pub field: Option<String>,
    /// What was done for this purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Not before.
    pub from: Option<Moment>,
    /// Not after.
    pub to: Option<Moment>,
}

/// Until when the authority is to be notified.
///
/// # Source
/// GDPR, Article 33(1): not later than 72 hours after having become aware of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deadlines {
    /// When the controller became aware.
    pub aware_at: Moment,
    /// Until when it notifies the authority.
    pub notify_by: Moment,
}

impl Deadlines {
    /// `notify_by = aware_at + 72 h`.
    pub fn from_awareness(aware_at: Timestamp) -> Self {
        let aware_at = Moment::from(aware_at);
        Self { aware_at, notify_by: aware_at.plus_hours(HOURS_TO_NOTIFY) }
    }
}

/// A field that the breach can have touched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExposedField {
    /// Whose.
    pub tenant: String,
    /// Its name.
    pub name: String,
    /// The category of data.
    pub category: String,
    /// Whether it is of a special category: Articles 9 and 10.
    pub special: bool,
    /// How many data subjects.
    pub subjects: u64,
}

/// A key version that was exposed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExposedKey {
    /// Its number.
    pub version: u32,
    /// Its state now.
    pub state: String,
    /// Items, in the vault and in files, that still need it.
    pub items: u64,
}

/// What only people know. Empty text is a gap in the report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// What happened: Article 33(3)(a). The figures are added to it.
    pub nature: String,
    /// Likely consequences: Article 33(3)(c).
    pub consequences: String,
    /// Measures taken or proposed: Article 33(3)(d).
    pub measures: String,
}

impl BreachReport {
    /// Of nothing: no data subject fits the question.
    pub fn empty(vault: &str, asked: Asked, made_at: Timestamp) -> Self {
        Self {
            schema: BREACH_SCHEMA,
            made_at: made_at.into(),
            vault: vault.into(),
            asked,
            deadlines: None,
            controller: Controller::default(),
            subjects: 0,
            state_subjects: 0,
            refused: 0,
            subject_ids: None,
            records: 0,
            fields: vec![],
            purposes: vec![],
            principals: vec![],
            first: None,
            last: None,
            keys: vec![],
            canaries: 0,
            head: None,
            notice: Notice::default(),
        }
    }

    /// As JSON: names in camelCase, instants as RFC 3339.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("names, texts and numbers are always JSON") + "\n"
    }

    /// As Markdown that fits on a page. Long lists are cut, and it says where; ids of data subjects are in the JSON only.
    pub fn to_text(&self) -> String {
        breach_text::text(self)
    }
}
