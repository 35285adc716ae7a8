//! A CSV file of six columns through a policy, without a vault: token, pseudonym, generalize, mask, keep, drop.
//!
//! `cargo bench --bench pipeline` measures 100,000 rows with criterion; `cargo bench --bench pipeline -- million` runs
//! 1,000,000 rows from file to file, five times in processes of their own, and prints rows a second and peak memory.

use cloakroom::keys::Keyset;
use cloakroom::pipeline::{Keys, Options, protect};
use cloakroom::policy::Policy;
use cloakroom::time::Timestamp;
use cloakroom::whole_file::{Readers, WholeFile};
use criterion::{Criterion, Throughput};
use std::fmt::Write as _;
use std::fs::File;
use std::hint::black_box;
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

/// A linear congruential generator: the same rows on every machine.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) % limit
    }
}

fn rows(count: u64) -> String {
    let (mut numbers, mut out) = (Numbers(7), String::from("id,card,birth_date,phone,country,notes\n"));
    for i in 0..count {
        let body = format!("4{:014}", numbers.below(100_000_000_000_000));
        let weigh = |(i, b): (usize, u8)| {
            let d = u32::from(b - b'0');
            if i % 2 == 0 { 2 * d - 9 * u32::from(d > 4) } else { d }
        };
        let sum: u32 = body.bytes().rev().enumerate().map(weigh).sum();
        let (year, month, day) = (1940 + numbers.below(65), 1 + numbers.below(12), 1 + numbers.below(28));
        let country = ["DE", "US", "FR", "GB"][numbers.below(4) as usize];
        let (check, phone) = ((10 - sum % 10) % 10, numbers.below(10_000_000));
        writeln!(
            out,
            "{i},{body}{check},{year}-{month:02}-{day:02},+1 555 {phone:07},{country},note number {i}"
        )
        .expect("writing to memory does not fail");
    }
    out
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

/// One run from file to file; the last line that it prints is read by [`million`].
fn one_run(dir: &Path) {
    let (policy, keyset) =
        (Policy::parse(POLICY).expect("a policy"), Keyset::generate(Timestamp(0)).expect("randomness"));
    let started = Instant::now();
    let mut out = WholeFile::create(dir.join("out.csv"), Readers::Anyone).expect("a file");
    let input = File::open(dir.join("in.csv")).expect("a file");
    let finished =
        protect(input, &mut out, &policy, Keys::Keyset(&keyset), Options::default()).expect("protected");
    out.commit().expect("durable");
    let seconds = started.elapsed().as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or("not known").trim().to_owned();
    println!("{:.0} rows/s, peak memory {peak}", finished.manifest.rows_written as f64 / seconds);
}

fn million() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("in.csv"), rows(1_000_000)).expect("written");
    for _ in 0..5 {
        let itself: PathBuf = std::env::current_exe().expect("a path");
        let run = Command::new(itself).arg("one-run").arg(dir.path()).output().expect("it runs");
        print!("{}", String::from_utf8_lossy(&run.stdout));
        eprint!("{}", String::from_utf8_lossy(&run.stderr));
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().position(|a| a == "one-run") {
        Some(i) => one_run(Path::new(&arguments[i + 1])),
        None if arguments.iter().any(|a| a == "million") => million(),
        None => {
            let mut c = Criterion::default().configure_from_args();
            criterion_rows(&mut c);
            c.final_summary();
        }
    }
}
