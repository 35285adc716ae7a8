//! Byte formats: one [`Reader`], one [`Writer`], and a file for each thing that is written.
//!
//! All numbers are big-endian. Every format starts with a format number, and every number ever released stays
//! readable. Reading is strict: what parses is written back as the same bytes. `SPEC.md` has the same diagrams.

pub mod audit;
pub mod entry;
pub mod envelope;
pub mod keyset;
pub mod token;

use crate::error::{Error, Result};

/// Reads a format from the front, and says at which byte it went wrong.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    what: &'static str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Starts at byte 0; `what` names the format in errors.
    pub fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { what, bytes, at: 0 }
    }

    /// An error at the current byte.
    pub fn malformed(&self, problem: &'static str) -> Error {
        Error::Malformed { what: self.what, offset: self.at, problem }
    }

    /// The next `length` bytes.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..length).ok_or_else(|| self.malformed("ends too early"))?;
        self.at += length;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(self.take(N)?.try_into().expect("N were taken"))
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    /// Two bytes.
    pub fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// Four bytes.
    pub fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// Exactly these bytes.
    pub fn expect(&mut self, bytes: &[u8], problem: &'static str) -> Result<()> {
        if self.bytes[self.at..].starts_with(bytes) {
            self.at += bytes.len();
            Ok(())
        } else {
            Err(self.malformed(problem))
        }
    }

    /// A 2-byte length and as many bytes.
    pub fn short(&mut self) -> Result<&'a [u8]> {
        let length = self.u16()?;
        self.take(length.into())
    }

    /// A 2-byte length and as many bytes of UTF-8.
    pub fn short_str(&mut self) -> Result<&'a str> {
        let bytes = self.short()?;
        std::str::from_utf8(bytes).map_err(|_| self.malformed("holds a name that is not UTF-8"))
    }

    /// A 4-byte length and as many bytes.
    pub fn long(&mut self) -> Result<&'a [u8]> {
        let length = self.u32()?;
        self.take(length as usize)
    }

    /// What was read so far.
    pub fn consumed(&self) -> &'a [u8] {
        &self.bytes[..self.at]
    }

    /// Everything left.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        self.at = self.bytes.len();
        rest
    }

    /// Whether nothing is left.
    pub fn is_done(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// An error unless nothing is left.
    pub fn finish(self) -> Result<()> {
        if self.is_done() { Ok(()) } else { Err(self.malformed("has bytes after its end")) }
    }
}

/// Writes a format to a buffer, which is zeroized on drop unless taken.
#[derive(Default)]
pub struct Writer(zeroize::Zeroizing<Vec<u8>>);

impl Writer {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        // Growing a Vec leaves the old allocation as it was, so grow by hand and wipe it.
        if self.0.capacity() - self.0.len() < bytes.len() {
            let mut larger =
                Vec::with_capacity((self.0.len() + bytes.len()).max(2 * self.0.capacity()).max(256));
            larger.extend_from_slice(&self.0);
            self.0 = zeroize::Zeroizing::new(larger);
        }
        self.0.extend_from_slice(bytes);
        self
    }

    /// One byte.
    pub fn u8(&mut self, number: u8) -> &mut Self {
        self.bytes(&[number])
    }

    /// Two bytes.
    pub fn u16(&mut self, number: u16) -> &mut Self {
        self.bytes(&number.to_be_bytes())
    }

    /// Four bytes.
    pub fn u32(&mut self, number: u32) -> &mut Self {
        self.bytes(&number.to_be_bytes())
    }

    /// Eight bytes.
    pub fn u64(&mut self, number: u64) -> &mut Self {
        self.bytes(&number.to_be_bytes())
    }

    /// A 2-byte length and the bytes.
    ///
    /// # Errors
    /// [`Error::TooLong`] over 65,535 bytes.
    pub fn short(&mut self, bytes: &[u8]) -> Result<&mut Self> {
        let actual = bytes.len();
        let length =
            u16::try_from(actual).map_err(|_| Error::TooLong { what: "name", actual, limit: 0xFFFF })?;
        Ok(self.u16(length).bytes(bytes))
    }

    /// A 4-byte length and the bytes.
    ///
    /// # Errors
    /// [`Error::TooLong`] over 4 GiB.
    pub fn long(&mut self, bytes: &[u8]) -> Result<&mut Self> {
        let actual = bytes.len();
        let length = u32::try_from(actual).map_err(|_| Error::TooLong {
            what: "value",
            actual,
            limit: u32::MAX as usize,
        })?;
        Ok(self.u32(length).bytes(bytes))
    }

    /// What was written so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The buffer, from now on the caller's to wipe if it holds secrets.
    pub fn into_bytes(mut self) -> Vec<u8> {
        std::mem::take(&mut *self.0)
    }
}
