//! The vault through its public API: what it keeps, counts, moves, takes back and refuses.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::thread;

#[cfg(feature = "sled")]
use cloakroom::keys::KeyFile;
use cloakroom::keys::{KeyState, Keyset};
use cloakroom::name::{FieldName, KeyVersion, SubjectId, TenantId};
use cloakroom::store::memory::MemoryStore;
use cloakroom::store::{Batch, Commit, Entry, Map, Store};
use cloakroom::time::Timestamp;
use cloakroom::vault::{Mode, ProtectedFile, RecordId, Row, Run, Tenant, Vault};
use cloakroom::{Error, Result};
use proptest::prelude::*;

const INDEX: Map = Map::new(1, "index");
const ENTRY: Map = Map::new(2, "entry");
const NOW: Timestamp = Timestamp(1_000);

/// A store that outlives its vault, counts what is written, and refuses to write when told to.
#[derive(Clone, Default)]
struct Watched(Arc<Inner>);

#[derive(Default)]
struct Inner {
    store: MemoryStore,
    written: AtomicUsize,
    /// Batches until every further one is refused; below zero, none is.
    left: AtomicI64,
    refuses: AtomicUsize,
}

impl Watched {
    fn refuse_after(&self, batches: i64) {
        self.0.left.store(batches, Ordering::Relaxed);
        self.0.refuses.store(1, Ordering::Relaxed);
    }

    fn refuse_nothing(&self) {
        self.0.refuses.store(0, Ordering::Relaxed);
    }

    fn count(&self, map: Map) -> usize {
        self.scan(map, b"", None, usize::MAX).unwrap().len()
    }
}

impl Store for Watched {
    fn get(&self, map: Map, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.0.store.get(map, key)
    }

    fn scan(&self, map: Map, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>> {
        self.0.store.scan(map, prefix, after, limit)
    }

    fn write(&self, batch: Batch) -> Result<Commit> {
        if self.0.refuses.load(Ordering::Relaxed) == 1 && self.0.left.fetch_sub(1, Ordering::Relaxed) <= 0 {
            return Err(Error::io("write", "test")(std::io::Error::other("no more")));
        }
        let length = batch.len();
        let commit = self.0.store.write(batch)?;
        self.0.written.fetch_add(length, Ordering::Relaxed);
        Ok(commit)
    }

    fn sync(&self, commit: Commit) -> Result<()> {
        self.0.store.sync(commit)
    }

    fn size(&self) -> Result<u64> {
        self.0.store.size()
    }
}

/// A vault that can be closed and opened again, wherever it is.
trait Place {
    fn vault(&self) -> &Vault;
    fn rotate(&mut self) -> KeyVersion;
    fn reopen(&mut self);
}

struct InMemory {
    store: Watched,
    keyset: Keyset,
    vault: Vault,
}

impl InMemory {
    fn new() -> Self {
        let (store, keyset) = (Watched::default(), Keyset::generate(NOW).unwrap());
        let vault = Vault::create_in(Box::new(store.clone()), keyset.clone()).unwrap();
        Self { store, keyset, vault }
    }
}

impl Place for InMemory {
    fn vault(&self) -> &Vault {
        &self.vault
    }

    fn rotate(&mut self) -> KeyVersion {
        self.keyset = self.keyset.rotated(NOW).unwrap();
        self.vault.adopt(self.keyset.clone()).unwrap();
        self.keyset.primary_number()
    }

    fn reopen(&mut self) {
        self.vault = Vault::open_in(Box::new(self.store.clone()), self.keyset.clone()).unwrap();
    }
}

#[cfg(feature = "sled")]
struct InDirectory {
    dir: tempfile::TempDir,
    provider: KeyFile,
    vault: Option<Vault>,
}

#[cfg(feature = "sled")]
impl InDirectory {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let provider = KeyFile::create(dir.path().join("key")).unwrap();
        let vault = Some(Vault::create(dir.path().join("vault"), &provider, NOW).unwrap());
        Self { dir, provider, vault }
    }

    fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("vault")
    }
}

#[cfg(feature = "sled")]
impl Place for InDirectory {
    fn vault(&self) -> &Vault {
        self.vault.as_ref().unwrap()
    }

    fn rotate(&mut self) -> KeyVersion {
        self.vault().rotate(&self.provider, NOW).unwrap()
    }

    fn reopen(&mut self) {
        self.vault = None;
        self.vault = Some(Vault::open(self.path(), &self.provider).unwrap());
    }
}

fn everywhere(test: impl Fn(&mut dyn Place)) {
    test(&mut InMemory::new());
    #[cfg(feature = "sled")]
    test(&mut InDirectory::new());
}

fn tenant<'v>(vault: &'v Vault, name: &str) -> Tenant<'v> {
    vault.tenant(&TenantId::new(name).unwrap())
}

fn subject(id: &str) -> SubjectId {
    SubjectId::new(id).unwrap()
}

fn field(name: &str) -> FieldName {
    FieldName::new(name).unwrap()
}

/// A file without a column that needs a key.
fn file(byte: u8) -> ProtectedFile {
    let tenant = TenantId::new("acme").unwrap();
    ProtectedFile { sha256: [byte; 32], made: Timestamp(0), tenant, columns: vec![] }
}

fn version(number: u32) -> KeyVersion {
    KeyVersion::new(number).unwrap()
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

#[test]
fn records_come_back_until_erased() {
    everywhere(|place| {
        let mut model = Model::new();
        let vault = place.vault();
        let (acme, other) = (tenant(vault, "acme"), tenant(vault, "other"));
        assert!(!acme.has(&subject("ann")).unwrap());
        assert!(acme.records(&subject("ann")).unwrap().is_empty());
        model.put(&acme, None, &[("ann", values(&[("email", "ann@example.com"), ("phone", "1")]))]);
        model.put(&acme, None, &[("ann", values(&[("email", "ann@example.org")]))]);
        // The same subject twice in a batch, known and new.
        let twice = [
            ("bob", values(&[("email", "first")])),
            ("ann", values(&[("phone", "2")])),
            ("bob", values(&[("email", "second"), ("note", "")])),
            ("ann", values(&[("phone", "3")])),
        ];
        model.put(&acme, None, &twice);
        model.put(&other, None, &[("ann", values(&[("email", "another Ann")]))]);
        model.assert_is(vault);

        let ann = model.subjects[&("acme".to_owned(), "ann".to_owned())].records[0].id;
        assert!(other.reveal(ann, &field("email")).unwrap().is_none(), "another tenant's record");
        assert!(acme.reveal(ann, &field("fax")).unwrap().is_none());
        place.reopen();
        model.assert_is(place.vault());

        let (acme, other) = (tenant(place.vault(), "acme"), tenant(place.vault(), "other"));
        model.erase(&acme, "ann");
        assert!(acme.reveal(ann, &field("email")).unwrap().is_none());
        model.erase(&acme, "ann");
        model.assert_is(place.vault());
        model.put(&acme, None, &[("ann", values(&[("email", "again")]))]);
        model.erase(&other, "ann");
        model.assert_is(place.vault());
        place.reopen();
        model.assert_is(place.vault());
    });
}

#[test]
fn values_of_every_kind_and_length() {
    everywhere(|place| {
        let mut model = Model::new();
        let vault = place.vault();
        let acme = tenant(vault, "acme");
        model.put(&acme, None, &[]);
        model.put(&acme, None, &[("no fields", vec![])]);
        model.put(&acme, None, &[("no fields", vec![])]);
        model.put(&acme, None, &[("bytes", vec![("raw".to_owned(), (0..=255).collect())])]);
        model.put(&acme, None, &[("long", vec![("raw".to_owned(), vec![0xC3; 100_000])])]);
        model.put(&acme, None, &[("long", vec![("raw".to_owned(), vec![0xC4; 100_000])])]);
        model.assert_is(vault);

        // One bad row, and nothing of its batch is put.
        let (good, bad, raw, large) = (subject("good"), subject("bad"), field("raw"), vec![0; (1 << 20) + 1]);
        let (small, large) = ([(&raw, &b"1"[..])], [(&raw, &large[..])]);
        let rows = [Row { subject: &good, fields: &small }, Row { subject: &bad, fields: &large }];
        assert!(acme.put_many(&rows).is_err());
        let twice = acme.put(&good, &[(&raw, b"1"), (&field("other"), b"2"), (&raw, b"3")]);
        assert!(matches!(twice, Err(Error::Setting { .. })), "{twice:?}");
        model.assert_is(vault);
        place.reopen();
        model.assert_is(place.vault());
    });
}

#[test]
fn a_value_at_the_stores_limit() {
    let place = InMemory::new();
    let mut model = Model::new();
    let acme = tenant(&place.vault, "acme");
    model.put(&acme, None, &[("long", values(&[]))]);
    // What stands beside the value in the largest entry that a store takes.
    let around = 1 + 1 + 8 + 8 + 2 + 2 + 3 + 4 + 6 + 24 + 16 + 2;
    let longest = cloakroom::store::MAX_VALUE - around;
    let refused = acme.put(&subject("long"), &[(&field("raw"), &vec![1; longest + 1])]);
    assert!(matches!(refused, Err(Error::TooLong { .. })), "{refused:?}");
    model.put(&acme, None, &[("long", vec![("raw".to_owned(), vec![2; longest])])]);
    let new = acme.put(&subject("too long"), &[(&field("raw"), &vec![1; longest])]);
    assert!(matches!(new, Err(Error::TooLong { .. })), "the head of a new subject takes more room");
    model.assert_is(&place.vault);
}

// SPEC: VAULT-9
#[test]
fn a_row_of_a_new_subject_is_two_entries() {
    let place = InMemory::new();
    let acme = tenant(&place.vault, "acme");
    let names: Vec<_> = (0..40).map(|n| field(&format!("field {n}"))).collect();
    let fields: Vec<(&FieldName, &[u8])> = names.iter().map(|name| (name, &b"value"[..])).collect();
    let before = place.store.0.written.load(Ordering::Relaxed);
    acme.put(&subject("ann"), &fields).unwrap();
    assert_eq!((place.store.count(INDEX), place.store.count(ENTRY)), (1, 1));
    assert_eq!(
        place.store.0.written.load(Ordering::Relaxed) - before,
        5,
        "two, the census, the leaf, the tree"
    );
    acme.put(&subject("ann"), &fields).unwrap();
    assert_eq!((place.store.count(INDEX), place.store.count(ENTRY)), (1, 2));
}

// SPEC: VAULT-18
#[test]
fn migration_moves_everything_to_the_new_key() {
    everywhere(|place| {
        let mut model = Model::new();
        let vault = place.vault();
        for n in 0..150 {
            let id = format!("subject {n}");
            let name = ["acme", "other"][n % 2];
            model.put(&tenant(vault, name), None, &[(&id, values(&[("email", &id), ("phone", "1")]))]);
            if n % 7 == 0 {
                model.put(&tenant(vault, name), None, &[(&id, values(&[("email", "second")]))]);
            }
        }
        for round in 2..4 {
            model.primary = place.rotate().get();
            assert_eq!(model.primary, round);
            model.assert_is(place.vault());
            let acme = tenant(place.vault(), "acme");
            // New subjects come under the new key, further records under the key their subject has.
            model.put(&acme, None, &[(&format!("new {round}"), values(&[("email", "new")]))]);
            model.put(&acme, None, &[("subject 0", values(&[("email", "third")]))]);
            model.erase(&acme, &format!("subject {round}"));
            model.assert_is(place.vault());
            place.reopen();
            let (mut calls, total) = (0, model.subjects.len() as u64);
            let done = place.vault().migrate(|progress| {
                calls += 1;
                assert!(progress.moved <= progress.seen && progress.seen <= progress.total);
                assert!(
                    place.vault().census().total(Mode::SubjectKey) == total,
                    "others may go on meanwhile"
                );
            });
            let done = done.unwrap();
            assert_eq!((done.seen, done.moved, done.total), (total, total - 1, total));
            assert!(calls > 1);
            model.migrated();
            model.assert_is(place.vault());
            assert_eq!(place.vault().census().needing(version(round - 1)), 0);
            assert_eq!(place.vault().migrate(|_| {}).unwrap().moved, 0);
        }
        place.reopen();
        model.assert_is(place.vault());
    });
}

// SPEC: VAULT-18
#[test]
fn an_interrupted_migration_goes_on() {
    let mut place = InMemory::new();
    let mut model = Model::new();
    for n in 0..200 {
        let id = format!("subject {n}");
        model.put(&tenant(&place.vault, "acme"), None, &[(&id, values(&[("email", &id)]))]);
    }
    model.primary = place.rotate().get();
    for (batches, reopen) in [(0, false), (1, true), (1, false), (2, true)] {
        place.store.refuse_after(batches);
        assert!(place.vault.migrate(|_| {}).is_err());
        place.store.refuse_nothing();
        if reopen {
            place.reopen();
        }
        model.assert_reveals(&place.vault);
        assert!(place.vault.check().unwrap().is_clean());
        let census = place.vault.census();
        assert_eq!(census.needing(version(1)) + census.needing(version(2)), 600);
        assert!(!tenant(&place.vault, "acme").has(&subject("subject 200")).unwrap());
    }
    let half = place.vault.census();
    assert!(half.needing(version(1)) > 0 && half.needing(version(2)) > 0);
    // Half way, everything else works.
    model.put(&tenant(&place.vault, "acme"), None, &[("late", values(&[("email", "late")]))]);
    let rest = place.vault.migrate(|_| {}).unwrap();
    assert!(rest.seen < rest.total, "it went on where it was: {rest:?}");
    model.migrated();
    model.assert_is(&place.vault);

    // Cut off on its way to version 3, then overtaken by version 4.
    model.primary = place.rotate().get();
    place.store.refuse_after(2);
    assert!(place.vault.migrate(|_| {}).is_err());
    place.store.refuse_nothing();
    model.primary = place.rotate().get();
    model.assert_reveals(&place.vault);
    place.vault.migrate(|_| {}).unwrap();
    model.migrated();
    model.assert_is(&place.vault);
}

// SPEC: VAULT-16
#[test]
fn a_run_counts_whole_or_not_at_all() {
    everywhere(|place| {
        let mut model = Model::new();
        {
            let vault = place.vault();
            let acme = tenant(vault, "acme");
            model.put(&acme, None, &[("before", values(&[("email", "stays")]))]);
            let hash = |byte| [byte; 32];

            let run = vault.begin_run();
            model.put(&acme, Some(&run), &[("ann", values(&[("email", "1")])), ("before", values(&[]))]);
            model.assert_is(vault);
            run.commit(Some(&file(1))).unwrap();
            model.commit();
            vault.begin_run().commit(None).unwrap();
            assert!(vault.made(&hash(1)).unwrap() && !vault.made(&hash(2)).unwrap());

            let roll_back: [fn(Run<'_>); 2] = [|run| drop(run), |run| run.roll_back().unwrap()];
            for roll_back in roll_back {
                let run = vault.begin_run();
                model.put(&acme, Some(&run), &[("ann", values(&[("email", "2")])), ("new", values(&[]))]);
                for _ in 0..70 {
                    let rows = [("before", values(&[("phone", "3")])), ("other", values(&[("email", "4")]))];
                    model.put(&acme, Some(&run), &rows);
                }
                model.put(&acme, Some(&run), &[("new", values(&[("email", "5")]))]);
                // Meanwhile, and not part of it: these stay.
                model.put(&acme, None, &[("new", values(&[("phone", "6")]))]);
                model.put(&tenant(vault, "other"), None, &[("new", values(&[("phone", "7")]))]);
                model.erase(&acme, "other");
                model.assert_is(vault);
                roll_back(run);
                model.roll_back();
                model.assert_is(vault);
                model.erase(&acme, "new");
            }
            assert!(!vault.made(&hash(2)).unwrap());

            // Cut off: its journal is all that is left of it.
            let run = vault.begin_run();
            model.put(&acme, Some(&run), &[("head first", values(&[("email", "1")]))]);
            for n in 0..70 {
                let id = format!("of the run {n}");
                model.put(&acme, Some(&run), &[(&id, values(&[("email", &id)])), ("before", values(&[]))]);
            }
            model.put(&acme, Some(&run), &[("head first", values(&[("email", "2")]))]);
            std::mem::forget(run);
        }
        model.primary = place.rotate().get();
        place.vault().migrate(|_| {}).unwrap();
        model.migrated();
        model.assert_is(place.vault());
        place.reopen();
        model.roll_back();
        model.assert_is(place.vault());
        place.reopen();
        model.assert_is(place.vault());
    });
}

// SPEC: VAULT-16
#[test]
fn rolling_back_can_itself_be_cut_off() {
    for batches in 0..5 {
        let mut place = InMemory::new();
        let mut model = Model::new();
        model.put(&tenant(&place.vault, "acme"), None, &[("before", values(&[("email", "1")]))]);
        let run = place.vault.begin_run();
        for n in 0..4 {
            let rows = [("new", values(&[("email", "2")])), ("before", values(&[("email", "3")]))];
            model.put(&tenant(&place.vault, "acme"), Some(&run), &rows);
            model.put(&tenant(&place.vault, &format!("tenant {n}")), Some(&run), &rows);
        }
        place.store.refuse_after(batches);
        assert!(run.roll_back().is_err());
        place.store.refuse_nothing();
        assert!(place.vault.check().unwrap().is_clean());
        place.store.refuse_after(1);
        assert!(Vault::open_in(Box::new(place.store.clone()), place.keyset.clone()).is_err());
        place.store.refuse_nothing();
        place.reopen();
        model.roll_back();
        model.assert_is(&place.vault);
        assert_eq!(place.store.count(Map::new(4, "run")), 0);
    }
}

#[test]
fn a_run_that_could_not_commit_is_rolled_back() {
    let mut place = InMemory::new();
    let mut model = Model::new();
    let run = place.vault.begin_run();
    model.put(&tenant(&place.vault, "acme"), Some(&run), &[("ann", values(&[("email", "1")]))]);
    place.store.refuse_after(0);
    assert!(run.commit(Some(&file(1))).is_err());
    place.store.refuse_nothing();
    place.reopen();
    model.roll_back();
    model.assert_is(&place.vault);
    assert!(!place.vault.made(&[1; 32]).unwrap());

    // Committed, but its journal could not be deleted any more.
    let run = place.vault.begin_run();
    model.put(&tenant(&place.vault, "acme"), Some(&run), &[("ann", values(&[("email", "1")]))]);
    place.store.refuse_after(1);
    assert!(run.commit(Some(&file(1))).is_err());
    place.store.refuse_nothing();
    place.reopen();
    model.commit();
    model.assert_is(&place.vault);
    assert!(place.vault.made(&[1; 32]).unwrap());
    assert_eq!(place.store.count(Map::new(4, "run")), 0);
}

#[test]
fn a_run_takes_rows_of_its_own_vault_only() {
    let (one, other) = (InMemory::new(), InMemory::new());
    let ann = subject("ann");
    let row = [Row { subject: &ann, fields: &[] }];
    let refused = one.vault.begin_run().put_many(&tenant(&other.vault, "acme"), &row);
    assert!(matches!(refused, Err(Error::Setting { .. })));
}

// SPEC: VAULT-12
#[test]
fn threads_lose_nothing() {
    everywhere(|place| {
        let vault = place.vault();
        let rotated = vault.keyset().rotated(NOW).unwrap();
        const EACH: usize = 25;
        thread::scope(|scope| {
            for t in 0..6 {
                scope.spawn(move || {
                    let acme = tenant(vault, "acme");
                    let email = field("email");
                    for n in 0..EACH {
                        let own = format!("{t} {n}");
                        acme.put(&subject(&own), &[(&email, own.as_bytes())]).unwrap();
                        acme.put(&subject("shared"), &[(&email, own.as_bytes())]).unwrap();
                        let found = acme.records(&subject(&own)).unwrap();
                        assert_eq!(found[0].fields[0].1.expose(), own.as_bytes());
                        if n % 5 == 0 {
                            assert!(acme.erase(&subject(&own)).unwrap().is_some());
                        }
                    }
                });
            }
            scope.spawn(move || {
                let run = vault.begin_run();
                let (email, passing) = (field("email"), subject("passing"));
                for _ in 0..EACH {
                    let fields = [(&email, &b"x"[..])];
                    run.put_many(&tenant(vault, "acme"), &[Row { subject: &passing, fields: &fields }])
                        .unwrap();
                }
            });
            scope.spawn(move || {
                vault.adopt(rotated).unwrap();
                vault.migrate(|_| {}).unwrap();
            });
        });
        let acme = tenant(vault, "acme");
        let mut shared: Vec<String> = (acme.records(&subject("shared")).unwrap().iter())
            .map(|record| record.fields[0].1.expose_str().unwrap().to_owned())
            .collect();
        shared.sort();
        shared.dedup();
        assert_eq!(shared.len(), 6 * EACH);
        let report = vault.check().unwrap();
        assert!(report.is_clean(), "{report:?}");
        let subjects = 1 + 6 * EACH - 6 * EACH.div_ceil(5);
        assert_eq!(report.subjects, subjects as u64);
        assert_eq!(report.records, (subjects - 1 + 6 * EACH) as u64);
        assert!(!acme.has(&subject("passing")).unwrap());
        assert_eq!(vault.census().needing(version(1)), 0);
    });
}

/// Readers hold no lock: a migration must not hide a subject from them for a moment, nor an erasure look like damage.
#[test]
fn readers_see_every_subject_during_a_migration() {
    let mut place = InMemory::new();
    let mut model = Model::new();
    for n in 0..40 {
        model.put(&tenant(&place.vault, "acme"), None, &[(&format!("{n}"), values(&[("email", "1")]))]);
    }
    for _ in 0..3 {
        place.rotate();
        let vault = &place.vault;
        thread::scope(|scope| {
            let readers: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        for n in (0..40).cycle().take(400) {
                            let records = tenant(vault, "acme").records(&subject(&n.to_string())).unwrap();
                            assert_eq!(records.len(), 1);
                        }
                    })
                })
                .collect();
            scope.spawn(|| {
                let acme = tenant(vault, "passing");
                for _ in 0..100 {
                    acme.put(&subject("1"), &[]).unwrap();
                    acme.erase(&subject("1")).unwrap();
                }
            });
            scope.spawn(|| {
                (0..300).for_each(|_| {
                    assert!(tenant(vault, "passing").records(&subject("1")).unwrap().len() < 2)
                });
            });
            vault.migrate(|_| {}).unwrap();
            readers.into_iter().for_each(|reader| reader.join().unwrap());
        });
    }
    assert!(place.vault.check().unwrap().is_clean());
}

// SPEC: VAULT-14, VAULT-15
#[test]
fn keysets_that_do_not_fit_are_refused() {
    let mut place = InMemory::new();
    let acme = tenant(&place.vault, "acme");
    acme.put(&subject("ann"), &[(&field("email"), b"1")]).unwrap();
    let open = |keyset: &Keyset| Vault::open_in(Box::new(place.store.clone()), keyset.clone());
    let foreign = Keyset::generate(NOW).unwrap();
    assert!(matches!(open(&foreign), Err(Error::Corrupt { .. })));
    assert!(matches!(place.vault.adopt(foreign), Err(Error::Setting { .. })));
    assert!(matches!(
        Vault::create_in(Box::new(place.store.clone()), place.keyset.clone()),
        Err(Error::Setting { .. })
    ));

    let (first, second, twin) =
        (place.keyset.clone(), place.keyset.rotated(NOW).unwrap(), place.keyset.rotated(NOW).unwrap());
    place.vault.adopt(second.clone()).unwrap();
    assert!(matches!(place.vault.adopt(first.clone()), Err(Error::Setting { .. })), "fewer versions");
    assert!(matches!(place.vault.adopt(twin.clone()), Err(Error::Setting { .. })), "another version 2");
    assert!(open(&first).unwrap_err().to_string().contains("older"));
    assert!(open(&twin).is_err());
    let destroyed = second.with_state(version(1), KeyState::Destroyed, NOW).unwrap();
    let refused = place.vault.adopt(destroyed.clone()).unwrap_err().to_string();
    assert!(refused.contains("1 × seal of field \"email\" of tenant \"acme\""), "{refused}");
    place.vault.migrate(|_| {}).unwrap();
    let refused = place.vault.adopt(destroyed).unwrap_err().to_string();
    assert!(refused.contains("identity"), "{refused}");
    let second = second.with_identity(version(2), NOW).unwrap();
    place.vault.adopt(second.clone()).unwrap();
    let destroyed = second.with_state(version(1), KeyState::Destroyed, NOW).unwrap();
    place.vault.adopt(destroyed.clone()).unwrap();
    assert!(matches!(place.vault.adopt(second), Err(Error::Setting { .. })), "a destroyed key comes back");
    place.keyset = destroyed;
    place.reopen();
    assert_eq!(tenant(&place.vault, "acme").records(&subject("ann")).unwrap().len(), 1);

    // Saved, and the process was killed before the vault knew: from the next opening on, the old one is refused.
    let (old, saved) = (place.keyset.clone(), place.keyset.rotated(NOW).unwrap());
    place.keyset = saved;
    place.reopen();
    assert!(Vault::open_in(Box::new(place.store.clone()), old).is_err());
}

// SPEC: VAULT-10, KEY-8
/// A version that may not reveal still leads to its subjects: nobody is put in twice or said not to be there.
#[test]
fn a_suspended_version_hides_values_and_no_subject() {
    for state in [KeyState::Suspended, KeyState::Compromised] {
        let mut place = InMemory::new();
        tenant(&place.vault, "acme").put(&subject("ann"), &[(&field("email"), b"1")]).unwrap();
        place.keyset = place.keyset.with_state(version(1), state, NOW).unwrap();
        place.vault.adopt(place.keyset.clone()).unwrap();
        place.reopen();
        let put = tenant(&place.vault, "acme").put(&subject("bob"), &[]);
        assert!(matches!(put, Err(Error::KeyState { version: 1, .. })), "{put:?}");
        place.rotate();
        let acme = tenant(&place.vault, "acme");
        assert!(acme.has(&subject("ann")).unwrap());
        assert!(matches!(acme.records(&subject("ann")), Err(Error::KeyState { version: 1, .. })));
        let put = acme.put(&subject("ann"), &[(&field("email"), b"2")]);
        assert!(matches!(put, Err(Error::KeyState { version: 1, .. })));
        assert!(matches!(place.vault.migrate(|_| {}), Err(Error::KeyState { version: 1, .. })));
        acme.put(&subject("bob"), &[(&field("email"), b"2")]).unwrap();
        assert!(place.vault.check().unwrap().is_clean());
        assert_eq!(acme.erase(&subject("ann")).unwrap().unwrap().fields, 1);
        assert!(place.vault.check().unwrap().is_clean());
        assert_eq!(place.vault.census().needing(version(1)), 0);
    }
}

// SPEC: VAULT-2, SECRET-1
#[test]
fn nothing_shows_a_subject_a_value_or_a_key() {
    const SUBJECT: &str = "Ann-Kathrin-10423";
    const VALUE: &str = "4111-1111-1111-1111";
    let place = InMemory::new();
    let vault = &place.vault;
    let acme = tenant(vault, "acme");
    let (ann, card) = (subject(SUBJECT), field("card"));
    let fields = [(&card, VALUE.as_bytes())];
    let id = acme.put(&ann, &fields).unwrap();
    let row = Row { subject: &ann, fields: &fields };
    let run = vault.begin_run();
    run.put_many(&acme, &[row]).unwrap();
    let references = acme.references(&card, version(1)).unwrap();
    let mut shown = format!(
        "{vault:?} {acme:?} {row:?} {run:?} {id:?} {:?} {:?} {:?} {references:?} {:?} {:?}",
        acme.records(&ann).unwrap(),
        acme.reveal(id, &card).unwrap(),
        vault.census(),
        vault.check().unwrap(),
        vault.keyset(),
    );
    drop(run);
    let mut show = |error: Error| shown.push_str(&format!(" {error} {error:?}"));
    show(acme.put(&ann, &[fields[0], fields[0]]).unwrap_err());
    show(acme.put(&ann, &[(&card, VALUE.repeat(100_000).as_bytes())]).unwrap_err());
    show(SubjectId::new(&format!("{SUBJECT}\n{SUBJECT}")).unwrap_err());
    show(references.parse(VALUE, SUBJECT.as_bytes()).unwrap_err());
    show(vault.adopt(Keyset::generate(NOW).unwrap()).unwrap_err());
    // Every byte of every entry altered, one at a time.
    for map in [INDEX, ENTRY] {
        for (key, value) in place.store.scan(map, b"", None, 100).unwrap() {
            for at in 0..value.len() {
                let mut altered = value.clone();
                altered[at] ^= 0x21;
                place.store.apply(put(map, &key, &altered)).unwrap();
                shown.push_str(&format!(" {:?}", vault.check().unwrap()));
                let mut show = |error: Error| shown.push_str(&format!(" {error} {error:?}"));
                let _ = acme.records(&ann).map_err(&mut show);
                let _ = acme.reveal(id, &card).map_err(&mut show);
            }
            place.store.apply(put(map, &key, &value)).unwrap();
        }
    }
    assert!(vault.check().unwrap().is_clean());
    shown.push_str(&format!(" {:?}", acme.erase(&ann).unwrap()));
    let secret = *vault.keyset().primary().unwrap().secret().expose();
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    for planted in [SUBJECT, VALUE, "Kathrin", &hex[..16], &format!("{:?}", &secret[..8])[1..20]] {
        assert!(!shown.contains(planted), "{planted:?} is shown");
    }
    for planted in [SUBJECT.as_bytes(), VALUE.as_bytes()] {
        assert!(!format!("{shown:?}").contains(&format!("{planted:?}")[1..30]));
    }
}

fn put(map: Map, key: &[u8], value: &[u8]) -> Batch {
    let mut batch = Batch::new();
    batch.put(map, key, value);
    batch
}

#[cfg(feature = "sled")]
mod in_a_directory {
    use super::*;
    use std::fs;

    #[test]
    fn only_a_vault_opens_and_only_with_its_key() {
        let mut place = InDirectory::new();
        let path = place.path();
        let open = |path: &std::path::Path, provider: &KeyFile| Vault::open(path, provider);
        assert!(matches!(open(&path, &place.provider), Err(Error::Busy { .. })));
        assert!(matches!(Vault::create(&path, &place.provider, NOW), Err(Error::Exists { .. })));
        let other = KeyFile::create(place.dir.path().join("other key")).unwrap();
        place.vault = None;
        assert!(matches!(open(&path, &other), Err(Error::KeysetLocked)));
        for nothing in ["missing", "key", ""] {
            let refused = open(&place.dir.path().join(nothing), &place.provider);
            assert!(matches!(refused, Err(Error::NotAVault { .. })), "{refused:?}");
        }
        let missing = place.dir.path().join("missing/vault");
        assert!(matches!(Vault::create(missing, &place.provider, NOW), Err(Error::Io { .. })));

        let keyset = path.join("keyset");
        let whole = fs::read(&keyset).unwrap();
        for n in 0..whole.len() {
            for damaged in [&whole[..n], &[&whole[..n], &[whole[n] ^ 1], &whole[n + 1..]].concat()] {
                fs::write(&keyset, damaged).unwrap();
                assert!(open(&path, &place.provider).is_err(), "byte {n}");
            }
        }
        fs::write(&keyset, &whole).unwrap();
        open(&path, &place.provider).unwrap();

        let foreign = InDirectory::new();
        fs::copy(foreign.path().join("keyset"), &keyset).unwrap();
        let refused = open(&path, &foreign.provider);
        assert!(matches!(refused, Err(Error::Corrupt { .. })), "{refused:?}");
        fs::write(&keyset, &whole).unwrap();
        let vault = open(&path, &place.provider).unwrap();
        vault.rotate(&place.provider, NOW).unwrap();
        drop(vault);
        let rotated = fs::read(&keyset).unwrap();
        fs::write(&keyset, &whole).unwrap();
        assert!(open(&path, &place.provider).unwrap_err().to_string().contains("older"));
        fs::write(&keyset, rotated).unwrap();
        let vault = open(&path, &place.provider).unwrap();
        vault.relock(&other).unwrap();
        drop(vault);
        assert!(matches!(open(&path, &place.provider), Err(Error::KeysetLocked)));
        assert_eq!(open(&path, &other).unwrap().keyset().primary_number(), version(2));
    }

    #[cfg(feature = "passphrase")]
    #[test]
    fn a_passphrase_opens_it_as_well() {
        use cloakroom::keys::{Argon2Cost, Passphrase};
        let cheap = Argon2Cost { memory_kib: 64, iterations: 1, lanes: 1 };
        let pass = |text: &str| Passphrase::new(text.into()).unwrap().with_cost(cheap).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vault");
        let vault = Vault::create(&path, &pass("horse"), NOW).unwrap();
        tenant(&vault, "acme").put(&subject("ann"), &[(&field("email"), b"1")]).unwrap();
        vault.rotate(&pass("horse"), NOW).unwrap();
        drop(vault);
        assert!(matches!(Vault::open(&path, &pass("cow")), Err(Error::KeysetLocked)));
        let key = KeyFile::create(dir.path().join("key")).unwrap();
        assert!(matches!(Vault::open(&path, &key), Err(Error::KeySource { .. })));
        let vault = Vault::open(&path, &pass("horse")).unwrap();
        assert!(tenant(&vault, "acme").has(&subject("ann")).unwrap());
    }

    /// A provider that fails leaves no half-made vault in the way, and no half-made edit.
    #[test]
    fn a_failing_provider_changes_nothing() {
        struct Failing;
        impl cloakroom::keys::KeyProvider for Failing {
            fn id(&self) -> &str {
                "failing"
            }
            fn wrap(&self, _: &cloakroom::crypto::secret::DataKey) -> Result<Vec<u8>> {
                Err(Error::KeySource { what: "the token".into(), problem: "was pulled out".into() })
            }
            fn unwrap(&self, _: &[u8]) -> Result<cloakroom::crypto::secret::DataKey> {
                Err(Error::KeysetLocked)
            }
        }
        let mut place = InDirectory::new();
        let path = place.dir.path().join("another");
        assert!(matches!(Vault::create(&path, &Failing, NOW), Err(Error::KeySource { .. })));
        Vault::create(&path, &place.provider, NOW).unwrap();
        assert!(matches!(place.vault().rotate(&Failing, NOW), Err(Error::KeySource { .. })));
        assert_eq!(place.vault().keyset().primary_number(), version(1));
        place.reopen();
        assert_eq!(place.vault().keyset().primary_number(), version(1));
    }

    #[test]
    fn rotations_at_once_make_different_versions() {
        let mut place = InDirectory::new();
        let (vault, provider) = (place.vault(), &place.provider);
        thread::scope(|scope| {
            for t in 0..3 {
                scope.spawn(move || {
                    for n in 0..3 {
                        vault.rotate(provider, NOW).unwrap();
                        tenant(vault, "acme")
                            .put(&subject(&format!("{t} {n}")), &[(&field("email"), b"1")])
                            .unwrap();
                    }
                });
            }
        });
        assert_eq!(vault.keyset().primary_number(), version(10));
        place.reopen();
        let report = place.vault().check().unwrap();
        assert!(report.is_clean() && report.subjects == 9, "{report:?}");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Put(usize, Vec<(usize, u8)>),
    Erase(usize, usize),
    Rotate,
    Migrate,
    RunPut(usize, Vec<(usize, u8)>),
    Commit,
    RollBack,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let rows = || prop::collection::vec((0..5_usize, 0..4_u8), 1..5);
    prop_oneof![
        4 => (0..2_usize, rows()).prop_map(|(tenant, rows)| Step::Put(tenant, rows)),
        3 => (0..2_usize, 0..5_usize).prop_map(|(tenant, id)| Step::Erase(tenant, id)),
        1 => Just(Step::Rotate),
        1 => Just(Step::Migrate),
        5 => (0..2_usize, rows()).prop_map(|(tenant, rows)| Step::RunPut(tenant, rows)),
        1 => Just(Step::Commit),
        2 => Just(Step::RollBack),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    // SPEC: VAULT-12
    #[test]
    fn any_sequence_agrees_with_the_model(steps in prop::collection::vec(step(), 1..30)) {
        let mut place = InMemory::new();
        let mut model = Model::new();
        // Vaults are put aside instead of dropped: a run borrows its vault, and is cut off by reopening.
        let mut vault: &'static Vault =
            Box::leak(Box::new(Vault::open_in(Box::new(place.store.clone()), place.keyset.clone()).unwrap()));
        let mut run: Option<Run<'static>> = None;
        let rows = |rows: &[(usize, u8)]| -> Vec<(&'static str, Values)> {
            const IDS: [&str; 5] = ["ann", "bob", "cid", "dora", "eve"];
            let all = [("email", "e"), ("phone", "p"), ("card", "c")];
            rows.iter().map(|(id, fields)| (IDS[*id], values(&all[..usize::from(*fields)]))).collect()
        };
        let part = |vault, n: usize| tenant(vault, ["acme", "other"][n]);
        for step in steps {
            match step {
                Step::Put(t, r) => model.put(&part(vault, t), None, &rows(&r)),
                Step::RunPut(t, r) => {
                    let run = run.get_or_insert_with(|| vault.begin_run());
                    model.put(&part(vault, t), Some(run), &rows(&r));
                }
                Step::Erase(t, id) => model.erase(&part(vault, t), rows(&[(id, 0)])[0].0),
                Step::Rotate => {
                    place.keyset = place.keyset.rotated(NOW).unwrap();
                    vault.adopt(place.keyset.clone()).unwrap();
                    model.primary = place.keyset.primary_number().get();
                }
                Step::Migrate => {
                    vault.migrate(|_| {}).unwrap();
                    model.migrated();
                }
                Step::Commit => {
                    if let Some(run) = run.take() {
                        run.commit(None).unwrap();
                        model.commit();
                    }
                }
                Step::RollBack => {
                    drop(run.take());
                    model.roll_back();
                }
                Step::Reopen => {
                    std::mem::forget(run.take());
                    model.roll_back();
                    let opened = Vault::open_in(Box::new(place.store.clone()), place.keyset.clone());
                    vault = Box::leak(Box::new(opened.unwrap()));
                }
            }
        }
        model.assert_is(vault);
        let journals = place.store.count(Map::new(4, "run"));
        prop_assert!(run.is_some() || journals == 0);
    }
}
