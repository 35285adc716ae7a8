//! FF1 with AES-256 beside the `fpe` crate: one value, and 4,096 at a time, characters in and characters out in both.
//!
//! `cargo bench --bench ff1` runs criterion's measurements. `cargo bench --bench ff1 -- ratios` prints the table of
//! medians and ratios instead: the candidates take turns in short slices, so that what else the machine does meets all of
//! them, and the median of the slices counts.

use std::hint::black_box;
use std::time::{Duration, Instant};

use cloakroom::crypto::context::{Context, Label};
use cloakroom::crypto::ff1::{AsciiAlphabet, Domain, Ff1Key, Plan, TweakedPlan};
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

/// A tweak for each value, as they are and as the last part of contexts.
struct Tweaked {
    tweaks: Vec<[u8; 8]>,
    plan: TweakedPlan,
    in_contexts: TweakedPlan,
    /// Without the processor's vectors.
    #[cfg(feature = "hazmat")]
    portable: TweakedPlan,
}

impl Tweaked {
    fn new(domain: Domain) -> Self {
        let before = Context::new(Label::Ff1Tweak).part("acme").part("card");
        Tweaked {
            tweaks: (0..BATCH as u64).map(|j| (j * 7_919).to_be_bytes()).collect(),
            plan: TweakedPlan::new(&KEY, domain),
            in_contexts: TweakedPlan::in_contexts(&KEY, domain, &before),
            #[cfg(feature = "hazmat")]
            portable: {
                cloakroom::crypto::hazmat::use_portable_code(true);
                let plan = TweakedPlan::new(&KEY, domain);
                cloakroom::crypto::hazmat::use_portable_code(false);
                plan
            },
        }
    }

    fn encrypt(&self, plan: &TweakedPlan, alphabet: &AsciiAlphabet, plain: &[u8], out: &mut [u8]) {
        plan.encrypt_ascii(alphabet, black_box(plain), |j| &self.tweaks[j], out).unwrap();
    }
}

/// One shape, ready to run in every way.
struct Candidates {
    name: &'static str,
    length: usize,
    alphabet: AsciiAlphabet,
    characters: &'static [u8],
    plan: Plan,
    tweaked: Tweaked,
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
            tweaked: Tweaked::new(plan.domain()),
            plan,
            peer: FF1::new(&KEY, radix).unwrap(),
            out: vec![0; plain.len()],
            plain,
            tokens,
        };
        for j in 0..64 {
            candidates.peer(j, TWEAK);
        }
        assert_eq!(candidates.out[..64 * shape.length], candidates.tokens[..64 * shape.length]);
        candidates.bulk_tweaked();
        let by_plan = candidates.out[..64 * shape.length].to_vec();
        (0..64).for_each(|j| candidates.peer_tweaked(j));
        assert_eq!(candidates.out[..64 * shape.length], by_plan);
        candidates
    }

    /// Value j by the peer. Its table of numerals is as simple as ours.
    fn peer(&mut self, j: usize, tweak: &[u8]) {
        let span = j * self.length..(j + 1) * self.length;
        let numeral = |&c| u16::from(self.alphabet.numeral(c).unwrap());
        let numerals: Vec<u16> = self.plain[span.clone()].iter().map(numeral).collect();
        let token = self.peer.encrypt(tweak, &FlexibleNumeralString::from(numerals));
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

    fn peer_tweaked(&mut self, j: usize) {
        let tweak = self.tweaked.tweaks[j];
        self.peer(j, &tweak);
    }

    fn bulk_tweaked(&mut self) {
        self.tweaked.encrypt(&self.tweaked.plan, &self.alphabet, &self.plain, &mut self.out);
    }

    fn bulk_decrypt_tweaked(&mut self) {
        let tweaks = &self.tweaked.tweaks;
        let tokens = black_box(&self.tokens);
        self.tweaked.plan.decrypt_ascii(&self.alphabet, tokens, |j| &tweaks[j], &mut self.out).unwrap();
    }

    fn bulk_in_contexts(&mut self) {
        self.tweaked.encrypt(&self.tweaked.in_contexts, &self.alphabet, &self.plain, &mut self.out);
    }

    #[cfg(feature = "hazmat")]
    fn bulk_portable(&mut self) {
        self.tweaked.encrypt(&self.tweaked.portable, &self.alphabet, &self.plain, &mut self.out);
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
        group.bench_function(BenchmarkId::new("fpe", shape.name), |b| {
            b.iter(|| candidates.peer(next(), TWEAK))
        });
        group.bench_function(BenchmarkId::new("one", shape.name), |b| b.iter(|| candidates.one(next())));
        group.throughput(Throughput::Elements(BATCH as u64));
        group.bench_function(BenchmarkId::new("bulk", shape.name), |b| b.iter(|| candidates.bulk()));
        group.bench_function(BenchmarkId::new("bulk decrypt", shape.name), |b| {
            b.iter(|| candidates.bulk_decrypt())
        });
        group.bench_function(BenchmarkId::new("bulk, a tweak each", shape.name), |b| {
            b.iter(|| candidates.bulk_tweaked())
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
            slices[0].push(slice(1, || (0..64).for_each(|j| candidates.peer(j, TWEAK)), 64));
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
    tweaked_ratios();
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

/// A tweak of 8 bytes for each value: beside the peer, one tweak for all, and safe code.
fn tweaked_ratios() {
    const SLICES: usize = 41;
    println!(
        "\n| shape | fpe ns | one tweak ns | a tweak each ns | x | decrypt ns | in contexts ns | portable ns |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for shape in &SHAPES {
        let mut candidates = Candidates::new(shape);
        let mut slices = [const { Vec::new() }; 6];
        for _ in 0..SLICES {
            slices[0].push(slice(1, || (0..64).for_each(|j| candidates.peer_tweaked(j)), 64));
            slices[1].push(slice(4, || candidates.bulk(), BATCH));
            slices[2].push(slice(4, || candidates.bulk_tweaked(), BATCH));
            slices[3].push(slice(4, || candidates.bulk_decrypt_tweaked(), BATCH));
            slices[4].push(slice(4, || candidates.bulk_in_contexts(), BATCH));
            #[cfg(feature = "hazmat")]
            slices[5].push(slice(4, || candidates.bulk_portable(), BATCH));
        }
        let [peer, one, each, decrypt, in_contexts, portable] = slices.map(median);
        println!(
            "| {} | {peer:.0} | {one:.1} | {each:.1} | {:.0} | {decrypt:.1} | {in_contexts:.1} | {portable:.1} |",
            candidates.name,
            peer / each,
        );
    }
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
    slices.get(slices.len() / 2).copied().unwrap_or(f64::NAN)
}
