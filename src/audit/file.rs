//! A whole audit log as text:
//!
//! ```text
//! cloakroom-audit-1 vault id in hex
//! leaf 0 in base64url
//! leaf 1 in base64url
//! …
//! head:signed head in base64url
//! ```
//!
//! Every line ends with one line feed, the last one too.

use super::{problem, verify_head};
use crate::crypto::merkle::{Frontier, leaf_hash};
use crate::crypto::sign::VerifyingKey;
use crate::error::{Error, Result};
use crate::wire::audit::leaf::LONGEST;
use crate::wire::audit::{Head, Leaf, SignedHead};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};

const MAGIC: &str = "cloakroom-audit-1 ";
const HEAD: &str = "head:";
const LONGEST_LINE: u64 = (LONGEST as u64).div_ceil(3) * 4;

/// An audit file being written, leaf by leaf.
#[derive(Debug)]
pub struct AuditFile<W> {
    out: W,
    vault: [u8; 16],
    tree: Frontier,
    line: String,
}

impl<W: Write> AuditFile<W> {
    /// Writes the first line. Writes are short: give a buffered writer.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn begin(mut out: W, vault: [u8; 16]) -> Result<Self> {
        writeln!(out, "{}", first_line(&vault)).map_err(Error::io("write", NAME))?;
        Ok(Self { out, vault, tree: Frontier::new(), line: String::new() })
    }

    /// Writes the next leaf's bytes.
    ///
    /// # Errors
    /// [`Error::Malformed`] when they are no leaf; [`Error::Io`].
    pub fn leaf(&mut self, leaf: &[u8]) -> Result<()> {
        Leaf::parse(leaf)?;
        self.tree.push(leaf_hash(leaf));
        self.line.clear();
        BASE64.encode_string(leaf, &mut self.line);
        self.line.push('\n');
        self.out.write_all(self.line.as_bytes()).map_err(Error::io("write", NAME))
    }

    /// Writes the head, and gives the writer back, flushed.
    ///
    /// # Errors
    /// [`Error::Audit`] when the head is not that of exactly these leaves; [`Error::Io`].
    pub fn finish(mut self, head: &SignedHead) -> Result<W> {
        compare(&head.head, &self.vault, &self.tree, None)?;
        writeln!(self.out, "{HEAD}{}", BASE64.encode(head.to_bytes()))
            .and_then(|()| self.out.flush())
            .map_err(Error::io("write", NAME))?;
        Ok(self.out)
    }
}

/// What an audit file was verified to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Its head: whose log, how many leaves, their root, and when it was signed.
    pub head: Head,
    /// The key that signed it.
    pub key: VerifyingKey,
}

/// Verifies a whole audit file: each leaf is one, the head is signed by one of the keys and is that of exactly these
/// leaves, and the log begins with all leaves of the earlier head, if one is given.
///
/// Reads once, and holds one leaf at a time and the [`Frontier`].
///
/// # Errors
/// [`Error::Audit`] says what is wrong and on which line; [`Error::Io`].
pub fn verify(file: impl Read, keys: &[VerifyingKey], earlier: Option<&SignedHead>) -> Result<Verified> {
    let mut lines = Lines::new(file);
    let vault = vault_of(lines.next()?)?;
    let mut beginning = earlier.map(|earlier| Beginning::new(earlier, keys, &vault)).transpose()?;
    let (mut tree, mut leaf, mut before, mut repeated) = (Frontier::new(), vec![], vec![], None);
    let head = loop {
        beginning.iter_mut().for_each(|beginning| beginning.look(&tree));
        let Some(line) = lines.next()? else {
            return Err(problem(format!(
                "the file ends after {} leaves without a head: its tail is cut off",
                tree.size()
            )));
        };
        if let Some(head) = line.strip_prefix(HEAD.as_bytes()) {
            break signed_head(head)
                .ok_or_else(|| problem("the head is damaged: not 133 bytes of base64url"))?;
        }
        if repeated.is_none() && line == before {
            repeated = Some(tree.size() + 2);
        }
        before.clear();
        before.extend_from_slice(line);
        leaf.clear();
        let parsed = BASE64.decode_vec(line, &mut leaf).ok().and_then(|()| Leaf::parse(&leaf).ok());
        if parsed.is_none() {
            return Err(problem(format!("line {} is damaged: it holds no leaf", tree.size() + 2)));
        }
        tree.push(leaf_hash(&leaf));
    };
    if lines.next()?.is_some() {
        return Err(problem("the file goes on after its head; an audit file ends with it"));
    }
    let key = verify_head(&head, keys)?.clone();
    compare(&head.head, &vault, &tree, repeated)?;
    if let Some(beginning) = beginning {
        beginning.judge(&head.head)?;
    }
    Ok(Verified { head: head.head, key })
}

/// Whether a head is that of these leaves.
fn compare(head: &Head, vault: &[u8; 16], tree: &Frontier, repeated: Option<u64>) -> Result<()> {
    if head.vault != *vault {
        return Err(problem("the head is of another vault than the file"));
    }
    let (signed, there) = (head.size, tree.size());
    if there < signed {
        return Err(problem(format!(
            "the head is of {signed} leaves and {there} are there: some were removed"
        )));
    }
    if there > signed {
        let repeated = repeated.map(|line| format!("; line {line} says the same as the one before"));
        let repeated = repeated.unwrap_or_default();
        return Err(problem(format!(
            "the head is of {signed} leaves and {there} are there: some were added{repeated}"
        )));
    }
    if head.root != tree.root() {
        return Err(problem(format!(
            "the head is not of these {there} leaves: one or more were edited, or put in another order, or replaced"
        )));
    }
    Ok(())
}

/// What an earlier head says of the log's first leaves.
struct Beginning<'h> {
    earlier: &'h Head,
    root: Option<[u8; 32]>,
}

impl<'h> Beginning<'h> {
    fn new(earlier: &'h SignedHead, keys: &[VerifyingKey], vault: &[u8; 16]) -> Result<Self> {
        verify_head(earlier, keys)?;
        match earlier.head.vault == *vault {
            true => Ok(Self { earlier: &earlier.head, root: None }),
            false => Err(problem("the earlier head is of another vault than the file")),
        }
    }

    /// Keeps the root that the log had when it was as long as the earlier head says.
    fn look(&mut self, tree: &Frontier) {
        if tree.size() == self.earlier.size {
            self.root = Some(tree.root());
        }
    }

    fn judge(&self, head: &Head) -> Result<()> {
        let earlier = self.earlier.size;
        if head.size < earlier {
            return Err(problem(format!(
                "the log has {} leaves and had {earlier} at the earlier head: it was rolled back",
                head.size
            )));
        }
        match self.root {
            Some(root) if root != self.earlier.root => Err(problem(format!(
                "the first {earlier} leaves are not those of the earlier head: the log was rewritten"
            ))),
            _ => Ok(()),
        }
    }
}

/// Lines that end as they have to and are no longer than a leaf.
struct Lines<R> {
    file: BufReader<R>,
    line: Vec<u8>,
    number: u64,
}

impl<R: Read> Lines<R> {
    fn new(file: R) -> Self {
        Self { file: BufReader::with_capacity(1 << 16, file), line: vec![], number: 0 }
    }

    /// The next line without its end; `None` after the last.
    fn next(&mut self) -> Result<Option<&[u8]>> {
        self.line.clear();
        let mut limited = (&mut self.file).take(LONGEST_LINE + 1);
        limited.read_until(b'\n', &mut self.line).map_err(Error::io("read", NAME))?;
        self.number += 1;
        let bad = |what: &str| Err(problem(format!("line {} {what}", self.number)));
        match self.line.as_slice() {
            [] => Ok(None),
            [.., b'\r', b'\n'] => {
                bad("ends with CR LF: the file was changed on its way here; copy it as it is")
            }
            [line @ .., b'\n'] => Ok(Some(line)),
            line if line.len() as u64 > LONGEST_LINE => bad("is longer than any leaf"),
            _ => bad("is cut off: it does not end with a line feed"),
        }
    }
}

/// For errors; where the file is, only the caller knows.
const NAME: &str = "the audit file";

fn first_line(vault: &[u8; 16]) -> String {
    vault.iter().fold(MAGIC.to_owned(), |mut line, byte| {
        write!(line, "{byte:02x}").expect("a String takes all");
        line
    })
}

fn vault_of(line: Option<&[u8]>) -> Result<[u8; 16]> {
    let read = |line: &[u8]| {
        let digits = std::str::from_utf8(line.strip_prefix(MAGIC.as_bytes())?).ok()?;
        let vault = u128::from_str_radix(digits, 16).ok()?.to_be_bytes();
        // Nothing but the very line that is written: no sign, no capital.
        (first_line(&vault).as_bytes() == line).then_some(vault)
    };
    line.and_then(read).ok_or_else(|| problem("this is no audit file: its first line is another"))
}

fn signed_head(encoded: &[u8]) -> Option<SignedHead> {
    SignedHead::parse(&BASE64.decode(encoded).ok()?).ok()
}

#[cfg(test)]
mod tests;
