//! `cloakroom verify-vectors FILE...`: a reviewer's vectors through the code that protects data.
//!
//! | `algorithm` in the file | schema | runs |
//! |---|---|---|
//! | `AES-FF1` | Wycheproof, strings or lists | `crypto::ff1`, one value and bulk |
//! | `ACVP-AES-FF1` | NIST ACVP with `pt` and `ct` | the same, both directions |
//! | `AES-GCM`, `CHACHA20-POLY1305` | Wycheproof | `crypto::hazmat::{seal_inner, open_inner}` |
//! | `XCHACHA20-POLY1305`, `XAES-256-GCM` | Wycheproof | `crypto::hazmat::{seal, open}` |
//! | `HMACSHA256` | Wycheproof | `crypto::hazmat::{hmac_sha256, verify_hmac_sha256}` |
//! | `HKDF-SHA-256` | Wycheproof | `crypto::hazmat::hkdf_sha256` |
//!
//! Standard output ends with `total: N passed, N failed, N skipped`. Whatever is not a pass has its reason printed:
//! a vector that was not run must be seen not to have been run.

mod aead;
mod document;
mod fpe;
mod hash;
mod report;

use document::Object;
use report::{Report, Total};
use serde_json::Value;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A vector failed, a file is malformed or of an unknown algorithm, or nothing in it ran.
const FAILED: u8 = 8;
/// A file cannot be read: the command was called wrongly, as with arguments that clap refuses.
const UNUSABLE: u8 = 2;

/// The longest file: parsed JSON takes some ten times its length in memory. The longest that exist have 2 MB.
const LONGEST_FILE: u64 = 64 << 20;

/// Runs every file, whatever becomes of those before it, and prints what happened.
pub fn run(paths: &[PathBuf]) -> ExitCode {
    let (mut total, mut exit) = (Total::default(), 0);
    for path in paths {
        match read(path).and_then(|bytes| run_file(&bytes)) {
            Ok(reports) => {
                for report in reports {
                    total.add(&report);
                    exit = exit.max(if report.succeeded() { 0 } else { FAILED });
                    if print(format_args!("{}: {report}", path.display())).is_err() {
                        return ExitCode::from(FAILED);
                    }
                }
            }
            Err(problem) => {
                exit = exit.max(problem.exit);
                // With standard error closed there is only the exit code left to tell it.
                let _ = writeln!(io::stderr(), "cloakroom: {}: {}", path.display(), problem.message);
            }
        }
    }
    match print(format_args!("{total}")) {
        Ok(()) => ExitCode::from(exit),
        Err(_) => ExitCode::from(FAILED),
    }
}

/// Fails where `println!` would panic: a reader that went away must not turn into a crash.
fn print(line: std::fmt::Arguments<'_>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Why a whole file did not run.
struct Problem {
    exit: u8,
    message: String,
}

impl Problem {
    fn malformed(message: impl Into<String>) -> Self {
        Problem { exit: FAILED, message: message.into() }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    let unusable = |message: String| Problem { exit: UNUSABLE, message };
    let file = File::open(path).map_err(|e| unusable(format!("cannot be opened: {e}")))?;
    let mut bytes = vec![];
    file.take(LONGEST_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| unusable(format!("cannot be read: {e}")))?;
    if bytes.len() as u64 > LONGEST_FILE {
        return Err(unusable(format!("is longer than {} MiB: split it", LONGEST_FILE >> 20)));
    }
    Ok(bytes)
}

/// One report for each vector set of the file: one, except that ACVP may put several into an array.
fn run_file(bytes: &[u8]) -> Result<Vec<Report>, Problem> {
    let document: Value =
        serde_json::from_slice(bytes).map_err(|e| Problem::malformed(format!("malformed JSON: {e}")))?;
    let sets: Vec<&Object> = match &document {
        Value::Object(set) => vec![set],
        // ACVP: [{"acvVersion": "1.0"}, {the vector set}].
        Value::Array(parts) => {
            let objects = parts.iter().filter_map(Value::as_object);
            objects.filter(|object| object.contains_key("algorithm")).collect()
        }
        _ => vec![],
    };
    if sets.is_empty() {
        return Err(Problem::malformed("holds no object with a field \"algorithm\""));
    }
    sets.into_iter().map(run_set).collect()
}

fn run_set(set: &Object) -> Result<Report, Problem> {
    let algorithm = document::text(set, "algorithm").map_err(Problem::malformed)?;
    let mut report = Report::new(algorithm);
    match algorithm {
        "AES-FF1" => each_test(set, &mut report, fpe::wycheproof_group, fpe::wycheproof),
        "ACVP-AES-FF1" => each_test(set, &mut report, fpe::acvp_group, fpe::acvp),
        "HMACSHA256" => each_test(set, &mut report, hash::hmac_group, hash::hmac),
        "HKDF-SHA-256" => each_test(set, &mut report, |_| Ok(()), hash::hkdf),
        _ => match aead::Interface::of(algorithm) {
            Some(interface) => {
                each_test(set, &mut report, |_| Ok(()), |(), test| aead::check(interface, test))
            }
            None => Err(format!(
                "unknown algorithm {algorithm:?}; known are AES-FF1, ACVP-AES-FF1, AES-GCM, CHACHA20-POLY1305, \
                 XCHACHA20-POLY1305, XAES-256-GCM, HMACSHA256 and HKDF-SHA-256"
            )),
        },
    }
    .map_err(Problem::malformed)?;
    if let Some(announced) = set.get("numberOfTests").and_then(Value::as_u64) {
        report.announced(announced);
    }
    Ok(report)
}

/// Checks each test of each group. A malformed group or test is a failure of its own and does not stop the others.
fn each_test<G>(
    set: &Object,
    report: &mut Report,
    prepare: impl Fn(&Object) -> Result<G, String>,
    check: impl Fn(&G, &Object) -> Result<report::Verdict, String>,
) -> Result<(), String> {
    for (number, group) in (1..).zip(document::array(set, "testGroups")?) {
        let fail_group = |report: &mut Report, problem| {
            report.fail(format!("malformed: {problem}"), format!("test group {number}"));
        };
        let object = match document::object(group) {
            Ok(object) => object,
            Err(problem) => {
                fail_group(report, problem);
                continue;
            }
        };
        let (prepared, tests) = match (prepare(object), document::array(object, "tests")) {
            (Ok(prepared), Ok(tests)) => (prepared, tests),
            (Err(problem), _) | (_, Err(problem)) => {
                fail_group(report, problem);
                continue;
            }
        };
        for (position, test) in (1..).zip(tests) {
            let id = match test.get("tcId").and_then(Value::as_u64) {
                Some(id) => format!("tcId {id}"),
                None => format!("test {position} of group {number}, which has no tcId"),
            };
            match document::object(test).and_then(|test| check(&prepared, test)) {
                Ok(verdict) => report.add(verdict, id),
                Err(problem) => report.fail(format!("malformed: {problem}"), id),
            }
        }
    }
    Ok(())
}
