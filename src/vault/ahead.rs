//! Looking ahead: what a batch of tokens will ask the store for, asked outside of the operation and by several threads.
//!
//! Most of what the batch asks is whether a key is free, and most are. An operation believes it if no other has written
//! since; otherwise it asks again, one by one.

use super::issue::opaque;
use super::keyring::FieldSet;
use super::random_tokens::{Look, RandomTokens, TokenRequest};
use super::{TOKEN, VALUE};
use crate::error::Result;
use crate::format::Draw;
use crate::store::Map;
use crate::wire::token::TokenKey;
use std::collections::HashSet;
use std::thread;

/// Fewer than this are not worth starting a thread for.
const FEW: usize = 64;
/// The store does not get faster with more.
const MOST_THREADS: usize = 4;

/// Keys that nothing was under, and tokens that were free.
#[derive(Default)]
pub(super) struct Ahead {
    /// Which operation was the last one when it was looked.
    pub(super) sequence: u64,
    pub(super) absent: HashSet<(Map, TokenKey)>,
    /// For each request, a token that was drawn for it and is free.
    pub(super) drawn: Vec<Option<String>>,
}

impl RandomTokens<'_> {
    pub(super) fn look_ahead(&self, fields: &FieldSet, requests: &[TokenRequest<'_>]) -> Result<Ahead> {
        if requests.len() < 2 * FEW {
            return Ok(Ahead::default());
        }
        let sequence = self.tenant.vault().hold().sequence;
        let parts = in_threads(requests, |part| self.look_ahead_for(fields, part));
        let mut all = Ahead { sequence, ..Ahead::default() };
        for part in parts {
            let part = part?;
            all.absent.extend(part.absent);
            all.drawn.extend(part.drawn);
        }
        Ok(all)
    }

    fn look_ahead_for(&self, fields: &FieldSet, requests: &[TokenRequest<'_>]) -> Result<Ahead> {
        let mut ahead = Ahead::default();
        let mut needs_one = vec![true; requests.len()];
        if self.rules.is_consistent {
            for keys in fields.iter() {
                let values = keys.value_keys(requests.iter().map(|request| request.value));
                self.keep_absent(VALUE, &values, &mut needs_one, &mut ahead.absent)?;
            }
        }
        // What is wrong with a value is for the operation to say.
        let draw = |request: &TokenRequest<'_>| match &self.rules.look {
            Look::Like(format) => {
                Draw::new(format, request.value).ok().and_then(|mut draw| draw.token().ok())
            }
            Look::Opaque(spelling) => Some(opaque(*spelling)),
        };
        let drawn =
            requests.iter().zip(&needs_one).map(|(request, needs)| needs.then(|| draw(request)).flatten());
        ahead.drawn = drawn.collect();
        let mut is_free: Vec<bool> = ahead.drawn.iter().map(Option::is_some).collect();
        for keys in fields.iter() {
            let tokens =
                keys.token_keys(ahead.drawn.iter().map(|token| token.as_deref().unwrap_or_default()));
            self.keep_absent(TOKEN, &tokens, &mut is_free, &mut ahead.absent)?;
        }
        for (token, is_free) in ahead.drawn.iter_mut().zip(is_free) {
            token.take_if(|_| !is_free);
        }
        Ok(ahead)
    }

    /// Keeps those that nothing is under, of those that are still kept, and notes them.
    fn keep_absent(
        &self,
        map: Map,
        keys: &[TokenKey],
        kept: &mut [bool],
        absent: &mut HashSet<(Map, TokenKey)>,
    ) -> Result<()> {
        for (key, kept) in keys.iter().zip(kept).filter(|(_, kept)| **kept) {
            *kept = self.tenant.vault().store().get(map, key)?.is_none();
            if *kept {
                absent.insert((map, *key));
            }
        }
        Ok(())
    }
}

/// `work` on parts of the items, each in a thread; the results in the order of the parts.
pub(super) fn in_threads<T: Sync, R: Send>(items: &[T], work: impl Fn(&[T]) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    let parts: Vec<&[T]> = items.chunks(items.len().div_ceil(threads).max(FEW)).collect();
    thread::scope(|scope| {
        let started: Vec<_> = parts.iter().skip(1).map(|part| scope.spawn(|| work(part))).collect();
        let first = parts.first().map(|part| work(part));
        let others = started.into_iter().map(|thread| match thread.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        first.into_iter().chain(others).collect()
    })
}
