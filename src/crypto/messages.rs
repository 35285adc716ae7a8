//! Messages that are to be hashed together, in one buffer, each in whole blocks as SHA-256 takes them:
//!
//! ```text
//! message i = blocks[ends[i − 1]..ends[i]] = rest ‖ parts ‖ 0x80 ‖ 0 … 0 ‖ length in bits, 8 bytes
//! ```
//!
//! `rest` is what the PRF absorbed behind its last whole block. The parts are as an encoding's are (see [`context`](super::context)).
//!
//! Source: FIPS 180-4, section 5.1.1 (padding).

#[cfg(target_arch = "x86_64")]
use super::arch::{
    Avx512,
    padding::{self, Frame, Values},
};
use super::ascii::Ascii;
use super::context::Context;
use super::prf::KeyStates;
use super::sha256::{BLOCK, LEAST_PADDING};
use super::wiped::WipedVec;
use crate::error::Result;
use std::ops::Range;

/// Messages to one PRF. Wiped when dropped, not for those that come next in the same room; and where they were when they move to a
/// larger buffer.
pub(crate) struct Messages<'p> {
    states: &'p KeyStates,
    ascii: Ascii,
    /// Where the blocks are, and room behind.
    bytes: WipedVec<u8>,
    /// Bytes of whole blocks; while a message is written, where its next byte goes.
    used: usize,
    /// Where each message ends, in blocks.
    ends: Vec<usize>,
}

/// The own bytes of a message for which there is room at first.
const USUAL_LENGTH: usize = 36;
/// The bytes of a part's length.
const LENGTH: usize = 4;
/// What padding takes at most: [`LEAST_PADDING`], and what is left of a block.
const MOST_PADDING: usize = LEAST_PADDING + BLOCK - 1;
/// Messages that vectors write at a time.
#[cfg(target_arch = "x86_64")]
const ABREAST: usize = 32;
/// A part has room for a whole vector at least.
const VECTOR: usize = 64;

impl<'p> Messages<'p> {
    pub(super) fn new(states: &'p KeyStates, messages: usize) -> Self {
        let bytes = BLOCK * states.inner.blocks(USUAL_LENGTH) * messages + MOST_PADDING;
        Self {
            states,
            ascii: Ascii::detect(),
            bytes: WipedVec::zeros(bytes),
            used: 0,
            ends: Vec::with_capacity(messages),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn clear(&mut self) {
        self.used = 0;
        self.ends.clear();
    }

    /// Appends the message that `write` writes; on an error, none.
    #[inline]
    pub(crate) fn push(&mut self, write: impl FnOnce(&mut Message<'_, 'p>) -> Result<()>) -> Result<()> {
        let start = self.begin();
        let written = write(&mut Message(self));
        match written {
            Ok(()) => self.end(start),
            Err(_) => self.used = start,
        }
        written
    }

    /// Appends a message of one part.
    pub(crate) fn push_part(&mut self, part: &[u8]) {
        let start = self.begin();
        Message(self).part(part);
        self.end(start);
    }

    /// Appends messages of one part each, up to `count`, in lower case if told, as long as they are short and ASCII and
    /// have nothing to be trimmed, and the processor has vectors for it; how many it appended.
    #[inline]
    pub(crate) fn push_short<'v>(
        &mut self,
        count: usize,
        part: impl Fn(usize) -> &'v [u8],
        in_lower_case: bool,
    ) -> usize {
        #[cfg(target_arch = "x86_64")]
        if let Some(proof) = self.ascii.vectors() {
            let values = if in_lower_case { Values::LowerCase } else { Values::Ascii };
            return self.push_by_vectors(proof, values, LENGTH, count, part);
        }
        let _ = (count, part, in_lower_case);
        0
    }

    /// Appends messages of these bytes, up to `count`, in front of the first that has more blocks than `most`; how many it appended.
    #[inline]
    pub(super) fn push_bytes<'v>(
        &mut self,
        count: usize,
        bytes: impl Fn(usize) -> &'v [u8],
        most: usize,
    ) -> usize {
        let mut next = 0;
        while next < count {
            #[cfg(target_arch = "x86_64")]
            if let Some(proof) = self.ascii.vectors() {
                let from = next;
                next += self.push_by_vectors(proof, Values::Bytes, 0, count - next, |i| bytes(from + i));
                if next == count {
                    break;
                }
            }
            let bytes = bytes(next);
            if self.states.inner.blocks(bytes.len()) > most {
                break;
            }
            let start = self.begin();
            Message(self).bytes(bytes);
            self.end(start);
            next += 1;
        }
        next
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    fn push_by_vectors<'v>(
        &mut self,
        proof: Avx512,
        values: Values,
        before_value: usize,
        count: usize,
        value: impl Fn(usize) -> &'v [u8],
    ) -> usize {
        let inner = &self.states.inner;
        let (rest, rest_len) = inner.rest();
        let frame = Frame { rest, rest_len, bits: inner.bits(before_value) };
        let mut next = 0;
        loop {
            let mut ends = [0; ABREAST];
            let some = &mut ends[..ABREAST.min(count - next)];
            let used = self.used / BLOCK;
            self.some_room(2 * BLOCK * some.len());
            let blocks = &mut self.bytes.as_chunks_mut().0[used..];
            let written = padding::write(proof, values, &frame, |i| value(next + i), blocks, some);
            self.ends.extend(some[..written].iter().map(|end| used + end));
            self.used = BLOCK * self.ends.last().unwrap_or(&0);
            next += written;
            if next == count || written < ABREAST {
                return next;
            }
        }
    }

    /// Begins a message; where.
    #[inline]
    fn begin(&mut self) -> usize {
        let start = self.used;
        let (rest, rest_len) = self.states.inner.rest();
        *self.room() = *rest;
        self.used += rest_len;
        start
    }

    /// Ends the message that began there.
    #[inline]
    fn end(&mut self, start: usize) {
        let inner = &self.states.inner;
        let len = self.used - start - inner.rest().1;
        let (end, bits) = (start + BLOCK * inner.blocks(len), inner.bits(len));
        // Zeros as far as padding can go, in whole vectors: their number does not depend on the message.
        let padding: &mut [u8; MOST_PADDING] = self.room();
        *padding = [0; MOST_PADDING];
        padding[0] = 0x80;
        self.bytes[end - 8..end].copy_from_slice(&bits.to_be_bytes());
        self.used = end;
        self.ends.push(end / BLOCK);
    }

    /// The blocks of a message.
    #[inline]
    pub(super) fn blocks(&self, i: usize) -> &[[u8; BLOCK]] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.bytes.as_chunks().0[start..self.ends[i]]
    }

    /// How many blocks each of these messages has.
    #[inline]
    pub(super) fn counts(&self, messages: Range<usize>) -> impl Iterator<Item = usize> {
        let mut start = if messages.start == 0 { 0 } else { self.ends[messages.start - 1] };
        self.ends[messages].iter().map(move |end| *end - std::mem::replace(&mut start, *end))
    }

    /// The first bytes of each message's tag; there is one place for each message.
    pub(crate) fn public_tags<const N: usize>(&self, tags: &mut [[u8; N]]) {
        self.states.public_tags(self, tags);
    }

    /// The next so many bytes.
    #[inline]
    fn room<const LEN: usize>(&mut self) -> &mut [u8; LEN] {
        self.some_room(LEN).first_chunk_mut().expect("as many")
    }

    /// So many bytes or more.
    #[inline]
    fn some_room(&mut self, len: usize) -> &mut [u8] {
        if self.bytes.len() - self.used < len {
            self.grow(len);
        }
        &mut self.bytes[self.used..]
    }

    #[cold]
    fn grow(&mut self, len: usize) {
        let mut larger = WipedVec::zeros((self.used + len).max(2 * self.bytes.len()));
        larger[..self.used].copy_from_slice(&self.bytes[..self.used]);
        self.bytes = larger;
    }
}

/// The message that is being written.
pub(crate) struct Message<'m, 'p>(&'m mut Messages<'p>);

impl Message<'_, '_> {
    /// Appends bytes as they are.
    #[inline]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.some_room(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.0.used += bytes.len();
    }

    /// Appends a part: its length, and it.
    #[inline]
    pub(crate) fn part(&mut self, part: &[u8]) {
        self.bytes(&Context::length_prefix(part.len()));
        self.bytes(part);
    }

    /// Appends the part that `write` writes to the beginning of room for `most` bytes, and for a vector, if it says how long that is;
    /// whether it did.
    #[inline]
    pub(crate) fn part_with(
        &mut self,
        most: usize,
        write: impl FnOnce(Ascii, &mut [u8]) -> Result<Option<usize>>,
    ) -> Result<bool> {
        let ascii = self.0.ascii;
        let (length, room) = self.0.some_room(LENGTH + most.max(VECTOR)).split_at_mut(LENGTH);
        let Some(len) = write(ascii, room)? else { return Ok(false) };
        length.copy_from_slice(&Context::length_prefix(len));
        self.0.used += LENGTH + len;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::context::Label;
    use crate::crypto::prf::Prf;
    use crate::error::Error;

    #[test]
    fn messages_are_encodings_behind_their_beginning_and_what_failed_leaves_nothing() {
        let prf = Prf::from_key_bytes(b"key");
        let behind = prf.after(Context::new(Label::TokenInput).as_bytes());
        let mut messages = behind.messages(1);
        for round in 0..2 {
            for i in 0..100u8 {
                let part = vec![i; 3 * usize::from(i)];
                match i % 3 {
                    0 => messages.push_part(&part),
                    _ => {
                        let write = |message: &mut Message<'_, '_>| {
                            assert!(!message.part_with(500, |_, _| Ok(None))?);
                            let written = message.part_with(part.len() + 9, |_, room| {
                                room[..part.len()].copy_from_slice(&part);
                                Ok(Some(part.len()))
                            })?;
                            assert!(written);
                            Ok(())
                        };
                        messages.push(write).unwrap();
                    }
                }
                let fail = |message: &mut Message<'_, '_>| {
                    message.bytes(b"half a message");
                    Err(Error::Rejected)
                };
                assert!(messages.push(fail).is_err());
            }
            let mut tags = vec![[0; 32]; messages.len()];
            messages.public_tags(&mut tags);
            assert_eq!(tags.len(), 100, "in round {round}");
            for (i, tag) in tags.iter().enumerate() {
                let whole = Context::new(Label::TokenInput).part(vec![i as u8; 3 * i]);
                assert!(prf.tag(&[whole.as_bytes()]).verifies(tag));
            }
            messages.clear();
        }
    }
}
