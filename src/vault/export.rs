//! A subject's data in a form that machines read (GDPR Art. 20): JSON by `docs/subject-export.schema.json`.
//!
//! It has what she gave and what is kept of it, not who saw it.

use super::Consents;
use super::holdings::{Bulk, HeldField, HeldRecord, HeldToken, Holdings};
use super::revealer::{Revealed, denied};
use super::subject_rights::Rights;
use crate::duties::{Access, Action, Approval, Consent, Reason};
use crate::error::{Error, Result};
use crate::time::Timestamp;
use base64::display::Base64Display;
use base64::prelude::BASE64_STANDARD as BASE64;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use zeroize::Zeroizing;

/// What the export says it is.
const FORMAT: &str = "cloakroom-subject-export";
/// The version of the schema.
const VERSION: u32 = 1;

/// A subject's data.
pub struct Export {
    json: Zeroizing<String>,
    /// Values that the rules did not show in full.
    pub withheld: u64,
}

impl Export {
    /// The JSON.
    pub fn json(&self) -> &str {
        &self.json
    }
}

impl Rights<'_> {
    /// All that is held of her, to be taken along: either all of it, or she is not found. Where rules are in force, each value
    /// goes through a decision for `access`; of one that is not shown in full the export says why.
    ///
    /// # Errors
    /// As [`holdings`](Rights::holdings); [`Error::Denied`] without an approval where the rules name principals who approve,
    /// and [`Error::Approval`] for one of something else; it is used up. It covers all of this export, also what is beyond the
    /// number that the rules let a principal see in an hour; budgets of roles count nevertheless.
    pub fn export(&self, access: Option<&Access>, approval: Option<&Approval>) -> Result<Export> {
        let (_, subject) = self.look()?;
        if access.is_some() {
            self.may_ask(access)?;
        }
        let bulk = self.may_export(&subject.audit_id, access, approval)?;
        let holdings = self.gather("export", access, bulk)?;
        let fields = holdings.records.iter().flat_map(|record| &record.fields);
        let withheld = fields.filter(|field| !matches!(field.shown, Ok(Revealed::Full(_)))).count() as u64;
        Ok(Export { json: write(&holdings, withheld == 0), withheld })
    }

    /// What has to be approved before an export: her audit id, which names her to nobody else.
    ///
    /// # Errors
    /// [`Error::NotFound`] without such a subject; the store's.
    pub fn export_target(&self) -> Result<String> {
        Ok(target(&self.look()?.1.audit_id))
    }

    /// Uses the approval of the export, where the rules name principals who approve.
    fn may_export(
        &self,
        audit_id: &[u8; 16],
        access: Option<&Access>,
        approval: Option<&Approval>,
    ) -> Result<Bulk> {
        let vault = self.tenant.vault();
        if !vault.needs_approval(Action::Export) {
            return Ok(Bulk::AsTheRulesSay);
        }
        let (Some(access), Some(approval)) = (access, approval) else {
            return Err(denied(Reason::ApprovalNeeded));
        };
        self.is_in_budget(access)?;
        vault.consume_for_read(
            approval,
            &vault.wanted(Action::Export, &target(audit_id), &access.principal),
        )?;
        Ok(Bulk::Approved)
    }
}

fn target(audit_id: &[u8; 16]) -> String {
    format!("subject {:032x}", u128::from_be_bytes(*audit_id))
}

/// The members, in the schema's order. Values are borrowed: the JSON is their one copy.
#[derive(Serialize)]
struct Document<'h> {
    format: &'static str,
    version: u32,
    exported: String,
    tenant: &'h str,
    subject: &'h str,
    complete: bool,
    records: Vec<RecordOf<'h>>,
    tokens: Vec<TokenOf<'h>>,
    consents: Vec<ConsentOf<'h>>,
    consent_status: BTreeMap<&'h str, &'static str>,
    restriction: Option<Said<'h>>,
    objections: Vec<Said<'h>>,
    holds: Vec<Said<'h>>,
}

#[derive(Serialize)]
struct RecordOf<'h> {
    record: u32,
    since: Option<String>,
    fields: Vec<FieldOf<'h>>,
}

#[derive(Serialize)]
struct FieldOf<'h> {
    field: &'h str,
    shown: &'static str,
    value: Option<&'h str>,
    value_base64: Option<Base64<'h>>,
    reason: Option<&'static str>,
    category: Option<&'h str>,
    special: bool,
    purposes: Vec<PurposeOf<'h>>,
    kept_until: Option<String>,
}

/// Bytes that are no text.
struct Base64<'h>(&'h [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&Base64Display::new(self.0, &BASE64))
    }
}

#[derive(Serialize)]
struct PurposeOf<'h> {
    purpose: &'h str,
    basis: crate::duties::Basis,
    text: Option<&'h str>,
    recipients: Vec<&'h str>,
}

#[derive(Serialize)]
struct TokenOf<'h> {
    field: &'h str,
    expires: Option<String>,
    once: bool,
}

#[derive(Serialize)]
struct ConsentOf<'h> {
    purpose: &'h str,
    event: &'static str,
    at: String,
    expires: Option<String>,
    source: Option<&'h str>,
    wording: Option<&'h str>,
}

/// A restriction's reason, the purpose of an objection, or a hold's name.
#[derive(Serialize)]
struct Said<'h> {
    text: &'h str,
    at: String,
}

fn write(holdings: &Holdings, complete: bool) -> Zeroizing<String> {
    let state = &holdings.state;
    let said = |text, at: Timestamp| Said { text, at: at.to_string() };
    let document = Document {
        format: FORMAT,
        version: VERSION,
        exported: holdings.at.to_string(),
        tenant: holdings.tenant.as_str(),
        subject: holdings.subject.expose(),
        complete,
        records: holdings.records.iter().map(record_of).collect(),
        tokens: holdings.tokens.iter().map(token_of).collect(),
        consents: holdings.consents.history.iter().map(consent_of).collect(),
        consent_status: holdings
            .consents
            .status
            .iter()
            .map(|(purpose, status)| (purpose.as_str(), Consents::status_name(*status)))
            .collect(),
        restriction: state.restriction().map(|r| said(r.reason.as_str(), r.at)),
        objections: state.objections().iter().map(|o| said(o.purpose.as_str(), o.at)).collect(),
        holds: state.holds().iter().map(|hold| said(hold.name.as_str(), hold.at)).collect(),
    };
    Zeroizing::new(serde_json::to_string_pretty(&document).expect("texts and numbers"))
}

fn record_of(record: &HeldRecord) -> RecordOf<'_> {
    RecordOf {
        record: record.number,
        since: record.since.map(|at| at.to_string()),
        fields: record.fields.iter().map(field_of).collect(),
    }
}

fn field_of(field: &HeldField) -> FieldOf<'_> {
    let (shown, reason) = field.shown_as();
    let revealed = field.shown.as_ref().ok();
    let value = revealed.and_then(Revealed::value);
    let token = match revealed {
        Some(Revealed::Token(token)) => Some(token.as_str()),
        _ => None,
    };
    let text = value.and_then(|value| value.expose_str());
    let bytes = value.filter(|_| text.is_none());
    let rules = field.rules.as_ref();
    FieldOf {
        field: field.name.as_str(),
        shown,
        value: text.or(token),
        value_base64: bytes.map(|bytes| Base64(bytes.expose())),
        reason,
        category: rules.and_then(|rules| rules.category.as_ref()).map(|category| category.as_str()),
        special: rules.is_some_and(|rules| rules.special),
        purposes: field
            .purposes
            .iter()
            .map(|(purpose, rules)| PurposeOf {
                purpose: purpose.as_str(),
                basis: rules.basis,
                text: rules.text.as_ref().map(|text| text.as_str()),
                recipients: rules.recipients.iter().map(|recipient| recipient.as_str()).collect(),
            })
            .collect(),
        kept_until: field.kept_until.map(|at| at.to_string()),
    }
}

impl HeldField {
    /// `full`, `masked`, `token` or `denied`; and the reason's code, or `not-text` for a value that cannot be masked.
    pub fn shown_as(&self) -> (&'static str, Option<&'static str>) {
        match &self.shown {
            Ok(Revealed::Full(_)) => ("full", None),
            Ok(Revealed::Masked(_)) => ("masked", None),
            Ok(Revealed::Token(_)) => ("token", None),
            Err(Error::Denied { code, .. }) => ("denied", Some(code)),
            Err(_) => ("denied", Some("not-text")),
        }
    }
}

fn token_of(token: &HeldToken) -> TokenOf<'_> {
    TokenOf {
        field: token.field.as_str(),
        expires: token.expires.map(|at| at.to_string()),
        once: token.is_once,
    }
}

fn consent_of(consent: &Consent) -> ConsentOf<'_> {
    ConsentOf {
        purpose: consent.purpose.as_str(),
        event: Consents::event_name(&consent.event),
        at: consent.at.to_string(),
        expires: Consents::expires(&consent.event).map(|at| at.to_string()),
        source: consent.source.as_ref().map(|source| source.as_str()),
        wording: consent.wording.as_ref().map(|wording| wording.as_str()),
    }
}

impl fmt::Debug for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Export({} withheld, ..)", self.withheld)
    }
}
