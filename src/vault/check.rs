//! Recounting and verifying everything: what the store lost or a stranger changed is found here.

use super::census::{Census, Mode};
use super::open::Vault;
use super::pages::Pages;
use super::tenant::{Tenant, entry_key_of};
use super::{ENTRY, INDEX, OUTPUT, RUN};
use crate::error::{Error, Result};
use crate::name::{FieldName, TenantId};
use crate::protect::SubjectSealer;
use crate::wire::entry::{Entry, Fields, IndexEntry, Locator, split_entry_key};

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
    wrap_version: u32,
    next_record: u32,
}

impl Vault {
    /// Opens every subject's key and every sealed field, follows every index entry both ways, recounts the census and
    /// the fingerprint, and reports what does not fit. Writes nothing. Operations of other threads wait meanwhile.
    ///
    /// # Errors
    /// The store's. What is wrong with the data is in the report.
    pub fn check(&self) -> Result<CheckReport> {
        let written = self.hold();
        let store = &*self.store;
        let mut report = CheckReport::default();
        let mut counted = Census::default();
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
                match self.check_head(&mut counted, locator, bytes) {
                    Ok(opened) => current = Some(opened),
                    Err(error) => return report.problem(format!("{place}: {error}")),
                }
                report.subjects += 1;
            }
            let Some(subject) = current.as_ref().filter(|c| c.locator == locator) else {
                return report.problem(format!("{place}: belongs to no subject that opens"));
            };
            if number >= subject.next_record {
                report.problem(format!("{place}: is beyond the subject's count of records"))?;
            }
            match Entry::parse(bytes) {
                Ok(Entry::Head(_)) if number != 0 => {
                    report.problem(format!("{place}: is a head in the place of a record"))
                }
                Ok(entry) => match entry.record() {
                    Some(record) => self.check_record(&mut report, &mut counted, subject, number, record),
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
        for map in [RUN, OUTPUT] {
            Pages::new(store, map, &[], None).each(|key, bytes| {
                fingerprint.toggle(map, key, bytes);
                Ok(())
            })?;
        }
        compare(&mut report, &written.ledger.census, &counted)?;
        if !fingerprint.equals(&written.ledger.fingerprint) {
            report.problem("the entries are not those that the vault has written".into())?;
        }
        Ok(report)
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
        let (wrap_version, next_record) = (head.wrap_version, head.next_record);
        Ok(Current { locator, tenant: name, sealer, wrap_version, next_record })
    }

    fn check_record(
        &self,
        report: &mut CheckReport,
        counted: &mut Census,
        subject: &Current,
        number: u32,
        record: &Fields<'_>,
    ) -> Result<()> {
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
