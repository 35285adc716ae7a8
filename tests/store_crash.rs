//! The store on disk against what disks and operators do: kills, full disks, damaged bytes.
//!
//! Whatever may abort, hang or ask for absurd memory runs in a child: this very program again, told by the variable
//! `CLOAKROOM_STORE_CHILD` what to do, under a limit of memory and time. `CLOAKROOM_STORE_ROUNDS` multiplies the
//! number of rounds, and `--nocapture` shows the statistics.
#![cfg(all(unix, feature = "sled"))]

mod killed;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use cloakroom::store::sled::{Options, SledStore};
use cloakroom::store::{Batch, Map, Store};

use killed::{finish, limited, random, say, setting};

const CHILD: &str = "CLOAKROOM_STORE_CHILD";
const ROWS: Map = Map::new(1, "rows");
const STATE: Map = Map::new(2, "state");

/// Batch `n` writes slot `n % SLOTS` whole, `WIDTH` rows, so that each slot shows whether its last batch is whole.
const SLOTS: u32 = 64;
const WIDTH: u32 = 25;

fn row(slot: u32, n: u32) -> Vec<u8> {
    // Scattered, as blinded keys are.
    let key = (slot * WIDTH + n).wrapping_mul(0x9E37_79B1);
    [&key.to_be_bytes()[..], &[0; 12]].concat()
}

fn batch(number: u32) -> Batch {
    let mut batch = Batch::new();
    let before = number.checked_sub(1).map(u32::to_be_bytes);
    batch.expect(STATE, b"last", before.as_ref().map(|before| &before[..]));
    batch.put(STATE, b"last", number.to_be_bytes());
    for n in 0..WIDTH {
        let length = if n == 0 && number.is_multiple_of(7) { 3000 } else { 40 };
        batch.put(ROWS, row(number % SLOTS, n), number.to_be_bytes().repeat(length));
    }
    batch
}

fn last(store: &SledStore) -> Option<u32> {
    store.get(STATE, b"last").unwrap().map(|value| u32::from_be_bytes(value.try_into().unwrap()))
}

/// Panics unless the store holds batches `0..=last`, each whole, and nothing else.
fn check_whole(store: &SledStore) -> Option<u32> {
    let last = last(store);
    let mut expected = BTreeMap::new();
    for number in last.map_or(0..0, |last| last.saturating_sub(SLOTS - 1)..last + 1) {
        for n in 0..WIDTH {
            expected.insert(row(number % SLOTS, n), number);
        }
    }
    let found = store.scan(ROWS, b"", None, usize::MAX).unwrap();
    assert_eq!(found.len(), expected.len());
    for ((key, value), (expected_key, number)) in found.into_iter().zip(expected) {
        assert_eq!(key, expected_key);
        assert!(value.chunks(4).all(|word| word == number.to_be_bytes()), "batch {number} is not whole");
    }
    last
}

/// What a child does; in the parent, an empty test.
#[test]
fn child() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let (task, dir) = task.split_once(' ').unwrap();
    say("");
    match task {
        "write" => {
            let store = match SledStore::open(dir, options()) {
                Ok(store) => store,
                Err(e) => return say(&format!("refused {e}")),
            };
            say("open");
            for number in last(&store).map_or(0, |last| last + 1).. {
                // Every third batch waits for the next one's sync.
                let commit = match store.write(batch(number)) {
                    Ok(commit) => commit,
                    Err(e) => return say(&refused(store, e)),
                };
                if !number.is_multiple_of(3) {
                    if let Err(e) = store.sync(commit) {
                        return say(&refused(store, e));
                    }
                    say(&format!("ack {number}"));
                }
            }
        }
        "read" => {
            let expected: BTreeMap<_, _> = sample().collect();
            let found =
                SledStore::open(dir, options()).and_then(|store| store.scan(ROWS, b"", None, usize::MAX));
            say(&match found {
                Err(e) => format!("error {e}"),
                Ok(found) if found.iter().any(|(key, value)| expected.get(key) != Some(value)) => {
                    "wrong".to_owned()
                }
                Ok(found) if found.len() < expected.len() => {
                    format!("missing {}", expected.len() - found.len())
                }
                Ok(_) => "right".to_owned(),
            });
        }
        other => panic!("{other}"),
    }
}

fn options() -> Options {
    let mut options = Options::default();
    options.patience = Duration::from_secs(10);
    options
}

/// After an error all calls are errors, and the store still closes and can be opened again.
fn refused(store: SledStore, e: cloakroom::Error) -> String {
    assert!(store.get(STATE, b"last").is_err() && store.write(Batch::new()).is_err());
    drop(store);
    format!("refused {e}")
}

/// A child that does only `task`.
fn spawn(task: &str, dir: &Path, file_blocks: Option<u32>) -> Child {
    limited(CHILD, &format!("{task} {}", dir.display()), file_blocks)
}

fn last_ack(lines: &[String]) -> Option<u32> {
    lines.iter().filter_map(|line| line.strip_prefix("ack ")?.parse().ok()).next_back()
}

fn rounds(n: u32) -> u32 {
    n * setting("CLOAKROOM_STORE_ROUNDS") as u32
}

// SPEC: STORE-1
#[test]
fn kills_lose_nothing_acknowledged() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("store");
    drop(SledStore::create(&dir, options()).unwrap());
    let mut random = random(1);
    let (mut acknowledged, mut unfinished) = (None, 0);
    for _ in 0..rounds(48) {
        let child = spawn("write", &dir, None);
        // Now and then while it opens, mostly while it writes.
        let (lines, status) = finish(child, Duration::from_millis(5 + random(250)));
        assert!(status.is_none(), "ended before it was killed: {lines:?}");
        acknowledged = acknowledged.max(last_ack(&lines));
        let last = check_whole(&SledStore::open(&dir, options()).unwrap());
        assert!(last >= acknowledged, "{acknowledged:?} was acknowledged, {last:?} is there");
        unfinished += u32::from(last > acknowledged);
    }
    println!(
        "kills: {acknowledged:?} batches acknowledged, {unfinished} times more was found than acknowledged"
    );
    assert!(acknowledged > Some(100));
}

#[test]
fn full_disk_is_an_error_and_loses_nothing() {
    let tmp = tempfile::tempdir().unwrap();
    let mut random = random(2);
    for round in 0..rounds(12) {
        let dir = tmp.path().join(round.to_string());
        drop(SledStore::create(&dir, options()).unwrap());
        let blocks = 200 + random(4000) as u32;
        let started = Instant::now();
        let (lines, status) = finish(spawn("write", &dir, Some(blocks)), Duration::from_secs(30));
        assert!(status.is_some_and(|status| status.success()), "{blocks} blocks: {status:?}, {lines:?}");
        let refusal = lines.iter().find(|line| line.starts_with("refused"));
        println!("full at {blocks} blocks after {:?}: {refusal:?}", started.elapsed());
        assert!(refusal.is_some_and(|line| line.contains("reopen the store")), "{lines:?}");

        let store = SledStore::open(&dir, options()).unwrap();
        assert!(check_whole(&store) >= last_ack(&lines));
        let next = last(&store).map_or(0, |last| last + 1);
        store.apply(batch(next)).unwrap();
        assert_eq!(check_whole(&store), Some(next));
    }
}

fn sample() -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    (0..6000_u32).map(|n| (row(n, 0), n.to_le_bytes().repeat(if n.is_multiple_of(500) { 2000 } else { 30 })))
}

/// The files under `dir`, with their lengths.
fn files(dir: &Path) -> Vec<(String, u64)> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    let mut files: Vec<_> =
        files.map(|file| (file.file_name().into_string().unwrap(), file.metadata().unwrap().len())).collect();
    files.sort();
    files
}

/// A sample written over several openings, and left as a clean close or as a kill leaves it.
fn write_sample(dir: &Path, killed: bool) {
    let mut store = SledStore::create(dir, options()).unwrap();
    let entries: Vec<_> = sample().collect();
    for (n, entries) in entries.chunks(500).enumerate() {
        let mut batch = Batch::new();
        for (key, value) in entries {
            batch.put(ROWS, key.as_slice(), value.as_slice());
        }
        store.apply(batch).unwrap();
        if n == 5 {
            drop(store);
            store = SledStore::open(dir, options()).unwrap();
        }
    }
    if killed {
        let copy = dir.with_extension("copy");
        fs::create_dir_all(copy.join("blobs")).unwrap();
        files(dir).iter().for_each(|(name, _)| assert!(fs::copy(dir.join(name), copy.join(name)).is_ok()));
        drop(store);
        fs::remove_dir_all(dir).unwrap();
        fs::rename(copy, dir).unwrap();
    }
}

/// One damaged place: an error, the right data, or, after a kill, visibly less of it. Never wrong data, a panic, an
/// abort, a hang.
#[test]
fn damage_is_never_wrong_data_nor_a_crash() {
    let tmp = tempfile::tempdir().unwrap();
    let mut random = random(3);
    for killed in [false, true] {
        let good = tmp.path().join(format!("good-{killed}"));
        write_sample(&good, killed);
        let files = files(&good);
        let mut outcomes = BTreeMap::<(String, &str, String), u32>::new();
        for round in 0..rounds(40) {
            // Half of all damage to the data, the rest to the small files.
            let (name, length) = match round % 2 {
                0 => files.iter().find(|(name, _)| name == "db").unwrap(),
                _ => &files[random(files.len() as u64) as usize],
            };
            if *length == 0 {
                continue;
            }
            let dir = tmp.path().join("damaged");
            fs::create_dir_all(dir.join("blobs")).unwrap();
            for (name, _) in &files {
                fs::copy(good.join(name), dir.join(name)).unwrap();
            }
            let mut bytes = fs::read(dir.join(name)).unwrap();
            let at = random(*length) as usize;
            let kind = match random(3) {
                0 => {
                    bytes[at] ^= 1 << random(8);
                    "bit flipped"
                }
                1 => {
                    let page = at / 512 * 512;
                    let end = bytes.len().min(page + 512);
                    bytes[page..end].fill(0);
                    "page zeroed"
                }
                _ => {
                    bytes.truncate(at);
                    "truncated"
                }
            };
            fs::write(dir.join(name), bytes).unwrap();
            let (lines, status) = finish(spawn("read", &dir, None), Duration::from_secs(20));
            let outcome = match lines
                .iter()
                .find(|line| ["error", "right", "missing", "wrong"].iter().any(|o| line.starts_with(o)))
            {
                Some(line) if status.is_some_and(|status| status.success()) => line.clone(),
                _ => format!("BAD {status:?} {lines:?}"),
            };
            assert!(
                !outcome.starts_with("wrong") && !outcome.starts_with("BAD"),
                "{name} {kind} at {at}: {outcome}"
            );
            let short = if outcome.starts_with("missing") { "missing" } else { &outcome };
            *outcomes
                .entry((name.split('.').next().unwrap().to_owned(), kind, short.to_owned()))
                .or_default() += 1;
            fs::remove_dir_all(&dir).unwrap();
        }
        for ((name, kind, outcome), times) in outcomes {
            println!(
                "closed by a {}: {name} {kind}: {times} × {outcome}",
                if killed { "kill" } else { "drop" }
            );
        }
    }
}
