//! The lives of key versions: rotated in, and given up when nothing needs them.
//!
//! | from | by | to | while something needs it |
//! |---|---|---|---|
//! | – | [`rotate`](Vault::rotate), [`rotate_use`](Vault::rotate_use) | active | – |
//! | deactivated | [`retire`](Vault::retire) | retired | refused, with a list |
//! | active, deactivated | [`change_state`](Vault::change_state) | suspended, compromised | allowed: its data waits for a migration |
//! | retired, compromised | [`destroy`](Vault::destroy) | destroyed | refused, unless [`Despite::Data`] |
//!
//! The keyset file is durable before an edit counts, so that nothing is ever under a version that is in no file.

use super::approvals::By;
use super::census::{Census, Mode};
use super::events::Event;
use super::open::Vault;
use crate::error::{Error, Result};
use crate::keys::{self, KeyProvider, KeyState, KeyUse, Keyset};
use crate::name::KeyVersion;
use crate::time::Timestamp;

/// What destroying a version may overrule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Despite {
    /// Nothing: the version must be needed by nothing.
    Nothing,
    /// That data needs it: the data cannot be opened afterwards, by anybody.
    Data,
}

/// Lines in an error; more are only counted.
const LISTED: usize = 8;

impl Vault {
    /// Adds a key version and makes it the primary of everything. It takes no longer for a large vault: what is there
    /// stays under its versions until [`migrate`](Vault::migrate).
    ///
    /// # Errors
    /// [`Error::Setting`] for a vault that is not in a directory, or when the clock went back; the provider's;
    /// [`Error::Io`].
    pub fn rotate(&self, provider: &dyn KeyProvider, now: Timestamp) -> Result<KeyVersion> {
        self.rotate_by(By::default(), provider, now)
    }

    pub(super) fn rotate_by(
        &self,
        by: By<'_>,
        provider: &dyn KeyProvider,
        now: Timestamp,
    ) -> Result<KeyVersion> {
        self.rotated(by, provider, "everything".into(), now, |keyset| {
            let rotated = keyset.rotated(now)?;
            let version = rotated.primary_number();
            Ok((rotated, version))
        })
    }

    /// Adds a key version and makes it the primary of one field or scope alone.
    ///
    /// # Errors
    /// As [`rotate`](Vault::rotate).
    pub fn rotate_use(
        &self,
        use_: &KeyUse,
        provider: &dyn KeyProvider,
        now: Timestamp,
    ) -> Result<KeyVersion> {
        self.rotate_use_by(By::default(), use_, provider, now)
    }

    pub(super) fn rotate_use_by(
        &self,
        by: By<'_>,
        use_: &KeyUse,
        provider: &dyn KeyProvider,
        now: Timestamp,
    ) -> Result<KeyVersion> {
        self.rotated(by, provider, use_.to_string(), now, |keyset| {
            let rotated = keyset.rotated_for(use_, now)?;
            let version = rotated.primary_number_for(use_);
            Ok((rotated, version))
        })
    }

    fn rotated(
        &self,
        by: By<'_>,
        provider: &dyn KeyProvider,
        what: String,
        now: Timestamp,
        rotate: impl FnOnce(&Keyset) -> Result<(Keyset, KeyVersion)>,
    ) -> Result<KeyVersion> {
        let mut version = KeyVersion::FIRST;
        self.saved("rotate", by, provider, Some(Event::new(now, "rotate", what)), |keyset, _| {
            let (rotated, new) = rotate(keyset)?;
            version = new;
            Ok(rotated)
        })?;
        Ok(version)
    }

    /// Retires a version that nothing needs any more: it neither protects nor reveals from now on, and may be destroyed.
    ///
    /// # Errors
    /// [`Error::KeyNeeded`] with what needs it; [`Error::KeyState`] for a primary, or a version that is not deactivated;
    /// as [`rotate`](Vault::rotate).
    pub fn retire(&self, version: KeyVersion, provider: &dyn KeyProvider, now: Timestamp) -> Result<()> {
        self.retire_by(By::default(), version, provider, now)
    }

    pub(super) fn retire_by(
        &self,
        by: By<'_>,
        version: KeyVersion,
        provider: &dyn KeyProvider,
        now: Timestamp,
    ) -> Result<()> {
        self.saved("retire", by, provider, Some(event(now, "retire", version)), |keyset, census| {
            let retired = keyset.with_state(version, KeyState::Retired, now)?;
            given_up(keyset, retired, census)
        })
    }

    /// Destroys a version: its secret is gone from the keyset file. Copies of the file still have it.
    ///
    /// # Errors
    /// [`Error::KeyNeeded`] with what needs it, unless `despite` says so; [`Error::KeyState`] for a primary, or a version
    /// that has to be retired first; [`Error::Setting`] despite data while a run is under way; [`Error::Denied`] where the
    /// rules have somebody approve it, which [`Admin::destroy`](super::Admin::destroy) takes; as [`rotate`](Vault::rotate).
    pub fn destroy(
        &self,
        version: KeyVersion,
        despite: Despite,
        provider: &dyn KeyProvider,
        now: Timestamp,
    ) -> Result<()> {
        self.destroy_by(By::default(), version, despite, provider, now)
    }

    pub(super) fn destroy_by(
        &self,
        by: By<'_>,
        version: KeyVersion,
        despite: Despite,
        provider: &dyn KeyProvider,
        now: Timestamp,
    ) -> Result<()> {
        if despite == Despite::Data && !self.hold().ledger.runs.is_empty() {
            // What a run has put could not be taken back any more.
            let problem = "is being written to by a run: wait for its end".into();
            return Err(Error::Setting { what: "vault", problem });
        }
        let kind = if despite == Despite::Data { "destroy despite data" } else { "destroy" };
        self.saved("destroy", by, provider, Some(event(now, kind, version)), |keyset, census| {
            let state = keyset.version(version)?.state();
            let destroyed = keyset.with_state(version, KeyState::Destroyed, now)?;
            match (despite, state) {
                (Despite::Data, _) => Ok(destroyed),
                (Despite::Nothing, KeyState::Deactivated) => Err(Error::KeyState {
                    version: version.get(),
                    state: "deactivated",
                    purpose: "be destroyed: retire it first",
                }),
                (Despite::Nothing, _) => given_up(keyset, destroyed, census),
            }
        })
    }

    /// Suspends a version, marks it compromised, or takes such a step back where SP 800-57 has it. What it protects is
    /// not revealed until it is migrated with [`despite_state`](super::Migration::despite_state).
    ///
    /// # Errors
    /// [`Error::KeyState`] for a step that there is none of; [`Error::KeyNeeded`] for giving up what is needed;
    /// [`Error::Denied`] for a compromise where the rules have somebody approve it, which
    /// [`Admin::change_state`](super::Admin::change_state) takes; as [`rotate`](Vault::rotate).
    pub fn change_state(
        &self,
        version: KeyVersion,
        state: KeyState,
        provider: &dyn KeyProvider,
        now: Timestamp,
    ) -> Result<()> {
        self.change_state_by(By::default(), version, state, provider, now)
    }

    pub(super) fn change_state_by(
        &self,
        by: By<'_>,
        version: KeyVersion,
        state: KeyState,
        provider: &dyn KeyProvider,
        now: Timestamp,
    ) -> Result<()> {
        let logged = Event::new(now, "state", format!("key version {version} {state}"));
        self.saved("key-state", by, provider, Some(logged), |keyset, census| {
            given_up(keyset, keyset.with_state(version, state, now)?, census)
        })
    }

    /// Edits the keyset in another way: the keyset file is durable before the edit counts.
    ///
    /// # Errors
    /// As [`rotate`](Vault::rotate), and as [`adopt`](Vault::adopt): the keyset file is then as it was.
    pub fn edit_keyset(
        &self,
        provider: &dyn KeyProvider,
        edit: impl FnOnce(&Keyset) -> Result<Keyset>,
    ) -> Result<()> {
        self.edit_keyset_by(By::default(), provider, edit)
    }

    pub(super) fn edit_keyset_by(
        &self,
        by: By<'_>,
        provider: &dyn KeyProvider,
        edit: impl FnOnce(&Keyset) -> Result<Keyset>,
    ) -> Result<()> {
        self.saved("edit-keyset", by, provider, None, |keyset, census| {
            given_up(keyset, edit(keyset)?, census)
        })
    }

    /// Locks the vault's keyset with another provider, or the same one at its present cost.
    ///
    /// # Errors
    /// As [`rotate`](Vault::rotate).
    pub fn relock(&self, provider: &dyn KeyProvider) -> Result<()> {
        self.edit_keyset(provider, Keyset::touched)
    }

    fn saved(
        &self,
        kind: &'static str,
        by: By<'_>,
        provider: &dyn KeyProvider,
        event: Option<Event>,
        edit: impl FnOnce(&Keyset, &Census) -> Result<Keyset>,
    ) -> Result<()> {
        let problem = || "is not in a directory; save the keyset and use `adopt`".to_owned();
        let home = self.home.as_ref().ok_or_else(|| Error::Setting { what: "vault", problem: problem() })?;
        self.edited(kind, by, event, edit, |keyset| {
            keys::save(keyset, home.join(super::directory::KEYSET), provider)
        })
    }
}

fn event(now: Timestamp, kind: &str, version: KeyVersion) -> Event {
    Event::new(now, kind, format!("key version {version}"))
}

/// The edited keyset, unless it gives up a version that something needs.
pub(super) fn given_up(current: &Keyset, edited: Keyset, census: &Census) -> Result<Keyset> {
    let is_gone = |state| matches!(state, KeyState::Retired | KeyState::Destroyed);
    for old in current.versions() {
        let number = old.number();
        let goes = edited.version(number).is_ok_and(|new| is_gone(new.state()) && new.state() != old.state());
        if !goes {
            continue;
        }
        let mut needed_by: Vec<String> =
            census.lines_of(number).take(LISTED).map(|(line, count)| format!("{count} × {line}")).collect();
        let more = census.lines_of(number).count().saturating_sub(LISTED);
        if more > 0 {
            needed_by.push(format!("{more} more"));
        }
        if edited.identity_number() == number {
            needed_by.push("every pseudonym that is made, as its identity key".into());
        }
        if !needed_by.is_empty() {
            let in_files = census.lines_of(number).any(|(line, _)| line.mode.is_in_files());
            let remedy = match in_files {
                _ if census.needing(number) == 0 => {
                    "make another version the identity first (`cloakroom keys identity`)"
                }
                true if census.lines_of(number).all(|(line, _)| line.mode == Mode::FileIdentity) => {
                    "no migration moves pseudonyms to another identity key: protect the originals anew, then forget these \
                     files (`cloakroom files`)"
                }
                true => "migrate the vault, and the files or forget them (`cloakroom files`)",
                false => "migrate first",
            };
            return Err(Error::KeyNeeded { version: number.get(), needed_by: needed_by.join(", "), remedy });
        }
    }
    Ok(edited)
}
