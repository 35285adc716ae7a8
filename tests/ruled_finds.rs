//! Finding by a blind index in a vault with rules: who is shown the fields of the index finds, and nobody else.

mod place;

use cloakroom::duties::{Access, Rules};
use cloakroom::format::Normalization;
use cloakroom::name::{Note, Principal, Purpose};
use cloakroom::protect::BlindIndex;
use cloakroom::time::Timestamp;
use cloakroom::vault::Revealer;
use cloakroom::wire::audit::Leaf;
use cloakroom::{Error, Result};
use place::*;

const NEWS: &str = "news";
const SUPPORT: &str = "support";

/// Agents see e-mail and name whole, clerks the e-mail masked. News are by consent; an agent is shown six values an hour.
fn rules() -> Rules {
    let purpose = |basis: &str| {
        format!(
            r#"{{"basis":"{basis}","text":null,"recipients":[],"special":false,"despite_restriction":false,"despite_hold":false}}"#
        )
    };
    let field = r#"{"category":null,"purposes":["support","news"],"retention":null,"special":false}"#;
    let role = |email: &str, budget: &str| {
        format!(
            r#"{{"purposes":["support","news"],"reveal":{{"email":"{email}","name":"full"}},"budget":{budget}}}"#
        )
    };
    let principal = |role: &str| format!(r#"{{"roles":["{role}"],"key":null,"approves":false}}"#);
    let json = format!(
        r#"{{"purposes":{{"support":{},"news":{}}},"roles":{{"agent":{},"clerk":{}}},"principals":{{"alice":{},"carl":{}}},"fields":{{"email":{field},"name":{field}}},"approvals":{{"bulk":null,"valid":86400}},"register":{{"controller":null,"contact":null,"dpo":null}}}}"#,
        purpose("contract"),
        purpose("consent"),
        role("full", r#"{"per_hour":6,"over":"refuse"}"#),
        role("mask 0+4", "null"),
        principal("agent"),
        principal("clerk"),
    );
    serde_json::from_str(&json).unwrap()
}

/// Ann, Bea and Cat share an address; Dan has another.
fn ruled() -> InMemory {
    let mut place = InMemory::new();
    place.vault = place.vault.with_clock(|| Timestamp(36_000));
    let acme = tenant(&place.vault, "acme");
    acme.define_index(&BlindIndex::field(field("email"), Normalization::Email, 16).unwrap()).unwrap();
    let both = [(field("email"), Normalization::Email), (field("name"), Normalization::Text)];
    acme.define_index(&BlindIndex::new(field("both"), both.into(), 16).unwrap()).unwrap();
    for (who, email) in [("ann", "a@x.org"), ("bea", "a@x.org"), ("cat", "a@x.org"), ("dan", "d@x.org")] {
        put(&acme, who, &[("email", email), ("name", who)]);
    }
    place.vault.set_rules(rules()).unwrap();
    place
}

fn revealer<'v>(place: &'v InMemory, principal: &str, purpose: &str) -> Revealer<'v> {
    let access =
        Access { principal: Principal::new(principal).unwrap(), purpose: Purpose::new(purpose).unwrap() };
    place.vault.revealer(tenant(&place.vault, "acme").name(), access)
}

fn found(revealer: &Revealer<'_>, index: &str, values: &[&str]) -> Result<Vec<String>> {
    let hits = revealer.find(&field(index), values)?;
    let mut found: Vec<_> = hits.iter().map(|hit| hit.subject.expose().to_owned()).collect();
    found.sort();
    Ok(found)
}

fn code<T>(result: Result<T>) -> &'static str {
    match result {
        Err(Error::Denied { code, .. }) => code,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was found"),
    }
}

fn last_leaf<T>(place: &InMemory, f: impl Fn(&Leaf<'_>) -> T) -> T {
    f(&Leaf::parse(&place.store.all(AUDIT).last().unwrap().1).unwrap())
}

// SPEC: LOG-12
#[test]
fn who_is_shown_the_fields_whole_finds_and_each_hit_is_decided_by_her_state() {
    let place = ruled();
    let acme = tenant(&place.vault, "acme");
    assert_eq!(code(acme.find(&field("email"), &["a@x.org"])), "no-principal");
    let alice = revealer(&place, "alice", SUPPORT);
    assert_eq!(found(&alice, "email", &["A@x.org"]).unwrap(), ["ann", "bea", "cat"]);
    assert_eq!(last_leaf(&place, |leaf| (leaf.kind.to_owned(), leaf.items.len())), ("reveal".into(), 3));
    acme.rights_of(&subject("bea")).restrict(&Note::new("contested").unwrap()).unwrap();
    acme.rights_of(&subject("cat")).object(&Purpose::new(SUPPORT).unwrap()).unwrap();
    assert_eq!(found(&alice, "email", &["a@x.org"]).unwrap(), ["ann"]);
    let decisions = last_leaf(&place, |leaf| {
        leaf.items.iter().map(|item| leaf.contexts[usize::from(item.context)].decision).collect::<Vec<_>>()
    });
    assert_eq!(decisions.iter().filter(|decision| **decision == 4).count(), 2, "{decisions:?}");
    assert_eq!(found(&alice, "email", &["nobody@x.org"]).unwrap(), [""; 0]);
    // Both fields of one record: with the four before it these are the six.
    assert_eq!(found(&alice, "both", &["a@x.org", "ANN"]).unwrap(), ["ann"]);
    assert_eq!(code(found(&alice, "email", &["d@x.org"])), "over-budget");
    assert_clean(&place.vault);
}

// SPEC: LOG-12
#[test]
fn who_is_shown_less_finds_nothing_and_is_told_why_before_anything_is_looked_for() {
    let place = ruled();
    for (principal, purpose, expected) in [
        ("carl", SUPPORT, "role-without-field"),
        ("eve", SUPPORT, "principal-unknown"),
        ("alice", "war", "purpose-unknown"),
    ] {
        for email in ["a@x.org", "nobody@x.org"] {
            let refused = found(&revealer(&place, principal, purpose), "email", &[email]);
            assert_eq!(code(refused), expected, "{principal}");
            let leaf = last_leaf(&place, |leaf| (leaf.note.to_owned(), leaf.items.len()));
            assert_eq!(leaf, (format!("denied: {expected}"), 0));
        }
    }
}

// SPEC: LOG-12
#[test]
fn by_a_purpose_that_takes_consent_those_are_found_who_gave_it() {
    let place = ruled();
    let alice = revealer(&place, "alice", NEWS);
    assert_eq!(found(&alice, "email", &["a@x.org"]).unwrap(), [""; 0]);
    let acme = tenant(&place.vault, "acme");
    let bea = subject("bea");
    acme.rights_of(&bea).grant(&Purpose::new(NEWS).unwrap(), Default::default()).unwrap();
    assert_eq!(found(&alice, "email", &["a@x.org"]).unwrap(), ["bea"]);
    acme.rights_of(&bea).withdraw(&Purpose::new(NEWS).unwrap(), None, None).unwrap();
    assert_eq!(found(&alice, "email", &["a@x.org"]).unwrap(), [""; 0]);
}
