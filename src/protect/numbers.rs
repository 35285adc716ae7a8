//! A column through numbers of 16 bytes: pseudonyms, and the values of blind indexes.
//!
//! ```text
//! rows ──read──► messages or numbers, without those that are blank or fail ──all at once──► numbers ──write──► texts, in the rows' order
//! ```
//!
//! Some hundred rows go together. Nothing is allocated for a row.

use super::{Cells, Column, Failures, column};
use crate::crypto::messages::{Message, Messages};
use crate::crypto::wiped::WipedVec;
use crate::error::Result;
use crate::format::Normalization;
use std::ops::Range;
use zeroize::Zeroizing;

/// Rows that go together: enough to fill every lane, and few enough for the nearest cache.
pub(super) const TOGETHER: usize = 256;

/// Appends a value's normal form to a message, as a part.
///
/// # Errors
/// [`Error::Value`](crate::error::Error::Value) for a value that has none, or is not UTF-8.
#[inline]
pub(super) fn normal_part(message: &mut Message<'_, '_>, how: Normalization, value: &[u8]) -> Result<()> {
    if !message.part_with(value.len(), |ascii, room| how.write_ascii(ascii, value, room))? {
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
/// `read_some` may take rows that it can take together: it appends to `scratch` what their numbers are made of, and says how many they
/// were. `read` takes the row behind them: it does so, or it returns the blank cell that the row has. `finish` makes the numbers, in
/// order, and leaves the scratch empty; `write` appends the texts of some of them.
pub(super) fn map_rows<'c, S>(
    rows: usize,
    output: &mut Column,
    failures: &mut Failures,
    scratch: &mut S,
    (read_some, read): (
        impl Fn(Range<usize>, &mut S) -> usize,
        impl Fn(usize, &mut S) -> Result<Option<&'c [u8]>>,
    ),
    finish: impl Fn(&mut S, &mut WipedVec<[u8; 16]>),
    write: impl Fn(&[[u8; 16]], &mut Column),
) {
    let mut made = WipedVec::with_capacity(rows.min(TOGETHER));
    // Which rows have none, and why: few in most columns.
    let mut others = vec![];
    for start in (0..rows).step_by(TOGETHER) {
        made.clear();
        others.clear();
        let first = output.len();
        let count = (rows - start).min(TOGETHER);
        let mut next = 0;
        loop {
            next += read_some(start + next..start + count, scratch);
            if next >= count {
                break;
            }
            let i = next;
            next += 1;
            match read(start + i, scratch) {
                Ok(None) => {}
                Ok(Some(blank)) => others.push((i, Other::Blank(blank))),
                Err(error) => {
                    failures.push((first + i, error));
                    others.push((i, Other::Failed));
                }
            }
        }
        finish(scratch, &mut made);
        let mut numbers = &made[..];
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

/// Appends messages of one part, the normal forms of values that lie one behind the other in a column, as long as those are plain; how
/// many.
#[inline]
pub(super) fn push_plain(
    messages: &mut Messages<'_>,
    how: Normalization,
    values: &(impl Cells + ?Sized),
    rows: Range<usize>,
) -> usize {
    let push =
        |in_lower_case| messages.push_short(rows.len(), |i| values.cell(rows.start + i), in_lower_case);
    how.case_of_ascii().map_or(0, push)
}

/// Makes one number of each message: the first 16 bytes of its tag.
pub(super) fn hash(messages: &mut Messages<'_>, numbers: &mut WipedVec<[u8; 16]>) {
    numbers.resize(messages.len(), [0; 16]);
    messages.public_tags(numbers);
    messages.clear();
}
