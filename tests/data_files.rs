//! Published tables through the tool: protect, reveal, compare every reversible cell byte for byte, join, rotate.
//!
//! Where the tables are is said by `CLOAKROOM_DATA`; without it there is nothing to do. It is one folder with
//! `febrl/dataset1.csv` to `dataset3.csv` and `adult/adult.csv`. The policies are in `tests/policies`.

mod tool;

use std::collections::BTreeMap;
use std::path::PathBuf;
use tool::{Tool, cells, position};

fn data(name: &str) -> Option<Vec<u8>> {
    let Some(folder) = std::env::var_os("CLOAKROOM_DATA").map(PathBuf::from) else {
        eprintln!("CLOAKROOM_DATA is not set: no tables to try");
        return None;
    };
    let path = folder.join(name);
    Some(std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

fn policy(tool: &Tool, name: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/policies").join(name);
    std::fs::copy(path, tool.path("policy.toml")).unwrap();
}

/// Columns by trimmed name.
fn columns(csv: &[u8], delimiter: u8) -> BTreeMap<String, Vec<Vec<u8>>> {
    let rows = cells(csv, delimiter);
    let names = rows[0].iter().map(|name| String::from_utf8(name.trim_ascii().to_vec()).unwrap());
    names.enumerate().map(|(i, name)| (name, rows[1..].iter().map(|row| row[i].clone()).collect())).collect()
}

/// Protects and reveals, and compares: `reversible` come back byte for byte, `hidden` differ where they are not blank.
fn there_and_back(
    tool: &Tool,
    file: &str,
    holder: &str,
    delimiter: u8,
    reversible: &[&str],
    hidden: &[&str],
) {
    let spelled = char::from(delimiter);
    tool.ok(&format!("protect {file} --policy policy.toml {holder} --delimiter {spelled} -o {file}.safe"));
    tool.ok(&format!("reveal {file}.safe {holder} -o {file}.back"));
    let original = columns(&tool.read(file), delimiter);
    let (safe, back) = (
        columns(&tool.read(&format!("{file}.safe")), delimiter),
        columns(&tool.read(&format!("{file}.back")), delimiter),
    );
    for name in reversible {
        assert_eq!(original[*name], back[*name], "{file}, column {name}");
    }
    for name in hidden {
        assert_eq!(original[*name].len(), safe[*name].len(), "{file}");
        let same = original[*name]
            .iter()
            .zip(&safe[*name])
            .filter(|(a, b)| a == b && !a.trim_ascii().is_empty())
            .count();
        assert_eq!(same, 0, "{file}, column {name}");
    }
}

/// Rows of a join on one column; blank cells join with nothing.
fn joined(a: &[Vec<u8>], b: &[Vec<u8>]) -> usize {
    let mut count = BTreeMap::<&[u8], usize>::new();
    a.iter()
        .filter(|cell| !cell.trim_ascii().is_empty())
        .for_each(|cell| *count.entry(cell).or_default() += 1);
    b.iter().map(|cell| count.get(cell.as_slice()).copied().unwrap_or(0)).sum()
}

#[test]
fn febrl() {
    let tool = Tool::with_vault();
    tool.ok("keys create k");
    policy(&tool, "febrl.toml");
    let files = ["dataset1.csv", "dataset2.csv", "dataset3.csv"];
    for file in files {
        let Some(bytes) = data(&format!("febrl/{file}")) else { return };
        tool.write(file, bytes);
    }
    let reversible = ["rec_id", "given_name", "surname", "address_1", "state", "date_of_birth"];
    let hidden = ["given_name", "surname", "address_1", "date_of_birth", "soc_sec_id"];
    let with_vault = |file| there_and_back(&tool, file, "--vault v", b',', &reversible, &hidden);
    files.iter().copied().for_each(with_vault);
    tool.clean();

    let join = |a: &str, b: &str| {
        let cells = |file: &str| columns(&tool.read(file), b',').remove("soc_sec_id").unwrap();
        joined(&cells(a), &cells(b))
    };
    let [_, two, three] = files;
    for (a, b) in [(two, two), (two, three), (three, three)] {
        let expected = join(a, b);
        assert_eq!(join(&format!("{a}.safe"), &format!("{b}.safe")), expected, "{a} with {b}");
        eprintln!("{a} joined with {b} on soc_sec_id: {expected} rows, before and after");
    }
    assert!(join(two, two) > 5_000, "there are duplicates to be joined");

    tool.ok("rotate --vault v");
    tool.ok("migrate --vault v");
    tool.clean();
    assert!(tool.census().iter().all(|line| line.starts_with("version 2: ")), "{:?}", tool.census());
    for file in files {
        tool.ok(&format!("reveal {file}.safe --vault v -o again.csv"));
        assert_eq!(tool.read("again.csv"), tool.read(&format!("{file}.back")), "{file}");
    }
    // Under the new version, and without a vault.
    with_vault(two);
    there_and_back(&tool, three, "--keyset k", b',', &reversible, &hidden);
    tool.clean();
}

#[test]
fn adult() {
    let Some(bytes) = data("adult/adult.csv") else { return };
    let tool = Tool::with_keyset();
    policy(&tool, "adult.toml");
    tool.write("adult.csv", bytes);
    let reversible = ["sex", "marital-status", "occupation", "salary-class"];
    let hidden = ["age", "marital-status", "education", "native-country", "workclass", "occupation"];
    there_and_back(&tool, "adult.csv", "--keyset k", b';', &reversible, &hidden);
    let safe = cells(&tool.read("adult.csv.safe"), b';');
    assert!(safe[0].iter().all(|name| name != b"race"), "it is dropped");
    assert_eq!(position(&safe[0], "sex"), 0);
    tool.ok("rotate --keyset k");
    tool.ok("reveal adult.csv.safe --keyset k -o again.csv");
    assert_eq!(tool.read("again.csv"), tool.read("adult.csv.back"));
}
