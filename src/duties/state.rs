//! What a data subject said, or a court about her data.
//!
//! ```text
//!  format 1 │ flags 1: 1 restricted, 2 canary │ if restricted: at 8, reason 2+r
//!  consents 2   │ each: purpose 2+p │ event 1: 1 granted, 2 withdrawn │ at 8 │ expires 8, 0 none │ source 2+s │ wording 2+w
//!  objections 2 │ each: purpose 2+p │ at 8
//!  holds 2      │ each: name 2+n │ at 8
//! ```
//!
//! Consents are in the order of their times, in one second withdrawals last, and then of purpose, `expires`, source and
//! wording; objections and holds in the order of their names. None is there twice. A text that is not there is empty.

use super::{Consent, ConsentEvent, ConsentStatus};
use crate::error::{Error, Result};
use crate::name::{Note, Purpose};
use crate::time::Timestamp;
use crate::wire::{Reader, Writer};
use std::fmt;

const FORMAT: u8 = 1;
const RESTRICTED: u8 = 1;
const CANARY: u8 = 2;
const GRANTED: u8 = 1;
const WITHDRAWN: u8 = 2;
/// Consents, objections or holds of one subject, at most.
const MOST: usize = 10_000;

/// The state of a subject: consents with their whole history, restriction, objections, holds.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SubjectState {
    restriction: Option<Restriction>,
    canary: bool,
    consents: Vec<Consent>,
    objections: Vec<Objection>,
    holds: Vec<Hold>,
}

/// A restriction of processing (GDPR Art. 18).
#[derive(Clone, PartialEq, Eq)]
pub struct Restriction {
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub reason: Note,
}

impl fmt::Debug for Restriction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Restriction(..)") // it is about a person
    }
}

/// An objection to a purpose (GDPR Art. 21).
#[derive(Clone, PartialEq, Eq)]
pub struct Objection {
    /// To what.
    pub purpose: Purpose,
    /// Since when.
    pub at: Timestamp,
}

impl fmt::Debug for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Objection(..)") // it is about a person
    }
}

/// A hold: data is kept though its retention is over (GDPR Art. 17(3)(e)).
#[derive(Clone, PartialEq, Eq)]
pub struct Hold {
    /// For what: a case's number.
    pub name: Note,
    /// Since when.
    pub at: Timestamp,
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hold(..)") // it is about a person
    }
}

impl SubjectState {
    /// Takes a consent, or its withdrawal, into the history, at its place. `false`: it was there already, so that an import
    /// can be repeated.
    ///
    /// # Errors
    /// [`Error::Setting`] when it ends before it begins; [`Error::TooLong`] over 10,000 of them.
    pub fn record(&mut self, consent: Consent) -> Result<bool> {
        if expires(&consent).is_some_and(|end| end <= consent.at) {
            let problem = "ends before it begins: `expires` must be after `at`".into();
            return Err(Error::Setting { what: "consent", problem });
        }
        match self.consents.binary_search_by(|there| order(there).cmp(&order(&consent))) {
            Ok(_) => Ok(false),
            Err(place) => {
                room("consents of a subject", self.consents.len())?;
                self.consents.insert(place, consent);
                Ok(true)
            }
        }
    }

    /// Records that the subject consents to a purpose; see [`record`](SubjectState::record).
    ///
    /// # Errors
    /// Those of [`record`](SubjectState::record).
    pub fn grant(
        &mut self,
        purpose: Purpose,
        at: Timestamp,
        expires: Option<Timestamp>,
        source: Option<Note>,
        wording: Option<Note>,
    ) -> Result<bool> {
        self.record(Consent { purpose, event: ConsentEvent::Granted { expires }, at, source, wording })
    }

    /// Records that the subject withdraws the consent to a purpose, which is as easy as to give it (GDPR Art. 7(3)).
    ///
    /// # Errors
    /// Those of [`record`](SubjectState::record).
    pub fn withdraw(&mut self, purpose: Purpose, at: Timestamp, source: Option<Note>) -> Result<bool> {
        self.record(Consent { purpose, event: ConsentEvent::Withdrawn, at, source, wording: None })
    }

    /// What the consent to a purpose is worth: the last event up to now counts, and of one second the withdrawal.
    pub fn consent(&self, purpose: &Purpose, now: Timestamp) -> ConsentStatus {
        let last = self.consents.iter().rev().find(|c| c.at <= now && c.purpose == *purpose);
        match last.map(|consent| consent.event) {
            None => ConsentStatus::None,
            Some(ConsentEvent::Withdrawn) => ConsentStatus::Withdrawn,
            Some(ConsentEvent::Granted { expires: Some(expires) }) if expires <= now => {
                ConsentStatus::Expired
            }
            Some(ConsentEvent::Granted { .. }) => ConsentStatus::Granted,
        }
    }

    /// All that was said about consents, in the order of time.
    pub fn consents(&self) -> &[Consent] {
        &self.consents
    }

    /// Restricts the processing. `false`: it is restricted already, and the first reason stays.
    pub fn restrict(&mut self, at: Timestamp, reason: Note) -> bool {
        let is_new = self.restriction.is_none();
        self.restriction.get_or_insert(Restriction { at, reason });
        is_new
    }

    /// Lifts the restriction. `false`: there was none.
    pub fn lift(&mut self) -> bool {
        self.restriction.take().is_some()
    }

    /// The restriction.
    pub fn restriction(&self) -> Option<&Restriction> {
        self.restriction.as_ref()
    }

    /// Records an objection to a purpose. `false`: it is there already.
    ///
    /// # Errors
    /// [`Error::TooLong`] over 10,000 of them.
    pub fn object(&mut self, purpose: Purpose, at: Timestamp) -> Result<bool> {
        match self.objections.binary_search_by(|o| o.purpose.cmp(&purpose)) {
            Ok(_) => Ok(false),
            Err(place) => {
                room("objections of a subject", self.objections.len())?;
                self.objections.insert(place, Objection { purpose, at });
                Ok(true)
            }
        }
    }

    /// Takes an objection back, as the subject may. `false`: there was none.
    pub fn retract(&mut self, purpose: &Purpose) -> bool {
        let found = self.objections.binary_search_by(|o| o.purpose.cmp(purpose));
        found.map(|place| self.objections.remove(place)).is_ok()
    }

    /// Whether the subject objected to a purpose.
    pub fn has_objected(&self, purpose: &Purpose) -> bool {
        self.objections.binary_search_by(|o| o.purpose.cmp(purpose)).is_ok()
    }

    /// The objections, by purpose.
    pub fn objections(&self) -> &[Objection] {
        &self.objections
    }

    /// Puts the data on hold. `false`: a hold of this name is there already.
    ///
    /// # Errors
    /// [`Error::TooLong`] over 10,000 of them.
    pub fn hold(&mut self, name: Note, at: Timestamp) -> Result<bool> {
        match self.holds.binary_search_by(|h| h.name.cmp(&name)) {
            Ok(_) => Ok(false),
            Err(place) => {
                room("holds of a subject", self.holds.len())?;
                self.holds.insert(place, Hold { name, at });
                Ok(true)
            }
        }
    }

    /// Releases a hold. `false`: there was none of this name.
    pub fn release(&mut self, name: &Note) -> bool {
        let found = self.holds.binary_search_by(|h| h.name.cmp(name));
        found.map(|place| self.holds.remove(place)).is_ok()
    }

    /// The holds, by name.
    pub fn holds(&self) -> &[Hold] {
        &self.holds
    }

    /// Says whether this is nobody: a canary, whose reveal means that someone looks around.
    pub fn set_canary(&mut self, canary: bool) {
        self.canary = canary;
    }

    /// Whether this is nobody.
    pub fn is_canary(&self) -> bool {
        self.canary
    }

    /// Reads the bytes.
    ///
    /// # Errors
    /// [`Error::Malformed`] for anything but what [`to_bytes`](SubjectState::to_bytes) writes.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut r = Reader::new("subject state", bytes);
        r.expect(&[FORMAT], "has a format that this release does not know")?;
        let flags = r.u8()?;
        if flags & !(RESTRICTED | CANARY) != 0 {
            return Err(r.malformed("has a flag that this release does not know"));
        }
        let mut state = Self { canary: flags & CANARY != 0, ..Self::default() };
        if flags & RESTRICTED != 0 {
            state.restriction = Some(Restriction { at: Timestamp(r.u64()?), reason: note(&mut r)? });
        }
        for _ in 0..r.u16()? {
            let purpose = purpose(&mut r)?;
            let (event, at, expires) = (r.u8()?, Timestamp(r.u64()?), r.u64()?);
            let event = match (event, expires) {
                (GRANTED, 0) => ConsentEvent::Granted { expires: None },
                (GRANTED, end) => ConsentEvent::Granted { expires: Some(Timestamp(end)) },
                (WITHDRAWN, 0) => ConsentEvent::Withdrawn,
                _ => return Err(r.malformed("has a consent that is neither granted nor withdrawn")),
            };
            let (source, wording) = (some_note(&mut r)?, some_note(&mut r)?);
            state.consents.push(Consent { purpose, event, at, source, wording });
        }
        for _ in 0..r.u16()? {
            state.objections.push(Objection { purpose: purpose(&mut r)?, at: Timestamp(r.u64()?) });
        }
        for _ in 0..r.u16()? {
            state.holds.push(Hold { name: note(&mut r)?, at: Timestamp(r.u64()?) });
        }
        if !state.is_in_order() {
            return Err(r.malformed("is not in its order, or has something twice"));
        }
        r.finish()?;
        Ok(state)
    }

    /// Whether it could have been built by the methods above.
    fn is_in_order(&self) -> bool {
        self.consents.is_sorted_by(|a, b| order(a) < order(b))
            && self.consents.iter().all(|consent| expires(consent).is_none_or(|end| end > consent.at))
            && self.objections.is_sorted_by(|a, b| a.purpose < b.purpose)
            && self.holds.is_sorted_by(|a, b| a.name < b.name)
            && self.consents.len().max(self.objections.len()).max(self.holds.len()) <= MOST
    }

    /// The bytes.
    ///
    /// # Errors
    /// None for what the methods above let in.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut w = Writer::new();
        let flags = if self.restriction.is_some() { RESTRICTED } else { 0 };
        w.u8(FORMAT).u8(flags | if self.canary { CANARY } else { 0 });
        if let Some(Restriction { at, reason }) = &self.restriction {
            w.u64(at.0).short(reason.as_str().as_bytes())?;
        }
        let text = |note: &Option<Note>| note.as_ref().map_or(String::new(), |note| note.to_string());
        w.u16(self.consents.len() as u16);
        for Consent { purpose, event, at, source, wording } in &self.consents {
            w.short(purpose.as_str().as_bytes())?;
            match event {
                ConsentEvent::Granted { expires } => {
                    w.u8(GRANTED).u64(at.0).u64(expires.map_or(0, |expires| expires.0))
                }
                ConsentEvent::Withdrawn => w.u8(WITHDRAWN).u64(at.0).u64(0),
            };
            w.short(text(source).as_bytes())?.short(text(wording).as_bytes())?;
        }
        w.u16(self.objections.len() as u16);
        for Objection { purpose, at } in &self.objections {
            w.short(purpose.as_str().as_bytes())?.u64(at.0);
        }
        w.u16(self.holds.len() as u16);
        for Hold { name, at } in &self.holds {
            w.short(name.as_str().as_bytes())?.u64(at.0);
        }
        Ok(w.into_bytes())
    }
}

/// The order of the history: by time, a withdrawal last in its second, and then by whatever tells two of them apart.
fn order(consent: &Consent) -> impl Ord {
    let Consent { purpose, event, at, source, wording } = consent;
    (*at, *event == ConsentEvent::Withdrawn, purpose, expires(consent), source, wording)
}

fn expires(consent: &Consent) -> Option<Timestamp> {
    match consent.event {
        ConsentEvent::Granted { expires } => expires,
        ConsentEvent::Withdrawn => None,
    }
}

fn room(what: &'static str, there: usize) -> Result<()> {
    if there < MOST { Ok(()) } else { Err(Error::TooLong { what, actual: there + 1, limit: MOST }) }
}

fn purpose(r: &mut Reader<'_>) -> Result<Purpose> {
    let name = r.short_str()?;
    Purpose::new(name).map_err(|_| r.malformed("holds a name that cannot be one"))
}

fn note(r: &mut Reader<'_>) -> Result<Note> {
    let text = r.short_str()?;
    Note::new(text).map_err(|_| r.malformed("holds a text that cannot be one"))
}

fn some_note(r: &mut Reader<'_>) -> Result<Option<Note>> {
    let is_empty = r.clone().u16()? == 0;
    if is_empty { r.u16().map(|_| None) } else { note(r).map(Some) }
}

impl fmt::Debug for SubjectState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubjectState(..)") // what somebody said is personal data
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn purpose(name: &str) -> Purpose {
        Purpose::new(name).unwrap()
    }

    fn note(text: &str) -> Note {
        Note::new(text).unwrap()
    }

    fn full() -> SubjectState {
        let mut state = SubjectState::default();
        state.restrict(Timestamp(7), note("accuracy contested"));
        state.set_canary(true);
        state
            .grant(purpose("news"), Timestamp(10), Some(Timestamp(20)), Some(note("web")), Some(note("v3")))
            .unwrap();
        state.withdraw(purpose("news"), Timestamp(15), None).unwrap();
        state.object(purpose("ads"), Timestamp(3)).unwrap();
        state.hold(note("case 4/26"), Timestamp(4)).unwrap();
        state
    }

    #[test]
    fn the_last_event_up_to_now_counts() {
        let mut state = SubjectState::default();
        let news = purpose("news");
        // Not in the order of time, as imports come.
        assert!(state.withdraw(news.clone(), Timestamp(30), None).unwrap());
        assert!(state.grant(news.clone(), Timestamp(10), Some(Timestamp(20)), None, None).unwrap());
        assert!(state.grant(news.clone(), Timestamp(40), None, None, None).unwrap());
        for (now, expected) in [
            (9, ConsentStatus::None),
            (10, ConsentStatus::Granted),
            (19, ConsentStatus::Granted),
            (20, ConsentStatus::Expired),
            (29, ConsentStatus::Expired),
            (30, ConsentStatus::Withdrawn),
            (39, ConsentStatus::Withdrawn),
            (40, ConsentStatus::Granted),
            (u64::MAX, ConsentStatus::Granted),
        ] {
            assert_eq!(state.consent(&news, Timestamp(now)), expected, "{now}");
            assert_eq!(state.consent(&purpose("ads"), Timestamp(now)), ConsentStatus::None);
        }
    }

    // SPEC: DUTY-9
    #[test]
    fn of_one_second_the_withdrawal_counts_whatever_came_first() {
        let news = purpose("news");
        let (mut a, mut b) = (SubjectState::default(), SubjectState::default());
        a.grant(news.clone(), Timestamp(5), None, None, None).unwrap();
        a.withdraw(news.clone(), Timestamp(5), None).unwrap();
        b.withdraw(news.clone(), Timestamp(5), None).unwrap();
        b.grant(news.clone(), Timestamp(5), None, None, None).unwrap();
        assert_eq!(a.to_bytes().unwrap(), b.to_bytes().unwrap());
        assert_eq!(a.consent(&news, Timestamp(5)), ConsentStatus::Withdrawn);
    }

    #[test]
    fn to_say_it_again_changes_nothing() {
        let mut state = full();
        let before = state.to_bytes().unwrap();
        assert!(!state.withdraw(purpose("news"), Timestamp(15), None).unwrap());
        assert!(!state.restrict(Timestamp(8), note("another")));
        assert!(!state.object(purpose("ads"), Timestamp(9)).unwrap());
        assert!(!state.hold(note("case 4/26"), Timestamp(9)).unwrap());
        assert_eq!(state.to_bytes().unwrap(), before);
    }

    #[test]
    fn what_is_taken_back_is_gone() {
        let mut state = full();
        assert!(state.lift() && !state.lift());
        assert!(state.retract(&purpose("ads")) && !state.retract(&purpose("ads")));
        assert!(state.release(&note("case 4/26")) && !state.release(&note("case 4/26")));
        assert!(state.restriction().is_none() && !state.has_objected(&purpose("ads")));
        assert_eq!(state.consents().len(), 2, "the history stays");
    }

    #[test]
    fn a_consent_that_ends_before_it_begins_is_refused() {
        let mut state = SubjectState::default();
        for expires in [0, 4, 5] {
            assert!(state.grant(purpose("a"), Timestamp(5), Some(Timestamp(expires)), None, None).is_err());
        }
        assert_eq!(state, SubjectState::default());
    }

    #[test]
    fn the_limits_are_errors() {
        let mut state = SubjectState::default();
        for at in 0..MOST as u64 {
            state.withdraw(purpose("a"), Timestamp(at), None).unwrap();
        }
        assert!(matches!(
            state.withdraw(purpose("a"), Timestamp(u64::MAX), None),
            Err(Error::TooLong { .. })
        ));
    }

    // SPEC: WIRE-2, WIRE-3
    #[test]
    fn the_bytes_are_fixed_and_strict() {
        let bytes = full().to_bytes().unwrap();
        let mut expected = b"\x01\x03\0\0\0\0\0\0\0\x07\0\x12accuracy contested".to_vec();
        expected.extend(b"\0\x02\0\x04news\x01\0\0\0\0\0\0\0\x0a\0\0\0\0\0\0\0\x14\0\x03web\0\x02v3");
        expected.extend(b"\0\x04news\x02\0\0\0\0\0\0\0\x0f\0\0\0\0\0\0\0\0\0\0\0\0");
        expected.extend(b"\0\x01\0\x03ads\0\0\0\0\0\0\0\x03\0\x01\0\x09case 4/26\0\0\0\0\0\0\0\x04");
        assert_eq!(bytes, expected);
        assert!(SubjectState::parse(&bytes).unwrap() == full());
        for end in 0..bytes.len() {
            assert!(SubjectState::parse(&bytes[..end]).is_err(), "{end}");
        }
        assert!(SubjectState::parse(&[&bytes[..], b"\0"].concat()).is_err());
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut other = bytes.clone();
                other[at] ^= 1 << bit;
                if let Ok(state) = SubjectState::parse(&other) {
                    assert_eq!(state.to_bytes().unwrap(), other, "byte {at}");
                }
            }
        }
        assert_eq!(SubjectState::default().to_bytes().unwrap(), b"\x01\0\0\0\0\0\0\0");
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_or_written_back(bytes: Vec<u8>) {
            if let Ok(state) = SubjectState::parse(&bytes) {
                prop_assert_eq!(state.to_bytes().unwrap(), bytes);
            }
        }
    }
}
