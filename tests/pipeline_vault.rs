//! Policies whose protection is in a vault: random tokens and blind indexes, from file to file.
#![cfg(feature = "pipeline")]

use cloakroom::Error;
use cloakroom::duties::Access;
use cloakroom::keys::{KeyState, KeyUse, Keyset};
use cloakroom::name::{FieldName, KeyVersion, Principal, Purpose, SubjectId, TenantId};
use cloakroom::pipeline::{self, Finished, Keys, Options};
use cloakroom::policy::Policy;
use cloakroom::store::memory::MemoryStore;
use cloakroom::time::Timestamp;
use cloakroom::vault::{Mode, Vault};

const NOW: Timestamp = Timestamp(1_795_600_000);

const POLICY: &str = r#"version = 1
tenant = "acme"
subject = "id"

[field]
id = { protect = "keep" }
pin = { protect = "random-token", format = "digits", length = "4" }
phone = { protect = "random-token", opaque = "hex", reuse = "never", lifetime = "30d" }
email = { protect = "seal", index = 16, normalize = "email" }
"#;

const TABLE: &str = "id,pin,phone,email\n\
    1,4711,030 1234,Ann@example.com\n\
    2,4711,030 1234,bob@example.com\n\
    3,,,\n\
    1,0815,,ann@EXAMPLE.com\n";

fn vault() -> Vault {
    Vault::create_in(Box::new(MemoryStore::new()), Keyset::generate(NOW).unwrap()).unwrap()
}

fn options() -> Options<'static> {
    Options { now: NOW, threads: 2, ..Options::default() }
}

fn protect<'v>(vault: &'v Vault, policy: &str, table: &str) -> cloakroom::Result<(Vec<u8>, Finished<'v>)> {
    let mut out = vec![];
    let policy = Policy::parse(policy)?;
    let finished = pipeline::protect(table.as_bytes(), &mut out, &policy, Keys::Vault(vault), options())?;
    Ok((out, finished))
}

fn reveal(
    vault: &Vault,
    protected: &[u8],
    manifest: &pipeline::Manifest,
    now: Timestamp,
) -> cloakroom::Result<Vec<u8>> {
    let mut out = vec![];
    let options = Options { now, ..options() };
    pipeline::reveal(protected, &mut out, manifest, Keys::Vault(vault), options)?;
    Ok(out)
}

fn cells(csv: &[u8]) -> Vec<Vec<String>> {
    let text = std::str::from_utf8(csv).unwrap();
    text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

// SPEC: RTOK-1, FILE-3
#[test]
fn tokens_in_files_come_back_and_values_are_found() {
    let vault = vault();
    let (protected, finished) = protect(&vault, POLICY, TABLE).unwrap();
    let manifest = finished.manifest.clone();
    finished.commit().unwrap();
    let rows = cells(&protected);
    assert_eq!((rows[1][1].len(), rows[1][2].len()), (4, 32));
    assert_eq!(rows[1][1], rows[2][1], "one token for each value, whoever has it");
    assert_ne!(rows[1][2], rows[2][2], "a new one each time");
    assert_eq!(rows[3][1..], ["", "", ""], "blank cells are no values");
    for secret in ["4711", "0815", "1234", "example"] {
        // A token of four digits may be any number, the value's own among them.
        assert!(secret.len() == 4 || !String::from_utf8_lossy(&protected).contains(secret));
    }
    assert_eq!(reveal(&vault, &protected, &manifest, NOW).unwrap(), TABLE.as_bytes());
    assert!(vault.check().unwrap().is_clean());

    let acme = vault.tenant(&TenantId::new("acme").unwrap());
    let email = FieldName::new("email").unwrap();
    let hits = acme.find(&email, &[" ANN@example.com"]).unwrap();
    assert_eq!(hits.iter().map(|hit| hit.subject.expose()).collect::<Vec<_>>(), ["1", "1"]);

    // Her tokens go with her; the one that another has too stays for him.
    let erasure = acme.erase(&SubjectId::new("1").unwrap()).unwrap().unwrap();
    assert_eq!((erasure.tokens, erasure.indexes, erasure.records), (3, 2, 2));
    assert!(matches!(reveal(&vault, &protected, &manifest, NOW), Err(Error::Row { line: 2, .. })));
    let of_bob: String =
        ["id,pin,phone,email".to_owned(), rows[2].join(",")].map(|line| line + "\n").concat();
    let revealed = reveal(&vault, of_bob.as_bytes(), &manifest, NOW).unwrap();
    assert_eq!(cells(&revealed)[1], ["2", "4711", "030 1234", "bob@example.com"]);
    let later = Timestamp(NOW.0 + 31 * 86_400);
    let ended = reveal(&vault, of_bob.as_bytes(), &manifest, later).unwrap_err().to_string();
    assert!(ended.contains("line 2, column \"phone\": the token ended at"), "{ended}");
    assert!(vault.check().unwrap().is_clean());
}

// SPEC: VAULT-16
#[test]
fn nothing_stays_of_a_file_that_failed() {
    let vault = vault();
    let (_, finished) = protect(&vault, POLICY, TABLE).unwrap();
    drop(finished);
    let bad = TABLE.replace("0815", "081x");
    let failed = protect(&vault, POLICY, &bad).unwrap_err().to_string();
    assert!(failed.contains("line 5, column \"pin\"") && !failed.contains("081x"), "{failed}");
    for mode in [Mode::Token, Mode::Fingerprint, Mode::Seal, Mode::SubjectKey, Mode::Index] {
        assert_eq!(vault.census().total(mode), 0, "{mode:?}");
    }
    assert!(vault.check().unwrap().is_clean());
}

#[test]
fn a_bad_row_costs_no_other_and_leaves_no_token() {
    let vault = vault();
    let (mut out, mut rejects) = (vec![], vec![]);
    let policy = Policy::parse(POLICY).unwrap();
    let table = TABLE.replace("bob@example.com", "\u{FF}\u{FF}").replace("0815", "x");
    let options = Options { rejects: Some(&mut rejects), ..options() };
    let finished =
        pipeline::protect(table.as_bytes(), &mut out, &policy, Keys::Vault(&vault), options).unwrap();
    finished.commit().unwrap();
    assert_eq!(cells(&out).len(), 4);
    let rejects = String::from_utf8(rejects).unwrap();
    assert!(rejects.starts_with("line,column,reason\n5,pin,"), "{rejects}");
    assert_eq!(vault.census().total(Mode::Token), 3);
    assert!(vault.check().unwrap().is_clean());
}

#[test]
fn small_spaces_are_said_to_be_full() {
    let vault = vault();
    let policy = "version = 1\ntenant = \"acme\"\nsubject = \"id\"\n[field]\nid = { protect = \"keep\" }\n\
        n = { protect = \"random-token\", format = \"digits\", length = \"1\", reuse = \"never\" }\n";
    let table: String = (0..11).map(|n| format!("{n},{}\n", n % 10)).collect();
    let full = protect(&vault, policy, &format!("id,n\n{table}")).unwrap_err().to_string();
    assert!(full.contains("line 12") && full.contains("10 of the 10 tokens"), "{full}");
    assert_eq!(vault.census().total(Mode::Token), 0);
}

#[test]
fn what_needs_a_vault_says_so() {
    let keyset = Keyset::generate(NOW).unwrap();
    for field in [
        "pin = { protect = \"random-token\", format = \"digits\" }",
        "pin = { protect = \"seal\", index = 16 }",
    ] {
        let policy = Policy::parse(&format!("version = 1\ntenant = \"acme\"\n[field]\n{field}\n")).unwrap();
        let refused = pipeline::protect(&b"pin\n1\n"[..], vec![], &policy, Keys::Keyset(&keyset), options());
        assert!(refused.unwrap_err().to_string().contains("give one"), "{field}");
    }
    for (wrong, setting) in [
        ("protect = \"seal\", index = 7", "`index`"),
        ("protect = \"seal\", index = 300", "`index`"),
        ("protect = \"seal\", normalize = \"email\"", "`normalize`"),
        ("protect = \"token\", format = \"digits\", index = 16", "`index`"),
        ("protect = \"random-token\", opaque = \"base32\"", "`opaque`"),
        ("protect = \"random-token\", opaque = \"hex\", format = \"digits\"", "`format`"),
        ("protect = \"random-token\"", "`format`"),
        ("protect = \"random-token\", format = \"digits\", lifetime = \"0d\"", "`lifetime`"),
        ("protect = \"random-token\", format = \"digits\", lifetime = \"a week\"", "`lifetime`"),
        ("protect = \"random-token\", format = \"digits\", reuse = \"sometimes\"", "`reuse`"),
    ] {
        let policy = format!("version = 1\ntenant = \"acme\"\n[field]\nx = {{ {wrong} }}\n");
        let error = Policy::parse(&policy).unwrap_err().to_string();
        assert!(error.contains(setting), "{wrong}: {error}");
    }
}

// SPEC: VAULT-14, VAULT-22
#[test]
fn the_version_that_verifies_a_manifest_stays_as_long_as_the_file() {
    let head = "version = 1\ntenant = \"acme\"\nsubject = \"id\"\n[field]\nid = { protect = \"keep\" }\n";
    for protect_as in ["\"token\", format = \"digits\"", "\"random-token\", format = \"digits\""] {
        let vault = vault();
        let acme = TenantId::new("acme").unwrap();
        let use_ = KeyUse::Field { tenant: acme, field: FieldName::new("card").unwrap() };
        vault.adopt(vault.keyset().rotated_for(&use_, NOW).unwrap()).unwrap();
        let policy = format!("{head}card = {{ protect = {protect_as} }}\n");
        let (out, finished) = protect(&vault, &policy, "id,card\n1,12345678\n").unwrap();
        let manifest = finished.manifest.clone();
        finished.commit().unwrap();

        let rotated = vault.keyset().rotated(NOW).unwrap();
        vault.adopt(rotated.with_identity(KeyVersion::new(3).unwrap(), NOW).unwrap()).unwrap();
        vault.migrate(|_| {}).unwrap();
        let retired = || vault.keyset().with_state(KeyVersion::FIRST, KeyState::Retired, NOW).unwrap();
        let error = vault.adopt(retired()).unwrap_err();
        assert!(matches!(error, Error::KeyNeeded { version: 1, .. }), "{error}");
        assert!(error.to_string().contains("manifest of a file"), "{error}");
        assert_eq!(cells(&reveal(&vault, &out, &manifest, NOW).unwrap())[1][1], "12345678");
        let [file] = &vault.files().unwrap()[..] else { panic!("one file") };
        assert!(vault.forget_file(&file.sha256).unwrap());
        vault.adopt(retired()).unwrap();
        assert!(vault.check().unwrap().is_clean());
    }
}

// SPEC: EYES-9
#[test]
fn a_file_is_shown_by_no_revealer_of_another_vault_or_tenant() {
    let duties = "[field.card]\nprotect = \"token\"\nformat = \"card\"\npurposes = [\"support\"]\n\
        [purpose.support]\nbasis = \"contract\"\n\
        [role.agent]\npurposes = [\"support\"]\nreveal = { card = \"full\" }\n\
        [principal.alice]\nroles = [\"agent\"]\n";
    let policy = format!("version = 1\ntenant = \"acme\"\n{duties}");
    let (ours, other) = (vault(), vault());
    let table = "card\n4111111111111111\n";
    let (protected, finished) = protect(&ours, &policy, table).unwrap();
    let manifest = finished.manifest.clone();
    finished.commit().unwrap();
    let rules = Policy::parse(&policy).unwrap().rules().clone();
    for vault in [&ours, &other] {
        vault.admin(Principal::new("root").unwrap()).set_rules(rules.clone(), None).unwrap();
    }
    let shown = |vault: &Vault, tenant| {
        let (principal, purpose) = (Principal::new("alice").unwrap(), Purpose::new("support").unwrap());
        let revealer = vault.revealer(&TenantId::new(tenant).unwrap(), Access { principal, purpose });
        let (mut out, options) =
            (vec![], Options { revealer: Some(&revealer), now: NOW, ..Options::default() });
        pipeline::reveal(&protected[..], &mut out, &manifest, Keys::Vault(&ours), options).map(|_| out)
    };
    assert_eq!(shown(&ours, "acme").unwrap(), table.as_bytes());
    for (vault, tenant, says) in [(&other, "acme", "another vault"), (&ours, "other", "another tenant")] {
        let refused = shown(vault, tenant).unwrap_err();
        assert!(matches!(refused, Error::Setting { what: "principal", .. }), "{refused}");
        assert!(refused.to_string().contains(says), "{refused}");
    }
}
