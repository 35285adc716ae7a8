//! Columns of envelopes: the bytes of [`FieldBatch::seal`] and [`FieldBatch::seal_text`] for each row, many rows at once.
//!
//! | | every cell is | a cell of white space |
//! |---|---|---|
//! | [`seal_column`](FieldBatch::seal_column), [`open_column`](Sealer::open_column) | bytes | a value like others |
//! | [`seal_text_column`](FieldBatch::seal_text_column), [`open_text_column`](Sealer::open_text_column) | text | stays as it is |
//!
//! A row that fails is empty in the output and named in the failures; of a cell that does not verify nothing is released. Nothing is
//! allocated for each value.

use super::column::{Cells, Column, Failures, is_blank, text};
use super::seal::{FieldBatch, Sealer, read_text, refuse_sealed, write_text};
use crate::crypto::aead::{Bound, LONGEST, OVERHEAD, opened_len};
use crate::error::{Error, Result};
use crate::wire::envelope::{Envelope, HEADER_LEN};
use zeroize::Zeroize;

/// Rows that are handed over together.
const ROWS: usize = 256;

impl FieldBatch<'_> {
    /// Appends an envelope of each plaintext to `output`, bound to the row's subject, which is UTF-8.
    ///
    /// Unless there are as many subjects, every row fails.
    pub fn seal_column(
        &mut self,
        subjects: &(impl Cells + ?Sized),
        plaintexts: &(impl Cells + ?Sized),
        output: &mut Column,
        failures: &mut Failures,
    ) {
        if subjects.len() != plaintexts.len() {
            return output.push_unpaired("subjects", plaintexts.len(), failures);
        }
        let mut rows = vec![];
        for row in 0..plaintexts.len() {
            let value = plaintexts.cell(row);
            match bound(subjects.cell(row), value) {
                Ok(bound) => rows.push(bound),
                Err(error) => {
                    self.seal_rows(&mut rows, output);
                    output.push_with(failures, |_| Err(error));
                }
            }
            if rows.len() == ROWS {
                self.seal_rows(&mut rows, output);
            }
        }
        self.seal_rows(&mut rows, output);
    }

    /// Appends an envelope of each plaintext as text to `output`, bound to the row's subject, which is UTF-8. Blank cells stay as they are.
    ///
    /// Unless there are as many subjects, every row fails.
    pub fn seal_text_column(
        &mut self,
        subjects: &(impl Cells + ?Sized),
        plaintexts: &(impl Cells + ?Sized),
        output: &mut Column,
        failures: &mut Failures,
    ) {
        if subjects.len() != plaintexts.len() {
            return output.push_unpaired("subjects", plaintexts.len(), failures);
        }
        let mut envelopes = Column::new();
        let mut first = 0;
        while first < plaintexts.len() {
            let behind = plaintexts.len().min(first + ROWS);
            let (mut rows, mut problems) = (vec![], vec![]);
            for row in first..behind {
                let value = plaintexts.cell(row);
                if is_blank(value) {
                    continue;
                }
                match refuse_sealed(value).and_then(|()| bound(subjects.cell(row), value)) {
                    Ok(bound) => rows.push(bound),
                    Err(error) => problems.push((row, error)),
                }
            }
            envelopes.clear();
            self.seal_rows(&mut rows, &mut envelopes);
            let (mut sealed, mut problems) = (envelopes.iter(), problems.into_iter().peekable());
            for row in first..behind {
                let problem = problems.next_if(|(failed, _)| *failed == row);
                output.push_with(failures, |out| {
                    match (problem, plaintexts.cell(row)) {
                        (Some((_, error)), _) => return Err(error),
                        (None, blank) if is_blank(blank) => out.extend_from_slice(blank),
                        _ => write_text(sealed.next().expect("one for each value"), out),
                    }
                    Ok(())
                });
            }
            first = behind;
        }
    }

    /// Seals the rows, and forgets them.
    fn seal_rows(&mut self, rows: &mut Vec<Bound<'_>>, output: &mut Column) {
        let header = Envelope::header(self.sealer.aead.suite() as u8, self.sealer.version);
        let sealed = self.batch.seal_many(&self.sealer.aads, &header, rows, &mut output.bytes);
        sealed.expect("each length was checked");
        let mut end = output.ends.last().copied().unwrap_or(0);
        output.ends.extend(rows.drain(..).map(|row| {
            end += HEADER_LEN + OVERHEAD + row.value.len();
            end
        }));
    }
}

/// # Errors
/// [`Error::TooLong`] over 256 MiB; [`Error::Value`] for a subject that is no text.
fn bound<'v>(subject: &'v [u8], value: &'v [u8]) -> Result<Bound<'v>> {
    if value.len() > LONGEST {
        return Err(Error::TooLong { what: "value to seal", actual: value.len(), limit: LONGEST });
    }
    if subject.len() > LONGEST {
        return Err(Error::TooLong { what: "subject", actual: subject.len(), limit: LONGEST });
    }
    check_text(subject)?;
    Ok(Bound { part: subject, value })
}

/// # Errors
/// [`Error::Value`] for bytes that are not UTF-8. Most are ASCII, which is sooner seen.
#[inline]
fn check_text(bytes: &[u8]) -> Result<()> {
    match bytes.is_ascii() {
        true => Ok(()),
        false => text(bytes).map(|_| ()),
    }
}

impl Sealer {
    /// [`FieldBatch::seal_column`] of a new batch.
    pub fn seal_column(
        &self,
        subjects: &(impl Cells + ?Sized),
        plaintexts: &(impl Cells + ?Sized),
        output: &mut Column,
        failures: &mut Failures,
    ) {
        self.batch().seal_column(subjects, plaintexts, output, failures);
    }

    /// Appends the plaintext of each envelope to `output`, as [`open`](Sealer::open) does for one. Envelopes of one batch that stand
    /// together open several times as fast as one by one.
    ///
    /// Unless there are as many subjects, every row fails.
    pub fn open_column(
        &self,
        subjects: &(impl Cells + ?Sized),
        envelopes: &(impl Cells + ?Sized),
        output: &mut Column,
        failures: &mut Failures,
    ) {
        if subjects.len() != envelopes.len() {
            return output.push_unpaired("subjects", envelopes.len(), failures);
        }
        let mut opener = Opener { sealer: self, plaintexts: vec![], genuine: vec![] };
        for first in (0..envelopes.len()).step_by(ROWS) {
            let rows = first..envelopes.len().min(first + ROWS);
            let cells = rows.clone().map(|row| (subjects.cell(row), Ok(Some(envelopes.cell(row)))));
            opener.open(first, cells, |_| b"", output, failures);
        }
    }

    /// Appends the plaintext of each text cell to `output`, as [`open_text`](Sealer::open_text) does for one. Blank cells stay as they are.
    ///
    /// Unless there are as many subjects, every row fails.
    pub fn open_text_column(
        &self,
        subjects: &(impl Cells + ?Sized),
        cells: &(impl Cells + ?Sized),
        output: &mut Column,
        failures: &mut Failures,
    ) {
        if subjects.len() != cells.len() {
            return output.push_unpaired("subjects", cells.len(), failures);
        }
        let mut opener = Opener { sealer: self, plaintexts: vec![], genuine: vec![] };
        let (mut envelopes, mut problems) = (Column::new(), vec![]);
        for first in (0..cells.len()).step_by(ROWS) {
            let rows = first..cells.len().min(first + ROWS);
            envelopes.clear();
            for row in rows.clone() {
                envelopes.push_with(&mut problems, |out| match cells.cell(row) {
                    blank if is_blank(blank) => Ok(()),
                    cell => check_text(cell).and_then(|()| read_text(cell, out)),
                });
            }
            let mut problems = problems.drain(..).peekable();
            let read = rows.clone().zip(envelopes.iter()).map(|(row, envelope)| {
                let cell = match problems.next_if(|(failed, _)| first + failed == row) {
                    Some((_, error)) => Err(error),
                    None => Ok(Some(envelope).filter(|_| !is_blank(cells.cell(row)))),
                };
                (subjects.cell(row), cell)
            });
            opener.open(first, read, |row| cells.cell(row), output, failures);
        }
    }
}

/// Opens some rows after others, in room that stays.
struct Opener<'s> {
    sealer: &'s Sealer,
    plaintexts: Vec<u8>,
    genuine: Vec<bool>,
}

impl Opener<'_> {
    /// Opens rows from `first` on, each a subject and an envelope; those without stay what `blank` says.
    fn open<'c>(
        &mut self,
        first: usize,
        rows: impl Iterator<Item = (&'c [u8], Result<Option<&'c [u8]>>)>,
        blank: impl Fn(usize) -> &'c [u8],
        output: &mut Column,
        failures: &mut Failures,
    ) {
        let (mut values, mut others) = (Vec::with_capacity(ROWS), vec![]);
        for (row, (subject, envelope)) in (first..).zip(rows) {
            let bound = envelope.and_then(|envelope| match envelope {
                None => Ok(None),
                Some(envelope) => {
                    check_text(subject)?;
                    Ok(Some(Bound { part: subject, value: self.sealer.parse(envelope)? }))
                }
            });
            match bound {
                Ok(Some(bound)) => values.push(bound),
                Ok(None) => others.push((row, None)),
                Err(error) => others.push((row, Some(error))),
            }
        }
        self.genuine.clear();
        if others.is_empty() {
            return self.open_all(&values, output, failures);
        }
        let count = values.len() + others.len();
        self.sealer.aead.open_many(&self.sealer.aads, &values, &mut self.plaintexts, &mut self.genuine);
        let (mut rest, mut opened) = (&self.plaintexts[..], values.iter().zip(&self.genuine));
        let mut others = others.into_iter().peekable();
        for row in first..first + count {
            let other = others.next_if(|(other, _)| *other == row);
            output.push_with(failures, |out| {
                match other {
                    Some((_, Some(error))) => return Err(error),
                    Some((_, None)) => out.extend_from_slice(blank(row)),
                    None => {
                        let (bound, genuine) = opened.next().expect("one for each envelope");
                        let (plaintext, behind) = rest.split_at(opened_len(bound.value));
                        rest = behind;
                        if !genuine {
                            return Err(Error::Rejected);
                        }
                        out.extend_from_slice(plaintext);
                    }
                }
                Ok(())
            });
        }
        // Several times as fast as wiping byte by byte, and the room is used again.
        self.plaintexts.fill(0);
        self.plaintexts.clear();
    }

    /// Opens rows that all have envelopes, where their plaintexts stay.
    fn open_all(&mut self, values: &[Bound<'_>], output: &mut Column, failures: &mut Failures) {
        let Column { bytes, ends } = output;
        let mut from = bytes.len();
        self.sealer.aead.open_many(&self.sealer.aads, values, bytes, &mut self.genuine);
        let mut to = from;
        for (bound, genuine) in values.iter().zip(&self.genuine) {
            let len = opened_len(bound.value);
            match genuine {
                true if from == to => to += len,
                true => {
                    bytes.copy_within(from..from + len, to);
                    to += len;
                }
                false => failures.push((ends.len(), Error::Rejected)),
            }
            from += len;
            ends.push(to);
        }
        bytes[to..].fill(0);
        bytes.truncate(to);
    }
}

impl Drop for Opener<'_> {
    fn drop(&mut self) {
        self.plaintexts.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_key;
    use super::*;
    use crate::crypto::aead::Suite;
    use crate::name::{FieldName, TenantId};

    const SUITES: [Suite; 2] = [Suite::Xaes256Gcm, Suite::XChaCha20Poly1305];

    fn sealer(suite: Suite) -> Sealer {
        let (tenant, field) = (TenantId::new("acme").unwrap(), FieldName::new("email").unwrap());
        Sealer::new(&test_key(1), suite, &tenant, &field)
    }

    /// Subjects and values of many lengths: short ones, some at the limits of what is done at once, and some beyond.
    fn rows(count: usize) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
        let length = |i: usize| if i % 97 == 13 { 700 } else { i * 7 % 131 };
        let subject =
            |i: usize| if i % 89 == 5 { vec![b's'; 300] } else { format!("{:0w$}", i, w = i % 40).into() };
        let value = |i: usize| (0..length(i)).map(|j| (i * 31 + j) as u8 | 1).collect();
        ((0..count).map(subject).collect(), (0..count).map(value).collect())
    }

    // SPEC: ENV-1, ENV-4, AEAD-4
    #[test]
    fn a_column_opens_one_by_one_and_what_was_sealed_one_by_one_opens_as_a_column() {
        for suite in SUITES {
            let sealer = sealer(suite);
            for count in (0..40).chain([1023, 1024, 1025, 2500]) {
                let (subjects, values) = rows(count);
                let (mut sealed, mut failures) = (Column::new(), vec![]);
                sealer.seal_column(&subjects[..], &values[..], &mut sealed, &mut failures);
                assert!(failures.is_empty() && sealed.len() == count);
                let mut apart = sealer.batch();
                let mut one_by_one = Column::new();
                for i in 0..count {
                    let subject = std::str::from_utf8(&subjects[i]).unwrap();
                    assert_eq!(sealer.open(subject, sealed.get(i)).unwrap().expose(), values[i]);
                    one_by_one.push_with(&mut failures, |out| apart.seal(subject, &values[i], out));
                }
                for envelopes in [&sealed, &one_by_one] {
                    let mut opened = Column::new();
                    sealer.open_column(&subjects[..], envelopes, &mut opened, &mut failures);
                    assert!(failures.is_empty() && opened.iter().eq(values.iter().map(|v| &v[..])));
                }
            }
        }
    }

    #[test]
    fn columns_of_one_subject_open_one_by_one_and_an_altered_row_fails_alone() {
        for suite in SUITES {
            let sealer = sealer(suite);
            for width in [0, 1, 15, 16, 17, 63, 64, 65, 600] {
                for count in [1, 7, 8, 9, 63, 64, 65, 100, 257, 300] {
                    for subject in ["", "ann"] {
                        let subjects = vec![subject; count];
                        let mut values: Vec<Vec<u8>> = (0..count).map(|i| vec![i as u8 | 1; width]).collect();
                        let (mut sealed, mut failures) = (Column::new(), vec![]);
                        sealer.seal_column(&subjects[..], &values[..], &mut sealed, &mut failures);
                        for i in (0..count).step_by(1 + count / 9) {
                            assert_eq!(sealer.open(subject, sealed.get(i)).unwrap().expose(), values[i]);
                        }
                        let mut altered: Vec<Vec<u8>> = sealed.iter().map(<[u8]>::to_vec).collect();
                        let row = (width * 7 + count) % count;
                        *altered[row].last_mut().unwrap() ^= 1;
                        values[row].clear();
                        let mut opened = Column::new();
                        sealer.open_column(&subjects[..], &altered[..], &mut opened, &mut failures);
                        assert!(matches!(failures[..], [(failed, Error::Rejected)] if failed == row));
                        assert!(opened.iter().eq(values.iter().map(|v| &v[..])), "{count} of {width} bytes");
                    }
                }
            }
        }
    }

    #[test]
    fn rows_without_a_subject_fail_and_nothing_panics() {
        let sealer = sealer(Suite::Xaes256Gcm);
        let (subjects, values) = (["ann"], ["a", "b", "c"]);
        let counts = |run: &dyn Fn(&mut Column, &mut Failures)| {
            let (mut out, mut failures) = (Column::new(), vec![]);
            run(&mut out, &mut failures);
            (out.len(), failures.len())
        };
        assert_eq!(counts(&|out, bad| sealer.seal_column(&subjects, &values, out, bad)), (3, 3));
        assert_eq!(counts(&|out, bad| sealer.batch().seal_text_column(&subjects, &values, out, bad)), (3, 3));
        assert_eq!(counts(&|out, bad| sealer.open_column(&subjects, &values, out, bad)), (3, 3));
        assert_eq!(counts(&|out, bad| sealer.open_text_column(&subjects, &values, out, bad)), (3, 3));
    }

    // SPEC: AEAD-6, AEAD-9, COL-2
    #[test]
    fn a_row_that_fails_is_empty_and_named_and_costs_no_other() {
        for suite in SUITES {
            let sealer = sealer(suite);
            let (mut subjects, values) = rows(100);
            let (mut sealed, mut failures) = (Column::new(), vec![]);
            sealer.seal_column(&subjects[..], &values[..], &mut sealed, &mut failures);
            let mut altered = Column::new();
            for (i, envelope) in sealed.iter().enumerate() {
                let mut envelope = envelope.to_vec();
                match i % 10 {
                    1 => *envelope.last_mut().unwrap() ^= 1,
                    3 => envelope[36] ^= 0x80,
                    5 => envelope.truncate(45),
                    7 => subjects[i].push(b'x'),
                    9 => envelope[20] ^= 1,
                    _ => {}
                }
                altered.push(&envelope);
            }
            subjects[2] = vec![0xFF];
            let mut opened = Column::new();
            sealer.open_column(&subjects[..], &altered, &mut opened, &mut failures);
            let failed: Vec<usize> = failures.iter().map(|(row, _)| *row).collect();
            let expected: Vec<usize> = (0..100).filter(|i| i % 2 == 1 || *i == 2).collect();
            assert_eq!(failed, expected);
            for (i, value) in values.iter().enumerate() {
                let value = if expected.contains(&i) { &b""[..] } else { value };
                assert_eq!(opened.get(i), value, "row {i}");
            }
        }
    }

    #[test]
    fn envelopes_of_several_batches_open_in_any_order() {
        let sealer = sealer(Suite::Xaes256Gcm);
        let (subjects, values) = rows(300);
        let mut sealed = vec![vec![]; 300];
        let subject = |i: usize| std::str::from_utf8(&subjects[i]).unwrap();
        for third in [1, 2] {
            let mut batch = sealer.batch();
            for i in (0..300).filter(|i| i % 3 == third) {
                batch.seal(subject(i), &values[i], &mut sealed[i]).unwrap();
            }
        }
        for i in (0..300).step_by(3) {
            sealed[i] = sealer.seal(subject(i), &values[i]).unwrap();
        }
        let (mut opened, mut failures) = (Column::new(), vec![]);
        sealer.open_column(&subjects[..], &sealed[..], &mut opened, &mut failures);
        assert!(failures.is_empty() && opened.iter().eq(values.iter().map(|v| &v[..])));
    }

    // SPEC: ENV-6, FILE-4
    #[test]
    fn text_columns_are_the_cells_one_by_one() {
        for suite in SUITES {
            let sealer = sealer(suite);
            let (subjects, mut values) = rows(1200);
            values[4] = b" \t".to_vec();
            values[9] = b"  ck1e_AAAA".to_vec();
            let (mut cells, mut failures) = (Column::new(), vec![]);
            sealer.batch().seal_text_column(&subjects[..], &values[..], &mut cells, &mut failures);
            assert!(matches!(failures[..], [(9, Error::Value { problem: "is sealed already" })]));
            assert!(cells.get(9).is_empty() && cells.get(4) == b" \t" && cells.get(0).is_empty());
            let mut opened = Column::new();
            failures.clear();
            for i in (0..1200).filter(|i| ![0, 4, 9].contains(i)) {
                let (subject, cell) = (std::str::from_utf8(&subjects[i]), std::str::from_utf8(cells.get(i)));
                let plaintext =
                    sealer.open_text(subject.unwrap(), cell.unwrap_or("")).map(|p| p.expose().to_vec());
                assert!(plaintext.is_ok_and(|p| p == values[i]) || is_blank(&values[i]), "row {i}");
            }
            let mut damaged: Vec<Vec<u8>> = cells.iter().map(<[u8]>::to_vec).collect();
            damaged[20] = b"ck1e_!".to_vec();
            damaged[21] = b"no envelope".to_vec();
            damaged[1100].pop();
            sealer.open_text_column(&subjects[..], &damaged[..], &mut opened, &mut failures);
            assert_eq!(failures.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [20, 21, 1100]);
            for i in (0..1200).filter(|i| ![9, 20, 21, 1100].contains(i)) {
                assert_eq!(opened.get(i), values[i], "row {i}");
            }
        }
    }
}
