//! A vault over a store: what is true of the vault as a whole.

use super::alarm::Hook;
use super::approvals::{By, ended, target_of};
use super::census::Census;
use super::events::Event;
use super::keyring::Keyring;
use super::ledger::{Indexes, Ledger};
use super::lifecycle::given_up;
use super::log::{Draft, Ids, Log, Pin};
use super::rules::{self, Installed};
use super::subject_cache::OpenedSubjects;
use super::tenant::Tenant;
use super::{META, OUTPUT};
use crate::crypto::context::{Context, Label};
use crate::crypto::kdf;
use crate::crypto::prf::Prf;
use crate::error::{Error, Result};
use crate::keys::{Keyset, UsableKey};
use crate::name::{KeyVersion, TenantId};
use crate::store::{Batch, Commit, Map, Store};
use crate::time::Timestamp;
use crate::wire::{Reader, Writer};
use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};
use std::time::SystemTime;

const CENSUS: &[u8] = b"census";
const ANCHOR: &[u8] = b"anchor";
const ANCHOR_FORMAT: u8 = 2;
/// Without the number of edits.
const FIRST_ANCHOR_FORMAT: u8 = 1;

/// Data subjects and their sealed fields, in a store, under a keyset. Shareable among threads.
///
/// [`Vault::create`] and [`Vault::open`] keep one in a directory; [`Vault::create_in`] and [`Vault::open_in`] in any
/// [`Store`].
pub struct Vault {
    pub(super) store: Box<dyn Store>,
    keyring: RwLock<Arc<Keyring>>,
    /// Held from reading what an operation depends on until its batch is written: operations happen one after the
    /// other, and the ledger always fits the data. Waiting for the disk happens outside, so that one sync serves all.
    writer: Mutex<Written>,
    /// What lookups need of the ledger, so that they wait for no operation.
    published: RwLock<Arc<Published>>,
    /// Held while the keyset is edited: of two rotations at once, one would overwrite the other's new key version.
    edits: Mutex<()>,
    /// Held by a migration: of two at once, each would overwrite how far the other is.
    pub(super) migrating: Mutex<()>,
    /// Held while a blind index is defined or dropped, one after the other.
    indexes: Mutex<()>,
    /// How far the audit tree is. Taken last: reads write leaves while an operation is under way.
    pub(super) log: Mutex<Log>,
    /// How leaves name subjects and fields.
    pub(super) ids: Ids,
    /// Who may see what.
    rules: RwLock<Arc<Installed>>,
    /// How often what decides about subjects was changed since the vault was opened; counted while `log` is held.
    pub(super) changes: AtomicU64,
    /// What time it is.
    clock: Clock,
    /// Who is told of alarms.
    pub(super) hook: Option<Hook>,
    /// Subjects whose keys are unwrapped.
    pub(super) opened: OpenedSubjects,
    /// Where the keyset file is, for a vault in a directory.
    pub(super) home: Option<PathBuf>,
}

type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;

/// What the last operation left in the store about the vault itself.
pub(super) struct Written {
    pub(super) ledger: Ledger,
    anchor: Option<Anchor>,
    /// How many operations there were since the vault was opened.
    pub(super) sequence: u64,
}

/// See [`Vault::published`].
pub(super) struct Published {
    /// The latest time that was ever given with a token that ends.
    pub(super) latest: Timestamp,
    /// The latest time that something was decided at.
    pub(super) decided: Timestamp,
    pub(super) indexes: Indexes,
}

impl Published {
    fn of(ledger: &Ledger) -> Arc<Self> {
        Arc::new(Self { latest: ledger.latest, decided: ledger.decided, indexes: ledger.indexes.clone() })
    }
}

/// Which keyset the data is under: its primary, its highest version, and how often it had been edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Anchor {
    primary: u32,
    highest: u32,
    edits: u64,
}

impl Anchor {
    fn of(keyset: &Keyset) -> Self {
        let highest = keyset.versions().last().expect("a keyset is never empty").number().get();
        Self { primary: keyset.primary_number().get(), highest, edits: keyset.edits() }
    }
}

/// One operation in the making: the batch, and the ledger as it will be.
pub(super) struct Operation<'v> {
    vault: &'v Vault,
    current: MutexGuard<'v, Written>,
    pub(super) ledger: Ledger,
    batch: Batch,
    /// What is known not to be in the store.
    absent: HashSet<(Map, [u8; 16])>,
    pub(super) keyring: Arc<Keyring>,
    pub(super) primary: UsableKey,
    /// What the operation's leaf will say.
    pub(super) draft: Draft,
    /// The rules as they will be.
    pub(super) new_rules: Option<Installed>,
    /// Whether what decides about subjects is other than before.
    pub(super) changes_decisions: bool,
}

impl Vault {
    /// Makes a vault in an empty store.
    ///
    /// # Errors
    /// [`Error::KeyState`] when the keyset's primary cannot protect; [`Error::Setting`] when the store holds a vault
    /// already; the store's.
    pub fn create_in(store: Box<dyn Store>, keyset: Keyset) -> Result<Self> {
        if !store.scan(META, &[], None, 1)?.is_empty() {
            let problem = "is not empty: it holds a vault already".into();
            return Err(Error::Setting { what: "store", problem });
        }
        let written = Written { ledger: Ledger::new(), anchor: None, sequence: 0 };
        let vault = Self::over(store, keyset, written, Log::new(), Installed::none());
        vault.finish(vault.operation(Draft::new("create"))?)?;
        Ok(vault)
    }

    /// Opens the vault in a store. Runs that were cut off are rolled back.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the keyset is another vault's, or older than the data, or when the anchor or the census is
    /// missing or was altered; the store's.
    pub fn open_in(store: Box<dyn Store>, keyset: Keyset) -> Result<Self> {
        let missing = |what: &str| Error::Corrupt { problem: format!("its {what} is missing") };
        let anchor = store.get(META, ANCHOR)?.ok_or_else(|| missing("anchor"))?;
        let anchor = Some(check_anchor(&keyset, &anchor)?);
        let ledger = store.get(META, CENSUS)?.ok_or_else(|| missing("census"))?;
        let ledger = Ledger::open(&keyset, &ledger)?;
        // The anchor says so before anything is opened; an old one may have been put back.
        check_edits(&keyset, ledger.edits)?;
        let log = Log::open(&keyset, &*store, &ledger.pin)?;
        let rules = rules::open(&keyset, &*store, ledger.rules)?;
        let is_old = ledger.is_old;
        let vault = Self::over(store, keyset, Written { ledger, anchor, sequence: 0 }, log, rules);
        // A keyset that was edited just before the process ended: from now on no older one passes for it.
        if anchor != Some(Anchor::of(&vault.keyring().keyset)) || is_old {
            vault.finish(vault.bookkeeping(Draft::new("open"))?)?;
        }
        vault.roll_back_runs()?;
        Ok(vault)
    }

    fn over(store: Box<dyn Store>, keyset: Keyset, written: Written, log: Log, rules: Installed) -> Self {
        let keyring = RwLock::new(Arc::new(Keyring::new(keyset)));
        let published = RwLock::new(Published::of(&written.ledger));
        Self {
            store,
            keyring,
            published,
            log: Mutex::new(log),
            ids: written.ledger.ids.clone(),
            rules: RwLock::new(Arc::new(rules)),
            changes: AtomicU64::new(0),
            clock: Box::new(|| SystemTime::now().into()),
            hook: None,
            opened: OpenedSubjects::default(),
            writer: Mutex::new(written),
            edits: Mutex::default(),
            migrating: Mutex::default(),
            indexes: Mutex::default(),
            home: None,
        }
    }

    /// Takes the time from this clock from now on, in place of the system's.
    #[must_use]
    pub fn with_clock(self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { clock: Box::new(clock), ..self }
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// What is decided by: a clock that goes back brings back nothing that ended.
    pub(super) fn decision_time(&self) -> Timestamp {
        self.now().max(self.published().decided)
    }

    /// The rules that are in force.
    pub(super) fn rules(&self) -> Arc<Installed> {
        self.rules.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// The keyset as it is now.
    pub fn keyset(&self) -> Keyset {
        self.keyring().keyset.clone()
    }

    /// The counts as they are now.
    pub fn census(&self) -> Census {
        self.hold().ledger.census.clone()
    }

    /// The part of the vault that is one tenant's.
    pub fn tenant(&self, tenant: &TenantId) -> Tenant<'_> {
        Tenant::new(self, tenant.clone())
    }

    /// Bytes that the vault takes up in its store.
    ///
    /// # Errors
    /// The store's.
    pub fn size(&self) -> Result<u64> {
        self.store.size()
    }

    /// Whether a file with this SHA-256 was made by this vault's [runs](Vault::begin_run).
    ///
    /// # Errors
    /// The store's.
    pub fn made(&self, sha256: &[u8; 32]) -> Result<bool> {
        Ok(self.store.get(OUTPUT, sha256)?.is_some())
    }

    /// Goes on with an edited keyset, which the caller has saved durably: the same keyset with the same versions or
    /// more. A vault in a directory does both with [`rotate`](Vault::rotate) and [`edit_keyset`](Vault::edit_keyset).
    ///
    /// # Errors
    /// [`Error::Setting`] for another keyset, or for one that lacks a version or has another in its place;
    /// [`Error::KeyNeeded`] when a version was retired or destroyed that something still needs.
    pub fn adopt(&self, keyset: Keyset) -> Result<()> {
        let edit = |current: &Keyset, census: &Census| given_up(current, keyset, census);
        self.edited("adopt", By::default(), None, edit, |_| Ok(()))
    }

    /// Edits the keyset, saves it durably with `save`, and goes on with it; one edit after the other. `event` is logged.
    ///
    /// An approval is used with the event, after the keyset is durable: an edit that is refused does not use it up, and where
    /// the process ends in between, all that it is still good for was done.
    pub(super) fn edited(
        &self,
        kind: &'static str,
        by: By<'_>,
        event: Option<Event>,
        edit: impl FnOnce(&Keyset, &Census) -> Result<Keyset>,
        save: impl FnOnce(&Keyset) -> Result<()>,
    ) -> Result<()> {
        let _one_at_a_time = self.edits.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let takes_approval;
        {
            // Nothing is counted, and so nothing put, between the question what needs a version and its end.
            let written = self.hold();
            let current = self.keyring();
            let keyset = edit(&current.keyset, &written.ledger.census)?;
            check_edit(&current.keyset, &keyset)?;
            let now = self.now().max(written.ledger.decided);
            let ended = ended(&current.keyset, &keyset);
            takes_approval = !ended.is_empty();
            for (action, version) in ended {
                self.may(by, action, &target_of(&written.ledger.census, action, version), now)?;
            }
            if let Some(event) = event.as_ref().filter(|_| takes_approval) {
                // What cannot be taken back has a leaf before it is done, too: the process may end in between.
                self.noted(intent(by, event))?;
            }
            save(&keyset)?;
            *self.keyring.write().unwrap_or_else(|poisoned| poisoned.into_inner()) =
                Arc::new(Keyring::new(keyset));
            self.opened.clear();
            // A reveal that is under way looks again: the version may show nothing any more.
            let _log = self.log_guard();
            self.changes.fetch_add(1, Ordering::Release);
        }
        // The anchor and the census go over to the new primary.
        let mut operation = self.bookkeeping(Draft::new(kind))?;
        if let Some(principal) = by.principal {
            operation.draft.principal = principal.as_str().to_owned();
        }
        if let Some(event) = event {
            operation.draft.note = event.to_string();
            operation.log(&event)?;
        }
        if let Some(approval) = by.approval.filter(|_| takes_approval) {
            operation.use_up(approval)?;
        }
        self.finish(operation)
    }

    pub(super) fn defining(&self) -> MutexGuard<'_, ()> {
        self.indexes.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(super) fn published(&self) -> Arc<Published> {
        self.published.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    pub(super) fn store(&self) -> &dyn Store {
        &*self.store
    }

    pub(super) fn keyring(&self) -> Arc<Keyring> {
        self.keyring.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// What was written last, and no other operation while it is held.
    ///
    /// A panic while it was held cannot have left a ledger that does not fit: it is replaced last, at once.
    pub(super) fn hold(&self) -> MutexGuard<'_, Written> {
        self.writer.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Starts an operation that protects data.
    ///
    /// # Errors
    /// [`Error::KeyState`] while the primary may not protect.
    pub(super) fn operation(&self, draft: Draft) -> Result<Operation<'_>> {
        self.begin(draft, Keyset::primary)
    }

    /// Starts an operation that protects nothing new, as taking back and noting down are: a suspended or compromised
    /// primary does not stop it.
    pub(super) fn bookkeeping(&self, draft: Draft) -> Result<Operation<'_>> {
        self.begin(draft, |keyset| keyset.for_bookkeeping(keyset.primary_number()))
    }

    fn begin(
        &self,
        draft: Draft,
        primary: impl FnOnce(&Keyset) -> Result<UsableKey>,
    ) -> Result<Operation<'_>> {
        let current = self.hold();
        let keyring = self.keyring();
        let primary = primary(&keyring.keyset)?;
        let ledger = current.ledger.clone();
        let (batch, absent) = (Batch::new(), HashSet::new());
        Ok(Operation {
            vault: self,
            current,
            ledger,
            batch,
            absent,
            keyring,
            primary,
            draft,
            new_rules: None,
            changes_decisions: false,
        })
    }

    /// Writes the operation and waits until it is durable.
    pub(super) fn finish(&self, operation: Operation<'_>) -> Result<()> {
        let commit = operation.write()?;
        self.store.sync(commit)
    }
}

impl<'v> Operation<'v> {
    pub(super) fn vault(&self) -> &'v Vault {
        self.vault
    }

    /// The entry as it is after what the operation has done so far.
    pub(super) fn get(&self, map: Map, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.batch.get(map, key) {
            Some(written) => Ok(written.map(<[u8]>::to_vec)),
            None if !self.absent.is_empty()
                && key.try_into().is_ok_and(|key| self.absent.contains(&(map, key))) =>
            {
                Ok(None)
            }
            None => self.vault.store.get(map, key),
        }
    }

    /// Takes over what was not in the store after this operation, if that was the last one.
    pub(super) fn trust(&mut self, sequence: u64, absent: HashSet<(Map, [u8; 16])>) {
        if self.current.sequence == sequence {
            self.absent = absent;
        }
    }

    /// Sets an entry, in place of the one that was there.
    pub(super) fn put(&mut self, map: Map, key: &[u8], old: Option<&[u8]>, new: Vec<u8>) {
        if let Some(old) = old {
            self.ledger.fingerprint.toggle(map, key, old);
        }
        self.ledger.fingerprint.toggle(map, key, &new);
        self.batch.put(map, key, new);
    }

    /// Removes the entry that was there.
    pub(super) fn delete(&mut self, map: Map, key: &[u8], old: &[u8]) {
        self.ledger.fingerprint.toggle(map, key, old);
        self.batch.delete(map, key);
    }

    /// Writes the batch with its leaf and the ledger, and lets the next operation in.
    pub(super) fn write(self) -> Result<Commit> {
        Ok(self.write_pinned()?.0)
    }

    /// As [`write`](Operation::write), and how far the audit tree is with its leaf.
    pub(super) fn write_pinned(mut self) -> Result<(Commit, Pin)> {
        let anchor = Anchor::of(&self.keyring.keyset);
        let is_moved = self.current.anchor != Some(anchor);
        if is_moved {
            self.batch.put(META, ANCHOR, seal_anchor(&self.keyring.keyset, &self.primary));
        }
        let rules = self.new_rules.take().map(Arc::new);
        if let Some(rules) = rules.clone().or_else(|| is_moved.then(|| self.vault.rules())) {
            self.ledger.rules = rules.in_ledger();
            rules.put(&self.primary, &mut self.batch)?;
        }
        self.ledger.edits = self.keyring.keyset.edits();
        // No leaf, no operation: it is in the same batch, and nothing else is written meanwhile.
        let mut log = self.vault.log_guard();
        let mut next = log.clone();
        // A line break in a name of the caller's would keep the leaf from being written.
        self.draft.note = self.draft.note.replace(char::is_control, " ");
        next.append(&self.draft, self.vault.moment(), &self.keyring, &mut self.batch)?;
        self.ledger.pin = next.pin();
        self.batch.put(META, CENSUS, self.ledger.seal(&self.primary)?);
        let commit = self.vault.store.write(self.batch)?;
        *log = next;
        let is_decided_otherwise = self.changes_decisions || rules.is_some();
        if let Some(rules) = rules {
            *self.vault.rules.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = rules;
        }
        if is_decided_otherwise {
            // After the rules are others: who counts the change must not decide by the earlier ones.
            self.vault.changes.fetch_add(1, Ordering::Release);
        }
        drop(log);
        let published = self.vault.published();
        if (published.latest, published.decided) != (self.ledger.latest, self.ledger.decided)
            || published.indexes != self.ledger.indexes
        {
            let mut published = self.vault.published.write().unwrap_or_else(|poisoned| poisoned.into_inner());
            *published = Published::of(&self.ledger);
        }
        let (sequence, pin) = (self.current.sequence + 1, self.ledger.pin);
        *self.current = Written { ledger: self.ledger, anchor: Some(anchor), sequence };
        Ok((commit, pin))
    }
}

/// The leaf of something that is about to be done.
fn intent(by: By<'_>, event: &Event) -> Draft {
    let approver = by.approval.map(|approval| format!(", approved by {}", approval.approver));
    let mut draft = Draft::noted(
        "intent",
        format!("{event}{}", approver.unwrap_or_default()).replace(char::is_control, " "),
    );
    draft.principal = by.principal.map(|name| name.as_str().to_owned()).unwrap_or_default();
    draft
}

/// Whether `edited` is an edit of `current`. What may not be given up while it is needed is for
/// [`lifecycle`](super::lifecycle) to say.
fn check_edit(current: &Keyset, edited: &Keyset) -> Result<()> {
    let refused = |problem: String| Err(Error::Setting { what: "keyset", problem });
    if edited.id() != current.id() {
        return refused("is not an edit of this vault's keyset".into());
    }
    if edited.edits() < current.edits() {
        return refused("is older than the vault's: take the newest keyset file".into());
    }
    for old in current.versions() {
        let Ok(new) = edited.version(old.number()) else {
            return refused(format!("lacks key version {}", old.number()));
        };
        if old.check_value() != new.check_value() && new.check_value().is_some() {
            return refused(format!("has another key as version {}", old.number()));
        }
    }
    Ok(())
}

/// `format 2 │ key version 4 │ keyset id 16 │ highest version 4 │ edits 8 │ tag 32`; format 1 lacks the edits.
fn seal_anchor(keyset: &Keyset, key: &UsableKey) -> Vec<u8> {
    let Anchor { primary, highest, edits } = Anchor::of(keyset);
    let mut w = Writer::new();
    w.u8(ANCHOR_FORMAT).u32(primary).bytes(&keyset.id().0).u32(highest).u64(edits);
    let tag = anchor_prf(key).tag(&[w.as_bytes()]).into_public::<32>();
    w.bytes(&tag);
    w.into_bytes()
}

fn check_anchor(keyset: &Keyset, bytes: &[u8]) -> Result<Anchor> {
    let corrupt = |problem: &str| Error::Corrupt { problem: problem.into() };
    let (body, tag) = bytes.split_last_chunk::<32>().ok_or_else(|| corrupt("its anchor is cut short"))?;
    let mut r = Reader::new("anchor", body);
    let format = r.u8()?;
    if !matches!(format, FIRST_ANCHOR_FORMAT | ANCHOR_FORMAT) {
        return Err(r.malformed("has a format that this release does not know"));
    }
    let (version, id, seen) = (r.u32()?, r.array::<16>()?, r.u32()?);
    let edits = if format == ANCHOR_FORMAT { r.u64()? } else { 0 };
    r.finish()?;
    if id != keyset.id().0 {
        return Err(corrupt("its keyset file belongs to another vault"));
    }
    if seen > Anchor::of(keyset).highest {
        let problem = format!("its keyset file is older than its data, which has seen key version {seen}");
        return Err(Error::Corrupt { problem });
    }
    let key = keyset.for_bookkeeping(KeyVersion::new(version)?)?;
    if !anchor_prf(&key).tag(&[body]).verifies(tag) {
        return Err(corrupt("its anchor was altered"));
    }
    check_edits(keyset, edits)?;
    Ok(Anchor { primary: version, highest: seen, edits })
}

/// Whether the keyset is at least as new as the one that the data was written under.
fn check_edits(keyset: &Keyset, seen: u64) -> Result<()> {
    if seen > keyset.edits() {
        let problem = format!(
            "its keyset file is older than its data: it was edited {} times, and the data has seen {seen}",
            keyset.edits()
        );
        return Err(Error::Corrupt { problem });
    }
    Ok(())
}

fn anchor_prf(key: &UsableKey) -> Prf {
    Prf::new(&kdf::derive(key.secret(), &Context::new(Label::Anchor)))
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({:?}, ..)", self.keyring().keyset)
    }
}
