//! Who asks, and for what.

use clap::Args;
use cloakroom::duties::Access;
use cloakroom::name::{Principal, Purpose};
use cloakroom::{Error, Result};

#[derive(Args)]
pub struct AccessArgs {
    /// Who asks, by the name in the rules; or CLOAKROOM_PRINCIPAL.
    #[arg(long, value_name = "NAME")]
    pub principal: Option<String>,
    /// What for, by the name in the rules; or CLOAKROOM_PURPOSE.
    #[arg(long, value_name = "NAME")]
    pub purpose: Option<String>,
}

impl AccessArgs {
    /// `None` where neither is named.
    pub fn access(&self) -> Result<Option<Access>> {
        let named = |argument: &Option<String>, variable| {
            let set = || std::env::var(variable).ok().filter(|name| !name.is_empty());
            argument.clone().or_else(set)
        };
        match (named(&self.principal, "CLOAKROOM_PRINCIPAL"), named(&self.purpose, "CLOAKROOM_PURPOSE")) {
            (Some(principal), Some(purpose)) => {
                Ok(Some(Access { principal: Principal::new(&principal)?, purpose: Purpose::new(&purpose)? }))
            }
            (None, None) => Ok(None),
            (Some(_), None) => Err(missing("--purpose")),
            (None, Some(_)) => Err(missing("--principal")),
        }
    }
}

fn missing(what: &'static str) -> Error {
    Error::Setting { what, problem: "is needed: who asks must say what for".into() }
}
