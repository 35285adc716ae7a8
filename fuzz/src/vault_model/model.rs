//! What should be in a vault, in plain maps.

use super::{EMAIL, FIELDS, Fields, NAMES, PIN, RowPlan, TENANTS, index};
use crate::fixed;
use cloakroom::keys::{KeyUse, Keyset};
use cloakroom::name::KeyVersion;
use cloakroom::protect::BlindIndexer;
use cloakroom::vault::Mode;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
pub struct Record {
    pub fields: Fields,
    /// The run it belongs to, until that is committed.
    pub run: Option<u32>,
    /// Under which key version the index of this kind has it.
    index: Option<(bool, KeyVersion)>,
}

#[derive(Clone, Debug)]
pub struct Subject {
    /// No other subject is or was this one, though she may have had her name.
    serial: u32,
    pub wrapped_by: KeyVersion,
    pub records: Vec<Record>,
}

/// The tenant, or a subject, perhaps by a run that has not ended.
#[derive(Clone, Debug)]
struct Holder {
    subject: Option<usize>,
    run: Option<u32>,
}

#[derive(Clone, Debug)]
pub struct Token {
    /// `None` for one that was issued when the disk failed.
    pub text: Option<String>,
    version: KeyVersion,
    holders: Vec<Holder>,
}

#[derive(Clone, Copy, Debug)]
pub struct Index {
    pub wide: bool,
    pub built: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Model {
    pub subjects: BTreeMap<(usize, usize), Subject>,
    /// By tenant and value.
    pub tokens: BTreeMap<(usize, u8), Token>,
    pub indexes: BTreeMap<usize, Index>,
    pub outputs: BTreeSet<u8>,
    /// Which subjects the runs have put anything for, by serial.
    touched: BTreeMap<u32, BTreeSet<u32>>,
    serial: u32,
}

/// The use that the tokens of this tenant are.
pub fn tokens_use(t: usize) -> KeyUse {
    KeyUse::Field { tenant: NAMES.0[t].clone(), field: PIN.clone() }
}

/// The use that the index of this tenant is.
pub fn index_use(t: usize) -> KeyUse {
    KeyUse::Field { tenant: NAMES.0[t].clone(), field: NAMES.2[EMAIL].clone() }
}

impl Record {
    /// The value that an index has it under: one that it can look up.
    pub fn email(&self) -> Option<&str> {
        let (_, value) = self.fields.iter().find(|(field, _)| *field == EMAIL)?;
        let text = std::str::from_utf8(value).ok()?;
        let indexer = BlindIndexer::new(&fixed::KEYSET.primary().unwrap(), &NAMES.0[0], &index(true));
        indexer.value(&[text]).is_ok().then_some(text)
    }
}

impl Model {
    /// Entries of subjects, at the most.
    pub fn entries(&self) -> usize {
        let records: usize = self.subjects.values().map(|s| s.records.len()).sum();
        let links: usize = self.tokens.values().map(|token| token.holders.len()).sum();
        self.subjects.len() + records + links
    }

    /// Whether the keys of these rows may be used: each subject is new, or her key's version reveals.
    pub fn may_put(&self, keyset: &Keyset, t: usize, rows: &[RowPlan]) -> bool {
        let known = |row: &RowPlan| self.subjects.get(&(t, row.subject()));
        let index_protects = !self.indexes.contains_key(&t) || keyset.primary_for(&index_use(t)).is_ok();
        keyset.primary().is_ok()
            && index_protects
            && rows.iter().filter_map(known).all(|s| keyset.for_reveal(s.wrapped_by).is_ok())
    }

    pub fn put(&mut self, keyset: &Keyset, t: usize, rows: &[RowPlan], run: Option<u32>) {
        for row in rows {
            let mut record = Record { fields: row.fields(), run, index: None };
            record.index = self.place(keyset, t, &record);
            let subject = self.subject(keyset, t, row.subject(), run);
            subject.records.push(record);
        }
    }

    /// Where an index that there is has a record.
    fn place(&self, keyset: &Keyset, t: usize, record: &Record) -> Option<(bool, KeyVersion)> {
        let index = self.indexes.get(&t)?;
        record.email().map(|_| (index.wide, keyset.primary_number_for(&index_use(t))))
    }

    /// Looked up or made, for something that a run puts.
    fn subject(&mut self, keyset: &Keyset, t: usize, s: usize, run: Option<u32>) -> &mut Subject {
        let wrapped_by = keyset.primary_number();
        self.serial += 1;
        let new = Subject { serial: self.serial, wrapped_by, records: vec![] };
        let subject = self.subjects.entry((t, s)).or_insert(new);
        if let Some(run) = run {
            self.touched.entry(run).or_default().insert(subject.serial);
        }
        subject
    }

    /// Whether the value gets its token, for a subject or the tenant.
    pub fn issue(
        &mut self,
        keyset: &Keyset,
        t: usize,
        subject: Option<usize>,
        value: u8,
        run: Option<u32>,
    ) -> bool {
        let is_stopped = |version| keyset.for_reveal(version).is_err();
        let known = subject.and_then(|s| self.subjects.get(&(t, s)));
        let token = self.tokens.get(&(t, value));
        if known.is_some_and(|s| is_stopped(s.wrapped_by)) || token.is_some_and(|t| is_stopped(t.version)) {
            return false;
        }
        // What another run has put goes if that is taken back.
        let holds = |h: &Holder| h.subject == subject && (h.run.is_none() || h.run == run);
        if token.is_some_and(|token| token.holders.iter().any(holds)) {
            return true;
        }
        if let Some(s) = subject {
            self.subject(keyset, t, s, run);
        }
        let version = keyset.primary_number_for(&tokens_use(t));
        let new = Token { text: None, version, holders: vec![] };
        self.tokens.entry((t, value)).or_insert(new).holders.push(Holder { subject, run });
        true
    }

    /// Whether the value of a token comes back.
    pub fn redeems(&self, keyset: &Keyset, t: usize, token: &Token) -> bool {
        let reveals = |version| keyset.for_reveal(version).is_ok();
        let opens = |s: usize| reveals(self.subjects[&(t, s)].wrapped_by);
        reveals(token.version) && token.holders.iter().any(|h| h.subject.is_none_or(opens))
    }

    pub fn commit(&mut self, run: u32) {
        let records = self.subjects.values_mut().flat_map(|s| &mut s.records).map(|r| &mut r.run);
        let holders = self.tokens.values_mut().flat_map(|token| &mut token.holders).map(|h| &mut h.run);
        records.chain(holders).filter(|r| **r == Some(run)).for_each(|r| *r = None);
        self.touched.remove(&run);
    }

    /// What the runs have put goes, and with it the subjects who have nothing else.
    pub fn roll_back(&mut self, which: impl Fn(u32) -> bool) {
        let stays = |run: Option<u32>| !run.is_some_and(&which);
        self.subjects.values_mut().for_each(|s| s.records.retain(|r| stays(r.run)));
        self.tokens.values_mut().for_each(|token| token.holders.retain(|h| stays(h.run)));
        self.tokens.retain(|_, token| !token.holders.is_empty());
        let touched: BTreeSet<u32> =
            self.touched.iter().filter(|(run, _)| which(**run)).flat_map(|(_, s)| s).copied().collect();
        self.touched.retain(|run, _| !which(*run));
        let held: BTreeSet<(usize, usize)> = self
            .tokens
            .iter()
            .flat_map(|((t, _), token)| token.holders.iter().filter_map(|h| Some((*t, h.subject?))))
            .collect();
        self.subjects
            .retain(|key, s| !touched.contains(&s.serial) || !s.records.is_empty() || held.contains(key));
    }

    /// Records, fields, tokens and index entries that went.
    pub fn erase(&mut self, t: usize, s: usize) -> Option<[u64; 4]> {
        let gone = self.subjects.remove(&(t, s))?;
        let mut tokens = 0;
        for ((of, _), token) in &mut self.tokens {
            let before = token.holders.len();
            token.holders.retain(|h| (*of, h.subject) != (t, Some(s)));
            tokens += before - token.holders.len();
        }
        self.tokens.retain(|_, token| !token.holders.is_empty());
        let fields = gone.records.iter().map(|r| r.fields.len()).sum();
        let indexes = gone.records.iter().filter(|r| r.index.is_some()).count();
        Some([gone.records.len(), fields, tokens, indexes].map(|n| n as u64))
    }

    /// Whether an index that is defined now has every record.
    pub fn has_no_field(&self, t: usize) -> bool {
        self.subjects.iter().all(|((of, _), s)| *of != t || s.records.iter().all(|r| r.fields.is_empty()))
    }

    /// Whether a migration's first pass, over the subjects, gets through.
    pub fn may_move_subjects(&self, keyset: &Keyset, despite_state: bool) -> bool {
        let reveals = |s: &Subject| despite_state || keyset.for_reveal(s.wrapped_by).is_ok();
        let protects = |t: usize, s: &Subject| {
            let is_unindexed = s.records.is_empty() || !self.indexes.contains_key(&t);
            is_unindexed || keyset.primary_for(&index_use(t)).is_ok()
        };
        keyset.primary().is_ok() && self.subjects.iter().all(|((t, _), s)| reveals(s) && protects(*t, s))
    }

    pub fn move_subjects(&mut self, keyset: &Keyset) {
        for t in 0..TENANTS {
            for s in 0..super::SUBJECTS {
                let Some(mut subject) = self.subjects.remove(&(t, s)) else { continue };
                subject.wrapped_by = keyset.primary_number();
                for i in 0..subject.records.len() {
                    subject.records[i].index = self.place(keyset, t, &subject.records[i]);
                }
                self.subjects.insert((t, s), subject);
            }
        }
    }

    /// Whether its second pass does, over the tokens.
    pub fn may_move_tokens(&self, keyset: &Keyset, despite_state: bool) -> bool {
        self.tokens.iter().all(|((t, _), token)| {
            let use_ = tokens_use(*t);
            let reveals = despite_state || keyset.for_reveal(token.version).is_ok();
            token.version == keyset.primary_number_for(&use_)
                || (reveals && keyset.primary_for(&use_).is_ok())
        })
    }

    pub fn move_tokens(&mut self, keyset: &Keyset) {
        for ((t, _), token) in &mut self.tokens {
            token.version = keyset.primary_number_for(&tokens_use(*t));
        }
    }

    /// Every line of the census.
    pub fn census(&self) -> BTreeMap<(String, String, Mode, u32), u64> {
        let mut census = BTreeMap::new();
        let mut count = |t: usize, field: &str, mode, version: KeyVersion| {
            let line = (NAMES.0[t].as_str().to_owned(), field.to_owned(), mode, version.get());
            *census.entry(line).or_default() += 1;
        };
        for ((t, _), subject) in &self.subjects {
            count(*t, "", Mode::SubjectKey, subject.wrapped_by);
            count(*t, "", Mode::Row, subject.wrapped_by);
            for record in &subject.records {
                for i in (0..FIELDS).filter(|i| record.fields.iter().any(|(field, _)| field == i)) {
                    count(*t, NAMES.2[i].as_str(), Mode::Seal, subject.wrapped_by);
                }
                if let Some((_, version)) = record.index {
                    count(*t, NAMES.2[EMAIL].as_str(), Mode::Index, version);
                }
            }
        }
        for ((t, _), token) in &self.tokens {
            count(*t, PIN.as_str(), Mode::Token, token.version);
            count(*t, PIN.as_str(), Mode::Fingerprint, token.version);
        }
        census
    }
}
