//! Bytes in JSON: lower-case hex of one length, and base64url of any.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt::Write;

/// `N` bytes as `2N` hex digits.
#[derive(Clone, Copy)]
pub(super) struct Hex<const N: usize>(pub [u8; N]);

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(2 * N);
        self.0.iter().for_each(|byte| write!(text, "{byte:02x}").expect("a String takes all"));
        serializer.serialize_str(&text)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let digit = |at: usize| match text.as_bytes()[at] {
            digit @ b'0'..=b'9' => Some(digit - b'0'),
            digit @ b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; N];
        let fits = text.len() == 2 * N;
        for (i, byte) in bytes.iter_mut().enumerate().take_while(|_| fits) {
            let digits = digit(2 * i).zip(digit(2 * i + 1));
            let (high, low) = digits.ok_or_else(|| D::Error::custom("not lower-case hex"))?;
            *byte = high << 4 | low;
        }
        if fits { Ok(Self(bytes)) } else { Err(D::Error::custom("hex of another length")) }
    }
}

/// Bytes as base64url without padding.
pub(super) struct Base64(pub Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        BASE64.decode(text.as_bytes()).map(Self).map_err(|_| D::Error::custom("not base64url"))
    }
}
