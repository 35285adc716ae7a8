//! What tokens look like, and how many there are.

use super::{digits, opaque, redeemed, request, token, tokens};
use crate::place::*;
use cloakroom::Error;
use cloakroom::format::{Alphabet, Format};
use cloakroom::protect::Spelling;
use cloakroom::vault::{Fill, Look, Mode, TokenRequest, TokenRules};
use std::collections::{BTreeMap, BTreeSet};

// SPEC: RTOK-3
#[test]
fn fresh_tokens_differ_and_all_lead_back() {
    everywhere(|place| {
        let fresh = tokens(place.vault(), digits().fresh());
        let value = "123456789";
        let all: BTreeSet<String> = (0..50).map(|_| token(fresh.issue(value, None, NOW))).collect();
        assert_eq!(all.len(), 50);
        assert!(all.iter().all(|token| redeemed(&fresh, token).as_deref() == Some(value)));
        assert_eq!(place.vault().census().total(Mode::Fingerprint), 0);
        assert_clean(place.vault());
    });
}

// SPEC: RTOK-1
#[test]
fn tokens_look_as_they_should() {
    let place = InMemory::new();
    let looks = |name: &str, look: Look, value: &str| {
        let tokens = tenant(&place.vault, "acme").random_tokens(&field(name), TokenRules::new(look)).unwrap();
        let token = tokens.issue(value, None, NOW).unwrap().token;
        assert_eq!(redeemed(&tokens, &token).as_deref(), Some(value), "{name}");
        token
    };
    let card = looks("card", Look::Like(Format::card().keep(6, 4)), "4111 1111 1111 1111");
    assert!(card.starts_with("4111 11") && card.ends_with(" 1111"));
    assert!(tenant(&place.vault, "acme").tokenizer(&field("x"), Format::card()).is_ok());
    let sum: u32 = card
        .bytes()
        .filter(u8::is_ascii_digit)
        .rev()
        .enumerate()
        .map(|(i, b)| u32::from(b - b'0') * (1 + i as u32 % 2))
        .map(|n| n / 10 + n % 10)
        .sum();
    assert_ne!(sum % 10, 0, "no card number");
    let phone = looks("phone", Look::Like(Format::digits()), "+49 (30) 123-456");
    let shape = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
    assert_eq!(shape(&phone), shape("+49 (30) 123-456"));
    let uuid = "123e4567-e89b-12d3-a456-426614174000";
    assert_eq!(looks("id", Look::Like(Format::uuid()), uuid).len(), uuid.len());
    looks("abc", Look::Like(Format::new(Alphabet::new("abcäöü").unwrap())), "aäbb");
    for (spelling, length) in
        [(Spelling::Base64Url, 22), (Spelling::Hex, 32), (Spelling::Uuid, 36), (Spelling::Crockford, 26)]
    {
        assert_eq!(looks(&format!("{length}"), Look::Opaque(spelling), "anything: Ünïcode").len(), length);
    }
    let int: u64 = looks("int", Look::Opaque(Spelling::int63(1_000).unwrap()), "x").parse().unwrap();
    assert!(int < 1 << 63);
    assert_clean(&place.vault);
}

// SPEC: RTOK-6, RTOK-7
#[test]
fn a_space_can_be_used_to_its_last_token() {
    everywhere(|place| {
        let pins = tokens(place.vault(), digits());
        assert_eq!(pins.fill("42").unwrap(), Some(Fill { used: 0, size: 100 }));
        let mut of = BTreeMap::new();
        for n in 0..100 {
            let value = format!("{n:02}");
            let issued = pins.issue(&value, None, NOW).unwrap();
            let fill = issued.fill.unwrap();
            assert_eq!(fill, Fill { used: n + 1, size: 100 });
            let warning = if n + 1 >= 90 { Some(90) } else { (n + 1 >= 50).then_some(50) };
            assert_eq!(fill.warning(), warning, "{n}");
            assert!(of.insert(issued.token, value).is_none());
        }
        let fresh = tokens(place.vault(), digits().fresh());
        let error = fresh.issue("07", None, NOW).unwrap_err();
        assert!(matches!(error, Error::TokensExhausted { used: 100, size: 100 }), "{error}");
        assert_eq!(fresh.issue("7-7", None, NOW).unwrap().fill, Some(Fill { used: 1, size: 100 }));
        for (token, value) in &of {
            assert_eq!(redeemed(&pins, token).as_ref(), Some(value));
        }
        let (gone, value) = of.pop_first().unwrap();
        assert!(pins.delete(&gone).unwrap() && !pins.delete(&gone).unwrap());
        assert_eq!(redeemed(&pins, &gone), None);
        assert_eq!(pins.fill("42").unwrap(), Some(Fill { used: 99, size: 100 }));
        let last = pins.issue(&value, None, NOW).unwrap();
        assert!(last.is_new && last.token == gone, "the only one that was left");
        assert_clean(place.vault());
    });
}

// SPEC: RTOK-10
#[test]
fn a_value_that_can_have_no_token_costs_no_other_its_token() {
    everywhere(|place| {
        let vault = place.vault();
        let cards = tokens(vault, digits());
        let ann = subject("ann");
        let long = "7".repeat((64 << 10) + 1);
        let dashed = format!("{}123456", "-".repeat(65_500));
        let bad = ["", " \t", "12x4", "１２３４", &long, &dashed];
        for value in bad {
            let of_ann = TokenRequest { subject: Some(&ann), ..request(value) };
            let issued = cards.issue_many(&[request("5550001"), of_ann, request("5550002")], NOW).unwrap();
            let is_ok: Vec<bool> = issued.iter().map(Result::is_ok).collect();
            assert_eq!(is_ok, [true, false, true], "{} bytes", value.len());
            if !value.is_empty() {
                let shown = format!("{:?}", issued[1]);
                assert!(!shown.contains(value), "{shown}");
            }
        }
        assert_eq!(vault.census().total(Mode::Token), 2);
        assert!(!tenant(vault, "acme").has(&ann).unwrap(), "she got nothing");
        assert_clean(vault);
        // The longest value that an opaque token takes.
        let tokens = tenant(vault, "acme").random_tokens(&field("note"), opaque()).unwrap();
        let longest = "ü".repeat(32 << 10);
        let token = tokens.issue(&longest, Some(&ann), NOW).unwrap().token;
        assert_eq!(redeemed(&tokens, &token), Some(longest));
        assert!(matches!(tokens.issue(&long, None, NOW), Err(Error::TooLong { .. })));
        assert_clean(vault);
    });
}
