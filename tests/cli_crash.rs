//! `kill -9` at a hundred moments of `cloakroom protect` and `cloakroom migrate`: nothing acknowledged is lost, and
//! nothing is left of what did not finish.

mod tool;

use cloakroom::vault::Mode;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};
use tool::{Tool, cells};

const POLICY: &str = r#"
version = 1
tenant = "acme"
subject = "id"
[field.id]
protect = "pseudonym"
scope = "a"
[field.name]
protect = "seal"
[field.mail]
protect = "seal"
[field.phone]
protect = "token"
format = "digits"
"#;

/// Two batches.
const ROWS: u64 = 1_200;
const PROTECT: &str = "protect in.csv --policy p.toml --vault v -o out.csv";
const PROTECT_KILLS: u32 = 70;
const MIGRATE_KILLS: u32 = 30;

/// Ready to protect a file of [`ROWS`] rows with two sealed cells each.
fn ready() -> Tool {
    let tool = Tool::with_vault();
    tool.write("p.toml", POLICY);
    let mut csv = String::from("id,name,mail,phone\n");
    (0..ROWS).for_each(|i| writeln!(csv, "{i},name {i},{i}@example.org,{:09}", i * 7919).unwrap());
    tool.write("in.csv", csv);
    tool
}

/// Starts the command and kills it after `delay`; whether it had ended well before.
fn killed(tool: &Tool, line: &str, delay: Duration) -> bool {
    let mut child = tool.start(line);
    std::thread::sleep(delay);
    child.kill().unwrap();
    child.wait().unwrap().success()
}

/// Puts the vault back as it was when it was copied, so that completed runs do not pile up.
fn restore(tool: &Tool) {
    std::fs::remove_dir_all(tool.path("v")).unwrap();
    copy(&tool.path("spare"), &tool.path("v"));
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        match from.is_dir() {
            true => copy(&from, &to),
            false => drop(std::fs::copy(&from, &to).unwrap()),
        }
    }
}

/// Evenly spread over the duration and a little beyond, in no order.
fn moment(n: u32, duration: Duration) -> Duration {
    duration.mul_f64((f64::from(n) * 0.618_033_988_75).fract() * 1.1)
}

fn reveals(tool: &Tool, file: &str) {
    tool.ok(&format!("reveal {file} --vault v --manifest {file}.manifest.json -o back.csv"));
    let (original, back) = (cells(&tool.read("in.csv"), b','), cells(&tool.read("back.csv"), b','));
    assert!(
        original.iter().zip(&back).all(|(a, b)| a[1..] == b[1..]) && original.len() == back.len(),
        "{file}"
    );
}

#[test]
fn a_killed_protect_leaves_nothing_and_costs_nothing() {
    let tool = ready();
    tool.ok("protect in.csv --policy p.toml --vault v -o first.csv");
    let start = Instant::now();
    tool.ok("protect in.csv --policy p.toml --vault v -o second.csv");
    let duration = start.elapsed();
    copy(&tool.path("v"), &tool.path("spare"));
    let (mut runs, mut cut_off) = (2, 0);
    for n in 0..PROTECT_KILLS {
        let ended = killed(&tool, PROTECT, moment(n, duration));
        let vault = tool.vault();
        let report = vault.check().unwrap();
        assert!(report.is_clean(), "{:?}", report.problems);
        // Between the vault's commit and the renaming the run counts, and its file is whole under its partial name.
        let made = |name: &str| {
            let bytes = std::fs::read(tool.path(name)).unwrap_or_default();
            vault.made(&Sha256::digest(bytes).into()).unwrap()
        };
        let placed = tool.exists("out.csv");
        let counts = placed || made("out.csv.partial");
        assert!(!ended || placed, "a run that ended well has an output");
        assert!(!placed || (made("out.csv") && tool.exists("out.csv.manifest.json")), "an output is whole");
        runs += u64::from(counts);
        cut_off += u32::from(!counts);
        assert_eq!(vault.census().total(Mode::Seal), runs * ROWS * 2, "kill {n}");
        assert_eq!(vault.census().total(Mode::SubjectKey), ROWS);
        drop(vault);
        if placed && n % 8 == 0 {
            reveals(&tool, "out.csv");
        }
        for left in ["out.csv", "out.csv.partial", "out.csv.manifest.json"] {
            let _ = std::fs::remove_file(tool.path(left));
        }
        if n % 20 == 7 {
            tool.ok(PROTECT);
            runs += 1;
            reveals(&tool, "out.csv");
            assert!(!tool.exists("out.csv.partial"));
            std::fs::remove_file(tool.path("out.csv")).unwrap();
        }
        if runs > 3 {
            restore(&tool);
            runs = 2;
        }
    }
    assert!(cut_off >= PROTECT_KILLS / 3, "only {cut_off} runs were cut off");
    reveals(&tool, "first.csv");
    reveals(&tool, "second.csv");
    tool.clean();
}

#[test]
fn a_killed_migrate_goes_on_where_it_was() {
    let tool = ready();
    tool.ok("protect in.csv --policy p.toml --vault v -o first.csv");
    tool.ok("rotate --vault v");
    let start = Instant::now();
    tool.ok("migrate --vault v");
    let duration = start.elapsed();
    let mut cut_off = 0;
    tool.ok("rotate --vault v");
    for n in 0..MIGRATE_KILLS {
        let ended = killed(&tool, "migrate --vault v", moment(n, duration));
        let vault = tool.vault();
        let report = vault.check().unwrap();
        assert!(report.is_clean(), "{:?}", report.problems);
        assert_eq!(vault.census().total(Mode::Seal), ROWS * 2);
        assert_eq!(vault.census().total(Mode::SubjectKey), ROWS);
        let primary = vault.keyset().primary_number().get();
        let moved =
            vault.census().lines().all(|(line, _)| line.version == primary || line.mode.is_in_files());
        assert!(!ended || moved, "a migration that ended well has moved everything");
        cut_off += u32::from(!ended);
        drop(vault);
        if n % 10 == 3 {
            reveals(&tool, "first.csv");
        }
        // Finished now and then, and given work again.
        if moved || n % 10 == 9 {
            tool.ok("migrate --vault v");
            tool.ok("rotate --vault v");
        }
    }
    assert!(cut_off >= MIGRATE_KILLS / 3, "only {cut_off} runs were cut off");
    tool.ok("migrate --vault v");
    reveals(&tool, "first.csv");
    tool.clean();
}
