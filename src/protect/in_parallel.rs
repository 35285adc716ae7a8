//! A column on all cores: taken off in pieces, in order; put together in order.
//!
//! ```text
//! cells ──► pieces of some thousand ──► whoever is free ──► pieces of output, each appended once those before it are
//! ```

use super::{Cells, Column, Failures};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Cells in a piece, at least and at most: enough to be worth beginning with, and few enough for a core's own cache.
const PIECE: (usize, usize) = (4096, 8192);
/// Pieces for each thread, if they are not too small: enough that the threads end together.
const PIECES: usize = 16;
/// Cells below which it does not pay to wake another thread.
const WORTHWHILE: usize = 16_384;

/// Works on a column with all threads of rayon's pool: what `work` makes of the column's pieces, in their order. The output and
/// the failures are what `work` alone would give for a column's cells one after the other, whatever the number of threads.
///
/// It is for a column in memory, and for any function of a column: [`tokenize_column`](super::Tokenizer::tokenize_column),
/// [`pseudonym_column`](super::Pseudonymizer::pseudonym_column), [`value_column`](super::BlindIndexer::value_column),
/// those of a [`Sealer`](super::Sealer), and your own. Below 16,384 cells, or in a pool of one thread, it is a plain call. A CSV
/// file goes through `pipeline`, which has threads of its own; inside them, call the column's function itself.
///
/// # Panics
/// When `work` does.
///
/// # Example
/// ```
/// # use cloakroom::{format::Format, keys::Keyset, name::{FieldName, TenantId}, protect::*, time::Timestamp};
/// # let keyset = Keyset::generate(Timestamp(0))?;
/// # let (acme, card) = (TenantId::new("acme")?, FieldName::new("card")?);
/// # let cards = Tokenizer::new(&keyset.primary()?, &acme, &card, Format::card().keep(6, 4))?;
/// let values = vec!["4111 1111 1111 1111"; 20_000];
/// let (mut tokens, mut failures) = (Column::new(), vec![]);
/// in_parallel(&values[..], &mut tokens, &mut failures, |values, tokens, failures| {
///     cards.tokenize_column(values, tokens, failures)
/// });
/// assert_eq!((tokens.len(), failures.len()), (20_000, 0));
/// # Ok::<(), cloakroom::Error>(())
/// ```
pub fn in_parallel<C: Cells + Sync + ?Sized>(
    cells: &C,
    output: &mut Column,
    failures: &mut Failures,
    work: impl Fn(&Piece<'_, C>, &mut Column, &mut Failures) + Sync,
) {
    let threads = rayon::current_num_threads();
    if cells.len() < WORTHWHILE || threads < 2 {
        return work(&Piece { cells, range: 0..cells.len() }, output, failures);
    }
    let size = (cells.len() / (PIECES * threads)).clamp(PIECE.0, PIECE.1);
    let pieces = cells.len().div_ceil(size);
    let next = AtomicUsize::new(0);
    let joined = Mutex::new(Joined { output, failures, size, pieces: 0, left: BTreeMap::new() });
    let join = || joined.lock().unwrap_or_else(PoisonError::into_inner);
    let take_off = || {
        // What has to wait for others' pieces stays here: appending it from another core's cache takes longer than making it.
        let mut waiting = VecDeque::new();
        let mut spare: Vec<Made> = vec![];
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            if i >= pieces {
                return join().take_all(waiting);
            }
            let range = i * size..cells.len().min((i + 1) * size);
            let mut made = spare.pop().unwrap_or_default();
            work(&Piece { cells, range }, &mut made.output, &mut made.failures);
            waiting.push_back((i, made));
            // Waiting for another thread that is appending would take longer than the next piece.
            let Ok(mut joined) = joined.try_lock() else { continue };
            while waiting.front().is_some_and(|(i, _)| *i == joined.pieces)
                && let Some((_, mut made)) = waiting.pop_front()
            {
                joined.append(&mut made);
                spare.push(made);
            }
            drop(joined);
            spare.iter_mut().for_each(|made| made.output.clear());
        }
    };
    // This thread begins at once, and ends alone if no other is free.
    rayon::in_place_scope(|scope| {
        (1..threads.min(pieces)).for_each(|_| scope.spawn(|_| take_off()));
        take_off();
    });
}

/// Some cells of a column that stand together.
pub struct Piece<'c, C: ?Sized> {
    cells: &'c C,
    range: Range<usize>,
}

impl<C: ?Sized> Piece<'_, C> {
    /// The cells of the same rows in another column.
    ///
    /// # Panics
    /// When a cell is asked for that the other column does not have.
    pub fn of<'d, D: ?Sized>(&self, other: &'d D) -> Piece<'d, D> {
        Piece { cells: other, range: self.range.clone() }
    }
}

impl<C: Cells + ?Sized> Cells for Piece<'_, C> {
    fn len(&self) -> usize {
        self.range.len()
    }

    #[inline]
    fn cell(&self, i: usize) -> &[u8] {
        let i = self.range.start + i;
        assert!(i < self.range.end);
        self.cells.cell(i)
    }
}

/// What came of a piece.
#[derive(Default)]
struct Made {
    output: Column,
    failures: Failures,
}

/// What came of the first pieces, put together.
struct Joined<'o> {
    output: &'o mut Column,
    failures: &'o mut Failures,
    /// How many cells a piece has, and how many pieces are in the output.
    size: usize,
    pieces: usize,
    /// What threads that have ended left behind, since pieces before it were missing.
    left: BTreeMap<usize, Made>,
}

impl Joined<'_> {
    /// Appends the next piece.
    fn append(&mut self, made: &mut Made) {
        let before = self.pieces * self.size;
        self.output.append(&made.output);
        self.failures.extend(made.failures.drain(..).map(|(i, error)| (before + i, error)));
        self.pieces += 1;
    }

    /// Takes what a thread that ends has left, and appends what can be: the last one to end appends all.
    fn take_all(&mut self, waiting: VecDeque<(usize, Made)>) {
        self.left.extend(waiting);
        while let Some(mut made) = self.left.remove(&self.pieces) {
            self.append(&mut made);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    /// Spells each number twice and refuses some; dawdles, so that pieces end in any order.
    fn work(cells: &(impl Cells + ?Sized), output: &mut Column, failures: &mut Failures) {
        if cells.cell(0).ends_with(b"8") {
            std::thread::sleep(std::time::Duration::from_micros(300));
        }
        cells.map_into(output, failures, |text, out| {
            out.extend_from_slice(text.repeat(2).as_bytes());
            if text.ends_with("77") { Err(Error::Rejected) } else { Ok(()) }
        });
    }

    fn pool(threads: usize) -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
    }

    // SPEC: COL-1, COL-2
    #[test]
    fn it_is_what_one_thread_makes() {
        for count in [0, 1, 2, WORTHWHILE - 1, WORTHWHILE, WORTHWHILE + 1, 40_959, 50_000, 300_000] {
            let texts: Vec<String> = (0..count).map(|i| i.to_string()).collect();
            let (mut one, mut failed) = (Column::new(), vec![]);
            if count > 0 {
                work(&texts[..], &mut one, &mut failed);
            }
            for threads in [1, 2, 5] {
                let (mut all, mut failures) = (Column::new(), vec![]);
                pool(threads).install(|| {
                    in_parallel(&texts[..], &mut all, &mut failures, |piece, out, failures| {
                        if piece.len() > 0 {
                            work(piece, out, failures);
                        }
                    });
                });
                assert!(all.iter().eq(one.iter()), "{count} cells, {threads} threads");
                let rows = |failures: &Failures| failures.iter().map(|(i, _)| *i).collect::<Vec<_>>();
                assert_eq!(rows(&failures), rows(&failed));
            }
        }
    }

    #[test]
    fn several_columns_go_together() {
        let (left, right): (Vec<_>, Vec<_>) =
            (0..40_000).map(|i| (i.to_string(), (i * 3).to_string())).unzip();
        let (mut out, mut failures) = (Column::new(), vec![]);
        pool(3).install(|| {
            in_parallel(&left[..], &mut out, &mut failures, |piece, out, _| {
                let other = piece.of(&right[..]);
                (0..piece.len()).for_each(|i| out.push(&[piece.cell(i), b"-", other.cell(i)].concat()));
            });
        });
        assert!((0..left.len()).all(|i| out.get(i) == format!("{}-{}", left[i], right[i]).as_bytes()));
        let piece = Piece { cells: &left[..], range: 5..7 };
        assert_eq!((piece.len(), piece.cell(1)), (2, &b"6"[..]));
        assert!(catch_unwind(AssertUnwindSafe(|| piece.cell(2).len())).is_err());
    }

    #[test]
    fn a_panic_is_seen() {
        let texts = vec!["x"; 3 * WORTHWHILE];
        let ended = catch_unwind(AssertUnwindSafe(|| {
            pool(2).install(|| {
                in_parallel(&texts[..], &mut Column::new(), &mut vec![], |piece, _, _| {
                    assert!(piece.range.start < WORTHWHILE, "a bug");
                });
            });
        }));
        assert!(ended.is_err());
    }
}
