//! ```text
//! h = HMAC-SHA256(K_identity(tenant), encode(kind, normalise(value)))[0..16]      never leaves the process
//! p = AES-256(K_scope(tenant, scope, epoch), h)                                   the pseudonym
//! ```
//!
//! Two levels, so that two recipients cannot join what each was given, and so that a scope's pseudonyms can be moved to
//! another key without the originals. Both sub-keys have a key version; rotation changes the scope's and leaves the
//! identity's, since only the originals could move that.

use super::{Column, Erasability, Failures, is_blank};
use crate::crypto::context::{Context, Label};
use crate::crypto::kdf;
use crate::crypto::prf::Prf;
use crate::crypto::prp::Prp;
use crate::error::{Error, Result};
use crate::format::Normalization;
use crate::keys::UsableKey;
use crate::name::{KeyVersion, Scope, TenantId};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use std::fmt;

/// How the 128 bits of a pseudonym are written. All are fixed in length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// 22 characters.
    Base64Url,
    /// 32 lower-case characters.
    Hex,
    /// 36 characters, in groups as a UUID. No version or variant bits are set: all 128 are the pseudonym's.
    Uuid,
    /// 26 characters of Crockford's base32, upper-case, the number read as big-endian.
    Crockford,
}

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl Spelling {
    fn write(self, pseudonym: [u8; 16], out: &mut Vec<u8>) {
        let hex = |byte: u8| {
            [b"0123456789abcdef"[usize::from(byte >> 4)], b"0123456789abcdef"[usize::from(byte & 15)]]
        };
        match self {
            Spelling::Base64Url => {
                let mut text = [0; 22];
                BASE64_URL_SAFE_NO_PAD
                    .encode_slice(pseudonym, &mut text)
                    .expect("16 bytes are 22 characters");
                out.extend_from_slice(&text);
            }
            Spelling::Hex => pseudonym.iter().for_each(|&byte| out.extend_from_slice(&hex(byte))),
            Spelling::Uuid => {
                for (i, &byte) in pseudonym.iter().enumerate() {
                    if matches!(i, 4 | 6 | 8 | 10) {
                        out.push(b'-');
                    }
                    out.extend_from_slice(&hex(byte));
                }
            }
            Spelling::Crockford => {
                let number = u128::from_be_bytes(pseudonym);
                out.extend((0..26).rev().map(|i| CROCKFORD[(number >> (5 * i)) as usize & 31]));
            }
        }
    }
}

/// Makes the pseudonyms of one scope. Shareable among threads.
///
/// # Security
/// Nobody can reverse a pseudonym, but whoever holds the keyset can test guesses of the value: pseudonyms are personal
/// data. Values that differ after normalisation have different pseudonyms but for chance: at n values, n²/2^129.
pub struct Pseudonymizer {
    identity: Prf,
    scope: Prp,
    /// The encoding of everything but the value.
    input: Context,
    normalization: Normalization,
    spelling: Spelling,
    key_version: KeyVersion,
    identity_version: KeyVersion,
}

impl Pseudonymizer {
    /// Nothing short of deleting it makes a pseudonym unlinkable while the keyset lives.
    pub const ERASABILITY: Erasability = Erasability::DeleteRow;

    /// The only epoch of a scope so far.
    const EPOCH: u64 = 1;

    /// Pseudonyms of one scope: `identity` is the keyset's [identity key](crate::keys::Keyset::identity), `scope_key`
    /// its primary, or the version that is to be matched.
    pub fn new(
        identity: &UsableKey,
        scope_key: &UsableKey,
        tenant: &TenantId,
        scope: &Scope,
        normalization: Normalization,
        spelling: Spelling,
    ) -> Self {
        let identity_context = Context::new(Label::PseudonymIdentity).part(tenant.as_str());
        let scope_context = Context::new(Label::PseudonymScope)
            .part(tenant.as_str())
            .part(scope.as_str())
            .number(Self::EPOCH);
        Self {
            identity: Prf::new(&kdf::derive(identity.secret(), &identity_context)),
            scope: Prp::new(&kdf::derive(scope_key.secret(), &scope_context)),
            input: Context::new(Label::PseudonymInput).part(""),
            normalization,
            spelling,
            key_version: scope_key.number(),
            identity_version: identity.number(),
        }
    }

    /// The same scope for values of another kind: equal values of different kinds (a customer's number, an order's)
    /// have unrelated pseudonyms.
    pub fn of_kind(self, kind: &str) -> Self {
        Self { input: Context::new(Label::PseudonymInput).part(kind), ..self }
    }

    /// The version of the scope's key.
    pub fn key_version(&self) -> KeyVersion {
        self.key_version
    }

    /// The version of the identity key.
    pub fn identity_version(&self) -> KeyVersion {
        self.identity_version
    }

    /// The value's pseudonym.
    ///
    /// # Errors
    /// [`Error::Value`] for a blank value, or one that cannot be normalised.
    pub fn pseudonym(&self, value: &str) -> Result<String> {
        let mut block = [self.identify(value)?];
        self.scope.encrypt(&mut block);
        let mut out = Vec::with_capacity(36);
        self.spelling.write(block[0], &mut out);
        Ok(String::from_utf8(out).expect("spellings are ASCII"))
    }

    /// The pseudonyms of a column; see [`protect`](super) for blank and failed cells.
    pub fn pseudonym_column(&self, values: &Column, pseudonyms: &mut Column, failures: &mut Failures) {
        let mut blocks = Vec::with_capacity(values.len());
        let identities: Vec<Result<Option<usize>>> = values
            .iter()
            .map(|cell| {
                if is_blank(cell) {
                    return Ok(None);
                }
                blocks.push(self.identify(super::column::text(cell)?)?);
                Ok(Some(blocks.len() - 1))
            })
            .collect();
        self.scope.encrypt(&mut blocks);
        for (cell, identity) in values.iter().zip(identities) {
            pseudonyms.push_with(failures, |out| {
                match identity? {
                    Some(i) => self.spelling.write(blocks[i], out),
                    None => out.extend_from_slice(cell),
                }
                Ok(())
            });
        }
    }

    /// The first level.
    fn identify(&self, value: &str) -> Result<[u8; 16]> {
        if is_blank(value.as_bytes()) {
            return Err(Error::Value { problem: "is blank" });
        }
        let normal = self.normalization.apply(value)?;
        let length = Context::length_prefix(normal.len());
        Ok(self.identity.tag(&[self.input.as_bytes(), &length, normal.as_bytes()]).into_public())
    }
}

impl fmt::Debug for Pseudonymizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pseudonymizer(key version {}, ..)", self.key_version)
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_key;
    use super::*;
    use std::collections::HashSet;

    fn scope(name: &str, spelling: Spelling) -> Pseudonymizer {
        let (tenant, scope) = (TenantId::new("acme").unwrap(), Scope::new(name).unwrap());
        Pseudonymizer::new(&test_key(1), &test_key(1), &tenant, &scope, Normalization::Text, spelling)
    }

    // SPEC: PSN-1, PSN-2
    #[test]
    fn it_is_the_formula() {
        let key = test_key(1);
        let identity = kdf::derive(key.secret(), &Context::new(Label::PseudonymIdentity).part("acme"));
        let message = Context::new(Label::PseudonymInput).part("").part("ann");
        let mut block = [Prf::new(&identity).tag(&[message.as_bytes()]).into_public::<16>()];
        let context = Context::new(Label::PseudonymScope).part("acme").part("a").number(1);
        Prp::new(&kdf::derive(key.secret(), &context)).encrypt(&mut block);
        let hex: String = block[0].iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(scope("a", Spelling::Hex).pseudonym(" Ann ").unwrap(), hex);
    }

    // SPEC: PSN-3
    #[test]
    fn spellings_say_the_same_number() {
        let number = |s: Spelling| scope("a", s).pseudonym("x").unwrap();
        let hex = number(Spelling::Hex);
        assert_eq!(number(Spelling::Uuid).replace('-', ""), hex);
        assert_eq!(number(Spelling::Uuid).split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(number(Spelling::Base64Url)).unwrap();
        assert_eq!(bytes.iter().map(|b| format!("{b:02x}")).collect::<String>(), hex);
        let crockford = number(Spelling::Crockford);
        let value = crockford
            .bytes()
            .fold(0u128, |n, c| (n << 5) | CROCKFORD.iter().position(|x| *x == c).unwrap() as u128);
        assert_eq!(format!("{value:032x}"), hex);
        assert_eq!(crockford.len(), 26);
    }

    // SPEC: PSN-4
    #[test]
    fn scopes_kinds_and_keys_share_nothing() {
        let pseudonym = |p: Pseudonymizer| p.pseudonym("10423").unwrap();
        let tenant = TenantId::new("acme").unwrap();
        let rotated = |identity, key| {
            let scope = Scope::new("a").unwrap();
            Pseudonymizer::new(
                &test_key(identity),
                &test_key(key),
                &tenant,
                &scope,
                Normalization::Text,
                Spelling::Hex,
            )
        };
        let all = [
            pseudonym(scope("a", Spelling::Hex)),
            pseudonym(scope("b", Spelling::Hex)),
            pseudonym(scope("a", Spelling::Hex).of_kind("order")),
            pseudonym(rotated(1, 2)),
            pseudonym(rotated(2, 1)),
        ];
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
        assert_eq!(pseudonym(rotated(1, 1)), all[0]);
    }

    // SPEC: PSN-5
    #[test]
    fn a_column_is_one_by_one() {
        let p = scope("a", Spelling::Base64Url);
        let column: Column = ["Ann", "", "ann ", " ", "Bob"].into_iter().collect();
        let (mut out, mut failures) = (Column::new(), vec![]);
        p.pseudonym_column(&column, &mut out, &mut failures);
        assert!(failures.is_empty());
        assert_eq!(out.get(0), out.get(2));
        assert_eq!(out.get(4), p.pseudonym("bob").unwrap().as_bytes());
        assert_eq!((out.get(1), out.get(3)), (&b""[..], &b" "[..]));
        assert!(p.pseudonym(" ").is_err());
    }
}
