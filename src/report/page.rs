//! The frame of the page: its head, the figures at a glance, what asks for somebody, and the sections in their order.

use super::html::Html;
use super::register::Register;
use super::sections;
use super::visible::{counted, grouped};

/// See [`Register::to_html`].
pub(super) fn html(register: &Register) -> String {
    let mut h = Html::default();
    head(&mut h, register);
    h.raw("<main id=main>\n");
    at_a_glance(&mut h, register);
    attention(&mut h, register);
    sections::controller(&mut h, &register.controller);
    sections::purposes(&mut h, &register.purposes);
    sections::recipients(&mut h, &register.purposes);
    sections::data(&mut h, register);
    sections::subjects(&mut h, register);
    sections::erasure(&mut h, register);
    sections::keys(&mut h, &register.keys);
    sections::files(&mut h, &register.files);
    sections::log(&mut h, &register.audit);
    sections::measures(&mut h, &register.measures);
    h.raw("</main>\n<footer><p>This page holds counts and names, and no personal data of any data subject. ");
    h.raw("It needs no network and runs no script. The same figures are in the JSON of the same name.</p>");
    h.raw("</footer>\n</body>\n</html>\n");
    h.finish()
}

fn head(h: &mut Html, register: &Register) {
    h.raw("<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n");
    h.raw(
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'; ",
    );
    h.raw("base-uri 'none'; form-action 'none'\">\n");
    h.raw("<meta name=viewport content=\"width=device-width, initial-scale=1\">\n");
    h.raw("<meta name=color-scheme content=\"light dark\">\n<meta name=referrer content=no-referrer>\n");
    h.raw("<title>Record of processing activities</title>\n<style>\n");
    h.raw(include_str!("style.css")).raw("</style>\n</head>\n<body>\n");
    h.raw("<a class=skip href=\"#main\">Skip to the record</a>\n<header><div>\n");
    h.raw("<p class=over>Article 30 GDPR</p>\n<h1>Record of processing activities</h1>\n");
    if !register.controller.name.is_empty() {
        h.raw("<p class=of><bdi>").text(&register.controller.name).raw("</bdi></p>\n");
    }
    h.raw("<dl class=facts><div><dt>As of</dt><dd>").text(&register.made_at.for_people());
    h.raw("</dd></div><div><dt>Vault</dt><dd class=mono>").text(&register.vault);
    h.raw("</dd></div><div><dt>Tenants</dt><dd>");
    match register.tenants.is_empty() {
        true => h.raw("none yet"),
        false => h.raw("<bdi>").text(&first_names(&register.tenants)).raw("</bdi>"),
    };
    h.raw("</dd></div></dl>\n</div></header>\n");
}

/// The table of fields has all of them.
fn first_names(names: &[String]) -> String {
    const FIRST: usize = 6;
    let mut text = names[..names.len().min(FIRST)].join(", ");
    if names.len() > FIRST {
        text += &format!(" and {} more", grouped((names.len() - FIRST) as u64));
    }
    text
}

fn at_a_glance(h: &mut Html, register: &Register) {
    let special = register.fields.iter().filter(|field| field.special).count();
    let by_consent = register.purposes.iter().filter(|purpose| purpose.needs_consent).count();
    let denied = register.audit.denials.iter().fold(0_u64, |sum, denial| sum.saturating_add(denial.count));
    let overdue_keys = register.keys.iter().filter(|key| key.overdue).count();
    let subjects = &register.subjects;
    let tiles: [(&'static str, u64, String, bool); 6] = [
        ("Data subjects", subjects.count, counted(subjects.records, "record", "records"), false),
        ("Fields", register.fields.len() as u64, format!("{special} of a special category"), false),
        ("Purposes", register.purposes.len() as u64, format!("{by_consent} by consent"), false),
        (
            "Due for purge",
            register.erasure.overdue,
            counted(register.erasure.erased, "subject erased", "subjects erased"),
            register.erasure.overdue > 0,
        ),
        ("Key versions", register.keys.len() as u64, format!("{overdue_keys} overdue"), overdue_keys > 0),
        ("Log entries", register.audit.size, counted(denied, "request denied", "requests denied"), false),
    ];
    h.raw("<section aria-labelledby=glance><h2 id=glance class=quiet>At a glance</h2>\n<dl class=tiles>\n");
    for (name, figure, more, alert) in tiles {
        h.raw(if alert { "<div class=\"tile due\"><dt>" } else { "<div class=tile><dt>" }).text(name);
        h.raw("</dt><dd><strong>")
            .number(figure)
            .raw("</strong><span>")
            .text(&more)
            .raw("</span></dd></div>\n");
    }
    h.raw("</dl></section>\n");
}

fn attention(h: &mut Html, register: &Register) {
    let all = register.attention();
    if all.is_empty() {
        h.raw("<section class=\"note fine\" aria-labelledby=attention><h2 id=attention>Nothing is open</h2>");
        h.raw(
            "<p>Nothing is overdue, no key in use is compromised, and no alarm was raised.</p></section>\n",
        );
        return;
    }
    h.raw("<section class=note aria-labelledby=attention><h2 id=attention>Needs attention</h2><ul>\n");
    for sentence in &all {
        h.raw("<li>").text(sentence).raw("</li>\n");
    }
    h.raw("</ul></section>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    const EXAMPLE: &str = include_str!("../../tests/registers/example.json");

    // SPEC: REPORT-2
    #[test]
    fn no_text_of_a_register_becomes_markup() {
        let hostile = "</style></title><script>alert(1)</script><img src=x onerror='alert(2)'>\\\" a=\\\"";
        let mut json: serde_json::Value = serde_json::from_str(EXAMPLE).unwrap();
        fn spoil(value: &mut serde_json::Value, hostile: &str) {
            match value {
                serde_json::Value::String(text) => {
                    // Instants, days and the like take no other text.
                    let is_fixed = text.starts_with("20")
                        || ["shred-subject", "delete-row", "clear"].contains(&text.as_str());
                    *text += if is_fixed { "" } else { hostile };
                }
                serde_json::Value::Array(all) => all.iter_mut().for_each(|value| spoil(value, hostile)),
                serde_json::Value::Object(all) => all.values_mut().for_each(|value| spoil(value, hostile)),
                _ => {}
            }
        }
        spoil(&mut json, hostile);
        let html = serde_json::from_value::<Register>(json).unwrap().to_html();
        assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("\" a=\""));
        assert_eq!(html.matches("</style>").count(), 1);
        assert_eq!(html.matches("</title><script").count(), 0);
        assert!(html.matches("&lt;script&gt;").count() > 50, "the names are shown as they are");
    }

    // SPEC: REPORT-2
    #[test]
    fn the_page_names_no_other_place() {
        for register in [serde_json::from_str(EXAMPLE).unwrap(), Register::empty("00", Timestamp(0))] {
            let html = register.to_html();
            for part in
                ["http:", "https:", "url(", "src=", "@import", "<script", "<link", "<iframe", "javascript:"]
            {
                assert!(!html.contains(part), "{part}");
            }
            assert!(html.contains("default-src 'none'"));
        }
    }

    #[test]
    fn headings_go_down_one_level_at_a_time_and_ids_are_there_once() {
        let html = serde_json::from_str::<Register>(EXAMPLE).unwrap().to_html();
        let levels =
            html.match_indices("<h").filter_map(|(at, _)| html[at + 2..].chars().next()?.to_digit(10));
        let mut before = 0;
        for level in levels {
            assert!(level <= before + 1, "h{level} after h{before}");
            before = level;
        }
        let mut ids: Vec<&str> =
            html.split(" id=").skip(1).map(|rest| rest.split([' ', '>']).next().unwrap()).collect();
        for part in html.split("aria-labelledby=").skip(1) {
            assert!(ids.contains(&part.split([' ', '>']).next().unwrap()), "{part}");
        }
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "{ids:?}");
    }

    #[test]
    fn an_empty_vault_reads_well() {
        let html = Register::empty("00", Timestamp(0)).to_html();
        for part in ["NaN", "inf%", "<tbody>\n</tbody>", "<figure>"] {
            assert!(!html.contains(part), "{part}");
        }
        assert!(html.matches("Nothing yet").count() >= 5);
    }
}
