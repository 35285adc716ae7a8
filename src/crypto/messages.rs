//! Messages that are to be hashed together, in one buffer: `message i = bytes[ends[i − 1]..ends[i]]`.
//!
//! Each is made of parts as an encoding's are (see [`context`](super::context)), behind a beginning that all have.

use super::context::Context;
use super::prf::Prf;
use super::wiped::WipedVec;
use crate::error::Result;

/// Messages. Wiped when dropped, not for those that come next in the same room; and where they were when they move to a larger buffer.
pub(crate) struct Messages {
    /// What is used of it, and room behind.
    bytes: WipedVec<u8>,
    used: usize,
    ends: Vec<usize>,
}

/// Room for a message at first.
const USUAL_LENGTH: usize = 48;
/// The bytes of a part's length.
const LENGTH: usize = 4;

impl Messages {
    pub(crate) fn with_room_for(messages: usize) -> Self {
        Self { bytes: WipedVec::zeros(USUAL_LENGTH * messages), used: 0, ends: Vec::with_capacity(messages) }
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
    pub(crate) fn push(&mut self, write: impl FnOnce(&mut Message<'_>) -> Result<()>) -> Result<()> {
        let start = self.used;
        let written = write(&mut Message(self));
        match written {
            Ok(()) => self.ends.push(self.used),
            Err(_) => self.used = start,
        }
        written
    }

    /// Appends a message of one part.
    pub(crate) fn push_part(&mut self, part: &[u8]) {
        let mut message = Message(self);
        message.part(part);
        self.ends.push(self.used);
    }

    /// The tags of `prefix ‖ message`, as [`Prf::public_tags`] has them; there is one place for each message.
    pub(crate) fn public_tags<const N: usize>(&self, prf: &Prf, prefix: &[u8], tags: &mut [[u8; N]]) {
        let message = |i| {
            let start = if i == 0 { 0 } else { self.ends[i - 1] };
            &self.bytes[start..self.ends[i]]
        };
        prf.public_tags(prefix, message, tags);
    }

    /// The next so many bytes.
    #[inline]
    fn room(&mut self, len: usize) -> &mut [u8] {
        if self.bytes.len() - self.used < len {
            let mut larger = WipedVec::zeros((self.used + len).max(2 * self.bytes.len()));
            larger[..self.used].copy_from_slice(&self.bytes[..self.used]);
            self.bytes = larger;
        }
        &mut self.bytes[self.used..][..len]
    }
}

/// The message that is being written.
pub(crate) struct Message<'m>(&'m mut Messages);

impl Message<'_> {
    /// Appends bytes as they are.
    #[inline]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.room(bytes.len()).copy_from_slice(bytes);
        self.0.used += bytes.len();
    }

    /// Appends a part: its length, and it.
    #[inline]
    pub(crate) fn part(&mut self, part: &[u8]) {
        self.bytes(&Context::length_prefix(part.len()));
        self.bytes(part);
    }

    /// Appends the part that `write` writes to the beginning of room for `most` bytes, if it says how long that is; whether it
    /// did.
    #[inline]
    pub(crate) fn part_with(
        &mut self,
        most: usize,
        write: impl FnOnce(&mut [u8]) -> Result<Option<usize>>,
    ) -> Result<bool> {
        let (length, room) = self.0.room(LENGTH + most).split_at_mut(LENGTH);
        let Some(len) = write(room)? else { return Ok(false) };
        length.copy_from_slice(&Context::length_prefix(len));
        self.0.used += LENGTH + len;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::context::Label;
    use crate::error::Error;

    #[test]
    fn messages_are_encodings_behind_their_beginning_and_what_failed_leaves_nothing() {
        let prf = Prf::from_key_bytes(b"key");
        let mut messages = Messages::with_room_for(1);
        for round in 0..2 {
            for i in 0..100u8 {
                let part = vec![i; 3 * usize::from(i)];
                match i % 3 {
                    0 => messages.push_part(&part),
                    _ => {
                        let write = |message: &mut Message<'_>| {
                            assert!(!message.part_with(500, |_| Ok(None))?);
                            let written = message.part_with(part.len() + 9, |room| {
                                room[..part.len()].copy_from_slice(&part);
                                Ok(Some(part.len()))
                            })?;
                            assert!(written);
                            Ok(())
                        };
                        messages.push(write).unwrap();
                    }
                }
                let fail = |message: &mut Message<'_>| {
                    message.bytes(b"half a message");
                    Err(Error::Rejected)
                };
                assert!(messages.push(fail).is_err());
            }
            let mut tags = vec![[0; 32]; messages.len()];
            messages.public_tags(&prf, Context::new(Label::TokenInput).as_bytes(), &mut tags);
            assert_eq!(tags.len(), 100, "in round {round}");
            for (i, tag) in tags.iter().enumerate() {
                let whole = Context::new(Label::TokenInput).part(vec![i as u8; 3 * i]);
                assert!(prf.tag(&[whole.as_bytes()]).verifies(tag));
            }
            messages.clear();
        }
    }
}
