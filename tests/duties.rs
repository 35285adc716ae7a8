//! Who may see what: every combination against the list of questions, and the rules as sentences.

use cloakroom::duties::{
    Access, Basis, Budget, ConsentStatus, Decision, FieldRules, OverBudget, Permission, PrincipalRules,
    PurposeRules, Reason, RoleRules, Rules, SubjectState,
};
use cloakroom::name::{FieldName, Note, Principal, Purpose, RoleName};
use cloakroom::protect::Mask;
use cloakroom::time::Timestamp;
use std::collections::BTreeMap;

const NOW: Timestamp = Timestamp(1_000_000);
const DAY: u64 = 86_400;

/// One combination of all that matters.
#[derive(Clone, Copy, Debug)]
struct Case {
    known: bool,
    declared: bool,
    in_role: bool,
    for_field: bool,
    permission: Option<Permission>,
    consent_basis: bool,
    consent: ConsentStatus,
    retention: Retention,
    restricted: bool,
    despite_restriction: bool,
    objected: bool,
    held: bool,
    despite_hold: bool,
    special_field: bool,
    special_purpose: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Retention {
    None,
    Running,
    Over,
}

impl Case {
    /// All of them, each once.
    fn each(mut f: impl FnMut(Case)) {
        let mask = Permission::parse("mask 0+4").unwrap();
        let permissions = [None, Some(mask), Some(Permission::Token), Some(Permission::Full)];
        let consents =
            [ConsentStatus::None, ConsentStatus::Granted, ConsentStatus::Withdrawn, ConsentStatus::Expired];
        for bits in 0..1u32 << 12 {
            let bit = |i: u32| bits >> i & 1 == 1;
            for permission in permissions {
                for consent in consents {
                    for retention in [Retention::None, Retention::Running, Retention::Over] {
                        f(Case {
                            known: bit(0),
                            declared: bit(1),
                            in_role: bit(2),
                            for_field: bit(3),
                            permission,
                            consent_basis: bit(4),
                            consent,
                            retention,
                            restricted: bit(5),
                            despite_restriction: bit(6),
                            objected: bit(7),
                            held: bit(8),
                            despite_hold: bit(9),
                            special_field: bit(10),
                            special_purpose: bit(11),
                        });
                    }
                }
            }
        }
    }

    /// The list of the specification, read aloud.
    fn expected(&self) -> Result<Permission, Reason> {
        let granted = self.consent == ConsentStatus::Granted;
        let over = self.retention == Retention::Over;
        let reasons = [
            (!self.known, Reason::PrincipalUnknown),
            (!self.declared, Reason::PurposeUnknown),
            (!self.in_role, Reason::RoleWithoutPurpose),
            (!self.for_field, Reason::FieldWithoutPurpose),
            (self.special_field && !self.special_purpose && !self.consent_basis, Reason::SpecialCategory),
            (self.permission.is_none(), Reason::RoleWithoutField),
            (self.restricted && !self.despite_restriction, Reason::Restricted),
            (self.objected, Reason::Objected),
            (self.consent_basis && self.consent == ConsentStatus::None, Reason::ConsentNone),
            (self.consent_basis && self.consent == ConsentStatus::Withdrawn, Reason::ConsentWithdrawn),
            (self.consent_basis && !granted, Reason::ConsentExpired),
            (over && !self.held, Reason::RetentionOver),
            (over && !self.despite_hold, Reason::Held),
        ];
        match reasons.iter().find(|(applies, _)| *applies) {
            Some((_, reason)) => Err(*reason),
            None => Ok(self.permission.unwrap()),
        }
    }

    fn rules(&self) -> Rules {
        let mut rules = Rules::default();
        if self.declared {
            rules.purposes.insert(
                purpose(),
                PurposeRules {
                    basis: if self.consent_basis { Basis::Consent } else { Basis::Contract },
                    text: None,
                    recipients: vec![],
                    special: self.special_purpose,
                    despite_restriction: self.despite_restriction,
                    despite_hold: self.despite_hold,
                },
            );
        }
        let role = RoleRules {
            purposes: self.in_role.then(purpose).into_iter().collect(),
            reveal: self.permission.map(|permission| (field(), permission)).into_iter().collect(),
            budget: None,
        };
        rules.roles.insert(role_name("agent"), role);
        if self.known {
            let roles = [role_name("agent")].into();
            rules.principals.insert(alice(), PrincipalRules { roles, ..PrincipalRules::default() });
        }
        let retention = (self.retention != Retention::None).then_some(DAY);
        let purposes = self.for_field.then(purpose).into_iter().collect();
        rules
            .fields
            .insert(field(), FieldRules { category: None, purposes, retention, special: self.special_field });
        rules
    }

    fn state(&self) -> SubjectState {
        let mut state = SubjectState::default();
        if self.restricted {
            state.restrict(Timestamp(1), note("contested"));
        }
        if self.objected {
            state.object(purpose(), Timestamp(1)).unwrap();
        }
        if self.held {
            state.hold(note("case 4"), Timestamp(1)).unwrap();
        }
        let ends = (self.consent == ConsentStatus::Expired).then_some(NOW);
        if self.consent != ConsentStatus::None {
            state.grant(purpose(), Timestamp(1), ends, None, None).unwrap();
        }
        if self.consent == ConsentStatus::Withdrawn {
            state.withdraw(purpose(), Timestamp(2), None).unwrap();
        }
        state
    }

    fn decide(&self) -> Decision {
        let kept = if self.retention == Retention::Over { DAY } else { DAY - 1 };
        let access = Access { principal: alice(), purpose: purpose() };
        self.rules().judge(&access).decide(&field(), &self.state(), Some(Timestamp(NOW.0 - kept)), NOW)
    }
}

fn purpose() -> Purpose {
    Purpose::new("support").unwrap()
}

fn field() -> FieldName {
    FieldName::new("email").unwrap()
}

fn alice() -> Principal {
    Principal::new("alice").unwrap()
}

fn role_name(name: &str) -> RoleName {
    RoleName::new(name).unwrap()
}

fn note(text: &str) -> Note {
    Note::new(text).unwrap()
}

fn as_decision(expected: Result<Permission, Reason>) -> Decision {
    match expected {
        Ok(Permission::Full) => Decision::Full,
        Ok(Permission::Masked(mask)) => Decision::Masked(mask),
        Ok(Permission::Token) => Decision::Token,
        Err(reason) => Decision::Deny(reason),
    }
}

// SPEC: DUTY-1, DUTY-2
#[test]
fn every_combination_is_decided_as_the_list_says() {
    let mut counts: BTreeMap<(u8, u8), u32> = BTreeMap::new();
    Case::each(|case| {
        let expected = as_decision(case.expected());
        assert_eq!(case.decide(), expected, "{case:?}");
        let reason = expected.reason().map_or(0, Reason::number);
        *counts.entry((expected.number(), reason)).or_default() += 1;
    });
    let total = (1 << 12) * 4 * 4 * 3;
    assert_eq!(counts.values().sum::<u32>(), total);
    let count = |decision, reason| counts.get(&(decision, reason)).copied().unwrap_or(0);
    // A half falls at each of the first four questions; then as many cases are left as the questions below leave.
    assert_eq!([1, 2, 3, 4].map(|reason| count(4, reason)), [total / 2, total / 4, total / 8, total / 16]);
    let left = total / 16;
    assert_eq!(count(4, 5), left / 8, "special field, other purpose, other basis");
    let left = left - left / 8;
    assert_eq!(count(4, 6), left / 4, "one of four permissions is none");
    let left = left - left / 4;
    assert_eq!(count(4, 7), left / 4, "restricted, not despite it");
    let left = left - left / 4;
    assert_eq!(count(4, 8), left / 2, "objected");
    let left = left - left / 2;
    // Seven kinds of special and basis are left, four of them by consent, and a quarter of these has each status.
    assert_eq!([9, 10, 11].map(|reason| count(4, reason)), [left / 7; 3]);
    let left = left - 3 * (left / 7);
    assert_eq!(count(4, 12), left / 3 / 2, "over, no hold");
    assert_eq!(count(4, 13), left / 3 / 4, "over, held, not despite it");
    let left = left - left / 6 - left / 12;
    assert_eq!([1, 2, 3].map(|decision| count(decision, 0)), [left / 3; 3]);
}

/// A case that is permitted, changed.
fn case(change: impl FnOnce(&mut Case)) -> Decision {
    let mut case = Case {
        known: true,
        declared: true,
        in_role: true,
        for_field: true,
        permission: Some(Permission::Full),
        consent_basis: true,
        consent: ConsentStatus::Granted,
        retention: Retention::Running,
        restricted: false,
        despite_restriction: false,
        objected: false,
        held: false,
        despite_hold: false,
        special_field: false,
        special_purpose: false,
    };
    change(&mut case);
    case.decide()
}

// SPEC: DUTY-1
#[test]
fn what_no_rule_permits_is_denied() {
    let access = Access { principal: alice(), purpose: purpose() };
    let judge = Rules::default().judge(&access);
    let nothing = SubjectState::default();
    assert_eq!(judge.decide(&field(), &nothing, None, NOW), Decision::Deny(Reason::PrincipalUnknown));
    assert_eq!(case(|_| {}), Decision::Full);
    assert_eq!(case(|c| c.permission = None), Decision::Deny(Reason::RoleWithoutField));
    assert_eq!(case(|c| c.for_field = false), Decision::Deny(Reason::FieldWithoutPurpose));
}

// SPEC: DUTY-1
#[test]
fn a_field_without_rules_is_denied_though_a_role_reveals_it() {
    let other = FieldName::new("phone").unwrap();
    let mut rules = two_roles("full", "full");
    rules.roles.get_mut(&role_name("a")).unwrap().reveal.insert(other.clone(), Permission::Full);
    let judge = rules.judge(&Access { principal: alice(), purpose: purpose() });
    let decision = judge.decide(&other, &SubjectState::default(), None, NOW);
    assert_eq!(decision, Decision::Deny(Reason::FieldWithoutPurpose));
}

#[test]
fn consent_to_one_purpose_is_none_to_another() {
    let mut state = SubjectState::default();
    state.grant(Purpose::new("research").unwrap(), Timestamp(1), None, None, None).unwrap();
    assert_eq!(state.consent(&purpose(), NOW), ConsentStatus::None);
}

#[test]
fn who_withdraws_is_no_longer_shown_but_a_contract_needs_no_consent() {
    assert_eq!(case(|c| c.consent = ConsentStatus::Withdrawn), Decision::Deny(Reason::ConsentWithdrawn));
    let contract = case(|c| {
        c.consent = ConsentStatus::Withdrawn;
        c.consent_basis = false;
    });
    assert_eq!(contract, Decision::Full);
}

#[test]
fn restricted_data_is_for_legal_claims_alone() {
    assert_eq!(case(|c| c.restricted = true), Decision::Deny(Reason::Restricted));
    let claims = case(|c| (c.restricted, c.despite_restriction) = (true, true));
    assert_eq!(claims, Decision::Full);
}

#[test]
fn a_hold_keeps_a_value_but_does_not_open_it() {
    let over = |held, despite_hold| {
        case(|c| (c.retention, c.held, c.despite_hold) = (Retention::Over, held, despite_hold))
    };
    assert_eq!(over(false, true), Decision::Deny(Reason::RetentionOver));
    assert_eq!(over(true, false), Decision::Deny(Reason::Held));
    assert_eq!(over(true, true), Decision::Full);
    assert_eq!(case(|c| c.held = true), Decision::Full, "while its retention runs, a hold changes nothing");
}

#[test]
fn a_special_category_takes_consent_or_a_special_purpose() {
    let special = |special_purpose, consent_basis| {
        case(|c| {
            (c.special_field, c.special_purpose, c.consent_basis) = (true, special_purpose, consent_basis)
        })
    };
    assert_eq!(special(false, false), Decision::Deny(Reason::SpecialCategory));
    assert_eq!(special(false, true), Decision::Full);
    assert_eq!(special(true, false), Decision::Full);
}

#[test]
fn without_a_time_of_storing_no_retention_runs() {
    let access = Access { principal: alice(), purpose: purpose() };
    let mut rules = two_roles("full", "full");
    rules.fields.get_mut(&field()).unwrap().retention = Some(1);
    let decide = |since| rules.judge(&access).decide(&field(), &SubjectState::default(), since, NOW);
    assert_eq!(decide(None), Decision::Full);
    assert_eq!(decide(Some(NOW)), Decision::Full);
    assert_eq!(decide(Some(Timestamp(NOW.0 - 1))), Decision::Deny(Reason::RetentionOver));
    assert_eq!(decide(Some(Timestamp(u64::MAX))), Decision::Full);
}

/// Alice has two roles with the purpose, which see the field so.
fn two_roles(a: &str, b: &str) -> Rules {
    let mut rules = Rules::default();
    let lawful = PurposeRules {
        basis: Basis::Contract,
        text: None,
        recipients: vec![],
        special: false,
        despite_restriction: false,
        despite_hold: false,
    };
    rules.purposes.insert(purpose(), lawful);
    for (name, permission) in [("a", a), ("b", b)] {
        let reveal = [(field(), Permission::parse(permission).unwrap())].into();
        let budget = Some(Budget { per_hour: 10, over: OverBudget::Refuse });
        rules.roles.insert(role_name(name), RoleRules { purposes: [purpose()].into(), reveal, budget });
    }
    let roles = [role_name("a"), role_name("b")].into();
    rules.principals.insert(alice(), PrincipalRules { roles, ..PrincipalRules::default() });
    let rules_of_field = FieldRules { purposes: [purpose()].into(), ..FieldRules::default() };
    rules.fields.insert(field(), rules_of_field);
    rules
}

fn seen(rules: &Rules) -> Decision {
    let judge = rules.judge(&Access { principal: alice(), purpose: purpose() });
    judge.decide(&field(), &SubjectState::default(), None, NOW)
}

// SPEC: DUTY-3
#[test]
fn of_several_roles_the_widest_permission_counts() {
    let mask = |last| Decision::Masked(Mask::new(0, last, '*').unwrap());
    assert_eq!(seen(&two_roles("token", "mask 0+4")), mask(4));
    assert_eq!(seen(&two_roles("mask 0+4", "mask 0+2")), mask(4));
    assert_eq!(seen(&two_roles("mask 0+4", "full")), Decision::Full);
    assert_eq!(seen(&two_roles("token", "token")), Decision::Token);
}

// SPEC: DUTY-3
#[test]
fn a_role_without_the_purpose_lends_nothing() {
    let mut rules = two_roles("token", "full");
    rules.roles.get_mut(&role_name("b")).unwrap().purposes.clear();
    assert_eq!(seen(&rules), Decision::Token);
    rules.roles.remove(&role_name("a"));
    assert_eq!(seen(&rules), Decision::Deny(Reason::RoleWithoutPurpose));
}

// SPEC: DUTY-3
#[test]
fn the_budget_is_the_widest_of_the_roles_with_the_purpose() {
    let mut rules = two_roles("full", "full");
    let budget = |rules: &Rules| rules.judge(&Access { principal: alice(), purpose: purpose() }).budget();
    let set = |rules: &mut Rules, role: &str, budget| {
        rules.roles.get_mut(&role_name(role)).unwrap().budget = budget
    };
    let refuse = |per_hour| Some(Budget { per_hour, over: OverBudget::Refuse });
    let alert = |per_hour| Some(Budget { per_hour, over: OverBudget::Alert });
    set(&mut rules, "a", refuse(500));
    assert_eq!(budget(&rules), refuse(500));
    set(&mut rules, "b", alert(500));
    assert_eq!(budget(&rules), refuse(500));
    set(&mut rules, "b", alert(501));
    assert_eq!(budget(&rules), alert(501));
    set(&mut rules, "a", None);
    assert_eq!(budget(&rules), None);
    rules.roles.get_mut(&role_name("a")).unwrap().purposes.clear();
    assert_eq!(budget(&rules), alert(501));
}

// SPEC: DUTY-5
#[test]
fn rules_come_back_from_their_bytes_and_their_hash_tells_them_apart() {
    let rules = two_roles("mask 0+4", "token");
    let bytes = rules.to_bytes();
    assert_eq!(Rules::parse(&bytes).unwrap(), rules);
    assert_ne!(rules.sha256(), two_roles("mask 0+4", "full").sha256());
    let empty = "{\"purposes\":{},\"roles\":{},\"principals\":{},\"fields\":{},\
                 \"approvals\":{\"bulk\":null,\"valid\":86400},\
                 \"register\":{\"controller\":null,\"contact\":null,\"dpo\":null}}";
    assert_eq!(Rules::default().to_bytes(), [b"\x01", empty.as_bytes()].concat());
    assert!(Rules::default().is_empty() && !rules.is_empty());
}

// SPEC: DUTY-5, WIRE-1, WIRE-2, WIRE-3
#[test]
fn rules_written_otherwise_are_refused() {
    let bytes = two_roles("mask 0+4", "token").to_bytes();
    for end in 0..bytes.len() {
        assert!(Rules::parse(&bytes[..end]).is_err(), "{end}");
    }
    let json = std::str::from_utf8(&bytes[1..]).unwrap();
    for other in [
        json.replace("{\"purposes\"", "{ \"purposes\""),
        json.replace("mask 0+4", "mask 00+4"),
        json.replace("\"special\":false", "\"special\":0"),
        json.replace("\"register\":{", "\"register\":{\"more\":1,"),
        json.replace("\"alice\"", "\" alice\""),
        format!("{json} "),
    ] {
        assert_ne!(other, json);
        assert!(Rules::parse(&[b"\x01", other.as_bytes()].concat()).is_err(), "{other}");
    }
    assert!(Rules::parse(&[b"\x02", json.as_bytes()].concat()).is_err());
}
