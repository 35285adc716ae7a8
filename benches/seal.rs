//! Envelopes: sealing and opening one field, and a thousand of one column. `cargo run --release -p cloakroom-compare` has them
//! beside other crates.

use std::hint::black_box;

use cloakroom::crypto::aead::Suite;
use cloakroom::keys::Keyset;
use cloakroom::name::{FieldName, TenantId};
use cloakroom::protect::Sealer;
use cloakroom::time::Timestamp;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

criterion_group!(benches, envelopes);
criterion_main!(benches);

const FIELDS: usize = 1_000;

fn envelopes(criterion: &mut Criterion) {
    let key = Keyset::generate(Timestamp(1_795_334_400)).and_then(|keyset| keyset.primary()).unwrap();
    let (tenant, field) = (TenantId::new("acme").unwrap(), FieldName::new("email").unwrap());
    let subjects: Vec<String> = (0..FIELDS).map(|n| format!("customer-{n:07}")).collect();
    for (name, suite) in
        [("XAES-256-GCM", Suite::Xaes256Gcm), ("XChaCha20-Poly1305", Suite::XChaCha20Poly1305)]
    {
        let sealer = Sealer::new(&key, suite, &tenant, &field);
        let mut group = criterion.benchmark_group(name);
        for size in [16, 64, 256, 4096] {
            let plaintext = vec![0x61; size];
            let envelopes: Vec<Vec<u8>> =
                subjects.iter().map(|subject| sealer.seal(subject, &plaintext).unwrap()).collect();
            group.throughput(Throughput::Elements(1));
            group.bench_function(BenchmarkId::new("seal one", size), |b| {
                b.iter(|| sealer.seal(&subjects[0], black_box(&plaintext)).unwrap())
            });
            group.bench_function(BenchmarkId::new("open one", size), |b| {
                b.iter(|| sealer.open(&subjects[0], black_box(&envelopes[0])).unwrap())
            });
            let mut out = vec![];
            group.throughput(Throughput::Elements(FIELDS as u64));
            group.bench_function(BenchmarkId::new("seal a column", size), |b| {
                b.iter(|| {
                    out.clear();
                    let mut batch = sealer.batch();
                    subjects.iter().for_each(|subject| batch.seal(subject, &plaintext, &mut out).unwrap());
                })
            });
            group.bench_function(BenchmarkId::new("open a column", size), |b| {
                b.iter(|| {
                    let opened = subjects.iter().zip(&envelopes);
                    opened.for_each(|(subject, envelope)| drop(sealer.open(subject, envelope).unwrap()));
                })
            });
        }
        group.finish();
    }
}
