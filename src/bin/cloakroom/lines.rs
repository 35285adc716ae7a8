//! Standard input line by line, since values and tokens never stand on the command line, which other users can see;
//! and an answer for each line.

use crate::files::say;
use cloakroom::{Error, Result};
use std::io::{BufRead, IsTerminal, Read, StdinLock, StdoutLock, Write};
use zeroize::Zeroizing;

/// The longest line.
const LONGEST: usize = 64 << 10;

/// One line, or why it is none.
pub type Line = Result<Zeroizing<String>>;

pub struct Lines(StdinLock<'static>);

impl Lines {
    pub fn new() -> Self {
        Self(std::io::stdin().lock())
    }

    /// The next line without its end; `None` after the last.
    pub fn next(&mut self) -> Result<Option<Line>> {
        let failed = || Error::io("read", "standard input");
        let mut line = Zeroizing::new(vec![]);
        (&mut self.0).take(LONGEST as u64 + 1).read_until(b'\n', &mut line).map_err(failed())?;
        if line.is_empty() {
            return Ok(None);
        }
        let is_whole = line.ends_with(b"\n");
        if !is_whole && line.len() > LONGEST {
            self.0.skip_until(b'\n').map_err(failed())?;
            let what = "length of the line, at least";
            return Ok(Some(Err(Error::TooLong { what, actual: line.len(), limit: LONGEST })));
        }
        let end = line.strip_suffix(b"\n").map_or(&line[..], |line| line.strip_suffix(b"\r").unwrap_or(line));
        Ok(Some(match std::str::from_utf8(end) {
            Ok(line) => Ok(Zeroizing::new(line.to_owned())),
            Err(_) => Err(Error::Value { problem: "is not UTF-8" }),
        }))
    }

    /// Refuses what follows the lines that a command takes; it would be passed over in silence. Who types at a terminal has
    /// no more to say.
    pub fn end(&mut self, takes: &str) -> Result<()> {
        let rest = || Error::io("read", "standard input");
        match std::io::stdin().is_terminal() || self.0.fill_buf().map_err(rest())?.is_empty() {
            true => Ok(()),
            false => {
                let problem = format!("goes on after {takes}, which is all that is taken at a time");
                Err(Error::Setting { what: "standard input", problem })
            }
        }
    }

    /// The next lines, at most so many; none after the last.
    pub fn batch(&mut self, most: usize) -> Result<Vec<Line>> {
        let mut batch = vec![];
        while batch.len() < most
            && let Some(line) = self.next()?
        {
            batch.push(line);
        }
        Ok(batch)
    }
}

/// One line of standard output for each line of input: empty for a line that failed, whose number and reason go to
/// standard error.
pub struct Answers {
    out: StdoutLock<'static>,
    number: u64,
    pub failed: u64,
}

impl Answers {
    /// For the lines after so many.
    pub fn after(number: u64) -> Self {
        Self { out: std::io::stdout().lock(), number, failed: 0 }
    }

    /// Answers the next line. What is wrong with the disk or the vault is an error of all.
    pub fn put(&mut self, answer: Result<&[u8]>) -> Result<()> {
        self.number += 1;
        let written = match answer {
            Ok(answer) => self.out.write_all(answer).and_then(|()| self.out.write_all(b"\n")),
            Err(error @ (Error::Io { .. } | Error::Corrupt { .. } | Error::Busy { .. })) => {
                return Err(error);
            }
            Err(error) => {
                self.failed += 1;
                say(format_args!("line {}: {error}", self.number));
                self.out.write_all(b"\n")
            }
        };
        written.map_err(Error::io("write", "standard output"))
    }

    /// The line that was answered last.
    pub fn number(&self) -> u64 {
        self.number
    }
}
