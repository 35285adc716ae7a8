//! Lists of the subjects in a radius.

use super::{START, Step, World, access, principal, rules};
use cloakroom::Error;
use cloakroom::crypto::sign::SigningKey;
use cloakroom::duties::Action;
use cloakroom::name::{KeyVersion, Principal};
use cloakroom::report::BreachReport;
use cloakroom::time::Timestamp;
use cloakroom::vault::Query;
use cloakroom::wire::audit::Leaf;

// SPEC: ACC-4
#[test]
fn a_list_names_who_is_there_and_counts_who_was_erased() {
    let mut world = World::new();
    world.put(0, &[(1, vec![0]), (2, vec![0])], Some(&access("alice", "support")));
    world.put(1, &[(2, vec![0])], Some(&access("alice", "support")));
    world.put(0, &[(3, vec![0])], Some(&access("bob", "support")));
    world.take(Step::Erase { tenant: 0, subject: 1 });
    let query = Query { principal: Some(principal("alice")), ..Query::default() };
    let listing = world.vault.list_radius(&query, None, None).unwrap();
    let listed: Vec<_> = listing.subjects.iter().map(|(t, s)| (t.as_str(), s.expose())).collect();
    assert_eq!(listed, [("acme", "subject-2"), ("globex", "subject-2")]);
    assert_eq!((listing.radius.subjects, listing.erased, listing.canaries), (3, 1, 0));
    let leaves = world.leaves();
    let leaf = Leaf::parse(leaves.last().unwrap()).unwrap();
    assert_eq!((leaf.kind, leaf.note), ("list-subjects", "principal alice"));
    let report = BreachReport::of_radius(&world.vault.id(), &query, &listing.radius, Timestamp(START));
    let ids = report.with_subjects(&listing).subject_ids.unwrap();
    assert_eq!(ids, ["acme: subject-2", "globex: subject-2"]);
}

// SPEC: ACC-4
#[test]
fn a_list_takes_an_approval_of_this_very_query_once() {
    let world = World::new();
    let (key, mut rules) = (SigningKey::generate().unwrap(), rules());
    let bob = rules.principals.get_mut(&principal("bob")).unwrap();
    (bob.approves, bob.key) = (true, Some(key.verifying_key()));
    world.vault.admin(principal("root")).set_rules(rules, None).unwrap();
    let (query, alice) = (Query { key: Some(KeyVersion::FIRST), ..Query::default() }, principal("alice"));
    let denied = world.vault.list_radius(&query, Some(&alice), None).unwrap_err();
    assert!(matches!(denied, Error::Denied { code: "approval-needed", .. }), "{denied}");
    let request = world.vault.request(Action::ListSubjects, &query.to_string(), &alice).unwrap();
    let approval = request.approve(principal("bob"), &key);
    let error = |query: &Query, by: Option<&Principal>| {
        world.vault.list_radius(query, by, Some(&approval)).unwrap_err().to_string()
    };
    assert!(error(&Query::default(), Some(&alice)).contains("another target"));
    assert!(error(&query, Some(&principal("carol"))).contains("another principal"));
    assert!(error(&query, None).contains("principal"));
    assert_eq!(world.vault.list_radius(&query, Some(&alice), Some(&approval)).unwrap().subjects.len(), 2);
    assert!(error(&query, Some(&alice)).contains("used"));
}
