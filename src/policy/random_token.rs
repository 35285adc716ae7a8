//! What `protect = "random-token"` says: what tokens look like, and how long they last.

use super::rule::{Wrong, choose, in_setting};
use super::settings::Settings;
use super::token_format;
use crate::protect::Spelling;
use crate::vault::{Look, TokenRules};

const OPAQUE: [(&str, Spelling); 4] = [
    ("base64url", Spelling::Base64Url),
    ("hex", Spelling::Hex),
    ("uuid", Spelling::Uuid),
    ("crockford", Spelling::Crockford),
];

/// The settings that may stand beside it.
pub(super) fn allowed(s: &Settings) -> Result<Vec<&'static str>, Wrong> {
    let look = match s.opaque {
        Some(_) => vec!["opaque"],
        None => token_format::allowed(s)?,
    };
    Ok(look.into_iter().chain(["reuse", "lifetime"]).collect())
}

/// The rules, with a format that need not be large.
pub(super) fn rules(s: &Settings) -> Result<TokenRules, Wrong> {
    let look = match s.opaque {
        Some(_) => Look::Opaque(choose("opaque", &s.opaque, Spelling::Base64Url, &OPAQUE)?),
        None => Look::Like(token_format::describe_consistent(s)?),
    };
    let rules = TokenRules::new(look);
    let is_fresh = choose("reuse", &s.reuse, false, &[("always", false), ("never", true)])?;
    let rules = if is_fresh { rules.fresh() } else { rules };
    match &s.lifetime {
        None => Ok(rules),
        Some(lifetime) => {
            let days = lifetime.strip_suffix('d').and_then(|days| days.parse::<u32>().ok());
            let days = days.ok_or(("lifetime", "must be a number of days, like \"30d\"".to_owned()))?;
            rules.lasting(u64::from(days) * 86_400).map_err(in_setting("lifetime"))
        }
    }
}
