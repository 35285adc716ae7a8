//! What a child does until it is killed.

use super::{
    NOW, SHARED, SUBJECTS, acme, email, field, issue, key_file, migrate, passing_index, pins, put, subject,
    tickets, unless_stopped,
};
use crate::killed::{random, say};
use cloakroom::Error;
use cloakroom::keys::{KeyFile, KeyState, KeyUse};
use cloakroom::name::TenantId;
use cloakroom::vault::{Despite, Migration, Vault};
use std::path::Path;
use std::thread;
use std::time::Duration;

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

/// Rotates, migrates, suspends, retires and destroys, and defines and drops an index, all the time.
pub fn administer(vault: &Vault, dir: &Path, seed: u64) {
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
pub fn write(vault: &Vault, writer: usize, seed: u64) {
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
