//! HMAC-SHA256 and the pseudonyms made of it: one value, and columns of 16 bytes each. `cargo run --release -p
//! cloakroom-compare` has them beside other crates.

use std::hint::black_box;

use cloakroom::crypto::prf::Prf;
use cloakroom::crypto::secret::PrfKey;
use cloakroom::format::Normalization;
use cloakroom::keys::Keyset;
use cloakroom::name::{Scope, TenantId};
use cloakroom::protect::{Column, Pseudonymizer, Spelling};
use cloakroom::time::Timestamp;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

criterion_group!(benches, tags, pseudonyms);
criterion_main!(benches);

const COUNTS: [usize; 2] = [1_000, 100_000];

fn values(count: usize) -> Vec<String> {
    (0..count as u64).map(|n| format!("{:016x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect()
}

fn tags(criterion: &mut Criterion) {
    let prf = Prf::new(&PrfKey::from_bytes(&mut [1; 32]));
    let mut group = criterion.benchmark_group("HMAC-SHA256");
    group.throughput(Throughput::Elements(1));
    group.bench_function("one", |b| b.iter(|| prf.tag(&[black_box(b"0123456789abcdef")])));
    for count in COUNTS {
        let values = values(count);
        let mut tags = vec![[0; 32]; count];
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::new("column", count), |b| {
            b.iter(|| prf.public_tags(b"", |i| values[i].as_bytes(), &mut tags))
        });
    }
    group.finish();
}

fn pseudonyms(criterion: &mut Criterion) {
    let key = Keyset::generate(Timestamp(1_795_334_400)).and_then(|keyset| keyset.primary()).unwrap();
    let (tenant, scope) = (TenantId::new("acme").unwrap(), Scope::new("analytics").unwrap());
    let mut group = criterion.benchmark_group("pseudonyms");
    for (name, spelling) in [
        ("base64url", Spelling::Base64Url),
        ("hex", Spelling::Hex),
        ("int63", Spelling::int63(1_000_000).unwrap()),
    ] {
        let pseudonyms = Pseudonymizer::new(&key, &key, &tenant, &scope, Normalization::None, spelling);
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("one", name), |b| {
            b.iter(|| pseudonyms.pseudonym(black_box("0123456789abcdef")).unwrap())
        });
        for count in COUNTS {
            let column: Column = values(count).iter().map(String::as_str).collect();
            let (mut out, mut failures) = (Column::new(), vec![]);
            group.throughput(Throughput::Elements(count as u64));
            group.bench_function(BenchmarkId::new(format!("column, {name}"), count), |b| {
                b.iter(|| {
                    out.clear();
                    pseudonyms.pseudonym_column(&column, &mut out, &mut failures);
                })
            });
            assert!(failures.is_empty());
        }
    }
    group.finish();
}
