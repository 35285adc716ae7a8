//! Rotation: everything moves to new key versions, whatever happens meanwhile, and old ones can be given up.

mod place;

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use cloakroom::Error;
use cloakroom::format::{Format, Normalization};
use cloakroom::keys::{KeyState, KeyUse, Keyset};
use cloakroom::name::{KeyVersion, TenantId};
use cloakroom::protect::BlindIndex;
use cloakroom::store::Map;
#[cfg(feature = "sled")]
use cloakroom::time::Timestamp;
use cloakroom::vault::{
    Event, FileColumn, Look, Migration, Mode, ProtectedFile, RandomTokens, Tenant, TokenRules, Vault,
};
use cloakroom::wire::entry::Entry;
use place::*;
use proptest::prelude::*;

const RESEAL: Migration = Migration { reseal: true, most_per_second: None, despite_state: false };
const DESPITE: Migration = Migration { reseal: false, most_per_second: None, despite_state: true };

fn acme(vault: &Vault) -> Tenant<'_> {
    tenant(vault, "acme")
}

fn cards(vault: &Vault) -> RandomTokens<'_> {
    acme(vault).random_tokens(&field("card"), TokenRules::new(Look::Like(Format::digits()))).unwrap()
}

fn use_of(name: &str) -> KeyUse {
    KeyUse::Field { tenant: TenantId::new("acme").unwrap(), field: field(name) }
}

fn by_email() -> BlindIndex {
    BlindIndex::field(field("email"), Normalization::Email, 12).unwrap()
}

/// What was put, to be compared with what is there later.
#[derive(Default)]
struct Kept {
    /// Of each subject, the emails of her records.
    records: BTreeMap<String, Vec<String>>,
    /// Token and value.
    tokens: BTreeMap<String, String>,
}

impl Kept {
    /// Puts things of every kind.
    fn put(&mut self, vault: &Vault, round: u32) {
        let acme = acme(vault);
        let _ = acme.define_index(&by_email());
        for n in 0..40 {
            let (who, mail) = (format!("s{round}-{n:02}"), format!("{n}@x{round}"));
            for _ in 0..=n % 3 {
                put(&acme, &who, &[("email", &mail), ("phone", "1")]);
                self.records.entry(who.clone()).or_default().push(mail.clone());
            }
            // Held by her, by her and the next, by nobody.
            let value = format!("5{round:03}{:04}", n / 2);
            let holder = subject(&who);
            let holder = (n % 5 != 0).then_some(&holder);
            let token = cards(vault).issue(&value, holder, NOW).unwrap().token;
            self.tokens.insert(token, value);
        }
        // One who has tokens and no record.
        let token = cards(vault).issue(&format!("77{round:05}"), Some(&subject("token only")), NOW).unwrap();
        self.tokens.insert(token.token, format!("77{round:05}"));
    }

    fn assert_is(&self, vault: &Vault) {
        let acme = acme(vault);
        for (who, mails) in &self.records {
            let records = acme.records(&subject(who)).unwrap();
            let is: Vec<_> = records.iter().map(|r| r.fields[0].1.expose_str().unwrap().to_owned()).collect();
            assert_eq!(is, *mails, "{who}");
            for record in &records {
                assert_eq!(acme.reveal(record.id, &field("phone")).unwrap().unwrap().expose(), b"1");
            }
            let hits = acme.find(&field("email"), &[&mails[0]]).unwrap();
            assert_eq!(hits.len(), mails.len());
            assert!(hits.iter().all(|hit| hit.subject == subject(who)));
        }
        for (token, value) in &self.tokens {
            assert_eq!(cards(vault).redeem(token, NOW).unwrap().expose_str(), Some(&value[..]));
            assert_eq!(cards(vault).issue(value, None, NOW).unwrap().token, *token);
        }
        assert_clean(vault);
    }
}

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

// SPEC: VAULT-15
#[test]
fn a_keyset_that_was_edited_less_often_is_refused() {
    let mut place = InMemory::new();
    put(&acme(&place.vault), "ann", &[("email", "a@x")]);
    place.rotate();
    let older = place.keyset.clone();
    place.edit(&|keyset| keyset.with_state(version(1), KeyState::Compromised, NOW)).unwrap();
    let error = Vault::open_in(Box::new(place.store.clone()), older.clone()).unwrap_err();
    assert!(error.to_string().contains("older"), "{error}");
    assert!(matches!(place.vault.adopt(older), Err(Error::Setting { what: "keyset", .. })));
    place.reopen();
    // An edit that the vault has not seen yet is seen when it is opened.
    let before = place.keyset.clone();
    place.keyset = place.keyset.touched().unwrap();
    place.reopen();
    assert!(Vault::open_in(Box::new(place.store.clone()), before).is_err());
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

// SPEC: VAULT-13, RTOK-14
#[test]
fn whatever_is_done_to_an_entry_of_any_map_is_reported() {
    let place = InMemory::new();
    let vault = &place.vault;
    let mut kept = Kept::default();
    kept.put(vault, 1);
    for n in 0..2 {
        vault.add_file(&file(n, Mode::FileToken, 5)).unwrap();
        vault.log(&Event::new(NOW, "bridge", format!("file {n}"))).unwrap();
        cards(vault).issue(&"1".repeat(3 + usize::from(n)), None, NOW).unwrap();
    }
    assert_clean(vault);
    let noticed = |what: &str, map: Map, edits: &[(&[u8], Option<&[u8]>)]| {
        let before: Vec<_> = edits.iter().map(|(key, _)| vault_get(&place.store, map, key)).collect();
        edits.iter().for_each(|(key, value)| place.store.set(map, key, *value));
        assert!(!vault.check().unwrap().is_clean(), "{what} in {map:?}");
        for ((key, _), before) in edits.iter().zip(before) {
            place.store.set(map, key, before.as_deref());
        }
    };
    // What only a vault with rules has is looked at elsewhere.
    for map in MAPS.into_iter().filter(|map| ![META, RUN, DUE, APPROVAL, ACCESS].contains(map)) {
        let all = place.store.all(map);
        assert!(all.len() > 1, "{map:?}");
        let ((k, v), (l, w)) = (&all[0], &all[1]);
        noticed("removed", map, &[(k, None)]);
        noticed("removed both", map, &[(k, None), (l, None)]);
        if v != w {
            noticed("swapped", map, &[(k, Some(w)), (l, Some(v))]);
        }
        let mut other = k.clone();
        *other.last_mut().unwrap() ^= 0x80;
        noticed("copied", map, &[(&other, Some(v))]);
        noticed("moved", map, &[(k, None), (&other, Some(v))]);
        noticed("added", map, &[(b"?", Some(b"?"))]);
        for i in (0..v.len()).step_by(1 + v.len() / 40) {
            let mut altered = v.clone();
            altered[i] ^= 1;
            noticed("altered", map, &[(k, Some(&altered))]);
        }
        noticed("emptied", map, &[(k, Some(b"x"))]);
    }
    // A file's entry may say anything: nothing overflows.
    let bytes = place.store.all(OUTPUT)[0].1.clone();
    let huge = [&bytes[..bytes.len() - 8], &[0xFF; 8]].concat();
    noticed("huge", OUTPUT, &[(&[1; 32], Some(&huge)), (&[2; 32], Some(&huge)), (&[3; 32], Some(&huge))]);
    // The census is sealed.
    let census = vault_get(&place.store, META, b"census").unwrap();
    for i in 0..census.len() {
        let mut altered = census.clone();
        altered[i] ^= 1;
        place.store.set(META, b"census", Some(&altered));
        assert!(Vault::open_in(Box::new(place.store.clone()), place.keyset.clone()).is_err());
    }
    place.store.set(META, b"census", Some(&census));
    kept.assert_is(vault);
}

fn vault_get(store: &Watched, map: Map, key: &[u8]) -> Option<Vec<u8>> {
    store.all(map).into_iter().find(|(k, _)| k == key).map(|(_, value)| value)
}

fn file(byte: u8, mode: Mode, count: u64) -> ProtectedFile {
    let column = FileColumn { field: field("card"), mode, version: version(1), count };
    let tenant = TenantId::new("acme").unwrap();
    ProtectedFile { sha256: [byte; 32], made: NOW, tenant, columns: vec![column] }
}

// SPEC: VAULT-22
#[test]
fn files_are_counted_until_they_are_forgotten() {
    everywhere(|place| {
        let vault = place.vault();
        vault.add_file(&file(1, Mode::FileToken, 5)).unwrap();
        vault.add_file(&file(1, Mode::FileToken, 7)).unwrap();
        vault.add_file(&file(2, Mode::FileIdentity, 1)).unwrap();
        assert_eq!(vault.files().unwrap(), [file(1, Mode::FileToken, 7), file(2, Mode::FileIdentity, 1)]);
        assert_eq!((vault.census().total(Mode::FileToken), vault.census().needing(version(1))), (7, 8));
        for mode in [Mode::Seal, Mode::Token, Mode::Index] {
            let refused = vault.add_file(&file(3, mode, 1));
            assert!(matches!(refused, Err(Error::Setting { what: "protected file", .. })), "{refused:?}");
        }
        for count in [u64::MAX, 1 << 48] {
            assert!(matches!(vault.add_file(&file(3, Mode::FileToken, count)), Err(Error::Setting { .. })));
        }
        assert!(vault.made(&[1; 32]).unwrap() && !vault.made(&[3; 32]).unwrap());
        assert_clean(vault);
        place.rotate();
        place.vault().migrate(|_| {}).unwrap();
        let refused = place.edit(&|keyset| keyset.with_state(version(1), KeyState::Retired, NOW));
        let Err(error @ Error::KeyNeeded { .. }) = refused else { panic!("{refused:?}") };
        assert!(error.to_string().contains("token in files of field \"card\""), "{error}");
        assert!(
            place.vault().forget_file(&[1; 32]).unwrap() && !place.vault().forget_file(&[1; 32]).unwrap()
        );
        assert!(place.vault().forget_file(&[2; 32]).unwrap());
        assert_eq!(place.vault().census().lines().count(), 0);
        assert_clean(place.vault());
    });
}

#[cfg(feature = "sled")]
mod in_a_directory {
    use super::*;
    use cloakroom::vault::Despite;

    // SPEC: VAULT-14, VAULT-21, VAULT-23, VAULT-27
    #[test]
    fn a_version_is_retired_and_destroyed_once_nothing_needs_it() {
        let mut place = InDirectory::new();
        let mut kept = Kept::default();
        kept.put(place.vault(), 1);
        let (vault, provider) = (place.vault(), &place.provider);
        let at = |seconds| Timestamp(NOW.0 + seconds);
        assert!(matches!(vault.retire(version(1), provider, at(1)), Err(Error::KeyState { .. })));
        assert!(matches!(
            vault.destroy(version(1), Despite::Data, provider, at(1)),
            Err(Error::KeyState { .. })
        ));
        assert_eq!(vault.rotate(provider, at(2)).unwrap(), version(2));
        kept.put(vault, 2);
        assert_eq!(vault.rotate_use(&use_of("card"), provider, at(3)).unwrap(), version(3));
        kept.put(vault, 3);
        for number in [2, 3] {
            let refused = vault.retire(version(number), provider, at(4));
            assert!(matches!(refused, Err(Error::KeyState { .. })), "a primary: {refused:?}");
        }
        let error = vault.retire(version(1), provider, at(4)).unwrap_err();
        assert!(matches!(error, Error::KeyNeeded { version: 1, .. }), "{error}");
        let text = error.to_string();
        for part in ["seal of field \"email\" of tenant \"acme\"", "token of field \"card\"", "migrate"] {
            assert!(text.contains(part), "{text}");
        }
        let unretired = vault.destroy(version(1), Despite::Nothing, provider, at(4));
        assert!(matches!(unretired, Err(Error::KeyState { .. })), "{unretired:?}");
        vault.migrate(|_| {}).unwrap();
        let error = vault.retire(version(1), provider, at(5)).unwrap_err();
        assert!(error.to_string().contains("identity"), "{error}");
        vault.edit_keyset(provider, |keyset| keyset.with_identity(version(2), at(5))).unwrap();
        vault.retire(version(1), provider, at(6)).unwrap();
        kept.assert_is(vault);
        vault.change_state(version(1), KeyState::Deactivated, provider, at(7)).unwrap();
        vault.retire(version(1), provider, at(8)).unwrap();
        vault.destroy(version(1), Despite::Nothing, provider, at(9)).unwrap();
        assert_eq!(vault.keyset().version(version(1)).unwrap().state(), KeyState::Destroyed);
        kept.assert_is(vault);
        let back = vault.rotate(provider, NOW);
        assert!(matches!(back, Err(Error::Setting { .. })), "the clock went back: {back:?}");
        assert!(vault.rotate_use(&use_of("card"), provider, NOW).is_err());
        let events: Vec<_> = vault.events().unwrap().into_iter().map(|e| (e.at.0 - NOW.0, e.kind)).collect();
        let expected =
            [(2, "rotate"), (3, "rotate"), (6, "retire"), (7, "state"), (8, "retire"), (9, "destroy")];
        assert_eq!(events, expected.map(|(at, kind)| (at, kind.to_owned())));
        place.reopen();
        kept.assert_is(place.vault());
        assert_eq!(place.vault().keyset().primary_number(), version(2));
    }

    // SPEC: VAULT-27
    #[test]
    fn data_is_given_up_with_its_key_only_when_that_is_said() {
        let mut place = InDirectory::new();
        let mut kept = Kept::default();
        let (vault, provider) = (place.vault(), &place.provider);
        put(&acme(vault), "old", &[("email", "old@x")]);
        vault.rotate(provider, NOW).unwrap();
        vault.edit_keyset(provider, |keyset| keyset.with_identity(version(2), NOW)).unwrap();
        kept.put(vault, 1);
        vault.change_state(version(1), KeyState::Compromised, provider, NOW).unwrap();
        let refused = vault.destroy(version(1), Despite::Nothing, provider, NOW);
        assert!(matches!(refused, Err(Error::KeyNeeded { .. })), "{refused:?}");
        // What a run has put could not be taken back without the key.
        let (run, new) = (vault.begin_run(), subject("new"));
        run.put_many(&acme(vault), &[cloakroom::vault::Row { subject: &new, fields: &[] }]).unwrap();
        let refused = vault.destroy(version(1), Despite::Data, provider, NOW);
        assert!(matches!(refused, Err(Error::Setting { what: "vault", .. })), "{refused:?}");
        run.roll_back().unwrap();
        vault.destroy(version(1), Despite::Data, provider, Timestamp(NOW.0 + 1)).unwrap();
        assert!(!acme(vault).has(&subject("old")).unwrap());
        assert!(!vault.check().unwrap().is_clean(), "it says what cannot be opened");
        place.reopen();
        let acme = acme(place.vault());
        assert_eq!(acme.records(&subject("s1-02")).unwrap().len(), 3);
        assert_eq!(place.vault().events().unwrap().last().unwrap().kind, "destroy despite data");
    }

    #[test]
    fn what_was_given_up_with_its_key_keeps_nothing_else_from_being_moved() {
        let mut place = InDirectory::new();
        let rules = TokenRules::new(Look::Like(Format::digits()));
        let (vault, provider) = (place.vault(), &place.provider);
        let (acme, old, ann) = (acme(vault), subject("old"), subject("ann"));
        let pins = acme.random_tokens(&field("pin"), rules).unwrap();
        let mail = BlindIndex::field(field("email"), Normalization::Email, 10).unwrap();
        acme.define_index(&mail).unwrap();
        put(&acme, "old", &[("email", "old@x")]);
        pins.issue("47110", None, NOW).unwrap();
        vault.rotate_use(&use_of("email"), provider, NOW).unwrap();
        vault.migrate(|_| ()).unwrap(); // the index entry of what will be lost is under version 2
        vault.rotate(provider, NOW).unwrap();
        vault.edit_keyset(provider, |keyset| keyset.with_identity(version(3), NOW)).unwrap();
        put(&acme, "ann", &[("email", "ann@x")]);
        let token = pins.issue("08150", Some(&ann), NOW).unwrap().token;
        vault.change_state(version(1), KeyState::Compromised, provider, NOW).unwrap();
        vault.destroy(version(1), Despite::Data, provider, NOW).unwrap();
        vault.rotate(provider, NOW).unwrap();
        for how in [Migration::default(), DESPITE, RESEAL] {
            let done = vault.migrate_with(how, |_| ()).unwrap();
            assert_eq!((done.lost, done.total), (2, 4));
        }
        let still_needed = vault.census().needing(version(3));
        assert_eq!(still_needed, 0);
        assert!(!acme.has(&old).unwrap());
        assert_eq!(acme.records(&ann).unwrap().len(), 1);
        assert_eq!(acme.find(&field("email"), &["ann@x"]).unwrap().len(), 1);
        assert_eq!(pins.redeem(&token, NOW).unwrap().expose_str(), Some("08150"));
        place.reopen();
    }

    // SPEC: VAULT-15
    #[test]
    fn a_keyset_file_that_was_edited_less_often_is_refused() {
        let mut place = InDirectory::new();
        place.rotate();
        let older = std::fs::read(place.path().join("keyset")).unwrap();
        place.vault().change_state(version(1), KeyState::Compromised, &place.provider, NOW).unwrap();
        std::fs::write(place.path().join("keyset"), older).unwrap();
        assert!(place.try_reopen().unwrap_err().to_string().contains("older"));
    }
}

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
