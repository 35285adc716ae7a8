//! A vault against a model of it, through rotation, migration, runs, and crashes at any write.
//!
//! After each operation the vault is checked and read in full. A store that fails stands for a process that is killed:
//! the vault is opened again over what was written, and is as before the operation or as after it.

use arbitrary::{Arbitrary, Unstructured};
use cloakroom::keys::{KeyState, Keyset};
use cloakroom::name::{FieldName, KeyVersion, SubjectId, TenantId};
use cloakroom::store::memory::MemoryStore;
use cloakroom::store::{Batch, Commit, Entry, MAX_VALUE, Map, Store};
use cloakroom::time::Timestamp;
use cloakroom::vault::{Mode, RecordId, Row, Run, Vault};
use cloakroom::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};

const TENANTS: usize = 2;
const SUBJECTS: usize = 5;
const FIELDS: usize = 4;
const SLOTS: usize = 2;
/// Operations of one input.
const MOST: usize = 40;

static NAMES: LazyLock<([TenantId; TENANTS], [SubjectId; SUBJECTS], [FieldName; FIELDS])> =
    LazyLock::new(|| {
        (
            ["acme", "acme2"].map(|name| TenantId::new(name).unwrap()),
            ["1", "2", "ada", "bob@example.org", "10423"].map(|id| SubjectId::new(id).unwrap()),
            ["a", "email", "phone", "a b"].map(|name| FieldName::new(name).unwrap()),
        )
    });

/// A record: which fields, and what is in them.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct RowPlan {
    subject: u8,
    fields: u8,
    content: u8,
    length: u8,
}

#[derive(Arbitrary, Debug)]
enum Op {
    Put {
        tenant: bool,
        row: RowPlan,
    },
    PutMany {
        tenant: bool,
        rows: [RowPlan; 3],
    },
    PutTooMuch {
        tenant: bool,
        subject: u8,
    },
    PutTwice {
        tenant: bool,
        subject: u8,
    },
    PutNone {
        tenant: bool,
    },
    RunPut {
        slot: bool,
        tenant: bool,
        rows: [RowPlan; 2],
    },
    RunCommit {
        slot: bool,
        output: Option<u8>,
    },
    RunRollBack {
        slot: bool,
        dropped: bool,
    },
    Erase {
        tenant: bool,
        subject: u8,
    },
    Rotate,
    Become {
        version: u8,
        state: u8,
    },
    Migrate,
    Reopen {
        killed: bool,
    },
    /// So many writes succeed, and then no more; whether the one that fails is on the disk all the same.
    Fail {
        after: u8,
        written: bool,
    },
}

/// A store that outlives its vault, and can fail.
#[derive(Clone, Default)]
struct Disk {
    store: Arc<MemoryStore>,
    writes_left: Arc<AtomicU32>,
    fails: Arc<AtomicBool>,
    written: Arc<AtomicBool>,
    failed: Arc<AtomicBool>,
}

impl Disk {
    fn io() -> Error {
        Error::io("use", "the disk")(std::io::Error::other("pulled out"))
    }

    fn alive(&self) -> Result<()> {
        if self.failed.load(Relaxed) { Err(Self::io()) } else { Ok(()) }
    }

    fn repair(&self) {
        self.fails.store(false, Relaxed);
        self.failed.store(false, Relaxed);
    }
}

impl Store for Disk {
    fn get(&self, map: Map, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.alive()?;
        self.store.get(map, key)
    }

    fn scan(&self, map: Map, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>> {
        self.alive()?;
        self.store.scan(map, prefix, after, limit)
    }

    fn write(&self, batch: Batch) -> Result<Commit> {
        self.alive()?;
        if self.fails.load(Relaxed) {
            let left = self.writes_left.load(Relaxed);
            if left == 0 {
                self.failed.store(true, Relaxed);
                if self.written.load(Relaxed) {
                    self.store.write(batch)?;
                }
                return Err(Self::io());
            }
            self.writes_left.store(left - 1, Relaxed);
        }
        self.store.write(batch)
    }

    fn sync(&self, commit: Commit) -> Result<()> {
        self.alive()?;
        self.store.sync(commit)
    }

    fn size(&self) -> Result<u64> {
        self.store.size()
    }
}

type Fields = Vec<(usize, Vec<u8>)>;

#[derive(Clone, Debug)]
struct Record {
    fields: Fields,
    /// The run it belongs to, until that is committed.
    run: Option<u32>,
}

#[derive(Clone, Debug)]
struct Subject {
    wrapped_by: KeyVersion,
    records: Vec<Record>,
}

/// What should be in the vault.
#[derive(Clone, Debug, Default)]
struct Model {
    subjects: BTreeMap<(usize, usize), Subject>,
    outputs: BTreeSet<u8>,
}

impl Model {
    fn put(&mut self, tenant: usize, rows: &[RowPlan], run: Option<u32>, primary: KeyVersion) {
        for row in rows {
            let subject = self
                .subjects
                .entry((tenant, row.subject()))
                .or_insert_with(|| Subject { wrapped_by: primary, records: vec![] });
            subject.records.push(Record { fields: row.fields(), run });
        }
    }

    fn commit(&mut self, run: u32) {
        let records = self.subjects.values_mut().flat_map(|s| &mut s.records);
        records.filter(|r| r.run == Some(run)).for_each(|r| r.run = None);
    }

    fn roll_back(&mut self, which: impl Fn(u32) -> bool) {
        self.subjects.values_mut().for_each(|s| s.records.retain(|r| !r.run.is_some_and(&which)));
        self.subjects.retain(|_, s| !s.records.is_empty());
    }
}

impl RowPlan {
    fn subject(&self) -> usize {
        usize::from(self.subject) % SUBJECTS
    }

    fn fields(&self) -> Fields {
        let chosen = (0..FIELDS).filter(|i| self.fields >> i & 1 == 1);
        chosen.map(|i| (i, vec![self.content.wrapping_add(i as u8); usize::from(self.length)])).collect()
    }
}

/// `f` with the rows as the vault takes them.
fn with_rows<T>(plans: &[RowPlan], f: impl FnOnce(&[Row<'_>]) -> T) -> T {
    let (_, subjects, names) = &*NAMES;
    let values: Vec<Fields> = plans.iter().map(RowPlan::fields).collect();
    let fields: Vec<Vec<(&FieldName, &[u8])>> =
        values.iter().map(|v| v.iter().map(|(i, value)| (&names[*i], &value[..])).collect()).collect();
    let rows: Vec<Row<'_>> = plans
        .iter()
        .zip(&fields)
        .map(|(plan, fields)| Row { subject: &subjects[plan.subject()], fields })
        .collect();
    f(&rows)
}

pub fn run(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let disk = Disk::default();
    let mut world = World { disk: disk.clone(), keyset: Keyset::generate(Timestamp(0)).unwrap(), runs: 0 };
    drop(Vault::create_in(Box::new(disk), world.keyset.clone()).unwrap());
    let (mut candidates, mut left) = (vec![Model::default()], MOST);
    loop {
        match world.session(&candidates, &mut u, &mut left) {
            Some(next) => candidates = next,
            None => return,
        }
    }
}

/// What lives on when a vault is closed.
struct World {
    disk: Disk,
    /// The keyset file.
    keyset: Keyset,
    /// Runs begun so far.
    runs: u32,
}

impl World {
    /// Opens the vault, which is one of the candidates, and operates on it until it is closed: then what it may be next.
    fn session(
        &mut self,
        candidates: &[Model],
        u: &mut Unstructured<'_>,
        left: &mut usize,
    ) -> Option<Vec<Model>> {
        let vault = Vault::open_in(Box::new(self.disk.clone()), self.keyset.clone()).unwrap();
        let mut candidates = candidates.to_vec();
        if self.keyset.primary().is_ok() {
            candidates.iter_mut().for_each(|model| model.roll_back(|_| true));
        }
        let fits = candidates.iter().position(|model| difference(&vault, model, Depth::Fields).is_none());
        let Some(fits) = fits else {
            let all: Vec<_> = candidates.iter().map(|m| (difference(&vault, m, Depth::Fields), m)).collect();
            panic!("the vault that was opened is none of those it could be: {all:#?}")
        };
        let mut model = candidates.swap_remove(fits);
        let mut runs: [Option<(u32, Run<'_>)>; SLOTS] = Default::default();
        while *left > 0 && !u.is_empty() {
            *left -= 1;
            let Ok(op) = Op::arbitrary(u) else { break };
            if let Op::Fail { after, written } = op {
                self.disk.writes_left.store(u32::from(after % 8), Relaxed);
                self.disk.written.store(written, Relaxed);
                self.disk.fails.store(true, Relaxed);
                continue;
            }
            if let Op::Reopen { killed } = op {
                if killed {
                    runs.into_iter().flatten().for_each(|(_, run)| std::mem::forget(run));
                } else {
                    drop(runs);
                }
                drop(vault);
                self.disk.repair();
                return Some(vec![model]);
            }
            let before = model.clone();
            self.operate(&vault, &mut model, &mut runs, op);
            if self.disk.failed.load(Relaxed) {
                drop(runs);
                drop(vault);
                self.disk.repair();
                return Some(vec![before, model]);
            }
            if let Some(difference) = difference(&vault, &model, Depth::Records) {
                panic!("{difference}\n{model:#?}");
            }
        }
        assert_eq!(difference(&vault, &model, Depth::Fields), None, "{model:#?}");
        None
    }

    /// The operation on the vault and on the model. When the disk fails, the model is as if it had not.
    fn operate<'v>(
        &mut self,
        vault: &'v Vault,
        model: &mut Model,
        runs: &mut [Option<(u32, Run<'v>)>; SLOTS],
        op: Op,
    ) {
        let (tenants, subjects, names) = &*NAMES;
        let keyset = vault.keyset();
        let primary = keyset.primary_number();
        let active = keyset.primary().is_ok();
        let disk = self.disk.clone();
        let failed = || disk.failed.load(Relaxed);
        // Whether each of these subjects is new, or her key may be used.
        let usable = |model: &Model, tenant: usize, rows: &[RowPlan]| {
            let known = |row: &RowPlan| model.subjects.get(&(tenant, row.subject()));
            rows.iter().filter_map(known).all(|s| keyset.for_reveal(s.wrapped_by).is_ok())
        };
        let expect = |ok: bool, result: Result<()>, what: &str| match result {
            _ if failed() => {}
            Ok(()) => assert!(ok, "{what} should have been refused"),
            Err(Error::KeyState { .. }) => assert!(!ok, "{what} was refused"),
            Err(error) => panic!("{what}: {error}"),
        };
        match op {
            Op::Put { tenant, row } => {
                let t = usize::from(tenant);
                let ok = active && usable(model, t, &[row]);
                let put =
                    with_rows(&[row], |rows| vault.tenant(&tenants[t]).put(rows[0].subject, rows[0].fields));
                expect(ok, put.map(drop), "put");
                if ok {
                    model.put(t, &[row], None, primary);
                }
            }
            Op::PutMany { tenant, rows } => {
                let t = usize::from(tenant);
                let ok = active && usable(model, t, &rows);
                let put = with_rows(&rows, |rows| vault.tenant(&tenants[t]).put_many(rows));
                expect(ok, put.map(|ids| assert_eq!(ids.len(), 3)), "put_many");
                if ok {
                    model.put(t, &rows, None, primary);
                }
            }
            Op::PutTooMuch { tenant, subject } => {
                let (subject, value) = (&subjects[usize::from(subject) % SUBJECTS], vec![7; MAX_VALUE]);
                let put = vault.tenant(&tenants[usize::from(tenant)]).put(subject, &[(&names[0], &value)]);
                assert!(put.is_err());
            }
            Op::PutTwice { tenant, subject } => {
                let subject = &subjects[usize::from(subject) % SUBJECTS];
                let fields = [(&names[0], &b"a"[..]), (&names[0], b"b")];
                assert!(vault.tenant(&tenants[usize::from(tenant)]).put(subject, &fields).is_err());
            }
            Op::PutNone { tenant } => {
                let put = vault.tenant(&tenants[usize::from(tenant)]).put_many(&[]);
                expect(active, put.map(drop), "putting nothing");
            }
            Op::RunPut { slot, tenant, rows } => {
                let t = usize::from(tenant);
                let (serial, run) = runs[usize::from(slot)].get_or_insert_with(|| {
                    self.runs += 1;
                    (self.runs, vault.begin_run())
                });
                let ok = active && usable(model, t, &rows);
                let put = with_rows(&rows, |rows| run.put_many(&vault.tenant(&tenants[t]), rows));
                expect(ok, put.map(drop), "a run's put_many");
                if ok {
                    model.put(t, &rows, Some(*serial), primary);
                }
            }
            Op::RunCommit { slot, output } => {
                let Some((serial, run)) = runs[usize::from(slot)].take() else { return };
                expect(active, run.commit(output.map(|o| [o; 32]).as_ref()), "commit");
                if active {
                    model.commit(serial);
                    model.outputs.extend(output);
                }
            }
            Op::RunRollBack { slot, dropped } => {
                let Some((serial, run)) = runs[usize::from(slot)].take() else { return };
                match dropped {
                    true => drop(run),
                    false => expect(active, run.roll_back(), "rolling back"),
                }
                if active {
                    model.roll_back(|run| run == serial);
                }
            }
            Op::Erase { tenant, subject } => {
                let (t, s) = (usize::from(tenant), usize::from(subject) % SUBJECTS);
                let erased = vault.tenant(&tenants[t]).erase(&subjects[s]);
                if failed() {
                    model.subjects.remove(&(t, s));
                    return;
                }
                match erased {
                    Err(Error::KeyState { .. }) => assert!(!active),
                    Err(error) => panic!("erase: {error}"),
                    Ok(None) => assert!(!model.subjects.contains_key(&(t, s))),
                    Ok(Some(erasure)) => {
                        let gone = model.subjects.remove(&(t, s)).expect("a subject that was never put");
                        let fields: usize = gone.records.iter().map(|r| r.fields.len()).sum();
                        assert_eq!(
                            (erasure.records, erasure.fields),
                            (gone.records.len() as u64, fields as u64)
                        );
                    }
                }
            }
            Op::Rotate => {
                self.keyset = keyset.rotated(Timestamp(1)).unwrap();
                expect(true, vault.adopt(self.keyset.clone()), "rotate");
            }
            Op::Become { version, state } => {
                let versions = keyset.versions();
                let version = versions[usize::from(version) % versions.len()].number();
                let states =
                    [KeyState::Suspended, KeyState::Active, KeyState::Destroyed, KeyState::Compromised];
                let state = states[usize::from(state) % states.len()];
                let Ok(edited) = keyset.with_state(version, state, Timestamp(1)) else { return };
                let needed = vault.census().needing(version) > 0;
                match vault.adopt(edited.clone()) {
                    Err(Error::Setting { .. }) => assert!(state == KeyState::Destroyed && needed),
                    _ if state == KeyState::Destroyed && needed => panic!("a needed version was destroyed"),
                    Ok(()) => self.keyset = edited,
                    Err(_) if failed() => self.keyset = edited,
                    Err(error) => panic!("adopt: {error}"),
                }
            }
            Op::Migrate => {
                let ok = active && model.subjects.values().all(|s| keyset.for_reveal(s.wrapped_by).is_ok());
                expect(ok, vault.migrate(|_| {}).map(drop), "migrate");
                if ok {
                    model.subjects.values_mut().for_each(|s| s.wrapped_by = primary);
                    if !failed() {
                        assert!(vault.census().lines().all(|(line, _)| line.version == primary.get()));
                    }
                }
            }
            Op::Reopen { .. } | Op::Fail { .. } => unreachable!("handled before"),
        }
    }
}

/// How much is read: every record whole, or each field of it by itself as well.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Records,
    Fields,
}

/// What the vault has and the model has not, or the other way round.
fn difference(vault: &Vault, model: &Model, depth: Depth) -> Option<String> {
    let (tenants, subjects, names) = &*NAMES;
    let keyset = vault.keyset();
    let report = vault.check().unwrap();
    let records = || model.subjects.values().flat_map(|s| &s.records);
    let expected = (
        model.subjects.len() as u64,
        records().count() as u64,
        records().map(|r| r.fields.len() as u64).sum::<u64>(),
    );
    if !report.is_clean() || (report.subjects, report.records, report.fields) != expected {
        return Some(format!("check says {report:?}, and should count {expected:?}"));
    }
    let census = vault.census();
    let counted = (census.total(Mode::SubjectKey), census.total(Mode::Row), census.total(Mode::Seal));
    if counted != (expected.0, expected.0, expected.2) {
        return Some(format!("the census counts {counted:?}, and should {expected:?}"));
    }
    let mut wrapped = BTreeMap::<(&str, u32), u64>::new();
    for ((t, _), subject) in &model.subjects {
        *wrapped.entry((tenants[*t].as_str(), subject.wrapped_by.get())).or_default() += 1;
    }
    let lines = census.lines().filter(|(line, _)| line.mode == Mode::SubjectKey);
    let found: BTreeMap<_, _> = lines.map(|(l, count)| ((l.tenant.as_str(), l.version), count)).collect();
    if found != wrapped {
        return Some(format!("subjects' keys are wrapped by {found:?} instead of {wrapped:?}"));
    }
    for (t, tenant) in tenants.iter().enumerate() {
        let tenant = vault.tenant(tenant);
        for (s, subject) in subjects.iter().enumerate() {
            let known = model.subjects.get(&(t, s));
            if tenant.has(subject).unwrap() != known.is_some() {
                return Some(format!("tenant {t}, subject {s}: there or not"));
            }
            let found = match (tenant.records(subject), known) {
                (Err(Error::KeyState { .. }), Some(known))
                    if keyset.for_reveal(known.wrapped_by).is_err() =>
                {
                    continue;
                }
                (found, _) => found.unwrap(),
            };
            if known.is_some_and(|known| keyset.for_reveal(known.wrapped_by).is_err()) {
                return Some(format!("tenant {t}, subject {s}: her key's version may not reveal"));
            }
            let shown: Vec<Fields> = found
                .iter()
                .map(|record| {
                    let number = |name: &str| names.iter().position(|n| n.as_str() == name).unwrap();
                    let shown = record.fields.iter();
                    shown.map(|(name, value)| (number(name), value.expose().to_vec())).collect()
                })
                .collect();
            let known: Vec<Fields> =
                known.iter().flat_map(|k| &k.records).map(|record| record.fields.clone()).collect();
            if shown != known {
                return Some(format!("tenant {t}, subject {s}: {shown:?} instead of {known:?}"));
            }
            for (record, fields) in found.iter().zip(&known) {
                let one = |id: RecordId, i: usize| {
                    let value = tenant.reveal(id, &names[i]).unwrap();
                    value.map(|value| value.expose().to_vec())
                };
                for i in (0..FIELDS).filter(|_| depth == Depth::Fields) {
                    let value = fields.iter().find(|(field, _)| *field == i).map(|(_, value)| value.clone());
                    assert_eq!(one(record.id, i), value);
                }
            }
        }
    }
    for output in &model.outputs {
        if !vault.made(&[*output; 32]).unwrap() {
            return Some(format!("output {output} is forgotten"));
        }
    }
    None
}
