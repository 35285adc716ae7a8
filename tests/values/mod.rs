//! Valid values of every kind of format, in all their looks.

mod looks;

use cloakroom::format::{Alphabet, Date, DatePattern, DateTimePattern, Format, IbanKeep, Luhn, PhoneKeep};
use looks::*;
pub use looks::{luhn, separated};
use proptest::prelude::*;

/// A format, and how to come by values of it that are long enough for FF1.
pub struct Sample {
    pub name: &'static str,
    pub format: Format,
    pub values: BoxedStrategy<String>,
    /// Whether tokens fail a check that values pass.
    pub breaks: bool,
    /// What is no value of it.
    pub bad: &'static [&'static str],
}

fn sample(
    name: &'static str,
    format: Format,
    values: impl Strategy<Value = String> + 'static,
    bad: &'static [&'static str],
) -> Sample {
    Sample { name, format, values: values.boxed(), breaks: false, bad }
}

fn breaking(sample: Sample) -> Sample {
    Sample { breaks: true, ..sample }
}

/// What an expression matches, of these lengths.
fn regex(expression: &'static str, lengths: Option<(usize, usize)>, bad: &'static [&'static str]) -> Sample {
    let format = Format::regex(expression, lengths).unwrap_or_else(|e| panic!("{expression}: {e}"));
    let values = matching(expression).prop_filter("of the lengths", move |value| {
        lengths.is_none_or(|(least, most)| (least..=most).contains(&value.chars().count()))
    });
    sample(expression, format, values, bad)
}

const NOT_ASCII_DIGITS: &str = "１２３４５６７８９０１２３４５６";
const ARABIC_INDIC: &str = "٠١٢٣٤٥٦٧٨٩٠١٢٣٤";

/// Every preset, some with settings.
pub fn samples() -> Vec<Sample> {
    let digits =
        &["", "QXZJVWYK", "123456\0", "1234567é", NOT_ASCII_DIGITS, ARABIC_INDIC, "12345", "123456\u{301}"];
    let card = &[
        "",
        "4111111111111112",
        "4111 1111 1111",
        "41111111111111111111",
        "4111x11111111111",
        NOT_ASCII_DIGITS,
        "4111111111111111\0",
    ];
    let letters = &["", "abc", "QXZJVWYK\0", "äöüßäöüßäöüß", "abcdefgh１２３", "abcde\u{301}fghij"];
    #[allow(unused_mut, reason = "a feature adds some")]
    let mut samples = vec![
        sample("digits", Format::digits(), separated(matching("[0-9]{6,40}"), PUNCTUATION), digits),
        sample("digits, long", Format::digits(), matching("[0-9]{200,1500}"), digits),
        sample(
            "digits, first and last kept",
            Format::digits().keep(3, 4),
            separated(matching("[0-9]{13,30}"), PUNCTUATION),
            digits,
        ),
        sample(
            "digits of some lengths, own separators",
            Format::digits().lengths(7, 9).separators("·/"),
            separated(matching("[0-9]{7,9}"), &['·', '/']),
            &["", "123456", "1234567890", "123-4567", NOT_ASCII_DIGITS],
        ),
        sample(
            "digits with a check digit",
            Format::digits().luhn(Luhn::Keep),
            separated(matching("[0-9]{6,20}").prop_map(luhn), PUNCTUATION),
            digits,
        ),
        breaking(sample(
            "digits whose check is broken",
            Format::digits().luhn(Luhn::Break).keep(1, 0),
            separated(matching("[0-9]{6,20}").prop_map(luhn), PUNCTUATION),
            digits,
        )),
        sample(
            "lowercase",
            Format::new(Alphabet::lowercase()),
            separated(matching("[a-z]{5,30}"), PUNCTUATION),
            letters,
        ),
        sample(
            "uppercase",
            Format::new(Alphabet::uppercase()).keep(0, 2),
            separated(matching("[A-Z]{7,30}"), PUNCTUATION),
            &["", "ABC", "abcdefghi", "QXZJVWYK\0"],
        ),
        sample("letters", Format::letters(), separated(matching("[A-Za-z]{4,30}"), PUNCTUATION), letters),
        sample(
            "alphanumeric",
            Format::alphanumeric().keep(2, 0),
            separated(matching("[A-Za-z0-9]{6,50}"), PUNCTUATION),
            letters,
        ),
        sample(
            "an alphabet beyond ASCII",
            Format::new(Alphabet::new("äöüßαβγδ🎫жз").unwrap()),
            separated(matching("[äöüßαβγδ🎫жз]{6,40}"), PUNCTUATION),
            &["", "äöü", "äöüßαβγδé", "abcdefghi", "äöüßαβγδ\0"],
        ),
        breaking(sample("card", Format::card(), cards("[0-9]{12,18}"), card)),
        breaking(sample("card, 6+4 kept", Format::card().keep(6, 4), cards("[0-9]{15,18}"), card)),
        sample("card, right check", Format::card().keep(4, 4).luhn(Luhn::Keep), cards("[0-9]{14,18}"), card),
        sample(
            "card, any check",
            Format::card().keep(6, 4).luhn(Luhn::Ignore),
            separated(matching("[0-9]{16,19}"), PUNCTUATION),
            &["", "4111x11111111111", "4111 1111 1111", NOT_ASCII_DIGITS],
        ),
        breaking(sample(
            "card, scheme kept",
            Format::card().keep_scheme(4),
            prop_oneof![
                cards("4[0-9]{14}"),
                cards("(34|37)[0-9]{12}"),
                cards("(5[1-5][0-9]|222[1-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}")
                    .prop_filter("16 digits", |c| c.chars().filter(char::is_ascii_digit).count() == 16),
                cards("(6011|64[4-9][0-9]|65[0-9]{2})[0-9]{11,14}"),
                cards("(30[0-5][0-9]|3095|36[0-9]{2}|3[89][0-9]{2})[0-9]{10,14}"),
                cards("(62|81)[0-9]{13,16}"),
                cards("(5018|5020|5038|5893|6304|6759|676[1-3])[0-9]{10,14}"),
                cards("220[0-4][0-9]{11,14}"),
                cards("35(2[89]|[3-8][0-9])[0-9]{11,14}"),
                cards("(508[0-9]|60[2-9][0-9]|82[0-9]{2})[0-9]{11}"),
            ],
            card,
        )),
        sample(
            "ssn",
            Format::ssn(),
            ssns(),
            &[
                "",
                "12345678",
                "1234567890",
                "000-12-3456",
                "666-12-3456",
                "900-12-3456",
                "123-00-4567",
                "123-45-0000",
                "123/45/6789",
                "１２３４５６７８９",
                "123-45-678\0",
                "٠١٢-٣٤-٥٦٧٨",
            ],
        ),
        sample("iban", Format::iban(IbanKeep::Country), ibans(), BAD_IBANS),
        sample("iban, bank kept", Format::iban(IbanKeep::Bank), ibans(), BAD_IBANS),
        sample("email", Format::email(), emails(), BAD_EMAILS),
        sample("email and domain", Format::email_with_domain(), emails(), BAD_EMAILS),
        sample(
            "phone",
            Format::phone(PhoneKeep::Nothing),
            prop_oneof![national(), international()],
            &[
                "",
                "123456",
                "1234567890123456",
                "+0301234567",
                "12+34567",
                "0301234567x",
                "０３０１２３４５６７",
            ],
        ),
        sample("phone, country kept", Format::phone(PhoneKeep::Country), international(), BAD_PHONES),
        sample("phone, area kept", Format::phone(PhoneKeep::Area(3)), international(), BAD_PHONES),
        sample(
            "integer",
            Format::integer(-5_000_000, 4_999_999).unwrap(),
            in_range(-5_000_000, 4_999_999).prop_map(|n| n.to_string()),
            &["", "-", "-0", "+5", "007", "5000000", "-5000001", "1.0", "1e3", " 7", "7 ", "１２", "é1.5"],
        ),
        sample(
            "integer, nearly all of 127 bits",
            Format::integer(0, i128::MAX).unwrap(),
            in_range(0, i128::MAX).prop_map(|n| n.to_string()),
            &[
                "",
                "-1",
                "170141183460469231731687303715884105728",
                "999999999999999999999999999999999999999999",
            ],
        ),
        sample(
            "decimal",
            Format::decimal(2, "-12345.67", "99999.99").unwrap(),
            in_range(-1_234_567, 9_999_999).prop_map(|n| with_places(n, 2)),
            &[
                "",
                "1",
                "1.0",
                "1.000",
                "-0.00",
                "00.10",
                "100000.00",
                "-12345.68",
                ".50",
                "1,00",
                "NaN",
                "1.é0",
            ],
        ),
        sample(
            "decimal of thirty places",
            Format::decimal(30, "-1.000000000000000000000000000000", "7.000000000000000000000000000000")
                .unwrap(),
            in_range(-10i128.pow(30), 7 * 10i128.pow(30)).prop_map(|n| with_places(n, 30)),
            &["", "0", "-2.000000000000000000000000000000", "0.0000000000000000000000000000001"],
        ),
        sample(
            "date",
            Format::date_range("1000-01-01", "9999-12-31").unwrap(),
            dates(1000..=9999, "YYYY-MM-DD"),
            &[
                "",
                "0999-12-31",
                "2023-02-29",
                "1900-02-29",
                "2024-13-01",
                "2024-00-01",
                "2024-04-31",
                "2024-4-30",
                " 2024-04-30",
                "2024/04/30",
                "２０２４-04-30",
                "2024-04-3\0",
            ],
        ),
        sample(
            "date, day first",
            Format::date(
                DatePattern::new("DD.MM.YYYY").unwrap(),
                Date { year: 0, month: 1, day: 1 },
                Date { year: 9999, month: 12, day: 31 },
            )
            .unwrap(),
            dates(0..=9999, "DD.MM.YYYY"),
            &["", "29.02.2023", "2024-04-30", "31.04.2024", "00.01.2024"],
        ),
        sample(
            "datetime",
            Format::date_time(
                DateTimePattern::new(DateTimePattern::ISO).unwrap(),
                "1900-01-01T00:00:00",
                "2099-12-31T23:59:59",
            )
            .unwrap(),
            times("YYYY-MM-DDThh:mm:ss"),
            &["", "2100-01-01T00:00:00", "2016-12-31T23:59:60", "2024-01-01T24:00:00", "2024-01-01 00:00:00"],
        ),
        sample(
            "datetime to the minute",
            Format::date_time(
                DateTimePattern::new("DD/MM/YYYY hh:mm").unwrap(),
                "01/01/1900 00:00",
                "31/12/2099 23:59",
            )
            .unwrap(),
            times("DD/MM/YYYY hh:mm"),
            &["", "01/01/2100 00:00", "29/02/2023 12:00", "01/01/2024 12:60"],
        ),
        sample(
            "uuid",
            Format::uuid(),
            uuids(),
            &[
                "",
                "f81d4fae-7dec-41d0-a765-00a0c91e6bf",
                "F81d4fae-7dec-41d0-a765-00a0c91e6bf6",
                "f81d4fae7dec-41d0-a765-00a0c91e6bf6-",
                "{f81d4fae-7dec-41d0-a765-00a0c91e6bf6",
                "g81d4fae-7dec-41d0-a765-00a0c91e6bf6",
                "f81d4fae-7dec-41d0-a765-00a0c91e6bé",
                "f81d4fae-7dec-41d0-a765-00a0c91e6bf\0",
            ],
        ),
        sample(
            "ipv4",
            Format::ipv4(),
            any::<u32>().prop_map(|a| std::net::Ipv4Addr::from(a).to_string()),
            &["", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", "１.2.3.4", "::1"],
        ),
        sample(
            "ipv6",
            Format::ipv6(),
            ipv6s(),
            &[
                "",
                "1.2.3.4",
                "2001:DB8::1",
                "2001:0db8::1",
                "1:0:0:0:0:0:0:1",
                "::1%eth0",
                "[::1]",
                "fe80::\0",
            ],
        ),
        sample(
            "postal-us",
            Format::postal_us().lengths(9, 9),
            separated(matching("[0-9]{9}"), SPACES),
            &["", "90210", "9021012345", "90210-123x"],
        ),
        sample(
            "plate",
            Format::plate(),
            plates(),
            &["", "ABC", "ABCD", "1234", "ABC-1234\0", "ABC/1234", "日本1234"],
        ),
        sample(
            "postal-uk",
            Format::postal_uk(),
            either_case(separated(
                matching("[A-Z]([0-9][0-9]?|[A-Z][0-9][0-9]?|[0-9][A-Z]|[A-Z][0-9][A-Z])[0-9][A-Z]{2}"),
                SPACES,
            )),
            &["", "SW1A 1A", "sW1A 1AA", "SW1A/1AA", "SW1A 1AA\0", "ＳW1A 1AA", "١W1A 1AA"],
        ),
        sample(
            "postal-ca",
            Format::postal_ca(),
            either_case(separated(matching("[ABCEGHJ-NPRSTVXY]([0-9][ABCEGHJ-NPRSTV-Z]){2}[0-9]"), SPACES)),
            &["", "D1A 0B1", "K1A 0B", "k1A 0B1", "K1A 0B1\0"],
        ),
        regex(
            "[A-Z]{3}-[0-9]{4}",
            None,
            &["", "ABC1234", "abc-1234", "ABC-123４", "ABC-1234\0", " ABC-1234"],
        ),
        regex(
            "(?:DE|FR)[0-9]{3}(?:[a-f]+|x{2,5})[0-9]{6}",
            Some((14, 40)),
            &["", "DE123abc98765", "XX123abc987654"],
        ),
        regex("[a-zäöü]{4,20}(?: [A-Zäöü][a-z]*)?", Some((5, 30)), &["", "Anna Anna", "añnna"]),
        regex(
            "(?:[ab]|[bc]|bc|abc){13,17}",
            None,
            &["", "abcd", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],
        ),
        regex("[0-9a-f]{60,80}", None, &["", "0123456789abcdef"]),
        regex(
            "(?<keep_country>[A-Z]{2})[0-9]{7,9}(?<keep_end>[a-z])",
            None,
            &["", "DE123456a", "DE12345678A"],
        ),
        sample(
            "template",
            Format::template("keep(upper) token(letters, 4..6) '-' token(digits, 5)").unwrap(),
            separated(matching("[A-Z][A-Za-z]{4,6}-[0-9]{5}"), &[' ', '/', '.']),
            &["", "Aabcd12345", "AabcdXyz-12345", "aabcd-12345", "Aabcd-1234５"],
        ),
        sample(
            "template with a check digit",
            Format::template("keep(digits, 3) token(digits, 7..9) check(luhn)").unwrap(),
            separated(matching("[0-9]{10,12}").prop_map(luhn), &[' ', '/', '.', '-']),
            &["", "79927398710", "799273987", "7992739871３", "7992739871\0"],
        ),
        sample(
            "passport",
            Format::passport(),
            separated(
                in_any_case(prop_oneof![
                    matching("[A-Z][0-9]{6,8}"),
                    matching("[CFGHJK][CFGHJKLM0-9]{8,11}")
                ]),
                SPACES,
            ),
            &["", "C01X0", "C01X00T47C01X0", "Ç01X00T47", "C01X00T47\0", "C01X.00T47"],
        ),
        sample(
            "name",
            Format::name(),
            names(),
            &["", " -. ", "Anna2", "Anna Иванова", "Ann\u{301}a", "安娜", "Anna\0", "Anna@Example", "٠١٢"],
        ),
        sample(
            "text",
            Format::text(),
            texts(),
            &[
                "",
                " ... ",
                "hello wo\u{301}rld",
                "hello 世界",
                "hello\0world",
                "hello ٠١٢٣",
                "１２３４５６７",
                "abcd",
            ],
        ),
    ];
    #[cfg(feature = "ipcrypt")]
    {
        use cloakroom::format::NetworkCipher;
        let addresses = || {
            let v4 = any::<u32>().prop_map(|a| std::net::Ipv4Addr::from(a).to_string());
            prop_oneof![v4, any::<u128>().prop_map(|a| std::net::Ipv6Addr::from(a).to_string())]
        };
        let bad = &["", "1.2.3", "2001:DB8::1", "::ffff:1.2.3.4", "01.2.3.4"];
        for cipher in [NetworkCipher::PrefixPreserving, NetworkCipher::Deterministic] {
            samples.push(sample("ip by a cipher of its own", Format::network(cipher), addresses(), bad));
        }
    }
    samples
}

const BAD_IBANS: &[&str] = &[
    "",
    "DE",
    "DE89370400440532013001",
    "DE8937040044053201300",
    "De89370400440532013000",
    "ZZ89370400440532013000",
    "DE89-3704-0044-0532-0130-00",
    "DE8937040044053201300X",
    "DE８９370400440532013000",
    "DE89370400440532013000\0",
    "NL91ABNA0417164300000000000000000000000000",
];

const BAD_EMAILS: &[&str] = &[
    "",
    "anna.example",
    "@example.com",
    "anna@",
    "anna@example",
    "an na@example.com",
    "anna..b@example.com",
    ".anna@example.com",
    "anna@example..com",
    "anna@-example.com",
    "anna@b@example.com",
    "änna@example.com",
    "anna@exämple.com",
    "\"anna b\"@example.com",
    "anna@[127.0.0.1]",
    "._-@example.com",
    "anna\0@example.com",
    "a1234567890123456789012345678901234567890123456789012345678901234@example.com",
];

const BAD_PHONES: &[&str] =
    &["", "0301234567", "+", "+49", "+99912345678", "+1234567890123456", "+49 30 123456x", "+４９301234567"];
