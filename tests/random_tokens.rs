//! Random tokens: each leads to its value and to no other, for whom and as long as it should.

mod place;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use cloakroom::Error;
use cloakroom::format::{Alphabet, Format};
use cloakroom::keys::Keyset;
use cloakroom::name::TenantId;
use cloakroom::protect::Spelling;
use cloakroom::store::{Batch, Commit, Entry as Pair, Map, Store};
use cloakroom::time::Timestamp;
use cloakroom::vault::{Fill, Issued, Look, Migration, Mode, RandomTokens, TokenRequest, TokenRules, Vault};
use place::*;

fn digits() -> TokenRules {
    TokenRules::new(Look::Like(Format::digits()))
}

fn opaque() -> TokenRules {
    TokenRules::new(Look::Opaque(Spelling::Base64Url))
}

fn tokens<'v>(vault: &'v Vault, rules: TokenRules) -> RandomTokens<'v> {
    tenant(vault, "acme").random_tokens(&field("card"), rules).unwrap()
}

fn redeemed(tokens: &RandomTokens<'_>, token: &str) -> Option<String> {
    match tokens.redeem(token, NOW) {
        Ok(value) => Some(value.expose_str().unwrap().to_owned()),
        Err(Error::NotFound { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

fn request(value: &str) -> TokenRequest<'_> {
    TokenRequest { value, subject: None, expires: None }
}

fn token(issued: Result<Issued, Error>) -> String {
    issued.unwrap().token
}

// SPEC: RTOK-3
#[test]
fn equal_values_have_one_token_whoever_asks_and_when() {
    everywhere(|place| {
        let value = |n: usize| format!("{:08}", n * 7919);
        let rounds: Vec<Vec<String>> = {
            let vault = place.vault();
            thread::scope(|scope| {
                let threads: Vec<_> = (0..8)
                    .map(|t| {
                        scope.spawn(move || {
                            let cards = tokens(vault, digits());
                            let order = (0..200).map(|n| (n * 37 + t * 25) % 200);
                            let mut mine = vec![String::new(); 200];
                            for chunk in order.collect::<Vec<_>>().chunks(20) {
                                let values: Vec<String> = chunk.iter().map(|n| value(*n)).collect();
                                let requests: Vec<_> = values.iter().map(|v| request(v)).collect();
                                let issued = cards.issue_many(&requests, NOW).unwrap();
                                chunk.iter().zip(issued).for_each(|(n, issued)| mine[*n] = token(issued));
                            }
                            mine
                        })
                    })
                    .collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            })
        };
        assert!(rounds.iter().all(|round| *round == rounds[0]));
        assert_eq!(rounds[0].iter().collect::<BTreeSet<_>>().len(), 200);
        place.reopen();
        let cards = tokens(place.vault(), digits());
        for (n, token) in rounds[0].iter().enumerate() {
            let again = cards.issue(&value(n), None, NOW).unwrap();
            assert!(again.token == *token && !again.is_new);
            assert_eq!(redeemed(&cards, token), Some(value(n)));
        }
        assert_eq!(place.vault().census().total(Mode::Token), 200);
        assert_eq!(place.vault().census().total(Mode::Fingerprint), 200);
        assert_eq!(assert_clean(place.vault()).tokens, 200);
    });
}

// SPEC: RTOK-4
#[test]
fn a_token_leads_nowhere_in_another_field_tenant_or_vault() {
    let (place, other) = (InMemory::new(), InMemory::new());
    let issued = tokens(&place.vault, digits()).issue("4111222233334444", None, NOW).unwrap().token;
    let elsewhere = [
        tenant(&place.vault, "acme").random_tokens(&field("iban"), digits()).unwrap(),
        tenant(&place.vault, "other").random_tokens(&field("card"), digits()).unwrap(),
        tokens(&other.vault, digits()),
    ];
    for tokens in &elsewhere {
        let error = tokens.redeem(&issued, NOW).unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }));
        assert!(!format!("{error} {error:?}").contains(&issued));
        assert!(!tokens.delete(&issued).unwrap());
    }
    // The same value has another token there.
    for tokens in &elsewhere {
        assert_ne!(tokens.issue("4111222233334444", None, NOW).unwrap().token, issued);
    }
    assert_eq!(redeemed(&tokens(&place.vault, digits()), &issued).unwrap(), "4111222233334444");
    assert_clean(&place.vault);
}

// SPEC: RTOK-4
#[test]
fn tokens_of_every_key_version_lead_back_and_no_value_is_given_a_second() {
    let mut place = InMemory::new();
    let mut issued = BTreeMap::new();
    for n in 0..3 {
        let value = format!("555000{n}");
        issued.insert(value.clone(), tokens(&place.vault, digits()).issue(&value, None, NOW).unwrap().token);
        place.rotate();
    }
    let cards = tokens(&place.vault, digits());
    for (value, token) in &issued {
        assert_eq!(redeemed(&cards, token).as_ref(), Some(value));
        assert_eq!(cards.issue(value, None, NOW).unwrap().token, *token, "not drawn anew after a rotation");
    }
    let versions: BTreeSet<u32> = place.vault.census().lines().map(|(line, _)| line.version).collect();
    assert_eq!(versions, BTreeSet::from([1, 2, 3]));
    assert_clean(&place.vault);
}

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

// SPEC: RTOK-16
#[test]
fn a_values_token_lasts_as_long_as_the_longest_that_was_asked_for() {
    everywhere(|place| {
        let at = |seconds| Timestamp(NOW.0 + seconds);
        let lasting = |seconds| tokens(place.vault(), digits().lasting(seconds).unwrap());
        let issued = lasting(60).issue("123456", None, NOW).unwrap().token;
        assert_eq!(lasting(30).issue("123456", None, NOW).unwrap().token, issued);
        assert!(lasting(30).redeem(&issued, at(59)).is_ok(), "not cut short");
        assert_eq!(lasting(60).issue("123456", None, at(30)).unwrap().token, issued);
        assert!(lasting(60).redeem(&issued, at(89)).is_ok());
        assert!(matches!(lasting(60).redeem(&issued, at(90)), Err(Error::TokenEnded { .. })));
        assert_clean(place.vault());
        let for_ever = tokens(place.vault(), digits());
        assert_eq!(for_ever.issue("123456", None, at(31)).unwrap().token, issued);
        assert_eq!(lasting(60).issue("123456", None, at(32)).unwrap().token, issued);
        assert!(for_ever.redeem(&issued, at(1 << 40)).is_ok());
        assert_clean(place.vault());
    });
}

// SPEC: RTOK-8
#[test]
fn an_ended_token_is_over_and_stays_so_when_the_clock_goes_back() {
    everywhere(|place| {
        let at = |seconds| Timestamp(NOW.0 + seconds);
        let brief = tokens(place.vault(), digits().lasting(60).unwrap());
        let first = brief.issue("123456", None, NOW).unwrap().token;
        assert!(brief.redeem(&first, at(59)).is_ok());
        assert!(matches!(brief.redeem(&first, at(60)), Err(Error::TokenEnded { .. })));
        let own = TokenRequest { expires: Some(at(10)), ..request("999999") };
        let own = token(brief.issue_many(&[own], at(9)).unwrap().pop().unwrap());
        assert!(brief.redeem(&own, at(9)).is_ok());
        assert!(matches!(brief.redeem(&own, at(10)), Err(Error::TokenEnded { .. })));
        for past in [at(9), at(8), Timestamp(0)] {
            let past = TokenRequest { expires: Some(past), ..request("111") };
            let mut refused = brief.issue_many(&[past, request("222222")], at(9)).unwrap();
            assert!(refused.pop().unwrap().is_ok());
            let refused = refused.pop().unwrap();
            assert!(matches!(refused, Err(Error::Setting { what: "token end", .. })), "{refused:?}");
        }
        // Something that ends is issued a day later: from now on it is that late.
        let second = brief.issue("123456", None, at(86_400)).unwrap();
        assert!(second.is_new && second.token != first, "an ended token is not given again");
        assert!(brief.redeem(&first, NOW).is_err());
        assert!(matches!(brief.redeem(&own, NOW), Err(Error::TokenEnded { .. })));
        place.reopen();
        let brief = tokens(place.vault(), digits().lasting(60).unwrap());
        assert!(matches!(brief.redeem(&own, NOW), Err(Error::TokenEnded { .. })));
        assert_eq!(brief.issue("123456", None, NOW).unwrap().token, second.token, "it has not ended yet");
        // "999999" and "222222" are over.
        assert_eq!(place.vault().purge_tokens(NOW).unwrap(), 2);
        assert_eq!(place.vault().purge_tokens(NOW).unwrap(), 0);
        assert_eq!(redeemed(&brief, &own), None);
        assert_eq!(place.vault().purge_tokens(at(86_460)).unwrap(), 1);
        assert_eq!(place.vault().census().total(Mode::Token), 0);
        assert_clean(place.vault());
    });
    assert!(matches!(digits().lasting(0), Err(Error::Setting { .. })));
    // A lifetime past the end of time is no end of an hour ago.
    let place = InMemory::new();
    let long = tokens(&place.vault, digits().lasting(u64::MAX).unwrap());
    let issued = long.issue("123456", None, NOW).unwrap().token;
    assert!(long.redeem(&issued, Timestamp(u64::MAX - 1)).is_ok());
}

// SPEC: RTOK-9
#[test]
fn one_of_two_who_redeem_a_token_for_one_use_gets_the_value() {
    everywhere(|place| {
        let vault = place.vault();
        let once = tokens(vault, digits().once());
        let all: Vec<String> = (0..40).map(|_| token(once.issue("123456", None, NOW))).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 40);
        let got: Vec<usize> = thread::scope(|scope| {
            let redeem = || {
                let once = tokens(vault, digits().once());
                all.iter().filter(|token| redeemed(&once, token).is_some()).count()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(redeem)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(got.iter().sum::<usize>(), 40);
        assert_eq!(vault.census().total(Mode::Token), 0);
        assert_clean(vault);
    });
}

// SPEC: RTOK-5
#[test]
fn a_shared_token_goes_with_the_last_who_held_it() {
    everywhere(|place| {
        let vault = place.vault();
        let (cards, acme) = (tokens(vault, digits()), tenant(vault, "acme"));
        let (ann, bob) = (subject("ann"), subject("bob"));
        let shared = cards.issue("5550001", Some(&ann), NOW).unwrap().token;
        let same = cards.issue("5550001", Some(&bob), NOW).unwrap();
        assert!(same.token == shared && !same.is_new);
        assert_eq!(cards.issue("5550001", Some(&ann), NOW).unwrap().token, shared, "she holds it already");
        let own = cards.issue("5550002", Some(&ann), NOW).unwrap().token;
        let kept = cards.issue("5550003", Some(&ann), NOW).unwrap().token;
        cards.issue("5550003", None, NOW).unwrap();
        assert_eq!(cards.fill("5550001").unwrap().unwrap().used, 3);
        let erasure = acme.erase(&ann).unwrap().unwrap();
        assert_eq!((erasure.tokens, erasure.records, erasure.fields), (3, 0, 0));
        assert_eq!(redeemed(&cards, &shared).as_deref(), Some("5550001"));
        assert_eq!(redeemed(&cards, &own), None);
        assert_eq!(redeemed(&cards, &kept).as_deref(), Some("5550003"), "the tenant holds it");
        assert_clean(vault);
        assert_eq!(acme.erase(&bob).unwrap().unwrap().tokens, 1);
        assert_eq!(redeemed(&cards, &shared), None);
        assert_eq!(cards.fill("5550001").unwrap().unwrap().used, 1);
        assert!(cards.issue("5550001", None, NOW).unwrap().is_new);
        assert!(!acme.has(&ann).unwrap() && !acme.has(&bob).unwrap());
        cards.delete(&kept).unwrap();
        let census = vault.census();
        assert_eq!([Mode::Token, Mode::Fingerprint, Mode::SubjectKey].map(|m| census.total(m)), [1, 1, 0]);
        assert_clean(vault);
    });
}

// SPEC: RTOK-5
#[test]
fn a_subject_has_records_and_tokens_side_by_side() {
    everywhere(|place| {
        let vault = place.vault();
        let (cards, acme) = (tokens(vault, digits()), tenant(vault, "acme"));
        let ann = subject("ann");
        let a = cards.issue("5550001", Some(&ann), NOW).unwrap().token;
        put(&acme, "ann", &[("email", "e1")]);
        let b = cards.issue("5550002", Some(&ann), NOW).unwrap().token;
        put(&acme, "ann", &[("email", "e2")]);
        let records = acme.records(&ann).unwrap();
        let values: Vec<_> = records.iter().map(|r| r.fields[0].1.expose().to_vec()).collect();
        assert_eq!(values, [b"e1", b"e2"]);
        assert_clean(vault);
        assert!(cards.delete(&a).unwrap());
        assert_eq!(acme.records(&ann).unwrap().len(), 2);
        let erasure = acme.erase(&ann).unwrap().unwrap();
        assert_eq!((erasure.records, erasure.tokens), (2, 1));
        assert_eq!(redeemed(&cards, &b), None);
        assert_clean(vault);
        assert_eq!(vault.census().lines().count(), 0);
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

// SPEC: RTOK-10
#[test]
fn a_token_that_too_many_share_is_refused_to_the_next_and_makes_no_subject() {
    let place = InMemory::new();
    let notes = tokens(&place.vault, opaque());
    let value = "n".repeat(64 << 10);
    let mut refused = None;
    for n in 0..20 {
        let id = subject(&format!("s{n}"));
        let bob = subject("bob");
        let requests = [
            TokenRequest { subject: Some(&id), ..request(&value) },
            TokenRequest { subject: Some(&bob), ..request("other") },
        ];
        let mut issued = notes.issue_many(&requests, NOW).unwrap();
        assert!(issued.pop().unwrap().is_ok());
        if let Err(error) = issued.pop().unwrap() {
            assert!(matches!(error, Error::TooLong { .. }), "{error}");
            refused = Some(id);
            break;
        }
    }
    let refused = refused.expect("an entry has 1 MiB");
    assert!(!tenant(&place.vault, "acme").has(&refused).unwrap());
    assert_clean(&place.vault);
    // Who holds it gets it still.
    assert!(notes.issue(&value, Some(&subject("s0")), NOW).is_ok());
    tenant(&place.vault, "acme").erase(&subject("s0")).unwrap();
    assert!(notes.issue(&value, Some(&refused), NOW).is_ok());
    assert_clean(&place.vault);
}

// SPEC: RTOK-11
#[test]
fn tokens_of_a_run_count_whole_or_not_at_all() {
    everywhere(|place| {
        let (ann, bob) = (subject("ann"), subject("bob"));
        let (before, shared);
        {
            let vault = place.vault();
            let cards = tokens(vault, digits());
            before = cards.issue("5550001", Some(&ann), NOW).unwrap().token;
            let census = vault.census();
            let run = vault.begin_run();
            let rows =
                [(&ann, "5550001"), (&ann, "5550002"), (&bob, "5550001"), (&bob, "bad"), (&bob, "5550003")];
            let issued = run.issue_many(&cards, &rows, NOW).unwrap();
            let ok: Vec<bool> = issued.iter().map(Result::is_ok).collect();
            assert_eq!(ok, [true, true, true, false, true]);
            assert_eq!(issued[0].as_ref().unwrap().token, before);
            let acme = tenant(vault, "acme");
            let email = field("email");
            let row = cloakroom::vault::Row { subject: &bob, fields: &[(&email, b"e")] };
            run.put_many(&acme, &[row]).unwrap();
            run.roll_back().unwrap();
            assert_eq!(vault.census(), census);
            assert!(!acme.has(&bob).unwrap());
            assert_eq!(redeemed(&cards, &before).as_deref(), Some("5550001"), "it was there before");
            assert_eq!(cards.fill("5550001").unwrap().unwrap().used, 1);
            assert_clean(vault);

            let run = vault.begin_run();
            shared = token(run.issue_many(&cards, &[(&bob, "5550004")], NOW).unwrap().pop().unwrap());
            run.commit(None).unwrap();
            assert_eq!(redeemed(&cards, &shared).as_deref(), Some("5550004"));

            // Cut off; another subject came to hold a token of the run meanwhile, and one was deleted.
            let run = vault.begin_run();
            let rows = [(&bob, "5550005"), (&bob, "5550006"), (&ann, "5550007")];
            let issued = run.issue_many(&cards, &rows, NOW).unwrap();
            let issued: Vec<String> = issued.into_iter().map(token).collect();
            assert_eq!(cards.issue("5550005", Some(&ann), NOW).unwrap().token, issued[0]);
            assert!(cards.delete(&issued[1]).unwrap());
            std::mem::forget(run);
        }
        place.reopen();
        let vault = place.vault();
        let cards = tokens(vault, digits());
        assert_eq!(redeemed(&cards, &before).as_deref(), Some("5550001"));
        assert_eq!(redeemed(&cards, &shared).as_deref(), Some("5550004"));
        let left = cards.issue("5550005", Some(&ann), NOW).unwrap();
        assert!(!left.is_new, "ann holds it");
        assert!(cards.issue("5550007", None, NOW).unwrap().is_new);
        assert_clean(vault);
    });
    let (place, other) = (InMemory::new(), InMemory::new());
    let foreign = place.vault.begin_run();
    let refused = foreign.issue_many(&tokens(&other.vault, digits()), &[], NOW);
    assert!(matches!(refused, Err(Error::Setting { .. })));
}

// SPEC: RTOK-2, RTOK-12
#[test]
fn neither_value_nor_token_is_in_the_store() {
    everywhere(|place| {
        let contains = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|w| w == text.as_bytes());
        let mut secrets = vec![];
        {
            let cards = tokens(place.vault(), TokenRules::new(Look::Like(Format::digits())));
            let notes = tenant(place.vault(), "acme").random_tokens(&field("note"), opaque()).unwrap();
            for (n, who) in [None, Some(subject("ann-the-subject")), None].iter().enumerate() {
                let value = format!("4111-0000-9999-{n:04}");
                secrets.push(cards.issue(&value, who.as_ref(), NOW).unwrap().token);
                secrets.push(notes.issue(&value, who.as_ref(), NOW).unwrap().token);
                secrets.push(value);
            }
            secrets.push("ann-the-subject".into());
        }
        place.rotate();
        place.vault().migrate(|_| {}).unwrap();
        let bytes = place.bytes();
        assert!(contains(&bytes, "acme"), "the search works");
        for secret in &secrets {
            assert!(!contains(&bytes, secret), "{secret}");
        }
        let cards = tokens(place.vault(), digits());
        let shown = format!("{cards:?} {:?} {:?}", cards.issue("123", None, NOW), request("4111-0000"));
        assert!(!shown.contains("4111") && !shown.contains("123"));
    });
}

// SPEC: RTOK-2
#[test]
fn entries_are_those_of_the_page() {
    use cloakroom::wire::token::{FingerprintEntry, NO_KEY, SpaceEntry, TokenEntry};
    let place = InMemory::new();
    let ann = subject("ann");
    tokens(&place.vault, digits()).issue("12", Some(&ann), NOW).unwrap();
    let (key, bytes) = place.store.all(TOKEN).pop().unwrap();
    let entry = TokenEntry::parse(&bytes).unwrap();
    assert_eq!((entry.tenant, entry.field, entry.key_version, entry.expires), ("acme", "card", 1, 0));
    let (value, fingerprint) = place.store.all(VALUE).pop().unwrap();
    assert_eq!(entry.value[..], value);
    assert_eq!(FingerprintEntry::parse(&fingerprint).unwrap().token[..], key);
    let (space, used) = place.store.all(SPACE).pop().unwrap();
    assert_eq!(entry.space[..], space);
    assert_eq!(SpaceEntry::parse(&used).unwrap().used, 1);
    assert_eq!(entry.holders.len(), 1);
    let link = entry.holders[0].link.unwrap();
    let linked = place.store.all(ENTRY).into_iter().find(|(key, _)| key[..] == link).unwrap().1;
    assert_eq!(linked, [&[2, 4][..], &key].concat());
    tokens(&place.vault, opaque().fresh()).issue("12", None, NOW).unwrap();
    let fresh = place.store.all(TOKEN).into_iter().find(|(other, _)| *other != key).unwrap().1;
    let fresh = TokenEntry::parse(&fresh).unwrap();
    assert!(fresh.value == NO_KEY && fresh.space == NO_KEY && fresh.holders[0].link.is_none());
}

// SPEC: RTOK-8
#[test]
fn counts_are_exact_after_whatever_ends_a_token() {
    let place = InMemory::new();
    let vault = &place.vault;
    let pins = tokens(vault, digits());
    let brief = tokens(vault, digits().fresh().lasting(5).unwrap());
    let once = tokens(vault, digits().once());
    for n in 0..10 {
        let id = subject(&format!("s{n}"));
        pins.issue(&format!("1{n}"), Some(&id), NOW).unwrap();
        brief.issue(&format!("2{n}"), Some(&id), NOW).unwrap();
        let used = once.issue(&format!("3{n}"), Some(&id), NOW).unwrap().token;
        assert!(once.redeem(&used, NOW).is_ok());
    }
    assert_eq!(pins.fill("00").unwrap().unwrap().used, 20);
    assert_eq!(vault.purge_tokens(Timestamp(NOW.0 + 5)).unwrap(), 10);
    assert_eq!(pins.fill("00").unwrap().unwrap().used, 10);
    for n in 0..10 {
        let erasure = tenant(vault, "acme").erase(&subject(&format!("s{n}"))).unwrap().unwrap();
        assert_eq!(erasure.tokens, 1, "the others went before");
    }
    assert_eq!(pins.fill("00").unwrap().unwrap().used, 0);
    assert_eq!([TOKEN, VALUE, SPACE, ENTRY, INDEX].map(|map| place.store.count(map)), [0; 5]);
    assert_clean(vault);
}

// SPEC: RTOK-13
#[test]
fn a_suspended_version_shows_no_value_and_gives_no_second_token() {
    use cloakroom::keys::KeyState;
    let mut place = InMemory::new();
    let ann = subject("ann");
    let cards = tokens(&place.vault, digits());
    let (own, hers) = (
        cards.issue("5550001", None, NOW).unwrap().token,
        cards.issue("5550002", Some(&ann), NOW).unwrap().token,
    );
    place.rotate();
    place.edit(&|keyset: &Keyset| keyset.with_state(version(1), KeyState::Compromised, NOW)).unwrap();
    let cards = tokens(&place.vault, digits());
    for (token, value) in [(&own, "5550001"), (&hers, "5550002")] {
        assert!(matches!(cards.redeem(token, NOW), Err(Error::KeyState { .. })));
        assert!(matches!(cards.issue(value, None, NOW), Err(Error::KeyState { .. })));
    }
    let mut mixed = cards.issue_many(&[request("5550001"), request("5550009")], NOW).unwrap();
    assert!(mixed.pop().unwrap().is_ok() && mixed.pop().unwrap().is_err());
    assert_clean(&place.vault);
    assert!(cards.delete(&own).unwrap());
    assert_eq!(tenant(&place.vault, "acme").erase(&ann).unwrap().unwrap().tokens, 1);
    assert_clean(&place.vault);
}

/// A store that says when a token was read, and goes on when it is told to.
#[derive(Clone)]
struct Paused(Watched, Arc<Mutex<Option<Pause>>>);

/// To say that it was read, and to be told to go on.
type Pause = (Sender<()>, Receiver<()>);

impl Store for Paused {
    fn get(&self, map: Map, key: &[u8]) -> cloakroom::Result<Option<Vec<u8>>> {
        let read = self.0.get(map, key)?;
        if map == TOKEN && read.is_some() {
            let pause = self.1.lock().unwrap().take();
            if let Some((was_read, go_on)) = pause {
                was_read.send(()).unwrap();
                go_on.recv().unwrap();
            }
        }
        Ok(read)
    }

    fn scan(
        &self,
        map: Map,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> cloakroom::Result<Vec<Pair>> {
        self.0.scan(map, prefix, after, limit)
    }

    fn write(&self, batch: Batch) -> cloakroom::Result<Commit> {
        self.0.write(batch)
    }

    fn sync(&self, commit: Commit) -> cloakroom::Result<()> {
        self.0.sync(commit)
    }

    fn size(&self) -> cloakroom::Result<u64> {
        self.0.size()
    }
}

// SPEC: RTOK-13
#[test]
fn a_token_is_redeemed_though_its_subject_is_sealed_anew_meanwhile() {
    let store = Paused(Watched::default(), Arc::default());
    let keyset = Keyset::generate(NOW).unwrap();
    let vault = Vault::create_in(Box::new(store.clone()), keyset.clone()).unwrap();
    let cards = tokens(&vault, digits());
    let issued = cards.issue("5550001", Some(&subject("ann")), NOW).unwrap().token;
    for rotates in [false, true] {
        let ((was_read, when_read), (go, go_on)) = (channel(), channel());
        *store.1.lock().unwrap() = Some((was_read, go_on));
        thread::scope(|scope| {
            let reader = scope.spawn(|| redeemed(&cards, &issued));
            when_read.recv().unwrap();
            if rotates {
                vault.adopt(vault.keyset().rotated(NOW).unwrap()).unwrap();
            }
            vault.migrate_with(Migration { reseal: true, ..Migration::default() }, |_| {}).unwrap();
            go.send(()).unwrap();
            assert_eq!(reader.join().unwrap().as_deref(), Some("5550001"));
        });
    }
    assert_clean(&vault);
}

// SPEC: RTOK-5
#[test]
fn a_token_that_another_came_to_hold_is_redeemed_though_the_first_is_erased_meanwhile() {
    let store = Paused(Watched::default(), Arc::default());
    let vault = Vault::create_in(Box::new(store.clone()), Keyset::generate(NOW).unwrap()).unwrap();
    let cards = tokens(&vault, digits());
    let issued = cards.issue("5550001", Some(&subject("ann")), NOW).unwrap().token;
    let ((was_read, when_read), (go, go_on)) = (channel(), channel());
    *store.1.lock().unwrap() = Some((was_read, go_on));
    thread::scope(|scope| {
        let reader = scope.spawn(|| redeemed(&cards, &issued));
        when_read.recv().unwrap();
        cards.issue("5550001", Some(&subject("bob")), NOW).unwrap();
        tenant(&vault, "acme").erase(&subject("ann")).unwrap().unwrap();
        go.send(()).unwrap();
        assert_eq!(reader.join().unwrap().as_deref(), Some("5550001"));
    });
}

// SPEC: RTOK-13
#[test]
fn a_token_for_one_use_needs_no_primary_that_protects() {
    use cloakroom::keys::{KeyState, KeyUse};
    let use_ = KeyUse::Field { tenant: TenantId::new("acme").unwrap(), field: field("card") };
    let keyset = Keyset::generate(NOW).unwrap().rotated(NOW).unwrap().rotated_for(&use_, NOW).unwrap();
    let vault = Vault::create_in(Box::new(Watched::default()), keyset.clone()).unwrap();
    let once = tokens(&vault, digits().once());
    let issued = once.issue("5550001", None, NOW).unwrap().token;
    vault.adopt(keyset.with_state(version(2), KeyState::Suspended, NOW).unwrap()).unwrap();
    assert_eq!(redeemed(&once, &issued).as_deref(), Some("5550001"));
    assert_eq!(redeemed(&once, &issued), None);
}
