//! How many bits a blind index has: enough that a lookup finds few rows in vain, and few enough that values share them.
//!
//! ```text
//! P rows, D distinct values, each in P/D rows; an index value of b bits
//! rows found in vain by a lookup          (P − P/D) / 2^b
//! share of the values that are alone      (1 − 2^−b)^(D−1)
//! distinct values for each index value    D / 2^b
//! ```
//!
//! A value that is alone in its index value is shown by it as exactly as by a whole hash: which rows are equal, and how
//! many they are. One that shares it with others is not.
//!
//! Source: the idea of a range, from two values for an index value up to the square root of the rows, is CipherSweet's:
//! <https://ciphersweet.paragonie.com/security>.

use super::BlindIndex;
use super::blind_index::{BITS, check_bits, refused};
use crate::error::Result;

/// What is to be expected of an index with so many bits. Every value is taken to be in equally many rows; where some are
/// in many more (names, cities), those stand out by their number whatever the bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IndexPlan {
    /// How long an index value is.
    pub bits: u8,
    /// How many rows there are.
    pub population: u64,
    /// How many distinct values they have.
    pub distinct: u64,
    /// Rows of a lookup that have the value: P/D.
    pub hits: f64,
    /// Rows of a lookup that have another value, and are opened in vain: (P − P/D) / 2^b.
    pub false_positives: f64,
    /// The share of the distinct values that are alone in their index value: (1 − 2^−b)^(D−1).
    pub alone: f64,
    /// Distinct values for each possible index value: D / 2^b. Below 1 most index values stand for one value or none.
    pub values_per_index: f64,
    /// Whether there are fewer than two distinct values for each index value: then the index shows, of many of them,
    /// exactly which rows are equal. Where the advised length does too, no length hides it: index the field together
    /// with another one, or not at all.
    pub leaks_equality: bool,
}

impl BlindIndex {
    /// The fewest bits with which a lookup finds no more rows in vain than it finds hits, or no more than 8 rows; but
    /// never so many that there are fewer than two distinct values for each index value, while there is a choice.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::error::Error::Setting) unless there are 1 to `population` distinct values.
    pub fn plan(population: u64, distinct: u64) -> Result<IndexPlan> {
        const FEW: f64 = 8.0;
        if distinct == 0 || distinct > population {
            let problem = "distinct values: give at least 1, and no more than there are rows";
            return Err(refused(format!("{distinct} {problem} ({population})")));
        }
        let (least, most) = BITS.into_inner();
        let shared = (distinct / 2).checked_ilog2().unwrap_or(0) as u8;
        let at = |bits| IndexPlan::of(bits, population, distinct);
        let is_quick = |bits: &u8| at(*bits).false_positives <= at(*bits).hits.max(FEW);
        let quick = (least..=most).find(is_quick).unwrap_or(most);
        Ok(at(quick.min(shared).max(least)))
    }
}

impl IndexPlan {
    /// The same rows under an index of another length.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::error::Error::Setting) for fewer than 8 or more than 128 bits.
    pub fn at(&self, bits: u8) -> Result<Self> {
        check_bits(bits)?;
        Ok(Self::of(bits, self.population, self.distinct))
    }

    fn of(bits: u8, population: u64, distinct: u64) -> Self {
        let (rows, values, index_values) = (population as f64, distinct as f64, f64::from(bits).exp2());
        let hits = rows / values;
        let values_per_index = values / index_values;
        Self {
            bits,
            population,
            distinct,
            hits,
            false_positives: (rows - hits) / index_values,
            // As the power, but right where 2^-b vanishes beside 1.
            alone: ((values - 1.0) * (-1.0 / index_values).ln_1p()).exp(),
            values_per_index,
            leaks_equality: values_per_index < 2.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::secret::VersionSecret;
    use crate::error::Error;
    use crate::format::Normalization;
    use crate::name::{FieldName, KeyVersion, TenantId};
    use crate::protect::BlindIndexer;
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[test]
    fn the_advice_for_plain_cases() {
        for (population, distinct, bits, leaks) in [
            (1, 1, 8, true),
            (1_000_000, 2, 8, true),   // a yes or no
            (1_000_000, 511, 8, true), // one too few
            (1_000_000, 512, 8, false),
            (1_000_000, 1_000, 8, false),      // a thousand hits each
            (1_000_000, 50_000, 14, false),    // family names
            (1_000_000, 1_000_000, 17, false), // e-mail addresses
            (1_000_000_000, 1_000_000_000, 27, false),
            (u64::MAX, u64::MAX, 61, false),
        ] {
            let plan = BlindIndex::plan(population, distinct).unwrap();
            assert_eq!((plan.bits, plan.leaks_equality), (bits, leaks), "{population} {distinct}: {plan:?}");
        }
    }

    #[test]
    fn counts_that_cannot_be_are_refused() {
        for (population, distinct) in [(0, 0), (10, 0), (10, 11), (0, 1)] {
            assert!(matches!(BlindIndex::plan(population, distinct), Err(Error::Setting { .. })));
        }
        let plan = BlindIndex::plan(10, 10).unwrap();
        assert!(plan.at(7).is_err() && plan.at(129).is_err());
        assert_eq!(plan.at(128).unwrap().bits, 128);
        assert_eq!(plan.at(plan.bits).unwrap(), plan);
    }

    /// What the estimates say, counted on real index values of `distinct` values, each in `population / distinct` rows,
    /// on average over some tenants. The key is always the same: it passes always or never.
    fn counted(population: u64, distinct: u64, bits: u8) -> (f64, f64) {
        const TENANTS: u64 = 40;
        let index = BlindIndex::field(FieldName::new("x").unwrap(), Normalization::None, bits).unwrap();
        let secret = VersionSecret::from_bytes(&mut [7; 32]);
        let (mut others, mut alone) = (0, 0);
        for tenant in 0..TENANTS {
            let tenant = TenantId::new(&tenant.to_string()).unwrap();
            let indexer = BlindIndexer::of_secret(&secret, KeyVersion::FIRST, &tenant, &index);
            let mut sharing = HashMap::<_, u64>::new();
            for i in 0..distinct {
                *sharing.entry(indexer.value(&[&i.to_string()]).unwrap()).or_default() += 1;
            }
            others += sharing.values().map(|n| n * (n - 1)).sum::<u64>();
            alone += sharing.values().filter(|n| **n == 1).count() as u64;
        }
        let each = |count| count as f64 / (TENANTS * distinct) as f64;
        ((population / distinct) as f64 * each(others), each(alone))
    }

    #[test]
    fn the_estimates_are_what_real_index_values_show() {
        for (population, distinct, bits) in
            [(5_000, 5_000, 9), (5_000, 5_000, 12), (200_000, 2_000, 10), (60_000, 600, 8), (5_000, 100, 8)]
        {
            let plan = BlindIndex::plan(population, distinct).unwrap().at(bits).unwrap();
            let (false_positives, alone) = counted(population, distinct, bits);
            let off = (false_positives / plan.false_positives - 1.0).abs();
            assert!(off < 0.1, "{plan:?}: counted {false_positives}");
            assert!((alone - plan.alone).abs() < 0.02, "{plan:?}: counted {alone}");
        }
    }

    proptest! {
        #[test]
        fn advice_is_within_its_rule(population in 1u64.., share in 0.0f64..=1.0) {
            let distinct = ((population as f64 * share) as u64).clamp(1, population);
            let plan = BlindIndex::plan(population, distinct).unwrap();
            prop_assert!(BITS.contains(&plan.bits));
            prop_assert_eq!(plan.leaks_equality, distinct < 512);
            // A bit less finds too much; of the values that share one, at least two do.
            if plan.bits > 8 {
                let shorter = plan.at(plan.bits - 1).unwrap();
                prop_assert!(shorter.false_positives > shorter.hits.max(8.0));
                prop_assert!(plan.values_per_index >= 2.0);
            }
            prop_assert!((0.0..=1.0).contains(&plan.alone));
            let found = plan.false_positives;
            prop_assert!(distinct < 512 || found <= 4.0 * plan.hits.max(8.0), "{:?}", plan);
        }
    }
}
