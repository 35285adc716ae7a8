//! `IBAN = country ‖ check ‖ BBAN`, where `98 − number(BBAN ‖ country ‖ 00) mod 97 = check`.
//!
//! Each country says what its BBAN looks like, and where the bank stands in it.
//!
//! Source: ISO 13616-1 and ISO 7064 MOD 97-10 for the arithmetic. The table is SWIFT's IBAN Registry, release 101. IBANs
//! of territories without an entry there begin with another country's code, as those of Jersey do with GB.

use super::check::Check;
use std::ops::Range;

/// What the IBANs of a country look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Country {
    /// ISO 3166-1 alpha-2, or `XK`.
    pub code: [u8; 2],
    /// How many characters an IBAN has, its first four included.
    pub length: usize,
    /// The BBAN: `4!a6!n` is four upper-case letters and six digits; `c` is either.
    pub structure: &'static str,
    /// Where the bank's identifier stands in the BBAN.
    pub bank: Range<usize>,
}

/// What can stand in one place of a BBAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// `n`: 0-9.
    Digit,
    /// `a`: A-Z.
    Upper,
    /// `c`: 0-9 A-Z.
    Either,
}

/// The country of this code.
pub fn country(code: &[u8]) -> Option<&'static Country> {
    let at = COUNTRIES.binary_search_by_key(&code, |country| &country.code).ok()?;
    Some(&COUNTRIES[at])
}

/// The two digits between the country's code and this BBAN.
///
/// `None` when a character is no digit nor upper-case letter.
pub fn check_digits(country: [u8; 2], bban: &[u8]) -> Option<[u8; 2]> {
    Check::mod_97(bban.iter().chain(&country))
}

/// Whether the country is known, its BBAN's length and characters are kept, and the check digits are right.
pub fn verify(iban: &[u8]) -> bool {
    let Some((&[c0, c1, k0, k1], bban)) = iban.split_first_chunk() else { return false };
    let fits = |country: &Country| {
        iban.len() == country.length && country.classes().zip(bban).all(|(class, c)| class.takes(*c))
    };
    country(&[c0, c1]).is_some_and(fits) && check_digits([c0, c1], bban) == Some([k0, k1])
}

impl Country {
    /// What can stand in each place of the BBAN, from its first on.
    pub fn classes(&self) -> impl Iterator<Item = Class> + use<> {
        // A part is `number!letter`; splitting at the marks gives `4`, `a6`, `n`.
        let mut marks = self.structure.split('!');
        let mut count = marks.next().unwrap_or_default();
        marks.flat_map(move |part| {
            let (letter, next) = part.split_at(1);
            let class = match letter {
                "n" => Class::Digit,
                "a" => Class::Upper,
                _ => Class::Either,
            };
            let repeated = std::iter::repeat_n(class, count.parse().unwrap_or_default());
            count = next;
            repeated
        })
    }
}

impl Class {
    /// Whether this character can stand there.
    pub fn takes(self, c: u8) -> bool {
        match self {
            Class::Digit => c.is_ascii_digit(),
            Class::Upper => c.is_ascii_uppercase(),
            Class::Either => c.is_ascii_digit() || c.is_ascii_uppercase(),
        }
    }
}

const fn entry(code: &str, length: usize, structure: &'static str, bank: Range<usize>) -> Country {
    let code = code.as_bytes();
    Country { code: [code[0], code[1]], length, structure, bank }
}

/// Sorted by code.
static COUNTRIES: [Country; 89] = [
    entry("AD", 24, "4!n4!n12!c", 0..4),
    entry("AE", 23, "3!n16!n", 0..3),
    entry("AL", 28, "8!n16!c", 0..3),
    entry("AT", 20, "5!n11!n", 0..5),
    entry("AZ", 28, "4!a20!c", 0..4),
    entry("BA", 20, "3!n3!n8!n2!n", 0..3),
    entry("BE", 16, "3!n7!n2!n", 0..3),
    entry("BG", 22, "4!a4!n2!n8!c", 0..4),
    entry("BH", 22, "4!a14!c", 0..4),
    entry("BI", 27, "5!n5!n11!n2!n", 0..5),
    entry("BR", 29, "8!n5!n10!n1!a1!c", 0..8),
    entry("BY", 28, "4!c4!n16!c", 0..4),
    entry("CH", 21, "5!n12!c", 0..5),
    entry("CR", 22, "4!n14!n", 0..4),
    entry("CY", 28, "3!n5!n16!c", 0..3),
    entry("CZ", 24, "4!n16!n", 0..4),
    entry("DE", 22, "8!n10!n", 0..8),
    entry("DJ", 27, "5!n5!n11!n2!n", 0..5),
    entry("DK", 18, "4!n9!n1!n", 0..4),
    entry("DO", 28, "4!c20!n", 0..4),
    entry("EE", 20, "2!n14!n", 0..2),
    entry("EG", 29, "4!n4!n17!n", 0..4),
    entry("ES", 24, "4!n4!n1!n1!n10!n", 0..4),
    entry("FI", 18, "3!n11!n", 0..3),
    entry("FK", 18, "2!a12!n", 0..2),
    entry("FO", 18, "4!n9!n1!n", 0..4),
    entry("FR", 27, "5!n5!n11!c2!n", 0..5),
    entry("GB", 22, "4!a6!n8!n", 0..4),
    entry("GE", 22, "2!a16!n", 0..2),
    entry("GI", 23, "4!a15!c", 0..4),
    entry("GL", 18, "4!n9!n1!n", 0..4),
    entry("GR", 27, "3!n4!n16!c", 0..3),
    entry("GT", 28, "4!c20!c", 0..4),
    entry("HN", 28, "4!a20!n", 0..4),
    entry("HR", 21, "7!n10!n", 0..7),
    entry("HU", 28, "3!n4!n1!n15!n1!n", 0..3),
    entry("IE", 22, "4!a6!n8!n", 0..4),
    entry("IL", 23, "3!n3!n13!n", 0..3),
    entry("IQ", 23, "4!a3!n12!n", 0..4),
    entry("IS", 26, "4!n2!n6!n10!n", 0..2),
    entry("IT", 27, "1!a5!n5!n12!c", 1..6),
    entry("JO", 30, "4!a4!n18!c", 0..4),
    entry("KW", 30, "4!a22!c", 0..4),
    entry("KZ", 20, "3!n13!c", 0..3),
    entry("LB", 28, "4!n20!c", 0..4),
    entry("LC", 32, "4!a24!c", 0..4),
    entry("LI", 21, "5!n12!c", 0..5),
    entry("LT", 20, "5!n11!n", 0..5),
    entry("LU", 20, "3!n13!c", 0..3),
    entry("LV", 21, "4!a13!c", 0..4),
    entry("LY", 25, "3!n3!n15!n", 0..3),
    entry("MC", 27, "5!n5!n11!c2!n", 0..5),
    entry("MD", 24, "2!c18!c", 0..2),
    entry("ME", 22, "3!n13!n2!n", 0..3),
    entry("MK", 19, "3!n10!c2!n", 0..3),
    entry("MN", 20, "4!n12!n", 0..4),
    entry("MR", 27, "5!n5!n11!n2!n", 0..5),
    entry("MT", 31, "4!a5!n18!c", 0..4),
    entry("MU", 30, "4!a2!n2!n12!n3!n3!a", 0..6),
    entry("NI", 28, "4!a20!n", 0..4),
    entry("NL", 18, "4!a10!n", 0..4),
    entry("NO", 15, "4!n6!n1!n", 0..4),
    entry("OM", 23, "3!n16!c", 0..3),
    entry("PK", 24, "4!a16!c", 0..4),
    entry("PL", 28, "8!n16!n", 0..8),
    entry("PS", 29, "4!a21!c", 0..4),
    entry("PT", 25, "4!n4!n11!n2!n", 0..4),
    entry("QA", 29, "4!a21!c", 0..4),
    entry("RO", 24, "4!a16!c", 0..4),
    entry("RS", 22, "3!n13!n2!n", 0..3),
    entry("RU", 33, "9!n5!n15!c", 0..9),
    entry("SA", 24, "2!n18!c", 0..2),
    entry("SC", 31, "4!a2!n2!n16!n3!a", 0..6),
    entry("SD", 18, "2!n12!n", 0..2),
    entry("SE", 24, "3!n16!n1!n", 0..3),
    entry("SI", 19, "5!n8!n2!n", 0..5),
    entry("SK", 24, "4!n6!n10!n", 0..4),
    entry("SM", 27, "1!a5!n5!n12!c", 1..6),
    entry("SO", 23, "4!n3!n12!n", 0..4),
    entry("ST", 25, "4!n4!n11!n2!n", 0..4),
    entry("SV", 28, "4!a20!n", 0..4),
    entry("TL", 23, "3!n14!n2!n", 0..3),
    entry("TN", 24, "2!n3!n13!n2!n", 0..2),
    entry("TR", 26, "5!n1!n16!c", 0..5),
    entry("UA", 29, "6!n19!c", 0..6),
    entry("VA", 22, "3!n15!n", 0..3),
    entry("VG", 24, "4!a16!n", 0..4),
    entry("XK", 20, "4!n10!n2!n", 0..2),
    entry("YE", 30, "4!a4!n18!c", 0..4),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The registry's example of every country.
    const EXAMPLES: &str = "
        AD1200012030200359100100 AE070331234567890123456 AL47212110090000000235698741 AT611904300234573201
        AZ21NABZ00000000137010001944 BA391290079401028494 BE68539007547034 BG80BNBG96611020345678
        BH67BMAG00001299123456 BI4210000100010000332045181 BR1800360305000010009795493C1
        BY13NBRB3600900000002Z00AB00 CH9300762011623852957 CR05015202001026284066
        CY17002001280000001200527600 CZ6508000000192000145399 DE89370400440532013000
        DJ2100010000000154000100186 DK5000400440116243 DO28BAGR00000001212453611324 EE382200221020145685
        EG380019000500000000263180002 ES9121000418450200051332 FI2112345600000785 FK88SC123456789012
        FO6264600001631634 FR1420041010050500013M02606 GB29NWBK60161331926819 GE29NB0000000101904917
        GI75NWBK000000007099453 GL8964710001000206 GR1601101250000000012300695 GT82TRAJ01020000001210029690
        HN88CABF00000000000250005469 HR1210010051863000160 HU42117730161111101800000000
        IE29AIBK93115212345678 IL620108000000099999999 IQ98NBIQ850123456789012 IS140159260076545510730339
        IT60X0542811101000000123456 JO94CBJO0010000000000131000302 KW81CBKU0000000000001234560101
        KZ86125KZT5004100100 LB62099900000001001901229114 LC55HEMM000100010012001200023015
        LI21088100002324013AA LT121000011101001000 LU280019400644750000 LV80BANK0000435195001
        LY83002048000020100120361 MC5811222000010123456789030 MD24AG000225100013104168
        ME25505000012345678951 MK07250120000058984 MN121234123456789123 MR1300020001010000123456753
        MT84MALT011000012345MTLCAST001S MU17BOMM0101101030300200000MUR NI45BAPR00000013000003558124
        NL91ABNA0417164300 NO9386011117947 OM810180000001299123456 PK36SCBL0000001123456702
        PL61109010140000071219812874 PS92PALS000000000400123456702 PT50000201231234567890154
        QA58DOHB00001234567890ABCDEFG RO49AAAA1B31007593840000 RS35260005601001611379
        RU0304452522540817810538091310419 SA0380000000608010167519 SC18SSCB11010000000000001497USD
        SD2129010501234001 SE4550000000058398257466 SI56263300012039086 SK3112000000198742637541
        SM86U0322509800000000270100 SO211000001001000100141 ST23000100010051845310146
        SV62CENR00000000000000700025 TL380080012345678910157 TN5910006035183598478831
        TR330006100519786457841326 UA213223130000026007233566001 VA59001123000012345678
        VG96VPVG0000012345678901 XK051212012345678906 YE15CBYE0001018861234567891234
    ";

    #[test]
    fn the_registrys_examples_are_valid_and_cover_every_country() {
        let mut covered = BTreeSet::new();
        for iban in EXAMPLES.split_whitespace() {
            assert!(verify(iban.as_bytes()), "{iban}");
            covered.insert(&iban.as_bytes()[..2]);
        }
        assert_eq!(covered.len(), COUNTRIES.len());
    }

    #[test]
    fn the_table_is_sorted_and_agrees_with_itself() {
        assert!(COUNTRIES.is_sorted_by(|a, b| a.code < b.code));
        for entry in &COUNTRIES {
            assert_eq!(country(&entry.code), Some(entry));
            let classes = entry.classes().count();
            assert_eq!(entry.length, 4 + classes, "{entry:?}");
            assert!(!entry.bank.is_empty() && entry.bank.end < classes, "{entry:?}");
            let mut parts = entry.structure.split(|c: char| !c.is_ascii_digit()).filter(|n| !n.is_empty());
            assert!(parts.all(|n| n.parse::<usize>().unwrap() > 0), "{entry:?}");
            assert!(entry.structure.chars().all(|c| c.is_ascii_digit() || "!nac".contains(c)), "{entry:?}");
        }
        assert_eq!(COUNTRIES.iter().map(|c| c.length).min(), Some(15));
        assert_eq!(COUNTRIES.iter().map(|c| c.length).max(), Some(33));
    }

    #[test]
    fn banks_stand_where_the_registry_says() {
        for (iban, bank) in [
            ("DE89370400440532013000", "37040044"),
            ("GB29NWBK60161331926819", "NWBK"),
            ("IT60X0542811101000000123456", "05428"),
            ("FR1420041010050500013M02606", "20041"),
            ("MU17BOMM0101101030300200000MUR", "BOMM01"),
            ("XK051212012345678906", "12"),
            ("SE4550000000058398257466", "500"),
            ("RU0304452522540817810538091310419", "044525225"),
        ] {
            let country = country(&iban.as_bytes()[..2]).unwrap();
            assert_eq!(&iban[4..][country.bank.clone()], bank);
        }
    }

    #[test]
    fn structures_expand_place_by_place() {
        use Class::*;
        let malta: Vec<Class> = country(b"MT").unwrap().classes().collect();
        assert_eq!(malta, [[Upper; 4].as_slice(), &[Digit; 5], &[Either; 18]].concat());
    }

    #[test]
    fn one_wrong_character_is_detected() {
        for iban in EXAMPLES.split_whitespace() {
            for i in 0..iban.len() {
                let mut wrong = iban.as_bytes().to_vec();
                wrong[i] = match wrong[i] {
                    b'9' => b'0',
                    b'Z' => b'A',
                    c => c + 1,
                };
                assert!(!verify(&wrong), "{iban} {i}");
            }
        }
    }

    #[test]
    fn what_is_no_iban_is_refused() {
        for bad in [
            "",
            "DE8",
            "DE89",
            "DE8937040044053201300",
            "DE893704004405320130000",
            "de89370400440532013000",
            "DE89 3704 0044 0532 0130 00",
            "XX89370400440532013000",
            "US89370400440532013000",
            "DEé9370400440532013000",
        ] {
            assert!(!verify(bad.as_bytes()), "{bad}");
        }
        // The check digits are right, and a letter stands where Germany has digits.
        let bban = b"37040044053201300A";
        let digits = check_digits(*b"DE", bban).unwrap();
        assert!(!verify(&[b"DE", &digits[..], bban].concat()));
        assert_eq!(check_digits(*b"DE", b"3704 0044"), None);
        assert_eq!(country(b""), None);
        assert_eq!(country(b"DEU"), None);
    }
}
