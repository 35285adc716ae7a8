//! What a breach's radius says of looks that were refused, and of those that reached no field.

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
purposes = ["support"]
[purpose.support]
basis = "contract"
[role.agent]
purposes = ["support"]
reveal = { email = "full" }
[principal.alice]
roles = ["agent"]
[principal.clara]
roles = ["agent"]
"#;

fn ready() -> Tool {
    let tool = Tool::with_protected(POLICY, "id,email\n10423,a@example.org\n2,b@example.org\n");
    tool.ok("policy install p.toml --vault v");
    tool
}

// SPEC: ACC-5
#[test]
fn a_look_that_was_refused_is_no_access() {
    let tool = ready();
    for line in ["show 10423", "export 10423"] {
        let line = format!("subject {line} --vault v --principal eve --purpose support");
        tool.fails(4, &line, "principal-unknown");
    }
    let eve = tool.ok("breach radius --vault v --principal eve --json j --report r.md").text();
    assert!(
        eve.contains("\n0 data subjects, 0 fields of them, in 0 accesses; 2 more were refused\n"),
        "{eve}"
    );
    assert!(!eve.contains("reached no field") && !eve.contains("by eve"), "{eve}");
    let report = tool.json("j");
    let numbers = ["subjects", "stateSubjects", "records", "refused"].map(|name| report[name].as_u64());
    assert_eq!(numbers, [Some(0), Some(0), Some(0), Some(2)]);
    let text = tool.text("r.md").replace('\u{a0}', " ");
    assert!(
        text.contains("no data subject is known to be concerned. 2 accesses were refused, and showed"),
        "{text}"
    );
    tool.ok("check --vault v");
}

// SPEC: ACC-5
#[test]
fn who_was_shown_state_alone_is_counted_apart_and_listed() {
    let tool = ready();
    tool.ok("consent show 10423 --vault v --principal clara --purpose support");
    tool.ok("subject hold 2 case --vault v --principal clara");
    tool.ok("subject show 2 --vault v --principal clara --purpose support");
    let ran = tool.ok("breach radius --vault v --principal clara --list --json j --report r.md");
    let clara = ran.text();
    assert!(
        clara.contains("\n1 data subjects, 1 fields of them, in 2 accesses; 0 more were refused\n"),
        "{clara}"
    );
    let apart = "3 accesses reached no field, but consents, restrictions, holds or who saw her: of 1 data subjects more";
    assert!(clara.contains(apart), "{clara}");
    assert!(clara.contains("for support: 2\n") && !clara.contains("seen"), "{clara}");
    assert!(
        ran.err.contains("2 data subjects listed") && ran.err.contains("0 more were erased"),
        "{}",
        ran.err
    );
    let report = tool.json("j");
    assert_eq!((report["subjects"].as_u64(), report["stateSubjects"].as_u64()), (Some(1), Some(1)));
    assert_eq!(report["subjectIds"], serde_json::json!(["10423", "2"]));
    assert!(tool.text("r.md").contains("or who saw them: 1\n"), "{}", tool.text("r.md"));
    // Her state is under the key as her fields are.
    let key = tool.ok("breach radius --vault v --key 1").text();
    assert!(
        key.contains("\n2 data subjects, 2 fields of them") && key.contains("done: show-consents: 1"),
        "{key}"
    );
}

#[test]
fn what_was_done_for_no_purpose_is_not_said_to_be_for_nobody() {
    let tool = ready();
    let all = tool.ok("breach radius --vault v --json j").text();
    assert!(all.contains("by nobody named: 2\nfor no purpose named: 2\n"), "{all}");
    assert_eq!(tool.json("j")["purposes"][0]["name"], "no purpose named");
}
