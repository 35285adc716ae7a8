//! `cloakroom` on everything that it cannot use: an exit code, a message that says what to do, no output, no partial
//! file, and a vault that is whole.

mod tool;

use cloakroom::keys::Keyset;
use std::fs::{self, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};
use tool::{Rows, Tool, cells, column, csv};

const POLICY: &str = r#"
version = 1
tenant = "acme"
subject = "id"
[field.id]
protect = "pseudonym"
scope = "a"
[field.name]
protect = "seal"
[field.mail]
protect = "seal"
[field.phone]
protect = "token"
format = "digits"
length = "9"
[field.note]
protect = "keep"
"#;

const GOOD: &str =
    "id,name,mail,phone,note\n1,Ann,ann@example.org,123456789,a\n2,Bob,bob@example.org,987654321,b\n";
const PROTECT: &str = "protect in.csv --policy p.toml --vault v -o out.csv";
const WITHOUT_VAULT: &str = "protect in.csv --policy p.toml --keyset k -o out.csv";

/// A vault `v` and a keyset `k`, the policy and a good file; both protected, as `v.csv` and `k.csv`.
fn ready() -> Tool {
    let tool = Tool::with_vault();
    tool.ok("keys create k");
    tool.write("p.toml", POLICY);
    tool.write("in.csv", GOOD);
    tool.ok("protect in.csv --policy p.toml --vault v -o v.csv");
    tool.ok("protect in.csv --policy p.toml --keyset k -o k.csv");
    tool
}

/// Both commands refuse the file.
#[track_caller]
fn refused(tool: &Tool, input: impl AsRef<[u8]>, exit: i32, says: &str) {
    tool.write("in.csv", input);
    tool.fails(exit, WITHOUT_VAULT, says);
    tool.fails(exit, PROTECT, says);
    tool.clean();
}

#[test]
fn wrong_keys() {
    let tool = ready();
    tool.ok("keys create other --key-file key2");
    for line in [
        "check --vault v",
        "keys list --keyset k",
        "reveal k.csv --keyset k -o back.csv",
        WITHOUT_VAULT,
        PROTECT,
    ] {
        tool.fails(
            4,
            &format!("{line} --key-file key2"),
            "the keyset does not open: wrong passphrase or key file",
        );
    }
    // A passphrase for what a key file locks is refused before it costs anything.
    tool.write("words", "wrong");
    fs::set_permissions(tool.path("words"), Permissions::from_mode(0o600)).unwrap();
    tool.fails(4, "check --vault v --passphrase-file words", "");
    tool.fails(7, "check --vault v --key-file none", "none: No such file");
    fs::set_permissions(tool.path("key"), Permissions::from_mode(0o640)).unwrap();
    tool.fails(
        4,
        "check --vault v",
        "key: can be read or written by others than its owner; run `chmod 600` on it",
    );
    fs::set_permissions(tool.path("words"), Permissions::from_mode(0o604)).unwrap();
    tool.fails(4, "check --vault v --passphrase-file words", "run `chmod 600` on it");
    fs::set_permissions(tool.path("key"), Permissions::from_mode(0o600)).unwrap();
    tool.fails(4, "check --vault v --key-file in.csv", "in.csv");
    tool.clean();
}

#[test]
fn a_wrong_passphrase_and_none_at_all() {
    let tool = Tool::new();
    let run = |line: &str, passphrase: Option<&str>| {
        let mut command = tool.command(line);
        command.env_remove("CLOAKROOM_KEY_FILE").stdin(std::process::Stdio::null());
        passphrase.map(|p| command.env("CLOAKROOM_PASSPHRASE", p));
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(run("keys create k", Some("right")).0, Some(0));
    let (exit, says) = run("keys list --keyset k", Some("wrong"));
    assert_eq!((exit, says.contains("wrong passphrase or key file")), (Some(4), true), "{says}");
    let (exit, says) = run("keys list --keyset k", None);
    assert_eq!(exit, Some(4));
    assert!(says.contains("give --passphrase-file or --key-file, or set CLOAKROOM_PASSPHRASE"), "{says}");
    assert_eq!(run("keys list --keyset k", Some("")).0, Some(4));
}

#[test]
fn damaged_and_foreign_keysets() {
    let tool = ready();
    let keyset = tool.read("k");
    let provider = tool.key();
    assert!(Keyset::unlock(&keyset, &provider).is_ok());
    for at in 0..keyset.len() {
        assert!(Keyset::unlock(&keyset[..at], &provider).is_err(), "cut at {at}");
        for flip in [1, 0x80] {
            let mut flipped = keyset.clone();
            flipped[at] ^= flip;
            assert!(Keyset::unlock(&flipped, &provider).is_err(), "byte {at}");
        }
    }
    let last = keyset.len() - 1;
    for (bytes, exit) in [(&keyset[..0], 5), (&keyset[..last], 4), (&b"no keyset at all"[..], 5)] {
        tool.write("k", bytes);
        let ran = tool.run("reveal k.csv --keyset k -o back.csv");
        assert!(ran.exit == Some(exit) || ran.exit == Some(4) || ran.exit == Some(5), "{ran:?}");
        assert!(ran.err.contains("keyset") && !tool.exists("back.csv"), "{ran:?}");
    }
    let mut flipped = keyset.clone();
    flipped[last] ^= 1;
    tool.write("k", flipped);
    tool.fails(4, "reveal k.csv --keyset k -o back.csv", "the keyset file was altered");
    tool.write("k", &keyset);

    tool.ok("keys create k2");
    tool.fails(
        4,
        "reveal k.csv --keyset k2 -o back.csv",
        "was made with key version 1 of another keyset (check value ",
    );
    fs::copy(tool.path("v/keyset"), tool.path("v-keyset")).unwrap();
    fs::copy(tool.path("k2"), tool.path("v/keyset")).unwrap();
    tool.fails(5, "check --vault v", "keyset file belongs to another vault");
    fs::copy(tool.path("v-keyset"), tool.path("v/keyset")).unwrap();
    tool.clean();
}

#[test]
fn what_is_no_vault() {
    let tool = ready();
    fs::create_dir(tool.path("empty")).unwrap();
    tool.fails(2, "check --vault empty", "empty: is no vault");
    tool.fails(2, "check --vault none", "none: does not exist; `cloakroom init` makes a vault");
    tool.fails(2, "check --vault in.csv", "in.csv: is no directory");
    tool.fails(2, "protect in.csv --policy p.toml --vault empty -o out.csv", "is no vault");
    tool.fails(7, "keys list --keyset none", "none");
    tool.fails(7, "keys list --keyset v", "v");
}

#[test]
fn one_process_at_a_time() {
    let tool = ready();
    let mut first = tool.start("protect - --policy p.toml --vault v -o first.csv");
    let start = Instant::now();
    while !tool.exists("first.csv.partial") {
        assert!(start.elapsed() < Duration::from_secs(20), "the first process does not start");
        std::thread::sleep(Duration::from_millis(5));
    }
    for line in
        ["check --vault v", "rotate --vault v", "migrate --vault v", "reveal v.csv --vault v -o back.csv"]
    {
        tool.fails(6, line, "in use by another process");
    }
    tool.fails(
        6,
        "protect in.csv --policy p.toml --keyset k -o first.csv",
        "first.csv is in use by another process",
    );
    first.stdin.take().unwrap().write_all(GOOD.as_bytes()).unwrap();
    assert!(first.wait().unwrap().success());
    assert_eq!(cells(&tool.read("first.csv"), b',').len(), 3);
    tool.clean();
}

#[test]
fn ragged_and_odd_files() {
    let tool = ready();
    refused(&tool, "", 3, "input: is empty: not even a header");
    refused(&tool, "\n\n", 3, "input: is empty");
    refused(&tool, format!("{GOOD}3,x\n"), 3, "line 4: the row has 2 cells, the header 5");
    refused(&tool, format!("{GOOD}3,a,b,123456789,c,d\n"), 3, "line 4: the row has 6 cells, the header 5");
    refused(&tool, GOOD.replace("name", "mail"), 3, "has a header with one name twice, in columns 2 and 3");
    refused(&tool, GOOD.replace("name", " id "), 3, "one name twice, in columns 1 and 2");
    refused(&tool, GOOD.replace("name", "nome"), 3, "has no column \"name\", which the policy names");
    refused(
        &tool,
        GOOD.replace("note", "note,more"),
        3,
        "has a column \"more\" that the policy does not name; name it, or",
    );
    refused(&tool, b"id,n\xFFme\n", 3, "has a header that is not UTF-8");
    refused(&tool, b"\xFF\xFEi\0d\0", 3, "not UTF-8");
    refused(
        &tool,
        GOOD.replace("123456789", "12345678x"),
        3,
        "line 2, column \"phone\": character 9 of the value is not of the alphabet or a separator",
    );
    refused(
        &tool,
        GOOD.replace("123456789", "12345678"),
        3,
        "line 2, column \"phone\": value has too few or too many",
    );
    tool.write("in.csv", GOOD.replace("\n2,", "\n ,"));
    tool.fails(3, PROTECT, "line 3, column \"id\": subject id is empty");
    tool.fails(7, "protect none.csv --policy p.toml --keyset k -o out.csv", "none.csv: No such file");
    tool.fails(3, "protect v --policy p.toml --keyset k -o out.csv", "v is a directory");
    tool.write(
        "drop.toml",
        "version = 1\ntenant = \"a\"\nunlisted = \"drop\"\n[field.id]\nprotect = \"drop\"\n",
    );
    tool.fails(3, "protect in.csv --policy drop.toml --keyset k -o out.csv", "the policy drops them all");
    tool.clean();
}

#[test]
fn bytes_that_are_no_text() {
    let tool = ready();
    let with = |column: usize| {
        let mut rows = cells(GOOD.as_bytes(), b',');
        rows[2][column] = b"\xFF\xFE\x00\x80".to_vec();
        csv(&rows, b',', "\n")
    };
    refused(&tool, with(3), 3, "line 3, column \"phone\": value is not UTF-8");
    refused(&tool, with(0), 3, "line 3, column \"id\": value is not UTF-8");
    for column in [1, 4] {
        tool.write("in.csv", with(column));
        for (holder, out) in [("--vault v", "ov.csv"), ("--keyset k", "ok.csv")] {
            tool.ok(&format!("protect in.csv --policy p.toml {holder} -o {out}"));
            tool.ok(&format!("reveal {out} {holder} -o back.csv"));
            assert_eq!(cells(&tool.read("back.csv"), b',')[2][column], b"\xFF\xFE\x00\x80");
        }
    }
    tool.clean();
}

#[test]
fn a_cell_of_ten_megabytes() {
    let tool = ready();
    let long = "x".repeat(10 << 20);
    refused(
        &tool,
        GOOD.replace("123456789", &"1".repeat(10 << 20)),
        3,
        "line 2, column \"phone\": value has too few or too many",
    );
    tool.write("in.csv", GOOD.replace(",a\n", &format!(",{long}\n")));
    tool.ok(PROTECT);
    tool.ok("reveal out.csv --vault v -o back.csv");
    assert_eq!(column(&tool.read("back.csv"), b',', "note")[0], long.as_bytes());

    tool.clean();
}

#[test]
fn a_sealed_cell_of_ten_megabytes() {
    let tool = ready();
    let long = "x".repeat(10 << 20);
    tool.write("in.csv", GOOD.replace("Bob", &long));
    tool.ok("protect in.csv --policy p.toml --keyset k -o sealed.csv");
    tool.ok("reveal sealed.csv --keyset k -o back.csv");
    assert_eq!(column(&tool.read("back.csv"), b',', "name")[1], long.as_bytes());
    tool.fails(
        3,
        "protect in.csv --policy p.toml --vault v -o no.csv",
        "line 3, column \"name\": value is too large",
    );
    tool.run("protect in.csv --policy p.toml --vault v -o some.csv --rejects r.csv").with_exit("protect", 1);
    assert!(
        tool.text("r.csv").starts_with("line,column,reason\n3,name,\"value is too large"),
        "{}",
        tool.text("r.csv")
    );
    assert_eq!(cells(&tool.read("some.csv"), b',').len(), 2);
    tool.clean();

    // Just under the vault's limit; the row counts, not the cell.
    let (half, most) = ("y".repeat(600_000), "z".repeat(1_030_000));
    tool.write("in.csv", GOOD.replace("Bob", &most));
    tool.ok("protect in.csv --policy p.toml --vault v -o most.csv");
    tool.ok("reveal most.csv --vault v -o back.csv");
    assert_eq!(column(&tool.read("back.csv"), b',', "name")[1], most.as_bytes());
    tool.write("in.csv", GOOD.replace("Bob", &half).replace("bob@", &half));
    tool.fails(
        3,
        "protect in.csv --policy p.toml --vault v -o no.csv",
        "line 3, column \"mail\": value is too large",
    );
    tool.clean();
}

#[test]
fn an_open_quote() {
    let tool = ready();
    // The rest of the file would become one cell, and a kept column would carry it out in the clear.
    refused(
        &tool,
        GOOD.replace(",a\n", ",\"a\n"),
        3,
        "line 2, column \"note\": a quote is opened and not closed",
    );
    refused(&tool, GOOD.replace("note\n", "\"note\n"), 3, "a quote is opened and not closed");
    refused(&tool, GOOD.replace("b\n", "\"b"), 3, "line 3, column \"note\": a quote");
    refused(&tool, GOOD.replace("b\n", "\"b\"\""), 3, "line 3, column \"note\": a quote");
    tool.write("in.csv", GOOD.replace("b\n", "\"b\""));
    tool.ok(WITHOUT_VAULT);
    assert_eq!(column(&tool.read("out.csv"), b',', "note")[1], b"b");

    // One that never ends is given up on, with little read.
    for holder in ["--keyset k", "--vault v"] {
        let before = tool.listing();
        let line = format!("protect - --policy p.toml {holder} -o no.csv");
        let mut child = tool.start(&line);
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(format!("{GOOD}3,\"x").as_bytes()).unwrap();
        let (chunk, mut taken) = (vec![b'x'; 1 << 16], 0usize);
        let failed = loop {
            match stdin.write(&chunk) {
                Ok(n) => taken += n,
                Err(e) => break e,
            }
            assert!(taken < 80 << 20, "it goes on reading");
        };
        assert_eq!(failed.kind(), ErrorKind::BrokenPipe);
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        let ran = tool::Ran { exit: child.wait().unwrap().code(), out: vec![], err };
        tool.failed(ran, 3, &line, "the record is longer than 64 MiB; is a quote left open?", &before);
    }
    tool.clean();
}

// SPEC: MAN-7
#[test]
fn manifests_that_do_not_fit() {
    let tool = ready();
    tool.fails(
        4,
        "reveal in.csv --keyset k -o back.csv",
        "in.csv.manifest.json does not exist; name it with --manifest",
    );
    let manifest = tool.text("k.csv.manifest.json");
    for (from, to) in [
        ("\"phone\"", "\"mobile\""),
        ("\"digits\"", "\"alphanumeric\""),
        ("\"acme\"", "\"other\""),
        ("\"rows_read\": 2", "\"rows_read\": 3"),
        ("\"vault\": false", "\"vault\": true"),
        ("\"subject\": \"id\"", "\"subject\": null"),
        ("\"mac\": \"", "\"mac\": \"0"),
    ] {
        assert!(manifest.contains(from), "{from}");
        tool.write("m.json", manifest.replacen(from, to, 1));
        tool.fails(4, "reveal k.csv --keyset k --manifest m.json -o back.csv", "manifest: ");
    }
    for (text, says) in [
        ("", "manifest: is no JSON"),
        ("{}", "lacks some"),
        ("[1]", "manifest: "),
        (&manifest[..manifest.len() / 2], "is no JSON"),
        (
            &manifest.replacen("\"tenant\"", "\"more\": 1, \"tenant\"", 1),
            "has fields that this release does not know",
        ),
        (
            &manifest.replacen("\"cloakroom_manifest\": 2", "\"cloakroom_manifest\": 3", 1),
            "has format 3, this release reads 1 to 2",
        ),
    ] {
        tool.write("m.json", text);
        tool.fails(4, "reveal k.csv --keyset k --manifest m.json -o back.csv", says);
    }
    // A token of another version: the manifest cannot be made to say so.
    tool.ok("rotate --keyset k");
    tool.ok("protect in.csv --policy p.toml --keyset k -o k2.csv");
    tool.write(
        "m.json",
        tool.text("k2.csv.manifest.json").replace("\"key_version\": 2", "\"key_version\": 1"),
    );
    tool.fails(4, "reveal k2.csv --keyset k --manifest m.json -o back.csv", "was made with key version 1");
    // Another file's: its hash tells, where that is not asked sealed cells do, and so do missing columns.
    let reveal = "reveal k2.csv --keyset k --manifest k.csv.manifest.json -o back.csv";
    tool.fails(4, reveal, "manifest: is another file's");
    tool.fails(3, &format!("{reveal} --changed"), "line 2, column \"name\": rejected");
    assert!(!tool.exists("back.csv"));
    tool.write("other.csv", "a,b\n1,2\n");
    tool.fails(
        4,
        "reveal other.csv --keyset k --manifest k.csv.manifest.json -o back.csv",
        "does not have column 1 of the input",
    );
    tool.fails(4, "reveal v.csv --keyset k -o back.csv", "of another keyset");
    tool.fails(4, "reveal k.csv --vault v -o back.csv", "of another keyset");
    tool.fails(
        3,
        "reveal in.csv --changed --keyset k --manifest k.csv.manifest.json -o back.csv",
        "column \"name\": value is no envelope",
    );
}

#[test]
fn sealed_cells_in_another_place() {
    let tool = ready();
    for (file, holder) in [("v.csv", "--vault v"), ("k.csv", "--keyset k")] {
        let good = cells(&tool.read(file), b',');
        let reveal =
            format!("reveal moved.csv --changed {holder} --manifest {file}.manifest.json -o back.csv");
        let moved = |change: &dyn Fn(&mut Rows), says: &str| {
            let mut rows = good.clone();
            change(&mut rows);
            tool.write("moved.csv", csv(&rows, b',', "\n"));
            tool.fails(3, &reveal, says);
        };
        moved(&|rows| rows[1][1] = good[2][1].clone(), "line 2, column \"name\": ");
        moved(&|rows| rows[1].swap(1, 2), "line 2, column \"name\": ");
        moved(&|rows| rows[1][0] = good[2][0].clone(), "line 2, column \"name\": ");
        moved(&|rows| rows[2][2].truncate(20), "line 3, column \"mail\": ");
        moved(&|rows| rows[2][2][10] ^= 1, "line 3, column \"mail\": ");
        moved(&|rows| rows[1][2] = b"ann@example.org".to_vec(), "line 2, column \"mail\": value is no");
        moved(&|rows| rows[1][3] = b"12".to_vec(), "line 2, column \"phone\": ");
    }
    tool.clean();
}

#[test]
fn policies_that_are_wrong() {
    let tool = ready();
    for (policy, says) in [
        (
            POLICY.replacen("\"seal\"", "\"hide\"", 1),
            "policy line 9, field \"name\": `protect` must be one of",
        ),
        (
            POLICY.replace("length = \"9\"", "length = \"5\""),
            "field \"phone\": `format` a domain of 10^5 values is below",
        ),
        (
            POLICY.replace("scope = \"a\"", "colour = 1"),
            "policy line 7, field \"id\": unknown field `colour`",
        ),
        (
            POLICY.replace("subject = \"id\"", "subject = \"x\""),
            "policy line 4: `subject` names \"x\", which is no field",
        ),
        (POLICY.replace("version = 1", "version = 9"), "policy line 2: `version` must be 1"),
        (POLICY.replace("tenant = \"acme\"", ""), "missing field `tenant`"),
        (String::new(), "policy line 1: "),
        (GOOD.into(), "policy line 1"),
    ] {
        tool.write("p.toml", policy);
        tool.fails(2, PROTECT, says);
    }
    tool.write("p.toml", b"version = \xFF");
    tool.fails(2, PROTECT, "p.toml is not UTF-8");
    tool.fails(7, "protect in.csv --policy none.toml --vault v -o out.csv", "none.toml: No such file");
    tool.write("p.toml", POLICY.replace("subject = \"id\"", ""));
    tool.fails(
        2,
        PROTECT,
        "policy: must name its `subject` column for sealed fields and random tokens to go into a vault",
    );
    tool.clean();
}

/// Many rows with two sealed cells each.
fn large(rows: usize) -> String {
    let row = |i: usize| format!("{i},name {i},mail {i},{:09},{}\n", i * 7919, "n".repeat(100));
    (0..rows).fold("id,name,mail,phone,note\n".to_owned(), |csv, i| csv + &row(i))
}

#[test]
fn a_full_disk() {
    let tool = ready();
    tool.write("in.csv", large(4_000));
    let census = tool.census();
    for (line, says) in [
        // The output, then what the vault itself writes.
        (format!("trap '' XFSZ; ulimit -f 500; $C {WITHOUT_VAULT}"), "write the output: File too large"),
        (format!("trap '' XFSZ; ulimit -f 2; $C {WITHOUT_VAULT}"), "write the output: File too large"),
        (format!("trap '' XFSZ; ulimit -f 600; $C {PROTECT}"), ""),
        (format!("trap '' XFSZ; ulimit -f 1; $C {PROTECT}"), ""),
    ] {
        let before = tool.listing();
        let ran = tool.shell(&line);
        assert!(matches!(ran.exit, Some(7 | 5)), "{line}: {ran:?}");
        assert!(ran.err.contains(says), "{line}: {ran:?}");
        assert_eq!(tool.listing(), before, "{line}");
        tool.clean();
        assert_eq!(tool.census(), census, "{line}");
    }
    tool.ok(PROTECT);
    tool.clean();
}

#[test]
fn places_that_cannot_be_written() {
    let tool = ready();
    tool.fails(7, "protect in.csv --policy p.toml --vault v -o none/out.csv", "none");
    tool.fails(7, "protect in.csv --policy p.toml --vault v -o in.csv/out.csv", "in.csv");
    tool.fails(7, "protect in.csv --policy p.toml --vault v -o out.csv --manifest none/m", "none");
    tool.fails(7, "protect in.csv --policy p.toml --vault v -o out.csv --rejects none/r", "none");
    tool.fails(7, "keys create none/k", "none");
    tool.fails(7, "init none/v", "none");
    fs::create_dir(tool.path("ro")).unwrap();
    fs::set_permissions(tool.path("ro"), Permissions::from_mode(0o555)).unwrap();
    if fs::write(tool.path("ro/probe"), "").is_ok() {
        eprintln!("permission bits do not bind this user: the read-only directory is not tested");
    } else {
        tool.fails(7, "protect in.csv --policy p.toml --vault v -o ro/out.csv", "ro/out.csv");
        tool.fails(7, "reveal v.csv --vault v -o ro/back.csv", "ro/back.csv");
    }
    fs::set_permissions(tool.path("ro"), Permissions::from_mode(0o755)).unwrap();
    tool.clean();
}

#[test]
fn a_reader_that_goes_away() {
    let tool = ready();
    tool.write("in.csv", large(4_000));
    let census = tool.census();
    for line in [
        "protect in.csv --policy p.toml --vault v -o - --manifest m.json",
        "protect in.csv --policy p.toml --keyset k -o - --manifest m.json",
    ] {
        let before = tool.listing();
        let mut child = tool.start(line);
        let mut some = [0; 100];
        let mut out = child.stdout.take().unwrap();
        out.read_exact(&mut some).unwrap();
        drop(out);
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        let ran = tool::Ran { exit: child.wait().unwrap().code(), out: vec![], err };
        tool.failed(ran, 7, line, "write the output: Broken pipe", &before);
        assert_eq!(tool.census(), census);
        tool.clean();
    }
    let ran = tool.shell("$C keys list --vault v > /dev/full");
    assert_eq!(ran.exit, Some(7), "{ran:?}");
    let ran = tool.shell("$C subject show 1 --vault v > /dev/full");
    assert_eq!(ran.exit, Some(7), "{ran:?}");
    // With nowhere to complain the exit code still tells.
    assert_eq!(tool.shell("$C check --vault none 2> /dev/full").exit, Some(2));
}
