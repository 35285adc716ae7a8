//! Whose tokens are: of one subject, of many, of a run.

use super::{digits, opaque, redeemed, request, token, tokens};
use crate::place::*;
use cloakroom::Error;
use cloakroom::vault::{Mode, TokenRequest};

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
