//! The laws of formats and of their tokens, for every preset and for formats at random.

use cloakroom::Error;
use cloakroom::format::{Alphabet, Format, Luhn, Members, Natural, PhoneKeep};
use cloakroom::keys::{Keyset, UsableKey};
use cloakroom::name::{FieldName, TenantId};
use cloakroom::protect::{Arrow, Cells, Column, Tokenizer, is_blank};
use cloakroom::time::Timestamp;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use std::collections::HashSet;
use std::sync::LazyLock;
use values::{Sample, luhn, samples, separated};

mod values;

/// Two key versions.
static KEYS: LazyLock<[UsableKey; 2]> = LazyLock::new(|| {
    let keyset = Keyset::generate(Timestamp(0)).unwrap();
    let old = keyset.primary().unwrap();
    [old, keyset.rotated(Timestamp(1)).unwrap().primary().unwrap()]
});

fn made(key: usize, tenant: &str, field: &str, format: &Format) -> Tokenizer {
    let (tenant, field) = (TenantId::new(tenant).unwrap(), FieldName::new(field).unwrap());
    Tokenizer::new(&KEYS[key], &tenant, &field, format.clone()).unwrap()
}

fn tokenizer(format: &Format) -> Tokenizer {
    made(0, "acme", "f", format)
}

/// Tests a law with this many values of each sample.
fn for_each(cases: u32, law: impl Fn(&Sample, &Tokenizer, String) -> Result<(), TestCaseError>) {
    for sample in samples() {
        let tokenizer = tokenizer(&sample.format);
        let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
        let result = runner.run(&sample.values, |value| law(&sample, &tokenizer, value));
        result.unwrap_or_else(|failure| panic!("{}: {failure}", sample.name));
    }
}

/// So many values at random.
fn some(sample: &Sample, count: usize) -> Vec<String> {
    let mut runner = TestRunner::default();
    (0..count).map(|_| sample.values.new_tree(&mut runner).unwrap().current()).collect()
}

fn revealed(tokenizer: &Tokenizer, token: &str) -> Result<String, Error> {
    tokenizer.detokenize(token).map(|value| value.expose_str().unwrap().to_owned())
}

/// The number with so many bits at most that these bytes, repeated, spell.
fn bits(bits: usize, bytes: &[u8]) -> Natural {
    let mut spelled: Vec<u8> = bytes.iter().copied().cycle().take(bits.div_ceil(8)).collect();
    if let Some(first) = spelled.first_mut() {
        *first &= 0xFF >> (bits.next_multiple_of(8) - bits);
    }
    Natural::from_be_bytes(&spelled)
}

/// A number below the size.
fn below(size: &Natural, bytes: &[u8]) -> Natural {
    let number = bits(size.bits(), bytes);
    if number < *size { number } else { bits(size.bits() - 1, bytes) }
}

/// Whether values of the format are counted: IP addresses by a cipher of their own are not.
fn counted(format: &Format) -> bool {
    format.network_cipher().is_none()
}

/// What must hold of any value that can be tokenized.
fn obeys(format: &Format, breaks: bool, tokenizer: &Tokenizer, value: &str) -> Result<(), TestCaseError> {
    let token = tokenizer.tokenize(value).map_err(|e| TestCaseError::fail(e.to_string()))?;
    prop_assert_eq!(
        revealed(tokenizer, &token).map_err(|e| TestCaseError::fail(format!("{token:?}: {e}")))?,
        value
    );
    if breaks {
        prop_assert!(tokenizer.tokenize(&token).is_err(), "a token passes the check");
        prop_assert!(matches!(tokenizer.detokenize(value), Err(Error::Rejected)), "a value is a token");
    }
    if !counted(format) {
        return Ok(());
    }
    let like = format.members(value).unwrap();
    let rank = like.rank(value).unwrap();
    prop_assert!(rank < like.size());
    let member = like.unrank(&rank).unwrap();
    prop_assert_eq!(member.as_str(), value);
    prop_assert!(like.unrank(&like.size()).is_none());
    if !breaks {
        let of_token = format.members(&token).unwrap();
        prop_assert_eq!(of_token.size(), like.size());
        let rank = like.rank(&token).map_err(|e| TestCaseError::fail(format!("{token:?}: {e}")))?;
        prop_assert_eq!(of_token.rank(&token).unwrap(), rank);
    }
    Ok(())
}

// SPEC: RANK-4
#[test]
fn a_token_is_of_the_format_and_comes_back_as_the_value_to_the_byte() {
    for_each(512, |sample, tokenizer, value| obeys(&sample.format, sample.breaks, tokenizer, &value));
}

#[test]
fn different_values_have_different_tokens() {
    for sample in samples() {
        let tokenizer = tokenizer(&sample.format);
        let values: HashSet<String> = some(&sample, 1000).into_iter().collect();
        let tokens: HashSet<String> = values.iter().map(|v| tokenizer.tokenize(v).unwrap()).collect();
        assert_eq!(tokens.len(), values.len(), "{}", sample.name);
    }
}

/// The first values, and as many more: the last, or where there are more than 128 bits, those from the highest bit on.
fn neighbours(like: &Members<'_>, count: u128) -> Vec<String> {
    let size = like.size();
    let more = |i: u128| match size.to_u128() {
        Some(size) => Natural::from(size - 1 - i),
        None => {
            let mut bytes = vec![0; size.bits().div_ceil(8)];
            bytes[0] = 1 << ((size.bits() - 1) % 8);
            let end = bytes.len() - 16;
            bytes[end..].iter_mut().zip(i.to_be_bytes()).for_each(|(byte, of_i)| *byte |= of_i);
            Natural::from_be_bytes(&bytes)
        }
    };
    let ranks = (0..count).map(Natural::from).chain((0..count).map(more));
    ranks.filter_map(|rank| like.unrank(&rank)).map(|value| value.as_str().to_owned()).collect()
}

#[test]
fn values_that_look_alike_have_different_tokens_that_look_alike() {
    for sample in samples().into_iter().filter(|sample| counted(&sample.format)) {
        let tokenizer = tokenizer(&sample.format);
        let mut count = 1000;
        for value in some(&sample, 5) {
            let like = sample.format.members(&value).unwrap();
            if like.size().bits() > 256 {
                count = 100;
            }
            let values = neighbours(&like, count);
            let tokens: HashSet<String> = values.iter().map(|v| tokenizer.tokenize(v).unwrap()).collect();
            assert_eq!(tokens.len(), values.len(), "{}", sample.name);
            if !sample.breaks {
                tokens.iter().for_each(|token| assert!(like.rank(token).is_ok(), "{}", sample.name));
            }
        }
    }
}

#[test]
fn another_field_tenant_context_or_key_version_gives_unrelated_tokens() {
    for sample in samples() {
        let base = tokenizer(&sample.format);
        let others = [
            made(0, "acme", "g", &sample.format),
            made(0, "acme2", "f", &sample.format),
            made(1, "acme", "f", &sample.format),
            base.in_context(b"eu").unwrap(),
            base.in_context(b"us").unwrap(),
        ];
        let values: HashSet<String> = some(&sample, 1000).into_iter().collect();
        for value in &values {
            let same = base.in_context(b"").unwrap().tokenize(value).unwrap();
            assert_eq!(same, base.tokenize(value).unwrap());
        }
        let tokens =
            |t: &Tokenizer| -> Vec<String> { values.iter().map(|v| t.tokenize(v).unwrap()).collect() };
        let all: Vec<_> = others.iter().chain([&base]).map(tokens).collect();
        for (i, some) in all.iter().enumerate() {
            for others in &all[..i] {
                // Of 900,000 tokens or more. Three of 1,000 are equal once in a billion times.
                let equal = some.iter().zip(others).filter(|(a, b)| a == b).count();
                assert!(equal < 4, "{}: {equal} equal tokens", sample.name);
            }
        }
    }
}

#[test]
fn every_rank_below_the_size_is_that_of_one_value() {
    for_each(48, |sample, _, value| {
        if !counted(&sample.format) {
            return Ok(());
        }
        let like = sample.format.members(&value).unwrap();
        let mut runner = TestRunner::default();
        for _ in 0..8 {
            let bytes = prop::collection::vec(any::<u8>(), 37).new_tree(&mut runner).unwrap().current();
            let rank = below(&like.size(), &bytes);
            let member = like.unrank(&rank).unwrap();
            prop_assert_eq!(like.rank(&member).unwrap(), rank.clone(), "{:?}", member);
            let of_member = sample.format.members(&member).unwrap();
            prop_assert_eq!(of_member.size(), like.size());
            prop_assert_eq!(of_member.rank(&value).unwrap(), like.rank(&value).unwrap());
        }
        Ok(())
    });
}

/// Ranks and values are inverse, for all there are.
fn is_a_bijection(format: &Format, value: &str, size: u128) {
    let like = format.members(value).unwrap();
    assert_eq!(like.size(), Natural::from(size), "{value}");
    let mut seen = HashSet::new();
    for rank in (0..size).map(Natural::from) {
        let member = like.unrank(&rank).unwrap().to_string();
        assert_eq!(like.rank(&member).unwrap(), rank);
        assert!(seen.insert(member), "{value}: a value has two ranks");
    }
    assert!(like.unrank(&Natural::from(size)).is_none());
    assert!(seen.contains(value));
}

#[test]
fn small_spaces_are_counted_to_the_last_value() {
    let card = luhn("411111111111".into());
    for (format, value, size) in [
        (Format::digits(), "123", 1000),
        (Format::digits().keep(1, 2), "1-2 34.56", 1000),
        (Format::digits().luhn(Luhn::Keep), "1230", 1000),
        (Format::digits().luhn(Luhn::Break), "1230", 1000),
        (Format::new(Alphabet::new("äöü").unwrap()), "äöüä", 81),
        (Format::letters(), "Ab", 2704),
        (Format::card().keep(6, 4), &card, 100),
        (Format::integer(-50, 49).unwrap(), "-7", 100),
        (Format::integer(7, 7).unwrap(), "7", 1),
        (Format::decimal(1, "-2.5", "12.4").unwrap(), "0.0", 150),
        (Format::date_range("2024-02-01", "2024-02-29").unwrap(), "2024-02-29", 29),
        (Format::date_range("1999-12-31", "2000-12-31").unwrap(), "2000-02-29", 367),
        (Format::plate(), "AB-12", 67_600),
        (Format::text(), "a1B", 6760),
        (Format::text(), "é ª!", 34),
        (Format::phone(PhoneKeep::Area(3)), "+1 202 555 0", 8_000),
        (Format::phone(PhoneKeep::Area(3)), "+1 202 155 0", 2_000),
        (Format::phone(PhoneKeep::Area(9)), "+49 30 12345", 1),
        (Format::postal_us(), "90210", 100_000),
        (Format::regex("[ab]{1,3}c?|bbb|[a-c]{2}", None).unwrap(), "abc", 12),
        (Format::regex("(?:a|ab|b)*", Some((1, 9))).unwrap(), "abab", 16),
        (Format::regex("(?<keep_x>[ab])[0-9]{2}x?", None).unwrap(), "b07", 100),
        (Format::regex("[äéz]{2}\\d", None).unwrap(), "zä0", 90),
        (Format::template("keep(digits) token([1-9], 2..3) check(damm)").unwrap(), "5724", 81),
        (Format::template("'A' token(digits, 3) check(luhn)").unwrap(), "A123 0", 1000),
        (Format::template("token(hex, 1..2) '-' token([x-z])").unwrap(), "a-y", 48),
    ] {
        is_a_bijection(&format, value, size);
    }
}

/// Cells and the errors of those that failed.
type Outcome = (Vec<Vec<u8>>, Vec<(usize, String)>);

/// What a column should become: a token for each value, blank cells as they are, and the errors.
fn one_by_one(cells: &[Vec<u8>], one: impl Fn(&str) -> Result<Vec<u8>, Error>) -> Outcome {
    let mut failures = vec![];
    let map = |(i, cell): (usize, &Vec<u8>)| {
        if is_blank(cell) {
            return cell.clone();
        }
        let mapped = match std::str::from_utf8(cell) {
            Ok(text) => one(text).map_err(|e| e.to_string()),
            Err(_) => Err("value is not UTF-8".into()),
        };
        mapped.unwrap_or_else(|e| {
            failures.push((i, e));
            vec![]
        })
    };
    (cells.iter().enumerate().map(map).collect(), failures)
}

/// What a column becomes behind a cell that was there.
fn together<const BACK: bool>(tokenizer: &Tokenizer, cells: &(impl Cells + ?Sized)) -> Outcome {
    let (mut column, mut failures) = (Column::new(), vec![]);
    column.push(b"before");
    match BACK {
        true => tokenizer.detokenize_column(cells, &mut column, &mut failures),
        false => tokenizer.tokenize_column(cells, &mut column, &mut failures),
    }
    let cells = column.iter().skip(1).map(<[u8]>::to_vec).collect();
    (cells, failures.into_iter().map(|(i, e)| (i - 1, e.to_string())).collect())
}

/// A column in each of its forms is the outcome.
fn becomes<const BACK: bool>(tokenizer: &Tokenizer, cells: &[Vec<u8>], outcome: &Outcome) {
    let mut column = Column::new();
    let (mut offsets, mut bytes) = (vec![3], b"abc".to_vec());
    for cell in cells {
        column.push(cell);
        bytes.extend_from_slice(cell);
        offsets.push(bytes.len() as i32);
    }
    let slices: Vec<&[u8]> = cells.iter().map(Vec::as_slice).collect();
    assert_eq!(together::<BACK>(tokenizer, &column), *outcome);
    assert_eq!(together::<BACK>(tokenizer, &Arrow::new(&offsets, &bytes).unwrap()), *outcome);
    assert_eq!(together::<BACK>(tokenizer, &slices[..]), *outcome);
}

fn is_cell_by_cell(tokenizer: &Tokenizer, cells: &[Vec<u8>]) {
    let tokens = one_by_one(cells, |value| tokenizer.tokenize(value).map(String::into_bytes));
    becomes::<false>(tokenizer, cells, &tokens);
    // Of what was refused, some may be read as tokens.
    let tokens: Vec<_> = tokens.0.into_iter().chain(cells.iter().take(20).cloned()).collect();
    let values =
        one_by_one(&tokens, |token| tokenizer.detokenize(token).map(|value| value.expose().to_vec()));
    becomes::<true>(tokenizer, &tokens, &values);
}

#[test]
fn a_column_is_its_cells_one_by_one_whatever_stands_between() {
    for sample in samples() {
        let tokenizer = tokenizer(&sample.format);
        let bad: Vec<&[u8]> = sample
            .bad
            .iter()
            .map(|bad| bad.as_bytes())
            .chain([&b" "[..], b"\t", b"\xFF1234567", b"\xED\xA0\x80"])
            .collect();
        let values = some(&sample, 150);
        let mixed = values.iter().enumerate().flat_map(|(i, value)| {
            let between = (i % 4 == 1).then(|| bad[i / 4 % bad.len()].to_vec());
            between.into_iter().chain([value.clone().into_bytes()])
        });
        is_cell_by_cell(&tokenizer, &mixed.collect::<Vec<_>>());
        is_cell_by_cell(&tokenizer, &[]);
    }
}

#[test]
fn a_column_of_many_lengths_is_its_cells_one_by_one() {
    let tokenizer = tokenizer(&Format::digits().keep(1, 0));
    let length = |i: usize| if i.is_multiple_of(97) { 3 } else { 6 + i * i % 90 };
    let cells: Vec<Vec<u8>> = (0..10_000usize)
        .map(|i| (0..length(i)).map(|j| b'0' + ((i * 7919 + j * j * 31) % 10) as u8).collect())
        .collect();
    is_cell_by_cell(&tokenizer, &cells);
}

/// Whether an error's text has four bytes of the value. Pieces of words and punctuation do not count, nor do numbers
/// where the text has numbers of values, limits or places.
fn tells(error: &Error, value: &str) -> bool {
    let (text, value) = (format!("{error} {error:?}"), value.replace('·', "."));
    let numbers = matches!(error, Error::Value { .. });
    let counts = |b: &u8| b.is_ascii_uppercase() || !b.is_ascii() || numbers && b.is_ascii_digit();
    let mut pieces =
        value.as_bytes().windows(4).filter(|piece| piece.iter().filter(|b| counts(b)).count() > 1);
    pieces.any(|piece| text.as_bytes().windows(4).any(|window| window == piece))
}

#[test]
fn what_is_not_of_the_format_is_refused_and_no_error_tells_a_piece_of_it() {
    let nothing = ["", "\0\0\0\0\0\0\0\0", "\u{FEFF}", "\u{301}\u{301}\u{301}", "\u{FFFD}\u{FFFD}"];
    for sample in samples() {
        let tokenizer = tokenizer(&sample.format);
        for bad in sample.bad.iter().chain(&nothing) {
            for error in [tokenizer.tokenize(bad).err(), tokenizer.detokenize(bad).err()] {
                // A token need not pass the check that it breaks.
                if let (None, true) = (&error, sample.breaks) {
                    continue;
                }
                let error = error.unwrap_or_else(|| panic!("{}: {bad:?} is a value", sample.name));
                assert!(!tells(&error, bad), "{}: {bad:?}: {error}", sample.name);
            }
            if counted(&sample.format) {
                let error = sample.format.members(bad).err();
                assert!(error.is_none_or(|error| !tells(&error, bad)), "{}: {bad:?}", sample.name);
            }
        }
        for value in some(&sample, 20) {
            let long = value.repeat(
                10_000 / value.chars().filter(|c| c.is_alphanumeric() || *c == '🎫').count().max(1) + 1,
            );
            let error = tokenizer.tokenize(&long).unwrap_err();
            assert!(!tells(&error, &long), "{}: {error}", sample.name);
            assert!(tokenizer.detokenize(&long).is_err());
        }
    }
}

/// Characters that formats have to think about.
const ODD: &[char] = &[
    '\0', '\t', '\n', '\r', ' ', '\u{A0}', '-', '+', '@', '.', '{', '\'', '0', '9', 'a', 'f', 'z', 'A', 'F',
    'Z', '１', '٣', 'ａ', 'é', 'É', 'ß', 'ẞ', 'İ', 'ı', 'а', 'Я', 'ω', '\u{301}', '\u{308}', '\u{200D}',
    '\u{202E}', '\u{FEFF}', '\u{FFFD}', 'ﬁ', '世', '🎫', 'ª',
];

#[test]
fn a_changed_value_is_refused_or_obeys_the_laws() {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0..3, prop::sample::select(ODD)), 1..4);
    for sample in samples() {
        let tokenizer = tokenizer(&sample.format);
        let mut runner =
            TestRunner::new(Config { cases: 512, failure_persistence: None, ..Config::default() });
        let result = runner.run(&(sample.values.clone(), edits.clone()), |(value, edits)| {
            let mut characters: Vec<char> = value.chars().collect();
            for (at, how, odd) in edits {
                if how == 0 || characters.is_empty() {
                    characters.insert(at.index(characters.len() + 1), odd);
                    continue;
                }
                let at = at.index(characters.len());
                match how {
                    1 => characters[at] = odd,
                    _ => drop(characters.remove(at)),
                }
            }
            let changed = String::from_iter(characters);
            if let Ok(value) = revealed(&tokenizer, &changed) {
                prop_assert_eq!(
                    tokenizer.tokenize(&value).unwrap(),
                    changed.clone(),
                    "a token of {:?}",
                    value
                );
            }
            match tokenizer.tokenize(&changed) {
                Ok(_) => obeys(&sample.format, sample.breaks, &tokenizer, &changed),
                Err(error) => {
                    prop_assert!(!tells(&error, &changed), "{}", error);
                    Ok(())
                }
            }
        });
        result.unwrap_or_else(|failure| panic!("{}: {failure}", sample.name));
    }
}

/// Formats over one alphabet with all their settings, and a value.
fn runs() -> impl Strategy<Value = (Format, bool, String)> {
    let pool: Vec<char> = "0123456789abcdefABCXYZ -._/äöüßéжяωλ🎫世界，١".chars().collect();
    let alphabet = prop::sample::subsequence(pool.clone(), 2..=pool.len()).prop_shuffle();
    let luhn_rule = prop_oneof![Just(Luhn::Ignore), Just(Luhn::Keep), Just(Luhn::Break)];
    (alphabet, 0..5usize, 0..5usize, 0..3usize, luhn_rule, any::<[bool; 2]>()).prop_flat_map(
        move |(alphabet, first, last, more, rule, [digits, own])| {
            let alphabet: String = if digits { "0123456789".into() } else { alphabet.iter().collect() };
            let rule = if digits { rule } else { Luhn::Ignore };
            let others: Vec<char> =
                pool.iter().copied().filter(|c| !alphabet.contains(*c) && !c.is_alphanumeric()).collect();
            let separators: &'static [char] = match (others.is_empty(), own) {
                (true, _) => &['|'],
                (false, false) => &['|', '~'],
                (false, true) => others.leak(),
            };
            let mut format = Format::new(Alphabet::new(&alphabet).unwrap()).keep(first, last).luhn(rule);
            if own {
                format = format.separators(&separators.iter().collect::<String>());
            }
            let free = (1_000_000f64.log(alphabet.chars().count() as f64) - 1e-9).ceil() as usize;
            let least = first + last + free + usize::from(rule == Luhn::Keep);
            let length = least + more;
            if more > 0 {
                format = format.lengths(least, length + more);
            }
            let character = prop::sample::select(alphabet.chars().collect::<Vec<_>>());
            let compact = prop::collection::vec(character, length).prop_map(move |characters| {
                let text = String::from_iter(characters);
                if rule == Luhn::Ignore { text } else { luhn(text[..text.len() - 1].into()) }
            });
            (Just(format), Just(rule == Luhn::Break), separated(compact, separators))
        },
    )
}

proptest! {
    #[test]
    fn formats_over_any_alphabet_obey_the_laws((format, breaks, value) in runs()) {
        prop_assert!(format.check().is_ok());
        obeys(&format, breaks, &tokenizer(&format), &value)?;
    }
    #[test]
    fn any_expression_is_refused_or_obeys_the_laws((expression, kept) in expressions(), bytes: [u8; 9]) {
        let whole = if kept { format!("(?<keep_a>[a-c]{{0,2}}){expression}") } else { expression };
        let Ok(format) = Format::regex(&whole, Some((1, 24))) else { return Ok(()) };
        let values = proptest::string::string_regex(&whole).unwrap();
        for _ in 0..4 {
            let value = values.new_tree(&mut TestRunner::default()).unwrap().current();
            let Ok(like) = format.members(&value) else {
                prop_assert!(!(1..=24).contains(&value.chars().count()), "{value:?} matches {whole:?}");
                continue;
            };
            let rank = below(&like.size(), &bytes);
            let member = like.unrank(&rank).unwrap();
            prop_assert_eq!(like.rank(&member).unwrap(), rank);
            if format.check().is_ok() && like.size() >= Natural::from(1_000_000) {
                obeys(&format, false, &tokenizer(&format), &value)?;
            }
        }
    }
}

/// Regular expressions, and whether something before them is to be kept.
fn expressions() -> impl Strategy<Value = (String, bool)> {
    let leaf =
        prop::sample::select(vec!["[a-c]", "[0-9]", "x", "é", "[äö🎫]", "ab", "[^a-y]", "[x-z]", "a?"]);
    let expression = leaf.prop_map(str::to_owned).prop_recursive(4, 24, 4, |inner| {
        let parts = prop::collection::vec(inner.clone(), 1..5);
        prop_oneof![
            parts.clone().prop_map(|parts| parts.concat()),
            parts.prop_map(|parts| format!("(?:{})", parts.join("|"))),
            (inner.clone(), 0..4, 0..9)
                .prop_map(|(part, least, more)| format!("(?:{part}){{{least},{}}}", least + more)),
            inner.clone().prop_map(|part| format!("(?:{part})*")),
            inner.prop_map(|part| format!("(?:{part})+")),
        ]
    });
    (expression, prop::bool::weighted(0.2))
}
