//! A vault whose process is killed while its keys rotate, everything migrates, versions are suspended, retired and
//! destroyed and indexes come and go, and two threads write all the while: what was acknowledged is there, what was not
//! is there whole or not at all, and no kill leaves anything that a later migration could not move.
//!
//! The process to be killed is this very program again, told so by the variable `CLOAKROOM_ROTATION_CHILD`. It says on
//! its standard output what it is about to do, and what came of it. `CLOAKROOM_VAULT_ROUNDS` multiplies the number of
//! kills, `CLOAKROOM_VAULT_SEED` chooses others.
#![cfg(all(unix, feature = "sled"))]

mod killed;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use cloakroom::Error;
use cloakroom::format::{Format, Normalization};
use cloakroom::keys::{KeyFile, KeyState, KeyUse};
use cloakroom::name::{FieldName, KeyVersion, SubjectId, TenantId};
use cloakroom::protect::{BlindIndex, Spelling};
use cloakroom::time::Timestamp;
use cloakroom::vault::{
    Despite, Look, Migration, RandomTokens, Row, Tenant, TokenRequest, TokenRules, Vault,
};

use killed::{random, say};

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

/// What one thread does, said before and after.
struct Speaker(usize);

impl Speaker {
    fn act(&self, what: &str, act: impl FnOnce() -> Option<String>) -> Option<String> {
        say(&format!("{} try {what}", self.0));
        let done = act();
        match &done {
            Some(outcome) => say(&format!("{} ack {outcome}", self.0)),
            None => {
                say(&format!("{} stopped", self.0));
                thread::sleep(Duration::from_millis(1));
            }
        }
        done
    }
}

fn spelled(rows: &[(String, String)]) -> String {
    rows.iter().map(|(a, b)| format!("{a}={b}")).collect::<Vec<_>>().join(" ")
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

/// What a child does until it is killed; in the parent, an empty test.
#[test]
fn child() {
    let Ok(task) = std::env::var("CLOAKROOM_ROTATION_CHILD") else { return };
    let (seed, dir) = task.split_once(' ').unwrap();
    let (seed, dir) = (seed.parse().unwrap(), Path::new(dir));
    say("");
    let vault = open(dir);
    say("open");
    thread::scope(|scope| {
        scope.spawn(|| administer(&vault, dir, seed));
        scope.spawn(|| write(&vault, 1, seed));
        write(&vault, 0, seed);
    });
}

/// Rotates, migrates, suspends, retires and destroys, and defines and drops an index, all the time.
fn administer(vault: &Vault, dir: &Path, seed: u64) {
    let key = key_file(dir);
    let mut random = random(seed ^ 0xAD);
    let speaker = Speaker(2);
    loop {
        thread::sleep(Duration::from_millis(random(4)));
        match random(12) {
            0 | 1 => say(&format!("rotated {}", vault.rotate(&key, NOW).unwrap())),
            2 | 3 => {
                let name = ["pin", "ticket", "email", "place", "passing"][random(5) as usize];
                let use_ = KeyUse::Field { tenant: TenantId::new("acme").unwrap(), field: field(name) };
                say(&format!("rotated {}", vault.rotate_use(&use_, &key, NOW).unwrap()));
            }
            4 | 5 => migrate(vault, false),
            6 => migrate(vault, true),
            7 => {
                let keyset = vault.keyset();
                let active: Vec<_> =
                    keyset.versions().iter().filter(|version| version.state() == KeyState::Active).collect();
                let stopped = active[random(active.len() as u64) as usize].number();
                say("suspending");
                vault.change_state(stopped, KeyState::Suspended, &key, NOW).unwrap();
                thread::sleep(Duration::from_millis(random(4)));
                if random(2) == 0 {
                    vault.change_state(stopped, KeyState::Active, &key, NOW).unwrap();
                } else {
                    say(&format!("rotated {}", vault.rotate(&key, NOW).unwrap()));
                    let how =
                        Migration { reseal: random(2) == 0, despite_state: true, most_per_second: None };
                    vault.migrate_with(how, |_| {}).unwrap();
                    vault.change_state(stopped, KeyState::Deactivated, &key, NOW).unwrap();
                }
                say("resumed");
            }
            8 | 9 => give_up(vault, &key, random(2) == 0),
            10 => {
                let of = ["city", "email"][random(2) as usize];
                let is_defined = acme(vault).indexes().iter().any(|(i, _)| i.name().as_str() == "passing");
                if !is_defined {
                    speaker.act(&format!("passing {of}"), || {
                        acme(vault).define_index(&passing_index(of)).unwrap();
                        Some(String::new())
                    });
                }
            }
            _ => {
                speaker.act("passing -", || {
                    unless_stopped(acme(vault).drop_index(&field("passing"))).map(|_| String::new())
                });
            }
        }
    }
}

fn migrate(vault: &Vault, reseal: bool) {
    vault.migrate_with(Migration { reseal, ..Migration::default() }, |_| {}).unwrap();
}

/// Retires and destroys what nothing needs. Writers go on, so that some is needed again by the time it is asked.
fn give_up(vault: &Vault, key: &KeyFile, all: bool) {
    vault.edit_keyset(key, |keyset| keyset.with_identity(keyset.primary_number(), NOW)).unwrap();
    for version in vault.keyset().versions() {
        let number = version.number();
        if version.state() == KeyState::Deactivated {
            match vault.retire(number, key, NOW) {
                Ok(()) => say(&format!("retired {number}")),
                Err(Error::KeyNeeded { .. }) => continue,
                Err(error) => panic!("{error}"),
            }
        }
        if vault.keyset().version(number).unwrap().state() == KeyState::Retired && all {
            vault.destroy(number, Despite::Nothing, key, NOW).unwrap();
            say(&format!("destroyed {number}"));
        }
    }
}

/// Puts, issues, redeems and erases for subjects of its own; the values of tokens it shares with the other.
fn write(vault: &Vault, writer: usize, seed: u64) {
    let mut random = random(seed ^ ((writer as u64 + 1) << 32));
    let speaker = Speaker(writer);
    let (pins, tickets) = (pins(vault), tickets(vault));
    let mut made = 0;
    let mut unused: Vec<(String, String)> = vec![];
    loop {
        let mut pairs = |random: &mut dyn FnMut(u64) -> u64, value: &dyn Fn(u64, u64) -> String| {
            let count = 1 + random(4);
            let mut pairs: Vec<(String, String)> = vec![];
            for _ in 0..count {
                made += 1;
                let pair = (format!("w{writer}s{}", random(SUBJECTS)), value(random(SHARED), made));
                if !pairs.contains(&pair) {
                    pairs.push(pair);
                }
            }
            pairs
        };
        let label = |_: u64, made: u64| format!("{seed}-{writer}-{made}");
        let shared = |n: u64, _: u64| format!("{n:06}");
        let once = |_: u64, made: u64| format!("once-{seed}-{writer}-{made}");
        match random(20) {
            0..6 => {
                let rows = pairs(&mut random, &label);
                speaker.act(&format!("put {}", spelled(&rows)), || {
                    put(&rows, |rows| acme(vault).put_many(rows).map(drop))
                });
            }
            6..9 => {
                let requests = pairs(&mut random, &shared);
                speaker.act(&format!("issue {}", spelled(&requests)), || {
                    issue(&pins, &requests).map(|tokens| tokens.join(" "))
                });
            }
            9..11 => {
                let requests = pairs(&mut random, &once);
                let acknowledged = speaker.act(&format!("once {}", spelled(&requests)), || {
                    issue(&tickets, &requests).map(|tokens| tokens.join(" "))
                });
                let acknowledged = acknowledged.unwrap_or_default();
                let values = requests.into_iter().map(|(_, value)| value);
                let tokens = acknowledged.split(' ').map(str::to_owned).zip(values);
                unused.extend(tokens.filter(|(token, _)| token.len() > 1));
            }
            11..13 if !unused.is_empty() => {
                let (token, value) = unused.swap_remove(random(unused.len() as u64) as usize);
                speaker.act(&format!("redeem {token}"), || match tickets.redeem(&token, NOW) {
                    Err(Error::NotFound { .. }) => Some("erased".into()),
                    other => unless_stopped(other).map(|redeemed| {
                        assert_eq!(redeemed.expose_str(), Some(&*value));
                        String::new()
                    }),
                });
            }
            13..16 => run(vault, &speaker, &mut random, seed, &mut pairs, &label),
            16 | 17 => {
                let id = format!("w{writer}s{}", random(SUBJECTS));
                speaker.act(&format!("erase {id}"), || {
                    unless_stopped(acme(vault).erase(&subject(&id))).map(|_| String::new())
                });
            }
            _ => {
                // Readers see everything meanwhile, whichever way it moves.
                let id = subject(&format!("w{writer}s{}", random(SUBJECTS)));
                unless_stopped(acme(vault).records(&id));
                unless_stopped(acme(vault).find(&field("email"), &[&email(&format!("{}", random(5)))]));
                let value = format!("{:06}", random(SHARED));
                let requests = [(String::new(), value.clone())];
                let issued = speaker.act(&format!("issue {}", spelled(&requests)), || {
                    issue(&pins, &requests).map(|tokens| tokens.join(" "))
                });
                if let Some(token) = issued.filter(|token| token != "-")
                    && let Some(redeemed) = unless_stopped(pins.redeem(&token, NOW))
                {
                    assert_eq!(redeemed.expose_str(), Some(&*value));
                }
            }
        }
    }
}

type Pairs<'p> =
    &'p mut dyn FnMut(&mut dyn FnMut(u64) -> u64, &dyn Fn(u64, u64) -> String) -> Vec<(String, String)>;

/// A run of records and tokens, which ends in one way or the other.
fn run(
    vault: &Vault,
    speaker: &Speaker,
    random: &mut dyn FnMut(u64) -> u64,
    seed: u64,
    pairs: Pairs<'_>,
    label: &dyn Fn(u64, u64) -> String,
) {
    let run = vault.begin_run();
    let (mut rows, mut held) = (vec![], vec![]);
    for _ in 0..1 + random(3) {
        let more = pairs(random, label);
        if put(&more, |rows| run.put_many(&acme(vault), rows).map(drop)).is_none() {
            return;
        }
        rows.extend(more);
        // Values of this run alone: another's token of the same subject and value would go when this is rolled back.
        let own = |_: u64, made: u64| format!("{}{seed:05}{made:05}", speaker.0 + 1);
        let more = pairs(random, &own);
        let subjects: Vec<_> = more.iter().map(|(id, _)| subject(id)).collect();
        let requests: Vec<_> = subjects.iter().zip(more.iter().map(|(_, value)| value.as_str())).collect();
        let Some(issued) = unless_stopped(run.issue_many(&pins(vault), &requests, NOW)) else { return };
        for ((id, value), issued) in more.iter().zip(issued) {
            if let Some(issued) = unless_stopped(issued) {
                held.push(format!("{id}:{value}:{}", issued.token));
            }
        }
    }
    let between = pairs(random, label);
    speaker.act(&format!("put {}", spelled(&between)), || {
        put(&between, |rows| acme(vault).put_many(rows).map(drop))
    });
    match random(3) {
        0 => drop(unless_stopped(run.roll_back())),
        _ => {
            speaker.act(&format!("commit {} {}", spelled(&rows), held.join(" ")), || {
                unless_stopped(run.commit(None)).map(|()| String::new())
            });
        }
    }
}

/// What was acknowledged.
#[derive(Clone, Default, PartialEq, Debug)]
struct Truth {
    /// Labels of each subject's records, sorted.
    labels: BTreeMap<String, Vec<String>>,
    /// Tokens by who holds them, "" for the tenant, and their value.
    pins: BTreeMap<(String, String), String>,
    /// Unused tokens for one use: whose, and their value.
    tickets: BTreeMap<String, (String, String)>,
    /// Which field the index that comes and goes is over.
    passing: Option<String>,
    /// Tokens that were used or erased.
    gone_pins: Vec<String>,
    gone_tickets: Vec<String>,
}

impl Truth {
    fn apply(&mut self, operation: &str, outcome: &str) {
        let (what, rest) = operation.split_once(' ').unwrap();
        let pairs = || rest.split(' ').filter_map(|word| word.split_once('='));
        let issued = || pairs().zip(outcome.split(' ')).filter(|(_, token)| *token != "-");
        match what {
            "put" | "commit" => {
                for (id, label) in pairs() {
                    let of_subject = self.labels.entry(id.into()).or_default();
                    of_subject.push(label.into());
                    of_subject.sort();
                }
                for word in rest.split(' ').filter(|word| word.contains(':')) {
                    let parts: Vec<&str> = word.split(':').collect();
                    self.pins.insert((parts[0].into(), parts[1].into()), parts[2].into());
                }
            }
            "issue" => {
                for ((id, value), token) in issued() {
                    self.pins.insert((id.into(), value.into()), token.into());
                }
            }
            "once" => {
                for ((id, value), token) in issued() {
                    self.tickets.insert(token.into(), (id.into(), value.into()));
                }
            }
            "redeem" => {
                self.tickets.remove(rest);
                self.gone_tickets.push(rest.into());
            }
            "erase" => {
                self.labels.remove(rest);
                let (tickets, pins) = (self.tickets.clone(), self.pins.clone());
                self.tickets.retain(|_, (id, _)| id != rest);
                self.pins.retain(|(id, _), _| id != rest);
                self.gone_tickets.extend(tickets.into_keys().filter(|t| !self.tickets.contains_key(t)));
                let held: BTreeSet<_> = self.pins.values().collect();
                let gone: BTreeSet<_> = pins.into_values().filter(|token| !held.contains(token)).collect();
                self.gone_pins.extend(gone);
            }
            "passing" => self.passing = (rest != "-").then(|| rest.into()),
            _ => panic!("{operation}"),
        }
    }

    fn tokens(&self) -> u64 {
        let values: BTreeSet<_> = self.pins.keys().map(|(_, value)| value).collect();
        (values.len() + self.tickets.len()) as u64
    }
}

/// An operation that was under way, and whether a suspended version may have refused part of it.
type Pending = Option<(String, bool)>;

/// What the child said: the truth after it, what each thread was about, and the versions it made and destroyed.
struct Heard {
    pending: [Pending; 3],
    acknowledged: u64,
    rotated: Vec<KeyVersion>,
    destroyed: Vec<KeyVersion>,
}

fn hear(said: &[String], truth: &mut Truth) -> Heard {
    let mut heard =
        Heard { pending: [const { None }; 3], acknowledged: 0, rotated: vec![], destroyed: vec![] };
    let mut is_suspended = false;
    for line in said {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        let version = || KeyVersion::new(rest.parse().unwrap()).unwrap();
        match first {
            "suspending" => {
                is_suspended = true;
                heard.pending.iter_mut().flatten().for_each(|(_, refused)| *refused = true);
            }
            "resumed" => is_suspended = false,
            "rotated" => heard.rotated.push(version()),
            "destroyed" => heard.destroyed.push(version()),
            "0" | "1" | "2" => {
                let pending = &mut heard.pending[first.parse::<usize>().unwrap()];
                if let Some(operation) = rest.strip_prefix("try ") {
                    *pending = Some((operation.into(), is_suspended));
                } else {
                    let (operation, _) = pending.take().unwrap();
                    if let Some(outcome) = rest.strip_prefix("ack ") {
                        heard.acknowledged += 1;
                        truth.apply(&operation, outcome);
                    }
                }
            }
            _ => {}
        }
    }
    heard
}

fn labels(vault: &Vault) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for id in (0..2).flat_map(|writer| (0..SUBJECTS).map(move |n| format!("w{writer}s{n}"))) {
        let records = acme(vault).records(&subject(&id)).unwrap();
        let label = |record: &cloakroom::vault::Record| {
            let texts: Vec<_> = record.fields.iter().map(|(_, value)| value.expose_str().unwrap()).collect();
            let label = texts[2].split(' ').next().unwrap().to_owned();
            assert_eq!(texts, [&email(&label), &city(&label), &note(&label)]);
            label
        };
        let mut labels: Vec<_> = records.iter().map(label).collect();
        labels.sort();
        if !labels.is_empty() {
            found.insert(id, labels);
        }
    }
    found
}

/// Finds out what became of the operations that were under way, and takes them into the truth. What cannot be told
/// apart by looking is done again: it changes nothing if it had happened.
fn settle(vault: &Vault, truth: &mut Truth, pending: &[Pending; 3]) {
    let found = labels(vault);
    let shared: Vec<BTreeSet<String>> = pending
        .iter()
        .map(|pending| match pending {
            Some((operation, _)) if operation.starts_with("issue ") => operation
                .split(' ')
                .filter_map(|w| w.split_once('='))
                .map(|(_, value)| value.into())
                .collect(),
            _ => BTreeSet::new(),
        })
        .collect();
    for (writer, (operation, refused)) in
        pending.iter().enumerate().filter_map(|(i, p)| Some((i, p.as_ref()?)))
    {
        let (what, rest) = operation.split_once(' ').unwrap();
        let requests: Vec<(String, String)> = rest
            .split(' ')
            .filter_map(|word| word.split_once('='))
            .map(|(id, value)| (id.to_owned(), value.to_owned()))
            .collect();
        match what {
            "put" | "commit" => {
                let (id, label) = &requests[0];
                if found.get(id).is_some_and(|labels| labels.contains(label)) {
                    truth.apply(operation, "");
                }
            }
            "erase" => {
                if !acme(vault).has(&subject(rest)).unwrap() {
                    truth.apply(operation, "");
                }
            }
            "redeem" => {
                match tickets(vault).redeem(rest, NOW) {
                    Ok(value) => assert_eq!(value.expose_str(), Some(&*truth.tickets[rest].1)),
                    Err(error) => assert!(matches!(error, Error::NotFound { .. }), "{error}"),
                }
                truth.apply(operation, "");
            }
            "issue" => {
                let known: BTreeSet<_> = truth.pins.keys().map(|(_, value)| value.clone()).collect();
                let mut new = BTreeMap::new();
                for (id, value) in &requests {
                    let id_of = (!id.is_empty()).then(|| subject(id));
                    let issued = pins(vault).issue(value, id_of.as_ref(), NOW).unwrap();
                    let others = &shared[1 - writer];
                    if !known.contains(value) && !others.contains(value) {
                        new.entry(value.clone()).or_insert(issued.is_new);
                    }
                    truth.apply(&format!("issue {id}={value}"), &issued.token);
                }
                let outcomes: BTreeSet<_> = new.values().collect();
                assert!(outcomes.len() <= 1 || *refused, "a batch was issued in part: {new:?}");
            }
            "once" => {
                // Nobody knows the tokens, so they go with those who hold them.
                let mut outcomes = BTreeSet::new();
                for id in requests.iter().map(|(id, _)| id).collect::<BTreeSet<_>>() {
                    let asked = requests.iter().filter(|(of, _)| of == id).count() as u64;
                    let held = truth.pins.keys().filter(|(of, _)| of == id).count()
                        + truth.tickets.values().filter(|(of, _)| of == id).count();
                    let erased = acme(vault).erase(&subject(id)).unwrap().unwrap_or_default();
                    let more = erased.tokens - held as u64;
                    assert!(more == 0 || more == asked || *refused, "{more} of {asked}");
                    outcomes.insert(more > 0);
                    truth.apply(&format!("erase {id}"), "");
                }
                assert!(outcomes.len() == 1 || *refused, "a batch was issued in part");
            }
            _ => {
                let indexes = acme(vault).indexes();
                let mut after = truth.clone();
                after.apply(operation, "");
                if is_passing(&indexes, &after) {
                    *truth = after;
                }
            }
        }
    }
}

fn is_passing(indexes: &[(BlindIndex, bool)], truth: &Truth) -> bool {
    let there = indexes.iter().map(|(index, _)| index).find(|index| index.name().as_str() == "passing");
    there == truth.passing.as_deref().map(passing_index).as_ref()
}

/// Everything that was acknowledged is there, and nothing else.
fn prove(vault: &Vault, truth: &Truth, gone: usize) {
    let report = vault.check().unwrap();
    assert!(report.is_clean(), "{report:?}");
    let found = labels(vault);
    assert_eq!(found, truth.labels);
    assert_eq!(report.records, found.values().map(|labels| labels.len() as u64).sum::<u64>());
    assert_eq!(report.fields, 3 * report.records);
    assert_eq!(report.tokens, truth.tokens(), "tokens");

    let keyset = vault.keyset();
    for (line, count) in vault.census().lines() {
        let state = keyset.version(KeyVersion::new(line.version).unwrap()).map(|version| version.state());
        let is_there = state.is_ok_and(|state| !matches!(state, KeyState::Retired | KeyState::Destroyed));
        assert!(is_there, "{count} of {line} are under key version {}", line.version);
    }

    let mut of_value = BTreeMap::new();
    for ((id, value), token) in &truth.pins {
        assert_eq!(of_value.entry(value).or_insert(token), &token, "one token for one value");
        assert_eq!(pins(vault).redeem(token, NOW).unwrap().expose_str(), Some(&**value));
        let id = (!id.is_empty()).then(|| subject(id));
        let again = pins(vault).issue(value, id.as_ref(), NOW).unwrap();
        assert!(again.token == *token && !again.is_new, "the token that the value has");
    }
    for token in truth.gone_pins.iter().rev().take(gone) {
        assert!(matches!(pins(vault).redeem(token, NOW), Err(Error::NotFound { .. })), "a token revived");
    }
    for token in truth.gone_tickets.iter().rev().take(gone) {
        assert!(matches!(tickets(vault).redeem(token, NOW), Err(Error::NotFound { .. })), "a ticket revived");
    }

    let all = || truth.labels.values().flatten();
    for n in 0..EMAILS * CITIES {
        let (email, city) = (email(&n.to_string()), city(&n.to_string()));
        let with = |of: &dyn Fn(&str) -> bool| all().filter(|label| of(label)).cloned().collect::<Vec<_>>();
        let of_email = with(&|label| self::email(label) == email);
        let of_city = with(&|label| self::city(label) == city);
        let of_both = with(&|label| self::email(label) == email && self::city(label) == city);
        if n < EMAILS {
            assert_eq!(find(vault, "email", &[&email.to_uppercase()]), sorted(of_email.clone()));
        }
        assert_eq!(find(vault, "place", &[&city, &email]), sorted(of_both));
        let indexes = acme(vault).indexes();
        assert!(is_passing(&indexes, truth), "the index that comes and goes");
        let is_built =
            indexes.iter().any(|(index, is_built)| index.name().as_str() == "passing" && *is_built);
        match truth.passing.as_deref() {
            Some("city") if is_built => assert_eq!(find(vault, "passing", &[&city]), sorted(of_city)),
            Some("email") if is_built => assert_eq!(find(vault, "passing", &[&email]), sorted(of_email)),
            _ => assert!(acme(vault).find(&field("passing"), &["x"]).is_err()),
        }
    }
}

fn sorted(mut labels: Vec<String>) -> Vec<String> {
    labels.sort();
    labels
}

/// The labels of the records that a lookup finds.
fn find(vault: &Vault, index: &str, values: &[&str]) -> Vec<String> {
    let hits = acme(vault).find(&field(index), values).unwrap();
    let label = |hit: &cloakroom::vault::Hit| {
        let note = acme(vault).reveal(hit.record, &field("note")).unwrap().unwrap();
        note.expose_str().unwrap().split(' ').next().unwrap().to_owned()
    };
    sorted(hits.iter().map(label).collect())
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
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env("CLOAKROOM_ROTATION_CHILD", format!("{seed} {}", dir.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (lines, told) = mpsc::channel();
    let out = BufReader::new(child.stdout.take().unwrap());
    let reader =
        thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
    let mut said = vec![];
    if moment != Moment::WhileOpening {
        while said.last().is_none_or(|line| line != "open") {
            let Ok(line) = told.recv_timeout(Duration::from_secs(60)) else { break };
            said.push(line);
        }
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
    let ended = child.try_wait().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    said.extend(told);
    reader.join().unwrap().unwrap();
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    let went_wrong = ended.is_some() || errors.contains("panicked");
    assert!(!went_wrong, "ended before it was killed: {errors}\n{}", said.join("\n"));
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

// SPEC: VAULT-12, VAULT-14, VAULT-16, VAULT-18, VAULT-40, VAULT-43, KEY-13
#[test]
fn kills_during_any_life_of_keys_lose_nothing_acknowledged() {
    let number = |name| std::env::var(name).map_or(1, |text| text.parse::<u64>().unwrap());
    let (times, first) = (number("CLOAKROOM_VAULT_ROUNDS"), number("CLOAKROOM_VAULT_SEED"));
    let started = Instant::now();
    let (mut kills, mut acknowledged, mut rotated, mut destroyed) = (0, 0, 0, 0);
    let (mut while_saving, mut while_suspended, mut under_way) = (0, 0, 0);
    for seed in first..first + VAULTS * times {
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
            kills += 1;
            while_saving += u64::from(moment == Moment::Saving && met);
            let heard = hear(&said, &mut truth);
            acknowledged += heard.acknowledged;
            rotated += heard.rotated.len();
            destroyed += heard.destroyed.len();
            under_way += heard.pending.iter().flatten().count();

            let mut vault = open(dir);
            let report = vault.check().unwrap();
            assert!(report.is_clean(), "{report:?}");
            if resume(&vault, &key) {
                while_suspended += 1;
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
        finish(&vault, &key, &mut truth, seed % 2 == 0);
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

/// A vault in memory with subjects who have a record and a token each.
fn filled() -> Vault {
    let keyset = cloakroom::keys::Keyset::generate(NOW).unwrap();
    let vault = Vault::create_in(Box::new(cloakroom::store::memory::MemoryStore::new()), keyset).unwrap();
    for n in 0..60 {
        let id = format!("s{n}");
        let rows = [(id.clone(), format!("a-{n}")), (id.clone(), format!("b-{n}"))];
        put(&rows, |rows| acme(&vault).put_many(rows).map(drop));
        issue(&pins(&vault), &[(id, format!("{n:06}"))]);
    }
    vault
}

// SPEC: VAULT-41
#[test]
fn readers_see_everything_while_all_is_sealed_anew() {
    let vault = filled();
    let tokens: Vec<_> = (0..60)
        .map(|n| issue(&pins(&vault), &[(format!("s{n}"), format!("{n:06}"))]).unwrap().remove(0))
        .collect();
    acme(&vault).define_index(&email_index()).unwrap();
    vault.migrate(|_| {}).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        for reader in 0..2 {
            let (vault, tokens, done) = (&vault, &tokens, &done);
            scope.spawn(move || {
                let mut random = random(reader);
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    let n = random(60);
                    let records = acme(vault).records(&subject(&format!("s{n}"))).expect("records");
                    let value = acme(vault).reveal(records[1].id, &field("city")).expect("reveal").unwrap();
                    assert_eq!(value.expose_str().unwrap(), city(&n.to_string()));
                    let value = pins(vault).redeem(&tokens[n as usize], NOW).expect("redeem");
                    assert_eq!(value.expose_str().unwrap(), format!("{n:06}"));
                    assert_eq!(find(vault, "email", &[&email(&n.to_string())]).len(), 24);
                }
            });
        }
        for _ in 0..200 {
            let resealed = vault.migrate_with(Migration { reseal: true, ..Migration::default() }, |_| {});
            assert_eq!(resealed.unwrap().resealed, 360);
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

// SPEC: VAULT-42
#[test]
fn an_index_dropped_and_defined_anew_while_a_migration_lay_cut_off_has_every_record() {
    let vault = filled();
    acme(&vault).define_index(&passing_index("city")).unwrap();
    let cut_off = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        vault.migrate(|progress| assert!(progress.seen == 0, "cut off on purpose"))
    }));
    assert!(cut_off.is_err());
    acme(&vault).drop_index(&field("passing")).unwrap();
    acme(&vault).define_index(&passing_index("email")).unwrap();
    vault.migrate(|_| {}).unwrap();
    assert_eq!(find(&vault, "passing", &[&email("0")]).len(), 24);
}
