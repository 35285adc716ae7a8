//! The same in memory, where nobody is killed: readers during a migration, and an index during one that was cut off.

use super::truth::find;
use super::{NOW, acme, city, email, email_index, field, issue, passing_index, pins, put, subject};
use crate::killed::random;
use cloakroom::vault::{Migration, Vault};
use std::thread;

/// A vault in memory with subjects who have a record and a token each.
fn filled() -> Vault {
    let keyset = cloakroom::keys::Keyset::generate(NOW).unwrap();
    let vault = Vault::create_in(Box::new(cloakroom::store::memory::MemoryStore::new()), keyset).unwrap();
    for n in 0..60 {
        let id = format!("s{n}");
        let rows = [(id.clone(), format!("a-{n}")), (id.clone(), format!("b-{n}"))];
        put(&rows, |rows| acme(&vault).put_many(rows).map(drop));
        issue(&pins(&vault), &[(id, format!("{n:06}"))]);
    }
    vault
}

// SPEC: VAULT-41
#[test]
fn readers_see_everything_while_all_is_sealed_anew() {
    let vault = filled();
    let tokens: Vec<_> = (0..60)
        .map(|n| issue(&pins(&vault), &[(format!("s{n}"), format!("{n:06}"))]).unwrap().remove(0))
        .collect();
    acme(&vault).define_index(&email_index()).unwrap();
    vault.migrate(|_| {}).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        for reader in 0..2 {
            let (vault, tokens, done) = (&vault, &tokens, &done);
            scope.spawn(move || {
                let mut random = random(reader);
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    let n = random(60);
                    let records = acme(vault).records(&subject(&format!("s{n}"))).expect("records");
                    let value = acme(vault).reveal(records[1].id, &field("city")).expect("reveal").unwrap();
                    assert_eq!(value.expose_str().unwrap(), city(&n.to_string()));
                    let value = pins(vault).redeem(&tokens[n as usize], NOW).expect("redeem");
                    assert_eq!(value.expose_str().unwrap(), format!("{n:06}"));
                    assert_eq!(find(vault, "email", &[&email(&n.to_string())]).len(), 24);
                }
            });
        }
        for _ in 0..200 {
            let resealed = vault.migrate_with(Migration { reseal: true, ..Migration::default() }, |_| {});
            assert_eq!(resealed.unwrap().resealed, 360);
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

// SPEC: VAULT-42
#[test]
fn an_index_dropped_and_defined_anew_while_a_migration_lay_cut_off_has_every_record() {
    let vault = filled();
    acme(&vault).define_index(&passing_index("city")).unwrap();
    let cut_off = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        vault.migrate(|progress| assert!(progress.seen == 0, "cut off on purpose"))
    }));
    assert!(cut_off.is_err());
    acme(&vault).drop_index(&field("passing")).unwrap();
    acme(&vault).define_index(&passing_index("email")).unwrap();
    vault.migrate(|_| {}).unwrap();
    assert_eq!(find(&vault, "passing", &[&email("0")]).len(), 24);
}
