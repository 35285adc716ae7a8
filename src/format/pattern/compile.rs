//! From the text of an expression or a template to its parts, with everything counted.

use super::automaton::Automaton;
use super::expression::{self, Piece};
use super::graph::Graph;
use super::split::Split;
use super::template::{self, Segment, problem};
use super::{Compiled, Part, Role, Words, check_characters};
use crate::format::check::Check;
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, Repetition};
use unicode_normalization::char::is_combining_mark;

/// The most states that all parts of an expression have.
const MOST_STATES: usize = 10_000;
/// The longest value of an expression, in characters.
const LONGEST: usize = 256;

/// The parts of a regular expression.
///
/// # Errors
/// What is wrong with it, and what to do.
pub(super) fn expression(regex: &str, lengths: Option<(usize, usize)>) -> Result<Compiled, String> {
    if lengths.is_some_and(|(shortest, longest)| shortest == 0 || shortest > longest || longest > LONGEST) {
        return Err(format!("lengths must be 1 to {LONGEST}, the shortest first"));
    }
    let pieces = expression::pieces(regex)?;
    let mut graphs = vec![];
    for piece in &pieces {
        graphs.push(Graph::new(piece.expression())?);
        if graphs.iter().map(|graph| graph.states.len()).sum::<usize>() > MOST_STATES {
            return Err("needs too many states; use fewer or shorter repetitions, or smaller classes".into());
        }
    }
    let shortest = graphs.iter().map(Graph::shortest).sum::<usize>();
    let longest = match (lengths, graphs.iter().map(Graph::longest).sum::<Option<usize>>()) {
        (None, None) => {
            return Err(
                "matches values of any length; write counted repetitions such as {1,20} in place of *, + \
                        and {1,}, or declare `length`"
                    .into(),
            );
        }
        (None, Some(longest)) if longest > LONGEST => {
            return Err(format!("matches values of up to {longest} characters; the limit is {LONGEST}"));
        }
        (None, Some(longest)) => longest,
        (Some((_, declared)), longest) => longest.map_or(declared, |longest| longest.min(declared)),
    };
    if longest == 0 {
        return Err("matches nothing but the empty value".into());
    }
    if shortest > longest {
        return Err("matches no value of the declared lengths".into());
    }
    let mut parts = vec![];
    let mut room = Automaton::MOST_MEMORY;
    for (piece, graph) in pieces.iter().zip(&graphs) {
        let least = graph.shortest();
        let left = longest - (shortest - least);
        let most = graph.longest().map_or(left, |longest| longest.min(left));
        let words = Words::Automaton(Automaton::new(graph, most, &mut room)?);
        let role = match piece {
            Piece::Keep(_) => Role::Keep(words),
            Piece::Token(_) => {
                check_characters_of(&words)?;
                Role::Token(words)
            }
        };
        parts.push(Part { role, shortest: least, longest: most });
    }
    if !parts.iter().any(|part| matches!(part.role, Role::Token(_))) {
        return Err("keeps everything: nothing is left to tokenize".into());
    }
    let split = if flexible(&parts) > 1 { Some(Split::new(graphs)?) } else { None };
    let least = lengths.map_or(1, |(shortest, _)| shortest).max(shortest);
    let compiled = Compiled { parts, split, shortest: least, longest };
    if compiled.layouts().is_empty() {
        return Err("matches no value of the declared lengths".into());
    }
    Ok(compiled)
}

/// The parts of a template.
///
/// # Errors
/// What is wrong with it, and where.
pub(super) fn template(text: &str) -> Result<Compiled, String> {
    let segments = template::segments(text)?;
    if !segments.iter().any(|(_, segment)| matches!(segment, Segment::Token(_))) {
        return Err("needs a part token(…): nothing is there to tokenize".into());
    }
    check_segments(&segments)?;
    let parts: Vec<Part> = segments.into_iter().map(|(_, segment)| part(segment)).collect();
    let split = match flexible(&parts) {
        0 | 1 => None,
        _ => Some(Split::new(
            parts.iter().map(|part| Graph::new(&part.expression())).collect::<Result<_, _>>()?,
        )?),
    };
    let shortest = parts.iter().map(|part| part.shortest).sum::<usize>().max(1);
    let longest = parts.iter().map(|part| part.longest).sum();
    Ok(Compiled { parts, split, shortest, longest })
}

/// Refuses what `.` and `[^…]` bring in: no value should become a token with a control character.
fn check_characters_of(words: &Words) -> Result<(), String> {
    const MOST: u32 = 1 << 16;
    let characters = words.characters();
    let mut all = characters.ranges().flat_map(|(first, last)| first..=last);
    match characters.size() > MOST || all.any(|c| c.is_control() || is_combining_mark(c)) {
        true => {
            Err("matches control characters, combining marks, or over 65,536 characters: name those that \
                     you mean in place of . or [^…]"
                .into())
        }
        false => Ok(()),
    }
}

/// How many parts have no fixed length.
fn flexible(parts: &[Part]) -> usize {
    parts.iter().filter(|part| part.shortest < part.longest).count()
}

/// Refuses a second check part, one that cannot stand where it does, and characters that its scheme does not take.
fn check_segments(segments: &[(usize, Segment)]) -> Result<(), String> {
    let is_check = |(_, segment): &&(usize, Segment)| matches!(segment, Segment::Check(_));
    let mut checks = segments.iter().filter(is_check);
    let Some((at, Segment::Check(check))) = checks.next() else { return Ok(()) };
    if let Some((at, _)) = checks.next() {
        return Err(problem(*at, "a second check part"));
    }
    if *check != Check::Luhn && segments.last().is_some_and(|(last, _)| last != at) {
        return Err(problem(*at, "this check must be the last part"));
    }
    for (at, segment) in segments {
        let (Segment::Keep(run) | Segment::Token(run)) = segment else { continue };
        let taken = |c: char| u8::try_from(c).is_ok_and(|c| check.takes(c));
        if !run.characters().ranges().flat_map(|(first, last)| first..=last).all(taken) {
            return Err(problem(*at, "the alphabet has characters that the check does not take"));
        }
    }
    Ok(())
}

fn part(segment: Segment) -> Part {
    match segment {
        Segment::Keep(run) => {
            Part { shortest: run.shortest, longest: run.longest, role: Role::Keep(Words::Run(run)) }
        }
        Segment::Token(run) => {
            Part { shortest: run.shortest, longest: run.longest, role: Role::Token(Words::Run(run)) }
        }
        Segment::Literal(text) => {
            let length = text.chars().count();
            Part { shortest: length, longest: length, role: Role::Literal(text) }
        }
        Segment::Check(check) => {
            Part { shortest: check.symbols(), longest: check.symbols(), role: Role::Check(check) }
        }
    }
}

impl Piece {
    fn expression(&self) -> &Hir {
        match self {
            Piece::Keep(expression) | Piece::Token(expression) => expression,
        }
    }
}

impl Part {
    /// The part of a template as a regular expression, to see how its texts end.
    fn expression(&self) -> Hir {
        let class = match &self.role {
            Role::Literal(text) => return Hir::literal(text.as_bytes()),
            Role::Check(check) => {
                ClassUnicode::new(check_characters(*check).map(|c| ClassUnicodeRange::new(c, c)))
            }
            Role::Keep(words) | Role::Token(words) => {
                let ranges = words.characters().ranges();
                ClassUnicode::new(ranges.map(|(first, last)| ClassUnicodeRange::new(first, last)))
            }
        };
        let min = u32::try_from(self.shortest).unwrap_or(u32::MAX);
        let max = u32::try_from(self.longest).ok();
        let sub = Box::new(Hir::class(Class::Unicode(class)));
        Hir::repetition(Repetition { min, max, greedy: true, sub })
    }
}
