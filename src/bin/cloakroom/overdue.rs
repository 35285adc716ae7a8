//! Primaries whose cryptoperiod is over: a warning wherever keys are used to protect.

use crate::files::say;
use crate::keys::now;
use cloakroom::keys::{KeyUse, Keyset};

/// One line on standard error, if any primary is overdue.
pub fn warn(keyset: &Keyset) {
    let overdue = keyset.overdue(now());
    let Some(first) = overdue.first() else { return };
    let (of, command) = match &first.use_ {
        None => ("everything".to_owned(), "cloakroom rotate".to_owned()),
        Some(use_) => (use_.to_string(), format!("cloakroom rotate {}", options(use_))),
    };
    let more = match overdue.len() - 1 {
        0 => String::new(),
        n => format!(", and {n} more are overdue"),
    };
    say(format_args!(
        "warning: key version {} has been the primary of {of} for {} days, its cryptoperiod is {} days{more}: run `{command}`",
        first.version, first.age_days, first.limit_days
    ));
}

fn options(use_: &KeyUse) -> String {
    match use_ {
        KeyUse::Field { tenant, field } => {
            format!("--field {:?} --tenant {:?}", field.as_str(), tenant.as_str())
        }
        KeyUse::Scope { tenant, scope } => {
            format!("--scope {:?} --tenant {:?}", scope.as_str(), tenant.as_str())
        }
    }
}
