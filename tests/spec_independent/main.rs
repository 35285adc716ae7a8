//! An independent reader and writer, made from `SPEC.md` alone: it recomputes what Cloakroom wrote, and writes what
//! Cloakroom then reads, with RustCrypto's primitives and the `fpe` crate, and with none of Cloakroom's cryptography.
#![cfg(all(feature = "pipeline", feature = "passphrase"))]

#[path = "../shared_store/mod.rs"]
mod shared_store;

mod cells;
mod files;
mod keysets;
mod spec;
mod vaults;

use cloakroom::keys::{Keyset, UsableKey};
use cloakroom::name::{FieldName, TenantId};
use cloakroom::time::Timestamp;
use spec::{Key, context, derive, number};

/// Reads from the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(n);
        self.0 = rest;
        taken
    }

    fn int(&mut self, width: usize) -> u64 {
        self.take(width).iter().fold(0, |n, b| n << 8 | u64::from(*b))
    }

    fn short(&mut self) -> &'a [u8] {
        let n = self.int(2) as usize;
        self.take(n)
    }

    fn text(&mut self) -> &'a str {
        std::str::from_utf8(self.short()).unwrap()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn acme() -> TenantId {
    TenantId::new("acme").unwrap()
}

fn field(name: &str) -> FieldName {
    FieldName::new(name).unwrap()
}

/// A key, and its secret as the specification's reader has it.
fn key() -> (UsableKey, Key) {
    let key = Keyset::generate(Timestamp(1)).unwrap().primary().unwrap();
    let secret = *key.secret().expose();
    (key, secret)
}

/// Section 8, outside vaults.
fn open_envelope(secret: &Key, names: [&str; 3], envelope: &[u8]) -> Vec<u8> {
    let [tenant, subject, field] = names.map(str::as_bytes);
    let mut r = Bytes(envelope);
    assert_eq!(r.int(1), 1);
    let (suite, version) = (r.int(1), r.int(4));
    let key = derive(secret, &context("seal-key", &[tenant, field, &number(suite)]));
    let aad = context("seal-aad", &[tenant, subject, field, &number(version), &number(1)]);
    spec::open(suite as u8, &key, &aad, r.0).unwrap()
}
