//! Tables that a screen reader can walk: a caption, headings with a scope, and a region that scrolls by keyboard.

use super::html::Html;

/// What stands in a cell.
pub(super) enum Cell {
    Text(String),
    /// A name that others chose: its direction ends with it.
    Name(String),
    Number(u64),
    /// One below the other.
    Names(Vec<String>),
    /// Text that asks for somebody.
    Alert(String),
    /// Nothing to say.
    Blank,
}

/// A heading, and whether numbers stand below it.
pub(super) type Heading = (&'static str, bool);

/// A table; the first cell of a row is its heading.
pub(super) fn table(h: &mut Html, caption: &'static str, headings: &[Heading], rows: Vec<Vec<Cell>>) {
    h.raw("<div class=scroll role=region tabindex=0 aria-label=\"").text(caption).raw("\"><table><caption>");
    h.text(caption).raw("</caption><thead><tr>");
    for (heading, numeric) in headings {
        h.raw(if *numeric { "<th scope=col class=n>" } else { "<th scope=col>" }).text(heading).raw("</th>");
    }
    h.raw("</tr></thead><tbody>\n");
    for row in rows {
        h.raw("<tr>");
        for (i, content) in row.iter().enumerate() {
            let numeric = headings.get(i).is_some_and(|(_, numeric)| *numeric);
            h.raw(match (i, numeric) {
                (0, _) => "<th scope=row>",
                (_, true) => "<td class=n>",
                (_, false) => "<td>",
            });
            cell(h, content);
            h.raw(if i == 0 { "</th>" } else { "</td>" });
        }
        h.raw("</tr>\n");
    }
    h.raw("</tbody></table></div>\n");
}

fn cell(h: &mut Html, content: &Cell) {
    match content {
        Cell::Text(text) => h.text(text),
        Cell::Name(name) => h.raw("<bdi>").text(name).raw("</bdi>"),
        Cell::Number(0) => h.raw("<span class=zero>0</span>"),
        Cell::Number(number) => h.number(*number),
        Cell::Alert(text) => h.raw("<span class=alert>").text(text).raw("</span>"),
        Cell::Names(names) if !names.is_empty() => {
            h.raw("<ul class=plain>");
            for name in names {
                h.raw("<li><bdi>").text(name).raw("</bdi></li>");
            }
            h.raw("</ul>")
        }
        Cell::Names(_) | Cell::Blank => h.raw("<span class=zero>–</span>"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns_have_headings_that_say_so() {
        let mut h = Html::default();
        let row = vec![Cell::Name("<x>".into()), Cell::Number(1000), Cell::Names(vec![])];
        table(&mut h, "Things", &[("Name", false), ("How many", true), ("Of", false)], vec![row]);
        let html = h.finish();
        for part in [
            "<caption>Things</caption>",
            "<th scope=col class=n>How many</th>",
            "<th scope=row><bdi>&lt;x&gt;</bdi></th>",
            "<td class=n>1\u{202f}000</td>",
            "<td><span class=zero>–</span></td>",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
    }
}
