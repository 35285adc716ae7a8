//! The spelling of numerals as symbols of one byte.

use crate::error::{Error, Result};

/// Numeral i is written as the i-th symbol; a symbol is any byte, and their number, 2 to 256, is the radix.
///
/// # Security
/// The alphabet itself is public. Text is converted by arithmetic on all of its bytes alike: no address and no branch
/// depends on a symbol. The work grows with the number of runs, which are symbols that follow each other as bytes too:
/// digits are one run, `0-9A-Za-z` are three.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsciiAlphabet {
    symbols: Vec<u8>,
    runs: Vec<Run>,
    decimal: bool,
}

/// Numerals `numeral..=numeral + last`, written as the bytes `symbol..=symbol + last`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    symbol: u8,
    numeral: u8,
    last: u8,
}

impl AsciiAlphabet {
    /// The alphabet of these symbols, in this order.
    ///
    /// # Errors
    /// [`Error::Setting`] for fewer than 2 symbols, or one that stands twice.
    pub fn new(symbols: &[u8]) -> Result<Self> {
        let problem = |problem: String| Error::Setting { what: "alphabet", problem };
        if symbols.len() < 2 {
            return Err(problem("needs at least 2 symbols".into()));
        }
        let mut seen = [false; 256];
        let mut runs: Vec<Run> = vec![];
        for (i, &symbol) in symbols.iter().enumerate() {
            if std::mem::replace(&mut seen[usize::from(symbol)], true) {
                return Err(problem(format!("byte {symbol} stands twice")));
            }
            match runs.last_mut() {
                Some(run) if run.symbol.checked_add(run.last + 1) == Some(symbol) => run.last += 1,
                // No more than 256 bytes differ.
                _ => runs.push(Run { symbol, numeral: i as u8, last: 0 }),
            }
        }
        Ok(AsciiAlphabet { symbols: symbols.into(), runs, decimal: symbols == b"0123456789" })
    }

    /// `0123456789`, the fastest alphabet.
    pub fn digits() -> Self {
        Self::new(b"0123456789").expect("ten distinct symbols")
    }

    /// How many symbols there are.
    pub fn radix(&self) -> u32 {
        self.symbols.len() as u32
    }

    /// The numeral that the symbol writes.
    pub fn numeral(&self, symbol: u8) -> Option<u8> {
        let mut byte = [symbol];
        self.read(&mut byte).then_some(byte[0])
    }

    /// The symbol that writes the numeral.
    pub fn character(&self, numeral: u8) -> Option<u8> {
        let mut byte = [numeral];
        translate(self.runs.iter().map(Run::writing), &mut byte).then_some(byte[0])
    }

    /// The symbols, in their order.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn characters(&self) -> &[u8] {
        &self.symbols
    }

    /// Whether these are the decimal digits in their order.
    pub(super) fn is_decimal(&self) -> bool {
        self.decimal
    }

    /// Symbols to numerals, in place; whether all of them belong to the alphabet.
    #[inline(always)]
    pub(super) fn read(&self, text: &mut [u8]) -> bool {
        translate(self.runs.iter().map(Run::reading), text)
    }

    /// Numerals below the radix to symbols, in place.
    #[inline(always)]
    pub(super) fn write(&self, numerals: &mut [u8]) {
        translate(self.runs.iter().map(Run::writing), numerals);
    }

    /// Whether all symbols belong to the alphabet.
    pub(super) fn holds(&self, text: &[u8]) -> bool {
        text.chunks(BLOCK).fold(true, |all, chunk| {
            let mut copy = [0; BLOCK];
            let copy = &mut copy[..chunk.len()];
            copy.copy_from_slice(chunk);
            all & self.read(copy)
        })
    }
}

impl Run {
    fn reading(&self) -> Step {
        Step { from: self.symbol, last: self.last, shift: self.numeral.wrapping_sub(self.symbol) }
    }

    fn writing(&self) -> Step {
        Step { from: self.numeral, last: self.last, shift: self.symbol.wrapping_sub(self.numeral) }
    }
}

/// `x ↦ x + shift` for x in `from..=from + last`, and 0 for other bytes.
#[derive(Clone, Copy)]
struct Step {
    from: u8,
    last: u8,
    shift: u8,
}

/// Bytes that are translated together: a few vectors of any machine.
const BLOCK: usize = 64;

/// Each byte by the step that it belongs to; whether each belongs to one.
#[inline(always)]
fn translate(steps: impl ExactSizeIterator<Item = Step> + Clone, text: &mut [u8]) -> bool {
    if (4..=16).contains(&text.len()) && steps.len() <= FEW_RUNS {
        return short(steps, text);
    }
    let (blocks, rest) = text.as_chunks_mut::<BLOCK>();
    let (vectors, rest) = rest.as_chunks_mut::<16>();
    let (words, rest) = rest.as_chunks_mut::<8>();
    let (halves, rest) = rest.as_chunks_mut::<4>();
    let mut all = blocks.iter_mut().fold(true, |all, block| all & together(steps.clone(), block));
    all = vectors.iter_mut().fold(all, |all, vector| all & together(steps.clone(), vector));
    all = words.iter_mut().fold(all, |all, word| all & together(steps.clone(), word));
    all = halves.iter_mut().fold(all, |all, half| all & together(steps.clone(), half));
    rest.as_chunks_mut::<1>().0.iter_mut().fold(all, |all, byte| all & together(steps.clone(), byte))
}

/// All bytes through all steps, by comparing and selecting: a loop that compilers turn into vector instructions.
#[inline(always)]
fn together<const N: usize>(steps: impl Iterator<Item = Step>, bytes: &mut [u8; N]) -> bool {
    let (mut result, mut found) = ([0; N], [0; N]);
    for Step { from, last, shift } in steps {
        for ((&byte, result), found) in bytes.iter().zip(&mut result).zip(&mut found) {
            let inside = u8::from(byte.wrapping_sub(from) <= last).wrapping_neg();
            *result |= inside & byte.wrapping_add(shift);
            *found |= inside;
        }
    }
    *bytes = result;
    found.iter().fold(0xFF, |all, found| all & found) == 0xFF
}

/// So few steps are done on words: vectors would have to wait until what was written byte by byte can be loaded.
const FEW_RUNS: usize = 4;

/// 4 to 16 bytes: the first and the last of them, which may overlap, in one word or two.
#[inline(always)]
fn short(steps: impl Iterator<Item = Step> + Clone, text: &mut [u8]) -> bool {
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let (first, first_good) = word(steps.clone(), u64::from_le_bytes(*first));
        let (last, last_good) = word(steps, u64::from_le_bytes(*last));
        if let Some(to) = text.first_chunk_mut() {
            *to = first.to_le_bytes();
        }
        if let Some(to) = text.last_chunk_mut() {
            *to = last.to_le_bytes();
        }
        return first_good & last_good;
    }
    let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) else { return false };
    let both = u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
    let (both, good) = word(steps, both);
    if let Some(to) = text.first_chunk_mut() {
        *to = (both as u32).to_le_bytes();
    }
    if let Some(to) = text.last_chunk_mut() {
        *to = ((both >> 32) as u32).to_le_bytes();
    }
    good
}

/// The eight bytes of a word through all steps.
///
/// x − from and x + shift modulo 256, byte by byte: on the low seven bits with a top bit above them that takes the borrow or the
/// carry, and then the top bits by XOR. Let d = x − from. `low` has the top bit of each byte where the low seven bits of d exceed
/// those of `last`: d₆₋₀ + 127 − last₆₋₀ ≥ 128. So d > last where d has its top bit or `low` has, if `last` is below 128, and
/// where both have, if it is not. What each is, all bytes are; `last` is public.
#[inline(always)]
fn word(steps: impl Iterator<Item = Step>, word: u64) -> (u64, bool) {
    const ONES: u64 = u64::MAX / 0xFF;
    const TOP: u64 = 0x80 * ONES;
    let all = |byte: u8| u64::from(byte) * ONES;
    let (mut result, mut found) = (0, 0);
    for Step { from, last, shift } in steps {
        let (from, shift) = (all(from), all(shift));
        let d = ((word | TOP) - (from & !TOP)) ^ ((word ^ !from) & TOP);
        let low = (d & !TOP) + all(0x7F - (last & 0x7F));
        let over = if last < 0x80 { d | low } else { d & low };
        let inside = ((!over & TOP) >> 7) * 0xFF;
        let shifted = ((word & !TOP) + (shift & !TOP)) ^ ((word ^ shift) & TOP);
        result |= inside & shifted;
        found |= inside;
    }
    (result, found == u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alphabet_is_at_least_two_distinct_bytes() {
        for bad in [&b""[..], b"a", b"aa", b"abca", b"\xFFb\xFF", &[b'x'; 300]] {
            assert!(
                matches!(AsciiAlphabet::new(bad), Err(Error::Setting { what: "alphabet", .. })),
                "{bad:?}"
            );
        }
        let all: Vec<u8> = (0..=255).collect();
        let alphabet = AsciiAlphabet::new(&all).unwrap();
        assert_eq!(
            (alphabet.radix(), alphabet.numeral(255), alphabet.character(255)),
            (256, Some(255), Some(255))
        );
        assert_eq!(alphabet.runs.len(), 1);
    }

    #[test]
    fn symbols_and_numerals_are_inverse_and_no_other_byte_is_taken() {
        let odd = |x: u8| x.wrapping_mul(167);
        let around_the_end: Vec<u8> = (250..=255).chain(0..5).collect();
        let scattered: Vec<u8> = (0..=255).map(odd).collect();
        let half: Vec<u8> = (0..128).map(odd).collect();
        let reversed: Vec<u8> = (0..=255).rev().collect();
        let alphanumeric = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        for (symbols, runs) in [
            (&b"ACGT"[..], 4),
            (b"0123456789", 1),
            (b"9876543210", 10),
            (alphanumeric, 3),
            (&around_the_end, 2),
            (&scattered, 256),
            (&half, 128),
            (&reversed, 256),
        ] {
            let alphabet = AsciiAlphabet::new(symbols).unwrap();
            assert_eq!((alphabet.radix(), alphabet.runs.len()), (symbols.len() as u32, runs));
            for byte in 0..=255 {
                let numeral = symbols.iter().position(|&symbol| symbol == byte).map(|i| i as u8);
                assert_eq!(alphabet.numeral(byte), numeral);
                assert_eq!(alphabet.character(byte), symbols.get(usize::from(byte)).copied());
                for length in 4..=16 {
                    let place = usize::from(byte) % length;
                    let mut text = vec![symbols[0]; length];
                    text[place] = byte;
                    assert_eq!(alphabet.read(&mut text), numeral.is_some());
                    assert_eq!(text[place], numeral.unwrap_or(0));
                }
            }
            for length in 0..=130 {
                let text: Vec<u8> = (0..length).map(|i| symbols[(i * 7 + length) % symbols.len()]).collect();
                let mut copy = text.clone();
                assert!(alphabet.read(&mut copy) && alphabet.holds(&text));
                for (&symbol, &numeral) in text.iter().zip(&copy) {
                    assert_eq!(symbols[usize::from(numeral)], symbol);
                }
                alphabet.write(&mut copy);
                assert_eq!(copy, text);
                let Some(foreign) = (0..=255).find(|byte| !symbols.contains(byte)) else { continue };
                for place in 0..length {
                    let mut copy = text.clone();
                    copy[place] = foreign;
                    assert!(!alphabet.holds(&copy) && !alphabet.read(&mut copy), "{place} of {length}");
                }
            }
        }
    }
}
