//! What an approver is shown, and that an approval is good for that alone.

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
purposes = ["support"]

[field.card]
protect = "token"
format = "card"
purposes = ["support"]

[purpose.support]
basis = "contract"

[role.agent]
purposes = ["support"]
reveal = { email = "full", card = "full" }

[principal.alice]
roles = ["agent"]

[principal.root]
roles = []

[principal.bob]
roles = []
key = "BOB"
approves = true

[approvals]
bulk = BULK
"#;

fn policy(tool: &Tool, bulk: &str) -> String {
    POLICY.replace("BOB", tool.text("bob.pub").trim()).replace("BULK", bulk)
}

fn out(ran: Ran) -> String {
    String::from_utf8(ran.out).unwrap()
}

/// A vault whose rules let one value an hour be shown without Bob's approval.
fn with_rules() -> Tool {
    let tool = Tool::with_vault();
    tool.write("bob.pub", tool.ok("principal keygen bob.key").out);
    tool.write("policy.toml", policy(&tool, "1"));
    tool.ok("policy install policy.toml --vault v");
    tool
}

// SPEC: EYES-11
#[test]
fn policy_check_says_the_hash_that_a_request_an_approver_and_the_installed_rules_have() {
    let tool = with_rules();
    tool.write("next.toml", policy(&tool, "2"));
    let checked = out(tool.ok("policy check next.toml"));
    let hash = checked.lines().find_map(|line| line.strip_prefix("rules SHA-256 ")).unwrap().to_owned();
    assert!(hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{checked}");
    let install = "policy install next.toml --vault v --principal root";
    let refused = tool.run(&format!("{install} --request r.json"));
    assert!(refused.err.contains(&hash), "{}", refused.err);
    assert!(tool.text("r.json").contains(&format!("\"target\": \"{hash}\"")));
    let approved = tool.ok("approve r.json --key bob.key --principal bob -o a.json");
    assert!(approved.err.contains(&hash), "{}", approved.err);
    tool.ok(&format!("{install} --approval a.json"));
    assert!(out(tool.ok("policy installed --vault v")).contains(&hash));
    // It is of the rules and not of the file; other rules have another.
    tool.write("same.toml", format!("# a comment\n{}", policy(&tool, "2")));
    assert!(out(tool.ok("policy check same.toml")).contains(&hash));
    assert!(!out(tool.ok("policy check policy.toml")).contains(&hash));
    let without =
        policy(&tool, "2").split("[purpose").next().unwrap().replace("purposes = [\"support\"]", "");
    tool.write("none.toml", without);
    assert!(!out(tool.ok("policy check none.toml")).contains("SHA-256"), "nothing is installed by it");
}
