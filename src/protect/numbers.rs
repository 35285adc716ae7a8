//! A column through numbers of 16 bytes: pseudonyms, and the values of blind indexes.
//!
//! ```text
//! rows ──read──► messages or numbers, without those that are blank or fail ──all at once──► numbers ──write──► texts, in the rows' order
//! ```
//!
//! Some hundred rows go together. Nothing is allocated for a row.

use super::{Column, Failures, column};
use crate::crypto::messages::{Message, Messages};
use crate::crypto::prf::Prf;
use crate::crypto::wiped::WipedVec;
use crate::error::Result;
use crate::format::Normalization;
use zeroize::Zeroizing;

/// Rows that go together: enough to fill every lane, and few enough for the nearest cache.
const TOGETHER: usize = 256;

/// What the rows that go together became so far.
pub(super) struct Scratch {
    pub(super) messages: Messages,
    pub(super) numbers: WipedVec<[u8; 16]>,
}

impl Scratch {
    /// Makes one number of each message: the first 16 bytes of its tag.
    pub(super) fn hash(&mut self, prf: &Prf) {
        self.numbers.resize(self.messages.len(), [0; 16]);
        self.messages.public_tags(prf, b"", &mut self.numbers);
    }
}

/// Appends a value's normal form to a message, as a part.
///
/// # Errors
/// [`Error::Value`](crate::error::Error::Value) for a value that has none, or is not UTF-8.
#[inline]
pub(super) fn normal_part(message: &mut Message<'_>, how: Normalization, value: &[u8]) -> Result<()> {
    if !message.part_with(value.len(), |room| how.write_ascii(value, room))? {
        let normal = Zeroizing::new(how.apply(column::text(value)?)?.into_owned());
        message.part(normal.as_bytes());
    }
    Ok(())
}

/// A row without a number.
enum Other<'c> {
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
    let mut scratch = Scratch { messages, numbers: WipedVec::with_capacity(most) };
    // Which rows have none, and why: few in most columns.
    let mut others = vec![];
    for start in (0..rows).step_by(TOGETHER) {
        scratch.messages.clear();
        scratch.numbers.clear();
        others.clear();
        let first = output.len();
        let count = (rows - start).min(TOGETHER);
        for i in 0..count {
            match read(start + i, &mut scratch) {
                Ok(None) => {}
                Ok(Some(blank)) => others.push((i, Other::Blank(blank))),
                Err(error) => {
                    failures.push((first + i, error));
                    others.push((i, Other::Failed));
                }
            }
        }
        finish(&mut scratch);
        let mut numbers = &scratch.numbers[..];
        let mut written = 0;
        for (i, other) in &others {
            let (now, then) = numbers.split_at(i - written);
            write(now, output);
            match other {
                Other::Blank(cell) => output.push(cell),
                Other::Failed => output.push(b""),
            }
            (numbers, written) = (then, i + 1);
        }
        write(numbers, output);
    }
}
