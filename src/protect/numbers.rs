//! A column through numbers of 16 bytes: pseudonyms, and the values of blind indexes.
//!
//! ```text
//! rows ──read──► messages or numbers, without those that are blank or fail ──all at once──► numbers ──write──► texts, in the rows' order
//! ```
//!
//! A thousand rows or so go together. Nothing is allocated for a row.

use super::{Column, Failures, column};
use crate::crypto::context::Context;
use crate::error::Result;
use crate::format::Normalization;
use zeroize::Zeroizing;

/// Rows that go together: enough to fill every lane, and few enough for the nearest caches.
const TOGETHER: usize = 1024;
/// Room for a message at first.
const USUAL_LENGTH: usize = 48;

/// What the rows that go together became so far.
pub(super) struct Scratch {
    pub(super) messages: Messages,
    pub(super) numbers: Zeroizing<Vec<[u8; 16]>>,
}

/// Messages that are to be hashed, in one buffer. Wiped when cleared or dropped, and what it leaves when it moves.
pub(super) struct Messages {
    /// What is used of it, and zeros behind.
    bytes: Zeroizing<Vec<u8>>,
    used: usize,
    ends: Vec<usize>,
}

impl Messages {
    fn with_room_for(messages: usize) -> Self {
        let bytes = Zeroizing::new(vec![0; USUAL_LENGTH * messages]);
        Self { bytes, used: 0, ends: Vec::with_capacity(messages) }
    }

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
        let start = self.used;
        let written = write(&mut Writer(self));
        match written {
            Ok(()) => self.ends.push(self.used),
            Err(_) => self.used = start,
        }
        written
    }

    /// The next so many bytes, and what is behind.
    #[inline]
    fn room(&mut self, len: usize) -> &mut [u8] {
        if self.bytes.len() - self.used < len {
            let mut larger = Zeroizing::new(vec![0; (self.used + len).max(2 * self.bytes.len())]);
            larger[..self.used].copy_from_slice(&self.bytes[..self.used]);
            self.bytes = larger;
        }
        &mut self.bytes[self.used..]
    }

    fn clear(&mut self) {
        self.bytes.fill(0);
        self.used = 0;
        self.ends.clear();
    }
}

/// Writes one message.
pub(super) struct Writer<'m>(&'m mut Messages);

impl Writer<'_> {
    /// Appends bytes as they are.
    #[inline]
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.room(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.0.used += bytes.len();
    }

    /// Appends a value's normal form, as a part of a [`Context`]: its length in front.
    ///
    /// # Errors
    /// [`Error::Value`](crate::error::Error::Value) for a value that has none, or is not UTF-8.
    #[inline]
    pub(super) fn part(&mut self, how: Normalization, value: &[u8]) -> Result<()> {
        const LENGTH: usize = 4;
        let room = self.0.room(LENGTH + value.len());
        let (length, room) = room.split_at_mut(LENGTH);
        if let Some(len) = how.write_ascii(value, room)? {
            length.copy_from_slice(&Context::length_prefix(len));
            self.0.used += LENGTH + len;
            return Ok(());
        }
        let normal = Zeroizing::new(how.apply(column::text(value)?)?.into_owned());
        self.bytes(&Context::length_prefix(normal.len()));
        self.bytes(normal.as_bytes());
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
    let messages = Messages::with_room_for(most);
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
