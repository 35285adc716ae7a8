//! Any sequence of steps agrees with a plain model.

use super::{acme, cards, use_of};
use crate::place::*;
use cloakroom::format::Normalization;
use cloakroom::keys::Keyset;
use cloakroom::name::KeyVersion;
use cloakroom::protect::BlindIndex;
use cloakroom::vault::Migration;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
enum Step {
    Put(usize, u8),
    Issue(u8, Option<usize>),
    Redeem(u8),
    Delete(u8),
    Define(bool),
    Drop,
    Find(u8),
    Rotate(bool),
    Migrate(bool),
    CutOff(i64, bool),
    Erase(usize),
    Run(Vec<(usize, u8)>, Option<bool>),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let who = || 0..4_usize;
    let value = || 0..6_u8;
    prop_oneof![
        5 => (who(), value()).prop_map(|(who, value)| Step::Put(who, value)),
        6 => (value(), prop::option::of(who())).prop_map(|(value, who)| Step::Issue(value, who)),
        2 => value().prop_map(Step::Redeem),
        2 => value().prop_map(Step::Delete),
        2 => any::<bool>().prop_map(Step::Define),
        1 => Just(Step::Drop),
        3 => value().prop_map(Step::Find),
        2 => any::<bool>().prop_map(Step::Rotate),
        2 => any::<bool>().prop_map(Step::Migrate),
        1 => (0..3_i64, any::<bool>()).prop_map(|(batches, reseal)| Step::CutOff(batches, reseal)),
        3 => who().prop_map(Step::Erase),
        2 => (prop::collection::vec((who(), value()), 1..4), prop::option::of(any::<bool>()))
            .prop_map(|(rows, end)| Step::Run(rows, end)),
        1 => Just(Step::Reopen),
    ]
}

/// What the vault should hold: plain.
#[derive(Clone, Default)]
struct Model {
    records: BTreeMap<usize, Vec<u8>>,
    /// The token of each value, and who holds it; `None` is the tenant.
    tokens: BTreeMap<u8, (String, BTreeSet<Option<usize>>)>,
    /// Bits of the index, and whether it has every record.
    index: Option<(u8, bool)>,
}

impl Model {
    fn issued(&mut self, value: u8, who: Option<usize>, token: String, is_new: bool) {
        assert_eq!(is_new, !self.tokens.contains_key(&value));
        let entry = self.tokens.entry(value).or_insert_with(|| (token.clone(), BTreeSet::new()));
        assert_eq!(entry.0, token);
        entry.1.insert(who);
    }

    fn built(&mut self) {
        self.index = self.index.map(|(bits, _)| (bits, true));
    }
}

const WHO: [&str; 4] = ["ann", "bob", "cid", "dora"];

fn mail(value: u8) -> String {
    format!("{value}@x")
}

fn number(value: u8) -> String {
    format!("{value}00-555")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    // SPEC: VAULT-12, VAULT-24
    #[test]
    fn any_sequence_agrees_with_a_plain_model(steps in prop::collection::vec(step(), 1..40)) {
        let mut place = InMemory::new();
        let mut model = Model::default();
        let subjects = WHO.map(subject);
        for step in steps {
            let vault = &place.vault;
            match step {
                Step::Put(who, value) => {
                    put(&acme(vault), WHO[who], &[("email", &mail(value))]);
                    model.records.entry(who).or_default().push(value);
                }
                Step::Issue(value, who) => {
                    let issued = cards(vault).issue(&number(value), who.map(|who| &subjects[who]), NOW).unwrap();
                    model.issued(value, who, issued.token, issued.is_new);
                }
                Step::Redeem(value) => if let Some((token, _)) = model.tokens.get(&value) {
                    prop_assert!(cards(vault).redeem(token, NOW).unwrap().expose_str() == Some(&number(value)));
                }
                Step::Delete(value) => if let Some((token, _)) = model.tokens.remove(&value) {
                    prop_assert!(cards(vault).delete(&token).unwrap());
                    prop_assert!(cards(vault).redeem(&token, NOW).is_err());
                }
                Step::Define(wide) => {
                    let bits = if wide { 24 } else { 8 };
                    let index = BlindIndex::field(field("email"), Normalization::Email, bits).unwrap();
                    let defined = acme(vault).define_index(&index);
                    match model.index {
                        Some((is, _)) => prop_assert_eq!(defined.is_ok(), is == bits),
                        None => {
                            defined.unwrap();
                            let built = acme(vault).indexes()[0].1;
                            prop_assert!(!built || model.records.is_empty());
                            model.index = Some((bits, built));
                        }
                    }
                }
                Step::Drop => {
                    prop_assert_eq!(acme(vault).drop_index(&field("email")).unwrap(), model.index.is_some());
                    model.index = None;
                }
                Step::Find(value) => {
                    let hits = acme(vault).find(&field("email"), &[&mail(value)]);
                    match model.index {
                        Some((_, true)) => {
                            let mut is: Vec<_> =
                                hits.unwrap().iter().map(|hit| hit.subject.expose().to_owned()).collect();
                            is.sort();
                            let has = |(who, values): (&usize, &Vec<u8>)| {
                                vec![WHO[*who].to_owned(); values.iter().filter(|v| **v == value).count()]
                            };
                            prop_assert_eq!(is, model.records.iter().flat_map(has).collect::<Vec<_>>());
                        }
                        _ => prop_assert!(hits.is_err()),
                    }
                }
                Step::Rotate(all) => {
                    let use_ = use_of("card");
                    place.edit(&|keyset: &Keyset| match all {
                        true => keyset.rotated(NOW),
                        false => keyset.rotated_for(&use_, NOW),
                    }).unwrap();
                }
                Step::Migrate(reseal) => {
                    vault.migrate_with(Migration { reseal, ..Migration::default() }, |_| {}).unwrap();
                    model.built();
                    let keyset = vault.keyset();
                    let targets: BTreeSet<KeyVersion> =
                        [keyset.primary_number(), keyset.primary_number_for(&use_of("card"))].into();
                    let census = vault.census();
                    prop_assert!(census.lines().all(|(line, _)| targets.contains(&version(line.version))));
                }
                Step::CutOff(batches, reseal) => {
                    place.store.refuse_after(batches);
                    let done = vault.migrate_with(Migration { reseal, ..Migration::default() }, |_| {});
                    place.store.refuse_nothing();
                    if done.is_ok() {
                        model.built();
                    }
                    place.reopen();
                }
                Step::Erase(who) => {
                    let records = model.records.remove(&who).unwrap_or_default();
                    let mut tokens = 0;
                    model.tokens.retain(|_, (_, holders)| {
                        tokens += u64::from(holders.remove(&Some(who)));
                        !holders.is_empty()
                    });
                    let erasure = acme(vault).erase(&subjects[who]).unwrap().unwrap_or_default();
                    prop_assert_eq!((erasure.records, erasure.tokens), (records.len() as u64, tokens));
                }
                Step::Run(rows, end) => {
                    let mut after = model.clone();
                    let run = vault.begin_run();
                    let numbers: Vec<String> = rows.iter().map(|(_, value)| number(*value)).collect();
                    let requests: Vec<_> =
                        rows.iter().zip(&numbers).map(|((who, _), n)| (&subjects[*who], n.as_str())).collect();
                    let issued = run.issue_many(&cards(vault), &requests, NOW).unwrap();
                    for ((who, value), issued) in rows.iter().zip(issued) {
                        let issued = issued.unwrap();
                        after.issued(*value, Some(*who), issued.token, issued.is_new);
                    }
                    match end {
                        Some(true) => {
                            run.commit(None).unwrap();
                            model = after;
                        }
                        Some(false) => run.roll_back().unwrap(),
                        None => {
                            std::mem::forget(run);
                            place.reopen();
                        }
                    }
                }
                Step::Reopen => place.reopen(),
            }
        }
        let vault = &place.vault;
        let report = vault.check().unwrap();
        prop_assert!(report.is_clean(), "{:?}", report);
        let records: usize = model.records.values().map(Vec::len).sum();
        prop_assert_eq!((report.records, report.tokens), (records as u64, model.tokens.len() as u64));
        for (value, (token, _)) in &model.tokens {
            prop_assert!(cards(vault).redeem(token, NOW).unwrap().expose_str() == Some(&number(*value)));
        }
        for (who, values) in &model.records {
            let records = acme(vault).records(&subjects[*who]).unwrap();
            let is = records.iter().map(|r| r.fields[0].1.expose_str().unwrap().to_owned());
            prop_assert_eq!(is.collect::<Vec<_>>(), values.iter().map(|v| mail(*v)).collect::<Vec<_>>());
        }
    }
}
