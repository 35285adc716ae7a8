//! What only a vault in a directory can do: its keyset file, what opens it, and who holds it open.

use crate::place::*;
use cloakroom::keys::KeyFile;
use cloakroom::vault::Vault;
use cloakroom::{Error, Result};
use std::{fs, thread};

#[test]
fn only_a_vault_opens_and_only_with_its_key() {
    let mut place = InDirectory::new();
    let path = place.path();
    let open = |path: &std::path::Path, provider: &KeyFile| Vault::open(path, provider);
    assert!(matches!(open(&path, &place.provider), Err(Error::Busy { .. })));
    assert!(matches!(Vault::create(&path, &place.provider, NOW), Err(Error::Exists { .. })));
    let other = KeyFile::create(place.dir.path().join("other key")).unwrap();
    place.close();
    assert!(matches!(open(&path, &other), Err(Error::KeysetLocked)));
    for nothing in ["missing", "key", ""] {
        let refused = open(&place.dir.path().join(nothing), &place.provider);
        assert!(matches!(refused, Err(Error::NotAVault { .. })), "{refused:?}");
    }
    let missing = place.dir.path().join("missing/vault");
    assert!(matches!(Vault::create(missing, &place.provider, NOW), Err(Error::Io { .. })));

    let keyset = path.join("keyset");
    let whole = fs::read(&keyset).unwrap();
    for n in 0..whole.len() {
        for damaged in [&whole[..n], &[&whole[..n], &[whole[n] ^ 1], &whole[n + 1..]].concat()] {
            fs::write(&keyset, damaged).unwrap();
            assert!(open(&path, &place.provider).is_err(), "byte {n}");
        }
    }
    fs::write(&keyset, &whole).unwrap();
    open(&path, &place.provider).unwrap();

    let foreign = InDirectory::new();
    fs::copy(foreign.path().join("keyset"), &keyset).unwrap();
    let refused = open(&path, &foreign.provider);
    assert!(matches!(refused, Err(Error::Corrupt { .. })), "{refused:?}");
    fs::write(&keyset, &whole).unwrap();
    let vault = open(&path, &place.provider).unwrap();
    vault.rotate(&place.provider, NOW).unwrap();
    drop(vault);
    let rotated = fs::read(&keyset).unwrap();
    fs::write(&keyset, &whole).unwrap();
    assert!(open(&path, &place.provider).unwrap_err().to_string().contains("older"));
    fs::write(&keyset, rotated).unwrap();
    let vault = open(&path, &place.provider).unwrap();
    vault.relock(&other).unwrap();
    drop(vault);
    assert!(matches!(open(&path, &place.provider), Err(Error::KeysetLocked)));
    assert_eq!(open(&path, &other).unwrap().keyset().primary_number(), version(2));
}

#[cfg(feature = "passphrase")]
#[test]
fn a_passphrase_opens_it_as_well() {
    use cloakroom::keys::{Argon2Cost, Passphrase};
    let cheap = Argon2Cost { memory_kib: 64, iterations: 1, lanes: 1 };
    let pass = |text: &str| Passphrase::new(text.into()).unwrap().with_cost(cheap).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vault");
    let vault = Vault::create(&path, &pass("horse"), NOW).unwrap();
    tenant(&vault, "acme").put(&subject("ann"), &[(&field("email"), b"1")]).unwrap();
    vault.rotate(&pass("horse"), NOW).unwrap();
    drop(vault);
    assert!(matches!(Vault::open(&path, &pass("cow")), Err(Error::KeysetLocked)));
    let key = KeyFile::create(dir.path().join("key")).unwrap();
    assert!(matches!(Vault::open(&path, &key), Err(Error::KeySource { .. })));
    let vault = Vault::open(&path, &pass("horse")).unwrap();
    assert!(tenant(&vault, "acme").has(&subject("ann")).unwrap());
}

/// A provider that fails leaves no half-made vault in the way, and no half-made edit.
#[test]
fn a_failing_provider_changes_nothing() {
    struct Failing;
    impl cloakroom::keys::KeyProvider for Failing {
        fn id(&self) -> &str {
            "failing"
        }
        fn wrap(&self, _: &cloakroom::crypto::secret::DataKey) -> Result<Vec<u8>> {
            Err(Error::KeySource { what: "the token".into(), problem: "was pulled out".into() })
        }
        fn unwrap(&self, _: &[u8]) -> Result<cloakroom::crypto::secret::DataKey> {
            Err(Error::KeysetLocked)
        }
    }
    let mut place = InDirectory::new();
    let path = place.dir.path().join("another");
    assert!(matches!(Vault::create(&path, &Failing, NOW), Err(Error::KeySource { .. })));
    Vault::create(&path, &place.provider, NOW).unwrap();
    assert!(matches!(place.vault().rotate(&Failing, NOW), Err(Error::KeySource { .. })));
    assert_eq!(place.vault().keyset().primary_number(), version(1));
    place.reopen();
    assert_eq!(place.vault().keyset().primary_number(), version(1));
}

#[test]
fn rotations_at_once_make_different_versions() {
    let mut place = InDirectory::new();
    let (vault, provider) = (place.vault(), &place.provider);
    thread::scope(|scope| {
        for t in 0..3 {
            scope.spawn(move || {
                for n in 0..3 {
                    vault.rotate(provider, NOW).unwrap();
                    tenant(vault, "acme")
                        .put(&subject(&format!("{t} {n}")), &[(&field("email"), b"1")])
                        .unwrap();
                }
            });
        }
    });
    assert_eq!(vault.keyset().primary_number(), version(10));
    place.reopen();
    let report = place.vault().check().unwrap();
    assert!(report.is_clean() && report.subjects == 9, "{report:?}");
}
