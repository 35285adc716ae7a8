//! A column through numbers of 16 bytes: pseudonyms, and the values of blind indexes.
//!
//! ```text
//! rows ──read──► messages or numbers, without those that are blank or fail ──all at once──► numbers ──write──► texts, in the rows' order
//! ```
//!
//! A thousand rows or so go together. Nothing is allocated for a row.

use super::{Column, Failures};
use crate::crypto::context::Context;
use crate::crypto::secret;
use crate::error::Result;
use crate::format::Normalization;
use zeroize::{Zeroize, Zeroizing};

/// Rows that go together: enough to fill every lane, and few enough for the nearest caches.
const TOGETHER: usize = 1024;
/// Room for a message at first.
const USUAL_LENGTH: usize = 48;

/// What the rows that go together became so far.
pub(super) struct Scratch {
    pub(super) messages: Messages,
    pub(super) numbers: Zeroizing<Vec<[u8; 16]>>,
}

/// Messages that are to be hashed, in one buffer. Wiped when cleared, dropped or moved to a larger one.
#[derive(Default)]
pub(super) struct Messages {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Messages {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    #[inline]
    pub(super) fn get(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.bytes[start..self.ends[i]]
    }

    /// Appends the message that `write` writes; on an error, none.
    #[inline]
    pub(super) fn push(&mut self, write: impl FnOnce(&mut Writer<'_>) -> Result<()>) -> Result<()> {
        let start = self.bytes.len();
        let written = write(&mut Writer(&mut self.bytes));
        match written {
            Ok(()) => self.ends.push(self.bytes.len()),
            Err(_) => {
                self.bytes[start..].fill(0);
                self.bytes.truncate(start);
            }
        }
        written
    }

    fn clear(&mut self) {
        // Several times as fast as wiping byte by byte; what lies behind was wiped when it was left.
        self.bytes.fill(0);
        self.bytes.clear();
        self.ends.clear();
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// Writes one message.
pub(super) struct Writer<'m>(&'m mut Vec<u8>);

impl Writer<'_> {
    /// Appends bytes as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        secret::reserve(self.0, bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// Appends a value's normal form, as a part of a [`Context`]: its length in front.
    ///
    /// # Errors
    /// [`Error::Value`](crate::error::Error::Value) for a value that has none.
    #[inline]
    pub(super) fn part(&mut self, how: Normalization, value: &[u8]) -> Result<()> {
        let start = self.0.len();
        self.bytes(&[0; 4]);
        how.append(value, self.0)?;
        let length = Context::length_prefix(self.0.len() - start - 4);
        self.0[start..start + 4].copy_from_slice(&length);
        Ok(())
    }
}

/// What became of a row.
enum Row<'c> {
    Number,
    Blank(&'c [u8]),
    Failed,
}

/// Appends the result of each row to `output`.
///
/// `read` takes a row: it appends a message or a number, or it returns the blank cell that the row has. `finish` makes one number
/// of each row that has one, in order, and `write` appends the texts of some of them.
pub(super) fn map_rows<'c>(
    rows: usize,
    output: &mut Column,
    failures: &mut Failures,
    mut read: impl FnMut(usize, &mut Scratch) -> Result<Option<&'c [u8]>>,
    finish: impl Fn(&mut Scratch),
    write: impl Fn(&[[u8; 16]], &mut Column),
) {
    let most = rows.min(TOGETHER);
    let messages =
        Messages { bytes: Vec::with_capacity(USUAL_LENGTH * most), ends: Vec::with_capacity(most) };
    let mut scratch = Scratch { messages, numbers: Zeroizing::new(Vec::with_capacity(most)) };
    let mut places = Vec::with_capacity(most);
    for start in (0..rows).step_by(TOGETHER) {
        scratch.messages.clear();
        scratch.numbers.clear();
        places.clear();
        let first = output.len();
        for row in start..rows.min(start + TOGETHER) {
            places.push(match read(row, &mut scratch) {
                Ok(None) => Row::Number,
                Ok(Some(blank)) => Row::Blank(blank),
                Err(error) => {
                    failures.push((first + row - start, error));
                    Row::Failed
                }
            });
        }
        finish(&mut scratch);
        let mut numbers = &scratch.numbers[..];
        for run in places.chunk_by(|a, b| matches!((a, b), (Row::Number, Row::Number))) {
            match run[0] {
                Row::Number => {
                    let (now, then) = numbers.split_at(run.len());
                    write(now, output);
                    numbers = then;
                }
                Row::Blank(cell) => output.push(cell),
                Row::Failed => output.push(b""),
            }
        }
    }
}
