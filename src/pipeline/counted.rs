//! Bytes counted and hashed on their way.

use sha2::{Digest, Sha256};
use std::io::{Read, Result, Write};

/// The longest record: an unclosed quote must not take the whole file into memory.
pub(super) const LONGEST_RECORD: u64 = 64 << 20;

/// A reader that hashes, counts, and stops a record that does not end.
pub(super) struct CountedRead<R> {
    inner: R,
    hash: Sha256,
    pub(super) bytes: u64,
    /// Bytes read when the last record ended.
    mark: u64,
    /// Whether the first line ends in CR LF.
    pub(super) crlf: Option<bool>,
    last: u8,
}

impl<R: Read> CountedRead<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, hash: Sha256::new(), bytes: 0, mark: 0, crlf: None, last: 0 }
    }

    /// A record has ended.
    #[inline]
    pub(super) fn record_ended(&mut self) {
        self.mark = self.bytes;
    }

    pub(super) fn is_over_long(&self) -> bool {
        self.bytes - self.mark > LONGEST_RECORD
    }

    /// The hash of everything read.
    pub(super) fn sha256(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }
}

impl<R: Read> Read for CountedRead<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if self.is_over_long() {
            return Err(std::io::Error::other("a record is longer than 64 MiB"));
        }
        let n = self.inner.read(buffer)?;
        let read = &buffer[..n];
        if self.crlf.is_none() {
            if let Some(at) = read.iter().position(|b| *b == b'\n') {
                let before = if at == 0 { self.last } else { read[at - 1] };
                self.crlf = Some(before == b'\r');
            }
            self.last = read.last().copied().unwrap_or(self.last);
        }
        self.hash.update(read);
        self.bytes += n as u64;
        Ok(n)
    }
}

/// A writer that hashes and counts.
pub(super) struct CountedWrite<W> {
    inner: W,
    hash: Sha256,
    pub(super) bytes: u64,
}

impl<W: Write> CountedWrite<W> {
    pub(super) fn new(inner: W) -> Self {
        Self { inner, hash: Sha256::new(), bytes: 0 }
    }

    /// The hash of everything written.
    pub(super) fn sha256(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }
}

impl<W: Write> Write for CountedWrite<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let n = self.inner.write(bytes)?;
        self.hash.update(&bytes[..n]);
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> Result<()> {
        self.inner.flush()
    }
}
