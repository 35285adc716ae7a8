//! What the release wrote that could rotate everything: keysets with uses of their own, vaults with random tokens, blind
//! indexes, files and events, and files with columns of key versions, made by [`make`].

use super::{Golden, dump, field, folder, hex};
use crate::shared_store::Shared;
use cloakroom::format::{Format, Normalization};
use cloakroom::keys::{KeyFile, KeyState, KeyUse, Keyset};
use cloakroom::name::{FieldName, KeyVersion, Scope, SubjectId, TenantId};
use cloakroom::pipeline::{self, Keys, Manifest, Options};
use cloakroom::policy::Policy;
use cloakroom::protect::{BlindIndex, BlindIndexer, Pseudonymizer, Spelling};
use cloakroom::report::Register;
use cloakroom::time::Timestamp;
use cloakroom::vault::{Event, Look, Migration, Mode, RandomTokens, TokenRequest, TokenRules, Vault};
use std::fs;

const GOLDEN: Golden = Golden("v2");
const TABLE: &str =
    "id,card,pin,email\n1,4111 1111 1111 1111,4711,Ann@example.com\n2,,0815,bob@example.com\n";
const POLICY: &str = r#"version = 1
tenant = "acme"
subject = "id"

[field]
id = { protect = "pseudonym", scope = "analytics", spelling = "int63", population = 1000 }
card = { protect = "token", format = "card", keep = "6+4" }
pin = { protect = "random-token", format = "digits", length = "4" }
email = { protect = "seal", index = 12, normalize = "email" }
"#;

fn now(n: u64) -> Timestamp {
    Timestamp(1_795_600_000 + n)
}

fn acme() -> TenantId {
    TenantId::new("acme").unwrap()
}

fn version(number: u32) -> KeyVersion {
    KeyVersion::new(number).unwrap()
}

fn keyset() -> Keyset {
    GOLDEN.keyset("keyset")
}

fn vault() -> Vault {
    GOLDEN.vault(keyset())
}

fn pins(vault: &Vault) -> RandomTokens<'_> {
    let rules = TokenRules::new(Look::Like(Format::digits()));
    vault.tenant(&acme()).random_tokens(&field("pin"), rules).unwrap()
}

fn person() -> BlindIndex {
    let parts = vec![(field("last"), Normalization::Text), (field("born"), Normalization::None)];
    BlindIndex::new(field("person"), parts, 24).unwrap()
}

// SPEC: KEY-1
#[test]
fn a_keyset() {
    let keyset = keyset();
    let states: Vec<_> = keyset.versions().iter().map(|v| (v.number().get(), v.state())).collect();
    assert_eq!(
        states,
        [(1, KeyState::Deactivated), (2, KeyState::Retired), (3, KeyState::Active), (4, KeyState::Active)]
    );
    let card = KeyUse::Field { tenant: acme(), field: field("card") };
    assert_eq!((keyset.primary_number(), keyset.primary_number_for(&card)), (version(3), version(4)));
    assert_eq!((keyset.identity_number(), keyset.period()), (version(1), Some(365)));
    let facts: Vec<_> = keyset.versions().iter().map(|v| v.check_value().unwrap().to_string()).collect();
    assert_eq!(format!("{}\n{}\n", keyset.edits(), facts.join("\n")), GOLDEN.text("keyset.txt"));
}

// SPEC: PSN-6, IDX-1
#[test]
fn deterministic_modes() {
    let keyset = keyset();
    let key = keyset.for_reveal(version(1)).unwrap();
    let int63 = Spelling::int63(1000).unwrap();
    let scope = Scope::new("analytics").unwrap();
    let numbers = Pseudonymizer::new(&key, &key, &acme(), &scope, Normalization::None, int63);
    let indexer = BlindIndexer::new(&key, &acme(), &person());
    let made = format!(
        "{}\n{}\n{}\n",
        numbers.pseudonym("10423").unwrap(),
        indexer.value(&["Ångström ", "1985-03-12"]).unwrap(),
        hex(&indexer.tag())
    );
    assert_eq!(made, GOLDEN.text("values.txt"));
}

// SPEC: VAULT-1, VAULT-4, VAULT-11, VAULT-15, RTOK-2
#[test]
fn a_vault() {
    let vault = vault();
    let report = vault.check().unwrap();
    assert!(report.is_clean());
    let register = Register::of(&vault, now(7)).unwrap();
    assert_eq!((register.subjects.count, register.files.count), (report.subjects, 1));
    let acme = vault.tenant(&acme());
    assert_is(&vault);
    assert_eq!(vault.events().unwrap(), [Event::new(now(7), "bridge", "analytics to billing")]);
    assert_eq!(vault.files().unwrap().len(), 1);
    assert!(vault.census().lines().any(|(line, _)| line.mode == Mode::FileIdentity && line.version == 1));
    let ended = pins(&vault).redeem(GOLDEN.text("tokens.txt").lines().nth(2).unwrap(), now(100)).unwrap_err();
    assert!(ended.to_string().contains("ended"), "{ended}");

    // What a release reads it can also go on with.
    vault.migrate_with(Migration { reseal: true, ..Migration::default() }, |_| ()).unwrap();
    assert!(vault.check().unwrap().is_clean());
    assert_is(&vault);
    assert_eq!(
        pins(&vault).issue("4711", None, now(9)).unwrap().token,
        GOLDEN.text("tokens.txt").lines().next().unwrap()
    );
    assert!(acme.erase(&SubjectId::new("ann").unwrap()).unwrap().is_some_and(|erasure| erasure.tokens == 1));
}

fn assert_is(vault: &Vault) {
    let tokens = GOLDEN.text("tokens.txt");
    let values = ["4711", "0815"];
    for (token, value) in tokens.lines().zip(values) {
        assert_eq!(pins(vault).redeem(token, now(9)).unwrap().expose_str(), Some(value));
    }
    let hits = vault.tenant(&acme()).find(person().name(), &["ÅNGSTRÖM", "1985-03-12"]).unwrap();
    assert_eq!(hits.iter().map(|hit| hit.subject.expose()).collect::<Vec<_>>(), ["ann"]);
}

// SPEC: MAN-1, FILE-3
#[test]
fn a_protected_file() {
    let vault = vault();
    let manifest = Manifest::parse(&GOLDEN.bytes("vault.csv.manifest.json"), &vault.keyset()).unwrap();
    let mut revealed = vec![];
    let options = Options { now: now(9), ..Options::default() };
    pipeline::reveal(&GOLDEN.bytes("vault.csv")[..], &mut revealed, &manifest, Keys::Vault(&vault), options)
        .unwrap();
    let cells = |text: &str| -> Vec<Vec<String>> {
        text.lines().map(|line| line.split(',').skip(1).map(str::to_owned).collect()).collect()
    };
    assert_eq!(cells(std::str::from_utf8(&revealed).unwrap()), cells(TABLE));
}

/// Writes `tests/golden/new`.
#[test]
#[ignore = "makes new golden files; those that are there stay as they are"]
fn make() {
    let new = folder("new");
    fs::create_dir(&new).unwrap();
    let write = |file: &str, bytes: &[u8]| fs::write(new.join(file), bytes).unwrap();
    let machine = KeyFile::create(new.join("key-file")).unwrap();
    let first = Keyset::generate(now(0)).unwrap();
    let store = Shared::default();
    let vault = Vault::create_in(Box::new(store.clone()), first.clone()).unwrap();

    let key = first.primary().unwrap();
    let scope = Scope::new("analytics").unwrap();
    let int63 = Spelling::int63(1000).unwrap();
    let numbers = Pseudonymizer::new(&key, &key, &acme(), &scope, Normalization::None, int63);
    let indexer = BlindIndexer::new(&key, &acme(), &person());
    let (number, value) =
        (numbers.pseudonym("10423").unwrap(), indexer.value(&["Ångström ", "1985-03-12"]).unwrap());
    write("values.txt", format!("{number}\n{value}\n{}\n", hex(&indexer.tag())).as_bytes());

    let acme_part = vault.tenant(&acme());
    acme_part.define_index(&person()).unwrap();
    let ann = SubjectId::new("ann").unwrap();
    let fields: [(&FieldName, &[u8]); 2] =
        [(&field("last"), "Ångström".as_bytes()), (&field("born"), b"1985-03-12")];
    acme_part.put(&ann, &fields).unwrap();
    let request = |value, subject, expires| TokenRequest { value, subject, expires };
    let requests = [
        request("4711", Some(&ann), None),
        request("0815", None, None),
        request("0816", None, Some(now(50))),
    ];
    let issued = pins(&vault).issue_many(&requests, now(1)).unwrap();
    let tokens: String = issued.into_iter().map(|issued| issued.unwrap().token + "\n").collect();
    write("tokens.txt", tokens.as_bytes());

    let mut protected = vec![];
    let policy = Policy::parse(POLICY).unwrap();
    let options = Options { now: now(2), key_version_columns: true, ..Options::default() };
    let finished =
        pipeline::protect(TABLE.as_bytes(), &mut protected, &policy, Keys::Vault(&vault), options).unwrap();
    write("vault.csv", &protected);
    write("vault.csv.manifest.json", &finished.json);
    finished.commit().unwrap();

    let card = KeyUse::Field { tenant: acme(), field: field("card") };
    let keyset = first.rotated(now(3)).unwrap().rotated(now(4)).unwrap();
    let keyset = keyset.with_state(version(2), KeyState::Retired, now(5)).unwrap();
    let keyset = keyset.rotated_for(&card, now(6)).unwrap().with_period(Some(365)).unwrap();
    vault.adopt(keyset.clone()).unwrap();
    vault.log(&Event::new(now(7), "bridge", "analytics to billing")).unwrap();
    write("keyset", &keyset.lock(&machine).unwrap());
    let facts: Vec<_> = keyset.versions().iter().map(|v| v.check_value().unwrap().to_string()).collect();
    write("keyset.txt", format!("{}\n{}\n", keyset.edits(), facts.join("\n")).as_bytes());
    write("vault.txt", dump(&store).as_bytes());
}
