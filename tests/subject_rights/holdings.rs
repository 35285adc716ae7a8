//! Access: what is held of a subject.

use super::{DAY, NOW, Place, access, note, text};
use cloakroom::Error;
use cloakroom::duties::Access;
use cloakroom::time::Timestamp;
use cloakroom::vault::Holdings;

/// Field, how it is shown, and the value, of each field of each record.
fn shown(holdings: &Holdings) -> Vec<(u32, String, &'static str, Option<String>)> {
    let of_record = |record: &cloakroom::vault::HeldRecord| {
        let number = record.number;
        let one = |f: &cloakroom::vault::HeldField| {
            (number, f.name.to_string(), f.shown_as().0, f.shown.as_ref().ok().map(text))
        };
        record.fields.iter().map(one).collect::<Vec<_>>()
    };
    holdings.records.iter().flat_map(of_record).collect()
}

#[test]
fn what_is_held_is_shown_as_the_rules_let_the_principal_see_it() {
    let place = Place::with_rules();
    place.put("ann", &[("email", "ann@example.com"), ("phone", "5550199")]);
    place.put("ann", &[("health", "well")]);
    place.put("bob", &[("email", "bob@example.com")]);
    let rights = place.rights("ann").because(&note("ticket 7"));
    let denied = |access: Option<&Access>, code| match rights.holdings(access) {
        Err(Error::Denied { code: found, .. }) => assert_eq!(found, code),
        other => panic!("{other:?}"),
    };
    denied(None, "no-principal");
    denied(Some(&access("mallory", "support")), "principal-unknown");
    denied(Some(&access("alice", "fun")), "purpose-unknown");
    denied(Some(&access("alice", "access")), "role-without-purpose");
    let holdings = rights.holdings(Some(&access("alice", "support"))).unwrap();
    assert_eq!(
        shown(&holdings),
        [
            (0, "email".into(), "full", Some("ann@example.com".into())),
            (0, "phone".into(), "masked", Some("*****99".into())),
            (1, "health".into(), "denied", None),
        ]
    );
    let email = &holdings.records[0].fields[0];
    assert_eq!(email.kept_until, Some(Timestamp(NOW + 90 * DAY)));
    assert_eq!(email.purposes.len(), 3);
    assert_eq!(holdings.records[0].since, Some(Timestamp(NOW)));
    assert_eq!(holdings.records[1].fields[0].shown_as(), ("denied", Some("field-without-purpose")));
    assert_eq!(format!("{holdings:?}"), "Holdings(2 records, ..)");

    let seen = rights.seen().unwrap();
    let reveal: Vec<_> = seen.iter().filter(|s| s.kind == "reveal").collect();
    let decisions: Vec<_> = reveal.iter().map(|s| (s.decision, s.reason, s.fields.join(","))).collect();
    assert_eq!(
        decisions,
        [
            (Some("denied"), Some("principal-unknown"), String::new()),
            (Some("denied"), Some("purpose-unknown"), String::new()),
            (Some("denied"), Some("role-without-purpose"), String::new()),
            (Some("full"), None, "email".to_owned()),
            (Some("masked"), None, "phone".to_owned()),
            (Some("denied"), Some("field-without-purpose"), "health".to_owned()),
        ]
    );
    assert!(
        reveal[3..]
            .iter()
            .all(|s| s.principal == "alice" && s.purpose == "support" && s.because == ["ticket 7"])
    );
    let show: Vec<_> = seen.iter().filter(|s| s.kind == "show").map(|s| s.fields.join(",")).collect();
    assert_eq!(show, ["email,phone"], "what was denied was not touched");
    assert_eq!(seen.iter().filter(|s| s.kind == "put").count(), 2);
    let bob = place.rights("bob").seen().unwrap();
    assert!(bob.iter().all(|s| s.kind != "reveal"), "{bob:?}");
    place.clean();
}

#[test]
fn without_rules_all_is_shown_and_the_log_says_so() {
    let place = Place::new();
    place.put("ann", &[("email", "ann@example.com")]);
    let rights = place.rights("ann").because(&note("letter of 3 May"));
    let holdings = rights.holdings(None).unwrap();
    assert_eq!(shown(&holdings), [(0, "email".into(), "full", Some("ann@example.com".into()))]);
    let seen = rights.seen().unwrap();
    let show = seen.iter().find(|s| s.kind == "show").unwrap();
    assert_eq!(
        (show.decision, &show.fields, &show.because),
        (None, &vec!["email".into()], &vec!["letter of 3 May".into()])
    );
}
