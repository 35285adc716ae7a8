//! A file from its source through its job to its output: what protecting and revealing have in common.

use super::actions::Job;
use super::batch::Batch;
use super::quoting::Quoting;
use super::source::Source;
use super::{Progress, parallel};
use crate::error::{Error, Result};
use std::io::{Read, Write};

/// Writes the header and every row that did not fail, and names those that did.
pub(super) fn drive(
    source: &mut Source<impl Read>,
    job: &Job<'_>,
    output: &mut (impl Write + Send),
    threads: usize,
    mut rejects: Option<&mut (dyn Write + Send)>,
    progress: Option<&(dyn Fn(Progress) + Sync)>,
) -> Result<Tally> {
    let mut tally = Tally::new(job.columns.len());
    write(output, &job.header())?;
    parallel::run(
        threads,
        |batch| source.fill(batch),
        |batch| {
            job.work(batch)?;
            batch.wipe();
            Ok(())
        },
        |batch| {
            write(output, &batch.encoded)?;
            tally.take(batch, &mut rejects)?;
            progress.iter().for_each(|report| report(tally.progress));
            Ok(())
        },
    )?;
    output.flush().map_err(Error::io("write", "the output"))?;
    Ok(tally)
}

/// What the writer counts.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) progress: Progress,
    pub(super) worked: Vec<u64>,
    headed: bool,
}

impl Tally {
    fn new(columns: usize) -> Self {
        Self { worked: vec![0; columns], ..Self::default() }
    }

    /// Counts a batch, and names its rejects.
    fn take(&mut self, batch: &Batch, rejects: &mut Option<&mut (dyn Write + Send)>) -> Result<()> {
        self.progress.rows += batch.rows() as u64 + batch.unreadable;
        self.progress.rejected += batch.rejected.iter().filter(|r| **r).count() as u64 + batch.unreadable;
        self.progress.bytes = batch.bytes;
        self.worked.iter_mut().zip(&batch.worked).for_each(|(sum, worked)| *sum += worked);
        let Some(rejects) = rejects else { return Ok(()) };
        let (quoting, mut rows) = (Quoting { delimiter: b',', crlf: false }, vec![]);
        if !std::mem::replace(&mut self.headed, true) {
            quoting.row([&b"line"[..], b"column", b"reason"], &mut rows);
        }
        for reject in &batch.rejects {
            let line = reject.line.to_string();
            quoting.row([line.as_bytes(), reject.column.as_bytes(), reject.reason.as_bytes()], &mut rows);
        }
        rejects.write_all(&rows).and_then(|()| rejects.flush()).map_err(Error::io("write", "the rejects"))
    }
}

fn write(output: &mut impl Write, bytes: &[u8]) -> Result<()> {
    output.write_all(bytes).map_err(Error::io("write", "the output"))
}
