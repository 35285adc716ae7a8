//! The policy file as a whole: parsed, checked, with the line of whatever is wrong.

use super::duties::{
    ApprovalsSection, PrincipalSection, PurposeSection, RegisterSection, RoleSection, Sections,
};
use super::rule::{self, Rule, Wrong};
use super::settings::Settings;
use super::{Empty, Unlisted};
use crate::duties::Rules;
use crate::error::{Error, Result};
use crate::name::{FieldName, Scope, TenantId};
use crate::protect::BlindIndex;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A field of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Which column, by its trimmed header.
    pub name: FieldName,
    /// What is done to it.
    pub rule: Rule,
    /// What happens to its blank cells.
    pub empty: Empty,
    /// The blind index that a vault keeps of it.
    pub index: Option<BlindIndex>,
    /// How it was written.
    pub settings: Settings,
}

/// A checked policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whose keys.
    pub tenant: TenantId,
    /// The column that says whose row it is.
    pub subject: Option<FieldName>,
    /// What happens to columns that are not named.
    pub unlisted: Unlisted,
    /// The fields, by name.
    pub fields: Vec<Field>,
    /// From which scope to which pseudonyms may be moved, in the file's order.
    pub bridges: Vec<(Scope, Scope)>,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    rules: Rules,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    tenant: String,
    subject: Option<String>,
    unlisted: Option<String>,
    #[serde(default)]
    field: BTreeMap<String, Settings>,
    #[serde(default)]
    bridge: Vec<Ends>,
    #[serde(default)]
    purpose: BTreeMap<String, PurposeSection>,
    #[serde(default)]
    role: BTreeMap<String, RoleSection>,
    #[serde(default)]
    principal: BTreeMap<String, PrincipalSection>,
    #[serde(default)]
    approvals: ApprovalsSection,
    #[serde(default)]
    register: RegisterSection,
}

/// A `[[bridge]]` table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ends {
    from: String,
    to: String,
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// [`Error::Policy`] with line and field for anything that is not understood or contradicts itself.
    ///
    /// # Example
    /// ```
    /// use cloakroom::policy::Policy;
    /// let policy = Policy::parse("version = 1\ntenant = \"acme\"\n[field.card]\nprotect = \"token\"\nformat = \"card\"\n")?;
    /// assert_eq!(policy.fields[0].name.as_str(), "card");
    ///
    /// let error = Policy::parse("version = 1\ntenant = \"acme\"\n[field.x]\nprotect = \"mask\"\nscope = \"a\"\n");
    /// assert_eq!(error.unwrap_err().to_string(), "policy line 5, field \"x\": `scope` does not go with protect = \"mask\"");
    /// # Ok::<(), cloakroom::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self> {
        let place = |e: &toml::de::Error| e.span().map_or(1, |span| line_at(text, span.start));
        let tree = DeTable::parse(text).map_err(|e| Error::Policy {
            line: place(&e),
            field: String::new(),
            problem: e.message().to_owned(),
        })?;
        let tree = tree.get_ref();
        let lines = Lines { text, tree };
        let document: Document = toml::from_str(text).map_err(|e| {
            let line = place(&e);
            Error::Policy { line, field: lines.field_at(line), problem: e.message().to_owned() }
        })?;
        let wrong = |key: &str, problem: String| Error::Policy {
            line: lines.of(&[key]),
            field: String::new(),
            problem: format!("`{key}` {problem}"),
        };
        if document.version != 1 {
            return Err(wrong("version", "must be 1: this release knows no other".into()));
        }
        let tenant = TenantId::new(&document.tenant).map_err(|e| wrong("tenant", e.to_string()))?;
        let unlisted = match document.unlisted.as_deref() {
            None | Some("error") => Unlisted::Error,
            Some("drop") => Unlisted::Drop,
            Some(_) => return Err(wrong("unlisted", "must be one of error, drop".into())),
        };
        if document.field.is_empty() {
            return Err(wrong("field", "is missing: a policy names at least one field".into()));
        }
        let mut fields = vec![];
        for (name, settings) in document.field {
            let wrong = |line, problem| Error::Policy { line, field: name.clone(), problem };
            let line = lines.of(&["field", &name]);
            let field = FieldName::new(&name).map_err(|e| wrong(line, e.to_string()))?;
            let in_setting = |(setting, problem): Wrong| {
                wrong(lines.of(&["field", &name, setting]), format!("`{setting}` {problem}"))
            };
            let (rule, empty) = Rule::check(&settings).map_err(in_setting)?;
            let index = rule::index(&field, &settings).map_err(in_setting)?;
            fields.push(Field { name: field, rule, empty, index, settings });
        }
        let subject = match &document.subject {
            None => None,
            Some(name) => {
                let field = fields.iter().find(|f| f.name.as_str() == name);
                let missing =
                    || wrong("subject", format!("names {name:?}, which is no field of this policy"));
                Some(field.ok_or_else(missing)?.name.clone())
            }
        };
        let bridges = bridges(&document.bridge, &lines)?;
        let Document { purpose, role, principal, approvals, register, .. } = document;
        let sections = Sections { purpose, role, principal, approvals, register };
        let settings = fields.iter().map(|field| (&field.name, &field.settings));
        let rules = sections.rules(settings, |path| lines.of(path))?;
        let sha256 = Sha256::digest(text).into();
        Ok(Self { tenant, subject, unlisted, fields, bridges, sha256, rules })
    }

    /// Who may see what, for which purpose; empty in a policy without a word about it.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.name.as_str() == name)
    }

    /// Whether pseudonyms of one scope may be moved into another. A bridge leads one way; to give a scope another key
    /// version takes none.
    pub fn allows_bridge(&self, from: &Scope, to: &Scope) -> bool {
        self.bridges.iter().any(|(a, b)| (a, b) == (from, to))
    }
}

/// The bridges, each between two scopes and once.
fn bridges(tables: &[Ends], lines: &Lines<'_>) -> Result<Vec<(Scope, Scope)>> {
    let mut bridges = vec![];
    for (i, ends) in tables.iter().enumerate() {
        let wrong = |key, problem| Error::Policy {
            line: lines.of_bridge(i, key),
            field: String::new(),
            problem: format!("`{key}` of the bridge {problem}"),
        };
        let from = Scope::new(&ends.from).map_err(|e| wrong("from", e.to_string()))?;
        let to = Scope::new(&ends.to).map_err(|e| wrong("to", e.to_string()))?;
        if from == to {
            let problem = "is the scope that it comes from: another key version of a scope takes no bridge";
            return Err(wrong("to", problem.into()));
        }
        if bridges.contains(&(from.clone(), to.clone())) {
            return Err(wrong("from", format!("to {:?} is declared twice", to.as_str())));
        }
        bridges.push((from, to));
    }
    Ok(bridges)
}

/// Where things stand in the text.
struct Lines<'t> {
    text: &'t str,
    tree: &'t DeTable<'t>,
}

impl Lines<'_> {
    /// The line of the deepest key of the path that is there.
    fn of(&self, path: &[&str]) -> usize {
        let (mut table, mut line) = (Some(self.tree), 1);
        for name in path {
            let found = table.and_then(|t| t.iter().find(|(key, _)| key.get_ref() == name));
            let Some((key, value)) = found else { break };
            line = line_at(self.text, key.span().start);
            table = match value.get_ref() {
                DeValue::Table(table) => Some(table),
                _ => None,
            };
        }
        line
    }

    /// The line of a key of the bridge that is the i-th, or of the bridge.
    fn of_bridge(&self, i: usize, key: &str) -> usize {
        let Some(bridge) = self.bridges().get(i) else { return 1 };
        let place = match bridge.get_ref() {
            DeValue::Table(ends) => {
                ends.iter().find(|(name, _)| name.get_ref() == key).map(|(name, _)| name.span())
            }
            _ => None,
        };
        line_at(self.text, place.unwrap_or(bridge.span()).start)
    }

    /// The lines of a section's name, and of the names in it.
    fn starts_of(&self, section: &str) -> Vec<usize> {
        let found = self.tree.iter().find(|(key, _)| key.get_ref() == section);
        let Some((key, value)) = found else { return vec![] };
        let names = match value.get_ref() {
            DeValue::Table(table) => table.keys().map(|name| line_at(self.text, name.span().start)).collect(),
            _ => vec![],
        };
        [vec![line_at(self.text, key.span().start)], names].concat()
    }

    fn bridges(&self) -> &[Spanned<DeValue<'_>>] {
        match self.tree.get("bridge").map(|value| value.get_ref()) {
            Some(DeValue::Array(bridges)) => bridges,
            _ => &[],
        }
    }

    /// The field whose table a line is in: the last that begins at or above it, unless another table begins after it.
    fn field_at(&self, line: usize) -> String {
        let Some(DeValue::Table(fields)) = self.tree.get("field").map(|v| v.get_ref()) else {
            return String::new();
        };
        let fields =
            fields.iter().map(|(key, _)| (line_at(self.text, key.span().start), key.get_ref().as_ref()));
        let bridges = self.bridges().iter().map(|bridge| (line_at(self.text, bridge.span().start), ""));
        let sections = ["purpose", "role", "principal", "approvals", "register"].into_iter();
        let sections = sections.flat_map(|name| self.starts_of(name)).map(|line| (line, ""));
        let starts = fields.chain(bridges).chain(sections).filter(|(start, _)| *start <= line);
        starts.max().map(|(_, name)| name.to_owned()).unwrap_or_default()
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.as_bytes()[..offset.min(text.len())].iter().filter(|b| **b == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "version = 1\ntenant = \"acme\"\n";

    fn error(text: &str) -> String {
        Policy::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn the_whole_language() {
        let policy = Policy::parse(
            r#"
            version = 1
            tenant = "acme"
            subject = "customer id"
            unlisted = "drop"
            [field."customer id"]
            protect = "pseudonym"
            scope = "analytics"
            normalize = "text"
            spelling = "uuid"
            kind = "customer"
            [field]
            email = { protect = "seal", suite = "xchacha20-poly1305", empty = "error" }
            card = { protect = "token", format = "card", keep = "6+4", luhn = "break", separators = " -" }
            plate = { protect = "token", alphabet = "ABC0123", length = "8..9" }
            phone = { protect = "mask", keep = "0+4", with = "x" }
            born = { protect = "generalize", to = "month", date = "DD.MM.YYYY" }
            age = { protect = "generalize", to = "bucket", width = 10 }
            zip = { protect = "generalize", to = "prefix", length = "3" }
            order = { protect = "pseudonym", scope = "billing", spelling = "int63", population = 1000000 }
            country = { protect = "keep" }
            notes = { protect = "drop" }
            "#,
        )
        .unwrap();
        let modes: Vec<_> = policy.fields.iter().map(|f| f.rule.mode()).collect();
        assert_eq!(modes.len(), 11);
        assert_eq!(policy.field("email").unwrap().empty, Empty::Error);
        for field in &policy.fields {
            let json = serde_json::to_string(&field.settings).unwrap();
            let back: Settings = serde_json::from_str(&json).unwrap();
            assert_eq!(Rule::new(&back).unwrap(), (field.rule.clone(), field.empty), "{json}");
        }
    }

    // SPEC: FF1-2
    #[test]
    fn errors_name_line_and_field() {
        let with = |field: &str| error(&format!("{HEAD}[field.a]\nprotect = \"keep\"\n[field.x]\n{field}\n"));
        for (field, expected) in [
            ("protect = \"hide\"", "policy line 6, field \"x\": `protect` must be one of"),
            ("protect = \"token\"", "policy line 5, field \"x\": `format` is missing"),
            (
                "protect = \"token\"\nformat = \"digits\"\nlength = \"5\"",
                "policy line 7, field \"x\": `format` a domain of 10^5",
            ),
            (
                "protect = \"token\"\nformat = \"card\"\nkeep = \"8+4\"",
                "10^4 values is below the floor of 1000000",
            ),
            (
                "protect = \"token\"\nformat = \"digits\"\nalphabet = \"01\"",
                "policy line 8, field \"x\": `alphabet` contradicts",
            ),
            ("protect = \"token\"\nformat = \"letters\"\nluhn = \"keep\"", "the Luhn check is for digits"),
            (
                "protect = \"token\"\nformat = \"digits\"\nkeep = \"6\"",
                "policy line 8, field \"x\": `keep` must be two numbers",
            ),
            (
                "protect = \"keep\"\nscope = \"a\"",
                "policy line 7, field \"x\": `scope` does not go with protect = \"keep\"",
            ),
            ("protect = \"keep\"\ncolour = \"a\"", "policy line 7, field \"x\": unknown field `colour`"),
            ("protect = \"pseudonym\"", "field \"x\": `scope` is missing"),
            (
                "protect = \"pseudonym\"\nscope = \"a\"\nspelling = \"long\"",
                "policy line 8, field \"x\": `spelling` must be one of base64url, hex, uuid, crockford, int63",
            ),
            (
                "protect = \"pseudonym\"\nscope = \"a\"\nspelling = \"int63\"",
                "field \"x\": `population` is missing",
            ),
            (
                "protect = \"pseudonym\"\nscope = \"a\"\nspelling = \"uuid\"\npopulation = 7",
                "policy line 9, field \"x\": `population` does not go with protect = \"pseudonym\" without spelling",
            ),
            (
                "protect = \"keep\"\npopulation = 7",
                "policy line 7, field \"x\": `population` does not go with protect = \"keep\"",
            ),
            (
                "protect = \"pseudonym\"\nscope = \"a\"\nspelling = \"int63\"\npopulation = 5000000",
                "policy line 9, field \"x\": `population` of 5000000 values some two would share",
            ),
            (
                "protect = \"pseudonym\"\nscope = \"a\"\nspelling = \"int63\"\npopulation = -1",
                "policy line 9, field \"x\": invalid value",
            ),
            ("protect = \"generalize\"", "`to` is missing"),
            (
                "protect = \"generalize\"\nto = \"year\"\nwidth = 3",
                "policy line 8, field \"x\": `width` does not go with protect = \"generalize\" to = \"year\"",
            ),
            ("protect = \"generalize\"\nto = \"bucket\"\nwidth = 1", "at least 2 wide"),
            ("protect = \"mask\"\nwith = \"**\"", "`with` must be one character"),
            ("protect = \"mask\"\nempty = \"maybe\"", "`empty` must be one of keep, error"),
            ("protect = 7", "policy line 6, field \"x\": "),
        ] {
            let found = with(field);
            assert!(found.contains(expected), "{field}:\n{found}");
        }
    }

    #[test]
    fn the_frame_is_checked() {
        let keep = "[field.a]\nprotect = \"keep\"\n";
        for (text, expected) in [
            ("".to_owned(), "missing field"),
            (format!("version = 2\ntenant = \"a\"\n{keep}"), "policy line 1: `version` must be 1"),
            (format!("version = 1\ntenant = \" a\"\n{keep}"), "policy line 2: `tenant`"),
            (HEAD.to_owned(), "names at least one field"),
            (format!("{HEAD}subject = \"b\"\n{keep}"), "policy line 3: `subject` names \"b\""),
            (format!("{HEAD}unlisted = \"keep\"\n{keep}"), "policy line 3: `unlisted`"),
            (format!("{HEAD}colour = 1\n{keep}"), "policy line 3: unknown field `colour`"),
            (format!("{HEAD}{keep}{keep}"), "policy line 5"),
            (format!("{HEAD}[field.\" a\"]\nprotect = \"keep\"\n"), "white space"),
            (format!("{HEAD}[field.a\n"), "policy line 3"),
        ] {
            let found = error(&text);
            assert!(found.contains(expected), "{text}\n{found}");
        }
    }

    const BRIDGE: &str = "[[bridge]]\nfrom = \"a\"\nto = \"b\"\n";

    #[test]
    fn a_bridge_leads_one_way_between_declared_scopes() {
        let [a, b, c] = ["a", "b", "c"].map(|name| Scope::new(name).unwrap());
        let keep = "[field.x]\nprotect = \"keep\"\n";
        let policy =
            Policy::parse(&format!("{HEAD}{BRIDGE}{keep}[[bridge]]\nfrom = \"b\"\nto = \"c\"\n")).unwrap();
        assert_eq!(policy.bridges, [(a.clone(), b.clone()), (b.clone(), c.clone())]);
        assert!(policy.allows_bridge(&a, &b) && policy.allows_bridge(&b, &c));
        for (from, to) in [(&b, &a), (&a, &c), (&a, &a)] {
            assert!(!policy.allows_bridge(from, to));
        }
        assert!(Policy::parse(&format!("{HEAD}{keep}")).unwrap().bridges.is_empty());
    }

    #[test]
    fn errors_of_bridges_name_their_line_and_no_field() {
        let keep = "[field.x]\nprotect = \"keep\"\n";
        for (bridge, expected) in [
            (
                "[[bridge]]\nfrom = \"c\"\nto = \"c\"",
                "policy line 10: `to` of the bridge is the scope that it comes from",
            ),
            (
                "[[bridge]]\nto = \"b\"\nfrom = \"a\"",
                "policy line 10: `from` of the bridge to \"b\" is declared twice",
            ),
            (
                "[[bridge]]\nfrom = \" a\"\nto = \"b\"",
                "policy line 9: `from` of the bridge scope begins or ends with",
            ),
            ("[[bridge]]\nfrom = \"a\"\nto = \"\"", "policy line 10: `to` of the bridge scope is empty"),
            ("[[bridge]]\nfrom = \"a\"\nto = \"c\"\nvia = \"b\"", "policy line 11: unknown field `via`"),
            ("[[bridge]]\nfrom = \"a\"", "policy line 8: missing field `to`"),
            ("[[bridge]]\nfrom = 1\nto = \"b\"", "policy line 9: invalid type"),
        ] {
            let found = error(&format!("{HEAD}{keep}{BRIDGE}{bridge}\n"));
            assert!(found.starts_with(expected), "{bridge}\n{found}");
        }
        assert!(error(&format!("{HEAD}bridge = 3\n{keep}")).starts_with("policy line 3: invalid type"));
    }
}
