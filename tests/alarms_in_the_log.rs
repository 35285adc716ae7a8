//! What an auditor sees of an alarm in the log: of a budget that was overrun that it was, of a canary nothing but her id.

mod place;

use cloakroom::duties::{Access, Rules};
use cloakroom::name::{Principal, Purpose, TenantId};
use cloakroom::time::Timestamp;
use cloakroom::vault::{Alarm, AlarmKind, RecordId};
use cloakroom::wire::audit::Leaf;
use place::*;
use std::sync::{Arc, Mutex};

const RULES: &str = r#"{"purposes":{"support":{"basis":"contract","text":null,"recipients":[],"special":false,"despite_restriction":false,"despite_hold":false}},"roles":{"agent":{"purposes":["support"],"reveal":{"email":"full","phone":"token"},"budget":{"per_hour":3,"over":"alert"}}},"principals":{"alice":{"roles":["agent"],"key":null,"approves":false}},"fields":{"email":{"category":null,"purposes":["support"],"retention":null,"special":false},"phone":{"category":null,"purposes":["support"],"retention":null,"special":false}},"approvals":{"bulk":null,"valid":86400},"register":{"controller":null,"contact":null,"dpo":null}}"#;

struct Alarmed {
    place: InMemory,
    /// Alarms, each with how many leaves there were when it was raised.
    raised: Arc<Mutex<Vec<(AlarmKind, usize)>>>,
}

impl Alarmed {
    fn new() -> Self {
        let (mut place, raised) = (InMemory::new(), Arc::new(Mutex::new(vec![])));
        let (heard, store) = (Arc::clone(&raised), place.store.clone());
        let vault = place.vault.with_clock(|| Timestamp(36_000));
        place.vault = vault.with_alarm(move |alarm: &Alarm| {
            heard.lock().unwrap().push((alarm.kind, store.count(AUDIT)));
        });
        let rules: Rules = serde_json::from_str(RULES).unwrap();
        place.vault.set_rules(rules).unwrap();
        Self { place, raised }
    }

    fn put(&self, id: &str) -> RecordId {
        put(&tenant(&self.place.vault, "acme"), id, &[("email", "a@example.org"), ("phone", "1")])
    }

    fn reveal(&self, records: &[RecordId]) {
        self.reveal_fields(records, "email");
    }

    fn reveal_fields(&self, records: &[RecordId], name: &str) {
        let (purpose, name) = (Purpose::new("support").unwrap(), field(name));
        let access = Access { principal: Principal::new("alice").unwrap(), purpose };
        let asked: Vec<_> = records.iter().map(|record| (*record, &name)).collect();
        let revealer = self.place.vault.revealer(&TenantId::new("acme").unwrap(), access);
        for shown in revealer.reveal_many(&asked).unwrap() {
            assert!(shown.unwrap().is_some());
        }
    }

    /// Notes of the leaves of reveals.
    fn notes(&self) -> Vec<String> {
        let leaves = self.place.store.all(AUDIT);
        let leaves = leaves.iter().map(|(_, bytes)| Leaf::parse(bytes).unwrap());
        leaves.filter(|leaf| leaf.kind == "reveal").map(|leaf| leaf.note.to_owned()).collect()
    }
}

// SPEC: ALARM-4
#[test]
fn the_leaf_of_a_reveal_over_a_budget_that_alerts_says_so() {
    let alarmed = Alarmed::new();
    let ann = alarmed.put("ann");
    alarmed.reveal(&[ann, ann]);
    alarmed.reveal(&[ann]);
    alarmed.reveal(&[ann]);
    alarmed.reveal(&[ann, ann]);
    assert_eq!(alarmed.notes(), ["", "", "alarm: over-budget", "alarm: over-budget"]);
    // Each alarm came once its own leaf was there.
    let leaves = alarmed.place.store.count(AUDIT);
    assert_eq!(
        *alarmed.raised.lock().unwrap(),
        [(AlarmKind::OverBudget, leaves - 1), (AlarmKind::OverBudget, leaves)]
    );
    let log = alarmed.place.vault.statistics(NOW).unwrap().log;
    assert_eq!((log.over_budget, log.budgets_hit, log.canaries_shown), (2, 0, 0));
    assert_clean(&alarmed.place.vault);
}

// SPEC: ALARM-4
#[test]
fn the_leaf_of_a_canary_is_as_any_other_and_who_knows_her_id_finds_it() {
    let alarmed = Alarmed::new();
    let (lure, ann) = (alarmed.put("lure"), alarmed.put("ann"));
    let acme = tenant(&alarmed.place.vault, "acme");
    acme.rights_of(&subject("lure")).canary(true).unwrap();
    alarmed.reveal(&[ann]);
    alarmed.reveal(&[lure]);
    assert_eq!(
        alarmed.raised.lock().unwrap().iter().map(|raised| raised.0).collect::<Vec<_>>(),
        [AlarmKind::Canary]
    );
    // But for whom they are about, the two leaves are the same.
    let leaves = alarmed.place.store.all(AUDIT);
    let [of_ann, of_lure] = [2, 1].map(|back| Leaf::parse(&leaves[leaves.len() - back].1).unwrap());
    assert_ne!(of_ann.items[0].subject, of_lure.items[0].subject);
    let mut same = of_lure.clone();
    same.items[0].subject = of_ann.items[0].subject;
    assert_eq!(same, of_ann);
    // Who has the vault sees each time that she was shown, by whom and what for.
    let seen = acme.rights_of(&subject("lure")).seen().unwrap();
    let seen: Vec<_> = seen.iter().filter(|seen| seen.kind == "reveal").collect();
    assert_eq!((seen.len(), seen[0].principal.as_str(), seen[0].leaf), (1, "alice", leaves.len() as u64 - 1));
    assert_eq!(alarmed.place.vault.statistics(NOW).unwrap().log.canaries_shown, 1);
}

// SPEC: ALARM-5
#[test]
fn a_budget_counts_each_value_that_is_shown_and_not_whose_it_is() {
    // Three an hour: of one person, a token among them, or of three.
    let of_one = Alarmed::new();
    let ann = of_one.put("ann");
    of_one.reveal(&[ann]);
    of_one.reveal_fields(&[ann], "phone");
    of_one.reveal(&[ann]);
    assert!(of_one.raised.lock().unwrap().is_empty());
    of_one.reveal_fields(&[ann], "phone");
    assert_eq!(of_one.raised.lock().unwrap().len(), 1);
    let of_many = Alarmed::new();
    let records: Vec<_> = ["a", "b", "c", "d"].iter().map(|id| of_many.put(id)).collect();
    of_many.reveal(&records[..3]);
    assert!(of_many.raised.lock().unwrap().is_empty());
    of_many.reveal(&records[3..]);
    assert_eq!(of_many.raised.lock().unwrap().len(), 1);
}
