//! The vault against someone who can write to its store but has no key.
//!
//! After each thing done to the entries: what is revealed is right or refused, never another value; nothing panics; and
//! `check` reports it. What nothing can notice is here as well, with a test that says so.

mod shared_store;

use cloakroom::Error;
use cloakroom::keys::Keyset;
use cloakroom::name::{FieldName, KeyVersion, SubjectId, TenantId};
use cloakroom::store::{Batch, Map, Store};
use cloakroom::time::Timestamp;
use cloakroom::vault::{FileColumn, Mode, ProtectedFile, RecordId, Row, Vault};
use cloakroom::wire::entry::{Entry, Fields, Head, IndexEntry, Locator, entry_key};
use shared_store::{ENTRY, INDEX, MAPS, META, OUTPUT, RUN, Shared};
use std::collections::BTreeMap;
use std::thread;

/// Everything in a store.
type Image = BTreeMap<(u8, Vec<u8>), Vec<u8>>;

fn image(store: &Shared) -> Image {
    let of = |map: Map| store.all(map).into_iter().map(move |(key, value)| ((map.id(), key), value));
    MAPS.into_iter().flat_map(of).collect()
}

fn put_back(store: &Shared, old: &Image) {
    let mut batch = Batch::new();
    for (id, key) in image(store).keys() {
        batch.delete(map(*id), key.as_slice());
    }
    for ((id, key), value) in old {
        batch.put(map(*id), key.as_slice(), value.as_slice());
    }
    store.apply(batch).unwrap();
}

fn map(id: u8) -> Map {
    MAPS[usize::from(id) - 1]
}

/// Whose data it is in the cases below.
#[derive(Clone)]
struct Subject {
    tenant: &'static str,
    id: &'static str,
    locator: Locator,
    index_key: Vec<u8>,
    /// What each record holds: field and value.
    records: Vec<(RecordId, Vec<(&'static str, String)>)>,
}

struct Case {
    store: Shared,
    keyset: Keyset,
    vault: Vault,
    ann: Subject,
    bob: Subject,
    /// Another tenant's subject of the same id as `ann`.
    namesake: Subject,
}

fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

fn field(name: &str) -> FieldName {
    FieldName::new(name).unwrap()
}

fn put(vault: &Vault, who: (&str, &str), values: &[(&'static str, String)]) -> RecordId {
    let names: Vec<_> = values.iter().map(|(name, _)| field(name)).collect();
    let fields: Vec<_> =
        names.iter().zip(values).map(|(name, (_, value))| (name, value.as_bytes())).collect();
    vault.tenant(&tenant(who.0)).put(&SubjectId::new(who.1).unwrap(), &fields).unwrap()
}

impl Case {
    fn new() -> Self {
        let (store, keyset) = (Shared::default(), Keyset::generate(Timestamp(1)).unwrap());
        let vault = Vault::create_in(Box::new(store.clone()), keyset.clone()).unwrap();
        let new = |tenant: &'static str, id: &'static str| {
            let before = image(&store);
            let values = |n| {
                vec![("email", format!("{tenant}-{id}-email-{n}")), ("phone", format!("{tenant}-{id}-{n}"))]
            };
            let records = (0..3).map(|n| (put(&vault, (tenant, id), &values(n)), values(n))).collect();
            let added = |map: Map| {
                let image = image(&store);
                let key = image.keys().find(|key| key.0 == map.id() && !before.contains_key(key));
                key.unwrap().1.clone()
            };
            let locator = *added(ENTRY).first_chunk().unwrap();
            Subject { tenant, id, locator, index_key: added(INDEX), records }
        };
        let (ann, bob, namesake) = (new("acme", "ann"), new("acme", "bob"), new("other", "ann"));
        Self { store, keyset, vault, ann, bob, namesake }
    }

    /// The same vault once more.
    fn copied(&self) -> Self {
        let (store, keyset) = (Shared::default(), self.keyset.clone());
        put_back(&store, &image(&self.store));
        let vault = Vault::open_in(Box::new(store.clone()), keyset.clone()).unwrap();
        let (ann, bob, namesake) = (self.ann.clone(), self.bob.clone(), self.namesake.clone());
        Self { store, keyset, vault, ann, bob, namesake }
    }

    fn get(&self, who: &Subject, record: u32) -> Vec<u8> {
        self.store.get(ENTRY, &entry_key(&who.locator, record)).unwrap().unwrap()
    }

    fn set(&self, who: &Subject, record: u32, value: &[u8]) {
        self.write(ENTRY, &entry_key(&who.locator, record), Some(value));
    }

    fn remove(&self, who: &Subject, record: u32) {
        self.write(ENTRY, &entry_key(&who.locator, record), None);
    }

    fn write(&self, map: Map, key: &[u8], value: Option<&[u8]>) {
        let mut batch = Batch::new();
        match value {
            Some(value) => batch.put(map, key, value),
            None => batch.delete(map, key),
        };
        self.store.apply(batch).unwrap();
    }

    fn index(&self, who: &Subject) -> Vec<u8> {
        self.store.get(INDEX, &who.index_key).unwrap().unwrap()
    }

    /// Edits the fields of an entry.
    fn edit(&self, who: &Subject, record: u32, edit: impl FnOnce(&mut Vec<(&str, &[u8])>)) {
        let bytes = self.get(who, record);
        let mut entry = Entry::parse(&bytes).unwrap();
        match &mut entry {
            Entry::Head(Head { first: Some(Fields { sealed: fields, .. }), .. })
            | Entry::Record(Fields { sealed: fields, .. }) => edit(fields),
            _ => unreachable!(),
        }
        self.set(who, record, &entry.to_bytes().unwrap());
    }

    fn edit_head(&self, who: &Subject, edit: impl FnOnce(&mut Head<'_>)) {
        let bytes = self.get(who, 0);
        let mut head = Entry::parse(&bytes).unwrap().into_head().unwrap();
        edit(&mut head);
        self.set(who, 0, &Entry::Head(head).to_bytes().unwrap());
    }

    fn envelope(&self, who: &Subject, record: u32, field: &str) -> Vec<u8> {
        Entry::parse(&self.get(who, record)).unwrap().record().unwrap().get(field).unwrap().to_vec()
    }

    /// Puts this envelope in that place.
    fn put_envelope(&self, who: &Subject, record: u32, field: &str, envelope: &[u8]) {
        let envelope = Box::leak(envelope.to_vec().into_boxed_slice());
        self.edit(who, record, |fields| {
            fields.iter_mut().find(|(name, _)| *name == field).unwrap().1 = envelope
        });
    }

    /// How many reads were refused or came back empty. Panics when one gives anything but the truth.
    fn reads_refused(&self, vault: &Vault) -> usize {
        let mut refused = 0;
        for who in [&self.ann, &self.bob, &self.namesake] {
            let part = vault.tenant(&tenant(who.tenant));
            match part.records(&SubjectId::new(who.id).unwrap()) {
                Err(
                    Error::Rejected
                    | Error::Corrupt { .. }
                    | Error::Malformed { .. }
                    | Error::KeyState { .. },
                )
                | Err(Error::Name { .. } | Error::KeyVersionUnknown { .. }) => refused += 1,
                Err(error) => panic!("{error:?}"),
                Ok(records) => {
                    refused += who.records.len() - records.len().min(who.records.len());
                    for record in records {
                        let (_, truth) = who.records.iter().find(|(id, _)| *id == record.id).unwrap();
                        for (name, value) in &record.fields {
                            let (_, true_value) = truth.iter().find(|(n, _)| n == name).unwrap();
                            assert_eq!(value.expose(), true_value.as_bytes());
                        }
                    }
                }
            }
            for (id, truth) in &who.records {
                for (name, value) in truth {
                    match part.reveal(*id, &field(name)) {
                        Ok(Some(revealed)) => assert_eq!(revealed.expose(), value.as_bytes()),
                        Ok(None) | Err(_) => refused += 1,
                    }
                }
            }
        }
        refused
    }
}

/// Does something to a fresh vault's entries, and sees that it is noticed: by `check` always, and by a read if so said.
#[track_caller]
fn noticed(read: bool, name: &str, tamper: impl FnOnce(&Case)) {
    let case = Case::new();
    assert_eq!(case.reads_refused(&case.vault), 0);
    assert!(case.vault.check().unwrap().is_clean());
    tamper(&case);
    let report = case.vault.check().unwrap();
    assert!(!report.is_clean(), "{name}: check did not notice");
    assert!(
        report.problems.last().unwrap().contains("not those that the vault has written"),
        "{name}: {report:?}"
    );
    assert_eq!(case.reads_refused(&case.vault) > 0, read, "{name}");
    if let Ok(opened) = Vault::open_in(Box::new(case.store.clone()), case.keyset.clone()) {
        assert!(!opened.check().unwrap().is_clean(), "{name}, reopened");
        case.reads_refused(&opened);
    }
}

// SPEC: VAULT-7
#[test]
fn an_envelope_opens_in_its_place_only() {
    let swap =
        |name: &str, one: fn(&Case) -> (&Subject, u32, &str), other: fn(&Case) -> (&Subject, u32, &str)| {
            noticed(true, name, |case| {
                let ((a, m, f), (b, n, g)) = (one(case), other(case));
                let (x, y) = (case.envelope(a, m, f), case.envelope(b, n, g));
                case.put_envelope(a, m, f, &y);
                case.put_envelope(b, n, g, &x);
            });
            noticed(true, name, |case| {
                let ((a, m, f), (b, n, g)) = (one(case), other(case));
                case.put_envelope(a, m, f, &case.envelope(b, n, g));
            });
        };
    swap("another subject", |c| (&c.ann, 0, "email"), |c| (&c.bob, 0, "email"));
    swap("another subject's further record", |c| (&c.ann, 1, "email"), |c| (&c.bob, 1, "email"));
    swap("another field", |c| (&c.ann, 0, "email"), |c| (&c.ann, 0, "phone"));
    swap("another record", |c| (&c.ann, 1, "email"), |c| (&c.ann, 2, "email"));
    swap("head and record", |c| (&c.ann, 0, "email"), |c| (&c.ann, 2, "email"));
    swap("another tenant", |c| (&c.ann, 1, "phone"), |c| (&c.namesake, 1, "phone"));
}

#[test]
fn entries_stay_in_their_place() {
    let swap = |name: &str, one: fn(&Case) -> (&Subject, u32), other: fn(&Case) -> (&Subject, u32)| {
        noticed(true, name, |case| {
            let ((a, m), (b, n)) = (one(case), other(case));
            let (x, y) = (case.get(a, m), case.get(b, n));
            case.set(a, m, &y);
            case.set(b, n, &x);
        });
        noticed(true, name, |case| {
            let ((a, m), (b, n)) = (one(case), other(case));
            case.set(a, m, &case.get(b, n));
        });
    };
    swap("records of one subject", |c| (&c.ann, 1), |c| (&c.ann, 2));
    swap("records of two subjects", |c| (&c.ann, 1), |c| (&c.bob, 1));
    swap("heads", |c| (&c.ann, 0), |c| (&c.bob, 0));
    swap("heads of two tenants", |c| (&c.ann, 0), |c| (&c.namesake, 0));
    swap("head and record", |c| (&c.ann, 0), |c| (&c.ann, 1));
    noticed(true, "a record once more", |c| c.set(&c.ann, 3, &c.get(&c.bob, 1)));
    noticed(false, "an entry of no subject", |c| c.write(ENTRY, &[7; 16], Some(&c.get(&c.bob, 1))));
    noticed(false, "a key of the wrong length", |c| c.write(ENTRY, &[7; 15], Some(&c.get(&c.bob, 1))));
}

// SPEC: VAULT-3, VAULT-6
#[test]
fn the_index_leads_to_the_right_subject_or_nowhere() {
    noticed(true, "redirected", |c| c.write(INDEX, &c.ann.index_key, Some(&c.index(&c.bob))));
    noticed(true, "to another tenant", |c| c.write(INDEX, &c.ann.index_key, Some(&c.index(&c.namesake))));
    noticed(true, "to nowhere", |c| {
        let nowhere = IndexEntry { key_version: 1, locator: [9; 12] }.to_bytes();
        c.write(INDEX, &c.ann.index_key, Some(&nowhere));
    });
    noticed(true, "exchanged", |c| {
        let (ann, bob) = (c.index(&c.ann), c.index(&c.bob));
        c.write(INDEX, &c.ann.index_key, Some(&bob));
        c.write(INDEX, &c.bob.index_key, Some(&ann));
    });
    noticed(true, "another version", |c| {
        let other = IndexEntry { key_version: 2, locator: c.ann.locator }.to_bytes();
        c.write(INDEX, &c.ann.index_key, Some(&other));
    });
    noticed(false, "a second one", |c| c.write(INDEX, &[5; 16], Some(&c.index(&c.bob))));
    noticed(false, "one that is none", |c| c.write(INDEX, &[5; 16], Some(b"?")));
    noticed(true, "one too many, one too few", |c| {
        c.write(INDEX, &[5; 16], Some(&c.index(&c.bob)));
        c.write(INDEX, &c.bob.index_key, None);
    });

    // Erasing by a redirected entry would take the wrong person's data.
    let c = Case::new();
    c.write(INDEX, &c.ann.index_key, Some(&c.index(&c.bob)));
    let acme = c.vault.tenant(&tenant("acme"));
    assert!(matches!(acme.erase(&SubjectId::new("ann").unwrap()), Err(Error::Rejected)));
    assert!(matches!(acme.put(&SubjectId::new("ann").unwrap(), &[]), Err(Error::Rejected)));
    assert_eq!(acme.records(&SubjectId::new("bob").unwrap()).unwrap().len(), 3);
}

// SPEC: VAULT-5, VAULT-6
#[test]
fn heads_are_not_edited() {
    let wrapped = |c: &Case, who: &Subject| match Entry::parse(&c.get(who, 0)).unwrap() {
        Entry::Head(head) => (head.wrapped.to_vec(), head.subject.to_vec()),
        _ => unreachable!(),
    };
    noticed(true, "another's key", |c| {
        let (key, _) = wrapped(c, &c.bob);
        c.edit_head(&c.ann, |head| head.wrapped = Box::leak(key.into_boxed_slice()));
    });
    noticed(true, "another's sealed id", |c| {
        let (_, id) = wrapped(c, &c.bob);
        c.edit_head(&c.ann, |head| head.subject = Box::leak(id.into_boxed_slice()));
    });
    noticed(true, "another's key and id", |c| {
        let (key, id) = wrapped(c, &c.bob);
        c.edit_head(&c.ann, |head| {
            (head.wrapped, head.subject) =
                (Box::leak(key.into_boxed_slice()), Box::leak(id.into_boxed_slice()));
        });
    });
    noticed(true, "tenant", |c| c.edit_head(&c.ann, |head| head.tenant = "other"));
    noticed(true, "tenant that is none", |c| c.edit_head(&c.ann, |head| head.tenant = " "));
    noticed(true, "wrap version", |c| c.edit_head(&c.ann, |head| head.wrap_version = 2));
    noticed(true, "generation", |c| c.edit_head(&c.ann, |head| head.generation = 2));
    noticed(true, "generation 0", |c| c.edit_head(&c.ann, |head| head.generation = 0));
    noticed(true, "first record taken back", |c| c.edit_head(&c.ann, |head| head.first = None));
    for next in [0, 1, 2, 4, u32::MAX] {
        noticed(false, "next record", |c| c.edit_head(&c.ann, |head| head.next_record = next));
    }
    // A count that is too low would overwrite a record.
    let c = Case::new();
    c.edit_head(&c.ann, |head| head.next_record = 1);
    let put = c.vault.tenant(&tenant("acme")).put(&SubjectId::new("ann").unwrap(), &[]);
    assert!(matches!(put, Err(Error::Corrupt { .. })), "{put:?}");
    assert_eq!(c.reads_refused(&c.vault), 0);
}

#[test]
fn fields_are_not_edited() {
    for record in 0..2 {
        noticed(true, "removed", |c| c.edit(&c.ann, record, |fields| fields.truncate(1)));
        noticed(false, "reordered", |c| c.edit(&c.ann, record, |fields| fields.reverse()));
        noticed(false, "doubled", |c| c.edit(&c.ann, record, |fields| fields.push(fields[0])));
        noticed(true, "renamed", |c| c.edit(&c.ann, record, |fields| fields[0].0 = "phone2"));
        noticed(true, "named badly", |c| c.edit(&c.ann, record, |fields| fields[0].0 = "\n"));
        noticed(true, "emptied", |c| c.edit(&c.ann, record, |fields| fields[0].1 = b""));
    }
}

// SPEC: VAULT-13
#[test]
fn no_byte_of_any_entry_can_change() {
    let case = Case::new();
    let entries: Vec<_> = image(&case.store).into_iter().filter(|((id, _), _)| map(*id) != META).collect();
    let threads = thread::available_parallelism().unwrap().get();
    thread::scope(|scope| {
        for n in 0..threads {
            let (case, entries) = (case.copied(), entries.iter().skip(n).step_by(threads));
            scope.spawn(move || {
                entries.for_each(|((id, key), value)| no_byte_can_change(&case, map(*id), key, value));
                assert!(case.vault.check().unwrap().is_clean());
            });
        }
    });
}

fn no_byte_can_change(case: &Case, map: Map, key: &[u8], value: &[u8]) {
    for at in (0..value.len()).step_by(3) {
        let mut altered = value.to_vec();
        altered[at] ^= 1 << (at % 8);
        case.write(map, key, Some(&altered));
        assert!(!case.vault.check().unwrap().is_clean(), "{map:?} byte {at}");
        case.reads_refused(&case.vault);
    }
    for length in [0, 1, value.len() / 2, value.len() - 1] {
        case.write(map, key, Some(&value[..length]));
        assert!(!case.vault.check().unwrap().is_clean());
        case.reads_refused(&case.vault);
    }
    case.write(map, key, Some(value));
}

// SPEC: VAULT-13
#[test]
fn what_is_deleted_is_missed() {
    noticed(true, "record", |c| c.remove(&c.ann, 1));
    noticed(true, "last record", |c| c.remove(&c.ann, 2));
    noticed(true, "head", |c| c.remove(&c.ann, 0));
    noticed(true, "index", |c| c.write(INDEX, &c.ann.index_key, None));
    noticed(true, "whole subject", |c| {
        c.write(INDEX, &c.ann.index_key, None);
        (0..3).for_each(|n| c.remove(&c.ann, n));
    });
    noticed(true, "everything", |c| {
        let meta = image(&c.store).into_iter().filter(|((id, _), _)| *id == META.id()).collect();
        put_back(&c.store, &meta);
    });
    for key in [&b"census"[..], b"anchor"] {
        let c = Case::new();
        let value = c.store.get(META, key).unwrap().unwrap();
        let refused = |c: &Case| {
            let opened = Vault::open_in(Box::new(c.store.clone()), c.keyset.clone());
            assert!(opened.is_err(), "{opened:?}");
        };
        c.write(META, key, None);
        refused(&c);
        for at in 0..value.len() {
            let mut altered = value.clone();
            altered[at] ^= 1;
            c.write(META, key, Some(&altered));
            refused(&c);
            c.write(META, key, Some(&value[..at]));
            refused(&c);
        }
    }
}

// SPEC: VAULT-13
#[test]
fn what_is_put_back_is_noticed() {
    // An erased subject comes back, whole.
    noticed(false, "erased", |c| {
        let before = image(&c.store);
        put(&c.vault, ("acme", "passing"), &[("email", "x".into())]);
        let with = image(&c.store);
        c.vault.tenant(&tenant("acme")).erase(&SubjectId::new("passing").unwrap()).unwrap();
        for ((id, key), value) in with.iter().filter(|(key, _)| !before.contains_key(key)) {
            c.write(map(*id), key, Some(value));
        }
        assert!(c.vault.tenant(&tenant("acme")).has(&SubjectId::new("passing").unwrap()).unwrap());
    });
    // And another of the same shape goes for it, so that every count is right.
    noticed(true, "erased for another", |c| {
        let before = image(&c.store);
        let values = [("email", "x".to_owned()), ("phone", "y".to_owned())];
        for _ in 0..3 {
            put(&c.vault, ("acme", "passing"), &values);
        }
        let with = image(&c.store);
        c.vault.tenant(&tenant("acme")).erase(&SubjectId::new("passing").unwrap()).unwrap();
        for ((id, key), value) in with.iter().filter(|(key, _)| !before.contains_key(key)) {
            c.write(map(*id), key, Some(value));
        }
        c.write(INDEX, &c.ann.index_key, None);
        (0..3).for_each(|n| c.remove(&c.ann, n));
        let report = c.vault.check().unwrap();
        assert_eq!(report.problem_count, 1, "only the fingerprint tells: {report:?}");
    });
    // A head from before the last record, and one from before a migration.
    noticed(false, "head of yesterday", |c| {
        let old = c.get(&c.ann, 0);
        let put = c.vault.tenant(&tenant("acme")).put(&SubjectId::new("ann").unwrap(), &[]);
        put.unwrap();
        c.remove(&c.ann, 3);
        c.set(&c.ann, 0, &old);
    });
    noticed(false, "head under the old key", |c| {
        let old = c.get(&c.ann, 0);
        c.vault.adopt(c.keyset.rotated(Timestamp(2)).unwrap()).unwrap();
        c.vault.migrate(|_| {}).unwrap();
        c.set(&c.ann, 0, &old);
    });
    // The counts of yesterday over the data of today: the open vault keeps its own, the next opening tells.
    let c = Case::new();
    let old = c.store.get(META, b"census").unwrap().unwrap();
    put(&c.vault, ("acme", "late"), &[("email", "x".into())]);
    c.write(META, b"census", Some(&old));
    let opened = Vault::open_in(Box::new(c.store.clone()), c.keyset.clone()).unwrap();
    assert!(!opened.check().unwrap().is_clean());
}

/// The limit of what a vault can know by itself: whoever puts back the whole store puts back what it knew then. A
/// rotation ends that, because the keyset is kept elsewhere.
#[test]
fn the_whole_store_put_back_is_not_noticed_until_the_key_was_rotated() {
    let c = Case::new();
    let old = image(&c.store);
    put(&c.vault, ("acme", "late"), &[("email", "x".into())]);
    put_back(&c.store, &old);
    let opened = Vault::open_in(Box::new(c.store.clone()), c.keyset.clone()).unwrap();
    assert!(opened.check().unwrap().is_clean());
    assert_eq!(c.reads_refused(&opened), 0);

    // After a rotation the old store needs a key version that can be destroyed.
    let rotated = c.keyset.rotated(Timestamp(2)).unwrap();
    let rotated = rotated.with_identity(rotated.primary_number(), Timestamp(2)).unwrap();
    opened.adopt(rotated.clone()).unwrap();
    opened.migrate(|_| {}).unwrap();
    let first = rotated.versions()[0].number();
    let destroyed = rotated.with_state(first, cloakroom::keys::KeyState::Destroyed, Timestamp(3)).unwrap();
    opened.adopt(destroyed.clone()).unwrap();
    put_back(&c.store, &old);
    assert!(Vault::open_in(Box::new(c.store.clone()), destroyed).is_err());
}

// SPEC: VAULT-17
#[test]
fn a_forged_journal_makes_nobody_delete_anything() {
    let row = |subject| Row { subject, fields: &[] };
    // Of a run that was committed, put back.
    let c = Case::new();
    let (new, acme) = (SubjectId::new("new").unwrap(), tenant("acme"));
    let run = c.vault.begin_run();
    run.put_many(&c.vault.tenant(&acme), &[row(&new)]).unwrap();
    let (key, journal) = c.store.scan(RUN, b"", None, 1).unwrap().pop().unwrap();
    run.commit(Some(&file())).unwrap();
    assert_eq!(c.store.scan(RUN, b"", None, 1).unwrap(), []);
    c.write(RUN, &key, Some(&journal));
    let opened = Vault::open_in(Box::new(c.store.clone()), c.keyset.clone()).unwrap();
    assert!(opened.tenant(&acme).has(&new).unwrap());
    assert_eq!(c.reads_refused(&opened), 0);
    assert!(!opened.check().unwrap().is_clean());

    // Of a run under way: other entries named, another batch's journal in its place, none at all.
    let c = Case::new();
    let run = c.vault.begin_run();
    run.put_many(&c.vault.tenant(&acme), &[row(&new)]).unwrap();
    run.put_many(&c.vault.tenant(&acme), &[row(&new)]).unwrap();
    std::mem::forget(run);
    let image = image(&c.store);
    let journals = c.store.scan(RUN, b"", None, 2).unwrap();
    let mut forged = journals[1].1.clone();
    forged[..16].copy_from_slice(&entry_key(&c.ann.locator, 0));
    for replaced in [Some(&forged[..]), Some(&journals[0].1), Some(b""), None] {
        c.write(RUN, &journals[1].0, replaced);
        let opened = Vault::open_in(Box::new(c.store.clone()), c.keyset.clone());
        assert!(matches!(opened, Err(Error::Corrupt { .. })), "{opened:?}");
        put_back(&c.store, &image);
    }
    let opened = Vault::open_in(Box::new(c.store.clone()), c.keyset.clone()).unwrap();
    assert!(!opened.tenant(&acme).has(&new).unwrap());
    assert!(opened.check().unwrap().is_clean());
}

/// A protected file that the vault made.
fn file() -> ProtectedFile {
    let column = FileColumn {
        field: FieldName::new("card").unwrap(),
        mode: Mode::FileToken,
        version: KeyVersion::FIRST,
        count: 3,
    };
    ProtectedFile { sha256: [1; 32], made: Timestamp(0), tenant: tenant("acme"), columns: vec![column] }
}

#[test]
fn a_forged_mark_of_a_file_is_noticed() {
    noticed(false, "added", |c| c.write(OUTPUT, &[1; 32], Some(b"")));
    noticed(false, "removed", |c| {
        c.vault.begin_run().commit(Some(&file())).unwrap();
        c.vault.begin_run().commit(Some(&file())).unwrap();
        assert!(c.vault.check().unwrap().is_clean());
        c.write(OUTPUT, &[1; 32], None);
    });
}

// SPEC: VAULT-18
#[test]
fn a_forged_checkpoint_leaves_nobody_behind() {
    for forged in [[&2_u32.to_be_bytes()[..], &[0xFF; 16]].concat(), b"?".to_vec(), vec![]] {
        let c = Case::new();
        let rotated = c.keyset.rotated(Timestamp(2)).unwrap();
        c.vault.adopt(rotated.clone()).unwrap();
        c.write(META, b"migration", Some(&forged));
        assert_eq!(c.vault.migrate(|_| {}).unwrap().moved, 3);
        assert_eq!(c.vault.census().needing(rotated.versions()[0].number()), 0);
        assert_eq!(c.reads_refused(&c.vault), 0);
        assert!(c.vault.check().unwrap().is_clean());
    }
    // What was deleted cannot be moved, and that is said.
    let c = Case::new();
    c.vault.adopt(c.keyset.rotated(Timestamp(2)).unwrap()).unwrap();
    c.write(INDEX, &c.ann.index_key, None);
    (0..3).for_each(|n| c.remove(&c.ann, n));
    let moved = c.vault.migrate(|_| {});
    assert!(matches!(moved, Err(Error::Corrupt { .. })), "{moved:?}");
}
