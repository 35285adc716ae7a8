//! Text as a terminal can show it.

use std::fmt;

/// A text of which no character moves the cursor or changes colours, cut to so many characters.
pub struct Shown<'t>(pub &'t str, pub usize);

impl Shown<'_> {
    /// In one piece.
    pub fn whole(text: &str) -> Shown<'_> {
        Shown(text, usize::MAX)
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shown(text, most) = *self;
        let cut = text.chars().nth(most).is_some();
        let kept = if cut { most.saturating_sub(1) } else { most };
        let mut shown = String::new();
        for c in text.chars().take(kept) {
            // Marks of direction turn what stands beside them around.
            match c.is_control()
                || matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
            {
                true => shown.extend(c.escape_default()),
                false => shown.push(c),
            }
        }
        if cut {
            shown.push('…');
        }
        f.pad(&shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_moves_the_cursor_and_nothing_is_too_long() {
        assert_eq!(Shown::whole("a\x1b[2Jb\n\u{202E}é").to_string(), "a\\u{1b}[2Jb\\n\\u{202e}é");
        assert_eq!(Shown("abcdef", 4).to_string(), "abc…");
        assert_eq!(Shown("abcd", 4).to_string(), "abcd");
        assert_eq!(format!("{:6}|", Shown("äbcdef", 4)), "äbc…  |");
    }
}
