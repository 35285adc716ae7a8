//! Consents from a file of another system: CSV in, one row for each thing that a subject said.
//!
//! ```text
//! subject,purpose,event,at,expires,source,wording
//! 10423,newsletter,granted,2026-11-25T10:00:00+02:00,2028-11-25,web form,v3
//! 10424,newsletter,withdrawn,2026-11-25T08:15:00Z,,call centre,
//! ```
//!
//! Columns come in any order; `expires`, `source` and `wording` may be missing or blank. A row that is wrong stops no
//! other.

use super::batch::Batch;
use super::source::Source;
use crate::duties::{Consent, ConsentEvent, Rules};
use crate::error::{Error, Result};
use crate::name::{Note, Purpose, SubjectId};
use crate::time::Timestamp;
use std::io::Read;

const COLUMNS: [&str; 7] = ["subject", "purpose", "event", "at", "expires", "source", "wording"];
/// The first of these must be there.
const NEEDED: usize = 4;
const ROWS: usize = 4096;

/// A row: who said it, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentRow {
    /// The line in which it starts; the header's is 1.
    pub line: u64,
    /// Whose consent.
    pub subject: SubjectId,
    /// What was said.
    pub consent: Consent,
}

/// Reads a file of consents, and hands each row, or what is wrong with it ([`Error::Row`]), to `each`, in the file's order.
///
/// # Errors
/// [`Error::Input`] for an empty file or a header without the columns above; [`Error::Row`] for a record that cannot be
/// read to its end; [`Error::Io`]; and whatever `each` returns. `each` is given [`Error::Row`] for a purpose that the rules
/// do not know (empty rules leave that to others), for a time without an offset or after `now`, and for a consent that ends before it begins.
///
/// # Security
/// No cell is in an error.
///
/// # Example
/// ```
/// use cloakroom::{pipeline, policy::Policy, time::Timestamp};
/// let policy = "version = 1\ntenant = \"acme\"\nfield.x.protect = \"keep\"\npurpose.news.basis = \"consent\"\n";
/// let csv = "subject,purpose,event,at\n7,news,granted,2026-11-25T10:00:00+02:00\n8,news,granted,yesterday\n";
/// let (mut rows, mut errors) = (vec![], vec![]);
/// let now = Timestamp::parse("2026-12-01")?;
/// pipeline::consents(csv.as_bytes(), b',', Policy::parse(policy)?.rules(), now, |row| {
///     row.map_or_else(|e| errors.push(e.to_string()), |row| rows.push(row));
///     Ok(())
/// })?;
/// assert_eq!(rows[0].consent.at.to_string(), "2026-11-25T08:00:00Z");
/// assert!(errors[0].starts_with("line 3, column \"at\": is none: write it like"));
/// # Ok::<(), cloakroom::Error>(())
/// ```
pub fn consents(
    input: impl Read,
    delimiter: u8,
    rules: &Rules,
    now: Timestamp,
    mut each: impl FnMut(Result<ConsentRow>) -> Result<()>,
) -> Result<()> {
    let mut source = Source::open(input, delimiter, ROWS)?;
    let places = places(&source.header)?;
    let mut batch = Batch::default();
    while source.fill(&mut batch)? {
        let mut unreadable = batch.rejects.drain(..).peekable();
        let reject = |line, column: &str, problem| Error::Row { line, column: column.into(), problem };
        for (i, line) in batch.lines.iter().enumerate() {
            while let Some(earlier) = unreadable.next_if(|reject| reject.line < *line) {
                each(Err(reject(earlier.line, "", earlier.reason)))?;
            }
            let cell = |column: usize| places[column].map_or(&[][..], |place| batch.input[place].get(i));
            let row = read(cell, rules, now).map_err(|(column, problem)| reject(*line, column, problem));
            each(row.map(|(subject, consent)| ConsentRow { line: *line, subject, consent }))?;
        }
        for left in unreadable {
            each(Err(reject(left.line, "", left.reason)))?;
        }
    }
    Ok(())
}

/// In which column of the file each of [`COLUMNS`] is.
fn places(header: &[String]) -> Result<[Option<usize>; COLUMNS.len()]> {
    let wrong = |problem| Err(Error::Input { problem });
    // Not by name: in a file without a header it would be a value.
    if let Some(place) = header.iter().position(|name| !COLUMNS.contains(&name.trim())) {
        let known = COLUMNS.join(", ");
        return wrong(format!("has a header whose column {} is none of {known}", place + 1));
    }
    let places = COLUMNS.map(|column| header.iter().position(|name| name.trim() == column));
    match COLUMNS.iter().zip(places).take(NEEDED).find(|(_, place)| place.is_none()) {
        Some((column, _)) => wrong(format!("has no column {column:?}")),
        None => Ok(places),
    }
}

fn read<'c>(
    cell: impl Fn(usize) -> &'c [u8],
    rules: &Rules,
    now: Timestamp,
) -> Result<(SubjectId, Consent), (&'static str, String)> {
    let text = |column: usize| match std::str::from_utf8(cell(column)) {
        Ok(text) => Ok(text.trim()),
        Err(_) => Err((COLUMNS[column], "is not UTF-8".to_owned())),
    };
    let in_column = |column: usize| {
        move |error| match error {
            Error::Setting { problem, .. } => (COLUMNS[column], problem),
            Error::Name { problem, .. } => (COLUMNS[column], problem.to_owned()),
            other => (COLUMNS[column], other.to_string()),
        }
    };
    let subject = SubjectId::new(text(0)?).map_err(in_column(0))?;
    let purpose = Purpose::new(text(1)?).map_err(in_column(1))?;
    if !rules.is_empty() && !rules.purposes.contains_key(&purpose) {
        return Err((
            COLUMNS[1],
            "is no purpose of the rules: declare it in the policy, or correct its name".into(),
        ));
    }
    let at = Timestamp::parse(text(3)?).map_err(in_column(3))?;
    if at > now {
        return Err((COLUMNS[3], "is in the future: is its offset right?".into()));
    }
    let expires = match text(4)? {
        "" => None,
        expires => Some(Timestamp::parse(expires).map_err(in_column(4))?),
    };
    let event = match (text(2)?, expires) {
        ("granted", Some(end)) if end <= at => {
            return Err((COLUMNS[4], "is not after `at`: the consent would end before it begins".into()));
        }
        ("granted", expires) => ConsentEvent::Granted { expires },
        ("withdrawn", None) => ConsentEvent::Withdrawn,
        ("withdrawn", Some(_)) => return Err((COLUMNS[4], "goes with `granted` alone".into())),
        _ => return Err((COLUMNS[2], "must be granted or withdrawn".into())),
    };
    let note = |column: usize| match text(column)? {
        "" => Ok(None),
        note => Note::new(note).map(Some).map_err(in_column(column)),
    };
    Ok((subject, Consent { purpose, event, at, source: note(5)?, wording: note(6)? }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    const POLICY: &str =
        "version = 1\ntenant = \"acme\"\nfield.x.protect = \"keep\"\npurpose.news.basis = \"consent\"\n";

    fn import(csv: &[u8]) -> Result<(Vec<ConsentRow>, Vec<String>)> {
        let (mut rows, mut errors) = (vec![], vec![]);
        let now = Timestamp::parse("2026-12-01").unwrap();
        consents(csv, b',', Policy::parse(POLICY).unwrap().rules(), now, |row| {
            row.map_or_else(|e| errors.push(e.to_string()), |row| rows.push(row));
            Ok(())
        })?;
        Ok((rows, errors))
    }

    #[test]
    fn columns_come_in_any_order_and_some_may_be_missing() {
        let (rows, errors) = import(
            b"at,subject,event,purpose,expires\n\
              2026-11-25T10:00:00+02:00, 10423 ,granted,news,2028-11-25\n2026-11-25,10424,withdrawn,news,\n",
        )
        .unwrap();
        assert!(errors.is_empty(), "{errors:?}");
        let (at, ends) = (Timestamp::parse("2026-11-25T08:00:00Z"), Timestamp::parse("2028-11-25"));
        let consent = &rows[0].consent;
        assert_eq!((consent.at, &consent.source, &consent.wording), (at.unwrap(), &None, &None));
        assert_eq!(consent.event, ConsentEvent::Granted { expires: Some(ends.unwrap()) });
        assert_eq!((rows[0].line, rows[0].subject.expose()), (2, "10423"));
        assert_eq!((rows[1].line, rows[1].consent.event), (3, ConsentEvent::Withdrawn));
    }

    // SPEC: DUTY-7, SECRET-1
    #[test]
    fn a_bad_row_stops_no_good_one_and_is_named_by_its_line() {
        let good = "SECRET,news,granted,2026-11-25T10:00:00Z,,web,v3\n";
        let bad = [
            (",news,granted,2026-11-25T10:00:00Z,,,\n", "column \"subject\": is empty"),
            ("SECRET,,granted,2026-11-25T10:00:00Z,,,\n", "column \"purpose\": is empty"),
            ("SECRET,SECRET,granted,2026-11-25T10:00:00Z,,,\n", "column \"purpose\": is no purpose"),
            (
                "SECRET,news,SECRET,2026-11-25T10:00:00Z,,,\n",
                "column \"event\": must be granted or withdrawn",
            ),
            ("SECRET,news,granted,2026-11-25T10:00:00,,,\n", "column \"at\": has no offset"),
            ("SECRET,news,granted,SECRET,,,\n", "column \"at\": is none"),
            ("SECRET,news,granted,2026-12-01T00:00:01Z,,,\n", "column \"at\": is in the future"),
            ("SECRET,news,granted,2026-11-25,2026-11-25,,\n", "column \"expires\": is not after"),
            ("SECRET,news,granted,2026-11-25,2026-02-30,,\n", "column \"expires\": is of no day"),
            ("SECRET,news,withdrawn,2026-11-25,2027-11-25,,\n", "column \"expires\": goes with `granted`"),
            (
                "SECRET,news,granted,2026-11-25,,\"a\u{1}b\",\n",
                "column \"source\": contains a control character",
            ),
            ("SECRET,news,granted\n", "the row has 3 cells, the header 7"),
            ("SECRET,news,granted,2026-11-25,,,,\n", "the row has 8 cells, the header 7"),
        ];
        let mut csv = format!("{}\n", COLUMNS.join(","));
        bad.iter().for_each(|(row, _)| csv.push_str(&format!("{row}{good}")));
        let (rows, errors) = import(csv.as_bytes()).unwrap();
        let lines: Vec<u64> = rows.iter().map(|row| row.line).collect();
        assert_eq!(lines, (0..bad.len() as u64).map(|i| 3 + 2 * i).collect::<Vec<_>>());
        assert_eq!(errors.len(), bad.len());
        for (i, ((_, why), error)) in bad.iter().zip(&errors).enumerate() {
            assert!(
                error.starts_with(&format!("line {}", 2 + 2 * i)) && error.contains(why),
                "{why}: {error}"
            );
            assert!(!error.contains("SECRET"), "{error}");
        }
        let (_, errors) = import(b"subject,purpose,event,at\n\xff,news,granted,2026-11-25\n").unwrap();
        assert_eq!(errors, ["line 2, column \"subject\": is not UTF-8"]);
    }

    #[test]
    fn a_header_without_the_columns_is_refused() {
        for (csv, why) in [
            ("", "not even a header"),
            ("subject,purpose,at\n", "has no column \"event\""),
            ("subject,purpose,event,at,SECRET\n", "whose column 5 is none of subject, purpose"),
            ("subject,subject,purpose,event,at\n", "one name twice"),
        ] {
            let error = import(csv.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(why) && !error.contains("SECRET"), "{csv}: {error}");
        }
    }

    #[test]
    fn who_takes_the_rows_can_stop() {
        let csv = "subject,purpose,event,at\n1,news,granted,2026-11-25\n2,news,granted,2026-11-25\n";
        let mut seen = 0;
        let policy = Policy::parse(POLICY).unwrap();
        let now = Timestamp::parse("2026-12-01").unwrap();
        let stopped = consents(csv.as_bytes(), b',', policy.rules(), now, |_| {
            seen += 1;
            Err(Error::Conflict)
        });
        assert!(matches!(stopped, Err(Error::Conflict)) && seen == 1);
    }
}
