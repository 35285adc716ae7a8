//! Text and numbers, made safe to read: what a reader sees is what is there.

use std::fmt::Write;

/// U+202F, which keeps the groups of a number on one line.
const NARROW_SPACE: char = '\u{202f}';

/// The digits in groups of three.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(NARROW_SPACE);
        }
        text.push(digit);
    }
    text
}

/// `1 field`, `2 fields`.
pub(super) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{}\u{a0}{}", grouped(number), if number == 1 { one } else { many })
}

/// With what cannot be seen written out: a name that turns the direction of the text around it could make a page say
/// what its figures do not.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match is_invisible(c) {
            true => write!(shown, "[U+{:04X}]", u32::from(c)).expect("a String takes any text"),
            false => shown.push(c),
        }
    }
    shown
}

/// Controls, marks and overrides of direction, and spaces without width.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A span of time in the largest units that it fills: `3 years`, `1 year 35 days`, `12 hours`.
///
/// A year is 365 days, as in the rules: `retention = "3y"` is 1,095 days.
pub(super) fn span(seconds: u64) -> String {
    const UNITS: [(u64, &str, &str); 5] = [
        (365 * 86_400, "year", "years"),
        (86_400, "day", "days"),
        (3600, "hour", "hours"),
        (60, "minute", "minutes"),
        (1, "second", "seconds"),
    ];
    let mut rest = seconds;
    let mut parts = vec![];
    for (unit, one, many) in UNITS {
        if rest >= unit {
            parts.push(counted(rest / unit, one, many));
        }
        rest %= unit;
    }
    match parts.is_empty() {
        true => "no time".into(),
        // Two units say enough: nobody keeps data for years and seconds.
        false => parts[..parts.len().min(2)].join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_groups_of_three() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1 000"), (1_234_567, "1 234 567")] {
            assert_eq!(grouped(number), text.replace(' ', "\u{202f}"));
        }
        assert_eq!(grouped(u64::MAX).chars().filter(char::is_ascii_digit).count(), 20);
    }

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        assert_eq!(visible("a\u{202e}b\0\u{feff}"), "a[U+202E]b[U+0000][U+FEFF]");
        assert_eq!(visible("Straße 東京 <b>"), "Straße 東京 <b>");
    }

    #[test]
    fn spans_are_in_the_units_of_people() {
        let year = 365 * 86_400;
        for (seconds, text) in [
            (0, "no time"),
            (1, "1 second"),
            (3 * year, "3 years"),
            (year + 35 * 86_400 + 5, "1 year 35 days"),
            (43_200, "12 hours"),
        ] {
            assert_eq!(span(seconds).replace('\u{a0}', " "), text);
        }
    }
}
