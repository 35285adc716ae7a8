//! Migration: everything moves to its primary, cut off, forced or met by threads.

use super::{DESPITE, Kept, RESEAL, acme, by_email, cards, use_of};
use crate::place::*;
use cloakroom::Error;
use cloakroom::format::Normalization;
use cloakroom::keys::{KeyState, Keyset};
use cloakroom::protect::BlindIndex;
use cloakroom::vault::{Migration, Mode, Vault};
use cloakroom::wire::entry::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::thread;

/// The versions that the vault's own data is under, by mode.
fn versions(vault: &Vault) -> BTreeMap<&'static str, BTreeSet<u32>> {
    let mut versions = BTreeMap::<_, BTreeSet<u32>>::new();
    for (line, _) in vault.census().lines() {
        versions.entry(line.mode.as_str()).or_default().insert(line.version);
    }
    versions
}

fn all_at(main: u32, card: u32) -> BTreeMap<&'static str, BTreeSet<u32>> {
    let main = ["seal", "subject-key", "row", "index"].map(|mode| (mode, BTreeSet::from([main])));
    let card = ["token", "fingerprint"].map(|mode| (mode, BTreeSet::from([card])));
    main.into_iter().chain(card).collect()
}

// SPEC: VAULT-18, VAULT-24, RTOK-13
#[test]
fn everything_moves_to_its_primary_and_reads_as_before() {
    everywhere(|place| {
        let mut kept = Kept::default();
        kept.put(place.vault(), 1);
        place.rotate();
        kept.put(place.vault(), 2);
        place.edit(&|keyset| keyset.rotated_for(&use_of("card"), NOW)).unwrap();
        kept.put(place.vault(), 3);
        kept.assert_is(place.vault());
        let progress = place.vault().migrate(|_| {}).unwrap();
        assert!(progress.moved > 0 && progress.resealed == 0, "{progress:?}");
        assert_eq!(versions(place.vault()), all_at(2, 3));
        kept.assert_is(place.vault());
        let again = place.vault().migrate(|_| {}).unwrap();
        assert_eq!((again.moved, again.indexed), (0, 0), "nothing is moved twice");
        let fields = 2 * kept.records.values().map(|mails| mails.len() as u64).sum::<u64>();
        let mut seen = 0;
        let progress = place.vault().migrate_with(RESEAL, |p| seen = p.seen.max(seen)).unwrap();
        assert_eq!((progress.resealed, seen >= progress.total), (fields, true), "{progress:?}");
        kept.assert_is(place.vault());
        place.reopen();
        place.rotate();
        place.vault().migrate_with(RESEAL, |_| {}).unwrap();
        assert_eq!(versions(place.vault()), all_at(4, 4));
        // Erasing after all that takes everything.
        for who in kept.records.keys() {
            assert!(acme(place.vault()).erase(&subject(who)).unwrap().is_some());
        }
        assert_eq!(place.vault().census().total(Mode::Seal), 0);
        assert_clean(place.vault());
    });
}

/// How often each subject has been given a new data key.
fn generations(store: &Watched) -> BTreeSet<u32> {
    let heads = store.all(ENTRY).into_iter().filter_map(|(_, bytes)| match Entry::parse(&bytes).unwrap() {
        Entry::Head(head) => Some(head.generation),
        _ => None,
    });
    heads.collect()
}

// SPEC: VAULT-18, VAULT-25
#[test]
fn a_migration_cut_off_after_any_page_goes_on() {
    for how in [Migration::default(), RESEAL] {
        let mut cut = 0;
        loop {
            let mut place = InMemory::new();
            let mut kept = Kept::default();
            kept.put(&place.vault, 1);
            place.rotate();
            place.store.refuse_after(cut);
            let done = place.vault.migrate_with(how, |_| {});
            place.store.refuse_nothing();
            place.reopen();
            kept.assert_is(&place.vault);
            // What comes in between is seen to as well.
            kept.put(&place.vault, 2);
            place.vault.migrate_with(how, |_| {}).unwrap();
            assert_eq!(versions(&place.vault), all_at(2, 2));
            kept.assert_is(&place.vault);
            if how.reseal && done.is_err() {
                // Nobody was given a second new key.
                assert_eq!(generations(&place.store).last(), Some(&2), "cut {cut}");
            }
            if done.is_ok() {
                break;
            }
            cut += 1;
        }
        assert!(cut > 4, "several pages");
    }
}

// SPEC: VAULT-25
/// It stands in the ledger, which nobody else can write; what earlier releases noted beside it counts as none.
#[test]
fn a_checkpoint_of_an_earlier_release_is_not_believed() {
    let mut place = InMemory::new();
    let mut kept = Kept::default();
    kept.put(&place.vault, 1);
    place.rotate();
    let last = place.store.all(ENTRY).pop().unwrap().0;
    place.store.set(META, b"migration", Some(&[&2_u32.to_be_bytes()[..], &last].concat()));
    place.reopen();
    let mut first = None;
    place.vault.migrate_with(RESEAL, |p| first = first.or(Some(p))).unwrap();
    assert!(first.is_some_and(|p| p.seen > 0 && p.moved == p.seen), "from the very first entry: {first:?}");
    kept.assert_is(&place.vault);
    assert_eq!(versions(&place.vault), all_at(2, 2));
}

// SPEC: VAULT-18
#[test]
fn one_migration_at_a_time_and_no_index_defined_meanwhile() {
    let mut place = InMemory::new();
    Kept::default().put(&place.vault, 1);
    place.rotate();
    let vault = &place.vault;
    let mut asked = 0;
    vault
        .migrate(|_| {
            asked += 1;
            let refused = thread::scope(|s| s.spawn(|| vault.migrate(|_| {})).join().unwrap());
            assert!(matches!(refused, Err(Error::Setting { what: "a migration", .. })), "{refused:?}");
            let other = BlindIndex::field(field("phone"), Normalization::None, 12).unwrap();
            assert!(matches!(acme(vault).define_index(&other), Err(Error::Setting { .. })));
            assert!(matches!(acme(vault).drop_index(&field("email")), Err(Error::Setting { .. })));
        })
        .unwrap();
    assert!(asked > 1);
    assert_clean(vault);
}

// SPEC: VAULT-26
#[test]
fn what_a_compromised_or_suspended_version_protects_is_moved_on_demand_only() {
    for state in [KeyState::Suspended, KeyState::Compromised] {
        for reseal in [false, true] {
            let mut place = InMemory::new();
            let mut kept = Kept::default();
            kept.put(&place.vault, 1);
            place.edit(&|keyset| keyset.with_state(version(1), state, NOW)).unwrap();
            let refused = place.vault.migrate(|_| {});
            assert!(matches!(refused, Err(Error::KeyState { .. })), "{refused:?}");
            place.rotate();
            for how in [Migration::default(), RESEAL] {
                let refused = place.vault.migrate_with(how, |_| {});
                assert!(matches!(refused, Err(Error::KeyState { version: 1, .. })), "{refused:?}");
            }
            assert!(acme(&place.vault).records(&subject("s1-01")).is_err());
            assert_clean(&place.vault);
            place.vault.migrate_with(Migration { reseal, ..DESPITE }, |_| {}).unwrap();
            assert_eq!(versions(&place.vault), all_at(2, 2));
            kept.assert_is(&place.vault);
            place.reopen();
            kept.assert_is(&place.vault);
        }
    }
}

// SPEC: VAULT-24
#[test]
fn threads_lose_nothing_while_keys_rotate_and_everything_moves() {
    let place = InMemory::new();
    let vault = &place.vault;
    acme(vault).define_index(&by_email()).unwrap();
    let mut kept = Kept::default();
    kept.put(vault, 9);
    let kept_ref = &kept;
    let issued = thread::scope(|scope| {
        let workers: Vec<_> = (0..3)
            .map(|t| {
                scope.spawn(move || {
                    let (acme, cards) = (acme(vault), cards(vault));
                    let mut of = BTreeMap::new();
                    for n in 0..60 {
                        let who = format!("w{t}-{n}");
                        put(&acme, &who, &[("email", &format!("{who}@x"))]);
                        put(&acme, &who, &[("email", "all@x")]);
                        let value = format!("8{n:05}");
                        let token = cards.issue(&value, Some(&subject(&who)), NOW).unwrap().token;
                        assert_eq!(cards.redeem(&token, NOW).unwrap().expose_str(), Some(&value[..]));
                        assert_eq!(acme.find(&field("email"), &[&format!("{who}@x")]).unwrap().len(), 1);
                        assert_eq!(acme.records(&subject(&who)).unwrap().len(), 2);
                        of.insert(value, token);
                        if n % 2 == 0 {
                            let erasure = acme.erase(&subject(&who)).unwrap().unwrap();
                            assert_eq!((erasure.records, erasure.tokens, erasure.indexes), (2, 1, 2));
                            assert!(!acme.has(&subject(&who)).unwrap());
                        }
                        let (token, value) = kept_ref.tokens.iter().nth(n % kept_ref.tokens.len()).unwrap();
                        assert_eq!(cards.redeem(token, NOW).unwrap().expose_str(), Some(&value[..]));
                    }
                    of
                })
            })
            .collect();
        let mut keyset = place.keyset.clone();
        let mut round = 0;
        while !workers.iter().all(thread::ScopedJoinHandle::is_finished) && round < 30 {
            keyset = match round % 3 {
                2 => keyset.rotated_for(&use_of("card"), NOW).unwrap(),
                _ => keyset.rotated(NOW).unwrap(),
            };
            vault.adopt(keyset.clone()).unwrap();
            vault.migrate_with(Migration { reseal: round % 2 == 0, ..Migration::default() }, |_| {}).unwrap();
            round += 1;
        }
        workers.into_iter().map(|w| w.join().unwrap()).collect::<Vec<_>>()
    });
    vault.migrate(|_| {}).unwrap();
    for n in (1..60).step_by(2) {
        // Never erased by all, so it was one token all along.
        let value = format!("8{n:05}");
        assert!(issued.iter().all(|of| of[&value] == issued[0][&value]), "{value}");
        assert_eq!(cards(vault).redeem(&issued[0][&value], NOW).unwrap().expose_str(), Some(&value[..]));
    }
    assert_eq!(acme(vault).find(&field("email"), &["all@x"]).unwrap().len(), 90);
    kept.assert_is(vault);
}

// SPEC: KEY-16
#[test]
fn a_fields_tokenizer_is_under_the_fields_own_primary() {
    use cloakroom::format::Format;
    use cloakroom::store::memory::MemoryStore;
    let keyset = Keyset::generate(NOW).unwrap().rotated_for(&use_of("card"), NOW).unwrap();
    let vault = Vault::create_in(Box::new(MemoryStore::new()), keyset).unwrap();
    let of = |name| acme(&vault).tokenizer(&field(name), Format::card()).unwrap().key_version();
    assert_eq!((of("card"), of("iban")), (version(2), version(1)));
}
