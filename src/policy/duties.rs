//! The sections about duties: `[purpose.…]`, `[role.…]`, `[principal.…]`, `[approvals]`, `[register]`, and what a field says
//! about them; checked into [`Rules`].

use super::settings::Settings;
use crate::crypto::sign::VerifyingKey;
use crate::duties::{
    ApprovalRules, Basis, Budget, FieldRules, OverBudget, Permission, PrincipalRules, PurposeRules, Register,
    RoleRules, Rules,
};
use crate::error::{Error, Result};
use crate::name::{FieldName, Note, Principal, Purpose, RoleName};
use crate::time;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

const BASES: [(&str, Basis); 6] = [
    ("consent", Basis::Consent),
    ("contract", Basis::Contract),
    ("legal-obligation", Basis::LegalObligation),
    ("vital-interests", Basis::VitalInterests),
    ("public-task", Basis::PublicTask),
    ("legitimate-interests", Basis::LegitimateInterests),
];

/// The sections as they are written.
#[derive(Default)]
pub(super) struct Sections {
    pub(super) purpose: BTreeMap<String, PurposeSection>,
    pub(super) role: BTreeMap<String, RoleSection>,
    pub(super) principal: BTreeMap<String, PrincipalSection>,
    pub(super) approvals: ApprovalsSection,
    pub(super) register: RegisterSection,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PurposeSection {
    basis: String,
    text: Option<String>,
    #[serde(default)]
    recipients: Vec<String>,
    #[serde(default)]
    special: bool,
    #[serde(default)]
    despite_restriction: bool,
    #[serde(default)]
    despite_hold: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleSection {
    purposes: Vec<String>,
    #[serde(default)]
    reveal: BTreeMap<String, String>,
    budget: Option<u32>,
    over_budget: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PrincipalSection {
    #[serde(default)]
    roles: Vec<String>,
    key: Option<String>,
    #[serde(default)]
    approves: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApprovalsSection {
    bulk: Option<u32>,
    valid: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterSection {
    controller: Option<String>,
    contact: Option<String>,
    dpo: Option<String>,
}

/// What is wrong, and the path of the key where it stands.
type Wrong<'s> = (Vec<&'s str>, String);

impl Sections {
    /// The rules; `line` finds the line of a path of keys.
    ///
    /// # Errors
    /// [`Error::Policy`] for a value that is none, and for a name that is declared nowhere.
    pub(super) fn rules<'s>(
        &'s self,
        fields: impl Iterator<Item = (&'s FieldName, &'s Settings)>,
        line: impl Fn(&[&str]) -> usize,
    ) -> Result<Rules> {
        self.check(fields).map_err(|(path, problem)| {
            let field = if path[0] == "field" { path[1].to_owned() } else { String::new() };
            let place = match path.as_slice() {
                ["field", _, key] | [_, key] => format!("`{key}`"),
                [section, name, keys @ ..] => {
                    format!("`{}` of {section} {name:?}", keys.join("."))
                }
                _ => String::new(),
            };
            Error::Policy { line: line(&path), field, problem: format!("{place} {problem}") }
        })
    }

    fn check<'s>(
        &'s self,
        fields: impl Iterator<Item = (&'s FieldName, &'s Settings)>,
    ) -> Result<Rules, Wrong<'s>> {
        let mut rules = Rules::default();
        for (name, section) in &self.purpose {
            let at = |key, problem| (vec!["purpose", name, key], problem);
            let key = Purpose::new(name).map_err(|e| (vec!["purpose", name], e.to_string()))?;
            rules.purposes.insert(key, section.check().map_err(|(key, problem)| at(key, problem))?);
        }
        for (name, settings) in fields {
            let field = field_rules(settings, &rules.purposes);
            let field = field.map_err(|(key, problem)| (vec!["field", name.as_str(), key], problem))?;
            rules.fields.insert(name.clone(), field);
        }
        for (name, section) in &self.role {
            let key = RoleName::new(name).map_err(|e| (vec!["role", name], e.to_string()))?;
            let role = section.check(&rules);
            let role = role.map_err(|(keys, problem)| ([vec!["role", name], keys].concat(), problem))?;
            rules.roles.insert(key, role);
        }
        for (name, section) in &self.principal {
            let key = Principal::new(name).map_err(|e| (vec!["principal", name], e.to_string()))?;
            let principal = section.check(&rules.roles);
            let principal = principal.map_err(|(key, problem)| (vec!["principal", name, key], problem))?;
            let key_of = |other: &PrincipalRules| principal.key.is_some() && other.key == principal.key;
            if let Some((other, _)) = rules.principals.iter().find(|(_, other)| key_of(other)) {
                let problem = format!("is that of {:?}, too: a key is one principal's", other.as_str());
                return Err((vec!["principal", name, "key"], problem));
            }
            rules.principals.insert(key, principal);
        }
        rules.approvals = self.approvals.check().map_err(|problem| (vec!["approvals", "valid"], problem))?;
        rules.register = self.register.check().map_err(|(key, problem)| (vec!["register", key], problem))?;
        // Fields that say nothing about duties make no rules of a policy without any.
        match self.is_empty() && rules.fields.values().all(|field| *field == FieldRules::default()) {
            true => Ok(Rules::default()),
            false => Ok(rules),
        }
    }

    fn is_empty(&self) -> bool {
        let RegisterSection { controller, contact, dpo } = &self.register;
        self.purpose.is_empty()
            && self.role.is_empty()
            && self.principal.is_empty()
            && self.approvals.bulk.is_none()
            && self.approvals.valid.is_none()
            && [controller, contact, dpo].iter().all(|text| text.is_none())
    }
}

impl PurposeSection {
    fn check(&self) -> Result<PurposeRules, (&'static str, String)> {
        let basis = BASES.iter().find(|(name, _)| *name == self.basis).map(|(_, basis)| *basis);
        let basis = basis.ok_or_else(|| {
            let names = BASES.map(|(name, _)| name).join(", ");
            ("basis", format!("must be one of {names} (GDPR Art. 6(1) a to f)"))
        })?;
        let recipients = self.recipients.iter().map(|text| Note::new(text));
        Ok(PurposeRules {
            basis,
            text: note(&self.text).map_err(|problem| ("text", problem))?,
            recipients: recipients.collect::<Result<_>>().map_err(|e| ("recipients", e.to_string()))?,
            special: self.special,
            despite_restriction: self.despite_restriction,
            despite_hold: self.despite_hold,
        })
    }
}

fn field_rules(
    s: &Settings,
    purposes: &BTreeMap<Purpose, PurposeRules>,
) -> Result<FieldRules, (&'static str, String)> {
    let given = s.purposes.as_deref().unwrap_or_default();
    let retention =
        s.retention.as_deref().map(time::parse_span).transpose().map_err(|e| ("retention", problem(e)))?;
    Ok(FieldRules {
        category: note(&s.category).map_err(|problem| ("category", problem))?,
        purposes: declared(given, "purpose", Purpose::new, |name| purposes.contains_key(name))
            .map_err(|problem| ("purposes", problem))?,
        retention,
        special: s.special.unwrap_or(false),
    })
}

impl RoleSection {
    fn check(&self, rules: &Rules) -> Result<RoleRules, (Vec<&str>, String)> {
        let known = |name: &Purpose| rules.purposes.contains_key(name);
        let purposes = declared(&self.purposes, "purpose", Purpose::new, known)
            .map_err(|problem| (vec!["purposes"], problem))?;
        let mut reveal = BTreeMap::new();
        for (name, permission) in &self.reveal {
            let wrong = |problem: String| (vec!["reveal", name], problem);
            let field = FieldName::new(name).map_err(|e| wrong(e.to_string()))?;
            if !rules.fields.contains_key(&field) {
                return Err(wrong("is no field of this policy".into()));
            }
            reveal.insert(field, Permission::parse(permission).map_err(|e| wrong(problem(e)))?);
        }
        let over = match self.over_budget.as_deref() {
            None | Some("refuse") => OverBudget::Refuse,
            Some("alert") => OverBudget::Alert,
            Some(_) => return Err((vec!["over_budget"], "must be one of refuse, alert".into())),
        };
        if self.over_budget.is_some() && self.budget.is_none() {
            return Err((vec!["over_budget"], "goes with a `budget`, a number of values in an hour".into()));
        }
        let budget = self.budget.map(|per_hour| Budget { per_hour, over });
        Ok(RoleRules { purposes, reveal, budget })
    }
}

impl PrincipalSection {
    fn check(&self, known: &BTreeMap<RoleName, RoleRules>) -> Result<PrincipalRules, (&'static str, String)> {
        let roles = declared(&self.roles, "role", RoleName::new, |name| known.contains_key(name))
            .map_err(|problem| ("roles", problem))?;
        let key = self.key.as_deref().map(VerifyingKey::from_text).transpose();
        let key = key.map_err(|e| match e {
            Error::KeySource { problem, .. } => ("key", problem),
            other => ("key", other.to_string()),
        })?;
        if self.approves && key.is_none() {
            return Err(("approves", "takes a `key`, the public key that verifies the approvals".into()));
        }
        Ok(PrincipalRules { roles, key, approves: self.approves })
    }
}

impl ApprovalsSection {
    fn check(&self) -> Result<ApprovalRules, String> {
        let valid = self.valid.as_deref().map(time::parse_span).transpose().map_err(problem)?;
        let default = ApprovalRules::default();
        Ok(ApprovalRules { bulk: self.bulk, valid: valid.unwrap_or(default.valid) })
    }
}

impl RegisterSection {
    fn check(&self) -> Result<Register, (&'static str, String)> {
        let text = |key, text| note(text).map_err(|problem| (key, problem));
        Ok(Register {
            controller: text("controller", &self.controller)?,
            contact: text("contact", &self.contact)?,
            dpo: text("dpo", &self.dpo)?,
        })
    }
}

/// Names, each of something that is declared.
fn declared<T: Ord>(
    names: &[String],
    kind: &str,
    new: impl Fn(&str) -> Result<T>,
    is_declared: impl Fn(&T) -> bool,
) -> Result<BTreeSet<T>, String> {
    let mut all = BTreeSet::new();
    for name in names {
        let undeclared =
            || format!("names {name:?}, which is no {kind} of this policy: declare [{kind}.{name}]");
        let known = new(name).ok().filter(|name| is_declared(name)).ok_or_else(undeclared)?;
        if !all.insert(known) {
            return Err(format!("names {name:?} twice"));
        }
    }
    Ok(all)
}

fn note(text: &Option<String>) -> Result<Option<Note>, String> {
    text.as_deref().map(Note::new).transpose().map_err(|e| e.to_string())
}

fn problem(error: Error) -> String {
    match error {
        Error::Setting { problem, .. } => problem,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use crate::duties::{Basis, Budget, OverBudget, Permission, Rules};
    use crate::name::{FieldName, Principal, Purpose, RoleName};
    use crate::policy::Policy;

    const EXAMPLE: &str = include_str!("../../examples/duties.policy.toml");
    /// Seven lines.
    const HEAD: &str = "version = 1\ntenant = \"acme\"\n[field.a]\nprotect = \"keep\"\n[purpose.p]\nbasis = \"contract\"\n\n";
    const KEY: &str = "cloakroom-public-key-1:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    #[test]
    fn the_example_is_read_whole() {
        let policy = Policy::parse(EXAMPLE).unwrap();
        let rules = policy.rules();
        let support = &rules.purposes[&Purpose::new("support").unwrap()];
        assert_eq!((support.basis, support.recipients.len()), (Basis::Contract, 1));
        let claims = &rules.purposes[&Purpose::new("claims").unwrap()];
        assert!(claims.despite_restriction && claims.despite_hold && !claims.special);
        let agent = &rules.roles[&RoleName::new("agent").unwrap()];
        assert_eq!(agent.budget, Some(Budget { per_hour: 500, over: OverBudget::Refuse }));
        let phone = FieldName::new("phone").unwrap();
        assert_eq!(agent.reveal[&phone], Permission::parse("mask 0+4").unwrap());
        assert_eq!(rules.retention(&phone), Some(2 * 365 * 86_400));
        assert_eq!(rules.retention(&FieldName::new("customer_id").unwrap()), None);
        assert!(rules.fields[&FieldName::new("allergies").unwrap()].special);
        let bob = &rules.principals[&Principal::new("bob").unwrap()];
        assert!(bob.approves && bob.key.as_ref().unwrap().to_string().starts_with("cloakroom-public-key-1:"));
        assert_eq!((rules.bulk_limit(), rules.approvals.valid), (Some(1000), 86_400));
        assert!(rules.register.dpo.is_some());
        assert_eq!(Rules::parse(&rules.to_bytes()).unwrap(), *rules);
    }

    // SPEC: DUTY-4
    #[test]
    fn a_policy_without_a_word_about_duties_has_no_rules() {
        for text in [
            include_str!("../../examples/customers.policy.toml"),
            "version = 1\ntenant = \"a\"\nfield.x.protect = \"keep\"\n",
        ] {
            assert!(Policy::parse(text).unwrap().rules().is_empty());
        }
        assert!(!Policy::parse(HEAD).unwrap().rules().is_empty());
        assert!(
            !Policy::parse(
                "version = 1\ntenant = \"a\"\nfield.x = { protect = \"keep\", retention = \"2y\" }\n"
            )
            .unwrap()
            .rules()
            .is_empty()
        );
    }

    // SPEC: DUTY-4
    #[test]
    fn errors_name_the_line_and_what_is_declared_nowhere() {
        for (section, expected) in [
            (
                "[purpose.q]\nbasis = \"fun\"",
                "policy line 9: `basis` of purpose \"q\" must be one of consent, contract",
            ),
            ("[purpose.q]\ntext = \"x\"", "policy line 8: missing field `basis`"),
            ("[purpose.q]\nbasis = \"consent\"\nspecial = 1", "policy line 10: invalid type"),
            ("[purpose.q]\nbasis = \"consent\"\ncolour = 1", "policy line 10: unknown field `colour`"),
            (
                "[purpose.q]\nbasis = \"consent\"\ntext = \"\"",
                "policy line 10: `text` of purpose \"q\" text is empty",
            ),
            (
                "[purpose.q]\nbasis = \"consent\"\nrecipients = [\"a\", \" b\"]",
                "policy line 10: `recipients` of purpose \"q\" text begins",
            ),
            ("[purpose.\" q\"]\nbasis = \"consent\"", "policy line 8: "),
            (
                "[role.r]\npurposes = [\"q\"]",
                "policy line 9: `purposes` of role \"r\" names \"q\", which is no purpose of this policy: declare [purpose.q]",
            ),
            (
                "[role.r]\npurposes = [\"p\", \"p\"]",
                "policy line 9: `purposes` of role \"r\" names \"p\" twice",
            ),
            (
                "[role.r]\npurposes = []\n[role.r.reveal]\nb = \"full\"",
                "policy line 11: `reveal.b` of role \"r\" is no field of this policy",
            ),
            (
                "[role.r]\npurposes = []\n[role.r.reveal]\na = \"all\"",
                "policy line 11: `reveal.a` of role \"r\" must be full, token, or a mask",
            ),
            (
                "[role.r]\npurposes = []\nover_budget = \"alert\"",
                "policy line 10: `over_budget` of role \"r\" goes with a `budget`",
            ),
            (
                "[role.r]\npurposes = []\nbudget = 1\nover_budget = \"ask\"",
                "policy line 11: `over_budget` of role \"r\" must be one of refuse, alert",
            ),
            ("[role.r]\npurposes = []\nbudget = -1", "policy line 10: invalid value"),
            (
                "[principal.x]\nroles = [\"r\"]",
                "policy line 9: `roles` of principal \"x\" names \"r\", which is no role",
            ),
            ("[principal.x]\napproves = true", "policy line 9: `approves` of principal \"x\" takes a `key`"),
            ("[principal.x]\nkey = \"abc\"", "policy line 9: `key` of principal \"x\" does not begin with"),
            ("[approvals]\nvalid = \"soon\"", "policy line 9: `valid` must be a number of hours"),
            ("[approvals]\nbulk = \"1\"", "policy line 9: invalid type"),
            ("[register]\ndpo = \"\"", "policy line 9: `dpo` text is empty"),
            ("[register]\nphone = \"1\"", "policy line 9: unknown field `phone`"),
            (
                "[field.b]\nprotect = \"keep\"\npurposes = [\"q\"]",
                "policy line 10, field \"b\": `purposes` names \"q\", which is no purpose",
            ),
            (
                "[field.b]\nprotect = \"keep\"\nretention = \"2\"",
                "policy line 10, field \"b\": `retention` must be a number of hours",
            ),
            (
                "[field.b]\nprotect = \"keep\"\ncategory = \"\"",
                "policy line 10, field \"b\": `category` text is empty",
            ),
        ] {
            let found = Policy::parse(&format!("{HEAD}{section}\n")).unwrap_err().to_string();
            assert!(found.starts_with(expected), "{section}\n{found}");
        }
        let twice = format!("{HEAD}[principal.x]\nkey = \"{KEY}\"\n[principal.y]\nkey = \"{KEY}\"\n");
        let found = Policy::parse(&twice).unwrap_err().to_string();
        assert_eq!(
            found,
            "policy line 11: `key` of principal \"y\" is that of \"x\", too: a key is one principal's"
        );
    }
}
