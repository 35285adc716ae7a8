//! The blast radius: what a principal saw, what was under a key version, what happened to a field.

use super::access_segment::Segment;
use super::census::{Line, Mode};
use super::log::{AuditId, FieldId};
use super::open::Vault;
use crate::crypto::merkle::Hash;
use crate::duties::Register;
use crate::error::Result;
use crate::keys::KeyState;
use crate::name::{FieldName, KeyVersion, Principal, Purpose, TenantId};
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What is asked: accesses that all of the given parts fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Those of this principal.
    pub principal: Option<Principal>,
    /// Those under this key version.
    pub key: Option<KeyVersion>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Not after.
    pub to: Option<Timestamp>,
    /// Those of this tenant's field.
    pub field: Option<(TenantId, FieldName)>,
    /// Those for this purpose.
    pub purpose: Option<Purpose>,
}

/// What the audit log says of the accesses that were asked for. An access is one data subject in one operation: that fields
/// of hers were put, revealed, found, erased. What was refused is counted apart, and touched nothing. Apart, too, is what
/// reached no field but her state: consents, a restriction, objections, holds, or who saw her, shown or changed; but for a key
/// version it counts, since her state is under the key as her fields are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Radius {
    /// How many data subjects.
    pub subjects: u64,
    /// How many accesses.
    pub accesses: u64,
    /// How many more were refused.
    pub denied: u64,
    /// How many more reached state and no field.
    pub of_state: u64,
    /// How many more data subjects were reached in that way alone.
    pub state_subjects: u64,
    /// How many fields of data subjects, each once.
    pub records: u64,
    /// Which fields. Only the one that was asked for, if one was.
    pub fields: Vec<FieldReached>,
    /// Accesses by what was done.
    pub kinds: BTreeMap<String, u64>,
    /// Accesses by principal; nobody's are under the empty name.
    pub principals: BTreeMap<String, u64>,
    /// Accesses by purpose; those for none are under the empty name.
    pub purposes: BTreeMap<String, u64>,
    /// When the first was.
    pub first: Option<Timestamp>,
    /// When the last was.
    pub last: Option<Timestamp>,
    /// Key versions under which the data was then; also the one that was asked for.
    pub keys: Vec<KeyReached>,
    /// What is under the key version now, if one was asked for: each line of the census, and how many.
    pub under_key: Vec<(Line, u64)>,
    /// Who is responsible, as the rules say.
    pub register: Register,
    /// Of how many leaves of the audit log this is.
    pub leaves: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

/// A field in a [`Radius`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldReached {
    /// As leaves call it.
    pub id: [u8; 8],
    /// The tenant, and the name, as long as the vault knows a field of that id.
    pub name: Option<(TenantId, FieldName)>,
    /// The kind of data, as the rules say.
    pub category: Option<String>,
    /// Whether it is of a special category (GDPR Art. 9).
    pub special: bool,
    /// How many data subjects.
    pub subjects: u64,
}

/// A key version in a [`Radius`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyReached {
    /// Its number.
    pub version: KeyVersion,
    /// Its state now.
    pub state: Option<KeyState>,
    /// How many accesses were under it.
    pub accesses: u64,
    /// How much needs it now, in the vault and in files.
    pub needing: u64,
}

impl Radius {
    /// The categories of data.
    pub fn categories(&self) -> BTreeSet<&str> {
        self.fields.iter().filter_map(|field| field.category.as_deref()).collect()
    }

    /// How many data subjects have their key under the version now that was asked for.
    pub fn subjects_under_key(&self) -> u64 {
        self.under_key.iter().filter(|(line, _)| line.mode == Mode::SubjectKey).map(|(_, count)| count).sum()
    }
}

impl KeyReached {
    /// Whether others may know it.
    pub fn is_exposed(&self) -> bool {
        self.state == Some(KeyState::Compromised)
    }
}

impl Vault {
    /// What the audit log says of the accesses that are asked for: all of them, also those of erased subjects.
    ///
    /// # Errors
    /// [`Error::Corrupt`](crate::error::Error::Corrupt) when leaves or the index of them are not those that the vault has
    /// written; the store's.
    ///
    /// # Security
    /// It names no data subject. It is an upper bound of what went through the vault, and says nothing of what was read
    /// around it: whoever has the keys and a copy of the store leaves no trace.
    pub fn radius(&self, query: &Query) -> Result<Radius> {
        Ok(self.reached(query)?.0)
    }

    /// The radius, and the subjects in it, ascending: those of whom state alone was reached, too.
    pub(super) fn reached(&self, query: &Query) -> Result<(Radius, Vec<u128>)> {
        let field = query.field.as_ref().map(|(tenant, field)| self.ids.field(tenant, field.as_str()));
        let mut reach = Reach { field, ..Reach::new(query) };
        let accesses = self.accesses()?;
        accesses.each(|segment| {
            reach.add(segment);
            Ok(())
        })?;
        let (mut subjects, fields) = reach.count();
        let of_fields = subjects.len() as u64;
        subjects.append(&mut reach.state.ids);
        subjects.sort();
        subjects.dedup();
        let (rules, census, keyset) = (self.rules(), self.census(), self.keyset());
        let names = self.field_names();
        let fields: Vec<_> = fields
            .into_iter()
            .map(|(id, subjects)| {
                let name = names.get(&id).cloned();
                let of_rules = name.as_ref().and_then(|(_, field)| rules.rules.fields.get(field));
                let category = of_rules.and_then(|field| field.category.as_ref());
                FieldReached {
                    id,
                    name,
                    category: category.map(|category| category.as_str().to_owned()),
                    special: of_rules.is_some_and(|field| field.special),
                    subjects,
                }
            })
            .collect();
        if let Some(asked) = query.key {
            reach.keys.entry(asked.get()).or_default();
        }
        // Version 0 stands for none.
        let versions = reach.keys.iter().filter_map(|(n, count)| Some((KeyVersion::new(*n).ok()?, *count)));
        let keys = versions.map(|(version, accesses)| KeyReached {
            version,
            state: keyset.version(version).ok().map(|version| version.state()),
            accesses,
            needing: census.lines_of(version).map(|(_, count)| count).sum(),
        });
        let under = query.key.into_iter().flat_map(|key| census.lines_of(key));
        let radius = Radius {
            subjects: of_fields,
            accesses: reach.accesses,
            denied: reach.denied,
            of_state: reach.of_state,
            state_subjects: subjects.len() as u64 - of_fields,
            records: fields.iter().map(|field| field.subjects).sum(),
            fields,
            keys: keys.collect(),
            under_key: under.map(|(line, count)| (line.clone(), count)).collect(),
            register: rules.rules.register.clone(),
            leaves: accesses.tree.size(),
            root: accesses.tree.root(),
            kinds: reach.kinds,
            principals: reach.principals,
            purposes: reach.purposes,
            first: reach.first,
            last: reach.last,
        };
        Ok((radius, subjects))
    }

    /// What the ids of fields stand for, of all fields that the vault or the rules know.
    fn field_names(&self) -> HashMap<FieldId, (TenantId, FieldName)> {
        let (census, rules) = (self.census(), self.rules());
        let mut names = HashMap::new();
        let mut tenants = BTreeSet::new();
        for (line, _) in census.lines() {
            let Ok(tenant) = TenantId::new(&line.tenant) else { continue };
            if let Ok(field) = FieldName::new(&line.field) {
                names.insert(self.ids.field(&tenant, field.as_str()), (tenant.clone(), field));
            }
            tenants.insert(tenant);
        }
        for (tenant, field) in tenants.iter().flat_map(|t| rules.rules.fields.keys().map(move |f| (t, f))) {
            names.insert(self.ids.field(tenant, field.as_str()), (tenant.clone(), field.clone()));
        }
        names
    }
}

/// What was found so far.
struct Reach<'q> {
    query: &'q Query,
    field: Option<FieldId>,
    accesses: u64,
    denied: u64,
    of_state: u64,
    /// Of whom state was reached.
    state: Subjects,
    kinds: BTreeMap<String, u64>,
    principals: BTreeMap<String, u64>,
    purposes: BTreeMap<String, u64>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    keys: BTreeMap<u32, u64>,
    /// Which subjects had which fields touched together.
    groups: Vec<(Vec<FieldId>, Subjects)>,
    numbers: HashMap<Vec<FieldId>, usize>,
}

/// The number of a decision that shows nothing, as leaves have it.
const DENIED: u8 = 4;

/// Kinds of leaves that, where they name no field, are of a data subject's state.
const OF_STATE: [&str; 13] = [
    "begin-state",
    "consent",
    "export",
    "hold",
    "import-consents",
    "lift",
    "object",
    "release",
    "restrict",
    "retract",
    "seen",
    "show",
    "show-consents",
];

impl<'q> Reach<'q> {
    fn new(query: &'q Query) -> Self {
        Self {
            query,
            field: None,
            accesses: 0,
            denied: 0,
            of_state: 0,
            state: Subjects::default(),
            kinds: BTreeMap::new(),
            principals: BTreeMap::new(),
            purposes: BTreeMap::new(),
            first: None,
            last: None,
            keys: BTreeMap::new(),
            groups: vec![],
            numbers: HashMap::new(),
        }
    }

    fn add(&mut self, segment: &Segment<'_>) {
        let (from, to) =
            (self.query.from.unwrap_or(Timestamp(0)), self.query.to.unwrap_or(Timestamp(u64::MAX)));
        if segment.latest < from || segment.earliest > to {
            return;
        }
        let Query { principal, key, purpose, .. } = self.query;
        let fits = |asked: Option<&str>, is: &str| asked.is_none_or(|asked| asked == is);
        let by_deed: Vec<bool> = segment
            .deeds
            .iter()
            .map(|deed| {
                fits(principal.as_ref().map(Principal::as_str), deed.principal)
                    && fits(purpose.as_ref().map(Purpose::as_str), deed.purpose)
            })
            .collect();
        if !by_deed.contains(&true) {
            return;
        }
        let of_state: Vec<bool> =
            segment.deeds.iter().map(|deed| key.is_none() && OF_STATE.contains(&deed.kind)).collect();
        // For each context: none if it does not fit, else whether it was refused, and its group.
        let mut by_context = Vec::with_capacity(segment.contexts.len());
        for context in &segment.contexts {
            let fits = key.is_none_or(|key| key.get() == context.key_version)
                && self.field.is_none_or(|field| context.fields.contains(&field));
            by_context.push(fits.then(|| (context.decision == DENIED, self.group(context.fields))));
        }
        let mut of_deeds = vec![0u64; segment.deeds.len()];
        let mut of_contexts = vec![0u64; segment.contexts.len()];
        for row in segment.rows() {
            if !by_deed[row.deed] || row.at < from || row.at > to {
                continue;
            }
            let mut touched = 0;
            for (subject, of) in segment.subjects[row.items.clone()].iter().zip(&segment.of_items[row.items])
            {
                let context = usize::from(u16::from_be_bytes(*of));
                match by_context[context] {
                    None => {}
                    Some((true, _)) => self.denied += 1,
                    Some(_) if of_state[row.deed] && segment.contexts[context].fields.is_empty() => {
                        self.state.push(*subject);
                        self.of_state += 1;
                    }
                    Some((false, group)) => {
                        self.groups[group].1.push(*subject);
                        of_contexts[context] += 1;
                        touched += 1;
                    }
                }
            }
            if touched > 0 {
                of_deeds[row.deed] += touched;
                self.first = Some(self.first.map_or(row.at, |first| first.min(row.at)));
                self.last = Some(self.last.map_or(row.at, |last| last.max(row.at)));
            }
        }
        for (deed, count) in segment.deeds.iter().zip(of_deeds) {
            self.accesses += count;
            tally(&mut self.kinds, deed.kind, count);
            tally(&mut self.principals, deed.principal, count);
            tally(&mut self.purposes, deed.purpose, count);
        }
        for (context, count) in segment.contexts.iter().zip(of_contexts).filter(|(_, count)| *count > 0) {
            *self.keys.entry(context.key_version).or_default() += count;
        }
    }

    /// The group of what was done to these fields.
    fn group(&mut self, fields: &[FieldId]) -> usize {
        let fields = match self.field {
            Some(asked) => vec![asked],
            None => fields.to_vec(),
        };
        *self.numbers.entry(fields).or_insert_with_key(|fields| {
            self.groups.push((fields.clone(), Subjects::default()));
            self.groups.len() - 1
        })
    }

    /// All subjects, and how many there are of each field.
    fn count(&mut self) -> (Vec<u128>, BTreeMap<FieldId, u64>) {
        let mut of_fields = BTreeMap::<FieldId, BTreeSet<usize>>::new();
        for (number, (fields, subjects)) in self.groups.iter_mut().enumerate() {
            subjects.compact();
            if !subjects.ids.is_empty() {
                for field in fields.iter() {
                    of_fields.entry(*field).or_default().insert(number);
                }
            }
        }
        let union = |groups: &BTreeSet<usize>| {
            let mut all = Subjects::default();
            groups.iter().for_each(|group| all.ids.extend_from_slice(&self.groups[*group].1.ids));
            if groups.len() > 1 {
                all.compact();
            }
            all.ids
        };
        // Fields that are always touched together have the same subjects.
        let mut counted = BTreeMap::<&BTreeSet<usize>, u64>::new();
        for groups in of_fields.values() {
            counted.entry(groups).or_insert_with(|| match groups.first() {
                Some(only) if groups.len() == 1 => self.groups[*only].1.ids.len() as u64,
                _ => union(groups).len() as u64,
            });
        }
        let fields = of_fields.iter().map(|(field, groups)| (*field, counted[groups])).collect();
        (union(&(0..self.groups.len()).collect()), fields)
    }
}

fn tally(counts: &mut BTreeMap<String, u64>, name: &str, more: u64) {
    match counts.get_mut(name) {
        _ if more == 0 => {}
        Some(count) => *count += more,
        None => drop(counts.insert(name.to_owned(), more)),
    }
}

/// A set of subjects in little memory: sorted now and then.
#[derive(Default)]
struct Subjects {
    ids: Vec<u128>,
    /// How many there were when they were sorted last.
    sorted: usize,
}

/// Subjects that are collected before they are sorted, at least.
const UNSORTED: usize = 1 << 20;

impl Subjects {
    fn push(&mut self, subject: AuditId) {
        self.ids.push(u128::from_be_bytes(subject));
        if self.ids.len() >= (2 * self.sorted).max(UNSORTED) {
            self.compact();
        }
    }

    /// The stable sort takes runs that are sorted already as they are.
    fn compact(&mut self) {
        if self.ids.len() > self.sorted {
            self.ids.sort();
            self.ids.dedup();
            self.sorted = self.ids.len();
        }
    }
}
