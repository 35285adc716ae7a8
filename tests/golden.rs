//! Files of every format number ever released stay readable, and reveal what went into them.
//!
//! `tests/golden/v1` was made by [`make`], with the release that first wrote these formats:
//! `cargo test --test golden -- --ignored make` writes such a folder as `tests/golden/new`. A folder is never changed
//! and never made again: when a format gets a new number, `new` becomes the next folder, and the old ones stay.
#![cfg(all(feature = "pipeline", feature = "passphrase"))]

use cloakroom::crypto::aead::Suite;
use cloakroom::format::{Format, Normalization};
use cloakroom::keys::{Argon2Cost, KeyFile, Keyset, Passphrase, UsableKey};
use cloakroom::name::{FieldName, KeyVersion, Scope, SubjectId, TenantId};
use cloakroom::pipeline::{self, Keys, Manifest, Options};
use cloakroom::policy::Policy;
use cloakroom::protect::{Pseudonymizer, Sealer, Spelling, Tokenizer};
use cloakroom::store::memory::MemoryStore;
use cloakroom::store::{Batch, Store};
use cloakroom::time::Timestamp;
use cloakroom::vault::{Tenant, Vault};
use shared_store::{MAPS, Shared};
use std::fs;
use std::path::PathBuf;

mod shared_store;

const PASSPHRASE: &str = "golden passphrase";
const SUBJECT: &str = "10423";
const PLAINTEXT: &[u8] = "Zoë Ångström".as_bytes();

const TABLE: &str = "\
no,name,email,card,account,born,phone,country
1,Ann Lee,ann@example.com,4111 1111 1111 1111,DE-4412 7781,1985-03-12,+49 30 1234567,DE
2,\"Ångström, Zoë\", Zoe@Example.com ,5500-0055-5555-5559,x7F/99 12ab,1999-12-31,,SE
3,,,3530111333300000,0000 0000,2000-02-29,12,
";

const POLICY: &str = r#"version = 1
tenant = "acme"
subject = "no"

[field.no]
protect = "pseudonym"
scope = "analytics"
normalize = "digits"
spelling = "crockford"
kind = "customer"

[field]
name = { protect = "seal" }
email = { protect = "seal", suite = "xchacha20-poly1305" }
card = { protect = "token", format = "card", keep = "6+4" }
account = { protect = "token", format = "alphanumeric", keep = "0+2" }
born = { protect = "generalize", to = "month" }
phone = { protect = "mask", keep = "0+2" }
country = { protect = "keep" }
"#;

const VAULT_TABLE: &str = "id;notes\n7; first \n8;\n7;\"a;b\nc\"\n";
const VAULT_POLICY: &str = "version = 1\ntenant = \"acme\"\nsubject = \"id\"\n\
    [field.id]\nprotect = \"keep\"\n[field.notes]\nprotect = \"seal\"\n";

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn golden(file: &str) -> Vec<u8> {
    let path = folder("v1").join(file);
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn golden_text(file: &str) -> String {
    String::from_utf8(golden(file)).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

fn acme() -> TenantId {
    TenantId::new("acme").unwrap()
}

fn field(name: &str) -> FieldName {
    FieldName::new(name).unwrap()
}

fn sealer(key: &UsableKey, suite: Suite) -> Sealer {
    Sealer::new(key, suite, &acme(), &field("name"))
}

/// Git does not keep the mode that a key file must have.
fn key_file() -> KeyFile {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    fs::write(&path, golden("key-file")).unwrap();
    #[cfg(unix)]
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    KeyFile::read(&path).unwrap()
}

fn keyset() -> Keyset {
    Keyset::unlock(&golden("keyset.key-file"), &key_file()).unwrap()
}

fn first_key() -> UsableKey {
    keyset().for_reveal(KeyVersion::FIRST).unwrap()
}

/// The vault whose entries are in the dump, in a new store.
fn vault() -> Vault {
    let store = MemoryStore::new();
    let mut batch = Batch::new();
    for line in golden_text("vault.txt").lines() {
        let [map, key, value] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let map = MAPS.iter().find(|m| m.name() == map).unwrap();
        batch.put(*map, unhex(key), unhex(value));
    }
    store.apply(batch).unwrap();
    Vault::open_in(Box::new(store), keyset()).unwrap()
}

fn put(tenant: &Tenant<'_>, subject: &str, fields: &[(&str, &[u8])]) {
    let names: Vec<FieldName> = fields.iter().map(|(name, _)| field(name)).collect();
    let fields: Vec<_> = names.iter().zip(fields).map(|(name, (_, value))| (name, *value)).collect();
    tenant.put(&SubjectId::new(subject).unwrap(), &fields).unwrap();
}

fn records(tenant: &Tenant<'_>, subject: &str) -> Vec<Vec<(String, Vec<u8>)>> {
    let records = tenant.records(&SubjectId::new(subject).unwrap()).unwrap();
    let fields = |record: cloakroom::vault::Record| {
        record.fields.into_iter().map(|(name, value)| (name, value.expose().to_vec())).collect()
    };
    records.into_iter().map(fields).collect()
}

fn record(fields: &[(&str, &[u8])]) -> Vec<(String, Vec<u8>)> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect()
}

fn rows(csv: &str) -> Vec<csv::StringRecord> {
    csv::ReaderBuilder::new().from_reader(csv.as_bytes()).into_records().map(Result::unwrap).collect()
}

// SPEC: KEY-1, KFILE-1, CHECK-1
#[test]
fn keysets() {
    let passphrase = Passphrase::new(PASSPHRASE.into()).unwrap();
    let locked = Keyset::unlock(&golden("keyset.passphrase"), &passphrase).unwrap();
    for keyset in [keyset(), locked] {
        assert_eq!((keyset.primary_number().get(), keyset.identity_number().get()), (2, 1));
        let facts = keyset.versions().iter().map(|v| {
            format!(
                "{} {} {} {} {}\n",
                v.number(),
                v.state(),
                v.created(),
                v.changed(),
                v.check_value().unwrap()
            )
        });
        assert_eq!(format!("{}\n{}", keyset.id(), facts.collect::<String>()), golden_text("keyset.txt"));
    }
}

// SPEC: ENV-1, ENV-6
#[test]
fn envelopes() {
    let envelopes = golden_text("envelopes.txt");
    let suites = [Suite::Xaes256Gcm, Suite::XChaCha20Poly1305];
    for (suite, cell) in suites.into_iter().zip(envelopes.lines()) {
        assert_eq!(sealer(&first_key(), suite).open_text(SUBJECT, cell).unwrap().expose(), PLAINTEXT);
    }
}

// SPEC: MAN-1, MAN-2, FILE-3
#[test]
fn a_protected_file() {
    let manifest = Manifest::parse(&golden("protected.csv.manifest.json"), &keyset()).unwrap();
    let mut revealed = vec![];
    let protected = golden("protected.csv");
    let keyset = keyset();
    let keys = Keys::Keyset(&keyset);
    pipeline::reveal(&protected[..], &mut revealed, &manifest, keys, Options::default()).unwrap();
    let (before, after) = (rows(TABLE), rows(std::str::from_utf8(&revealed).unwrap()));
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        for column in [1, 2, 3, 4, 7] {
            assert_eq!(before[column], after[column]);
        }
    }
    assert!(after.iter().map(|row| &row[5]).eq(["1985-03", "1999-12", "2000-02"]));
    assert!(after.iter().map(|row| &row[6]).eq(["+** ** *****67", "", "**"]));
}

/// Tokens and pseudonyms are not only read: the same values still give the same.
// SPEC: CARD-2, FF1-1, PSN-1, PSN-2, PSN-3
#[test]
fn deterministic_modes() {
    let key = first_key();
    let token = |name, format| Tokenizer::new(&key, &acme(), &field(name), format).unwrap();
    let cards = token("card", Format::card().keep(6, 4));
    let accounts = token("account", Format::alphanumeric().keep(0, 2));
    let scope = Scope::new("analytics").unwrap();
    let spelling = Spelling::Crockford;
    let numbers = Pseudonymizer::new(&key, &key, &acme(), &scope, Normalization::Digits, spelling);
    let numbers = numbers.of_kind("customer");
    for (before, protected) in rows(TABLE).iter().zip(rows(&golden_text("protected.csv"))) {
        assert_eq!(numbers.pseudonym(&before[0]).unwrap(), protected[0]);
        assert_eq!(cards.tokenize(&before[3]).unwrap(), protected[3]);
        assert_eq!(accounts.tokenize(&before[4]).unwrap(), protected[4]);
    }
}

// SPEC: VAULT-1, VAULT-4, VAULT-11, VAULT-12, VAULT-15, VAULT-16
#[test]
fn a_vault() {
    let vault = vault();
    let report = vault.check().unwrap();
    assert!(report.is_clean(), "{report:?}");
    let acme = vault.tenant(&acme());
    assert_eq!(
        records(&acme, "ann"),
        [record(&[("email", b"ann@example.com")]), record(&[("email", b"ann@example.org"), ("phone", b"")]),]
    );
    assert_eq!(records(&acme, "bob"), [record(&[("email", b"bob@example.com")])]);
    assert_eq!(records(&acme, "carl"), [record(&[("email", b"carl@example.org")])]);
    assert!(records(&acme, "dora").is_empty(), "her run was cut off");
    let other = vault.tenant(&TenantId::new("other").unwrap());
    assert_eq!(records(&other, "ann"), [record(&[("email", b"\xFF\0")])]);

    // What a release reads it can also go on with.
    vault.migrate(|_| ()).unwrap();
    assert_eq!(vault.census().needing(KeyVersion::FIRST), 0);
    assert!(vault.check().unwrap().is_clean());
}

// SPEC: REF-1, FILE-3
#[test]
fn a_protected_file_of_the_vault() {
    let vault = vault();
    let manifest = Manifest::parse(&golden("vault.csv.manifest.json"), &vault.keyset()).unwrap();
    let mut revealed = vec![];
    let protected = golden("vault.csv");
    pipeline::reveal(&protected[..], &mut revealed, &manifest, Keys::Vault(&vault), Options::default())
        .unwrap();
    assert_eq!(String::from_utf8(revealed).unwrap(), VAULT_TABLE);
}

/// Writes `tests/golden/new`.
#[test]
#[ignore = "makes new golden files; those that are there stay as they are"]
fn make() {
    let new = folder("new");
    fs::create_dir_all(folder("")).unwrap();
    fs::create_dir(&new).unwrap();
    let write = |file: &str, bytes: &[u8]| fs::write(new.join(file), bytes).unwrap();
    let now = |n: u64| Timestamp(1_795_334_400 + n);

    let machine = KeyFile::create(new.join("key-file")).unwrap();
    let first = Keyset::generate(now(0)).unwrap();
    let keyset = first.rotated(now(1)).unwrap();
    write("keyset.key-file", &keyset.lock(&machine).unwrap());
    let cost = Argon2Cost { memory_kib: 64, iterations: 1, lanes: 2 };
    let passphrase = Passphrase::new(PASSPHRASE.into()).unwrap().with_cost(cost).unwrap();
    write("keyset.passphrase", &keyset.lock(&passphrase).unwrap());
    let mut facts = format!("{}\n", keyset.id());
    for v in keyset.versions() {
        let check = v.check_value().unwrap();
        facts += &format!("{} {} {} {} {check}\n", v.number(), v.state(), v.created(), v.changed());
    }
    write("keyset.txt", facts.as_bytes());

    let mut envelopes = vec![];
    for suite in [Suite::Xaes256Gcm, Suite::XChaCha20Poly1305] {
        sealer(&first.primary().unwrap(), suite)
            .batch()
            .seal_text(SUBJECT, PLAINTEXT, &mut envelopes)
            .unwrap();
        envelopes.push(b'\n');
    }
    write("envelopes.txt", &envelopes);

    let protect = |table: &str, policy: &str, delimiter, keys: Keys<'_>, name: &str| {
        let (mut output, options) = (vec![], Options { delimiter, now: now(2), ..Options::default() });
        let parsed = Policy::parse(policy).unwrap();
        let finished = pipeline::protect(table.as_bytes(), &mut output, &parsed, keys, options).unwrap();
        write(name, &output);
        write(&format!("{name}.manifest.json"), &finished.json);
        write(&format!("{name}.policy.toml"), policy.as_bytes());
        finished.commit().unwrap();
    };
    protect(TABLE, POLICY, b',', Keys::Keyset(&first), "protected.csv");

    let store = Shared::default();
    let vault = Vault::create_in(Box::new(store.clone()), first).unwrap();
    let acme = vault.tenant(&acme());
    put(&acme, "ann", &[("email", b"ann@example.com")]);
    put(&acme, "ann", &[("email", b"ann@example.org"), ("phone", b"")]);
    protect(VAULT_TABLE, VAULT_POLICY, b';', Keys::Vault(&vault), "vault.csv");
    vault.adopt(keyset).unwrap();
    put(&acme, "bob", &[("email", b"bob@example.com")]);
    put(&vault.tenant(&TenantId::new("other").unwrap()), "ann", &[("email", b"\xFF\0")]);
    let row = |run: &cloakroom::vault::Run<'_>, who, email: &[u8]| {
        let subject = SubjectId::new(who).unwrap();
        let email = [(&field("email"), email)];
        run.put_many(&acme, &[cloakroom::vault::Row { subject: &subject, fields: &email }]).unwrap();
    };
    // Carl's first record is taken back, his second stays: a head without fields.
    let run = vault.begin_run();
    row(&run, "carl", b"carl@example.com");
    put(&acme, "carl", &[("email", b"carl@example.org")]);
    run.roll_back().unwrap();
    let run = vault.begin_run();
    row(&run, "dora", b"dora@example.com");
    let mut dump = String::new();
    for map in MAPS {
        for (key, value) in store.all(map) {
            dump += &format!("{} {} {}\n", map.name(), hex(&key), hex(&value));
        }
    }
    write("vault.txt", dump.as_bytes());
    drop(run);
}
