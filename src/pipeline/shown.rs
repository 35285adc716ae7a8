//! Cells shown to a principal, in a vault with rules: each is decided before it comes back.
//!
//! | decision | the cell |
//! |---|---|
//! | full | as it was |
//! | masked | as it was, masked |
//! | token | stays as it is in the file |
//! | denied, whoever the subject is | the whole column stays as it is |
//! | denied because of what is known of the subject | its row is rejected |
//!
//! Whose a row is, a reference in it says, shown or not. In a file with fields in the vault a row without one is rejected, as
//! is one whose reference leads nowhere: its subject may be restricted, or erased. In a file without such fields nothing is
//! known of any subject. Each column of a batch has a leaf in the audit log.

use super::actions::{Action, GONE, Job, Part, text};
use super::batch::Batch;
use super::whose::Whose;
use crate::duties::{Decision, Reason};
use crate::error::{Error, Result};
use crate::name::FieldName;
use crate::protect::{Column, Failures, Mask, Spelling, is_blank};
use crate::vault::{Look, Revealed, Revealer, TokenRules};
use zeroize::Zeroizing;

/// Who is shown what comes back, and how it is told whose that is.
pub(super) struct Showing<'j> {
    pub(super) revealer: &'j Revealer<'j>,
    pub(super) whose: Whose,
}

impl Job<'_> {
    /// Works on some cells of column `i` that come back.
    pub(super) fn show(
        &self,
        showing: &Showing<'_>,
        action: &Action,
        i: usize,
        part: Part<'_>,
        batch: &Batch,
        (output, failures): (&mut Column, &mut Failures),
    ) {
        let field = &self.columns[i].field;
        let revealer = showing.revealer;
        match action {
            Action::Fetch(references) => {
                let parsed =
                    cells(part, |cell, row| references.parse(text(cell)?, self.was_bound_to(i, batch, row)));
                let asked: Vec<_> = parsed.iter().flatten().map(|record| (*record, field)).collect();
                let revealed = revealer.reveal_many(&asked);
                let gone = |shown: Result<Option<Revealed>>| shown?.ok_or(GONE);
                hand_out(part, parsed, revealed.map(|r| r.into_iter().map(gone).collect()), output, failures);
            }
            Action::Redeem => {
                let parsed = cells(part, |cell, _| text(cell));
                let given: Vec<&str> = parsed.iter().flatten().copied().collect();
                let tenant = self.tenant.as_ref().expect("tokens come with their vault");
                // How tokens look does not matter for redeeming them.
                let rules = TokenRules::new(Look::Opaque(Spelling::Base64Url));
                let redeemed = tenant
                    .random_tokens(field, rules)
                    .and_then(|tokens| revealer.redeem_many(&tokens, &given, self.now));
                hand_out(part, parsed, redeemed, output, failures);
            }
            Action::Detokenize(tokenizer) => {
                let decisions = self.decide(showing, i, part, batch);
                let mut values = Column::new();
                tokenizer.detokenize_column(part.cells, &mut values, failures);
                each_decided(part, decisions, output, failures, |n, _| Ok(values.get(n).to_vec()));
            }
            Action::Open(sealer) => {
                let decisions = self.decide(showing, i, part, batch);
                each_decided(part, decisions, output, failures, |n, row| {
                    let bound = text(self.was_bound_to(i, batch, row))?;
                    Ok(sealer.open_text(bound, text(part.cells.get(n))?)?.expose().to_vec())
                });
            }
            _ => unreachable!("nothing else comes back"),
        }
    }

    /// What the rules say of the cells that are not blank.
    fn decide(
        &self,
        showing: &Showing<'_>,
        i: usize,
        part: Part<'_>,
        batch: &Batch,
    ) -> Result<Vec<Result<Decision>>> {
        let whose = cells(part, |_, row| showing.whose.record(&batch.input, row));
        let told: Vec<_> = whose.iter().flatten().copied().collect();
        let mut decided = showing.revealer.decide_many(&self.columns[i].field, &told)?.into_iter();
        let of_each = |whose: Result<_>| whose.and_then(|_| decided.next().expect("one decision for each"));
        Ok(whose.into_iter().map(of_each).collect())
    }
}

/// `f` of each cell that is not blank, and its row.
fn cells<'p, T>(part: Part<'p>, f: impl Fn(&'p [u8], usize) -> Result<T>) -> Vec<Result<T>> {
    let cells = part.cells.iter().enumerate().filter(|(_, cell)| !is_blank(cell));
    cells.map(|(n, cell)| f(cell, part.rows.map_or(n, |rows| rows[n]))).collect()
}

/// Writes what was shown for the cells that could be read.
fn hand_out<T>(
    part: Part<'_>,
    parsed: Vec<Result<T>>,
    shown: Result<Vec<Result<Revealed>>>,
    output: &mut Column,
    failures: &mut Failures,
) {
    let mut shown = match shown {
        Ok(shown) => shown.into_iter(),
        // It ends the whole run.
        Err(error) => return failures.push((0, error)),
    };
    let mut parsed = parsed.into_iter();
    part.each(output, failures, |cell, _, out| {
        parsed.next().expect("one for each cell")?;
        match shown.next().expect("one result for one cell")? {
            Revealed::Full(value) | Revealed::Masked(value) => out.extend_from_slice(value.expose()),
            Revealed::Token(_) => out.extend_from_slice(cell),
        }
        Ok(())
    });
}

/// Writes the values of the cells that are shown.
fn each_decided(
    part: Part<'_>,
    decisions: Result<Vec<Result<Decision>>>,
    output: &mut Column,
    failures: &mut Failures,
    value: impl Fn(usize, usize) -> Result<Vec<u8>>,
) {
    let mut decisions = match decisions {
        Ok(decisions) => decisions.into_iter(),
        Err(error) => return failures.push((0, error)),
    };
    let places: Vec<usize> = (0..part.cells.len()).filter(|n| !is_blank(part.cells.get(*n))).collect();
    let mut places = places.into_iter();
    part.each(output, failures, |cell, row, out| {
        let n = places.next().expect("one for each cell");
        match decisions.next().expect("one decision for one cell")? {
            Decision::Full => out.extend_from_slice(&Zeroizing::new(value(n, row)?)),
            Decision::Masked(mask) => write_masked(mask, &Zeroizing::new(value(n, row)?), out)?,
            Decision::Token => out.extend_from_slice(cell),
            Decision::Deny(reason) => return Err(denied(reason)),
        }
        Ok(())
    });
}

fn write_masked(mask: Mask, value: &[u8], out: &mut Vec<u8>) -> Result<()> {
    out.extend_from_slice(mask.mask(text(value)?).as_bytes());
    Ok(())
}

fn denied(reason: Reason) -> Error {
    Error::Denied { code: reason.code(), problem: reason.to_string() }
}

/// Whether it is the subject that a refusal is about: then other rows may be shown.
fn is_of_the_subject(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Restricted
            | Reason::Objected
            | Reason::ConsentNone
            | Reason::ConsentWithdrawn
            | Reason::ConsentExpired
            | Reason::RetentionOver
            | Reason::Held
    )
}

/// Whether a refusal is none of one row's.
pub(super) fn ends_the_run(error: &Error) -> bool {
    let Error::Denied { code, .. } = error else { return false };
    !Reason::all().any(|reason| reason.code() == *code && is_of_the_subject(reason))
}

/// Why a field is shown to nobody who asks like this; the column then stays as it is.
///
/// # Errors
/// [`Error::Denied`] when no field is.
pub(super) fn stays(revealer: &Revealer<'_>, field: &FieldName) -> Result<Option<Reason>> {
    match revealer.ask(field).reason() {
        Some(reason @ (Reason::PrincipalUnknown | Reason::PurposeUnknown | Reason::RoleWithoutPurpose)) => {
            Err(denied(reason))
        }
        reason => Ok(reason.filter(|reason| !is_of_the_subject(*reason))),
    }
}
