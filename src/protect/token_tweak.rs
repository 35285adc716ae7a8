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

#[cfg(test)]
mod tests {
    use super::super::{Column, Failures, is_blank, test_key};
    use super::*;
    use crate::format::{Alphabet, Format, Luhn};
    use crate::name::{FieldName, TenantId};
    use proptest::prelude::*;

    /// Formats of every kind of space, with values of them and others.
    fn formats() -> Vec<(Format, &'static str)> {
        vec![
            (Format::digits(), "[0-9]{4,40}|[0-9]{6,7}|[0-9]{16}| {0,2}|x"),
            (Format::card().keep(6, 4), "4111 ?1111 ?11[0-9]{2} ?1[0-9]{3}|[0-9]{16}|"),
            (Format::digits().luhn(Luhn::Keep), "7[0-9]{9}"),
            (Format::digits().keep(1, 2), "[0-9 -]{30,60}"),
            (Format::letters(), "[A-Za-z']{5,20}"),
            (Format::alphanumeric().keep(0, 3), "[A-Za-z0-9./]{9,40}"),
            (Format::email(), "[a-z0-9]{4,12}@[a-z]{1,5}\\.example"),
            (Format::new(Alphabet::new("äöüßαβγδ").unwrap()), "[äöüßαβγδ]{6,90}|ü"),
            #[cfg(feature = "regex")]
            (Format::regex("[A-Z]{3}-[0-9]{4}", None).unwrap(), "[A-Z]{3}-[0-9]{4}|[A-Z]{3}"),
            (Format::date_range("0001-01-01", "9999-12-31").unwrap(), "20[0-9]{2}-0[1-9]-[012][1-8]"),
            (Format::integer(0, 1 << 40).unwrap(), "[1-9][0-9]{0,12}"),
            (Format::name(), "[A-Z][a-zäé]{3,8} [A-Z][a-z]{3,9}"),
            (Format::text(), "[ -~]{6,30}|\\PC{4,40}"),
            #[cfg(feature = "ipcrypt")]
            (
                Format::network(crate::format::NetworkCipher::PrefixPreserving),
                "1[0-9]\\.0\\.2\\.[1-9]|1\\.02\\.3\\.4|",
            ),
            #[cfg(feature = "ipcrypt")]
            (
                Format::network(crate::format::NetworkCipher::Deterministic),
                "2001:db8::[1-9]|192\\.0\\.2\\.[1-9]",
            ),
        ]
    }

    fn tokenizer(format: Format) -> Tokenizer {
        let (tenant, field) = (TenantId::new("acme").unwrap(), FieldName::new("f").unwrap());
        Tokenizer::new(&test_key(1), &tenant, &field, format).unwrap()
    }

    /// The cell and the reason of each row, each by a tokenizer of its context.
    fn one_by_one<const TOKENIZE: bool>(
        t: &Tokenizer,
        contexts: &(impl Cells + ?Sized),
        cells: &(impl Cells + ?Sized),
    ) -> Vec<Result<Vec<u8>, String>> {
        let one = |row: usize| {
            if is_blank(cells.cell(row)) {
                return Ok(cells.cell(row).to_vec());
            }
            let t = t.in_context(contexts.cell(row))?;
            let (mut out, mut failures) = (Column::new(), vec![]);
            match TOKENIZE {
                true => t.tokenize_column(&[cells.cell(row)], &mut out, &mut failures),
                false => t.detokenize_column(&[cells.cell(row)], &mut out, &mut failures),
            }
            failures.pop().map_or_else(|| Ok(out.get(0).to_vec()), |(_, error)| Err(error))
        };
        (0..cells.len()).map(|row| one(row).map_err(|error| error.to_string())).collect()
    }

    fn results(out: &Column, failures: Failures) -> Vec<Result<Vec<u8>, String>> {
        let mut results: Vec<_> = out.iter().map(|cell| Ok(cell.to_vec())).collect();
        assert!(failures.is_sorted_by(|(a, _), (b, _)| a < b));
        for (row, error) in failures {
            assert_eq!(results[row], Ok(vec![]));
            results[row] = Err(error.to_string());
        }
        results
    }

    /// Both ways.
    fn check(t: &Tokenizer, contexts: &(impl Cells + ?Sized), values: &(impl Cells + ?Sized)) {
        let (mut tokens, mut failures) = (Column::new(), vec![]);
        t.tokenize_column_in(contexts, values, &mut tokens, &mut failures);
        let results_of_values = results(&tokens, failures);
        assert!(results_of_values == one_by_one::<true>(t, contexts, values), "{t:?}");
        let (mut back, mut failures) = (Column::new(), vec![]);
        t.detokenize_column_in(contexts, &tokens, &mut back, &mut failures);
        for (row, result) in results_of_values.iter().enumerate() {
            assert!(result.is_err() || back.get(row) == values.cell(row), "row {row} of {t:?}");
        }
        // What is no token fails alike, too.
        back.clear();
        failures.clear();
        t.detokenize_column_in(contexts, values, &mut back, &mut failures);
        assert!(results(&back, failures) == one_by_one::<false>(t, contexts, values), "{t:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        // SPEC: FF1-10, FF1-8, COL-1, COL-2
        #[test]
        fn a_row_has_the_token_of_its_context(
            (which, rows) in (0..formats().len()).prop_flat_map(|which| {
                let context = prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..70),
                    prop::sample::select(vec![b"eu".to_vec(), b"us".to_vec()]),
                ];
                (Just(which), prop::collection::vec((context, formats()[which].1), 1..70))
            })
        ) {
            let (contexts, values): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
            check(&tokenizer(formats().swap_remove(which).0), &contexts[..], &values[..]);
        }
    }

    // SPEC: FF1-10, COL-1
    #[test]
    fn long_columns_find_the_contexts_of_their_rows() {
        for (format, value) in [
            (
                Format::card().keep(6, 4),
                (|i| format!("411111{:06}1111", i * 7919 % 1_000_000)) as fn(usize) -> _,
            ),
            (Format::digits(), |i| format!("{:0w$}", i * 31, w = 6 + i % 15)),
            #[cfg(feature = "regex")]
            (Format::regex("[A-Z]{3}-[0-9]{4}", None).unwrap(), |i| format!("ABC-{:04}", i % 10_000)),
            (Format::email(), |i| format!("someone{i}@a.example")),
        ] {
            let values: Vec<String> = (0..9000).map(value).collect();
            let contexts: Vec<String> = (0..9000).map(|i| format!("{:0w$}", i / 3, w = i % 20)).collect();
            let t = tokenizer(format);
            let (mut tokens, mut back, mut failures) = (Column::new(), Column::new(), vec![]);
            t.tokenize_column_in(&contexts[..], &values[..], &mut tokens, &mut failures);
            let results = results(&tokens, failures);
            for row in (0..9000).step_by(61).chain(4090..4100) {
                let one = t.in_context(contexts[row].as_bytes()).unwrap().tokenize(&values[row]);
                assert_eq!(results[row], one.map(String::into_bytes).map_err(|error| error.to_string()));
            }
            t.detokenize_column_in(&contexts[..], &tokens, &mut back, &mut vec![]);
            assert!((0..9000).all(|row| results[row].is_err() || back.get(row) == values[row].as_bytes()));
            assert!(results.iter().filter(|result| result.is_ok()).count() > 800);
        }
    }

    // SPEC: FF1-10, FF1-6, COL-2
    #[test]
    fn a_context_that_is_too_long_costs_its_row_and_no_other() {
        let (most, more) = (vec![b'c'; 32 << 10], vec![b'c'; (32 << 10) + 1]);
        let contexts = [&b""[..], &most, &more, &more, b"c", &more];
        for (format, value) in [
            (Format::digits(), "1234567"),
            (Format::letters(), "abcdefgh"),
            (Format::new(Alphabet::new("äöüßαβγδ").unwrap()), &"ä".repeat(90)),
            #[cfg(feature = "ipcrypt")]
            (Format::network(crate::format::NetworkCipher::Deterministic), "192.0.2.1"),
        ] {
            let t = tokenizer(format);
            let (mut tokens, mut failures) = (Column::new(), vec![]);
            t.tokenize_column_in(
                &contexts,
                &[value, value, value, " ", value, "?"],
                &mut tokens,
                &mut failures,
            );
            assert_eq!(failures.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [2, 5]);
            assert!(failures.iter().all(|(_, error)| matches!(error, crate::error::Error::TooLong { .. })));
            check(&t, &contexts, &[value, value, value, " ", value, "?"]);
        }
    }

    // SPEC: FF1-10
    #[test]
    fn columns_of_different_lengths_are_refused_and_a_tokenizers_own_context_does_not_matter() {
        let t = tokenizer(Format::digits());
        let (mut tokens, mut failures) = (Column::new(), vec![]);
        t.tokenize_column_in(&["a"], &["1234567", ""], &mut tokens, &mut failures);
        t.detokenize_column_in(&["a", "b"], &["1234567"], &mut tokens, &mut failures);
        assert!(tokens.len() == 3 && tokens.iter().all(<[u8]>::is_empty) && failures.len() == 3);
        let (mut one, mut other) = (Column::new(), Column::new());
        t.tokenize_column_in(&["a", "b"], &["1234567", "1234567"], &mut one, &mut vec![]);
        let elsewhere = t.in_context(b"elsewhere").unwrap();
        elsewhere.tokenize_column_in(&["a", "b"], &["1234567", "1234567"], &mut other, &mut vec![]);
        assert!(one.iter().eq(other.iter()) && one.get(0) != one.get(1));
    }
}
