//! From what a column is called and looks like to what shall be done to it.
//!
//! A kind counts as recognized when at least 95 % of the cells that hold a value are of it: the others are rejected rows.

use super::evidence::{DATES, Evidence, Kind};
use super::header::Hint;
use crate::format::Natural;
use crate::policy::Settings;

/// In a hundred cells that hold a value.
const RECOGNIZED: u64 = 95;
/// From this many in a hundred on, a column that is not recognized is still too telling to be kept.
const TELLING: u64 = 5;
/// The most distinct values of a column that is kept.
const FEW: u64 = 50;

/// What is proposed for a column.
pub(super) struct Proposal {
    pub(super) settings: Settings,
    /// What was found.
    pub(super) found: String,
    /// What else to know, or to choose.
    pub(super) also: String,
}

/// `unknown` is what is done to a column that is not recognized: `seal` or `drop`.
pub(super) fn propose(name: &str, hint: Hint, evidence: &Evidence, rows: u64, unknown: &str) -> Proposal {
    let proposal = by_content(name, hint, evidence)
        .or_else(|| by_name(name, hint, evidence))
        .or_else(|| by_counts(name, hint, evidence, rows));
    proposal.unwrap_or_else(|| {
        let found = match (evidence.filled, telling(evidence)) {
            (0, _) => "no cell of the sample holds a value".into(),
            (_, Some((kind, count))) => {
                format!("{}, too few for a format", share(count, evidence.filled, kind_words(kind).0))
            }
            (_, None) => match hint {
                Hint::Address => "an address, by its name".into(),
                Hint::Name => "names, by its name; too many that no format takes".into(),
                _ => "not recognized".into(),
            },
        };
        plain(unknown, found, other_of(unknown))
    })
}

/// What is done instead of dropping or sealing.
fn other_of(unknown: &str) -> &'static str {
    match unknown {
        "seal" => "or `drop`; `keep` only if anyone may see it",
        _ => "or `seal`, with a `subject` column for a vault; `keep` only if anyone may see it",
    }
}

/// The cells say what they are.
fn by_content(name: &str, hint: Hint, evidence: &Evidence) -> Option<Proposal> {
    let plain_kinds = [
        Kind::Card,
        Kind::Iban,
        Kind::Email,
        Kind::Ssn,
        Kind::InternationalPhone,
        Kind::Phone,
        Kind::Ipv4,
        Kind::Ipv6,
    ];
    let is = |kind: &Kind| recognized(evidence, *kind);
    let of = |kind: Kind| share(evidence.count(kind), evidence.filled, kind_words(kind).0);
    if let Some(kind) = plain_kinds.into_iter().find(is) {
        let settings = token(match kind {
            Kind::Card => &[("format", "card"), ("keep", "scheme+4")],
            Kind::Iban => &[("format", "iban"), ("keep", "country")],
            Kind::Email => &[("format", "email")],
            Kind::Ssn => &[("format", "ssn")],
            Kind::InternationalPhone => &[("format", "phone"), ("keep", "country")],
            Kind::Phone => &[("format", "phone"), ("keep", "none")],
            Kind::Ipv4 => &[("format", "ipv4")],
            _ => &[("format", "ipv6")],
        });
        return Some(Proposal { settings, found: of(kind), also: kind_words(kind).1.into() });
    }
    if is(&Kind::Uuid) {
        let proposal = match hint {
            Hint::Id => pseudonym(name, of(Kind::Uuid)),
            _ => {
                let settings = token(&[("format", "uuid")]);
                Proposal { settings, found: of(Kind::Uuid), also: kind_words(Kind::Uuid).1.into() }
            }
        };
        return Some(proposal);
    }
    if is(&Kind::DateTime) {
        let length = if hint == Hint::Birth { "4" } else { "7" };
        let settings = Settings { length: Some(length.into()), ..generalize("prefix") };
        return Some(Proposal {
            settings,
            found: of(Kind::DateTime),
            also: kind_words(Kind::DateTime).1.into(),
        });
    }
    date(hint, evidence)
}

/// Calendar dates in the pattern that most cells follow.
fn date(hint: Hint, evidence: &Evidence) -> Option<Proposal> {
    let counted = (0..DATES.len()).map(|i| (i, evidence.count(Kind::Date(i))));
    let (best, count) = counted.rev().max_by_key(|(_, count)| *count)?;
    // Eight digits are a number where the name of the column asks for one.
    let may_be_a_number = !DATES[best].contains(|c: char| c.is_ascii_punctuation());
    let asks =
        matches!(hint, Hint::Id | Hint::Postal | Hint::Phone | Hint::Ssn | Hint::Account | Hint::Amount);
    if !recognized(evidence, Kind::Date(best)) || (may_be_a_number && asks) {
        return None;
    }
    let to = if hint == Hint::Birth { "year" } else { "month" };
    let settings = Settings { date: Some(DATES[best].into()), ..generalize(to) };
    let twin = (0..DATES.len()).any(|i| i != best && evidence.count(Kind::Date(i)) == count);
    let also = match twin {
        true => "days and months cannot be told apart here: check `date`",
        false => kind_words(Kind::Date(best)).1,
    };
    let found = share(count, evidence.filled, &format!("dates as {}", DATES[best]));
    Some(Proposal { settings, found, also: also.into() })
}

/// The name of the column says what the cells are, and nothing that they look like contradicts.
fn by_name(name: &str, hint: Hint, evidence: &Evidence) -> Option<Proposal> {
    let is_number = recognized(evidence, Kind::Number);
    let numbers = || share(evidence.count(Kind::Number), evidence.filled, "numbers");
    match hint {
        Hint::Id => Some(pseudonym(name, "an id, by its name".into())),
        Hint::Account | Hint::Ssn => Some(pseudonym(name, "an account or registration, by its name".into())),
        Hint::Card | Hint::Phone => {
            let settings = Settings { keep: Some("0+2".into()), ..protect("mask") };
            let what = if hint == Hint::Card { "card numbers" } else { "telephone numbers" };
            let found = format!("{what}, by its name; too many that no format takes");
            Some(Proposal { settings, found, also: "or `pseudonym`, to join on it; `seal`; `drop`".into() })
        }
        Hint::Postal => {
            let length = if evidence.lengths.1 >= 5 { "3" } else { "2" };
            let settings = Settings { length: Some(length.into()), ..generalize("prefix") };
            let also = "the fewer people live there, the shorter it should be; or `seal`, `drop`".into();
            Some(Proposal { settings, found: "postal codes, by its name".into(), also })
        }
        Hint::Notes => Some(free_text("free text, by its name")),
        Hint::Name if recognized(evidence, Kind::Name) => {
            let found = share(evidence.count(Kind::Name), evidence.filled, kind_words(Kind::Name).0);
            let settings = token(&[("format", "name")]);
            Some(Proposal { settings, found, also: kind_words(Kind::Name).1.into() })
        }
        Hint::Age | Hint::Birth if is_number => Some(bucket(10, numbers())),
        Hint::Amount if is_number => Some(bucket(width(evidence), numbers())),
        _ => None,
    }
}

/// How many there are, and of which kind at large.
fn by_counts(name: &str, hint: Hint, evidence: &Evidence, rows: u64) -> Option<Proposal> {
    let is_number = recognized(evidence, Kind::Number);
    let personal = matches!(hint, Hint::Name | Hint::Address | Hint::Mail) || telling(evidence).is_some();
    if evidence.filled == 0 || personal {
        return None;
    }
    if let Some(few) = evidence.distinct().filter(|few| *few <= FEW && few * 20 < rows) {
        let found = format!("{few} distinct values in {} rows", grouped(rows));
        let also = "it may still single people out, together with other columns that are kept";
        return Some(plain("keep", found, also));
    }
    if is_number {
        let (shortest, longest) = evidence.lengths;
        let alike = shortest == longest && longest >= 6 && evidence.all_digits == evidence.filled;
        let found = share(evidence.count(Kind::Number), evidence.filled, "numbers");
        return match alike && evidence.is_mostly_distinct(RECOGNIZED) {
            true => Some(pseudonym(name, format!("{found} of one length, hardly one of them twice: an id"))),
            false => Some(bucket(width(evidence), found)),
        };
    }
    evidence.is_free_text().then(|| free_text("free text, by its length"))
}

fn recognized(evidence: &Evidence, kind: Kind) -> bool {
    evidence.filled > 0 && evidence.count(kind) * 100 >= evidence.filled * RECOGNIZED
}

/// Something personal that is in some of the cells, and in how many.
fn telling(evidence: &Evidence) -> Option<(Kind, u64)> {
    let kinds = [Kind::Card, Kind::Iban, Kind::Email, Kind::Ssn, Kind::InternationalPhone, Kind::Phone];
    let counted = kinds.into_iter().map(|kind| (kind, evidence.count(kind)));
    counted
        .filter(|(_, count)| count * 100 >= evidence.filled.max(1) * TELLING)
        .max_by_key(|(_, count)| *count)
}

/// What cells of a kind are called, and what else to know.
fn kind_words(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Card => (
            "card numbers: Luhn check and a known scheme",
            "or keep = \"6+4\", which leaves less to be hidden; `mask` with keep = \"0+4\"; `seal`",
        ),
        Kind::Iban => (
            "IBANs: a known country, its length and the check digits",
            "or keep = \"bank\"; `pseudonym`, to join on it; `seal`",
        ),
        Kind::Email => (
            "e-mail addresses",
            "the domain stays; or domain = \"token\"; `pseudonym` with normalize = \"email\"; `seal`",
        ),
        Kind::Uuid => ("UUIDs", "or `pseudonym`, to join on it without a way back"),
        Kind::Ipv4 => ("IPv4 addresses", "or format = \"ip\", by which neighbours stay neighbours; `drop`"),
        Kind::Ipv6 => ("IPv6 addresses", "or format = \"ip\", by which neighbours stay neighbours; `drop`"),
        Kind::Ssn => (
            "US social security numbers that can have been issued",
            "or `pseudonym` with normalize = \"digits\", to join on it; `seal`",
        ),
        Kind::InternationalPhone => (
            "telephone numbers with a country code",
            "or keep = \"country+3\" for the area code; `mask` with keep = \"0+4\"; `seal`",
        ),
        Kind::Phone => ("telephone numbers", "or `mask` with keep = \"0+4\"; `seal`"),
        Kind::DateTime => {
            ("dates with a time of day", "or another length: \"4\" for the year, \"10\" for the day")
        }
        Kind::Date(_) => {
            ("dates", "or a token: format = \"date\" with a `range` of 1,000,000 days at least; `drop`")
        }
        Kind::Number => ("numbers", "or another `width`"),
        Kind::Name => ("names: letters, spaces and - ' . ,", "or `seal`; `drop`"),
    }
}

fn protect(mode: &str) -> Settings {
    Settings { protect: mode.into(), ..Settings::default() }
}

fn token(settings: &[(&str, &str)]) -> Settings {
    let setting = |name| settings.iter().find(|(given, _)| *given == name).map(|(_, value)| (*value).into());
    Settings { format: setting("format"), keep: setting("keep"), ..protect("token") }
}

fn generalize(to: &str) -> Settings {
    Settings { to: Some(to.into()), ..protect("generalize") }
}

fn plain(mode: &str, found: String, also: &str) -> Proposal {
    Proposal { settings: protect(mode), found, also: also.into() }
}

fn free_text(found: &str) -> Proposal {
    plain("drop", found.into(), "names and more can stand in it; or `seal`")
}

/// Of a kind of its own: the same value in two columns does not give the same pseudonym.
fn pseudonym(name: &str, found: String) -> Proposal {
    let settings =
        Settings { scope: Some("analytics".into()), kind: Some(name.into()), ..protect("pseudonym") };
    let also = "joins with other files of the same `scope` and `kind`; or `seal`, `drop`".into();
    Proposal { settings, found, also }
}

fn bucket(width: u32, found: String) -> Proposal {
    let settings = Settings { width: Some(width), ..generalize("bucket") };
    Proposal {
        settings,
        found,
        also: "or another `width`; `drop`; `keep` only if it singles nobody out".into(),
    }
}

/// About ten buckets up to the longest number.
fn width(evidence: &Evidence) -> u32 {
    10u32.pow(evidence.whole_digits.saturating_sub(1).clamp(1, 9) as u32)
}

/// `98.7 % of 9,412 cells are …`; never rounded up to all of them.
fn share(part: u64, all: u64, what: &str) -> String {
    match part == all {
        true => format!("all {} cells are {what}", grouped(all)),
        false => {
            let thousandths = part * 1000 / all.max(1);
            format!("{}.{} % of {} cells are {what}", thousandths / 10, thousandths % 10, grouped(all))
        }
    }
}

/// With a comma between groups of three digits.
pub(super) fn grouped(number: u64) -> String {
    format!("{:#}", Natural::from(u128::from(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_never_rounded_up() {
        assert_eq!(share(9999, 10_000, "x"), "99.9 % of 10,000 cells are x");
        assert_eq!(share(1_234_567, 1_234_567, "x"), "all 1,234,567 cells are x");
        assert_eq!(share(0, 0, "x"), "all 0 cells are x");
        assert_eq!(share(1, 3, "x"), "33.3 % of 3 cells are x");
    }
}
