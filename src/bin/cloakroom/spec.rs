//! The settings of a format in one line: a preset's name, then `key=value` words.
//!
//! ```text
//! card keep=6+4 luhn=keep
//! template=keep(digits,6) token(digits,6) check(luhn)
//! ```
//!
//! A word begins a setting only if it is `key=` with a known key; anything else goes on with the value before it, so that
//! values can hold spaces.

use cloakroom::policy::Settings;
use cloakroom::{Error, Result};

/// Reads the line.
///
/// # Errors
/// [`Error::Setting`] for a setting that is given twice, and a `scale` that is no number. What the settings say is for
/// the policy to check.
pub fn parse(spec: &str) -> Result<Settings> {
    let mut settings = Settings { protect: "token".into(), ..Settings::default() };
    let words = std::iter::once(0).chain(spec.match_indices(' ').map(|(at, _)| at + 1));
    let starts: Vec<(usize, &'static str)> = words.filter_map(|at| Some((at, key(&spec[at..])?))).collect();
    let preset = spec[..starts.first().map_or(spec.len(), |(at, _)| *at)].trim();
    if !preset.is_empty() {
        settings.format = Some(preset.into());
    }
    for (i, (at, key)) in starts.iter().enumerate() {
        let value = &spec[at + key.len() + 1..];
        let value = match starts.get(i + 1) {
            Some((next, _)) => &spec[at + key.len() + 1..next - 1], // without the space between the two
            None => value,
        };
        set(&mut settings, key, value)?;
    }
    Ok(settings)
}

const KEYS: [&str; 13] = [
    "format",
    "alphabet",
    "template",
    "regex",
    "keep",
    "length",
    "luhn",
    "separators",
    "domain",
    "range",
    "scale",
    "cipher",
    "date",
];

/// The key that a text begins with.
fn key(text: &str) -> Option<&'static str> {
    KEYS.into_iter().find(|key| text.strip_prefix(key).is_some_and(|rest| rest.starts_with('=')))
}

fn set(settings: &mut Settings, key: &'static str, value: &str) -> Result<()> {
    let bad = |problem: &str| Err(Error::Setting { what: key, problem: problem.into() });
    let place = match key {
        "format" => &mut settings.format,
        "alphabet" => &mut settings.alphabet,
        "template" => &mut settings.template,
        "regex" => &mut settings.regex,
        "keep" => &mut settings.keep,
        "length" => &mut settings.length,
        "luhn" => &mut settings.luhn,
        "separators" => &mut settings.separators,
        "domain" => &mut settings.domain,
        "range" => &mut settings.range,
        "cipher" => &mut settings.cipher,
        "date" => &mut settings.date,
        _ => {
            if settings.scale.is_some() {
                return bad("is given twice");
            }
            let Ok(scale) = value.parse() else { return bad("must be a number of decimal places") };
            settings.scale = Some(scale);
            return Ok(());
        }
    };
    match place.replace(value.into()) {
        Some(_) => bad("is given twice"),
        None => Ok(()),
    }
}

/// The settings of any field in one line; those of a format as [`parse`] reads them.
pub fn line(settings: &Settings) -> String {
    let (scale, width) = (settings.scale.map(|n| n.to_string()), settings.width.map(|n| n.to_string()));
    let (population, index) =
        (settings.population.map(|n| n.to_string()), settings.index.map(|n| n.to_string()));
    let purposes = settings.purposes.as_ref().map(|purposes| purposes.join(","));
    let special = settings.special.map(|special| special.to_string());
    let named = [
        ("alphabet", &settings.alphabet),
        ("template", &settings.template),
        ("regex", &settings.regex),
        ("keep", &settings.keep),
        ("length", &settings.length),
        ("luhn", &settings.luhn),
        ("separators", &settings.separators),
        ("domain", &settings.domain),
        ("range", &settings.range),
        ("scale", &scale),
        ("cipher", &settings.cipher),
        ("date", &settings.date),
        ("scope", &settings.scope),
        ("normalize", &settings.normalize),
        ("spelling", &settings.spelling),
        ("population", &population),
        ("kind", &settings.kind),
        ("suite", &settings.suite),
        ("with", &settings.with),
        ("width", &width),
        ("opaque", &settings.opaque),
        ("reuse", &settings.reuse),
        ("lifetime", &settings.lifetime),
        ("index", &index),
        ("empty", &settings.empty),
        ("category", &settings.category),
        ("purposes", &purposes),
        ("retention", &settings.retention),
        ("special", &special),
    ];
    let plain = [&settings.format, &settings.to].into_iter().flatten().cloned();
    let named = named.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", value.as_ref()?)));
    plain.chain(named).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_is_written() {
        for spec in [
            "card",
            "card keep=6+4 luhn=keep",
            "regex=[A-Z]{3}-[0-9]{4}",
            "template=keep(digits,6) token(digits,6) check(luhn)",
            "alphabet=ABC0123 length=8..9",
            "digits separators= -",
            "digits length=9 separators= ",
            "decimal range=-1.00..1.00 scale=2",
            "date range=1900-01-01..2099-12-31 date=DD. MM. YYYY",
            "alphabet=a=b",
            "no preset at all",
        ] {
            assert_eq!(line(&parse(spec).unwrap()), spec);
        }
        assert_eq!(parse(" card ").unwrap().format.as_deref(), Some("card"));
        assert_eq!(parse("regex=a b=c keep =").unwrap().regex.as_deref(), Some("a b=c keep ="));
        assert_eq!(parse("").unwrap(), Settings { protect: "token".into(), ..Settings::default() });
        for twice in
            ["card keep=1+1 keep=1+1", "card format=card", "integer scale=1 scale=2", "decimal scale=x"]
        {
            assert!(matches!(parse(twice), Err(Error::Setting { .. })), "{twice}");
        }
    }
}
