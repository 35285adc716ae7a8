//! Showing values to a principal for a purpose: each is decided, counted and logged before it is handed out.
//!
//! ```text
//!  look at her state ─ decide ─ open ─ [ budget ─ leaf ] ─ durable ─ hand out
//! ```
//!
//! What stands in brackets happens while nothing else is logged. A state that was changed after it was looked at sends the
//! read back to the start, so a withdrawn consent counts from the next reveal on, in every thread.

use super::approvals::{file_target, reveal_target};
use super::log::{AuditId, Draft, Log};
use super::open::Vault;
use super::reference::RecordId;
use super::rules::Installed;
use super::subject_cache::OpenedSubject;
use super::tenant::Tenant;
use super::{
    ENTRY,
    alarm::{Alarm, AlarmKind},
};
use crate::crypto::secret::Plaintext;
use crate::duties::{Access, Action, Approval, Decision, Judge, OverBudget, Reason};
use crate::error::{Error, Result};
use crate::name::{FieldName, TenantId};
use crate::protect::Mask;
use crate::time::Timestamp;
use crate::wire::entry::{Entry, EntryKey, entry_key, split_entry_key};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What a principal was shown of a field.
pub enum Revealed {
    /// The value.
    Full(Plaintext),
    /// The value, masked.
    Masked(Plaintext),
    /// A reference into the vault, which says nothing to who has no key.
    Token(String),
}

impl Revealed {
    /// The value, or what is left of it.
    pub fn value(&self) -> Option<&Plaintext> {
        match self {
            Revealed::Full(value) | Revealed::Masked(value) => Some(value),
            Revealed::Token(_) => None,
        }
    }
}

impl fmt::Debug for Revealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Revealed::Full(_) => "Revealed::Full(..)",
            Revealed::Masked(_) => "Revealed::Masked(..)",
            Revealed::Token(_) => "Revealed::Token(..)",
        })
    }
}

/// Shows fields of one tenant's subjects to one principal for one purpose. It changes nothing but the audit log.
/// Shareable among threads.
///
/// # Security
/// The principal is who the application says it is: the vault knows no passwords of people. Every value that was handed out
/// is in the audit log, durably, and so is every one that was refused.
///
/// # Example
/// It administers nothing:
/// ```compile_fail,E0599
/// # use cloakroom::{duties::Access, keys::Keyset, name::*, store::memory::MemoryStore, time::Timestamp, vault::*};
/// # let vault = Vault::create_in(Box::new(MemoryStore::new()), Keyset::generate(Timestamp(0)).unwrap()).unwrap();
/// let access = Access { principal: Principal::new("alice").unwrap(), purpose: Purpose::new("support").unwrap() };
/// let revealer = vault.revealer(&TenantId::new("acme").unwrap(), access);
/// revealer.set_rules(Default::default(), None);
/// ```
pub struct Revealer<'v> {
    tenant: Tenant<'v>,
    access: Access,
    /// What the log says to those who may know the subject: a ticket's number.
    because: String,
    approved: Option<Approved>,
    judge: Mutex<Option<(Arc<Installed>, Arc<Judge>)>>,
}

/// What a second principal approved, and how many fields of it are left.
struct Approved {
    action: Action,
    left: AtomicU64,
    /// The SHA-256 of the protected file that they are in, if it is one.
    file: Option<[u8; 32]>,
}

impl Approved {
    /// Whether what is shown now is taken from it: of a bulk what is over the rules' number, of an administrator's all.
    fn counts(&self, is_over: bool) -> bool {
        is_over || self.action == Action::AdminReveal
    }

    fn take(&self, shown: u64) -> bool {
        let less = |left: u64| left.checked_sub(shown);
        self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).is_ok()
    }
}

impl Vault {
    /// Shows fields to a principal, as far as the rules go. Without rules nothing is shown.
    pub fn revealer(&self, tenant: &TenantId, access: Access) -> Revealer<'_> {
        let tenant = self.tenant(tenant).by(access.clone());
        Revealer { tenant, access, because: String::new(), approved: None, judge: Mutex::default() }
    }
}

/// A value that was looked at.
pub(super) struct Looked {
    /// Whose it is; `None` where nobody can tell.
    pub(super) subject: Option<Arc<OpenedSubject>>,
    pub(super) decision: Decision,
    /// The value, opened if some of it is shown and the vault holds it.
    pub(super) value: Option<Plaintext>,
    /// Whether there is such a value at all.
    pub(super) is_there: bool,
}

/// A field that was asked for, and what was found; on the outside what is wrong with the vault.
pub(super) type Looking<'f> = (&'f FieldName, Result<Result<Looked>>);

/// What leaves say of a value of which nobody can tell whose it is.
const NOBODY: (AuditId, u32) = ([0; 16], 0);

const OTHER_FILE: Error = Error::Approval {
    problem: "is not of this file, number of values, tenant and purpose: make a new request for this file",
};

impl<'v> Revealer<'v> {
    /// Has the log say why, sealed for those who may know the subject.
    #[must_use]
    pub fn because(self, reason: impl Into<String>) -> Self {
        Self { because: reason.into(), ..self }
    }

    /// Shows as many fields more than the rules let a principal see in an hour: a second principal approved it. The target
    /// of the approval is [`reveal_target`](super::reveal_target), and it is used up now.
    ///
    /// # Errors
    /// [`Error::Approval`].
    pub fn with_approval(self, fields: u64, approval: &Approval) -> Result<Self> {
        let target = reveal_target(fields, self.tenant.name(), &self.access);
        self.approved_for(Action::BulkReveal, &target, fields, None, approval)
    }

    /// As [`with_approval`](Revealer::with_approval), for the values of one protected file. The target of the approval is
    /// [`file_target`](super::file_target), and [`check_file`](Revealer::check_file) refuses a file of another SHA-256: `pipeline::reveal`
    /// asks it. Who shows values otherwise with this revealer has to.
    ///
    /// # Errors
    /// [`Error::Approval`].
    pub fn with_approval_of_file(self, sha256: [u8; 32], fields: u64, approval: &Approval) -> Result<Self> {
        let target = file_target(&sha256, fields, self.tenant.name(), &self.access);
        let approved = &approval.request;
        if approved.action == Action::BulkReveal && approved.target != target {
            return Err(OTHER_FILE);
        }
        self.approved_for(Action::BulkReveal, &target, fields, Some(sha256), approval)
    }

    /// So many fields more than the rules' number, by an approval of all that is held of a data subject, which is used up.
    pub(super) fn beyond_bulk(self, fields: u64) -> Self {
        let approved = Approved { action: Action::BulkReveal, left: AtomicU64::new(fields), file: None };
        Self { approved: Some(approved), ..self }
    }

    pub(super) fn approved_for(
        self,
        action: Action,
        target: &str,
        fields: u64,
        file: Option<[u8; 32]>,
        approval: &Approval,
    ) -> Result<Self> {
        let wanted = self.vault().wanted(action, target, &self.access.principal);
        self.vault().consume_for_read(approval, &wanted)?;
        Ok(Self { approved: Some(Approved { action, left: AtomicU64::new(fields), file }), ..self })
    }

    /// Refuses another file than the one that was approved, if one was. `pipeline::reveal` asks it; so does who reads a file
    /// otherwise.
    ///
    /// # Errors
    /// [`Error::Approval`].
    pub fn check_file(&self, sha256: &[u8; 32]) -> Result<()> {
        let approved = self.approved.as_ref().and_then(|approved| approved.file.as_ref());
        match approved.is_none_or(|approved| approved == sha256) {
            true => Ok(()),
            false => Err(OTHER_FILE),
        }
    }

    pub(super) fn tenant(&self) -> &Tenant<'v> {
        &self.tenant
    }

    /// Refuses what [`reveal_many`](Revealer::reveal_many) would refuse for lack of an approval, if it were of so many values.
    ///
    /// # Errors
    /// [`Error::Denied`].
    pub fn check_bulk(&self, fields: u64) -> Result<()> {
        let limit = self.vault().rules().rules.bulk_limit();
        let used =
            self.vault().log_guard().used(self.access.principal.as_str(), self.vault().decision_time());
        match limit.is_some_and(|limit| used.saturating_add(fields) > limit.into()) {
            true => Err(denied(Reason::ApprovalNeeded)),
            false => Ok(()),
        }
    }

    /// Whether no budget that refuses would refuse these, if they were asked for now.
    pub(super) fn is_in_budget(&self, asked: &[(RecordId, &FieldName)]) -> Result<bool> {
        let judge = self.judge();
        let Some(budget) = judge.budget().filter(|budget| budget.over == OverBudget::Refuse) else {
            return Ok(true);
        };
        let is_shown = |look: &Result<Option<Decision>>| {
            look.as_ref().is_ok_and(|look| look.is_some_and(|decision| decision.reason().is_none()))
        };
        let shown = self.preview(asked)?.iter().filter(|look| is_shown(look)).count() as u64;
        let used =
            self.vault().log_guard().used(self.access.principal.as_str(), self.vault().decision_time());
        Ok(shown == 0 || used.saturating_add(shown) <= budget.per_hour.into())
    }

    /// Whether there is a reason to be told.
    pub(super) fn tells(&self) -> bool {
        !self.because.is_empty()
    }

    /// Whose subjects they are.
    pub fn tenant_id(&self) -> &TenantId {
        self.tenant.name()
    }

    /// Whether this is the vault whose rules it asks.
    #[cfg(feature = "pipeline")]
    pub(crate) fn is_of(&self, vault: &Vault) -> bool {
        self.tenant.is_of(vault)
    }

    /// Who it shows fields to.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// One field of one record; `None` when the record or the field is not there.
    ///
    /// # Errors
    /// [`Error::Denied`] with the reason; as [`Tenant::reveal`].
    pub fn reveal(&self, record: RecordId, field: &FieldName) -> Result<Option<Revealed>> {
        self.reveal_many(&[(record, field)])?.pop().expect("one result for one field")
    }

    /// Many fields, in order, in one leaf of the audit log. A thousand at a time is a good size.
    ///
    /// # Errors
    /// [`Error::Denied`] when all together are over the principal's budget, or need an approval: nothing is shown then; the
    /// store's. In the results, as [`reveal`](Revealer::reveal).
    #[allow(clippy::type_complexity, reason = "a result for each, and a record may be gone")]
    pub fn reveal_many(&self, asked: &[(RecordId, &FieldName)]) -> Result<Vec<Result<Option<Revealed>>>> {
        let looked = self.answer(|judge, now| {
            let look = |(record, field): &(RecordId, &'_ FieldName)| {
                settled(self.look(judge, &record.0, field, now))
            };
            Ok(asked.iter().map(|(_, field)| *field).zip(asked.iter().map(look)).collect::<Vec<_>>())
        })?;
        let asked = asked.iter().zip(looked);
        Ok(asked.map(|((record, field), look)| self.hand_out(*record, field, look?)).collect())
    }

    /// Looks with `look`, and gives what was found once it is in the log, if the principal may see so much.
    ///
    /// # Errors
    /// What `look` returns; as [`reveal_many`](Revealer::reveal_many).
    pub(super) fn answer<'f>(
        &self,
        look: impl Fn(&Judge, Timestamp) -> Result<Vec<Looking<'f>>>,
    ) -> Result<Vec<Result<Looked>>> {
        loop {
            let changes = self.vault().changes.load(Ordering::Acquire);
            match self.try_answer(&look, changes) {
                Err(Error::Conflict) => {} // somebody's state was changed meanwhile
                done => return done,
            }
        }
    }

    /// What each field would be shown as, in order; `None` for one that is not there. Values are opened, to find out whether
    /// they can be, and handed to nobody: that has no leaf, and costs nothing of a budget.
    ///
    /// # Errors
    /// The store's. In the results, as [`reveal`](Revealer::reveal), but for [`Error::Denied`].
    #[allow(clippy::type_complexity, reason = "a result for each, and a record may be gone")]
    pub fn preview(&self, asked: &[(RecordId, &FieldName)]) -> Result<Vec<Result<Option<Decision>>>> {
        let (judge, now) = (self.judge(), self.vault().decision_time());
        let look = |(record, field): &(RecordId, &FieldName)| {
            let looked = settled(self.look(&judge, &record.0, field, now))?;
            Ok(looked.map(|look| look.is_there.then_some(look.decision)))
        };
        asked.iter().map(look).collect()
    }

    pub(super) fn vault(&self) -> &'v Vault {
        self.tenant.vault()
    }

    fn try_answer<'f>(
        &self,
        look: &impl Fn(&Judge, Timestamp) -> Result<Vec<Looking<'f>>>,
        changes: u64,
    ) -> Result<Vec<Result<Looked>>> {
        let (judge, now) = (self.judge(), self.vault().decision_time());
        let mut draft = self.tenant.draft("reveal");
        let (mut fields, mut looked) = (vec![], vec![]);
        for (field, look) in look(&judge, now)? {
            fields.push(field);
            looked.push(look?);
        }
        let mut shown = 0;
        let mut alarms = vec![];
        for (field, look) in fields.iter().zip(&looked) {
            let Ok(Looked { subject, decision, is_there: true, .. }) = look else { continue };
            let reason = decision.reason().map_or(0, Reason::number);
            let id = self.vault().ids.field(self.tenant.name(), field.as_str());
            let numbers = (decision.number(), reason);
            let (audit_id, version) = subject.as_ref().map_or(NOBODY, |s| (s.audit_id, s.wrap_version));
            let item = draft.item(audit_id, numbers, version, &[id]);
            if let Some(subject) = subject.as_ref().filter(|_| !self.because.is_empty()) {
                self.tell(&mut draft, subject, item)?;
            }
            if reason == 0 {
                shown += 1;
                let known = subject.as_ref().and_then(|subject| subject.known.as_ref());
                if known.is_some_and(|known| known.state.is_canary()) {
                    alarms.push(Alarm::canary(&self.access, now));
                }
            }
        }
        let written = self.vault().note(draft, |log, draft| {
            if self.vault().changes.load(Ordering::Acquire) != changes {
                return Err(Error::Conflict);
            }
            self.spend(&judge, log, shown, now, &mut alarms)?;
            // Of a canary the leaf says nothing more than her id: who reads the log must not learn who is one.
            let over = AlarmKind::OverBudget;
            if alarms.iter().any(|alarm| alarm.kind == over) {
                draft.note = over.note();
            }
            Ok(())
        });
        let commit = match written {
            Err(error @ Error::Denied { .. }) => {
                self.vault().noted(self.denial(&looked, &error))?;
                return Err(error);
            }
            written => written?,
        };
        self.vault().store().sync(commit)?;
        alarms.iter().for_each(|alarm| self.vault().raise(alarm));
        Ok(looked)
    }

    /// Counts what is to be shown, if the principal may see so much in this hour.
    fn spend(
        &self,
        judge: &Judge,
        log: &mut Log,
        shown: u64,
        now: Timestamp,
        alarms: &mut Vec<Alarm>,
    ) -> Result<()> {
        let principal = self.access.principal.as_str();
        let used = log.used(principal, now).saturating_add(shown);
        if let Some(budget) = judge.budget()
            && used > budget.per_hour.into()
        {
            match budget.over {
                OverBudget::Refuse if shown > 0 => return Err(denied(Reason::OverBudget)),
                OverBudget::Refuse => {}
                OverBudget::Alert if shown == 0 => {}
                OverBudget::Alert => alarms.push(Alarm::over_budget(&self.access, now)),
            }
        }
        let limit = self.vault().rules().rules.bulk_limit();
        let is_over = limit.is_some_and(|limit| used > limit.into());
        let is_enough = match &self.approved {
            Some(approved) => !approved.counts(is_over) || approved.take(shown),
            None => !is_over,
        };
        if shown > 0 && !is_enough {
            return Err(denied(Reason::ApprovalNeeded));
        }
        log.count(principal, shown, now);
        Ok(())
    }

    /// The leaf that says that all of it was refused.
    pub(super) fn denial(&self, looked: &[Result<Looked>], error: &Error) -> Draft {
        let code = match error {
            Error::Denied { code, .. } => *code,
            _ => "",
        };
        let mut draft = self.tenant.draft("reveal");
        draft.note = format!("denied: {code}");
        let reason = Reason::all().find(|reason| reason.code() == code);
        let numbers = (4, reason.map_or(0, Reason::number));
        for subject in looked.iter().flatten().filter_map(|looked| looked.subject.as_ref()) {
            draft.item(subject.audit_id, numbers, subject.wrap_version, &[]);
        }
        draft
    }

    fn tell(&self, draft: &mut Draft, subject: &OpenedSubject, item: u32) -> Result<()> {
        if let Some(known) = &subject.known {
            draft.detail(item, known.seal_detail(self.tenant.name(), &subject.audit_id, &self.because)?);
        }
        Ok(())
    }

    /// What the rules say of one field, and its value if some of it is shown.
    pub(super) fn look(
        &self,
        judge: &Judge,
        record: &EntryKey,
        field: &FieldName,
        now: Timestamp,
    ) -> Result<Looked> {
        let (locator, number) = split_entry_key(record);
        loop {
            let none =
                |subject| Ok(Looked { subject, decision: Decision::Full, value: None, is_there: false });
            let Some(subject) = self.tenant.opened(&locator)? else { return none(None) };
            if !self.because.is_empty() && subject.known.is_none() {
                // There is no key yet under which the reason could be told.
                self.tenant.begin_state(subject.sealer.subject())?;
                continue;
            }
            let further = match number {
                0 => None,
                _ => self.vault().store().get(ENTRY, record)?,
            };
            let entry = match (number, &further) {
                (0, _) => Entry::parse(&subject.head)?,
                (_, Some(bytes)) => Entry::parse(bytes)?,
                (_, None) => return none(Some(subject)),
            };
            let found = entry.record().and_then(|stored| Some((stored, stored.get(field.as_str())?)));
            let Some((stored, envelope)) = found else { return none(Some(subject.clone())) };
            // Nobody knows when records of earlier releases were put: no retention runs.
            let since = (stored.since != 0).then_some(Timestamp(stored.since));
            let default = Default::default();
            let state = subject.known.as_ref().map_or(&default, |known| &known.state);
            let decision = judge.decide(field, state, since, now);
            if !matches!(decision, Decision::Full | Decision::Masked(_)) {
                return Ok(Looked { subject: Some(subject.clone()), decision, value: None, is_there: true });
            }
            match subject.sealer.open(number, field, envelope) {
                Ok(value) => {
                    let subject = Some(subject.clone());
                    return Ok(Looked { subject, decision, value: Some(value), is_there: true });
                }
                // Between her head and the record she may have been sealed anew.
                Err(Error::Rejected)
                    if self.vault().store().get(ENTRY, &entry_key(&locator, 0))?.as_ref()
                        != Some(&subject.head) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn hand_out(&self, record: RecordId, field: &FieldName, look: Looked) -> Result<Option<Revealed>> {
        match (look.decision, look.value) {
            (Decision::Deny(reason), _) => Err(denied(reason)),
            (Decision::Token, _) => {
                let version = self.vault().keyring().keyset.primary_number();
                let mut token = vec![];
                self.tenant.references(field, version)?.write(record, b"", &mut token);
                Ok(Some(Revealed::Token(String::from_utf8(token).expect("references are ASCII"))))
            }
            (Decision::Full, value) => Ok(value.map(Revealed::Full)),
            (Decision::Masked(mask), value) => {
                value.map(|value| masked(mask, &value).map(Revealed::Masked)).transpose()
            }
        }
    }

    /// The rules as they are now, resolved for the principal and the purpose.
    pub(super) fn judge(&self) -> Arc<Judge> {
        let rules = self.vault().rules();
        let mut judge = self.judge.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some((of, judge)) = &*judge
            && Arc::ptr_eq(of, &rules)
        {
            return Arc::clone(judge);
        }
        let resolved = Arc::new(rules.rules.judge(&self.access));
        *judge = Some((rules, Arc::clone(&resolved)));
        resolved
    }
}

/// A value, masked.
pub(super) fn masked(mask: Mask, value: &Plaintext) -> Result<Plaintext> {
    let problem = "is not UTF-8, and cannot be masked: ask for a role that sees it whole";
    let text = value.expose_str().ok_or(Error::Value { problem })?;
    Ok(Plaintext::new(mask.mask(text).into_bytes()))
}

/// What is wrong with the vault or the disk, apart from what is wrong with one value.
pub(super) fn settled<T>(result: Result<T>) -> Result<Result<T>> {
    match result {
        Err(error @ (Error::Io { .. } | Error::Corrupt { .. } | Error::Busy { .. })) => Err(error),
        result => Ok(result),
    }
}

pub(super) fn denied(reason: Reason) -> Error {
    Error::Denied { code: reason.code(), problem: reason.to_string() }
}

impl fmt::Debug for Revealer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Revealer({}, {:?})", self.tenant.name(), self.access)
    }
}
