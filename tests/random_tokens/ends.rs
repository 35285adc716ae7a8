//! How tokens end: by time, by use, by being deleted.

use super::{digits, redeemed, request, token, tokens};
use crate::place::*;
use cloakroom::Error;
use cloakroom::keys::Keyset;
use cloakroom::name::TenantId;
use cloakroom::time::Timestamp;
use cloakroom::vault::{Mode, TokenRequest, Vault};
use std::collections::BTreeSet;
use std::thread;

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
