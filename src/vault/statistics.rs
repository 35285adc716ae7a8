//! Counts of what is known of data subjects, and of what the audit log says: what a record of processing is made of.
//!
//! ```text
//! overdue record = since + retention of one of its fields is past, and no hold keeps its subject's data
//! value shown    = a field of an item that was decided full, masked or token, or read where no rules were
//! ```
//!
//! Two walks, in memory that grows with the names and days that they tell apart and with canaries, and not with subjects or
//! leaves.

use super::ENTRY;
use super::alarm::AlarmKind;
use super::census::Census;
use super::log::{AuditId, Draft};
use super::open::Vault;
use super::pages::Pages;
use super::rules::Installed;
use super::tenant::{Tenant, entry_key_of};
use crate::crypto::merkle::{Frontier, Hash, leaf_hash};
use crate::duties::{ConsentStatus, Reason, Rules, SubjectState};
use crate::error::{Error, Result};
use crate::name::{FieldName, Purpose, TenantId};
use crate::time::Timestamp;
use crate::wire::audit::{Context, Item, Leaf};
use crate::wire::entry::{Entry, Fields, Head, Locator, split_entry_key};
use std::collections::{BTreeMap, BTreeSet, HashSet};

const SECONDS_PER_DAY: u64 = 86_400;
/// Decisions as leaves have them.
const UNDECIDED: u8 = 0;
const TOKEN: u8 = 3;
const DENIED: u8 = 4;

/// Counts and names, and nothing of any one data subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// The rules in force, which say what is overdue; empty ones where none were installed.
    pub rules: Rules,
    /// What needs which key version.
    pub census: Census,
    /// The data subjects.
    pub subjects: SubjectStatistics,
    /// The audit log.
    pub log: LogStatistics,
}

/// The data subjects, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubjectStatistics {
    /// All of them.
    pub count: u64,
    /// Whose processing is restricted.
    pub restricted: u64,
    /// Under at least one hold.
    pub held: u64,
    /// Who are nobody.
    pub canaries: u64,
    /// Records with a field past its retention that no hold keeps.
    pub overdue: u64,
    /// Those who said something about a purpose.
    pub purposes: BTreeMap<Purpose, PurposeStatistics>,
}

/// Data subjects who said something about one purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PurposeStatistics {
    /// Whose consent is there.
    pub granted: u64,
    /// Who withdrew it.
    pub withdrawn: u64,
    /// Whose consent has ended.
    pub expired: u64,
    /// Who object.
    pub objections: u64,
}

/// What the leaves of the audit log say, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogStatistics {
    /// Leaves.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
    /// Leaves by kind.
    pub kinds: BTreeMap<String, u64>,
    /// Fields that were denied, by the [code](Reason::code) of the reason.
    pub denials: BTreeMap<String, u64>,
    /// Values shown, by the number of the day since 1970 in UTC.
    pub shown_by_day: BTreeMap<u64, u64>,
    /// Values shown, by purpose; empty where none was named.
    pub shown_by_purpose: BTreeMap<String, u64>,
    /// Data subjects erased.
    pub erased: u64,
    /// When the last one was.
    pub last_erased: Option<Timestamp>,
    /// Purges that took something.
    pub purges: u64,
    /// Records that they took, wholly or some fields of.
    pub purged: u64,
    /// When the last one was.
    pub last_purge: Option<Timestamp>,
    /// How often something was refused because a budget was used up.
    pub budgets_hit: u64,
    /// Values shown of those who are canaries now.
    pub canaries_shown: u64,
    /// Leaves of reveals over a budget that only alerts.
    pub over_budget: u64,
}

impl Vault {
    /// Counts the data subjects and what they said, as of `now`, and what the audit log says, each leaf of which is verified
    /// against the tree. Operations of other threads wait meanwhile. The log has a leaf `report` about it, which is counted.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when a leaf is not the one that was written, or an entry has no subject; [`Error::Rejected`] when
    /// an entry was altered; the store's.
    pub fn statistics(&self, now: Timestamp) -> Result<Statistics> {
        self.noted(Draft::new("report"))?;
        let written = self.hold();
        let rules = self.rules();
        let (subjects, canaries) = self.count_subjects(&rules, now)?;
        let log = self.count_log(&canaries)?;
        let census = written.ledger.census.clone();
        Ok(Statistics { rules: rules.rules.clone(), census, subjects, log })
    }

    fn count_subjects(
        &self,
        rules: &Installed,
        now: Timestamp,
    ) -> Result<(SubjectStatistics, HashSet<AuditId>)> {
        let (mut counts, mut canaries) = (SubjectStatistics::default(), HashSet::new());
        let mut current: Option<Current> = None;
        Pages::new(self.store(), ENTRY, &[], None).each(|key, bytes| {
            let (locator, number) = split_entry_key(&entry_key_of(key)?);
            if number == 0 {
                counts.count += 1;
                current = Some(Current { locator, head: bytes.to_vec(), overdue: 0 });
            }
            let orphan = || Error::Corrupt {
                problem: "an entry belongs to no subject; `check` says what else is wrong".into(),
            };
            let current = current.as_mut().filter(|current| current.locator == locator).ok_or_else(orphan)?;
            match Entry::parse(bytes)? {
                // Her last entry: her overdue records were counted before.
                Entry::State(_) => {
                    let head = Entry::parse(&current.head)?.into_head()?;
                    let (tenant, state) = self.state_of(&head, &locator, bytes)?;
                    if !state.holds().is_empty() {
                        counts.overdue -= current.overdue;
                    }
                    if state.is_canary() {
                        canaries.insert(self.ids.subject(&tenant, &locator));
                    }
                    counts.add(&state, now);
                }
                entry => {
                    if let Some(record) = entry.record()
                        && is_overdue(rules, record, now)?
                    {
                        current.overdue += 1;
                        counts.overdue += 1;
                    }
                }
            }
            Ok(())
        })?;
        Ok((counts, canaries))
    }

    fn state_of(&self, head: &Head<'_>, locator: &Locator, entry: &[u8]) -> Result<(TenantId, SubjectState)> {
        let name = TenantId::new(head.tenant)?;
        let tenant = Tenant::new(self, name.clone());
        let known = self.keyring().of(&name);
        // What a suspended or compromised version wraps is there all the same, and is counted.
        let data_key = tenant.data_key(known.moving(head.wrap_version)?, head, locator)?;
        Ok((name, tenant.open_known(&data_key, head, locator, entry)?.state))
    }

    fn count_log(&self, canaries: &HashSet<AuditId>) -> Result<LogStatistics> {
        // Reads go on meanwhile, and have leaves after these.
        let end = self.log_guard().frontier.clone();
        let (mut counts, mut tree) = (LogStatistics::default(), Frontier::new());
        let mut purge = String::new();
        self.each_leaf(0, end.size(), |bytes| {
            tree.push(leaf_hash(bytes));
            counts.add(&Leaf::parse(bytes)?, canaries, &mut purge);
            Ok(())
        })?;
        (counts.size, counts.root) = (tree.size(), tree.root());
        match counts.root == end.root() {
            true => Ok(counts),
            false => Err(Error::Corrupt {
                problem: "the audit leaves are not those that the vault has written; `check` says which"
                    .into(),
            }),
        }
    }
}

/// The subject whose entries are being read.
struct Current {
    locator: Locator,
    head: Vec<u8>,
    overdue: u64,
}

/// By the rules in force, whether or not the record was told when it is due by them.
fn is_overdue(rules: &Installed, record: &Fields<'_>, now: Timestamp) -> Result<bool> {
    if record.since == 0 || rules.version == 0 {
        return Ok(false);
    }
    let names = record.sealed.iter().map(|(name, _)| FieldName::new(name)).collect::<Result<Vec<_>>>()?;
    Ok(matches!(rules.due(&names, record.since), due @ 1.. if due <= now.0))
}

impl SubjectStatistics {
    fn add(&mut self, state: &SubjectState, now: Timestamp) {
        self.restricted += u64::from(state.restriction().is_some());
        self.held += u64::from(!state.holds().is_empty());
        self.canaries += u64::from(state.is_canary());
        let asked: BTreeSet<&Purpose> = state.consents().iter().map(|consent| &consent.purpose).collect();
        for purpose in asked {
            let of = self.purposes.entry(purpose.clone()).or_default();
            match state.consent(purpose, now) {
                ConsentStatus::Granted => of.granted += 1,
                ConsentStatus::Withdrawn => of.withdrawn += 1,
                ConsentStatus::Expired => of.expired += 1,
                ConsentStatus::None => {} // it begins later
            }
        }
        for objection in state.objections() {
            self.purposes.entry(objection.purpose.clone()).or_default().objections += 1;
        }
    }
}

impl LogStatistics {
    /// `purge` is the note of the last purge: a large one has several leaves.
    fn add(&mut self, leaf: &Leaf<'_>, canaries: &HashSet<AuditId>, purge: &mut String) {
        count(&mut self.kinds, leaf.kind, 1);
        let reads = matches!(leaf.kind, "reveal" | "records" | "redeem");
        let mut shown = 0;
        for item in &leaf.items {
            let context = &leaf.contexts[usize::from(item.context)];
            let fields = (context.fields.len() as u64).max(1);
            match context.decision {
                DENIED => count(&mut self.denials, &code(context), fields),
                UNDECIDED if !reads => {}
                UNDECIDED..=TOKEN => {
                    shown += fields;
                    let is_canary = context.decision != UNDECIDED && canaries.contains(&item.subject);
                    self.canaries_shown += if is_canary { fields } else { 0 };
                }
                _ => {} // a later release decided something else
            }
        }
        if shown > 0 {
            *self.shown_by_day.entry(leaf.at.0 / SECONDS_PER_DAY).or_default() += shown;
            count(&mut self.shown_by_purpose, leaf.purpose, shown);
        }
        let over_budget =
            |context: &Context| context.decision == DENIED && context.reason == Reason::OverBudget.number();
        self.budgets_hit += u64::from(leaf.contexts.iter().any(over_budget));
        self.over_budget += u64::from(reads && leaf.note == AlarmKind::OverBudget.note());
        match leaf.kind {
            "erase" => {
                self.erased += leaf.items.len() as u64;
                self.last_erased = self.last_erased.max(Some(leaf.at));
            }
            "purge" => {
                if *purge != leaf.note {
                    self.purges += 1;
                    leaf.note.clone_into(purge);
                }
                // Other items are subjects of whom nothing is left.
                let is_record = |item: &&Item| !leaf.contexts[usize::from(item.context)].fields.is_empty();
                self.purged += leaf.items.iter().filter(is_record).count() as u64;
                self.last_purge = self.last_purge.max(Some(leaf.at));
            }
            _ => {}
        }
    }
}

fn code(context: &Context) -> String {
    match Reason::from_number(context.reason) {
        Some(reason) => reason.code().to_owned(),
        None => format!("reason-{}", context.reason),
    }
}

fn count(counts: &mut BTreeMap<String, u64>, name: &str, more: u64) {
    match counts.get_mut(name) {
        Some(count) => *count += more,
        None => drop(counts.insert(name.to_owned(), more)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::AUDIT;
    use super::*;
    use crate::keys::Keyset;
    use crate::store::Batch;
    use crate::store::memory::MemoryStore;

    fn leaf<'a>(kind: &'a str, note: &'a str, at: u64, contexts: &[(u8, u8, usize)]) -> Leaf<'a> {
        let of = |&(decision, reason, fields): &(u8, u8, usize)| Context {
            decision,
            reason,
            key_version: 1,
            fields: vec![[7; 8]; fields],
        };
        Leaf {
            kind,
            at: Timestamp(at),
            principal: "alice",
            purpose: "support",
            rules_version: 1,
            note,
            contexts: contexts.iter().map(of).collect(),
            items: (0..contexts.len()).map(|i| Item { subject: [i as u8; 16], context: i as u16 }).collect(),
            details: vec![],
        }
    }

    fn counted(leaves: &[Leaf<'_>]) -> LogStatistics {
        let (mut counts, mut purge) = (LogStatistics::default(), String::new());
        // The second subject of each leaf is a canary.
        leaves.iter().for_each(|leaf| counts.add(leaf, &HashSet::from([[1; 16]]), &mut purge));
        counts
    }

    #[test]
    fn what_was_shown_is_told_from_what_was_denied_and_what_was_written() {
        let over = Reason::OverBudget.number();
        let log = counted(&[
            leaf("reveal", "", 86_399, &[(1, 0, 1), (2, 0, 1), (3, 0, 1)]),
            leaf("reveal", "", 86_400, &[(1, 0, 1), (4, 7, 1)]),
            leaf("reveal", "denied: over-budget", 86_401, &[(4, over, 0), (4, over, 0)]),
            leaf("reveal", "alarm: over-budget", 86_400, &[(3, 0, 1)]),
            leaf("records", "", 0, &[(0, 0, 5)]),
            leaf("put", "", 0, &[(0, 0, 5)]),
            leaf("reveal", "", 0, &[(4, 200, 1), (99, 0, 1)]),
        ]);
        assert_eq!(log.shown_by_day, BTreeMap::from([(0, 8), (1, 2)]));
        assert_eq!(log.shown_by_purpose, BTreeMap::from([("support".into(), 10)]));
        let denials = [("over-budget", 2), ("reason-200", 1), ("restricted", 1)];
        assert_eq!(log.denials, denials.map(|(code, count)| (code.to_owned(), count)).into());
        assert_eq!((log.budgets_hit, log.canaries_shown, log.over_budget, log.kinds["reveal"]), (1, 1, 1, 5));
    }

    #[test]
    fn a_purge_of_several_leaves_is_one_purge() {
        let log = counted(&[
            leaf("purge", "as of 1", 10, &[(0, 0, 1), (0, 0, 2), (0, 0, 0)]),
            leaf("purge", "as of 1", 11, &[(0, 0, 1)]),
            leaf("erase", "", 12, &[(0, 0, 0)]),
            leaf("purge", "as of 2", 13, &[(0, 0, 1)]),
        ]);
        assert_eq!((log.purges, log.purged, log.last_purge), (2, 4, Some(Timestamp(13))));
        assert_eq!((log.erased, log.last_erased), (1, Some(Timestamp(12))));
    }

    // SPEC: REPORT-4
    #[test]
    fn where_a_leaf_was_exchanged_nothing_is_counted() {
        let now = Timestamp(1_795_600_000);
        let vault = Vault::create_in(Box::new(MemoryStore::new()), Keyset::generate(now).unwrap()).unwrap();
        assert_eq!(vault.statistics(now).unwrap().log.size, 2);
        let first = vault.store().get(AUDIT, &0u64.to_be_bytes()).unwrap().unwrap();
        let mut batch = Batch::new();
        batch.put(AUDIT, 1u64.to_be_bytes(), first);
        vault.store().write(batch).unwrap();
        let error = vault.statistics(now).unwrap_err().to_string();
        assert!(error.contains("audit leaves are not those"), "{error}");
    }
}
