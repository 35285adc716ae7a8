//! The vault through its public API: what it keeps, counts, moves, takes back and refuses.

#[path = "../place/mod.rs"]
mod place;

mod any_sequence;
#[cfg(feature = "sled")]
mod in_a_directory;
mod keysets;
mod migration;
mod records;
mod runs;
mod secrecy;

use cloakroom::name::{FieldName, TenantId};
use cloakroom::time::Timestamp;
use cloakroom::vault::{Mode, ProtectedFile, RecordId, Row, Run, Tenant, Vault};
use place::*;
use std::collections::BTreeMap;

/// A file without a column that needs a key.
fn file(byte: u8) -> ProtectedFile {
    let tenant = TenantId::new("acme").unwrap();
    ProtectedFile { sha256: [byte; 32], made: Timestamp(0), tenant, columns: vec![] }
}

/// Names and values of one record.
type Values = Vec<(String, Vec<u8>)>;

fn values(fields: &[(&str, &str)]) -> Values {
    fields.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

/// What the vault should hold.
#[derive(Clone, Default)]
struct Model {
    subjects: BTreeMap<(String, String), Subject>,
    primary: u32,
}

#[derive(Clone, Default)]
struct Subject {
    version: u32,
    records: Vec<Kept>,
}

#[derive(Clone)]
struct Kept {
    id: RecordId,
    values: Values,
    of_run: bool,
}

impl Model {
    fn new() -> Self {
        Self { subjects: BTreeMap::new(), primary: 1 }
    }

    /// Puts rows (subject id, values) into the vault, or into the run, and notes them.
    fn put(&mut self, tenant: &Tenant<'_>, run: Option<&Run<'_>>, rows: &[(&str, Values)]) {
        let subjects: Vec<_> = rows.iter().map(|(id, _)| subject(id)).collect();
        let names: Vec<Vec<FieldName>> =
            rows.iter().map(|(_, values)| values.iter().map(|(name, _)| field(name)).collect()).collect();
        let fields: Vec<Vec<(&FieldName, &[u8])>> = (rows.iter().zip(&names))
            .map(|((_, values), names)| names.iter().zip(values.iter().map(|(_, v)| v.as_slice())).collect())
            .collect();
        let batch: Vec<_> =
            subjects.iter().zip(&fields).map(|(subject, fields)| Row { subject, fields }).collect();
        let ids = match run {
            Some(run) => run.put_many(tenant, &batch).unwrap(),
            None => tenant.put_many(&batch).unwrap(),
        };
        assert_eq!(ids.len(), rows.len());
        for ((id, values), record) in rows.iter().zip(ids) {
            let kept = Kept { id: record, values: values.clone(), of_run: run.is_some() };
            let key = (tenant.name().to_string(), (*id).to_owned());
            let new = || Subject { version: self.primary, records: vec![] };
            self.subjects.entry(key).or_insert_with(new).records.push(kept);
        }
    }

    fn commit(&mut self) {
        self.subjects.values_mut().flat_map(|s| &mut s.records).for_each(|record| record.of_run = false);
    }

    fn roll_back(&mut self) {
        for subject in self.subjects.values_mut() {
            subject.records.retain(|record| !record.of_run);
        }
        self.subjects.retain(|_, subject| !subject.records.is_empty());
    }

    fn erase(&mut self, tenant: &Tenant<'_>, id: &str) {
        let expected = self.subjects.remove(&(tenant.name().to_string(), id.to_owned()));
        let erasure = tenant.erase(&subject(id)).unwrap();
        assert_eq!(
            erasure.map(|e| (e.records, e.fields)),
            expected
                .map(|s| { (s.records.len() as u64, s.records.iter().map(|r| r.values.len() as u64).sum()) })
        );
        assert!(!tenant.has(&subject(id)).unwrap());
    }

    fn migrated(&mut self) {
        self.subjects.values_mut().for_each(|subject| subject.version = self.primary);
    }

    fn census(&self) -> BTreeMap<(String, String, &'static str, u32), u64> {
        let mut counts = BTreeMap::new();
        for ((tenant, _), subject) in &self.subjects {
            let mut count = |field: &str, mode: Mode| {
                let line = (tenant.clone(), field.to_owned(), mode.as_str(), subject.version);
                *counts.entry(line).or_default() += 1;
            };
            count("", Mode::SubjectKey);
            count("", Mode::Row);
            for (name, _) in subject.records.iter().flat_map(|record| &record.values) {
                count(name, Mode::Seal);
            }
        }
        counts
    }

    /// The vault holds this and nothing else.
    fn assert_is(&self, vault: &Vault) {
        self.assert_reveals(vault);
        let census = vault.census();
        let lines =
            census.lines().map(|(l, n)| ((l.tenant.clone(), l.field.clone(), l.mode.as_str(), l.version), n));
        assert_eq!(lines.collect::<BTreeMap<_, _>>(), self.census());
        let report = vault.check().unwrap();
        assert!(report.is_clean(), "{report:?}");
        let records = || self.subjects.values().flat_map(|subject| &subject.records);
        assert_eq!(
            (report.subjects, report.records, report.fields),
            (
                self.subjects.len() as u64,
                records().count() as u64,
                records().map(|r| r.values.len() as u64).sum()
            )
        );
    }

    fn assert_reveals(&self, vault: &Vault) {
        for ((name, id), expected) in &self.subjects {
            let tenant = tenant(vault, name);
            assert!(tenant.has(&subject(id)).unwrap());
            let found = tenant.records(&subject(id)).unwrap();
            assert_eq!(found.len(), expected.records.len(), "{name} {id}");
            for (found, expected) in found.iter().zip(&expected.records) {
                assert!(found.id == expected.id);
                let revealed =
                    found.fields.iter().map(|(name, value)| (name.clone(), value.expose().to_vec()));
                assert_eq!(revealed.collect::<Vec<_>>(), expected.values);
                for (name, value) in &expected.values {
                    let revealed = tenant.reveal(found.id, &field(name)).unwrap().unwrap();
                    assert_eq!(revealed.expose(), value);
                }
            }
        }
    }
}
