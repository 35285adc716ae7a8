//! What an approver is shown, and that an approval is good for that alone.

mod tool;

use cloakroom::crypto::sign::SigningKey;
use cloakroom::duties::Request;
use cloakroom::name::Principal;
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
    let checked = tool.ok("policy check next.toml").text();
    let hash = checked.lines().find_map(|line| line.strip_prefix("rules SHA-256 ")).unwrap().to_owned();
    assert!(hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{checked}");
    let install = "policy install next.toml --vault v --principal root";
    let refused = tool.run(&format!("{install} --request r.json"));
    assert!(refused.err.contains(&hash), "{}", refused.err);
    assert!(tool.text("r.json").contains(&format!("\"target\": \"{hash}\"")));
    let approved = tool.ok("approve r.json --key bob.key --principal bob -o a.json");
    assert!(approved.err.contains(&hash), "{}", approved.err);
    tool.ok(&format!("{install} --approval a.json"));
    assert!(tool.ok("policy installed --vault v").text().contains(&hash));
    // It is of the rules and not of the file; other rules have another.
    tool.write("same.toml", format!("# a comment\n{}", policy(&tool, "2")));
    assert!(tool.ok("policy check same.toml").text().contains(&hash));
    assert!(!tool.ok("policy check policy.toml").text().contains(&hash));
    let without =
        policy(&tool, "2").split("[purpose").next().unwrap().replace("purposes = [\"support\"]", "");
    tool.write("none.toml", without);
    assert!(!tool.ok("policy check none.toml").text().contains("SHA-256"), "nothing is installed by it");
}

const ROWS: &str = "id,email,card\n1,a@example.org,4111111111111111\n2,b@example.org,5500005555555559\n";

/// Protects rows in the vault as the file of this name; its SHA-256, as the vault knows it.
fn protect(tool: &Tool, name: &str, rows: &str) -> String {
    let known = || -> Vec<String> {
        let list = tool.ok("files list --vault v").text();
        list.lines().filter_map(|line| Some(line.split_once("  made ")?.0.to_owned())).collect()
    };
    let before = known();
    tool.write("in.csv", rows);
    tool.ok(&format!("protect in.csv --policy policy.toml --vault v -o {name}"));
    known().into_iter().find(|hash| !before.contains(hash)).unwrap()
}

fn reveal(file: &str) -> String {
    format!("reveal {file} --vault v -o out.csv --principal alice --purpose support")
}

/// Has Bob approve what a command was refused for.
fn approved(tool: &Tool, line: &str, name: &str) -> Ran {
    let refused = tool.run(&format!("{line} --request {name}.r"));
    assert_eq!(refused.exit, Some(4), "{}", refused.err);
    let approved = tool.ok(&format!("approve {name}.r --key bob.key --principal bob -o {name}"));
    assert_eq!(refused.err.matches("SHA-256").count(), approved.err.matches("SHA-256").count());
    approved
}

// SPEC: EYES-12
#[test]
fn an_approval_of_one_file_is_good_for_no_other_and_the_approver_sees_which() {
    let tool = with_rules();
    let (p, q) = (protect(&tool, "p", ROWS), protect(&tool, "q", &ROWS.replace("@example", "@elsewhere")));
    protect(&tool, "long", &format!("{ROWS}3,c@example.org,4012888888881881\n"));
    let shown = approved(&tool, &reveal("p"), "a.json");
    let target = format!("bulk-reveal of 4 fields of acme for support in the file with SHA-256 {p}");
    assert!(shown.err.contains(&target), "{}", shown.err);
    assert!(tool.text("a.json.r").contains(&p) && !tool.text("a.json.r").contains(&q));
    // Of as many values, or of more; its manifest beside it, or that of the file that was approved.
    for line in ["q", "long", "q --manifest p.manifest.json --changed"] {
        let line = format!("{} --approval a.json", reveal(line));
        tool.fails(4, &line, "is not of this file");
    }
    // The manifest of another file, without saying that it was changed.
    tool.fails(
        4,
        &format!("{} --manifest q.manifest.json --approval a.json", reveal("p")),
        "is another file's",
    );
    // Standard output would have values before the file is read whole, and known to be the one.
    let ran = tool.fails(
        2,
        &format!("{} --approval a.json", reveal("p").replace("out.csv", "-")),
        "must be a file",
    );
    assert!(ran.out.is_empty());
    // None of that used it up.
    tool.ok(&format!("{} --approval a.json", reveal("p")));
    assert_eq!(tool.text("out.csv"), ROWS);
    std::fs::remove_file(tool.path("out.csv")).unwrap();
    tool.fails(4, &format!("{} --approval a.json", reveal("p")), "used already");
    let log = tool.ok("log --vault v --audit").text();
    assert!(log.contains("bulk-reveal approved by bob"), "{log}");
    tool.clean();
}

// SPEC: EYES-12
#[test]
fn a_file_that_was_changed_since_it_was_approved_is_another() {
    let tool = with_rules();
    protect(&tool, "p", ROWS);
    let all = tool.text("p");
    let first: String = all.lines().take(2).map(|line| format!("{line}\n")).collect();
    tool.write("part", &first);
    let part = format!("{} --manifest p.manifest.json --changed", reveal("part"));
    approved(&tool, &part, "a.json");
    tool.write("part", &all);
    tool.fails(4, &format!("{part} --approval a.json"), "is not of this file");
    tool.write("part", &first);
    tool.ok(&format!("{part} --approval a.json"));
    assert_eq!(tool.text("out.csv").lines().count(), 2);
}

// SPEC: EYES-12
#[test]
fn an_approval_names_one_file_so_it_is_for_none_that_comes_through_a_pipe() {
    let tool = with_rules();
    protect(&tool, "p", ROWS);
    let piped = format!("{} --manifest p.manifest.json", reveal("-"));
    tool.fails_with(2, &format!("{piped} --request r.json"), &tool.read("p"), "must be named");
    approved(&tool, &reveal("p"), "a.json");
    tool.fails_with(2, &format!("{piped} --approval a.json"), &tool.read("p"), "must be named");
    #[cfg(unix)]
    tool.fails_with(
        2,
        &format!("{} --manifest p.manifest.json --approval a.json", reveal("/dev/stdin")),
        &tool.read("p"),
        "be a file and no pipe",
    );
    tool.ok(&format!("{} --approval a.json", reveal("p")));
}

// SPEC: EYES-12
#[test]
fn asking_for_an_approval_shows_nothing_and_costs_nothing_of_a_budget() {
    let tool = with_rules();
    protect(&tool, "p", ROWS);
    let shown = || tool.ok("log --vault v --audit").text().matches("reveal").count();
    let before = shown();
    approved(&tool, &reveal("p"), "a.json");
    assert_eq!(shown(), before);
    assert!(!tool.exists("out.csv"));
}

// SPEC: EYES-3, EYES-12
#[test]
fn an_approval_of_a_file_expires() {
    let tool = with_rules();
    protect(&tool, "p", ROWS);
    let refused = tool.run(&format!("{} --request r.json", reveal("p")));
    assert_eq!(refused.exit, Some(4), "{}", refused.err);
    let request = tool.text("r.json");
    let (before, after) = request.split_once("\"expires\": \"").unwrap();
    tool.write(
        "r.json",
        format!("{before}\"expires\": \"2026-01-01T00:00:00Z{}", after.split_once('Z').unwrap().1),
    );
    tool.fails(4, "approve r.json --key bob.key --principal bob -o a.json", "the request has expired");
    // Signed all the same, by who does not ask the clock.
    let key = SigningKey::from_text(tool.text("bob.key").trim()).unwrap();
    let request = Request::parse(&tool.text("r.json")).unwrap();
    tool.write("a.json", request.approve(Principal::new("bob").unwrap(), &key).to_json());
    tool.fails(4, &format!("{} --approval a.json", reveal("p")), "has expired: make a new request");
}
