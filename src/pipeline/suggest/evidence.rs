//! What the cells of a column look like, counted. No value is kept: distinct ones are counted by a hash under a random
//! key that is gone with the column.

use super::header::Hint;
use crate::error::Result;
use crate::format::{DatePattern, Format, IbanKeep, PhoneKeep};
use crate::name::SubjectId;
use crate::protect::{Generalize, is_blank};
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// What a cell can be recognized as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Card,
    Iban,
    Email,
    Uuid,
    Ipv4,
    Ipv6,
    Ssn,
    InternationalPhone,
    /// Only where the name of the column says so: many numbers could be one.
    Phone,
    DateTime,
    /// In the pattern of this place.
    Date(usize),
    Number,
    /// Only where the name of the column says so.
    Name,
}

/// The patterns of dates that are tried.
pub(super) const DATES: [&str; 8] = [
    "YYYY-MM-DD",
    "YYYYMMDD",
    "DD.MM.YYYY",
    "MM/DD/YYYY",
    "DD/MM/YYYY",
    "YYYY/MM/DD",
    "DD-MM-YYYY",
    "MM-DD-YYYY",
];
/// Years that a date may have: numbers of eight digits are not all dates.
const YEARS: std::ops::RangeInclusive<u16> = 1850..=2150;
/// Distinct values are counted up to this many.
pub(super) const MOST_DISTINCT: usize = 1000;
/// Kinds but for dates, and a place for each pattern of these.
const PLACES: usize = 12 + DATES.len();

/// Tells what a cell is.
pub(super) struct Recognizer {
    card: Format,
    iban: Format,
    email: Format,
    uuid: Format,
    ipv4: Format,
    ipv6: Format,
    ssn: Format,
    international_phone: Format,
    phone: Format,
    name: Format,
    number: Generalize,
    dates: Vec<DatePattern>,
}

impl Recognizer {
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            card: Format::card().keep_scheme(4),
            iban: Format::iban(IbanKeep::Country),
            email: Format::email(),
            uuid: Format::uuid(),
            ipv4: Format::ipv4(),
            ipv6: Format::ipv6(),
            ssn: Format::ssn(),
            international_phone: Format::phone(PhoneKeep::Country),
            phone: Format::phone(PhoneKeep::Nothing),
            name: Format::name(),
            number: Generalize::bucket(10)?,
            dates: DATES.iter().map(|pattern| DatePattern::new(pattern)).collect::<Result<_>>()?,
        })
    }

    /// Calls `found` with each kind that the cell is of. A cell is taken as it stands where a token would be made of
    /// it, and without the white space around it where it would be generalized.
    pub(super) fn kinds(&self, hint: Hint, cell: &str, mut found: impl FnMut(Kind)) {
        let trimmed = cell.trim();
        let length = trimmed.len();
        let digits = trimmed.bytes().filter(u8::is_ascii_digit).count();
        let only = |others: &str| trimmed.chars().all(|c| c.is_ascii_digit() || others.contains(c));
        let mut token = |likely: bool, format: &Format, kind: Kind| {
            if likely && takes(format, cell) {
                found(kind);
            }
        };
        token((13..=19).contains(&digits) && only(" -"), &self.card, Kind::Card);
        token(length >= 15 && trimmed.as_bytes()[0].is_ascii_alphabetic(), &self.iban, Kind::Iban);
        token(trimmed.contains('@'), &self.email, Kind::Email);
        token(length >= 32 && digits > 0, &self.uuid, Kind::Uuid);
        token(only("."), &self.ipv4, Kind::Ipv4);
        token(trimmed.contains(':') && length <= 39, &self.ipv6, Kind::Ipv6);
        let is_parted =
            length == 11 && [3, 6].iter().all(|at| matches!(trimmed.as_bytes()[*at], b' ' | b'-'));
        token(digits == 9 && only(" -") && (is_parted || hint == Hint::Ssn), &self.ssn, Kind::Ssn);
        token(trimmed.starts_with('+'), &self.international_phone, Kind::InternationalPhone);
        token(hint == Hint::Phone, &self.phone, Kind::Phone);
        token(hint == Hint::Name, &self.name, Kind::Name);
        if digits == 8 && length <= 10 {
            let year = |pattern: &DatePattern| pattern.parse(trimmed).ok().map(|date| date.year);
            let days = self.dates.iter().enumerate();
            days.filter(|(_, pattern)| year(pattern).is_some_and(|y| YEARS.contains(&y)))
                .for_each(|(i, _)| found(Kind::Date(i)));
        }
        if self.is_date_time(trimmed) {
            found(Kind::DateTime);
        }
        if digits > 0 && self.number.generalize(trimmed).is_ok() {
            found(Kind::Number);
        }
    }

    /// `YYYY-MM-DDThh:mm`, or with a space, and what may come behind.
    fn is_date_time(&self, trimmed: &str) -> bool {
        let Some((date, time)) = trimmed.split_at_checked(10) else { return false };
        let hours = time.strip_prefix(['T', ' ']).unwrap_or_default().as_bytes();
        let minutes =
            matches!(hours, [h, i, b':', m, n, ..] if [h, i, m, n].iter().all(|c| c.is_ascii_digit()));
        minutes && self.dates[0].parse(date).is_ok()
    }
}

/// Whether a token of this cell can be made.
fn takes(format: &Format, cell: &str) -> bool {
    format.report(Some(cell)).is_ok_and(|report| report.spaces.iter().all(|space| space.usable))
}

/// The cells of a column, counted.
pub(super) struct Evidence {
    hint: Hint,
    /// Cells that hold a value.
    pub(super) filled: u64,
    /// Cells that hold none.
    pub(super) blank: u64,
    counts: [u64; PLACES],
    hashes: HashSet<u64>,
    hasher: RandomState,
    /// Words, and characters.
    words: u64,
    characters: u64,
    /// Cells that can say whose row it is.
    subjects: u64,
    /// Digits before the point, in the longest number.
    pub(super) whole_digits: usize,
    /// Length of the shortest and longest cell.
    pub(super) lengths: (usize, usize),
    /// Cells of digits alone.
    pub(super) all_digits: u64,
}

impl Evidence {
    pub(super) fn new(hint: Hint) -> Self {
        Self {
            hint,
            filled: 0,
            blank: 0,
            counts: [0; PLACES],
            hashes: HashSet::new(),
            hasher: RandomState::new(),
            words: 0,
            characters: 0,
            subjects: 0,
            whole_digits: 0,
            lengths: (usize::MAX, 0),
            all_digits: 0,
        }
    }

    /// Counts a cell.
    pub(super) fn take(&mut self, recognizer: &Recognizer, cell: &[u8]) {
        if is_blank(cell) {
            self.blank += 1;
            return;
        }
        self.filled += 1;
        if self.hashes.len() <= MOST_DISTINCT {
            self.hashes.insert(self.hasher.hash_one(cell.trim_ascii()));
        }
        // What is not UTF-8 is nothing that is known here.
        let Ok(cell) = std::str::from_utf8(cell) else { return };
        let trimmed = cell.trim();
        let length = trimmed.chars().count();
        self.characters += length as u64;
        self.words += trimmed.split_whitespace().count() as u64;
        self.lengths = (self.lengths.0.min(length), self.lengths.1.max(length));
        self.all_digits += u64::from(trimmed.bytes().all(|b| b.is_ascii_digit()));
        self.subjects += u64::from(SubjectId::new(cell).is_ok());
        recognizer.kinds(self.hint, cell, |kind| {
            self.counts[place(kind)] += 1;
            if kind == Kind::Number {
                let whole = trimmed.split('.').next().unwrap_or_default();
                let digits = whole.bytes().filter(u8::is_ascii_digit).count();
                self.whole_digits = self.whole_digits.max(digits);
            }
        });
    }

    /// How many cells are of this kind.
    pub(super) fn count(&self, kind: Kind) -> u64 {
        self.counts[place(kind)]
    }

    /// How many distinct values there are; `None` for more than 1,000.
    pub(super) fn distinct(&self) -> Option<u64> {
        (self.hashes.len() <= MOST_DISTINCT).then_some(self.hashes.len() as u64)
    }

    /// Whether at least so many in a hundred of the cells that hold a value have one of their own.
    pub(super) fn is_mostly_distinct(&self, percent: u64) -> bool {
        self.distinct().is_none_or(|distinct| distinct * 100 >= self.filled * percent)
    }

    /// Whether every row can belong to the subject that its cell names.
    pub(super) fn names_subjects(&self) -> bool {
        self.filled > 0 && self.blank == 0 && self.subjects == self.filled && self.is_mostly_distinct(50)
    }

    /// Whether a cell is, on average, more than a few words.
    pub(super) fn is_free_text(&self) -> bool {
        self.words > 4 * self.filled || self.characters > 40 * self.filled
    }
}

fn place(kind: Kind) -> usize {
    match kind {
        Kind::Card => 0,
        Kind::Iban => 1,
        Kind::Email => 2,
        Kind::Uuid => 3,
        Kind::Ipv4 => 4,
        Kind::Ipv6 => 5,
        Kind::Ssn => 6,
        Kind::InternationalPhone => 7,
        Kind::Phone => 8,
        Kind::DateTime => 9,
        Kind::Number => 10,
        Kind::Name => 11,
        Kind::Date(pattern) => 12 + pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(hint: Hint, cell: &str) -> Vec<Kind> {
        let mut kinds = vec![];
        Recognizer::new().unwrap().kinds(hint, cell, |kind| kinds.push(kind));
        kinds
    }

    #[test]
    fn cells_are_what_they_look_like() {
        for (cell, kind) in [
            ("4111 1111 1111 1111", Kind::Card),
            ("5555555555554444", Kind::Card),
            ("DE89 3704 0044 0532 0130 00", Kind::Iban),
            ("ann@example.org", Kind::Email),
            ("f81d4fae-7dec-41d0-a765-00a0c91e6bf6", Kind::Uuid),
            ("192.0.2.17", Kind::Ipv4),
            ("2001:db8::17", Kind::Ipv6),
            ("123-45-6789", Kind::Ssn),
            ("+1 202 555 0143", Kind::InternationalPhone),
            ("2024-02-29T23:59:59Z", Kind::DateTime),
            ("2024-02-29 23:59", Kind::DateTime),
            ("2024-02-29", Kind::Date(0)),
            ("19850312", Kind::Date(1)),
            ("29.02.2024", Kind::Date(2)),
            (" 1985/03/12", Kind::Date(5)),
            ("-17.5", Kind::Number),
        ] {
            let kinds = kinds(Hint::Unknown, cell);
            assert_eq!(kinds.first(), Some(&kind), "{cell}: {kinds:?}");
        }
    }

    #[test]
    fn what_only_resembles_something_is_not_it() {
        for cell in [
            "4111 1111 1111 1112",    // fails the Luhn check
            "9999999999999995",       // no scheme
            "DE88370400440532013000", // wrong check digits
            "ann@example",            // no domain
            "999-45-6789",            // never issued
            "2023-02-29",             // no day
            "+999 555 0143",          // no country
            "2024-02-29Tnoon",
            "x",
            "é@é",
        ] {
            let kinds = kinds(Hint::Unknown, cell);
            assert!(kinds.iter().all(|kind| *kind == Kind::Number), "{cell}: {kinds:?}");
        }
        assert_eq!(kinds(Hint::Unknown, "01/02/2024"), [Kind::Date(3), Kind::Date(4)], "nobody can tell");
        assert_eq!(kinds(Hint::Unknown, "31/01/2024"), [Kind::Date(4)]);
        assert_eq!(
            kinds(Hint::Unknown, "99991231"),
            [Kind::Number],
            "a number rather than a day in the year 9999"
        );
    }

    #[test]
    fn some_kinds_need_the_name_of_the_column() {
        assert_eq!(kinds(Hint::Unknown, "555 0143 11"), []);
        assert_eq!(kinds(Hint::Phone, "555 0143 11"), [Kind::Phone]);
        assert_eq!(kinds(Hint::Unknown, "123456789"), [Kind::Number]);
        assert_eq!(kinds(Hint::Ssn, "123456789"), [Kind::Ssn, Kind::Number]);
        assert_eq!(kinds(Hint::Unknown, "Zoë Lee"), []);
        assert_eq!(kinds(Hint::Name, "Zoë Lee"), [Kind::Name]);
        assert_eq!(kinds(Hint::Name, "1234"), [Kind::Number]);
    }

    #[test]
    fn distinct_values_are_counted_up_to_a_bound() {
        let recognizer = Recognizer::new().unwrap();
        let mut evidence = Evidence::new(Hint::Unknown);
        for i in 0..1000 {
            evidence.take(&recognizer, format!(" v{i} ").as_bytes());
            evidence.take(&recognizer, format!("v{i}").as_bytes());
        }
        assert_eq!((evidence.distinct(), evidence.filled), (Some(1000), 2000));
        (0..5000).for_each(|i| evidence.take(&recognizer, format!("w{i}").as_bytes()));
        assert_eq!(evidence.distinct(), None);
        assert!(evidence.hashes.len() <= MOST_DISTINCT + 1);
        evidence.take(&recognizer, b"\xFF\xFE");
        evidence.take(&recognizer, b" \t");
        assert_eq!((evidence.filled, evidence.blank), (7001, 1));
        assert!(!evidence.names_subjects(), "one cell is blank, another no text");
    }
}
