//! A closed vault whose files were damaged: everything right and clean, or an error from opening, or problems from
//! `check`; never a panic, an abort, a hang, wrong data, or a loss that nothing reports.
//!
//! Whatever may abort, hang or ask for absurd memory runs in a child: this very program again, told by the variable
//! `CLOAKROOM_VAULT_CHILD`, under a limit of memory and time. `CLOAKROOM_VAULT_ROUNDS` multiplies the number of rounds,
//! and `--nocapture` shows the statistics.
#![cfg(all(unix, feature = "sled"))]

mod killed;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cloakroom::keys::KeyFile;
use cloakroom::name::{FieldName, SubjectId, TenantId};
use cloakroom::time::Timestamp;
use cloakroom::vault::{ProtectedFile, Row, Vault};

use killed::{finish, limited, random, say, setting};

const CHILD: &str = "CLOAKROOM_VAULT_CHILD";
const SUBJECTS: u32 = 200;

/// Value of the n-th subject's m-th record.
fn value(n: u32, m: u32) -> Vec<u8> {
    n.to_be_bytes()
        .iter()
        .chain(&m.to_be_bytes())
        .copied()
        .cycle()
        .take(if n == 9 { 9000 } else { 48 })
        .collect()
}

fn records(n: u32) -> u32 {
    1 + u32::from(n.is_multiple_of(10))
}

fn subject(n: u32) -> SubjectId {
    SubjectId::new(&format!("subject {n}")).unwrap()
}

/// Two openings, a rotation, a migration.
fn write_sample(dir: &Path) {
    let key = KeyFile::create(dir.join("key")).unwrap();
    let (acme, email) = (TenantId::new("acme").unwrap(), FieldName::new("email").unwrap());
    let mut vault = Vault::create(dir.join("vault"), &key, Timestamp(0)).unwrap();
    for m in 0..2 {
        let numbers: Vec<u32> = (0..SUBJECTS).filter(|n| m < records(*n)).collect();
        for numbers in numbers.chunks(80) {
            let subjects: Vec<_> = numbers.iter().map(|n| subject(*n)).collect();
            let values: Vec<_> = numbers.iter().map(|n| value(*n, m)).collect();
            let fields: Vec<_> = values.iter().map(|value| [(&email, value.as_slice())]).collect();
            let rows: Vec<_> =
                subjects.iter().zip(&fields).map(|(subject, fields)| Row { subject, fields }).collect();
            let run = vault.begin_run();
            run.put_many(&vault.tenant(&acme), &rows).unwrap();
            let columns = vec![];
            let file =
                ProtectedFile { sha256: [m as u8; 32], made: Timestamp(0), tenant: acme.clone(), columns };
            run.commit(Some(&file)).unwrap();
        }
        drop(vault);
        vault = Vault::open(dir.join("vault"), &key).unwrap();
        vault.rotate(&key, Timestamp(1)).unwrap();
        if m == 0 {
            vault.migrate(|_| {}).unwrap();
        }
    }
    assert!(vault.check().unwrap().is_clean());
}

/// What a child sees of a damaged vault; in the parent, an empty test.
#[test]
fn child() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    say("");
    let dir = Path::new(&dir);
    let key = KeyFile::read(dir.join("key")).unwrap();
    let vault = match Vault::open(dir.join("vault"), &key) {
        Ok(vault) => vault,
        Err(error) => return say(&format!("error {error}")),
    };
    let report = vault.check();
    let acme = vault.tenant(&TenantId::new("acme").unwrap());
    let mut missing = 0;
    for n in 0..SUBJECTS {
        let Ok(found) = acme.records(&subject(n)) else {
            missing += records(n);
            continue;
        };
        missing += records(n) - (found.len() as u32).min(records(n));
        for record in &found {
            let revealed = record.fields[0].1.expose();
            if !(0..records(n)).any(|m| revealed == value(n, m)) {
                return say("wrong");
            }
        }
    }
    match report {
        Ok(report) if report.is_clean() && missing == 0 => say("right"),
        Ok(report) if report.is_clean() => say(&format!("silent loss of {missing}")),
        Ok(report) => say(&format!("problems {}, {missing} missing", report.problem_count)),
        Err(error) => say(&format!("error of check {error}")),
    }
}

/// Every file of the vault, with its length.
fn files(dir: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = vec![];
    for folder in ["vault", "vault/store"] {
        for entry in fs::read_dir(dir.join(folder)).unwrap().map(|entry| entry.unwrap()) {
            if entry.file_type().unwrap().is_file() {
                found.push((Path::new(folder).join(entry.file_name()), entry.metadata().unwrap().len()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn damage_is_an_error_or_a_problem_or_harmless() {
    let tmp = tempfile::tempdir().unwrap();
    let good = tmp.path().join("good");
    fs::create_dir(&good).unwrap();
    write_sample(&good);
    let files = files(&good);
    let db = files.iter().find(|(name, _)| name.ends_with("db")).unwrap();
    let mut random = random(5);
    let mut outcomes = BTreeMap::<String, u32>::new();
    let rounds = 90 * setting("CLOAKROOM_VAULT_ROUNDS");
    for round in 0..rounds {
        // None the first time; then half of all damage to the data, the rest to all files in turn.
        let (name, length) = match round % 2 {
            0 => db,
            _ => &files[(round / 2) as usize % files.len()],
        };
        let dir = tmp.path().join("damaged");
        fs::create_dir_all(dir.join("vault/store/blobs")).unwrap();
        fs::copy(good.join("key"), dir.join("key")).unwrap();
        for (name, _) in &files {
            fs::copy(good.join(name), dir.join(name)).unwrap();
        }
        let mut bytes = fs::read(dir.join(name)).unwrap();
        let at = if *length == 0 { 0 } else { random(*length) as usize };
        let kind = match random(3) {
            _ if round == 0 || *length == 0 => "nothing done",
            0 => {
                bytes[at] ^= 1 << random(8);
                "bit flipped"
            }
            1 => {
                let page = at / 512 * 512;
                let end = bytes.len().min(page + 512);
                bytes[page..end].fill(0);
                "page zeroed"
            }
            _ => {
                bytes.truncate(at);
                "truncated"
            }
        };
        fs::write(dir.join(name), bytes).unwrap();
        let (lines, status) = finish(limited(CHILD, dir.to_str().unwrap(), None), Duration::from_secs(40));
        let outcome =
            lines.iter().find(|line| ["error", "problems", "right"].iter().any(|o| line.starts_with(o)));
        let place = format!("{} {kind} at {at}", name.display());
        let Some(outcome) = outcome.filter(|_| status.is_some_and(|status| status.success())) else {
            panic!("{place}: {status:?} {lines:?}");
        };
        assert!(kind != "nothing done" || outcome == "right", "{place}: {outcome}");
        let short = outcome.split(&[',', ' '][..]).next().unwrap();
        let file = name.file_name().unwrap().to_str().unwrap().split('.').next().unwrap();
        *outcomes.entry(format!("{file} {kind}: {short}")).or_default() += 1;
        fs::remove_dir_all(&dir).unwrap();
    }
    outcomes.iter().for_each(|(outcome, times)| println!("{times:4} × {outcome}"));
}
