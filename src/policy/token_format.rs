//! `format`, `alphabet`, `template` or `regex`, and the settings that go with each.

use super::rule::{Wrong, choose, in_setting, keep, missing, one_of};
use super::settings::Settings;
use crate::error::Error;
use crate::format::{
    Alphabet, DatePattern, DateTimePattern, Format, IbanKeep, Luhn, NetworkCipher, PhoneKeep,
};

/// The presets with their settings; the order is that of the documentation.
const PRESETS: [(&str, &[&str]); 26] = [
    ("digits", RUN),
    ("lowercase", RUN),
    ("uppercase", RUN),
    ("letters", RUN),
    ("alphanumeric", RUN),
    ("card", RUN),
    ("ssn", &[]),
    ("iban", &["keep"]),
    ("email", &["domain"]),
    ("phone", &["keep"]),
    ("date", &["range", "date"]),
    ("datetime", &["range", "date"]),
    ("integer", &["range"]),
    ("decimal", &["range", "scale"]),
    ("uuid", &[]),
    ("ipv4", &[]),
    ("ipv6", &[]),
    ("ip", &["cipher"]),
    ("postal-us", &["length"]),
    ("postal-de", &[]),
    ("postal-uk", &[]),
    ("postal-ca", &[]),
    ("plate", &[]),
    ("passport", &[]),
    ("name", &[]),
    ("text", &[]),
];
const RUN: &[&str] = &["keep", "length", "luhn", "separators"];
const TEMPLATE: &[&str] = &["separators"];
const REGEX: &[&str] = &["length", "separators"];

/// The settings that may stand beside `protect = "token"`.
pub(super) fn allowed(s: &Settings) -> Result<Vec<&'static str>, Wrong> {
    let ways = [
        ("format", s.format.is_some()),
        ("alphabet", s.alphabet.is_some()),
        ("template", s.template.is_some()),
        ("regex", s.regex.is_some()),
    ];
    let mut given = ways.iter().filter(|(_, given)| *given).map(|(way, _)| *way);
    let (way, second) = (given.next(), given.next());
    if let (Some(first), Some(second)) = (way, second) {
        return Err((second, format!("contradicts `{first}`: give one of the two")));
    }
    let with = match (way, s.format.as_deref()) {
        (None, _) => {
            return Err((
                "format",
                "is missing; give it, or an `alphabet`, a `template` or a `regex`".into(),
            ));
        }
        (Some("alphabet"), _) => RUN,
        (Some("template"), _) => TEMPLATE,
        (Some("regex"), _) => REGEX,
        (Some(_), name) => match PRESETS.iter().find(|(preset, _)| Some(*preset) == name) {
            Some((_, with)) => with,
            None => return Err(one_of("format", &PRESETS.map(|(name, _)| name))),
        },
    };
    Ok(way.into_iter().chain(with.iter().copied()).collect())
}

/// The format that the settings describe, consistent and large enough for FF1.
pub(super) fn format(s: &Settings) -> Result<Format, Wrong> {
    let format = describe(s)?;
    format.check().map_err(in_setting(way(s)))?;
    Ok(format)
}

/// The format that the settings describe, consistent, but perhaps small.
pub(super) fn describe_consistent(s: &Settings) -> Result<Format, Wrong> {
    let format = describe(s)?;
    format.check_consistent().map_err(in_setting(way(s)))?;
    Ok(format)
}

/// Which setting the format is in.
fn way(s: &Settings) -> &'static str {
    match (&s.alphabet, &s.template, &s.regex) {
        (Some(_), _, _) => "alphabet",
        (_, Some(_), _) => "template",
        (_, _, Some(_)) => "regex",
        _ => "format",
    }
}

/// The format that the settings describe, be it too small.
pub(super) fn describe(s: &Settings) -> Result<Format, Wrong> {
    let in_way = in_setting(way(s));
    let format = match (&s.alphabet, &s.template, &s.regex) {
        (Some(alphabet), _, _) => run(Format::new(Alphabet::new(alphabet).map_err(in_way)?), s)?,
        (_, Some(template), _) => Format::template(template).map_err(in_way)?,
        (_, _, Some(regex)) => Format::regex(regex, lengths(s)?).map_err(in_way)?,
        _ => preset(s)?,
    };
    match &s.separators {
        Some(separators) => Ok(format.separators(separators)),
        None => Ok(format),
    }
}

fn preset(s: &Settings) -> Result<Format, Wrong> {
    let range = |default: (&'static str, &'static str)| match &s.range {
        None => Ok((default.0.to_owned(), default.1.to_owned())),
        Some(range) => match range.split_once("..") {
            Some((least, most)) => Ok((least.to_owned(), most.to_owned())),
            None => Err(("range", "must be the least and the most, like \"0..9999999\"".to_owned())),
        },
    };
    let needed = || match s.range {
        Some(_) => range(("", "")),
        None => Err(missing("range")),
    };
    match s.format.as_deref().unwrap_or_default() {
        "digits" => run(Format::digits(), s),
        "lowercase" => run(Format::new(Alphabet::lowercase()), s),
        "uppercase" => run(Format::new(Alphabet::uppercase()), s),
        "letters" => run(Format::letters(), s),
        "alphanumeric" => run(Format::alphanumeric(), s),
        "card" => run(Format::card(), s),
        "ssn" => Ok(Format::ssn()),
        "iban" => {
            let keeps = [("country", IbanKeep::Country), ("bank", IbanKeep::Bank)];
            Ok(Format::iban(choose("keep", &s.keep, IbanKeep::Country, &keeps)?))
        }
        "email" => {
            let domains = [("keep", false), ("token", true)];
            match choose("domain", &s.domain, false, &domains)? {
                true => Ok(Format::email_with_domain()),
                false => Ok(Format::email()),
            }
        }
        "phone" => phone(s),
        "date" => {
            let (first, last) = range(("0001-01-01", "9999-12-31"))?;
            let iso = DatePattern::new(DatePattern::ISO).map_err(in_setting("date"))?;
            let pattern = DatePattern::new(s.date.as_deref().unwrap_or(DatePattern::ISO))
                .map_err(in_setting("date"))?;
            let day = |text: &str| {
                let problem = "must be two dates, like \"1900-01-01..2099-12-31\"".to_owned();
                iso.parse_exact(text).or_else(|_| pattern.parse_exact(text)).map_err(|_| ("range", problem))
            };
            let (first, last) = (day(&first)?, day(&last)?);
            Format::date(pattern, first, last).map_err(in_setting("range"))
        }
        "datetime" => {
            let pattern = s.date.as_deref().unwrap_or(DateTimePattern::ISO);
            let pattern = DateTimePattern::new(pattern).map_err(in_setting("date"))?;
            let (first, last) = needed()?;
            let problem = format!("must be two times written as {}", pattern.as_str());
            if pattern.parse(&first).is_err() || pattern.parse(&last).is_err() {
                return Err(("range", problem));
            }
            Format::date_time(pattern, &first, &last).map_err(in_setting("range"))
        }
        "integer" => {
            let (least, most) = needed()?;
            Format::decimal(0, &least, &most).map_err(|error| match error {
                Error::Setting { problem, .. } => ("range", problem),
                _ => ("range", "must be two integers, like \"0..9999999\"".into()),
            })
        }
        "decimal" => {
            let scale = s.scale.ok_or_else(|| missing("scale"))?;
            let (least, most) = needed()?;
            Format::decimal(scale, &least, &most).map_err(|error| match error {
                Error::Setting { what: "scale", problem } => ("scale", problem),
                Error::Setting { problem, .. } => ("range", problem),
                _ => ("range", format!("must be two numbers with {scale} decimal places each")),
            })
        }
        "uuid" => Ok(Format::uuid()),
        "ipv4" => Ok(Format::ipv4()),
        "ipv6" => Ok(Format::ipv6()),
        "ip" => {
            let ciphers = [
                ("prefix-preserving", NetworkCipher::PrefixPreserving),
                ("deterministic", NetworkCipher::Deterministic),
            ];
            Ok(Format::network(choose("cipher", &s.cipher, NetworkCipher::PrefixPreserving, &ciphers)?))
        }
        "postal-us" => run(Format::postal_us(), s),
        "postal-de" => Ok(Format::postal_de()),
        "postal-uk" => Ok(Format::postal_uk()),
        "postal-ca" => Ok(Format::postal_ca()),
        "plate" => Ok(Format::plate()),
        "passport" => Ok(Format::passport()),
        "name" => Ok(Format::name()),
        "text" => Ok(Format::text()),
        _ => Err(one_of("format", &PRESETS.map(|(name, _)| name))),
    }
}

/// `keep`, `length` and `luhn`, of a format over one alphabet.
fn run(format: Format, s: &Settings) -> Result<Format, Wrong> {
    let mut format = match s.keep.as_deref().and_then(|keep| keep.strip_prefix("scheme+")) {
        Some(last) => {
            let last = last.parse().map_err(|_| ("keep", "must be like \"scheme+4\"".to_owned()))?;
            format.keep_scheme(last)
        }
        None => {
            let (first, last) = keep(s)?;
            format.keep(first, last)
        }
    };
    if s.luhn.is_some() {
        let rules = [("keep", Luhn::Keep), ("break", Luhn::Break), ("ignore", Luhn::Ignore)];
        format = format.luhn(choose("luhn", &s.luhn, Luhn::Ignore, &rules)?);
    }
    if let Some((shortest, longest)) = lengths(s)? {
        format = format.lengths(shortest, longest);
    }
    Ok(format)
}

/// `"7"` or `"6..9"`.
fn lengths(s: &Settings) -> Result<Option<(usize, usize)>, Wrong> {
    let Some(length) = &s.length else { return Ok(None) };
    let (shortest, longest) = length.split_once("..").unwrap_or((length, length));
    match (shortest.parse(), longest.parse()) {
        (Ok(shortest), Ok(longest)) => Ok(Some((shortest, longest))),
        _ => Err(("length", "must be a number or a range, like \"7\" or \"6..9\"".into())),
    }
}

fn phone(s: &Settings) -> Result<Format, Wrong> {
    let keep = match s.keep.as_deref() {
        None | Some("country") => PhoneKeep::Country,
        Some("none") => PhoneKeep::Nothing,
        Some(other) => match other.strip_prefix("country+").map(str::parse) {
            Some(Ok(area @ 1..=9)) => PhoneKeep::Area(area),
            _ => return Err(("keep", "must be none, country, or like \"country+3\"".into())),
        },
    };
    Ok(Format::phone(keep))
}

/// A format by its settings alone, for `format explain`; it may be too small for FF1.
///
/// # Errors
/// [`Error::Setting`].
pub fn describe_format(s: &Settings) -> crate::error::Result<Format> {
    let wrong = |(setting, problem): Wrong| Error::Setting { what: setting, problem };
    let allowed = allowed(s).map_err(wrong)?;
    if let Some(stray) = s.given().into_iter().find(|given| !allowed.contains(given)) {
        let problem = "does not go with this format".into();
        return Err(Error::Setting { what: stray, problem });
    }
    describe(s).map_err(wrong)
}
