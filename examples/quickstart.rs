//! 20,000 made-up customers through a policy into tokens, pseudonyms and a vault, and back.
//!
//! `cargo run --release --example quickstart`. What it makes stays in `target/quickstart` for you to look at.

use cloakroom::keys::KeyFile;
use cloakroom::name::{SubjectId, TenantId};
use cloakroom::pipeline::{Finished, Keys, Manifest, Options, protect, reveal};
use cloakroom::policy::Policy;
use cloakroom::vault::{Mode, Vault};
use cloakroom::whole_file::{Readers, WholeFile};
use fake::Fake;
use fake::faker::address::en::CountryCode;
use fake::faker::lorem::en::Sentence;
use fake::faker::name::en::{FirstName, LastName};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Instant, SystemTime};

const CUSTOMERS: u32 = 20_000;
/// The customer whom we follow.
const SHE: &str = "10423";

fn main() -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/quickstart");
    if dir.exists() {
        std::fs::remove_dir_all(&dir)?;
    }
    std::fs::create_dir_all(&dir)?;
    let (original, safe) = (dir.join("customers.csv"), dir.join("safe.csv"));
    make_customers(&original)?;
    println!("{CUSTOMERS} customers in {}\n", original.display());

    let key = KeyFile::create(dir.join("key"))?;
    let vault = Vault::create(dir.join("customers.vault"), &key, SystemTime::now().into())?;
    let policy = Policy::parse(include_str!("customers.policy.toml"))?;

    let protecting = Instant::now();
    let manifest = protect_file(&original, &safe, &policy, &vault)?;
    println!("protected {} rows in {:.1?}; before and after:\n", manifest.rows_written, protecting.elapsed());
    side_by_side(&original, &safe, 3)?;

    let acme = vault.tenant(&TenantId::new("acme")?);
    let she = SubjectId::new(SHE)?;
    println!("customer {SHE}, revealed from the vault:");
    for record in acme.records(&she)? {
        for (field, value) in &record.fields {
            println!("  {field:<8} {}", value.expose_str().unwrap_or("(not text)"));
        }
    }

    let version = vault.rotate(&key, SystemTime::now().into())?;
    let moved = vault.migrate(|_| {})?;
    println!("\nrotated to key version {version}; migrated {} of {} subjects", moved.moved, moved.total);
    for (line, count) in vault.census().lines() {
        println!("  key version {}: {count:>6} {} {}", line.version, line.mode.as_str(), line.field);
    }

    let back = dir.join("back.csv");
    let revealed = reveal_file(&safe, &back, &manifest, &vault)?;
    println!("\nrevealed {revealed} rows of the protected file under the new version");
    compare(&original, &back, &["name", "email", "card", "country"])?;

    let erasure = acme.erase(&she)?.ok_or("she was there a moment ago")?;
    println!(
        "\nerased customer {SHE}: her key, {} record, {} sealed fields",
        erasure.records, erasure.fields
    );
    println!("  in the vault now: {} records of hers", acme.records(&she)?.len());
    match reveal_file(&safe, &dir.join("after.csv"), &manifest, &vault) {
        Ok(_) => return Err("her row was revealed after she was erased".into()),
        Err(error) => println!("  revealing the file: {error}"),
    }
    let report = vault.check()?;
    let sealed = vault.census().total(Mode::Seal);
    println!(
        "\ncheck: {} subjects, {sealed} sealed fields, {}",
        report.subjects,
        if report.is_clean() { "clean" } else { "NOT CLEAN" }
    );
    println!("all in {:.1?}; look around in {}", started.elapsed(), dir.display());
    if report.is_clean() { Ok(()) } else { Err("check found problems".into()) }
}

/// The file, the manifest beside it, and the vault: whole or not at all.
fn protect_file(input: &Path, output: &Path, policy: &Policy, vault: &Vault) -> cloakroom::Result<Manifest> {
    let io = |e| cloakroom::Error::io("open", input)(e);
    let mut safe = WholeFile::create(output, Readers::Anyone)?;
    let options = Options { now: SystemTime::now().into(), ..Options::default() };
    let finished: Finished<'_> =
        protect(File::open(input).map_err(io)?, &mut safe, policy, Keys::Vault(vault), options)?;
    let mut beside = WholeFile::create(output.with_extension("csv.manifest.json"), Readers::Anyone)?;
    beside.write_all(&finished.json).map_err(cloakroom::Error::io("write", beside.place()))?;
    safe.sync()?;
    let manifest = finished.manifest.clone();
    finished.commit()?;
    beside.commit()?;
    safe.commit()?;
    Ok(manifest)
}

fn reveal_file(input: &Path, output: &Path, manifest: &Manifest, vault: &Vault) -> cloakroom::Result<u64> {
    let mut back = WholeFile::create(output, Readers::Owner)?;
    let file = File::open(input).map_err(cloakroom::Error::io("open", input))?;
    let revealed = reveal(file, &mut back, manifest, Keys::Vault(vault), Options::default())?;
    back.commit()?;
    Ok(revealed.rows)
}

/// The same customers on every run.
fn make_customers(path: &Path) -> Result<(), Box<dyn Error>> {
    let mut rng = StdRng::seed_from_u64(20_261_122);
    let mut out = csv::Writer::from_path(path)?;
    out.write_record(["customer_id", "name", "email", "phone", "card", "birth_date", "country", "notes"])?;
    for i in 0..CUSTOMERS {
        let first: String = FirstName().fake_with_rng(&mut rng);
        let last: String = LastName().fake_with_rng(&mut rng);
        let email = format!("{first}.{last}{i}@example.com").to_lowercase();
        let phone = format!("+1 {:03} 555 {:04}", rng.random_range(201..990), rng.random_range(0..10_000));
        let born = (rng.random_range(1940..2008), rng.random_range(1..=12), rng.random_range(1..=28));
        let country: String = CountryCode().fake_with_rng(&mut rng);
        let notes: String = Sentence(3..8).fake_with_rng(&mut rng);
        let (id, name) = ((10_000 + i).to_string(), format!("{first} {last}"));
        let birth_date = format!("{:04}-{:02}-{:02}", born.0, born.1, born.2);
        out.write_record([&id, &name, &email, &phone, &card(&mut rng), &birth_date, &country, &notes])?;
    }
    Ok(out.flush()?)
}

/// A 16-digit number that passes the Luhn check.
fn card(rng: &mut StdRng) -> String {
    let body = format!("4{:014}", rng.random_range(0..100_000_000_000_000u64));
    let sum: u32 = body
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, b)| {
            let d = u32::from(b - b'0');
            if i % 2 == 0 { 2 * d - 9 * u32::from(d > 4) } else { d }
        })
        .sum();
    let digits = format!("{body}{}", (10 - sum % 10) % 10);
    digits
        .as_bytes()
        .chunks(4)
        .map(|c| std::str::from_utf8(c).unwrap_or_default())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The first rows of both files, column by column.
fn side_by_side(before: &Path, after: &Path, rows: usize) -> Result<(), Box<dyn Error>> {
    let (mut before, mut after) = (csv::Reader::from_path(before)?, csv::Reader::from_path(after)?);
    let (header, kept) = (before.headers()?.clone(), after.headers()?.clone());
    for (a, b) in before.records().zip(after.records()).take(rows) {
        let (a, b) = (a?, b?);
        for (i, name) in header.iter().enumerate() {
            let now = kept.iter().position(|k| k == name).map_or("(dropped)", |j| &b[j]);
            println!("  {name:<12} {:<44} {now}", &a[i]);
        }
        println!();
    }
    Ok(())
}

/// Every reversible cell, byte for byte.
fn compare(original: &Path, back: &Path, columns: &[&str]) -> Result<(), Box<dyn Error>> {
    let (mut original, mut back) = (csv::Reader::from_path(original)?, csv::Reader::from_path(back)?);
    let place = |header: &csv::StringRecord, name: &str| {
        header.iter().position(|h| h == name).ok_or("no such column")
    };
    let (before, after) = (original.headers()?.clone(), back.headers()?.clone());
    let mut cells = 0;
    for (a, b) in original.records().zip(back.records()) {
        let (a, b) = (a?, b?);
        for name in columns {
            if a[place(&before, name)?] != b[place(&after, name)?] {
                return Err(format!("a cell of {name} did not come back").into());
            }
            cells += 1;
        }
    }
    println!("  {cells} cells of {} came back byte for byte", columns.join(", "));
    Ok(())
}
