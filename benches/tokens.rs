//! Random tokens: 200,000 values of 16 digits get consistent tokens, 1,000 a batch, each batch durable before the next;
//! then every token is redeemed, warm.
//!
//! `cargo bench --bench tokens` takes turns, each measurement in a process of its own: a vault, and sled alone with as
//! many entries of the same sizes and as many syncs. `-- vault` or `-- sled` does one of them once, and `-- issue` the
//! first part alone, for a profiler.

use std::fs::File;
use std::process::Command;
use std::time::Instant;

use cloakroom::format::Format;
use cloakroom::keys::KeyFile;
use cloakroom::name::{FieldName, SubjectId, TenantId};
use cloakroom::time::Timestamp;
use cloakroom::vault::{Look, RandomTokens, TokenRequest, TokenRules, Vault};
use measured::{Keys, cpu, peak_mib};

mod measured;

const VALUES: usize = 200_000;
const BATCH: usize = 1_000;
const TURNS: usize = 5;
const NOW: Timestamp = Timestamp(1_795_000_000);

/// Bytes of what a vault writes for one token and one batch, the byte of the map and sled's mark included.
const TOKEN: (usize, usize) = (17, 193 + 1);
const VALUE: (usize, usize) = (17, 21 + 1);
const CENSUS: (usize, usize) = (7, 250);

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    match args.first().map(String::as_str) {
        Some("vault") => vault(true),
        Some("issue") => vault(false),
        Some("sled") => raw(),
        _ => compare(),
    }
}

fn compare() {
    let mut rates = [vec![], vec![]];
    for _ in 0..TURNS {
        for (side, name) in ["sled", "vault"].into_iter().enumerate() {
            let out = Command::new(std::env::current_exe().unwrap()).arg(name).output().unwrap();
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
            let out = String::from_utf8(out.stdout).unwrap();
            print!("{out}");
            let rate = out.split_whitespace().find_map(|word| word.parse::<f64>().ok());
            rates[side].push(rate.unwrap());
        }
    }
    let mut ratios: Vec<f64> = rates[0].iter().zip(&rates[1]).map(|(sled, vault)| sled / vault).collect();
    rates.iter_mut().chain([&mut ratios]).for_each(|numbers| numbers.sort_by(f64::total_cmp));
    println!(
        "medians: sled {:.0} pairs of puts/s, vault {:.0} tokens/s; turn by turn sled is {:.2} times as fast ({:.2} to {:.2})",
        rates[0][TURNS / 2],
        rates[1][TURNS / 2],
        ratios[TURNS / 2],
        ratios[0],
        ratios[TURNS - 1],
    );
}

fn vault(everything: bool) {
    let dir = tempfile::tempdir().unwrap();
    let key = KeyFile::create(dir.path().join("key")).unwrap();
    let vault = Vault::create(dir.path().join("vault"), &key, Timestamp(1)).unwrap();
    let acme = vault.tenant(&TenantId::new("acme").unwrap());
    let rules = TokenRules::new(Look::Like(Format::digits()));
    let field = FieldName::new("account").unwrap();
    let tokens = acme.random_tokens(&field, rules.clone()).unwrap();
    let values: Vec<String> = (0..VALUES as u64).map(|n| format!("{:016}", n * 7_919_993)).collect();
    let issued = timed("vault", "tokens issued", || issue(&tokens, &values, None));
    if !everything {
        return;
    }
    timed("vault", "values asked for again", || assert_eq!(issue(&tokens, &values, None), issued));
    let texts: Vec<&str> = issued.iter().map(String::as_str).collect();
    timed("vault", "tokens redeemed", || {
        for (texts, values) in texts.chunks(BATCH).zip(values.chunks(BATCH)) {
            let redeemed = tokens.redeem_many(texts, NOW).unwrap();
            for (redeemed, value) in redeemed.into_iter().zip(values) {
                assert_eq!(redeemed.unwrap().expose(), value.as_bytes());
            }
        }
    });
    let subjects: Vec<SubjectId> =
        (0..VALUES).map(|n| SubjectId::new(&format!("customer-{n:07}")).unwrap()).collect();
    let held = acme.random_tokens(&FieldName::new("phone").unwrap(), rules).unwrap();
    let issued = timed("vault", "tokens of new subjects issued", || issue(&held, &values, Some(&subjects)));
    let texts: Vec<&str> = issued.iter().map(String::as_str).collect();
    timed("vault", "tokens of subjects redeemed", || {
        for texts in texts.chunks(BATCH) {
            assert!(held.redeem_many(texts, NOW).unwrap().iter().all(Result::is_ok));
        }
    });
    println!(
        "vault {} s of processor, peak {} MiB, file {} MiB",
        cpu(),
        peak_mib(),
        vault.size().unwrap() >> 20
    );
}

fn issue(tokens: &RandomTokens<'_>, values: &[String], subjects: Option<&[SubjectId]>) -> Vec<String> {
    let mut issued = Vec::with_capacity(values.len());
    for (batch, values) in values.chunks(BATCH).enumerate() {
        let subject = |i: usize| subjects.map(|subjects| &subjects[batch * BATCH + i]);
        let requests: Vec<_> = values
            .iter()
            .enumerate()
            .map(|(i, value)| TokenRequest { value, subject: subject(i), expires: None })
            .collect();
        issued.extend(
            tokens.issue_many(&requests, NOW).unwrap().into_iter().map(|issued| issued.unwrap().token),
        );
    }
    issued
}

fn timed<T>(side: &str, what: &str, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let done = work();
    println!("{side} {:.0} {what}/s", VALUES as f64 / started.elapsed().as_secs_f64());
    done
}

fn raw() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let config = sled::Config::new().path(&path).cache_capacity(512 << 20).flush_every_ms(None);
    let db = config.open().unwrap();
    let file = File::open(path.join("db")).unwrap();
    let mut keys = Keys(1);
    timed("sled", "pairs of puts", || {
        for _ in 0..VALUES / BATCH {
            let mut batch = sled::Batch::default();
            for _ in 0..BATCH {
                batch.insert(keys.next(6, TOKEN.0), vec![0xA5; TOKEN.1]);
                batch.insert(keys.next(7, VALUE.0), vec![0xA5; VALUE.1]);
            }
            batch.insert(vec![3; CENSUS.0], vec![0xA5; CENSUS.1]);
            db.apply_batch(batch).unwrap();
            db.flush().unwrap();
            file.sync_all().unwrap();
        }
    });
    println!("sled  {} s of processor, peak {} MiB", cpu(), peak_mib());
}
