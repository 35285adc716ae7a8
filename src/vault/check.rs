//! Recounting and verifying everything: what the store lost or a stranger changed is found here.

use super::blind::blind_key;
use super::census::{Census, Line, Mode};
use super::ledger::Fingerprint;
use super::log::Pin;
use super::open::Vault;
use super::pages::Pages;
use super::subject_state::{Known, Place};
use super::tenant::{Tenant, due_key, entry_key_of};
use super::token_rows::{line_of, lost, token_key_of};
use super::{APPROVAL, AUDIT, BLIND, DUE, ENTRY, EVENT, INDEX, OUTPUT, RUN, SPACE, TOKEN, VALUE};
use crate::crypto::merkle::{Frontier, leaf_hash};
use crate::crypto::secret::DataKey;
use crate::error::{Error, Result};
use crate::name::{FieldName, KeyVersion, TenantId};
use crate::protect::SubjectSealer;
use crate::wire::entry::{
    Entry, EntryKey, Fields, Head, IndexEntry, Locator, STATE_NUMBER, entry_key, split_entry_key,
};
use crate::wire::token::{FingerprintEntry, NO_KEY, SpaceEntry, TokenEntry, TokenKey};
use std::collections::HashMap;

/// Problems listed; more are only counted.
const LISTED: usize = 100;

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Subjects whose key and id opened.
    pub subjects: u64,
    /// Records.
    pub records: u64,
    /// Sealed fields that opened.
    pub fields: u64,
    /// Random tokens whose values opened for all who hold them.
    pub tokens: u64,
    /// Entries of blind indexes that records name.
    pub indexed: u64,
    /// Leaves of the audit tree.
    pub leaves: u64,
    /// How many problems there are.
    pub problem_count: u64,
    /// The first hundred of them. No line holds a value or a subject's id.
    pub problems: Vec<String>,
}

impl CheckReport {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.problem_count == 0
    }

    /// Never an error: that is what lets a walk go on after it.
    fn problem(&mut self, problem: String) -> Result<()> {
        self.problem_count += 1;
        if self.problems.len() < LISTED {
            self.problems.push(problem);
        }
        Ok(())
    }
}

/// The subject whose entries are being read.
struct Current {
    locator: Locator,
    tenant: TenantId,
    sealer: SubjectSealer,
    data_key: DataKey,
    generation: u32,
    wrap_version: u32,
    next_record: u32,
}

/// What one check has found so far, but for problems.
#[derive(Default)]
struct Found {
    counted: Census,
    /// Entries that refer to tokens.
    links: u64,
    /// What refers back to them.
    holders: u64,
    /// Tokens that have a fingerprint.
    fingerprints: u64,
    /// Records that are to be purged at some time.
    due: u64,
    /// Tokens in each space.
    spaces: HashMap<TokenKey, u64>,
}

impl Vault {
    /// Opens every subject's key, every sealed field and every token's value, follows every index entry, fingerprint and
    /// link both ways, recounts the census and the fingerprint of all entries, and reports what does not fit. Writes nothing. Operations of other threads wait meanwhile.
    ///
    /// # Errors
    /// The store's. What is wrong with the data is in the report.
    pub fn check(&self) -> Result<CheckReport> {
        let written = self.hold();
        let store = &*self.store;
        let mut report = CheckReport::default();
        let mut found = Found::default();
        let mut fingerprint = written.ledger.fingerprint.of_nothing();
        let mut current: Option<Current> = None;
        let mut heads = 0u64;
        Pages::new(store, ENTRY, &[], None).each(|key, bytes| {
            fingerprint.toggle(ENTRY, key, bytes);
            let key = match entry_key_of(key) {
                Ok(key) => key,
                Err(error) => return report.problem(error.to_string()),
            };
            let (locator, number) = split_entry_key(&key);
            let place = format!("entry {}/{number}", hex(&locator));
            if number == 0 {
                heads += 1;
                current = None;
                match self.check_head(&mut found.counted, locator, bytes) {
                    Ok(opened) => current = Some(opened),
                    Err(error) => return report.problem(format!("{place}: {error}")),
                }
                report.subjects += 1;
            }
            let Some(subject) = current.as_ref().filter(|c| c.locator == locator) else {
                return report.problem(format!("{place}: belongs to no subject that opens"));
            };
            if number >= subject.next_record && number != STATE_NUMBER {
                report.problem(format!("{place}: is beyond the subject's count of records"))?;
            }
            match Entry::parse(bytes) {
                Ok(Entry::Head(_)) if number != 0 => {
                    report.problem(format!("{place}: is a head in the place of a record"))
                }
                Ok(Entry::Link(_)) => {
                    found.links += 1;
                    Ok(())
                }
                Ok(Entry::State(sealed)) => {
                    let generation = subject.generation;
                    let of = Place { tenant: &subject.tenant, locator: &locator, generation };
                    match Known::open(&subject.data_key, of, sealed) {
                        Ok(_) if number == STATE_NUMBER => Ok(()),
                        Ok(_) => report.problem(format!("{place}: is a state in the place of a record")),
                        Err(error) => report.problem(format!("{place}: {error}")),
                    }
                }
                Ok(entry) => match entry.record() {
                    Some(record) => self.check_record(&mut report, &mut found, subject, &key, record),
                    None => Ok(()),
                },
                Err(error) => report.problem(format!("{place}: {error}")),
            }
        })?;
        let mut index = 0u64;
        Pages::new(store, INDEX, &[], None).each(|key, bytes| {
            fingerprint.toggle(INDEX, key, bytes);
            index += 1;
            match IndexEntry::parse(bytes) {
                Ok(_) => Ok(()),
                Err(error) => report.problem(format!("index: {error}")),
            }
        })?;
        // Every head's own index entry was followed, so equal numbers leave no index entry without a head.
        if index != heads {
            report.problem(format!("the index has {index} entries for {heads} subjects"))?;
        }
        self.check_tokens(&mut report, &mut found, &mut fingerprint)?;
        let (mut blind, mut due) = (0u64, 0u64);
        for map in [RUN, OUTPUT, BLIND, EVENT, DUE, APPROVAL] {
            Pages::new(store, map, &[], None).each(|key, bytes| {
                fingerprint.toggle(map, key, bytes);
                blind += u64::from(map == BLIND);
                due += u64::from(map == DUE);
                Ok(())
            })?;
        }
        if due != found.due {
            report.problem(format!("{due} records are noted as due where {} say so", found.due))?;
        }
        self.check_log(&mut report, &written.ledger.pin)?;
        self.check_accesses(|problem| report.problem(problem))?;
        // Every record's own entries were followed, so equal numbers leave none without a record.
        if blind != report.indexed {
            report.problem(format!(
                "blind indexes have {blind} entries where records name {}",
                report.indexed
            ))?;
        }
        if let Err(error) = self.count_files(|line, count| found.counted.add_many(line, count)) {
            report.problem(format!("files: {error}"))?;
        }
        compare(&mut report, &written.ledger.census, &found.counted)?;
        if !fingerprint.equals(&written.ledger.fingerprint) {
            report.problem("the entries are not those that the vault has written".into())?;
        }
        Ok(report)
    }

    /// Hashes every leaf: the tree must be the one that the log and the ledger say.
    fn check_log(&self, report: &mut CheckReport, pin: &Pin) -> Result<()> {
        // Reads go on meanwhile, and have leaves after these.
        let end = self.log_guard().frontier.clone();
        let mut frontier = Frontier::new();
        let mut pinned = pin.size == 0;
        let mut number = 0u64;
        let mut pages = Pages::new(self.store(), AUDIT, &[], None);
        while let Some(page) = pages.next()? {
            for (key, leaf) in page {
                if key != number.to_be_bytes() {
                    return report
                        .problem(format!("audit leaf {number}: is missing, or another is in its place"));
                }
                number += 1;
                if number <= end.size() {
                    frontier.push(leaf_hash(&leaf));
                    pinned |= number == pin.size && frontier.root() == pin.root;
                }
            }
        }
        if number > self.log_guard().frontier.size() {
            report.problem("there are audit leaves that the vault has not written".into())?;
        }
        if frontier.size() != end.size() || frontier.root() != end.root() || !pinned {
            report.problem("the audit leaves are not those that the vault has written".into())?;
        }
        report.leaves = end.size();
        Ok(())
    }

    fn check_head(&self, counted: &mut Census, locator: Locator, bytes: &[u8]) -> Result<Current> {
        let head = Entry::parse(bytes)?.into_head()?;
        let name = TenantId::new(head.tenant)?;
        let tenant = Tenant::new(self, name.clone());
        let known = self.keyring().of(&name);
        // What a suspended or compromised version wraps is there all the same, and is counted.
        let sealer = tenant.sealer_of_head(known.moving(head.wrap_version)?, &head, &locator)?;
        let found = tenant.find_in(&known, sealer.subject())?.filter(|f| f.locator == locator);
        let found = found.ok_or_else(|| Error::Corrupt { problem: "a subject has no index entry".into() })?;
        counted.add(tenant.line("", Mode::SubjectKey, head.wrap_version));
        counted.add(tenant.line("", Mode::Row, found.row_version));
        let data_key = tenant.data_key(known.moving(head.wrap_version)?, &head, &locator)?;
        let Head { generation, wrap_version, next_record, .. } = head;
        Ok(Current { locator, tenant: name, sealer, data_key, generation, wrap_version, next_record })
    }

    fn check_record(
        &self,
        report: &mut CheckReport,
        found: &mut Found,
        subject: &Current,
        key: &EntryKey,
        record: &Fields<'_>,
    ) -> Result<()> {
        let (number, counted) = (split_entry_key(key).1, &mut found.counted);
        let tenant = Tenant::new(self, subject.tenant.clone());
        report.records += 1;
        for (name, envelope) in &record.sealed {
            counted.add(tenant.line(name, Mode::Seal, subject.wrap_version));
            match FieldName::new(name).and_then(|field| subject.sealer.open(number, &field, envelope)) {
                Ok(_) => report.fields += 1,
                Err(error) => {
                    let place = hex(&subject.locator);
                    report.problem(format!("entry {place}/{number}, field {name:?}: {error}"))?;
                }
            }
        }
        if record.due != 0 {
            found.due += 1;
            if self.store().get(DUE, &due_key(key, record.due))?.is_none() {
                let place = hex(&subject.locator);
                report.problem(format!("entry {place}/{number}: is not noted as due"))?;
            }
        }
        for indexed in &record.indexes {
            counted.add(tenant.line(indexed.name, Mode::Index, indexed.key_version));
            match self.store().get(BLIND, &blind_key(indexed, key))? {
                Some(_) => report.indexed += 1,
                None => {
                    let place = hex(&subject.locator);
                    let name = indexed.name;
                    report.problem(format!("entry {place}/{number}: is not in the blind index {name:?}"))?;
                }
            }
        }
        Ok(())
    }

    fn check_tokens(
        &self,
        report: &mut CheckReport,
        found: &mut Found,
        fingerprint: &mut Fingerprint,
    ) -> Result<()> {
        Pages::new(self.store(), TOKEN, &[], None).each(|key, bytes| {
            fingerprint.toggle(TOKEN, key, bytes);
            match token_key_of(key).and_then(|key| self.check_token(found, &key, bytes)) {
                Ok(()) => {
                    report.tokens += 1;
                    Ok(())
                }
                Err(error) => report.problem(format!("token {}: {error}", hex(key))),
            }
        })?;
        let mut fingerprints = 0u64;
        Pages::new(self.store(), VALUE, &[], None).each(|key, bytes| {
            fingerprint.toggle(VALUE, key, bytes);
            fingerprints += 1;
            Ok(())
        })?;
        Pages::new(self.store(), SPACE, &[], None).each(|key, bytes| {
            fingerprint.toggle(SPACE, key, bytes);
            let counted = token_key_of(key).ok().and_then(|key| found.spaces.remove(&key)).unwrap_or(0);
            match SpaceEntry::parse(bytes) {
                Ok(SpaceEntry { used }) if used == counted => Ok(()),
                Ok(SpaceEntry { used }) => {
                    report.problem(format!("space {}: counts {used} tokens of {counted}", hex(key)))
                }
                Err(error) => report.problem(format!("space {}: {error}", hex(key))),
            }
        })?;
        if !found.spaces.is_empty() {
            report.problem(format!("{} spaces of tokens are not counted", found.spaces.len()))?;
        }
        // Every token's own were followed, so equal numbers leave none without a token.
        for (what, are, named) in [
            ("fingerprints", fingerprints, found.fingerprints),
            ("links to tokens", found.links, found.holders),
        ] {
            if are != named {
                report.problem(format!("there are {are} {what} where tokens name {named}"))?;
            }
        }
        Ok(())
    }

    fn check_token(&self, found: &mut Found, key: &TokenKey, bytes: &[u8]) -> Result<()> {
        let entry = TokenEntry::parse(bytes)?;
        let tenant = Tenant::new(self, TenantId::new(entry.tenant)?);
        let field = FieldName::new(entry.field)?;
        found.counted.add(line_of(&entry, Mode::Token));
        if entry.space != NO_KEY {
            *found.spaces.entry(entry.space).or_default() += 1;
        }
        let keyring = self.keyring();
        let (known, fields) = (keyring.of(tenant.name()), keyring.of_field(tenant.name(), &field));
        // As with heads: what a suspended or compromised version seals is there all the same.
        let keys = fields.moving(entry.key_version)?;
        let token = keys.open_token(key, &entry)?;
        let mut value = None;
        for holder in &entry.holders {
            let opened = match &holder.link {
                None => keys.open_value(&token, &holder.envelope)?,
                Some(link) => {
                    found.holders += 1;
                    let locator = split_entry_key(link).0;
                    let stored =
                        self.store().get(ENTRY, link)?.ok_or_else(|| lost("it leads to no subject"))?;
                    if Entry::parse(&stored)? != Entry::Link(*key) {
                        return Err(lost("it leads to an entry that does not lead back"));
                    }
                    let head = self.store().get(ENTRY, &entry_key(&locator, 0))?;
                    let head = head.ok_or_else(|| lost("it leads to no subject"))?;
                    let head = Entry::parse(&head)?.into_head()?;
                    let data_key = tenant.data_key(known.moving(head.wrap_version)?, &head, &locator)?;
                    let generation = KeyVersion::new(head.generation)?;
                    let envelope = &holder.envelope;
                    SubjectSealer::open_token(&data_key, generation, tenant.name(), &field, &token, envelope)?
                }
            };
            value = Some(opened);
        }
        if entry.value != NO_KEY {
            found.fingerprints += 1;
            let fingerprint =
                self.store().get(VALUE, &entry.value)?.ok_or_else(|| lost("it has no fingerprint"))?;
            let fingerprint = FingerprintEntry::parse(&fingerprint)?;
            found
                .counted
                .add(Line { version: fingerprint.key_version, ..line_of(&entry, Mode::Fingerprint) });
            let right = value.is_some_and(|value| {
                fields
                    .version(fingerprint.key_version)
                    .is_some_and(|keys| keys.value_key(value.expose()) == entry.value)
            });
            if !right || fingerprint.token != *key {
                return Err(lost("its fingerprint is another value's"));
            }
        }
        Ok(())
    }
}

fn compare(report: &mut CheckReport, census: &Census, counted: &Census) -> Result<()> {
    let lines = census.lines().chain(counted.lines()).map(|(line, _)| line);
    let lines: std::collections::BTreeSet<_> = lines.collect();
    for line in lines {
        let (says, is) = (census.count(line), counted.count(line));
        if says != is {
            report.problem(format!(
                "census: tenant {:?}, field {:?}, {}, key version {}: {says} counted, {is} found",
                line.tenant,
                line.field,
                line.mode.as_str(),
                line.version
            ))?;
        }
    }
    Ok(())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
