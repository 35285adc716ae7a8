//! Reading a map from end to end, a page at a time, in little memory whatever the values' size.

use crate::error::Result;
use crate::store::{Entry, Map, Store};

/// Entries in a page at the most.
const MOST: usize = 1024;
/// Bytes that a page is meant to stay below.
const BYTES: usize = 4 << 20;

/// A walk over the entries of a map whose keys start with a prefix, in order.
pub(super) struct Pages<'s> {
    store: &'s dyn Store,
    map: Map,
    prefix: &'s [u8],
    after: Option<Vec<u8>>,
    limit: usize,
    done: bool,
}

impl<'s> Pages<'s> {
    pub(super) fn new(store: &'s dyn Store, map: Map, prefix: &'s [u8], after: Option<&[u8]>) -> Self {
        Self { store, map, prefix, after: after.map(<[u8]>::to_vec), limit: 32, done: false }
    }

    /// The next page, or `None` after the last. Pages grow while entries are small.
    pub(super) fn next(&mut self) -> Result<Option<Vec<Entry>>> {
        if self.done {
            return Ok(None);
        }
        let page = self.store.scan(self.map, self.prefix, self.after.as_deref(), self.limit)?;
        self.done = page.len() < self.limit;
        if page.is_empty() {
            return Ok(None);
        }
        let bytes: usize = page.iter().map(|(key, value)| key.len() + value.len()).sum();
        self.limit =
            (page.len() * BYTES / (2 * bytes.max(1))).clamp(self.limit / 4, self.limit * 2).clamp(4, MOST);
        self.after = page.last().map(|(key, _)| key.clone());
        Ok(Some(page))
    }

    /// `f` for each entry that is left.
    pub(super) fn each(mut self, mut f: impl FnMut(&[u8], &[u8]) -> Result<()>) -> Result<()> {
        while let Some(page) = self.next()? {
            page.iter().try_for_each(|(key, value)| f(key, value))?;
        }
        Ok(())
    }
}
