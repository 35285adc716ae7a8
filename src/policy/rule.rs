//! What is done to a field: its settings, checked.

use super::Empty;
use super::settings::Settings;
use super::{random_token, token_format};
use crate::crypto::aead::Suite;
use crate::error::{Error, Result};
use crate::format::{DatePattern, Format, Normalization};
use crate::name::{FieldName, Scope};
use crate::protect::{
    BlindIndex, Erasability, Generalize, Mask, Pseudonymizer, Sealer, Spelling, SubjectSealer, Tokenizer,
};
use crate::vault::{RandomTokens, TokenRules};

/// How a field is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table in the module's documentation")]
pub enum Rule {
    Token(Format),
    RandomToken(TokenRules),
    Pseudonym { scope: Scope, kind: String, normalization: Normalization, spelling: Spelling },
    Seal(Suite),
    Mask(Mask),
    Generalize(Generalize),
    Keep,
    Drop,
}

/// Which setting is wrong, and why.
pub(super) type Wrong = (&'static str, String);

impl Rule {
    /// Checks the settings of a field.
    ///
    /// # Errors
    /// [`Error::Setting`] for an unknown value, a setting that does not go with the mode, a missing one, or a format with
    /// too small a domain.
    pub fn new(settings: &Settings) -> Result<(Rule, Empty)> {
        Self::check(settings).map_err(|(setting, problem)| Error::Setting { what: setting, problem })
    }

    pub(super) fn check(s: &Settings) -> Result<(Rule, Empty), Wrong> {
        let token_allowed;
        let allowed: &[&str] = match s.protect.as_str() {
            "token" => {
                token_allowed = token_format::allowed(s)?;
                &token_allowed
            }
            "pseudonym" if s.spelling.as_deref() == Some("int63") => {
                &["scope", "normalize", "spelling", "population", "kind"]
            }
            "random-token" => {
                token_allowed = random_token::allowed(s)?;
                &token_allowed
            }
            "pseudonym" => &["scope", "normalize", "spelling", "kind"],
            "seal" => match s.index {
                None => &["suite"],
                Some(_) => &["suite", "index", "normalize"],
            },
            "mask" => &["keep", "with"],
            "generalize" => match s.to.as_deref() {
                Some("year" | "month") => &["to", "date"],
                Some("bucket") => &["to", "width"],
                Some("prefix") => &["to", "length"],
                Some(_) => return Err(one_of("to", &["year", "month", "bucket", "prefix"])),
                None => return Err(missing("to")),
            },
            "keep" | "drop" => &[],
            _ => {
                return Err(one_of(
                    "protect",
                    &["token", "random-token", "pseudonym", "seal", "mask", "generalize", "keep", "drop"],
                ));
            }
        };
        if let Some(stray) = s.given().into_iter().find(|given| !allowed.contains(given)) {
            let with = match (stray, &s.to) {
                ("population", _) => " without spelling = \"int63\"".to_owned(),
                (_, Some(to)) => format!(" to = {to:?}"),
                _ => String::new(),
            };
            return Err((stray, format!("does not go with protect = {:?}{with}", s.protect)));
        }
        let empty =
            choose("empty", &s.empty, Empty::Keep, &[("keep", Empty::Keep), ("error", Empty::Error)])?;
        let rule = match s.protect.as_str() {
            "token" => Rule::Token(token_format::format(s)?),
            "random-token" => Rule::RandomToken(random_token::rules(s)?),
            "pseudonym" => pseudonym(s)?,
            "seal" => {
                let suites =
                    [("xaes-256-gcm", Suite::Xaes256Gcm), ("xchacha20-poly1305", Suite::XChaCha20Poly1305)];
                Rule::Seal(choose("suite", &s.suite, Suite::Xaes256Gcm, &suites)?)
            }
            "mask" => {
                let (first, last) = keep(s)?;
                let mut with = s.with.as_deref().unwrap_or("*").chars();
                let (Some(c), None) = (with.next(), with.next()) else {
                    return Err(("with", "must be one character".into()));
                };
                Rule::Mask(Mask::new(first, last, c).map_err(in_setting("with"))?)
            }
            "generalize" => Rule::Generalize(generalize(s)?),
            "keep" => Rule::Keep,
            _ => Rule::Drop,
        };
        Ok((rule, empty))
    }

    /// The name of the mode.
    pub fn mode(&self) -> &'static str {
        match self {
            Rule::Token(_) => "token",
            Rule::RandomToken(_) => "random-token",
            Rule::Pseudonym { .. } => "pseudonym",
            Rule::Seal(_) => "seal",
            Rule::Mask(_) => "mask",
            Rule::Generalize(_) => "generalize",
            Rule::Keep => "keep",
            Rule::Drop => "drop",
        }
    }

    /// Whether the original comes back.
    pub fn is_reversible(&self) -> bool {
        matches!(self, Rule::Token(_) | Rule::RandomToken(_) | Rule::Seal(_) | Rule::Keep)
    }

    /// What makes the protected value unreadable for good.
    pub fn erasability(&self, in_vault: bool) -> Erasability {
        match self {
            Rule::Token(_) => Tokenizer::ERASABILITY,
            Rule::RandomToken(_) => RandomTokens::ERASABILITY,
            Rule::Pseudonym { .. } => Pseudonymizer::ERASABILITY,
            Rule::Seal(_) if in_vault => SubjectSealer::ERASABILITY,
            Rule::Seal(_) => Sealer::ERASABILITY,
            Rule::Mask(_) => Mask::ERASABILITY,
            Rule::Generalize(_) => Generalize::ERASABILITY,
            Rule::Keep | Rule::Drop => Erasability::Clear,
        }
    }
}

fn pseudonym(s: &Settings) -> Result<Rule, Wrong> {
    let scope = s.scope.as_ref().ok_or_else(|| missing("scope"))?;
    let spellings = [
        ("base64url", Some(Spelling::Base64Url)),
        ("hex", Some(Spelling::Hex)),
        ("uuid", Some(Spelling::Uuid)),
        ("crockford", Some(Spelling::Crockford)),
        ("int63", None),
    ];
    let spelling = match choose("spelling", &s.spelling, Some(Spelling::Base64Url), &spellings)? {
        Some(spelling) => spelling,
        None => {
            let population = s.population.ok_or_else(|| missing("population"))?;
            Spelling::int63(population).map_err(in_setting("population"))?
        }
    };
    Ok(Rule::Pseudonym {
        scope: Scope::new(scope).map_err(in_setting("scope"))?,
        kind: s.kind.clone().unwrap_or_default(),
        normalization: normalization(s)?,
        spelling,
    })
}

fn normalization(s: &Settings) -> Result<Normalization, Wrong> {
    let normalizations = [
        ("none", Normalization::None),
        ("text", Normalization::Text),
        ("email", Normalization::Email),
        ("digits", Normalization::Digits),
    ];
    choose("normalize", &s.normalize, Normalization::None, &normalizations)
}

/// The blind index that a vault keeps of a sealed field.
pub(super) fn index(field: &FieldName, s: &Settings) -> Result<Option<BlindIndex>, Wrong> {
    let Some(bits) = s.index else { return Ok(None) };
    let bits = u8::try_from(bits).unwrap_or(u8::MAX);
    BlindIndex::field(field.clone(), normalization(s)?, bits).map(Some).map_err(in_setting("index"))
}

fn generalize(s: &Settings) -> Result<Generalize, Wrong> {
    let date = || DatePattern::new(s.date.as_deref().unwrap_or(DatePattern::ISO)).map_err(in_setting("date"));
    match s.to.as_deref() {
        Some("year") => Ok(Generalize::Year(date()?)),
        Some("month") => Ok(Generalize::Month(date()?)),
        Some("bucket") => {
            let width = s.width.ok_or_else(|| missing("width"))?;
            Generalize::bucket(width).map_err(in_setting("width"))
        }
        _ => {
            let length = s.length.as_ref().ok_or_else(|| missing("length"))?;
            match length.parse() {
                Ok(n) if n > 0 => Ok(Generalize::Prefix(n)),
                _ => Err(("length", "must be a number of characters, at least \"1\"".into())),
            }
        }
    }
}

/// `"6+4"`: the first 6 and the last 4.
pub(super) fn keep(s: &Settings) -> Result<(usize, usize), Wrong> {
    let Some(keep) = &s.keep else { return Ok((0, 0)) };
    let parsed =
        keep.split_once('+').and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    parsed.ok_or(("keep", "must be two numbers, like \"6+4\": so many first and last characters".into()))
}

pub(super) fn choose<T: Copy>(
    setting: &'static str,
    given: &Option<String>,
    default: T,
    choices: &[(&str, T)],
) -> Result<T, Wrong> {
    let Some(given) = given else { return Ok(default) };
    let chosen = choices.iter().find(|(name, _)| name == given);
    let names = || choices.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    chosen.map(|(_, value)| *value).ok_or_else(|| one_of(setting, &names()))
}

pub(super) fn one_of(setting: &'static str, choices: &[&str]) -> Wrong {
    (setting, format!("must be one of {}", choices.join(", ")))
}

pub(super) fn missing(setting: &'static str) -> Wrong {
    (setting, "is missing".into())
}

pub(super) fn in_setting(setting: &'static str) -> impl FnOnce(Error) -> Wrong {
    move |error| match error {
        // It says itself which setting is wrong.
        Error::Setting { problem, .. } => (setting, problem),
        other => (setting, other.to_string()),
    }
}
