//! Rectification, and erasure of what subjects share.

use super::{DAY, NOW, Place, field, note, subject};
use cloakroom::Error;
use cloakroom::format::Normalization;
use cloakroom::protect::BlindIndex;
use cloakroom::time::Timestamp;
use cloakroom::vault::Which;

// SPEC: RIGHT-3
#[test]
fn a_rectified_value_takes_the_place_of_the_old_one() {
    let place = Place::new();
    let acme = place.acme();
    acme.define_index(&BlindIndex::field(field("email"), Normalization::Email, 24).unwrap()).unwrap();
    let first = place.put("ann", &[("email", "old@example.com"), ("phone", "1")]);
    place.set_clock(NOW + 5);
    let second = place.put("ann", &[("email", "other@example.com")]);
    let third = place.put("ann", &[("phone", "3")]);
    place.set_clock(NOW + 9);
    let rights = place.rights("ann").because(&note("letter"));
    let email =
        |record| acme.reveal(record, &field("email")).unwrap().map(|v| v.expose_str().unwrap().to_owned());
    let find = |value: &str| acme.find(&field("email"), &[value]).unwrap().len();

    let several = rights.rectify(&field("email"), b"new@example.com", Which::Only).unwrap_err();
    assert!(
        matches!(several, Error::Setting { .. }) && several.to_string().contains("2 records"),
        "{several}"
    );
    for (name, which) in [("fax", Which::Only), ("email", Which::Number(2)), ("email", Which::Number(9))] {
        let error = rights.rectify(&field(name), b"x", which).unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
    }
    assert!(matches!(rights.rectify(&field("email"), b"  ", Which::Number(0)), Err(Error::Value { .. })));
    assert_eq!((find("old@example.com"), find("other@example.com")), (1, 1));

    assert_eq!(rights.rectify(&field("email"), b"new@example.com", Which::Number(0)).unwrap(), 1);
    assert_eq!(email(first).unwrap(), "new@example.com");
    assert_eq!(email(second).unwrap(), "other@example.com");
    assert_eq!((find("old@example.com"), find("new@example.com"), find("other@example.com")), (0, 1, 1));
    assert_eq!(rights.rectify(&field("email"), b"one@example.com", Which::All).unwrap(), 2);
    assert_eq!(
        (email(first), email(second)),
        (Some("one@example.com".into()), Some("one@example.com".into()))
    );
    assert_eq!((find("new@example.com"), find("one@example.com")), (0, 2));
    assert_eq!(rights.rectify(&field("phone"), b"33", Which::Number(2)).unwrap(), 1);
    let phone = acme.reveal(third, &field("phone")).unwrap().unwrap();
    assert_eq!(phone.expose(), b"33");
    let since: Vec<_> = rights.holdings(None).unwrap().records.iter().map(|record| record.since).collect();
    assert_eq!(since, [NOW, NOW + 5, NOW + 5].map(|at| Some(Timestamp(at))));
    let rectified: Vec<_> = rights.seen().unwrap().into_iter().filter(|s| s.kind == "rectify").collect();
    assert_eq!(rectified.len(), 3);
    assert_eq!(rectified[0].because, ["rectified; letter"]);
    place.clean();
}

// SPEC: RIGHT-3
#[test]
fn a_rectified_value_is_due_as_the_old_one_was() {
    let place = Place::with_rules();
    let record = place.put("ann", &[("email", "old@example.com")]);
    place.set_clock(NOW + 80 * DAY);
    place.rights("ann").rectify(&field("email"), b"new@example.com", Which::Only).unwrap();
    assert_eq!(place.email("dora", "access", record), "new@example.com");
    place.set_clock(NOW + 90 * DAY);
    assert_eq!(place.email("dora", "access", record), "retention-over");
    place.clean();
}

// SPEC: RIGHT-6
#[test]
fn a_shared_record_is_erased_for_each_alone() {
    let place = Place::new();
    let (acme, email) = (place.acme(), field("email"));
    let [ann, bob] = ["ann", "bob"].map(subject);
    let ids = acme.put_shared(&[&ann, &bob], &[(&email, b"both@example.com")]).unwrap();
    let reveal = |i: usize| acme.reveal(ids[i], &email).unwrap().map(|v| v.expose().to_vec());
    assert_eq!(
        (reveal(0), reveal(1)),
        (Some(b"both@example.com".to_vec()), Some(b"both@example.com".to_vec()))
    );
    place.rights("bob").rectify(&email, b"bob@example.com", Which::Only).unwrap();
    assert_eq!(reveal(0).unwrap(), b"both@example.com");
    acme.erase(&ann).unwrap().unwrap();
    assert_eq!((reveal(0), reveal(1)), (None, Some(b"bob@example.com".to_vec())));
    assert!(matches!(acme.put_shared(&[], &[]), Err(Error::Setting { .. })));
    assert!(matches!(acme.put_shared(&[&bob, &bob], &[(&email, b"x")]), Err(Error::Setting { .. })));
    assert_eq!(acme.records(&bob).unwrap().len(), 1);
    place.clean();
}
