//! A keyset, to be read: numbered versions, one of them primary. Edits are in `edits.rs` and make a new keyset.

use super::key_use::KeyUse;
use super::state::KeyState;
use crate::crypto::context::{Context, Label};
use crate::crypto::kdf;
use crate::crypto::secret::VersionSecret;
use crate::error::{Error, Result};
use crate::name::KeyVersion;
use crate::time::Timestamp;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// More versions than weekly rotation makes in 70 years.
pub(super) const MOST_VERSIONS: usize = 4096;

/// Each rotation of a use adds a version, so there are never more uses than versions.
pub(super) const MOST_USES: usize = MOST_VERSIONS;

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

/// Key versions 1 to n. One is the primary of everything but the uses that have a primary of their own. No other
/// version is active.
#[derive(Clone)]
pub struct Keyset {
    pub(super) id: KeysetId,
    pub(super) edits: u64,
    /// Ascending by number, never empty.
    pub(super) versions: Vec<Version>,
    pub(super) primary: KeyVersion,
    pub(super) identity: KeyVersion,
    pub(super) uses: BTreeMap<KeyUse, KeyVersion>,
    /// In days; `None` for the default.
    pub(super) period: Option<u32>,
}

impl Keyset {
    /// The keyset's id.
    pub fn id(&self) -> KeysetId {
        self.id
    }

    /// How many edits made it: 0 when generated, and one more with each. Of two states of one keyset file the one
    /// with fewer edits is the older, and the same number means the same content. Files of format 1 did not count:
    /// they are read with 0 edits.
    pub fn edits(&self) -> u64 {
        self.edits
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
        let at = self.versions.binary_search_by_key(&number, |v| v.number);
        at.map(|i| &self.versions[i]).map_err(|_| Error::KeyVersionUnknown { version: number.get() })
    }

    /// The number of the version that protects everything but the [`uses`](Keyset::uses).
    pub fn primary_number(&self) -> KeyVersion {
        self.primary
    }

    /// The number of the version that protects in this use: its own primary, or the keyset's.
    pub fn primary_number_for(&self, use_: &KeyUse) -> KeyVersion {
        self.uses.get(use_).copied().unwrap_or(self.primary)
    }

    /// The uses that have a primary of their own, and its number.
    pub fn uses(&self) -> impl Iterator<Item = (&KeyUse, KeyVersion)> {
        self.uses.iter().map(|(use_, number)| (use_, *number))
    }

    /// Whether this version is the primary of the keyset or of a use.
    pub fn is_primary(&self, number: KeyVersion) -> bool {
        self.primary == number || self.uses.values().any(|own| *own == number)
    }

    /// The number of the version whose identity key pseudonyms are made with. Rotation leaves it as it is: only the
    /// originals could move pseudonyms to another, with [`with_identity`](Keyset::with_identity).
    pub fn identity_number(&self) -> KeyVersion {
        self.identity
    }

    /// The key that protects everything but the [`uses`](Keyset::uses).
    ///
    /// # Errors
    /// [`Error::KeyState`] when the primary is not active, as after a compromise: rotate first.
    pub fn primary(&self) -> Result<UsableKey> {
        self.for_protecting(self.primary)
    }

    /// The key that protects in this use: its own primary, or the keyset's.
    ///
    /// # Errors
    /// As [`primary`](Keyset::primary).
    pub fn primary_for(&self, use_: &KeyUse) -> Result<UsableKey> {
        self.for_protecting(self.primary_number_for(use_))
    }

    fn for_protecting(&self, primary: KeyVersion) -> Result<UsableKey> {
        self.usable(primary, "protect", |state| state == KeyState::Active)
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

    /// The same keyset, for getting away from versions that are suspended or compromised: they reveal. It is for reading
    /// alone, and is never saved.
    #[cfg(feature = "pipeline")]
    pub(crate) fn despite_state(&self) -> Self {
        let mut keyset = self.clone();
        for version in &mut keyset.versions {
            if matches!(version.state, KeyState::Suspended | KeyState::Compromised) {
                version.state = KeyState::Deactivated;
            }
        }
        keyset
    }

    /// The key whose identity key pseudonyms are made with.
    ///
    /// # Errors
    /// [`Error::KeyState`] unless it is active or deactivated.
    pub fn identity(&self) -> Result<UsableKey> {
        self.usable(self.identity, "make pseudonyms", KeyState::reveals)
    }

    /// The keys that reveal, the keyset's primary first: what a lookup of a blinded entry has to ask.
    pub fn live(&self) -> Vec<UsableKey> {
        self.live_from(self.primary)
    }

    /// The keys that reveal, the use's primary first.
    pub fn live_for(&self, use_: &KeyUse) -> Vec<UsableKey> {
        self.live_from(self.primary_number_for(use_))
    }

    fn live_from(&self, first: KeyVersion) -> Vec<UsableKey> {
        let mut live: Vec<_> = self.versions.iter().filter_map(|v| self.for_reveal(v.number).ok()).collect();
        live.sort_by_key(|key| key.number != first);
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
}

impl fmt::Debug for Keyset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, edits, versions, primary, uses, .. } = self;
        write!(f, "Keyset({id}, {edits} edits, primary {primary}, {uses:?}, {versions:?})")
    }
}
