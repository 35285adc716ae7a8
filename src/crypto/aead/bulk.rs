//! `lead ‖ sealed₁ ‖ lead ‖ sealed₂ ‖ …`: many values at once, with AADs that differ in one part.
//!
//! A batch seals them under one sub-key. What comes from one batch has the first part of its nonces in common, so values to be opened are
//! put in groups by it, and the sub-key is derived once for each. Where the processor has instructions for several fields at once
//! (`crypto::arch`), fields of a group go to them; all else, and all of it elsewhere, takes the way of [`Aead::open`] and [`Batch::seal`].

use super::gcm::{Gcm, Opening, Sealing, Start};
use super::{Aead, Batch, Expanded, LONGEST, NONCE_LEN, OVERHEAD, SubKey, TAG_LEN, counted_up, xaes_sub_key};
use crate::crypto::context::{Context, Contexts};
use crate::error::{Error, Result};
use zeroize::Zeroize;

/// A value, and the part of its AAD that is its own.
#[derive(Clone, Copy)]
pub struct Bound<'v> {
    /// The part of [`Contexts`] that differs from value to value.
    pub part: &'v [u8],
    /// The plaintext, or what is sealed.
    pub value: &'v [u8],
}

/// From how many values on an expansion for many pays.
const FEW: usize = 8;
/// Values that are handed over together.
const CHUNK: usize = 16;
/// Room for an AAD behind what is absorbed; a longer one is for the portable code.
const SLOT: usize = 256;
/// Room for what stands behind the part.
const AFTER: usize = 64;

/// A sub-key expanded for many values, and room for the AADs of some.
pub(super) struct Many {
    key: Box<Gcm>,
    aads: Aads,
}

impl Many {
    /// Absorbs what the AADs have in front.
    fn start(&mut self, contexts: &Contexts) -> Start {
        self.aads.start(contexts);
        self.key.start(&contexts.before()[..Aads::absorbed(contexts)])
    }
}

/// The AADs of a chunk, without what is absorbed: `front ‖ len(part) ‖ part ‖ after`, the front in each slot already.
struct Aads {
    slots: Box<[[u8; SLOT]; CHUNK]>,
    lengths: [usize; CHUNK],
    front: usize,
    /// What stands behind the part, and zeros: copied whole, since that is faster than to look how long it is.
    after: [u8; AFTER],
    after_len: usize,
    /// How much of a slot was ever used.
    used: usize,
}

impl Aads {
    fn new() -> Self {
        let slots = Box::new([[0; SLOT]; CHUNK]);
        Self { slots, lengths: [0; CHUNK], front: SLOT, after: [0; AFTER], after_len: 0, used: 0 }
    }

    /// The length of what is absorbed: whole blocks.
    fn absorbed(contexts: &Contexts) -> usize {
        contexts.before().len() / 16 * 16
    }

    /// Starts with other contexts.
    fn start(&mut self, contexts: &Contexts) {
        let (front, after) = (&contexts.before()[Self::absorbed(contexts)..], contexts.after());
        self.front = SLOT; // has no room for any part
        if let Some(place) = self.after.get_mut(..after.len()) {
            place.copy_from_slice(after);
            self.slots.iter_mut().for_each(|slot| slot[..front.len()].copy_from_slice(front));
            (self.front, self.after_len) = (front.len(), after.len());
        }
    }

    /// Writes the AAD of this part into the slot, if it has room.
    fn write(&mut self, slot: usize, part: &[u8]) -> bool {
        let Some((prefix, rest)) = self.slots[slot][self.front..].split_first_chunk_mut() else {
            return false;
        };
        let Some((middle, back)) = rest.split_at_mut_checked(part.len()) else { return false };
        let Some(back) = back.first_chunk_mut() else { return false };
        *prefix = Context::length_prefix(part.len());
        middle.copy_from_slice(part);
        *back = self.after;
        self.lengths[slot] = self.front + prefix.len() + part.len() + self.after_len;
        self.used = self.used.max(self.lengths[slot]);
        true
    }

    fn get(&self, slot: usize) -> &[u8] {
        &self.slots[slot][..self.lengths[slot]]
    }
}

impl Drop for Aads {
    fn drop(&mut self) {
        // A part can be a subject id.
        self.slots.iter_mut().for_each(|slot| slot[..self.used].zeroize());
    }
}

impl Aead {
    /// The sub-key expanded for many, where the processor can do several at once.
    fn many(&self, nonce: &[u8; NONCE_LEN]) -> Option<Many> {
        let Expanded::Xaes { cipher, k1 } = &self.0 else { return None };
        let key = Gcm::detect(&xaes_sub_key(cipher, k1, nonce))?;
        Some(Many { key, aads: Aads::new() })
    }

    /// Appends the plaintexts of values that [`seal`](Aead::seal) or a [`Batch`] made with the same AADs, one behind the other, and says
    /// of each whether it is genuine. One that is not has zeros in its place, as many as its plaintext would have bytes.
    ///
    /// A place is as long as the value without nonce and tag: [`opened_len`] of it.
    ///
    /// # Security
    /// No plaintext is released before its tag has been verified, and nothing of a value whose tag is wrong.
    pub fn open_many(
        &self,
        contexts: &Contexts,
        values: &[Bound<'_>],
        out: &mut Vec<u8>,
        genuine: &mut Vec<bool>,
    ) {
        let start = out.len();
        out.resize(start + values.iter().map(|v| opened_len(v.value)).sum::<usize>(), 0);
        let first = genuine.len();
        genuine.resize(first + values.len(), false);

        let mut rest = &mut out[start..];
        let mut jobs: Vec<Job<'_>> = Vec::with_capacity(values.len());
        for (bound, genuine) in values.iter().zip(&mut genuine[first..]) {
            let (place, behind) = rest.split_at_mut(opened_len(bound.value));
            rest = behind;
            if let Some((nonce, sealed)) = bound.value.split_first_chunk()
                && sealed.len() >= TAG_LEN
            {
                jobs.push(Job { nonce, part: bound.part, sealed, out: place, genuine });
            }
        }
        let unused = 8 * (16 - self.suite().prefix_len());
        let prefix =
            |job: &Job<'_>| u128::from_be_bytes(*job.nonce.first_chunk().expect("24 >= 16")) >> unused;
        if !jobs.is_sorted_by_key(prefix) {
            jobs.sort_by_key(prefix);
        }
        jobs.chunk_by_mut(|a, b| prefix(a) == prefix(b)).for_each(|group| self.open_group(contexts, group));
    }

    /// Opens values whose nonces begin alike.
    fn open_group(&self, contexts: &Contexts, group: &mut [Job<'_>]) {
        let nonce = group[0].nonce;
        let many = if group.len() < FEW { None } else { self.many(nonce) };
        let (mut sub_key, mut aad) = (None, Contexts::room());
        let mut one_by_one = |job: &mut Job<'_>| {
            let (text, tag) = job.sealed.split_last_chunk().expect("it is as long as a tag");
            job.out.copy_from_slice(text);
            let sub_key = sub_key.get_or_insert_with(|| self.sub_key(nonce));
            contexts.write(job.part, &mut aad);
            *job.genuine = sub_key.open(job.nonce, aad.as_bytes(), job.out, tag).is_ok();
            if !*job.genuine {
                job.out.fill(0);
            }
        };
        let Some(mut many) = many else { return group.iter_mut().for_each(one_by_one) };
        let start = many.start(contexts);
        for chunk in group.chunks_mut(CHUNK) {
            let mut fits = [false; CHUNK];
            for (slot, (job, fits)) in chunk.iter().zip(&mut fits).enumerate() {
                *fits = many.aads.write(slot, job.part) && Gcm::fits(many.aads.lengths[slot], job.out.len());
            }
            let mut slots = chunk.iter_mut().zip(fits).enumerate();
            let mut count = 0;
            let mut fields: [Opening<'_>; CHUNK] = std::array::from_fn(|_| {
                for (slot, (job, fits)) in slots.by_ref() {
                    if fits {
                        count += 1;
                        let nonce = job.nonce.last_chunk().expect("24 >= 12");
                        let aad = many.aads.get(slot);
                        return Opening { nonce, aad, sealed: job.sealed, out: job.out, is_genuine: false };
                    }
                }
                Opening { nonce: &[0; 12], aad: &[], sealed: &[], out: &mut [], is_genuine: false }
            });
            many.key.open(&start, &mut fields[..count]);
            let mut opened = fields.map(|field| field.is_genuine).into_iter();
            for (job, fits) in chunk.iter_mut().zip(fits) {
                match fits {
                    true => *job.genuine = opened.next().expect("one for each that fits"),
                    false => one_by_one(job),
                }
            }
        }
    }
}

/// A value to be opened, and where it goes.
struct Job<'j> {
    nonce: &'j [u8; NONCE_LEN],
    part: &'j [u8],
    /// Ciphertext and tag.
    sealed: &'j [u8],
    out: &'j mut [u8],
    genuine: &'j mut bool,
}

/// How long the plaintext of a sealed value is; 0 for what is too short to be one.
pub fn opened_len(sealed: &[u8]) -> usize {
    sealed.len().saturating_sub(OVERHEAD)
}

impl Batch<'_> {
    /// Appends `lead ‖ sealed` of each value, under the batch's next nonces.
    ///
    /// # Errors
    /// [`Error::TooLong`] when a plaintext is over [`LONGEST`] bytes; then nothing is appended.
    pub fn seal_many<const LEAD: usize>(
        &mut self,
        contexts: &Contexts,
        lead: &[u8; LEAD],
        values: &[Bound<'_>],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if let Some(long) = values.iter().find(|v| v.value.len() > LONGEST) {
            return Err(Error::TooLong { what: "value to seal", actual: long.value.len(), limit: LONGEST });
        }
        let (mut values, mut start) = (values, None);
        while !values.is_empty() {
            if self.left == 0 {
                (*self, start) = (self.key.batch(), None);
            }
            let now = values.len().min(CHUNK).min(usize::try_from(self.left).unwrap_or(CHUNK));
            if self.many.is_none() && values.len() >= FEW {
                self.many = self.key.many(&self.nonce);
            }
            if let (Some(many), None) = (&mut self.many, &start) {
                start = Some(many.start(contexts));
            }
            let (chunk, rest) = values.split_at(now);
            self.seal_chunk(contexts, start.as_ref(), lead, chunk, out);
            values = rest;
        }
        Ok(())
    }

    /// Seals at most [`CHUNK`] values, for which there are nonces left.
    fn seal_chunk<const LEAD: usize>(
        &mut self,
        contexts: &Contexts,
        many_start: Option<&Start>,
        lead: &[u8; LEAD],
        chunk: &[Bound<'_>],
        out: &mut Vec<u8>,
    ) {
        self.left -= chunk.len() as u64;
        let start = out.len();
        let text: usize = chunk.iter().map(|v| v.value.len()).sum();
        out.resize(start + text + chunk.len() * (LEAD + OVERHEAD), 0);
        let mut rest = &mut out[start..];
        let mut nonces = [[0; NONCE_LEN]; CHUNK];
        let mut fits = [false; CHUNK];
        for (slot, bound) in chunk.iter().enumerate() {
            nonces[slot] = counted_up(&self.nonce, self.key.suite(), slot as u64 + 1);
            if let Some(many) = &mut self.many {
                fits[slot] = many.aads.write(slot, bound.part)
                    && Gcm::fits(many.aads.lengths[slot], bound.value.len());
            }
        }
        self.nonce = nonces[chunk.len() - 1];
        let mut places = chunk.iter().zip(&nonces).zip(fits).enumerate();
        let mut count = 0;
        let sub_key = &self.sub_key;
        let aads = self.many.as_ref().map(|many| &many.aads);
        let mut aad = Contexts::room();
        let mut fields: [Sealing<'_>; CHUNK] = std::array::from_fn(|_| {
            for (slot, ((bound, nonce), fits)) in places.by_ref() {
                let (front, behind) = std::mem::take(&mut rest).split_at_mut(LEAD + NONCE_LEN);
                let (sealed, behind) = behind.split_at_mut(bound.value.len() + TAG_LEN);
                rest = behind;
                front[..LEAD].copy_from_slice(lead);
                front[LEAD..].copy_from_slice(nonce);
                match aads {
                    Some(aads) if fits => {
                        count += 1;
                        let nonce = nonce.last_chunk().expect("24 >= 12");
                        return Sealing { nonce, aad: aads.get(slot), plaintext: bound.value, out: sealed };
                    }
                    _ => {
                        contexts.write(bound.part, &mut aad);
                        seal_one(sub_key, nonce, &aad, bound.value, sealed);
                    }
                }
            }
            Sealing { nonce: &[0; 12], aad: &[], plaintext: &[], out: &mut [] }
        });
        if let (Some(many), Some(start)) = (&self.many, many_start) {
            many.key.seal(start, &mut fields[..count]);
        }
    }
}

/// `ciphertext ‖ tag` of one value.
fn seal_one(sub_key: &SubKey, nonce: &[u8; NONCE_LEN], aad: &Context, plaintext: &[u8], out: &mut [u8]) {
    let (text, tag) = out.split_at_mut(plaintext.len());
    text.copy_from_slice(plaintext);
    tag.copy_from_slice(&sub_key.seal_in_place(&sub_key.inner_nonce(nonce), aad.as_bytes(), text));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::aead::Suite;
    use crate::crypto::context::Label;

    // SPEC: AEAD-4, AEAD-5, AEAD-8
    #[test]
    fn calls_of_any_size_are_one_by_one_under_counted_nonces_and_a_prefix_used_up_is_replaced() {
        let contexts = Contexts::new(Context::new(Label::SealAad), |after| after.number(1));
        let values: Vec<[u8; 20]> = (0..100).map(|i| [i; 20]).collect();
        let bound: Vec<Bound<'_>> = values.iter().map(|value| Bound { part: &value[..3], value }).collect();
        for suite in [Suite::Xaes256Gcm, Suite::XChaCha20Poly1305] {
            let key = Aead::from_key_bytes(suite, &[7; 32]);
            let (mut batch, mut out, mut rest) = (key.batch(), vec![], &bound[..]);
            let mut before = batch.nonce;
            batch.left = 60;
            for count in [1, 3, 8, 17, 0, 71] {
                let (now, then) = rest.split_at(count);
                match now {
                    [one] => batch.seal(&contexts.with(one.part), one.value, &mut out).unwrap(),
                    _ => batch.seal_many(&contexts, &[], now, &mut out).unwrap(),
                }
                rest = then;
            }
            let sealed = out.chunks_exact(20 + OVERHEAD);
            assert_eq!(sealed.len(), values.len());
            for (i, (sealed, bound)) in sealed.zip(&bound).enumerate() {
                let nonce = sealed.first_chunk().unwrap();
                match i {
                    60 => assert_ne!(nonce[..suite.prefix_len()], before[..suite.prefix_len()]),
                    _ => assert_eq!(*nonce, counted_up(&before, suite, 1), "value {i}"),
                }
                before = *nonce;
                let mut alone = vec![];
                let aad = contexts.with(bound.part);
                key.sub_key(nonce).seal(nonce, aad.as_bytes(), bound.value, &mut alone).unwrap();
                assert_eq!(alone, sealed, "value {i}");
            }
        }
    }
}
