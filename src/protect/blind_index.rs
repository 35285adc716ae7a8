//! ```text
//! index value = HMAC-SHA256(K_index(tenant, index), encode(field 1, normalise(value 1), …, field n, normalise(value n)))
//!               truncated to its first `bits` bits
//! tag         = 8 public bytes of (tenant, index)
//! ```
//!
//! A blind index finds rows by a value that is sealed: beside the envelope stands the index value, and who holds the key
//! computes that of the value looked for. It is short on purpose: several values share an index value, so that it shows
//! less, and a lookup opens what it found and keeps what [matches](BlindIndex::matches). `blind_index_plan.rs` says how short.
//!
//! Key and tag have a key version: a lookup asks one [`BlindIndexer`] for each [live](BlindIndexer::live) version.

use super::numbers::{self, TOGETHER};
use super::{Cells, Column, Erasability, Failures, is_blank};
use crate::crypto::context::{Context, Label};
use crate::crypto::kdf;
use crate::crypto::messages::Messages;
use crate::crypto::prf::Prf;
use crate::crypto::radix_text::all_hex;
use crate::crypto::secret::VersionSecret;
use crate::error::{Error, Result};
use crate::format::Normalization;
use crate::keys::{KeyUse, Keyset, UsableKey};
use crate::name::{FieldName, KeyVersion, TenantId};
use std::borrow::Cow;
use std::fmt;
use std::ops::{Range, RangeInclusive};
use zeroize::Zeroize;

/// The lengths of an index value, in bits.
pub(super) const BITS: RangeInclusive<u8> = 8..=128;
/// The most fields of one index.
const MOST_PARTS: usize = 16;

pub(super) fn refused(problem: impl Into<String>) -> Error {
    Error::Setting { what: "blind index", problem: problem.into() }
}

pub(super) fn check_bits(bits: u8) -> Result<()> {
    let (least, most) = BITS.into_inner();
    match BITS.contains(&bits) {
        true => Ok(()),
        false => Err(refused(format!(
            "{bits} bits: choose {least} to {most}, as `index plan` or `BlindIndex::plan` advises"
        ))),
    }
}

/// What an index is over: its name, one or more fields, and how long its values are. It holds no key.
///
/// # Security
/// Key and tag are those of the name. An index that changes its fields, their normal forms or its bits under the same
/// name makes other values beside those that are there, and lookups miss the old ones: give it another name.
///
/// # Example
/// ```
/// use cloakroom::format::Normalization;
/// use cloakroom::keys::Keyset;
/// use cloakroom::name::{FieldName, TenantId};
/// use cloakroom::protect::{BlindIndex, BlindIndexer};
/// use cloakroom::time::Timestamp;
///
/// let plan = BlindIndex::plan(1_000_000, 1_000_000)?;
/// let index = BlindIndex::field(FieldName::new("email")?, Normalization::Email, plan.bits)?;
/// let keyset = Keyset::generate(Timestamp(1_795_334_400))?;
/// let indexer = BlindIndexer::new(&keyset.primary()?, &TenantId::new("acme")?, &index);
/// assert_eq!(indexer.value(&["Ann@Example.com"])?, indexer.value(&["ann@example.com "])?);
/// assert!(index.matches(&["Ann@Example.com"], &["ann@example.com "])?);
/// # Ok::<(), cloakroom::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlindIndex {
    name: FieldName,
    parts: Vec<(FieldName, Normalization)>,
    bits: u8,
}

impl BlindIndex {
    /// An index over these fields together, in this order, with values of this many bits.
    ///
    /// # Errors
    /// [`Error::Setting`] for fewer than 8 or more than 128 bits, for no field or more than 16, or for one field twice.
    pub fn new(name: FieldName, parts: Vec<(FieldName, Normalization)>, bits: u8) -> Result<Self> {
        check_bits(bits)?;
        if parts.is_empty() || parts.len() > MOST_PARTS {
            return Err(refused(format!("{} fields: name 1 to {MOST_PARTS}", parts.len())));
        }
        let is_repeated = |i: usize| parts[..i].iter().any(|(field, _)| *field == parts[i].0);
        if let Some(i) = (1..parts.len()).find(|i| is_repeated(*i)) {
            return Err(refused(format!("field {:?} is named twice: name it once", parts[i].0.as_str())));
        }
        Ok(Self { name, parts, bits })
    }

    /// An index over one field, and named as the field is.
    ///
    /// # Errors
    /// [`Error::Setting`] for fewer than 8 or more than 128 bits.
    pub fn field(field: FieldName, normalization: Normalization, bits: u8) -> Result<Self> {
        Self::new(field.clone(), vec![(field, normalization)], bits)
    }

    /// Its name. Indexes of other names share no key with it.
    pub fn name(&self) -> &FieldName {
        &self.name
    }

    /// Its fields in order, and how each one's values are made alike.
    pub fn parts(&self) -> &[(FieldName, Normalization)] {
        &self.parts
    }

    /// How long its values are.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// Whether these values are those, part for part, after normalisation: what tells a hit from a false positive.
    ///
    /// # Errors
    /// As [`BlindIndexer::value`] has for either.
    ///
    /// # Security
    /// How long it takes depends on the values.
    pub fn matches(&self, a: &[&str], b: &[&str]) -> Result<bool> {
        let (a, b) = (self.normalise(a)?, self.normalise(b)?);
        Ok(a.iter().zip(&b).all(|(a, b)| a.0 == b.0))
    }

    fn normalise<'v>(&self, values: &[&'v str]) -> Result<Vec<Normal<'v>>> {
        self.check_count(values.len(), "values")?;
        if values.iter().any(|value| is_blank(value.as_bytes())) {
            return Err(Error::Value { problem: "is blank" });
        }
        let normal =
            |((_, how), value): (&(FieldName, Normalization), &&'v str)| how.apply(value).map(Normal);
        self.parts.iter().zip(values).map(normal).collect()
    }

    fn check_count(&self, given: usize, what: &str) -> Result<()> {
        match given == self.parts.len() {
            true => Ok(()),
            false => {
                Err(refused(format!("{given} {what}: give one for each of {} fields", self.parts.len())))
            }
        }
    }
}

/// A normal form, wiped unless it is borrowed.
struct Normal<'v>(Cow<'v, str>);

impl Drop for Normal<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(text) = &mut self.0 {
            text.zeroize();
        }
    }
}

/// Makes the values of one index under one key version. Shareable among threads.
///
/// # Security
/// Nobody can reverse an index value, but whoever holds the keyset can test guesses, and everybody sees which rows have
/// the same one: [`BlindIndex::plan`] says how much that is.
pub struct BlindIndexer {
    prf: Prf,
    /// In front of each part's value and its length: of the first, the label and the field; of the others, the field.
    prefixes: Vec<Vec<u8>>,
    tag: [u8; 8],
    index: BlindIndex,
    key_version: KeyVersion,
}

impl BlindIndexer {
    /// Nothing short of deleting it makes an index value unlinkable while the keyset lives.
    pub const ERASABILITY: Erasability = Erasability::DeleteRow;

    /// The index under this key: the [primary](Keyset::primary_for) of the field of its name for what is written, any live
    /// version for lookups.
    pub fn new(key: &UsableKey, tenant: &TenantId, index: &BlindIndex) -> Self {
        Self::of_secret(key.secret(), key.number(), tenant, index)
    }

    /// The index under each version that reveals, the index's primary first: what a lookup has to ask.
    pub fn live(keyset: &Keyset, tenant: &TenantId, index: &BlindIndex) -> Vec<Self> {
        let use_ = KeyUse::Field { tenant: tenant.clone(), field: index.name.clone() };
        keyset.live_for(&use_).iter().map(|key| Self::new(key, tenant, index)).collect()
    }

    pub(super) fn of_secret(
        secret: &VersionSecret,
        key_version: KeyVersion,
        tenant: &TenantId,
        index: &BlindIndex,
    ) -> Self {
        let context = |label| Context::new(label).part(tenant.as_str()).part(index.name.as_str());
        let mut tag = [0; 8];
        kdf::expand(secret, &context(Label::IndexTag), &mut tag);
        let mut prefixes: Vec<Vec<u8>> = vec![];
        for (field, _) in &index.parts {
            let mut prefix = match prefixes.is_empty() {
                true => Context::new(Label::IndexInput).as_bytes().to_vec(),
                false => vec![],
            };
            prefix.extend_from_slice(&Context::length_prefix(field.as_str().len()));
            prefix.extend_from_slice(field.as_str().as_bytes());
            prefixes.push(prefix);
        }
        let mut prf = Prf::new(&kdf::derive(secret, &context(Label::IndexKey)));
        if let Some(first) = prefixes.first_mut() {
            prf = prf.after(&std::mem::take(first));
        }
        Self { prf, prefixes, tag, index: index.clone(), key_version }
    }

    /// The version of the index's key.
    pub fn key_version(&self) -> KeyVersion {
        self.key_version
    }

    /// What the index is over.
    pub fn index(&self) -> &BlindIndex {
        &self.index
    }

    /// Public bytes that tell the entries of this index under this key version from all others in a map that they share.
    /// Two of n tags are alike with probability n²/2^65.
    pub fn tag(&self) -> [u8; 8] {
        self.tag
    }

    /// The index value of these values, one for each field of the index.
    ///
    /// # Errors
    /// [`Error::Setting`] unless there are as many as fields; [`Error::Value`] when one is blank or cannot be normalised.
    pub fn value(&self, values: &[&str]) -> Result<IndexValue> {
        let normal = self.index.normalise(values)?;
        let lengths: Vec<[u8; 4]> =
            normal.iter().map(|value| Context::length_prefix(value.0.len())).collect();
        let mut message: Vec<&[u8]> = Vec::with_capacity(3 * normal.len());
        for ((prefix, length), value) in self.prefixes.iter().zip(&lengths).zip(&normal) {
            message.extend([prefix, &length[..], value.0.as_bytes()]);
        }
        Ok(IndexValue::truncated(self.prf.tag(&message).into_public(), self.index.bits))
    }

    /// The index values of the rows of these columns, one column for each field, as [hex](IndexValue); see
    /// [`protect`](super) for blank and failed cells. A row with a blank cell has no index value, and that cell comes out.
    ///
    /// Where there are not as many columns as fields, or columns of different lengths, every row fails.
    pub fn value_column<C: Cells + ?Sized>(&self, parts: &[&C], out: &mut Column, failures: &mut Failures) {
        let rows = parts.iter().map(|part| part.len()).max().unwrap_or(0);
        let check = || {
            self.index.check_count(parts.len(), "columns")?;
            match parts.iter().all(|part| part.len() == rows) {
                true => Ok(()),
                false => Err(refused("columns of different lengths: give each a cell for every row")),
            }
        };
        let fits = check().is_ok();
        let read_some = |rows: Range<usize>, messages: &mut Messages<'_>| match (parts, &self.index.parts[..])
        {
            ([part], [(_, how)]) => numbers::push_plain(messages, *how, *part, rows),
            _ => 0,
        };
        let read = |row, messages: &mut Messages<'_>| {
            if !fits {
                check()?;
            }
            if let Some(blank) = parts.iter().map(|part| part.cell(row)).find(|cell| is_blank(cell)) {
                return Ok(Some(blank));
            }
            messages.push(|message| {
                for (i, ((part, (_, how)), prefix)) in
                    parts.iter().zip(&self.index.parts).zip(&self.prefixes).enumerate()
                {
                    if i > 0 {
                        message.bytes(prefix); // that of the first was hashed
                    }
                    numbers::normal_part(message, *how, part.cell(row))?;
                }
                Ok(())
            })?;
            Ok(None)
        };
        let write = |numbers: &[[u8; 16]], out: &mut Column| {
            let (mut padded, mut texts) = ([[0; 16]; 32], [[0; 32]; 32]);
            let length = 2 * usize::from(self.index.bits).div_ceil(8);
            for tags in numbers.chunks(padded.len()) {
                for (tag, padded) in tags.iter().zip(&mut padded) {
                    *padded = IndexValue::truncated(*tag, self.index.bits).padded;
                }
                all_hex(&padded[..tags.len()], &mut texts);
                texts[..tags.len()].iter().for_each(|text| out.push_first(text, length));
            }
        };
        let mut messages = self.prf.messages(rows.min(TOGETHER));
        numbers::map_rows(rows, out, failures, &mut messages, (read_some, read), numbers::hash, write);
    }
}

impl fmt::Debug for BlindIndexer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlindIndexer(key version {}, ..)", self.key_version)
    }
}

/// 1 to 16 bytes: as many as the bits need, and behind the last bit zeros. Public. `Display` is lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexValue {
    padded: [u8; 16],
    bits: u8,
}

impl IndexValue {
    fn truncated(tag: [u8; 16], bits: u8) -> Self {
        let kept = u128::MAX << (128 - u32::from(bits));
        Self { padded: (u128::from_be_bytes(tag) & kept).to_be_bytes(), bits }
    }

    /// The bytes that the bits need.
    pub fn as_bytes(&self) -> &[u8] {
        &self.padded[..usize::from(self.bits).div_ceil(8)]
    }

    /// The same, and zeros behind: for a map whose keys have one length.
    pub fn padded(&self) -> [u8; 16] {
        self.padded
    }

    /// How long the index's values are.
    pub fn bits(&self) -> u8 {
        self.bits
    }
}

impl fmt::Display for IndexValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for IndexValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IndexValue({} bits, ..)", self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn field(name: &str) -> FieldName {
        FieldName::new(name).unwrap()
    }

    fn over(name: &str, fields: &[&str], how: Normalization, bits: u8) -> BlindIndex {
        BlindIndex::new(field(name), fields.iter().map(|name| (field(name), how)).collect(), bits).unwrap()
    }

    fn indexer(key: u8, tenant: &str, index: &BlindIndex) -> BlindIndexer {
        let secret = VersionSecret::from_bytes(&mut [key; 32]);
        BlindIndexer::of_secret(&secret, KeyVersion::FIRST, &TenantId::new(tenant).unwrap(), index)
    }

    fn email(bits: u8) -> BlindIndexer {
        indexer(7, "acme", &BlindIndex::field(field("email"), Normalization::Email, bits).unwrap())
    }

    fn people() -> BlindIndexer {
        indexer(7, "acme", &over("person", &["first", "last"], Normalization::Text, 128))
    }

    // SPEC: IDX-1, IDX-2, IDX-5
    #[test]
    fn it_is_the_formula() {
        let secret = VersionSecret::from_bytes(&mut [7; 32]);
        let context = |label| Context::new(label).part("acme").part("person");
        let prf = Prf::new(&kdf::derive(&secret, &context(Label::IndexKey)));
        let input = Context::new(Label::IndexInput).part("first").part("ann").part("last").part("lee");
        let value = people().value(&[" Ann", "LEE"]).unwrap();
        assert!(prf.tag(&[input.as_bytes()]).verifies(&value.padded()));
        let mut tag = [0; 8];
        kdf::expand(&secret, &context(Label::IndexTag), &mut tag);
        assert_eq!(people().tag(), tag);
    }

    // SPEC: IDX-1, IDX-2, IDX-3, IDX-5
    #[test]
    fn values_computed_elsewhere_are_the_same() {
        // By Python's hmac and hashlib, from SPEC.md.
        assert_eq!(
            email(128).value(&["Ann@example.com"]).unwrap().to_string(),
            "05c67d9e4ce7e8867af83efaeb4faaca"
        );
        assert_eq!(email(21).value(&["ann@example.com"]).unwrap().to_string(), "05c678");
        assert_eq!(people().value(&["Ann", "Lee"]).unwrap().to_string(), "ba2f1d5e501b1373c2c3c95b4069deee");
        assert_eq!(u64::from_be_bytes(people().tag()), 0x773a_0d41_fbec_aaff);
    }

    // SPEC: IDX-3
    #[test]
    fn of_every_length_it_is_the_first_bits_of_the_longest() {
        let bits =
            |value: IndexValue| value.padded().iter().map(|byte| format!("{byte:08b}")).collect::<String>();
        let longest = bits(email(128).value(&["ann@example.com"]).unwrap());
        for n in BITS {
            let value = email(n).value(&["ann@example.com"]).unwrap();
            assert_eq!(bits(value), longest[..usize::from(n)].to_owned() + &"0".repeat(usize::from(128 - n)));
            assert_eq!((value.bits(), value.as_bytes().len()), (n, usize::from(n).div_ceil(8)));
            assert_eq!(value.as_bytes(), &value.padded()[..value.as_bytes().len()]);
            assert_eq!(value.to_string().len(), 2 * value.as_bytes().len());
        }
    }

    // SPEC: IDX-2
    #[test]
    fn parts_do_not_flow_into_each_other() {
        let values = [["ann", "lee"], ["annl", "ee"], ["an", "nlee"], ["lee", "ann"]];
        let different: HashSet<_> = values.iter().map(|values| people().value(values).unwrap()).collect();
        assert_eq!(different.len(), values.len());
    }

    // SPEC: IDX-4
    #[test]
    fn names_and_keys_share_nothing() {
        let value = |key, tenant, name, field| {
            let indexer = indexer(key, tenant, &over(name, &[field], Normalization::Text, 128));
            (indexer.value(&["ann"]).unwrap(), indexer.tag())
        };
        let one = value(1, "acme", "a", "x");
        for (other, has_its_tag) in [
            (value(2, "acme", "a", "x"), false),
            (value(1, "other", "a", "x"), false),
            (value(1, "acme", "b", "x"), false),
            (value(1, "acme", "a", "y"), true),
        ] {
            assert_ne!(one.0, other.0);
            assert_eq!(one.1 == other.1, has_its_tag, "fields are not in the tag");
        }
        assert_eq!(value(1, "acme", "a", "x"), one);
    }

    #[test]
    fn every_live_version_has_an_indexer_and_the_primary_is_first() {
        let keyset = Keyset::generate(Timestamp(1)).unwrap().rotated(Timestamp(2)).unwrap();
        let (tenant, index) = (TenantId::new("acme").unwrap(), over("a", &["x"], Normalization::Text, 64));
        let live = BlindIndexer::live(&keyset, &tenant, &index);
        assert_eq!(live.iter().map(|i| i.key_version().get()).collect::<Vec<_>>(), [2, 1]);
        assert_ne!(live[0].value(&["ann"]).unwrap(), live[1].value(&["ann"]).unwrap());
        assert_ne!(live[0].tag(), live[1].tag());
        let primary = BlindIndexer::new(&keyset.primary().unwrap(), &tenant, &index);
        assert_eq!(primary.value(&["ann"]).unwrap(), live[0].value(&["ann"]).unwrap());
        assert_eq!(primary.index(), &index);
        let other =
            keyset.rotated_for(&KeyUse::Field { tenant: tenant.clone(), field: field("b") }, Timestamp(3));
        let own = other
            .unwrap()
            .rotated_for(&KeyUse::Field { tenant: tenant.clone(), field: field("a") }, Timestamp(4));
        let live = BlindIndexer::live(&own.unwrap(), &tenant, &index);
        assert_eq!(live.iter().map(|i| i.key_version().get()).collect::<Vec<_>>(), [4, 1, 2, 3]);
    }

    #[test]
    fn an_index_that_cannot_be_is_refused() {
        let part = |name: &str| (field(name), Normalization::Text);
        let refused = |parts, bits| {
            let error = BlindIndex::new(field("i"), parts, bits).unwrap_err();
            assert!(matches!(error, Error::Setting { what: "blind index", .. }));
            error.to_string()
        };
        for bits in (0..8).chain(129..=255) {
            assert!(refused(vec![part("a")], bits).contains("choose 8 to 128"));
        }
        assert!(refused(vec![], 8).contains("0 fields: name 1 to 16"));
        assert!(refused((0..17).map(|i| part(&format!("f{i}"))).collect(), 8).contains("17 fields"));
        assert!(refused(vec![part("a"), part("b"), part("a")], 8).contains("\"a\" is named twice"));
        assert!(BlindIndex::new(field("i"), (0..16).map(|i| part(&format!("f{i}"))).collect(), 8).is_ok());
    }

    // SPEC: IDX-6
    #[test]
    fn blank_and_missing_values_have_none() {
        for blank in [["ann", " "], ["", "lee"], ["\t\n", "\r "]] {
            assert!(matches!(people().value(&blank), Err(Error::Value { problem: "is blank" })));
        }
        for wrong in [&["ann"][..], &[], &["ann", "lee", "3"]] {
            assert!(matches!(people().value(wrong), Err(Error::Setting { .. })));
            assert!(people().index().matches(wrong, &["ann", "lee"]).is_err());
        }
        assert!(email(24).value(&["ann"]).is_err());
    }

    #[test]
    fn a_column_is_one_by_one_and_in_order() {
        let first: Column = ["Ann", "", "ann ", "Bob", "Zoë"].into_iter().collect();
        let mut last: Column = ["Lee", "Lee", "LEE", " ", ""].into_iter().collect();
        let (mut out, mut failures) = (Column::new(), vec![]);
        people().value_column(&[&first, &last], &mut out, &mut failures);
        assert!(failures.is_empty());
        let ann = people().value(&["ann", "lee"]).unwrap().to_string();
        let expected = [ann.as_bytes(), b"", ann.as_bytes(), b" ", b""];
        assert_eq!(out.iter().collect::<Vec<_>>(), expected);

        let mut addresses: Column = ["ann@example.com", "ann", "bob@example.com"].into_iter().collect();
        addresses.push(b"\xFF@example.com");
        out.clear();
        email(20).value_column(&[&addresses], &mut out, &mut failures);
        assert_eq!(failures.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(out.get(2), email(20).value(&["bob@example.com"]).unwrap().to_string().as_bytes());
        assert_eq!((out.get(1), out.get(3)), (&b""[..], &b""[..]));

        // Columns that do not fit.
        last.push(b"one more");
        for columns in [&[&first, &last][..], &[&last]] {
            (out, failures) = (Column::new(), vec![]);
            people().value_column(columns, &mut out, &mut failures);
            assert_eq!((out.len(), failures.len()), (6, 6));
            assert!(out.iter().all(<[u8]>::is_empty));
            assert!(failures.iter().all(|(_, error)| matches!(error, Error::Setting { .. })));
        }
        people().value_column::<Column>(&[], &mut Column::new(), &mut failures);
    }

    // SPEC: SECRET-1
    #[test]
    fn debug_shows_no_content() {
        let value = email(24).value(&["ann@example.com"]).unwrap();
        assert_eq!(format!("{value:?}"), "IndexValue(24 bits, ..)");
        assert_eq!(format!("{:?}", email(24)), "BlindIndexer(key version 1, ..)");
    }

    proptest! {
        // SPEC: IDX-2
        #[test]
        fn values_match_exactly_when_their_longest_index_values_are_alike(
            a in "[aAbB ]{0,3}", b in "[aAbB ]{0,3}", c in "[aAbB ]{0,3}", d in "[aAbB ]{0,3}",
        ) {
            let (one, other) = ([a.as_str(), b.as_str()], [c.as_str(), d.as_str()]);
            match (people().value(&one), people().value(&other)) {
                (Ok(x), Ok(y)) => prop_assert_eq!(people().index().matches(&one, &other).unwrap(), x == y),
                _ => prop_assert!(people().index().matches(&one, &other).is_err()),
            }
        }

        #[test]
        fn no_value_panics_and_a_column_says_the_same(values: Vec<String>) {
            let mut failures = vec![];
            for how in [Normalization::None, Normalization::Text, Normalization::Email, Normalization::Digits] {
                let indexer = indexer(7, "acme", &over("a", &["x"], how, 33));
                let (column, mut out): (Column, _) = (values.iter().map(String::as_str).collect(), Column::new());
                indexer.value_column(&[&column], &mut out, &mut failures);
                for (value, cell) in values.iter().zip(out.iter()) {
                    match indexer.value(&[value]) {
                        Ok(one) => prop_assert_eq!(one.to_string(), std::str::from_utf8(cell).unwrap()),
                        Err(_) => prop_assert!(is_blank(cell)),
                    }
                }
            }
        }
    }
}
