//! What `SledStore` costs over the sled under it: batches of 1,000 random keys, 16 + 120 bytes, each durable before
//! the next.
//!
//! `cargo bench --bench store` compares the two. `cargo bench --bench store -- peak [entries] [batch] [cache MiB]` loads
//! one store with entries of 16 + 250 bytes, closes it, and prints rates, the file's size and the peak memory.

use std::fs::{self, File};
use std::time::Instant;

use cloakroom::store::sled::{Options, SledStore};
use cloakroom::store::{Batch, Map, Store};

const MAP: Map = Map::new(1, "entries");

/// Splitmix, as blinded keys: random and all different.
struct Keys(u64);

impl Keys {
    fn next(&mut self) -> [u8; 16] {
        let mut key = [0; 16];
        for half in key.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            half.copy_from_slice(&(z ^ (z >> 31)).to_le_bytes());
        }
        key
    }

    fn batch(&mut self, entries: usize, length: usize) -> Batch {
        let mut batch = Batch::new();
        for _ in 0..entries {
            batch.put(MAP, self.next(), vec![0xA5; length]);
        }
        batch
    }

    fn raw_batch(&mut self, entries: usize, length: usize) -> sled::Batch {
        let mut batch = sled::Batch::default();
        for _ in 0..entries {
            batch.insert(self.next().to_vec(), vec![0xA5; length]);
        }
        batch
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let number = |at: usize, default| args.get(at).map_or(default, |arg| arg.parse().unwrap());
    match args.first().map(String::as_str) {
        Some("peak") => peak(number(1, 200_000), number(2, 2_000), number(3, 512) as u64),
        _ => compare(200),
    }
}

/// Takes turns, batch by batch, so that both trees grow alike and both feel what else the machine does.
fn compare(batches: usize) {
    let dir = tempfile::tempdir().unwrap();
    let config =
        sled::Config::new().path(dir.path().join("raw")).cache_capacity(512 << 20).flush_every_ms(None);
    let db = config.open().unwrap();
    let file = File::open(dir.path().join("raw/db")).unwrap();
    let store = SledStore::create(dir.path().join("store"), Options::default()).unwrap();

    let (mut raw, mut ours) = (Vec::new(), Vec::new());
    let (mut raw_keys, mut keys) = (Keys(1), Keys(1));
    for _ in 0..batches {
        let batch = raw_keys.raw_batch(1000, 120);
        let started = Instant::now();
        db.apply_batch(batch).unwrap();
        db.flush().unwrap();
        file.sync_all().unwrap();
        raw.push(started.elapsed());

        let batch = keys.batch(1000, 120);
        let started = Instant::now();
        store.apply(batch).unwrap();
        ours.push(started.elapsed());
    }
    raw.sort();
    ours.sort();
    println!("{batches} durable batches of 1000 entries of 16 + 120 bytes, taking turns");
    for (name, times) in [("sled, flush, sync_all", &raw), ("SledStore::apply", &ours)] {
        let rate = (1000 * batches) as f64 / times.iter().map(std::time::Duration::as_secs_f64).sum::<f64>();
        println!(
            "{name:22} p50 {:?}, p99 {:?}, {rate:.0} entries/s",
            times[batches / 2],
            times[batches * 99 / 100]
        );
    }
    println!("ratio of medians {:.3}", ours[batches / 2].as_secs_f64() / raw[batches / 2].as_secs_f64());
}

fn peak(entries: usize, batch: usize, cache: u64) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let mut options = Options::default();
    options.cache_bytes = cache << 20;
    let store = SledStore::create(&path, options.clone()).unwrap();
    let rate = |started: Instant| entries as f64 / started.elapsed().as_secs_f64();

    let (mut keys, started) = (Keys(1), Instant::now());
    for _ in 0..entries / batch {
        store.apply(keys.batch(batch, 250)).unwrap();
    }
    println!("{entries} entries in batches of {batch}, cache {cache} MiB: {:.0} inserts/s", rate(started));
    println!("file {} MiB, peak {} MiB", store.size().unwrap() >> 20, peak_mib());

    let (mut keys, started) = (Keys(1), Instant::now());
    (0..entries / batch * batch).for_each(|_| assert!(store.get(MAP, &keys.next()).unwrap().is_some()));
    println!("{:.0} gets/s, peak {} MiB", rate(started), peak_mib());

    let started = Instant::now();
    drop(store);
    println!("close {:.2} s, peak {} MiB", started.elapsed().as_secs_f64(), peak_mib());
    let started = Instant::now();
    let store = SledStore::open(&path, options).unwrap();
    println!("open {:.2} s, peak {} MiB", started.elapsed().as_secs_f64(), peak_mib());

    let (mut after, mut found, started) = (None, 0, Instant::now());
    loop {
        let page = store.scan(MAP, b"", after.as_deref(), 1000).unwrap();
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        found += page.len();
    }
    println!("{:.0} scanned/s of {found}, peak {} MiB", rate(started), peak_mib());
}

/// From Linux's `/proc`; elsewhere 0.
fn peak_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|kib| kib.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) >> 10
}
