//! Files of every kind come back: delimiters, line ends, pipes, blank cells, no rows, any number of threads.

use super::{DETERMINISTIC, EVERY_MODE, HEADER, REVERSIBLE, rows, same_cells};
use crate::tool::{Tool, cells, column, csv, position};

/// Protects and reveals `in.csv` with a keyset, and again with a vault.
fn there_and_back(delimiter: u8, spelled: &str, end: &str, bom: bool) {
    let mut file = if bom { b"\xEF\xBB\xBF".to_vec() } else { vec![] };
    file.extend(csv(&rows(300), delimiter, end));
    for holder in ["--keyset k", "--vault v"] {
        let tool = if holder.starts_with("--k") { Tool::with_keyset() } else { Tool::with_vault() };
        tool.write("in.csv", &file);
        tool.write("p.toml", EVERY_MODE);
        let ran =
            tool.ok(&format!("protect in.csv --policy p.toml {holder} --delimiter {spelled} -o safe.csv"));
        assert_eq!((ran.out.as_slice(), ran.err.as_str()), (&b""[..], "protected 300 rows\n"));
        let safe = tool.read("safe.csv");
        assert_eq!(safe.starts_with(b"\xEF\xBB\xBF"), bom);
        assert_eq!(safe.ends_with(b"\r\n"), end == "\r\n");
        let ran = tool.ok(&format!("reveal safe.csv {holder} -o back.csv"));
        assert!(ran.err.ends_with("\nrevealed 300 rows\n") && !ran.err.contains("note"), "{}", ran.err);
        same_cells(&file, &tool.read("back.csv"), delimiter, &REVERSIBLE);

        // What is protected is protected.
        let protected = cells(&safe, delimiter);
        assert_eq!(protected.len(), 301);
        let original = cells(&file, delimiter);
        assert_eq!(protected[0], original[0][..14], "the header stands, without the dropped column");
        for name in &HEADER[..12] {
            let i = position(&protected[0], name.trim());
            for (row, original) in protected.iter().zip(&original).skip(1) {
                let blank = original[i].trim_ascii().is_empty();
                assert_eq!(row[i] == original[i], blank, "{name}");
            }
        }
        let one = |name, row: usize| String::from_utf8(column(&safe, delimiter, name)[row].clone()).unwrap();
        assert_eq!(one("born", 0), "1900");
        assert_eq!(one("joined", 0), "2000-11");
        assert_eq!(one("age", 12), "10-19");
        assert_eq!(one("zip", 0), "SW0");
        assert_eq!(one("iban", 0), "xxxxxxxxxxxxxxxxxx0000");
        assert_eq!(one("id", 0).len(), 22);
        assert_eq!(one("id", 0), one("id", 1));
        assert_eq!(one("ref", 0).len(), 36);
        assert!(one("name", 0).starts_with(if holder.starts_with("--k") { "ck1e_" } else { "ck1r_" }));
        assert_eq!(one("card", 0)[..6], *"411111");
        if !holder.starts_with("--k") {
            tool.clean();
        }
    }
}

#[test]
fn commas() {
    there_and_back(b',', ",", "\n", false);
}

#[test]
fn semicolons_and_carriage_returns() {
    there_and_back(b';', ";", "\r\n", false);
}

#[test]
fn tabs_and_a_byte_order_mark() {
    there_and_back(b'\t', "tab", "\r\n", true);
}

#[test]
fn from_and_to_pipes() {
    let tool = Tool::with_keyset();
    let file = csv(&rows(50), b',', "\n");
    tool.write("p.toml", EVERY_MODE);
    let protect = "protect - --policy p.toml --keyset k -o -";
    tool.fails_with(2, protect, &file, "--manifest: is needed when the output has no name");
    let ran = tool.run_with(&format!("{protect} --manifest m.json"), &file).with_exit(protect, 0);
    assert_eq!(ran.err, "protected 50 rows\n");
    tool.fails_with(2, "reveal - --keyset k -o -", &ran.out, "--manifest: is needed");
    let reveal = "reveal - --keyset k --manifest m.json -o -";
    // A byte order mark in the very first byte's read, and an input in small pieces.
    let back = tool.run_with(reveal, &ran.out).with_exit(reveal, 0);
    same_cells(&file, &back.out, b',', &REVERSIBLE);
    assert!(!tool.exists("-") && !tool.exists("-.manifest.json"));

    let mut marked = b"\xEF\xBB\xBF".to_vec();
    marked.extend(&file);
    let mut child = tool.start(&format!("{protect} --manifest m2.json"));
    let mut stdin = child.stdin.take().unwrap();
    for piece in [&marked[..1], &marked[1..2], &marked[2..700], &marked[700..]] {
        std::io::Write::write_all(&mut stdin, piece).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(30));
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(column(&output.stdout, b',', "id"), column(&ran.out, b',', "id"));
    assert!(output.stdout.starts_with(b"\xEF\xBB\xBF"));
}

#[test]
fn the_same_output_for_any_number_of_threads() {
    let tool = Tool::with_keyset();
    tool.write("p.toml", DETERMINISTIC);
    tool.write("in.csv", csv(&rows(9_000), b',', "\n"));
    let mut outputs = vec![];
    for threads in [1, 2, 7] {
        let out = format!("out{threads}.csv");
        tool.ok(&format!("protect in.csv --policy p.toml --keyset k --threads {threads} -o {out}"));
        outputs.push(tool.read(&out));
        tool.ok(&format!("reveal {out} --keyset k --threads {threads} -o back{threads}.csv"));
        same_cells(
            &tool.read("in.csv"),
            &tool.read(&format!("back{threads}.csv")),
            b',',
            &["phone", "card", "notes"],
        );
    }
    assert!(outputs.iter().all(|output| *output == outputs[0]));
    assert_eq!(cells(&outputs[0], b',').len(), 9_001);
    assert_eq!(cells(&outputs[0], b',')[0].len(), 6, "unlisted columns are dropped");
    assert_eq!(tool.run("protect in.csv --policy p.toml --keyset k --threads 0 -o x.csv").exit, Some(2));
}

#[test]
fn blank_cells_by_the_policy() {
    let tool = Tool::with_vault();
    let policy = |empty: &str| {
        format!(
            "version = 1\ntenant = \"t\"\nsubject = \"id\"\n[field]\nid = {{ protect = \"keep\" }}\n\
             x = {{ protect = \"seal\", empty = \"{empty}\" }}\ny = {{ protect = \"keep\", empty = \"{empty}\" }}\n"
        )
    };
    tool.write("keep.toml", policy("keep"));
    tool.write("error.toml", policy("error"));
    tool.write("in.csv", "id,x,y\n1,a,b\n2,,b\n3,\"  \",b\n4,a,\n");
    tool.ok("protect in.csv --policy keep.toml --vault v -o safe.csv");
    tool.ok("reveal safe.csv --vault v -o back.csv");
    assert_eq!(cells(&tool.read("back.csv"), b','), cells(&tool.read("in.csv"), b','));
    assert_eq!(
        tool.census(),
        [
            "version 1: 2 subject-key of tenant \"t\"",
            "version 1: 2 row of tenant \"t\"",
            "version 1: 2 seal of tenant \"t\" field \"x\""
        ]
    );

    tool.fails(
        3,
        "protect in.csv --policy error.toml --vault v -o no.csv",
        "line 3, column \"x\": value is empty",
    );
    tool.run("protect in.csv --policy error.toml --vault v -o some.csv --rejects r.csv")
        .with_exit("protect", 1);
    assert_eq!(
        tool.text("r.csv"),
        "line,column,reason\n3,x,value is empty\n4,x,value is empty\n5,y,value is empty\n"
    );
    assert_eq!(cells(&tool.read("some.csv"), b',').len(), 2);
    assert!(tool.text("some.csv.manifest.json").contains("\"protected\": 1,"), "rejected rows do not count");
    tool.clean();
}

#[test]
fn a_file_with_a_header_only() {
    let tool = Tool::with_vault();
    tool.write("p.toml", EVERY_MODE);
    for (name, ends) in [("a", "\n"), ("b", ""), ("c", "\r\n")] {
        tool.write("in.csv", HEADER.join(",") + ends);
        // A second time, too: an empty export is no protected file.
        for out in ["x", "y"] {
            let ran = tool
                .ok(&format!("protect in.csv --policy p.toml --vault v -o {name}{out}.csv --rejects r.csv"));
            assert_eq!(ran.err, "protected 0 rows\n");
            tool.ok(&format!("reveal {name}{out}.csv --vault v -o back.csv"));
            let header: Vec<_> = HEADER[..14].iter().map(|h| h.as_bytes().to_vec()).collect();
            assert_eq!(cells(&tool.read("back.csv"), b','), [header]);
        }
    }
    tool.write("plain.toml", "version = 1\ntenant = \"t\"\n[field.a]\nprotect = \"keep\"\n");
    tool.write("plain.csv", "a\n1\n");
    for out in ["1", "2"] {
        tool.ok(&format!("protect plain.csv --policy plain.toml --vault v -o plain{out}.csv"));
    }
    tool.clean();
}

#[test]
fn rejects_name_line_column_and_reason() {
    let tool = Tool::with_keyset();
    tool.write(
        "p.toml",
        "version = 1\ntenant = \"t\"\n[field]\nphone = { protect = \"token\", format = \"digits\", length = \"7\" }\n\
         note = { protect = \"keep\" }\nborn = { protect = \"generalize\", to = \"year\" }\n",
    );
    let text = "phone,note,born\n1234567,\"one\ntwo\nthree\",1980-01-01\n12x4567,bad,1980-01-01\n\n1234567,ragged\n\
                7654321,\"a\n\",x\n12345,\"\n\n\",y\n1234567,good,1999-12-31\n";
    let expected = "line,column,reason\n5,phone,character 3 of the value is not of the alphabet or a separator\n\
                    7,,\"the row has 2 cells, the header 3\"\n8,born,value is no calendar date in the declared pattern\n\
                    10,phone,value has too few or too many characters for its format\n10,born,value is no calendar date in the declared pattern\n";
    for (name, text) in [("lf", text.to_owned()), ("crlf", text.replace('\n', "\r\n"))] {
        tool.write("in.csv", &text);
        let ran = tool.run(&format!(
            "protect in.csv --policy p.toml --keyset k -o {name}.csv --rejects {name}.rejects"
        ));
        assert_eq!(
            (ran.exit, ran.err),
            (Some(1), format!("protected 2 rows, rejected 4: see {name}.rejects\n"))
        );
        assert_eq!(tool.text(&format!("{name}.rejects")), expected, "{name}");
        let manifest = tool.json(&format!("{name}.csv.manifest.json"));
        assert_eq!(
            (&manifest["rows_read"], &manifest["rows_written"], &manifest["rows_rejected"]),
            (&6.into(), &2.into(), &4.into())
        );
        tool.ok(&format!("reveal {name}.csv --keyset k -o {name}.back"));
        assert_eq!(column(&tool.read(&format!("{name}.back")), b',', "phone"), [b"1234567", b"1234567"]);
        let ran = tool.fails(
            3,
            "protect in.csv --policy p.toml --keyset k -o no.csv",
            "line 5, column \"phone\": character 3 of the value",
        );
        assert_eq!(ran.err.lines().count(), 1);
    }
}

#[test]
fn progress_is_for_terminals() {
    let tool = Tool::with_keyset();
    tool.write("p.toml", DETERMINISTIC);
    tool.write("in.csv", csv(&rows(20_000), b',', "\n"));
    let ran = tool.ok("protect in.csv --policy p.toml --keyset k -o safe.csv");
    assert_eq!(ran.err, "protected 20000 rows\n");
}
