//! The blast radius against a walk over all leaves; budgets and alarms.

mod shared_store;

use cloakroom::Error;
use cloakroom::crypto::sign::SigningKey;
use cloakroom::duties::{
    Access, Action, Basis, Budget, FieldRules, OverBudget, Permission, PrincipalRules, PurposeRules,
    RoleRules, Rules,
};
use cloakroom::keys::{KeyState, Keyset};
use cloakroom::name::{FieldName, KeyVersion, Note, Principal, Purpose, RoleName, SubjectId, TenantId};
use cloakroom::report::BreachReport;
use cloakroom::store::{Batch, Store};
use cloakroom::time::Timestamp;
use cloakroom::vault::{AlarmKind, Mode, Query, Radius, RecordId, Row, Vault};
use cloakroom::wire::audit::Leaf;
use proptest::prelude::*;
use shared_store::{ACCESS, AUDIT, META, Shared};
use std::collections::{BTreeMap, BTreeSet, HashMap};
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

fn with_budget(per_hour: u32, over: OverBudget) -> Rules {
    let mut rules = rules();
    rules.roles.values_mut().for_each(|role| role.budget = Some(Budget { per_hour, over }));
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

/// What the radius has to say, from a walk over every leaf.
#[derive(Debug, Default, PartialEq)]
struct Walked {
    subjects: BTreeSet<[u8; 16]>,
    accesses: u64,
    denied: u64,
    fields: BTreeMap<[u8; 8], BTreeSet<[u8; 16]>>,
    kinds: BTreeMap<String, u64>,
    principals: BTreeMap<String, u64>,
    purposes: BTreeMap<String, u64>,
    keys: BTreeMap<u32, u64>,
    times: BTreeSet<u64>,
}

fn walk(leaves: &[Vec<u8>], query: &Query, asked: Option<[u8; 8]>) -> Walked {
    let mut walked = Walked::default();
    for leaf in leaves {
        let leaf = Leaf::parse(leaf).unwrap();
        for item in &leaf.items {
            let context = &leaf.contexts[usize::from(item.context)];
            let fits = query.principal.as_ref().is_none_or(|p| p.as_str() == leaf.principal)
                && query.purpose.as_ref().is_none_or(|p| p.as_str() == leaf.purpose)
                && query.key.is_none_or(|key| key.get() == context.key_version)
                && query.from.is_none_or(|from| leaf.at >= from)
                && query.to.is_none_or(|to| leaf.at <= to)
                && asked.is_none_or(|field| context.fields.contains(&field));
            if !fits {
                continue;
            }
            if context.decision == 4 {
                walked.denied += 1;
                continue;
            }
            walked.accesses += 1;
            walked.subjects.insert(item.subject);
            for id in context.fields.iter().filter(|id| asked.is_none_or(|asked| asked == **id)) {
                walked.fields.entry(*id).or_default().insert(item.subject);
            }
            *walked.kinds.entry(leaf.kind.into()).or_default() += 1;
            *walked.principals.entry(leaf.principal.into()).or_default() += 1;
            *walked.purposes.entry(leaf.purpose.into()).or_default() += 1;
            *walked.keys.entry(context.key_version).or_default() += 1;
            walked.times.insert(leaf.at.0);
        }
    }
    walked
}

#[track_caller]
fn same(radius: &Radius, walked: &Walked, query: &Query) {
    let fields: BTreeMap<_, _> = radius.fields.iter().map(|field| (field.id, field.subjects)).collect();
    let expected: BTreeMap<_, _> = walked.fields.iter().map(|(id, s)| (*id, s.len() as u64)).collect();
    assert_eq!(fields, expected, "{query}");
    assert_eq!(radius.records, expected.values().sum::<u64>());
    assert_eq!(
        (radius.subjects, radius.accesses, radius.denied),
        (walked.subjects.len() as u64, walked.accesses, walked.denied),
        "{query}"
    );
    assert_eq!(
        (&radius.kinds, &radius.principals, &radius.purposes),
        (&walked.kinds, &walked.principals, &walked.purposes)
    );
    let (first, last) = (walked.times.first(), walked.times.last());
    assert_eq!((radius.first, radius.last), (first.map(|t| Timestamp(*t)), last.map(|t| Timestamp(*t))));
    let keys: BTreeMap<_, _> = radius
        .keys
        .iter()
        .filter(|key| key.accesses > 0)
        .map(|key| (key.version.get(), key.accesses))
        .collect();
    let expected = walked.keys.iter().filter(|(version, _)| **version > 0).map(|(v, n)| (*v, *n)).collect();
    assert_eq!(keys, expected);
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

fn step() -> impl Strategy<Value = Step> {
    let by = (0..PRINCIPALS.len(), 0..PURPOSES.len());
    let row = (0..40usize, prop::sample::subsequence(vec![0, 1, 2], 1..=3));
    let few = prop::collection::vec(row, 1..5);
    prop_oneof![
        4 => (0..2usize, few, prop::option::of(by.clone())).prop_map(|(tenant, rows, by)| Step::Put { tenant, rows, by }),
        2 => (0..2usize, 500..3000usize, 0..3usize).prop_map(|(tenant, rows, by)| Step::Bulk { tenant, rows, by }),
        6 => (0..9000usize, 0..1500usize, 0..3usize, by)
            .prop_map(|(from, count, field, by)| Step::Reveal { from, count, field, by }),
        1 => (0..2usize, 0..40usize).prop_map(|(tenant, subject)| Step::Erase { tenant, subject }),
        1 => Just(Step::Rotate),
        3 => (1..5000u64).prop_map(Step::Wait),
        2 => Just(Step::Index),
        1 => Just(Step::Reopen),
    ]
}

fn query() -> impl Strategy<Value = (Query, Option<(usize, usize)>)> {
    let time = || prop::option::weighted(0.3, (START..START + 30_000).prop_map(Timestamp));
    (
        prop::option::weighted(0.4, 0..PRINCIPALS.len()),
        prop::option::weighted(0.3, 1..4u32),
        (time(), time()),
        prop::option::weighted(0.4, (0..2usize, 0..3usize)),
        prop::option::weighted(0.2, 0..PURPOSES.len()),
    )
        .prop_map(|(by, key, (from, to), of, what_for)| {
            let query = Query {
                principal: by.map(|p| principal(PRINCIPALS[p])),
                key: key.map(|n| KeyVersion::new(n).unwrap()),
                from,
                to,
                field: of.map(|(t, f)| (tenant(TENANTS[t]), field(FIELDS[f]))),
                purpose: what_for.map(|p| purpose(PURPOSES[p])),
            };
            (query, of)
        })
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]
    // SPEC: ACC-1, ACC-2
    #[test]
    fn the_radius_is_what_a_walk_over_all_leaves_counts(
        with_rules: bool,
        steps in prop::collection::vec(step(), 1..25),
        queries in prop::collection::vec(query(), 20),
    ) {
        let mut world = World::new();
        if with_rules {
            world.vault.admin(principal("root")).set_rules(rules(), None).unwrap();
        }
        steps.into_iter().for_each(|step| world.take(step));
        let leaves = world.leaves();
        for (query, of) in queries.into_iter().chain([(Query::default(), None)]) {
            let radius = world.vault.radius(&query).unwrap();
            same(&radius, &walk(&leaves, &query, of.map(|of| world.ids[&of])), &query);
            prop_assert_eq!(radius.leaves, leaves.len() as u64);
        }
        let report = world.vault.check().unwrap();
        prop_assert!(report.is_clean(), "{:?}", report.problems);
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

#[track_caller]
fn damaged(world: &World) {
    let error = world.vault.radius(&Query::default()).unwrap_err();
    assert!(matches!(&error, Error::Corrupt { problem } if problem.contains("`check`")), "{error}");
    assert!(!world.vault.check().unwrap().is_clean());
}

fn replace(world: &World, map: cloakroom::store::Map, key: &[u8], value: Option<&[u8]>) {
    let mut batch = Batch::new();
    match value {
        Some(value) => batch.put(map, key, value),
        None => batch.delete(map, key),
    };
    world.store.apply(batch).unwrap();
}

// SPEC: ACC-3
#[test]
fn a_segment_that_was_altered_moved_or_removed_is_not_believed() {
    let world = indexed();
    let right = world.vault.radius(&Query::default()).unwrap();
    let segments = world.store.all(ACCESS);
    for (i, (key, value)) in segments.iter().enumerate() {
        for at in [0, value.len() / 2, value.len() - 1] {
            let mut altered = value.clone();
            altered[at] ^= 1;
            replace(&world, ACCESS, key, Some(&altered));
            damaged(&world);
        }
        replace(&world, ACCESS, key, Some(&segments[(i + 1) % segments.len()].1));
        damaged(&world);
        replace(&world, ACCESS, key, None);
        damaged(&world);
        replace(&world, ACCESS, key, Some(value));
    }
    let state = world.store.get(META, b"access").unwrap().unwrap();
    let mut altered = state.clone();
    altered[5] ^= 1;
    replace(&world, META, b"access", Some(&altered));
    damaged(&world);
    replace(&world, META, b"access", Some(&state));
    assert_eq!(world.vault.radius(&Query::default()).unwrap(), right);
    assert!(world.vault.check().unwrap().is_clean());
}

#[test]
fn an_index_that_is_gone_is_made_again_and_a_segment_too_many_is_reported() {
    let world = indexed();
    let (right, segments) = (world.vault.radius(&Query::default()).unwrap(), world.store.all(ACCESS));
    segments.iter().for_each(|(key, _)| replace(&world, ACCESS, key, None));
    replace(&world, META, b"access", None);
    assert!(world.vault.check().unwrap().is_clean(), "nothing is indexed, and nothing has to be");
    assert_eq!(world.vault.radius(&Query::default()).unwrap(), right);
    assert_eq!(world.store.all(ACCESS), segments, "the leaves alone say what it is");
    replace(&world, ACCESS, &1u64.to_be_bytes(), Some(&segments[0].1));
    assert!(!world.vault.check().unwrap().is_clean());
}

// SPEC: ACC-2
#[test]
fn leaves_that_were_altered_are_not_indexed() {
    let world = indexed();
    let right = world.vault.radius(&Query::default()).unwrap();
    segments_gone(&world);
    let leaves = world.store.all(AUDIT);
    for number in [1, leaves.len() / 2, leaves.len() - 1] {
        let (key, leaf) = &leaves[number];
        let mut altered = leaf.clone();
        // The last byte of the kind's length is left alone: it stays a leaf.
        let at = leaf.len() - 5;
        altered[at] ^= 1;
        replace(&world, AUDIT, key, Some(&altered));
        assert!(world.vault.radius(&Query::default()).is_err());
        assert!(!world.vault.check().unwrap().is_clean());
        replace(&world, AUDIT, key, Some(leaf));
        assert_eq!(world.vault.radius(&Query::default()).unwrap(), right, "leaf {number}");
        segments_gone(&world);
        replace(&world, AUDIT, key, None);
        assert!(world.vault.radius(&Query::default()).is_err());
        replace(&world, AUDIT, key, Some(leaf));
    }
    assert_eq!(world.vault.radius(&Query::default()).unwrap(), right);
}

fn segments_gone(world: &World) {
    world.store.all(ACCESS).iter().for_each(|(key, _)| replace(world, ACCESS, key, None));
    replace(world, META, b"access", None);
}

#[test]
fn the_radius_of_a_key_has_what_was_and_what_is_under_it() {
    let mut world = World::new();
    world.vault.admin(principal("root")).set_rules(rules(), None).unwrap();
    world.put(0, &[(1, vec![0]), (2, vec![0, 2])], None);
    world.take(Step::Rotate);
    world.put(0, &[(3, vec![1])], None);
    let one = Query { key: Some(KeyVersion::FIRST), ..Query::default() };
    world.vault.migrate(|_| {}).unwrap();
    let radius = world.vault.radius(&one).unwrap();
    assert_eq!((radius.subjects, radius.subjects_under_key()), (4, 0), "moved away, and was there");
    assert!(radius.under_key.is_empty() && !radius.keys[0].is_exposed());
    let two = Query { key: KeyVersion::new(2).ok(), ..Query::default() };
    let radius = world.vault.radius(&two).unwrap();
    assert_eq!(radius.subjects_under_key(), 5);
    assert_eq!(radius.categories(), ["contact"].into());
    let sealed = radius.under_key.iter().filter(|(line, _)| line.mode == Mode::Seal);
    assert_eq!(sealed.map(|(_, count)| count).sum::<u64>(), 10);
    world.keyset = world.keyset.with_state(KeyVersion::FIRST, KeyState::Compromised, Timestamp(9)).unwrap();
    world.vault.adopt(world.keyset.clone()).unwrap();
    let radius = world.vault.radius(&one).unwrap();
    assert!(radius.keys[0].is_exposed());
    let report = BreachReport::of_radius(&world.vault.id(), &one, &radius, Timestamp(START));
    assert_eq!((report.subjects, report.asked.key_version), (4, Some(1)));
    assert_eq!((report.keys.len(), report.keys[0].state.as_str()), (1, "compromised"));
    assert!(report.fields.iter().any(|field| field.special && field.category == "health"));
    let text = report.to_text();
    assert!(text.contains("key version 1") && text.contains("special"), "{text}");
}

#[test]
fn nothing_is_asked_of_an_empty_log_and_of_names_that_are_gone_the_ids_are_left() {
    let mut world = World::new();
    let asked = Query { principal: Some(principal("nobody")), ..Query::default() };
    let radius = world.vault.radius(&asked).unwrap();
    assert_eq!((radius.subjects, radius.accesses, radius.first), (0, 0, None));
    (0..2).for_each(|tenant| world.take(Step::Erase { tenant, subject: 0 }));
    let radius = world.vault.radius(&Query::default()).unwrap();
    assert_eq!((radius.subjects, radius.fields.len()), (2, 6));
    assert!(radius.fields.iter().all(|field| field.name.is_none()));
}

// SPEC: ACC-4
#[test]
fn a_list_names_who_is_there_and_counts_who_was_erased() {
    let mut world = World::new();
    world.put(0, &[(1, vec![0]), (2, vec![0])], Some(&access("alice", "support")));
    world.put(1, &[(2, vec![0])], Some(&access("alice", "support")));
    world.put(0, &[(3, vec![0])], Some(&access("bob", "support")));
    world.take(Step::Erase { tenant: 0, subject: 1 });
    let query = Query { principal: Some(principal("alice")), ..Query::default() };
    let listing = world.vault.list_radius(&query, None, None).unwrap();
    let listed: Vec<_> = listing.subjects.iter().map(|(t, s)| (t.as_str(), s.expose())).collect();
    assert_eq!(listed, [("acme", "subject-2"), ("globex", "subject-2")]);
    assert_eq!((listing.radius.subjects, listing.erased, listing.canaries), (3, 1, 0));
    let leaves = world.leaves();
    let leaf = Leaf::parse(leaves.last().unwrap()).unwrap();
    assert_eq!((leaf.kind, leaf.note), ("list-subjects", "principal alice"));
    let report = BreachReport::of_radius(&world.vault.id(), &query, &listing.radius, Timestamp(START));
    let ids = report.with_subjects(&listing).subject_ids.unwrap();
    assert_eq!(ids, ["acme: subject-2", "globex: subject-2"]);
}

// SPEC: ACC-4
#[test]
fn a_list_takes_an_approval_of_this_very_query_once() {
    let world = World::new();
    let (key, mut rules) = (SigningKey::generate().unwrap(), rules());
    let bob = rules.principals.get_mut(&principal("bob")).unwrap();
    (bob.approves, bob.key) = (true, Some(key.verifying_key()));
    world.vault.admin(principal("root")).set_rules(rules, None).unwrap();
    let (query, alice) = (Query { key: Some(KeyVersion::FIRST), ..Query::default() }, principal("alice"));
    let denied = world.vault.list_radius(&query, Some(&alice), None).unwrap_err();
    assert!(matches!(denied, Error::Denied { code: "approval-needed", .. }), "{denied}");
    let request = world.vault.request(Action::ListSubjects, &query.to_string(), &alice).unwrap();
    let approval = request.approve(principal("bob"), &key);
    let error = |query: &Query, by: Option<&Principal>| {
        world.vault.list_radius(query, by, Some(&approval)).unwrap_err().to_string()
    };
    assert!(error(&Query::default(), Some(&alice)).contains("another target"));
    assert!(error(&query, Some(&principal("carol"))).contains("another principal"));
    assert!(error(&query, None).contains("principal"));
    assert_eq!(world.vault.list_radius(&query, Some(&alice), Some(&approval)).unwrap().subjects.len(), 2);
    assert!(error(&query, Some(&alice)).contains("used"));
}

/// Reveals so many emails at once.
fn reveal_emails(world: &World, count: usize, by: &str) -> cloakroom::Result<usize> {
    let email = field("email");
    let of_acme = world.records.iter().filter(|(t, _, fields)| *t == 0 && fields.contains(&0));
    let asked: Vec<_> = of_acme.cycle().take(count).map(|(_, id, _)| (*id, &email)).collect();
    let shown = world.vault.revealer(&tenant("acme"), access(by, "support")).reveal_many(&asked)?;
    Ok(shown.iter().filter(|shown| shown.as_ref().is_ok_and(Option::is_some)).count())
}

fn denied_leaves(world: &World) -> Vec<String> {
    let leaves = world.leaves();
    let notes = leaves.iter().map(|leaf| Leaf::parse(leaf).unwrap().note.to_owned());
    notes.filter(|note| note.starts_with("denied")).collect()
}

// SPEC: ALARM-1
#[test]
fn over_the_budget_of_the_hour_everything_is_refused_and_the_refusal_is_logged() {
    let mut world = World::new();
    world.vault.admin(principal("root")).set_rules(with_budget(10, OverBudget::Refuse), None).unwrap();
    assert_eq!(reveal_emails(&world, 7, "alice").unwrap(), 7);
    let over = reveal_emails(&world, 4, "alice").unwrap_err();
    assert!(matches!(over, Error::Denied { code: "over-budget", .. }), "{over}");
    assert_eq!(denied_leaves(&world), ["denied: over-budget"]);
    assert_eq!(reveal_emails(&world, 3, "alice").unwrap(), 3, "what was refused is not counted");
    world.reopen();
    assert!(reveal_emails(&world, 1, "alice").is_err(), "the count survives");
    assert_eq!(reveal_emails(&world, 10, "bob").unwrap(), 10, "each has a budget of its own");
    let alice = Query { principal: Some(principal("alice")), ..Query::default() };
    let radius = world.vault.radius(&alice).unwrap();
    assert_eq!((radius.accesses, radius.denied), (10, 5), "a refusal is no access");
    world.clock.store((START / 3600 + 1) * 3600, Ordering::SeqCst);
    assert_eq!(reveal_emails(&world, 10, "alice").unwrap(), 10, "another hour");
    assert!(reveal_emails(&world, 1, "alice").is_err());
    assert!(world.alarms.lock().unwrap().is_empty());
}

// SPEC: ALARM-1
#[test]
fn a_budget_that_alerts_shows_the_value_and_raises_an_alarm() {
    let world = World::new();
    world.vault.admin(principal("root")).set_rules(with_budget(10, OverBudget::Alert), None).unwrap();
    assert_eq!(reveal_emails(&world, 10, "alice").unwrap(), 10);
    assert!(world.alarms.lock().unwrap().is_empty());
    assert_eq!(reveal_emails(&world, 5, "alice").unwrap(), 5);
    assert_eq!(*world.alarms.lock().unwrap(), [AlarmKind::OverBudget]);
    assert!(denied_leaves(&world).is_empty());
}

// SPEC: ALARM-1
#[test]
fn what_is_denied_or_not_there_costs_no_budget() {
    let world = World::new();
    world.vault.admin(principal("root")).set_rules(with_budget(2, OverBudget::Refuse), None).unwrap();
    for _ in 0..5 {
        let special = field("diagnosis");
        let revealer = world.vault.revealer(&tenant("acme"), access("alice", "support"));
        assert!(revealer.reveal(world.records[2].1, &special).is_err());
        assert!(revealer.reveal(world.records[0].1, &field("other")).unwrap().is_none());
    }
    assert_eq!(reveal_emails(&world, 2, "alice").unwrap(), 2);
}

// SPEC: ALARM-1
#[test]
fn more_than_the_bulk_limit_in_an_hour_takes_an_approval() {
    let mut world = World::new();
    let mut rules = rules();
    rules.approvals.bulk = Some(6);
    world.vault.admin(principal("root")).set_rules(rules, None).unwrap();
    assert_eq!(reveal_emails(&world, 4, "alice").unwrap(), 4);
    let over = reveal_emails(&world, 3, "alice").unwrap_err();
    assert!(matches!(over, Error::Denied { code: "approval-needed", .. }), "{over}");
    assert_eq!(denied_leaves(&world), ["denied: approval-needed"]);
    world.reopen();
    assert_eq!(reveal_emails(&world, 2, "alice").unwrap(), 2, "up to the limit");
    assert!(reveal_emails(&world, 1, "alice").is_err());
    world.clock.fetch_add(3600, Ordering::SeqCst);
    assert_eq!(reveal_emails(&world, 6, "alice").unwrap(), 6);
}

#[test]
fn the_radius_is_asked_while_others_reveal() {
    let world = indexed();
    std::thread::scope(|threads| {
        for by in PRINCIPALS {
            threads.spawn(|| (0..60).for_each(|_| assert_eq!(reveal_emails(&world, 300, by).unwrap(), 300)));
        }
        for _ in 0..2 {
            threads.spawn(|| {
                let mut before = 0;
                for _ in 0..20 {
                    let radius = world.vault.radius(&Query::default()).unwrap();
                    assert!(radius.accesses >= before);
                    before = radius.accesses;
                }
            });
        }
        threads.spawn(|| (0..3).for_each(|_| assert_eq!(world.vault.check().unwrap().problems, [""; 0])));
    });
    let leaves = world.leaves();
    same(
        &world.vault.radius(&Query::default()).unwrap(),
        &walk(&leaves, &Query::default(), None),
        &Query::default(),
    );
}
