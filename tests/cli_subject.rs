//! The tool and the rights of data subjects: consents, restriction, holds, exports.

mod tool;

use cloakroom::crypto::sign::SigningKey;
use cloakroom::duties::Request;
use cloakroom::name::Principal;
use cloakroom::policy::Policy;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use tool::Tool;

const POLICY: &str = r#"
version = 1
tenant = "acme"
subject = "id"
[field.id]
protect = "keep"
[field.email]
protect = "seal"
category = "contact"
purposes = ["news", "access"]
retention = "2y"
[field.phone]
protect = "seal"
purposes = ["access"]
[purpose.news]
basis = "consent"
[purpose.access]
basis = "legal-obligation"
despite_restriction = true
[role.desk]
purposes = ["access", "news"]
[role.desk.reveal]
email = "full"
phone = "mask 0+2"
[principal.dora]
roles = ["desk"]
"#;

/// A vault with Ann (7) and Bob (8), without rules in force.
fn tool() -> Tool {
    let tool = Tool::with_vault();
    tool.write("p.toml", POLICY);
    tool.write("in.csv", "id,email,phone\n7,ann@example.com,5550199\n8,bob@example.com,5550100\n");
    tool.ok("protect in.csv --policy p.toml --vault v -o safe.csv");
    tool
}

/// Puts the policy's rules in force.
fn with_rules(tool: &Tool) {
    install(tool, POLICY);
}

fn install(tool: &Tool, policy: &str) {
    let vault = tool.vault();
    let rules = Policy::parse(policy).unwrap().rules().clone();
    vault.admin(Principal::new("root").unwrap()).set_rules(rules, None).unwrap();
}

#[test]
fn consents_are_granted_withdrawn_and_shown() {
    let tool = tool();
    let ran = tool.ok(
        "consent grant 7 news --vault v --at 2026-01-02T10:00:00+02:00 --expires 2099-01-01 --source web --wording v3 --reason ticket-9",
    );
    assert_eq!(ran.err.lines().next(), Some("subject: the consent is recorded"));
    assert!(ran.err.contains("no rules"), "who has none is told that it stops nobody: {}", ran.err);
    let again = "consent grant 7 news --vault v --at 2026-01-02T08:00:00Z --expires 2099-01-01 --source web --wording v3";
    assert!(tool.ok(again).err.contains("nothing is changed"));
    let shown = tool.ok("consent show 7 --vault v").json();
    assert_eq!(shown["status"]["news"], "granted");
    assert_eq!(shown["history"][0]["at"], "2026-01-02T08:00:00Z");
    assert_eq!(shown["history"][0]["wording"], "v3");
    let ran = tool.run_with("consent withdraw - news --vault v", b" 7 \n");
    assert_eq!((ran.exit, ran.err.lines().next()), (Some(0), Some("subject: the withdrawal is recorded")));
    let shown = tool.ok("consent show 7 --vault v").json();
    assert_eq!(
        (&shown["status"]["news"], shown["history"].as_array().unwrap().len()),
        (&"withdrawn".into(), 2)
    );
    assert_eq!(tool.ok("consent show 8 --vault v").json()["history"], Value::Array(vec![]));
    let seen = tool.ok("subject show 7 --vault v").json()["seen"].to_string();
    assert!(seen.contains("consents to news; ticket-9"), "{seen}");
    tool.clean();
}

#[test]
fn a_file_of_consents_is_taken_in_and_again_changes_nothing() {
    let tool = tool();
    with_rules(&tool);
    tool.write(
        "c.csv",
        "subject,purpose,event,at,expires\n\
         7,news,granted,2026-01-02T10:00:00+02:00,\n\
         99,news,granted,2026-01-02,\n\
         8,fun,granted,2026-01-02,\n\
         8,news,granted,2026-01-02T10:00:00,\n\
         8,news,granted,2099-01-02,\n\
         8,news,granted,2026-01-02,2026-01-01\n\
         8,news,withdrawn,2026-01-03,\n",
    );
    let ran = tool.run("consent import c.csv --vault v --principal dora").with_exit("import", 1);
    let lines: Vec<&str> = ran.err.lines().collect();
    assert_eq!(lines.len(), 6, "{}", ran.err);
    for says in [
        "line 3, column \"subject\": is nobody",
        "line 4, column \"purpose\": is none of the rules",
        "line 5, column \"at\": has no offset",
        "line 6, column \"at\": is in the future",
        "line 7, column \"expires\": is not after",
        "consents: 2 new, 0 known already, 5 rows refused",
    ] {
        assert!(ran.err.contains(says), "{says}: {}", ran.err);
    }
    let again = tool.run_with("consent import - --vault v --principal dora", &tool.read("c.csv"));
    assert!(again.err.contains("consents: 0 new, 2 known already, 5 rows refused"), "{}", again.err);
    tool.write("d.csv", "subject;purpose;event;at\n7;news;granted;2026-02-02\n");
    assert!(
        tool.ok("consent import d.csv --vault v --principal dora --delimiter ;")
            .err
            .contains("1 new, 0 known")
    );
    tool.fails(3, "consent import in.csv --vault v --principal dora", "whose column 1 is none of subject");
    assert_eq!(tool.ok("consent show 8 --vault v").json()["status"]["news"], "withdrawn");
    tool.clean();
}

#[test]
fn restriction_holds_objections_and_canaries_are_set_and_taken_back() {
    let tool = tool();
    for (line, says, again) in [
        ("restrict 7 --reason contested", "restricted", "is restricted already"),
        ("hold 7 case-4", "on hold", "is on hold for that already"),
        ("object 7 news", "the objection is recorded", "objects already"),
        ("canary 7 on", "is a canary now", "is a canary already"),
    ] {
        let said = tool.ok(&format!("subject {line} --vault v")).err;
        assert_eq!(said.lines().next(), Some(&*format!("subject: {says}")));
        assert!(tool.ok(&format!("subject {line} --vault v")).err.contains(again));
    }
    let shown = tool.ok("subject show 7 --vault v").json();
    assert_eq!(shown["restriction"]["reason"], "contested");
    assert_eq!(
        (&shown["holds"][0]["name"], &shown["objections"][0]["purpose"]),
        (&"case-4".into(), &"news".into())
    );
    assert_eq!(shown["canary"], true);
    assert!(tool.ok("subject show 7 --vault v --principal p --purpose news").json().get("canary").is_none());
    for line in ["lift 7", "release 7 case-4", "retract 7 news", "canary 7 off"] {
        assert!(!tool.ok(&format!("subject {line} --vault v")).err.contains("nothing is changed"), "{line}");
        assert!(tool.ok(&format!("subject {line} --vault v")).err.contains("nothing is changed"), "{line}");
    }
    tool.fails(2, "subject restrict 7 --vault v", "--reason: is needed");
    tool.clean();
}

#[test]
fn what_is_held_is_shown_with_where_why_and_who_saw_it() {
    let tool = tool();
    let free = tool.ok("subject show 7 --vault v").json();
    assert_eq!(free["records"][0]["email"], "ann@example.com");
    with_rules(&tool);
    tool.fails(4, "subject show 7 --vault v", "no-principal");
    tool.fails(2, "subject show 7 --vault v --principal dora", "--purpose: is needed");
    tool.fails(4, "subject show 7 --vault v --principal eve --purpose access", "principal-unknown");
    let line = "subject show 7 --vault v --principal dora --purpose access --reason ticket-9";
    let shown = tool.ok(line).json();
    assert_eq!(shown["records"][0]["email"], "ann@example.com");
    let held: Vec<&Value> =
        shown["held"].as_array().unwrap().iter().flat_map(|r| r["fields"].as_array().unwrap()).collect();
    let [email, phone] = [held[0], held[1]];
    assert_eq!((&email["shown"], &email["category"]), (&"full".into(), &"contact".into()));
    assert_eq!(email["purposes"][1]["basis"], "consent");
    assert!(email["kept_until"].as_str().unwrap().ends_with('Z'));
    assert_eq!((&phone["shown"], &phone["kept_until"]), (&"masked".into(), &Value::Null));
    let files = shown["files"].as_array().unwrap();
    assert_eq!(files.len(), 1);
    assert!(files[0]["may_hold"].to_string().contains("reference in files"), "{}", files[0]);

    let mut with_variables = tool.command("subject show 7 --vault v");
    with_variables.env("CLOAKROOM_PRINCIPAL", "dora").env("CLOAKROOM_PURPOSE", "news");
    let shown: Value = serde_json::from_slice(&with_variables.output().unwrap().stdout).unwrap();
    assert_eq!(shown["records"][0]["email"], Value::Null);
    assert_eq!(shown["held"][0]["fields"][0]["reason"], "consent-none");
    let seen = shown["seen"].as_array().unwrap();
    let reveal = seen.iter().find(|s| s["kind"] == "reveal" && s["decision"] == "full").unwrap();
    assert_eq!((&reveal["principal"], &reveal["purpose"]), (&"dora".into(), &"access".into()));
    assert_eq!((&reveal["fields"][0], &reveal["because"][0]), (&"email".into(), &"ticket-9".into()));
    tool.clean();
}

#[test]
fn a_value_is_rectified_from_standard_input() {
    let tool = tool();
    let ran = tool.run_with("subject rectify 7 email --vault v", b"new@example.com\n");
    assert!(ran.exit == Some(0) && ran.err.starts_with("rectified in 1 records\n"), "{}", ran.err);
    let both = tool.run_with("subject rectify - phone --vault v --all", b"8\n5550111\n");
    assert_eq!(both.exit, Some(0), "{}", both.err);
    tool.ok("reveal safe.csv --vault v -o back.csv");
    assert_eq!(
        tool.text("back.csv"),
        "id,email,phone\n7,new@example.com,5550199\n8,bob@example.com,5550111\n"
    );
    tool.fails_with(3, "subject rectify 7 fax --vault v", b"1\n", "was not found");
    tool.fails_with(3, "subject rectify 7 email --vault v", b" \n", "is blank");
    tool.fails_with(3, "subject rectify 7 email --vault v", b"", "is missing on standard input");
    tool.fails_with(3, "subject rectify 7 email --vault v --record 9", b"x\n", "was not found");
    tool.clean();
}

#[test]
fn an_export_goes_to_a_file_or_is_sealed_to_a_key() {
    let tool = tool();
    let export = tool.ok("subject export 7 --vault v").json();
    assert_eq!((&export["format"], &export["subject"]), (&"cloakroom-subject-export".into(), &"7".into()));
    tool.ok("subject export 7 --vault v -o e.json");
    let mode = |name: &str| std::fs::metadata(tool.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("e.json"), tool.json("e.json")["records"].clone()), (0o600, export["records"].clone()));
    tool.fails(2, "subject export 7 --vault v -o e.json", "already exists");

    let public = tool.ok("export keygen secret").text();
    assert!(public.starts_with("cloakroom-export-public-key-1:") && mode("secret") == 0o600);
    tool.fails(2, "export keygen secret", "already exists");
    tool.ok(&format!("subject export 7 --vault v -o sealed --to {public}"));
    assert!(!tool.read("sealed").windows(4).any(|bytes| bytes == b"ann@"));
    let opened = tool.ok("export open sealed --key secret").json();
    assert_eq!(opened["records"], export["records"]);
    tool.ok("export keygen other");
    tool.fails(4, "export open sealed --key other", "rejected");
    tool.fails(5, "export open in.csv --key secret", "sealed export is malformed");
    tool.fails(4, "export open sealed --key in.csv", "does not begin with");
    tool.fails(4, "subject export 7 --vault v --to abc", "does not begin with");
    tool.fails(3, "subject export 99 --vault v", "the subject was not found");
    tool.clean();
}

#[test]
fn an_export_waits_for_an_approval_where_somebody_approves() {
    let tool = tool();
    let bob = SigningKey::generate().unwrap();
    let approver =
        format!("[principal.bob]\nroles = []\nkey = \"{}\"\napproves = true\n", bob.verifying_key());
    install(&tool, &format!("{POLICY}{approver}"));
    let line = "subject export 7 --vault v --principal dora --purpose access";
    tool.fails(4, line, "approval-needed");
    let refused = tool.run(&format!("{line} --request request.json"));
    assert_eq!(refused.exit, Some(4), "{}", refused.err);
    let request = Request::parse(&tool.text("request.json")).unwrap();
    let approval = request.approve(Principal::new("bob").unwrap(), &bob);
    tool.write("approval.json", approval.to_json());
    let of_bob = "subject export 8 --vault v --principal dora --purpose access --approval approval.json";
    tool.fails(4, of_bob, "the approval ");
    assert_eq!(tool.ok(&format!("{line} --approval approval.json")).json()["subject"], "7");
    tool.fails(4, &format!("{line} --approval approval.json"), "was used already");
    tool.fails(2, "subject export 7 --vault v --request more.json", "--principal: is needed");
    tool.clean();
}

#[test]
fn what_cannot_be_is_refused() {
    let tool = tool();
    for line in [
        "consent show 99",
        "consent grant 99 news",
        "consent withdraw 99 news",
        "subject restrict 99 --reason x",
        "subject lift 99",
        "subject hold 99 case",
        "subject release 99 case",
        "subject object 99 news",
        "subject retract 99 news",
        "subject canary 99 on",
    ] {
        tool.fails(3, &format!("{line} --vault v"), "the subject was not found");
    }
    let ran = tool.run("consent grant 7 news --vault v --at 2026-01-02T10:00:00").with_exit("grant", 2);
    assert!(ran.err.contains("has no offset"), "{}", ran.err);
    tool.fails(2, "consent grant 7 news --vault v --at 2099-01-02", "in the future");
    tool.fails(2, "consent grant 7 news --vault v --expires 2020-01-02", "ends before it begins");
    let control = tool.shell("$C subject hold 7 \"$(printf 'a\\001b')\" --vault v");
    assert!(control.exit == Some(2) && control.err.contains("control character"), "{}", control.err);
    let control = tool.shell("$C subject lift 7 --reason \"$(printf 'a\\033[2J')\" --vault v");
    assert!(control.exit == Some(2) && control.err.contains("control character"), "{}", control.err);
    with_rules(&tool);
    tool.fails(2, "consent grant 7 fun --vault v --principal dora", "is none of the rules in force");
    tool.fails(2, "subject object 7 fun --vault v --principal dora", "is none of the rules in force");
    tool.ok("subject erase 7 --vault v --principal dora");
    tool.fails(3, "consent show 7 --vault v", "the subject was not found");
    tool.clean();
}
