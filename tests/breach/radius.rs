//! The blast radius: what a walk over all leaves counts.

use super::{
    FIELDS, PRINCIPALS, PURPOSES, START, Step, TENANTS, World, field, indexed, principal, purpose,
    reveal_emails, rules, tenant,
};
use cloakroom::keys::KeyState;
use cloakroom::name::KeyVersion;
use cloakroom::report::BreachReport;
use cloakroom::time::Timestamp;
use cloakroom::vault::{Mode, Query, Radius};
use cloakroom::wire::audit::Leaf;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

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
