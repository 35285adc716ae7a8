//! Tokens that are redeemed while something else happens to them.

use super::{digits, redeemed, tokens};
use crate::place::*;
use cloakroom::keys::Keyset;
use cloakroom::store::{Batch, Commit, Entry as Pair, Map, Store};
use cloakroom::vault::{Migration, Vault};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

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
