//! `\d \w \s` mean ASCII here, and `(?i)` is refused: a token for `\d{6}` has the digits 0 to 9, and none of another script.
//!
//! The classes are replaced in the text, before it is read as an expression of Unicode.

use regex_syntax::ast::parse::ParserBuilder;
use regex_syntax::ast::{
    self, Ast, ClassPerl, ClassPerlKind, ClassSetItem, Flag, Flags, FlagsItemKind, Span, Visitor,
};

/// The expression with its classes spelled out.
///
/// # Errors
/// What is wrong with the expression.
pub(super) fn ascii(text: &str) -> Result<String, String> {
    let ast = ParserBuilder::new().nest_limit(64).build().parse(text);
    let ast = ast.map_err(|e| format!("at character {}: {}", e.span().start.column, e.kind()))?;
    let classes = ast::visit(&ast, Classes::default())?;
    let mut out = text.to_owned();
    // From the last, so that those before stay where they are.
    for (span, spelled) in classes.found.iter().rev() {
        out.replace_range(span.start.offset..span.end.offset, spelled);
    }
    Ok(out)
}

/// Where a class stands, in ascending order, and what replaces it.
#[derive(Default)]
struct Classes {
    found: Vec<(Span, String)>,
}

impl Classes {
    fn class(&mut self, class: &ClassPerl, in_brackets: bool) -> Result<(), String> {
        let members = match class.kind {
            ClassPerlKind::Digit => "0-9",
            ClassPerlKind::Space => r"\t\n\x0B\x0C\r ",
            ClassPerlKind::Word => "0-9A-Za-z_",
        };
        let spelled = match (in_brackets, class.negated) {
            (true, true) => {
                let at = class.span.start.column;
                return Err(format!("at character {at}: a negated class in brackets: name what you mean"));
            }
            (true, false) => members.to_owned(),
            (false, negated) => format!("[{}{members}]", if negated { "^" } else { "" }),
        };
        self.found.push((class.span, spelled));
        Ok(())
    }

    fn flags(&self, flags: &Flags) -> Result<(), String> {
        let ignores_case = |item: &ast::FlagsItem| item.kind == FlagsItemKind::Flag(Flag::CaseInsensitive);
        match flags.items.iter().find(|item| ignores_case(item)) {
            Some(item) => {
                let at = item.span.start.column;
                Err(format!(
                    "at character {at}: write both cases, like [A-Za-z]: in Unicode (?i) brings in more"
                ))
            }
            None => Ok(()),
        }
    }
}

impl Visitor for Classes {
    type Output = Self;
    type Err = String;

    fn finish(self) -> Result<Self, String> {
        Ok(self)
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), String> {
        match ast {
            Ast::ClassPerl(class) => self.class(class, false),
            Ast::Flags(set) => self.flags(&set.flags),
            Ast::Group(group) => group.flags().map_or(Ok(()), |flags| self.flags(flags)),
            _ => Ok(()),
        }
    }

    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), String> {
        match item {
            ClassSetItem::Perl(class) => self.class(class, true),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_spelled_out_where_they_stand() {
        for (text, spelled) in [
            (r"\d{6}", "[0-9]{6}"),
            (r"[\dA-F]\w", "[0-9A-F][0-9A-Za-z_]"),
            (r"(\d|\D)[^\w-]", "([0-9]|[^0-9])[^0-9A-Za-z_-]"),
            (r"\\d\.[\\d]", r"\\d\.[\\d]"),
            (r"äö\dü", "äö[0-9]ü"),
        ] {
            assert_eq!(ascii(text).unwrap(), spelled, "{text}");
        }
        for bad in ["(?i)abc", "(?i:abc)", "a(?s-i)b", r"[\D]", "(", r"\1"] {
            assert!(ascii(bad).is_err(), "{bad}");
        }
    }
}
