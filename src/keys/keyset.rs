//! A keyset, to be read: numbered versions, one of them primary. Edits are in `edits.rs` and make a new keyset.

use crate::crypto::context::{Context, Label};
use crate::crypto::kdf;
use crate::crypto::secret::VersionSecret;
use crate::error::{Error, Result};
use crate::name::KeyVersion;
use crate::time::Timestamp;
use crate::wire::keyset::{KeysetBody, VersionRecord};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// More versions than weekly rotation makes in 70 years.
pub(super) const MOST_VERSIONS: usize = 4096;

/// The states of NIST SP 800-57 Part 1, section 7. The number is the one on the wire.
///
/// | state | protects | reveals |
/// |---|---|---|
/// | pre-active | no | no |
/// | active | as primary | yes |
/// | suspended | no | no, until active again |
/// | deactivated | no | yes |
/// | destroyed | no | never: the secret is gone |
/// | compromised | no | no |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "the table above")]
pub enum KeyState {
    PreActive = 1,
    Active = 2,
    Suspended = 3,
    Deactivated = 4,
    Destroyed = 5,
    Compromised = 6,
}

impl KeyState {
    /// The state's name, as SP 800-57 spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyState::PreActive => "pre-active",
            KeyState::Active => "active",
            KeyState::Suspended => "suspended",
            KeyState::Deactivated => "deactivated",
            KeyState::Destroyed => "destroyed",
            KeyState::Compromised => "compromised",
        }
    }

    fn from_number(number: u8) -> Option<Self> {
        use KeyState::*;
        [PreActive, Active, Suspended, Deactivated, Destroyed, Compromised]
            .into_iter()
            .find(|s| *s as u8 == number)
    }

    /// Whether SP 800-57 has this transition.
    pub fn may_become(self, next: KeyState) -> bool {
        use KeyState::*;
        match self {
            PreActive => matches!(next, Active | Suspended | Destroyed | Compromised),
            Active => matches!(next, Suspended | Deactivated | Compromised),
            Suspended => matches!(next, Active | Deactivated | Destroyed | Compromised),
            Deactivated => matches!(next, Destroyed | Compromised),
            Compromised => matches!(next, Destroyed),
            Destroyed => false,
        }
    }

    fn reveals(self) -> bool {
        matches!(self, KeyState::Active | KeyState::Deactivated)
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Tells keysets apart; random, public.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeysetId(pub [u8; 16]);

impl fmt::Display for KeysetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeysetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeysetId({self})")
    }
}

/// `HKDF-SHA256(secret, "check-value", 8)`: public, tells whether two parties hold the same key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CheckValue([u8; 8]);

impl fmt::Display for CheckValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CheckValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CheckValue({self})")
    }
}

/// One version of the key.
#[derive(Clone)]
pub struct Version {
    pub(super) number: KeyVersion,
    pub(super) state: KeyState,
    pub(super) created: Timestamp,
    pub(super) changed: Timestamp,
    /// `None` once destroyed.
    pub(super) secret: Option<Arc<VersionSecret>>,
}

impl Version {
    /// Its number.
    pub fn number(&self) -> KeyVersion {
        self.number
    }

    /// Its state.
    pub fn state(&self) -> KeyState {
        self.state
    }

    /// When it was made.
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// When its state last changed.
    pub fn changed(&self) -> Timestamp {
        self.changed
    }

    /// Its check value, or `None` once destroyed.
    pub fn check_value(&self) -> Option<CheckValue> {
        let mut value = [0; 8];
        kdf::expand(&**self.secret.as_ref()?, &Context::new(Label::CheckValue), &mut value);
        Some(CheckValue(value))
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({}, {}, ..)", self.number, self.state)
    }
}

/// A version whose state allows what it was asked for.
#[derive(Clone, Debug)]
pub struct UsableKey {
    number: KeyVersion,
    secret: Arc<VersionSecret>,
}

impl UsableKey {
    /// The version's number.
    pub fn number(&self) -> KeyVersion {
        self.number
    }

    /// The root of the version's sub-keys.
    pub fn secret(&self) -> &VersionSecret {
        &self.secret
    }
}

/// Key versions 1 to n, exactly one of them primary.
#[derive(Clone)]
pub struct Keyset {
    pub(super) id: KeysetId,
    /// Ascending by number, never empty.
    pub(super) versions: Vec<Version>,
    pub(super) primary: KeyVersion,
    pub(super) identity: KeyVersion,
}

impl Keyset {
    /// The keyset's id.
    pub fn id(&self) -> KeysetId {
        self.id
    }

    /// All versions, ascending.
    pub fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// The version of this number.
    ///
    /// # Errors
    /// [`Error::KeyVersionUnknown`].
    pub fn version(&self, number: KeyVersion) -> Result<&Version> {
        self.versions
            .iter()
            .find(|v| v.number == number)
            .ok_or(Error::KeyVersionUnknown { version: number.get() })
    }

    /// The number of the version that protects.
    pub fn primary_number(&self) -> KeyVersion {
        self.primary
    }

    /// The number of the version whose identity key pseudonyms are made with. Rotation leaves it as it is: only the
    /// originals could move pseudonyms to another.
    pub fn identity_number(&self) -> KeyVersion {
        self.identity
    }

    /// The key that protects.
    ///
    /// # Errors
    /// [`Error::KeyState`] when the primary is not active, as after a compromise: rotate first.
    pub fn primary(&self) -> Result<UsableKey> {
        self.usable(self.primary, "protect", |state| state == KeyState::Active)
    }

    /// The key of this version, for revealing.
    ///
    /// # Errors
    /// [`Error::KeyVersionUnknown`], or [`Error::KeyState`] unless it is active or deactivated.
    pub fn for_reveal(&self, number: KeyVersion) -> Result<UsableKey> {
        self.usable(number, "reveal", KeyState::reveals)
    }

    /// The key of this version, for verifying what the vault wrote about itself. Unlike data, that must stay readable
    /// after a compromise, or the vault could not be opened to be moved to another version.
    pub(crate) fn for_bookkeeping(&self, number: KeyVersion) -> Result<UsableKey> {
        self.usable(number, "verify the vault", |state| state != KeyState::PreActive)
    }

    /// The key whose identity key pseudonyms are made with.
    ///
    /// # Errors
    /// [`Error::KeyState`] unless it is active or deactivated.
    pub fn identity(&self) -> Result<UsableKey> {
        self.usable(self.identity, "make pseudonyms", KeyState::reveals)
    }

    /// The keys that reveal, the primary first: what a lookup of a blinded entry has to ask.
    pub fn live(&self) -> Vec<UsableKey> {
        let mut live: Vec<_> = self.versions.iter().filter_map(|v| self.for_reveal(v.number).ok()).collect();
        live.sort_by_key(|key| key.number != self.primary);
        live
    }

    fn usable(
        &self,
        number: KeyVersion,
        purpose: &'static str,
        may: fn(KeyState) -> bool,
    ) -> Result<UsableKey> {
        let version = self.version(number)?;
        match &version.secret {
            Some(secret) if may(version.state) => Ok(UsableKey { number, secret: Arc::clone(secret) }),
            _ => Err(Error::KeyState { version: number.get(), state: version.state.as_str(), purpose }),
        }
    }

    /// The bytes' layer, for saving.
    pub(super) fn to_body(&self) -> KeysetBody {
        let record = |v: &Version| VersionRecord {
            number: v.number.get(),
            state: v.state as u8,
            created: v.created.0,
            changed: v.changed.0,
            secret: Zeroizing::new(v.secret.as_ref().map_or([0; 32], |s| *s.expose())),
        };
        KeysetBody {
            id: self.id.0,
            identity: self.identity.get(),
            primary: self.primary.get(),
            versions: self.versions.iter().map(record).collect(),
        }
    }

    /// Checks the rules that bytes alone do not hold.
    pub(super) fn from_body(body: KeysetBody) -> Result<Self> {
        let bad = |problem| Error::Malformed { what: "keyset", offset: 0, problem };
        let versions = body
            .versions
            .into_iter()
            .map(|mut v| {
                let state = KeyState::from_number(v.state)
                    .ok_or(bad("has a key state that this release does not know"))?;
                Ok(Version {
                    number: KeyVersion::new(v.number)?,
                    state,
                    created: Timestamp(v.created),
                    changed: Timestamp(v.changed),
                    secret: (state != KeyState::Destroyed)
                        .then(|| Arc::new(VersionSecret::from_bytes(&mut v.secret))),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        if versions.is_empty() || versions.len() > MOST_VERSIONS {
            return Err(bad("has no version, or too many"));
        }
        if !versions.is_sorted_by(|a, b| a.number < b.number) {
            return Err(bad("has its versions out of order"));
        }
        let keyset = Self {
            id: KeysetId(body.id),
            versions,
            primary: KeyVersion::new(body.primary)?,
            identity: KeyVersion::new(body.identity)?,
        };
        keyset.version(keyset.primary)?;
        keyset.version(keyset.identity)?;
        Ok(keyset)
    }
}

impl fmt::Debug for Keyset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyset({}, primary {}, {:?})", self.id, self.primary, self.versions)
    }
}
