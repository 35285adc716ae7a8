//! What is done to each column of a batch, and the rows that come out of it.

use super::batch::{Batch, Reject};
use super::by_version::ByVersion;
use super::counted::BOM;
use super::key_versions;
use super::quoting::{Outgoing, Quoting};
use super::shown::{self, Showing};
use crate::error::{Error, Result};
use crate::name::{FieldName, KeyVersion, SubjectId};
use crate::policy::Empty;
use crate::protect::{
    Bridge, Column, ENVELOPE_PREFIX, Failures, Generalize, Mask, Pseudonymizer, Sealer, Tokenizer, is_blank,
};
use crate::store::MAX_VALUE;
use crate::time::Timestamp;
use crate::vault::{References, Row, Run, Tenant, TokenRules};

/// What is done to a column.
pub(super) enum Action {
    Keep,
    Drop,
    Tokenize(Tokenizer),
    Detokenize(Tokenizer),
    Pseudonymize(Pseudonymizer),
    Mask(Mask),
    Generalize(Generalize),
    Seal(Sealer),
    Open(Sealer),
    Store(References),
    Fetch(References),
    Issue(TokenRules),
    Redeem,
    /// Left as it is, protected before.
    Pass,
    Retokenize {
        from: Box<Tokenizer>,
        to: Box<Tokenizer>,
    },
    Reseal {
        from: Sealer,
        to: Sealer,
    },
    Rerefer {
        from: Box<References>,
        to: Box<References>,
    },
    Rekey(Box<Bridge>),
    /// One of these, by the key version that another column has for the row.
    ByVersion(ByVersion),
}

impl Action {
    /// The key version that it protects under.
    pub(super) fn key_version(&self) -> Option<KeyVersion> {
        match self {
            Action::Tokenize(tokenizer) => Some(tokenizer.key_version()),
            Action::Pseudonymize(pseudonymizer) => Some(pseudonymizer.key_version()),
            Action::Seal(sealer) => Some(sealer.key_version()),
            Action::Store(references) => Some(references.key_version()),
            _ => None,
        }
    }
}

/// A column, and what is done to it.
pub(super) struct ColumnJob {
    pub(super) header: String,
    pub(super) field: FieldName,
    pub(super) action: Action,
    pub(super) empty: Empty,
    /// What a column behind this one says of its cells, if there is to be one.
    pub(super) stamp: Option<KeyVersion>,
}

/// A file, and what is done to it.
pub(super) struct Job<'j> {
    pub(super) columns: Vec<ColumnJob>,
    /// The column that says whose row it is.
    pub(super) subject: Option<usize>,
    /// The column whose cells, as they stand in the protected file, sealed cells of their row are bound to.
    pub(super) binding: Option<usize>,
    pub(super) tenant: Option<Tenant<'j>>,
    pub(super) run: Option<&'j Run<'j>>,
    /// Who is shown what comes back, where the vault has rules.
    pub(super) showing: Option<Showing<'j>>,
    /// What random tokens are issued and redeemed at.
    pub(super) now: Timestamp,
    /// Whether the first bad row ends it.
    pub(super) strict: bool,
    pub(super) delimiter: u8,
    pub(super) crlf: bool,
    /// Whether the output begins with a byte order mark, as the input does.
    pub(super) bom: bool,
}

/// Bytes of sealed cells in one row: the store's limit for a value, less what else is in a subject's entry.
const LARGEST_ROW: usize = MAX_VALUE - 4096;
/// What a sealed field takes besides its name and value, at most.
const FIELD_OVERHEAD: usize = 128;

impl Job<'_> {
    /// Works on a batch: fills its output, its rejects, and the bytes to be written.
    ///
    /// # Errors
    /// The first bad row's when strict; the vault's.
    pub(super) fn work(&self, batch: &mut Batch) -> Result<()> {
        let mut failures: Vec<(usize, usize, Error)> = vec![];
        // The column that others are bound to comes first.
        let order =
            self.binding.into_iter().chain((0..self.columns.len()).filter(|i| Some(*i) != self.binding));
        for i in order {
            let mut column_failures = vec![];
            self.apply(i, batch, &mut column_failures, &mut failures);
            let job = &self.columns[i];
            if job.empty == Empty::Error && !matches!(job.action, Action::Drop) {
                let blanks = batch.input[i].iter().enumerate().filter(|(_, cell)| is_blank(cell));
                column_failures.extend(blanks.map(|(row, _)| (row, Error::Value { problem: "is empty" })));
            }
            failures.extend(column_failures.into_iter().map(|(row, error)| (row, i, error)));
        }
        // What is wrong with the vault or the disk is not the row's fault.
        if let Some(i) = failures.iter().position(|(_, _, error)| {
            matches!(error, Error::Io { .. } | Error::Corrupt { .. } | Error::Busy { .. })
                || shown::ends_the_run(error)
        }) {
            return Err(failures.swap_remove(i).2);
        }
        batch.rejected.resize(batch.rows(), false);
        let subjects = self.subjects(batch, &mut failures);
        self.refuse_large_rows(batch, &mut failures);
        self.reject(batch, failures)?;
        self.issue(batch, &subjects)?;
        self.store(batch, &subjects)?;
        self.count(batch);
        self.encode(batch);
        Ok(())
    }

    /// Counts the cells that hold a value, in the rows that are written.
    fn count(&self, batch: &mut Batch) {
        for (i, column) in self.columns.iter().enumerate() {
            if !matches!(column.action, Action::Keep | Action::Drop) {
                let cells = batch.input[i].iter().zip(&batch.rejected);
                batch.worked[i] =
                    cells.filter(|(cell, rejected)| !**rejected && !is_blank(cell)).count() as u64;
            }
        }
    }

    /// Everything but storing. Failures of other columns than `i` are those of its key versions.
    fn apply(
        &self,
        i: usize,
        batch: &mut Batch,
        failures: &mut Failures,
        others: &mut Vec<(usize, usize, Error)>,
    ) {
        let mut output = std::mem::take(&mut batch.output[i]);
        match &self.columns[i].action {
            Action::Keep | Action::Drop | Action::Pass => {}
            Action::ByVersion(by_version) => {
                let mut unknown = vec![];
                let act = |action: &Action, part: Part<'_>, output: &mut Column, failures: &mut Failures| {
                    self.act(action, i, part, batch, output, failures);
                };
                let versions = &batch.input[by_version.column];
                by_version.map_column(versions, &batch.input[i], &mut output, failures, &mut unknown, act);
                others.extend(unknown.into_iter().map(|(row, error)| (row, by_version.column, error)));
            }
            action => self.act(action, i, Part::whole(&batch.input[i]), batch, &mut output, failures),
        }
        batch.output[i] = output;
    }

    /// Works on some cells of column `i`.
    fn act(
        &self,
        action: &Action,
        i: usize,
        part: Part<'_>,
        batch: &Batch,
        output: &mut Column,
        failures: &mut Failures,
    ) {
        let input = part.cells;
        if let Some(showing) = &self.showing
            && matches!(action, Action::Redeem | Action::Detokenize(_) | Action::Open(_) | Action::Fetch(_))
        {
            return self.show(showing, action, i, part, batch, (output, failures));
        }
        match action {
            Action::Keep | Action::Drop | Action::Pass | Action::ByVersion(_) => {
                input.iter().for_each(|cell| output.push(cell));
            }
            // The cells go into the vault once it is known that their rows do not fail.
            Action::Store(_) => self.refuse_sealed(input, failures),
            Action::Issue(rules) => self.refuse_untokenizable(&self.columns[i].field, rules, input, failures),
            Action::Redeem => self.redeem(&self.columns[i].field, input, output, failures),
            Action::Tokenize(tokenizer) => tokenizer.tokenize_column(input, output, failures),
            Action::Detokenize(tokenizer) => tokenizer.detokenize_column(input, output, failures),
            Action::Retokenize { from, to } => {
                let mut values = Column::new();
                from.detokenize_column(input, &mut values, failures);
                to.tokenize_column(&values, output, failures); // cells that failed are blank by now
            }
            Action::Pseudonymize(pseudonymizer) => pseudonymizer.pseudonym_column(input, output, failures),
            Action::Rekey(bridge) => bridge.map_column(input, output, failures),
            Action::Mask(mask) => mask.mask_column(input, output, failures),
            Action::Generalize(generalize) => generalize.generalize_column(input, output, failures),
            Action::Seal(sealer) => {
                let mut failed = vec![];
                let subjects = part.bindings(|row| self.bound_to(i, batch, row));
                sealer.batch().seal_text_column(&subjects[..], input, output, &mut failed);
                self.refuse_sealed(input, failures);
                failures.extend(failed.into_iter().filter(|(n, _)| !is_sealed(input.get(*n))));
            }
            Action::Open(sealer) => {
                let subjects = part.bindings(|row| self.was_bound_to(i, batch, row));
                sealer.open_text_column(&subjects[..], input, output, failures);
            }
            Action::Reseal { from, to } => {
                let mut sealing = to.batch();
                part.each(output, failures, |cell, row, out| {
                    let (old, new) = (self.was_bound_to(i, batch, row), self.bound_to(i, batch, row));
                    let opened = from.open_text(text(old)?, text(cell)?)?;
                    if old == new && from.key_version() == to.key_version() {
                        out.extend_from_slice(cell);
                        return Ok(());
                    }
                    sealing.seal_text(text(new)?, opened.expose(), out)
                });
            }
            Action::Rerefer { from, to } => part.each(output, failures, |cell, row, out| {
                let record = from.parse(text(cell)?, self.was_bound_to(i, batch, row))?;
                to.write(record, self.bound_to(i, batch, row), out);
                Ok(())
            }),
            Action::Fetch(references) => {
                let tenant = self.tenant.as_ref().expect("references come with their vault");
                let field = &self.columns[i].field;
                let mut parsed = vec![];
                part.each(&mut Column::new(), &mut vec![], |cell, row, _| {
                    let cell = text(cell);
                    parsed
                        .push(cell.and_then(|cell| references.parse(cell, self.was_bound_to(i, batch, row))));
                    Ok(())
                });
                // All in one go: each reveal is logged before its value is handed out.
                let asked: Vec<_> = parsed.iter().flatten().map(|record| (*record, field)).collect();
                let mut revealed = match tenant.reveal_many(&asked) {
                    Ok(revealed) => revealed.into_iter(),
                    // It ends the whole run.
                    Err(error) => return failures.push((0, error)),
                };
                let mut parsed = parsed.into_iter();
                part.each(output, failures, |_, _, out| {
                    parsed.next().expect("one for each cell")?;
                    let value = revealed.next().expect("one result for one record")?;
                    out.extend_from_slice(value.ok_or(GONE)?.expose());
                    Ok(())
                });
            }
        }
    }

    /// Sealed cells in an original are a part of a protected file, be it this holder's or another's.
    fn refuse_sealed(&self, input: &Column, failures: &mut Failures) {
        let sealed = input.iter().enumerate().filter(|(_, cell)| is_sealed(cell));
        failures.extend(sealed.map(|(row, _)| (row, Error::Value { problem: "is sealed already" })));
    }

    /// The cell of the binding column as it stands in the input; nothing for that column itself.
    pub(super) fn was_bound_to<'b>(&self, i: usize, batch: &'b Batch, row: usize) -> &'b [u8] {
        match self.binding {
            Some(binding) if binding != i => batch.input[binding].get(row),
            _ => b"",
        }
    }

    /// The cell of the binding column as it stands in the output.
    fn bound_to<'b>(&self, i: usize, batch: &'b Batch, row: usize) -> &'b [u8] {
        match self.binding {
            Some(binding) if binding != i => {
                let stays = matches!(self.columns[binding].action, Action::Keep | Action::Pass);
                let side = if stays { &batch.input } else { &batch.output };
                side[binding].get(row)
            }
            _ => b"",
        }
    }

    fn stores(&self) -> bool {
        self.columns.iter().any(|c| matches!(c.action, Action::Store(_)))
    }

    /// Whose rows they are, where fields go into the vault.
    fn subjects(&self, batch: &Batch, failures: &mut Vec<(usize, usize, Error)>) -> Vec<Option<SubjectId>> {
        let (Some(column), true) = (self.subject, self.stores() || self.issues()) else { return vec![] };
        let subject = |(row, cell)| match text(cell).and_then(SubjectId::new) {
            Ok(subject) => Some(subject),
            Err(error) => {
                failures.push((row, column, error));
                None
            }
        };
        batch.input[column].iter().enumerate().map(subject).collect()
    }

    /// Names the rows that the store would refuse, and their largest cell.
    fn refuse_large_rows(&self, batch: &Batch, failures: &mut Vec<(usize, usize, Error)>) {
        let stored =
            || (0..self.columns.len()).filter(|i| matches!(self.columns[*i].action, Action::Store(_)));
        let rows = if self.stores() { batch.rows() } else { 0 };
        for row in 0..rows {
            let cell = |i: usize| batch.input[i].get(row).len();
            let entry = |i: usize| cell(i) + self.columns[i].field.as_str().len() + FIELD_OVERHEAD;
            if stored().map(entry).sum::<usize>() > LARGEST_ROW
                && let Some(largest) = stored().max_by_key(|i| cell(*i))
            {
                let problem = "is too large: a row's sealed cells have room for 1 MiB in a vault; \
                               without one they stay in the file, up to 256 MiB each";
                failures.push((row, largest, Error::Value { problem }));
            }
        }
    }

    /// Marks the rows that failed, and names them by line.
    ///
    /// # Errors
    /// The first bad row's when strict.
    fn reject(&self, batch: &mut Batch, failures: Vec<(usize, usize, Error)>) -> Result<()> {
        for (row, i, error) in failures {
            batch.rejected[row] = true;
            let column = self.columns[i].header.trim().to_owned();
            batch.rejects.push(Reject { line: batch.lines[row], column, reason: error.to_string() });
        }
        batch.rejects.sort_by_key(|reject| reject.line);
        if self.strict && !batch.rejects.is_empty() {
            let Reject { line, column, reason: mut problem } = batch.rejects.swap_remove(0);
            // Every erasure leaves such rows in the files that were made before.
            if problem == GONE.to_string() {
                problem.push_str("; `--rejects FILE` keeps such rows apart, and goes on");
            }
            return Err(Error::Row { line, column, problem });
        }
        Ok(())
    }

    /// Puts the sealed fields of the rows that did not fail into the vault, and their references into the output.
    fn store(&self, batch: &mut Batch, subjects: &[Option<SubjectId>]) -> Result<()> {
        let (Some(tenant), Some(run)) = (&self.tenant, self.run) else { return Ok(()) };
        let stored: Vec<usize> =
            (0..self.columns.len()).filter(|i| matches!(self.columns[*i].action, Action::Store(_))).collect();
        if stored.is_empty() {
            return Ok(());
        }
        let good: Vec<usize> = (0..batch.rows()).filter(|row| !batch.rejected[*row]).collect();
        let fields: Vec<Vec<(&FieldName, &[u8])>> = good
            .iter()
            .map(|row| {
                let cells = stored.iter().map(|i| (&self.columns[*i].field, batch.input[*i].get(*row)));
                cells.filter(|(_, cell)| !is_blank(cell)).collect()
            })
            .collect();
        // A row whose sealed cells are all blank leaves nothing in the vault.
        let rows: Vec<(usize, Row<'_>)> = good
            .iter()
            .zip(&fields)
            .filter(|(_, fields)| !fields.is_empty())
            .filter_map(|(row, fields)| Some((*row, Row { subject: subjects[*row].as_ref()?, fields })))
            .collect();
        let ids = match rows.is_empty() {
            true => vec![],
            false => run.put_many(tenant, &rows.iter().map(|(_, row)| *row).collect::<Vec<_>>())?,
        };
        let mut of_row = vec![None; batch.rows()];
        rows.iter().zip(ids).for_each(|((row, _), id)| of_row[*row] = Some(id));
        for &i in &stored {
            let Action::Store(references) = &self.columns[i].action else { continue };
            let mut output = std::mem::take(&mut batch.output[i]);
            for (row, cell) in batch.input[i].iter().enumerate() {
                output.push_with(&mut vec![], |out| {
                    match of_row[row].filter(|_| !is_blank(cell)) {
                        Some(id) => references.write(id, self.bound_to(i, batch, row), out),
                        None if is_blank(cell) => out.extend_from_slice(cell),
                        None => {} // a rejected row, which is not written
                    }
                    Ok(())
                });
            }
            batch.output[i] = output;
        }
        Ok(())
    }

    /// Writes the rows that did not fail as CSV.
    fn encode(&self, batch: &mut Batch) {
        let quoting = self.quoting();
        let mut encoded = std::mem::take(&mut batch.encoded);
        let kept =
            self.columns.iter().enumerate().filter(|(_, column)| !matches!(column.action, Action::Drop));
        let columns: Vec<_> = kept
            .map(|(i, column)| {
                let stays = matches!(column.action, Action::Keep | Action::Pass);
                let cells = if stays { &batch.input[i] } else { &batch.output[i] };
                (
                    Outgoing::new(cells, quoting),
                    column.stamp.map(|version| (version.to_string(), &batch.input[i])),
                )
            })
            .collect();
        for row in (0..batch.rows()).filter(|row| !batch.rejected[*row]) {
            let start = encoded.len();
            for (n, (cells, stamp)) in columns.iter().enumerate() {
                if n > 0 {
                    encoded.push(self.delimiter);
                }
                cells.write(row, quoting, &mut encoded);
                if let Some((version, originals)) = stamp {
                    encoded.push(self.delimiter);
                    let version = if is_blank(originals.get(row)) { "" } else { version };
                    quoting.cell(version.as_bytes(), &mut encoded);
                }
            }
            quoting.end(start, &mut encoded);
        }
        drop(columns);
        batch.encoded = encoded;
    }

    /// The header of the output.
    pub(super) fn header(&self) -> Vec<u8> {
        let mut out = if self.bom { BOM.to_vec() } else { vec![] };
        let kept = self.columns.iter().filter(|c| !matches!(c.action, Action::Drop));
        let headers = kept.flat_map(|c| {
            let versions = c.stamp.map(|_| key_versions::header_of(&c.header));
            [Some(c.header.clone()), versions].into_iter().flatten()
        });
        let headers: Vec<String> = headers.collect();
        self.quoting().row(headers.iter().map(String::as_bytes), &mut out);
        out
    }

    fn quoting(&self) -> Quoting {
        Quoting { delimiter: self.delimiter, crlf: self.crlf }
    }
}

/// Some cells of a column of a batch.
#[derive(Clone, Copy)]
pub(super) struct Part<'p> {
    pub(super) cells: &'p Column,
    /// Which rows they are of; without it, all in order.
    pub(super) rows: Option<&'p [usize]>,
}

impl<'p> Part<'p> {
    pub(super) fn whole(cells: &'p Column) -> Self {
        Self { cells, rows: None }
    }

    /// What each cell is bound to, by its row.
    fn bindings<'b>(self, of_row: impl Fn(usize) -> &'b [u8]) -> Vec<&'b [u8]> {
        (0..self.cells.len()).map(|n| of_row(self.rows.map_or(n, |rows| rows[n]))).collect()
    }

    /// Cells with their row; blank ones stay as they are.
    pub(super) fn each(
        self,
        output: &mut Column,
        failures: &mut Failures,
        mut f: impl FnMut(&[u8], usize, &mut Vec<u8>) -> Result<()>,
    ) {
        for (n, cell) in self.cells.iter().enumerate() {
            output.push_with(failures, |out| match is_blank(cell) {
                true => {
                    out.extend_from_slice(cell);
                    Ok(())
                }
                false => f(cell, self.rows.map_or(n, |rows| rows[n]), out),
            });
        }
    }
}

pub(super) const GONE: Error =
    Error::Value { problem: "refers to nothing in this vault: it was erased, or belongs to another row" };

/// Whether a cell is what sealing leaves in a file.
fn is_sealed(cell: &[u8]) -> bool {
    let cell = cell.trim_ascii_start();
    [ENVELOPE_PREFIX, References::PREFIX].iter().any(|prefix| cell.starts_with(prefix.as_bytes()))
}

pub(super) fn text(cell: &[u8]) -> Result<&str> {
    std::str::from_utf8(cell).map_err(|_| Error::Value { problem: "is not UTF-8" })
}
