//! The audit log: a leaf for each operation, in the operation's own batch, and a Merkle tree over the leaves.
//!
//! ```text
//!  audit   number 8                   →  a leaf, see wire::audit
//!  meta    "audit"                    →  format 1 │ key version 4 │ size 8 │ peaks 1 │ peak 32 each │
//!                                        hour 8 │ principals 2 │ each: name 2+n, used 8 │ tag 32
//!  subject HMAC-SHA256(K, encode(tenant, locator))[0..16]      how leaves name a subject
//!  field   HMAC-SHA256(K, encode(tenant, field))[0..8]         and a field
//! ```
//!
//! `K` is random, kept in the sealed ledger, and belongs to no key version: a leaf is never written again, and must name a
//! subject as others do. Her locator is random and goes with her, so nobody can tell afterwards who an erased subject was.
//!
//! A read has a leaf of its own, written and durable before the value is handed out; it writes no ledger. The ledger of
//! every other operation says how far the tree was, so that only reads since the last change can be cut off the end, and
//! not past a head that somebody else has.

use super::access_segment::LONGEST_LEAF;
use super::keyring::{Keyring, audit_prf};
use super::open::Vault;
use super::{AUDIT, META};
use crate::crypto::context::{Context, Label};
use crate::crypto::merkle::{Frontier, Hash, leaf_hash};
use crate::crypto::prf::{Prf, Tag};
use crate::crypto::rng;
use crate::crypto::secret::PrfKey;
use crate::error::{Error, Result};
use crate::keys::Keyset;
use crate::name::{KeyVersion, Principal, TenantId};
use crate::store::{Batch, Commit, Store};
use crate::time::Timestamp;
use crate::wire::audit::{self, Detail, Item, Leaf};
use crate::wire::entry::Locator;
use crate::wire::{Reader, Writer};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, MutexGuard, RwLock};
use zeroize::Zeroizing;

/// Where the tree stands in the store.
pub(super) const STATE: &[u8] = b"audit";
const FORMAT: u8 = 1;
/// What leaves and the ledger call a subject.
pub(super) type AuditId = [u8; 16];
/// What leaves call a field.
pub(super) type FieldId = [u8; 8];

/// How far the tree is, and what is counted with every read.
#[derive(Clone)]
pub(super) struct Log {
    pub(super) frontier: Frontier,
    /// The hour, since 1970, that `used` is of.
    pub(super) hour: u64,
    /// How many values each principal was shown in that hour.
    pub(super) used: BTreeMap<String, u64>,
}

/// How far the tree was when the ledger was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pin {
    pub(super) size: u64,
    pub(super) root: Hash,
}

impl Log {
    pub(super) fn new() -> Self {
        Self { frontier: Frontier::new(), hour: 0, used: BTreeMap::new() }
    }

    pub(super) fn pin(&self) -> Pin {
        Pin { size: self.frontier.size(), root: self.frontier.root() }
    }

    /// Values that a principal was shown in this hour.
    pub(super) fn used(&self, principal: &str, now: Timestamp) -> u64 {
        match self.hour >= now.0 / 3600 {
            true => self.used.get(principal).copied().unwrap_or(0),
            false => 0,
        }
    }

    pub(super) fn count(&mut self, principal: &str, shown: u64, now: Timestamp) {
        if shown == 0 {
            return;
        }
        // A clock that goes back, or a long read that is counted late, begins no new count.
        let hour = self.hour.max(now.0 / 3600);
        if self.hour != hour {
            (self.hour, self.used) = (hour, BTreeMap::new());
        }
        match self.used.get_mut(principal) {
            Some(used) => *used = used.saturating_add(shown),
            None => drop(self.used.insert(principal.into(), shown)),
        }
    }

    /// Adds the draft's leaf and where the tree stands to the batch.
    pub(super) fn append(
        &mut self,
        draft: &Draft,
        (at, rules_version): (Timestamp, u32),
        keyring: &Keyring,
        batch: &mut Batch,
    ) -> Result<()> {
        let parts = draft.items.len().div_ceil(MOST_ITEMS).max(1);
        for part in 0..parts {
            let bytes = draft.leaf(at, rules_version, part * MOST_ITEMS).to_bytes()?;
            if bytes.len() > LONGEST_LEAF {
                return Err(Error::TooLong { what: "audit leaf", actual: bytes.len(), limit: LONGEST_LEAF });
            }
            let number = self.frontier.size();
            self.frontier.push(leaf_hash(&bytes));
            batch.put(AUDIT, number.to_be_bytes(), bytes);
        }
        batch.put(META, STATE, self.seal(keyring)?);
        Ok(())
    }

    fn seal(&self, keyring: &Keyring) -> Result<Vec<u8>> {
        let mut w = Writer::new();
        w.u8(FORMAT).u32(keyring.keyset.primary_number().get()).u64(self.frontier.size());
        let peaks = self.frontier.peaks();
        w.u8(u8::try_from(peaks.len()).expect("a tree of 2^64 leaves has 64 peaks at most"));
        for peak in peaks {
            w.bytes(peak);
        }
        w.u64(self.hour);
        let used = self.used.len();
        w.u16(u16::try_from(used).map_err(|_| Error::TooLong {
            what: "number of principals in an hour",
            actual: used,
            limit: 65_535,
        })?);
        for (name, used) in &self.used {
            w.short(name.as_bytes())?.u64(*used);
        }
        let tag = keyring.audit_prf()?.tag(&[w.as_bytes()]).into_public::<32>();
        w.bytes(&tag);
        Ok(w.into_bytes())
    }

    /// The state that was written last; a vault of an earlier release has none.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it is missing though `pin` says that there are leaves, when it was altered, or when it is
    /// behind the ledger.
    pub(super) fn open(keyset: &Keyset, store: &dyn Store, pin: &Pin) -> Result<Self> {
        let corrupt = |problem: &str| Error::Corrupt { problem: problem.into() };
        let Some(bytes) = store.get(META, STATE)? else {
            return match pin.size {
                0 => Ok(Self::new()),
                _ => Err(corrupt("where its audit tree stands is missing")),
            };
        };
        let altered = || corrupt("where its audit tree stands was altered");
        let (body, tag) = bytes.split_last_chunk::<32>().ok_or_else(altered)?;
        let mut r = Reader::new("state of the audit tree", body);
        r.expect(&[FORMAT], "has a format that this release does not know")?;
        let key = keyset.for_bookkeeping(KeyVersion::new(r.u32()?)?)?;
        if !audit_prf(&key).tag(&[body]).verifies(tag) {
            return Err(altered());
        }
        let size = r.u64()?;
        let peaks = (0..r.u8()?).map(|_| r.array()).collect::<Result<Vec<Hash>>>()?;
        let frontier = Frontier::from_parts(size, peaks)?;
        let hour = r.u64()?;
        let used = (0..r.u16()?).map(|_| Ok((r.short_str()?.to_owned(), r.u64()?))).collect::<Result<_>>()?;
        r.finish()?;
        let log = Self { frontier, hour, used };
        if size < pin.size || size == pin.size && log.pin() != *pin {
            return Err(corrupt("its audit tree is older than its data"));
        }
        let at = |number: u64| store.get(AUDIT, &number.to_be_bytes());
        if size.checked_sub(1).map_or(Ok(false), |last| Ok::<_, Error>(at(last)?.is_none()))? {
            return Err(corrupt("the last leaf of its audit tree is missing"));
        }
        if at(size)?.is_some() {
            return Err(corrupt("it has leaves that its audit tree does not know"));
        }
        Ok(log)
    }
}

/// How leaves name subjects and fields.
#[derive(Clone)]
pub(super) struct Ids(Arc<IdKeys>);

struct IdKeys {
    key: PrfKey,
    prf: Prf,
    /// Ids of fields, by tenant and name.
    fields: RwLock<HashMap<String, HashMap<String, FieldId>>>,
}

/// Names of fields that are kept with their ids; after that they are made anew each time.
const KEPT: usize = 1 << 16;

impl Ids {
    pub(super) fn generate() -> Self {
        Self::from_bytes(&mut rng::bytes())
    }

    pub(super) fn from_bytes(bytes: &mut [u8; 32]) -> Self {
        let key = PrfKey::from_bytes(bytes);
        Self(Arc::new(IdKeys { prf: Prf::new(&key), key, fields: RwLock::default() }))
    }

    pub(super) fn expose(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(*self.0.key.expose())
    }

    /// What shows that the vault itself wrote what follows from leaves.
    pub(super) fn tag(&self, place: &Context, body: &[u8]) -> Tag {
        self.0.prf.tag(&[place.as_bytes(), &Context::length_prefix(body.len()), body])
    }

    pub(super) fn subject(&self, tenant: &TenantId, locator: &Locator) -> AuditId {
        let context = Context::new(Label::AuditSubject).part(tenant.as_str()).part(locator);
        self.0.prf.tag(&[context.as_bytes()]).into_public()
    }

    pub(super) fn field(&self, tenant: &TenantId, field: &str) -> FieldId {
        let known = self.0.fields.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(id) = known.get(tenant.as_str()).and_then(|fields| fields.get(field)) {
            return *id;
        }
        drop(known);
        let context = Context::new(Label::AuditField).part(tenant.as_str()).part(field);
        let id = self.0.prf.tag(&[context.as_bytes()]).into_public();
        let mut known = self.0.fields.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let fields = known.entry(tenant.as_str().to_owned()).or_default();
        if fields.len() < KEPT {
            fields.insert(field.to_owned(), id);
        }
        id
    }
}

/// Items of a leaf at the most: an operation on more has several, so that each fits a value of the store.
const MOST_ITEMS: usize = 1 << 14;
/// Contexts of a leaf at the most; what comes after them is told without its fields.
const MOST_CONTEXTS: usize = 1 << 12;

/// A leaf in the making.
#[derive(Clone, Default)]
pub(super) struct Draft {
    kind: &'static str,
    pub(super) principal: String,
    pub(super) purpose: String,
    /// Text for everybody: it names no subject and holds no value.
    pub(super) note: String,
    contexts: Vec<audit::Context>,
    items: Vec<Item>,
    details: Vec<(u32, Vec<u8>)>,
}

impl Draft {
    pub(super) fn new(kind: &'static str) -> Self {
        Self { kind, ..Self::default() }
    }

    pub(super) fn noted(kind: &'static str, note: impl Into<String>) -> Self {
        Self { kind, note: note.into(), ..Self::default() }
    }

    /// Names who did it.
    pub(super) fn by(self, principal: &Principal) -> Self {
        Self { principal: principal.as_str().to_owned(), ..self }
    }

    /// Adds a subject, and what was decided and done to which of her fields. The item's number.
    pub(super) fn item(
        &mut self,
        subject: AuditId,
        (decision, reason): (u8, u8),
        key_version: u32,
        fields: &[FieldId],
    ) -> u32 {
        let is_full = self.contexts.len() >= MOST_CONTEXTS;
        let same = |c: &audit::Context| {
            (c.decision, c.reason, c.key_version) == (decision, reason, key_version) && c.fields == fields
        };
        let context = match self.contexts.iter().rposition(same) {
            Some(context) => context,
            None if is_full && !fields.is_empty() => {
                return self.item(subject, (decision, reason), key_version, &[]);
            }
            None => {
                let fields = fields.to_vec();
                self.contexts.push(audit::Context { decision, reason, key_version, fields });
                self.contexts.len() - 1
            }
        };
        self.items.push(Item { subject, context: u16::try_from(context).unwrap_or(u16::MAX) });
        (self.items.len() - 1) as u32
    }

    /// Adds what is sealed for an item's subject.
    pub(super) fn detail(&mut self, item: u32, sealed: Vec<u8>) {
        self.details.push((item, sealed));
    }

    /// The leaf of so many items from this one on.
    fn leaf(&self, at: Timestamp, rules_version: u32, from: usize) -> Leaf<'_> {
        let to = self.items.len().min(from + MOST_ITEMS);
        let of_part = self.details.iter().filter(|(item, _)| (from..to).contains(&(*item as usize)));
        Leaf {
            kind: self.kind,
            at,
            principal: &self.principal,
            purpose: &self.purpose,
            rules_version,
            note: &self.note,
            contexts: self.contexts.clone(),
            items: self.items[from..to].to_vec(),
            details: of_part.map(|(item, sealed)| Detail { item: item - from as u32, sealed }).collect(),
        }
    }
}

impl Vault {
    pub(super) fn log_guard(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// What every leaf says of the moment: the time, and the version of the rules.
    pub(super) fn moment(&self) -> (Timestamp, u32) {
        (self.now(), self.rules().version)
    }

    /// Writes the leaf of a read, if `may` agrees at the moment when nothing else is written; it may have the leaf say more. To
    /// be synced before the value is handed out.
    pub(super) fn note(
        &self,
        mut draft: Draft,
        may: impl FnOnce(&mut Log, &mut Draft) -> Result<()>,
    ) -> Result<Commit> {
        let mut log = self.log_guard();
        let mut next = log.clone();
        may(&mut next, &mut draft)?;
        let keyring = self.keyring();
        let mut batch = Batch::new();
        next.append(&draft, self.moment(), &keyring, &mut batch)?;
        let commit = self.store().write(batch)?;
        *log = next;
        Ok(commit)
    }

    /// As [`note`](Vault::note), and durable on return.
    pub(super) fn noted(&self, draft: Draft) -> Result<()> {
        let commit = self.note(draft, |_, _| Ok(()))?;
        self.store().sync(commit)
    }
}
