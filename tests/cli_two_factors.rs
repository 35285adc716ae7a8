//! Keysets that one thing alone does not open: passphrase and key file together, and keys in shares.

mod tool;

use std::fs;
use std::process::{Command, Stdio};
use tool::{Ran, Tool};

const BOTH: &str = "locked by a passphrase and a key file together; give both";
const LOCKED: &str = "the keyset does not open: wrong passphrase or key file";

/// A file that only its owner can read.
fn write_secret(tool: &Tool, name: &str, text: &str) {
    tool.write(name, text);
    own(tool, name, 0o600);
}

fn own(tool: &Tool, name: &str, mode: u32) {
    #[cfg(unix)]
    fs::set_permissions(tool.path(name), std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    #[cfg(not(unix))]
    let _ = (tool, name, mode);
}

/// With a passphrase in the file `words`, another in `wrong`.
fn with_words() -> Tool {
    let tool = Tool::new();
    write_secret(&tool, "words", "correct horse battery\n");
    write_secret(&tool, "wrong", "correct horse cattery\n");
    tool
}

fn ran(mut command: Command) -> Ran {
    let output = command.stdin(Stdio::null()).output().unwrap();
    Ran { exit: output.status.code(), out: output.stdout, err: String::from_utf8(output.stderr).unwrap() }
}

// SPEC: TWOF-1, TWOF-2, TWOF-3
#[test]
fn passphrase_and_key_file_open_together_and_neither_does_alone() {
    let tool = with_words();
    tool.ok("keys create k --key-file key --passphrase-file words");
    tool.ok("keys list --keyset k --key-file key --passphrase-file words");
    tool.ok("keys list --keyset k --two-factors --passphrase-file words"); // the key file of the environment
    tool.fails(4, "keys list --keyset k --passphrase-file words", BOTH);
    tool.fails(4, "keys list --keyset k --key-file key", BOTH);
    tool.fails(
        4,
        "keys list --keyset k --two-factors",
        "give --passphrase-file, or set CLOAKROOM_PASSPHRASE",
    );
    let mut command = tool.command("keys list --keyset k --two-factors --passphrase-file words");
    command.env_remove("CLOAKROOM_KEY_FILE");
    let ran = ran(command).with_exit("without a key file", 4);
    assert!(ran.err.contains("give --key-file as well, or set CLOAKROOM_KEY_FILE"), "{}", ran.err);

    tool.ok("keys create other --key-file key2");
    let words = tool.fails(4, "keys list --keyset k --key-file key --passphrase-file wrong", LOCKED);
    let key = tool.fails(4, "keys list --keyset k --key-file key2 --passphrase-file words", LOCKED);
    assert_eq!(words.err, key.err, "which of them was wrong is not said");
}

// SPEC: TWOF-3
#[test]
fn what_one_factor_locks_is_not_opened_by_two() {
    let tool = with_words();
    // A passphrase file beats the key file of the environment, as ever.
    tool.ok("keys create k --passphrase-file words");
    tool.ok("keys list --keyset k --passphrase-file words");
    let line = "keys list --keyset k --key-file key --passphrase-file words --two-factors";
    tool.fails(7, line, "open key");
    tool.ok("keys create k2");
    tool.fails(4, line, "but the keyset is locked by a passphrase\n");
    assert!(!tool.fails(4, line, "").err.contains("together"));
}

#[test]
fn who_gives_no_passphrase_leaves_no_key_file_behind() {
    let tool = Tool::new();
    tool.fails(4, "init v --two-factors", "give --passphrase-file, or set CLOAKROOM_PASSPHRASE");
    tool.fails(4, "keys create k --two-factors", "the passphrase: is missing");
}

#[test]
fn relock_goes_to_two_factors_and_back() {
    let tool = with_words();
    tool.ok("init v");
    tool.ok("keys relock --vault v --new-key-file key2 --new-passphrase-file words");
    tool.fails(4, "check --vault v", BOTH);
    tool.fails(4, "keys relock --vault v --new-key-file key3", BOTH);
    let new = "keys relock --vault v --key-file key2 --passphrase-file words --new-two-factors";
    tool.fails(4, new, "give --new-key-file as well, or set CLOAKROOM_NEW_KEY_FILE");
    tool.ok("rotate --vault v --key-file key2 --passphrase-file words");
    tool.ok("keys relock --vault v --key-file key2 --passphrase-file words --new-key-file key");
    tool.clean();
}

/// With a keyset `k` whose key is in shares, of which two of three open.
fn with_shares() -> Tool {
    let tool = Tool::new();
    let ran = tool.ok("keys create k --shares 2-of-3 --share-dir s");
    assert!(ran.err.contains("Any 2 of them open"), "{}", ran.err);
    tool
}

// SPEC: SHARE-1, SHARE-3
#[test]
fn any_two_of_three_shares_open_and_stay_good_when_the_key_is_rotated() {
    let tool = with_shares();
    for (one, two) in [(1, 2), (1, 3), (3, 2)] {
        tool.ok(&format!("keys list --keyset k --share s/share-{one}-of-3 --share s/share-{two}-of-3"));
    }
    tool.ok("rotate --keyset k --share s/share-1-of-3 --share s/share-2-of-3");
    let ran = tool.ok("keys list --keyset k --share s/share-2-of-3 --share s/share-3-of-3");
    assert!(ran.text().contains("      2  active"));
    tool.ok("keys create other --key-file key");
    tool.fails(4, "keys list --keyset k", "locked by a key that is split into shares");
    let ran = tool.fails(4, "keys list --keyset other --share s/share-1-of-3 --share s/share-2-of-3", "");
    assert!(
        ran.err.contains("a key in shares: was given, but the keyset is locked by a key-file"),
        "{}",
        ran.err
    );
}

// SPEC: SHARE-4, SHARE-5, SHARE-7
#[test]
fn each_mistake_with_shares_is_said_for_what_it_is() {
    let tool = with_shares();
    tool.ok("keys create other --shares 2-of-3 --share-dir o");
    let fails = |line: &str, says: &str| {
        let ran = tool.fails(4, &format!("keys list --keyset k {line}"), says);
        for share in ["s/share-1-of-3", "s/share-2-of-3", "o/share-1-of-3"] {
            let text = tool.text(share);
            let secret = text.lines().find_map(|line| line.strip_prefix("secret ")).unwrap();
            assert!(!ran.err.contains(secret), "{}", ran.err);
        }
    };
    fails("--share s/share-1-of-3", "too few: 1 given, 2 of 3 needed");
    fails("--share s/share-1-of-3 --share s/share-1-of-3", "share 1: was given twice");
    fails("--share s/share-1-of-3 --share o/share-2-of-3", "does not belong to share 1 of set");
    fails("--share o/share-1-of-3 --share o/share-2-of-3", "but the keyset is locked by set");
    fails("--share s/share-1-of-3 --share k", "k: is no share");
    let good = tool.text("s/share-2-of-3");
    let at = good.find("secret ").unwrap() + 9;
    let other = if &good[at..=at] == "A" { "B" } else { "A" };
    write_secret(&tool, "damaged", &format!("{}{other}{}", &good[..at], &good[at + 1..]));
    fails("--share s/share-1-of-3 --share damaged", "damaged: is damaged");
    write_secret(&tool, "newer", &good.replace("share-1", "share-9"));
    fails("--share s/share-1-of-3 --share newer", "a format that this release does not know");
    if cfg!(unix) {
        own(&tool, "s/share-2-of-3", 0o644);
        fails("--share s/share-1-of-3 --share s/share-2-of-3", "run `chmod 600` on it");
    }
    tool.fails(7, "keys list --keyset k --share none --share s/share-1-of-3", "open none");
}

#[test]
fn shares_are_not_written_over_and_not_mixed_with_other_keys() {
    let tool = with_shares();
    tool.fails(2, "keys create k2 --shares 3-of-3 --share-dir s", "s/share-1-of-3 already exists");
    tool.fails(
        2,
        "keys create k2 --shares 2-of-3 --share-dir s2 --key-file key",
        "name no other key beside it",
    );
    for (line, text) in [
        (
            "keys create k2 --shares 1-of-3 --share-dir s2",
            "of 3 shares 2 at least and 3 at most can be needed",
        ),
        ("keys create k2 --shares three --share-dir s2", "are written as 3-of-5"),
        ("keys create k2 --shares 2-of-3", "--share-dir"),
        ("keys create k2 --share-dir s2", "--shares"),
        ("keys list --keyset k --share s/share-1-of-3 --key-file key", "cannot be used with"),
    ] {
        let ran = tool.run(line).with_exit(line, 2);
        assert!(ran.err.contains(text), "{line}: {}", ran.err);
    }
    assert!(!tool.exists("k2") && !tool.exists("s2"));
}

#[test]
fn a_vault_goes_from_shares_to_other_shares_and_to_a_key_file() {
    let tool = Tool::new();
    tool.ok("init v --shares 2-of-2 --share-dir a");
    let a = "--share a/share-1-of-2 --share a/share-2-of-2";
    tool.ok(&format!("keys relock --vault v {a} --shares 3-of-4 --share-dir b"));
    tool.fails(4, &format!("check --vault v {a}"), "but the keyset is locked by set");
    let b = "--share b/share-4-of-4 --share b/share-1-of-4 --share b/share-3-of-4";
    tool.ok(&format!("check --vault v {b}"));
    tool.ok(&format!("keys relock --vault v {b} --new-key-file key"));
    tool.clean();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |name: &str| fs::metadata(tool.path(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("a"), mode("a/share-1-of-2")), (0o700, 0o600));
    }
}
