//! `text ↔ (layout, kept parts, rank)`: values whose form is a regular expression or a template.
//!
//! The layout is the length of each part. Among the texts of one layout and the same kept parts, the rank counts up in
//! code point order, first part first. A token has the layout and the kept parts of its value, and another rank.

mod automaton;
mod characters;
mod compile;
mod dialect;
mod expression;
mod graph;
mod minimize;
mod run;
mod split;
mod template;

use self::automaton::Automaton;
use self::characters::Characters;
use self::run::Run;
use self::split::Split;
use super::check::Check;
use super::rank::Rank;
use crate::error::{Error, Result};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use zeroize::Zeroizing;

const LENGTH: Error = Error::Value { problem: "is shorter or longer than its format allows" };
const CHECK: Error = Error::Value { problem: "fails the check" };

/// A form of values, compiled. Two are equal when they were made from the same text.
#[derive(Clone)]
pub(super) struct Pattern {
    source: Source,
    compiled: Arc<Compiled>,
}

#[derive(Clone, PartialEq, Eq)]
enum Source {
    Expression(String, Option<(usize, usize)>),
    Template(String),
}

struct Compiled {
    parts: Vec<Part>,
    /// When two parts or more have no fixed length.
    split: Option<Split>,
    shortest: usize,
    longest: usize,
}

struct Part {
    role: Role,
    shortest: usize,
    longest: usize,
}

enum Role {
    Token(Words),
    Keep(Words),
    /// Stays as it is. Of its characters, those that the check's scheme takes count for the check.
    Literal(String),
    Check(Check),
}

enum Words {
    Run(Run),
    Automaton(Automaton),
}

/// The lengths of a text's parts, in characters.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Layout {
    length: usize,
    /// Of each part; empty when they follow from the whole.
    parts: Vec<usize>,
}

impl Layout {
    /// The length of the whole text.
    pub fn length(&self) -> usize {
        self.length
    }
}

impl Pattern {
    /// The values that the whole of a regular expression matches, in the syntax of the crate regex; `\d`, `\w` and `\s`
    /// are ASCII. Groups named `keep_…` stay in the clear. `lengths` are those of the shortest and the longest value, in characters.
    ///
    /// # Errors
    /// [`Error::Setting`], which says what to do.
    pub fn expression(regex: &str, lengths: Option<(usize, usize)>) -> Result<Self> {
        let compiled = compile::expression(regex, lengths);
        let compiled = compiled.map_err(|problem| Error::Setting { what: "regex", problem })?;
        Ok(Self { source: Source::Expression(regex.into(), lengths), compiled: Arc::new(compiled) })
    }

    /// The values of a template, in the grammar of [`template`].
    ///
    /// # Errors
    /// [`Error::Setting`], with the place in the template.
    pub fn template(text: &str) -> Result<Self> {
        let compiled = compile::template(text);
        let compiled = compiled.map_err(|problem| Error::Setting { what: "template", problem })?;
        Ok(Self { source: Source::Template(text.into()), compiled: Arc::new(compiled) })
    }

    /// Reads a value that has its separators taken away.
    ///
    /// # Errors
    /// [`Error::Character`] or [`Error::Value`] for a text that is none of the pattern's. It is not in the error.
    pub fn read(&self, text: &str) -> Result<(Layout, Rank)> {
        let length = text.chars().count();
        if let [Part { role: Role::Token(words), .. }] = &self.compiled.parts[..] {
            self.compiled.check_length(length)?;
            words.has(length)?;
            let rank = words.rank(text, length).map_err(character)?;
            return Ok((Layout { length, parts: vec![] }, rank));
        }
        let layout = self.compiled.layout(text, length)?;
        let rank = self.compiled.rank(text, &layout)?;
        Ok((layout, rank))
    }

    /// The layout of a text that was read before.
    pub fn layout(&self, text: &str) -> Option<Layout> {
        self.compiled.layout(text, text.chars().count()).ok()
    }

    /// The layout of all texts, if there is one and all of it takes part.
    pub fn only_layout(&self) -> Option<Layout> {
        match &self.compiled.parts[..] {
            [Part { role: Role::Token(_), .. }] if self.compiled.shortest == self.compiled.longest => {
                Some(Layout { length: self.compiled.longest, parts: vec![] })
            }
            _ => None,
        }
    }

    /// How many texts have this layout and the same kept parts.
    pub fn size(&self, layout: &Layout) -> Rank {
        let mut sizes = self.compiled.tokens(layout).map(|(words, length)| words.size(length));
        let first = sizes.next().unwrap_or(Rank::Small(1));
        sizes.fold(first, |product, size| product.mul_add(&size, &Rank::Small(0)))
    }

    /// Appends the text of this rank that has the kept parts of `shape`, which is a text of this layout.
    ///
    /// # Panics
    /// When the rank is not below [`size`](Pattern::size), or `shape` was not read with this layout.
    pub fn write(&self, shape: &str, layout: &Layout, rank: &Rank, out: &mut Vec<u8>) {
        if let [Part { role: Role::Token(words), .. }] = &self.compiled.parts[..] {
            return words.unrank(layout.length, rank, out);
        }
        self.compiled.write(shape, layout, rank, out);
    }

    /// Whether the expression or template has this character anywhere, in texts of whatever length.
    pub fn uses(&self, c: char) -> bool {
        self.compiled.parts.iter().any(|part| match &part.role {
            Role::Token(words) | Role::Keep(words) => words.characters().index(c).is_some(),
            Role::Literal(text) => text.contains(c),
            Role::Check(check) => check_characters(*check).any(|symbol| symbol == c),
        })
    }

    /// For every length that texts have, shortest first, the layout with the largest [`size`](Pattern::size).
    pub fn layouts(&self) -> Vec<Layout> {
        self.compiled.layouts()
    }

    /// A text for examples and reports: of the middle one of the lengths, with the middle rank.
    pub fn example(&self) -> String {
        let mut layouts = self.compiled.layouts();
        let layout = layouts.swap_remove(layouts.len() / 2);
        self.compiled.middle(&layout)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Expression(regex, None) => write!(f, "Pattern({regex:?})"),
            Source::Expression(regex, Some((shortest, longest))) => {
                write!(f, "Pattern({regex:?}, {shortest}..={longest})")
            }
            Source::Template(template) => write!(f, "Pattern({template:?})"),
        }
    }
}

/// The error for a character, counted from 0.
fn character(at: usize) -> Error {
    Error::Character { at: at + 1, expected: "one that its format allows there" }
}

impl Words {
    fn characters(&self) -> &Characters {
        match self {
            Words::Run(run) => run.characters(),
            Words::Automaton(automaton) => automaton.characters(),
        }
    }

    /// How many words have this length; `None` for none.
    fn count(&self, length: usize) -> Option<Rank> {
        match self {
            Words::Run(run) => run.count(length),
            Words::Automaton(automaton) => automaton.count(length).cloned(),
        }
    }

    /// Refuses a length that no word has.
    fn has(&self, length: usize) -> Result<()> {
        let some = match self {
            Words::Run(run) => (run.shortest..=run.longest).contains(&length),
            Words::Automaton(automaton) => automaton.count(length).is_some(),
        };
        if some { Ok(()) } else { Err(LENGTH) }
    }

    fn size(&self, length: usize) -> Rank {
        self.count(length).unwrap_or(Rank::Small(0))
    }

    fn rank(&self, text: &str, length: usize) -> Result<Rank, usize> {
        match self {
            Words::Run(run) => run.rank(text, length),
            Words::Automaton(automaton) => automaton.rank(text, length),
        }
    }

    fn unrank(&self, length: usize, rank: &Rank, out: &mut Vec<u8>) {
        match self {
            Words::Run(run) => run.unrank(length, rank, out),
            Words::Automaton(automaton) => automaton.unrank(length, rank, out),
        }
    }
}

impl Compiled {
    fn check_length(&self, length: usize) -> Result<()> {
        if (self.shortest..=self.longest).contains(&length) { Ok(()) } else { Err(LENGTH) }
    }

    fn layout(&self, text: &str, length: usize) -> Result<Layout> {
        self.check_length(length)?;
        let parts = match &self.split {
            None => vec![],
            Some(split) => {
                split.lengths(text).map_err(|at| if at == length { LENGTH } else { character(at) })?
            }
        };
        Ok(Layout { length, parts })
    }

    /// The parts with their lengths.
    fn parts<'a>(&'a self, layout: &'a Layout) -> impl DoubleEndedIterator<Item = (&'a Role, usize)> {
        let shortest: usize = self.parts.iter().map(|part| part.shortest).sum();
        let extra = layout.length.saturating_sub(shortest);
        self.parts.iter().enumerate().map(move |(i, part)| {
            let follows = if part.shortest < part.longest { part.shortest + extra } else { part.shortest };
            (&part.role, layout.parts.get(i).copied().unwrap_or(follows))
        })
    }

    fn tokens<'a>(&'a self, layout: &'a Layout) -> impl DoubleEndedIterator<Item = (&'a Words, usize)> {
        self.parts(layout).filter_map(|(role, length)| match role {
            Role::Token(words) => Some((words, length)),
            _ => None,
        })
    }

    fn rank(&self, text: &str, layout: &Layout) -> Result<Rank> {
        let (mut rank, mut rest, mut at) = (Rank::Small(0), text, 0);
        for (role, length) in self.parts(layout) {
            let part = cut(&mut rest, length);
            match role {
                Role::Token(words) => {
                    let count = words.count(length).ok_or(LENGTH)?;
                    let summand = words.rank(part, length).map_err(|i| character(at + i))?;
                    rank = rank.mul_add(&count, &summand);
                }
                Role::Keep(words) => {
                    words.has(length)?;
                    words.rank(part, length).map_err(|i| character(at + i))?;
                }
                Role::Literal(literal) => {
                    let same = literal.chars().zip(part.chars()).take_while(|(a, b)| a == b).count();
                    if same < length {
                        return Err(character(at + same));
                    }
                }
                Role::Check(_) => {}
            }
            at += length;
        }
        match self.check(text, layout) {
            // What stands in their place can be of more bytes than they are.
            Some((place, symbols)) => {
                let right = symbols.as_ref().and_then(|symbols| symbols.get(..place.len()));
                if right == text.as_bytes().get(place) { Ok(rank) } else { Err(CHECK) }
            }
            None => Ok(rank),
        }
    }

    fn write(&self, shape: &str, layout: &Layout, rank: &Rank, out: &mut Vec<u8>) {
        let mut ranks = Zeroizing::new(Vec::with_capacity(self.parts.len()));
        let mut rank = rank.clone();
        for (words, length) in self.tokens(layout).rev() {
            let (quotient, remainder) = rank.div_rem(&words.size(length));
            rank = quotient;
            ranks.push(remainder);
        }
        let (start, mut rest) = (out.len(), shape);
        for (role, length) in self.parts(layout) {
            let part = cut(&mut rest, length);
            match role {
                Role::Token(words) => words.unrank(length, &ranks.pop().unwrap_or(Rank::Small(0)), out),
                Role::Keep(_) | Role::Literal(_) | Role::Check(_) => out.extend_from_slice(part.as_bytes()),
            }
        }
        self.complete(layout, &mut out[start..]);
    }

    /// Puts the right check characters in place of those that are there.
    fn complete(&self, layout: &Layout, text: &mut [u8]) {
        let check = std::str::from_utf8(text).ok().and_then(|text| self.check(text, layout));
        if let Some((place, Some(symbols))) = check {
            text[place.clone()].copy_from_slice(&symbols[..place.len()]);
        }
    }

    /// Where the check characters of a text stand, and what they should be.
    fn check(&self, text: &str, layout: &Layout) -> Option<(Range<usize>, Option<[u8; 2]>)> {
        let check = self.parts.iter().find_map(|part| match part.role {
            Role::Check(check) => Some(check),
            _ => None,
        })?;
        let (mut before, mut after) =
            (Zeroizing::new(Vec::with_capacity(text.len())), Zeroizing::new(vec![]));
        let (mut rest, mut place) = (text, None);
        for (role, length) in self.parts(layout) {
            let start = text.len() - rest.len();
            let part = cut(&mut rest, length).as_bytes();
            let side = match place {
                None => &mut before,
                Some(_) => &mut after,
            };
            match role {
                Role::Token(_) | Role::Keep(_) => side.extend_from_slice(part),
                Role::Literal(_) => side.extend(part.iter().filter(|c| check.takes(**c))),
                Role::Check(_) => {
                    place = Some(start..start + part.len());
                    after.reserve(text.len());
                }
            }
        }
        place.map(|place| (place, check.complete(&before, &after)))
    }

    fn layouts(&self) -> Vec<Layout> {
        // best[n]: the logarithm of the largest size of the parts so far with n characters in all.
        let mut best = vec![None; self.longest + 1];
        best[0] = Some(0.0);
        let mut choices = vec![];
        for part in &self.parts {
            let mut next = vec![None; self.longest + 1];
            let mut choice = vec![0; self.longest + 1];
            for length in part.shortest..=part.longest {
                let Some(size) = part.log2(length) else { continue };
                for (before, sum) in best.iter().enumerate().take(self.longest + 1 - length) {
                    let sum = sum.map(|sum: f64| sum + size);
                    if sum > next[before + length] {
                        next[before + length] = sum;
                        choice[before + length] = length;
                    }
                }
            }
            best = next;
            choices.push(choice);
        }
        let lengths = (self.shortest..=self.longest).filter(|length| best[*length].is_some());
        let layout = |length: usize| {
            let mut left = length;
            let mut parts: Vec<usize> = choices
                .iter()
                .rev()
                .map(|choice| {
                    let part = choice[left];
                    left -= part;
                    part
                })
                .collect();
            parts.reverse();
            Layout { length, parts: if self.split.is_some() { parts } else { vec![] } }
        };
        lengths.map(layout).collect()
    }

    /// The text of this layout with the middle rank, its kept parts also the middle ones.
    fn middle(&self, layout: &Layout) -> String {
        let mut text = vec![];
        for (role, length) in self.parts(layout) {
            match role {
                Role::Token(words) | Role::Keep(words) => {
                    words.unrank(length, &words.size(length).div_rem(&Rank::Small(2)).0, &mut text);
                }
                Role::Literal(literal) => text.extend_from_slice(literal.as_bytes()),
                Role::Check(check) => text.extend(std::iter::repeat_n(b'0', check.symbols())),
            }
        }
        self.complete(layout, &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }
}

impl Part {
    /// The logarithm of how many texts of this length there are to choose from; `None` when there are none.
    fn log2(&self, length: usize) -> Option<f64> {
        match &self.role {
            Role::Token(words) => words.count(length).map(|count| count.log2()),
            Role::Keep(words) => words.count(length).map(|_| 0.0),
            Role::Literal(_) | Role::Check(_) => Some(0.0),
        }
    }
}

/// Takes so many characters from the front.
fn cut<'a>(rest: &mut &'a str, characters: usize) -> &'a str {
    let end = rest.char_indices().nth(characters).map_or(rest.len(), |(end, _)| end);
    let (part, after) = rest.split_at(end);
    *rest = after;
    part
}

/// What the check characters of a scheme are made of.
fn check_characters(check: Check) -> impl Iterator<Item = char> {
    let special = match check {
        Check::Iso7064Mod11_2 => Some('X'),
        Check::Iso7064Mod37_2 => Some('*'),
        _ => None,
    };
    (b'!'..=b'~').filter(move |c| check.takes(*c)).map(char::from).chain(special)
}

#[cfg(test)]
mod tests;
