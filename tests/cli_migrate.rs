//! Protected files whose keys are rotated: `migrate --file`, columns of key versions, `bridge`.

mod tool;

use cloakroom::keys::{self, KeyFile, KeyState, KeyUse, Keyset};
use cloakroom::name::{FieldName, KeyVersion, Scope, TenantId};
use cloakroom::time::Timestamp;
use std::fs;
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
    let key = KeyFile::read(tool.path("key")).unwrap();
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

// SPEC: FILE-6, MAN-6
#[test]
fn a_migrated_file_is_as_if_its_original_had_just_been_protected() {
    for holder in ["--keyset k", "--vault v"] {
        let tool = ready(holder, "");
        let ran = tool.ok(&format!("migrate --file one.csv {holder} -o new.csv"));
        assert_eq!(
            ran.err,
            "moved to the newest key version: id,  ref, name, email, card, phone\nmigrated 60 rows\n"
        );
        same(&tool, "new.csv", "two.csv", &DETERMINISTIC);
        differ(&tool, "new.csv", "one.csv", &["id", "ref", "name", "email", "card", "phone"]);
        reveals(&tool, holder, "new.csv");
        reveals(&tool, holder, "one.csv");
        let [new, two] = ["new", "two"].map(|name| tool.text(&format!("{name}.csv.manifest.json")));
        assert!(!new.contains("\"key_version\": 1"), "{new}");
        assert!(new.contains("\"identity_version\": 1") && new.contains("\"rows_written\": 60"), "{new}");
        // But for times and checksums the manifests say the same.
        let stable = |text: &str| -> Vec<String> {
            let varies = ["created", "input_tag", "output_", "\"mac\""];
            text.lines().filter(|l| !varies.iter().any(|v| l.contains(v))).map(str::to_owned).collect()
        };
        assert_eq!(stable(&new), stable(&two));

        // Again, with nothing to do.
        let ran = tool.ok(&format!("migrate --file new.csv {holder} -o again.csv"));
        assert!(
            ran.err.starts_with("nothing to move: every column is at its newest key version"),
            "{}",
            ran.err
        );
        assert_eq!(tool.read("again.csv"), tool.read("new.csv"));
        assert_eq!(stable(&tool.text("again.csv.manifest.json")), stable(&new));
        // And again, with something to do.
        tool.ok(&format!("rotate {holder}"));
        tool.ok(&format!("migrate --file again.csv {holder} -o third.csv"));
        tool.ok(&format!("protect in.csv --policy p.toml {holder} -o three.csv"));
        same(&tool, "third.csv", "three.csv", &DETERMINISTIC);
        reveals(&tool, holder, "third.csv");
        if holder == "--vault v" {
            tool.clean();
            fs::rename(tool.path("third.csv"), tool.path("x.csv")).unwrap();
            let line = "protect x.csv --policy p.toml --vault v -o y.csv";
            tool.fails(3, line, "has no column \"junk\"");
            tool.write("q.toml", POLICY.replace("[field.junk]\nprotect = \"drop\"\n", ""));
            let line = "protect x.csv --policy q.toml --vault v -o y.csv --rejects r.csv";
            tool.fails(3, line, "was made by this vault");
            tool.ok("migrate --vault v");
            reveals_as(&tool, "x.csv", "third.csv.manifest.json");
        }
    }
}

fn reveals_as(tool: &Tool, file: &str, manifest: &str) {
    tool.ok(&format!("reveal {file} --manifest {manifest} --vault v -o back.csv"));
    same(tool, "in.csv", "back.csv", &REVERSIBLE);
}

// SPEC: FILE-6
#[test]
fn an_erased_subject_stays_erased_in_a_migrated_file() {
    let tool = ready("--vault v", "");
    tool.ok("subject erase 1004 --vault v");
    tool.ok("migrate --file one.csv --vault v -o new.csv");
    let ran = tool.run("reveal new.csv --vault v -o back.csv --rejects r.csv");
    assert_eq!(ran.exit, Some(1), "{}", ran.err);
    assert!(tool.text("r.csv").lines().skip(1).all(|line| line.contains("refers to nothing in this vault")));
    assert_eq!(column(&tool.read("back.csv"), b',', "name").len(), 58);
}

#[test]
fn a_field_or_a_scope_that_was_rotated_alone_moves_alone() {
    let tool = Tool::with_keyset();
    tool.write("p.toml", POLICY);
    tool.write("in.csv", original(30));
    tool.ok("protect in.csv --policy p.toml --keyset k -o one.csv");
    let acme = || TenantId::new("acme").unwrap();
    let card = KeyUse::Field { tenant: acme(), field: FieldName::new("card").unwrap() };
    edit(&tool, |keyset| keyset.rotated_for(&card, Timestamp(2_000_000_000)));
    let ran = tool.ok("migrate --file one.csv --keyset k -o two.csv");
    assert!(ran.err.starts_with("moved to the newest key version: card\n"), "{}", ran.err);
    same(&tool, "one.csv", "two.csv", &["id", "ref", "name", "email", "phone", "born", "country"]);
    differ(&tool, "one.csv", "two.csv", &["card"]);
    reveals(&tool, "--keyset k", "two.csv");
    // Sealed cells follow the cell that they are bound to, under the key that they had.
    let analytics = KeyUse::Scope { tenant: acme(), scope: Scope::new("analytics").unwrap() };
    edit(&tool, |keyset| keyset.rotated_for(&analytics, Timestamp(2_000_000_000)));
    let ran = tool.ok("migrate --file two.csv --keyset k -o three.csv");
    assert!(ran.err.starts_with("moved to the newest key version: id, name, email\n"), "{}", ran.err);
    same(&tool, "two.csv", "three.csv", &["ref", "card", "phone"]);
    differ(&tool, "two.csv", "three.csv", &["id", "name", "email"]);
    reveals(&tool, "--keyset k", "three.csv");
    tool.ok("protect in.csv --policy p.toml --keyset k -o fresh.csv");
    same(&tool, "three.csv", "fresh.csv", &DETERMINISTIC);
}

// SPEC: MAN-6
#[test]
fn only_the_very_file_of_an_unaltered_manifest_is_migrated() {
    let tool = ready("--keyset k", "");
    let migrate = "migrate --file one.csv --keyset k -o new.csv";
    let lines: Vec<String> = tool.text("one.csv").lines().map(str::to_owned).collect();
    let manifest = tool.text("one.csv.manifest.json");
    let very = "manifest: is another file's, or the file was changed since it was made";
    let mut swapped = lines.clone();
    swapped.swap(3, 4);
    for (what, table) in [
        ("a row is missing", lines[..60].join("\n") + "\n"),
        ("the last line end is missing", lines.join("\n")),
        ("rows are swapped", swapped.join("\n") + "\n"),
        ("it ends in a cell", lines.join("\n")[..2000].to_owned()),
        ("a token of another version", tool.text("two.csv")),
        ("a row more", format!("{}\n{}\n", lines.join("\n"), lines[1])),
        ("an open quote", format!("{}\n\"x", lines.join("\n"))),
        ("a header only", lines[0].clone() + "\n"),
    ] {
        tool.write("x.csv", table);
        let line = "migrate --file x.csv --manifest one.csv.manifest.json --keyset k -o new.csv";
        println!("{what}");
        tool.fails(4, line, very);
        tool.fails(4, &format!("{line} --rejects r.csv"), very);
        let line = "bridge x.csv --manifest one.csv.manifest.json --keyset k -o new.csv --column ref \
                    --to billing --policy p.toml";
        tool.fails(4, line, very);
    }
    tool.write("x.csv", "");
    let with = |m: &str| format!("migrate --file x.csv --manifest {m} --keyset k -o new.csv");
    tool.fails(3, &with("one.csv.manifest.json"), "is empty");
    tool.write("x.csv", "a,b\n1,2\n");
    tool.fails(4, &with("one.csv.manifest.json"), "does not have column 1 of the input");
    tool.fails(
        4,
        "migrate --file x.csv --keyset k -o new.csv",
        "x.csv.manifest.json does not exist; name it",
    );
    tool.fails(
        4,
        "migrate --file one.csv --manifest no.json --keyset k -o new.csv",
        "no.json does not exist",
    );
    for (from, to, says) in [
        ("\"key_version\": 1", "\"key_version\": 2", "was made with key version 2 of another keyset"),
        ("\"key_version\": 1", "\"key_version\": 9", "the keyset has no key version 9"),
        ("\"key_version\": 1", "\"key_version\": 0", "the keyset has no key version 0"),
        ("\"mode\": \"keep\"", "\"mode\": \"key-version\"", "was altered since it was made"),
        ("\"scope\": \"partner\"", "\"scope\": \"billing\"", "was altered since it was made"),
        ("\"mac\": \"", "\"mac\": \"0", "was altered since it was made"),
        ("\"cloakroom_manifest\": 2", "\"cloakroom_manifest\": 1", "was altered since it was made"),
        ("\"cloakroom_manifest\": 2", "\"cloakroom_manifest\": 3", "has format 3, this release reads 1 to 2"),
    ] {
        assert!(manifest.contains(from), "{from}");
        tool.write("m.json", manifest.replacen(from, to, 1));
        tool.fails(4, "migrate --file one.csv --manifest m.json --keyset k -o new.csv", says);
    }
    tool.write("m.json", &manifest[..manifest.len() / 2]);
    tool.fails(4, "migrate --file one.csv --manifest m.json --keyset k -o new.csv", "is no JSON");
    tool.ok("keys create other");
    tool.fails(4, "migrate --file one.csv --keyset other -o new.csv", "of another keyset");
    // What is needed is not written over.
    for out in ["one.csv", "one.csv.manifest.json", "k", "key"] {
        let line = format!("migrate --file one.csv --keyset k -o {out}");
        tool.fails(2, &line, "would overwrite what is needed");
    }
    tool.fails(
        2,
        "bridge one.csv --column ref --to billing --policy p.toml --keyset k -o p.toml",
        "overwrite",
    );
    tool.fails(2, "migrate --file one.csv --keyset k -o -", "must be a file: its manifest stands beside it");
    tool.fails(2, "migrate --file - --keyset k -o new.csv", "is needed when the input has no name");
    let usage = |line: &str| assert_eq!(tool.run(line).exit, Some(2), "{line}");
    [
        "migrate",
        "migrate --keyset k",
        "migrate --file one.csv --keyset k",
        "migrate --file one.csv -o new.csv",
    ]
    .into_iter()
    .for_each(usage);
    // An output that is there is replaced as a whole.
    tool.write("new.csv", "old");
    tool.ok(migrate);
    reveals(&tool, "--keyset k", "new.csv");
    // From a pipe.
    let from_pipe = "migrate --file - --manifest one.csv.manifest.json --keyset k -o piped.csv";
    assert_eq!(tool.run_with(from_pipe, &tool.read("one.csv")).exit, Some(0));
    same(&tool, "piped.csv", "two.csv", &DETERMINISTIC);
}

#[test]
fn versions_that_do_not_reveal_are_not_migrated() {
    let tool = ready("--keyset k", "");
    let first = KeyVersion::FIRST;
    let later = Timestamp(2_000_000_000);
    let migrate = "migrate --file one.csv --keyset k -o new.csv";
    fs::copy(tool.path("k"), tool.path("saved")).unwrap();
    edit(&tool, |keyset| keyset.with_state(first, KeyState::Compromised, later));
    tool.fails(4, migrate, "key version 1 is compromised, so it cannot reveal");
    fs::copy(tool.path("saved"), tool.path("k")).unwrap();
    edit(&tool, |keyset| keyset.with_state(first, KeyState::Destroyed, later));
    tool.fails(4, migrate, "key version 1 is destroyed, so it cannot reveal");
    reveals(&tool, "--keyset k", "two.csv");
}

// SPEC: MAN-6
#[test]
fn with_changed_rows_and_columns_may_be_missing_or_moved() {
    for holder in ["--keyset k", "--vault v"] {
        let tool = ready(holder, "");
        let mut rows = cells(&tool.read("one.csv"), b',');
        let gone = position(&rows[0], "phone");
        rows.iter_mut().for_each(|row| drop(row.remove(gone)));
        rows[1..].reverse();
        rows.truncate(41);
        let sealed = position(&rows[0], "name");
        rows[5][sealed] = b"ck1e_AAAA".to_vec();
        tool.write("x.csv", csv(&rows, b',', "\n"));
        let line =
            format!("migrate --file x.csv --manifest one.csv.manifest.json {holder} --changed -o new.csv");
        if holder == "--keyset k" {
            tool.fails(3, &line, "line 6, column \"name\": ");
        }
        let ran = tool.run(&format!("{line} --rejects r.csv"));
        assert_eq!(ran.exit, Some(1), "{}", ran.err);
        assert!(ran.err.starts_with("note: this is not the very file"), "{}", ran.err);
        assert!(ran.err.ends_with("migrated 39 rows, rejected 1: see r.csv\n"), "{}", ran.err);
        let ran = tool.ok(&format!("reveal new.csv {holder} -o back.csv"));
        assert!(!ran.err.contains("note: "), "{}", ran.err);
        for name in ["name", "email", "card"] {
            let mut before = column(&tool.read("in.csv"), b',', name);
            before.reverse();
            before.truncate(40);
            before.remove(4);
            assert_eq!(column(&tool.read("back.csv"), b',', name), before, "{name}");
        }
        let manifest = tool.text("new.csv.manifest.json");
        assert!(!manifest.contains("\"phone\""), "{manifest}");
        assert!(manifest.contains("\"rows_rejected\": 1") && manifest.contains("\"rows_written\": 39"));
        // What sealed cells are bound to cannot go.
        let id = position(&rows[0], "id");
        rows.iter_mut().for_each(|row| drop(row.remove(id)));
        tool.write("x.csv", csv(&rows, b',', "\n"));
        tool.fails(3, &line, "lacks column \"id\", which its sealed cells are bound to");
    }
}

/// The rows of both, under one header.
fn put_together(tool: &Tool, a: &str, b: &str, out: &str) {
    let mut rows = cells(&tool.read(a), b',');
    rows.extend(cells(&tool.read(b), b',').into_iter().skip(1));
    let header = rows.remove(0);
    let (odd, even): (Vec<_>, Vec<_>) = rows.into_iter().enumerate().partition(|(i, _)| i % 2 == 1);
    let mixed = odd.into_iter().chain(even).map(|(_, row)| row);
    let mixed: Vec<_> = std::iter::once(header).chain(mixed).collect();
    tool.write(out, csv(&mixed, b',', "\n"));
}

// SPEC: FILE-7, MAN-5
#[test]
fn rows_that_carry_their_key_versions_can_stand_in_one_file() {
    for holder in ["--keyset k", "--vault v"] {
        let tool = ready(holder, "--key-versions");
        let header: Vec<_> = cells(&tool.read("one.csv"), b',').remove(0);
        let header: Vec<_> = header.into_iter().map(|h| String::from_utf8(h).unwrap()).collect();
        assert_eq!(
            header.join(","),
            "id,id__kv, ref,ref__kv,name,name__kv,email,email__kv,card,card__kv,phone,phone__kv,born,country"
        );
        for (file, version) in [("one.csv", "1"), ("two.csv", "2")] {
            for name in ["ref", "name", "card"] {
                let cells = column(&tool.read(file), b',', name);
                let versions = column(&tool.read(file), b',', &format!("{name}__kv"));
                for (cell, said) in cells.iter().zip(versions) {
                    let expected = if cell.trim_ascii().is_empty() { "" } else { version };
                    assert_eq!(said, expected.as_bytes(), "{name}");
                }
            }
            reveals(&tool, holder, file);
            let back = cells(&tool.read("back.csv"), b',').remove(0);
            assert!(back.iter().all(|h| !h.ends_with(b"__kv")));
        }
        put_together(&tool, "one.csv", "two.csv", "both.csv");
        put_together(&tool, "in.csv", "in.csv", "twice.csv");
        for manifest in ["one.csv.manifest.json", "two.csv.manifest.json"] {
            let ran = tool.ok(&format!("reveal both.csv --manifest {manifest} {holder} -o back.csv"));
            assert!(ran.err.starts_with("note: "), "{}", ran.err);
            same(&tool, "twice.csv", "back.csv", &REVERSIBLE);
            let line = format!("migrate --file both.csv --manifest {manifest} {holder} -o new.csv");
            tool.fails(4, &line, "is another file's, or the file was changed");
            tool.ok(&format!("{line} --changed"));
            let ran = tool.ok(&format!("reveal new.csv {holder} -o back.csv"));
            assert!(!ran.err.contains("note: "), "{}", ran.err);
            same(&tool, "twice.csv", "back.csv", &REVERSIBLE);
            put_together(&tool, "two.csv", "two.csv", "expected.csv");
            same(&tool, "new.csv", "expected.csv", &DETERMINISTIC);
            same(
                &tool,
                "new.csv",
                "expected.csv",
                &["id__kv", "ref__kv", "name__kv", "card__kv", "phone__kv"],
            );
            fs::remove_file(tool.path("new.csv")).unwrap();
            fs::remove_file(tool.path("new.csv.manifest.json")).unwrap();
        }
        // The very file, with its key versions.
        tool.ok(&format!("migrate --file one.csv {holder} -o new.csv"));
        same(&tool, "new.csv", "two.csv", &DETERMINISTIC);
        same(&tool, "new.csv", "two.csv", &["id__kv", "ref__kv", "name__kv", "card__kv", "phone__kv"]);
        reveals(&tool, holder, "new.csv");
        // Without a column of key versions, that of the manifest holds.
        let mut rows = cells(&tool.read("two.csv"), b',');
        for name in ["card__kv", "name__kv", "phone"] {
            let gone = position(&rows[0], name);
            rows.iter_mut().for_each(|row| drop(row.remove(gone)));
        }
        tool.write("x.csv", csv(&rows, b',', "\n"));
        tool.ok(&format!("reveal x.csv --changed --manifest two.csv.manifest.json {holder} -o back.csv"));
        same(&tool, "in.csv", "back.csv", &["name", "email", "card"]);
        tool.ok(&format!(
            "migrate --file x.csv --manifest two.csv.manifest.json {holder} --changed -o y.csv"
        ));
        tool.ok(&format!("reveal y.csv {holder} -o back.csv"));
        same(&tool, "in.csv", "back.csv", &["name", "email", "card"]);
        assert!(!tool.text("y.csv").lines().next().unwrap().contains("phone"));
    }
}

// SPEC: FILE-7
#[test]
fn key_versions_that_are_none_reject_their_row() {
    let tool = ready("--keyset k", "--key-versions");
    edit(&tool, |keyset| {
        keyset.with_state(KeyVersion::FIRST, KeyState::Compromised, Timestamp(2_000_000_000))
    });
    let good = cells(&tool.read("two.csv"), b',');
    let [at, card] = ["card__kv", "card"].map(|name| position(&good[0], name));
    let row = (1..good.len()).find(|row| !good[*row][card].trim_ascii().is_empty()).unwrap();
    for (bad, says) in [
        ("", "value is no key version"),
        ("two", "value is no key version"),
        ("02", "value is no key version"),
        ("0", "value is no key version"),
        ("-2", "value is no key version"),
        ("2.0", "value is no key version"),
        ("99999999999", "value is no key version"),
        ("7", "the keyset has no key version 7"),
        ("1", "key version 1 is compromised, so it cannot reveal"),
    ] {
        let mut rows = good.clone();
        rows[row][at] = bad.into();
        tool.write("x.csv", csv(&rows, b',', "\n"));
        let says = format!("line {}, column \"card__kv\": {says}", row + 1);
        for line in [
            "reveal x.csv --manifest two.csv.manifest.json --keyset k -o back.csv",
            "migrate --file x.csv --manifest two.csv.manifest.json --keyset k -o new.csv --changed",
        ] {
            tool.fails(3, line, &says);
            let ran = tool.run(&format!("{line} --rejects r.csv"));
            assert_eq!(ran.exit, Some(1), "{}", ran.err);
            assert!(ran.err.contains("59 rows, rejected 1"), "{}", ran.err);
            let out = line.split(' ').skip_while(|word| *word != "-o").nth(1).unwrap();
            for file in [out, "r.csv", "new.csv.manifest.json"] {
                let _ = fs::remove_file(tool.path(file));
            }
        }
    }
    // What a blank cell's key version says is nothing.
    let blank = (1..good.len()).find(|row| good[*row][card].trim_ascii().is_empty()).unwrap();
    let mut rows = good.clone();
    rows[blank][at] = b"?".to_vec();
    tool.write("x.csv", csv(&rows, b',', "\n"));
    tool.ok("reveal x.csv --manifest two.csv.manifest.json --keyset k -o back.csv");
    same(&tool, "in.csv", "back.csv", &REVERSIBLE);
}

// SPEC: FILE-7
#[test]
fn a_column_that_has_the_name_of_key_versions_is_refused() {
    let tool = Tool::with_keyset();
    let policy = |rest: &str| {
        let head = "version = 1\ntenant = \"acme\"\n[field.card]\nprotect = \"token\"\nformat = \"card\"\n";
        tool.write("p.toml", format!("{head}{rest}"));
    };
    tool.write("in.csv", "card, card__kv \n4111111111111111,1\n");
    policy("[field.card__kv]\nprotect = \"keep\"\n");
    let line = "protect in.csv --policy p.toml --keyset k -o out.csv --key-versions";
    tool.fails(3, line, "has a column \"card__kv\", where the key versions of \"card\" would stand");
    tool.ok("protect in.csv --policy p.toml --keyset k -o plain.csv");
    tool.ok("reveal plain.csv --keyset k -o back.csv");
    assert_eq!(tool.text("back.csv"), "card, card__kv \n4111111111111111,1\n");
    policy("[field.card__kv]\nprotect = \"drop\"\n");
    tool.ok(line);
    tool.ok("reveal out.csv --keyset k -o back.csv");
    assert_eq!(tool.text("back.csv"), "card\n4111111111111111\n");
    // A name that has no room for more.
    let long = "c".repeat(252);
    tool.write("in.csv", format!("{long}\n4111111111111111\n"));
    tool.write(
        "p.toml",
        format!("version = 1\ntenant = \"acme\"\n[field.{long}]\nprotect = \"token\"\nformat = \"card\"\n"),
    );
    tool.fails(
        2,
        "protect in.csv --policy p.toml --keyset k -o long.csv --key-versions",
        "field is too long",
    );
}

// SPEC: FILE-7
#[test]
fn many_rows_of_two_ages_on_any_number_of_threads() {
    let tool = Tool::with_keyset();
    tool.write("p.toml", POLICY);
    tool.write("in.csv", original(9000));
    tool.ok("protect in.csv --policy p.toml --keyset k -o one.csv --key-versions");
    tool.ok("rotate --keyset k");
    tool.ok("protect in.csv --policy p.toml --keyset k -o two.csv --key-versions");
    put_together(&tool, "one.csv", "two.csv", "both.csv");
    put_together(&tool, "two.csv", "two.csv", "expected.csv");
    put_together(&tool, "in.csv", "in.csv", "twice.csv");
    let more = "--manifest one.csv.manifest.json --keyset k --threads";
    for threads in [1, 3] {
        tool.ok(&format!("reveal both.csv {more} {threads} -o back.csv"));
        same(&tool, "twice.csv", "back.csv", &REVERSIBLE);
        tool.ok(&format!("migrate --file both.csv --changed {more} {threads} -o new.csv"));
        same(&tool, "new.csv", "expected.csv", &DETERMINISTIC);
        tool.ok(&format!("reveal new.csv --keyset k --threads {threads} -o back.csv"));
        same(&tool, "twice.csv", "back.csv", &REVERSIBLE);
    }
}

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

const BRIDGE: &str = "--column ref --to billing --policy p.toml";

// SPEC: FILE-8
#[test]
fn a_bridged_column_is_as_the_other_scope_makes_it() {
    for (holder, more) in [("--keyset k", ""), ("--vault v", ""), ("--keyset k", "--key-versions")] {
        let tool = ready(holder, more);
        tool.write("q.toml", POLICY.replacen("scope = \"partner\"", "scope = \"billing\"", 1));
        tool.ok(&format!("protect in.csv --policy q.toml {holder} -o billing.csv"));
        for file in ["one.csv", "two.csv"] {
            let ran = tool.ok(&format!("bridge {file} {BRIDGE} {holder} -o b.csv"));
            assert_eq!(
                ran.err,
                "warning: who has both files can join them by the order of their rows, and by these columns unless \
                 --drop leaves them out: id, name, email, card, phone, country\nbridged 60 rows\n"
            );
            same(&tool, "b.csv", "billing.csv", &["ref"]);
            same(&tool, "b.csv", file, &["id", "name", "email", "card", "phone", "born", "country"]);
            reveals(&tool, holder, "b.csv");
            let manifest = tool.text("b.csv.manifest.json");
            assert!(
                manifest.contains("\"scope\": \"billing\"") && !manifest.contains("\"scope\": \"partner\"")
            );
            if !more.is_empty() {
                let other: Vec<_> = column(&tool.read("b.csv"), b',', "ref__kv");
                assert!(other.iter().all(|cell| cell.is_empty() || cell == b"2"));
                same(&tool, "b.csv", file, &["id__kv", "card__kv"]);
            }
            // A bridged file is a protected file like any other.
            tool.ok(&format!("migrate --file b.csv {holder} -o c.csv"));
            same(&tool, "c.csv", "billing.csv", &DETERMINISTIC);
            reveals(&tool, holder, "c.csv");
        }
        let drop = "--drop id --drop name --drop email --drop card --drop phone --drop country";
        let ran = tool.ok(&format!("bridge one.csv {BRIDGE} {holder} {drop} -o b.csv"));
        assert!(
            ran.err.starts_with("warning: who has both files can join them by the order of their rows\n")
        );
        let header = tool.text("b.csv").lines().next().unwrap().to_owned();
        assert_eq!(header, if more.is_empty() { " ref,born" } else { " ref,ref__kv,born" });
        same(&tool, "b.csv", "billing.csv", &["ref", "born"]);
        let manifest = tool.text("b.csv.manifest.json");
        assert!(manifest.contains("\"subject\": null"), "{manifest}");
    }
}

#[test]
fn integers_go_over_bridges_and_to_new_versions() {
    let tool = Tool::with_keyset();
    let policy = |scope: &str| {
        format!(
            "version = 1\ntenant = \"acme\"\n[[bridge]]\nfrom = \"a\"\nto = \"b\"\n\
             [field.no]\nprotect = \"pseudonym\"\nscope = \"{scope}\"\nspelling = \"int63\"\npopulation = 1000\n"
        )
    };
    tool.write("a.toml", policy("a"));
    tool.write("b.toml", policy("b"));
    tool.write("in.csv", "no\n17\n18\n\n17\n");
    tool.ok("protect in.csv --policy a.toml --keyset k -o one.csv");
    tool.ok("rotate --keyset k");
    for scope in ["a", "b"] {
        tool.ok(&format!("protect in.csv --policy {scope}.toml --keyset k -o {scope}.csv"));
    }
    tool.ok("migrate --file one.csv --keyset k -o two.csv");
    tool.ok("bridge one.csv --column no --to b --policy a.toml --keyset k -o three.csv");
    same(&tool, "two.csv", "a.csv", &["no"]);
    same(&tool, "three.csv", "b.csv", &["no"]);
    assert!(tool.text("three.csv.manifest.json").contains("\"population\": 1000"));
}

// SPEC: FILE-8
#[test]
fn what_a_bridge_does_not_carry() {
    let tool = ready("--keyset k", "");
    let bridge = |arguments: &str| format!("bridge one.csv {arguments} --policy p.toml --keyset k -o b.csv");
    for (arguments, exit, says) in [
        (
            "--column ref --to marketing",
            2,
            "the policy has none from scope \"partner\" to \"marketing\": add a [[bridge]]",
        ),
        ("--column ref --to analytics", 2, "the policy has none from scope \"partner\" to \"analytics\""),
        ("--column ref --to partner", 2, "is in scope \"partner\" already"),
        ("--column card --to billing", 2, "\"card\" holds no pseudonyms"),
        ("--column junk --to billing", 2, "the file has no column \"junk\""),
        ("--column ref --to billing --drop junk", 2, "the file has no column \"junk\""),
        ("--column ref --to billing --drop ref", 2, "is the column to be bridged"),
        ("--column ref --to billing --drop id", 2, "sealed cells are bound to column \"id\""),
        ("--column id --to billing", 2, "would not open in the new file; leave out name, email"),
        ("--column id --to billing --drop name", 2, "leave out email"),
    ] {
        tool.fails(exit, &bridge(arguments), says);
    }
    tool.ok(&bridge("--column id --to billing --drop name --drop email"));
    tool.write("q.toml", POLICY.replacen("scope = \"analytics\"", "scope = \"billing\"", 1));
    tool.ok("protect in.csv --policy q.toml --keyset k -o billing.csv");
    same(&tool, "b.csv", "billing.csv", &["id"]);
    let ran = tool.ok("reveal b.csv --keyset k -o back.csv");
    assert!(!ran.err.contains("note: "), "{}", ran.err);
    same(&tool, "in.csv", "back.csv", &["card", "phone", "country"]);
    tool.ok("migrate --file b.csv --keyset k -o c.csv");
    same(&tool, "c.csv", "billing.csv", &["id", "ref", "card"]);

    tool.write("q.toml", POLICY.replace("\"acme\"", "\"other\""));
    let line = format!("bridge one.csv {BRIDGE} --keyset k -o x.csv").replace("p.toml", "q.toml");
    tool.fails(2, &line, "is for tenant \"other\", the file is \"acme\"'s");
    tool.ok("protect in.csv --policy p.toml --keyset k -o kv.csv --key-versions");
    let line = format!("bridge kv.csv {BRIDGE} --keyset k -o x.csv --drop card__kv");
    tool.fails(2, &line, "\"card__kv\" holds the key versions of another column, and goes with it");
    // A cell that is no pseudonym.
    let mut rows = cells(&tool.read("one.csv"), b',');
    let at = position(&rows[0], "ref");
    let row = (1..rows.len()).find(|row| !rows[*row][at].trim_ascii().is_empty()).unwrap();
    rows[row][at] = b"no pseudonym".to_vec();
    tool.write("x.csv", csv(&rows, b',', "\n"));
    let line =
        format!("bridge x.csv --manifest one.csv.manifest.json {BRIDGE} --keyset k --changed -o y.csv");
    tool.fails(3, &line, &format!("line {}, column \"ref\": value ", row + 1));
}
