//! `regular expression → NFA → DFA → the smallest one that has no way into nowhere`, over the bytes of UTF-8.
//!
//! Source: Hopcroft, Motwani, Ullman, Introduction to Automata Theory, sections 2.3 and 4.4.

use super::minimize::minimized;
use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::{Anchored, MatchKind};
use regex_syntax::hir::Hir;
use std::collections::HashMap;

/// States of the smallest automaton.
const MOST_STATES: usize = 10_000;
/// What an expression may take while it is compiled, in bytes of each of the regex crates' structures.
const MOST_MEMORY: usize = 16 << 20;

/// A deterministic automaton in which every state lies on the way of some word. The first state is the start.
pub(super) struct Graph {
    pub states: Vec<State>,
}

/// A state, with its ways on in the order of their bytes. They do not overlap.
#[derive(Clone)]
pub(super) struct State {
    pub accepting: bool,
    pub edges: Vec<Edge>,
}

/// The bytes `from..=to` lead to the state `target`.
#[derive(Clone, Copy)]
pub(super) struct Edge {
    pub from: u8,
    pub to: u8,
    pub target: u32,
}

/// Whether the byte is the first of its character.
pub(super) fn is_lead(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

impl Edge {
    /// How many characters begin on this way: 1 or 0.
    pub fn characters(&self) -> usize {
        is_lead(self.from).into()
    }
}

impl State {
    /// The way on with this byte: its place among [`edges`](State::edges).
    pub fn next(&self, byte: u8) -> Option<&Edge> {
        let edge = self.edges.iter().find(|edge| byte <= edge.to)?;
        (edge.from <= byte).then_some(edge)
    }
}

impl Graph {
    /// The automaton of all words that the whole expression matches.
    ///
    /// # Errors
    /// What is wrong with the expression: it is too large, or matches nothing.
    pub fn new(expression: &Hir) -> Result<Self, String> {
        const LARGE: &str = "needs too many states; use fewer or shorter repetitions, or smaller classes";
        let nfa = thompson::Compiler::new()
            .configure(
                thompson::Config::new().nfa_size_limit(Some(MOST_MEMORY)).which_captures(WhichCaptures::None),
            )
            .build_from_hir(expression)
            .map_err(|_| LARGE)?;
        let dfa = dense::Builder::new()
            .configure(
                dense::Config::new()
                    .match_kind(MatchKind::All)
                    .start_kind(StartKind::Anchored)
                    .accelerate(false)
                    .dfa_size_limit(Some(MOST_MEMORY))
                    .determinize_size_limit(Some(MOST_MEMORY)),
            )
            .build_from_nfa(&nfa)
            .map_err(|_| LARGE)?;
        let mut states = extracted(&dfa);
        trim(&mut states);
        if states[0].edges.is_empty() && !states[0].accepting {
            return Err("matches nothing".into());
        }
        let states = minimized(&states);
        if states.len() > MOST_STATES {
            return Err(LARGE.into());
        }
        Ok(Self { states })
    }

    /// Length of the shortest word, in characters.
    pub fn shortest(&self) -> usize {
        // States by distance; continuation bytes add nothing, so they go to the level being worked off.
        let mut seen = vec![false; self.states.len()];
        let (mut level, mut next, mut distance) = (vec![0], vec![], 0);
        loop {
            while let Some(state) = level.pop() {
                if std::mem::replace(&mut seen[state as usize], true) {
                    continue;
                }
                let state = &self.states[state as usize];
                if state.accepting {
                    return distance;
                }
                for edge in &state.edges {
                    if edge.characters() == 1 { next.push(edge.target) } else { level.push(edge.target) }
                }
            }
            std::mem::swap(&mut level, &mut next);
            distance += 1;
        }
    }

    /// Length of the longest word in characters, or `None` when words can be of any length.
    pub fn longest(&self) -> Option<usize> {
        // A state is worked off once all ways into it have been: one in a circle never is.
        let mut into = vec![0; self.states.len()];
        self.states.iter().flat_map(|s| &s.edges).for_each(|edge| into[edge.target as usize] += 1);
        let mut distance = vec![0; self.states.len()];
        let mut ready: Vec<usize> = (0..1).filter(|_| into[0] == 0).collect();
        let mut done = 0;
        while let Some(state) = ready.pop() {
            done += 1;
            for edge in &self.states[state].edges {
                let target = edge.target as usize;
                distance[target] = distance[target].max(distance[state] + edge.characters());
                into[target] -= 1;
                if into[target] == 0 {
                    ready.push(target);
                }
            }
        }
        (done == self.states.len()).then(|| distance.into_iter().max().unwrap_or(0))
    }

    /// The characters of all words, as ranges that may overlap.
    pub fn characters(&self) -> Vec<(char, char)> {
        let mut known = vec![None; self.states.len()];
        let mut all = vec![];
        for state in &self.states {
            let mut ranges = vec![];
            for edge in state.edges.iter().filter(|edge| is_lead(edge.from)) {
                self.join(edge, &mut known, &mut ranges);
            }
            all.append(&mut ranges);
            all.dedup();
        }
        let character = |code| char::from_u32(code).expect("automata match UTF-8 only");
        all.into_iter().map(|(low, high)| (character(low), character(high))).collect()
    }

    /// Appends the code points that begin with the bytes of this way, as far as those bytes and what follows tell.
    fn join(&self, edge: &Edge, known: &mut Vec<Option<Endings>>, ranges: &mut Vec<(u32, u32)>) {
        let endings = self.endings(edge.target as usize, known);
        for byte in edge.from..=edge.to {
            let payload = match byte {
                0x00..0x80 => byte,
                0x80..0xc0 => byte & 0x3f,
                0xc0..0xe0 => byte & 0x1f,
                0xe0..=0xff => byte & 0x0f,
            };
            let base = u32::from(payload) * endings.count;
            for (low, high) in &endings.ranges {
                match ranges.last_mut() {
                    Some((_, last)) if *last + 1 == base + low => *last = base + high,
                    _ => ranges.push((base + low, base + high)),
                }
            }
        }
    }

    /// How the character that this state is in can end.
    fn endings(&self, state: usize, known: &mut Vec<Option<Endings>>) -> Endings {
        if let Some(endings) = &known[state] {
            return endings.clone();
        }
        let mut endings = Endings { count: 1, ranges: vec![] };
        for edge in self.states[state].edges.iter().filter(|edge| !is_lead(edge.from)) {
            self.join(edge, known, &mut endings.ranges);
            endings.count = 64 * self.endings(edge.target as usize, known).count;
        }
        if endings.ranges.is_empty() {
            endings.ranges.push((0, 0));
        }
        known[state] = Some(endings.clone());
        endings
    }
}

/// The ranges of the last bits of a code point, below `count`.
#[derive(Clone)]
struct Endings {
    count: u32,
    ranges: Vec<(u32, u32)>,
}

/// The states that can be reached.
fn extracted(dfa: &dense::DFA<Vec<u32>>) -> Vec<State> {
    let start = dfa.universal_start_state(Anchored::Yes).expect("an expression without look-around");
    let mut numbers = HashMap::from([(start, 0)]);
    let mut found = vec![start];
    let mut states = vec![];
    while let Some(&id) = found.get(states.len()) {
        let mut state = State { accepting: dfa.is_match_state(dfa.next_eoi_state(id)), edges: vec![] };
        for byte in 0..=u8::MAX {
            let next = dfa.next_state(id, byte);
            if dfa.is_dead_state(next) {
                continue;
            }
            let target = *numbers.entry(next).or_insert_with(|| {
                found.push(next);
                found.len() as u32 - 1
            });
            push(&mut state.edges, Edge { from: byte, to: byte, target });
        }
        states.push(state);
    }
    states
}

/// Appends a way on, to the last one when it leads on from there.
pub(super) fn push(edges: &mut Vec<Edge>, edge: Edge) {
    match edges.last_mut() {
        // The bytes that begin a character and those that go on with it are kept apart.
        Some(last)
            if last.target == edge.target
                && u16::from(last.to) + 1 == u16::from(edge.from)
                && is_lead(last.to) == is_lead(edge.from) =>
        {
            last.to = edge.to;
        }
        _ => edges.push(edge),
    }
}

/// Takes away the ways to states that no word ends behind.
fn trim(states: &mut [State]) {
    let mut into = vec![vec![]; states.len()];
    for (source, state) in states.iter().enumerate() {
        state.edges.iter().for_each(|edge| into[edge.target as usize].push(source));
    }
    let mut lives = vec![false; states.len()];
    let mut found: Vec<usize> = (0..states.len()).filter(|i| states[*i].accepting).collect();
    while let Some(state) = found.pop() {
        if !std::mem::replace(&mut lives[state], true) {
            found.extend(&into[state]);
        }
    }
    states.iter_mut().for_each(|state| state.edges.retain(|edge| lives[edge.target as usize]));
}
