//! Rows as CSV: a cell as it is, or in quotes where its bytes need them.
//!
//! ```text
//! cell = bytes                      without a delimiter, a quote, CR or LF
//!      / '"' bytes '"'              each quote in them doubled
//! row  = cell *( delimiter cell ) line-end           a row of one empty cell is '""': a blank line would be no row
//! ```

use crate::protect::Column;

/// How rows are written.
#[derive(Clone, Copy)]
pub(super) struct Quoting {
    pub(super) delimiter: u8,
    /// Whether lines end in CR LF.
    pub(super) crlf: bool,
}

impl Quoting {
    /// Appends a row.
    pub(super) fn row<'c>(self, cells: impl IntoIterator<Item = &'c [u8]>, out: &mut Vec<u8>) {
        let start = out.len();
        for (i, cell) in cells.into_iter().enumerate() {
            if i > 0 {
                out.push(self.delimiter);
            }
            self.cell(cell, out);
        }
        self.end(start, out);
    }

    /// Appends a cell.
    pub(super) fn cell(self, cell: &[u8], out: &mut Vec<u8>) {
        if !self.is_needed(cell) {
            return out.extend_from_slice(cell);
        }
        out.push(b'"');
        for piece in cell.split_inclusive(|byte| *byte == b'"') {
            out.extend_from_slice(piece);
            if piece.ends_with(b"\"") {
                out.push(b'"');
            }
        }
        out.push(b'"');
    }

    /// Ends the row that begins at `start`.
    #[inline]
    pub(super) fn end(self, start: usize, out: &mut Vec<u8>) {
        if out.len() == start {
            out.extend_from_slice(b"\"\"");
        }
        if self.crlf {
            out.push(b'\r');
        }
        out.push(b'\n');
    }

    /// Whether a cell with these bytes has to be quoted.
    pub(super) fn is_needed(self, bytes: &[u8]) -> bool {
        let is_special =
            |byte: u8| (byte == self.delimiter) | (byte == b'"') | (byte == b'\r') | (byte == b'\n');
        // Without a way out of the inner loop the compiler takes many bytes at once.
        bytes.chunks(64).any(|chunk| chunk.iter().fold(false, |any, byte| any | is_special(*byte)))
    }
}

/// A column on its way out.
pub(super) struct Outgoing<'c> {
    cells: &'c Column,
    /// Whether any of its cells has to be quoted: most columns have none.
    any_quoted: bool,
}

impl<'c> Outgoing<'c> {
    pub(super) fn new(cells: &'c Column, quoting: Quoting) -> Self {
        Self { cells, any_quoted: quoting.is_needed(cells.all_bytes()) }
    }

    /// Appends a cell.
    #[inline]
    pub(super) fn write(&self, row: usize, quoting: Quoting, out: &mut Vec<u8>) {
        match self.any_quoted {
            true => quoting.cell(self.cells.get(row), out),
            false => self.cells.append_to(row, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_writes_what_the_csv_crate_writes(
            rows in prop::collection::vec(prop::collection::vec("[a-c\"\n\r,;1é]{0,5}|[a-z]{30,200}", 1..5), 0..8),
            delimiter in prop::sample::select(&b",;\t1"[..]),
            crlf: bool,
        ) {
            let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
            let mut writer = csv::WriterBuilder::new()
                .flexible(true)
                .delimiter(delimiter)
                .terminator(terminator)
                .from_writer(vec![]);
            let quoting = Quoting { delimiter, crlf };
            let (mut whole, mut by_column) = (vec![], vec![]);
            for row in &rows {
                writer.write_record(row).unwrap();
                quoting.row(row.iter().map(|cell| cell.as_bytes()), &mut whole);
                let columns: Vec<Column> = row.iter().map(|cell| [cell.as_str()].into_iter().collect()).collect();
                let start = by_column.len();
                for (i, column) in columns.iter().enumerate() {
                    if i > 0 {
                        by_column.push(delimiter);
                    }
                    Outgoing::new(column, quoting).write(0, quoting, &mut by_column);
                }
                quoting.end(start, &mut by_column);
            }
            let expected = writer.into_inner().unwrap();
            prop_assert_eq!(&whole, &expected);
            prop_assert_eq!(&by_column, &expected);
        }
    }
}
