//! Bulk calls with rayon's pool beside the same calls on one thread, from one value to a million.
//!
//! `cargo bench --bench threads` prints nanoseconds a value, of wall time: the two take turns in short slices, and the medians
//! of the slices are compared. It wants free cores; on a busy machine, run it under `chrt -f 20`.

use cloakroom::crypto::ff1::{AsciiAlphabet, Domain, Plan};
use cloakroom::format::{Format, Luhn, Normalization};
use cloakroom::keys::Keyset;
use cloakroom::name::{FieldName, Scope, TenantId};
use cloakroom::protect::{Column, Pseudonymizer, Spelling, Tokenizer, in_parallel};
use cloakroom::time::Timestamp;
use std::hint::black_box;
use std::time::{Duration, Instant};

const SIZES: [usize; 10] = [1, 64, 1024, 8192, 16_383, 16_384, 32_768, 65_536, 262_144, 1_048_576];

/// One thread and all, nanoseconds a value.
fn medians(count: usize, mut one: impl FnMut(), mut all: impl FnMut()) -> (f64, f64) {
    one();
    all();
    let started = Instant::now();
    one();
    // Slices of two milliseconds, or of one call.
    let calls = (2_000_000 / started.elapsed().as_nanos().max(1)).clamp(1, 100_000) as u32;
    let slice = |f: &mut dyn FnMut()| {
        let started = Instant::now();
        (0..calls).for_each(|_| f());
        started.elapsed()
    };
    let rounds = if count > 100_000 { 15 } else { 41 };
    let (ones, alls): (Vec<_>, Vec<_>) = (0..rounds).map(|_| (slice(&mut one), slice(&mut all))).unzip();
    let median = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_nanos() as f64 / f64::from(calls) / count as f64
    };
    (median(ones), median(alls))
}

fn table(name: &str, run: impl Fn(usize) -> (f64, f64)) {
    println!("{name}\n   values   one thread      all   ratio");
    for count in SIZES {
        let (one, all) = run(count);
        println!("{count:9} {one:12.1} {all:8.1} {:7.2}", one / all);
    }
}

fn plans() {
    let (digits, domain) = (AsciiAlphabet::digits(), Domain::new(10, 16).expect("a domain"));
    let plan = Plan::new(&[7; 32], domain, b"8 bytes.").expect("a plan");
    table("Plan::encrypt_ascii, 16 digits", |count| {
        let input: Vec<u8> = (0..16 * count).map(|i| b'0' + (i * i / 3 % 10) as u8).collect();
        let (mut out, mut all_out) = (vec![0; input.len()], vec![0; input.len()]);
        medians(
            count,
            || plan.encrypt_ascii(&digits, &input, black_box(&mut out)).expect("digits"),
            || plan.par_encrypt_ascii(&digits, &input, black_box(&mut all_out)).expect("digits"),
        )
    });
}

/// Different digits for each number.
fn values(count: usize, digits: usize) -> Column {
    let texts: Vec<String> = (1..=count as u64)
        .map(|i| format!("{:0digits$}", i.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 10u64.pow(digits as u32)))
        .collect();
    texts.iter().map(String::as_str).collect()
}

fn columns() {
    let keyset = Keyset::generate(Timestamp(0)).expect("randomness");
    let key = keyset.primary().expect("a key");
    let tenant = TenantId::new("acme").expect("a name");

    let (card, format) =
        (FieldName::new("card").expect("a name"), Format::card().keep(6, 4).luhn(Luhn::Ignore));
    let cards = Tokenizer::new(&key, &tenant, &card, format).expect("a tokenizer");
    table("Tokenizer::tokenize_column, cards, 6+4 kept", |count| {
        let (cells, mut out, mut all_out) = (values(count, 16), Column::new(), Column::new());
        let one = || {
            out.clear();
            cards.tokenize_column(&cells, &mut out, &mut vec![]);
        };
        let all = || {
            all_out.clear();
            in_parallel(&cells, &mut all_out, &mut vec![], |cells, out, failures| {
                cards.tokenize_column(cells, out, failures);
            });
        };
        medians(count, one, all)
    });

    let scope = Scope::new("analytics").expect("a name");
    let identity = keyset.identity().expect("a key");
    let (normalization, spelling) = (Normalization::None, Spelling::Base64Url);
    let ids = Pseudonymizer::new(&identity, &key, &tenant, &scope, normalization, spelling);
    table("Pseudonymizer::pseudonym_column", |count| {
        let (cells, mut out, mut all_out) = (values(count, 10), Column::new(), Column::new());
        let one = || {
            out.clear();
            ids.pseudonym_column(&cells, &mut out, &mut vec![]);
        };
        let all = || {
            all_out.clear();
            in_parallel(&cells, &mut all_out, &mut vec![], |cells, out, failures| {
                ids.pseudonym_column(cells, out, failures);
            });
        };
        medians(count, one, all)
    });
}

fn main() {
    plans();
    columns();
}
