//! Blind indexes of a vault: a lookup finds every record that has the values, and no other.

mod place;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use cloakroom::Error;
use cloakroom::format::Normalization;
use cloakroom::protect::BlindIndex;
use cloakroom::vault::{Migration, Mode, Row, Tenant, Vault};
use place::*;

fn by(name: &str, bits: u8) -> BlindIndex {
    BlindIndex::field(field(name), Normalization::Email, bits).unwrap()
}

/// Whose records a lookup finds, one for each record.
fn found(tenant: &Tenant<'_>, index: &str, values: &[&str]) -> Vec<String> {
    let hits = tenant.find(&field(index), values).unwrap();
    let mut who: Vec<String> = hits.iter().map(|hit| hit.subject.expose().to_owned()).collect();
    who.sort();
    who
}

fn acme(vault: &Vault) -> Tenant<'_> {
    tenant(vault, "acme")
}

fn is_unbuilt(tenant: &Tenant<'_>, index: &str, values: &[&str]) -> bool {
    matches!(tenant.find(&field(index), values), Err(Error::Setting { what: "blind index", .. }))
}

// SPEC: IDX-7
#[test]
fn records_are_found_by_what_their_values_are_after_normalisation() {
    everywhere(|place| {
        let acme = acme(place.vault());
        acme.define_index(&by("email", 24)).unwrap();
        acme.define_index(&by("email", 24)).unwrap();
        put(&acme, "ann", &[("email", "Ann@Example.com"), ("phone", "1")]);
        put(&acme, "ann", &[("email", " ann@example.COM ")]);
        put(&acme, "bob", &[("phone", "2"), ("email", "bob@example.com")]);
        put(&acme, "eve", &[("email", "ann@example.com")]);
        assert_eq!(found(&acme, "email", &["ANN@example.com"]), ["ann", "ann", "eve"]);
        assert_eq!(found(&acme, "email", &["bob@example.com"]), ["bob"]);
        assert_eq!(found(&acme, "email", &["cid@example.com"]), [] as [&str; 0]);
        for hit in acme.find(&field("email"), &["ann@example.com"]).unwrap() {
            let value = acme.reveal(hit.record, &field("email")).unwrap().unwrap();
            assert!(value.expose_str().unwrap().to_lowercase().contains("ann@"));
            assert_eq!(format!("{hit:?}"), "Hit(..)");
        }
        assert_eq!(place.vault().census().total(Mode::Index), 4);
        assert_eq!(assert_clean(place.vault()).indexed, 4);
        place.reopen();
        let acme = tenant(place.vault(), "acme");
        assert_eq!(found(&acme, "email", &["ann@example.com"]), ["ann", "ann", "eve"]);
        assert_eq!(acme.indexes(), [(by("email", 24), true)]);
    });
}

// SPEC: IDX-7
#[test]
fn a_compound_index_finds_by_all_its_values_together() {
    let place = InMemory::new();
    let acme = acme(&place.vault);
    let parts = vec![(field("first"), Normalization::Text), (field("born"), Normalization::None)];
    acme.define_index(&BlindIndex::new(field("person"), parts, 32).unwrap()).unwrap();
    acme.define_index(&by("email", 16)).unwrap();
    put(&acme, "ann", &[("first", "Ann"), ("born", "1990-01-01"), ("email", "a@b")]);
    put(&acme, "eve", &[("first", "ann"), ("born", "1990-01-02")]);
    put(&acme, "bob", &[("first", "Ann")]);
    assert_eq!(found(&acme, "person", &["ANN ", "1990-01-01"]), ["ann"]);
    assert_eq!(found(&acme, "person", &["ann", "1990-01-02"]), ["eve"]);
    assert_eq!(found(&acme, "person", &["ann", "1990-01-03"]), [] as [&str; 0]);
    assert_eq!(found(&acme, "email", &["a@b"]), ["ann"]);
    for values in [&["ann"][..], &["ann", "1", "2"], &[]] {
        assert!(acme.find(&field("person"), values).is_err());
    }
    assert!(matches!(acme.find(&field("first"), &["ann"]), Err(Error::NotFound { .. })));
    assert_clean(&place.vault);
}

// SPEC: IDX-8
#[test]
fn what_only_shares_the_truncated_value_is_not_found() {
    let place = InMemory::new();
    let acme = acme(&place.vault);
    acme.define_index(&by("email", 8)).unwrap();
    let email = field("email");
    for chunk in (0..2_000).collect::<Vec<u32>>().chunks(500) {
        let subjects: Vec<_> = chunk.iter().map(|n| subject(&format!("s{n}"))).collect();
        let values: Vec<String> = chunk.iter().map(|n| format!("user{}@example.com", n / 2)).collect();
        let fields: Vec<_> = values.iter().map(|value| [(&email, value.as_bytes())]).collect();
        let rows: Vec<_> =
            subjects.iter().zip(&fields).map(|(subject, fields)| Row { subject, fields }).collect();
        acme.put_many(&rows).unwrap();
    }
    for n in (0..1_000).step_by(97) {
        let mut expected = [format!("s{}", 2 * n), format!("s{}", 2 * n + 1)];
        expected.sort();
        assert_eq!(found(&acme, "email", &[&format!("user{n}@example.com")]), expected);
    }
    assert_eq!(found(&acme, "email", &["user1000@example.com"]), [] as [&str; 0]);
    assert_clean(&place.vault);
}

// SPEC: IDX-9
#[test]
fn a_record_without_a_value_to_look_for_is_in_no_index_and_no_error() {
    let place = InMemory::new();
    let acme = acme(&place.vault);
    acme.define_index(&by("email", 16)).unwrap();
    put(&acme, "none", &[("phone", "1")]);
    put(&acme, "blank", &[("email", " \t")]);
    put(&acme, "no mail", &[("email", "not an address")]);
    let email = field("email");
    acme.put(&subject("bytes"), &[(&email, &[0xFF, b'@', 0xFE])]).unwrap();
    put(&acme, "good", &[("email", "a@b")]);
    assert_eq!(place.store.count(BLIND), 1);
    assert_eq!(found(&acme, "email", &["a@b"]), ["good"]);
    for bad in ["", "  ", "not an address"] {
        let error = acme.find(&field("email"), &[bad]).unwrap_err();
        assert!(matches!(error, Error::Value { .. }), "{error}");
    }
    assert_clean(&place.vault);
}

// SPEC: IDX-10
#[test]
fn erasing_and_rolling_back_leave_nothing_in_an_index() {
    everywhere(|place| {
        {
            let acme = acme(place.vault());
            acme.define_index(&by("email", 16)).unwrap();
            put(&acme, "ann", &[("email", "a@b")]);
            put(&acme, "ann", &[("email", "a@c")]);
            put(&acme, "bob", &[("email", "a@b")]);
            assert_eq!(acme.erase(&subject("ann")).unwrap().unwrap().indexes, 2);
            assert_eq!(found(&acme, "email", &["a@b"]), ["bob"]);
            let email = field("email");
            let (bob, eve) = (subject("bob"), subject("eve"));
            let rows = [
                Row { subject: &bob, fields: &[(&email, b"a@d")] },
                Row { subject: &eve, fields: &[(&email, b"a@d")] },
            ];
            let run = place.vault().begin_run();
            run.put_many(&acme, &rows).unwrap();
            assert_eq!(found(&acme, "email", &["a@d"]), ["bob", "eve"]);
            run.roll_back().unwrap();
            assert_eq!(found(&acme, "email", &["a@d"]), [] as [&str; 0]);
            let run = place.vault().begin_run();
            run.put_many(&acme, &rows).unwrap();
            std::mem::forget(run);
        }
        place.reopen();
        let acme = acme(place.vault());
        assert_eq!(found(&acme, "email", &["a@d"]), [] as [&str; 0]);
        assert_eq!(place.vault().census().total(Mode::Index), 1);
        assert_clean(place.vault());
    });
}

// SPEC: IDX-11
#[test]
fn an_index_over_what_is_there_is_asked_after_a_migration_only() {
    everywhere(|place| {
        let acme = acme(place.vault());
        for n in 0..100 {
            let mail = format!("{}@x", n % 10);
            put(&acme, &format!("s{n:02}"), &[("email", &mail)]);
            put(&acme, &format!("s{n:02}"), &[("phone", "1")]);
            put(&acme, &format!("s{n:02}"), &[("email", &mail)]);
        }
        acme.define_index(&by("email", 16)).unwrap();
        put(&acme, "new", &[("email", "3@x")]);
        assert!(is_unbuilt(&acme, "email", &["3@x"]));
        assert_eq!(acme.indexes(), [(by("email", 16), false)]);
        place.vault().migrate(|_| {}).unwrap();
        assert_eq!(found(&acme, "email", &["3@x"]).len(), 21);
        assert_eq!(acme.indexes(), [(by("email", 16), true)]);
        assert_eq!(assert_clean(place.vault()).indexed, 201);
        // Other bits: dropped first.
        let refused = acme.define_index(&by("email", 12));
        assert!(matches!(refused, Err(Error::Setting { what: "blind index", .. })), "{refused:?}");
        assert!(acme.drop_index(&field("email")).unwrap() && !acme.drop_index(&field("email")).unwrap());
        assert!(matches!(acme.find(&field("email"), &["3@x"]), Err(Error::NotFound { .. })));
        acme.define_index(&by("email", 12)).unwrap();
        assert!(is_unbuilt(&acme, "email", &["3@x"]));
        place.vault().migrate(|_| {}).unwrap();
        assert_eq!(found(&acme, "email", &["3@x"]).len(), 21);
        assert_eq!(assert_clean(place.vault()).indexed, 201);
        assert!(acme.drop_index(&field("email")).unwrap());
        place.vault().migrate(|_| {}).unwrap();
        assert_eq!(place.vault().census().total(Mode::Index), 0);
        assert_eq!(assert_clean(place.vault()).indexed, 0);
    });
}

// SPEC: IDX-11
#[test]
fn an_index_built_by_a_migration_that_was_cut_off_lacks_no_record() {
    for redefined in [Some(by("email", 12)), Some(by("email", 16)), None] {
        for cut in 1..4 {
            let place = InMemory::new();
            {
                let acme = acme(&place.vault);
                for n in 0..200 {
                    put(&acme, &format!("s{n:03}"), &[("email", "a@x")]);
                }
                acme.define_index(&by("email", 16)).unwrap();
                place.store.refuse_after(cut);
                assert!(place.vault.migrate(|_| {}).is_err());
                place.store.refuse_nothing();
            }
            let vault = Vault::open_in(Box::new(place.store.clone()), place.keyset.clone()).unwrap();
            let acme = acme(&vault);
            let mut expected = 200;
            if let Some(index) = &redefined {
                acme.drop_index(&field("email")).unwrap();
                for n in 0..50 {
                    put(&acme, &format!("t{n:03}"), &[("email", "a@x")]);
                }
                expected = 250;
                acme.define_index(index).unwrap();
            }
            assert!(is_unbuilt(&acme, "email", &["a@x"]));
            vault.migrate(|_| {}).unwrap();
            assert_eq!(found(&acme, "email", &["a@x"]).len(), expected, "{redefined:?} {cut}");
            assert_clean(&vault);
        }
    }
}

// SPEC: IDX-12
#[test]
fn records_under_every_key_version_are_found() {
    use cloakroom::keys::KeyUse;
    use cloakroom::name::TenantId;
    everywhere(|place| {
        acme(place.vault()).define_index(&by("email", 16)).unwrap();
        for n in 0..3 {
            put(&acme(place.vault()), &format!("s{n}"), &[("email", "a@x")]);
            place.rotate();
        }
        let use_ = KeyUse::Field { tenant: TenantId::new("acme").unwrap(), field: field("email") };
        place.edit(&|keyset| keyset.rotated_for(&use_, NOW)).unwrap();
        put(&acme(place.vault()), "s3", &[("email", "a@x")]);
        let versions = |place: &dyn Place| {
            let census = place.vault().census();
            let lines = census.lines().filter(|(line, _)| line.mode == Mode::Index);
            lines.map(|(line, _)| line.version).collect::<Vec<_>>()
        };
        assert_eq!(versions(place), [1, 2, 3, 5]);
        assert_eq!(found(&acme(place.vault()), "email", &["A@X"]), ["s0", "s1", "s2", "s3"]);
        assert_clean(place.vault());
        place.vault().migrate(|_| {}).unwrap();
        assert_eq!(versions(place), [5]);
        assert_eq!(found(&acme(place.vault()), "email", &["A@X"]), ["s0", "s1", "s2", "s3"]);
        assert_clean(place.vault());
    });
}

// SPEC: IDX-12, VAULT-24
#[test]
fn lookups_see_every_record_all_through_migrations() {
    let mut place = InMemory::new();
    {
        let acme = acme(&place.vault);
        acme.define_index(&by("email", 8)).unwrap();
        for n in 0..60 {
            put(&acme, &format!("s{n:02}"), &[("email", &format!("{}@x", n % 6))]);
            put(&acme, &format!("s{n:02}"), &[("email", "all@x"), ("phone", "1")]);
        }
    }
    let vault = &place.vault;
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|t| {
                let stop = &stop;
                scope.spawn(move || {
                    let acme = acme(vault);
                    let mut n = t;
                    while !stop.load(Ordering::Relaxed) {
                        let who = found(&acme, "email", &[&format!("{}@x", n % 6)]);
                        assert_eq!(who.len(), 10, "{who:?}");
                        let all: BTreeSet<_> = found(&acme, "email", &["all@x"]).into_iter().collect();
                        assert_eq!(all.len(), 60);
                        assert_eq!(acme.records(&subject(&format!("s{:02}", n % 60))).unwrap().len(), 2);
                        n += 1;
                    }
                })
            })
            .collect();
        for round in 0..8 {
            place.keyset = place.keyset.rotated(NOW).unwrap();
            vault.adopt(place.keyset.clone()).unwrap();
            let reseal = round % 2 == 0;
            vault.migrate_with(Migration { reseal, ..Migration::default() }, |_| {}).unwrap();
            if readers.iter().any(thread::ScopedJoinHandle::is_finished) {
                break; // it failed; joining says how
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_clean(vault);
}

// SPEC: IDX-7
#[test]
fn an_index_is_one_tenants() {
    let place = InMemory::new();
    let (acme, other) = (acme(&place.vault), tenant(&place.vault, "other"));
    acme.define_index(&by("email", 16)).unwrap();
    put(&acme, "ann", &[("email", "a@x")]);
    put(&other, "eve", &[("email", "a@x")]);
    assert!(matches!(other.find(&field("email"), &["a@x"]), Err(Error::NotFound { .. })));
    assert_eq!(other.indexes(), []);
    other.define_index(&by("email", 16)).unwrap();
    place.vault.migrate(|_| {}).unwrap();
    assert_eq!(found(&acme, "email", &["a@x"]), ["ann"]);
    assert_eq!(found(&other, "email", &["a@x"]), ["eve"]);
    assert!(other.drop_index(&field("email")).unwrap());
    assert_eq!(found(&acme, "email", &["a@x"]), ["ann"]);
    for bits in [0, 7, 129, 255] {
        assert!(matches!(
            BlindIndex::field(field("email"), Normalization::Email, bits),
            Err(Error::Setting { .. })
        ));
    }
    place.vault.migrate(|_| {}).unwrap();
    assert_clean(&place.vault);
}

// SPEC: RTOK-12
#[test]
fn no_indexed_value_is_in_the_store() {
    everywhere(|place| {
        let acme = acme(place.vault());
        acme.define_index(&by("email", 32)).unwrap();
        put(&acme, "ann", &[("email", "ann.the.first@example.com")]);
        let bytes = place.bytes();
        for text in ["ann.the.first", "example.com"] {
            assert!(!bytes.windows(text.len()).any(|w| w == text.as_bytes()));
        }
    });
}
