//! A policy for a file, proposed by what its columns are called and what the cells of its first rows look like.
//!
//! ```text
//! header ──► hint ────┐
//! cells  ──► counts ──┴──► proposal ──► policy.toml, to be read and changed
//! ```
//!
//! What is not recognized is sealed where there is a subject to seal it for, and dropped where there is none; it is never
//! kept.
//!
//! # Security
//! No value is in a suggestion or an error, and none is kept in memory. A first line that looks like data is refused
//! without being shown. That a value is hard to recognize does not make it harmless: a suggestion has to be read.

mod evidence;
mod header;
mod proposal;

use self::evidence::{Evidence, Kind, MOST_DISTINCT, Recognizer};
use self::header::{Hint, subject_order};
use self::proposal::{Proposal, grouped, propose};
use super::batch::Batch;
use super::source::Source;
use crate::error::{Error, Result};
use crate::name::FieldName;
use crate::policy::Settings;
use std::fmt;
use std::io::Read;

/// Rows in a batch, at most.
const ROWS: u64 = 4096;
/// Below this many rows a share says little.
const FEW_ROWS: u64 = 100;

/// A proposed policy. `Display` is the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// Rows that were read.
    pub rows: u64,
    /// Rows that could not be read, of these: they have another number of cells than the header.
    pub unreadable: u64,
    /// The column that says whose row it is.
    pub subject: Option<FieldName>,
    /// The columns, in their order.
    pub columns: Vec<SuggestedColumn>,
}

/// What is proposed for a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuggestedColumn {
    /// Its trimmed header.
    pub name: FieldName,
    /// What shall be done to it.
    pub settings: Settings,
    /// What was found, how many cells hold a value, and what else could be done: a line of a comment each.
    pub comments: [String; 3],
}

/// Reads the first `rows` rows, and proposes a policy that protects the file.
///
/// # Errors
/// [`Error::Input`] for a file without rows, a first line that looks like data, or a column whose name cannot be one;
/// [`Error::Row`], [`Error::Io`] as for protecting. Columns are named by their number.
///
/// # Example
/// ```
/// use cloakroom::{pipeline, policy::Policy};
/// let csv = "customer_id,mail\n1,ann@example.org\n2,bob@example.net\n";
/// let suggestion = pipeline::suggest(csv.as_bytes(), b',', 10_000)?;
/// let policy = Policy::parse(&suggestion.to_string())?;
/// assert_eq!(policy.subject.unwrap().as_str(), "customer_id");
/// assert_eq!(suggestion.columns[1].settings.format.as_deref(), Some("email"));
/// # Ok::<(), cloakroom::Error>(())
/// ```
pub fn suggest(input: impl Read, delimiter: u8, rows: u64) -> Result<Suggestion> {
    let mut source = Source::open(input, delimiter, rows.clamp(1, ROWS) as usize)?;
    let recognizer = Recognizer::new()?;
    let names = names(&source.header, &recognizer)?;
    let hints: Vec<Hint> = names.iter().map(|name| Hint::of(name.as_str())).collect();
    let mut evidence: Vec<Evidence> = hints.iter().map(|hint| Evidence::new(*hint)).collect();
    let (mut read, mut unreadable) = (0, 0);
    let mut batch = Batch::default();
    while read + unreadable < rows && source.fill(&mut batch)? {
        let taken = (rows - read - unreadable).min(batch.rows() as u64);
        for (evidence, column) in evidence.iter_mut().zip(&batch.input) {
            column.iter().take(taken as usize).for_each(|cell| evidence.take(&recognizer, cell));
        }
        read += taken;
        unreadable += batch.unreadable.min(rows - read - unreadable);
    }
    if read == 0 {
        let problem = "has a header, but no row that could be read: there is nothing to go by".into();
        return Err(Error::Input { problem });
    }
    let candidates = (0..names.len()).filter(|i| hints[*i] == Hint::Id && evidence[*i].names_subjects());
    let subject = candidates.min_by_key(|i| subject_order(names[*i].as_str()));
    let of_all = |unknown| {
        let columns = names.iter().zip(&hints).zip(&evidence);
        columns
            .map(|((name, hint), evidence)| propose(name.as_str(), *hint, evidence, read, unknown))
            .collect()
    };
    let unknown = if subject.is_some() { "seal" } else { "drop" };
    let mut proposals: Vec<Proposal> = of_all(unknown);
    if proposals.iter().all(|p| p.settings.protect == "drop") {
        // Nothing would be left of the file, which protecting refuses.
        for proposal in &mut proposals {
            proposal.settings.protect = "seal".into();
            proposal.also = "sealed rather than dropped: nothing else would be left of the file".into();
        }
    }
    let subject = subject.map(|i| names[i].clone());
    let columns = names.into_iter().zip(proposals).zip(&evidence);
    let columns = columns.map(|((name, proposal), evidence)| SuggestedColumn {
        name,
        settings: proposal.settings,
        comments: [proposal.found, counts(evidence), proposal.also],
    });
    Ok(Suggestion { rows: read + unreadable, unreadable, subject, columns: columns.collect() })
}

/// The names of the columns, unless they look like data.
fn names(header: &[String], recognizer: &Recognizer) -> Result<Vec<FieldName>> {
    let name = |(i, cell): (usize, &String)| {
        let cell = cell.trim();
        if let Some(what) = looks_like_data(cell, recognizer) {
            let problem = format!(
                "has a first line that looks like data: in column {} it has {what}; put a line with the names of the columns before it",
                i + 1
            );
            return Err(Error::Input { problem });
        }
        FieldName::new(cell).map_err(|error| match error {
            Error::Name { problem, .. } => {
                Error::Input { problem: format!("has a header whose column {} {problem}", i + 1) }
            }
            other => other,
        })
    };
    header.iter().enumerate().map(name).collect()
}

/// What a cell of the header is, if it is no name.
fn looks_like_data(cell: &str, recognizer: &Recognizer) -> Option<&'static str> {
    let mut data = None;
    recognizer.kinds(Hint::Unknown, cell, |kind| {
        data = data.or(Some(match kind {
            Kind::Card => "a card number",
            Kind::Iban => "an IBAN",
            Kind::Email => "an e-mail address",
            Kind::Uuid => "a UUID",
            Kind::Ipv4 | Kind::Ipv6 => "an IP address",
            Kind::Ssn => "a social security number",
            Kind::InternationalPhone | Kind::Phone => "a telephone number",
            Kind::DateTime | Kind::Date(_) => "a date",
            Kind::Number | Kind::Name => "a number",
        }));
    });
    let letters = cell.chars().filter(|c| c.is_alphabetic()).count();
    let digits = cell.chars().filter(|c| c.is_numeric()).count();
    let otherwise = match (letters, digits) {
        _ if cell.is_empty() => Some("nothing"),
        (0, 1..) => Some("a number"),
        _ => None,
    };
    data.or(otherwise)
}

/// How many cells hold a value, and how many of these are distinct.
fn counts(evidence: &Evidence) -> String {
    let distinct = match evidence.distinct() {
        Some(distinct) => grouped(distinct),
        None => format!("over {}", grouped(MOST_DISTINCT as u64)),
    };
    let (filled, blank) = (grouped(evidence.filled), grouped(evidence.blank));
    format!("cells with a value: {filled}; distinct: {distinct}; blank: {blank}")
}

impl fmt::Display for Suggestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "# Proposed by `cloakroom policy suggest` from the first {} rows. Read it, change it, and",
            grouped(self.rows)
        )?;
        writeln!(f, "# see what it does with `cloakroom policy preview`: what columns hold was guessed.")?;
        if self.rows < FEW_ROWS {
            writeln!(f, "# These are few rows: the shares below say little.")?;
        }
        if self.unreadable > 0 {
            let count = grouped(self.unreadable);
            writeln!(
                f,
                "# {count} rows have more or fewer cells than the header: `protect` needs --rejects for them."
            )?;
        }
        if let [SuggestedColumn { name, .. }] = self.columns.as_slice()
            && name.as_str().contains([';', '|', ','])
        {
            writeln!(
                f,
                "# There is one column, and punctuation in its name: is that the delimiter? Give --delimiter."
            )?;
        }
        writeln!(f, "version = 1")?;
        writeln!(f, "tenant = \"example\" # whose keys: choose a name, and keep to it")?;
        match &self.subject {
            Some(subject) => writeln!(f, "subject = {} # whose row it is", Quoted(subject.as_str()))?,
            None => writeln!(
                f,
                "# subject = \"…\" # no column was found that says whose row it is; a vault needs one"
            )?,
        }
        for SuggestedColumn { name, settings, comments } in &self.columns {
            writeln!(f)?;
            comments.iter().try_for_each(|comment| writeln!(f, "# {comment}"))?;
            writeln!(f, "[field.{}]", Quoted(name.as_str()))?;
            f.write_str(&toml::to_string(settings).map_err(|_| fmt::Error)?)?;
        }
        Ok(())
    }
}

/// A basic string of TOML. Names have no control characters, so a quote and a backslash are all there is to escape.
struct Quoted<'n>(&'n str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

#[cfg(test)]
mod tests;
