//! Budgets of the hour, and the bulk limit.

use super::{START, World, access, field, principal, reveal_emails, rules, tenant};
use cloakroom::Error;
use cloakroom::duties::{Budget, OverBudget, Rules};
use cloakroom::vault::{AlarmKind, Query};
use cloakroom::wire::audit::Leaf;
use std::sync::atomic::Ordering;

fn with_budget(per_hour: u32, over: OverBudget) -> Rules {
    let mut rules = rules();
    rules.roles.values_mut().for_each(|role| role.budget = Some(Budget { per_hour, over }));
    rules
}

fn denied_leaves(world: &World) -> Vec<String> {
    let leaves = world.leaves();
    let notes = leaves.iter().map(|leaf| Leaf::parse(leaf).unwrap().note.to_owned());
    notes.filter(|note| note.starts_with("denied")).collect()
}

// SPEC: ALARM-1
#[test]
fn over_the_budget_of_the_hour_everything_is_refused_and_the_refusal_is_logged() {
    let mut world = World::new();
    world.vault.admin(principal("root")).set_rules(with_budget(10, OverBudget::Refuse), None).unwrap();
    assert_eq!(reveal_emails(&world, 7, "alice").unwrap(), 7);
    let over = reveal_emails(&world, 4, "alice").unwrap_err();
    assert!(matches!(over, Error::Denied { code: "over-budget", .. }), "{over}");
    assert_eq!(denied_leaves(&world), ["denied: over-budget"]);
    assert_eq!(reveal_emails(&world, 3, "alice").unwrap(), 3, "what was refused is not counted");
    world.reopen();
    assert!(reveal_emails(&world, 1, "alice").is_err(), "the count survives");
    assert_eq!(reveal_emails(&world, 10, "bob").unwrap(), 10, "each has a budget of its own");
    let alice = Query { principal: Some(principal("alice")), ..Query::default() };
    let radius = world.vault.radius(&alice).unwrap();
    assert_eq!((radius.accesses, radius.denied), (10, 5), "a refusal is no access");
    world.clock.store((START / 3600 + 1) * 3600, Ordering::SeqCst);
    assert_eq!(reveal_emails(&world, 10, "alice").unwrap(), 10, "another hour");
    assert!(reveal_emails(&world, 1, "alice").is_err());
    assert!(world.alarms.lock().unwrap().is_empty());
}

// SPEC: ALARM-1
#[test]
fn a_budget_that_alerts_shows_the_value_and_raises_an_alarm() {
    let world = World::new();
    world.vault.admin(principal("root")).set_rules(with_budget(10, OverBudget::Alert), None).unwrap();
    assert_eq!(reveal_emails(&world, 10, "alice").unwrap(), 10);
    assert!(world.alarms.lock().unwrap().is_empty());
    assert_eq!(reveal_emails(&world, 5, "alice").unwrap(), 5);
    assert_eq!(*world.alarms.lock().unwrap(), [AlarmKind::OverBudget]);
    assert!(denied_leaves(&world).is_empty());
}

// SPEC: ALARM-1
#[test]
fn what_is_denied_or_not_there_costs_no_budget() {
    let world = World::new();
    world.vault.admin(principal("root")).set_rules(with_budget(2, OverBudget::Refuse), None).unwrap();
    for _ in 0..5 {
        let special = field("diagnosis");
        let revealer = world.vault.revealer(&tenant("acme"), access("alice", "support"));
        assert!(revealer.reveal(world.records[2].1, &special).is_err());
        assert!(revealer.reveal(world.records[0].1, &field("other")).unwrap().is_none());
    }
    assert_eq!(reveal_emails(&world, 2, "alice").unwrap(), 2);
}

// SPEC: ALARM-1
#[test]
fn more_than_the_bulk_limit_in_an_hour_takes_an_approval() {
    let mut world = World::new();
    let mut rules = rules();
    rules.approvals.bulk = Some(6);
    world.vault.admin(principal("root")).set_rules(rules, None).unwrap();
    assert_eq!(reveal_emails(&world, 4, "alice").unwrap(), 4);
    let over = reveal_emails(&world, 3, "alice").unwrap_err();
    assert!(matches!(over, Error::Denied { code: "approval-needed", .. }), "{over}");
    assert_eq!(denied_leaves(&world), ["denied: approval-needed"]);
    world.reopen();
    assert_eq!(reveal_emails(&world, 2, "alice").unwrap(), 2, "up to the limit");
    assert!(reveal_emails(&world, 1, "alice").is_err());
    world.clock.fetch_add(3600, Ordering::SeqCst);
    assert_eq!(reveal_emails(&world, 6, "alice").unwrap(), 6);
}
