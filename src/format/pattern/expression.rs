//! A regular expression, cut into the groups named `keep_…` and what stands between them.

use regex_syntax::hir::{Hir, HirKind};
use regex_syntax::{Error, Parser, ParserBuilder};

/// The longest expression, in bytes.
const LONGEST: usize = 4096;

/// A piece of an expression.
pub(super) enum Piece {
    Keep(Hir),
    Token(Hir),
}

/// The pieces, in their order.
///
/// # Errors
/// What is wrong with the expression.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    if text.len() > LONGEST {
        return Err(format!("is longer than {LONGEST} bytes"));
    }
    let text = super::dialect::ascii(text)?;
    let mut parser: Parser = ParserBuilder::new().nest_limit(64).build();
    let expression = parser.parse(&text).map_err(|e| match e {
        Error::Parse(e) => format!("at character {}: {}", e.span().start.column, e.kind()),
        Error::Translate(e) => format!("at character {}: {}", e.span().start.column, e.kind()),
        _ => "is no regular expression".into(),
    })?;
    if !expression.properties().look_set().is_empty() {
        return Err("the whole value is always matched: leave out ^, $, \\A, \\z, \\b and the like".into());
    }
    let (mut pieces, mut between) = (vec![], vec![]);
    collect(expression, &mut between, &mut pieces)?;
    close(&mut between, &mut pieces);
    Ok(pieces)
}

fn collect(expression: Hir, between: &mut Vec<Hir>, pieces: &mut Vec<Piece>) -> Result<(), String> {
    if !keeps(&expression) {
        between.push(expression);
        return Ok(());
    }
    match expression.into_kind() {
        HirKind::Capture(group) if named_keep(group.name.as_deref()) => {
            close(between, pieces);
            pieces.push(Piece::Keep(*group.sub));
            Ok(())
        }
        HirKind::Capture(group) => collect(*group.sub, between, pieces),
        HirKind::Concat(all) => all.into_iter().try_for_each(|one| collect(one, between, pieces)),
        _ => Err(
            "a keep_ group is inside a repetition or an alternative: only groups that every value has once \
                  can be kept"
                .into(),
        ),
    }
}

/// What was collected between two groups that are kept becomes a piece.
fn close(between: &mut Vec<Hir>, pieces: &mut Vec<Piece>) {
    let piece = Hir::concat(std::mem::take(between));
    if *piece.kind() != HirKind::Empty {
        pieces.push(Piece::Token(piece));
    }
}

fn named_keep(name: Option<&str>) -> bool {
    name.is_some_and(|name| name.starts_with("keep_"))
}

/// Whether a group to be kept is somewhere inside.
fn keeps(expression: &Hir) -> bool {
    match expression.kind() {
        HirKind::Capture(group) => named_keep(group.name.as_deref()) || keeps(&group.sub),
        HirKind::Repetition(repetition) => keeps(&repetition.sub),
        HirKind::Concat(all) | HirKind::Alternation(all) => all.iter().any(keeps),
        _ => false,
    }
}
