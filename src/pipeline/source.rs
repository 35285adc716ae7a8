//! CSV into batches.

use super::batch::{Batch, Reject};
use super::counted::CountedRead;
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::io::Read;

/// Bytes of cells after which a batch is full.
const FULL: usize = 1 << 20;
/// What a cell or a reject takes besides its text, roughly: rows of nothing but commas take memory, too.
const CELL: usize = 16;
const MOST_COLUMNS: usize = 16_384;

/// A CSV file, its header read.
pub(super) struct Source<R> {
    reader: csv::Reader<CountedRead<R>>,
    record: csv::ByteRecord,
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
        let reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(1 << 16)
            .from_reader(CountedRead::new(input));
        let mut source =
            Self { reader, record: csv::ByteRecord::new(), header: vec![], skip: vec![], rows_at_once };
        if !source.next()? {
            return Err(Error::Input { problem: "is empty: not even a header".into() });
        }
        let utf8 = |cell: &[u8]| String::from_utf8(cell.to_vec()).ok();
        let header: Option<Vec<String>> = source.record.iter().map(utf8).collect();
        let header =
            header.ok_or_else(|| Error::Input { problem: "has a header that is not UTF-8".into() })?;
        if header.len() > MOST_COLUMNS {
            return Err(Error::TooLong {
                what: "number of columns",
                actual: header.len(),
                limit: MOST_COLUMNS,
            });
        }
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

    /// Reads the next record; `false` behind the last.
    fn next(&mut self) -> Result<bool> {
        if !self.reader.read_byte_record(&mut self.record).map_err(|e| failed(&self.reader, e))? {
            return Ok(false);
        }
        let input = self.reader.get_mut();
        input.record_ended();
        if input.end_mark().is_swallowed_by(&self.record) {
            let column = self.header.get(self.record.len() - 1).map_or("", |name| name.trim()).to_owned();
            let problem = "a quote is opened and not closed until the end of the input".into();
            return Err(Error::Row { line: self.line(0), column, problem });
        }
        Ok(!self.reader.get_ref().end_mark().is(&self.record))
    }

    /// The line in which the record starts; `end` is how many LF were read behind its cells.
    fn line(&self, end: u64) -> u64 {
        let inside = self.record.as_slice().iter().filter(|byte| **byte == b'\n').count() as u64;
        self.reader.position().line().saturating_sub(inside + end).max(1)
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
            // A record ends with its LF, but with the CR of a CR LF.
            let line = self.line(u64::from(!self.is_crlf()));
            if self.record.len() != self.header.len() {
                batch.unreadable += 1;
                let reason =
                    format!("the row has {} cells, the header {}", self.record.len(), self.header.len());
                batch.rejects.push(Reject { line, column: String::new(), reason });
                bytes += 16 * CELL;
                continue;
            }
            for ((column, cell), skip) in batch.input.iter_mut().zip(&self.record).zip(&self.skip) {
                if !skip {
                    column.push(cell);
                }
            }
            batch.lines.push(line);
            bytes += self.record.as_slice().len() + CELL * self.record.len();
        }
        batch.bytes = self.reader.get_ref().bytes;
        Ok(batch.rows() > 0 || batch.unreadable > 0)
    }

    /// Reads what is left, for its hash alone.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn drain(&mut self) -> Result<()> {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let input = self.reader.get_mut();
            input.record_ended();
            match input.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Error::io("read", "the input")(e)),
            }
        }
    }

    /// Whether lines end in CR LF.
    pub(super) fn is_crlf(&self) -> bool {
        self.reader.get_ref().crlf == Some(true)
    }

    /// Whether the file begins with a byte order mark.
    pub(super) fn has_bom(&self) -> bool {
        self.reader.get_ref().bom
    }

    /// The SHA-256 of what was read; of the whole input once [`fill`](Source::fill) has returned `false`.
    pub(super) fn sha256(&self) -> [u8; 32] {
        self.reader.get_ref().sha256()
    }
}

fn failed<R: Read>(reader: &csv::Reader<CountedRead<R>>, error: csv::Error) -> Error {
    let line = reader.position().line();
    if reader.get_ref().is_over_long() {
        let problem = "the record is longer than 64 MiB; is a quote left open?".into();
        return Error::Row { line, column: String::new(), problem };
    }
    match error.into_kind() {
        csv::ErrorKind::Io(source) => Error::Io { action: "read", path: "the input".into(), source },
        _ => Error::Row { line, column: String::new(), problem: "the record cannot be read".into() },
    }
}
