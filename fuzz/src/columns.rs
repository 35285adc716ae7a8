//! Many values at once are as each by itself: tokens, in one context or in one for each, pseudonyms, index values, and whether there
//! is one.
//!
//! The first byte chooses the mode, the second how often the cells come again, each time turned by one, so that a cell meets
//! each place of a group; the rest is the cells, a line each.

use crate::fixed::{KEYSET, field, tenant};
use cloakroom::crypto::aead::Suite;
use cloakroom::format::{Alphabet, Format, Luhn, Normalization};
use cloakroom::name::Scope;
use cloakroom::protect::{
    BlindIndex, BlindIndexer, Column, Failures, Pseudonymizer, Sealer, Spelling, Tokenizer, is_blank,
};
use std::sync::LazyLock;

/// The most cells in a column: a few groups of the widest lanes.
const MOST: usize = 300;

static TOKENIZERS: LazyLock<Vec<Tokenizer>> = LazyLock::new(|| {
    let greek = Alphabet::new("αβγδεζηθ").unwrap();
    let formats = [
        Format::digits(),
        Format::card().keep(6, 4),
        Format::digits().luhn(Luhn::Keep),
        Format::letters(),
        Format::alphanumeric().keep(1, 0),
        Format::new(greek),
    ];
    let key = KEYSET.primary().unwrap();
    formats.map(|format| Tokenizer::new(&key, &tenant(), &field("f"), format).unwrap()).into()
});

static PSEUDONYMIZERS: LazyLock<Vec<Pseudonymizer>> = LazyLock::new(|| {
    let (key, scope) = (KEYSET.primary().unwrap(), Scope::new("s").unwrap());
    let spellings = [
        Spelling::Base64Url,
        Spelling::Hex,
        Spelling::Uuid,
        Spelling::Crockford,
        Spelling::int63(1).unwrap(),
    ];
    let kinds = [Normalization::Text, Normalization::Email];
    (spellings.iter())
        .flat_map(|spelling| kinds.map(|kind| (*spelling, kind)))
        .map(|(spelling, kind)| Pseudonymizer::new(&key, &key, &tenant(), &scope, kind, spelling))
        .collect()
});

static INDEXERS: LazyLock<Vec<BlindIndexer>> = LazyLock::new(|| {
    let key = KEYSET.primary().unwrap();
    let parts =
        |names: &[&str]| names.iter().map(|name| (field(name), Normalization::Text)).collect::<Vec<_>>();
    [parts(&["a"]), parts(&["a", "b"])]
        .map(|parts| BlindIndexer::new(&key, &tenant(), &BlindIndex::new(field("i"), parts, 61).unwrap()))
        .into()
});

static SEALERS: LazyLock<[Sealer; 2]> = LazyLock::new(|| {
    let key = KEYSET.primary().unwrap();
    [Suite::Xaes256Gcm, Suite::XChaCha20Poly1305]
        .map(|suite| Sealer::new(&key, suite, &tenant(), &field("f")))
});

/// Tokens, values, pseudonyms, index values, envelopes, and what may be envelopes.
const MODES: u8 = 6;

pub fn run(data: &[u8]) {
    let Some((&[mode, again], rest)) = data.split_first_chunk() else { return };
    let lines: Vec<&[u8]> = rest.split(|byte| *byte == b'\n').collect();
    let cells: Vec<&[u8]> = (0..=usize::from(again))
        .flat_map(|turn| lines.iter().cycle().skip(turn).take(lines.len()))
        .copied()
        .take(MOST)
        .collect();
    let mut column = Column::new();
    cells.iter().for_each(|cell| column.push(cell));

    let (of, mode) = (usize::from(mode / MODES), mode % MODES);
    match mode {
        0 => {
            let tokenizer = &TOKENIZERS[of % TOKENIZERS.len()];
            compare(
                &cells,
                |out, bad| tokenizer.tokenize_column(&column, out, bad),
                |_, value| tokenizer.tokenize(value).ok().map(String::into_bytes),
            );
            let contexts = contexts(&cells);
            compare(
                &cells,
                |out, bad| tokenizer.tokenize_column_in(&contexts[..], &column, out, bad),
                |i, value| {
                    tokenizer.in_context(contexts[i]).unwrap().tokenize(value).ok().map(String::into_bytes)
                },
            );
        }
        1 => {
            let tokenizer = &TOKENIZERS[of % TOKENIZERS.len()];
            compare(
                &cells,
                |out, bad| tokenizer.detokenize_column(&column, out, bad),
                |_, token| tokenizer.detokenize(token).ok().map(|value| value.expose().to_vec()),
            );
            let contexts = contexts(&cells);
            compare(
                &cells,
                |out, bad| tokenizer.detokenize_column_in(&contexts[..], &column, out, bad),
                |i, token| {
                    let tokenizer = tokenizer.in_context(contexts[i]).unwrap();
                    tokenizer.detokenize(token).ok().map(|value| value.expose().to_vec())
                },
            );
        }
        2 => {
            let pseudonymizer = &PSEUDONYMIZERS[of % PSEUDONYMIZERS.len()];
            compare(
                &cells,
                |out, bad| pseudonymizer.pseudonym_column(&column, out, bad),
                |_, value| pseudonymizer.pseudonym(value).ok().map(String::into_bytes),
            );
        }
        3 => {
            let indexer = &INDEXERS[of % INDEXERS.len()];
            let parts = vec![&column; 1 + of % INDEXERS.len()];
            compare(
                &cells,
                |out, bad| indexer.value_column(&parts, out, bad),
                |_, value| {
                    let values = vec![value; parts.len()];
                    indexer.value(&values).ok().map(|value| value.to_string().into_bytes())
                },
            );
        }
        4 => sealing(&SEALERS[of % SEALERS.len()], &cells, &column),
        _ => {
            let sealer = &SEALERS[of % SEALERS.len()];
            let subjects = vec![&b""[..]; cells.len()];
            compare(
                &cells,
                |out, bad| sealer.open_text_column(&subjects[..], &column, out, bad),
                |_, cell| sealer.open_text("", cell).ok().map(|value| value.expose().to_vec()),
            );
        }
    }
}

/// A context for each cell: the beginning of the next one.
fn contexts<'c>(cells: &[&'c [u8]]) -> Vec<&'c [u8]> {
    let next = cells.iter().cycle().skip(1).take(cells.len());
    next.map(|cell| &cell[..cell.len().min(100)]).collect()
}

/// What is sealed in a column opens one by one, and the other way round.
fn sealing(sealer: &Sealer, cells: &[&[u8]], column: &Column) {
    // By their first bytes, so that subjects come again.
    let subjects: Vec<&[u8]> = cells.iter().map(|cell| &cell[..cell.len().min(1)]).collect();
    let (mut sealed, mut failures) = (Column::new(), vec![]);
    sealer.batch().seal_text_column(&subjects[..], column, &mut sealed, &mut failures);
    let (mut opened, mut unopened) = (Column::new(), vec![]);
    sealer.open_text_column(&subjects[..], &sealed, &mut opened, &mut unopened);
    assert!(unopened.is_empty());
    let mut failed = failures.iter().map(|(i, _)| *i).peekable();
    for (i, cell) in cells.iter().enumerate() {
        let subject = std::str::from_utf8(subjects[i]);
        let mut one = vec![];
        let sealing = subject.map(|subject| sealer.batch().seal_text(subject, cell, &mut one));
        let fails = !is_blank(cell) && !matches!(sealing, Ok(Ok(())));
        assert_eq!(failed.next_if_eq(&i).is_some(), fails, "cell {i} of {}", cells.len());
        if fails || is_blank(cell) {
            continue;
        }
        assert_eq!(opened.get(i), *cell);
        let sealed = std::str::from_utf8(sealed.get(i)).unwrap();
        assert_eq!(sealer.open_text(subject.unwrap(), sealed).unwrap().expose(), *cell);
    }
}

/// The column's results, cell by cell, against those of `one`. A blank cell stays as it is.
fn compare(
    cells: &[&[u8]],
    column: impl FnOnce(&mut Column, &mut Failures),
    one: impl Fn(usize, &str) -> Option<Vec<u8>>,
) {
    let (mut out, mut failures) = (Column::new(), vec![]);
    column(&mut out, &mut failures);
    assert_eq!(out.len(), cells.len());
    let mut failed = failures.iter().map(|(i, _)| *i).peekable();
    for (i, cell) in cells.iter().enumerate() {
        let fails = failed.next_if_eq(&i).is_some();
        let expected = match is_blank(cell) {
            true => Some(cell.to_vec()),
            false => std::str::from_utf8(cell).ok().and_then(|cell| one(i, cell)),
        };
        assert_eq!(fails, expected.is_none(), "cell {i} of {}", cells.len());
        assert_eq!(out.get(i), expected.unwrap_or_default(), "cell {i} of {}", cells.len());
    }
    assert!(failed.next().is_none(), "failures come in the order of the cells");
}

/// Each mode, with cells that fail among those that do not.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let with = |mode: u8, again: u8, cells: &str| [&[mode, again], cells.as_bytes()].concat();
    vec![
        (
            "digits",
            with(0, 70, "1234567\n12\n\n4111111111111111\nx\n12345678901234567890\n1234567890123456789"),
        ),
        (
            "digits_back",
            with(1, 70, "7654321\n1\n9999999999999999\n000000000000000000000000000000000000000000"),
        ),
        ("card", with(6, 20, "4111 1111 1111 1111\n5500-0000-0000-0004\n4111111111111112\n340000000000009")),
        ("card_back", with(7, 20, "4111 1100 0000 1111\n4111111111111111")),
        ("luhn", with(12, 3, "79927398713\n79927398710")),
        ("letters", with(18, 65, "abcdefghij\nZyXwVu\nabcdefghijklmnopqrstuvwxyzabcdefgh\nab")),
        ("alphanumeric", with(24, 9, "A1b2C3d4e5F6\nzzzzzz\n123456789012345678901234567890123")),
        ("greek", with(30, 4, "αβγδεζηθαβγδ\nαβγ")),
        (
            "pseudonym",
            with(
                2,
                40,
                "Ann\nann \n\n10423\nsomebody with a long name, of more than one block of the hash function",
            ),
        ),
        ("pseudonym_email", with(8, 17, "Ada@Example.ORG\nno address")),
        ("pseudonym_integer", with(50, 17, "1\n2\n3\n\u{fc}mlaut")),
        ("index", with(3, 16, "smith\nSMITH\n \n\u{1F600}")),
        (
            "sealed",
            with(
                4,
                9,
                "a secret\nthe secret of another, which is longer than a few blocks of the cipher, and so in pieces\n\nck1e_A",
            ),
        ),
        ("sealed_by_chacha", with(10, 17, "0123456789abcdef\n0123456789abcdeF\n\u{fc}")),
        ("envelopes", with(5, 3, "ck1e_AAAA\n\nnone\nck1e_")),
        ("index_of_two", with(9, 16, "smith\nM\u{fc}ller")),
    ]
}
