//! A vault whose process is killed while it erases, purges and installs rules, and a thread writes all the while: a subject
//! is there wholly or not at all, nothing is noted as due that is not there, and the next purge finishes.
//!
//! The process to be killed is this very program again, told so by the variable `CLOAKROOM_ERASE_CHILD`. It says on its
//! standard output what it is about to do, and when that was acknowledged. `CLOAKROOM_VAULT_ROUNDS` multiplies the number
//! of kills.
#![cfg(all(unix, feature = "sled"))]

mod killed;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cloakroom::duties::{FieldRules, Rules};
use cloakroom::format::{Format, Normalization};
use cloakroom::keys::KeyFile;
use cloakroom::name::{FieldName, SubjectId, TenantId};
use cloakroom::protect::BlindIndex;
use cloakroom::time::Timestamp;
use cloakroom::vault::{Look, RandomTokens, Tenant, TokenRequest, TokenRules, Vault};

use killed::{Doomed, random, say, setting};

const CHILD: &str = "CLOAKROOM_ERASE_CHILD";
const KILLS: u64 = 72;
const SUBJECTS: u64 = 12;

/// A vault whose clock is this.
fn open(dir: &Path, clock: &Arc<AtomicU64>) -> Vault {
    let (key, clock) = (KeyFile::read(dir.join("key")).unwrap(), Arc::clone(clock));
    let vault = Vault::open(dir.join("vault"), &key).unwrap();
    vault.with_clock(move || Timestamp(clock.load(Ordering::Relaxed)))
}

fn acme(vault: &Vault) -> Tenant<'_> {
    vault.tenant(&TenantId::new("acme").unwrap())
}

fn subject(n: u64) -> SubjectId {
    SubjectId::new(&format!("s{n}")).unwrap()
}

fn field(name: &str) -> FieldName {
    FieldName::new(name).unwrap()
}

/// `brief` and `short` are kept for so many seconds, `note` for ever.
fn rules(brief: u64, short: u64) -> Rules {
    let of = |retention| FieldRules { category: None, purposes: [].into(), retention, special: false };
    let fields = [("brief", Some(brief)), ("short", Some(short)), ("note", None)];
    Rules {
        fields: fields.map(|(name, kept)| (field(name), of(kept))).into_iter().collect(),
        ..Rules::default()
    }
}

fn pins(vault: &Vault) -> RandomTokens<'_> {
    acme(vault).random_tokens(&field("pin"), TokenRules::new(Look::Like(Format::digits()))).unwrap()
}

/// What a child does until it is killed; in the parent, an empty test.
#[test]
fn child() {
    let Some((seed, dir)) = killed::task(CHILD) else { return };
    // Later than all that was put before.
    let clock = Arc::new(AtomicU64::new(1_000_000 * (seed + 1)));
    let vault = open(&dir, &clock);
    say("open");
    thread::scope(|scope| {
        // Purges all the time, and has records told anew when they are due.
        scope.spawn(|| {
            let mut random = random(seed ^ 0xAD);
            loop {
                let now = Timestamp(clock.fetch_add(1, Ordering::Relaxed));
                let purged = vault.purge(now, false).unwrap();
                say(&format!("purged {}", purged.fields));
                if random(6) == 0 {
                    vault.set_rules(rules(1 + random(4), 3 + random(6))).unwrap();
                    say("told");
                }
                thread::sleep(Duration::from_millis(random(6)));
            }
        });
        let (mut random, pins) = (random(seed), pins(&vault));
        loop {
            let n = random(SUBJECTS);
            let value = format!("{:06}", random(20));
            match random(8) {
                0..4 => {
                    let mut fields = vec![];
                    let names = [field("brief"), field("short"), field("note")];
                    let notes = random(2) == 0;
                    for (name, wanted) in names.iter().zip([random(2) == 0, !notes || random(2) == 0, notes])
                    {
                        fields.extend(wanted.then_some((name, value.as_bytes())));
                    }
                    say(&format!("try put {n} {}", u64::from(notes)));
                    acme(&vault).put(&subject(n), &fields).unwrap();
                    say("ack");
                }
                4 => {
                    // It ends soon, so that a purge takes what the tests do not count.
                    let expires = Some(Timestamp(clock.load(Ordering::Relaxed) + 1 + random(8)));
                    let who = subject(n);
                    let request = TokenRequest { value: &value, subject: Some(&who), expires };
                    for issued in pins.issue_many(&[request], Timestamp(0)).unwrap() {
                        // The same value with another end is refused as long as its token is there.
                        drop(issued);
                    }
                }
                _ => {
                    say(&format!("try erase {n}"));
                    match random(2) {
                        0 => drop(acme(&vault).erase(&subject(n)).unwrap()),
                        _ => drop(acme(&vault).erase_with_receipt(&subject(n), &Default::default())),
                    }
                    say("ack");
                }
            }
        }
    });
}

/// Records of each subject that are kept for ever.
type Notes = BTreeMap<u64, u64>;

fn apply(notes: &mut Notes, operation: &str) {
    let words: Vec<&str> = operation.split(' ').collect();
    match words[..] {
        ["erase", n] => drop(notes.remove(&n.parse().unwrap())),
        ["put", n, "1"] => *notes.entry(n.parse().unwrap()).or_default() += 1,
        _ => {}
    }
}

// SPEC: RET-9
#[test]
fn kills_leave_nobody_half_erased_and_no_purge_stuck() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path();
    let key = KeyFile::create(dir.join("key")).unwrap();
    let vault = Vault::create(dir.join("vault"), &key, Timestamp(0)).unwrap();
    for name in ["brief", "short", "note"] {
        let index = BlindIndex::field(field(name), Normalization::Digits, 16).unwrap();
        acme(&vault).define_index(&index).unwrap();
    }
    vault.set_rules(rules(2, 5)).unwrap();
    drop(vault);
    let kills = KILLS * setting("CLOAKROOM_VAULT_ROUNDS");
    let mut random = random(1);
    let mut notes = Notes::new();
    let (mut acknowledged, mut unfinished, mut purged, mut told) = (0, 0, 0, 0);
    let started = Instant::now();
    for round in 0..kills {
        let mut child = Doomed::start(CHILD, round, dir);
        child.wait_until_open();
        thread::sleep(Duration::from_millis(random(250)));
        let said = child.kill();
        let mut trying = None;
        for line in &said {
            match line.split_once(' ') {
                Some(("try", operation)) => trying = Some(operation),
                Some(("purged", fields)) => purged += fields.parse::<u64>().unwrap_or(0),
                None if line == "ack" => {
                    acknowledged += 1;
                    apply(&mut notes, trying.take().unwrap());
                }
                _ => told += u64::from(line == "told"),
            }
        }
        // By now all that ends has ended.
        let clock = Arc::new(AtomicU64::new(1_000_000 * (round + 2) - 1));
        let vault = open(dir, &clock);
        let report = vault.check().unwrap();
        assert!(report.is_clean(), "round {round}: {report:?}");
        let rest = vault.purge(Timestamp(clock.load(Ordering::Relaxed)), false).unwrap();
        assert_eq!((rest.held, rest.lost), (0, 0));
        let report = vault.check().unwrap();
        assert!(report.is_clean(), "round {round}: {report:?}");
        let found = |notes: &Notes| {
            let there = |n| acme(&vault).has(&subject(n)).unwrap() == notes.contains_key(&n);
            report.records == notes.values().sum::<u64>() && (0..SUBJECTS).all(there)
        };
        if !found(&notes) {
            // The one operation that was under way.
            unfinished += 1;
            apply(&mut notes, trying.unwrap_or("put"));
            assert!(found(&notes), "round {round}: {trying:?}, {notes:?}, {report:?}\n{}", said.join("\n"));
        }
        assert_eq!((report.fields, report.subjects), (report.records, notes.len() as u64));
        assert_eq!((report.tokens, report.indexed), (0, report.fields));
    }
    println!(
        "{kills} kills in {:?}: {acknowledged} operations acknowledged, {unfinished} times one more had happened, {purged} fields \
         purged, records told anew {told} times",
        started.elapsed()
    );
    assert!(acknowledged > kills && purged > kills && told > 3);
}
