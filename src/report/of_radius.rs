//! The report of a breach, from what the vault says.

use super::breach::{Asked, BreachReport, ExposedField, ExposedKey};
use super::register::{Controller, Count};
use crate::duties::Register;
use crate::name::Note;
use crate::time::Timestamp;
use crate::vault::{FieldReached, KeyReached, Listing, Query, Radius};
use std::collections::{BTreeMap, BTreeSet};

impl BreachReport {
    /// Of a radius of this vault. What people have to say about it is left to them.
    pub fn of_radius(vault: &[u8; 16], query: &Query, radius: &Radius, made_at: Timestamp) -> Self {
        let Register { controller, contact, dpo } = &radius.register;
        let text = |note: &Option<Note>| note.as_ref().map_or("", Note::as_str).to_owned();
        let asked = Asked {
            principal: query.principal.as_ref().map(|principal| principal.as_str().to_owned()),
            key_version: query.key.map(|version| version.get()),
            field: query.field.as_ref().map(|(_, field)| field.as_str().to_owned()),
            purpose: query.purpose.as_ref().map(|purpose| purpose.as_str().to_owned()),
            from: query.from.map(Into::into),
            to: query.to.map(Into::into),
        };
        let is_told = |key: &&KeyReached| key.is_exposed() || Some(key.version) == query.key;
        Self {
            controller: Controller {
                name: text(controller),
                contact: text(contact),
                dpo: text(dpo),
                ..Controller::default()
            },
            subjects: radius.subjects,
            state_subjects: radius.state_subjects,
            refused: radius.denied,
            records: radius.records,
            fields: radius.fields.iter().map(exposed_field).collect(),
            purposes: counts(&radius.purposes, "no purpose named"),
            principals: counts(&radius.principals, "nobody named"),
            first: radius.first.map(Into::into),
            last: radius.last.map(Into::into),
            keys: radius.keys.iter().filter(is_told).map(exposed_key).collect(),
            ..Self::empty(&hex(vault), asked, made_at)
        }
    }

    /// With the ids of the data subjects: the tenant stands in front where there are several.
    #[must_use]
    pub fn with_subjects(self, listing: &Listing) -> Self {
        let tenants: BTreeSet<_> = listing.subjects.iter().map(|(tenant, _)| tenant).collect();
        let id = |(tenant, subject): &(crate::name::TenantId, crate::name::SubjectId)| match tenants.len() {
            1 => subject.expose().to_owned(),
            _ => format!("{}: {}", tenant.as_str(), subject.expose()),
        };
        let subject_ids = Some(listing.subjects.iter().map(id).collect());
        Self { subject_ids, canaries: listing.canaries, ..self }
    }
}

fn exposed_field(field: &FieldReached) -> ExposedField {
    let (tenant, name) = match &field.name {
        Some((tenant, name)) => (tenant.as_str().to_owned(), name.as_str().to_owned()),
        None => (String::new(), hex(&field.id)),
    };
    let category = field.category.clone().unwrap_or_default();
    ExposedField { tenant, name, category, special: field.special, subjects: field.subjects }
}

fn exposed_key(key: &KeyReached) -> ExposedKey {
    let state = key.state.map_or("unknown", |state| state.as_str()).to_owned();
    ExposedKey { version: key.version.get(), state, items: key.needing }
}

/// The most first.
fn counts(counts: &BTreeMap<String, u64>, unnamed: &str) -> Vec<Count> {
    let named = |name: &str| if name.is_empty() { unnamed } else { name }.to_owned();
    let mut counts: Vec<_> =
        counts.iter().map(|(name, count)| Count { name: named(name), count: *count }).collect();
    counts.sort_by_key(|count| std::cmp::Reverse(count.count));
    counts
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
