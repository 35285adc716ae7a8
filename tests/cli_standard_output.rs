//! `-` where a command writes: standard output, or a refusal, and never a file of that name.

mod tool;

use serde_json::Value;
use tool::*;

const POLICY: &str = r#"
version = 1
tenant = "acme"
subject = "id"

[field.id]
protect = "keep"

[field.email]
protect = "seal"
purposes = ["support"]

[field.ref]
protect = "pseudonym"
scope = "a"

[[bridge]]
from = "a"
to = "b"

[purpose.support]
basis = "contract"

[role.agent]
purposes = ["support"]
reveal = { email = "full" }

[principal.alice]
roles = ["agent"]

[principal.bob]
roles = []
key = "BOB"
approves = true
"#;

/// A vault whose rules name an approver, with the file `p` in it.
fn ready() -> Tool {
    let tool = Tool::with_vault();
    let bob = String::from_utf8(tool.ok("principal keygen bob.key").out).unwrap();
    tool.write("policy.toml", POLICY.replace("BOB", bob.trim()));
    tool.write("in.csv", "id,email,ref\n1,a@example.org,x\n2,b@example.org,y\n");
    tool.ok("protect in.csv --policy policy.toml --vault v -o p");
    tool.ok("policy install policy.toml --vault v");
    tool
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(bytes)))
}

/// What a command writes to standard output, without a file that comes or goes.
#[track_caller]
fn standard(tool: &Tool, exit: i32, line: &str) -> Vec<u8> {
    let before = tool.listing();
    let ran = tool.run(line);
    assert_eq!(ran.exit, Some(exit), "{line}: {}", ran.err);
    assert_eq!(tool.listing(), before, "{line}: files came or went");
    assert!(!ran.out.is_empty(), "{line}: {}", ran.err);
    ran.out
}

#[test]
fn what_is_text_goes_to_standard_output() {
    let tool = ready();
    let head = standard(&tool, 0, "audit head --vault v -o -");
    assert!(json(&head).is_object());
    tool.write("head.json", &head);
    json(&standard(&tool, 0, "audit prove --vault v --leaf 0 -o -"));
    json(&standard(&tool, 0, "audit prove-consistency --vault v --from head.json -o -"));
    tool.write("keys.pub", tool.ok("audit public-key --vault v").out);
    tool.write("log", standard(&tool, 0, "audit export --vault v -o -"));
    tool.ok("audit verify log --public-key keys.pub --head head.json");
    json(&standard(&tool, 0, "report --vault v --json -"));
    assert!(standard(&tool, 0, "report --vault v --html -").starts_with(b"<!doctype html>"));
    // A report in place of the summary, so that a program can read it.
    json(&standard(&tool, 0, "breach radius --vault v --json -"));
    assert!(standard(&tool, 0, "breach radius --vault v --report -").starts_with(b"# "));
    // From the refusal through the approval to the deed, over pipes.
    let export = "subject export 1 --vault v --principal alice --purpose support";
    tool.write("r.json", standard(&tool, 4, &format!("{export} -o e.json --request -")));
    tool.write("a.json", standard(&tool, 0, "approve r.json --key bob.key --principal bob -o -"));
    let export = json(&standard(&tool, 0, &format!("{export} --approval a.json -o -")));
    assert_eq!(export["subject"], "1");
    tool.ok("subject erase 2 --vault v --principal dpo --receipt receipt.json");
    tool.write("piped.json", standard(&tool, 0, "subject erase 1 --vault v --principal dpo --receipt -"));
    for receipt in ["receipt.json", "piped.json"] {
        tool.ok(&format!("receipt verify {receipt} --public-key keys.pub"));
    }
    tool.clean();
}

#[test]
fn a_list_of_a_breach_is_in_its_json_alone() {
    let tool = Tool::with_vault();
    tool.write(
        "policy.toml",
        POLICY.split("[purpose").next().unwrap().replace("purposes = [\"support\"]", ""),
    );
    tool.write("in.csv", "id,email,ref\n1,a@example.org,x\n");
    tool.ok("protect in.csv --policy policy.toml --vault v -o p");
    let report = json(&standard(&tool, 0, "breach radius --vault v --list --json -"));
    assert_eq!(report["subjectIds"], serde_json::json!(["1"]));
    let page = String::from_utf8(standard(&tool, 0, "breach radius --vault v --list --report -")).unwrap();
    assert!(page.starts_with("# ") && page.ends_with("{\"subject\":\"1\",\"tenant\":\"acme\"}\n"), "{page}");
}

#[test]
fn two_results_are_not_mixed_on_standard_output() {
    let tool = ready();
    for line in [
        "report --vault v --json - --html -",
        "breach radius --vault v --json - --report -",
        "reveal p --vault v -o - --principal alice --purpose support --request -",
    ] {
        assert!(tool.fails(2, line, "would be mixed on standard output").out.is_empty(), "{line}");
    }
}

#[test]
fn what_others_stand_beside_or_nobody_else_may_read_must_be_a_file() {
    let tool = ready();
    for line in [
        "init -",
        "keys create -",
        "keys create k2 --shares 2-of-3 --share-dir -",
        "keys create k2 --key-file -",
        "keys relock --vault v --new-key-file -",
        "principal keygen -",
        "export keygen -",
        "protect in.csv --policy policy.toml --vault v -o p2 --manifest -",
        "protect in.csv --policy policy.toml --vault v -o p2 --rejects -",
        "reveal p --vault v -o x --principal alice --purpose support --rejects -",
        "migrate --file p --vault v -o -",
        "bridge p --column ref --to b --policy policy.toml --vault v -o -",
    ] {
        assert!(tool.fails(2, line, "must be a file").out.is_empty(), "{line}");
    }
    tool.fails(2, "protect in.csv --policy policy.toml --vault v -o -", "--manifest: is needed");
    // A file of that name has a way to be said.
    tool.ok("audit head --vault v -o ./-");
    assert!(tool.exists("-"));
}

#[test]
fn every_command_with_an_output_is_tried_here() {
    let tool = Tool::new();
    let with = |option| tool.commands_with(option);
    assert_eq!(
        with("-o, --output"),
        [
            "approve",
            "audit export",
            "audit head",
            "audit prove",
            "audit prove-consistency",
            "bridge",
            "migrate",
            "protect",
            "reveal",
            "subject export",
        ]
    );
    assert_eq!(with("--json <"), ["breach radius", "report"]);
    assert_eq!(with("--html <"), ["report"]);
    assert_eq!(with("--report <"), ["breach radius"]);
    assert_eq!(with("--receipt <"), ["subject erase"]);
}
