//! The sections of the page: figures drawn, and the same figures in a table.

use super::chart::{self, Bar, Series};
use super::html::Html;
use super::moment::{Day, Moment};
use super::register::{
    Audit, Controller, Count, Erasability, Field, Files, Key, ModeCount, Purpose, Register,
};
use super::table::{Cell, table};
use super::visible::{counted, grouped, span};
use crate::keys::KeyState;
use std::collections::BTreeMap;

/// Days that are drawn: thirteen weeks, a quarter of a year.
const DAYS: u32 = 91;

fn section(h: &mut Html, id: &'static str, title: &'static str, article: &'static str) {
    h.raw("<section aria-labelledby=").raw(id).raw("><h2 id=").raw(id).raw(">").raw(title);
    h.raw(" <span class=article>").raw(article).raw("</span></h2>\n");
}

fn nothing_yet(h: &mut Html, why: &'static str) {
    h.raw("<p class=nothing>Nothing yet: ").raw(why).raw(".</p>\n");
}

fn total<'a>(counts: impl IntoIterator<Item = &'a u64>) -> u64 {
    counts.into_iter().fold(0, |sum, count| sum.saturating_add(*count))
}

/// Article 30(1)(a).
pub(super) fn controller(h: &mut Html, controller: &Controller) {
    section(h, "controller", "Controller", "Art. 30(1)(a)");
    h.raw("<dl class=pairs>\n");
    for (name, text, unsaid) in [
        ("Controller", &controller.name, "to be filled in by the controller"),
        ("Contact", &controller.contact, "to be filled in by the controller"),
        ("Representative", &controller.representative, "none named"),
        ("Data protection officer", &controller.dpo, "none named"),
    ] {
        h.raw("<div><dt>").raw(name).raw("</dt><dd>");
        match text.is_empty() {
            true => h.raw("<span class=unsaid>").raw(unsaid).raw("</span>"),
            false => h.raw("<bdi>").text(text).raw("</bdi>"),
        };
        h.raw("</dd></div>\n");
    }
    h.raw("</dl></section>\n");
}

/// Article 30(1)(b), with the state of consents.
pub(super) fn purposes(h: &mut Html, purposes: &[Purpose]) {
    section(h, "purposes", "Purposes and legal bases", "Art. 5(1)(b), 6, 30(1)(b)");
    if purposes.is_empty() {
        nothing_yet(h, "no purpose is defined, so nothing may be revealed");
        h.raw("</section>\n");
        return;
    }
    let row = |purpose: &Purpose| {
        vec![
            Cell::Name(purpose.name.clone()),
            said(&purpose.basis, "no basis given"),
            said(&purpose.text, "not described"),
            Cell::Number(purpose.objections),
        ]
    };
    let headings = [("Purpose", false), ("Legal basis", false), ("Description", false), ("Objections", true)];
    table(h, "Purposes of processing", &headings, purposes.iter().map(row).collect());
    consents(h, purposes);
    h.raw("</section>\n");
}

fn said(text: &str, unsaid: &str) -> Cell {
    if text.is_empty() { Cell::Alert(unsaid.into()) } else { Cell::Text(text.into()) }
}

fn consents(h: &mut Html, purposes: &[Purpose]) {
    h.raw("<h3>Consents <span class=article>Art. 7</span></h3>\n");
    let by_consent: Vec<&Purpose> = purposes.iter().filter(|purpose| purpose.needs_consent).collect();
    if by_consent.is_empty() {
        h.raw("<p class=nothing>No purpose rests on consent.</p>\n");
        return;
    }
    let numbers = |purpose: &Purpose| {
        let c = &purpose.consents;
        [c.granted, c.withdrawn, c.expired, c.none]
    };
    let series = [
        Series { name: "granted", class: "s1" },
        Series { name: "withdrawn", class: "s2" },
        Series { name: "expired", class: "s3" },
        Series { name: "never given", class: "s4" },
    ];
    let bar = |purpose: &&Purpose| Bar { label: purpose.name.clone(), parts: numbers(purpose).to_vec() };
    let bars: Vec<Bar> = by_consent.iter().map(bar).collect();
    chart::bars(h, "Data subjects by the state of their consent, for each purpose", &series, &bars, true);
    let row = |purpose: &&Purpose| {
        let numbers = numbers(purpose);
        let cells = numbers.into_iter().chain([total(&numbers)]).map(Cell::Number);
        [Cell::Name(purpose.name.clone())].into_iter().chain(cells).collect()
    };
    let headings = [
        ("Purpose", false),
        ("Granted", true),
        ("Withdrawn", true),
        ("Expired", true),
        ("Never given", true),
        ("Data subjects", true),
    ];
    table(h, "Data subjects by the state of their consent", &headings, by_consent.iter().map(row).collect());
}

/// Article 30(1)(d) and (e).
pub(super) fn recipients(h: &mut Html, purposes: &[Purpose]) {
    section(h, "recipients", "Recipients and transfers", "Art. 30(1)(d), (e)");
    let with: Vec<&Purpose> =
        purposes.iter().filter(|p| !p.recipients.is_empty() || !p.transfers.is_empty()).collect();
    if with.is_empty() {
        h.raw("<p class=nothing>No recipient and no transfer to a third country is named.</p>\n");
    } else {
        let row = |purpose: &&Purpose| {
            let transfers = match purpose.transfers.is_empty() {
                true => Cell::Text("none".into()),
                false => Cell::Text(purpose.transfers.clone()),
            };
            vec![Cell::Name(purpose.name.clone()), Cell::Names(purpose.recipients.clone()), transfers]
        };
        let headings = [("Purpose", false), ("Recipients", false), ("Transfers to third countries", false)];
        table(h, "Recipients by purpose", &headings, with.iter().map(row).collect());
    }
    h.raw("</section>\n");
}

/// Article 30(1)(c).
pub(super) fn data(h: &mut Html, register: &Register) {
    section(h, "data", "Categories of data", "Art. 9, 30(1)(c)");
    if register.fields.is_empty() {
        nothing_yet(h, "no field is protected");
        h.raw("</section>\n");
        return;
    }
    categories(h, &register.fields);
    let with_tenants = register.tenants.len() > 1;
    let row = |field: &Field| {
        let mut cells = vec![Cell::Name(field.name.clone())];
        if with_tenants {
            cells.push(Cell::Name(field.tenant.clone()));
        }
        let category = if field.category.is_empty() { "not said" } else { &field.category };
        cells.push(match field.special {
            true => Cell::Alert(format!("{category} (special)")),
            false => Cell::Name(category.into()),
        });
        cells.extend([
            Cell::Names(field.modes.iter().map(in_words).collect()),
            Cell::Names(field.purposes.clone()),
            match field.retention_seconds {
                Some(seconds) => Cell::Text(span(seconds)),
                None => Cell::Alert("no limit".into()),
            },
            Cell::Text(
                match field.erasability {
                    Erasability::ShredSubject => "destroying the subject’s key",
                    Erasability::DeleteRow => "deleting the row",
                    Erasability::Clear => "nothing: it is in the clear",
                }
                .into(),
            ),
        ]);
        cells
    };
    let mut headings = vec![("Field", false), ("Tenant", false), ("Category", false)];
    headings.extend([("Kept as", false), ("Purposes", false), ("Retention", false), ("Erased by", false)]);
    if !with_tenants {
        headings.remove(1);
    }
    table(
        h,
        "Fields, how they are kept, for what and how long",
        &headings,
        register.fields.iter().map(row).collect(),
    );
    h.raw("</section>\n");
}

fn in_words(mode: &ModeCount) -> String {
    format!("{} under key {}: {}", mode.mode, mode.version, grouped(mode.count))
}

/// Items of a category, and how many fields it has.
fn categories(h: &mut Html, fields: &[Field]) {
    let mut by_category: BTreeMap<&str, (u64, u64, u64)> = BTreeMap::new();
    for field in fields {
        let category = if field.category.is_empty() { "not said" } else { &field.category };
        let (count, usual, special) = by_category.entry(category).or_default();
        *count += 1;
        let items = total(field.modes.iter().map(|mode| &mode.count));
        let sum = if field.special { special } else { usual };
        *sum = sum.saturating_add(items);
    }
    let series =
        [Series { name: "items", class: "s1" }, Series { name: "items of a special category", class: "s2" }];
    let bar = |(name, (_, usual, special)): (&&str, &(u64, u64, u64))| Bar {
        label: (*name).to_owned(),
        parts: vec![*usual, *special],
    };
    let bars: Vec<Bar> = by_category.iter().map(bar).collect();
    chart::bars(h, "Items in the vault by category of data", &series, &bars, false);
    let row = |(name, (count, usual, special)): (&&str, &(u64, u64, u64))| {
        let numbers = [*count, *usual, *special].map(Cell::Number);
        [Cell::Name((*name).to_owned())].into_iter().chain(numbers).collect()
    };
    let headings = [("Category", false), ("Fields", true), ("Items", true), ("Of a special category", true)];
    table(h, "Items in the vault by category of data", &headings, by_category.iter().map(row).collect());
}

/// The data subjects and what they asked for.
pub(super) fn subjects(h: &mut Html, register: &Register) {
    section(h, "subjects", "Data subjects and their rights", "Art. 15 to 21");
    let subjects = &register.subjects;
    if subjects.count == 0 && register.erasure.erased == 0 {
        nothing_yet(h, "the vault holds no data subject");
        h.raw("</section>\n");
        return;
    }
    let objections = total(register.purposes.iter().map(|purpose| &purpose.objections));
    let rows = [
        ("Data subjects", subjects.count, "whose data the vault holds"),
        ("Records", subjects.records, "fields kept of them"),
        ("Restricted", subjects.restricted, "stored and not processed (Art. 18)"),
        ("Under a hold", subjects.held, "kept for legal claims or duties (Art. 17(3))"),
        ("Objections", objections, "to one purpose each (Art. 21)"),
        ("Erased", register.erasure.erased, "keys destroyed (Art. 17)"),
        ("Canaries", subjects.canaries, "invented; whoever reveals one raises an alarm"),
    ];
    let row = |(name, count, meaning): (&str, u64, &str)| {
        vec![Cell::Text(name.into()), Cell::Number(count), Cell::Text(meaning.into())]
    };
    let headings = [("What", false), ("Count", true), ("Meaning", false)];
    table(h, "Data subjects by state", &headings, rows.into_iter().map(row).collect());
    h.raw("</section>\n");
}

/// Article 30(1)(f).
pub(super) fn erasure(h: &mut Html, register: &Register) {
    section(h, "erasure", "Time limits and erasure", "Art. 5(1)(e), 17, 30(1)(f)");
    let erasure = &register.erasure;
    let last = |at: Option<Moment>| at.map_or("none yet".to_owned(), Moment::for_people);
    h.raw("<dl class=pairs>\n<div><dt>Due for purge</dt><dd>");
    match erasure.overdue {
        0 => h.raw("nothing"),
        n => h.raw("<span class=alert>").text(&counted(n, "record", "records")).raw("</span>"),
    };
    h.raw("</dd></div>\n<div><dt>Purges</dt><dd>").number(erasure.purges);
    h.raw(", which took ").text(&counted(erasure.purged, "record", "records"));
    h.raw("</dd></div>\n<div><dt>Last purge</dt><dd>").text(&last(erasure.last_purge));
    h.raw("</dd></div>\n<div><dt>Subjects erased</dt><dd>").number(erasure.erased);
    h.raw("</dd></div>\n<div><dt>Last erasure</dt><dd>").text(&last(erasure.last_erased));
    h.raw(
        "</dd></div>\n</dl>\n<p class=aside>The time limit of each field is in the table of fields above. ",
    );
    h.raw("A record under a hold is kept past its limit, and is not counted as due.</p></section>\n");
}

/// The key versions.
pub(super) fn keys(h: &mut Html, keys: &[Key]) {
    section(h, "keys", "Keys", "Art. 32(1)(a)");
    if keys.is_empty() {
        nothing_yet(h, "the vault has no key version");
        h.raw("</section>\n");
        return;
    }
    let series =
        [Series { name: "items in the vault", class: "s1" }, Series { name: "items in files", class: "s3" }];
    let bar = |key: &Key| Bar {
        label: format!("Version {}, {}", key.version, key.state),
        parts: vec![key.in_vault, key.in_files],
    };
    let bars: Vec<Bar> = keys.iter().map(bar).collect();
    chart::bars(h, "Items that need each key version", &series, &bars, false);
    let row = |key: &Key| {
        let needed = key.in_vault > 0 || key.in_files > 0;
        let state = if key.primary { format!("{}, primary", key.state) } else { key.state.clone() };
        vec![
            Cell::Text(key.version.to_string()),
            if key.state == KeyState::Compromised.as_str() && needed {
                Cell::Alert(state)
            } else {
                Cell::Text(state)
            },
            match key.overdue {
                true => Cell::Alert(format!("{}, overdue", grouped(key.age_days))),
                false => Cell::Number(key.age_days),
            },
            Cell::Number(key.cryptoperiod_days.into()),
            Cell::Number(key.in_vault),
            Cell::Number(key.in_files),
        ]
    };
    let headings = [
        ("Version", false),
        ("State", false),
        ("Age in days", true),
        ("Cryptoperiod in days", true),
        ("Items in the vault", true),
        ("Items in files", true),
    ];
    table(h, "Key versions and what needs them", &headings, keys.iter().map(row).collect());
    h.raw("</section>\n");
}

/// What left the vault in protected files.
pub(super) fn files(h: &mut Html, files: &Files) {
    section(h, "files", "Protected files", "Art. 4(5), 32(1)(a)");
    if files.count == 0 {
        nothing_yet(h, "no file that was made still holds protected data");
        h.raw("</section>\n");
        return;
    }
    h.raw("<p>")
        .text(&counted(files.count, "file", "files"))
        .raw(" made with this vault and not given up.</p>\n");
    let row = |column: &super::register::FileColumn| {
        vec![
            Cell::Name(column.field.clone()),
            Cell::Name(column.tenant.clone()),
            Cell::Names(column.modes.iter().map(in_words).collect()),
        ]
    };
    if !files.columns.is_empty() {
        let headings = [("Field", false), ("Tenant", false), ("Protected as", false)];
        table(h, "Protected data in files", &headings, files.columns.iter().map(row).collect());
    }
    h.raw("</section>\n");
}

/// What the log shows.
pub(super) fn log(h: &mut Html, audit: &Audit) {
    section(h, "log", "Accountability", "Art. 5(2), 24, 32");
    if audit.size == 0 {
        nothing_yet(h, "the log has no entry");
        h.raw("</section>\n");
        return;
    }
    h.raw("<dl class=pairs>\n<div><dt>Entries</dt><dd>").number(audit.size);
    h.raw("</dd></div>\n<div><dt>Head of the tree</dt><dd>");
    match &audit.head {
        None => h.raw("<span class=alert>none</span>"),
        Some(head) => {
            h.text(&head.at.for_people()).raw("<br><span class=mono>").text(&head.root).raw("</span>")
        }
    };
    h.raw("</dd></div>\n<div><dt>Alarms</dt><dd>").number(audit.alarms);
    h.raw("</dd></div>\n<div><dt>Budgets used up</dt><dd>")
        .number(audit.budgets_hit)
        .raw("</dd></div>\n</dl>\n");
    reveals(h, audit);
    h.raw("<div class=columns>\n");
    counts(h, "Reveals by purpose", "Purpose", "Reveals", &audit.reveals_by_purpose);
    counts(h, "Requests denied, by reason", "Reason", "Denied", &audit.denials);
    counts(h, "Entries of the log, by kind", "Kind", "Entries", &audit.leaves);
    h.raw("</div>\n</section>\n");
}

fn counts(h: &mut Html, title: &'static str, name: &'static str, count: &'static str, counts: &[Count]) {
    h.raw("<div><h3>").raw(title).raw("</h3>\n");
    if counts.is_empty() {
        nothing_yet(h, "none was counted");
    } else {
        let row = |count: &Count| vec![Cell::Name(count.name.clone()), Cell::Number(count.count)];
        table(h, title, &[(name, false), (count, true)], counts.iter().map(row).collect());
    }
    h.raw("</div>\n");
}

fn reveals(h: &mut Html, audit: &Audit) {
    h.raw("<h3>Reveals by day</h3>\n");
    let by_day: BTreeMap<Day, u64> = audit.reveals_by_day.iter().map(|day| (day.day, day.count)).collect();
    let (Some((first, _)), Some((last, _))) = (by_day.first_key_value(), by_day.last_key_value()) else {
        nothing_yet(h, "nothing was revealed");
        return;
    };
    let first = (*first).max(last.minus(DAYS - 1));
    let of = |day: Day| by_day.get(&day).copied().unwrap_or(0);
    let drawn: Vec<u64> = (0..=last.since(first)).map(|day| of(first.plus(day))).collect();
    chart::days(h, "Reveals by day", first, &drawn);
    let earlier = total(by_day.range(..first).map(|(_, count)| count));
    if earlier > 0 {
        h.raw("<p class=aside>Before ").text(&first.to_string()).raw(": ");
        h.text(&counted(earlier, "reveal", "reveals")).raw(".</p>\n");
    }
    let monday = first.minus(first.weekday());
    let week = |week: u32| {
        let days = [0, 1, 2, 3, 4, 5, 6].map(|day| monday.plus(week * 7 + day));
        let inside = |day: &Day| *day >= first && *day <= *last;
        let cells = days.map(|day| if inside(&day) { Cell::Number(of(day)) } else { Cell::Blank });
        let sum = total(&days.map(|day| if inside(&day) { of(day) } else { 0 }));
        [Cell::Text(days[0].to_string())].into_iter().chain(cells).chain([Cell::Number(sum)]).collect()
    };
    let headings = [
        ("Week of", false),
        ("Mon", true),
        ("Tue", true),
        ("Wed", true),
        ("Thu", true),
        ("Fri", true),
        ("Sat", true),
        ("Sun", true),
        ("Week", true),
    ];
    table(h, "Reveals by week and day", &headings, (0..=last.since(monday) / 7).map(week).collect());
}

/// Article 30(1)(g).
pub(super) fn measures(h: &mut Html, measures: &[String]) {
    section(h, "measures", "Technical and organisational measures", "Art. 30(1)(g), 32(1)");
    if measures.is_empty() {
        nothing_yet(h, "no measure is described");
    } else {
        h.raw("<ul class=measures>\n");
        for measure in measures {
            h.raw("<li>").text(measure).raw("</li>\n");
        }
        h.raw("</ul>\n");
    }
    h.raw("</section>\n");
}
