//! `rank(w) = how many words of w's length come before w`, for the words of a regular language, and back.
//!
//! For each state q and number k of characters to come, a row has how many words go on from q by its first ways on:
//! `row[i] = Σ_{j<i} |edge_j| · count(target_j, k')`, where k' is k, less 1 on a byte that begins a character. The last
//! entry is `count(q, k)`. A rank is the sum of such entries along the word; the order is that of the bytes, which in
//! UTF-8 is that of the code points.
//!
//! Source: A. Goldberg, M. Sipser, "Compression and ranking", STOC 1985; M. Bellare, T. Ristenpart, P. Rogaway,
//! T. Stegers, "Format-preserving encryption", SAC 2009.

use super::super::natural::Natural;
use super::super::rank::Rank;
use super::characters::Characters;
use super::graph::{Edge, Graph, State};
use std::cmp::Ordering;

/// The words of a regular language up to a length, ranked within each length.
pub(super) struct Automaton {
    states: Vec<State>,
    characters: Characters,
    /// How many words there are of each length.
    counts: Vec<Rank>,
    /// For the lengths whose numbers all fit.
    narrow: Option<Table<u64>>,
    wide: Option<Table<u128>>,
    big: Option<Table<Natural>>,
}

impl Automaton {
    /// The most memory that the numbers of all automata of a pattern take.
    pub const MOST_MEMORY: usize = 64 << 20;

    /// Counts the words of up to `longest` characters. What the numbers take is taken off `room`.
    ///
    /// # Errors
    /// When there is not enough room.
    pub fn new(graph: &Graph, longest: usize, room: &mut usize) -> Result<Self, String> {
        let characters = Characters::new(graph.characters());
        let states = graph.states.clone();
        let estimate = Estimate::new(&states, longest);
        let (narrow, wide) = (estimate.reach(63), estimate.reach(127));
        let mut automaton = Self { characters, counts: vec![], narrow: None, wide: None, big: None, states };
        let states = &automaton.states;
        if let Some(reach) = estimate.longest_word(None, narrow) {
            automaton.narrow = Some(Table::new(states, &estimate, reach, room)?);
        }
        if let Some(reach) = estimate.longest_word(narrow, wide) {
            automaton.wide = Some(Table::new(states, &estimate, reach, room)?);
        }
        if let Some(reach) = estimate.longest_word(wide, Some(longest)) {
            automaton.big = Some(Table::new(states, &estimate, reach, room)?);
        }
        automaton.counts = (0..=longest).map(|length| automaton.counted(length)).collect();
        Ok(automaton)
    }

    fn counted(&self, length: usize) -> Rank {
        if let Some(table) = self.narrow.as_ref().filter(|t| t.reach >= length) {
            Rank::Small(table.count(&self.states, 0, length).map_or(0, |n| u128::from(*n)))
        } else if let Some(table) = self.wide.as_ref().filter(|t| t.reach >= length) {
            Rank::Small(table.count(&self.states, 0, length).map_or(0, |n| *n))
        } else {
            let table = self.big.as_ref().filter(|t| t.reach >= length);
            let count = table.and_then(|table| table.count(&self.states, 0, length));
            count.map_or(Rank::Small(0), |n| n.clone().into())
        }
    }

    /// The characters of the words of any length.
    pub fn characters(&self) -> &Characters {
        &self.characters
    }

    /// How many words have this length; `None` for none.
    pub fn count(&self, length: usize) -> Option<&Rank> {
        self.counts.get(length).filter(|count| **count != Rank::Small(0))
    }

    /// The rank of a text of this length among the words of that length. There must be some.
    ///
    /// # Errors
    /// The first character, counted from 0, up to which the text is the beginning of no word of that length.
    pub fn rank(&self, text: &str, length: usize) -> Result<Rank, usize> {
        let text = text.as_bytes();
        if let Some(table) = self.narrow.as_ref().filter(|t| t.reach >= length) {
            let rank = table.rank(&self.states, text, length);
            return rank
                .map(|n| Rank::Small(n.into()))
                .ok_or_else(|| table.fault(&self.states, text, length));
        }
        if let Some(table) = self.wide.as_ref().filter(|t| t.reach >= length) {
            let rank = table.rank(&self.states, text, length);
            return rank.map(Rank::Small).ok_or_else(|| table.fault(&self.states, text, length));
        }
        let table = self.big.as_ref().ok_or(0usize)?;
        let rank = table.rank(&self.states, text, length);
        rank.map(Rank::from).ok_or_else(|| table.fault(&self.states, text, length))
    }

    /// Appends the word of this length and rank.
    ///
    /// # Panics
    /// When there are no more than `rank` words of this length.
    pub fn unrank(&self, length: usize, rank: &Rank, out: &mut Vec<u8>) {
        match (&self.narrow, &self.wide, &self.big, rank) {
            (Some(table), .., Rank::Small(rank)) if table.reach >= length => {
                let rank = u64::try_from(*rank).expect("a rank below the count");
                table.unrank(&self.states, length, rank, out);
            }
            (_, Some(table), _, Rank::Small(rank)) if table.reach >= length => {
                table.unrank(&self.states, length, *rank, out);
            }
            (_, _, Some(table), rank) if table.reach >= length => {
                table.unrank(&self.states, length, rank.natural(), out);
            }
            _ => panic!("a rank below the count"),
        }
    }
}

/// How many words of each length go on from each state, as floating-point numbers, which may be infinite.
struct Estimate {
    states: usize,
    counts: Vec<f64>,
    /// The states in an order in which those that go on within a character come after those they lead to.
    order: Vec<usize>,
    /// The largest count up to each length.
    largest: Vec<f64>,
}

impl Estimate {
    fn new(states: &[State], longest: usize) -> Self {
        let mut order: Vec<usize> = (0..states.len()).collect();
        order.sort_by_cached_key(|state| continuation(states, *state));
        let mut estimate = Self { states: states.len(), counts: vec![], order, largest: vec![] };
        estimate.counts = vec![0.0; states.len() * (longest + 1)];
        let mut largest = 0f64;
        for length in 0..=longest {
            for i in 0..states.len() {
                let state = estimate.order[i];
                let mut count = f64::from(length == 0 && states[state].accepting);
                for edge in &states[state].edges {
                    if let Some(rest) = length.checked_sub(edge.characters()) {
                        count += width(edge) as f64 * estimate.at(edge.target as usize, rest);
                    }
                }
                estimate.counts[length * states.len() + state] = count;
                largest = largest.max(count);
            }
            estimate.largest.push(largest);
        }
        estimate
    }

    fn at(&self, state: usize, length: usize) -> f64 {
        self.counts[length * self.states + state]
    }

    /// The length up to which no number needs more bits. Rounding is far less than the factor of 2 left for it.
    fn reach(&self, bits: i32) -> Option<usize> {
        self.largest.partition_point(|count| *count < 2f64.powi(bits)).checked_sub(1)
    }

    /// The longest word that is longer than `after` and not longer than `to`.
    fn longest_word(&self, after: Option<usize>, to: Option<usize>) -> Option<usize> {
        let first = after.map_or(0, |after| after + 1);
        (first..=to?).rev().find(|length| self.at(0, *length) > 0.0)
    }
}

/// How many bytes are left of the character that the state is in.
fn continuation(states: &[State], state: usize) -> usize {
    let inside = states[state].edges.first().filter(|edge| edge.characters() == 0);
    inside.map_or(0, |edge| 1 + continuation(states, edge.target as usize))
}

fn width(edge: &Edge) -> u8 {
    edge.to - edge.from + 1
}

/// What counting needs of a number.
trait Number: Clone + Default + PartialOrd {
    fn one() -> Self;
    fn add(&mut self, other: &Self);
    fn add_product(&mut self, other: &Self, factor: u8);
    /// Takes `other` from a number that is not less.
    fn take(&mut self, other: &Self);
    /// Leaves the remainder and gives the quotient, which must be below 256.
    fn divide(&mut self, divisor: &Self) -> u8;
    /// Memory besides the size of the type.
    fn heap(&self) -> usize;
}

macro_rules! machine_number {
    ($($type:ty),*) => {$(
        impl Number for $type {
            fn one() -> Self {
                1
            }
            #[inline]
            fn add(&mut self, other: &Self) {
                *self += other;
            }
            #[inline]
            fn add_product(&mut self, other: &Self, factor: u8) {
                *self += other * Self::from(factor);
            }
            #[inline]
            fn take(&mut self, other: &Self) {
                *self -= other;
            }
            #[inline]
            fn divide(&mut self, divisor: &Self) -> u8 {
                let quotient = *self / divisor;
                *self %= divisor;
                quotient as u8
            }
            fn heap(&self) -> usize {
                0
            }
        }
    )*};
}
machine_number!(u64, u128);

impl Number for Natural {
    fn one() -> Self {
        Natural::from(1)
    }
    fn add(&mut self, other: &Self) {
        self.add_product(other, 1);
    }
    fn add_product(&mut self, other: &Self, factor: u8) {
        self.add_product(other, factor.into());
    }
    fn take(&mut self, other: &Self) {
        *self = self.sub(other).expect("the smaller is taken from the larger");
    }
    fn divide(&mut self, divisor: &Self) -> u8 {
        let (quotient, remainder) = self.div_rem(divisor);
        *self = remainder;
        quotient.to_u128().and_then(|q| u8::try_from(q).ok()).expect("a quotient of one byte")
    }
    fn heap(&self) -> usize {
        self.bits().div_ceil(64) * 8
    }
}

/// The rows of all states for words of up to `reach` characters.
struct Table<N> {
    reach: usize,
    windows: Vec<Window>,
    sums: Vec<N>,
}

/// The lengths for which a state has rows, and where they begin.
#[derive(Clone, Copy)]
struct Window {
    first: u32,
    shortest: u16,
    lengths: u16,
}

impl<N: Number> Table<N> {
    fn new(states: &[State], estimate: &Estimate, reach: usize, room: &mut usize) -> Result<Self, String> {
        const LARGE: &str =
            "has too many words to count in 64 MiB; use shorter lengths, or a simpler expression";
        let mut windows = Vec::with_capacity(states.len());
        let mut size = 0;
        for (i, state) in states.iter().enumerate() {
            let lives = |length: &usize| estimate.at(i, *length) > 0.0;
            let shortest = (0..=reach).find(lives).unwrap_or(0);
            let end = (0..=reach).rev().find(lives).map_or(0, |length| length + 1);
            let lengths = end - shortest;
            windows.push(Window { first: size as u32, shortest: shortest as u16, lengths: lengths as u16 });
            size += lengths * (state.edges.len() + 1);
            if size * size_of::<N>() > *room {
                return Err(LARGE.into());
            }
        }
        *room -= size * size_of::<N>();
        let mut table = Self { reach, windows, sums: vec![N::default(); size] };
        for length in 0..=reach {
            for &i in &estimate.order {
                let Some(start) = table.start(states, i, length) else { continue };
                let mut sum = N::default();
                for (j, edge) in states[i].edges.iter().enumerate() {
                    table.sums[start + j] = sum.clone();
                    let rest = length.checked_sub(edge.characters());
                    if let Some(count) = rest.and_then(|rest| table.count(states, edge.target as usize, rest))
                    {
                        sum.add_product(count, width(edge));
                    }
                }
                if length == 0 && states[i].accepting {
                    sum.add(&N::one());
                }
                *room = room.checked_sub(sum.heap() * (states[i].edges.len() + 1)).ok_or(LARGE)?;
                table.sums[start + states[i].edges.len()] = sum;
            }
        }
        Ok(table)
    }

    /// Where the row begins.
    #[inline]
    fn start(&self, states: &[State], state: usize, length: usize) -> Option<usize> {
        let window = self.windows[state];
        let row = length.wrapping_sub(window.shortest.into());
        let within = row < window.lengths.into();
        within.then(|| window.first as usize + row * (states[state].edges.len() + 1))
    }

    #[inline]
    fn row(&self, states: &[State], state: usize, length: usize) -> Option<&[N]> {
        let start = self.start(states, state, length)?;
        Some(&self.sums[start..=start + states[state].edges.len()])
    }

    /// How many words of this length go on from the state.
    #[inline]
    fn count(&self, states: &[State], state: usize, length: usize) -> Option<&N> {
        self.start(states, state, length).map(|start| &self.sums[start + states[state].edges.len()])
    }

    fn rank(&self, states: &[State], text: &[u8], length: usize) -> Option<N> {
        let (mut state, mut left, mut rank) = (0, length, N::default());
        for &byte in text {
            let edges = &states[state].edges[..];
            let i = edges.iter().position(|edge| byte <= edge.to)?;
            let edge = &edges[i];
            if i > 0 {
                rank.add(&self.row(states, state, left)?[i]);
            }
            left = left.checked_sub(edge.characters())?;
            match byte.cmp(&edge.from) {
                Ordering::Less => return None,
                Ordering::Equal => {}
                Ordering::Greater => {
                    rank.add_product(self.count(states, edge.target as usize, left)?, byte - edge.from);
                }
            }
            state = edge.target as usize;
        }
        (left == 0 && states[state].accepting).then_some(rank)
    }

    /// The character at which a text of this length leaves the words.
    fn fault(&self, states: &[State], text: &[u8], length: usize) -> usize {
        let (mut state, mut left) = (0, length);
        for byte in text {
            let Some(edge) = states[state].next(*byte) else { break };
            let Some(rest) = left.checked_sub(edge.characters()) else { break };
            let none = |count: &N| *count == N::default();
            if self.count(states, edge.target as usize, rest).is_none_or(none) {
                left = rest + edge.characters();
                break;
            }
            (state, left) = (edge.target as usize, rest);
        }
        let inside = usize::from(continuation(states, state) > 0);
        length - left - inside
    }

    fn unrank(&self, states: &[State], length: usize, mut rank: N, out: &mut Vec<u8>) {
        let (mut state, mut left) = (0, length);
        assert!(self.count(states, state, left).is_some_and(|count| rank < *count), "a rank below the count");
        while left > 0 || !states[state].accepting {
            let edges = &states[state].edges[..];
            let mut edge = &edges[0];
            if edges.len() > 1 {
                let row = self.row(states, state, left).expect("a state on the way of a word has its rows");
                let i = row[1..edges.len()].iter().take_while(|sum| **sum <= rank).count();
                rank.take(&row[i]);
                edge = &edges[i];
            }
            left -= edge.characters();
            state = edge.target as usize;
            let mut byte = edge.from;
            if edge.to > edge.from {
                let count =
                    self.count(states, state, left).expect("a state on the way of a word has its rows");
                byte += rank.divide(count);
            }
            out.push(byte);
        }
    }
}
