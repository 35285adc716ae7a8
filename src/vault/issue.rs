//! One batch of values that get their tokens: the token that a value has, or one that is drawn until it is free.

use super::census::Mode;
use super::keyring::{FieldBatch, FieldSet, TenantSet};
use super::open::Operation;
use super::random_tokens::{Fill, Issued, Look, RandomTokens, TokenRequest};
use super::reference::RecordId;
use super::subject::OpenSubject;
use super::tenant::UNDECIDED;
use super::token_rows::{TokenRow, is_over, line_of};
use super::{ENTRY, SPACE, TOKEN, VALUE};
use crate::crypto::rng;
use crate::error::{Error, Result};
use crate::format::Draw;
use crate::name::{KeyVersion, SubjectId};
use crate::protect::Spelling;
use crate::store::MAX_VALUE;
use crate::time::Timestamp;
use crate::wire::entry::{Entry, entry_key, split_entry_key};
use crate::wire::token::{FingerprintEntry, Holder, NO_KEY, SpaceEntry, TokenEntry, TokenKey};
use std::collections::BTreeMap;

/// The longest value: an entry has to have room for it.
pub(super) const LONGEST: usize = 64 << 10;
/// The longest token: sealed, it has to fit a length of two bytes.
const LONGEST_TOKEN: usize = LONGEST - 64;
/// Spaces up to this size are listed when drawing takes too long.
const LISTED: u64 = 1 << 16;

/// One batch of requests.
pub(super) struct Issuer<'i, 'v> {
    tokens: &'i RandomTokens<'v>,
    fields: &'i FieldSet,
    known: &'i TenantSet,
    sealing: FieldBatch<'i>,
    version: KeyVersion,
    subjects: BTreeMap<SubjectId, OpenSubject>,
    /// The entries that were put for subjects.
    links: Vec<RecordId>,
    run: Option<[u8; 16]>,
    now: Timestamp,
}

impl<'i, 'v> Issuer<'i, 'v> {
    pub(super) fn new(
        tokens: &'i RandomTokens<'v>,
        fields: &'i FieldSet,
        known: &'i TenantSet,
        run: Option<[u8; 16]>,
        now: Timestamp,
    ) -> Self {
        let keys = fields.iter().next().expect("a keyset has a primary");
        let (sealing, version) = (keys.batch(), keys.version);
        Self { tokens, fields, known, sealing, version, subjects: BTreeMap::new(), links: vec![], run, now }
    }

    /// Writes the subjects, and returns the entries that were put for them.
    pub(super) fn finish(self, operation: &mut Operation<'_>) -> Result<Vec<RecordId>> {
        let field = self.tokens.tenant.field_ids([self.tokens.field.as_str()]);
        for subject in self.subjects.into_values() {
            let id = self.tokens.tenant.vault().ids.subject(self.tokens.tenant.name(), &subject.locator);
            operation.draft.item(id, UNDECIDED, subject.wrap_version, &field);
            subject.write(&self.tokens.tenant, operation, None)?;
        }
        Ok(self.links)
    }

    /// The token of a value; `drawn` is tried first if a new one is needed.
    pub(super) fn issue(
        &mut self,
        operation: &mut Operation<'_>,
        request: &TokenRequest<'_>,
        drawn: Option<String>,
    ) -> Result<Issued> {
        let (rules, value) = (&self.tokens.rules, request.value);
        self.tokens.check(value)?;
        let expires = match (request.expires, rules.lifetime) {
            (Some(end), _) if end <= self.now => {
                let problem = format!("{end} is past: now is {}", self.now);
                return Err(Error::Setting { what: "token end", problem });
            }
            (Some(end), _) => end.0,
            (None, Some(seconds)) => self.now.0.saturating_add(seconds),
            (None, None) => 0,
        };
        if rules.is_consistent
            && let Some(row) = operation.token_of_value(self.fields, value.as_bytes())?
        {
            let entry = TokenEntry::parse(&row.bytes)?;
            if !is_over(&entry, self.now) {
                return self.again(operation, request, expires, &row, entry);
            }
            operation.remove_token(&row)?;
        }
        self.draw_new(operation, request, expires, drawn)
    }

    /// The token that the value has, held by the request's subject too, and lasting as long as the longest that was asked
    /// for.
    fn again(
        &mut self,
        operation: &mut Operation<'_>,
        request: &TokenRequest<'_>,
        expires: u64,
        row: &TokenRow,
        mut entry: TokenEntry<'_>,
    ) -> Result<Issued> {
        let keys = self.fields.revealing(entry.key_version)?;
        let token = keys.open_token(&row.key, &entry)?;
        let held = match request.subject {
            None => entry.holders.iter().any(|holder| holder.link.is_none()),
            // Not made yet: a subject who is then refused the token would stay, with nothing.
            Some(subject) if !self.knows(subject)? => false,
            Some(subject) => {
                let locator = self.subject(operation, subject)?.locator;
                let runs = &operation.ledger.runs;
                entry.holders.iter().any(|holder| {
                    // What another run has put goes if that is taken back, and this must stay.
                    let stays =
                        holder.run.is_none_or(|run| self.run == Some(run) || !runs.contains_key(&run));
                    stays && holder.link.is_some_and(|link| split_entry_key(&link).0 == locator)
                })
            }
        };
        if !held {
            // Not when the batch is written, which would fail for all its values.
            let (actual, limit) = (row.bytes.len() + request.value.len() + 128, MAX_VALUE);
            if actual > limit {
                let what = "entry of a token that many subjects share";
                return Err(Error::TooLong { what, actual, limit });
            }
            let holder = match request.subject {
                // The entry keeps its key version until it is migrated.
                None => Holder {
                    link: None,
                    run: None,
                    envelope: keys.batch().seal_value(&token, request.value.as_bytes())?,
                },
                Some(subject) => self.holder(operation, subject, &row.key, &token, request.value)?,
            };
            entry.holders.push(holder);
        }
        let lasts_longer = entry.expires != 0 && (expires == 0 || expires > entry.expires);
        if lasts_longer {
            entry.expires = expires;
            entry.token = keys.batch().seal_token(&row.key, &token, &entry)?;
        }
        if !held || lasts_longer {
            operation.put(TOKEN, &row.key, Some(&row.bytes), entry.to_bytes()?);
        }
        Ok(Issued { token, is_new: false, fill: None })
    }

    fn draw_new(
        &mut self,
        operation: &mut Operation<'_>,
        request: &TokenRequest<'_>,
        expires: u64,
        drawn: Option<String>,
    ) -> Result<Issued> {
        let (token, space) = self.draw(operation, request.value, drawn)?;
        // Before anything is put: the rest of the batch goes on without this value.
        if token.len() > LONGEST_TOKEN {
            return Err(Error::TooLong { what: "token", actual: token.len(), limit: LONGEST_TOKEN });
        }
        let keys = self.fields.iter().next().expect("a keyset has a primary");
        let key = keys.token_key(&token);
        let holder = match request.subject {
            None => Holder {
                link: None,
                run: None,
                envelope: self.sealing.seal_value(&token, request.value.as_bytes())?,
            },
            Some(subject) => self.holder(operation, subject, &key, &token, request.value)?,
        };
        let mut entry = TokenEntry {
            key_version: self.version.get(),
            tenant: self.tokens.tenant.name().as_str(),
            field: self.tokens.field.as_str(),
            is_once: self.tokens.rules.is_once,
            expires,
            value: NO_KEY,
            space: NO_KEY,
            token: vec![],
            holders: vec![holder],
        };
        if self.tokens.rules.is_consistent {
            entry.value = keys.value_key(request.value.as_bytes());
            let fingerprint = FingerprintEntry { key_version: entry.key_version, token: key };
            operation.put(VALUE, &entry.value, None, fingerprint.to_bytes());
            operation.ledger.census.add(line_of(&entry, Mode::Fingerprint));
        }
        let fill = space.map(|(space, old, Fill { used, size })| {
            entry.space = space;
            let used = used + 1;
            operation.put(SPACE, &space, old.as_deref(), SpaceEntry { used }.to_bytes());
            Fill { used, size }
        });
        entry.token = self.sealing.seal_token(&key, &token, &entry)?;
        operation.put(TOKEN, &key, None, entry.to_bytes()?);
        operation.ledger.census.add(line_of(&entry, Mode::Token));
        Ok(Issued { token, is_new: true, fill })
    }

    /// A token that is not taken, and its space if that is counted.
    #[allow(clippy::type_complexity, reason = "what `space` returns")]
    fn draw(
        &self,
        operation: &Operation<'_>,
        value: &str,
        mut drawn: Option<String>,
    ) -> Result<(String, Option<(TokenKey, Option<Vec<u8>>, Fill)>)> {
        let format = match &self.tokens.rules.look {
            Look::Like(format) => format,
            Look::Opaque(spelling) => loop {
                let token = drawn.take().unwrap_or_else(|| opaque(*spelling));
                if operation.token_row(self.fields, &token)?.is_none() {
                    return Ok((token, None));
                }
            },
        };
        let mut draw = Draw::new(format, value)?;
        let space = self.tokens.space(operation, &mut draw)?;
        let Fill { used, size } =
            space.as_ref().map_or(Fill { used: 0, size: u64::MAX }, |(_, _, fill)| *fill);
        let exhausted = || Error::TokensExhausted { used, size };
        let free = size.checked_sub(used).filter(|free| *free > 0).ok_or_else(exhausted)?;
        // Each draw is free with probability free / size: all of so many fail once in 10^17 times.
        for _ in 0..(size / free).saturating_mul(40).clamp(40, LISTED) {
            let token = drawn.take().map_or_else(|| draw.token(), Ok)?;
            if operation.token_row(self.fields, &token)?.is_none() {
                return Ok((token, space));
            }
        }
        let mut untaken = vec![];
        if size <= LISTED {
            draw.each(|token| {
                if operation.token_row(self.fields, &token)?.is_none() {
                    untaken.push(token);
                }
                Ok(())
            })?;
        }
        match u32::try_from(untaken.len()) {
            Ok(1..) => Ok((untaken.swap_remove(rng::below(untaken.len() as u32) as usize), space)),
            _ => Err(exhausted()),
        }
    }

    /// The value sealed for a subject, with an entry of hers that refers to the token.
    fn holder(
        &mut self,
        operation: &mut Operation<'_>,
        subject: &SubjectId,
        key: &TokenKey,
        token: &str,
        value: &str,
    ) -> Result<Holder> {
        let field = &self.tokens.field;
        let subject = self.subject(operation, subject)?;
        let number = subject.link(operation)?;
        let link = entry_key(&subject.locator, number);
        let envelope = subject.sealer.seal_token(field, token, value.as_bytes())?;
        operation.put(ENTRY, &link, None, Entry::Link(*key).to_bytes()?);
        self.links.push(RecordId(link));
        Ok(Holder { link: Some(link), run: self.run, envelope })
    }

    /// Whether the vault has her, or will have after this batch.
    fn knows(&self, subject: &SubjectId) -> Result<bool> {
        Ok(self.subjects.contains_key(subject) || self.tokens.tenant.find_in(self.known, subject)?.is_some())
    }

    fn subject(&mut self, operation: &mut Operation<'_>, subject: &SubjectId) -> Result<&mut OpenSubject> {
        if !self.subjects.contains_key(subject) {
            let opened = OpenSubject::open(&self.tokens.tenant, operation, self.known, subject)?;
            self.subjects.insert(subject.clone(), opened);
        }
        Ok(self.subjects.get_mut(subject).expect("it was just put there"))
    }
}

pub(super) fn opaque(spelling: Spelling) -> String {
    let mut bits = u128::from_be_bytes(rng::bytes());
    if spelling.is_integer() {
        bits >>= 65;
    }
    spelling.write(bits.to_be_bytes())
}
