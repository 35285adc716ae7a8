//! Four eyes: what takes an approval, whose, for what, and once.

mod place;

use cloakroom::Error;
use cloakroom::crypto::sign::SigningKey;
use cloakroom::duties::{
    Access, Action, Approval, Basis, FieldRules, Permission, PrincipalRules, PurposeRules, RoleRules, Rules,
};
use cloakroom::name::{Principal, Purpose, RoleName};
use cloakroom::time::Timestamp;
use cloakroom::vault::{RecordId, Revealed, Revealer, Vault, reveal_target, rules_target};
use place::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

fn principal(name: &str) -> Principal {
    Principal::new(name).unwrap()
}

fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(&mut [name.as_bytes()[0]; 32])
}

fn access(name: &str) -> Access {
    Access { principal: principal(name), purpose: Purpose::new("support").unwrap() }
}

/// Alice may see emails, three an hour alone; bob and dora may approve, carol has a key and may not.
fn rules() -> Rules {
    let support = Purpose::new("support").unwrap();
    let mut rules = Rules::default();
    rules.purposes.insert(
        support.clone(),
        PurposeRules {
            basis: Basis::Contract,
            text: None,
            recipients: vec![],
            special: false,
            despite_restriction: false,
            despite_hold: false,
        },
    );
    let agent = RoleName::new("agent").unwrap();
    let reveal = [(field("email"), Permission::Full)].into();
    rules.roles.insert(agent.clone(), RoleRules { purposes: [support.clone()].into(), reveal, budget: None });
    rules.fields.insert(field("email"), FieldRules { purposes: [support].into(), ..FieldRules::default() });
    for (name, approves) in
        [("alice", false), ("bob", true), ("carol", false), ("dora", true), ("root", false)]
    {
        let roles = if name == "alice" { [agent.clone()].into() } else { [].into() };
        let key = Some(key(name).verifying_key());
        rules.principals.insert(principal(name), PrincipalRules { roles, key, approves });
    }
    rules.approvals.bulk = Some(3);
    rules
}

fn installed() -> InMemory {
    let place = InMemory::new();
    place.vault.admin(principal("root")).set_rules(rules(), None).unwrap();
    place
}

fn approved(vault: &Vault, action: Action, target: &str, requester: &str, approver: &str) -> Approval {
    let request = vault.request(action, target, &principal(requester)).unwrap();
    request.approve(principal(approver), &key(approver))
}

fn emails(vault: &Vault, count: usize) -> Vec<RecordId> {
    let acme = tenant(vault, "acme");
    (0..count).map(|n| put(&acme, &format!("s{n}"), &[("email", "a@example.org")])).collect()
}

fn shown(revealer: &Revealer<'_>, records: &[RecordId]) -> cloakroom::Result<usize> {
    let email = field("email");
    let asked: Vec<_> = records.iter().map(|record| (*record, &email)).collect();
    let revealed = revealer.reveal_many(&asked)?;
    Ok(revealed.iter().filter(|r| matches!(r, Ok(Some(Revealed::Full(_))))).count())
}

fn is_denied<T>(result: cloakroom::Result<T>) -> bool {
    matches!(result, Err(Error::Denied { code: "approval-needed", .. }))
}

fn problem<T>(result: cloakroom::Result<T>) -> String {
    match result {
        Err(error @ Error::Approval { .. }) => error.to_string(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was done"),
    }
}

// SPEC: EYES-1
#[test]
fn nobody_asks_in_the_name_of_one_whom_the_rules_do_not_know() {
    let place = InMemory::new();
    place.vault.admin(principal("root")).set_rules(rules(), None).unwrap();
    let asked = place.vault.request(Action::SetRules, &rules_target(&rules()), &principal("ghost"));
    assert!(matches!(asked, Err(Error::Setting { what: "principal", .. })), "{asked:?}");
}

// SPEC: EYES-1
#[test]
fn rules_without_approvers_ask_for_no_approval() {
    let place = InMemory::new();
    assert!(Action::all().all(|action| !place.vault.needs_approval(action)));
    let admin = place.vault.admin(principal("root"));
    assert_eq!(admin.set_rules(Rules::default(), None).unwrap(), 1);
    assert_eq!(admin.set_rules(rules(), None).unwrap(), 2);
    assert!(Action::all().all(|action| place.vault.needs_approval(action)));
    assert!(is_denied(admin.set_rules(Rules::default(), None)));
}

// SPEC: EYES-1, EYES-2
#[test]
fn new_rules_take_the_approval_of_these_very_rules_once() {
    let mut place = installed();
    let mut other = rules();
    other.approvals.bulk = Some(4);
    let target = rules_target(&other);
    let approval = approved(&place.vault, Action::SetRules, &target, "root", "bob");
    let admin = place.vault.admin(principal("root"));
    let mut third = rules();
    third.approvals.bulk = Some(5);
    assert!(problem(admin.set_rules(third, Some(&approval))).contains("another target"));
    assert!(
        problem(place.vault.admin(principal("eve")).set_rules(other.clone(), Some(&approval)))
            .contains("another principal")
    );
    assert_eq!(admin.set_rules(other.clone(), Some(&approval)).unwrap(), 2);
    let back = approved(&place.vault, Action::SetRules, &rules_target(&rules()), "root", "dora");
    assert_eq!(admin.set_rules(rules(), Some(&back)).unwrap(), 3);
    assert!(problem(admin.set_rules(other.clone(), Some(&approval))).contains("used already"));
    place.reopen();
    let admin = place.vault.admin(principal("root"));
    assert!(problem(admin.set_rules(other, Some(&approval))).contains("used already"));
    assert_clean(&place.vault);
}

// SPEC: EYES-2
#[test]
fn every_wrong_approval_is_refused_with_its_reason_and_stays_unused() {
    let place = installed();
    let records = emails(&place.vault, 5);
    let acme = cloakroom::name::TenantId::new("acme").unwrap();
    let target = reveal_target(5, &acme, &access("alice"));
    let with = |approval: &Approval, fields| {
        place.vault.revealer(&acme, access("alice")).with_approval(fields, approval)
    };
    let bulk = |requester, approver| approved(&place.vault, Action::BulkReveal, &target, requester, approver);
    for (approval, why) in [
        (bulk("alice", "alice"), "the requester's own"),
        (bulk("alice", "carol"), "may not approve"),
        (bulk("alice", "eve"), "do not know"),
        (bulk("bob", "dora"), "by another principal"),
        (approved(&place.vault, Action::Export, &target, "alice", "bob"), "another action"),
        (approved(&place.vault, Action::BulkReveal, "all of it", "alice", "bob"), "another target"),
        (approved(&installed().vault, Action::BulkReveal, &target, "alice", "bob"), "another vault"),
    ] {
        let found = problem(with(&approval, 5));
        assert!(found.contains(why), "{found}");
    }
    let mut forged = bulk("alice", "bob");
    forged.approver = principal("dora");
    assert!(problem(with(&forged, 5)).contains("not the approver's"));
    let good = bulk("alice", "bob");
    assert!(problem(with(&good, 6)).contains("another target"));
    assert_eq!(place.store.count(APPROVAL), 0);
    assert_eq!(shown(&with(&good, 5).unwrap(), &records).unwrap(), 5);
    assert_eq!(place.store.count(APPROVAL), 1);
    assert_clean(&place.vault);
}

// SPEC: EYES-3
#[test]
fn an_expired_approval_is_refused_even_when_the_clock_goes_back() {
    let place = InMemory::new();
    let clock = Arc::new(AtomicU64::new(1_000_000));
    let time = Arc::clone(&clock);
    let vault = place.vault.with_clock(move || Timestamp(time.load(Ordering::SeqCst)));
    let admin = vault.admin(principal("root"));
    admin.set_rules(rules(), None).unwrap();
    let approval = |bulk| {
        let mut rules = rules();
        rules.approvals.bulk = Some(bulk);
        let approval = approved(&vault, Action::SetRules, &rules_target(&rules), "root", "bob");
        (rules, approval)
    };
    let (first, late) = (approval(5), approval(6));
    admin.set_rules(first.0.clone(), Some(&first.1)).unwrap();
    clock.store(1_000_000 + 86_400, Ordering::SeqCst);
    assert!(problem(admin.set_rules(late.0, Some(&late.1))).contains("expired"));
    // The nonce of the first is swept with the next; what it approved stays done.
    let next = approval(7);
    admin.set_rules(next.0, Some(&next.1)).unwrap();
    assert_eq!(place.store.count(APPROVAL), 1);
    clock.store(1_000_000, Ordering::SeqCst);
    assert!(problem(admin.set_rules(first.0, Some(&first.1))).contains("expired"));
    assert_clean(&vault);
}

// SPEC: EYES-2
#[test]
fn of_many_threads_with_one_approval_one_wins() {
    let place = installed();
    let acme = cloakroom::name::TenantId::new("acme").unwrap();
    let target = reveal_target(9, &acme, &access("alice"));
    let approval = approved(&place.vault, Action::BulkReveal, &target, "alice", "bob");
    let won = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| match place.vault.revealer(&acme, access("alice")).with_approval(9, &approval) {
                Ok(_) => {
                    won.fetch_add(1, Ordering::SeqCst);
                }
                refused => assert!(problem(refused).contains("used already")),
            });
        }
    });
    assert_eq!(won.load(Ordering::SeqCst), 1);
    assert_clean(&place.vault);
}

// SPEC: EYES-4
#[test]
fn a_bulk_is_shown_as_far_as_it_was_approved() {
    let place = installed();
    let records = emails(&place.vault, 12);
    let acme = cloakroom::name::TenantId::new("acme").unwrap();
    let alone = place.vault.revealer(&acme, access("alice"));
    assert_eq!(shown(&alone, &records[..3]).unwrap(), 3);
    assert!(is_denied(shown(&alone, &records[..1])), "three an hour, and no fourth");
    let target = reveal_target(6, &acme, &access("alice"));
    let approval = approved(&place.vault, Action::BulkReveal, &target, "alice", "bob");
    let together = place.vault.revealer(&acme, access("alice")).with_approval(6, &approval).unwrap();
    assert!(is_denied(shown(&together, &records[..7])), "seven are more than six");
    assert_eq!(shown(&together, &records[..4]).unwrap(), 4);
    assert_eq!(shown(&together, &records[..2]).unwrap(), 2);
    assert!(is_denied(shown(&together, &records[..1])));
}

// SPEC: EYES-5
#[test]
fn an_administrator_sees_what_another_approved_and_the_rules_permit() {
    let place = installed();
    let records = emails(&place.vault, 3);
    let acme = cloakroom::name::TenantId::new("acme").unwrap();
    let target = reveal_target(2, &acme, &access("alice"));
    let approve = |requester| approved(&place.vault, Action::AdminReveal, &target, requester, "bob");
    let admin = place.vault.admin(principal("alice"));
    assert!(matches!(
        admin.revealer(&acme, access("carol"), 2, &approve("alice")),
        Err(Error::Setting { .. })
    ));
    let revealer = admin.revealer(&acme, access("alice"), 2, &approve("alice")).unwrap();
    assert_eq!(shown(&revealer, &records[..2]).unwrap(), 2);
    assert!(is_denied(shown(&revealer, &records[2..])), "two, and no third");
    // Carol's roles show nothing, whoever approves it.
    let carol = place.vault.admin(principal("carol"));
    let revealer = carol.revealer(&acme, access("carol"), 2, &approve("carol")).unwrap();
    assert_eq!(shown(&revealer, &records[..1]).unwrap(), 0);
}

// SPEC: EYES-1
#[test]
fn nobody_goes_around_by_editing_the_keyset() {
    use cloakroom::keys::KeyState;
    let mut place = installed();
    place.rotate();
    let compromise = |keyset: &cloakroom::keys::Keyset| {
        keyset.with_state(version(1), KeyState::Compromised, Timestamp(2_000))
    };
    assert!(is_denied(place.edit(&compromise)));
    place.edit(&|keyset| keyset.with_state(version(2), KeyState::Suspended, Timestamp(2_000))).unwrap();
}

// SPEC: EYES-1, EYES-2
#[cfg(feature = "sled")]
#[test]
fn destroying_and_compromising_take_an_approval_that_a_refusal_does_not_use_up() {
    use cloakroom::keys::KeyState::Compromised;
    use cloakroom::vault::Despite;
    let mut place = InDirectory::new();
    put(&tenant(place.vault(), "acme"), "7", &[("email", "a@example.org")]);
    place.vault().admin(principal("root")).set_rules(rules(), None).unwrap();
    place.rotate();
    let (vault, key) = (place.vault(), &place.provider);
    let admin = vault.admin(principal("root"));
    let (one, later) = (version(1), Timestamp(2_000));
    assert!(is_denied(vault.change_state(one, Compromised, key, later)));
    assert!(is_denied(admin.change_state(one, Compromised, None, key, later)));
    assert_eq!(vault.keyset().version(one).unwrap().state().as_str(), "deactivated");
    let approval = approved(vault, Action::CompromiseKey, "key version 1", "root", "bob");
    admin.change_state(one, Compromised, Some(&approval), key, later).unwrap();

    // Data needs it: the approval says so, and an approval of less is none.
    let target = vault.destroy_target(one);
    assert_eq!(target, "key version 1, with what needs it");
    let less = approved(vault, Action::DestroyKey, "key version 1", "root", "bob");
    assert!(problem(admin.destroy(one, Despite::Data, Some(&less), key, later)).contains("another target"));
    let approval = approved(vault, Action::DestroyKey, &target, "root", "bob");
    assert!(matches!(
        admin.destroy(one, Despite::Nothing, Some(&approval), key, later),
        Err(Error::KeyNeeded { .. })
    ));
    assert!(is_denied(vault.destroy(one, Despite::Data, key, later)));
    admin.destroy(one, Despite::Data, Some(&approval), key, later).unwrap();
    assert_eq!(vault.keyset().version(one).unwrap().state().as_str(), "destroyed");
    place.reopen();
}
