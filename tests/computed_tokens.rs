//! Computed tokens in a vault with rules: anybody in the rules makes them, and the rules decide who turns them back.

mod place;

use cloakroom::duties::{Access, Rules};
use cloakroom::format::Format;
use cloakroom::name::{Note, Principal, Purpose};
use cloakroom::time::Timestamp;
use cloakroom::vault::{Alarm, AlarmKind, FieldTokenizer, Revealed, Revealer};
use cloakroom::wire::audit::Leaf;
use cloakroom::{Error, Result};
use place::*;
use std::sync::{Arc, Mutex};

const CARD: &str = "4111111111111111";

fn access(principal: &str) -> Access {
    Access { principal: Principal::new(principal).unwrap(), purpose: Purpose::new("support").unwrap() }
}

/// Chief, clerk and courier see a card whole, masked and as a token; guest sees none. Chief sees five values an hour.
fn rules() -> Rules {
    let role = |card: &str, budget: &str| {
        format!(r#"{{"purposes":["support"],"reveal":{{{card}}},"budget":{budget}}}"#)
    };
    let budget = r#"{"per_hour":5,"over":"refuse"}"#;
    let roles = [
        ("chief", role(r#""card":"full""#, budget)),
        ("clerk", role(r#""card":"mask 0+4""#, "null")),
        ("courier", role(r#""card":"token""#, "null")),
        ("guest", role("", "null")),
    ];
    let named = |each: &dyn Fn(&(&str, String)) -> String| {
        let all: Vec<_> = roles.iter().map(|role| format!(r#""{}":{}"#, role.0, each(role))).collect();
        all.join(",")
    };
    let json = format!(
        r#"{{"purposes":{{"support":{{"basis":"contract","text":null,"recipients":[],"special":false,"despite_restriction":false,"despite_hold":false}}}},"roles":{{{}}},"principals":{{{}}},"fields":{{"card":{{"category":null,"purposes":["support"],"retention":null,"special":false}}}},"approvals":{{"bulk":null,"valid":86400}},"register":{{"controller":null,"contact":null,"dpo":null}}}}"#,
        named(&|role| role.1.clone()),
        named(&|role| format!(r#"{{"roles":["{}"],"key":null,"approves":false}}"#, role.0)),
    );
    serde_json::from_str(&json).unwrap()
}

struct Ruled {
    place: InMemory,
    alarms: Arc<Mutex<Vec<AlarmKind>>>,
}

impl Ruled {
    fn new() -> Self {
        let alarms = Arc::new(Mutex::new(vec![]));
        let heard = Arc::clone(&alarms);
        let mut place = InMemory::new();
        let vault = place.vault.with_clock(|| Timestamp(36_000));
        place.vault = vault.with_alarm(move |alarm: &Alarm| heard.lock().unwrap().push(alarm.kind));
        place.vault.set_rules(rules()).unwrap();
        Self { place, alarms }
    }

    fn cards(&self) -> FieldTokenizer {
        let intake = self.place.vault.tokenizer(tenant(&self.place.vault, "acme").name(), access("intake"));
        intake.field(&field("card"), Format::card()).unwrap()
    }

    fn revealer(&self, principal: &str) -> Revealer<'_> {
        self.place.vault.revealer(tenant(&self.place.vault, "acme").name(), access(principal))
    }

    /// Turns one token back.
    fn back(
        &self,
        principal: &str,
        token: &str,
        whose: Option<cloakroom::vault::RecordId>,
    ) -> Result<Revealed> {
        let revealer = self.revealer(principal);
        let version = self.cards().key_version();
        revealer.detokenizer(&field("card"), Format::card(), version).unwrap().detokenize(token, whose)
    }

    fn last_leaf<T>(&self, f: impl Fn(&Leaf<'_>) -> T) -> T {
        f(&Leaf::parse(&self.place.store.all(AUDIT).last().unwrap().1).unwrap())
    }
}

fn code<T>(result: Result<T>) -> &'static str {
    match result {
        Err(Error::Denied { code, .. }) => code,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was shown"),
    }
}

// SPEC: LOG-10
#[test]
fn without_rules_a_tokenizer_goes_both_ways_and_with_rules_it_is_refused_with_the_way_out() {
    let place = InMemory::new();
    let acme = tenant(&place.vault, "acme");
    let tokenizer = acme.tokenizer(&field("card"), Format::card()).unwrap();
    let token = tokenizer.tokenize(CARD).unwrap();
    assert_eq!(tokenizer.detokenize(&token).unwrap().expose_str(), Some(CARD));
    place.vault.set_rules(rules()).unwrap();
    let refused = acme.tokenizer(&field("card"), Format::card());
    let Err(Error::Denied { code: "no-principal", problem }) = refused else { panic!("{refused:?}") };
    assert!(problem.contains("Vault::tokenizer(..).field(..)") && problem.contains("Revealer::detokenizer"));
    // A principal in the log opens no other door.
    let named = acme.clone().by(access("chief"));
    assert_eq!(code(named.tokenizer(&field("card"), Format::card())), "no-principal");
    let one_way = place.vault.tokenizer(acme.name(), access("intake"));
    let one_way = one_way.field(&field("card"), Format::card()).unwrap();
    assert_eq!(one_way.tokenize(CARD).unwrap(), token, "the same tokens as before");
}

// SPEC: LOG-10
#[test]
fn a_computed_token_comes_back_as_its_field_is_shown_and_each_decision_has_a_leaf() {
    let ruled = Ruled::new();
    let token = ruled.cards().tokenize(CARD).unwrap();
    let shown = |principal| ruled.back(principal, &token, None);
    let told = || {
        ruled.last_leaf(|leaf| {
            let [item] = &leaf.items[..] else { panic!("{} items", leaf.items.len()) };
            let context = &leaf.contexts[usize::from(item.context)];
            let who = (leaf.kind.to_owned(), leaf.principal.to_owned(), leaf.purpose.to_owned());
            (who, item.subject, context.decision, context.reason, context.fields.len())
        })
    };
    let leaf = |principal: &str, decision, reason| {
        (("reveal".to_owned(), principal.to_owned(), "support".to_owned()), [0; 16], decision, reason, 1)
    };
    assert!(matches!(shown("chief").unwrap(), Revealed::Full(value) if value.expose_str() == Some(CARD)));
    assert_eq!(told(), leaf("chief", 1, 0));
    let masked = shown("clerk").unwrap();
    assert!(matches!(&masked, Revealed::Masked(value) if value.expose_str() == Some("************1111")));
    assert_eq!(told(), leaf("clerk", 2, 0));
    assert!(matches!(shown("courier").unwrap(), Revealed::Token(same) if same == token));
    assert_eq!(told(), leaf("courier", 3, 0));
    assert_eq!(code(shown("guest")), "role-without-field");
    assert_eq!(told(), leaf("guest", 4, 6));
    assert_eq!(code(shown("eve")), "principal-unknown");
    assert_eq!(told(), leaf("eve", 4, 1));
    assert_clean(&ruled.place.vault);
}

// SPEC: LOG-10, LOG-2
#[test]
fn without_its_leaf_no_token_is_turned_back() {
    let ruled = Ruled::new();
    let token = ruled.cards().tokenize(CARD).unwrap();
    ruled.place.store.refuse_after(0);
    assert!(matches!(ruled.back("chief", &token, None), Err(Error::Io { .. })));
    ruled.place.store.refuse_nothing();
    assert!(ruled.back("chief", &token, None).is_ok());
}

// SPEC: LOG-10, ALARM-1
#[test]
fn turning_tokens_back_counts_against_the_budget_together_with_everything_else() {
    let ruled = Ruled::new();
    let token = ruled.cards().tokenize(CARD).unwrap();
    let record = put(&tenant(&ruled.place.vault, "acme"), "ann", &[("card", CARD)]);
    let revealer = ruled.revealer("chief");
    revealer.reveal_many(&[(record, &field("card")), (record, &field("card"))]).unwrap();
    let back = revealer.detokenizer(&field("card"), Format::card(), ruled.cards().key_version()).unwrap();
    let four = vec![(token.as_str(), None); 4];
    assert_eq!(code(back.detokenize_many(&four)), "over-budget");
    let note = ruled.last_leaf(|leaf| leaf.note.to_owned());
    assert_eq!(note, "denied: over-budget");
    assert_eq!(back.detokenize_many(&four[..3]).unwrap().len(), 3);
    assert_eq!(code(back.detokenize(&token, None)), "over-budget");
}

// SPEC: LOG-10, LOG-8
#[test]
fn where_it_is_said_whose_a_token_is_her_state_counts_and_the_leaf_names_her() {
    let ruled = Ruled::new();
    let vault = &ruled.place.vault;
    let (acme, token) = (tenant(vault, "acme"), ruled.cards().tokenize(CARD).unwrap());
    let of = |id: &str| put(&acme, id, &[("email", "a@example.org")]);
    let (ann, bea, lure) = (of("ann"), of("bea"), of("lure"));
    acme.rights_of(&subject("ann")).restrict(&Note::new("contested").unwrap()).unwrap();
    acme.rights_of(&subject("lure")).canary(true).unwrap();
    assert_eq!(code(ruled.back("clerk", &token, Some(ann))), "restricted");
    assert!(ruled.back("clerk", &token, Some(bea)).is_ok());
    assert_ne!(ruled.last_leaf(|leaf| leaf.items[0].subject), [0; 16]);
    assert!(ruled.alarms.lock().unwrap().is_empty());
    assert!(ruled.back("clerk", &token, Some(lure)).is_ok());
    assert_eq!(*ruled.alarms.lock().unwrap(), [AlarmKind::Canary]);
    // Of nobody nothing is known, so nothing stands against it.
    assert!(ruled.back("clerk", &token, None).is_ok());
    // A record of an erased subject, or of another tenant's, is no stranger's.
    acme.erase(&subject("bea")).unwrap().unwrap();
    let elsewhere = put(&tenant(vault, "other"), "x", &[("email", "b@example.org")]);
    for gone in [bea, elsewhere] {
        assert!(matches!(ruled.back("clerk", &token, Some(gone)), Err(Error::Value { .. })));
    }
    assert_clean(vault);
}

#[test]
fn a_token_of_an_older_key_version_comes_back_under_that_until_it_may_not_reveal() {
    let ruled = Ruled::new();
    let (old, token) = (ruled.cards().key_version(), ruled.cards().tokenize(CARD).unwrap());
    let context = ruled.cards().in_context(b"2026").unwrap().tokenize(CARD).unwrap();
    assert_ne!(token, context);
    ruled.place.vault.adopt(ruled.place.vault.keyset().rotated(NOW).unwrap()).unwrap();
    assert_ne!(ruled.cards().key_version(), old);
    let revealer = ruled.revealer("chief");
    let back = revealer.detokenizer(&field("card"), Format::card(), old).unwrap();
    let shown =
        |revealed: Result<Revealed>| revealed.unwrap().value().unwrap().expose_str().map(str::to_owned);
    assert_eq!(shown(back.detokenize(&token, None)).as_deref(), Some(CARD));
    let of_2026 = back.in_context(b"2026").unwrap();
    assert_eq!(shown(of_2026.detokenize(&context, None)).as_deref(), Some(CARD));
    assert!(matches!(
        revealer.detokenizer(&field("card"), Format::card(), version(9)),
        Err(Error::KeyVersionUnknown { .. })
    ));
    let given_up = ruled.place.vault.keyset().with_state(old, cloakroom::keys::KeyState::Compromised, NOW);
    ruled.place.vault.adopt(given_up.unwrap()).unwrap();
    assert!(
        matches!(back.detokenize(&token, None), Err(Error::KeyState { .. })),
        "of a handle that is old, too"
    );
}
