//! Recounting and verifying everything: what the store lost or a stranger changed is found here.

use super::census::{Census, Mode};
use super::open::Vault;
use super::tenant::{Tenant, entry_key_of, with_version};
use super::{ENTRY, INDEX};
use crate::error::{Error, Result};
use crate::name::{FieldName, TenantId};
use crate::protect::SubjectSealer;
use crate::store::Store;
use crate::wire::entry::{Entry, IndexEntry, Locator, split_entry_key};

const PAGE: usize = 1024;
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

    fn problem(&mut self, problem: String) {
        self.problem_count += 1;
        if self.problems.len() < LISTED {
            self.problems.push(problem);
        }
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
    /// Opens every subject's key and every sealed field, follows every index entry both ways, recounts the census, and
    /// reports what does not fit. Writes nothing. Operations of other threads wait meanwhile.
    ///
    /// # Errors
    /// The store's. What is wrong with the data is in the report.
    pub fn check(&self) -> Result<CheckReport> {
        let census = self.hold();
        let mut report = CheckReport::default();
        let mut counted = Census::default();
        let mut current: Option<Current> = None;
        let mut heads = 0u64;
        let store = &*self.store;
        pages(store, ENTRY, |key, bytes| {
            let (locator, number) = match entry_key_of(key) {
                Ok(key) => split_entry_key(&key),
                Err(error) => return report.problem(error.to_string()),
            };
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
            if number >= subject.next_record.max(1) {
                report.problem(format!("{place}: is beyond the subject's count of records"));
            }
            match self.check_fields(&mut counted, subject, bytes) {
                Ok((fields, problems)) => {
                    report.records += 1;
                    report.fields += fields;
                    problems.into_iter().for_each(|p| report.problem(format!("{place}, {p}")));
                }
                Err(error) => report.problem(format!("{place}: {error}")),
            }
        })?;
        let mut index = 0u64;
        pages(store, INDEX, |_, bytes| match IndexEntry::parse(bytes) {
            Ok(_) => index += 1,
            Err(error) => report.problem(format!("index: {error}")),
        })?;
        // Every head's own index entry was followed, so equal numbers leave no index entry without a head.
        if index != heads {
            report.problem(format!("the index has {index} entries for {heads} subjects"));
        }
        compare(&mut report, &census, &counted);
        Ok(report)
    }

    fn check_head(&self, counted: &mut Census, locator: Locator, bytes: &[u8]) -> Result<Current> {
        let head = Entry::parse(bytes)?.into_head()?;
        let name = TenantId::new(head.tenant)?;
        let tenant = Tenant::new(self, name.clone());
        let live = self.keyring().live(&name);
        let sealer = tenant.sealer_of_head(with_version(&live, head.wrap_version)?, &head, &locator)?;
        let found = tenant.find(&live, sealer.subject())?.filter(|f| f.locator == locator);
        let found = found.ok_or_else(|| Error::Corrupt { problem: "a subject has no index entry".into() })?;
        counted.add(tenant.line("", Mode::SubjectKey, head.wrap_version));
        counted.add(tenant.line("", Mode::Row, found.row_version));
        let (wrap_version, next_record) = (head.wrap_version, head.next_record);
        Ok(Current { locator, tenant: name, sealer, wrap_version, next_record })
    }

    /// How many fields opened, and which did not.
    fn check_fields(
        &self,
        counted: &mut Census,
        subject: &Current,
        bytes: &[u8],
    ) -> Result<(u64, Vec<String>)> {
        let tenant = Tenant::new(self, subject.tenant.clone());
        let (mut opened, mut problems) = (0, vec![]);
        for (name, envelope) in &Entry::parse(bytes)?.fields().0 {
            counted.add(tenant.line(name, Mode::Seal, subject.wrap_version));
            match FieldName::new(name).and_then(|field| subject.sealer.open(&field, envelope)) {
                Ok(_) => opened += 1,
                Err(error) => problems.push(format!("field {name:?}: {error}")),
            }
        }
        Ok((opened, problems))
    }
}

fn compare(report: &mut CheckReport, census: &Census, counted: &Census) {
    let of = |census: &Census, line| census.lines().find(|(l, _)| *l == line).map_or(0, |(_, count)| count);
    let lines = census.lines().chain(counted.lines()).map(|(line, _)| line);
    let lines: std::collections::BTreeSet<_> = lines.collect();
    for line in lines {
        let (says, is) = (of(census, line), of(counted, line));
        if says != is {
            report.problem(format!(
                "census: tenant {:?}, field {:?}, {}, key version {}: {says} counted, {is} found",
                line.tenant,
                line.field,
                line.mode.as_str(),
                line.version
            ));
        }
    }
}

/// `f(key, value)` for a whole map.
fn pages(store: &dyn Store, map: crate::store::Map, mut f: impl FnMut(&[u8], &[u8])) -> Result<()> {
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = store.scan(map, &[], after.as_deref(), PAGE)?;
        page.iter().for_each(|(key, value)| f(key, value));
        match page.len() {
            PAGE => after = page.into_iter().next_back().map(|(key, _)| key),
            _ => return Ok(()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
