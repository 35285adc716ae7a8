//! How a pseudonym is written, and strictly read.
//!
//! | spelling | bits | text |
//! |---|---|---|
//! | `Base64Url` | 128 | 22 characters |
//! | `Hex` | 128 | 32 lower-case characters |
//! | `Uuid` | 128 | hex in groups of 8, 4, 4, 4 and 12 |
//! | `Crockford` | 128 | 26 upper-case characters |
//! | `Int63` | 63 | a decimal number below 2^63 |

use super::Column;
use crate::crypto::radix_text;
use crate::error::{Error, Result};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// How a pseudonym is written. Those of 128 bits are fixed in length, and all write the same pseudonym.
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
    /// 1 to 19 digits without leading zeros, below 2^63, for a column of signed 64-bit integers. A pseudonym of its own,
    /// not the 128-bit one cut short. Made by [`Spelling::int63`].
    Int63(Sparse),
}

/// Shows that the values of a scope are few enough for 63 bits; only [`Spelling::int63`] makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sparse(());

/// The most digits of an integer.
const INT63: usize = 19;

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl Spelling {
    /// The most values for which [`Spelling::int63`] is given: the largest n with n²/2^64 ≤ 1/1,000,000.
    pub const MOST_INT63: u64 = 4_294_967;

    /// 63-bit integers, for a scope that so many different values of one kind will ever enter.
    ///
    /// Among n values some two share a pseudonym with a probability of n²/2^64: the 2^63 integers, and n²/2 pairs.
    ///
    /// # Errors
    /// [`Error::Setting`] for a population of none, or of more than [`MOST_INT63`](Spelling::MOST_INT63), where that
    /// probability is over one in a million. The spellings of 128 bits have room for any.
    ///
    /// # Example
    /// ```
    /// use cloakroom::protect::Spelling;
    /// assert!(Spelling::int63(1_000_000).is_ok());
    /// assert!(Spelling::int63(8_000_000_000).is_err());
    /// ```
    pub fn int63(population: u64) -> Result<Spelling> {
        let problem = match population {
            0 => "must be at least 1: how many different values will there be?".to_owned(),
            1..=Self::MOST_INT63 => return Ok(Spelling::Int63(Sparse(()))),
            _ => format!(
                "of {population} values some two would share a 63-bit integer with a probability over 1/1,000,000 \
                 (n²/2^64): {} are the most; the 128 bits of base64url, hex, uuid or crockford have room for any",
                Self::MOST_INT63
            ),
        };
        Err(Error::Setting { what: "population", problem })
    }

    /// Whether the pseudonym is a 63-bit integer, and not the 128-bit one.
    pub fn is_integer(self) -> bool {
        matches!(self, Spelling::Int63(_))
    }

    /// The pseudonym that a text is, as a big-endian number. Each pseudonym has one text in a spelling, and no other is
    /// read: no other case, no white space, no padding.
    ///
    /// # Errors
    /// [`Error::Value`].
    pub fn parse(self, text: &str) -> Result<[u8; 16]> {
        let (read, problem) = match self {
            Spelling::Base64Url => (read_base64url(text), "is no pseudonym of 22 characters of base64url"),
            Spelling::Hex => (read_hex(text.as_bytes()), "is no pseudonym of 32 lower-case hex digits"),
            Spelling::Uuid => (read_uuid(text), "is no pseudonym in the form of a lower-case UUID"),
            Spelling::Crockford => {
                (read_crockford(text), "is no pseudonym of 26 upper-case characters of Crockford's base32")
            }
            Spelling::Int63(_) => {
                (read_int63(text), "is no pseudonym of decimal digits, below 2^63 and without leading zeros")
            }
        };
        read.ok_or(Error::Value { problem })
    }

    /// The text of a pseudonym; that of an integer is below 2^63.
    pub(crate) fn write(self, pseudonym: [u8; 16]) -> String {
        let text = |text: &[u8]| str::from_utf8(text).expect("spellings are ASCII").to_owned();
        match self {
            Spelling::Base64Url => text(&radix_text::base64url(&pseudonym)),
            Spelling::Hex => text(&radix_text::hex(&pseudonym)),
            Spelling::Uuid => text(&radix_text::uuid(&pseudonym)),
            Spelling::Crockford => text(&radix_text::crockford(&pseudonym)),
            Spelling::Int63(_) => {
                let (digits, zeros) = radix_text::decimal(u128::from_be_bytes(pseudonym) as u64);
                text(&digits[zeros..])
            }
        }
    }

    /// Appends the texts of many.
    pub(super) fn write_all(self, pseudonyms: &[[u8; 16]], out: &mut Column) {
        let all = pseudonyms;
        match self {
            Spelling::Base64Url => out.extend(all.len(), |texts| radix_text::all_base64url(all, texts)),
            Spelling::Hex => out.extend(all.len(), |texts| radix_text::all_hex(all, texts)),
            Spelling::Uuid => out.extend(all.len(), |texts| each(all, texts, radix_text::uuid)),
            Spelling::Crockford => out.extend(all.len(), |texts| each(all, texts, radix_text::crockford)),
            Spelling::Int63(_) => {
                // The digits lie in memory before they are read elsewhere: a copy of known length, and room behind for it.
                let mut texts = [([0; 2 * INT63], 0); 32];
                for all in all.chunks(texts.len()) {
                    for (pseudonym, (text, start)) in all.iter().zip(&mut texts) {
                        let (digits, zeros) = radix_text::decimal(u128::from_be_bytes(*pseudonym) as u64);
                        text[..INT63].copy_from_slice(&digits);
                        *start = zeros;
                    }
                    for (text, zeros) in &texts[..all.len()] {
                        let text: &[u8; INT63] = text[*zeros..].first_chunk().expect("at most 18 zeros");
                        out.push_first(text, INT63 - zeros);
                    }
                }
            }
        }
    }
}

#[inline]
fn each<const WIDTH: usize>(
    numbers: &[[u8; 16]],
    texts: &mut [[u8; WIDTH]],
    text: impl Fn(&[u8; 16]) -> [u8; WIDTH],
) {
    numbers.iter().zip(texts).for_each(|(number, to)| *to = text(number));
}

/// Bits behind the last byte have to be zero.
fn read_base64url(text: &str) -> Option<[u8; 16]> {
    // Room for what the decoder takes 22 characters to need at most.
    let mut bytes = [0; 18];
    if text.len() != 22 || BASE64_URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()? != 16 {
        return None;
    }
    bytes.first_chunk().copied()
}

fn read_hex(text: &[u8]) -> Option<[u8; 16]> {
    let digit = |text: u8| match text {
        b'0'..=b'9' => Some(text - b'0'),
        b'a'..=b'f' => Some(text - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 16];
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    if pairs.len() != bytes.len() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

fn read_uuid(text: &str) -> Option<[u8; 16]> {
    let mut digits = [0; 32];
    let mut places = digits.iter_mut();
    for (at, character) in text.bytes().enumerate() {
        match at {
            8 | 13 | 18 | 23 if character == b'-' => {}
            8 | 13 | 18 | 23 => return None,
            _ => *places.next()? = character,
        }
    }
    // A place that was not filled is no digit.
    read_hex(&digits)
}

/// 26 characters have 130 bits: the first two have to be zero.
fn read_crockford(text: &str) -> Option<[u8; 16]> {
    if text.len() != 26 || text.as_bytes()[0] > b'7' {
        return None;
    }
    let mut number = 0u128;
    for character in text.bytes() {
        number = number << 5 | CROCKFORD.iter().position(|c| *c == character)? as u128;
    }
    Some(number.to_be_bytes())
}

fn read_int63(text: &str) -> Option<[u8; 16]> {
    let has_digits_alone = text.bytes().all(|c| c.is_ascii_digit());
    if !has_digits_alone || (text.starts_with('0') && text != "0") {
        return None;
    }
    let number: i64 = text.parse().ok()?;
    Some(i128::from(number).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ONE: Sparse = Sparse(());
    const WIDE: [Spelling; 4] = [Spelling::Base64Url, Spelling::Hex, Spelling::Uuid, Spelling::Crockford];

    fn write(spelling: Spelling, number: u128) -> String {
        let text = spelling.write(number.to_be_bytes());
        let mut column = Column::new();
        spelling.write_all(&[number.to_be_bytes(); 3], &mut column);
        assert!(column.iter().eq([text.as_bytes(); 3]));
        text
    }

    fn parse(spelling: Spelling, text: &str) -> Option<u128> {
        spelling.parse(text).ok().map(u128::from_be_bytes)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(number: u128) {
            for spelling in WIDE {
                prop_assert_eq!(parse(spelling, &write(spelling, number)), Some(number));
            }
            let integer = number >> 65;
            prop_assert_eq!(parse(Spelling::Int63(ONE), &write(Spelling::Int63(ONE), integer)), Some(integer));
        }

        // SPEC: PSN-8
        #[test]
        fn what_is_read_is_written_so(
            texts in (
                "[A-Za-z0-9_-]{21}[AQgwBZ]", "[0-9a-f]{32}", "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
                "[0-9A-HJKMNP-TV-Z]{26}", "[0-9]{1,20}",
            ),
            at in 0usize..36,
            other in any::<char>(),
        ) {
            let texts = [texts.0, texts.1, texts.2, texts.3, texts.4];
            let spellings = WIDE.into_iter().chain([Spelling::Int63(ONE)]);
            for (spelling, text) in spellings.zip(texts) {
                let altered: String =
                    text.chars().enumerate().map(|(i, c)| if i == at { other } else { c }).collect();
                for text in [text, altered] {
                    if let Some(number) = parse(spelling, &text) {
                        prop_assert_eq!(write(spelling, number), text);
                    }
                }
            }
        }
    }

    // SPEC: PSN-3, PSN-8
    #[test]
    fn only_the_canonical_text_is_read() {
        let most = u128::MAX;
        for (spelling, good, number) in [
            (Spelling::Base64Url, "_____________________w", most),
            (Spelling::Base64Url, "AAAAAAAAAAAAAAAAAAAAAQ", 1),
            (Spelling::Hex, "ffffffffffffffffffffffffffffffff", most),
            (Spelling::Uuid, "00000000-0000-0000-0000-00000000000a", 10),
            (Spelling::Crockford, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", most),
            (Spelling::Crockford, "0000000000000000000000000Z", 31),
            (Spelling::Int63(ONE), "0", 0),
            (Spelling::Int63(ONE), "9223372036854775807", (1 << 63) - 1),
        ] {
            assert_eq!(parse(spelling, good), Some(number), "{good}");
            assert_eq!(write(spelling, number), good);
        }
        for (spelling, bad) in [
            (Spelling::Base64Url, "AAAAAAAAAAAAAAAAAAAAAB"), // bits behind the end
            (Spelling::Base64Url, "AAAAAAAAAAAAAAAAAAAAAA=="),
            (Spelling::Base64Url, "AAAAAAAAAAAAAAAAAAAAA"),
            (Spelling::Base64Url, "AAAAAAAAAAAAAAAAAAAA+Q"),
            (Spelling::Hex, "FFffffffffffffffffffffffffffffff"),
            (Spelling::Hex, "fffffffffffffffffffffffffffffff"),
            (Spelling::Hex, "00000000-0000-0000-0000-00000000000a"),
            (Spelling::Uuid, "00000000000000000000000000000000"),
            (Spelling::Uuid, "00000000-0000-0000-0000-00000000000A"),
            (Spelling::Uuid, "0000000-00000-0000-0000-00000000000a"),
            (Spelling::Uuid, "00000000-0000-0000-0000-00000000000a-"),
            (Spelling::Uuid, "00000000-0000-0000-0000-0000000000é"),
            (Spelling::Crockford, "80000000000000000000000000"), // 2^128
            (Spelling::Crockford, "0000000000000000000000000z"),
            (Spelling::Crockford, "0000000000000000000000000I"),
            (Spelling::Crockford, "0000000000000000000000000L"),
            (Spelling::Crockford, "0000000000000000000000000O"),
            (Spelling::Crockford, "0000000000000000000000000U"),
            (Spelling::Crockford, "000000000000000000000000é"),
            (Spelling::Int63(ONE), ""),
            (Spelling::Int63(ONE), "00"),
            (Spelling::Int63(ONE), "+1"),
            (Spelling::Int63(ONE), "-1"),
            (Spelling::Int63(ONE), " 1"),
            (Spelling::Int63(ONE), "9223372036854775808"), // 2^63
            (Spelling::Int63(ONE), "99999999999999999999999"),
        ] {
            let error = spelling.parse(bad).unwrap_err();
            assert!(matches!(error, Error::Value { .. }));
            assert!(bad.len() < 2 || !error.to_string().contains(bad), "{bad}");
        }
    }

    // SPEC: PSN-7
    #[test]
    fn integers_are_for_few_values() {
        let most = Spelling::MOST_INT63;
        let chance_is_at_most_one_in_a_million = |n: u64| u128::from(n).pow(2) * 1_000_000 <= 1 << 64;
        assert!(chance_is_at_most_one_in_a_million(most) && !chance_is_at_most_one_in_a_million(most + 1));
        assert!(Spelling::int63(1).unwrap().is_integer() && Spelling::int63(most).is_ok());
        for (population, expected) in [
            (0, "population: must be at least 1"),
            (most + 1, "n²/2^64): 4294967 are the most; the 128 bits of base64url, hex, uuid or crockford"),
            (u64::MAX, "population: of 18446744073709551615 values"),
        ] {
            let error = Spelling::int63(population).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
