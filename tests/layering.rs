//! The house: a module imports lower floors only, and a file is one idea of a readable length.
//!
//! Rust permits import cycles between modules, so nothing else checks this.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Lowest floor first. Siblings on one floor do not import each other.
const FLOORS: &[&[&str]] = &[
    &["error"],
    &["name", "time", "whole_file"],
    &["crypto", "wire"],
    &["format"],
    &["keys"],
    &["protect"],
    &["store", "duties", "audit"],
    &["vault"],
    &["policy", "report"],
    &["pipeline"],
];

const LONGEST_FILE: usize = 600;
const LONGEST_CONTENTS: usize = 150;
const NO_NAMES: [&str; 5] = ["utils", "helpers", "manager", "common", "misc"];

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// The code without comments, and without what stands in text and character literals. Line breaks stay.
fn code(source: &str) -> String {
    let bytes: Vec<char> = source.chars().collect();
    let (mut out, mut i) = (String::new(), 0);
    let at = |i: usize| bytes.get(i).copied().unwrap_or('\0');
    while i < bytes.len() {
        let start = i;
        let in_word = i > 0 && (at(i - 1).is_alphanumeric() || at(i - 1) == '_');
        let mut hashes = 0;
        while at(i) == 'r' && !in_word && at(i + 1 + hashes) == '#' {
            hashes += 1;
        }
        match at(i) {
            '/' if at(i + 1) == '/' => i += bytes[i..].iter().take_while(|c| **c != '\n').count(),
            '/' if at(i + 1) == '*' => {
                let mut depth = 0;
                loop {
                    match (at(i), at(i + 1)) {
                        ('/', '*') => (depth, i) = (depth + 1, i + 2),
                        ('*', '/') => (depth, i) = (depth - 1, i + 2),
                        _ => i += 1,
                    }
                    if depth == 0 || i >= bytes.len() {
                        break;
                    }
                }
            }
            'r' if !in_word && at(i + 1 + hashes) == '"' => {
                let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
                i += 2 + hashes;
                while i < bytes.len() && !bytes[i..].starts_with(&end) {
                    i += 1;
                }
                i += end.len();
                out.push_str("\"\"");
            }
            '"' => {
                i += 1;
                while i < bytes.len() && at(i) != '"' {
                    i += if at(i) == '\\' { 2 } else { 1 };
                }
                i += 1;
                out.push_str("\"\"");
            }
            // A character, and no lifetime.
            '\'' if at(i + 1) == '\\' || at(i + 2) == '\'' => {
                i += if at(i + 1) == '\\' { 3 } else { 2 };
                while i < bytes.len() && at(i) != '\'' {
                    i += 1;
                }
                i += 1;
                out.push_str("' '");
            }
            c => {
                out.push(c);
                i += 1;
                continue;
            }
        }
        out.extend(bytes[start..i.min(bytes.len())].iter().filter(|c| **c == '\n'));
    }
    out
}

/// The code up to its `#[cfg(test)] mod`: tests stand last in a file.
fn without_tests(code: &str) -> &str {
    code.find("#[cfg(test)]\nmod ").map_or(code, |at| &code[..at])
}

/// Every path that begins at `start` (`crate::` or `super::`) with its place, and braces taken apart: `a::{b, c::d}` is
/// `a::b` and `a::c::d`.
fn paths(code: &str, start: &str) -> Vec<(usize, String)> {
    let begins = |at: &usize| !code[..*at].ends_with(|c: char| c.is_alphanumeric() || "_:$".contains(c));
    let places = code.match_indices(start).map(|(at, _)| at).filter(begins);
    places
        .flat_map(|at| expand(String::new(), &mut &code[at..]).into_iter().map(move |path| (at, path)))
        .collect()
}

fn expand(prefix: String, rest: &mut &str) -> Vec<String> {
    let mut path = prefix;
    loop {
        let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        path.push_str(&rest[..word]);
        *rest = &rest[word..];
        let Some(after) = rest.strip_prefix("::") else { return vec![path] };
        *rest = after;
        path.push_str("::");
        if let Some(inside) = rest.strip_prefix('{') {
            *rest = inside;
            let mut all = vec![];
            loop {
                *rest = rest.trim_start();
                if let Some(after) = rest.strip_prefix('}') {
                    *rest = after;
                    return all;
                }
                let before = rest.len();
                all.extend(expand(path.clone(), rest));
                *rest = rest.trim_start();
                if let Some(alias) = rest.strip_prefix("as ") {
                    *rest = alias.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_').trim_start();
                }
                *rest = rest.strip_prefix([',', '*']).unwrap_or(rest);
                assert_ne!(rest.len(), before, "{path}: {}", rest.lines().next().unwrap_or_default());
            }
        }
    }
}

/// What a file in `module` (its path below `src`, without `mod`) imports that it must not.
fn forbidden(module: &[String], source: &str) -> Vec<String> {
    let code = code(source);
    let here = floor(&module[0]).unwrap_or_else(|| panic!("{} has no floor: add it to FLOORS", module[0]));
    let mut bad = vec![];
    let mut check = |path: &str, first: &str| match floor(first) {
        _ if first == module[0] => {}
        Some(there) if there < here => {}
        Some(there) if there == here => bad.push(format!("{path}: a sibling")),
        Some(_) => bad.push(format!("{path}: a floor above")),
        None => bad.push(format!("{path}: a shortcut, import it from its module")),
    };
    for (_, path) in paths(&code, "crate::") {
        check(&path, path.split("::").nth(1).unwrap_or_default());
    }
    for (at, path) in paths(&code, "super::") {
        let supers = path.split("::").take_while(|part| *part == "super").count();
        if supers >= module.len() + modules_around(&code, at) {
            check(&path, path.split("::").nth(supers).unwrap_or_default());
        }
    }
    bad
}

/// How many `mod name { … }` a place is in.
fn modules_around(code: &str, at: usize) -> usize {
    let mut open = vec![];
    for (i, c) in code[..at].char_indices() {
        let mut words = code[..i].split_whitespace().rev();
        match c {
            '{' => open.push(words.nth(1) == Some("mod")),
            '}' => drop(open.pop()),
            _ => {}
        }
    }
    open.into_iter().filter(|is_module| *is_module).count()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut all = vec![];
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(files(&path)),
            false if path.extension().is_some_and(|e| e == "rs") => all.push(path),
            false => {}
        }
    }
    all.sort();
    all
}

/// Path below `src` and text of each source file.
fn sources() -> BTreeMap<String, String> {
    texts("src")
}

/// Path below the folder and text of each of its files.
fn texts(folder: &str) -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let name = |path: &Path| path.strip_prefix(&folder).unwrap().to_str().unwrap().replace('\\', "/");
    files(&folder).iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

fn module(file: &str) -> Vec<String> {
    let path = file.strip_suffix(".rs").unwrap();
    path.strip_suffix("/mod").unwrap_or(path).split('/').map(str::to_owned).collect()
}

#[test]
fn no_floor_imports_one_beside_or_above_it() {
    let mut bad = vec![];
    for (file, source) in sources() {
        if file == "lib.rs" || file.starts_with("bin/") {
            continue;
        }
        bad.extend(forbidden(&module(&file), &source).into_iter().map(|path| format!("{file}: {path}")));
    }
    assert!(bad.is_empty(), "{bad:#?}");
}

#[test]
fn the_binary_uses_the_public_api_only() {
    let sources = sources();
    let own: Vec<String> =
        sources.keys().filter_map(|f| module(f.strip_prefix("bin/cloakroom/")?).pop()).collect();
    for (file, source) in sources.iter().filter(|(file, _)| file.starts_with("bin/")) {
        let code = code(source);
        // Either would compile the library's files a second time, private parts and all.
        assert!(!code.contains("#[path") && !code.contains("include!"), "{file}");
        for (_, path) in paths(&code, "crate::") {
            let first = path.split("::").nth(1).unwrap_or_default();
            assert!(floor(first).is_none() || own.iter().any(|name| name == first), "{file}: {path}");
        }
    }
}

#[test]
fn lib_is_a_table_of_contents() {
    let source = &sources()["lib.rs"];
    assert!(source.lines().count() <= LONGEST_CONTENTS);
    let code = code(source);
    for line in code.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let allowed =
            ["pub mod ", "mod ", "pub use ", "#[", "#!["].iter().any(|start| line.starts_with(start));
        // A unit struct is there for the README, whose commands are tested as documentation.
        let unit = line.starts_with("struct ") && line.ends_with(";");
        assert!(allowed || unit, "lib.rs: {line}");
    }
}

#[test]
fn files_are_named_for_an_idea_and_of_a_readable_length() {
    let mut bad = vec![];
    for (file, source) in sources() {
        if module(&file).iter().any(|name| NO_NAMES.contains(&name.as_str())) {
            bad.push(format!("{file}: says nothing"));
        }
        let is_tests = file.ends_with("/tests.rs") || file.contains("/tests/");
        let lines = without_tests(&source).lines().count();
        if !is_tests && lines > LONGEST_FILE {
            bad.push(format!("{file}: {lines} lines without its tests"));
        }
    }
    for (file, source) in texts("tests") {
        if module(&file).iter().any(|name| NO_NAMES.contains(&name.as_str())) {
            bad.push(format!("tests/{file}: says nothing"));
        }
        let lines = source.lines().count();
        if lines > LONGEST_FILE {
            bad.push(format!("tests/{file}: {lines} lines"));
        }
    }
    assert!(bad.is_empty(), "{bad:#?}");
}

#[test]
fn unsafe_is_nowhere_but_in_the_back_ends_of_the_cipher() {
    let word =
        |code: &str| code.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == "unsafe");
    for (file, source) in sources() {
        assert!(file.starts_with("crypto/arch/") || !word(&code(&source)), "{file}");
    }
}

#[test]
fn escapes_are_found() {
    let keys = |source: &str| forbidden(&module("keys/file.rs"), source);
    for good in [
        "use crate::error::{Error, Result};\nuse super::keyset::Keyset;",
        "use crate::{crypto::{kdf, wrap as w}, wire::keyset};",
        "//! [`Error`](crate::Error), crate::vault\n/* crate::vault /* crate::vault */ */ const A: &str = \"crate::vault\";",
        "const B: &str = r#\"\"crate::vault\"#; const C: char = '\"'; use crate::keys::Keyset;",
        "use crate::name::X;\n#[cfg(test)]\nmod tests {\n    use super::super::KeyFile;\n}\n",
    ] {
        assert_eq!(keys(good), [""; 0], "{good}");
    }
    for bad in [
        "use crate::vault::Vault;",
        "use crate::Result;",
        "use crate::{error::Error, protect::{Sealer, Tokenizer}};",
        "fn f() -> crate::Result<()> { crate::pipeline::protect() }",
        "use super::super::vault::Vault;",
        "use super::super::format;\nuse super::super::store;",
        "use super::super::Error;",
        "mod inner {\n    use super::super::super::vault;\n}",
        "const C: char = '\\''; use crate::vault;",
        "fn f<'a>(x: &'a str) -> crate::Error { loop {} }",
        "#[cfg(test)]\nmod tests {\n    use super::super::super::vault::Vault;\n}\n",
    ] {
        assert_ne!(keys(bad), [""; 0], "{bad}");
    }
    assert_ne!(forbidden(&module("wire/mod.rs"), "use crate::crypto::kdf;"), [""; 0], "a sibling");
    assert_ne!(forbidden(&module("wire/mod.rs"), "use super::crypto::kdf;"), [""; 0], "a sibling");
    assert_ne!(forbidden(&module("wire/mod.rs"), "use super::vault;"), [""; 0], "a floor above");
    assert_eq!(forbidden(&module("crypto/ff1/plan.rs"), "use super::super::context::Label;"), [""; 0]);
}
