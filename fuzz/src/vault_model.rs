//! A vault against a model of it, through rotation, migration, runs, and crashes at any write; with random tokens, a
//! blind index, and key versions in every state.
//!
//! After each operation the vault is checked and read in full. A store that fails stands for a process that is killed:
//! the vault is opened again over what was written, and is as before the operation or as after it.

mod compare;
mod disk;
mod model;
mod seeds;

use arbitrary::{Arbitrary, Unstructured};
use cloakroom::format::{Format, Normalization};
use cloakroom::keys::{KeyState, Keyset};
use cloakroom::name::{FieldName, SubjectId, TenantId};
use cloakroom::protect::BlindIndex;
use cloakroom::store::MAX_VALUE;
use cloakroom::time::Timestamp;
use cloakroom::vault::{
    Issued, Look, Migration, ProtectedFile, RandomTokens, Row, Run, Tenant, TokenRules, Vault,
};
use cloakroom::{Error, Result};
use compare::{Depth, difference, found};
use disk::Disk;
use model::{Index, Model, index_use, tokens_use};
pub use seeds::seeds;
use std::sync::LazyLock;

const TENANTS: usize = 2;
const SUBJECTS: usize = 5;
const FIELDS: usize = 4;
const SLOTS: usize = 2;
/// The field of the index.
const EMAIL: usize = 1;
/// Different values that can have a token.
const VALUES: u8 = 8;
/// Operations of one input.
const MOST: usize = 40;
/// A migration moves 32 entries at first: so many it moves as a whole or not at all.
const MOST_ENTRIES: usize = 31;
const NOW: Timestamp = Timestamp(1);

/// The field of the tokens.
static PIN: LazyLock<FieldName> = LazyLock::new(|| FieldName::new("pin").unwrap());

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
    Issue {
        tenant: bool,
        subject: Option<u8>,
        value: u8,
    },
    RunIssue {
        slot: bool,
        tenant: bool,
        requests: [(u8, u8); 2],
    },
    Delete {
        tenant: bool,
        value: u8,
    },
    RotateUse {
        tenant: bool,
        tokens: bool,
    },
    DefineIndex {
        tenant: bool,
        wide: bool,
    },
    DropIndex {
        tenant: bool,
    },
    Find {
        tenant: bool,
        content: u8,
        length: u8,
    },
    MigrateWith {
        reseal: bool,
        despite_state: bool,
    },
    /// Pseudonyms are not made here, but their key keeps its version from being given up.
    MoveIdentity,
}

impl Op {
    /// Entries of subjects that it adds at the most.
    fn adds(&self) -> usize {
        match self {
            Op::PutMany { .. } => 6,
            Op::RunPut { .. } | Op::RunIssue { .. } => 4,
            Op::Put { .. } | Op::Issue { .. } => 2,
            _ => 0,
        }
    }
}

type Fields = Vec<(usize, Vec<u8>)>;

impl RowPlan {
    fn subject(&self) -> usize {
        usize::from(self.subject) % SUBJECTS
    }

    fn fields(&self) -> Fields {
        let chosen = (0..FIELDS).filter(|i| self.fields >> i & 1 == 1);
        chosen.map(|i| (i, vec![self.content.wrapping_add(i as u8); usize::from(self.length)])).collect()
    }
}

/// The index of the tenants: a narrow one has false positives.
fn index(wide: bool) -> BlindIndex {
    BlindIndex::field(NAMES.2[EMAIL].clone(), Normalization::None, if wide { 64 } else { 8 }).unwrap()
}

fn tokens_of<'v>(tenant: &Tenant<'v>) -> RandomTokens<'v> {
    tenant.random_tokens(&PIN, TokenRules::new(Look::Like(Format::digits()))).unwrap()
}

/// A value that can have a token.
fn text_of(value: u8) -> String {
    format!("{value:02}")
}

fn file(name: u8) -> ProtectedFile {
    ProtectedFile { sha256: [name; 32], made: NOW, tenant: NAMES.0[0].clone(), columns: vec![] }
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
    let mut world = World {
        disk: disk.clone(),
        keyset: Keyset::generate(Timestamp(0)).unwrap(),
        runs: 0,
        between: vec![],
    };
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
    /// What the vault is after some of the writes of an operation that has several.
    between: Vec<Model>,
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
        candidates.iter_mut().for_each(|model| model.roll_back(|_| true));
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
                self.disk.fail_after(u32::from(after % 8), written);
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
            if model.entries() + op.adds() > MOST_ENTRIES {
                continue;
            }
            let before = model.clone();
            self.between.clear();
            self.operate(&vault, &mut model, &mut runs, op);
            if self.disk.has_failed() {
                drop(runs);
                drop(vault);
                self.disk.repair();
                return Some([before].into_iter().chain(self.between.drain(..)).chain([model]).collect());
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
        let active = keyset.primary().is_ok();
        let disk = self.disk.clone();
        let failed = || disk.has_failed();
        let expect = |ok: bool, result: Result<()>, what: &str| match result {
            _ if failed() => {}
            Ok(()) => assert!(ok, "{what} should have been refused"),
            Err(Error::KeyState { .. }) => assert!(!ok, "{what} was refused"),
            Err(error) => panic!("{what}: {error}"),
        };
        // The model has issued a token as the vault has.
        let same = |model: &mut Model, t: usize, value: u8, is_new: bool, issued: Issued| {
            let token = model.tokens.get_mut(&(t, value)).expect("a token was issued");
            assert_eq!(issued.is_new, is_new);
            assert!(token.text.is_none() || token.text.as_ref() == Some(&issued.token), "it has another");
            token.text = Some(issued.token);
        };
        match op {
            Op::Put { tenant, row } => {
                let t = usize::from(tenant);
                let ok = model.may_put(&keyset, t, &[row]);
                let put =
                    with_rows(&[row], |rows| vault.tenant(&tenants[t]).put(rows[0].subject, rows[0].fields));
                expect(ok, put.map(drop), "put");
                if ok {
                    model.put(&keyset, t, &[row], None);
                }
            }
            Op::PutMany { tenant, rows } => {
                let t = usize::from(tenant);
                let ok = model.may_put(&keyset, t, &rows);
                let put = with_rows(&rows, |rows| vault.tenant(&tenants[t]).put_many(rows));
                expect(ok, put.map(|ids| assert_eq!(ids.len(), 3)), "put_many");
                if ok {
                    model.put(&keyset, t, &rows, None);
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
                let ok = model.may_put(&keyset, usize::from(tenant), &[]);
                expect(ok, put.map(drop), "putting nothing");
            }
            Op::RunPut { slot, tenant, rows } => {
                let t = usize::from(tenant);
                let (serial, run) = runs[usize::from(slot)].get_or_insert_with(|| {
                    self.runs += 1;
                    (self.runs, vault.begin_run())
                });
                let ok = model.may_put(&keyset, t, &rows);
                let put = with_rows(&rows, |rows| run.put_many(&vault.tenant(&tenants[t]), rows));
                expect(ok, put.map(drop), "a run's put_many");
                if ok {
                    model.put(&keyset, t, &rows, Some(*serial));
                }
            }
            Op::RunCommit { slot, output } => {
                let Some((serial, run)) = runs[usize::from(slot)].take() else { return };
                expect(active, run.commit(output.map(file).as_ref()), "commit");
                match active {
                    true => {
                        model.commit(serial);
                        model.outputs.extend(output);
                    }
                    false => model.roll_back(|run| run == serial),
                }
            }
            Op::RunRollBack { slot, dropped } => {
                let Some((serial, run)) = runs[usize::from(slot)].take() else { return };
                match dropped {
                    true => drop(run),
                    false => expect(true, run.roll_back(), "rolling back"),
                }
                model.roll_back(|run| run == serial);
            }
            Op::Erase { tenant, subject } => {
                let (t, s) = (usize::from(tenant), usize::from(subject) % SUBJECTS);
                let erased = vault.tenant(&tenants[t]).erase(&subjects[s]);
                let gone = model.erase(t, s);
                match erased {
                    _ if failed() => {}
                    Err(error) => panic!("erase: {error}"),
                    Ok(erasure) => {
                        assert_eq!(erasure.map(|e| [e.records, e.fields, e.tokens, e.indexes]), gone);
                    }
                }
            }
            Op::Rotate => {
                self.keyset = keyset.rotated(NOW).unwrap();
                expect(true, vault.adopt(self.keyset.clone()), "rotate");
            }
            Op::Become { version, state } => {
                let versions = keyset.versions();
                let version = versions[usize::from(version) % versions.len()].number();
                let states = [
                    KeyState::Suspended,
                    KeyState::Active,
                    KeyState::Destroyed,
                    KeyState::Compromised,
                    KeyState::Retired,
                    KeyState::Deactivated,
                ];
                let state = states[usize::from(state) % states.len()];
                let Ok(edited) = keyset.with_state(version, state, NOW) else { return };
                let needed = model.census().keys().any(|(.., of)| *of == version.get());
                let refused = matches!(state, KeyState::Retired | KeyState::Destroyed)
                    && (needed || keyset.identity_number() == version);
                match vault.adopt(edited.clone()) {
                    Err(Error::KeyNeeded { .. }) => assert!(refused),
                    _ if refused => panic!("a needed version was given up"),
                    Ok(()) => self.keyset = edited,
                    Err(_) if failed() => self.keyset = edited,
                    Err(error) => panic!("adopt: {error}"),
                }
            }
            Op::Migrate => self.migrate(vault, model, Migration::default()),
            Op::MigrateWith { reseal, despite_state } => {
                self.migrate(vault, model, Migration { reseal, despite_state, most_per_second: None });
            }
            Op::Issue { tenant, subject, value } => {
                let (t, value) = (usize::from(tenant), value % VALUES);
                let subject = subject.map(|s| usize::from(s) % SUBJECTS);
                let tokens = tokens_of(&vault.tenant(&tenants[t]));
                let issued = tokens.issue(&text_of(value), subject.map(|s| &subjects[s]), NOW);
                let is_new = !model.tokens.contains_key(&(t, value));
                let ok = active
                    && keyset.primary_for(&tokens_use(t)).is_ok()
                    && model.issue(&keyset, t, subject, value, None);
                expect(ok, issued.map(|issued| same(model, t, value, is_new, issued)), "issue");
            }
            Op::RunIssue { slot, tenant, requests } => {
                let t = usize::from(tenant);
                let requests = requests.map(|(s, value)| (usize::from(s) % SUBJECTS, value % VALUES));
                let (serial, run) = runs[usize::from(slot)].get_or_insert_with(|| {
                    self.runs += 1;
                    (self.runs, vault.begin_run())
                });
                let texts = requests.map(|(_, value)| text_of(value));
                let given = [0, 1].map(|i| (&subjects[requests[i].0], texts[i].as_str()));
                let issued = run.issue_many(&tokens_of(&vault.tenant(&tenants[t])), &given, NOW);
                let may_issue = active && keyset.primary_for(&tokens_use(t)).is_ok();
                let mut results = issued.map(Vec::into_iter);
                for (s, value) in requests.into_iter().filter(|_| may_issue) {
                    let is_new = !model.tokens.contains_key(&(t, value));
                    let ok = model.issue(&keyset, t, Some(s), value, Some(*serial));
                    let Ok(results) = &mut results else { continue };
                    let issued = results.next().expect("one result for one request");
                    expect(ok, issued.map(|issued| same(model, t, value, is_new, issued)), "a run's token");
                }
                expect(may_issue, results.map(drop), "a run's issue_many");
            }
            Op::Delete { tenant, value } => {
                let (t, value) = (usize::from(tenant), value % VALUES);
                let token = model.tokens.get(&(t, value));
                // What is not known cannot be deleted.
                let Some(text) = token.map_or(Some("none"), |token| token.text.as_deref()) else { return };
                let deleted = tokens_of(&vault.tenant(&tenants[t])).delete(text);
                let was_there = model.tokens.remove(&(t, value)).is_some();
                expect(true, deleted.map(|deleted| assert_eq!(deleted, was_there)), "delete");
            }
            Op::RotateUse { tenant, tokens } => {
                let t = usize::from(tenant);
                let use_ = if tokens { tokens_use(t) } else { index_use(t) };
                self.keyset = keyset.rotated_for(&use_, NOW).unwrap();
                expect(true, vault.adopt(self.keyset.clone()), "rotate_use");
            }
            Op::DefineIndex { tenant, wide } => {
                let t = usize::from(tenant);
                match (vault.tenant(&tenants[t]).define_index(&index(wide)), model.indexes.get(&t)) {
                    (Err(Error::Setting { .. }), Some(other)) => assert!(active && other.wide != wide),
                    (_, Some(other)) if active && other.wide != wide => panic!("it has another index"),
                    (defined, _) => expect(active, defined, "define_index"),
                }
                if active {
                    let built = model.has_no_field(t);
                    model.indexes.entry(t).or_insert(Index { wide, built });
                }
            }
            Op::DropIndex { tenant } => {
                let t = usize::from(tenant);
                let dropped = vault.tenant(&tenants[t]).drop_index(&names[EMAIL]);
                let was_there = model.indexes.contains_key(&t);
                expect(true, dropped.map(|dropped| assert_eq!(dropped, was_there)), "drop_index");
                model.indexes.remove(&t);
            }
            Op::Find { tenant, content, length } => {
                let text = char::from(content % 94 + 33).to_string().repeat(usize::from(length).max(1));
                assert_eq!(found(vault, model, usize::from(tenant), &text), None);
            }
            Op::MoveIdentity => {
                let Ok(edited) = keyset.with_identity(keyset.primary_number(), NOW) else { return };
                self.keyset = edited;
                expect(true, vault.adopt(self.keyset.clone()), "moving the identity");
            }
            Op::Reopen { .. } | Op::Fail { .. } => unreachable!("handled before"),
        }
    }

    /// Subjects, then tokens; what one pass has moved stays moved if the next is refused.
    fn migrate(&mut self, vault: &Vault, model: &mut Model, how: Migration) {
        let keyset = vault.keyset();
        let migrated = vault.migrate_with(how, |_| {});
        let mut ok = model.may_move_subjects(&keyset, how.despite_state);
        if ok {
            model.move_subjects(&keyset);
            self.between.push(model.clone());
            ok = model.may_move_tokens(&keyset, how.despite_state);
        }
        if ok {
            model.move_tokens(&keyset);
            self.between.push(model.clone());
            model.indexes.values_mut().for_each(|index| index.built = true);
        }
        match migrated {
            _ if self.disk.has_failed() => {}
            Ok(_) => assert!(ok, "migrate should have been refused"),
            Err(Error::KeyState { .. }) => assert!(!ok, "migrate was refused"),
            Err(error) => panic!("migrate: {error}"),
        }
    }
}
