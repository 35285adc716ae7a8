//! CSV into batches.

use super::batch::{Batch, Reject};
use super::counted::CountedRead;
use super::records::{MOST_COLUMNS, Next, Records};
use crate::error::{Error, Result};
use crate::protect::Column;
use std::collections::HashMap;
use std::io::Read;

/// Bytes of cells after which a batch is full.
const FULL: usize = 1 << 20;
/// What a cell or a reject takes besides its text, roughly: rows of nothing but commas take memory, too.
const CELL: usize = 16;

/// A CSV file, its header read.
pub(super) struct Source<R> {
    records: Records<R>,
    /// The header's cells as they stand.
    pub(super) header: Vec<String>,
    /// Which columns are not read into batches.
    pub(super) skip: Vec<bool>,
    rows_at_once: usize,
}

impl<R: Read> Source<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`Error::Input`] for an empty file, a header that is not UTF-8, or two columns of one name; [`Error::Io`].
    pub(super) fn open(input: R, delimiter: u8, rows_at_once: usize) -> Result<Self> {
        super::check_delimiter(delimiter)?;
        let records = Records::new(CountedRead::new(input), delimiter);
        let mut source = Self { records, header: vec![], skip: vec![], rows_at_once };
        if !source.next()? {
            return Err(Error::Input { problem: "is empty: not even a header".into() });
        }
        let count = source.records.count();
        if count > MOST_COLUMNS {
            return Err(Error::TooLong { what: "number of columns", actual: count, limit: MOST_COLUMNS });
        }
        let mut cells = Column::new();
        (0..count).for_each(|i| source.records.append(i, &mut cells));
        let utf8 = |cell: &[u8]| String::from_utf8(cell.to_vec()).ok();
        let header: Option<Vec<String>> = cells.iter().map(utf8).collect();
        let header =
            header.ok_or_else(|| Error::Input { problem: "has a header that is not UTF-8".into() })?;
        let mut places = HashMap::new();
        for (i, name) in header.iter().enumerate() {
            if let Some(earlier) = places.insert(name.trim(), i) {
                // Not by name: in a file without a header it would be a value.
                let problem =
                    format!("has a header with one name twice, in columns {} and {}", earlier + 1, i + 1);
                return Err(Error::Input { problem });
            }
        }
        source.skip = vec![false; header.len()];
        source.header = header;
        Ok(source)
    }

    /// Goes to the next record; `false` behind the last.
    fn next(&mut self) -> Result<bool> {
        let (column, problem) = match self.records.next().map_err(Error::io("read", "the input"))? {
            Next::Record => return Ok(true),
            Next::End => return Ok(false),
            Next::OpenQuote => {
                let column = self.header.get(self.records.count() - 1).map_or("", |name| name.trim());
                (column, "a quote is opened and not closed until the end of the input")
            }
            Next::OverLong => ("", "the record is longer than 64 MiB; is a quote left open?"),
        };
        Err(Error::Row { line: self.records.line(), column: column.to_owned(), problem: problem.into() })
    }

    /// Fills a batch; `false` when there are no more rows.
    ///
    /// # Errors
    /// [`Error::Row`] for a record over the limit; [`Error::Io`].
    pub(super) fn fill(&mut self, batch: &mut Batch) -> Result<bool> {
        batch.reset(self.header.len());
        let mut bytes = 0;
        while batch.rows() < self.rows_at_once && bytes < FULL {
            if !self.next()? {
                break;
            }
            let (line, count) = (self.records.line(), self.records.count());
            if count != self.header.len() {
                batch.unreadable += 1;
                let reason = format!("the row has {count} cells, the header {}", self.header.len());
                batch.rejects.push(Reject { line, column: String::new(), reason });
                bytes += 16 * CELL;
                continue;
            }
            for (i, (column, skip)) in batch.input.iter_mut().zip(&self.skip).enumerate() {
                if !skip {
                    self.records.append(i, column);
                }
            }
            batch.lines.push(line);
            bytes += self.records.length() + CELL * count;
        }
        batch.bytes = self.records.input.bytes;
        Ok(batch.rows() > 0 || batch.unreadable > 0)
    }

    /// Reads what is left, for its hash alone.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn drain(&mut self) -> Result<()> {
        self.records.drain().map_err(Error::io("read", "the input"))
    }

    /// Whether lines end in CR LF.
    pub(super) fn is_crlf(&self) -> bool {
        self.records.input.crlf == Some(true)
    }

    /// Whether the file begins with a byte order mark.
    pub(super) fn has_bom(&self) -> bool {
        self.records.input.bom
    }

    /// The SHA-256 of what was read; of the whole input once [`fill`](Source::fill) has returned `false`.
    pub(super) fn sha256(&self) -> [u8; 32] {
        self.records.input.sha256()
    }
}
