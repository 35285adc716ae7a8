//! `value ↔ (shape, rank)`, `0 ≤ rank < size`: what a value looks like, and which of the values that look so it is.
//!
//! A tokenizer permutes the rank and writes the result into the same shape. Each kind of format finds shape and rank in
//! its own way:
//!
//! | kind | takes part | file |
//! |---|---|---|
//! | one alphabet | its characters, but for those kept at either end | `run.rs` |
//! | an alphabet for each position | names, texts, e-mail addresses, IBANs, telephone numbers, UUIDs, plates | `positions.rs` |
//! | a number | integers, decimals, dates, social security numbers, IP addresses | `number.rs` |
//! | a pattern | any regular expression, and templates | `patterned.rs` |

use super::alphabet::Alphabet;
use super::date::{Date, DatePattern};
use super::date_time::DateTimePattern;
use super::digit_run::DigitRun;
use super::iban_layout::IbanKeep;
use super::look::Look;
use super::luhn::Luhn;
use super::members::Members;
use super::natural::Natural;
use super::number::{Kind, Number, decimal};
#[cfg(feature = "regex")]
use super::patterned::Patterned;
use super::phone::PhoneKeep;
use super::positions::{Positions, Scan};
use super::report::SpaceReport;
use super::run::{KeepFirst, Run};
#[cfg(feature = "regex")]
use super::space::FLOOR;
use super::space::{Limit, Reading};
use crate::error::{Error, Result};
use std::borrow::Cow;
use zeroize::Zeroizing;

/// What values of a field look like, and what of them stays in the clear.
///
/// # Example
/// ```
/// use cloakroom::format::Format;
/// let card = Format::card().keep(6, 4); // 4111 11## #### 1111, and the token fails the Luhn check
/// let id = Format::digits().lengths(7, 9);
/// let email = Format::email(); // the domain stays
/// assert!(Format::date_range("1900-01-01", "2099-12-31")?.check().is_err()); // 73,049 days are too few for FF1
/// # Ok::<(), cloakroom::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    engine: Engine,
    network: Option<NetworkCipher>,
    /// A setting that does not go with this kind of format.
    misfit: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Engine {
    Run(Run),
    Positions(Positions),
    Number(Number),
    #[cfg(feature = "regex")]
    Pattern(Patterned),
}

/// How IP addresses are encrypted, other than by FF1 on the address as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkCipher {
    /// Addresses with a common prefix have tokens with a common prefix of the same length.
    PrefixPreserving,
    /// One block of AES; the token of an IPv4 address is an IPv6 address.
    Deterministic,
}

/// Whether a text is a value or a token. They differ only where tokens must fail a check that values pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Value,
    Token,
}

impl Format {
    fn of(engine: Engine) -> Self {
        Self { engine, network: None, misfit: None }
    }

    fn positions(look: Look) -> Self {
        Self::of(Engine::Positions(Positions(look)))
    }

    /// Values over this alphabet.
    pub fn new(alphabet: Alphabet) -> Self {
        Self::of(Engine::Run(Run::new(alphabet)))
    }

    /// Decimal digits.
    pub fn digits() -> Self {
        Self::new(Alphabet::digits())
    }

    /// ASCII letters of both cases.
    pub fn letters() -> Self {
        Self::new(Alphabet::letters())
    }

    /// ASCII letters and digits.
    pub fn alphanumeric() -> Self {
        Self::new(Alphabet::alphanumeric())
    }

    /// Payment cards: 13 to 19 digits that pass the Luhn check. Tokens fail it unless [`luhn`](Format::luhn) says else.
    pub fn card() -> Self {
        let digits = Run::new(Alphabet::digits());
        Self::of(Engine::Run(Run { luhn: Luhn::Break, shortest: 13, longest: 19, usual: Some(16), ..digits }))
    }

    /// US social security numbers that can have been issued; so are the tokens.
    pub fn ssn() -> Self {
        Self::of(Engine::Number(Number::ssn()))
    }

    /// IBANs of every country in the registry; the check digits of a token are right.
    pub fn iban(keep: IbanKeep) -> Self {
        Self::positions(Look::Iban(keep))
    }

    /// E-mail addresses, of which the domain stays.
    pub fn email() -> Self {
        Self::positions(Look::Email(false))
    }

    /// E-mail addresses, of which only the last label of the domain stays.
    pub fn email_with_domain() -> Self {
        Self::positions(Look::Email(true))
    }

    /// Telephone numbers of 7 to 15 digits.
    pub fn phone(keep: PhoneKeep) -> Self {
        Self::positions(Look::Phone(keep))
    }

    /// UUIDs, of which version and variant stay.
    pub fn uuid() -> Self {
        Self::positions(Look::Uuid)
    }

    /// Licence plates: 4 to 12 letters and digits, each replaced by one of its kind.
    pub fn plate() -> Self {
        Self::positions(Look::Plate)
    }

    /// Passport numbers: 6 to 12 letters and digits, each replaced by one of its kind.
    pub fn passport() -> Self {
        Self::positions(Look::Passport)
    }

    /// Personal names: case, diacritics and separators stay in place; a short name may change its length.
    pub fn name() -> Self {
        Self::positions(Look::Name)
    }

    /// Any text: each letter becomes a letter, each digit a digit, the rest stays.
    pub fn text() -> Self {
        Self::positions(Look::Text)
    }

    /// Dates from the first to the last.
    ///
    /// # Errors
    /// [`Error::Setting`] when there is none, or one of the two is no day of the calendar.
    pub fn date(pattern: DatePattern, first: Date, last: Date) -> Result<Self> {
        if [first, last].iter().any(|date| Date::from_days(date.to_days()) != Some(*date)) {
            return Err(Error::Setting {
                what: "range",
                problem: "has a day that is none of the calendar".into(),
            });
        }
        let (first, last) = (first.to_days().into(), last.to_days().into());
        Ok(Self::of(Engine::Number(Number::range(Kind::Date(pattern), first, last)?)))
    }

    /// Dates as `YYYY-MM-DD` from the first to the last, which are written so.
    ///
    /// # Errors
    /// [`Error::Value`] for what is no date; [`Error::Setting`] when there is none in the range.
    pub fn date_range(first: &str, last: &str) -> Result<Self> {
        let pattern = DatePattern::new(DatePattern::ISO)?;
        let (first, last) = (pattern.parse_exact(first)?, pattern.parse_exact(last)?);
        Self::date(pattern, first, last)
    }

    /// Dates with a time of day, from the first to the last, which are written in the same pattern.
    ///
    /// # Errors
    /// [`Error::Value`] for what does not follow the pattern; [`Error::Setting`] when the range is empty.
    pub fn date_time(pattern: DateTimePattern, first: &str, last: &str) -> Result<Self> {
        let (first, last) = (pattern.parse(first)?.into(), pattern.parse(last)?.into());
        Ok(Self::of(Engine::Number(Number::range(Kind::DateTime(pattern), first, last)?)))
    }

    /// Integers from the least to the most.
    ///
    /// # Errors
    /// [`Error::Setting`] when there is none.
    pub fn integer(least: i128, most: i128) -> Result<Self> {
        Ok(Self::of(Engine::Number(Number::range(Kind::Decimal(0), least, most)?)))
    }

    /// Decimal numbers with so many places, from the least to the most, which are written with as many.
    ///
    /// # Errors
    /// [`Error::Value`] or [`Error::Character`] for what is no such number; [`Error::Setting`] for more than 30 places
    /// or an empty range.
    pub fn decimal(places: u32, least: &str, most: &str) -> Result<Self> {
        if places > Number::MOST_PLACES {
            return Err(Error::Setting { what: "scale", problem: "must be at most 30".into() });
        }
        let (least, most) = (decimal(least, places)?, decimal(most, places)?);
        Ok(Self::of(Engine::Number(Number::range(Kind::Decimal(places), least, most)?)))
    }

    /// IPv4 addresses.
    pub fn ipv4() -> Self {
        Self::of(Engine::Number(Number::ipv4()))
    }

    /// IPv6 addresses in their shortest spelling (RFC 5952).
    pub fn ipv6() -> Self {
        Self::of(Engine::Number(Number::ipv6()))
    }

    /// IP addresses of both families, by a cipher of the IPCrypt specification.
    pub fn network(cipher: NetworkCipher) -> Self {
        Self { network: Some(cipher), ..Self::ipv6() }
    }

    /// US ZIP codes of five digits, which are too few for FF1; with [`lengths`](Format::lengths)`(9, 9)`, ZIP+4.
    pub fn postal_us() -> Self {
        Self::digits().lengths(5, 5)
    }

    /// German postal codes: five digits, too few for FF1.
    pub fn postal_de() -> Self {
        Self::digits().lengths(5, 5)
    }

    /// British postcodes.
    #[cfg(feature = "regex")]
    pub fn postal_uk() -> Self {
        Self::of(Engine::Pattern(Patterned::postal_uk()))
    }

    /// Canadian postal codes.
    #[cfg(feature = "regex")]
    pub fn postal_ca() -> Self {
        Self::of(Engine::Pattern(Patterned::postal_ca()))
    }

    /// What a template describes: see [`format`](super) for its grammar.
    ///
    /// # Errors
    /// [`Error::Setting`] with the place of the mistake.
    #[cfg(feature = "regex")]
    pub fn template(template: &str) -> Result<Self> {
        Ok(Self::of(Engine::Pattern(Patterned::template(template)?)))
    }

    /// What a regular expression matches as a whole; groups named `keep_…` stay. Lengths, in characters, are needed
    /// for an expression without an end of its own.
    ///
    /// # Errors
    /// [`Error::Setting`] for an expression that is not understood, has look-around, matches nothing or without an end,
    /// can be split in two ways, or is too large.
    #[cfg(feature = "regex")]
    pub fn regex(expression: &str, lengths: Option<(usize, usize)>) -> Result<Self> {
        Ok(Self::of(Engine::Pattern(Patterned::expression(expression, lengths)?)))
    }

    /// Leaves so many characters of the alphabet at either end in the clear.
    pub fn keep(self, first: usize, last: usize) -> Self {
        let change = |run| Run { keep_first: KeepFirst::Characters(first), keep_last: last, ..run };
        self.with_run("keeping so many characters", change)
    }

    /// Leaves the digits that tell a card's scheme in the clear, and so many at the end. For cards.
    pub fn keep_scheme(self, last: usize) -> Self {
        let change = |run| Run { keep_first: KeepFirst::Scheme, keep_last: last, ..run };
        self.with_run("keeping a card's scheme", change)
    }

    /// What the tokens' Luhn check shall be. For digits only.
    pub fn luhn(self, luhn: Luhn) -> Self {
        self.with_run("a Luhn rule", |run| Run { luhn, ..run })
    }

    /// The characters that stay where they stand, in place of every ASCII space and punctuation mark.
    pub fn separators(self, separators: &str) -> Self {
        #[cfg(feature = "regex")]
        if let Engine::Pattern(pattern) = self.engine {
            return Self { engine: Engine::Pattern(pattern.separators(separators)), ..self };
        }
        self.with_run("a choice of separators", |run| Run { separators: Some(separators.to_owned()), ..run })
    }

    /// How many characters of the alphabet values have. The shortest must be long enough to be tokenized.
    pub fn lengths(self, shortest: usize, longest: usize) -> Self {
        let change = |run| Run { shortest, longest, usual: Some(shortest), ..run };
        self.with_run("a range of lengths", change)
    }

    fn with_run(self, setting: &'static str, change: impl FnOnce(Run) -> Run) -> Self {
        match self.engine {
            Engine::Run(run) => Self { engine: Engine::Run(change(run)), ..self },
            _ => Self { misfit: Some(setting), ..self },
        }
    }

    /// How its values are encrypted, if not by FF1.
    pub fn network_cipher(&self) -> Option<NetworkCipher> {
        self.network
    }

    /// Refuses a format that contradicts itself or cannot tokenize its usual values.
    ///
    /// # Errors
    /// [`Error::Setting`]; [`Error::DomainTooSmall`] with the numbers.
    pub fn check(&self) -> Result<()> {
        self.check_consistent()?;
        match &self.engine {
            Engine::Run(run) => run.usual_space().check_floor(),
            Engine::Positions(_) => Ok(()),
            Engine::Number(number) => number.space().check_floor(),
            #[cfg(feature = "regex")]
            Engine::Pattern(pattern) => pattern.check_floor(),
        }
    }

    /// Refuses a format that contradicts itself.
    pub(crate) fn check_consistent(&self) -> Result<()> {
        if let Some(setting) = self.misfit {
            let problem = format!("{setting} is for digits, letters and other values over one alphabet");
            return Err(Error::Setting { what: "format", problem });
        }
        match &self.engine {
            Engine::Run(run) => run.check(),
            Engine::Positions(_) | Engine::Number(_) => Ok(()),
            #[cfg(feature = "regex")]
            Engine::Pattern(pattern) => pattern.check(),
        }
    }

    /// A value of this format, made up. `None` for a format that contradicts itself, or takes none of those that are usual.
    ///
    /// # Example
    /// ```
    /// use cloakroom::format::Format;
    /// assert_eq!(Format::card().example().as_deref(), Some("4111111111111111"));
    /// assert_eq!(Format::integer(0, 999)?.example().as_deref(), Some("618"));
    /// # Ok::<(), cloakroom::Error>(())
    /// ```
    pub fn example(&self) -> Option<String> {
        self.check_consistent().ok()?;
        let example = match &self.engine {
            Engine::Run(run) => run.example(),
            Engine::Positions(positions) => positions.0.example().to_owned(),
            Engine::Number(_) if self.network.is_some() => return Some("192.0.2.17".into()),
            Engine::Number(number) => number.example(),
            #[cfg(feature = "regex")]
            Engine::Pattern(pattern) => pattern.example(),
        };
        self.members(&example).is_ok().then_some(example)
    }

    /// The values that look like this one, counted.
    ///
    /// # Errors
    /// [`Error::Value`], [`Error::Character`], [`Error::TooLong`] when the value is not of the format; for IP addresses
    /// by a cipher of their own, [`Error::Setting`].
    pub fn members(&self, value: &str) -> Result<Members<'_>> {
        self.check_consistent()?;
        if self.network.is_some() {
            let problem = "addresses by this cipher are not counted".into();
            return Err(Error::Setting { what: "format", problem });
        }
        // Where tokens fail the Luhn check, values are those that pass it.
        let mut counted = Cow::Borrowed(self);
        if let Engine::Run(Run { luhn: Luhn::Break, .. }) = &self.engine {
            counted = Cow::Owned(self.clone().luhn(Luhn::Keep));
        }
        Members::new(counted, value)
    }

    /// The spaces that a report names.
    pub(super) fn spaces(&self) -> Vec<SpaceReport> {
        match &self.engine {
            Engine::Run(run) => {
                let mut lengths = vec![run.usual.unwrap_or(run.longest), run.shortest, run.longest];
                if run.longest - run.shortest < 10 {
                    lengths = (run.shortest..=run.longest).collect();
                }
                let mut seen = vec![];
                lengths.retain(|length| {
                    !seen.contains(length) && {
                        seen.push(*length);
                        true
                    }
                });
                lengths.into_iter().map(|length| run.report(length)).collect()
            }
            Engine::Positions(positions) => self.space_of(positions.0.example()).into_iter().collect(),
            Engine::Number(_) if self.network.is_some() => vec![],
            Engine::Number(number) => {
                let values = number.space().size().unwrap_or_else(|| Natural::from(0));
                let usable = number.space().check_floor().is_ok();
                vec![SpaceReport { of: "all values".into(), tokens: values.clone(), values, usable }]
            }
            #[cfg(feature = "regex")]
            Engine::Pattern(pattern) => pattern
                .lengths()
                .into_iter()
                .map(|(length, values)| SpaceReport {
                    of: format!("values of {length} characters"),
                    usable: values >= Natural::from(u128::from(FLOOR)),
                    tokens: values.clone(),
                    values,
                })
                .collect(),
        }
    }

    /// The space of one value.
    pub(super) fn space_of(&self, value: &str) -> Result<SpaceReport> {
        let mut scratch = Scratch::default();
        let mut numerals = Zeroizing::new(vec![]);
        let reading = self.read(Side::Value, value, &mut scratch, &mut numerals)?;
        if let Engine::Run(run) = &self.engine {
            let length = value.chars().filter(|c| run.alphabet.numeral(*c).is_some()).count();
            return Ok(run.report_of(length, reading.kept_first as usize));
        }
        let values = self.size(value, &reading, &mut scratch);
        let usable = reading.check_floor().is_ok();
        let of = "values that look like this one".into();
        Ok(SpaceReport { of, tokens: values.clone(), values, usable })
    }

    /// How many texts the space of a reading has.
    pub(super) fn size(&self, shape: &str, reading: &Reading, scratch: &mut Scratch) -> Natural {
        match (reading.space.size(), &self.engine) {
            (Some(size), _) => size,
            (None, Engine::Positions(positions)) => positions.size(shape, &mut scratch.scan),
            #[cfg(feature = "regex")]
            (None, Engine::Pattern(pattern)) => pattern.size(shape, &mut scratch.text),
            (None, _) => unreachable!("numbers and strings over one alphabet know their size"),
        }
    }

    /// Reads a text, and appends the numerals of its rank. Whether FF1 can take so few is for the caller to check.
    ///
    /// # Errors
    /// [`Error::Value`], [`Error::Character`], [`Error::TooLong`] when the text is not of the format;
    /// [`Error::Rejected`] for a token that passes a check which tokens fail. The text itself is in no error.
    pub(crate) fn read(
        &self,
        side: Side,
        text: &str,
        scratch: &mut Scratch,
        numerals: &mut Vec<u16>,
    ) -> Result<Reading> {
        match &self.engine {
            Engine::Run(run) => run.read(side, text, numerals),
            Engine::Positions(positions) => positions.read(text, &mut scratch.scan, numerals),
            Engine::Number(number) => number.read(text, numerals),
            #[cfg(feature = "regex")]
            Engine::Pattern(pattern) => pattern.read(text, &mut scratch.text, numerals),
        }
    }

    /// The space that all values belong to, if they belong to one.
    #[inline]
    pub(crate) fn only_space(&self) -> Option<Reading> {
        match &self.engine {
            Engine::Number(number) => Some(number.space().into()),
            #[cfg(feature = "regex")]
            Engine::Pattern(pattern) => pattern.only_space().map(Reading::from),
            _ => None,
        }
    }

    /// The fast form for columns of digits, if it has one.
    pub(crate) fn digit_run(&self) -> Option<DigitRun> {
        match &self.engine {
            Engine::Run(run) => DigitRun::of(run),
            _ => None,
        }
    }

    /// Whether FF1 may come to rest at these numerals; if not, it has to be run once more. The shape is asked for seldom.
    #[inline]
    pub(crate) fn holds<'s>(
        &self,
        shape: impl FnOnce() -> &'s str,
        reading: &Reading,
        scratch: &mut Scratch,
        numerals: &[u16],
    ) -> bool {
        match (&self.engine, reading.space.limit) {
            (Engine::Run(run), _) => run.holds(reading, numerals),
            (Engine::Positions(positions), Limit::BelowBig) => {
                positions.holds_big(shape(), reading, &mut scratch.scan, numerals)
            }
            #[cfg(feature = "regex")]
            (Engine::Pattern(pattern), Limit::BelowBig) => {
                pattern.holds_big(shape(), reading, &mut scratch.text, numerals)
            }
            _ => reading.space.holds(numerals),
        }
    }

    /// Whether [`holds`](Format::holds) can be false at all.
    #[inline]
    pub(crate) fn may_walk(&self, reading: &Reading) -> bool {
        reading.space.limit != Limit::All || self.breaks_luhn()
    }

    /// Whether values pass the Luhn check and tokens fail it.
    pub(crate) fn breaks_luhn(&self) -> bool {
        matches!(&self.engine, Engine::Run(run) if run.luhn == Luhn::Break)
    }

    /// Appends the text that looks like `shape` and has these numerals.
    ///
    /// # Errors
    /// [`Error::Rejected`] for a value that fails a check which values pass: its token was none.
    pub(crate) fn write(
        &self,
        side: Side,
        shape: &str,
        reading: &Reading,
        scratch: &mut Scratch,
        numerals: &mut [u16],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        match &self.engine {
            Engine::Run(run) => return run.write(side, shape, reading, numerals, out),
            Engine::Positions(positions) => positions.write(shape, reading, &mut scratch.scan, numerals, out),
            Engine::Number(number) => number.write(shape, reading, numerals, out),
            #[cfg(feature = "regex")]
            Engine::Pattern(pattern) => pattern.write(shape, reading, &mut scratch.text, numerals, out),
        }
        Ok(())
    }
}

/// What reading and writing need room for. Wiped when dropped.
#[derive(Default)]
pub(crate) struct Scratch {
    scan: Scan,
    #[cfg(feature = "regex")]
    text: Zeroizing<String>,
}
