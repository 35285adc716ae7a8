//! Showing and exporting a data subject beyond the number of values that the rules let a principal see in an hour.

mod tool;

use tool::*;

const POLICY: &str = r#"
version = 1
tenant = "acme"
subject = "id"

[field.id]
protect = "keep"

[field.email]
protect = "seal"
purposes = ["access"]

[field.phone]
protect = "seal"
purposes = ["access"]

[purpose.access]
basis = "legal-obligation"

[role.desk]
purposes = ["access"]
reveal = { email = "full", phone = "full" }
BUDGET

[principal.dora]
roles = ["desk"]

[principal.bob]
roles = []
key = "BOB"
approves = true

[approvals]
bulk = 1
"#;

/// A vault `v` with two subjects of two values, whose rules let one value an hour be shown without Bob's approval.
fn with_rules(budget: &str) -> Tool {
    let tool = Tool::new();
    tool.ok("init v");
    tool.write("bob.pub", tool.ok("principal keygen bob.key").out);
    let policy = POLICY.replace("BOB", tool.text("bob.pub").trim()).replace("BUDGET", budget);
    tool.write("p.toml", policy);
    tool.write("in.csv", "id,email,phone\n1,a@example.org,5550199\n2,b@example.org,5550100\n");
    tool.ok("protect in.csv --policy p.toml --vault v -o one.csv");
    tool.ok("policy install p.toml --vault v");
    tool
}

/// Bob's approval of what this command is refused for, in this file.
fn approved(tool: &Tool, line: &str, name: &str) {
    let refused = tool.run(&format!("{line} --request {name}.r"));
    assert_eq!(refused.exit, Some(4), "{}", refused.err);
    tool.ok(&format!("approve {name}.r --key bob.key --principal bob -o {name}"));
}

const WHO: &str = "--vault v --principal dora --purpose access";

// SPEC: EYES-13
#[test]
fn an_approved_export_has_all_of_her_values_though_the_bulk_limit_is_exceeded() {
    let tool = with_rules("");
    let export = format!("subject export 1 {WHO}");
    approved(&tool, &export, "a.json");
    let json = tool.ok(&format!("{export} --approval a.json")).json();
    assert_eq!(json["complete"], true);
    assert_eq!(json["records"][0]["fields"][1]["value"], "5550199");
    tool.fails(4, &format!("{export} --approval a.json"), "was used already");
    // It is of her export alone.
    approved(&tool, &export, "b.json");
    tool.fails(4, &format!("subject export 2 {WHO} --approval b.json"), "is for another target");
    tool.fails(4, &format!("subject show 1 {WHO} --approval b.json"), "is for another action");
    tool.ok(&format!("{export} --approval b.json"));
}

// SPEC: EYES-13
#[test]
fn who_is_shown_beyond_the_bulk_limit_takes_an_approval_of_all_of_hers_and_of_nobody_elses() {
    let tool = with_rules("");
    let show = format!("subject show 1 {WHO}");
    tool.fails(4, &show, "--approval FILE");
    approved(&tool, &show, "a.json");
    assert!(tool.text("a.json.r").contains(" for access\""), "{}", tool.text("a.json.r"));
    tool.fails(4, &format!("subject show 2 {WHO} --approval a.json"), "is for another target");
    let shown = tool.ok(&format!("{show} --approval a.json")).json();
    assert_eq!(shown["records"][0]["email"], "a@example.org");
    tool.fails(4, &format!("{show} --approval a.json"), "was used already");
    let log = tool.ok("log --vault v --audit").text();
    assert!(log.contains("bulk-reveal approved by bob"), "{log}");
    tool.fails(4, "subject show 1 --vault v --approval a.json", "name a principal");
}

// SPEC: EYES-13
#[test]
fn the_budget_of_a_role_counts_for_approved_exports() {
    let tool = with_rules("budget = 1");
    let export = format!("subject export 1 {WHO}");
    approved(&tool, &export, "a.json");
    tool.fails(4, &format!("{export} --approval a.json"), "over-budget");
    let log = tool.ok("log --vault v --audit").text();
    assert!(log.contains("denied: over-budget"), "{log}");
    assert!(!log.contains("export approved by bob"), "what is refused for that uses up nothing: {log}");
}

#[test]
fn who_has_no_business_with_her_is_refused_before_anything_is_shown_and_the_log_says_so() {
    let tool = with_rules("");
    for line in ["show 1", "export 1"] {
        let line = format!("subject {line} --vault v --principal eve --purpose access");
        tool.fails(4, &line, "principal-unknown");
    }
    let log = tool.ok("log --vault v --audit").text();
    assert_eq!(log.matches("denied: principal-unknown").count(), 2, "{log}");
    assert!(!log.contains("seen"), "{log}");
}
