//! `report`: what it counts is what was done, and nothing in it is anybody's.

mod browser;
mod tool;

use cloakroom::duties::{Access, Rules};
use cloakroom::name::{FieldName, Note, Principal, Purpose, SubjectId, TenantId};
use cloakroom::policy::Policy;
use cloakroom::report::Register;
use cloakroom::time::Timestamp;
use cloakroom::vault::{Grant, RecordId};
use std::path::Path;
use tool::{Tool, readme_commands};

const POLICY: &str = r#"
version = 1
tenant = "acme"
subject = "id"

[register]
controller = "Acme GmbH, Hamburg"
contact = "privacy@acme.example"

[purpose.support]
basis = "contract"
text = "Answering questions"
recipients = ["Call centre Nord"]

[purpose.news]
basis = "consent"

[role.agent]
purposes = ["support", "news"]
budget = 3
[role.agent.reveal]
email = "full"
phone = "mask 0+2"

[principal.alice]
roles = ["agent"]

[field.id]
protect = "pseudonym"
scope = "analytics"

[field.email]
protect = "seal"
index = 12
normalize = "email"
category = "contact"
purposes = ["support", "news"]
retention = "30d"

[field.phone]
protect = "seal"
category = "contact"
purposes = ["support"]

[field.card]
protect = "token"
format = "card"
keep = "6+4"
"#;

const ROWS: &str = "id,email,phone,card\n\
    kunigunde-1,kunigunde@example.org,+49 40 1111,4111 1111 1111 1111\n\
    balthasar-2,balthasar@example.org,+49 40 2222,5555 5555 5555 4444\n\
    walburga-3,walburga@example.org,+49 40 3333,4012 8888 8888 1881\n\
    leopoldine-4,leopoldine@example.org,+49 40 4444,4222 2222 2222 2220\n";
const SUBJECTS: [&str; 4] = ["kunigunde-1", "balthasar-2", "walburga-3", "leopoldine-4"];

fn subject(n: usize) -> SubjectId {
    SubjectId::new(SUBJECTS[n]).unwrap()
}

fn purpose(name: &str) -> Purpose {
    Purpose::new(name).unwrap()
}

fn note(text: &str) -> Note {
    Note::new(text).unwrap()
}

fn acme() -> TenantId {
    TenantId::new("acme").unwrap()
}

fn rules() -> Rules {
    Policy::parse(POLICY).unwrap().rules().clone()
}

/// What the report says of the vault `v`, in both forms.
fn report(tool: &Tool) -> (Register, String) {
    tool.ok("report --vault v --html out.html --json out.json");
    let json = tool.text("out.json");
    let register: Register = serde_json::from_str(&json).unwrap();
    assert_eq!(tool.text("out.html"), register.to_html(), "the page is of the very register");
    (register, json)
}

fn counts(counts: &[cloakroom::report::Count]) -> Vec<(&str, u64)> {
    counts.iter().map(|count| (count.name.as_str(), count.count)).collect()
}

fn renders(page: &Path, figures: &[&str]) {
    let Some(browser) = browser::browser() else { return };
    for measured in browser::measured(browser, page, &[]) {
        assert!(measured.content_width <= measured.width, "{} wide", measured.content_width);
        assert_eq!((measured.scripts, measured.injected, measured.loaded.len()), (0, 0, 0));
        let text = measured.text.replace(['\u{a0}', '\u{202f}'], " ");
        for figure in figures {
            assert!(text.contains(figure), "{figure}: {text}");
        }
    }
}

// SPEC: REPORT-4
#[test]
fn an_empty_vault_has_a_report_and_the_report_a_leaf() {
    let tool = Tool::with_vault();
    let ran = tool.ok("report --vault v --html out.html --json out.json");
    assert_eq!(ran.err, "The controller and its contact are not both given (Art. 30(1)(a)).\n");
    let (register, _) = report(&tool);
    assert_eq!((register.subjects.count, register.fields.len(), register.purposes.len()), (0, 0, 0));
    assert_eq!(counts(&register.audit.leaves), [("create", 1), ("report", 2)]);
    assert_eq!((register.audit.size, register.audit.head.is_some()), (3, true));
    assert_eq!(register.keys.len(), 1);
    assert_eq!((register.keys[0].state.as_str(), register.keys[0].primary), ("active", true));
    renders(&tool.path("out.html"), &["Nothing yet", "to be filled in by the controller"]);
    tool.clean();
}

#[test]
fn it_is_written_somewhere_and_whole_or_not_at_all() {
    let tool = Tool::with_vault();
    let ran = tool.run("report --vault v").with_exit("report", 2);
    assert!(ran.err.contains("--html"), "{}", ran.err);
    let printed = tool.ok("report --vault v --json -");
    let register: Register = serde_json::from_slice(&printed.out).unwrap();
    assert_eq!(counts(&register.audit.leaves), [("create", 1), ("report", 1)]);
    std::fs::create_dir(tool.path("dir")).unwrap();
    tool.fails(2, "report --vault v --json whole.json --html dir", "is no file");
    assert!(!tool.exists("whole.json"));
    tool.write("old.json", "old");
    tool.fails(2, "report --vault nowhere --json old.json", "does not exist");
    assert_eq!(tool.text("old.json"), "old");
}

/// A vault `v` with four subjects, under rules, of whom things are known, and who were looked at.
fn with_history() -> Tool {
    let tool = Tool::with_vault();
    tool.write("p.toml", POLICY);
    tool.write("in.csv", ROWS);
    tool.ok("protect in.csv --policy p.toml --vault v -o out.csv");
    let vault = tool.vault();
    let tenant = vault.tenant(&acme());
    let record = |n: usize| -> RecordId { tenant.records(&subject(n)).unwrap()[0].id };
    let records = [0, 1, 2, 3].map(record);
    vault.admin(Principal::new("root").unwrap()).set_rules(rules(), None).unwrap();

    let grant = |expires| Grant { expires, ..Grant::default() };
    let past = Timestamp(1_000);
    tenant.rights_of(&subject(0)).grant(&purpose("news"), grant(None)).unwrap();
    tenant.rights_of(&subject(1)).grant(&purpose("news"), grant(None)).unwrap();
    tenant.rights_of(&subject(1)).withdraw(&purpose("news"), None, None).unwrap();
    let ended = Grant { at: Some(past), expires: Some(Timestamp(2_000)), ..Grant::default() };
    tenant.rights_of(&subject(2)).grant(&purpose("news"), ended).unwrap();
    tenant.rights_of(&subject(2)).object(&purpose("support")).unwrap();
    tenant.rights_of(&subject(1)).restrict(&note("accuracy contested")).unwrap();
    tenant.rights_of(&subject(2)).hold(&note("case 4/26")).unwrap();
    tenant.rights_of(&subject(0)).canary(true).unwrap();

    let access = |name| Access { principal: Principal::new("alice").unwrap(), purpose: purpose(name) };
    let [email, phone, card] = ["email", "phone", "card"].map(|name| FieldName::new(name).unwrap());
    let support = vault.revealer(&acme(), access("support"));
    support.reveal(records[0], &email).unwrap(); // a canary
    support.reveal(records[0], &phone).unwrap(); // and once more, masked
    support.reveal(records[1], &email).unwrap_err(); // restricted
    support.reveal(records[2], &email).unwrap_err(); // objected
    assert!(support.reveal(records[0], &card).unwrap().is_none(), "it is in files alone");
    let news = vault.revealer(&acme(), access("news"));
    news.reveal(records[3], &email).unwrap_err(); // no consent
    news.reveal(records[0], &email).unwrap();
    support.reveal(records[3], &email).unwrap_err(); // the budget is used up
    assert!(tenant.erase(&subject(3)).unwrap().is_some());
    tool
}

// SPEC: REPORT-3, REPORT-4
#[test]
fn every_count_is_what_was_done() {
    let tool = with_history();
    let (register, _) = report(&tool);
    assert_eq!(register.controller.name, "Acme GmbH, Hamburg");
    assert_eq!(
        (register.controller.contact.as_str(), register.controller.dpo.as_str()),
        ("privacy@acme.example", "")
    );
    assert_eq!(register.tenants, ["acme"]);
    let subjects = &register.subjects;
    assert_eq!((subjects.count, subjects.records), (3, 6));
    assert_eq!((subjects.restricted, subjects.held, subjects.canaries), (1, 1, 1));

    let fields: Vec<_> = register.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(fields, ["card", "email", "phone"]);
    let email = &register.fields[1];
    let modes: Vec<_> = email.modes.iter().map(|m| (m.mode.as_str(), m.version, m.count)).collect();
    assert_eq!(modes, [("seal", 1, 3), ("index", 1, 3)]);
    assert_eq!((email.category.as_str(), email.retention_seconds), ("contact", Some(30 * 86_400)));
    assert_eq!(email.purposes, ["news", "support"]);
    assert!(register.fields[0].modes.is_empty(), "the vault itself has no card");

    let [news, support] = &register.purposes[..] else { panic!("{:?}", register.purposes) };
    assert_eq!((news.basis.as_str(), news.needs_consent), ("Art. 6(1)(a) consent", true));
    let said = news.consents;
    assert_eq!((said.granted, said.withdrawn, said.expired, said.none), (1, 1, 1, 0));
    assert_eq!((support.objections, support.recipients.len(), support.needs_consent), (1, 1, false));

    let audit = &register.audit;
    assert_eq!(
        counts(&audit.denials),
        [("consent-none", 1), ("objected", 1), ("over-budget", 1), ("restricted", 1)]
    );
    // Every record was read whole once, before there were rules.
    assert_eq!(counts(&audit.reveals_by_purpose), [("no purpose named", 8), ("news", 1), ("support", 2)]);
    assert_eq!(audit.reveals_by_day.iter().map(|day| day.count).sum::<u64>(), 11);
    assert_eq!((audit.budgets_hit, audit.alarms), (1, 3));
    let leaves = counts(&audit.leaves);
    for expected in [("records", 4), ("reveal", 8), ("erase", 1), ("report", 1), ("set-rules", 1)] {
        assert!(leaves.contains(&expected), "{expected:?}: {leaves:?}");
    }
    assert_eq!(leaves.iter().map(|(_, count)| count).sum::<u64>(), audit.size);
    assert_eq!((register.erasure.erased, register.erasure.last_erased.is_some()), (1, true));
    assert_eq!((register.erasure.overdue, register.erasure.purges), (0, 0));
    assert_eq!((register.files.count, register.keys[0].in_files > 0), (1, true));

    let head = audit.head.as_ref().unwrap();
    let signed = tool.vault().signed_head(Timestamp(0)).unwrap().head;
    let root: String = signed.root.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((signed.size, &root), (audit.size, &head.root), "the head that `audit head` signs");
    renders(&tool.path("out.html"), &["Acme GmbH, Hamburg", "Call centre Nord", "consent-none", "30 days"]);
    tool.clean();
}

// SPEC: REPORT-4
#[test]
fn what_is_kept_too_long_is_counted_unless_a_hold_keeps_it() {
    let tool = with_history();
    let vault = tool.vault();
    let now = Timestamp::from(std::time::SystemTime::now()).0;
    let at = |days: u64| Register::of(&vault, Timestamp(now + days * 86_400)).unwrap();
    assert_eq!(at(29).erasure.overdue, 0);
    let later = at(31);
    assert_eq!(later.erasure.overdue, 2, "of three records one is on hold");
    assert!(later.attention().iter().any(|said| said.contains("due for purge")));
    assert!(at(800).keys[0].overdue);
}

// SPEC: REPORT-1
#[test]
fn no_value_and_no_id_of_a_subject_is_in_either_form() {
    let tool = with_history();
    let (_, json) = report(&tool);
    let page = tool.text("out.html");
    let mut planted: Vec<&str> = ROWS.lines().skip(1).flat_map(|row| row.split(',')).collect();
    planted.extend(["kunigunde", "balthasar", "accuracy contested", "case 4/26"]);
    for text in planted {
        assert!(!json.contains(text) && !page.contains(text), "{text}");
    }
}

#[test]
fn the_walkthrough_of_the_readme_goes_from_a_policy_to_a_record_of_processing() {
    let block = readme_commands("### From a policy to a record of processing");
    let tool = Tool::new();
    std::fs::create_dir(tool.path("examples")).unwrap();
    tool.write("examples/duties.policy.toml", include_str!("../examples/duties.policy.toml"));
    let ran = tool.shell(&block).with_exit(&block, 0);
    let for_alice = tool.text("for-alice.csv");
    assert!(for_alice.contains("ann@example.com") && for_alice.contains("0143"), "{for_alice}");
    assert!(
        !["202 555", "4111 1111 1111 1111", "peanuts"].iter().any(|v| for_alice.contains(v)),
        "{for_alice}"
    );
    let shown = ran.text();
    assert_eq!(shown.matches("\"ann@example.com\"").count(), 1, "once, while she consented: {shown}");
    assert!(shown.contains("consent-withdrawn") && !shown.contains("peanuts"), "{shown}");
    assert_eq!(shown.matches("verified\n").count(), 2, "{shown}");
    let register: Register = serde_json::from_slice(&tool.read("report.json")).unwrap();
    let subjects = register.subjects;
    assert_eq!((subjects.count, subjects.restricted, subjects.held), (1, 1, 1));
    assert_eq!((register.erasure.erased, counts(&register.audit.denials).is_empty()), (1, false));
    tool.ok("check --vault people.vault --head head.json");
    renders(&tool.path("report.html"), &["Acme GmbH", "Call centre Nord GmbH", "special"]);
}
