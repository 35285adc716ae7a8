//! `audit verify`, `audit verify-proof` and `principal keygen`: what they accept, what they refuse, and that they need no
//! vault and no key.

mod tool;

use cloakroom::audit::{AuditFile, sign_head};
use cloakroom::crypto::merkle::{Frontier, consistency_proof, inclusion_proof, leaf_hash};
use cloakroom::crypto::sign::{SigningKey, VerifyingKey};
use cloakroom::time::Timestamp;
use cloakroom::wire::audit::{Consistency, Head, Inclusion, Leaf, Proof, SignedHead};
use tool::Tool;

const VAULT: [u8; 16] = [0xA5; 16];

fn key() -> SigningKey {
    SigningKey::from_seed(&mut [7; 32])
}

fn leaf(number: u64) -> Vec<u8> {
    let leaf = Leaf {
        kind: "reveal",
        at: Timestamp(number),
        principal: "ada",
        purpose: "billing",
        rules_version: 1,
        note: "",
        contexts: vec![],
        items: vec![],
        details: vec![],
    };
    leaf.to_bytes().unwrap()
}

fn head(size: u64) -> SignedHead {
    let mut tree = Frontier::new();
    (0..size).for_each(|number| tree.push(leaf_hash(&leaf(number))));
    sign_head(&Head { vault: VAULT, key_version: 2, size, root: tree.root(), at: Timestamp(99) }, &key())
}

fn file(size: u64) -> String {
    let mut file = AuditFile::begin(vec![], VAULT).unwrap();
    (0..size).for_each(|number| file.leaf(&leaf(number)).unwrap());
    String::from_utf8(file.finish(&head(size)).unwrap()).unwrap()
}

fn ready() -> Tool {
    let tool = Tool::new();
    tool.write("log", file(5));
    tool.write("shorter", file(3));
    tool.write("earlier.json", head(4).to_json());
    tool.write("pub", format!("{}\n", key().verifying_key()));
    tool.write("other", format!("{}\n", SigningKey::from_seed(&mut [8; 32]).verifying_key()));
    tool
}

// SPEC: AUDIT-8, AUDIT-9
#[test]
fn a_file_verifies_with_public_keys_alone() {
    let tool = ready();
    let said = tool.ok("audit verify log --public-key other --public-key pub --head earlier.json").text();
    let expected = format!(
        "vault {}\n5 leaves at 1970-01-01T00:01:39Z, key version 2\nsigned by {}\n\
         begins with the 4 leaves of the head of 1970-01-01T00:01:39Z\nverified\n",
        "a5".repeat(16),
        key().verifying_key()
    );
    assert_eq!(said, expected);
    tool.fails(5, "audit verify log --public-key other", "signed by none of the given public keys");
    tool.fails(5, "audit verify shorter --public-key pub --head earlier.json", "rolled back");
    tool.write("edited", file(5).replacen('\n', "\r\n", 3));
    tool.fails(5, "audit verify edited --public-key pub", "CR LF");
    tool.fails(5, "audit verify log --public-key pub --head log", "not the JSON of a signed head");
    tool.fails(4, "audit verify log --public-key log", "does not begin with `cloakroom-public-key-1:`");
    tool.write("empty", "\n");
    tool.fails(4, "audit verify log --public-key empty", "holds no public key");
    tool.fails(7, "audit verify none --public-key pub", "none");
}

// SPEC: AUDIT-11
#[test]
fn a_proof_verifies_with_public_keys_alone() {
    let tool = ready();
    let hashes = || (0..5).map(|number| Ok(leaf_hash(&leaf(number))));
    let path = inclusion_proof(hashes(), 3, 5).unwrap();
    let inclusion = Proof::Inclusion(Inclusion { index: 3, leaf: leaf(3), path, head: head(5) });
    tool.write("leaf.json", inclusion.to_json());
    let said = tool.ok("audit verify-proof leaf.json --public-key pub").text();
    assert!(
        said.contains("leaf 3: reveal at 1970-01-01T00:00:03Z\nby \"ada\" for \"billing\"\nverified\n"),
        "{said}"
    );
    let path = consistency_proof(hashes(), 4, 5).unwrap();
    let step = Proof::Consistency(Consistency { path, earlier: head(4), later: head(5) });
    tool.write("step.json", step.to_json());
    let said = tool.ok("audit verify-proof step.json --public-key pub").text();
    assert!(
        said.ends_with("begins with the 4 leaves of the head of 1970-01-01T00:01:39Z\nverified\n"),
        "{said}"
    );
    tool.fails(5, "audit verify-proof step.json --public-key other", "signed by none");
    tool.write("moved.json", inclusion.to_json().replace("\"index\": 3", "\"index\": 2"));
    tool.fails(
        5,
        "audit verify-proof moved.json --public-key pub",
        "does not lead from the leaf to the root",
    );
    tool.fails(5, "audit verify-proof earlier.json --public-key pub", "not the JSON of an inclusion proof");
}

// SPEC: SIGN-4
#[test]
fn a_key_pair_is_made_once_and_its_secret_half_is_its_owners_alone() {
    let tool = Tool::new();
    let public = tool.ok("principal keygen ada.key").text();
    let secret = tool.text("ada.key");
    let key = SigningKey::from_text(secret.strip_suffix('\n').unwrap()).unwrap();
    assert_eq!(VerifyingKey::from_text(public.strip_suffix('\n').unwrap()).unwrap(), key.verifying_key());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(tool.path("ada.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    tool.fails(2, "principal keygen ada.key", "already exists");
    assert_eq!(tool.text("ada.key"), secret);
}
