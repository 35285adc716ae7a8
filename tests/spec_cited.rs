//! Every requirement of `SPEC.md` is cited by a test, and every citation is of a requirement.
//!
//! A citation is a comment in test code: `// SPEC: FF1-3, KEY-1`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The ids that `- **ID**: …` lines define, and their texts.
fn requirements(spec: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for line in spec.lines() {
        let Some((id, text)) = line.strip_prefix("- **").and_then(|line| line.split_once("**: ")) else {
            continue;
        };
        assert!(all.insert(id.to_owned(), text.to_owned()).is_none(), "{id} is there twice");
    }
    all
}

fn is_id(id: &str) -> bool {
    let (topic, number) = id.rsplit_once('-').unwrap_or_default();
    let upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    topic.starts_with(|c: char| c.is_ascii_uppercase())
        && topic.chars().all(upper)
        && number.parse::<u32>().is_ok()
}

/// The ids that a file cites, with their lines, and whether a function follows.
fn citations(source: &str) -> Vec<(usize, bool, String)> {
    let lines: Vec<&str> = source.lines().map(str::trim_start).collect();
    let mut all = vec![];
    for (i, line) in lines.iter().enumerate() {
        let Some(ids) = line.strip_prefix("// SPEC: ") else { continue };
        let next = lines[i..].iter().find(|line| !line.starts_with("//") && !line.starts_with("#["));
        let of_function = next.is_some_and(|line| line.starts_with("fn "));
        all.extend(ids.split(", ").map(|id| (i + 1, of_function, id.trim().to_owned())));
    }
    all
}

/// The line from which on a file is test code: below `tests/` all of it, in `src/` from `#[cfg(test)]` on.
fn tests_begin(path: &Path, source: &str) -> Option<usize> {
    let in_src = path.starts_with(root().join("src"));
    match in_src && !path.ends_with("tests.rs") {
        true => source.lines().position(|line| line == "#[cfg(test)]"),
        false => Some(0),
    }
}

fn each_file(dir: &Path, f: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => each_file(&path, f),
            false if path.extension().is_some_and(|e| e == "rs") => {
                f(&path, &fs::read_to_string(&path).unwrap())
            }
            false => {}
        }
    }
}

#[test]
fn every_requirement_is_tested_and_every_citation_is_of_one() {
    let spec = fs::read_to_string(root().join("SPEC.md")).unwrap();
    let required = requirements(&spec);
    let mut cited = BTreeSet::new();
    let mut bad = vec![];
    for dir in ["src", "tests"] {
        each_file(&root().join(dir), &mut |path, source| {
            if path.ends_with("spec_cited.rs") {
                return;
            }
            let from = tests_begin(path, source).unwrap_or(usize::MAX);
            for (line, of_function, id) in citations(source) {
                let place = format!("{}:{line}", path.strip_prefix(root()).unwrap().display());
                match required.contains_key(&id) {
                    _ if line <= from || !of_function => {
                        bad.push(format!("{place}: {id} is cited outside of a test"))
                    }
                    false => bad.push(format!("{place}: SPEC.md has no {id:?}")),
                    true => drop(cited.insert(id)),
                }
            }
        });
    }
    let uncited = required.iter().filter(|(id, _)| !cited.contains(*id));
    bad.extend(uncited.map(|(id, text)| format!("no test cites {id}: {text}")));
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn requirements_are_one_line_and_say_must_and_musts_have_an_id() {
    let spec = fs::read_to_string(root().join("SPEC.md")).unwrap();
    let required = requirements(&spec);
    assert!(required.len() >= 60);
    for (id, text) in &required {
        assert!(is_id(id), "{id}");
        assert!(text.contains("MUST") && text.ends_with('.'), "{id}: {text}");
    }
    let stray = spec.lines().filter(|line| line.contains("MUST") && !line.starts_with("- **"));
    assert_eq!(
        stray.collect::<Vec<_>>(),
        ["MUST and MUST NOT are those of RFC 2119. Each has an id and is cited by at \
        least one test (`// SPEC: FF1-3`);"]
    );
}

#[test]
fn the_reader_of_citations_reads() {
    let source = "x\n    // SPEC: A-1, B-2\n#[test]\nfn f() {}\n// SPEC:C-3\n// SPEC: D-4\nlet x = 1;";
    let cited = [(2, true, "A-1"), (2, true, "B-2"), (6, false, "D-4")];
    assert_eq!(citations(source), cited.map(|(line, of, id)| (line, of, id.to_owned())));
    assert_eq!(requirements("- **A-1**: It MUST.\n- other").len(), 1);
    assert!(is_id("FF1-3") && !is_id("ff1-3") && !is_id("FF1") && !is_id("-3"));
}
