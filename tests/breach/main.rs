//! The blast radius against a walk over all leaves; budgets and alarms.

#[path = "../shared_store/mod.rs"]
mod shared_store;

mod budgets;
mod lists;
mod radius;
mod segments;

use cloakroom::duties::{
    Access, Basis, FieldRules, Permission, PrincipalRules, PurposeRules, RoleRules, Rules,
};
use cloakroom::keys::Keyset;
use cloakroom::name::{FieldName, Note, Principal, Purpose, RoleName, SubjectId, TenantId};
use cloakroom::time::Timestamp;
use cloakroom::vault::{AlarmKind, RecordId, Row, Vault};
use cloakroom::wire::audit::Leaf;
use shared_store::{ACCESS, AUDIT, Shared};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

const FIELDS: [&str; 3] = ["email", "phone", "diagnosis"];
const TENANTS: [&str; 2] = ["acme", "globex"];
const PRINCIPALS: [&str; 3] = ["alice", "bob", "carol"];
const PURPOSES: [&str; 2] = ["support", "billing"];
const START: u64 = 1_800_000_000;

fn field(name: &str) -> FieldName {
    FieldName::new(name).unwrap()
}

fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

fn principal(name: &str) -> Principal {
    Principal::new(name).unwrap()
}

fn purpose(name: &str) -> Purpose {
    Purpose::new(name).unwrap()
}

fn subject(number: usize) -> SubjectId {
    SubjectId::new(&format!("subject-{number}")).unwrap()
}

fn access(by: &str, what_for: &str) -> Access {
    Access { principal: principal(by), purpose: purpose(what_for) }
}

/// Everybody may see all but the diagnosis, for support; nobody anything for billing.
fn rules() -> Rules {
    let mut rules = Rules::default();
    let declared = PurposeRules {
        basis: Basis::Contract,
        text: None,
        recipients: vec![],
        special: false,
        despite_restriction: false,
        despite_hold: false,
    };
    rules.purposes.insert(purpose("support"), declared);
    let agent = RoleName::new("agent").unwrap();
    let role = RoleRules {
        purposes: [purpose("support")].into(),
        reveal: FIELDS.iter().map(|name| (field(name), Permission::Full)).collect(),
        budget: None,
    };
    rules.roles.insert(agent.clone(), role);
    for name in PRINCIPALS {
        let of = PrincipalRules { roles: [agent.clone()].into(), ..PrincipalRules::default() };
        rules.principals.insert(principal(name), of);
    }
    for name in FIELDS {
        let of = FieldRules {
            category: Some(Note::new(if name == "diagnosis" { "health" } else { "contact" }).unwrap()),
            purposes: [purpose("support")].into(),
            retention: None,
            special: name == "diagnosis",
        };
        rules.fields.insert(field(name), of);
    }
    rules
}

struct World {
    store: Shared,
    vault: Vault,
    clock: Arc<AtomicU64>,
    alarms: Arc<Mutex<Vec<AlarmKind>>>,
    keyset: Keyset,
    records: Vec<(usize, RecordId, Vec<usize>)>,
    /// Ids of fields in leaves, by tenant and field.
    ids: HashMap<(usize, usize), [u8; 8]>,
}

impl World {
    fn new() -> Self {
        let (store, keyset) = (Shared::default(), Keyset::generate(Timestamp(0)).unwrap());
        let vault = Vault::create_in(Box::new(store.clone()), keyset.clone()).unwrap();
        let (clock, alarms) = (Arc::new(AtomicU64::new(START)), Arc::default());
        let mut world = Self {
            vault: watched(vault, &clock, &alarms),
            store,
            clock,
            alarms,
            keyset,
            records: vec![],
            ids: HashMap::new(),
        };
        for t in 0..TENANTS.len() {
            for f in 0..FIELDS.len() {
                world.put(t, &[(0, vec![f])], None);
                let leaves = world.leaves();
                let id = Leaf::parse(leaves.last().unwrap()).unwrap().contexts[0].fields[0];
                world.ids.insert((t, f), id);
            }
        }
        world
    }

    fn reopen(&mut self) {
        let vault = Vault::open_in(Box::new(self.store.clone()), self.keyset.clone()).unwrap();
        self.vault = watched(vault, &self.clock, &self.alarms);
    }

    fn leaves(&self) -> Vec<Vec<u8>> {
        self.store.all(AUDIT).into_iter().map(|(_, leaf)| leaf).collect()
    }

    fn put(&mut self, t: usize, rows: &[(usize, Vec<usize>)], by: Option<&Access>) {
        let of = self.vault.tenant(&tenant(TENANTS[t]));
        let of = by.map_or(of.clone(), |access| of.by(access.clone()));
        let subjects: Vec<_> = rows.iter().map(|(s, _)| subject(*s)).collect();
        let names: Vec<_> = FIELDS.map(field).into();
        let values: Vec<Vec<(&FieldName, &[u8])>> =
            rows.iter().map(|(_, fields)| fields.iter().map(|f| (&names[*f], &b"x"[..])).collect()).collect();
        let rows_: Vec<_> =
            subjects.iter().zip(&values).map(|(subject, fields)| Row { subject, fields }).collect();
        let ids = of.put_many(&rows_).unwrap();
        self.records.extend(ids.into_iter().zip(rows).map(|(id, (_, fields))| (t, id, fields.clone())));
    }

    /// Fields of records from one on, by whom, for what.
    fn reveal(&self, from: usize, count: usize, of: usize, by: &Access) {
        let f = field(FIELDS[of]);
        for (t, name) in TENANTS.iter().enumerate() {
            let records = self.records.iter().cycle().skip(from).take(count).filter(|(of, ..)| *of == t);
            let asked: Vec<_> = records.map(|(_, id, _)| (*id, &f)).collect();
            self.vault.revealer(&tenant(name), by.clone()).reveal_many(&asked).unwrap();
        }
    }
}

fn watched(vault: Vault, clock: &Arc<AtomicU64>, alarms: &Arc<Mutex<Vec<AlarmKind>>>) -> Vault {
    let (clock, alarms) = (Arc::clone(clock), Arc::clone(alarms));
    let vault = vault.with_clock(move || Timestamp(clock.load(Ordering::SeqCst)));
    vault.with_alarm(move |alarm| alarms.lock().unwrap().push(alarm.kind))
}

#[derive(Clone, Debug)]
enum Step {
    Put { tenant: usize, rows: Vec<(usize, Vec<usize>)>, by: Option<(usize, usize)> },
    Bulk { tenant: usize, rows: usize, by: usize },
    Reveal { from: usize, count: usize, field: usize, by: (usize, usize) },
    Erase { tenant: usize, subject: usize },
    Rotate,
    Wait(u64),
    Index,
    Reopen,
}

impl World {
    fn take(&mut self, step: Step) {
        let named = |(by, what_for): (usize, usize)| access(PRINCIPALS[by], PURPOSES[what_for]);
        match step {
            Step::Put { tenant, rows, by } => self.put(tenant, &rows, by.map(named).as_ref()),
            Step::Bulk { tenant, rows, by } => {
                let rows: Vec<_> = (0..rows).map(|i| (i, vec![i % 3])).collect();
                self.put(tenant, &rows, Some(&named((by, 0))));
            }
            Step::Reveal { from, count, field, by } => self.reveal(from, count, field, &named(by)),
            Step::Erase { tenant: t, subject: s } => {
                self.vault.tenant(&tenant(TENANTS[t])).erase(&subject(s)).unwrap();
            }
            Step::Rotate => {
                self.keyset = self.keyset.rotated(Timestamp(self.clock.load(Ordering::SeqCst))).unwrap();
                self.vault.adopt(self.keyset.clone()).unwrap();
            }
            Step::Wait(seconds) => drop(self.clock.fetch_add(seconds, Ordering::SeqCst)),
            Step::Index => assert_eq!(self.vault.index_accesses().unwrap(), self.leaves().len() as u64),
            Step::Reopen => self.reopen(),
        }
    }
}

/// With several segments.
fn indexed() -> World {
    let mut world = World::new();
    world.vault.admin(principal("root")).set_rules(rules(), None).unwrap();
    let rows: Vec<_> = (0..3000).map(|s| (s, vec![0, 1])).collect();
    (0..4).for_each(|_| world.put(0, &rows, None));
    world.reveal(0, 700, 0, &access("alice", "support"));
    world.vault.index_accesses().unwrap();
    assert!(world.store.all(ACCESS).len() >= 2);
    world
}

/// Reveals so many emails at once.
fn reveal_emails(world: &World, count: usize, by: &str) -> cloakroom::Result<usize> {
    let email = field("email");
    let of_acme = world.records.iter().filter(|(t, _, fields)| *t == 0 && fields.contains(&0));
    let asked: Vec<_> = of_acme.cycle().take(count).map(|(_, id, _)| (*id, &email)).collect();
    let shown = world.vault.revealer(&tenant("acme"), access(by, "support")).reveal_many(&asked)?;
    Ok(shown.iter().filter(|shown| shown.as_ref().is_ok_and(Option::is_some)).count())
}
