//! `breach radius` and `keys compromise` as their users run them.

mod tool;

use serde_json::Value;
use tool::{Tool, readme_commands};

const POLICY: &str = r#"
version = 1
tenant = "acme"
subject = "id"
[field.id]
protect = "keep"
[field.name]
protect = "seal"
[field.email]
protect = "seal"
[field.card]
protect = "token"
format = "digits"
"#;

/// A vault `v` with 20 subjects, and a file `one.csv`.
fn with_file() -> Tool {
    let rows = (0..20).map(|i| format!("s{i},Name {i},n{i}@example.org,4111 1111 1111 1{i:03}\n"));
    Tool::with_protected(POLICY, &format!("id,name,email,card\n{}", rows.collect::<String>()))
}

// SPEC: ACC-1
#[test]
fn the_radius_of_everything_of_a_field_and_of_a_time() {
    let tool = with_file();
    let all = tool
        .ok("breach radius --vault v --json r.json --report r.md --aware 2026-11-25T10:00:00+02:00")
        .text();
    assert!(all.contains("every access\n20 data subjects, 40 fields of them"), "{all}");
    assert!(
        all.contains("field \"email\" of tenant \"acme\" (category not said): 20 data subjects"),
        "{all}"
    );
    let report = tool.json("r.json");
    assert_eq!((report["subjects"].as_u64(), report["records"].as_u64()), (Some(20), Some(40)));
    assert_eq!(report["deadlines"]["notifyBy"], "2026-11-28T08:00:00Z");
    assert_eq!(report["head"]["root"].as_str().map(str::len), Some(64));
    assert!(report.get("subjectIds").is_none());
    assert!(tool.text("r.md").starts_with("# Report of a personal data breach"));
    let one = tool.ok("breach radius --vault v --field email").text();
    assert!(one.contains("20 data subjects, 20 fields of them") && !one.contains("\"name\""), "{one}");
    let long_ago = tool.ok("breach radius --vault v --to 2001-01-01").text();
    assert!(long_ago.contains("0 data subjects"), "{long_ago}");
    let nobody = tool.ok("breach radius --vault v --principal alice --purpose support").text();
    assert!(nobody.starts_with("principal alice, purpose support\n0 data subjects"), "{nobody}");
    tool.ok("reveal one.csv --vault v -o back.csv");
    let after = tool.ok("breach radius --vault v --key 1").text();
    assert!(after.contains("done: reveal: ") && after.contains("under it now: 20 × subject-key"), "{after}");
    tool.ok("check --vault v");
}

// SPEC: ACC-4
#[test]
fn a_list_names_the_subjects_and_only_when_it_is_asked_for() {
    let tool = with_file();
    tool.ok("subject erase s7 --vault v");
    let ran = tool.ok("breach radius --vault v --list --as alice --json r.json");
    let lines = ran.text();
    let listed: Vec<Value> = lines
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(listed.len(), 19);
    assert_eq!(listed[0], serde_json::json!({ "tenant": "acme", "subject": "s0" }));
    assert!(
        ran.err.contains("19 data subjects listed, 0 of them canaries; 1 more were erased"),
        "{}",
        ran.err
    );
    let ids = tool.json("r.json")["subjectIds"].clone();
    assert!(ids.as_array().unwrap().len() == 19 && !ids.to_string().contains("s7"));
    let text = tool.ok("breach radius --vault v --report r.md").text();
    assert!(!text.contains("s0") && !tool.text("r.md").contains("s0"));
}

#[test]
fn what_is_no_time_no_key_version_or_no_approval_is_refused() {
    let tool = with_file();
    tool.fails(2, "breach radius --vault v --from yesterday", "time");
    tool.fails(2, "breach radius --vault v --from 2026-11-25T10:00:00", "offset");
    tool.fails(4, "breach radius --vault v --key 9", "9");
    tool.write("a.json", "{}");
    let ran = tool.run("breach radius --vault v --list --approval a.json");
    assert!(ran.exit != Some(0) && ran.err.contains("the approval cannot be read"), "{}", ran.err);
    tool.fails(7, "breach radius --vault v --list --approval none.json", "none.json");
}

// SPEC: ALARM-3
#[test]
fn compromising_a_version_says_what_is_concerned_who_is_told_and_moves_it_away() {
    let tool = with_file();
    tool.ok("subject erase s7 --vault v");
    let line = "keys compromise 1 --vault v --json --migrate";
    let ran = tool.ok(line);
    for text in [
        "key version 1 is compromised",
        "concerned: 19 data subjects now, 20 since it was made",
        "19 × seal of field \"email\" of tenant \"acme\" (category not said)",
        "72 hours from when it was marked (GDPR Art. 33)",
        "(Art. 34)",
        "key version 2 is the primary now",
        "moved 19 of 19 subjects and tokens",
        "sealed 38 fields anew",
        "`cloakroom migrate --file FILE --despite-state`",
    ] {
        assert!(ran.err.contains(text), "{text:?} is not in {}", ran.err);
    }
    let json = ran.json();
    assert_eq!((json["keyVersion"].as_u64(), json["state"].as_str()), (Some(1), Some("compromised")));
    assert_eq!(json["subjectsNow"], 19);
    assert_eq!(json["files"].as_array().map(Vec::len), Some(1));
    assert!(json["fieldsNow"].as_array().unwrap().iter().any(|f| f["field"] == "email" && f["count"] == 19));
    assert_eq!(json["report"]["subjects"], 20);
    assert_eq!(json["report"]["keys"][0]["state"], "compromised");
    assert!(json["notifyAuthorityBy"].as_str().unwrap().ends_with('Z'));
    let after = tool.ok("breach radius --vault v --key 1").text();
    assert!(after.contains("key version 1 (compromised, exposed)"), "{after}");
    assert!(!after.contains("under it now: 19 × subject-key"), "{after}");
    tool.ok("check --vault v");
}

#[test]
fn a_keyset_file_counts_nothing_and_says_so() {
    let tool = Tool::with_keyset();
    tool.ok("rotate --keyset k");
    tool.fails(2, "keys compromise 1 --keyset k --json", "--json");
    tool.ok("keys compromise 1 --keyset k");
}

#[test]
fn the_walkthrough_of_the_readme_goes_from_the_radius_to_the_migration() {
    let tool = Tool::new();
    tool.ok("init customers.vault");
    tool.write("p.toml", POLICY);
    tool.write("in.csv", "id,name,email,card\ns1,Ann,a@example.org,4111 1111 1111 1234\n");
    tool.ok("protect in.csv --policy p.toml --vault customers.vault -o safe.csv");
    let block = readme_commands("### What a breach touched");
    let ran = tool.shell(&block).with_exit(&block, 0);
    assert!(ran.err.contains("1 data subjects listed") && ran.err.contains("moved 1 of 1"), "{}", ran.err);
    assert!(tool.text("breach.md").contains("principal call-centre-7"));
    assert_eq!(tool.json("compromised.json")["subjectsNow"], 1);
}
