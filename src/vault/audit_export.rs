//! The audit log for those outside: as a file, as proofs, and held against a head that was handed out before.
//!
//! Leaves are read in pages; whatever the log's length, one page and the tree's frontier are in memory.

use super::AUDIT;
use super::log::{Draft, Log};
use super::open::Vault;
use super::pages::Pages;
use crate::audit::{AuditFile, verify_head};
use crate::crypto::merkle::{Frontier, Hash, consistency_proof, inclusion_proof, leaf_hash};
use crate::crypto::sign::VerifyingKey;
use crate::error::{Error, Result};
use crate::name::KeyVersion;
use crate::time::Timestamp;
use crate::wire::audit::{Consistency, Head, Inclusion, Leaf, Proof, SignedHead};
use std::io::Write;

impl Vault {
    /// Writes the whole log as an audit file, under a head that is signed now. Writes are short: give a buffered writer.
    ///
    /// # Errors
    /// [`Error::Audit`] or [`Error::Corrupt`] when leaves are not those that were written; the store's; [`Error::Io`].
    pub fn export_audit(&self, out: impl Write, now: Timestamp) -> Result<SignedHead> {
        let log = self.durable_log("audit-export")?;
        let head = self.sign_head_of(&log, now)?;
        let mut file = AuditFile::begin(out, self.id())?;
        self.each_leaf(0, log.frontier.size(), |leaf| file.leaf(leaf))?;
        file.finish(&head)?;
        Ok(head)
    }

    /// Every leaf that there is now, with its number.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Corrupt`] when leaves are not those that were written; those of `f`; the store's.
    pub fn leaves(&self, mut f: impl FnMut(u64, &Leaf<'_>) -> Result<()>) -> Result<()> {
        let size = self.log_guard().frontier.size();
        let mut number = 0;
        self.each_leaf(0, size, |leaf| {
            f(number, &Leaf::parse(leaf)?)?;
            number += 1;
            Ok(())
        })
    }

    /// A proof that a leaf is in the log as it is now.
    ///
    /// # Errors
    /// [`Error::Audit`] when there is no such leaf; as [`export_audit`](Vault::export_audit).
    pub fn prove_leaf(&self, number: u64, now: Timestamp) -> Result<Proof> {
        let log = self.durable_log("audit-prove")?;
        let size = log.frontier.size();
        let path = inclusion_proof(self.leaf_hashes(size), number, size)?;
        let leaf = self.store().get(AUDIT, &number.to_be_bytes())?.ok_or_else(|| missing(number))?;
        Ok(Proof::Inclusion(Inclusion { index: number, leaf, path, head: self.sign_head_of(&log, now)? }))
    }

    /// A proof that the log as it is now begins with all of the log of an earlier head.
    ///
    /// # Errors
    /// As [`check_against`](Vault::check_against).
    pub fn prove_consistency(&self, earlier: &SignedHead, now: Timestamp) -> Result<Proof> {
        let log = self.durable_log("audit-prove")?;
        self.begins_with(earlier, &log)?;
        let size = log.frontier.size();
        let path = consistency_proof(self.leaf_hashes(size), earlier.head.size, size)?;
        let later = self.sign_head_of(&log, now)?;
        Ok(Proof::Consistency(Consistency { path, earlier: *earlier, later }))
    }

    /// Whether this is the vault of a head that was handed out earlier, and its log begins with all it was then: a store that
    /// was put back as it once was does not, unless nothing was done since. `keys` are public keys of the vault that it may
    /// not know any more, because their versions were destroyed.
    ///
    /// # Errors
    /// [`Error::Audit`] says what is wrong; the store's.
    pub fn check_against(&self, earlier: &SignedHead, keys: &[VerifyingKey]) -> Result<()> {
        let own = self.verifying_keys().into_iter().map(|(_, key)| key);
        let keys: Vec<_> = own.chain(keys.iter().cloned()).collect();
        let Head { vault, key_version, .. } = earlier.head;
        let is_unknown = || self.keyset().version(KeyVersion::new(key_version)?).map(drop);
        match verify_head(earlier, &keys) {
            Err(_) if vault != self.id() => {
                return Err(Error::Audit { problem: "the earlier head is of another vault".into() });
            }
            Err(_) if is_unknown().is_err() => {
                let problem = format!(
                    "the head is signed under key version {key_version}, which this keyset has not: the vault was put back \
                     from before that version was made, or the head is forged"
                );
                return Err(Error::Audit { problem });
            }
            verified => verified?,
        };
        let log = self.log_guard().clone();
        self.begins_with(earlier, &log)
    }

    fn begins_with(&self, earlier: &SignedHead, log: &Log) -> Result<()> {
        let (vault, size, now) = (earlier.head.vault, earlier.head.size, log.frontier.size());
        let wrong = |problem: String| Err(Error::Audit { problem });
        if vault != self.id() {
            return wrong("the earlier head is of another vault".into());
        }
        if now < size {
            return wrong(format!(
                "the log has {now} leaves and had {size} at the earlier head: the store was rolled back"
            ));
        }
        let mut frontier = Frontier::new();
        self.each_leaf(0, size, |leaf| {
            frontier.push(leaf_hash(leaf));
            Ok(())
        })?;
        match frontier.root() == earlier.head.root {
            true => Ok(()),
            false => wrong(format!(
                "the first {size} leaves are not those of the earlier head: the store was rolled back and gone on with, or \
                 the log rewritten"
            )),
        }
    }

    /// The log as it is now, durable: a crash must take nothing back that somebody has a head of. A leaf after it says that it
    /// was handed out; what is durable after something is durable with all before it.
    pub(super) fn durable_log(&self, kind: &'static str) -> Result<Log> {
        let log = self.log_guard().clone();
        self.noted(Draft::new(kind))?;
        Ok(log)
    }

    /// The hashes of the first leaves in order; an error in place of one that is missing.
    fn leaf_hashes(&self, size: u64) -> impl Iterator<Item = Result<Hash>> {
        let mut pages = Pages::new(self.store(), AUDIT, &[], None);
        let mut page = vec![].into_iter();
        (0..size).map(move |number| {
            if page.len() == 0 {
                page = pages.next()?.unwrap_or_default().into_iter();
            }
            match page.next() {
                Some((key, leaf)) if key == number.to_be_bytes() => Ok(leaf_hash(&leaf)),
                _ => Err(missing(number)),
            }
        })
    }
}

fn missing(number: u64) -> Error {
    Error::Corrupt { problem: format!("audit leaf {number} is missing") }
}
