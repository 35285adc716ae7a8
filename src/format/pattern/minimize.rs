//! `p ≡ q ⇔ the same words lead from both to the end`: one state for each class.
//!
//! Two partitions refine each other until nothing changes: that of the states into blocks, and that of the transitions
//! into sets of one label and one block that they lead to. O(m log n).
//!
//! Source: A. Valmari, "Fast brief practical DFA minimization", Information Processing Letters 112 (2012), 213-217.

use super::graph::{Edge, State, push};
use std::ops::Range;

/// The smallest automaton with the same words. Every state must be on the way to an end, or be the start.
pub(super) fn minimized(states: &[State]) -> Vec<State> {
    let transitions = transitions(states);
    let into = Incoming::new(states.len(), &transitions);
    let mut blocks = Partition::new((0..states.len()).map(|_| 0));
    (0..states.len()).filter(|i| states[*i].accepting).for_each(|i| blocks.mark(i));
    blocks.split();
    let mut sets = Partition::new(transitions.iter().map(|t| t.label));

    let (mut set, mut block) = (0, 1);
    while set < sets.len() {
        for i in sets.range(set) {
            blocks.mark(transitions[sets.elements[i]].source);
        }
        blocks.split();
        set += 1;
        while block < blocks.len() {
            for i in blocks.range(block) {
                into.of(blocks.elements[i]).iter().for_each(|t| sets.mark(*t));
            }
            sets.split();
            block += 1;
        }
    }
    of_blocks(states, &blocks)
}

struct Transition {
    source: usize,
    label: usize,
    target: usize,
}

/// The ways on of all states, cut where one of any state begins or ends, so that each has one of few labels.
fn transitions(states: &[State]) -> Vec<Transition> {
    let mut cuts = [false; 257];
    for edge in states.iter().flat_map(|state| &state.edges) {
        cuts[usize::from(edge.from)] = true;
        cuts[usize::from(edge.to) + 1] = true;
    }
    let mut transitions = vec![];
    for (source, state) in states.iter().enumerate() {
        for edge in &state.edges {
            let labels = (edge.from..=edge.to).map(usize::from).filter(|byte| cuts[*byte]);
            let target = edge.target as usize;
            transitions.extend(labels.map(|label| Transition { source, label, target }));
        }
    }
    transitions
}

/// The transitions into each state.
struct Incoming {
    ends: Vec<usize>,
    transitions: Vec<usize>,
}

impl Incoming {
    fn new(states: usize, all: &[Transition]) -> Self {
        let mut transitions: Vec<usize> = (0..all.len()).collect();
        transitions.sort_by_key(|t| all[*t].target);
        let mut ends = vec![0; states];
        all.iter().for_each(|t| ends[t.target] += 1);
        let mut sum = 0;
        for end in &mut ends {
            sum += *end;
            *end = sum;
        }
        Self { ends, transitions }
    }

    fn of(&self, state: usize) -> &[usize] {
        let start = if state == 0 { 0 } else { self.ends[state - 1] };
        &self.transitions[start..self.ends[state]]
    }
}

/// A partition of 0..n whose sets can be split into marked and other elements.
struct Partition {
    /// The elements, those of a set side by side, the marked ones first.
    elements: Vec<usize>,
    /// Where each element stands.
    places: Vec<usize>,
    /// The set of each element.
    sets: Vec<usize>,
    ranges: Vec<Range<usize>>,
    /// How many elements of each set are marked.
    marked: Vec<usize>,
    /// The sets that have marked elements.
    touched: Vec<usize>,
}

impl Partition {
    /// Elements with the same key are in one set.
    fn new(keys: impl ExactSizeIterator<Item = usize>) -> Self {
        let keys: Vec<usize> = keys.collect();
        let mut elements: Vec<usize> = (0..keys.len()).collect();
        elements.sort_by_key(|e| keys[*e]);
        let mut partition = Self {
            places: vec![0; keys.len()],
            sets: vec![0; keys.len()],
            ranges: vec![],
            marked: vec![],
            touched: vec![],
            elements,
        };
        for place in 0..keys.len() {
            let element = partition.elements[place];
            if place == 0 || keys[partition.elements[place - 1]] != keys[element] {
                partition.ranges.push(place..place);
                partition.marked.push(0);
            }
            let set = partition.ranges.len() - 1;
            partition.ranges[set].end += 1;
            partition.places[element] = place;
            partition.sets[element] = set;
        }
        partition
    }

    fn len(&self) -> usize {
        self.ranges.len()
    }

    fn range(&self, set: usize) -> Range<usize> {
        self.ranges[set].clone()
    }

    /// Marks an element that is not marked.
    fn mark(&mut self, element: usize) {
        let set = self.sets[element];
        let (from, to) = (self.places[element], self.ranges[set].start + self.marked[set]);
        debug_assert!(from >= to, "marked twice");
        let other = self.elements[to];
        self.elements.swap(from, to);
        self.places[other] = from;
        self.places[element] = to;
        if self.marked[set] == 0 {
            self.touched.push(set);
        }
        self.marked[set] += 1;
    }

    /// Splits every set that has marked and other elements; the smaller half becomes a new set.
    fn split(&mut self) {
        while let Some(set) = self.touched.pop() {
            let range = self.range(set);
            let middle = range.start + std::mem::take(&mut self.marked[set]);
            if middle == range.end {
                continue;
            }
            let (smaller, larger) = match middle - range.start <= range.end - middle {
                true => (range.start..middle, middle..range.end),
                false => (middle..range.end, range.start..middle),
            };
            for place in smaller.clone() {
                self.sets[self.elements[place]] = self.ranges.len();
            }
            self.ranges[set] = larger;
            self.ranges.push(smaller);
            self.marked.push(0);
        }
    }
}

/// One state for each block, in the order in which the start leads to them.
fn of_blocks(states: &[State], blocks: &Partition) -> Vec<State> {
    const UNKNOWN: u32 = u32::MAX;
    let mut numbers = vec![UNKNOWN; blocks.len()];
    numbers[blocks.sets[0]] = 0;
    let mut found = vec![0];
    let mut smallest: Vec<State> = vec![];
    while let Some(&i) = found.get(smallest.len()) {
        let state: &State = &states[i];
        let mut edges = vec![];
        for edge in &state.edges {
            let number = &mut numbers[blocks.sets[edge.target as usize]];
            if *number == UNKNOWN {
                *number = found.len() as u32;
                found.push(edge.target as usize);
            }
            push(&mut edges, Edge { target: *number, ..*edge });
        }
        smallest.push(State { accepting: state.accepting, edges });
    }
    smallest
}
