//! Rotating the keys of 1,000,000 sealed fields of 100,000 subjects, one of the fields in a blind index.
//!
//! `cargo bench --bench rotation` fills a vault, rotates, migrates (the subjects' keys are wrapped anew and the index
//! moves), rotates and migrates with resealing, and says how long each took. `-- 200` is for a cache of 200 MiB in place
//! of the default.

use std::time::Instant;

use cloakroom::format::Normalization;
use cloakroom::keys::KeyFile;
use cloakroom::name::{FieldName, SubjectId, TenantId};
use cloakroom::protect::BlindIndex;
use cloakroom::time::Timestamp;
use cloakroom::vault::{Migration, Row, Settings, Vault};
use measured::{cpu, peak_mib};

mod measured;

const SUBJECTS: usize = 100_000;
const FIELDS: usize = 10;
const BATCH: usize = 1_000;

fn main() {
    let megabytes = std::env::args().find_map(|arg| arg.parse::<u64>().ok());
    let settings = megabytes.map_or_else(Settings::default, |mib| Settings { cache_bytes: mib << 20 });
    let dir = tempfile::tempdir().unwrap();
    let key = KeyFile::create(dir.path().join("key")).unwrap();
    drop(Vault::create(dir.path().join("vault"), &key, Timestamp(1)).unwrap());
    let vault = Vault::open_with(dir.path().join("vault"), &key, settings).unwrap();
    timed("fill", SUBJECTS * FIELDS, "fields", || fill(&vault));
    timed("rotate", 1, "rotation", || vault.rotate(&key, Timestamp(2)).unwrap());
    timed("migrate (keys and index)", SUBJECTS, "subjects", || {
        let done = vault.migrate(|_| {}).unwrap();
        assert_eq!((done.moved, done.indexed), (SUBJECTS as u64, SUBJECTS as u64));
    });
    timed("rotate", 1, "rotation", || vault.rotate(&key, Timestamp(3)).unwrap());
    timed("migrate (reseal and index)", SUBJECTS * (FIELDS + 1), "fields and index entries", || {
        let done = vault.migrate_with(Migration { reseal: true, ..Migration::default() }, |_| {}).unwrap();
        assert_eq!((done.resealed, done.indexed), ((SUBJECTS * FIELDS) as u64, SUBJECTS as u64));
    });
    println!("file {} MiB", vault.size().unwrap() >> 20);
}

fn fill(vault: &Vault) {
    let acme = vault.tenant(&TenantId::new("acme").unwrap());
    let names: Vec<FieldName> = (0..FIELDS).map(|n| FieldName::new(&format!("field-{n}")).unwrap()).collect();
    acme.define_index(&BlindIndex::field(names[0].clone(), Normalization::Email, 17).unwrap()).unwrap();
    for batch in 0..SUBJECTS / BATCH {
        let numbers = batch * BATCH..(batch + 1) * BATCH;
        let subjects: Vec<_> =
            numbers.clone().map(|n| SubjectId::new(&format!("customer-{n:07}")).unwrap()).collect();
        let values: Vec<String> = numbers.map(|n| format!("number.{n:07}@example.com")).collect();
        let fields: Vec<Vec<_>> =
            values.iter().map(|value| names.iter().map(|name| (name, value.as_bytes())).collect()).collect();
        let rows: Vec<_> =
            subjects.iter().zip(&fields).map(|(subject, fields)| Row { subject, fields }).collect();
        acme.put_many(&rows).unwrap();
    }
}

fn timed<T>(what: &str, count: usize, unit: &str, work: impl FnOnce() -> T) -> T {
    let (started, before) = (Instant::now(), cpu());
    let done = work();
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{what}: {seconds:.3} s ({:.2} s of processor), {:.0} {unit}/s, peak {} MiB",
        cpu() - before,
        count as f64 / seconds,
        peak_mib()
    );
    done
}
