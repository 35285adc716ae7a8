//! Many cells in two allocations: `cell i = bytes[ends[i-1]..ends[i]]`, as in Arrow's string arrays.

use crate::crypto::wiped::wipe;
use crate::error::{Error, Result};
use std::fmt;
#[cfg(feature = "pipeline")]
use std::ops::Range;

/// A column that is only read: cells by their index.
///
/// # Example
/// ```
/// use cloakroom::protect::{Arrow, Cells};
/// let texts = ["ab", "", "c"];
/// let arrow = Arrow::new(&[0, 2, 2, 3], b"abc")?;
/// assert!((0..3).all(|i| texts.cell(i) == arrow.cell(i)));
/// # Ok::<(), cloakroom::Error>(())
/// ```
pub trait Cells {
    /// How many cells.
    fn len(&self) -> usize;

    /// The cell.
    ///
    /// # Panics
    /// When there are fewer cells.
    fn cell(&self, i: usize) -> &[u8];

    /// Whether there is no cell.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Applies a function of one value to each cell that holds one; the others stay as they are.
    fn map_into(
        &self,
        output: &mut Column,
        failures: &mut Failures,
        mut f: impl FnMut(&str, &mut Vec<u8>) -> Result<()>,
    ) {
        for i in 0..self.len() {
            let cell = self.cell(i);
            output.push_with(failures, |out| match is_blank(cell) {
                true => {
                    out.extend_from_slice(cell);
                    Ok(())
                }
                false => f(text(cell)?, out),
            });
        }
    }
}

impl<T: AsRef<[u8]>> Cells for [T] {
    fn len(&self) -> usize {
        <[T]>::len(self)
    }

    fn cell(&self, i: usize) -> &[u8] {
        self[i].as_ref()
    }
}

impl<T: AsRef<[u8]>, const N: usize> Cells for [T; N] {
    fn len(&self) -> usize {
        N
    }

    fn cell(&self, i: usize) -> &[u8] {
        self[i].as_ref()
    }
}

impl Cells for Column {
    fn len(&self) -> usize {
        self.ends.len()
    }

    #[inline]
    fn cell(&self, i: usize) -> &[u8] {
        self.get(i)
    }
}

/// A string array as Arrow has it: `cell i = bytes[offsets[i]..offsets[i + 1]]`.
#[derive(Clone, Copy)]
pub struct Arrow<'a> {
    offsets: &'a [i32],
    bytes: &'a [u8],
}

impl<'a> Arrow<'a> {
    /// One offset more than there are cells.
    ///
    /// # Errors
    /// [`Error::Setting`] when there is no offset, or they are not ascending or go beyond the bytes.
    pub fn new(offsets: &'a [i32], bytes: &'a [u8]) -> Result<Self> {
        let within = |offset: &i32| usize::try_from(*offset).is_ok_and(|offset| offset <= bytes.len());
        match offsets.is_sorted() && !offsets.is_empty() && offsets.iter().all(within) {
            true => Ok(Self { offsets, bytes }),
            false => {
                let problem = "must have ascending offsets within its bytes, one more than cells".into();
                Err(Error::Setting { what: "column", problem })
            }
        }
    }
}

impl Cells for Arrow<'_> {
    fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    #[inline]
    fn cell(&self, i: usize) -> &[u8] {
        &self.bytes[self.offsets[i] as usize..self.offsets[i + 1] as usize]
    }
}

impl fmt::Debug for Arrow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arrow({} cells, ..)", self.offsets.len() - 1)
    }
}

/// A column of cells. Wiped when cleared or dropped, since it may hold plaintext.
#[derive(Default)]
pub struct Column {
    pub(super) bytes: Vec<u8>,
    pub(super) ends: Vec<usize>,
}

/// Which cells of a column could not be protected, and why.
pub type Failures = Vec<(usize, Error)>;

/// Whether a cell holds nothing but white space, and so no value.
#[inline]
pub fn is_blank(cell: &[u8]) -> bool {
    cell.iter().all(u8::is_ascii_whitespace)
}

impl Column {
    /// An empty column.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many cells.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no cell.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Appends a cell.
    #[inline]
    pub fn push(&mut self, cell: &[u8]) {
        self.bytes.extend_from_slice(cell);
        self.ends.push(self.bytes.len());
    }

    /// Appends the cells of another column.
    #[cfg(feature = "threads")]
    pub(super) fn append(&mut self, other: &Column) {
        let before = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.ends.extend(other.ends.iter().map(|end| before + end));
    }

    /// Appends the cell `bytes[range]`; bytes behind it may be read.
    #[cfg(feature = "pipeline")]
    #[inline]
    pub(crate) fn push_within(&mut self, bytes: &[u8], range: Range<usize>) {
        append(&mut self.bytes, bytes, range);
        self.ends.push(self.bytes.len());
    }

    /// Appends the cell that `write` appends to the buffer; on an error, an empty cell, and the error is noted.
    #[inline]
    pub fn push_with(&mut self, failures: &mut Failures, write: impl FnOnce(&mut Vec<u8>) -> Result<()>) {
        let start = self.bytes.len();
        if let Err(error) = write(&mut self.bytes) {
            self.bytes[start..].fill(0);
            self.bytes.truncate(start);
            failures.push((self.ends.len(), error));
        }
        self.ends.push(self.bytes.len());
    }

    /// Appends so many rows that fail, since the column of `what` has fewer rows or more.
    pub(super) fn push_unpaired(&mut self, what: &'static str, rows: usize, failures: &mut Failures) {
        for _ in 0..rows {
            let problem = "columns of different lengths: give each a cell for every row".into();
            self.push_with(failures, |_| Err(Error::Setting { what, problem }));
        }
    }

    /// Appends a cell of the first `len` bytes: a copy of a known length takes no call, and what is too much of it goes again.
    #[inline]
    pub(super) fn push_first<const MOST: usize>(&mut self, cell: &[u8; MOST], len: usize) {
        self.bytes.extend_from_slice(cell);
        self.bytes.truncate(self.bytes.len() - (MOST - len));
        self.ends.push(self.bytes.len());
    }

    /// Appends so many cells of one width, which `write` fills.
    #[inline]
    pub(super) fn extend<const WIDTH: usize>(
        &mut self,
        cells: usize,
        write: impl FnOnce(&mut [[u8; WIDTH]]),
    ) {
        let start = self.bytes.len();
        self.bytes.resize(start + WIDTH * cells, 0);
        write(self.bytes[start..].as_chunks_mut().0);
        self.ends.extend((1..=cells).map(|i| start + WIDTH * i));
    }

    /// The cell.
    ///
    /// # Panics
    /// When there are fewer cells.
    #[inline]
    pub fn get(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.bytes[start..self.ends[i]]
    }

    /// Appends the cell to `out`.
    #[cfg(feature = "pipeline")]
    #[inline]
    pub(crate) fn append_to(&self, i: usize, out: &mut Vec<u8>) {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        append(out, &self.bytes, start..self.ends[i]);
    }

    /// All cells, one after the other.
    #[cfg(feature = "pipeline")]
    pub(crate) fn all_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The cells in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|i| self.get(i))
    }

    /// Removes all cells and keeps the room they had.
    pub fn clear(&mut self) {
        // What a short cell took too much lies behind. What lies behind that was wiped when it was left.
        let wiped = (self.bytes.len() + SHORT).min(self.bytes.capacity());
        // Several times as fast as wiping byte by byte.
        self.bytes.fill(0);
        self.bytes.resize(wiped, 0);
        self.bytes.clear();
        self.ends.clear();
    }
}

impl Drop for Column {
    fn drop(&mut self) {
        wipe(&mut self.bytes);
    }
}

impl<'a> FromIterator<&'a str> for Column {
    fn from_iter<I: IntoIterator<Item = &'a str>>(cells: I) -> Self {
        let mut column = Column::new();
        cells.into_iter().for_each(|cell| column.push(cell.as_bytes()));
        column
    }
}

impl fmt::Debug for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Column({} cells, ..)", self.len())
    }
}

/// A cell that is copied in one move of this length, if as many bytes are there, and then cut: most cells are short, and
/// a copy of unknown length is a call.
const SHORT: usize = 32;

/// Appends `bytes[range]`.
#[cfg(feature = "pipeline")]
#[inline]
fn append(out: &mut Vec<u8>, bytes: &[u8], range: Range<usize>) {
    match bytes[range.start..].first_chunk::<SHORT>() {
        Some(more) if range.len() <= SHORT => {
            out.extend_from_slice(more);
            out.truncate(out.len() - (SHORT - range.len()));
        }
        _ => out.extend_from_slice(&bytes[range]),
    }
}

/// A cell as text.
pub(super) fn text(cell: &[u8]) -> Result<&str> {
    std::str::from_utf8(cell).map_err(|_| Error::Value { problem: "is not UTF-8" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_cell_is_empty_and_named_and_costs_no_other() {
        let input: Column = ["a", "", " ", "bad", "c"].into_iter().collect();
        let (mut output, mut failures) = (Column::new(), vec![]);
        input.map_into(&mut output, &mut failures, |value, out| {
            out.extend_from_slice(b"half");
            if value == "bad" { Err(Error::Rejected) } else { Ok(()) }
        });
        assert_eq!(output.iter().collect::<Vec<_>>(), [&b"half"[..], b"", b" ", b"", b"half"]);
        assert!(matches!(failures[..], [(3, Error::Rejected)]));
        assert_eq!(format!("{output:?}"), "Column(5 cells, ..)");
    }

    #[cfg(feature = "pipeline")]
    #[test]
    fn a_cell_is_the_same_however_much_lies_behind_it() {
        let bytes: Vec<u8> = (0..100).collect();
        for start in 0..=bytes.len() {
            for end in start..=bytes.len() {
                let (mut column, mut out) = (Column::new(), b"x".to_vec());
                column.push_within(&bytes, start..end);
                column.push(b"next");
                assert_eq!(column.iter().collect::<Vec<_>>(), [&bytes[start..end], b"next"]);
                column.append_to(0, &mut out);
                assert_eq!((out[0], &out[1..]), (b'x', &bytes[start..end]));
            }
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        let mut input = Column::new();
        input.push(b"\xFF\xFE");
        let mut failures = vec![];
        input.map_into(&mut Column::new(), &mut failures, |_, _| Ok(()));
        assert!(matches!(failures[..], [(0, Error::Value { problem: "is not UTF-8" })]));
    }
}
