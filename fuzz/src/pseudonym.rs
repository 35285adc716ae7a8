//! Texts as pseudonyms: each has one text in a spelling, and no other is read.
//!
//! ```text
//! Bridge(K, K).map(text) = write(E(K, D(K, parse(text)))) = write(parse(text)) = text
//! ```

use crate::fixed::{KEYSET, tenant};
use cloakroom::Error;
use cloakroom::name::Scope;
use cloakroom::protect::{Bridge, Spelling};
use std::sync::LazyLock;

const WIDE: [Spelling; 4] = [Spelling::Base64Url, Spelling::Hex, Spelling::Uuid, Spelling::Crockford];

static SPELLINGS: LazyLock<Vec<Spelling>> =
    LazyLock::new(|| WIDE.into_iter().chain([Spelling::int63(1).unwrap()]).collect());

/// Between any two spellings of the same pseudonym, and none where they are different pseudonyms.
static BRIDGES: LazyLock<Vec<(Spelling, Spelling, Bridge)>> = LazyLock::new(|| {
    let (key, scope) = (KEYSET.primary().unwrap(), Scope::new("s").unwrap());
    let pairs = SPELLINGS.iter().flat_map(|&from| SPELLINGS.iter().map(move |&to| (from, to)));
    let bridge = |(from, to): (Spelling, Spelling)| {
        let made = Bridge::new(&tenant(), (&key, &scope, from), (&key, &scope, to));
        assert_eq!(made.is_ok(), from.is_integer() == to.is_integer());
        made.ok().map(|bridge| (from, to, bridge))
    };
    pairs.filter_map(bridge).collect()
});

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut read_as = 0;
    for &spelling in &*SPELLINGS {
        let number = spelling.parse(text);
        read_as += usize::from(number.is_ok());
        assert!(matches!(number, Ok(_) | Err(Error::Value { .. })));
        for (from, to, bridge) in BRIDGES.iter().filter(|(from, ..)| *from == spelling) {
            let Ok(number) = number else {
                assert!(bridge.map(text).is_err());
                continue;
            };
            let mapped = bridge.map(text).unwrap();
            assert_eq!(to.parse(&mapped).unwrap(), number);
            assert_eq!(from == to, mapped == text, "one text in each spelling");
        }
    }
    // They differ in length, and the longest integer has 19 digits.
    assert!(read_as <= 1, "{text:?} is a pseudonym in {read_as} spellings");
}

/// The first and the last in each spelling, and what is nearly one.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    [
        ("base64url", "AAAAAAAAAAAAAAAAAAAAAQ"),
        ("base64url_bits_behind_the_end", "AAAAAAAAAAAAAAAAAAAAAB"),
        ("base64url_last", "_____________________w"),
        ("base64url_padded", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ("hex", "00000000000000000000000000000000"),
        ("hex_last", "ffffffffffffffffffffffffffffffff"),
        ("hex_upper", "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"),
        ("uuid", "00000000-0000-0000-0000-00000000000a"),
        ("uuid_hyphen", "0000000-00000-0000-0000-00000000000a"),
        ("uuid_wide", "00000000-0000-0000-0000-0000000000é"),
        ("crockford", "0000000000000000000000000Z"),
        ("crockford_last", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"),
        ("crockford_letter", "0000000000000000000000000O"),
        ("crockford_over", "80000000000000000000000000"),
        ("int63", "0"),
        ("int63_last", "9223372036854775807"),
        ("int63_over", "9223372036854775808"),
        ("int63_zeros", "007"),
        ("none", ""),
    ]
    .map(|(name, text)| (name, text.as_bytes().to_vec()))
    .to_vec()
}
