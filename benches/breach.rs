//! The blast radius of millions of accesses.
//!
//! `cargo bench --bench breach` puts 10,000,000 accesses of 1,000,000 subjects in leaves of 1,000 into a vault, indexes them,
//! and asks: everything, one principal, one field, one key version, an hour. `-- 2000000 1000 200000` is for other numbers
//! of accesses, of accesses in a leaf, and of subjects: `-- 1000000 1 100000` has a leaf for each access. With `disk` behind
//! them, the vault is in a directory. Fields of the same few thousand subjects are revealed one after the other, because
//! opening subjects' keys is not what is measured here.

use cloakroom::duties::{
    Access, Basis, FieldRules, Permission, PrincipalRules, PurposeRules, RoleRules, Rules,
};
use cloakroom::keys::{KeyFile, Keyset};
use cloakroom::name::{FieldName, KeyVersion, Principal, Purpose, RoleName, SubjectId, TenantId};
use cloakroom::store::memory::MemoryStore;
use cloakroom::time::Timestamp;
use cloakroom::vault::{Query, RecordId, Row, Vault};
use measured::peak_mib;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

mod measured;

const FIELDS: [&str; 4] = ["name", "email", "phone", "diagnosis"];
const PRINCIPALS: usize = 50;
/// Records put at once.
const BATCH: usize = 1000;
/// Subjects that are revealed one after the other: no more than a vault keeps open.
const WINDOW: usize = 4000;

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|arg| arg.parse().ok()).collect();
    let number = |i: usize, default| numbers.get(i).copied().unwrap_or(default).max(1);
    let (accesses, in_leaf) = (number(0, 10_000_000), number(1, 1000));
    let subjects = number(2, accesses / 10).min(accesses);
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicU64::new(1_800_000_000));
    let now = Arc::clone(&clock);
    let vault = match std::env::args().any(|arg| arg == "disk") {
        true => {
            let key = KeyFile::create(dir.path().join("key")).unwrap();
            Vault::create(dir.path().join("vault"), &key, Timestamp(1)).unwrap()
        }
        false => {
            let keyset = Keyset::generate(Timestamp(1)).unwrap();
            Vault::create_in(Box::new(MemoryStore::new()), keyset).unwrap()
        }
    };
    let vault = vault.with_clock(move || Timestamp(now.load(Ordering::Relaxed)));
    vault.admin(Principal::new("root").unwrap()).set_rules(rules(), None).unwrap();
    let acme = TenantId::new("acme").unwrap();
    let records = timed("put", subjects, "records", || put(&vault, &acme, subjects));
    timed("reveal", accesses, "accesses", || reveal(&vault, &acme, &records, accesses, in_leaf, &clock));
    let leaves = timed("index", accesses, "accesses", || vault.index_accesses().unwrap());
    println!("{leaves} leaves, {} MiB in the store", vault.size().unwrap() >> 20);
    let from = clock.load(Ordering::Relaxed) - 3600;
    let queries = [
        Query::default(),
        Query { principal: Principal::new("agent-7").ok(), ..Query::default() },
        Query { field: Some((acme, FieldName::new("email").unwrap())), ..Query::default() },
        Query { key: Some(KeyVersion::FIRST), ..Query::default() },
        Query { from: Some(Timestamp(from)), ..Query::default() },
    ];
    for query in queries {
        let radius = timed(&query.to_string(), accesses, "accesses", || vault.radius(&query).unwrap());
        println!("    {} subjects, {} accesses fit", radius.subjects, radius.accesses);
    }
    println!("peak {} MiB", peak_mib());
}

fn put(vault: &Vault, tenant: &TenantId, subjects: usize) -> Vec<RecordId> {
    let fields: Vec<_> = FIELDS.map(|name| FieldName::new(name).unwrap()).into();
    let values: Vec<(&FieldName, &[u8])> = fields.iter().map(|field| (field, &b"x"[..])).collect();
    let mut records = Vec::with_capacity(subjects);
    for from in (0..subjects).step_by(BATCH) {
        let to = subjects.min(from + BATCH);
        let ids: Vec<_> = (from..to).map(|i| SubjectId::new(&i.to_string()).unwrap()).collect();
        let rows: Vec<_> = ids.iter().map(|subject| Row { subject, fields: &values }).collect();
        records.extend(vault.tenant(tenant).put_many(&rows).unwrap());
    }
    records
}

/// Each principal in turn; an hour goes by every 100,000 accesses.
fn reveal(
    vault: &Vault,
    tenant: &TenantId,
    records: &[RecordId],
    accesses: usize,
    in_leaf: usize,
    clock: &AtomicU64,
) {
    let fields: Vec<_> = FIELDS.map(|name| FieldName::new(name).unwrap()).into();
    let revealers: Vec<_> = (0..PRINCIPALS)
        .map(|i| vault.revealer(tenant, Access { principal: agent(i), purpose: support() }))
        .collect();
    let of_window = WINDOW * accesses.div_ceil(records.len());
    for (i, from) in (0..accesses).step_by(in_leaf).enumerate() {
        let to = accesses.min(from + in_leaf);
        let asked: Vec<_> = (from..to)
            .map(|n| {
                let record = (n / of_window * WINDOW + n % WINDOW) % records.len();
                (records[record], &fields[n / WINDOW % fields.len()])
            })
            .collect();
        let shown = revealers[i % PRINCIPALS].reveal_many(&asked).unwrap();
        assert!(shown.iter().all(|shown| shown.as_ref().is_ok_and(Option::is_some)));
        clock.store(1_800_000_000 + (from / 100_000 * 3600) as u64, Ordering::Relaxed);
    }
}

fn agent(i: usize) -> Principal {
    Principal::new(&format!("agent-{i}")).unwrap()
}

fn support() -> Purpose {
    Purpose::new("support").unwrap()
}

/// Every agent sees every field.
fn rules() -> Rules {
    let mut rules = Rules::default();
    let declared = PurposeRules {
        basis: Basis::Contract,
        text: None,
        recipients: vec![],
        special: false,
        despite_restriction: false,
        despite_hold: false,
    };
    rules.purposes.insert(support(), declared);
    let role = RoleName::new("agent").unwrap();
    let fields = FIELDS.map(|name| FieldName::new(name).unwrap());
    let reveal = fields.iter().map(|field| (field.clone(), Permission::Full)).collect();
    rules.roles.insert(role.clone(), RoleRules { purposes: [support()].into(), reveal, budget: None });
    for i in 0..PRINCIPALS {
        let principal = PrincipalRules { roles: [role.clone()].into(), ..PrincipalRules::default() };
        rules.principals.insert(agent(i), principal);
    }
    for field in fields {
        let of = FieldRules { purposes: [support()].into(), ..FieldRules::default() };
        rules.fields.insert(field, of);
    }
    rules
}

fn timed<R>(what: &str, n: usize, unit: &str, work: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let done = work();
    let seconds = start.elapsed().as_secs_f64();
    println!("{what}: {seconds:.2} s, {:.0} {unit}/s", n as f64 / seconds);
    done
}
