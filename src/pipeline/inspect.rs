//! What can be said of a protected file before any of it is revealed, for whoever approves that.

use super::counted::CountedRead;
use super::manifest::{Manifest, hex};
use super::protected_file::changed_file;
use super::records::{Next, Records};
use crate::error::{Error, Result};
use std::io::Read;

/// A protected file that was looked at, and not revealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// By which its approval ([`file_target`](crate::vault::file_target)) and its vault know it.
    pub sha256: [u8; 32],
    /// How many values it can show: its rows, times the manifest's columns that come back.
    pub values: u64,
}

/// Reads a protected file to its end.
///
/// # Errors
/// [`Error::Manifest`](crate::Error::Manifest) where [`reveal`](super::reveal()) would refuse it at its end: it has tokens and is
/// not the very file of the manifest, and not `changed`; [`Error::Io`](crate::Error::Io).
pub fn inspect(input: impl Read, manifest: &Manifest, changed: bool) -> Result<Inspected> {
    let delimiter = manifest.delimiter.bytes().next().unwrap_or(b',');
    let mut records = Records::new(CountedRead::new(input), delimiter);
    let unread = || Error::io("read", "the input");
    let mut rows = 0_u64;
    // The header is the first of them. What is no record ends the count; revealing it will say where it is.
    while let Next::Record = records.next().map_err(unread())? {
        rows += 1;
    }
    records.drain().map_err(unread())?;
    let sha256 = records.input.sha256();
    let has_tokens = manifest.columns.iter().any(|column| column.mode == "token");
    if has_tokens && !changed && hex(&sha256) != manifest.output_sha256 {
        return Err(changed_file());
    }
    let values = rows.saturating_sub(1).saturating_mul(manifest.reversible());
    Ok(Inspected { sha256, values })
}
