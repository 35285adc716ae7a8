//! The audit log of a vault: no leaf, no operation; and what leaves say, and do not say.

mod place;

use cloakroom::duties::{Access, Rules};
use cloakroom::keys::Keyset;
use cloakroom::name::{FieldName, KeyVersion, Principal, Purpose, SubjectId, TenantId};
use cloakroom::store::Store;
use cloakroom::time::Timestamp;
use cloakroom::vault::{Look, Revealed, TokenRules, Vault};
use cloakroom::wire::audit::Leaf;
use cloakroom::{Error, Result};
use place::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const STATE: &[u8] = b"audit";

fn name<T>(new: impl Fn(&str) -> Result<T>, text: &str) -> T {
    new(text).unwrap()
}

fn acme() -> TenantId {
    name(TenantId::new, "acme")
}

fn email() -> FieldName {
    name(FieldName::new, "email")
}

fn ann() -> SubjectId {
    name(SubjectId::new, "ann-4711")
}

fn access(principal: &str, purpose: &str) -> Access {
    Access { principal: name(Principal::new, principal), purpose: name(Purpose::new, purpose) }
}

fn keyset() -> Keyset {
    Keyset::generate(Timestamp(0)).unwrap()
}

/// Kind and number of items of every leaf.
fn leaves(store: &Watched) -> Vec<(String, usize)> {
    let leaf = |(_, bytes): &(Vec<u8>, Vec<u8>)| {
        let leaf = Leaf::parse(bytes).unwrap();
        (leaf.kind.to_owned(), leaf.items.len())
    };
    store.all(AUDIT).iter().map(leaf).collect()
}

// SPEC: LOG-1
#[test]
fn every_operation_has_a_leaf_of_its_own() {
    let (store, keyset) = (Watched::default(), keyset());
    let vault = Vault::create_in(Box::new(store.clone()), keyset.clone()).unwrap();
    let tenant = vault.tenant(&acme());
    let record = tenant.put(&ann(), &[(&email(), b"ann@example.com")]).unwrap();
    tenant.reveal(record, &email()).unwrap().unwrap();
    tenant.records(&ann()).unwrap();
    let pins = tenant
        .random_tokens(
            &name(FieldName::new, "pin"),
            TokenRules::new(Look::Opaque(cloakroom::protect::Spelling::Hex)),
        )
        .unwrap();
    let token = pins.issue("4711", Some(&ann()), NOW).unwrap().token;
    pins.redeem(&token, NOW).unwrap();
    vault.adopt(keyset.rotated(Timestamp(9)).unwrap()).unwrap();
    vault.migrate(|_| {}).unwrap();
    tenant.erase(&ann()).unwrap().unwrap();
    let kinds: Vec<_> = leaves(&store);
    let kinds: Vec<_> = kinds.iter().map(|(kind, items)| (kind.as_str(), *items)).collect();
    assert_eq!(
        kinds,
        [
            ("create", 0),
            ("put", 1),
            ("reveal", 1),
            ("records", 1),
            ("issue", 1),
            ("redeem", 1),
            ("adopt", 0),
            ("migrate", 0),
            ("migrate", 0),
            ("migrated", 0),
            ("erase", 1),
        ]
    );
    assert!(vault.check().unwrap().is_clean());
    assert_eq!(vault.check().unwrap().leaves, 11);
}

// SPEC: LOG-1, LOG-2
#[test]
fn without_its_leaf_nothing_is_done_and_nothing_is_shown() {
    let store = Watched::default();
    let vault = Vault::create_in(Box::new(store.clone()), keyset()).unwrap();
    let tenant = vault.tenant(&acme());
    let record = tenant.put(&ann(), &[(&email(), b"ann@example.com")]).unwrap();
    let before = leaves(&store);
    store.refuse_after(0);
    assert!(tenant.reveal(record, &email()).is_err());
    assert!(tenant.records(&ann()).is_err());
    assert!(vault.revealer(&acme(), access("eve", "x")).reveal(record, &email()).is_err());
    assert!(tenant.put(&ann(), &[(&email(), b"b")]).is_err());
    assert!(tenant.erase(&ann()).is_err());
    assert_eq!(leaves(&store), before);
    store.refuse_nothing();
    assert_eq!(tenant.records(&ann()).unwrap().len(), 1);
    assert!(vault.check().unwrap().is_clean());
}

// SPEC: LOG-3
#[test]
fn leaves_name_no_subject_and_no_field() {
    let store = Watched::default();
    let vault = Vault::create_in(Box::new(store.clone()), keyset()).unwrap();
    let tenant = vault.tenant(&acme()).by(access("alice", "support"));
    let record = tenant.put(&ann(), &[(&email(), b"secret@example.com")]).unwrap();
    tenant.reveal(record, &email()).unwrap();
    tenant.erase(&ann()).unwrap();
    for (_, bytes) in store.all(AUDIT) {
        for clear in ["ann-4711", "email", "secret@example.com", "acme"] {
            assert!(!bytes.windows(clear.len()).any(|part| part == clear.as_bytes()), "{clear}");
        }
    }
    let last = store.all(AUDIT);
    let leaf = Leaf::parse(&last.last().unwrap().1).unwrap();
    assert_eq!((leaf.kind, leaf.principal, leaf.purpose), ("erase", "alice", "support"));
    // The same subject is called the same in every leaf, and another one otherwise.
    let called = |n: usize| Leaf::parse(&last[n].1).unwrap().items[0].subject;
    assert_eq!(called(1), called(2));
    tenant.put(&ann(), &[(&email(), b"again")]).unwrap();
    let now = store.all(AUDIT);
    assert_ne!(Leaf::parse(&now.last().unwrap().1).unwrap().items[0].subject, called(1), "she was erased");
}

// SPEC: LOG-6
#[test]
fn after_erasing_nothing_is_left_that_tells_whom_leaves_are_about() {
    let store = Watched::default();
    let vault = Vault::create_in(Box::new(store.clone()), keyset()).unwrap();
    let tenant = vault.tenant(&acme());
    tenant.put(&ann(), &[(&email(), b"ann@example.com")]).unwrap();
    let note = |text| name(cloakroom::name::Note::new, text);
    tenant.rights_of(&ann()).because(&note("ticket 77")).restrict(&note("contested")).unwrap();
    let details = |store: &Watched| {
        let all = store.all(AUDIT);
        all.iter().map(|(_, leaf)| Leaf::parse(leaf).unwrap().details.len()).sum::<usize>()
    };
    assert_eq!((store.count(ENTRY), store.count(INDEX), details(&store)), (2, 1, 1));
    tenant.erase(&ann()).unwrap().unwrap();
    // Her key, and the detail key that was sealed under it, are gone with her locator; the leaves and the tree stay.
    assert_eq!((store.count(ENTRY), store.count(INDEX), details(&store)), (0, 0, 1));
    let left = MAPS.into_iter().filter(|map| ![META, AUDIT].contains(map));
    assert_eq!(left.map(|map| store.count(map)).sum::<usize>(), 0);
    assert!(vault.check().unwrap().is_clean());
}

// SPEC: LOG-4
#[test]
fn a_tree_that_was_cut_put_back_or_altered_keeps_the_vault_closed() {
    let (store, keyset) = (Watched::default(), keyset());
    let vault = Vault::create_in(Box::new(store.clone()), keyset.clone()).unwrap();
    let tenant = vault.tenant(&acme());
    let record = tenant.put(&ann(), &[(&email(), b"a")]).unwrap();
    tenant.reveal(record, &email()).unwrap();
    let early = store.get(META, STATE).unwrap().unwrap();
    let count = store.count(AUDIT) as u64;
    tenant.put(&ann(), &[(&email(), b"b")]).unwrap();
    let late = store.get(META, STATE).unwrap().unwrap();
    drop(tenant);
    drop(vault);
    let opens = || Vault::open_in(Box::new(store.clone()), keyset.clone()).map(drop);
    let corrupt = |result: Result<()>, what: &str| match result {
        Err(Error::Corrupt { problem }) => assert!(problem.contains("audit tree"), "{what}: {problem}"),
        other => panic!("{what}: {other:?}"),
    };
    store.set(META, STATE, None);
    corrupt(opens(), "missing");
    store.set(META, STATE, Some(&early));
    corrupt(opens(), "put back");
    for i in 0..late.len() {
        let mut altered = late.clone();
        altered[i] ^= 1;
        store.set(META, STATE, Some(&altered));
        assert!(opens().is_err(), "byte {i}");
    }
    store.set(META, STATE, Some(&late));
    let last = count.to_be_bytes();
    let leaf = store.get(AUDIT, &last).unwrap().unwrap();
    store.set(AUDIT, &last, None);
    corrupt(opens(), "the last leaf");
    store.set(AUDIT, &last, Some(&leaf));
    store.set(AUDIT, &(count + 1).to_be_bytes(), Some(&leaf));
    corrupt(opens(), "one more");
    store.set(AUDIT, &(count + 1).to_be_bytes(), None);
    opens().unwrap();
}

// SPEC: LOG-5
#[test]
fn a_check_finds_every_leaf_that_was_touched() {
    let (store, keyset) = (Watched::default(), keyset());
    let vault = Vault::create_in(Box::new(store.clone()), keyset.clone()).unwrap();
    let tenant = vault.tenant(&acme());
    let record = tenant.put(&ann(), &[(&email(), b"a")]).unwrap();
    (0..5).for_each(|_| drop(tenant.reveal(record, &email()).unwrap()));
    let all = store.all(AUDIT);
    let is_clean = || vault.check().unwrap().is_clean();
    for (n, (key, leaf)) in all.iter().enumerate() {
        for i in 0..leaf.len() {
            let mut altered = leaf.clone();
            altered[i] ^= 0x10;
            store.set(AUDIT, key, Some(&altered));
            assert!(!is_clean(), "leaf {n}, byte {i}");
        }
        store.set(AUDIT, key, None);
        assert!(!is_clean(), "leaf {n} removed");
        let (other_key, other) = &all[(n + 1) % all.len()];
        if leaf != other {
            store.set(AUDIT, key, Some(other));
            store.set(AUDIT, other_key, Some(leaf));
            assert!(!is_clean(), "leaf {n} exchanged");
            store.set(AUDIT, other_key, Some(other));
        }
        store.set(AUDIT, key, Some(leaf));
        assert!(is_clean());
    }
}

/// What a vault with rules is tried with: `agent` sees e-mail addresses for support, and masked ones for ads by consent.
fn rules() -> Rules {
    let json = r#"{"purposes":{"ads":{"basis":"consent","text":null,"recipients":[],"special":false,"despite_restriction":false,"despite_hold":false},"support":{"basis":"contract","text":null,"recipients":[],"special":false,"despite_restriction":false,"despite_hold":false}},"roles":{"agent":{"purposes":["ads","support"],"reveal":{"email":"full"},"budget":{"per_hour":6,"over":"refuse"}}},"principals":{"alice":{"roles":["agent"],"key":null,"approves":false}},"fields":{"email":{"category":"contact","purposes":["ads","support"],"retention":3600,"special":false}},"approvals":{"bulk":null,"valid":86400},"register":{"controller":null,"contact":null,"dpo":null}}"#;
    serde_json::from_str(json).unwrap()
}

/// A vault with rules, at a time that the test sets.
fn ruled() -> (Watched, Keyset, Arc<AtomicU64>, Vault) {
    let (store, keyset, time) = (Watched::default(), keyset(), Arc::new(AtomicU64::new(36_000)));
    let clock = Arc::clone(&time);
    let vault = Vault::create_in(Box::new(store.clone()), keyset.clone()).unwrap();
    let vault = vault.with_clock(move || Timestamp(clock.load(Ordering::SeqCst)));
    vault.set_rules(rules()).unwrap();
    (store, keyset, time, vault)
}

fn code(result: Result<Option<Revealed>>) -> &'static str {
    match result {
        Err(Error::Denied { code, .. }) => code,
        other => panic!("{other:?}"),
    }
}

// SPEC: LOG-7
#[test]
fn with_rules_everything_is_decided_and_nothing_goes_around_them() {
    let (store, _, time, vault) = ruled();
    let tenant = vault.tenant(&acme());
    let record = tenant.put(&ann(), &[(&email(), b"ann@example.com")]).unwrap();
    assert!(matches!(tenant.reveal(record, &email()), Err(Error::Denied { code: "no-principal", .. })));
    assert!(matches!(tenant.records(&ann()), Err(Error::Denied { code: "no-principal", .. })));
    let reveal =
        |principal, purpose| vault.revealer(&acme(), access(principal, purpose)).reveal(record, &email());
    let shown = reveal("alice", "support").unwrap().unwrap();
    assert_eq!(shown.value().unwrap().expose(), b"ann@example.com");
    assert_eq!(code(reveal("eve", "support")), "principal-unknown");
    assert_eq!(code(reveal("alice", "fraud")), "purpose-unknown");
    assert_eq!(code(reveal("alice", "ads")), "consent-none");
    time.store(36_000 + 3_600, Ordering::SeqCst);
    assert_eq!(code(reveal("alice", "support")), "retention-over");
    time.store(36_000, Ordering::SeqCst);
    // Refused or not, each is in the log with its decision, its reason and the version of the rules.
    let told: Vec<_> = store
        .all(AUDIT)
        .iter()
        .rev()
        .take(5)
        .rev()
        .map(|(_, bytes)| {
            let leaf = Leaf::parse(bytes).unwrap();
            let context = &leaf.contexts[usize::from(leaf.items[0].context)];
            (
                leaf.principal.to_owned(),
                leaf.purpose.to_owned(),
                context.decision,
                context.reason,
                leaf.rules_version,
            )
        })
        .collect();
    let told: Vec<_> = told.iter().map(|(p, u, d, r, v)| (p.as_str(), u.as_str(), *d, *r, *v)).collect();
    assert_eq!(
        told,
        [
            ("alice", "support", 1, 0, 1),
            ("eve", "support", 4, 1, 1),
            ("alice", "fraud", 4, 2, 1),
            ("alice", "ads", 4, 9, 1),
            ("alice", "support", 4, 12, 1),
        ]
    );
    assert!(vault.check().unwrap().is_clean());
}

// SPEC: LOG-7
#[test]
fn a_budget_counts_by_the_hour_and_outlives_the_process() {
    let (store, keyset, time, vault) = ruled();
    let record = vault.tenant(&acme()).put(&ann(), &[(&email(), b"a")]).unwrap();
    let field = email();
    let alice = vault.revealer(&acme(), access("alice", "support"));
    assert!(alice.reveal_many(&[(record, &field); 7]).is_err(), "more than the budget, and so none");
    assert_eq!(alice.reveal_many(&[(record, &field); 5]).unwrap().len(), 5);
    drop(alice);
    drop(vault);
    let clock = Arc::clone(&time);
    let vault = Vault::open_in(Box::new(store.clone()), keyset).unwrap();
    let vault = vault.with_clock(move || Timestamp(clock.load(Ordering::SeqCst)));
    let alice = vault.revealer(&acme(), access("alice", "support"));
    alice.reveal(record, &field).unwrap().unwrap();
    assert_eq!(code(alice.reveal(record, &field)), "over-budget");
    time.store(36_000 + 3_599, Ordering::SeqCst);
    assert_eq!(code(alice.reveal(record, &field)), "over-budget");
    vault.tenant(&acme()).put(&ann(), &[(&email(), b"b")]).unwrap();
    time.store(36_000 - 1, Ordering::SeqCst);
    assert_eq!(
        code(alice.reveal(record, &field)),
        "over-budget",
        "a clock that goes back begins no new count"
    );
    let last = store.all(AUDIT);
    assert_eq!(Leaf::parse(&last.last().unwrap().1).unwrap().note, "denied: over-budget");
}

// SPEC: VAULT-13
#[test]
fn whatever_is_done_to_what_says_when_records_are_due_is_reported() {
    let (store, _, time, vault) = ruled();
    for n in 0..3 {
        time.store(36_000 + n, Ordering::SeqCst);
        vault.tenant(&acme()).put(&ann(), &[(&email(), b"a")]).unwrap();
    }
    let due = store.all(DUE);
    assert_eq!(due.len(), 3);
    let is_clean = || vault.check().unwrap().is_clean();
    assert!(is_clean());
    for (key, value) in &due {
        store.set(DUE, key, None);
        assert!(!is_clean(), "removed");
        store.set(DUE, key, Some(b"x"));
        assert!(!is_clean(), "altered");
        store.set(DUE, key, Some(value));
        let mut later = key.clone();
        later[7] ^= 0x40;
        store.set(DUE, &later, Some(value));
        assert!(!is_clean(), "added");
        store.set(DUE, key, None);
        assert!(!is_clean(), "put off");
        store.set(DUE, &later, None);
        store.set(DUE, key, Some(value));
        assert!(is_clean());
    }
}

// SPEC: LOG-9
#[test]
fn rules_that_were_altered_removed_or_put_back_are_refused() {
    let (store, keyset, _, vault) = ruled();
    let first = store.get(META, b"rules").unwrap().unwrap();
    let mut other = rules();
    other.principals.clear();
    assert_eq!(vault.set_rules(other).unwrap(), 2);
    let second = store.get(META, b"rules").unwrap().unwrap();
    drop(vault);
    let opens = || Vault::open_in(Box::new(store.clone()), keyset.clone()).map(drop);
    opens().unwrap();
    store.set(META, b"rules", Some(&first));
    assert!(matches!(opens(), Err(Error::Corrupt { .. })), "older rules");
    store.set(META, b"rules", None);
    assert!(matches!(opens(), Err(Error::Corrupt { .. })), "no rules");
    for i in 0..second.len() {
        let mut altered = second.clone();
        altered[i] ^= 1;
        store.set(META, b"rules", Some(&altered));
        assert!(opens().is_err(), "byte {i}");
    }
    store.set(META, b"rules", Some(&second));
    let vault = Vault::open_in(Box::new(store.clone()), keyset.clone()).unwrap();
    // They go over to the new primary with everything else.
    let rotated = keyset.rotated(Timestamp(9)).unwrap();
    vault.adopt(rotated.clone()).unwrap();
    assert_eq!(
        store.get(META, b"rules").unwrap().unwrap()[1..5],
        KeyVersion::new(2).unwrap().get().to_be_bytes()
    );
    drop(vault);
    Vault::open_in(Box::new(store), rotated).unwrap();
}
