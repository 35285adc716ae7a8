//! Records that belong to several subjects: a shared account, a household.
//!
//! ```text
//!  record of A, B  =  a record of A, sealed under A's key  +  a record of B, sealed under B's key
//! ```
//!
//! Each has a copy of her own, so that it is erased, restricted and shown for each alone: erasing one leaves the other's.
//! The copies know nothing of each other. One that is rectified leaves the others as they are.

use super::reference::RecordId;
use super::tenant::{Row, Tenant};
use crate::error::{Error, Result};
use crate::name::{FieldName, SubjectId};
use std::collections::BTreeSet;

impl Tenant<'_> {
    /// Seals a record for each of several subjects, in one atomic batch; durable on return. The copies' ids, in order.
    ///
    /// # Errors
    /// As [`put_many`](Tenant::put_many); [`Error::Setting`] for no subject, or one that is there twice.
    pub fn put_shared(
        &self,
        subjects: &[&SubjectId],
        fields: &[(&FieldName, &[u8])],
    ) -> Result<Vec<RecordId>> {
        let refused = |problem: &str| Err(Error::Setting { what: "shared record", problem: problem.into() });
        if subjects.is_empty() {
            return refused("is of nobody: name its subjects");
        }
        if subjects.iter().collect::<BTreeSet<_>>().len() < subjects.len() {
            return refused("has a subject twice");
        }
        let rows: Vec<_> = subjects.iter().map(|subject| Row { subject, fields }).collect();
        self.put_many(&rows)
    }
}
