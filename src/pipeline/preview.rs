//! The first rows of a file before and after a policy, under a key that is thrown away.
//!
//! It is the job of [`protect`](super::protect()), run on the first rows with their cells in the clear beside it.

use super::actions::{Action, Job};
use super::batch::Batch;
use super::protect::{Plan, plan};
use super::source::Source;
use crate::error::Result;
use crate::keys::Keyset;
use crate::policy::{Policy, Rule};
use crate::protect::Column;
use crate::store::memory::MemoryStore;
use crate::time::Timestamp;
use crate::vault::Vault;
use std::io::Read;

/// Rows in a batch, at most.
const ROWS: usize = 1000;

/// A row, before and after. It holds values in the clear, so it has no `Debug`.
pub struct RowPreview<'r> {
    /// The line in which it starts.
    pub line: u64,
    /// Its cells in their order; none when the row has another number of cells than the header.
    pub cells: Vec<CellPreview<'r>>,
    /// Columns and reasons for which the row would be rejected. A reason about the whole row has an empty column.
    pub problems: Vec<(&'r str, &'r str)>,
}

/// A cell, before and after.
pub struct CellPreview<'r> {
    /// The column's trimmed header.
    pub column: &'r str,
    /// The cell as it stands.
    pub before: &'r [u8],
    /// What comes of it; `None` when the column is dropped or the row is rejected.
    pub after: Option<&'r [u8]>,
    /// Whether it is sealed. A vault's references look unlike the envelopes that are shown here.
    pub sealed: bool,
}

/// Shows the first `rows` rows to `each`, in order. Without rows, only the header is held against the policy.
///
/// Nothing is written anywhere, and the key is a new one that nobody keeps: tokens and pseudonyms are others than those
/// that [`protect`](super::protect()) will give. Reads no more of the file than it shows, or about a mebibyte.
///
/// # Errors
/// As for [`protect`](super::protect()) with a keyset and with rejects; those of `each`.
///
/// # Example
/// ```
/// use cloakroom::{pipeline, policy::Policy};
/// let policy = Policy::parse("version = 1\ntenant = \"acme\"\n[field.age]\nprotect = \"generalize\"\nto = \"bucket\"\nwidth = 10\n")?;
/// let mut seen = vec![];
/// pipeline::preview(&b"age\n37\nold\n"[..], &policy, b',', 5, |row| {
///     seen.push((row.line, row.cells[0].after.map(<[u8]>::to_vec), row.problems.len()));
///     Ok(())
/// })?;
/// assert_eq!(seen, [(2, Some(b"30-39".to_vec()), 0), (3, None, 1)]);
/// # Ok::<(), cloakroom::Error>(())
/// ```
pub fn preview(
    input: impl Read,
    policy: &Policy,
    delimiter: u8,
    rows: usize,
    mut each: impl FnMut(&RowPreview<'_>) -> Result<()>,
) -> Result<()> {
    let keyset = Keyset::generate(Timestamp(0))?;
    let mut source = Source::open(input, delimiter, rows.clamp(1, ROWS))?;
    // Random tokens are drawn into a vault; this one is thrown away.
    let issues = policy.fields.iter().any(|field| matches!(field.rule, Rule::RandomToken(_)));
    let store = || Box::new(MemoryStore::new());
    let vault = issues.then(|| Vault::create_in(store(), keyset.clone())).transpose()?;
    let run = vault.as_ref().map(|vault| vault.begin_run());
    let Plan { columns, subject, binding, .. } = plan(&source.header, policy, &keyset, issues)?;
    let job = Job {
        columns,
        subject,
        binding,
        tenant: vault.as_ref().map(|vault| vault.tenant(&policy.tenant)),
        run: run.as_ref(),
        showing: None,
        now: Timestamp(0),
        strict: false,
        delimiter,
        crlf: false,
        bom: false,
    };
    let mut batch = Batch::default();
    let mut left = rows;
    while left > 0 && source.fill(&mut batch)? {
        job.work(&mut batch)?;
        for row in shown(&job, &batch).take(left) {
            each(&row)?;
        }
        left = left.saturating_sub(batch.rows() + batch.unreadable as usize);
    }
    Ok(())
}

/// The rows of a batch that was worked on, those that could not be read in their places.
fn shown<'b>(job: &'b Job<'_>, batch: &'b Batch) -> impl Iterator<Item = RowPreview<'b>> {
    // Rows and rejects are in the order of their lines. A reject without a column is a row that could not be read.
    let mut rejects = batch.rejects.iter().peekable();
    let mut next_row = 0;
    std::iter::from_fn(move || {
        let row_line = batch.lines.get(next_row).copied();
        let is_before_row = |line: u64| row_line.is_none_or(|row_line| line <= row_line);
        if let Some(reject) = rejects.next_if(|r| r.column.is_empty() && is_before_row(r.line)) {
            let problems = vec![("", reject.reason.as_str())];
            return Some(RowPreview { line: reject.line, cells: vec![], problems });
        }
        let line = row_line?;
        let rejected = batch.rejected[next_row];
        let mut problems = vec![];
        while let Some(reject) = rejects.next_if(|reject| rejected && reject.line == line) {
            problems.push((reject.column.as_str(), reject.reason.as_str()));
        }
        let cells = (0..job.columns.len()).map(|i| cell(job, batch, i, next_row, rejected)).collect();
        next_row += 1;
        Some(RowPreview { line, cells, problems })
    })
}

fn cell<'b>(job: &'b Job<'_>, batch: &'b Batch, i: usize, row: usize, rejected: bool) -> CellPreview<'b> {
    let column = &job.columns[i];
    let of = |side: &'b [Column]| Some(side[i].get(row)).filter(|_| !rejected);
    let before = batch.input[i].get(row);
    let after = match column.action {
        Action::Drop => None,
        Action::Keep => of(&batch.input),
        _ => of(&batch.output),
    };
    CellPreview {
        column: column.header.trim(),
        before,
        after,
        sealed: matches!(column.action, Action::Seal(_) | Action::Store(_)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    const POLICY: &str = "version = 1\ntenant = \"acme\"\nunlisted = \"drop\"\n[field.id]\nprotect = \"keep\"\n\
        [field.n]\nprotect = \"token\"\nformat = \"digits\"\nlength = \"7\"\n";

    /// Line, cells after, problems.
    fn seen(csv: &str, rows: usize) -> Vec<(u64, Vec<Option<String>>, usize)> {
        let mut seen = vec![];
        let policy = Policy::parse(POLICY).unwrap();
        preview(csv.as_bytes(), &policy, b',', rows, |row| {
            let text =
                |cell: &CellPreview<'_>| cell.after.map(|after| String::from_utf8(after.to_vec()).unwrap());
            seen.push((row.line, row.cells.iter().map(text).collect(), row.problems.len()));
            Ok(())
        })
        .unwrap();
        seen
    }

    #[test]
    fn rows_come_in_order_with_the_bad_ones_in_their_places() {
        let csv = "id,n,x\na,1\nb,1234567,y\nc\nd,123,z\ne,7654321,\nf,g\n";
        let seen = seen(csv, 100);
        assert_eq!(seen.iter().map(|(line, ..)| *line).collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7]);
        assert_eq!(seen.iter().map(|(.., problems)| *problems).collect::<Vec<_>>(), [1, 0, 1, 1, 0, 1]);
        let cells = &seen[1].1;
        assert_eq!(
            (cells[0].as_deref(), cells[2].as_deref()),
            (Some("b"), None),
            "kept, and dropped unnamed"
        );
        assert!(cells[1].as_deref().is_some_and(|token| token.len() == 7));
        assert_eq!(seen[3].1, [None, None, None], "a rejected row has no cell");
        assert!(seen[0].1.is_empty(), "nor has one that could not be read");
    }

    #[test]
    fn no_more_rows_are_shown_than_asked_for() {
        let csv = format!("id,n,x\n{}", "a,1234567,\nb\n".repeat(5000));
        for rows in [0, 1, 2, 3, 999, 1001, 4000] {
            assert_eq!(seen(&csv, rows).len(), rows);
        }
        assert_eq!(seen("id,n,x\n", 5).len(), 0);
        let long = format!("id,n,x\n{}", format!("{},1234567,\n", "y".repeat(3 << 20)).repeat(4));
        assert_eq!(seen(&long, 3).len(), 3, "a batch for each");
        assert_eq!(seen("id,n,x\ra,1234567,\rb\rc,1,\r", 9).len(), 3, "all in one line, to a counter of LF");
    }

    #[test]
    fn the_header_is_held_against_the_policy_even_without_rows() {
        let policy = Policy::parse(POLICY).unwrap();
        let check = |csv: &str| preview(csv.as_bytes(), &policy, b',', 0, |_| Ok(()));
        assert!(check("id,n\nrubbish").is_ok());
        for bad in ["", "id\n", "id,n,n\n"] {
            assert!(matches!(check(bad), Err(Error::Input { .. })), "{bad}");
        }
    }
}
