//! Bytes counted and hashed on their way.

use sha2::{Digest, Sha256};
use std::io::{Read, Result, Write};

/// The byte order mark of UTF-8.
pub(super) const BOM: &[u8] = b"\xEF\xBB\xBF";

/// A reader that hashes and counts.
pub(super) struct CountedRead<R> {
    inner: R,
    hash: Sha256,
    pub(super) bytes: u64,
    /// Whether the first line ends in CR LF.
    pub(super) crlf: Option<bool>,
    /// Whether the input begins with a byte order mark.
    pub(super) bom: bool,
    last: u8,
}

impl<R: Read> CountedRead<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, hash: Sha256::new(), bytes: 0, crlf: None, bom: false, last: 0 }
    }

    /// The hash of everything read.
    pub(super) fn sha256(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }

    /// The first read takes at least a byte order mark, if the input has as much: it is looked for in what comes at once.
    fn read_inner(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut n = self.inner.read(buffer)?;
        while self.bytes == 0 && (1..BOM.len()).contains(&n) {
            match self.inner.read(&mut buffer[n..])? {
                0 => break,
                more => n += more,
            }
        }
        Ok(n)
    }
}

impl<R: Read> Read for CountedRead<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let n = self.read_inner(buffer)?;
        let read = &buffer[..n];
        self.bom |= self.bytes == 0 && read.starts_with(BOM);
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
