//! Columns of 1,000,000 values through a tokenizer, beside the `fpe` crate on the characters of them that take part.
//!
//! Both have one thread. The tokenizer takes a column as it is stored, finds what takes part, encrypts it, and appends
//! the tokens to a column; the peer is given the characters that take part, and does FF1 alone.
//!
//! `cargo bench --bench format` runs criterion's measurements. `cargo bench --bench format -- ratios` prints the table of
//! medians and ratios instead: the candidates take turns in short slices, so that what else the machine does meets all of
//! them, and the median of the slices counts.

use std::hint::black_box;
use std::time::Instant;

use cloakroom::format::{DatePattern, DateTimePattern, Format, IbanKeep, Luhn, PhoneKeep};
use cloakroom::keys::{Keyset, UsableKey};
use cloakroom::name::{FieldName, TenantId};
use cloakroom::protect::{Arrow, Column, Tokenizer};
use cloakroom::time::Timestamp;
use criterion::{BenchmarkId, Criterion, Throughput};
use fpe::ff1::{FF1, FlexibleNumeralString};

const KEY: [u8; 32] = [0x5a; 32];
const VALUES: usize = 1_000_000;
/// How many of the values the peer works on.
const OF_PEER: usize = 4096;

/// What is measured.
struct Row {
    name: &'static str,
    format: Format,
    value: fn(&mut Random) -> String,
    /// The characters that take part: the radix is their number.
    characters: &'static str,
    /// Which bytes of a value take part.
    free: fn(&str) -> String,
    /// How many times the peer's speed is wanted.
    goal: Option<f64>,
}

const DIGITS: &str = "0123456789";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const LOWER_36: &str = "0123456789abcdefghijklmnopqrstuvwxyz";

fn rows() -> Vec<Row> {
    let card = || Format::card().keep(6, 4);
    let of_card = |card: &str| digits(card)[6..12].to_owned();
    let start = "1900-01-01T00:00:00";
    let times =
        Format::date_time(DateTimePattern::new(DateTimePattern::ISO).unwrap(), start, "2099-12-31T23:59:59");
    vec![
        row("card, 6+4 kept", card(), |r| r.card(""), DIGITS, of_card, Some(50.0)),
        row("card, 4111 1111 …", card(), |r| r.card(" "), DIGITS, of_card, Some(30.0)),
        row("card, 4111-1111-…", card(), |r| r.card("-"), DIGITS, of_card, Some(30.0)),
        row("card, any check digit", card().luhn(Luhn::Ignore), |r| r.card(""), DIGITS, of_card, Some(50.0)),
        row("SSN, 123456789", Format::ssn(), |r| r.ssn(""), DIGITS, digits, Some(50.0)),
        row("SSN, 123-45-6789", Format::ssn(), |r| r.ssn("-"), DIGITS, digits, Some(30.0)),
        row(
            "e-mail, domain kept",
            Format::email(),
            |r| {
                let length = 5 + r.below(8) as usize;
                format!("{}@example.com", r.string(LOWER, length))
            },
            LOWER_36,
            |email| email.split('@').next().unwrap().to_owned(),
            Some(20.0),
        ),
        row(
            "plate, [A-Z]{3}-[0-9]{4}",
            Format::regex("[A-Z]{3}-[0-9]{4}", None).unwrap(),
            |r| format!("{}-{}", r.string("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 3), r.string(DIGITS, 4)),
            "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
            |plate| plate.replace('-', ""),
            Some(15.0),
        ),
        row(
            "IBAN, bank kept",
            Format::iban(IbanKeep::Bank),
            Random::iban,
            DIGITS,
            |i| i[12..].to_owned(),
            None,
        ),
        row("UUID", Format::uuid(), Random::uuid, "0123456789abcdef", hexadecimal, None),
        row(
            "name",
            Format::name(),
            |r| {
                let (first, last) = (3 + r.below(6) as usize, 4 + r.below(8) as usize);
                format!("A{} B{}", r.string(LOWER, first), r.string(LOWER, last))
            },
            LOWER,
            |name| name.to_lowercase().replace(' ', ""),
            None,
        ),
        row("date-time", times.unwrap(), Random::time, DIGITS, digits, None),
    ]
}

fn row(
    name: &'static str,
    format: Format,
    value: fn(&mut Random) -> String,
    characters: &'static str,
    free: fn(&str) -> String,
    goal: Option<f64>,
) -> Row {
    Row { name, format, value, characters, free, goal }
}

fn digits(value: &str) -> String {
    value.chars().filter(char::is_ascii_digit).collect()
}

/// Without version and variant.
fn hexadecimal(uuid: &str) -> String {
    let digits = uuid.replace('-', "");
    [&digits[..12], &digits[13..16], &digits[17..]].concat()
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn string(&mut self, characters: &str, length: usize) -> String {
        let character = |_| char::from(characters.as_bytes()[self.below(characters.len() as u64) as usize]);
        (0..length).map(character).collect()
    }

    fn card(&mut self, separator: &str) -> String {
        let digits = format!("4{}", self.string(DIGITS, 14));
        let weigh = |(i, b): (usize, u8)| {
            let digit = u32::from(b - b'0');
            if i % 2 == 0 { digit * 2 / 10 + digit * 2 % 10 } else { digit }
        };
        let sum: u32 = digits.bytes().rev().enumerate().map(weigh).sum();
        let card = format!("{digits}{}", (10 - sum % 10) % 10);
        [&card[..4], &card[4..8], &card[8..12], &card[12..]].join(separator)
    }

    fn ssn(&mut self, separator: &str) -> String {
        let (area, group, serial) = (1 + self.below(665), 1 + self.below(99), 1 + self.below(9999));
        format!("{area:03}{separator}{group:02}{separator}{serial:04}")
    }

    fn iban(&mut self) -> String {
        let bban = format!("37040044{}", self.string(DIGITS, 10));
        let number: u128 = format!("{bban}131400").parse().unwrap();
        format!("DE{:02}{bban}", 98 - number % 97)
    }

    fn uuid(&mut self) -> String {
        let digits = self.string("0123456789abcdef", 30);
        let parts = [&digits[..8], &digits[8..12], &digits[12..15], &digits[15..18], &digits[18..]];
        format!("{}-{}-4{}-a{}-{}", parts[0], parts[1], parts[2], parts[3], parts[4])
    }

    fn time(&mut self) -> String {
        let (year, month, day) = (1900 + self.below(200), 1 + self.below(12), 1 + self.below(28));
        let (hour, minute, second) = (self.below(24), self.below(60), self.below(60));
        format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
    }
}

/// One row, ready to run.
struct Candidates {
    tokenizer: Tokenizer,
    offsets: Vec<i32>,
    bytes: Vec<u8>,
    /// One for each value.
    contexts: Column,
    tokens: Column,
    out: Column,
    peer: FF1<aes::Aes256Enc>,
    characters: Vec<char>,
    free: Vec<String>,
}

impl Candidates {
    fn new(row: &Row, key: &UsableKey) -> Self {
        let tokenizer = tokenizer(row.format.clone(), key);
        let mut random = Random(1);
        let (mut offsets, mut bytes, mut free) = (vec![0], vec![], vec![]);
        for i in 0..VALUES {
            let value = (row.value)(&mut random);
            bytes.extend_from_slice(value.as_bytes());
            offsets.push(i32::try_from(bytes.len()).unwrap());
            if i < OF_PEER {
                free.push((row.free)(&value));
            }
        }
        let characters: Vec<char> = row.characters.chars().collect();
        let peer = FF1::new(&KEY, characters.len() as u32).unwrap();
        let (mut contexts, tokens, out) = (Column::new(), Column::new(), Column::new());
        (0..VALUES).for_each(|i| contexts.push(format!("customer {i}").as_bytes()));
        let mut candidates =
            Candidates { tokenizer, offsets, bytes, contexts, tokens, out, peer, characters, free };
        candidates.tokenize();
        std::mem::swap(&mut candidates.tokens, &mut candidates.out);
        candidates.detokenize();
        assert!(candidates.out.iter().flatten().eq(&candidates.bytes), "{}", row.name);
        candidates
    }

    /// Value j by the peer: characters in, characters out.
    fn peer(&self, j: usize) -> String {
        let numeral = |b: u8| match b {
            b'0'..=b'9' => u16::from(b - b'0'),
            _ if self.characters.len() == 26 => u16::from(b.to_ascii_lowercase() - b'a'),
            _ => u16::from(b.to_ascii_lowercase() - b'a') + 10,
        };
        let numerals: Vec<u16> = self.free[j].bytes().map(numeral).collect();
        let token = self.peer.encrypt(b"8 bytes.", &FlexibleNumeralString::from(numerals)).unwrap();
        Vec::<u16>::from(token).into_iter().map(|numeral| self.characters[usize::from(numeral)]).collect()
    }

    fn tokenize(&mut self) {
        let (input, mut failures) = (Arrow::new(&self.offsets, &self.bytes).unwrap(), vec![]);
        self.out.clear();
        self.tokenizer.tokenize_column(black_box(&input), &mut self.out, &mut failures);
        assert!(failures.is_empty(), "{failures:?}");
    }

    fn tokenize_in(&mut self) {
        let (input, mut failures) = (Arrow::new(&self.offsets, &self.bytes).unwrap(), vec![]);
        self.out.clear();
        self.tokenizer.tokenize_column_in(&self.contexts, black_box(&input), &mut self.out, &mut failures);
        assert!(failures.is_empty(), "{failures:?}");
    }

    fn detokenize(&mut self) {
        let mut failures = vec![];
        self.out.clear();
        self.tokenizer.detokenize_column(black_box(&self.tokens), &mut self.out, &mut failures);
        assert!(failures.is_empty(), "{failures:?}");
    }
}

fn tokenizer(format: Format, key: &UsableKey) -> Tokenizer {
    Tokenizer::new(key, &TenantId::new("acme").unwrap(), &FieldName::new("f").unwrap(), format).unwrap()
}

fn main() {
    let keyset = Keyset::generate(Timestamp(0)).unwrap();
    let key = keyset.primary().unwrap();
    if std::env::args().any(|argument| argument == "ratios") {
        ratios(&key);
        return builds(&key);
    }
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("format");
    group.sample_size(10);
    for row in rows() {
        let mut candidates = Candidates::new(&row, &key);
        group.throughput(Throughput::Elements(OF_PEER as u64));
        group.bench_function(BenchmarkId::new("fpe", row.name), |b| {
            b.iter(|| (0..OF_PEER).for_each(|j| drop(black_box(candidates.peer(j)))))
        });
        group.throughput(Throughput::Elements(VALUES as u64));
        group.bench_function(BenchmarkId::new("tokenize", row.name), |b| b.iter(|| candidates.tokenize()));
        group
            .bench_function(BenchmarkId::new("detokenize", row.name), |b| b.iter(|| candidates.detokenize()));
        group.bench_function(BenchmarkId::new("tokenize, a context each", row.name), |b| {
            b.iter(|| candidates.tokenize_in())
        });
    }
    group.finish();
    criterion.final_summary();
}

const SLICES: usize = 15;

/// Nanoseconds a value, medians over interleaved slices. `-- ratios WORD` takes the rows with the word alone.
fn ratios(key: &UsableKey) {
    let word = std::env::args()
        .skip_while(|argument| argument != "ratios")
        .nth(1)
        .filter(|word| !word.starts_with('-'));
    println!("| column | fpe ns | tokenize ns | x | detokenize ns | x | a context each ns | x | goal |");
    println!("|---|---|---|---|---|---|---|---|---|");
    for row in rows() {
        if word.as_ref().is_some_and(|word| !row.name.contains(word.as_str())) {
            continue;
        }
        let mut candidates = Candidates::new(&row, key);
        let mut slices = [const { Vec::new() }; 4];
        for _ in 0..SLICES {
            slices[0].push(slice(|| (0..OF_PEER).for_each(|j| drop(black_box(candidates.peer(j)))), OF_PEER));
            slices[1].push(slice(|| candidates.tokenize(), VALUES));
            slices[2].push(slice(|| candidates.detokenize(), VALUES));
            slices[3].push(slice(|| candidates.tokenize_in(), VALUES));
        }
        let [peer, tokenize, detokenize, tokenize_in] = slices.map(median);
        let goal = row.goal.map(|goal| format!("{goal}")).unwrap_or_default();
        println!(
            "| {} | {peer:.0} | {tokenize:.1} | {:.1} | {detokenize:.1} | {:.1} | {tokenize_in:.1} | {:.1} | {goal} |",
            row.name,
            peer / tokenize,
            peer / detokenize,
            peer / tokenize_in,
        );
    }
}

/// A format's name, and how it is made.
type Build = (&'static str, fn() -> Format);

/// How long it takes to make a format and its tokenizer.
fn builds(key: &UsableKey) {
    let builds: [Build; 24] = [
        ("digits", Format::digits),
        ("alphanumeric", Format::alphanumeric),
        ("card", || Format::card().keep(6, 4)),
        ("ssn", Format::ssn),
        ("iban", || Format::iban(IbanKeep::Country)),
        ("email", Format::email),
        ("email and domain", Format::email_with_domain),
        ("phone", || Format::phone(PhoneKeep::Country)),
        ("uuid", Format::uuid),
        ("plate", Format::plate),
        ("passport", Format::passport),
        ("name", Format::name),
        ("text", Format::text),
        ("date", || {
            let pattern = DatePattern::new(DatePattern::ISO).unwrap();
            let (first, last) = (pattern.parse("0001-01-01").unwrap(), pattern.parse("9999-12-31").unwrap());
            Format::date(pattern, first, last).unwrap()
        }),
        ("integer", || Format::integer(0, 1 << 40).unwrap()),
        ("decimal", || Format::decimal(2, "-99999.99", "99999.99").unwrap()),
        ("ipv4", Format::ipv4),
        ("ipv6", Format::ipv6),
        ("postal-uk", Format::postal_uk),
        ("postal-ca", Format::postal_ca),
        ("plate, [A-Z]{3}-[0-9]{4}", || Format::regex("[A-Z]{3}-[0-9]{4}", None).unwrap()),
        ("regex of 250 states", || Format::regex("(?:[a-f][0-9]){125}", None).unwrap()),
        ("regex of 1,000 states", || {
            Format::regex("a[0-9]{249}|b[a-f]{249}|c[g-m]{249}|d[n-z]{249}", None).unwrap()
        }),
        ("regex of 256 lengths", || Format::regex("[a-z0-9]{1,256}", None).unwrap()),
    ];
    println!("\n| tokenizer | µs to make |");
    println!("|---|---|");
    for (name, format) in builds {
        let times = (0..SLICES).map(|_| slice(|| drop(black_box(tokenizer(format(), key))), 1) / 1000.0);
        println!("| {name} | {:.1} |", median(times.collect()));
    }
}

/// Nanoseconds a value.
fn slice(call: impl FnOnce(), values: usize) -> f64 {
    let start = Instant::now();
    call();
    start.elapsed().as_nanos() as f64 / values as f64
}

fn median(mut slices: Vec<f64>) -> f64 {
    slices.sort_by(f64::total_cmp);
    slices[slices.len() / 2]
}
