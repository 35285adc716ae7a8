use super::*;
use crate::error::Error;
use crate::time::Timestamp;
use crate::wire::audit::leaf::LONGEST;
use proptest::prelude::*;

fn leaf() -> Leaf<'static> {
    let contexts = vec![
        Context { decision: 1, reason: 0, key_version: 3, fields: vec![[1; 8], [2; 8]] },
        Context { decision: 4, reason: 2, key_version: 0, fields: vec![] },
    ];
    let items = vec![Item { subject: [9; 16], context: 1 }, Item { subject: [8; 16], context: 0 }];
    Leaf {
        kind: "reveal",
        at: Timestamp(1_795_000_000),
        principal: "ada",
        purpose: "billing",
        rules_version: 7,
        note: "",
        contexts,
        items,
        details: vec![Detail { item: 1, sealed: b"sealed" }],
    }
}

// SPEC: AUDIT-4, WIRE-1, WIRE-2, WIRE-3
#[test]
fn a_leaf_is_these_bytes() {
    let bytes = leaf().to_bytes().unwrap();
    let expected = [
        &b"\x01\0\x06reveal\0\0\0\0\x6a\xfd\x86\xc0\0\x03ada\0\x07billing\0\0\0\x07\0\0\0\0"[..],
        b"\0\x02\x01\0\0\0\0\x03\0\x02\x01\x01\x01\x01\x01\x01\x01\x01\x02\x02\x02\x02\x02\x02\x02\x02",
        b"\x04\x02\0\0\0\0\0\0",
        b"\0\0\0\x02\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\0\x01",
        b"\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\0\0",
        b"\0\0\0\x01\0\0\0\x01\0\0\0\x06sealed",
    ]
    .concat();
    assert_eq!(bytes, expected);
    assert_eq!(Leaf::parse(&bytes).unwrap(), leaf());
    for length in 0..bytes.len() {
        assert!(Leaf::parse(&bytes[..length]).is_err(), "{length} bytes");
    }
    assert!(Leaf::parse(&[&bytes[..], &[0]].concat()).is_err());
    assert!(Leaf::parse(&[&[2], &bytes[1..]].concat()).is_err());
}

// SPEC: AUDIT-5
#[test]
fn what_refers_to_nothing_is_neither_written_nor_read() {
    let edits: [fn(&mut Leaf<'_>); 7] = [
        |leaf| leaf.kind = "",
        |leaf| leaf.kind = "Reveal",
        |leaf| leaf.note = "a\nb",
        |leaf| leaf.principal = "\u{85}",
        |leaf| leaf.purpose = "\0",
        |leaf| leaf.items[0].context = 2,
        |leaf| leaf.details[0].item = 2,
    ];
    for edit in edits {
        let mut wrong = leaf();
        edit(&mut wrong);
        assert!(matches!(wrong.to_bytes(), Err(Error::Setting { .. })), "{wrong:?}");
    }
    let bytes = leaf().to_bytes().unwrap();
    let context_of_the_last_item = bytes.len() - 18 - 1;
    let item_of_the_detail = bytes.len() - 14 + 3;
    for (at, wrong) in [(3, b'R'), (19, b'\n'), (context_of_the_last_item, 2), (item_of_the_detail, 2)] {
        let mut altered = bytes.clone();
        altered[at] = wrong;
        assert!(matches!(Leaf::parse(&altered), Err(Error::Malformed { .. })), "byte {at}");
    }
    let huge = "x".repeat(65_536);
    assert!(matches!(Leaf { principal: &huge, ..leaf() }.to_bytes(), Err(Error::TooLong { .. })));
    let contexts = vec![leaf().contexts[1].clone(); 65_536];
    let error = Leaf { contexts, ..leaf() }.to_bytes().unwrap_err();
    assert!(matches!(error, Error::TooLong { what: "contexts", limit: 65_535, .. }));
    let huge = vec![1; LONGEST + 1];
    let details = vec![Detail { item: 0, sealed: &huge }];
    assert!(matches!(Leaf { details, ..leaf() }.to_bytes(), Err(Error::TooLong { what: "audit leaf", .. })));
    assert!(Leaf::parse(&huge).unwrap_err().to_string().contains("is over 64 MiB"));
}

// SPEC: AUDIT-6, WIRE-1, WIRE-2, WIRE-3
#[test]
fn a_head_is_these_bytes() {
    let head = Head { vault: [1; 16], key_version: 2, size: 3, root: [4; 32], at: Timestamp(5) };
    let expected =
        [&[1][..], &[1; 16], &[0, 0, 0, 2], &[0, 0, 0, 0, 0, 0, 0, 3], &[4; 32], &[0, 0, 0, 0, 0, 0, 0, 5]]
            .concat();
    assert_eq!(head.to_bytes(), expected);
    assert_eq!(Head::parse(&expected).unwrap(), head);
    let signed = SignedHead { head, signature: [6; 64] };
    let bytes = [&expected[..], &[6; 64]].concat();
    assert_eq!(signed.to_bytes(), bytes);
    assert_eq!(SignedHead::parse(&bytes).unwrap(), signed);
    for length in 0..bytes.len() {
        assert_eq!(Head::parse(&bytes[..length]).is_ok(), length == 69);
        assert!(SignedHead::parse(&bytes[..length]).is_err());
    }
    assert!(SignedHead::parse(&[&bytes[..], &[0]].concat()).is_err());
    assert!(SignedHead::parse(&[&[0], &bytes[1..]].concat()).is_err());
}

proptest! {
    // SPEC: WIRE-3
    #[test]
    fn what_parses_is_written_as_the_same_bytes(edits: Vec<(prop::sample::Index, u8)>) {
        let mut bytes = leaf().to_bytes().unwrap();
        for (at, byte) in edits.into_iter().take(4) {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(parsed) = Leaf::parse(&bytes) {
            prop_assert_eq!(parsed.to_bytes().unwrap(), bytes);
        }
    }
}

fn signed(size: u64) -> SignedHead {
    let head = Head { vault: [0xA1; 16], key_version: 2, size, root: [0xB2; 32], at: Timestamp(5) };
    SignedHead { head, signature: [0xC3; 64] }
}

// SPEC: AUDIT-10
#[test]
fn json_of_heads_and_proofs_comes_back() {
    let head = signed(3);
    let json = head.to_json();
    let expected = format!(
        "{{\n  \"cloakroom_audit_head\": 1,\n  \"vault\": \"{}\",\n  \"key_version\": 2,\n  \"size\": 3,\n  \
         \"root\": \"{}\",\n  \"at\": 5,\n  \"signature\": \"{}\"\n}}\n",
        "a1".repeat(16),
        "b2".repeat(32),
        "c3".repeat(64)
    );
    assert_eq!(json, expected);
    assert_eq!(SignedHead::from_json(&json).unwrap(), head);
    let inclusion = Inclusion { index: 1, leaf: leaf().to_bytes().unwrap(), path: vec![[7; 32]; 2], head };
    let consistency = Consistency { path: vec![[8; 32]], earlier: signed(1), later: head };
    for proof in [Proof::Inclusion(inclusion), Proof::Consistency(consistency)] {
        assert_eq!(Proof::from_json(&proof.to_json()).unwrap(), proof);
    }
}

// SPEC: AUDIT-10
#[test]
fn json_that_says_less_or_more_is_refused_and_not_shown() {
    let head = signed(3).to_json();
    let longest =
        Proof::Consistency(Consistency { path: vec![[8; 32]; 129], earlier: signed(1), later: signed(3) });
    let proof = longest.to_json();
    for (json, from, to) in [
        (&head, "\"size\": 3", "\"size\": -3"),
        (&head, "\"size\": 3", "\"size\": 3, \"more\": \"planted\""),
        (&head, "\"size\": 3", "\"size\": 3, \"size\": 3"),
        (&head, "\"size\": 3,", ""),
        (&head, "a1a1", "planted"),
        (&head, "a1a1", "A1a1"),
        (&head, "\"a1", "\""),
        (&head, "head\": 1", "head\": 2"),
        (&head, "}", "} {}"),
        (&proof, "", ""),
        (&proof, "consistency\": 1", "consistency\": 2"),
        (&proof, "consistency\": 1", "inclusion\": 1"),
        (&head, "", ""),
    ] {
        let altered = json.replacen(from, to, 1);
        let error = match json == &head && altered != head {
            true => SignedHead::from_json(&altered).unwrap_err(),
            false => Proof::from_json(&altered).unwrap_err(),
        };
        assert!(matches!(error, Error::Audit { .. }), "{altered}");
        assert!(!error.to_string().contains("planted"), "{error}");
    }
}
