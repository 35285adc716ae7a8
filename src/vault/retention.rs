//! Rules installed, and every record told when the first of its fields is due.
//!
//! ```text
//! due of a record = least of (since + retention of the field) over its fields that have one; 0 when none has
//! ```
//!
//! Records say when they are due, so that a purge reads those alone. When the retention of any field changes, all of them
//! are told anew, a page at a time. The ledger says for which rules that was done: a process that ended half-way leaves
//! it at the old ones, and the next purge does the rest first. Records that are put meanwhile go by the new rules.

use super::ENTRY;
use super::approvals::{By, rules_target};
use super::check::hex;
use super::log::Draft;
use super::open::{Operation, Vault};
use super::pages::Pages;
use super::rules::Installed;
use super::tenant::entry_key_of;
use crate::duties::{Action, Rules};
use crate::error::{Error, Result};
use crate::name::FieldName;
use crate::wire::entry::{Entry, Fields, Head};

/// What telling every record when it is due came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// Records seen.
    pub records: u64,
    /// Records that are due at another time than before.
    pub changed: u64,
    /// Records of releases that did not keep when something was put: they are never due.
    pub undated: u64,
}

impl Vault {
    /// Installs rules, which count from the next decision on, and tells every record when it is due by them. Their version.
    ///
    /// # Errors
    /// [`Error::Denied`] once the rules in force name somebody who may approve: then an [`Admin`](super::Admin) installs them;
    /// what [`Rules::parse`] refuses; [`Error::TooLong`] for rules over the store's limit; the store's. When telling the
    /// records fails, the rules are in force all the same, and the next purge does the rest.
    pub fn set_rules(&self, rules: Rules) -> Result<u32> {
        self.set_rules_by(By::default(), rules)
    }

    pub(super) fn set_rules_by(&self, by: By<'_>, rules: Rules) -> Result<u32> {
        // What cannot be read back would keep the vault from opening.
        Rules::parse(&rules.to_bytes())?;
        let mut operation = self.bookkeeping(Draft::new("set-rules"))?;
        if let Some(principal) = by.principal {
            operation.draft.principal = principal.as_str().to_owned();
        }
        let target = rules_target(&rules);
        let version = operation.install(&self.rules(), rules)?;
        // After the note of what is installed: it adds who approved it.
        operation.permit(by, Action::SetRules, &target)?;
        self.finish(operation)?;
        self.catch_up()?;
        Ok(version)
    }

    /// Tells the records when they are due, unless that was done for the rules that are in force.
    pub(super) fn catch_up(&self) -> Result<()> {
        let scheduled = self.hold().ledger.scheduled;
        match scheduled == self.rules().version {
            true => Ok(()),
            false => self.schedule().map(drop),
        }
    }

    /// Tells every record when it is due by the rules in force. [`set_rules`](Vault::set_rules) and
    /// [`purge`](Vault::purge) do so by themselves where it is needed; this counts the records that are never due, too.
    ///
    /// # Errors
    /// The store's.
    pub fn schedule(&self) -> Result<Schedule> {
        loop {
            if let Some(sum) = self.schedule_for(self.rules().version)? {
                return Ok(sum);
            }
        }
    }

    /// `None` when other rules were installed meanwhile.
    fn schedule_for(&self, version: u32) -> Result<Option<Schedule>> {
        let mut sum = Schedule::default();
        let mut pages = Pages::new(self.store(), ENTRY, &[], None);
        loop {
            let mut operation = self.bookkeeping(Draft::new("schedule"))?;
            let rules = self.rules();
            if rules.version != version {
                return Ok(None);
            }
            let Some(page) = pages.next()? else {
                if operation.ledger.scheduled != version {
                    operation.ledger.scheduled = version;
                    self.finish(operation)?;
                }
                return Ok(Some(sum));
            };
            let before = sum.changed;
            for (key, bytes) in &page {
                tell(&mut operation, &rules, key, bytes, &mut sum)?;
            }
            if sum.changed > before {
                self.finish(operation)?;
            }
        }
    }
}

impl Operation<'_> {
    /// Installs rules in place of the current ones. Their version.
    fn install(&mut self, current: &Installed, rules: Rules) -> Result<u32> {
        let version = current.version.checked_add(1).ok_or(Error::TooLong {
            what: "number of rules installed",
            actual: u32::MAX as usize,
            limit: u32::MAX as usize,
        })?;
        self.draft.note = format!("version {version}, SHA-256 {}", hex(&rules.sha256()));
        let retentions = |rules: &Rules| -> Vec<(FieldName, u64)> {
            let kept = rules.fields.iter().filter_map(|(name, field)| Some((name.clone(), field.retention?)));
            kept.collect()
        };
        // Nobody is due at another time then.
        if self.ledger.scheduled == current.version && retentions(&current.rules) == retentions(&rules) {
            self.ledger.scheduled = version;
        }
        self.new_rules = Some(Installed::new(version, rules));
        Ok(version)
    }
}

/// Tells one record.
fn tell(
    operation: &mut Operation<'_>,
    rules: &Installed,
    key: &[u8],
    bytes: &[u8],
    sum: &mut Schedule,
) -> Result<()> {
    let (key, entry) = (entry_key_of(key)?, Entry::parse(bytes)?);
    let Some(record) = entry.record().cloned() else { return Ok(()) };
    sum.records += 1;
    sum.undated += u64::from(record.since == 0);
    let due = due_of(rules, &record)?;
    if due != record.due {
        sum.changed += 1;
        operation.delete_due(&key, record.due);
        operation.put_due(&key, due);
        if let Some(told) = with_record(entry, Some(Fields { due, ..record })) {
            operation.put(ENTRY, &key, Some(bytes), told.to_bytes()?);
        }
    }
    Ok(())
}

/// When a record with these fields is due.
pub(super) fn due_of(rules: &Installed, record: &Fields<'_>) -> Result<u64> {
    if record.since == 0 {
        return Ok(0);
    }
    let names = record.sealed.iter().map(|(name, _)| FieldName::new(name)).collect::<Result<Vec<_>>>()?;
    Ok(rules.due(&names, record.since))
}

/// The entry with this record in the place of its own; without any, a further record is no entry at all.
pub(super) fn with_record<'e>(entry: Entry<'e>, record: Option<Fields<'e>>) -> Option<Entry<'e>> {
    match entry {
        Entry::Head(head) => Some(Entry::Head(Head { first: record, ..head })),
        _ => record.map(Entry::Record),
    }
}
