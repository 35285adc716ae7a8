//! CSV into batches.

use super::batch::{Batch, Reject};
use super::counted::CountedRead;
use crate::error::{Error, Result};
use std::io::Read;

/// Bytes of cells after which a batch is full.
const FULL: usize = 1 << 20;

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
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(1 << 16)
            .from_reader(CountedRead::new(input));
        let mut record = csv::ByteRecord::new();
        if !reader.read_byte_record(&mut record).map_err(|e| failed(&reader, e))? {
            return Err(Error::Input { problem: "is empty: not even a header".into() });
        }
        reader.get_mut().record_ended();
        let utf8 = |cell: &[u8]| String::from_utf8(cell.to_vec()).ok();
        let header: Option<Vec<String>> = record.iter().map(utf8).collect();
        let header =
            header.ok_or_else(|| Error::Input { problem: "has a header that is not UTF-8".into() })?;
        for (i, name) in header.iter().enumerate() {
            if header[..i].iter().any(|earlier| earlier.trim() == name.trim()) {
                return Err(Error::Input { problem: format!("has two columns named {:?}", name.trim()) });
            }
        }
        let skip = vec![false; header.len()];
        Ok(Self { reader, record, header, skip, rows_at_once })
    }

    /// Fills a batch; `false` when there are no more rows.
    ///
    /// # Errors
    /// [`Error::Row`] for a record over the limit; [`Error::Io`].
    pub(super) fn fill(&mut self, batch: &mut Batch) -> Result<bool> {
        batch.reset(self.header.len());
        let mut bytes = 0;
        while batch.rows() < self.rows_at_once && bytes < FULL {
            if !self.reader.read_byte_record(&mut self.record).map_err(|e| failed(&self.reader, e))? {
                break;
            }
            self.reader.get_mut().record_ended();
            let line = self.record.position().map_or(0, csv::Position::line);
            if self.record.len() != self.header.len() {
                batch.unreadable += 1;
                let reason =
                    format!("the row has {} cells, the header {}", self.record.len(), self.header.len());
                batch.rejects.push(Reject { line, column: String::new(), reason });
                continue;
            }
            for ((column, cell), skip) in batch.input.iter_mut().zip(&self.record).zip(&self.skip) {
                if !skip {
                    column.push(cell);
                }
            }
            batch.lines.push(line);
            bytes += self.record.as_slice().len();
        }
        batch.bytes = self.reader.get_ref().bytes;
        Ok(batch.rows() > 0 || batch.unreadable > 0)
    }

    /// Whether lines end in CR LF.
    pub(super) fn is_crlf(&self) -> bool {
        self.reader.get_ref().crlf == Some(true)
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
