//! Columns of key versions.

use super::{DETERMINISTIC, POLICY, REVERSIBLE, edit, original, ready, reveals, same};
use crate::tool::{Tool, cells, column, csv, position};
use cloakroom::keys::KeyState;
use cloakroom::name::KeyVersion;
use cloakroom::time::Timestamp;
use std::fs;

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
