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
    /// the last edit, but for suspending and compromising, which must not wait for a clock: they count as done at the
    /// time of the last edit then.
    pub fn with_state(&self, number: KeyVersion, state: KeyState, now: Timestamp) -> Result<Self> {
        let current = self.version(number)?.state();
        let refused = |purpose| Error::KeyState { version: number.get(), state: current.as_str(), purpose };
        if !current.may_become(state) {
            return Err(refused(state.becoming()));
        }
        if self.is_primary(number) && !state.can_be_primary() {
            return Err(refused("be given up while it is a primary: rotate first"));
        }
        if state == KeyState::Active && !self.is_primary(number) {
            return Err(refused("become active again: it is the primary of nothing any more"));
        }
        let now = match state {
            KeyState::Suspended | KeyState::Compromised => now.max(self.last_edit()),
            _ => now,
        };
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
        let last = self.last_edit();
        if now < last {
            let problem =
                format!("says {now}, but the keyset was last edited at {last}: set the clock right");
            return Err(Error::Setting { what: "clock", problem });
        }
        self.edited()
    }

    /// The latest time in the keyset.
    fn last_edit(&self) -> Timestamp {
        let times = self.versions.iter().map(|v| v.created.max(v.changed));
        times.max().expect("a keyset is never empty")
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
    use crate::name::{FieldName, Scope, TenantId};
    use crate::wire::keyset::{KeysetBody, KeysetFormat};
    use proptest::prelude::*;

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

    fn card() -> KeyUse {
        KeyUse::Field { tenant: TenantId::new("acme").unwrap(), field: FieldName::new("card").unwrap() }
    }

    fn scope() -> KeyUse {
        KeyUse::Scope { tenant: TenantId::new("acme").unwrap(), scope: Scope::new("analytics").unwrap() }
    }

    fn states(keyset: &Keyset) -> Vec<KeyState> {
        keyset.versions().iter().map(Version::state).collect()
    }

    // SPEC: KEY-7, KEY-11, KEY-16
    #[test]
    fn a_use_rotates_alone_and_everything_rotates_together() {
        use KeyState::*;
        let keyset = Keyset::generate(Timestamp(1)).unwrap();
        let keyset = keyset.rotated_for(&card(), Timestamp(2)).unwrap();
        let keyset = keyset.rotated_for(&scope(), Timestamp(3)).unwrap();
        assert_eq!(states(&keyset), [Active, Active, Active]);
        assert_eq!(keyset.primary().unwrap().number().get(), 1);
        assert_eq!(keyset.primary_for(&card()).unwrap().number().get(), 2);
        assert_eq!(keyset.primary_number_for(&scope()).get(), 3);
        let uses: Vec<_> = keyset.uses().map(|(use_, number)| (use_.clone(), number.get())).collect();
        assert_eq!(uses, [(card(), 2), (scope(), 3)]);
        let live: Vec<u32> = keyset.live_for(&scope()).iter().map(|k| k.number().get()).collect();
        assert_eq!(live, [3, 1, 2]);
        let other =
            KeyUse::Field { tenant: TenantId::new("other").unwrap(), field: FieldName::new("card").unwrap() };
        assert_eq!(keyset.primary_number_for(&other).get(), 1, "tenants do not share a use");

        let again = keyset.rotated_for(&card(), Timestamp(4)).unwrap();
        assert_eq!(states(&again), [Active, Deactivated, Active, Active]);
        assert_eq!(again.versions()[1].changed(), Timestamp(4));
        assert_eq!(again.primary_number_for(&card()).get(), 4);

        let all = again.rotated(Timestamp(5)).unwrap();
        assert_eq!(states(&all), [Deactivated, Deactivated, Deactivated, Deactivated, Active]);
        assert_eq!(all.uses().count(), 0);
        assert_eq!(all.primary_number_for(&card()).get(), 5);
        assert_eq!(all.identity_number().get(), 1);
    }

    // SPEC: KEY-7, KEY-9, KEY-10
    #[test]
    fn the_primary_of_a_use_is_given_up_by_rotation_only() {
        let keyset = Keyset::generate(Timestamp(1)).unwrap().rotated_for(&card(), Timestamp(2)).unwrap();
        for number in [1, 2] {
            let refused =
                keyset.with_state(version(number), KeyState::Deactivated, Timestamp(3)).unwrap_err();
            assert!(refused.to_string().contains("rotate first"), "{refused}");
        }
        for state in [KeyState::Suspended, KeyState::Compromised] {
            let stopped = keyset.with_state(version(2), state, Timestamp(3)).unwrap();
            let refused = stopped.primary_for(&card()).unwrap_err();
            assert!(matches!(refused, Error::KeyState { version: 2, purpose: "protect", .. }), "{refused}");
            assert!(stopped.primary().is_ok() && stopped.primary_for(&scope()).is_ok());
            assert!(stopped.with_state(version(2), KeyState::Destroyed, Timestamp(3)).is_err());
            let rotated = stopped.rotated_for(&card(), Timestamp(3)).unwrap();
            assert_eq!(rotated.primary_for(&card()).unwrap().number().get(), 3);
            assert_eq!(rotated.versions()[1].state(), state, "only what is active is deactivated");
            rotated.with_state(version(2), KeyState::Destroyed, Timestamp(3)).unwrap();
            assert!(rotated.with_state(version(2), KeyState::Active, Timestamp(3)).is_err());
        }
    }

    // SPEC: KEY-8, KEY-9
    #[test]
    fn a_retired_version_reveals_nothing_and_can_be_fetched_back() {
        let keyset = Keyset::generate(Timestamp(1)).unwrap();
        assert!(keyset.with_state(version(1), KeyState::Retired, Timestamp(2)).is_err());
        let rotated = keyset.rotated(Timestamp(2)).unwrap();
        let retired = rotated.with_state(version(1), KeyState::Retired, Timestamp(3)).unwrap();
        let refused = retired.for_reveal(version(1)).unwrap_err();
        assert!(matches!(refused, Error::KeyState { version: 1, state: "retired", .. }), "{refused}");
        assert!(retired.identity().is_err());
        assert!(retired.live().iter().all(|key| key.number() != version(1)));
        assert!(retired.for_bookkeeping(version(1)).is_ok());
        let back = retired.with_state(version(1), KeyState::Deactivated, Timestamp(4)).unwrap();
        assert!(back.for_reveal(version(1)).is_ok());
        assert!(retired.with_state(version(1), KeyState::Active, Timestamp(4)).is_err());
        for state in [KeyState::Destroyed, KeyState::Compromised] {
            retired.with_state(version(1), state, Timestamp(4)).unwrap();
        }
    }

    // SPEC: KEY-19
    #[test]
    fn the_identity_version_moves_to_one_that_reveals() {
        let keyset = Keyset::generate(Timestamp(1)).unwrap().rotated(Timestamp(2)).unwrap();
        let moved = keyset.with_identity(version(2), Timestamp(3)).unwrap();
        assert_eq!(moved.identity().unwrap().number().get(), 2);
        assert_eq!(moved.rotated(Timestamp(4)).unwrap().identity_number().get(), 2);
        assert_eq!(moved.with_identity(version(1), Timestamp(3)).unwrap().identity_number().get(), 1);
        let unknown = keyset.with_identity(version(3), Timestamp(3));
        assert!(matches!(unknown, Err(Error::KeyVersionUnknown { version: 3 })));
        for state in [KeyState::Retired, KeyState::Compromised, KeyState::Destroyed] {
            let stopped = moved.with_state(version(1), state, Timestamp(3)).unwrap();
            let refused = stopped.with_identity(version(1), Timestamp(3));
            assert!(matches!(refused, Err(Error::KeyState { version: 1, .. })), "{state}");
        }
    }

    // SPEC: KEY-17
    #[test]
    fn a_clock_that_runs_backwards_is_refused() {
        let keyset = Keyset::generate(Timestamp(100)).unwrap().rotated(Timestamp(200)).unwrap();
        let edits = |now| {
            [
                keyset.rotated(now),
                keyset.rotated_for(&card(), now),
                keyset.with_state(version(1), KeyState::Retired, now),
                keyset.with_identity(version(2), now),
            ]
        };
        for refused in edits(Timestamp(199)) {
            assert_eq!(
                refused.unwrap_err().to_string(),
                "clock: says 1970-01-01T00:03:19Z, but the keyset was last edited at 1970-01-01T00:03:20Z: \
                 set the clock right"
            );
        }
        let compromised = keyset.with_state(version(1), KeyState::Compromised, Timestamp(0)).unwrap();
        assert_eq!(compromised.version(version(1)).unwrap().changed(), Timestamp(200));
        for edited in edits(Timestamp(200)) {
            assert_eq!(edited.unwrap().edits(), 2);
        }
        let changed = keyset.with_state(version(1), KeyState::Retired, Timestamp(300)).unwrap();
        assert!(changed.rotated(Timestamp(299)).is_err());
    }

    // SPEC: KEY-15
    #[test]
    fn every_edit_counts() {
        let keyset = Keyset::generate(Timestamp(1)).unwrap();
        assert_eq!(keyset.edits(), 0);
        let keyset = keyset.touched().unwrap();
        assert_eq!(keyset.edits(), 1);
        let keyset = keyset.rotated(Timestamp(1)).unwrap().rotated_for(&card(), Timestamp(1)).unwrap();
        assert_eq!(keyset.edits(), 3);
        let keyset = keyset.with_state(version(1), KeyState::Destroyed, Timestamp(1)).unwrap();
        let keyset = keyset.with_identity(version(2), Timestamp(1)).unwrap().with_period(None).unwrap();
        assert_eq!(keyset.edits(), 6);
    }

    fn any_edit() -> impl Strategy<Value = (u8, u32, u8, u64)> {
        (0..6_u8, 1..9_u32, 1..8_u8, 0..3_u64)
    }

    fn body(keyset: &Keyset) -> Vec<u8> {
        keyset.to_body().write().unwrap().as_bytes().to_vec()
    }

    proptest! {
        // SPEC: KEY-5, KEY-7, KEY-10, KEY-14, KEY-15, WIRE-3
        #[test]
        fn any_edits_keep_the_rules(edits in prop::collection::vec(any_edit(), 0..24)) {
            use KeyState::*;
            let mut keyset = Keyset::generate(Timestamp(10)).unwrap();
            let mut now = 10;
            for (edit, number, state, later) in edits {
                now += later;
                let use_ = if number % 2 == 0 { card() } else { scope() };
                let state = KeyState::from_number(state).unwrap();
                let edited = match edit {
                    0 => keyset.rotated(Timestamp(now)),
                    1 => keyset.rotated_for(&use_, Timestamp(now)),
                    2 => keyset.with_identity(version(number), Timestamp(now)),
                    3 => keyset.with_period((number > 2).then_some(number)),
                    _ => keyset.with_state(version(number), state, Timestamp(now)),
                };
                let Ok(edited) = edited else { continue };
                prop_assert_eq!(edited.edits(), keyset.edits() + 1);
                prop_assert!(edited.versions().len() >= keyset.versions().len());
                keyset = edited;

                for v in keyset.versions() {
                    match keyset.is_primary(v.number()) {
                        true => prop_assert!(matches!(v.state(), Active | Suspended | Compromised)),
                        false => prop_assert!(v.state() != Active),
                    }
                    prop_assert_eq!(v.state() == Destroyed, v.check_value().is_none());
                    let live = keyset.live().iter().any(|key| key.number() == v.number());
                    prop_assert_eq!(live, matches!(v.state(), Active | Deactivated));
                    prop_assert!(v.created() <= v.changed());
                }
                for use_ in [card(), scope()] {
                    let number = keyset.primary_number_for(&use_);
                    let active = keyset.version(number).unwrap().state() == Active;
                    prop_assert_eq!(keyset.primary_for(&use_).is_ok(), active);
                    if active {
                        prop_assert_eq!(keyset.live_for(&use_)[0].number(), number);
                    }
                }
                let read = KeysetBody::parse(KeysetFormat::Two, &body(&keyset)).and_then(Keyset::from_body);
                prop_assert_eq!(body(&read.unwrap()), body(&keyset));
            }
        }
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
