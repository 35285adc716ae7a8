//! Tokens shown to a principal for a purpose: random ones, which the vault holds, and computed ones, which it decides about.

use super::random_tokens::RandomTokens;
use super::reference::RecordId;
use super::revealer::{Looked, Revealed, Revealer, denied, masked, settled};
use super::subject_cache::OpenedSubject;
use crate::duties::{Decision, Judge, Reason, SubjectState};
use crate::error::{Error, Result};
use crate::name::FieldName;
use crate::time::Timestamp;
use crate::wire::entry::{Locator, split_entry_key};
use std::sync::Arc;

const GONE: Error = Error::Value {
    problem: "is of a subject that is not in this vault: it was erased, or belongs to another row",
};

impl Revealer<'_> {
    /// What the rules say of a field of a subject of whom nothing is known. It is in no log, and nothing is shown by it.
    pub fn ask(&self, field: &FieldName) -> Decision {
        self.judge().decide(field, &SubjectState::default(), None, self.vault().decision_time())
    }

    /// The value of one random token.
    ///
    /// # Errors
    /// As [`redeem_many`](Revealer::redeem_many), of all and of one.
    pub fn redeem(&self, tokens: &RandomTokens<'_>, token: &str, now: Timestamp) -> Result<Revealed> {
        self.redeem_many(tokens, &[token], now)?.pop().expect("one result for one token")
    }

    /// The values of random tokens, in order, in one leaf of the audit log. A token for one use that is shown is gone then. Of
    /// a token that several subjects share, the strictest decision counts.
    ///
    /// # Errors
    /// As [`reveal_many`](Revealer::reveal_many); [`Error::Setting`] for tokens of another tenant or vault. In the results, as
    /// [`RandomTokens::redeem`], and [`Error::Denied`].
    pub fn redeem_many(
        &self,
        tokens: &RandomTokens<'_>,
        given: &[&str],
        now: Timestamp,
    ) -> Result<Vec<Result<Revealed>>> {
        if !tokens.tenant.is_of(self.vault()) || tokens.tenant.name() != self.tenant_id() {
            let problem = "are another tenant's or vault's than what is shown".into();
            return Err(Error::Setting { what: "tokens", problem });
        }
        let at = now.max(self.vault().decision_time());
        let looked = self.answer(|judge, now| {
            let look = |token: &&str| (&tokens.field, settled(self.look_at(judge, tokens, token, (at, now))));
            Ok(given.iter().map(look).collect())
        })?;
        let hand_out = |(token, look): (&&str, Result<Looked>)| {
            let look = look?;
            match (look.decision, look.value) {
                (Decision::Deny(reason), _) => Err(denied(reason)),
                (Decision::Token, _) => Ok(Revealed::Token((*token).to_owned())),
                (decision, value) => {
                    // For one use: it is gone only now that the leaf is durable, and if she has not changed her mind since.
                    let once = || {
                        tokens.redeem_once(token, at, || {
                            let (judge, now) = (self.judge(), self.vault().decision_time());
                            let again = self.look_at(&judge, tokens, token, (at, now))?.decision;
                            match again.reason() {
                                Some(reason) => Err(denied(reason)),
                                None if again == decision => Ok(()),
                                None => Err(denied(Reason::RoleWithoutField)),
                            }
                        })
                    };
                    let value = value.map_or_else(once, Ok)?;
                    match decision {
                        Decision::Masked(mask) => masked(mask, &value).map(Revealed::Masked),
                        _ => Ok(Revealed::Full(value)),
                    }
                }
            }
        };
        Ok(given.iter().zip(looked).map(hand_out).collect())
    }

    fn look_at(
        &self,
        judge: &Judge,
        tokens: &RandomTokens<'_>,
        token: &str,
        (at, now): (Timestamp, Timestamp),
    ) -> Result<Looked> {
        let (holders, is_once) = tokens.holders(token, at)?;
        let mut looked = Looked { subject: None, decision: Decision::Full, value: None, is_there: true };
        looked.decision = judge.decide(&tokens.field, &SubjectState::default(), None, now);
        for (n, holder) in holders.iter().enumerate() {
            let Some(subject) = self.open_for(holder)? else { continue };
            let decision = decide(judge, &tokens.field, Some(&subject), now);
            // Her own decision in place of a stranger's, and any refusal in place of that.
            if n == 0 || decision.reason().is_some() {
                (looked.subject, looked.decision) = (Some(subject), decision);
            }
            if decision.reason().is_some() {
                break;
            }
        }
        if !is_once && matches!(looked.decision, Decision::Full | Decision::Masked(_)) {
            looked.value = Some(tokens.redeem_decided(token, at)?);
        }
        Ok(looked)
    }

    /// Decides about values of a field that are not in the vault, as computed tokens are, in one leaf of the audit log. `whose`
    /// has a record of the subject of each; of `None`, nothing is known. A record that leads nowhere is no stranger's: its
    /// subject was erased, or it is not her record at all.
    ///
    /// # Errors
    /// As [`reveal_many`](Revealer::reveal_many). In the results, [`Error::Value`] for a record that leads nowhere.
    pub fn decide_many(
        &self,
        field: &FieldName,
        whose: &[Option<RecordId>],
    ) -> Result<Vec<Result<Decision>>> {
        let looked = self.answer(|judge, now| {
            let look = |record: &Option<RecordId>| {
                let subject = match record {
                    Some(record) => Some(self.open_for(&split_entry_key(&record.0).0)?.ok_or(GONE)?),
                    None => None,
                };
                let decision = decide(judge, field, subject.as_ref(), now);
                Ok(Looked { subject, decision, value: None, is_there: true })
            };
            Ok(whose.iter().map(|record| (field, settled(look(record)))).collect())
        })?;
        Ok(looked.into_iter().map(|look| look.map(|look| look.decision)).collect())
    }

    /// A subject, with a key under which a reason can be told if there is one to tell.
    fn open_for(&self, locator: &Locator) -> Result<Option<Arc<OpenedSubject>>> {
        loop {
            match self.tenant().opened(locator)? {
                Some(subject) if self.tells() && subject.known.is_none() => {
                    self.tenant().begin_state(subject.sealer.subject())?;
                }
                opened => return Ok(opened),
            }
        }
    }
}

fn decide(
    judge: &Judge,
    field: &FieldName,
    subject: Option<&Arc<OpenedSubject>>,
    now: Timestamp,
) -> Decision {
    let default = SubjectState::default();
    let known = subject.and_then(|subject| subject.known.as_ref());
    judge.decide(field, known.map_or(&default, |known| &known.state), None, now)
}
