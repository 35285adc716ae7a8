//! The default store: [sled](https://docs.rs/sled/0.34.7) 0.34.7, with the care it needs.
//!
//! | what sled does | what is done here |
//! |---|---|
//! | `flush()` calls `sync_file_range`, so a power cut loses acknowledged writes | `fsync` of its `db` file after each flush, shared by all who wait |
//! | reuses log segments whose replacement was flushed but not synced | a batch is not applied while that could touch what is not synced |
//! | deadlocks when batches pile up unflushed | one writer thread; each batch is flushed before the next is applied |
//! | after a failed write in the background, `flush()` may wait for ever | callers wait with a deadline, see sled's error and wake it |
//! | panics on damaged files | every call is caught, then [`Error::Corrupt`] |
//! | keeps pages over 128 KiB in files that it never syncs | values over 4 KiB are cut into chunks, so that no page gets there |
//! | creates what is missing, and takes a half-written snapshot for a damaged one | the files are checked, and such a snapshot removed, before it starts |
//!
//! In the directory:
//!
//! ```text
//! format      "cloakroom store 1 sled 0.34\n", written last: a directory without it is no store
//! lock        held exclusively while open
//! db          sled's log: segments of 512 KiB, messages with a CRC-32
//! snap.*      sled's page table as of the last open
//! conf, blobs sled's settings; for its large pages: always empty
//! ```
//!
//! In sled's one tree (one, so that a batch over several maps is one `apply_batch`, which recovery takes or leaves as
//! a whole):
//!
//! ```text
//! 00 "store"                  → "1": proves that the tree survived
//! map id ‖ key                → value ‖ 00
//!                             | chunks' id (8) ‖ length (4) ‖ 01
//! FF ‖ chunks' id (8) ‖ n (4) → the n-th chunk
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

pub use guard::in_guarded_call;

use self::guard::{Failure, drop_guarded, guarded};
use self::lock::DirLock;
use self::tree::{CHUNKS, Tree, tree_key};
use super::{Batch, Commit, Entry, Map, Store};
use crate::error::{Error, Result};

mod guard;
mod lock;
mod tree;

const FORMAT: &str = "cloakroom store 1 sled 0.34\n";
const BORN: &[u8] = b"\0store";

/// sled's own default. A page of more than a quarter of it goes to `blobs`.
const SEGMENT: usize = 512 << 10;

/// Bytes written ahead of a sync, an entry counting 512 more for its share of page rewrites. sled frees a segment when
/// its pages were rewritten elsewhere and flushed, and fills it one segment later: kept below that, nothing is
/// overwritten whose replacement a power cut could still take. A batch larger than that goes alone: sled holds back
/// what a batch would free until all of it is flushed.
const UNSYNCED: usize = 128 << 10;

/// How often a waiting caller looks whether the writer can still answer.
const GLANCE: Duration = Duration::from_millis(100);

/// How to open a [`SledStore`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// sled's page cache, by its own count; at least 1 MiB. Default 512 MiB, taken only as data comes: about 500 bytes
    /// of memory per entry of 250.
    ///
    /// Less is not less: evicting pages costs sled more memory than keeping them. 500,000 such entries, written 1,000 at
    /// a time, peak at 0.24 GiB with 512 MiB, 0.66 GiB with 64 MiB and 1.5 GiB with 8 MiB, at a tenth of the reads per
    /// second. Raise it beyond a million entries.
    pub cache_bytes: u64,
    /// How long one write or close may take before the store counts as stuck and answers with errors; large batches
    /// and large recoveries get more. Default one minute.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 512 << 20, patience: Duration::from_secs(60) }
    }
}

/// A store in a directory, open in one process at a time.
///
/// Dropping it waits until sled has let go of the files, so that it can be opened again at once, and lets sled read
/// back what was written, so that later damage to it does not go unnoticed: about half a second per million entries.
/// After a kill, damage to what was written since the last opening may show as missing entries only.
///
/// sled serialises batches across all its databases in a process: stores in one process slow each other down.
pub struct SledStore {
    tree: Option<Tree>,
    jobs: Option<mpsc::Sender<Job>>,
    shared: Arc<Shared>,
}

impl SledStore {
    /// Makes a store in a new or empty directory.
    ///
    /// # Errors
    /// [`Error::Exists`] if the directory is not empty, [`Error::Io`].
    pub fn create(dir: impl AsRef<Path>, options: Options) -> Result<Self> {
        let dir = dir.as_ref();
        match fs::create_dir(dir) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            made => made.map_err(Error::io("create", dir))?,
        }
        if fs::read_dir(dir).map_err(Error::io("list", dir))?.next().is_some() {
            return Err(Error::Exists { path: dir.to_owned() });
        }
        let lock = DirLock::take(dir)?;
        let store = Self::start(dir, options, lock, Start::Create)?;
        sync_file(&dir.join("conf"))?;
        sync_dir(&dir.join("blobs"))?;
        sync_dir(dir)?;

        let path = dir.join("format");
        let mut format = File::create_new(&path).map_err(Error::io("create", &path))?;
        format.write_all(FORMAT.as_bytes()).map_err(Error::io("write", &path))?;
        format.sync_all().map_err(Error::io("sync", &path))?;
        sync_dir(dir)?;
        match dir.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => sync_dir(parent)?,
            _ => sync_dir(Path::new("."))?,
        }
        Ok(store)
    }

    /// Opens the store in a directory. Nothing is ever created.
    ///
    /// # Errors
    /// [`Error::NotAVault`] if the directory holds no store, [`Error::Busy`] if it is open already, here or in another
    /// process, [`Error::Corrupt`] if sled finds it damaged, [`Error::Io`].
    pub fn open(dir: impl AsRef<Path>, options: Options) -> Result<Self> {
        let dir = dir.as_ref();
        let not_a_vault =
            |problem: &str| Error::NotAVault { path: dir.to_owned(), problem: problem.to_owned() };
        match fs::read(dir.join("format")) {
            Ok(found) if found == FORMAT.as_bytes() => {}
            Ok(_) => return Err(not_a_vault("its store is of a format that this release does not read")),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Err(not_a_vault("there is no store in it"));
            }
            Err(e) => return Err(Error::io("read", dir.join("format"))(e)),
        }
        let lock = DirLock::take(dir)?;
        for (name, least) in [("conf", 9), ("db", 1)] {
            // sled would start afresh.
            if !fs::metadata(dir.join(name)).is_ok_and(|found| found.len() >= least) {
                return Err(Error::Corrupt { problem: format!("its file {name} is missing or empty") });
            }
        }
        remove_unfinished_snapshots(dir)?;
        let store = Self::start(dir, options, lock, Start::Open)?;
        sync_dir(dir)?; // for the snapshot that sled has just renamed
        Ok(store)
    }

    /// Starts sled on the writer's thread, since that, too, can panic or wait for ever.
    fn start(dir: &Path, options: Options, lock: DirLock, start: Start) -> Result<Self> {
        let db_bytes = fs::metadata(dir.join("db")).map_or(0, |db| db.len());
        let allowed = options.patience + seconds_at(db_bytes, 10 << 20);
        let shared = Arc::new(Shared::new(dir, options.patience));
        shared.progress().busy = Some((Instant::now(), allowed));

        let (jobs, inbox) = mpsc::channel();
        let (answer, opened) = mpsc::sync_channel(1);
        let writers = shared.clone();
        thread::Builder::new()
            .name("cloakroom-store".to_owned())
            .spawn(move || {
                match guarded(|| start_sled(&writers, options.cache_bytes, start)) {
                    Ok((tree, next_chunks)) => {
                        writers.progress().busy = None;
                        // If nobody waits any more, the inbox has no sender either.
                        let _ = answer.send(Ok(tree.clone()));
                        Writer { shared: writers.clone(), inbox, tree, next_chunks, unsynced: 0 }.run();
                        await_unlocked(&writers);
                        settle(&writers, options.cache_bytes);
                        drop(lock);
                    }
                    Err(failure) => {
                        await_unlocked(&writers);
                        drop(lock); // before the answer, so that a caller can try again at once
                        let _ = answer.send(Err(writers.fail(failure)));
                    }
                }
                writers.progress().closed = true;
                writers.changed.notify_all();
            })
            .map_err(Error::io("start a thread for", dir))?;
        let mut store = Self { tree: None, jobs: Some(jobs), shared };
        store.tree = Some(store.await_answer(&opened)?);
        Ok(store)
    }

    fn tree(&self) -> Result<&Tree> {
        self.shared.check()?;
        self.tree.as_ref().ok_or_else(|| Error::Corrupt { problem: "it is closed".to_owned() })
    }

    /// A call into sled on the caller's own thread, which only reads.
    fn reading<T>(&self, read: impl FnOnce(&Tree) -> Result<T, Failure>) -> Result<T> {
        let tree = self.tree()?;
        guarded(|| read(tree)).map_err(|failure| self.shared.fail(failure))
    }

    /// Waits for the writer as long as it makes progress.
    fn await_answer<T>(&self, answer: &mpsc::Receiver<Result<T>>) -> Result<T> {
        let mut woken = None;
        loop {
            match answer.recv_timeout(GLANCE) {
                Ok(answer) => return answer,
                Err(RecvTimeoutError::Disconnected) => {
                    self.shared.check()?;
                    return Err(self.shared.fail(Failure::Damage("its writer stopped".to_owned())));
                }
                Err(RecvTimeoutError::Timeout) => self.look_after_writer(&mut woken)?,
            }
        }
    }

    /// An error if the writer will not answer any more.
    fn look_after_writer(&self, woken: &mut Option<Instant>) -> Result<()> {
        if let Some(tree) = &self.tree
            && let Err(e) = tree.db.context.global_error()
        {
            match woken {
                None => {
                    wake(tree);
                    *woken = Some(Instant::now());
                }
                Some(since) if since.elapsed() > 10 * GLANCE => return Err(self.shared.fail(e.into())),
                Some(_) => {}
            }
        }
        if self.shared.progress().stuck() {
            return Err(self.shared.fail(Failure::damage("sled does not answer")));
        }
        Ok(())
    }
}

impl Store for SledStore {
    fn get(&self, map: Map, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.reading(|tree| tree.get(&tree_key(map, key)))
    }

    fn scan(&self, map: Map, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>> {
        self.reading(|tree| tree.scan(map, prefix, after, limit))
    }

    fn write(&self, batch: Batch) -> Result<Commit> {
        batch.check_limits()?;
        self.tree()?;
        let (answer, answered) = mpsc::sync_channel(1);
        // A writer that is gone drops `answer`, which `await_answer` notices.
        let _ = self.jobs.as_ref().map(|jobs| jobs.send(Job::Write(batch, answer)));
        self.await_answer(&answered)
    }

    fn sync(&self, commit: Commit) -> Result<()> {
        self.tree()?;
        self.shared.sync(commit.0)
    }

    fn size(&self) -> Result<u64> {
        let dir = &self.shared.dir;
        let mut bytes = 0;
        for entry in fs::read_dir(dir).map_err(Error::io("list", dir))? {
            let found = entry.and_then(|entry| entry.metadata()).map_err(Error::io("list", dir))?;
            bytes += if found.is_file() { found.len() } else { 0 };
        }
        Ok(bytes)
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        // The last handle on sled must go on the writer's thread, where waiting for ever hurts nobody. Every write has
        // been answered, so the writer is idle, or stuck and given up.
        let (jobs, tree) = (self.jobs.take(), self.tree.take());
        if let (Some(jobs), Some(tree)) = (jobs, tree) {
            let _ = jobs.send(Job::Close(tree));
        }
        let started = Instant::now();
        let allowed = self.shared.patience + seconds_at(self.size().unwrap_or(0), 10 << 20);
        let mut progress = self.shared.progress();
        while !progress.closed && !progress.stuck() && started.elapsed() < allowed {
            progress = self.shared.wait(progress);
        }
    }
}

/// What callers ask of the writer.
enum Job {
    Write(Batch, mpsc::SyncSender<Result<Commit>>),
    Close(Tree),
}

/// What the writer and its callers know of each other.
struct Shared {
    dir: PathBuf,
    patience: Duration,
    /// The first failure. From then on every call is an error: nobody can tell what reached the disk.
    failed: OnceLock<Failure>,
    db: OnceLock<File>,
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Default)]
struct Progress {
    written: u64,
    synced: u64,
    /// Someone is syncing, and will tell the others.
    syncing: bool,
    /// Since when the writer has been at its present job, and how long that may take.
    busy: Option<(Instant, Duration)>,
    closed: bool,
}

impl Progress {
    fn stuck(&self) -> bool {
        self.busy.is_some_and(|(since, allowed)| since.elapsed() > allowed)
    }
}

impl Shared {
    fn new(dir: &Path, patience: Duration) -> Self {
        Self {
            dir: dir.to_owned(),
            patience,
            failed: OnceLock::new(),
            db: OnceLock::new(),
            progress: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, progress: MutexGuard<'a, Progress>) -> MutexGuard<'a, Progress> {
        self.changed.wait_timeout(progress, GLANCE).unwrap_or_else(PoisonError::into_inner).0
    }

    fn check(&self) -> Result<()> {
        self.failed.get().map_or(Ok(()), |failure| Err(failure.error(&self.dir)))
    }

    /// Turns the failure into an error, and closes the store to further calls unless it is the caller's own mistake.
    fn fail(&self, failure: Failure) -> Error {
        match failure {
            Failure::Refused(error) => error,
            failure => {
                let error = failure.error(&self.dir);
                let _ = self.failed.set(failure);
                self.changed.notify_all();
                error
            }
        }
    }

    /// Syncs unless someone else does it for us. Whoever comes while a sync runs waits for the next one, since the
    /// running one may have begun before their batch was written.
    fn sync(&self, commit: u64) -> Result<()> {
        let mut progress = self.progress();
        while progress.synced < commit {
            self.check()?;
            if progress.syncing {
                progress = self.wait(progress);
                continue;
            }
            progress.syncing = true;
            let written = progress.written;
            drop(progress);
            let synced = self.db.get().ok_or(io::ErrorKind::NotConnected.into()).and_then(File::sync_all);
            progress = self.progress();
            progress.syncing = false;
            if synced.is_ok() {
                progress.synced = progress.synced.max(written);
            }
            self.changed.notify_all();
            synced.map_err(|e| self.fail(Failure::Io(e.kind(), e.to_string())))?;
        }
        Ok(())
    }
}

/// Owns sled: applies one batch after another, each flushed before the next.
struct Writer {
    shared: Arc<Shared>,
    inbox: mpsc::Receiver<Job>,
    tree: Tree,
    next_chunks: u64,
    unsynced: usize,
}

impl Writer {
    fn run(mut self) {
        while let Ok(job) = self.inbox.recv() {
            match job {
                Job::Write(batch, answer) => {
                    let allowed = self.shared.patience + seconds_at(batch.bytes() as u64, 1 << 20);
                    self.shared.progress().busy = Some((Instant::now(), allowed));
                    let written = self.write(batch);
                    self.shared.progress().busy = None;
                    let _ = answer.send(written); // whoever gave up waiting has made the store fail
                }
                Job::Close(tree) => return drop_guarded((tree, self.tree)),
            }
        }
        drop_guarded(self.tree);
    }

    fn write(&mut self, batch: Batch) -> Result<Commit> {
        self.shared.check()?;
        let weight = batch.bytes() + 512 * batch.len();
        if self.unsynced + weight > UNSYNCED && self.unsynced > 0 {
            let written = self.shared.progress().written;
            self.shared.sync(written)?;
            self.unsynced = 0;
        }
        self.unsynced += weight;
        guarded(|| {
            batch.check_expectations(|map, key| self.tree.get(&tree_key(map, key)))?;
            self.tree.apply(batch, &mut self.next_chunks)
        })
        .map_err(|failure| self.shared.fail(failure))?;
        let mut progress = self.shared.progress();
        progress.written += 1;
        Ok(Commit(progress.written))
    }
}

enum Start {
    Create,
    Open,
}

/// The tree, and the first free id for chunks.
fn start_sled(shared: &Shared, cache_bytes: u64, start: Start) -> Result<(Tree, u64), Failure> {
    let db = ::sled::Config::new()
        .path(&shared.dir)
        .cache_capacity(cache_bytes.max(1 << 20))
        .segment_size(SEGMENT)
        .flush_every_ms(None) // its own flushes would run against ours, which is how it deadlocks
        .open()?;
    match start {
        Start::Create => {
            db.insert(BORN, b"1")?;
            db.flush()?;
        }
        Start::Open if db.get(BORN)?.is_none() => return Err(Failure::damage("its contents are gone")),
        Start::Open => {}
    }
    let file = OpenOptions::new().read(true).write(true).open(shared.dir.join("db"))?;
    file.sync_all()?;
    let _ = shared.db.set(file);

    let last = db.range([CHUNKS]..).next_back().transpose()?;
    let last = last.and_then(|(key, _)| key.get(1..9)?.try_into().ok()).map(u64::from_be_bytes);
    let tree = Tree { db, gate: Arc::default(), chunked: Arc::new(AtomicBool::new(last.is_some())) };
    Ok((tree, last.map_or(0, |id| id.saturating_add(1))))
}

/// Opens sled once more after a session that wrote, which is when it writes its page table. What that knows of, and
/// finds damaged later, is an error; what only the log knows of can go missing in silence.
fn settle(shared: &Shared, cache_bytes: u64) {
    if shared.check().is_ok() && shared.progress().written > 0 {
        let _ = guarded(|| {
            let (tree, _) = start_sled(shared, cache_bytes, Start::Open)?;
            drop(tree);
            Ok(sync_dir(&shared.dir)?)
        });
        await_unlocked(shared);
    }
}

/// Wakes a flush that missed sled's note of a failed write: any other flush does. On a thread of its own, which may
/// have to wait in turn.
fn wake(tree: &Tree) {
    let tree = tree.clone();
    let _ = thread::Builder::new().name("cloakroom-wake".to_owned()).spawn(move || {
        let _ = guarded(|| Ok(tree.db.flush()?));
        drop_guarded(tree);
    });
}

/// sled's tasks may hold its file, and with it sled's own lock, a little longer than its handles.
fn await_unlocked(shared: &Shared) {
    let started = Instant::now();
    let Ok(db) = File::open(shared.dir.join("db")) else { return };
    while started.elapsed() < shared.patience && matches!(db.try_lock(), Err(TryLockError::WouldBlock)) {
        thread::sleep(Duration::from_micros(200));
    }
    let _ = db.unlock(); // as for `DirLock`
}

/// sled killed while opening leaves `snap.*.generating`, and would prefer it to the whole one beside it.
fn remove_unfinished_snapshots(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir).map_err(Error::io("list", dir))? {
        let path = entry.map_err(Error::io("list", dir))?.path();
        if path.extension().is_some_and(|extension| extension == "generating") {
            fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        }
    }
    Ok(())
}

fn sync_file(path: &Path) -> Result<()> {
    let file = OpenOptions::new().write(true).open(path).map_err(Error::io("open", path))?;
    file.sync_all().map_err(Error::io("sync", path))
}

/// Makes the names in a directory durable, where the system has a way to.
fn sync_dir(path: &Path) -> Result<()> {
    if cfg!(unix) {
        let dir = File::open(path).map_err(Error::io("open", path))?;
        dir.sync_all().map_err(Error::io("sync", path))?;
    }
    Ok(())
}

fn seconds_at(bytes: u64, bytes_per_second: u64) -> Duration {
    Duration::from_secs(bytes / bytes_per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store whose writer took a job and never came back.
    #[test]
    fn a_stuck_writer_is_an_error_for_all() {
        let dir = tempfile::tempdir().unwrap();
        let shared = Arc::new(Shared::new(dir.path(), Duration::from_secs(60)));
        shared.progress().busy = Some((Instant::now(), 2 * GLANCE));
        let store = SledStore { tree: None, jobs: None, shared: shared.clone() };
        let (_never, answer) = mpsc::sync_channel::<Result<Commit>>(1);
        thread::scope(|scope| {
            let waits_for_sync = scope.spawn(|| {
                shared.progress().syncing = true;
                shared.sync(1)
            });
            assert!(matches!(store.await_answer(&answer), Err(Error::Corrupt { .. })));
            assert!(matches!(waits_for_sync.join().unwrap(), Err(Error::Corrupt { .. })));
        });
        let started = Instant::now();
        assert!(store.get(Map::new(1, "any"), b"k").is_err());
        drop(store);
        assert!(started.elapsed() < Duration::from_secs(10), "nor does closing wait for it");
    }

    #[test]
    fn a_panic_is_an_error_without_its_message() {
        let failure = guarded::<()>(|| {
            assert!(in_guarded_call());
            std::panic::resume_unwind(Box::new("quotes an entry"))
        });
        let error = failure.unwrap_err().error(Path::new("dir"));
        assert!(matches!(&error, Error::Corrupt { .. }) && !error.to_string().contains("quotes"));
        assert!(!in_guarded_call());
    }
}
