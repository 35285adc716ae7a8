//! A vault whose process is killed while its keys rotate, everything migrates, versions are suspended, retired and
//! destroyed and indexes come and go, and two threads write all the while: what was acknowledged is there, what was not
//! is there whole or not at all, and no kill leaves anything that a later migration could not move.
//!
//! The process to be killed is this very program again, told so by the variable `CLOAKROOM_ROTATION_CHILD`. It says on
//! its standard output what it is about to do, and what came of it. `CLOAKROOM_VAULT_ROUNDS` multiplies the number of
//! kills, `CLOAKROOM_VAULT_SEED` chooses others.
#![cfg(all(unix, feature = "sled"))]

#[path = "../killed/mod.rs"]
mod killed;

mod alive;
mod life;
mod truth;

use cloakroom::Error;
use cloakroom::format::{Format, Normalization};
use cloakroom::keys::{KeyFile, KeyState};
use cloakroom::name::{FieldName, SubjectId, TenantId};
use cloakroom::protect::{BlindIndex, Spelling};
use cloakroom::time::Timestamp;
use cloakroom::vault::{
    Despite, Look, Migration, RandomTokens, Row, Tenant, TokenRequest, TokenRules, Vault,
};
use killed::{Doomed, random, say, setting};
use life::{administer, write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use truth::{Truth, hear, prove, settle};

const CHILD: &str = "CLOAKROOM_ROTATION_CHILD";
const VAULTS: u64 = 6;
const KILLS_OF_A_VAULT: u64 = 36;
const SUBJECTS: u64 = 7;
const EMAILS: u64 = 5;
const CITIES: u64 = 3;
/// Values that subjects share.
const SHARED: u64 = 8;
const NOW: Timestamp = Timestamp(1);

fn key_file(dir: &Path) -> KeyFile {
    KeyFile::read(dir.join("key")).unwrap()
}

fn open(dir: &Path) -> Vault {
    Vault::open(dir.join("vault"), &key_file(dir)).unwrap()
}

fn field(name: &str) -> FieldName {
    FieldName::new(name).unwrap()
}

fn subject(id: &str) -> SubjectId {
    SubjectId::new(id).unwrap()
}

fn acme(vault: &Vault) -> Tenant<'_> {
    vault.tenant(&TenantId::new("acme").unwrap())
}

/// One token for each value, of few that look alike.
fn pins(vault: &Vault) -> RandomTokens<'_> {
    acme(vault).random_tokens(&field("pin"), TokenRules::new(Look::Like(Format::digits()))).unwrap()
}

/// Tokens that are redeemed once.
fn tickets(vault: &Vault) -> RandomTokens<'_> {
    let rules = TokenRules::new(Look::Opaque(Spelling::Hex)).once();
    acme(vault).random_tokens(&field("ticket"), rules).unwrap()
}

fn email_index() -> BlindIndex {
    BlindIndex::field(field("email"), Normalization::Email, 16).unwrap()
}

fn place_index() -> BlindIndex {
    let parts = vec![(field("city"), Normalization::Text), (field("email"), Normalization::Email)];
    BlindIndex::new(field("place"), parts, 8).unwrap()
}

/// The index that comes and goes, at times over another field.
fn passing_index(of: &str) -> BlindIndex {
    BlindIndex::new(field("passing"), vec![(field(of), Normalization::Text)], 12).unwrap()
}

fn email(label: &str) -> String {
    format!("User{}@Example.com", number(label) % EMAILS)
}

fn city(label: &str) -> String {
    format!("City {}", number(label) / EMAILS % CITIES)
}

fn number(label: &str) -> u64 {
    label.rsplit('-').next().unwrap().parse().unwrap()
}

/// A label as a value, some of them long enough to be kept in several pieces.
fn note(label: &str) -> String {
    let length = if label.ends_with('7') { 6000 } else { 40 };
    label.chars().chain([' ']).cycle().take(length).collect()
}

/// A version may not be used at this moment, as its state has it; nothing else may go wrong.
fn unless_stopped<T>(result: cloakroom::Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(Error::KeyState { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

fn put(rows: &[(String, String)], put: impl FnOnce(&[Row<'_>]) -> cloakroom::Result<()>) -> Option<String> {
    let names = [field("email"), field("city"), field("note")];
    let subjects: Vec<_> = rows.iter().map(|(id, _)| subject(id)).collect();
    let values: Vec<_> = rows.iter().map(|(_, label)| [email(label), city(label), note(label)]).collect();
    let fields: Vec<Vec<_>> =
        values.iter().map(|values| names.iter().zip(values.iter().map(String::as_bytes)).collect()).collect();
    let rows: Vec<_> =
        subjects.iter().zip(&fields).map(|(subject, fields)| Row { subject, fields }).collect();
    unless_stopped(put(&rows)).map(|()| String::new())
}

fn issue(tokens: &RandomTokens<'_>, requests: &[(String, String)]) -> Option<Vec<String>> {
    let subjects: Vec<_> = requests.iter().map(|(id, _)| (!id.is_empty()).then(|| subject(id))).collect();
    let requests: Vec<_> = subjects
        .iter()
        .zip(requests)
        .map(|(subject, (_, value))| TokenRequest { value, subject: subject.as_ref(), expires: None })
        .collect();
    let issued = unless_stopped(tokens.issue_many(&requests, NOW))?;
    Some(issued.into_iter().map(|one| unless_stopped(one).map_or("-".into(), |one| one.token)).collect())
}

fn migrate(vault: &Vault, reseal: bool) {
    vault.migrate_with(Migration { reseal, ..Migration::default() }, |_| {}).unwrap();
}

/// What a child does until it is killed; in the parent, an empty test.
#[test]
fn child() {
    let Some((seed, dir)) = killed::task(CHILD) else { return };
    let vault = open(&dir);
    say("open");
    thread::scope(|scope| {
        scope.spawn(|| administer(&vault, &dir, seed));
        scope.spawn(|| write(&vault, 1, seed));
        write(&vault, 0, seed);
    });
}

/// Puts versions that were suspended back in use; whether there were any.
fn resume(vault: &Vault, key: &KeyFile) -> bool {
    let keyset = vault.keyset();
    let suspended = keyset.versions().iter().filter(|version| version.state() == KeyState::Suspended);
    let numbers: Vec<_> = suspended.map(|version| version.number()).collect();
    for number in &numbers {
        let state = if keyset.is_primary(*number) { KeyState::Active } else { KeyState::Deactivated };
        vault.change_state(*number, state, key, NOW).unwrap();
    }
    !numbers.is_empty()
}

/// Moves everything to one new version, and does away with all others.
fn finish(vault: &Vault, key: &KeyFile, truth: &mut Truth, reseal: bool) {
    if truth.passing.is_none() {
        acme(vault).define_index(&passing_index("city")).unwrap();
        truth.apply("passing city", "");
    }
    let last = vault.rotate(key, NOW).unwrap();
    migrate(vault, reseal);
    assert!(vault.census().lines().all(|(line, _)| line.version == last.get()), "{:?}", vault.census());
    let built = acme(vault).indexes();
    assert!(built.len() == 3 && built.iter().all(|(_, is_built)| *is_built));
    vault.edit_keyset(key, |keyset| keyset.with_identity(last, NOW)).unwrap();
    for version in vault.keyset().versions().iter().filter(|version| version.number() != last) {
        if version.state() == KeyState::Deactivated {
            vault.retire(version.number(), key, NOW).unwrap();
        }
        if version.state() != KeyState::Destroyed {
            vault.destroy(version.number(), Despite::Nothing, key, NOW).unwrap();
        }
    }
}

/// When the child is killed.
#[derive(Clone, Copy, PartialEq)]
enum Moment {
    WhileOpening,
    Any,
    /// While the keyset's file is being written.
    Saving,
    /// When the keyset's file was just put in its place, and its first use is about to come.
    Saved,
}

/// Kills a child at a moment; what it said, and whether the moment was met.
fn kill(dir: &Path, seed: u64, moment: Moment, delay: Duration) -> (Vec<String>, bool) {
    let mut child = Doomed::start(CHILD, seed, dir);
    if moment != Moment::WhileOpening {
        child.wait_until_open();
    }
    thread::sleep(delay);
    let keyset = dir.join("vault/keyset");
    let inode = || std::fs::metadata(&keyset).map(|file| file.ino()).ok();
    let (before, started) = (inode(), Instant::now());
    let met = || match moment {
        Moment::Saving => dir.join("vault/keyset.partial").exists(),
        Moment::Saved => inode() != before,
        _ => true,
    };
    while !met() && started.elapsed() < Duration::from_secs(1) {
        thread::yield_now();
    }
    let said = child.kill();
    let met = moment != Moment::Saving || dir.join("vault/keyset.partial").exists();
    (said, met)
}

/// Says which round failed.
struct Round(u64, u64);

impl Drop for Round {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("in round {} of CLOAKROOM_VAULT_SEED={}", self.1, self.0);
        }
    }
}

/// What came of the kills.
#[derive(Default)]
struct Tally {
    kills: u64,
    acknowledged: u64,
    rotated: usize,
    destroyed: usize,
    while_saving: u64,
    while_suspended: u64,
    under_way: usize,
}

// SPEC: VAULT-12, VAULT-14, VAULT-16, VAULT-18, VAULT-40, VAULT-43, KEY-13
#[test]
fn kills_during_any_life_of_keys_lose_nothing_acknowledged() {
    let (times, first) = (setting("CLOAKROOM_VAULT_ROUNDS"), setting("CLOAKROOM_VAULT_SEED"));
    let started = Instant::now();
    let (seeds, tally) = (AtomicU64::new(first), Mutex::new(Tally::default()));
    // Two at a time: much of each is waiting for the disk.
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = seeds.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + VAULTS * times {
                        break;
                    }
                    kill_over_and_over(seed, &tally);
                }
            });
        }
    });
    let Tally { kills, acknowledged, rotated, destroyed, while_saving, while_suspended, under_way } =
        tally.into_inner().unwrap();
    println!(
        "{kills} kills in {:?}, {while_saving} of them while a keyset was being saved and {while_suspended} while a version \
         was suspended: {acknowledged} operations acknowledged, {under_way} under way, {rotated} rotations, {destroyed} \
         versions destroyed on the way",
        started.elapsed()
    );
    assert!(
        acknowledged > kills && rotated * 4 > KILLS_OF_A_VAULT as usize && destroyed > 0 && while_saving > 0
    );
}

/// The life of one vault.
fn kill_over_and_over(seed: u64, tally: &Mutex<Tally>) {
    let mut random = random(seed);
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path();
    let key = KeyFile::create(dir.join("key")).unwrap();
    let vault = Vault::create(dir.join("vault"), &key, Timestamp(0)).unwrap();
    acme(&vault).define_index(&email_index()).unwrap();
    acme(&vault).define_index(&place_index()).unwrap();
    drop(vault);
    let mut truth = Truth::default();
    for round in 0..KILLS_OF_A_VAULT {
        let _in = Round(seed, round);
        let moment = match round % 9 {
            0 => Moment::WhileOpening,
            1 | 4 => Moment::Saving,
            2 | 6 => Moment::Saved,
            _ => Moment::Any,
        };
        let delay = Duration::from_millis(random(if moment == Moment::Any { 100 } else { 40 }));
        let (said, met) = kill(dir, (seed * 64 + round) % 100_000, moment, delay);
        let heard = hear(&said, &mut truth);
        {
            let mut tally = tally.lock().unwrap();
            tally.kills += 1;
            tally.while_saving += u64::from(moment == Moment::Saving && met);
            tally.acknowledged += heard.acknowledged;
            tally.rotated += heard.rotated.len();
            tally.destroyed += heard.destroyed.len();
            tally.under_way += heard.pending.iter().flatten().count();
        }

        let mut vault = open(dir);
        let report = vault.check().unwrap();
        assert!(report.is_clean(), "{report:?}");
        if resume(&vault, &key) {
            tally.lock().unwrap().while_suspended += 1;
            // Runs could not be rolled back.
            drop(vault);
            vault = open(dir);
        }
        let keyset = vault.keyset();
        for version in heard.rotated {
            keyset.version(version).unwrap();
        }
        for version in heard.destroyed {
            assert_eq!(keyset.version(version).unwrap().state(), KeyState::Destroyed);
        }
        settle(&vault, &mut truth, &heard.pending);
        prove(&vault, &truth, 40);
    }
    let _in = Round(seed, KILLS_OF_A_VAULT);
    let vault = open(dir);
    finish(&vault, &key, &mut truth, seed.is_multiple_of(2));
    prove(&vault, &truth, usize::MAX);
    drop(vault);
    let vault = open(dir);
    prove(&vault, &truth, usize::MAX);
    for (token, (_, value)) in &truth.tickets {
        assert_eq!(tickets(&vault).redeem(token, NOW).unwrap().expose_str(), Some(&**value));
        assert!(matches!(tickets(&vault).redeem(token, NOW), Err(Error::NotFound { .. })));
    }
    assert!(vault.census().lines().all(|(line, _)| line.field != "ticket"), "used up");
}
