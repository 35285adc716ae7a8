//! Some rows, by column, on their way from the reader to the writer.

use crate::protect::Column;
use zeroize::Zeroizing;

/// Rows of the input, and what becomes of them. Reused, so that its buffers are made once.
#[derive(Default)]
pub(super) struct Batch {
    /// The line in which each row starts.
    pub(super) lines: Vec<u64>,
    /// The cells, by column; columns that are dropped stay empty.
    pub(super) input: Vec<Column>,
    /// The protected or revealed cells, by column; columns that are kept stay empty.
    pub(super) output: Vec<Column>,
    /// The rows to be written.
    pub(super) encoded: Zeroizing<Vec<u8>>,
    /// What was wrong, by line.
    pub(super) rejects: Vec<Reject>,
    /// Which rows are rejected.
    pub(super) rejected: Vec<bool>,
    /// Rows that could not even be read as such.
    pub(super) unreadable: u64,
    /// Cells that were protected or revealed, by column.
    pub(super) worked: Vec<u64>,
    /// Bytes of input read so far.
    pub(super) bytes: u64,
}

/// A row that cannot be used, and why; no value.
#[derive(Debug)]
pub(super) struct Reject {
    pub(super) line: u64,
    pub(super) column: String,
    pub(super) reason: String,
}

impl Batch {
    pub(super) fn reset(&mut self, columns: usize) {
        self.lines.clear();
        self.encoded.clear();
        self.rejects.clear();
        self.rejected.clear();
        self.unreadable = 0;
        self.worked.clear();
        self.worked.resize(columns, 0);
        for side in [&mut self.input, &mut self.output] {
            side.resize_with(columns, Column::new);
        }
        self.wipe();
    }

    /// Wipes the cells once their rows are encoded: in the cache of the core that worked on them.
    pub(super) fn wipe(&mut self) {
        self.input.iter_mut().chain(&mut self.output).for_each(Column::clear);
    }

    pub(super) fn rows(&self) -> usize {
        self.lines.len()
    }
}
