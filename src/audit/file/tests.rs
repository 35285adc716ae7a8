use super::super::{sign_head, verify_proof};
use super::*;
use crate::crypto::merkle;
use crate::crypto::sign::SigningKey;
use crate::time::Timestamp;
use crate::wire::audit::{Consistency, Inclusion, Proof};
use proptest::prelude::*;

const VAULT: [u8; 16] = [0xA5; 16];

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&mut [seed; 32])
}

fn keys() -> Vec<VerifyingKey> {
    vec![key(9).verifying_key(), key(1).verifying_key()]
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

fn head(leaves: &[Vec<u8>]) -> Head {
    let mut tree = Frontier::new();
    leaves.iter().for_each(|leaf| tree.push(leaf_hash(leaf)));
    Head { vault: VAULT, key_version: 1, size: tree.size(), root: tree.root(), at: Timestamp(99) }
}

fn signed(leaves: &[Vec<u8>]) -> SignedHead {
    sign_head(&head(leaves), &key(1))
}

fn numbered(leaves: u64) -> Vec<Vec<u8>> {
    (0..leaves).map(leaf).collect()
}

fn file(leaves: &[Vec<u8>]) -> String {
    let mut file = AuditFile::begin(vec![], VAULT).unwrap();
    leaves.iter().for_each(|leaf| file.leaf(leaf).unwrap());
    String::from_utf8(file.finish(&signed(leaves)).unwrap()).unwrap()
}

fn says(file: &str, earlier: Option<&SignedHead>) -> String {
    verify(file.as_bytes(), &keys(), earlier).unwrap_err().to_string()
}

/// The file's lines, edited.
fn edited(leaves: u64, edit: impl FnOnce(&mut Vec<&str>)) -> String {
    let file = file(&numbered(leaves));
    let mut lines = file.lines().collect();
    edit(&mut lines);
    lines.join("\n") + "\n"
}

// SPEC: AUDIT-7, AUDIT-8
#[test]
fn a_file_is_its_first_line_its_leaves_and_its_head() {
    for size in [0, 1, 2, 7, 8] {
        let leaves = numbered(size);
        let file = file(&leaves);
        let mut lines = file.lines();
        assert_eq!(lines.next().unwrap(), "cloakroom-audit-1 a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5");
        for leaf in &leaves {
            assert_eq!(lines.next().unwrap(), BASE64.encode(leaf));
        }
        let head = lines.next().unwrap().strip_prefix("head:").unwrap();
        assert_eq!(BASE64.decode(head).unwrap(), signed(&leaves).to_bytes());
        assert!(lines.next().is_none() && file.ends_with('\n'));
        let verified = verify(file.as_bytes(), &keys(), None).unwrap();
        assert_eq!(verified, Verified { head: signed(&leaves).head, key: key(1).verifying_key() });
        for earlier in 0..=size as usize {
            verify(file.as_bytes(), &keys(), Some(&signed(&leaves[..earlier]))).unwrap();
        }
    }
}

// SPEC: AUDIT-8
#[test]
fn each_way_to_tamper_with_a_file_is_told() {
    let repeat = |lines: &mut Vec<&str>| lines.insert(3, lines[3]);
    for (file, expected) in [
        (edited(5, |lines| _ = lines.remove(3)), "5 leaves and 4 are there: some were removed"),
        (edited(5, |lines| lines.swap(2, 3)), "not of these 5 leaves"),
        (edited(5, |lines| lines[2] = lines[1]), "not of these 5 leaves"),
        (
            edited(5, repeat),
            "5 leaves and 6 are there: some were added; line 5 says the same as the one before",
        ),
        (edited(5, |lines| lines.truncate(6)), "after 5 leaves without a head: its tail is cut off"),
        (edited(5, |lines| lines.truncate(3)), "after 2 leaves without a head: its tail is cut off"),
        (edited(5, |lines| lines.truncate(1)), "after 0 leaves without a head: its tail is cut off"),
        (edited(5, |lines| _ = lines.remove(0)), "first line"),
        (edited(5, |lines| lines[0] = "cloakroom-audit-1 +5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5"), "first line"),
        (edited(5, |lines| lines[0] = "cloakroom-audit-1 A5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5"), "first line"),
        (edited(5, |lines| lines[0] = "cloakroom-audit-2 a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5"), "first line"),
        (edited(5, |lines| lines[0] = "cloakroom-audit-1 b5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5"), "another vault"),
        (edited(5, |lines| lines[2] = "AAAA"), "line 3 is damaged"),
        (edited(5, |lines| lines[2] = "="), "line 3 is damaged"),
        (edited(5, |lines| lines[2] = ""), "line 3 is damaged"),
        (edited(5, |lines| lines[6] = "head:AAAA"), "the head is damaged"),
        (edited(5, |lines| lines.push(lines[6])), "goes on after its head"),
        (edited(5, |lines| lines.push("")), "goes on after its head"),
        (file(&numbered(5)).replace('\n', "\r\n"), "line 1 ends with CR LF"),
        (file(&numbered(5)).trim_end().into(), "line 7 is cut off"),
        (String::new(), "first line"),
    ] {
        let said = says(&file, None);
        assert!(said.contains(expected), "{expected:?}: {said:?}");
    }
}

// SPEC: AUDIT-8
#[test]
fn an_edited_leaf_is_told_though_it_is_still_a_leaf() {
    let mut leaves = numbered(5);
    leaves[2] = leaf(77);
    let forged = file(&leaves).replace(
        file(&leaves).lines().last().unwrap(),
        &format!("head:{}", BASE64.encode(signed(&numbered(5)).to_bytes())),
    );
    assert!(says(&forged, None).contains("not of these 5 leaves"));
}

// SPEC: AUDIT-9
#[test]
fn a_log_that_does_not_begin_as_it_once_was_is_told() {
    let earlier = signed(&numbered(4));
    let shorter = says(&file(&numbered(3)), Some(&earlier));
    assert!(shorter.contains("3 leaves and had 4 at the earlier head: it was rolled back"), "{shorter}");
    let mut leaves = numbered(6);
    leaves[3] = leaf(77);
    let rewritten = says(&file(&leaves), Some(&earlier));
    assert!(rewritten.contains("first 4 leaves are not those of the earlier head"), "{rewritten}");
    let of_another = sign_head(&Head { vault: [1; 16], ..earlier.head }, &key(1));
    assert!(says(&file(&numbered(6)), Some(&of_another)).contains("earlier head is of another vault"));
    let forged = sign_head(&earlier.head, &key(2));
    assert!(says(&file(&numbered(6)), Some(&forged)).contains("head of 4 leaves is signed by none"));
}

// SPEC: AUDIT-6, AUDIT-8
#[test]
fn a_head_is_verified_under_the_given_keys_and_over_each_of_its_parts() {
    let file = file(&numbered(3));
    let of_others = [key(2).verifying_key(), key(3).verifying_key()];
    for keys in [&of_others[..], &[]] {
        let said = verify(file.as_bytes(), keys, None).unwrap_err().to_string();
        assert!(said.contains("head of 3 leaves is signed by none of the given public keys"), "{said}");
    }
    let good = signed(&numbered(3));
    assert_eq!(verify_head(&good, &keys()).unwrap(), &key(1).verifying_key());
    let bytes = good.to_bytes();
    for bit in 0..8 * bytes.len() {
        let mut altered = bytes.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        let head = SignedHead::parse(&altered);
        assert!(head.is_err() || verify_head(&head.unwrap(), &keys()).is_err(), "bit {bit}");
    }
}

#[test]
fn only_the_head_of_its_leaves_finishes_a_file() {
    let leaves = numbered(3);
    for wrong in [signed(&numbered(2)), signed(&numbered(4)), signed(&[leaf(0), leaf(2), leaf(1)])] {
        let mut file = AuditFile::begin(vec![], VAULT).unwrap();
        leaves.iter().for_each(|leaf| file.leaf(leaf).unwrap());
        assert!(matches!(file.finish(&wrong), Err(Error::Audit { .. })));
    }
    let mut of_another = AuditFile::begin(vec![], [1; 16]).unwrap();
    assert!(matches!(of_another.leaf(b"no leaf"), Err(Error::Malformed { .. })));
    assert!(of_another.finish(&signed(&[])).unwrap_err().to_string().contains("another vault"));
}

#[test]
fn a_line_without_end_is_refused_before_it_fills_the_memory() {
    let first = first_line(&VAULT) + "\n";
    let endless = first.as_bytes().chain(std::io::repeat(b'A'));
    let said = verify(endless, &keys(), None).unwrap_err().to_string();
    assert!(said.contains("line 2 is longer than any leaf"), "{said}");
}

fn hashes(leaves: &[Vec<u8>]) -> impl Iterator<Item = Result<merkle::Hash>> {
    leaves.iter().map(|leaf| Ok(leaf_hash(leaf)))
}

// SPEC: AUDIT-11
#[test]
fn a_proof_is_of_its_leaf_its_place_and_its_heads() {
    let leaves = numbered(7);
    let inclusion = Inclusion {
        index: 4,
        leaf: leaf(4),
        path: merkle::inclusion_proof(hashes(&leaves), 4, 7).unwrap(),
        head: signed(&leaves),
    };
    let verified = |proof: Inclusion| verify_proof(&Proof::Inclusion(proof), &keys());
    verified(inclusion.clone()).unwrap();
    verified(Inclusion { leaf: leaf(5), ..inclusion.clone() }).unwrap_err();
    verified(Inclusion { leaf: b"no leaf".into(), ..inclusion.clone() }).unwrap_err();
    verified(Inclusion { index: 5, ..inclusion.clone() }).unwrap_err();
    verified(Inclusion { path: vec![], ..inclusion.clone() }).unwrap_err();
    verified(Inclusion { head: signed(&numbered(6)), ..inclusion.clone() }).unwrap_err();
    verified(Inclusion { head: sign_head(&head(&leaves), &key(2)), ..inclusion }).unwrap_err();

    let consistency = Consistency {
        path: merkle::consistency_proof(hashes(&leaves), 3, 7).unwrap(),
        earlier: signed(&leaves[..3]),
        later: signed(&leaves),
    };
    let verified = |proof: Consistency| verify_proof(&Proof::Consistency(proof), &keys());
    verified(consistency.clone()).unwrap();
    verified(Consistency { path: vec![], ..consistency.clone() }).unwrap_err();
    verified(Consistency { earlier: signed(&[leaf(0), leaf(2), leaf(1)]), ..consistency.clone() })
        .unwrap_err();
    verified(Consistency { later: sign_head(&head(&leaves), &key(2)), ..consistency.clone() }).unwrap_err();
    verified(Consistency { earlier: sign_head(&head(&leaves[..3]), &key(2)), ..consistency.clone() })
        .unwrap_err();
    let of_another = Head { vault: [1; 16], ..head(&leaves[..3]) };
    verified(Consistency { earlier: sign_head(&of_another, &key(1)), ..consistency }).unwrap_err();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // SPEC: AUDIT-8
    #[test]
    fn a_file_with_any_byte_altered_does_not_verify(at: prop::sample::Index, byte: u8) {
        let good = file(&numbered(5));
        let mut altered = good.clone().into_bytes();
        let at = at.index(altered.len());
        prop_assume!(altered[at] != byte);
        altered[at] = byte;
        prop_assert!(verify(&altered[..], &keys(), None).is_err());
    }

    #[test]
    fn no_file_is_too_odd_to_be_refused(rest: Vec<u8>) {
        let file = [first_line(&VAULT).as_bytes(), b"\n", &rest].concat();
        prop_assert!(verify(&file[..], &keys(), None).is_err());
    }
}
