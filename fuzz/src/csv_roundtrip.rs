//! Tables through a policy and back: every cell of a reversible column is as it was, to the byte.
//!
//! The first byte of an input chooses the policy, the second how it is run, the third the delimiter; the rest is the
//! table.

use crate::fixed::KEYSET;
use cloakroom::Error;
use cloakroom::pipeline::{Keys, Manifest, Options, protect, reveal};
use cloakroom::policy::Policy;
use cloakroom::store::memory::MemoryStore;
use cloakroom::vault::Vault;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hasher};
use std::sync::LazyLock;

const BOM: &[u8] = b"\xEF\xBB\xBF";

const KEPT: &str = "[field.a]\nprotect = \"keep\"\n[field.b]\nprotect = \"keep\"\n";
const TOKENS: &str = r#"[field.card]
protect = "token"
format = "card"
keep = "6+4"
[field.number]
protect = "token"
format = "digits"
separators = " -/"
[field.name]
protect = "token"
alphabet = "abcdefghijklmnopqrstuvwxyzäöüß"
separators = " '"
length = "5..30"
"#;
const SEALED: &str = r#"subject = "id"
unlisted = "drop"
[field.id]
protect = "pseudonym"
scope = "s"
[field.email]
protect = "seal"
empty = "error"
[field.notes]
protect = "seal"
"#;
const SUITE: &str = "subject = \"id\"\n[field.id]\nprotect = \"drop\"\n[field.notes]\nprotect = \"seal\"\nsuite = \"xchacha20-poly1305\"\n";
const MIXED: &str = r#"subject = "id"
[field.id]
protect = "token"
format = "alphanumeric"
luhn = "ignore"
[field.email]
protect = "seal"
[field.born]
protect = "generalize"
to = "year"
[field.phone]
protect = "mask"
keep = "0+4"
[field.country]
protect = "keep"
[field.spare]
protect = "drop"
"#;
const SELF: &str = "subject = \"id\"\n[field.id]\nprotect = \"seal\"\n[field.luhn]\nprotect = \"token\"\nformat = \"digits\"\nluhn = \"keep\"\n";
const RANDOM: &str = r#"subject = "id"
[field.id]
protect = "random-token"
opaque = "uuid"
[field.card]
protect = "random-token"
format = "card"
keep = "6+4"
lifetime = "30d"
[field.pin]
protect = "random-token"
format = "digits"
length = "1..4"
reuse = "never"
[field.email]
protect = "seal"
index = 16
normalize = "email"
[field.number]
protect = "pseudonym"
scope = "s"
spelling = "int63"
population = 1000
"#;

/// Each with a header that suits it.
static POLICIES: LazyLock<Vec<(Policy, &str)>> = LazyLock::new(|| {
    [
        (KEPT, "a,b"),
        (TOKENS, "card,number, name "),
        (SEALED, "id,email,notes,more"),
        (SUITE, "notes,id"),
        (MIXED, "id,email,born,phone,country,spare"),
        (SELF, "id,luhn"),
        (RANDOM, "id,card,pin,email,number"),
    ]
    .map(|(rest, header)| {
        (Policy::parse(&format!("version = 1\ntenant = \"acme\"\n{rest}")).unwrap(), header)
    })
    .to_vec()
});

pub fn run(data: &[u8]) {
    let Some((&[policy, how, delimiter], table)) = data.split_first_chunk() else { return };
    let (policy, header) = &POLICIES[usize::from(policy) % POLICIES.len()];
    let with_header = (how & 1 != 0).then(|| {
        let header: Vec<&[u8]> = header.split(',').map(str::as_bytes).collect();
        let end: &[u8] = if how & 8 != 0 { b"\r\n" } else { b"\n" };
        [&header.join(&delimiter), end, table].concat()
    });
    let table = with_header.as_deref().unwrap_or(table);
    let strict = how & 2 != 0;
    if how & 4 == 0 {
        round_trip(policy, table, Run { delimiter, strict, keys: Keys::Keyset(&KEYSET) });
        return;
    }
    let vault = Vault::create_in(Box::new(MemoryStore::new()), KEYSET.clone()).unwrap();
    let run = Run { delimiter, strict, keys: Keys::Vault(&vault) };
    // Twice: a file may come again.
    for _ in 0..2 {
        round_trip(policy, table, run);
        let report = vault.check().unwrap();
        assert!(report.is_clean(), "{report:?}");
    }
}

/// How a table is run.
#[derive(Clone, Copy)]
pub struct Run<'k> {
    pub delimiter: u8,
    pub strict: bool,
    pub keys: Keys<'k>,
}

/// Protects, reveals, compares.
pub fn round_trip(policy: &Policy, input: &[u8], run: Run<'_>) {
    let Run { delimiter, strict, keys } = run;
    let (mut output, mut rejects) = (vec![], vec![]);
    let options = Options {
        delimiter,
        threads: 1,
        rejects: if strict { None } else { Some(&mut rejects) },
        ..Options::default()
    };
    let finished = match protect(input, &mut output, policy, keys, options) {
        Ok(finished) => finished,
        Err(error) => return refused(&error, input),
    };
    let manifest = Manifest::parse(&finished.json, &KEYSET).unwrap();
    assert_eq!(manifest, finished.manifest);
    finished.commit().unwrap();

    let original = Table::read(input, delimiter);
    assert_eq!(manifest.rows_read, original.rows.len() as u64);
    assert_eq!(manifest.rows_written + manifest.rows_rejected, manifest.rows_read);
    match rejects.is_empty() {
        true => assert_eq!(manifest.rows_rejected, 0),
        false => check_rejects(&rejects, &original, manifest.rows_rejected),
    }
    if manifest.columns.is_empty() {
        return; // everything was dropped
    }
    let mut back = vec![];
    let options = Options { threads: 1, ..Options::default() };
    let revealed = reveal(&output[..], &mut back, &manifest, keys, options)
        .unwrap_or_else(|e| panic!("what was protected is not revealed: {e}\n{}", output.escape_ascii()));
    assert_eq!((revealed.rows, revealed.rejected), (manifest.rows_written, 0));
    assert_eq!(back.starts_with(BOM), input.starts_with(BOM));
    let back = Table::read(&back, delimiter);
    assert_eq!(back.rows.len() as u64, manifest.rows_written);
    assert_eq!(back.header, manifest.columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>());
    let reversible = |mode: &str| matches!(mode, "token" | "random-token" | "seal" | "keep");
    let places: Vec<(usize, usize)> = (manifest.columns.iter().enumerate())
        .filter(|(_, column)| reversible(&column.mode))
        .map(|(i, column)| (original.header.iter().position(|h| *h == column.name).unwrap(), i))
        .collect();
    // In order, with nothing between them but rejected rows.
    let mut left = original.rows.iter();
    for (_, row) in &back.rows {
        let same = |(_, o): &&(u64, csv::ByteRecord)| {
            o.len() == original.header.len() && places.iter().all(|(from, to)| o[*from] == row[*to])
        };
        assert!(left.any(|o| same(&o)), "a row came back as no row was: {row:?}");
    }
}

/// An error has a place, if any, that is there.
fn refused(error: &Error, input: &[u8]) {
    if let Error::Row { line, .. } = error {
        let last = 1 + input.iter().filter(|b| **b == b'\n').count() as u64;
        assert!((1..=last).contains(line), "line {line} of {last}");
    }
}

/// What the rejects name are lines where rows begin, and as many as were rejected. They hold no cell.
fn check_rejects(rejects: &[u8], table: &Table, expected: u64) {
    let rejects = Table::read(rejects, b',');
    assert_eq!(rejects.header, ["line", "column", "reason"]);
    let mut named = BTreeSet::new();
    for (_, reject) in &rejects.rows {
        let line: u64 = std::str::from_utf8(&reject[0]).unwrap().parse().unwrap();
        named.insert(line);
        assert!(reject[1].is_empty() || table.header.iter().any(|h| h.trim().as_bytes() == &reject[1]));
        for cell in
            table.rows.iter().flat_map(|(_, row)| row).filter(|cell| cell.len() >= 32 && !is_prose(cell))
        {
            assert!(!holds(&reject[2], cell), "the rejects show a value");
        }
    }
    if table.one_line_end {
        let starts: BTreeSet<u64> = table.rows.iter().map(|(line, _)| *line).collect();
        assert!(named.is_subset(&starts), "rows begin in {starts:?}, rejected are {named:?}");
        assert_eq!(named.len() as u64, expected);
    }
}

/// Whether a cell may be a piece of a reason's own words.
fn is_prose(cell: &[u8]) -> bool {
    cell.iter().all(|byte| byte.is_ascii_lowercase() || b" ,.:;'-".contains(byte))
}

/// Whether the needle is in the text. Hashes are compared, not bytes: a fuzzer writes into its inputs what it sees compared
/// with them, and would so make cells out of the reasons.
fn holds(text: &[u8], needle: &[u8]) -> bool {
    let hash = |bytes: &[u8]| {
        let mut hasher = DefaultHasher::new();
        hasher.write(bytes);
        hasher.finish()
    };
    text.windows(needle.len()).any(|window| hash(window) == hash(needle))
}

/// Read by the `csv` crate alone.
struct Table {
    header: Vec<String>,
    /// The line in which each row begins, and the row.
    rows: Vec<(u64, csv::ByteRecord)>,
    /// Whether all lines end alike, so that each row has a line of its own.
    one_line_end: bool,
}

impl Table {
    fn read(bytes: &[u8], delimiter: u8) -> Self {
        let mut reader = csv::ReaderBuilder::new();
        reader.delimiter(delimiter).has_headers(false).flexible(true);
        let mut rows = reader.from_reader(bytes).into_byte_records().map(Result::unwrap);
        let header = rows.next().into_iter().flat_map(|r| r.iter().map(<[u8]>::to_vec).collect::<Vec<_>>());
        let header = header.map(|name| String::from_utf8(name).unwrap()).collect();
        let line_of = |row: &csv::ByteRecord| {
            // A record's position may be that of the line end before it.
            let before = row.position().unwrap().byte() as usize;
            let ends = bytes[before..].iter().take_while(|byte| b"\r\n".contains(byte)).count();
            1 + bytes[..before + ends].iter().filter(|byte| **byte == b'\n').count() as u64
        };
        let rows = rows.map(|row| (line_of(&row), row)).collect();
        let ends = [&b"\r\n"[..], b"\n", b"\r"]
            .map(|end| bytes.windows(end.len()).filter(|window| *window == end).count());
        let one_line_end = matches!(ends, [crlf, lf, cr] if crlf == cr && (cr == lf || cr == 0));
        Self { header, rows, one_line_end }
    }
}

/// One for each policy, and some odd tables.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let with = |policy: u8, how: u8, delimiter: u8, table: &str| {
        [&[policy, how, delimiter], table.as_bytes()].concat()
    };
    vec![
        // A cell that is a piece of what a reason says of another.
        (
            "own_words",
            with(
                1,
                1,
                b',',
                "4111,he value is not of the alphabet or,x\nA,the value is not of the alphabet or,y\n",
            ),
        ),
        ("kept", with(0, 1, b',', "x,\"y,\"\"z\"\"\"\n,\n\" \",\"\r\n\"\n")),
        ("tokens", with(1, 1, b',', "4111111111111111,0049 123-456,o'neil äöü\n5500 0000 0000 0004,1,\n")),
        ("tokens_strict", with(1, 3, b';', "4111111111111111;0049 123-456;o'neil äöü\n")),
        ("sealed", with(2, 1, b',', "7,ada@example.org,hello,x\n8,,hello,x\n7,a,,\n")),
        ("vault", with(2, 5, b',', "7,ada@example.org,hello,x\n8,,hello,x\n7,a,,\n,a,b,c\n")),
        ("vault_strict", with(2, 15, b'\t', "7\tada@example.org\thello\tx\r\n8\tb\thello\tx\r\n")),
        ("suite", with(3, 1, b'|', "a note|7\n\"\"|8\nck1e_AAAA|9\n")),
        (
            "mixed",
            with(4, 1, b',', "a1B2c3,ada@example.org,1984-02-29,555-1234,DE,x\nzz9Z8,b,1.1.2000,1,FR,y\n"),
        ),
        ("mixed_vault", with(4, 5, b',', "a1B2c3,ada@example.org,1984-02-29,555-1234,DE,x\nshort,b\n")),
        ("sealed_subject", with(5, 1, b',', "7,79927398713\n8,1234567\n")),
        ("sealed_subject_vault", with(5, 5, b',', "7,79927398713\n8,1234567\n7,\n")),
        (
            "random_vault",
            with(
                6,
                5,
                b',',
                "7,4111111111111111,12,ada@example.org,1\n8,4111111111111111,9,,2\n7,4111111111111111,12,A,1\n,5500000000000004,1,a,3\n9,12,,b,4\n",
            ),
        ),
        ("random_vault_exhausted", with(6, 5, b',', &"7,,1,,\n".repeat(11))),
        ("random_vault_strict", with(6, 7, b',', "7,,12,ada@example.org,1\n8,,,b,\n")),
        ("random_without_a_vault", with(6, 1, b',', "7,,12,ada@example.org,1\n")),
        ("own_header", with(0, 0, b',', "b,a\n1,2\n")),
        ("byte_order_mark", with(0, 0, b',', "\u{feff}b,a\n1,2\n")),
        ("byte_order_mark_in_a_cell", with(0, 0, b',', "\"\u{feff}b\",a\n1,2\n")),
        ("byte_order_mark_after_one", with(0, 0, b',', "\u{feff}\u{feff}b,a\n1,2\n")),
        ("byte_order_mark_in_the_second_header", with(3, 0, b',', "id,\u{feff}notes\n1,2\n")),
        ("delimiter_not_ascii", with(1, 1, 0xb6, "")),
        ("rejects_crlf", with(1, 9, b',', "4111111111111111,1234567,\r\n\r\n4,1234567,\r\n,,\r\n,1,\r\n")),
        ("open_quote", with(0, 1, b',', "1,2\n3,\"4\n")),
        ("header_only", with(0, 4, b',', "a,b\n")),
    ]
}
