//! `valid = payload ‖ check`, where `check = f(payload)`: characters that give away a mistyped payload.
//!
//! The schemes take ASCII digits and upper-case letters.
//!
//! Source: ISO/IEC 7812-1, Annex B (Luhn); ISO/IEC 7064:2003 (MOD m-r in section 8, MOD m+1,m in section 9);
//! J. Verhoeff, "Error Detecting Decimal Codes", 1969; H. M. Damm, "Total anti-symmetrische Quasigruppen", 2004.

use super::luhn;

/// How the check characters follow from the payload.
///
/// # Example
/// Verhoeff completes 236 to 2363, and ISO 7064 MOD 11-2 completes 079 to 079X.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// `Σ w(dᵢ) ≡ 0 (mod 10)`, for payment cards. The digit can stand anywhere.
    Luhn,
    /// `Π pⁱ(dᵢ) = 0` in the dihedral group of ten elements, i counted from the right.
    Verhoeff,
    /// `(…((0 ∘ d₁) ∘ d₂) … ∘ dₙ) = 0` in a quasigroup of ten elements.
    Damm,
    /// `number(payload ‖ check) ≡ 1 (mod 97)`, letters read as the two digits of 10..=35: LEI (ISO 17442), IBAN.
    Mod97,
    /// Digits, and the check can be `X`: ISNI, ORCID, Chinese identity numbers.
    Iso7064Mod11_2,
    /// Digits and letters, and the check can be `*`: ISBT 128 donation numbers.
    Iso7064Mod37_2,
    /// Digits, two of them the check.
    Iso7064Mod97_10,
    /// Letters, two of them the check.
    Iso7064Mod661_26,
    /// Digits and letters, two of them the check.
    Iso7064Mod1271_36,
    /// Digits: German tax numbers, Croatian personal numbers.
    Iso7064Mod11_10,
    /// Letters.
    Iso7064Mod27_26,
    /// Digits and letters: GRid, ISAN.
    Iso7064Mod37_36,
}

const ALL: [(Check, &str); 12] = [
    (Check::Luhn, "luhn"),
    (Check::Verhoeff, "verhoeff"),
    (Check::Damm, "damm"),
    (Check::Mod97, "mod97"),
    (Check::Iso7064Mod11_2, "iso7064-11-2"),
    (Check::Iso7064Mod37_2, "iso7064-37-2"),
    (Check::Iso7064Mod97_10, "iso7064-97-10"),
    (Check::Iso7064Mod661_26, "iso7064-661-26"),
    (Check::Iso7064Mod1271_36, "iso7064-1271-36"),
    (Check::Iso7064Mod11_10, "iso7064-11-10"),
    (Check::Iso7064Mod27_26, "iso7064-27-26"),
    (Check::Iso7064Mod37_36, "iso7064-37-36"),
];

const NAMES: [&str; ALL.len()] = {
    let mut names = [""; ALL.len()];
    let mut i = 0;
    while i < ALL.len() {
        names[i] = ALL[i].1;
        i += 1;
    }
    names
};

impl Check {
    /// The scheme of this name.
    pub fn parse(name: &str) -> Option<Check> {
        ALL.iter().find(|(_, n)| *n == name).map(|(check, _)| *check)
    }

    /// Every scheme's name.
    pub fn names() -> &'static [&'static str] {
        &NAMES
    }

    /// How many check characters there are: 1 or 2.
    pub fn symbols(self) -> usize {
        use Check::*;
        match self {
            Mod97 | Iso7064Mod97_10 | Iso7064Mod661_26 | Iso7064Mod1271_36 => 2,
            _ => 1,
        }
    }

    /// Whether the scheme takes this character as payload.
    pub fn takes(self, c: u8) -> bool {
        self.value(c).is_some()
    }

    /// The check characters that complete `before ‖ check ‖ after`; of one check character the second byte is 0.
    ///
    /// `None` when the scheme does not take a character, or when its check must stand last (all but Luhn) and
    /// `after` is not empty.
    pub fn complete(self, before: &[u8], after: &[u8]) -> Option<[u8; 2]> {
        let last = after.is_empty() || self == Check::Luhn;
        if !last || !before.iter().all(|c| self.takes(*c)) {
            return None;
        }
        let values = before.iter().filter_map(|c| self.value(*c));
        Some(match self {
            Check::Luhn => return luhn_digit(before, after),
            Check::Verhoeff => self.one(verhoeff(values.rev())),
            Check::Damm => self.one(damm(values)),
            Check::Mod97 => return Check::mod_97(before),
            Check::Iso7064Mod97_10 => self.two(pure(values, 97, 10, 2), 10),
            Check::Iso7064Mod11_2 => self.one(pure(values, 11, 2, 1) % 11),
            Check::Iso7064Mod37_2 => self.one(pure(values, 37, 2, 1) % 37),
            Check::Iso7064Mod661_26 => self.two(pure(values, 661, 26, 2), 26),
            Check::Iso7064Mod1271_36 => self.two(pure(values, 1271, 36, 2), 36),
            Check::Iso7064Mod11_10 => self.one(hybrid(values, 10)),
            Check::Iso7064Mod27_26 => self.one(hybrid(values, 26)),
            Check::Iso7064Mod37_36 => self.one(hybrid(values, 36)),
        })
    }

    /// [`Check::Mod97`] of a payload that does not stand in one piece.
    pub(super) fn mod_97<'a>(payload: impl IntoIterator<Item = &'a u8>) -> Option<[u8; 2]> {
        let rest = payload.into_iter().try_fold(0, |rest, c| {
            let value = Check::Mod97.value(*c)?;
            // A letter has two decimal digits.
            Some((rest * if value < 10 { 10 } else { 100 } + value) % 97)
        })?;
        Some(Check::Mod97.two(98 - rest * 100 % 97, 10))
    }

    /// The number that a character of the payload stands for.
    fn value(self, c: u8) -> Option<u32> {
        use Check::*;
        let (digits, first_letter) = match self {
            Luhn | Verhoeff | Damm | Iso7064Mod11_2 | Iso7064Mod97_10 | Iso7064Mod11_10 => (true, None),
            Mod97 | Iso7064Mod37_2 | Iso7064Mod1271_36 | Iso7064Mod37_36 => (true, Some(10)),
            Iso7064Mod661_26 | Iso7064Mod27_26 => (false, Some(0)),
        };
        match c {
            b'0'..=b'9' if digits => Some(u32::from(c - b'0')),
            b'A'..=b'Z' => first_letter.map(|first| first + u32::from(c - b'A')),
            _ => None,
        }
    }

    fn one(self, value: u32) -> [u8; 2] {
        [self.character(value), 0]
    }

    fn two(self, value: u32, radix: u32) -> [u8; 2] {
        [self.character(value / radix), self.character(value % radix)]
    }

    /// The check character of this value, which can be one more than a payload's.
    fn character(self, value: u32) -> u8 {
        let value = value as u8;
        match self {
            Check::Iso7064Mod661_26 | Check::Iso7064Mod27_26 => b'A' + value,
            Check::Iso7064Mod11_2 if value == 10 => b'X',
            Check::Iso7064Mod37_2 if value == 36 => b'*',
            _ if value < 10 => b'0' + value,
            _ => b'A' + (value - 10),
        }
    }
}

fn luhn_digit(before: &[u8], after: &[u8]) -> Option<[u8; 2]> {
    let sum = |digits: &[u8], right: usize| {
        let weighted = |(i, c): (usize, &u8)| {
            let digit = Check::Luhn.value(*c)?;
            Some(luhn::weighted(digit as u16, right + i) % 10)
        };
        // Reduced as it goes, so that no length overflows.
        digits.iter().rev().enumerate().map(weighted).try_fold(0, |sum, w| Some((sum + w?) % 10))
    };
    let total = sum(after, 0)? + sum(before, after.len() + 1)?;
    Some([b'0' + luhn::completing(total, after.len()) as u8, 0])
}

/// The values from the last to the first.
fn verhoeff(values: impl Iterator<Item = u32>) -> u32 {
    let product = PERMUTATIONS
        .iter()
        .cycle()
        .skip(1)
        .zip(values)
        .fold(0, |product, (permuted, value)| dihedral(product, permuted[value as usize]));
    // A rotation's inverse is the rotation back, and a reflection is its own.
    if product < 5 { (5 - product) % 5 } else { product }
}

/// The product in the symmetry group of the pentagon: 0..=4 are its rotations, 5..=9 its reflections.
const fn dihedral(a: u32, b: u32) -> u32 {
    match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b) % 5,
        (false, true) => 5 + (a - b) % 5,
        (false, false) => (5 + a - b) % 5,
    }
}

/// Verhoeff's permutation, applied 0 to 7 times; the eighth is the identity again.
const PERMUTATIONS: [[u32; 10]; 8] = {
    let once = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let mut rows = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]; 8];
    let mut row = 1;
    while row < 8 {
        let mut i = 0;
        while i < 10 {
            rows[row][i] = once[rows[row - 1][i] as usize];
            i += 1;
        }
        row += 1;
    }
    rows
};

fn damm(values: impl Iterator<Item = u32>) -> u32 {
    values.fold(0, |state, value| QUASIGROUP[state as usize][value as usize])
}

/// Damm's totally anti-symmetric quasigroup of order 10. Its diagonal is 0, so the state is its own check digit.
const QUASIGROUP: [[u32; 10]; 10] = [
    [0, 3, 1, 7, 5, 9, 8, 6, 4, 2],
    [7, 0, 9, 2, 1, 5, 4, 8, 6, 3],
    [4, 2, 0, 6, 8, 7, 1, 3, 5, 9],
    [1, 7, 5, 0, 9, 8, 3, 4, 2, 6],
    [6, 1, 2, 3, 0, 4, 5, 9, 7, 8],
    [3, 6, 7, 4, 2, 0, 9, 5, 8, 1],
    [5, 8, 6, 9, 7, 2, 0, 1, 3, 4],
    [8, 9, 4, 5, 3, 6, 2, 0, 1, 7],
    [9, 4, 3, 8, 6, 1, 7, 2, 0, 5],
    [2, 5, 8, 1, 4, 3, 6, 7, 9, 0],
];

/// ISO 7064's pure system: the value of `checks` characters of base r with `number(payload ‖ check) ≡ 1 (mod m)`.
///
/// Two characters can spell 0 and m, or 1 and m + 1. Subtracting from m + 1 gives the larger: 02 to 98 for 97-10.
fn pure(values: impl Iterator<Item = u32>, m: u32, r: u32, checks: u32) -> u32 {
    let rest = values.fold(0, |rest, value| (rest * r + value) % m);
    m + 1 - rest * r.pow(checks) % m
}

/// ISO 7064's hybrid system, mod m + 1 and m.
fn hybrid(values: impl Iterator<Item = u32>, m: u32) -> u32 {
    let product = values.fold(m, |product, value| {
        let sum = match (product + value) % m {
            0 => m,
            sum => sum,
        };
        sum * 2 % (m + 1)
    });
    (m + 1 - product) % m
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn completed(check: Check, payload: &[u8]) -> Vec<u8> {
        let symbols = check.complete(payload, b"").unwrap();
        [payload, &symbols[..check.symbols()]].concat()
    }

    fn valid(check: Check, word: &[u8]) -> bool {
        let (payload, symbols) = word.split_at(word.len() - check.symbols());
        check.complete(payload, b"").is_some_and(|s| s[..check.symbols()] == *symbols)
    }

    fn characters(check: Check) -> Vec<u8> {
        (0..=u8::MAX).filter(|c| check.takes(*c)).collect()
    }

    /// Calls `test` with every payload of this length.
    fn every_payload(characters: &[u8], length: u32, mut test: impl FnMut(&[u8])) {
        for mut n in 0..characters.len().pow(length) {
            let mut payload = vec![];
            for _ in 0..length {
                payload.push(characters[n % characters.len()]);
                n /= characters.len();
            }
            test(&payload);
        }
    }

    fn length_for(characters: &[u8]) -> u32 {
        if characters.len() == 10 { 4 } else { 2 }
    }

    #[test]
    fn well_known_numbers_are_valid() {
        for (name, words) in [
            ("luhn", &["4111111111111111", "79927398713", "378282246310005", "490154203237518"][..]),
            ("verhoeff", &["2363", "123451", "1428570", "84736430954837284567892"]),
            ("damm", &["5724", "112946", "00"]),
            // LEIs of Bloomberg, Apple, and of GLEIF's own.
            ("mod97", &["5493001KJTIIGC8Y1R12", "HWUPKR0MPOU8FGXBT394", "506700GE1G29325QX363"]),
            // The standard's, and ORCID's and ISNI's own examples.
            ("iso7064-11-2", &["07940", "079X", "0000000218250097", "000000021694233X", "000000012146438X"]),
            ("iso7064-37-2", &["G123489654321Y", "A999914123456N"]),
            ("iso7064-97-10", &["79444", "9999123456789012141490"]),
            ("iso7064-661-26", &["BAISDLAFKBM", "AZM"]),
            ("iso7064-1271-36", &["ISO793W"]),
            ("iso7064-11-10", &["07945", "36574261809", "69435151530"]),
            ("iso7064-27-26", &["DELTAP"]),
            ("iso7064-37-36", &["A12425GABC1234002M", "00000000D07A0090Q"]),
        ] {
            let check = Check::parse(name).unwrap();
            for word in words {
                let payload = &word.as_bytes()[..word.len() - check.symbols()];
                let completed = String::from_utf8(completed(check, payload)).unwrap();
                assert_eq!(completed, *word, "{name}");
            }
        }
    }

    #[test]
    fn names_are_their_own_schemes() {
        for (check, name) in ALL {
            assert_eq!(Check::parse(name), Some(check));
        }
        assert_eq!(Check::names().len(), 12);
        assert_eq!(Check::parse("Luhn"), None);
        assert_eq!(Check::parse(""), None);
    }

    #[test]
    fn every_wrong_character_is_detected() {
        for (check, _) in ALL {
            let characters = characters(check);
            every_payload(&characters, length_for(&characters), |payload| {
                let mut word = completed(check, payload);
                assert!(valid(check, &word));
                for i in 0..payload.len() {
                    for c in characters.iter().filter(|c| **c != payload[i]) {
                        // A letter in a digit's place moves what stands before it.
                        if check == Check::Mod97 && c.is_ascii_digit() != payload[i].is_ascii_digit() {
                            continue;
                        }
                        word[i] = *c;
                        assert!(!valid(check, &word), "{check:?}");
                    }
                    word[i] = payload[i];
                }
            });
        }
    }

    #[test]
    fn every_adjacent_transposition_is_detected_where_the_scheme_promises_it() {
        use Check::*;
        for check in [
            Verhoeff,
            Damm,
            Iso7064Mod11_2,
            Iso7064Mod37_2,
            Iso7064Mod97_10,
            Iso7064Mod661_26,
            Iso7064Mod1271_36,
        ] {
            let characters = characters(check);
            every_payload(&characters, length_for(&characters), |payload| {
                let mut word = completed(check, payload);
                for i in 1..word.len() {
                    word.swap(i - 1, i);
                    assert_eq!(valid(check, &word), word[i - 1] == word[i], "{check:?}");
                    word.swap(i - 1, i);
                }
            });
        }
    }

    #[test]
    fn luhn_misses_the_transposition_of_0_and_9_alone() {
        every_payload(b"0123456789", 4, |payload| {
            let mut word = completed(Check::Luhn, payload);
            for i in 1..word.len() {
                word.swap(i - 1, i);
                let missed = word[i - 1] == word[i] || matches!(&word[i - 1..=i], b"09" | b"90");
                assert_eq!(valid(Check::Luhn, &word), missed);
                word.swap(i - 1, i);
            }
        });
    }

    #[test]
    fn what_a_scheme_does_not_take_is_refused() {
        for (check, _) in ALL {
            for c in 0..=u8::MAX {
                assert_eq!(check.complete(&[c], b"").is_some(), check.takes(c), "{check:?}");
            }
            let sizes = [10, 26, 36].contains(&characters(check).len());
            assert!(sizes && check.complete(b"", b"").is_some(), "{check:?}");
            let any = characters(check)[0];
            assert_eq!(check.complete(b"", &[any]).is_some(), check == Check::Luhn);
        }
        assert_eq!(Check::Luhn.complete(b"1", b"x"), None);
        assert!(!Check::Iso7064Mod11_2.takes(b'X') && !Check::Mod97.takes(b'a'));
    }

    proptest! {
        #[test]
        fn a_luhn_digit_completes_wherever_it_stands(before in "[0-9]{0,20}", after in "[0-9]{0,20}") {
            let digit = Check::Luhn.complete(before.as_bytes(), after.as_bytes()).unwrap()[0];
            let word = [before.as_bytes(), &[digit], after.as_bytes()].concat();
            prop_assert!(valid(Check::Luhn, &word));
        }

        #[test]
        fn check_characters_of_mod_97_are_02_to_98(payload in "[0-9]{0,30}") {
            for check in [Check::Mod97, Check::Iso7064Mod97_10] {
                let symbols = check.complete(payload.as_bytes(), b"").unwrap();
                prop_assert!((*b"02"..=*b"98").contains(&symbols));
            }
        }
    }
}
