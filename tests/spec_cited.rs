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

/// The ids that the test code of a file cites, with their lines.
fn citations(source: &str, is_test_from: usize) -> Vec<(usize, String)> {
    let lines = source.lines().enumerate().skip(is_test_from);
    let cited = lines.filter_map(|(i, line)| Some((i + 1, line.trim_start().strip_prefix("// SPEC: ")?)));
    cited.flat_map(|(line, ids)| ids.split(", ").map(move |id| (line, id.trim().to_owned()))).collect()
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
            for (line, id) in citations(source, 0) {
                let place = format!("{}:{line}", path.strip_prefix(root()).unwrap().display());
                match required.contains_key(&id) {
                    _ if line <= from => bad.push(format!("{place}: {id} is cited outside of a test")),
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
    assert_eq!(
        citations("x\n    // SPEC: A-1, B-2\n// SPEC:C-3", 0),
        [(2, "A-1".to_owned()), (2, "B-2".to_owned())]
    );
    assert_eq!(requirements("- **A-1**: It MUST.\n- other").len(), 1);
    assert!(is_id("FF1-3") && !is_id("ff1-3") && !is_id("FF1") && !is_id("-3"));
}
