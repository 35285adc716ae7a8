//! Any sequence of steps, from one thread and from many.

use super::{Model, Values, values};
use crate::place::*;
use cloakroom::vault::{Row, Run, Vault};
use proptest::prelude::*;
use std::thread;

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
        let journals = place.store.count(RUN);
        prop_assert!(run.is_some() || journals == 0);
    }
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
