//! The audit log through the tool, approvals from request to use, and files revealed to principals.

mod tool;

use std::fs;
use std::path::Path;
use tool::*;

const POLICY: &str = r#"
version = 1
tenant = "acme"
subject = "id"

[field.id]
protect = "pseudonym"
scope = "s"

[field.email]
protect = "seal"
purposes = ["support"]

[field.card]
protect = "token"
format = "card"
purposes = ["support"]

[field.pin]
protect = "random-token"
format = "digits"
purposes = ["support"]

[field.note]
protect = "seal"
purposes = ["audit"]
"#;

/// What is behind the fields: Alice sees emails whole, cards masked, pins as tokens and no notes.
fn duties(bob: &str) -> String {
    format!(
        r#"
[purpose.support]
basis = "contract"

[purpose.audit]
basis = "legal-obligation"

[role.agent]
purposes = ["support"]
reveal = {{ email = "full", card = "mask 0+4", pin = "token" }}

[role.chief]
purposes = ["support", "audit"]
reveal = {{ email = "full", card = "full", pin = "full", note = "full" }}

[principal.alice]
roles = ["agent"]

[principal.carol]
roles = ["chief"]

[principal.root]
roles = []

[principal.bob]
roles = []
key = "{bob}"
approves = true

[approvals]
bulk = 100
"#
    )
}

const ROWS: &str = "id,email,card,pin,note\n1,a@example.org,4111111111111111,4711,one\n2,b@example.org,5500005555555559,0815,two\n";

/// A vault with the file `p` in it, and rules that Bob approves by.
fn with_rules() -> Tool {
    let tool = Tool::with_vault();
    let bob = tool.ok("principal keygen bob.key").text();
    tool.write("policy.toml", format!("{POLICY}{}", duties(bob.trim())));
    tool.write("in.csv", ROWS);
    tool.ok("protect in.csv --policy policy.toml --vault v -o p");
    tool.ok("policy install policy.toml --vault v");
    tool
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

// SPEC: EYES-6
#[test]
fn an_exported_log_verifies_and_nothing_taken_out_of_it_does() {
    let tool = Tool::with_vault();
    tool.write("keys.pub", tool.ok("audit public-key --vault v").out);
    tool.ok("audit head --vault v -o h1.json");
    tool.ok("rotate --vault v");
    tool.ok("audit export --vault v -o log");
    let verified = tool.run("audit verify log --public-key keys.pub --head h1.json");
    assert_eq!(verified.exit, Some(5), "{}", verified.err);
    assert!(
        verified.err.contains("the public key of the vault's key version 2 is missing"),
        "{}",
        verified.err
    );
    tool.write("keys.pub", tool.ok("audit public-key --vault v").out);
    tool.ok("audit verify log --public-key keys.pub --head h1.json");
    let text = tool.text("log");
    let lines: Vec<&str> = text.lines().collect();
    let joined = |lines: &[&str]| format!("{}\n", lines.join("\n"));
    let mut swapped = lines.clone();
    swapped.swap(1, 2);
    let mut without = lines.clone();
    without.remove(1);
    let mut edited = lines.clone();
    let last_but_one = edited.len() - 2;
    edited[last_but_one] = edited[1];
    for (what, bad) in [
        ("swapped", joined(&swapped)),
        ("without one", joined(&without)),
        ("edited", joined(&edited)),
        ("cut", joined(&lines[..lines.len() - 1])),
    ] {
        tool.write("bad", bad);
        let ran = tool.run("audit verify bad --public-key keys.pub");
        assert_eq!(ran.exit, Some(5), "{what}: {}", ran.err);
    }
    tool.ok("audit prove --vault v --leaf 0 -o leaf.json");
    tool.ok("audit verify-proof leaf.json --public-key keys.pub");
    tool.ok("audit prove-consistency --vault v --from h1.json -o step.json");
    tool.ok("audit verify-proof step.json --public-key keys.pub");
    tool.fails(5, "audit prove --vault v --leaf 9999 -o x.json", "there is no leaf 9999");
    let log = tool.ok("log --vault v --audit").text();
    assert!(log.starts_with("0  ") && log.contains("  create  -  0 items"), "{log}");
    assert!(log.contains("  rotate  "), "{log}");
    tool.clean();
}

// SPEC: EYES-7
#[test]
fn a_store_that_was_put_back_is_found_out_by_a_head() {
    let tool = Tool::with_vault();
    copy(&tool.path("v/store"), &tool.path("old"));
    tool.write("in.csv", "id,email\n1,a@example.org\n");
    tool.write(
        "policy.toml",
        "version = 1\ntenant = \"acme\"\nsubject = \"id\"\n[field.id]\nprotect = \"keep\"\n[field.email]\nprotect = \"seal\"\n",
    );
    tool.ok("protect in.csv --policy policy.toml --vault v -o p");
    tool.ok("audit head --vault v -o head.json");
    tool.ok("check --vault v --head head.json");
    fs::remove_dir_all(tool.path("v/store")).unwrap();
    copy(&tool.path("old"), &tool.path("v/store"));
    tool.clean();
    let ran = tool.run("check --vault v --head head.json");
    assert_eq!(ran.exit, Some(5), "{}", ran.err);
    assert!(ran.err.contains("rolled back"), "{}", ran.err);
    // Gone on with, it gets long enough, and is another log all the same.
    for n in 0..12 {
        tool.ok(&format!("audit export --vault v -o log{n}"));
    }
    let ran = tool.run("check --vault v --head head.json");
    assert_eq!(ran.exit, Some(5), "{}", ran.err);
    assert!(ran.err.contains("not those of the earlier head"), "{}", ran.err);
}

// SPEC: EYES-8
#[test]
fn from_a_refusal_to_a_request_to_an_approval_to_the_deed() {
    let tool = with_rules();
    tool.ok("rotate --vault v");
    let installed = tool.ok("policy installed --vault v").text();
    assert!(installed.contains("\"version\": 1"), "{installed}");
    tool.fails(4, "keys compromise 1 --vault v", "approval-needed");
    let ran = tool.run("keys compromise 1 --vault v --principal root --request r.json");
    assert_eq!(ran.exit, Some(4), "{}", ran.err);
    assert!(tool.text("r.json").contains("\"compromise-key\""));
    tool.ok("approve r.json --key bob.key --principal bob -o a.json");
    tool.fails(4, "keys compromise 1 --vault v --principal eve --approval a.json", "another principal");
    tool.ok("keys compromise 1 --vault v --principal root --approval a.json");
    // Other rules.
    tool.write("policy.toml", tool.text("policy.toml").replace("bulk = 100", "bulk = 1"));
    let install = "policy install policy.toml --vault v --principal root --approval a.json";
    tool.fails(4, install, "another action");
    tool.fails(4, "policy install policy.toml --vault v --principal root", "approval-needed");
    tool.run("policy install policy.toml --vault v --principal root --request r2.json");
    tool.ok("approve r2.json --key bob.key --principal bob -o a2.json");
    let changed = tool.ok("policy install policy.toml --vault v --principal root --approval a2.json");
    assert_eq!(changed.text(), "~ approvals\n");
    let log = tool.ok("log --vault v --audit").text();
    assert!(log.contains("set-rules  root") && log.contains("set-rules approved by bob"), "{log}");
}

// SPEC: EYES-9
#[test]
fn a_file_comes_back_as_far_as_the_principal_may_see_it() {
    let tool = with_rules();
    tool.fails(4, "reveal p --vault v -o x", "no-principal");
    tool.fails(4, "reveal p --vault v -o x --principal eve --purpose support", "principal-unknown");
    let ran = tool.ok("reveal p --vault v -o agent.csv --principal alice --purpose support --reason T-1");
    assert!(
        ran.err.contains("left as it is: note: role-without-field") || ran.err.contains("note"),
        "{}",
        ran.err
    );
    let (protected, agent) = (tool.text("p"), tool.text("agent.csv"));
    for (row, (was, is)) in protected.lines().zip(agent.lines()).enumerate().skip(1) {
        let (was, is): (Vec<_>, Vec<_>) = (was.split(',').collect(), is.split(',').collect());
        assert_eq!(is[1], ["a@example.org", "b@example.org"][row - 1]);
        assert_eq!(is[2], ["************1111", "************5559"][row - 1]);
        assert_eq!((is[3], is[4]), (was[3], was[4]), "a token, and what is denied, stay as they are");
    }
    tool.ok("reveal p --vault v -o chief.csv --principal carol --purpose support");
    let chief = tool.text("chief.csv");
    assert!(chief.contains("4111111111111111,4711,") && !chief.contains("one"), "{chief}");
    let log = tool.ok("log --vault v --audit").text();
    assert_eq!(log.matches("  reveal  carol for support  2 items").count(), 3, "{log}");
    tool.clean();
}

// SPEC: EYES-4, EYES-9
#[test]
fn more_than_a_bulk_takes_the_approval_of_this_file() {
    let tool = with_rules();
    tool.write("policy.toml", tool.text("policy.toml").replace("bulk = 100", "bulk = 1"));
    tool.run("policy install policy.toml --vault v --principal root --request r.json");
    tool.ok("approve r.json --key bob.key --principal bob -o a.json");
    tool.ok("policy install policy.toml --vault v --principal root --approval a.json");
    let reveal = "reveal p --vault v -o out.csv --principal carol --purpose support";
    tool.fails(4, reveal, "approval-needed");
    tool.run(&format!("{reveal} --request r2.json"));
    tool.ok("approve r2.json --key bob.key --principal bob -o a2.json");
    tool.ok(&format!("{reveal} --approval a2.json"));
    fs::remove_file(tool.path("out.csv")).unwrap();
    tool.fails(4, &format!("{reveal} --approval a2.json"), "used already");
}

/// An agent is shown cards, which are in the file, and no ssn, which the vault holds and by which it is told whose a row is.
const CARDS: &str = r#"
version = 1
tenant = "acme"
subject = "id"

[field.id]
protect = "keep"

[field.ssn]
protect = "seal"
purposes = ["audit"]

[field.card]
protect = "token"
format = "card"
purposes = ["support"]

[purpose.support]
basis = "legitimate-interests"

[purpose.audit]
basis = "legal-obligation"

[role.agent]
purposes = ["support"]
reveal = { card = "full" }

[principal.alice]
roles = ["agent"]
"#;

const HOLDERS: &str = "id,ssn,card\n\
    free,078-05-1120,4111111111111111\n\
    restricted,078-05-1121,5500005555555559\n\
    objecting,078-05-1122,4012888888881881\n\
    erased,078-05-1123,378282246310005\n\
    blank,,6011111111111117\n\
    nothing,,\n";

/// A vault with the file `p`, in which all that a row's subject asked for is in force.
fn with_cards(more: &str) -> Tool {
    let tool = Tool::with_vault();
    tool.write("policy.toml", CARDS);
    tool.write("in.csv", HOLDERS);
    tool.ok(&format!("protect in.csv --policy policy.toml --vault v -o p {more}"));
    tool.ok("policy install policy.toml --vault v");
    tool.ok("subject restrict restricted --vault v --principal dpo --reason disputed");
    tool.ok("subject object objecting support --vault v --principal dpo");
    tool.ok("subject erase erased --vault v --principal dpo");
    tool.ok("rotate --vault v");
    tool
}

/// Ids of the rows that Alice gets of a file, with their cards, and what the rejects say.
fn cards(tool: &Tool, line: &str) -> (Vec<(String, String)>, String) {
    for name in ["out.csv", "r.csv"] {
        drop(fs::remove_file(tool.path(name)));
    }
    let how = "--vault v -o out.csv --rejects r.csv --principal alice --purpose support";
    let ran = tool.run(&format!("reveal {line} {how}"));
    assert!(matches!(ran.exit, Some(0 | 1)), "{line}: {}", ran.err);
    let out = tool.read("out.csv");
    let of = |name| column(&out, b',', name).into_iter().map(|cell| String::from_utf8(cell).unwrap());
    (of("id").zip(of("card")).collect(), tool.text("r.csv"))
}

fn shown(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(id, card)| ((*id).to_owned(), (*card).to_owned())).collect()
}

// SPEC: EYES-9, EYES-10
#[test]
fn whose_a_row_is_is_told_by_a_reference_that_the_principal_is_not_shown() {
    for more in ["", "--key-versions"] {
        let tool = with_cards(more);
        let (rows, rejects) = cards(&tool, "p");
        assert_eq!(rows, shown(&[("free", "4111111111111111"), ("nothing", "")]), "{more}: {rejects}");
        for (line, why) in
            [(3, "restricted"), (4, "objected"), (5, "not in this vault"), (6, "cannot be told")]
        {
            let says = |reject: &str| reject.starts_with(&format!("{line},card,")) && reject.contains(why);
            assert!(rejects.lines().any(says), "{more}: {line} {why}: {rejects}");
        }
        assert_eq!(rejects.lines().count(), 5, "{more}: {rejects}");
    }
}

// SPEC: EYES-10
#[test]
fn a_row_whose_reference_was_taken_away_is_shown_to_nobody() {
    for more in ["", "--key-versions"] {
        let tool = with_cards(more);
        let header = tool.text("p").lines().next().unwrap().to_owned();
        let names: Vec<&str> = header.split(',').collect();
        let original = tool.text("p");
        let altered = |alter: &dyn Fn(&mut Vec<String>)| {
            let lines = original.lines().enumerate().map(|(n, line)| {
                let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
                if n > 0 {
                    alter(&mut cells);
                }
                cells.join(",") + "\n"
            });
            tool.write("x.csv", lines.collect::<String>());
            cards(&tool, "x.csv --manifest p.manifest.json --changed")
        };
        let ssn = names.iter().position(|name| *name == "ssn").unwrap();
        let nobody = shown(&[("nothing", "")]);
        assert_eq!(altered(&|_| ()).0.len(), 2, "untouched, it is as before");
        for cell in ["", " ", "078-05-1120", "ck1r_", "ck1r_AAAAAAAAAAAAAAAAAAAAAA"] {
            let (rows, rejects) = altered(&|cells| cells[ssn] = cell.to_owned());
            assert_eq!(rows, nobody, "{more}: {cell:?}: {rejects}");
        }
        if let Some(versions) = names.iter().position(|name| *name == "ssn__kv") {
            for cell in ["", "2", "3", "x"] {
                let (rows, rejects) = altered(&|cells| cells[versions] = cell.to_owned());
                assert_eq!(rows, nobody, "version {cell:?}: {rejects}");
            }
        }
        // A reference that is good in the row of another is nobody's here.
        let free = original.lines().nth(1).unwrap().split(',').nth(ssn).unwrap().to_owned();
        let (rows, _) = altered(&|cells| cells[ssn].clone_from(&free));
        assert_eq!(rows, shown(&[("free", "4111111111111111"), ("nothing", "")]), "{more}");
        // Nor does leaving out its column make strangers of the subjects.
        let without = original.lines().map(|line| {
            let mut cells: Vec<&str> = line.split(',').collect();
            names.iter().enumerate().rev().filter(|(_, n)| n.starts_with("ssn")).for_each(|(i, _)| {
                cells.remove(i);
            });
            cells.join(",") + "\n"
        });
        tool.write("x.csv", without.collect::<String>());
        let (rows, rejects) = cards(&tool, "x.csv --manifest p.manifest.json --changed");
        assert_eq!(rows, nobody, "{more}: {rejects}");
    }
}

// SPEC: EYES-10
#[test]
fn of_a_file_without_fields_in_the_vault_nothing_is_known() {
    let tool = with_cards("");
    tool.write("cards.toml", CARDS.replace("protect = \"seal\"", "protect = \"drop\""));
    tool.ok("protect in.csv --policy cards.toml --vault v -o q");
    let (rows, rejects) = cards(&tool, "q");
    assert_eq!(rows.len(), 6, "{rejects}");
    assert_eq!(rows[1], ("restricted".to_owned(), "5500005555555559".to_owned()));
}
