//! Leaves, heads, proofs and files of an audit log: what parses is written as the same bytes, and nothing verifies but
//! what was signed.

use cloakroom::audit::{AuditFile, sign_head, verify, verify_proof};
use cloakroom::crypto::merkle::{Frontier, leaf_hash};
use cloakroom::crypto::sign::SigningKey;
use cloakroom::time::Timestamp;
use cloakroom::wire::audit::{Consistency, Context, Detail, Head, Inclusion, Item, Leaf, Proof, SignedHead};
use std::sync::LazyLock;

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_seed(&mut [7; 32]));
static FILE: LazyLock<Vec<u8>> = LazyLock::new(file);

pub fn run(data: &[u8]) {
    if let Ok(leaf) = Leaf::parse(data) {
        assert_eq!(leaf.to_bytes().unwrap(), data);
    }
    if let Ok(head) = Head::parse(data) {
        assert_eq!(head.to_bytes(), data);
    }
    if let Ok(head) = SignedHead::parse(data) {
        assert_eq!(head.to_bytes(), data);
        assert_eq!(SignedHead::from_json(&head.to_json()).unwrap(), head);
    }
    let keys = [KEY.verifying_key()];
    if let Ok(proof) = std::str::from_utf8(data).map_err(drop).and_then(|t| Proof::from_json(t).map_err(drop))
    {
        assert_eq!(Proof::from_json(&proof.to_json()).unwrap(), proof);
        if verify_proof(&proof, &keys).is_ok() {
            assert_eq!(proof, inclusion(), "another proof verifies");
        }
    }
    assert_eq!(verify(data, &keys, None).is_ok(), data == *FILE);
}

fn leaf() -> Leaf<'static> {
    Leaf {
        kind: "reveal",
        at: Timestamp(1_795_000_000),
        principal: "ada",
        purpose: "billing",
        rules_version: 3,
        note: "key version 3",
        contexts: vec![Context { decision: 1, reason: 0, key_version: 3, fields: vec![[1; 8], [2; 8]] }],
        items: vec![Item { subject: [3; 16], context: 0 }, Item { subject: [4; 16], context: 0 }],
        details: vec![Detail { item: 1, sealed: b"sealed" }],
    }
}

/// Of a log with the one leaf.
fn head() -> SignedHead {
    let mut tree = Frontier::new();
    tree.push(leaf_hash(&leaf().to_bytes().unwrap()));
    let head =
        Head { vault: [5; 16], key_version: 1, size: 1, root: tree.root(), at: Timestamp(1_795_000_001) };
    sign_head(&head, &KEY)
}

fn inclusion() -> Proof {
    Proof::Inclusion(Inclusion { index: 0, leaf: leaf().to_bytes().unwrap(), path: vec![], head: head() })
}

fn file() -> Vec<u8> {
    let mut file = AuditFile::begin(vec![], [5; 16]).unwrap();
    file.leaf(&leaf().to_bytes().unwrap()).unwrap();
    file.finish(&head()).unwrap()
}

pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let bare = Leaf { contexts: vec![], items: vec![], details: vec![], note: "", ..leaf() };
    let unsigned = SignedHead { signature: [0; 64], ..head() };
    let consistency = Consistency { path: vec![[6; 32]], earlier: unsigned, later: head() };
    vec![
        ("leaf", leaf().to_bytes().unwrap()),
        ("leaf_without_items", bare.to_bytes().unwrap()),
        ("head", head().head.to_bytes()),
        ("signed_head", head().to_bytes()),
        ("inclusion", inclusion().to_json().into_bytes()),
        ("consistency_unsigned", Proof::Consistency(consistency).to_json().into_bytes()),
        ("file", file()),
    ]
}
