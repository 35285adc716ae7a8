//! Random tokens: each leads to its value and to no other, for whom and as long as it should.

#[path = "../place/mod.rs"]
mod place;

mod ends;
mod entries;
mod holders;
mod looks;
mod meanwhile;

use cloakroom::Error;
use cloakroom::format::Format;
use cloakroom::keys::Keyset;
use cloakroom::protect::Spelling;
use cloakroom::vault::{Issued, Look, Mode, RandomTokens, TokenRequest, TokenRules, Vault};
use place::*;
use std::collections::{BTreeMap, BTreeSet};
use std::thread;

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
