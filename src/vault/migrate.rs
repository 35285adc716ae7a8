//! Moving everything to the primary key versions: subjects' wrapped keys and blinded index entries, the entries of blind
//! indexes, random tokens and the fingerprints of their values; and, when asked to, sealing every field anew.
//!
//! How far it is stands in the ledger, and so in the same batch as the work: a migration that was cut off goes on where it
//! was. After other edits of the keyset, or for another kind of migration, it starts again; what was moved is passed over
//! quickly.

use super::blind::Indexers;
use super::census::{Line, Mode};
use super::ledger::Checkpoint;
use super::log::Draft;
use super::open::{Operation, Vault};
use super::pages::Pages;
use super::tenant::{Tenant, entry_key_of};
use super::{ENTRY, TOKEN};
use crate::error::{Error, Result};
use crate::keys::{KeyState, KeyUse, Keyset};
use crate::name::{FieldName, KeyVersion, TenantId};
use crate::store::Map;
use crate::wire::entry::split_entry_key;
use std::collections::HashMap;
use std::sync::{MutexGuard, TryLockError};
use std::time::{Duration, Instant};

/// In this order: tokens that subjects hold are sealed under keys that the first pass has moved.
const PASSES: [Map; 2] = [ENTRY, TOKEN];
/// Passes over everything before giving up: each is made because the keyset was edited during the one before.
const MOST_ROUNDS: u32 = 8;

/// How everything is moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Migration {
    /// Give every subject a new data key, and seal her id, fields and values anew; otherwise her key is wrapped anew.
    pub reseal: bool,
    /// No more than so many subjects and tokens in a second, so that others get their turn.
    pub most_per_second: Option<u32>,
    /// Open what a suspended or compromised version protects as well: to get away from it.
    pub despite_state: bool,
}

/// How far a migration is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Subjects and tokens seen so far by this call.
    pub seen: u64,
    /// Subjects and tokens moved so far by this call.
    pub moved: u64,
    /// Fields sealed anew by this call.
    pub resealed: u64,
    /// Entries of blind indexes written by this call.
    pub indexed: u64,
    /// Subjects and tokens passed over by this call, because their key version is destroyed.
    pub lost: u64,
    /// Subjects and tokens in the vault that are to be seen.
    pub total: u64,
}

impl Progress {
    /// How long the rest takes if it goes on as it did.
    pub fn remaining(&self, elapsed: Duration) -> Option<Duration> {
        let left = self.total.checked_sub(self.seen)?;
        (self.seen > 0).then(|| elapsed.mul_f64(left as f64 / self.seen as f64))
    }
}

/// What one migration needs while it goes on.
pub(super) struct Mover {
    pub(super) how: Migration,
    pub(super) sum: Progress,
    /// What is under another key, for each tenant met.
    pub(super) indexers: HashMap<TenantId, Indexers>,
    started: Instant,
}

impl Vault {
    /// Moves what is under other key versions to the primary ones, as [`migrate_with`](Vault::migrate_with).
    ///
    /// # Errors
    /// As [`migrate_with`](Vault::migrate_with).
    pub fn migrate(&self, progress: impl FnMut(Progress)) -> Result<Progress> {
        self.migrate_with(Migration::default(), progress)
    }

    /// Moves every subject, index entry and token to the primary key version of its use, builds blind indexes that lack
    /// records and removes what is left of dropped ones, then reports what was done. Goes on where an earlier call was
    /// cut off. Other operations may run meanwhile, and see everything. What belongs to one subject is moved in one
    /// atomic batch. What is under a destroyed version stays as it is, and is counted as lost.
    ///
    /// # Errors
    /// [`Error::Setting`] while another migration is under way; [`Error::KeyState`] when something is under a version
    /// that may not reveal, unless `despite_state`; [`Error::Rejected`] when an entry was altered; [`Error::Corrupt`] when
    /// entries are missing; the store's. What was moved stays moved.
    pub fn migrate_with(&self, how: Migration, mut progress: impl FnMut(Progress)) -> Result<Progress> {
        let _only = self.only_migration()?;
        let mut mover =
            Mover { how, sum: Progress::default(), indexers: HashMap::new(), started: Instant::now() };
        for _ in 0..MOST_ROUNDS {
            let (edits, moved) = (self.keyring().keyset.edits(), mover.sum.moved);
            self.migrate_once(&mut mover, &mut progress)?;
            // What is lost can hold entries under other versions, which stay behind with it.
            let rest_is_lost =
                || mover.sum.lost > 0 && mover.sum.moved == moved && self.keyring().keyset.edits() == edits;
            if !self.left_behind()? || rest_is_lost() {
                return Ok(mover.sum);
            }
            mover.how.reseal = false; // done already
        }
        Err(Error::Corrupt { problem: "some of what it has counted is missing; `check` says what".into() })
    }

    /// Keeps migrations, and whatever must not happen during one, apart.
    ///
    /// # Errors
    /// [`Error::Setting`] while a migration is under way.
    pub(super) fn only_migration(&self) -> Result<MutexGuard<'_, ()>> {
        match self.migrating.try_lock() {
            Ok(guard) => Ok(guard),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => {
                let problem = "is under way in another thread: wait for its end".into();
                Err(Error::Setting { what: "a migration", problem })
            }
        }
    }

    /// Whether anything is under another version than the primary of its use, or an index lacks records.
    fn left_behind(&self) -> Result<bool> {
        let written = self.hold();
        let keyset = &self.keyring().keyset;
        for (line, _) in written.ledger.census.lines() {
            let is_dropped = line.mode == Mode::Index
                && !written.ledger.indexes.contains_key(&(line.tenant.clone(), line.field.clone()));
            if is_dropped || target(keyset, line)?.is_some_and(|target| target.get() != line.version) {
                return Ok(true);
            }
        }
        Ok(written.ledger.indexes.values().any(|defined| !defined.built))
    }

    fn migrate_once(&self, mover: &mut Mover, progress: &mut impl FnMut(Progress)) -> Result<()> {
        let (mut point, unbuilt) = self.migration_start(mover)?;
        while usize::from(point.pass) < PASSES.len() {
            let after = point.after;
            let map = PASSES[usize::from(point.pass)];
            let after = Some(&after[..]).filter(|after| **after != [0; 16]);
            let mut pages = Pages::new(self.store(), map, &[], after);
            while self.migrate_page(&mut point, &mut pages, mover)? {
                progress(mover.sum);
                mover.wait();
            }
            point = Checkpoint { pass: point.pass + 1, after: [0; 16], ..point };
        }
        let mut operation = self.operation(Draft::new("migrated"))?;
        for key in unbuilt {
            if let Some(defined) = operation.ledger.indexes.get_mut(&key) {
                defined.built = true;
            }
        }
        operation.ledger.migration = None;
        self.finish(operation)?;
        progress(mover.sum);
        Ok(())
    }

    /// Where to begin, and which indexes lack records now.
    #[allow(clippy::type_complexity, reason = "indexes are named by tenant and name")]
    fn migration_start(&self, mover: &mut Mover) -> Result<(Checkpoint, Vec<(String, String)>)> {
        let written = self.hold();
        let keyset = &self.keyring().keyset;
        let ledger = &written.ledger;
        let unbuilt = ledger.indexes.iter().filter(|(_, defined)| !defined.built).map(|(key, _)| key.clone());
        let fresh = Checkpoint { edits: keyset.edits(), reseal: mover.how.reseal, pass: 0, after: [0; 16] };
        let is_of = |point: &Checkpoint| Checkpoint { pass: 0, after: [0; 16], ..*point } == fresh;
        let point = ledger.migration.filter(is_of).unwrap_or(fresh);
        mover.indexers.clear();
        (mover.sum.seen, mover.sum.lost) = (0, 0);
        mover.sum.total = ledger.census.total(Mode::SubjectKey) + ledger.census.total(Mode::Token);
        Ok((point, unbuilt.collect()))
    }

    /// Whether there may be more.
    fn migrate_page(&self, point: &mut Checkpoint, pages: &mut Pages<'_>, mover: &mut Mover) -> Result<bool> {
        let mut operation = self.operation(Draft::new("migrate"))?;
        let Some(page) = pages.next()? else { return Ok(false) };
        // The keyset may have been edited: the rest goes to the new primaries at once, and another round sees to what is
        // behind.
        mover.indexers.clear();
        for (key, bytes) in &page {
            let key = entry_key_of(key)?;
            point.after = key;
            let is_item = PASSES[usize::from(point.pass)] == TOKEN || split_entry_key(&key).1 == 0;
            let moved = match PASSES[usize::from(point.pass)] {
                TOKEN => self.move_token(&mut operation, &key, bytes, mover)?,
                _ if is_item => self.move_subject(&mut operation, &key, bytes, mover)?,
                _ => false,
            };
            // Tokens get other keys when they move, and may be met again.
            mover.sum.seen = mover.sum.total.min(mover.sum.seen + u64::from(is_item));
            mover.sum.moved += u64::from(moved);
        }
        operation.ledger.migration = Some(*point);
        self.finish(operation)?;
        Ok(true)
    }
}

impl Mover {
    /// Waits until as much time has gone by as was to be taken for what is done.
    fn wait(&self) {
        let Some(most) = self.how.most_per_second.filter(|most| *most > 0) else { return };
        let due = Duration::from_secs_f64(self.sum.seen as f64 / f64::from(most));
        std::thread::sleep(due.saturating_sub(self.started.elapsed()));
    }

    /// The indexers of a tenant, under the primaries of the operation's keyset.
    pub(super) fn indexers(&mut self, operation: &Operation<'_>, tenant: &Tenant<'_>) -> Result<&Indexers> {
        if !self.indexers.contains_key(tenant.name()) {
            self.indexers.insert(tenant.name().clone(), Indexers::of(operation, tenant.name())?);
        }
        Ok(self.indexers.get(tenant.name()).expect("it was just put there"))
    }
}

/// Whether what is under this version can never be opened again.
pub(super) fn is_destroyed(keyset: &Keyset, number: u32) -> Result<bool> {
    Ok(keyset.version(KeyVersion::new(number)?)?.state() == KeyState::Destroyed)
}

/// The version that what a line counts should be under; `None` for what is out of the vault's reach.
pub(super) fn target(keyset: &Keyset, line: &Line) -> Result<Option<KeyVersion>> {
    Ok(match line.mode {
        Mode::Seal | Mode::SubjectKey | Mode::Row => Some(keyset.primary_number()),
        Mode::Token | Mode::Fingerprint | Mode::Index => {
            let (tenant, field) = (TenantId::new(&line.tenant)?, FieldName::new(&line.field)?);
            Some(keyset.primary_number_for(&KeyUse::Field { tenant, field }))
        }
        _ => None,
    })
}
