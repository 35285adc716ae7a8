//! `bridge`.

use super::{BRIDGE, DETERMINISTIC, POLICY, ready, reveals, same};
use crate::tool::{Tool, cells, column, csv, position};

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
