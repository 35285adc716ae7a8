//! Looking ahead: what a batch of tokens will ask the store for, asked outside of the operation and by several threads.
//!
//! Most of what the batch asks is whether a key is free, and most are. An operation believes it if no other has written
//! since; otherwise it asks again, one by one.

use super::issue::opaque;
use super::keyring::FieldSet;
use super::random_tokens::{Look, RandomTokens, TokenRequest};
use super::{TOKEN, VALUE};
use crate::error::{Error, Result};
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
        let parts = in_threads(requests, |part| {
            let mut ahead = Ahead::default();
            for request in part {
                let drawn = self.look_ahead_for(fields, request, &mut ahead.absent)?;
                ahead.drawn.push(drawn);
            }
            Ok::<_, Error>(ahead)
        });
        let mut all = Ahead { sequence, ..Ahead::default() };
        for part in parts {
            let part = part?;
            all.absent.extend(part.absent);
            all.drawn.extend(part.drawn);
        }
        Ok(all)
    }

    fn look_ahead_for(
        &self,
        fields: &FieldSet,
        request: &TokenRequest<'_>,
        absent: &mut HashSet<(Map, TokenKey)>,
    ) -> Result<Option<String>> {
        let mut is_absent = |map, key: TokenKey| -> Result<bool> {
            let found = self.tenant.vault().store().get(map, &key)?.is_some();
            if !found {
                absent.insert((map, key));
            }
            Ok(!found)
        };
        if self.rules.is_consistent {
            for keys in fields.iter() {
                if !is_absent(VALUE, keys.value_key(request.value.as_bytes()))? {
                    return Ok(None);
                }
            }
        }
        // What is wrong with the value is for the operation to say.
        let drawn = match &self.rules.look {
            Look::Like(format) => {
                Draw::new(format, request.value).ok().and_then(|mut draw| draw.token().ok())
            }
            Look::Opaque(spelling) => Some(opaque(*spelling)),
        };
        let Some(token) = drawn else { return Ok(None) };
        for keys in fields.iter() {
            if !is_absent(TOKEN, keys.token_key(&token))? {
                return Ok(None);
            }
        }
        Ok(Some(token))
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
