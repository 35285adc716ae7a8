//! FF1 with AES-256 beside the `fpe` crate: one value, and 4,096 at a time, characters in and characters out in both.
//!
//! `cargo bench --bench ff1` runs criterion's measurements. `cargo bench --bench ff1 -- ratios` prints the table of
//! medians and ratios instead: the candidates take turns in short slices, so that what else the machine does meets all of
//! them, and the median of the slices counts.

use std::hint::black_box;
use std::time::{Duration, Instant};

use cloakroom::crypto::ff1::{AsciiAlphabet, Domain, Ff1Key, Plan};
use criterion::{BenchmarkId, Criterion, Throughput};
use fpe::ff1::{FF1, FlexibleNumeralString};

const KEY: [u8; 32] = [0x5a; 32];
const TWEAK: &[u8] = b"8 bytes.";
const BATCH: usize = 4096;

struct Shape {
    name: &'static str,
    characters: &'static [u8],
    length: usize,
}

const DIGITS: &[u8] = b"0123456789";
const SHAPES: [Shape; 8] = [
    Shape { name: "16 digits", characters: DIGITS, length: 16 },
    Shape { name: "9 digits", characters: DIGITS, length: 9 },
    Shape { name: "19 digits", characters: DIGITS, length: 19 },
    Shape { name: "32 digits", characters: DIGITS, length: 32 },
    Shape { name: "100 digits", characters: DIGITS, length: 100 },
    Shape { name: "10 letters", characters: b"abcdefghijklmnopqrstuvwxyz", length: 10 },
    Shape { name: "12 characters of 36", characters: b"0123456789abcdefghijklmnopqrstuvwxyz", length: 12 },
    Shape { name: "32 characters of 36", characters: b"0123456789abcdefghijklmnopqrstuvwxyz", length: 32 },
];

/// One shape, ready to run in every way.
struct Candidates {
    name: &'static str,
    length: usize,
    alphabet: AsciiAlphabet,
    characters: &'static [u8],
    plan: Plan,
    peer: FF1<aes::Aes256Enc>,
    plain: Vec<u8>,
    tokens: Vec<u8>,
    out: Vec<u8>,
}

impl Candidates {
    fn new(shape: &Shape) -> Self {
        let alphabet = AsciiAlphabet::new(shape.characters).unwrap();
        let radix = alphabet.radix();
        let plan = Plan::new(&KEY, Domain::new(radix, shape.length).unwrap(), TWEAK).unwrap();
        let mut state = 1u64;
        let plain: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shape.characters[(state >> 40) as usize % shape.characters.len()]
        })
        .take(BATCH * shape.length)
        .collect();
        let mut tokens = vec![0; plain.len()];
        plan.encrypt_ascii(&alphabet, &plain, &mut tokens).unwrap();
        let mut candidates = Candidates {
            name: shape.name,
            length: shape.length,
            alphabet,
            characters: shape.characters,
            plan,
            peer: FF1::new(&KEY, radix).unwrap(),
            out: vec![0; plain.len()],
            plain,
            tokens,
        };
        for j in 0..64 {
            candidates.peer(j);
        }
        assert_eq!(candidates.out[..64 * shape.length], candidates.tokens[..64 * shape.length]);
        candidates
    }

    /// Value j by the peer. Its table of numerals is as simple as ours.
    fn peer(&mut self, j: usize) {
        let span = j * self.length..(j + 1) * self.length;
        let numeral = |&c| u16::from(self.alphabet.numeral(c).unwrap());
        let numerals: Vec<u16> = self.plain[span.clone()].iter().map(numeral).collect();
        let token = self.peer.encrypt(TWEAK, &FlexibleNumeralString::from(numerals));
        for (to, numeral) in self.out[span].iter_mut().zip(Vec::<u16>::from(token.unwrap())) {
            *to = self.characters[usize::from(numeral)];
        }
    }

    fn one(&mut self, j: usize) {
        let span = j * self.length..(j + 1) * self.length;
        self.plan
            .encrypt_ascii(&self.alphabet, black_box(&self.plain[span.clone()]), &mut self.out[span])
            .unwrap();
    }

    fn bulk(&mut self) {
        self.plan.encrypt_ascii(&self.alphabet, black_box(&self.plain), &mut self.out).unwrap();
    }

    fn bulk_decrypt(&mut self) {
        self.plan.decrypt_ascii(&self.alphabet, black_box(&self.tokens), &mut self.out).unwrap();
    }
}

fn main() {
    if std::env::args().any(|argument| argument == "ratios") {
        return ratios();
    }
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("ff1");
    for shape in &SHAPES {
        let mut candidates = Candidates::new(shape);
        let mut j = 0;
        let mut next = move || {
            j = (j + 1) % BATCH;
            j
        };
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("fpe", shape.name), |b| b.iter(|| candidates.peer(next())));
        group.bench_function(BenchmarkId::new("one", shape.name), |b| b.iter(|| candidates.one(next())));
        group.throughput(Throughput::Elements(BATCH as u64));
        group.bench_function(BenchmarkId::new("bulk", shape.name), |b| b.iter(|| candidates.bulk()));
        group.bench_function(BenchmarkId::new("bulk decrypt", shape.name), |b| {
            b.iter(|| candidates.bulk_decrypt())
        });
    }
    group.throughput(Throughput::Elements(1));
    group.bench_function("plan", |b| {
        b.iter(|| Plan::new(black_box(&KEY), Domain::new(10, 16).unwrap(), TWEAK))
    });
    let key = Ff1Key::new(&KEY);
    group.bench_function("plan, key expanded", |b| {
        b.iter(|| key.plan(Domain::new(10, 16).unwrap(), black_box(TWEAK)))
    });
    group.finish();
    criterion.final_summary();
}

/// Nanoseconds a value, medians over interleaved slices.
fn ratios() {
    const SLICES: usize = 41;
    println!("| shape | fpe ns | one ns | x | bulk ns | x | bulk decrypt ns | x |");
    println!("|---|---|---|---|---|---|---|---|");
    for shape in &SHAPES {
        let mut candidates = Candidates::new(shape);
        let mut slices = [const { Vec::new() }; 4];
        for _ in 0..SLICES {
            slices[0].push(slice(1, || (0..64).for_each(|j| candidates.peer(j)), 64));
            slices[1].push(slice(8, || (0..256).for_each(|j| candidates.one(j)), 256));
            slices[2].push(slice(4, || candidates.bulk(), BATCH));
            slices[3].push(slice(4, || candidates.bulk_decrypt(), BATCH));
        }
        let [peer, one, bulk, decrypt] = slices.map(median);
        println!(
            "| {} | {peer:.0} | {one:.0} | {:.1} | {bulk:.1} | {:.1} | {decrypt:.1} | {:.1} |",
            candidates.name,
            peer / one,
            peer / bulk,
            peer / decrypt,
        );
    }
    let key = Ff1Key::new(&KEY);
    let domain = Domain::new(10, 16).unwrap();
    let mut expanded = Vec::new();
    let mut whole = Vec::new();
    for _ in 0..SLICES {
        whole.push(slice(
            1,
            || (0..1000).for_each(|_| drop(black_box(Plan::new(black_box(&KEY), domain, TWEAK)))),
            1000,
        ));
        expanded.push(slice(
            1,
            || (0..1000).for_each(|_| drop(black_box(key.plan(domain, black_box(TWEAK))))),
            1000,
        ));
    }
    println!("\nplan from a key {:.0} ns, from an expanded key {:.0} ns", median(whole), median(expanded));
}

/// Nanoseconds a value of `times` calls that each take `values`.
fn slice(times: usize, mut call: impl FnMut(), values: usize) -> f64 {
    let start = Instant::now();
    (0..times).for_each(|_| call());
    let elapsed: Duration = start.elapsed();
    elapsed.as_nanos() as f64 / (times * values) as f64
}

fn median(mut slices: Vec<f64>) -> f64 {
    slices.sort_by(f64::total_cmp);
    slices[slices.len() / 2]
}
