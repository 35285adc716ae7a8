//! Random tokens, blind indexes and `find` on the command line.

mod tool;

use std::collections::BTreeSet;
use tool::{Ran, Tool, readme_commands};

fn lines(ran: Ran) -> Vec<String> {
    ran.text().lines().map(str::to_owned).collect()
}

/// The lines that a command answers these with; it succeeds.
#[track_caller]
fn answers(tool: &Tool, line: &str, input: &str) -> Vec<String> {
    lines(tool.run_with(line, input.as_bytes()).with_exit(line, 0))
}

/// Not to be understood at all: the command's usage says so, over several lines.
#[track_caller]
fn misused(tool: &Tool, line: &str, text: &str) {
    let ran = tool.run(line).with_exit(line, 2);
    assert!(ran.err.contains(text), "{text:?} is not in {:?}", ran.err);
}

const OF: &str = "--vault v --tenant acme --field pin";

#[test]
fn tokens_are_issued_redeemed_and_deleted_in_order() {
    let tool = Tool::with_vault();
    let values: Vec<String> = (0..2_500).map(|i| format!("{i:06}")).collect();
    let input = format!("{}\n", values.join("\n"));
    let tokens = answers(&tool, &format!("token issue {OF} --format digits"), &input);
    assert_eq!(tokens.len(), values.len());
    assert_eq!(tokens.iter().collect::<BTreeSet<_>>().len(), values.len());
    assert!(tokens.iter().all(|t| t.len() == 6 && t.bytes().all(|b| b.is_ascii_digit())));
    assert_eq!(answers(&tool, &format!("token issue {OF} --format digits"), &input), tokens);
    // The tenant is the only one now; the last line may lack its end, and others may end as on Windows.
    let redeem = "token redeem --vault v --field pin";
    assert_eq!(answers(&tool, redeem, &tokens.join("\r\n")), values);
    let delete = format!("token delete {OF}");
    assert_eq!(answers(&tool, &delete, &tokens[..2].join("\n")), ["deleted", "deleted"]);
    let ran = tool.run_with(redeem, tokens[..3].join("\n").as_bytes()).with_exit(redeem, 1);
    assert!(ran.err.starts_with("line 1: the token was not found"), "{}", ran.err);
    assert!(ran.err.lines().nth(1).unwrap().starts_with("line 2: "), "{}", ran.err);
    assert_eq!(lines(ran), ["", "", &values[2]]);
    let ran = tool.run_with(&delete, tokens[0].as_bytes()).with_exit(&delete, 1);
    assert_eq!(lines(ran), [""]);
    tool.clean();
}

#[test]
fn a_line_that_fails_costs_no_other_and_is_not_repeated() {
    let tool = Tool::with_vault();
    let line = format!("token issue {OF} --format digits");
    let long = "9".repeat(70_000);
    let input = [b"1234\n\nse-cret\n".as_slice(), b"\xff\xfe\n", long.as_bytes(), b"\n5678\n"].concat();
    let ran = tool.run_with(&line, &input).with_exit(&line, 1);
    let reasons: Vec<&str> = ran.err.lines().collect();
    assert_eq!(reasons.len(), 4, "{}", ran.err);
    for (reason, number) in reasons.iter().zip([2, 3, 4, 5]) {
        assert!(reason.starts_with(&format!("line {number}: ")), "{reason}");
    }
    assert!(!ran.err.contains("cret") && !ran.err.contains("999"), "{}", ran.err);
    let tokens = lines(ran);
    assert_eq!(tokens.iter().map(|t| t.len()).collect::<Vec<_>>(), [4, 0, 0, 0, 0, 4]);
    assert_eq!(lines(tool.run(&line)), [""; 0]);
}

#[test]
fn tokens_are_as_the_options_say() {
    let tool = Tool::with_vault();
    for (spelling, length) in [("base64url", 22), ("hex", 32), ("uuid", 36), ("crockford", 26)] {
        let issued =
            answers(&tool, &format!("token issue {OF} --opaque {spelling}"), &format!("{spelling}\n"));
        assert_eq!(issued[0].len(), length, "{issued:?}");
    }
    let fresh = answers(&tool, &format!("token issue {OF} --opaque hex --fresh"), "a\na\n");
    assert_ne!(fresh[0], fresh[1]);
    let once = answers(&tool, &format!("token issue {OF} --opaque hex --once"), "b\n");
    let redeem = format!("token redeem {OF}");
    assert_eq!(answers(&tool, &redeem, &once[0]), ["b"]);
    let ran = tool.run_with(&redeem, once[0].as_bytes()).with_exit(&redeem, 1);
    assert!(ran.err.contains("not found"), "{}", ran.err);
    let card = answers(&tool, &format!("token issue {OF}2 --format card"), "4111 1111 1111 1111\n");
    assert_eq!(card[0].len(), 19);

    let lasting = answers(&tool, &format!("token issue {OF} --opaque hex --lasting 1s"), "c\n");
    assert_eq!(answers(&tool, &format!("token issue {OF} --opaque hex --lasting 30d"), "d\n").len(), 1);
    std::thread::sleep(std::time::Duration::from_millis(2_100));
    let ran = tool.run_with(&redeem, lasting[0].as_bytes()).with_exit(&redeem, 1);
    assert!(ran.err.starts_with("line 1: the token ended at "), "{}", ran.err);
    assert_eq!(tool.ok("token purge --vault v").err, "deleted 1 tokens whose time is over\n");
    tool.clean();

    misused(&tool, &format!("token issue {OF}"), "required");
    misused(&tool, &format!("token issue {OF} --opaque hex --format digits"), "cannot be used with");
    misused(&tool, &format!("token issue {OF} --opaque int63"), "possible values");
    tool.fails(2, &format!("token issue {OF} --format nonsense"), "format");
    tool.fails(2, &format!("token issue {OF} --opaque hex --lasting 0s"), "lifetime");
    misused(&tool, &format!("token issue {OF} --opaque hex --lasting 1y"), "30d");
    misused(&tool, "token issue --vault v --field pin", "required");
}

#[test]
fn a_space_that_fills_up_is_warned_of_once_at_each_step() {
    let tool = Tool::with_vault();
    let line = format!("token issue {OF} --format digits");
    let input: String = (0..100).map(|i| format!("{i:02}\n")).collect();
    let ran = tool.run_with(&line, input.as_bytes()).with_exit(&line, 0);
    let warnings: Vec<&str> = ran.err.lines().collect();
    assert_eq!(warnings.len(), 2, "{}", ran.err);
    assert!(warnings[0].starts_with("warning: 50 % of the tokens that look like line 50's value are taken"));
    assert!(warnings[1].starts_with("warning: 90 % of the tokens that look like line 90's value are taken"));
    assert_eq!(lines(ran).iter().collect::<BTreeSet<_>>().len(), 100);
    let line = format!("{line} --fresh");
    let ran = tool.run_with(&line, b"00\n123\n").with_exit(&line, 1);
    assert!(ran.err.starts_with("line 1: 100 of the 100 tokens"), "{}", ran.err);
}

#[test]
fn a_subject_is_erased_with_her_tokens_and_index_entries() {
    let tool = Tool::with_vault();
    tool.write("p.toml", POLICY);
    tool.write("in.csv", "id,name,email\nann,Ann,Ann@Example.com\nbob,Bob,bob@example.com\n");
    tool.ok("protect in.csv --policy p.toml --vault v -o out.csv");
    tool.ok("index define mail --vault v --field email:email --bits 16");
    tool.ok("migrate --vault v");
    let line = "token issue --vault v --field pin --opaque hex --subject";
    let hers = answers(&tool, &format!("{line} ann"), "1\n2\n");
    let his = answers(&tool, &format!("{line} -"), "bob\n3\n");
    assert_eq!((hers.len(), his.len()), (2, 1));
    let ran = tool.run(&format!("{line} -"));
    assert_eq!(ran.exit, Some(3), "{}", ran.err);
    let ran = tool.ok("subject erase ann --vault v");
    assert!(
        ran.err
            .starts_with("erased: her key, 1 records, 2 sealed fields, 2 random tokens, 1 index entries\n"),
        "{}",
        ran.err
    );
    let redeem = "token redeem --vault v --field pin";
    let ran = tool.run_with(redeem, format!("{}\n{}\n", hers[0], his[0]).as_bytes()).with_exit(redeem, 1);
    assert_eq!(lines(ran), ["", "3"]);
    assert_eq!(answers(&tool, "find mail --vault v", "ann@example.com\n"), ["[]"]);
    tool.clean();
    tool.fails(3, "subject erase ann --vault v", "not found");
}

const POLICY: &str = r#"
version = 1
tenant = "acme"
subject = "id"
[field.id]
protect = "pseudonym"
scope = "x"
[field.name]
protect = "seal"
[field.email]
protect = "seal"
"#;

#[test]
fn subjects_are_found_by_sealed_values() {
    let tool = Tool::with_vault();
    tool.write("p.toml", POLICY);
    let rows: String = (0..50).map(|i| format!("{i},Name {},user{i}@example.com\n", i % 5)).collect();
    tool.write("in.csv", format!("id,name,email\n{rows}"));
    let ran = tool.ok("index define early --vault v --tenant acme --field name --bits 8");
    assert_eq!(ran.err, "index \"early\" is defined for tenant \"acme\"\n");
    tool.ok("protect in.csv --policy p.toml --vault v -o out.csv");
    let early: Vec<String> =
        serde_json::from_str(&answers(&tool, "find early --vault v", "Name 3\n")[0]).unwrap();
    assert_eq!(early.iter().collect::<BTreeSet<_>>().len(), 10);
    assert!(early.iter().all(|id| id.parse::<u32>().unwrap() % 5 == 3));

    let ran = tool.ok("index define both --vault v --field name:text --field email:email --bits 17");
    assert!(ran.err.contains("run `cloakroom migrate`"), "{}", ran.err);
    tool.fails_with(2, "find both --vault v", b"name 7\nx@y\n", "cloakroom migrate");
    let list = lines(tool.ok("index list --vault v"));
    assert_eq!(
        list,
        [
            "both  17 bits  name:text, email:email  to be built by `cloakroom migrate`",
            "early  8 bits  name:none  complete"
        ]
    );
    let ran = tool.ok("migrate --vault v");
    assert!(ran.err.contains("index entries"), "{}", ran.err);
    let find = |input: &str| answers(&tool, "find both --vault v", input);
    assert_eq!(find("NAME 2\nUser7@Example.COM\n"), ["[\"7\"]"]);
    assert_eq!(find("name 1\nuser7@example.com"), ["[]"]);
    tool.ok("rotate --vault v");
    assert_eq!(find("name 2\nuser7@example.com"), ["[\"7\"]"]);
    tool.ok("migrate --vault v");
    assert_eq!(find("name 2\nuser7@example.com"), ["[\"7\"]"]);

    tool.fails_with(2, "find both --vault v", b"name 2\n", "value");
    tool.fails_with(3, "find both --vault v", b"name 2\nnothing\n", "e-mail");
    tool.fails_with(3, "find none --vault v", b"x\n", "blind index was not found");
    tool.fails(2, "index define both --vault v --field name --bits 17", "drop it first");
    tool.fails(2, "index define x --vault v --field name:upper --bits 17", "none, text, email or digits");
    tool.fails(2, "index define x --vault v --field name --bits 7", "7 bits");
    misused(&tool, "index define x --vault v --bits 17", "required");
    let ran = tool.ok("index drop both --vault v");
    assert!(ran.err.contains("run `cloakroom migrate` to remove its entries"), "{}", ran.err);
    tool.fails_with(3, "find both --vault v", b"name 2\nuser7@example.com", "not found");
    tool.fails(3, "index drop both --vault v", "not found");
    tool.ok("migrate --vault v");
    assert!(!tool.census().iter().any(|line| line.contains("both")));
    tool.clean();
}

#[test]
fn the_commands_of_the_readme_do_what_it_says() {
    let tool = Tool::new();
    tool.ok("init customers.vault");
    tool.write("p.toml", POLICY);
    tool.write("in.csv", "id,name,email\nann,Ann,Ann@Example.com\nbob,Bob,bob@example.com\n");
    tool.ok("protect in.csv --policy p.toml --vault customers.vault -o out.csv");
    let ran = tool.shell(&readme_commands("### Random tokens")).with_exit("tokens", 0);
    assert_eq!(lines(ran), ["4711", "0815"]);
    assert!(tool.text("tokens").lines().all(|token| token.len() == 4));
    let ran = tool.shell(&readme_commands("In a vault the index is kept for you")).with_exit("find", 0);
    assert_eq!(lines(ran), ["[\"ann\"]"]);
}

#[test]
fn no_value_is_in_the_vault_or_in_a_message() {
    const SECRET: &str = "plantedSecret-5318";
    let tool = Tool::with_vault();
    let line = format!("token issue {OF} --opaque hex");
    let token = answers(&tool, &line, &format!("{SECRET}\n"));
    let refused = format!("token issue {OF}2 --format digits");
    let ran = tool.run_with(&refused, format!("{SECRET}\n").as_bytes()).with_exit(&refused, 1);
    assert!(!ran.err.contains("planted") && !ran.err.contains("5318"), "{}", ran.err);
    let redeem = format!("token redeem {OF}");
    let ran = tool.run_with(&redeem, format!("{SECRET}\n").as_bytes()).with_exit(&redeem, 1);
    assert!(!ran.err.contains("planted"), "{}", ran.err);
    let ran = tool.run_with("find none --vault v", format!("{SECRET}\n").as_bytes());
    assert!(!ran.err.contains("planted"), "{}", ran.err);
    for secret in [SECRET, &token[0]] {
        let ran = tool.shell(&format!("grep -r -c -a -F '{secret}' v | grep -v ':0$'"));
        assert_eq!(ran.text(), "", "in a file of the vault");
    }
}

const RULED: &str = r#"
version = 1
tenant = "acme"
subject = "id"

[field.id]
protect = "keep"

[field.email]
protect = "seal"
index = 17
purposes = ["support"]

[field.pin]
protect = "random-token"
format = "digits"
purposes = ["support"]

[purpose.support]
basis = "contract"

[role.agent]
purposes = ["support"]
reveal = { email = "full", pin = "mask 0+1" }

[role.clerk]
purposes = ["support"]
reveal = { pin = "full" }

[principal.alice]
roles = ["agent"]

[principal.carl]
roles = ["clerk"]
"#;

// SPEC: LOG-12
#[test]
fn under_rules_a_principal_redeems_and_finds_what_a_purpose_shows() {
    let tool = Tool::with_protected(RULED, "id,email,pin\n1,a@example.org,471100\n2,b@example.org,471101\n");
    let token = tool.text("one.csv").lines().nth(1).unwrap().rsplit(',').next().unwrap().to_owned();
    let redeem = "token redeem --vault v --field pin";
    let find = "find email --vault v";
    assert_eq!(answers(&tool, redeem, &token), ["471100"]);
    tool.ok("policy install p.toml --vault v");
    let refused = tool.run_with(redeem, token.as_bytes()).with_exit(redeem, 1);
    assert!(refused.err.contains("name a principal and a purpose"), "{}", refused.err);
    tool.fails_with(4, find, b"a@example.org\n", "name a principal and a purpose");
    tool.fails_with(2, &format!("{find} --principal alice"), b"a@example.org\n", "--purpose");
    let by = |who: &str, line: &str| format!("{line} --principal {who} --purpose support");
    assert_eq!(answers(&tool, &by("alice", redeem), &token), ["*****0"]);
    assert_eq!(answers(&tool, &by("carl", redeem), &token), ["471100"]);
    assert_eq!(answers(&tool, &by("alice", find), "A@example.org\n"), [r#"[]"#], "as it is written alone");
    assert_eq!(answers(&tool, &by("alice", find), "a@example.org\n"), [r#"["1"]"#]);
    tool.fails_with(4, &by("carl", find), b"a@example.org\n", "no role of the principal");
    tool.clean();
}
