//! ```text
//! p_b = E(K_b, D(K_a, p_a))        E and D as in the scopes: AES-256 of 128 bits, FF1 of 63
//! ```
//!
//! Pseudonyms of one scope become those of another, or of another key version of the same scope, without the originals.

use super::numbers::{self, TOGETHER};
use super::scope_key::ScopeKey;
use super::{Cells, Column, Failures, Spelling, is_blank};
use crate::crypto::wiped::WipedVec;
use crate::error::{Error, Result};
use crate::keys::UsableKey;
use crate::name::{KeyVersion, Scope, TenantId};
use std::fmt;
use zeroize::Zeroizing;

/// Moves pseudonyms of one tenant from one scope and key version to another. Shareable among threads.
///
/// # Security
/// Whoever has a bridge can join what the recipients of both scopes were given. Nothing else: it holds no identity key,
/// so it reveals no value, and tests no guess of one.
///
/// Both ends have the kinds and the identity key that the pseudonyms were made with. Any 128 bits are a pseudonym of
/// every scope: one of another scope, tenant or key version is moved to nonsense and not refused.
///
/// # Example
/// ```
/// # use cloakroom::{format::Normalization, keys::Keyset, name::{Scope, TenantId}, time::Timestamp};
/// use cloakroom::protect::{Bridge, Pseudonymizer, Spelling};
/// # let (keyset, acme) = (Keyset::generate(Timestamp(0))?, TenantId::new("acme")?);
/// # let (key, identity) = (keyset.primary()?, keyset.identity()?);
/// let (analytics, billing) = (Scope::new("analytics")?, Scope::new("billing")?);
/// let pseudonym = |scope, spelling| {
///     Pseudonymizer::new(&identity, &key, &acme, scope, Normalization::None, spelling).pseudonym("10423")
/// };
/// let bridge = Bridge::new(&acme, (&key, &analytics, Spelling::Base64Url), (&key, &billing, Spelling::Uuid))?;
/// let moved = bridge.map(&pseudonym(&analytics, Spelling::Base64Url)?)?;
/// assert_eq!(moved, pseudonym(&billing, Spelling::Uuid)?);
/// # Ok::<(), cloakroom::Error>(())
/// ```
pub struct Bridge {
    from: End,
    to: End,
}

struct End {
    key: ScopeKey,
    version: KeyVersion,
    spelling: Spelling,
}

impl Bridge {
    /// A bridge between two scopes of this tenant, or two key versions of one.
    ///
    /// # Errors
    /// [`Error::Setting`] between integers and a spelling of 128 bits: these are different pseudonyms.
    pub fn new(
        tenant: &TenantId,
        from: (&UsableKey, &Scope, Spelling),
        to: (&UsableKey, &Scope, Spelling),
    ) -> Result<Self> {
        if from.2.is_integer() != to.2.is_integer() {
            let problem = "int63 has pseudonyms of its own, of 63 bits: they can be bridged to int63 alone";
            return Err(Error::Setting { what: "spelling", problem: problem.into() });
        }
        let end = |(key, scope, spelling): (&UsableKey, &Scope, Spelling)| End {
            key: ScopeKey::new(key, tenant, scope, spelling),
            version: key.number(),
            spelling,
        };
        Ok(Self { from: end(from), to: end(to) })
    }

    /// The key version of the pseudonyms that it takes.
    pub fn from_version(&self) -> KeyVersion {
        self.from.version
    }

    /// The key version of those that it gives.
    pub fn to_version(&self) -> KeyVersion {
        self.to.version
    }

    /// The same value's pseudonym at the other end.
    ///
    /// # Errors
    /// [`Error::Value`] for a text that is no pseudonym, see [`Spelling::parse`].
    pub fn map(&self, pseudonym: &str) -> Result<String> {
        let mut number = Zeroizing::new([self.from.spelling.parse(pseudonym)?]);
        self.cross(&mut number[..]);
        Ok(self.to.spelling.write(number[0]))
    }

    /// A column of pseudonyms; see [`protect`](super) for blank and failed cells.
    pub fn map_column(&self, input: &(impl Cells + ?Sized), output: &mut Column, failures: &mut Failures) {
        let read = |row, numbers: &mut WipedVec<[u8; 16]>| {
            let cell = input.cell(row);
            if is_blank(cell) {
                return Ok(Some(cell));
            }
            numbers.push(self.from.spelling.parse(super::column::text(cell)?)?);
            Ok(None)
        };
        let cross = |read: &mut WipedVec<[u8; 16]>, numbers: &mut WipedVec<[u8; 16]>| {
            std::mem::swap(read, numbers);
            read.clear();
            self.cross(numbers);
        };
        let write = |numbers: &[[u8; 16]], output: &mut Column| self.to.spelling.write_all(numbers, output);
        let mut read_numbers = WipedVec::with_capacity(input.len().min(TOGETHER));
        numbers::map_rows(input.len(), output, failures, &mut read_numbers, (|_, _| 0, read), cross, write);
    }

    fn cross(&self, numbers: &mut [[u8; 16]]) {
        self.from.key.decrypt(numbers);
        self.to.key.encrypt(numbers);
    }
}

impl fmt::Debug for Bridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bridge(key version {} to {}, ..)", self.from.version, self.to.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Normalization;
    use crate::keys::Keyset;
    use crate::protect::Pseudonymizer;
    use crate::time::Timestamp;

    /// Two versions, the first with the identity.
    struct Versions([UsableKey; 2]);

    impl Versions {
        fn new() -> Self {
            let first = Keyset::generate(Timestamp(1)).unwrap();
            let second = first.rotated(Timestamp(2)).unwrap();
            Self([first.primary().unwrap(), second.primary().unwrap()])
        }

        fn pseudonymizer(&self, version: usize, scope: &str, spelling: Spelling) -> Pseudonymizer {
            let (key, scope) = (&self.0[version - 1], Scope::new(scope).unwrap());
            Pseudonymizer::new(&self.0[0], key, &acme(), &scope, Normalization::None, spelling)
        }

        fn bridge(&self, from: (usize, &str, Spelling), to: (usize, &str, Spelling)) -> Result<Bridge> {
            let (a, b) = (Scope::new(from.1).unwrap(), Scope::new(to.1).unwrap());
            let (from_key, to_key) = (&self.0[from.0 - 1], &self.0[to.0 - 1]);
            Bridge::new(&acme(), (from_key, &a, from.2), (to_key, &b, to.2))
        }
    }

    fn acme() -> TenantId {
        TenantId::new("acme").unwrap()
    }

    fn spellings() -> [Spelling; 5] {
        let int63 = Spelling::int63(1000).unwrap();
        [Spelling::Base64Url, Spelling::Hex, Spelling::Uuid, Spelling::Crockford, int63]
    }

    // SPEC: PSN-9
    #[test]
    fn a_bridge_leads_to_the_other_scopes_pseudonyms_and_back() {
        let keys = Versions::new();
        for from in spellings() {
            for to in spellings() {
                // From scope to scope, from version to version, and both at once.
                for (version, scope) in [(1, "b"), (2, "a"), (2, "b")] {
                    let there = keys.bridge((1, "a", from), (version, scope, to));
                    if from.is_integer() != to.is_integer() {
                        assert!(matches!(there, Err(Error::Setting { what: "spelling", .. })));
                        continue;
                    }
                    let (there, back) =
                        (there.unwrap(), keys.bridge((version, scope, to), (1, "a", from)).unwrap());
                    assert_eq!((there.from_version().get(), there.to_version().get()), (1, version as u32));
                    let (a, b) = (keys.pseudonymizer(1, "a", from), keys.pseudonymizer(version, scope, to));
                    for value in ["10423", "10424", "ann"] {
                        let (at_a, at_b) = (a.pseudonym(value).unwrap(), b.pseudonym(value).unwrap());
                        assert_eq!(there.map(&at_a).unwrap(), at_b);
                        assert_eq!(back.map(&at_b).unwrap(), at_a);
                    }
                }
            }
        }
    }

    // SPEC: PSN-8, PSN-9
    #[test]
    fn a_column_is_one_by_one_and_what_is_no_pseudonym_costs_its_row_alone() {
        let keys = Versions::new();
        for spelling in spellings() {
            let (a, b) = (keys.pseudonymizer(1, "a", spelling), keys.pseudonymizer(2, "b", spelling));
            let values: Vec<String> = (0..500).map(|i| format!("customer {i}")).collect();
            let mut column: Column = ["", "no pseudonym", " "].into_iter().collect();
            column.push(b"\xFF");
            values.iter().for_each(|value| column.push(a.pseudonym(value).unwrap().as_bytes()));
            let (mut moved, mut failures) = (Column::new(), vec![]);
            let bridge = keys.bridge((1, "a", spelling), (2, "b", spelling)).unwrap();
            bridge.map_column(&column, &mut moved, &mut failures);
            assert_eq!(failures.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [1, 3]);
            assert!(failures.iter().all(|(_, error)| matches!(error, Error::Value { .. })));
            assert_eq!([0, 1, 2, 3].map(|row| moved.get(row)), [&b""[..], b"", b" ", b""]);
            for (row, value) in values.iter().enumerate() {
                assert_eq!(moved.get(row + 4), b.pseudonym(value).unwrap().as_bytes());
            }
            assert!(bridge.map("").is_err() && bridge.map("no pseudonym").is_err());
        }
    }

    // SPEC: PSN-4
    #[test]
    fn kinds_and_identities_stay_apart() {
        let keys = Versions::new();
        for spelling in spellings() {
            let bridge = keys.bridge((1, "a", spelling), (1, "b", spelling)).unwrap();
            let at = |scope| keys.pseudonymizer(1, scope, spelling);
            let moved = bridge.map(&at("a").pseudonym("7").unwrap()).unwrap();
            assert_ne!(moved, at("b").of_kind("order").pseudonym("7").unwrap());
            let other = Scope::new("b").unwrap();
            let other =
                Pseudonymizer::new(&keys.0[1], &keys.0[0], &acme(), &other, Normalization::None, spelling);
            assert_ne!(moved, other.pseudonym("7").unwrap());
        }
    }

    // SPEC: SECRET-1
    #[test]
    fn debug_shows_versions_alone() {
        let keys = Versions::new();
        let bridge = keys.bridge((1, "a", Spelling::Hex), (2, "a", Spelling::Hex)).unwrap();
        assert_eq!(format!("{bridge:?}"), "Bridge(key version 1 to 2, ..)");
    }
}
