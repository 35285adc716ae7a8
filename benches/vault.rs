//! What a vault costs over the sled under it: 100,000 new subjects with one sealed field each, 2,000 a batch, each
//! batch durable before the next, as one run.
//!
//! `cargo bench --bench vault` takes turns, each measurement in a process of its own: a vault, and sled alone with as
//! many entries of the same sizes and as many syncs. `-- vault` or `-- sled` does one of them once, for a profiler;
//! `-- migrate` fills a vault, rotates, and moves it.

use std::fs::{self, File};
use std::process::Command;
use std::time::Instant;

use measured::{Keys, cpu, peak_mib};

use cloakroom::keys::KeyFile;
use cloakroom::name::{FieldName, SubjectId, TenantId};
use cloakroom::time::Timestamp;
use cloakroom::vault::{Row, Vault};

mod measured;

const SUBJECTS: usize = 100_000;
const BATCH: usize = 2_000;
const TURNS: usize = 5;

/// Bytes of what a vault writes for one subject and one batch, the byte of the map and sled's mark included.
const INDEX: (usize, usize) = (17, 17 + 1);
const ENTRY: (usize, usize) = (17, 307 + 1);
const CENSUS: (usize, usize) = (7, 300);
const JOURNAL: usize = 16 * BATCH + 32;
const CHUNK: (usize, usize) = (13, 4096);

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    match args.first().map(String::as_str) {
        Some("vault") => vault(),
        Some("sled") => raw(),
        Some("migrate") => migrate(),
        _ => compare(),
    }
}

fn compare() {
    let mut times = [vec![], vec![]];
    let mut processor = [vec![], vec![]];
    let mut peaks = [0.0_f64; 2];
    for _ in 0..TURNS {
        for (side, name) in ["sled", "vault"].into_iter().enumerate() {
            let out = Command::new(std::env::current_exe().unwrap()).arg(name).output().unwrap();
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
            let out = String::from_utf8(out.stdout).unwrap();
            print!("{out}");
            let mut numbers = out.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
            times[side].push(numbers.next().unwrap());
            processor[side].push(numbers.next().unwrap());
            peaks[side] = peaks[side].max(numbers.next().unwrap());
        }
    }
    let median = |times: &[f64]| {
        let mut times = times.to_vec();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let mut ratios: Vec<f64> = times[1].iter().zip(&times[0]).map(|(vault, sled)| vault / sled).collect();
    ratios.sort_by(f64::total_cmp);
    println!(
        "medians: sled {:.2} s, vault {:.2} s ({:.0} subjects/s); ratio {:.2} (turn by turn {:.2} to {:.2})",
        median(&times[0]),
        median(&times[1]),
        SUBJECTS as f64 / median(&times[1]),
        median(&times[1]) / median(&times[0]),
        ratios[0],
        ratios[TURNS - 1],
    );
    println!(
        "processor time: sled {:.2} s, vault {:.2} s; ratio {:.2}",
        median(&processor[0]),
        median(&processor[1]),
        median(&processor[1]) / median(&processor[0])
    );
    println!("peak memory: sled {} MiB, vault {} MiB", peaks[0], peaks[1]);
}

fn fill(vault: &Vault) {
    let (acme, email) = (vault.tenant(&TenantId::new("acme").unwrap()), FieldName::new("email").unwrap());
    let run = vault.begin_run();
    for batch in 0..SUBJECTS / BATCH {
        let numbers = batch * BATCH..(batch + 1) * BATCH;
        let subjects: Vec<_> =
            numbers.clone().map(|n| SubjectId::new(&format!("customer-{n:07}")).unwrap()).collect();
        let values: Vec<_> = numbers.map(|n| format!("customer.number.{n:07}@example.com")).collect();
        let fields: Vec<_> = values.iter().map(|value| [(&email, value.as_bytes())]).collect();
        let rows: Vec<_> =
            subjects.iter().zip(&fields).map(|(subject, fields)| Row { subject, fields }).collect();
        assert_eq!(run.put_many(&acme, &rows).unwrap().len(), BATCH);
    }
    run.commit(None).unwrap();
}

fn vault() {
    let dir = tempfile::tempdir().unwrap();
    let key = KeyFile::create(dir.path().join("key")).unwrap();
    let vault = Vault::create(dir.path().join("vault"), &key, Timestamp(1)).unwrap();
    let started = Instant::now();
    fill(&vault);
    let seconds = started.elapsed().as_secs_f64();
    assert_eq!(vault.census().needing(vault.keyset().primary_number()), 3 * SUBJECTS as u64);
    println!(
        "vault {seconds:.3} s, {} s of processor, peak {} MiB, file {} MiB",
        cpu(),
        peak_mib(),
        vault.size().unwrap() >> 20
    );
}

fn raw() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let config = sled::Config::new().path(&path).cache_capacity(512 << 20).flush_every_ms(None);
    let db = config.open().unwrap();
    let file = File::open(path.join("db")).unwrap();
    let mut keys = Keys(1);
    let apply = |batch| {
        db.apply_batch(batch).unwrap();
        db.flush().unwrap();
        file.sync_all().unwrap();
    };
    let started = Instant::now();
    for number in 0..SUBJECTS / BATCH {
        let mut batch = sled::Batch::default();
        for _ in 0..BATCH {
            batch.insert(keys.next(1, INDEX.0), vec![0xA5; INDEX.1]);
            batch.insert(keys.next(2, ENTRY.0), vec![0xA5; ENTRY.1]);
        }
        batch.insert(vec![3; CENSUS.0], vec![0xA5; CENSUS.1]);
        batch.insert(keys.next(4, 21), vec![0xA5; 13]);
        for chunk in 0..JOURNAL.div_ceil(CHUNK.1) {
            let key = [&[0xFF][..], &(number as u64).to_be_bytes(), &(chunk as u32).to_be_bytes()].concat();
            batch.insert(key, vec![0xA5; CHUNK.1.min(JOURNAL - chunk * CHUNK.1)]);
        }
        apply(batch);
    }
    // The end of the run, and the deletion of its journal.
    let mut batch = sled::Batch::default();
    batch.insert(vec![5; 33], vec![0]);
    apply(batch);
    let mut batch = sled::Batch::default();
    for journal in db.range([4_u8]..[5_u8]).chain(db.range([0xFF_u8]..)) {
        batch.remove(journal.unwrap().0);
    }
    apply(batch);
    let seconds = started.elapsed().as_secs_f64();
    let bytes = fs::metadata(path.join("db")).unwrap().len();
    println!(
        "sled  {seconds:.3} s, {} s of processor, peak {} MiB, file {} MiB",
        cpu(),
        peak_mib(),
        bytes >> 20
    );
}

fn migrate() {
    let dir = tempfile::tempdir().unwrap();
    let key = KeyFile::create(dir.path().join("key")).unwrap();
    let vault = Vault::create(dir.path().join("vault"), &key, Timestamp(1)).unwrap();
    fill(&vault);
    let timed = |what: &str, work: &mut dyn FnMut()| {
        let started = Instant::now();
        work();
        let seconds = started.elapsed().as_secs_f64();
        println!("{what} {:.0} subjects/s, peak {} MiB", SUBJECTS as f64 / seconds, peak_mib());
    };
    vault.rotate(&key, Timestamp(2)).unwrap();
    timed("migrate", &mut || assert_eq!(vault.migrate(|_| {}).unwrap().moved, SUBJECTS as u64));
    timed("check", &mut || assert!(vault.check().unwrap().is_clean()));
    let acme = vault.tenant(&TenantId::new("acme").unwrap());
    timed("records of a subject", &mut || {
        for n in 0..SUBJECTS {
            let subject = SubjectId::new(&format!("customer-{n:07}")).unwrap();
            assert_eq!(acme.records(&subject).unwrap().len(), 1);
        }
    });
}
