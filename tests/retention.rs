//! What is kept no longer goes, and nothing else does; who is erased gets a receipt.

mod place;

use cloakroom::crypto::sign::VerifyingKey;
use cloakroom::duties::{
    Access, Basis, FieldRules, Permission, PrincipalRules, PurposeRules, RoleRules, Rules,
};
use cloakroom::format::{Format, Normalization};
use cloakroom::keys::Keyset;
use cloakroom::name::{KeyVersion, Note, Principal, Purpose, RoleName, TenantId};
use cloakroom::protect::BlindIndex;
use cloakroom::store::Map;
use cloakroom::time::Timestamp;
use cloakroom::vault::{
    FileColumn, Look, Mode, ProtectedFile, Purged, Receipt, ReceiptOptions, RecordId, Tenant, TokenRequest,
    TokenRules, Vault,
};
use cloakroom::{Error, Result};
use place::{BLIND, ENTRY, INDEX, Watched, assert_clean, field, put, subject, tenant};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const DUE: Map = Map::new(12, "due");
const NOW: u64 = 1_795_600_000;
const DAY: u64 = 86_400;

/// Fields and for how many days they are kept; Dora may see all of them.
fn rules(fields: &[(&str, Option<u64>)]) -> Rules {
    let (support, desk) = (Purpose::new("support").unwrap(), RoleName::new("desk").unwrap());
    let mut rules = Rules::default();
    let purpose = PurposeRules {
        basis: Basis::Contract,
        text: None,
        recipients: vec![],
        special: false,
        despite_restriction: true,
        despite_hold: true,
    };
    rules.purposes.insert(support.clone(), purpose);
    let reveal = fields.iter().map(|(name, _)| (field(name), Permission::Full)).collect();
    let role = RoleRules { purposes: [support.clone()].into(), reveal, budget: None };
    rules.roles.insert(desk.clone(), role);
    let dora = PrincipalRules { roles: [desk].into(), ..PrincipalRules::default() };
    rules.principals.insert(Principal::new("dora").unwrap(), dora);
    for (name, days) in fields {
        let retention = days.map(|days| days * DAY);
        let of_field =
            FieldRules { category: None, purposes: [support.clone()].into(), retention, special: false };
        rules.fields.insert(field(name), of_field);
    }
    rules
}

struct Kept {
    store: Watched,
    keyset: Keyset,
    vault: Vault,
    clock: Arc<AtomicU64>,
}

impl Kept {
    fn new() -> Self {
        let (store, clock) = (Watched::default(), Arc::new(AtomicU64::new(NOW)));
        let keyset = Keyset::generate(Timestamp(NOW)).unwrap();
        let vault = Vault::create_in(Box::new(store.clone()), keyset.clone()).unwrap();
        let vault = with_clock(vault, &clock);
        Self { store, keyset, vault, clock }
    }

    fn reopen(&mut self) {
        let vault = Vault::open_in(Box::new(self.store.clone()), self.keyset.clone()).unwrap();
        self.vault = with_clock(vault, &self.clock);
    }

    fn acme(&self) -> Tenant<'_> {
        tenant(&self.vault, "acme")
    }

    fn set_days(&self, days: u64) {
        self.clock.store(NOW + days * DAY, Ordering::Relaxed);
    }

    /// Purges as of now.
    fn purge(&self) -> Purged {
        let now = Timestamp(self.clock.load(Ordering::Relaxed));
        let foreseen = self.vault.purge(now, true).unwrap();
        let purged = self.vault.purge(now, false).unwrap();
        assert_eq!(purged, foreseen, "a dry run counts what a purge deletes");
        assert_clean(&self.vault);
        purged
    }

    /// The value; `None` when it is gone, `-` when it is there and not shown.
    fn value(&self, record: RecordId, name: &str) -> Option<String> {
        let (principal, purpose) = (Principal::new("dora").unwrap(), Purpose::new("support").unwrap());
        let revealer = self.vault.revealer(&TenantId::new("acme").unwrap(), Access { principal, purpose });
        match revealer.reveal(record, &field(name)) {
            Ok(shown) => shown.map(|shown| shown.value().unwrap().expose_str().unwrap().to_owned()),
            Err(Error::Denied { .. }) => Some("-".into()),
            Err(error) => panic!("{error}"),
        }
    }
}

fn with_clock(vault: Vault, clock: &Arc<AtomicU64>) -> Vault {
    let clock = Arc::clone(clock);
    vault.with_clock(move || Timestamp(clock.load(Ordering::Relaxed)))
}

// SPEC: RET-3
#[test]
fn a_field_goes_when_its_time_is_over_and_not_a_second_before() {
    let kept = Kept::new();
    kept.vault.set_rules(rules(&[("email", Some(10)), ("phone", Some(20)), ("name", None)])).unwrap();
    let record = put(&kept.acme(), "ann", &[("email", "a@b.c"), ("phone", "55"), ("name", "Ann")]);
    let short = put(&kept.acme(), "ann", &[("email", "x@y.z")]);
    put(&kept.acme(), "bob", &[("phone", "66")]);
    kept.clock.store(NOW + 10 * DAY - 1, Ordering::Relaxed);
    assert_eq!(kept.purge(), Purged::default());
    kept.set_days(10);
    assert_eq!(kept.value(record, "email").as_deref(), Some("-"), "it is shown no more before it is purged");
    let purged = kept.purge();
    assert_eq!((purged.fields, purged.records, purged.subjects), (2, 1, 0));
    assert_eq!(purged.by_field, BTreeMap::from([(("acme".into(), "email".into()), 2)]));
    assert_eq!((kept.value(record, "email"), kept.value(short, "email")), (None, None));
    assert_eq!(kept.value(record, "phone").as_deref(), Some("55"));
    assert_eq!(kept.store.count(DUE), 2);
    kept.set_days(20);
    let purged = kept.purge();
    assert_eq!((purged.fields, purged.records, purged.subjects), (2, 1, 1), "bob had nothing else");
    assert_eq!(kept.value(record, "name").as_deref(), Some("Ann"));
    assert!(!kept.acme().has(&subject("bob")).unwrap());
    assert_eq!((kept.store.count(DUE), kept.store.count(INDEX)), (0, 1));
    kept.set_days(9_000);
    assert_eq!(kept.purge(), Purged::default());
    // What comes back begins anew.
    put(&kept.acme(), "bob", &[("phone", "66")]);
    assert_eq!(kept.purge(), Purged::default());
}

// SPEC: RET-3
#[test]
fn blind_indexes_lose_what_tells_of_a_field_that_went_and_keep_the_rest() {
    let kept = Kept::new();
    let index = |name: &str, fields: &[&str]| {
        let parts = fields.iter().map(|name| (field(name), Normalization::Text)).collect();
        kept.acme().define_index(&BlindIndex::new(field(name), parts, 24).unwrap()).unwrap();
    };
    index("email", &["email"]);
    index("name", &["name"]);
    index("person", &["name", "email"]);
    index("passing", &["name"]);
    kept.vault.set_rules(rules(&[("email", Some(10)), ("name", None)])).unwrap();
    put(&kept.acme(), "ann", &[("email", "a@b.c"), ("name", "Ann")]);
    assert_eq!(kept.store.count(BLIND), 4);
    kept.acme().drop_index(&field("passing")).unwrap();
    kept.set_days(10);
    assert_eq!(kept.purge().indexes, 3, "nobody knows any more what a dropped index told of");
    assert_eq!(kept.store.count(BLIND), 1);
    kept.vault.migrate(|_| {}).unwrap();
    assert_clean(&kept.vault);
    assert_eq!(kept.store.count(BLIND), 1);
}

// SPEC: RET-2
#[test]
fn other_rules_tell_every_record_anew_and_what_was_cut_off_is_done_by_the_next_purge() {
    let mut kept = Kept::new();
    for n in 0..200 {
        put(&kept.acme(), &format!("s{n}"), &[("email", "a@b.c"), ("name", "x")]);
    }
    assert_eq!(kept.store.count(DUE), 0);
    assert_eq!(kept.vault.set_rules(rules(&[("email", Some(30)), ("name", None)])).unwrap(), 1);
    assert_eq!(kept.store.count(DUE), 200);
    let told = kept.vault.schedule().unwrap();
    assert_eq!((told.records, told.changed, told.undated), (200, 0, 0));
    // Retention as before: nobody is told.
    let mut same = rules(&[("email", Some(30)), ("name", None)]);
    same.principals.clear();
    kept.store.refuse_after(1);
    assert_eq!(kept.vault.set_rules(same).unwrap(), 2);
    // The rules, one page, and no more.
    kept.store.refuse_after(2);
    kept.vault.set_rules(rules(&[("email", Some(10)), ("name", None)])).unwrap_err();
    kept.store.refuse_nothing();
    kept.reopen();
    put(&kept.acme(), "new", &[("email", "n@b.c")]);
    assert_clean(&kept.vault);
    kept.set_days(10);
    let purged = kept.purge();
    assert_eq!((purged.fields, purged.subjects), (201, 1));
    // No retention any more.
    kept.vault.set_rules(rules(&[("email", None)])).unwrap();
    assert_eq!(kept.store.count(DUE), 0);
    assert_clean(&kept.vault);
}

// SPEC: RET-4
#[test]
fn a_hold_keeps_everything_and_what_is_known_of_a_subject_keeps_her_key() {
    let kept = Kept::new();
    kept.vault.set_rules(rules(&[("email", Some(10))])).unwrap();
    for who in ["ann", "bob", "eve"] {
        put(&kept.acme(), who, &[("email", "a@b.c")]);
    }
    let (case, ann) = (Note::new("case 4").unwrap(), subject("ann"));
    kept.acme().rights_of(&ann).hold(&case).unwrap();
    kept.acme().rights_of(&subject("bob")).restrict(&Note::new("contested").unwrap()).unwrap();
    let before = kept.store.all(ENTRY);
    kept.set_days(10);
    let purged = kept.purge();
    assert_eq!((purged.held, purged.emptied, purged.subjects, purged.fields), (1, 1, 1, 2));
    assert!(kept.store.all(ENTRY).len() < before.len());
    match kept.acme().erase(&ann) {
        Err(Error::Denied { code: "held", problem }) => assert!(!problem.contains("case 4"), "{problem}"),
        other => panic!("{other:?}"),
    }
    assert!(kept.acme().has(&subject("bob")).unwrap() && !kept.acme().has(&subject("eve")).unwrap());
    kept.acme().rights_of(&ann).release(&case).unwrap();
    let purged = kept.purge();
    assert_eq!((purged.held, purged.fields, purged.emptied), (0, 1, 1), "her empty state stays");
    kept.acme().erase(&ann).unwrap().unwrap();
    assert_clean(&kept.vault);
}

// SPEC: RET-5
#[test]
fn nothing_is_deleted_before_it_is_due_whatever_is_asked() {
    let kept = Kept::new();
    kept.vault.set_rules(rules(&[("email", Some(10))])).unwrap();
    put(&kept.acme(), "ann", &[("email", "a@b.c")]);
    let refused = kept.vault.purge(Timestamp(NOW + 1), false).unwrap_err();
    assert!(matches!(&refused, Error::Setting { .. }) && refused.to_string().contains("future"), "{refused}");
    let before = kept.store.all(ENTRY);
    let ahead = kept.vault.purge(Timestamp(NOW + 10 * DAY), true).unwrap();
    assert_eq!((ahead.fields, ahead.records, ahead.subjects), (1, 1, 1));
    assert_eq!(kept.store.all(ENTRY), before);
    kept.set_days(30);
    assert_eq!(kept.vault.purge(Timestamp(NOW + 9 * DAY), false).unwrap(), Purged::default());
    assert_eq!(kept.store.all(ENTRY), before);
}

// SPEC: RET-4
#[test]
fn tokens_that_ended_go_and_a_subject_who_held_nothing_else_goes_with_them() {
    let kept = Kept::new();
    let acme = kept.acme();
    let tokens = acme.random_tokens(&field("pin"), TokenRules::new(Look::Like(Format::digits()))).unwrap();
    let (ann, bob) = (subject("ann"), subject("bob"));
    let request = |subject, value, expires| TokenRequest { value, subject: Some(subject), expires };
    let end = Some(Timestamp(NOW + 5));
    let requests = [request(&ann, "123456", end), request(&bob, "654321", None)];
    let issued = tokens.issue_many(&requests, Timestamp(NOW)).unwrap();
    assert!(issued.iter().all(Result::is_ok));
    kept.clock.store(NOW + 4, Ordering::Relaxed);
    assert_eq!(kept.purge().tokens, 0);
    kept.clock.store(NOW + 5, Ordering::Relaxed);
    let purged = kept.purge();
    assert_eq!((purged.tokens, purged.subjects), (1, 1));
    assert!(!acme.has(&ann).unwrap() && acme.has(&bob).unwrap());
}

/// Puts, purges, changed rules, holds and erasures, against what each of them means.
// SPEC: RET-2, RET-3, RET-4
#[test]
fn what_is_left_is_what_a_model_says() {
    for seed in 0..6 {
        let mut state = seed;
        let mut random = |below: u64| {
            state = u64::wrapping_add(state, 0x9E37_79B9_7F4A_7C15);
            let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            (z ^ (z >> 31)) % below
        };
        let kept = Kept::new();
        let index = BlindIndex::field(field("a"), Normalization::Text, 16).unwrap();
        kept.acme().define_index(&index).unwrap();
        let mut days = [None, Some(3), Some(7)];
        let all = |days: &[Option<u64>; 3]| rules(&[("a", days[0]), ("b", days[1]), ("c", days[2])]);
        kept.vault.set_rules(all(&days)).unwrap();
        // Of each record: whose it is, the day, and which of its fields are there.
        let mut model: Vec<(u64, u64, RecordId, [bool; 3])> = vec![];
        let mut held = [false; 5];
        let mut today = 0;
        for _ in 0..120 {
            let who = random(5);
            let id = subject(&format!("s{who}"));
            match random(10) {
                0..5 => {
                    let mask = 1 + random(7);
                    let has = [0, 1, 2].map(|i| mask >> i & 1 == 1);
                    let names = ["a", "b", "c"].into_iter().zip(has).filter(|(_, has)| *has);
                    let fields: Vec<_> = names.map(|(name, _)| (name, "v")).collect();
                    model.push((who, today, put(&kept.acme(), &format!("s{who}"), &fields), has));
                }
                5 => {
                    days[random(3) as usize] = [None, Some(1), Some(4), Some(9)][random(4) as usize];
                    kept.vault.set_rules(all(&days)).unwrap();
                }
                6 if kept.acme().has(&id).unwrap() => {
                    let (rights, case) = (kept.acme().rights_of(&id), Note::new("case").unwrap());
                    let changed = if held[who as usize] { rights.release(&case) } else { rights.hold(&case) };
                    assert!(changed.unwrap());
                    held[who as usize] ^= true;
                }
                7 if !held[who as usize] => {
                    kept.acme().erase(&id).unwrap();
                    model.retain(|record| record.0 != who);
                }
                _ => {
                    today += random(3);
                    kept.set_days(today);
                    let mut gone = 0;
                    for (who, since, _, has) in model.iter_mut().filter(|record| !held[record.0 as usize]) {
                        let _ = who;
                        for (has, days) in has.iter_mut().zip(days) {
                            let over = *has && days.is_some_and(|days| *since + days <= today);
                            gone += u64::from(over);
                            *has &= !over;
                        }
                    }
                    assert_eq!(kept.purge().fields, gone);
                }
            }
        }
        let report = assert_clean(&kept.vault);
        let is_there = |record: &&(u64, u64, RecordId, [bool; 3])| record.3.contains(&true);
        assert_eq!(report.records, model.iter().filter(is_there).count() as u64);
        for (_, _, record, has) in &model {
            for (name, has) in ["a", "b", "c"].into_iter().zip(has) {
                assert_eq!(kept.value(*record, name).is_some(), *has, "seed {seed}, field {name}");
            }
        }
    }
}

fn public_keys(vault: &Vault) -> Vec<VerifyingKey> {
    vault.verifying_keys().into_iter().map(|(_, key)| key).collect()
}

// SPEC: RET-6, RET-7
#[test]
fn a_receipt_says_what_went_and_what_remains_and_no_altered_one_verifies() {
    let kept = Kept::new();
    let acme = kept.acme();
    kept.vault.set_rules(rules(&[("email", Some(10)), ("name", None)])).unwrap();
    acme.define_index(&BlindIndex::field(field("email"), Normalization::Email, 16).unwrap()).unwrap();
    put(&acme, "ann-7", &[("email", "a@b.c"), ("name", "Ann")]);
    put(&acme, "ann-7", &[("name", "Annie")]);
    put(&acme, "bob", &[("name", "Bob")]);
    let (ann, bob) = (subject("ann-7"), subject("bob"));
    let tokens = acme.random_tokens(&field("pin"), TokenRules::new(Look::Like(Format::digits()))).unwrap();
    let request = |subject, value| TokenRequest { value, subject: Some(subject), expires: None };
    let requests = [request(&ann, "123456"), request(&bob, "123456"), request(&ann, "777777")];
    let issued = tokens.issue_many(&requests, Timestamp(NOW)).unwrap();
    assert!(issued.iter().all(Result::is_ok));
    acme.rights_of(&ann).restrict(&Note::new("contested").unwrap()).unwrap();
    let column =
        FileColumn { field: field("card"), mode: Mode::FileToken, version: KeyVersion::FIRST, count: 3 };
    for (sha256, whose) in [([7; 32], "acme"), ([8; 32], "other")] {
        let (made, columns) = (Timestamp(NOW), vec![column.clone()]);
        let file = ProtectedFile { sha256, made, tenant: TenantId::new(whose).unwrap(), columns };
        kept.vault.add_file(&file).unwrap();
    }
    let options = ReceiptOptions { with_id: false, backups_until: Some(Timestamp(NOW + DAY)) };
    let receipt = acme.erase_with_receipt(&ann, &options).unwrap();
    assert_clean(&kept.vault);
    let gone = &receipt.destroyed;
    assert_eq!((gone.records, gone.fields, gone.blind_index_entries, gone.due_entries), (2, 3, 1, 1));
    assert_eq!((gone.random_tokens, gone.random_tokens_shared, gone.fingerprints), (2, 1, 1));
    assert!(gone.consents_and_state && !gone.key_version_was_destroyed);
    assert_eq!((gone.data_key_generation, gone.wrapped_by_key_version), (1, 1));
    assert_eq!(receipt.remains.files.len(), 1, "another tenant's files hold nothing of hers");
    assert_eq!(receipt.remains.files[0].sha256, "07".repeat(32));
    assert_eq!((receipt.remains.backups_until, receipt.subject.as_deref()), (Some(NOW + DAY), None));
    let head = kept.vault.signed_head(Timestamp(NOW)).unwrap().head;
    assert_eq!((receipt.tree_size, receipt.leaf + 1), (head.size, head.size));
    let root: String = head.root.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(receipt.tree_root, root);
    let (json, keys) = (receipt.to_json(), public_keys(&kept.vault));
    assert!(!json.contains("ann-7") && !format!("{receipt:?}").contains("ann-7"));
    let again = Receipt::from_json(&json).unwrap();
    assert_eq!(again, receipt);
    again.verify(&keys).unwrap();
    Kept::new().vault.verifying_keys().iter().for_each(|(_, other)| {
        again.verify(std::slice::from_ref(other)).unwrap_err();
    });
    // Every digit that stands for something.
    for (at, digit) in json.char_indices().filter(|(_, c)| c.is_ascii_digit()) {
        let other = if digit == '1' { "2" } else { "1" };
        let altered = format!("{}{other}{}", &json[..at], &json[at + 1..]);
        assert!(Receipt::from_json(&altered).and_then(|r| r.verify(&keys).map(drop)).is_err(), "at {at}");
    }
    Receipt::from_json(&json.replacen('{', "{\"more\": 1,", 1)).unwrap_err();
    assert!(matches!(acme.erase_with_receipt(&ann, &options), Err(Error::NotFound { .. })));
    assert!(acme.erase(&ann).unwrap().is_none());
    let named = acme.erase_with_receipt(&bob, &ReceiptOptions { with_id: true, ..options }).unwrap();
    assert_eq!(named.subject.as_deref(), Some("bob"));
    assert!(!format!("{named:?}").contains("bob"));
    named.verify(&keys).unwrap();
}

// SPEC: RET-6
#[test]
fn erasing_while_others_look_gives_them_all_or_nothing() {
    let kept = Kept::new();
    kept.vault.set_rules(rules(&[("email", None)])).unwrap();
    let records: Vec<_> =
        (0..40).map(|n| put(&kept.acme(), &format!("s{n}"), &[("email", "a@b.c")])).collect();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while kept.acme().has(&subject("s39")).unwrap() {
                    for record in &records {
                        let shown = kept.value(*record, "email");
                        assert!(shown.as_deref().is_none_or(|shown| shown == "a@b.c"));
                    }
                }
            });
        }
        for (n, record) in records.iter().enumerate() {
            let erased = kept.acme().erase_with_receipt(&subject(&format!("s{n}")), &Default::default());
            assert_eq!(erased.unwrap().destroyed.fields, 1);
            assert_eq!(kept.value(*record, "email"), None, "from now on nobody sees it");
        }
    });
    assert_eq!((kept.store.count(ENTRY), kept.store.count(INDEX)), (0, 0));
    assert_clean(&kept.vault);
}

/// What is under a destroyed version cannot be opened, but deleted.
// SPEC: RET-8
#[cfg(feature = "sled")]
#[test]
fn what_was_lost_with_a_key_version_is_passed_over_and_deleted_when_asked_to() {
    use cloakroom::vault::Despite;
    use place::{InDirectory, Place, version};
    let mut place = InDirectory::new();
    let acme = tenant(place.vault(), "acme");
    put(&acme, "ann", &[("email", "a@b.c"), ("name", "Ann")]);
    let tokens = acme.random_tokens(&field("pin"), TokenRules::new(Look::Like(Format::digits()))).unwrap();
    let (ann, bob) = (subject("ann"), subject("bob"));
    let request = |subject, value| TokenRequest { value, subject: Some(subject), expires: None };
    tokens.issue_many(&[request(&ann, "123456")], place::NOW).unwrap()[0].as_ref().unwrap();
    place.vault().set_rules(rules(&[("email", Some(1))])).unwrap();
    let key = &place.provider;
    place.vault().rotate(key, place::NOW).unwrap();
    put(&acme, "bob", &[("email", "b@b.c")]);
    tokens.issue_many(&[request(&bob, "654321")], place::NOW).unwrap()[0].as_ref().unwrap();
    let keyset = place.vault().keyset();
    assert_eq!(keyset.primary_number(), version(2));
    place.vault().edit_keyset(key, |keyset| keyset.with_identity(version(2), place::NOW)).unwrap();
    place.vault().destroy(version(1), Despite::Data, key, place::NOW).unwrap();
    assert!(!place.vault().check().unwrap().is_clean());
    let now = Timestamp::from(std::time::SystemTime::now());
    let ahead = place.vault().purge(Timestamp(now.0 + 2 * DAY), true).unwrap();
    assert_eq!((ahead.lost, ahead.fields, ahead.subjects, ahead.emptied), (1, 1, 0, 1));
    assert!(acme.erase(&ann).unwrap().is_none(), "nobody can tell any more which entry is hers");
    let foreseen = place.vault().purge_lost(true).unwrap();
    assert_eq!((foreseen.subjects, foreseen.records, foreseen.fields, foreseen.tokens), (1, 1, 2, 1));
    assert_eq!(place.vault().purge_lost(false).unwrap(), foreseen);
    assert_clean(place.vault());
    assert_eq!(place.vault().census().needing(version(1)), 0);
    place.reopen();
    assert_clean(place.vault());
    assert!(tenant(place.vault(), "acme").has(&bob).unwrap());
}
