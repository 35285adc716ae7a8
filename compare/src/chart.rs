//! The chart: a bar for each row, as long as the logarithm of how many times a peer's speed it is.

use std::fmt::Write;

use crate::table::{Role, Row, Table, digits, rate};

/// A table of which each row has a bar, and what stands over them.
const GROUPS: [(&str, &str); 5] = [
    ("FF1, encrypt", "Format-preserving tokens (FF1), beside fpe and cosmian_fpe"),
    ("HMAC-SHA256", "HMAC-SHA256, beside hmac with sha2, ring and aws-lc-rs"),
    ("Pseudonyms", "Pseudonyms in base64url, beside the same three"),
    ("AES-256-GCM", "AES-256-GCM, one key for a column, beside ring, aws-lc-rs and aes-gcm"),
    ("Envelopes, XAES-256-GCM", "Envelopes of XAES-256-GCM, beside plain AES-256-GCM by the same three"),
];

const WIDTH: f64 = 860.0;
const LABELS: f64 = 170.0;
const RIGHT: f64 = 190.0;
const LINE: f64 = 20.0;
/// From a fifth of a peer's speed to 500 times.
const SHORTEST: f64 = 0.2;
const LONGEST: f64 = 500.0;
const TICKS: [f64; 6] = [1.0, 3.0, 10.0, 30.0, 100.0, 300.0];

/// Colours for light pages and for dark ones; each has its own ground, so that text can be read on both.
const STYLE: &str = "\
text { font: 13px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #1f2328 }
.ground { fill: #ffffff } .title { font-size: 17px; font-weight: 600 } .group { font-weight: 600; paint-order: stroke; stroke: #ffffff; stroke-width: 5px } .quiet { fill: #59636e }
.grid { stroke: #d1d9e0 } .one { stroke: #59636e; stroke-dasharray: 3 3 } .bar { fill: #0a7d6c } .slower { fill: #818b98 } .single { fill: #b35900 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc } .ground { fill: #0d1117 } .quiet { fill: #9198a1 } .grid { stroke: #3d444d }
.group { stroke: #0d1117 } .one { stroke: #9198a1 } .bar { fill: #3fb8a2 } .slower { fill: #656c76 } .single { fill: #f0a35e }
}";

pub fn svg(tables: &[Table]) -> String {
    let (mut bars, mut spoken, mut y) = (String::new(), vec![], 92.0);
    for (title, heading) in GROUPS {
        let Some(table) = tables.iter().find(|table| table.title == title) else { continue };
        text(&mut bars, 16.0, y + 14.0, "group", "start", heading);
        y += 24.0;
        for row in &table.rows {
            spoken.push(bar(&mut bars, row, y, heading));
            y += LINE;
        }
        y += 12.0;
    }
    let mut grid = String::new();
    for tick in TICKS {
        let class = if tick == 1.0 { "one" } else { "grid" };
        writeln!(
            grid,
            "<line class=\"{class}\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"84\" y2=\"{y:.1}\"/>",
            x(tick)
        )
        .expect("text");
        text(&mut grid, x(tick), 78.0, "quiet", "middle", &format!("{tick:.0}×"));
    }
    let mut head = String::new();
    text(&mut head, 16.0, 28.0, "title", "start", TITLE);
    text(&mut head, 16.0, 50.0, "quiet", "start", EXPLAINED);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y:.0}\" width=\"{WIDTH}\" height=\"{y:.0}\" \
         role=\"img\" aria-labelledby=\"title desc\">\n<title id=\"title\">{TITLE}</title>\n<desc id=\"desc\">{EXPLAINED} \
         {}</desc>\n<style>\n{STYLE}\n</style>\n<rect class=\"ground\" width=\"100%\" height=\"100%\" rx=\"6\"/>\n{grid}{head}{bars}</svg>\n",
        escaped(&spoken.join(" ")),
    )
}

const TITLE: &str = "Cloakroom beside other crates: how many times the speed, on one thread";
const EXPLAINED: &str =
    "Bar: many values a call. Diamond: one value a call. 1× is the fastest of the named crates. Logarithmic.";

/// One row's bar and its label; and the same in words.
fn bar(out: &mut String, row: &Row, y: f64, heading: &str) -> String {
    let many = row.fastest(Role::Ours).expect("something of ours");
    let (ratio, from) = (row.ratio(many), x(1.0));
    text(out, LABELS - 8.0, y + 14.0, "", "end", &row.name);
    let (left, right) = (from.min(x(ratio)), from.max(x(ratio)));
    writeln!(
        out,
        "<rect class=\"{}\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"13\" rx=\"2\"/>",
        if ratio < 1.0 { "slower" } else { "bar" },
        y + 3.0,
        (right - left).max(1.0)
    )
    .expect("text");
    if let Some(single) = row.of(Role::Ours).find(|cell| cell.name == "1") {
        let (at, middle) = (x(row.ratio(single)), y + 9.5);
        writeln!(
            out,
            "<path class=\"single\" d=\"M{:.1} {middle:.1}l5 -5l5 5l-5 5z\" stroke=\"none\"/>",
            at - 5.0
        )
        .expect("text");
    }
    let said = format!("{}×, {} values/s", digits(ratio), rate(many.figure.median));
    text(out, WIDTH - 16.0, y + 14.0, "", "end", &said);
    format!("{heading}: {}: {said}.", row.name)
}

/// Where a ratio is.
fn x(ratio: f64) -> f64 {
    let part = (ratio.clamp(SHORTEST, LONGEST) / SHORTEST).ln() / (LONGEST / SHORTEST).ln();
    LABELS + part * (WIDTH - LABELS - RIGHT)
}

fn text(out: &mut String, x: f64, y: f64, class: &str, anchor: &str, text: &str) {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    writeln!(out, "<text{class} x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>", escaped(text))
        .expect("text");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
