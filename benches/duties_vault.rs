//! What erasing and purging cost in a large vault.
//!
//! ```text
//! cargo bench --bench duties_vault -- erase 1000000 50       a subject with 50 records among 1,000,000 subjects
//! cargo bench --bench duties_vault -- purge 100000 10000     10,000 expired records among 100,000
//! cargo bench --bench duties_vault -- purge 1000000 10000    and among 1,000,000: about as long
//! ```
//!
//! Without arguments all three, each in a process of its own.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use cloakroom::duties::{FieldRules, Rules};
use cloakroom::keys::KeyFile;
use cloakroom::name::{FieldName, SubjectId, TenantId};
use cloakroom::time::Timestamp;
use cloakroom::vault::{ReceiptOptions, Row, Tenant, Vault};
use measured::peak_mib;

mod measured;

const BATCH: u64 = 2_000;
const NOW: u64 = 1_795_600_000;
const DAY: u64 = 86_400;
const ERASED: usize = 20;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let number = |i: usize| args[i].parse::<u64>().expect("a number");
    match args.first().map(String::as_str) {
        Some("erase") => erase(number(1), number(2)),
        Some("purge") => purge(number(1), number(2)),
        _ => all(),
    }
}

fn all() {
    for case in [["erase", "1000000", "50"], ["purge", "100000", "10000"], ["purge", "1000000", "10000"]] {
        let out = Command::new(std::env::current_exe().unwrap()).args(case).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        print!("{}", String::from_utf8_lossy(&out.stdout));
    }
}

/// A vault in which `email` is kept for ten days and `name` for ever.
fn with_vault(f: impl FnOnce(&Vault, &AtomicU64)) {
    let dir = tempfile::tempdir().unwrap();
    let key = KeyFile::create(dir.path().join("key")).unwrap();
    let clock = Arc::new(AtomicU64::new(NOW));
    let time = Arc::clone(&clock);
    let vault = Vault::create(dir.path().join("vault"), &key, Timestamp(NOW)).unwrap();
    let vault = vault.with_clock(move || Timestamp(time.load(Ordering::Relaxed)));
    let of = |retention| FieldRules { category: None, purposes: [].into(), retention, special: false };
    let fields = [(field("email"), of(Some(10 * DAY))), (field("name"), of(None))].into();
    vault.set_rules(Rules { fields, ..Rules::default() }).unwrap();
    f(&vault, &clock);
}

fn field(name: &str) -> FieldName {
    FieldName::new(name).unwrap()
}

fn acme(vault: &Vault) -> Tenant<'_> {
    vault.tenant(&TenantId::new("acme").unwrap())
}

/// Puts a record of one field for each of these subjects.
fn fill(vault: &Vault, name: &str, subjects: impl Iterator<Item = String>) {
    let (field, mut subjects) = (field(name), subjects.peekable());
    while subjects.peek().is_some() {
        let some: Vec<_> =
            subjects.by_ref().take(BATCH as usize).map(|id| SubjectId::new(&id).unwrap()).collect();
        let fields = [(&field, &b"someone@example.com"[..])];
        let rows: Vec<_> = some.iter().map(|subject| Row { subject, fields: &fields }).collect();
        acme(vault).put_many(&rows).unwrap();
    }
}

fn erase(subjects: u64, records: u64) {
    with_vault(|vault, _| {
        fill(vault, "email", (0..subjects).map(|n| n.to_string()));
        let theirs = (0..ERASED).flat_map(|n| (0..records).map(move |_| format!("large {n}")));
        fill(vault, "email", theirs);
        let mut times: Vec<f64> = (0..ERASED)
            .map(|n| {
                let subject = SubjectId::new(&format!("large {n}")).unwrap();
                let started = Instant::now();
                let receipt = acme(vault).erase_with_receipt(&subject, &ReceiptOptions::default()).unwrap();
                assert_eq!(receipt.destroyed.records, records);
                started.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!(
            "erase a subject with {records} records among {subjects} subjects: median {:.2} ms, longest {:.2} ms ({ERASED} \
             times, durable, with receipt), peak {} MiB",
            times[ERASED / 2],
            times[ERASED - 1],
            peak_mib()
        );
    });
}

fn purge(all: u64, expired: u64) {
    with_vault(|vault, clock| {
        fill(vault, "email", (0..expired).map(|n| format!("short {n}")));
        clock.store(NOW + 9 * DAY, Ordering::Relaxed);
        fill(vault, "email", (expired..all).map(|n| format!("long {n}")));
        let now = NOW + 10 * DAY;
        clock.store(now, Ordering::Relaxed);
        let started = Instant::now();
        let purged = vault.purge(Timestamp(now), false).unwrap();
        let seconds = started.elapsed().as_secs_f64();
        assert_eq!((purged.fields, purged.subjects), (expired, expired));
        println!(
            "purge {expired} expired of {all} records: {seconds:.2} s, {:.0} records/s, peak {} MiB",
            expired as f64 / seconds,
            peak_mib()
        );
    });
}
