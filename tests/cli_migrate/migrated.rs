//! `migrate --file`.

use super::{DETERMINISTIC, POLICY, REVERSIBLE, differ, edit, original, ready, reveals, same};
use crate::tool::{Tool, cells, column, csv, position};
use cloakroom::keys::{KeyState, KeyUse};
use cloakroom::name::{FieldName, KeyVersion, Scope, TenantId};
use cloakroom::time::Timestamp;
use std::fs;

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
