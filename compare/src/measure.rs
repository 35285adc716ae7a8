//! Candidates take turns in short slices, and the median of each one's slices counts.
//!
//! So whatever else the machine does meets all candidates of a table alike. One thread is timed by the processor time of that
//! thread, which stands still while another process has the core; several threads by the clock on the wall.

use std::time::{Duration, Instant};

use cpu_time::ThreadTime;

/// What is timed: a call that does the work of so many values.
pub struct Candidate<'a> {
    pub name: String,
    pub values: usize,
    call: Box<dyn FnMut() + 'a>,
}

impl<'a> Candidate<'a> {
    pub fn new(name: impl Into<String>, values: usize, call: impl FnMut() + 'a) -> Self {
        Self { name: name.into(), values, call: Box::new(call) }
    }
}

/// Nanoseconds a value, over the slices.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

#[derive(Clone, Copy)]
pub enum Clock {
    /// Processor time of the calling thread.
    Thread,
    /// Time that passed.
    Wall,
}

/// How many slices of a candidate, and how long each is at least.
#[derive(Clone, Copy)]
pub struct Method {
    pub rounds: usize,
    pub slice: Duration,
}

impl Method {
    pub const FULL: Self = Self { rounds: 31, slice: Duration::from_micros(3000) };
    pub const QUICK: Self = Self { rounds: 21, slice: Duration::from_micros(500) };

    pub fn take_turns(&self, clock: Clock, candidates: &mut [Candidate<'_>]) -> Vec<Figure> {
        let calls: Vec<u32> = candidates.iter_mut().map(|candidate| self.calls(clock, candidate)).collect();
        let mut slices = vec![Vec::with_capacity(self.rounds); candidates.len()];
        for _ in 0..self.rounds {
            for ((candidate, &calls), slices) in candidates.iter_mut().zip(&calls).zip(&mut slices) {
                let nanoseconds = clock.time(calls, &mut candidate.call).as_nanos() as f64;
                slices.push(nanoseconds / (f64::from(calls) * candidate.values as f64));
            }
        }
        slices.into_iter().map(Figure::of).collect()
    }

    /// How many calls fill a slice. Trying it out warms caches and branch prediction, too.
    fn calls(&self, clock: Clock, candidate: &mut Candidate<'_>) -> u32 {
        let mut calls = 1;
        loop {
            let taken = clock.time(calls, &mut candidate.call).max(Duration::from_nanos(1));
            if taken * 4 > self.slice {
                let scale = self.slice.as_secs_f64() / taken.as_secs_f64();
                return (f64::from(calls) * scale).ceil().max(1.0) as u32;
            }
            calls *= 2;
        }
    }
}

impl Clock {
    fn time(self, calls: u32, call: &mut dyn FnMut()) -> Duration {
        match self {
            Clock::Thread => {
                let start = ThreadTime::now();
                (0..calls).for_each(|_| call());
                start.elapsed()
            }
            Clock::Wall => {
                let start = Instant::now();
                (0..calls).for_each(|_| call());
                start.elapsed()
            }
        }
    }
}

impl Figure {
    fn of(mut slices: Vec<f64>) -> Self {
        slices.sort_by(f64::total_cmp);
        Self { median: slices[slices.len() / 2], min: slices[0], max: slices[slices.len() - 1] }
    }
}
