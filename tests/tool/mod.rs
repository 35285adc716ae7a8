//! The command-line tool as its users run it: a directory of its own, a key file, one process a command.
#![allow(dead_code, reason = "each test program uses its part of this")]

use cloakroom::keys::KeyFile;
use cloakroom::vault::Vault;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_cloakroom");

/// A directory in which commands run. Key file: `key`, unless a command names something else.
pub struct Tool {
    dir: TempDir,
}

/// What a command came to.
#[derive(Debug)]
pub struct Ran {
    pub exit: Option<i32>,
    pub out: Vec<u8>,
    pub err: String,
}

impl Tool {
    pub fn new() -> Self {
        Self { dir: TempDir::new().unwrap() }
    }

    /// With a keyset file `k`.
    pub fn with_keyset() -> Self {
        let tool = Self::new();
        tool.ok("keys create k");
        tool
    }

    /// With a vault `v`.
    pub fn with_vault() -> Self {
        let tool = Self::new();
        tool.ok("init v");
        tool
    }

    /// With a vault `v`, a policy `p.toml`, and a file `in.csv` that was protected by it as `one.csv`.
    pub fn with_protected(policy: &str, csv: &str) -> Self {
        let tool = Self::with_vault();
        tool.write("p.toml", policy);
        tool.write("in.csv", csv);
        tool.ok("protect in.csv --policy p.toml --vault v -o one.csv");
        tool
    }

    pub fn key(&self) -> KeyFile {
        KeyFile::read(self.path("key")).unwrap()
    }

    /// The vault `v`, opened by this process.
    pub fn vault(&self) -> Vault {
        Vault::open(self.path("v"), &self.key()).unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&self.read(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// A command line, split at blanks.
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(line.split_whitespace()).current_dir(self.dir.path());
        self.settle(&mut command);
        command
    }

    /// The same through a shell, for limits, pipes and redirections; `$C` is the program.
    pub fn shell(&self, script: &str) -> Ran {
        let mut command = Command::new("sh");
        command.args(["-c", script]).env("C", PROGRAM).current_dir(self.dir.path());
        self.settle(&mut command);
        ran(command.stdin(Stdio::null()).output().unwrap())
    }

    fn settle(&self, command: &mut Command) {
        for variable in ["CLOAKROOM_PASSPHRASE", "CLOAKROOM_NEW_PASSPHRASE", "CLOAKROOM_NEW_KEY_FILE"] {
            command.env_remove(variable);
        }
        command.env("CLOAKROOM_KEY_FILE", "key");
    }

    pub fn run(&self, line: &str) -> Ran {
        ran(self.command(line).stdin(Stdio::null()).output().unwrap())
    }

    pub fn run_with(&self, line: &str, input: &[u8]) -> Ran {
        let mut child = self.start(line);
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        feeder.join().unwrap();
        ran(output)
    }

    /// Started, with all three streams piped.
    pub fn start(&self, line: &str) -> Child {
        let piped = Stdio::piped;
        self.command(line).stdin(piped()).stdout(piped()).stderr(piped()).spawn().unwrap()
    }

    pub fn ok(&self, line: &str) -> Ran {
        self.run(line).with_exit(line, 0)
    }

    /// Fails with this exit code and says this; no file has come or gone.
    #[track_caller]
    pub fn fails(&self, exit: i32, line: &str, says: &str) -> Ran {
        let before = self.listing();
        let ran = self.run(line);
        self.failed(ran, exit, line, says, &before)
    }

    #[track_caller]
    pub fn fails_with(&self, exit: i32, line: &str, input: &[u8], says: &str) -> Ran {
        let before = self.listing();
        let ran = self.run_with(line, input);
        self.failed(ran, exit, line, says, &before)
    }

    #[track_caller]
    pub fn failed(&self, ran: Ran, exit: i32, line: &str, says: &str, before: &BTreeSet<PathBuf>) -> Ran {
        assert_eq!(ran.exit, Some(exit), "{line}: {}", ran.err);
        assert!(ran.err.contains(says), "{line}: {says:?} is not in {:?}", ran.err);
        assert!(ran.err.lines().count() <= 2, "{line}: {}", ran.err);
        assert!(!ran.err.contains("panicked") && !ran.err.contains("internal error"), "{line}: {}", ran.err);
        assert_eq!(&self.listing(), before, "{line}: files came or went");
        ran
    }

    /// All files but those of stores.
    pub fn listing(&self) -> BTreeSet<PathBuf> {
        let mut files = BTreeSet::new();
        list(self.dir.path(), &mut files);
        files
    }

    /// Every command, as its words, that has this option.
    pub fn commands_with(&self, option: &str) -> Vec<String> {
        let mut found = BTreeSet::new();
        commands_with(self, "", option, &mut found);
        found.into_iter().collect()
    }

    /// The vault `v` is whole.
    #[track_caller]
    pub fn clean(&self) {
        let ran = self.run("check --vault v");
        assert_eq!(ran.exit, Some(0), "{}", ran.err);
        assert!(ran.err.ends_with("clean\n"), "{}", ran.err);
    }

    /// What `keys list` says that the vault `v` itself holds: its census without files.
    pub fn census(&self) -> Vec<String> {
        let list = self.ok("keys list --vault v").text();
        list.lines()
            .filter(|l| l.starts_with("  version") && !l.contains(" in files "))
            .map(|l| l.trim().to_owned())
            .collect()
    }
}

/// Those below these words.
fn commands_with(tool: &Tool, words: &str, option: &str, found: &mut BTreeSet<String>) {
    let help = String::from_utf8(tool.ok(&format!("{words} --help")).out).unwrap();
    if help.lines().any(|line| line.trim_start().starts_with(option)) {
        found.insert(words.trim().to_owned());
    }
    let commands = help.split_once("Commands:\n").map_or("", |(_, rest)| rest);
    for line in commands.lines().take_while(|line| !line.trim().is_empty()) {
        // Its text is indented further.
        let Some(name) = line.strip_prefix("  ").filter(|line| !line.starts_with(' ')) else { continue };
        let name = name.split_whitespace().next().unwrap();
        if name != "help" {
            commands_with(tool, &format!("{words} {name}"), option, found);
        }
    }
}

fn list(dir: &Path, files: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "store") {
            list(&path, files);
        }
        files.insert(path);
    }
}

fn ran(output: std::process::Output) -> Ran {
    let err = String::from_utf8(output.stderr).expect("messages are UTF-8");
    Ran { exit: output.status.code(), out: output.stdout, err }
}

impl Ran {
    pub fn text(&self) -> String {
        String::from_utf8(self.out.clone()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.out).unwrap()
    }

    #[track_caller]
    pub fn with_exit(self, line: &str, exit: i32) -> Self {
        assert_eq!(self.exit, Some(exit), "{line}: {}", self.err);
        self
    }
}

/// The first commands of the README after this, as a script for [`Tool::shell`] that ends where one of them fails.
pub fn readme_commands(after: &str) -> String {
    let rest = include_str!("../../README.md").split(after).nth(1).unwrap_or_else(|| panic!("no {after:?}"));
    let block = rest.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    format!("set -e\ncloakroom() {{ \"$C\" \"$@\"; }}\n{block}")
}

/// Rows of cells.
pub type Rows = Vec<Vec<Vec<u8>>>;

/// The cells of a CSV file, read by RFC 4180 to the letter and independently of what the tool uses.
pub fn cells(csv: &[u8], delimiter: u8) -> Rows {
    let csv = csv.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(csv);
    let (mut rows, mut row, mut cell) = (vec![], vec![], vec![]);
    let mut at = 0;
    let byte = |at: usize| csv.get(at).copied();
    while at < csv.len() {
        if cell.is_empty() && byte(at) == Some(b'"') {
            at += 1;
            loop {
                match (byte(at), byte(at + 1)) {
                    (Some(b'"'), Some(b'"')) => (cell.push(b'"'), at += 2).1,
                    (Some(b'"'), _) => break at += 1,
                    (Some(other), _) => (cell.push(other), at += 1).1,
                    (None, _) => panic!("a quote is left open"),
                }
            }
        }
        match byte(at) {
            Some(b) if b == delimiter => row.push(std::mem::take(&mut cell)),
            Some(b'\r') if byte(at + 1) == Some(b'\n') => {}
            Some(b'\n') => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            Some(other) => cell.push(other),
            None => {}
        }
        at += 1;
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell);
        rows.push(row);
    }
    rows
}

/// One column of a CSV file, without its header.
pub fn column(csv: &[u8], delimiter: u8, name: &str) -> Vec<Vec<u8>> {
    let rows = cells(csv, delimiter);
    let i = position(&rows[0], name);
    rows[1..].iter().map(|row| row[i].clone()).collect()
}

#[track_caller]
pub fn position(header: &[Vec<u8>], name: &str) -> usize {
    header
        .iter()
        .position(|h| h.trim_ascii() == name.as_bytes())
        .unwrap_or_else(|| panic!("no column {name}"))
}

/// A file of these cells, quoted where it must be.
pub fn csv(rows: &[Vec<Vec<u8>>], delimiter: u8, end: &str) -> Vec<u8> {
    let mut out = vec![];
    for row in rows {
        for (i, cell) in row.iter().enumerate() {
            if i > 0 {
                out.push(delimiter);
            }
            let quoted = cell.iter().any(|b| matches!(b, b'"' | b'\r' | b'\n') || *b == delimiter);
            if quoted {
                out.push(b'"');
                cell.iter().for_each(|b| out.extend(std::iter::repeat_n(*b, 1 + usize::from(*b == b'"'))));
                out.push(b'"');
            } else {
                out.extend_from_slice(cell);
            }
        }
        out.extend_from_slice(end.as_bytes());
    }
    out
}
