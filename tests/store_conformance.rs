//! One suite for every store: what `Store` promises, whatever is behind it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use cloakroom::store::memory::MemoryStore;
use cloakroom::store::{Batch, Entry, MAX_KEY, MAX_VALUE, Map, Store};
use cloakroom::{Error, Result};
use proptest::prelude::*;

const A: Map = Map::new(1, "a");
const B: Map = Map::new(2, "b");
const C: Map = Map::new(254, "c");

/// Runs each check against a store of its own.
fn suite<S: Store>(make: impl Fn() -> S) {
    get_put_delete(&make());
    maps_are_apart(&make());
    order_and_paging(&make());
    batches_are_atomic(&make());
    expectations(&make());
    empty_and_longest(&make());
    long_values_are_replaced(&make());
    writers_and_syncs(&make());
    scans_see_whole_batches(&make());
}

fn put(map: Map, key: &[u8], value: &[u8]) -> Batch {
    let mut batch = Batch::new();
    batch.put(map, key, value);
    batch
}

fn all(store: &dyn Store, map: Map) -> Vec<Entry> {
    store.scan(map, b"", None, usize::MAX).unwrap()
}

fn get_put_delete(store: &dyn Store) {
    assert_eq!(store.get(A, b"k").unwrap(), None);
    store.apply(put(A, b"k", b"1")).unwrap();
    assert_eq!(store.get(A, b"k").unwrap().unwrap(), b"1");
    store.apply(put(A, b"k", b"2")).unwrap();
    assert_eq!(store.get(A, b"k").unwrap().unwrap(), b"2");

    let mut batch = Batch::new();
    batch.delete(A, b"k").delete(A, b"never there");
    store.apply(batch).unwrap();
    assert_eq!(store.get(A, b"k").unwrap(), None);

    let mut last_counts = Batch::new();
    last_counts.put(A, b"k", b"1").delete(A, b"k").put(A, b"k", b"3");
    assert_eq!(last_counts.len(), 1);
    store.apply(last_counts).unwrap();
    assert_eq!(all(store, A), [(b"k".to_vec(), b"3".to_vec())]);
    store.size().unwrap();
}

fn maps_are_apart(store: &dyn Store) {
    let mut batch = Batch::new();
    batch.put(A, b"k", b"a").put(B, b"k", b"b").put(C, [0xFF; 3], b"c");
    store.apply(batch).unwrap();
    assert_eq!(all(store, A), [(b"k".to_vec(), b"a".to_vec())]);
    assert_eq!(all(store, B), [(b"k".to_vec(), b"b".to_vec())]);
    assert_eq!(all(store, C), [(vec![0xFF; 3], b"c".to_vec())]);
    assert_eq!(store.get(A, &[0xFF; 3]).unwrap(), None);
    assert_eq!(all(store, Map::new(3, "nothing yet")), []);
}

fn order_and_paging(store: &dyn Store) {
    let mut batch = Batch::new();
    for n in (0..1000_u16).rev() {
        batch.put(B, n.to_be_bytes(), n.to_string());
        batch.put(A, n.to_be_bytes(), b"");
    }
    batch.put(B, [1], b"shorter first").put(B, [1, 0, 0], b"then longer");
    store.apply(batch).unwrap();

    let whole = all(store, B);
    assert_eq!(whole.len(), 1002);
    assert!(whole.is_sorted_by(|a, b| a.0 < b.0));
    for page in [1, 7, 256, 1002, 5000] {
        let (mut paged, mut after) = (Vec::new(), None);
        loop {
            let entries = store.scan(B, b"", after.as_deref(), page).unwrap();
            assert!(entries.len() <= page);
            let Some(last) = entries.last() else { break };
            after = Some(last.0.clone());
            paged.extend(entries);
        }
        assert_eq!(paged, whole);
    }

    let ones = store.scan(B, &[1], None, usize::MAX).unwrap();
    assert_eq!(ones.len(), 258);
    assert_eq!(ones[0].0, [1]);
    assert_eq!(ones[2].0, [1, 0, 0]);
    assert_eq!(store.scan(B, &[1], Some(&[0, 200]), 2).unwrap(), ones[..2], "`after` before the prefix");
    assert_eq!(store.scan(B, &[1], Some(&[1]), 2).unwrap(), ones[1..3]);
    assert_eq!(store.scan(B, &[1], Some(&[1, 0, 128]), 1).unwrap()[0].0, [1, 1], "`after` need not exist");
    assert_eq!(store.scan(B, &[1], Some(&[2]), 5).unwrap(), []);
    assert_eq!(store.scan(B, &[1], None, 0).unwrap(), []);
    assert_eq!(store.scan(B, &[9, 9, 9], None, 5).unwrap(), []);
}

fn batches_are_atomic(store: &dyn Store) {
    store.apply(put(A, b"stays", b"1")).unwrap();
    let mut batch = Batch::new();
    batch.put(A, b"new", b"1").put(B, b"new", b"1").delete(A, b"stays");
    batch.put(C, vec![7; MAX_KEY + 1], b"");
    assert!(matches!(store.apply(batch), Err(Error::TooLong { limit: MAX_KEY, .. })));

    let mut batch = Batch::new();
    batch.put(A, b"new", vec![7; MAX_VALUE + 1]).delete(A, b"stays");
    assert!(matches!(store.apply(batch), Err(Error::TooLong { limit: MAX_VALUE, .. })));

    assert_eq!(all(store, A), [(b"stays".to_vec(), b"1".to_vec())]);
    assert_eq!(all(store, B), []);

    let first = store.write(put(A, b"x", b"1")).unwrap();
    let second = store.write(Batch::new()).unwrap();
    assert!(first < second);
    store.sync(second).unwrap();
    store.sync(first).unwrap();
}

fn expectations(store: &dyn Store) {
    let conflict = |result: Result<()>| assert!(matches!(result, Err(Error::Conflict)), "{result:?}");

    let mut absent = put(A, b"k", b"1");
    absent.expect(A, b"k", None);
    store.apply(absent.clone()).unwrap();
    conflict(store.apply(absent));

    let mut changed = put(A, b"k", b"2");
    changed.expect(A, b"k", Some(b"1"));
    store.apply(changed.clone()).unwrap();
    conflict(store.apply(changed));

    let mut several = Batch::new();
    several.expect(A, b"k", Some(b"2")).expect(B, b"k", None).expect(C, b"k", Some(b"not there"));
    several.put(A, b"k", b"3").put(B, b"k", b"3").put(C, b"k", b"3").delete(A, b"x");
    conflict(store.apply(several));
    assert_eq!(all(store, A), [(b"k".to_vec(), b"2".to_vec())]);
    assert_eq!((all(store, B), all(store, C)), (vec![], vec![]));

    let mut empty_is_not_absent = Batch::new();
    store.apply(put(C, b"k", b"")).unwrap();
    conflict(store.apply(empty_is_not_absent.expect(C, b"k", None).clone()));
    let mut only_asks = Batch::new();
    store.apply(only_asks.expect(C, b"k", Some(b"")).expect(A, b"k", Some(b"2")).clone()).unwrap();

    // Of all who saw the same state, one wins.
    let wins: usize = thread::scope(|scope| {
        let race = |n: u8| {
            let mut batch = put(B, b"race", &[n]);
            batch.expect(B, b"race", None).put(C, [n], b"won");
            move || usize::from(store.apply(batch).is_ok())
        };
        let threads: Vec<_> = (0..8).map(|n| scope.spawn(race(n))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(wins, 1);
    let winner = store.get(B, b"race").unwrap().unwrap();
    assert_eq!(store.get(C, &winner).unwrap().unwrap(), b"won");
    assert_eq!(all(store, C).len(), 2);
}

fn empty_and_longest(store: &dyn Store) {
    let longest = [vec![0; MAX_KEY], vec![0xFF; MAX_KEY]];
    let mut batch = Batch::new();
    batch.put(A, b"", b"").put(B, b"", b"empty key").put(A, [0], b"");
    for key in &longest {
        batch.put(A, key.as_slice(), vec![0xA5; MAX_VALUE]);
    }
    store.apply(batch).unwrap();
    assert_eq!(store.get(A, b"").unwrap().unwrap(), b"");
    assert_eq!(store.get(B, b"").unwrap().unwrap(), b"empty key");
    assert_eq!(all(store, A).len(), 4);
    assert_eq!(store.scan(A, b"", Some(b""), 1).unwrap()[0].0, [0], "the empty key can be passed by");
    for key in &longest {
        assert_eq!(store.get(A, key).unwrap().unwrap(), vec![0xA5; MAX_VALUE]);
    }
}

fn long_values_are_replaced(store: &dyn Store) {
    let mut lengths = vec![4095, 4096, 4097, 8192, 100_000, 3, 70_000, 0, 12_345];
    lengths.extend((0..40).map(|n| n * 997));
    for (n, length) in lengths.iter().enumerate() {
        let value: Vec<u8> = (0..*length).map(|at| (at * 31 + n) as u8).collect();
        let mut batch = put(A, b"k", &value);
        batch.put(A, b"other", value.as_slice());
        store.apply(batch).unwrap();
        assert_eq!(store.get(A, b"k").unwrap().unwrap(), value);
        assert_eq!(all(store, A), [(b"k".to_vec(), value.clone()), (b"other".to_vec(), value.clone())]);
        let mut batch = Batch::new();
        batch.expect(A, b"k", Some(&value)).delete(A, b"other");
        store.apply(batch).unwrap();
    }
}

fn writers_and_syncs(store: &dyn Store) {
    const EACH: u32 = 50;
    thread::scope(|scope| {
        for writer in 0..6_u32 {
            scope.spawn(move || {
                for n in 0..EACH {
                    let key = [writer.to_be_bytes(), n.to_be_bytes()].concat();
                    let mut batch = put(A, &key, b"1");
                    batch.put(B, key.as_slice(), b"2");
                    if n % 3 == 0 {
                        store.apply(batch).unwrap();
                    } else {
                        let commit = store.write(batch).unwrap();
                        assert_eq!(store.get(B, &key).unwrap().unwrap(), b"2", "visible before the sync");
                        store.sync(commit).unwrap();
                    }
                    assert_eq!(store.get(A, &key).unwrap().unwrap(), b"1");
                }
            });
        }
    });
    assert_eq!(all(store, A).len(), 6 * EACH as usize);
    assert_eq!(all(store, B).len(), 6 * EACH as usize);
}

fn scans_see_whole_batches(store: &dyn Store) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..60_u8 {
                let mut batch = Batch::new();
                for n in 0..100_u8 {
                    let length = if n % 25 == 0 { 9000 } else { 1 };
                    batch.put(A, [n], vec![round; length]);
                }
                store.apply(batch).unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        let mut last = 0;
        while !done.load(Ordering::Relaxed) {
            let entries = all(store, A);
            let Some((_, first)) = entries.first() else { continue };
            assert_eq!(entries.len(), 100);
            assert!(first[0] >= last, "never back in time");
            last = first[0];
            assert!(entries.iter().all(|(_, value)| value.iter().all(|&byte| byte == last)));
            let long = store.get(A, &[50]).unwrap().unwrap();
            assert!(long.len() == 9000 && long.iter().all(|byte| *byte == long[0]));
        }
    });
}

/// One step against both the store and a `BTreeMap`.
#[derive(Debug, Clone)]
enum Step {
    Write(Vec<(u8, Vec<u8>, Option<Vec<u8>>)>),
    Expect(u8, Vec<u8>, Option<Vec<u8>>),
    Get(u8, Vec<u8>),
    Scan(u8, Vec<u8>, Option<Vec<u8>>, usize),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    // Few and short, so that keys meet.
    let key = || prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(255)], 0..4);
    let value = || {
        prop_oneof![
            8 => prop::collection::vec(any::<u8>(), 0..4),
            1 => (any::<u8>(), 4000..20_000_usize).prop_map(|(byte, length)| vec![byte; length]),
        ]
    };
    let write = (1..4_u8, key(), prop::option::weighted(0.7, value()));
    prop_oneof![
        4 => prop::collection::vec(write, 0..30).prop_map(Step::Write),
        2 => (1..4_u8, key(), prop::option::of(value())).prop_map(|(map, key, value)| Step::Expect(map, key, value)),
        2 => (1..4_u8, key()).prop_map(|(map, key)| Step::Get(map, key)),
        3 => (1..4_u8, key(), prop::option::of(key()), 0..20_usize)
            .prop_map(|(map, prefix, after, limit)| Step::Scan(map, prefix, after, limit)),
        1 => Just(Step::Reopen),
    ]
}

fn agrees_with_model<S: Store>(mut store: S, reopen: impl Fn(S) -> S, steps: Vec<Step>) {
    let map = |id| Map::new(id, "any");
    let mut model = BTreeMap::<(u8, Vec<u8>), Vec<u8>>::new();
    for step in steps {
        match step {
            Step::Write(writes) => {
                let mut batch = Batch::new();
                for (id, key, value) in writes {
                    match value {
                        Some(value) => {
                            batch.put(map(id), key.clone(), value.clone());
                            model.insert((id, key), value);
                        }
                        None => {
                            batch.delete(map(id), key.clone());
                            model.remove(&(id, key));
                        }
                    }
                }
                store.apply(batch).unwrap();
            }
            Step::Expect(id, key, value) => {
                let mut batch = put(map(id), &key, b"expected");
                batch.expect(map(id), key.clone(), value.as_deref());
                let holds = model.get(&(id, key.clone())) == value.as_ref();
                assert_eq!(store.apply(batch).is_ok(), holds);
                if holds {
                    model.insert((id, key), b"expected".to_vec());
                }
            }
            Step::Get(id, key) => {
                assert_eq!(store.get(map(id), &key).unwrap(), model.get(&(id, key)).cloned())
            }
            Step::Scan(id, prefix, after, limit) => {
                let found = store.scan(map(id), &prefix, after.as_deref(), limit).unwrap();
                let expected = model.iter().filter(|((at, key), _)| {
                    *at == id && key.starts_with(&prefix) && after.as_ref().is_none_or(|after| key > after)
                });
                let expected = expected.take(limit).map(|((_, key), value)| (key.clone(), value.clone()));
                assert_eq!(found, expected.collect::<Vec<_>>());
            }
            Step::Reopen => store = reopen(store),
        }
    }
}

// SPEC: STORE-1, STORE-2
#[test]
fn memory() {
    suite(MemoryStore::new);
}

proptest! {
    #[test]
    fn memory_agrees_with_model(steps in prop::collection::vec(step(), 1..60)) {
        agrees_with_model(MemoryStore::new(), |store| store, steps);
    }
}

#[cfg(feature = "sled")]
mod sled {
    use std::fs;
    use std::path::Path;

    use cloakroom::store::sled::{Options, SledStore, in_guarded_call};

    use super::*;

    fn open(dir: &Path) -> Result<SledStore> {
        SledStore::open(dir, Options::default())
    }

    fn create(dir: &Path) -> SledStore {
        SledStore::create(dir, Options::default()).unwrap()
    }

    #[test]
    fn conforms() {
        let dir = tempfile::tempdir().unwrap();
        let numbers = std::cell::Cell::new(0);
        suite(|| {
            numbers.set(numbers.get() + 1);
            create(&dir.path().join(numbers.get().to_string()))
        });
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn agrees_with_the_model(steps in prop::collection::vec(step(), 1..40)) {
            let dir = tempfile::tempdir().unwrap();
            let reopen = |store| {
                drop(store);
                open(dir.path()).unwrap()
            };
            agrees_with_model(create(dir.path()), reopen, steps);
            let blobs = fs::read_dir(dir.path().join("blobs")).unwrap().count();
            prop_assert_eq!(blobs, 0, "sled does not sync its blobs");
        }
    }

    #[test]
    fn largest_pages_stay_in_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let store = create(dir.path());
        for round in 0..6_u8 {
            let mut batch = Batch::new();
            for n in 0..3000_u32 {
                let mut key = vec![n as u8; MAX_KEY];
                key[..4].copy_from_slice(&n.wrapping_mul(0x9E37_79B1).to_be_bytes());
                batch.put(A, key, vec![round; if n % 10 == 0 { 4096 } else { 40 }]);
            }
            store.apply(batch).unwrap();
        }
        let mut batch = Batch::new();
        for n in 0..300_u32 {
            batch.put(B, [&n.to_be_bytes()[..], &[0; MAX_KEY - 4]].concat(), vec![1; 4096]);
        }
        batch.put(B, b"long", vec![2; MAX_VALUE]);
        store.apply(batch).unwrap();
        assert_eq!(fs::read_dir(dir.path().join("blobs")).unwrap().count(), 0);
        drop(store);
        let store = open(dir.path()).unwrap();
        assert_eq!(all(&store, A).len(), 3000);
        assert_eq!(all(&store, B).len(), 301);
    }

    #[test]
    fn reopen_sees_everything() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("store");
        let mut store = create(&dir);
        for round in 0..20_u32 {
            let mut batch = Batch::new();
            for n in 0..200_u32 {
                batch.put(A, (round * 200 + n).to_be_bytes(), round.to_be_bytes());
            }
            batch.put(B, b"long", vec![round as u8; 50_000]);
            // The last of them written but never synced: closing does it.
            store.write(batch).unwrap();
            drop(store);
            store = open(&dir).unwrap();
            assert_eq!(all(&store, A).len(), 200 * (round as usize + 1));
            assert_eq!(store.get(B, b"long").unwrap().unwrap(), vec![round as u8; 50_000]);
        }
    }

    #[test]
    fn one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let store = create(dir.path());
        for _ in 0..3 {
            assert!(matches!(open(dir.path()), Err(Error::Busy { .. })));
        }
        store.apply(put(A, b"k", b"v")).unwrap();
        drop(store);
        open(dir.path()).unwrap();
    }

    #[test]
    fn neither_creates_nor_overwrites() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(open(dir.path()), Err(Error::NotAVault { .. })));
        assert!(matches!(open(&dir.path().join("missing")), Err(Error::NotAVault { .. })));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);

        fs::write(dir.path().join("letter.txt"), "dear").unwrap();
        assert!(matches!(open(dir.path()), Err(Error::NotAVault { .. })));
        assert!(matches!(open(&dir.path().join("letter.txt")), Err(Error::NotAVault { .. })));
        assert!(matches!(SledStore::create(dir.path(), Options::default()), Err(Error::Exists { .. })));
        assert!(SledStore::create(dir.path().join("letter.txt"), Options::default()).is_err());
        assert!(matches!(
            SledStore::create(dir.path().join("a/b"), Options::default()),
            Err(Error::Io { .. })
        ));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);

        let made = dir.path().join("made");
        drop(create(&made));
        assert!(matches!(SledStore::create(&made, Options::default()), Err(Error::Exists { .. })));
        fs::write(made.join("format"), "cloakroom store 2\n").unwrap();
        assert!(matches!(open(&made), Err(Error::NotAVault { .. })));
    }

    #[test]
    fn what_is_missing_is_not_replaced() {
        for name in ["db", "conf"] {
            for emptied in [false, true] {
                let dir = tempfile::tempdir().unwrap();
                create(dir.path()).apply(put(A, b"k", b"v")).unwrap();
                let file = dir.path().join(name);
                if emptied {
                    fs::write(&file, "").unwrap()
                } else {
                    fs::remove_file(&file).unwrap()
                }
                assert!(matches!(open(dir.path()), Err(Error::Corrupt { .. })), "{name}");
                assert_eq!(file.exists(), emptied);
            }
        }
    }

    /// A kill in the middle of opening leaves one.
    #[test]
    fn half_a_snapshot_is_no_damage() {
        let dir = tempfile::tempdir().unwrap();
        create(dir.path()).apply(put(A, b"k", b"v")).unwrap();
        drop(open(dir.path()).unwrap());
        fs::write(dir.path().join("snap.7FFFFFFFFFFFFFFF.generating"), "half a snapsh").unwrap();
        assert_eq!(open(dir.path()).unwrap().get(A, b"k").unwrap().unwrap(), b"v");
    }

    #[test]
    fn guarded_only_while_in_a_call() {
        let dir = tempfile::tempdir().unwrap();
        let store = create(dir.path());
        store.apply(put(A, b"k", b"v")).unwrap();
        store.get(A, b"k").unwrap();
        assert!(!in_guarded_call());
        let io = thread::Builder::new().name("sled-io-3".to_owned()).spawn(in_guarded_call).unwrap();
        assert!(io.join().unwrap());
    }
}
