//! Refusals that say the next step.

mod tool;

use tool::Tool;

const POLICY: &str = r#"
version = 1
tenant = "acme"
subject = "id"
[field.id]
protect = "keep"
[field.email]
protect = "seal"
"#;

fn ready() -> Tool {
    Tool::with_protected(POLICY, "id,email\n1,a@example.org\n2,b@example.org\n")
}

/// With rules that name an approver, and a request of Alice's, `r.json`.
fn asked() -> Tool {
    let tool = ready();
    let key = tool.ok("principal keygen bob.key").text();
    let duties = format!(
        "[principal.alice]\nroles = []\n[principal.bob]\nroles = []\nkey = {:?}\napproves = true\n",
        key.trim()
    );
    tool.write("p.toml", format!("{POLICY}{duties}"));
    tool.ok("policy install p.toml --vault v");
    let refused = tool.run("keys compromise 1 --vault v --principal alice --request r.json");
    assert_eq!(refused.exit, Some(4), "{}", refused.err);
    tool
}

// SPEC: EYES-14
#[test]
fn what_would_be_of_no_use_is_not_approved() {
    let tool = asked();
    let approve = "approve r.json --key bob.key --principal";
    tool.fails(4, &format!("{approve} alice -o a.json"), "would be the requester's own");
    tool.fails(4, "approve r.json --principal alice", "would be the requester's own");
    tool.ok(&format!("{approve} bob -o a.json"));
    let request = tool.text("r.json");
    let (before, after) = request.split_once("\"expires\": \"").unwrap();
    let after = after.split_once('Z').unwrap().1;
    tool.write("old.json", format!("{before}\"expires\": \"2026-01-01T00:00:00Z{after}"));
    tool.fails(4, "approve old.json --key bob.key --principal bob -o b.json", "the request has expired");
}

// SPEC: EYES-14
#[test]
fn without_an_output_what_would_be_approved_is_shown_and_nothing_is_signed() {
    let tool = asked();
    let before = tool.listing();
    for line in ["approve r.json", "approve r.json --key bob.key --principal bob"] {
        let ran = tool.ok(line);
        assert!(ran.err.contains("to be approved for alice until"), "{}", ran.err);
        assert!(ran.err.contains("compromise-key of key version 1; nothing is signed"), "{}", ran.err);
        assert!(ran.out.is_empty());
    }
    assert_eq!(tool.listing(), before);
    assert_eq!(tool.run("approve r.json -o a.json").exit, Some(2));
}

#[test]
fn an_approval_that_does_not_fit_says_what_to_do() {
    let tool = asked();
    tool.ok("approve r.json --key bob.key --principal bob -o a.json");
    tool.ok("rotate --vault v");
    let again = "or make a new request (`--request FILE`)";
    tool.fails(4, "keys compromise 1 --vault v --principal bob --approval a.json", again);
    let other = "for this, make a new request (`--request FILE`)";
    tool.fails(4, "keys compromise 2 --vault v --principal alice --approval a.json", other);
    let ran = tool.run("keys compromise 1 --vault v --principal tpyo --request other.json");
    assert_eq!(ran.exit, Some(2), "{}", ran.err);
    assert!(
        ran.err.contains("\"tpyo\" is not known to the rules") && !ran.err.contains("approval"),
        "{}",
        ran.err
    );
}

#[test]
fn a_file_under_a_compromised_version_says_how_it_is_moved() {
    let tool = ready();
    tool.ok("keys compromise 1 --vault v");
    tool.fails(4, "reveal one.csv --vault v -o o", "`cloakroom migrate --file FILE --despite-state`");
    tool.ok("rotate --vault v");
    tool.ok("migrate --vault v --reseal --despite-state");
    tool.fails(4, "migrate --vault v --file one.csv -o two.csv", "migrate --file FILE --despite-state");
    tool.ok("migrate --vault v --file one.csv --despite-state -o two.csv");
}

#[test]
fn a_file_with_erased_rows_says_how_the_others_come_back() {
    let tool = ready();
    tool.ok("subject erase 1 --vault v");
    tool.fails(3, "reveal one.csv --vault v -o o", "`--rejects FILE`");
    assert_eq!(tool.run("reveal one.csv --vault v -o o --rejects r").exit, Some(1));
    assert!(!tool.text("r").contains("--rejects"), "{}", tool.text("r"));
}

#[test]
fn a_check_of_what_is_lost_says_how_it_is_deleted() {
    let tool = ready();
    tool.ok("rotate --vault v");
    tool.ok("keys identity 2 --vault v");
    let keyset = tool.vault().keyset().id().to_string();
    let words = format!("destroy key version 1 of {keyset}\n");
    tool.run_with("keys destroy 1 --vault v --despite-data", words.as_bytes()).with_exit("keys destroy", 0);
    let ran = tool.run("check --vault v");
    assert_eq!(ran.exit, Some(5), "{}", ran.err);
    assert!(ran.err.contains("`cloakroom purge --lost`"), "{}", ran.err);
    tool.ok("purge --lost --vault v");
    tool.clean();
}
