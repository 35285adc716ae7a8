//! Files through a policy: CSV in, CSV out, on all cores, in constant memory, in order.
//!
//! ```text
//!  reader ──► batches of rows, by column ──► workers ──► writer (in order) ──► output, rejects, checksums
//! ```
//!
//! A batch is at most 4,096 rows or about a mebibyte; a fixed number of them goes round. The output is the same
//! whatever the number of threads.

mod actions;
mod batch;
mod bridge;
mod by_version;
mod consents;
mod counted;
mod drive;
mod inspect;
mod key_versions;
mod manifest;
mod migrate;
mod parallel;
mod preview;
mod protect;
mod protected_file;
mod quoting;
mod records;
mod registered;
mod reveal;
mod rewrite;
mod shown;
mod source;
mod suggest;
mod vaulted;
mod whose;

pub use bridge::{Bridged, Crossing, bridge};
pub use consents::{ConsentRow, consents};
pub use inspect::{Inspected, inspect};
pub use manifest::{ColumnEntry, Manifest};
pub use migrate::{Migrated, migrate};
pub use preview::{CellPreview, RowPreview, preview};
pub use protect::{Finished, protect};
pub use reveal::{Revealed, reveal};
pub use suggest::{SuggestedColumn, Suggestion, suggest};

use crate::error::{Error, Result};
use crate::keys::Keyset;
use crate::time::Timestamp;
use crate::vault::{Revealer, Vault};
use std::io::Write;

/// What holds the keys, and perhaps the sealed fields.
#[derive(Clone, Copy, Debug)]
pub enum Keys<'k> {
    /// A keyset alone: sealed fields stay in the file, as envelopes.
    Keyset(&'k Keyset),
    /// A vault: it holds the sealed fields, and the file refers to them.
    Vault(&'k Vault),
}

impl Keys<'_> {
    fn keyset(&self) -> Keyset {
        match self {
            Keys::Keyset(keyset) => (*keyset).clone(),
            Keys::Vault(vault) => vault.keyset(),
        }
    }
}

/// How a file is read and written.
pub struct Options<'o> {
    /// What stands between cells.
    pub delimiter: u8,
    /// Worker threads, at least one.
    pub threads: usize,
    /// The time to be recorded.
    pub now: Timestamp,
    /// Whether protecting puts a column behind each column with a key, named `<header>__kv`, that holds the key version
    /// of every cell: rows of files of different ages can then stand in one file.
    pub key_version_columns: bool,
    /// Whether [`migrate()`] and [`bridge()`] take a file of which rows or columns are missing or in another order. Nothing
    /// then tells whether a token or a pseudonym in it is of the manifest's key version, and others become garbage.
    pub changed: bool,
    /// Whether [`migrate()`] moves what suspended and compromised versions protect as well: to get away from them.
    pub despite_state: bool,
    /// Where rejected rows are named: `line,column,reason`, never a value. Without it, the first bad row stops the run.
    pub rejects: Option<&'o mut (dyn Write + Send)>,
    /// Called now and then from another thread.
    pub progress: Option<&'o (dyn Fn(Progress) + Sync)>,
    /// Who is shown the values that [`reveal()`] gives back, where a vault has rules.
    pub revealer: Option<&'o Revealer<'o>>,
}

impl Default for Options<'_> {
    /// Commas, all cores, 1970, no columns of key versions, no changed files, no stopped versions, no rejects, no progress, nobody who is shown anything.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            delimiter: b',',
            threads,
            now: Timestamp(0),
            key_version_columns: false,
            changed: false,
            despite_state: false,
            rejects: None,
            progress: None,
            revealer: None,
        }
    }
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Rows done.
    pub rows: u64,
    /// Rows rejected, of these.
    pub rejected: u64,
    /// Bytes of input read.
    pub bytes: u64,
}

/// Refuses delimiters that CSV cannot have.
fn check_delimiter(delimiter: u8) -> Result<()> {
    match delimiter {
        b'"' | b'\r' | b'\n' | 0x80.. => {
            let problem = "cannot be a quote, a line end, or a character that is not ASCII".into();
            Err(Error::Setting { what: "delimiter", problem })
        }
        _ => Ok(()),
    }
}
