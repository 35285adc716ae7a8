//! How values look: with separators or without, in either case, of every country, year and length.

use proptest::prelude::*;
use proptest::sample::{Index, select};

pub const PUNCTUATION: &[char] = &[' ', '-', '.', '/', '(', ')', '_', '\'', '+'];
pub const SPACES: &[char] = &[' ', '-'];

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
pub fn in_any_case(values: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
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
pub fn cards(digits: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![
        grouped(matching(digits).prop_map(luhn), 4),
        separated(matching(digits).prop_map(luhn), PUNCTUATION),
    ]
}

pub fn ssns() -> impl Strategy<Value = String> {
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
pub fn iban(country: &str, bban: &str) -> String {
    let number = format!("{bban}{country}00");
    let rest = number.chars().fold(0, |rest, c| {
        let value = c.to_digit(36).unwrap();
        (rest * if value < 10 { 10 } else { 100 } + value) % 97
    });
    format!("{country}{:02}{bban}", 98 - rest)
}

pub fn ibans() -> impl Strategy<Value = String> {
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

pub fn emails() -> impl Strategy<Value = String> {
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
pub fn international() -> impl Strategy<Value = String> {
    let codes = select(vec!["1", "7", "20", "44", "49", "86", "352", "374", "883"]);
    let compact = (codes, matching("[2-9][0-9]{9,11}")).prop_map(|(code, rest)| format!("{code}{rest}"));
    let few = select(vec!["49301234567", "12025550143", "12021550143", "12020550143", "352621123456789"]);
    let digits = prop_oneof![9 => compact, 1 => few.prop_map(str::to_owned)];
    separated(digits, &[' ', '(', ')', '-', '.', '/', '\u{A0}']).prop_map(|number| format!("+{number}"))
}

pub fn national() -> impl Strategy<Value = String> {
    let compact = prop_oneof![matching("[0-9]{7,15}"), matching("0[1-9][0-9]{5,9}")];
    separated(compact, &[' ', '(', ')', '-', '.', '/'])
}

pub fn uuids() -> impl Strategy<Value = String> {
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

pub fn names() -> impl Strategy<Value = String> {
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

pub fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        matching("[A-Za-z0-9 .,;:!?()\"-]{6,60}[A-Za-z]{5}"),
        matching("[a-z]{5}[ -~]{0,300}"),
        matching("[A-Za-z]{1,9}[ ,.\n][äöüßàéèêñçłŻŚ]{4,9}[—“”„…€ ][а-яА-Я]{3,9}[ 🎫✓][α-ω]{3}[0-9]{1,9}"),
        matching("[A-Z][a-z0-9]{200,900}"),
        matching("[0-9]{6,400}"),
    ]
}

pub fn in_range(least: i128, most: i128) -> impl Strategy<Value = i128> {
    prop_oneof![6 => least..=most, 1 => Just(least), 1 => Just(most), 1 => Just(0.clamp(least, most))]
}

/// The number with so many decimal places.
pub fn with_places(number: i128, places: usize) -> String {
    let sign = if number < 0 { "-" } else { "" };
    let digits = format!("{:0width$}", number.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    format!("{sign}{whole}.{fraction}")
}

/// Days of the calendar, leap days among them, in a pattern of `Y`, `M` and `D`.
pub fn dates(years: std::ops::RangeInclusive<u32>, pattern: &'static str) -> impl Strategy<Value = String> {
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

pub fn times(pattern: &'static str) -> impl Strategy<Value = String> {
    (dates(1900..=2099, pattern), 0..24u32, 0..60u32, 0..60u32).prop_map(|(date, hour, minute, second)| {
        let time = date.replace("hh", &format!("{hour:02}")).replace("mm", &format!("{minute:02}"));
        time.replace("ss", &format!("{second:02}"))
    })
}

pub fn ipv6s() -> impl Strategy<Value = String> {
    let sparse = prop::collection::vec((0..8u32, any::<u16>()), 0..4)
        .prop_map(|groups| groups.iter().fold(0, |all, (at, group)| all | u128::from(*group) << (16 * at)));
    let address =
        prop_oneof![any::<u128>(), sparse, any::<u32>().prop_map(|v4| 0xFFFF << 32 | u128::from(v4))];
    address.prop_map(|address| std::net::Ipv6Addr::from(address).to_string())
}

/// Plates of enough letters, digits between them.
pub fn plates() -> impl Strategy<Value = String> {
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
pub fn either_case(values: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    (values, any::<bool>()).prop_map(|(value, lower)| if lower { value.to_lowercase() } else { value })
}
