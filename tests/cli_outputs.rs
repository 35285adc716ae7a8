//! What commands write to files: over nothing that is needed or holds keys, and nothing is left of a run that was stopped.

mod tool;

use std::collections::BTreeSet;
use tool::*;

const POLICY: &str = r#"
version = 1
tenant = "acme"
subject = "id"

[field.id]
protect = "keep"

[field.email]
protect = "seal"

[field.ref]
protect = "pseudonym"
scope = "a"

[[bridge]]
from = "a"
to = "b"

[register]
controller = "Acme"
"#;

/// Every command with an option that names a file to be written, and which option it is; the file is `OUT`.
const WRITERS: [(&str, &str); 27] = [
    ("report --vault v", "--html OUT"),
    ("report --vault v", "--json OUT"),
    ("breach radius --vault v", "--json OUT"),
    ("breach radius --vault v", "--report OUT"),
    ("breach radius --vault v --list --as bob", "--request OUT"),
    ("subject export 1 --vault v", "-o OUT"),
    ("subject export 1 --vault v -o e", "--request OUT"),
    ("subject show 1 --vault v", "--request OUT"),
    ("subject erase 1 --vault v", "--receipt OUT"),
    ("audit head --vault v", "-o OUT"),
    ("audit export --vault v", "-o OUT"),
    ("audit prove --vault v --leaf 0", "-o OUT"),
    ("audit prove-consistency --vault v --from head.json", "-o OUT"),
    ("approve r.json --key bob.key --principal bob", "-o OUT"),
    ("protect in.csv --policy policy.toml --vault v", "-o OUT"),
    ("protect in.csv --policy policy.toml --vault v -o q", "--manifest OUT"),
    ("protect in.csv --policy policy.toml --vault v -o q", "--rejects OUT"),
    ("reveal p --vault v", "-o OUT"),
    ("reveal p --vault v -o q", "--rejects OUT"),
    ("reveal p --vault v -o q", "--request OUT"),
    ("migrate --file p --vault v", "-o OUT"),
    ("migrate --file p --vault v -o q", "--rejects OUT"),
    ("bridge p --column ref --to b --policy policy.toml --vault v", "-o OUT"),
    ("bridge p --column ref --to b --policy policy.toml --vault v -o q", "--rejects OUT"),
    ("keys destroy 1 --vault v", "--request OUT"),
    ("keys compromise 1 --vault v", "--request OUT"),
    ("policy install policy.toml --vault v", "--request OUT"),
];

/// Files that hold keys or a manifest, also of a keyset and a vault that the commands do not name.
const PRECIOUS: [&str; 10] = [
    "v/keyset",
    "v/store/db",
    "key",
    "w/keyset",
    "w/store/db",
    "k",
    "bob.key",
    "recipient.key",
    "other.manifest.json",
    "half.partial",
];

fn ready() -> Tool {
    let tool = Tool::with_vault();
    tool.ok("init w");
    tool.ok("keys create k");
    tool.ok("principal keygen bob.key");
    tool.ok("export keygen recipient.key");
    tool.write("policy.toml", POLICY);
    tool.write("in.csv", "id,email,ref\n1,a@example.org,x\n2,b@example.org,y\n");
    tool.ok("protect in.csv --policy policy.toml --vault v -o p");
    tool.ok("protect in.csv --policy policy.toml --vault v -o other");
    tool.ok("audit head --vault v -o head.json");
    tool.write("r.json", "{}");
    tool.write("half.partial", tool.read("key"));
    tool
}

#[test]
fn no_command_writes_over_keys_stores_and_manifests() {
    let tool = ready();
    let contents = || PRECIOUS.map(|file| tool.read(file));
    let before = contents();
    for (line, option) in WRITERS {
        for file in PRECIOUS {
            if option.starts_with("--manifest") && file.ends_with(".manifest.json") {
                continue; // a manifest is replaced by a manifest
            }
            // The partial file would be written over, too.
            let named = file.trim_end_matches(".partial");
            let line = format!("{line} {}", option.replace("OUT", named));
            let ran = tool.fails(2, &line, "choose another file");
            assert!(ran.out.is_empty(), "{line}");
            assert!(ran.err.contains(file) || ran.err.contains(named), "{line}: {}", ran.err);
        }
        let new = format!("{line} {}", option.replace("OUT", "w/new"));
        tool.fails(2, &new, "is inside of the vault");
    }
    assert_eq!(contents(), before);
    tool.clean();
    // A store is known without its keyset.
    std::fs::rename(tool.path("w/keyset"), tool.path("moved")).unwrap();
    tool.fails(2, "report --vault v --json w/store/db", "is inside of the vault");
    tool.fails(2, "report --vault v --json w/store/format", "is inside of the vault");
}

#[test]
fn every_command_that_writes_a_file_is_tried_here() {
    let tool = Tool::new();
    for (option, help) in [
        ("-o", "-o, --output"),
        ("--json", "--json <"),
        ("--html", "--html <"),
        ("--report", "--report <"),
        ("--receipt", "--receipt <"),
        ("--request", "--request <"),
        ("--rejects", "--rejects <"),
    ] {
        let tried: BTreeSet<String> = WRITERS
            .iter()
            .filter(|(_, written)| written.starts_with(option))
            .map(|(line, _)| words(line))
            .collect();
        assert_eq!(tool.commands_with(help), tried.into_iter().collect::<Vec<_>>(), "{option}");
    }
}

/// The words that name the command.
fn words(line: &str) -> String {
    let of_two = ["breach", "subject", "audit", "keys", "policy"];
    let count = if of_two.iter().any(|first| line.starts_with(first)) { 2 } else { 1 };
    line.split_whitespace().take(count).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_a_command_reads_is_not_written_over() {
    let tool = ready();
    tool.write("pass", "correct horse battery staple\n");
    tool.write("a.json", "{}");
    for line in [
        "report --vault v --json pass --passphrase-file pass",
        "subject erase 1 --vault v --receipt pass --passphrase-file pass",
        "audit head --vault v -o pass --passphrase-file pass",
        "audit prove-consistency --vault v --from head.json -o head.json",
        "approve r.json --key bob.key --principal bob -o r.json",
        "subject export 1 --vault v --approval a.json -o a.json",
        "reveal p --vault v --approval a.json -o a.json",
        "breach radius --vault v --list --as bob --approval a.json --json a.json",
        "policy install policy.toml --vault v --request policy.toml",
    ] {
        tool.fails(2, line, "would overwrite what is needed: choose another file");
    }
    for line in ["principal keygen half", "export keygen half", "keys create half"] {
        tool.fails(2, line, "half.partial exists and holds a key: choose another file");
    }
    tool.fails(2, "report --vault v --html r --json r", "r would be written twice");
    tool.fails(2, "report --vault v --html r --json ./r", "would be written twice");
    tool.fails(2, "breach radius --vault v --report r --json r", "would be written twice");
}

#[test]
fn a_result_replaces_data_and_a_file_of_its_kind_alone() {
    let tool = ready();
    for (file, holds) in [
        ("w/keyset", "a keyset"),
        ("key", "a key"),
        ("bob.key", "a secret key"),
        ("recipient.key", "a secret key"),
        ("other.manifest.json", "a manifest"),
    ] {
        let file = if file == "w/keyset" { "copy" } else { file };
        tool.write("copy", tool.read("w/keyset"));
        let line = format!("approve r.json --key no.key --principal bob -o {file}");
        tool.fails(2, &line, &format!("{file} exists and holds {holds}: choose another file, or remove it"));
    }
    let protect = "protect in.csv --policy policy.toml --vault v";
    tool.write("customers.csv", "id,email\n1,a@example.org\n");
    tool.fails(
        2,
        &format!("{protect} -o q --rejects customers.csv"),
        "customers.csv exists and holds no rejects",
    );
    tool.fails(
        2,
        &format!("{protect} -o q --manifest customers.csv"),
        "customers.csv exists and holds no manifest",
    );
    // Rejects over rejects, also over none; a manifest over a manifest; data over data.
    tool.write("bad.csv", "id,email,ref\n1,a@example.org\n");
    let line = "protect bad.csv --policy policy.toml --vault w -o q --rejects r";
    tool.write("r", "");
    for _ in 0..2 {
        assert_eq!(tool.run(line).exit, Some(1));
        assert!(tool.text("r").starts_with("line,column,reason\n2,"));
    }
    tool.ok(&format!("{protect} -o customers.csv"));
    tool.ok("reveal p --vault v -o customers.csv");
    tool.ok("reveal p --vault v -o fresh.csv");
    assert_eq!(tool.read("customers.csv"), tool.read("fresh.csv"));
}

#[test]
fn an_id_on_standard_input_is_one_line_alone() {
    let tool = ready();
    for line in [
        "subject show - --vault v",
        "subject export - --vault v",
        "subject erase - --vault v",
        "subject restrict - --vault v --reason x",
        "subject lift - --vault v",
        "subject hold - case --vault v",
        "subject release - case --vault v",
        "subject object - news --vault v",
        "subject retract - news --vault v",
        "subject canary - on --vault v",
        "consent show - --vault v",
        "consent grant - news --vault v",
        "consent withdraw - news --vault v",
    ] {
        for input in ["1\n2\n", "1\n\n", "1\r\n2"] {
            assert!(
                tool.fails_with(2, line, input.as_bytes(), "goes on after one id").out.is_empty(),
                "{line}"
            );
        }
        tool.fails_with(3, line, b"", "is missing on standard input");
    }
    for (id, input) in [("1", "new\nmore\n"), ("-", "1\nnew\nmore\n")] {
        let line = format!("subject rectify {id} email --vault v --all");
        tool.fails_with(2, &line, input.as_bytes(), "goes on after one value");
    }
    // Both are there still, as they were; and one line is enough, with its end or without.
    for (id, value) in [("1", "a@example.org"), ("2", "b@example.org")] {
        let shown = tool.run_with("subject show - --vault v", format!("{id}\n").as_bytes());
        assert!(shown.text().contains(value), "{}", shown.err);
    }
    let line = "subject rectify - email --vault v --all";
    assert_eq!(tool.run_with(line, b"1\nnew@example.org").exit, Some(0));
    assert_eq!(tool.run_with("subject erase - --vault v", b"1").exit, Some(0));
    tool.clean();
}

#[test]
fn what_is_verified_or_approved_can_come_from_standard_input() {
    let tool = ready();
    let public = String::from_utf8(tool.ok("principal keygen eve.key").out).unwrap();
    tool.write("keys.pub", tool.ok("audit public-key --vault v").out);
    let piped = |script: &str| tool.shell(script).with_exit(script, 0).text();
    let verify = "$C audit verify - --public-key keys.pub";
    assert!(
        piped(&format!("$C audit export --vault v -o - | {verify} --head head.json")).contains("verified")
    );
    let script = "$C audit prove --vault v --leaf 0 -o - | $C audit verify-proof - --public-key keys.pub";
    assert!(piped(script).contains("verified"));
    let script =
        "$C subject erase 2 --vault v --receipt - 2>/dev/null | $C receipt verify - --public-key keys.pub";
    assert!(piped(script).contains("verified"));
    let rules = format!(
        "{POLICY}\n[purpose.p]\nbasis = \"contract\"\n[principal.bob]\nroles = []\n[principal.eve]\nroles = []\nkey = \"{}\"\napproves = true\n",
        public.trim()
    );
    tool.write("rules.toml", rules);
    tool.ok("policy install rules.toml --vault v");
    let approve = "$C approve - --key eve.key --principal eve -o a.json";
    piped(&format!("$C keys compromise 1 --vault v --principal bob --request - | {approve}"));
    assert!(tool.json("a.json").is_object());
    // One of the files can.
    for line in [
        "audit verify - --public-key keys.pub --head -",
        "audit verify-proof - --public-key -",
        "receipt verify - --public-key -",
        "check --vault v --head - --public-key -",
    ] {
        tool.fails(2, line, "standard input: can be one of the files only");
    }
}

#[test]
fn messages_name_the_option_and_what_was_given_to_it() {
    let tool = ready();
    let radius = "breach radius --vault v";
    for (line, exit, says) in [
        (
            format!("{radius} --from 2026-13-20"),
            2,
            "--from: the time \"2026-13-20\" is of no day that there is",
        ),
        (format!("{radius} --to soon"), 2, "--to: the time \"soon\" is none"),
        (
            format!("{radius} --aware 2026-01-01T10:00:00"),
            2,
            "--aware: the time \"2026-01-01T10:00:00\" has no offset",
        ),
        ("purge --vault v --as-of 2026-02-30".into(), 2, "--as-of: the time \"2026-02-30\""),
        (
            "subject erase 1 --vault v --receipt r --backups-until x".into(),
            2,
            "--backups-until: the time \"x\"",
        ),
        (
            format!("{radius} --from 2026-02-02 --to 2026-02-01"),
            2,
            "--from: 2026-02-02T00:00:00Z is after --to, 2026-02-01T00:00:00Z",
        ),
        ("subject export 1 --vault v --to rec.pub".into(), 4, "--to: does not begin with"),
        ("subject export 1 --vault v --to rec.pub".into(), 4, "--to \"$(cat FILE)\""),
        (
            "reveal p --vault v -o no/such/q.csv".into(),
            7,
            "write no/such/q.csv: the directory no/such does not exist",
        ),
    ] {
        tool.fails(exit, &line, says);
    }
    tool.ok(&format!("{radius} --from 2026-02-02 --to 2026-02-02"));
}

/// Sends the signal when the partial file is there and holds something, or may.
fn interrupted(tool: &Tool, signal: &str, line: &str) -> Option<i32> {
    let mut child = tool.start(line);
    let mut input = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, &tool.read("p")).unwrap();
    while !tool.exists("q.partial") {
        assert!(child.try_wait().unwrap().is_none(), "{line}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    send(signal, child.id());
    let exit = child.wait().unwrap().code();
    drop(input);
    exit
}

fn send(signal: &str, process: u32) {
    let sent = std::process::Command::new("kill").args(["-s", signal, &process.to_string()]).status();
    assert!(sent.unwrap().success());
}

#[cfg(unix)]
#[test]
fn a_signal_that_ends_a_command_takes_its_partial_files_along() {
    let tool = ready();
    let before = tool.listing();
    for (signal, exit) in [("HUP", 129), ("INT", 130), ("TERM", 143)] {
        let reveal = "reveal - --manifest p.manifest.json --vault v -o q --rejects r";
        assert_eq!(interrupted(&tool, signal, reveal), Some(exit), "{signal}");
        assert_eq!(tool.listing(), before, "{signal}");
        let protect = "protect - --policy policy.toml --vault v -o q --rejects r";
        assert_eq!(interrupted(&tool, signal, protect), Some(exit), "{signal}");
        assert_eq!(tool.listing(), before, "{signal}");
    }
    tool.clean();
    tool.ok("reveal p --vault v -o q --rejects r");
}

/// As under `nohup`.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_is_ignored_stays_ignored() {
    let tool = ready();
    let script = "trap '' HUP; (sleep 0.2; cat p) | $C reveal - --manifest p.manifest.json --vault v -o q & \
                  while ! [ -e q.partial ]; do sleep 0.01; done; kill -s HUP $!; wait $!";
    tool.shell(script).with_exit(script, 0);
    assert!(tool.exists("q"));
}
