//! What was done to the vault's keys, and with them to files: the log of its administration.
//!
//! ```text
//!  event:  time 8 │ number at that time 8  →  format 1 │ kind 2 + k │ detail 4 + d
//! ```
//!
//! No event names a subject or holds a value, so events are in the clear; the fingerprint of all entries covers them.

use super::EVENT;
use super::log::Draft;
use super::open::{Operation, Vault};
use super::pages::Pages;
use crate::error::{Error, Result};
use crate::time::Timestamp;
use crate::wire::{Reader, Writer};
use std::fmt;

const FORMAT: u8 = 1;

/// Something that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, by the clock of who did it.
    pub at: Timestamp,
    /// What: `rotate`, `migrate`, `retire`, `destroy`, `bridge` and the like.
    pub kind: String,
    /// To what.
    pub detail: String,
}

impl Event {
    /// An event.
    pub fn new(at: Timestamp, kind: &str, detail: impl Into<String>) -> Self {
        Self { at, kind: kind.into(), detail: detail.into() }
    }

    fn parse(key: &[u8], bytes: &[u8]) -> Result<Self> {
        let at =
            key.first_chunk::<8>().filter(|_| key.len() == 16).map(|at| Timestamp(u64::from_be_bytes(*at)));
        let at =
            at.ok_or_else(|| Error::Corrupt { problem: "an event's key has the wrong length".into() })?;
        let mut r = Reader::new("event", bytes);
        r.expect(&[FORMAT], "has a format that this release does not know")?;
        let kind = r.short_str()?.to_owned();
        let detail = std::str::from_utf8(r.long()?).map_err(|_| r.malformed("is not UTF-8"))?.to_owned();
        r.finish()?;
        Ok(Self { at, kind, detail })
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.detail)
    }
}

impl Operation<'_> {
    /// Logs an event in the same batch as what it is about.
    pub(super) fn log(&mut self, event: &Event) -> Result<()> {
        let mut w = Writer::new();
        w.u8(FORMAT).short(event.kind.as_bytes())?.long(event.detail.as_bytes())?;
        let at = event.at.0.to_be_bytes();
        let mut number = 0u64;
        Pages::new(self.vault().store(), EVENT, &at, None).each(|_, _| {
            number += 1;
            Ok(())
        })?;
        let mut key = [at, number.to_be_bytes()].concat();
        while self.get(EVENT, &key)?.is_some() {
            number += 1;
            key = [at, number.to_be_bytes()].concat();
        }
        self.put(EVENT, &key, None, w.into_bytes());
        Ok(())
    }
}

impl Vault {
    /// Logs an event that is not the vault's own doing, as bridging a file is.
    ///
    /// # Errors
    /// The store's.
    pub fn log(&self, event: &Event) -> Result<()> {
        let mut operation = self.bookkeeping(Draft::noted("event", event.to_string()))?;
        operation.log(event)?;
        self.finish(operation)
    }

    /// The events, by their time.
    ///
    /// # Errors
    /// [`Error::Malformed`] for an entry that was altered; the store's.
    pub fn events(&self) -> Result<Vec<Event>> {
        let mut events = vec![];
        Pages::new(self.store(), EVENT, &[], None).each(|key, bytes| {
            events.push(Event::parse(key, bytes)?);
            Ok(())
        })?;
        Ok(events)
    }
}
