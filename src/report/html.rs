//! HTML that cannot be injected into: markup is in this program's text, and whatever else comes is escaped.

use super::visible::{grouped, visible};

/// Markup so far.
#[derive(Default)]
pub(super) struct Html(String);

impl Html {
    /// Markup. No name or text of a register lives as long as the program, so none can come here.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text, or the value of an attribute in double quotes.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for c in visible(text).chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c => self.0.push(c),
            }
        }
        self
    }

    /// A number for people.
    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        self.text(&grouped(number))
    }

    /// A part of a whole as a percentage for an attribute; of nothing it is 0.
    pub(super) fn percent(&mut self, part: u64, whole: u64) -> &mut Self {
        let share = if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        self.text(&format!("{:.3}%", share.min(1.0) * 100.0))
    }

    /// A number for an attribute.
    pub(super) fn pixels(&mut self, pixels: usize) -> &mut Self {
        self.text(&pixels.to_string())
    }

    /// The page.
    pub(super) fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_opens_no_tag_and_ends_no_attribute(text in any::<String>()) {
            let mut html = Html::default();
            html.text(&text);
            prop_assert!(!html.finish().contains(['<', '>', '"', '\'']));
        }
    }

    #[test]
    fn a_share_is_between_nothing_and_all() {
        for (part, whole, text) in [
            (0, 0, "0.000%"),
            (1, 0, "0.000%"),
            (1, 3, "33.333%"),
            (5, 3, "100.000%"),
            (u64::MAX, u64::MAX, "100.000%"),
        ] {
            let mut html = Html::default();
            html.percent(part, whole);
            assert_eq!(html.finish(), text);
        }
    }
}
