//! What the release wrote that first kept an audit log: a vault with rules, records that are due, what is known of subjects,
//! leaves with details and segments of the access index; its head, its exported log and a receipt, made by [`make`].

use super::{Golden, dump, field, folder};
use crate::shared_store::{self, Shared};
use cloakroom::audit::verify;
use cloakroom::crypto::sign::VerifyingKey;
use cloakroom::duties::{Access, ConsentStatus, Rules};
use cloakroom::keys::{KeyFile, Keyset};
use cloakroom::name::{Note, Principal, Purpose, SubjectId, TenantId};
use cloakroom::time::Timestamp;
use cloakroom::vault::{Grant, Migration, Query, Receipt, ReceiptOptions, Tenant, Vault};
use cloakroom::wire::audit::SignedHead;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const GOLDEN: Golden = Golden("v3");
const RULES: &str = r#"{"purposes":{"news":{"basis":"consent","text":"Letters","recipients":["Printer Ltd"],"special":false,"despite_restriction":false,"despite_hold":false},"support":{"basis":"contract","text":null,"recipients":[],"special":false,"despite_restriction":false,"despite_hold":false}},"roles":{"agent":{"purposes":["news","support"],"reveal":{"email":"full","phone":"mask 0+4"},"budget":{"per_hour":9999,"over":"refuse"}}},"principals":{"alice":{"roles":["agent"],"key":null,"approves":false}},"fields":{"email":{"category":"contact","purposes":["news","support"],"retention":86400,"special":false},"phone":{"category":"contact","purposes":["support"],"retention":null,"special":false}},"approvals":{"bulk":null,"valid":86400},"register":{"controller":"Acme","contact":null,"dpo":null}}"#;

const START: u64 = 1_795_600_000;

fn now(n: u64) -> Timestamp {
    Timestamp(START + n)
}

fn acme(vault: &Vault) -> Tenant<'_> {
    vault.tenant(&TenantId::new("acme").unwrap())
}

fn subject(id: &str) -> SubjectId {
    SubjectId::new(id).unwrap()
}

fn purpose(name: &str) -> Purpose {
    Purpose::new(name).unwrap()
}

fn note(text: &str) -> Note {
    Note::new(text).unwrap()
}

fn alice(purpose_name: &str) -> Access {
    Access { principal: Principal::new("alice").unwrap(), purpose: purpose(purpose_name) }
}

fn keyset() -> Keyset {
    GOLDEN.keyset("keyset")
}

fn vault() -> Vault {
    GOLDEN.vault(keyset()).with_clock(|| now(100))
}

fn public_keys() -> Vec<VerifyingKey> {
    GOLDEN.text("public-keys.txt").lines().map(|line| VerifyingKey::from_text(line).unwrap()).collect()
}

// SPEC: VAULT-1, VAULT-4, VAULT-44, LOG-4, LOG-9
#[test]
fn a_vault() {
    let vault = vault();
    let report = vault.check().unwrap();
    assert!(report.is_clean(), "{:?}", report.problems);
    assert_eq!((report.subjects, report.records), (2, 2));
    let ann = acme(&vault).rights_of(&subject("ann"));
    let consents = ann.consents().unwrap();
    assert!(
        consents
            .status
            .iter()
            .any(|(to, status)| *to == purpose("news") && *status == ConsentStatus::Granted)
    );
    let holdings = ann.holdings(Some(&alice("support"))).unwrap();
    assert_eq!(holdings.records.len(), 1);
    assert!(
        ann.seen()
            .unwrap()
            .iter()
            .any(|sighting| sighting.because.iter().any(|text| text.contains("ticket 7")))
    );
    let asked = Query { principal: Some(alice("support").principal), ..Query::default() };
    assert_eq!(vault.radius(&asked).unwrap().subjects, 1);
    let head = SignedHead::from_json(&GOLDEN.text("head.json")).unwrap();
    vault.check_against(&head, &public_keys()).unwrap();

    // What a release reads it can also go on with.
    vault.migrate_with(Migration { reseal: true, ..Migration::default() }, |_| ()).unwrap();
    let later = Arc::new(AtomicU64::new(START + 86_400 + 50));
    let vault = vault.with_clock(move || Timestamp(later.load(Ordering::SeqCst)));
    let purged = vault.purge(now(86_400 + 40), false).unwrap();
    assert_eq!(purged.fields, 1, "her e-mail address is due, and his is held");
    assert_eq!(purged.held, 1);
    assert!(vault.check().unwrap().is_clean());
}

// SPEC: AUDIT-7, RET-7
#[test]
fn what_it_signed() {
    let keys = public_keys();
    let head = SignedHead::from_json(&GOLDEN.text("head.json")).unwrap();
    verify(GOLDEN.text("log.audit").as_bytes(), &keys, Some(&head)).unwrap();
    let receipt = Receipt::from_json(&GOLDEN.text("receipt.json")).unwrap();
    receipt.verify(&keys).unwrap();
    assert_eq!(receipt.destroyed.fields, 1);
    let vault = vault();
    assert_eq!(vault.verifying_keys().into_iter().map(|(_, key)| key).collect::<Vec<_>>(), keys);
}

/// Writes `tests/golden/new`.
#[test]
#[ignore = "makes new golden files; those that are there stay as they are"]
fn make() {
    let new = folder("new");
    fs::create_dir(&new).unwrap();
    let write = |file: &str, text: &str| fs::write(new.join(file), text).unwrap();
    let machine = KeyFile::create(new.join("key-file")).unwrap();
    let keyset = Keyset::generate(now(0)).unwrap();
    fs::write(new.join("keyset"), keyset.lock(&machine).unwrap()).unwrap();
    let store = Shared::default();
    let vault = Vault::create_in(Box::new(store.clone()), keyset).unwrap().with_clock(|| now(10));
    vault.set_rules(serde_json::from_str::<Rules>(RULES).unwrap()).unwrap();
    let (ann, bob, eve) = (subject("ann"), subject("bob"), subject("eve"));
    let (email, phone) = (field("email"), field("phone"));
    let tenant = acme(&vault);
    let first = tenant.put(&ann, &[(&email, b"ann@example.com"), (&phone, b"+1 202 555 0143")]).unwrap();
    tenant.put(&bob, &[(&email, b"bob@example.com")]).unwrap();
    tenant.put(&eve, &[(&email, b"eve@example.com")]).unwrap();
    let grant = Grant { at: None, expires: None, source: Some(note("web form")), wording: Some(note("v3")) };
    tenant.rights_of(&ann).because(&note("ticket 7")).grant(&purpose("news"), grant).unwrap();
    tenant.rights_of(&bob).hold(&note("case 4")).unwrap();
    tenant.rights_of(&bob).restrict(&note("contested")).unwrap();
    let revealer = vault.revealer(tenant.name(), alice("support")).because("ticket 7");
    revealer.reveal(first, &phone).unwrap().unwrap();
    // So many that a segment of the access index ends.
    for _ in 0..5 {
        let revealer = vault.revealer(tenant.name(), alice("news"));
        revealer.reveal_many(&[(first, &email); 1000]).unwrap();
    }
    let receipt = tenant.erase_with_receipt(&eve, &ReceiptOptions::default()).unwrap();
    write("receipt.json", &receipt.to_json());
    vault.index_accesses().unwrap();
    assert_eq!(store.all(shared_store::ACCESS).len(), 1);
    let keys: String = vault.verifying_keys().iter().map(|(_, key)| format!("{key}\n")).collect();
    write("public-keys.txt", &keys);
    write("head.json", &vault.signed_head(now(11)).unwrap().to_json());
    let mut log = vec![];
    vault.export_audit(&mut log, now(12)).unwrap();
    fs::write(new.join("log.audit"), log).unwrap();
    write("vault.txt", &dump(&store));
}
