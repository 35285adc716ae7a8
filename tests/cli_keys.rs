//! The lives of key versions on the command line: `rotate`, `migrate`, `keys`, `files` and `log`.

mod tool;

use cloakroom::keys::{self, KeyUse, Keyset};
use cloakroom::name::{FieldName, TenantId};
use cloakroom::time::Timestamp;
use cloakroom::vault::Vault;
use std::time::{Duration, SystemTime};
use tool::{Ran, Tool, column, readme_commands};

const POLICY: &str = r#"
version = 1
tenant = "acme"
subject = "id"
[field.id]
protect = "keep"
[field.name]
protect = "seal"
[field.card]
protect = "token"
format = "digits"
"#;

fn original() -> String {
    let rows = (0..20).map(|i| format!("{i},Name {i},4111 1111 1111 1{i:03}\n"));
    format!("id,name,card\n{}", rows.collect::<String>())
}

/// Not to be understood at all: the command's usage says so, over several lines.
#[track_caller]
fn misused(tool: &Tool, line: &str, text: &str) {
    says(&tool.run(line).with_exit(line, 2), &[text]);
}

#[track_caller]
fn says(ran: &Ran, texts: &[&str]) {
    texts.iter().for_each(|text| assert!(ran.err.contains(text), "{text:?} is not in {:?}", ran.err));
}

/// The state of a version as `keys list` has it.
fn state(tool: &Tool, holder: &str, version: u32) -> String {
    let list = tool.ok(&format!("keys list {holder}")).text();
    let row = list.lines().find(|line| line.trim_start().starts_with(&format!("{version}  ")));
    row.unwrap_or_else(|| panic!("{list}")).split_whitespace().nth(1).unwrap().to_owned()
}

fn days_ago(days: u64) -> Timestamp {
    (SystemTime::now() - Duration::from_secs(days * 86_400)).into()
}

#[test]
fn the_walkthrough_of_the_readme_goes_from_rotate_to_destroy() {
    let block = readme_commands("### From rotating a key to destroying it");
    let tool = Tool::new();
    tool.ok("init customers.vault");
    tool.write("p.toml", POLICY);
    tool.write("customers.csv", original());
    tool.ok("protect customers.csv --policy p.toml --vault customers.vault -o safe.csv");
    let ran = tool.shell(&block).with_exit(&block, 0);
    says(
        &ran,
        &["key version 2 is the primary now", "nothing needs key version 1", "key version 1 is destroyed"],
    );
    assert_eq!(state(&tool, "--vault customers.vault", 1), "destroyed");
    tool.ok("check --vault customers.vault");
    tool.ok("reveal safe-2.csv --vault customers.vault -o back.csv");
    assert_eq!(tool.text("back.csv"), original());
    let log = tool.ok("log --vault customers.vault").text();
    let kinds: Vec<&str> = log.lines().map(|line| line.split("  ").nth(1).unwrap()).collect();
    assert_eq!(kinds.len(), 6, "{log}");
    for kind in ["rotate", "migrate", "forget file", "identity", "retire", "destroy"] {
        assert!(kinds.contains(&kind), "{kind}: {log}");
    }
}

#[test]
fn a_rotation_says_what_is_to_be_done_next() {
    let tool = Tool::with_protected(POLICY, &original());
    let ran = tool.ok("rotate --vault v");
    says(
        &ran,
        &["key version 2 is the primary now\nrun `cloakroom migrate`", "files under older key versions: 1;"],
    );
    says(&ran, &["\"name\" (version 1)", "\"card\" (version 1)"]);
    let ran = tool.ok("migrate --vault v");
    says(&ran, &["moved 20 of 20 subjects and tokens to their primary key versions\n", "files under older"]);
    assert!(!ran.err.contains("keys retire"), "{}", ran.err);
    let ran = tool.ok("migrate --vault v --reseal --rate 100000");
    says(&ran, &["moved 20 of 20", "sealed 20 fields anew"]);
    tool.clean();
    misused(&tool, "migrate --vault v --rate 0", "rate");
    misused(&tool, "migrate --vault v --file one.csv -o x.csv --reseal", "cannot be used with");
}

#[test]
fn a_field_or_scope_is_rotated_alone() {
    let tool = Tool::with_protected(POLICY, &original());
    let ran = tool.ok("rotate --vault v --field card");
    says(
        &ran,
        &["key version 2 is the primary of field \"card\" of tenant \"acme\" now", "\"card\" (version 1)"],
    );
    assert!(!ran.err.contains("\"name\" (version 1)"), "{}", ran.err);
    tool.ok("protect in.csv --policy p.toml --vault v -o two.csv");
    assert_ne!(column(&tool.read("one.csv"), b',', "card"), column(&tool.read("two.csv"), b',', "card"));
    let ran = tool.ok("rotate --vault v --scope analytics --tenant acme");
    says(&ran, &["key version 3 is the primary of scope \"analytics\" of tenant \"acme\" now"]);
    let list = tool.ok("keys list --vault v").text();
    assert!(list.contains("  key version 2 is the primary of field \"card\" of tenant \"acme\"\n"), "{list}");
    assert!(
        list.contains("  key version 3 is the primary of scope \"analytics\" of tenant \"acme\"\n"),
        "{list}"
    );
    tool.fails(2, "rotate --vault v --tenant acme", "--field or --scope");
    misused(&tool, "rotate --vault v --all --field card", "cannot be used with");
    says(&tool.ok("rotate --vault v --all"), &["key version 4 is the primary now"]);

    tool.ok("keys create k");
    tool.fails(2, "rotate --keyset k --field card", "--tenant: is needed");
    let ran = tool.ok("rotate --keyset k --field card --tenant acme");
    assert_eq!(ran.err, "key version 2 is the primary of field \"card\" of tenant \"acme\" now\n");
}

#[test]
fn a_version_that_something_needs_is_given_up_only_with_the_words_typed() {
    let tool = Tool::with_protected(POLICY, &original());
    tool.fails(4, "keys retire 1 --vault v", "identity");
    tool.ok("rotate --vault v");
    tool.ok("keys identity 2 --vault v");
    let ran = tool.fails(4, "keys retire 1 --vault v", "still needed by");
    says(&ran, &["20 × seal of field \"name\"", "token in files of field \"card\""]);
    tool.fails(4, "keys destroy 1 --vault v", "retire it first");
    tool.fails(2, "keys retire 1 --vault v --despite-data", "keyset files");
    tool.fails(4, "keys destroy 2 --vault v", "identity");
    tool.fails(4, "keys retire 9 --vault v", "no key version 9");

    let list = tool.ok("keys list --vault v").text();
    let id = list.lines().next().unwrap().strip_prefix("keyset ").unwrap();
    let words = format!("destroy key version 1 of {id}");
    let line = "keys destroy 1 --vault v --despite-data";
    for wrong in ["", "yes\n", &words[..words.len() - 1], &words.to_uppercase(), &format!(" {words}\n")] {
        let ran = tool.run_with(line, wrong.as_bytes()).with_exit(line, 2);
        says(&ran, &["20 × seal of field \"name\"", "in file ", &words, "nothing was changed"]);
        assert_eq!(state(&tool, "--vault v", 1), "deactivated");
    }
    let ran = tool.run_with(line, format!("{words}\r\n").as_bytes()).with_exit(line, 0);
    says(&ran, &["key version 1 is destroyed"]);
    assert_eq!(state(&tool, "--vault v", 1), "destroyed");
    assert!(tool.ok("log --vault v").text().contains("  destroy despite data  key version 1\n"));
    tool.fails(4, "reveal one.csv --vault v -o back.csv", "key version 1 is destroyed");
    tool.fails(4, line, "destroyed");
    says(
        &tool.ok("migrate --vault v"),
        &["moved 0 of 20", "left 20 that are lost with a destroyed key version"],
    );
}

#[test]
fn of_a_keyset_file_nobody_counts_what_is_under_it() {
    let tool = Tool::with_keyset();
    tool.ok("rotate --keyset k");
    tool.fails(2, "keys retire 1 --keyset k", "nobody counts");
    tool.fails(2, "keys destroy 2 --keyset k", "nobody counts");
    tool.fails(4, "keys destroy 1 --keyset k", "identity");
    tool.fails(4, "keys destroy 1 --keyset k --despite-data", "identity");
    tool.fails(4, "keys retire 1 --keyset k --despite-data", "identity");
    says(&tool.ok("keys identity 2 --keyset k"), &["all of them change"]);
    says(&tool.ok("keys identity 2 --keyset k"), &["already"]);
    tool.ok("keys retire 1 --keyset k --despite-data");
    assert_eq!(state(&tool, "--keyset k", 1), "retired");
    tool.ok("keys resume 1 --keyset k");
    assert_eq!(state(&tool, "--keyset k", 1), "deactivated");
    let list = tool.ok("keys list --keyset k").text();
    let id = list.lines().next().unwrap().strip_prefix("keyset ").unwrap();
    let line = "keys destroy 1 --keyset k --despite-data";
    tool.run_with(line, b"no\n").with_exit(line, 2);
    assert_eq!(state(&tool, "--keyset k", 1), "deactivated");
    tool.run_with(line, format!("destroy key version 1 of {id}").as_bytes()).with_exit(line, 0);
    assert_eq!(state(&tool, "--keyset k", 1), "destroyed");
}

#[test]
fn a_suspended_version_comes_back_and_a_compromised_one_does_not() {
    let tool = Tool::with_protected(POLICY, &original());
    let protect = "protect in.csv --policy p.toml --vault v -o x.csv";
    says(
        &tool.ok("keys suspend 1 --vault v"),
        &["suspended", "protecting is refused until `cloakroom rotate`"],
    );
    tool.fails(
        4,
        protect,
        "suspended, so it cannot protect; `cloakroom rotate` makes another, `cloakroom keys resume 1`",
    );
    says(&tool.ok("keys resume 1 --vault v"), &["was suspended, and is active again"]);
    tool.fails(4, "keys resume 1 --vault v", "be resumed");

    let ran = tool.ok("keys compromise 1 --vault v");
    says(
        &ran,
        &[
            "protecting is refused until `cloakroom rotate`",
            "protected by it:",
            "20 × seal of field",
            "in file ",
            "what files hold under it is not revealed any more: `cloakroom migrate --file FILE --despite-state`",
        ],
    );
    tool.fails(4, protect, "compromised");
    tool.fails(4, "keys resume 1 --vault v", "be resumed");
    let ran = tool.ok("rotate --vault v");
    says(&ran, &["run `cloakroom migrate --reseal --despite-state`", "key version 1 is compromised"]);
    says(&ran, &["\"card\" (version 1, compromised)", "protect the original anew"]);
    let ran = tool.ok("rotate --vault v --field kard");
    says(&ran, &["nothing in the vault or its files is protected as field \"kard\" so far"]);
    tool.fails(
        4,
        "migrate --vault v",
        "compromised, so it cannot reveal what is to be moved, but with --despite-state",
    );
    says(
        &tool.ok("migrate --vault v --reseal --despite-state"),
        &["moved 20 of 20", "sealed 20 fields anew"],
    );
    tool.fails(4, "reveal one.csv --vault v -o back.csv", "compromised");
    tool.fails(4, "migrate --file one.csv --vault v -o moved.csv", "compromised");
    tool.ok("migrate --file one.csv --vault v --despite-state -o moved.csv");
    tool.ok("reveal moved.csv --vault v -o back.csv");
    assert_eq!(tool.text("back.csv"), tool.text("in.csv"));
    says(&tool.ok("keys identity 2 --vault v"), &["all of them change"]);
    tool.clean();
    tool.fails(4, "keys destroy 1 --vault v", "in files");
    let ran = tool.ok("files forget --manifest one.csv.manifest.json --vault v");
    says(&ran, &["nothing needs key version 1: `cloakroom keys destroy 1`"]);
    tool.ok("keys destroy 1 --vault v");
    assert_eq!(state(&tool, "--vault v", 1), "destroyed");
    tool.clean();
}

#[test]
fn files_are_listed_and_forgotten() {
    let tool = Tool::with_protected(POLICY, &original());
    let list = tool.ok("files list --vault v").text();
    let (hash, rest) = list.split_once("  made ").unwrap();
    assert!(hash.len() == 64 && rest.contains("tenant \"acme\""), "{list}");
    for (field, mode) in [("name", "reference in files"), ("card", "token in files")] {
        let row = list.lines().find(|line| line.trim_start().starts_with(field)).unwrap();
        assert!(row.contains(mode) && row.ends_with("version 1  20 cells"), "{list}");
    }
    for bad in ["12", "zz", &hash[1..], &format!("{hash}0")] {
        tool.fails(2, &format!("files forget {bad} --vault v"), "64 hexadecimal digits");
    }
    tool.fails(3, &format!("files forget {} --vault v", hash.replace(|_| true, "0")), "not found");
    misused(&tool, "files forget --vault v", "required");
    let ran = tool.ok(&format!("files forget {hash} --vault v"));
    says(&ran, &["no longer counted: 20 × token in files of field \"card\", under key version 1"]);
    assert_eq!(tool.ok("files list --vault v").text(), "");
    tool.fails(3, "files forget --manifest one.csv.manifest.json --vault v", "not found");
    tool.write("x.json", "{}");
    tool.fails(4, "files forget --manifest x.json --vault v", "no hash");
    assert!(tool.ok("log --vault v").text().contains(&format!("  forget file  {hash}\n")));
    tool.clean();
}

#[test]
fn a_primary_that_is_overdue_is_warned_of_and_rotated() {
    let tool = Tool::with_protected(POLICY, &original());
    let key = tool.key();
    let use_ =
        KeyUse::Field { tenant: TenantId::new("acme").unwrap(), field: FieldName::new("card").unwrap() };
    let old = Keyset::generate(days_ago(800)).unwrap().rotated_for(&use_, days_ago(100)).unwrap();
    keys::save_new(&old, tool.path("k"), &key).unwrap();
    let warning = "warning: key version 1 has been the primary of everything for 800 days, its cryptoperiod is 730 \
                   days: run `cloakroom rotate`\n";
    for line in ["keys list --keyset k", "protect in.csv --policy p.toml --keyset k -o k.csv"] {
        assert!(tool.ok(line).err.starts_with(warning), "{line}");
    }
    let list = tool.ok("keys list --keyset k").text();
    assert!(list.contains("  800 days  ") && list.contains("cryptoperiod: 730 days, the default"), "{list}");
    let ran = tool.ok("keys period 900 --keyset k");
    assert_eq!(ran.err, "the cryptoperiod is 900 days\n");
    let ran = tool.ok("rotate --every 850d --keyset k");
    assert_eq!(ran.err, "the cryptoperiod is 850 days, and no primary is over it: nothing was rotated\n");
    let ran = tool.ok("keys period 90 --keyset k");
    says(&ran, &["for 800 days, its cryptoperiod is 90 days, and 1 more are overdue: run"]);
    let ran = tool.ok("rotate --every 90d --keyset k");
    assert_eq!(ran.err, "key version 3 is the primary now\n");
    let ran = tool.ok("rotate --every 90d --keyset k");
    says(&ran, &["nothing was rotated"]);
    assert_eq!(tool.ok("keys period default --keyset k").err, "the cryptoperiod is 730 days, the default\n");
    for bad in ["keys period 0", "keys period 99999", "rotate --every 0d"] {
        tool.fails(2, &format!("{bad} --keyset k"), "choose 1 to 36525");
    }
    misused(&tool, "rotate --every 36h --keyset k", "whole days");
    misused(&tool, "rotate --every 90d --all --keyset k", "cannot be used with");

    drop(Vault::create(tool.path("old"), &key, days_ago(731)).unwrap());
    for line in ["check", "keys list", "migrate", "rotate --field card --tenant acme"] {
        let ran = tool.ok(&format!("{line} --vault old"));
        says(&ran, &["warning: key version 1 has been the primary of everything for 731 days"]);
    }
    says(&tool.ok("rotate --every 90d --vault old"), &["key version 3 is the primary now"]);
    assert_eq!(tool.ok("keys period 80 --vault old").err, "the cryptoperiod is 80 days\n");
    let log = tool.ok("log --vault old").text();
    assert!(log.contains("  period  90 days\n") && log.contains("  period  80 days\n"), "{log}");
}

#[test]
fn what_cannot_be_rotated_says_why() {
    let tool = Tool::with_protected(POLICY, &original());
    let commands = ["rotate", "migrate", "keys suspend 1", "keys period 90", "log", "files list"];
    tool.shell("\"$C\" keys create other.k --key-file other").with_exit("keys create", 0);
    for command in commands {
        tool.fails(4, &format!("{command} --vault v --key-file other"), "does not open");
    }
    let held = tool.vault();
    for command in commands {
        tool.fails(6, &format!("{command} --vault v"), "in use by another process");
    }
    drop(held);
    assert_eq!(state(&tool, "--vault v", 1), "active");
    misused(&tool, "rotate", "required");
    tool.fails(7, "rotate --keyset none", "none");
}

#[cfg(unix)]
#[test]
fn a_directory_that_cannot_be_written_to_keeps_its_keyset() {
    use std::os::unix::fs::PermissionsExt;
    let tool = Tool::with_keyset();
    std::fs::create_dir(tool.path("d")).unwrap();
    std::fs::rename(tool.path("k"), tool.path("d/k")).unwrap();
    let before = tool.read("d/k");
    std::fs::set_permissions(tool.path("d"), PermissionsExt::from_mode(0o555)).unwrap();
    let is_root = std::fs::write(tool.path("d/x"), "").is_ok();
    if !is_root {
        tool.fails(7, "rotate --keyset d/k", "d/k");
        tool.fails(7, "keys suspend 1 --keyset d/k", "d/k");
        assert_eq!(tool.read("d/k"), before);
    }
    std::fs::set_permissions(tool.path("d"), PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn a_bridge_is_logged() {
    let tool = Tool::with_vault();
    let policy = "version = 1\ntenant = \"acme\"\n[field.id]\nprotect = \"pseudonym\"\nscope = \"a\"\n\
                  [[bridge]]\nfrom = \"a\"\nto = \"b\"\n";
    tool.write("p.toml", policy);
    tool.write("in.csv", "id\nann\nbob\n");
    tool.ok("protect in.csv --policy p.toml --vault v -o a.csv");
    tool.ok("bridge a.csv --column id --to b --policy p.toml --vault v -o b.csv");
    let log = tool.ok("log --vault v").text();
    assert!(log.contains("  bridge  column \"id\" to scope \"b\": file "), "{log}");
    let files = tool.ok("files list --vault v").text();
    assert!(files.contains(log.trim_end().rsplit(' ').next().unwrap()), "{files}");
    assert_eq!(files.lines().filter(|line| line.contains("identity in files")).count(), 2, "{files}");
}
