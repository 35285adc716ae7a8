//! Reading the audit log from one leaf to another.

use super::AUDIT;
use super::open::Vault;
use super::pages::Pages;
use crate::error::{Error, Result};

impl Vault {
    /// `f` for the bytes of each leaf from number `from` on, and before `end`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when a leaf is missing; what `f` refuses; the store's. That a leaf is the one that was written is
    /// for the caller to verify against the tree.
    pub(super) fn each_leaf(
        &self,
        from: u64,
        end: u64,
        mut f: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let missing = |number: u64| Error::Corrupt {
            problem: format!("audit leaf {number} is missing; `check` says what else is wrong"),
        };
        let mut next = from;
        let before = from.checked_sub(1).map(u64::to_be_bytes);
        let mut pages = Pages::new(self.store(), AUDIT, &[], before.as_ref().map(<[u8; 8]>::as_slice));
        while next < end {
            let page = pages.next()?.ok_or_else(|| missing(next))?;
            for (key, leaf) in page {
                if next == end {
                    break;
                }
                if key != next.to_be_bytes() {
                    return Err(missing(next));
                }
                f(&leaf)?;
                next += 1;
            }
        }
        Ok(())
    }
}
