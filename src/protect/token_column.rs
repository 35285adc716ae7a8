//! A column through FF1: cells are sorted by their spaces, those of one space go in lockstep, and come back in order.
//!
//! ```text
//! cells ──read──► a bucket for each (radix, length) ──FF1, again for those that must walk──► write, in the cells' order
//! ```
//!
//! Nothing is allocated for a cell: buckets keep their room from one chunk of the column to the next.

use super::column::{Cells, text};
use super::token::{Sides, Tokenizer};
use super::token_tweak::Tweak;
use super::{Column, Failures, is_blank};
use crate::crypto::ff1::AsciiAlphabet;
use crate::crypto::wiped::WipedVec;
use crate::error::{Error, Result};
use crate::format::{Cut, DigitRun, Digits, MOST_FREE, Reading, Scratch};
use std::collections::HashMap;
use std::sync::Arc;
use zeroize::Zeroize;

/// Cells of a column, sorted.
pub(super) struct Sorted<'t, T: Tweak, const TOKENIZE: bool> {
    tokenizer: &'t Tokenizer,
    tweak: T,
    scratch: Scratch,
    places: Vec<Place>,
    errors: Vec<Error>,
    buckets: Vec<Bucket<T::Plan>>,
    by_space: HashMap<(u32, usize), usize>,
    /// Spaces that were met lately, and their buckets: hashing properly takes longer than reading most cells.
    lately: [((u32, usize), usize); 64],
    numerals: WipedVec<u16>,
    /// The fast form for digits, and a bucket for each number of them.
    digits: Option<(DigitRun, AsciiAlphabet)>,
    digit_buckets: [DigitBucket<T::Plan>; MOST_FREE + 1],
    /// The digits of the cell that is being read.
    read: Digits,
}

/// Where a cell went.
#[derive(Clone, Copy)]
enum Place {
    /// Nowhere: it is blank.
    Blank,
    /// Nowhere, and why.
    Error(u32),
    Bucket(u32, u32),
    Digits(u8, u32),
}

/// The values of one space.
struct Bucket<P> {
    length: usize,
    plan: Result<Arc<P>>,
    numerals: WipedVec<u16>,
    /// That of each value, or one where the format has but one space.
    readings: Vec<Reading>,
    /// Which cells they are, where that matters.
    cells: Vec<u32>,
}

impl<P> Bucket<P> {
    fn reading(&self, i: usize) -> &Reading {
        self.readings.get(i).unwrap_or(&self.readings[0])
    }
}

/// The values of which so many digits take part, as text.
struct DigitBucket<P> {
    input: WipedVec<u8>,
    output: WipedVec<u8>,
    cuts: Vec<Cut>,
    /// Which cells they are, where that matters.
    cells: Vec<u32>,
    plan: Option<Arc<P>>,
    /// Which of them have to go on, and their digits.
    walking: Vec<u32>,
    gathered: WipedVec<u8>,
}

impl<P> DigitBucket<P> {
    fn new() -> Self {
        Self {
            input: WipedVec::new(),
            output: WipedVec::new(),
            cuts: vec![],
            cells: vec![],
            plan: None,
            walking: vec![],
            gathered: WipedVec::new(),
        }
    }
}

/// Cells that are worked on together: enough to fill the lanes of FF1, and few enough for the cache.
const TOGETHER: usize = 4096;
/// The most buckets that are kept: texts have a space for nearly each of them.
const MOST_BUCKETS: usize = 64;

impl<'t, T: Tweak, const TOKENIZE: bool> Sorted<'t, T, TOKENIZE> {
    pub(super) fn new(tokenizer: &'t Tokenizer, tweak: T) -> Self {
        Self {
            tokenizer,
            tweak,
            scratch: Scratch::default(),
            places: vec![],
            errors: vec![],
            buckets: vec![],
            by_space: HashMap::new(),
            lately: [((0, 0), 0); 64],
            numerals: WipedVec::new(),
            digits: tokenizer.format.digit_run().map(|run| (run, AsciiAlphabet::digits())),
            digit_buckets: std::array::from_fn(|_| DigitBucket::new()),
            read: [0; 32],
        }
    }

    /// Appends the result for each cell to `output`.
    pub(super) fn run(
        &mut self,
        input: &(impl Cells + ?Sized),
        output: &mut Column,
        failures: &mut Failures,
    ) {
        for start in (0..input.len()).step_by(TOGETHER) {
            let end = input.len().min(start + TOGETHER);
            self.clear();
            for i in start..end {
                let cell = input.cell(i);
                let refused = self.tweak.check(i).err();
                let place = match refused.filter(|_| !is_blank(cell)) {
                    Some(error) => self.fail(error),
                    None => self
                        .sort_digits(cell)
                        .unwrap_or_else(|| self.sort(cell).unwrap_or_else(|error| self.fail(error))),
                };
                self.places.push(place);
            }
            self.permute(start, |i| input.cell(start + i as usize));
            self.permute_digits(start);
            for i in start..end {
                output.push_with(failures, |out| self.write(i - start, input.cell(i), out));
            }
        }
    }

    fn clear(&mut self) {
        self.places.clear();
        self.errors.clear();
        if self.buckets.len() > MOST_BUCKETS {
            self.buckets.clear();
            self.by_space.clear();
            self.lately = [((0, 0), 0); 64];
        }
        for bucket in &mut self.buckets {
            bucket.numerals.clear();
            bucket.readings.clear();
            bucket.cells.clear();
        }
        for bucket in &mut self.digit_buckets {
            bucket.input.clear();
            bucket.cuts.clear();
            bucket.cells.clear();
        }
    }

    #[cold]
    fn fail(&mut self, error: Error) -> Place {
        self.errors.push(error);
        Place::Error(self.errors.len() as u32 - 1)
    }

    /// Reads digits into the bucket of their number.
    #[inline]
    fn sort_digits(&mut self, cell: &[u8]) -> Option<Place> {
        let (run, _) = self.digits.as_ref()?;
        let (range, cut) = run.read(Sides::<TOKENIZE>::FROM, cell, &mut self.read)?;
        let length = range.len();
        let bucket = &mut self.digit_buckets[length];
        // A copy of a known length takes no call; what is too much of it goes again.
        match self.read[range.start..].first_chunk::<8>().filter(|_| length <= 8) {
            Some(eight) => {
                bucket.input.extend_from_slice(eight);
                let end = bucket.input.len() - (8 - length);
                bucket.input.truncate(end);
            }
            None => bucket.input.extend_from_slice(&self.read[range]),
        }
        bucket.cuts.push(cut);
        if T::BY_ROW {
            bucket.cells.push(self.places.len() as u32);
        }
        Some(Place::Digits(length as u8, bucket.cuts.len() as u32 - 1))
    }

    /// Reads a cell into the bucket of its space.
    fn sort(&mut self, cell: &[u8]) -> Result<Place> {
        if is_blank(cell) {
            return Ok(Place::Blank);
        }
        let format = &self.tokenizer.format;
        if let Some(reading) = format.only_space() {
            let i = self.bucket((reading.radix(), reading.length()));
            let bucket = &mut self.buckets[i];
            let j = bucket.numerals.len() / bucket.length;
            if bucket.readings.is_empty() {
                reading.check_floor()?;
                bucket.readings.push(reading);
            }
            format.read(Sides::<TOKENIZE>::FROM, text(cell)?, &mut self.scratch, &mut bucket.numerals)?;
            if T::BY_ROW {
                bucket.cells.push(self.places.len() as u32);
            }
            return Ok(Place::Bucket(i as u32, j as u32));
        }
        self.numerals.clear();
        let reading =
            format.read(Sides::<TOKENIZE>::FROM, text(cell)?, &mut self.scratch, &mut self.numerals)?;
        reading.check_floor()?;
        let i = self.bucket((reading.radix(), reading.length()));
        let bucket = &mut self.buckets[i];
        bucket.numerals.extend_from_slice(&self.numerals);
        bucket.readings.push(reading);
        bucket.cells.push(self.places.len() as u32);
        Ok(Place::Bucket(i as u32, bucket.cells.len() as u32 - 1))
    }

    fn bucket(&mut self, space: (u32, usize)) -> usize {
        let slot = (space.0 as usize).wrapping_mul(31).wrapping_add(space.1) % self.lately.len();
        if self.lately[slot].0 == space {
            return self.lately[slot].1;
        }
        let (tokenizer, buckets) = (self.tokenizer, &mut self.buckets);
        let bucket = *self.by_space.entry(space).or_insert_with(|| {
            buckets.push(Bucket {
                length: space.1,
                plan: T::plan(tokenizer, space.0, space.1),
                numerals: WipedVec::new(),
                readings: vec![],
                cells: vec![],
            });
            buckets.len() - 1
        });
        self.lately[slot] = (space, bucket);
        bucket
    }

    /// All values of each bucket through FF1, those that have to walk on until none has.
    fn permute<'c>(&mut self, start: usize, cell: impl Fn(u32) -> &'c [u8]) {
        let (format, tweak) = (&self.tokenizer.format, &self.tweak);
        for bucket in &mut self.buckets {
            let Ok(plan) = bucket.plan.as_ref().map(Arc::clone) else { continue };
            let n = bucket.length;
            let row = |i: usize| start + bucket.cells[i] as usize;
            let mut walked = tweak.columns::<TOKENIZE>(&plan, &mut bucket.numerals, row);
            let mut walking: Vec<usize> = vec![];
            let scratch = &mut self.scratch;
            let mut walks = |bucket: &Bucket<T::Plan>, i: usize| {
                let shape = || text(cell(bucket.cells[i])).unwrap_or_default();
                !format.holds(shape, bucket.reading(i), scratch, &bucket.numerals[i * n..(i + 1) * n])
            };
            let count = bucket.numerals.len() / n;
            walking.extend((0..count).filter(|i| format.may_walk(bucket.reading(*i)) && walks(bucket, *i)));
            let mut gathered = WipedVec::new();
            while walked.is_ok() && !walking.is_empty() {
                gathered.clear();
                walking
                    .iter()
                    .for_each(|&i| gathered.extend_from_slice(&bucket.numerals[i * n..(i + 1) * n]));
                let row = |k: usize| start + bucket.cells[walking[k]] as usize;
                walked = tweak.columns::<TOKENIZE>(&plan, &mut gathered, row);
                for (from, &i) in gathered.chunks_exact(n).zip(&walking) {
                    bucket.numerals[i * n..(i + 1) * n].copy_from_slice(from);
                }
                walking.retain(|i| walks(bucket, *i));
            }
            if let Err(error) = walked {
                bucket.plan = Err(error.into());
            }
        }
    }

    /// The same for digits.
    fn permute_digits(&mut self, start: usize) {
        let Some((run, alphabet)) = &self.digits else { return };
        let tweak = &self.tweak;
        for (length, bucket) in self.digit_buckets.iter_mut().enumerate().filter(|(_, b)| !b.cuts.is_empty())
        {
            if bucket.plan.is_none() {
                bucket.plan = T::plan(self.tokenizer, 10, length).ok();
            }
            bucket.output.resize(bucket.input.len(), 0);
            let Some(plan) = &bucket.plan else { continue };
            let row = |i: usize| start + bucket.cells[i] as usize;
            let mut walked = tweak.ascii::<TOKENIZE>(plan, alphabet, &bucket.input, row, &mut bucket.output);
            bucket.walking.clear();
            let (cuts, output) = (&bucket.cuts, &mut bucket.output);
            let at = |i: u32| i as usize * length..(i as usize + 1) * length;
            let walks = |output: &[u8], i: u32| !run.holds(cuts[i as usize], output, at(i).end, length);
            if run.may_walk() {
                bucket.walking.extend((0..cuts.len() as u32).filter(|i| walks(output, *i)));
            }
            while walked.is_ok() && !bucket.walking.is_empty() {
                bucket.gathered.clear();
                bucket.walking.iter().for_each(|&i| bucket.gathered.extend_from_slice(&output[at(i)]));
                bucket.input.clear();
                bucket.input.resize(bucket.gathered.len(), 0);
                let row = |k: usize| start + bucket.cells[bucket.walking[k] as usize] as usize;
                walked = tweak.ascii::<TOKENIZE>(plan, alphabet, &bucket.gathered, row, &mut bucket.input);
                for (from, &i) in bucket.input.chunks_exact(length).zip(&bucket.walking) {
                    output[at(i)].copy_from_slice(from);
                }
                bucket.walking.retain(|i| walks(output, *i));
            }
            if walked.is_err() {
                bucket.plan = None;
            }
        }
    }

    #[inline]
    fn write(&mut self, i: usize, cell: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let to = Sides::<TOKENIZE>::TO;
        match self.places[i] {
            Place::Digits(length, j) => {
                let bucket = &mut self.digit_buckets[usize::from(length)];
                let (n, j) = (usize::from(length), j as usize);
                match (&self.digits, &bucket.plan) {
                    (Some((run, _)), Some(_)) => {
                        let middle = &mut bucket.output[j * n..(j + 1) * n];
                        match run.write(to, cell, bucket.cuts[j], middle, out) {
                            true => Ok(()),
                            false => Err(Error::Rejected),
                        }
                    }
                    _ => Err(UNUSABLE),
                }
            }
            Place::Blank => {
                out.extend_from_slice(cell);
                Ok(())
            }
            Place::Bucket(bucket, j) => {
                let bucket = &mut self.buckets[bucket as usize];
                if bucket.plan.is_err() {
                    return Err(UNUSABLE);
                }
                let (n, j) = (bucket.length, j as usize);
                let reading = *bucket.reading(j);
                let numerals = &mut bucket.numerals[j * n..(j + 1) * n];
                let format = &self.tokenizer.format;
                format.write(to, text(cell)?, &reading, &mut self.scratch, numerals, out)
            }
            Place::Error(error) => Err(std::mem::replace(&mut self.errors[error as usize], UNUSABLE)),
        }
    }
}

/// For a domain that FF1 does not have; the formats let none through.
const UNUSABLE: Error = Error::Value { problem: "has a length that cannot be tokenized" };

impl<T: Tweak, const TOKENIZE: bool> Drop for Sorted<'_, T, TOKENIZE> {
    fn drop(&mut self) {
        self.read.zeroize();
    }
}
