//! `tag = HMAC-SHA256(key, message) = H((K ⊕ opad) ‖ H((K ⊕ ipad) ‖ message))`, with the two compressions of the key done once.
//!
//! Source: RFC 2104, FIPS 198-1. A [`Prf`] holds the hash states after `K ⊕ ipad` and `K ⊕ opad`, so a short message costs two
//! compressions and no key set-up.
//!
//! Many messages go in groups, where the processor has instructions for it:
//!
//! ```text
//! messages ──sorted by their number of blocks──► 16 at once   AVX-512, from 14 on
//!                                                 4 at once   SHA-NI, from 4 on
//!                                                 1 by 1      otherwise, and those of more than 16 blocks
//! ```
//!
//! # Security
//! How long it takes depends on how long messages are, and on nothing else of them or of the key.

#[cfg(target_arch = "x86_64")]
use super::arch::{self, hmac_lanes, hmac_sha_ni};
use super::messages::Messages;
use super::secret::PrfKey;
use super::sha256::{self, BLOCK, Midstate, bytes};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing, optimization_barrier};

/// HMAC-SHA256 under one key.
pub struct Prf(Box<KeyStates>);

/// What the key becomes: it makes tags as the key does. On the heap, as keys are; wiped when dropped.
pub(super) struct KeyStates {
    pub(super) inner: Midstate,
    outer: [u32; 8],
}

impl Prf {
    /// Expands the key.
    pub fn new(key: &PrfKey) -> Self {
        Self::from_key_bytes(key.expose())
    }

    pub(crate) fn from_key_bytes(key: &[u8]) -> Self {
        let mut block = Zeroizing::new([0; BLOCK]);
        if key.len() > BLOCK {
            let mut hash = Midstate::new();
            hash.absorb(key);
            block[..32].copy_from_slice(&bytes(&hash.finish()));
        } else {
            block[..key.len()].copy_from_slice(key);
        }
        let mut states = Box::new(KeyStates { inner: Midstate::new(), outer: [0; 8] });
        block.iter_mut().for_each(|byte| *byte ^= OPAD);
        states.inner.absorb(&block[..]);
        states.outer = *states.inner.words();
        block.iter_mut().for_each(|byte| *byte ^= OPAD ^ IPAD);
        states.inner = Midstate::new();
        states.inner.absorb(&block[..]);
        Self(states)
    }

    /// The same for messages that all begin so, without what they begin with: that is hashed once, now.
    pub(crate) fn after(&self, prefix: &[u8]) -> Self {
        let mut states = Box::new(KeyStates { inner: self.0.inner.fork(), outer: self.0.outer });
        states.inner.absorb(prefix);
        Self(states)
    }

    /// The tag of the message that the parts form, joined without separator: encode them injectively first.
    pub fn tag(&self, parts: &[&[u8]]) -> Tag {
        Tag(self.0.tag(parts))
    }

    /// `HMAC(key, prefix ‖ message(i))`, cut to its first `N` bytes, for each `i` of `tags`. They are public data from now on, as
    /// those of [`Tag::into_public`]. What the prefix has of whole blocks is hashed once; nothing is allocated for a message.
    ///
    /// # Example
    /// ```
    /// # use cloakroom::crypto::{prf::Prf, secret::PrfKey};
    /// let prf = Prf::new(&PrfKey::from_bytes(&mut [7; 32]));
    /// let (values, mut tags) = (["ann", "bob"], [[0; 16]; 2]);
    /// prf.public_tags(b"name:", |i| values[i].as_bytes(), &mut tags);
    /// assert!(prf.tag(&[b"name:", b"bob"]).verifies(&tags[1]));
    /// ```
    pub fn public_tags<'m, const N: usize>(
        &self,
        prefix: &[u8],
        message: impl Fn(usize) -> &'m [u8],
        tags: &mut [[u8; N]],
    ) {
        let mut states = KeyStates { inner: self.0.inner.fork(), outer: self.0.outer };
        states.inner.absorb(prefix);
        states.public_tags_by(Instructions::detect(), message, tags);
    }

    /// Room for messages behind what this absorbed.
    pub(crate) fn messages(&self, count: usize) -> Messages<'_> {
        Messages::new(&self.0, count)
    }
}

const IPAD: u8 = 0x36;
const OPAD: u8 = 0x5C;

impl KeyStates {
    /// The tag of what the state absorbed and the parts.
    #[inline]
    fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let hash = match self.inner.hash_short(parts) {
            Some(hash) => hash,
            None => {
                let mut inner = self.inner.fork();
                parts.iter().for_each(|part| inner.absorb(part));
                inner.finish()
            }
        };
        bytes(&sha256::of_hash(&self.outer, &hash))
    }

    /// The tags of messages, each in its place.
    #[inline]
    pub(super) fn public_tags<const N: usize>(&self, messages: &Messages<'_>, tags: &mut [[u8; N]]) {
        self.tags_of(Instructions::detect(), messages, |i, tag| tags[i] = *tag);
    }

    #[inline]
    fn public_tags_by<'m, const N: usize>(
        &self,
        instructions: Instructions,
        message: impl Fn(usize) -> &'m [u8],
        tags: &mut [[u8; N]],
    ) {
        let one = |message: &[u8]| *cut(&self.tag(&[message]));
        if tags.len() < FEW {
            tags.iter_mut().enumerate().for_each(|(i, tag)| *tag = one(message(i)));
            return;
        }
        let mut messages = Messages::new(self, tags.len().min(SORTED));
        let mut next = 0;
        while next < tags.len() {
            messages.clear();
            let first = next;
            let message = |i| message(first + i);
            next += messages.push_bytes((tags.len() - next).min(SORTED), message, MOST_BLOCKS);
            self.tags_of(instructions, &messages, |i, tag| tags[first + i] = *tag);
            // In front of a long one, which is not worth a copy.
            if next < tags.len() && next - first < SORTED {
                tags[next] = one(message(next - first));
                next += 1;
            }
        }
    }

    /// Hands the first bytes of each message's tag to `take`, in any order.
    #[inline]
    fn tags_of<const N: usize>(
        &self,
        instructions: Instructions,
        messages: &Messages<'_>,
        mut take: impl FnMut(usize, &[u8; N]),
    ) {
        let mut group = Group { tags: [[0; 32]; MOST] };
        let common = Common::new(instructions, self, N);
        for start in (0..messages.len()).step_by(SORTED) {
            let count = (messages.len() - start).min(SORTED);
            let mut classes = [0; SORTED];
            for (class, blocks) in classes.iter_mut().zip(messages.counts(start..start + count)) {
                *class = blocks.min(MOST_BLOCKS + 1) as u8;
            }
            let sorted = Sorted::new(&classes[..count]);
            let blocks = |i: u16| messages.blocks(start + usize::from(i));
            let mut left = sorted.short();
            while !left.is_empty() {
                let (now, then) = left.split_at(instructions.together(left.len()));
                group.run(&common, now.len(), |lane| blocks(now[lane]));
                now.iter().zip(&group.tags).for_each(|(i, tag)| take(start + usize::from(*i), cut(tag)));
                left = then;
            }
            for i in sorted.long() {
                let hash = self.inner.behind(blocks(*i));
                take(start + usize::from(*i), cut(&bytes(&sha256::of_hash(&self.outer, &hash))));
            }
        }
    }
}

/// The first bytes of a tag.
#[inline]
fn cut<const N: usize>(tag: &[u8; 32]) -> &[u8; N] {
    const { assert!(N <= 32) };
    tag.first_chunk().expect("N <= 32")
}

impl Drop for KeyStates {
    fn drop(&mut self) {
        self.outer.zeroize();
    }
}

/// So few are not worth sorting.
const FEW: usize = 3;
/// Messages that are sorted together.
const SORTED: usize = 256;
/// The most blocks of a message that goes with others: with more of them a group would mostly wait for its longest.
const MOST_BLOCKS: usize = 16;

/// `0..len`, those of fewer blocks first: what goes in one group is nearly alike in length then.
struct Sorted {
    order: [u16; SORTED],
    /// How many have at most `MOST_BLOCKS`, and how many there are.
    short: usize,
    len: usize,
}

impl Sorted {
    /// A class is how many blocks there are, at most `MOST_BLOCKS + 1`.
    #[inline]
    fn new(classes: &[u8]) -> Self {
        let len = classes.len();
        let of_all =
            classes.iter().fold((u8::MAX, 0), |(least, most), class| (least.min(*class), most.max(*class)));
        if of_all.0 >= of_all.1 {
            let short = if usize::from(of_all.1) > MOST_BLOCKS { 0 } else { len };
            return Self { order: std::array::from_fn(|i| i as u16), short, len };
        }
        let mut starts = [0u16; MOST_BLOCKS + 3];
        classes.iter().for_each(|class| starts[usize::from(*class) + 1] += 1);
        (1..starts.len()).for_each(|i| starts[i] += starts[i - 1]);
        let short = starts[MOST_BLOCKS + 1].into();
        let mut order = [0; SORTED];
        for (i, class) in classes.iter().enumerate() {
            let place = &mut starts[usize::from(*class)];
            order[usize::from(*place)] = i as u16;
            *place += 1;
        }
        Self { order, short, len }
    }

    fn short(&self) -> &[u16] {
        &self.order[..self.short]
    }

    fn long(&self) -> &[u16] {
        &self.order[self.short..self.len]
    }
}

/// What the processor has for many messages at once.
#[derive(Clone, Copy)]
struct Instructions {
    #[cfg(target_arch = "x86_64")]
    lanes: Option<arch::Avx512>,
    #[cfg(target_arch = "x86_64")]
    streams: Option<arch::ShaNi>,
}

/// From how many on 16 lanes are taken. They take as long as 9 messages one by one, or 13 in four streams.
#[cfg(target_arch = "x86_64")]
const LEAST_LANES: usize = 14;
/// From how many on four streams are taken. They take as long as 3 messages one by one.
#[cfg(target_arch = "x86_64")]
const LEAST_STREAMS: usize = 4;

impl Instructions {
    #[inline]
    fn detect() -> Self {
        Self {
            #[cfg(target_arch = "x86_64")]
            lanes: arch::Avx512::detect(),
            #[cfg(target_arch = "x86_64")]
            streams: arch::ShaNi::detect(),
        }
    }

    /// How many go together when so many are left. A group that is not full takes as long as a full one.
    #[inline]
    fn together(self, left: usize) -> usize {
        #[cfg(target_arch = "x86_64")]
        {
            if self.lanes.is_some() && left >= LEAST_LANES {
                return left.min(hmac_lanes::LANES);
            }
            if self.streams.is_some() && left >= LEAST_STREAMS {
                return left.min(hmac_sha_ni::STREAMS);
            }
        }
        left.min(MOST)
    }
}

/// The most messages of a group.
const MOST: usize = 16;

/// What all messages have in common. Wiped when dropped.
struct Common<'k> {
    instructions: Instructions,
    states: &'k KeyStates,
    /// Of each tag, how many halves are asked for.
    #[cfg(target_arch = "x86_64")]
    halves: usize,
    /// See [`Midstate::eight_rounds`].
    #[cfg(target_arch = "x86_64")]
    eight_rounds: Zeroizing<Option<[u32; 8]>>,
}

impl<'k> Common<'k> {
    fn new(instructions: Instructions, states: &'k KeyStates, tag: usize) -> Self {
        #[cfg(not(target_arch = "x86_64"))]
        let _ = tag;
        Self {
            instructions,
            states,
            #[cfg(target_arch = "x86_64")]
            halves: tag.div_ceil(16),
            #[cfg(target_arch = "x86_64")]
            eight_rounds: Zeroizing::new(instructions.lanes.and_then(|_| states.inner.eight_rounds())),
        }
    }
}

/// The tags of messages that are hashed together. Wiped when dropped: not all of their bytes become public.
struct Group {
    tags: [[u8; 32]; MOST],
}

impl Group {
    /// Makes the tags of as many messages as go [`together`](Instructions::together), from their blocks.
    #[inline]
    fn run<'m>(&mut self, common: &Common<'_>, count: usize, blocks: impl Fn(usize) -> &'m [[u8; BLOCK]]) {
        let (instructions, KeyStates { inner, outer }) = (common.instructions, common.states);
        #[cfg(target_arch = "x86_64")]
        {
            // The lanes without a message have one of no block.
            let mut messages: [&[[u8; BLOCK]]; MOST] = [&[]; MOST];
            messages[..count].iter_mut().enumerate().for_each(|(lane, message)| *message = blocks(lane));
            if let Some(proof) = instructions.lanes.filter(|_| count >= LEAST_LANES) {
                let eight_rounds = &common.eight_rounds;
                return hmac_lanes::tags(
                    proof,
                    inner.words(),
                    eight_rounds,
                    outer,
                    &messages,
                    common.halves,
                    &mut self.tags,
                );
            }
            if let Some(proof) = instructions.streams.filter(|_| count >= LEAST_STREAMS) {
                const MESSAGE: &str = "a group has room for them";
                let messages = messages.first_chunk().expect(MESSAGE);
                let tags = self.tags.first_chunk_mut().expect(MESSAGE);
                return hmac_sha_ni::tags(proof, inner.words(), outer, messages, tags);
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = instructions;
        for (i, tag) in self.tags[..count].iter_mut().enumerate() {
            *tag = bytes(&sha256::of_hash(outer, &inner.behind(blocks(i))));
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.tags.as_flattened_mut().fill(0);
        optimization_barrier(&self.tags);
    }
}

impl fmt::Debug for Prf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prf(..)")
    }
}

/// 32 bytes of PRF output. Verified in constant time; usable as data only through [`Tag::into_public`].
pub struct Tag([u8; 32]);

impl Tag {
    /// Whether `expected` (1 to 32 bytes: a whole or truncated tag) is this tag, in constant time.
    pub fn verifies(&self, expected: &[u8]) -> bool {
        !expected.is_empty() && expected.len() <= 32 && self.0[..expected.len()].ct_eq(expected).into()
    }

    /// The first `N` bytes, from now on public data: an identifier, not a secret to compare with.
    pub fn into_public<const N: usize>(self) -> [u8; N] {
        const { assert!(N <= 32) };
        self.0[..N].try_into().expect("N <= 32")
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tag(..)")
    }
}

#[cfg(test)]
mod tests;
