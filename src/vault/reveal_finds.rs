//! What a principal may find by a blind index: whoever finds a record by a value has been shown that value.

use super::blind::Hit;
use super::revealer::{Looked, Revealer, denied, settled};
use crate::duties::{Decision, Judge, Reason, SubjectState};
use crate::error::Result;
use crate::name::FieldName;
use crate::protect::BlindIndex;
use crate::time::Timestamp;

impl Revealer<'_> {
    /// The records whose fields have these values, as far as the principal is shown each field of the index whole. Records of
    /// which a field is denied are left out, as if they had other values; the leaf has them as denied.
    ///
    /// Every field of each record that is found counts against the budget.
    ///
    /// # Errors
    /// [`Error::Denied`](crate::error::Error::Denied) when no subject's field is shown whole to this principal for this purpose;
    /// as [`reveal_many`](Revealer::reveal_many) and [`Tenant::find`](super::Tenant::find).
    ///
    /// # Security
    /// A refusal because of the budget or the bulk limit says that there was something to find.
    pub fn find(&self, index: &FieldName, values: &[&str]) -> Result<Vec<Hit>> {
        let index = self.tenant().built_index(index)?;
        self.check_index(&index)?;
        let hits = self.tenant().hits(&index, values)?;
        let fields = || index.parts().iter().map(|(field, _)| field);
        let looked = self.answer(|judge, now| {
            let asked = hits.iter().flat_map(|hit| fields().map(move |field| (hit, field)));
            Ok(asked
                .map(|(hit, field)| (field, settled(self.look(judge, &hit.record.0, field, now))))
                .collect())
        })?;
        let mut looked = looked.into_iter();
        let mut found = vec![];
        for hit in hits {
            let fields = looked.by_ref().take(index.parts().len()).collect::<Result<Vec<_>>>()?;
            if is_found(&index, values, &fields)? {
                found.push(hit);
            }
        }
        Ok(found)
    }

    /// Refuses what no record can be found by, whoever's it is, before anything is looked for.
    fn check_index(&self, index: &BlindIndex) -> Result<()> {
        let (judge, now) = (self.judge(), self.vault().decision_time());
        let checked = index.parts().iter().try_for_each(|(field, _)| whole_of_somebody(&judge, field, now));
        if let Err(error) = &checked {
            self.vault().noted(self.denial(&[], error))?;
        }
        checked
    }
}

/// # Errors
/// [`Error::Denied`](crate::error::Error::Denied) when the field is shown whole of nobody.
fn whole_of_somebody(judge: &Judge, field: &FieldName, now: Timestamp) -> Result<()> {
    match judge.decide(field, &SubjectState::default(), None, now) {
        Decision::Full => Ok(()),
        Decision::Masked(_) | Decision::Token => Err(denied(Reason::RoleWithoutField)),
        // A stranger has no consent, where others may have given it.
        Decision::Deny(Reason::ConsentNone) => Ok(()),
        Decision::Deny(reason) => Err(denied(reason)),
    }
}

/// Whether all of it is shown, and still has these values: it may have been rectified since it was found.
fn is_found(index: &BlindIndex, values: &[&str], fields: &[Looked]) -> Result<bool> {
    let texts: Option<Vec<&str>> = fields.iter().map(whole_text).collect();
    texts.map_or(Ok(false), |texts| index.matches(&texts, values))
}

fn whole_text(looked: &Looked) -> Option<&str> {
    match (&looked.decision, &looked.value) {
        (Decision::Full, Some(value)) => value.expose_str(),
        _ => None,
    }
}
