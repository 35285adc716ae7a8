//! `cloakroom` on files that it can protect: everything reversible comes back byte for byte.

mod tool;

use std::collections::BTreeMap;
use tool::{Tool, cells, column, csv, position};

/// Every mode there is.
const EVERY_MODE: &str = r#"
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
[field.name]
protect = "seal"
[field."e-mail"]
protect = "seal"
[field.card]
protect = "token"
format = "card"
keep = "6+4"
[field.phone]
protect = "token"
format = "digits"
length = "7..15"
[field.plate]
protect = "token"
alphabet = "ABCDEFGHKLMNPRSTUVWXYZ0123456789"
luhn = "ignore"
[field.born]
protect = "generalize"
to = "year"
[field.joined]
protect = "generalize"
to = "month"
date = "DD.MM.YYYY"
[field.age]
protect = "generalize"
to = "bucket"
width = 10
[field.zip]
protect = "generalize"
to = "prefix"
length = "3"
[field.iban]
protect = "mask"
keep = "0+4"
with = "x"
[field.country]
protect = "keep"
[field.notes]
protect = "keep"
[field.junk]
protect = "drop"
"#;

const HEADER: [&str; 15] = [
    "id", " ref", "name", "e-mail", "card", " phone", "plate", "born", "joined", "age", "zip", "iban",
    "country", "notes", "junk",
];
const REVERSIBLE: [&str; 7] = ["name", "e-mail", "card", "phone", "plate", "country", "notes"];

/// Texts that CSV tools stumble over.
const TEXTS: [&str; 16] = [
    "Ann",
    "O\"Brien, \"Bob\"",
    "two\nlines",
    "two\r\nlines",
    "  leading",
    "trailing  ",
    "Ødegård 李小龍 🧥",
    "",
    "   ",
    "a;b\tc,d",
    "\"",
    "\"\"",
    "=1+1",
    "'single'",
    "\u{feff}mark",
    "ck1 but no envelope",
];

fn luhn_complete(digits: u64) -> String {
    let sum: u64 = digits
        .to_string()
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, b)| match (u64::from(b - b'0'), i % 2) {
            (d, 0) => d * 2 / 10 + d * 2 % 10,
            (d, _) => d,
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

fn rows(count: usize) -> Vec<Vec<Vec<u8>>> {
    let mut rows = vec![HEADER.map(|h| h.as_bytes().to_vec()).to_vec()];
    for i in 0..count {
        let text = |n: usize| TEXTS[(i + n * 5) % TEXTS.len()].to_owned();
        let blank = |value: String, n: usize| if (i + n).is_multiple_of(11) { String::new() } else { value };
        let card = luhn_complete(411_111_100_000_000 + i as u64 * 7919);
        let spaced = format!("{} {} {} {}", &card[..4], &card[4..8], &card[8..12], &card[12..]);
        let row = [
            format!("{}", 1000 + i / 2),
            format!(" R{i}"),
            text(0),
            if i == 3 { "long ".repeat(20_000) } else { text(1) },
            blank(if i % 2 == 0 { card } else { spaced }, 1),
            blank(format!("  +{:08}-{:04}", i * 3, i), 2),
            blank(format!("B{:03} XY{:04}", i % 1000, i), 3),
            blank(format!("19{:02}-03-{:02}", i % 100, 1 + i % 28), 4),
            blank(format!("{:02}.11.20{:02}", 1 + i % 28, i % 24), 5),
            blank(format!("{}", i % 100), 6),
            blank(format!("SW{}A 2AA", i % 10), 7),
            blank(format!("GB29NWBK6016133192{i:04}"), 8),
            ["de", "fr", " it", ""][i % 4].to_owned(),
            text(2),
            format!("junk {i}"),
        ];
        rows.push(row.map(String::into_bytes).to_vec());
    }
    rows
}

#[track_caller]
fn same_cells(original: &[u8], revealed: &[u8], delimiter: u8, names: &[&str]) {
    for name in names {
        assert_eq!(column(original, delimiter, name), column(revealed, delimiter, name), "column {name}");
    }
}

/// Protects and reveals `in.csv` with a keyset, and again with a vault.
fn there_and_back(delimiter: u8, spelled: &str, end: &str, bom: bool) {
    let mut file = if bom { b"\xEF\xBB\xBF".to_vec() } else { vec![] };
    file.extend(csv(&rows(300), delimiter, end));
    for holder in ["--keyset k", "--vault v"] {
        let tool = if holder.starts_with("--k") { Tool::with_keyset() } else { Tool::with_vault() };
        tool.write("in.csv", &file);
        tool.write("p.toml", EVERY_MODE);
        let ran =
            tool.ok(&format!("protect in.csv --policy p.toml {holder} --delimiter {spelled} -o safe.csv"));
        assert_eq!((ran.out.as_slice(), ran.err.as_str()), (&b""[..], "protected 300 rows\n"));
        let safe = tool.read("safe.csv");
        assert_eq!(safe.starts_with(b"\xEF\xBB\xBF"), bom);
        assert_eq!(safe.ends_with(b"\r\n"), end == "\r\n");
        let ran = tool.ok(&format!("reveal safe.csv {holder} -o back.csv"));
        assert!(ran.err.ends_with("\nrevealed 300 rows\n") && !ran.err.contains("note"), "{}", ran.err);
        same_cells(&file, &tool.read("back.csv"), delimiter, &REVERSIBLE);

        // What is protected is protected.
        let protected = cells(&safe, delimiter);
        assert_eq!(protected.len(), 301);
        let original = cells(&file, delimiter);
        assert_eq!(protected[0], original[0][..14], "the header stands, without the dropped column");
        for name in &HEADER[..12] {
            let i = position(&protected[0], name.trim());
            for (row, original) in protected.iter().zip(&original).skip(1) {
                let blank = original[i].trim_ascii().is_empty();
                assert_eq!(row[i] == original[i], blank, "{name}");
            }
        }
        let one = |name, row: usize| String::from_utf8(column(&safe, delimiter, name)[row].clone()).unwrap();
        assert_eq!(one("born", 0), "1900");
        assert_eq!(one("joined", 0), "2000-11");
        assert_eq!(one("age", 12), "10-19");
        assert_eq!(one("zip", 0), "SW0");
        assert_eq!(one("iban", 0), "xxxxxxxxxxxxxxxxxx0000");
        assert_eq!(one("id", 0).len(), 22);
        assert_eq!(one("id", 0), one("id", 1));
        assert_eq!(one("ref", 0).len(), 36);
        assert!(one("name", 0).starts_with(if holder.starts_with("--k") { "ck1e_" } else { "ck1r_" }));
        assert_eq!(one("card", 0)[..6], *"411111");
        if !holder.starts_with("--k") {
            tool.clean();
        }
    }
}

#[test]
fn commas() {
    there_and_back(b',', ",", "\n", false);
}

#[test]
fn semicolons_and_carriage_returns() {
    there_and_back(b';', ";", "\r\n", false);
}

#[test]
fn tabs_and_a_byte_order_mark() {
    there_and_back(b'\t', "tab", "\r\n", true);
}

#[test]
fn from_and_to_pipes() {
    let tool = Tool::with_keyset();
    let file = csv(&rows(50), b',', "\n");
    tool.write("p.toml", EVERY_MODE);
    let protect = "protect - --policy p.toml --keyset k -o -";
    tool.fails_with(2, protect, &file, "--manifest: is needed when the output has no name");
    let ran = tool.run_with(&format!("{protect} --manifest m.json"), &file).with_exit(protect, 0);
    assert_eq!(ran.err, "protected 50 rows\n");
    tool.fails_with(2, "reveal - --keyset k -o -", &ran.out, "--manifest: is needed");
    let reveal = "reveal - --keyset k --manifest m.json -o -";
    // A byte order mark in the very first byte's read, and an input in small pieces.
    let back = tool.run_with(reveal, &ran.out).with_exit(reveal, 0);
    same_cells(&file, &back.out, b',', &REVERSIBLE);
    assert!(!tool.exists("-") && !tool.exists("-.manifest.json"));

    let mut marked = b"\xEF\xBB\xBF".to_vec();
    marked.extend(&file);
    let mut child = tool.start(&format!("{protect} --manifest m2.json"));
    let mut stdin = child.stdin.take().unwrap();
    for piece in [&marked[..1], &marked[1..2], &marked[2..700], &marked[700..]] {
        std::io::Write::write_all(&mut stdin, piece).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(30));
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(column(&output.stdout, b',', "id"), column(&ran.out, b',', "id"));
    assert!(output.stdout.starts_with(b"\xEF\xBB\xBF"));
}

const DETERMINISTIC: &str = r#"
version = 1
tenant = "acme"
subject = "id"
unlisted = "drop"
[field]
id = { protect = "pseudonym", scope = "a", spelling = "hex" }
phone = { protect = "token", format = "digits", length = "7..15" }
card = { protect = "token", format = "card" }
age = { protect = "generalize", to = "bucket", width = 5 }
country = { protect = "keep" }
notes = { protect = "keep" }
"#;

#[test]
fn the_same_output_for_any_number_of_threads() {
    let tool = Tool::with_keyset();
    tool.write("p.toml", DETERMINISTIC);
    tool.write("in.csv", csv(&rows(9_000), b',', "\n"));
    let mut outputs = vec![];
    for threads in [1, 2, 7] {
        let out = format!("out{threads}.csv");
        tool.ok(&format!("protect in.csv --policy p.toml --keyset k --threads {threads} -o {out}"));
        outputs.push(tool.read(&out));
        tool.ok(&format!("reveal {out} --keyset k --threads {threads} -o back{threads}.csv"));
        same_cells(
            &tool.read("in.csv"),
            &tool.read(&format!("back{threads}.csv")),
            b',',
            &["phone", "card", "notes"],
        );
    }
    assert!(outputs.iter().all(|output| *output == outputs[0]));
    assert_eq!(cells(&outputs[0], b',').len(), 9_001);
    assert_eq!(cells(&outputs[0], b',')[0].len(), 6, "unlisted columns are dropped");
    assert_eq!(tool.run("protect in.csv --policy p.toml --keyset k --threads 0 -o x.csv").exit, Some(2));
}

fn joined(a: &[Vec<u8>], b: &[Vec<u8>]) -> usize {
    let mut count = BTreeMap::<&[u8], usize>::new();
    a.iter().for_each(|cell| *count.entry(cell).or_default() += 1);
    b.iter().map(|cell| count.get(cell.as_slice()).copied().unwrap_or(0)).sum()
}

#[test]
fn joins_on_a_pseudonym_are_as_on_the_original() {
    let tool = Tool::with_keyset();
    tool.write("p.toml", DETERMINISTIC);
    let all = rows(400);
    let part = [&all[..1], &all[150..351]].concat();
    tool.write("a.csv", csv(&all, b',', "\n"));
    tool.write("b.csv", csv(&part, b',', "\r\n"));
    let ids = |name: &str| column(&tool.read(name), b',', "id");
    let expected = joined(&ids("a.csv"), &ids("b.csv"));
    for file in ["a", "b"] {
        tool.ok(&format!("protect {file}.csv --policy p.toml --keyset k -o {file}.safe.csv"));
    }
    assert_eq!(expected, 402);
    assert_eq!(joined(&ids("a.safe.csv"), &ids("b.safe.csv")), expected);

    tool.write("q.toml", DETERMINISTIC.replace("scope = \"a\"", "scope = \"b\""));
    tool.ok("protect b.csv --policy q.toml --keyset k -o other.csv");
    assert_eq!(joined(&ids("a.safe.csv"), &ids("other.csv")), 0, "another scope joins with nothing");
}

#[test]
fn filtered_reordered_and_with_irreversible_columns_removed() {
    for holder in ["--keyset k", "--vault v"] {
        let tool = if holder.starts_with("--k") { Tool::with_keyset() } else { Tool::with_vault() };
        tool.write("p.toml", EVERY_MODE);
        let original = rows(100);
        tool.write("in.csv", csv(&original, b',', "\n"));
        tool.ok(&format!("protect in.csv --policy p.toml {holder} -o safe.csv"));
        // As a query would: every third row, the last first, some columns, names without their blanks.
        let safe = cells(&tool.read("safe.csv"), b',');
        let wanted = ["phone", "id", "e-mail", "card", "notes"].map(|name| position(&safe[0], name));
        let take = |row: &Vec<Vec<u8>>| wanted.map(|i| row[i].clone()).to_vec();
        let mut query = vec![take(&safe[0])];
        query[0].iter_mut().for_each(|name| *name = name.trim_ascii().to_vec());
        let picked: Vec<usize> = (1..=100).rev().step_by(3).collect();
        query.extend(picked.iter().map(|i| take(&safe[*i])));
        tool.write("query.csv", csv(&query, b',', "\n"));
        let ran = tool.ok(&format!(
            "reveal query.csv --changed {holder} --manifest safe.csv.manifest.json -o back.csv"
        ));
        assert!(ran.err.contains("note: this is not the very file"), "{}", ran.err);
        assert!(ran.err.contains("left as they are, since they do not come back: id\n"), "{}", ran.err);
        let back = tool.read("back.csv");
        for name in ["phone", "e-mail", "card", "notes"] {
            let i = position(&original[0], name);
            let expected: Vec<_> = picked.iter().map(|row| original[*row][i].clone()).collect();
            assert_eq!(column(&back, b',', name), expected, "{name}");
        }

        // Sealed cells need the column they are bound to; the others do not.
        let without = |names: &[&str]| {
            let keep: Vec<usize> = names.iter().map(|name| position(&safe[0], name)).collect();
            let rows: Vec<_> =
                safe.iter().map(|row| keep.iter().map(|i| row[*i].clone()).collect()).collect();
            csv(&rows, b',', "\n")
        };
        let reveal =
            format!("reveal part.csv --changed {holder} --manifest safe.csv.manifest.json -o part.back.csv");
        tool.write("part.csv", without(&["e-mail"]));
        tool.fails(3, &reveal, "input: lacks column \"id\", which its sealed cells are bound to");
        tool.write("part.csv", without(&["card", "born"]));
        tool.ok(&reveal);
        same_cells(&tool.read("in.csv"), &tool.read("part.back.csv"), b',', &["card"]);
    }
}

#[test]
fn rotation_and_migration_leave_old_files_readable() {
    let tool = Tool::with_vault();
    tool.write("p.toml", EVERY_MODE);
    let original = csv(&rows(120), b',', "\n");
    tool.write("in.csv", &original);
    let protect = |out: &str| tool.ok(&format!("protect in.csv --policy p.toml --vault v -o {out}"));
    let reveals = |out: &str| {
        tool.ok(&format!("reveal {out} --vault v -o {out}.back"));
        same_cells(&original, &tool.read(&format!("{out}.back")), b',', &REVERSIBLE);
    };
    protect("one.csv");
    assert!(
        tool.ok("rotate --vault v")
            .err
            .starts_with("key version 2 is the primary now\nrun `cloakroom migrate`")
    );
    reveals("one.csv");
    protect("two.csv");
    tool.clean();
    let ran = tool.ok("migrate --vault v");
    let moved = "subjects and tokens to their primary key versions\n";
    assert!(ran.err.starts_with(&format!("moved 60 of 60 {moved}")), "{}", ran.err);
    tool.clean();
    let census = tool.census();
    assert!(!census.is_empty() && census.iter().all(|line| line.starts_with("version 2: ")), "{census:?}");
    assert!(tool.ok("migrate --vault v").err.starts_with(&format!("moved 0 of 60 {moved}")));
    for file in ["one.csv", "two.csv"] {
        reveals(file);
    }
    assert_ne!(column(&tool.read("one.csv"), b',', "card"), column(&tool.read("two.csv"), b',', "card"));
    let manifest = tool.text("two.csv.manifest.json");
    assert!(
        manifest.contains("\"key_version\": 2") && manifest.contains("\"rows_written\": 120"),
        "{manifest}"
    );

    let list = String::from_utf8(tool.ok("keys list --vault v").out).unwrap();
    let lines: Vec<&str> = list.lines().collect();
    assert!(lines[0].starts_with("keyset ") && lines[1].contains("check value"), "{list}");
    assert!(
        lines[2].trim_start().starts_with("1  deactivated") && lines[2].ends_with("(identity)"),
        "{list}"
    );
    assert!(lines[3].trim_start().starts_with("2  active") && lines[3].ends_with("(primary)"), "{list}");

    let keyset = Tool::with_keyset();
    keyset.write("p.toml", EVERY_MODE);
    keyset.write("in.csv", &original);
    keyset.ok("protect in.csv --policy p.toml --keyset k -o one.csv");
    assert_eq!(keyset.ok("rotate --keyset k").err, "key version 2 is the primary now\n");
    keyset.ok("protect in.csv --policy p.toml --keyset k -o two.csv");
    for file in ["one.csv", "two.csv"] {
        keyset.ok(&format!("reveal {file} --keyset k -o {file}.back"));
        same_cells(&original, &keyset.read(&format!("{file}.back")), b',', &REVERSIBLE);
    }
    assert!(String::from_utf8(keyset.ok("keys list --keyset k").out).unwrap().contains("(primary)"));
}

#[test]
fn a_subject_is_shown_and_erased() {
    let tool = Tool::with_vault();
    tool.write("p.toml", EVERY_MODE);
    tool.write("in.csv", csv(&rows(40), b',', "\n"));
    tool.ok("protect in.csv --policy p.toml --vault v -o safe.csv");
    let shown: serde_json::Value =
        serde_json::from_slice(&tool.ok("subject show 1001 --vault v").out).unwrap();
    assert_eq!((&shown["tenant"], &shown["subject"]), (&"acme".into(), &"1001".into()));
    assert_eq!(shown["records"].as_array().unwrap().len(), 2);
    assert_eq!(shown["records"][0]["name"], TEXTS[2]);
    assert_eq!(shown["records"][1]["e-mail"], "long ".repeat(20_000));
    let from_pipe = tool.run_with("subject show - --vault v", b" 1001 \n");
    let from_pipe: serde_json::Value = serde_json::from_slice(&from_pipe.out).unwrap();
    assert_eq!(from_pipe["records"], shown["records"]);
    assert!(from_pipe["seen"].as_array().unwrap().len() > shown["seen"].as_array().unwrap().len());

    tool.fails(3, "subject show 99 --vault v", "the subject was not found");
    tool.fails(3, "subject show 1001 --vault v --tenant other", "the subject was not found");
    let ran = tool.ok("subject erase 1001 --vault v");
    assert!(
        ran.err.starts_with("erased: her key, 2 records, 3 sealed fields, 0 random tokens, 0 index entries\nnot reached: computed"),
        "{}",
        ran.err
    );
    tool.fails(3, "subject show 1001 --vault v", "the subject was not found");
    tool.fails(3, "subject erase 1001 --vault v", "the subject was not found");
    tool.clean();

    tool.fails(
        3,
        "reveal safe.csv --vault v -o back.csv",
        "column \"name\": value refers to nothing in this vault",
    );
    tool.run("reveal safe.csv --vault v -o back.csv --rejects r.csv").with_exit("reveal", 1);
    assert_eq!(cells(&tool.read("back.csv"), b',').len(), 1 + 38);
    assert_eq!(cells(&tool.read("r.csv"), b',').len(), 1 + 3);
    // She can come back.
    tool.ok("protect in.csv --policy p.toml --vault v -o again.csv");
    tool.ok("reveal again.csv --vault v -o again.back.csv");
    same_cells(&tool.read("in.csv"), &tool.read("again.back.csv"), b',', &REVERSIBLE);

    tool.write("q.toml", EVERY_MODE.replace("\"acme\"", "\"other\""));
    tool.ok("protect in.csv --policy q.toml --vault v -o other.csv");
    tool.fails(2, "subject show 1001 --vault v", "--tenant: is needed: the vault has 2 tenants");
    tool.ok("subject erase 1001 --vault v --tenant other");
    tool.ok("subject show 1001 --vault v --tenant acme");
    tool.clean();
}

#[test]
fn keysets_are_relocked() {
    let tool = Tool::with_keyset();
    tool.write("p.toml", DETERMINISTIC);
    tool.write("in.csv", csv(&rows(20), b',', "\n"));
    tool.ok("protect in.csv --policy p.toml --keyset k -o safe.csv");
    let ran = tool.ok("keys relock --keyset k --new-key-file key2");
    assert!(ran.err.contains("copies of the old file still open with the old key"), "{}", ran.err);
    tool.fails(4, "keys list --keyset k", "the keyset does not open");
    tool.ok("reveal safe.csv --keyset k --key-file key2 -o back.csv");
    same_cells(&tool.read("in.csv"), &tool.read("back.csv"), b',', &["phone", "card"]);

    // From a key file to a passphrase, which costs an Argon2 run, and on a vault.
    tool.ok("init v");
    tool.write("words", "correct horse\nthe second line does not count\n");
    std::fs::set_permissions(tool.path("words"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .unwrap();
    tool.ok("keys relock --vault v --new-passphrase-file words");
    let list = tool
        .command("keys list --vault v")
        .env_remove("CLOAKROOM_KEY_FILE")
        .env("CLOAKROOM_PASSPHRASE", "correct horse")
        .output();
    assert!(list.unwrap().status.success());
    tool.fails(4, "check --vault v", "keyset");
    tool.fails(2, "keys create key3 --key-file key3", "is also the key file");
    tool.fails(2, "keys create k", "k already exists");
    tool.fails(2, "init v", "v already exists");
}

#[test]
fn blank_cells_by_the_policy() {
    let tool = Tool::with_vault();
    let policy = |empty: &str| {
        format!(
            "version = 1\ntenant = \"t\"\nsubject = \"id\"\n[field]\nid = {{ protect = \"keep\" }}\n\
             x = {{ protect = \"seal\", empty = \"{empty}\" }}\ny = {{ protect = \"keep\", empty = \"{empty}\" }}\n"
        )
    };
    tool.write("keep.toml", policy("keep"));
    tool.write("error.toml", policy("error"));
    tool.write("in.csv", "id,x,y\n1,a,b\n2,,b\n3,\"  \",b\n4,a,\n");
    tool.ok("protect in.csv --policy keep.toml --vault v -o safe.csv");
    tool.ok("reveal safe.csv --vault v -o back.csv");
    assert_eq!(cells(&tool.read("back.csv"), b','), cells(&tool.read("in.csv"), b','));
    assert_eq!(
        tool.census(),
        [
            "version 1: 2 subject-key of tenant \"t\"",
            "version 1: 2 row of tenant \"t\"",
            "version 1: 2 seal of tenant \"t\" field \"x\""
        ]
    );

    tool.fails(
        3,
        "protect in.csv --policy error.toml --vault v -o no.csv",
        "line 3, column \"x\": value is empty",
    );
    tool.run("protect in.csv --policy error.toml --vault v -o some.csv --rejects r.csv")
        .with_exit("protect", 1);
    assert_eq!(
        tool.text("r.csv"),
        "line,column,reason\n3,x,value is empty\n4,x,value is empty\n5,y,value is empty\n"
    );
    assert_eq!(cells(&tool.read("some.csv"), b',').len(), 2);
    assert!(tool.text("some.csv.manifest.json").contains("\"protected\": 1,"), "rejected rows do not count");
    tool.clean();
}

#[test]
fn a_file_with_a_header_only() {
    let tool = Tool::with_vault();
    tool.write("p.toml", EVERY_MODE);
    for (name, ends) in [("a", "\n"), ("b", ""), ("c", "\r\n")] {
        tool.write("in.csv", HEADER.join(",") + ends);
        // A second time, too: an empty export is no protected file.
        for out in ["x", "y"] {
            let ran = tool
                .ok(&format!("protect in.csv --policy p.toml --vault v -o {name}{out}.csv --rejects r.csv"));
            assert_eq!(ran.err, "protected 0 rows\n");
            tool.ok(&format!("reveal {name}{out}.csv --vault v -o back.csv"));
            let header: Vec<_> = HEADER[..14].iter().map(|h| h.as_bytes().to_vec()).collect();
            assert_eq!(cells(&tool.read("back.csv"), b','), [header]);
        }
    }
    tool.write("plain.toml", "version = 1\ntenant = \"t\"\n[field.a]\nprotect = \"keep\"\n");
    tool.write("plain.csv", "a\n1\n");
    for out in ["1", "2"] {
        tool.ok(&format!("protect plain.csv --policy plain.toml --vault v -o plain{out}.csv"));
    }
    tool.clean();
}

#[test]
fn rejects_name_line_column_and_reason() {
    let tool = Tool::with_keyset();
    tool.write(
        "p.toml",
        "version = 1\ntenant = \"t\"\n[field]\nphone = { protect = \"token\", format = \"digits\", length = \"7\" }\n\
         note = { protect = \"keep\" }\nborn = { protect = \"generalize\", to = \"year\" }\n",
    );
    let text = "phone,note,born\n1234567,\"one\ntwo\nthree\",1980-01-01\n12x4567,bad,1980-01-01\n\n1234567,ragged\n\
                7654321,\"a\n\",x\n12345,\"\n\n\",y\n1234567,good,1999-12-31\n";
    let expected = "line,column,reason\n5,phone,character 3 of the value is not of the alphabet or a separator\n\
                    7,,\"the row has 2 cells, the header 3\"\n8,born,value is no calendar date in the declared pattern\n\
                    10,phone,value has too few or too many characters for its format\n10,born,value is no calendar date in the declared pattern\n";
    for (name, text) in [("lf", text.to_owned()), ("crlf", text.replace('\n', "\r\n"))] {
        tool.write("in.csv", &text);
        let ran = tool.run(&format!(
            "protect in.csv --policy p.toml --keyset k -o {name}.csv --rejects {name}.rejects"
        ));
        assert_eq!(
            (ran.exit, ran.err),
            (Some(1), format!("protected 2 rows, rejected 4: see {name}.rejects\n"))
        );
        assert_eq!(tool.text(&format!("{name}.rejects")), expected, "{name}");
        let manifest: serde_json::Value =
            serde_json::from_slice(&tool.read(&format!("{name}.csv.manifest.json"))).unwrap();
        assert_eq!(
            (&manifest["rows_read"], &manifest["rows_written"], &manifest["rows_rejected"]),
            (&6.into(), &2.into(), &4.into())
        );
        tool.ok(&format!("reveal {name}.csv --keyset k -o {name}.back"));
        assert_eq!(column(&tool.read(&format!("{name}.back")), b',', "phone"), [b"1234567", b"1234567"]);
        let ran = tool.fails(
            3,
            "protect in.csv --policy p.toml --keyset k -o no.csv",
            "line 5, column \"phone\": character 3 of the value",
        );
        assert_eq!(ran.err.lines().count(), 1);
    }
}

#[test]
fn progress_is_for_terminals() {
    let tool = Tool::with_keyset();
    tool.write("p.toml", DETERMINISTIC);
    tool.write("in.csv", csv(&rows(20_000), b',', "\n"));
    let ran = tool.ok("protect in.csv --policy p.toml --keyset k -o safe.csv");
    assert_eq!(ran.err, "protected 20000 rows\n");
}

#[test]
fn an_existing_output_is_replaced_as_a_whole() {
    let tool = Tool::with_keyset();
    tool.write("p.toml", DETERMINISTIC);
    tool.write("in.csv", csv(&rows(30), b',', "\n"));
    tool.write("safe.csv", "something old and longer than what comes ".repeat(10_000));
    tool.write("safe.csv.manifest.json", "{}");
    tool.write("safe.csv.partial", "left by a killed run");
    tool.ok("protect in.csv --policy p.toml --keyset k -o safe.csv");
    assert_eq!(cells(&tool.read("safe.csv"), b',').len(), 31);
    assert!(!tool.exists("safe.csv.partial"));
    tool.ok("reveal safe.csv --keyset k -o back.csv");
    let mode = std::fs::metadata(tool.path("back.csv")).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600, "plaintext is for its owner");

    // A failed run leaves the old one alone.
    let before = tool.read("safe.csv");
    tool.write("in.csv", "id,phone,card,age,country,notes\n1,2,3,4,5,6\n");
    tool.fails(3, "protect in.csv --policy p.toml --keyset k -o safe.csv", "line 2");
    assert_eq!(tool.read("safe.csv"), before);
}

#[test]
fn nothing_that_is_needed_is_written_over() {
    let tool = Tool::with_keyset();
    tool.ok("init v");
    tool.write("p.toml", DETERMINISTIC);
    tool.write("in.csv", csv(&rows(5), b',', "\n"));
    tool.ok("protect in.csv --policy p.toml --keyset k -o safe.csv");
    std::fs::create_dir(tool.path("d")).unwrap();
    std::os::unix::fs::symlink(tool.path("in.csv"), tool.path("link.csv")).unwrap();
    std::fs::copy(tool.path("in.csv"), tool.path("x.partial")).unwrap();
    let protect = "protect in.csv --policy p.toml --keyset k -o";
    for (line, says) in [
        (format!("{protect} in.csv"), "in.csv would overwrite what is needed"),
        (format!("{protect} ./d/../in.csv"), "would overwrite what is needed"),
        (format!("{protect} link.csv"), "would overwrite what is needed"),
        (format!("{protect} p.toml"), "would overwrite what is needed"),
        (format!("{protect} k"), "would overwrite what is needed"),
        (format!("{protect} key"), "would overwrite what is needed"),
        (format!("{protect} out.csv --manifest out.csv"), "would be written twice"),
        (format!("{protect} out.csv --rejects out.csv"), "would be written twice"),
        (format!("{protect} out.csv --rejects out.csv.partial"), "would be written twice"),
        (format!("{protect} out.csv --rejects out.csv.manifest.json"), "would be written twice"),
        (format!("{protect} out.csv --rejects p.toml"), "would overwrite what is needed"),
        (format!("{protect} out.csv --rejects -"), "--rejects: must be a file"),
        (format!("{protect} out.csv --manifest -"), "--manifest: must be a file"),
        (format!("{protect} d"), "d is no file"),
        (format!("{protect} d/"), "is no file"),
        (format!("{protect} /dev/null"), "/dev/null is no file"),
        (format!("{protect} out.csv --rejects /dev/full"), "/dev/full is no file"),
        ("protect x.partial --policy p.toml --keyset k -o x".into(), "would overwrite what is needed"),
        ("protect in.csv --policy p.toml --vault v -o v/keyset".into(), "would overwrite what is needed"),
        ("protect in.csv --policy p.toml --vault v -o v/store/db".into(), "would overwrite what is needed"),
        ("reveal safe.csv --keyset k -o safe.csv".into(), "would overwrite what is needed"),
        ("reveal safe.csv --keyset k -o safe.csv.manifest.json".into(), "would overwrite what is needed"),
    ] {
        let before: Vec<_> =
            ["in.csv", "p.toml", "k", "key", "safe.csv"].map(|name| tool.read(name)).to_vec();
        tool.fails(2, &line, says);
        assert_eq!(
            before,
            ["in.csv", "p.toml", "k", "key", "safe.csv"].map(|name| tool.read(name)),
            "{line}"
        );
    }
    tool.clean();
}

#[test]
fn what_is_protected_already_is_refused() {
    let tool = Tool::with_vault();
    tool.write("p.toml", EVERY_MODE);
    let original = csv(&rows(30), b',', "\n");
    tool.write("in.csv", &original);
    tool.ok("protect in.csv --policy p.toml --vault v -o safe.csv");
    let census = tool.census();
    tool.write("q.toml", "version = 1\ntenant = \"acme\"\nunlisted = \"drop\"\n[field.country]\nprotect = \"keep\"\n[field.notes]\nprotect = \"mask\"\n");
    tool.fails(
        3,
        "protect safe.csv --policy q.toml --vault v -o twice.csv",
        "is protected already: safe.csv.manifest.json stands beside it",
    );
    std::fs::copy(tool.path("safe.csv"), tool.path("renamed.csv")).unwrap();
    let made = "was made by this vault: it is protected already";
    tool.fails(3, "protect renamed.csv --policy q.toml --vault v -o twice.csv", made);
    tool.fails_with(3, "protect - --policy q.toml --vault v -o twice.csv", &tool.read("safe.csv"), made);
    assert_eq!(tool.census(), census);
    // The original is not, however often.
    tool.ok("protect in.csv --policy p.toml --vault v -o safe2.csv");

    // Sealed cells in the place of originals, of a vault and of a keyset.
    tool.ok("keys create k");
    tool.ok("protect in.csv --policy p.toml --keyset k -o safe3.csv");
    for (file, holder) in [
        ("safe.csv", "--vault v"),
        ("safe3.csv", "--vault v"),
        ("safe3.csv", "--keyset k"),
        ("safe.csv", "--keyset k"),
    ] {
        let sealed = column(&tool.read(file), b',', "name");
        let mut pasted = rows(30);
        let name = position(&pasted[0], "name");
        pasted[8][name] = sealed[0].clone();
        tool.write("pasted.csv", csv(&pasted, b',', "\n"));
        tool.fails_with(
            3,
            &format!("protect pasted.csv --policy p.toml {holder} -o twice.csv"),
            b"",
            "column \"name\": value is sealed already",
        );
    }
    tool.clean();
}

#[test]
fn usage_and_help() {
    let tool = Tool::with_keyset();
    let help = String::from_utf8(tool.ok("--help").out).unwrap();
    assert!(help.contains("Exit codes:") && help.contains("never from the command line"), "{help}");
    for line in
        ["protect in.csv", "nonsense", "protect in.csv --policy p --keyset k --vault v -o x", "keys list", ""]
    {
        assert_eq!(tool.run(line).exit, Some(2), "{line}");
    }
    tool.write("p.toml", DETERMINISTIC);
    tool.write("in.csv", csv(&rows(1), b',', "\n"));
    for bad in ["ab", "é", "\"", ""] {
        let ran = tool
            .command("protect in.csv --policy p.toml --keyset k -o x.csv")
            .args(["--delimiter", bad])
            .output();
        assert_eq!(ran.unwrap().status.code(), Some(2), "{bad:?}");
    }
}
