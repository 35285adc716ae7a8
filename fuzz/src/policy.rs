//! Policy files: refused at a line that is there, or good for what they promise.

use crate::csv_roundtrip::{Run, round_trip};
use crate::fixed::KEYSET;
use cloakroom::Error;
use cloakroom::duties::Rules;
use cloakroom::pipeline::Keys;
use cloakroom::policy::{Policy, Rule, Settings};
use cloakroom::store::memory::MemoryStore;
use cloakroom::vault::Vault;

/// Cells that suit many formats.
const CELLS: [&str; 5] = ["4111 1111 1111 1111", "1984-02-29", "ada@example.org", "20000101", ""];

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let policy = match Policy::parse(text) {
        Ok(policy) => policy,
        Err(Error::Policy { line, .. }) => {
            let last = 1 + text.matches('\n').count();
            return assert!((1..=last).contains(&line), "line {line} of {last}");
        }
        Err(other) => panic!("no place: {other}"),
    };
    assert_eq!(Policy::parse(text).unwrap(), policy);
    for field in &policy.fields {
        let json = serde_json::to_string(&field.settings).unwrap();
        let settings: Settings = serde_json::from_str(&json).unwrap();
        assert_eq!(settings, field.settings);
        assert_eq!(Rule::new(&settings).unwrap(), (field.rule.clone(), field.empty));
    }
    for (i, (from, to)) in policy.bridges.iter().enumerate() {
        assert!(policy.allows_bridge(from, to) && from != to);
        assert!(!policy.bridges[..i].contains(&(from.clone(), to.clone())));
    }
    let rules = policy.rules();
    assert_eq!(Rules::parse(&rules.to_bytes()).unwrap(), *rules);
    for role in rules.roles.values() {
        assert!(role.purposes.iter().all(|purpose| rules.purposes.contains_key(purpose)));
        assert!(role.reveal.keys().all(|field| policy.field(field.as_str()).is_some()));
    }
    for principal in rules.principals.values() {
        assert!(principal.roles.iter().all(|role| rules.roles.contains_key(role)));
    }
    let mut table = csv::Writer::from_writer(vec![]);
    table.write_record(policy.fields.iter().map(|f| f.name.as_str())).unwrap();
    for cell in CELLS {
        table.write_record(policy.fields.iter().map(|_| cell)).unwrap();
    }
    let table = table.into_inner().unwrap();
    for strict in [false, true] {
        let run = Run { delimiter: b',', strict, keys: Keys::Keyset(&KEYSET) };
        round_trip(&policy, &table, run);
    }
    if policy.fields.iter().any(|field| field.index.is_some() || field.rule.mode() == "random-token") {
        let vault = Vault::create_in(Box::new(MemoryStore::new()), KEYSET.clone()).unwrap();
        round_trip(&policy, &table, Run { delimiter: b',', strict: false, keys: Keys::Vault(&vault) });
        let report = vault.check().unwrap();
        assert!(report.is_clean(), "{report:?}");
    }
}

/// Every setting there is.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    const HEAD: &str = "version = 1\ntenant = \"acme\"\n";
    let with = |rest: &str| format!("{HEAD}{rest}").into_bytes();
    vec![
        (
            "every_mode",
            with(
                r#"subject = "customer id"
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
country = { protect = "keep" }
notes = { protect = "drop" }
"#,
            ),
        ),
        (
            "tokens",
            with(
                "[field.a]\nprotect = \"token\"\nformat = \"alphanumeric\"\nlength = \"4..20\"\n[field.b]\nprotect = \"token\"\nformat = \"digits\"\nluhn = \"keep\"\n[field.c]\nprotect = \"token\"\nformat = \"letters\"\nkeep = \"1+0\"\n[field.d]\nprotect = \"token\"\nformat = \"lowercase\"\nseparators = \"@.\"\n",
            ),
        ),
        (
            "pseudonyms",
            with(
                "[field.a]\nprotect = \"pseudonym\"\nscope = \"s\"\nnormalize = \"email\"\nspelling = \"hex\"\n[field.b]\nprotect = \"pseudonym\"\nscope = \"s\"\nnormalize = \"digits\"\nspelling = \"crockford\"\n",
            ),
        ),
        (
            "random_tokens",
            with(
                r#"subject = "id"
[field.id]
protect = "random-token"
opaque = "crockford"
[field.card]
protect = "random-token"
format = "card"
keep = "scheme+4"
lifetime = "30d"
[field.pin]
protect = "random-token"
alphabet = "0123456789ab"
length = "1..40"
reuse = "never"
empty = "error"
[field.plate]
protect = "random-token"
regex = "[A-Z]{1,3}-[0-9]{1,4}"
reuse = "always"
"#,
            ),
        ),
        (
            "indexes",
            with(
                "subject = \"id\"\n[field]\nid = { protect = \"keep\" }\nemail = { protect = \"seal\", index = 24, normalize = \"email\" }\nname = { protect = \"seal\", index = 128 }\n",
            ),
        ),
        (
            "bridges",
            with(
                r#"[field.a]
protect = "pseudonym"
scope = "analytics"
spelling = "int63"
population = 4294967
[field.b]
protect = "pseudonym"
scope = "billing"
spelling = "crockford"
[[bridge]]
from = "analytics"
to = "billing"
[[bridge]]
to = "analytics"
from = "billing"
"#,
            ),
        ),
        ("duties", include_bytes!("../../examples/duties.policy.toml").to_vec()),
        (
            "role_of_no_purpose",
            with(
                "[field.a]\nprotect = \"keep\"\n[role.r]\npurposes = [\"p\"]\n[role.r.reveal]\na = \"mask 0+4\"\n",
            ),
        ),
        (
            "bridge_twice",
            with(
                "[field.a]\nprotect = \"keep\"\n[[bridge]]\nfrom = \"a\"\nto = \"b\"\n[[bridge]]\nfrom = \"a\"\nto = \"b\"\n",
            ),
        ),
        (
            "bridge_to_itself",
            with("bridge = [{ from = \"a\", to = \"a\" }]\n[field.a]\nprotect = \"keep\"\n"),
        ),
        (
            "too_many_for_int63",
            with(
                "[field.a]\nprotect = \"pseudonym\"\nscope = \"s\"\nspelling = \"int63\"\npopulation = 4294968\n",
            ),
        ),
        (
            "lifetime_of_none",
            with("[field.a]\nprotect = \"random-token\"\nopaque = \"hex\"\nlifetime = \"0d\"\n"),
        ),
        ("index_too_short", with("[field.a]\nprotect = \"seal\"\nindex = 7\n")),
        ("too_small", with("[field.a]\nprotect = \"token\"\nformat = \"digits\"\nlength = \"5\"\n")),
        ("twice", with("[field.a]\nprotect = \"keep\"\n[field.a]\nprotect = \"drop\"\n")),
        ("unknown", with("[field.a]\nprotect = \"keep\"\nscope = \"x\"\n")),
    ]
}
