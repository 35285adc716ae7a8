//! ```text
//! h = HMAC-SHA256(K_identity(tenant), encode(kind, normalise(value)))[0..16]      never leaves the process
//! p = AES-256(K_scope(tenant, scope, epoch), h)                                   the pseudonym
//! ```
//!
//! As an integer, `h` is the first 63 bits of the HMAC instead, and FF1 takes the place of AES.
//!
//! Two levels, so that two recipients cannot join what each was given, and so that a scope's pseudonyms can be moved to
//! another key without the originals. Both sub-keys have a key version; rotation changes the scope's and leaves the
//! identity's, since only the originals could move that.

use super::numbers::{self, TOGETHER};
use super::scope_key::ScopeKey;
use super::{Cells, Column, Erasability, Failures, Spelling, is_blank};
use crate::crypto::context::{Context, Label};
use crate::crypto::kdf;
use crate::crypto::messages::Messages;
use crate::crypto::prf::Prf;
use crate::crypto::wiped::WipedVec;
use crate::error::{Error, Result};
use crate::format::Normalization;
use crate::keys::UsableKey;
use crate::name::{KeyVersion, Scope, TenantId};
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use zeroize::{Zeroize, Zeroizing};

/// Makes the pseudonyms of one scope. Shareable among threads.
///
/// # Security
/// Nobody can reverse a pseudonym, but whoever holds the keyset can test guesses of the value: pseudonyms are personal
/// data. Values that differ after normalisation have different pseudonyms but for chance: at n values, n²/2^129; as
/// integers n²/2^64, see [`Spelling::int63`].
pub struct Pseudonymizer {
    identity: Prf,
    scope: ScopeKey,
    /// The same behind the encoding of everything but the value.
    of_input: Prf,
    normalization: Normalization,
    spelling: Spelling,
    key_version: KeyVersion,
    identity_version: KeyVersion,
}

impl Pseudonymizer {
    /// Nothing short of deleting it makes a pseudonym unlinkable while the keyset lives.
    pub const ERASABILITY: Erasability = Erasability::DeleteRow;

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
        let identity_prf = Prf::new(&kdf::derive(identity.secret(), &identity_context));
        Self {
            of_input: identity_prf.after(Context::new(Label::PseudonymInput).part("").as_bytes()),
            identity: identity_prf,
            scope: ScopeKey::new(scope_key, tenant, scope, spelling),
            normalization,
            spelling,
            key_version: scope_key.number(),
            identity_version: identity.number(),
        }
    }

    /// The same scope for values of another kind: equal values of different kinds (a customer's number, an order's)
    /// have unrelated pseudonyms.
    pub fn of_kind(self, kind: &str) -> Self {
        let of_input = self.identity.after(Context::new(Label::PseudonymInput).part(kind).as_bytes());
        Self { of_input, ..self }
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
        let mut number = Zeroizing::new([self.identify(value)?]);
        self.scope.encrypt(&mut number[..]);
        Ok(self.spelling.write(number[0]))
    }

    /// The pseudonyms of a column; see [`protect`](super) for blank and failed cells.
    pub fn pseudonym_column(
        &self,
        values: &(impl Cells + ?Sized),
        pseudonyms: &mut Column,
        failures: &mut Failures,
    ) {
        let read_some = |rows: Range<usize>, messages: &mut Messages<'_>| {
            numbers::push_plain(messages, self.normalization, values, rows)
        };
        let read = |row, messages: &mut Messages<'_>| {
            let cell = values.cell(row);
            if is_blank(cell) {
                return Ok(Some(cell));
            }
            messages.push(|message| numbers::normal_part(message, self.normalization, cell))?;
            Ok(None)
        };
        let permute = |messages: &mut Messages<'_>, numbers: &mut WipedVec<[u8; 16]>| {
            numbers::hash(messages, numbers);
            if self.spelling.is_integer() {
                numbers.iter_mut().for_each(|tag| *tag = self.identity_of(*tag));
            }
            self.scope.encrypt(numbers);
        };
        let write = |numbers: &[[u8; 16]], out: &mut Column| self.spelling.write_all(numbers, out);
        let mut messages = self.of_input.messages(values.len().min(TOGETHER));
        numbers::map_rows(
            values.len(),
            pseudonyms,
            failures,
            &mut messages,
            (read_some, read),
            permute,
            write,
        );
    }

    /// The first level, as a big-endian number.
    fn identify(&self, value: &str) -> Result<[u8; 16]> {
        if is_blank(value.as_bytes()) {
            return Err(Error::Value { problem: "is blank" });
        }
        let mut normal = self.normalization.apply(value)?;
        let length = Context::length_prefix(normal.len());
        let tag = self.of_input.tag(&[&length, normal.as_bytes()]).into_public();
        if let Cow::Owned(text) = &mut normal {
            text.zeroize();
        }
        Ok(self.identity_of(tag))
    }

    #[inline]
    fn identity_of(&self, tag: [u8; 16]) -> [u8; 16] {
        match self.spelling.is_integer() {
            true => (u128::from_be_bytes(tag) >> 65).to_be_bytes(),
            false => tag,
        }
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
    use crate::crypto::prp::Prp;
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
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
        let value = crockford.bytes().fold(0u128, |n, c| {
            (n << 5) | b"0123456789ABCDEFGHJKMNPQRSTVWXYZ".iter().position(|x| *x == c).unwrap() as u128
        });
        assert_eq!(format!("{value:032x}"), hex);
        assert_eq!(crockford.len(), 26);
    }

    // SPEC: PSN-4
    #[test]
    fn scopes_kinds_and_keys_share_nothing() {
        share_nothing(Spelling::Hex);
        share_nothing(Spelling::int63(1).unwrap());
    }

    fn share_nothing(spelling: Spelling) {
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
                spelling,
            )
        };
        let all = [
            pseudonym(scope("a", spelling)),
            pseudonym(scope("b", spelling)),
            pseudonym(scope("a", spelling).of_kind("order")),
            pseudonym(rotated(1, 2)),
            pseudonym(rotated(2, 1)),
        ];
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
        assert_eq!(pseudonym(rotated(1, 1)), all[0]);
    }

    // SPEC: PSN-5
    #[test]
    fn a_column_is_one_by_one() {
        for spelling in [Spelling::Base64Url, Spelling::int63(3).unwrap()] {
            let p = scope("a", spelling);
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

    // SPEC: PSN-5, COL-1, COL-2
    #[test]
    fn a_long_column_is_one_by_one_whatever_is_in_it() {
        let cell = |i: usize| match i % 23 {
            3 => String::new(),
            5 => " \t".to_owned(),
            7 => format!("Zoë {i}"),
            11 => "x".repeat(i),
            _ => format!("Customer {i}"),
        };
        let mut cells: Vec<Vec<u8>> = (0..2500).map(|i| cell(i).into_bytes()).collect();
        cells[100] = b"\xFF".to_vec();
        cells[2499] = b"a\xC3".to_vec();
        for spelling in [
            Spelling::Base64Url,
            Spelling::Hex,
            Spelling::Uuid,
            Spelling::Crockford,
            Spelling::int63(1).unwrap(),
        ] {
            let p = scope("a", spelling).of_kind("a kind whose name makes the prefix longer than one block");
            for count in [0, 1, 2, 3, 14, 100, 511, 512, 513, 2500] {
                let (mut out, mut failures) = (Column::new(), vec![]);
                out.push(b"before");
                p.pseudonym_column(&cells[..count], &mut out, &mut failures);
                assert_eq!(out.len(), count + 1);
                let failed: Vec<usize> = failures.iter().map(|(row, _)| *row).collect();
                let expected = [101, 2500].into_iter().filter(|row| *row <= count);
                assert_eq!(failed, expected.collect::<Vec<_>>());
                for (i, cell) in cells[..count].iter().enumerate() {
                    match std::str::from_utf8(cell) {
                        Ok(text) if is_blank(cell) => assert_eq!(out.get(i + 1), text.as_bytes()),
                        Ok(text) => assert_eq!(out.get(i + 1), p.pseudonym(text).unwrap().as_bytes()),
                        Err(_) => assert_eq!(out.get(i + 1), b""),
                    }
                }
            }
        }
    }

    /// `base64url(AES-256(K, HMAC-SHA256(K', encode("", value))[0..16]))` by other crates alone but for the keys.
    fn by_other_crates(normal: &str) -> String {
        use aes::cipher::BlockCipherEncrypt;
        use hmac::{KeyInit, Mac};
        let key = test_key(1);
        let identity: crate::crypto::secret::PrfKey =
            kdf::derive(key.secret(), &Context::new(Label::PseudonymIdentity).part("acme"));
        let context = Context::new(Label::PseudonymScope).part("acme").part("a").number(1);
        let scope: crate::crypto::secret::PrpKey = kdf::derive(key.secret(), &context);
        let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(&identity.expose()[..]).unwrap();
        for part in [&b"cloakroom/1/pseudonym-input"[..], b"", normal.as_bytes()] {
            mac.update(&(part.len() as u32).to_be_bytes());
            mac.update(part);
        }
        let mut block = aes::Block::default();
        block.copy_from_slice(&mac.finalize().into_bytes()[..16]);
        aes::Aes256Enc::new(scope.expose().into()).encrypt_block(&mut block);
        BASE64_URL_SAFE_NO_PAD.encode(block)
    }

    /// Every length, at every place among sixteen; blanks, failures, other cases and scripts between them.
    fn any_cells() -> Vec<Vec<u8>> {
        let text = |len: usize, seed: usize| -> Vec<u8> {
            (0..len).map(|i| b"aZ09 .-@qR\t~"[(i * 7 + seed * 5 + i * i * seed) % 12]).collect()
        };
        let mut cells = vec![];
        for len in 0..=130 {
            let place = len % 16;
            cells.extend((0..place).map(|i| text(1 + (i * 11 + len) % 70, i)));
            cells.push(text(len, 3));
            cells.push(vec![b'M'; len]);
            cells.push(match len % 9 {
                0 => b"\xFF".to_vec(),
                1 => b" \x0B\t".to_vec(),
                2 => "Zoë Straße".as_bytes().to_vec(),
                3 => [&text(len, 4)[..], b"\x80"].concat(),
                4 => [b" ", &text(len, 4)[..], b"\x0B"].concat(),
                5 => vec![b' '; len],
                6 => ["É".repeat(len).as_bytes(), &text(len, 5)].concat(),
                7 => b"\x0B".to_vec(),
                _ => text(len, 7),
            });
        }
        cells
    }

    fn check_any_cells() {
        let (tenant, a) = (TenantId::new("acme").unwrap(), Scope::new("a").unwrap());
        let cells = any_cells();
        let int63 = Spelling::int63(1).unwrap();
        let spellings = [Spelling::Base64Url, Spelling::Hex, Spelling::Uuid, Spelling::Crockford, int63];
        for how in [Normalization::None, Normalization::Text, Normalization::Email, Normalization::Digits] {
            for spelling in spellings {
                let p = Pseudonymizer::new(&test_key(1), &test_key(1), &tenant, &a, how, spelling);
                let (mut out, mut failures) = (Column::new(), vec![]);
                p.pseudonym_column(&cells[..], &mut out, &mut failures);
                let mut failed = failures.iter().map(|(row, error)| (*row, error.to_string()));
                for (row, cell) in cells.iter().enumerate() {
                    let one = match std::str::from_utf8(cell) {
                        Ok(text) if is_blank(cell) => Ok(text.to_owned()),
                        Ok(text) => p.pseudonym(text),
                        Err(_) => Err(Error::Value { problem: "is not UTF-8" }),
                    };
                    match one {
                        Ok(one) => assert_eq!(out.get(row), one.as_bytes(), "row {row}"),
                        Err(error) => {
                            assert!(out.get(row).is_empty());
                            assert_eq!(failed.next(), Some((row, error.to_string())));
                        }
                    }
                    if let (Ok(text), Spelling::Base64Url, false) =
                        (std::str::from_utf8(cell), spelling, is_blank(cell))
                        && let Ok(normal) = how.apply(text)
                    {
                        assert_eq!(out.get(row), by_other_crates(&normal).as_bytes());
                    }
                }
                assert_eq!(failed.next(), None);
            }
        }
    }

    // SPEC: PSN-1, PSN-2, PSN-5, COL-1, COL-2
    #[test]
    fn cells_of_any_length_and_kind_are_one_by_one_and_by_other_crates() {
        check_any_cells();
        #[cfg(feature = "hazmat")]
        {
            crate::crypto::hazmat::use_portable_code(true);
            check_any_cells();
            crate::crypto::hazmat::use_portable_code(false);
        }
    }

    #[cfg(feature = "hazmat")]
    #[test]
    fn a_column_is_the_same_without_special_instructions() {
        let p = scope("a", Spelling::Base64Url);
        let column: Column = ["ann", "bob", "cleo"].into_iter().cycle().take(100).collect();
        let (mut out, mut portable, mut failures) = (Column::new(), Column::new(), vec![]);
        p.pseudonym_column(&column, &mut out, &mut failures);
        crate::crypto::hazmat::use_portable_code(true);
        p.pseudonym_column(&column, &mut portable, &mut failures);
        crate::crypto::hazmat::use_portable_code(false);
        assert!(out.iter().eq(portable.iter()) && failures.is_empty());
    }

    // SPEC: PSN-6
    #[test]
    fn an_integer_is_of_the_first_63_bits_of_the_hmac() {
        let int63 = Spelling::int63(1).unwrap();
        let key = test_key(1);
        let identity = kdf::derive(key.secret(), &Context::new(Label::PseudonymIdentity).part("acme"));
        let message = Context::new(Label::PseudonymInput).part("").part("ann");
        let tag = Prf::new(&identity).tag(&[message.as_bytes()]).into_public::<8>();
        let mut number = [u128::from(u64::from_be_bytes(tag) >> 1).to_be_bytes()];
        let (tenant, a) = (TenantId::new("acme").unwrap(), Scope::new("a").unwrap());
        ScopeKey::new(&key, &tenant, &a, int63).encrypt(&mut number);
        let number = u128::from_be_bytes(number[0]);
        assert!(number < 1 << 63);
        assert_eq!(scope("a", int63).pseudonym("Ann").unwrap(), number.to_string());
    }
}
