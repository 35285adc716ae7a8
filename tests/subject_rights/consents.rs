//! Consents: given, withdrawn, imported, and what each decides.

use super::{NOW, Place, access, field, note, purpose, subject};
use cloakroom::Error;
use cloakroom::duties::{Consent, ConsentEvent, ConsentStatus};
use cloakroom::name::{Note, Purpose};
use cloakroom::time::Timestamp;
use cloakroom::vault::{Grant, Which};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

fn consent(to: &str, event: ConsentEvent, at: u64) -> Consent {
    Consent { purpose: purpose(to), event, at: Timestamp(at), source: Some(note("web")), wording: None }
}

fn granted(to: &str, at: u64) -> Consent {
    consent(to, ConsentEvent::Granted { expires: None }, at)
}

// SPEC: RIGHT-1
#[test]
fn a_withdrawal_counts_from_the_next_reveal_on() {
    let place = Place::with_rules();
    let record = place.put("ann", &[("email", "ann@example.com")]);
    let rights = place.rights("ann");
    assert_eq!(place.email("alice", "news", record), "consent-none");
    assert!(rights.grant(&purpose("news"), Grant::default()).unwrap());
    assert!(!rights.grant(&purpose("news"), Grant::default()).unwrap(), "the very same second and words");
    assert_eq!(place.email("alice", "news", record), "ann@example.com");
    assert!(rights.withdraw(&purpose("news"), None, Some(note("call"))).unwrap());
    assert_eq!(place.email("alice", "news", record), "consent-withdrawn");
    assert_eq!(place.email("alice", "support", record), "ann@example.com", "a contract asks for no consent");
    place.set_clock(NOW + 10);
    let expires = Some(Timestamp(NOW + 20));
    assert!(rights.grant(&purpose("news"), Grant { expires, ..Grant::default() }).unwrap());
    assert_eq!(place.email("alice", "news", record), "ann@example.com");
    place.set_clock(NOW + 20);
    assert_eq!(place.email("alice", "news", record), "consent-expired");
    let consents = rights.consents().unwrap();
    assert_eq!(consents.history.len(), 3);
    assert_eq!(consents.status[&purpose("news")], ConsentStatus::Expired);
    place.clean();
}

// SPEC: RIGHT-1, LOG-8
#[test]
fn once_a_withdrawal_returned_no_thread_is_shown_anything() {
    let place = Place::with_rules();
    let record = place.put("ann", &[("email", "ann@example.com")]);
    for round in 0..20 {
        place.set_clock(NOW + round);
        place.rights("ann").grant(&purpose("news"), Grant::default()).unwrap();
        let (withdrawn, stop, shown) = (AtomicBool::new(false), AtomicBool::new(false), AtomicU64::new(0));
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !stop.load(Ordering::SeqCst) {
                        let was_withdrawn = withdrawn.load(Ordering::SeqCst);
                        let seen = place.email("alice", "news", record);
                        assert!(!(was_withdrawn && seen.contains('@')), "shown after the withdrawal: {seen}");
                        shown.fetch_add(u64::from(seen.contains('@')), Ordering::SeqCst);
                    }
                });
            }
            while shown.load(Ordering::SeqCst) < 3 {
                thread::yield_now();
            }
            place.rights("ann").withdraw(&purpose("news"), None, None).unwrap();
            withdrawn.store(true, Ordering::SeqCst);
            for _ in 0..5 {
                assert_eq!(place.email("alice", "news", record), "consent-withdrawn");
            }
            stop.store(true, Ordering::SeqCst);
        });
    }
}

// SPEC: RIGHT-1
#[test]
fn a_clock_that_goes_back_revives_no_consent() {
    let place = Place::with_rules();
    let record = place.put("ann", &[("email", "ann@example.com")]);
    let rights = place.rights("ann");
    place.set_clock(NOW + 50);
    rights.grant(&purpose("news"), Grant::default()).unwrap();
    place.set_clock(NOW + 100);
    rights.grant(&purpose("news"), Grant::default()).unwrap();
    place.set_clock(NOW + 90);
    rights.withdraw(&purpose("news"), None, None).unwrap();
    for at in [60, 90, 100, 101, 1000] {
        place.set_clock(NOW + at);
        assert_eq!(place.email("alice", "news", record), "consent-withdrawn", "{at}");
    }
    let expires = Some(Timestamp(NOW + 2000));
    rights.grant(&purpose("news"), Grant { expires, ..Grant::default() }).unwrap();
    place.set_clock(NOW + 2000);
    place.put("bob", &[("email", "bob@example.com")]);
    assert_eq!(place.email("alice", "news", record), "consent-expired");
    place.clean();
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let place = Place::with_rules();
    place.put("ann", &[("email", "ann@example.com")]);
    let rights = place.rights("ann");
    let setting = |result: cloakroom::Result<bool>, says: &str| {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Setting { .. }) && error.to_string().contains(says), "{error}");
    };
    let grant = |at, expires| Grant { at, expires, ..Grant::default() };
    setting(rights.grant(&purpose("fun"), Grant::default()), "is none of the rules in force");
    setting(rights.withdraw(&purpose("fun"), None, None), "is none of the rules in force");
    setting(rights.object(&purpose("fun")), "is none of the rules in force");
    setting(rights.grant(&purpose("news"), grant(Some(Timestamp(NOW + 1)), None)), "in the future");
    setting(rights.withdraw(&purpose("news"), Some(Timestamp(NOW + 1)), None), "in the future");
    setting(rights.grant(&purpose("news"), grant(None, Some(Timestamp(NOW)))), "ends before it begins");
    let nobody = place.rights("nobody");
    for refused in [
        nobody.grant(&purpose("news"), Grant::default()),
        nobody.withdraw(&purpose("news"), None, None),
        nobody.restrict(&note("contested")),
        nobody.lift(),
        nobody.hold(&note("case 4")),
        nobody.release(&note("case 4")),
        nobody.object(&purpose("news")),
        nobody.retract(&purpose("news")),
        nobody.canary(true),
        nobody.rectify(&field("email"), b"x", Which::Only).map(|_| true),
        nobody.consents().map(|_| true),
        nobody.seen().map(|_| true),
        nobody.holdings(Some(&access("dora", "access"))).map(|_| true),
        nobody.export(Some(&access("dora", "access")), None).map(|_| true),
    ] {
        assert!(matches!(refused, Err(Error::NotFound { what: "the subject", .. })));
    }
    assert!(Note::new("a\nb").is_err() && Note::new(" ").is_err() && Purpose::new("").is_err());
    assert_eq!(rights.consents().unwrap().history, []);
    place.clean();
}

// SPEC: RIGHT-2
#[test]
fn an_import_can_be_repeated_and_a_bad_row_stops_no_good_one() {
    let place = Place::with_rules();
    let record = place.put("ann", &[("email", "ann@example.com")]);
    place.put("bob", &[("email", "bob@example.com")]);
    let [ann, bob, nobody] = ["ann", "bob", "nobody"].map(subject);
    let ends = consent("news", ConsentEvent::Granted { expires: Some(Timestamp(NOW - 9)) }, NOW - 8);
    let said = [
        (&ann, granted("news", NOW - 5)),
        (&nobody, granted("news", NOW - 5)),
        (&bob, granted("fun", NOW - 5)),
        (&bob, granted("news", NOW + 1)),
        (&bob, ends),
        (&ann, consent("news", ConsentEvent::Withdrawn, NOW - 4)),
        (&bob, granted("news", NOW - 3)),
        (&ann, granted("news", NOW - 5)),
        (&ann, granted("news", NOW - 2)),
    ];
    let rows: Vec<_> = said.iter().map(|(subject, consent)| (*subject, consent)).collect();
    let results = place.acme().import_consents(&rows).unwrap();
    let new: Vec<Option<bool>> = results.iter().map(|result| result.as_ref().ok().copied()).collect();
    let (yes, no) = (Some(true), Some(false));
    assert_eq!(new, [yes, None, None, None, None, yes, yes, no, yes]);
    for (i, says) in
        [(1, "the subject"), (2, "is none of the rules"), (3, "in the future"), (4, "ends before")]
    {
        let error = results[i].as_ref().unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    assert_eq!(place.email("alice", "news", record), "ann@example.com");
    let before = place.vault.check().unwrap();
    let again = place.acme().import_consents(&rows).unwrap();
    assert!(again.iter().all(|result| !matches!(result, Ok(true))));
    assert_eq!(place.vault.check().unwrap().leaves, before.leaves, "no leaf for nothing");
    assert_eq!(place.rights("ann").consents().unwrap().history.len(), 3);
    assert!(place.acme().import_consents(&[]).unwrap().is_empty());
    place.clean();
}

#[test]
fn without_rules_every_purpose_is_taken() {
    let place = Place::new();
    place.put("ann", &[("email", "ann@example.com")]);
    assert!(place.rights("ann").grant(&purpose("whatever"), Grant::default()).unwrap());
    let status = place.rights("ann").consents().unwrap().status;
    assert_eq!(status.into_iter().collect::<Vec<_>>(), [(purpose("whatever"), ConsentStatus::Granted)]);
}
