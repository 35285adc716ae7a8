//! What the vault knows of itself, sealed and in the same batch as the data: the census, the runs under way, and a
//! fingerprint of all entries.
//!
//! ```text
//!  ┌────────┬─────────────┬─────────────────────────────────────────────────────────────────────────┐
//!  │ format │ key version │ sealed under the version's census key; the AAD is what stands in front  │
//!  │ 1      │ 4           │ fingerprint key 32 │ fingerprint 32 │ runs │ census │ latest 8 │ edits 8 │ indexes │ migration │
//!  │        │             │ audit key 32 │ leaves 8 │ root 32 │ rules │ scheduled 4 │ decided 8                             │
//!  └────────┴─────────────┴─────────────────────────────────────────────────────────────────────────┘
//!  ┌─────────┬ for each, ascending ──┐    ┌─────────┬ for each, ascending ───────────────────────────────────┐
//!  │ runs 4  │ run id 16 │ batches 4 │    │ lines 4 │ tenant 2 + t │ field 2 + f │ mode 1 │ version 4 │ count 8│
//!  └─────────┴───────────────────────┘    └─────────┴──────────────────────────────────────────────────────────┘
//!  ┌───────────┬ for each, ascending ────────────────────────────────┬ for each ─────────────────────┐
//!  │ indexes 4 │ tenant 2 + t │ name 2 + n │ bits 1 │ built 1 │ parts 1 │ field 2 + f │ normalization 1│
//!  └───────────┴─────────────────────────────────────────────────────┴───────────────────────────────┘
//!  migration:  0 1,  or  1 1 │ keyset's edits 8 │ reseal 1 │ pass 1 │ key of the last entry done 16
//!  rules:      0 1,  or  1 1 │ version 4 │ SHA-256 32
//! ```
//!
//! `latest` is the latest time that was ever given with something that ends: an ended token stays ended when a clock goes
//! back; anybody gives it with a token. `decided` is the same of the vault's own clock, for consents and approvals. `leaves` and `root` say how far the audit tree was, `scheduled` for which version of the rules records say when they
//! are due. Formats 1 and 2, which are read and no longer written, end with the census and with the migration.
//!
//! `fingerprint = ⊕ HMAC-SHA256(fingerprint key, map id 1 ‖ key length 1 ‖ key ‖ value)` over every entry of every map
//! but `meta`: the XOR hash of Bellare, Micciancio and of Clarke et al. for sets, which costs one HMAC for each entry
//! written and one for each replaced. Key and fingerprint are sealed, so whoever writes to the store cannot choose
//! entries that cancel out. With it, [`check`](super::Vault::check) notices every entry that was altered, removed, put
//! back or added; only the whole store put back as it once was looks right.

use super::census::Census;
use super::log::{Ids, Pin};
use crate::crypto::aead::{Aead, Suite};
use crate::crypto::context::{Context, Label};
use crate::crypto::prf::Prf;
use crate::crypto::secret::{AeadKey, PrfKey};
use crate::crypto::{kdf, rng};
use crate::error::{Error, Result};
use crate::format::Normalization;
use crate::keys::{Keyset, UsableKey};
use crate::name::{FieldName, KeyVersion};
use crate::protect::BlindIndex;
use crate::store::Map;
use crate::time::Timestamp;
use crate::wire::entry::EntryKey;
use crate::wire::{Reader, Writer};
use std::collections::BTreeMap;
use std::sync::Arc;
use zeroize::Zeroizing;

const FORMAT: u8 = 3;
/// Without what follows the census.
const FIRST_FORMAT: u8 = 1;
/// Without what follows the migration.
const SECOND_FORMAT: u8 = 2;
/// What stands for a map id in front of a journal that is tagged: no map has it.
const JOURNAL: u8 = 0;
/// What stands for a map id in front of the layout of a token space: no map has it.
const SPACE: u8 = 255;

/// See the top of the file.
#[derive(Clone)]
pub(super) struct Ledger {
    pub(super) census: Census,
    /// Runs that have not ended, and how many batches each has put.
    pub(super) runs: BTreeMap<[u8; 16], u32>,
    pub(super) fingerprint: Fingerprint,
    /// The latest time given with something that ends.
    pub(super) latest: Timestamp,
    /// The latest time that the vault's own clock showed when something that ends was decided by it.
    pub(super) decided: Timestamp,
    /// How often the keyset had been edited when the ledger was written.
    pub(super) edits: u64,
    pub(super) indexes: Indexes,
    /// How far the migration is that has not ended.
    pub(super) migration: Option<Checkpoint>,
    /// How leaves name subjects and fields.
    pub(super) ids: Ids,
    /// How far the audit tree was.
    pub(super) pin: Pin,
    /// The rules that are in force: their version and their SHA-256.
    pub(super) rules: Option<(u32, [u8; 32])>,
    /// The version of the rules by which records say when they are due.
    pub(super) scheduled: u32,
    /// Whether it was read from an earlier format: what this release adds is in no store yet.
    pub(super) is_old: bool,
}

/// How far a migration came. It is in the ledger, so that nobody can have entries passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checkpoint {
    /// Of the keyset when it began.
    pub(super) edits: u64,
    /// Whether everything is sealed anew.
    pub(super) reseal: bool,
    /// 0 over the entries of subjects, 1 over tokens.
    pub(super) pass: u8,
    /// The key of the last entry done, zeros before the first.
    pub(super) after: EntryKey,
}

/// The blind indexes of each tenant, by name.
pub(super) type Indexes = BTreeMap<(String, String), DefinedIndex>;

/// A blind index, and whether every record is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DefinedIndex {
    pub(super) index: BlindIndex,
    pub(super) built: bool,
}

impl Ledger {
    pub(super) fn new() -> Self {
        let key = PrfKey::from_bytes(&mut rng::bytes());
        Self {
            census: Census::default(),
            runs: BTreeMap::new(),
            fingerprint: Fingerprint::new(key),
            latest: Timestamp(0),
            decided: Timestamp(0),
            edits: 0,
            indexes: Indexes::new(),
            migration: None,
            ids: Ids::generate(),
            pin: Pin::default(),
            rules: None,
            scheduled: 0,
            is_old: false,
        }
    }

    pub(super) fn seal(&self, key: &UsableKey) -> Result<Vec<u8>> {
        let mut w = Writer::new();
        w.bytes(self.fingerprint.keys.key.expose()).bytes(&self.fingerprint.sum);
        w.u32(u32::try_from(self.runs.len()).expect("runs are few: they fit one value of the store"));
        for (id, batches) in &self.runs {
            w.bytes(id).u32(*batches);
        }
        self.census.write(&mut w)?;
        w.u64(self.latest.0).u64(self.edits);
        write_indexes(&self.indexes, &mut w)?;
        w.u8(self.migration.is_some().into());
        if let Some(Checkpoint { edits, reseal, pass, after }) = &self.migration {
            w.u64(*edits).u8((*reseal).into()).u8(*pass).bytes(after);
        }
        w.bytes(&*self.ids.expose()).u64(self.pin.size).bytes(&self.pin.root);
        w.u8(self.rules.is_some().into());
        if let Some((version, sha256)) = &self.rules {
            w.u32(*version).bytes(sha256);
        }
        w.u32(self.scheduled).u64(self.decided.0);
        let mut out = header(key.number());
        let aad = Context::new(Label::Census).part(&out);
        aead(key).seal(&aad, w.as_bytes(), &mut out)?;
        Ok(out)
    }

    pub(super) fn open(keyset: &Keyset, bytes: &[u8]) -> Result<Self> {
        let mut r = Reader::new("census", bytes);
        let format = r.u8()?;
        if !matches!(format, FIRST_FORMAT | SECOND_FORMAT | FORMAT) {
            return Err(r.malformed("has a format that this release does not know"));
        }
        let key = keyset.for_bookkeeping(KeyVersion::new(r.u32()?)?)?;
        let aad = Context::new(Label::Census).part(r.consumed());
        let altered = |_| Error::Corrupt { problem: "its census was altered".into() };
        let body = aead(&key).open(&aad, r.rest()).map_err(altered)?;
        let mut r = Reader::new("census", body.expose());
        let mut fingerprint = Fingerprint::new(PrfKey::from_bytes(&mut Zeroizing::new(r.array()?)));
        fingerprint.sum = r.array()?;
        let runs = (0..r.u32()?).map(|_| Ok((r.array()?, r.u32()?))).collect::<Result<_>>()?;
        let census = Census::read(&mut r)?;
        let (mut latest, mut edits, mut indexes, mut migration) = (Timestamp(0), 0, Indexes::new(), None);
        if format != FIRST_FORMAT {
            latest = Timestamp(r.u64()?);
            edits = r.u64()?;
            indexes = read_indexes(&mut r)?;
            if r.u8()? != 0 {
                let (edits, reseal, pass, after) = (r.u64()?, r.u8()? != 0, r.u8()?, r.array()?);
                migration = Some(Checkpoint { edits, reseal, pass, after });
            }
        }
        let mut ledger = Self { census, runs, fingerprint, latest, edits, indexes, migration, ..Self::new() };
        ledger.is_old = format != FORMAT;
        if !ledger.is_old {
            ledger.ids = Ids::from_bytes(&mut Zeroizing::new(r.array()?));
            ledger.pin = Pin { size: r.u64()?, root: r.array()? };
            ledger.rules = match r.u8()? {
                0 => None,
                _ => Some((r.u32()?, r.array()?)),
            };
            ledger.scheduled = r.u32()?;
            ledger.decided = Timestamp(r.u64()?);
        }
        r.finish()?;
        Ok(ledger)
    }
}

const NORMALIZATIONS: [Normalization; 4] =
    [Normalization::None, Normalization::Text, Normalization::Email, Normalization::Digits];

fn write_indexes(indexes: &Indexes, w: &mut Writer) -> Result<()> {
    w.u32(u32::try_from(indexes.len()).expect("indexes are few: they fit one value of the store"));
    for ((tenant, name), DefinedIndex { index, built }) in indexes {
        w.short(tenant.as_bytes())?.short(name.as_bytes())?;
        let parts = index.parts();
        w.u8(index.bits())
            .u8(u8::from(*built))
            .u8(u8::try_from(parts.len()).expect("an index has 16 parts at most"));
        for (field, normalization) in parts {
            let number = NORMALIZATIONS.iter().position(|n| n == normalization).expect("all are listed");
            w.short(field.as_str().as_bytes())?.u8(number as u8);
        }
    }
    Ok(())
}

fn read_indexes(r: &mut Reader<'_>) -> Result<Indexes> {
    let mut indexes = Indexes::new();
    for _ in 0..r.u32()? {
        let (tenant, name) = (r.short_str()?.to_owned(), r.short_str()?.to_owned());
        let (bits, built) = (r.u8()?, r.u8()? != 0);
        let parts = (0..r.u8()?)
            .map(|_| {
                let (field, number) = (FieldName::new(r.short_str()?)?, r.u8()?);
                let normalization = NORMALIZATIONS.get(usize::from(number)).copied();
                let unknown = || r.malformed("has a normal form that this release does not know");
                Ok((field, normalization.ok_or_else(unknown)?))
            })
            .collect::<Result<_>>()?;
        let index = BlindIndex::new(FieldName::new(&name)?, parts, bits)?;
        indexes.insert((tenant, name), DefinedIndex { index, built });
    }
    Ok(indexes)
}

fn header(version: KeyVersion) -> Vec<u8> {
    let mut w = Writer::new();
    w.u8(FORMAT).u32(version.get());
    w.into_bytes()
}

fn aead(key: &UsableKey) -> Aead {
    let key: AeadKey = kdf::derive(key.secret(), &Context::new(Label::Census));
    Aead::new(Suite::Xaes256Gcm, &key)
}

/// The fingerprint of a set of entries.
#[derive(Clone)]
pub(super) struct Fingerprint {
    keys: Arc<Keys>,
    sum: [u8; 32],
}

struct Keys {
    key: PrfKey,
    prf: Prf,
}

impl Fingerprint {
    fn new(key: PrfKey) -> Self {
        Self { keys: Arc::new(Keys { prf: Prf::new(&key), key }), sum: [0; 32] }
    }

    /// Of no entries, with the same key.
    pub(super) fn of_nothing(&self) -> Self {
        Self { keys: Arc::clone(&self.keys), sum: [0; 32] }
    }

    pub(super) fn equals(&self, other: &Self) -> bool {
        self.sum == other.sum
    }

    /// Adds the entry to the set, or removes it.
    pub(super) fn toggle(&mut self, map: Map, key: &[u8], value: &[u8]) {
        let tag = self.tag(map.id(), key, value);
        self.sum.iter_mut().zip(tag).for_each(|(sum, tag)| *sum ^= tag);
    }

    /// What shows that the vault itself wrote this journal.
    pub(super) fn journal_tag(&self, key: &[u8], journal: &[u8]) -> [u8; 32] {
        self.tag(JOURNAL, key, journal)
    }

    /// The key under which the tokens of a space are counted. It has no key version: nothing can be looked up by it that
    /// the policy does not say, so a version that is given up leaves nothing behind.
    pub(super) fn space_key(&self, space: &Context) -> [u8; 16] {
        let tag = self.keys.prf.tag(&[&[SPACE, 0], space.as_bytes()]);
        tag.into_public()
    }

    fn tag(&self, map: u8, key: &[u8], value: &[u8]) -> [u8; 32] {
        // The vault's own keys are far shorter. A longer one is a stranger's, and `check` has to get past it.
        let length = u8::try_from(key.len()).unwrap_or(u8::MAX);
        self.keys.prf.tag(&[&[map, length], key, value]).into_public()
    }
}

#[cfg(test)]
mod tests {
    use super::super::census::{Line, Mode};
    use super::*;

    const A: Map = Map::new(1, "a");
    const B: Map = Map::new(2, "b");

    // SPEC: VAULT-11
    #[test]
    fn it_comes_back_and_no_altered_byte_passes() {
        let keyset = Keyset::generate(Timestamp(0)).unwrap();
        let mut ledger = Ledger::new();
        let line = Line { tenant: "acme".into(), field: "email".into(), mode: Mode::Seal, version: 1 };
        ledger.census.add(line);
        ledger.runs.insert([3; 16], 9);
        ledger.latest = Timestamp(77);
        ledger.edits = 5;
        ledger.migration = Some(Checkpoint { edits: 4, reseal: true, pass: 1, after: [6; 16] });
        let name = |name| FieldName::new(name).unwrap();
        let parts = vec![(name("first"), Normalization::Text), (name("born"), Normalization::None)];
        let index = BlindIndex::new(name("person"), parts, 24).unwrap();
        ledger.indexes.insert(("acme".into(), "person".into()), DefinedIndex { index, built: true });
        ledger.pin = Pin { size: 9, root: [4; 32] };
        (ledger.rules, ledger.scheduled, ledger.decided) = (Some((3, [5; 32])), 2, Timestamp(78));
        ledger.fingerprint.toggle(A, b"k", b"v");
        let bytes = ledger.seal(&keyset.primary().unwrap()).unwrap();
        let opened = Ledger::open(&keyset, &bytes).unwrap();
        assert_eq!((&opened.census, &opened.runs), (&ledger.census, &ledger.runs));
        assert_eq!((opened.latest, &opened.indexes), (ledger.latest, &ledger.indexes));
        assert_eq!((opened.migration, opened.edits), (ledger.migration, ledger.edits));
        assert_eq!(
            (opened.pin, opened.rules, opened.scheduled),
            (ledger.pin, ledger.rules, ledger.scheduled)
        );
        assert_eq!(opened.decided, ledger.decided);
        assert_eq!(*opened.ids.expose(), *ledger.ids.expose());
        assert!(opened.fingerprint.equals(&ledger.fingerprint));
        assert_eq!(opened.fingerprint.journal_tag(b"k", b"v"), ledger.fingerprint.journal_tag(b"k", b"v"));
        for i in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[i] ^= 1;
            assert!(Ledger::open(&keyset, &altered).is_err(), "byte {i}");
            assert!(Ledger::open(&keyset, &bytes[..i]).is_err(), "{i} bytes");
        }
        assert!(Ledger::open(&Keyset::generate(Timestamp(0)).unwrap(), &bytes).is_err(), "another keyset");
    }

    // SPEC: VAULT-12
    #[test]
    fn the_fingerprint_depends_on_the_set_alone() {
        let mut one = Ledger::new().fingerprint;
        let mut other = one.of_nothing();
        one.toggle(A, b"k", b"1");
        one.toggle(A, b"l", b"1");
        one.toggle(A, b"k", b"1");
        one.toggle(B, b"k", b"1");
        other.toggle(B, b"k", b"1");
        assert!(!one.equals(&other));
        other.toggle(A, b"l", b"1");
        assert!(one.equals(&other));
        one.toggle(B, &[0; 300], b"");
        assert!(!one.equals(&other), "a key that no store would take counts as well");
        // What glued parts would confuse.
        let tags = [one.tag(1, b"k", b"vw"), one.tag(1, b"kv", b"w"), one.tag(2, b"k", b"vw")];
        assert!(tags[0] != tags[1] && tags[0] != tags[2] && tags[0] != one.journal_tag(b"k", b"vw"));
    }
}
