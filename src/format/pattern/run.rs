//! `rank(w) = Σ index(w_i) · size^(n-1-i)`: all words of some lengths over one set of characters.
//!
//! The same ranks as those of an [automaton](super::automaton) for `[set]{shortest,longest}`, without its rows.

use super::super::natural::Natural;
use super::super::rank::Rank;
use super::characters::Characters;
use zeroize::Zeroizing;

/// Words over a set of characters.
pub(super) struct Run {
    characters: Characters,
    pub shortest: usize,
    pub longest: usize,
    /// `size^n`, as far as 128 bits go and words are that long.
    powers: Vec<u128>,
    /// How many characters 64 bits hold, and their number of words.
    group: (usize, u64),
}

impl Run {
    /// Words of so many of these characters, of which there must be some.
    pub fn new(characters: Characters, shortest: usize, longest: usize) -> Self {
        let size = characters.size();
        let powers = std::iter::successors(Some(1u128), |power| power.checked_mul(size.into()));
        let powers: Vec<u128> = powers.take(longest + 1).collect();
        let within = powers.iter().take_while(|power| **power <= u64::MAX.into()).count() - 1;
        let group = (within.max(1), powers.get(within.max(1)).map_or(1, |power| *power as u64));
        Self { characters, shortest, longest, powers, group }
    }

    /// The characters of the words.
    pub fn characters(&self) -> &Characters {
        &self.characters
    }

    /// How many words have this length; `None` for none.
    pub fn count(&self, length: usize) -> Option<Rank> {
        let size = || Natural::from(u128::from(self.characters.size()));
        (self.shortest..=self.longest).contains(&length).then(|| match self.powers.get(length) {
            Some(power) => Rank::Small(*power),
            None => size().pow(length).into(),
        })
    }

    /// The rank of a text of this length among the words of that length.
    ///
    /// # Errors
    /// The first character, counted from 0, that is not in the set.
    pub fn rank(&self, text: &str, length: usize) -> Result<Rank, usize> {
        let size = u64::from(self.characters.size());
        if length <= self.group.0 {
            let mut rank = 0;
            for (i, c) in text.chars().enumerate() {
                rank = rank * size + u64::from(self.characters.index(c).ok_or(i)?);
            }
            return Ok(Rank::Small(rank.into()));
        }
        if length < self.powers.len() {
            let mut rank = 0;
            for (i, c) in text.chars().enumerate() {
                rank = rank * u128::from(size) + u128::from(self.characters.index(c).ok_or(i)?);
            }
            return Ok(Rank::Small(rank));
        }
        let mut rank = Natural::default();
        let (mut group, mut factor, mut waiting) = (0u64, 1u64, 0);
        for (i, c) in text.chars().enumerate() {
            group = group * size + u64::from(self.characters.index(c).ok_or(i)?);
            factor *= size;
            waiting += 1;
            if waiting == self.group.0 || i + 1 == length {
                rank = rank.mul_small(factor);
                rank.add_product(&Natural::from(1), group);
                (group, factor, waiting) = (0, 1, 0);
            }
        }
        Ok(rank.into())
    }

    /// Appends the word of this length and rank.
    pub fn unrank(&self, length: usize, rank: &Rank, out: &mut Vec<u8>) {
        const SHORT: usize = 32;
        let (mut short, mut long) = ([0; SHORT], Zeroizing::new(vec![]));
        let indices = match length <= SHORT {
            true => &mut short[..length],
            false => {
                long.resize(length, 0);
                &mut long[..]
            }
        };
        let mut rest = rank.clone();
        for indices in indices.rchunks_mut(self.group.0) {
            let mut group = match &mut rest {
                Rank::Small(n) => match u64::try_from(*n) {
                    Ok(low) => {
                        *n = (low / self.group.1).into();
                        low % self.group.1
                    }
                    Err(_) => {
                        let low = *n % u128::from(self.group.1);
                        *n /= u128::from(self.group.1);
                        low as u64
                    }
                },
                Rank::Big(n) => n.div_small(self.group.1),
            };
            for index in indices.iter_mut().rev() {
                *index = (group % u64::from(self.characters.size())) as u32;
                group /= u64::from(self.characters.size());
            }
        }
        for index in indices {
            out.extend_from_slice(self.characters.nth(*index).encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}
