//! The record of processing of a vault, filled from what the vault counts and what its rules say.

use super::moment::Day;
use super::register::{
    Audit, Consents, Controller, Count, DayCount, Erasability, Erasure, Field, FileColumn, Files, Head, Key,
    ModeCount, Purpose, Register, Subjects,
};
use crate::duties::{Basis, PurposeRules, Rules};
use crate::error::Result;
use crate::keys::{DEFAULT_PERIOD_DAYS, Keyset};
use crate::name::{FieldName, Note};
use crate::time::Timestamp;
use crate::vault::{Census, LogStatistics, Mode, Statistics, SubjectStatistics, Vault};
use std::collections::{BTreeMap, BTreeSet};

const SECONDS_PER_DAY: u64 = 86_400;

impl Register {
    /// Of a vault, as of `now`. It holds counts, and names of fields, purposes and tenants; the log has a leaf about it.
    ///
    /// Fields are those that the vault or its files hold: what the rules name and nobody put is not in it. A blind index is
    /// with the field that it has the name of, or a field of its own.
    ///
    /// # Errors
    /// As [`Vault::statistics`].
    pub fn of(vault: &Vault, now: Timestamp) -> Result<Self> {
        let Statistics { rules, census, subjects, log } = vault.statistics(now)?;
        let keyset = vault.keyset();
        let organisation = &rules.register;
        Ok(Self {
            controller: Controller {
                name: text(&organisation.controller),
                contact: text(&organisation.contact),
                representative: String::new(),
                dpo: text(&organisation.dpo),
            },
            tenants: tenants(&census),
            fields: fields(&census, &rules),
            purposes: rules
                .purposes
                .iter()
                .map(|(name, purpose)| {
                    let said = subjects.purposes.get(name).copied().unwrap_or_default();
                    let consents = Consents {
                        granted: said.granted,
                        withdrawn: said.withdrawn,
                        expired: said.expired,
                        none: subjects.count - said.granted - said.withdrawn - said.expired,
                    };
                    of_purpose(name.as_str(), purpose, consents, said.objections)
                })
                .collect(),
            subjects: of_subjects(&subjects, &census),
            erasure: Erasure {
                overdue: subjects.overdue,
                erased: log.erased,
                last_erased: log.last_erased.map(Into::into),
                purges: log.purges,
                purged: log.purged,
                last_purge: log.last_purge.map(Into::into),
            },
            keys: keys(&keyset, &census, now),
            files: Files { count: vault.files()?.len() as u64, columns: columns(&census) },
            audit: audit(&log, now),
            ..Self::empty(&hex(&keyset.id().0), now)
        })
    }
}

fn text(note: &Option<Note>) -> String {
    note.as_ref().map_or(String::new(), |note| note.as_str().to_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn tenants(census: &Census) -> Vec<String> {
    let names: BTreeSet<&str> = census.lines().map(|(line, _)| line.tenant.as_str()).collect();
    names.into_iter().map(str::to_owned).collect()
}

fn fields(census: &Census, rules: &Rules) -> Vec<Field> {
    let mut fields = BTreeMap::<(&str, &str), Field>::new();
    for (line, count) in census.lines() {
        let Some(erasability) = erasability(line.mode) else { continue };
        let said = FieldName::new(&line.field).ok().and_then(|name| rules.fields.get(&name));
        let field = fields.entry((&line.tenant, &line.field)).or_insert_with(|| Field {
            tenant: line.tenant.clone(),
            name: line.field.clone(),
            category: said.map_or(String::new(), |said| text(&said.category)),
            special: said.is_some_and(|said| said.special),
            modes: vec![],
            purposes: said.map_or(vec![], |said| {
                said.purposes.iter().map(|purpose| purpose.as_str().to_owned()).collect()
            }),
            retention_seconds: said.and_then(|said| said.retention),
            erasability: Erasability::ShredSubject,
        });
        if erasability == Erasability::DeleteRow {
            field.erasability = erasability;
        }
        if !line.mode.is_in_files() {
            field.modes.push(ModeCount { mode: line.mode.as_str().into(), version: line.version, count });
        }
    }
    fields.into_values().collect()
}

/// What ends what is counted like this; `None` for what is no field's.
fn erasability(mode: Mode) -> Option<Erasability> {
    match mode {
        // What of a field an index has goes with the record.
        Mode::Seal | Mode::Index | Mode::FileReference => Some(Erasability::ShredSubject),
        Mode::Token | Mode::Fingerprint | Mode::FileToken | Mode::FileSeal => Some(Erasability::DeleteRow),
        Mode::SubjectKey | Mode::Row | Mode::FilePseudonym | Mode::FileIdentity | Mode::FileManifest => None,
    }
}

fn of_purpose(name: &str, purpose: &PurposeRules, consents: Consents, objections: u64) -> Purpose {
    let needs_consent = purpose.basis == Basis::Consent;
    Purpose {
        name: name.to_owned(),
        basis: match purpose.basis {
            Basis::Consent => "Art. 6(1)(a) consent",
            Basis::Contract => "Art. 6(1)(b) contract",
            Basis::LegalObligation => "Art. 6(1)(c) legal obligation",
            Basis::VitalInterests => "Art. 6(1)(d) vital interests",
            Basis::PublicTask => "Art. 6(1)(e) public task",
            Basis::LegitimateInterests => "Art. 6(1)(f) legitimate interests",
        }
        .into(),
        text: text(&purpose.text),
        recipients: purpose.recipients.iter().map(|to| to.as_str().to_owned()).collect(),
        transfers: String::new(),
        needs_consent,
        consents,
        objections,
    }
}

fn of_subjects(subjects: &SubjectStatistics, census: &Census) -> Subjects {
    Subjects {
        count: subjects.count,
        records: census.total(Mode::Seal).saturating_add(census.total(Mode::Token)),
        restricted: subjects.restricted,
        held: subjects.held,
        canaries: subjects.canaries,
    }
}

fn keys(keyset: &Keyset, census: &Census, now: Timestamp) -> Vec<Key> {
    let overdue: BTreeSet<u32> = keyset.overdue(now).iter().map(|overdue| overdue.version.get()).collect();
    let of = |version: &crate::keys::Version| {
        let number = version.number();
        let needed = |in_files: bool| {
            let lines = census.lines_of(number).filter(|(line, _)| line.mode.is_in_files() == in_files);
            lines.fold(0u64, |sum, (_, count)| sum.saturating_add(count))
        };
        Key {
            version: number.get(),
            state: version.state().as_str().into(),
            primary: keyset.is_primary(number),
            age_days: now.0.saturating_sub(version.created().0) / SECONDS_PER_DAY,
            cryptoperiod_days: keyset.period().unwrap_or(DEFAULT_PERIOD_DAYS),
            overdue: overdue.contains(&number.get()),
            in_vault: needed(false),
            in_files: needed(true),
        }
    };
    keyset.versions().iter().map(of).collect()
}

fn columns(census: &Census) -> Vec<FileColumn> {
    let mut columns = BTreeMap::<(&str, &str), Vec<ModeCount>>::new();
    for (line, count) in census.lines().filter(|(line, _)| line.mode.is_in_files()) {
        let mode = ModeCount { mode: line.mode.as_str().into(), version: line.version, count };
        columns.entry((&line.tenant, &line.field)).or_default().push(mode);
    }
    let columns = columns.into_iter();
    columns
        .map(|((tenant, field), modes)| FileColumn { tenant: tenant.into(), field: field.into(), modes })
        .collect()
}

fn audit(log: &LogStatistics, now: Timestamp) -> Audit {
    let counts = |counts: &BTreeMap<String, u64>, unnamed: &str| -> Vec<Count> {
        let named = |name: &String| if name.is_empty() { unnamed.to_owned() } else { name.clone() };
        counts.iter().map(|(name, count)| Count { name: named(name), count: *count }).collect()
    };
    let day = |(day, count): (&u64, &u64)| DayCount {
        day: Day::from(Timestamp(day.saturating_mul(SECONDS_PER_DAY))),
        count: *count,
    };
    Audit {
        size: log.size,
        head: (log.size > 0).then(|| Head { at: now.into(), root: hex(&log.root) }),
        leaves: counts(&log.kinds, ""),
        denials: counts(&log.denials, ""),
        reveals_by_day: log.shown_by_day.iter().map(day).collect(),
        reveals_by_purpose: counts(&log.shown_by_purpose, "no purpose named"),
        budgets_hit: log.budgets_hit,
        alarms: log.canaries_shown + log.over_budget,
    }
}
