//! Edits of a keyset: each makes a new one and leaves the old as it was, so that readers never see half an edit.

use super::keyset::{KeyState, Keyset, KeysetId, MOST_VERSIONS, Version};
use crate::crypto::rng;
use crate::crypto::secret::VersionSecret;
use crate::error::{Error, Result};
use crate::name::KeyVersion;
use crate::time::Timestamp;
use std::sync::Arc;
use zeroize::Zeroizing;

impl Keyset {
    /// A new keyset: a random id, and version 1, active and primary.
    ///
    /// # Errors
    /// [`Error::Io`] when the operating system has no randomness to give.
    pub fn generate(now: Timestamp) -> Result<Self> {
        let mut id = [0; 16];
        rng::fill_from_system(&mut id)?;
        let first = new_version(KeyVersion::FIRST, now)?;
        let versions = vec![first];
        Ok(Self { id: KeysetId(id), versions, primary: KeyVersion::FIRST, identity: KeyVersion::FIRST })
    }

    /// With one more version, which becomes primary; the primary so far, if active, is deactivated: it reveals what
    /// it protected and protects nothing more.
    ///
    /// Save the new keyset durably before its first use.
    ///
    /// # Errors
    /// [`Error::TooLong`] past 4,096 versions; [`Error::Io`] without randomness.
    pub fn rotated(&self, now: Timestamp) -> Result<Self> {
        let actual = self.versions.len() + 1;
        let last = self.versions.last().expect("a keyset is never empty").number();
        let (Some(next), true) = (last.next(), actual <= MOST_VERSIONS) else {
            return Err(Error::TooLong { what: "number of key versions", actual, limit: MOST_VERSIONS });
        };
        let mut keyset = self.clone();
        for old in keyset.versions.iter_mut().filter(|v| v.state == KeyState::Active) {
            (old.state, old.changed) = (KeyState::Deactivated, now);
        }
        keyset.versions.push(new_version(next, now)?);
        keyset.primary = next;
        Ok(keyset)
    }

    /// With the version in another state. Destroying drops its secret.
    ///
    /// # Errors
    /// [`Error::KeyVersionUnknown`]; [`Error::KeyState`] when SP 800-57 has no such transition, or for deactivating or
    /// destroying the primary: rotate first.
    pub fn with_state(&self, number: KeyVersion, state: KeyState, now: Timestamp) -> Result<Self> {
        let current = self.version(number)?.state();
        let refused = |purpose| Error::KeyState { version: number.get(), state: current.as_str(), purpose };
        if !current.may_become(state) {
            return Err(refused("change to that state"));
        }
        if number == self.primary && matches!(state, KeyState::Deactivated | KeyState::Destroyed) {
            return Err(refused("be given up while it is the primary: rotate first"));
        }
        if state == KeyState::Active && number != self.primary {
            return Err(refused("become active again: another version is the primary"));
        }
        let mut keyset = self.clone();
        let version = keyset.versions.iter_mut().find(|v| v.number == number).expect("looked up above");
        (version.state, version.changed) = (state, now);
        if state == KeyState::Destroyed {
            version.secret = None;
        }
        Ok(keyset)
    }
}

fn new_version(number: KeyVersion, now: Timestamp) -> Result<Version> {
    let mut secret = Zeroizing::new([0; 32]);
    rng::fill_from_system(secret.as_mut())?;
    let secret = Some(Arc::new(VersionSecret::from_bytes(&mut secret)));
    Ok(Version { number, state: KeyState::Active, created: now, changed: now, secret })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(number: u32) -> KeyVersion {
        KeyVersion::new(number).unwrap()
    }

    // SPEC: KEY-11, CHECK-1
    #[test]
    fn rotation_makes_one_new_primary_and_keeps_every_old_version_readable() {
        let mut keyset = Keyset::generate(Timestamp(1)).unwrap();
        let first = keyset.version(version(1)).unwrap().check_value();
        for n in 2..=5 {
            keyset = keyset.rotated(Timestamp(n)).unwrap();
        }
        assert_eq!(keyset.primary_number().get(), 5);
        assert_eq!(keyset.identity_number().get(), 1);
        assert_eq!(keyset.versions().iter().filter(|v| v.state() == KeyState::Active).count(), 1);
        assert_eq!(keyset.version(version(1)).unwrap().check_value(), first);
        let live: Vec<u32> = keyset.live().iter().map(|k| k.number().get()).collect();
        assert_eq!(live, [5, 1, 2, 3, 4]);
        let checks: Vec<_> = keyset.versions().iter().map(|v| v.check_value().unwrap().to_string()).collect();
        assert_eq!(checks.iter().collect::<std::collections::HashSet<_>>().len(), 5);
    }

    // SPEC: KEY-7, KEY-8, KEY-9, KEY-10
    #[test]
    fn states_bind() {
        let keyset = Keyset::generate(Timestamp(1)).unwrap().rotated(Timestamp(2)).unwrap();
        assert!(keyset.for_reveal(version(1)).is_ok());
        assert!(matches!(keyset.for_reveal(version(3)), Err(Error::KeyVersionUnknown { version: 3 })));
        for state in [KeyState::Compromised, KeyState::Destroyed] {
            let edited = keyset.with_state(version(1), state, Timestamp(3)).unwrap();
            assert!(matches!(edited.for_reveal(version(1)), Err(Error::KeyState { version: 1, .. })));
            assert!(edited.identity().is_err());
            assert!(edited.primary().is_ok());
        }
        assert!(keyset.with_state(version(2), KeyState::Destroyed, Timestamp(3)).is_err());
        assert!(keyset.with_state(version(2), KeyState::Deactivated, Timestamp(3)).is_err());
        assert!(keyset.with_state(version(1), KeyState::Active, Timestamp(3)).is_err());
        let suspended = keyset.with_state(version(2), KeyState::Suspended, Timestamp(3)).unwrap();
        assert!(suspended.primary().is_err());
        let again = suspended.with_state(version(2), KeyState::Active, Timestamp(4)).unwrap();
        assert!(again.primary().is_ok());
        let compromised = keyset.with_state(version(2), KeyState::Compromised, Timestamp(3)).unwrap();
        assert!(compromised.primary().is_err());
        assert_eq!(compromised.rotated(Timestamp(4)).unwrap().primary().unwrap().number().get(), 3);
    }

    // SPEC: SECRET-1
    #[test]
    fn debug_shows_no_secret() {
        let keyset = Keyset::generate(Timestamp(1)).unwrap();
        let text = format!("{keyset:?} {:?}", keyset.primary().unwrap());
        let secret = *keyset.primary().unwrap().secret().expose();
        assert!(!text.contains(&format!("{secret:?}")[1..20]), "{text}");
        assert!(text.contains("primary 1"));
    }
}
