//! Protected files and their manifests.

use super::vaults::read_subject;
use super::{Bytes, hex, open_envelope};
use crate::shared_store::{META, OUTPUT, RUN, Shared};
use crate::spec::{self, Key, context, derive, hmac};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use cloakroom::keys::Keyset;
use cloakroom::pipeline::{self, Keys, Options};
use cloakroom::policy::Policy;
use cloakroom::store::Store;
use cloakroom::time::Timestamp;
use cloakroom::vault::Vault;

const POLICY: &str = "version = 1\ntenant = \"acme\"\nsubject = \"no\"\n\
    [field.no]\nprotect = \"pseudonym\"\nscope = \"a\\\"b\"\n\
    [field.email]\nprotect = \"seal\"\n";
const TABLE: &str = "no,email\n1,ann@example.com\n2,bob@example.com\n";

/// Section 10: the message of the mac, and the mac.
fn compact(json: &str) -> (String, String) {
    let (mut compact, mut in_text, mut escaped) = (String::new(), false, false);
    for c in json.chars() {
        if !in_text && c.is_ascii_whitespace() {
            continue;
        }
        in_text ^= c == '"' && !escaped;
        escaped = in_text && c == '\\' && !escaped;
        compact.push(c);
    }
    let at = compact.rfind("\"mac\":\"").unwrap() + 7;
    let mac = compact[at..].strip_suffix("\"}").unwrap().to_owned();
    compact.replace_range(at.., "\"}");
    (compact, mac)
}

// SPEC: MAN-1, MAN-2, FILE-1, ENV-6
#[test]
fn a_manifest_and_the_cells_of_its_file() {
    let keyset = Keyset::generate(Timestamp(1)).unwrap();
    let secret = *keyset.primary().unwrap().secret().expose();
    let policy = Policy::parse(POLICY).unwrap();
    let mut output = vec![];
    let keys = Keys::Keyset(&keyset);
    let finished =
        pipeline::protect(TABLE.as_bytes(), &mut output, &policy, keys, Options::default()).unwrap();
    let json = std::str::from_utf8(&finished.json).unwrap();
    let (message, mac) = compact(json);
    let mac_key: Key = derive(&secret, &context("manifest", &[]));
    assert_eq!(mac, hex(&hmac(&mac_key, message.as_bytes())));
    assert!(message.contains(r#""scope":"a\"b""#));

    let order = "cloakroom_manifest crate_version created policy_sha256 tenant keyset vault subject delimiter rows_read \
        rows_written rows_rejected input_tag output_sha256 output_bytes columns name mode erased_by key_version \
        check_value identity_version protected settings dropped mac_key_version mac";
    let places: Vec<_> =
        order.split_whitespace().map(|name| message.find(&format!("\"{name}\":")).unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}");

    for line in std::str::from_utf8(&output).unwrap().lines().skip(1) {
        let (no, email) = line.split_once(',').unwrap();
        let envelope = BASE64.decode(email.strip_prefix("ck1e_").unwrap()).unwrap();
        let plaintext = open_envelope(&secret, ["acme", no, "email"], &envelope);
        assert!(plaintext.ends_with(b"@example.com"));
    }
}

// SPEC: REF-1, FILE-1, VAULT-16
#[test]
fn references_in_a_file_lead_into_the_vault() {
    let store = Shared::default();
    let keyset = Keyset::generate(Timestamp(1)).unwrap();
    let secret = *keyset.primary().unwrap().secret().expose();
    let vault = Vault::create_in(Box::new(store.clone()), keyset).unwrap();
    let policy = Policy::parse(POLICY).unwrap();
    let mut output = vec![];
    let keys = Keys::Vault(&vault);
    let finished =
        pipeline::protect(TABLE.as_bytes(), &mut output, &policy, keys, Options::default()).unwrap();

    // A run under way: its journal, tagged with the ledger's fingerprint key.
    let ledger = store.get(META, b"census").unwrap().unwrap();
    let (header, sealed) = ledger.split_at(5);
    let body =
        spec::open(1, &derive(&secret, &context("census", &[])), &context("census", &[header]), sealed);
    let body = body.unwrap();
    let mut r = Bytes(&body);
    let (fingerprint_key, _, runs) = (r.take(32), r.take(32), r.int(4));
    let (run, batches) = (r.take(16), r.int(4));
    assert_eq!((runs, batches), (1, 1));
    let journals = store.all(RUN);
    let [(journal_key, journal)] = &journals[..] else { panic!("one batch, one journal") };
    assert_eq!(*journal_key, [run, &[0; 4]].concat());
    let (entries, tag) = journal.split_at(journal.len() - 32);
    assert_eq!(entries.len(), 32, "two rows");
    assert_eq!(hmac(fingerprint_key, &[&[0x00, 0x14][..], journal_key, entries].concat()), tag);
    let output_sha256 = finished.manifest.output_sha256.clone();
    finished.commit().unwrap();
    assert!(store.all(RUN).is_empty());
    assert_eq!(hex(&store.all(OUTPUT)[0].0), output_sha256);

    for line in std::str::from_utf8(&output).unwrap().lines().skip(1) {
        let (no, cell) = line.split_once(',').unwrap();
        let reference = BASE64.decode(cell.strip_prefix("ck1r_").unwrap()).unwrap().try_into().unwrap();
        let names: [&[u8]; 2] = [b"acme", b"email"];
        let mask_key: Key = derive(&secret, &context("reference-mask", &names));
        let m: [u8; 16] = hmac(&mask_key, no.as_bytes())[..16].try_into().unwrap();
        let prp_key = derive(&secret, &context("reference-key", &names));
        let place = spec::xor(spec::aes_inverse(&prp_key, spec::xor(reference, m)), m);
        assert!(entries.chunks(16).any(|key| key == place));
        let (_, records) = read_subject(&store, &[secret], &place[..12]);
        assert!(records[&Bytes(&place[12..]).int(4)]["email"].ends_with("@example.com"));
    }
}
