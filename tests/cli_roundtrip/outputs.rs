//! Where output may go, and what is refused before there is any.

use super::{DETERMINISTIC, EVERY_MODE, rows};
use crate::tool::{Tool, cells, column, csv, position};

#[test]
fn an_existing_output_is_replaced_as_a_whole() {
    let tool = Tool::with_keyset();
    tool.write("p.toml", DETERMINISTIC);
    tool.write("in.csv", csv(&rows(30), b',', "\n"));
    tool.write("safe.csv", "something old and longer than what comes ".repeat(10_000));
    tool.write("safe.csv.manifest.json", "{\"cloakroom_manifest\": 1}");
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
    let help = tool.ok("--help").text();
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
