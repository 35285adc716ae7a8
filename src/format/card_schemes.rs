//! Which scheme a payment card belongs to, and how many of its leading digits tell.
//!
//! `prefix_length` is the least number of digits that all begin numbers of one scheme. So it follows from those digits
//! alone: a number that keeps them is of the same scheme, whatever comes behind.
//!
//! Source: ISO/IEC 7812-1 for the first digits; the ranges are those that the schemes publish for merchants.

/// The scheme that a card's leading digits tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheme {
    /// The scheme's name.
    pub name: &'static str,
    /// How many leading digits tell it: 1 to 4.
    pub prefix_length: usize,
}

/// The scheme of a card number in ASCII digits.
///
/// `None` when no scheme has it, the scheme has no number of this length, or something else than a digit is in it.
pub fn scheme(digits: &[u8]) -> Option<Scheme> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let four = digits.get(..4)?.iter().fold(0, |number, c| number * 10 + u16::from(c - b'0'));
    let range = RANGES.iter().find(|range| (range.first..=range.last).contains(&four))?;
    if !range.lengths.contains(&digits.len()) {
        return None;
    }
    let told = |length: &u32| {
        let rest = 10u16.pow(4 - length);
        let begin = four / rest * rest;
        range.first <= begin && begin + (rest - 1) <= range.last
    };
    let prefix_length = (1..4).find(told).unwrap_or(4) as usize;
    Some(Scheme { name: range.name, prefix_length })
}

/// Numbers whose first four digits are `first..=last`.
struct Range {
    first: u16,
    last: u16,
    name: &'static str,
    lengths: &'static [usize],
}

const fn range(first: u16, last: u16, name: &'static str, lengths: &'static [usize]) -> Range {
    Range { first, last, name, lengths }
}

/// Disjoint, ascending, and a scheme's neighbouring ranges are one. Where schemes overlap, the longer prefix has it.
const RANGES: [Range; 26] = [
    range(2200, 2204, "Mir", &[16, 17, 18, 19]),
    range(2221, 2720, "Mastercard", &[16]),
    range(3000, 3059, "Diners Club", &[14, 15, 16, 17, 18, 19]),
    range(3095, 3095, "Diners Club", &[14, 15, 16, 17, 18, 19]),
    range(3400, 3499, "American Express", &[15]),
    range(3528, 3589, "JCB", &[16, 17, 18, 19]),
    range(3600, 3699, "Diners Club", &[14, 15, 16, 17, 18, 19]),
    range(3700, 3799, "American Express", &[15]),
    range(3800, 3999, "Diners Club", &[14, 15, 16, 17, 18, 19]),
    range(4000, 4999, "Visa", &[13, 16, 19]),
    range(5018, 5018, "Maestro", &[13, 14, 15, 16, 17, 18, 19]),
    range(5020, 5020, "Maestro", &[13, 14, 15, 16, 17, 18, 19]),
    range(5038, 5038, "Maestro", &[13, 14, 15, 16, 17, 18, 19]),
    range(5080, 5089, "RuPay", &[16]),
    range(5100, 5599, "Mastercard", &[16]),
    range(5893, 5893, "Maestro", &[13, 14, 15, 16, 17, 18, 19]),
    range(6000, 6010, "RuPay", &[16]),
    range(6011, 6011, "Discover", &[16, 17, 18, 19]),
    range(6012, 6099, "RuPay", &[16]),
    range(6200, 6299, "UnionPay", &[16, 17, 18, 19]),
    range(6304, 6304, "Maestro", &[13, 14, 15, 16, 17, 18, 19]),
    range(6440, 6599, "Discover", &[16, 17, 18, 19]),
    range(6759, 6759, "Maestro", &[13, 14, 15, 16, 17, 18, 19]),
    range(6761, 6763, "Maestro", &[13, 14, 15, 16, 17, 18, 19]),
    range(8100, 8199, "UnionPay", &[16, 17, 18, 19]),
    range(8200, 8299, "RuPay", &[16]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// The prefixes as the schemes write them; the longest that fits has the number.
    const PREFIXES: &[(&str, &[&str], std::ops::RangeInclusive<usize>)] = &[
        ("Visa", &["4"], 13..=19),
        ("Mastercard", &["51", "52", "53", "54", "55"], 16..=16),
        ("American Express", &["34", "37"], 15..=15),
        ("Discover", &["6011", "644", "645", "646", "647", "648", "649", "65"], 16..=19),
        ("Diners Club", &["300", "301", "302", "303", "304", "305", "3095", "36", "38", "39"], 14..=19),
        ("UnionPay", &["62", "81"], 16..=19),
        ("Maestro", &["5018", "5020", "5038", "5893", "6304", "6759", "6761", "6762", "6763"], 13..=19),
        ("Mir", &["2200", "2201", "2202", "2203", "2204"], 16..=19),
        ("RuPay", &["60", "82", "508"], 16..=16),
    ];

    fn by_prefix(digits: &str) -> Option<&'static str> {
        let four: u32 = digits[..4].parse().unwrap();
        let found = PREFIXES
            .iter()
            .flat_map(|(name, prefixes, lengths)| prefixes.iter().map(move |p| (p.len(), *p, *name, lengths)))
            .filter(|(_, prefix, ..)| digits.starts_with(prefix))
            .max_by_key(|(length, ..)| *length);
        let (name, lengths) = match found {
            Some((_, _, name, lengths)) => (name, lengths.clone()),
            None if (2221..=2720).contains(&four) => ("Mastercard", 16..=16),
            None if (3528..=3589).contains(&four) => ("JCB", 16..=19),
            None => return None,
        };
        let usual = name != "Visa" || [13, 16, 19].contains(&digits.len());
        (usual && lengths.contains(&digits.len())).then_some(name)
    }

    #[test]
    fn the_table_is_the_schemes_prefixes() {
        for four in 0..10_000 {
            for length in 4..=24 {
                let digits = format!("{four:04}{:0rest$}", 0, rest = length - 4);
                let digits = &digits[..length];
                let found = scheme(digits.as_bytes()).map(|s| s.name);
                assert_eq!(found, by_prefix(digits), "{digits}");
            }
        }
    }

    #[test]
    fn the_ranges_are_disjoint_ascending_and_joined() {
        for pair in RANGES.windows(2) {
            assert!(pair[0].first <= pair[0].last && pair[0].last < pair[1].first);
            let touch = pair[0].last + 1 == pair[1].first;
            assert!(!touch || pair[0].name != pair[1].name);
        }
    }

    #[test]
    fn the_leading_digits_alone_tell_the_scheme_and_how_many_they_are() {
        for length in [13, 14, 15, 16, 19] {
            let mut told: BTreeMap<String, (Scheme, u32)> = BTreeMap::new();
            for six in 0..1_000_000 {
                let digits = format!("{six:06}{:0rest$}", 0, rest = length - 6);
                let Some(found) = scheme(digits.as_bytes()) else { continue };
                let begin = digits[..found.prefix_length].to_owned();
                let (first, count) = told.entry(begin).or_insert((found, 0));
                assert_eq!(*first, found, "{digits}");
                *count += 1;
            }
            assert!(!told.is_empty());
            // Every number with these leading digits is among them.
            for (begin, (_, count)) in &told {
                assert_eq!(*count, 10u32.pow(6 - begin.len() as u32), "{begin}");
            }
        }
    }

    #[test]
    fn known_numbers() {
        for (digits, name, prefix_length) in [
            ("4111111111111111", "Visa", 1),
            ("4222222222222", "Visa", 1),
            ("5555555555554444", "Mastercard", 2),
            ("2223003122003222", "Mastercard", 4),
            ("2300000000000003", "Mastercard", 2),
            ("2720990000000007", "Mastercard", 4),
            ("378282246310005", "American Express", 2),
            ("6011111111111117", "Discover", 4),
            ("6500000000000002", "Discover", 2),
            ("6440000000000005", "Discover", 3),
            ("30569309025904", "Diners Club", 3),
            ("38520000023237", "Diners Club", 2),
            ("3530111333300000", "JCB", 3),
            ("6200000000000005", "UnionPay", 2),
            ("6759649826438453", "Maestro", 4),
            ("2200770212727079", "Mir", 4),
            ("6012000000000000", "RuPay", 4),
            ("6020000000000000", "RuPay", 3),
        ] {
            assert_eq!(scheme(digits.as_bytes()), Some(Scheme { name, prefix_length }), "{digits}");
        }
        for none in
            ["", "4", "411111111111111", "9999999999999999", "4111 1111 1111 1111", "411111111111111x"]
        {
            assert_eq!(scheme(none.as_bytes()), None, "{none}");
        }
    }
}
