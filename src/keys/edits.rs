//! Edits of a keyset: each makes a new one and leaves the old as it was, so that readers never see half an edit. Each
//! counts itself, and those with a time refuse one that is earlier than what they edit.

use super::key_use::KeyUse;
use super::keyset::{Keyset, KeysetId, MOST_USES, MOST_VERSIONS, Version};
use super::state::KeyState;
use crate::crypto::rng;
use crate::crypto::secret::VersionSecret;
use crate::error::{Error, Result};
use crate::name::KeyVersion;
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
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
        Ok(Self {
            id: KeysetId(id),
            edits: 0,
            versions: vec![new_version(KeyVersion::FIRST, now)?],
            primary: KeyVersion::FIRST,
            identity: KeyVersion::FIRST,
            uses: BTreeMap::new(),
            period: None,
        })
    }

    /// With one more version, which becomes the primary of everything: no use has one of its own any more. Versions
    /// that were active are deactivated: they reveal what they protected and protect nothing more.
    ///
    /// Save the new keyset durably before its first use.
    ///
    /// # Errors
    /// [`Error::TooLong`] past 4,096 versions; [`Error::Setting`] when `now` is earlier than the last edit;
    /// [`Error::Io`] without randomness.
    pub fn rotated(&self, now: Timestamp) -> Result<Self> {
        let mut keyset = self.edited_at(now)?;
        keyset.primary = keyset.add_version(now)?;
        keyset.uses.clear();
        keyset.deactivate_the_replaced(now);
        Ok(keyset)
    }

    /// With one more version, which becomes the primary of this use only. A version that thereby is the primary of
    /// nothing any more is deactivated.
    ///
    /// Save the new keyset durably before its first use.
    ///
    /// # Errors
    /// As [`rotated`](Keyset::rotated); [`Error::TooLong`] past 4,096 uses.
    pub fn rotated_for(&self, use_: &KeyUse, now: Timestamp) -> Result<Self> {
        let mut keyset = self.edited_at(now)?;
        let own = keyset.add_version(now)?;
        keyset.uses.insert(use_.clone(), own);
        let actual = keyset.uses.len();
        if actual > MOST_USES {
            let what = "number of uses with a key version of their own";
            return Err(Error::TooLong { what, actual, limit: MOST_USES });
        }
        keyset.deactivate_the_replaced(now);
        Ok(keyset)
    }

    /// With the version in another state. Destroying drops its secret.
    ///
    /// # Errors
    /// [`Error::KeyVersionUnknown`]; [`Error::KeyState`] when the [state](KeyState) has no such transition, or for
    /// giving up the primary of the keyset or of a use: rotate first; [`Error::Setting`] when `now` is earlier than
    /// the last edit.
    pub fn with_state(&self, number: KeyVersion, state: KeyState, now: Timestamp) -> Result<Self> {
        let current = self.version(number)?.state();
        let refused = |purpose| Error::KeyState { version: number.get(), state: current.as_str(), purpose };
        if !current.may_become(state) {
            return Err(refused("change to that state"));
        }
        if self.is_primary(number) && !state.can_be_primary() {
            return Err(refused("be given up while it is a primary: rotate first"));
        }
        if state == KeyState::Active && !self.is_primary(number) {
            return Err(refused("become active again: it is the primary of nothing any more"));
        }
        let mut keyset = self.edited_at(now)?;
        let version = keyset.versions.iter_mut().find(|v| v.number == number).expect("looked up above");
        (version.state, version.changed) = (state, now);
        if state == KeyState::Destroyed {
            version.secret = None;
        }
        Ok(keyset)
    }

    /// With pseudonyms made with the identity key of this version from now on. Every pseudonym changes, in all scopes
    /// of all tenants: those already made join no new ones, and only the originals can make them again.
    ///
    /// # Errors
    /// [`Error::KeyVersionUnknown`]; [`Error::KeyState`] unless the version is active or deactivated;
    /// [`Error::Setting`] when `now` is earlier than the last edit.
    pub fn with_identity(&self, number: KeyVersion, now: Timestamp) -> Result<Self> {
        let mut keyset = self.edited_at(now)?;
        keyset.identity = number;
        keyset.identity()?;
        Ok(keyset)
    }

    /// The same, counted as one edit more: for a keyset that is locked anew.
    ///
    /// # Errors
    /// [`Error::Setting`] after 2^64 - 1 edits.
    pub fn touched(&self) -> Result<Self> {
        self.edited()
    }

    /// A copy, counted as one edit more.
    pub(super) fn edited(&self) -> Result<Self> {
        let problem = || "was edited as often as can be counted; make a new one".to_owned();
        let edits = self.edits.checked_add(1);
        let edits = edits.ok_or_else(|| Error::Setting { what: "keyset", problem: problem() })?;
        Ok(Self { edits, ..self.clone() })
    }

    /// A copy, counted as one edit more, at a time that is not before any in the keyset: with a clock gone wrong, ages
    /// and dates would say nothing.
    fn edited_at(&self, now: Timestamp) -> Result<Self> {
        let last = self.versions.iter().map(|v| v.created.max(v.changed)).max();
        match last.filter(|last| now < *last) {
            Some(last) => {
                let problem =
                    format!("says {now}, but the keyset was last edited at {last}: set the clock right");
                Err(Error::Setting { what: "clock", problem })
            }
            None => self.edited(),
        }
    }

    /// Adds a version, active, with the next number.
    fn add_version(&mut self, now: Timestamp) -> Result<KeyVersion> {
        let actual = self.versions.len() + 1;
        let last = self.versions.last().expect("a keyset is never empty").number();
        let (Some(next), true) = (last.next(), actual <= MOST_VERSIONS) else {
            return Err(Error::TooLong { what: "number of key versions", actual, limit: MOST_VERSIONS });
        };
        self.versions.push(new_version(next, now)?);
        Ok(next)
    }

    /// Deactivates what is active and the primary of nothing.
    fn deactivate_the_replaced(&mut self, now: Timestamp) {
        let primaries: BTreeSet<_> = self.uses.values().copied().chain([self.primary]).collect();
        for old in &mut self.versions {
            if old.state == KeyState::Active && !primaries.contains(&old.number) {
                (old.state, old.changed) = (KeyState::Deactivated, now);
            }
        }
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
