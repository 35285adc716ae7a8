//! Templates: the segments of a value, one after another.
//!
//! ```text
//! template  = part { space part } ;
//! part      = "keep" "(" alphabet [ "," count ] ")"
//!           | "token" "(" alphabet [ "," count ] ")"
//!           | "check" "(" kind ")"
//!           | "'" { character | "''" } "'" ;                literal text
//! alphabet  = "digits" | "upper" | "lower" | "letters" | "alnum" | "base36" | "hex" | list ;
//! list      = "[" item { item } "]" ;
//! item      = one [ "-" one ] ;
//! one       = character | "\u{" hexadecimal "}" | "\]" | "\-" | "\\" | "\[" | "\^" ;
//! count     = number | number ".." number ;                 1 when left out
//! kind      = "luhn" | "verhoeff" | … ;                     the names of the check schemes
//! ```
//!
//! White space can stand around every part, bracket and comma. `base36` is `0-9A-Z`, `hex` is `0-9a-f`.

use super::super::check::Check;
use super::characters::Characters;
use super::run::Run;
use unicode_normalization::char::is_combining_mark;

/// The longest template, in bytes, and the longest value of one, in characters.
const LONGEST: usize = 4096;

/// A segment.
pub(super) enum Segment {
    Keep(Run),
    Token(Run),
    Check(Check),
    Literal(String),
}

/// The segments of a template, each with its first character's number.
///
/// # Errors
/// What is wrong, and at which character of the template, counted from 1.
pub(super) fn segments(template: &str) -> Result<Vec<(usize, Segment)>, String> {
    if template.len() > LONGEST {
        return Err(format!("is longer than {LONGEST} bytes"));
    }
    let mut reader = Reader { rest: template.chars(), at: 1 };
    let mut segments = vec![];
    let mut longest = 0;
    reader.space();
    while let Some(first) = reader.peek() {
        let at = reader.at;
        let segment = reader.segment(first)?;
        longest += match &segment {
            Segment::Keep(run) | Segment::Token(run) => run.longest,
            Segment::Check(check) => check.symbols(),
            Segment::Literal(text) => text.chars().count(),
        };
        if longest > LONGEST {
            return Err(problem(at, "values can get longer than 4,096 characters"));
        }
        segments.push((at, segment));
        if !reader.space() && reader.peek().is_some() {
            return Err(reader.problem("white space must stand between parts"));
        }
    }
    Ok(segments)
}

/// A message that says where.
pub(super) fn problem(at: usize, problem: &str) -> String {
    format!("at character {at}: {problem}")
}

struct Reader<'a> {
    rest: std::str::Chars<'a>,
    /// The number of the next character.
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    fn next(&mut self) -> Option<char> {
        self.at += 1;
        self.rest.next()
    }

    fn problem(&self, what: &str) -> String {
        problem(self.at, what)
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.next();
        }
        found
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        self.space();
        let found = self.take(wanted);
        self.space();
        if found { Ok(()) } else { Err(self.problem(&format!("{wanted:?} must stand here"))) }
    }

    /// Whether there was white space.
    fn space(&mut self) -> bool {
        let before = self.at;
        while self.peek().is_some_and(char::is_whitespace) {
            self.next();
        }
        self.at > before
    }

    /// The letters, digits and hyphens that follow.
    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(c) = self.peek().filter(|c| c.is_ascii_alphanumeric() || *c == '-') {
            word.push(c);
            self.next();
        }
        word
    }

    fn segment(&mut self, first: char) -> Result<Segment, String> {
        if first == '\'' {
            return self.literal();
        }
        let at = self.at;
        match &self.word()[..] {
            "keep" => Ok(Segment::Keep(self.run()?)),
            "token" => Ok(Segment::Token(self.run()?)),
            "check" => {
                self.expect('(')?;
                let at = self.at;
                let check = Check::parse(&self.word());
                let unknown = || problem(at, &format!("a check is one of {}", Check::names().join(", ")));
                let check = check.ok_or_else(unknown)?;
                self.close()?;
                Ok(Segment::Check(check))
            }
            _ => Err(problem(at, "a part is keep(…), token(…), check(…) or 'literal text'")),
        }
    }

    fn literal(&mut self) -> Result<Segment, String> {
        let start = self.at;
        self.next();
        let mut text = String::new();
        loop {
            let at = self.at;
            match self.next() {
                None => return Err(problem(start, "the quote is never closed")),
                Some('\'') if !self.take('\'') => break,
                Some(c) if c.is_control() => return Err(problem(at, "a control character")),
                Some(c) => text.push(c),
            }
        }
        if text.is_empty() {
            Err(problem(start, "literal text must not be empty"))
        } else {
            Ok(Segment::Literal(text))
        }
    }

    /// The closing bracket, with the space behind it left.
    fn close(&mut self) -> Result<(), String> {
        self.space();
        if self.take(')') { Ok(()) } else { Err(self.problem("')' must stand here")) }
    }

    /// `(alphabet, count)`.
    fn run(&mut self) -> Result<Run, String> {
        self.expect('(')?;
        let alphabet = self.alphabet()?;
        self.space();
        let (mut shortest, mut longest) = (1, 1);
        let at = self.at;
        if self.take(',') {
            self.space();
            shortest = self.number()?;
            longest = shortest;
            if self.take('.') {
                if !self.take('.') {
                    return Err(self.problem("a count is a number or two with .. between"));
                }
                longest = self.number()?;
            }
            if longest == 0 || shortest > longest {
                return Err(problem(at, "a count must be 1 at least, the smaller number first"));
            }
        }
        self.close()?;
        Ok(Run::new(alphabet, shortest, longest))
    }

    fn number(&mut self) -> Result<usize, String> {
        let at = self.at;
        let mut digits = String::new();
        while let Some(c) = self.peek().filter(char::is_ascii_digit) {
            digits.push(c);
            self.next();
        }
        let number = digits.parse().ok().filter(|number| *number <= LONGEST);
        number.ok_or_else(|| problem(at, "a count is a number up to 4096, or two with .. between"))
    }

    fn alphabet(&mut self) -> Result<Characters, String> {
        let at = self.at;
        if self.take('[') {
            return self.list(at);
        }
        Ok(Characters::new(match &self.word()[..] {
            "digits" => vec![('0', '9')],
            "upper" => vec![('A', 'Z')],
            "lower" => vec![('a', 'z')],
            "letters" => vec![('A', 'Z'), ('a', 'z')],
            "alnum" => vec![('0', '9'), ('A', 'Z'), ('a', 'z')],
            "base36" => vec![('0', '9'), ('A', 'Z')],
            "hex" => vec![('0', '9'), ('a', 'f')],
            _ => {
                let names = "digits, upper, lower, letters, alnum, base36, hex or a list such as [a-z_]";
                return Err(problem(at, &format!("an alphabet is {names}")));
            }
        }))
    }

    fn list(&mut self, start: usize) -> Result<Characters, String> {
        let mut ranges = vec![];
        if self.peek() == Some('^') {
            return Err(
                self.problem("a list cannot be the characters it does not name; write \\^ for the character")
            );
        }
        while !self.take(']') {
            let at = self.at;
            if self.peek() == Some('-') {
                return Err(self.problem("write \\- for the character"));
            }
            let first = self.one(start)?;
            let last = if self.take('-') { self.one(start)? } else { first };
            if first > last {
                return Err(problem(at, "the range is the wrong way round"));
            }
            if (first..=last).any(char::is_control) {
                return Err(problem(at, "a control character"));
            }
            if (first..=last).any(is_combining_mark) {
                return Err(problem(at, "a combining mark, which is no character of its own"));
            }
            ranges.push((first, last));
        }
        if ranges.is_empty() { Err(problem(start, "the list is empty")) } else { Ok(Characters::new(ranges)) }
    }

    /// A character of a list that began at `start`.
    fn one(&mut self, start: usize) -> Result<char, String> {
        let at = self.at;
        let unclosed = || problem(start, "the list is never closed");
        match self.next().ok_or_else(unclosed)? {
            ']' => Err(problem(at, "a range has no end; write \\- for the character")),
            '\\' => match self.next().ok_or_else(unclosed)? {
                c @ (']' | '-' | '\\' | '[' | '^') => Ok(c),
                'u' if self.take('{') => {
                    let mut digits = String::new();
                    while let Some(c) = self.peek().filter(char::is_ascii_hexdigit) {
                        digits.push(c);
                        self.next();
                    }
                    let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                    code.filter(|_| self.take('}'))
                        .ok_or_else(|| problem(at, "\\u{…} has no code point in it"))
                }
                _ => Err(problem(at, "escapes are \\u{…}, \\], \\[, \\-, \\^ and \\\\")),
            },
            c => Ok(c),
        }
    }
}
