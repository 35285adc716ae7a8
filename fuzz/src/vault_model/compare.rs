//! A vault and its model, compared.

use super::model::{Index, Model, Record};
use super::{EMAIL, FIELDS, Fields, NAMES, NOW, index, text_of, tokens_of};
use cloakroom::Error;
use cloakroom::keys::Keyset;
use cloakroom::vault::{Mode, RecordId, Tenant, Vault};
use std::collections::{BTreeMap, BTreeSet};

/// How much is read: every record whole, or each field of it by itself as well.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    Records,
    Fields,
}

/// What the vault has and the model has not, or the other way round.
pub fn difference(vault: &Vault, model: &Model, depth: Depth) -> Option<String> {
    let (tenants, subjects, names) = &*NAMES;
    let keyset = vault.keyset();
    let report = vault.check().unwrap();
    let census: BTreeMap<_, _> = vault
        .census()
        .lines()
        .map(|(l, count)| ((l.tenant.clone(), l.field.clone(), l.mode, l.version), count))
        .collect();
    let expected = model.census();
    if census != expected {
        return Some(format!("the census counts {census:?}, and should {expected:?}"));
    }
    let total = |mode| census.iter().filter(|(line, _)| line.2 == mode).map(|(_, count)| count).sum::<u64>();
    let counted = (report.subjects, report.records, report.fields, report.tokens, report.indexed);
    let expected = (
        total(Mode::SubjectKey),
        model.subjects.values().map(|s| s.records.len() as u64).sum::<u64>(),
        total(Mode::Seal),
        total(Mode::Token),
        total(Mode::Index),
    );
    if !report.is_clean() || counted != expected {
        return Some(format!("check says {report:?}, and should count {expected:?}"));
    }
    for (t, tenant) in tenants.iter().enumerate() {
        let tenant = vault.tenant(tenant);
        // Lookups do not tell an index without a record from none.
        let indexes = tenant.indexes();
        let expected: Vec<_> = model.indexes.get(&t).map(|i| (index(i.wide), i.built)).into_iter().collect();
        if indexes != expected {
            return Some(format!("tenant {t} has {indexes:?}, and should have {expected:?}"));
        }
        if let Some(difference) = difference_of_tokens(&tenant, &keyset, model, t, depth) {
            return Some(difference);
        }
        let emails: BTreeSet<&str> = match depth {
            Depth::Records => BTreeSet::new(),
            Depth::Fields => records_of(model, t).filter_map(|(_, record)| record.email()).collect(),
        };
        if let Some(difference) = emails.iter().find_map(|email| found(vault, model, t, email)) {
            return Some(difference);
        }
        for (s, subject) in subjects.iter().enumerate() {
            let known = model.subjects.get(&(t, s));
            if tenant.has(subject).unwrap() != known.is_some() {
                return Some(format!("tenant {t}, subject {s}: there or not"));
            }
            let found = match (tenant.records(subject), known) {
                (Err(Error::KeyState { .. }), Some(known))
                    if keyset.for_reveal(known.wrapped_by).is_err() =>
                {
                    continue;
                }
                (found, _) => found.unwrap(),
            };
            if known.is_some_and(|known| keyset.for_reveal(known.wrapped_by).is_err()) {
                return Some(format!("tenant {t}, subject {s}: her key's version may not reveal"));
            }
            let shown: Vec<Fields> = found
                .iter()
                .map(|record| {
                    let number = |name: &str| names.iter().position(|n| n.as_str() == name).unwrap();
                    let shown = record.fields.iter();
                    shown.map(|(name, value)| (number(name), value.expose().to_vec())).collect()
                })
                .collect();
            let known: Vec<Fields> =
                known.iter().flat_map(|k| &k.records).map(|record| record.fields.clone()).collect();
            if shown != known {
                return Some(format!("tenant {t}, subject {s}: {shown:?} instead of {known:?}"));
            }
            for (record, fields) in found.iter().zip(&known) {
                let one = |id: RecordId, i: usize| {
                    let value = tenant.reveal(id, &names[i]).unwrap();
                    value.map(|value| value.expose().to_vec())
                };
                for i in (0..FIELDS).filter(|_| depth == Depth::Fields) {
                    let value = fields.iter().find(|(field, _)| *field == i).map(|(_, value)| value.clone());
                    assert_eq!(one(record.id, i), value);
                }
            }
        }
    }
    for output in &model.outputs {
        if !vault.made(&[*output; 32]).unwrap() {
            return Some(format!("output {output} is forgotten"));
        }
    }
    None
}

/// What comes back for each token, and that it does for its own tenant alone.
fn difference_of_tokens(
    tenant: &Tenant<'_>,
    keyset: &Keyset,
    model: &Model,
    t: usize,
    depth: Depth,
) -> Option<String> {
    let tokens = tokens_of(tenant);
    for ((of, value), token) in &model.tokens {
        let Some(text) = &token.text else { continue };
        if *of != t {
            let is_its_own =
                model.tokens.iter().any(|((of, _), o)| *of == t && o.text.as_ref() == Some(text));
            let is_unsure = model.tokens.iter().any(|((of, _), o)| *of == t && o.text.is_none());
            let skipped = depth == Depth::Records || is_its_own || is_unsure;
            if !skipped && !matches!(tokens.redeem(text, NOW), Err(Error::NotFound { .. })) {
                return Some(format!("tenant {t} has the token of value {value} of tenant {of}"));
            }
            continue;
        }
        match (tokens.redeem(text, NOW), model.redeems(keyset, t, token)) {
            (Ok(redeemed), true) if redeemed.expose() == text_of(*value).as_bytes() => {}
            (Err(Error::KeyState { .. }), false) => {}
            (redeemed, expected) => {
                let redeemed = redeemed.map(|value| value.expose().to_vec());
                return Some(format!("tenant {t}, value {value}: {redeemed:?}, expected: {expected}"));
            }
        }
    }
    None
}

fn records_of(model: &Model, t: usize) -> impl Iterator<Item = (usize, &Record)> {
    let of_tenant = model.subjects.iter().filter(move |((of, _), _)| *of == t);
    of_tenant.flat_map(|((_, s), subject)| subject.records.iter().map(|record| (*s, record)))
}

/// What a lookup finds and should not, or the other way round.
pub fn found(vault: &Vault, model: &Model, t: usize, email: &str) -> Option<String> {
    let (tenants, subjects, names) = &*NAMES;
    let keyset = vault.keyset();
    let found = vault.tenant(&tenants[t]).find(&names[EMAIL], &[email]);
    let place = || format!("tenant {t}, looking up {email:?}: ");
    match (model.indexes.get(&t), &found) {
        (None, Err(Error::NotFound { .. })) => return None,
        (Some(Index { built: false, .. }), Err(Error::Setting { .. })) => return None,
        (Some(Index { built: true, .. }), _) => {}
        (index, found) => return Some(format!("{}{found:?} by {index:?}", place())),
    }
    let is_stopped = |s: usize| keyset.for_reveal(model.subjects[&(t, s)].wrapped_by).is_err();
    let hits: Vec<usize> =
        records_of(model, t).filter(|(_, record)| record.email() == Some(email)).map(|(s, _)| s).collect();
    let found = match found {
        // Another value can have the same place in a narrow index.
        Err(Error::KeyState { .. }) if records_of(model, t).any(|(s, _)| is_stopped(s)) => return None,
        Err(error) => return Some(format!("{}{error}", place())),
        Ok(found) => found,
    };
    if hits.iter().any(|s| is_stopped(*s)) {
        return Some(format!("{}what a stopped version protects was found", place()));
    }
    let mut found: Vec<&str> = found.iter().map(|hit| hit.subject.expose()).collect();
    let mut hits: Vec<&str> = hits.into_iter().map(|s| subjects[s].expose()).collect();
    found.sort_unstable();
    hits.sort_unstable();
    (found != hits).then(|| format!("{}{found:?} instead of {hits:?}", place()))
}
