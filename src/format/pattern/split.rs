//! `text = part₁ ‖ part₂ ‖ …`, in the one way there is.
//!
//! The parts' automata make one nondeterministic automaton, whose runs over a text are the ways to split it. Two ways
//! put some byte into different parts; so the split is unique when no run of the automaton's square, which reads a text
//! in two ways at once, is in two different parts anywhere.
//!
//! Source: R. Book, S. Even, S. Greibach, G. Ott, "Ambiguity in graphs and expressions", IEEE Transactions on
//! Computers C-20 (1971), 149-153.

use super::graph::{Edge, Graph, State, is_lead};
use std::collections::HashMap;
use zeroize::Zeroizing;

/// Pairs of states looked at before giving up.
const MOST_PAIRS: usize = 1_000_000;

/// Splits texts into parts.
pub(super) struct Split {
    states: Vec<State>,
    /// The part of each state.
    parts: Vec<usize>,
    /// Where each part begins.
    starts: Vec<u32>,
}

impl Split {
    /// The splitter into parts of these forms.
    ///
    /// # Errors
    /// When a text can be split in two ways, or that takes too long to find out.
    pub fn new(graphs: Vec<Graph>) -> Result<Self, String> {
        let mut split = Self { states: vec![], parts: vec![], starts: vec![] };
        for (part, graph) in graphs.into_iter().enumerate() {
            let start = split.states.len() as u32;
            split.starts.push(start);
            for mut state in graph.states {
                state.edges.iter_mut().for_each(|edge| edge.target += start);
                split.states.push(state);
                split.parts.push(part);
            }
        }
        split.check()?;
        Ok(split)
    }

    /// The state itself, and the beginnings of the parts that can follow at once.
    fn closure(&self, state: u32) -> impl Iterator<Item = u32> {
        let mut at = Some(state);
        std::iter::from_fn(move || {
            let state = at?;
            let ends = self.states[state as usize].accepting;
            at = self.starts.get(self.parts[state as usize] + 1).filter(|_| ends).copied();
            Some(state)
        })
    }

    /// Whether the text can end here.
    fn ends(&self, state: u32) -> bool {
        self.closure(state)
            .any(|s| self.states[s as usize].accepting && self.parts[s as usize] + 1 == self.starts.len())
    }

    /// How many characters each part of the text has.
    ///
    /// # Errors
    /// The character, counted from 0, at which no split goes on; the number of characters when the text has too few.
    pub fn lengths(&self, text: &str) -> Result<Vec<usize>, usize> {
        // Every state reached so far, after which byte, and the place of the one it was reached from.
        let mut trace: Zeroizing<Vec<(u32, u32)>> = Zeroizing::new(vec![]);
        trace.extend(self.closure(0).map(|state| (state, 0)));
        let mut level = 0;
        for (i, byte) in text.bytes().enumerate() {
            let end = trace.len();
            for from in level..end {
                let Some(edge) = self.states[trace[from].0 as usize].next(byte) else { continue };
                for state in self.closure(edge.target) {
                    grow(&mut trace);
                    trace.push((state, from as u32));
                }
            }
            if trace.len() == end {
                return Err(text.as_bytes()[..=i].iter().filter(|b| is_lead(**b)).count() - 1);
            }
            level = end;
        }
        let last = (level..trace.len()).find(|at| self.ends(trace[*at].0));
        let mut at = last.ok_or_else(|| text.chars().count())?;
        let mut lengths = vec![0; self.starts.len()];
        for byte in text.bytes().rev() {
            at = trace[at].1 as usize;
            lengths[self.parts[trace[at].0 as usize]] += usize::from(is_lead(byte));
        }
        Ok(lengths)
    }

    fn check(&self) -> Result<(), String> {
        let mut pairs = Pairs::default();
        for a in self.closure(0) {
            self.closure(0).try_for_each(|b| pairs.add(a, b, None))?;
        }
        let mut at = 0;
        while let Some(&(a, b)) = pairs.found.get(at) {
            for one in &self.states[a as usize].edges {
                let together = |other: &&Edge| other.from <= one.to && one.from <= other.to;
                for other in self.states[b as usize].edges.iter().filter(together) {
                    for a in self.closure(one.target) {
                        self.closure(other.target).try_for_each(|b| pairs.add(a, b, Some(at)))?;
                    }
                }
            }
            at += 1;
        }
        // Back from the pairs at which both runs can end.
        let mut into = vec![vec![]; pairs.found.len()];
        pairs.ways.iter().for_each(|(from, to)| into[*to].push(*from));
        let both_end = |i: &usize| self.ends(pairs.found[*i].0) && self.ends(pairs.found[*i].1);
        let mut open: Vec<usize> = (0..pairs.found.len()).filter(both_end).collect();
        let mut lives = vec![false; pairs.found.len()];
        while let Some(i) = open.pop() {
            if std::mem::replace(&mut lives[i], true) {
                continue;
            }
            // These pairs read a byte, and both runs can end afterwards.
            for &from in &into[i] {
                let (a, b) = pairs.found[from];
                if self.parts[a as usize] != self.parts[b as usize] {
                    return Err(
                        "can be split into its parts in two ways; separate the parts by characters that \
                                neither of them has, or fix the length of all but one"
                            .into(),
                    );
                }
                open.push(from);
            }
        }
        Ok(())
    }
}

/// Grows a vector with no copy of its old content left behind.
fn grow(trace: &mut Zeroizing<Vec<(u32, u32)>>) {
    if trace.len() == trace.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(64.max(2 * trace.len())));
        larger.extend_from_slice(trace);
        *trace = larger;
    }
}

/// Pairs of states that one text leads to.
#[derive(Default)]
struct Pairs {
    numbers: HashMap<(u32, u32), usize>,
    found: Vec<(u32, u32)>,
    /// From which pair to which.
    ways: Vec<(usize, usize)>,
}

impl Pairs {
    /// Notes that the text goes on to a pair, in either order.
    fn add(&mut self, a: u32, b: u32, from: Option<usize>) -> Result<(), String> {
        let pair = (a.min(b), a.max(b));
        let new = self.found.len();
        let number = *self.numbers.entry(pair).or_insert(new);
        if number == new {
            self.found.push(pair);
        }
        self.ways.extend(from.map(|from| (from, number)));
        match self.found.len() > MOST_PAIRS || self.ways.len() > 4 * MOST_PAIRS {
            true => Err("is too large to see whether it can be split in two ways; fix the length of all parts but one".into()),
            false => Ok(()),
        }
    }
}
