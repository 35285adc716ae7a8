//! A CSV file of six columns through a policy: token, pseudonym, generalize, mask, keep, drop; or into a vault.
//!
//! `cargo bench --bench pipeline` measures 100,000 rows with criterion; `cargo bench --bench pipeline -- whole 10000000`
//! runs so many rows from file to file beside the `csv` crate copying the same file, five turns, each run in a process of
//! its own, and prints seconds, their ratio, and peak memory; `-- vault 200000` does so into a vault.

use cloakroom::keys::{KeyFile, Keyset};
use cloakroom::pipeline::{Keys, Options, protect};
use cloakroom::policy::Policy;
use cloakroom::time::Timestamp;
use cloakroom::vault::Vault;
use cloakroom::whole_file::{Readers, WholeFile};
use criterion::{Criterion, Throughput};
use std::fmt::Write as _;
use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

const POLICY: &str = r#"
version = 1
tenant = "acme"
[field]
id = { protect = "pseudonym", scope = "analytics" }
card = { protect = "token", format = "card", keep = "6+4" }
birth_date = { protect = "generalize", to = "year" }
phone = { protect = "mask", keep = "0+4" }
country = { protect = "keep" }
notes = { protect = "drop" }
"#;

const VAULT_POLICY: &str = r#"
version = 1
tenant = "acme"
subject = "id"
[field]
id = { protect = "keep" }
card = { protect = "random-token", format = "card", keep = "6+4" }
birth_date = { protect = "generalize", to = "year" }
phone = { protect = "seal", index = 24, normalize = "digits" }
country = { protect = "keep" }
notes = { protect = "seal" }
"#;

/// A linear congruential generator: the same rows on every machine.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) % limit
    }
}

const HEADER: &str = "id,card,birth_date,phone,country,notes\n";

fn rows(count: u64) -> String {
    let (mut numbers, mut out) = (Numbers(7), String::from(HEADER));
    (0..count).for_each(|i| append_row(i, &mut numbers, &mut out));
    out
}

/// As [`rows`], a few at a time: the file may be larger than memory.
fn write_rows(count: u64, path: &Path) {
    let (mut numbers, mut rows) = (Numbers(7), String::from(HEADER));
    let mut file = File::create(path).expect("a file");
    for i in 0..count {
        append_row(i, &mut numbers, &mut rows);
        if rows.len() > 1 << 20 || i + 1 == count {
            file.write_all(rows.as_bytes()).expect("written");
            rows.clear();
        }
    }
}

fn append_row(i: u64, numbers: &mut Numbers, out: &mut String) {
    let body = format!("4{:014}", numbers.below(100_000_000_000_000));
    let weigh = |(i, b): (usize, u8)| {
        let d = u32::from(b - b'0');
        if i % 2 == 0 { 2 * d - 9 * u32::from(d > 4) } else { d }
    };
    let sum: u32 = body.bytes().rev().enumerate().map(weigh).sum();
    let (year, month, day) = (1940 + numbers.below(65), 1 + numbers.below(12), 1 + numbers.below(28));
    let country = ["DE", "US", "FR", "GB"][numbers.below(4) as usize];
    let (check, phone) = ((10 - sum % 10) % 10, numbers.below(10_000_000));
    writeln!(out, "{i},{body}{check},{year}-{month:02}-{day:02},+1 555 {phone:07},{country},note number {i}")
        .expect("writing to memory does not fail");
}

fn criterion_rows(c: &mut Criterion) {
    const ROWS: u64 = 100_000;
    let (csv, policy) = (rows(ROWS), Policy::parse(POLICY).expect("a policy"));
    let keyset = Keyset::generate(Timestamp(0)).expect("randomness");
    let mut group = c.benchmark_group("protect, six columns");
    group.throughput(Throughput::Elements(ROWS)).sample_size(20);
    for threads in [1, 2] {
        group.bench_function(format!("{threads} worker threads"), |b| {
            b.iter(|| {
                let mut out = Vec::with_capacity(2 * csv.len());
                let options = Options { threads, ..Options::default() };
                protect(csv.as_bytes(), &mut out, &policy, Keys::Keyset(&keyset), options)
                    .expect("protected");
                black_box(out)
            });
        });
    }
    group.finish();
}

/// One run from file to file, in a process of its own so that its peak memory is its own; [`whole`] reads what it prints.
fn one_run(what: &str, dir: &Path) {
    let started = Instant::now();
    match what {
        "copy" => copy(dir),
        "vault" => protect_into_vault(dir),
        threads => protect_file(dir, if threads == "1-worker" { 1 } else { 2 }),
    }
    let seconds = started.elapsed().as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or("not known").trim().to_owned();
    println!("{seconds:.3} {peak}");
}

fn protect_file(dir: &Path, threads: usize) {
    let (policy, keyset) =
        (Policy::parse(POLICY).expect("a policy"), Keyset::generate(Timestamp(0)).expect("randomness"));
    let mut out = WholeFile::create(dir.join("out.csv"), Readers::Anyone).expect("a file");
    let input = File::open(dir.join("in.csv")).expect("a file");
    let options = Options { threads, ..Options::default() };
    protect(input, &mut out, &policy, Keys::Keyset(&keyset), options).expect("protected");
    out.commit().expect("durable");
}

/// Into a new vault over sled: sealed fields, one of them with a blind index, and random tokens.
fn protect_into_vault(dir: &Path) {
    let policy = Policy::parse(VAULT_POLICY).expect("a policy");
    let place = tempfile::tempdir_in(dir).expect("a directory");
    let key = KeyFile::create(place.path().join("key")).expect("a key file");
    let vault = Vault::create(place.path().join("vault"), &key, Timestamp(1)).expect("a vault");
    let mut out = WholeFile::create(dir.join("out.csv"), Readers::Anyone).expect("a file");
    let input = File::open(dir.join("in.csv")).expect("a file");
    let options = Options { threads: 2, now: Timestamp(1), ..Options::default() };
    let finished = protect(input, &mut out, &policy, Keys::Vault(&vault), options).expect("protected");
    out.sync().expect("durable");
    finished.commit().expect("in the vault");
    out.commit().expect("durable");
}

/// The same file through the `csv` crate, record by record, on one thread, with buffers of the same size; durable, too.
fn copy(dir: &Path) {
    let input = File::open(dir.join("in.csv")).expect("a file");
    let mut out = WholeFile::create(dir.join("copy.csv"), Readers::Anyone).expect("a file");
    let mut reader = csv::ReaderBuilder::new().has_headers(false).buffer_capacity(1 << 16).from_reader(input);
    let mut writer = csv::WriterBuilder::new().buffer_capacity(1 << 16).from_writer(&mut out);
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).expect("a record") {
        writer.write_byte_record(&record).expect("written");
    }
    writer.flush().expect("written");
    drop(writer);
    out.commit().expect("durable");
}

/// Turn by turn: the copy, then each of these.
fn whole(count: u64, runs: &[&str]) {
    const TURNS: usize = 5;
    let dir = tempfile::tempdir().expect("a directory");
    write_rows(count, &dir.path().join("in.csv"));
    let itself: PathBuf = std::env::current_exe().expect("a path");
    let run = |what: &str| -> (f64, String) {
        let run = Command::new(&itself).arg("one-run").arg(what).arg(dir.path()).output().expect("it runs");
        eprint!("{}", String::from_utf8_lossy(&run.stderr));
        let printed = String::from_utf8(run.stdout).expect("text");
        let (seconds, peak) = printed.trim().split_once(' ').expect("seconds and a peak");
        (seconds.parse().expect("seconds"), peak.into())
    };
    println!("{count} rows: seconds, times the copy's, rows/s, peak memory");
    let mut ratios = vec![vec![]; runs.len()];
    for turn in 1..=TURNS {
        let (copied, peak) = run("copy");
        println!("{turn} csv copy {copied:.2} 1.00 {:.0} {peak}", count as f64 / copied);
        for (what, ratios) in runs.iter().zip(&mut ratios) {
            let (seconds, peak) = run(what);
            ratios.push(seconds / copied);
            println!(
                "{turn} {what} {seconds:.2} {:.2} {:.0} {peak}",
                seconds / copied,
                count as f64 / seconds
            );
        }
    }
    for (what, mut ratios) in runs.iter().zip(ratios) {
        ratios.sort_by(f64::total_cmp);
        println!("{what}: median of {TURNS} ratios to the copy {:.2}", ratios[TURNS / 2]);
    }
}

fn rows_of(arguments: &[String]) -> u64 {
    arguments.first().and_then(|rows| rows.parse().ok()).unwrap_or(1_000_000)
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let after = |name: &str| arguments.iter().position(|a| a == name).map(|i| &arguments[i + 1..]);
    if let Some([what, dir, ..]) = after("one-run") {
        return one_run(what, Path::new(dir));
    }
    if let Some(rest) = after("whole") {
        return whole(rows_of(rest), &["1-worker", "2-workers"]);
    }
    if let Some(rest) = after("vault") {
        return whole(rows_of(rest), &["vault"]);
    }
    let mut c = Criterion::default().configure_from_args();
    criterion_rows(&mut c);
    c.final_summary();
}
