//! Bar charts as SVG.
//!
//! Widths are percentages and heights are pixels, and there is no `viewBox`: a chart is as wide as its column, on a
//! telephone too, and its text stays as large as the text around it.

use super::html::Html;
use super::moment::Day;
use super::visible::{counted, grouped, visible};

/// A part of a bar. The class gives the colour.
pub(super) struct Series {
    pub(super) name: &'static str,
    pub(super) class: &'static str,
}

/// A bar: its label, and one number for each series.
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) parts: Vec<u64>,
}

impl Bar {
    fn total(&self) -> u64 {
        self.parts.iter().fold(0, |sum, part| sum.saturating_add(*part))
    }
}

const ROW: usize = 46;
const BAR: usize = 14;
/// So many columns of text leave room for a number, on a screen of 360 pixels.
const LONGEST_LABEL: usize = 28;

/// Horizontal bars, stacked where there are several series. Without a number above zero there is no chart.
///
/// `share` makes every bar as long as the chart, to compare parts; else the longest bar is.
pub(super) fn bars(h: &mut Html, title: &'static str, series: &[Series], bars: &[Bar], share: bool) {
    let longest = bars.iter().map(Bar::total).max().unwrap_or(0);
    if longest == 0 {
        return;
    }
    h.raw("<figure>");
    if series.len() > 1 {
        legend(h, series);
    }
    h.raw("<svg role=img width=\"100%\" height=\"").pixels(bars.len() * ROW).raw("\" aria-label=\"");
    h.text(title).raw("\"><title>").text(title).raw("</title><desc>").text(&in_words(series, bars));
    h.raw("</desc>\n");
    for (row, bar) in bars.iter().enumerate() {
        let y = row * ROW;
        h.raw("<text x=0 y=\"").pixels(y + 15).raw("\" class=label>").text(&shortened(&bar.label));
        h.raw("</text><text x=\"100%\" y=\"").pixels(y + 15).raw("\" class=figure>").number(bar.total());
        h.raw("</text><rect class=track width=\"100%\" height=\"").pixels(BAR).raw("\" y=\"").pixels(y + 22);
        h.raw("\"/>");
        let whole = if share { bar.total() } else { longest };
        let mut before = 0_u64;
        for (part, series) in bar.parts.iter().zip(series) {
            if *part > 0 {
                h.raw("<rect class=\"").text(series.class).raw("\" x=\"").percent(before, whole);
                h.raw("\" width=\"").percent(*part, whole).raw("\" y=\"").pixels(y + 22);
                h.raw("\" height=\"").pixels(BAR).raw("\"><title>");
                h.text(&format!("{}: {} {}", bar.label, grouped(*part), series.name)).raw("</title></rect>");
            }
            before = before.saturating_add(*part);
        }
        h.raw("\n");
    }
    h.raw("</svg></figure>\n");
}

fn legend(h: &mut Html, series: &[Series]) {
    h.raw("<ul class=legend aria-hidden=true>");
    for series in series {
        h.raw("<li><svg width=12 height=12><rect class=\"").text(series.class);
        h.raw("\" width=12 height=12 /></svg> ").text(series.name).raw("</li>");
    }
    h.raw("</ul>");
}

fn in_words(series: &[Series], bars: &[Bar]) -> String {
    let bar = |bar: &Bar| {
        let parts: Vec<String> =
            bar.parts.iter().zip(series).map(|(part, s)| format!("{} {}", grouped(*part), s.name)).collect();
        format!("{}: {}", bar.label, parts.join(", "))
    };
    bars.iter().map(bar).collect::<Vec<_>>().join("; ")
}

/// The label, cut where it would run into the number. The table below has all of it.
fn shortened(label: &str) -> String {
    // Letters outside of Latin, Greek and Cyrillic may be twice as wide.
    let width = |c: char| if c < '\u{0700}' { 1 } else { 2 };
    let label = visible(label);
    if label.chars().map(width).sum::<usize>() <= LONGEST_LABEL {
        return label;
    }
    let mut room = LONGEST_LABEL - 1;
    let fits = |c: &char| {
        let fits = width(*c) <= room;
        room -= width(*c).min(room);
        fits
    };
    let mut short: String = label.chars().take_while(fits).collect();
    short.truncate(short.trim_end().len());
    short + "…"
}

/// So many on each day from `first` on, as upright bars.
pub(super) fn days(h: &mut Html, title: &'static str, first: Day, counts: &[u64]) {
    const TOP: usize = 18;
    const HEIGHT: usize = 120;
    let most = counts.iter().copied().max().unwrap_or(0);
    if most == 0 {
        return;
    }
    let last = first.plus(counts.len() as u32 - 1);
    let busiest = counts.iter().position(|count| *count == most).unwrap_or(0);
    let total = counts.iter().fold(0_u64, |sum, count| sum.saturating_add(*count));
    h.raw("<figure><svg role=img width=\"100%\" height=\"").pixels(TOP + HEIGHT + 24).raw("\" aria-label=\"");
    h.text(title).raw("\"><title>").text(title).raw("</title><desc>");
    h.text(&format!(
        "{} from {first} to {last}; the most on one day, {}, on {}",
        grouped(total),
        grouped(most),
        first.plus(busiest as u32)
    ));
    h.raw("</desc>\n<line class=grid x1=0 x2=\"100%\" y1=\"").pixels(TOP).raw("\" y2=\"").pixels(TOP);
    h.raw("\"/><line class=grid x1=0 x2=\"100%\" y1=\"").pixels(TOP + HEIGHT / 2).raw("\" y2=\"");
    h.pixels(TOP + HEIGHT / 2)
        .raw("\"/>\n<text x=0 y=12 class=axis>up to ")
        .text(&counted(most, "reveal", "reveals"));
    h.raw(" a day</text>\n");
    let days = counts.len() as u64;
    for (i, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        // At least one pixel: a day with one reveal is not a day without.
        let height = ((*count as f64 / most as f64 * HEIGHT as f64).round() as usize).max(1);
        // Four fifths of a day, with a tenth left free on each side.
        h.raw("<rect class=s1 x=\"")
            .percent(i as u64 * 10 + 1, days * 10)
            .raw("\" width=\"")
            .percent(8, days * 10);
        h.raw("\" y=\"").pixels(TOP + HEIGHT - height).raw("\" height=\"").pixels(height).raw("\"><title>");
        h.text(&format!("{}: {}", first.plus(i as u32), grouped(*count))).raw("</title></rect>\n");
    }
    h.raw("<line class=base x1=0 x2=\"100%\" y1=\"")
        .pixels(TOP + HEIGHT)
        .raw("\" y2=\"")
        .pixels(TOP + HEIGHT);
    h.raw("\"/><text x=0 y=\"").pixels(TOP + HEIGHT + 18).raw("\" class=axis>").text(&first.to_string());
    h.raw("</text><text x=\"100%\" y=\"").pixels(TOP + HEIGHT + 18).raw("\" class=\"axis end\">");
    h.text(&last.to_string()).raw("</text></svg></figure>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn drawn(f: impl FnOnce(&mut Html)) -> String {
        let mut h = Html::default();
        f(&mut h);
        h.finish()
    }

    const TWO: [Series; 2] =
        [Series { name: "granted", class: "s1" }, Series { name: "withdrawn", class: "s2" }];

    #[test]
    fn nothing_gives_no_chart() {
        let none = Bar { label: "a".into(), parts: vec![0, 0] };
        assert_eq!(drawn(|h| bars(h, "t", &TWO, &[], true)), "");
        assert_eq!(drawn(|h| bars(h, "t", &TWO, &[none], true)), "");
        assert_eq!(drawn(|h| days(h, "t", Timestamp(0).into(), &[0, 0])), "");
    }

    #[test]
    fn parts_of_a_bar_follow_each_other() {
        let bar = Bar { label: "a".into(), parts: vec![1, 3] };
        let svg = drawn(|h| bars(h, "t", &TWO, &[bar], true));
        assert!(svg.contains("class=\"s1\" x=\"0.000%\" width=\"25.000%\""), "{svg}");
        assert!(svg.contains("class=\"s2\" x=\"25.000%\" width=\"75.000%\""), "{svg}");
        assert!(svg.contains("<desc>a: 1 granted, 3 withdrawn</desc>"), "{svg}");
    }

    #[test]
    fn the_largest_numbers_stay_within_the_chart() {
        let bar = |n| Bar { label: "a".into(), parts: vec![n, u64::MAX] };
        let svg = drawn(|h| bars(h, "t", &TWO, &[bar(u64::MAX), bar(1)], false));
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        drawn(|h| days(h, "t", Timestamp(u64::MAX).into(), &[u64::MAX, 1, u64::MAX]));
    }

    #[test]
    fn long_labels_are_cut_between_letters() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"x".repeat(40)), "x".repeat(27) + "…");
        assert_eq!(shortened(&"東".repeat(40)), "東".repeat(13) + "…");
        assert_eq!(shortened(&"東".repeat(14)), "東".repeat(14));
    }
}
