//! A vault whose process is killed at any moment: what was acknowledged is there, what was not is there whole or not at
//! all, and runs that never committed left nothing behind.
//!
//! The process to be killed is this very program again, told so by the variable `CLOAKROOM_VAULT_CHILD`. It says on its
//! standard output what it is about to do, and when that was acknowledged. `CLOAKROOM_VAULT_ROUNDS` multiplies the
//! number of kills.
#![cfg(all(unix, feature = "sled"))]

mod killed;

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use cloakroom::keys::{KeyFile, KeyState};
use cloakroom::name::{FieldName, SubjectId, TenantId};
use cloakroom::time::Timestamp;
use cloakroom::vault::{Row, Run, Tenant, Vault};

use killed::{Doomed, random, say, setting};

const CHILD: &str = "CLOAKROOM_VAULT_CHILD";
const KILLS: u64 = 104;
const SUBJECTS: u64 = 12;

fn open(dir: &Path) -> Vault {
    let key = KeyFile::read(dir.join("key")).unwrap();
    Vault::open(dir.join("vault"), &key).unwrap()
}

fn acme(vault: &Vault) -> Tenant<'_> {
    vault.tenant(&TenantId::new("acme").unwrap())
}

fn subject(n: &str) -> SubjectId {
    SubjectId::new(n).unwrap()
}

/// A label as a value, some of them long enough to be kept in several pieces.
fn value(label: &str) -> Vec<u8> {
    let length = if label.ends_with('7') { 6000 } else { 40 };
    label.bytes().chain(*b" ").cycle().take(length).collect()
}

/// Rows of one batch: subject and label.
type Rows = Vec<(String, String)>;

fn put(vault: &Vault, run: Option<&Run<'_>>, rows: &Rows) {
    let field = FieldName::new("email").unwrap();
    let subjects: Vec<_> = rows.iter().map(|(id, _)| subject(id)).collect();
    let values: Vec<_> = rows.iter().map(|(_, label)| value(label)).collect();
    let fields: Vec<_> = values.iter().map(|value| [(&field, value.as_slice())]).collect();
    let rows: Vec<_> =
        subjects.iter().zip(&fields).map(|(subject, fields)| Row { subject, fields }).collect();
    match run {
        Some(run) => run.put_many(&acme(vault), &rows).unwrap(),
        None => acme(vault).put_many(&rows).unwrap(),
    };
}

fn spell(rows: &[(String, String)]) -> String {
    rows.iter().map(|(id, label)| format!(" {id}={label}")).collect()
}

/// What a child does until it is killed; in the parent, an empty test.
#[test]
fn child() {
    let Some((seed, dir)) = killed::task(CHILD) else { return };
    let mut random = random(seed);
    let vault = open(&dir);
    say("open");
    thread::scope(|scope| {
        // Rotates, migrates and destroys what nothing needs any more, all the time.
        scope.spawn(|| {
            let key = KeyFile::read(dir.join("key")).unwrap();
            loop {
                vault.migrate(|_| {}).unwrap();
                let mut keyset = vault.keyset();
                keyset = keyset.with_identity(keyset.primary_number(), Timestamp(1)).unwrap();
                for version in vault.keyset().versions() {
                    if version.state() == KeyState::Deactivated
                        && vault.census().needing(version.number()) == 0
                    {
                        keyset =
                            keyset.with_state(version.number(), KeyState::Destroyed, Timestamp(1)).unwrap();
                    }
                }
                vault.edit_keyset(&key, |_| Ok(keyset)).unwrap();
                thread::sleep(Duration::from_millis(7));
                vault.rotate(&key, Timestamp(1)).unwrap();
                say("rotated");
            }
        });
        let mut label = 0;
        loop {
            let mut rows = |random: &mut dyn FnMut(u64) -> u64| -> Rows {
                (0..1 + random(6))
                    .map(|_| {
                        label += 1;
                        (format!("s{}", random(SUBJECTS)), format!("{seed}-{label}"))
                    })
                    .collect()
            };
            match random(8) {
                0..3 => {
                    let rows = rows(&mut random);
                    say(&format!("try put{}", spell(&rows)));
                    put(&vault, None, &rows);
                    say("ack");
                }
                3..6 => {
                    let run = vault.begin_run();
                    let mut all = vec![];
                    for _ in 0..1 + random(6) {
                        let rows = rows(&mut random);
                        put(&vault, Some(&run), &rows);
                        all.extend(rows);
                    }
                    let between = rows(&mut random);
                    say(&format!("try put{}", spell(&between)));
                    put(&vault, None, &between);
                    say("ack");
                    if random(2) == 0 {
                        say("rolling back");
                        run.roll_back().unwrap();
                    } else {
                        say(&format!("try put{}", spell(&all)));
                        run.commit(None).unwrap();
                        say("ack");
                    }
                }
                _ => {
                    let id = format!("s{}", random(SUBJECTS));
                    say(&format!("try erase {id}"));
                    acme(&vault).erase(&subject(&id)).unwrap();
                    say("ack");
                }
            }
        }
    });
}

/// Labels of each subject's records, sorted.
type Labels = BTreeMap<String, Vec<String>>;

fn apply(labels: &mut Labels, operation: &str) {
    let mut words = operation.split(' ');
    match words.next().unwrap() {
        "erase" => drop(labels.remove(words.next().unwrap())),
        _ => {
            for (id, label) in words.filter_map(|word| word.split_once('=')) {
                let of_subject = labels.entry(id.to_owned()).or_default();
                of_subject.push(label.to_owned());
                of_subject.sort();
            }
        }
    }
}

fn read(vault: &Vault) -> Labels {
    let mut found = Labels::new();
    for n in 0..SUBJECTS {
        let id = format!("s{n}");
        let records = acme(vault).records(&subject(&id)).unwrap();
        assert_eq!(acme(vault).has(&subject(&id)).unwrap(), !records.is_empty());
        for record in &records {
            let text = record.fields[0].1.expose_str().unwrap();
            let label = text.split(' ').next().unwrap();
            assert_eq!(text.as_bytes(), value(label));
            apply(&mut found, &format!("put {id}={label}"));
        }
    }
    found
}

// SPEC: VAULT-12, VAULT-16, STORE-1
#[test]
fn kills_lose_nothing_acknowledged() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path();
    let key = KeyFile::create(dir.join("key")).unwrap();
    drop(Vault::create(dir.join("vault"), &key, Timestamp(0)).unwrap());
    let kills = KILLS * setting("CLOAKROOM_VAULT_ROUNDS");
    let mut random = random(1);
    let mut labels = Labels::new();
    let (mut acknowledged, mut unfinished, mut rotations, mut while_opening) = (0, 0, 0, 0);
    let started = Instant::now();
    for round in 0..kills {
        let mut child = Doomed::start(CHILD, round, dir);
        if round % 8 > 0 {
            child.wait_until_open();
        }
        thread::sleep(Duration::from_millis(random(200)));
        let said = child.kill().join("\n");
        let mut trying = None;
        for line in said.lines() {
            match line.strip_prefix("try ") {
                Some(operation) => trying = Some(operation),
                None if line == "ack" => {
                    acknowledged += 1;
                    apply(&mut labels, trying.take().unwrap());
                }
                None => rotations += u32::from(line == "rotated"),
            }
        }
        while_opening += u32::from(!said.contains("\nopen"));

        let vault = open(dir);
        let report = vault.check().unwrap();
        assert!(report.is_clean(), "round {round}: {report:?}");
        let found = read(&vault);
        if found != labels {
            // The one operation that was under way.
            unfinished += 1;
            apply(&mut labels, trying.unwrap_or("put"));
            assert_eq!(found, labels, "round {round}: {trying:?}\n{said}");
        }
        let records: u64 = found.values().map(|labels| labels.len() as u64).sum();
        assert_eq!(report.records, records);
        assert_eq!(report.subjects, found.len() as u64);
    }
    println!(
        "{kills} kills in {:?}, {while_opening} of them while opening: {acknowledged} operations acknowledged, {unfinished} \
         times one more had happened, {rotations} rotations",
        started.elapsed()
    );
    assert!(acknowledged > kills && rotations > 10);
}
