//! `purge`, `subject erase --receipt` and `receipt verify` on the command line.

mod tool;

use cloakroom::duties::{FieldRules, Rules};
use cloakroom::name::{FieldName, Note, SubjectId, TenantId};
use cloakroom::time::Timestamp;
use serde_json::Value;
use tool::Tool;

const DAY: u64 = 86_400;

/// A vault in which `email` is kept for ten days, with records of the first and the second of January 2026 (UTC).
fn tool_with_records() -> Tool {
    let tool = Tool::with_vault();
    let field = |name| FieldName::new(name).unwrap();
    let of = |retention| FieldRules { category: None, purposes: [].into(), retention, special: false };
    let fields = [(field("email"), of(Some(10 * DAY))), (field("name"), of(None))].into();
    let start = Timestamp::parse("2026-01-01").unwrap();
    for (day, who, fields_of) in [(0, "ann", &["email", "name"][..]), (1, "bob", &["email"])] {
        let vault = tool.vault().with_clock(move || Timestamp(start.0 + day * DAY));
        if day == 0 {
            vault.set_rules(Rules { fields: Clone::clone(&fields), ..Rules::default() }).unwrap();
        }
        let names: Vec<_> = fields_of.iter().map(|name| field(name)).collect();
        let fields: Vec<_> = names.iter().map(|name| (name, &b"value"[..])).collect();
        let tenant = vault.tenant(&TenantId::new("acme").unwrap());
        tenant.put(&SubjectId::new(who).unwrap(), &fields).unwrap();
    }
    tool
}

// SPEC: RET-5
#[test]
fn a_date_is_a_day_of_utc_and_a_time_has_its_offset() {
    let tool = tool_with_records();
    let fields = |date: &str| {
        tool.ok(&format!("purge --vault v --as-of {date} --dry-run --json")).json()["fields"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(fields("2026-01-10"), 0);
    assert_eq!(fields("2026-01-11"), 1, "ten days from the first are over as the eleventh begins");
    assert_eq!(fields("2026-01-10T23:59:59Z"), 0);
    // The eleventh begins later in New York, and sooner in Tokyo.
    assert_eq!(fields("2026-01-11T00:00:00+09:00"), 0);
    assert_eq!(fields("2026-01-10T19:00:00-05:00"), 1);
    assert_eq!(fields("2026-01-12"), 2);
    assert_eq!(fields("2999-01-01"), 2, "a dry run may look ahead");
    tool.fails(2, "purge --vault v --as-of 2999-01-01", "is in the future");
    tool.fails(2, "purge --vault v --as-of 2026-01-11T00:00:00", "no offset");
    tool.fails(2, "purge --vault v --as-of yesterday", "time");
    assert_eq!(tool.run("purge --vault v").exit, Some(2));
    tool.clean();
}

// SPEC: RET-3
#[test]
fn a_purge_says_what_it_deleted_as_text_and_as_json() {
    let tool = tool_with_records();
    let ran = tool.ok("purge --vault v --as-of 2026-01-11 --dry-run");
    assert!(
        ran.err.starts_with("would delete 1 fields, 0 records, 0 index entries, 0 subjects"),
        "{}",
        ran.err
    );
    let ran = tool.ok("purge --vault v --as-of 2026-01-11");
    assert!(ran.err.starts_with("deleted 1 fields, 0 records"), "{}", ran.err);
    assert!(ran.err.contains("1 × field \"email\" of tenant \"acme\""), "{}", ran.err);
    tool.clean();
    let purged = tool.ok("purge --vault v --as-of 2026-01-12T00:00:00Z --json").json();
    assert_eq!(purged["as_of"], "2026-01-12T00:00:00Z");
    for (count, expected) in
        [("fields", 1), ("records", 1), ("subjects", 1), ("held_subjects", 0), ("random_tokens", 0)]
    {
        assert_eq!(purged[count], expected, "{count}: {purged}");
    }
    assert_eq!(purged["by_field"][0]["field"], "email");
    assert_eq!(tool.ok("purge --vault v --as-of now --json").json()["fields"], 0);
    assert_eq!(tool.ok("purge --vault v --lost --json").json()["lost_subjects"], 0);
    tool.clean();
}

// SPEC: RET-6, RET-7
#[test]
fn a_receipt_of_an_erasure_verifies_with_the_public_key_alone() {
    let tool = tool_with_records();
    let keys = tool.vault().verifying_keys();
    tool.write("public", format!("{}\n", keys[0].1));
    tool.write("taken", "");
    tool.fails(2, "subject erase ann --vault v --principal dpo --receipt taken", "already exists");
    tool.fails(3, "subject erase nobody --vault v --principal dpo --receipt r", "was not found");
    let ran = tool.ok("subject erase ann --vault v --principal dpo --receipt r --backups-until 2026-12-31");
    assert!(
        ran.err.contains("receipt: r\n") && ran.err.contains("1 records, 2 sealed fields"),
        "{}",
        ran.err
    );
    let text = tool.text("r");
    assert!(!text.contains("ann"), "{text}");
    let receipt: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(receipt["remains"]["backups_until"], Timestamp::parse("2026-12-31").unwrap().0);
    let verify = "receipt verify r --public-key public";
    let out = tool.ok(verify).text();
    assert!(out.ends_with("verified\n") && out.contains("1 records, 2 sealed fields"), "{out}");
    tool.write("r", text.replacen("\"fields\": 2", "\"fields\": 3", 1));
    tool.fails(5, verify, "forged or altered");
    tool.write("r", "{}");
    tool.fails(5, verify, "is no receipt");
    tool.fails(3, "subject erase ann --vault v --principal dpo --receipt again", "was not found");
    tool.ok("subject erase bob --vault v --principal dpo --receipt named --with-id");
    assert!(tool.text("named").contains("\"subject\": \"bob\""));
    tool.clean();
}

// SPEC: RET-4
#[test]
fn a_hold_refuses_an_erasure_and_leaves_no_receipt() {
    let tool = tool_with_records();
    let vault = tool.vault();
    let tenant = vault.tenant(&TenantId::new("acme").unwrap());
    tenant.rights_of(&SubjectId::new("ann").unwrap()).hold(&Note::new("case 4").unwrap()).unwrap();
    drop(vault);
    tool.fails(4, "subject erase ann --vault v --principal dpo --receipt r", "a hold");
    assert!(!tool.exists("r"));
    assert_eq!(tool.ok("purge --vault v --as-of 2026-01-12 --json").json()["held_subjects"], 1);
    tool.clean();
}
