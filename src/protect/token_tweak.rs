//! The tweaks of a column: that of the tokenizer for all rows, or one for each row, of a context of its own.
//!
//! The key of a space does not depend on the context, so that a space has one plan either way.

use super::column::Cells;
use super::token::{Tokenizer, check_context};
use crate::crypto::ff1::{AsciiAlphabet, BulkError, Plan, TweakedPlan};
use crate::error::Result;
use std::sync::Arc;

/// Says which tweak a row has. `row(j)` is the row of value j.
pub(super) trait Tweak {
    /// What permutes a space.
    type Plan;
    /// Whether rows are asked for.
    const BY_ROW: bool;

    /// # Errors
    /// What is wrong with the context of this row.
    fn check(&self, row: usize) -> Result<()>;

    /// The plan of a space.
    ///
    /// # Errors
    /// What FF1 has no domain for.
    fn plan(tokenizer: &Tokenizer, radix: u32, length: usize) -> Result<Arc<Self::Plan>>;

    /// FF1 of numerals, in place.
    ///
    /// # Errors
    /// As [`Plan::encrypt_columns`].
    fn columns<const ENCRYPT: bool>(
        &self,
        plan: &Self::Plan,
        numerals: &mut [u16],
        row: impl Fn(usize) -> usize,
    ) -> Result<(), BulkError>;

    /// FF1 of text.
    ///
    /// # Errors
    /// As [`Plan::encrypt_ascii`].
    fn ascii<const ENCRYPT: bool>(
        &self,
        plan: &Self::Plan,
        alphabet: &AsciiAlphabet,
        input: &[u8],
        row: impl Fn(usize) -> usize,
        output: &mut [u8],
    ) -> Result<(), BulkError>;
}

/// All rows have that of the tokenizer.
pub(super) struct OfAll;

impl Tweak for OfAll {
    type Plan = Plan;
    const BY_ROW: bool = false;

    fn check(&self, _: usize) -> Result<()> {
        Ok(())
    }

    fn plan(tokenizer: &Tokenizer, radix: u32, length: usize) -> Result<Arc<Plan>> {
        tokenizer.plan(radix, length)
    }

    fn columns<const ENCRYPT: bool>(
        &self,
        plan: &Plan,
        numerals: &mut [u16],
        _: impl Fn(usize) -> usize,
    ) -> Result<(), BulkError> {
        match ENCRYPT {
            true => plan.encrypt_columns(numerals),
            false => plan.decrypt_columns(numerals),
        }
    }

    fn ascii<const ENCRYPT: bool>(
        &self,
        plan: &Plan,
        alphabet: &AsciiAlphabet,
        input: &[u8],
        _: impl Fn(usize) -> usize,
        output: &mut [u8],
    ) -> Result<(), BulkError> {
        match ENCRYPT {
            true => plan.encrypt_ascii(alphabet, input, output),
            false => plan.decrypt_ascii(alphabet, input, output),
        }
    }
}

/// Each row has that of its cell here.
pub(super) struct OfRow<'c, C: ?Sized> {
    pub(super) contexts: &'c C,
}

impl<C: Cells + ?Sized> Tweak for OfRow<'_, C> {
    type Plan = TweakedPlan;
    const BY_ROW: bool = true;

    fn check(&self, row: usize) -> Result<()> {
        check_context(self.contexts.cell(row))
    }

    fn plan(tokenizer: &Tokenizer, radix: u32, length: usize) -> Result<Arc<TweakedPlan>> {
        tokenizer.tweaked_plan(radix, length)
    }

    fn columns<const ENCRYPT: bool>(
        &self,
        plan: &TweakedPlan,
        numerals: &mut [u16],
        row: impl Fn(usize) -> usize,
    ) -> Result<(), BulkError> {
        let tweak = |j| self.contexts.cell(row(j));
        match ENCRYPT {
            true => plan.encrypt_columns(numerals, tweak),
            false => plan.decrypt_columns(numerals, tweak),
        }
    }

    fn ascii<const ENCRYPT: bool>(
        &self,
        plan: &TweakedPlan,
        alphabet: &AsciiAlphabet,
        input: &[u8],
        row: impl Fn(usize) -> usize,
        output: &mut [u8],
    ) -> Result<(), BulkError> {
        let tweak = |j| self.contexts.cell(row(j));
        match ENCRYPT {
            true => plan.encrypt_ascii(alphabet, input, tweak, output),
            false => plan.decrypt_ascii(alphabet, input, tweak, output),
        }
    }
}
