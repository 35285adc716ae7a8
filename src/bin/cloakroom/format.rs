//! `format explain`: what of a value stays, how many others it could have been, and an example.

use crate::exit::Outcome;
use crate::keys::now;
use crate::shown::Shown;
use crate::spec;
use clap::Args;
use cloakroom::format::{Format, Report, SpaceReport};
use cloakroom::keys::Keyset;
use cloakroom::name::{FieldName, TenantId};
use cloakroom::policy::{Settings, describe_format};
use cloakroom::protect::Tokenizer;
use cloakroom::{Error, Result};
use std::io::{BufRead, Read, Write};
use zeroize::Zeroizing;

#[derive(Args)]
pub struct Explain {
    /// A preset, then settings as in a policy: `card`, "card keep=6+4", "integer range=0..9999999",
    /// "regex=[A-Z]{3}-[0-9]{4}", "template=keep(digits,6) token(digits,6)", "alphabet=ABC0123 length=8..9".
    spec: String,
    /// A value whose own space is counted, and which is the example. Other users can see the command line: `-` reads a
    /// line from standard input instead.
    #[arg(allow_negative_numbers = true)]
    value: Option<String>,
}

pub fn explain(Explain { spec, value }: Explain) -> Result<Outcome> {
    let settings = spec::parse(&spec)?;
    let format = describe_format(&settings)?;
    let all = format.report(None)?;
    let value = match value.as_deref() {
        Some("-") => Some(line_of_input()?),
        Some(value) => Some(Zeroizing::new(value.to_owned())),
        None => None,
    };
    let own = match &value {
        Some(value) if format.network_cipher().is_none() => Some(format.report(Some(value))?),
        _ => None,
    };
    let example = example(&format, value.as_ref().map(|v| v.as_str()))?;
    print(&settings, &all, own.as_ref(), &example).map_err(Error::io("write", "standard output"))?;
    Ok(Outcome::Done)
}

/// The first line, without its end.
fn line_of_input() -> Result<Zeroizing<String>> {
    const LONGEST: usize = 64 << 10;
    let mut line = Zeroizing::new(vec![]);
    let input = std::io::stdin().lock();
    let failed = Error::io("read", "standard input");
    input.take(LONGEST as u64 + 1).read_until(b'\n', &mut line).map_err(failed)?;
    if line.len() > LONGEST {
        return Err(Error::TooLong { what: "length of the value", actual: line.len(), limit: LONGEST });
    }
    let end = line.strip_suffix(b"\n").map_or(&line[..], |line| line.strip_suffix(b"\r").unwrap_or(line));
    match std::str::from_utf8(end) {
        Ok(line) => Ok(Zeroizing::new(line.to_owned())),
        Err(_) => Err(Error::Input { problem: "is not UTF-8".into() }),
    }
}

/// A value and its token, or why there is none.
enum Example {
    Pair(Zeroizing<String>, String),
    None(String),
}

/// # Errors
/// When the value given is not of the format. That FF1 refuses it is no error here.
fn example(format: &Format, given: Option<&str>) -> Result<Example> {
    let (tenant, field) = (TenantId::new("example")?, FieldName::new("example")?);
    let tokenizer =
        match Tokenizer::new(&Keyset::generate(now())?.primary()?, &tenant, &field, format.clone()) {
            Ok(tokenizer) => tokenizer,
            Err(Error::DomainTooSmall { .. }) => return Ok(Example::None("FF1 refuses the format".into())),
            Err(error) => return Err(error),
        };
    let Some(value) = given.map(str::to_owned).or_else(|| format.example()).map(Zeroizing::new) else {
        return Ok(Example::None("give a VALUE to see one".into()));
    };
    match tokenizer.tokenize(&value) {
        Ok(token) => Ok(Example::Pair(value, token)),
        Err(error @ Error::DomainTooSmall { .. }) => Ok(Example::None(error.to_string())),
        Err(_) if given.is_none() => Ok(Example::None("give a VALUE to see one".into())),
        Err(error) => Err(error),
    }
}

fn print(settings: &Settings, all: &Report, own: Option<&Report>, example: &Example) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let (stays, changes) = words(settings);
    writeln!(out, "format   {}", Shown::whole(&spec::line(settings)))?;
    writeln!(out, "stays    {}", Shown::whole(&stays))?;
    writeln!(out, "changes  {changes}")?;
    // A report ends with a blank line, unless it ends with a reason.
    writeln!(out, "\n{}", all.to_string().trim_end())?;
    if let Some(own) = own {
        writeln!(
            out,
            "\nthe value given:\n{}",
            own.spaces.iter().map(SpaceReport::to_string).collect::<String>().trim_end()
        )?;
    }
    if all.refused.is_some() || own.is_some_and(|own| own.spaces.iter().any(|space| !space.usable)) {
        writeln!(
            out,
            "ways out: keep less of it, where that is possible. Otherwise protect = \"pseudonym\" joins without a"
        )?;
        writeln!(out, "way back, \"seal\" hides all of it, \"generalize\" and \"mask\" leave a part.")?;
    }
    writeln!(out)?;
    match example {
        Example::Pair(value, token) => {
            writeln!(out, "an example, under a key that was made for it and is thrown away:")?;
            writeln!(out, "  before  {}", Shown::whole(value))?;
            writeln!(out, "  after   {}", Shown::whole(token))
        }
        Example::None(reason) => writeln!(out, "no example: {reason}"),
    }
}

/// What of a value stays in the clear, and what takes part.
fn words(s: &Settings) -> (String, &'static str) {
    let preset = s.format.as_deref().unwrap_or_default();
    let keep = s.keep.as_deref().unwrap_or_default();
    let fixed: (&str, &str) = match preset {
        "ssn" => ("spaces and hyphens", "the nine digits, into others that can have been issued"),
        "iban" if keep == "bank" => (
            "the country, the bank's identifier, spaces",
            "the account number; check digits are computed anew",
        ),
        "iban" => ("the country, spaces", "bank and account number; check digits are computed anew"),
        "email" if s.domain.as_deref() == Some("token") => {
            ("the last label of the domain, punctuation", "letters and digits of both parts")
        }
        "email" => {
            ("the domain, punctuation", "letters and digits before the @; a short part may change its length")
        }
        "phone" => match keep {
            "none" => ("spaces and punctuation", "every digit"),
            "" | "country" => ("the country code, spaces and punctuation", "every other digit"),
            _ => ("the country code and the area code, spaces and punctuation", "every other digit"),
        },
        "date" => ("how it is written", "the day as a whole, into another one of the range"),
        "datetime" => ("how it is written", "the time as a whole, into another one of the range"),
        "integer" | "decimal" => {
            ("how it is written", "the number as a whole, into another one of the range")
        }
        "uuid" => ("version, variant, hyphens", "every other digit"),
        "ipv4" | "ipv6" => ("nothing", "the address as a whole"),
        "ip" if s.cipher.as_deref() == Some("deterministic") => {
            ("nothing", "the address as a whole; the token of an IPv4 address is an IPv6 address")
        }
        "ip" => ("how many leading bits two addresses have in common", "every bit"),
        "postal-uk" | "postal-ca" => ("spaces, hyphens and case", "the code, into another of its form"),
        "plate" | "passport" => {
            ("spaces and punctuation", "each letter into a letter, each digit into a digit")
        }
        "name" => {
            ("case, diacritics, spaces and punctuation", "each letter; a short name may change its length")
        }
        "text" => ("spaces and punctuation", "each letter into a letter, each digit into a digit"),
        _ if s.regex.is_some() => ("groups named keep_…", "the rest, into another text that matches"),
        _ if s.template.is_some() => ("what its template keeps, separators", "what its template tokenizes"),
        _ => return of_one_alphabet(s, preset == "card"),
    };
    (fixed.0.to_owned(), fixed.1)
}

fn of_one_alphabet(s: &Settings, is_card: bool) -> (String, &'static str) {
    let kept = match s.keep.as_deref().map(|keep| keep.split_once('+').unwrap_or((keep, "0"))) {
        None | Some(("0", "0")) => String::new(),
        Some(("scheme", last)) => format!("the digits that tell the scheme, the last {last}, "),
        Some((first, last)) => format!("the first {first} and the last {last}, "),
    };
    let separators = match &s.separators {
        Some(_) => "the separators that were named",
        None => "spaces and punctuation",
    };
    let changes = match (s.luhn.as_deref(), is_card) {
        (Some("break"), _) | (None, true) => "every other digit: values pass the Luhn check, tokens fail it",
        (Some("keep"), _) => "every other digit: values and tokens pass the Luhn check",
        _ => "every other character, into one of the same alphabet",
    };
    (format!("{kept}{separators}"), changes)
}
