//! Protected files whose keys are rotated: `migrate --file`, columns of key versions, `bridge`.

#[path = "../tool/mod.rs"]
mod tool;

mod bridged;
mod key_versions;
mod migrated;

use cloakroom::keys::{self, Keyset};
use tool::{Tool, cells, column, csv, position};

const POLICY: &str = r#"
version = 1
tenant = "acme"
subject = "id"
[field.id]
protect = "pseudonym"
scope = "analytics"
[field.ref]
protect = "pseudonym"
scope = "partner"
normalize = "text"
spelling = "uuid"
kind = "order"
[field.name]
protect = "seal"
[field.email]
protect = "seal"
[field.card]
protect = "token"
format = "card"
keep = "6+4"
[field.phone]
protect = "token"
format = "digits"
length = "7..15"
[field.born]
protect = "generalize"
to = "year"
[field.country]
protect = "keep"
[field.junk]
protect = "drop"
[[bridge]]
from = "partner"
to = "billing"
[[bridge]]
from = "analytics"
to = "billing"
"#;

const REVERSIBLE: [&str; 5] = ["name", "email", "card", "phone", "country"];
const DETERMINISTIC: [&str; 6] = ["id", "ref", "card", "phone", "born", "country"];

/// Rows with blank cells in every column but the first.
fn original(rows: usize) -> Vec<u8> {
    let header = ["id", " ref", "name", "email", "card", "phone", "born", "country", "junk"];
    let mut table = vec![header.map(|h| h.as_bytes().to_vec()).to_vec()];
    let cards = ["4111 1111 1111 1111", "5555555555554444", "4012888888881881"];
    for i in 0..rows {
        let blank = |cell: String, n: usize| if (i + n).is_multiple_of(7) { " ".repeat(n % 2) } else { cell };
        let row = [
            format!("{}", 1000 + i / 2),
            blank(format!("R{i}"), 1),
            blank(format!("Name, {i}"), 2),
            blank(format!("a{i}@example.com"), 3),
            blank(cards[i % 3].to_owned(), 4),
            blank(format!("+{:08}-{i:03}", i * 3), 5),
            blank(format!("19{:02}-03-01", i % 100), 6),
            ["de", "fr", ""][i % 3].to_owned(),
            format!("junk {i}"),
        ];
        table.push(row.map(String::into_bytes).to_vec());
    }
    csv(&table, b',', "\n")
}

/// `in.csv`, and it protected under key version 1 as `one.csv` and under 2 as `two.csv`.
fn ready(holder: &str, more: &str) -> Tool {
    let tool = if holder == "--vault v" { Tool::with_vault() } else { Tool::with_keyset() };
    tool.write("p.toml", POLICY);
    tool.write("in.csv", original(60));
    tool.ok(&format!("protect in.csv --policy p.toml {holder} -o one.csv {more}"));
    tool.ok(&format!("rotate {holder}"));
    tool.ok(&format!("protect in.csv --policy p.toml {holder} -o two.csv {more}"));
    tool
}

fn edit(tool: &Tool, change: impl Fn(&Keyset) -> cloakroom::Result<Keyset>) {
    let key = tool.key();
    keys::edit(tool.path("k"), &key, &key, |keyset| change(&keyset)).unwrap();
}

#[track_caller]
fn same(tool: &Tool, a: &str, b: &str, columns: &[&str]) {
    for name in columns {
        let (left, right) = (column(&tool.read(a), b',', name), column(&tool.read(b), b',', name));
        assert_eq!(left, right, "column {name} of {a} and {b}");
    }
}

#[track_caller]
fn differ(tool: &Tool, a: &str, b: &str, columns: &[&str]) {
    for name in columns {
        let (left, right) = (column(&tool.read(a), b',', name), column(&tool.read(b), b',', name));
        assert!(left.iter().zip(right).any(|(l, r)| *l != r), "column {name} of {a} and {b}");
    }
}

/// `file` comes back as the original.
#[track_caller]
fn reveals(tool: &Tool, holder: &str, file: &str) {
    let ran = tool.ok(&format!("reveal {file} {holder} -o back.csv"));
    assert!(!ran.err.contains("note: "), "{}", ran.err);
    same(tool, "in.csv", "back.csv", &REVERSIBLE);
}

const BRIDGE: &str = "--column ref --to billing --policy p.toml";

// SPEC: MAN-4, SECRET-1
#[test]
fn no_value_is_in_what_migrating_and_bridging_say() {
    let tool = ready("--keyset k", "--key-versions");
    let mut rows = cells(&tool.read("one.csv"), b',');
    let [card, version] = ["card", "phone__kv"].map(|name| position(&rows[0], name));
    let full = |row: &usize| rows[*row].iter().all(|cell| !cell.trim_ascii().is_empty());
    let [first, second] = [(1..50).find(full).unwrap(), (1..50).rev().find(full).unwrap()];
    rows[first][card] = b"planted-card".to_vec();
    rows[second][version] = b"planted-version".to_vec();
    tool.write("x.csv", csv(&rows, b',', "\n"));
    let more = "--manifest one.csv.manifest.json --keyset k -o new.csv";
    let mut said = String::new();
    for changed in ["", "--changed", "--changed --rejects r.csv"] {
        said += &tool.run(&format!("migrate --file x.csv {more} {changed}")).err;
        said += &tool.run(&format!("bridge x.csv {more} {BRIDGE} {changed}")).err;
    }
    said += &tool.text("r.csv");
    tool.ok("migrate --file one.csv --keyset k -o new.csv");
    said += &tool.text("new.csv.manifest.json");
    for value in ["planted", "411111", "4111 1111", "Name, ", "example.com", "1985-"] {
        assert!(!said.contains(value), "{value} is in {said}");
    }
}

#[test]
fn a_full_disk_leaves_nothing() {
    let tool = Tool::with_keyset();
    tool.write("p.toml", POLICY);
    tool.write("in.csv", original(9000));
    tool.ok("protect in.csv --policy p.toml --keyset k -o one.csv");
    tool.ok("rotate --keyset k");
    let before = tool.listing();
    for line in [
        "migrate --file one.csv --keyset k -o new.csv",
        &format!("bridge one.csv {BRIDGE} --keyset k -o new.csv"),
    ] {
        let ran = tool.shell(&format!("trap '' XFSZ; ulimit -f 500; $C {line}"));
        assert_eq!(ran.exit, Some(7), "{ran:?}");
        assert!(ran.err.contains("write the output: File too large"), "{ran:?}");
        assert_eq!(tool.listing(), before);
    }
}
