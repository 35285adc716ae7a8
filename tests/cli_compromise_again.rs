//! A version that is compromised already: what was not done yet is done, and what cannot be says why.

mod tool;

use std::process::Stdio;
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

// SPEC: ALARM-3
#[test]
fn a_standard_output_that_nobody_reads_keeps_nothing_from_being_moved() {
    let tool = ready();
    let mut command = tool.command("keys compromise 1 --vault v --migrate --json");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(7), "{err}");
    assert!(err.contains("moved 2 of 2 subjects"), "{err}");
    // The report can still be had, as of when the version was stopped.
    let again = tool.ok("keys compromise 1 --vault v --json");
    assert!(again.err.contains("is compromised already: nothing is changed"), "{}", again.err);
    assert_eq!(again.json()["subjectsNow"], 0);
    assert_eq!(again.json()["report"]["subjects"], 2);
    tool.clean();
}

// SPEC: ALARM-3
#[test]
fn migrating_away_from_what_is_compromised_already_goes_on_and_can_be_repeated() {
    let tool = ready();
    let marked = tool.ok("keys compromise 1 --vault v --json").json();
    let line = "keys compromise 1 --vault v --migrate --json";
    let moved = tool.ok(line);
    for text in ["compromised already: going on", "key version 2 is the primary now", "moved 2 of 2"] {
        assert!(moved.err.contains(text), "{text:?} is not in {}", moved.err);
    }
    let again = tool.ok(line);
    assert!(!again.err.contains("is the primary now"), "{}", again.err);
    for later in [&moved, &again] {
        assert_eq!(later.json()["notifyAuthorityBy"], marked["notifyAuthorityBy"], "nobody is aware later");
    }
    tool.clean();
}

// SPEC: KEY-9
#[test]
fn a_step_that_there_is_none_of_says_the_state_and_what_to_do() {
    let tool = ready();
    tool.ok("rotate --vault v"); // version 1 is the identity key, too, which is another reason
    tool.fails(4, "keys retire 2 --vault v", "is active, so it cannot be retired; it is a primary");
    tool.fails(
        4,
        "keys suspend 1 --vault v",
        "is deactivated, so it cannot be suspended; it protects nothing new",
    );
    tool.ok("keys suspend 2 --vault v");
    tool.fails(4, "keys suspend 2 --vault v", "is suspended, so it cannot be suspended; nothing was changed");
    tool.ok("keys compromise 2 --vault v");
    tool.fails(4, "keys suspend 2 --vault v", "`cloakroom keys compromise 2 --migrate`");
    tool.fails(4, "keys resume 2 --vault v", "is compromised, so it cannot be resumed");
    let keyset = Tool::with_keyset();
    keyset.ok("keys compromise 1 --keyset k");
    assert!(keyset.ok("keys compromise 1 --keyset k").err.contains("is compromised already"));
}
