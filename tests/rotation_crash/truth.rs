//! What was acknowledged, by what the child said, and the proof that the vault holds it and nothing else.

use super::{
    CITIES, EMAILS, NOW, SUBJECTS, acme, city, email, field, note, passing_index, pins, subject, tickets,
};
use cloakroom::Error;
use cloakroom::keys::KeyState;
use cloakroom::name::KeyVersion;
use cloakroom::protect::BlindIndex;
use cloakroom::vault::Vault;
use std::collections::{BTreeMap, BTreeSet};

/// What was acknowledged.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct Truth {
    /// Labels of each subject's records, sorted.
    pub labels: BTreeMap<String, Vec<String>>,
    /// Tokens by who holds them, "" for the tenant, and their value.
    pub pins: BTreeMap<(String, String), String>,
    /// Unused tokens for one use: whose, and their value.
    pub tickets: BTreeMap<String, (String, String)>,
    /// Which field the index that comes and goes is over.
    pub passing: Option<String>,
    /// Tokens that were used or erased.
    pub gone_pins: Vec<String>,
    pub gone_tickets: Vec<String>,
}

impl Truth {
    pub fn apply(&mut self, operation: &str, outcome: &str) {
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
pub type Pending = Option<(String, bool)>;

/// What the child said: the truth after it, what each thread was about, and the versions it made and destroyed.
pub struct Heard {
    pub pending: [Pending; 3],
    pub acknowledged: u64,
    pub rotated: Vec<KeyVersion>,
    pub destroyed: Vec<KeyVersion>,
}

pub fn hear(said: &[String], truth: &mut Truth) -> Heard {
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
pub fn settle(vault: &Vault, truth: &mut Truth, pending: &[Pending; 3]) {
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
pub fn prove(vault: &Vault, truth: &Truth, gone: usize) {
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
pub fn find(vault: &Vault, index: &str, values: &[&str]) -> Vec<String> {
    let hits = acme(vault).find(&field(index), values).unwrap();
    let label = |hit: &cloakroom::vault::Hit| {
        let note = acme(vault).reveal(hit.record, &field("note")).unwrap().unwrap();
        note.expose_str().unwrap().split(' ').next().unwrap().to_owned()
    };
    sorted(hits.iter().map(label).collect())
}
