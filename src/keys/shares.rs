//! A key in shares (Shamir): any `needed` of `count` give it, fewer say nothing about it.
//!
//! ```text
//!  0        1        17       18      19               123
//!  ┌────────┬────────┬────────┬───────┬────────────────┐
//!  │ format │ set    │ needed │ count │ wrapped        │
//!  │ 1      │ 16     │ 1      │ 1     │ 104            │
//!  └────────┴────────┴────────┴───────┴────────────────┘
//! ```
//!
//! The wrapping key is `derive(key, context(ShareKey, header), 64)`. `set = derive(key, context(ShareSet, needed, count),
//! 16)` names the set of shares in public, and tells whether shares that were put together gave the key.
//!
//! A share is a text of five lines, for one holder:
//!
//! ```text
//! cloakroom-share-1
//! set 32 hex digits
//! share 2 of 5, 3 needed
//! secret 43 characters of base64url
//! check 16 hex digits
//! ```
//!
//! The secret is the value at the share's number of a polynomial of degree `needed − 1` for each byte of the key, over
//! GF(2^8). `check = derive(secret, context(ShareCheck, set, needed, count, number), 8)`.
//!
//! # Security
//! The polynomials' other coefficients come from ChaCha12 with 32 bytes of the system as its seed. Multiplication looks
//! secret bytes up in tables, so it is to be done where nobody else measures the processor's caches.
//!
//! Source: A. Shamir, "How to share a secret", CACM 22(11), 1979.

use super::owner_file;
use super::provider::KeyProvider;
use crate::crypto::context::{Context, Label};
use crate::crypto::kdf::{self, RootSecret};
use crate::crypto::rng;
use crate::crypto::secret::{AeadKey, DataKey};
use crate::crypto::wrap::WrapKey;
use crate::error::{Error, Result};
use crate::wire::Reader;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use blahaj::Sharks;
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const FORMAT: u8 = 1;
const HEADER_LEN: usize = 19;
const FIRST_LINE: &str = "cloakroom-share-1";
const LONGEST: usize = 512;

/// How many shares there are, and how many of them are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheme {
    needed: u8,
    count: u8,
}

impl Scheme {
    /// Any `needed` of `count` shares.
    ///
    /// # Errors
    /// [`Error::Setting`] unless 2 ≤ needed ≤ count.
    pub fn new(needed: u8, count: u8) -> Result<Self> {
        match needed >= 2 && needed <= count {
            true => Ok(Self { needed, count }),
            false => {
                let problem = format!("of {count} shares 2 at least and {count} at most can be needed");
                Err(Error::Setting { what: "shares", problem })
            }
        }
    }

    /// How many open.
    pub fn needed(self) -> u8 {
        self.needed
    }

    /// How many there are.
    pub fn count(self) -> u8 {
        self.count
    }
}

/// `3-of-5`.
impl FromStr for Scheme {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers =
            text.split_once("-of-").and_then(|(needed, count)| Some((number(needed)?, number(count)?)));
        let (needed, count) = numbers.ok_or_else(|| Error::Setting {
            what: "shares",
            problem: "are written as 3-of-5, both numbers from 2 to 255".into(),
        })?;
        Self::new(needed, count)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-of-{}", self.needed, self.count)
    }
}

/// A number as it is written: no sign and no leading zero.
fn number(text: &str) -> Option<u8> {
    text.parse().ok().filter(|n: &u8| n.to_string() == text)
}

/// What one holder keeps.
#[derive(Debug)]
pub struct Share {
    set: [u8; 16],
    scheme: Scheme,
    number: u8,
    secret: AeadKey,
}

impl RootSecret for Share {
    fn keying_material(&self) -> &[u8; 32] {
        self.secret.expose()
    }
}

impl Share {
    /// Its number, from 1 to the count of its scheme.
    pub fn number(&self) -> u8 {
        self.number
    }

    /// How many shares its set has, and how many are needed.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The share as text.
    pub fn to_text(&self) -> Zeroizing<String> {
        let secret = Zeroizing::new(BASE64.encode(self.secret.expose()));
        let Scheme { needed, count } = self.scheme;
        Zeroizing::new(format!(
            "{FIRST_LINE}\nset {}\nshare {} of {count}, {needed} needed\nsecret {}\ncheck {}\n",
            hex(&self.set),
            self.number,
            &*secret,
            hex(&self.check()),
        ))
    }

    /// The share that [`to_text`](Share::to_text) wrote. White space at the ends of lines is ignored.
    ///
    /// # Errors
    /// [`Error::KeySource`] when it is no share, or damaged.
    pub fn from_text(text: &str) -> Result<Self> {
        parse(text).map_err(|problem| Error::KeySource { what: "the share".into(), problem: problem.into() })
    }

    /// Writes a new file that only its owner can read.
    ///
    /// # Errors
    /// [`Error::Exists`]; [`Error::Io`].
    pub fn create(&self, path: impl AsRef<Path>) -> Result<()> {
        owner_file::create(path.as_ref(), &self.to_text())
    }

    /// Reads a share's file.
    ///
    /// # Errors
    /// [`Error::KeySource`] when anyone but its owner can read it, or as for [`Share::from_text`]; [`Error::Io`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = owner_file::read(path, LONGEST)?;
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        parse(text).map_err(|problem| owner_file::bad(path, problem))
    }

    fn check(&self) -> [u8; 8] {
        let Scheme { needed, count } = self.scheme;
        let context = Context::new(Label::ShareCheck)
            .part(self.set)
            .number(needed.into())
            .number(count.into())
            .number(self.number.into());
        let mut check = [0; 8];
        kdf::expand(self, &context, &mut check);
        check
    }
}

fn parse(text: &str) -> std::result::Result<Share, &'static str> {
    const DAMAGED: &str = "is damaged: something in it is not as it was written; use another share";
    let mut lines = text.trim_end().lines().map(str::trim_end);
    match lines.next() {
        Some(FIRST_LINE) => {}
        Some(line) if line.starts_with("cloakroom-share-") => {
            return Err("is a share of a format that this release does not know");
        }
        _ => return Err("is no share"),
    }
    let mut line = |name: &str| lines.next().and_then(|line| line.strip_prefix(name)).ok_or(DAMAGED);
    let set = unhex(line("set ")?).ok_or(DAMAGED)?;
    let (index, rest) = line("share ")?.split_once(" of ").ok_or(DAMAGED)?;
    let (count, needed) = rest.strip_suffix(" needed").and_then(|r| r.split_once(", ")).ok_or(DAMAGED)?;
    let [index, count, needed] = [index, count, needed].map(number);
    let scheme = needed.zip(count).and_then(|(n, c)| Scheme::new(n, c).ok()).ok_or(DAMAGED)?;
    let index = index.filter(|i| (1..=scheme.count).contains(i)).ok_or(DAMAGED)?;
    let secret = Zeroizing::new(BASE64.decode(line("secret ")?).map_err(|_| DAMAGED)?);
    let mut secret = Zeroizing::new(<[u8; 32]>::try_from(&secret[..]).map_err(|_| DAMAGED)?);
    let check: [u8; 8] = unhex(line("check ")?).ok_or(DAMAGED)?;
    let share = Share { set, scheme, number: index, secret: AeadKey::from_bytes(&mut secret) };
    match lines.next().is_none() && bool::from(share.check().ct_eq(&check)) {
        true => Ok(share),
        false => Err(DAMAGED),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    let lower = |b: &u8| b.is_ascii_digit() || (b'a'..=b'f').contains(b);
    if digits.len() != 2 * N || !digits.iter().all(lower) {
        return None;
    }
    let mut bytes = [0; N];
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(bytes)
}

/// The key that was split, whole in memory: what locks with it can be saved again, and the shares stay good.
///
/// # Example
/// ```
/// use cloakroom::keys::{Keyset, Scheme, SharedKey};
/// # fn main() -> cloakroom::Result<()> {
/// let (key, shares) = SharedKey::split(Scheme::new(3, 5)?)?;
/// let locked = Keyset::generate(cloakroom::time::Timestamp(0))?.lock(&key)?;
/// let again = SharedKey::combine(&shares[1..4])?;
/// assert!(Keyset::unlock(&locked, &again).is_ok());
/// assert!(SharedKey::combine(&shares[..2]).is_err());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct SharedKey {
    set: [u8; 16],
    scheme: Scheme,
    key: AeadKey,
}

impl RootSecret for SharedKey {
    fn keying_material(&self) -> &[u8; 32] {
        self.key.expose()
    }
}

impl SharedKey {
    /// A new random key, and all its shares, ascending by number.
    ///
    /// # Errors
    /// [`Error::Io`] when the system has no randomness to give.
    pub fn split(scheme: Scheme) -> Result<(Self, Vec<Share>)> {
        let mut bytes = Zeroizing::new([0; 32]);
        rng::fill_from_system(bytes.as_mut())?;
        let shared = Self::new(scheme, AeadKey::from_bytes(&mut bytes));
        let mut coefficients = rng::seeded_from_system()?;
        let points = Sharks(scheme.needed).dealer_rng(shared.key.expose(), &mut coefficients);
        let shares = points
            .take(scheme.count.into())
            .map(|point| {
                let mut secret = Zeroizing::new([0; 32]);
                secret.iter_mut().zip(&point.y).for_each(|(to, from)| *to = from.0);
                let secret = AeadKey::from_bytes(&mut secret);
                Share { set: shared.set, scheme, number: point.x.0, secret }
            })
            .collect();
        Ok((shared, shares))
    }

    /// The key from its shares, in any order; more than are needed are fine, and are all used.
    ///
    /// # Errors
    /// [`Error::KeySource`] for shares of different sets, the same share twice, too few shares, and shares that do not
    /// give the key of their set because one of them was forged.
    pub fn combine(shares: &[Share]) -> Result<Self> {
        let bad = |what: String, problem: String| Err(Error::KeySource { what, problem });
        let Some(first) = shares.first() else {
            return bad("the shares".into(), "are missing: none was given".into());
        };
        let mut numbers = BTreeSet::new();
        for share in shares {
            if (share.set, share.scheme) != (first.set, first.scheme) {
                return bad(
                    format!("share {} of set {}", share.number, hex(&share.set)),
                    format!("does not belong to share {} of set {}", first.number, hex(&first.set)),
                );
            }
            if !numbers.insert(share.number) {
                return bad(
                    format!("share {}", share.number),
                    "was given twice: it counts as one, another one is needed in its place".into(),
                );
            }
        }
        let needed = first.scheme.needed;
        if numbers.len() < needed.into() {
            return bad(
                "the shares".into(),
                format!("are too few: {} given, {needed} of {} needed", numbers.len(), first.scheme.count),
            );
        }
        let points: Vec<blahaj::Share> = shares.iter().map(point).collect::<Result<_>>()?;
        let bytes = Sharks(needed).recover(&points).map(Zeroizing::new).map_err(|_| Error::KeysetLocked)?;
        let mut bytes = Zeroizing::new(<[u8; 32]>::try_from(&bytes[..]).map_err(|_| Error::KeysetLocked)?);
        let shared = Self::new(first.scheme, AeadKey::from_bytes(&mut bytes));
        match bool::from(shared.set.ct_eq(&first.set)) {
            true => Ok(shared),
            false => bad(
                "the shares".into(),
                "do not give the key of their set: one of them at least was forged; leave one out, or take others".into(),
            ),
        }
    }

    /// How many shares there are, and how many are needed.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    fn new(scheme: Scheme, key: AeadKey) -> Self {
        let mut shared = Self { set: [0; 16], scheme, key };
        let context = Context::new(Label::ShareSet).number(scheme.needed.into()).number(scheme.count.into());
        let mut set = [0; 16];
        kdf::expand(&shared, &context, &mut set);
        shared.set = set;
        shared
    }

    fn header(&self) -> Vec<u8> {
        [&[FORMAT], &self.set[..], &[self.scheme.needed, self.scheme.count]].concat()
    }

    fn wrap_key(&self) -> WrapKey {
        WrapKey::derive(self, &Context::new(Label::ShareKey).part(self.header()))
    }
}

/// The share as a point of the polynomials.
fn point(share: &Share) -> Result<blahaj::Share> {
    let bytes = Zeroizing::new([&[share.number], &share.secret.expose()[..]].concat());
    blahaj::Share::try_from(&bytes[..]).map_err(|_| Error::KeysetLocked)
}

fn aad() -> Context {
    Context::new(Label::ShareKey)
}

impl KeyProvider for SharedKey {
    fn id(&self) -> &str {
        "shares"
    }

    fn wrap(&self, key: &DataKey) -> Result<Vec<u8>> {
        let mut out = self.header();
        self.wrap_key().wrap(&aad(), key, &mut out);
        Ok(out)
    }

    /// # Errors
    /// [`Error::KeySource`] when the keyset is locked by another set of shares; [`Error::KeysetLocked`].
    fn unwrap(&self, wrapped: &[u8]) -> Result<DataKey> {
        let mut r = Reader::new("shares header", wrapped);
        r.expect(&[FORMAT], "has a format that this release does not know")
            .map_err(|_| Error::KeysetLocked)?;
        let set: [u8; 16] = r.array().map_err(|_| Error::KeysetLocked)?;
        if set != self.set {
            let problem = format!("but the keyset is locked by set {}", hex(&set));
            return Err(Error::KeySource {
                what: format!("the shares are of set {}", hex(&self.set)),
                problem,
            });
        }
        let (header, wrapped) = wrapped.split_at_checked(HEADER_LEN).ok_or(Error::KeysetLocked)?;
        match header == self.header() {
            true => self.wrap_key().unwrap(&aad(), wrapped).map_err(|_| Error::KeysetLocked),
            false => Err(Error::KeysetLocked),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Keyset;
    use super::*;
    use crate::time::Timestamp;
    use proptest::prelude::*;
    use proptest::sample::subsequence;

    fn set(needed: u8, count: u8) -> (SharedKey, Vec<Share>) {
        SharedKey::split(Scheme::new(needed, count).unwrap()).unwrap()
    }

    /// The share again, read from its text with one thing put in place of another.
    fn reread(share: &Share, from: &str, to: &str) -> Result<Share> {
        Share::from_text(&share.to_text().replace(from, to))
    }

    fn copies(shares: &[&Share]) -> Vec<Share> {
        shares.iter().map(|share| reread(share, "", "").unwrap()).collect()
    }

    #[track_caller]
    fn says<T: fmt::Debug>(result: Result<T>, text: &str) {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::KeySource { .. }), "{error:?}");
        assert!(error.to_string().contains(text), "{text:?} is not in {error}");
    }

    /// A scheme, and the numbers of as many of its shares as are needed.
    fn chosen() -> impl Strategy<Value = (u8, u8, Vec<usize>)> {
        (2_u8..=40).prop_flat_map(|count| (2..=count, Just(count))).prop_flat_map(|(needed, count)| {
            let indexes: Vec<usize> = (0..count.into()).collect();
            (Just(needed), Just(count), subsequence(indexes, usize::from(needed)).prop_shuffle())
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        // SPEC: SHARE-1, SHARE-2
        #[test]
        fn any_of_them_open_if_they_are_enough_and_only_then((needed, count, at) in chosen()) {
            let (key, shares) = set(needed, count);
            let chosen: Vec<&Share> = at.iter().map(|i| &shares[*i]).collect();
            let again = SharedKey::combine(&copies(&chosen)).unwrap();
            prop_assert!(again.key.ct_eq(&key.key));
            says(SharedKey::combine(&copies(&chosen[1..])), "too few");

            // One fewer give another key, were their texts to claim that they are enough: the set's name shows it.
            let fewer: Vec<_> = chosen[1..].iter().map(|share| point(share).unwrap()).collect();
            let guess = Sharks(needed - 1).recover(&fewer).unwrap();
            prop_assert_ne!(&guess[..], &key.key.expose()[..]);
        }
    }

    // SPEC: SHARE-1, SHARE-2
    #[test]
    fn the_smallest_and_the_largest_scheme_work() {
        for (needed, count) in [(2, 2), (2, 255), (255, 255)] {
            let (key, shares) = set(needed, count);
            assert_eq!(shares.len(), usize::from(count));
            let last: Vec<&Share> = shares.iter().rev().take(needed.into()).collect();
            assert!(SharedKey::combine(&copies(&last)).unwrap().key.ct_eq(&key.key));
            says(
                SharedKey::combine(&copies(&last[1..])),
                if needed == 2 { "1 given, 2 of" } else { "254 given" },
            );
        }
        for (needed, count) in [(0, 0), (0, 5), (1, 1), (1, 5), (6, 5), (255, 254)] {
            assert!(Scheme::new(needed, count).is_err(), "{needed} of {count}");
        }
        for text in
            ["", "3", "3-of-", "-of-5", "3 of 5", "3-of-256", "03-of-5", "+3-of-5", "1-of-5", "6-of-5"]
        {
            assert!(text.parse::<Scheme>().is_err(), "{text:?}");
        }
        assert_eq!("3-of-5".parse::<Scheme>().unwrap().to_string(), "3-of-5");
    }

    // SPEC: SHARE-3
    #[test]
    fn more_than_enough_open_it_and_saving_keeps_the_shares_good() {
        let (key, shares) = set(2, 4);
        let keyset = Keyset::generate(Timestamp(5)).unwrap();
        let locked = keyset.lock(&key).unwrap();
        let all: Vec<&Share> = shares.iter().collect();
        let again = SharedKey::combine(&copies(&all)).unwrap();
        assert_eq!(Keyset::unlock(&locked, &again).unwrap().id(), keyset.id());
        let saved = keyset.lock(&again).unwrap();
        let others = SharedKey::combine(&copies(&all[2..])).unwrap();
        assert_eq!(Keyset::unlock(&saved, &others).unwrap().id(), keyset.id());
    }

    // SPEC: SHARE-4
    #[test]
    fn each_mistake_has_its_own_error_before_any_key_is_tried() {
        let ((mine, shares), (_, others)) = (set(2, 3), set(2, 3));
        says(SharedKey::combine(&[]), "none was given");
        says(SharedKey::combine(&copies(&[&shares[0]])), "too few: 1 given, 2 of 3 needed");
        says(SharedKey::combine(&copies(&[&shares[1], &shares[1]])), "share 2: was given twice");
        says(SharedKey::combine(&copies(&[&shares[0], &others[1]])), "does not belong to share 1 of set");
        let locked = Keyset::generate(Timestamp(5)).unwrap().lock(&mine).unwrap();
        let other = SharedKey::combine(&others).unwrap();
        says(Keyset::unlock(&locked, &other).map(|_| ()), "but the keyset is locked by set");

        // A share with a right check but a wrong secret: somebody made it on purpose.
        let forged =
            Share { number: 2, secret: AeadKey::from_bytes(&mut [7; 32]), ..copies(&[&shares[1]]).remove(0) };
        let given = [copies(&[&shares[0]]).remove(0), forged];
        says(SharedKey::combine(&given), "was forged");
    }

    // SPEC: SHARE-5
    #[test]
    fn a_damaged_share_is_refused_and_not_repeated() {
        let share = set(3, 5).1.remove(1);
        let text = share.to_text();
        let again = Share::from_text(&text.replace('\n', " \r\n")).unwrap();
        assert_eq!((again.number(), again.scheme()), (2, share.scheme()));
        for (at, _) in text.char_indices().filter(|(_, c)| !c.is_whitespace()) {
            let mut altered = text.to_string();
            let other = if &text[at..=at] == "4" { "5" } else { "4" };
            altered.replace_range(at..=at, other);
            let error = Share::from_text(&altered).unwrap_err().to_string();
            assert!(error.contains("share"), "{error}");
            assert!(!error.contains(&BASE64.encode(share.secret.expose())), "{error}");
        }
        for length in 0..text.trim_end().len() {
            assert!(Share::from_text(&text[..length]).is_err(), "{length} bytes");
        }
        says(Share::from_text(&format!("{}x\n", &*text)), "is damaged");
        says(reread(&share, "secret ", "secret A"), "is damaged");
        says(reread(&share, "share 2", "share 3"), "is damaged");
        says(reread(&share, "share-1", "share-2"), "a format that this release does not know");
        says(Share::from_text("cloakroom-key-1:AAAA"), "is no share");
        assert!(!format!("{share:?}").contains(&format!("{:?}", share.secret.expose())));
    }

    proptest! {
        #[test]
        fn any_text_is_a_share_or_an_error(text in "(cloakroom-share-1\n(set |share |secret |check )?)?(\\PC|\n){0,40}") {
            prop_assert!(Share::from_text(&text).is_err());
        }
    }

    // SPEC: SHARE-1, SHARE-6
    #[test]
    fn no_byte_of_the_wrapped_key_can_change() {
        let (key, _) = set(2, 3);
        let data_key = crate::crypto::wrap::generate();
        let wrapped = key.wrap(&data_key).unwrap();
        assert_eq!(wrapped.len(), 123);
        assert!(key.unwrap(&wrapped).unwrap().ct_eq(&data_key));
        for i in 0..wrapped.len() {
            let mut altered = wrapped.clone();
            altered[i] ^= 1;
            assert!(key.unwrap(&altered).is_err(), "byte {i}");
            assert!(key.unwrap(&wrapped[..i]).is_err(), "{i} bytes");
        }
    }

    // SPEC: SHARE-7
    #[cfg(unix)]
    #[test]
    fn a_share_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("share");
        let share = set(2, 2).1.remove(0);
        share.create(&path).unwrap();
        assert!(matches!(share.create(&path), Err(Error::Exists { .. })));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Share::read(&path).unwrap().number(), 1);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o604)).unwrap();
        says(Share::read(&path), "chmod 600");
    }
}
