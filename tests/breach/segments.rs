//! Segments of the access index that were altered, moved or removed.

use super::{World, indexed};
use crate::shared_store::{ACCESS, AUDIT, META};
use cloakroom::Error;
use cloakroom::store::{Batch, Store};
use cloakroom::vault::Query;

#[track_caller]
fn damaged(world: &World) {
    let error = world.vault.radius(&Query::default()).unwrap_err();
    assert!(matches!(&error, Error::Corrupt { problem } if problem.contains("`check`")), "{error}");
    assert!(!world.vault.check().unwrap().is_clean());
}

fn replace(world: &World, map: cloakroom::store::Map, key: &[u8], value: Option<&[u8]>) {
    let mut batch = Batch::new();
    match value {
        Some(value) => batch.put(map, key, value),
        None => batch.delete(map, key),
    };
    world.store.apply(batch).unwrap();
}

// SPEC: ACC-3
#[test]
fn a_segment_that_was_altered_moved_or_removed_is_not_believed() {
    let world = indexed();
    let right = world.vault.radius(&Query::default()).unwrap();
    let segments = world.store.all(ACCESS);
    for (i, (key, value)) in segments.iter().enumerate() {
        for at in [0, value.len() / 2, value.len() - 1] {
            let mut altered = value.clone();
            altered[at] ^= 1;
            replace(&world, ACCESS, key, Some(&altered));
            damaged(&world);
        }
        replace(&world, ACCESS, key, Some(&segments[(i + 1) % segments.len()].1));
        damaged(&world);
        replace(&world, ACCESS, key, None);
        damaged(&world);
        replace(&world, ACCESS, key, Some(value));
    }
    let state = world.store.get(META, b"access").unwrap().unwrap();
    let mut altered = state.clone();
    altered[5] ^= 1;
    replace(&world, META, b"access", Some(&altered));
    damaged(&world);
    replace(&world, META, b"access", Some(&state));
    assert_eq!(world.vault.radius(&Query::default()).unwrap(), right);
    assert!(world.vault.check().unwrap().is_clean());
}

#[test]
fn an_index_that_is_gone_is_made_again_and_a_segment_too_many_is_reported() {
    let world = indexed();
    let (right, segments) = (world.vault.radius(&Query::default()).unwrap(), world.store.all(ACCESS));
    segments.iter().for_each(|(key, _)| replace(&world, ACCESS, key, None));
    replace(&world, META, b"access", None);
    assert!(world.vault.check().unwrap().is_clean(), "nothing is indexed, and nothing has to be");
    assert_eq!(world.vault.radius(&Query::default()).unwrap(), right);
    assert_eq!(world.store.all(ACCESS), segments, "the leaves alone say what it is");
    replace(&world, ACCESS, &1u64.to_be_bytes(), Some(&segments[0].1));
    assert!(!world.vault.check().unwrap().is_clean());
}

// SPEC: ACC-2
#[test]
fn leaves_that_were_altered_are_not_indexed() {
    let world = indexed();
    let right = world.vault.radius(&Query::default()).unwrap();
    segments_gone(&world);
    let leaves = world.store.all(AUDIT);
    for number in [1, leaves.len() / 2, leaves.len() - 1] {
        let (key, leaf) = &leaves[number];
        let mut altered = leaf.clone();
        // The last byte of the kind's length is left alone: it stays a leaf.
        let at = leaf.len() - 5;
        altered[at] ^= 1;
        replace(&world, AUDIT, key, Some(&altered));
        assert!(world.vault.radius(&Query::default()).is_err());
        assert!(!world.vault.check().unwrap().is_clean());
        replace(&world, AUDIT, key, Some(leaf));
        assert_eq!(world.vault.radius(&Query::default()).unwrap(), right, "leaf {number}");
        segments_gone(&world);
        replace(&world, AUDIT, key, None);
        assert!(world.vault.radius(&Query::default()).is_err());
        replace(&world, AUDIT, key, Some(leaf));
    }
    assert_eq!(world.vault.radius(&Query::default()).unwrap(), right);
}

fn segments_gone(world: &World) {
    world.store.all(ACCESS).iter().for_each(|(key, _)| replace(world, ACCESS, key, None));
    replace(world, META, b"access", None);
}
