//! What was to be protected is in no message, no manifest, no list of rejects and no file of the vault.

mod tool;

use base64::Engine;
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use tool::{PROGRAM, Ran, Tool};

const POLICY: &str = r#"
version = 1
tenant = "acme"
subject = "id"
[field.id]
protect = "pseudonym"
scope = "a"
[field.name]
protect = "seal"
[field.phone]
protect = "token"
format = "digits"
length = "18"
[field.plate]
protect = "token"
format = "alphanumeric"
[field.born]
protect = "generalize"
to = "year"
[field.age]
protect = "generalize"
to = "bucket"
width = 10
[field.zip]
protect = "generalize"
to = "prefix"
length = "1"
[field.iban]
protect = "mask"
[field.gone]
protect = "drop"
"#;

const HEADER: &str = "id,name,phone,plate,born,age,zip,iban,gone";
/// One secret a column, each fit for its column.
const VALUES: [&str; 9] = [
    "subject-7Qk2Wz9d",
    "Zebedee Quackenbush-Oyelaran",
    "604417923385061728",
    "PLATEX83KQ19VUJ2",
    "1961-07-23",
    "837465019283746",
    "QW7 ZIPSECRET",
    "GB82SECRETIBAN4471",
    "dropped-Xylo83Phrenic",
];
/// Values that their columns refuse.
const BAD: [&str; 9] = [
    "subject\u{1}bad-Rk82Lq0z",
    "ck1r_SealedLookalike93kd",
    "60441792338x0617289",
    "plate with é OUTSIDE73",
    "23 of July SECRETDATE",
    "eighty-SECRETAGE",
    "zip\u{fffd}SECRET",
    "bad IBAN SECRET9931",
    "bad dropped SECRET88",
];
const PASSPHRASE: &str = "Tr0ub4dor-and-3-secret-staples";

/// Spellings in which a secret could hide.
fn spellings(secret: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = secret.iter().map(|b| format!("{b:02x}")).collect();
    let mut all = vec![secret.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
    for skip in 0..3 {
        // Base64 of whatever stands before it: the characters that depend on the secret alone.
        let whole = (secret.len() - skip) / 3 * 3;
        for engine in [base64::prelude::BASE64_STANDARD, base64::prelude::BASE64_URL_SAFE] {
            all.push(engine.encode(&secret[skip..skip + whole]).into_bytes());
        }
    }
    all
}

/// One pass, by the first eight bytes of each spelling.
#[track_caller]
fn holds_none(what: &str, bytes: &[u8], secrets: &[String]) {
    let mut by_start = HashMap::<[u8; 8], Vec<(Vec<u8>, &str)>>::new();
    for secret in secrets {
        for spelling in spellings(secret.as_bytes()) {
            by_start.entry(*spelling.first_chunk().unwrap()).or_default().push((spelling, secret));
        }
    }
    for (at, start) in bytes.windows(8).enumerate() {
        for (spelling, secret) in by_start.get(start).into_iter().flatten() {
            assert!(!bytes[at..].starts_with(spelling), "{what} holds {secret:?}");
        }
    }
}

fn holds_none_in(dir: &Path, secrets: &[String]) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        files += match path.is_dir() {
            true => holds_none_in(&path, secrets),
            false => {
                holds_none(&path.display().to_string(), &fs::read(&path).unwrap(), secrets);
                1
            }
        };
    }
    files
}

/// A tool with planted secrets, and a look at everything that a command says.
struct Planted {
    tool: Tool,
    secrets: Vec<String>,
}

impl Planted {
    fn new() -> Self {
        let tool = Tool::with_vault();
        tool.ok("keys create k");
        tool.write("p.toml", POLICY);
        tool.write("in.csv", format!("{HEADER}\n{}\n", VALUES.join(",")));
        let key = tool.text("key").trim().to_owned();
        let key_alone = key[key.len() - 43..].to_owned(); // 32 bytes as base64url
        let mut secrets: Vec<String> = VALUES.iter().chain(&BAD).map(|s| (*s).to_owned()).collect();
        secrets.extend([key, key_alone, PASSPHRASE.to_owned()]);
        Self { tool, secrets }
    }

    fn quiet(&self, line: &str, ran: &Ran) {
        holds_none(&format!("{line}: stderr {:?}", ran.err), ran.err.as_bytes(), &self.secrets);
        holds_none(&format!("{line}: stdout"), &ran.out, &self.secrets);
    }

    fn run(&self, line: &str, exit: i32) -> Ran {
        let ran = self.tool.run(line).with_exit(line, exit);
        self.quiet(line, &ran);
        ran
    }
}

#[test]
fn runs_that_succeed_give_nothing_away() {
    let Planted { tool, secrets } = &Planted::new();
    let planted = |line: &str| {
        let ran = tool.run(line).with_exit(line, 0);
        holds_none(line, ran.err.as_bytes(), secrets);
        holds_none(line, &ran.out, secrets);
    };
    planted("protect in.csv --policy p.toml --vault v -o v.csv --rejects r.csv");
    planted("protect in.csv --policy p.toml --keyset k -o k.csv");
    planted("protect in.csv --policy p.toml --keyset k -o - --manifest m.json");
    planted("rotate --vault v");
    planted("migrate --vault v");
    planted("check --vault v");
    planted("keys list --vault v");
    planted("reveal v.csv --vault v -o back.csv");
    planted("rotate --keyset k");
    planted("keys list --keyset k");
    planted("keys relock --keyset k --new-key-file key2");
    for file in
        ["v.csv", "k.csv", "v.csv.manifest.json", "k.csv.manifest.json", "m.json", "r.csv", "p.toml", "k"]
    {
        holds_none(file, &tool.read(file), secrets);
    }
    let shown = tool.ok("subject show subject-7Qk2Wz9d --vault v");
    assert!(shown.text().contains(VALUES[1]), "it can be shown, so it was there");
    holds_none("show", shown.err.as_bytes(), secrets);
    assert!(holds_none_in(&tool.path("v"), secrets) >= 2);
    planted("subject erase subject-7Qk2Wz9d --vault v");
    holds_none_in(&tool.path("v"), secrets);
}

#[test]
fn runs_that_fail_give_nothing_away() {
    let planted = Planted::new();
    let tool = &planted.tool;
    let header = HEADER;
    let row = |i: usize| {
        let mut values = VALUES;
        values[i] = BAD[i];
        values.join(",")
    };
    tool.ok("protect in.csv --policy p.toml --vault v -o v.csv");
    tool.ok("protect in.csv --policy p.toml --keyset k -o k.csv");
    for holder in ["--vault v", "--keyset k"] {
        for i in 0..7 {
            tool.write("in.csv", format!("{header}\n{}\n", row(i)));
            let line = format!("protect in.csv --policy p.toml {holder} -o out.csv");
            let ran = tool.run(&line);
            planted.quiet(&line, &ran);
            let is_bad = matches!(i, 1..=5) || (i == 0 && holder == "--vault v");
            assert_eq!(ran.exit, Some(if is_bad { 3 } else { 0 }), "column {i}: {}", ran.err);
            let line = format!("{line} --rejects r.csv");
            planted.run(&line, i32::from(is_bad));
            holds_none("the rejects", &tool.read("r.csv"), &planted.secrets);
            holds_none("the manifest", &tool.read("out.csv.manifest.json"), &planted.secrets);
            for left in ["out.csv", "out.csv.manifest.json"] {
                fs::remove_file(tool.path(left)).unwrap();
            }
        }
        // Whole files that are wrong: no header, a header of values, ragged, an open quote, another delimiter.
        let values = VALUES.join(",");
        let twice = format!("{},{}", VALUES[1], VALUES[1]);
        for text in [
            format!("{values}\n{values}\n"),
            format!("{twice}\n{twice}\n"),
            format!("{header}\n{values},{}\n", VALUES[1]),
            format!("{header}\n{}\n", VALUES[1]),
            format!("{header}\n\"{values}\n"),
            format!("{header}\n{}\n", values.replace(',', ";")),
        ] {
            tool.write("in.csv", text);
            planted.run(&format!("protect in.csv --policy p.toml {holder} -o out.csv"), 3);
            let line = format!("protect in.csv --policy p.toml {holder} -o out.csv --rejects r.csv");
            planted.quiet(&line, &tool.run(&line));
            if tool.exists("r.csv") {
                holds_none("the rejects", &tool.read("r.csv"), &planted.secrets);
                fs::remove_file(tool.path("r.csv")).unwrap();
            }
        }
        // Data in the place of the policy, of the manifest, of the key file and of the protected file.
        tool.write("in.csv", format!("{values}\n"));
        let file = &holder[holder.len() - 1..];
        for (line, exit) in [
            (format!("protect in.csv --policy in.csv {holder} -o out.csv"), 2),
            (format!("reveal in.csv {holder} --manifest in.csv -o out.csv"), 4),
            (format!("reveal {file}.csv {holder} --manifest in.csv -o out.csv"), 4),
            (format!("reveal in.csv {holder} --manifest {file}.csv.manifest.json -o out.csv"), 4),
            (format!("reveal {file}.csv {holder} --key-file in.csv -o out.csv"), 4),
        ] {
            planted.run(&line, exit);
        }
    }
    for assignment in ["name = \"Zebedee Quackenbush-Oyelaran\"", "604417923385061728"] {
        tool.write("in.csv", assignment);
        planted.run("protect in.csv --policy in.csv --keyset k -o out.csv", 2);
    }
    planted.run("subject show subject-none --vault v", 3);
    planted.run("check --vault v", 0);
    holds_none_in(&tool.path("v"), &planted.secrets);
}

#[test]
fn a_passphrase_is_not_repeated() {
    let planted = Planted::new();
    let run = |line: &str, passphrase: &str| {
        let mut command = std::process::Command::new(PROGRAM);
        command
            .args(line.split(' '))
            .current_dir(planted.tool.path(""))
            .env("CLOAKROOM_PASSPHRASE", passphrase);
        let output =
            command.env_remove("CLOAKROOM_KEY_FILE").stdin(std::process::Stdio::null()).output().unwrap();
        let ran = Ran {
            exit: output.status.code(),
            out: output.stdout,
            err: String::from_utf8(output.stderr).unwrap(),
        };
        planted.quiet(line, &ran);
        holds_none(line, ran.err.as_bytes(), &[passphrase.to_owned()]);
        ran.exit
    };
    assert_eq!(run("keys create words", PASSPHRASE), Some(0));
    holds_none("the keyset", &planted.tool.read("words"), &planted.secrets);
    assert_eq!(run("keys list --keyset words", "another-Wr0ng-passphrase"), Some(4));
    assert_eq!(run("keys list --keyset k", PASSPHRASE), Some(4));
}
