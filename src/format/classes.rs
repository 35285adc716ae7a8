//! Which character may stand in for which: `class ∋ character ↔ digit`, an alphabet for each kind of character.
//!
//! A letter is replaced by a letter of its script, its case and its kind of diacritic, a digit by a digit. So what a
//! value looks like stays, and a token tells its own classes: reading a token finds those of its value.

use std::sync::LazyLock;

/// One alphabet of [`CLASSES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class(u8);

/// Any class's characters, in the order of their digits. Fixed for ever, as are the indices: tokens made with them exist.
const CLASSES: [&str; 58] = [
    "0123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    // Alphabets in which letters and digits take each other's places; the letters' case is that of the whole value.
    "0123456789abcdefghijklmnopqrstuvwxyz",
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "0123456789abcdef",
    "0123456789ABCDEF",
    // Parts of the digits.
    "123456789",
    "23456789",
    "01",
    // Latin letters with diacritics, lower and upper case in turn.
    "áéíóúýćńśźĺŕǵḱḿṕẃ",
    "ÁÉÍÓÚÝĆŃŚŹĹŔǴḰḾṔẂ",
    "àèìòùǹẁỳ",
    "ÀÈÌÒÙǸẀỲ",
    "âêîôûĉĝĥĵŝŵŷẑ",
    "ÂÊÎÔÛĈĜĤĴŜŴŶẐ",
    "äëïöüÿẅẍ",
    "ÄËÏÖÜŸẄẌ",
    "ãñõĩũẽỹṽ",
    "ÃÑÕĨŨẼỸṼ",
    "čďěňřšťžǎǐǒǔǧľ",
    "ČĎĚŇŘŠŤŽǍǏǑǓǦĽ",
    "çşţģķļņŗșțȩ",
    "ÇŞŢĢĶĻŅŖȘȚȨ",
    "ąęįųǫ",
    "ĄĘĮŲǪ",
    "āēīōūȳḡ",
    "ĀĒĪŌŪȲḠ",
    "ăĕğĭŏŭ",
    "ĂĔĞĬŎŬ",
    "ċėġżȧȯẏ",
    "ĊĖĠŻȦȮẎ",
    "őűåů",
    "ŐŰÅŮ",
    "øłđħŧƀɨ",
    "ØŁĐĦŦɃƗ",
    "æœðþßŋıĸ",
    "ÆŒÐÞẞŊİƏ",
    "ạẹịọụỵḍḥḷṇṛṣṭẓ",
    "ẠẸỊỌỤỴḌḤḶṆṚṢṬẒ",
    "ảẻỉỏủỷ",
    "ẢẺỈỎỦỶ",
    "ấầẩẫậắằẳẵặếềểễệốồổỗộớờởỡợứừửữựơư",
    "ẤẦẨẪẬẮẰẲẴẶẾỀỂỄỆỐỒỔỖỘỚỜỞỠỢỨỪỬỮỰƠƯ",
    // Greek.
    "αβγδεζηθικλμνξοπρσςτυφχψω",
    "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ",
    "άέήίόύώ",
    "ΆΈΉΊΌΎΏ",
    "ϊϋΐΰ",
    "ΪΫ",
    // Cyrillic.
    "абвгдежзийклмнопрстуфхцчшщъыьэюя",
    "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ",
    "ёіїєґўјљњћџђѓќѕ",
    "ЁІЇЄҐЎЈЉЊЋЏЂЃЌЅ",
    "ѐѝәғқңөұүһ",
    "ЀЍӘҒҚҢӨҰҮҺ",
    "ªº",
];

impl Class {
    pub(super) const DIGITS: Class = Class(0);
    pub(super) const LOWER: Class = Class(1);
    pub(super) const UPPER: Class = Class(2);
    /// Digits and lower-case letters.
    pub(super) const LOWER_36: Class = Class(3);
    /// Digits and upper-case letters.
    pub(super) const UPPER_36: Class = Class(4);
    /// Digits, lower-case and upper-case letters.
    pub(super) const MIXED_62: Class = Class(5);
    pub(super) const LOWER_HEX: Class = Class(6);
    pub(super) const UPPER_HEX: Class = Class(7);
    pub(super) const ONE_TO_NINE: Class = Class(8);
    pub(super) const TWO_TO_NINE: Class = Class(9);
    pub(super) const ZERO_OR_ONE: Class = Class(10);
    const FIRST_WITH_DIACRITICS: usize = 11;

    /// The class and digit of a letter or digit by itself: its script, case and diacritic.
    #[inline]
    pub(super) fn of(c: char) -> Option<(Class, u16)> {
        match c {
            '0'..='9' => Some((Class::DIGITS, c as u16 - '0' as u16)),
            'a'..='z' => Some((Class::LOWER, c as u16 - 'a' as u16)),
            'A'..='Z' => Some((Class::UPPER, c as u16 - 'A' as u16)),
            '\0'..='\x7F' => None,
            _ => {
                let others = &TABLES.others;
                let at = others.binary_search_by_key(&c, |(other, _, _)| *other).ok()?;
                Some((others[at].1, others[at].2))
            }
        }
    }

    /// A number for its script: Latin, Greek or Cyrillic.
    pub(super) fn script(self) -> usize {
        let first = CLASSES[usize::from(self.0)].chars().next();
        match first {
            Some('\u{370}'..='\u{3FF}') => 1,
            Some('\u{400}'..='\u{52F}') => 2,
            _ => 0,
        }
    }

    /// How many characters.
    #[inline]
    pub(super) fn radix(self) -> u32 {
        u32::from(RADICES[usize::from(self.0)])
    }

    /// The character's digit in this class.
    #[inline]
    pub(super) fn digit(self, c: char) -> Option<u16> {
        match self {
            Class::LOWER_36 | Class::LOWER_HEX | Class::MIXED_62 => self.ascii_digit(&MIXED_DIGITS, c),
            Class::UPPER_36 | Class::UPPER_HEX => self.ascii_digit(&UPPER_DIGITS, c),
            Class::ONE_TO_NINE => ('1'..='9').contains(&c).then(|| c as u16 - '1' as u16),
            Class::TWO_TO_NINE => ('2'..='9').contains(&c).then(|| c as u16 - '2' as u16),
            Class::ZERO_OR_ONE => ('0'..='1').contains(&c).then(|| c as u16 - '0' as u16),
            _ => Class::of(c).filter(|(class, _)| *class == self).map(|(_, digit)| digit),
        }
    }

    #[inline]
    fn ascii_digit(self, digits: &[u8; 128], c: char) -> Option<u16> {
        let digit = *digits.get(c as usize)?;
        (u32::from(digit) < self.radix()).then_some(u16::from(digit))
    }

    /// How many of the first digits are characters that do not show the class: the mark of the others.
    pub(super) fn unmarked(self) -> u32 {
        match self {
            Class::MIXED_62 => 36,
            Class::UPPER_HEX | Class::UPPER_36 => 10,
            _ => self.radix(),
        }
    }

    /// The character of the digit.
    ///
    /// # Panics
    /// When the digit is not below the radix.
    #[inline]
    pub(super) fn character(self, digit: u16) -> char {
        match usize::from(self.0) {
            class @ ..Class::FIRST_WITH_DIACRITICS => CLASSES[class].as_bytes()[usize::from(digit)].into(),
            class => TABLES.characters[class][usize::from(digit)],
        }
    }
}

/// How many characters each class has.
const RADICES: [u8; CLASSES.len()] = {
    let mut radices = [0; CLASSES.len()];
    let mut i = 0;
    while i < radices.len() {
        let bytes = CLASSES[i].as_bytes();
        let mut j = 0;
        while j < bytes.len() {
            // Every byte but those that go on with a character.
            radices[i] += (bytes[j] & 0xC0 != 0x80) as u8;
            j += 1;
        }
        i += 1;
    }
    radices
};

/// The digit of each ASCII character in a class of ASCII characters; 255 where it has none.
const fn ascii_digits(class: Class) -> [u8; 128] {
    let (mut digits, bytes) = ([255; 128], CLASSES[class.0 as usize].as_bytes());
    let mut i = 0;
    while i < bytes.len() {
        digits[bytes[i] as usize] = i as u8;
        i += 1;
    }
    digits
}

/// The classes of lower-case letters and of hexadecimal digits begin this one.
const MIXED_DIGITS: [u8; 128] = ascii_digits(Class::MIXED_62);
const UPPER_DIGITS: [u8; 128] = ascii_digits(Class::UPPER_36);

struct Tables {
    characters: Vec<Vec<char>>,
    /// The characters that are not ASCII with their class and digit, sorted.
    others: Vec<(char, Class, u16)>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let characters: Vec<Vec<char>> = CLASSES.iter().map(|class| class.chars().collect()).collect();
    let mut others = vec![];
    for (i, class) in characters.iter().enumerate().skip(Class::FIRST_WITH_DIACRITICS) {
        others.extend(class.iter().zip(0..).map(|(c, digit)| (*c, Class(i as u8), digit)));
    }
    others.sort_unstable_by_key(|(c, _, _)| *c);
    Tables { characters, others }
});

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use unicode_normalization::UnicodeNormalization;

    fn all() -> impl Iterator<Item = Class> {
        (0..CLASSES.len()).map(|i| Class(i as u8))
    }

    // SPEC: POS-1
    #[test]
    fn digits_and_characters_are_inverse_in_every_class() {
        for class in all() {
            assert!(class.radix() >= 2, "{class:?}");
            for digit in 0..class.radix() as u16 {
                assert_eq!(class.digit(class.character(digit)), Some(digit), "{class:?}");
            }
            for foreign in ['\0', '-', '漢', '\u{301}', '٣'] {
                assert_eq!(class.digit(foreign), None);
            }
        }
    }

    #[test]
    fn a_character_by_itself_is_in_one_class_and_composed() {
        let mut seen = HashSet::new();
        for class in all().skip(Class::FIRST_WITH_DIACRITICS).chain([Class(0), Class(1), Class(2)]) {
            for digit in 0..class.radix() as u16 {
                let c = class.character(digit);
                assert!(seen.insert(c), "{c} is in two classes");
                assert_eq!(Class::of(c), Some((class, digit)));
                assert_eq!(c.to_string().nfc().collect::<String>(), c.to_string());
            }
        }
    }

    #[test]
    fn case_stays() {
        for class in all().skip(Class::FIRST_WITH_DIACRITICS) {
            let upper = class.character(0).is_uppercase();
            for digit in 0..class.radix() as u16 {
                assert_eq!(class.character(digit).is_uppercase(), upper, "{}", class.character(digit));
            }
        }
    }
}
