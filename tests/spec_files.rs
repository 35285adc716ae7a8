//! What `SPEC.md` demands of keyset files, envelopes, protected files and manifests, as seen from outside.
#![cfg(feature = "pipeline")]

use cloakroom::crypto::aead::{Aead, LONGEST, Suite};
use cloakroom::crypto::context::{Context, Label};
use cloakroom::crypto::kdf;
use cloakroom::crypto::secret::{AeadKey, DataKey};
use cloakroom::keys::{self, KeyFile, KeyProvider, KeyUse, Keyset};
use cloakroom::name::{FieldName, Scope, TenantId};
use cloakroom::pipeline::{self, Keys, Manifest, Options};
use cloakroom::policy::Policy;
use cloakroom::protect::Sealer;
use cloakroom::time::Timestamp;
use cloakroom::wire::keyset::{KeysetBody, KeysetFile, KeysetFormat, UseRecord, VersionRecord};
use cloakroom::{Error, Result};
use std::path::Path;
use zeroize::Zeroizing;

fn keyset() -> Keyset {
    Keyset::generate(Timestamp(1)).unwrap()
}

/// A provider that hides nothing.
struct Open;

impl KeyProvider for Open {
    fn id(&self) -> &str {
        "open"
    }
    fn wrap(&self, key: &DataKey) -> Result<Vec<u8>> {
        Ok(key.expose().to_vec())
    }
    fn unwrap(&self, wrapped: &[u8]) -> Result<DataKey> {
        Ok(DataKey::from_bytes(&mut wrapped.try_into().unwrap()))
    }
}

/// A keyset file with this body.
fn file_of(body: &KeysetBody) -> Vec<u8> {
    let data_key = DataKey::from_bytes(&mut [1; 32]);
    let mut file = KeysetFile::header(body.format, "open", data_key.expose()).unwrap();
    let aad = Context::new(Label::KeysetBody).part(&file);
    let key: AeadKey = kdf::derive(&data_key, &Context::new(Label::KeysetBody));
    Aead::new(Suite::Xaes256Gcm, &key).seal(&aad, body.write().unwrap().as_bytes(), &mut file).unwrap();
    file
}

fn body(primary: u32, identity: u32, versions: &[(u32, u8)]) -> KeysetBody {
    let record = |&(number, state): &(u32, u8)| VersionRecord {
        number,
        state,
        created: 0,
        changed: 0,
        secret: Zeroizing::new([9; 32]),
    };
    KeysetBody {
        format: KeysetFormat::Two,
        id: [0; 16],
        edits: 5,
        identity,
        primary,
        period: 0,
        versions: versions.iter().map(record).collect(),
        uses: vec![],
    }
}

fn used(mut body: KeysetBody, uses: &[(u8, &str, &str, u32)]) -> KeysetBody {
    let record = |&(kind, tenant, name, version): &(u8, &str, &str, u32)| UseRecord {
        kind,
        tenant: tenant.to_owned(),
        name: name.to_owned(),
        version,
    };
    body.uses = uses.iter().map(record).collect();
    body
}

fn unlock(body: &KeysetBody) -> Result<Keyset> {
    Keyset::unlock(&file_of(body), &Open)
}

// SPEC: KEY-5, KEY-7, KEY-10, WIRE-1
#[test]
fn a_body_keeps_the_rules() {
    let mut many: Vec<(u32, u8)> = (1..=4097).map(|number| (number, 4)).collect();
    many[0].1 = 2;
    let good = [
        body(2, 1, &[(1, 4), (2, 2)]),
        body(1, 1, &many[..4096]),
        body(1, 1, &[(1, 3)]),
        body(1, 1, &[(1, 6), (2, 1), (3, 3), (4, 5), (9, 6)]),
    ];
    let bad = [
        body(1, 1, &[]),
        body(1, 1, &many),
        body(2, 1, &[(2, 2), (1, 4)]),
        body(1, 1, &[(1, 2), (1, 4)]),
        body(3, 1, &[(1, 2)]),
        body(1, 3, &[(1, 2)]),
        body(0, 1, &[(0, 2), (1, 2)]),
        body(1, 1, &[(1, 0)]),
        body(1, 1, &[(1, 2), (2, 0)]),
        body(1, 1, &[(1, 2), (2, 8)]),
        // The primary is given up, or not yet active.
        body(1, 1, &[(1, 1)]),
        body(1, 1, &[(1, 4)]),
        body(1, 1, &[(1, 5)]),
        body(1, 1, &[(1, 7)]),
        // Active, and the primary of nothing.
        body(1, 1, &[(1, 2), (2, 2)]),
    ];
    let bodies = good.into_iter().map(|body| (body, true)).chain(bad.map(|body| (body, false)));
    for (mut body, good) in bodies {
        let first: Vec<_> = body.versions.iter().take(3).map(|v| (v.number, v.state)).collect();
        for format in [KeysetFormat::One, KeysetFormat::Two] {
            body.format = format;
            assert_eq!(unlock(&body).is_ok(), good, "{format:?} {first:?}");
        }
    }
}

// SPEC: KEY-1, KEY-5, WIRE-1
#[test]
fn format_1_has_no_retired_versions_no_edits_and_no_uses() {
    let two = body(2, 1, &[(1, 7), (2, 2)]);
    assert_eq!(unlock(&two).unwrap().edits(), 5);
    assert!(unlock(&KeysetBody { format: KeysetFormat::One, ..two }).is_err());
    let two = used(body(1, 1, &[(1, 2), (2, 4)]), &[(1, "acme", "card", 1)]);
    assert_eq!(unlock(&two).unwrap().uses().count(), 1);
    let one = unlock(&KeysetBody { format: KeysetFormat::One, period: 9, ..two }).unwrap();
    assert_eq!((one.edits(), one.uses().count(), one.period()), (0, 0, None));
}

// SPEC: KEY-14, WIRE-1, NAME-1
#[test]
fn uses_keep_the_rules() {
    let versions = [(1, 2), (2, 2), (3, 3), (4, 4)];
    let bodies = |uses: &[(u8, &str, &str, u32)]| used(body(1, 1, &versions), uses);
    let long = "n".repeat(256);
    let keyset = unlock(&bodies(&[
        (1, "a", "f", 2),
        (1, "a", "ff", 1),
        (1, "ab", "f", 2),
        (1, "b", "a", 3),
        (2, "a", "a", 2),
    ]));
    let numbers: Vec<_> = keyset.unwrap().uses().map(|(_, number)| number.get()).collect();
    assert_eq!(numbers, [2, 1, 2, 3, 2]);
    for bad in [
        &[(1, "a", "f", 1)][..], // version 2 is active, and the primary of nothing
        &[(1, "a", "f", 2), (1, "a", "f", 2)], // twice
        &[(1, "b", "f", 2), (1, "a", "f", 2)], // out of order
        &[(2, "a", "f", 2), (1, "a", "f", 2)], // out of order
        &[(1, "a", "f", 2), (2, "a", "f", 4)], // a deactivated primary
        &[(1, "a", "f", 2), (2, "a", "f", 5)], // of a version that is not there
        &[(1, "a", "f", 2), (2, "a", "f", 0)], // of no version
        &[(1, "a", "f", 2), (3, "a", "f", 2)], // of no kind
        &[(0, "a", "f", 2)],     // of no kind
        &[(1, "", "f", 2)],      // of no tenant
        &[(1, "a", " f", 2)],    // with a name that is none
        &[(1, "a", long.as_str(), 2)], // with a name that is too long
    ] {
        assert!(unlock(&bodies(bad)).is_err(), "{bad:?}");
    }
    let names: Vec<String> = (0..4097).map(|n| format!("{n:04}")).collect();
    let uses: Vec<_> = names.iter().map(|name| (1, "a", name.as_str(), 2)).collect();
    unlock(&used(body(1, 1, &[(1, 2), (2, 2)]), &uses[..4096])).unwrap();
    assert!(unlock(&used(body(1, 1, &[(1, 2), (2, 2)]), &uses)).is_err());
}

// SPEC: KEY-18
#[test]
fn a_body_has_a_period_of_a_century_at_most() {
    for (period, read) in [(0, Some(None)), (1, Some(Some(1))), (36_525, Some(Some(36_525))), (36_526, None)]
    {
        let keyset = unlock(&KeysetBody { period, ..body(1, 1, &[(1, 2)]) });
        assert_eq!(keyset.ok().map(|keyset| keyset.period()), read);
    }
}

// SPEC: KEY-12
#[test]
fn a_keyset_that_would_not_be_read_again_is_not_written() {
    let names: Vec<String> = (0..4096).map(|n| format!("{n:0>255}")).collect();
    let uses: Vec<_> = names.iter().map(|name| (1, "a", name.as_str(), 1)).collect();
    let keyset = unlock(&used(body(1, 1, &[(1, 2)]), &uses)).unwrap();
    assert!(matches!(keyset.lock(&Open), Err(Error::TooLong { what: "keyset file", .. })));
    let use_ = KeyUse::Scope { tenant: TenantId::new("a").unwrap(), scope: Scope::new("s").unwrap() };
    let more = keyset.rotated_for(&use_, Timestamp(1));
    assert!(matches!(more, Err(Error::TooLong { actual: 4097, limit: 4096, .. })));
    let known = keyset.uses().next().unwrap().0;
    keyset.rotated_for(known, Timestamp(1)).unwrap();
    keyset.rotated(Timestamp(1)).unwrap().lock(&Open).unwrap();
}

// SPEC: KEY-15
#[test]
fn edits_are_counted_as_far_as_there_are_numbers() {
    let last = unlock(&KeysetBody { edits: u64::MAX - 1, ..body(1, 1, &[(1, 2)]) }).unwrap();
    let full = last.touched().unwrap();
    assert_eq!(full.edits(), u64::MAX);
    assert!(matches!(full.touched(), Err(Error::Setting { what: "keyset", .. })));
    assert!(full.rotated(Timestamp(1)).is_err());
}

// SPEC: KEY-11
#[test]
fn there_are_4096_versions_at_most() {
    let mut many: Vec<(u32, u8)> = (1..=4096).map(|number| (number, 4)).collect();
    many[4095].1 = 2;
    let keyset = unlock(&body(4096, 1, &many[..])).unwrap();
    let use_ = KeyUse::Scope { tenant: TenantId::new("a").unwrap(), scope: Scope::new("s").unwrap() };
    for more in [keyset.rotated(Timestamp(1)), keyset.rotated_for(&use_, Timestamp(1))] {
        assert!(matches!(more, Err(Error::TooLong { actual: 4097, limit: 4096, .. })));
    }
    let last = unlock(&body(u32::MAX, 1, &[(1, 4), (u32::MAX, 2)])).unwrap();
    assert!(matches!(last.rotated(Timestamp(1)), Err(Error::TooLong { .. })));
}

// SPEC: KEY-3, KEY-4
#[test]
fn every_save_has_a_data_key_of_its_own() {
    let keyset = keyset();
    let files = [keyset.lock(&Open).unwrap(), keyset.lock(&Open).unwrap()];
    let wrapped = files.each_ref().map(|file| KeysetFile::parse(file).unwrap().wrapped);
    assert_ne!(wrapped[0], wrapped[1]);
    let dir = tempfile::tempdir().unwrap();
    let other = KeyFile::create(dir.path().join("key")).unwrap();
    assert!(matches!(Keyset::unlock(&files[0], &other), Err(Error::KeySource { .. })));
}

// SPEC: KEY-12, KEY-13
#[test]
fn keyset_files_are_small_and_private() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keyset");
    keys::save(&keyset(), &path, &Open).unwrap();
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    std::fs::write(&path, vec![0; (1 << 20) + 1]).unwrap();
    assert!(matches!(keys::load(&path, &Open), Err(Error::TooLong { .. })));
}

// SPEC: AEAD-7
#[test]
fn what_is_too_long_is_not_sealed() {
    let key: AeadKey = kdf::derive(&DataKey::from_bytes(&mut [1; 32]), &Context::new(Label::SealKey));
    let sealed = Aead::new(Suite::Xaes256Gcm, &key).seal(
        &Context::new(Label::SealAad),
        &vec![0; LONGEST + 1],
        &mut vec![],
    );
    assert_eq!(LONGEST, 268_435_456);
    assert!(matches!(sealed, Err(Error::TooLong { .. })));
}

// SPEC: ENV-5, AEAD-6
#[test]
fn an_envelope_of_another_version_or_suite_is_refused() {
    let keyset = keyset();
    let (first, second) =
        (keyset.primary().unwrap(), keyset.rotated(Timestamp(2)).unwrap().primary().unwrap());
    let (acme, email) = (TenantId::new("acme").unwrap(), FieldName::new("email").unwrap());
    let sealer = |key, suite| Sealer::new(key, suite, &acme, &email);
    let envelope = sealer(&first, Suite::Xaes256Gcm).seal("7", b"ann@example.com").unwrap();
    for other in [sealer(&second, Suite::Xaes256Gcm), sealer(&first, Suite::XChaCha20Poly1305)] {
        assert!(matches!(other.open("7", &envelope), Err(Error::Rejected)));
    }
}

const TABLE: &str = "no,email,phone\n1,ann@example.com,0301234567\n2, ,0309876543\n3,carl@example.com,\n";

fn policy(more: &str) -> Policy {
    let text = "version = 1\ntenant = \"acme\"\nsubject = \"no\"\n[field.no]\nprotect = \"keep\"\n\
        [field.phone]\nprotect = \"token\"\nformat = \"digits\"\n[field.email]\nprotect = \"seal\"\n";
    Policy::parse(&format!("{text}{more}")).unwrap()
}

fn protect(table: &str, policy: &Policy, keyset: &Keyset) -> Result<(String, Vec<u8>)> {
    let mut output = vec![];
    let keys = Keys::Keyset(keyset);
    let finished = pipeline::protect(table.as_bytes(), &mut output, policy, keys, Options::default())?;
    Ok((String::from_utf8(output).unwrap(), finished.json))
}

fn reveal(table: &str, json: &[u8], keyset: &Keyset) -> Result<String> {
    let mut output = vec![];
    let manifest = Manifest::parse(json, keyset)?;
    let options = Options { changed: true, ..Options::default() };
    pipeline::reveal(table.as_bytes(), &mut output, &manifest, Keys::Keyset(keyset), options)?;
    Ok(String::from_utf8(output).unwrap())
}

// SPEC: FILE-2, FILE-3, MAN-5
#[test]
fn cells_come_back_and_blank_ones_never_left() {
    let keyset = keyset();
    let (protected, json) = protect(TABLE, &policy(""), &keyset).unwrap();
    assert!(protected.contains("\n2, ,"));
    assert!(protected.ends_with(",\n"));
    assert_eq!(reveal(&protected, &json, &keyset).unwrap(), TABLE);
    assert!(protect(TABLE, &policy("empty = \"error\"\n"), &keyset).is_err());
    // The manifest's version is used, whichever is the primary; another version's token is not tried.
    let rotated = keyset.rotated(Timestamp(2)).unwrap();
    assert_eq!(reveal(&protected, &json, &rotated).unwrap(), TABLE);
    let (_, newer) = protect(TABLE, &policy(""), &rotated).unwrap();
    assert!(reveal(&protected, &newer, &rotated).is_err());
}

// SPEC: FILE-1, FILE-4, MAN-7
#[test]
fn a_moved_cell_does_not_open_and_a_protected_file_is_refused() {
    let keyset = keyset();
    let (protected, json) = protect(TABLE, &policy(""), &keyset).unwrap();
    let moved = protected.replacen("\n1,", "\n4,", 1);
    let (manifest, keys) = (Manifest::parse(&json, &keyset).unwrap(), Keys::Keyset(&keyset));
    let refused = pipeline::reveal(moved.as_bytes(), vec![], &manifest, keys, Options::default());
    assert!(matches!(refused, Err(Error::Manifest { .. })), "{refused:?}");
    assert!(matches!(reveal(&moved, &json, &keyset), Err(Error::Row { line: 2, .. })));
    assert!(protect(&protected, &policy(""), &keyset).is_err());
}

// SPEC: FILE-5
#[test]
fn an_unnamed_column_is_refused_or_dropped() {
    let table = "no,email,phone,secret\n1,,,x\n";
    assert!(matches!(protect(table, &policy(""), &keyset()), Err(Error::Input { .. })));
    let text = "version = 1\ntenant = \"acme\"\nunlisted = \"drop\"\n[field.no]\nprotect = \"keep\"\n";
    let (protected, _) = protect(table, &Policy::parse(text).unwrap(), &keyset()).unwrap();
    assert_eq!(protected, "no\n1\n");
}

// SPEC: MAN-1, MAN-2, MAN-3
#[test]
fn a_manifest_is_whole_unaltered_and_of_this_keyset() {
    let keyset = keyset();
    let (_, json) = protect(TABLE, &policy(""), &keyset).unwrap();
    let json = String::from_utf8(json).unwrap();
    let altered = |from: &str, to: &str| {
        assert!(json.contains(from), "{from}");
        Manifest::parse(json.replacen(from, to, 1).as_bytes(), &keyset).unwrap_err()
    };
    for (from, to) in [
        ("\"vault\": false", "\"vault\": true"),
        ("\"rows_read\": 3", "\"rows_read\": 4"),
        ("\"cloakroom_manifest\": 2", "\"cloakroom_manifest\": 3"),
        ("\"vault\": false,", ""),
        ("\"vault\": false,", "\"vault\": false, \"more\": 1,"),
        ("\"mac\": \"", "\"mac\": \"00"),
    ] {
        assert!(matches!(altered(from, to), Error::Manifest { .. }), "{from}");
    }
    let check = keyset.versions()[0].check_value().unwrap().to_string();
    assert!(matches!(altered(&check, "0000000000000000"), Error::KeyMismatch { version: 1, .. }));
    let other = Keyset::generate(Timestamp(1)).unwrap();
    assert!(matches!(Manifest::parse(json.as_bytes(), &other), Err(Error::KeyMismatch { .. })));
    // White space is not part of it.
    Manifest::parse(json.replace('\n', "\n\t").as_bytes(), &keyset).unwrap();
}

// SPEC: MAN-4, SECRET-1
#[test]
fn no_value_is_in_a_manifest_an_error_or_a_debug_output() {
    let keyset = keyset();
    let (protected, json) = protect(TABLE, &policy(""), &keyset).unwrap();
    let secrets = ["ann", "carl", "example", "0301234567", "0309876543"];
    let shows = |text: &str| secrets.iter().any(|secret| text.contains(secret));
    assert!(!shows(std::str::from_utf8(&json).unwrap()));
    let bad_rows = ["no,email,phone\n0301234567,x,0301234567x\n", "no,email,phone\n1,ck1e_ann,0301234567\n"];
    for table in bad_rows {
        let error = protect(table, &policy(""), &keyset).unwrap_err();
        assert!(!shows(&format!("{error} {error:?}")), "{error}");
    }
    let error = reveal(&protected.replace("\n3,", "\n0301234567,"), &json, &keyset).unwrap_err();
    assert!(!shows(&format!("{error} {error:?}")), "{error}");
    let secret = format!("{:?}", &keyset.primary().unwrap().secret().expose()[..4]);
    assert!(!format!("{keyset:?} {:?}", Keys::Keyset(&keyset)).contains(&secret[1..secret.len() - 1]));
}

/// The files that the specification speaks of are where it says.
#[test]
fn the_specification_speaks_of_files_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in ["tests/spec_independent/", "tests/spec_cited.rs", "tests/golden/v1"] {
        assert!(root.join(file).exists());
        assert!(std::fs::read_to_string(root.join("SPEC.md")).unwrap().contains(file.trim_end_matches("v1")));
    }
}

/// Every file of tests that a document names is there, and has the test that is said to be in it.
#[test]
fn the_documents_speak_of_tests_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut named = 0;
    for document in ["README.md", "SECURITY.md", "SPEC.md"] {
        let text = std::fs::read_to_string(root.join(document)).unwrap();
        let quoted: Vec<&str> = text.split('`').collect();
        for (i, file) in quoted.iter().enumerate().filter(|(_, quoted)| quoted.starts_with("tests/")) {
            assert!(root.join(file).exists(), "{document}: {file}");
            if quoted[i - 1] == " in " {
                let tests = std::fs::read_to_string(root.join(file)).unwrap();
                assert!(tests.contains(&format!("fn {}(", quoted[i - 2])), "{document}: {}", quoted[i - 2]);
                named += 1;
            }
        }
    }
    assert!(named >= 5);
}
