//! Writes `benches/RESULTS.md` between its marks, `benches/compare.csv` and `benches/compare.svg`.

use std::fs;
use std::io;
use std::path::Path;

/// Where the files are: beside this package, wherever the program is run.
fn path(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches").join(name)
}

/// Writes a file of `benches/`.
pub fn write(name: &str, contents: &str) -> io::Result<()> {
    fs::write(path(name), contents)
}

/// Puts the text between `<!-- mark:begin -->` and `<!-- mark:end -->` of `RESULTS.md`, and leaves the rest.
pub fn write_section(mark: &str, text: &str) -> io::Result<()> {
    let page = fs::read_to_string(path("RESULTS.md"))?;
    let page = replaced(&page, mark, text)
        .ok_or_else(|| io::Error::other(format!("RESULTS.md lacks <!-- {mark}:begin --> or its end")))?;
    write("RESULTS.md", &page)
}

fn replaced(page: &str, mark: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {mark}:begin -->\n"), format!("<!-- {mark}:end -->"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n{}\n\n{end}{after}", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let page = "a\n<!-- x:begin -->\nold\n<!-- x:end -->\nb\n<!-- y:begin -->\n<!-- y:end -->\n";
        let once = replaced(page, "x", "new\n").unwrap();
        assert_eq!(
            once,
            "a\n<!-- x:begin -->\n\nnew\n\n<!-- x:end -->\nb\n<!-- y:begin -->\n<!-- y:end -->\n"
        );
        assert_eq!(replaced(&once, "x", "new").unwrap(), once);
        assert_eq!(replaced(page, "z", ""), None);
    }
}
