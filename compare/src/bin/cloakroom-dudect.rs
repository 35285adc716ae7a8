//! Whether time depends on secrets: dudect's statistical test (Reparaz, Balasch, Verbauwhede 2017) of two classes of inputs.
//!
//! ```text
//! cargo run --release -p cloakroom-compare --bin cloakroom-dudect [-- --filter NAME --samples N --portable]
//! ```
//!
//! Both classes take the same public path: the same lengths, and values that are accepted, or rejected for the same reason. One
//! class is fixed and the other random, or one differs from the right bytes in the first byte and the other in the last. A `max t`
//! beyond ±5 that keeps its sign and grows with the number of samples is a leak; below, none was found. The two `control`s are one that must be
//! found, a comparison that stops early, and one that must not, the same work for both classes.

use std::cell::RefCell;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use cloakroom::crypto::aead::Suite;
use cloakroom::crypto::context::{Context, Label};
use cloakroom::crypto::ff1::{AsciiAlphabet, Domain, Plan};
use cloakroom::crypto::hazmat;
use cloakroom::crypto::prf::Prf;
use cloakroom::crypto::secret::{PrfKey, VersionSecret};
use cloakroom::crypto::wrap::{self, WrapKey};
use cloakroom::format::Normalization;
use cloakroom::keys::{Keyset, UsableKey};
use cloakroom::name::{FieldName, Scope, TenantId};
use cloakroom::protect::{BlindIndex, BlindIndexer, Column, Pseudonymizer, Sealer, Spelling};
use cloakroom::time::Timestamp;
use dudect_bencher::ctbench::{BenchFn, BenchMetadata, BenchName, BenchOpts, run_benches_console};
use dudect_bencher::rand::{Rng, RngExt};
use dudect_bencher::{BenchRng, Class, CtRunner};

const BENCHES: [(&str, BenchFn); 18] = [
    ("control_leaks", control_leaks),
    ("control_none", control_none),
    ("ff1_digits_one", |r, n| ff1::<true>(r, n, b"0123456789", 16, 1)),
    ("ff1_digits_one_decrypt", |r, n| ff1::<false>(r, n, b"0123456789", 16, 1)),
    ("ff1_digits_group", |r, n| ff1::<true>(r, n, b"0123456789", 16, 64)),
    ("ff1_digits_group_decrypt", |r, n| ff1::<false>(r, n, b"0123456789", 16, 64)),
    ("ff1_32_of_36_one_decrypt", |r, n| ff1::<false>(r, n, BASE36, 32, 1)),
    ("ff1_32_of_36_group_decrypt", |r, n| ff1::<false>(r, n, BASE36, 32, 64)),
    ("ff1_19_digits_group", |r, n| ff1::<true>(r, n, b"0123456789", 19, 64)),
    ("ff1_letters_one", |r, n| ff1::<true>(r, n, b"abcdefghijklmnopqrstuvwxyz", 10, 1)),
    ("ff1_letters_group", |r, n| ff1::<true>(r, n, b"abcdefghijklmnopqrstuvwxyz", 10, 64)),
    ("ff1_letters_group_decrypt", |r, n| ff1::<false>(r, n, b"abcdefghijklmnopqrstuvwxyz", 10, 64)),
    ("tag_verifies", tag_verifies),
    ("key_commitment", key_commitment),
    ("envelope_tag", envelope_tag),
    ("pseudonym_one", pseudonym_one),
    ("pseudonym_group", pseudonym_group),
    ("blind_index", blind_index),
];

const BASE36: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

static SAMPLES: AtomicUsize = AtomicUsize::new(200_000);

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut filter = None;
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|number| number.parse().ok());
        match argument.as_str() {
            "--portable" => hazmat::use_portable_code(true),
            "--filter" => filter = arguments.next(),
            "--samples" => SAMPLES.store(number().unwrap_or(200_000), Ordering::Relaxed),
            _ => {
                eprintln!("cloakroom-dudect [--filter NAME] [--samples N] [--portable]");
                return ExitCode::from(2);
            }
        }
    }
    if cfg!(debug_assertions) {
        eprintln!("built without optimisation: add --release");
        return ExitCode::from(2);
    }
    let benches = BENCHES.map(|(name, benchfn)| BenchMetadata { name: BenchName(name), seed: None, benchfn });
    let options = BenchOpts { continuous: false, filter, file_out: None };
    match run_benches_console(options, benches.into()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Times `call` on inputs of either class. All lie in one buffer, whatever their class, and each is copied to one and the same
/// place first: a class must have neither its own addresses nor its own state of the caches.
fn run<T>(
    runner: &mut CtRunner,
    rng: &mut BenchRng,
    length: usize,
    make: impl Fn(Class, &mut BenchRng, &mut [u8]),
    call: impl Fn(&[u8]) -> T,
) {
    const TOGETHER: usize = 1000;
    let mut classes = vec![Class::Left; TOGETHER];
    let (mut inputs, mut place) = (vec![0; TOGETHER * length], vec![0; length]);
    for turn in 0..=SAMPLES.load(Ordering::Relaxed) / TOGETHER {
        for (class, input) in classes.iter_mut().zip(inputs.chunks_exact_mut(length)) {
            *class = if rng.random::<bool>() { Class::Left } else { Class::Right };
            make(*class, rng, input);
        }
        for (class, input) in classes.iter().zip(inputs.chunks_exact(length)) {
            place.copy_from_slice(input);
            match turn {
                // Not counted: caches and branch prediction warm up.
                0 => drop(std::hint::black_box(call(&place))),
                _ => runner.run_one(*class, || call(&place)),
            }
        }
    }
}

/// The alphabet's last character for the left class, random ones for the right. Those are drawn for both.
fn fixed_or_random(alphabet: &[u8]) -> impl Fn(Class, &mut BenchRng, &mut [u8]) + '_ {
    move |class, rng, text| {
        text.iter_mut().for_each(|character| *character = alphabet[rng.random_range(0..alphabet.len())]);
        if let Class::Left = class {
            text.fill(alphabet[alphabet.len() - 1]);
        }
    }
}

/// `right` with the first byte of a range wrong for the left class, the last for the right one.
fn first_or_last(
    right: &[u8],
    range: std::ops::Range<usize>,
) -> impl Fn(Class, &mut BenchRng, &mut [u8]) + '_ {
    move |class, rng, bytes| {
        bytes.copy_from_slice(right);
        let at = if let Class::Left = class { range.start } else { range.end - 1 };
        bytes[at] ^= rng.random_range(1..=255);
    }
}

fn control_leaks(runner: &mut CtRunner, rng: &mut BenchRng) {
    let right = [7; 256];
    run(runner, rng, 256, first_or_last(&right, 0..256), |bytes| {
        bytes.iter().zip(&right).all(|(a, b)| std::hint::black_box(a == b))
    });
}

fn control_none(runner: &mut CtRunner, rng: &mut BenchRng) {
    let none = |_: Class, rng: &mut BenchRng, bytes: &mut [u8]| rng.fill_bytes(bytes);
    let prf = Prf::new(&PrfKey::from_bytes(&mut [1; 32]));
    run(runner, rng, 8, none, |bytes| prf.tag(&[bytes]).into_public::<16>());
}

fn ff1<const ENCRYPT: bool>(
    runner: &mut CtRunner,
    rng: &mut BenchRng,
    characters: &[u8],
    length: usize,
    count: usize,
) {
    let alphabet = AsciiAlphabet::new(characters).expect("an alphabet");
    let domain = Domain::new(alphabet.radix(), length).expect("a million values");
    let plan = Plan::new(&[2; 32], domain, b"tweak").expect("a short tweak");
    let out = RefCell::new(vec![0; length * count]);
    run(runner, rng, length * count, fixed_or_random(characters), |values| {
        let out = &mut *out.borrow_mut();
        match ENCRYPT {
            true => plan.encrypt_ascii(&alphabet, values, out),
            false => plan.decrypt_ascii(&alphabet, values, out),
        }
    });
}

fn tag_verifies(runner: &mut CtRunner, rng: &mut BenchRng) {
    let prf = Prf::new(&PrfKey::from_bytes(&mut [3; 32]));
    let tag = prf.tag(&[b"message"]);
    let right = prf.tag(&[b"message"]).into_public::<32>();
    run(runner, rng, 32, first_or_last(&right, 0..32), |expected| tag.verifies(expected));
}

fn key_commitment(runner: &mut CtRunner, rng: &mut BenchRng) {
    let root = VersionSecret::from_bytes(&mut [4; 32]);
    let (key, aad) = (WrapKey::derive(&root, &Context::new(Label::WrapKey)), Context::new(Label::WrapAad));
    let mut wrapped = vec![];
    key.wrap(&aad, &wrap::generate(), &mut wrapped);
    run(runner, rng, wrapped.len(), first_or_last(&wrapped, 0..32), |wrapped| {
        key.unwrap(&aad, wrapped).is_ok()
    });
}

fn key() -> UsableKey {
    Keyset::generate(Timestamp(1_795_334_400)).and_then(|keyset| keyset.primary()).expect("a key")
}

fn tenant() -> TenantId {
    TenantId::new("acme").expect("a name")
}

fn field() -> FieldName {
    FieldName::new("email").expect("a name")
}

fn envelope_tag(runner: &mut CtRunner, rng: &mut BenchRng) {
    let sealer = Sealer::new(&key(), Suite::Xaes256Gcm, &tenant(), &field());
    let envelope = sealer.seal("10423", &[5; 64]).expect("short");
    let tag = envelope.len() - 16..envelope.len();
    run(runner, rng, envelope.len(), first_or_last(&envelope, tag), |envelope| {
        sealer.open("10423", envelope).is_ok()
    });
}

fn pseudonymizer() -> Pseudonymizer {
    let (key, scope) = (key(), Scope::new("analytics").expect("a name"));
    Pseudonymizer::new(&key, &key, &tenant(), &scope, Normalization::None, Spelling::Base64Url)
}

fn pseudonym_one(runner: &mut CtRunner, rng: &mut BenchRng) {
    let pseudonyms = pseudonymizer();
    run(runner, rng, 16, fixed_or_random(BASE36), |value| {
        pseudonyms.pseudonym(std::str::from_utf8(value).expect("ASCII"))
    });
}

fn pseudonym_group(runner: &mut CtRunner, rng: &mut BenchRng) {
    let pseudonyms = pseudonymizer();
    let columns = RefCell::new((Column::new(), Column::new(), vec![]));
    run(runner, rng, 16 * 64, fixed_or_random(BASE36), |values| {
        let (input, out, failures) = &mut *columns.borrow_mut();
        input.clear();
        out.clear();
        values.chunks(16).for_each(|value| input.push(value));
        pseudonyms.pseudonym_column(input, out, failures);
    });
}

fn blind_index(runner: &mut CtRunner, rng: &mut BenchRng) {
    let index = BlindIndex::field(field(), Normalization::None, 17).expect("17 bits");
    let indexer = BlindIndexer::new(&key(), &tenant(), &index);
    run(runner, rng, 16, fixed_or_random(BASE36), |value| {
        indexer.value(&[std::str::from_utf8(value).expect("ASCII")])
    });
}
