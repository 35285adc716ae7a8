//! Valid values of every kind of format, in all their looks.

use cloakroom::format::{Alphabet, Date, DatePattern, DateTimePattern, Format, IbanKeep, Luhn, PhoneKeep};
use proptest::prelude::*;
use proptest::sample::{Index, select};

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

const PUNCTUATION: &[char] = &[' ', '-', '.', '/', '(', ')', '_', '\'', '+'];
const SPACES: &[char] = &[' ', '-'];

/// Puts separators here and there, at either end too.
pub fn separated(
    compact: impl Strategy<Value = String> + 'static,
    separators: &'static [char],
) -> impl Strategy<Value = String> {
    let places = prop_oneof![
        1 => Just(vec![]),
        2 => prop::collection::vec((any::<Index>(), select(separators)), 0..6),
    ];
    (compact, places).prop_map(|(compact, places)| {
        let mut characters: Vec<char> = compact.chars().collect();
        for (index, separator) in places {
            characters.insert(index.index(characters.len() + 1), separator);
        }
        characters.into_iter().collect()
    })
}

/// With a separator after every `n` characters, or none.
fn grouped(compact: impl Strategy<Value = String>, n: usize) -> impl Strategy<Value = String> {
    (compact, select(vec!["", " ", "-"])).prop_map(move |(compact, separator)| {
        let characters: Vec<char> = compact.chars().collect();
        let groups: Vec<String> = characters.chunks(n).map(|group| group.iter().collect()).collect();
        groups.join(separator)
    })
}

/// In lower case, in upper case, as it is.
fn in_any_case(values: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    (values, 0..3).prop_map(|(value, how)| match how {
        0 => value.to_ascii_lowercase(),
        1 => value.to_ascii_uppercase(),
        _ => value,
    })
}

/// A regular expression's values.
pub fn matching(expression: &'static str) -> impl Strategy<Value = String> {
    proptest::string::string_regex(expression).unwrap()
}

/// Appends the Luhn check digit.
pub fn luhn(digits: String) -> String {
    let weigh = |(i, c): (usize, char)| {
        let digit = c.to_digit(10).unwrap();
        if i % 2 == 0 { digit * 2 / 10 + digit * 2 % 10 } else { digit }
    };
    let sum: u32 = digits.chars().rev().enumerate().map(weigh).sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// Card numbers by their digits but for the last.
fn cards(digits: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![
        grouped(matching(digits).prop_map(luhn), 4),
        separated(matching(digits).prop_map(luhn), PUNCTUATION),
    ]
}

fn ssns() -> impl Strategy<Value = String> {
    let area = prop_oneof![1..666u32, 667..900u32, select(vec![1, 665, 667, 899])];
    let parts = (area, 1..100u32, prop_oneof![1..10_000u32, select(vec![1, 9999])], 0..4);
    let usual = parts.prop_map(|(area, group, serial, how)| match how {
        0 => format!("{area:03}{group:02}{serial:04}"),
        1 => format!("{area:03} {group:02} {serial:04}"),
        _ => format!("{area:03}-{group:02}-{serial:04}"),
    });
    prop_oneof![usual.clone(), separated(usual, SPACES)]
}

/// Countries with digits, letters, either, and few free characters, with BBANs as regular expressions.
const IBANS: [(&str, &str); 20] = [
    ("AD", "[0-9]{8}[A-Z0-9]{12}"),
    ("AZ", "[A-Z]{4}[A-Z0-9]{20}"),
    ("BE", "[0-9]{12}"),
    ("BR", "[0-9]{23}[A-Z][A-Z0-9]"),
    ("CH", "[0-9]{5}[A-Z0-9]{12}"),
    ("DE", "[0-9]{18}"),
    ("FR", "[0-9]{10}[A-Z0-9]{11}[0-9]{2}"),
    ("GB", "[A-Z]{4}[0-9]{14}"),
    ("GT", "[A-Z0-9]{24}"),
    ("IT", "[A-Z][0-9]{10}[A-Z0-9]{12}"),
    ("KW", "[A-Z]{4}[A-Z0-9]{22}"),
    ("LC", "[A-Z]{4}[A-Z0-9]{24}"),
    ("MD", "[A-Z0-9]{20}"),
    ("MT", "[A-Z]{4}[0-9]{5}[A-Z0-9]{18}"),
    ("MU", "[A-Z]{4}[0-9]{19}[A-Z]{3}"),
    ("NL", "[A-Z]{4}[0-9]{10}"),
    ("NO", "[0-9]{11}"),
    ("RU", "[0-9]{14}[A-Z0-9]{15}"),
    ("SC", "[A-Z]{4}[0-9]{20}[A-Z]{3}"),
    ("SI", "[0-9]{15}"),
];

/// Puts country and check digits in front of a BBAN.
fn iban(country: &str, bban: &str) -> String {
    let number = format!("{bban}{country}00");
    let rest = number.chars().fold(0, |rest, c| {
        let value = c.to_digit(36).unwrap();
        (rest * if value < 10 { 10 } else { 100 } + value) % 97
    });
    format!("{country}{:02}{bban}", 98 - rest)
}

fn ibans() -> impl Strategy<Value = String> {
    let compact = select(&IBANS[..]).prop_flat_map(|(country, bban)| {
        let bban = prop_oneof![3 => matching(bban).boxed(), 1 => digits_like(bban).boxed()];
        bban.prop_map(move |bban| iban(country, &bban))
    });
    let compact = (compact, any::<bool>())
        .prop_map(|(iban, lower)| if lower { iban.to_ascii_lowercase() } else { iban });
    let by_four = compact.clone().prop_map(|iban| {
        let characters: Vec<char> = iban.chars().collect();
        characters.chunks(4).map(String::from_iter).collect::<Vec<_>>().join(" ")
    });
    prop_oneof![compact.clone(), by_four, separated(compact, &[' '])]
}

/// With digits wherever digits can stand.
fn digits_like(bban: &str) -> impl Strategy<Value = String> {
    proptest::string::string_regex(&bban.replace("[A-Z0-9]", "[0-9]")).unwrap()
}

fn emails() -> impl Strategy<Value = String> {
    let local = prop_oneof![
        matching("[a-z0-9]{1,3}"),
        matching("[A-Za-z0-9]{1,3}"),
        matching("[a-z]{1,8}([.][a-z]{1,8}){0,3}"),
        matching("[A-Z][a-z]{0,9}[._+'-]?[A-Z]?[a-z0-9]{1,9}"),
        matching("[!#$%&*/=?^_`{|}~+-]{0,9}[a-zA-Z0-9][!#$%&*/=?^_`{|}~+-]{0,9}"),
        matching("[a-zA-Z0-9]{30,60}[.][a-z]{1,3}"),
        matching("[A-Za-z0-9_-]{40}[A-Za-z0-9][A-Za-z0-9_-]{23}"),
        matching("_{0,61}[A-Za-z]{1,3}"),
    ];
    let domain = prop_oneof![
        matching("[a-z]{1,12}[.](com|org|de)"),
        matching("([a-z][a-z0-9-]{0,5}[a-z0-9][.]){1,4}[a-z]{2,6}"),
        matching("[A-Za-z]{1,12}[.]([A-Z]{2}[.])?[A-Z]{2,3}"),
        matching("[a-z]-{57,61}[a-z]{1,2}[.]de"),
    ];
    let usual = (local, domain).prop_map(|(local, domain)| format!("{local}@{domain}"));
    usual.prop_filter("64 and 63 characters are the most, and few others beside few letters", |address| {
        let (local, domain) = address.split_once('@').unwrap();
        let takes_part = &address[..address.rfind('.').unwrap()];
        let few = |part: &str| part.bytes().filter(u8::is_ascii_alphanumeric).count() < 4 && part.len() > 59;
        let long = local.len() > 64 || domain.split('.').any(|label| label.len() > 63);
        !long && !few(local) && !few(takes_part)
    })
}

/// Telephone numbers with enough digits beyond a country code of three and an area code of three.
fn international() -> impl Strategy<Value = String> {
    let codes = select(vec!["1", "7", "20", "44", "49", "86", "352", "374", "883"]);
    let compact = (codes, matching("[2-9][0-9]{9,11}")).prop_map(|(code, rest)| format!("{code}{rest}"));
    let few = select(vec!["49301234567", "12025550143", "12021550143", "12020550143", "352621123456789"]);
    let digits = prop_oneof![9 => compact, 1 => few.prop_map(str::to_owned)];
    separated(digits, &[' ', '(', ')', '-', '.', '/', '\u{A0}']).prop_map(|number| format!("+{number}"))
}

fn national() -> impl Strategy<Value = String> {
    let compact = prop_oneof![matching("[0-9]{7,15}"), matching("0[1-9][0-9]{5,9}")];
    separated(compact, &[' ', '(', ')', '-', '.', '/'])
}

fn uuids() -> impl Strategy<Value = String> {
    let digits = prop_oneof![
        matching("[0-9a-f]{32}"),
        matching("[0-9]{32}"),
        matching("[0-9]{12}[1-8][0-9]{3}[89ab][0-9]{15}"),
        matching("[0-9]{31}[a-f]"),
        matching("0{31}[0-9a-f]"),
        matching("f{31}[0-9a-f]"),
    ];
    (digits, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(digits, upper, hyphens, braces)| {
        let mut uuid = digits;
        if hyphens {
            let parts = [&uuid[..8], &uuid[8..12], &uuid[12..16], &uuid[16..20], &uuid[20..]];
            uuid = parts.join("-");
        }
        if upper {
            uuid = uuid.to_ascii_uppercase();
        }
        if braces { format!("{{{uuid}}}") } else { uuid }
    })
}

fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        matching("[A-Z]"),
        matching("[A-Z][a-z]{0,2}"),
        matching("[A-Z][a-z]{1,9}[ -]([A-Z][.] )?[A-Z][a-z]{1,12}"),
        matching("(von |de la |O'|Mc|d’)?[A-Z][a-z]{1,9}(, (Jr|Sr)[.])?"),
        matching("[A-ZÄÖÜÅØÉ][a-zäöüßåøéèêçñãćčšž]{0,12}( [A-ZÄÖÜŁŻŚ][a-ząęółśżźć]{0,12}){0,2}"),
        matching("[a-z]{1,12}"),
        matching("[A-Z]{1,12}"),
        matching("[A-Za-zÀ-ÖØ-öø-ÿ]{1,3}"),
        matching("[Α-ΡΣ-Ω][α-ω]{0,9}( [Α-ΡΣ-Ω][ά-ώ]{1,9})?")
            .prop_filter("a Greek letter", |v| { !v.contains(['ΰ', '΋']) || v.chars().count() > 4 }),
        matching("[ЁІЇЄА-Я][а-яёіїє]{0,9}( [А-Я][а-я]{1,12})?"),
        matching("[ΪΫ]{1,3}"),
        matching("[ªº]{1,2}"),
        matching("[·.,' -]{0,3}[a-z][·.,' -]{0,9}"),
    ]
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        matching("[A-Za-z0-9 .,;:!?()\"-]{6,60}[A-Za-z]{5}"),
        matching("[a-z]{5}[ -~]{0,300}"),
        matching("[A-Za-z]{1,9}[ ,.\n][äöüßàéèêñçłŻŚ]{4,9}[—“”„…€ ][а-яА-Я]{3,9}[ 🎫✓][α-ω]{3}[0-9]{1,9}"),
        matching("[A-Z][a-z0-9]{200,900}"),
        matching("[0-9]{6,400}"),
    ]
}

fn in_range(least: i128, most: i128) -> impl Strategy<Value = i128> {
    prop_oneof![6 => least..=most, 1 => Just(least), 1 => Just(most), 1 => Just(0.clamp(least, most))]
}

/// The number with so many decimal places.
fn with_places(number: i128, places: usize) -> String {
    let sign = if number < 0 { "-" } else { "" };
    let digits = format!("{:0width$}", number.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    format!("{sign}{whole}.{fraction}")
}

/// Days of the calendar, leap days among them, in a pattern of `Y`, `M` and `D`.
fn dates(years: std::ops::RangeInclusive<u32>, pattern: &'static str) -> impl Strategy<Value = String> {
    let leaps = |year: u32| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let days = move |year: u32, month: u32| match month {
        2 => 28 + u32::from(leaps(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let month = prop_oneof![3 => 1..=12u32, 1 => Just(2)];
    let date = (years, month).prop_flat_map(move |(year, month)| {
        let last = days(year, month);
        (Just(year), Just(month), prop_oneof![4 => 1..=last, 1 => Just(last)])
    });
    date.prop_map(move |(year, month, day)| {
        let date = pattern.replace("YYYY", &format!("{year:04}")).replace("MM", &format!("{month:02}"));
        date.replace("DD", &format!("{day:02}"))
    })
}

fn times(pattern: &'static str) -> impl Strategy<Value = String> {
    (dates(1900..=2099, pattern), 0..24u32, 0..60u32, 0..60u32).prop_map(|(date, hour, minute, second)| {
        let time = date.replace("hh", &format!("{hour:02}")).replace("mm", &format!("{minute:02}"));
        time.replace("ss", &format!("{second:02}"))
    })
}

fn ipv6s() -> impl Strategy<Value = String> {
    let sparse = prop::collection::vec((0..8u32, any::<u16>()), 0..4)
        .prop_map(|groups| groups.iter().fold(0, |all, (at, group)| all | u128::from(*group) << (16 * at)));
    let address =
        prop_oneof![any::<u128>(), sparse, any::<u32>().prop_map(|v4| 0xFFFF << 32 | u128::from(v4))];
    address.prop_map(|address| std::net::Ipv6Addr::from(address).to_string())
}

/// Plates of enough letters, digits between them.
fn plates() -> impl Strategy<Value = String> {
    let compact = prop_oneof![
        matching("[A-Z]{3}[0-9]{4}"),
        matching("[A-ZÄÖÜ]{1,3}[A-Z]{1,2}[0-9]{4}"),
        matching("[0-9]{2}[A-Z]{2}[0-9]{2}[A-Z]{1,2}"),
        matching("[АВЕКМНОРСТУХ][0-9]{3}[АВЕКМНОРСТУХ]{2}[0-9]{2,3}"),
        matching("[a-z][0-9]{6}[a-z]{0,5}"),
    ];
    separated(compact, &[' ', '-', '.', '·'])
}

/// In upper case or in lower case.
fn either_case(values: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    (values, any::<bool>()).prop_map(|(value, lower)| if lower { value.to_lowercase() } else { value })
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
