//! Columns of random tokens: issued for the rows that did not fail, and redeemed.

use super::actions::{Action, Job};
use super::batch::Batch;
use crate::error::{Error, Result};
use crate::name::{FieldName, SubjectId};
use crate::protect::{Column, Failures, Spelling, is_blank};
use crate::vault::{Look, TokenRules};

const NO_TEXT: Error = Error::Value { problem: "is not UTF-8" };

impl Job<'_> {
    pub(super) fn issues(&self) -> bool {
        self.columns.iter().any(|column| matches!(column.action, Action::Issue(_)))
    }

    /// Cells that can have no token are found before any other cell of their row gets one.
    pub(super) fn refuse_untokenizable(
        &self,
        field: &FieldName,
        rules: &TokenRules,
        input: &Column,
        failures: &mut Failures,
    ) {
        let tenant = self.tenant.as_ref().expect("tokens come with their vault");
        match tenant.random_tokens(field, rules.clone()) {
            Ok(tokens) => {
                let check = |cell| tokens.check(std::str::from_utf8(cell).map_err(|_| NO_TEXT)?);
                let cells = input.iter().enumerate().filter(|(_, cell)| !is_blank(cell));
                failures.extend(cells.filter_map(|(row, cell)| Some((row, check(cell).err()?))));
            }
            Err(error) => failures.push((0, error)),
        }
    }

    /// Issues tokens for the rows that did not fail.
    ///
    /// # Errors
    /// [`Error::Row`] for a value that gets none; the vault's.
    pub(super) fn issue(&self, batch: &mut Batch, subjects: &[Option<SubjectId>]) -> Result<()> {
        let (Some(tenant), Some(run)) = (&self.tenant, self.run) else { return Ok(()) };
        for (i, column) in self.columns.iter().enumerate() {
            let Action::Issue(rules) = &column.action else { continue };
            let input = &batch.input[i];
            let request = |row: usize| {
                let cell = input.get(row);
                let is_good = !batch.rejected[row] && !is_blank(cell);
                Some((row, (subjects[row].as_ref().filter(|_| is_good)?, std::str::from_utf8(cell).ok()?)))
            };
            let (rows, requests): (Vec<usize>, Vec<(&SubjectId, &str)>) =
                (0..batch.rows()).filter_map(request).unzip();
            let tokens = tenant.random_tokens(&column.field, rules.clone())?;
            let issued = match requests.is_empty() {
                true => vec![],
                false => run.issue_many(&tokens, &requests, self.now)?,
            };
            let mut of_row = vec![None; batch.rows()];
            for (row, issued) in rows.into_iter().zip(issued) {
                // The values were checked, so this is no fault of the row's: its space is full, or the vault was altered. The
                // run ends, or what the row has in the vault already would stay.
                let issued = issued.map_err(|error| Error::Row {
                    line: batch.lines[row],
                    column: column.header.trim().to_owned(),
                    problem: error.to_string(),
                })?;
                of_row[row] = Some(issued.token);
            }
            let mut output = std::mem::take(&mut batch.output[i]);
            for (cell, token) in batch.input[i].iter().zip(&of_row) {
                output.push_with(&mut vec![], |out| {
                    match token {
                        Some(token) => out.extend_from_slice(token.as_bytes()),
                        None if is_blank(cell) => out.extend_from_slice(cell),
                        None => {} // a rejected row, which is not written
                    }
                    Ok(())
                });
            }
            batch.output[i] = output;
        }
        Ok(())
    }

    /// The values of a column of tokens.
    pub(super) fn redeem(
        &self,
        field: &FieldName,
        input: &Column,
        output: &mut Column,
        failures: &mut Failures,
    ) {
        let tenant = self.tenant.as_ref().expect("tokens come with their vault");
        let text = |cell| std::str::from_utf8(cell).ok().filter(|text: &&str| !is_blank(text.as_bytes()));
        let given: Vec<&str> = input.iter().filter_map(text).collect();
        // How tokens look does not matter for redeeming them.
        let rules = TokenRules::new(Look::Opaque(Spelling::Base64Url));
        let redeemed =
            tenant.random_tokens(field, rules).and_then(|tokens| tokens.redeem_many(&given, self.now));
        let mut redeemed = match redeemed {
            Ok(redeemed) => redeemed.into_iter(),
            // It ends the whole run.
            Err(error) => return failures.push((0, error)),
        };
        for cell in input.iter() {
            output.push_with(failures, |out| {
                if is_blank(cell) {
                    out.extend_from_slice(cell);
                    return Ok(());
                }
                text(cell).ok_or(NO_TEXT)?;
                let value = redeemed.next().expect("one result for one token")?;
                out.extend_from_slice(value.expose());
                Ok(())
            });
        }
    }
}
