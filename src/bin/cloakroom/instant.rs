//! An instant that an option names.

use crate::shown::Shown;
use cloakroom::time::Timestamp;
use cloakroom::{Error, Result};

/// The instant; what is wrong with it is said with the option and what was given to it, since a command takes several.
pub fn instant(option: &'static str, text: &str) -> Result<Timestamp> {
    Timestamp::parse(text).map_err(|error| match error {
        Error::Setting { problem, .. } => {
            Error::Setting { what: option, problem: format!("the time \"{}\" {problem}", Shown(text, 64)) }
        }
        other => other,
    })
}
