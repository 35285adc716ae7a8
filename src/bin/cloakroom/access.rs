//! Who asks, and for what; and who changes something.

use clap::Args;
use cloakroom::duties::Access;
use cloakroom::name::{Principal, Purpose};
use cloakroom::vault::{Tenant, Vault};
use cloakroom::{Error, Result};

#[derive(Args)]
pub struct AccessArgs {
    /// Who asks, by the name in the rules, or who changes something; or CLOAKROOM_PRINCIPAL.
    #[arg(long, value_name = "NAME")]
    pub principal: Option<String>,
    /// What for, by the name in the rules; or CLOAKROOM_PURPOSE.
    #[arg(long, value_name = "NAME")]
    pub purpose: Option<String>,
}

impl AccessArgs {
    /// `None` where neither is named.
    pub fn access(&self) -> Result<Option<Access>> {
        match self.named()? {
            (Some(principal), Some(purpose)) => Ok(Some(Access { principal, purpose })),
            (None, None) => Ok(None),
            (Some(_), None) => Err(missing("--purpose")),
            (None, Some(_)) => Err(missing("--principal")),
        }
    }

    /// The tenant, for a change of which the log says who made it. Where there are rules somebody has to be named; not what for,
    /// nor somebody of the rules: who changes need not be shown anything.
    pub fn signed<'v>(&self, vault: &Vault, tenant: Tenant<'v>) -> Result<Tenant<'v>> {
        match self.named()? {
            (None, Some(_)) => Err(missing("--principal")),
            (None, None) if vault.installed_rules().is_some() => Err(Error::Denied {
                code: "no-principal",
                problem:
                    "this vault has rules, and its log says who changes what: name who does (`--principal`)"
                        .into(),
            }),
            (None, None) => Ok(tenant),
            (Some(principal), Some(purpose)) => Ok(tenant.by(Access { principal, purpose })),
            (Some(principal), None) => Ok(tenant.in_the_name_of(principal)),
        }
    }

    fn named(&self) -> Result<(Option<Principal>, Option<Purpose>)> {
        let named = |argument: &Option<String>, variable| {
            let set = || std::env::var(variable).ok().filter(|name| !name.is_empty());
            argument.clone().or_else(set)
        };
        let principal = named(&self.principal, "CLOAKROOM_PRINCIPAL");
        let purpose = named(&self.purpose, "CLOAKROOM_PURPOSE");
        let principal = principal.as_deref().map(Principal::new).transpose()?;
        Ok((principal, purpose.as_deref().map(Purpose::new).transpose()?))
    }
}

fn missing(what: &'static str) -> Error {
    Error::Setting { what, problem: "is needed: who asks must say what for".into() }
}
