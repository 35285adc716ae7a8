//! How many leading digits of an international telephone number are its country calling code: 1, 2 or 3.
//!
//! No code begins with another, so the digits themselves tell.
//!
//! Source: ITU-T E.164, list of assigned country codes. With 379, which is assigned to the Vatican and not in use, and
//! 888, which has numbers in use.

/// The length of the calling code that these ASCII digits begin with, without `+` or `00`.
///
/// `None` for a code that is not assigned, and when something else than a digit stands in it.
pub fn country_code_length(digits: &[u8]) -> Option<usize> {
    let digit = |i: usize| digits.get(i).filter(|c| c.is_ascii_digit()).copied();
    let first = digit(0)?;
    if ONE.contains(&first) {
        return Some(1);
    }
    let two = [first, digit(1)?];
    if TWO.contains(&&two) {
        return Some(2);
    }
    let third = digit(2)?;
    THREE.iter().any(|(begin, last)| *begin == &two && last.contains(&third)).then_some(3)
}

const ONE: &[u8] = b"17";

const TWO: [&[u8; 2]; 44] = [
    b"20", b"27", b"30", b"31", b"32", b"33", b"34", b"36", b"39", b"40", b"41", b"43", b"44", b"45", b"46",
    b"47", b"48", b"49", b"51", b"52", b"53", b"54", b"55", b"56", b"57", b"58", b"60", b"61", b"62", b"63",
    b"64", b"65", b"66", b"81", b"82", b"84", b"86", b"90", b"91", b"92", b"93", b"94", b"95", b"98",
];

/// The first two digits, and every third digit that is assigned.
const THREE: [(&[u8; 2], &[u8]); 23] = [
    (b"21", b"12368"),
    (b"22", b"0123456789"),
    (b"23", b"0123456789"),
    (b"24", b"0123456789"),
    (b"25", b"012345678"),
    (b"26", b"0123456789"),
    (b"29", b"01789"),
    (b"35", b"0123456789"),
    (b"37", b"0123456789"),
    (b"38", b"01235679"),
    (b"42", b"013"),
    (b"50", b"0123456789"),
    (b"59", b"0123456789"),
    (b"67", b"023456789"),
    (b"68", b"012356789"),
    (b"69", b"012"),
    (b"80", b"08"),
    (b"85", b"02356"),
    (b"87", b"08"),
    (b"88", b"012368"),
    (b"96", b"012345678"),
    (b"97", b"012345679"),
    (b"99", b"234568"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn length(digits: &str) -> Option<usize> {
        country_code_length(digits.as_bytes())
    }

    #[test]
    fn every_length_has_as_many_codes_as_are_assigned() {
        let mut codes = [0; 4];
        for number in 0..1000 {
            let digits = format!("{number:03}");
            let found = length(&digits).unwrap_or(0);
            // A code counts once: where the digits behind it are zeros.
            codes[found] += usize::from(digits[found..].bytes().all(|c| c == b'0'));
        }
        assert_eq!(codes[1..], [2, 44, 170]);
    }

    #[test]
    fn a_code_is_told_by_its_own_digits() {
        for number in 0..1000 {
            let digits = format!("{number:03}");
            if let Some(found) = length(&digits) {
                assert_eq!(length(&digits[..found]), Some(found));
                assert!((0..found).all(|shorter| length(&digits[..shorter]).is_none()), "{digits}");
            }
        }
    }

    #[test]
    fn well_known_codes() {
        for one in ["12125550100", "74951234567", "77271234567", "1"] {
            assert_eq!(length(one), Some(1), "{one}");
        }
        for two in
            ["493012345678", "442079460958", "8613812345678", "33123456789", "5511987654321", "20", "98"]
        {
            assert_eq!(length(two), Some(2), "{two}");
        }
        for three in [
            "353861234567",
            "35226123456",
            "420601123456",
            "385911234567",
            "972501234567",
            "85212345678",
            "21112345",
            "38344123456",
            "37912345",
            "99812345",
            "800",
            "808",
            "870",
            "878",
            "881",
            "882",
            "883",
            "888",
            "979",
        ] {
            assert_eq!(length(three), Some(3), "{three}");
        }
    }

    #[test]
    fn what_is_not_assigned_has_no_length() {
        for none in
            ["", "0", "00491", "210", "259", "280", "289", "384", "388", "422", "699", "801", "830", "851"]
        {
            assert_eq!(length(none), None, "{none}");
        }
        for none in
            ["875", "884", "890", "969", "978", "990", "991", "999", "+49", "4", "35", "3x3", "35x", "４９"]
        {
            assert_eq!(length(none), None, "{none}");
        }
    }
}
