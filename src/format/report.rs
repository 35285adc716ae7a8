//! What a format's tokens are worth: how many there are, and what guessing them costs.
//!
//! ```text
//! guess(n)   = n / tokens                 a random guess is the token of one of n values
//! fill(n)    = n / tokens                 of n random tokens; the next is drawn 1 / (1 − fill) times
//! collide(n) = 1 − e^(−n·(n−1) / 2·tokens)    two of n random draws are equal, if nobody looks
//! find       = (values + 1) / 2           calls, on average, until guessing has found the value of one token
//! ```

use super::natural::Natural;
use super::shape::Format;
use crate::error::Result;
use std::fmt;

/// The accounts of a format.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// One line for each length, or the one that there is.
    pub spaces: Vec<SpaceReport>,
    /// Why FF1 cannot take it, if so.
    pub refused: Option<String>,
}

/// The values of one length and with the same kept parts.
#[derive(Clone, Debug, PartialEq)]
pub struct SpaceReport {
    /// Which.
    pub of: String,
    /// How many values there are.
    pub values: Natural,
    /// How many tokens they are drawn from: more, where tokens fail a check that values pass.
    pub tokens: Natural,
    /// Whether FF1 takes it: it has 1,000,000 strings at least.
    pub usable: bool,
}

impl SpaceReport {
    /// log₂ of the number of values.
    pub fn bits(&self) -> f64 {
        self.values.log2()
    }

    /// The probability that a random guess is the token of one of `live` values.
    pub fn guess(&self, live: u64) -> f64 {
        (live as f64 / self.tokens.to_f64()).min(1.0)
    }

    /// How many calls to tokenize it takes, on average, to find the value of a token by trying all.
    pub fn calls_to_find(&self) -> f64 {
        (self.values.to_f64() + 1.0) / 2.0
    }

    /// The probability that two of `drawn` random tokens are equal, if nothing prevents it.
    pub fn collision(&self, drawn: u64) -> f64 {
        let n = drawn as f64;
        -(-n * (n - 1.0) / (2.0 * self.tokens.to_f64())).exp_m1()
    }

    /// How often a random token has to be drawn until a new one is found, when `live` are taken.
    pub fn draws(&self, live: u64) -> f64 {
        1.0 / (1.0 - self.guess(live))
    }
}

impl Format {
    /// The accounts: of every length where there are few, of the usual value where there are many; and of `value`'s own
    /// space, if one is given.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::error::Error::Setting) for a format that contradicts itself; as for tokenizing when
    /// `value` is not of the format.
    ///
    /// # Example
    /// ```
    /// use cloakroom::format::Format;
    /// let report = Format::card().keep(6, 4).report(Some("4111 1111 1111 1111"))?;
    /// assert_eq!(report.spaces[0].values.to_string(), "100000"); // that pass the Luhn check
    /// assert_eq!(report.spaces[0].tokens.to_string(), "900000"); // that fail it
    /// assert_eq!(report.spaces[0].guess(9_000), 0.01);
    /// # Ok::<(), cloakroom::Error>(())
    /// ```
    pub fn report(&self, value: Option<&str>) -> Result<Report> {
        self.check_consistent()?;
        let refused = self.check().err().map(|error| error.to_string());
        let spaces = match value {
            Some(value) => vec![self.space_of(value)?],
            None => self.spaces(),
        };
        Ok(Report { spaces, refused })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for space in self.spaces.iter().take(SHOWN) {
            writeln!(f, "{space}")?;
        }
        if let Some(more) = self.spaces.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            writeln!(f, "and {more} more lengths; give a value to see that of its own\n")?;
        }
        match &self.refused {
            Some(problem) => writeln!(f, "FF1 refuses it: {problem}"),
            None => Ok(()),
        }
    }
}

/// How many lengths `Display` shows.
const SHOWN: usize = 8;
/// How many values a report supposes to be in use.
const LIVE: [u64; 3] = [10_000, 1_000_000, 100_000_000];

impl fmt::Display for SpaceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.of)?;
        writeln!(f, "  values                {} ({:.1} bits)", grouped(&self.values), self.bits())?;
        if self.tokens != self.values {
            writeln!(f, "  tokens                {}", grouped(&self.tokens))?;
        }
        if !self.usable {
            writeln!(f, "  FF1                   refused: fewer than 1,000,000 strings")?;
        }
        writeln!(
            f,
            "  calls to find one     {:.3e} on average, by whoever can have values tokenized",
            self.calls_to_find()
        )?;
        for live in LIVE {
            if Natural::from(u128::from(live)) >= self.values {
                break;
            }
            writeln!(
                f,
                "  with {:>11} live: a random guess is a token with p = {:.2e}; random tokens: fill {:.2}%, {:.2} draws each, unchecked collision p = {:.2e}",
                grouped(&Natural::from(u128::from(live))),
                self.guess(live),
                100.0 * self.guess(live),
                self.draws(live),
                self.collision(live),
            )?;
        }
        Ok(())
    }
}

/// With a comma between groups of three digits; far ones as a power of two.
fn grouped(number: &Natural) -> String {
    match number.bits() > 100 {
        true => format!("2^{:.1}", number.log2()),
        false => format!("{number:#}"),
    }
}
