//! What deciding and logging cost: `cargo bench --bench reveal`, on a store in memory, in one thread.
//!
//! | row | what is timed |
//! |---|---|
//! | one | `Revealer::reveal` of one field, subject's key known: decided, counted, logged |
//! | bulk | `Revealer::reveal_many` of 1,000 fields of as many subjects, one leaf |
//! | bulk, not logged | `Revealer::preview` of the same: looked up, decided, opened, dropped |

mod measured;

use cloakroom::duties::{Access, Rules};
use cloakroom::keys::Keyset;
use cloakroom::name::{FieldName, Principal, Purpose, SubjectId, TenantId};
use cloakroom::store::memory::MemoryStore;
use cloakroom::time::Timestamp;
use cloakroom::vault::{RecordId, Row, Vault};
use std::hint::black_box;
use std::time::Instant;

const SUBJECTS: usize = 2_000;
const BULK: usize = 1_000;
const ROUNDS: usize = 41;

const RULES: &str = r#"{
    "purposes": {"support": {"basis": "contract", "text": null, "recipients": [], "special": false,
        "despite_restriction": false, "despite_hold": false}},
    "roles": {"agent": {"purposes": ["support"], "reveal": {"email": "full"}, "budget": null}},
    "principals": {"alice": {"roles": ["agent"], "key": null, "approves": false}},
    "fields": {"email": {"category": "contact", "purposes": ["support"], "retention": 63072000, "special": false}},
    "approvals": {"bulk": null, "valid": 86400},
    "register": {"controller": null, "contact": null, "dpo": null}
}"#;

fn main() {
    let keyset = Keyset::generate(Timestamp(0)).unwrap();
    let vault = Vault::create_in(Box::new(MemoryStore::new()), keyset).unwrap();
    vault.set_rules(serde_json::from_str::<Rules>(RULES).unwrap()).unwrap();
    let (tenant, email) = (TenantId::new("acme").unwrap(), FieldName::new("email").unwrap());
    let subjects: Vec<_> = (0..SUBJECTS).map(|n| SubjectId::new(&format!("subject {n}")).unwrap()).collect();
    let values: Vec<_> = (0..SUBJECTS).map(|n| format!("subject.{n}@example.com")).collect();
    let fields: Vec<_> = values.iter().map(|value| [(&email, value.as_bytes())]).collect();
    let rows: Vec<_> =
        subjects.iter().zip(&fields).map(|(subject, fields)| Row { subject, fields }).collect();
    let records = vault.tenant(&tenant).put_many(&rows).unwrap();
    let access =
        Access { principal: Principal::new("alice").unwrap(), purpose: Purpose::new("support").unwrap() };
    let alice = vault.revealer(&tenant, access);
    let asked: Vec<(RecordId, &FieldName)> =
        records.iter().take(BULK).map(|record| (*record, &email)).collect();
    let mut one = vec![];
    let (mut bulk, mut open) = (vec![], vec![]);
    for round in 0..ROUNDS {
        let begun = Instant::now();
        for (record, field) in &asked {
            black_box(alice.reveal(*record, field).unwrap().unwrap());
        }
        one.push(begun.elapsed().as_secs_f64() / BULK as f64);
        let timed = |bulk: &mut Vec<f64>, open: &mut Vec<f64>, first: bool| {
            let begun = Instant::now();
            if first {
                black_box(alice.reveal_many(&asked).unwrap());
                bulk.push(begun.elapsed().as_secs_f64() / BULK as f64);
            } else {
                black_box(alice.preview(&asked).unwrap());
                open.push(begun.elapsed().as_secs_f64() / BULK as f64);
            }
        };
        // In turns, and in both orders.
        timed(&mut bulk, &mut open, round % 2 == 0);
        timed(&mut bulk, &mut open, round % 2 == 1);
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let (one, bulk, open) = (median(&mut one), median(&mut bulk), median(&mut open));
    let row = |name: &str, time: f64| println!("{name:18} {:8.0} ns  {:10.0} /s", time * 1e9, 1.0 / time);
    row("one", one);
    row("bulk", bulk);
    row("bulk, not logged", open);
    println!("logged / not logged {:5.1} %", open / bulk * 100.0);
    println!("peak memory         {:5} MiB", measured::peak_mib());
}
