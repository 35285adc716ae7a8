//! The report of a breach in the order of Article 33(3), on one page.

use super::breach::BreachReport;
use super::register::Count;
use super::visible::{counted, grouped, visible};

/// So many rows of each list leave the report on one page.
const ROWS: usize = 12;

/// See [`BreachReport::to_text`].
pub(super) fn text(report: &BreachReport) -> String {
    let mut lines = vec!["# Report of a personal data breach".to_owned(), String::new()];
    let mut say = |line: String| lines.push(line);
    let made_at = report.made_at.for_people();
    say(format!("Article 33 GDPR · vault {} · counted {made_at}", plain(&report.vault)));
    say(String::new());
    say(format!("- **Asked:** {}", asked(report)));
    say(format!("- **Notify the authority by:** {}", notify_by(report)));
    say(String::new());

    say("## (a) Nature of the breach".into());
    say(String::new());
    say(or_gap(&report.notice.nature, "the controller: what happened, and how it was found"));
    say(String::new());
    scope(report, &mut say);

    say("## (b) Contact".into());
    say(String::new());
    say(format!("- Controller: {}", or_gap(&report.controller.name, "the controller")));
    say(format!("- Contact: {}", or_gap(&report.controller.contact, "the controller")));
    say(format!(
        "- Data protection officer: {}",
        or_gap(&report.controller.dpo, "the controller, if there is one")
    ));
    say(String::new());

    say("## (c) Likely consequences".into());
    say(String::new());
    say(or_gap(&report.notice.consequences, "the controller, with the data protection officer"));
    if report.fields.iter().any(|field| field.special) {
        say(
            "Special categories (Art. 9, 10) are concerned: weigh whether the risk is high, as Art. 34 asks."
                .into(),
        );
    }
    say(String::new());

    say("## (d) Measures taken or proposed".into());
    say(String::new());
    say(or_gap(&report.notice.measures, "the controller"));
    say(String::new());

    say("---".into());
    say(format!(
        "Counted from the log{}. It shows what went through Cloakroom, and nothing else.",
        evidence(report)
    ));
    lines.join("\n") + "\n"
}

fn asked(report: &BreachReport) -> String {
    let asked = &report.asked;
    let parts = [
        asked.principal.as_ref().map(|principal| format!("principal {}", plain(principal))),
        asked.key_version.map(|version| format!("key version {version}")),
        asked.field.as_ref().map(|field| format!("field {}", plain(field))),
        asked.purpose.as_ref().map(|purpose| format!("purpose {}", plain(purpose))),
        asked.from.map(|from| format!("from {}", from.for_people())),
        asked.to.map(|to| format!("to {}", to.for_people())),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "everything in the log".into() } else { parts.join(", ") }
}

fn notify_by(report: &BreachReport) -> String {
    match report.deadlines {
        Some(deadlines) => format!(
            "{} (72 hours after {}, Art. 33(1))",
            deadlines.notify_by.for_people(),
            deadlines.aware_at.for_people()
        ),
        None => or_gap("", "the controller: 72 hours after it became aware, Art. 33(1)"),
    }
}

fn scope(report: &BreachReport, say: &mut impl FnMut(String)) {
    if report.subjects + report.state_subjects == 0 && report.keys.is_empty() {
        let refused = match report.refused {
            0 => String::new(),
            refused => format!(
                " {}, and showed nothing.",
                counted(refused, "access was refused", "accesses were refused")
            ),
        };
        say(format!(
            "No entry of the log fits the question: no data subject is known to be concerned.{refused}"
        ));
        say(String::new());
        return;
    }
    let span = match (report.first, report.last) {
        (Some(first), Some(last)) => format!("{} to {}", first.for_people(), last.for_people()),
        _ => "no operation in the log".into(),
    };
    for (what, how_many) in [
        ("Data subjects", grouped(report.subjects)),
        (
            "Data subjects more, of whom no field was reached, but consents, restrictions, holds, or who saw them",
            grouped(report.state_subjects),
        ),
        ("Records", grouped(report.records)),
        ("Accesses refused, which showed nothing", grouped(report.refused)),
        ("Canaries among the data subjects", grouped(report.canaries)),
        ("First and last operation", span),
        ("Principals", counts(&report.principals)),
        ("Purposes given", counts(&report.purposes)),
        ("Key versions exposed", keys(report)),
    ] {
        say(format!("- {what}: {how_many}"));
    }
    say(String::new());
    if !report.fields.is_empty() {
        say("| Field | Tenant | Category | Data subjects |".into());
        say("|---|---|---|---:|".into());
        for field in report.fields.iter().take(ROWS) {
            let category = if field.category.is_empty() { "not said" } else { &field.category };
            let special = if field.special { " (special)" } else { "" };
            let [name, tenant, category] = [&field.name, &field.tenant, category].map(plain);
            say(format!("| {name} | {tenant} | {category}{special} | {} |", grouped(field.subjects)));
        }
        if let Some(more) = report.fields.len().checked_sub(ROWS).filter(|more| *more > 0) {
            say(String::new());
            say(format!("{} in the JSON.", counted(more as u64, "more field is", "more fields are")));
        }
        say(String::new());
    }
}

fn keys(report: &BreachReport) -> String {
    if report.keys.is_empty() {
        return "none known; what was not revealed stays encrypted or tokenized (see Art. 34(3)(a))".into();
    }
    let key = |key: &super::breach::ExposedKey| {
        let items = counted(key.items, "item needs it", "items need it");
        format!("{} ({}, {items})", key.version, plain(&key.state))
    };
    report.keys.iter().map(key).collect::<Vec<_>>().join(", ")
}

fn counts(counts: &[Count]) -> String {
    let mut parts: Vec<String> = counts
        .iter()
        .take(ROWS)
        .map(|count| format!("{} ({})", plain(&count.name), grouped(count.count)))
        .collect();
    if counts.len() > ROWS {
        parts.push(format!("and {} more in the JSON", grouped((counts.len() - ROWS) as u64)));
    }
    if parts.is_empty() { "none".into() } else { parts.join(", ") }
}

fn evidence(report: &BreachReport) -> String {
    match &report.head {
        Some(head) => format!(" up to its head of {}, root `{}`", head.at.for_people(), plain(&head.root)),
        None => String::new(),
    }
}

fn or_gap(text: &str, whom: &str) -> String {
    if text.trim().is_empty() { format!("**To be filled in by {whom}.**") } else { plain(text) }
}

/// Text that stays text in Markdown, and HTML in it.
fn plain(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    // A line break in a text would end its list or its row.
    for c in visible(&text.replace(['\n', '\r', '\t'], " ")).chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '|' | '[' | ']' | '#' | '~' | '!' => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::breach::{Asked, Deadlines, ExposedField, ExposedKey};
    use super::super::register::{Controller, Head};
    use super::*;
    use crate::time::Timestamp;

    fn field(name: &str, special: bool) -> ExposedField {
        let category = if special { "health" } else { "contact" }.into();
        ExposedField { tenant: "acme".into(), name: name.into(), category, special, subjects: 1204 }
    }

    fn report() -> BreachReport {
        let asked = Asked { principal: Some("call-centre-7".into()), ..Asked::default() };
        let mut report = BreachReport::empty("8f3a", asked, Timestamp(1_795_334_405));
        report.deadlines = Some(Deadlines::from_awareness(Timestamp(1_795_334_405)));
        (report.subjects, report.records, report.canaries) = (1204, 2408, 1);
        report.subject_ids = Some(vec!["customer-4711".into()]);
        report.fields = vec![field("email", false), field("diagnosis", true)];
        report.principals = vec![Count { name: "call-centre-7".into(), count: 1300 }];
        report.first = Some(Timestamp(1_795_000_000).into());
        report.last = Some(Timestamp(1_795_300_000).into());
        report.controller = Controller {
            name: "Example SE".into(),
            contact: "privacy@example.org".into(),
            ..Controller::default()
        };
        report.head = Some(Head { at: Timestamp(1_795_334_400).into(), root: "5d1c".into() });
        report
    }

    #[test]
    fn what_the_article_asks_for_is_there_in_its_order() {
        let text = report().to_text();
        let mut from = 0;
        for part in [
            "**Asked:** principal call-centre-7",
            "2026-11-25 08:00 UTC (72 hours after 2026-11-22 08:00 UTC, Art. 33(1))",
            "## (a) Nature",
            "**To be filled in by the controller: what happened",
            "- Data subjects: 1\u{202f}204",
            "- Key versions exposed: none",
            "| diagnosis | acme | health (special) | 1\u{202f}204 |",
            "## (b) Contact",
            "- Controller: Example SE",
            "- Data protection officer: **To be filled in by the controller, if there is one.**",
            "## (c) Likely consequences",
            "Special categories",
            "## (d) Measures",
            "root `5d1c`",
        ] {
            from += text[from..].find(part).unwrap_or_else(|| panic!("{part}, in its place: {text}"));
        }
    }

    // SPEC: REPORT-1
    #[test]
    fn ids_of_data_subjects_are_in_the_json_only_and_only_if_asked_for() {
        let mut report = report();
        assert!(!report.to_text().contains("customer-4711"));
        assert!(report.to_json().contains("customer-4711"));
        report.subject_ids = None;
        assert!(!report.to_json().contains("subjectIds"));
    }

    #[test]
    fn json_comes_back_as_it_was() {
        for report in [report(), BreachReport::empty("00", Asked::default(), Timestamp(0))] {
            assert_eq!(serde_json::from_str::<BreachReport>(&report.to_json()).unwrap(), report);
        }
    }

    #[test]
    fn nothing_found_is_said_so() {
        let text = BreachReport::empty("00", Asked::default(), Timestamp(0)).to_text();
        assert!(text.contains("No entry of the log fits the question"), "{text}");
        assert!(text.contains("**Notify the authority by:** **To be filled in"), "{text}");
    }

    #[test]
    fn an_exposed_key_says_its_state_and_what_needs_it() {
        let mut report = report();
        report.keys = vec![ExposedKey { version: 2, state: "compromised".into(), items: 1 }];
        let text = report.to_text().replace('\u{a0}', " ");
        assert!(text.contains("- Key versions exposed: 2 (compromised, 1 item needs it)"), "{text}");
    }

    #[test]
    fn however_long_its_lists_are_it_fits_on_a_page() {
        let mut report = report();
        report.fields = (0..500).map(|i| field(&format!("field {i}"), false)).collect();
        report.principals = (0..500).map(|i| Count { name: format!("p{i}"), count: 1 }).collect();
        let text = report.to_text();
        assert!(text.lines().count() <= 60, "{}", text.lines().count());
        assert!(text.contains("488\u{a0}more fields are in the JSON."), "{text}");
        assert!(text.contains("and 488 more in the JSON"), "{text}");
    }

    #[test]
    fn a_name_stays_text() {
        let mut report = report();
        report.fields = vec![field("a|b\n# <script>`*[x](http://y)", false)];
        report.notice.nature = "line\n## (b) Contact".into();
        let text = report.to_text();
        assert!(text.contains("| a\\|b \\# &lt;script>\\`\\*\\[x\\](http://y) | acme |"), "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with("## (b)")).count(), 1);
    }
}
