//! `lead ‖ sealed₁ ‖ lead ‖ sealed₂ ‖ …`: many values at once, with AADs that differ in one part.
//!
//! A batch seals them under one sub-key. What comes from one batch has the first part of its nonces in common, so values to be opened are
//! put in groups by it, and the sub-key is derived once for each. Where the processor has instructions for several fields at once
//! (`crypto::arch`), fields of a group go to them unless they are long; all else, and all of it elsewhere, takes the way of
//! [`Aead::open`] and [`Batch::seal`].

use super::equal;
use super::gcm::{Frame, Gcm, Opening, Sealing, Start};
use super::{Aead, Batch, LONGEST, NONCE_LEN, OVERHEAD, SubKey, Suite, TAG_LEN};
use crate::crypto::context::{Context, Contexts};
use crate::error::{Error, Result};

/// A value, and the part of its AAD that is its own.
#[derive(Clone, Copy)]
pub struct Bound<'v> {
    /// The part of [`Contexts`] that differs from value to value, of at most [`LONGEST`] bytes.
    pub part: &'v [u8],
    /// The plaintext, or what is sealed.
    pub value: &'v [u8],
}

/// From how many values on they are worked on together: four at a time take as long as three, one by one.
const MANY: usize = 4;

/// What the AADs of some values have in common, absorbed or put around what differs.
struct Common {
    start: Start,
    frame: Frame,
    /// Whether nothing differs.
    is_all: bool,
}

impl Common {
    /// What AADs with these parts have in common; `None` where what stands around the parts is too long.
    fn of<'p>(key: &Gcm, contexts: &Contexts, mut parts: impl Iterator<Item = &'p [u8]>) -> Option<Self> {
        let first = parts.next()?;
        // A comparison of nothing with nothing is slow in some libraries, so it is left out.
        if parts.all(|part| part.len() == first.len() && (part.is_empty() || part == first)) {
            let start = key.start(contexts.with(first).as_bytes());
            return Some(Self { start, frame: Frame::Bare, is_all: true });
        }
        let before = contexts.before();
        let (absorbed, front) = before.split_at(before.len() / 16 * 16);
        let frame = Frame::around(front, contexts.after())?;
        Some(Self { start: key.start(absorbed), frame, is_all: false })
    }

    /// What is not in common, if a field of this part and length can be one of many.
    #[inline]
    fn fitting<'p>(&self, part: &'p [u8], text: usize) -> Option<&'p [u8]> {
        let part = if self.is_all { &[] } else { part };
        self.frame.fits(part.len(), text).then_some(part)
    }
}

impl Aead {
    /// Appends the plaintexts of values that [`seal`](Aead::seal) or a [`Batch`] made with the same AADs, one behind the other, and says
    /// of each whether it is genuine. One that is not has zeros in its place, as many as its plaintext would have bytes.
    ///
    /// A place is as long as the value without nonce and tag: [`opened_len`] of it, which of what is longer than any value is nothing.
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
                && (TAG_LEN..=LONGEST + TAG_LEN).contains(&sealed.len())
                && bound.part.len() <= LONGEST
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
        let (sub_key, mut aad) = (self.sub_key(group[0].nonce), Contexts::room());
        let mut one_by_one = |job: &mut Job<'_>| {
            contexts.write(job.part, &mut aad);
            *job.genuine = sub_key.open(job.nonce, aad.as_bytes(), job.sealed, job.out).is_ok();
        };
        let common = match &sub_key {
            SubKey::Kernel(key) if group.len() >= MANY => {
                Common::of(key, contexts, group.iter().map(|job| job.part)).map(|common| (key, common))
            }
            _ => None,
        };
        let Some((key, common)) = common else { return group.iter_mut().for_each(one_by_one) };
        let width = equal::width(group.iter().map(|job| job.out.len())).filter(|_| common.is_all);
        let fitting = group.iter_mut().filter_map(|job| match common.fitting(job.part, job.out.len()) {
            Some(part) => {
                let number = u128::from_be_bytes(*job.nonce.last_chunk().expect("24 >= 16"));
                Some(Opening {
                    nonce: number << 32,
                    part,
                    sealed: job.sealed,
                    out: job.out,
                    is_genuine: job.genuine,
                })
            }
            None => {
                one_by_one(job);
                None
            }
        });
        match width {
            Some(16) => equal::open::<16>(key, &common.start, fitting),
            Some(64) => equal::open::<64>(key, &common.start, fitting),
            _ => key.open(&common.start, &common.frame, fitting),
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

/// How long the plaintext of a sealed value is; 0 for what is too short or too long to be one.
pub fn opened_len(sealed: &[u8]) -> usize {
    match sealed.len().saturating_sub(OVERHEAD) {
        length if length <= LONGEST => length,
        _ => 0,
    }
}

impl Batch<'_> {
    /// Appends `lead ‖ sealed` of each value, under the batch's next nonces.
    ///
    /// # Errors
    /// [`Error::TooLong`] when a plaintext or a part is over [`LONGEST`] bytes; then nothing is appended.
    pub fn seal_many<const LEAD: usize>(
        &mut self,
        contexts: &Contexts,
        lead: &[u8; LEAD],
        values: &[Bound<'_>],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if let Some(long) = values.iter().find(|v| v.part.len() > LONGEST) {
            return Err(Error::TooLong { what: "part of the AAD", actual: long.part.len(), limit: LONGEST });
        }
        if let Some(long) = values.iter().find(|v| v.value.len() > LONGEST) {
            return Err(Error::TooLong { what: "value to seal", actual: long.value.len(), limit: LONGEST });
        }
        let start = out.len();
        let texts: usize = values.iter().map(|v| v.value.len()).sum();
        out.resize(start + texts + values.len() * (LEAD + OVERHEAD), 0);
        let (mut values, mut places) = (values, &mut out[start..]);
        while !values.is_empty() {
            if self.left == 0 {
                *self = self.key.batch();
            }
            let now = usize::try_from(self.left).map_or(values.len(), |left| left.min(values.len()));
            let (run, behind) = values.split_at(now);
            (values, places) = (behind, self.seal_run(contexts, lead, run, places));
        }
        Ok(())
    }

    /// Seals values, for which there are nonces left, and returns the places behind them.
    fn seal_run<'o, const LEAD: usize>(
        &mut self,
        contexts: &Contexts,
        lead: &[u8; LEAD],
        run: &'o [Bound<'o>],
        places: &'o mut [u8],
    ) -> &'o mut [u8] {
        self.left -= run.len() as u64;
        let mut placed = Placed {
            values: run.iter(),
            places,
            lead: *lead,
            nonces: Nonces::after(&self.nonce, self.key.suite()),
        };
        let sub_key = &self.sub_key;
        let mut aad = Contexts::room();
        let mut one_by_one = |(bound, nonce, sealed): (&Bound<'_>, u128, &mut [u8])| {
            contexts.write(bound.part, &mut aad);
            seal_one(sub_key, nonce, &aad, bound.value, sealed);
        };
        let common = match sub_key {
            SubKey::Kernel(key) if run.len() >= MANY => {
                Common::of(key, contexts, run.iter().map(|bound| bound.part)).map(|common| (key, common))
            }
            _ => None,
        };
        if let Some((key, common)) = common {
            let fitting = Fitting { placed: &mut placed, common: &common, other: &mut one_by_one };
            let width = equal::width(run.iter().map(|bound| bound.value.len())).filter(|_| common.is_all);
            match width {
                Some(16) => equal::seal::<16>(key, &common.start, fitting),
                Some(64) => equal::seal::<64>(key, &common.start, fitting),
                _ => key.seal(&common.start, &common.frame, fitting),
            }
        } else {
            placed.by_ref().for_each(one_by_one);
        }
        self.nonce = placed.nonces.last();
        placed.places
    }
}

/// The nonces of a batch, one after the other.
struct Nonces {
    prefix: [u8; 8],
    /// What stands behind those bytes of the last one.
    number: u128,
    /// The bits of it that count.
    counts: u128,
}

impl Nonces {
    fn after(nonce: &[u8; NONCE_LEN], suite: Suite) -> Self {
        let (prefix, number) = nonce.split_first_chunk().expect("24 >= 8");
        let number = u128::from_be_bytes(number.try_into().expect("24 = 8 + 16"));
        Self { prefix: *prefix, number, counts: u128::MAX >> (8 * (suite.prefix_len() - prefix.len())) }
    }

    /// Counts up by one, modulo 2^96 or 2^64: a batch ends long before its count comes round.
    #[inline(always)]
    fn count_up(&mut self) {
        self.number = self.number & !self.counts | self.number.wrapping_add(1) & self.counts;
    }

    fn last(&self) -> [u8; NONCE_LEN] {
        let mut nonce = [0; NONCE_LEN];
        nonce[..8].copy_from_slice(&self.prefix);
        nonce[8..].copy_from_slice(&self.number.to_be_bytes());
        nonce
    }
}

/// Values with their places, of which `lead` and nonce are written.
struct Placed<'r, 'o, const LEAD: usize> {
    values: std::slice::Iter<'r, Bound<'r>>,
    places: &'o mut [u8],
    lead: [u8; LEAD],
    nonces: Nonces,
}

impl<'r, 'o, const LEAD: usize> Iterator for Placed<'r, 'o, LEAD> {
    /// The value, the last 16 bytes of its nonce, and where `ciphertext ‖ tag` go.
    type Item = (&'r Bound<'r>, u128, &'o mut [u8]);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        const ROOM: &str = "there is room for all";
        let bound = self.values.next()?;
        let (lead, place) = std::mem::take(&mut self.places).split_first_chunk_mut().expect(ROOM);
        let (prefix, place) = place.split_first_chunk_mut().expect(ROOM);
        let (number, place) = place.split_first_chunk_mut().expect(ROOM);
        let (sealed, behind) = place.split_at_mut(bound.value.len() + TAG_LEN);
        self.places = behind;
        self.nonces.count_up();
        (*lead, *prefix, *number) = (self.lead, self.nonces.prefix, self.nonces.number.to_be_bytes());
        Some((bound, self.nonces.number, sealed))
    }
}

/// Those of the values that can be some of many; the others are sealed on the way.
struct Fitting<'f, P, O> {
    placed: &'f mut P,
    common: &'f Common,
    other: &'f mut O,
}

impl<'r, 'o, P, O> Iterator for Fitting<'_, P, O>
where
    P: Iterator<Item = (&'r Bound<'r>, u128, &'o mut [u8])>,
    O: FnMut((&'r Bound<'r>, u128, &'o mut [u8])),
    'r: 'o,
{
    type Item = Sealing<'o>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (bound, number, out) = self.placed.next()?;
            match self.common.fitting(bound.part, bound.value.len()) {
                Some(part) => {
                    return Some(Sealing { nonce: number << 32, part, plaintext: bound.value, out });
                }
                None => (self.other)((bound, number, out)),
            }
        }
    }
}

/// `ciphertext ‖ tag` of one value.
fn seal_one(sub_key: &SubKey, number: u128, aad: &Context, plaintext: &[u8], out: &mut [u8]) {
    let mut nonce = [0; NONCE_LEN];
    nonce[8..].copy_from_slice(&number.to_be_bytes());
    sub_key.seal_into(&sub_key.inner_nonce(&nonce), aad.as_bytes(), plaintext, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::aead::{Suite, counted_up};
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
