//! Who saw a subject's data: the leaves of the audit log that name her, with what they say to those who may know.
//!
//! ```text
//!  leaf ─ items ─ her audit id? ─ context: decision, reason, ids of fields ─ detail, opened with her detail key
//! ```
//!
//! Every leaf is read, so it takes time in proportion to the log. Ids of fields are turned back into names over those that
//! the census and the rules have; of others the id is shown.

use super::AUDIT;
use super::log::FieldId;
use super::pages::Pages;
use super::subject_rights::Rights;
use super::tenant::UNDECIDED;
use crate::duties::Reason;
use crate::error::{Error, Result};
use crate::time::Timestamp;
use crate::wire::audit::Leaf;
use std::collections::{BTreeSet, HashMap};
use std::fmt;

/// An operation on a subject's data, as the audit log has it.
#[derive(Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The leaf's number.
    pub leaf: u64,
    /// When.
    pub at: Timestamp,
    /// What was done, such as `reveal`.
    pub kind: String,
    /// Who did it; empty when nobody was named.
    pub principal: String,
    /// What for; empty when nothing was named.
    pub purpose: String,
    /// `full`, `masked`, `token` or `denied`; `None` where nothing had to be decided.
    pub decision: Option<&'static str>,
    /// Why it was denied: a [`Reason`]'s code.
    pub reason: Option<&'static str>,
    /// Which fields, by name.
    pub fields: Vec<String>,
    /// What the leaf says to those who may know her.
    pub because: Vec<String>,
}

impl fmt::Debug for Sighting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sighting(..)") // it is about a person
    }
}

impl Rights<'_> {
    /// All leaves that name her, the oldest first: one result for each thing that was decided.
    ///
    /// # Errors
    /// [`Error::NotFound`] without such a subject; [`Error::Malformed`] for a leaf that was altered; the store's.
    pub fn seen(&self) -> Result<Vec<Sighting>> {
        let (_, subject) = self.look()?;
        let mut draft = self.tenant.draft("seen");
        draft.item(subject.audit_id, UNDECIDED, subject.wrap_version, &[]);
        self.tenant.vault().noted(draft)?;
        let (names, tenant) = (self.names(), self.tenant.name());
        let mut sightings = vec![];
        Pages::new(self.tenant.vault().store(), AUDIT, &[], None).each(|key, bytes| {
            let number = key.try_into().map(u64::from_be_bytes);
            let number = number
                .map_err(|_| Error::Corrupt { problem: "a leaf's number has the wrong length".into() })?;
            let leaf = Leaf::parse(bytes)?;
            let of_leaf = sightings.len();
            for (i, item) in
                leaf.items.iter().enumerate().filter(|(_, item)| item.subject == subject.audit_id)
            {
                let context = &leaf.contexts[usize::from(item.context)];
                let mut because = vec![];
                for detail in leaf.details.iter().filter(|detail| detail.item as usize == i) {
                    let Some(known) = &subject.known else { continue };
                    let text = known.open_detail(tenant, &subject.audit_id, detail.sealed)?;
                    because.extend(text.expose_str().map(str::to_owned));
                }
                let name = |id: &FieldId| names.get(id).cloned().unwrap_or_else(|| unknown(id));
                let fields = context.fields.iter().map(name).collect::<Vec<_>>();
                let decision = match context.decision {
                    1 => Some("full"),
                    2 => Some("masked"),
                    3 => Some("token"),
                    4 => Some("denied"),
                    _ => None,
                };
                let reason = Reason::from_number(context.reason).map(Reason::code);
                // A reveal of many fields has an item for each.
                let same =
                    |s: &&mut Sighting| s.decision == decision && s.reason == reason && s.because == because;
                match sightings[of_leaf..].iter_mut().find(same) {
                    Some(sighting) => {
                        let more = fields.into_iter().filter(|field| !sighting.fields.contains(field));
                        let more = more.collect::<Vec<_>>();
                        sighting.fields.extend(more);
                    }
                    None => sightings.push(Sighting {
                        leaf: number,
                        at: leaf.at,
                        kind: leaf.kind.into(),
                        principal: leaf.principal.into(),
                        purpose: leaf.purpose.into(),
                        decision,
                        reason,
                        fields,
                        because,
                    }),
                }
            }
            Ok(())
        })?;
        Ok(sightings)
    }

    /// The names of fields that the census and the rules have, by their ids.
    fn names(&self) -> HashMap<FieldId, String> {
        let vault = self.tenant.vault();
        let (census, rules) = (vault.census(), vault.rules());
        let tenant = self.tenant.name();
        let counted = census.lines().filter(|(line, _)| line.tenant == tenant.as_str());
        let counted = counted.map(|(line, _)| line.field.as_str());
        let names: BTreeSet<_> = counted.chain(rules.rules.fields.keys().map(|name| name.as_str())).collect();
        names.into_iter().map(|name| (vault.ids.field(tenant, name), name.to_owned())).collect()
    }
}

fn unknown(id: &FieldId) -> String {
    format!("unknown field {:016x}", u64::from_be_bytes(*id))
}
