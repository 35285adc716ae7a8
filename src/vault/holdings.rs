//! All that a vault holds of a subject (GDPR Art. 15): what, where, since when, why and until when.
//!
//! ```text
//!  look at her entries ─ show each value as the rules let the principal see it ─ look again: as before? ─ hand out
//! ```
//!
//! Who was erased meanwhile is not found, and what was changed meanwhile is gathered anew: nothing is half.

use super::files::ProtectedFile;
use super::pages::Pages;
use super::reference::RecordId;
use super::revealer::{Revealed, denied};
use super::rules::Installed;
use super::subject_cache::OpenedSubject;
use super::subject_rights::Rights;
use super::tenant::{UNDECIDED, entry_key_of};
use super::{Consents, ENTRY, TOKEN};
use crate::duties::{Access, Action, Approval, Decision, FieldRules, PurposeRules, Reason, SubjectState};
use crate::error::{Error, Result};
use crate::name::{FieldName, Purpose, SubjectId, TenantId};
use crate::time::Timestamp;
use crate::wire::entry::{Entry, EntryKey, Locator, split_entry_key};
use crate::wire::token::TokenEntry;
use std::fmt;

/// All that a vault holds of a subject.
pub struct Holdings {
    /// In whose part of the vault.
    pub tenant: TenantId,
    /// Of whom.
    pub subject: SubjectId,
    /// How leaves of the audit log name her.
    pub audit_id: [u8; 16],
    /// When it was gathered.
    pub at: Timestamp,
    /// Her records, by number.
    pub records: Vec<HeldRecord>,
    /// The random tokens that she holds.
    pub tokens: Vec<HeldToken>,
    /// What she consents to.
    pub consents: Consents,
    /// What else is known of her: restriction, objections, holds.
    pub state: SubjectState,
    /// The tenant's protected files that the vault counts: each may have tokens, pseudonyms or references of hers.
    pub files: Vec<ProtectedFile>,
}

/// A record.
pub struct HeldRecord {
    /// Its number among hers.
    pub number: u32,
    /// When it was put; `None` for one of a release that did not note that.
    pub since: Option<Timestamp>,
    /// Its fields, in the order in which they were put.
    pub fields: Vec<HeldField>,
}

/// A field of a record.
pub struct HeldField {
    /// Which.
    pub name: FieldName,
    /// The value, as far as it is shown; otherwise [`Error::Denied`] with the reason, or [`Error::Value`] for one that cannot
    /// be masked.
    pub shown: Result<Revealed>,
    /// What the rules in force say of the field.
    pub rules: Option<FieldRules>,
    /// What it is used for, and why that is lawful.
    pub purposes: Vec<(Purpose, PurposeRules)>,
    /// When its retention is over.
    pub kept_until: Option<Timestamp>,
}

/// A random token. Its value is not among the holdings: who has the token redeems it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldToken {
    /// Of which field.
    pub field: FieldName,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// Whether it is good for one use.
    pub is_once: bool,
}

/// Whether her values beyond the number of the rules are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bulk {
    AsTheRulesSay,
    /// All of hers, by an approval that was used up for that.
    Approved,
}

/// A subject's entries: keys and bytes.
type Entries = Vec<(EntryKey, Vec<u8>)>;

impl Rights<'_> {
    /// All that is held of her. Where rules are in force, each value goes through a decision for `access`, and its leaf says
    /// so; without rules, all values are shown.
    ///
    /// # Errors
    /// [`Error::NotFound`] without such a subject; [`Error::Denied`] without an access, for a principal or purpose that the
    /// rules do not know or put together in no role, and over a budget; [`Error::Rejected`] when an entry was altered;
    /// [`Error::KeyState`] when the version that wraps her key may not reveal; the store's.
    pub fn holdings(&self, access: Option<&Access>) -> Result<Holdings> {
        self.gather("show", access, Bulk::AsTheRulesSay)
    }

    /// As [`holdings`](Rights::holdings), with another principal's approval to see all of it, though it be beyond the number
    /// that the rules let a principal see in an hour: [`bulk-reveal`](Action::BulkReveal) of
    /// [`holdings_target`](Rights::holdings_target). It is used up. Budgets of roles count nevertheless.
    ///
    /// # Errors
    /// As there; [`Error::Approval`] for one of something else.
    pub fn holdings_approved(&self, access: &Access, approval: &Approval) -> Result<Holdings> {
        self.may_ask(Some(access))?;
        self.is_in_budget(access)?;
        let (vault, target) = (self.tenant.vault(), self.holdings_target(access)?);
        vault.consume_for_read(approval, &vault.wanted(Action::BulkReveal, &target, &access.principal))?;
        self.gather("show", Some(access), Bulk::Approved)
    }

    /// What has to be approved before more of her values are shown than the rules let a principal see in an hour: her audit
    /// id, which names her to nobody else, and the purpose.
    ///
    /// # Errors
    /// [`Error::NotFound`] without such a subject; the store's.
    pub fn holdings_target(&self, access: &Access) -> Result<String> {
        Ok(format!("{} for {}", self.export_target()?, access.purpose))
    }

    /// Refuses whom the rules let see nothing of her for the purpose, before anything is shown or used up; a leaf says so.
    /// [`holdings`](Rights::holdings) and [`export`](Rights::export) ask this themselves: it is for what is shown beside them.
    ///
    /// # Errors
    /// [`Error::NotFound`] without such a subject; [`Error::Denied`]; the store's.
    pub fn may_ask(&self, access: Option<&Access>) -> Result<()> {
        let rules = self.tenant.vault().rules();
        let (_, subject) = self.look()?;
        let Some(access) = access else { return self.tenant.is_free() };
        match check(&rules, access) {
            Ok(()) => Ok(()),
            Err(reason) => self.refuse(&subject, access, reason),
        }
    }

    /// Refuses all that is held of her to whom a role's budget would refuse it, before an approval is used up for it.
    pub(super) fn is_in_budget(&self, access: &Access) -> Result<()> {
        let (locator, subject) = self.look()?;
        let mut asked = vec![];
        for (key, bytes) in self.entries(&locator)? {
            let entry = Entry::parse(&bytes)?;
            let Some(record) = entry.record() else { continue };
            for (name, _) in &record.sealed {
                asked.push((RecordId(key), FieldName::new(name)?));
            }
        }
        let asked: Vec<_> = asked.iter().map(|(record, field)| (*record, field)).collect();
        match self.tenant.vault().revealer(self.tenant.name(), access.clone()).is_in_budget(&asked)? {
            true => Ok(()),
            false => self.refuse(&subject, access, Reason::OverBudget),
        }
    }

    /// Has a leaf say that she was asked for and not shown.
    fn refuse(&self, subject: &OpenedSubject, access: &Access, reason: Reason) -> Result<()> {
        let mut draft = self.tenant.clone().by(access.clone()).draft("reveal");
        draft.note = format!("denied: {}", reason.code());
        let numbers = (Decision::Deny(reason).number(), reason.number());
        draft.item(subject.audit_id, numbers, subject.wrap_version, &[]);
        self.tenant.vault().noted(draft)?;
        Err(denied(reason))
    }

    pub(super) fn gather(&self, kind: &'static str, access: Option<&Access>, bulk: Bulk) -> Result<Holdings> {
        self.may_ask(access)?;
        loop {
            let (locator, subject) = self.look()?;
            if !self.because.is_empty() && subject.known.is_none() {
                // There is no key yet under which the reason could be told.
                self.tenant.begin_state(&self.subject)?;
                continue;
            }
            let entries = self.entries(&locator)?;
            if entries.first().is_none_or(|(_, head)| *head != subject.head) {
                continue; // erased, or sealed anew, between the two
            }
            let gathered = self.gather_from(&subject, &entries, access, bulk);
            if self.entries(&locator)? == entries {
                let holdings = gathered?;
                self.note(kind, &subject, &holdings)?;
                return Ok(holdings);
            }
        }
    }

    /// All of her entries, her head among them as long as she is there.
    fn entries(&self, locator: &Locator) -> Result<Entries> {
        let mut entries = vec![];
        Pages::new(self.tenant.vault().store(), ENTRY, locator, None).each(|key, bytes| {
            entries.push((entry_key_of(key)?, bytes.to_vec()));
            Ok(())
        })?;
        Ok(entries)
    }

    fn gather_from(
        &self,
        subject: &OpenedSubject,
        entries: &Entries,
        access: Option<&Access>,
        bulk: Bulk,
    ) -> Result<Holdings> {
        let vault = self.tenant.vault();
        let rules = vault.rules();
        let (mut records, mut tokens, mut asked) = (vec![], vec![], vec![]);
        for (key, bytes) in entries {
            let entry = Entry::parse(bytes)?;
            if let Entry::Link(token) = &entry {
                let bytes = vault.store().get(TOKEN, token)?.ok_or(Error::Conflict)?;
                let token = TokenEntry::parse(&bytes)?;
                tokens.push(HeldToken {
                    field: FieldName::new(token.field)?,
                    expires: (token.expires != 0).then_some(Timestamp(token.expires)),
                    is_once: token.is_once,
                });
            }
            let Some(record) = entry.record() else { continue };
            let names = record.sealed.iter().map(|(name, _)| FieldName::new(name));
            let names = names.collect::<Result<Vec<_>>>()?;
            let number = split_entry_key(key).1;
            asked.extend(
                names.iter().zip(&record.sealed).map(|(n, (_, envelope))| (*key, n.clone(), *envelope)),
            );
            records.push((number, (record.since != 0).then_some(Timestamp(record.since)), names));
        }
        let mut shown = match rules.version {
            0 => {
                let open = |(key, field, envelope): &(EntryKey, FieldName, &[u8])| {
                    Ok(Ok(Revealed::Full(subject.sealer.open(split_entry_key(key).1, field, envelope)?)))
                };
                asked.iter().map(open).collect::<Result<Vec<_>>>()?
            }
            _ => self.reveal(&rules, &asked, access, bulk)?,
        }
        .into_iter();
        let field = |name: FieldName, since: Option<Timestamp>, shown| {
            let of_field = rules.rules.fields.get(&name);
            let purposes = of_field.iter().flat_map(|field| &field.purposes);
            let purpose = |name: &Purpose| Some((name.clone(), rules.rules.purposes.get(name)?.clone()));
            let kept = since.zip(rules.rules.retention(&name));
            HeldField {
                shown,
                purposes: purposes.filter_map(purpose).collect(),
                kept_until: kept.map(|(since, kept)| Timestamp(since.0.saturating_add(kept))),
                rules: of_field.cloned(),
                name,
            }
        };
        let records = records.into_iter().map(|(number, since, names)| {
            let fields = names.into_iter().zip(shown.by_ref());
            HeldRecord {
                number,
                since,
                fields: fields.map(|(name, shown)| field(name, since, shown)).collect(),
            }
        });
        let records = records.collect();
        let state = subject.known.as_ref().map_or_else(SubjectState::default, |known| known.state.clone());
        let mut files = vault.files()?;
        files.retain(|file| file.tenant == *self.tenant.name());
        Ok(Holdings {
            tenant: self.tenant.name().clone(),
            subject: self.subject.clone(),
            audit_id: subject.audit_id,
            at: vault.now(),
            records,
            tokens,
            consents: self.tenant.consents_of(&state),
            state,
            files,
        })
    }

    /// Each value as the rules let the principal see it.
    fn reveal(
        &self,
        rules: &Installed,
        asked: &[(EntryKey, FieldName, &[u8])],
        access: Option<&Access>,
        bulk: Bulk,
    ) -> Result<Vec<Result<Revealed>>> {
        let Some(access) = access else {
            self.tenant.is_free()?;
            return Err(Error::Conflict);
        };
        check(rules, access).map_err(denied)?;
        let mut revealer = self.tenant.vault().revealer(self.tenant.name(), access.clone());
        if !self.because.is_empty() {
            revealer = revealer.because(self.because.as_str());
        }
        if bulk == Bulk::Approved {
            revealer = revealer.beyond_bulk(asked.len() as u64);
        }
        let fields: Vec<_> = asked.iter().map(|(key, field, _)| (RecordId(*key), field)).collect();
        let results = revealer.reveal_many(&fields)?.into_iter().map(|shown| match shown {
            Ok(Some(revealed)) => Ok(Ok(revealed)),
            // Changed while it was looked at.
            Ok(None) => Err(Error::Conflict),
            Err(error @ (Error::Denied { .. } | Error::Value { .. })) => Ok(Err(error)),
            Err(error) => Err(error),
        });
        results.collect()
    }

    /// The leaf that says that all of it was handed out.
    fn note(&self, kind: &'static str, subject: &OpenedSubject, holdings: &Holdings) -> Result<()> {
        let mut draft = self.tenant.draft(kind);
        // Those of which something was shown: what was denied is not touched, and has a leaf that says so.
        let is_shown =
            |field: &&HeldField| matches!(field.shown, Ok(Revealed::Full(_) | Revealed::Masked(_)));
        let fields = holdings.records.iter().flat_map(|record| &record.fields);
        let names = fields.filter(is_shown).map(|field| field.name.as_str());
        let names: std::collections::BTreeSet<_> = names.collect();
        let fields = self.tenant.field_ids(names);
        let item = draft.item(subject.audit_id, UNDECIDED, subject.wrap_version, &fields);
        if let (false, Some(known)) = (self.because.is_empty(), &subject.known) {
            draft.detail(item, known.seal_detail(self.tenant.name(), &subject.audit_id, &self.because)?);
        }
        self.tenant.vault().noted(draft)
    }
}

/// Refuses who has no business here at all: consents and holds of a subject are nothing for strangers either.
fn check(Installed { version, rules, .. }: &Installed, access: &Access) -> Result<(), Reason> {
    if *version == 0 {
        return Ok(());
    }
    let principal = rules.principals.get(&access.principal).ok_or(Reason::PrincipalUnknown)?;
    if !rules.purposes.contains_key(&access.purpose) {
        return Err(Reason::PurposeUnknown);
    }
    let mut roles = principal.roles.iter().filter_map(|role| rules.roles.get(role));
    match roles.any(|role| role.purposes.contains(&access.purpose)) {
        true => Ok(()),
        false => Err(Reason::RoleWithoutPurpose),
    }
}

impl fmt::Debug for Holdings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Holdings({} records, ..)", self.records.len())
    }
}

impl fmt::Debug for HeldRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeldRecord({}, {} fields)", self.number, self.fields.len())
    }
}

impl fmt::Debug for HeldField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeldField({}, ..)", self.name)
    }
}
