//! The page of the register in a browser: it renders, loads nothing, runs nothing, and fits the screen.
//!
//! Without Chromium or Chrome these tests check nothing and say so; where the environment variable `CI` is set, they fail.

mod browser;

use browser::{browser, measured, open};
use cloakroom::report::Register;
use cloakroom::time::Timestamp;
use std::fs;
use std::path::{Path, PathBuf};

const EXAMPLE: &str = include_str!("registers/example.json");
const STYLE: &str = include_str!("../src/report/style.css");
/// Closes whatever a name can stand in, and calls out if it works. The last sign turns the direction of text.
const HOSTILE: &str = "\"'></title></style></svg></td><script>console.error('ran')</script>\
    <img src=x onerror=console.error('ran')><iframe src=https://example.org></iframe>\u{202e}";

/// Writes the page of a register and gives its path.
fn written(name: &str, register: &Register) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report_page");
    fs::create_dir_all(&dir).unwrap();
    let page = dir.join(format!("{name}.html"));
    fs::write(&page, register.to_html()).unwrap();
    page
}

fn example() -> Register {
    serde_json::from_str(EXAMPLE).unwrap()
}

/// The example with a hostile end to every text that may have one.
fn hostile() -> Register {
    fn spoil(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::String(text) => {
                let is_fixed = text.starts_with("20")
                    || ["shred-subject", "delete-row", "clear"].contains(&text.as_str());
                *text += if is_fixed { "" } else { HOSTILE };
            }
            serde_json::Value::Array(all) => all.iter_mut().for_each(spoil),
            serde_json::Value::Object(all) => all.values_mut().for_each(spoil),
            _ => {}
        }
    }
    let mut json = serde_json::from_str(EXAMPLE).unwrap();
    spoil(&mut json);
    serde_json::from_value(json).unwrap()
}

fn holds(name: &str, register: &Register, figures: &[&str]) {
    let Some(browser) = browser() else { return };
    let page = written(name, register);
    for m in measured(browser, &page, &[]) {
        assert!(m.content_width <= m.width, "{name}: {} wide at {}", m.content_width, m.width);
        assert!(m.height > 800, "{name}: {} high", m.height);
        assert_eq!((m.scripts, m.injected, m.thin, m.unnamed), (0, 0, 0, 0), "{name}");
        assert_eq!(m.loaded, [""; 0], "{name}");
        assert_eq!(m.charts, if register.subjects.count == 0 { 0 } else { 4 }, "{name}");
        let text = m.text.replace(['\u{a0}', '\u{202f}'], " ");
        for figure in figures {
            assert!(text.contains(figure), "{name}: {figure}: {text}");
        }
        for broken in ["NaN", "undefined", "\u{202e}"] {
            assert!(!text.contains(broken), "{name}: {broken}");
        }
    }
}

const FIGURES: [&str; 9] = [
    "51 031",
    "232 116 records",
    "412 904",
    "18 211",
    "275 575",
    "88 213",
    "2026-11-22 08:00 UTC",
    "38 records",
    "10 years",
];

#[test]
fn a_full_register_shows_its_figures() {
    holds("full", &example(), &FIGURES);
}

#[test]
fn an_empty_register_reads_well() {
    let empty = Register::empty("8f3a0c6d1b5e4792a4c0d7e1f2b39586", Timestamp(1_795_334_405));
    holds(
        "empty",
        &empty,
        &["Nothing yet", "to be filled in by the controller", "2026-11-22 08:00 UTC", "Ed25519"],
    );
}

// SPEC: REPORT-2
#[test]
fn hostile_names_are_shown_and_nothing_else() {
    holds(
        "hostile",
        &hostile(),
        &[&FIGURES[..], &["newsletter\"'></title></style></svg></td><script>", "[U+202E]"]].concat(),
    );
}

#[test]
fn it_follows_a_dark_screen_and_prints() {
    let Some(browser) = browser() else { return };
    let page = written("dark", &example());
    let background = |arguments: &[&str]| measured(browser, &page, arguments).remove(1).background;
    assert_eq!(background(&[]), "rgb(245, 244, 240)");
    assert_eq!(background(&["--blink-settings=preferredColorScheme=0"]), "rgb(18, 24, 31)");
    let pdf = page.with_extension("pdf");
    open(browser, &[&format!("--print-to-pdf={}", pdf.display()), "--no-pdf-header-footer"], &page);
    assert!(fs::read(pdf).unwrap().starts_with(b"%PDF-"));
}

/// Relative luminance of `#rrggbb` and `#rgb`, as WCAG 2 defines it.
fn luminance(colour: &str) -> f64 {
    let digits: Vec<u32> = colour[1..].chars().map(|c| c.to_digit(16).unwrap()).collect();
    let channel = |i: usize| {
        let value = if digits.len() == 3 { digits[i] * 17 } else { digits[2 * i] * 16 + digits[2 * i + 1] };
        let share = f64::from(value) / 255.0;
        if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(0) + 0.7152 * channel(1) + 0.0722 * channel(2)
}

#[test]
fn contrast_is_that_of_wcag_aa_in_light_in_dark_and_on_paper() {
    let palettes: Vec<&str> =
        STYLE.split(":root {").skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
    assert_eq!(palettes.len(), 3);
    for palette in palettes {
        let colour = |name: &str| {
            let (_, rest) = palette.split_once(&format!("--{name}: ")).unwrap();
            rest.split(';').next().unwrap()
        };
        let contrast = |a: &str, b: &str| {
            let (a, b) = (luminance(colour(a)) + 0.05, luminance(colour(b)) + 0.05);
            a.max(b) / a.min(b)
        };
        let text = [
            ("ink", "card"),
            ("ink", "paper"),
            ("soft", "card"),
            ("soft", "paper"),
            ("accent", "card"),
            ("ink", "alert-bg"),
            ("alert", "card"),
            ("alert", "alert-bg"),
            ("ink", "fine-bg"),
            ("fine", "fine-bg"),
            ("band-ink", "band"),
            ("band-soft", "band"),
        ];
        for (a, b) in text {
            assert!(contrast(a, b) >= 4.5, "{a} on {b}: {}", contrast(a, b));
        }
        for series in ["s1", "s2", "s3", "s4"] {
            assert!(contrast(series, "card") >= 3.0, "{series}: {}", contrast(series, "card"));
        }
    }
}
