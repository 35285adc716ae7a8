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
const WRITERS: [(&str, &str); 26] = [
    ("report --vault v", "--html OUT"),
    ("report --vault v", "--json OUT"),
    ("breach radius --vault v", "--json OUT"),
    ("breach radius --vault v", "--report OUT"),
    ("breach radius --vault v --list --as bob", "--request OUT"),
    ("subject export 1 --vault v", "-o OUT"),
    ("subject export 1 --vault v -o e", "--request OUT"),
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
