//! Bytes counted and hashed on their way.

use crate::crypto::rng;
use sha2::{Digest, Sha256};
use std::io::{Read, Result, Write};

/// The longest record: an unclosed quote must not take the whole file into memory.
pub(super) const LONGEST_RECORD: u64 = 64 << 20;

/// The byte order mark of UTF-8.
pub(super) const BOM: &[u8] = b"\xEF\xBB\xBF";

/// A reader that hashes, counts, stops a record that does not end, and marks the end of the input.
pub(super) struct CountedRead<R> {
    inner: R,
    hash: Sha256,
    pub(super) bytes: u64,
    /// Bytes read when the last record ended.
    mark: u64,
    /// Whether the first line ends in CR LF.
    pub(super) crlf: Option<bool>,
    /// Whether the input begins with a byte order mark.
    pub(super) bom: bool,
    last: u8,
    end: EndMark,
    /// How much of the end mark was handed out; `None` before the end.
    ended: Option<usize>,
}

/// A line of its own behind the last one: random, and of bytes that are neither delimiters nor quotes. A record that
/// swallowed it was in an open quote, which a CSV reader does not tell.
pub(super) struct EndMark([u8; 18]);

impl EndMark {
    fn new() -> Self {
        let mut line = [b'\n'; 18];
        line[1..17].copy_from_slice(&rng::bytes::<16>().map(|byte| byte | 0x80));
        Self(line)
    }

    /// Whether this is the record behind the last.
    pub(super) fn is(&self, record: &csv::ByteRecord) -> bool {
        record.len() == 1 && record[0] == self.0[1..17]
    }

    /// Whether the record went over the end of the input.
    pub(super) fn is_swallowed_by(&self, record: &csv::ByteRecord) -> bool {
        record.as_slice().ends_with(&self.0)
    }
}

impl<R: Read> CountedRead<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
            bytes: 0,
            mark: 0,
            crlf: None,
            bom: false,
            last: 0,
            end: EndMark::new(),
            ended: None,
        }
    }

    /// A record has ended.
    #[inline]
    pub(super) fn record_ended(&mut self) {
        self.mark = self.bytes;
    }

    pub(super) fn is_over_long(&self) -> bool {
        self.bytes - self.mark > LONGEST_RECORD
    }

    /// What stands behind the last record.
    pub(super) fn end_mark(&self) -> &EndMark {
        &self.end
    }

    /// The hash of everything read.
    pub(super) fn sha256(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }

    /// The first read takes at least a byte order mark: the CSV reader looks for it in what comes at once.
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
        if self.is_over_long() {
            return Err(std::io::Error::other("a record is longer than 64 MiB"));
        }
        if let Some(given) = &mut self.ended {
            let n = (&self.end.0[*given..]).read(buffer)?;
            *given += n;
            return Ok(n);
        }
        let n = self.read_inner(buffer)?;
        if n == 0 && !buffer.is_empty() {
            if self.crlf == Some(true) {
                self.end.0[0] = b'\r'; // as after every other row, so that lines are counted alike
            }
            self.ended = Some(0);
            return self.read(buffer);
        }
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
