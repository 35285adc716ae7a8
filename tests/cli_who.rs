//! Who changes what is held of a data subject: the log says it, and where there are rules somebody has to be named.

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
purposes = ["news"]

[purpose.news]
basis = "consent"

[role.mailer]
purposes = ["news"]
reveal = { email = "full" }

[principal.mailer]
roles = ["mailer"]
"#;

const CONSENTS: &str = "subject,purpose,event,at\n1,news,granted,2026-01-02\n";

/// Each command that changes something, the leaf that says so, and its standard input.
const CHANGES: [(&str, &str, &str); 13] = [
    ("consent grant 1 news", "consent", ""),
    ("consent withdraw 1 news", "consent", ""),
    ("consent import consents.csv", "import-consents", ""),
    ("subject rectify 1 email", "rectify", "new@example.org\n"),
    ("subject restrict 1 --reason disputed", "restrict", ""),
    ("subject lift 1", "lift", ""),
    ("subject hold 1 case", "hold", ""),
    ("subject release 1 case", "release", ""),
    ("subject object 1 news", "object", ""),
    ("subject retract 1 news", "retract", ""),
    ("subject canary 1 on", "consent", ""),
    ("subject erase 1", "erase", ""),
    ("subject erase 2 --receipt receipt.json", "erase", ""),
];

fn ready() -> Tool {
    let tool = Tool::with_vault();
    tool.write("policy.toml", POLICY);
    tool.write("consents.csv", CONSENTS);
    tool.write("in.csv", "id,email\n1,a@example.org\n2,b@example.org\n");
    tool.ok("protect in.csv --policy policy.toml --vault v -o p");
    tool
}

/// The log, without numbers and times.
fn log(tool: &Tool) -> Vec<String> {
    let log = String::from_utf8(tool.ok("log --vault v --audit").out).unwrap();
    log.lines().map(|line| line.splitn(3, "  ").nth(2).unwrap().to_owned()).collect()
}

// SPEC: LOG-11
#[test]
fn with_rules_nothing_is_changed_in_nobodys_name_and_the_leaf_says_in_whose() {
    let tool = ready();
    tool.ok("policy install policy.toml --vault v");
    for (line, kind, input) in CHANGES {
        let line = format!("{line} --vault v");
        let before = log(&tool);
        tool.fails_with(4, &line, input.as_bytes(), "denied (no-principal)");
        assert_eq!(log(&tool), before, "{line}");
        let ran = tool.run_with(&format!("{line} --principal dpo"), input.as_bytes());
        assert_eq!(ran.exit, Some(0), "{line}: {}", ran.err);
        let new = log(&tool)[before.len()..].to_vec();
        assert!(new.contains(&format!("{kind}  dpo  1 items  ")), "{line}: {new:?}");
    }
    tool.clean();
}

// SPEC: LOG-11
#[test]
fn what_for_is_told_if_it_is_said_and_the_environment_can_say_who() {
    let tool = ready();
    tool.ok("policy install policy.toml --vault v");
    tool.ok("subject restrict 1 --reason disputed --vault v --principal dpo --purpose news");
    assert_eq!(log(&tool).last().unwrap(), "restrict  dpo for news  1 items  ");
    let lift = tool.shell("CLOAKROOM_PRINCIPAL=clerk $C subject lift 1 --vault v");
    assert_eq!(lift.exit, Some(0), "{}", lift.err);
    assert_eq!(log(&tool).last().unwrap(), "lift  clerk  1 items  ");
    tool.fails(2, "subject lift 1 --vault v --purpose news", "--principal: is needed");
    // Whoever is shown something still says what for.
    tool.fails(2, "subject show 1 --vault v --principal mailer", "--purpose: is needed");
}

#[test]
fn without_rules_who_it_is_can_be_said_and_need_not_be() {
    let tool = ready();
    for (who, said) in [("", "-"), (" --principal dpo", "dpo")] {
        tool.ok(&format!("subject restrict 1 --reason disputed --vault v{who}"));
        assert_eq!(*log(&tool).last().unwrap(), format!("restrict  {said}  1 items  "));
        tool.ok("subject lift 1 --vault v");
    }
    tool.ok("subject erase 1 --vault v");
    tool.ok("subject erase 2 --vault v --principal dpo");
    let log = log(&tool);
    assert_eq!(log[log.len() - 2..], ["erase  -  1 items  ", "erase  dpo  1 items  "]);
}
