//! Audit logs: what appending a leaf costs the frontier, and verifying a file of 1,000,000 leaves of about 150 bytes
//! (goal: below 10 s), making a proof from as many hashes and verifying it.
//!
//! `cargo bench --bench audit`; a number behind it is how many leaves.

use cloakroom::audit::{AuditFile, sign_head, verify};
use cloakroom::crypto::merkle::{Frontier, inclusion_proof, leaf_hash, verify_inclusion};
use cloakroom::crypto::sign::SigningKey;
use cloakroom::time::Timestamp;
use cloakroom::wire::audit::{Context, Detail, Head, Item, Leaf};
use std::time::Instant;

const LEAVES: u64 = 1_000_000;
const TURNS: usize = 5;
const VAULT: [u8; 16] = [1; 16];

fn main() {
    let count = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(LEAVES);
    let leaves: Vec<Vec<u8>> = (0..count).map(leaf).collect();
    let bytes: usize = leaves.iter().map(Vec::len).sum();
    println!("{count} leaves of {} bytes", bytes as u64 / count.max(1));
    let report = |what: &str, seconds: f64| {
        println!("{what:<28} {seconds:>7.3} s, {:>6.0} ns a leaf", seconds * 1e9 / count as f64);
    };

    let hashes: Vec<_> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    let mut tree = Frontier::new();
    report("frontier, hashes in hand", median(|| tree = grown(hashes.iter().copied())));
    report("leaf hash and frontier", median(|| tree = grown(leaves.iter().map(|leaf| leaf_hash(leaf)))));

    let key = SigningKey::from_seed(&mut [7; 32]);
    let head = Head { vault: VAULT, key_version: 1, size: count, root: tree.root(), at: Timestamp(0) };
    let head = sign_head(&head, &key);
    let mut file = vec![];
    report(
        "writing the file",
        median(|| {
            let mut writer = AuditFile::begin(Vec::with_capacity(bytes * 3 / 2), VAULT).unwrap();
            leaves.iter().for_each(|leaf| writer.leaf(leaf).unwrap());
            file = writer.finish(&head).unwrap();
        }),
    );
    let keys = [key.verifying_key()];
    report("verifying the file", median(|| _ = verify(&file[..], &keys, Some(&head)).unwrap()));

    let index = count / 3;
    let mut path = vec![];
    report(
        "an inclusion proof",
        median(|| {
            path = inclusion_proof(hashes.iter().copied().map(Ok), index, count).unwrap();
        }),
    );
    let verifying = median(|| {
        verify_inclusion(&hashes[index as usize], index, count, &path, &tree.root()).unwrap();
    });
    println!("verifying it, {} hashes: {:.1} µs", path.len(), verifying * 1e6);
}

/// One subject, four fields, and a detail.
fn leaf(number: u64) -> Vec<u8> {
    let fields = (0..4).map(|field| [field; 8]).collect();
    let mut subject = [0; 16];
    subject[..8].copy_from_slice(&number.to_be_bytes());
    let leaf = Leaf {
        kind: "reveal",
        at: Timestamp(1_795_000_000 + number),
        principal: "billing-service",
        purpose: "invoicing",
        rules_version: 3,
        note: "",
        contexts: vec![Context { decision: 1, reason: 0, key_version: 3, fields }],
        items: vec![Item { subject, context: 0 }],
        details: vec![Detail { item: 0, sealed: &[9; 16] }],
    };
    leaf.to_bytes().unwrap()
}

fn grown(hashes: impl Iterator<Item = [u8; 32]>) -> Frontier {
    let mut tree = Frontier::new();
    hashes.for_each(|hash| tree.push(hash));
    tree
}

fn median(mut f: impl FnMut()) -> f64 {
    let mut seconds: Vec<f64> = (0..TURNS)
        .map(|_| {
            let start = Instant::now();
            f();
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[TURNS / 2]
}
