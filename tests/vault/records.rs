//! Records and their values: they come back until their subject is erased.

use super::{Model, values};
use crate::place::*;
use cloakroom::Error;
use cloakroom::name::FieldName;
use cloakroom::vault::Row;

#[test]
fn records_come_back_until_erased() {
    everywhere(|place| {
        let mut model = Model::new();
        let vault = place.vault();
        let (acme, other) = (tenant(vault, "acme"), tenant(vault, "other"));
        assert!(!acme.has(&subject("ann")).unwrap());
        assert!(acme.records(&subject("ann")).unwrap().is_empty());
        model.put(&acme, None, &[("ann", values(&[("email", "ann@example.com"), ("phone", "1")]))]);
        model.put(&acme, None, &[("ann", values(&[("email", "ann@example.org")]))]);
        // The same subject twice in a batch, known and new.
        let twice = [
            ("bob", values(&[("email", "first")])),
            ("ann", values(&[("phone", "2")])),
            ("bob", values(&[("email", "second"), ("note", "")])),
            ("ann", values(&[("phone", "3")])),
        ];
        model.put(&acme, None, &twice);
        model.put(&other, None, &[("ann", values(&[("email", "another Ann")]))]);
        model.assert_is(vault);

        let ann = model.subjects[&("acme".to_owned(), "ann".to_owned())].records[0].id;
        assert!(other.reveal(ann, &field("email")).unwrap().is_none(), "another tenant's record");
        assert!(acme.reveal(ann, &field("fax")).unwrap().is_none());
        place.reopen();
        model.assert_is(place.vault());

        let (acme, other) = (tenant(place.vault(), "acme"), tenant(place.vault(), "other"));
        model.erase(&acme, "ann");
        assert!(acme.reveal(ann, &field("email")).unwrap().is_none());
        model.erase(&acme, "ann");
        model.assert_is(place.vault());
        model.put(&acme, None, &[("ann", values(&[("email", "again")]))]);
        model.erase(&other, "ann");
        model.assert_is(place.vault());
        place.reopen();
        model.assert_is(place.vault());
    });
}

#[test]
fn values_of_every_kind_and_length() {
    everywhere(|place| {
        let mut model = Model::new();
        let vault = place.vault();
        let acme = tenant(vault, "acme");
        model.put(&acme, None, &[]);
        model.put(&acme, None, &[("no fields", vec![])]);
        model.put(&acme, None, &[("no fields", vec![])]);
        model.put(&acme, None, &[("bytes", vec![("raw".to_owned(), (0..=255).collect())])]);
        model.put(&acme, None, &[("long", vec![("raw".to_owned(), vec![0xC3; 100_000])])]);
        model.put(&acme, None, &[("long", vec![("raw".to_owned(), vec![0xC4; 100_000])])]);
        model.assert_is(vault);

        // One bad row, and nothing of its batch is put.
        let (good, bad, raw, large) = (subject("good"), subject("bad"), field("raw"), vec![0; (1 << 20) + 1]);
        let (small, large) = ([(&raw, &b"1"[..])], [(&raw, &large[..])]);
        let rows = [Row { subject: &good, fields: &small }, Row { subject: &bad, fields: &large }];
        assert!(acme.put_many(&rows).is_err());
        let twice = acme.put(&good, &[(&raw, b"1"), (&field("other"), b"2"), (&raw, b"3")]);
        assert!(matches!(twice, Err(Error::Setting { .. })), "{twice:?}");
        model.assert_is(vault);
        place.reopen();
        model.assert_is(place.vault());
    });
}

#[test]
fn a_value_at_the_stores_limit() {
    let place = InMemory::new();
    let mut model = Model::new();
    let acme = tenant(&place.vault, "acme");
    model.put(&acme, None, &[("long", values(&[]))]);
    // What stands beside the value in the largest entry that a store takes.
    let around = 1 + 1 + 8 + 8 + 2 + 2 + 3 + 4 + 6 + 24 + 16 + 2;
    let longest = cloakroom::store::MAX_VALUE - around;
    let refused = acme.put(&subject("long"), &[(&field("raw"), &vec![1; longest + 1])]);
    assert!(matches!(refused, Err(Error::TooLong { .. })), "{refused:?}");
    model.put(&acme, None, &[("long", vec![("raw".to_owned(), vec![2; longest])])]);
    let new = acme.put(&subject("too long"), &[(&field("raw"), &vec![1; longest])]);
    assert!(matches!(new, Err(Error::TooLong { .. })), "the head of a new subject takes more room");
    model.assert_is(&place.vault);
}

// SPEC: VAULT-9
#[test]
fn a_row_of_a_new_subject_is_two_entries() {
    let place = InMemory::new();
    let acme = tenant(&place.vault, "acme");
    let names: Vec<_> = (0..40).map(|n| field(&format!("field {n}"))).collect();
    let fields: Vec<(&FieldName, &[u8])> = names.iter().map(|name| (name, &b"value"[..])).collect();
    let before = place.store.written();
    acme.put(&subject("ann"), &fields).unwrap();
    assert_eq!((place.store.count(INDEX), place.store.count(ENTRY)), (1, 1));
    assert_eq!(place.store.written() - before, 5, "two, the census, the leaf, the tree");
    acme.put(&subject("ann"), &fields).unwrap();
    assert_eq!((place.store.count(INDEX), place.store.count(ENTRY)), (1, 2));
}
