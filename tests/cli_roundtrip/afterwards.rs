//! What is done with protected files later: joined, filtered, read after rotations and erasures.

use super::{DETERMINISTIC, EVERY_MODE, REVERSIBLE, TEXTS, rows, same_cells};
use crate::tool::{Tool, cells, column, csv, position};
use std::collections::BTreeMap;

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

    let list = tool.ok("keys list --vault v").text();
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
    assert!(keyset.ok("keys list --keyset k").text().contains("(primary)"));
}

#[test]
fn a_subject_is_shown_and_erased() {
    let tool = Tool::with_vault();
    tool.write("p.toml", EVERY_MODE);
    tool.write("in.csv", csv(&rows(40), b',', "\n"));
    tool.ok("protect in.csv --policy p.toml --vault v -o safe.csv");
    let shown: serde_json::Value = tool.ok("subject show 1001 --vault v").json();
    assert_eq!((&shown["tenant"], &shown["subject"]), (&"acme".into(), &"1001".into()));
    assert_eq!(shown["records"].as_array().unwrap().len(), 2);
    assert_eq!(shown["records"][0]["name"], TEXTS[2]);
    assert_eq!(shown["records"][1]["e-mail"], "long ".repeat(20_000));
    let from_pipe = tool.run_with("subject show - --vault v", b" 1001 \n");
    let from_pipe = from_pipe.json();
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
